//! The gates: one rule each, one shape, one table. Not here: gathering the facts they look at.

mod action;
mod approvals;
mod artifact;
mod calendar;
mod checklist;
mod checks;
mod helpers;
mod hold;
mod lock;
mod migrations;
mod order;
mod permission;
mod queue;
mod reason;
mod review;
mod self_check;
mod start;
#[cfg(test)]
mod tests;
mod version;

pub use approvals::could_agree;
pub use reason::{Reason, Share};

use crate::deploy::{Deploy, StartWhen};
use crate::facts::Case;
use crate::ids::{GroupName, PersonId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How soon something that could not be read is looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(20);

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// May this person deploy this service there?
    Permission,
    /// Is the version one commit, reachable, and still the same?
    Version,
    /// Is it inside the environment's windows?
    Schedule,
    /// Does a freeze cover it?
    Freeze,
    /// Does somebody hold the environment?
    Lock,
    /// Is another deploy active or first in line?
    Queue,
    /// Has the commit succeeded on the environment before this one?
    Order,
    /// Are the commit's checks green?
    Checks,
    /// Was the change reviewed as the repository demands?
    Review,
    /// Does it contain migrations, and who agreed to them?
    Migrations,
    /// Does what would be deployed exist?
    Artifact,
    /// Is everything ticked that must be before the start?
    Checklist,
    /// Was it paused?
    Hold,
    /// Have enough people said yes?
    Approvals,
    /// Has the self-check found what must never be?
    SelfCheck,
    /// Has its planned time come?
    Start,
}

impl Gate {
    /// The gates that speak of a commit and of what other systems say about it: without one they have nothing to say.
    pub const OF_A_COMMIT: [Gate; 7] = [
        Gate::Version,
        Gate::Order,
        Gate::Checks,
        Gate::Review,
        Gate::Migrations,
        Gate::Artifact,
        Gate::Checklist,
    ];

    /// The gate's name for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Gate::Permission => "Permission",
            Gate::Version => "Version",
            Gate::Schedule => "Schedule",
            Gate::Freeze => "Freeze",
            Gate::Lock => "Lock",
            Gate::Queue => "Queue",
            Gate::Order => "Order",
            Gate::Checks => "Checks",
            Gate::Review => "Review",
            Gate::Migrations => "Migrations",
            Gate::Artifact => "Artifact",
            Gate::Checklist => "Checklist",
            Gate::Hold => "Hold",
            Gate::Approvals => "Approvals",
            Gate::SelfCheck => "Self-check",
            Gate::Start => "Start",
        }
    }
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Pass.
    Open,
    /// Not yet: something or somebody will open it.
    Waiting,
    /// No.
    Closed,
}

/// A gate's answer with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The gate.
    pub gate: Gate,
    /// What it says.
    pub answer: Answer,
    /// Why.
    pub reason: Reason,
    /// When it may change by itself, where that is known.
    pub until: Option<Timestamp>,
    /// Who could open it.
    pub helpers: Helpers,
}

impl Verdict {
    /// Whether it waits for the yes of people.
    #[must_use]
    pub fn is_asking_people(&self) -> bool {
        matches!(
            self.reason,
            Reason::ApprovalsMissing { .. } | Reason::OverrideAsked { .. } | Reason::MigrationsAsked { .. }
        )
    }
}

/// Who could open a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Helpers {
    /// Named people.
    pub people: Vec<PersonId>,
    /// Members of these groups.
    pub groups: Vec<GroupName>,
}

/// What a gate's function gives: everything of a verdict but the gate's name.
struct Finding {
    answer: Answer,
    reason: Reason,
    until: Option<Timestamp>,
    helpers: Helpers,
}

impl Finding {
    fn open(reason: Reason) -> Self {
        Self { answer: Answer::Open, reason, until: None, helpers: Helpers::default() }
    }
    fn waiting(reason: Reason) -> Self {
        Self { answer: Answer::Waiting, ..Self::open(reason) }
    }
    fn closed(reason: Reason) -> Self {
        Self { answer: Answer::Closed, ..Self::open(reason) }
    }
    fn until(self, until: Option<Timestamp>) -> Self {
        Self { until, ..self }
    }
    fn helped_by(mut self, people: Vec<PersonId>, groups: Vec<GroupName>) -> Self {
        self.helpers = Helpers { people, groups };
        self
    }
}

