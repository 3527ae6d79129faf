//! `[environments]`: who may deploy there, and what must be so before. Not here: judging a deploy by it.

use super::super::operations::web_address;
use super::super::problem::Finding;
use super::super::reader::{Section, Word, clip};
use super::preflight::{checks, preflight};
use super::{Kind, Names, group_list, named_people};
use jiff::SignedDuration;
use shipgate_domain::calendar::Length;
use shipgate_domain::ids::{EnvironmentName, GroupName, PersonId, ServiceName};
use shipgate_domain::people::Member;
use shipgate_domain::policy::{
    ApprovalRule, Environment, Escalation, OverrideRule, Provider, QueueBy, RollbackRule, Service, Share,
    WhenFrozen,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

const EXPIRES: SignedDuration = SignedDuration::from_hours(4);

type Groups = BTreeMap<GroupName, Vec<Member>>;
type Services = BTreeMap<ServiceName, Service>;

/// Everything under `[environments]`. Those whose name is wrong are noted and left out.
pub(super) fn environments(
    root: &Section<'_>,
    names: &Names,
    groups: &Groups,
    services: &Services,
) -> BTreeMap<EnvironmentName, Environment> {
    let mut environments = BTreeMap::new();
    let sections = root.sections("environments");
    if sections.is_empty() {
        let found =
            Finding::at(0..0, "missing", "there is no environment").why("there is nowhere to deploy to");
        root.note(found.instead("add a table such as [environments.production]"));
    }
    // Words that people may type for an environment, and whose they are.
    let mut words: Vec<(String, String)> =
        sections.iter().map(|(name, _)| (name.text.to_lowercase(), clip(&name.text))).collect();
    let mut after = BTreeMap::new();
    for (word, section) in sections {
        let aliases = aliases(&section, &word, &mut words);
        if let Some(before) = before(&section, names) {
            after.insert(word.text.clone(), before);
        }
        let rules = rules(&section, names, groups, services);
        if let Some(name) = section.parse::<EnvironmentName>(&word, "bad_name", "production") {
            let after = after.get(&word.text).and_then(|before| before.text.parse().ok());
            environments.insert(name.clone(), Environment { name, aliases, after, ..rules });
        }
    }
    cycles(root, &after);
    environments
}

fn aliases(section: &Section<'_>, owner: &Word, words: &mut Vec<(String, String)>) -> Vec<String> {
    let list = section.list("aliases", "[\"prod\"]");
    let mut aliases = Vec::new();
    for alias in list.into_iter().flat_map(|list| list.words) {
        if section.parse::<EnvironmentName>(&alias, "bad_name", "prod").is_none() {
            continue;
        }
        if let Some((_, other)) = words.iter().find(|(word, _)| *word == alias.text) {
            let what = format!("“{}” means two things: {} and {other}", alias.text, clip(&owner.text));
            let what = if *other == owner.text {
                format!("“{}” is said twice for {other}", alias.text)
            } else {
                what
            };
            let found = Finding::at(alias.place, "duplicate", what);
            section.note(found.instead("leave each word with one environment"));
            continue;
        }
        words.push((alias.text.clone(), clip(&owner.text)));
        aliases.push(alias.text);
    }
    aliases
}

fn before(section: &Section<'_>, names: &Names) -> Option<Word> {
    section.text("after", "staging").filter(|word| names.check(section, Kind::Environment, word))
}

/// Environments that wait for each other could never be deployed to. Each circle is noted once.
fn cycles(root: &Section<'_>, after: &BTreeMap<String, Word>) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in after.keys() {
        let mut path = vec![start.as_str()];
        while let Some(before) =
            after.get(path[path.len() - 1]).filter(|_| !done.contains(path[path.len() - 1]))
        {
            if let Some(first) = path.iter().position(|name| *name == before.text) {
                let circle = [&path[first..], &[before.text.as_str()]].concat();
                let what = format!("these wait for each other: {}", circle.join(" after "));
                let found =
                    Finding::at(before.place.clone(), "circle", what).why("none of them could ever be first");
                root.note(found.instead("leave out `after` where deploys begin"));
                break;
            }
            path.push(&before.text);
        }
        done.extend(path);
    }
}

/// Everything but names and order, which are put in by the caller.
fn rules(section: &Section<'_>, names: &Names, groups: &Groups, services: &Services) -> Environment {
    let schedule =
        section.text("schedule", "office").filter(|word| names.check(section, Kind::Schedule, word));
    let deployers = group_list(section, "deployers", names);
    if deployers.as_ref().is_some_and(Vec::is_empty) {
        no_group(section, "deployers", "nobody may deploy there", "[\"deployers\"]");
    }
    let voters = Voters { section, groups, deployers: deployers.as_deref() };
    let approvals = approvals(section, names, &voters, services);
    let overrides = overrides(section, names, &voters);
    let rollback = rollback(section, &approvals, &voters);
    let url = section.text("url", "https://app.example.com");
    let url = url.filter(|word| web_address(section, word, "https://app.example.com").is_some());
    let queue =
        section.choice("queue", &[("environment", QueueBy::Environment), ("service", QueueBy::Service)]);
    let frozen = [("finish", WhenFrozen::Finish), ("cancel_queued", WhenFrozen::CancelQueued)];
    let (checks, ignored) = checks(section, services);
    let preflight = preflight(section, names, &voters, services, ignored);
    Environment {
        name: "unnamed".parse().expect("a valid name"),
        aliases: Vec::new(),
        after: None,
        schedule: schedule.map(|word| word.text),
        deployers: deployers.unwrap_or_default(),
        approvals: approvals.unwrap_or_else(ApprovalRule::none),
        overrides,
        checks,
        queue: queue.unwrap_or(QueueBy::Environment),
        when_frozen: section.choice("when_frozen", &frozen).unwrap_or_default(),
        supersede: section.flag("supersede").unwrap_or(false),
        rollback,
        url: url.map(|word| word.text),
        preflight,
    }
}

