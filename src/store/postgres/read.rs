//! Reading: each answer is one statement, and so one snapshot. Not here: writing.

use super::fault::{Fault, Trouble};
use super::inbox::TRIES;
use super::pool::Pool;
use super::statement::{Param, column, number, storable, text, truth};
use super::transaction::{statement, statement_row};
use crate::row::{RowFault, instant, parse, readable, scope_name};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use shipgate_app::store::{About, CardRow, Counts, Filter, Scope, Surroundings, USUAL_OF};
use shipgate_domain::audit::Row as AuditRow;
use shipgate_domain::calendar::Freeze;
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::{CommitId, DeployId, EnvironmentName};
use tokio_postgres::Row;

pub(super) async fn deploy(pool: &Pool, id: &DeployId) -> Result<Option<Deploy>, Trouble> {
    let sql = "SELECT id, body FROM shipgate.deploys WHERE id = $1";
    one(pool, "deploys", sql, &[text(id.as_str())]).await
}

pub(super) async fn card(pool: &Pool, deploy: &DeployId) -> Result<Option<CardRow>, Trouble> {
    let sql = "SELECT deploy, body FROM shipgate.cards WHERE deploy = $1";
    one(pool, "cards", sql, &[text(deploy.as_str())]).await
}

pub(super) async fn locks(pool: &Pool) -> Result<Vec<Lock>, Trouble> {
    let sql = "SELECT environment, body FROM shipgate.locks ORDER BY environment, quarantine";
    many(pool, "locks", sql, &[]).await
}

/// How often a scope was touched.
pub(super) async fn revision(pool: &Pool, scope: &Scope) -> Result<u64, Trouble> {
    let sql = "SELECT revision FROM shipgate.scopes WHERE name = $1";
    let found = statement_row(pool, sql, &[text(scope_name(scope))]).await?;
    let revision: Option<i64> = found.as_ref().map(|row| column(row, 0)).transpose()?;
    Ok(revision.unwrap_or(0).unsigned_abs())
}

/// The scope's revision and the freezes of one snapshot.
pub(super) async fn freezes(pool: &Pool, ended: bool) -> Result<(u64, Vec<Freeze>), Trouble> {
    let sql = "SELECT
            coalesce((SELECT revision FROM shipgate.scopes WHERE name = $2), 0),
            array(SELECT id FROM shipgate.freezes WHERE ended_at IS NULL OR $1 ORDER BY place),
            array(SELECT body FROM shipgate.freezes WHERE ended_at IS NULL OR $1 ORDER BY place)";
    let scope = scope_name(&Scope::Freezes);
    let row = exactly(statement_row(pool, sql, &[truth(ended), text(scope)]).await?)?;
    Ok((column::<i64>(&row, 0)?.unsigned_abs(), list(&row, 1, "freezes")?))
}

pub(super) async fn deploys(pool: &Pool, filter: &Filter) -> Result<Vec<Deploy>, Trouble> {
    let mut wheres = vec!["TRUE".to_owned()];
    let mut values: Vec<String> = Vec::new();
    let mut is = |condition: &str, value: Option<&str>| {
        if let Some(value) = value {
            values.push(storable(value));
            wheres.push(condition.replace('?', &format!("${}", values.len())));
        }
    };
    is("service = ?", filter.service.as_ref().map(|name| name.as_str()));
    is("environment = ?", filter.environment.as_ref().map(|name| name.as_str()));
    is("requester = ?", filter.requester.as_ref().map(|name| name.as_str()));
    match filter.short_id.as_deref() {
        whole @ Some(short) if short.len() == 6 => is("short_id = ?", whole),
        end => is("right(short_id, length(?)) = ?", end.filter(|end| !end.is_empty())),
    }
    is("id > ?", filter.above.as_ref().map(DeployId::as_str));
    if filter.only_active {
        wheres.push("active".into());
    }
    if filter.only_open {
        wheres.push("is_open".into());
    }
    if filter.only_ran {
        wheres.push("ran".into());
    }
    let order = match (&filter.above, filter.only_ran) {
        (Some(_), _) => "id",
        (None, true) => "ended_at DESC, id DESC",
        (None, false) => "requested_at DESC, id DESC",
    };
    let sql = format!(
        "SELECT id, body FROM shipgate.deploys WHERE {} ORDER BY {order} LIMIT {}",
        wheres.join(" AND "),
        filter.limit
    );
    let params: Vec<Param<'_>> = values.iter().map(text).collect();
    many(pool, "deploys", &sql, &params).await
}

