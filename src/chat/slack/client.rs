//! Calls to Slack's Web API: posting, editing, private answers, forms, accounts and groups. Not here: drawing
//! (`render`), and trying again (the caller's outbox does).
//!
//! Answers are read into our own small structs rather than the client's typed ones: those lack `metadata`, and take a
//! proxy's error page with status 200 for an empty answer where nothing in it is required. Ours require `ok`.

use super::errors::{chat_error, later};
use super::pace::Pace;
use super::render::{Drawn, rich};
use super::{SetupError, SlackSecrets, SlackSettings, forms, render, tls};
use async_trait::async_trait;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shipgate_app::inbound::ReplyTo;
use shipgate_app::point;
use shipgate_app::ports::{Chat, ChatError, MessageRef, Post};
use shipgate_app::words::{Body, Form, Message};
use shipgate_domain::ids::{Account, Platform};
use shipgate_domain::people::{AccountFacts, OutsideGroup};
use shipgate_outbound::{Names, Reach};
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::SlackClientHyperConnector;
use slack_morphism::{
    SlackApiToken, SlackApiTokenValue, SlackClient, SlackClientApiCallContext, SlackClientHttpConnector,
};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// No call takes longer than this, from connecting to the last byte.
const CALL_TIME: Duration = Duration::from_secs(10);
/// Most pages that are read of any list; each has up to 200 or 900 entries.
const PAGES: usize = 50;
/// How many of a channel's last messages are looked through for one that may already be there.
const LOOK_BACK_PAGES: usize = 6;
/// Name of our metadata on messages.
const METADATA: &str = "shipgate";

type Connector = SlackClientHyperConnector<TimeoutConnector<HttpsConnector<HttpConnector<Names>>>>;

/// Slack, as the use cases see it.
pub struct Slack {
    settings: SlackSettings,
    client: SlackClient<Connector>,
    /// For addresses that come from payloads.
    answering: SlackClient<Connector>,
    token: SlackApiToken,
    channels: Mutex<HashMap<String, String>>,
    pace: Mutex<Pace>,
}

#[derive(Deserialize)]
struct Answer<T> {
    ok: bool,
    #[serde(flatten)]
    rest: T,
}

#[derive(Deserialize)]
struct Empty {}

#[derive(Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(flatten)]
    items: T,
    #[serde(default)]
    response_metadata: Cursor,
}

#[derive(Default, Deserialize)]
struct Cursor {
    #[serde(default)]
    next_cursor: String,
}

#[derive(Deserialize)]
struct Channels {
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Messages {
    messages: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    ts: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    event_type: String,
    #[serde(default)]
    event_payload: Value,
}

#[derive(Deserialize)]
struct Users {
    users: Vec<String>,
}

#[derive(Deserialize)]
struct UserAnswer {
    user: User,
}

#[derive(Deserialize)]
struct User {
    team_id: Option<String>,
    enterprise_user: Option<EnterpriseUser>,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    is_bot: bool,
    #[serde(default)]
    is_app_user: bool,
    #[serde(default)]
    is_workflow_bot: bool,
    #[serde(default)]
    is_restricted: bool,
    #[serde(default)]
    is_ultra_restricted: bool,
    #[serde(default)]
    is_stranger: bool,
    #[serde(default)]
    name: String,
    real_name: Option<String>,
    #[serde(default)]
    profile: Profile,
}

#[derive(Deserialize)]
struct EnterpriseUser {
    #[serde(default)]
    enterprise_id: String,
}

#[derive(Default, Deserialize)]
struct Profile {
    #[serde(default)]
    display_name: String,
}

impl Slack {
    /// A client for one workspace.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(settings: SlackSettings, secrets: &SlackSecrets) -> Result<Self, SetupError> {
        let client = client(&settings, None)?;
        let answering = self::client(&settings, Some(reach(&settings)))?;
        let token = SlackApiToken::new(SlackApiTokenValue(secrets.bot_token.expose_secret().to_owned()));
        Ok(Self { settings, client, answering, token, channels: Mutex::default(), pace: Mutex::default() })
    }

