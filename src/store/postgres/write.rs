//! Writing one decision, all or nothing. Not here: the transaction around it (`transaction`).
//!
//! Rows are locked in one order: the replica, scopes by name, the inbox item, deploys by id, cards, locks, freezes,
//! notes, effects by key, and last the head of the audit chain, which everybody else waits for.

use super::fault::{Fault, Trouble};
use super::statement::{column, number, numbers, row, rows, storable, text, texts, truth, write};
use super::transaction::Work;
use super::{effects, inbox, replicas};
use crate::row::{
    Span, body, commit_of, deploy_columns, kept_deploy, kept_row, millis, parse, provider_of, scope_name,
    scope_words,
};
use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::store::{CardRow, Changes, DeployRow, Expect, is_told};
use shipgate_domain::audit::{Entry, Mark, Table, link_with, spread};
use shipgate_domain::calendar::{Freeze, FreezeWhen};
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::DeployId;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

#[async_trait]
impl Work<()> for Changes {
    /// Checks what must still be true, then writes everything.
    async fn run(&self, db: &Client) -> Result<(), Trouble> {
        replicas::expect(db, self.by).await?;
        if self.expect.contains(&Expect::RulesInForce) {
            replicas::expect_newest_rules(db, self.by).await?;
        }
        scopes(db, self).await?;
        if let Some(id) = self.inbox_done {
            inbox::done(db, self.by, id).await?;
        }
        // Who leaves the place makes room for who takes it, in whatever order they are given.
        let mut deploys: Vec<&DeployRow> = self.deploys.iter().collect();
        deploys.sort_by_key(|row| (row.deploy.is_active(), &row.deploy.id));
        let mut marks = Vec::new();
        for row in deploys {
            marks.push(deploy(db, row).await?);
        }
        let mut cards: Vec<&CardRow> = self.cards.iter().collect();
        cards.sort_by_key(|row| &row.deploy);
        for row in cards {
            card(db, row).await?;
        }
        places(db, self, &mut marks).await?;
        notes(db, self, &mut marks).await?;
        let mut leases: Vec<(i64, i64)> = self.finish.iter().map(|(id, token, _)| (*id, *token)).collect();
        leases.extend(self.expect.iter().filter_map(|expect| match expect {
            Expect::Lease { id, token } => Some((*id, *token)),
            Expect::Scope(..) | Expect::Note(..) | Expect::RulesInForce => None,
        }));
        effects::expect_leases(db, &leases, &self.effects).await?;
        if let Some((id, _, finish)) = &self.finish {
            effects::finish(db, *id, finish, self.at).await?;
        }
        effects::put(db, &self.effects, self.at).await?;
        audit(db, &self.audit, marks).await
    }
}

/// Locks all scopes that the write names, checks those that it read, and raises those that it touches.
async fn scopes(db: &Client, changes: &Changes) -> Result<(), Trouble> {
    // Sorted, because everybody locks in one order. One that was never touched gets its row now: there must be
    // something to lock.
    let mut touches: BTreeMap<String, i64> = BTreeMap::new();
    let expected = changes.expect.iter().filter_map(|expect| match expect {
        Expect::Scope(scope, revision) => Some((scope, *revision)),
        Expect::Lease { .. } | Expect::Note(..) | Expect::RulesInForce => None,
    });
    for (scope, _) in expected.clone() {
        touches.entry(scope_name(scope)).or_default();
    }
    for scope in &changes.touched {
        *touches.entry(scope_name(scope)).or_default() += 1;
    }
    if touches.is_empty() {
        return Ok(());
    }
    let (names, times): (Vec<String>, Vec<i64>) = touches.into_iter().unzip();
    let sql = "INSERT INTO shipgate.scopes AS s (name, revision)
               SELECT name, times FROM unnest($1, $2) WITH ORDINALITY AS n (name, times, place) ORDER BY place
               ON CONFLICT (name) DO UPDATE SET revision = s.revision + excluded.revision
               RETURNING name, revision";
    let mut before: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows(db, sql, &[texts(&names), numbers(&times)]).await? {
        let (name, now): (String, i64) = (column(&row, 0)?, column(&row, 1)?);
        let raised = names.iter().position(|known| *known == name).map_or(0, |place| times[place]);
        before.insert(name, (now - raised).unsigned_abs());
    }
    for (scope, revision) in expected {
        if before.get(&scope_name(scope)) != Some(&revision) {
            return Err(Trouble::conflict(scope_words(scope)));
        }
    }
    Ok(())
}

/// The values of `deploy_columns`, in their order.
macro_rules! deploy_values {
    () => {
        "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19"
    };
}

