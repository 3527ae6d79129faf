//! Writing one decision, all or nothing. Not here: the transaction around it (`writer`, `inline`).

use super::fault::{Fault, Trouble};
use super::read::{note, one};
use super::row::{
    Span, body, commit_of, deploy_columns, kept_deploy, kept_row, millis, provider_of, scope_name,
    scope_words,
};
use super::{effects, inbox, replicas};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, ffi, named_params};
use shipgate_app::store::{CardRow, Changes, DeployRow, Expect, Scope, is_told};
use shipgate_domain::audit::{Entry, GENESIS, Mark, Table, link_with, spread};
use shipgate_domain::calendar::{Freeze, FreezeWhen};
use shipgate_domain::ids::DeployId;

/// Checks what must still be true, then writes everything.
pub(super) fn changes(db: &Connection, changes: &Changes) -> Result<(), Trouble> {
    replicas::expect(db, changes.by)?;
    for expect in &changes.expect {
        match expect {
            Expect::Scope(scope, revision) => expect_scope(db, scope, *revision)?,
            Expect::Note(name, value) => expect_note(db, name, value.as_deref())?,
            Expect::Lease { id, token } => effects::expect_lease(db, *id, *token)?,
            Expect::RulesInForce => replicas::expect_newest_rules(db, changes.by)?,
        }
    }
    if let Some((id, token, finish)) = &changes.finish {
        effects::finish(db, *id, *token, finish, changes.at)?;
    }
    if let Some(id) = changes.inbox_done {
        inbox::done(db, changes.by, id)?;
    }
    // Who leaves the place makes room for who takes it, in whatever order they are given.
    let (taking, leaving): (Vec<_>, Vec<_>) = changes.deploys.iter().partition(|row| row.deploy.is_active());
    let mut marks = Vec::new();
    for row in leaving.into_iter().chain(taking) {
        marks.push(deploy(db, row)?);
    }
    for scope in &changes.touched {
        touch(db, scope)?;
    }
    for new in &changes.effects {
        effects::put(db, new, changes.at)?;
    }
    places(db, changes, &mut marks)?;
    for row in &changes.cards {
        card(db, row)?;
    }
    for (name, value) in &changes.notes {
        db.prepare_cached(
            "INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute((name, value))?;
        if is_told(name) {
            marks.push(kept_row(Table::Notes, &[Some(name), Some(value)]).mark());
        }
    }
    audit(db, &changes.audit, marks)
}

/// How often a scope was touched.
pub(super) fn scope_revision(db: &Connection, scope: &Scope) -> Result<u64, Fault> {
    let revision = db
        .prepare_cached("SELECT revision FROM scopes WHERE name = ?1")?
        .query_row([scope_name(scope)], |row| row.get(0))
        .optional()?;
    Ok(revision.unwrap_or(0))
}

fn expect_scope(db: &Connection, scope: &Scope, revision: u64) -> Result<(), Trouble> {
    if scope_revision(db, scope)? == revision {
        return Ok(());
    }
    Err(Trouble::conflict(scope_words(scope)))
}

fn expect_note(db: &Connection, name: &str, value: Option<&str>) -> Result<(), Trouble> {
    if note(db, name)?.as_deref() == value {
        return Ok(());
    }
    Err(Trouble::conflict(format!("the note “{name}”")))
}

fn touch(db: &Connection, scope: &Scope) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO scopes (name, revision) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET revision = revision + 1",
    )?
    .execute([scope_name(scope)])?;
    Ok(())
}

/// The values of `deploy_columns`, in their order.
macro_rules! deploy_values {
    () => {
        ":revision, :service, :environment, :lock_group, :state, :active, :is_open, :ran, :succeeded, :requester, \
         :commit_id, :provider, :run_id, :short_id, :requested_at, :bound_at, :ended_at, :body"
    };
}

