//! The Web API: what the app asks of Slack. What people do is in `people.rs`.

use serde_json::{Map, Value, json};

use super::blocks::{Surface, check_blocks, check_view};
use super::state::{Channel, Edit, Ephemeral, Message, Person, State, View};
use super::{Slack, SlackConfig};
use crate::serve::{Answer, Call};
use crate::{locked, spec};

/// Methods that ignore a JSON body; checked against the vendor's description where that is present.
const NO_JSON_BODY: [&str; 8] = [
    "chat.getPermalink",
    "conversations.info",
    "conversations.list",
    "conversations.replies",
    "usergroups.list",
    "usergroups.users.list",
    "users.info",
    "users.list",
];

/// A refusal: Slack's error name and the details in `response_metadata.messages`.
struct Refused(&'static str, Vec<String>);

impl From<&'static str> for Refused {
    fn from(error: &'static str) -> Self {
        Self(error, Vec::new())
    }
}

type Outcome = Result<Value, Refused>;

/// Arguments of a call, wherever they came from.
struct Args(Map<String, Value>);

impl Args {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn yes(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|v| *v == true || *v == "true" || *v == "1")
    }

    fn count(&self, name: &str, default: usize) -> usize {
        let sent = self.0.get(name).and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
        sent.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(default).min(1000)
    }

    /// A structured argument: as JSON, or as a string that holds JSON. `Err` when the string does not parse.
    fn json(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(raw)) if raw.is_empty() => Ok(None),
            Some(Value::String(raw)) => serde_json::from_str(raw).map(Some).map_err(|_| ()),
            Some(value) => Ok(Some(value.clone())),
        }
    }
}

pub(super) fn ratelimited(retry_after: u64) -> Answer {
    Answer::json(429, &json!({"ok": false, "error": "ratelimited"})).with("retry-after", retry_after)
}

impl Slack {
    pub(super) fn web_api(&self, method: &str, call: &Call) -> Answer {
        let (args, ignored) = self.args(method, call);
        let mut problems = spec::slack_call(method, &args.0);
        if ignored {
            problems.push(format!("slack: {method} ignores a JSON body; send a form or a query"));
        }
        problems.into_iter().for_each(|problem| self.complain(problem));
        let token = call.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let outcome = match token.or_else(|| args.text("token")) {
            None => Err("not_authed".into()),
            Some(token) => self.authorised(method, token).and_then(|()| self.method(method, &args)),
        };
        match outcome {
            Ok(mut body) => {
                if body == "ratelimited" {
                    return ratelimited(1);
                }
                body["ok"] = json!(true);
                Answer::json(200, &body)
            }
            Err(Refused(error, details)) => {
                let mut body = json!({"ok": false, "error": error});
                if !details.is_empty() {
                    body["errors"] = json!(details);
                    let messages: Vec<String> =
                        details.iter().map(|detail| format!("[ERROR] {detail}")).collect();
                    body["response_metadata"] = json!({"messages": messages});
                }
                Answer::json(200, &body)
            }
        }
    }

