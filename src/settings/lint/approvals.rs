//! A yes that nobody could give to somebody: whoever asks does not count themselves. Not here: groups that are too small
//! for everybody, which the rules refuse.

use super::Tried;
use crate::settings::problem::Finding;
use crate::settings::reader::{Section, clip};
use jiff::SignedDuration;
use shipgate_domain::gates::could_agree;
use shipgate_domain::ids::{GroupName, PersonId};
use shipgate_domain::people::Member;
use shipgate_domain::policy::{Environment, Policy, Share};
use std::collections::BTreeSet;
use std::ops::Range;

/// People who are named in one finding, at most.
const NAMED: usize = 5;

/// Something that an environment asks people's yes for.
struct Wanted {
    /// The table of the settings that says so.
    key: &'static str,
    /// "what ada asks for on production" follows: "nobody could approve".
    verb: &'static str,
    /// What it is about: nothing, or " when it contains migrations".
    when: &'static str,
    shares: Vec<Share>,
    /// Whether the requester's own yes counts.
    own: bool,
}

/// People who may ask for a deploy that too few but they could agree to.
pub(super) fn approvals(tried: &Tried<'_>) {
    for (name, section) in tried.root.sections("environments") {
        let environment = tried.policy.environments.values().find(|e| e.name.as_str() == name.text);
        let Some(environment) = environment else { continue };
        for wanted in wanted(tried.policy, environment) {
            look(tried.policy, environment, &wanted, &section, name.place.clone());
        }
    }
}

fn wanted(policy: &Policy, environment: &Environment) -> Vec<Wanted> {
    let rule = &environment.approvals;
    let mut shares = rule.shares(rule.needed, SignedDuration::MAX);
    shares.retain(|share| share.needed > 0);
    let mut wanted = Vec::new();
    if !shares.is_empty() {
        wanted.push(Wanted { key: "approvals", verb: "approve", when: "", shares, own: rule.own });
    }
    let overrides = &environment.overrides;
    // Without a group, nobody is meant to.
    if !overrides.from.is_empty() {
        let shares = vec![Share { needed: overrides.needed.max(1), from: overrides.from.clone() }];
        let when = " as an emergency";
        wanted.push(Wanted { key: "overrides", verb: "agree to", when, shares, own: false });
    }
    let has_migrations = policy.services.values().any(|service| !service.preflight.migrations.is_empty());
    if let Some(rule) = environment.preflight.migrations.as_ref().filter(|r| r.needed > 0 && has_migrations) {
        let shares = vec![Share { needed: rule.needed, from: rule.from.clone() }];
        let when = " when it contains migrations";
        wanted.push(Wanted { key: "migrations", verb: "agree to", when, shares, own: false });
    }
    wanted
}

fn look(
    policy: &Policy,
    environment: &Environment,
    wanted: &Wanted,
    section: &Section<'_>,
    name: Range<usize>,
) {
    let Wanted { key, verb, when, shares, own } = wanted;
    let can = |shares: &[Share], asker: &PersonId| could_agree(policy, shares, |who| !own && who == asker);
    let deployers = environment.deployers.iter().filter_map(|group| policy.groups.get(group)).flatten();
    let askers: BTreeSet<&PersonId> = deployers
        .filter_map(|member| match member {
            Member::Person(person) => Some(person),
            Member::Outside(_) => None,
        })
        .collect();
    // A group that is too small for everybody is an error which the rules found.
    let is_told = shares.iter().any(|share| !could_agree(policy, std::slice::from_ref(share), |_| false));
    let stuck: Vec<&PersonId> = askers.into_iter().filter(|asker| !can(shares, asker)).collect();
    let Some(first) = stuck.first().filter(|_| !is_told) else { return };
    let table = section.section(key);
    let at = table.and_then(|table| table.place_of("needed")).or(section.place_of(key)).unwrap_or(name);
    let what =
        format!("nobody could {verb} what {} for on {}{when}", ask(&stuck), clip(environment.name.as_str()));
    let alone = shares.iter().find(|share| !can(std::slice::from_ref(share), first));
    let why = match alone {
        Some(share) => format!(
            "the person who asks does not count, and without {first} fewer than {} are left in {}",
            share.needed,
            list(&share.from)
        ),
        None => "each person fills one place only, and too few others are in the groups together".to_owned(),
    };
    let groups: Vec<GroupName> = alone.map_or_else(
        || shares.iter().flat_map(|share| share.from.iter().cloned()).collect(),
        |share| share.from.clone(),
    );
    let instead = format!("add people to {}, or write a smaller number", list(&groups));
    section.note(Finding::at(at, "approval_of_nobody", what).why(why).instead(instead).warning());
}

/// "ada asks", "ada and grace ask", "ada, grace and 3 more ask"
fn ask(people: &[&PersonId]) -> String {
    let mut names: Vec<String> = people.iter().take(NAMED).map(ToString::to_string).collect();
    if people.len() > NAMED {
        names.push(format!("{} more", people.len() - NAMED));
    }
    match names.as_slice() {
        [head @ .., last] if !head.is_empty() => format!("{} and {last} ask", head.join(", ")),
        names => format!("{} asks", names.concat()),
    }
}

fn list(groups: &[GroupName]) -> String {
    groups.iter().map(GroupName::as_str).collect::<Vec<_>>().join(" and ")
}
