//! Beginning again on a database of an earlier day: what it has forgotten may still run, so everything is closed off,
//! the CI systems are asked first, and people decide. Not here: making a backup (the stores), or a cut tail of the
//! record that no backup explains (the anchors).

use crate::bot::{App, touch};
use crate::effects::{Effect, Finish, Leased, NewEffect, Sweep};
use crate::judge::later;
use crate::ports::{OutsideError, Seen, Store};
use crate::store::{Changes, Filter, Scope, StoreError};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::audit::Actor;
use shipgate_domain::deploy::{Deploy, Event, Phase, State};
use shipgate_domain::facts::Lock;
use shipgate_domain::policy::Pipeline;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// The note that a backup carries: the moment it was made. Empty once a restored database works for good.
pub const MADE: &str = "backup/made";
/// Since when runs are still to be looked for; empty when that is done.
const LOOKING: &str = "restored/looking";
/// When this database was put back last.
const AT: &str = "restored/at";
/// For so long a message is looked for before it is posted: the day that was forgotten may have posted it.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(48);
/// While another deploy still holds the place of one that was found, that one waits.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Since when a database may have missed what happened: the moment its backup was made.
///
/// The one place that decides it, for every database; whoever knows better (an anchor of the record) asks here too.
///
/// # Errors
/// The database failed.
pub async fn behind_since(store: &dyn Store) -> Result<Option<Timestamp>, StoreError> {
    Ok(store.note(MADE).await?.and_then(|at| at.parse().ok()))
}

/// The newest moment that a database surely knows, for one that was put back without a mark.
///
/// # Errors
/// The database failed.
pub async fn known_until(store: &dyn Store, now: Timestamp) -> Result<Timestamp, StoreError> {
    let newest = store.deploys(&Filter { limit: 1, ..Filter::default() }).await?;
    Ok(newest.first().map_or(later(now, SignedDuration::from_hours(-24)), |deploy| deploy.request.at))
}

impl App {
    /// As [`App::start`], on a database that knows nothing of what happened after `since`. Nothing is judged before
    /// every CI system was asked for its runs, and nothing starts in an environment before a person has lifted its
    /// quarantine.
    ///
    /// # Errors
    /// The database failed; nothing was begun.
    pub async fn start_restored(&self, since: Timestamp) -> Result<(), StoreError> {
        self.enter().await?;
        let mut changes = self.first_work();
        let now = changes.at;
        tracing::warn!(
            "the database was put back to {since}: every environment is closed off until a person lifts it"
        );
        let environments: Vec<_> = self.rules.policy.environments.keys().cloned().collect();
        let data = serde_json::json!({ "since": since, "closed_off": environments });
        self.note(&mut changes, Actor::Shipgate, None, "restored", data);
        for environment in &environments {
            let lock = Lock::after_restore(environment.clone(), since, now, self.random_bytes());
            let data = serde_json::to_value(&lock).expect("a lock is plain data");
            self.note(&mut changes, Actor::Shipgate, Some(environment), "closed_off", data);
            changes.locks.push(lock);
            touch(&mut changes, Scope::Environment(environment.clone()));
        }
        // Nobody knows whether these were sent: what is found is bound, and nothing is sent for them.
        for deploy in self.open().await? {
            if matches!(&deploy.state, State::Dispatching { phase: Phase::Ready, .. })
                && let Ok(step) = deploy.learn(Event::IntentLapsed, now)
            {
                self.record(&mut changes, &deploy, &step, Actor::Shipgate);
            }
        }
        let message = self.words().restored(since, &environments);
        changes.effects.push(self.say_once(format!("restored/{now}"), message, now));
        changes.effects.push(NewEffect::whenever(Effect::LookBack { since }, now));
        changes.notes.push((MADE.to_owned(), String::new()));
        changes.notes.push((LOOKING.to_owned(), since.to_string()));
        changes.notes.push((AT.to_owned(), now.to_string()));
        self.store.commit(changes).await?;
        self.remember_restore().await
    }

    /// Reads whether this database was put back lately.
    pub(crate) async fn remember_restore(&self) -> Result<(), StoreError> {
        let is_looking = self.store.note(LOOKING).await?.is_some_and(|since| !since.is_empty());
        self.looking_back.store(is_looking, Ordering::Release);
        let at = self.store.note(AT).await?.and_then(|at| at.parse::<Timestamp>().ok());
        let is_late = at.is_some_and(|at| self.now() < later(at, FORGOTTEN));
        self.was_restored.store(is_late, Ordering::Release);
        Ok(())
    }

