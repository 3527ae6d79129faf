//! What Slack delivers, by HTTP or by socket, becomes an [`Inbound`]. Whose it is (workspace, app) is checked here, for
//! all kinds of payloads alike. Not here: signatures (`http`), storing (`Sink`).

use super::SlackSettings;
use super::forms::{CALLBACK, Carried, View};
use super::render::boxes;
use super::render::inert::unescape;
use super::render::rich::is_user_id;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::ports::MessageRef;
use shipgate_app::words::BOXES;
use shipgate_domain::ids::{Account, Platform};
use std::collections::BTreeMap;

/// What a payload turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A command, click, form or mention. `complaint` is shown in the form when this cannot be stored.
    Inbound { inbound: Box<Inbound>, complaint: BTreeMap<String, String> },
    /// A form with something missing: sentences by block.
    Missing(BTreeMap<String, String>),
    /// Slack checks that the address is ours.
    Challenge(String),
    /// Authentic, but nothing for us.
    Nothing,
}

/// Why a payload is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// From another workspace or organisation.
    Team,
    /// For another app.
    App,
    /// Not what Slack sends.
    Unreadable,
}

impl Refusal {
    /// Stable word for metrics.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Refusal::Team => "wrong_team",
            Refusal::App => "wrong_app",
            Refusal::Unreadable => "unreadable",
        }
    }
}

/// Hex SHA-256 over parts; where one ends is part of it.
pub(crate) fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

fn check(
    settings: &SlackSettings,
    team: Option<&str>,
    org: Option<&str>,
    app: Option<&str>,
) -> Result<(), Refusal> {
    if ![team, org].contains(&Some(settings.team.as_str())) {
        return Err(Refusal::Team);
    }
    match &settings.app {
        Some(expected) if app != Some(expected.as_str()) => Err(Refusal::App),
        _ => Ok(()),
    }
}

fn account(id: &str) -> Result<Account, Refusal> {
    if is_user_id(id) {
        Ok(Account { platform: Platform::Slack, id: id.to_owned() })
    } else {
        Err(Refusal::Unreadable)
    }
}

fn parse<T: for<'de> Deserialize<'de>>(payload: &Value) -> Result<T, Refusal> {
    T::deserialize(payload).map_err(|_| Refusal::Unreadable)
}

fn inbound(inbound: Inbound) -> Read {
    Read::Inbound { inbound: Box::new(inbound), complaint: BTreeMap::new() }
}

#[derive(Deserialize)]
struct Slash {
    team_id: Option<String>,
    enterprise_id: Option<String>,
    api_app_id: Option<String>,
    user_id: String,
    #[serde(default)]
    user_name: String,
    channel_id: Option<String>,
    command: String,
    #[serde(default)]
    text: String,
    response_url: Option<String>,
    trigger_id: Option<String>,
}

/// Reads a slash command. `key` names this delivery: Slack gives commands no id of their own.
pub(crate) fn slash(settings: &SlackSettings, payload: &Value, key: String) -> Result<Read, Refusal> {
    let slash: Slash = parse(payload)?;
    check(settings, slash.team_id.as_deref(), slash.enterprise_id.as_deref(), slash.api_app_id.as_deref())?;
    let account = account(&slash.user_id)?;
    let command = slash.command.strip_prefix('/').ok_or(Refusal::Unreadable)?.to_owned();
    Ok(inbound(Inbound {
        key: format!("slack/slash/{key}"),
        account: account.clone(),
        name: slash.user_name,
        reply_to: ReplyTo {
            account,
            channel: slash.channel_id,
            thread: None,
            response_url: slash.response_url,
            trigger: slash.trigger_id,
        },
        content: Content::Slash { command, text: unescape(&slash.text) },
    }))
}

#[derive(Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
    team: Option<Named>,
    enterprise: Option<Named>,
    api_app_id: Option<String>,
    user: User,
    trigger_id: Option<String>,
    response_url: Option<String>,
    channel: Option<Named>,
    container: Option<Container>,
    #[serde(default)]
    actions: Vec<Clicked>,
    view: Option<View>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Container {
    message_ts: Option<String>,
    channel_id: Option<String>,
    thread_ts: Option<String>,
    #[serde(default)]
    is_ephemeral: bool,
}

#[derive(Deserialize)]
struct Clicked {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    block_id: String,
    #[serde(default)]
    action_ts: String,
    value: Option<String>,
    #[serde(default)]
    selected_options: Vec<Chosen>,
}

#[derive(Deserialize)]
struct Chosen {
    value: String,
}

/// Reads a click or a form.
pub(crate) fn interaction(settings: &SlackSettings, payload: &Value) -> Result<Read, Refusal> {
    let it: Interaction = parse(payload)?;
    let team = it.team.as_ref().map(|t| t.id.as_str());
    check(settings, team, it.enterprise.as_ref().map(|e| e.id.as_str()), it.api_app_id.as_deref())?;
    let account = account(&it.user.id)?;
    let name = if it.user.username.is_empty() { it.user.name.clone() } else { it.user.username.clone() };
    match it.kind.as_str() {
        "block_actions" => Ok(click(it, account, name)),
        "view_submission" => submission(it, account, name),
        _ => Ok(Read::Nothing),
    }
}

