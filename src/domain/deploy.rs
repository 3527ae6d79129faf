//! A deploy: what was asked, what it became, and the only way it changes. Not here: whether it may start (`gates`).

mod digest;
mod event;
mod past;
mod step;
#[cfg(test)]
mod tests;

pub use digest::{filled, plan_and_digest};
pub use event::{Event, Resolution};
pub use past::{Past, WayBack};
pub use step::{ASK_AFTER, Ask, BELIEVE_FOR, Do, GIVE_UP_AFTER, Illegal, SEND_TIME, Step};

use crate::checklist::Stroke;
use crate::facts::{Diff, Outside, Pin, Read};
use crate::gates::{Reason, Verdict};
use crate::ids::{
    Account, ActionName, CommitId, DeployId, Digest, EnvironmentName, PersonId, PolicyVersion, ServiceName,
    Version,
};
use crate::run::{Conclusion, Progress, Run, RunPlan, Standing};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// One person's yes to exactly one digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: PersonId,
    /// Through which account.
    pub account: Account,
    /// To what.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// What they said with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The closed hours, freezes and migrations that the card showed them: their yes is to these and no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<String>,
    /// When they took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
}

/// An override's yes lasts no longer than this, however long approvals do.
pub const OVERRIDE_LASTS: SignedDuration = SignedDuration::from_hours(4);

impl Approval {
    /// A yes to a digest, with nothing said, that passes no closed gate.
    #[must_use]
    pub fn plain(by: PersonId, account: Account, digest: Digest, at: Timestamp) -> Self {
        Self { by, account, digest, at, comment: None, passes: Vec::new(), withdrawn: None }
    }

    /// Whether it covers everything that an emergency asks to pass, at an instant.
    #[must_use]
    pub fn covers(&self, asked: &[String], now: Timestamp) -> bool {
        let end = self.at.saturating_add(OVERRIDE_LASTS).unwrap_or(Timestamp::MAX);
        asked.is_empty() || (now < end && asked.iter().all(|one| self.passes.contains(one)))
    }
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

/// Where a deploy is in its life. A state carries exactly the data that exists in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The version is being resolved.
    Requested {
        /// What keeps it from being resolved, for people.
        problem: Option<String>,
    },
    /// At least one gate is not open.
    Waiting {
        /// Since when.
        since: Timestamp,
        /// When it is given up, excluded.
        expires: Timestamp,
    },
    /// The intent to start is recorded; the run is not known yet.
    Dispatching {
        /// The intent.
        intent: Intent,
        /// How far the send is.
        phase: Phase,
        /// Set when somebody asked to stop it meanwhile.
        cancel: Option<CancelAsked>,
    },
    /// Bound to one run.
    Running {
        /// The intent.
        intent: Intent,
        /// The run.
        run: Run,
        /// When it was bound.
        since: Timestamp,
        /// How far it is.
        progress: Progress,
        /// Set when somebody asked to stop it.
        cancel: Option<CancelAsked>,
    },
    /// Over. Final.
    Done {
        /// How it ended.
        outcome: Outcome,
        /// When.
        at: Timestamp,
        /// The run, if there was one.
        ran: Option<Ran>,
    },
}

/// The recorded decision to start attempt `attempt`, with everything that was true when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// 1, 2, 3 …
    pub attempt: u32,
    /// When the gates were judged and the intent committed.
    pub at: Timestamp,
    /// After this instant nothing is sent for this intent; the gates are judged again.
    pub send_by: Timestamp,
    /// When the request is given up if this intent comes to nothing.
    pub expires: Timestamp,
    /// What is sent.
    pub plan: RunPlan,
    /// What was approved.
    pub digest: Digest,
}

/// How far a send is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Nothing has left yet.
    Ready,
    /// Marked as sent, before the first byte left. From here the outcome is unknown until proven.
    Sent {
        /// When it was marked.
        at: Timestamp,
    },
    /// The CI system said yes but gave no run id.
    Accepted {
        /// When it was marked as sent.
        at: Timestamp,
    },
    /// No usable answer came.
    Unknown {
        /// When it was marked as sent.
        at: Timestamp,
        /// What came instead of an answer, for people.
        why: String,
        /// When people are to be asked.
        ask_at: Timestamp,
        /// When they were asked, if they were.
        asked: Option<Timestamp>,
    },
}

/// Somebody wants it stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAsked {
    /// Who.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Why, where they said so.
    pub reason: Option<String>,
    /// Only while the run waits for a machine: what has started is never left half done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unless_started: bool,
}

/// How a deploy ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A gate was closed; see the verdicts.
    Refused,
    /// Somebody who may approve said no.
    Rejected {
        /// Who.
        by: PersonId,
        /// Why.
        reason: String,
    },
    /// Somebody stopped it.
    Cancelled {
        /// Who.
        by: PersonId,
        /// Why, where they said so.
        reason: Option<String>,
    },
    /// Nobody opened its gates in time.
    Expired,
    /// The same person asked for something newer there, before this had started.
    Superseded {
        /// What took its place.
        by: Replaced,
    },
    /// The run succeeded, by an authenticated read.
    Succeeded,
    /// The run did not succeed, or could not be started.
    Failed {
        /// Why, for people.
        why: String,
        /// Somebody looked at it and put it away.
        closed_by: Option<PersonId>,
    },
    /// Nobody could say whether a run started. The environment is quarantined.
    Unknown,
}

/// What a finished deploy ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The run.
    pub run: Run,
    /// When it was bound.
    pub since: Timestamp,
    /// How it ended.
    pub progress: Progress,
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

impl State {
    /// The state's name: `waiting`, or for a finished deploy its outcome: `succeeded`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            State::Requested { .. } => "requested",
            State::Waiting { .. } => "waiting",
            State::Dispatching { phase: Phase::Unknown { .. }, .. } => "unknown",
            State::Dispatching { .. } => "dispatching",
            State::Running { .. } => "running",
            State::Done { outcome, .. } => outcome.name(),
        }
    }
}

impl Outcome {
    /// The outcome's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Refused => "refused",
            Outcome::Rejected { .. } => "rejected",
            Outcome::Cancelled { .. } => "cancelled",
            Outcome::Expired => "expired",
            Outcome::Superseded { .. } => "superseded",
            Outcome::Succeeded => "succeeded",
            Outcome::Failed { .. } => "failed",
            Outcome::Unknown => "outcome_unknown",
        }
    }
}

/// Why a run that ended this way failed; none when it succeeded. A run whose jobs were all left out did nothing, and
/// nothing is no success (INVARIANTS S14).
fn failure(conclusion: &Conclusion, progress: &Progress) -> Option<String> {
    if *conclusion == Conclusion::Success {
        let is_idle =
            !progress.jobs.is_empty() && progress.jobs.iter().all(|j| j.standing == Standing::Skipped);
        return is_idle.then(|| "the run ended well, but all of its jobs were skipped".to_owned());
    }
    let place = progress.failed.as_ref().map(|failed| match &failed.step {
        Some(step) => format!(" in “{}”, step “{step}”", failed.job),
        None => format!(" in “{}”", failed.job),
    });
    Some(format!("the run {}{}", conclusion.phrase(), place.unwrap_or_default()))
}
