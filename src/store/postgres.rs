//! PostgreSQL: opening a database and the port. Not here: the SQL of single tables.

mod address;
mod effects;
mod fault;
mod guards;
mod home;
mod inbox;
mod kept;
mod migrate;
mod moving;
mod open;
mod pool;
mod put_back;
mod read;
mod replicas;
mod statement;
#[cfg(test)]
mod tests;
mod transaction;
mod write;

pub use address::{Address, BadAddress};
pub use fault::Fault;
pub(crate) use moving::Move;
pub use open::OpenError;
pub use put_back::Guards;

use async_trait::async_trait;
use fault::Trouble;
use jiff::Timestamp;
use pool::Pool;
use replicas::{Leave, Renew};
use shipgate_app::WORKERS;
use shipgate_app::effects::{Lane, Leased};
use shipgate_app::inbound::Inbound;
use shipgate_app::store::{
    About, Accepted, CardRow, Changes, Counts, Epoch, Filter, Scope, Standing, Store, StoreError,
    Surroundings, Waiting, Which,
};
use shipgate_domain::audit::{Kept, Row, Table};
use shipgate_domain::calendar::Freeze;
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::DeployId;
use transaction::transact;

/// Connections for everything but what has its own: one for each worker, and some for who only looks.
const CONNECTIONS: usize = WORKERS + 6;
/// Connections for what comes in.
const DOORS: usize = 8;
/// Connections for the signs of life.
const PULSES: usize = 2;

/// The store on PostgreSQL. Several processes may have it open at once.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    /// Connections for what comes in alone: while the database is away, workers stand still with theirs in hand, and
    /// whoever types something must hear that it was not stored.
    door: Pool,
    /// Connections for the signs of life alone: work that has taken all others must not make a replica look dead.
    pulse: Pool,
    /// What was put back before it was opened to work on, or then. Nothing for who only looks.
    put_back: Option<Vec<String>>,
}

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// To work on it. It must have been written on this server.
    Work,
    /// To work on what was restored from a dump of another server, which is at home here from now on.
    Restored,
}

impl PostgresStore {
    /// Opens the database and creates or migrates its tables where needed.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub async fn open(address: Address, opening: Opening, now: Timestamp) -> Result<Self, OpenError> {
        let mut store = Self::reach(address)?;
        open::check(&store.pool).await?;
        migrate::migrate(&store.pool, now).await?;
        guards::check_tables(&store.pool).await?;
        // Before anything is put back: a dump that is still being restored must be left alone.
        match opening {
            Opening::Work => home::check_home(&store.pool).await?,
            Opening::Restored => home::settle_restored(&store.pool, now).await?,
        }
        put_back::put_back(&store.pool, now).await?;
        let noted = put_back::noted(&store.pool).await;
        store.put_back = Some(noted.map_err(|trouble| OpenError::of(&store.pool, trouble))?);
        Ok(store)
    }

    /// Looks at a database that may be in use: changes nothing by opening it.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub async fn look_at(address: Address) -> Result<Self, OpenError> {
        let store = Self::reach(address)?;
        open::check(&store.pool).await?;
        guards::check_tables(&store.pool).await?;
        Ok(store)
    }

    /// Brings the tables up to date, and lets a role work with them that may not change them. Says how it found what
    /// guards the record.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub async fn migrate(
        address: Address,
        grant_to: Option<&str>,
        now: Timestamp,
    ) -> Result<Guards, OpenError> {
        let store = Self::reach(address)?;
        open::check(&store.pool).await?;
        if let Some(role) = grant_to {
            migrate::check_role(&store.pool, role).await?;
        }
        migrate::migrate(&store.pool, now).await?;
        guards::check_tables(&store.pool).await?;
        let guards = put_back::put_back(&store.pool, now).await?;
        if let Some(role) = grant_to {
            let granted = transact(&store.pool, &migrate::Grant(role)).await;
            granted.map_err(|trouble| OpenError::of(&store.pool, trouble))?;
        }
        Ok(guards)
    }

    fn reach(address: Address) -> Result<Self, OpenError> {
        let place = address.place();
        let pool = |connections| {
            Pool::new(address.clone(), connections)
                .map_err(|source| OpenError::Database { place: place.clone(), source })
        };
        Ok(Self { pool: pool(CONNECTIONS)?, door: pool(DOORS)?, pulse: pool(PULSES)?, put_back: None })
    }
}

