//! Between values and columns: times, bodies, and the columns of a deploy. Not here: statements.

use super::fault::Fault;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shipgate_domain::deploy::{Deploy, Outcome, State};
use shipgate_domain::ids::CommitId;

/// Milliseconds since 1970, cut down.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Milliseconds since 1970, rounded up: what is due at an instant is never taken before it.
pub(super) fn millis_up(at: Timestamp) -> i64 {
    let whole = at.as_millisecond();
    if at.as_nanosecond() > i128::from(whole) * 1_000_000 { whole + 1 } else { whole }
}

/// An instant from its milliseconds; an error when it is outside of the calendar.
pub(super) fn instant(millis: i64, table: &'static str, row: impl ToString) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(millis).map_err(|error| Fault::unreadable(table, row, &error))
}

/// A value's stored form.
pub(super) fn body(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Mistake { detail: error.to_string() })
}

/// A value from its stored form.
pub(super) fn parse<T: DeserializeOwned>(
    body: &str,
    table: &'static str,
    row: impl ToString,
) -> Result<T, Fault> {
    serde_json::from_str(body).map_err(|error| Fault::unreadable(table, row, &error))
}

/// For lists: a row that cannot be read is reported and left out, so that it hurts nobody else (INVARIANTS S19).
pub(super) fn readable<T>(read: Result<T, Fault>) -> Option<T> {
    read.inspect_err(|fault| {
        metrics::counter!("shipgate_store_unreadable_rows").increment(1);
        tracing::error!("left out: {fault}");
    })
    .ok()
}

/// What is known of a finished run's deploy beside its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// When the run was bound.
    pub bound: Option<Timestamp>,
    /// When the deploy was over.
    pub ended: Option<Timestamp>,
    /// Whether it is over and had a run.
    pub ran: bool,
    /// Whether it is over and succeeded.
    pub succeeded: bool,
}

impl Span {
    pub(super) fn of(deploy: &Deploy) -> Self {
        let none = Self { bound: None, ended: None, ran: false, succeeded: false };
        match &deploy.state {
            State::Requested { .. } | State::Waiting { .. } | State::Dispatching { .. } => none,
            State::Running { since, .. } => Self { bound: Some(*since), ..none },
            State::Done { outcome, at, ran } => Self {
                bound: ran.as_ref().map(|ran| ran.since),
                ended: Some(*at),
                ran: ran.is_some(),
                succeeded: *outcome == Outcome::Succeeded,
            },
        }
    }
}

/// The commit that a deploy is about, as text.
pub(super) fn commit_of(deploy: &Deploy) -> Option<&str> {
    deploy.commit().map(CommitId::as_str)
}

/// The CI system in which a deploy's run is.
pub(super) fn provider_of(deploy: &Deploy) -> Option<&'static str> {
    let plan = match &deploy.state {
        State::Dispatching { intent, .. } | State::Running { intent, .. } => Some(&intent.plan),
        State::Requested { .. } | State::Waiting { .. } | State::Done { .. } => {
            deploy.pinned.as_ref().map(|pinned| &pinned.plan)
        }
    };
    plan.map(|plan| plan.provider.as_str())
}
