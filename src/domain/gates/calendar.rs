//! Schedule and freeze: is it time? Not here: the arithmetic of windows (`crate::calendar`).

use super::approvals::{agreed_to_pass, candidates};
use super::{Finding, LOOK_AGAIN, Reason};
use crate::calendar::{ActiveFreeze, FreezeWhen, Opening, START_MARGIN};
use crate::facts::Case;

/// What a yes passes when it is given outside all windows.
const CLOSED_HOURS: &str = "closed hours";

/// Rollbacks need not wait for a window unless the environment says so.
fn is_exempt(case: &Case<'_>) -> bool {
    case.deploy.is_rollback() && !case.environment.rollback.in_window_only
}

/// What cannot be told does not open: instants beyond the calendar's reach wait for a calendar that reaches them.
fn unreadable(case: &Case<'_>) -> Option<Finding> {
    if case.calendar.covers(case.then()) {
        return None;
    }
    if is_exempt(case) {
        return Some(Finding::open(Reason::NotForRollback));
    }
    Some(Finding::waiting(Reason::CalendarUnreadable).until(case.now.saturating_add(LOOK_AGAIN).ok()))
}

/// What stands for one time that a freeze holds in a yes that passes it.
pub(super) fn pass_key(freeze: &ActiveFreeze<'_>) -> String {
    format!("freeze {}", freeze.key())
}

fn active<'a>(case: &Case<'a>) -> Vec<ActiveFreeze<'a>> {
    let (environment, service) = (case.environment.name.as_str(), case.service.name.as_str());
    let then = case.then();
    let margin = then.saturating_add(START_MARGIN).unwrap_or(then);
    case.calendar.freezes_between(environment, service, then, margin)
}

/// The freezes that certainly bind a deploy now.
pub(super) fn frozen<'a>(case: &Case<'a>) -> Vec<ActiveFreeze<'a>> {
    if is_exempt(case) || !case.calendar.covers(case.then()) {
        return Vec::new();
    }
    active(case).into_iter().filter(|freeze| freeze.unreadable.is_none()).collect()
}

pub(super) fn judge_schedule(case: &Case<'_>) -> Option<Finding> {
    let Some(schedule) = &case.environment.schedule else { return Some(Finding::open(Reason::NoSchedule)) };
    if let Some(finding) = unreadable(case) {
        return Some(finding);
    }
    let (opening, changes) = case.calendar.opening(Some(schedule), case.then());
    if opening == Opening::Open {
        return Some(Finding::open(Reason::InWindow { closes: changes }).until(changes));
    }
    if is_exempt(case) {
        return Some(Finding::open(Reason::NotForRollback));
    }
    let opens = case.calendar.next_start(
        case.environment.name.as_str(),
        case.service.name.as_str(),
        Some(schedule),
        case.then(),
        false,
    );
    if opening == Opening::EmergencyOnly && case.deploy.request.emergency.is_some() {
        let schedule = schedule.clone();
        return Some(Finding::open(Reason::EmergencyHours { schedule }).until(changes));
    }
    if let Some(finding) = emergency(case, Some(opening), &[], vec![CLOSED_HOURS.to_owned()]) {
        // When the window opens there is less to pass, and the yeses that are there may be enough.
        return Some(finding.until(changes));
    }
    let reason = match opening {
        Opening::EmergencyOnly => Reason::EmergencyOnly { schedule: schedule.clone() },
        Opening::Open | Opening::Closed => Reason::OutsideWindow { schedule: schedule.clone() },
    };
    let helpers = case.environment.overrides.from.clone();
    Some(Finding::closed(reason).until(opens).helped_by(Vec::new(), helpers))
}