/// Ids of what is not over, newest first.
pub(super) async fn open_ids(pool: &Pool, limit: u32) -> Result<Vec<DeployId>, Trouble> {
    let sql = format!(
        "SELECT id FROM shipgate.deploys WHERE is_open ORDER BY requested_at DESC, id DESC LIMIT {limit}"
    );
    let mut ids = Vec::new();
    for row in statement(pool, &sql, &[]).await? {
        let id: String = column(&row, 0)?;
        ids.extend(readable(id.parse().map_err(|error| RowFault::unreadable("deploys", &id, &error))));
    }
    Ok(ids)
}

/// The newest deploy of a run, one that is not over first: a re-run shares the run of the deploy before it.
pub(super) async fn deploy_of_run(
    pool: &Pool,
    provider: &str,
    run: &str,
) -> Result<Option<DeployId>, Trouble> {
    let sql = "SELECT id FROM shipgate.deploys WHERE provider = $1 AND run_id = $2
               ORDER BY is_open DESC, requested_at DESC, id DESC LIMIT 1";
    let found = statement_row(pool, sql, &[text(storable(provider)), text(storable(run))]).await?;
    let id: Option<String> = found.as_ref().map(|row| column(row, 0)).transpose()?;
    let parsed = id.map(|id| id.parse().map_err(|error| RowFault::unreadable("deploys", &id, &error)));
    Ok(parsed.transpose()?)
}

pub(super) async fn note(pool: &Pool, name: &str) -> Result<Option<String>, Trouble> {
    let sql = "SELECT value FROM shipgate.notes WHERE name = $1";
    let found = statement_row(pool, sql, &[text(storable(name))]).await?;
    Ok(found.as_ref().map(|row| column(row, 0)).transpose()?)
}

pub(super) async fn audit(pool: &Pool, after: u64, limit: u32) -> Result<Vec<AuditRow>, Trouble> {
    let sql =
        "SELECT seq, body, prev, hash, deploy, at FROM shipgate.audit WHERE seq > $1 ORDER BY seq LIMIT $2";
    // From the very first row: also from one that somebody numbered below 1.
    let after = if after == 0 { i64::MIN } else { i64::try_from(after).unwrap_or(i64::MAX) };
    let limit = i64::from(limit);
    audit_rows(&statement(pool, sql, &[number(after), number(limit)]).await?)
}

pub(super) async fn audit_of(pool: &Pool, deploy: &DeployId) -> Result<Vec<AuditRow>, Trouble> {
    let sql = "SELECT seq, body, prev, hash, deploy, at FROM shipgate.audit WHERE deploy = $1 ORDER BY seq";
    audit_rows(&statement(pool, sql, &[text(deploy.as_str())]).await?)
}

