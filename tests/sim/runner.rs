//! The executor: polls the workers of all processes in the order the seed says, moves time, lets things happen, ends
//! processes and starts them again. Not here: what the bot or anybody else does, or what must be true at the end
//! (`heal`).

use crate::faults::Fault;
use crate::mistakes::Mistake;
use crate::oracle::at_once;
use crate::people::Act;
use crate::process::{Kind, Parts, Process};
use crate::replica::name;
use crate::world::{Delivery, MINUTE, Ms, SECOND, Shared, Sort, Wait, Wake, World, tell};
use crate::{Options, Outcome};
use shipgate_app::inbound::Content;
use shipgate_app::ports::Store as _;
use shipgate_store::SqliteStore;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// After so many steps a seed counts as running in circles (L9).
const MOST_STEPS: u64 = 400_000;

/// What can happen next.
enum Choice {
    Task(usize, usize),
    Delivery(usize),
    Hook(usize),
    Act,
    Up(usize),
    Renew(usize),
}

/// One seed at work.
pub struct Sim {
    pub(crate) parts: Parts,
    pub(crate) processes: Vec<Process>,
    next_act: Option<Ms>,
    acts_left: u32,
    steps: u64,
    incarnation: u64,
}

/// Runs one seed to its end, or to the first broken promise.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    let store = Arc::new(SqliteStore::in_memory().expect("there is memory for a small database"));
    let shared = Shared::new(World::new(seed, options, store.clone()));
    let count = shared.look().replicas.len();
    let mut sim = Sim {
        parts: Parts { shared, store, seed },
        processes: (0..count).map(|_| Process::default()).collect(),
        next_act: Some(100),
        acts_left: options.events,
        steps: 0,
        incarnation: 0,
    };
    for (me, process) in sim.processes.iter_mut().enumerate() {
        process.up_at = Some(i64::try_from(me).unwrap_or(0) * 500);
    }
    sim.run();
    let mut world = sim.parts.shared.look();
    let mut states: BTreeMap<&'static str, u64> = BTreeMap::new();
    for deploy in world.oracle.deploys.values() {
        *states.entry(deploy.state.name()).or_default() += 1;
    }
    let fired = Fault::ALL.iter().map(|fault| (*fault, world.fired[*fault as usize]));
    Outcome {
        seed,
        violation: world.violation.clone(),
        fired: fired.filter(|(_, count)| *count > 0).collect(),
        history: std::mem::take(&mut world.history),
        states,
        steps: sim.steps,
    }
}

