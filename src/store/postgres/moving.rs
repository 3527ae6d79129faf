//! An empty database that an installation moves into, in one transaction. Not here: where it comes from (`transfer`).

use super::fault::{Fault, was_undone};
use super::open::{self, OpenError};
use super::pool::Pool;
use super::statement::{Param, column, number, numbers, row, rows, storable, texts, write};
use super::{Address, home, migrate};
use crate::transfer::{Kind, Table};
use jiff::Timestamp;
use rusqlite::types::Value;
use shipgate_domain::audit::Row;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Nobody else works on the tables until it is over, however long it takes.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
    SET LOCAL lock_timeout = '10s'";

/// The database, in the middle of the transaction that fills it.
pub(crate) struct Move {
    pool: Pool,
    db: Client,
}

impl Move {
    pub(crate) async fn begin(address: Address, now: Timestamp) -> Result<Self, OpenError> {
        let place = address.place();
        let pool = Pool::new(address, 1).map_err(|source| OpenError::Database { place, source })?;
        open::check(&pool).await?;
        migrate::migrate(&pool, now).await.map_err(|error| match error {
            OpenError::MayNotMigrate { place, role } => OpenError::MayNotMove { place, role },
            error => error,
        })?;
        let failed = |fault: Fault| OpenError::of(&pool, fault.into());
        let db = pool.connect().await.map_err(failed)?;
        db.batch_execute(BEGIN).await.map_err(|error| failed(error.into()))?;
        Ok(Self { pool, db })
    }

    fn failed(&self, fault: Fault) -> OpenError {
        OpenError::of(&self.pool, fault.into())
    }

    /// A table that has rows. None of them gets any from others from now on.
    pub(crate) async fn occupied(&self, tables: &[Table]) -> Result<Option<&'static str>, OpenError> {
        let names: Vec<String> = tables.iter().map(|table| format!("shipgate.{}", table.name)).collect();
        let lock = format!("LOCK TABLE {}, shipgate.replicas IN EXCLUSIVE MODE", names.join(", "));
        self.db.batch_execute(&lock).await.map_err(|error| match Fault::from(error) {
            Fault::Refused { .. } => {
                let address = self.pool.address();
                OpenError::MayNotMove { place: address.place(), role: address.user().to_owned() }
            }
            fault => self.failed(fault),
        })?;
        for table in tables {
            if self.count(table).await? > 0 {
                return Ok(Some(table.name));
            }
        }
        Ok(None)
    }

    /// How many rows are there.
    pub(crate) async fn count(&self, table: &Table) -> Result<u64, OpenError> {
        let sql = format!("SELECT count(*) FROM shipgate.{}", table.name);
        let counted = row(&self.db, &sql, &[]).await.map_err(|fault| self.failed(fault))?;
        let rows: Option<i64> =
            counted.as_ref().map(|row| column(row, 0)).transpose().map_err(|fault| self.failed(fault))?;
        Ok(rows.unwrap_or(0).unsigned_abs())
    }

    /// Writes rows. Those of the audit log are checked by the database as they come.
    pub(crate) async fn write(&self, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), OpenError> {
        let mut params: Vec<Param<'static>> = Vec::new();
        for (index, (_, _, kind)) in table.columns.iter().enumerate() {
            params.push(values(rows.iter().map(|row| row.get(index)), *kind));
        }
        let columns: Vec<&str> = table.columns.iter().map(|(name, _, _)| *name).collect();
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "INSERT INTO shipgate.{} ({}) SELECT * FROM unnest({})",
            table.name,
            columns.join(", "),
            places.join(", ")
        );
        write(&self.db, &sql, &params).await.map_err(|fault| self.failed(fault))?;
        Ok(())
    }

    /// New rows get numbers after those that moved.
    pub(crate) async fn count_on(&self, table: &Table) -> Result<(), OpenError> {
        if let Some(sql) = table.counter {
            row(&self.db, sql, &[]).await.map_err(|fault| self.failed(fault))?;
        }
        Ok(())
    }

    /// Audit rows after a number, as they arrived.
    pub(crate) async fn audit(&self, after: u64, limit: usize) -> Result<Vec<Row>, OpenError> {
        let sql = "SELECT seq, body, prev, hash, deploy, at FROM shipgate.audit WHERE seq > $1 ORDER BY seq LIMIT $2";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = async {
            let found = rows(&self.db, sql, &[number(after), number(limit)]).await?;
            let row = |row: &tokio_postgres::Row| {
                let seq = column::<i64>(row, 0)?.unsigned_abs();
                Ok(Row {
                    seq,
                    body: column(row, 1)?,
                    prev: column(row, 2)?,
                    hash: column(row, 3)?,
                    deploy: column(row, 4)?,
                    at_millis: column(row, 5)?,
                })
            };
            found.iter().map(row).collect::<Result<Vec<Row>, Fault>>()
        };
        read.await.map_err(|fault| self.failed(fault))
    }

    /// Makes all of it count, here from now on.
    pub(crate) async fn finish(self) -> Result<(), OpenError> {
        let home = home::settle_in(&self.db).await;
        home.map_err(|fault| self.failed(fault))?;
        self.db.batch_execute("COMMIT").await.map_err(|error| {
            let fault = if was_undone(&error) { Fault::from(error) } else { Fault::Unconfirmed };
            self.failed(fault)
        })
    }
}

/// One column of many rows.
fn values<'v>(column: impl Iterator<Item = Option<&'v Value>>, kind: Kind) -> Param<'static> {
    let whole = |value: Option<&Value>| match value {
        Some(Value::Integer(number)) => Some(*number),
        _ => None,
    };
    match kind {
        Kind::Text => texts(
            column
                .map(|value| match value {
                    Some(Value::Text(text)) => Some(storable(text)),
                    _ => None,
                })
                .collect::<Vec<Option<String>>>(),
        ),
        Kind::Number => numbers(column.map(whole).collect::<Vec<Option<i64>>>()),
        Kind::Truth => {
            let truths: Vec<Option<bool>> = column.map(|value| whole(value).map(|one| one != 0)).collect();
            (Box::new(truths), Type::BOOL_ARRAY)
        }
    }
}
