//! Opening a database: is it one we can rely on, and is it the one we know. Not here: its tables (`migrate`).

use super::fault::{Fault, Trouble};
use super::pool::Pool;
use super::read;
use super::statement::{column, text, write};
use super::transaction::statement_row;
use jiff::Timestamp;
use shipgate_app::restore;
use shipgate_app::store::Filter;
use tokio_postgres::Client;

/// The oldest version whose behaviour everything here was written for.
const OLDEST: i64 = 140_000;

/// The note that says on which server this installation lives.
const HOME: &str = "postgres.system_identifier";

/// The database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is no good.
    #[error(transparent)]
    Address(#[from] super::BadAddress),
    /// It cannot be reached, or refuses.
    #[error("{place} cannot be opened")]
    Database {
        /// Server and database.
        place: String,
        /// Why.
        #[source]
        source: Fault,
    },
    /// The server is too old.
    #[error("{place} is a PostgreSQL {found}; Shipgate needs 14 or newer")]
    TooOld {
        /// Server and database.
        place: String,
        /// Its version.
        found: String,
    },
    /// The server confirms commits that it may lose.
    #[error(
        "{place} has synchronous_commit = off: it confirms what a crash loses, and a deploy could start twice. \
         Set it on for the role: ALTER ROLE {role} SET synchronous_commit = on"
    )]
    Forgetful {
        /// Server and database.
        place: String,
        /// The role.
        role: String,
    },
    /// A newer version of the program wrote it.
    #[error(
        "{place} was written by a newer Shipgate (its tables have version {found}, this program knows {known}). \
         Start the newer program, or restore a dump from before the upgrade"
    )]
    Newer {
        /// Server and database.
        place: String,
        /// Version of its tables.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// Somebody took tables away.
    #[error(
        "{place} lacks what it must hold ({missing}): somebody dropped it. What was in there is lost, and with an empty \
         one Shipgate would start again what was started, and let through what was locked. Keep the database as it is, \
         find out who could write it, and restore a dump: see “After restoring a backup” in docs/operating.md"
    )]
    Incomplete {
        /// Server and database.
        place: String,
        /// The tables.
        missing: String,
    },
    /// The tables must be made or changed, and this role may not.
    #[error(
        "the tables in {place} are missing or older than this program, and the role {role} may not change that. \
         Run `shipgate migrate tables --grant-to {role}` with the address of the owner in `store.url` first"
    )]
    MayNotMigrate {
        /// Server and database.
        place: String,
        /// The role.
        role: String,
    },
    /// An installation is to move in, and this role may not let it.
    #[error(
        "the role {role} may not fill {place}: it can add to the record, not take a whole one in. Nothing was moved. \
         Write the address of the role that owns the database (or its tables) into `store.url`, move, run \
         `shipgate migrate tables --grant-to {role}` with it, and then name {role} in `store.url` again"
    )]
    MayNotMove {
        /// Server and database.
        place: String,
        /// The role.
        role: String,
    },
    /// Tables are to be granted to nobody.
    #[error(
        "there is no role {role} on the server of {place}, so nothing was made and nothing was granted. Correct \
         --grant-to, or make it first: CREATE ROLE {role} LOGIN PASSWORD '…'"
    )]
    NoSuchRole {
        /// Server and database.
        place: String,
        /// The role.
        role: String,
    },
    /// What is in it was written on another server.
    #[error(
        "{place} holds what another server wrote: a dump was restored here. What happened since the dump is not in it, \
         so a deploy could start a second time. If this is meant, and the old installation is stopped for ever, start \
         once with `shipgate serve --restored`"
    )]
    Restored {
        /// Server and database.
        place: String,
    },
}

impl OpenError {
    /// Whether something may have been written after all.
    pub(crate) fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Database { source: Fault::Unconfirmed, .. })
    }

    pub(super) fn of(pool: &Pool, trouble: Trouble) -> Self {
        let source = match trouble {
            Trouble::Fault(fault) => fault,
            Trouble::Conflict(detail) => Fault::Mistake { detail },
        };
        Self::Database { place: pool.address().place(), source }
    }
}

