//! Is everything ticked that must be before the start? Not here: who ticks what (`crate::checklist`).

use super::{Finding, Gate, Helpers, LOOK_AGAIN, Reason, TABLE, Verdict};
use crate::checklist::{Part, Stand, lines, who};
use crate::facts::Case;
use crate::ids::GroupName;
use crate::people::Memberships;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let list = case.environment.preflight.checklist.as_ref()?;
    if list.before.is_empty() {
        return None;
    }
    // The way back must be fast.
    if case.deploy.is_rollback() {
        return Some(Finding::open(Reason::NotForRollback));
    }
    let mut all = lines(case.deploy, case.policy, (case.environment, case.service), &|gate| of(case, gate));
    all.retain(|line| line.part == Part::Before && !line.item.optional);
    if all.is_empty() {
        return None;
    }
    let unknown = all.iter().find_map(|line| match &line.stand {
        Stand::Unknown(why) => Some((line.item.text.clone(), why.clone())),
        Stand::Proven(_) | Stand::Ticked { .. } | Stand::Open | Stand::Unproven => None,
    });
    if let Some((item, why)) = unknown {
        let again = case.now.saturating_add(LOOK_AGAIN).ok();
        return Some(Finding::waiting(Reason::ChecklistUnreadable { item, why }).until(again));
    }
    let of = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let open: Vec<_> = all.iter().filter(|line| !line.stand.is_ticked()).collect();
    if open.is_empty() {
        return Some(Finding::open(Reason::ChecklistTicked { count: of }));
    }
    let names = |is_for_people: bool| {
        let some = open.iter().filter(|line| line.stand.is_for_people() == is_for_people);
        some.map(|line| line.item.text.clone()).collect::<Vec<_>>()
    };
    let (people, facts) = (names(true), names(false));
    let for_people = open.iter().filter(|line| line.stand.is_for_people());
    let mut groups: Vec<GroupName> = for_people.flat_map(|line| who(case.environment, line.item)).collect();
    groups.sort();
    groups.dedup();
    let nothing = Memberships::default();
    let outside = case.deploy.outside.as_ref().map_or(&nothing, |outside| &outside.memberships);
    let helpers = case.policy.members(&groups, outside);
    let ticked = of.saturating_sub(u32::try_from(open.len()).unwrap_or(u32::MAX));
    let reason = Reason::ChecklistOpen { people, facts, ticked, of };
    Some(Finding::waiting(reason).helped_by(helpers, groups))
}

/// What another gate says now.
fn of(case: &Case<'_>, wanted: Gate) -> Option<Verdict> {
    let (gate, rule) = TABLE.iter().find(|(gate, _)| *gate == wanted && *gate != Gate::Checklist)?;
    let Finding { answer, reason, until, .. } = rule(case)?;
    Some(Verdict { gate: *gate, answer, reason, until, helpers: Helpers::default() })
}
