//! What can go wrong on SQLite, in words that say what to do. Not here: recovering from it.

use crate::row::RowFault;
use rusqlite::ffi;
use shipgate_app::store::StoreError;
use std::error::Error;

/// Why the database failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No room is left.
    #[error(
        "no room is left for the database ({detail}): free some space on its disk; work goes on by itself then"
    )]
    Full {
        /// What SQLite said.
        detail: String,
    },
    /// The disk did not confirm a write. What is on it is uncertain until the database is opened anew.
    #[error(
        "the disk did not confirm a write ({detail}), so nothing more is written: check the disk, then restart Shipgate"
    )]
    Unconfirmed {
        /// What SQLite said.
        detail: String,
    },
    /// The disk could not be read or written.
    #[error(
        "the database's disk cannot be read or written ({detail}): check the disk and the file's permissions"
    )]
    Disk {
        /// What SQLite said.
        detail: String,
    },
    /// What is stored is not what was written.
    #[error("the database is damaged ({detail}): restore a backup")]
    Damaged {
        /// What was found.
        detail: String,
    },
    /// Somebody took a table away.
    #[error(
        "a table is missing in the database ({detail}): somebody dropped it, and what it held is lost. Stop Shipgate, \
         keep the file as it is, find out who could write it, and restore a backup"
    )]
    Missing {
        /// What SQLite said.
        detail: String,
    },
    /// One row holds something this version cannot read; the others are not concerned.
    #[error("row {row} of {table} cannot be read ({detail})")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A file of a backup could not be written.
    #[error("{path} cannot be written ({detail})")]
    File {
        /// The file.
        path: String,
        /// Why.
        detail: String,
    },
    /// The database's threads are gone: the program is stopping.
    #[error("the database is closed because Shipgate is stopping")]
    Closed,
    /// A mistake in Shipgate.
    #[error("this is a mistake in Shipgate ({detail}): please report it")]
    Mistake {
        /// What is known of it.
        detail: String,
    },
}

impl Fault {
    /// Whether the database must not be written again before it was opened anew.
    pub(super) fn ends_writing(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let detail = error.to_string();
        let Some(code) = error.sqlite_error().map(|inner| inner.extended_code) else {
            return Self::Mistake { detail };
        };
        match code {
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => Self::Unconfirmed { detail },
            _ => match code & 0xff {
                ffi::SQLITE_FULL => Self::Full { detail },
                ffi::SQLITE_IOERR
                | ffi::SQLITE_CANTOPEN
                | ffi::SQLITE_READONLY
                | ffi::SQLITE_PERM
                | ffi::SQLITE_BUSY
                | ffi::SQLITE_LOCKED
                | ffi::SQLITE_NOMEM => Self::Disk { detail },
                ffi::SQLITE_ERROR if detail.contains("no such table") => Self::Missing { detail },
                ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Self::Damaged { detail },
                _ => Self::Mistake { detail },
            },
        }
    }
}

impl From<RowFault> for Fault {
    fn from(fault: RowFault) -> Self {
        match fault {
            RowFault::Unreadable { table, row, detail } => Self::Unreadable { table, row, detail },
            RowFault::Unwritable { detail } => Self::Mistake { detail },
        }
    }
}

/// Why a piece of work was not done: somebody was faster, or the database failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// This changed meanwhile.
    Conflict(String),
    /// The database failed.
    Fault(Fault),
}

impl Trouble {
    pub(super) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict(what.into())
    }

    pub(super) fn into_fault(self) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Conflict(detail) => Fault::Mistake { detail },
        }
    }

    pub(super) fn into_error(self, doing: &'static str) -> StoreError {
        match self {
            Self::Conflict(what) => StoreError::Conflict { what },
            Self::Fault(fault) => {
                let may_pass = !matches!(fault, Fault::Mistake { .. } | Fault::Unreadable { .. });
                StoreError::Failed { doing, source: Box::new(fault), may_pass }
            }
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<RowFault> for Trouble {
    fn from(fault: RowFault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A failure of the port.
pub(super) fn failed(doing: &'static str, source: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Failed { doing, source: Box::new(source), may_pass: true }
}
