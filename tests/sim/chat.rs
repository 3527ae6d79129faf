//! A chat platform: messages, cards, buttons, groups, accounts, with everything that can go wrong there.
//! Not here: what people do with it (`people`).

use crate::dice::Dice;
use crate::faults::Fault;
use crate::mistakes::Mistake;
use crate::rules::{ACCOUNTS, Drawn, account};
use crate::world::{MINUTE, Ms, SECOND, Shared, World};
use async_trait::async_trait;
use jiff::SignedDuration;
use shipgate_app::inbound::ReplyTo;
use shipgate_app::ports::{Chat, ChatError, MessageRef, Post};
use shipgate_app::words::{Body, Form, Message};
use shipgate_domain::ids::{Account, DeployId, Platform};
use shipgate_domain::people::{AccountFacts, OutsideGroup};
use std::collections::BTreeMap;

/// A message as people see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where.
    pub at: MessageRef,
    /// The name that the bot gave it.
    pub key: String,
    /// Somebody deleted it.
    pub gone: bool,
    /// The deploy whose card it is.
    pub card: Option<DeployId>,
}

/// A button that was ever shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What a press brings back.
    pub value: String,
    /// What it says, without what varies.
    pub label: &'static str,
    /// On which message.
    pub on: MessageRef,
    /// Of which deploy.
    pub deploy: DeployId,
    /// Whether it can still be seen.
    pub current: bool,
    /// When it was drawn.
    pub drawn: Ms,
}

/// What the platform knows.
pub struct ChatModel {
    /// All messages.
    pub messages: Vec<Seen>,
    /// All buttons.
    pub buttons: Vec<Shown>,
    /// Forms that were opened, with the person they were opened for.
    pub forms: Vec<(ReplyTo, Form)>,
    /// Groups: who was in since when.
    pub groups: BTreeMap<&'static str, Vec<(Ms, Vec<Account>)>>,
    /// Accounts.
    pub accounts: BTreeMap<Account, AccountFacts>,
    /// Nothing works before this moment.
    pub down_until: Ms,
    /// Private answers that could not be given.
    pub replies_failed: u64,
    remembered: BTreeMap<String, Vec<Account>>,
}

impl ChatModel {
    /// A platform with everybody on it.
    pub fn new(drawn: &Drawn, dice: &mut Dice) -> Self {
        let accounts = ACCOUNTS.iter().map(|id| {
            let facts = AccountFacts {
                active: *id != "ULEFT",
                bot: *id == "UBOT",
                guest: *id == "UGUEST",
                name: (*id).to_lowercase(),
            };
            (account(id), facts)
        });
        let own = |ids: &[&str]| ids.iter().map(|id| account(id)).collect::<Vec<_>>();
        let mut devs = own(&["U1ADA", "U1BEN", "U1EVE"]);
        let mut leads = own(&["U1CYD", "U1DOT"]);
        // Whoever is in a group is not yet a person who may: bots, guests and those who left are in groups too.
        if dice.chance(500) {
            leads.extend(own(&["UBOT", "UGUEST", "ULEFT"]));
            devs.extend(own(&["UBOT", "UGUEST", "ULEFT"]));
        }
        if dice.chance(300) {
            leads.push(account("U1BEN"));
        }
        let _ = drawn;
        Self {
            messages: Vec::new(),
            buttons: Vec::new(),
            forms: Vec::new(),
            groups: BTreeMap::from([("S0DEV", vec![(0, devs)]), ("S0LEAD", vec![(0, leads)])]),
            accounts: accounts.collect(),
            down_until: 0,
            replies_failed: 0,
            remembered: BTreeMap::new(),
        }
    }

    /// Who is in a group.
    pub fn members(&self, group: &str) -> Vec<Account> {
        self.groups.get(group).and_then(|list| list.last()).map(|(_, list)| list.clone()).unwrap_or_default()
    }

    /// Whether an account was in a group at some moment since `since`.
    pub fn was_member(&self, group: &str, account: &Account, since: Ms) -> bool {
        let Some(list) = self.groups.get(group) else { return false };
        list.iter().enumerate().any(|(at, (_, members))| {
            let until = list.get(at + 1).map_or(Ms::MAX, |next| next.0);
            until >= since && members.contains(account)
        })
    }

    fn show(&mut self, on: &MessageRef, body: &Body, now: Ms) {
        for shown in self.buttons.iter_mut().filter(|shown| shown.on == *on) {
            shown.current = false;
        }
        let Body::Card(card) = body else { return };
        for button in &card.buttons {
            self.buttons.push(Shown {
                value: button.value.clone(),
                label: label(&button.label),
                on: on.clone(),
                deploy: card.deploy.clone(),
                current: true,
                drawn: now,
            });
        }
    }
}

/// The button's words without what varies.
fn label(text: &str) -> &'static str {
    const LABELS: [&str; 12] = [
        "Approve",
        "Reject",
        "Hold",
        "Resume",
        "Cancel",
        "Re-run",
        "Roll back",
        "Close",
        "Deploy to",
        "It did not",
        "It started",
        "Look 30",
    ];
    LABELS.into_iter().find(|label| text.starts_with(label)).unwrap_or("?")
}

/// The platform behind the port.
pub struct SimChat(pub Shared);

fn later(why: &str, after: Option<i64>) -> ChatError {
    ChatError::Later { why: why.to_owned(), after: after.map(SignedDuration::from_secs) }
}

