//! People who type, click and submit, and Slack's delivery of that to the app. What the app asks of Slack is in
//! `api.rs`.

use std::time::Duration;

use serde_json::{Value, json};

use super::Slack;
use super::controls::{Button, action, buttons_of, fill_in};
use super::state::{Channel, Ephemeral, Message, Person, State};
use crate::client::{Delivery, Prepared};
use crate::{NotThere, locked};

/// How long we wait for an answer. Slack gives up after three seconds; we wait on, to see how late it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// The three kinds of input, with the address each goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Slash,
    Interactive,
    Event,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Slash => "/slack/commands",
            Self::Interactive => "/slack/interactions",
            Self::Event => "/slack/events",
        }
    }

    pub fn envelope(self) -> &'static str {
        match self {
            Self::Slash => "slash_commands",
            Self::Interactive => "interactive",
            Self::Event => "events_api",
        }
    }
}

impl Slack {
    /// Somebody types `command text` in a channel (id or name). Any answer in the body is shown to them.
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub async fn slash(
        &self,
        user: &str,
        channel: &str,
        command: &str,
        text: &str,
    ) -> Result<Delivery, NotThere> {
        let payload = self.slash_payload(user, channel, command, text)?;
        let delivery = self.deliver(Kind::Slash, &payload).await;
        self.show_answer(&payload, &delivery);
        self.0.changes.tell();
        Ok(delivery)
    }

    /// A signed slash command that is not sent yet; see [`Slack::send`].
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub fn prepare_slash(
        &self,
        user: &str,
        channel: &str,
        command: &str,
        text: &str,
    ) -> Result<Prepared, NotThere> {
        Ok(self.prepare(Kind::Slash, &self.slash_payload(user, channel, command, text)?))
    }

    /// The fields of a slash command, to be changed before [`Slack::prepare_raw`].
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub fn slash_payload(
        &self,
        user: &str,
        channel: &str,
        command: &str,
        text: &str,
    ) -> Result<Value, NotThere> {
        let now = self.config().clock.now_millis();
        let mut state = locked(&self.0.state);
        let person = person(&state, user)?;
        let channel = self.channel(&state, channel)?;
        let token = state.response_url(&person.id, &channel.id, now, None);
        Ok(json!({
            "token": "legacy-verification-token", "team_id": self.team_of(&person), "team_domain": "acme",
            "channel_id": channel.id, "channel_name": channel.name, "user_id": person.id, "user_name": person.name,
            "command": command, "text": text, "api_app_id": self.config().app, "is_enterprise_install": "false",
            "response_url": format!("{}/response/{token}", self.url()),
            "trigger_id": state.trigger(&person.id, now),
        }))
    }

    /// The buttons (and selects) of a message that everybody, or one person, sees.
    pub fn buttons(&self, channel: &str, ts: &str) -> Vec<Button> {
        let state = locked(&self.0.state);
        let channel = state.channel(channel).map_or(channel, |c| &c.id).to_owned();
        let message = state.messages.iter().find(|m| m.channel == channel && m.ts == ts && !m.deleted);
        let ephemeral = state.ephemerals.iter().find(|e| e.channel == channel && e.ts == ts && !e.gone);
        match (message, ephemeral) {
            (Some(message), _) => buttons_of(&message.blocks, &channel, ts, false),
            (None, Some(ephemeral)) => buttons_of(&ephemeral.blocks, &channel, ts, true),
            (None, None) => Vec::new(),
        }
    }

    /// One button by `action_id`, or by a part of its label.
    ///
    /// # Errors
    /// When the message has no such button; the error lists those it has.
    pub fn button(&self, channel: &str, ts: &str, which: &str) -> Result<Button, NotThere> {
        let all = self.buttons(channel, ts);
        let found = all
            .iter()
            .find(|b| b.action_id == which || b.text == which)
            .or_else(|| all.iter().find(|b| b.text.contains(which)));
        found.cloned().ok_or_else(|| {
            let labels: Vec<String> = all.iter().map(|b| format!("{} ({})", b.text, b.action_id)).collect();
            NotThere(format!(
                "message {ts} in {channel} has no button `{which}`; it has: {}",
                labels.join(", ")
            ))
        })
    }

