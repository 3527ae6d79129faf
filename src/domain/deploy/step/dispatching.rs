//! A deploy whose start was decided and whose run is not known yet: INVARIANTS 5.4. Not here: sending anything.

use super::{ASK_AFTER, Change, Do, GIVE_UP_AFTER, Illegal, SEND_TIME, WAIT_MORE, later};
use crate::deploy::{CancelAsked, Delay, Deploy, Event, Intent, Outcome, Phase, Resolution, State};
use crate::run::{Progress, Run};
use jiff::Timestamp;

impl Deploy {
    pub(super) fn in_dispatching(
        &mut self,
        event: &Event,
        intent: Intent,
        phase: &Phase,
        cancel: Option<CancelAsked>,
        now: Timestamp,
        refused: Illegal,
    ) -> Change {
        let sent_at = match phase {
            Phase::Ready => None,
            Phase::Sent { at } | Phase::Accepted { at } | Phase::Unknown { at, .. } => Some(*at),
        };
        match event {
            Event::Marked { .. } => Ok(self.mark(event, now, refused)?.then(Vec::new)),
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
            // Also before the mark: it was sent in a time that the restored database does not know.
            Event::Found { run } => Ok(Some(self.bind(intent, run.clone(), cancel, now))),
            Event::PeopleAsked => self.people_asked(intent, phase, cancel, now, refused),
            Event::Resolved { answer, .. } => {
                let Phase::Unknown { at, why, .. } = phase else { return Err(refused) };
                Ok(Some(self.resolve(intent, answer, (*at, why), cancel, now)))
            }
            Event::GivenUp => match phase {
                Phase::Unknown { asked: Some(asked), .. } if now >= later(*asked, GIVE_UP_AFTER) => {
                    self.end(Outcome::Unknown, now, None);
                    Ok(Some(vec![Do::Announce, Do::Quarantine, Do::FreePlace]))
                }
                Phase::Unknown { .. } | Phase::Ready | Phase::Sent { .. } | Phase::Accepted { .. } => {
                    Err(refused)
                }
            },
            Event::CancelAsked { by, reason } => {
                if cancel.is_some() {
                    return Err(Illegal::AlreadyAsked);
                }
                if sent_at.is_none() {
                    self.end(Outcome::Cancelled { by: by.clone(), reason: reason.clone() }, now, None);
                    return Ok(Some(vec![Do::FreePlace]));
                }
                let cancel = Some(CancelAsked {
                    by: by.clone(),
                    at: now,
                    reason: reason.clone(),
                    unless_started: false,
                });
                self.state = State::Dispatching { intent, phase: phase.clone(), cancel };
                Ok(Some(vec![]))
            }
            Event::Expired => Ok(None),
            Event::Delayed { .. }
            | Event::Pinned { .. }
            | Event::RulesChanged { .. }
            | Event::WorkflowChanged { .. }
            | Event::Judged { .. }
            | Event::Refused { .. }
            | Event::Approved { .. }
            | Event::Withdrawn { .. }
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::FrozenOut { .. }
            | Event::WentOn
            | Event::Superseded { .. }
            | Event::Replaced { .. }
            | Event::IntentMade { .. }
            | Event::Progressed { .. }
            | Event::Ended { .. }
            | Event::Closed { .. } => Err(refused),
        }
    }

    /// Nobody knows whether it started, for so long that people are asked.
    fn people_asked(
        &mut self,
        intent: Intent,
        phase: &Phase,
        cancel: Option<CancelAsked>,
        now: Timestamp,
        refused: Illegal,
    ) -> Change {
        let (at, due, why) = match phase {
            Phase::Unknown { asked: Some(_), .. } => return Ok(None),
            Phase::Ready => return Err(refused),
            Phase::Unknown { at, ask_at, why, .. } => (*at, *ask_at, why.clone()),
            Phase::Sent { at } | Phase::Accepted { at } => {
                (*at, later(*at, ASK_AFTER), "no run appeared that carries this deploy's id".to_owned())
            }
        };
        if now < due {
            return Err(refused);
        }
        let phase = Phase::Unknown { at, why, ask_at: now, asked: Some(now) };
        self.state = State::Dispatching { intent, phase, cancel };
        Ok(Some(vec![Do::Quarantine]))
    }

    /// What somebody who looked said of a start whose outcome is unknown.
    fn resolve(
        &mut self,
        intent: Intent,
        answer: &Resolution,
        (at, why): (Timestamp, &str),
        cancel: Option<CancelAsked>,
        now: Timestamp,
    ) -> Vec<Do> {
        match answer {
            Resolution::DidNotStart => {
                let why = "nobody saw a run start, and it was closed by hand".to_owned();
                self.end(Outcome::Failed { why, closed_by: None }, now, None);
                vec![Do::Announce, Do::FreePlace]
            }
            Resolution::Started { run } => self.bind(intent, run.clone(), cancel, now),
            Resolution::WaitMore => {
                let ask_at = later(now, WAIT_MORE);
                let phase = Phase::Unknown { at, why: why.to_owned(), ask_at, asked: None };
                self.state = State::Dispatching { intent, phase, cancel };
                vec![Do::Reconcile(now)]
            }
        }
    }

    fn bind(&mut self, intent: Intent, run: Run, cancel: Option<CancelAsked>, now: Timestamp) -> Vec<Do> {
        let effects =
            if cancel.is_some() { vec![Do::Follow(now), Do::StopRun] } else { vec![Do::Follow(now)] };
        self.state = State::Running { intent, run, since: now, progress: Progress::unread(), cancel };
        effects
    }
}
