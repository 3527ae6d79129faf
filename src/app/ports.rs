//! What the use cases need from the world, in our words. Not here: any vendor's words, any implementation.

use crate::inbound::ReplyTo;
use crate::words::{Body, Form, Message};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shipgate_domain::calendar::{FeedContent, FeedSource};
use shipgate_domain::facts::{Change, Check, Pin, Reviews, SeenThere};
use shipgate_domain::ids::{Account, CommitId, DeployId, Platform, Version};
use shipgate_domain::people::{AccountFacts, OutsideGroup};
use shipgate_domain::policy::{Pipeline, Provider};
use shipgate_domain::run::{Progress, Run, RunPlan};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::store::Store;

/// The time. Rules are judged by `now`; leases are measured by `lease_now`, which nobody can move in the demo.
pub trait Clock: Send + Sync {
    /// The instant by which rules are judged.
    fn now(&self) -> Timestamp;
    /// The instant by which leases are measured.
    fn lease_now(&self) -> Timestamp {
        self.now()
    }
}

/// Randomness: ids and button tokens.
pub trait Random: Send + Sync {
    /// Fills the slice with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Another system could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutsideError {
    /// It may work later: no answer, an overload, a rate limit.
    #[error("{why}")]
    Later {
        /// What happened, for people: "GitHub does not answer (timeout after 10 s)".
        why: String,
        /// How long to wait at least, where it said so.
        after: Option<SignedDuration>,
    },
    /// It said no, and asking again changes nothing: no permission, no such repository.
    #[error("{why}")]
    Refused {
        /// What happened and what to do, for people.
        why: String,
    },
}

/// What a version is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// One commit.
    Pin(Pin),
    /// Nothing has this name.
    Unknown,
    /// More than one thing has this name.
    Ambiguous {
        /// Which things, for people.
        what: String,
    },
}

/// How one commit differs from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// New commits, newest first, at most 250.
    pub commits: Vec<Change>,
    /// How many are new in all.
    pub total: u64,
    /// How many are lost.
    pub behind: u64,
    /// A page that shows it.
    pub url: Option<String>,
}

/// A version that could be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Its name.
    pub version: Version,
    /// Its commit.
    pub commit: CommitId,
}

/// Where code is kept: reads versions, checks, differences. Every call may be repeated.
#[async_trait]
pub trait Repositories: Send + Sync {
    /// What a version is. A tag comes before a branch; a word that is both a tag and a branch is ambiguous.
    async fn resolve(&self, repo: &str, version: &Version) -> Result<Resolved, OutsideError>;
    /// Whether `commit` is `branch`'s head or one of its ancestors.
    async fn is_reachable(&self, repo: &str, commit: &CommitId, branch: &str) -> Result<bool, OutsideError>;
    /// What `head` has that `base` has not.
    async fn compare(&self, repo: &str, base: &CommitId, head: &CommitId)
    -> Result<Comparison, OutsideError>;
    /// All checks on a commit, complete, the newest of each name.
    async fn checks(&self, repo: &str, commit: &CommitId) -> Result<Vec<Check>, OutsideError>;
    /// The accounts in a team of the code host, by the team's id, complete. `repos`: repositories of the settings,
    /// whose owners may keep it.
    async fn members(&self, team: &str, _repos: &[String]) -> Result<Vec<Account>, OutsideError> {
        let why = format!("nobody can say who is in team {team}: this code host has no teams");
        Err(OutsideError::Refused { why })
    }
    /// Recent versions, newest first.
    async fn recent(&self, repo: &str, limit: usize) -> Result<Vec<Recent>, OutsideError>;
    /// Names of the checks that the host demands of commits on a branch.
    async fn required_checks(&self, repo: &str, _branch: &str) -> Result<Vec<String>, OutsideError> {
        Err(cannot_tell(repo, "which checks are required", "checks = \"all\", or a list of names"))
    }
    /// How the commits were reviewed on their way to a branch: every pull request that brought one, complete. Reads
    /// what the host demands of the branch only when told to, and nothing more when it demands nothing.
    async fn reviews(
        &self,
        repo: &str,
        _branch: &str,
        _: &[CommitId],
        _is_demand_read: bool,
    ) -> Result<Reviews, OutsideError> {
        Err(cannot_tell(repo, "how a change was reviewed", "reviews = \"none\""))
    }
    /// Files that `head` has added or changed since it and `base` parted. Complete, or an error.
    async fn changed_files(
        &self,
        repo: &str,
        _base: &CommitId,
        _head: &CommitId,
    ) -> Result<Vec<String>, OutsideError> {
        Err(cannot_tell(repo, "which files changed", "no `migrations` for the service"))
    }
    /// What the host's own list tells of deploys to an environment, above all of exactly this commit.
    async fn seen(
        &self,
        repo: &str,
        _commit: &CommitId,
        _environment: &str,
    ) -> Result<SeenThere, OutsideError> {
        Err(cannot_tell(repo, "what others deployed", "no `seen` for the environment"))
    }
    /// What a workflow file is on a branch, as an identity that changes with every change of it. None: there is no such
    /// file, or nothing like it here.
    async fn workflow(
        &self,
        _repo: &str,
        _branch: &str,
        _file: &str,
    ) -> Result<Option<String>, OutsideError> {
        Ok(None)
    }
}