fn audit_rows(rows: &[Row]) -> Result<Vec<AuditRow>, Trouble> {
    let read = |row: &Row| {
        Ok(AuditRow {
            seq: u64::try_from(column::<i64>(row, 0)?).unwrap_or(0),
            body: column(row, 1)?,
            prev: column(row, 2)?,
            hash: column(row, 3)?,
            deploy: column(row, 4)?,
            at_millis: column(row, 5)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn counts(pool: &Pool) -> Result<Counts, Trouble> {
    let sql = "SELECT
            (SELECT count(*) FROM shipgate.inbox WHERE NOT done AND attempts < $1),
            (SELECT count(*) FROM shipgate.inbox WHERE NOT done AND attempts >= $1),
            (SELECT count(*) FROM shipgate.effects WHERE state = 'pending'),
            (SELECT count(*) FROM shipgate.effects WHERE state = 'dead'),
            (SELECT count(*) FROM shipgate.deploys WHERE is_open)";
    let row = exactly(statement_row(pool, sql, &[number(TRIES)]).await?)?;
    let count = |index| column::<i64>(&row, index).map(i64::unsigned_abs);
    Ok(Counts {
        inbox: count(0)?,
        inbox_dead: count(1)?,
        effects: count(2)?,
        effects_dead: count(3)?,
        open_deploys: count(4)?,
    })
}

/// Everything that a decision about one deploy looks at.
pub(super) async fn surroundings(pool: &Pool, about: &About) -> Result<Surroundings, Trouble> {
    // $1 environment's scope, $2 freezes' scope, $3 environment, $4 lock group, $5 service, $6 commit, $7 the
    // environment before. Where there is no commit or no environment before, comparing with NULL finds nothing.
    const SQL: &str = "SELECT
        coalesce((SELECT revision FROM shipgate.scopes WHERE name = $1), 0),
        coalesce((SELECT revision FROM shipgate.scopes WHERE name = $2), 0),
        array(SELECT id FROM shipgate.freezes WHERE ended_at IS NULL ORDER BY place),
        array(SELECT body FROM shipgate.freezes WHERE ended_at IS NULL ORDER BY place),
        (SELECT body FROM shipgate.locks WHERE environment = $3 ORDER BY quarantine <> '' DESC, quarantine LIMIT 1),
        array(SELECT id FROM shipgate.deploys WHERE lock_group = $4 AND active AND is_open),
        array(SELECT body FROM shipgate.deploys WHERE lock_group = $4 AND active AND is_open),
        array(SELECT id FROM shipgate.deploys WHERE lock_group = $4 AND NOT active AND is_open ORDER BY id),
        array(SELECT body FROM shipgate.deploys WHERE lock_group = $4 AND NOT active AND is_open ORDER BY id),
        (SELECT ended_at FROM shipgate.deploys
         WHERE service = $5 AND environment = $7 AND commit_id = $6 AND ran
         ORDER BY ended_at DESC, id DESC LIMIT 1),
        (SELECT succeeded FROM shipgate.deploys
         WHERE service = $5 AND environment = $7 AND commit_id = $6 AND ran
         ORDER BY ended_at DESC, id DESC LIMIT 1),
        EXISTS (SELECT 1 FROM shipgate.deploys
                WHERE service = $5 AND environment = $7 AND commit_id = $6 AND is_open),
        EXISTS (SELECT 1 FROM shipgate.deploys
                WHERE service = $5 AND environment = $3 AND commit_id = $6 AND ran AND succeeded),
        array(SELECT ended_at - bound_at FROM shipgate.deploys
              WHERE service = $5 AND environment = $3 AND ran AND succeeded
              ORDER BY ended_at DESC, id DESC LIMIT $8)";
    let params = [
        text(scope_name(&Scope::Environment(about.environment.clone()))),
        text(scope_name(&Scope::Freezes)),
        text(about.environment.as_str()),
        text(&about.lock_group),
        text(about.service.as_str()),
        text(about.commit.as_ref().map(CommitId::as_str)),
        text(about.after.as_ref().map(EnvironmentName::as_str)),
        number(i64::from(USUAL_OF)),
    ];
    let row = exactly(statement_row(pool, SQL, &params).await?)?;
    let lock: Option<String> = column(&row, 4)?;
    let before = match (column::<Option<i64>>(&row, 9)?, column::<Option<bool>>(&row, 10)?) {
        (Some(ended), Some(well)) => Some((instant(ended, "deploys", "before")?, well)),
        _ => None,
    };
    Ok(Surroundings {
        environment_revision: column::<i64>(&row, 0)?.unsigned_abs(),
        freezes_revision: column::<i64>(&row, 1)?.unsigned_abs(),
        freezes: list(&row, 2, "freezes")?,
        lock: lock.map(|body| parse(&body, "locks", about.environment.as_str())).transpose()?,
        active: list(&row, 5, "deploys")?,
        waiting: list(&row, 7, "deploys")?,
        before,
        before_is_open: column(&row, 11)?,
        known_here: column(&row, 12)?,
        took: column::<Vec<i64>>(&row, 13)?.into_iter().map(SignedDuration::from_millis).collect(),
    })
}

/// One row's value; an error when it cannot be read. The statement gives a key and a body.
async fn one<T: DeserializeOwned>(
    pool: &Pool,
    table: &'static str,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Option<T>, Trouble> {
    let Some(row) = statement_row(pool, sql, params).await? else { return Ok(None) };
    let (key, body): (String, String) = (column(&row, 0)?, column(&row, 1)?);
    Ok(Some(parse(&body, table, key)?))
}

/// All rows' values but those that cannot be read. The statement gives a key and a body.
async fn many<T: DeserializeOwned>(
    pool: &Pool,
    table: &'static str,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Vec<T>, Trouble> {
    let mut values = Vec::new();
    for row in statement(pool, sql, params).await? {
        let (key, body): (String, String) = (column(&row, 0)?, column(&row, 1)?);
        values.extend(readable(parse(&body, table, key)));
    }
    Ok(values)
}

/// The same from two columns of one row: an array of keys, and after it one of bodies.
fn list<T: DeserializeOwned>(row: &Row, index: usize, table: &'static str) -> Result<Vec<T>, Fault> {
    let (keys, bodies): (Vec<String>, Vec<String>) = (column(row, index)?, column(row, index + 1)?);
    Ok(keys.iter().zip(&bodies).filter_map(|(key, body)| readable(parse(body, table, key))).collect())
}

fn exactly(row: Option<Row>) -> Result<Row, Fault> {
    row.ok_or(Fault::Mistake { detail: "no answer where there is always one".into() })
}
