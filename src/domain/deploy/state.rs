//! Where a deploy is in its life, and how it ends. Not here: how it comes from one state to the next (`step`).

use super::Replaced;
use crate::ids::{Digest, PersonId};
use crate::run::{Conclusion, Progress, Run, RunPlan, Standing};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
pub(super) fn failure(conclusion: &Conclusion, progress: &Progress) -> Option<String> {
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
