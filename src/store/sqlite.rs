//! SQLite: opening a database, the two ways of running on it, and the port. Not here: the SQL of single tables.

mod effects;
mod fault;
mod guards;
mod inbox;
mod inline;
mod kept;
mod look;
mod migrate;
mod moving;
mod open;
mod read;
mod readers;
mod replicas;
mod surroundings;
#[cfg(test)]
mod tests;
mod write;
mod writer;

pub use fault::Fault;
pub(crate) use moving::Moving;
pub use open::OpenError;

use crate::row;
use async_trait::async_trait;
use fault::{Trouble, failed};
use inline::Inline;
use jiff::Timestamp;
use open::Exclusive;
use readers::Readers;
use rusqlite::Connection;
use shipgate_app::effects::{Lane, Leased};
use shipgate_app::inbound::Inbound;
use shipgate_app::point;
use shipgate_app::store::{
    About, Accepted, CardRow, Changes, Counts, Epoch, Filter, Scope, Standing, Store, StoreError,
    Surroundings, Waiting, Which,
};
use shipgate_domain::audit::{Kept, Row, Table};
use shipgate_domain::calendar::Freeze;
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::DeployId;
use std::path::Path;
use writer::Writer;

/// Above this size only what decides about work is looked at before a database is opened;
/// [`SqliteStore::integrity_check`] looks at all of it.
const CHECKED_AT_START: u64 = 200 * 1024 * 1024;

/// The store on SQLite.
#[derive(Debug)]
pub struct SqliteStore {
    mode: Mode,
    /// What was put back before it was opened to work on, or then. Nothing for who only looks.
    put_back: Vec<String>,
}

/// How statements reach the database.
#[derive(Debug)]
enum Mode {
    /// On the caller's thread, at once.
    Inline(Inline),
    /// On one thread that writes and some that read. Dropped in this order: the lock goes last.
    Threads { writer: Writer, readers: Readers, _exclusive: Exclusive },
}

