//! A deploy: what was asked, what it became, and the only way it changes. Not here: whether it may start (`gates`).

mod approval;
mod digest;
mod event;
mod past;
mod request;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use approval::{Approval, OVERRIDE_LASTS};
pub use digest::{filled, plan_and_digest};
pub use event::{Event, Resolution};
pub use past::{Past, WayBack};
pub use request::{Accepts, Asked, Kind, PLAN_LASTS, Request, StartWhen};
pub use state::{CancelAsked, Intent, Outcome, Phase, Ran, State};
pub use step::{ASK_AFTER, Ask, BELIEVE_FOR, Do, GIVE_UP_AFTER, Illegal, SEND_TIME, Step};

use crate::checklist::Stroke;
use crate::facts::{Diff, Outside, Pin, Read};
use crate::gates::{Reason, Verdict};
use crate::ids::{CommitId, DeployId, Digest, PersonId, PolicyVersion, Version};
use crate::run::{Progress, Run, RunPlan};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One request to put one commit of one service on one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    /// Its id.
    pub id: DeployId,
    /// What was asked; never changes.
    pub request: Request,
    /// Counts every change; a write names the number it read.
    pub revision: u64,
    /// The rules under which the digest was made.
    pub policy: PolicyVersion,
    /// What the version was resolved to, once it was.
    pub pinned: Option<Pinned>,
    /// What other systems said last.
    pub outside: Option<Outside>,
    /// Everybody who said yes, to which digest. Append-only.
    pub approvals: Vec<Approval>,
    /// Every press of a box of its checklist, for which digest. Append-only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strokes: Vec<Stroke>,
    /// A pause before the start.
    pub hold: Option<Hold>,
    /// What the gates said last.
    pub verdicts: Vec<Verdict>,
    /// How often a start was attempted.
    pub attempts: u32,
    /// Why the last attempt came to nothing, and when the next may be made.
    pub delay: Option<Delay>,
    /// What it took the place of: older requests of the same person that had not started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<Replaced>,
    /// Where it is in its life.
    pub state: State,
}

/// Another deploy, as far as cards name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its id.
    pub deploy: DeployId,
    /// What people typed for the version.
    pub version: Version,
}

/// The version, resolved once, and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The commit and what the word was.
    pub pin: Pin,
    /// What changes compared to what runs there; known to be none on the first deploy.
    pub diff: Read<Option<Diff>>,
    /// What will be sent.
    pub plan: RunPlan,
    /// What approvals bind to.
    pub digest: Digest,
}

/// A pause before the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who; nobody when the commit message asked for it.
    pub by: Option<PersonId>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// A start that came to nothing, for certain: what happened, and when to try again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// Why, for people.
    pub why: String,
    /// Not before this instant.
    pub until: Timestamp,
}

impl Deploy {
    /// A new request. It has no commit yet and no right to anything.
    #[must_use]
    pub fn new(id: DeployId, request: Request, policy: PolicyVersion) -> Self {
        Self {
            id,
            request,
            revision: 0,
            policy,
            pinned: None,
            outside: None,
            approvals: Vec::new(),
            strokes: Vec::new(),
            hold: None,
            verdicts: Vec::new(),
            attempts: 0,
            delay: None,
            replaces: Vec::new(),
            state: State::Requested { problem: None },
        }
    }

    /// The pinned commit.
    #[must_use]
    pub fn commit(&self) -> Option<&CommitId> {
        self.pinned.as_ref().map(|p| &p.pin.commit)
    }

