//! Are the commit's checks green? The newest of each name counts; unreadable or missing is not green.
//! Not here: reading them.

use super::{Finding, LOOK_AGAIN, Reason};
use crate::facts::{Case, Check, CheckState, Read};
use crate::glob::fits_name;
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
    let (wanted, missing) = match rule {
        CheckRule::All | CheckRule::None => {
            let ignored = &case.environment.preflight.ignored_checks;
            let is_ignored = |name: &str| ignored.iter().any(|pattern| fits_name(pattern, name));
            let wanted: Vec<&Check> = checks.iter().filter(|check| !is_ignored(&check.name)).collect();
            let missing = if wanted.is_empty() { vec!["any check at all".to_owned()] } else { Vec::new() };
            (wanted, missing)
        }
        CheckRule::Named(names) => named(checks, names),
        CheckRule::Required => {
            match case.deploy.outside.as_ref().and_then(|o| o.preflight.required_checks.as_ref()) {
                Some(Read::Known(names)) if names.is_empty() => {
                    let branch = case.service.pipeline.git_ref.clone();
                    return Some(Finding::closed(Reason::NoChecksRequired { branch }));
                }
                Some(Read::Known(names)) => named(checks, names),
                Some(Read::Unknown(why)) => return Some(unread(why)),
                None => return Some(unread("which of them are required was not read yet")),
            }
        }
    };
    let in_state = |state: CheckState| -> Vec<String> {
        wanted.iter().filter(|check| check.state == state).map(|check| check.name.clone()).collect()
    };
    let (failed, pending) = (in_state(CheckState::Failed), in_state(CheckState::Pending));
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

/// Those of these names, and the names that none has.
fn named<'a>(checks: &'a [Check], names: &[String]) -> (Vec<&'a Check>, Vec<String>) {
    let is_there = |name: &&String| checks.iter().any(|check| check.name == **name);
    (
        checks.iter().filter(|check| names.contains(&check.name)).collect(),
        names.iter().filter(|name| !is_there(name)).cloned().collect(),
    )
}
