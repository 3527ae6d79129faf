//! What the workspace contains. How it may be changed from outside is in `api.rs` and `people.rs`.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SlackConfig;
use super::socket::{Socket, Waiting};
use crate::serve::Call;

/// A channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channel {
    /// `C…`, `G…` or `D…`.
    pub id: String,
    /// Name without `#`.
    pub name: String,
    /// Private channels are not listed unless asked for.
    #[serde(default)]
    pub is_private: bool,
    /// Archived channels take no posts.
    #[serde(default)]
    pub is_archived: bool,
    /// Posting needs it: `not_in_channel` otherwise.
    #[serde(default = "yes")]
    pub bot_is_member: bool,
    /// What stands above its messages.
    #[serde(default)]
    pub topic: String,
}

fn yes() -> bool {
    true
}

impl Channel {
    /// A public channel with the bot in it.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            is_private: false,
            is_archived: false,
            bot_is_member: true,
            topic: String::new(),
        }
    }
}

/// A member, guest or bot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// `U…` or `W…`.
    pub id: String,
    /// Handle.
    pub name: String,
    /// Name as shown.
    #[serde(default)]
    pub real_name: String,
    /// IANA zone.
    #[serde(default = "utc")]
    pub tz: String,
    /// Workspace; another one than the model's own for guests of shared channels.
    #[serde(default)]
    pub team: Option<String>,
    /// Bots.
    #[serde(default)]
    pub is_bot: bool,
    /// Multi-channel guests.
    #[serde(default)]
    pub is_restricted: bool,
    /// Single-channel guests.
    #[serde(default)]
    pub is_ultra_restricted: bool,
    /// Deactivated people.
    #[serde(default)]
    pub deleted: bool,
    /// Workspace admins.
    #[serde(default)]
    pub is_admin: bool,
}

fn utc() -> String {
    "Etc/UTC".into()
}

impl Person {
    /// A full member of the model's workspace.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            real_name: name.into(),
            tz: utc(),
            team: None,
            is_bot: false,
            is_restricted: false,
            is_ultra_restricted: false,
            deleted: false,
            is_admin: false,
        }
    }
}

/// A user group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// `S…`
    pub id: String,
    /// Handle without `@`.
    pub handle: String,
    /// Members' ids.
    pub members: Vec<String>,
}

impl Group {
    /// A group of these members.
    pub fn new(id: &str, handle: &str, members: &[&str]) -> Self {
        Self {
            id: id.into(),
            handle: handle.into(),
            members: members.iter().map(|m| (*m).to_owned()).collect(),
        }
    }
}

/// How a message looked before an edit.
#[derive(Clone, Debug, Serialize)]
pub struct Edit {
    /// The earlier text.
    pub text: String,
    /// The earlier blocks.
    pub blocks: Vec<Value>,
    /// When it was replaced, milliseconds since 1970.
    pub replaced_at: i64,
}

/// A message everybody in its channel sees.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Channel id.
    pub channel: String,
    /// Id within the channel, and its time.
    pub ts: String,
    /// Author.
    pub user: String,
    /// Fallback text.
    pub text: String,
    /// Blocks with the ids Slack gave where there were none.
    pub blocks: Vec<Value>,
    /// Parent, for replies.
    pub thread_ts: Option<String>,
    /// Whether a reply shows in the channel too.
    pub reply_broadcast: bool,
    /// `metadata` as sent.
    pub metadata: Option<Value>,
    /// `client_msg_id` as sent.
    pub client_msg_id: Option<String>,
    /// Earlier forms, oldest first.
    pub edits: Vec<Edit>,
    /// Names of reactions.
    pub reactions: Vec<String>,
    /// No longer shown.
    pub deleted: bool,
}

impl Message {
    /// Text and every text inside blocks and button labels, joined by newlines: what a person can read.
    pub fn readable(&self) -> String {
        readable(&self.text, &self.blocks)
    }
}

/// A message that one person sees.
#[derive(Clone, Debug, Serialize)]
pub struct Ephemeral {
    /// Channel id.
    pub channel: String,
    /// Who sees it.
    pub user: String,
    /// Its time.
    pub ts: String,
    /// Text.
    pub text: String,
    /// Blocks.
    pub blocks: Vec<Value>,
    /// Parent, when shown in a thread.
    pub thread_ts: Option<String>,
    /// `chat.postEphemeral`, `response_url` or `answer` (the body of a slash command's answer).
    pub via: &'static str,
    /// Replaced or deleted by response_url.
    pub gone: bool,
}

impl Ephemeral {
    /// Text and every text inside blocks, joined by newlines.
    pub fn readable(&self) -> String {
        readable(&self.text, &self.blocks)
    }
}

fn readable(text: &str, blocks: &[Value]) -> String {
    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (name, member) in object {
                    match member {
                        Value::String(text) if name == "text" || name == "alt_text" => {
                            into.push(text.clone())
                        }
                        other => collect(other, into),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            _ => {}
        }
    }
    let mut all = vec![text.to_owned()];
    blocks.iter().for_each(|block| collect(block, &mut all));
    all.join("\n")
}

/// A modal.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// `V…`
    pub id: String,
    /// Who sees it.
    pub user: String,
    /// As sent, with ids filled in.
    pub view: Value,
    /// Not yet submitted or closed.
    pub open: bool,
}