    /// What approvals bind to.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.pinned.as_ref().map(|p| &p.digest)
    }

    /// When it is given up if its gates did not open, excluded; none once they did.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        match &self.state {
            State::Waiting { expires, .. } => Some(*expires),
            State::Requested { .. }
            | State::Dispatching { .. }
            | State::Running { .. }
            | State::Done { .. } => None,
        }
    }

    /// When a yes that was given grows too old, excluded: after the time for which the rules believe it. A yes to a
    /// deploy that was planned for later says yes to that time, so it counts until the plan ends.
    #[must_use]
    pub fn counts_until(&self, approval: &Approval, lasts: SignedDuration) -> Timestamp {
        let usual = approval.at.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        match self.request.when {
            StartWhen::Now => usual,
            StartWhen::At(_) | StartWhen::WhenOpen => self.expires().map_or(usual, |end| usual.max(end)),
        }
    }

    /// What people are asked to agree to besides the digest, or agreed to, as the gates said last: closed hours, freezes,
    /// migrations.
    #[must_use]
    pub fn to_pass(&self) -> Vec<String> {
        let mut all: Vec<String> = self.verdicts.iter().flat_map(|v| v.reason.passes()).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether it holds its place in the environment: a start was decided and its end is not known.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Dispatching { .. } | State::Running { .. })
    }

    /// Whether its life is over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done { .. })
    }

    /// When its life ended.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        match &self.state {
            State::Done { at, .. } => Some(*at),
            State::Requested { .. }
            | State::Waiting { .. }
            | State::Dispatching { .. }
            | State::Running { .. } => None,
        }
    }

    /// Whether it is over and had a run, or nobody could say whether it had one.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match &self.state {
            State::Done { outcome, ran, .. } => ran.is_some() || *outcome == Outcome::Unknown,
            State::Requested { .. }
            | State::Waiting { .. }
            | State::Dispatching { .. }
            | State::Running { .. } => false,
        }
    }

    /// Whether its run succeeded.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        matches!(self.state, State::Done { outcome: Outcome::Succeeded, .. })
    }

    /// Whether it is a way back.
    #[must_use]
    pub fn is_rollback(&self) -> bool {
        matches!(self.request.kind, Kind::Rollback { .. })
    }

    /// What it was asked for with, if it is an action of the team's own.
    #[must_use]
    pub fn action(&self) -> Option<&Asked> {
        match &self.request.kind {
            Kind::Action(asked) => Some(asked),
            Kind::Deploy | Kind::Rollback { .. } | Kind::Rerun { .. } => None,
        }
    }

    /// Whether its run puts its commit in place. Only such a deploy says what runs there: an action does not, however
    /// it ends.
    #[must_use]
    pub fn puts_in_place(&self) -> bool {
        self.action().is_none()
    }

    /// Whether it acts on the commit that runs there, so that no commit is new.
    #[must_use]
    pub fn acts_on_live(&self) -> bool {
        self.action().is_some_and(|asked| asked.live.is_some())
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.action().is_some_and(|asked| asked.read_only)
    }

    /// The run, while it runs and after.
    #[must_use]
    pub fn run(&self) -> Option<&Run> {
        match &self.state {
            State::Running { run, .. } => Some(run),
            State::Done { ran: Some(ran), .. } => Some(&ran.run),
            State::Requested { .. }
            | State::Waiting { .. }
            | State::Dispatching { .. }
            | State::Done { .. } => None,
        }
    }

    /// How far the run is, while it runs and after.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        match &self.state {
            State::Running { progress, .. } => Some(progress),
            State::Done { ran: Some(ran), .. } => Some(&ran.progress),
            State::Requested { .. }
            | State::Waiting { .. }
            | State::Dispatching { .. }
            | State::Done { .. } => None,
        }
    }

    /// Whether a newer request takes its place where the rules of the environment say so: of the same person, for the
    /// same service there, while this has not started. What was planned for another time is meant besides it, and only
    /// a rollback takes the place of a rollback. Neither a command of the team's own nor failed jobs that run again take
    /// a place, and such a command gives way to nothing.
    #[must_use]
    pub fn is_superseded_by(&self, newer: &Deploy) -> bool {
        let (one, other) = (&self.request, &newer.request);
        let has_not_started = matches!(self.state, State::Requested { .. } | State::Waiting { .. });
        let is_same_time = match (one.when, other.when) {
            (StartWhen::At(one), StartWhen::At(other)) => one == other,
            (StartWhen::At(_), _) | (_, StartWhen::At(_)) => false,
            (StartWhen::Now | StartWhen::WhenOpen, StartWhen::Now | StartWhen::WhenOpen) => true,
        };
        let says_again = |newer: &Deploy| matches!(newer.request.kind, Kind::Deploy | Kind::Rollback { .. });
        has_not_started
            && self.puts_in_place()
            && says_again(newer)
            && self.id < newer.id
            && one.by == other.by
            && one.service == other.service
            && one.environment == other.environment
            && is_same_time
            && (newer.is_rollback() || !self.is_rollback())
    }

    /// How cards of others name it.
    #[must_use]
    pub fn named(&self) -> Replaced {
        Replaced { deploy: self.id.clone(), version: self.request.version.clone() }
    }

    /// Its place in the queue: rollbacks first, then emergencies that people agreed to, then everybody in the order of
    /// asking. Calling something an emergency alone brings nobody forward.
    #[must_use]
    pub fn queue_key(&self) -> (u8, &DeployId) {
        let is_agreed = |v: &Verdict| matches!(v.reason, Reason::Overridden { .. });
        let class = match &self.request.kind {
            Kind::Rollback { .. } => 0,
            Kind::Deploy | Kind::Rerun { .. } | Kind::Action(_) if self.verdicts.iter().any(is_agreed) => 1,
            Kind::Deploy | Kind::Rerun { .. } | Kind::Action(_) => 2,
        };
        (class, &self.id)
    }
}