pub(super) fn judge_freeze(case: &Case<'_>) -> Option<Finding> {
    let (environment, service) = (case.environment.name.as_str(), case.service.name.as_str());
    if let Some(finding) = unreadable(case) {
        return Some(finding);
    }
    let active = active(case);
    if active.is_empty() {
        let next = case.calendar.next_freeze(environment, service, case.then());
        let (from, name) = next.map(|f| (f.from, f.title())).unzip();
        return Some(Finding::open(Reason::NoFreeze { next: from, name }).until(from));
    }
    if is_exempt(case) {
        return Some(Finding::open(Reason::NotForRollback));
    }
    let (unknown, holding): (Vec<&ActiveFreeze<'_>>, Vec<&ActiveFreeze<'_>>) =
        active.iter().partition(|f| f.unreadable.is_some());
    let ends = if holding.iter().any(|f| f.until.is_none()) {
        None
    } else {
        holding.iter().filter_map(|f| f.until).max()
    };
    let names: Vec<String> = active.iter().map(ActiveFreeze::title).collect();
    let passes = active.iter().map(pass_key).collect();
    if let Some(finding) = emergency(case, None, &names, passes) {
        // When the first of several ends there is less to pass, and the yeses that are there may be enough.
        return Some(finding.until(active.iter().filter_map(|f| f.until).min()));
    }
    let helpers = case.environment.overrides.from.clone();
    let finding = match holding.iter().map(|f| f.from).min() {
        Some(from) => {
            let passes = passing(&active);
            let why = active.iter().filter_map(|f| f.reason().map(str::to_owned)).collect();
            Finding::closed(Reason::Frozen { names, from, passes, why }).until(ends)
        }
        None => unread(case, &unknown),
    };
    Some(finding.helped_by(Vec::new(), helpers))
}

/// Nobody can say whether a freeze holds. A calendar that others keep is read again by itself; a list of holidays that
/// ended gets no longer by waiting.
fn unread(case: &Case<'_>, unknown: &[&ActiveFreeze<'_>]) -> Finding {
    let names = unknown.iter().map(|f| f.freeze.name.clone()).collect();
    let mut whys: Vec<&str> = unknown.iter().filter_map(|f| f.unreadable).collect();
    whys.dedup();
    let reason = Reason::FreezeUnreadable { names, why: whys.join("; ") };
    let is_read_again = |f: &&ActiveFreeze<'_>| matches!(f.freeze.when, FreezeWhen::Feed { .. });
    if unknown.iter().all(is_read_again) {
        Finding::waiting(reason).until(case.now.saturating_add(LOOK_AGAIN).ok())
    } else {
        Finding::closed(reason)
    }
}

/// The services that every one of these freezes lets through.
fn passing(active: &[ActiveFreeze<'_>]) -> Vec<String> {
    let mut lists = active.iter().map(|f| &f.freeze.scope.except_services);
    let Some(first) = lists.next() else { return Vec::new() };
    let rest: Vec<_> = lists.collect();
    first.iter().filter(|name| rest.iter().all(|list| list.contains(name))).cloned().collect()
}

/// In an emergency, enough people of the override group open what is closed; before that, they are asked. None
/// when this is no emergency or nobody may override.
///
/// A yes passes what the card asked for when it was given, and nothing that came since: `passes`.
fn emergency(
    case: &Case<'_>,
    opening: Option<Opening>,
    freezes: &[String],
    mut passes: Vec<String>,
) -> Option<Finding> {
    case.deploy.request.emergency.as_ref()?;
    let rule = &case.environment.overrides;
    if rule.from.is_empty() {
        return None;
    }
    passes.sort();
    passes.dedup();
    let agreed = agreed_to_pass(case, &rule.from, &passes);
    let (by, freezes) = (agreed.people, freezes.to_vec());
    Some(if by.len() >= rule.needed.max(1) as usize {
        Finding::open(Reason::Overridden { by, opening, freezes, passes })
    } else {
        let needed = rule.needed.max(1);
        Finding::waiting(Reason::OverrideAsked { by, needed, opening, freezes, passes })
            .helped_by(candidates(case, &rule.from), rule.from.clone())
    })
}
