//! Does somebody hold the environment? Not here: taking and lifting locks (`crate::lock`).

use super::{Finding, Reason};
use crate::deploy::StartWhen;
use crate::facts::{Case, LockKind};
use crate::people::Action;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let Some(lock) = case.place.lock.as_ref().filter(|lock| lock.holds(case.then())) else {
        return Some(Finding::open(Reason::Unlocked));
    };
    if lock.quarantine.is_some() {
        let finding = Finding::closed(Reason::Quarantined { reason: lock.reason.clone() });
        return Some(finding.helped_by(Vec::new(), Action::Resolve.groups(case.environment)));
    }
    let (by, reason, until, kind) = (lock.by.clone(), lock.reason.clone(), lock.until, lock.kind);
    let is_stopped = match kind {
        LockKind::Everyone if lock.by == case.deploy.request.by => {
            return Some(Finding::open(Reason::OwnLock));
        }
        LockKind::Everyone => true,
        // It binds its owner too: nothing is to start there while nobody watches.
        LockKind::Automation => starts_by_itself(case),
        LockKind::Warn => false,
    };
    if !is_stopped {
        return Some(Finding::open(Reason::LockTold { by, reason, until, kind }).until(lock.until));
    }
    let groups = Action::Unlock.groups(case.environment);
    let finding = Finding::closed(Reason::Locked { by, reason, until, kind });
    Some(finding.until(lock.until).helped_by(vec![lock.by.clone()], groups))
}

/// Whether nobody asked for it to start now: it was planned for later, or no person asked at all.
fn starts_by_itself(case: &Case<'_>) -> bool {
    let request = &case.deploy.request;
    match request.when {
        StartWhen::Now => request.by.as_str() == "shipgate",
        StartWhen::At(_) | StartWhen::WhenOpen => true,
    }
}
