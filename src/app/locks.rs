//! Taking, taking over, keeping and giving back locks: by word, and by the buttons under the question whether one is still
//! needed. Not here: what may become of a lock (`domain::lock`), asking its owner (`lock_nags`), what a lock means for a
//! deploy (`gates`).

use crate::bot::{App, touch};
use crate::commands::Invocation;
use crate::effects::{Effect, NewEffect};
use crate::intake::Visit;
use crate::lock_nags::LockPress;
use crate::ports::MessageRef;
use crate::store::{About, Expect, Scope, StoreError};
use shipgate_domain::audit::Actor;
use shipgate_domain::facts::{Lock, LockKind};
use shipgate_domain::lock::{self, LockAsk, LockStep, LockWish};
use shipgate_domain::people::Authorized;
use shipgate_domain::policy::Environment;

/// Longest reason that is kept.
const REASON: usize = 300;
/// What is said of somebody else's lock that is lifted by its button, which asks for no reason: none is made up.
const BY_BUTTON: &str = "unlocked by button, without a reason";

impl App {
    /// `lock production migrating the db --for 2h`, `lock production … --warn`, `lock production … --steal`
    pub(crate) async fn take_lock(&self, visit: &mut Visit<'_>, said: &Invocation) -> Result<(), StoreError> {
        let Some(environment) = self.said_environment(visit, said) else { return Ok(()) };
        let kind = match (said.has("automation"), said.has("warn")) {
            (false, false) => LockKind::Everyone,
            (true, false) => LockKind::Automation,
            (false, true) => LockKind::Warn,
            (true, true) => {
                let answer = self.words().one_kind_of_lock();
                visit.answer(answer);
                return Ok(());
            }
        };
        let reason = said.text("reason").unwrap_or("no reason given").chars().take(REASON).collect();
        let wish = LockWish { reason, kind, length: said.duration("for") };
        let ask = if said.has("steal") { LockAsk::Steal(wish) } else { LockAsk::Take(wish) };
        self.ask_lock(visit, environment, &ask).await
    }

    /// `unlock production`, `unlock production because the holder is away`
    pub(crate) async fn release_lock(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let Some(environment) = self.said_environment(visit, said) else { return Ok(()) };
        let reason = said.text("reason").map(|reason| reason.chars().take(REASON).collect());
        self.ask_lock(visit, environment, &LockAsk::Release(reason)).await
    }

    /// A click under the question whether a lock is still needed.
    pub(crate) async fn lock_pressed(
        &self,
        visit: &mut Visit<'_>,
        value: &str,
        message: Option<&MessageRef>,
    ) -> Result<(), StoreError> {
        let Some((environment, press)) = self.find_lock_button(visit, value, message).await? else {
            return Ok(());
        };
        let held = self.lock_of(visit, environment).await?.filter(|lock| lock.holds(visit.now));
        let (_, nag) = self.nag_of(&environment.name).await?;
        // Whoever presses says so of the lock that the message tells of, and of its end as it was then.
        let Some(lock) = held.filter(|lock| nag.is_some_and(|nag| nag.is_about(lock))) else {
            metrics::counter!("shipgate_presses_refused_total", "reason" => "stale").increment(1);
            let answer = self.words().stale_lock_button(&environment.name);
            visit.answer(answer);
            return Ok(());
        };
        let ask = match press {
            LockPress::Keep => LockAsk::Keep,
            LockPress::Unlock if lock.by == visit.person => LockAsk::Release(None),
            LockPress::Unlock => LockAsk::Release(Some(BY_BUTTON.into())),
        };
        self.ask_lock(visit, environment, &ask).await
    }