/// Who could say yes, to find rules that nobody can fulfil.
pub(super) struct Voters<'a> {
    section: &'a Section<'a>,
    groups: &'a Groups,
    /// None when they are not known.
    deployers: Option<&'a [GroupName]>,
}

impl Voters<'_> {
    /// Notes a number of people that can never be reached.
    pub(super) fn check(
        &self,
        needed: u32,
        place: Range<usize>,
        from: &[GroupName],
        own: bool,
        what_for: &str,
    ) {
        let Some(people) = named_people(from, self.groups) else { return };
        let most = if own { people.len() } else { self.most_without_requester(&people) };
        if most >= usize::try_from(needed).unwrap_or(usize::MAX) {
            return;
        }
        let what = format!("{what_for} needs {needed} people, but at most {most} could say yes");
        let why = if people.len() == most {
            "it would wait for ever"
        } else {
            "the person who asks does not count, so it would wait for ever"
        };
        let instead = "write a smaller number, or add people to the groups in `from`";
        self.section.note(Finding::at(place, "never_opens", what).why(why).instead(instead));
    }

    /// How many are left when the requester is the one who is best for the count.
    fn most_without_requester(&self, people: &BTreeSet<&PersonId>) -> usize {
        let deployers = self.deployers.and_then(|groups| named_people(groups, self.groups));
        let all_can_vote =
            deployers.is_some_and(|all| !all.is_empty() && all.iter().all(|one| people.contains(one)));
        people.len() - usize::from(all_can_vote)
    }
}

/// Notes that a list of groups is empty or not there.
pub(super) fn no_group(section: &Section<'_>, key: &str, why: &str, example: &str) {
    match section.place_of(key) {
        None => section.missing(key, why, example),
        Some(place) => {
            let found =
                Finding::at(place, "missing", format!("`{}.{key}` names no group", section.title)).why(why);
            section.note(found.instead(format!("write {key} = {example}")));
        }
    }
}

fn approvals(
    section: &Section<'_>,
    names: &Names,
    voters: &Voters<'_>,
    services: &Services,
) -> Option<ApprovalRule> {
    let table = section.section("approvals")?;
    if table.place_of("needed").is_none() {
        table.missing("needed", "it says how many people must approve", "1");
    }
    let needed = table.count("needed");
    let from = group_list(&table, "from", names);
    let own = table.flag("own").unwrap_or(false);
    let expires = table.parsed::<Length>("expires", "bad_length", "4h").map_or(EXPIRES, Length::total);
    let also = shares(&table, names);
    let escalate = escalations(&table, names, expires);
    let remind = remind(&table, expires);
    let not_authors = table.flag("authors") == Some(false);
    if not_authors {
        authors_are_known(&table, services);
    }
    let (from, also, escalate) = (from?, also?, escalate?);
    let (needed, place) = needed?;
    let later = escalate.iter().flat_map(|step| &step.to);
    let first: Vec<GroupName> = from.iter().chain(later).cloned().collect();
    if needed > 0 && from.is_empty() {
        no_group(&table, "from", "nobody could approve", "[\"release-managers\"]");
    } else {
        voters.check(needed, place.clone(), &first, own, "an approval");
    }
    for share in &also {
        voters.check(share.needed, place.clone(), &share.from, own, "an approval");
    }
    if !also.is_empty() {
        let all: Vec<GroupName> = first.iter().chain(also.iter().flat_map(|s| &s.from)).cloned().collect();
        let sum = also.iter().fold(needed, |sum, share| sum.saturating_add(share.needed));
        voters.check(sum, place.clone(), &all, own, "an approval of all groups together");
    }
    if needed == 0 && (remind.is_some() || !escalate.is_empty()) {
        let what = "nobody is asked, so nobody can be reminded or asked instead";
        let instead = "write needed = 1, or leave `remind` and `escalate` out";
        table.note(Finding::at(place, "contradiction", what).instead(instead));
    }
    Some(ApprovalRule { needed, from, own, expires, also, not_authors, remind, escalate })
}