async fn deploy(db: &Client, row: &DeployRow) -> Result<Mark, Trouble> {
    const INSERT: &str = concat!(
        "INSERT INTO shipgate.deploys (id, ",
        deploy_columns!(),
        ") VALUES ($1, ",
        deploy_values!(),
        ") ON CONFLICT (id) DO NOTHING"
    );
    const REPLACE: &str = concat!(
        "UPDATE shipgate.deploys SET (",
        deploy_columns!(),
        ") = (",
        deploy_values!(),
        ") WHERE id = $1 AND revision = $2 - 1"
    );
    let deploy = &row.deploy;
    let span = Span::of(deploy);
    let revision = signed(deploy.revision)?;
    let run = deploy.run().map(|run| run.id.as_str());
    let (bound, ended) = (span.bound.map(millis), span.ended.map(millis));
    let body = body(deploy)?;
    let params = [
        text(deploy.id.as_str()),
        number(revision),
        text(deploy.request.service.as_str()),
        text(deploy.request.environment.as_str()),
        text(&row.lock_group),
        text(deploy.state.name()),
        truth(deploy.is_active()),
        truth(!deploy.is_done()),
        truth(span.ran),
        truth(span.succeeded),
        text(deploy.request.by.as_str()),
        text(commit_of(deploy)),
        text(provider_of(deploy)),
        text(run),
        text(deploy.id.short()),
        number(millis(deploy.request.at)),
        number(bound),
        number(ended),
        text(&body),
    ];
    match write(db, if deploy.revision == 0 { INSERT } else { REPLACE }, &params).await {
        Ok(1) => Ok(kept_deploy(row, &body).mark()),
        Ok(_) => Err(Trouble::conflict(format!("deploy {}", deploy.id.short()))),
        Err(Fault::Taken { .. }) => Err(Trouble::conflict("the environment's place")),
        Err(fault) => Err(fault.into()),
    }
}

/// Appends entries to the chain. The lock on its head lets nobody else append in between.
async fn audit(db: &Client, entries: &[Entry], marks: Vec<Mark>) -> Result<(), Trouble> {
    if entries.is_empty() {
        return Ok(());
    }
    let head = row(db, "SELECT seq, hash FROM shipgate.audit_head FOR UPDATE", &[]).await?;
    let head = head.ok_or(Fault::Mistake { detail: "the audit chain has no head".into() })?;
    let (mut seq, mut hash): (u64, String) = (column::<i64>(&head, 0)?.unsigned_abs(), column(&head, 1)?);
    let (mut seqs, mut bodies, mut prevs, mut hashes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut deploys, mut ats) = (Vec::new(), Vec::new());
    for (entry, stored) in entries.iter().zip(spread(entries, marks)) {
        let row = link_with(seq + 1, &hash, entry, &stored);
        (seq, hash) = (row.seq, row.hash.clone());
        seqs.push(signed(row.seq)?);
        bodies.push(row.body);
        prevs.push(row.prev);
        hashes.push(row.hash);
        deploys.push(entry.deploy.as_ref().map(DeployId::as_str));
        ats.push(millis(entry.at));
    }
    let sql = "INSERT INTO shipgate.audit (seq, body, prev, hash, deploy, at)
               SELECT * FROM unnest($1, $2, $3, $4, $5, $6)";
    let params =
        [numbers(&seqs), texts(&bodies), texts(&prevs), texts(&hashes), texts(&deploys), numbers(&ats)];
    write(db, sql, &params).await?;
    Ok(())
}

/// Locks and freezes.
async fn places(db: &Client, changes: &Changes, marks: &mut Vec<Mark>) -> Result<(), Trouble> {
    for environment in &changes.unlocks {
        let sql = "DELETE FROM shipgate.locks WHERE environment = $1 AND quarantine = ''
                   RETURNING environment, quarantine";
        lift(db, sql, environment.as_str(), marks).await?;
    }
    for deploy in &changes.cleared {
        let sql = "DELETE FROM shipgate.locks WHERE quarantine = $1 RETURNING environment, quarantine";
        lift(db, sql, deploy.as_str(), marks).await?;
    }
    for new in &changes.locks {
        marks.push(lock(db, new).await?);
    }
    for freeze in &changes.freezes {
        let body = body(freeze)?;
        let sql = "INSERT INTO shipgate.freezes (id, body) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        if write(db, sql, &[text(&freeze.id.0), text(&body)]).await? == 0 {
            return Err(Trouble::conflict(format!("the freeze {}", freeze.id)));
        }
        marks.push(kept_row(Table::Freezes, &[Some(&freeze.id.0), None, Some(&body)]).mark());
    }
    for (id, at) in &changes.freezes_ended {
        marks.push(end_freeze(db, id, *at).await?);
    }
    Ok(())
}

/// Takes locks away, and notes which.
async fn lift(db: &Client, sql: &str, which: &str, marks: &mut Vec<Mark>) -> Result<(), Trouble> {
    for row in rows(db, sql, &[text(which)]).await? {
        let (environment, quarantine): (String, String) = (column(&row, 0)?, column(&row, 1)?);
        let key = kept_row(Table::Locks, &[Some(&environment), Some(&quarantine)]).key;
        marks.push(Mark { table: Table::Locks, key, hash: None });
    }
    Ok(())
}

