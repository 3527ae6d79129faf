//! Was it paused? Shown only when it was. Not here: pausing it.

use super::{Finding, Reason};
use crate::facts::Case;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let hold = case.deploy.hold.as_ref()?;
    let people = hold.by.clone().into_iter().collect();
    let groups = crate::people::Action::Hold.groups(case.environment);
    let reason = Reason::Held { by: hold.by.clone(), reason: hold.reason.clone() };
    Some(Finding::waiting(reason).helped_by(people, groups))
}
