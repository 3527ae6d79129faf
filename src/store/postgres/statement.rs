//! Saying one thing to the server: one statement without a name, one round trip. Not here: any SQL.

use super::fault::Fault;
use tokio_postgres::types::{FromSqlOwned, ToSql, Type};
use tokio_postgres::{Client, Row};

/// A value of a statement and its type. Types are named, so that the server need not be asked for them first, and no
/// statement gets a name: behind a transaction pooler, the next one may run on another connection.
pub(super) type Param<'a> = (Box<dyn ToSql + Sync + Send + 'a>, Type);

pub(super) fn text<'a>(value: impl ToSql + Sync + Send + 'a) -> Param<'a> {
    (Box::new(value), Type::TEXT)
}

pub(super) fn number<'a>(value: impl ToSql + Sync + Send + 'a) -> Param<'a> {
    (Box::new(value), Type::INT8)
}

pub(super) fn truth<'a>(value: bool) -> Param<'a> {
    (Box::new(value), Type::BOOL)
}

pub(super) fn texts<'a>(value: impl ToSql + Sync + Send + 'a) -> Param<'a> {
    (Box::new(value), Type::TEXT_ARRAY)
}

pub(super) fn numbers<'a>(value: impl ToSql + Sync + Send + 'a) -> Param<'a> {
    (Box::new(value), Type::INT8_ARRAY)
}

/// All rows.
pub(super) async fn rows(db: &Client, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
    Ok(db.query_typed(sql, &borrowed(params)).await?)
}

/// The first row, if there is one.
pub(super) async fn row(db: &Client, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, Fault> {
    Ok(rows(db, sql, params).await?.into_iter().next())
}

/// How many rows were written.
pub(super) async fn write(db: &Client, sql: &str, params: &[Param<'_>]) -> Result<u64, Fault> {
    Ok(db.execute_typed(sql, &borrowed(params)).await?)
}

fn borrowed<'p>(params: &'p [Param<'_>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    params.iter().map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone())).collect()
}

/// A column of a row.
pub(super) fn column<T: FromSqlOwned>(row: &Row, index: usize) -> Result<T, Fault> {
    row.try_get(index).map_err(|error| Fault::Mistake { detail: super::fault::chain(&error) })
}

/// Text from outside for a column that is no JSON: PostgreSQL cannot store the character 0.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
