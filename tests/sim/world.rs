//! Everything outside the processes: the clock, the truth about chat, code and people, what was seen and what happened.
//! Not here: how it answers the ports (`chat`, `code`, `store`), what people do (`people`).

use crate::Options;
use crate::chat::ChatModel;
use crate::code::{CodeModel, History};
use crate::dice::Dice;
use crate::faults::{Fault, Rates};
use crate::mistakes::Mistake;
use crate::oracle::Oracle;
use crate::replica::Replica;
use crate::rules::{Drawn, zone_of};
use jiff::{SignedDuration, Timestamp};
use shipgate_app::inbound::Inbound;
use shipgate_app::ports::{Clock, Random};
use shipgate_store::SqliteStore;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Milliseconds since the simulation began, by a clock that nobody moves.
pub type Ms = i64;

/// A second.
pub const SECOND: Ms = 1000;
/// A minute.
pub const MINUTE: Ms = 60 * SECOND;
/// An hour.
pub const HOUR: Ms = 60 * MINUTE;

/// Why a worker does not go on.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// Until this moment.
    Until(Ms),
    /// Until something is written, or until this moment.
    Idle(Ms),
    /// Until a replica is in trouble, or until this moment.
    Unless(Ms),
    /// For ever: the process is about to die.
    Never,
}

/// Somebody to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Something came in.
    Inbox,
    /// Something was written, or found, by this replica.
    Effects(usize),
    /// A replica is in trouble: the others look after each other more often.
    Lives,
}

/// How an inbound came about; the oracles judge what may follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Words or a form.
    Said,
    /// A button that somebody saw, with what it says.
    Pressed(&'static str),
    /// A made-up button or form, or one brought from elsewhere.
    NotTheirs,
}

/// Something a person did, on its way to a process.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// When it arrives.
    pub at: Ms,
    /// What arrives.
    pub inbound: Inbound,
}

/// What is known about something a person did.
#[derive(Clone, Debug)]
pub struct Done {
    /// How it came about.
    pub sort: Sort,
    /// What it was.
    pub inbound: Inbound,
    /// Whether the platform got its acknowledgement.
    pub acked: bool,
    /// When the pressed button was drawn.
    pub drawn: Ms,
}

/// A line of history.
#[derive(Clone, Debug)]
pub struct Line {
    /// When, by the clock that nobody moves.
    pub mono: Ms,
    /// When, by the clock on the wall.
    pub wall: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub event: String,
}

/// The world.
pub struct World {
    /// Chance.
    pub dice: Dice,
    /// Chance of what people plan for later.
    pub plans: Dice,
    /// Chance of what people do besides: they go away, look back, deploy by other ways.
    pub besides: Dice,
    /// Chance of what is tried after the trouble.
    pub lessons: Dice,
    /// The instant at which the simulation began.
    pub base: Timestamp,
    /// Time that nobody moves.
    pub mono: Ms,
    /// How far the clock was moved.
    pub offset: Ms,
    /// How far it was moved back, in all.
    pub moved_back: Ms,
    /// How often each kind of trouble happens.
    pub rates: Rates,
    /// How often each kind of trouble happened.
    pub fired: Vec<u64>,
    /// Whether history is written.
    pub records: bool,
    /// What happened, line by line.
    pub history: Vec<Line>,
    /// The first broken promise.
    pub violation: Option<String>,
    /// Why the last polled worker waits.
    pub wait: Option<Wait>,
    /// Which worker of the inbox is polled now, if it is one.
    pub at_work: Option<u32>,
    /// This process is to die now.
    pub crash: Option<usize>,
    /// Who is to be woken.
    pub wakes: Vec<Wake>,
    /// Which mistake is planted.
    pub mistake: Option<Mistake>,
    /// The newest rules and the people of this seed.
    pub drawn: Arc<Drawn>,
    /// The processes, from outside.
    pub replicas: Vec<Replica>,
    /// Until then replicas say every three seconds that they live.
    pub restless_until: Ms,
    /// Chat.
    pub chat: ChatModel,
    /// CI and code.
    pub code: CodeModel,
    /// What is on its way to the processes.
    pub deliveries: Vec<Delivery>,
    /// Everything people did, by delivery key.
    pub done: BTreeMap<String, Done>,
    /// Items that make the work on them panic.
    pub poisoned: BTreeSet<String>,
    /// Who watches.
    pub oracle: Oracle,
    /// The database.
    pub store: Arc<SqliteStore>,
    /// No calendar that others keep can be read before this moment.
    pub calendars_down_until: Ms,
    /// When the clock was moved last.
    pub jumped: Ms,
    /// By how much.
    pub last_jump: Ms,
    /// Starts that are decided take most of a minute to be written now.
    pub slow_starts: bool,
    /// When the trouble stopped.
    pub calm_since: Option<Ms>,
    next_key: u64,
}

