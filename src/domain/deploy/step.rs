//! The transition table: state outside, event inside, no wildcards. Not here: carrying out what follows.

use super::{
    Approval, CancelAsked, Delay, Deploy, Hold, Intent, Outcome, Phase, Pinned, Ran, State, failure,
};
use crate::facts::Outside;
use crate::gates::Verdict;
use crate::ids::{Account, Digest, PersonId, PolicyVersion};
use crate::people::{Action, Authorized};
use crate::run::{Conclusion, Progress, Run, RunPlan};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// After this long without a run, people are asked (INVARIANTS 5.4.7: 45 min was needed in an incident).
pub const ASK_AFTER: SignedDuration = SignedDuration::from_mins(60);
/// After this long without an answer from people, the outcome is recorded as unknown.
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(5);

/// How much longer is looked when people ask for it.
pub const WAIT_MORE: SignedDuration = SignedDuration::from_mins(30);
/// A send has ended, one way or another, after this long.
pub const SEND_TIME: SignedDuration = SignedDuration::from_secs(35);

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// What happened to a deploy. Past tense; its stored form is the audit record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The version cannot be resolved yet.
    Delayed {
        /// Why, for people.
        problem: String,
    },
    /// The version was resolved.
    Pinned {
        /// To what.
        pinned: Box<Pinned>,
        /// When it is given up if its gates stay closed.
        expires: Timestamp,
    },
    /// The rules changed while it waited; the digest is new and approvals of the old one no longer count.
    RulesChanged {
        /// The new rules.
        policy: PolicyVersion,
        /// What would be sent now.
        plan: RunPlan,
        /// What approvals must bind to now.
        digest: Digest,
    },
    /// The gates were judged, and it cannot start yet.
    Judged {
        /// What they said.
        verdicts: Vec<Verdict>,
        /// What they looked at.
        outside: Option<Outside>,
    },
    /// The gates were judged, and it will never start.
    Refused {
        /// What they said.
        verdicts: Vec<Verdict>,
        /// What they looked at.
        outside: Option<Outside>,
    },
    /// Somebody said yes.
    Approved {
        /// Who.
        by: PersonId,
        /// Through which account.
        account: Account,
        /// To what.
        digest: Digest,
    },
    /// Somebody said no.
    Rejected {
        /// Who.
        by: PersonId,
        /// Why.
        reason: String,
    },
    /// Somebody paused it.
    Held {
        /// Who.
        by: PersonId,
        /// Why.
        reason: String,
    },
    /// Somebody let it go on.
    Resumed {
        /// Who.
        by: PersonId,
    },
    /// Somebody wants it stopped.
    CancelAsked {
        /// Who.
        by: PersonId,
        /// Why, where they said so.
        reason: Option<String>,
    },
    /// Its time ran out.
    Expired,
    /// All gates were open; the decision to start is recorded.
    IntentMade {
        /// What the gates said.
        verdicts: Vec<Verdict>,
        /// What they looked at.
        outside: Outside,
        /// Nothing is sent for it after this instant.
        send_by: Timestamp,
    },
    /// Nothing was sent before the deadline of the intent; the gates are judged again.
    IntentLapsed,
    /// Marked as sent, before the first byte left.
    Sent,
    /// The CI system refused, for certain.
    SendRefused {
        /// Why, for people.
        why: String,
    },
    /// Nothing was started, for certain, and another attempt makes sense.
    SendDelayed {
        /// Why, for people.
        why: String,
        /// When to try again.
        until: Timestamp,
    },
    /// The CI system accepted and gave no run id.
    SendAccepted,
    /// No usable answer came.
    SendUnknown {
        /// What came instead, for people.
        why: String,
    },
    /// The run is known.
    Bound {
        /// The run.
        run: Run,
    },
    /// No run was found in time; people were asked.
    PeopleAsked,
    /// Somebody said what became of it.
    Resolved {
        /// Who.
        by: PersonId,
        /// What they said.
        answer: Resolution,
    },
    /// Nobody could say.
    GivenUp,
    /// The run was read, and something changed.
    Progressed {
        /// The run, with its attempt.
        run: Run,
        /// How far it is.
        progress: Progress,
    },
    /// The run was read, and it is over.
    Ended {
        /// The run, with its attempt.
        run: Run,
        /// How it ended.
        conclusion: Conclusion,
        /// Its jobs.
        progress: Progress,
    },
    /// Somebody put a failed deploy away.
    Closed {
        /// Who.
        by: PersonId,
    },
}