fn cannot_tell(repo: &str, what: &str, instead: &str) -> OutsideError {
    OutsideError::Refused { why: format!("{repo} cannot tell {what}: write {instead} in shipgate.toml") }
}

/// Where built things are kept.
#[async_trait]
pub trait Artifacts: Send + Sync {
    /// Whether an address answers with success. A clear “not there” is false; anything else is an error.
    async fn is_there(&self, address: &str) -> Result<bool, OutsideError>;
    /// Whether a container image is in its registry.
    async fn has_image(&self, image: &str) -> Result<bool, OutsideError>;
}

/// What became of a request to start a run (INVARIANTS 5.4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Accepted, and this is the run.
    Started(Run),
    /// Accepted; the run's id is not known yet.
    Accepted,
    /// Refused for certain; asking again the same way changes nothing.
    Refused {
        /// Why and what to do, for people.
        why: String,
    },
    /// Not started, for certain: no byte was sent, or a rate limit refused it before any work.
    NotSent {
        /// Why, for people.
        why: String,
        /// How long to wait at least, where it said so.
        after: Option<SignedDuration>,
    },
    /// Anything else: it may or may not have started.
    Unknown {
        /// What came instead of an answer, for people.
        why: String,
    },
}

/// What the CI system says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The run, with its current attempt.
    pub run: Run,
    /// How far it is. `Standing::Ended` only when the run itself says so.
    pub progress: Progress,
}

/// New output of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Whole lines, without terminal codes.
    pub lines: Vec<String>,
    /// Where the next piece begins.
    pub next: u64,
}

/// A run that carries the id of a deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The run.
    pub run: Run,
    /// The deploy whose id it carries.
    pub deploy: DeployId,
    /// What the CI system calls it; harmless text.
    pub title: String,
}

/// A CI system: starts, finds, reads and stops runs.
#[async_trait]
pub trait Pipelines: Send + Sync {
    /// Sends the plan once: no retry of any kind inside, no redirect. Ends before `SEND_TIME` is over, whatever it
    /// waits for: after that, a missing answer is taken for lost.
    async fn send(&self, plan: &RunPlan) -> Sent;
    /// All runs that carry the plan's deploy id and could come from a send at or after `since`. Complete, or an error.
    async fn find(&self, plan: &RunPlan, since: Timestamp) -> Result<Vec<Run>, OutsideError>;
    /// All runs since then that carry the id of any deploy, oldest first. Complete, or an error.
    async fn since(&self, pipeline: &Pipeline, _since: Timestamp) -> Result<Vec<Seen>, OutsideError> {
        let why = format!("runs of {} cannot be listed: look there by hand", pipeline.repo);
        Err(OutsideError::Refused { why })
    }
    /// How far a run is. May be repeated as often as wanted: unchanged answers cost little.
    async fn read(&self, plan: &RunPlan, run: &Run) -> Result<Report, OutsideError>;
    /// Asks for a run to be stopped. Stopping a finished run is no error.
    async fn stop(&self, plan: &RunPlan, run: &Run) -> Result<(), OutsideError>;
    /// What a run has printed since `from` (0, or the `next` of the piece before), for systems that tell while it runs.
    async fn output(&self, _plan: &RunPlan, _run: &Run, from: u64) -> Result<Output, OutsideError> {
        Ok(Output { lines: Vec::new(), next: from })
    }
    /// The last lines that a finished run printed, for systems that do not tell while it runs.
    async fn said(
        &self,
        _plan: &RunPlan,
        _run: &Run,
        _progress: &Progress,
    ) -> Result<Vec<String>, OutsideError> {
        Ok(Vec::new())
    }
    /// The run that a person's link or id means, if it belongs to the plan's repository.
    async fn identify(&self, plan: &RunPlan, link: &str) -> Result<Option<Run>, OutsideError>;
}

/// What came of reading a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It still says what it said under the mark.
    Unchanged,
    /// This is all of it.
    New {
        /// What it says.
        content: FeedContent,
        /// By what the other side knows this content, for the next question.
        mark: Option<String>,
    },
}

/// Calendars that others keep.
#[async_trait]
pub trait Calendars: Send + Sync {
    /// Reads one, whole: what it could not understand all of is an error. With the mark of the last answer, the other
    /// side may say that nothing changed. May be repeated.
    async fn read(&self, source: &FeedSource, known: Option<&str>) -> Result<Fetched, OutsideError>;
}

/// The CI systems, code hosts and calendars that are configured.
#[derive(Clone, Default)]
pub struct Providers {
    pipelines: BTreeMap<Provider, Arc<dyn Pipelines>>,
    repositories: BTreeMap<Provider, Arc<dyn Repositories>>,
    calendars: Option<Arc<dyn Calendars>>,
    artifacts: Option<Arc<dyn Artifacts>>,
}