/// Further groups with numbers of their own.
fn shares(table: &Section<'_>, names: &Names) -> Option<Vec<Share>> {
    let mut shares = Vec::new();
    let mut is_whole = true;
    for section in table.tables("also") {
        let needed = match section.count("needed") {
            Some((0, place)) => {
                let found = Finding::at(place, "out_of_range", "`needed` is 0 for a further group");
                section.note(found.why("it would ask nobody").instead("write needed = 1, or leave it out"));
                None
            }
            Some((needed, _)) => Some(needed),
            None => {
                if section.place_of("needed").is_none() {
                    section.missing("needed", "it says how many people of the group must approve", "1");
                }
                None
            }
        };
        let from = group_list(&section, "from", names);
        if from.as_ref().is_some_and(Vec::is_empty) {
            no_group(&section, "from", "nobody could approve", "[\"security\"]");
        }
        match needed.zip(from.filter(|from| !from.is_empty())) {
            Some((needed, from)) => shares.push(Share { needed, from }),
            None => is_whole = false,
        }
    }
    is_whole.then_some(shares)
}

/// Who is asked too when it takes longer.
fn escalations(table: &Section<'_>, names: &Names, expires: SignedDuration) -> Option<Vec<Escalation>> {
    let mut steps = Vec::new();
    let mut is_whole = true;
    for section in table.tables("escalate") {
        if section.place_of("after").is_none() {
            section.missing("after", "it says when others are asked too", "\"1h\"");
        }
        let after = within(&section, "after", expires);
        let to = group_list(&section, "to", names);
        if to.as_ref().is_some_and(Vec::is_empty) {
            no_group(&section, "to", "nobody would be asked", "[\"leads\"]");
        }
        match after.zip(to.filter(|to| !to.is_empty())) {
            Some((after, to)) => steps.push(Escalation { after, to }),
            None => is_whole = false,
        }
    }
    is_whole.then_some(steps)
}

fn remind(table: &Section<'_>, expires: SignedDuration) -> Option<SignedDuration> {
    within(table, "remind", expires)
}

/// A length that is over before the wait for approvals is.
fn within(section: &Section<'_>, key: &str, expires: SignedDuration) -> Option<SignedDuration> {
    let length = section.parsed::<Length>(key, "bad_length", "30m").map(Length::total)?;
    if length.is_positive() && length < expires {
        return Some(length);
    }
    let what = format!("`{}.{key}` comes when nobody waits", section.title);
    let why = "a request is given up when `approvals.expires` is over";
    let place = section.place_of(key).unwrap_or_else(|| section.place.clone());
    section.note(
        Finding::at(place, "never_opens", what).why(why).instead("write a shorter time, such as \"30m\""),
    );
    None
}

/// Commits on this machine have no accounts, so nobody could ever be told from those who wrote them.
fn authors_are_known(table: &Section<'_>, services: &Services) {
    let by_command = services.values().find(|service| service.pipeline.provider == Provider::Command);
    if let Some(service) = by_command {
        let what = format!("{} can never be deployed with `authors = false`", service.name);
        let why = "the commits of a service of provider \"command\" carry names, and no accounts";
        let place = table.place_of("authors").unwrap_or_else(|| table.place.clone());
        table.note(Finding::at(place, "never_opens", what).why(why).instead("leave `authors` out"));
    }
}

fn overrides(section: &Section<'_>, names: &Names, voters: &Voters<'_>) -> OverrideRule {
    let nobody = OverrideRule { needed: 1, from: Vec::new() };
    let Some(table) = section.section("overrides") else { return nobody };
    let needed = table.count("needed");
    let Some(from) = group_list(&table, "from", names) else { return nobody };
    if from.is_empty() {
        no_group(&table, "from", "nobody could override", "[\"release-managers\"], or leave `overrides` out");
    }
    match needed.clone() {
        Some((0, place)) => {
            let found = Finding::at(place, "out_of_range", "`overrides.needed` is 0")
                .why("anybody could override alone");
            table.note(found.instead("write needed = 1, or leave `overrides` out"));
        }
        Some((needed, place)) if !from.is_empty() => voters.check(needed, place, &from, false, "an override"),
        _ => {}
    }
    OverrideRule { needed: needed.map_or(1, |(needed, _)| needed), from }
}

fn rollback(section: &Section<'_>, approvals: &Option<ApprovalRule>, voters: &Voters<'_>) -> RollbackRule {
    let Some(table) = section.section("rollback") else {
        return RollbackRule { needed: 0, in_window_only: false };
    };
    let needed = table.count("needed");
    if let Some((needed, place)) = needed.clone().filter(|(needed, _)| *needed > 0) {
        match approvals {
            Some(rule) if !rule.from.is_empty() => {
                voters.check(needed, place, &rule.from, rule.own, "a rollback")
            }
            // A table with problems was noted already.
            None if section.place_of("approvals").is_some() => {}
            _ => {
                let found =
                    Finding::at(place, "contradiction", "a rollback needs approvals, but nobody may approve");
                section.note(found.instead(
                    "write approvals = { needed = 1, from = [\"release-managers\"] }, or needed = 0",
                ));
            }
        }
    }
    let in_window_only = table.flag("in_window_only").unwrap_or(false);
    RollbackRule { needed: needed.map_or(0, |(needed, _)| needed), in_window_only }
}
