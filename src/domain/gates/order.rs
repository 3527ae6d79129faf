//! Has the same commit succeeded on the environment before this one, and been there for long enough? Not here: reading
//! the history.

use super::{Finding, Reason};
use crate::facts::{Case, Read};
use crate::ids::EnvironmentName;
use jiff::{SignedDuration, Timestamp};

/// How soon a deploy that is on its way to the environment before is looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let Some(before) = &case.environment.after else { return Some(Finding::open(Reason::NoOrder)) };
    if case.deploy.is_rollback() {
        return Some(Finding::open(Reason::NotForRollback));
    }
    let own = case.place.before;
    if let Some((at, true)) = own {
        let succeeded = Reason::SucceededBefore { environment: before.clone(), at };
        return Some(soaked(case, before, at, case.place.before_left, succeeded));
    }
    Some(seen(case, before, own.map(|(at, _)| at)).unwrap_or_else(|| unseen(case, before)))
}

/// By the deploys of Shipgate alone, of which none succeeded last.
fn unseen(case: &Case<'_>, before: &EnvironmentName) -> Finding {
    let environment = before.clone();
    if case.place.before_is_open {
        // Its end there judges this deploy again; should that be lost, a look comes soon by itself.
        let again = case.now.saturating_add(LOOK_AGAIN).ok();
        return Finding::waiting(Reason::OnItsWayBefore { environment }).until(again);
    }
    Finding::closed(match case.place.before {
        Some((at, _)) => Reason::FailedBefore { environment, at },
        None => Reason::NotBefore { environment },
    })
}

/// By the code host's list of deployments, where that counts. A success there proves nothing if ours failed since.
fn seen(case: &Case<'_>, before: &EnvironmentName, failed: Option<Timestamp>) -> Option<Finding> {
    case.policy.environments.get(before)?.preflight.seen.as_ref()?;
    let environment = before.clone();
    let unread = |why: &str| {
        let again = case.now.saturating_add(super::LOOK_AGAIN).ok();
        let reason = Reason::BeforeUnreadable { environment: environment.clone(), why: why.to_owned() };
        Finding::waiting(reason).until(again)
    };
    match case.deploy.outside.as_ref().and_then(|o| o.preflight.seen.as_ref()) {
        None => Some(unread("it was not read yet")),
        Some(Read::Unknown(why)) => Some(unread(why)),
        Some(Read::Known(Some(seen))) if seen.succeeded && failed.is_none_or(|failed| seen.at > failed) => {
            let reason = Reason::SeenBefore { environment, at: seen.at };
            Some(soaked(case, before, seen.at, seen.left, reason))
        }
        Some(Read::Known(Some(seen))) if !seen.succeeded && failed.is_none_or(|failed| seen.at > failed) => {
            (!case.place.before_is_open)
                .then(|| Finding::closed(Reason::FailedBefore { environment, at: seen.at }))
        }
        Some(Read::Known(_)) => None,
    }
}

/// Open once it has been there for long enough: until now, or until another commit took its place.
fn soaked(
    case: &Case<'_>,
    before: &EnvironmentName,
    since: Timestamp,
    left: Option<Timestamp>,
    done: Reason,
) -> Finding {
    let Some(soak) = case.environment.preflight.soak else { return Finding::open(done) };
    let opens = since.saturating_add(soak).unwrap_or(Timestamp::MAX);
    let environment = before.clone();
    match left {
        Some(left) if left < opens => Finding::closed(Reason::SoakCutShort { environment, since, left }),
        _ if case.now < opens => {
            Finding::waiting(Reason::Soaking { environment, since, opens }).until(Some(opens))
        }
        _ => Finding::open(done),
    }
}