/// What a person says became of a run whose start is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Resolution {
    /// It did not start.
    DidNotStart,
    /// It started, and this is the run.
    Started {
        /// The run.
        run: Run,
    },
    /// Nobody knows yet: ask again later.
    WaitMore,
}

/// What a person wants of a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Say yes to this digest.
    Approve(Digest),
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
    /// Put a failure away.
    Close,
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

impl Event {
    /// The event's name as in its stored form.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Event::Delayed { .. } => "delayed",
            Event::Pinned { .. } => "pinned",
            Event::RulesChanged { .. } => "rules_changed",
            Event::Judged { .. } => "judged",
            Event::Refused { .. } => "refused",
            Event::Approved { .. } => "approved",
            Event::Rejected { .. } => "rejected",
            Event::Held { .. } => "held",
            Event::Resumed { .. } => "resumed",
            Event::CancelAsked { .. } => "cancel_asked",
            Event::Expired => "expired",
            Event::IntentMade { .. } => "intent_made",
            Event::IntentLapsed => "intent_lapsed",
            Event::Sent => "sent",
            Event::SendRefused { .. } => "send_refused",
            Event::SendDelayed { .. } => "send_delayed",
            Event::SendAccepted => "send_accepted",
            Event::SendUnknown { .. } => "send_unknown",
            Event::Bound { .. } => "bound",
            Event::PeopleAsked => "people_asked",
            Event::Resolved { .. } => "resolved",
            Event::GivenUp => "given_up",
            Event::Progressed { .. } => "progressed",
            Event::Ended { .. } => "ended",
            Event::Closed { .. } => "closed",
        }
    }
}

impl Deploy {
    /// What a person wants, with the proof that they may.
    ///
    /// # Errors
    /// [`Illegal`] is the answer to give them; nothing changed.
    pub fn ask(&self, grant: &Authorized, ask: Ask, now: Timestamp) -> Result<Step, Illegal> {
        let needed = match &ask {
            Ask::Approve(_) => Action::Approve,
            Ask::Reject(_) => Action::Reject,
            Ask::Hold(_) | Ask::Resume => Action::Hold,
            Ask::Cancel(_) | Ask::Close => Action::Cancel,
            Ask::Resolve(_) => Action::Resolve,
        };
        if grant.action() != needed || grant.environment() != Some(&self.request.environment) {
            return Err(Illegal::WrongGrant);
        }
        let by = grant.person().clone();
        let event = match ask {
            Ask::Approve(digest) => Event::Approved { by, account: grant.account().clone(), digest },
            Ask::Reject(reason) => Event::Rejected { by, reason },
            Ask::Hold(reason) => Event::Held { by, reason },
            Ask::Resume => Event::Resumed { by },
            Ask::Cancel(reason) => Event::CancelAsked { by, reason },
            Ask::Resolve(answer) => Event::Resolved { by, answer },
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
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::CancelAsked { .. }
            | Event::Resolved { .. }
            | Event::Closed { .. } => Err(Illegal::WrongGrant),
            Event::Delayed { .. }
            | Event::Pinned { .. }
            | Event::RulesChanged { .. }
            | Event::Judged { .. }
            | Event::Refused { .. }
            | Event::Expired
            | Event::IntentMade { .. }
            | Event::IntentLapsed
            | Event::Sent
            | Event::SendRefused { .. }
            | Event::SendDelayed { .. }
            | Event::SendAccepted
            | Event::SendUnknown { .. }
            | Event::Bound { .. }
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
            State::Requested { .. } => next.from_requested(&event, now, refused)?,
            State::Waiting { since, expires } => {
                next.from_waiting(&event, (*since, *expires), now, refused)?
            }
            State::Dispatching { intent, phase, cancel } => {
                let (intent, phase, cancel) = (intent.clone(), phase.clone(), cancel.clone());
                next.from_dispatching(&event, intent, &phase, cancel, now, refused)?
            }
            State::Running { intent, run, since, progress, cancel } => {
                let held = Ran { run: run.clone(), since: *since, progress: progress.clone() };
                next.from_running(&event, intent.clone(), held, cancel.clone(), now, refused)?
            }
            State::Done { outcome, .. } => next.from_done(&event, outcome.clone(), refused)?,
        };
        Ok(match effects {
            Some(effects) => Step { deploy: next, event: Some(event), effects },
            None => Step { deploy: self.clone(), event: None, effects: Vec::new() },
        })
    }

