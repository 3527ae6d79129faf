//! The words a command file may use for actions, roles and kinds of arguments. What an action does lives in the
//! use cases, not here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An enum whose variants are words in files, logs and the API.
macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word as it is written in files, logs and the API. Stable.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The variant behind a word, exactly as written.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }
    };
}

word_enum! {
    /// What a command asks for: one per use case, the same for chat, buttons, console and API.
    Action {
        /// Ask for a deploy.
        DeployRequest = "deploy.request",
        /// Ask for a deploy of an earlier version.
        DeployRollback = "deploy.rollback",
        /// Say yes to a deploy.
        DeployApprove = "deploy.approve",
        /// Take one's yes back.
        DeployWithdraw = "deploy.withdraw",
        /// Record the note about an emergency.
        DeployIncident = "deploy.incident",
        /// Say no to a deploy.
        DeployReject = "deploy.reject",
        /// Stop a deploy that has not finished.
        DeployCancel = "deploy.cancel",
        /// Keep a deploy from starting.
        DeployHold = "deploy.hold",
        /// Let a held deploy go on.
        DeployResume = "deploy.resume",
        /// Let deploys start again after the self-check stopped them.
        DispatchResume = "dispatch.resume",
        /// Run failed jobs again.
        DeployRerun = "deploy.rerun",
        /// Show the last lines of a run.
        DeployLogs = "deploy.logs",
        /// Show the checklist of a deploy.
        DeployChecklist = "deploy.checklist",
        /// Show what runs where.
        StatusShow = "status.show",
        /// Show the last deploys.
        HistoryShow = "history.show",
        /// Show what a deploy would change.
        DiffShow = "diff.show",
        /// Say when a deploy is next allowed.
        CalendarWhen = "calendar.when",
        /// Say which rules hold at a time.
        CalendarExplain = "calendar.explain",
        /// Take a lock.
        LockTake = "lock.take",
        /// Give a lock back.
        LockRelease = "lock.release",
        /// Plan or start a freeze.
        FreezeAdd = "freeze.add",
        /// List freezes.
        FreezeList = "freeze.list",
        /// End a freeze early.
        FreezeEnd = "freeze.end",
        /// Let somebody approve in one's place for a while.
        AwayStart = "away.start",
        /// Be back.
        AwayEnd = "away.end",
        /// Say who may do something.
        PeopleWhoCan = "people.who_can",
        /// Show help.
        HelpShow = "help.show",
        /// Start a workflow of the team's own; the file says which.
        Pipeline = "pipeline",
    }
}

word_enum! {
    /// Who may give a command. The policy of the environment says which people these are; this is only the first
    /// question, the use case asks the second one.
    Role {
        /// Everybody Shipgate knows.
        Viewer = "viewer",
        /// May ask for deploys.
        Deployer = "deployer",
        /// May approve deploys.
        Approver = "approver",
    }
}

word_enum! {
    /// What an argument is, and so how it is read, completed and asked for.
    Kind {
        /// A service of the settings.
        Service = "service",
        /// An environment of the settings, or one of its aliases.
        Environment = "environment",
        /// A tag, branch or commit.
        Version = "version",
        /// A person.
        Person = "person",
        /// A length of time, such as `2h`.
        Duration = "duration",
        /// A point in time, such as `Fri 15:00`.
        Time = "time",
        /// One of the words that the file lists.
        Choice = "choice",
        /// A whole number.
        Number = "number",
        /// Free text.
        Text = "text",
        /// Given or not, without a value.
        Flag = "flag",
        /// The short id of a deploy.
        Deploy = "deploy",
        /// The name of a freeze.
        Freeze = "freeze",
        /// The name of a chat command.
        Command = "command",
    }
}
