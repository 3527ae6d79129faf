//! Work that follows a change: stored with it in one transaction, carried out later, by lease. Not here: doing it.

use crate::commands::{ArgSpec, Invocation};
use crate::inbound::{Inbound, ReplyTo};
use crate::ports::Post;
use crate::words::{Form, Message};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shipgate_domain::calendar::{FreezeId, Lead};
use shipgate_domain::ids::{DeployId, Digest, EnvironmentName};
use std::fmt;

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Resolve the version, read the facts, judge the gates, decide.
    Judge {
        /// The deploy.
        deploy: DeployId,
    },
    /// Send the intent, once.
    Send {
        /// The deploy.
        deploy: DeployId,
        /// The attempt; a later one has its own effect.
        attempt: u32,
    },
    /// Look for the run of an intent that was sent.
    Reconcile {
        /// The deploy.
        deploy: DeployId,
    },
    /// Read the run.
    Follow {
        /// The deploy.
        deploy: DeployId,
    },
    /// Ask the CI system to stop the run.
    StopRun {
        /// The deploy.
        deploy: DeployId,
    },
    /// Judge everybody who waits in a lock group.
    JudgeLine {
        /// The lock group.
        lock_group: String,
    },
    /// Bring the card up to date.
    Card {
        /// The deploy.
        deploy: DeployId,
    },
    /// Post something once, for ever: a result, a thread note, a reminder.
    Say {
        /// What and where.
        post: Box<Post>,
        /// Put it into the thread of this deploy's card, once the card exists.
        under: Option<DeployId>,
    },
    /// Answer one person privately.
    Reply {
        /// Whom.
        to: Box<ReplyTo>,
        /// What.
        message: Box<Message>,
    },
    /// Open a form for one person, within three seconds; if it is too late, tell them so.
    OpenForm {
        /// Whom.
        to: Box<ReplyTo>,
        /// What.
        form: Box<Form>,
        /// What to say when the form cannot be opened.
        otherwise: Box<Message>,
    },
    /// Look for reminders that are due.
    Remind,
    /// Tell people about one moment of a freeze.
    TellFreeze {
        /// The freeze.
        freeze: FreezeId,
        /// When this time of it begins.
        from: Timestamp,
        /// Which moment.
        lead: Lead,
        /// When it was found that the freeze came after this moment of it had passed; none where nobody was late.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late: Option<Timestamp>,
    },
    /// Write the state of the freezes into the topic of the channel.
    Topic,
    /// Ask the owner of an environment's lock whether it is still needed, when it is time.
    NagLock {
        /// Where.
        environment: EnvironmentName,
    },
    /// Remind those whose yes to this digest is still missing.
    Nudge {
        /// The deploy.
        deploy: DeployId,
        /// What they were asked about.
        digest: Digest,
        /// Not before: a moved clock makes everything due at once. None in rows of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Ask for the note about an emergency that is over, unless it was written.
    AskForIncident {
        /// The deploy.
        deploy: DeployId,
        /// 1 or 2: it is asked for twice.
        time: u32,
        /// Not before, likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Read the calendars of others that are due.
    ReadCalendars,
    /// Ask the CI systems for the runs that a database of an earlier day has forgotten.
    LookBack {
        /// Since when.
        since: Timestamp,
    },
    /// Go through the deploys that are not over.
    Sweep {
        /// Which, and why.
        of: Sweep,
    },
    /// Ask another system something for one person, and answer them.
    Look {
        /// What came in.
        inbound: Box<Inbound>,
        /// What was understood.
        said: Box<Invocation>,
        /// Words that are missing and are asked for in a form; none when the command is complete.
        missing: Vec<ArgSpec>,
    },
}

/// Which deploys to go through, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sweep {
    /// All: this replica has started, and no deploy may be without somebody who looks at it.
    Start,
    /// All that wait: something changed everywhere.
    Everywhere,
    /// All that wait for one environment: something changed there.
    Environment(EnvironmentName),
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sweep::Start => f.write_str("start"),
            Sweep::Everywhere => f.write_str("everywhere"),
            Sweep::Environment(name) => write!(f, "in/{name}"),
        }
    }
}

