//! Opening a database: is it one we can rely on, and what is said when it is not. Not here: its tables (`migrate`), or
//! whether it came here as a dump (`home`).

use super::fault::{Fault, Trouble};
use super::pool::Pool;
use super::statement::column;
use super::transaction::statement_row;

/// The oldest version whose behaviour everything here was written for.
const OLDEST: i64 = 140_000;

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
    /// Tables are to be granted to somebody who may do everything with them.
    #[error(
        "the role {role} owns the tables in {place}, or may act as the one that does: what it should not do cannot be \
         taken from it. Nothing was made and nothing was granted. Name another role, which `shipgate serve` then works \
         as: CREATE ROLE shipgate_app LOGIN PASSWORD '…'; or, where `serve` is to work as {role}, leave --grant-to out"
    )]
    GrantToOwner {
        /// Server and database.
        place: String,
        /// The role.
        role: String,
    },
    /// What is in it was written elsewhere.
    #[error(
        "{place} holds {how}. What happened since then is not in it, so a deploy could start a second time. If this is \
         meant, and the old installation is stopped for ever, start once with `shipgate serve --restored`"
    )]
    Restored {
        /// Server and database.
        place: String,
        /// What shows it.
        how: &'static str,
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
