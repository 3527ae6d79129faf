//! What can happen to a deploy. Not here: what each event does to it (`step`).

use super::{Pinned, Replaced};
use crate::checklist::Marks;
use crate::facts::Outside;
use crate::gates::Verdict;
use crate::ids::{Account, Digest, PersonId, PolicyVersion};
use crate::run::{Conclusion, Progress, Run, RunPlan};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// The workflow file changed while it waited; the digest is new and approvals of the old one no longer count.
    WorkflowChanged {
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
        /// What they said with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// The closed hours, freezes and migrations that their yes is to.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passes: Vec<String>,
    },
    /// Somebody took their yes back.
    Withdrawn {
        /// Who.
        by: PersonId,
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
    /// A freeze began while its run waited for a machine: the run is to be stopped, unless it has started by then.
    FrozenOut {
        /// What the freezes are called.
        freezes: Vec<String>,
    },
    /// Its run had started before it could be stopped, so it goes on.
    WentOn,
    /// Its time ran out.
    Expired,
    /// The same person asked for something newer there, which takes its place.
    Superseded {
        /// What does.
        by: Replaced,
    },
    /// It took the place of older requests of the same person.
    Replaced {
        /// Which.
        deploys: Vec<Replaced>,
    },
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
    /// A run was found that carries its id, after the database was put back to a moment before its start.
    Found {
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
    /// Somebody set or took away ticks of its checklist.
    Marked {
        /// Who.
        by: PersonId,
        /// Through which account.
        account: Account,
        /// For what.
        digest: Digest,
        /// On which drawing of the card.
        drawing: String,
        /// Which.
        #[serde(flatten)]
        marks: Marks,
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

impl Event {
    /// The event's name as in its stored form.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Event::Delayed { .. } => "delayed",
            Event::Pinned { .. } => "pinned",
            Event::RulesChanged { .. } => "rules_changed",
            Event::WorkflowChanged { .. } => "workflow_changed",
            Event::Judged { .. } => "judged",
            Event::Refused { .. } => "refused",
            Event::Approved { .. } => "approved",
            Event::Withdrawn { .. } => "withdrawn",
            Event::Rejected { .. } => "rejected",
            Event::Held { .. } => "held",
            Event::Resumed { .. } => "resumed",
            Event::CancelAsked { .. } => "cancel_asked",
            Event::FrozenOut { .. } => "frozen_out",
            Event::WentOn => "went_on",
            Event::Expired => "expired",
            Event::Superseded { .. } => "superseded",
            Event::Replaced { .. } => "replaced",
            Event::IntentMade { .. } => "intent_made",
            Event::IntentLapsed => "intent_lapsed",
            Event::Sent => "sent",
            Event::SendRefused { .. } => "send_refused",
            Event::SendDelayed { .. } => "send_delayed",
            Event::SendAccepted => "send_accepted",
            Event::SendUnknown { .. } => "send_unknown",
            Event::Bound { .. } => "bound",
            Event::Found { .. } => "found",
            Event::PeopleAsked => "people_asked",
            Event::Resolved { .. } => "resolved",
            Event::GivenUp => "given_up",
            Event::Progressed { .. } => "progressed",
            Event::Ended { .. } => "ended",
            Event::Marked { .. } => "marked",
            Event::Closed { .. } => "closed",
        }
    }
}
