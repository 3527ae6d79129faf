//! Brings a database's tables up to date, all steps in one transaction. Not here: what the tables mean (`migrations/`).

use super::fault::Fault;
use super::open::OpenError;
use super::row::millis;
use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};
use shipgate_app::point;
use std::path::Path;

/// All steps in order; the first has number 1. A step that was released never changes.
pub(super) const STEPS: &[(&str, &str)] = &[("start", include_str!("../migrations/0001_start.sql"))];

/// The table that says which steps were applied. Like a step, it never changes.
pub(super) const MIGRATIONS: &str = "CREATE TABLE IF NOT EXISTS shipgate_migrations (
            step INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL
        ) STRICT";

/// Applies the steps that the database has not seen.
pub(super) fn migrate(db: &mut Connection, path: &Path, now: Timestamp) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| match Fault::from(error) {
        Fault::Damaged { detail } => OpenError::Damaged { path: path.to_owned(), detail },
        source => OpenError::Database { path: path.to_owned(), source },
    };
    let known = u32::try_from(STEPS.len()).expect("the list of migrations is short");
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    tx.execute_batch(MIGRATIONS).map_err(failed)?;
    let found: u32 = tx
        .query_row("SELECT coalesce(max(step), 0) FROM shipgate_migrations", [], |row| row.get(0))
        .map_err(failed)?;
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    for (step, (name, sql)) in (1u32..).zip(STEPS).skip(found as usize) {
        tx.execute_batch(sql).map_err(failed)?;
        point!("migrate/step");
        tx.execute("INSERT INTO shipgate_migrations VALUES (?1, ?2, ?3)", (step, name, millis(now)))
            .map_err(failed)?;
        tracing::info!(step, name, "the database was migrated");
    }
    tx.commit().map_err(failed)?;
    point!("migrate/done");
    Ok(())
}
