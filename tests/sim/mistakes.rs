//! Mistakes that can be planted in the models and wrappers, each of which breaks a promise that an oracle watches.
//! They prove that the oracles can fail. Not here: mistakes planted in the product (`planted`), or any in what ships.

macro_rules! mistakes {
    ($(#[doc = $what:literal] $name:ident breaks $promises:literal),+ $(,)?) => {
        /// A planted mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mistake { $(#[doc = $what] $name),+ }
        impl Mistake {
            /// Every mistake.
            pub const ALL: &'static [Mistake] = &[$(Mistake::$name),+];

            /// What goes wrong, in a sentence.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Mistake::$name => $what.trim_ascii_start()),+ }
            }

            /// The promises whose oracles may find it, as they begin.
            #[must_use]
            pub fn breaks(self) -> &'static str {
                match self { $(Mistake::$name => $promises),+ }
            }
        }
    };
}

mistakes! {
    /// The store forgets to check that a scope is unchanged.
    ScopeNotExpected breaks "S4 S5 S6",
    /// The store says that it wrote a decision and did not.
    CommitLost breaks "S L",
    /// The store writes a change without its audit entries.
    AuditDropped breaks "S10",
    /// A delivery is acknowledged and not stored.
    AckBeforeStored breaks "S8",
    /// The store does not tell about freezes.
    FreezesHidden breaks "S5",
    /// The clock is an hour late.
    ClockWrong breaks "S5 L9",
    /// Every start is sent twice.
    SentTwice breaks "S3",
    /// Another commit is sent than was approved.
    OtherCommitSent breaks "S2",
    /// A failed run is read as a success.
    FailureReadAsSuccess breaks "S14",
    /// A tag is always read as it first was.
    TagRemembered breaks "S2",
    /// Every check is read as green.
    ChecksAlwaysGreen breaks "S2",
    /// Chat does not look for an earlier message with the same key.
    KeyIgnored breaks "S9",
    /// Groups are read once and believed for ever.
    GroupRemembered breaks "S1 S11",
    /// Bots and guests look like people.
    BotsLookLikePeople breaks "S11",
    /// Buttons of other channels look like they stand on their card.
    ButtonsLookAtHome breaks "S13",
}
