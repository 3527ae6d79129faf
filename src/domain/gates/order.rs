//! Has the same commit succeeded on the environment before this one? Not here: reading the history.

use super::{Finding, Reason};
use crate::facts::Case;
use jiff::SignedDuration;

/// How soon a deploy that is on its way to the environment before is looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let Some(before) = &case.environment.after else { return Some(Finding::open(Reason::NoOrder)) };
    if case.deploy.is_rollback() {
        return Some(Finding::open(Reason::NotForRollback));
    }
    let environment = before.clone();
    // Its end there judges this deploy again; should that be lost, a look comes soon by itself.
    let again = case.now.saturating_add(LOOK_AGAIN).ok();
    let waiting = |environment| Finding::waiting(Reason::OnItsWayBefore { environment }).until(again);
    Some(match case.place.before {
        Some((at, true)) => Finding::open(Reason::SucceededBefore { environment, at }),
        Some((_, false)) if case.place.before_is_open => waiting(environment),
        Some((at, false)) => Finding::closed(Reason::FailedBefore { environment, at }),
        None if case.place.before_is_open => waiting(environment),
        None => Finding::closed(Reason::NotBefore { environment }),
    })
}
