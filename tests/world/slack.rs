//! A working Slack: Web API, response_url, Socket Mode, and people who type and click. One workspace plus guests of
//! others; file sharing, search and real-time messaging are not modelled.

mod api;
pub mod blocks;
mod boxes;
mod controls;
mod people;
mod response_url;
mod socket;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::faults::{Fault, Faults};
use crate::serve::{Answer, Call, bind, serve};
use crate::{Changes, Clock, Complaints, locked};

pub use controls::Button;
pub use state::{Channel, Edit, Ephemeral, Group, Message, Person, ResponseUse, View};

use state::State;

/// Names and secrets of the workspace and the app.
#[derive(Clone, Debug)]
pub struct SlackConfig {
    /// Workspace id.
    pub team: String,
    /// App id.
    pub app: String,
    /// The bot's user id.
    pub bot_user: String,
    /// `xoxb-…`
    pub bot_token: String,
    /// `xapp-…`
    pub app_token: String,
    /// Secret of `X-Slack-Signature`.
    pub signing_secret: String,
    /// The clock (three seconds of a trigger, thirty minutes of a response_url, signatures).
    pub clock: Clock,
}

impl Default for SlackConfig {
    fn default() -> Self {
        Self {
            team: "T0123".into(),
            app: "A0123".into(),
            bot_user: "U0BOT".into(),
            bot_token: "xoxb-test".into(),
            app_token: "xapp-test".into(),
            signing_secret: "8f742231b10e8888abcd99yyyzzz85a5".into(),
            clock: Clock::real(),
        }
    }
}

/// The Slack model. Clones are the same workspace.
#[derive(Clone, Debug)]
pub struct Slack(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: SlackConfig,
    address: SocketAddr,
    faults: Faults,
    complaints: Complaints,
    client: Client,
    changes: Changes,
    stop: CancellationToken,
    state: Mutex<State>,
}