impl Sim {
    fn run(&mut self) {
        // Trouble.
        while self.next_act.is_some() && self.step(Ms::MAX) {}
        // A while without new wishes, with the same trouble.
        let horizon = self.parts.shared.look().mono + 2 * MINUTE;
        while self.step(horizon) {}
        if !self.is_broken() {
            self.heal();
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.parts.shared.look().violation.is_some()
    }

    pub(crate) fn run_for(&mut self, ms: Ms) {
        let horizon = self.parts.shared.look().mono + ms;
        while self.step(horizon) {}
    }

    /// One step. False when nothing happens before the horizon, or all is lost.
    fn step(&mut self, horizon: Ms) -> bool {
        if self.is_broken() {
            return false;
        }
        self.steps += 1;
        if self.steps > MOST_STEPS {
            self.parts.shared.look().fail(format!("L9: no end after {MOST_STEPS} steps"));
            return false;
        }
        let Some(choice) = self.choose(horizon) else { return !self.is_broken() && self.can_go_on(horizon) };
        match choice {
            Choice::Task(me, index) => self.poll(me, index),
            Choice::Delivery(index) => self.arrive(index),
            Choice::Hook(index) => self.hear_hook(index),
            Choice::Act => self.act(),
            Choice::Renew(me) => self.break_off(me),
            Choice::Up(me) => {
                self.incarnation += 1;
                self.processes[me].start(&self.parts, me, self.incarnation);
            }
        }
        for me in 0..self.processes.len() {
            if self.processes[me].renewed_by.is_some() && self.processes[me].is_idle() {
                self.take_over(me);
            }
        }
        let crash = self.parts.shared.look().crash.take();
        if let Some(me) = crash {
            self.die(me, "is killed");
        }
        self.wake_all();
        true
    }

    fn can_go_on(&self, horizon: Ms) -> bool {
        self.parts.shared.look().mono < horizon
    }

    /// What happens next; none when time had to pass first.
    fn choose(&mut self, horizon: Ms) -> Option<Choice> {
        let mut world = self.parts.shared.look();
        let now = world.mono;
        let mut choices = Vec::with_capacity(8);
        let mut next = Ms::MAX;
        let mut consider = |at: Ms, choice: Choice| {
            if at <= now { choices.push(choice) } else { next = next.min(at) }
        };
        for (me, process) in self.processes.iter().enumerate() {
            let frozen = world.replicas[me].frozen_until;
            for (index, task) in process.tasks.iter().enumerate() {
                consider(task.ready.max(frozen), Choice::Task(me, index));
            }
            if let Some(at) = process.up_at {
                consider(at, Choice::Up(me));
            }
            if let Some(at) = process.renewed_by {
                consider(at.max(frozen), Choice::Renew(me));
            }
        }
        for (index, delivery) in world.deliveries.iter().enumerate() {
            consider(delivery.at, Choice::Delivery(index));
        }
        for (index, hook) in world.code.hooks.iter().enumerate() {
            consider(hook.at, Choice::Hook(index));
        }
        if let Some(at) = self.next_act {
            consider(at, Choice::Act);
        }
        if choices.is_empty() {
            world.pass(next.min(horizon));
            return None;
        }
        let at = usize::try_from(world.dice.below(choices.len() as u64)).unwrap_or(0);
        Some(choices.swap_remove(at))
    }

    fn poll(&mut self, me: usize, index: usize) {
        let process = &mut self.processes[me];
        let task = &mut process.tasks[index];
        self.parts.shared.look().at_work = match task.kind {
            Kind::Inbox(worker) => Some(worker),
            _ => None,
        };
        let mut context = Context::from_waker(Waker::noop());
        // As in `App::run`, a panic ends one piece of work and is no end of the worker.
        let polled = catch_unwind(AssertUnwindSafe(|| task.work.as_mut().poll(&mut context)));
        let mut world = self.parts.shared.look();
        let wait = world.wait.take();
        match (polled, wait) {
            (Err(_), _) => {
                let task = process.tasks.swap_remove(index);
                tell!(world, name(me), "the {} worker panicked and begins again", task.kind.name());
                let ready = world.mono + SECOND;
                drop(world);
                process.begin(&self.parts, me, task.kind, ready);
            }
            (Ok(Poll::Ready(())), _) => {
                let done = process.tasks.swap_remove(index);
                match done.kind {
                    Kind::Boot => {
                        drop(world);
                        process.begin_work(&self.parts, me);
                        if std::mem::take(&mut process.is_renewed) {
                            process.tell_settings(&self.parts, vec!["the rules changed".into()]);
                        }
                    }
                    Kind::Lives => {
                        tell!(world, name(me), "was taken for dead and enters anew");
                        world.replicas[me].items.clear();
                        let is_leaving = world.replicas[me].is_leaving;
                        drop(world);
                        process.tasks.clear();
                        if !is_leaving {
                            process.boot(&self.parts);
                        }
                    }
                    Kind::Leave if process.renewed_by.is_some() => {}
                    Kind::Leave => {
                        drop(world);
                        self.die(me, "has stopped");
                    }
                    Kind::Inbox(_) | Kind::Effects | Kind::Looks | Kind::Hint => {}
                }
            }
            (Ok(Poll::Pending), Some(Wait::Until(at))) => (task.ready, task.wait) = (at, None),
            (Ok(Poll::Pending), Some(wait @ (Wait::Idle(at) | Wait::Unless(at)))) => {
                (task.ready, task.wait) = (at, Some(wait));
            }
            (Ok(Poll::Pending), Some(Wait::Never)) => (task.ready, task.wait) = (Ms::MAX, None),
            // It reads much, and lets others go first between two pages.
            (Ok(Poll::Pending), None) if task.kind == Kind::Looks => {
                (task.ready, task.wait) = (world.mono, None);
            }
            (Ok(Poll::Pending), None) => {
                let kind = task.kind.name();
                world.fail(format!("the {kind} worker waits for something the simulation does not know"));
            }
        }
    }

    fn wake_all(&mut self) {
        let mut world = self.parts.shared.look();
        let now = world.mono;
        for wake in std::mem::take(&mut world.wakes) {
            for (me, process) in self.processes.iter_mut().enumerate() {
                process.wake(wake, me, now, &mut |most| world.dice.between(0, most));
            }
        }
    }

    fn act(&mut self) {
        let act = {
            let mut world = self.parts.shared.look();
            self.acts_left = self.acts_left.saturating_sub(1);
            let gap = match world.dice.below(20) {
                0..8 => world.dice.between(0, 200),
                8..15 => world.dice.between(200, 15_000),
                15..19 => world.dice.between(15_000, 60_000),
                _ => world.dice.between(60_000, 400_000),
            };
            self.next_act = (self.acts_left > 0).then_some(world.mono + gap);
            world.act()
        };
        match act {
            Act::Done => {}
            Act::Crash(me) => self.die(me, "is killed while it has nothing to do"),
            Act::CrashAll => {
                for me in 0..self.processes.len() {
                    self.die(me, "is killed with all others");
                }
            }
            Act::Restart(me) => self.processes[me].leave(&self.parts, me),
            Act::ChangeRules => {
                let reads_again = self.reads_again();
                for me in (0..self.processes.len()).filter(|_| !reads_again) {
                    self.die(me, "is stopped for new rules");
                }
                self.parts.shared.look().change_rules();
                for me in (0..self.processes.len()).filter(|_| reads_again) {
                    self.renew(me);
                }
            }
            Act::RuleOutAuthors(place) => {
                for me in 0..self.processes.len() {
                    self.die(me, "is stopped for new rules");
                }
                self.parts.shared.look().rule_out_authors(place);
            }
            Act::Upgrade => self.upgrade(),
        }
    }

    /// New rules for a process that works, if it does: it reads them again, or is stopped and started.
    pub(crate) fn renew(&mut self, me: usize) {
        let is_up = self.parts.shared.look().replicas[me].is_up;
        if is_up && self.processes[me].app.is_some() && self.processes[me].renewed_by.is_none() {
            self.processes[me].renew(&self.parts, me);
        }
    }

    /// The old bot takes too long: what it has in hand stops where it is.
    fn break_off(&mut self, me: usize) {
        let process = &mut self.processes[me];
        process.tasks.clear();
        process.renewed_by = Some(Ms::MAX);
        let mut world = self.parts.shared.look();
        tell!(world, name(me), "does not finish what is in hand");
        world.replicas[me].items.clear();
        world.forget_refusals();
        drop(world);
        process.leave(&self.parts, me);
    }

    /// Nothing is in hand: the old bot leaves, then the new one enters with the new rules.
    fn take_over(&mut self, me: usize) {
        let process = &mut self.processes[me];
        let has_left = {
            let world = self.parts.shared.look();
            world.oracle.epochs.has_ended(world.replicas[me].epoch)
        };
        if !has_left && !process.tasks.is_empty() {
            process.renewed_by = Some(Ms::MAX);
            process.leave(&self.parts, me);
            return;
        }
        process.tasks.clear();
        process.renewed_by = None;
        {
            let mut world = self.parts.shared.look();
            world.replicas[me].is_leaving = false;
            // Where it could not leave in order, the others have to notice.
            if !has_left {
                let now = world.mono;
                world.is_in_trouble(now);
            }
        }
        self.incarnation += 1;
        process.start(&self.parts, me, self.incarnation);
        process.is_renewed = true;
    }

    /// New rules reach one process after the other.
    fn upgrade(&mut self) {
        self.parts.shared.look().change_rules_one_by_one();
        for me in 0..self.processes.len() {
            let is_first = me == 0;
            if is_first || self.parts.shared.look().dice.chance(500) {
                if self.reads_again() {
                    self.renew(me);
                    continue;
                }
                self.die(me, "is stopped for new rules");
            }
            if !is_first && let Some(up_at) = &mut self.processes[me].up_at {
                *up_at += self.parts.shared.look().dice.between(0, 40 * SECOND);
            }
        }
    }

    /// Whether new rules are read by a bot that works, and not by one that starts.
    pub(crate) fn reads_again(&mut self) -> bool {
        let mut world = self.parts.shared.look();
        let reads_again = world.rates.of(Fault::SettingsReadAgain) > 0 && world.lessons.chance(500);
        if reads_again {
            world.note(Fault::SettingsReadAgain);
        }
        reads_again
    }

    /// Something from chat arrives: stored, then acknowledged. What is not acknowledged comes again.
    fn arrive(&mut self, index: usize) {
        let mut world = self.parts.shared.look();
        let Delivery { inbound, .. } = world.deliveries.swap_remove(index);
        let again = |world: &mut World| {
            let at = world.mono + world.dice.between(500, 5000);
            world.deliveries.push(Delivery { at, inbound: inbound.clone() });
        };
        let me = world.any_replica();
        if !world.is_well(me)
            || self.processes[me].app.is_none()
            || world.is_hit(Fault::InboundNotStored)
            || world.is_struck(me, Fault::CrashBeforeStored)
        {
            again(&mut world);
            return;
        }
        let mut stored = inbound.clone();
        let sort = world.done.get(&inbound.key).map(|done| done.sort);
        if world.mistake == Some(Mistake::ButtonsLookAtHome)
            && sort == Some(Sort::NotTheirs)
            && let Content::Press { message, .. } = &mut stored.content
        {
            *message = None;
        }
        let now = world.now();
        if world.mistake != Some(Mistake::AckBeforeStored) || !world.dice.chance(50) {
            at_once(self.parts.store.inbox_put(&stored, now));
            tell!(world, "ingress", "{} stored {}", name(me), inbound.key);
        }
        world.wakes.push(Wake::Inbox);
        if world.is_struck(me, Fault::CrashBeforeAck) {
            again(&mut world);
            return;
        }
        if let Some(done) = world.done.get_mut(&inbound.key) {
            done.acked = true;
        }
        if world.is_hit(Fault::InboundTwice) {
            again(&mut world);
        }
        if self.processes.len() > 1 && world.is_hit(Fault::InboundToBoth) {
            let at = world.mono;
            world.deliveries.push(Delivery { at, inbound });
        }
    }

    fn hear_hook(&mut self, index: usize) {
        let mut world = self.parts.shared.look();
        let hook = world.code.hooks.swap_remove(index);
        tell!(world, "webhook", "{} {}", hook.run, hook.title);
        let me = world.any_replica();
        if world.is_well(me) {
            drop(world);
            self.processes[me].hear(&self.parts, hook.run, hook.title);
        }
    }

    /// A process is gone: what was committed stays, the rest never was.
    pub(crate) fn die(&mut self, me: usize, why: &str) {
        self.processes[me].tasks.clear();
        self.processes[me].app = None;
        (self.processes[me].renewed_by, self.processes[me].is_renewed) = (None, false);
        let mut world = self.parts.shared.look();
        tell!(world, name(me), "{why}");
        let after = world.dice.between(100, 15_000);
        let at = world.mono + after;
        world.is_in_trouble(at);
        world.replicas[me].is_up = false;
        let until = world.mono + crate::world::HOUR;
        world.expect_takeover(me, until);
        let replica = &mut world.replicas[me];
        replica.items.clear();
        (replica.epoch, replica.frozen_until, replica.cut_until) = (None, 0, 0);
        replica.is_leaving = false;
        world.forget_refusals();
        self.processes[me].up_at = Some(at);
    }
}
