//! The only way a deploy changes: state outside, event inside, no wildcards. Not here: carrying out what follows.

mod dispatching;
mod done;
mod requested;
mod running;
mod waiting;

use super::{Deploy, Event, Outcome, Ran, Resolution, State};
use crate::checklist::Marks;
use crate::ids::{Digest, PersonId};
use crate::people::{Action, Authorized};
use jiff::{SignedDuration, Timestamp};

/// After this long without a run, people are asked (INVARIANTS 5.4.7: 45 min was needed in an incident).
pub const ASK_AFTER: SignedDuration = SignedDuration::from_mins(60);
/// After this long without an answer from people, the outcome is recorded as unknown (INVARIANTS 5.4.8).
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(4);
/// A start is decided only by what other systems said at most this long ago (INVARIANTS S1).
pub const BELIEVE_FOR: SignedDuration = SignedDuration::from_secs(60);
/// How much longer is looked when people ask for it.
const WAIT_MORE: SignedDuration = SignedDuration::from_mins(30);
/// A send has ended, one way or another, after this long.
pub const SEND_TIME: SignedDuration = SignedDuration::from_secs(35);

/// What an event does in one state: what must follow, or `None` for old news that changes nothing.
type Change = Result<Option<Vec<Do>>, Illegal>;

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// What a person wants of a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Say yes to this digest, perhaps with a word.
    Approve(Digest, Option<String>),
    /// Take one's yes back.
    Withdraw,
    /// Say no.
    Reject(String),
    /// Pause.
    Hold(String),
    /// Go on.
    Resume,
    /// Stop.
    Cancel(Option<String>),
    /// Say what became of it.
    Resolve(Resolution),
    /// Set and take away ticks that were drawn for this digest.
    Mark {
        /// For what.
        digest: Digest,
        /// On which drawing of the card.
        drawing: String,
        /// Which.
        marks: Marks,
    },
    /// Put a failure away.
    Close,
}

impl Ask {
    /// What somebody must be allowed to do for it.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Ask::Approve(..) | Ask::Withdraw => Action::Approve,
            Ask::Reject(_) => Action::Reject,
            Ask::Hold(_) | Ask::Resume => Action::Hold,
            Ask::Cancel(_) | Ask::Close => Action::Cancel,
            Ask::Resolve(_) => Action::Resolve,
            Ask::Mark { .. } => Action::Tick,
        }
    }
}

/// What must follow a change. Stored with it in one transaction, carried out later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Judge the gates, now or at an instant.
    Judge(Option<Timestamp>),
    /// Send the intent.
    Send,
    /// Look for the run.
    Reconcile(Timestamp),
    /// Read the run.
    Follow(Timestamp),
    /// Ask the CI system to stop the run.
    StopRun,
    /// Announce the result, once.
    Announce,
    /// The place is free: judge those who wait for it.
    FreePlace,
    /// Keep everybody out of the environment until somebody decides.
    Quarantine,
}

/// A change and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The deploy after it.
    pub deploy: Deploy,
    /// What happened, for the record. None: it was old news and nothing changed.
    pub event: Option<Event>,
    /// What must follow.
    pub effects: Vec<Do>,
}

/// Why an event does not fit. For a person's event, the private answer to them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// It is too early or too late for that.
    #[error("a deploy that is {state} cannot take “{event}”")]
    WrongState {
        /// The state it is in.
        state: &'static str,
        /// The event that came.
        event: &'static str,
    },
    /// They approved this digest before.
    #[error("already approved by {by} at {at}")]
    AlreadyApproved {
        /// Who.
        by: PersonId,
        /// When.
        at: Timestamp,
    },
    /// The approval was for another digest.
    #[error("the approval was for digest {given}, which is no longer what would be deployed")]
    OtherDigest {
        /// What they saw.
        given: Digest,
    },
    /// They said no yes that could be taken back.
    #[error("no approval to withdraw")]
    NotApproved,
    /// Nothing is held.
    #[error("nothing is held")]
    NotHeld,
    /// It is held already.
    #[error("it is held already")]
    AlreadyHeld,
    /// The grant is for another action or place: a mistake in the caller.
    #[error("the grant does not fit this deploy")]
    WrongGrant,
    /// Somebody asked for the same before.
    #[error("stopping was asked for before")]
    AlreadyAsked,
}

