//! Effects: storing, leasing, finishing. Not here: carrying them out.
//!
//! An effect is pending, done or dead. A pending one may be held by a worker until its lease ends. What is asked for
//! again while it is held is noted in `again`, and is due then once the holder has finished.

use super::fault::{Fault, Trouble};
use super::row::{body, instant, millis, millis_up, parse, readable};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use shipgate_app::effects::{Finish, Lane, Leased, NewEffect, Repeat};
use shipgate_app::store::Epoch;

/// Stores an effect, or joins it with the one that has its key.
pub(super) fn put(db: &Connection, new: &NewEffect, at: Timestamp) -> Result<(), Trouble> {
    let on_conflict = match new.repeat {
        Repeat::Once => "DO NOTHING",
        // Columns on the right are those before the update. Waiting: the earlier instant counts. Held: it runs again.
        // Over: it starts anew.
        Repeat::Whenever => {
            "DO UPDATE SET
                state = 'pending',
                effect = CASE WHEN state = 'pending' THEN effect ELSE excluded.effect END,
                due = CASE
                    WHEN state <> 'pending' THEN excluded.due
                    WHEN lease_until IS NULL THEN min(due, excluded.due)
                    ELSE due END,
                again = CASE
                    WHEN state <> 'pending' THEN NULL
                    WHEN lease_until IS NULL THEN again
                    ELSE min(coalesce(again, excluded.due), excluded.due) END,
                asked = CASE
                    WHEN state <> 'pending' OR (lease_until IS NOT NULL AND again IS NULL) THEN excluded.asked
                    ELSE asked END,
                attempts = CASE WHEN state = 'pending' THEN attempts ELSE 0 END,
                ended_at = NULL,
                last_error = CASE WHEN state = 'pending' THEN last_error ELSE NULL END
             WHERE repeat = 'whenever'"
        }
        Repeat::IfNone => {
            "DO UPDATE SET
                state = 'pending', effect = excluded.effect, due = excluded.due, again = NULL,
                asked = excluded.asked, attempts = 0, ended_at = NULL, last_error = NULL
             WHERE repeat = 'whenever' AND state <> 'pending'"
        }
    };
    let sql = format!(
        "INSERT INTO effects (key, effect, repeat, state, due, asked, attempts, lane)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?5, 0, ?6) ON CONFLICT (key) {on_conflict}"
    );
    let repeat = match new.repeat {
        Repeat::Once => "once",
        Repeat::Whenever | Repeat::IfNone => "whenever",
    };
    let lane = new.effect.lane().as_str();
    let row = (&new.key, body(&new.effect)?, repeat, millis_up(new.due), millis(at), lane);
    db.prepare_cached(&sql)?.execute(row)?;
    Ok(())
}

