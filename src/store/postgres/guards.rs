//! What the database itself guards: that the record is only appended to, and that one deploy at most has a place. Looked
//! for, and put back where it is gone and this role may. Not here: what the tables hold.

use super::fault::{Fault, Trouble};
use super::migrate::{LOCK, START};
use super::open::OpenError;
use super::pool::Pool;
use super::statement::{Param, column, row, texts};
use super::transaction::{Work, statement, transact};
use async_trait::async_trait;
use tokio_postgres::Client;

/// Every table.
const TABLES: [&str; 11] = [
    "audit",
    "audit_head",
    "cards",
    "deploys",
    "effects",
    "freezes",
    "inbox",
    "locks",
    "notes",
    "replicas",
    "scopes",
];

/// The triggers that guard the record: name, function, and how the server describes it, without the schema.
const TRIGGERS: [(&str, &str, &str); 3] = [
    (
        "audit_append",
        "audit_appended",
        "CREATE TRIGGER audit_append AFTER INSERT ON audit REFERENCING NEW TABLE AS new_rows \
         FOR EACH STATEMENT EXECUTE FUNCTION audit_appended()",
    ),
    (
        "audit_change",
        "audit_refuse",
        "CREATE TRIGGER audit_change BEFORE DELETE OR UPDATE ON audit \
         FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    ),
    (
        "audit_truncate",
        "audit_refuse",
        "CREATE TRIGGER audit_truncate BEFORE TRUNCATE ON audit \
         FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ),
];

/// The index without which two deploys could have one place.
const PLACE: &str = "deploys_one_active";

/// One trigger as it is there.
struct Found {
    name: String,
    is_on: bool,
    made_by: String,
    does: String,
    is_ours: bool,
}

/// What is missing or other than it was made, one clause for people each.
pub(super) async fn amiss(pool: &Pool) -> Result<Vec<String>, Trouble> {
    let sql = "SELECT t.tgname::text, t.tgenabled::text, pg_get_triggerdef(t.oid), p.prosrc,
                   p.pronamespace = c.relnamespace
               FROM pg_trigger AS t
               JOIN pg_class AS c ON c.oid = t.tgrelid
               JOIN pg_namespace AS n ON n.oid = c.relnamespace
               JOIN pg_proc AS p ON p.oid = t.tgfoid
               WHERE n.nspname = 'shipgate' AND NOT t.tgisinternal ORDER BY t.tgname";
    let mut there = Vec::new();
    for row in statement(pool, sql, &[]).await? {
        let enabled: String = column(&row, 1)?;
        there.push(Found {
            name: column(&row, 0)?,
            is_on: enabled == "O" || enabled == "A",
            // A role of the schema's own name is told names without it.
            made_by: column::<String>(&row, 2)?.replace("shipgate.", ""),
            does: column(&row, 3)?,
            is_ours: column(&row, 4)?,
        });
    }
    let mut amiss = Vec::new();
    for (name, function, made_by) in TRIGGERS {
        let Some(found) = there.iter().find(|found| found.name == name) else {
            amiss.push(format!("the trigger {name} is missing in the database"));
            continue;
        };
        if !found.is_on {
            amiss.push(format!("the trigger {name} in the database is switched off"));
        }
        if !found.is_ours || found.made_by != made_by || Some(found.does.as_str()) != source(function) {
            amiss.push(format!("the trigger {name} in the database is not the one that Shipgate made"));
        }
    }
    let foreign = there.iter().filter(|found| TRIGGERS.iter().all(|known| known.0 != found.name));
    amiss.extend(foreign.map(|Found { name, .. }| {
        format!("there is a trigger {name} in the database that Shipgate did not make: it may change what is written")
    }));
    let sql = "SELECT 1 FROM pg_indexes WHERE schemaname = 'shipgate' AND indexname = 'deploys_one_active'
               AND indexdef LIKE 'CREATE UNIQUE INDEX %(lock_group) WHERE active'";
    if statement(pool, sql, &[]).await?.is_empty() {
        amiss.push(format!("the index {PLACE} is missing in the database"));
    }
    Ok(amiss)
}

/// Whether all tables are there. One that is gone cannot be made anew: what it held is lost.
pub(super) async fn check_tables(pool: &Pool) -> Result<(), OpenError> {
    let failed = |fault: Fault| OpenError::of(pool, fault.into());
    let sql = "SELECT name FROM unnest($1) AS names (name) WHERE to_regclass('shipgate.' || name) IS NULL";
    let names = TABLES.map(str::to_owned).to_vec();
    let gone = statement(pool, sql, &[texts(&names)]).await.map_err(failed)?;
    let gone = gone.iter().map(|row| column(row, 0)).collect::<Result<Vec<String>, _>>().map_err(failed)?;
    // None at all: nobody has made them yet.
    if gone.is_empty() || gone.len() == TABLES.len() {
        return Ok(());
    }
    Err(OpenError::Incomplete { place: pool.address().place(), missing: gone.join(", ") })
}

/// Puts back what is gone or was changed, and says what that was. A role that may not change tables leaves it: then it
/// is told for as long as it is so.
pub(super) async fn put_back(pool: &Pool) -> Result<Vec<String>, OpenError> {
    let failed = |trouble: Trouble| OpenError::of(pool, trouble);
    let amiss = amiss(pool).await.map_err(failed)?;
    if amiss.is_empty() {
        return Ok(amiss);
    }
    let told: Vec<String> =
        amiss.into_iter().map(|what| format!("{what}; this was so when Shipgate started")).collect();
    for what in &told {
        tracing::error!(
            "{what}: somebody could write the database past Shipgate. The record is checked now, and nothing is started \
             until a person has looked: see docs/audit.md"
        );
    }
    match transact(pool, &PutBack).await {
        Ok(()) => Ok(told),
        Err(Trouble::Fault(Fault::Refused { .. } | Fault::Taken { .. })) => {
            tracing::error!(
                "it could not be put back: run `shipgate migrate tables` with the address of the tables' owner"
            );
            Ok(Vec::new())
        }
        Err(trouble) => Err(failed(trouble)),
    }
}

struct PutBack;

#[async_trait]
impl Work<()> for PutBack {
    async fn run(&self, db: &Client) -> Result<(), Trouble> {
        let none: &[Param<'_>] = &[];
        row(db, LOCK, none).await?;
        let mut sql = String::new();
        for function in ["audit_appended", "audit_refuse"] {
            let made = made_by(&format!("CREATE FUNCTION shipgate.{function}()"), "END $$;");
            sql.push_str(&made.replacen("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1));
        }
        for (trigger, _, _) in TRIGGERS {
            sql.push_str(&format!("DROP TRIGGER IF EXISTS {trigger} ON shipgate.audit;"));
            sql.push_str(made_by(&format!("CREATE TRIGGER {trigger} "), ";"));
        }
        sql.push_str(&format!("DROP INDEX IF EXISTS shipgate.{PLACE};"));
        sql.push_str(made_by(&format!("CREATE UNIQUE INDEX {PLACE} "), ";"));
        db.batch_execute(&sql).await?;
        Ok(())
    }
}

/// A statement of the first migration.
fn made_by(begin: &str, end: &str) -> &'static str {
    let from = START.find(begin).expect("the migration has this statement");
    let length = START[from..].find(end).expect("a statement has an end") + end.len();
    &START[from..from + length]
}

/// What a function does, as the migration has it.
fn source(function: &str) -> Option<&'static str> {
    made_by(&format!("CREATE FUNCTION shipgate.{function}()"), "END $$;").split("$$").nth(1)
}