impl Providers {
    /// Adds a system.
    #[must_use]
    pub fn with(
        mut self,
        name: Provider,
        pipelines: Arc<dyn Pipelines>,
        repositories: Arc<dyn Repositories>,
    ) -> Self {
        self.pipelines.insert(name, pipelines);
        self.repositories.insert(name, repositories);
        self
    }

    /// Sets what reads the calendars of others.
    #[must_use]
    pub fn with_calendars(self, calendars: Arc<dyn Calendars>) -> Self {
        Self { calendars: Some(calendars), ..self }
    }

    /// What reads the calendars of others.
    ///
    /// # Errors
    /// `Refused` when nothing does.
    pub fn calendars(&self) -> Result<&dyn Calendars, OutsideError> {
        let missing = || OutsideError::Refused { why: "calendars of others are not read here".to_owned() };
        self.calendars.as_deref().ok_or_else(missing)
    }

    /// Adds where built things are looked for.
    #[must_use]
    pub fn with_artifacts(mut self, artifacts: Arc<dyn Artifacts>) -> Self {
        self.artifacts = Some(artifacts);
        self
    }

    /// Where built things are looked for.
    ///
    /// # Errors
    /// `Refused` when this program looks nowhere.
    pub fn artifacts(&self) -> Result<&dyn Artifacts, OutsideError> {
        let why = || OutsideError::Refused { why: "this server looks for no artifacts".to_owned() };
        self.artifacts.as_deref().ok_or_else(why)
    }

    fn missing(name: Provider) -> OutsideError {
        let why = format!("provider “{}” is not configured: add its section to shipgate.toml", name.as_str());
        OutsideError::Refused { why }
    }

    /// The CI system behind a provider.
    ///
    /// # Errors
    /// `Refused` when it is not configured.
    pub fn pipelines(&self, name: Provider) -> Result<&dyn Pipelines, OutsideError> {
        self.pipelines.get(&name).map(AsRef::as_ref).ok_or_else(|| Self::missing(name))
    }

    /// The code host behind a provider.
    ///
    /// # Errors
    /// `Refused` when it is not configured.
    pub fn repositories(&self, name: Provider) -> Result<&dyn Repositories, OutsideError> {
        self.repositories.get(&name).map(AsRef::as_ref).ok_or_else(|| Self::missing(name))
    }
}

/// A message that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRef {
    /// The platform's id of the channel.
    pub channel: String,
    /// The platform's id of the message in it.
    pub id: String,
}

/// A message to post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Channel, as in the settings (`#deployments`) or by id.
    pub channel: String,
    /// The message in whose thread it goes.
    pub thread: Option<MessageRef>,
    /// What it says.
    pub body: Body,
    /// Names this message for ever: two posts with the same key are one message.
    pub key: String,
}

/// A chat platform could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// It may work later.
    #[error("{why}")]
    Later {
        /// What happened.
        why: String,
        /// How long to wait at least, where it said so.
        after: Option<SignedDuration>,
    },
    /// Nothing was tried: more is waiting for this place than the platform takes.
    #[error("more is waiting to be written there than the platform takes")]
    NotYet {
        /// When its turn may come.
        after: SignedDuration,
    },
    /// The message is gone or cannot be edited any more: post it again.
    #[error("{why}")]
    Gone {
        /// What happened.
        why: String,
    },
    /// It said no, and asking again changes nothing.
    #[error("{why}")]
    Refused {
        /// What happened and what to do.
        why: String,
    },
}

/// A chat platform.
#[async_trait]
pub trait Chat: Send + Sync {
    /// Which one.
    fn platform(&self) -> Platform;
    /// The platform's id of a channel as the settings name it.
    async fn channel(&self, name: &str) -> Result<String, ChatError>;
    /// Posts a message. With `again`, an earlier try may have succeeded unseen: looks for a message with this key
    /// first, and returns that one if it is there.
    async fn post(&self, post: &Post, again: bool) -> Result<MessageRef, ChatError>;
    /// Replaces what a message says. `ChatError::Gone` when that is impossible.
    async fn edit(&self, message: &MessageRef, body: &Body) -> Result<(), ChatError>;
    /// Answers one person privately.
    async fn reply(&self, to: &ReplyTo, message: &Message) -> Result<(), ChatError>;
    /// Opens a form for the person whose command or click gave the trigger.
    async fn open_form(&self, to: &ReplyTo, form: &Form) -> Result<(), ChatError>;
    /// Writes the topic of a channel, which everybody sees above its messages.
    async fn set_topic(&self, channel: &str, topic: &str) -> Result<(), ChatError>;
    /// What the platform says of an account now.
    async fn account(&self, account: &Account) -> Result<AccountFacts, ChatError>;
    /// The accounts in a group now, complete.
    async fn members(&self, group: &OutsideGroup) -> Result<Vec<Account>, ChatError>;
}
