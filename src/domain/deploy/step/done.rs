//! A deploy whose life is over: nothing brings it back. Not here: announcing it.

use super::{Change, Illegal};
use crate::deploy::{Deploy, Event, Outcome, State};
use jiff::Timestamp;

impl Deploy {
    pub(super) fn in_done(
        &mut self,
        event: &Event,
        outcome: Outcome,
        now: Timestamp,
        refused: Illegal,
    ) -> Change {
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
                | Outcome::Superseded { .. }
                | Outcome::Succeeded
                | Outcome::Unknown => Err(refused),
            },
            // What is left of its checklist is ticked for a while.
            Event::Marked { .. } => Ok(self.mark(event, now, refused)?.then(Vec::new)),
            // News about a finished deploy is late or repeated: it changes nothing.
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
            | Event::Ended { .. } => Ok(None),
            Event::Approved { .. }
            | Event::Withdrawn { .. }
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::CancelAsked { .. }
            | Event::IntentMade { .. }
            | Event::Resolved { .. } => Err(refused),
        }
    }
}