    fn end(&mut self, outcome: Outcome, at: Timestamp, ran: Option<Ran>) {
        self.state = State::Done { outcome, at, ran };
    }

    /// `None` from these functions means old news: nothing changes.
    fn from_requested(
        &mut self,
        event: &Event,
        now: Timestamp,
        refused: Illegal,
    ) -> Result<Option<Vec<Do>>, Illegal> {
        match event {
            Event::Delayed { problem } => {
                self.state = State::Requested { problem: Some(problem.clone()) };
                Ok(Some(vec![]))
            }
            Event::Pinned { pinned, expires } => {
                if pinned.pin.title.trim_start().starts_with("[HOLD]") {
                    let reason = "the commit message starts with [HOLD]".to_owned();
                    self.hold = Some(Hold { by: None, reason, since: now });
                }
                self.pinned = Some((**pinned).clone());
                self.state = State::Waiting { since: now, expires: *expires };
                Ok(Some(vec![Do::Judge(None), Do::Judge(Some(*expires))]))
            }
            Event::Refused { verdicts, outside } => {
                self.verdicts.clone_from(verdicts);
                self.outside.clone_from(outside);
                self.end(Outcome::Refused, now, None);
                Ok(Some(vec![]))
            }
            Event::CancelAsked { by, reason } => {
                self.end(Outcome::Cancelled { by: by.clone(), reason: reason.clone() }, now, None);
                Ok(Some(vec![]))
            }
            Event::Expired => {
                self.end(Outcome::Expired, now, None);
                Ok(Some(vec![]))
            }
            Event::RulesChanged { .. }
            | Event::Judged { .. }
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::IntentMade { .. }
            | Event::IntentLapsed
            | Event::Sent
            | Event::SendRefused { .. }
            | Event::SendDelayed { .. }
            | Event::SendAccepted
            | Event::SendUnknown { .. }
            | Event::Bound { .. }
            | Event::PeopleAsked
            | Event::Resolved { .. }
            | Event::GivenUp
            | Event::Progressed { .. }
            | Event::Ended { .. }
            | Event::Closed { .. } => Err(refused),
        }
    }

    fn from_waiting(
        &mut self,
        event: &Event,
        (_since, expires): (Timestamp, Timestamp),
        now: Timestamp,
        refused: Illegal,
    ) -> Result<Option<Vec<Do>>, Illegal> {
        let Some(pinned) = self.pinned.as_mut() else { return Err(refused) };
        match event {
            Event::RulesChanged { policy, plan, digest } => {
                self.policy.clone_from(policy);
                pinned.plan.clone_from(plan);
                pinned.digest.clone_from(digest);
                Ok(Some(vec![Do::Judge(None)]))
            }
            Event::Judged { verdicts, outside } => {
                self.verdicts.clone_from(verdicts);
                self.outside.clone_from(outside);
                Ok(Some(vec![]))
            }
            Event::Refused { verdicts, outside } => {
                self.verdicts.clone_from(verdicts);
                self.outside.clone_from(outside);
                self.end(Outcome::Refused, now, None);
                Ok(Some(vec![Do::FreePlace]))
            }
            Event::Approved { by, account, digest } => {
                if now >= expires {
                    return Err(refused);
                }
                if *digest != pinned.digest {
                    return Err(Illegal::OtherDigest { given: digest.clone() });
                }
                let same = |a: &&Approval| a.by == *by && a.digest == *digest;
                if let Some(earlier) = self.approvals.iter().find(same) {
                    return Err(Illegal::AlreadyApproved { by: by.clone(), at: earlier.at });
                }
                let (by, account, digest) = (by.clone(), account.clone(), digest.clone());
                self.approvals.push(Approval { by, account, digest, at: now });
                Ok(Some(vec![Do::Judge(None)]))
            }
            Event::Rejected { by, reason } => {
                self.end(Outcome::Rejected { by: by.clone(), reason: reason.clone() }, now, None);
                Ok(Some(vec![Do::FreePlace]))
            }
            Event::Held { by, reason } => {
                if self.hold.is_some() {
                    return Err(Illegal::AlreadyHeld);
                }
                self.hold = Some(Hold { by: Some(by.clone()), reason: reason.clone(), since: now });
                Ok(Some(vec![Do::Judge(None), Do::FreePlace]))
            }
            Event::Resumed { .. } => {
                if self.hold.take().is_none() {
                    return Err(Illegal::NotHeld);
                }
                Ok(Some(vec![Do::Judge(None)]))
            }
            Event::CancelAsked { by, reason } => {
                self.end(Outcome::Cancelled { by: by.clone(), reason: reason.clone() }, now, None);
                Ok(Some(vec![Do::FreePlace]))
            }
            Event::Expired => {
                if now < expires {
                    return Err(refused);
                }
                self.end(Outcome::Expired, now, None);
                Ok(Some(vec![Do::FreePlace]))
            }
            Event::IntentMade { verdicts, outside, send_by } => {
                self.attempts += 1;
                self.delay = None;
                self.verdicts.clone_from(verdicts);
                self.outside = Some(outside.clone());
                let intent = Intent {
                    attempt: self.attempts,
                    at: now,
                    send_by: *send_by,
                    expires,
                    plan: pinned.plan.clone(),
                    digest: pinned.digest.clone(),
                };
                self.state = State::Dispatching { intent, phase: Phase::Ready, cancel: None };
                Ok(Some(vec![Do::Send]))
            }
            // The answer to a send whose intent had lapsed meanwhile cannot exist: nothing is sent after it lapsed.
            Event::Delayed { .. }
            | Event::Pinned { .. }
            | Event::IntentLapsed
            | Event::Sent
            | Event::SendRefused { .. }
            | Event::SendDelayed { .. }
            | Event::SendAccepted
            | Event::SendUnknown { .. }
            | Event::Bound { .. }
            | Event::PeopleAsked
            | Event::Resolved { .. }
            | Event::GivenUp
            | Event::Progressed { .. }
            | Event::Ended { .. }
            | Event::Closed { .. } => Err(refused),
        }
    }

