//! Who watches: promises recomputed from the audit log, the stored deploys and the truth of the models, after every
//! write. Written apart from the code it judges: it never asks a gate. Not here: judging a start (`intent`).

mod calendar;
mod intent;

use crate::world::{Ms, Sort, World};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use shipgate_app::store::{Changes, Store as _};
use shipgate_domain::audit::{Actor, Entry, Verifier};
use shipgate_domain::deploy::{Deploy, Outcome, Phase, State};
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::DeployId;
use shipgate_domain::run::{Conclusion, RunPlan, Start};
use shipgate_store::SqliteStore;
use std::collections::{BTreeMap, BTreeSet};

/// What became of a request to start, by the CI system's own books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A run was started.
    Accepted,
    /// Nothing was started, and the answer says so.
    NotStarted,
    /// Nothing was started, and the answer does not say so.
    Unclear,
}

/// A freeze from chat as the audit log tells it.
#[derive(Clone, Debug)]
pub struct ChatFreeze {
    places: Vec<String>,
    from: Timestamp,
    until: Timestamp,
    ended: bool,
}

/// What the oracles remember.
#[derive(Default)]
pub struct Oracle {
    seq: u64,
    chain: Verifier,
    /// Every deploy as it was last stored.
    pub deploys: BTreeMap<DeployId, Deploy>,
    rows: BTreeMap<DeployId, Vec<Entry>>,
    freezes: BTreeMap<String, ChatFreeze>,
    digests: BTreeMap<String, String>,
    received: BTreeMap<(DeployId, u32), Vec<Received>>,
    intended: BTreeMap<DeployId, Ms>,
    rules_changed: BTreeMap<DeployId, Ms>,
    acted: BTreeSet<String>,
    /// When anything but progress was written last.
    pub stirred: Ms,
    /// Attempts whose certain refusal reached the process.
    pub refused: BTreeSet<(DeployId, u32)>,
    locks: BTreeMap<String, Lock>,
}

/// An answer of the inline store, which is always there at once.
pub fn at_once<T, E: std::fmt::Display>(answer: impl Future<Output = Result<T, E>>) -> T {
    match answer.now_or_never().expect("the inline store never waits") {
        Ok(answer) => answer,
        Err(error) => panic!("the simulation cannot read its own database: {error}"),
    }
}

impl World {
    /// Looks at what was just written.
    pub fn watch(&mut self, store: &SqliteStore, changes: &Changes) {
        let mut oracle = std::mem::take(&mut self.oracle);
        if let Err(broken) = oracle.written(self, store, changes) {
            self.fail(broken);
        }
        self.oracle = oracle;
    }

    /// A certain refusal reaches the process.
    pub fn refusal_heard(&mut self, plan: &RunPlan) {
        if let Some(deploy) = self.oracle.deploys.get(&plan.deploy) {
            self.oracle.refused.insert((plan.deploy.clone(), deploy.attempts));
        }
    }

    /// The process died: what it had heard and not yet written is lost.
    pub fn forget_refusals(&mut self) {
        let Oracle { refused, deploys, .. } = &mut self.oracle;
        refused.retain(|(id, _)| !deploys.get(id).is_some_and(Deploy::is_active));
    }

    /// Looks at a request to start that just reached the CI system.
    pub fn sent(&mut self, store: &SqliteStore, plan: &RunPlan, what: Received) {
        let mut oracle = std::mem::take(&mut self.oracle);
        if let Err(broken) = oracle.sent(self, store, plan, what) {
            self.fail(broken);
        }
        self.oracle = oracle;
    }

    /// Looks at everything once more, when nothing is left to do.
    pub fn watch_the_end(&mut self, store: &SqliteStore) {
        let mut oracle = std::mem::take(&mut self.oracle);
        if let Err(broken) = oracle.ended(self, store) {
            self.fail(broken);
        }
        self.oracle = oracle;
    }
}

/// The states a deploy may go to from a state, written out by hand (S15).
fn allowed(from: &str) -> &'static [&'static str] {
    match from {
        "requested" => &["requested", "waiting", "refused", "cancelled", "expired"],
        "waiting" => &["waiting", "dispatching", "refused", "rejected", "cancelled", "expired"],
        "dispatching" => &["dispatching", "unknown", "waiting", "running", "failed", "cancelled"],
        "unknown" => &["unknown", "running", "failed", "outcome_unknown"],
        "running" => &["running", "succeeded", "failed", "cancelled"],
        _ => &[],
    }
}

