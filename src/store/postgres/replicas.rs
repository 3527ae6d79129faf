//! Replicas: who works on the database, and who no longer does. Not here: what they hold (`effects`, `inbox`).
//!
//! Life is measured by the database's clock: callers only say how long. Whoever writes in the name of an epoch holds
//! a share of its row until the commit; who buries it passes over rows that are held so. Therefore what a buried
//! replica wrote is written before its burial, and afterwards it writes nothing.

use super::fault::{Fault, Trouble};
use super::pool::Pool;
use super::statement::{column, number, numbers, rows, text, write};
use super::transaction::{Work, is_there, statement_row};
use crate::row::millis_up;
use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::store::{Epoch, Standing};
use tokio_postgres::Client;

/// How long from the one instant to the other, in milliseconds.
fn span(now: Timestamp, until: Timestamp) -> i64 {
    millis_up(until).saturating_sub(now.as_millisecond()).max(0)
}

/// Enters with an epoch higher than any before.
pub(super) async fn enter(
    pool: &Pool,
    rules: &str,
    now: Timestamp,
    alive_until: Timestamp,
) -> Result<Epoch, Trouble> {
    let life = span(now, alive_until);
    let sql = "INSERT INTO shipgate.replicas (rules, alive_until)
               VALUES ($1, clock_timestamp() + $2 * interval '1 millisecond') RETURNING epoch";
    let row = statement_row(pool, sql, &[text(rules), number(life)]).await?;
    let row = row.ok_or(Fault::Mistake { detail: "a replica has no epoch".into() })?;
    let epoch = Epoch(column(&row, 0)?);
    // Whoever is about to write what was judged by other rules holds a share of its row. After this, nothing of that is
    // left: from here on their decisions find this replica.
    let sql = "SELECT epoch FROM shipgate.replicas WHERE rules <> $1 ORDER BY epoch FOR UPDATE";
    statement_row(pool, sql, &[text(rules)]).await?;
    Ok(epoch)
}

/// Lives on, and buries those that did not.
pub(super) struct Renew {
    pub epoch: Epoch,
    pub now: Timestamp,
    pub alive_until: Timestamp,
}

#[async_trait]
impl Work<Standing> for Renew {
    async fn run(&self, db: &Client) -> Result<Standing, Trouble> {
        let (epoch, life) = (self.epoch.0, span(self.now, self.alive_until));
        let sql = "UPDATE shipgate.replicas
                   SET alive_until = clock_timestamp() + $2 * interval '1 millisecond' WHERE epoch = $1";
        if write(db, sql, &[number(epoch), number(life)]).await? == 0 {
            return Err(ended());
        }
        // One that still writes something is passed over; it is buried at the next look.
        let sql = "DELETE FROM shipgate.replicas WHERE epoch IN (
                       SELECT epoch FROM shipgate.replicas
                       WHERE alive_until <= clock_timestamp() AND epoch <> $1
                       FOR UPDATE SKIP LOCKED)
                   RETURNING epoch";
        let buried = rows(db, sql, &[number(epoch)]).await?;
        let buried = buried.iter().map(|row| column(row, 0)).collect::<Result<Vec<i64>, _>>()?;
        free(db, &buried).await?;
        if !is_outdated(db, epoch).await? {
            return Ok(Standing::Current);
        }
        give_back(db, epoch, self.now).await?;
        Ok(Standing::Aside)
    }
}

/// Whether the newest living replica has other rules.
async fn is_outdated(db: &Client, epoch: i64) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM shipgate.replicas AS mine, shipgate.replicas AS newest
               WHERE mine.epoch = $1 AND newest.rules <> mine.rules AND newest.epoch = (
                   SELECT max(epoch) FROM shipgate.replicas WHERE alive_until > clock_timestamp())";
    is_there(db, sql, &[number(epoch)]).await
}

/// An error once a newer replica judges by other rules.
pub(super) async fn expect_newest_rules(db: &Client, epoch: Epoch) -> Result<(), Trouble> {
    let is_outdated = is_outdated(db, epoch.0).await?;
    if is_outdated { Err(Trouble::conflict("a replica has newer rules: the decision")) } else { Ok(()) }
}

/// Who stands aside takes nothing again, not even what it holds: leases that ran out, and commands that it has not
/// finished, are the others'. What it still writes about them is refused.
async fn give_back(db: &Client, epoch: i64, now: Timestamp) -> Result<(), Fault> {
    let sql = "UPDATE shipgate.effects SET lease_until = NULL, held_by = NULL WHERE id IN (
                   SELECT id FROM shipgate.effects WHERE held_by = $1 AND lease_until <= $2
                   ORDER BY key FOR UPDATE)";
    write(db, sql, &[number(epoch), number(now.as_millisecond())]).await?;
    // The rules changed, and no command is to blame: the beginning does not count.
    let sql = "UPDATE shipgate.inbox SET held_by = NULL, worker = NULL, attempts = greatest(attempts - 1, 0)
               WHERE held_by = $1";
    write(db, sql, &[number(epoch)]).await?;
    Ok(())
}

/// Ends an epoch in order.
pub(super) struct Leave(pub Epoch);

#[async_trait]
impl Work<()> for Leave {
    async fn run(&self, db: &Client) -> Result<(), Trouble> {
        let epoch = self.0.0;
        write(db, "DELETE FROM shipgate.replicas WHERE epoch = $1", &[number(epoch)]).await?;
        free(db, &[epoch]).await?;
        Ok(())
    }
}

/// An error once the epoch has ended; otherwise it does not end before the commit.
pub(super) async fn expect(db: &Client, epoch: Epoch) -> Result<(), Trouble> {
    let sql = "SELECT 1 FROM shipgate.replicas WHERE epoch = $1 FOR KEY SHARE";
    if is_there(db, sql, &[number(epoch.0)]).await? { Ok(()) } else { Err(ended()) }
}

fn ended() -> Trouble {
    Trouble::conflict("this replica was taken for dead: its place")
}

/// Frees what ended epochs hold. Their rows are gone for good: nobody can take anything in their name meanwhile.
async fn free(db: &Client, ended: &[i64]) -> Result<(), Fault> {
    if ended.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE shipgate.effects SET lease_until = NULL, held_by = NULL
               WHERE id IN (SELECT id FROM shipgate.effects WHERE held_by = ANY($1) ORDER BY key FOR UPDATE)";
    write(db, sql, &[numbers(ended)]).await?;
    let sql = "UPDATE shipgate.inbox SET held_by = NULL, worker = NULL WHERE held_by = ANY($1)";
    write(db, sql, &[numbers(ended)]).await?;
    Ok(())
}