    /// Whether the CI systems are still being asked for what was forgotten: nothing is judged meanwhile.
    pub(crate) fn is_looking_back(&self) -> bool {
        self.looking_back.load(Ordering::Acquire)
    }

    /// Whether a message may be there already that this database knows nothing of.
    pub(crate) fn may_have_said(&self) -> bool {
        self.was_restored.load(Ordering::Acquire)
    }

    /// Asks every CI system for its runs since then. Deploys that are known get their run; the others are listed.
    pub(crate) async fn look_back(&self, leased: &Leased, since: Timestamp) -> Result<Finish, StoreError> {
        let (mut unknown, mut unread, mut open) = (Vec::new(), Vec::new(), Vec::new());
        for pipeline in self.pipelines_in_use() {
            let runs = match self.providers.pipelines(pipeline.provider) {
                Ok(pipelines) => pipelines.since(pipeline, since).await,
                Err(error) => Err(error),
            };
            match runs {
                Ok(runs) => self.sort(runs, &mut open, &mut unknown).await?,
                Err(OutsideError::Later { why, after }) => {
                    tracing::warn!("cannot look for runs since {since}: {why}");
                    let pause =
                        after.map_or(5 << leased.attempts.min(3), |after| after.as_secs().clamp(5, 300));
                    return Ok(self.retry(pause, why));
                }
                Err(OutsideError::Refused { why }) => unread.push((pipeline.repo.clone(), why)),
            }
        }
        let mut changes = self.changes(self.now());
        let now = changes.at;
        let data = serde_json::json!({ "since": since, "unknown": unknown, "unread": unread });
        let message = self.words().looked_back(since, open.len(), &unknown, &unread);
        changes.effects.push(self.say_once(format!("looked-back/{since}"), message, now));
        // Only the first look is written down; the next ones wait for places to become free.
        if leased.attempts == 0 {
            self.note(&mut changes, Actor::Shipgate, None, "looked_back", data);
        }
        self.commit(changes).await?;
        for (deploy, run) in open {
            match self.learn(&deploy, Event::Found { run }).await {
                Ok(()) => {}
                Err(StoreError::Conflict { .. }) => {
                    return Ok(Finish::Retry { at: later(now, AGAIN), why: "its place is taken".into() });
                }
                Err(error) => return Err(error),
            }
        }
        let mut changes = self.changes(self.now());
        changes.notes.push((LOOKING.to_owned(), String::new()));
        self.commit(changes).await?;
        self.looking_back.store(false, Ordering::Release);
        Ok(Finish::Done)
    }

    async fn sort(
        &self,
        runs: Vec<Seen>,
        open: &mut Vec<(Deploy, shipgate_domain::run::Run)>,
        unknown: &mut Vec<Seen>,
    ) -> Result<(), StoreError> {
        for seen in runs {
            match self.store.deploy(&seen.deploy).await? {
                Some(deploy) if deploy.run().is_some_and(|run| run.id == seen.run.id) => {}
                Some(deploy) if !deploy.is_done() && open.iter().all(|(other, _)| other.id != deploy.id) => {
                    open.push((deploy, seen.run));
                }
                _ => unknown.push(seen),
            }
        }
        Ok(())
    }

    /// Each workflow of each repository once.
    fn pipelines_in_use(&self) -> Vec<&Pipeline> {
        let mut seen = BTreeSet::new();
        let all = self.rules.policy.services.values().map(|service| &service.pipeline);
        all.filter(|p| seen.insert((p.provider, p.repo.clone(), p.workflow.clone()))).collect()
    }

    /// Adds nothing of its own: what waits is there already.
    pub(crate) async fn open(&self) -> Result<Vec<Deploy>, StoreError> {
        self.store.deploys(&Filter { only_open: true, limit: 10_000, ..Filter::default() }).await
    }

    /// What every start asks for.
    pub(crate) fn first_work(&self) -> Changes {
        let mut changes = self.changes(self.now());
        let now = changes.at;
        changes.effects.push(NewEffect::whenever(Effect::Remind, now));
        changes.effects.push(NewEffect::whenever(Effect::Sweep { of: Sweep::Start }, now));
        changes
    }
}
