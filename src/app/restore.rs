//! Beginning again on a database of an earlier day: what it has forgotten may still run, so everything is closed off,
//! the CI systems are asked first, and people decide. Not here: making a backup (the stores), or a cut tail of the
//! record that no backup explains (the anchors).

use crate::bot::{App, touch};
use crate::effects::{Effect, Finish, Leased, NewEffect, Sweep};
use crate::judge::later;
use crate::ports::{OutsideError, Seen, Store};
use crate::store::{Changes, Expect, Filter, Scope, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shipgate_domain::audit::Actor;
use shipgate_domain::deploy::{Deploy, Event, Phase, State};
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::DeployId;
use shipgate_domain::policy::{Pipeline, Provider};
use shipgate_domain::run::Run;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// The note that a backup carries: the moment it was made. Empty once a restored database works for good.
pub const MADE: &str = "backup/made";
/// Since when runs are still to be looked for; empty when that is done.
const LOOKING: &str = "restored/looking";
/// What the CI systems have answered so far, so that a try goes on where the one before it broke off; empty when
/// nothing is looked for.
const HEARD: &str = "restored/heard";
/// When this database was put back last.
const AT: &str = "restored/at";
/// Of which time of being put back people have been told: the value of [`AT`] then.
const TOLD: &str = "restored/told";
/// Keys of the two messages: that the database was put back, and what the CI systems then said.
const PUT_BACK: &str = "restored/";
const LOOKED_BACK: &str = "looked-back/";
/// What the CI systems said waits so long for the other message, which may be one that cannot be posted.
const IN_ORDER: SignedDuration = SignedDuration::from_mins(10);
/// Between two looks whether the other message is there.
const ORDER_PAUSE: i64 = 1;
/// For so long a message is looked for before it is posted: the day that was forgotten may have posted it.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(48);
/// While another deploy still holds the place of one that was found, that one waits.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// What the CI systems have answered so far.
#[derive(Debug, Serialize, Deserialize)]
struct Heard {
    /// When the first was asked. Names what people are told: a database can be put back twice to the same moment.
    begun: Timestamp,
    /// Which workflows of which repositories have answered.
    asked: BTreeSet<(Provider, String, String)>,
    /// Deploys that are not over here, and the runs that they had begun.
    found: Vec<(DeployId, Run)>,
    unknown: Vec<Seen>,
    /// Repositories that will not tell, and why.
    unread: Vec<(String, String)>,
    /// Whether people were told, and it was written down.
    is_told: bool,
}

/// [`Heard`], and the note it was read from: whoever writes it next names that.
struct Kept {
    heard: Heard,
    note: Option<String>,
}

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
    Ok(known_with(newest.first(), now))
}

