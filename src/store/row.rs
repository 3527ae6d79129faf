//! Between values and columns, on every database: times, bodies, and the columns of a deploy. Not here: statements.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shipgate_app::store::{DeployRow, Scope};
use shipgate_domain::audit::{Kept, Table};
use shipgate_domain::deploy::{Deploy, Outcome, State};
use shipgate_domain::ids::CommitId;

/// The columns that a change of a deploy writes, in one order.
macro_rules! deploy_columns {
    () => {
        "revision, service, environment, lock_group, state, active, is_open, ran, succeeded, requester, commit_id, \
         provider, run_id, short_id, requested_at, bound_at, ended_at, body"
    };
}
pub(crate) use deploy_columns;

/// The note that says what was put back of what guards the record, one line each, oldest first. It moves with an
/// installation.
pub(crate) const PUT_BACK: &str = "guards/put-back";

/// So many lines of it are kept: each was told and written into the record long before it leaves.
const PUT_BACK_KEPT: usize = 20;

/// That note with these lines more.
pub(crate) fn put_back_with(noted: Option<&str>, new: &[String]) -> String {
    let lines: Vec<&str> =
        noted.into_iter().flat_map(str::lines).chain(new.iter().map(String::as_str)).collect();
    lines[lines.len().saturating_sub(PUT_BACK_KEPT)..].join("\n")
}

/// That note's lines.
pub(crate) fn put_back_lines(noted: Option<&str>) -> Vec<String> {
    noted.into_iter().flat_map(str::lines).map(str::to_owned).collect()
}

/// A value and its stored form do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowFault {
    /// A row holds something this version cannot read.
    #[error("row {row} of {table} cannot be read ({detail})")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A value has no stored form: a mistake in Shipgate.
    #[error("{detail}")]
    Unwritable {
        /// Why.
        detail: String,
    },
}

impl RowFault {
    pub(crate) fn unreadable(table: &'static str, row: impl ToString, why: &impl ToString) -> Self {
        Self::Unreadable { table, row: row.to_string(), detail: why.to_string() }
    }
}

/// A scope's name in its table.
pub(crate) fn scope_name(scope: &Scope) -> String {
    match scope {
        Scope::Environment(name) => format!("environment/{name}"),
        Scope::Freezes => "freezes".to_owned(),
        Scope::Requests(service, environment) => format!("requests/{service}/{environment}"),
    }
}

/// What changed, for people, when a scope did.
pub(crate) fn scope_words(scope: &Scope) -> String {
    match scope {
        Scope::Environment(name) => format!("the environment {name}"),
        Scope::Freezes => "the freezes".to_owned(),
        Scope::Requests(service, environment) => format!("what is asked for {service} on {environment}"),
    }
}

/// Milliseconds since 1970, cut down.
pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Milliseconds since 1970, rounded up: what is due at an instant is never taken before it.
pub(crate) fn millis_up(at: Timestamp) -> i64 {
    let whole = at.as_millisecond();
    if at.as_nanosecond() > i128::from(whole) * 1_000_000 { whole + 1 } else { whole }
}

/// An instant from its milliseconds; an error when it is outside of the calendar.
pub(crate) fn instant(millis: i64, table: &'static str, row: impl ToString) -> Result<Timestamp, RowFault> {
    Timestamp::from_millisecond(millis).map_err(|error| RowFault::unreadable(table, row, &error))
}

/// A value's stored form.
pub(crate) fn body(value: &impl Serialize) -> Result<String, RowFault> {
    serde_json::to_string(value).map_err(|error| RowFault::Unwritable { detail: error.to_string() })
}

/// A value from its stored form.
pub(crate) fn parse<T: DeserializeOwned>(
    body: &str,
    table: &'static str,
    row: impl ToString,
) -> Result<T, RowFault> {
    serde_json::from_str(body).map_err(|error| RowFault::unreadable(table, row, &error))
}

/// For lists: a row that cannot be read is reported and left out, so that it hurts nobody else (INVARIANTS S19).
pub(crate) fn readable<T>(read: Result<T, RowFault>) -> Option<T> {
    read.inspect_err(|fault| {
        metrics::counter!("shipgate_store_unreadable_rows").increment(1);
        tracing::error!("left out: {fault}");
    })
    .ok()
}

