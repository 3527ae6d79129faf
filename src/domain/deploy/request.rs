//! What was asked for. Not here: what became of it (`state`).

use crate::ids::{Account, ActionName, CommitId, DeployId, EnvironmentName, PersonId, ServiceName, Version};
use crate::run::Run;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Deploy, rollback, re-run, or an action of the team's own.
    pub kind: Kind,
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
    /// What people typed for the version.
    pub version: Version,
    /// Who asked.
    pub by: PersonId,
    /// Through which account.
    pub account: Account,
    /// When.
    pub at: Timestamp,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// Why it cannot wait: asks for overrides of a closed schedule or freeze.
    pub emergency: Option<String>,
    /// When it may start, besides what the gates say.
    #[serde(default, skip_serializing_if = "StartWhen::is_now")]
    pub when: StartWhen,
    /// What is done knowingly although it is usually a mistake.
    #[serde(default, skip_serializing_if = "Accepts::is_empty")]
    pub accepts: Accepts,
}

/// What a requester knowingly accepts, each with the reason. Part of what is approved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepts {
    /// A deploy of an older commit than what runs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<String>,
    /// A way back over migrations that have no way down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub across_migrations: Option<String>,
}

impl Accepts {
    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When a deploy may start, besides what the gates say. Approvals bind to it, as to all that was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartWhen {
    /// As soon as every gate is open. A gate that is closed at the first look refuses it.
    #[default]
    Now,
    /// At this instant. The rules are judged for then, and again when it comes.
    At(Timestamp),
    /// As soon as every gate is open, however long the calendar is closed until then.
    WhenOpen,
}

/// A planned deploy that could not start within this time after its instant is given up: nobody expects it any more.
pub const PLAN_LASTS: SignedDuration = SignedDuration::from_hours(1);

impl StartWhen {
    /// Whether nothing was planned.
    #[must_use]
    pub fn is_now(&self) -> bool {
        *self == Self::Now
    }

    /// The planned instant.
    #[must_use]
    pub fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at),
            Self::Now | Self::WhenOpen => None,
        }
    }
}

/// What kind of request a deploy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Forward, the usual case.
    Deploy,
    /// Back to a commit that succeeded there before.
    Rollback {
        /// What is rolled away from, if anything runs there.
        from: Option<CommitId>,
    },
    /// The failed jobs of an earlier deploy's run, once more.
    Rerun {
        /// The earlier deploy.
        of: DeployId,
        /// Its run.
        run: Run,
    },
    /// A command that the team added: it starts a workflow and puts nothing in place.
    Action(Asked),
}

/// What a command that the team added was asked for with. Part of what is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The command.
    pub name: ActionName,
    /// Its arguments, as they stand in the run's inputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// The deploy that runs there, whose commit it acts on; none: it acts on the head of the service's branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<DeployId>,
    /// Whether it changes nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// What stands for the arguments that its command took then, with their limits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
}
