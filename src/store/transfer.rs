//! Moves an installation from a SQLite file into PostgreSQL, completely or not at all. Not here: the tables themselves
//! (`migrations/`).

use crate::postgres::{Address, Move};
use crate::sqlite::{Moving, OpenError as SqliteError};
use jiff::Timestamp;
use rusqlite::types::Value;
use shipgate_domain::audit::{BrokenChain, Row, Verifier};
use std::path::{Path, PathBuf};

/// So many rows go in one statement.
const TOGETHER: usize = 500;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// 0 or 1 on SQLite.
    Truth,
}

/// A table that moves.
pub(crate) struct Table {
    /// Its name on both databases.
    pub name: &'static str,
    /// What is moved: the column on PostgreSQL, what it is on SQLite, and what it holds.
    pub columns: &'static [(&'static str, &'static str, Kind)],
    /// Columns of SQLite that stay behind: they belong to processes that are gone.
    pub left: &'static [&'static str],
    /// The order in which rows were written.
    pub order: &'static str,
    /// What counts on from the highest number.
    pub counter: Option<&'static str>,
}

const fn same(name: &'static str, kind: Kind) -> (&'static str, &'static str, Kind) {
    (name, name, kind)
}

use Kind::{Number, Text, Truth};

/// Every table but that of replicas, whose processes are gone. Deploys come before their cards.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "deploys",
        columns: &[
            same("id", Text),
            same("revision", Number),
            same("service", Text),
            same("environment", Text),
            same("lock_group", Text),
            same("state", Text),
            same("active", Truth),
            same("is_open", Truth),
            same("ran", Truth),
            same("succeeded", Truth),
            same("requester", Text),
            same("commit_id", Text),
            same("provider", Text),
            same("run_id", Text),
            same("short_id", Text),
            same("requested_at", Number),
            same("bound_at", Number),
            same("ended_at", Number),
            same("body", Text),
        ],
        left: &[],
        order: "rowid",
        counter: None,
    },
    Table {
        name: "audit",
        columns: &[
            same("seq", Number),
            same("body", Text),
            same("prev", Text),
            same("hash", Text),
            same("deploy", Text),
            same("at", Number),
        ],
        left: &[],
        order: "seq",
        counter: None,
    },
    Table {
        name: "effects",
        columns: &[
            same("id", Number),
            same("key", Text),
            same("effect", Text),
            same("lane", Text),
            same("repeat", Text),
            same("state", Text),
            same("due", Number),
            same("again", Number),
            same("asked", Number),
            same("attempts", Number),
            same("token", Number),
            same("ended_at", Number),
            same("last_error", Text),
        ],
        left: &["lease_until", "held_by"],
        order: "id",
        counter: Some("SELECT setval('shipgate.effect_ids', greatest(max(id), 1)) FROM shipgate.effects"),
    },
    Table {
        name: "inbox",
        columns: &[
            same("id", Number),
            same("key", Text),
            same("content", Text),
            same("at", Number),
            same("attempts", Number),
            same("done", Truth),
            same("account", Text),
        ],
        left: &["held_by", "worker"],
        order: "id",
        counter: Some(
            "SELECT setval(pg_get_serial_sequence('shipgate.inbox', 'id'), greatest(max(id), 1))
             FROM shipgate.inbox",
        ),
    },
    Table {
        name: "scopes",
        columns: &[same("name", Text), same("revision", Number)],
        left: &[],
        order: "name",
        counter: None,
    },
    Table {
        name: "locks",
        columns: &[same("environment", Text), same("quarantine", Text), same("body", Text)],
        left: &[],
        order: "environment, quarantine",
        counter: None,
    },
    Table {
        name: "freezes",
        columns: &[
            same("id", Text),
            ("place", "rowid", Number),
            same("ended_at", Number),
            same("body", Text),
        ],
        left: &[],
        order: "rowid",
        counter: Some(
            "SELECT setval(pg_get_serial_sequence('shipgate.freezes', 'place'), greatest(max(place), 1))
             FROM shipgate.freezes",
        ),
    },
    Table {
        name: "cards",
        columns: &[same("deploy", Text), same("revision", Number), same("body", Text)],
        left: &[],
        order: "deploy",
        counter: None,
    },
    Table {
        name: "notes",
        columns: &[same("name", Text), same("value", Text)],
        left: &[],
        order: "name",
        counter: None,
    },
];

