//! The inbox: what came in, each delivery once. Not here: what is done about it.

use super::fault::{Fault, Trouble};
use super::pool::Pool;
use super::statement::{column, number, storable, text, write};
use super::transaction::{statement, statement_row};
use crate::row::{RowFault, instant, millis, parse, readable};
use jiff::Timestamp;
use shipgate_app::store::{Accepted, Epoch, Waiting};
use tokio_postgres::{Client, Row};

/// After so many beginnings without an end, an item is left alone (INVARIANTS S19).
pub(super) const TRIES: i64 = 3;

/// Stores an item unless its key is known: one round trip, which is all that an acknowledgement waits for.
///
/// Done again after a broken connection, it may say `Seen` of what it stored itself: stored it is.
pub(super) async fn put(pool: &Pool, key: &str, content: &str, at: Timestamp) -> Result<Accepted, Trouble> {
    let sql = "INSERT INTO shipgate.inbox (key, content, at) VALUES ($1, $2, $3)
               ON CONFLICT (key) DO NOTHING RETURNING id";
    let (key, at) = (storable(key), millis(at));
    let new = statement_row(pool, sql, &[text(key), text(content), number(at)]).await?;
    Ok(if new.is_some() { Accepted::New } else { Accepted::Seen })
}

/// Holds the oldest waiting item for an epoch, with its count of beginnings raised. One that cannot be read is left
/// alone.
pub(super) async fn next(pool: &Pool, by: Epoch) -> Result<Option<Waiting>, Trouble> {
    let sql = "WITH me AS MATERIALIZED (SELECT 1 FROM shipgate.replicas WHERE epoch = $2 FOR KEY SHARE)
               UPDATE shipgate.inbox SET attempts = attempts + 1, held_by = $2
               WHERE EXISTS (SELECT 1 FROM me) AND id = (
                   SELECT id FROM shipgate.inbox
                   WHERE NOT done AND attempts < $1 AND (held_by IS NULL OR held_by = $2)
                   ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
               RETURNING id, content, at, attempts - 1";
    loop {
        let Some(row) = statement_row(pool, sql, &[number(TRIES), number(by.0)]).await? else {
            return Ok(None);
        };
        let id: i64 = column(&row, 0)?;
        if let Some(waiting) = readable(waiting(&row, id)?) {
            return Ok(Some(waiting));
        }
        let give_up = "UPDATE shipgate.inbox SET attempts = $2 WHERE id = $1";
        statement(pool, give_up, &[number(id), number(TRIES)]).await?;
    }
}

fn waiting(row: &Row, id: i64) -> Result<Result<Waiting, RowFault>, Fault> {
    let (content, at, attempts): (String, i64, i64) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    Ok(parse(&content, "inbox", id)
        .and_then(|inbound| Ok(Waiting { id, inbound, at: instant(at, "inbox", id)?, attempts })))
}

/// Marks an item that the epoch holds as done and deletes what it said; its key stays.
pub(super) async fn done(db: &Client, by: Epoch, id: i64) -> Result<(), Trouble> {
    let sql = "UPDATE shipgate.inbox SET done = TRUE, content = NULL, held_by = NULL
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
