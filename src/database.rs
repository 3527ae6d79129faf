//! The database that the settings name: opened to work on, or looked at. Not here: what is in it.

use crate::settings::StoreSettings;
use crate::wiring::SystemClock;
use anyhow::Context as _;
use jiff::Timestamp;
use shipgate_app::ports::{Clock as _, Store};
use shipgate_store::postgres::{Address, Opening};
use shipgate_store::transfer::sqlite_to_postgres;
use shipgate_store::{PostgresStore, SqliteStore};
use std::path::Path;
use std::sync::Arc;

/// Opens the database to work on it: SQLite alone, PostgreSQL beside other replicas.
pub async fn open(
    settings: &StoreSettings,
    opening: Opening,
    now: Timestamp,
) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match settings {
        StoreSettings::Sqlite(path) => Arc::new(SqliteStore::open(path, now)?),
        StoreSettings::Postgres(address) => {
            tracing::info!("the store is {}", address.place());
            Arc::new(PostgresStore::open(address.clone(), opening, now).await?)
        }
    })
}

/// Looks at the database, also while others work on it.
pub async fn look_at(settings: &StoreSettings) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match settings {
        StoreSettings::Sqlite(path) => Arc::new(SqliteStore::look_at(path)?),
        StoreSettings::Postgres(address) => Arc::new(PostgresStore::look_at(address.clone()).await?),
    })
}

/// Makes the tables of the settings' database, or brings them up to date.
pub async fn tables(settings: &StoreSettings, grant_to: Option<&str>) -> anyhow::Result<()> {
    let address = postgres(settings)?;
    PostgresStore::migrate(address.clone(), grant_to, SystemClock::default().now()).await?;
    println!("The tables in {} are up to date.", address.place());
    if let Some(role) = grant_to {
        println!("The role {role} may work with them. It can neither change nor delete audit entries.");
    }
    Ok(())
}

/// Moves an installation from a SQLite file into the settings' database.
pub async fn move_in(settings: &StoreSettings, from: &Path) -> anyhow::Result<()> {
    let address = postgres(settings)?;
    let place = address.place();
    // A line each time another tenth is done; small tables are done at once.
    let mut progress = |table: &'static str, done: u64, total: u64| {
        if done == total || done % (total / 10).max(500) < 500 {
            eprintln!("{table}: {done} of {total}");
        }
    };
    let now = SystemClock::default().now();
    let moved = sqlite_to_postgres(from, address.clone(), now, &mut progress).await?;
    println!("Everything in {} is now in {place}:", from.display());
    for (table, rows) in moved {
        println!("  {rows:>9}  {table}");
    }
    println!(
        "The audit chain is whole, before and after. {} is marked: no Shipgate starts on it any more.",
        from.display()
    );
    Ok(())
}

fn postgres(settings: &StoreSettings) -> anyhow::Result<&Address> {
    match settings {
        StoreSettings::Postgres(address) => Ok(address),
        StoreSettings::Sqlite(_) => anyhow::bail!(
            "`store.url` names a SQLite file. Write the address of the PostgreSQL database there first: \
             url = \"postgres://USER@HOST/DATABASE\""
        ),
    }
}

/// Copies the database into a new file while the bot works.
pub async fn backup(settings: &StoreSettings, to: &Path, at: Timestamp) -> anyhow::Result<()> {
    match settings {
        StoreSettings::Sqlite(path) => {
            SqliteStore::look_at(path)?.backup(to, at).await.context("the backup was not made")
        }
        StoreSettings::Postgres(address) => anyhow::bail!(
            "PostgreSQL brings its own backup, which this program does not repeat. Run\n  \
             pg_dump --format=custom --schema=shipgate --file={} {}\n\
             or better, archive its log continuously: a dump is already old when it is restored",
            to.display(),
            address.for_programs()
        ),
    }
}
