//! The executor: polls the bot's workers in the order the seed says, moves time, lets things happen, ends the process
//! and starts it again. Not here: what the bot or anybody else does.

use crate::chat::SimChat;
use crate::code::SimCode;
use crate::dice::Dice;
use crate::faults::Fault;
use crate::mistakes::Mistake;
use crate::oracle::at_once;
use crate::people::Act;
use crate::store::SimStore;
use crate::world::{Delivery, MINUTE, Ms, SECOND, Shared, SimClock, SimRandom, Sort, Wait, World};
use crate::{Options, Outcome};
use shipgate_app::inbound::Content;
use shipgate_app::ports::{Clock as _, Providers, Store};
use shipgate_app::{App, Ports};
use shipgate_domain::deploy::State;
use shipgate_domain::ids::DeployId;
use shipgate_domain::policy::Provider;
use shipgate_store::SqliteStore;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// After so many steps a seed counts as running in circles (L9).
const MOST_STEPS: u64 = 400_000;
/// Everything must be over this long after the trouble stopped: an hour until people are asked, five until it is
/// given up, and some minutes for each step.
const HEALED_BY: Ms = 9 * 60 * MINUTE;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One worker of the process.
struct Task {
    name: &'static str,
    work: Work,
    ready: Ms,
    /// Goes on earlier when something is written; holds what it knew.
    idle: Option<u64>,
}

/// What can happen next.
enum Choice {
    Task(usize),
    Delivery(usize),
    Hook(usize),
    Act,
    Up,
}

struct Sim {
    shared: Shared,
    store: Arc<SqliteStore>,
    app: Option<Arc<App>>,
    tasks: Vec<Task>,
    up_at: Option<Ms>,
    next_act: Option<Ms>,
    acts_left: u32,
    steps: u64,
    incarnation: u64,
    seed: u64,
}

/// Runs one seed to its end, or to the first broken promise.
pub fn run(seed: u64, options: &Options) -> Outcome {
    let store = Arc::new(SqliteStore::in_memory().expect("there is memory for a small database"));
    let shared = Shared::new(World::new(seed, options.mistake, store.clone()));
    let mut sim = Sim {
        shared,
        store,
        app: None,
        tasks: Vec::new(),
        up_at: Some(0),
        next_act: Some(100),
        acts_left: options.events,
        steps: 0,
        incarnation: 0,
        seed,
    };
    sim.run();
    let world = sim.shared.look();
    let mut states: BTreeMap<&'static str, u64> = BTreeMap::new();
    for deploy in world.oracle.deploys.values() {
        *states.entry(deploy.state.name()).or_default() += 1;
    }
    Outcome {
        seed,
        violation: world.violation.clone(),
        history: world.history.clone(),
        fired: world.fired.clone(),
        states,
        steps: sim.steps,
    }
}

impl Sim {
    fn run(&mut self) {
        // Trouble.
        while self.next_act.is_some() && self.step(Ms::MAX) {}
        // A while without new wishes, with the same trouble.
        let horizon = self.shared.look().mono + 2 * MINUTE;
        while self.step(horizon) {}
        if self.is_broken() {
            return;
        }
        self.heal();
    }

    fn is_broken(&self) -> bool {
        self.shared.look().violation.is_some()
    }