    /// Arguments from query and body, and whether a JSON body was ignored.
    fn args(&self, method: &str, call: &Call) -> (Args, bool) {
        let mut args = Map::new();
        let mut add_form = |raw: &str| {
            for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
                args.insert(name.into_owned(), Value::String(value.into_owned()));
            }
        };
        add_form(&call.query);
        let content_type = call.header("content-type").unwrap_or_default();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            add_form(&call.body);
        }
        let is_json = content_type.starts_with("application/json") && !call.body.trim().is_empty();
        let reads_json = spec::slack_reads_json(method).unwrap_or(!NO_JSON_BODY.contains(&method));
        if let (true, true, Value::Object(body)) = (is_json, reads_json, call.json()) {
            args.extend(body);
        }
        let said_something = call.json().as_object().is_some_and(|body| !body.is_empty());
        (Args(args), is_json && !reads_json && said_something)
    }

    fn authorised(&self, method: &str, token: &str) -> Result<(), Refused> {
        let config = self.config();
        match method {
            "apps.connections.open" if token == config.app_token => Ok(()),
            "apps.connections.open" if token == config.bot_token => Err("not_allowed_token_type".into()),
            _ if token == config.bot_token && method != "apps.connections.open" => Ok(()),
            _ => Err("invalid_auth".into()),
        }
    }

    fn method(&self, method: &str, args: &Args) -> Outcome {
        let now = self.config().clock.now_millis();
        let mut state = locked(&self.0.state);
        let state = &mut *state;
        match method {
            "auth.test" => Ok(auth_test(self.config(), &self.url())),
            "apps.connections.open" => {
                let ticket = format!("t{}-{now}", state.serial());
                state.tickets.push(ticket.clone());
                let app = &self.config().app;
                Ok(json!({"url": format!("ws://{}/link?ticket={ticket}&app_id={app}", self.0.address)}))
            }
            "chat.postMessage" => self.post(state, args, now),
            "chat.update" => self.update(state, args, now),
            "chat.delete" => {
                let message = self.own_message(state, args, "cant_delete_message")?;
                message.deleted = true;
                Ok(json!({"channel": message.channel, "ts": message.ts}))
            }
            "chat.postEphemeral" => self.post_ephemeral(state, args, now),
            "chat.getPermalink" => {
                let channel = by_id(state, args)?.id.clone();
                let ts = args.text("message_ts").unwrap_or_default();
                state.message_mut(&channel, ts).ok_or("message_not_found")?;
                let digits = ts.replace('.', "");
                Ok(
                    json!({"channel": channel, "permalink": format!("{}/archives/{channel}/p{digits}", self.url())}),
                )
            }
            "conversations.list" => Ok(conversations_list(state, args)),
            "conversations.info" => Ok(json!({"channel": channel_json(by_id(state, args)?)})),
            "conversations.setTopic" => {
                let topic = args.text("topic").ok_or("invalid_arguments")?.to_owned();
                if topic.chars().count() > 250 {
                    return Err("too_long".into());
                }
                let id = by_id(state, args)?.id.clone();
                let channel = state.channels.iter_mut().find(|c| c.id == id).ok_or("channel_not_found")?;
                if channel.is_archived {
                    return Err("is_archived".into());
                }
                if !channel.bot_is_member {
                    return Err("not_in_channel".into());
                }
                channel.topic = topic;
                Ok(json!({"channel": channel_json(channel)}))
            }
            "conversations.history" => self.history(state, args),
            "conversations.replies" => self.replies(state, args),
            "conversations.open" => {
                let users = args.text("users").ok_or("invalid_arguments")?.to_owned();
                state.person(&users).ok_or("user_not_found")?;
                Ok(json!({"channel": {"id": state.direct(&users)}}))
            }
            "users.info" => {
                let user = args.text("user").and_then(|id| state.people.iter().find(|p| p.id == id));
                let user = user.ok_or("user_not_found")?;
                let mut json = self.person_json(user);
                json["is_stranger"] = json!(user.team.is_some());
                Ok(json!({ "user": json }))
            }
            "users.list" => {
                let (page, cursor) = page(&state.people, args);
                let members: Vec<Value> = page.iter().map(|person| self.person_json(person)).collect();
                Ok(
                    json!({"members": members, "cache_ts": now / 1000, "response_metadata": {"next_cursor": cursor}}),
                )
            }
            "usergroups.list" => {
                let with_users = args.yes("include_users");
                let team = &self.config().team;
                let groups = state.groups.iter().map(|group| {
                    let mut json = json!({
                        "id": group.id, "team_id": team, "is_usergroup": true, "name": group.handle,
                        "description": "", "handle": group.handle, "is_external": false, "date_create": 1_600_000_000,
                        "date_update": 1_600_000_000, "date_delete": 0,
                        "created_by": self.config().bot_user, "updated_by": self.config().bot_user,
                        "prefs": {"channels": [], "groups": []}, "user_count": group.members.len(),
                    });
                    if with_users {
                        json["users"] = json!(group.members);
                    }
                    json
                });
                Ok(json!({"usergroups": groups.collect::<Vec<_>>()}))
            }
            "usergroups.users.list" => {
                let id = args.text("usergroup").unwrap_or_default();
                let group = state.groups.iter().find(|group| group.id == id).ok_or("no_such_subteam")?;
                Ok(json!({"users": group.members}))
            }
            "views.open" => self.views_open(state, args, now),
            "reactions.add" => {
                let name = args.text("name").ok_or("no_reaction")?.to_owned();
                let channel = by_id(state, args)?.id.clone();
                let ts = args.text("timestamp").unwrap_or_default();
                let message = state.message_mut(&channel, ts).ok_or("message_not_found")?;
                if message.reactions.contains(&name) {
                    return Err("already_reacted".into());
                }
                message.reactions.push(name);
                Ok(json!({}))
            }
            _ => {
                self.complain(format!("slack: {method} is not modelled"));
                Err("unknown_method".into())
            }
        }
    }

    /// Checks text, blocks and metadata of a message.
    fn content(&self, method: &str, args: &Args) -> Result<(String, Value, Option<Value>), Refused> {
        let text = args.text("text").unwrap_or_default().to_owned();
        let blocks = args.json("blocks").map_err(|()| Refused::from("invalid_blocks_format"))?;
        let blocks = blocks.unwrap_or(Value::Null);
        if !blocks.is_null() {
            let problems = check_blocks(&blocks, Surface::Message);
            if !problems.is_empty() {
                for problem in &problems {
                    self.complain(format!("slack: {method}: {problem}"));
                }
                return Err(Refused("invalid_blocks", problems));
            }
        }
        let has_blocks = blocks.as_array().is_some_and(|blocks| !blocks.is_empty());
        if has_blocks && text.is_empty() {
            self.complain(format!("slack: {method}: blocks without a fallback `text`"));
        }
        if !has_blocks && text.is_empty() && args.json("attachments").ok().flatten().is_none() {
            return Err("no_text".into());
        }
        let metadata = args.json("metadata").map_err(|()| Refused::from("invalid_metadata_format"))?;
        let complete = |sent: &Value| sent["event_type"].is_string() && sent["event_payload"].is_object();
        if metadata.as_ref().is_some_and(|metadata| !complete(metadata)) {
            self.complain(format!("slack: {method}: metadata needs event_type and event_payload"));
            return Err("invalid_metadata_format".into());
        }
        Ok((text, blocks, metadata))
    }

    fn post(&self, state: &mut State, args: &Args, now: i64) -> Outcome {
        let (mut text, blocks, metadata) = self.content("chat.postMessage", args)?;
        let key = args.text("channel").ok_or_else(|| missing("channel"))?.to_owned();
        let channel = if state.people.iter().any(|person| person.id == key) {
            state.direct(&key)
        } else {
            let channel = state.channel(&key).ok_or("channel_not_found")?;
            writable(channel)?;
            channel.id.clone()
        };
        let thread_ts = args.text("thread_ts").map(str::to_owned);
        if let Some(parent) = &thread_ts {
            state.message_mut(&channel, parent).ok_or("cannot_reply_to_message")?;
        }
        if let Some(interval) = state.post_interval {
            let next = state.next_post.entry(channel.clone()).or_insert(0);
            if now < *next {
                return Ok(json!("ratelimited"));
            }
            *next = now + i64::try_from(interval.as_millis()).unwrap_or(i64::MAX / 4);
        }
        let mut warning = None;
        if text.chars().count() > 40_000 {
            text = text.chars().take(40_000).collect();
            warning = Some("message_truncated");
        }
        let message = Message {
            ts: state.ts(now),
            user: self.config().bot_user.clone(),
            blocks: state.with_ids(&blocks),
            reply_broadcast: args.yes("reply_broadcast"),
            client_msg_id: args.text("client_msg_id").map(str::to_owned),
            channel,
            text,
            thread_ts,
            metadata,
            edits: Vec::new(),
            reactions: Vec::new(),
            deleted: false,
        };
        let mut body = json!({"channel": message.channel, "ts": message.ts, "message": self.message_json(&message, false)});
        if let Some(warning) = warning {
            body["warning"] = json!(warning);
        }
        state.messages.push(message);
        Ok(body)
    }

    fn own_message<'a>(
        &self,
        state: &'a mut State,
        args: &Args,
        foreign: &'static str,
    ) -> Result<&'a mut Message, Refused> {
        let channel = by_id(state, args)?.id.clone();
        let ts = args.text("ts").ok_or_else(|| missing("ts"))?;
        let message = state.message_mut(&channel, ts).ok_or("message_not_found")?;
        if message.user != self.config().bot_user {
            return Err(foreign.into());
        }
        Ok(message)
    }

    fn update(&self, state: &mut State, args: &Args, now: i64) -> Outcome {
        // `content` refuses a message without anything; for an edit, `blocks: []` with text is the usual way out.
        let (text, blocks, metadata) = self.content("chat.update", args)?;
        if text.chars().count() > 4000 {
            self.complain("slack: chat.update: text has more than 4000 characters");
            return Err("msg_too_long".into());
        }
        let stored = state.with_ids(&blocks);
        let message = self.own_message(state, args, "cant_update_message")?;
        if blocks.is_null() && !message.blocks.is_empty() {
            self.complain("slack: chat.update without `blocks` leaves the fate of the old ones to Slack");
        }
        message.edits.push(Edit {
            text: std::mem::replace(&mut message.text, text),
            blocks: std::mem::replace(&mut message.blocks, stored),
            replaced_at: now,
        });
        if metadata.is_some() {
            message.metadata = metadata;
        }
        let (channel, ts, text) = (message.channel.clone(), message.ts.clone(), message.text.clone());
        let json = self.message_json(message, false);
        Ok(json!({"channel": channel, "ts": ts, "text": text, "message": json}))
    }

    fn post_ephemeral(&self, state: &mut State, args: &Args, now: i64) -> Outcome {
        let (text, blocks, _) = self.content("chat.postEphemeral", args)?;
        let channel = by_id(state, args)?;
        writable(channel)?;
        let channel = channel.id.clone();
        let user = args.text("user").ok_or_else(|| missing("user"))?.to_owned();
        state.people.iter().find(|person| person.id == user).ok_or("user_not_in_channel")?;
        let ts = state.ts(now);
        let blocks = state.with_ids(&blocks);
        let thread_ts = args.text("thread_ts").map(str::to_owned);
        let via = "chat.postEphemeral";
        state.ephemerals.push(Ephemeral {
            channel,
            user,
            ts: ts.clone(),
            text,
            blocks,
            thread_ts,
            via,
            gone: false,
        });
        Ok(json!({ "message_ts": ts }))
    }

    fn history(&self, state: &State, args: &Args) -> Outcome {
        let channel = by_id(state, args)?;
        if !channel.bot_is_member {
            return Err("not_in_channel".into());
        }
        let mut found: Vec<&Message> = state
            .messages
            .iter()
            .filter(|m| m.channel == channel.id && !m.deleted && in_range(&m.ts, args))
            .filter(|m| m.reply_broadcast || m.thread_ts.as_ref().is_none_or(|parent| *parent == m.ts))
            .collect();
        found.reverse();
        Ok(self.page_of_messages(&found, args))
    }

    fn replies(&self, state: &State, args: &Args) -> Outcome {
        let channel = by_id(state, args)?;
        let parent = args.text("ts").ok_or_else(|| missing("ts"))?;
        let found: Vec<&Message> = state
            .messages
            .iter()
            .filter(|m| m.channel == channel.id && !m.deleted)
            .filter(|m| m.ts == parent || (m.thread_ts.as_deref() == Some(parent) && in_range(&m.ts, args)))
            .collect();
        if found.first().is_none_or(|first| first.ts != parent) {
            return Err("thread_not_found".into());
        }
        Ok(self.page_of_messages(&found, args))
    }

    fn page_of_messages(&self, found: &[&Message], args: &Args) -> Value {
        let (page, cursor) = page(found, args);
        let with_metadata = args.yes("include_all_metadata");
        let messages: Vec<Value> =
            page.iter().map(|message| self.message_json(message, with_metadata)).collect();
        json!({
            "messages": messages, "has_more": !cursor.is_empty(), "pin_count": 0, "channel_actions_ts": null,
            "channel_actions_count": 0, "response_metadata": {"next_cursor": cursor},
        })
    }

    fn views_open(&self, state: &mut State, args: &Args, now: i64) -> Outcome {
        let view = args.json("view").map_err(|()| missing("view"))?.ok_or_else(|| missing("view"))?;
        let id = args.text("trigger_id").ok_or("invalid_trigger_id")?;
        let trigger = state.triggers.get_mut(id).ok_or("invalid_trigger_id")?;
        if trigger.used {
            return Err("exchanged_trigger_id".into());
        }
        if now - trigger.issued > 3000 {
            return Err("expired_trigger_id".into());
        }
        if view.to_string().len() > 250_000 {
            return Err("view_too_large".into());
        }
        let mut problems = check_view(&view);
        problems.extend(spec::slack_shape("view", &view));
        if !problems.is_empty() {
            for problem in &problems {
                self.complain(format!("slack: views.open: {problem}"));
            }
            return Err(Refused("invalid_arguments", problems));
        }
        trigger.used = true;
        let user = trigger.user.clone();
        let stored = self.stored_view(state, &view);
        let id = stored["id"].as_str().unwrap_or_default().to_owned();
        state.views.push(View { id, user, view: stored.clone(), open: true });
        Ok(json!({ "view": stored }))
    }

    /// A view as Slack keeps it, with the fields it adds.
    pub(super) fn stored_view(&self, state: &mut State, view: &Value) -> Value {
        let id = format!("V{:08}", state.serial());
        let config = self.config();
        let or_null = |name: &str| view.get(name).cloned().unwrap_or(Value::Null);
        let or_empty = |name: &str| view.get(name).cloned().unwrap_or_else(|| json!(""));
        json!({
            "id": id, "team_id": config.team, "type": "modal", "title": view["title"], "submit": or_null("submit"),
            "close": or_null("close"), "blocks": state.with_ids(&view["blocks"]),
            "private_metadata": or_empty("private_metadata"), "callback_id": or_empty("callback_id"),
            "external_id": or_empty("external_id"), "state": {"values": {}}, "hash": format!("{id}.hash"),
            "clear_on_close": view["clear_on_close"] == true, "notify_on_close": view["notify_on_close"] == true,
            "root_view_id": id, "previous_view_id": null, "app_id": config.app,
            "app_installed_team_id": config.team, "bot_id": "B0BOT",
        })
    }

    pub(super) fn message_json(&self, message: &Message, with_metadata: bool) -> Value {
        let config = self.config();
        let mut json = json!({
            "type": "message", "user": message.user, "ts": message.ts, "text": message.text, "team": config.team,
        });
        if message.user == config.bot_user {
            json["bot_id"] = json!("B0BOT");
            json["app_id"] = json!(config.app);
        }
        if !message.blocks.is_empty() {
            json["blocks"] = json!(message.blocks);
        }
        if let Some(parent) = &message.thread_ts {
            json["thread_ts"] = json!(parent);
        }
        if let (true, Some(metadata)) = (with_metadata, &message.metadata) {
            json["metadata"] = metadata.clone();
        }
        if let Some(id) = &message.client_msg_id {
            json["client_msg_id"] = json!(id);
        }
        json
    }

    fn person_json(&self, person: &Person) -> Value {
        json!({
            "id": person.id, "team_id": person.team.as_ref().unwrap_or(&self.config().team), "name": person.name,
            "deleted": person.deleted, "color": "9f69e7", "real_name": person.real_name, "tz": person.tz,
            "tz_label": person.tz, "tz_offset": 0,
            "profile": {
                "real_name": person.real_name, "display_name": person.name, "real_name_normalized": person.real_name,
                "display_name_normalized": person.name, "team": person.team.as_ref().unwrap_or(&self.config().team),
            },
            "is_admin": person.is_admin, "is_owner": false, "is_primary_owner": false,
            "is_restricted": person.is_restricted, "is_ultra_restricted": person.is_ultra_restricted,
            "is_bot": person.is_bot, "is_app_user": false, "updated": 1_600_000_000, "is_email_confirmed": true,
        })
    }
}