fn click(it: Interaction, account: Account, name: String) -> Read {
    let is_ours = |a: &Clicked| match a.kind.as_str() {
        "button" => a.action_id.starts_with("press."),
        "checkboxes" => a.action_id == boxes::ACTION && a.block_id.starts_with(boxes::BLOCK),
        _ => false,
    };
    let Some(clicked) = it.actions.into_iter().find(is_ours) else { return Read::Nothing };
    let selected = (clicked.kind == "checkboxes").then(|| {
        clicked.selected_options.into_iter().take(BOXES).map(|chosen| chosen.value).collect::<Vec<_>>()
    });
    let value = match &selected {
        Some(_) => clicked.block_id.strip_prefix(boxes::BLOCK).map(ToOwned::to_owned),
        None => clicked.value,
    };
    let Some(value) = value else { return Read::Nothing };
    let channel = it.channel.map(|c| c.id);
    let container = it.container;
    let channel = channel.or_else(|| container.as_ref().and_then(|c| c.channel_id.clone()));
    let thread = container.as_ref().and_then(|c| c.thread_ts.clone());
    let message = container.filter(|c| !c.is_ephemeral).and_then(|c| c.message_ts).zip(channel.clone());
    let message = message.map(|(id, channel)| MessageRef { channel, id });
    let ticks = selected.as_ref().map(|selected| selected.join(" ")).unwrap_or_default();
    let mut parts = vec![account.id.as_bytes(), clicked.action_ts.as_bytes(), value.as_bytes()];
    // A button's key is as it always was.
    parts.extend(selected.is_some().then_some(ticks.as_bytes()));
    let key = format!("slack/click/{}", hash(&parts));
    let content = match selected {
        Some(selected) => Content::Tick { value, selected, message },
        None => Content::Press { value, message },
    };
    inbound(Inbound {
        key,
        account: account.clone(),
        name,
        reply_to: ReplyTo { account, channel, thread, response_url: it.response_url, trigger: it.trigger_id },
        content,
    })
}

fn submission(it: Interaction, account: Account, name: String) -> Result<Read, Refusal> {
    let view = it.view.ok_or(Refusal::Unreadable)?;
    if view.callback_id != CALLBACK {
        return Ok(Read::Nothing);
    }
    let missing = view.missing();
    if !missing.is_empty() {
        return Ok(Read::Missing(missing));
    }
    let carried: Carried = serde_json::from_str(&view.private_metadata).map_err(|_| Refusal::Unreadable)?;
    let fields = view.fields();
    let complaint = view.complaint(super::NOT_STORED);
    let inbound = Inbound {
        key: format!("slack/form/{}", hash(&[account.id.as_bytes(), view.id.as_bytes()])),
        account: account.clone(),
        name,
        reply_to: ReplyTo {
            account,
            channel: carried.channel,
            thread: carried.thread,
            response_url: None,
            trigger: it.trigger_id,
        },
        content: Content::Submit { context: carried.context, fields },
    };
    Ok(Read::Inbound { inbound: Box::new(inbound), complaint })
}

#[derive(Deserialize)]
struct Delivery {
    #[serde(rename = "type")]
    kind: String,
    challenge: Option<String>,
    team_id: Option<String>,
    enterprise_id: Option<String>,
    api_app_id: Option<String>,
    event_id: Option<String>,
    event: Option<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    user: Option<String>,
    bot_id: Option<String>,
    #[serde(default)]
    text: String,
    channel: Option<String>,
    thread_ts: Option<String>,
}

/// Reads an event: mentions are for us, all others are not.
pub(crate) fn event(settings: &SlackSettings, payload: &Value) -> Result<Read, Refusal> {
    let delivery: Delivery = parse(payload)?;
    if delivery.kind == "url_verification" {
        return Ok(Read::Challenge(delivery.challenge.ok_or(Refusal::Unreadable)?));
    }
    let (team, org) = (delivery.team_id.as_deref(), delivery.enterprise_id.as_deref());
    check(settings, team, org, delivery.api_app_id.as_deref())?;
    if delivery.kind == "app_rate_limited" {
        tracing::error!("Slack holds events back: more than 30,000 in an hour (app_rate_limited)");
    }
    let Some(event) = delivery.event.filter(|e| e.kind == "app_mention" && e.bot_id.is_none()) else {
        return Ok(Read::Nothing);
    };
    let (Some(user), Some(id)) = (event.user, delivery.event_id) else { return Ok(Read::Nothing) };
    let account = account(&user)?;
    Ok(inbound(Inbound {
        key: format!("slack/event/{id}"),
        account: account.clone(),
        name: user,
        reply_to: ReplyTo {
            account,
            channel: event.channel,
            thread: event.thread_ts,
            response_url: None,
            trigger: None,
        },
        content: Content::Mention { text: without_mention(&event.text) },
    }))
}

/// The text without the mention it starts with; a mention elsewhere stays where it is.
fn without_mention(text: &str) -> String {
    let text = text.trim();
    let rest = text.strip_prefix("<@").and_then(|rest| rest.split_once('>')).map_or(text, |(_, rest)| rest);
    unescape(rest.trim())
}
