//! Where a deploy is: what can be compared between the record and what is stored. Not here: how it came there (`course`).

use crate::deploy::{Deploy, Outcome, Phase, State};

/// Where a deploy is, as far as the record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Asked for.
    Requested,
    /// Waits for its gates.
    Waiting,
    /// The intent is recorded, nothing was sent.
    Ready,
    /// Marked as sent.
    Sent,
    /// Accepted, the run is not known.
    Accepted,
    /// Nobody knows whether it started.
    Unknown,
    /// Bound to a run.
    Running,
    /// Over: refused, rejected, cancelled, expired, succeeded, failed or of unknown outcome.
    Done(&'static str),
}

impl Place {
    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Ready | Self::Sent | Self::Accepted | Self::Unknown | Self::Running)
    }

    /// The state's stable name, as [`State::name`] has it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Ready | Self::Sent | Self::Accepted => "dispatching",
            Self::Unknown => "unknown",
            Self::Running => "running",
            Self::Done("failed and put away") => "failed",
            Self::Done("of unknown outcome") => "outcome_unknown",
            Self::Done(outcome) => outcome,
        }
    }

    /// The word for people and in findings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Ready => "ready to be sent",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Unknown => "unknown",
            Self::Running => "running",
            Self::Done(outcome) => outcome,
        }
    }
}

/// What can be compared between the record and a stored deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub(super) revision: u64,
    pub(super) place: Place,
    /// Only while it is not over.
    pub(super) open: Option<OpenSeen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenSeen {
    pub(super) attempts: u32,
    pub(super) digest: Option<String>,
    pub(super) run: Option<(String, u32)>,
}

impl Seen {
    /// What is stored of a deploy.
    #[must_use]
    pub fn of(deploy: &Deploy) -> Self {
        let place = match &deploy.state {
            State::Requested { .. } => Place::Requested,
            State::Waiting { .. } => Place::Waiting,
            State::Dispatching { phase: Phase::Ready, .. } => Place::Ready,
            State::Dispatching { phase: Phase::Sent { .. }, .. } => Place::Sent,
            State::Dispatching { phase: Phase::Accepted { .. }, .. } => Place::Accepted,
            State::Dispatching { phase: Phase::Unknown { .. }, .. } => Place::Unknown,
            State::Running { .. } => Place::Running,
            State::Done { outcome, .. } => Place::Done(match outcome {
                Outcome::Refused => "refused",
                Outcome::Rejected { .. } => "rejected",
                Outcome::Cancelled { .. } => "cancelled",
                Outcome::Expired => "expired",
                Outcome::Superseded { .. } => "superseded",
                Outcome::Succeeded => "succeeded",
                Outcome::Failed { closed_by: None, .. } => "failed",
                Outcome::Failed { closed_by: Some(_), .. } => "failed and put away",
                Outcome::Unknown => "of unknown outcome",
            }),
        };
        let run = match &deploy.state {
            State::Running { run, .. } => Some((run.id.to_string(), run.attempt)),
            State::Requested { .. }
            | State::Waiting { .. }
            | State::Dispatching { .. }
            | State::Done { .. } => None,
        };
        let digest = deploy.digest().map(ToString::to_string);
        let open = (!deploy.is_done()).then_some(OpenSeen { attempts: deploy.attempts, digest, run });
        Self { revision: deploy.revision, place, open }
    }

    /// How often it changed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}