/// Writes a line of history, when anybody wants to read it.
macro_rules! tell {
    ($world:expr, $actor:expr, $($text:tt)+) => {
        if $world.records {
            let event = format!($($text)+);
            $world.line($actor, event);
        }
    };
}
pub(crate) use tell;

impl World {
    /// A world at its beginning.
    pub fn new(seed: u64, options: &Options, store: Arc<SqliteStore>) -> Self {
        let mut dice = Dice::of(seed, 1);
        let drawn = Arc::new(Drawn::draw(&mut dice));
        let rates = Rates::draw(&mut dice, &options.without);
        let chat = ChatModel::new(&mut dice);
        let code = CodeModel::new(&mut dice);
        let count = if dice.chance(750) { 2 } else { 1 };
        let mut world = Self {
            dice,
            plans: Dice::of(seed, 3),
            besides: Dice::of(seed, 4),
            lessons: Dice::of(seed, 5),
            base: drawn.begins,
            mono: 0,
            offset: 0,
            moved_back: 0,
            rates,
            fired: vec![0; Fault::ALL.len()],
            records: options.records,
            history: Vec::new(),
            violation: None,
            wait: None,
            at_work: None,
            crash: None,
            wakes: Vec::new(),
            mistake: options.mistake,
            replicas: Vec::new(),
            restless_until: 0,
            chat,
            code,
            deliveries: Vec::new(),
            done: BTreeMap::new(),
            poisoned: BTreeSet::new(),
            oracle: Oracle::new(drawn.clone()),
            drawn,
            store,
            calendars_down_until: 0,
            jumped: -MINUTE,
            last_jump: 0,
            slow_starts: false,
            calm_since: None,
            next_key: 0,
        };
        world.code.history = match world.besides.below(10) {
            // Whether a migration comes or goes is a question of history.
            0..5 if !world.drawn.has_migrations() => History::Ahead,
            0..8 => History::Line,
            _ => History::Twigs,
        };
        world.replicas = (0..count).map(|_| Replica::new(world.drawn.clone())).collect();
        if count == 2 && world.is_hit_of(Fault::ClocksDiffer, 10) {
            world.replicas[1].skew = world.dice.between(-2_500, 2_500);
        }
        if world.is_hit(Fault::WebhooksAllLost) {
            world.code.deaf = true;
        }
        world
    }

    /// The clock on the wall.
    pub fn now(&self) -> Timestamp {
        self.instant(self.mono + self.offset)
    }

    /// The base and so many milliseconds.
    pub fn instant(&self, ms: Ms) -> Timestamp {
        self.base.saturating_add(SignedDuration::from_millis(ms)).unwrap_or(self.base)
    }

    /// Whether the clock was moved a moment ago, perhaps between a decision and its write.
    pub fn was_jumped(&self) -> bool {
        self.mono - self.jumped < 30 * SECOND
    }

    /// Whether nothing was decided for so long that whoever could start would have.
    pub fn is_quiet(&self) -> bool {
        self.mono - self.oracle.stirred > 30 * SECOND
    }

    /// Time passes.
    pub fn pass(&mut self, to: Ms) {
        let before = self.now();
        self.mono = self.mono.max(to);
        if before < self.drawn.change && self.now() >= self.drawn.change {
            let zone = zone_of(self.drawn.zone);
            let offset = |at| zone.to_offset(at).seconds();
            let turned = offset(self.now()) - offset(before);
            if turned != 0 {
                self.note(if turned > 0 { Fault::HourSkipped } else { Fault::HourDoubled });
            }
        }
    }

    /// When something that is dated so was decided, by the clock that nobody moves.
    pub fn decided_at(&self, dated: Timestamp) -> Ms {
        let ago = Ms::try_from(self.now().duration_since(dated).as_millis()).unwrap_or(0);
        self.mono - ago.max(0)
    }

    /// How far the clock was moved forward since something that is dated so.
    pub fn moved_since(&self, dated: Timestamp) -> Ms {
        let is_since = self.decided_at(dated) <= self.jumped;
        if is_since { self.last_jump.max(0) } else { 0 }
    }

    /// Moves the clock.
    pub fn jump(&mut self, by: Ms) {
        self.last_jump = by;
        self.offset += by;
        self.moved_back += (-by).max(0);
        self.jumped = self.mono;
        for me in 0..self.replicas.len() {
            self.wakes.push(Wake::Effects(me));
        }
        self.wakes.push(Wake::Lives);
        tell!(self, "clock", "jumped by {by} ms");
    }

    /// Writes a line of history.
    pub fn line(&mut self, actor: impl Into<String>, event: String) {
        let wall = self.now();
        self.history.push(Line { mono: self.mono, wall, actor: actor.into(), event });
    }

    /// Whether this kind of trouble happens now.
    pub fn is_hit(&mut self, fault: Fault) -> bool {
        self.is_hit_of(fault, 1)
    }

