//! Who watches: promises recomputed from the audit log, the stored deploys and the books of the models, after every
//! write. Written apart from the code it judges: it never asks a gate.
//!
//! | promise | watched by |
//! |---|---|
//! | S1 approvals, S2 version and checks, S5 windows and freezes, S21 rules, S23 rollbacks | `intent`, at each intent |
//! | S2 what is sent, S3 at most one start | `sent`, at each request that reaches the CI system |
//! | S4 one active, S5 late sends | `intent`, `sent` |
//! | S4 locks, and closed off while an outcome is unknown | `places`, at each intent and each write |
//! | S6 nobody is passed | `queue`; `superseded` for requests that newer ones take the place of |
//! | S7 ended epochs write nothing; L4 takeover | `epochs` |
//! | S8 acknowledged is stored, S9 one result, S19 bad items, L1, L5 | `end`; `chat` for a message posted twice |
//! | S10 the chain, one entry for each change; S15 transitions | `moved` |
//! | S11, S12 who may do what; S22 one person, one vote | `roles`, and `intent` for votes; `away` for who stands in |
//! | S1 authors and migrations, S23 older versions | `changes` |
//! | S1 everything is ticked that must be | `checklist` |
//! | S2, S5 what a team's own commands do puts nothing in place | `changes`, `before` |
//! | S5 staging first, and for long enough | `before` |
//! | S13 buttons, replays | `decided` |
//! | S14 success is proven, L2 in time; L10 asked in time | `moved` |
//! | S17 secrets, S18 inert text | `words`, and `heard` for the audit log |
//! | S20 emergencies | `intent`: requester, reason, other people; commit, checks and place are looked at all the same |
//! | L7 stops are passed on | `stop_heard` |
//! | L6, L9 nobody is forgotten, nothing stands still | `heal` |
//!
//! Not here: S16 (claims), which needs a gate in the workflow.

mod away;
mod before;
pub mod calendar;
mod changes;
mod checklist;
mod decided;
mod end;
pub mod epochs;
mod intent;
pub mod places;
mod queue;
mod roles;
mod sent;
mod superseded;
pub mod words;

pub use calendar::Feed;
pub use sent::Received;

use crate::rules::Drawn;
use crate::world::{Ms, World};
use epochs::Epochs;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use shipgate_app::ports::Store as _;
use shipgate_app::store::{Changes, Epoch};
use shipgate_domain::audit::{Entry, Verifier};
use shipgate_domain::deploy::{Deploy, Outcome, Phase, State};
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::{CommitId, DeployId};
use shipgate_domain::run::Start;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Stands in every secret; found anywhere but where it belongs, it has leaked (S17).
pub const CANARY: &str = "cAnArY";
/// Stands in what people write that tries to be more than text (S18).
pub const HOSTILE: &str = "hOsTiLe";
/// How late the state of a run may be while everything works: a minute between two looks, and the look (L2).
const BEHIND: Ms = 75_000;
/// How late the CI system may hear that a run is to be stopped, while everything works (L7): five seconds, and the way.
const STOPPED_WITHIN: Ms = 6_000;
/// How late people may be asked about an unknown outcome (L10).
const ASKED_WITHIN: Ms = 66 * 60_000;

/// A freeze from chat as the audit log tells it.
#[derive(Clone, Debug)]
pub struct ChatFreeze {
    places: Vec<String>,
    from: Timestamp,
    until: Timestamp,
    ended: bool,
}

/// Who wrote something.
pub struct Writer<'a> {
    /// Which process.
    pub me: usize,
    /// The rules of the process.
    pub drawn: &'a Drawn,
    /// Their version.
    pub version: &'a str,
}

