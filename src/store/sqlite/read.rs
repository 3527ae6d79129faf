//! Reading single things and lists. Not here: the snapshot for a decision (`surroundings`).

use super::fault::Trouble;
use super::row::{RowFault, parse, readable};
use super::write::scope_revision;
use super::{effects, inbox};
use rusqlite::{Connection, OptionalExtension as _, Params, ToSql, params_from_iter};
use serde::de::DeserializeOwned;
use shipgate_app::store::{CardRow, Counts, Filter, Scope};
use shipgate_domain::audit::Row;
use shipgate_domain::calendar::Freeze;
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::DeployId;

pub(super) fn deploy(db: &Connection, id: &DeployId) -> Result<Option<Deploy>, Trouble> {
    one(db, "deploys", "SELECT id, body FROM deploys WHERE id = ?1", [id.as_str()])
}

pub(super) fn card(db: &Connection, deploy: &DeployId) -> Result<Option<CardRow>, Trouble> {
    one(db, "cards", "SELECT deploy, body FROM cards WHERE deploy = ?1", [deploy.as_str()])
}

pub(super) fn locks(db: &Connection) -> Result<Vec<Lock>, Trouble> {
    many(db, "locks", "SELECT environment, body FROM locks ORDER BY environment, quarantine", [])
}

/// The scope's revision and the freezes of one snapshot.
pub(super) fn freezes(db: &Connection, ended: bool) -> Result<(u64, Vec<Freeze>), Trouble> {
    let snapshot = db.unchecked_transaction()?;
    let revision = scope_revision(&snapshot, &Scope::Freezes)?;
    let sql = "SELECT id, body FROM freezes WHERE ended_at IS NULL OR ?1 ORDER BY rowid";
    Ok((revision, many(&snapshot, "freezes", sql, [ended])?))
}

pub(super) fn deploys(db: &Connection, filter: &Filter) -> Result<Vec<Deploy>, Trouble> {
    let (sql, values) = listing(filter);
    many(db, "deploys", &sql, params_from_iter(values))
}

/// The statement behind a list of deploys, and its values.
pub(super) fn listing(filter: &Filter) -> (String, Vec<Box<dyn ToSql>>) {
    let mut wheres = vec!["1".to_owned()];
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut is = |condition: &str, value: Option<&str>| {
        if let Some(value) = value {
            values.push(Box::new(value.to_owned()));
            wheres.push(condition.replace('?', &format!("?{}", values.len())));
        }
    };
    is("service = ?", filter.service.as_ref().map(|name| name.as_str()));
    is("environment = ?", filter.environment.as_ref().map(|name| name.as_str()));
    is("requester = ?", filter.requester.as_ref().map(|name| name.as_str()));
    match filter.short_id.as_deref() {
        whole @ Some(short) if short.len() == 6 => is("short_id = ?", whole),
        end => is("substr(short_id, -length(?)) = ?", end.filter(|end| !end.is_empty())),
    }
    is("id > ?", filter.above.as_ref().map(DeployId::as_str));
    if filter.only_active {
        wheres.push("active = 1".into());
    }
    if filter.only_open {
        wheres.push("is_open = 1".into());
    }
    if filter.only_ran {
        wheres.push("ran = 1".into());
    }
    values.push(Box::new(filter.limit));
    let order = match (&filter.above, filter.only_ran) {
        (Some(_), _) => "id",
        (None, true) => "ended_at DESC, id DESC",
        (None, false) => "requested_at DESC, id DESC",
    };
    let sql = format!(
        "SELECT id, body FROM deploys WHERE {} ORDER BY {order} LIMIT ?{}",
        wheres.join(" AND "),
        values.len()
    );
    (sql, values)
}