    /// A call that changes something: JSON in the body.
    pub(super) async fn write<T>(&self, method: &str, place: &str, body: &Value) -> Result<T, ChatError>
    where
        T: DeserializeOwned + Send,
    {
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_post::<_, Answer<T>>(method, body, None);
        point!("slack", method, "before");
        let settled = settle(method, place, timeout(CALL_TIME, call).await);
        point!("slack", method, "after");
        settled
    }

    /// A call that reads: these methods ignore a JSON body, so arguments go into the address.
    pub(super) async fn read<T>(
        &self,
        method: &str,
        place: &str,
        arguments: &[(&str, &str)],
    ) -> Result<T, ChatError>
    where
        T: DeserializeOwned + Send,
    {
        let arguments: Vec<(&str, Option<&str>)> =
            arguments.iter().map(|(name, value)| (*name, Some(*value))).collect();
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_get::<Answer<T>, _, _>(method, &arguments, None);
        settle(method, place, timeout(CALL_TIME, call).await)
    }

    /// All pages of a list, until `visit` has seen enough.
    async fn pages<T>(
        &self,
        method: &str,
        place: &str,
        arguments: &[(&str, &str)],
        most: usize,
        mut visit: impl FnMut(T) -> bool + Send,
    ) -> Result<(), ChatError>
    where
        T: DeserializeOwned + Send,
    {
        let mut cursor = String::new();
        for _ in 0..most {
            let mut arguments = arguments.to_vec();
            if !cursor.is_empty() {
                arguments.push(("cursor", &cursor));
            }
            let page: Page<T> = self.read(method, place, &arguments).await?;
            if visit(page.items) || page.response_metadata.next_cursor.is_empty() {
                return Ok(());
            }
            cursor = page.response_metadata.next_cursor;
        }
        Ok(())
    }

