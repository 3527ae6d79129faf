//! Does somebody hold the environment? Not here: taking and lifting locks.

use super::{Finding, Reason};
use crate::facts::Case;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let Some(lock) = &case.place.lock else { return Some(Finding::open(Reason::Unlocked)) };
    if lock.until.is_some_and(|until| case.then() >= until) {
        return Some(Finding::open(Reason::Unlocked));
    }
    if lock.quarantine.is_some() {
        let finding = Finding::closed(Reason::Quarantined { reason: lock.reason.clone() });
        return Some(finding.helped_by(Vec::new(), crate::people::Action::Resolve.groups(case.environment)));
    }
    if lock.by == case.deploy.request.by {
        return Some(Finding::open(Reason::OwnLock));
    }
    let reason = Reason::Locked { by: lock.by.clone(), reason: lock.reason.clone(), until: lock.until };
    let groups = crate::people::Action::Unlock.groups(case.environment);
    Some(Finding::closed(reason).until(lock.until).helped_by(vec![lock.by.clone()], groups))
}
