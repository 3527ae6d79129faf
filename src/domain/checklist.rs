//! Checklists: what people and facts say before, during and after a deploy. Not here: the gate that waits for the first
//! part (`gates::checklist`), the boxes people press (`app`).

mod marks;
mod state;
#[cfg(test)]
mod tests;

pub use marks::{Did, Drawn, Marks, OPEN_AFTER, Stroke};
pub use state::{Evidence, Line, Stand, lines};

use crate::ids::GroupName;
use crate::policy::Environment;
use serde::{Deserialize, Serialize};

/// Items in one part of a list, at most: Slack takes so many boxes in one row.
pub const MOST: usize = 10;
/// Characters of an item: Slack takes so many beside a box.
pub const LONGEST: usize = 75;

/// When an item is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Before the start, which waits for it.
    Before,
    /// While it runs.
    During,
    /// Once it is over.
    After,
}

impl Part {
    /// All of them, in order.
    pub const ALL: [Part; 3] = [Part::Before, Part::During, Part::After];
}

/// What is looked at for one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    /// Due before the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Item>,
    /// Due while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<Item>,
    /// Due once it is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Item>,
}

/// One line of a checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it says; no other item of the list says the same.
    pub text: String,
    /// What ticks it by itself. None, or nothing that the environment knows: people do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<Fact>,
    /// Groups whose members may tick it. Empty: whoever may deploy or approve there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<GroupName>,
    /// Whether it is there only when the change contains migrations.
    #[serde(default, skip_serializing_if = "is_false")]
    pub with_migrations: bool,
    /// Whether the start does not wait for it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Something that Shipgate knows by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The checks are green.
    Checks,
    /// Every pull request was reviewed as demanded.
    Reviews,
    /// The commit succeeded on the environment before.
    After,
    /// Enough people approved.
    Approvals,
    /// The group that is asked agreed to the migrations, or there are none.
    Migrations,
    /// Every migration has a way down. Where one has none, people must say what then.
    WayDown,
    /// What is deployed exists.
    Artifact,
    /// Its window is open, and no freeze holds.
    Window,
    /// The run has started.
    Started,
    /// The run succeeded.
    Succeeded,
    /// A job of the run succeeded; `*` stands for anything in its name.
    Job(String),
    /// The result was announced.
    Announced,
}

impl Fact {
    /// The facts without an argument, for tables and tests.
    pub const PLAIN: [Fact; 11] = [
        Fact::Checks,
        Fact::Reviews,
        Fact::After,
        Fact::Approvals,
        Fact::Migrations,
        Fact::WayDown,
        Fact::Artifact,
        Fact::Window,
        Fact::Started,
        Fact::Succeeded,
        Fact::Announced,
    ];

    /// The word in settings.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Fact::Checks => "checks".into(),
            Fact::Reviews => "reviews".into(),
            Fact::After => "after".into(),
            Fact::Approvals => "approvals".into(),
            Fact::Migrations => "migrations".into(),
            Fact::WayDown => "way_down".into(),
            Fact::Artifact => "artifact".into(),
            Fact::Window => "window".into(),
            Fact::Started => "started".into(),
            Fact::Succeeded => "succeeded".into(),
            Fact::Job(name) => format!("job:{name}"),
            Fact::Announced => "announced".into(),
        }
    }

    /// The fact that a word in settings means.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word.strip_prefix("job:") {
            Some(name) => (!name.trim().is_empty()).then(|| Fact::Job(name.to_owned())),
            None => Self::PLAIN.into_iter().find(|fact| fact.word() == word),
        }
    }

    /// Whether it can only be so once the start was decided.
    #[must_use]
    pub fn is_late(&self) -> bool {
        match self {
            Fact::Started | Fact::Succeeded | Fact::Job(_) | Fact::Announced => true,
            Fact::Checks
            | Fact::Reviews
            | Fact::After
            | Fact::Approvals
            | Fact::Migrations
            | Fact::WayDown
            | Fact::Artifact
            | Fact::Window => false,
        }
    }
}

impl Checklist {
    /// The items of a part.
    #[must_use]
    pub fn part(&self, part: Part) -> &[Item] {
        match part {
            Part::Before => &self.before,
            Part::During => &self.during,
            Part::After => &self.after,
        }
    }

    /// Every item with its part, in order.
    pub fn items(&self) -> impl Iterator<Item = (Part, &Item)> {
        Part::ALL.into_iter().flat_map(|part| self.part(part).iter().map(move |item| (part, item)))
    }

    /// The item that says this.
    #[must_use]
    pub fn item(&self, text: &str) -> Option<(Part, &Item)> {
        self.items().find(|(_, item)| item.text == text)
    }
}

/// The groups whose members may tick an item.
#[must_use]
pub fn who(environment: &Environment, item: &Item) -> Vec<GroupName> {
    if item.who.is_empty() { usual(environment) } else { item.who.clone() }
}

/// Whoever may deploy or approve there.
fn usual(environment: &Environment) -> Vec<GroupName> {
    let rule = &environment.approvals;
    let mut groups: Vec<GroupName> = environment.deployers.iter().chain(rule.groups()).cloned().collect();
    groups.sort();
    groups.dedup();
    groups
}

/// Every group whose members may tick something there.
#[must_use]
pub fn everybody(environment: &Environment) -> Vec<GroupName> {
    let list = environment.preflight.checklist.iter();
    let named = list.flat_map(Checklist::items).flat_map(|(_, item)| item.who.iter().cloned());
    let mut groups: Vec<GroupName> = usual(environment).into_iter().chain(named).collect();
    groups.sort();
    groups.dedup();
    groups
}
