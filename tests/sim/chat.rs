//! A chat platform: messages, cards, buttons, groups, accounts, with everything that can go wrong there.
//! Not here: what people do with it (`people`).

use crate::dice::Dice;
use crate::faults::Fault;
use crate::mistakes::Mistake;
use crate::rules::{ACCOUNTS, account};
use crate::world::{HOUR, MINUTE, Ms, SECOND, Shared, World, tell};
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
    /// It was posted by a process whose place had been taken: nobody could know.
    pub late: bool,
    /// Edits of it may have been lost to one by a process whose place had been taken.
    pub spoiled: bool,
    /// Somebody deleted it.
    pub gone: bool,
    /// It is too old to be edited.
    pub fixed: bool,
    /// No later message stands in for it.
    pub is_newest: bool,
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

/// A row of boxes that was ever shown.
#[derive(Clone, Debug)]
pub struct ShownBoxes {
    /// What a press brings back.
    pub value: String,
    /// On which message.
    pub on: MessageRef,
    /// Each box: what it is called, and whether it was ticked.
    pub boxes: Vec<(String, bool)>,
    /// Of which deploy.
    pub deploy: DeployId,
    /// Whether it can still be seen.
    pub current: bool,
}

/// What the platform knows.
pub struct ChatModel {
    /// All messages.
    pub messages: Vec<Seen>,
    /// All buttons.
    pub buttons: Vec<Shown>,
    /// All rows of boxes.
    pub boxes: Vec<ShownBoxes>,
    /// Forms that were opened, with the person they were opened for.
    pub forms: Vec<(ReplyTo, Form)>,
    /// Groups: who was in since when.
    pub groups: BTreeMap<&'static str, Vec<(Ms, Vec<Account>)>>,
    /// Accounts.
    pub accounts: BTreeMap<Account, AccountFacts>,
    /// Accounts that did not count as people's any more since these moments.
    pub lost: BTreeMap<Account, Ms>,
    /// Nothing works before this moment.
    pub down_until: Ms,
    /// Everything is refused as too much before this moment.
    storm_until: Ms,
    /// Nothing can be written into the channel before this moment.
    refused_until: Ms,
    remembered: BTreeMap<String, Vec<Account>>,
}

impl ChatModel {
    /// A platform with everybody on it.
    pub fn new(dice: &mut Dice) -> Self {
        let accounts = ACCOUNTS.iter().map(|id| {
            let facts = AccountFacts {
                active: *id != "ULEFT",
                bot: *id == "UBOT",
                guest: *id == "UGUEST" || *id == "UOTHER",
                name: (*id).to_lowercase(),
            };
            (account(id), facts)
        });
        let own = |ids: &[&str]| ids.iter().map(|id| account(id)).collect::<Vec<_>>();
        let mut devs = own(&["U1ADA", "U1BEN", "U1EVE"]);
        let mut leads = own(&["U1CYD", "U1DOT"]);
        // Whoever is in a group is not yet a person who may: bots, guests and those who left are in groups too.
        if dice.chance(500) {
            leads.extend(own(&["UBOT", "UGUEST", "ULEFT", "UOTHER"]));
            devs.extend(own(&["UBOT", "UGUEST", "ULEFT", "UOTHER"]));
        }
        if dice.chance(300) {
            leads.push(account("U1BEN"));
        }
        Self {
            messages: Vec::new(),
            buttons: Vec::new(),
            boxes: Vec::new(),
            forms: Vec::new(),
            groups: BTreeMap::from([("S0DEV", vec![(0, devs)]), ("S0LEAD", vec![(0, leads)])]),
            accounts: accounts.collect(),
            lost: BTreeMap::new(),
            down_until: 0,
            storm_until: 0,
            refused_until: 0,
            remembered: BTreeMap::new(),
        }
    }

    /// Everything works again.
    pub fn mend(&mut self) {
        (self.down_until, self.storm_until, self.refused_until) = (0, 0, 0);
    }

    /// Who is in a group.
    pub fn members(&self, group: &str) -> Vec<Account> {
        self.groups.get(group).and_then(|list| list.last()).map(|(_, list)| list.clone()).unwrap_or_default()
    }

