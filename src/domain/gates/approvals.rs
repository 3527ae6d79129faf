//! Have enough eligible, distinct people said yes to exactly this digest, recently? Not here: asking them.

use super::{Finding, Reason};
use crate::facts::Case;
use crate::ids::{GroupName, PersonId};
use crate::people::{Member, Memberships, Standing};
use crate::policy::ApprovalRule;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Who agreed to what would be sent now.
pub(super) struct Agreed {
    /// Distinct people who count, in order of their approval.
    pub people: Vec<PersonId>,
    /// When the first of these approvals grows too old.
    pub until: Option<Timestamp>,
    /// Why somebody could not be counted, if a group could not be read.
    pub unknown: Option<String>,
}

/// Counts approvals of the current digest by members of `groups`, distinct, fresh, and (unless `own`) not the
/// requester's. Membership is judged as it is now, not as it was at the click.
pub(super) fn agreed(case: &Case<'_>, groups: &[GroupName], own: bool) -> Agreed {
    let nothing = Memberships::default();
    let outside = case.deploy.outside.as_ref().map_or(&nothing, |o| &o.memberships);
    let mut agreed = Agreed { people: Vec::new(), until: None, unknown: None };
    for approval in &case.deploy.approvals {
        let end = case.deploy.counts_until(approval, case.environment.approvals.expires);
        let is_current = case.deploy.digest() == Some(&approval.digest);
        // Looked up anew: two accounts that were linked since are one person and one vote.
        let person = case.policy.person_of(&approval.account);
        let requester = case.policy.person_of(&case.deploy.request.account);
        let is_own = person == requester || person == case.deploy.request.by;
        if !is_current || case.now >= end || (is_own && !own) || agreed.people.contains(&person) {
            continue;
        }
        // Settings that name somebody do not know that their account was taken away.
        match outside.still_counts(&approval.account) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(why) => {
                agreed.unknown = Some(why);
                continue;
            }
        }
        match case.policy.standing(&person, groups, outside) {
            Standing::Member => {
                agreed.people.push(person);
                agreed.until = Some(agreed.until.map_or(end, |until| until.min(end)));
            }
            Standing::Stranger => {}
            Standing::Unknown(why) => agreed.unknown = Some(why),
        }
    }
    agreed
}

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let rule = &case.environment.approvals;
    let needed = if case.deploy.is_rollback() { case.environment.rollback.needed } else { rule.needed };
    if needed == 0 {
        return Some(Finding::open(Reason::NoApprovals));
    }
    let agreed = agreed(case, &rule.from, rule.own);
    if agreed.people.len() >= needed as usize {
        return Some(Finding::open(Reason::Approved { by: agreed.people }).until(agreed.until));
    }
    if let Some(why) = agreed.unknown {
        return Some(Finding::waiting(Reason::GroupUnreadable { why }));
    }
    if !enough_may(case, rule, needed) {
        return Some(Finding::closed(Reason::NobodyMayApprove { groups: rule.from.clone() }));
    }
    let reason = Reason::ApprovalsMissing { by: agreed.people, needed };
    Some(Finding::waiting(reason).helped_by(candidates(case, &rule.from), rule.from.clone()))
}

/// Whether enough people could approve: named ones other than the requester, or a group kept elsewhere.
fn enough_may(case: &Case<'_>, rule: &ApprovalRule, needed: u32) -> bool {
    let requester = &case.deploy.request.by;
    let mut named = BTreeSet::new();
    for member in rule.from.iter().filter_map(|g| case.policy.groups.get(g)).flatten() {
        match member {
            Member::Person(person) if rule.own || person != requester => named.insert(person),
            Member::Person(_) => false,
            Member::Outside(_) => return true,
        };
    }
    named.len() >= needed as usize
}

/// Everybody known to be in the groups, without the requester and those who said yes.
pub(super) fn candidates(case: &Case<'_>, groups: &[GroupName]) -> Vec<PersonId> {
    let nothing = Memberships::default();
    let outside = case.deploy.outside.as_ref().map_or(&nothing, |o| &o.memberships);
    let members = groups.iter().filter_map(|g| case.policy.groups.get(g)).flatten();
    let mut people: Vec<PersonId> = members
        .flat_map(|member| match member {
            Member::Person(person) => vec![person.clone()],
            Member::Outside(group) => {
                let accounts = outside.accounts_in(group).unwrap_or_default();
                accounts.iter().map(|account| case.policy.person_of(account)).collect()
            }
        })
        .filter(|person| *person != case.deploy.request.by)
        .filter(|person| !case.deploy.approvals.iter().any(|a| a.by == *person))
        .collect();
    people.sort();
    people.dedup();
    people
}
