//! What is known about a deploy when it is judged: read from outside, or from the store. Not here: reading it.

mod authors;
mod preflight;

pub use crate::lock::{Lock, LockKind};
pub use authors::{Authors, writers};
pub use preflight::{Artifact, Crossing, Preflight, PullReviews, Review, Reviews, Said, SeenEnd, SeenThere};

use crate::calendar::Calendar;
use crate::deploy::{Deploy, WayBack};
use crate::ids::{Account, ActionName, CommitId, DeployId, PersonId, ServiceName, Version};
use crate::people::Memberships;
use crate::policy::{Environment, Policy, Service};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Something that was asked of another system: known, or unknown with the reason. Unknown never opens a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read<T> {
    /// The answer.
    Known(T),
    /// No answer, and why, for people.
    Unknown(String),
}

impl<T> Read<T> {
    /// The answer, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

/// What a version is in its repository, resolved once at the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The commit. Everything after this speaks of the commit, never again of the word.
    pub commit: CommitId,
    /// What the word was.
    pub kind: RefKind,
    /// First line of the commit's message.
    pub title: String,
    /// Author's login or name.
    pub author: String,
}

/// What kind of word a version was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefKind {
    /// A tag: must not move while people decide.
    Tag,
    /// A branch: moves by nature; the deploy stays with the commit it named at the request.
    Branch,
    /// A commit id.
    Commit,
}

/// What changes between the commit that runs now and the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// What runs now.
    pub base: CommitId,
    /// The version word under which it was deployed.
    pub base_version: Version,
    /// Commits that are new, newest first, at most 250.
    pub commits: Vec<Change>,
    /// How many there are in all.
    pub total: u64,
    /// Commits that are lost, for a step back.
    pub behind: u64,
    /// A page that shows the comparison.
    pub url: Option<String>,
}

/// One commit of a diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The commit.
    pub commit: CommitId,
    /// First line of its message, or the title of its pull request.
    pub title: String,
    /// Author's login or name.
    pub author: String,
    /// Number of its pull request, where there is one.
    pub pull: Option<u64>,
    /// Everybody who wrote it, as far as the code host knows. None: it does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writers: Vec<Writer>,
}

/// Somebody who wrote a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// As people know them, for sentences only.
    pub name: String,
    /// Their account, in every form in which the settings may know it; none when the code host knows no account.
    pub accounts: Vec<Account>,
}

/// Where one check of a commit stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Its newest state.
    pub state: CheckState,
    /// Its page.
    pub url: Option<String>,
}

/// The newest state of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Green, neutral or skipped.
    Passed,
    /// Not finished.
    Pending,
    /// Red.
    Failed,
}

/// What other systems said about a deploy, and when. Stored with the deploy; read again before a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// When it was read.
    pub read_at: Timestamp,
    /// What the word for the version means now.
    pub resolves_to: Read<Option<CommitId>>,
    /// Whether the commit is reachable from the branch the service is deployed from.
    pub reachable: Read<bool>,
    /// All checks on the commit, newest of each name.
    pub checks: Read<Vec<Check>>,
    /// What the platforms said about their groups.
    pub memberships: Memberships,
    /// What would change now, when something else went live since the version was pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebased: Option<Read<Diff>>,
    /// What else the settings ask about the change.
    #[serde(default, skip_serializing_if = "Preflight::is_empty")]
    pub preflight: Preflight,
}

/// Another deploy, as far as a queue shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// Its id.
    pub id: DeployId,
    /// Of which service; not known in the stored form of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// Which command of the team's own it is; none for what puts a version there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionName>,
    /// Which version it puts there.
    pub version: Version,
    /// Who asked for it.
    pub requester: PersonId,
    /// When it started; none while it waits.
    pub started: Option<Timestamp>,
}

/// More than so many in line after a deploy are not counted: nobody needs the number, and each change of it would be
/// written into the cards of all of them.
pub const BEHIND_COUNTED: u32 = 9;

/// How long the last successful deploys of a service to an environment took, or the last successes of a command there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// The service.
    pub service: ServiceName,
    /// Which command of the team's own; none: deploys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionName>,
    /// The median; of an even number, the middle between the two in the middle.
    pub took: SignedDuration,
    /// Of how many.
    pub of: u32,
}

impl Usual {
    /// From the times that past successes took, in any order. None where there are none: nobody invents a figure.
    #[must_use]
    pub fn from_past(
        service: &ServiceName,
        action: Option<&ActionName>,
        took: &[SignedDuration],
    ) -> Option<Self> {
        let mut millis: Vec<i64> =
            took.iter().map(|t| i64::try_from(t.as_millis()).unwrap_or(i64::MAX)).collect();
        millis.sort_unstable();
        let middle = millis.len() / 2;
        let median = match millis.len() {
            0 => return None,
            odd if odd % 2 == 1 => millis[middle],
            _ => i64::midpoint(millis[middle - 1], millis[middle]),
        };
        let of = u32::try_from(millis.len()).unwrap_or(u32::MAX);
        let took = SignedDuration::from_millis(median);
        Some(Self { service: service.clone(), action: action.cloned(), took, of })
    }
}

/// What stands in the way inside Shipgate: read in the same snapshot in which the decision is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The lock on the environment, also an expired one.
    pub lock: Option<Lock>,
    /// The deploy that is active there.
    pub active: Option<Other>,
    /// Deploys that come first, in order.
    pub ahead: Vec<Other>,
    /// How the newest finished deploy of this commit on the environment before this one ended, and when.
    pub before: Option<(Timestamp, bool)>,
    /// When another commit took its place there since, where the rules ask how long it was there.
    pub before_left: Option<Timestamp>,
    /// A way back that was taken here since this was asked for.
    pub rolled_back: Option<WayBack>,
    /// Whether a deploy of this commit to the environment before this one is on its way.
    pub before_is_open: bool,
    /// Whether this commit has ever succeeded here.
    pub known_here: bool,
    /// The commit that last succeeded here, where an action is to act on it.
    pub live: Option<CommitId>,
    /// How many come after it in line, counted up to [`BEHIND_COUNTED`].
    pub behind: u32,
    /// How long deploys here took lately, by service.
    pub usual: Vec<Usual>,
    /// Since when and why nothing is started anywhere: the self-check found what must never be.
    pub stopped: Option<(Timestamp, String)>,
}

/// One question to all gates: this deploy, these rules, these facts, now.
pub struct Case<'a> {
    /// The deploy.
    pub deploy: &'a Deploy,
    /// The rules.
    pub policy: &'a Policy,
    /// The rules of its environment.
    pub environment: &'a Environment,
    /// Its service.
    pub service: &'a Service,
    /// Schedules and freezes, from settings and chat.
    pub calendar: &'a Calendar,
    /// What is known inside.
    pub place: &'a Place,
    /// The instant of judgement.
    pub now: Timestamp,
    /// Who wrote what would go live, once a gate has asked for it.
    pub authors: Authors,
}

impl Case<'_> {
    /// The instant for which rules of time are judged: the planned start, once it has come the present.
    #[must_use]
    pub fn then(&self) -> Timestamp {
        self.deploy.request.when.instant().map_or(self.now, |at| at.max(self.now))
    }
}
