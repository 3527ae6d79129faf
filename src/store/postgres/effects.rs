//! Effects: storing, leasing, finishing. Not here: carrying them out.
//!
//! An effect is pending, done or dead. A pending one may be held by a worker until its lease ends. What is asked for
//! again while it is held is noted in `again`, and is due then once the holder has finished.
//!
//! A write locks all rows it concerns by key before it changes one, so that two writes never wait for each other.

use super::fault::{Fault, Trouble};
use super::pool::Pool;
use super::statement::{Param, column, number, numbers, rows, storable, text, texts, write};
use super::transaction::{statement, statement_row};
use crate::row::{RowFault, body, instant, millis, millis_up, parse, readable};
use jiff::Timestamp;
use shipgate_app::effects::{Finish, Lane, Leased, NewEffect, Repeat};
use shipgate_app::store::Epoch;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Row};

/// Locks the effects that a write concerns, in the order of their keys. An error unless each lease is still held.
pub(super) async fn expect_leases(
    db: &Client,
    leases: &[(i64, i64)],
    new: &[NewEffect],
) -> Result<(), Trouble> {
    if leases.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = leases.iter().map(|(id, _)| *id).collect();
    let keys: Vec<String> = new.iter().map(|new| storable(&new.key)).collect();
    let sql = "SELECT id, token, state = 'pending' AND lease_until IS NOT NULL FROM shipgate.effects
               WHERE id = ANY($1) OR key = ANY($2) ORDER BY key FOR UPDATE";
    let mut held = BTreeMap::new();
    for row in rows(db, sql, &[numbers(&ids), texts(&keys)]).await? {
        if column::<bool>(&row, 2)? {
            held.insert(column::<i64>(&row, 0)?, column::<i64>(&row, 1)?);
        }
    }
    if leases.iter().all(|(id, token)| held.get(id) == Some(token)) {
        return Ok(());
    }
    Err(Trouble::conflict("the lease of an effect"))
}

/// Stores effects, or joins each with the one that has its key.
pub(super) async fn put(db: &Client, new: &[NewEffect], at: Timestamp) -> Result<(), Trouble> {
    for repeat in [Repeat::Once, Repeat::Whenever, Repeat::IfNone] {
        put_those(db, new, repeat, at).await?;
    }
    Ok(())
}

