//! The database that the settings name: opened to work on, or looked at. Not here: what is in it.

use crate::audit::inspect;
use crate::output::{print, tell};
use crate::settings::StoreSettings;
use crate::wiring::SystemClock;
use anyhow::Context as _;
use jiff::Timestamp;
use shipgate_app::ports::{Clock as _, Store};
use shipgate_app::restore;
use shipgate_domain::audit::{FindingKind, Inspector};
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
    let guards = PostgresStore::migrate(address.clone(), grant_to, SystemClock::default().now()).await?;
    let granted = grant_to.map(|role| {
        format!(
            "\nThe role {role} may work with them, and read all of them for `pg_dump`. It can neither change nor delete \
             audit entries."
        )
    });
    let put_back = told_of(&guards.put_back);
    print(format_args!(
        "The tables in {} are up to date.{}{put_back}",
        address.place(),
        granted.unwrap_or_default()
    ))?;
    if guards.amiss.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "what guards the record is not as Shipgate made it, and was not put back:\n  {}\nWhat it means: {}\nWhat to do: \
         the log above says why what Shipgate made could not be put back. What it did not make it leaves alone: whoever \
         put it there takes it out. Then run this again",
        guards.amiss.join("\n  "),
        FindingKind::Guard.meaning()
    )
}

/// What was put back, what it means and what to do.
fn told_of(put_back: &[String]) -> String {
    if put_back.is_empty() {
        return String::new();
    }
    format!(
        "\nWhat guards the record was not as Shipgate made it:\n  {}\nWhat it means: {}\nWhat to do: run `shipgate audit \
         verify`, and find out who could write the database. `serve` starts no deploy until somebody has said in chat: \
         /resume dispatching \"what was found out\"",
        put_back.join("\n  "),
        FindingKind::Guard.meaning()
    )
}

/// Moves an installation from a SQLite file into the settings' database.
pub async fn move_in(settings: &StoreSettings, from: &Path) -> anyhow::Result<()> {
    let address = postgres(settings)?;
    let place = address.place();
    // A line each time another tenth is done; small tables are done at once.
    let mut progress = |table: &'static str, done: u64, total: u64| {
        if done == total || done % (total / 10).max(500) < 500 {
            tell(format_args!("{table}: {done} of {total}"));
        }
    };
    refuse_unsound(from).await?;
    let now = SystemClock::default().now();
    let moved = sqlite_to_postgres(from, address.clone(), now, &mut progress).await?;
    let from = from.display();
    let mut told = format!("Everything in {from} is now in {place}:\n");
    for (table, rows) in moved {
        told.push_str(&format!("  {rows:>9}  {table}\n"));
    }
    told.push_str(&format!(
        "The audit chain is whole, before and after. {from} is marked: no Shipgate starts on it any more."
    ));
    if let Some(since) = restore::behind_since(&PostgresStore::look_at(address.clone()).await?).await? {
        told.push_str(&format!(
            "\n{from} was a backup, made at {since}: what was started since then is not in it. If the installation \
             itself is still there, move that instead. Otherwise start once with `shipgate serve --restored`; without \
             this word `serve` refuses, and with it every environment is closed off until a person lifts it."
        ));
    }
    print(told)
}

/// Ends the move of an installation whose record or rows somebody changed: it would look untouched on the other side.
async fn refuse_unsound(from: &Path) -> anyhow::Result<()> {
    // What is no installation is refused by the move itself, in its own words.
    let Ok(store) = SqliteStore::look_at(from) else { return Ok(()) };
    let mut inspector = Inspector::default();
    inspect(&store, &mut inspector).await?;
    let open: Vec<String> = inspector.open().map(ToString::to_string).collect();
    let Some(first) = open.first() else { return Ok(()) };
    let more = if open.len() > 1 { format!(", and {} more", open.len() - 1) } else { String::new() };
    anyhow::bail!(
        "nothing was moved: {} is not sound: {first}{more}. Moved, this would look as if it had always been so. `shipgate \
         audit verify` on it names everything. Start Shipgate on it once more and say in chat what you found out: \
         /resume dispatching \"…\"; what was accepted so does not keep it from being moved",
        from.display()
    )
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
            "nothing was written: PostgreSQL brings its own backup, which this program does not repeat. Run\n  \
             pg_dump --format=custom --schema=shipgate --file={} {}\n\
             The role {} must be the one that owns the tables, or one that `shipgate migrate tables --grant-to` was \
             run for; when pg_dump is refused, delete the empty file that it leaves. Better, archive the server's log \
             continuously: a dump is already old when it is restored",
            to.display(),
            address.for_programs(),
            address.user()
        ),
    }
}