fn deploy(db: &Connection, row: &DeployRow) -> Result<Mark, Trouble> {
    let deploy = &row.deploy;
    let body = body(deploy)?;
    let insert = concat!(
        "INSERT INTO deploys (id, ",
        deploy_columns!(),
        ") VALUES (:id, ",
        deploy_values!(),
        ") ON CONFLICT (id) DO NOTHING"
    );
    let replace = concat!(
        "UPDATE deploys SET (",
        deploy_columns!(),
        ") = (",
        deploy_values!(),
        ") WHERE id = :id AND revision = :revision - 1"
    );
    let span = Span::of(deploy);
    let written =
        db.prepare_cached(if deploy.revision == 0 { insert } else { replace })?.execute(named_params! {
            ":id": deploy.id.as_str(),
            ":revision": deploy.revision,
            ":service": deploy.request.service.as_str(),
            ":environment": deploy.request.environment.as_str(),
            ":lock_group": row.lock_group,
            ":state": deploy.state.name(),
            ":active": deploy.is_active(),
            ":is_open": !deploy.is_done(),
            ":ran": span.ran,
            ":succeeded": span.succeeded,
            ":requester": deploy.request.by.as_str(),
            ":commit_id": commit_of(deploy),
            ":provider": provider_of(deploy),
            ":run_id": deploy.run().map(|run| run.id.as_str()),
            ":short_id": deploy.id.short(),
            ":requested_at": millis(deploy.request.at),
            ":bound_at": span.bound.map(millis),
            ":ended_at": span.ended.map(millis),
            ":body": body,
        });
    match written {
        Ok(1) => Ok(kept_deploy(row, &body).mark()),
        Ok(_) => Err(Trouble::conflict(format!("deploy {}", deploy.id.short()))),
        Err(error)
            if error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE) =>
        {
            Err(Trouble::conflict("the environment's place"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Appends entries to the chain. There is one writer, so nobody else can append in between.
fn audit(db: &Connection, entries: &[Entry], marks: Vec<Mark>) -> Result<(), Trouble> {
    if entries.is_empty() {
        return Ok(());
    }
    let head = db
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.try_into())
        .optional()?;
    let (mut seq, mut hash): (u64, String) = head.unwrap_or_else(|| (0, GENESIS.to_owned()));
    let mut insert = db.prepare_cached(
        "INSERT INTO audit (seq, body, prev, hash, deploy, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (entry, stored) in entries.iter().zip(spread(entries, marks)) {
        let row = link_with(seq + 1, &hash, entry, &stored);
        let deploy = entry.deploy.as_ref().map(DeployId::as_str);
        insert.execute((row.seq, &row.body, &row.prev, &row.hash, deploy, millis(entry.at)))?;
        (seq, hash) = (row.seq, row.hash);
    }
    Ok(())
}

/// Locks and freezes.
fn places(db: &Connection, changes: &Changes, marks: &mut Vec<Mark>) -> Result<(), Trouble> {
    for environment in &changes.unlocks {
        let gone =
            "DELETE FROM locks WHERE environment = ?1 AND quarantine = '' RETURNING environment, quarantine";
        lift(db, gone, environment.as_str(), marks)?;
    }
    for deploy in &changes.cleared {
        let gone = "DELETE FROM locks WHERE quarantine = ?1 RETURNING environment, quarantine";
        lift(db, gone, deploy.as_str(), marks)?;
    }
    for lock in &changes.locks {
        let quarantine = lock.quarantine.as_ref().map_or("", DeployId::as_str);
        let (environment, body) = (lock.environment.as_str(), body(lock)?);
        db.prepare_cached(
            "INSERT INTO locks (environment, quarantine, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (environment, quarantine) DO UPDATE SET body = excluded.body",
        )?
        .execute((environment, quarantine, &body))?;
        marks.push(kept_row(Table::Locks, &[Some(environment), Some(quarantine), Some(&body)]).mark());
    }
    for freeze in &changes.freezes {
        let body = body(freeze)?;
        let new = db
            .prepare_cached("INSERT INTO freezes (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING")?
            .execute((&freeze.id.0, &body))?;
        if new == 0 {
            return Err(Trouble::conflict(format!("the freeze {}", freeze.id)));
        }
        marks.push(kept_row(Table::Freezes, &[Some(&freeze.id.0), None, Some(&body)]).mark());
    }
    for (id, at) in &changes.freezes_ended {
        marks.push(end_freeze(db, id, *at)?);
    }
    Ok(())
}

/// Takes locks away, and notes which.
fn lift(db: &Connection, sql: &str, which: &str, marks: &mut Vec<Mark>) -> Result<(), Trouble> {
    let mut delete = db.prepare_cached(sql)?;
    let gone = delete.query_map([which], |row| row.try_into())?;
    for row in gone.collect::<rusqlite::Result<Vec<(String, String)>>>()? {
        let key = kept_row(Table::Locks, &[Some(&row.0), Some(&row.1)]).key;
        marks.push(Mark { table: Table::Locks, key, hash: None });
    }
    Ok(())
}

/// Ends a freeze that was added in chat. Its body tells the end too, so that lists of ended freezes are true.
fn end_freeze(db: &Connection, id: &str, at: Timestamp) -> Result<Mark, Trouble> {
    let running = "SELECT id, body FROM freezes WHERE id = ?1 AND ended_at IS NULL";
    let Some(mut freeze) = one::<Freeze>(db, "freezes", running, [id])? else {
        return Err(Trouble::conflict(format!("the freeze {id}")));
    };
    if let FreezeWhen::Instants { from, until } = &mut freeze.when {
        *until = Some(until.map_or(at, |planned| planned.min(at)).max(*from));
    }
    let (at, body) = (millis(at), body(&freeze)?);
    db.prepare_cached("UPDATE freezes SET ended_at = ?2, body = ?3 WHERE id = ?1")?
        .execute((id, at, &body))?;
    Ok(kept_row(Table::Freezes, &[Some(id), Some(&at.to_string()), Some(&body)]).mark())
}

fn card(db: &Connection, row: &CardRow) -> Result<(), Trouble> {
    let sql = if row.revision == 1 {
        "INSERT INTO cards (deploy, revision, body) VALUES (?1, ?2, ?3) ON CONFLICT (deploy) DO NOTHING"
    } else {
        "UPDATE cards SET revision = ?2, body = ?3 WHERE deploy = ?1 AND revision = ?2 - 1"
    };
    let written = db.prepare_cached(sql)?.execute((row.deploy.as_str(), row.revision, body(row)?))?;
    if written == 1 { Ok(()) } else { Err(Trouble::conflict(format!("the card of {}", row.deploy.short()))) }
}
