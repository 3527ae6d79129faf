//! Opening a database: the lock, the connections, the checks, and copies. Not here: its tables (`migrate`).

use super::fault::{Fault, Trouble};
use super::look;
use super::moving::moved_to;
use super::replicas;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use shipgate_app::restore;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{} is in use by another Shipgate. Only one may work on a database at a time: stop the other one first",
        path.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// A newer version of the program wrote it.
    #[error(
        "{} was written by a newer Shipgate (its tables have version {found}, this program knows {known}). \
         Start the newer program, or restore a backup from before the upgrade",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Version of its tables.
        found: u32,
        /// Newest version that this program knows.
        known: u32,
    },
    /// It holds somebody else's tables.
    #[error("{} is the database of another program. Name a new file", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// There is no such file.
    #[error(
        "there is no file {}, which {named_by} names, and none was made. Correct {named_by}; a path without a leading \
         slash starts in the working folder",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The setting or argument that names it.
        named_by: &'static str,
    },
    /// It is something else.
    #[error(
        "{} is not a Shipgate database ({found}). It was left as it is. Name the database with {named_by}; if it was \
         one before, restore a backup",
        path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// The setting or argument that names it.
        named_by: &'static str,
    },
    /// Part of it is beside it, and cannot be read without writing.
    #[error(
        "part of {} is in its write-ahead log {}-wal, which cannot be read without writing beside it ({detail}). \
         Nothing was read: copy both into a folder that you may write to, and name the copy in `store.url`",
        path.display(),
        path.display()
    )]
    LogBeside {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// Somebody took tables away.
    #[error(
        "{} lacks what it must hold ({missing}): somebody dropped it. What was in there is lost, and with an empty one \
         Shipgate would start again what was started, and let through what was locked. Keep the file as it is, find out \
         who could write it, and restore a backup: see “After restoring a backup” in docs/operating.md",
        path.display()
    )]
    Incomplete {
        /// The database.
        path: PathBuf,
        /// The tables.
        missing: String,
    },
    /// Its content is damaged.
    #[error("{} is damaged ({detail}). Restore a backup", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// Its installation lives elsewhere now.
    #[error(
        "{} is no longer in use: this installation moved to {to}. Name that database in `store.url`. If the move did \
         not come to its end, run `shipgate migrate sqlite-to-postgres` again",
        path.display()
    )]
    Moved {
        /// The database.
        path: PathBuf,
        /// Where, and when.
        to: String,
    },
    /// Its file cannot be opened or created.
    #[error("{} cannot be opened. Its folder must exist and be writable", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite refused.
    #[error("{} cannot be opened", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: Fault,
    },
    /// The system gave no thread.
    #[error("the database's threads cannot be started")]
    Threads {
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Proof that no other process works on the database. The system takes the lock back when the process dies.
#[derive(Debug)]
pub(super) struct Exclusive {
    _file: File,
}

impl Exclusive {
    /// Locks `<path>.lock`, which stays there for ever: deleting it would let two processes in.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        let failed = |source| OpenError::File { path: lock.clone(), source };
        let file = private(&lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(OpenError::File { path: lock, source }),
        }
        // SQLite gives the files beside a database the permissions of the database itself.
        private(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        Ok(Self { _file: file })
    }
}

/// Opens a file, or creates it for its owner only: the inbox holds one-time addresses of chat platforms.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A connection that may write.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| match Fault::from(error) {
        Fault::Damaged { detail } => OpenError::Damaged { path: path.to_owned(), detail },
        source => OpenError::Database { path: path.to_owned(), source },
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed)?;
    db.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
    // Before anything is changed, as the next line would.
    let foreign: bool = db
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table')
                AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'shipgate_migrations')",
            [],
            |row| row.get(0),
        )
        .map_err(failed)?;
    if foreign {
        let is_ours =
            "SELECT count(*) >= 2 FROM sqlite_schema WHERE name IN ('audit', 'deploys', 'inbox', 'effects')";
        if db.query_row(is_ours, [], |row| row.get(0)).map_err(failed)? {
            return Err(OpenError::Incomplete {
                path: path.to_owned(),
                missing: "shipgate_migrations".into(),
            });
        }
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let detail = format!("this disk cannot hold a write-ahead log; SQLite chose “{mode}”");
        return Err(OpenError::Database { path: path.to_owned(), source: Fault::Disk { detail } });
    }
    // FULL: a commit is on disk when it returns, also after a power cut. The log is copied into the database by a
    // thread of its own, so that no command waits for it.
    db.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;").map_err(failed)?;
    settle(&db).map_err(failed)?;
    Ok(db)
}

/// A connection that only reads.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, OpenError> {
    let db = connect(path)?;
    db.execute_batch("PRAGMA query_only = ON")
        .map_err(|error| OpenError::Database { path: path.to_owned(), source: error.into() })?;
    Ok(db)
}

