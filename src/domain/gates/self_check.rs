//! Is everything stopped? Only shown when it is. Not here: what the self-check looks at (`audit`).

use super::{Finding, Reason};
use crate::facts::Case;
use crate::people::Action;

/// Waits rather than refuses: what is asked for meanwhile starts once somebody has looked.
pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let (since, found) = case.place.stopped.as_ref()?;
    let reason = Reason::DispatchingStopped { since: *since, found: found.clone() };
    Some(Finding::waiting(reason).helped_by(Vec::new(), Action::Resolve.groups(case.environment)))
}
