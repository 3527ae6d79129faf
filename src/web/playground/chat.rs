//! The playground as a chat platform: what use cases post, edit, answer and ask appears on the page. Not here: how.

use super::room::{Draft, Said};
use super::{News, Playground};
use async_trait::async_trait;
use shipgate_app::inbound::ReplyTo;
use shipgate_app::ports::{Chat, ChatError, MessageRef, Post};
use shipgate_app::words::{Body, Form, Message};
use shipgate_domain::ids::{Account, Platform};
use shipgate_domain::people::{AccountFacts, OutsideGroup};

impl Playground {
    fn channel_id(&self, name: &str) -> Result<String, ChatError> {
        match self.channel(name) {
            Some(channel) => Ok(channel.id().to_owned()),
            None => {
                let known: Vec<&str> = self.0.settings.channels.iter().map(|c| c.name.as_str()).collect();
                let why = format!("the playground has no channel “{name}”: it has {}", known.join(", "));
                Err(ChatError::Refused { why })
            }
        }
    }

    /// Adds a message and tells every page that shows it.
    pub(super) fn add(&self, draft: Draft) -> u64 {
        let channel = draft.channel.clone();
        let (id, root, is_new) = {
            let mut room = self.room();
            let (id, is_new) = room.add(draft);
            (id, room.root_of(id), is_new)
        };
        if is_new {
            self.tell(News::Message { channel, root });
        }
        id
    }
}

fn number(message: &MessageRef) -> Result<u64, ChatError> {
    let gone = || ChatError::Gone { why: format!("the playground has no message {}", message.id) };
    message.id.parse().map_err(|_| gone())
}

#[async_trait]
impl Chat for Playground {
    fn platform(&self) -> Platform {
        Platform::Playground
    }

    async fn channel(&self, name: &str) -> Result<String, ChatError> {
        self.channel_id(name)
    }

    async fn post(&self, post: &Post, _again: bool) -> Result<MessageRef, ChatError> {
        let channel = self.channel_id(&post.channel)?;
        let thread = post.thread.as_ref().map(number).transpose()?;
        if let Some(root) = thread
            && self.room().get(root).is_none()
        {
            return Err(ChatError::Gone { why: format!("the thread {root} is no longer kept") });
        }
        let draft = Draft {
            channel: channel.clone(),
            thread,
            only_for: None,
            said: Said::Bot(post.body.clone()),
            at: self.0.world.clock.now(),
            key: Some(format!("post:{}", post.key)),
        };
        Ok(MessageRef { channel, id: self.add(draft).to_string() })
    }

    async fn edit(&self, message: &MessageRef, body: &Body) -> Result<(), ChatError> {
        let id = number(message)?;
        let (changed, root) = {
            let mut room = self.room();
            (room.edit(id, body), room.root_of(id))
        };
        match changed {
            None => Err(ChatError::Gone { why: format!("message {id} is no longer kept") }),
            Some(false) => Ok(()),
            Some(true) => {
                self.tell(News::Message { channel: message.channel.clone(), root });
                Ok(())
            }
        }
    }

    async fn reply(&self, to: &ReplyTo, message: &Message) -> Result<(), ChatError> {
        let channel = match &to.channel {
            Some(channel) => self.channel_id(channel)?,
            None => self.0.settings.channels[0].id().to_owned(),
        };
        let thread = to.thread.as_ref().and_then(|id| id.parse().ok());
        self.add(Draft {
            channel,
            thread: thread.filter(|root| self.room().get(*root).is_some()),
            only_for: Some(to.account.id.clone()),
            said: Said::Bot(Body::Message(message.clone())),
            at: self.0.world.clock.now(),
            key: None,
        });
        Ok(())
    }

    async fn open_form(&self, to: &ReplyTo, form: &Form) -> Result<(), ChatError> {
        self.room().open_form(&to.account.id, form.clone(), to.channel.clone(), to.trigger.clone());
        self.tell(News::Form { account: to.account.id.clone() });
        Ok(())
    }

    async fn set_topic(&self, _channel: &str, _topic: &str) -> Result<(), ChatError> {
        Err(ChatError::Refused { why: "the channels of the playground have no topic".into() })
    }

    async fn account(&self, account: &Account) -> Result<AccountFacts, ChatError> {
        let person = self.person(&account.id).filter(|person| person.account == *account);
        let unknown =
            || ChatError::Refused { why: format!("nobody in the playground has the account {account}") };
        let person = person.ok_or_else(unknown)?;
        Ok(AccountFacts { active: true, bot: false, guest: false, name: person.name.clone() })
    }

    async fn members(&self, group: &OutsideGroup) -> Result<Vec<Account>, ChatError> {
        let members =
            self.0.settings.groups.get(&group.id).filter(|_| group.platform == Platform::Playground);
        let unknown =
            || ChatError::Refused { why: format!("the playground has no group “{}”", group.id) };
        members.cloned().ok_or_else(unknown)
    }
}