    /// The id of a channel, from the settings (`#deployments`) or as it is.
    pub(super) async fn channel_id(&self, name: &str) -> Result<String, ChatError> {
        let is_id = name.len() >= 9
            && name.starts_with(['C', 'D', 'G'])
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if is_id {
            return Ok(name.to_owned());
        }
        let wanted = name.trim_start_matches('#');
        if let Some(id) = self.channels.lock().unwrap_or_else(PoisonError::into_inner).get(wanted) {
            return Ok(id.clone());
        }
        let known = match self.list_channels("public_channel,private_channel").await {
            // Without groups:read, public channels can still be found.
            Err(ChatError::Refused { .. }) => self.list_channels("public_channel").await?,
            other => other?,
        };
        let id = known.get(wanted).cloned();
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).extend(known);
        id.ok_or_else(|| super::errors::of_code("conversations.list", name, "channel_not_found", None))
    }

    async fn list_channels(&self, types: &str) -> Result<HashMap<String, String>, ChatError> {
        let mut known = HashMap::new();
        let arguments = [("types", types), ("exclude_archived", "true"), ("limit", "900")];
        self.pages("conversations.list", "the list of channels", &arguments, PAGES, |page: Channels| {
            known.extend(page.channels.into_iter().map(|c| (c.name, c.id)));
            false
        })
        .await?;
        Ok(known)
    }

    /// Keeps away from a place that Slack limits, so that nobody asks again in vain; other places go on.
    fn heed<T>(&self, place: &str, answer: Result<T, ChatError>) -> Result<T, ChatError> {
        if let Err(ChatError::Later { after: Some(after), .. }) = &answer {
            let after = Duration::try_from(*after).unwrap_or_default();
            self.pace.lock().unwrap_or_else(PoisonError::into_inner).limit(place, Instant::now(), after);
        }
        answer
    }

    /// Waits for a turn at a place, if it is near.
    async fn turn(&self, place: &str) -> Result<(), ChatError> {
        let turn = self.pace.lock().unwrap_or_else(PoisonError::into_inner).take(place, Instant::now());
        match turn {
            Ok(wait) => {
                sleep(wait).await;
                Ok(())
            }
            Err(wait) => {
                let after = SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_secs(60));
                Err(ChatError::NotYet { after })
            }
        }
    }

    /// Looks for a message of ours by its key among the last ones.
    async fn find(
        &self,
        channel: &str,
        thread: Option<&str>,
        key: &str,
    ) -> Result<Option<MessageRef>, ChatError> {
        let mut found = None;
        let visit = |page: Messages| {
            let is_it = |m: &Found| {
                m.metadata
                    .as_ref()
                    .is_some_and(|d| d.event_type == METADATA && d.event_payload["key"].as_str() == Some(key))
            };
            found = page.messages.into_iter().find(is_it).map(|m| m.ts);
            found.is_some()
        };
        let mut arguments = vec![("channel", channel), ("include_all_metadata", "true")];
        match thread {
            // A thread is read from its beginning, so all of it has to be.
            Some(thread) => {
                arguments.extend([("ts", thread), ("limit", "200")]);
                self.pages("conversations.replies", channel, &arguments, PAGES, visit).await?;
            }
            None => {
                arguments.push(("limit", "100"));
                self.pages("conversations.history", channel, &arguments, LOOK_BACK_PAGES, visit).await?;
            }
        }
        Ok(found.map(|id| MessageRef { channel: channel.to_owned(), id }))
    }

    async fn post_to(&self, channel: &str, post: &Post, again: bool) -> Result<MessageRef, ChatError> {
        let thread = post.thread.as_ref().map(|t| t.id.as_str());
        self.turn(channel).await?;
        if again && let Some(message) = self.find(channel, thread, &post.key).await? {
            return Ok(message);
        }
        let drawn = render::body(&post.body);
        let mut body = json!({
            "channel": channel,
            "text": drawn.text,
            "blocks": drawn.blocks,
            "metadata": {"event_type": METADATA, "event_payload": {"key": post.key}},
            "client_msg_id": client_message_id(&post.key),
            "unfurl_links": false,
            "unfurl_media": false,
            "mrkdwn": false,
            "parse": "none",
        });
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        let posted = self.write("chat.postMessage", &post.channel, &body).await;
        let posted: Posted = self.heed(channel, posted)?;
        Ok(MessageRef { channel: posted.channel, id: posted.ts })
    }

    /// A message that only one person sees; as a direct message where they cannot be reached in a channel.
    async fn whisper(&self, to: &ReplyTo, drawn: &Drawn) -> Result<(), ChatError> {
        let mut body = json!({"text": drawn.text, "blocks": drawn.blocks, "parse": "none"});
        if let Some(channel) = &to.channel {
            body["channel"] = json!(channel);
            body["user"] = json!(to.account.id);
            if let Some(thread) = &to.thread {
                body["thread_ts"] = json!(thread);
            }
            match self.write::<Empty>("chat.postEphemeral", channel, &body).await {
                Ok(_) => return Ok(()),
                Err(error @ (ChatError::Later { .. } | ChatError::NotYet { .. })) => return Err(error),
                Err(ChatError::Refused { .. } | ChatError::Gone { .. }) => {}
            }
        }
        // A person's id as the channel is their direct messages with the bot.
        let mut body = json!({"text": drawn.text, "blocks": drawn.blocks, "parse": "none", "mrkdwn": false});
        body["channel"] = json!(to.account.id);
        self.write::<Empty>("chat.postMessage", "direct messages", &body).await.map(|_| ())
    }

    /// Answers by a one-time address. `None` when it cannot be used (any more).
    async fn respond(&self, url: &str, drawn: &Drawn) -> Option<Result<(), ChatError>> {
        let url = response_address(url, &self.settings)?.parse().ok()?;
        let body = json!({
            "response_type": "ephemeral",
            "replace_original": false,
            "text": drawn.text,
            "blocks": drawn.blocks,
        });
        let span = tracing::Span::none();
        let context = SlackClientApiCallContext {
            rate_control_params: None,
            token: None,
            tracing_span: &span,
            is_sensitive_url: true,
        };
        let call = self.answering.http_api.connector.http_post_uri::<_, Value>(url, &body, context);
        point!("slack/respond/before");
        let answered = timeout(CALL_TIME, call).await;
        point!("slack/respond/after");
        match answered {
            Ok(Ok(_)) => Some(Ok(())),
            Ok(Err(error @ SlackClientError::RateLimitError(_))) => {
                Some(Err(chat_error("response_url", "the answer", &error)))
            }
            // Used up, expired, or not answering: the same words, once more, another way.
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

#[async_trait]
impl Chat for Slack {
    fn platform(&self) -> Platform {
        Platform::Slack
    }

    async fn channel(&self, name: &str) -> Result<String, ChatError> {
        self.channel_id(name).await
    }

    async fn post(&self, post: &Post, again: bool) -> Result<MessageRef, ChatError> {
        let channel = self.channel_id(&post.channel).await?;
        let posted = self.post_to(&channel, post, again).await;
        if !matches!(posted, Err(ChatError::Refused { .. })) || channel == post.channel {
            return posted;
        }
        // The name may belong to another channel by now.
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).clear();
        match self.channel_id(&post.channel).await {
            Ok(now) if now != channel => self.post_to(&now, post, again).await,
            _ => posted,
        }
    }

    async fn edit(&self, message: &MessageRef, body: &Body) -> Result<(), ChatError> {
        let drawn = render::body(body);
        self.turn("chat.update").await?;
        let body = json!({
            "channel": message.channel,
            "ts": message.id,
            "text": drawn.text,
            "blocks": drawn.blocks,
            "parse": "none",
            "link_names": false,
        });
        let edited = self.write::<Empty>("chat.update", &message.channel, &body).await;
        self.heed("chat.update", edited).map(|_| ())
    }

    async fn reply(&self, to: &ReplyTo, message: &Message) -> Result<(), ChatError> {
        let drawn = render::message(message);
        if let Some(url) = &to.response_url
            && let Some(answered) = self.respond(url, &drawn).await
        {
            return answered;
        }
        self.whisper(to, &drawn).await
    }

    async fn open_form(&self, to: &ReplyTo, form: &Form) -> Result<(), ChatError> {
        let Some(trigger) = &to.trigger else {
            return Err(super::errors::of_code("views.open", "", "invalid_trigger_id", None));
        };
        let body = json!({"trigger_id": trigger, "view": forms::view(form, to)});
        self.write::<Empty>("views.open", "the form", &body).await.map(|_| ())
    }

    async fn set_topic(&self, channel: &str, topic: &str) -> Result<(), ChatError> {
        let channel = self.channel_id(channel).await?;
        let topic = render::topic(topic);
        self.turn("conversations.setTopic").await?;
        let body = json!({"channel": channel, "topic": topic});
        let set = self.write::<Empty>("conversations.setTopic", &channel, &body).await;
        self.heed("conversations.setTopic", set).map(|_| ())
    }

    async fn account(&self, account: &Account) -> Result<AccountFacts, ChatError> {
        if account.platform != Platform::Slack || !rich::is_user_id(&account.id) {
            return Err(ChatError::Refused { why: format!("{account} is not a Slack account") });
        }
        let answer: UserAnswer = self.read("users.info", &account.id, &[("user", &account.id)]).await?;
        let user = answer.user;
        let organisation = user.enterprise_user.as_ref().map(|e| e.enterprise_id.as_str());
        let is_ours = [user.team_id.as_deref(), organisation].contains(&Some(self.settings.team.as_str()));
        let names = [user.profile.display_name, user.real_name.unwrap_or_default(), user.name];
        let name = names.into_iter().find(|n| !n.trim().is_empty()).unwrap_or_else(|| account.id.clone());
        Ok(AccountFacts {
            active: !user.deleted,
            bot: user.is_bot || user.is_app_user || user.is_workflow_bot || account.id == "USLACKBOT",
            guest: user.is_restricted || user.is_ultra_restricted || user.is_stranger || !is_ours,
            name,
        })
    }

    async fn members(&self, group: &OutsideGroup) -> Result<Vec<Account>, ChatError> {
        if group.platform != Platform::Slack {
            return Err(ChatError::Refused { why: format!("{} is not a Slack user group", group.id) });
        }
        let arguments = [("usergroup", group.id.as_str()), ("include_disabled", "false")];
        let answer: Users = self.read("usergroups.users.list", &group.id, &arguments).await?;
        let ids = answer.users.into_iter().filter(|id| rich::is_user_id(id));
        Ok(ids.map(|id| Account { platform: Platform::Slack, id }).collect())
    }
}

/// Where Slack can be.
pub(super) fn reach(settings: &SlackSettings) -> Reach {
    settings.api_url.parse().map_or(Reach::Public, |base| Reach::of(&base))
}

/// The library's client over connections that give up in time. With a reach, it connects to no address beyond it; the
/// address that the operator configured is used as it is.
fn client(settings: &SlackSettings, reach: Option<Reach>) -> Result<SlackClient<Connector>, SetupError> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls()?);
    let mut tcp = HttpConnector::new_with_resolver(Names(reach));
    tcp.enforce_http(false);
    let https = if settings.is_loopback() {
        builder.https_or_http().enable_http1().wrap_connector(tcp)
    } else {
        builder.https_only().enable_http1().wrap_connector(tcp)
    };
    let mut connector = TimeoutConnector::new(https);
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    connector.set_read_timeout(Some(CALL_TIME));
    connector.set_write_timeout(Some(CALL_TIME));
    let connector =
        SlackClientHyperConnector::with_connector(connector).with_slack_api_url(&settings.api_url);
    Ok(SlackClient::new(connector))
}

