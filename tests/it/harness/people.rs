//! What people type, press and read, as tests say it. Not here: the process (`harness`).

use super::{Bot, DEPLOYMENTS};
use crate::read;
use crate::setup::{REPO, WORKFLOW};
use serde_json::Value;
use shipgate_world::Delivery;
use shipgate_world::slack::{Button, Message};

impl Bot {
    /// Somebody types a command in `#deployments`; it must be acknowledged within Slack's three seconds.
    pub async fn slash(&mut self, user: &str, command: &str, text: &str) -> Delivery {
        let delivery =
            self.slack.slash(user, DEPLOYMENTS, command, text).await.expect("people and channels exist");
        assert!(
            delivery.acknowledged(),
            "`{command} {text}` was not acknowledged: {delivery:?}\n{}",
            self.picture()
        );
        delivery
    }

    /// Somebody types a command and reads the private answer, which must say `expected`.
    pub async fn ask(&mut self, user: &str, command: &str, text: &str, expected: &str) -> String {
        let seen = self.private_count(user);
        self.slash(user, command, text).await;
        self.next_private(user, seen, expected).await
    }

    /// How many private messages a person has got so far; for [`Bot::next_private`].
    pub fn private_count(&self, user: &str) -> usize {
        self.slack.ephemerals().iter().filter(|e| e.user == account(user)).count()
    }

    /// Waits for a private message after the first `seen` that says `expected`.
    pub async fn next_private(&mut self, user: &str, seen: usize, expected: &str) -> String {
        let what = format!("{user} reads “{expected}”");
        self.until(&what, |bot| {
            let all = bot.slack.ephemerals();
            let mut new = all.iter().filter(|e| e.user == account(user)).skip(seen).map(read::private);
            new.find(|said| said.contains(expected))
        })
        .await
    }

    /// The newest card whose headline says this, for instance `api v1.2.3 → production`.
    pub fn card(&self, headline: &str) -> Option<Message> {
        let messages = self.slack.messages(DEPLOYMENTS);
        let mut cards = messages.into_iter().rev().filter(|m| m.thread_ts.is_none());
        cards.find(|m| m.text.contains(headline) && m.text.contains('→'))
    }

    /// How many messages in the channel are cards with this headline.
    pub fn cards(&self, headline: &str) -> usize {
        let messages = self.slack.messages(DEPLOYMENTS).into_iter();
        messages.filter(|m| m.thread_ts.is_none() && m.text.contains(headline)).count()
    }

    /// Waits until the card says all of this; returns it.
    pub async fn card_says(&mut self, headline: &str, expected: &[&str]) -> Message {
        let what = format!("the card “{headline}” says {expected:?}");
        self.until(&what, |bot| {
            let card = bot.card(headline)?;
            let said = read::message(&card);
            expected.iter().all(|part| said.contains(part)).then_some(card)
        })
        .await
    }

    /// Waits until a message in the channel, not in a thread and not a card, says all of this.
    pub async fn announced(&mut self, expected: &[&str]) -> Message {
        let what = format!("an announcement says {expected:?}");
        self.until(&what, |bot| bot.announcements(expected).pop()).await
    }

    /// All such messages.
    pub fn announcements(&self, expected: &[&str]) -> Vec<Message> {
        let mut messages = self.slack.messages(DEPLOYMENTS);
        messages.retain(|m| {
            let said = read::message(m);
            m.thread_ts.is_none()
                && m.user == "U0BOT"
                && !m.text.contains('→')
                && expected.iter().all(|part| said.contains(part))
        });
        messages
    }

    /// Waits until a note in the thread of a message says this.
    pub async fn thread_says(&mut self, parent: &Message, expected: &str) -> String {
        let ts = parent.ts.clone();
        self.until(&format!("the thread says “{expected}”"), |bot| {
            let messages = bot.slack.messages(DEPLOYMENTS);
            let mut notes = messages.iter().filter(|m| m.thread_ts.as_ref() == Some(&ts)).map(read::message);
            notes.find(|said| said.contains(expected))
        })
        .await
    }

    /// Waits until the card has this button; returns it, to be pressed now or later.
    pub async fn button(&mut self, headline: &str, label: &str) -> Button {
        self.until(&format!("the card “{headline}” has the button {label}"), |bot| {
            let card = bot.card(headline)?;
            let buttons = bot.slack.buttons(&card.channel, &card.ts);
            buttons.into_iter().find(|button| button.text == label)
        })
        .await
    }