/// Whether the server is one to rely on.
pub(super) async fn check(pool: &Pool) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
                   current_setting('synchronous_commit'), pg_is_in_recovery()";
    let failed = |fault: Fault| OpenError::of(pool, fault.into());
    let row = statement_row(pool, sql, &[]).await.map_err(failed)?;
    let row = row.ok_or_else(|| failed(Fault::Mistake { detail: "no version".into() }))?;
    let place = pool.address().place();
    if column::<i64>(&row, 0).map_err(failed)? < OLDEST {
        return Err(OpenError::TooOld { place, found: column(&row, 1).map_err(failed)? });
    }
    if column::<bool>(&row, 3).map_err(failed)? {
        return Err(failed(Fault::ReadOnly { detail: "a standby".into() }));
    }
    if column::<String>(&row, 2).map_err(failed)? == "off" {
        return Err(OpenError::Forgetful { place, role: pool.address().user().to_owned() });
    }
    Ok(())
}

/// Whether the content was written on this server, and not restored from a dump of another one. A failover to a
/// standby keeps the server's identity; a dump, and an upgrade to a new major version, do not.
pub(super) async fn check_home(pool: &Pool) -> Result<(), OpenError> {
    let failed = |trouble: Trouble| OpenError::of(pool, trouble);
    let here = identity(pool).await.map_err(|fault| failed(fault.into()))?;
    let known = read::note(pool, HOME).await.map_err(failed)?;
    match (here, known) {
        (Some(here), Some(known)) if here != known => {
            Err(OpenError::Restored { place: pool.address().place() })
        }
        (Some(_), None) => settle(pool).await,
        _ => Ok(()),
    }
}

/// Makes this server the home of what was written on another one, with the consent of people. In the same statement
/// it is marked as a copy: whoever dies before the app has closed everything off leaves a database that says so.
pub(super) async fn settle_restored(pool: &Pool, now: Timestamp) -> Result<(), OpenError> {
    let failed = |trouble: Trouble| OpenError::of(pool, trouble);
    let here = identity(pool).await.map_err(|fault| failed(fault.into()))?;
    let known = read::note(pool, HOME).await.map_err(failed)?;
    let Some(here) = here.filter(|here| known.as_ref() != Some(here)) else { return Ok(()) };
    let newest = Filter { limit: 1, ..Filter::default() };
    let newest = read::deploys(pool, &newest).await.map_err(failed)?;
    let since = restore::known_with(newest.first(), now).to_string();
    // A mark that is there already stays: a backup may have been moved in before the dump was made.
    let sql = "INSERT INTO shipgate.notes (name, value) VALUES ($1, $2), ($3, $4)
               ON CONFLICT (name) DO UPDATE SET value =
                   CASE WHEN notes.name = $3 AND notes.value <> '' THEN notes.value ELSE excluded.value END";
    let values = [text(HOME), text(here), text(restore::MADE), text(since)];
    statement_row(pool, sql, &values).await.map_err(|fault| failed(fault.into()))?;
    Ok(())
}

/// Makes this server the home of what is in the database.
async fn settle(pool: &Pool) -> Result<(), OpenError> {
    let failed = |fault: Fault| OpenError::of(pool, fault.into());
    let Some(here) = identity(pool).await.map_err(failed)? else { return Ok(()) };
    let sql = "INSERT INTO shipgate.notes (name, value) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    statement_row(pool, sql, &[text(HOME), text(here)]).await.map_err(failed)?;
    Ok(())
}

/// The same inside a transaction.
pub(super) async fn settle_in(db: &Client) -> Result<(), Fault> {
    let sql = "INSERT INTO shipgate.notes (name, value)
               SELECT $1, system_identifier::text FROM pg_control_system()
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    write(db, sql, &[text(HOME)]).await?;
    Ok(())
}

/// The server's identity, made with its cluster. Some hosts hide it.
async fn identity(pool: &Pool) -> Result<Option<String>, Fault> {
    let found = statement_row(pool, "SELECT system_identifier::text FROM pg_control_system()", &[]).await;
    match found {
        Ok(row) => row.as_ref().map(|row| column(row, 0)).transpose(),
        Err(Fault::Refused { .. }) => {
            tracing::warn!("the server does not tell its identity: a restored dump will not be noticed");
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}