fn missing(field: &str) -> Refused {
    Refused("invalid_arguments", vec![format!("missing required field: {field}")])
}

/// Everything but posting wants a channel's id, never its name.
fn by_id<'a>(state: &'a State, args: &Args) -> Result<&'a Channel, Refused> {
    let id = args.text("channel").unwrap_or_default();
    state.channels.iter().find(|channel| channel.id == id).ok_or_else(|| "channel_not_found".into())
}

fn writable(channel: &Channel) -> Result<(), Refused> {
    match (channel.is_archived, channel.bot_is_member) {
        (true, _) => Err("is_archived".into()),
        (_, false) => Err("not_in_channel".into()),
        _ => Ok(()),
    }
}

fn in_range(ts: &str, args: &Args) -> bool {
    let at = |raw: &str| raw.parse::<f64>().unwrap_or(0.0);
    let ts = at(ts);
    let inclusive = args.yes("inclusive");
    let after = args.text("oldest").is_none_or(|o| ts > at(o) || (inclusive && ts >= at(o)));
    let before = args.text("latest").is_none_or(|l| ts < at(l) || (inclusive && ts <= at(l)));
    after && before
}

/// One page by `limit` and `cursor`, and the cursor of the next (empty at the end).
fn page<'a, T>(all: &'a [T], args: &Args) -> (&'a [T], String) {
    let from =
        args.text("cursor").and_then(|c| c.strip_prefix("at")?.parse().ok()).unwrap_or(0).min(all.len());
    let to = (from + args.count("limit", 100)).min(all.len());
    let next = if to < all.len() { format!("at{to}") } else { String::new() };
    (&all[from..to], next)
}

