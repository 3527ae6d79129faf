//! The real database behind a wrapper that lets others go first, dies around writes, and shows each write to the
//! oracles. Not here: any SQL, any oracle.

use crate::faults::Fault;
use crate::mistakes::Mistake;
use crate::world::Shared;
use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::effects::{Lane, Leased};
use shipgate_app::inbound::Inbound;
use shipgate_app::store::{
    About, Accepted, CardRow, Changes, Counts, Epoch, Expect, Filter, Scope, Standing, Store, StoreError,
    Surroundings, Waiting,
};
use shipgate_domain::audit::Row;
use shipgate_domain::calendar::Freeze;
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::DeployId;
use shipgate_store::SqliteStore;
use std::sync::Arc;

/// The store as the process has it.
pub struct SimStore {
    /// The database.
    pub inner: Arc<SqliteStore>,
    /// Everything else.
    pub world: Shared,
}

impl SimStore {
    async fn turn(&self) {
        let (aside, slow) = {
            let mut world = self.world.look();
            (world.dice.chance(250), world.dice.chance(10))
        };
        if slow {
            let ms = self.world.look().dice.between(1, 300);
            self.world.pause(ms).await;
        } else if aside {
            self.world.step_aside().await;
        }
    }
}

#[async_trait]
impl Store for SimStore {
    async fn commit(&self, mut changes: Changes) -> Result<(), StoreError> {
        self.turn().await;
        self.world.may_die(Fault::CrashBeforeCommit).await;
        {
            let mut guard = self.world.look();
            let world = &mut *guard;
            match world.mistake {
                Some(Mistake::ScopeNotExpected) => {
                    changes.expect.retain(|expect| !matches!(expect, Expect::Scope(..)));
                }
                Some(Mistake::AuditDropped) if world.dice.chance(30) => changes.audit.clear(),
                Some(Mistake::CommitLost) if world.dice.chance(20) => return Ok(()),
                _ => {}
            }
        }
        let written = self.inner.commit(changes.clone()).await;
        {
            let mut world = self.world.look();
            match &written {
                Ok(()) => {
                    for entry in &changes.audit {
                        let deploy =
                            entry.deploy.as_ref().map(|id| id.short().to_owned()).unwrap_or_default();
                        world.tell("written", format!("{} {deploy} {}", entry.event, closed(&entry.data)));
                    }
                    world.kicks += 1;
                    world.watch(&self.inner, &changes);
                }
                Err(error) => world.tell("written", format!("not: {error}")),
            }
        }
        self.world.may_die(Fault::CrashAfterCommit).await;
        if written.is_ok() {
            self.turn().await;
        }
        written
    }

    async fn inbox_put(&self, inbound: &Inbound, at: Timestamp) -> Result<Accepted, StoreError> {
        self.inner.inbox_put(inbound, at).await
    }

    async fn inbox_next(&self, by: Epoch, worker: u32) -> Result<Option<Waiting>, StoreError> {
        self.turn().await;
        let next = self.inner.inbox_next(by, worker).await?;
        let mut world = self.world.look();
        world.item = next.as_ref().map(|item| (item.id, item.inbound.key.clone(), item.attempts));
        if let Some(item) = &next {
            world.tell("inbox", format!("{} begun before: {}", item.inbound.key, item.attempts));
        }
        Ok(next)
    }

    async fn effect_lease(
        &self,
        by: Epoch,
        lane: Option<Lane>,
        now: Timestamp,
        lease_now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Leased>, StoreError> {
        let leased = self.inner.effect_lease(by, lane, now, lease_now, lease_until).await?;
        if let Some(leased) = &leased {
            self.world.look().tell("effect", format!("{} begun before: {}", leased.key, leased.attempts));
            self.turn().await;
        }
        Ok(leased)
    }

    async fn effect_next_due(&self, lane: Option<Lane>) -> Result<Option<Timestamp>, StoreError> {
        self.inner.effect_next_due(lane).await
    }
    async fn effect_wake(&self, key: &str, at: Timestamp) -> Result<(), StoreError> {
        self.turn().await;
        self.inner.effect_wake(key, at).await?;
        self.world.look().kicks += 1;
        Ok(())
    }
    async fn effects_wake_all(&self, at: Timestamp) -> Result<(), StoreError> {
        self.inner.effects_wake_all(at).await
    }
    async fn replica_enter(
        &self,
        rules: &str,
        now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let epoch = self.inner.replica_enter(rules, now, alive_until).await?;
        // One process at a time has the file: whoever opens it knows that the one before is gone.
        let before = self.world.look().epoch.replace(epoch);
        if let Some(before) = before {
            self.inner.replica_leave(before).await?;
        }
        Ok(epoch)
    }
    async fn replica_renew(
        &self,
        epoch: Epoch,
        now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Standing, StoreError> {
        self.inner.replica_renew(epoch, now, alive_until).await
    }
    async fn replica_leave(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.inner.replica_leave(epoch).await
    }
    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
    async fn deploy(&self, id: &DeployId) -> Result<Option<Deploy>, StoreError> {
        self.turn().await;
        self.inner.deploy(id).await
    }
    async fn deploys(&self, filter: &Filter) -> Result<Vec<Deploy>, StoreError> {
        self.turn().await;
        self.inner.deploys(filter).await
    }
    async fn deploy_of_run(&self, provider: &str, run: &str) -> Result<Option<DeployId>, StoreError> {
        self.inner.deploy_of_run(provider, run).await
    }
    async fn revision(&self, scope: &Scope) -> Result<u64, StoreError> {
        self.turn().await;
        self.inner.revision(scope).await
    }
    async fn surroundings(&self, about: &About) -> Result<Surroundings, StoreError> {
        self.turn().await;
        let mut around = self.inner.surroundings(about).await?;
        if self.world.look().mistake == Some(Mistake::FreezesHidden) {
            around.freezes.clear();
        }
        // Between what a decision looked at and its write is where others get in.
        let ms = {
            let mut world = self.world.look();
            if world.dice.chance(250) { world.dice.between(1, 500) } else { 0 }
        };
        self.world.pause(ms).await;
        Ok(around)
    }
    async fn locks(&self) -> Result<Vec<Lock>, StoreError> {
        self.turn().await;
        self.inner.locks().await
    }
    async fn freezes(&self, ended: bool) -> Result<(u64, Vec<Freeze>), StoreError> {
        self.turn().await;
        self.inner.freezes(ended).await
    }
    async fn card(&self, deploy: &DeployId) -> Result<Option<CardRow>, StoreError> {
        self.turn().await;
        self.inner.card(deploy).await
    }
    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.inner.note(name).await
    }
    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.inner.audit(after, limit).await
    }
    async fn audit_of(&self, deploy: &DeployId) -> Result<Vec<Row>, StoreError> {
        self.inner.audit_of(deploy).await
    }
    async fn counts(&self) -> Result<Counts, StoreError> {
        self.inner.counts().await
    }
}

/// The closed gates of an audit entry, for the history.
fn closed(data: &serde_json::Value) -> String {
    let verdicts = data["verdicts"].as_array().or_else(|| data.as_array());
    let closed = verdicts.into_iter().flatten().filter(|verdict| verdict["answer"] != "open");
    closed.map(|verdict| format!("{}:{}", verdict["gate"], verdict["answer"])).collect::<Vec<_>>().join(" ")
}
