//! Is another deploy active there, or first in line, and when is it one's turn? Not here: the order of the line
//! (`Deploy::queue_key`), reading what past deploys took.

use super::{Answer, Finding, Gate, Reason, Verdict};
use crate::facts::{Case, Other, Usual};
use crate::ids::{ActionName, ServiceName};
use jiff::{SignedDuration, Timestamp};

/// How soon somebody in line looks again by themselves.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let place = case.place;
    if place.active.is_none() && place.ahead.is_empty() {
        return Some(Finding::open(Reason::NextInLine));
    }
    let turn = turn(case);
    let ahead = u32::try_from(place.ahead.len()).unwrap_or(u32::MAX);
    // Whoever is before it wakes it when they move; a look comes by itself should that be lost.
    let again = case.now.saturating_add(LOOK_AGAIN).ok();
    let reason = Reason::InLine {
        active: place.active.clone(),
        ahead,
        expected: turn.expected,
        behind: place.behind,
        took: turn.took,
        unknown: turn.unknown,
        untried: turn.untried,
        is_overdue: turn.is_overdue,
        is_kept_out: false,
    };
    Some(Finding::waiting(reason).until(again))
}

/// Nobody can say when it is the turn of a deploy that another gate keeps out of the line: a lock may last longer than
/// everybody ahead, and who comes later but is ready goes first.
pub(super) fn heed_others(verdicts: &mut [Verdict]) {
    if verdicts.iter().all(|v| v.gate == Gate::Queue || v.answer == Answer::Open) {
        return;
    }
    for verdict in verdicts {
        if let Reason::InLine { expected, behind, took, unknown, untried, is_overdue, is_kept_out, .. } =
            &mut verdict.reason
        {
            (*expected, *behind, *is_overdue, *is_kept_out) = (None, 0, false, true);
            took.clear();
            unknown.clear();
            untried.clear();
        }
    }
}

/// When it is a deploy's turn, and from what that follows.
struct Turn {
    expected: Option<Timestamp>,
    took: Vec<Usual>,
    unknown: Vec<ServiceName>,
    untried: Vec<ActionName>,
    is_overdue: bool,
}

/// What is left of the active one and all of everybody ahead, by what theirs took before: a deploy by deploys of its
/// service, a command of the team's own by that command. Where one of them has no
/// history, or takes longer than it ever does, nobody can tell.
fn turn(case: &Case<'_>) -> Turn {
    let place = case.place;
    let service = |other: &Other| other.service.clone().unwrap_or_else(|| case.service.name.clone());
    let mut turn = Turn {
        expected: Some(case.now),
        took: Vec::new(),
        unknown: Vec::new(),
        untried: Vec::new(),
        is_overdue: false,
    };
    for (other, begun) in place
        .active
        .iter()
        .map(|active| (active, active.started.unwrap_or(case.now)))
        .chain(place.ahead.iter().map(|other| (other, case.now)))
    {
        let name = service(other);
        let is_like = |usual: &&Usual| usual.service == name && usual.action == other.action;
        let Some(known) = place.usual.iter().find(is_like) else {
            match &other.action {
                Some(action) if !turn.untried.contains(action) => turn.untried.push(action.clone()),
                None if !turn.unknown.contains(&name) => turn.unknown.push(name),
                Some(_) | None => {}
            }
            continue;
        };
        if !turn.took.contains(known) {
            turn.took.push(known.clone());
        }
        let rest = known.took - case.now.duration_since(begun);
        turn.is_overdue |= rest.is_negative();
        turn.expected = turn.expected.and_then(|at| at.checked_add(rest.max(SignedDuration::ZERO)).ok());
    }
    if !turn.unknown.is_empty() || !turn.untried.is_empty() || turn.is_overdue {
        turn.expected = None;
    }
    turn
}
