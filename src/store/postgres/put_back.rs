//! Puts back what guards the record, where it is gone or was changed and this role may: each piece by itself. Not here:
//! looking for it (`guards`).

use super::fault::{Fault, Trouble};
use super::guards::{PLACE, Piece, TRIGGERS, amiss, look, made_by};
use super::migrate::LOCK;
use super::open::OpenError;
use super::pool::Pool;
use super::read;
use super::statement::{Param, column, row, text, write};
use super::transaction::{Asked, Work, transact};
use crate::row::{PUT_BACK, put_back_lines, put_back_with};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Client;

/// How what guards the record was found, one clause for people each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// What was put back just now.
    pub put_back: Vec<String>,
    /// What is not as Shipgate made it, and was not put back.
    pub amiss: Vec<String>,
}

/// Puts back what can be put back and says what that was, and what is still amiss. Another process may have been faster.
pub(super) async fn put_back(pool: &Pool, at: Timestamp) -> Result<Guards, OpenError> {
    let failed = |trouble: Trouble| OpenError::of(pool, trouble);
    let found = look(&Asked::Itself(pool)).await.map_err(|fault| failed(fault.into()))?;
    let mut pieces: Vec<&'static str> =
        found.iter().filter_map(|amiss| amiss.piece.as_ref()).map(|piece| piece.name).collect();
    pieces.dedup();
    let mut guards = Guards::default();
    for name in pieces {
        match transact(pool, &PutBack { name, at }).await {
            Ok(done) => guards.put_back.extend(done),
            Err(Trouble::Fault(fault)) => match why_not(&fault) {
                Some(why) => tracing::error!("{name} in the database cannot be put back: {why}"),
                None => return Err(failed(fault.into())),
            },
            Err(trouble) => return Err(failed(trouble)),
        }
    }
    for what in &guards.put_back {
        tracing::error!(
            "{what}: somebody could write the database past Shipgate. The record is checked now, and nothing is started \
             until a person has looked: see docs/audit.md"
        );
    }
    guards.amiss = amiss(pool).await.map_err(failed)?;
    Ok(guards)
}

/// What was put back lately, by whichever process.
pub(super) async fn noted(pool: &Pool) -> Result<Vec<String>, Trouble> {
    match read::note(pool, PUT_BACK).await {
        Ok(noted) => Ok(put_back_lines(noted.as_deref())),
        // That this table is gone is told as that.
        Err(Trouble::Fault(Fault::NoTables { .. })) => Ok(Vec::new()),
        Err(trouble) => Err(trouble),
    }
}

/// Why one piece cannot be put back now, and what to do. Nothing when the server itself is in trouble.
fn why_not(fault: &Fault) -> Option<String> {
    match fault {
        Fault::Refused { .. } => Some(
            "this role may not. Run `shipgate migrate tables` with the address of the tables' owner".into(),
        ),
        Fault::Taken { .. } => Some(
            "what it forbids is there already: two deploys are active in one place. When one of them has ended, run \
             `shipgate migrate tables`"
                .into(),
        ),
        Fault::Slow { .. } | Fault::Contended { .. } => Some(
            "its table is in use, by a dump for example, or too large for it. When nobody uses it, run `shipgate migrate \
             tables`; an index can be made by hand: CREATE UNIQUE INDEX CONCURRENTLY deploys_one_active ON \
             shipgate.deploys (lock_group) WHERE active"
                .into(),
        ),
        Fault::Mistake { detail } => Some(format!("the server does not take it ({detail})")),
        _ => None,
    }
}

/// Puts one piece back, and notes it in the same transaction: this process may end before anybody has looked.
struct PutBack {
    name: &'static str,
    at: Timestamp,
}

#[async_trait]
impl Work<Vec<String>> for PutBack {
    async fn run(&self, db: &Client) -> Result<Vec<String>, Trouble> {
        let none: &[Param<'_>] = &[];
        row(db, LOCK, none).await?;
        // Whoever waits for a table here keeps all others waiting for it too.
        db.batch_execute("SET LOCAL lock_timeout = '3s'").await?;
        let found = look(&Asked::Within(db)).await?;
        let ours = found.into_iter().filter_map(|amiss| amiss.piece).filter(|piece| piece.name == self.name);
        let told: Vec<String> =
            ours.map(|Piece { was, .. }| format!("{was}, and was put back at {:.3}", self.at)).collect();
        if told.is_empty() {
            return Ok(told);
        }
        db.batch_execute(&making(self.name)).await?;
        let noted = row(db, "SELECT value FROM shipgate.notes WHERE name = $1", &[text(PUT_BACK)]).await?;
        let noted: Option<String> = noted.as_ref().map(|row| column(row, 0)).transpose()?;
        let sql = "INSERT INTO shipgate.notes (name, value) VALUES ($1, $2)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        write(db, sql, &[text(PUT_BACK), text(put_back_with(noted.as_deref(), &told))]).await?;
        Ok(told)
    }
}

/// What makes a piece anew.
fn making(name: &str) -> String {
    let Some(trigger) = TRIGGERS.iter().find(|trigger| trigger.name == name) else {
        let index = made_by(&format!("CREATE UNIQUE INDEX {PLACE} "), ";");
        return format!("DROP INDEX IF EXISTS shipgate.{PLACE}; {index}");
    };
    let function = made_by(&format!("CREATE FUNCTION shipgate.{}()", trigger.function), "END $$;");
    let function = function.replacen("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1);
    let made = made_by(&format!("CREATE TRIGGER {name} "), ";");
    format!("{function} DROP TRIGGER IF EXISTS {name} ON shipgate.audit; {made}")
}