async fn lock(db: &Client, lock: &Lock) -> Result<Mark, Trouble> {
    let sql = "INSERT INTO shipgate.locks (environment, quarantine, body) VALUES ($1, $2, $3)
               ON CONFLICT (environment, quarantine) DO UPDATE SET body = excluded.body";
    let quarantine = lock.quarantine.as_ref().map_or("", DeployId::as_str);
    let (environment, body) = (lock.environment.as_str(), body(lock)?);
    write(db, sql, &[text(environment), text(quarantine), text(&body)]).await?;
    Ok(kept_row(Table::Locks, &[Some(environment), Some(quarantine), Some(&body)]).mark())
}

/// Ends a freeze that was added in chat. Its body tells the end too, so that lists of ended freezes are true.
async fn end_freeze(db: &Client, id: &str, at: Timestamp) -> Result<Mark, Trouble> {
    let sql = "SELECT body FROM shipgate.freezes WHERE id = $1 AND ended_at IS NULL FOR UPDATE";
    let Some(found) = row(db, sql, &[text(id)]).await? else {
        return Err(Trouble::conflict(format!("the freeze {id}")));
    };
    let mut freeze: Freeze = parse(&column::<String>(&found, 0)?, "freezes", id)?;
    if let FreezeWhen::Instants { from, until } = &mut freeze.when {
        *until = Some(until.map_or(at, |planned| planned.min(at)).max(*from));
    }
    let (at, body) = (millis(at), body(&freeze)?);
    let sql = "UPDATE shipgate.freezes SET ended_at = $2, body = $3 WHERE id = $1";
    write(db, sql, &[text(id), number(at), text(&body)]).await?;
    Ok(kept_row(Table::Freezes, &[Some(id), Some(&at.to_string()), Some(&body)]).mark())
}

async fn card(db: &Client, row: &CardRow) -> Result<(), Trouble> {
    let sql = if row.revision == 1 {
        "INSERT INTO shipgate.cards (deploy, revision, body) VALUES ($1, $2, $3) ON CONFLICT (deploy) DO NOTHING"
    } else {
        "UPDATE shipgate.cards SET revision = $2, body = $3 WHERE deploy = $1 AND revision = $2 - 1"
    };
    let revision = signed(row.revision)?;
    let written = write(db, sql, &[text(row.deploy.as_str()), number(revision), text(body(row)?)]).await?;
    if written == 1 { Ok(()) } else { Err(Trouble::conflict(format!("the card of {}", row.deploy.short()))) }
}

/// Small values. One that must be the first of its name is inserted: of two who expect that, the database lets one.
async fn notes(db: &Client, changes: &Changes, marks: &mut Vec<Mark>) -> Result<(), Trouble> {
    let absent: BTreeSet<&str> = changes
        .expect
        .iter()
        .filter_map(|expect| match expect {
            Expect::Note(name, None) => Some(name.as_str()),
            Expect::Scope(..) | Expect::Note(..) | Expect::Lease { .. } | Expect::RulesInForce => None,
        })
        .collect();
    known_notes(db, changes).await?;
    let values: BTreeMap<&str, &String> =
        changes.notes.iter().map(|(name, value)| (name.as_str(), value)).collect();
    for (name, value) in values {
        let is_first = absent.contains(name);
        let on_conflict = if is_first { "NOTHING" } else { "UPDATE SET value = excluded.value" };
        let sql = format!(
            "INSERT INTO shipgate.notes (name, value) VALUES ($1, $2) ON CONFLICT (name) DO {on_conflict}"
        );
        if write(db, &sql, &[text(storable(name)), text(storable(value))]).await? == 0 {
            return Err(Trouble::conflict("a note"));
        }
        if is_told(name) {
            marks.push(kept_row(Table::Notes, &[Some(name), Some(&storable(value))]).mark());
        }
    }
    Ok(())
}

/// Notes that must have the value that was read. Who writes such a note waits until this write is over, and the other
/// way round. One that is not there yet has no row to be held: a lock of its name stands for it.
async fn known_notes(db: &Client, changes: &Changes) -> Result<(), Trouble> {
    for expect in &changes.expect {
        let Expect::Note(name, expected) = expect else { continue };
        let is_written = changes.notes.iter().any(|(written, _)| written == name);
        let lock = if is_written { "UPDATE" } else { "SHARE" };
        if expected.is_none() {
            let how = if is_written { "" } else { "_shared" };
            let sql = format!("SELECT pg_advisory_xact_lock{how}(hashtextextended($1, 0))");
            rows(db, &sql, &[text(storable(name))]).await?;
        }
        let sql = format!("SELECT value FROM shipgate.notes WHERE name = $1 FOR {lock}");
        let found = row(db, &sql, &[text(storable(name))]).await?;
        let value: Option<String> = found.as_ref().map(|row| column(row, 0)).transpose()?;
        if value != expected.as_deref().map(storable) {
            return Err(Trouble::conflict(format!("the note “{name}”")));
        }
    }
    Ok(())
}

/// A count as the database holds it.
fn signed(count: u64) -> Result<i64, Fault> {
    i64::try_from(count).map_err(|error| Fault::Mistake { detail: error.to_string() })
}