impl Effect {
    /// The effect's name for logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Effect::Judge { .. } => "judge",
            Effect::Send { .. } => "send",
            Effect::Reconcile { .. } => "reconcile",
            Effect::Follow { .. } => "follow",
            Effect::StopRun { .. } => "stop_run",
            Effect::JudgeLine { .. } => "judge_line",
            Effect::Card { .. } => "card",
            Effect::Say { .. } => "say",
            Effect::Reply { .. } => "reply",
            Effect::OpenForm { .. } => "open_form",
            Effect::Remind => "remind",
            Effect::TellFreeze { .. } => "tell_freeze",
            Effect::Topic => "topic",
            Effect::NagLock { .. } => "nag_lock",
            Effect::Nudge { .. } => "nudge",
            Effect::AskForIncident { .. } => "ask_for_incident",
            Effect::ReadCalendars => "read_calendars",
            Effect::LookBack { .. } => "look_back",
            Effect::Sweep { .. } => "sweep",
            Effect::Look { .. } => "look",
        }
    }

    /// What it keeps busy.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Effect::Card { .. }
            | Effect::Say { .. }
            | Effect::Reply { .. }
            | Effect::NagLock { .. }
            | Effect::Topic => Lane::Chat,
            Effect::OpenForm { .. } => Lane::Form,
            Effect::Judge { .. }
            | Effect::Send { .. }
            | Effect::Reconcile { .. }
            | Effect::Follow { .. }
            | Effect::StopRun { .. }
            | Effect::JudgeLine { .. }
            | Effect::Sweep { .. }
            | Effect::Remind
            | Effect::Nudge { .. }
            | Effect::AskForIncident { .. }
            | Effect::LookBack { .. } => Lane::Work,
            // Slow systems must hold up no start.
            Effect::Look { .. } | Effect::TellFreeze { .. } | Effect::ReadCalendars => Lane::Look,
        }
    }

    /// The deploy it concerns.
    #[must_use]
    pub fn deploy(&self) -> Option<&DeployId> {
        match self {
            Effect::Judge { deploy }
            | Effect::Send { deploy, .. }
            | Effect::Reconcile { deploy }
            | Effect::Follow { deploy }
            | Effect::StopRun { deploy }
            | Effect::Nudge { deploy, .. }
            | Effect::AskForIncident { deploy, .. }
            | Effect::Card { deploy } => Some(deploy),
            Effect::Say { under, .. } => under.as_ref(),
            Effect::JudgeLine { .. }
            | Effect::Reply { .. }
            | Effect::OpenForm { .. }
            | Effect::Remind
            | Effect::TellFreeze { .. }
            | Effect::Topic
            | Effect::NagLock { .. }
            | Effect::ReadCalendars
            | Effect::LookBack { .. }
            | Effect::Sweep { .. }
            | Effect::Look { .. } => None,
        }
    }
}

/// What an effect keeps busy. Each lane has workers of its own, so that a chat platform that hangs holds up no start,
/// and a form is opened within its three seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Judging, sending, following.
    Work,
    /// Cards, notes, answers.
    Chat,
    /// Forms.
    Form,
    /// Questions that another system answers: a code host that hangs holds up neither clicks nor starts.
    Look,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Lane; 4] = [Lane::Work, Lane::Chat, Lane::Form, Lane::Look];

    /// Effects of this lane that are carried out side by side. Most wait for other systems.
    #[must_use]
    pub const fn workers(self) -> usize {
        match self {
            Lane::Work => 10,
            Lane::Chat => 6,
            Lane::Form => 2,
            Lane::Look => 4,
        }
    }

    /// Stable name, as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Lane::Work => "work",
            Lane::Chat => "chat",
            Lane::Form => "form",
            Lane::Look => "look",
        }
    }
}

/// How often an effect with a key is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Once for ever: a second one with the same key is dropped, also after the first is done.
    Once,
    /// As often as asked: a second one with the same key while the first waits brings the first forward, and while
    /// the first is at work makes it run again after.
    Whenever,
    /// Like `Whenever`, but one that waits or is at work is enough as it is.
    IfNone,
}

/// An effect to store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEffect {
    /// Names it: see [`Repeat`].
    pub key: String,
    /// What to do.
    pub effect: Effect,
    /// Not before this instant.
    pub due: Timestamp,
    /// How often.
    pub repeat: Repeat,
}

impl NewEffect {
    /// An effect that is done once for ever.
    #[must_use]
    pub fn once(key: impl Into<String>, effect: Effect, due: Timestamp) -> Self {
        Self { key: key.into(), effect, due, repeat: Repeat::Once }
    }

    /// An effect that concerns a deploy, a line or the calendar, and is done whenever it is asked for.
    ///
    /// Its key follows from what it is, so asking twice is asking once.
    #[must_use]
    pub fn whenever(effect: Effect, due: Timestamp) -> Self {
        let subject = match &effect {
            Effect::JudgeLine { lock_group } => lock_group.clone(),
            Effect::Send { deploy, attempt } => format!("{deploy}/{attempt}"),
            Effect::Sweep { of } => of.to_string(),
            Effect::NagLock { environment } => environment.to_string(),
            other => other.deploy().map(ToString::to_string).unwrap_or_default(),
        };
        Self { key: format!("{}/{subject}", effect.name()), effect, due, repeat: Repeat::Whenever }
    }

    /// The same, unless it waits or is at work already.
    #[must_use]
    pub fn if_none(effect: Effect, due: Timestamp) -> Self {
        Self { repeat: Repeat::IfNone, ..Self::whenever(effect, due) }
    }
}

/// An effect that a worker holds for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Leased {
    /// Its row.
    pub id: i64,
    /// Its key.
    pub key: String,
    /// What to do.
    pub effect: Effect,
    /// How often it was begun before.
    pub attempts: u32,
    /// When it was first asked for.
    pub asked: Timestamp,
    /// Proof of the lease: a finish with an old token changes nothing.
    pub token: i64,
}

/// What becomes of a leased effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is done. If it was asked for again meanwhile, it runs again.
    Done,
    /// It worked and is wanted again at this instant; attempts are counted anew.
    Again(Timestamp),
    /// It did not work; try again at this instant.
    Retry {
        /// When.
        at: Timestamp,
        /// Why, for the log and the console.
        why: String,
    },
    /// It did not work and never will; it is kept for people to see.
    Dead {
        /// Why.
        why: String,
    },
}