    /// Somebody presses a button that is there now.
    ///
    /// # Errors
    /// When there is no such person, message or button.
    pub async fn click(
        &self,
        user: &str,
        channel: &str,
        ts: &str,
        which: &str,
    ) -> Result<Delivery, NotThere> {
        let button = self.button(channel, ts, which)?;
        self.press(user, &button).await
    }

    /// Somebody presses a button they saw earlier, even if the message has changed since.
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub async fn press(&self, user: &str, button: &Button) -> Result<Delivery, NotThere> {
        let payload = self.press_payload(user, button, None)?;
        Ok(self.deliver(Kind::Interactive, &payload).await)
    }

    /// Somebody chooses `value` in the select `select`.
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub async fn choose(&self, user: &str, select: &Button, value: &str) -> Result<Delivery, NotThere> {
        let payload = self.press_payload(user, select, Some(value))?;
        Ok(self.deliver(Kind::Interactive, &payload).await)
    }

    /// A signed click that is not sent yet.
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub fn prepare_press(&self, user: &str, button: &Button) -> Result<Prepared, NotThere> {
        Ok(self.prepare(Kind::Interactive, &self.press_payload(user, button, None)?))
    }

    /// The payload of a click, to be changed before [`Slack::prepare_raw`].
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub fn press_payload(
        &self,
        user: &str,
        button: &Button,
        chosen: Option<&str>,
    ) -> Result<Value, NotThere> {
        let now = self.config().clock.now_millis();
        let mut state = locked(&self.0.state);
        let person = person(&state, user)?;
        let channel = self.channel(&state, &button.channel)?;
        let message = state.messages.iter().find(|m| m.channel == channel.id && m.ts == button.ts).cloned();
        let source = Some((button.ts.clone(), button.is_ephemeral));
        let token = state.response_url(&person.id, &channel.id, now, source);
        let mut payload = json!({
            "type": "block_actions", "api_app_id": self.config().app, "token": "legacy-verification-token",
            "team": {"id": self.team_of(&person), "domain": "acme"}, "enterprise": null,
            "is_enterprise_install": false, "user": self.user_json(&person),
            "container": {
                "type": "message", "message_ts": button.ts, "channel_id": channel.id,
                "is_ephemeral": button.is_ephemeral,
            },
            "trigger_id": state.trigger(&person.id, now),
            "channel": {"id": channel.id, "name": channel.name},
            "state": {"values": {}},
            "response_url": format!("{}/response/{token}", self.url()),
            "actions": [action(button, chosen, &state.ts(now))],
        });
        if let Some(Message { thread_ts: Some(parent), .. }) = &message {
            payload["container"]["thread_ts"] = json!(parent);
        }
        if let (Some(message), false) = (&message, button.is_ephemeral) {
            payload["message"] = self.message_json(message, true);
        }
        Ok(payload)
    }

    /// Somebody fills in the modal `view_id` and submits it. `values` names inputs by block_id or action_id. An
    /// empty answer or `clear` closes the modal, `errors` leaves it open, `update` replaces it.
    ///
    /// # Errors
    /// When there is no such person, open modal, input or option, or a required input is left empty.
    pub async fn submit(
        &self,
        user: &str,
        view_id: &str,
        values: &[(&str, &str)],
    ) -> Result<Delivery, NotThere> {
        let payload = self.submit_payload(user, view_id, values)?;
        let delivery = self.deliver(Kind::Interactive, &payload).await;
        if delivery.status == Some(200) {
            self.apply_submit_answer(view_id, &delivery);
        }
        self.0.changes.tell();
        Ok(delivery)
    }