    /// Whether nobody joined or left since `since`.
    pub fn is_settled(&self, since: Ms) -> bool {
        self.groups.values().all(|list| list.last().is_none_or(|(at, _)| *at < since))
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
        for row in self.boxes.iter_mut().filter(|row| row.on == *on) {
            row.current = false;
        }
        let Body::Card(card) = body else { return };
        for row in &card.boxes {
            self.boxes.push(ShownBoxes {
                value: row.value.clone(),
                on: on.clone(),
                boxes: row.options.iter().map(|option| (option.key.clone(), option.is_ticked)).collect(),
                deploy: card.deploy.clone(),
                current: true,
            });
        }
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
pub struct SimChat {
    /// The world.
    pub world: Shared,
    /// Whose connection.
    pub me: usize,
}

fn later(why: &str, after: Option<i64>) -> ChatError {
    ChatError::Later { why: why.to_owned(), after: after.map(SignedDuration::from_secs) }
}

/// Whether something is written into a channel, or only asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Writes,
    Asks,
}

impl SimChat {
    /// On its way there: time passes, the platform may be down, and the process may die.
    async fn go(&self, way: Way, what: impl Fn() -> String) -> Result<(), ChatError> {
        let (ms, hangs) = {
            let mut world = self.world.look();
            let hangs = world.is_hit(Fault::ChatHangs);
            if hangs {
                (world.dice.between(30, 100) * SECOND, true)
            } else if world.is_hit(Fault::ChatSlow) {
                (world.dice.between(SECOND, 8 * SECOND), false)
            } else {
                (world.dice.between(0, 120), false)
            }
        };
        self.world.pause(ms).await;
        self.world.may_die(self.me, Fault::CrashBeforeCall).await;
        let mut world = self.world.look();
        if world.records {
            tell!(world, "chat", "{} {}", crate::replica::name(self.me), what());
        }
        if hangs || world.mono < world.chat.down_until {
            return Err(later("chat is down", None));
        }
        if world.mono < world.chat.storm_until || world.is_hit(Fault::ChatRateLimit) {
            let after = world.dice.between(1, 40);
            return Err(later("chat says wait", Some(after)));
        }
        if way == Way::Writes && world.mono < world.chat.refused_until {
            return Err(ChatError::Refused { why: "the channel cannot be written to".into() });
        }
        Ok(())
    }

    async fn come_back(&self) {
        let ms = self.world.look().dice.between(0, 60);
        self.world.pause(ms).await;
        self.world.may_die(self.me, Fault::CrashAfterCall).await;
    }
}

fn id_of(channel: &str) -> String {
    format!("C{channel}")
}

#[async_trait]
impl Chat for SimChat {
    fn platform(&self) -> Platform {
        Platform::Slack
    }

    async fn channel(&self, name: &str) -> Result<String, ChatError> {
        self.go(Way::Asks, || format!("channel {name}")).await?;
        Ok(id_of(name))
    }

    async fn post(&self, post: &Post, again: bool) -> Result<MessageRef, ChatError> {
        self.go(Way::Writes, || format!("post {} again={again}", post.key)).await?;
        if again && self.world.look().is_hit(Fault::HistoryUnreadable) {
            return Err(later("earlier messages cannot be read", None));
        }
        let (message, lost) = self.world.look().post(self.me, post, again);
        self.come_back().await;
        if lost { Err(later("chat gave no answer", None)) } else { Ok(message) }
    }

    async fn edit(&self, message: &MessageRef, body: &Body) -> Result<(), ChatError> {
        self.go(Way::Writes, || format!("edit {}", message.id)).await?;
        let lost = self.world.look().edit(self.me, message, body)?;
        self.come_back().await;
        if lost { Err(later("chat gave no answer", None)) } else { Ok(()) }
    }

    async fn reply(&self, to: &ReplyTo, message: &Message) -> Result<(), ChatError> {
        let text = || format!("reply {} {}", to.account.id, message.title.to_plain());
        self.go(Way::Asks, text).await?;
        let fails = {
            let mut world = self.world.look();
            let read = crate::oracle::words::message(message);
            world.check(read);
            world.is_hit(Fault::ReplyFails)
        };
        self.come_back().await;
        if fails { Err(later("the answer did not get through", None)) } else { Ok(()) }
    }

    async fn open_form(&self, to: &ReplyTo, form: &Form) -> Result<(), ChatError> {
        self.go(Way::Asks, || format!("form {} {}", to.account.id, form.title)).await?;
        {
            let mut world = self.world.look();
            if world.is_hit(Fault::FormFails) {
                return Err(ChatError::Refused { why: "the trigger expired".into() });
            }
            world.chat.forms.push((to.clone(), form.clone()));
        }
        self.come_back().await;
        Ok(())
    }

    async fn set_topic(&self, channel: &str, topic: &str) -> Result<(), ChatError> {
        self.go(Way::Writes, || format!("topic of {channel}: {topic}")).await
    }

