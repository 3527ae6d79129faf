//! One process: the real `App` with its workers as tasks that the executor polls. `App::run` and its timers belong to the
//! async runtime; here the same loops stand, one for one. Not here: who is polled when (`runner`).

use crate::chat::SimChat;
use crate::code::SimCode;
use crate::dice::Dice;
use crate::feeds::SimCalendars;
use crate::store::SimStore;
use crate::world::{MINUTE, Ms, SECOND, Shared, SimClock, SimRandom, Wait, Wake, tell};
use shipgate_app::ports::{Clock as _, Providers, Store};
use shipgate_app::selfcheck::{Looked, SelfCheck};
use shipgate_app::store::StoreError;
use shipgate_app::{App, News, Ports};
use shipgate_domain::policy::Provider;
use shipgate_store::SqliteStore;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// Workers for effects, of all kinds, and for the inbox. The real number only makes a seed longer.
const WORKERS: usize = 2;
const INBOX_WORKERS: u32 = 2;
/// As in `App::run`: work on an effect is cut off after this long, and nothing is tried for a while after a failure.
const LONGEST_WORK: Ms = 75 * SECOND;
const STORE_REST: Ms = SECOND;
const RENEW_EVERY: Ms = 3 * SECOND;
/// As in the program's `Live`: what the old bot has in hand gets this long when new rules are read. There the new bot
/// enters beside it; here it enters when the old one has left, and two replicas show what two sets of rules do at once.
const LAST_WORK: Ms = 40 * SECOND;
const LOOK_EVERY: Ms = SECOND;
/// The self-check looks in one of so many seeds, at the latest after so long.
const LOOKS_IN: u64 = 4;
const LONGEST_GAP: Ms = 10 * MINUTE;

/// What the executor polls.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Brings the process up.
    Boot,
    /// Says that the process lives. Its end is the end of an epoch.
    Lives,
    /// Works on the inbox, under this number.
    Inbox(u32),
    /// Works on effects.
    Effects,
    /// Looks after the record and what is stored, as the program does each minute.
    Looks,
    /// Hears one webhook.
    Hint,
    /// Ends an epoch in order.
    Leave,
}

impl Kind {
    /// Whether it has anything in hand that is to be finished before other rules hold.
    pub fn is_work(self) -> bool {
        match self {
            Kind::Inbox(_) | Kind::Effects => true,
            Kind::Boot | Kind::Lives | Kind::Looks | Kind::Hint | Kind::Leave => false,
        }
    }

    /// As the world knows it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boot => "boot",
            Kind::Lives => "lives",
            Kind::Inbox(_) => "inbox",
            Kind::Effects => "effects",
            Kind::Looks => "looks",
            Kind::Hint => "hint",
            Kind::Leave => "leave",
        }
    }
}

/// One worker of a process.
pub struct Task {
    /// What it is.
    pub kind: Kind,
    /// Its work.
    pub work: Work,
    /// It goes on then.
    pub ready: Ms,
    /// What may wake it earlier.
    pub wait: Option<Wait>,
}

/// A process that runs, or is to run.
#[derive(Default)]
pub struct Process {
    /// The bot.
    pub app: Option<Arc<App>>,
    /// Its workers.
    pub tasks: Vec<Task>,
    /// It starts then.
    pub up_at: Option<Ms>,
    /// A bot with new rules takes over when what is in hand is finished, and then at the latest.
    pub renewed_by: Option<Ms>,
    /// Its rules were read while it worked, and nobody was told of them yet.
    pub is_renewed: bool,
}

/// Everything a process is made of.
pub struct Parts {
    /// The world.
    pub shared: Shared,
    /// The database.
    pub store: Arc<SqliteStore>,
    /// The seed.
    pub seed: u64,
}

impl Process {
    fn spawn(&mut self, kind: Kind, work: Work, ready: Ms) {
        self.tasks.push(Task { kind, work, ready, wait: None });
    }

    /// Starts a process under the rules that it is to have.
    pub fn start(&mut self, parts: &Parts, me: usize, incarnation: u64) {
        self.up_at = None;
        let shared = parts.shared.clone();
        let rules = {
            let mut world = shared.look();
            world.replicas[me].is_up = true;
            world.replicas[me].running = world.replicas[me].drawn.clone();
            let rules = world.replicas[me].running.rules();
            let version = rules.version.to_string();
            tell!(world, crate::replica::name(me), "starts for the {incarnation}. time, rules {version:.8}");
            rules
        };
        let code = Arc::new(SimCode { world: shared.clone(), me });
        let store: Arc<dyn Store> =
            Arc::new(SimStore { inner: parts.store.clone(), world: shared.clone(), me });
        let ports = Ports {
            store,
            chat: Arc::new(SimChat { world: shared.clone(), me }),
            providers: Providers::default()
                .with(Provider::Github, code.clone(), code)
                .with_calendars(Arc::new(SimCalendars { world: shared.clone(), me })),
            clock: Arc::new(SimClock { world: shared.clone(), me }),
            random: Arc::new(SimRandom(Mutex::new(Dice::of(parts.seed, 100 + incarnation)))),
        };
        self.app = Some(Arc::new(App::new(rules, ports)));
        self.boot(parts);
    }

