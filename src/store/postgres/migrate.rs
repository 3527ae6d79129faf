//! Brings a database's tables up to date, all steps in one transaction. Not here: what the tables mean (`migrations/`).

use super::fault::{Fault, Trouble};
use super::guards;
use super::open::OpenError;
use super::pool::Pool;
use super::statement::{Param, column, number, row, text, write};
use super::transaction::{Work, is_there, statement_row, transact};
use crate::row::millis;
use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Client;

/// All steps in order; the first has number 1. A step that was released never changes.
const STEPS: &[(&str, &str)] = &[("start", START)];

/// The first step, with everything that guards the record.
pub(super) const START: &str = include_str!("../migrations/postgres/0001_start.sql");

/// Two programs that start at once migrate one after the other.
pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('shipgate migrations'))";

/// What the program's role may do when the tables belong to another one. Audit rows can only be added.
/// It reads everything, sequences too, so that it can make a dump.
const GRANTS: &str = "
    GRANT USAGE ON SCHEMA shipgate TO :role;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shipgate TO :role;
    REVOKE UPDATE, DELETE, TRUNCATE ON shipgate.audit FROM :role;
    REVOKE INSERT, DELETE, TRUNCATE ON shipgate.audit_head FROM :role;
    REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON shipgate.migrations FROM :role;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA shipgate TO :role;";

/// How many steps this program knows.
fn known() -> i64 {
    i64::try_from(STEPS.len()).expect("the list of migrations is short")
}

/// The tables are as this program knows them.
pub(super) struct Migrate(pub Timestamp);

/// What a migration met.
pub(super) enum Met {
    /// The tables are as this program knows them now.
    UpToDate,
    /// A newer program was here.
    Newer(i64),
    /// Tables are missing or old, and this role may not change that.
    MayNot,
}

/// Applies the steps that the database has not seen. Where there is none, the role needs no right to change tables.
pub(super) async fn migrate(pool: &Pool, now: Timestamp) -> Result<(), OpenError> {
    let met = match version(pool).await {
        Ok(Some(found)) if found == known() => Met::UpToDate,
        Ok(Some(found)) if found > known() => Met::Newer(found),
        Ok(found) => {
            // Tables without a word of how they were made: somebody took that away.
            if found.unwrap_or(0) == 0 {
                guards::check_tables(pool).await?;
            }
            match transact(pool, &Migrate(now)).await {
                Err(Trouble::Fault(Fault::Refused { .. })) => Met::MayNot,
                outcome => outcome.map_err(|trouble| OpenError::of(pool, trouble))?,
            }
        }
        Err(fault) => return Err(OpenError::of(pool, fault.into())),
    };
    let place = pool.address().place();
    match met {
        Met::UpToDate => Ok(()),
        Met::Newer(found) => Err(OpenError::Newer { place, found, known: known() }),
        Met::MayNot => Err(OpenError::MayNotMigrate { place, role: pool.address().user().to_owned() }),
    }
}

/// The newest step that was applied; nothing before the first one.
pub(super) async fn version(pool: &Pool) -> Result<Option<i64>, Fault> {
    let sql = "SELECT to_regclass('shipgate.migrations') IS NOT NULL";
    let found = statement_row(pool, sql, &[]).await?;
    if !found.as_ref().map(|row| column(row, 0)).transpose()?.unwrap_or(false) {
        return Ok(None);
    }
    let sql = "SELECT coalesce(max(step), 0) FROM shipgate.migrations";
    statement_row(pool, sql, &[]).await?.as_ref().map(|row| column(row, 0)).transpose()
}

#[async_trait]
impl Work<Met> for Migrate {
    async fn run(&self, db: &Client) -> Result<Met, Trouble> {
        row(db, LOCK, &[]).await?;
        let none: &[Param<'_>] = &[];
        if !is_there(db, "SELECT 1 FROM pg_namespace WHERE nspname = 'shipgate'", none).await? {
            db.batch_execute("CREATE SCHEMA shipgate").await?;
        }
        if !is_there(db, "SELECT to_regclass('shipgate.migrations')::oid WHERE to_regclass('shipgate.migrations') IS NOT NULL", none).await? {
            db.batch_execute(
                "CREATE TABLE shipgate.migrations (
                    step BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL
                )",
            )
            .await?;
        }
        let found = row(db, "SELECT coalesce(max(step), 0) FROM shipgate.migrations", none).await?;
        let found: i64 = found.as_ref().map(|row| column(row, 0)).transpose()?.unwrap_or(0);
        if found > known() {
            return Ok(Met::Newer(found));
        }
        for (step, (name, sql)) in (1_i64..).zip(STEPS).skip(usize::try_from(found).unwrap_or(0)) {
            db.batch_execute(sql).await?;
            let params = [number(step), text(name), number(millis(self.0))];
            write(db, "INSERT INTO shipgate.migrations VALUES ($1, $2, $3)", &params).await?;
            tracing::info!(step, name, "the database was migrated");
        }
        Ok(Met::UpToDate)
    }
}

/// Whether a role may be given what the program needs, before anything is changed.
pub(super) async fn check_role(pool: &Pool, role: &str) -> Result<(), OpenError> {
    // Whoever owns the tables, or will when they are made, or may act as such a role, is kept from nothing.
    let sql = "SELECT EXISTS (
                   SELECT 1 FROM (
                       SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'shipgate'
                       UNION ALL
                       SELECT c.relowner FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                       WHERE n.nspname = 'shipgate' AND c.relkind = 'r'
                       UNION ALL
                       SELECT u.oid FROM pg_roles AS u WHERE u.rolname = current_user AND NOT EXISTS (
                           SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                           WHERE n.nspname = 'shipgate' AND c.relkind = 'r')
                   ) AS owners (id) WHERE pg_has_role(r.oid, owners.id, 'MEMBER'))
               FROM pg_roles AS r WHERE r.rolname = $1";
    let failed = |fault: Fault| OpenError::of(pool, fault.into());
    let found = statement_row(pool, sql, &[text(role)]).await.map_err(failed)?;
    let (place, role) = (pool.address().place(), role.to_owned());
    match found.as_ref().map(|row| column(row, 0)).transpose().map_err(failed)? {
        None => Err(OpenError::NoSuchRole { place, role }),
        Some(true) => Err(OpenError::GrantToOwner { place, role }),
        Some(false) => Ok(()),
    }
}

/// Lets another role work with the tables.
pub(super) struct Grant<'a>(pub &'a str);

#[async_trait]
impl Work<()> for Grant<'_> {
    async fn run(&self, db: &Client) -> Result<(), Trouble> {
        let role = format!("\"{}\"", self.0.replace('"', "\"\""));
        db.batch_execute(&GRANTS.replace(":role", &role)).await?;
        Ok(())
    }
}
