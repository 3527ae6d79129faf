//! Several statements that count together or not at all, and what became of a commit that nobody confirmed.
//! Not here: the statements.
//!
//! Isolation is READ COMMITTED with explicit locks, taken in one order everywhere: the replica's row, scopes by name,
//! rows of the tables, effects by key, the head of the audit chain. What still meets crosswise is undone by the server
//! and done again here.

use super::fault::{Fault, Trouble, was_undone};
use super::pool::{Lent, Pool};
use super::statement::{Param, column, row, rows, text};
use async_trait::async_trait;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Client, Row, SimpleQueryMessage};

/// A transaction is tried so often while the server undoes it because of others.
const TRIES: u32 = 8;

/// One statement, or one transaction up to its commit, may take so long.
const LONGEST: Duration = Duration::from_secs(15);

/// The server confirms a commit within this time, or it is looked up what became of it.
const CONFIRMATION: Duration = Duration::from_secs(10);

/// What became of an unconfirmed commit is looked up for so long.
const INQUIRY: Duration = Duration::from_secs(10);

/// Everything that belongs to one transaction is said in it: behind a pooler, a session belongs to nobody.
///
/// A client that is suspended in mid-transaction must not keep others waiting: the server ends it. The last line tells
/// by what a commit without an answer can be found again.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SET LOCAL statement_timeout = '10s'; \
    SET LOCAL idle_in_transaction_session_timeout = '5s'; \
    SELECT pg_current_xact_id()::text, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)";

/// Waiting for standbys must not be cut off: the server would confirm what they do not have.
const COMMIT: &str = "SET LOCAL statement_timeout = 0; COMMIT";

/// A piece of work in a transaction. It may run several times; only the last one counts.
#[async_trait]
pub(super) trait Work<T>: Sync {
    async fn run(&self, db: &Client) -> Result<T, Trouble>;
}

/// By what a transaction can be found after its connection is gone.
struct Mark {
    /// Its number.
    xid: String,
    /// The history of the server that gave the number. After a failover, another history may use it again.
    timeline: String,
}

/// Runs work in one transaction; its answer comes after the commit.
pub(super) async fn transact<T: Send>(pool: &Pool, work: &dyn Work<T>) -> Result<T, Trouble> {
    let mut tries = 0;
    loop {
        tries += 1;
        let db = pool.lend().await?;
        match attempt(pool, db, work).await {
            Err(Trouble::Fault(fault)) if tries < TRIES && fault.is_contended() => {
                metrics::counter!("shipgate_store_retries_total").increment(1);
            }
            outcome => return outcome,
        }
    }
}

async fn attempt<T: Send>(pool: &Pool, db: Lent<'_>, work: &dyn Work<T>) -> Result<T, Trouble> {
    let prepared = timeout(LONGEST, async {
        let (db, mark) = begin(pool, db).await?;
        match work.run(&db).await {
            Ok(value) => Ok((db, mark, value)),
            Err(trouble) => {
                // Where this fails too, the connection is gone, and the transaction with it.
                if db.batch_execute("ROLLBACK").await.is_ok() {
                    db.give_back();
                }
                Err(trouble)
            }
        }
    });
    let (db, mark, value) = prepared.await.unwrap_or_else(|_| {
        // Dropped with its connection, the transaction is undone.
        Err(Fault::Slow { detail: "a transaction".into() }.into())
    })?;
    match timeout(CONFIRMATION, db.batch_execute(COMMIT)).await {
        Ok(Ok(())) => {
            db.give_back();
            return Ok(value);
        }
        Ok(Err(error)) if was_undone(&error) => return Err(error.into()),
        Ok(Err(_)) | Err(_) => drop(db),
    }
    pool.forget_idle();
    became_of(pool, &mark).await?;
    Ok(value)
}