/// Holds the effect that has been due longest for an epoch. One that cannot be read is put away as dead.
pub(super) fn lease(
    db: &Connection,
    by: Epoch,
    lane: Option<Lane>,
    now: Timestamp,
    lease_now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<Leased>, Trouble> {
    let (now, lease_now, lease_until) = (millis(now), millis(lease_now), millis_up(lease_until));
    // Two statements rather than one with `OR`, which no index serves.
    let of_lane = if lane.is_some() { "AND lane = ?4" } else { "" };
    loop {
        // What was asked for again while an earlier holder had it counts as done by this one, if it is due.
        let row = db
            .prepare_cached(&format!(
                "UPDATE effects SET
                    lease_until = ?3, held_by = ?5, token = token + 1, attempts = attempts + 1,
                    again = CASE WHEN again <= ?1 THEN NULL ELSE again END
                 WHERE id = (
                    SELECT id FROM effects
                    WHERE state = 'pending' AND due <= ?1
                      AND (held_by IS NULL OR (held_by = ?5 AND lease_until <= ?2))
                      {of_lane}
                      -- Nobody would ever free what an ended epoch takes.
                      AND EXISTS (SELECT 1 FROM replicas WHERE epoch = ?5)
                    ORDER BY due, id LIMIT 1)
                 RETURNING id, key, effect, attempts - 1, asked, token"
            ))?
            .query_row((now, lease_now, lease_until, lane.map(Lane::as_str), by.0), |row| {
                let values: (i64, String, String, u32, i64, i64) = row.try_into()?;
                Ok(values)
            })
            .optional()?;
        let Some((id, key, text, attempts, asked, token)) = row else {
            return Ok(None);
        };
        let read = parse(&text, "effects", &key).and_then(|effect| {
            let asked = instant(asked, "effects", &key)?;
            Ok(Leased { id, key, effect, attempts, asked, token })
        });
        match readable(read) {
            Some(leased) => return Ok(Some(leased)),
            None => bury(db, id, "this version cannot read it", now)?,
        }
    }
}

/// An error unless the effect is still held with this token.
pub(super) fn expect_lease(db: &Connection, id: i64, token: i64) -> Result<(), Trouble> {
    let held = db
        .prepare_cached(
            "SELECT 1 FROM effects
             WHERE id = ?1 AND token = ?2 AND state = 'pending' AND lease_until IS NOT NULL",
        )?
        .exists((id, token))?;
    if held { Ok(()) } else { Err(Trouble::conflict("the lease of an effect")) }
}

/// Ends a lease.
pub(super) fn finish(
    db: &Connection,
    id: i64,
    token: i64,
    finish: &Finish,
    at: Timestamp,
) -> Result<(), Trouble> {
    expect_lease(db, id, token)?;
    match finish {
        Finish::Done => {
            db.prepare_cached(
                "UPDATE effects SET
                    lease_until = NULL, held_by = NULL, last_error = NULL, again = NULL,
                    state = CASE WHEN again IS NULL THEN 'done' ELSE 'pending' END,
                    due = coalesce(again, due),
                    attempts = CASE WHEN again IS NULL THEN attempts ELSE 0 END,
                    ended_at = CASE WHEN again IS NULL THEN ?2 END,
                    -- What was said, and one-time addresses, are not kept; the key is.
                    effect = CASE WHEN repeat = 'once' THEN '' ELSE effect END
                 WHERE id = ?1",
            )?
            .execute((id, millis(at)))?;
        }
        Finish::Again(due) => {
            db.prepare_cached(
                "UPDATE effects SET
                    lease_until = NULL, held_by = NULL, last_error = NULL, again = NULL, attempts = 0,
                    due = min(?2, coalesce(again, ?2))
                 WHERE id = ?1",
            )?
            .execute((id, millis_up(*due)))?;
        }
        Finish::Retry { at: due, why } => {
            db.prepare_cached(
                "UPDATE effects SET
                    lease_until = NULL, held_by = NULL, last_error = ?3, again = NULL, due = min(?2, coalesce(again, ?2))
                 WHERE id = ?1",
            )?
            .execute((id, millis_up(*due), why))?;
        }
        Finish::Dead { why } => bury(db, id, why, millis(at))?,
    }
    Ok(())
}

/// Puts an effect away for people to see. Asked for again meanwhile, it starts anew instead.
fn bury(db: &Connection, id: i64, why: &str, now: i64) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE effects SET
            lease_until = NULL, held_by = NULL, last_error = ?2, again = NULL,
            state = CASE WHEN again IS NULL THEN 'dead' ELSE 'pending' END,
            due = coalesce(again, due),
            attempts = CASE WHEN again IS NULL THEN attempts ELSE 0 END,
            ended_at = CASE WHEN again IS NULL THEN ?3 END
         WHERE id = ?1",
    )?
    .execute((id, why, now))?;
    Ok(())
}

/// When the next effect that nobody holds is due.
pub(super) fn next_due(db: &Connection, lane: Option<Lane>) -> Result<Option<Timestamp>, Trouble> {
    let of_lane = lane.map(|lane| format!("AND lane = '{}'", lane.as_str())).unwrap_or_default();
    let due: Option<i64> = db
        .prepare_cached(&format!(
            "SELECT due FROM effects WHERE state = 'pending' AND lease_until IS NULL {of_lane} ORDER BY due LIMIT 1"
        ))?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(due.map(|millis| instant(millis, "effects", "next")).transpose()?)
}

/// Brings a waiting effect forward; one that is held and repeatable runs again.
pub(super) fn wake(db: &Connection, key: &str, at: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE effects SET
            due = CASE WHEN lease_until IS NULL THEN min(due, ?2) ELSE due END,
            again = CASE
                WHEN lease_until IS NULL OR repeat = 'once' THEN again
                ELSE min(coalesce(again, ?2), ?2) END
         WHERE key = ?1 AND state = 'pending'",
    )?
    .execute((key, millis_up(at)))?;
    Ok(())
}

/// Brings all waiting effects forward.
pub(super) fn wake_all(db: &Connection, at: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE effects SET due = ?1 WHERE state = 'pending' AND due > ?1")?
        .execute([millis_up(at)])?;
    Ok(())
}

/// Forgets repeatable effects and private answers that were done before an instant.
pub(super) fn prune(db: &Connection, before: Timestamp) -> Result<u64, Trouble> {
    let gone = db
        .prepare_cached("DELETE FROM effects WHERE state = 'done' AND (repeat = 'whenever' OR key LIKE 'answer/%') AND ended_at < ?1")?
        .execute([millis(before)])?;
    Ok(gone as u64)
}

/// How many are pending, and how many are dead.
pub(super) fn counts(db: &Connection) -> Result<(u64, u64), Fault> {
    let count = |state: &str| -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM effects WHERE state = '{state}'");
        db.prepare_cached(&sql)?.query_row([], |row| row.get(0))
    };
    Ok((count("pending")?, count("dead")?))
}