fn conversations_list(state: &State, args: &Args) -> Value {
    let types = args.text("types").unwrap_or("public_channel").to_owned();
    let archived = !args.yes("exclude_archived");
    let listed: Vec<&Channel> = state
        .channels
        .iter()
        .filter(|c| !c.id.starts_with('D') && (archived || !c.is_archived))
        .filter(|c| types.contains(if c.is_private { "private_channel" } else { "public_channel" }))
        .collect();
    let (page, cursor) = page(&listed, args);
    let channels: Vec<Value> = page.iter().map(|channel| channel_json(channel)).collect();
    json!({"channels": channels, "response_metadata": {"next_cursor": cursor}})
}

fn channel_json(channel: &Channel) -> Value {
    let direct = channel.id.starts_with('D');
    let note = json!({"value": "", "creator": "", "last_set": 0});
    let topic = json!({"value": channel.topic, "creator": "", "last_set": 0});
    json!({
        "id": channel.id, "name": channel.name, "name_normalized": channel.name, "is_channel": !direct,
        "is_group": false, "is_im": direct, "is_mpim": false, "is_private": channel.is_private,
        "created": 1_600_000_000, "is_archived": channel.is_archived, "is_general": channel.name == "general",
        "unlinked": 0, "is_shared": false, "is_org_shared": false, "is_ext_shared": false,
        "is_pending_ext_shared": false, "is_member": channel.bot_is_member, "creator": "U0ADMIN",
        "topic": topic, "purpose": note, "previous_names": [], "num_members": 2,
    })
}

fn auth_test(config: &SlackConfig, url: &str) -> Value {
    json!({
        "url": format!("{url}/"), "team": "Acme", "user": "shipgate", "team_id": config.team,
        "user_id": config.bot_user, "bot_id": "B0BOT", "is_enterprise_install": false,
    })
}

#[cfg(test)]
mod tests {
    use super::NO_JSON_BODY;
    use crate::spec;

    #[test]
    fn the_methods_without_a_json_body_agree_with_the_description() {
        for method in NO_JSON_BODY {
            assert_ne!(spec::slack_reads_json(method), Some(true), "{method}");
        }
    }
}