impl Oracle {
    fn written(&mut self, world: &mut World, store: &SqliteStore, changes: &Changes) -> Result<(), String> {
        let fresh = at_once(store.audit(self.seq, 10_000));
        let mut events = Vec::new();
        for row in fresh {
            self.chain.check(&row).map_err(|broken| format!("S10: {broken}"))?;
            self.seq = row.seq;
            let entry: Entry = serde_json::from_str(&row.body).map_err(|e| format!("S10: {e}"))?;
            self.heard(world, &entry)?;
            events.push(entry.event.clone());
            if let Some(deploy) = &entry.deploy {
                self.rows.entry(deploy.clone()).or_default().push(entry);
            }
        }
        let mut changed = Vec::new();
        for row in &changes.deploys {
            let id = &row.deploy.id;
            let now = at_once(store.deploy(id)).ok_or_else(|| format!("{} is not stored", id.short()))?;
            self.moved(world, store, &now)?;
            changed.push((id.clone(), !self.deploys.contains_key(id)));
            self.deploys.insert(id.clone(), now);
        }
        self.locks_changed(store, &events)?;
        if changes.inbox_done.is_some() {
            self.decided(world, changes, &changed, &events)?;
        }
        Ok(())
    }

    /// One audit entry.
    fn heard(&mut self, world: &World, entry: &Entry) -> Result<(), String> {
        if entry.event != "progressed" {
            self.stirred = world.mono;
        }
        if let Actor::Person { account, person } = &entry.actor {
            let may_act = world.chat.accounts.get(account).is_some_and(|a| a.active && !a.bot && !a.guest);
            if !may_act && entry.event != "denied" {
                return Err(format!("S11: {} by {}, which is no person's account", entry.event, account.id));
            }
            if world.drawn.person_of(account) != person.as_str() {
                return Err(format!("S22: {} acted as {person}", account.id));
            }
        }
        match entry.event.as_str() {
            "freeze_added" => {
                let (id, freeze) =
                    chat_freeze(&entry.data).ok_or("a freeze was written that cannot be read")?;
                self.freezes.insert(id, freeze);
            }
            "freeze_ended" => {
                let (id, _) =
                    chat_freeze(&entry.data["freeze"]).ok_or("a freeze ended that cannot be read")?;
                if let Some(freeze) = self.freezes.get_mut(&id) {
                    freeze.ended = true;
                }
            }
            "rules_changed" => {
                if let Some(deploy) = &entry.deploy {
                    self.rules_changed.insert(deploy.clone(), world.mono);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// One deploy, as it is stored now.
    fn moved(&mut self, world: &World, store: &SqliteStore, now: &Deploy) -> Result<(), String> {
        let id = now.id.short();
        let rows = self.rows.get(&now.id).map_or(&[][..], Vec::as_slice);
        let steps = rows.iter().filter(|row| row.event != "requested").count() as u64;
        let Some(before) = self.deploys.get(&now.id) else {
            let is_refused = matches!(now.state, State::Done { outcome: Outcome::Refused, .. });
            if now.revision != 0 || steps != u64::from(is_refused) || rows.len() as u64 != steps + 1 {
                return Err(format!("S10: {id} began with {} audit entries", rows.len()));
            }
            return Ok(());
        };
        if now.revision != before.revision + 1 {
            return Err(format!("S15: {id} went from revision {} to {}", before.revision, now.revision));
        }
        if steps != now.revision {
            return Err(format!("S10: {id} has revision {} and {steps} audit entries", now.revision));
        }
        if now.request != before.request {
            return Err(format!("S1: what was asked with {id} changed"));
        }
        let (from, to) = (before.state.name(), now.state.name());
        let is_put_away = matches!(
            (&before.state, &now.state),
            (
                State::Done { outcome: Outcome::Failed { closed_by: None, .. }, .. },
                State::Done { outcome: Outcome::Failed { closed_by: Some(_), .. }, .. },
            )
        );
        if !allowed(from).contains(&to) && !is_put_away {
            return Err(format!("S15: {id} went from {from} to {to}"));
        }
        if now.approvals.len() < before.approvals.len() {
            return Err(format!("S1: {id} lost an approval"));
        }
        if let Some(pinned) = &now.pinned {
            let what = serde_json::to_string(&(&now.request, &pinned.plan, &now.policy)).unwrap_or_default();
            let same = self.digests.entry(pinned.digest.to_string()).or_insert_with(|| what.clone());
            if *same != what {
                return Err(format!("S1: one digest for two plans, the second is {id}"));
            }
            if before.pinned.as_ref().is_some_and(|was| was.pin.commit != pinned.pin.commit) {
                return Err(format!("S2: the commit of {id} changed"));
            }
        }
        match &now.state {
            State::Dispatching { intent, .. } if !before.is_active() => {
                self.intended(world, store, before, now, intent)?;
                self.intended.insert(now.id.clone(), world.mono);
            }
            State::Dispatching { intent, phase: Phase::Unknown { asked: Some(_), .. }, .. }
                if self.refused.contains(&(now.id.clone(), intent.attempt)) =>
            {
                return Err(format!("L10: people are asked about {id}, whose start was refused for certain"));
            }
            State::Running { run, intent, .. } if matches!(before.state, State::Dispatching { .. }) => {
                let known = world.code.runs.iter().find(|known| known.id.to_string() == run.id.as_str());
                let is_ours = match &intent.plan.start {
                    Start::New => known.is_some_and(|known| known.deploy == now.id),
                    Start::FailedJobs { run: old, attempt } => *old == run.id && run.attempt > *attempt,
                };
                if !is_ours {
                    return Err(format!("S2: {id} was bound to run {}, which is not its own", run.id));
                }
            }
            State::Done { outcome: Outcome::Succeeded, ran: Some(ran), .. } => {
                let known = world.code.runs.iter().find(|known| known.id.to_string() == ran.run.id.as_str());
                let execution = known.and_then(|known| known.executions.get(ran.run.attempt as usize - 1));
                let is_proven =
                    execution.is_some_and(|e| e.conclusion == Conclusion::Success && e.ends <= world.mono);
                if !is_proven {
                    return Err(format!("S14: {id} counts as succeeded; run {} did not succeed", ran.run.id));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A person's lock is lifted only by a person, and written down.
    fn locks_changed(&mut self, store: &SqliteStore, events: &[String]) -> Result<(), String> {
        let now: BTreeMap<String, Lock> =
            at_once(store.locks()).into_iter().map(|lock| (lock.environment.to_string(), lock)).collect();
        for (place, lock) in &self.locks {
            let is_lifted = !now.contains_key(place);
            if is_lifted && lock.quarantine.is_none() && !events.iter().any(|event| event == "lock_released")
            {
                return Err(format!("S11: the lock of {} on {place} was lifted by nobody", lock.by));
            }
        }
        self.locks = now;
        Ok(())
    }

    /// What followed from one thing that somebody did (S13).
    fn decided(
        &mut self,
        world: &World,
        changes: &Changes,
        changed: &[(DeployId, bool)],
        events: &[String],
    ) -> Result<(), String> {
        let Some((_, key, _)) = &world.item else { return Ok(()) };
        let Some(done) = world.done.get(key) else { return Ok(()) };
        // A request of somebody who may not is written down, refused; that is no change.
        let is_refusal =
            |(id, is_new): &&(DeployId, bool)| *is_new && self.deploys.get(id).is_some_and(Deploy::is_done);
        let acts = !changed.iter().all(|one| is_refusal(&one))
            || !changes.locks.is_empty()
            || !changes.unlocks.is_empty()
            || !changes.freezes.is_empty();
        if !acts {
            return Ok(());
        }
        match done.sort {
            Sort::Said => Ok(()),
            Sort::NotTheirs => Err(format!("S13: {key}, a made-up or foreign button, changed something")),
            Sort::Pressed(label) => {
                let shipgate_app::inbound::Content::Press { value, .. } = &done.inbound.content else {
                    return Ok(());
                };
                let is_single = ["Re-run", "Roll back", "Deploy to"].contains(&label);
                let who = world.drawn.person_of(&done.inbound.account);
                let once = if is_single { value.clone() } else { format!("{value} {who}") };
                if !self.acted.insert(once) {
                    return Err(format!("S13: “{label}” acted twice, the second time by {key}"));
                }
                let old = changed.iter().any(|(deploy, _)| {
                    self.rules_changed.get(deploy).is_some_and(|changed| *changed > done.drawn)
                });
                if old && events.iter().any(|event| event == "approved") {
                    return Err(format!("S13: {key} approved what its card had not shown"));
                }
                Ok(())
            }
        }
    }

    /// A request to start reached the CI system (S2, S3).
    fn sent(
        &mut self,
        world: &World,
        store: &SqliteStore,
        plan: &RunPlan,
        what: Received,
    ) -> Result<(), String> {
        let id = plan.deploy.short();
        let deploy = at_once(store.deploy(&plan.deploy)).ok_or_else(|| format!("S2: {id} is unknown"))?;
        let State::Dispatching { intent, phase, .. } = &deploy.state else {
            return Err(format!("S3: {id} was sent while {}", deploy.state.name()));
        };
        if matches!(phase, Phase::Ready) {
            return Err(format!("S3: {id} was sent before it was marked as sent"));
        }
        if intent.plan != *plan {
            return Err(format!("S2: what was sent for {id} is not what was approved"));
        }
        let commit = deploy.commit().map(ToString::to_string);
        if Some(plan.commit.to_string()) != commit || plan.inputs.get("sha").cloned() != commit {
            return Err(format!("S2: another commit was sent for {id} than was pinned"));
        }
        let since = self.intended.get(&plan.deploy).copied().unwrap_or(0);
        if world.mono - since > 36_000 + world.moved_back {
            return Err(format!("S5: {id} was sent {} ms after its intent", world.mono - since));
        }
        let all = self.received.entry((plan.deploy.clone(), intent.attempt)).or_default();
        all.push(what);
        if all.len() > 1 {
            return Err(format!("S3: attempt {} of {id} was sent {} times", intent.attempt, all.len()));
        }
        let accepted = self
            .received
            .iter()
            .filter(|((deploy, _), _)| *deploy == plan.deploy)
            .flat_map(|(_, all)| all)
            .filter(|what| **what == Received::Accepted)
            .count();
        if accepted > 1 { Err(format!("S3: {id} was started {accepted} times")) } else { Ok(()) }
    }

    /// When nothing is left to do: S8, S9, S10, and nobody is left behind.
    fn ended(&mut self, world: &mut World, store: &SqliteStore) -> Result<(), String> {
        let mut chain = Verifier::default();
        for row in at_once(store.audit(0, 1_000_000)) {
            chain.check(&row).map_err(|broken| format!("S10: {broken}"))?;
        }
        let counts = at_once(store.counts());
        if counts.inbox + counts.inbox_dead > 0 {
            return Err(format!("S8: {} deliveries wait, {} were put away", counts.inbox, counts.inbox_dead));
        }
        if counts.effects_dead > world.chat.replies_failed {
            return Err(format!("L5: {} effects were given up", counts.effects_dead));
        }
        for (key, done) in world.done.iter().filter(|(_, done)| done.acked) {
            let now = world.now();
            if at_once(store.inbox_put(&done.inbound, now)) == shipgate_app::store::Accepted::New {
                return Err(format!("S8: {key} was acknowledged and is not stored"));
            }
        }
        for deploy in self.deploys.values() {
            let State::Done { outcome, ran, .. } = &deploy.state else {
                return Err(format!("L1: {} is still {}", deploy.id.short(), deploy.state.name()));
            };
            let key = format!("final/{}", deploy.id);
            let finals = world.chat.messages.iter().filter(|seen| seen.key == key).count();
            let is_announced = ran.is_some() || matches!(outcome, Outcome::Unknown | Outcome::Failed { .. });
            if finals != usize::from(is_announced) {
                return Err(format!("S9: {} has {finals} final messages", deploy.id.short()));
            }
        }
        Ok(())
    }
}

fn chat_freeze(data: &serde_json::Value) -> Option<(String, ChatFreeze)> {
    let when = &data["when"]["instants"];
    let places = data["scope"]["environments"].as_array()?;
    let freeze = ChatFreeze {
        places: places.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
        from: when["from"].as_str()?.parse().ok()?,
        until: when["until"].as_str()?.parse().ok()?,
        ended: false,
    };
    Some((data["id"].as_str()?.to_owned(), freeze))
}

impl World {
    /// Whether nothing of the calendar kept a deploy from starting for the last minutes.
    pub fn was_open(&self, deploy: &Deploy) -> bool {
        let Some(place) = self.drawn.place(deploy.request.environment.as_str()) else { return false };
        [0, 60, 120].into_iter().all(|seconds| {
            let at = self.now() - jiff::SignedDuration::from_secs(seconds);
            calendar::is_open(&self.drawn, place, at)
                && !calendar::is_frozen(&self.oracle, &self.drawn, place.name, at)
        })
    }
}