    /// A signed submission that is not sent yet.
    ///
    /// # Errors
    /// As [`Slack::submit`].
    pub fn prepare_submit(
        &self,
        user: &str,
        view_id: &str,
        values: &[(&str, &str)],
    ) -> Result<Prepared, NotThere> {
        Ok(self.prepare(Kind::Interactive, &self.submit_payload(user, view_id, values)?))
    }

    fn submit_payload(&self, user: &str, view_id: &str, values: &[(&str, &str)]) -> Result<Value, NotThere> {
        let now = self.config().clock.now_millis();
        let mut state = locked(&self.0.state);
        let person = person(&state, user)?;
        let view = state.views.iter().find(|v| v.id == view_id && v.open);
        let mut view =
            view.ok_or_else(|| NotThere(format!("there is no open modal {view_id}")))?.view.clone();
        let filled = fill_in(&view, values)?;
        view["state"] = json!({ "values": filled });
        Ok(json!({
            "type": "view_submission", "team": {"id": self.team_of(&person), "domain": "acme"}, "enterprise": null,
            "user": self.user_json(&person), "api_app_id": self.config().app, "token": "legacy-verification-token",
            "trigger_id": state.trigger(&person.id, now), "view": view, "response_urls": [],
            "is_enterprise_install": false,
        }))
    }

    fn apply_submit_answer(&self, view_id: &str, delivery: &Delivery) {
        let answer = delivery.json();
        let mut state = locked(&self.0.state);
        let Some(at) = state.views.iter().position(|view| view.id == view_id) else { return };
        match answer["response_action"].as_str() {
            Some("errors") => {
                let inputs = state.views[at].view["blocks"].as_array().cloned().unwrap_or_default();
                for key in answer["errors"].as_object().into_iter().flatten().map(|(key, _)| key) {
                    if !inputs.iter().any(|b| b["type"] == "input" && b["block_id"] == key.as_str()) {
                        self.complain(format!(
                            "slack: view_submission errors: `{key}` is no block_id of an input"
                        ));
                    }
                }
            }
            Some("update") => {
                let problems = super::blocks::check_view(&answer["view"]);
                problems
                    .into_iter()
                    .for_each(|problem| self.complain(format!("slack: update answer: {problem}")));
                let mut view = self.stored_view(&mut state, &answer["view"]);
                view["id"] = json!(view_id);
                state.views[at].view = view;
            }
            _ => state.views[at].open = false,
        }
    }

    /// Somebody mentions the bot: `text` follows the mention. Delivered as an event.
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub async fn mention(&self, user: &str, channel: &str, text: &str) -> Result<Delivery, NotThere> {
        let payload = self.mention_payload(user, channel, text, None)?;
        Ok(self.deliver(Kind::Event, &payload).await)
    }

    /// Like [`Slack::mention`], as a reply in a thread.
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub async fn mention_in_thread(
        &self,
        user: &str,
        channel: &str,
        thread_ts: &str,
        text: &str,
    ) -> Result<Delivery, NotThere> {
        let payload = self.mention_payload(user, channel, text, Some(thread_ts))?;
        Ok(self.deliver(Kind::Event, &payload).await)
    }

    /// A signed mention that is not sent yet.
    ///
    /// # Errors
    /// When there is no such person or channel.
    pub fn prepare_mention(&self, user: &str, channel: &str, text: &str) -> Result<Prepared, NotThere> {
        Ok(self.prepare(Kind::Event, &self.mention_payload(user, channel, text, None)?))
    }