/// The same, for a database whose newest deploy is this.
#[must_use]
pub fn known_with(newest: Option<&Deploy>, now: Timestamp) -> Timestamp {
    newest.map_or(later(now, SignedDuration::from_hours(-24)), |deploy| deploy.request.at)
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
        for deploy in self.active().await? {
            if matches!(&deploy.state, State::Dispatching { phase: Phase::Ready, .. })
                && let Ok(step) = deploy.learn(Event::IntentLapsed, now)
            {
                self.record(&mut changes, &deploy, &step, Actor::Shipgate);
            }
        }
        let message = self.words().restored(since, &environments);
        changes.effects.push(self.say_once(format!("{PUT_BACK}{now}"), message, now));
        // The copy may have been made while an earlier look was not over.
        let since = self.looking_since().await?.map_or(since, |earlier| earlier.min(since));
        changes.effects.push(NewEffect::whenever(Effect::LookBack { since }, now));
        changes.notes.push((MADE.to_owned(), String::new()));
        changes.notes.push((LOOKING.to_owned(), since.to_string()));
        changes.notes.push((HEARD.to_owned(), String::new()));
        changes.notes.push((AT.to_owned(), now.to_string()));
        self.store.commit(changes).await?;
        self.remember_restore().await?;
        Ok(())
    }

    /// Reads whether this database was put back lately, and since when runs are still looked for.
    pub(crate) async fn remember_restore(&self) -> Result<Option<Timestamp>, StoreError> {
        let looking = self.looking_since().await?;
        let at = self.store.note(AT).await?.and_then(|at| at.parse::<Timestamp>().ok());
        let is_late = at.is_some_and(|at| self.now() < later(at, FORGOTTEN));
        self.was_restored.store(is_late, Ordering::Release);
        self.looking_back.store(looking.is_some(), Ordering::Release);
        Ok(looking)
    }

    /// Follows what other replicas did: one of them may have begun to look back, or have come to its end.
    pub(crate) async fn follow_restore(&self) -> Result<(), StoreError> {
        match (self.looking_since().await?, self.is_looking_back()) {
            (Some(_), false) => self.remember_restore().await.map(drop),
            (None, true) => {
                self.looking_back.store(false, Ordering::Release);
                Ok(())
            }
            (Some(_), true) | (None, false) => Ok(()),
        }
    }

    /// What was found is told after it was told that anything was looked for. Says how long to wait for that, and why.
    pub(crate) async fn is_too_early(&self, key: &str) -> Result<Option<(i64, String)>, StoreError> {
        if !key.starts_with(LOOKED_BACK) {
            return Ok(None);
        }
        let at = self.store.note(AT).await?;
        let is_late =
            at.as_deref().and_then(|at| at.parse().ok()).is_none_or(|at| self.now() >= later(at, IN_ORDER));
        if is_late || self.store.note(TOLD).await? == at {
            return Ok(None);
        }
        Ok(Some((ORDER_PAUSE, "people have not been told yet that the database was put back".into())))
    }

    /// Notes that a message was posted, if others wait for it.
    pub(crate) async fn was_said(&self, key: &str) -> Result<(), StoreError> {
        let Some(at) = key.strip_prefix(PUT_BACK) else { return Ok(()) };
        let mut changes = self.changes(self.now());
        changes.notes.push((TOLD.to_owned(), at.to_owned()));
        self.commit(changes).await
    }

    async fn looking_since(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.store.note(LOOKING).await?.and_then(|since| since.parse().ok()))
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
    pub(crate) async fn look_back(&self, leased: &Leased) -> Result<Finish, StoreError> {
        // The note decides, not the effect: it may have come to its end already, or begun anew.
        let Some(since) = self.looking_since().await? else { return Ok(Finish::Done) };
        let mut kept = self.kept().await?;
        if let Some((pause, why)) = self.ask_for_runs(leased, since, &mut kept).await? {
            return Ok(self.retry(pause, why));
        }
        if !kept.heard.is_told {
            self.tell(since, &mut kept).await?;
        }
        if !self.bind(&kept.heard.found).await? {
            return Ok(Finish::Retry { at: later(self.now(), AGAIN), why: "its place is taken".into() });
        }
        let mut changes = self.changes(self.now());
        changes.expect.push(Expect::Note(HEARD.to_owned(), kept.note));
        changes.notes.push((LOOKING.to_owned(), String::new()));
        changes.notes.push((HEARD.to_owned(), String::new()));
        self.commit(changes).await?;
        self.looking_back.store(false, Ordering::Release);
        Ok(Finish::Done)
    }

    async fn kept(&self) -> Result<Kept, StoreError> {
        let note = self.store.note(HEARD).await?;
        let heard = note.as_deref().and_then(|note| serde_json::from_str(note).ok());
        let heard = heard.unwrap_or_else(|| Heard {
            begun: self.now(),
            asked: BTreeSet::new(),
            found: Vec::new(),
            unknown: Vec::new(),
            unread: Vec::new(),
            is_told: false,
        });
        Ok(Kept { heard, note })
    }

    async fn keep(&self, kept: &mut Kept, mut changes: Changes) -> Result<(), StoreError> {
        let note = serde_json::to_string(&kept.heard).expect("what was heard is plain data");
        changes.expect.push(Expect::Note(HEARD.to_owned(), kept.note.clone()));
        changes.notes.push((HEARD.to_owned(), note.clone()));
        self.commit(changes).await?;
        kept.note = Some(note);
        Ok(())
    }

    /// Asks those that have not answered yet. Says how long to wait for the rest, and why.
    async fn ask_for_runs(
        &self,
        leased: &Leased,
        since: Timestamp,
        kept: &mut Kept,
    ) -> Result<Option<(i64, String)>, StoreError> {
        let (mut silent, mut wait) = (BTreeSet::new(), None);
        for pipeline in self.pipelines_in_use() {
            let name = (pipeline.provider, pipeline.repo.clone(), pipeline.workflow.clone());
            if kept.heard.asked.contains(&name) || silent.contains(&pipeline.provider) {
                continue;
            }
            let runs = match self.providers.pipelines(pipeline.provider) {
                Ok(pipelines) => pipelines.since(&pipeline, since).await,
                Err(error) => Err(error),
            };
            match runs {
                Ok(runs) => self.sort(runs, &mut kept.heard).await?,
                Err(OutsideError::Later { why, after }) => {
                    tracing::warn!("cannot look for runs since {since}: {why}");
                    let pause =
                        after.map_or(5 << leased.attempts.min(3), |after| after.as_secs().clamp(5, 300));
                    wait = wait.max(Some((pause, why)));
                    silent.insert(pipeline.provider);
                    continue;
                }
                Err(OutsideError::Refused { why }) => kept.heard.unread.push((pipeline.repo.clone(), why)),
            }
            // Each answer by itself: all of them together may take longer than work on one effect may.
            kept.heard.asked.insert(name);
            self.keep(kept, self.changes(self.now())).await?;
        }
        Ok(wait)
    }

    async fn sort(&self, runs: Vec<Seen>, heard: &mut Heard) -> Result<(), StoreError> {
        for seen in runs {
            match self.store.deploy(&seen.deploy).await? {
                Some(deploy) if deploy.run().is_some_and(|run| run.id == seen.run.id) => {}
                Some(deploy) if !deploy.is_done() && heard.found.iter().all(|(id, _)| *id != deploy.id) => {
                    heard.found.push((deploy.id, seen.run));
                }
                _ => heard.unknown.push(seen),
            }
        }
        Ok(())
    }

    /// Tells people what was found, and writes it down, once.
    async fn tell(&self, since: Timestamp, kept: &mut Kept) -> Result<(), StoreError> {
        let Heard { begun, found, unknown, unread, .. } = &kept.heard;
        let mut changes = self.changes(self.now());
        let now = changes.at;
        let message = self.words().looked_back(since, found.len(), unknown, unread);
        changes.effects.push(self.say_once(format!("{LOOKED_BACK}{begun}"), message, now));
        let data = serde_json::json!({ "since": since, "unknown": unknown, "unread": unread });
        self.note(&mut changes, Actor::Shipgate, None, "looked_back", data);
        kept.heard.is_told = true;
        self.keep(kept, changes).await
    }

    /// Gives deploys the runs that they had begun. Says whether all have theirs.
    async fn bind(&self, found: &[(DeployId, Run)]) -> Result<bool, StoreError> {
        let mut is_whole = true;
        for (id, run) in found {
            let Some(deploy) = self.store.deploy(id).await? else { continue };
            if deploy.is_done() || deploy.run().is_some_and(|known| known.id == run.id) {
                continue;
            }
            match self.learn(&deploy, Event::Found { run: run.clone() }).await {
                Ok(()) => {}
                // Another deploy still holds its place. That is no reason to let the others wait.
                Err(StoreError::Conflict { .. }) => is_whole = false,
                Err(error) => return Err(error),
            }
        }
        Ok(is_whole)
    }

    /// Each workflow of each repository once.
    fn pipelines_in_use(&self) -> Vec<Pipeline> {
        let mut seen = BTreeSet::new();
        let policy = &self.rules.policy;
        let deploys = policy.services.values().map(|service| service.pipeline.clone());
        let actions = policy.services.values().flat_map(|service| {
            policy.actions.values().filter_map(|rule| rule.of(service)).map(|service| service.pipeline)
        });
        let all = deploys.chain(actions);
        all.filter(|p| seen.insert((p.provider, p.repo.clone(), p.workflow.clone()))).collect()
    }

    /// Deploys that hold their place.
    async fn active(&self) -> Result<Vec<Deploy>, StoreError> {
        let mut all: Vec<Deploy> = Vec::new();
        loop {
            let above = all.last().map(|deploy| deploy.id.clone());
            let active = Filter { only_active: true, ..Filter::default() };
            let page = self.page(active, above).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// What every start asks for.
    pub(crate) fn first_work(&self) -> Changes {
        let mut changes = self.changes(self.now());
        let now = changes.at;
        changes.effects.push(NewEffect::whenever(Effect::Remind, now));
        if self.has_feeds() {
            changes.effects.push(NewEffect::whenever(Effect::ReadCalendars, now));
        }
        changes.effects.push(NewEffect::whenever(Effect::Sweep { of: Sweep::Start }, now));
        changes
    }
}
