//! The real database as one process has it: behind a wrapper that lets others go first, fails, lies, dies around writes,
//! and shows each write to the oracles. Not here: any SQL, any oracle.

use crate::faults::Fault;
use crate::mistakes::Mistake;
use crate::oracle::epochs::Life;
use crate::replica::{Item, name};
use crate::world::{HOUR, MINUTE, Ms, SECOND, Shared, Wake, tell};
use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::effects::{Lane, Leased};
use shipgate_app::inbound::Inbound;
use shipgate_app::store::{
    About, Accepted, CardRow, Changes, Counts, DeployRow, Epoch, Expect, Filter, Scope, Standing, Store,
    StoreError, Surroundings, Waiting, Which,
};
use shipgate_domain::audit::{Kept, Row, Table};
use shipgate_domain::calendar::Freeze;
use shipgate_domain::deploy::{Deploy, Phase, State};
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::DeployId;
use shipgate_store::SqliteStore;
use std::sync::Arc;

/// While all is well a replica says so rarely; see [`crate::world::World::is_in_trouble`].
const RELAXED: Ms = 1000 * HOUR;

/// The store as a process has it.
pub struct SimStore {
    /// The database.
    pub inner: Arc<SqliteStore>,
    /// Everything else.
    pub world: Shared,
    /// Whose connection.
    pub me: usize,
}

fn failed(doing: &'static str) -> StoreError {
    StoreError::Failed { doing, source: "the connection was lost".into(), may_pass: true }
}

impl SimStore {
    /// Time for others. An error when there is no database.
    async fn turn(&self, doing: &'static str) -> Result<(), StoreError> {
        let (aside, slow, is_cut) = {
            let mut world = self.world.look();
            let draw = world.dice.below(1000);
            let is_cut = world.replicas[self.me].cut_until > world.mono;
            (draw < 250, draw >= 990, is_cut)
        };
        if is_cut {
            let ms = self.world.look().dice.between(0, 2000);
            self.world.pause(ms).await;
            return Err(failed(doing));
        }
        if slow {
            let ms = self.world.look().dice.between(1, 300);
            self.world.pause(ms).await;
        } else if aside {
            self.world.step_aside().await;
        }
        Ok(())
    }

    /// Before a read.
    async fn reading(&self, doing: &'static str) -> Result<(), StoreError> {
        self.turn(doing).await?;
        let mut world = self.world.look();
        let item = world.at_work.and_then(|worker| world.replicas[self.me].items.get(&worker));
        if item.is_some_and(|item| world.poisoned.contains(&item.key)) {
            tell!(world, name(self.me), "the work on an item panics");
            drop(world);
            std::panic::resume_unwind(Box::new("a poisoned item"));
        }
        if world.may_die(self.me) && world.is_hit(Fault::ReadFails) {
            return Err(failed(doing));
        }
        Ok(())
    }

    /// The length of a life that the database sees, by the database's own clock.
    fn life(&self, now: Timestamp, alive_until: Timestamp) -> (Ms, Ms, Ms) {
        let mut world = self.world.look();
        let length = Ms::try_from(alive_until.duration_since(now).as_millis()).unwrap_or(0);
        let is_relaxed = world.restless_until <= world.mono;
        world.replicas[self.me].is_relaxed = is_relaxed;
        (world.mono, world.mono + if is_relaxed { RELAXED } else { length }, length)
    }
}

#[async_trait]
impl Store for SimStore {
    async fn commit(&self, mut changes: Changes) -> Result<(), StoreError> {
        let doing = "write a decision";
        self.turn(doing).await?;
        self.world.may_die(self.me, Fault::CrashBeforeCommit).await;
        let ms = {
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
            if world.may_die(self.me) && world.is_hit(Fault::CommitFails) {
                return Err(failed(doing));
            }
            // A start that is decided and not written in time lapses, which is to be seen more often.
            let is_start =
                |row: &DeployRow| matches!(row.deploy.state, State::Dispatching { phase: Phase::Ready, .. });
            let is_start = changes.deploys.iter().any(is_start);
            let times = if is_start { 6 } else { 1 };
            if is_start && world.slow_starts {
                world.dice.between(37, 45) * SECOND
            } else if world.is_hit_of(Fault::CommitSlow, times) {
                world.dice.between(SECOND, 50 * SECOND)
            } else {
                0
            }
        };
        if ms > 0 {
            self.world.pause(ms).await;
        }
        let written = self.inner.commit(changes.clone()).await;
        let is_unconfirmed = {
            let mut guard = self.world.look();
            let world = &mut *guard;
            match &written {
                Ok(()) => {
                    if world.records {
                        for entry in &changes.audit {
                            let deploy = entry.deploy.as_ref().map(DeployId::short).unwrap_or_default();
                            let by = changes.by.0;
                            let what = closed(&entry.data);
                            tell!(world, "written", "by {by}: {} {deploy} {what}", entry.event);
                        }
                    }
                    if !changes.effects.is_empty() || changes.finish.is_some() {
                        world.wakes.push(Wake::Effects(self.me));
                    }
                    world.watch(self.me, &changes);
                    world.may_die(self.me) && world.is_hit(Fault::CommitUnconfirmed)
                }
                Err(error) => {
                    tell!(world, "written", "by {}: not: {error}", changes.by.0);
                    false
                }
            }
        };
        self.world.may_die(self.me, Fault::CrashAfterCommit).await;
        if is_unconfirmed {
            return Err(failed(doing));
        }
        if written.is_ok() {
            // What follows a write may be long in coming.
            let _ = self.turn(doing).await;
        }
        written
    }

