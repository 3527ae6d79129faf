//! Rows that gates read, as they are stored. Not here: what they should be (`domain::audit`).

use super::fault::Trouble;
use super::pool::Pool;
use super::statement::{Param, column, number, text, texts};
use super::transaction::statement;
use crate::row::{DEPLOYS, FREEZES, LOCKS, NOTES, kept};
use shipgate_app::store::{TOLD_NOTES, TOLD_NOTES_OF, Which};
use shipgate_domain::audit::{Kept, Table};
use tokio_postgres::Row;

pub(super) async fn deploys(pool: &Pool, which: &Which) -> Result<Vec<Kept>, Trouble> {
    let columns = as_text(DEPLOYS);
    let from = format!("SELECT {columns} FROM shipgate.deploys");
    match which {
        Which::After(after, limit) => {
            let sql = format!("{from} WHERE $1::text IS NULL OR id > $1 ORDER BY id LIMIT $2");
            rows(pool, Table::Deploys, &sql, &[text(after), number(i64::from(*limit))]).await
        }
        Which::These(ids) => {
            rows(pool, Table::Deploys, &format!("{from} WHERE id = ANY($1)"), &[texts(ids)]).await
        }
    }
}

pub(super) async fn ids(pool: &Pool, after: Option<&str>, limit: u32) -> Result<Vec<String>, Trouble> {
    let sql = "SELECT id FROM shipgate.deploys WHERE $1::text IS NULL OR id > $1 ORDER BY id LIMIT $2";
    let ids = statement(pool, sql, &[text(after), number(i64::from(limit))]).await?;
    Ok(ids.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?)
}

pub(super) async fn all(pool: &Pool, table: Table) -> Result<Vec<Kept>, Trouble> {
    match table {
        Table::Deploys => deploys(pool, &Which::After(None, u32::MAX)).await,
        Table::Locks => {
            rows(pool, table, &format!("SELECT {} FROM shipgate.locks", as_text(LOCKS)), &[]).await
        }
        Table::Freezes => {
            rows(pool, table, &format!("SELECT {} FROM shipgate.freezes", as_text(FREEZES)), &[]).await
        }
        Table::Notes => {
            let names: Vec<String> = TOLD_NOTES.map(str::to_owned).to_vec();
            let sql = format!(
                "SELECT {} FROM shipgate.notes WHERE name = ANY($1) OR starts_with(name, $2)",
                as_text(NOTES)
            );
            rows(pool, table, &sql, &[texts(&names), text(TOLD_NOTES_OF)]).await
        }
    }
}

async fn rows(pool: &Pool, table: Table, sql: &str, params: &[Param<'_>]) -> Result<Vec<Kept>, Trouble> {
    let read = |row: &Row| {
        let cells = (0..row.len()).map(|place| column(row, place));
        Ok(kept(table, cells.collect::<Result<_, _>>()?))
    };
    statement(pool, sql, params).await?.iter().map(read).collect()
}

/// Every column as text, true as 1 and false as 0, as the other database has them.
fn as_text(columns: &str) -> String {
    let one = |name: &str| match name {
        "active" | "is_open" | "ran" | "succeeded" => format!("{name}::int::text"),
        _ => format!("{name}::text"),
    };
    columns.split(", ").map(|name| one(name.trim())).collect::<Vec<_>>().join(", ")
}