/// What the oracles remember.
pub struct Oracle {
    seq: u64,
    chain: Verifier,
    /// Every deploy as it was last stored.
    pub deploys: BTreeMap<DeployId, Deploy>,
    rows: BTreeMap<DeployId, Vec<Entry>>,
    freezes: BTreeMap<String, ChatFreeze>,
    digests: BTreeMap<String, String>,
    received: BTreeMap<(DeployId, u32), Vec<Received>>,
    /// Digests of what each deploy would do, with the times from which they stood.
    planned: BTreeMap<DeployId, Vec<(Ms, String)>>,
    acted: BTreeSet<String>,
    /// When each deploy was last written about, other than by a look at its gates.
    touched: BTreeMap<DeployId, Ms>,
    /// When anything but progress was written last.
    pub stirred: Ms,
    /// Attempts whose certain refusal reached the process that sent, which must live to write it.
    refused: BTreeMap<(DeployId, u32), i64>,
    /// When a start was marked as sent.
    marked: BTreeMap<DeployId, Ms>,
    locks: BTreeMap<String, Lock>,
    /// Who may write.
    pub epochs: Epochs,
    /// Runs that somebody wants stopped: since when, and whether the CI system heard of it.
    stops: BTreeMap<String, (Ms, bool)>,
    /// Who keeps others out of a place.
    pub places: places::Places,
    /// Who is away, and who stands in.
    pub away: away::Absences,
    /// When each start was decided last.
    began: BTreeMap<DeployId, Ms>,
    /// Calendars that others keep.
    pub feeds: BTreeMap<String, Feed>,
    /// What ran there when it was last written what a deploy would do.
    planned_upon: BTreeMap<DeployId, Option<CommitId>>,
    /// Deploys of which only the queue says wait, by what was written about them last, and since when.
    in_line: BTreeMap<DeployId, Ms>,
    /// The settings of which people were told last.
    told_settings: Option<String>,
    /// Notes about emergencies that are asked for on the next mornings, with the time.
    pub mornings: BTreeMap<String, Timestamp>,
}

/// An answer of the inline store, which is always there at once.
pub fn at_once<T, E: std::fmt::Display>(answer: impl Future<Output = Result<T, E>>) -> T {
    match answer.now_or_never().expect("the inline store never waits") {
        Ok(answer) => answer,
        Err(error) => panic!("the simulation cannot read its own database: {error}"),
    }
}

/// The same where an error is an answer too.
pub fn answer_of<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("the inline store never waits")
}

impl World {
    /// Keeps what an oracle found.
    pub fn check(&mut self, found: Result<(), String>) {
        if let Err(broken) = found {
            self.fail(broken);
        }
    }

    fn ask(&mut self, what: impl FnOnce(&mut Oracle, &mut World) -> Result<(), String>) {
        let mut oracle = std::mem::replace(&mut self.oracle, Oracle::new(self.drawn.clone()));
        let found = what(&mut oracle, self);
        self.oracle = oracle;
        self.check(found);
    }

    /// Looks at what was just written.
    pub fn watch(&mut self, me: usize, changes: &Changes) {
        self.ask(|oracle, world| oracle.written(world, me, changes));
    }

    /// Looks at whoever just took a piece of work.
    pub fn took(&mut self, by: Epoch) {
        let found = self.oracle.epochs.writer(by.0).map(|_| ());
        self.check(found);
    }

    /// Looks at everything once more, when nothing is left to do.
    pub fn watch_the_end(&mut self) {
        self.ask(|oracle, world| oracle.ended(world));
    }
}

/// The states a deploy may go to from a state, written out by hand (S15).
fn allowed(from: &str) -> &'static [&'static str] {
    match from {
        "requested" => &["requested", "waiting", "refused", "cancelled", "expired", "superseded"],
        "waiting" => &["waiting", "dispatching", "refused", "rejected", "cancelled", "expired", "superseded"],
        "dispatching" => &["dispatching", "unknown", "waiting", "running", "failed", "cancelled"],
        "unknown" => &["unknown", "running", "failed", "outcome_unknown"],
        "running" => &["running", "succeeded", "failed", "cancelled", "outcome_unknown"],
        _ => &[],
    }
}

impl Oracle {
    /// Nothing is known yet.
    pub fn new(_: Arc<Drawn>) -> Self {
        Self {
            seq: 0,
            chain: Verifier::default(),
            deploys: BTreeMap::new(),
            rows: BTreeMap::new(),
            freezes: BTreeMap::new(),
            digests: BTreeMap::new(),
            received: BTreeMap::new(),
            planned: BTreeMap::new(),
            acted: BTreeSet::new(),
            touched: BTreeMap::new(),
            stirred: 0,
            refused: BTreeMap::new(),
            marked: BTreeMap::new(),
            locks: BTreeMap::new(),
            epochs: Epochs::default(),
            stops: BTreeMap::new(),
            places: places::Places::default(),
            away: away::Absences::default(),
            began: BTreeMap::new(),
            feeds: BTreeMap::new(),
            planned_upon: BTreeMap::new(),
            in_line: BTreeMap::new(),
            told_settings: None,
            mornings: BTreeMap::new(),
        }
    }