    async fn inbox_put(&self, inbound: &Inbound, at: Timestamp) -> Result<Accepted, StoreError> {
        self.inner.inbox_put(inbound, at).await
    }

    async fn inbox_next(&self, by: Epoch, worker: u32) -> Result<Option<Waiting>, StoreError> {
        self.turn("take the next command").await?;
        let next = self.inner.inbox_next(by, worker).await?;
        let mut world = self.world.look();
        if let Some(item) = &next {
            let one = Item { id: item.id, key: item.inbound.key.clone(), begun: item.attempts };
            world.replicas[self.me].items.insert(worker, one);
            world.wakes.push(Wake::Inbox);
            tell!(world, "inbox", "{} {} begun before: {}", name(self.me), item.inbound.key, item.attempts);
            world.took(by);
        }
        Ok(next)
    }

    async fn inbox_again(&self, by: Epoch, id: i64) -> Result<(), StoreError> {
        self.turn("give a command back").await?;
        self.inner.inbox_again(by, id).await
    }

    async fn inbox_give_back(&self, by: Epoch, id: i64) -> Result<(), StoreError> {
        self.turn("give a command back").await?;
        self.inner.inbox_give_back(by, id).await?;
        self.world.look().wakes.push(Wake::Inbox);
        Ok(())
    }

