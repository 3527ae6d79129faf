//! A deploy whose version is being resolved: it has no commit yet. Not here: resolving it.

use super::{Change, Do, Illegal};
use crate::deploy::{Deploy, Event, Hold, Outcome, State};
use jiff::Timestamp;

impl Deploy {
    pub(super) fn in_requested(&mut self, event: &Event, now: Timestamp, refused: Illegal) -> Change {
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
            Event::Superseded { by } => {
                self.end(Outcome::Superseded { by: by.clone() }, now, None);
                Ok(Some(vec![]))
            }
            // What was sent for it is forgotten, so its run cannot be judged: people read its end there.
            Event::Found { run } => {
                let why = format!(
                    "its run {} was started in a time that the restored database does not know: look there for its end",
                    run.id
                );
                self.end(Outcome::Failed { why, closed_by: None }, now, None);
                Ok(Some(vec![Do::Announce, Do::FreePlace]))
            }
            Event::RulesChanged { .. }
            | Event::WorkflowChanged { .. }
            | Event::Judged { .. }
            | Event::Approved { .. }
            | Event::Withdrawn { .. }
            | Event::Rejected { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::Replaced { .. }
            | Event::IntentMade { .. }
            | Event::FrozenOut { .. }
            | Event::WentOn
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
            | Event::Marked { .. }
            | Event::Closed { .. } => Err(refused),
        }
    }
}
