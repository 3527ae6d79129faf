//! Are the commit's checks green? The newest of each name counts; unreadable or missing is not green.
//! Not here: reading them.

use super::{Finding, LOOK_AGAIN, Reason};
use crate::facts::{Case, Check, CheckState, Read};
use crate::policy::CheckRule;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let rule = &case.environment.checks;
    if *rule == CheckRule::None {
        return Some(Finding::open(Reason::NoChecks));
    }
    if case.deploy.is_rollback() {
        return Some(Finding::open(Reason::NotForRollback));
    }
    let again = case.now.saturating_add(LOOK_AGAIN).ok();
    let unread = |why: &str| Finding::waiting(Reason::ChecksUnreadable { why: why.to_owned() }).until(again);
    let checks = match case.deploy.outside.as_ref().map(|o| &o.checks) {
        Some(Read::Known(checks)) => checks,
        Some(Read::Unknown(why)) => return Some(unread(why)),
        None => return Some(unread("they were not read yet")),
    };
    let (wanted, missing): (Vec<&Check>, Vec<String>) = match rule {
        CheckRule::All | CheckRule::None => {
            let missing = if checks.is_empty() { vec!["any check at all".to_owned()] } else { Vec::new() };
            (checks.iter().collect(), missing)
        }
        CheckRule::Named(names) => {
            let is_there = |name: &&String| checks.iter().any(|check| check.name == **name);
            (
                checks.iter().filter(|check| names.contains(&check.name)).collect(),
                names.iter().filter(|name| !is_there(name)).cloned().collect(),
            )
        }
    };
    let named = |state: CheckState| -> Vec<String> {
        wanted.iter().filter(|check| check.state == state).map(|check| check.name.clone()).collect()
    };
    let (failed, pending) = (named(CheckState::Failed), named(CheckState::Pending));
    Some(if !failed.is_empty() {
        Finding::closed(Reason::ChecksRed { failed })
    } else if !missing.is_empty() {
        Finding::waiting(Reason::ChecksMissing { missing }).until(again)
    } else if !pending.is_empty() {
        Finding::waiting(Reason::ChecksPending { pending }).until(again)
    } else {
        let passed = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        Finding::open(Reason::ChecksGreen { passed })
    })
}