/// A gate's function. `None`: it has nothing to say about this deploy.
type Rule = fn(&Case<'_>) -> Option<Finding>;

/// Every gate, in the order of the card. A new gate is one file and one row here.
const TABLE: [(Gate, Rule); 16] = [
    (Gate::Permission, permission::judge),
    (Gate::Version, version::judge),
    (Gate::Start, start::judge),
    (Gate::Schedule, calendar::judge_schedule),
    (Gate::Freeze, calendar::judge_freeze),
    (Gate::Lock, lock::judge),
    (Gate::SelfCheck, self_check::judge),
    (Gate::Order, order::judge),
    (Gate::Checks, checks::judge),
    (Gate::Review, review::judge),
    (Gate::Migrations, migrations::judge),
    (Gate::Artifact, artifact::judge),
    (Gate::Checklist, checklist::judge),
    (Gate::Hold, hold::judge),
    (Gate::Approvals, approvals::judge),
    (Gate::Queue, queue::judge),
];

/// Judges all gates at once: nobody should fix three problems in three tries. A gate that has nothing to say
/// about a deploy is left out.
#[must_use]
pub fn judge(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = TABLE
        .iter()
        .filter(|(gate, _)| action::is_asked(case, *gate))
        .filter_map(|(gate, function)| {
            let Finding { answer, reason, until, helpers } = function(case)?;
            let helpers = match answer {
                Answer::Open => helpers,
                Answer::Waiting | Answer::Closed => helpers::complete(case, *gate, &reason, helpers),
            };
            Some(Verdict { gate: *gate, answer, reason, until, helpers })
        })
        .collect();
    queue::heed_others(&mut verdicts);
    verdicts
}

/// What all verdicts together mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Every gate is open.
    Start,
    /// Not yet; judge again at this instant at the latest, where one is known.
    Wait(Option<Timestamp>),
    /// Never.
    Refuse,
}

/// What a request does when it meets a closed gate that may open again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// None: it is new and was to start now, and the person can act on the answer.
    None,
    /// It is new and planned for an instant: it waits, unless the calendar says already that it is closed then.
    UntilPlanned,
    /// It is new and waits for the calendar and everything else, unless the calendar knows no opening.
    UntilOpen,
    /// It was accepted once and waits until its time runs out.
    Accepted,
}

impl Patience {
    /// The patience of a deploy: nothing was judged of a new one.
    #[must_use]
    pub fn of(deploy: &Deploy) -> Self {
        match (deploy.verdicts.is_empty(), deploy.request.when) {
            (false, _) => Self::Accepted,
            (true, StartWhen::Now) => Self::None,
            (true, StartWhen::At(_)) => Self::UntilPlanned,
            (true, StartWhen::WhenOpen) => Self::UntilOpen,
        }
    }

    fn ends_at(self, closed: &Verdict) -> bool {
        let is_calendar = matches!(closed.gate, Gate::Schedule | Gate::Freeze);
        closed.reason.is_lasting()
            || match self {
                Self::None => true,
                Self::UntilPlanned => is_calendar,
                Self::UntilOpen => is_calendar && closed.until.is_none(),
                Self::Accepted => false,
            }
    }
}

/// Draws the conclusion. A closed gate refuses a new request at once, so that the person can act; a request that
/// passed that once is refused only by what cannot change any more, and otherwise waits until its time runs out.
#[must_use]
pub fn decide(verdicts: &[Verdict], patience: Patience) -> Decision {
    if verdicts.iter().any(|v| v.answer == Answer::Closed && patience.ends_at(v)) {
        return Decision::Refuse;
    }
    // No verdicts are no permission.
    if !verdicts.is_empty() && verdicts.iter().all(|v| v.answer == Answer::Open) {
        return Decision::Start;
    }
    Decision::Wait(verdicts.iter().filter_map(|v| v.until).min())
}

/// The freezes that cover a started deploy now, by name, unless it need not heed them: it is a rollback that they do not
/// bind, or people agreed that it passes exactly these when its start was decided.
#[must_use]
pub fn frozen_by(case: &Case<'_>) -> Vec<String> {
    if !action::is_asked(case, Gate::Freeze) {
        return Vec::new();
    }
    let passed: Vec<&String> =
        case.deploy.verdicts.iter().flat_map(|verdict| verdict.reason.passes()).collect();
    calendar::frozen(case)
        .into_iter()
        .filter(|freeze| !passed.contains(&&calendar::pass_key(freeze)))
        .map(|freeze| freeze.title())
        .collect()
}

/// Whether only its place in the queue keeps a deploy from starting.
#[must_use]
pub fn is_ready_but_for_queue(verdicts: &[Verdict]) -> bool {
    !verdicts.is_empty() && verdicts.iter().all(|v| v.answer == Answer::Open || v.gate == Gate::Queue)
}