type Called<T> = Result<Result<Answer<T>, SlackClientError>, tokio::time::error::Elapsed>;

fn settle<T>(method: &str, place: &str, called: Called<T>) -> Result<T, ChatError> {
    match called {
        Ok(Ok(answer)) if answer.ok => Ok(answer.rest),
        Ok(Ok(_)) => Err(later(format!("Slack's answer to {method} is neither yes nor no"))),
        Ok(Err(error)) => Err(chat_error(method, place, &error)),
        Err(_) => {
            Err(later(format!("Slack does not answer {method} (timeout after {} s)", CALL_TIME.as_secs())))
        }
    }
}

/// Asks for the address of a new socket, with the app-level token.
pub(crate) struct SocketAddresses {
    client: SlackClient<Connector>,
    token: SlackApiToken,
    is_loopback: bool,
}

#[derive(Deserialize)]
struct Address {
    url: String,
}

impl SocketAddresses {
    pub(crate) fn new(settings: &SlackSettings, secrets: &SlackSecrets) -> Result<Self, SetupError> {
        let token = secrets.app_token.as_ref().ok_or(SetupError::NoAppToken)?.expose_secret().to_owned();
        let token = SlackApiToken::new(SlackApiTokenValue(token));
        Ok(Self { client: client(settings, None)?, token, is_loopback: settings.is_loopback() })
    }

