//! What is said in chat besides the card: results and notes in its thread, each once. Not here: the words (`messages`).

use super::is_private;
use crate::bot::App;
use crate::effects::{Effect, Finish, Leased, NewEffect};
use crate::judge::later;
use crate::point;
use crate::ports::{ChatError, Post};
use crate::store::StoreError;
use crate::words::{Body, Message};
use jiff::Timestamp;
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::DeployId;

impl App {
    /// The result, once.
    pub(crate) fn announcement(&self, deploy: &Deploy, due: Timestamp) -> NewEffect {
        self.say_once(format!("final/{}", deploy.id), self.words().result(deploy), due)
    }

    /// The result where only those look who asked, once.
    pub(crate) fn result_in_thread(&self, deploy: &Deploy, due: Timestamp) -> NewEffect {
        self.thread_say(deploy, format!("final/{}", deploy.id), self.words().result(deploy), due)
    }

    /// A note in the card's thread, once for each revision of the deploy.
    pub(crate) fn thread_note(&self, deploy: &Deploy, note: Message, due: Timestamp) -> NewEffect {
        self.thread_say(deploy, format!("note/{}/{}", deploy.id, deploy.revision), note, due)
    }

    /// A message in the card's thread, once for ever.
    pub(crate) fn thread_say(
        &self,
        deploy: &Deploy,
        key: String,
        note: Message,
        due: Timestamp,
    ) -> NewEffect {
        let channel = self.card_channels().remove(0).0;
        let post = Post { channel, thread: None, body: Body::Message(note), key: key.clone() };
        NewEffect::once(key, Effect::Say { post: Box::new(post), under: Some(deploy.id.clone()) }, due)
    }

    /// Posts something once.
    pub(crate) async fn say(
        &self,
        leased: &Leased,
        post: &Post,
        under: Option<&DeployId>,
    ) -> Result<Finish, StoreError> {
        let mut post = post.clone();
        if let Some(deploy) = under {
            let row = self.store.card(deploy).await?;
            let card = row.and_then(|row| row.posts.into_iter().find(|p| p.channel == post.channel));
            match card {
                Some(card) => post.thread = Some(card.message),
                None if self.store.deploy(deploy).await?.is_none_or(|d| is_private(&d)) => {
                    return Ok(Finish::Done);
                }
                None => {
                    return Ok(self.retry(1 << leased.attempts.min(6), "its card is not posted yet".into()));
                }
            }
        }
        if let Some((pause, why)) = self.is_too_early(&post.key).await? {
            return Ok(self.retry(pause, why));
        }
        let posted = self.chat.post(&post, leased.attempts > 0 || self.may_have_said()).await;
        point!("say/posted");
        match posted {
            Ok(_) => self.was_said(&post.key).await.map(|()| Finish::Done),
            Err(error) => {
                if let (ChatError::Gone { .. }, Some(deploy)) = (&error, under) {
                    self.card_is_gone(deploy).await?;
                }
                Ok(self.chat_trouble(leased, &error))
            }
        }
    }

    /// The message in whose thread something was to go is not there any more: the card is posted again.
    async fn card_is_gone(&self, deploy: &DeployId) -> Result<(), StoreError> {
        let Some(mut row) = self.store.card(deploy).await? else { return Ok(()) };
        row.shown.clear();
        row.revision += 1;
        let mut changes = self.changes(self.now());
        let effect = Effect::Card { deploy: deploy.clone() };
        changes.effects.push(NewEffect::whenever(effect, changes.at));
        changes.cards.push(row);
        self.commit(changes).await
    }

    /// When to try again after a platform could not do something. A projection is never given up.
    pub(crate) fn chat_trouble(&self, leased: &Leased, error: &ChatError) -> Finish {
        let pause = match error {
            // Nothing was tried: what counts the tries, and what they may have left behind, stays as it is.
            ChatError::NotYet { after } => {
                let at = later(self.now(), *after);
                return match leased.attempts {
                    0 => Finish::Again(at),
                    _ => Finish::Retry { at, why: error.to_string() },
                };
            }
            ChatError::Later { after: Some(after), .. } => after.as_secs().clamp(1, 300),
            ChatError::Later { after: None, .. } => (1 << leased.attempts.min(6)).min(60),
            ChatError::Gone { .. } => (2 << leased.attempts.min(5)).min(60),
            ChatError::Refused { .. } => 60 << leased.attempts.min(3),
        };
        if leased.attempts % 10 == 3 || matches!(error, ChatError::Refused { .. }) {
            tracing::error!(effect = leased.key, "cannot write to {}: {error}", self.chat.platform());
        }
        self.retry(pause, error.to_string())
    }
}