/// Names what was tried in an error of the port.
trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T, E: Into<Trouble>> Doing<T> for Result<T, E> {
    fn doing(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|trouble| trouble.into().into_error(what))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        transact(&self.pool, &changes).await.doing("write a decision")
    }

    async fn inbox_put(&self, inbound: &Inbound, at: Timestamp) -> Result<Accepted, StoreError> {
        inbox::put(&self.door, inbound, at).await.doing("accept a command")
    }

    async fn inbox_next(&self, by: Epoch, worker: u32) -> Result<Option<Waiting>, StoreError> {
        inbox::next(&self.pool, by, worker).await.doing("take the next command")
    }

    async fn inbox_again(&self, by: Epoch, id: i64) -> Result<(), StoreError> {
        inbox::again(&self.pool, by, id).await.doing("give a command back")
    }

    async fn inbox_give_back(&self, by: Epoch, id: i64) -> Result<(), StoreError> {
        inbox::give_back(&self.pool, by, id).await.doing("give a command back")
    }

    async fn replica_enter(
        &self,
        rules: &str,
        now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Epoch, StoreError> {
        replicas::enter(&self.pulse, rules, now, alive_until).await.doing("enter as a replica")
    }

    async fn replica_renew(
        &self,
        epoch: Epoch,
        now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Standing, StoreError> {
        transact(&self.pulse, &Renew { epoch, now, alive_until }).await.doing("live on")
    }

    async fn replica_leave(&self, epoch: Epoch) -> Result<(), StoreError> {
        transact(&self.pulse, &Leave(epoch)).await.doing("leave")
    }

    async fn effect_lease(
        &self,
        by: Epoch,
        lane: Option<Lane>,
        now: Timestamp,
        lease_now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Leased>, StoreError> {
        effects::lease(&self.pool, by, lane, now, lease_now, lease_until).await.doing("lease an effect")
    }

    async fn effect_next_due(&self, lane: Option<Lane>) -> Result<Option<Timestamp>, StoreError> {
        effects::next_due(&self.pool, lane).await.doing("find the next effect")
    }

    async fn effect_wake(&self, key: &str, at: Timestamp) -> Result<(), StoreError> {
        effects::wake(&self.pool, key, at).await.doing("wake an effect")
    }

    async fn effects_wake_all(&self, at: Timestamp) -> Result<(), StoreError> {
        effects::wake_all(&self.pool, at).await.doing("wake all effects")
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let doing = "prune";
        let items = inbox::prune(&self.pool, before).await.doing(doing)?;
        Ok(items + effects::prune(&self.pool, before).await.doing(doing)?)
    }

    async fn deploy(&self, id: &DeployId) -> Result<Option<Deploy>, StoreError> {
        read::deploy(&self.pool, id).await.doing("read a deploy")
    }

    async fn deploys(&self, filter: &Filter) -> Result<Vec<Deploy>, StoreError> {
        read::deploys(&self.pool, filter).await.doing("list deploys")
    }

    async fn open_ids(&self, limit: u32) -> Result<Vec<DeployId>, StoreError> {
        read::open_ids(&self.pool, limit).await.doing("list what is open")
    }

    async fn deploy_of_run(&self, provider: &str, run: &str) -> Result<Option<DeployId>, StoreError> {
        read::deploy_of_run(&self.pool, provider, run).await.doing("find the deploy of a run")
    }

    async fn revision(&self, scope: &Scope) -> Result<u64, StoreError> {
        read::revision(&self.pool, scope).await.doing("read a revision")
    }

    async fn surroundings(&self, about: &About) -> Result<Surroundings, StoreError> {
        read::surroundings(&self.pool, about).await.doing("read what surrounds a deploy")
    }

    async fn locks(&self) -> Result<Vec<Lock>, StoreError> {
        read::locks(&self.pool).await.doing("list locks")
    }

    async fn freezes(&self, ended: bool) -> Result<(u64, Vec<Freeze>), StoreError> {
        read::freezes(&self.pool, ended).await.doing("list freezes")
    }

    async fn card(&self, deploy: &DeployId) -> Result<Option<CardRow>, StoreError> {
        read::card(&self.pool, deploy).await.doing("read a card")
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        read::note(&self.pool, name).await.doing("read a note")
    }

    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<Row>, StoreError> {
        read::audit(&self.pool, after, limit).await.doing("read the audit log")
    }

    async fn audit_of(&self, deploy: &DeployId) -> Result<Vec<Row>, StoreError> {
        read::audit_of(&self.pool, deploy).await.doing("read a deploy's audit log")
    }

    async fn kept_deploys(&self, which: &Which) -> Result<Vec<Kept>, StoreError> {
        kept::deploys(&self.pool, which).await.doing("read deploys as they are stored")
    }

    async fn kept_ids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        kept::ids(&self.pool, after, limit).await.doing("list all deploys")
    }

    async fn kept_all(&self, table: Table) -> Result<Vec<Kept>, StoreError> {
        kept::all(&self.pool, table).await.doing("read locks and freezes as they are stored")
    }

    async fn was_put_back(&self) -> Result<Vec<String>, StoreError> {
        let Some(mut all) = self.put_back.clone() else { return Ok(Vec::new()) };
        // Also what another process put back meanwhile.
        let noted = put_back::noted(&self.pool).await.doing("look at what was put back")?;
        let news: Vec<String> = noted.into_iter().filter(|line| !all.contains(line)).collect();
        all.extend(news);
        Ok(all)
    }

    async fn amiss(&self) -> Result<Vec<String>, StoreError> {
        guards::amiss(&self.pool).await.doing("look at what guards the record")
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        read::counts(&self.pool).await.doing("count what waits")
    }
}