    /// A fresh address; each can be used once, and is a secret.
    pub(crate) async fn next(&self) -> Result<String, ChatError> {
        const METHOD: &str = "apps.connections.open";
        let session = self.client.open_session(&self.token);
        let body = json!({});
        let call = session.http_session_api.http_post::<_, Answer<Address>>(METHOD, &body, None);
        let address = settle(METHOD, "", timeout(CALL_TIME, call).await)?.url;
        if is_socket(&address, self.is_loopback) {
            Ok(address)
        } else {
            let why = "Slack gave an address for its socket that is not wss:// or not Slack's".into();
            Err(ChatError::Refused { why })
        }
    }
}

/// Whether a socket's address is Slack's own: `wss://`, a host of Slack, the usual port, no password.
pub(crate) fn is_socket(address: &str, is_loopback: bool) -> bool {
    let Ok(uri) = address.parse::<http::Uri>() else { return false };
    let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return false };
    if authority.as_str().contains('@') {
        return false;
    }
    let is_slacks =
        ["slack.com", "slack-gov.com"].iter().any(|domain| shipgate_outbound::is_within(host, domain));
    let is_usual = authority.as_str() == host || authority.port_u16() == Some(443);
    match uri.scheme_str() {
        Some("wss") if is_slacks => is_usual,
        Some("ws") => is_loopback && matches!(host, "127.0.0.1" | "localhost" | "[::1]"),
        _ => false,
    }
}