    /// Trouble stops; now everything must come to its end (L1, L9).
    fn heal(&mut self) {
        let (silent, start) = {
            let mut world = self.shared.look();
            world.rates.calm();
            world.settle_checks();
            (world.chat.down_until, world.code.down_until) = (0, 0);
            world.tell("calm", "trouble stops");
            (world.dice.chance(150), world.mono)
        };
        self.run_for(4 * MINUTE);
        for _ in 0..8 {
            let is_quiet = self.shared.look().is_quiet();
            if is_quiet {
                self.nobody_was_forgotten();
                break;
            }
            self.run_for(20 * SECOND);
        }
        while !self.is_broken() {
            if self.is_over() {
                self.run_for(2 * MINUTE);
                break;
            }
            let mono = self.shared.look().mono;
            if mono - start > HEALED_BY {
                let mut world = self.shared.look();
                let open: Vec<String> = world
                    .oracle
                    .deploys
                    .values()
                    .filter(|deploy| !deploy.is_done())
                    .map(|deploy| format!("{} {}", deploy.id.short(), deploy.state.name()))
                    .collect();
                world.fail(format!("L1: not over nine hours after the trouble stopped: {open:?}"));
                break;
            }
            if !silent {
                self.shared.look().help();
            }
            self.run_for(3 * MINUTE);
        }
        if self.is_broken() {
            return;
        }
        let due = at_once(self.store.effect_next_due(None));
        let mut world = self.shared.look();
        if due.is_some_and(|due| world.now().duration_since(due) > jiff::SignedDuration::from_secs(5)) {
            world.fail("L9: an effect is due and nobody carries it out".into());
        }
        let store = self.store.clone();
        world.watch_the_end(&store);
    }

    fn run_for(&mut self, ms: Ms) {
        let horizon = self.shared.look().mono + ms;
        while self.step(horizon) {}
    }

    fn is_over(&self) -> bool {
        let world = self.shared.look();
        world.oracle.deploys.values().all(|deploy| deploy.is_done())
            && world.deliveries.is_empty()
            && at_once(self.store.counts()).inbox == 0
    }

    /// A deploy that a fresh process starts at once was forgotten by the old one (L6, L9).
    fn nobody_was_forgotten(&mut self) {
        if self.is_broken() || self.app.is_none() {
            return;
        }
        let waiting: Vec<DeployId> = {
            let world = self.shared.look();
            let list = world.oracle.deploys.values();
            list.filter(|d| matches!(d.state, State::Waiting { .. }) && world.was_open(d))
                .map(|d| d.id.clone())
                .collect()
        };
        if waiting.is_empty() {
            return;
        }
        self.die("to see whether anybody was forgotten");
        self.up_at = Some(self.shared.look().mono);
        self.run_for(6 * SECOND);
        let mut world = self.shared.look();
        let forgotten = waiting.iter().find(|id| {
            let deploy = world.oracle.deploys.get(*id);
            deploy.is_some_and(|deploy| deploy.attempts > 0 || deploy.is_active())
                && deploy.is_some_and(|deploy| !matches!(deploy.state, State::Waiting { .. }))
        });
        if let Some(id) = forgotten.cloned() {
            world.fail(format!("L6: {} could start long ago, and nobody looked", id.short()));
        }
    }