    fn from_dispatching(
        &mut self,
        event: &Event,
        intent: Intent,
        phase: &Phase,
        cancel: Option<CancelAsked>,
        now: Timestamp,
        refused: Illegal,
    ) -> Result<Option<Vec<Do>>, Illegal> {
        let sent_at = match phase {
            Phase::Ready => None,
            Phase::Sent { at } | Phase::Accepted { at } | Phase::Unknown { at, .. } => Some(*at),
        };
        match event {
            Event::Sent => match phase {
                Phase::Ready if now <= intent.send_by => {
                    // The reconcile is due only after the send has had its time; a crash before that leads to it too.
                    let look = later(now, SEND_TIME);
                    self.state = State::Dispatching { intent, phase: Phase::Sent { at: now }, cancel };
                    Ok(Some(vec![Do::Reconcile(look)]))
                }
                Phase::Ready | Phase::Sent { .. } | Phase::Accepted { .. } | Phase::Unknown { .. } => {
                    Err(refused)
                }
            },
            Event::IntentLapsed => match phase {
                Phase::Ready => {
                    self.state = State::Waiting { since: now, expires: intent.expires };
                    Ok(Some(vec![Do::Judge(None)]))
                }
                Phase::Sent { .. } | Phase::Accepted { .. } | Phase::Unknown { .. } => Err(refused),
            },
            Event::SendRefused { why } => match phase {
                Phase::Sent { .. } => {
                    self.end(Outcome::Failed { why: why.clone(), closed_by: None }, now, None);
                    Ok(Some(vec![Do::Announce, Do::FreePlace]))
                }
                Phase::Ready | Phase::Accepted { .. } | Phase::Unknown { .. } => Err(refused),
            },
            Event::SendDelayed { why, until } => match phase {
                Phase::Sent { .. } => {
                    if let Some(cancel) = cancel {
                        self.end(Outcome::Cancelled { by: cancel.by, reason: cancel.reason }, now, None);
                        return Ok(Some(vec![Do::FreePlace]));
                    }
                    self.delay = Some(Delay { why: why.clone(), until: *until });
                    self.state = State::Waiting { since: now, expires: intent.expires };
                    Ok(Some(vec![Do::Judge(Some(*until)), Do::FreePlace]))
                }
                Phase::Ready | Phase::Accepted { .. } | Phase::Unknown { .. } => Err(refused),
            },
            Event::SendAccepted => match phase {
                Phase::Sent { at } => {
                    self.state = State::Dispatching { intent, phase: Phase::Accepted { at: *at }, cancel };
                    Ok(Some(vec![Do::Reconcile(now)]))
                }
                Phase::Ready | Phase::Accepted { .. } | Phase::Unknown { .. } => Err(refused),
            },
            Event::SendUnknown { why } => match phase {
                Phase::Sent { at } => {
                    let phase = Phase::Unknown {
                        at: *at,
                        why: why.clone(),
                        ask_at: later(*at, ASK_AFTER),
                        asked: None,
                    };
                    self.state = State::Dispatching { intent, phase, cancel };
                    Ok(Some(vec![Do::Reconcile(now)]))
                }
                Phase::Ready | Phase::Accepted { .. } | Phase::Unknown { .. } => Err(refused),
            },
            Event::Bound { run } => {
                if sent_at.is_none() {
                    return Err(refused);
                }
                Ok(Some(self.bind(intent, run.clone(), cancel, now)))
            }
            Event::PeopleAsked => match phase {
                Phase::Sent { at } | Phase::Accepted { at } | Phase::Unknown { at, .. } => {
                    let why = match phase {
                        Phase::Unknown { why, .. } => why.clone(),
                        Phase::Ready | Phase::Sent { .. } | Phase::Accepted { .. } => {
                            "no run appeared that carries this deploy's id".to_owned()
                        }
                    };
                    let phase = Phase::Unknown { at: *at, why, ask_at: now, asked: Some(now) };
                    self.state = State::Dispatching { intent, phase, cancel };
                    Ok(Some(vec![Do::Quarantine]))
                }
                Phase::Ready => Err(refused),
            },
            Event::Resolved { answer, .. } => {
                let Phase::Unknown { at, why, .. } = phase else { return Err(refused) };
                match answer {
                    Resolution::DidNotStart => {
                        let why = "nobody saw a run start, and it was closed by hand".to_owned();
                        self.end(Outcome::Failed { why, closed_by: None }, now, None);
                        Ok(Some(vec![Do::Announce, Do::FreePlace]))
                    }
                    Resolution::Started { run } => Ok(Some(self.bind(intent, run.clone(), cancel, now))),
                    Resolution::WaitMore => {
                        let ask_at = later(now, WAIT_MORE);
                        let phase = Phase::Unknown { at: *at, why: why.clone(), ask_at, asked: None };
                        self.state = State::Dispatching { intent, phase, cancel };
                        Ok(Some(vec![Do::Reconcile(now)]))
                    }
                }
            }
            Event::GivenUp => match phase {
                Phase::Unknown { asked: Some(_), .. } => {
                    self.end(Outcome::Unknown, now, None);
                    Ok(Some(vec![Do::Announce, Do::Quarantine, Do::FreePlace]))
                }
                Phase::Unknown { asked: None, .. }
                | Phase::Ready
                | Phase::Sent { .. }
                | Phase::Accepted { .. } => Err(refused),
            },
            Event::CancelAsked { by, reason } => {
                if cancel.is_some() {
                    return Err(Illegal::AlreadyAsked);
                }
                if sent_at.is_none() {
                    self.end(Outcome::Cancelled { by: by.clone(), reason: reason.clone() }, now, None);
                    return Ok(Some(vec![Do::FreePlace]));
                }
                let cancel = Some(CancelAsked { by: by.clone(), at: now, reason: reason.clone() });
                self.state = State::Dispatching { intent, phase: phase.clone(), cancel };
                Ok(Some(vec![]))
            }
            Event::Expired => Ok(None),
            Event::Delayed { .. }
            | Event::Pinned { .. }
            | Event::RulesChanged { .. }
            | Event::Judged { .. }
            | Event::Refused { .. }
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::IntentMade { .. }
            | Event::Progressed { .. }
            | Event::Ended { .. }
            | Event::Closed { .. } => Err(refused),
        }
    }