/// Ids of what is not over, newest first. Read from the index alone.
pub(super) fn open_ids(db: &Connection, limit: u32) -> Result<Vec<DeployId>, Trouble> {
    let sql = "SELECT id FROM deploys WHERE is_open = 1 ORDER BY requested_at DESC, id DESC LIMIT ?1";
    let mut select = db.prepare_cached(sql)?;
    let ids = select.query_map([limit], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let parsed = |id: String| id.parse().map_err(|error| RowFault::unreadable("deploys", &id, &error));
    Ok(ids.into_iter().filter_map(|id| readable(parsed(id))).collect())
}

/// The newest deploy of a run, one that is not over first: a re-run shares the run of the deploy before it.
pub(super) fn deploy_of_run(db: &Connection, provider: &str, run: &str) -> Result<Option<DeployId>, Trouble> {
    let id: Option<String> = db
        .prepare_cached(
            "SELECT id FROM deploys WHERE provider = ?1 AND run_id = ?2
             ORDER BY is_open DESC, requested_at DESC, id DESC LIMIT 1",
        )?
        .query_row([provider, run], |row| row.get(0))
        .optional()?;
    let parsed = id.map(|id| id.parse().map_err(|error| RowFault::unreadable("deploys", &id, &error)));
    Ok(parsed.transpose()?)
}

pub(super) fn note(db: &Connection, name: &str) -> Result<Option<String>, Trouble> {
    let mut select = db.prepare_cached("SELECT value FROM notes WHERE name = ?1")?;
    Ok(select.query_row([name], |row| row.get(0)).optional()?)
}

pub(super) fn audit(db: &Connection, after: u64, limit: u32) -> Result<Vec<Row>, Trouble> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    // From the very first row: also from one that somebody numbered below 1.
    let after = if after == 0 { i64::MIN } else { after };
    let sql = "SELECT seq, body, prev, hash, deploy, at FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    audit_rows(db, sql, (after, limit))
}

pub(super) fn audit_of(db: &Connection, deploy: &DeployId) -> Result<Vec<Row>, Trouble> {
    let sql = "SELECT seq, body, prev, hash, deploy, at FROM audit WHERE deploy = ?1 ORDER BY seq";
    audit_rows(db, sql, [deploy.as_str()])
}

/// Rows as they are, however they were tampered with: a row that cannot be read would hide all others from the check.
fn audit_rows(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<Row>, Trouble> {
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map(params, |row| {
        let text = |column: usize| -> rusqlite::Result<String> {
            let bytes = row.get_ref(column)?.as_bytes().unwrap_or_default();
            Ok(String::from_utf8_lossy(bytes).into_owned())
        };
        Ok(Row {
            seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
            body: text(1)?,
            prev: text(2)?,
            hash: text(3)?,
            deploy: row.get_ref(4)?.as_bytes_or_null()?.map(|id| String::from_utf8_lossy(id).into_owned()),
            at_millis: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn counts(db: &Connection) -> Result<Counts, Trouble> {
    let snapshot = db.unchecked_transaction()?;
    let (inbox, inbox_dead) = inbox::counts(&snapshot)?;
    let (effects, effects_dead) = effects::counts(&snapshot)?;
    let open_deploys = snapshot
        .prepare_cached("SELECT count(*) FROM deploys WHERE is_open = 1")?
        .query_row([], |row| row.get(0))?;
    Ok(Counts { inbox, inbox_dead, effects, effects_dead, open_deploys })
}

/// One row's value; an error when it cannot be read. The statement gives a key and a body.
pub(super) fn one<T: DeserializeOwned>(
    db: &Connection,
    table: &'static str,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>, Trouble> {
    let mut select = db.prepare_cached(sql)?;
    let row: Option<(String, String)> = select.query_row(params, |row| row.try_into()).optional()?;
    Ok(row.map(|(key, body)| parse(&body, table, key)).transpose()?)
}

/// All rows' values but those that cannot be read. The statement gives a key and a body.
pub(super) fn many<T: DeserializeOwned>(
    db: &Connection,
    table: &'static str,
    sql: &str,
    params: impl Params,
) -> Result<Vec<T>, Trouble> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, body): (String, String) = row.try_into()?;
        values.extend(readable(parse(&body, table, key)));
    }
    Ok(values)
}
