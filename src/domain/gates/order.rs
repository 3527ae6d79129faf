//! Has the same commit succeeded on the environment before this one, and been there for long enough? Not here: reading
//! the history.

use super::{Finding, Reason};
use crate::facts::{Case, Read, SeenThere};
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
        // Whoever deployed there without Shipgate may have taken its place.
        let elsewhere = match (case.environment.preflight.soak, seen(case, before)) {
            (None, _) | (_, None) => None,
            (Some(_), Some(Err(finding))) => return Some(finding),
            (Some(_), Some(Ok(seen))) => seen.left_after(at),
        };
        let left = [case.place.before_left, elsewhere].into_iter().flatten().min();
        let succeeded = Reason::SucceededBefore { environment: before.clone(), at };
        return Some(soaked(case, before, at, left, succeeded));
    }
    let failed = own.map(|(at, _)| at);
    Some(by_others(case, before, failed).unwrap_or_else(|| unseen(case, before)))
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

/// The code host's list of deployments there, where that counts; or why nobody can say what is in it.
fn seen<'a>(case: &'a Case<'_>, before: &EnvironmentName) -> Option<Result<&'a SeenThere, Finding>> {
    case.policy.environments.get(before)?.preflight.seen.as_ref()?;
    let why = match case.deploy.outside.as_ref().and_then(|o| o.preflight.seen.as_ref()) {
        Some(Read::Known(seen)) => return Some(Ok(seen)),
        Some(Read::Unknown(why)) => why.clone(),
        None => "it was not read yet".to_owned(),
    };
    let again = case.now.saturating_add(super::LOOK_AGAIN).ok();
    let reason = Reason::BeforeUnreadable { environment: before.clone(), why };
    Some(Err(Finding::waiting(reason).until(again)))
}

/// By the code host's list of deployments. A success there proves nothing if ours failed since.
fn by_others(case: &Case<'_>, before: &EnvironmentName, failed: Option<Timestamp>) -> Option<Finding> {
    let seen = match seen(case, before)? {
        Ok(seen) => seen,
        Err(finding) => return Some(finding),
    };
    let end = seen.end.filter(|end| failed.is_none_or(|failed| end.at > failed))?;
    let environment = before.clone();
    if end.succeeded {
        let reason = Reason::SeenBefore { environment, at: end.at };
        // Ours take the place of what others deployed, too, whether or not they stand in that list.
        let left = [case.place.before_left, seen.left_after(end.at)].into_iter().flatten().min();
        return Some(soaked(case, before, end.at, left, reason));
    }
    (!case.place.before_is_open).then(|| Finding::closed(Reason::FailedBefore { environment, at: end.at }))
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