/// The same key gives the same id for ever: SHA-256, cut and marked as a name-based UUID of our own kind (RFC 9562,
/// version 8).
fn client_message_id(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A one-time address, taken apart and built again: only Slack's own hosts and paths, nothing that could lead
/// elsewhere. `None` when it is anything else.
pub(crate) fn response_address(url: &str, settings: &SlackSettings) -> Option<String> {
    let is_path = |path: &str| {
        let mut parts = path.split('/');
        matches!(parts.next(), Some("actions" | "commands"))
            && parts.clone().count() >= 2
            && parts.all(|p| {
                !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            })
    };
    for host in ["hooks.slack.com", "hooks.slack-gov.com"] {
        if let Some(path) = url.strip_prefix("https://").and_then(|r| r.strip_prefix(host)?.strip_prefix('/'))
        {
            return is_path(path).then(|| format!("https://{host}/{path}"));
        }
    }
    if !settings.is_loopback() {
        return None;
    }
    let api: http::Uri = settings.api_url.parse().ok()?;
    let origin = format!("http://{}/", api.authority()?);
    let path = url.strip_prefix(&origin)?;
    let is_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/');
    path.bytes().all(is_safe).then(|| format!("{origin}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::Transport;

    fn settings(api_url: &str) -> SlackSettings {
        SlackSettings { transport: Transport::Http, api_url: api_url.into(), team: "T1".into(), app: None }
    }

    #[test]
    fn only_slacks_own_addresses_are_answered() {
        let settings = settings("https://slack.com/api");
        let good = "https://hooks.slack.com/commands/T1/123/abcDEF";
        assert_eq!(response_address(good, &settings).as_deref(), Some(good));
        for bad in [
            "http://hooks.slack.com/commands/T1/1/a",
            "https://hooks.slack.com.evil.test/commands/T1/1/a",
            "https://hooks.slack.com@evil.test/commands/T1/1/a",
            "https://hooks.slack.com:444/commands/T1/1/a",
            "https://hooks.slack.com/commands/%2e%2e/services/T1",
            "https://hooks.slack.com/services/T1/B1/x",
            "https://hooks.slack.com/commands/../services/T1",
            "https://hooks.slack.com/commands/T1/1/a?x=1",
            "http://127.0.0.1:80/commands/T1/1/a",
        ] {
            assert_eq!(response_address(bad, &settings), None, "{bad}");
        }
    }

    #[test]
    fn a_stand_in_on_this_machine_may_be_answered_at_its_own_address_only() {
        let settings = settings("http://127.0.0.1:4000/api");
        assert!(response_address("http://127.0.0.1:4000/response/1", &settings).is_some());
        assert!(response_address("http://127.0.0.1:4001/response/1", &settings).is_none());
        assert!(response_address("http://127.0.0.1:4000@evil.test/x", &settings).is_none());
    }

    #[test]
    fn only_slacks_own_sockets_are_opened() {
        for good in ["wss://wss-primary.slack.com/link/?ticket=1", "wss://wss-backup.slack-gov.com:443/link"]
        {
            assert!(is_socket(good, false), "{good}");
        }
        for bad in [
            "ws://wss-primary.slack.com/",
            "wss://slack.com.evil.test/",
            "wss://evilslack.com/",
            "wss://x@wss-primary.slack.com/",
            "wss://wss-primary.slack.com@evil.test/",
            "wss://wss-primary.slack.com:8443/",
            "wss://127.0.0.1/",
            "ws://127.0.0.1/",
            "https://wss-primary.slack.com/",
            "",
        ] {
            assert!(!is_socket(bad, false), "{bad}");
        }
        assert!(is_socket("ws://127.0.0.1:4000/link", true) && !is_socket("ws://10.0.0.1/link", true));
    }

    #[test]
    fn a_message_id_depends_on_the_key_alone() {
        assert_eq!(client_message_id("card/1"), client_message_id("card/1"));
        assert_ne!(client_message_id("card/1"), client_message_id("card/2"));
        assert_eq!(client_message_id("card/1").len(), 36);
    }
}
