//! What can go wrong around the bot, by name, and how often it does in one seed. Not here: doing it.

use crate::dice::Dice;
use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// One kind of trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name),+ }
        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Fault] = &[$(Fault::$name),+];
        }
    };
}

faults! {
    /// The chat platform takes seconds.
    ChatSlow,
    /// A message is posted and the answer is lost.
    ChatAnswerLost,
    /// The chat platform says "too many requests, wait".
    ChatRateLimit,
    /// The chat platform is down for minutes.
    ChatDown,
    /// Somebody deletes a card.
    MessageGone,
    /// A private answer cannot be delivered.
    ReplyFails,
    /// A form opens too late.
    FormFails,
    /// An account cannot be read.
    AccountUnreadable,
    /// A group cannot be read.
    GroupUnreadable,
    /// Somebody joins or leaves a group.
    GroupChanges,
    /// The same delivery comes twice.
    InboundTwice,
    /// A delivery is overtaken by later ones.
    InboundLate,
    /// The process dies before a delivery is stored.
    CrashBeforeStored,
    /// The process dies after a delivery is stored and before it is acknowledged.
    CrashBeforeAck,
    /// The CI system starts the run and then fails to say so.
    AcceptedThenError,
    /// The CI system accepts and gives no run id.
    AcceptedWithoutId,
    /// The CI system refuses for certain.
    SendRefused,
    /// No byte was sent.
    NotSent,
    /// A rate limit refused the start before any work.
    SendRateLimit,
    /// No answer came and nothing was started.
    SendTimeout,
    /// A run is listed seconds to 50 minutes late.
    ListedLate,
    /// The CI system makes two runs of one start.
    DuplicateRun,
    /// Somebody stops a run on the CI system.
    CancelledElsewhere,
    /// A run cannot be read.
    RunUnreadable,
    /// Runs cannot be listed.
    ListingFails,
    /// A run cannot be stopped.
    StopFails,
    /// A webhook never comes.
    WebhookLost,
    /// A webhook comes twice.
    WebhookTwice,
    /// A webhook comes before the answer to the start.
    WebhookEarly,
    /// A tag is moved.
    TagMoved,
    /// A check changes its mind.
    CheckFlips,
    /// A version, a check or a difference cannot be read.
    RepositoryFails,
    /// The code host is down for ten minutes.
    CodeHostDown,
    /// The code host takes seconds.
    CodeHostSlow,
    /// A person presses a button twice.
    PressedTwice,
    /// A person presses a button that is no longer there.
    PressedStale,
    /// Somebody makes up a button.
    PressedForged,
    /// Somebody brings a button from another channel.
    PressedForeign,
    /// The process dies before a write.
    CrashBeforeCommit,
    /// The process dies after a write.
    CrashAfterCommit,
    /// The process dies before a call to another system.
    CrashBeforeCall,
    /// The process dies after another system did what was asked.
    CrashAfterCall,
    /// The process dies at any other time.
    CrashIdle,
    /// The process comes back with other rules.
    RulesChange,
    /// The clock jumps forward.
    ClockForward,
    /// The clock jumps back a little.
    ClockBack,
}

/// How often each kind happens in a seed, of a thousand occasions. Many seeds leave many kinds out, so that each kind
/// is also seen without the others.
pub struct Rates {
    rates: BTreeMap<Fault, u64>,
    is_calm: bool,
}

impl Rates {
    /// Draws the rates of a seed.
    pub fn draw(dice: &mut Dice) -> Self {
        let intensity = [0, 30, 60, 120][usize::try_from(dice.below(4)).unwrap_or(0)];
        let mut rates: BTreeMap<Fault, u64> = Fault::ALL
            .iter()
            .map(|fault| {
                let is_in = dice.chance(550);
                (*fault, if is_in { 1 + dice.below(1 + intensity) } else { 0 })
            })
            .collect();
        // INVARIANTS 5.4: the answer that never came is the most common trouble of all.
        let unknown = 200 + dice.below(200);
        rates.insert(Fault::AcceptedThenError, unknown);
        // Some days everything is slow.
        for slow in [Fault::CodeHostSlow, Fault::ChatSlow] {
            if dice.chance(80) {
                rates.insert(slow, 500);
            }
        }
        // A process that dies all the time does nothing else.
        for crash in
            [Fault::CrashBeforeCommit, Fault::CrashAfterCommit, Fault::CrashBeforeCall, Fault::CrashAfterCall]
        {
            rates.entry(crash).and_modify(|rate| *rate = rate.div_ceil(8));
        }
        Self { rates, is_calm: false }
    }

    /// Nothing goes wrong any more.
    pub fn calm(&mut self) {
        self.is_calm = true;
    }

    /// How often this kind happens now.
    pub fn of(&self, fault: Fault) -> u64 {
        if self.is_calm { 0 } else { self.rates.get(&fault).copied().unwrap_or(0) }
    }
}