impl SqliteStore {
    /// Opens the database at `path` and creates or migrates it where needed. Nobody else can open it meanwhile.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub fn open(path: &Path, opened_at: Timestamp) -> Result<Self, OpenError> {
        let exclusive = Exclusive::take(path)?;
        let mut connection = open::connect(path)?;
        point!("open/locked");
        migrate::migrate(&mut connection, path, opened_at)?;
        guards::check_tables(&connection, path)?;
        open::check_still_here(&connection, path)?;
        open::bury_the_dead(&mut connection, path)?;
        point!("open/buried");
        let is_small = std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_AT_START);
        open::check_at_start(&connection, path, is_small)?;
        // Not before: on what is damaged, nothing is built.
        guards::put_back(&connection, path, opened_at)?;
        let put_back = guards::noted(&connection)
            .map_err(|trouble| OpenError::Database { path: path.to_owned(), source: trouble.into_fault() })?;
        if !is_small {
            tracing::info!("the database is large: it is opened without a check of every page");
        }
        let reading =
            (0..readers::THREADS).map(|_| open::connect_reader(path)).collect::<Result<Vec<_>, _>>()?;
        let checkpoints = open::connect(path)?;
        let threads = |source| OpenError::Threads { source };
        let readers = Readers::start(reading).map_err(threads)?;
        let writer = Writer::start(connection, checkpoints).map_err(threads)?;
        Ok(Self { mode: Mode::Threads { writer, readers, _exclusive: exclusive }, put_back })
    }

    /// Looks at a database that may be in use by a running Shipgate: reads and copies, never writes. A file
    /// that nobody works on can be looked at without a right to write, to it or beside it.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub fn look_at(path: &Path) -> Result<Self, OpenError> {
        let db = open::connect_to_look(path)?;
        guards::check_tables(&db, path)?;
        Ok(Self { mode: Mode::Inline(Inline::new(db)), put_back: Vec::new() })
    }

    /// A database that lives as long as this value. Every call runs on the caller's thread and is ready at once, so
    /// that the same calls always give the same answers.
    ///
    /// # Errors
    /// Only when there is no memory for it.
    pub fn in_memory() -> Result<Self, OpenError> {
        let path = Path::new(":memory:");
        let mut connection = open::connect_memory()?;
        migrate::migrate(&mut connection, path, Timestamp::UNIX_EPOCH)?;
        Ok(Self { mode: Mode::Inline(Inline::new(connection)), put_back: Vec::new() })
    }

    /// Looks at every page of the database, and whether the indexes hold what the tables do. Takes some seconds for
    /// each gigabyte.
    ///
    /// # Errors
    /// `Failed` says what is damaged, or that it could not be read.
    pub async fn integrity_check(&self) -> Result<(), StoreError> {
        self.read("check itself", open::integrity_check).await
    }

    /// Writes a complete copy of the database to a new file, while work goes on.
    ///
    /// The copy is one consistent moment, `at`, and says so: `serve` does not begin on it unasked. It appears under its name only when it is complete and on disk; a file that
    /// is there already is not touched.
    ///
    /// # Errors
    /// `Failed` when the file exists or cannot be written.
    pub async fn backup(&self, to: &Path, at: Timestamp) -> Result<(), StoreError> {
        let to = to.to_owned();
        self.read("make a backup", move |db| open::backup(db, &to, at)).await
    }

    /// Runs `work` in a write transaction; its answer comes after the commit.
    async fn write<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    {
        match &self.mode {
            Mode::Inline(inline) => inline.write(work),
            Mode::Threads { writer, .. } => writer.run(work).await,
        }
        .map_err(|trouble| trouble.into_error(doing))
    }

    /// Runs `work` on a snapshot of what is committed.
    async fn read<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    {
        match &self.mode {
            Mode::Inline(inline) => inline.read(work),
            Mode::Threads { readers, .. } => readers.run(work).await,
        }
        .map_err(|trouble| trouble.into_error(doing))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        let written = move |db: &Connection| {
            write::changes(db, &changes)?;
            point!("write", changes.audit.first().map_or("nothing", |entry| &entry.event));
            Ok(())
        };
        self.write("write a decision", written).await
    }

    async fn inbox_put(&self, inbound: &Inbound, at: Timestamp) -> Result<Accepted, StoreError> {
        let doing = "accept a command";
        let content = serde_json::to_string(inbound).map_err(|error| failed(doing, error))?;
        let (key, account) = (inbound.key.clone(), inbound.account.to_string());
        self.write(doing, move |db| inbox::put(db, &key, &account, &content, at)).await
    }

    async fn inbox_next(&self, by: Epoch, worker: u32) -> Result<Option<Waiting>, StoreError> {
        self.write("take the next command", move |db| inbox::next(db, by, worker)).await
    }

    async fn inbox_again(&self, by: Epoch, id: i64) -> Result<(), StoreError> {
        self.write("give a command back", move |db| inbox::again(db, by, id)).await
    }

    async fn inbox_give_back(&self, by: Epoch, id: i64) -> Result<(), StoreError> {
        self.write("give a command back", move |db| inbox::give_back(db, by, id)).await
    }

    async fn replica_enter(
        &self,
        rules: &str,
        _now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let rules = rules.to_owned();
        self.write("enter as a replica", move |db| replicas::enter(db, &rules, alive_until)).await
    }

    async fn replica_renew(
        &self,
        epoch: Epoch,
        now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Standing, StoreError> {
        self.write("live on", move |db| replicas::renew(db, epoch, now, alive_until)).await
    }

    async fn replica_leave(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.write("leave", move |db| replicas::leave(db, epoch)).await
    }

    async fn effect_lease(
        &self,
        by: Epoch,
        lane: Option<Lane>,
        now: Timestamp,
        lease_now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Leased>, StoreError> {
        self.write("lease an effect", move |db| effects::lease(db, by, lane, now, lease_now, lease_until))
            .await
    }

    async fn effect_next_due(&self, lane: Option<Lane>) -> Result<Option<Timestamp>, StoreError> {
        self.read("find the next effect", move |db| effects::next_due(db, lane)).await
    }

    async fn effect_wake(&self, key: &str, at: Timestamp) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.write("wake an effect", move |db| effects::wake(db, &key, at)).await
    }

    async fn effects_wake_all(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write("wake all effects", move |db| effects::wake_all(db, at)).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write("prune", move |db| Ok(inbox::prune(db, before)? + effects::prune(db, before)?)).await
    }

    async fn deploy(&self, id: &DeployId) -> Result<Option<Deploy>, StoreError> {
        let id = id.clone();
        self.read("read a deploy", move |db| read::deploy(db, &id)).await
    }

    async fn deploys(&self, filter: &Filter) -> Result<Vec<Deploy>, StoreError> {
        let filter = filter.clone();
        self.read("list deploys", move |db| read::deploys(db, &filter)).await
    }

    async fn open_ids(&self, limit: u32) -> Result<Vec<DeployId>, StoreError> {
        self.read("list what is open", move |db| read::open_ids(db, limit)).await
    }

    async fn deploy_of_run(&self, provider: &str, run: &str) -> Result<Option<DeployId>, StoreError> {
        let (provider, run) = (provider.to_owned(), run.to_owned());
        self.read("find the deploy of a run", move |db| read::deploy_of_run(db, &provider, &run)).await
    }

    async fn revision(&self, scope: &Scope) -> Result<u64, StoreError> {
        let scope = scope.clone();
        self.read("read a revision", move |db| Ok(write::scope_revision(db, &scope)?)).await
    }

    async fn surroundings(&self, about: &About) -> Result<Surroundings, StoreError> {
        let about = about.clone();
        self.read("read what surrounds a deploy", move |db| surroundings::surroundings(db, &about)).await
    }

    async fn locks(&self) -> Result<Vec<Lock>, StoreError> {
        self.read("list locks", read::locks).await
    }

    async fn freezes(&self, ended: bool) -> Result<(u64, Vec<Freeze>), StoreError> {
        self.read("list freezes", move |db| read::freezes(db, ended)).await
    }

    async fn card(&self, deploy: &DeployId) -> Result<Option<CardRow>, StoreError> {
        let deploy = deploy.clone();
        self.read("read a card", move |db| read::card(db, &deploy)).await
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        self.read("read a note", move |db| read::note(db, &name)).await
    }

    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.read("read the audit log", move |db| read::audit(db, after, limit)).await
    }

    async fn audit_of(&self, deploy: &DeployId) -> Result<Vec<Row>, StoreError> {
        let deploy = deploy.clone();
        self.read("read a deploy's audit log", move |db| read::audit_of(db, &deploy)).await
    }

    async fn kept_deploys(&self, which: &Which) -> Result<Vec<Kept>, StoreError> {
        let which = which.clone();
        self.read("read deploys as they are stored", move |db| kept::deploys(db, &which)).await
    }

    async fn kept_ids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        let after = after.map(str::to_owned);
        self.read("list all deploys", move |db| kept::ids(db, after.as_deref(), limit)).await
    }

    async fn kept_all(&self, table: Table) -> Result<Vec<Kept>, StoreError> {
        self.read("read locks and freezes as they are stored", move |db| kept::all(db, table)).await
    }

    async fn was_put_back(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.put_back.clone())
    }

    async fn amiss(&self) -> Result<Vec<String>, StoreError> {
        self.read("look at what guards the record", guards::amiss).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.read("count what waits", read::counts).await
    }
}
