//! Does what would be deployed exist? It binds a rollback too: what is gone cannot be put back. Not here: looking for it.

use super::{Finding, LOOK_AGAIN, Reason};
use crate::facts::{Case, Read};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let rule = &case.service.preflight;
    let wanted = rule.artifacts.len() + usize::from(rule.image.is_some());
    if wanted == 0 {
        return None;
    }
    let again = case.now.saturating_add(LOOK_AGAIN).ok();
    let unread =
        |why: &str| Finding::waiting(Reason::ArtifactsUnreadable { why: why.to_owned() }).until(again);
    let nothing = Vec::new();
    let found = case.deploy.outside.as_ref().map_or(&nothing, |o| &o.preflight.artifacts);
    if found.len() < wanted {
        return Some(unread("they were not looked for yet"));
    }
    let missing: Vec<String> =
        found.iter().filter(|a| a.exists == Read::Known(false)).map(|a| a.what.clone()).collect();
    if !missing.is_empty() {
        return Some(Finding::closed(Reason::ArtifactsMissing { missing }));
    }
    for artifact in found {
        if let Read::Unknown(why) = &artifact.exists {
            return Some(unread(&format!("{}: {why}", artifact.what)));
        }
    }
    Some(Finding::open(Reason::ArtifactsFound { count: u32::try_from(found.len()).unwrap_or(u32::MAX) }))
}