/// Opens a transaction. A connection that broke while nobody used it is replaced.
async fn begin<'p>(pool: &'p Pool, db: Lent<'p>) -> Result<(Lent<'p>, Mark), Trouble> {
    match mark(&db).await {
        Ok(mark) => Ok((db, mark)),
        Err(fault) if fault.is_broken() => {
            drop(db);
            pool.forget_idle();
            let db = pool.lend().await?;
            let mark = mark(&db).await?;
            Ok((db, mark))
        }
        Err(fault) => Err(fault.into()),
    }
}

async fn mark(db: &Client) -> Result<Mark, Fault> {
    let said = db.simple_query(BEGIN).await?;
    let row = said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let part = |index| row.and_then(|row| row.get(index)).map(str::to_owned);
    match (part(0), part(1)) {
        (Some(xid), Some(timeline)) => Ok(Mark { xid, timeline }),
        _ => Err(Fault::Mistake { detail: "a transaction has no number".into() }),
    }
}

/// Finds out what became of a commit that nobody confirmed. `Ok` means that it is written.
async fn became_of(pool: &Pool, mark: &Mark) -> Result<(), Trouble> {
    metrics::counter!("shipgate_store_unconfirmed_total").increment(1);
    let end = Instant::now() + INQUIRY;
    while Instant::now() < end {
        match status(pool, mark).await {
            Ok((timeline, _)) if timeline != mark.timeline => break,
            Ok((_, Some(status))) if status == "committed" => {
                tracing::info!("the connection to PostgreSQL broke during a commit, which was written");
                return Ok(());
            }
            Ok((_, Some(status))) if status == "aborted" => {
                let detail = "the connection broke during a commit, which was not written".to_owned();
                return Err(Fault::Unreachable { detail }.into());
            }
            Ok((_, None)) => break,
            // Still under way, as the server sees it, or the server is not back yet.
            Ok((_, Some(_))) | Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
    tracing::warn!("nobody can tell whether a commit was written: its work is done again and finds out");
    Err(Fault::Unconfirmed.into())
}

async fn status(pool: &Pool, mark: &Mark) -> Result<(String, Option<String>), Fault> {
    let sql = "SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), pg_xact_status($1::text::xid8)";
    let found = once(pool, sql, &[text(&mark.xid)]).await?;
    let row = found.first().ok_or(Fault::Mistake { detail: "no status".into() })?;
    Ok((column(row, 0)?, column(row, 1)?))
}

/// One statement by itself, done again if its connection turns out to be broken: for what may be done twice.
pub(super) async fn statement(pool: &Pool, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
    let mut tries = 0;
    loop {
        tries += 1;
        match once(pool, sql, params).await {
            Err(fault) if tries < TRIES && fault.is_contended() => {}
            // Kept connections may all have been cut; new ones are waited for in `lend`.
            Err(fault) if tries == 1 && fault.is_broken() => pool.forget_idle(),
            outcome => return outcome,
        }
    }
}

/// The first row of one statement.
pub(super) async fn statement_row(
    pool: &Pool,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Option<Row>, Fault> {
    Ok(statement(pool, sql, params).await?.into_iter().next())
}

async fn once(pool: &Pool, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
    let db = pool.lend().await?;
    match timeout(LONGEST, rows(&db, sql, params)).await {
        Ok(Ok(found)) => {
            db.give_back();
            Ok(found)
        }
        Ok(Err(fault)) => {
            if !fault.is_broken() {
                db.give_back();
            }
            Err(fault)
        }
        Err(_) => {
            db.cancel();
            Err(Fault::Slow { detail: "a statement".into() })
        }
    }
}

/// Who is asked: the database by itself, or in the middle of a transaction.
pub(super) enum Asked<'a> {
    Itself(&'a Pool),
    Within(&'a Client),
}

impl Asked<'_> {
    pub(super) async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        match self {
            Self::Itself(pool) => statement(pool, sql, params).await,
            Self::Within(db) => rows(db, sql, params).await,
        }
    }
}

/// Whether a row is there.
pub(super) async fn is_there(db: &Client, sql: &str, params: &[Param<'_>]) -> Result<bool, Fault> {
    Ok(row(db, sql, params).await?.is_some())
}
