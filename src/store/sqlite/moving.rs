//! A database whose installation moves away: read row by row, then marked. Not here: where it goes (`transfer`).

use super::look;
use super::open::{self, Exclusive, OpenError};
use super::{fault::Fault, migrate};
use crate::transfer::Table;
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::BTreeSet;
use std::path::Path;

/// The note that says where an installation went.
const MARK: &str = "moved_to";

/// Where the installation went, if it did.
pub(super) fn moved_to(db: &Connection) -> rusqlite::Result<Option<String>> {
    db.query_row("SELECT value FROM notes WHERE name = ?1", [MARK], |row| row.get(0)).optional()
}

/// The file, locked: no Shipgate works on it meanwhile.
pub(crate) struct Moving {
    db: Connection,
    _exclusive: Exclusive,
}

impl Moving {
    pub(crate) fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        // Before anything is locked: a lock stays beside the file for ever.
        look::check_ours(path, "--from")?;
        let exclusive = Exclusive::take(path)?;
        let mut db = open::connect(path)?;
        migrate::migrate(&mut db, path, now)?;
        open::check_at_start(&db, path, true)?;
        // One snapshot, although nobody else can write.
        db.execute_batch("BEGIN")
            .map_err(|error| OpenError::Database { path: path.to_owned(), source: Fault::from(error) })?;
        Ok(Self { db, _exclusive: exclusive })
    }

    /// A table or column that the list does not name.
    pub(crate) fn unknown(&self, tables: &[Table]) -> rusqlite::Result<Option<String>> {
        let mut select = self.db.prepare(
            "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'
               AND t.name NOT IN ('shipgate_migrations', 'replicas')",
        )?;
        let there = select.query_map([], |row| row.try_into())?;
        let there = there.collect::<rusqlite::Result<BTreeSet<(String, String)>>>()?;
        let is_known = |(table, column): &(String, String)| {
            tables.iter().any(|known| {
                known.name == table
                    && (known.columns.iter().any(|(name, _, _)| name == column)
                        || known.left.contains(&column.as_str()))
            })
        };
        Ok(there
            .into_iter()
            .find(|found| !is_known(found))
            .map(|(table, column)| format!("{table}.{column}")))
    }

    /// How many rows move.
    pub(crate) fn count(&self, table: &Table) -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM {}{}", table.name, moving(table));
        self.db.query_row(&sql, [], |row| row.get(0))
    }

    /// Some rows, in order, after so many others.
    pub(crate) fn rows(&self, table: &Table, after: u64, limit: usize) -> rusqlite::Result<Vec<Vec<Value>>> {
        let columns: Vec<&str> = table.columns.iter().map(|(_, from, _)| *from).collect();
        let sql = format!(
            "SELECT {} FROM {}{} ORDER BY {} LIMIT {limit} OFFSET {after}",
            columns.join(", "),
            table.name,
            moving(table),
            table.order
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let rows = select.query_map([], |row| (0..columns.len()).map(|index| row.get(index)).collect())?;
        rows.collect()
    }

    /// Says in the file where its installation is now.
    pub(crate) fn mark(&self, place: &str) -> rusqlite::Result<()> {
        self.db.execute(
            "INSERT INTO notes (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [MARK, place],
        )?;
        self.db.execute_batch("COMMIT")
    }

    /// It stayed after all.
    pub(crate) fn unmark(&self) -> rusqlite::Result<()> {
        self.db.execute("DELETE FROM notes WHERE name = ?1", [MARK]).map(drop)
    }
}

/// The mark itself stays.
fn moving(table: &Table) -> &'static str {
    if table.name == "notes" { " WHERE name <> 'moved_to'" } else { "" }
}
