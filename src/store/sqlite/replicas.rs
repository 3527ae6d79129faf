//! Replicas: who works on the database, and who no longer does. Not here: what they hold (`effects`, `inbox`).

use super::fault::Trouble;
use super::row::{millis, millis_up};
use jiff::Timestamp;
use rusqlite::Connection;
use shipgate_app::store::{Epoch, Standing};

/// Ends all epochs: whoever opened the file alone knows that their processes are gone.
pub(super) fn bury_all(db: &Connection) -> Result<(), Trouble> {
    db.prepare_cached("DELETE FROM replicas")?.execute([])?;
    free(db)
}

/// Enters with an epoch higher than any before.
pub(super) fn enter(db: &Connection, rules: &str, alive_until: Timestamp) -> Result<Epoch, Trouble> {
    let epoch = db
        .prepare_cached("INSERT INTO replicas (rules, alive_until) VALUES (?1, ?2) RETURNING epoch")?
        .query_row((rules, millis_up(alive_until)), |row| row.get(0))?;
    Ok(Epoch(epoch))
}

/// Lives on, and buries those that did not.
pub(super) fn renew(
    db: &Connection,
    epoch: Epoch,
    now: Timestamp,
    alive_until: Timestamp,
) -> Result<Standing, Trouble> {
    let renewed = db
        .prepare_cached("UPDATE replicas SET alive_until = ?2 WHERE epoch = ?1")?
        .execute((epoch.0, millis_up(alive_until)))?;
    if renewed == 0 {
        return Err(ended());
    }
    let buried = db
        .prepare_cached("DELETE FROM replicas WHERE alive_until <= ?1 AND epoch <> ?2")?
        .execute((millis(now), epoch.0))?;
    if buried > 0 {
        free(db)?;
    }
    if !is_outdated(db, epoch)? {
        return Ok(Standing::Current);
    }
    give_back(db, epoch, now)?;
    Ok(Standing::Aside)
}

/// Whether the newest replica has other rules.
fn is_outdated(db: &Connection, epoch: Epoch) -> Result<bool, Trouble> {
    let is_outdated = db
        .prepare_cached(
            "SELECT 1 FROM replicas AS mine JOIN replicas AS newest
             WHERE mine.epoch = ?1 AND newest.epoch = (SELECT max(epoch) FROM replicas)
               AND newest.rules <> mine.rules",
        )?
        .exists([epoch.0])?;
    Ok(is_outdated)
}

/// An error once a newer replica judges by other rules.
pub(super) fn expect_newest_rules(db: &Connection, epoch: Epoch) -> Result<(), Trouble> {
    if is_outdated(db, epoch)? {
        Err(Trouble::conflict("a replica has newer rules: the decision"))
    } else {
        Ok(())
    }
}

/// Who stands aside takes nothing again, not even what it holds: leases that ran out, and commands that it has not
/// finished, are the others'. What it still writes about them is refused.
fn give_back(db: &Connection, epoch: Epoch, now: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE effects SET lease_until = NULL, held_by = NULL WHERE held_by = ?1 AND lease_until <= ?2",
    )?
    .execute((epoch.0, millis(now)))?;
    // The rules changed, and no command is to blame: the beginning does not count.
    db.prepare_cached(
        "UPDATE inbox SET held_by = NULL, worker = NULL, attempts = max(attempts - 1, 0) WHERE held_by = ?1",
    )?
    .execute([epoch.0])?;
    Ok(())
}

/// Ends an epoch in order.
pub(super) fn leave(db: &Connection, epoch: Epoch) -> Result<(), Trouble> {
    db.prepare_cached("DELETE FROM replicas WHERE epoch = ?1")?.execute([epoch.0])?;
    free(db)
}

/// An error once the epoch has ended.
pub(super) fn expect(db: &Connection, epoch: Epoch) -> Result<(), Trouble> {
    let is_there = db.prepare_cached("SELECT 1 FROM replicas WHERE epoch = ?1")?.exists([epoch.0])?;
    if is_there { Ok(()) } else { Err(ended()) }
}

fn ended() -> Trouble {
    Trouble::conflict("this replica was taken for dead: its place")
}

/// Frees what ended epochs hold.
fn free(db: &Connection) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE effects SET lease_until = NULL, held_by = NULL
         WHERE held_by IS NOT NULL AND held_by NOT IN (SELECT epoch FROM replicas)",
    )?
    .execute([])?;
    db.prepare_cached(
        "UPDATE inbox SET held_by = NULL, worker = NULL
         WHERE held_by IS NOT NULL AND held_by NOT IN (SELECT epoch FROM replicas)",
    )?
    .execute([])?;
    Ok(())
}
