//! People who get in each other's way: two deploys for one place, an approval against a cancellation or a freeze, two
//! rollbacks, all sent in the same instant. Who wins is nobody's business here; what must hold anyway is in `oracle`.

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::replica::PATIENCE;
use crate::settings::{self, DEPLOYMENTS, Transport, needed, place_name};
use shipgate_world::slack::{Button, Message};
use shipgate_world::{Delivery, Prepared, World};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Before somebody sends again what was not acknowledged.
const AGAIN: Duration = Duration::from_millis(50);
/// Slack gives up on an acknowledgement after this long.
const ACK: Duration = Duration::from_secs(3);

/// Something that somebody sent and that was acknowledged.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// Who.
    pub user: String,
    /// The end of the address for private answers; unknown over a socket.
    pub answers_to: Option<String>,
}

/// Everybody who types and presses.
#[derive(Debug)]
pub struct People {
    /// Slack and GitHub.
    pub world: Arc<World>,
    /// What the record says.
    pub ledger: Arc<Ledger>,
    transport: Transport,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Commands and clicks that somebody began to send.
    pub inputs: AtomicU64,
    /// How often something had to be sent again.
    pub again: AtomicU64,
    /// How often somebody was told that nothing was stored.
    pub refused: AtomicU64,
}

/// A race in one place: what is sent in the same instant.
#[derive(Clone, Debug)]
enum Input {
    Say { user: String, command: &'static str, text: String },
    Press { user: String, button: Button },
}

impl People {
    /// Nobody has said anything yet.
    pub fn new(world: Arc<World>, ledger: Arc<Ledger>, transport: Transport) -> Arc<Self> {
        Arc::new(Self {
            world,
            ledger,
            transport,
            acknowledged: Mutex::default(),
            inputs: AtomicU64::new(0),
            again: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Everything that was acknowledged so far.
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many commands and clicks were acknowledged so far.
    pub fn count(&self) -> usize {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// One round in one place: two deploys at once, races about each, two rollbacks at once. Returns when everything
    /// in the place is over.
    pub async fn round(self: Arc<Self>, place: usize, number: u64, mut dice: Dice) {
        let (name, [asks, begs, ..]) = (place_name(place), settings::people(place));
        let versions = ["a", "b"].map(|letter| format!("v{place}.{number}.0-{letter}"));
        versions.iter().for_each(|version| settings::release(&self.world, version));
        let [first, second] = &versions;
        self.race(vec![
            say(&asks, "/deploy", format!("{name} {first}")),
            say(&begs, "/deploy", format!("{name} {second}")),
            say(&begs, "/deploy", format!("{name} {first}")),
        ])
        .await;
        for version in &versions {
            let id = self.ledger.deploy_of(&name, version).await;
            self.decide(place, number, &id, &mut dice).await;
        }
        self.clear(place).await;
        let back = |user: &str| say(user, "/rollback", name.clone());
        self.race(vec![back(&asks), back(&begs)]).await;
        self.clear(place).await;
    }

    /// The race about one deploy.
    async fn decide(self: &Arc<Self>, place: usize, number: u64, id: &str, dice: &mut Dice) {
        let [asks, begs, nods, agrees] = settings::people(place);
        let name = place_name(place);
        let full = id;
        // What people type is the end of the id, as the card shows it.
        let id = &id[id.len() - 6..];
        let cancel = |user: &str| say(user, "/cancel", id.to_owned());
        if needed(place) == 0 {
            if dice.below(2) == 0 {
                self.race(vec![cancel(&asks), cancel(&begs)]).await;
            }
            return;
        }
        // An approval is for a version that was looked up.
        self.ledger.has(full, "pinned").await;
        let yes = |user: &str| say(user, "/approve", id.to_owned());
        let mut race = vec![yes(&nods), yes(&agrees), yes(&nods)];
        match dice.below(5) {
            0 => race.extend([yes(&agrees)]),
            1 => race.extend([cancel(&asks), cancel(&begs)]),
            2 => race.extend([say(&agrees, "/reject", format!("{id} because of race {number}"))]),
            3 => {
                let freeze = format!("race-{place}-{number}-{}", dice.below(1_000_000));
                race.insert(0, say(&agrees, "/freeze", format!("add {freeze} {name} for 2h")));
                self.race(race).await;
                self.ledger.says("freeze_added", &freeze).await;
                let end = |user: &str| say(user, "/freeze", format!("end {freeze}"));
                self.race(vec![end(&nods), end(&agrees)]).await;
                return;
            }
            // By the buttons of the card, whichever replica drew it.
            _ => {
                if let Some(button) = self.button(full, "Approve").await {
                    race = [&nods, &agrees, &nods, &agrees]
                        .map(|user| Input::Press { user: user.clone(), button: button.clone() })
                        .to_vec();
                }
            }
        }
        self.race(race).await;
        // A click on a card that changed under it counts for nothing, and people are told so: they say it again.
        self.race(vec![yes(&nods), yes(&agrees)]).await;
    }

    /// Waits until everything in a place is over. What nobody approves any more (somebody asked for a version again
    /// after it had been cancelled) is cancelled.
    pub async fn clear(self: &Arc<Self>, place: usize) {
        let (name, [asks, ..]) = (place_name(place), settings::people(place));
        loop {
            let waiting = self.ledger.all_over_or_waiting(&name).await;
            if waiting.is_empty() {
                return;
            }
            for id in waiting {
                self.say(&asks, "/cancel", &id[id.len() - 6..]).await;
            }
        }
    }

    /// A button of the card, once it is there; `None` when the deploy is over before.
    async fn button(&self, id: &str, label: &str) -> Option<Button> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(card) = card(&self.world, id) {
                let buttons = self.world.slack.buttons(&card.channel, &card.ts);
                if let Some(button) = buttons.into_iter().find(|button| button.text == label) {
                    return Some(button);
                }
            }
            if self.ledger.is_over(id) {
                return None;
            }
            assert!(Instant::now() < give_up, "the button {label} of {id} does not come");
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Sends all of this in the same instant, each until it is acknowledged.
    async fn race(self: &Arc<Self>, inputs: Vec<Input>) {
        let mut sent = JoinSet::new();
        for input in inputs {
            sent.spawn(self.clone().send(input));
        }
        while let Some(ended) = sent.join_next().await {
            ended.expect("everything is acknowledged in the end");
        }
    }

    /// Somebody types a command, again and again until it is acknowledged.
    pub async fn say(self: &Arc<Self>, user: &str, command: &'static str, text: &str) {
        self.clone().send(say(user, command, text.to_owned())).await;
    }

    async fn send(self: Arc<Self>, input: Input) {
        self.inputs.fetch_add(1, Ordering::SeqCst);
        let give_up = Instant::now() + PATIENCE;
        let (user, what) = match &input {
            Input::Say { user, command, text } => (user.clone(), format!("{command} {text}")),
            Input::Press { user, button } => (user.clone(), format!("[{}]", button.text)),
        };
        let mut prepared = self.prepare(&input);
        loop {
            let delivery = self.deliver(&input, prepared.as_ref()).await;
            match delivery {
                Some(delivery) if delivery.acknowledged() && delivery.body.is_empty() => break,
                // They were told that it was not stored: they type it anew.
                Some(delivery) if delivery.acknowledged() => {
                    assert!(delivery.body.contains("could not store your command"), "{delivery:?}");
                    self.refused.fetch_add(1, Ordering::SeqCst);
                    prepared = self.prepare(&input);
                }
                _ => {}
            }
            assert!(Instant::now() < give_up, "nobody takes {what} of {user}");
            self.again.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(AGAIN).await;
        }
        let answers_to = prepared.as_ref().and_then(response_token);
        let mut all = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Acknowledged { user, answers_to });
    }

    fn prepare(&self, input: &Input) -> Option<Prepared> {
        let slack = &self.world.slack;
        if self.transport == Transport::Socket {
            return None;
        }
        Some(
            match input {
                Input::Say { user, command, text } => slack.prepare_slash(user, DEPLOYMENTS, command, text),
                Input::Press { user, button } => slack.prepare_press(user, button),
            }
            .expect("people and channels exist"),
        )
    }

    /// One delivery; `None` when Slack gave up waiting.
    async fn deliver(&self, input: &Input, prepared: Option<&Prepared>) -> Option<Delivery> {
        let slack = &self.world.slack;
        match (prepared, input) {
            (Some(prepared), _) => tokio::time::timeout(ACK, slack.send(prepared)).await.ok(),
            (None, Input::Say { user, command, text }) => {
                Some(slack.slash(user, DEPLOYMENTS, command, text).await.expect("people exist"))
            }
            (None, Input::Press { user, button }) => {
                Some(slack.press(user, button).await.expect("people exist"))
            }
        }
    }
}

fn say(user: &str, command: &'static str, text: String) -> Input {
    Input::Say { user: user.to_owned(), command, text }
}

/// The end of the address for answers that a request carries.
fn response_token(prepared: &Prepared) -> Option<String> {
    let (_, rest) = prepared.body.split_once("%2Fresponse%2F")?;
    let token: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    Some(token)
}

/// The name that Shipgate gave a message.
pub fn key_of(message: &Message) -> String {
    let key = message.metadata.as_ref().and_then(|m| m["event_payload"]["key"].as_str());
    key.unwrap_or_default().to_owned()
}

/// The deploy whose card a message is.
pub fn deploy_of_card(message: &Message) -> Option<String> {
    Some(key_of(message).strip_prefix("card/")?.split('/').next()?.to_owned())
}

/// The card of a deploy.
pub fn card(world: &World, id: &str) -> Option<Message> {
    let messages = world.slack.messages(DEPLOYMENTS);
    messages.into_iter().rev().find(|m| deploy_of_card(m).as_deref() == Some(id))
}