/// What is known of a finished run's deploy beside its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// When the run was bound.
    pub bound: Option<Timestamp>,
    /// When the deploy was over.
    pub ended: Option<Timestamp>,
    /// Whether it is over and had a run that put its commit in place, as far as anybody knows. An action of a team's own
    /// never does.
    pub ran: bool,
    /// Whether it is over and succeeded in that.
    pub succeeded: bool,
}

impl Span {
    pub(crate) fn of(deploy: &Deploy) -> Self {
        let none = Self { bound: None, ended: None, ran: false, succeeded: false };
        match &deploy.state {
            State::Requested { .. } | State::Waiting { .. } | State::Dispatching { .. } => none,
            State::Running { since, .. } => Self { bound: Some(*since), ..none },
            State::Done { outcome, at, ran } => Self {
                bound: ran.as_ref().map(|ran| ran.since),
                ended: Some(*at),
                ran: deploy.may_have_run() && deploy.puts_in_place(),
                succeeded: *outcome == Outcome::Succeeded && deploy.puts_in_place(),
            },
        }
    }
}

/// The commit that a deploy puts in place, as text: by it is looked up what was where. An action has none.
pub(crate) fn commit_of(deploy: &Deploy) -> Option<&str> {
    deploy.commit().filter(|_| deploy.puts_in_place()).map(CommitId::as_str)
}

/// The CI system in which a deploy's run is.
pub(crate) fn provider_of(deploy: &Deploy) -> Option<&'static str> {
    let plan = match &deploy.state {
        State::Dispatching { intent, .. } | State::Running { intent, .. } => Some(&intent.plan),
        State::Requested { .. } | State::Waiting { .. } | State::Done { .. } => {
            deploy.pinned.as_ref().map(|pinned| &pinned.plan)
        }
    };
    plan.map(|plan| plan.provider.as_str())
}

/// The columns of each table that gates read, in the order in which a row is hashed. Whoever changes a table gives it a
/// new form here, and writes the hashes of the rows that are there into the record with the same migration.
pub(crate) const DEPLOYS: &str = "id, revision, service, environment, lock_group, state, active, is_open, ran, \
     succeeded, requester, commit_id, provider, run_id, short_id, requested_at, bound_at, ended_at, body";
pub(crate) const LOCKS: &str = "environment, quarantine, body";
pub(crate) const FREEZES: &str = "id, ended_at, body";
pub(crate) const NOTES: &str = "name, value";

/// A row from its columns. Its key is the first of them; of a lock, the first two.
pub(crate) fn kept(table: Table, cells: Vec<Option<String>>) -> Kept {
    let cell = |place: usize| cells.get(place).and_then(Option::as_deref).unwrap_or_default();
    let key = if table == Table::Locks { format!("{}/{}", cell(0), cell(1)) } else { cell(0).to_owned() };
    Kept { table, key, cells }
}

/// A deploy as it is written, with this body.
pub(crate) fn kept_deploy(row: &DeployRow, body: &str) -> Kept {
    let (deploy, span) = (&row.deploy, Span::of(&row.deploy));
    let text = |text: &str| Some(text.to_owned());
    let flag = |on: bool| text(if on { "1" } else { "0" });
    let cells = vec![
        text(deploy.id.as_str()),
        Some(deploy.revision.to_string()),
        text(deploy.request.service.as_str()),
        text(deploy.request.environment.as_str()),
        text(&row.lock_group),
        text(deploy.state.name()),
        flag(deploy.is_active()),
        flag(!deploy.is_done()),
        flag(span.ran),
        flag(span.succeeded),
        text(deploy.request.by.as_str()),
        commit_of(deploy).and_then(text),
        provider_of(deploy).and_then(text),
        deploy.run().and_then(|run| text(run.id.as_str())),
        text(deploy.id.short()),
        Some(millis(deploy.request.at).to_string()),
        span.bound.map(|at| millis(at).to_string()),
        span.ended.map(|at| millis(at).to_string()),
        text(body),
    ];
    kept(Table::Deploys, cells)
}

/// Another row as it is written.
pub(crate) fn kept_row(table: Table, cells: &[Option<&str>]) -> Kept {
    kept(table, cells.iter().map(|cell| cell.map(str::to_owned)).collect())
}
