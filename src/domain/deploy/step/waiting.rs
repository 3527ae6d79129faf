//! A deploy that waits for its gates. Not here: judging them (`gates`).

use super::{BELIEVE_FOR, Change, Do, Illegal, later};
use crate::calendar::START_MARGIN;
use crate::deploy::{Approval, Deploy, Event, Hold, Intent, Outcome, Phase, State};
use crate::facts::Outside;
use crate::gates::{Decision, Patience, Verdict, decide};
use crate::ids::PersonId;
use crate::run::Progress;
use jiff::Timestamp;

impl Deploy {
    pub(super) fn in_waiting(
        &mut self,
        event: &Event,
        (_since, expires): (Timestamp, Timestamp),
        now: Timestamp,
        refused: Illegal,
    ) -> Change {
        let Some(pinned) = self.pinned.as_mut() else { return Err(refused) };
        match event {
            Event::Marked { .. } => Ok(self.mark(event, now, refused)?.then(|| vec![Do::Judge(None)])),
            Event::RulesChanged { policy, plan, digest } => {
                // What was read under other rules may answer other questions.
                self.outside = None;
                self.policy.clone_from(policy);
                pinned.plan.clone_from(plan);
                pinned.digest.clone_from(digest);
                self.void_all(now);
                Ok(Some(vec![Do::Judge(None)]))
            }
            Event::WorkflowChanged { plan, digest } => {
                pinned.plan.clone_from(plan);
                pinned.digest.clone_from(digest);
                self.void_all(now);
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
            Event::Approved { by, account, digest, comment, passes } => {
                if now >= expires {
                    return Err(refused);
                }
                let (comment, passes) = (comment.clone(), passes.clone());
                let plain = Approval::plain(by.clone(), account.clone(), digest.clone(), now);
                self.approve(Approval { comment, passes, ..plain })
            }
            Event::Withdrawn { by } => self.withdraw(by, now),
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
            Event::Superseded { by } => {
                self.end(Outcome::Superseded { by: by.clone() }, now, None);
                Ok(Some(vec![Do::FreePlace]))
            }
            Event::Replaced { deploys } => {
                let new = deploys.iter().filter(|one| !self.replaces.contains(one));
                let new: Vec<_> = new.cloned().collect();
                let is_news = !new.is_empty();
                self.replaces.extend(new);
                Ok(is_news.then(Vec::new))
            }
            Event::IntentMade { verdicts, outside, send_by } => {
                let (plan, digest) = (pinned.plan.clone(), pinned.digest.clone());
                if now >= expires || !self.may_start(verdicts, outside, *send_by, now) {
                    return Err(refused);
                }
                self.attempts += 1;
                self.delay = None;
                self.verdicts.clone_from(verdicts);
                self.outside = Some(outside.clone());
                let intent =
                    Intent { attempt: self.attempts, at: now, send_by: *send_by, expires, plan, digest };
                self.state = State::Dispatching { intent, phase: Phase::Ready, cancel: None };
                Ok(Some(vec![Do::Send]))
            }
            Event::Found { run } => {
                let (plan, digest) = (pinned.plan.clone(), pinned.digest.clone());
                self.attempts += 1;
                self.delay = None;
                let intent = Intent { attempt: self.attempts, at: now, send_by: now, expires, plan, digest };
                self.state = State::Running {
                    intent,
                    run: run.clone(),
                    since: now,
                    progress: Progress::unread(),
                    cancel: None,
                };
                Ok(Some(vec![Do::Follow(now)]))
            }
            // The answer to a send whose intent had lapsed meanwhile cannot exist: nothing is sent after it lapsed.
            Event::Delayed { .. }
            | Event::Pinned { .. }
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
            | Event::Closed { .. } => Err(refused),
        }
    }

    /// What people said and ticked was about something else, also when that should come back: they were told that it
    /// counts no more.
    fn void_all(&mut self, now: Timestamp) {
        for approval in self.approvals.iter_mut().filter(|a| a.void.is_none()) {
            approval.void = Some(now);
        }
        self.strokes.clear();
    }

    fn approve(&mut self, yes: Approval) -> Change {
        if self.digest() != Some(&yes.digest) {
            return Err(Illegal::OtherDigest { given: yes.digest });
        }
        // A new yes is needed, and possible, when the earlier was taken back, or shows less than is passed now.
        let same = |a: &&Approval| {
            a.by == yes.by && a.digest == yes.digest && a.void.is_none() && a.covers(&yes.passes, yes.at)
        };
        if let Some(earlier) = self.approvals.iter().find(same) {
            return Err(Illegal::AlreadyApproved { by: yes.by, at: earlier.at });
        }
        self.approvals.push(yes);
        Ok(Some(vec![Do::Judge(None)]))
    }

    fn withdraw(&mut self, by: &PersonId, now: Timestamp) -> Change {
        let digest = self.digest().cloned();
        let given = |a: &&mut Approval| a.by == *by && Some(&a.digest) == digest.as_ref() && a.void.is_none();
        let mut was_given = false;
        for approval in self.approvals.iter_mut().filter(given) {
            approval.void = Some(now);
            was_given = true;
        }
        if was_given { Ok(Some(vec![Do::Judge(None)])) } else { Err(Illegal::NotApproved) }
    }

    /// The last look before a start is recorded, whoever asks for it: every gate is open, by fresh facts, nothing is
    /// paused or delayed, and the send cannot come later than the freeze gate looked ahead (INVARIANTS S1, S5).
    fn may_start(&self, verdicts: &[Verdict], outside: &Outside, send_by: Timestamp, now: Timestamp) -> bool {
        decide(verdicts, Patience::Accepted) == Decision::Start
            && self.hold.is_none()
            && self.delay.as_ref().is_none_or(|delay| now >= delay.until)
            && now <= later(outside.read_at, BELIEVE_FOR)
            && (now..=later(now, START_MARGIN)).contains(&send_by)
    }
}
