//! Has the same commit succeeded on the environment before this one? Not here: reading the history.

use super::{Finding, Reason};
use crate::facts::Case;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let Some(before) = &case.environment.after else { return Some(Finding::open(Reason::NoOrder)) };
    if case.deploy.is_rollback() {
        return Some(Finding::open(Reason::NotForRollback));
    }
    let environment = before.clone();
    Some(match case.place.before {
        Some((at, true)) => Finding::open(Reason::SucceededBefore { environment, at }),
        Some((at, false)) => Finding::closed(Reason::FailedBefore { environment, at }),
        None => Finding::closed(Reason::NotBefore { environment }),
    })
}