    fn mention_payload(
        &self,
        user: &str,
        channel: &str,
        text: &str,
        thread: Option<&str>,
    ) -> Result<Value, NotThere> {
        let now = self.config().clock.now_millis();
        let mut state = locked(&self.0.state);
        let person = person(&state, user)?;
        let channel = self.channel(&state, channel)?;
        let (ts, config) = (state.ts(now), self.config());
        let text = format!("<@{}> {text}", config.bot_user);
        state.messages.push(Message {
            channel: channel.id.clone(),
            ts: ts.clone(),
            user: person.id.clone(),
            text: text.clone(),
            blocks: Vec::new(),
            thread_ts: thread.map(str::to_owned),
            reply_broadcast: false,
            metadata: None,
            client_msg_id: None,
            edits: Vec::new(),
            reactions: Vec::new(),
            deleted: false,
        });
        let mut event = json!({
            "type": "app_mention", "user": person.id, "text": text, "ts": ts, "channel": channel.id, "event_ts": ts,
            "team": self.team_of(&person),
        });
        if let Some(thread) = thread {
            event["thread_ts"] = json!(thread);
        }
        Ok(json!({
            "token": "legacy-verification-token", "team_id": config.team, "api_app_id": config.app, "event": event,
            "type": "event_callback", "event_id": format!("Ev{:08}", state.serial()), "event_time": now / 1000,
            "authorizations": [{
                "enterprise_id": null, "team_id": config.team, "user_id": config.bot_user, "is_bot": true,
                "is_enterprise_install": false,
            }],
            "is_ext_shared_channel": false, "event_context": "4-test",
        }))
    }

    /// Slack checks the events address: the body of the answer must hold the challenge.
    pub async fn verify_url(&self, challenge: &str) -> Delivery {
        let body =
            json!({"token": "legacy-verification-token", "challenge": challenge, "type": "url_verification"});
        self.send(&self.prepare(Kind::Event, &body)).await
    }

    /// Sends events again that were not acknowledged, as Slack does at once, after one and after five minutes; with
    /// the retry headers over HTTP, with `retry_attempt` over a socket. At most three times each.
    pub async fn retry_events(&self) -> Vec<Delivery> {
        let waiting = std::mem::take(&mut locked(&self.0.state).unacked_events);
        let mut deliveries = Vec::new();
        for event in waiting {
            deliveries.push(self.deliver_event(&event.payload, event.attempts, event.reason).await);
        }
        deliveries
    }

    /// Signs a payload of any content for `/slack/commands` (a flat object, sent as a form),
    /// `/slack/interactions` (sent as `payload=`) or `/slack/events` (sent as JSON).
    pub fn prepare_raw(&self, path: &str, payload: &Value) -> Prepared {
        let kind = [Kind::Slash, Kind::Interactive].into_iter().find(|kind| kind.path() == path);
        self.prepare(kind.unwrap_or(Kind::Event), payload)
    }

    /// Sends a prepared request by HTTP, whatever its state; nothing is recorded as lost.
    pub async fn send(&self, prepared: &Prepared) -> Delivery {
        let target = locked(&self.0.state).target.clone();
        let Some(target) = target else {
            return Delivery::failed("no target is set", Duration::ZERO);
        };
        let url = format!("{target}{}", prepared.path);
        self.0.client.post(&url, &prepared.headers(), &prepared.body, PATIENCE).await
    }

    pub(super) fn prepare(&self, kind: Kind, payload: &Value) -> Prepared {
        let (content_type, body) = match kind {
            Kind::Event => ("application/json", payload.to_string()),
            Kind::Slash => {
                ("application/x-www-form-urlencoded", form(payload.as_object().into_iter().flatten()))
            }
            Kind::Interactive => {
                let payload = Value::String(payload.to_string());
                ("application/x-www-form-urlencoded", form([(&"payload".to_owned(), &payload)]))
            }
        };
        let prepared = Prepared {
            path: kind.path().to_owned(),
            content_type: content_type.to_owned(),
            body,
            timestamp: self.config().clock.now_seconds(),
            signature: None,
            extra: Vec::new(),
        };
        prepared.sign(&self.config().signing_secret)
    }