    async fn effect_lease(
        &self,
        by: Epoch,
        lane: Option<Lane>,
        now: Timestamp,
        lease_now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Leased>, StoreError> {
        let is_cut = {
            let world = self.world.look();
            world.replicas[self.me].cut_until > world.mono
        };
        if is_cut {
            self.turn("lease an effect").await?;
        }
        let leased = self.inner.effect_lease(by, lane, now, lease_now, lease_until).await?;
        if let Some(leased) = &leased {
            {
                let mut world = self.world.look();
                tell!(world, "effect", "{} {} begun before: {}", name(self.me), leased.key, leased.attempts);
                world.took(by);
                world.wakes.push(Wake::Effects(self.me));
                if world.is_hit(Fault::WorkPanics) {
                    drop(world);
                    std::panic::resume_unwind(Box::new("work on an effect"));
                }
            }
            self.turn("lease an effect").await?;
        }
        Ok(leased)
    }

    async fn effect_next_due(&self, lane: Option<Lane>) -> Result<Option<Timestamp>, StoreError> {
        self.inner.effect_next_due(lane).await
    }
    async fn effect_wake(&self, key: &str, at: Timestamp) -> Result<(), StoreError> {
        self.turn("wake an effect").await?;
        self.inner.effect_wake(key, at).await?;
        self.world.look().wakes.push(Wake::Effects(self.me));
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
        self.turn("enter as a replica").await?;
        let (mono, until, length) = self.life(now, alive_until);
        let (at, end) = {
            let world = self.world.look();
            (world.instant(mono), world.instant(until))
        };
        let epoch = self.inner.replica_enter(rules, at, end).await?;
        let mut world = self.world.look();
        tell!(world, name(self.me), "enters with epoch {} and rules {:.8}", epoch.0, rules);
        world.replicas[self.me].epoch = Some(epoch.0);
        let drawn = world.replicas[self.me].running.clone();
        let version = rules.to_owned();
        let life = Life { replica: self.me, drawn, version, entered: mono, until, ended: None };
        let booked = world.oracle.epochs.entered(epoch.0, life, length);
        world.check(booked);
        // The others may have to stand aside.
        let soon = world.mono + MINUTE;
        world.is_in_trouble(soon);
        Ok(epoch)
    }

    async fn replica_renew(
        &self,
        epoch: Epoch,
        now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Standing, StoreError> {
        self.turn("live on").await?;
        let (mono, until, _) = self.life(now, alive_until);
        let (at, end) = {
            let world = self.world.look();
            (world.instant(mono), world.instant(until))
        };
        let renewed = self.inner.replica_renew(epoch, at, end).await;
        let mut world = self.world.look();
        let booked = match &renewed {
            Ok(_) => world.oracle.epochs.renewed(epoch.0, mono, until),
            Err(StoreError::Conflict { .. }) => world.oracle.epochs.refused(epoch.0),
            Err(StoreError::Failed { .. }) => Ok(()),
        };
        world.check(booked);
        let checked = world.oracle.epochs.check(mono);
        world.check(checked);
        if matches!(renewed, Ok(Standing::Aside)) {
            tell!(world, name(self.me), "stands aside");
        }
        Ok(renewed?)
    }

    async fn replica_leave(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.turn("leave").await?;
        self.inner.replica_leave(epoch).await?;
        let mut world = self.world.look();
        let mono = world.mono;
        world.oracle.epochs.left(epoch.0, mono);
        tell!(world, name(self.me), "leaves with epoch {}", epoch.0);
        Ok(())
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
    async fn deploy(&self, id: &DeployId) -> Result<Option<Deploy>, StoreError> {
        self.reading("read a deploy").await?;
        self.inner.deploy(id).await
    }
    async fn deploys(&self, filter: &Filter) -> Result<Vec<Deploy>, StoreError> {
        self.reading("list deploys").await?;
        self.inner.deploys(filter).await
    }
    async fn open_ids(&self, limit: u32) -> Result<Vec<DeployId>, StoreError> {
        self.reading("list what is open").await?;
        self.inner.open_ids(limit).await
    }
    async fn deploy_of_run(&self, provider: &str, run: &str) -> Result<Option<DeployId>, StoreError> {
        self.inner.deploy_of_run(provider, run).await
    }
    async fn revision(&self, scope: &Scope) -> Result<u64, StoreError> {
        self.reading("read how often something changed").await?;
        self.inner.revision(scope).await
    }
    async fn surroundings(&self, about: &About) -> Result<Surroundings, StoreError> {
        self.reading("read what surrounds a deploy").await?;
        let mut around = self.inner.surroundings(about).await?;
        if self.world.look().mistake == Some(Mistake::FreezesHidden) {
            around.freezes.clear();
        }
        // Between what a decision looked at and its write is where others get in.
        let ms = {
            let mut world = self.world.look();
            if world.is_hit(Fault::FrozenInFlight) {
                world.freeze_at_once(about.environment.as_str());
                world.dice.between(300, 900)
            } else if world.dice.chance(250) {
                world.dice.between(1, 500)
            } else {
                0
            }
        };
        if ms > 0 {
            self.world.pause(ms).await;
        }
        Ok(around)
    }
    async fn locks(&self) -> Result<Vec<Lock>, StoreError> {
        self.reading("list locks").await?;
        self.inner.locks().await
    }
    async fn freezes(&self, ended: bool) -> Result<(u64, Vec<Freeze>), StoreError> {
        self.reading("list freezes").await?;
        self.inner.freezes(ended).await
    }
    async fn card(&self, deploy: &DeployId) -> Result<Option<CardRow>, StoreError> {
        self.reading("read a card").await?;
        self.inner.card(deploy).await
    }
    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.reading("read a note").await?;
        self.inner.note(name).await
    }
    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.inner.audit(after, limit).await
    }
    async fn audit_of(&self, deploy: &DeployId) -> Result<Vec<Row>, StoreError> {
        self.inner.audit_of(deploy).await
    }
    async fn kept_deploys(&self, which: &Which) -> Result<Vec<Kept>, StoreError> {
        self.reading("read deploys as they are stored").await?;
        self.inner.kept_deploys(which).await
    }
    async fn kept_ids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        self.reading("list all deploys").await?;
        self.inner.kept_ids(after, limit).await
    }
    async fn kept_all(&self, table: Table) -> Result<Vec<Kept>, StoreError> {
        self.reading("read locks and freezes as they are stored").await?;
        self.inner.kept_all(table).await
    }
    async fn was_put_back(&self) -> Result<Vec<String>, StoreError> {
        self.inner.was_put_back().await
    }

    async fn amiss(&self) -> Result<Vec<String>, StoreError> {
        self.inner.amiss().await
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