    async fn account(&self, account: &Account) -> Result<AccountFacts, ChatError> {
        self.go(Way::Asks, || format!("account {}", account.id)).await?;
        let mut world = self.world.look();
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
        self.go(Way::Asks, || format!("members {}", group.id)).await?;
        let list = {
            let mut world = self.world.look();
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
    /// A process whose place was taken goes on as if nothing had happened: the outside cannot know.
    fn is_late(&mut self, me: usize) -> bool {
        let epoch = self.replicas[me].epoch;
        let is_late = self.oracle.epochs.has_ended(epoch);
        if is_late {
            self.note(Fault::LateCall);
        }
        is_late
    }

    /// Posts a message. Says which it is, and whether the answer is lost.
    fn post(&mut self, me: usize, post: &Post, again: bool) -> (MessageRef, bool) {
        let late = self.is_late(me);
        let same = self.chat.messages.iter().find(|seen| seen.key == post.key);
        if again
            && let Some(seen) = same
            && self.mistake != Some(Mistake::KeyIgnored)
        {
            return (seen.at.clone(), false);
        }
        // One that was late may stand beside one that was not, but never two of either.
        if same
            .is_some_and(|_| self.chat.messages.iter().any(|seen| seen.key == post.key && seen.late == late))
        {
            self.fail(format!("S9: “{}” was posted twice", post.key));
        }
        let id = format!("m{}", self.chat.messages.len() + 1);
        let message = MessageRef { channel: id_of(&post.channel), id };
        let card = match &post.body {
            Body::Card(card) => Some(card.deploy.clone()),
            Body::Message(_) => None,
        };
        if self.records {
            let text = match &post.body {
                Body::Card(card) => format!("{}: {}", card.title.to_plain(), card.status.to_plain()),
                Body::Message(message) => message.title.to_plain(),
            };
            tell!(self, "chat", "{} in {} {text}", message.id, message.channel);
        }
        let read = crate::oracle::words::body(&post.body);
        self.check(read);
        let at = message.clone();
        if card.is_some() {
            let older = self.chat.messages.iter_mut();
            let same = older.filter(|seen| seen.card == card && seen.at.channel == at.channel);
            same.for_each(|seen| seen.is_newest = false);
        }
        let key = post.key.clone();
        let (gone, fixed, spoiled, is_newest) = (false, false, late, true);
        self.chat.messages.push(Seen { at, key, late, spoiled, gone, fixed, is_newest, card });
        let now = self.mono;
        self.chat.show(&message, &post.body, now);
        let lost = self.is_hit(Fault::ChatAnswerLost);
        (message, lost)
    }

    /// Edits a message. Says whether the answer is lost.
    fn edit(&mut self, me: usize, message: &MessageRef, body: &Body) -> Result<bool, ChatError> {
        let late = self.is_late(me);
        let is_fixed = self.is_hit(Fault::EditRefused);
        let Some(seen) = self.chat.messages.iter_mut().find(|seen| seen.at == *message) else {
            return Err(ChatError::Gone { why: "there is no such message".into() });
        };
        if seen.gone {
            return Err(ChatError::Gone { why: "the message was deleted".into() });
        }
        seen.fixed |= is_fixed;
        if seen.fixed {
            return Err(ChatError::Gone { why: "it is too old to be edited".into() });
        }
        seen.spoiled = late;
        let read = crate::oracle::words::body(body);
        self.check(read);
        let now = self.mono;
        self.chat.show(message, body, now);
        Ok(self.is_hit(Fault::ChatAnswerLost))
    }

    /// Chat is down for minutes.
    pub fn chat_down(&mut self) {
        self.note(Fault::ChatDown);
        self.chat.down_until = self.mono + self.dice.between(1, 6) * MINUTE;
    }

    /// Chat is down for two hours.
    pub fn chat_down_long(&mut self) {
        self.note(Fault::ChatDownLong);
        self.chat.down_until = self.mono + 2 * HOUR;
    }

    /// Chat refuses everything as too much.
    pub fn chat_storm(&mut self) {
        self.note(Fault::ChatStorm);
        self.chat.storm_until = self.mono + self.dice.between(1, 10) * MINUTE;
    }

    /// Nothing can be written into the channel for some time.
    pub fn chat_refuses(&mut self, why: Fault) {
        self.note(why);
        self.chat.refused_until = self.mono + self.dice.between(1, 15) * MINUTE;
    }

    /// An account is a person's no more.
    pub fn lose_account(&mut self, why: Fault, change: impl FnOnce(&mut AccountFacts)) {
        let who = account(self.dice.pick(&["U1BEN", "U1EVE", "U1DOT", "U2CYD"]).copied().unwrap_or("U1EVE"));
        if let Some(facts) = self.chat.accounts.get_mut(&who)
            && facts.active
            && !facts.guest
        {
            change(facts);
            let now = self.mono;
            self.chat.lost.insert(who.clone(), now);
            self.note(why);
            tell!(self, "chat", "{} counts no more", who.id);
        }
    }
}
