//! Has its planned time come? Shown only when it was planned for one. Not here: whether that time is open (`calendar`).

use super::{Finding, Reason};
use crate::facts::Case;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let at = case.deploy.request.when.instant()?;
    let reason = Reason::PlannedFor { at };
    Some(if case.now < at { Finding::waiting(reason).until(Some(at)) } else { Finding::open(reason) })
}