/// A connection for looking at a database that others may work on, also without a right to write.
pub(super) fn connect_to_look(path: &Path) -> Result<Connection, OpenError> {
    look::check_ours(path, "`store.url`")?;
    if look::is_writable(path) {
        match connect_reader(path) {
            // Its folder may not be written: see below.
            Err(OpenError::Database { source: Fault::Disk { .. }, .. }) => {}
            opened => return opened,
        }
    }
    look::connect(path)
}

/// A database without a file.
pub(super) fn connect_memory() -> Result<Connection, OpenError> {
    let failed =
        |error: rusqlite::Error| OpenError::Database { path: ":memory:".into(), source: Fault::from(error) };
    let db = Connection::open_in_memory().map_err(failed)?;
    settle(&db).map_err(failed)?;
    Ok(db)
}

/// Settings that every connection has. Deleted content is overwritten: an inbox item holds secrets.
pub(super) fn settle(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(64);
    // A statement keeps its plan. Otherwise SQLite may parse it anew whenever another value is bound.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch("PRAGMA foreign_keys = ON; PRAGMA secure_delete = FAST; PRAGMA trusted_schema = OFF;")
}

/// Whether the installation has not moved away: two of one would start everything twice.
pub(super) fn check_still_here(db: &Connection, path: &Path) -> Result<(), OpenError> {
    match moved_to(db) {
        Ok(None) => Ok(()),
        Ok(Some(to)) => Err(OpenError::Moved { path: path.to_owned(), to }),
        Err(error) => Err(OpenError::Database { path: path.to_owned(), source: error.into() }),
    }
}

/// Ends the epochs of earlier processes: with the file locked, none of them can be alive.
pub(super) fn bury_the_dead(db: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let tx = db.transaction().map_err(|error| failed(error.into()))?;
    replicas::bury_all(&tx).map_err(|trouble| match trouble {
        Trouble::Fault(fault) => failed(fault),
        Trouble::Conflict(detail) => OpenError::Damaged { path: path.to_owned(), detail },
    })?;
    tx.commit().map_err(|error| failed(error.into()))
}

/// What decides which work there is. With a page of an index lost, a delivery that was acknowledged would never be
/// found again; what deploys and the record say is compared by the self-check.
const DECIDING: [&str; 6] = ["inbox", "effects", "replicas", "scopes", "locks", "freezes"];

/// Looks for damage before anything is built on it: at everything, or at what decides about work.
pub(super) fn check_at_start(db: &Connection, path: &Path, at_everything: bool) -> Result<(), OpenError> {
    let found = if at_everything {
        integrity_check(db)
    } else {
        DECIDING.iter().try_for_each(|table| check(db, &format!("PRAGMA integrity_check({table})")))
    };
    found.map_err(|trouble| match trouble {
        Trouble::Fault(Fault::Damaged { detail }) | Trouble::Conflict(detail) => {
            OpenError::Damaged { path: path.to_owned(), detail }
        }
        Trouble::Fault(source) => OpenError::Database { path: path.to_owned(), source },
    })
}

/// Looks at every page, and whether each index holds what its table does.
pub(super) fn integrity_check(db: &Connection) -> Result<(), Trouble> {
    check(db, "PRAGMA integrity_check")
}

fn check(db: &Connection, pragma: &str) -> Result<(), Trouble> {
    let found: String = db.query_row(pragma, [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Fault::Damaged { detail: found }.into()) }
}

/// Copies the database as it is at this moment into a new file, which says of itself that it is a copy.
pub(super) fn backup(db: &Connection, to: &Path, at: Timestamp) -> Result<(), Trouble> {
    let file = |path: &Path, why: &dyn ToString| Fault::File {
        path: path.display().to_string(),
        detail: why.to_string(),
    };
    if to.exists() {
        return Err(file(to, &"it exists already: name a new file").into());
    }
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let Some(target) = part.to_str() else {
        return Err(file(to, &"its name is not UTF-8").into());
    };
    let write = || -> Result<(), Fault> {
        // An empty file is overwritten; what a broken-off backup left behind would not be.
        private(&part).and_then(|empty| empty.set_len(0)).map_err(|error| file(&part, &error))?;
        // SQLite takes the new file for a change of this connection's database.
        let reads_only: bool = db.query_row("PRAGMA query_only", [], |row| row.get(0))?;
        db.pragma_update(None, "query_only", false)?;
        let copied = db.execute("VACUUM INTO ?1", [target]);
        db.pragma_update(None, "query_only", reads_only)?;
        copied?;
        mark(&part, at)?;
        File::open(&part).and_then(|done| done.sync_all()).map_err(|error| file(&part, &error))?;
        std::fs::rename(&part, to).map_err(|error| file(to, &error))
    };
    write().map_err(|fault| {
        let _ = std::fs::remove_file(&part);
        Trouble::from(fault)
    })
}

/// Whoever opens this file must know that it has forgotten what happened after this moment.
fn mark(copy: &Path, at: Timestamp) -> Result<(), Fault> {
    let copy = Connection::open(copy)?;
    copy.execute(
        "INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (restore::MADE, at.to_string()),
    )?;
    copy.close().map_err(|(_, error)| error.into())
}
