//! The inbox: what came in, each delivery once. Not here: what is done about it.

use super::fault::{Fault, Trouble};
use super::row::{instant, millis, parse, readable};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use shipgate_app::store::{Accepted, BEGINNINGS, Epoch, Waiting};

/// After so many beginnings without an end, an item is left alone.
const TRIES: u32 = BEGINNINGS;

/// So many of the oldest waiting items are looked at: one account may have thousands that wait for their turn.
const LOOKED_AT: u32 = 256;

/// Stores an item unless its key is known.
pub(super) fn put(
    db: &Connection,
    key: &str,
    account: &str,
    content: &str,
    at: Timestamp,
) -> Result<Accepted, Trouble> {
    let new = db
        .prepare_cached(
            "INSERT INTO inbox (key, account, content, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO NOTHING",
        )?
        .execute((key, account, content, millis(at)))?;
    Ok(if new == 1 { Accepted::New } else { Accepted::Seen })
}

/// Holds the oldest waiting item for a worker, with its count of beginnings raised. One that cannot be read is left
/// alone.
pub(super) fn next(db: &Connection, by: Epoch, worker: u32) -> Result<Option<Waiting>, Trouble> {
    // What this worker gave up keeps nobody else from working.
    db.prepare_cached(
        "UPDATE inbox SET held_by = NULL, worker = NULL WHERE held_by = ?1 AND worker = ?2 AND attempts >= ?3",
    )?
    .execute((by.0, worker, TRIES))?;
    // The oldest few first: a look at all of them is for when somebody with very many is at work.
    let mut looked_at = LOOKED_AT;
    loop {
        let row = db
            .prepare_cached(
                "UPDATE inbox SET attempts = attempts + 1, held_by = ?2, worker = ?3
                 WHERE id = (
                    SELECT id FROM (
                        SELECT id, account, held_by, worker FROM inbox
                        WHERE done = 0 AND attempts < ?1 ORDER BY id LIMIT ?4) AS waiting
                    WHERE (held_by = ?2 AND worker = ?3)
                       OR (held_by IS NULL AND NOT EXISTS (
                            SELECT 1 FROM inbox AS held
                            WHERE held.account = waiting.account AND held.held_by IS NOT NULL))
                    ORDER BY id LIMIT 1)
                    -- Nobody would ever free what an ended epoch takes.
                    AND EXISTS (SELECT 1 FROM replicas WHERE epoch = ?2)
                 RETURNING id, content, at, attempts - 1",
            )?
            .query_row((TRIES, by.0, worker, looked_at), |row| {
                let values: (i64, String, i64, u32) = row.try_into()?;
                Ok(values)
            })
            .optional()?;
        let Some((id, content, at, attempts)) = row else {
            let sql = "SELECT 1 FROM inbox WHERE done = 0 AND attempts < ?1 LIMIT 1 OFFSET ?2";
            if looked_at == LOOKED_AT && db.prepare_cached(sql)?.exists((TRIES, LOOKED_AT))? {
                looked_at = u32::MAX;
                continue;
            }
            return Ok(None);
        };
        let read = parse(&content, "inbox", id).and_then(|inbound| {
            let at = instant(at, "inbox", id)?;
            Ok(Waiting { id, inbound, at, attempts })
        });
        if let Some(waiting) = readable(read) {
            return Ok(Some(waiting));
        }
        db.prepare_cached("UPDATE inbox SET attempts = ?2, held_by = NULL, worker = NULL WHERE id = ?1")?
            .execute((id, TRIES))?;
    }
}

/// Takes the last beginning of an item that the epoch holds back.
pub(super) fn again(db: &Connection, by: Epoch, id: i64) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE inbox SET attempts = attempts - 1 WHERE id = ?1 AND held_by = ?2 AND done = 0 AND attempts > 0",
    )?
    .execute((id, by.0))?;
    Ok(())
}

/// Lets go of an item that the epoch holds, with its last beginning.
pub(super) fn give_back(db: &Connection, by: Epoch, id: i64) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE inbox SET held_by = NULL, worker = NULL, attempts = max(attempts - 1, 0)
         WHERE id = ?1 AND held_by = ?2 AND done = 0",
    )?
    .execute((id, by.0))?;
    Ok(())
}

/// Marks an item that the epoch holds as done and deletes what it said; its key stays.
pub(super) fn done(db: &Connection, by: Epoch, id: i64) -> Result<(), Trouble> {
    let found = db
        .prepare_cached(
            "UPDATE inbox SET done = 1, content = NULL, held_by = NULL, worker = NULL
             WHERE id = ?1 AND done = 0 AND held_by = ?2",
        )?
        .execute((id, by.0))?;
    if found == 1 { Ok(()) } else { Err(Trouble::conflict("the inbox item")) }
}

/// Forgets keys of items that were done and came before an instant.
pub(super) fn prune(db: &Connection, before: Timestamp) -> Result<u64, Trouble> {
    let gone =
        db.prepare_cached("DELETE FROM inbox WHERE done = 1 AND at < ?1")?.execute([millis(before)])?;
    Ok(gone as u64)
}

/// How many wait, and how many were given up.
pub(super) fn counts(db: &Connection) -> Result<(u64, u64), Fault> {
    let sql = "SELECT count(*) FILTER (WHERE attempts < ?1), count(*) FILTER (WHERE attempts >= ?1)
               FROM inbox WHERE done = 0";
    Ok(db.prepare_cached(sql)?.query_row([TRIES], |row| row.try_into())?)
}