async fn put_those(db: &Client, new: &[NewEffect], repeat: Repeat, at: Timestamp) -> Result<(), Trouble> {
    // Asking twice in one breath is asking once, for the earlier instant.
    let mut place_of: BTreeMap<String, usize> = BTreeMap::new();
    let (mut keys, mut bodies, mut dues, mut lanes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for new in new.iter().filter(|new| new.repeat == repeat) {
        let (key, due) = (storable(&new.key), millis_up(new.due));
        if let Some(&place) = place_of.get(&key) {
            let earlier: &mut i64 = &mut dues[place];
            if repeat != Repeat::Once {
                *earlier = due.min(*earlier);
            }
            continue;
        }
        place_of.insert(key.clone(), keys.len());
        keys.push(key);
        bodies.push(body(&new.effect)?);
        dues.push(due);
        lanes.push(new.effect.lane().as_str());
    }
    if keys.is_empty() {
        return Ok(());
    }
    let (name, on_conflict) = match repeat {
        Repeat::Once => ("once", "DO NOTHING"),
        // Waiting: the earlier instant counts. Held: it runs again. Over: it starts anew.
        Repeat::Whenever => (
            "whenever",
            "DO UPDATE SET
                state = 'pending',
                effect = CASE WHEN e.state = 'pending' THEN e.effect ELSE excluded.effect END,
                due = CASE
                    WHEN e.state <> 'pending' THEN excluded.due
                    WHEN e.lease_until IS NULL THEN least(e.due, excluded.due)
                    ELSE e.due END,
                again = CASE
                    WHEN e.state <> 'pending' THEN NULL
                    WHEN e.lease_until IS NULL THEN e.again
                    ELSE least(e.again, excluded.due) END,
                asked = CASE
                    WHEN e.state <> 'pending' OR (e.lease_until IS NOT NULL AND e.again IS NULL)
                    THEN excluded.asked ELSE e.asked END,
                attempts = CASE WHEN e.state = 'pending' THEN e.attempts ELSE 0 END,
                ended_at = NULL,
                last_error = CASE WHEN e.state = 'pending' THEN e.last_error ELSE NULL END
             WHERE e.repeat = 'whenever'",
        ),
        Repeat::IfNone => (
            "whenever",
            "DO UPDATE SET
                state = 'pending', effect = excluded.effect, due = excluded.due, again = NULL,
                asked = excluded.asked, attempts = 0, ended_at = NULL, last_error = NULL
             WHERE e.repeat = 'whenever' AND e.state <> 'pending'",
        ),
    };
    // Numbered in the order in which they were asked for, written in the order of their keys.
    let sql = format!(
        "INSERT INTO shipgate.effects AS e (id, key, effect, repeat, state, due, asked, attempts, lane)
         SELECT id, key, effect, $6, 'pending', due, $5, 0, lane
         FROM (SELECT nextval('shipgate.effect_ids') AS id, key, effect, due, lane
               FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS n (key, effect, due, lane, place)
               ORDER BY place) AS numbered
         ORDER BY key ON CONFLICT (key) {on_conflict}"
    );
    let at = millis(at);
    let params = [texts(&keys), texts(&bodies), numbers(&dues), texts(&lanes), number(at), text(name)];
    write(db, &sql, &params).await?;
    Ok(())
}

/// Holds the effect that has been due longest for an epoch. One that cannot be read is put away as dead.
pub(super) async fn lease(
    pool: &Pool,
    by: Epoch,
    lane: Option<Lane>,
    now: Timestamp,
    lease_now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<Leased>, Trouble> {
    let (now, lease_now, lease_until) = (millis(now), millis(lease_now), millis_up(lease_until));
    let lane = lane.map(Lane::as_str);
    let mut params = vec![number(now), number(lease_now), number(lease_until), number(by.0)];
    params.extend(lane.map(text));
    // What was asked for again while an earlier holder had it counts as done by this one, if it is due. What others
    // are just taking is passed over, and nobody waits.
    let sql = format!(
        "WITH me AS MATERIALIZED (SELECT 1 FROM shipgate.replicas WHERE epoch = $4 FOR KEY SHARE)
         UPDATE shipgate.effects SET
            lease_until = $3, held_by = $4, token = token + 1, attempts = attempts + 1,
            again = CASE WHEN again <= $1 THEN NULL ELSE again END
         WHERE EXISTS (SELECT 1 FROM me) AND id = (
            SELECT id FROM shipgate.effects
            WHERE state = 'pending' AND due <= $1 AND (held_by IS NULL OR (held_by = $4 AND lease_until <= $2)){}
            ORDER BY due, id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, key, effect, attempts - 1, asked, token",
        if lane.is_some() { " AND lane = $5" } else { "" }
    );
    loop {
        let Some(row) = statement_row(pool, &sql, &params).await? else { return Ok(None) };
        let id: i64 = column(&row, 0)?;
        match readable(leased(&row, id)?) {
            Some(leased) => return Ok(Some(leased)),
            None => {
                let bury = bury_sql();
                let why = "this version cannot read it";
                statement(pool, &bury, &[number(id), text(why), number(now)]).await?;
            }
        }
    }
}

fn leased(row: &Row, id: i64) -> Result<Result<Leased, RowFault>, Fault> {
    let (key, effect): (String, String) = (column(row, 1)?, column(row, 2)?);
    let (attempts, asked, token): (i64, i64, i64) = (column(row, 3)?, column(row, 4)?, column(row, 5)?);
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    Ok(parse(&effect, "effects", &key).and_then(|effect| {
        let asked = instant(asked, "effects", &key)?;
        Ok(Leased { id, key, effect, attempts, asked, token })
    }))
}

/// Ends a lease, which the caller has made sure of.
pub(super) async fn finish(db: &Client, id: i64, finish: &Finish, at: Timestamp) -> Result<(), Trouble> {
    let at = millis(at);
    match finish {
        Finish::Done => {
            let sql = "UPDATE shipgate.effects SET
                    lease_until = NULL, held_by = NULL, last_error = NULL, again = NULL,
                    state = CASE WHEN again IS NULL THEN 'done' ELSE 'pending' END,
                    due = coalesce(again, due),
                    attempts = CASE WHEN again IS NULL THEN attempts ELSE 0 END,
                    ended_at = CASE WHEN again IS NULL THEN $2 END,
                    -- What was said, and one-time addresses, are not kept; the key is.
                    effect = CASE WHEN repeat = 'once' THEN '' ELSE effect END
                 WHERE id = $1";
            write(db, sql, &[number(id), number(at)]).await?;
        }
        Finish::Again(due) => {
            let sql = "UPDATE shipgate.effects SET
                    lease_until = NULL, held_by = NULL, last_error = NULL, again = NULL, attempts = 0,
                    due = least($2, again)
                 WHERE id = $1";
            write(db, sql, &[number(id), number(millis_up(*due))]).await?;
        }
        Finish::Retry { at: due, why } => {
            let sql = "UPDATE shipgate.effects SET
                    lease_until = NULL, held_by = NULL, last_error = $3, again = NULL, due = least($2, again)
                 WHERE id = $1";
            write(db, sql, &[number(id), number(millis_up(*due)), text(storable(why))]).await?;
        }
        Finish::Dead { why } => {
            write(db, &bury_sql(), &[number(id), text(storable(why)), number(at)]).await?;
        }
    }
    Ok(())
}

/// Puts an effect away for people to see. Asked for again meanwhile, it starts anew instead.
fn bury_sql() -> String {
    "UPDATE shipgate.effects SET
        lease_until = NULL, held_by = NULL, last_error = $2, again = NULL,
        state = CASE WHEN again IS NULL THEN 'dead' ELSE 'pending' END,
        due = coalesce(again, due),
        attempts = CASE WHEN again IS NULL THEN attempts ELSE 0 END,
        ended_at = CASE WHEN again IS NULL THEN $3 END
     WHERE id = $1"
        .to_owned()
}

/// When the next effect that nobody holds is due.
pub(super) async fn next_due(pool: &Pool, lane: Option<Lane>) -> Result<Option<Timestamp>, Trouble> {
    let lane = lane.map(Lane::as_str);
    let params: Vec<Param<'_>> = lane.map(text).into_iter().collect();
    let sql = format!(
        "SELECT min(due) FROM shipgate.effects WHERE state = 'pending' AND lease_until IS NULL{}",
        if lane.is_some() { " AND lane = $1" } else { "" }
    );
    let row = statement_row(pool, &sql, &params).await?;
    let due: Option<i64> = row.as_ref().map(|row| column(row, 0)).transpose()?.flatten();
    Ok(due.map(|millis| instant(millis, "effects", "next")).transpose()?)
}

/// Brings a waiting effect forward; one that is held and repeatable runs again.
pub(super) async fn wake(pool: &Pool, key: &str, at: Timestamp) -> Result<(), Trouble> {
    let sql = "UPDATE shipgate.effects SET
            due = CASE WHEN lease_until IS NULL THEN least(due, $2) ELSE due END,
            again = CASE WHEN lease_until IS NULL OR repeat = 'once' THEN again ELSE least(again, $2) END
         WHERE key = $1 AND state = 'pending'";
    statement(pool, sql, &[text(storable(key)), number(millis_up(at))]).await?;
    Ok(())
}

/// Brings all waiting effects forward.
pub(super) async fn wake_all(pool: &Pool, at: Timestamp) -> Result<(), Trouble> {
    let sql = "UPDATE shipgate.effects SET due = $1
               WHERE id IN (SELECT id FROM shipgate.effects WHERE state = 'pending' AND due > $1
                            ORDER BY key FOR UPDATE)";
    statement(pool, sql, &[number(millis_up(at))]).await?;
    Ok(())
}

/// Forgets repeatable effects and private answers that were done before an instant.
pub(super) async fn prune(pool: &Pool, before: Timestamp) -> Result<u64, Fault> {
    // What somebody is just asking for again is passed over.
    let sql = "WITH gone AS (
                   DELETE FROM shipgate.effects WHERE id IN (
                       SELECT id FROM shipgate.effects
                       WHERE state = 'done' AND (repeat = 'whenever' OR key LIKE 'answer/%') AND ended_at < $1
                       FOR UPDATE SKIP LOCKED)
                   RETURNING 1)
               SELECT count(*) FROM gone";
    let counted = statement_row(pool, sql, &[number(millis(before))]).await?;
    let gone: i64 = counted.as_ref().map(|row| column(row, 0)).transpose()?.unwrap_or(0);
    Ok(gone.unsigned_abs())
}
