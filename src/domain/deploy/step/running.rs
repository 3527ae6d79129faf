//! A deploy that is bound to one run, until the run ends. Not here: reading the run.

use super::{Change, Do, Illegal};
use crate::deploy::state::failure;
use crate::deploy::{CancelAsked, Deploy, Event, Intent, Outcome, Ran, State};
use crate::run::{Conclusion, Progress, Standing};
use jiff::Timestamp;

impl Deploy {
    pub(super) fn in_running(
        &mut self,
        event: &Event,
        intent: Intent,
        ran: Ran,
        cancel: Option<CancelAsked>,
        now: Timestamp,
        refused: Illegal,
    ) -> Change {
        match event {
            Event::Marked { .. } => Ok(self.mark(event, now, refused)?.then(Vec::new)),
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
                let outcome = outcome(conclusion, progress, cancel);
                let ran = Ran { run: run.clone(), since: ran.since, progress: progress.clone() };
                self.end(outcome, now, Some(ran));
                Ok(Some(vec![Do::Announce, Do::FreePlace]))
            }
            Event::CancelAsked { by, reason } => {
                if cancel.is_some_and(|asked| !asked.unless_started) {
                    return Err(Illegal::AlreadyAsked);
                }
                let (by, reason) = (by.clone(), reason.clone());
                let cancel = Some(CancelAsked { by, at: now, reason, unless_started: false });
                let Ran { run, since, progress } = ran;
                self.state = State::Running { intent, run, since, progress, cancel };
                Ok(Some(vec![Do::StopRun]))
            }
            Event::FrozenOut { freezes } => {
                if cancel.is_some() {
                    return Ok(None);
                }
                if ran.progress.standing != Standing::Queued {
                    return Err(refused);
                }
                let by = "shipgate".parse().expect("a name");
                let reason = Some(format!("{} began before the run did", freezes.join(", ")));
                let cancel = Some(CancelAsked { by, at: now, reason, unless_started: true });
                let Ran { run, since, progress } = ran;
                self.state = State::Running { intent, run, since, progress, cancel };
                Ok(Some(vec![Do::StopRun]))
            }
            Event::WentOn => {
                if !cancel.is_some_and(|asked| asked.unless_started) {
                    return Ok(None);
                }
                let Ran { run, since, progress } = ran;
                self.state = State::Running { intent, run, since, progress, cancel: None };
                Ok(Some(vec![]))
            }
            // Late or repeated news of the start: the run is bound already.
            Event::Bound { .. }
            | Event::Found { .. }
            | Event::Expired
            | Event::Sent
            | Event::SendAccepted
            | Event::SendUnknown { .. }
            | Event::PeopleAsked => Ok(None),
            // The run cannot be read any more: it may still be at work.
            Event::GivenUp => {
                self.end(Outcome::Unknown, now, Some(ran));
                Ok(Some(vec![Do::Announce, Do::Quarantine, Do::FreePlace]))
            }
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
            | Event::Superseded { .. }
            | Event::Replaced { .. }
            | Event::IntentMade { .. }
            | Event::IntentLapsed
            | Event::SendRefused { .. }
            | Event::SendDelayed { .. }
            | Event::Resolved { .. }
            | Event::Closed { .. } => Err(refused),
        }
    }
}

/// How a deploy ended whose run ended this way.
fn outcome(conclusion: &Conclusion, progress: &Progress, cancel: Option<CancelAsked>) -> Outcome {
    let Some(why) = failure(conclusion, progress) else { return Outcome::Succeeded };
    match (conclusion, cancel) {
        (Conclusion::Cancelled, Some(asked)) => Outcome::Cancelled { by: asked.by, reason: asked.reason },
        (Conclusion::Cancelled, None) => Outcome::Failed {
            why: format!("{why}, not by Shipgate: somebody stopped it there, or another run displaced it"),
            closed_by: None,
        },
        (
            Conclusion::Success | Conclusion::Failure | Conclusion::TimedOut | Conclusion::Other(_),
            Some(_) | None,
        ) => Outcome::Failed { why, closed_by: None },
    }
}