    /// Does what somebody wants of a lock, or tells them why not.
    async fn ask_lock(
        &self,
        visit: &mut Visit<'_>,
        environment: &Environment,
        ask: &LockAsk,
    ) -> Result<(), StoreError> {
        let now = visit.now;
        let held = self.lock_of(visit, environment).await?.filter(|lock| lock.holds(now));
        if held.is_none() && matches!(ask, LockAsk::Release(_) | LockAsk::Keep) {
            let answer = self.words().not_locked(&environment.name);
            visit.answer(answer);
            return Ok(());
        }
        let action = ask.action(held.as_ref(), &visit.person);
        let Some(grant) = self.allowed(visit, action, Some(environment)).await else { return Ok(()) };
        match lock::ask(&environment.name, held.as_ref(), &grant, ask, now) {
            Ok(step) => self.record_lock(visit, environment, &grant, ask, &step),
            Err(refused) => {
                metrics::counter!("shipgate_locks_refused_total").increment(1);
                let helpers = shipgate_domain::people::Action::Unlock.groups(environment);
                let answer = self.words().lock_refused(&environment.name, &refused, &helpers);
                visit.answer(answer);
            }
        }
        Ok(())
    }

    /// What follows when a lock changed: the record, the word to everybody, and a look at whoever waits.
    fn record_lock(
        &self,
        visit: &mut Visit<'_>,
        environment: &Environment,
        grant: &Authorized,
        ask: &LockAsk,
        step: &LockStep,
    ) {
        let now = visit.now;
        let reason = match ask {
            LockAsk::Release(reason) => reason.as_deref(),
            LockAsk::Take(_) | LockAsk::Steal(_) | LockAsk::Keep => None,
        };
        let plain = |lock: &Lock| serde_json::to_value(lock).expect("a lock is plain data");
        let words = self.words();
        let (event, data, message) = match step {
            LockStep::Taken { lock, from: None } => ("lock_taken", plain(lock), words.locked(lock)),
            LockStep::Taken { lock, from: Some(from) } => {
                let data = serde_json::json!({ "lock": lock, "from": from });
                ("lock_stolen", data, words.lock_stolen(lock, from))
            }
            LockStep::Kept { lock } => {
                let data = serde_json::json!({ "lock": lock, "by": grant.person() });
                ("lock_kept", data, words.lock_kept(lock, grant.person()))
            }
            LockStep::Released { lock } => {
                let data = serde_json::json!({ "lock": lock, "reason": reason });
                let message = words.unlocked(&environment.name, grant.person(), lock, reason);
                ("lock_released", data, message)
            }
        };
        self.note(&mut visit.changes, Actor::of(grant), Some(&environment.name), event, data);
        let key = format!("{event}/{}/{}", environment.name, now.as_millisecond());
        visit.changes.effects.push(self.say_once(key, message.clone(), now));
        visit.answer(message);
        let changes = &mut visit.changes;
        match step {
            LockStep::Taken { lock, .. } | LockStep::Kept { lock } => changes.locks.push(lock.clone()),
            LockStep::Released { lock } => match &lock.quarantine {
                Some(deploy) => changes.cleared.push(deploy.clone()),
                None => changes.unlocks.push(environment.name.clone()),
            },
        }
        let nag = Effect::NagLock { environment: environment.name.clone() };
        changes.effects.push(NewEffect::whenever(nag, now));
        touch(changes, Scope::Environment(environment.name.clone()));
        self.judge_all(changes, Some(environment));
    }

    /// The lock of an environment. What is written about it is a conflict if anything there changes meanwhile.
    async fn lock_of(
        &self,
        visit: &mut Visit<'_>,
        environment: &Environment,
    ) -> Result<Option<Lock>, StoreError> {
        let Some(service) = self.rules.policy.services.keys().next() else { return Ok(None) };
        let about = About {
            service: service.clone(),
            environment: environment.name.clone(),
            lock_group: environment.name.to_string(),
            commit: None,
            after: None,
        };
        let around = self.store.surroundings(&about).await?;
        let scope = Scope::Environment(environment.name.clone());
        visit.changes.expect.push(Expect::Scope(scope, around.environment_revision));
        Ok(around.lock)
    }

    /// The locks that stand on an environment now: a person's, and those of runs of which nobody knows.
    pub(crate) async fn locks_on(&self, environment: &Environment) -> Result<Vec<Lock>, StoreError> {
        let now = self.now();
        let mut locks = self.store.locks().await?;
        locks.retain(|lock| lock.environment == environment.name && lock.holds(now));
        Ok(locks)
    }
}