    /// One step. False when nothing happens before the horizon, or all is lost.
    fn step(&mut self, horizon: Ms) -> bool {
        if self.is_broken() {
            return false;
        }
        self.steps += 1;
        if self.steps > MOST_STEPS {
            self.shared.look().fail(format!("L9: no end after {MOST_STEPS} steps"));
            return false;
        }
        let choice = {
            let mut world = self.shared.look();
            let (now, kicks) = (world.mono, world.kicks);
            let mut choices = Vec::new();
            let mut next = Ms::MAX;
            let mut consider = |at: Ms, choice: Choice| {
                if at <= now { choices.push(choice) } else { next = next.min(at) }
            };
            for (index, task) in self.tasks.iter().enumerate() {
                let is_woken = task.idle.is_some_and(|knew| knew != kicks);
                consider(if is_woken { now } else { task.ready }, Choice::Task(index));
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
            if let Some(at) = self.up_at {
                consider(at, Choice::Up);
            }
            if choices.is_empty() {
                if next > horizon {
                    world.mono = world.mono.max(horizon);
                    return false;
                }
                world.mono = next;
                return true;
            }
            let at = usize::try_from(world.dice.below(choices.len() as u64)).unwrap_or(0);
            choices.swap_remove(at)
        };
        match choice {
            Choice::Task(index) => self.poll(index),
            Choice::Delivery(index) => self.arrive(index),
            Choice::Hook(index) => self.hear_hook(index),
            Choice::Act => self.act(),
            Choice::Up => self.start(),
        }
        if self.shared.look().crash {
            self.die("killed");
        }
        true
    }

    fn poll(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        let mut context = Context::from_waker(Waker::noop());
        let polled = task.work.as_mut().poll(&mut context);
        let mut world = self.shared.look();
        let wait = world.wait.take();
        match (polled, wait) {
            (Poll::Ready(()), _) => {
                let done = self.tasks.swap_remove(index);
                drop(world);
                if done.name == "boot" {
                    self.begin_work();
                }
            }
            (Poll::Pending, Some(Wait::Until(at))) => (task.ready, task.idle) = (at, None),
            (Poll::Pending, Some(Wait::Idle(at))) => (task.ready, task.idle) = (at, Some(world.kicks)),
            (Poll::Pending, Some(Wait::Never)) => (task.ready, task.idle) = (Ms::MAX, None),
            (Poll::Pending, None) => {
                let name = task.name;
                world.fail(format!("the {name} worker waits for something the simulation does not know"));
            }
        }
    }

    fn act(&mut self) {
        let act = {
            let mut world = self.shared.look();
            self.acts_left = self.acts_left.saturating_sub(1);
            let gap = match world.dice.below(20) {
                0..7 => world.dice.between(0, 200),
                7..14 => world.dice.between(200, 15_000),
                14..18 => world.dice.between(15_000, 90_000),
                _ => world.dice.between(90_000, 500_000),
            };
            self.next_act = (self.acts_left > 0).then_some(world.mono + gap);
            world.act()
        };
        match act {
            Act::Done => {}
            Act::Crash => self.die("killed while it had nothing to do"),
            Act::ChangeRules => {
                self.die("stopped for new rules");
                let mut world = self.shared.look();
                let now = world.now();
                let mut drawn = world.drawn.clone();
                drawn.change(&mut world.dice, now);
                world.drawn = drawn;
                let text =
                    format!("{:?} {:?} {:?}", world.drawn.places, world.drawn.groups, world.drawn.freezes);
                world.tell("rules", text);
            }
        }
    }

    /// Something from chat arrives: stored, then acknowledged. What is not acknowledged comes again.
    fn arrive(&mut self, index: usize) {
        let mut world = self.shared.look();
        let Delivery { inbound, .. } = world.deliveries.swap_remove(index);
        let again = |world: &mut World| {
            let at = world.mono + world.dice.between(500, 5000);
            world.deliveries.push(Delivery { at, inbound: inbound.clone() });
        };
        if self.app.is_none() || world.is_struck(Fault::CrashBeforeStored) {
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
            at_once(self.store.inbox_put(&stored, now));
            world.tell("ingress", format!("stored {}", inbound.key));
        }
        world.kicks += 1;
        if world.is_struck(Fault::CrashBeforeAck) {
            again(&mut world);
            return;
        }
        if let Some(done) = world.done.get_mut(&inbound.key) {
            done.acked = true;
        }
        if world.is_hit(Fault::InboundTwice) {
            again(&mut world);
        }
    }

    fn hear_hook(&mut self, index: usize) {
        let mut world = self.shared.look();
        let hook = world.code.hooks.swap_remove(index);
        world.tell("webhook", &hook.title);
        let ready = world.mono;
        drop(world);
        let Some(app) = self.app.clone() else { return };
        let work = Box::pin(async move {
            let _ = app.hint(Provider::Github, &hook.run, &hook.title).await;
        });
        self.tasks.push(Task { name: "hint", work, ready, idle: None });
    }

    /// The process is gone: what was committed stays, the rest never was.
    fn die(&mut self, why: &str) {
        self.tasks.clear();
        self.app = None;
        let mut world = self.shared.look();
        world.crash = false;
        world.item = None;
        world.forget_refusals();
        world.tell("process", why);
        let after = world.dice.between(100, 15_000);
        self.up_at = Some(world.mono + after);
    }

    fn start(&mut self) {
        self.up_at = None;
        self.incarnation += 1;
        let shared = self.shared.clone();
        let rules = shared.look().drawn.rules();
        {
            let mut world = shared.look();
            world.rules_version = rules.version.to_string();
            let text =
                format!("starts for the {}. time, rules {}", self.incarnation, &world.rules_version[..8]);
            world.tell("process", text);
        }
        let code = Arc::new(SimCode(shared.clone()));
        let store: Arc<dyn Store> = Arc::new(SimStore { inner: self.store.clone(), world: shared.clone() });
        let ports = Ports {
            store,
            chat: Arc::new(SimChat(shared.clone())),
            providers: Providers::default().with(Provider::Github, code.clone(), code),
            clock: Arc::new(SimClock(shared.clone())),
            random: Arc::new(SimRandom(Mutex::new(Dice::of(self.seed, 100 + self.incarnation)))),
        };
        let app = Arc::new(App::new(rules, ports));
        self.app = Some(app.clone());
        let work = Box::pin(async move {
            if let Err(error) = app.start().await {
                shared.look().fail(format!("the process does not start: {error}"));
            }
        });
        let ready = self.shared.look().mono;
        self.tasks.push(Task { name: "boot", work, ready, idle: None });
    }

    fn begin_work(&mut self) {
        let Some(app) = self.app.clone() else { return };
        let ready = self.shared.look().mono;
        for worker in 0..1 {
            let work = Box::pin(work_inbox(app.clone(), self.shared.clone(), worker));
            self.tasks.push(Task { name: "inbox", work, ready, idle: None });
        }
        let work = Box::pin(live(app.clone(), self.shared.clone()));
        self.tasks.push(Task { name: "live", work, ready, idle: None });
        for _ in 0..3 {
            let work = Box::pin(work_effects(app.clone(), self.shared.clone(), self.store.clone()));
            self.tasks.push(Task { name: "effects", work, ready, idle: None });
        }
    }
}

/// Says every three seconds that the replica lives, and buries those that do not.
async fn live(app: Arc<App>, shared: Shared) {
    loop {
        if let Err(error) = app.renew().await {
            shared.look().tell("replica", format!("failed: {error}"));
        }
        shared.pause(3 * SECOND).await;
    }
}

async fn work_inbox(app: Arc<App>, shared: Shared, worker: u32) {
    loop {
        let worked = app.work_inbox(worker).await;
        shared.look().item = None;
        match worked {
            Ok(true) => shared.step_aside().await,
            Ok(false) => {
                let until = shared.look().mono + MINUTE;
                shared.wait(Wait::Idle(until)).await;
            }
            Err(error) => {
                shared.look().tell("inbox", format!("failed: {error}"));
                shared.pause(SECOND).await;
            }
        }
    }
}

async fn work_effects(app: Arc<App>, shared: Shared, store: Arc<SqliteStore>) {
    loop {
        match app.work_effect(None).await {
            Ok(true) => shared.step_aside().await,
            Ok(false) => {
                let due = at_once(store.effect_next_due(None));
                let until = {
                    let now = SimClock(shared.clone()).now();
                    let due = due.map(|due| due.duration_since(now).as_millis());
                    let due = due.and_then(|ms| Ms::try_from(ms).ok()).unwrap_or(MINUTE);
                    shared.look().mono + due.clamp(1, MINUTE)
                };
                shared.wait(Wait::Idle(until)).await;
            }
            Err(error) => {
                shared.look().tell("effects", format!("failed: {error}"));
                shared.pause(SECOND).await;
            }
        }
    }
}
