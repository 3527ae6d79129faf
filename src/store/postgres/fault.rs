//! What can go wrong on PostgreSQL, in words that say what to do. Not here: recovering from it.

use crate::row::RowFault;
use shipgate_app::store::StoreError;
use std::error::Error;
use tokio_postgres::error::{Severity, SqlState};

/// Why the database failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The server is not there, or the connection broke. Nothing was written.
    #[error(
        "PostgreSQL cannot be reached ({detail}): see that it runs and that `store.url` names it. A Shipgate that is \
         running goes on by itself when it is back"
    )]
    Unreachable {
        /// What happened.
        detail: String,
    },
    /// The server did not answer in time. Nothing was written.
    #[error(
        "PostgreSQL did not answer in time ({detail}): see what keeps it busy. A Shipgate that is running goes on by \
         itself"
    )]
    Slow {
        /// What took too long.
        detail: String,
    },
    /// The connection broke while a commit was under way, and nobody can tell what became of it.
    #[error(
        "the connection to PostgreSQL broke before it confirmed a write, which may or may not have happened; \
         the work is done again and finds out"
    )]
    Unconfirmed,
    /// The server refuses this user.
    #[error(
        "PostgreSQL refuses ({detail}): check the user in `store.url`, the password, and what the role may do"
    )]
    Refused {
        /// What the server said.
        detail: String,
    },
    /// It has no such database.
    #[error(
        "the server has no such database ({detail}): correct its name in `store.url`, or make it first, as a role that \
         may: CREATE DATABASE shipgate OWNER shipgate_owner, with the names that you use"
    )]
    NoDatabase {
        /// What the server said.
        detail: String,
    },
    /// It wants a password, and there is none.
    #[error(
        "PostgreSQL asks for a password and none is set: set DATABASE_PASSWORD, or DATABASE_PASSWORD_FILE, to that of \
         the role in `store.url`"
    )]
    NoPassword,
    /// It speaks no TLS.
    #[error(
        "the server does not speak TLS, and without it everybody on the way could read the password and the data. \
         Switch `ssl` on in its configuration; or, where nobody is on the way, write `?sslmode=disable` at the end of \
         `store.url`"
    )]
    NoEncryption,
    /// It may not be the server it says it is.
    #[error("the certificate of the PostgreSQL server is not believed: {why}")]
    Untrusted {
        /// Why, and what to do.
        why: String,
    },
    /// It has no tables of ours.
    #[error(
        "this database has not the tables that Shipgate needs ({detail}). Where nobody has made them yet, run `shipgate \
         migrate tables`, or name another database in `store.url`; where somebody dropped them, stop Shipgate, find out \
         who could, and restore a dump"
    )]
    NoTables {
        /// What the server said.
        detail: String,
    },
    /// A standby, or a server that must not write.
    #[error("this PostgreSQL takes no writes ({detail}): name the primary in `store.url`")]
    ReadOnly {
        /// What the server said.
        detail: String,
    },
    /// No room is left.
    #[error("the server's disk is full ({detail}): free some space there; work goes on by itself then")]
    Full {
        /// What the server said.
        detail: String,
    },
    /// It has as many connections as it may have.
    #[error("PostgreSQL takes no more connections ({detail}): raise max_connections, or use a pooler")]
    Crowded {
        /// What the server said.
        detail: String,
    },
    /// Others wanted the same at the same time, again and again.
    #[error(
        "others were faster again and again ({detail}): try again. A Shipgate that is running does so by itself"
    )]
    Contended {
        /// What the server said.
        detail: String,
    },
    /// A row that may exist only once exists already.
    #[error("there is one already ({constraint})")]
    Taken {
        /// The index that says so.
        constraint: String,
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
    /// A mistake in Shipgate, or a database that somebody changed by hand.
    #[error("this is a mistake in Shipgate ({detail}): please report it")]
    Mistake {
        /// What is known of it.
        detail: String,
    },
}