    pub(super) async fn deliver(&self, kind: Kind, payload: &Value) -> Delivery {
        if kind == Kind::Event {
            return self.deliver_event(payload, 0, "").await;
        }
        let by_socket = locked(&self.0.state).by_socket;
        let delivery = if by_socket {
            self.deliver_by_socket(kind, payload, 0).await
        } else {
            self.send(&self.prepare(kind, payload)).await
        };
        if !delivery.acknowledged() {
            let reason = delivery.error.clone().unwrap_or_else(|| format!("status {:?}", delivery.status));
            locked(&self.0.state).lost.push(format!("{}: {reason}", kind.envelope()));
        }
        delivery
    }

    async fn deliver_event(&self, payload: &Value, attempt: u32, reason: &str) -> Delivery {
        let by_socket = locked(&self.0.state).by_socket;
        let delivery = if by_socket {
            self.deliver_by_socket(Kind::Event, payload, attempt).await
        } else {
            let mut prepared = self.prepare(Kind::Event, payload);
            if attempt > 0 {
                prepared.extra.push(("x-slack-retry-num".into(), attempt.to_string()));
                prepared.extra.push(("x-slack-retry-reason".into(), reason.into()));
            }
            self.send(&prepared).await
        };
        let forbidden = delivery.header("x-slack-no-retry") == Some("1");
        if !delivery.acknowledged() && attempt < 3 && !forbidden {
            let reason = if delivery.status.is_some() { "http_error" } else { "http_timeout" };
            let waiting = super::socket::Waiting { payload: payload.clone(), attempts: attempt + 1, reason };
            locked(&self.0.state).unacked_events.push(waiting);
        }
        delivery
    }

    /// The body of a slash command's answer, as its sender sees it.
    fn show_answer(&self, payload: &Value, delivery: &Delivery) {
        if delivery.status != Some(200) || delivery.body.trim().is_empty() {
            return;
        }
        let as_json = delivery.error.is_none()
            && (delivery.headers.is_empty()
                || delivery.header("content-type").is_some_and(|t| t.starts_with("application/json")));
        let body = if as_json { delivery.json() } else { json!({"text": delivery.body}) };
        if body["text"].is_null() && body["blocks"].is_null() {
            return;
        }
        if !body["blocks"].is_null() {
            let problems = super::blocks::check_blocks(&body["blocks"], super::blocks::Surface::Message);
            problems
                .into_iter()
                .for_each(|problem| self.complain(format!("slack: answer to a command: {problem}")));
        }
        let now = self.config().clock.now_millis();
        let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut state = locked(&self.0.state);
        let ts = state.ts(now);
        let blocks = state.with_ids(&body["blocks"]);
        state.ephemerals.push(Ephemeral {
            channel: text_of(&payload["channel_id"]),
            user: text_of(&payload["user_id"]),
            ts,
            text: text_of(&body["text"]),
            blocks,
            thread_ts: None,
            via: "answer",
            gone: false,
        });
    }

    fn team_of(&self, person: &Person) -> String {
        person.team.clone().unwrap_or_else(|| self.config().team.clone())
    }

    fn user_json(&self, person: &Person) -> Value {
        json!({"id": person.id, "username": person.name, "name": person.name, "team_id": self.team_of(person)})
    }

    fn channel(&self, state: &State, key: &str) -> Result<Channel, NotThere> {
        state.channel(key).cloned().ok_or_else(|| NotThere(format!("there is no channel `{key}`")))
    }
}

pub(super) fn person(state: &State, key: &str) -> Result<Person, NotThere> {
    state.person(key).cloned().ok_or_else(|| NotThere(format!("there is no person `{key}`")))
}

fn form<'a>(fields: impl IntoIterator<Item = (&'a String, &'a Value)>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        match value {
            Value::String(text) => form.append_pair(name, text),
            other => form.append_pair(name, &other.to_string()),
        };
    }
    form.finish()
}