    fn written(&mut self, world: &mut World, me: usize, changes: &Changes) -> Result<(), String> {
        let life = self.epochs.writer(changes.by.0)?.clone();
        if life.replica != me {
            return Err(format!("S7: epoch {} was used by another process", changes.by.0));
        }
        let writer = Writer { me, drawn: &life.drawn, version: &life.version };
        let asked_for = changes.effects.iter().filter(|new| new.key.starts_with("incident/"));
        self.mornings.extend(asked_for.map(|new| (new.key.clone(), new.due)));
        let fresh = at_once(world.store.audit(self.seq, 10_000));
        let mut events = Vec::new();
        for row in fresh {
            self.chain.check(&row).map_err(|broken| format!("S10: {broken}"))?;
            self.seq = row.seq;
            if row.body.contains(CANARY) {
                return Err(format!("S17: a secret stands in audit row {}", row.seq));
            }
            let entry: Entry = serde_json::from_str(&row.body).map_err(|e| format!("S10: {e}"))?;
            self.heard(world, &writer, &entry)?;
            events.push(entry.event.clone());
            if let Some(deploy) = &entry.deploy {
                if entry.event != "judged" {
                    self.touched.insert(deploy.clone(), world.mono);
                }
                self.rows.entry(deploy.clone()).or_default().push(entry);
            }
        }
        let mut changed = Vec::new();
        for row in &changes.deploys {
            let id = &row.deploy.id;
            let now =
                at_once(world.store.deploy(id)).ok_or_else(|| format!("{} is not stored", id.short()))?;
            self.moved(world, &writer, &now)?;
            self.stands_in_line(world, &now);
            let is_planned =
                |event: &String| ["pinned", "rules_changed", "workflow_changed"].contains(&event.as_str());
            if events.iter().any(is_planned) {
                self.planned_upon(&now);
            }
            changed.push((id.clone(), !self.deploys.contains_key(id)));
            self.deploys.insert(id.clone(), now);
        }
        self.locks_changed(world, &events)?;
        if changes.inbox_done.is_some() {
            self.decided(world, me, changes, &changed, &events)?;
        }
        Ok(())
    }

