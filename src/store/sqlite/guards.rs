//! What the database itself guards: that the record is only appended to, and that one deploy at most has a place. Looked
//! for, and put back where it is gone. Not here: what the tables hold.

use super::fault::{Fault, Trouble};
use super::migrate::{MIGRATIONS, STEPS};
use super::open::OpenError;
use super::read;
use crate::row::{PUT_BACK, put_back_lines, put_back_with};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

/// Kind and name of what a database is made of, and the statement that made it.
type Pieces = BTreeMap<(String, String), String>;

/// What a database is made of when nobody has touched it.
fn whole() -> Result<&'static Pieces, Trouble> {
    static WHOLE: OnceLock<Pieces> = OnceLock::new();
    if let Some(known) = WHOLE.get() {
        return Ok(known);
    }
    let new = || -> rusqlite::Result<Pieces> {
        let db = Connection::open_in_memory()?;
        db.execute_batch(MIGRATIONS)?;
        STEPS.iter().try_for_each(|(_, sql)| db.execute_batch(sql))?;
        pieces(&db)
    };
    let new = new()?;
    Ok(WHOLE.get_or_init(|| new))
}

/// Tables, and what stands on them with a statement of its own.
fn pieces(db: &Connection) -> rusqlite::Result<Pieces> {
    let mut select = db.prepare_cached(
        // Tables for SQLite's own use; no trigger is, whatever its name.
        "SELECT type, name, sql FROM sqlite_schema
         WHERE sql IS NOT NULL AND (type = 'trigger' OR name NOT GLOB 'sqlite_*')",
    )?;
    let rows = select.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}

/// What is missing or other than it was made, one clause for people each.
pub(super) fn amiss(db: &Connection) -> Result<Vec<String>, Trouble> {
    let (whole, there) = (whole()?, pieces(db)?);
    let mut amiss = Vec::new();
    for ((kind, name), sql) in whole {
        match there.get(&(kind.clone(), name.clone())) {
            None => amiss.push(format!("the {kind} {name} is missing in the database")),
            Some(found) if found != sql => {
                amiss.push(format!("the {kind} {name} in the database is not the one that Shipgate made"));
            }
            Some(_) => {}
        }
    }
    let foreign = there.keys().filter(|piece| piece.0 == "trigger" && !whole.contains_key(*piece));
    amiss.extend(foreign.map(|(_, name)| {
        format!("there is a trigger {name} in the database that Shipgate did not make: it may change what is written")
    }));
    Ok(amiss)
}

/// Whether all tables are there. One that is gone cannot be made anew: what it held is lost.
pub(super) fn check_tables(db: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |fault: Fault| OpenError::Database { path: path.to_owned(), source: fault };
    let whole = whole().map_err(|trouble| failed(trouble.into_fault()))?;
    let there = pieces(db).map_err(|error| failed(error.into()))?;
    let is_gone = |piece: &&(String, String)| piece.0 == "table" && !there.contains_key(*piece);
    let missing: Vec<&str> = whole.keys().filter(is_gone).map(|(_, name)| name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(OpenError::Incomplete { path: path.to_owned(), missing: missing.join(", ") })
}

/// Puts back what is gone or was changed, each piece by itself. What cannot be put back is told for as long as it is so.
pub(super) fn put_back(db: &Connection, path: &Path, at: Timestamp) -> Result<(), OpenError> {
    let failed = |fault: Fault| OpenError::Database { path: path.to_owned(), source: fault };
    let whole = whole().map_err(|trouble| failed(trouble.into_fault()))?;
    let there = pieces(db).map_err(|error| failed(error.into()))?;
    for ((kind, name), sql) in whole {
        let found = there.get(&(kind.clone(), name.clone()));
        // What a table holds is not to be made anew.
        if kind == "table" || found == Some(sql) {
            continue;
        }
        let was = match found {
            None => format!("the {kind} {name} was missing in the database"),
            Some(_) => format!("the {kind} {name} in the database was not the one that Shipgate made"),
        };
        let what = format!("{was}, and was put back at {at:.3}");
        match put_one_back(db, &format!("DROP {kind} IF EXISTS \"{name}\"; {sql}"), &what) {
            Ok(()) => tracing::error!(
                "{what}: somebody could write the database past Shipgate. The record is checked now, and nothing is \
                 started until a person has looked: see docs/audit.md"
            ),
            Err(error) => match error.sqlite_error_code() {
                // What it forbids is there already, or something else has its name, or its table is another one.
                Some(rusqlite::ErrorCode::ConstraintViolation | rusqlite::ErrorCode::Unknown) => {
                    tracing::error!("the {kind} {name} in the database cannot be put back ({error})");
                }
                _ => return Err(failed(error.into())),
            },
        }
    }
    Ok(())
}

/// Notes it in the same transaction: this process may end before anybody has looked.
fn put_one_back(db: &Connection, sql: &str, what: &str) -> rusqlite::Result<()> {
    let tx = db.unchecked_transaction()?;
    tx.execute_batch(sql)?;
    let known: Option<String> =
        tx.query_row("SELECT value FROM notes WHERE name = ?1", [PUT_BACK], |row| row.get(0)).optional()?;
    tx.execute(
        "INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (PUT_BACK, put_back_with(known.as_deref(), &[what.to_owned()])),
    )?;
    tx.commit()
}

/// What was put back lately.
pub(super) fn noted(db: &Connection) -> Result<Vec<String>, Trouble> {
    match read::note(db, PUT_BACK) {
        Ok(noted) => Ok(put_back_lines(noted.as_deref())),
        // That this table is gone is told as that.
        Err(Trouble::Fault(Fault::Missing { .. })) => Ok(Vec::new()),
        Err(trouble) => Err(trouble),
    }
}