    /// Enters, and tries again until it works.
    pub fn boot(&mut self, parts: &Parts) {
        let Some(app) = self.app.clone() else { return };
        let shared = parts.shared.clone();
        let ready = shared.look().mono;
        let work = Box::pin(async move {
            while let Err(error) = app.start().await {
                tell!(shared.look(), "start", "failed: {error}");
                shared.pause(STORE_REST).await;
            }
        });
        self.spawn(Kind::Boot, work, ready);
    }

    /// The epoch began: all workers begin.
    pub fn begin_work(&mut self, parts: &Parts, me: usize) {
        let ready = parts.shared.look().mono;
        let inbox = (0..INBOX_WORKERS).map(Kind::Inbox);
        // Not in every seed: a look reads much, and costs as much time.
        let looks = parts.seed.is_multiple_of(LOOKS_IN).then_some(Kind::Looks);
        for kind in inbox.chain([Kind::Lives]).chain([Kind::Effects; WORKERS]).chain(looks) {
            self.begin(parts, me, kind, ready);
        }
    }

    /// One worker begins, or begins again after a panic.
    pub fn begin(&mut self, parts: &Parts, me: usize, kind: Kind, ready: Ms) {
        let Some(app) = self.app.clone() else { return };
        let shared = parts.shared.clone();
        let work: Work = match kind {
            Kind::Inbox(worker) => Box::pin(work_inbox(app, shared, me, worker)),
            Kind::Lives => Box::pin(live(app, shared, me)),
            Kind::Effects => Box::pin(work_effects(app, shared, parts.store.clone(), me)),
            Kind::Looks => Box::pin(look(app, shared, me)),
            Kind::Boot | Kind::Hint | Kind::Leave => return,
        };
        self.spawn(kind, work, ready);
    }

    /// A webhook came.
    pub fn hear(&mut self, parts: &Parts, run: String, title: String) {
        let Some(app) = self.app.clone() else { return };
        let ready = parts.shared.look().mono;
        let work = Box::pin(async move {
            let _ = app.hint(Provider::Github, &run, &title).await;
        });
        self.spawn(Kind::Hint, work, ready);
    }

    /// New settings were read: the old bot finishes what is in hand, takes nothing more, and leaves.
    pub fn renew(&mut self, parts: &Parts, me: usize) {
        let mut world = parts.shared.look();
        world.replicas[me].is_leaving = true;
        self.renewed_by = Some(world.mono + LAST_WORK);
        for task in self.tasks.iter_mut().filter(|task| task.wait.is_some() && task.kind.is_work()) {
            task.ready = world.mono;
        }
        tell!(world, crate::replica::name(me), "reads new settings");
    }

    /// Whether nothing is in hand any more.
    pub fn is_idle(&self) -> bool {
        !self.tasks.iter().any(|task| task.kind.is_work() || task.kind == Kind::Leave)
    }

    /// People are told of the new settings, by whichever replica comes first.
    pub fn tell_settings(&mut self, parts: &Parts, changed: Vec<String>) {
        let Some(app) = self.app.clone() else { return };
        let (shared, ready) = (parts.shared.clone(), parts.shared.look().mono);
        let work = Box::pin(async move {
            let told = app.tell_settings(&app.rules().version.to_string(), &News::Applied { changed }).await;
            if let Err(error) = told {
                tell!(shared.look(), "settings", "failed: {error}");
            }
        });
        self.spawn(Kind::Hint, work, ready);
    }

    /// All work stops where it is, and the epoch ends in order.
    pub fn leave(&mut self, parts: &Parts, me: usize) {
        let (Some(app), Some(epoch)) = (self.app.clone(), parts.shared.look().replicas[me].epoch) else {
            return;
        };
        self.tasks.clear();
        let ready = parts.shared.look().mono;
        let work = Box::pin(async move {
            let _ = app.store().replica_leave(shipgate_app::store::Epoch(epoch)).await;
        });
        self.spawn(Kind::Leave, work, ready);
    }
}

/// `App::live`: says every three seconds that the replica lives, and buries those that do not.
async fn live(app: Arc<App>, shared: Shared, me: usize) {
    loop {
        match app.renew().await {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) => return,
            Err(error) => {
                let mut world = shared.look();
                world.replicas[me].is_relaxed = false;
                tell!(world, "lives", "failed: {error}");
            }
        }
        let until = {
            let world = shared.look();
            world.mono + if world.replicas[me].is_relaxed { 30 * MINUTE } else { RENEW_EVERY }
        };
        shared.wait(Wait::Unless(until)).await;
    }
}