/// One post to a response_url.
#[derive(Clone, Debug, Serialize)]
pub struct ResponseUse {
    /// Whose input the url came with.
    pub user: String,
    /// Channel of that input.
    pub channel: String,
    /// The body as sent.
    pub body: Value,
    /// Status answered.
    pub status: u16,
}

#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub user: String,
    pub issued: i64,
    pub used: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ResponseUrl {
    pub user: String,
    pub channel: String,
    pub issued: i64,
    pub uses: u32,
    /// The message clicked on: `ts`, and whether it was ephemeral.
    pub source: Option<(String, bool)>,
}

#[derive(Debug)]
pub(super) struct State {
    pub target: Option<String>,
    pub by_socket: bool,
    pub post_interval: Option<Duration>,
    pub channels: Vec<Channel>,
    pub people: Vec<Person>,
    pub groups: Vec<Group>,
    pub messages: Vec<Message>,
    pub ephemerals: Vec<Ephemeral>,
    pub views: Vec<View>,
    /// Boxes as they are ticked on somebody's screen: by person, message and block.
    pub screens: HashMap<(String, String, String), Vec<serde_json::Value>>,
    pub responses: Vec<ResponseUse>,
    pub triggers: HashMap<String, Trigger>,
    pub response_urls: HashMap<String, ResponseUrl>,
    pub next_post: HashMap<String, i64>,
    pub lost: Vec<String>,
    pub calls: Vec<Call>,
    pub tickets: Vec<String>,
    pub sockets: Vec<Socket>,
    pub next_socket: usize,
    pub unacked_events: Vec<Waiting>,
    serial: u64,
    last_ts: i64,
}

impl State {
    pub fn new(config: &SlackConfig) -> Self {
        let mut bot = Person::new(&config.bot_user, "shipgate");
        bot.is_bot = true;
        Self {
            target: None,
            by_socket: false,
            post_interval: None,
            channels: vec![Channel::new("C0DEPLOY", "deployments"), Channel::new("C0GENERAL", "general")],
            people: vec![bot],
            groups: Vec::new(),
            messages: Vec::new(),
            ephemerals: Vec::new(),
            views: Vec::new(),
            screens: HashMap::new(),
            responses: Vec::new(),
            triggers: HashMap::new(),
            response_urls: HashMap::new(),
            next_post: HashMap::new(),
            lost: Vec::new(),
            calls: Vec::new(),
            tickets: Vec::new(),
            sockets: Vec::new(),
            next_socket: 0,
            unacked_events: Vec::new(),
            serial: 0,
            last_ts: 0,
        }
    }

    /// A number never given before.
    pub fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A message time later than all before.
    pub fn ts(&mut self, now_millis: i64) -> String {
        self.last_ts = (now_millis * 1000).max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    /// A channel by id or name, with or without `#`.
    pub fn channel(&self, key: &str) -> Option<&Channel> {
        let name = key.trim_start_matches('#');
        self.channels.iter().find(|c| c.id == key).or_else(|| self.channels.iter().find(|c| c.name == name))
    }

    /// A person by id or handle.
    pub fn person(&self, key: &str) -> Option<&Person> {
        self.people.iter().find(|p| p.id == key || p.name == key)
    }

    /// The direct-message channel with a person, opened when there is none.
    pub fn direct(&mut self, user: &str) -> String {
        let id = format!("D{}", user.trim_start_matches(['U', 'W']));
        if self.channels.iter().all(|channel| channel.id != id) {
            let mut channel = Channel::new(&id, &format!("dm-{user}"));
            channel.is_private = true;
            self.channels.push(channel);
        }
        id
    }

    pub fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|m| m.channel == channel && m.ts == ts && !m.deleted)
    }

    pub fn trigger(&mut self, user: &str, now: i64) -> String {
        let id = format!("{}.{now}.{user}", self.serial());
        self.triggers.insert(id.clone(), Trigger { user: user.to_owned(), issued: now, used: false });
        id
    }

    pub fn response_url(
        &mut self,
        user: &str,
        channel: &str,
        now: i64,
        source: Option<(String, bool)>,
    ) -> String {
        let token = format!("{}x{now}", self.serial());
        let (user, channel) = (user.to_owned(), channel.to_owned());
        self.response_urls.insert(token.clone(), ResponseUrl { user, channel, issued: now, uses: 0, source });
        token
    }

    /// Blocks as Slack stores them: every one with a `block_id`, every interactive element with an `action_id`.
    pub fn with_ids(&mut self, blocks: &Value) -> Vec<Value> {
        let mut blocks = blocks.as_array().cloned().unwrap_or_default();
        for block in &mut blocks {
            if block["block_id"].is_null() {
                block["block_id"] = json!(format!("b{:04}", self.serial()));
            }
            for part in ["element", "accessory"] {
                self.give_action_id(&mut block[part]);
            }
            if let Some(elements) = block["elements"].as_array_mut() {
                elements.iter_mut().for_each(|element| self.give_action_id(element));
            }
            if let Some(object) = block.as_object_mut() {
                object.retain(|_, member| !member.is_null());
            }
        }
        blocks
    }

    fn give_action_id(&mut self, element: &mut Value) {
        let passive = matches!(element["type"].as_str(), None | Some("mrkdwn" | "plain_text" | "image"));
        if !passive && element["action_id"].is_null() {
            element["action_id"] = json!(format!("a{:04}", self.serial()));
        }
    }
}
