//! Everything outside the process: the clock, the truth about chat, code and people, what was seen and what happened.
//! Not here: how it answers the ports (`chat`, `code`, `store`), what people do (`people`).

use crate::chat::ChatModel;
use crate::code::CodeModel;
use crate::dice::Dice;
use crate::faults::{Fault, Rates};
use crate::mistakes::Mistake;
use crate::oracle::Oracle;
use crate::rules::Drawn;
use jiff::{SignedDuration, Timestamp};
use shipgate_app::inbound::Inbound;
use shipgate_app::ports::{Clock, Random};
use shipgate_app::store::Epoch;
use shipgate_store::SqliteStore;
use std::collections::BTreeMap;
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

/// Why a worker does not go on.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// Until this moment.
    Until(Ms),
    /// Until something is written, or until this moment.
    Idle(Ms),
    /// For ever: the process is about to die.
    Never,
}

/// How an inbound came about; the oracles judge what may follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Words or a form.
    Said,
    /// A button that somebody saw, with what it says.
    Pressed(&'static str),
    /// A made-up button, or one brought from another channel.
    NotTheirs,
}

/// Something a person did, on its way to the process.
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

/// The world.
pub struct World {
    /// Chance.
    pub dice: Dice,
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
    pub fired: BTreeMap<Fault, u64>,
    /// What happened, line by line.
    pub history: Vec<String>,
    /// The first broken promise.
    pub violation: Option<String>,
    /// Why the last polled worker waits.
    pub wait: Option<Wait>,
    /// The process is to die now.
    pub crash: bool,
    /// Counts writes, which wake idle workers.
    pub kicks: u64,
    /// Which mistake is planted.
    pub mistake: Option<Mistake>,
    /// The rules and people of this seed.
    pub drawn: Drawn,
    /// Chat.
    pub chat: ChatModel,
    /// CI and code.
    pub code: CodeModel,
    /// What is on its way to the process.
    pub deliveries: Vec<Delivery>,
    /// Everything people did, by delivery key.
    pub done: BTreeMap<String, Done>,
    /// The inbox item at work: its row, its key, how often it was begun before.
    pub item: Option<(i64, String, u32)>,
    /// The epoch of the process that has the file.
    pub epoch: Option<Epoch>,
    /// Who watches.
    pub oracle: Oracle,
    /// The database.
    pub store: Arc<SqliteStore>,
    /// Version of the rules under which the process runs.
    pub rules_version: String,
    /// When the clock was moved last.
    pub jumped: Ms,
    next_key: u64,
}

impl World {
    /// A world at its beginning.
    pub fn new(seed: u64, mistake: Option<Mistake>, store: Arc<SqliteStore>) -> Self {
        let mut dice = Dice::of(seed, 1);
        let drawn = Drawn::draw(&mut dice);
        let rates = Rates::draw(&mut dice);
        let chat = ChatModel::new(&drawn, &mut dice);
        let code = CodeModel::new(&mut dice);
        Self {
            dice,
            base: drawn.begins,
            mono: 0,
            offset: 0,
            moved_back: 0,
            rates,
            fired: BTreeMap::new(),
            history: Vec::new(),
            violation: None,
            wait: None,
            crash: false,
            kicks: 0,
            mistake,
            drawn,
            chat,
            code,
            deliveries: Vec::new(),
            done: BTreeMap::new(),
            item: None,
            epoch: None,
            oracle: Oracle::default(),
            store,
            rules_version: String::new(),
            jumped: -MINUTE,
            next_key: 0,
        }
    }

    /// The clock that people and rules go by.
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

    /// Moves the clock.
    pub fn jump(&mut self, by: Ms) {
        self.note(if by < 0 { Fault::ClockBack } else { Fault::ClockForward });
        self.offset += by;
        self.moved_back += (-by).max(0);
        self.jumped = self.mono;
        self.kicks += 1;
        self.tell("clock", format!("jumped by {by} ms"));
    }

    /// Writes a line of history.
    pub fn tell(&mut self, actor: &str, event: impl AsRef<str>) {
        let line = format!("{} {:>10} {actor:<9} {}", self.now(), self.mono, event.as_ref());
        self.history.push(line);
    }

    /// Whether this kind of trouble happens now.
    pub fn is_hit(&mut self, fault: Fault) -> bool {
        let rate = self.rates.of(fault);
        let hit = self.dice.chance(rate);
        if hit {
            self.note(fault);
        }
        hit
    }

    /// Counts a kind of trouble that happened.
    pub fn note(&mut self, fault: Fault) {
        *self.fired.entry(fault).or_default() += 1;
        self.tell("trouble", format!("{fault:?}"));
    }

    /// A promise is broken.
    pub fn fail(&mut self, why: String) {
        self.tell("ORACLE", &why);
        if self.violation.is_none() {
            self.violation = Some(why);
        }
    }

    /// Sends what somebody did on its way.
    pub fn deliver(&mut self, mut inbound: Inbound, sort: Sort, drawn: Ms) {
        self.next_key += 1;
        inbound.key = format!("k{}", self.next_key);
        let mut at = self.mono + self.dice.between(5, 400);
        if self.is_hit(Fault::InboundLate) {
            at += self.dice.between(1, 20) * SECOND;
        }
        let text = format!("{} {:?} {:?}", inbound.key, sort, inbound.content);
        let actor = inbound.account.id.clone();
        self.tell(&actor, text);
        let done = Done { sort, inbound: inbound.clone(), acked: false, drawn };
        self.done.insert(inbound.key.clone(), done);
        self.deliveries.push(Delivery { at, inbound });
    }

    /// Whether the process may die here. An inbox item that was begun twice is left to finish: after a third death it
    /// would be put away for good, which is another promise than those that are watched here.
    pub fn may_die(&self) -> bool {
        self.item.as_ref().is_none_or(|(_, _, begun)| *begun < 2)
    }

    /// Whether the process dies here.
    pub fn is_struck(&mut self, fault: Fault) -> bool {
        if self.crash || !self.may_die() || !self.is_hit(fault) {
            return false;
        }
        self.crash = true;
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
    pub async fn may_die(&self, fault: Fault) {
        let dies = self.look().is_struck(fault);
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

/// The process's clock.
pub struct SimClock(pub Shared);

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let world = self.0.look();
        let late = if world.mistake == Some(Mistake::ClockWrong) { 60 * MINUTE } else { 0 };
        world.instant(world.mono + world.offset - late)
    }
    fn lease_now(&self) -> Timestamp {
        let world = self.0.look();
        world.instant(world.mono)
    }
}

/// The process's randomness, from a stream of its own.
pub struct SimRandom(pub Mutex<Dice>);

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}
