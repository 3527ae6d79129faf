//! Is the version one commit, reachable from the branch that may be deployed, and still the same? Not here: resolving it.

use super::{Finding, Reason};
use crate::facts::{Case, Read, RefKind};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let Some(pinned) = &case.deploy.pinned else {
        return Some(Finding::waiting(Reason::VersionPending { why: "it is being looked up".into() }));
    };
    let pin = &pinned.pin;
    if case.deploy.is_rollback() && !case.place.known_here {
        return Some(Finding::closed(Reason::NeverSucceededHere));
    }
    let Some(outside) = &case.deploy.outside else {
        return Some(Finding::waiting(Reason::VersionUnreadable { why: "not checked yet".into() }));
    };
    if pin.kind == RefKind::Tag {
        match &outside.resolves_to {
            Read::Known(Some(now)) if *now == pin.commit => {}
            Read::Known(now) => {
                let moved = Reason::VersionMoved { asked: pin.commit.clone(), now: now.clone() };
                return Some(Finding::closed(moved));
            }
            Read::Unknown(why) => {
                return Some(Finding::waiting(Reason::VersionUnreadable { why: why.clone() }));
            }
        }
    }
    // What people saw and approved was compared with what ran then. Going on is fine; silently going back is not.
    match &outside.rebased {
        Some(Read::Known(diff)) if diff.behind > 0 && !case.deploy.is_rollback() => {
            let overtaken = Reason::Overtaken { by: diff.base_version.clone(), lost: diff.behind };
            return Some(Finding::closed(overtaken));
        }
        Some(Read::Unknown(why)) => {
            return Some(Finding::waiting(Reason::VersionUnreadable { why: why.clone() }));
        }
        Some(Read::Known(_)) | None => {}
    }
    Some(match &outside.reachable {
        Read::Known(true) => Finding::open(Reason::VersionPinned { commit: pin.commit.clone() }),
        // A commit that ran here once may go back even when the branch has been rewritten since.
        Read::Known(false) if case.deploy.is_rollback() => {
            Finding::open(Reason::VersionPinned { commit: pin.commit.clone() })
        }
        Read::Known(false) => {
            Finding::closed(Reason::VersionUnreachable { branch: case.service.pipeline.git_ref.clone() })
        }
        Read::Unknown(why) => Finding::waiting(Reason::VersionUnreadable { why: why.clone() }),
    })
}
