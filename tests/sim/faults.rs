//! What can go wrong around the bot, by name, and how often it does in one seed. Not here: doing it.

use crate::dice::Dice;

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
    // Chat.
    /// The chat platform takes seconds.
    ChatSlow,
    /// A call to the chat platform hangs for minutes.
    ChatHangs,
    /// A message is posted and the answer is lost.
    ChatAnswerLost,
    /// The chat platform says "too many requests, wait".
    ChatRateLimit,
    /// For minutes the chat platform says nothing but "too many requests".
    ChatStorm,
    /// The chat platform is down for minutes.
    ChatDown,
    /// The chat platform is down for two hours.
    ChatDownLong,
    /// The channel is archived for a while.
    ChannelArchived,
    /// The bot is removed from the channel for a while.
    BotRemoved,
    /// Earlier messages cannot be read, so nobody knows whether one was posted.
    HistoryUnreadable,
    /// A message can no longer be edited.
    EditRefused,
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
    // People.
    /// Somebody joins or leaves a group.
    GroupChanges,
    /// A group loses all of its members.
    GroupEmptied,
    /// Somebody who approved is taken out of the group a moment later.
    ApproverRemoved,
    /// Somebody's account is deactivated.
    AccountDeactivated,
    /// Somebody becomes a guest.
    AccountMadeGuest,
    /// A bot presses or says something.
    BotActs,
    /// A guest presses or says something.
    GuestActs,
    /// Somebody of another organisation presses or says something.
    ExternalActs,
    /// Somebody whom the rules do not know presses or says something.
    StrangerActs,
    /// Somebody who left presses or says something.
    LeaverActs,
    /// A person presses with a second account what the first has pressed.
    SecondAccount,
    /// The requester approves the request.
    OwnApproval,
    /// Two people press the same button in the same millisecond.
    TwoAtOnce,
    /// A person presses a button twice.
    PressedTwice,
    /// A person presses a button that is no longer there.
    PressedStale,
    /// Somebody makes up a button.
    PressedForged,
    /// Somebody brings a button from another channel.
    PressedForeign,
    /// Somebody brings a button's token to another deploy.
    PressedElsewhere,
    /// A form is sent twice.
    FormTwice,
    /// Somebody makes up a form.
    FormForged,
    /// Somebody writes what looks like markup, a mention or a link.
    HostileText,
    /// A freeze or a lock comes while a start is decided.
    FrozenInFlight,
    // What comes in.
    /// The same delivery comes twice.
    InboundTwice,
    /// The same delivery comes to both replicas.
    InboundToBoth,
    /// A delivery is overtaken by later ones.
    InboundLate,
    /// A delivery comes minutes late.
    InboundVeryLate,
    /// A delivery that was done long ago comes again.
    InboundReplayed,
    /// A delivery cannot be stored.
    InboundNotStored,
    /// An item makes the work on it panic, each time.
    ItemPoisoned,
    /// The work on an effect panics.
    WorkPanics,
    // The CI system.
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
    /// The start is answered with a redirect.
    SendRedirected,
    /// The answer to a start makes no sense; nothing was started.
    SendGarbled,
    /// A run is listed seconds to 50 minutes late.
    ListedLate,
    /// A run is listed more than 45 minutes late.
    ListedVeryLate,
    /// The CI system makes two runs of one start.
    DuplicateRun,
    /// The CI system makes 56 runs of one start.
    ManyRuns,
    /// Somebody stops a run on the CI system.
    CancelledElsewhere,
    /// Somebody runs an ended run again on the CI system.
    RerunElsewhere,
    /// A run's title no longer carries the deploy's id.
    RunRenamed,
    /// A run is deleted.
    RunDeleted,
    /// A run waits for a machine for a long time.
    RunQueuedLong,
    /// A run is held by a rule of the CI system.
    RunHeld,
    /// A run ends with a word that is neither success nor failure.
    ConcludedOddly,
    /// A run ends well and did nothing: all of its jobs were skipped.
    JobsSkipped,
    /// A run cannot be read.
    RunUnreadable,
    /// Runs cannot be listed.
    ListingFails,
    /// A run cannot be stopped.
    StopFails,
    /// The CI system says that it stops a run and does not.
    StopIgnored,
    /// A webhook never comes.
    WebhookLost,
    /// No webhook ever comes.
    WebhooksAllLost,
    /// A webhook comes twice.
    WebhookTwice,
    /// A webhook comes before the answer to the start.
    WebhookEarly,
    /// A webhook comes minutes late, after newer ones.
    WebhookLate,
    /// Somebody makes up a webhook.
    WebhookForged,
    // The code host.
    /// A tag is moved.
    TagMoved,
    /// A tag is deleted.
    TagDeleted,
    /// A branch gets the name of a tag.
    NameShared,
    /// The branch moves on.
    BranchMoved,
    /// A commit is pushed off the branch.
    ForcePushed,
    /// A check changes its mind.
    CheckFlips,
    /// A check that was there is there no more.
    CheckVanishes,
    /// A version, a check or a difference cannot be read.
    RepositoryFails,
    /// The code host is down for ten minutes.
    CodeHostDown,
    /// For minutes the code host says nothing but "too many requests".
    CodeHostStorm,
    /// The code host takes seconds.
    CodeHostSlow,
    /// A call to the code host hangs for minutes.
    CodeHostHangs,
    // Processes.
    /// The process dies before a delivery is stored.
    CrashBeforeStored,
    /// The process dies after a delivery is stored and before it is acknowledged.
    CrashBeforeAck,
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
    /// All processes die at once.
    CrashAll,
    /// A process is stopped in order and started again.
    Restarted,
    /// All processes come back with other rules.
    RulesChange,
    /// One process after the other comes back with other rules.
    RollingUpgrade,
    /// Accounts are linked to other people by new rules.
    AccountsLinked,
    /// A process is suspended, not for long enough to count as dead.
    Frozen,
    /// A process is suspended so long that it counts as dead, and goes on.
    FrozenTooLong,
    /// A suspended process goes on and says something after its place was taken.
    LateCall,
    // The database.
    /// A process loses the database for a while.
    CutOff,
    /// A process loses the database so long that it counts as dead.
    CutOffTooLong,
    /// All processes lose the database for a while.
    DatabaseDown,
    /// A write is not made, and the database says so.
    CommitFails,
    /// A write is made, and the database says that it failed.
    CommitUnconfirmed,
    /// A read fails.
    ReadFails,
    /// A write takes so long that what was decided may be old.
    CommitSlow,
    // Clocks.
    /// The clocks of two processes differ by seconds.
    ClocksDiffer,
    /// The clock jumps forward.
    ClockForward,
    /// The clock jumps forward by a day.
    ClockForwardDay,
    /// The clock jumps back a little.
    ClockBack,
    /// The clock jumps back by an hour.
    ClockBackHour,
    /// An hour of local time is left out while work goes on.
    HourSkipped,
    /// An hour of local time comes twice while work goes on.
    HourDoubled,
    // Kinds that came later, each as often as another in the same seed (`LATER`).
    /// Somebody deploys to staging without the bot.
    DeployedElsewhere,
    /// The code host's list of deployments cannot be read.
    DeploymentsUnreadable,
    /// Which files changed cannot be read.
    FilesUnreadable,
    /// A calendar that others keep cannot be read.
    CalendarUnreadable,
    /// No calendar that others keep can be read for up to an hour.
    CalendarDown,
    /// A process finishes what it has in hand and goes on with new rules.
    SettingsReadAgain,
}