    /// Somebody presses a button they saw; it must be acknowledged.
    pub async fn press(&mut self, user: &str, button: &Button) -> Delivery {
        let delivery = self.slack.press(user, button).await.expect("people and channels exist");
        assert!(delivery.acknowledged(), "the click was not acknowledged: {delivery:?}\n{}", self.picture());
        delivery
    }

    /// Somebody waits for a button of a card and presses it.
    pub async fn click(&mut self, user: &str, headline: &str, label: &str) {
        let button = self.button(headline, label).await;
        self.press(user, &button).await;
    }

    /// Somebody presses a button and reads the private answer.
    pub async fn press_and_read(&mut self, user: &str, button: &Button, expected: &str) -> String {
        let seen = self.private_count(user);
        self.press(user, button).await;
        self.next_private(user, seen, expected).await
    }

    /// Waits for the modal a person has open; returns its id.
    pub async fn modal(&mut self, user: &str) -> (String, Value) {
        self.until(&format!("{user} sees a form"), |bot| {
            let views = bot.slack.views();
            let view = views.iter().rev().find(|view| view.open && view.user == account(user))?;
            Some((view.id.clone(), view.view.clone()))
        })
        .await
    }

    /// Somebody starts the workflow by hand for the deploy of a card, as GitHub's own page lets them; returns the run.
    pub async fn start_by_hand(&mut self, headline: &str) -> u64 {
        let button = self.button(headline, "Cancel").await;
        let value = button.value.expect("a button carries a value");
        let id = value.split('.').next().unwrap_or_default();
        let inputs = [("deployment_id", id), ("sha", "-"), ("environment", "-"), ("version", "-")];
        self.github
            .dispatch_by_hand(REPO, WORKFLOW, "main", &inputs)
            .expect("the workflow takes these inputs")
    }

    /// How many dispatches were sent, whatever became of them.
    pub fn dispatches_sent(&self) -> usize {
        self.github.calls().iter().filter(|call| call.path.ends_with("/dispatches")).count()
    }

    /// Waits for the run of the `n`th dispatch (from 0); returns its id.
    pub async fn run_of_dispatch(&mut self, n: usize) -> u64 {
        self.until(&format!("dispatch number {n}"), |bot| Some(bot.github.dispatches().get(n)?.run)).await
    }

    /// Deploys a version to an environment without approvals, to its success.
    pub async fn deploy(&mut self, user: &str, environment: &str, version: &str) {
        let n = self.github.dispatches().len();
        self.slash(user, "/deploy", &format!("{environment} {version}")).await;
        let run = self.run_of_dispatch(n).await;
        self.finish(run).await;
        let version = version.split(' ').next().unwrap_or(version);
        self.announced(&[&format!("{environment} now runs api {version}")]).await;
    }

    /// Brings a version through staging to production, asked for by ada and approved by grace.
    pub async fn release(&mut self, version: &str) {
        self.deploy("ada", "staging", version).await;
        let n = self.github.dispatches().len();
        self.slash("ada", "/deploy", &format!("production {version}")).await;
        self.click("grace", &format!("api {version} → production"), "Approve").await;
        let run = self.run_of_dispatch(n).await;
        self.finish(run).await;
        self.announced(&[&format!("production now runs api {version}")]).await;
    }

    /// A run goes on to its end.
    pub async fn finish(&self, run: u64) {
        self.github.finish(run).await.expect("the run exists");
    }

    /// A run goes one step on.
    pub async fn advance(&self, run: u64) {
        self.github.advance(run).await.expect("the run exists");
    }

    /// Somebody presses with two fingers at once; both clicks must be acknowledged.
    pub async fn press_twice(&self, user: &str, button: &Button) {
        let (one, two) = tokio::join!(self.slack.press(user, button), self.slack.press(user, button));
        for delivery in [one, two] {
            let delivery = delivery.expect("people and channels exist");
            assert!(
                delivery.acknowledged(),
                "the click was not acknowledged: {delivery:?}\n{}",
                self.picture()
            );
        }
    }
}

/// The Slack id behind a handle.
fn account(user: &str) -> String {
    format!("U0{}", user.to_uppercase())
}
