//! Mistakes that can be planted in the models and wrappers, each of which breaks a promise that an oracle watches.
//! They prove that the oracles can fail. Not here: any mistake in the code that ships.

macro_rules! mistakes {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// A planted mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mistake { $($(#[$doc])* $name),+ }
        impl Mistake {
            /// Every mistake.
            pub const ALL: &'static [Mistake] = &[$(Mistake::$name),+];
        }
    };
}

mistakes! {
    /// The store forgets to check that a scope is unchanged.
    ScopeNotExpected,
    /// The store says that it wrote a decision and did not.
    CommitLost,
    /// The store writes a change without its audit entries.
    AuditDropped,
    /// A delivery is acknowledged and not stored.
    AckBeforeStored,
    /// The store does not tell about freezes.
    FreezesHidden,
    /// The clock is an hour late.
    ClockWrong,
    /// Every start is sent twice.
    SentTwice,
    /// Another commit is sent than was approved.
    OtherCommitSent,
    /// A failed run is read as a success.
    FailureReadAsSuccess,
    /// A tag is always read as it first was.
    TagRemembered,
    /// Every check is read as green.
    ChecksAlwaysGreen,
    /// Chat does not look for an earlier message with the same key.
    KeyIgnored,
    /// Groups are read once and believed for ever.
    GroupRemembered,
    /// Bots and guests look like people.
    BotsLookLikePeople,
    /// Buttons of other channels look like they stand on their card.
    ButtonsLookAtHome,
}