    fn bind(&mut self, intent: Intent, run: Run, cancel: Option<CancelAsked>, now: Timestamp) -> Vec<Do> {
        let effects =
            if cancel.is_some() { vec![Do::Follow(now), Do::StopRun] } else { vec![Do::Follow(now)] };
        self.state = State::Running { intent, run, since: now, progress: Progress::unread(), cancel };
        effects
    }

    fn from_running(
        &mut self,
        event: &Event,
        intent: Intent,
        ran: Ran,
        cancel: Option<CancelAsked>,
        now: Timestamp,
        refused: Illegal,
    ) -> Result<Option<Vec<Do>>, Illegal> {
        match event {
            Event::Progressed { run, progress } => {
                if run.id != ran.run.id || run.attempt < ran.run.attempt {
                    return Ok(None);
                }
                if *run == ran.run && *progress == ran.progress {
                    return Ok(None);
                }
                let (run, progress) = (run.clone(), progress.clone());
                self.state = State::Running { intent, run, since: ran.since, progress, cancel };
                Ok(Some(vec![]))
            }
            Event::Ended { run, conclusion, progress } => {
                if run.id != ran.run.id || run.attempt < ran.run.attempt {
                    return Ok(None);
                }
                let outcome = match (failure(conclusion, progress), conclusion, cancel) {
                    (None, _, _) => Outcome::Succeeded,
                    (Some(_), Conclusion::Cancelled, Some(asked)) => {
                        Outcome::Cancelled { by: asked.by, reason: asked.reason }
                    }
                    (Some(why), Conclusion::Cancelled, None) => Outcome::Failed {
                        why: format!(
                            "{why}, not by Shipgate: somebody stopped it there, or another run displaced it"
                        ),
                        closed_by: None,
                    },
                    (Some(why), _, _) => Outcome::Failed { why, closed_by: None },
                };
                let ran = Ran { run: run.clone(), since: ran.since, progress: progress.clone() };
                self.end(outcome, now, Some(ran));
                Ok(Some(vec![Do::Announce, Do::FreePlace]))
            }
            Event::CancelAsked { by, reason } => {
                if cancel.is_some() {
                    return Err(Illegal::AlreadyAsked);
                }
                let cancel = Some(CancelAsked { by: by.clone(), at: now, reason: reason.clone() });
                let Ran { run, since, progress } = ran;
                self.state = State::Running { intent, run, since, progress, cancel };
                Ok(Some(vec![Do::StopRun]))
            }
            // Late or repeated news of the start: the run is bound already.
            Event::Bound { .. }
            | Event::Expired
            | Event::Sent
            | Event::SendAccepted
            | Event::SendUnknown { .. }
            | Event::PeopleAsked
            | Event::GivenUp => Ok(None),
            Event::Delayed { .. }
            | Event::Pinned { .. }
            | Event::RulesChanged { .. }
            | Event::Judged { .. }
            | Event::Refused { .. }
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::IntentMade { .. }
            | Event::IntentLapsed
            | Event::SendRefused { .. }
            | Event::SendDelayed { .. }
            | Event::Resolved { .. }
            | Event::Closed { .. } => Err(refused),
        }
    }