impl SimChat {
    /// On its way there: time passes, the platform may be down, and the process may die.
    async fn go(&self, what: &str) -> Result<(), ChatError> {
        let ms = {
            let mut world = self.0.look();
            if world.is_hit(Fault::ChatSlow) {
                world.dice.between(SECOND, 8 * SECOND)
            } else {
                world.dice.between(0, 120)
            }
        };
        self.0.pause(ms).await;
        self.0.may_die(Fault::CrashBeforeCall).await;
        let mut world = self.0.look();
        world.tell("chat", what);
        if world.mono < world.chat.down_until {
            return Err(later("chat is down", None));
        }
        if world.is_hit(Fault::ChatRateLimit) {
            let after = world.dice.between(1, 40);
            return Err(later("chat says wait", Some(after)));
        }
        Ok(())
    }

    async fn come_back(&self) {
        let ms = self.0.look().dice.between(0, 60);
        self.0.pause(ms).await;
        self.0.may_die(Fault::CrashAfterCall).await;
    }
}

#[async_trait]
impl Chat for SimChat {
    fn platform(&self) -> Platform {
        Platform::Slack
    }

    async fn post(&self, post: &Post, again: bool) -> Result<MessageRef, ChatError> {
        self.go(&format!("post {} again={again}", post.key)).await?;
        let (message, lost) = self.0.look().post(post, again);
        self.come_back().await;
        if lost { Err(later("chat gave no answer", None)) } else { Ok(message) }
    }

    async fn edit(&self, message: &MessageRef, body: &Body) -> Result<(), ChatError> {
        self.go(&format!("edit {}", message.id)).await?;
        let lost = {
            let mut world = self.0.look();
            if world.chat.messages.iter().any(|seen| seen.at == *message && seen.gone) {
                return Err(ChatError::Gone { why: "the message was deleted".into() });
            }
            let now = world.mono;
            world.chat.show(message, body, now);
            world.is_hit(Fault::ChatAnswerLost)
        };
        self.come_back().await;
        if lost { Err(later("chat gave no answer", None)) } else { Ok(()) }
    }

    async fn reply(&self, to: &ReplyTo, message: &Message) -> Result<(), ChatError> {
        let text = format!("reply {} {}", to.account.id, message.title.to_plain());
        if let Err(error) = self.go(&text).await {
            self.0.look().chat.replies_failed += 1;
            return Err(error);
        }
        let fails = {
            let mut world = self.0.look();
            let fails = world.is_hit(Fault::ReplyFails);
            if fails {
                world.chat.replies_failed += 1;
            }
            fails
        };
        self.come_back().await;
        if fails { Err(later("the answer did not get through", None)) } else { Ok(()) }
    }

    async fn open_form(&self, to: &ReplyTo, form: &Form) -> Result<(), ChatError> {
        self.go(&format!("form {} {}", to.account.id, form.title)).await?;
        {
            let mut world = self.0.look();
            if world.is_hit(Fault::FormFails) {
                return Err(ChatError::Refused { why: "the trigger expired".into() });
            }
            world.chat.forms.push((to.clone(), form.clone()));
        }
        self.come_back().await;
        Ok(())
    }

    async fn account(&self, account: &Account) -> Result<AccountFacts, ChatError> {
        self.go(&format!("account {}", account.id)).await?;
        let mut world = self.0.look();
        if world.is_hit(Fault::AccountUnreadable) {
            return Err(later("the account cannot be read", None));
        }
        let facts = world.chat.accounts.get(account).cloned();
        let mut facts = facts.ok_or_else(|| ChatError::Refused { why: "no such account".into() })?;
        if world.mistake == Some(Mistake::BotsLookLikePeople) {
            (facts.bot, facts.guest, facts.active) = (false, false, true);
        }
        Ok(facts)
    }

    async fn members(&self, group: &OutsideGroup) -> Result<Vec<Account>, ChatError> {
        self.go(&format!("members {}", group.id)).await?;
        let list = {
            let mut world = self.0.look();
            if world.is_hit(Fault::GroupUnreadable) {
                return Err(later("the group cannot be read", None));
            }
            let list = world.chat.members(&group.id);
            if world.mistake == Some(Mistake::GroupRemembered) {
                world.chat.remembered.entry(group.id.clone()).or_insert(list).clone()
            } else {
                list
            }
        };
        self.come_back().await;
        Ok(list)
    }
}

impl World {
    /// Posts a message. Says which it is, and whether the answer is lost.
    fn post(&mut self, post: &Post, again: bool) -> (MessageRef, bool) {
        let same = self.chat.messages.iter().find(|seen| seen.key == post.key).map(|seen| seen.at.clone());
        if again
            && let Some(message) = same.clone()
            && self.mistake != Some(Mistake::KeyIgnored)
        {
            return (message, false);
        }
        if same.is_some() {
            self.fail(format!("S9: “{}” was posted twice", post.key));
        }
        let id = format!("m{}", self.chat.messages.len() + 1);
        let message = MessageRef { channel: format!("C{}", post.channel), id };
        let card = match &post.body {
            Body::Card(card) => Some(card.deploy.clone()),
            Body::Message(_) => None,
        };
        let text = match &post.body {
            Body::Card(card) => format!("{}: {}", card.title.to_plain(), card.status.to_plain()),
            Body::Message(message) => message.title.to_plain(),
        };
        self.tell("chat", format!("{} in {} {text}", message.id, message.channel));
        self.chat.messages.push(Seen { at: message.clone(), key: post.key.clone(), gone: false, card });
        let now = self.mono;
        self.chat.show(&message, &post.body, now);
        let lost = self.is_hit(Fault::ChatAnswerLost);
        (message, lost)
    }

    /// Chat is down for minutes.
    pub fn chat_down(&mut self) {
        self.note(Fault::ChatDown);
        self.chat.down_until = self.mono + self.dice.between(1, 6) * MINUTE;
    }
}