impl Slack {
    /// Opens a loopback port (0 takes a free one) and serves until `stop`.
    ///
    /// The workspace starts with `#deployments` (C0DEPLOY), `#general` (C0GENERAL) and the bot.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(port: u16, config: SlackConfig, stop: CancellationToken) -> io::Result<Self> {
        Self::start_with(port, config, stop, Changes::default()).await
    }

    pub(crate) async fn start_with(
        port: u16,
        config: SlackConfig,
        stop: CancellationToken,
        changes: Changes,
    ) -> io::Result<Self> {
        let (listener, address) = bind(port).await?;
        let state = State::new(&config);
        let slack = Self(Arc::new(Inner {
            config,
            address,
            faults: Faults::default(),
            complaints: Complaints::default(),
            client: Client::new(),
            changes,
            stop: stop.clone(),
            state: Mutex::new(state),
        }));
        let served = slack.clone();
        serve(listener, stop, move |request| {
            let slack = served.clone();
            async move { slack.respond(request).await }
        });
        Ok(slack)
    }

    /// Base address, for instance `http://127.0.0.1:40001`; the Web API is under `/api/`.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The base address of the Web API, with the slash at the end that clients expect.
    pub fn api_url(&self) -> String {
        format!("http://{}/api/", self.0.address)
    }

    /// Names and secrets.
    pub fn config(&self) -> &SlackConfig {
        &self.0.config
    }

    /// Faults on demand.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// What Shipgate sent against the description or the limits.
    pub fn violations(&self) -> Vec<String> {
        self.0.complaints.all()
    }

    /// Where Shipgate listens.
    pub fn set_target(&self, target: &str) {
        locked(&self.0.state).target = Some(target.trim_end_matches('/').to_owned());
    }

    /// Delivers people's input by Socket Mode (`true`) or by HTTP (`false`, the default).
    pub fn use_socket(&self, on: bool) {
        locked(&self.0.state).by_socket = on;
    }

    /// At most one post per channel and `interval`; `None` (the default) lifts the limit.
    pub fn limit_posts(&self, interval: Option<Duration>) {
        locked(&self.0.state).post_interval = interval;
    }

    /// Adds a channel of which the bot is a member, unless `channel.bot_is_member` says otherwise.
    pub fn add_channel(&self, channel: Channel) {
        let mut state = locked(&self.0.state);
        state.channels.retain(|known| known.id != channel.id);
        state.channels.push(channel);
    }

    /// Adds a person or bot.
    pub fn add_person(&self, person: Person) {
        let mut state = locked(&self.0.state);
        state.people.retain(|known| known.id != person.id);
        state.people.push(person);
    }

    /// Adds a user group.
    pub fn add_group(&self, group: Group) {
        let mut state = locked(&self.0.state);
        state.groups.retain(|known| known.id != group.id);
        state.groups.push(group);
    }

    /// Messages of a channel (id or name), oldest first, thread replies included, deleted ones left out.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        let state = locked(&self.0.state);
        let Some(channel) = state.channel(channel).map(|channel| channel.id.clone()) else {
            return Vec::new();
        };
        state.messages.iter().filter(|m| m.channel == channel && !m.deleted).cloned().collect()
    }

    /// What stands above the messages of a channel, by its name.
    pub fn topic(&self, name: &str) -> String {
        let state = locked(&self.0.state);
        state.channels.iter().find(|c| c.name == name).map(|c| c.topic.clone()).unwrap_or_default()
    }

    /// What was shown to one person only, oldest first.
    pub fn ephemerals(&self) -> Vec<Ephemeral> {
        locked(&self.0.state).ephemerals.clone()
    }

    /// Modals opened so far, also closed ones.
    pub fn views(&self) -> Vec<View> {
        locked(&self.0.state).views.clone()
    }

    /// Everything that came to a response_url.
    pub fn responses(&self) -> Vec<ResponseUse> {
        locked(&self.0.state).responses.clone()
    }

    /// Commands and clicks that were never acknowledged, as `kind: reason`; Slack does not repeat these.
    pub fn lost(&self) -> Vec<String> {
        locked(&self.0.state).lost.clone()
    }

    /// Every request so far.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.0.state).calls.clone()
    }

    /// Requests after the first `n`, also those that are not answered yet.
    pub fn calls_after(&self, n: usize) -> Vec<Call> {
        locked(&self.0.state).calls.iter().skip(n).cloned().collect()
    }

    /// How many requests came so far.
    pub fn call_count(&self) -> usize {
        locked(&self.0.state).calls.len()
    }

    /// How often a Web API method was called, refused calls included.
    pub fn count(&self, method: &str) -> usize {
        let path = format!("/api/{method}");
        locked(&self.0.state).calls.iter().filter(|call| call.path == path).count()
    }

    /// Deletes a message behind the app's back; `chat.update` then fails with `message_not_found`.
    pub fn delete_message(&self, channel: &str, ts: &str) {
        let mut state = locked(&self.0.state);
        for message in state.messages.iter_mut().filter(|m| m.channel == channel && m.ts == ts) {
            message.deleted = true;
        }
    }

    async fn respond(&self, request: hyper::Request<Incoming>) -> Option<Response> {
        if request.uri().path() == "/link" {
            let refused = self.0.faults.pick("GET", "/link").is_some();
            return if refused { None } else { Some(self.link(request).await) };
        }
        let call = Call::read(request).await?;
        let fault = self.0.faults.pick(&call.method, &call.path);
        // Noted first: a client that goes away meanwhile has called all the same.
        let number = {
            let mut state = locked(&self.0.state);
            state.calls.push(call.clone());
            state.calls.len() - 1
        };
        let answer = self.answer(&call, fault).await;
        locked(&self.0.state).calls[number].status = answer.as_ref().map(|answer| answer.status);
        self.0.changes.tell();
        answer.map(Answer::into_response)
    }

    async fn answer(&self, call: &Call, fault: Option<Fault>) -> Option<Answer> {
        let error = |error: &str| Answer::json(200, &json!({"ok": false, "error": error}));
        match fault {
            None => Some(self.dispatch(call)),
            Some(Fault::Slow { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Some(self.dispatch(call))
            }
            Some(Fault::SlowAfter { ms }) => {
                let answer = self.dispatch(call);
                self.0.changes.tell();
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Some(answer)
            }
            Some(Fault::RateLimited { retry_after } | Fault::SecondaryLimit { retry_after }) => {
                Some(api::ratelimited(retry_after))
            }
            Some(Fault::PrimaryLimit { reset_in }) => Some(api::ratelimited(reset_in.unsigned_abs())),
            Some(Fault::ErrorBefore { status }) => Some(Answer::html(status)),
            Some(Fault::ErrorAfter { status }) => {
                self.dispatch(call);
                Some(Answer::html(status))
            }
            Some(Fault::DropBefore) => None,
            Some(Fault::DropAfter) => {
                self.dispatch(call);
                None
            }
            Some(Fault::Html) => Some(Answer::html(200)),
            Some(Fault::Refuse { error: name, .. }) => Some(error(&name)),
            Some(Fault::Echo { status }) => {
                let said = call.header("authorization").unwrap_or_default();
                let token = said.trim_start_matches("Bearer ");
                let body = json!({
                    "ok": false, "error": token, "needed": token, "provided": said, "warning": said,
                    "response_metadata": {"messages": [said], "warnings": [said]},
                });
                Some(Answer::json(status, &body))
            }
        }
    }

    fn dispatch(&self, call: &Call) -> Answer {
        if let Some(method) = call.path.strip_prefix("/api/") {
            return self.web_api(method, call);
        }
        if let Some(token) = call.path.strip_prefix("/response/") {
            return self.response_url(token, call);
        }
        Answer::text(404, "text/plain", "no such page")
    }

    fn complain(&self, what: impl Into<String>) {
        self.0.complaints.add(what);
    }

    /// The whole state as JSON, for the control API.
    pub fn dump(&self) -> Value {
        let state = locked(&self.0.state);
        json!({
            "messages": state.messages.iter().filter(|m| !m.deleted).collect::<Vec<_>>(),
            "ephemerals": state.ephemerals,
            "views": state.views,
            "responses": state.responses,
            "lost": state.lost,
            "sockets": state.sockets.len(),
            "calls": state.calls.len(),
        })
    }
}

#[cfg(test)]
mod tests;