impl Fault {
    /// Whether the connection is of no use any more, and nothing was written on it.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether the same transaction may succeed at once.
    pub(super) fn is_contended(&self) -> bool {
        matches!(self, Self::Contended { .. })
    }
}

/// Whether the server itself said that it undid what was asked: then nothing is in doubt.
pub(super) fn was_undone(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| said.parsed_severity() == Some(Severity::Error))
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::of(error, "")
    }
}

impl Fault {
    /// The same for an answer to a connection: whatever answers there may repeat the password it was sent.
    pub(super) fn of(error: tokio_postgres::Error, password: &str) -> Self {
        let without = |text: String| match password {
            "" => text,
            password => text.replace(password, "[secret]"),
        };
        let Some(said) = error.as_db_error() else {
            if let Some(why) = why_not_believed(&error) {
                return Self::Untrusted { why };
            }
            let detail = without(chain(&error));
            // What the client library says of itself has no kind that could be asked for.
            if detail.ends_with("password missing") {
                return Self::NoPassword;
            }
            if detail.ends_with("server does not support TLS") {
                return Self::NoEncryption;
            }
            return if error.is_closed() || is_of_network(&error) {
                Self::Unreachable { detail }
            } else {
                Self::Mistake { detail }
            };
        };
        // Not the server's details, which repeat values of rows.
        let detail = without(format!("{}, {}", said.message(), said.code().code()));
        let code = said.code();
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
                Self::Contended { detail }
            }
            SqlState::UNIQUE_VIOLATION => {
                Self::Taken { constraint: said.constraint().unwrap_or_default().to_owned() }
            }
            SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly { detail },
            SqlState::DISK_FULL => Self::Full { detail },
            SqlState::TOO_MANY_CONNECTIONS => Self::Crowded { detail },
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => Self::Slow { detail },
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Unreachable { detail },
            SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME => Self::NoTables { detail },
            SqlState::INSUFFICIENT_PRIVILEGE => Self::Refused { detail },
            SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { detail },
            _ => match code.code().get(..2) {
                // A pooler that lost its server says so with a code of this class.
                Some("08") => Self::Unreachable { detail },
                Some("28") => Self::Refused { detail },
                Some("53") => Self::Crowded { detail },
                _ => Self::Mistake { detail },
            },
        }
    }
}

/// Whether what failed was the way to the server: reading, writing, connecting, TLS.
fn is_of_network(error: &tokio_postgres::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

/// What is wrong with the server's certificate, if that is what is wrong.
fn why_not_believed(error: &tokio_postgres::Error) -> Option<String> {
    let mut source = error.source();
    while let Some(cause) = source {
        // What an error of the network holds is not among its sources.
        let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = held.and_then(|held| held.downcast_ref()).or_else(|| cause.downcast_ref());
        if let Some(rustls::Error::InvalidCertificate(wrong)) = tls {
            return Some(why_wrong(wrong));
        }
        source = cause.source();
    }
    None
}

fn why_wrong(wrong: &rustls::CertificateError) -> String {
    use rustls::CertificateError as E;
    match wrong {
        E::UnknownIssuer => {
            "no authority that is known here signed it. Name the file with the certificate of its \
                             authority as `sslrootcert` in `store.url`"
                .into()
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => format!(
            "it is for another name ({wrong}). Write the name that stands in it as the server in `store.url`, or \
             give the server a certificate for this one"
        ),
        _ => format!("{wrong}. Give the server another certificate"),
    }
}

/// An error and everything behind it, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
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

    pub(super) fn into_error(self, doing: &'static str) -> StoreError {
        match self {
            Self::Conflict(what) => StoreError::Conflict { what },
            Self::Fault(fault) => {
                let is_ours =
                    matches!(fault, Fault::Mistake { .. } | Fault::Unreadable { .. } | Fault::Taken { .. });
                StoreError::Failed { doing, source: Box::new(fault), may_pass: !is_ours }
            }
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<RowFault> for Trouble {
    fn from(fault: RowFault) -> Self {
        Self::Fault(fault.into())
    }
}