/// How often each kind happens in a seed, of a thousand occasions. Many seeds leave many kinds out, so that each kind
/// is also seen without the others.
pub struct Rates {
    rates: Vec<u64>,
    is_calm: bool,
}

/// The last kinds are not drawn, but happen as often as these, so that what else is drawn in a seed stays.
const LATER: [Fault; 6] = [
    Fault::RerunElsewhere,
    Fault::RepositoryFails,
    Fault::RepositoryFails,
    Fault::GroupUnreadable,
    Fault::CodeHostDown,
    Fault::RulesChange,
];

/// A process that dies all the time does nothing else, and these are asked at every step.
const OFTEN_ASKED: [Fault; 11] = [
    Fault::FrozenInFlight,
    Fault::CrashBeforeCommit,
    Fault::CrashAfterCommit,
    Fault::CrashBeforeCall,
    Fault::CrashAfterCall,
    Fault::CommitFails,
    Fault::CommitUnconfirmed,
    Fault::CommitSlow,
    Fault::ReadFails,
    Fault::WorkPanics,
    Fault::ChatHangs,
];

impl Rates {
    /// Draws the rates of a seed. Kinds in `without` never happen; everything else is drawn as if they did.
    pub fn draw(dice: &mut Dice, without: &[Fault]) -> Self {
        let intensity = [0, 30, 60, 120][usize::try_from(dice.below(4)).unwrap_or(0)];
        let drawn = Fault::ALL.len() - LATER.len();
        let mut rates: Vec<u64> = Fault::ALL
            .iter()
            .take(drawn)
            .map(|_| if dice.chance(550) { 1 + dice.below(1 + intensity) } else { 0 })
            .collect();
        rates.extend(LATER.map(|like| rates[like as usize]));
        // INVARIANTS 5.4: the answer that never came is the most common trouble of all.
        rates[Fault::AcceptedThenError as usize] = 200 + dice.below(200);
        // Some days everything is slow.
        for slow in [Fault::CodeHostSlow, Fault::ChatSlow] {
            if dice.chance(80) {
                rates[slow as usize] = 500;
            }
        }
        for often in OFTEN_ASKED {
            rates[often as usize] = rates[often as usize].div_ceil(8);
        }
        // These take minutes to hours each.
        for long in [Fault::CodeHostHangs, Fault::ListedVeryLate, Fault::ManyRuns, Fault::RunQueuedLong] {
            rates[long as usize] = rates[long as usize].div_ceil(4);
        }
        rates[Fault::WebhooksAllLost as usize] = if dice.chance(100) { 1000 } else { 0 };
        for fault in without {
            rates[*fault as usize] = 0;
        }
        Self { rates, is_calm: false }
    }

    /// Nothing goes wrong any more.
    pub fn calm(&mut self) {
        self.is_calm = true;
    }

    /// How often this kind happens now.
    pub fn of(&self, fault: Fault) -> u64 {
        if self.is_calm { 0 } else { self.rates[fault as usize] }
    }
}
