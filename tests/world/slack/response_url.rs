//! Answers that come to a response_url: five uses within thirty minutes. The Web API is in `api.rs`.

use serde_json::{Value, json};

use super::Slack;
use super::blocks::{Surface, check_blocks};
use super::state::{Edit, Ephemeral, Message, ResponseUse, State};
use crate::locked;
use crate::serve::{Answer, Call};

impl Slack {
    /// A post to a response_url: five uses within thirty minutes.
    pub(super) fn response_url(&self, token: &str, call: &Call) -> Answer {
        let now = self.config().clock.now_millis();
        let body = call.json();
        let mut state = locked(&self.0.state);
        let state = &mut *state;
        let Some(url) = state.response_urls.get_mut(token) else {
            return Answer::json(404, &json!({"ok": false, "error": "invalid_url"}));
        };
        let refusal = if now - url.issued > 30 * 60 * 1000 {
            Some((404, "expired_url"))
        } else if url.uses >= 5 {
            Some((404, "used_url"))
        } else {
            self.response_problem(&body).map(|error| (400, error))
        };
        url.uses += 1;
        let url = url.clone();
        let status = refusal.map_or(200, |(status, _)| status);
        let (user, channel) = (url.user.clone(), url.channel.clone());
        state.responses.push(ResponseUse { user, channel, body: body.clone(), status });
        if let Some((status, error)) = refusal {
            return Answer::json(status, &json!({"ok": false, "error": error}));
        }
        let replace = body["replace_original"] == true;
        let delete = body["delete_original"] == true;
        let text = body["text"].as_str().unwrap_or_default().to_owned();
        let blocks = state.with_ids(&body["blocks"]);
        if let (true, Some((ts, ephemeral))) = (replace || delete, url.source.as_ref()) {
            replace_original(state, (ts, *ephemeral), (text, blocks), delete, now);
            return Answer::text(200, "text/plain", "ok");
        }
        let thread_ts = body["thread_ts"].as_str().map(str::to_owned);
        let (ts, channel) = (state.ts(now), url.channel);
        if body["response_type"] == "in_channel" {
            let user = self.config().bot_user.clone();
            let message = Message {
                channel,
                ts,
                user,
                text,
                blocks,
                thread_ts,
                reply_broadcast: false,
                metadata: None,
                client_msg_id: None,
                edits: Vec::new(),
                reactions: Vec::new(),
                deleted: false,
            };
            state.messages.push(message);
        } else {
            let (user, via) = (url.user, "response_url");
            state.ephemerals.push(Ephemeral { channel, user, ts, text, blocks, thread_ts, via, gone: false });
        }
        Answer::text(200, "text/plain", "ok")
    }

    fn response_problem(&self, body: &Value) -> Option<&'static str> {
        if !body.is_object() {
            self.complain("slack: response_url: the body is not a JSON object");
            return Some("invalid_payload");
        }
        for name in ["replace_original", "delete_original"] {
            if !body[name].is_null() && !body[name].is_boolean() {
                self.complain(format!("slack: response_url: {name} must be a boolean"));
                return Some("invalid_payload");
            }
        }
        let problems = if body["blocks"].is_null() {
            Vec::new()
        } else {
            check_blocks(&body["blocks"], Surface::Message)
        };
        for problem in &problems {
            self.complain(format!("slack: response_url: {problem}"));
        }
        if !problems.is_empty() {
            return Some("invalid_blocks");
        }
        let empty = body["text"].is_null() && body["blocks"].is_null() && body["delete_original"] != true;
        empty.then_some("no_text")
    }
}

fn replace_original(
    state: &mut State,
    (ts, ephemeral): (&str, bool),
    (text, blocks): (String, Vec<Value>),
    delete: bool,
    now: i64,
) {
    if ephemeral {
        for original in state.ephemerals.iter_mut().filter(|e| e.ts == *ts) {
            if delete {
                original.gone = true;
            } else {
                original.text.clone_from(&text);
                original.blocks.clone_from(&blocks);
            }
        }
    } else if let Some(original) = state.messages.iter_mut().find(|m| m.ts == *ts) {
        if delete {
            original.deleted = true;
        } else {
            original.edits.push(Edit {
                text: std::mem::replace(&mut original.text, text),
                blocks: std::mem::replace(&mut original.blocks, blocks),
                replaced_at: now,
            });
        }
    }
}
