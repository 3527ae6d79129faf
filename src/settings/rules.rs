//! Builds the policy from the file: zone, people, groups and what refers to them. Not here: how services, environments
//! and the calendar are read (the files below this one).

mod checklists;
mod environments;
mod people;
mod preflight;
mod services;
mod times;
mod whens;

use super::near::advice;
use super::problem::Finding;
use super::reader::{Section, Word, clip};
use shipgate_domain::ids::{GroupName, PersonId};
use shipgate_domain::people::Member;
use shipgate_domain::policy::Policy;
use shipgate_domain::zone::Zone;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A kind of thing that others refer to by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Person,
    Group,
    Schedule,
    Service,
    Environment,
    Checklist,
}

impl Kind {
    const ALL: [Kind; 6] =
        [Kind::Person, Kind::Group, Kind::Schedule, Kind::Service, Kind::Environment, Kind::Checklist];

    /// The word for people, and the table in which it is written.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Person => ("person", "people"),
            Kind::Group => ("group", "groups"),
            Kind::Schedule => ("schedule", "schedules"),
            Kind::Service => ("service", "services"),
            Kind::Environment => ("environment", "environments"),
            Kind::Checklist => ("checklist", "checklists"),
        }
    }
}

/// All names that the file gives, also of things with problems: those are reported once, where they stand.
struct Names {
    given: BTreeMap<Kind, Vec<Word>>,
    used: RefCell<BTreeSet<(Kind, String)>>,
}

impl Names {
    fn of(root: &Section<'_>) -> Self {
        let given =
            |kind: Kind| root.section(kind.words().1).map(|section| section.names()).unwrap_or_default();
        Self { given: Kind::ALL.map(|kind| (kind, given(kind))).into(), used: RefCell::default() }
    }

    /// Whether the file itself has something of this name.
    fn gives(&self, kind: Kind, name: &str) -> bool {
        self.given[&kind].iter().any(|word| word.text == name)
    }

    /// A rule means something by this name although no key says it.
    fn uses(&self, kind: Kind, name: &str) {
        self.used.borrow_mut().insert((kind, name.to_owned()));
    }

    /// Whether something has this name; notes it if nothing has.
    fn check(&self, section: &Section<'_>, kind: Kind, word: &Word) -> bool {
        let given = &self.given[&kind];
        if given.iter().any(|name| name.text == word.text) {
            self.used.borrow_mut().insert((kind, word.text.clone()));
            return true;
        }
        let (thing, table) = kind.words();
        let what = format!("there is no {thing} “{}”", clip(&word.text));
        let instead = if given.is_empty() {
            format!("add [{table}] with it")
        } else {
            advice(&word.text, given.iter().map(Word::as_str))
        };
        section.note(Finding::at(word.place.clone(), "unknown_name", what).instead(instead));
        false
    }

    /// Notes what nothing refers to.
    fn unused(&self, root: &Section<'_>, kind: Kind) {
        let used = self.used.borrow();
        for name in self.given[&kind].iter().filter(|name| !used.contains(&(kind, name.text.clone()))) {
            let what = format!("{} “{}” is used nowhere", kind.words().0, clip(&name.text));
            let found = Finding::at(name.place.clone(), "unused", what).warning();
            root.note(
                found
                    .why("a rule that names it may be missing")
                    .instead("name it in an environment, or remove it"),
            );
        }
    }
}

/// The policy, as far as it can be read; what is wrong is noted.
pub(super) fn policy(root: &Section<'_>) -> Policy {
    let zone = root.parsed::<Zone>("timezone", "unknown_zone", "Europe/Berlin").unwrap_or_else(Zone::utc);
    let names = Names::of(root);
    let people = people::people(root);
    let groups = people::groups(root, &names);
    let schedules = times::schedules(root, &zone);
    let services = services::services(root);
    let mut environments = environments::environments(root, &names, &groups, &services);
    checklists::checklists(root, &names, &mut environments);
    let freezes = times::freezes(root, &names, &zone);
    for kind in [Kind::Group, Kind::Schedule, Kind::Checklist] {
        names.unused(root, kind);
    }
    // Commands of the team's own stand in files beside this one (`commands`).
    let actions = BTreeMap::new();
    Policy { zone, people: people.into(), groups, services, environments, schedules, freezes, actions }
}

/// The people that these groups name; none where a chat platform keeps a part of them, or a group cannot be read.
fn named_people<'a>(
    from: &[GroupName],
    groups: &'a BTreeMap<GroupName, Vec<Member>>,
) -> Option<BTreeSet<&'a PersonId>> {
    let mut people = BTreeSet::new();
    for name in from {
        for member in groups.get(name).filter(|members| !members.is_empty())? {
            match member {
                Member::Person(person) => people.insert(person),
                Member::Outside(_) => return None,
            };
        }
    }
    Some(people)
}

/// A list of groups; those that do not exist are noted and left out. None when
/// the list holds such a one, or is no list.
fn group_list(section: &Section<'_>, key: &str, names: &Names) -> Option<Vec<GroupName>> {
    if section.place_of(key).is_none() {
        return Some(Vec::new());
    }
    let list = section.list(key, "[\"release-managers\"]")?;
    let read =
        |word: &Word| names.check(section, Kind::Group, word).then(|| word.text.parse().ok()).flatten();
    // All of them are looked at before one that is wrong spoils the list.
    let groups: Vec<Option<GroupName>> = list.words.iter().map(read).collect();
    groups.into_iter().collect()
}
