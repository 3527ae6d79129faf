//! The inbox: what came in, each delivery once. Not here: what is done about it.

use super::fault::{Fault, Trouble};
use super::pool::Pool;
use super::statement::{column, number, storable, text, write};
use super::transaction::{statement, statement_row};
use crate::row::{RowFault, body, instant, millis, parse, readable};
use jiff::Timestamp;
use shipgate_app::inbound::Inbound;
use shipgate_app::store::{Accepted, BEGINNINGS, Epoch, Waiting};
use tokio_postgres::{Client, Row};

/// After so many beginnings without an end, an item is left alone (INVARIANTS S19).
pub(super) const TRIES: i64 = BEGINNINGS as i64;

/// Stores an item unless its key is known: one round trip, which is all that an acknowledgement waits for.
///
/// Done again after a broken connection, it may say `Seen` of what it stored itself: stored it is.
pub(super) async fn put(pool: &Pool, inbound: &Inbound, at: Timestamp) -> Result<Accepted, Trouble> {
    let sql = "INSERT INTO shipgate.inbox (key, account, content, at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (key) DO NOTHING RETURNING id";
    let (key, account) = (storable(&inbound.key), storable(&inbound.account.to_string()));
    let params = [text(key), text(account), text(body(inbound)?), number(millis(at))];
    let new = statement_row(pool, sql, &params).await?;
    Ok(if new.is_some() { Accepted::New } else { Accepted::Seen })
}

/// What this worker gave up keeps nobody else from working.
const RELEASE: &str = "UPDATE shipgate.inbox SET held_by = NULL, worker = NULL
    WHERE held_by = $1 AND worker = $2 AND attempts >= $3";

/// The oldest item whose account has nothing at work and nothing older that waits; what others are just taking is
/// passed over. That an older one of the same account is written a moment later does no harm: an index lets only one
/// of them be held.
const TAKE: &str = "
    WITH me AS MATERIALIZED (SELECT 1 FROM shipgate.replicas WHERE epoch = $2 FOR KEY SHARE)
    UPDATE shipgate.inbox SET attempts = attempts + 1, held_by = $2, worker = $3
    WHERE EXISTS (SELECT 1 FROM me) AND id = (
        SELECT id FROM shipgate.inbox AS waiting
        WHERE NOT done AND attempts < $1 AND ((held_by = $2 AND worker = $3) OR (
            held_by IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM shipgate.inbox AS held
                WHERE held.account = waiting.account AND held.held_by IS NOT NULL)
            AND NOT EXISTS (
                SELECT 1 FROM shipgate.inbox AS older
                WHERE older.account = waiting.account AND older.id < waiting.id
                  AND NOT older.done AND older.attempts < $1)))
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, content, at, attempts - 1";

/// Holds the oldest waiting item for a worker, with its count of beginnings raised. One that cannot be read is left
/// alone.
pub(super) async fn next(pool: &Pool, by: Epoch, worker: u32) -> Result<Option<Waiting>, Trouble> {
    let worker = i64::from(worker);
    statement(pool, RELEASE, &[number(by.0), number(worker), number(TRIES)]).await?;
    loop {
        let row = match statement_row(pool, TAKE, &[number(TRIES), number(by.0), number(worker)]).await {
            // Somebody took another item of the same account in the same moment: this one's turn comes later.
            Err(Fault::Taken { .. }) => continue,
            row => row?,
        };
        let Some(row) = row else { return Ok(None) };
        let id: i64 = column(&row, 0)?;
        if let Some(waiting) = readable(waiting(&row, id)?) {
            return Ok(Some(waiting));
        }
        let give_up = "UPDATE shipgate.inbox SET attempts = $2, held_by = NULL, worker = NULL WHERE id = $1";
        statement(pool, give_up, &[number(id), number(TRIES)]).await?;
    }
}

fn waiting(row: &Row, id: i64) -> Result<Result<Waiting, RowFault>, Fault> {
    let (content, at, attempts): (String, i64, i64) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    Ok(parse(&content, "inbox", id)
        .and_then(|inbound| Ok(Waiting { id, inbound, at: instant(at, "inbox", id)?, attempts })))
}

/// Takes the last beginning of an item that the epoch holds back.
pub(super) async fn again(pool: &Pool, by: Epoch, id: i64) -> Result<(), Fault> {
    let sql = "UPDATE shipgate.inbox SET attempts = attempts - 1
               WHERE id = $1 AND held_by = $2 AND NOT done AND attempts > 0";
    statement(pool, sql, &[number(id), number(by.0)]).await?;
    Ok(())
}

/// Lets go of an item that the epoch holds, with its last beginning.
pub(super) async fn give_back(pool: &Pool, by: Epoch, id: i64) -> Result<(), Fault> {
    let sql = "UPDATE shipgate.inbox SET held_by = NULL, worker = NULL, attempts = greatest(attempts - 1, 0)
               WHERE id = $1 AND held_by = $2 AND NOT done";
    statement(pool, sql, &[number(id), number(by.0)]).await?;
    Ok(())
}

/// Marks an item that the epoch holds as done and deletes what it said; its key stays.
pub(super) async fn done(db: &Client, by: Epoch, id: i64) -> Result<(), Trouble> {
    let sql = "UPDATE shipgate.inbox SET done = TRUE, content = NULL, held_by = NULL, worker = NULL
               WHERE id = $1 AND NOT done AND held_by = $2";
    let found = write(db, sql, &[number(id), number(by.0)]).await?;
    if found == 1 { Ok(()) } else { Err(Trouble::conflict("the inbox item")) }
}

/// Forgets keys of items that were done and came before an instant.
pub(super) async fn prune(pool: &Pool, before: Timestamp) -> Result<u64, Fault> {
    let sql = "WITH gone AS (DELETE FROM shipgate.inbox WHERE done AND at < $1 RETURNING 1)
               SELECT count(*) FROM gone";
    let counted = statement_row(pool, sql, &[number(millis(before))]).await?;
    let gone: i64 = counted.as_ref().map(|row| column(row, 0)).transpose()?.unwrap_or(0);
    Ok(gone.unsigned_abs())
}