/// `App::serve_inbox`.
async fn work_inbox(app: Arc<App>, shared: Shared, me: usize, worker: u32) {
    while !shared.look().replicas[me].is_leaving {
        let worked = if app.is_aside() { Ok(false) } else { app.work_inbox(worker).await };
        if worked.is_ok() {
            shared.look().replicas[me].items.remove(&worker);
        }
        match worked {
            Ok(true) => shared.step_aside().await,
            Ok(false) => {
                let until = shared.look().mono + if app.is_aside() { LOOK_EVERY } else { MINUTE };
                shared.wait(Wait::Idle(until)).await;
            }
            Err(error) => {
                tell!(shared.look(), "inbox", "failed: {error}");
                shared.pause(STORE_REST).await;
            }
        }
    }
}

/// `App::serve_effects`.
async fn work_effects(app: Arc<App>, shared: Shared, store: Arc<SqliteStore>, me: usize) {
    while !shared.look().replicas[me].is_leaving {
        if app.is_aside() {
            let until = shared.look().mono + LOOK_EVERY;
            shared.wait(Wait::Idle(until)).await;
            continue;
        }
        let until = shared.look().mono + LONGEST_WORK;
        let worked = CutOff { work: Box::pin(app.work_effect(None)), world: shared.clone(), until }.await;
        match worked {
            Some(Ok(true)) => shared.step_aside().await,
            Some(Ok(false)) => {
                let until = next_look(&shared, &store, me);
                shared.wait(Wait::Idle(until)).await;
            }
            Some(Err(error)) => {
                tell!(shared.look(), "effects", "failed: {error}");
                shared.pause(STORE_REST).await;
            }
            None => {
                tell!(shared.look(), "effects", "cut off");
                shared.step_aside().await;
            }
        }
    }
}

/// The self-check beside everything else. Nobody tampers here, so whatever it finds is a false alarm, and would stop every
/// start of a real installation.
async fn look(app: Arc<App>, shared: Shared, me: usize) {
    let mut check = SelfCheck::default();
    loop {
        let until = {
            let mut world = shared.look();
            world.mono + world.dice.between(SECOND, LONGEST_GAP)
        };
        shared.wait(Wait::Idle(until)).await;
        match app.look_after_itself(&mut check).await {
            Ok(Looked { open, stopped: None, rows, .. }) if open.is_empty() => {
                tell!(shared.look(), "self-check", "{rows} rows are sound");
            }
            Ok(looked) => {
                let found = looked.open.first().map(ToString::to_string);
                let found = found.or(looked.stopped.map(|(_, found)| found)).unwrap_or_default();
                let why = format!("S10: the self-check of {} found: {found}", crate::replica::name(me));
                shared.look().fail(why);
            }
            Err(error) => tell!(shared.look(), "self-check", "failed: {error}"),
        }
    }
}

/// When the next effect is due by the process's own clock.
fn next_look(shared: &Shared, store: &SqliteStore, me: usize) -> Ms {
    let due = crate::oracle::at_once(store.effect_next_due(None));
    let now = SimClock { world: shared.clone(), me }.now();
    let due = due.and_then(|due| Ms::try_from(due.duration_since(now).as_millis()).ok()).unwrap_or(MINUTE);
    shared.look().mono + due.clamp(1, MINUTE)
}

/// Work that is dropped when it takes too long.
struct CutOff<F> {
    work: Pin<Box<F>>,
    world: Shared,
    until: Ms,
}

impl<F: Future> Future for CutOff<F> {
    type Output = Option<F::Output>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.world.look().mono >= self.until {
            return Poll::Ready(None);
        }
        let polled = self.work.as_mut().poll(context);
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Some(output));
        }
        let mut world = self.world.look();
        if let Some(Wait::Until(at)) = world.wait
            && at > self.until
        {
            world.wait = Some(Wait::Until(self.until));
        }
        Poll::Pending
    }
}

impl Process {
    /// Wakes whoever waits for this. Own writes wake at once; those of others are noticed within a second.
    pub fn wake(&mut self, wake: Wake, me: usize, now: Ms, delay: &mut impl FnMut(Ms) -> Ms) {
        let at = match wake {
            Wake::Effects(by) if by != me => now + LOOK_EVERY,
            Wake::Inbox | Wake::Effects(_) => now,
            Wake::Lives => now + delay(RENEW_EVERY),
        };
        let is_meant = |task: &&mut Task| match (wake, task.kind) {
            (Wake::Inbox, Kind::Inbox(_))
            | (Wake::Effects(_), Kind::Effects)
            | (Wake::Lives, Kind::Lives) => task.wait.is_some(),
            _ => false,
        };
        // Whoever is about to look needs no call.
        if self.tasks.iter_mut().filter(is_meant).any(|task| task.ready <= at) {
            return;
        }
        if let Some(task) = self.tasks.iter_mut().find(is_meant) {
            task.ready = at;
        }
    }
}