/// The installation cannot be moved. Neither side has changed, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file cannot be opened.
    #[error(transparent)]
    From(#[from] SqliteError),
    /// The file has a column or table that this program does not know how to move.
    #[error("{} has something that this program does not know how to move ({what})", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What.
        what: String,
    },
    /// The file cannot be read or marked.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The audit log is broken, before or after.
    #[error("the audit log {place} is broken: nothing was moved. `shipgate audit verify` says more")]
    Chain {
        /// In the file, or on the way.
        place: &'static str,
        /// What is wrong.
        #[source]
        source: BrokenChain,
    },
    /// PostgreSQL is not ready to take it, or failed.
    #[error(transparent)]
    To(#[from] crate::postgres::OpenError),
    /// Something is there already.
    #[error(
        "{place} is not empty ({table} has rows): an installation moves only into an empty database. \
         If it has moved before, there is nothing left to do"
    )]
    NotEmpty {
        /// Server and database.
        place: String,
        /// A table that has rows.
        table: &'static str,
    },
    /// What arrived is not what was sent.
    #[error("{table} has {arrived} rows instead of {sent} after the move: nothing was moved")]
    Lost {
        /// The table.
        table: &'static str,
        /// Rows in the file.
        sent: u64,
        /// Rows in the database.
        arrived: u64,
    },
}

/// A table and how many rows of it have moved.
pub type Moved = (&'static str, u64);

/// Moves everything in one transaction and marks the file, so that nobody starts it again by accident.
///
/// Tells `progress` the table, how many rows are written and how many there are.
///
/// # Errors
/// See [`TransferError`].
pub async fn sqlite_to_postgres(
    from: &Path,
    to: Address,
    now: Timestamp,
    progress: &mut dyn FnMut(&'static str, u64, u64),
) -> Result<Vec<Moved>, TransferError> {
    let source = Moving::open(from, now)?;
    let read = |source: rusqlite::Error| TransferError::Read { path: from.to_owned(), source };
    if let Some(what) = source.unknown(TABLES).map_err(read)? {
        return Err(TransferError::Unknown { path: from.to_owned(), what });
    }
    let place = to.place();
    let target = Move::begin(to, now).await?;
    if let Some(table) = target.occupied(TABLES).await? {
        return Err(TransferError::NotEmpty { place, table });
    }
    let mut moved = Vec::new();
    let mut before = Verifier::default();
    for table in TABLES {
        let total = source.count(table).map_err(read)?;
        let mut sent = 0;
        while sent < total {
            let rows = source.rows(table, sent, TOGETHER).map_err(read)?;
            if table.name == "audit" {
                for row in &rows {
                    check(&mut before, row, "in the file")?;
                }
            }
            sent += rows.len() as u64;
            target.write(table, rows).await?;
            progress(table.name, sent, total);
        }
        target.count_on(table).await?;
        let arrived = target.count(table).await?;
        if arrived != total {
            return Err(TransferError::Lost { table: table.name, sent: total, arrived });
        }
        moved.push((table.name, total));
    }
    let mut after = Verifier::default();
    loop {
        let rows = target.audit(after.head().0, TOGETHER).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let chain = |source| TransferError::Chain { place: "that arrived", source };
            after.check(row).map_err(chain)?;
        }
    }
    // Marked before the last word: whatever breaks in between, the two are never started side by side.
    source.mark(&format!("{place} at {now}")).map_err(read)?;
    if let Err(error) = target.finish().await {
        if !error.is_in_doubt() {
            source.unmark().map_err(read)?;
        }
        return Err(error.into());
    }
    Ok(moved)
}

fn check(verifier: &mut Verifier, row: &[Value], place: &'static str) -> Result<(), TransferError> {
    let text = |index: usize| match row.get(index) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let seq = match row.first() {
        Some(Value::Integer(seq)) => seq.unsigned_abs(),
        _ => 0,
    };
    // The chain is what is checked here; the columns beside it go over as they are.
    let row = Row { seq, body: text(1), prev: text(2), hash: text(3), deploy: None, at_millis: 0 };
    verifier.check(&row).map_err(|source| TransferError::Chain { place, source })
}
