//! What comes in from chat, after its signature was verified and before anything is done about it.
//! Not here: verifying it (the chat adapters), or doing something about it (`intake`).

use crate::ports::MessageRef;
use serde::{Deserialize, Serialize};
use shipgate_domain::ids::Account;
use std::collections::BTreeMap;

/// One authentic command, click, form or mention. Stored before it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The same delivery twice has the same key: an event id, an envelope id, or a hash of the signed request.
    pub key: String,
    /// Who.
    pub account: Account,
    /// Name to show, never to decide by.
    pub name: String,
    /// Where an answer goes.
    pub reply_to: ReplyTo,
    /// What.
    pub content: Content,
}

/// What somebody said or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "content", rename_all = "snake_case")]
pub enum Content {
    /// A slash command: `/deploy` with `production v1.2.3`, or `/shipgate` with `deploy production v1.2.3`.
    Slash {
        /// The command's name without the slash.
        command: String,
        /// The rest.
        text: String,
    },
    /// A mention, `@shipgate deploy production v1.2.3`, without the mention itself.
    Mention {
        /// The rest.
        text: String,
    },
    /// A click on a button.
    Press {
        /// What the button carries: see [`crate::words::Button::value`].
        value: String,
        /// The message it stands on.
        message: Option<MessageRef>,
    },
    /// A press of one box of a row.
    Tick {
        /// What the row carries: see [`crate::words::Boxes::value`].
        value: String,
        /// The boxes that are ticked on the presser's screen now.
        selected: Vec<String>,
        /// The message it stands on.
        message: Option<MessageRef>,
    },
    /// A form that was filled in and sent.
    Submit {
        /// What the form carries: see [`crate::words::Form::context`].
        context: String,
        /// Its fields by name.
        fields: BTreeMap<String, String>,
    },
}

impl Content {
    /// Its kind for logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Content::Slash { .. } => "slash",
            Content::Mention { .. } => "mention",
            Content::Press { .. } => "press",
            Content::Tick { .. } => "tick",
            Content::Submit { .. } => "submit",
        }
    }
}

/// Where an answer to one person goes. Holds secrets for minutes: it is deleted with the inbox row when that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// The person's account.
    pub account: Account,
    /// The channel where they were, by id.
    pub channel: Option<String>,
    /// The thread they were in.
    pub thread: Option<String>,
    /// One-time address for answers, where the platform gave one (Slack: 5 uses in 30 minutes).
    pub response_url: Option<String>,
    /// One-time ticket for opening a form, where the platform gave one (Slack: 3 seconds).
    pub trigger: Option<String>,
}