    fn from_done(
        &mut self,
        event: &Event,
        outcome: Outcome,
        refused: Illegal,
    ) -> Result<Option<Vec<Do>>, Illegal> {
        match event {
            Event::Closed { by } => match outcome {
                Outcome::Failed { why, closed_by: None } => {
                    if let State::Done { outcome, .. } = &mut self.state {
                        *outcome = Outcome::Failed { why, closed_by: Some(by.clone()) };
                    }
                    Ok(Some(vec![]))
                }
                Outcome::Failed { closed_by: Some(_), .. }
                | Outcome::Refused
                | Outcome::Rejected { .. }
                | Outcome::Cancelled { .. }
                | Outcome::Expired
                | Outcome::Succeeded
                | Outcome::Unknown => Err(refused),
            },
            // News about a finished deploy is late or repeated: it changes nothing.
            Event::Delayed { .. }
            | Event::Pinned { .. }
            | Event::RulesChanged { .. }
            | Event::Judged { .. }
            | Event::Refused { .. }
            | Event::Expired
            | Event::IntentLapsed
            | Event::Sent
            | Event::SendRefused { .. }
            | Event::SendDelayed { .. }
            | Event::SendAccepted
            | Event::SendUnknown { .. }
            | Event::Bound { .. }
            | Event::PeopleAsked
            | Event::GivenUp
            | Event::Progressed { .. }
            | Event::Ended { .. } => Ok(None),
            Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::CancelAsked { .. }
            | Event::IntentMade { .. }
            | Event::Resolved { .. } => Err(refused),
        }
    }
}
