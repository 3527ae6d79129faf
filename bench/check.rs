//! Whether everything that was acknowledged is in the database. Reads the tables without the product's code.
//! Not here: what became of it.

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags};
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

/// How many acknowledged deliveries are not in the inbox of a Shipgate.
///
/// # Errors
/// The database cannot be read.
pub fn missing(store: &str, password: &str, folder: &Path, acknowledged: &[[u8; 32]]) -> Result<usize> {
    let kept = match store.strip_prefix("sqlite://") {
        Some(file) => of_sqlite(&folder.join(file))?,
        None => of_postgres(store, password)?,
    };
    let is_missing = |key: &&[u8; 32]| !kept.contains(*key);
    Ok(acknowledged.iter().filter(is_missing).count())
}

fn of_sqlite(file: &Path) -> Result<HashSet<[u8; 32]>> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut select = db.prepare("SELECT key FROM inbox")?;
    let keys = select.query_map([], |row| row.get::<_, String>(0))?;
    keys.filter_map(|key| key.map(|key| key_of(&key)).transpose()).map(|key| Ok(key?)).collect()
}

fn of_postgres(url: &str, password: &str) -> Result<HashSet<[u8; 32]>> {
    let mut psql = Command::new("psql");
    psql.args([url, "-qAtc", "SELECT key FROM shipgate.inbox"]).env("PGPASSWORD", password);
    let output = psql.output();
    let output = output.context("psql is needed to look into PostgreSQL: install postgresql-client")?;
    if !output.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.lines().filter_map(key_of).collect())
}

fn key_of(text: &str) -> Option<[u8; 32]> {
    hex::decode(text.strip_prefix("slack/slash/")?).ok()?.try_into().ok()
}
