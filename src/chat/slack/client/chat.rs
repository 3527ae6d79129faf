//! Slack as the use cases see it: posting, editing, private answers, forms, accounts and groups. Not here: drawing
//! (`render`), and trying again (the caller's outbox does).

use super::addresses::response_address;
use super::models::{Empty, Found, Messages, Posted, UserAnswer, Users};
use super::{CALL_TIME, PAGES, Slack};
use crate::slack::errors::{self, chat_error};
use crate::slack::forms;
use crate::slack::render::{self, Drawn, rich};
use async_trait::async_trait;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shipgate_app::inbound::ReplyTo;
use shipgate_app::point;
use shipgate_app::ports::{Chat, ChatError, MessageRef, Post};
use shipgate_app::words::{Body, Form, Message};
use shipgate_domain::ids::{Account, Platform};
use shipgate_domain::people::{AccountFacts, OutsideGroup};
use slack_morphism::SlackClientApiCallContext;
use slack_morphism::SlackClientHttpConnector;
use slack_morphism::errors::SlackClientError;
use std::sync::PoisonError;
use tokio::time::timeout;

/// How many of a channel's last messages are looked through for one that may already be there.
const LOOK_BACK_PAGES: usize = 6;
/// Name of our metadata on messages.
const METADATA: &str = "shipgate";

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
            return Err(errors::of_code("views.open", "", "invalid_trigger_id", None));
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

impl Slack {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_depends_on_the_key_alone() {
        assert_eq!(client_message_id("card/1"), client_message_id("card/1"));
        assert_ne!(client_message_id("card/1"), client_message_id("card/2"));
        assert_eq!(client_message_id("card/1").len(), 36);
    }
}
