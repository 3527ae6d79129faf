//! Rows that gates read, as they are stored, and what guards the record. Not here: what they should be (`domain::audit`).

use super::fault::Trouble;
use super::row::{DEPLOYS, FREEZES, LOCKS, NOTES, kept};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row};
use shipgate_app::store::{TOLD_NOTES, TOLD_NOTES_OF, Which};
use shipgate_domain::audit::{Kept, Table};

pub(super) fn deploys(db: &Connection, which: &Which) -> Result<Vec<Kept>, Trouble> {
    match which {
        // Also a row without an id, which no condition on ids would let through.
        Which::After(None, limit) => {
            let sql = format!("SELECT {DEPLOYS} FROM deploys ORDER BY id LIMIT ?1");
            rows(db, Table::Deploys, &sql, [limit])
        }
        Which::After(Some(id), limit) => {
            let sql = format!("SELECT {DEPLOYS} FROM deploys WHERE id > ?1 ORDER BY id LIMIT ?2");
            rows(db, Table::Deploys, &sql, (id, limit))
        }
        Which::These(ids) => {
            let sql = format!("SELECT {DEPLOYS} FROM deploys WHERE id = ?1");
            let each = ids.iter().map(|id| rows(db, Table::Deploys, &sql, [id]));
            Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        }
    }
}

pub(super) fn ids(db: &Connection, after: Option<&str>, limit: u32) -> Result<Vec<String>, Trouble> {
    let sql = match after {
        None => "SELECT id FROM deploys WHERE ?1 IS NULL ORDER BY id LIMIT ?2",
        Some(_) => "SELECT id FROM deploys WHERE id > ?1 ORDER BY id LIMIT ?2",
    };
    let mut select = db.prepare_cached(sql)?;
    let ids = select.query_map((after, limit), |row| Ok(cell(row.get_ref(0)?).unwrap_or_default()))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

pub(super) fn all(db: &Connection, table: Table) -> Result<Vec<Kept>, Trouble> {
    match table {
        Table::Deploys => deploys(db, &Which::After(None, u32::MAX)),
        Table::Locks => rows(db, table, &format!("SELECT {LOCKS} FROM locks"), []),
        Table::Freezes => rows(db, table, &format!("SELECT {FREEZES} FROM freezes"), []),
        Table::Notes => {
            let sql = format!("SELECT {NOTES} FROM notes WHERE name = ?1");
            let each = TOLD_NOTES.into_iter().map(|name| rows(db, table, &sql, [name]));
            let mut told: Vec<Kept> = each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
            let sql = format!("SELECT {NOTES} FROM notes WHERE substr(name, 1, length(?1)) = ?1");
            told.extend(rows(db, table, &sql, [TOLD_NOTES_OF])?);
            Ok(told)
        }
    }
}

fn rows(db: &Connection, table: Table, sql: &str, params: impl Params) -> Result<Vec<Kept>, Trouble> {
    let mut select = db.prepare_cached(sql)?;
    let count = select.column_count();
    let read = |row: &Row<'_>| {
        let cells = (0..count).map(|place| row.get_ref(place).map(cell));
        Ok(kept(table, cells.collect::<rusqlite::Result<_>>()?))
    };
    let all = select.query_map(params, read)?;
    Ok(all.collect::<Result<_, _>>()?)
}

/// A value of whatever kind somebody put there.
fn cell(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}
