//! Is the version one commit, reachable from the branch that may be deployed, and still the same? Not here: resolving it.

use super::{Finding, Reason};
use crate::deploy::Pinned;
use crate::facts::{Case, Outside, Read, RefKind};

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
    if let Some(Read::Unknown(why)) = &outside.preflight.workflow {
        let why = format!("whether the workflow is still the same: {why}");
        return Some(Finding::waiting(Reason::VersionUnreadable { why }));
    }
    if case.deploy.acts_on_live() && case.place.live.as_ref() != Some(&pin.commit) {
        let now = case.place.live.clone();
        return Some(Finding::closed(Reason::NoLongerLive { asked: pin.commit.clone(), now }));
    }
    // What puts nothing in place takes nothing away.
    if case.deploy.puts_in_place()
        && let Some(finding) = backwards(case, pinned, outside)
    {
        return Some(finding);
    }
    Some(match &outside.reachable {
        Read::Known(true) => Finding::open(Reason::VersionPinned { commit: pin.commit.clone() }),
        // A commit that ran here once may go back even when the branch has been rewritten since.
        Read::Known(false) if case.deploy.is_rollback() => {
            Finding::open(Reason::VersionPinned { commit: pin.commit.clone() })
        }
        // Nor is what runs here asked again where it came from.
        Read::Known(false) if case.deploy.acts_on_live() => {
            Finding::open(Reason::VersionPinned { commit: pin.commit.clone() })
        }
        Read::Known(false) => {
            Finding::closed(Reason::VersionUnreachable { branch: case.service.pipeline.git_ref.clone() })
        }
        Read::Unknown(why) => Finding::waiting(Reason::VersionUnreadable { why: why.clone() }),
    })
}

/// Whether it would take commits away. That is what a rollback is for; anything else must say that it is meant.
fn backwards(case: &Case<'_>, pinned: &Pinned, outside: &Outside) -> Option<Finding> {
    let accepted = case.deploy.request.accepts.older.is_some();
    if case.deploy.is_rollback() {
        return None;
    }
    // Nobody who asked or agreed before knew that a way back would be necessary, and it may bring the reason back (F16).
    if let Some(back) = &case.place.rolled_back {
        return Some(Finding::closed(Reason::RolledBackSince { back: back.clone() }));
    }
    // What people saw and approved was compared with what ran then. Going on is fine; silently going back is not.
    match (&outside.rebased, &pinned.diff) {
        (Some(Read::Known(now)), Read::Known(_)) if now.behind > 0 => {
            let overtaken = Reason::Overtaken { by: now.base_version.clone(), lost: now.behind };
            Some(Finding::closed(overtaken))
        }
        _ if accepted => None,
        (Some(Read::Unknown(why)), _) | (None, Read::Unknown(why)) => {
            Some(Finding::waiting(Reason::VersionUnreadable { why: why.clone() }))
        }
        (Some(Read::Known(diff)), _) | (None, Read::Known(Some(diff)))
            if diff.total == 0 && diff.behind > 0 =>
        {
            let older = Reason::Older { than: diff.base_version.clone(), lost: diff.behind };
            Some(Finding::closed(older))
        }
        (Some(Read::Known(_)), _) | (None, Read::Known(_)) => None,
    }
}