    /// One audit entry.
    fn heard(&mut self, world: &World, writer: &Writer<'_>, entry: &Entry) -> Result<(), String> {
        if entry.event != "progressed" {
            self.stirred = world.mono;
        }
        self.may(world, writer.drawn, entry)?;
        self.places.heard(entry)?;
        self.away.heard(entry, world.mono)?;
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
            "settings_applied" => {
                let told = entry.data["policy"].as_str().unwrap_or_default().to_owned();
                if self.told_settings.as_ref() == Some(&told) {
                    return Err("S9: people were told twice of the same settings".into());
                }
                self.told_settings = Some(told);
            }
            "frozen_out" => {
                let name = entry.environment.as_ref().map(ToString::to_string).unwrap_or_default();
                if !writer.drawn.place(&name).is_some_and(|place| place.cancels_queued) {
                    return Err(format!("S14: a run on {name} was to be stopped, where queued runs finish"));
                }
            }
            "pinned" | "rules_changed" | "workflow_changed" => {
                let digest = entry.data.pointer("/pinned/digest").or_else(|| entry.data.get("digest"));
                let (Some(deploy), Some(digest)) = (&entry.deploy, digest.and_then(|d| d.as_str())) else {
                    return Err("S10: an entry does not say what is planned now".into());
                };
                self.planned.entry(deploy.clone()).or_default().push((world.mono, digest.to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    /// One deploy, as it is stored now.
    fn moved(&mut self, world: &World, writer: &Writer<'_>, now: &Deploy) -> Result<(), String> {
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
        // What is left of a list is ticked after the end, and nothing else about it changes.
        let is_ticked = now.state == before.state && rows.last().is_some_and(|row| row.event == "marked");
        if !allowed(from).contains(&to) && !is_put_away && !is_ticked {
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
        let before = before.clone();
        if now.verdicts != before.verdicts {
            self.is_rightly_locked(now)?;
        }
        self.takes_places(writer, &before, now)?;
        self.in_state(world, writer, &before, now)
    }

    /// What must be true of the state that a deploy came into.
    fn in_state(
        &mut self,
        world: &World,
        writer: &Writer<'_>,
        before: &Deploy,
        now: &Deploy,
    ) -> Result<(), String> {
        let id = now.id.short();
        match &now.state {
            State::Dispatching { intent, .. } if !before.is_active() => {
                self.began.insert(now.id.clone(), world.mono);
                self.intended(world, writer, before, now, intent)
            }
            State::Dispatching { phase: Phase::Sent { .. }, .. } => {
                self.marked.insert(now.id.clone(), world.mono);
                Ok(())
            }
            State::Dispatching { intent, phase: Phase::Unknown { asked: Some(_), .. }, .. } => {
                if self.refused.contains_key(&(now.id.clone(), intent.attempt)) {
                    let what = "whose start was refused for certain";
                    return Err(format!("L10: people are asked about {id}, {what}"));
                }
                let marked = self.marked.get(&now.id).copied().unwrap_or(0);
                let is_first = !matches!(
                    &before.state,
                    State::Dispatching { phase: Phase::Unknown { asked: Some(_), .. }, .. }
                );
                let was_calm = world.calm_since.is_some_and(|calm| calm < marked);
                if is_first && was_calm && world.mono - marked > ASKED_WITHIN {
                    return Err(format!("L10: people are asked about {id} too late"));
                }
                Ok(())
            }
            State::Running { run, intent, cancel, .. }
                if matches!(before.state, State::Dispatching { .. }) =>
            {
                if cancel.is_some() && world.calm_since.is_some() {
                    self.stops.insert(run.id.to_string(), (world.mono, false));
                }
                if let Some(stray) = world.code.stray_beside(writer.me, &now.id, run.id.as_str(), world.mono)
                {
                    return Err(format!(
                        "S3: {id} is bound to run {}, and nobody told run {stray} to stop",
                        run.id
                    ));
                }
                let known = world.code.run(run.id.as_str());
                let is_ours = match &intent.plan.start {
                    Start::New => known.is_some_and(|known| known.deploy == now.id),
                    Start::FailedJobs { run: old, attempt } => *old == run.id && run.attempt > *attempt,
                };
                if is_ours {
                    Ok(())
                } else {
                    Err(format!("S2: {id} was bound to run {}, which is not its own", run.id))
                }
            }
            State::Running { run, cancel: Some(_), .. } => {
                let is_news = !matches!(&before.state, State::Running { cancel: Some(_), .. });
                if is_news && world.calm_since.is_some() {
                    self.stops.insert(run.id.to_string(), (world.mono, false));
                }
                Ok(())
            }
            State::Done { outcome, ran: Some(ran), .. } => {
                let unheard = self.stops.get(ran.run.id.as_str()).filter(|(_, heard)| !heard);
                if unheard.is_some_and(|(asked, _)| world.mono - asked > STOPPED_WITHIN) {
                    return Err(format!("L7: run {} was to be stopped, and nobody told it", ran.run.id));
                }
                let known = world.code.run(ran.run.id.as_str());
                let execution = known.and_then(|known| known.executions.get(ran.run.attempt as usize - 1));
                if *outcome == Outcome::Succeeded && !execution.is_some_and(|e| e.has_succeeded(world.mono)) {
                    return Err(format!("S14: {id} counts as succeeded; run {} did not succeed", ran.run.id));
                }
                // Nobody can know of a run before it is listed.
                let ended = execution.map(|execution| execution.ends.max(execution.listed));
                let behind = ended.map_or(0, |ended| world.mono - ended);
                let is_calm =
                    ended.is_some_and(|ended| world.calm_since.is_some_and(|calm| calm + 300_000 < ended));
                let is_news = matches!(before.state, State::Running { .. }) && *outcome != Outcome::Unknown;
                if is_news && is_calm && behind > BEHIND {
                    return Err(format!("L2: the end of {id}'s run was noticed {behind} ms late"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A person's lock is lifted only by a person, and written down.
    fn locks_changed(&mut self, world: &World, events: &[String]) -> Result<(), String> {
        let locks = at_once(world.store.locks());
        self.places.are_closed_off(&locks)?;
        let by_people = locks.into_iter().filter(|lock| lock.quarantine.is_none());
        let now: BTreeMap<String, Lock> =
            by_people.map(|lock| (lock.environment.to_string(), lock)).collect();
        for (place, lock) in &self.locks {
            let is_lifted = !now.contains_key(place);
            if is_lifted && !events.iter().any(|event| event == "lock_released") {
                return Err(format!("S11: the lock of {} on {place} was lifted by nobody", lock.by));
            }
        }
        self.locks = now;
        Ok(())
    }

    /// The CI system heard that a run is to be stopped (L7).
    pub fn stop_heard(&mut self, run: &str, now: Ms) -> Result<(), String> {
        match self.stops.get_mut(run) {
            Some((asked, heard)) if !*heard => {
                *heard = true;
                let late = now - *asked;
                if late > STOPPED_WITHIN {
                    Err(format!("L7: run {run} was stopped {late} ms late"))
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
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
