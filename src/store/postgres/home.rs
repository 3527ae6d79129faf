//! Whether what is in the database was written here, or came here as a dump or a copy. Not here: what follows from a dump
//! that was taken in on purpose (`app::restore`).

use super::fault::{Fault, Trouble};
use super::open::OpenError;
use super::pool::Pool;
use super::read;
use super::statement::{column, text, texts, write};
use super::transaction::{Asked, statement_row};
use jiff::Timestamp;
use shipgate_app::restore;
use shipgate_app::store::Filter;
use tokio_postgres::Client;

/// The note that says on which server this installation lives.
const SERVER: &str = "postgres.system_identifier";

/// The note that says in which database of the server, and in which tables of that name.
const PLACE: &str = "postgres.place";

const KEEP: &str = "
    INSERT INTO shipgate.notes (name, value) SELECT * FROM unnest($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Where an installation lives. A failover to a standby keeps all of it, and so does everything that the server does with
/// tables in normal work (VACUUM FULL, CLUSTER). A dump brings none of it along: its tables are made anew.
#[derive(Debug, Default, PartialEq, Eq)]
struct Home {
    /// The server's identity, made with its cluster. Some hosts hide it.
    server: Option<String>,
    /// Numbers of the database and of the audit table.
    place: Option<String>,
}

impl Home {
    /// Where we are.
    async fn here(asked: &Asked<'_>) -> Result<Self, Fault> {
        let sql = "SELECT d.oid::text || ' ' || c.oid::text
                   FROM pg_class AS c
                   JOIN pg_namespace AS n ON n.oid = c.relnamespace
                   JOIN pg_database AS d ON d.datname = current_database()
                   WHERE n.nspname = 'shipgate' AND c.relname = 'audit'";
        let place = asked.rows(sql, &[]).await?;
        let place = place.first().map(|row| column(row, 0)).transpose()?;
        // Asked first: a refusal would end the transaction.
        let sql = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')";
        let may_know = asked.rows(sql, &[]).await?;
        if !may_know.first().map_or(Ok(false), |row| column(row, 0))? {
            tracing::warn!(
                "the server does not tell its identity: a dump from another one may not be noticed"
            );
            return Ok(Self { server: None, place });
        }
        let server = asked.rows("SELECT system_identifier::text FROM pg_control_system()", &[]).await?;
        Ok(Self { server: server.first().map(|row| column(row, 0)).transpose()?, place })
    }

    /// Where it was written, as far as it says so itself.
    async fn noted(pool: &Pool) -> Result<Self, Trouble> {
        Ok(Self { server: read::note(pool, SERVER).await?, place: read::note(pool, PLACE).await? })
    }

    /// What shows that what was written there did not stay there, as the end of a sentence.
    fn how_left(&self, here: &Self) -> Option<&'static str> {
        let differ = |known: &Option<String>, here: &Option<String>| matches!((known, here), (Some(known), Some(here)) if known != here);
        if differ(&self.server, &here.server) {
            return Some("what another server wrote: a dump was restored here");
        }
        if !differ(&self.place, &here.place) {
            return None;
        }
        let database = |home: &Self| home.place.as_ref()?.split(' ').next().map(str::to_owned);
        Some(if database(self) == database(here) {
            "what was written before its tables were made anew: a dump was restored here"
        } else {
            "what was written in another database of this server: a dump was restored here, or the database was copied"
        })
    }

    /// What of it is known, as notes.
    fn notes(&self) -> (Vec<String>, Vec<String>) {
        let server = self.server.iter().map(|value| (SERVER.to_owned(), value.clone()));
        let place = self.place.iter().map(|value| (PLACE.to_owned(), value.clone()));
        server.chain(place).unzip()
    }
}

/// Whether the content was written here, and not restored from a dump. A new major version, with `pg_upgrade`, is another
/// server.
pub(super) async fn check_home(pool: &Pool) -> Result<(), OpenError> {
    let failed = |trouble: Trouble| OpenError::of(pool, trouble);
    let here = Home::here(&Asked::Itself(pool)).await.map_err(|fault| failed(fault.into()))?;
    let noted = Home::noted(pool).await.map_err(failed)?;
    if let Some(how) = noted.how_left(&here) {
        return Err(OpenError::Restored { place: pool.address().place(), how });
    }
    let is_known = here.server.is_none() || noted.server.is_some();
    if !is_known || noted.place.is_none() {
        let (names, values) = here.notes();
        let kept = statement_row(pool, KEEP, &[texts(&names), texts(&values)]).await;
        kept.map_err(|fault| failed(fault.into()))?;
    }
    Ok(())
}

/// Makes this the home of what was written elsewhere, with the consent of people. In the same statement it is marked as a
/// copy: whoever dies before the app has closed everything off leaves a database that says so.
pub(super) async fn settle_restored(pool: &Pool, now: Timestamp) -> Result<(), OpenError> {
    let failed = |trouble: Trouble| OpenError::of(pool, trouble);
    let here = Home::here(&Asked::Itself(pool)).await.map_err(|fault| failed(fault.into()))?;
    let noted = Home::noted(pool).await.map_err(failed)?;
    // What does not say where it was written may come from anywhere.
    if noted == here {
        return Ok(());
    }
    let newest = Filter { limit: 1, ..Filter::default() };
    let newest = read::deploys(pool, &newest).await.map_err(failed)?;
    let since = restore::known_with(newest.first(), now).to_string();
    let (mut names, mut values) = here.notes();
    names.push(restore::MADE.to_owned());
    values.push(since);
    // A mark that is there already stays: a backup may have been moved in before the dump was made.
    let sql = "INSERT INTO shipgate.notes (name, value) SELECT * FROM unnest($1, $2)
               ON CONFLICT (name) DO UPDATE SET value =
                   CASE WHEN notes.name = $3 AND notes.value <> '' THEN notes.value ELSE excluded.value END";
    let params = [texts(&names), texts(&values), text(restore::MADE)];
    statement_row(pool, sql, &params).await.map_err(|fault| failed(fault.into()))?;
    Ok(())
}

/// Makes this the home of what moves in, within its transaction.
pub(super) async fn settle_in(db: &Client) -> Result<(), Fault> {
    let (names, values) = Home::here(&Asked::Within(db)).await?.notes();
    write(db, KEEP, &[texts(&names), texts(&values)]).await?;
    Ok(())
}