impl Deploy {
    /// What a person wants, with the proof that they may.
    ///
    /// # Errors
    /// [`Illegal`] is the answer to give them; nothing changed.
    pub fn ask(&self, grant: &Authorized, ask: Ask, now: Timestamp) -> Result<Step, Illegal> {
        if grant.action() != ask.action() || grant.environment() != Some(&self.request.environment) {
            return Err(Illegal::WrongGrant);
        }
        let by = grant.person().clone();
        let event = match ask {
            Ask::Approve(digest, comment) => {
                let (account, passes) = (grant.account().clone(), self.to_pass());
                Event::Approved { by, account, digest, comment, passes }
            }
            Ask::Withdraw => Event::Withdrawn { by },
            Ask::Reject(reason) => Event::Rejected { by, reason },
            Ask::Hold(reason) => Event::Held { by, reason },
            Ask::Resume => Event::Resumed { by },
            Ask::Cancel(reason) => Event::CancelAsked { by, reason },
            Ask::Resolve(answer) => Event::Resolved { by, answer },
            Ask::Mark { digest, drawing, marks } => {
                let account = grant.account().clone();
                Event::Marked { by, account, digest, drawing, marks }
            }
            Ask::Close => Event::Closed { by },
        };
        self.step(event, now)
    }

    /// News from a rule, a timer or the CI system. A person's event is refused here: it needs [`Deploy::ask`].
    ///
    /// # Errors
    /// [`Illegal::WrongState`] when the news does not fit; nothing changed.
    pub fn learn(&self, event: Event, now: Timestamp) -> Result<Step, Illegal> {
        match event {
            Event::Approved { .. }
            | Event::Withdrawn { .. }
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::CancelAsked { .. }
            | Event::Resolved { .. }
            | Event::Marked { .. }
            | Event::Closed { .. } => Err(Illegal::WrongGrant),
            Event::Delayed { .. }
            | Event::Pinned { .. }
            | Event::RulesChanged { .. }
            | Event::WorkflowChanged { .. }
            | Event::Judged { .. }
            | Event::Refused { .. }
            | Event::FrozenOut { .. }
            | Event::WentOn
            | Event::Expired
            | Event::Superseded { .. }
            | Event::Replaced { .. }
            | Event::IntentMade { .. }
            | Event::IntentLapsed
            | Event::Sent
            | Event::SendRefused { .. }
            | Event::SendDelayed { .. }
            | Event::SendAccepted
            | Event::SendUnknown { .. }
            | Event::Bound { .. }
            | Event::Found { .. }
            | Event::PeopleAsked
            | Event::GivenUp
            | Event::Progressed { .. }
            | Event::Ended { .. } => self.step(event, now),
        }
    }

    /// The only way a deploy changes. Pure: same deploy, same event, same instant, same answer.
    fn step(&self, event: Event, now: Timestamp) -> Result<Step, Illegal> {
        let mut next = self.clone();
        next.revision += 1;
        let refused = Illegal::WrongState { state: self.state.name(), event: event.name() };
        let effects = match &self.state {
            State::Requested { .. } => next.in_requested(&event, now, refused)?,
            State::Waiting { since, expires } => next.in_waiting(&event, (*since, *expires), now, refused)?,
            State::Dispatching { intent, phase, cancel } => {
                let (intent, phase, cancel) = (intent.clone(), phase.clone(), cancel.clone());
                next.in_dispatching(&event, intent, &phase, cancel, now, refused)?
            }
            State::Running { intent, run, since, progress, cancel } => {
                let held = Ran { run: run.clone(), since: *since, progress: progress.clone() };
                next.in_running(&event, intent.clone(), held, cancel.clone(), now, refused)?
            }
            State::Done { outcome, .. } => next.in_done(&event, outcome.clone(), now, refused)?,
        };
        Ok(match effects {
            Some(effects) => Step { deploy: next, event: Some(event), effects },
            None => Step { deploy: self.clone(), event: None, effects: Vec::new() },
        })
    }

    fn end(&mut self, outcome: Outcome, at: Timestamp, ran: Option<Ran>) {
        self.state = State::Done { outcome, at, ran };
    }
}