    /// Whether this kind of trouble happens now, so many times as often as it is drawn. The draw is made in any case,
    /// so that a kind that is turned off changes nothing else.
    pub fn is_hit_of(&mut self, fault: Fault, times: u64) -> bool {
        let hit = self.dice.below(1000) < self.rates.of(fault) * times;
        if hit {
            self.note(fault);
        }
        hit
    }

    /// Counts a kind of trouble that happened.
    pub fn note(&mut self, fault: Fault) {
        self.fired[fault as usize] += 1;
        tell!(self, "trouble", "{fault:?}");
    }

    /// A promise is broken.
    pub fn fail(&mut self, why: String) {
        tell!(self, "ORACLE", "{why}");
        if self.violation.is_none() {
            self.violation = Some(why);
        }
    }

    /// Sends what somebody did on its way.
    pub fn deliver(&mut self, inbound: Inbound, sort: Sort, drawn: Ms) {
        let mut at = self.mono + self.dice.between(5, 400);
        if self.is_hit(Fault::InboundLate) {
            at += self.dice.between(1, 20) * SECOND;
        }
        if self.is_hit_of(Fault::InboundVeryLate, 1) {
            at += self.dice.between(1, 15) * MINUTE;
        }
        self.deliver_at(inbound, sort, drawn, at);
    }

    /// Sends what somebody did on its way, to arrive at a moment.
    pub fn deliver_at(&mut self, mut inbound: Inbound, sort: Sort, drawn: Ms, at: Ms) {
        self.next_key += 1;
        inbound.key = format!("k{}", self.next_key);
        inbound.reply_to.response_url =
            Some(format!("https://chat/{}{}", crate::oracle::CANARY, inbound.key));
        inbound.reply_to.trigger = Some(format!("{}{}", crate::oracle::CANARY, inbound.key));
        if self.is_hit(Fault::ItemPoisoned) && sort == Sort::Said {
            self.poisoned.insert(inbound.key.clone());
        }
        tell!(self, &inbound.account.id, "{} {sort:?} {:?}", inbound.key, inbound.content);
        let done = Done { sort, inbound: inbound.clone(), acked: false, drawn };
        self.done.insert(inbound.key.clone(), done);
        self.deliveries.push(Delivery { at, inbound });
    }

    /// Whether a process may come to harm here. An inbox item that was begun twice is left to finish: after a third
    /// beginning without an end it is put away, and only items that are themselves the trouble are to be.
    pub fn may_die(&self, me: usize) -> bool {
        self.replicas[me].items.values().all(|item| item.begun < 2)
    }

    /// Whether the process dies here.
    pub fn is_struck(&mut self, me: usize, fault: Fault) -> bool {
        let hit = self.dice.below(1000) < self.rates.of(fault);
        if !hit || self.crash.is_some() || !self.may_die(me) {
            return false;
        }
        self.note(fault);
        self.crash = Some(me);
        true
    }
}

/// The world as ports hold it.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// A world to be shared.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The world, for a moment that no worker waits in.
    pub fn look(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets others go first.
    pub async fn step_aside(&self) {
        let now = self.look().mono;
        self.wait(Wait::Until(now)).await;
    }

    /// Waits so many milliseconds.
    pub async fn pause(&self, ms: Ms) {
        let until = self.look().mono + ms;
        self.wait(Wait::Until(until)).await;
    }

    /// Waits.
    pub fn wait(&self, wait: Wait) -> Pause {
        Pause { world: self.clone(), wait, is_begun: false }
    }

    /// Dies here, perhaps.
    pub async fn may_die(&self, me: usize, fault: Fault) {
        let dies = self.look().is_struck(me, fault);
        if dies {
            self.wait(Wait::Never).await;
        }
    }
}

/// A worker that waits. It is polled again when the executor says so.
pub struct Pause {
    world: Shared,
    wait: Wait,
    is_begun: bool,
}

impl Future for Pause {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.is_begun && !matches!(self.wait, Wait::Never) {
            return Poll::Ready(());
        }
        self.is_begun = true;
        let wait = self.wait;
        self.world.look().wait = Some(wait);
        Poll::Pending
    }
}

/// A process's clock.
pub struct SimClock {
    /// The world.
    pub world: Shared,
    /// Whose clock.
    pub me: usize,
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let world = self.world.look();
        let late = if world.mistake == Some(Mistake::ClockWrong) { 60 * MINUTE } else { 0 };
        world.instant(world.mono + world.offset + world.replicas[self.me].skew - late)
    }
    fn lease_now(&self) -> Timestamp {
        let world = self.world.look();
        world.instant(world.mono + world.replicas[self.me].skew)
    }
}

/// A process's randomness, from a stream of its own.
pub struct SimRandom(pub Mutex<Dice>);

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}
