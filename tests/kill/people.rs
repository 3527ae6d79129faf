//! What people do while the bot is killed around them: they ask, approve, cancel, roll back, and look. When nothing
//! acknowledged their request, they send the very same request again. Not here: who kills (`killer`).

use crate::harness::DEPLOYMENTS;
use crate::killer::Shared;
use crate::read;
use crate::setup::{REPO, WORKFLOW};
use shipgate_world::github::Plan;
use shipgate_world::slack::{Button, Message};
use shipgate_world::{Delivery, Fault, Prepared, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up, kills included.
const PATIENCE: Duration = Duration::from_secs(600);
/// Before somebody sends again what was not acknowledged.
const AGAIN: Duration = Duration::from_millis(50);

/// How a deploy is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its run succeeds.
    Success,
    /// Its run fails.
    Failure,
    /// Somebody cancels it before it starts.
    CancelledWaiting,
    /// Somebody stops its run.
    CancelledRunning,
}

/// How somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Slash,
    Mention,
    Form,
}

/// A deploy that somebody asked for, and was told that it was taken.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its id.
    pub id: String,
    /// `api v1.2.3 → production`
    pub headline: String,
    /// How it ended.
    pub end: End,
    /// The answer that ada must have got.
    pub answer: String,
    /// Whether grace had to approve it.
    pub is_approved: bool,
}

/// The people of a story.
#[derive(Debug)]
pub struct People {
    world: Arc<World>,
    shared: Arc<Shared>,
    folder: PathBuf,
    commits: BTreeMap<String, String>,
    /// Everything that was asked for so far.
    pub asked: Vec<Asked>,
    /// Deploys whose run somebody started by hand, because the start died before it reached GitHub.
    pub by_hand: BTreeSet<String>,
}

impl People {
    /// Nobody has done anything yet.
    pub fn new(world: Arc<World>, shared: Arc<Shared>, folder: PathBuf) -> Self {
        Self { world, shared, folder, commits: BTreeMap::new(), asked: Vec::new(), by_hand: BTreeSet::new() }
    }

    /// One whole story: two releases, a failure, a rollback, a cancelled request, a cancelled run. People ask by
    /// command, by mention and by form.
    pub async fn story(&mut self, n: u64) {
        let version = |minor: u64| format!("v{n}.{minor}.0");
        let (first, second, third) = (version(1), version(2), version(3));
        for (number, version) in [&first, &second, &third].into_iter().enumerate() {
            let number = n * 10 + u64::try_from(number).expect("three versions");
            let commit = crate::setup::release(&self.world, number, version, &format!("Change {number}"));
            self.commits.insert(version.clone(), commit);
        }
        self.deploy(How::Form, "staging", &first, false, End::Success).await;
        self.deploy(How::Slash, "production", &first, true, End::Success).await;
        self.deploy(How::Mention, "staging", &second, false, End::Success).await;
        self.deploy(How::Mention, "production", &second, true, End::Failure).await;
        self.roll_back("production", &first).await;
        self.deploy(How::Slash, "production", &second, false, End::CancelledWaiting).await;
        // GitHub starts this one and answers with an error: nobody knows until it is found.
        self.world.github.faults().next("/dispatches", 1, Fault::ErrorAfter { status: 502 });
        self.deploy(How::Form, "staging", &third, false, End::CancelledRunning).await;
    }

    async fn deploy(&mut self, how: How, environment: &str, version: &str, is_approved: bool, end: End) {
        let headline = format!("api {version} → {environment}");
        let id = loop {
            let (known, put_away) = (self.cards(), put_away(&self.world));
            match how {
                How::Slash => self.say("ada", "/deploy", &format!("{environment} {version}")).await,
                How::Mention => self.mention("ada", &format!("deploy {environment} {version}")).await,
                How::Form => self.fill_in("ada", environment, version).await,
            }
            if let Some(id) = self.new_card(&headline, &known, put_away).await {
                break id;
            }
        };
        let answer = format!("Asked: Deploy {headline}");
        self.asked.push(Asked { id: id.clone(), headline, end, answer, is_approved });
        if is_approved {
            self.approve(&id).await;
        }
        let (done, result) = match end {
            End::Success => ("Succeeded", format!("{environment} now runs api {version}")),
            End::Failure => ("Failed after", format!("{environment} failed to get api {version}")),
            End::CancelledWaiting => ("Cancelled by ada", String::new()),
            End::CancelledRunning => {
                ("Cancelled by ada", format!("{environment} may or may not run api {version}"))
            }
        };
        if end == End::CancelledWaiting {
            self.press_until(&id, "ada", "Cancel", "Cancelled by ada").await;
            return;
        }
        let run = self.run_of(&id).await;
        match end {
            End::Failure => {
                let plan = Plan::failing("deploy", "Roll out", &["connection refused"]);
                self.world.github.replan(run, plan).expect("the run exists");
            }
            End::CancelledRunning => {
                self.world.github.advance(run).await.expect("the run exists");
                self.card_says(&id, "Follow the run").await;
                self.press_until(&id, "ada", "Cancel", "Stopping, asked for by ada").await;
                let path = format!("/actions/runs/{run}/cancel");
                self.until("GitHub was asked to stop the run", |world| {
                    let calls = world.github.calls();
                    calls.iter().any(|c| c.path.ends_with(&path) && c.status == Some(202)).then_some(())
                })
                .await;
            }
            End::Success | End::CancelledWaiting => {}
        }
        self.finish(&id, run, done, &result).await;
    }

    async fn roll_back(&mut self, environment: &str, version: &str) {
        let headline = format!("api {version} → {environment}");
        let id = loop {
            let (known, put_away) = (self.cards(), put_away(&self.world));
            self.say("ada", "/rollback", environment).await;
            if let Some(id) = self.new_card(&headline, &known, put_away).await {
                break id;
            }
        };
        let answer = format!("Asked: Rollback {headline}");
        let asked = Asked { id: id.clone(), headline, end: End::Success, answer, is_approved: false };
        self.asked.push(asked);
        let run = self.run_of(&id).await;
        self.finish(&id, run, "Succeeded", &format!("{environment} rolled back to api {version}")).await;
    }

    /// The run goes to its end, step by step; the bot finds out, announces, and the card shows it.
    async fn finish(&self, id: &str, run: u64, card: &str, result: &str) {
        while self.world.github.advance(run).await.expect("the run exists").status != "completed" {
            tokio::time::sleep(AGAIN).await;
        }
        let key = format!("final/{id}");
        let said = self
            .until(&format!("the result of {id}"), |world| {
                let messages = world.slack.messages(DEPLOYMENTS);
                messages.iter().find(|m| key_of(m) == key).map(read::message)
            })
            .await;
        assert!(said.contains(result), "the result is “{said}”, not “{result}”");
        self.card_says(id, card).await;
    }

    /// The run of a deploy. When the start died before it reached GitHub, the bot says that it looks and sends
    /// nothing again; then somebody starts the run by hand, as the inputs on the card say.
    async fn run_of(&mut self, id: &str) -> u64 {
        let found = self
            .until(&format!("the run of {id}"), |world| {
                let of = |d: &shipgate_world::github::Dispatch| {
                    d.inputs.get("deployment_id").is_some_and(|i| i == id)
                };
                if let Some(dispatch) = world.github.dispatches().into_iter().find(of) {
                    return Some(Some(dispatch.run));
                }
                let is_lost = read::message(&card(world, id)?).contains("nothing is sent again");
                is_lost.then_some(None)
            })
            .await;
        if let Some(run) = found {
            return run;
        }
        self.by_hand.insert(id.to_owned());
        let asked = self.asked.iter().find(|asked| asked.id == id).expect("it was asked for");
        let (what, environment) = asked.headline.split_once(" → ").expect("a headline");
        let version = what.trim_start_matches("api ");
        let sha = &self.commits[version];
        let inputs = [
            ("deployment_id", id),
            ("sha", sha.as_str()),
            ("environment", environment),
            ("version", version),
        ];
        self.world.github.dispatch_by_hand(REPO, WORKFLOW, "main", &inputs).expect("GitHub takes it")
    }

    async fn approve(&self, id: &str) {
        self.press_until(id, "grace", "Approve", "").await;
    }

    /// Presses a button of a card until the card says so, or, for an approval, until the thread does. A click that
    /// was acknowledged is repeated only when its answer was that the card had changed.
    async fn press_until(&self, id: &str, user: &str, label: &str, expected: &str) {
        let is_done = |world: &World| match label {
            "Approve" => approvals(world, id) > 0,
            _ => card(world, id).is_some_and(|card| {
                let said = read::message(&card);
                said.contains(expected) || (label == "Cancel" && said.contains("Cancelled by"))
            }),
        };
        loop {
            let button = self
                .until(&format!("the button {label} on {id}"), |world| {
                    if is_done(world) {
                        return Some(None);
                    }
                    let card = card(world, id)?;
                    let buttons = world.slack.buttons(&card.channel, &card.ts);
                    buttons.into_iter().find(|button| button.text == label).map(Some)
                })
                .await;
            let Some(button) = button else { return };
            let (answers, before) = (self.stale_answers(user), put_away(&self.world));
            self.press(user, &button).await;
            let is_over = self
                .until(&format!("something comes of {user}'s click on {label} of {id}"), |world| {
                    if is_done(world) {
                        return Some(true);
                    }
                    let is_void = stale_answers(world, user) > answers || put_away(world) > before;
                    is_void.then_some(false)
                })
                .await;
            if is_over {
                return;
            }
        }
    }

    fn stale_answers(&self, user: &str) -> usize {
        stale_answers(&self.world, user)
    }

    async fn say(&self, user: &str, command: &str, text: &str) {
        let slack = &self.world.slack;
        let prepared =
            slack.prepare_slash(user, DEPLOYMENTS, command, text).expect("people and channels exist");
        self.send(&prepared).await;
    }

    async fn mention(&self, user: &str, text: &str) {
        let prepared = self.world.slack.prepare_mention(user, DEPLOYMENTS, text);
        self.send(&prepared.expect("people and channels exist")).await;
    }

    /// Asks for the form of `/deploy` until there is one, fills it in, sends it.
    async fn fill_in(&self, user: &str, environment: &str, version: &str) {
        loop {
            let (views, answers) = (self.world.slack.views().len(), private_count(&self.world, user));
            self.say(user, "/deploy", "").await;
            let view = self
                .until(&format!("{user} gets a form or an answer"), |world| {
                    let views = world.slack.views().into_iter().skip(views);
                    let form = views.rev().find(|view| view.open && view.user == account(user));
                    form.map(|view| Some(view.id))
                        .or_else(|| (private_count(world, user) > answers).then_some(None))
                })
                .await;
            if let Some(view) = view {
                let values = [("environment", environment), ("version", version)];
                let prepared = self.world.slack.prepare_submit(user, &view, &values);
                self.send(&prepared.expect("the form has these fields")).await;
                return;
            }
        }
    }

    async fn press(&self, user: &str, button: &Button) {
        let prepared = self.world.slack.prepare_press(user, button).expect("people and channels exist");
        self.send(&prepared).await;
    }

    /// Sends a request until it is acknowledged.
    async fn send(&self, prepared: &Prepared) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            self.shared.inputs.fetch_add(1, Ordering::SeqCst);
            let delivery: Delivery = self.world.slack.send(prepared).await;
            if delivery.acknowledged() {
                assert_eq!(delivery.body, "", "it was not stored");
                return;
            }
            assert!(Instant::now() < give_up, "nobody took it: {delivery:?}");
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn cards(&self) -> BTreeSet<String> {
        self.world.slack.messages(DEPLOYMENTS).iter().filter_map(deploy_of_card).collect()
    }

    /// None: the request was put away after three deaths over it, and whoever asked was told so.
    async fn new_card(&self, headline: &str, known: &BTreeSet<String>, before: usize) -> Option<String> {
        self.until(&format!("the card “{headline}”"), |world| {
            let messages = world.slack.messages(DEPLOYMENTS);
            let mut cards = messages.iter().filter(|m| m.text.contains(headline)).filter_map(deploy_of_card);
            cards
                .find(|id| !known.contains(id))
                .map(Some)
                .or_else(|| (put_away(world) > before).then_some(None))
        })
        .await
    }

    async fn card_says(&self, id: &str, expected: &str) {
        self.until(&format!("the card of {id} says “{expected}”"), |world| {
            read::message(&card(world, id)?).contains(expected).then_some(())
        })
        .await;
    }

    /// The channel, with the names of the messages, and what the bot logged last, for whoever looks why something did
    /// not come.
    fn picture(&self) -> String {
        let messages = self.world.slack.messages(DEPLOYMENTS);
        let said = messages.iter().map(|m| format!("[{}] {}", key_of(m), read::message(m)));
        let mut lines: Vec<String> = said.collect();
        let logs =
            (1..).map(|n| self.folder.join(format!("stderr-{n}.log"))).take_while(|path| path.exists());
        let log = logs.last().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        lines.extend(log.lines().filter(|line| line.contains("shipgate")).map(str::to_owned));
        lines.join("\n")
    }

    async fn until<T>(&self, what: &str, mut check: impl FnMut(&World) -> Option<T>) -> T {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match self.world.until(what, &mut check).await {
                Ok(found) => return found,
                Err(error) => assert!(Instant::now() < give_up, "{error}\n{}", self.picture()),
            }
        }
    }
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

/// How often the thread of a deploy says that it was approved.
pub fn approvals(world: &World, id: &str) -> usize {
    let note = format!("note/{id}/");
    let messages = world.slack.messages(DEPLOYMENTS);
    let notes = messages.iter().filter(|m| key_of(m).starts_with(&note));
    notes.filter(|m| read::message(m).contains("approved digest")).count()
}

fn card(world: &World, id: &str) -> Option<Message> {
    world.slack.messages(DEPLOYMENTS).into_iter().rev().find(|m| deploy_of_card(m).as_deref() == Some(id))
}

/// How often somebody was told that their request could not be carried out.
fn put_away(world: &World) -> usize {
    world.slack.ephemerals().iter().filter(|e| read::private(e).contains("could not carry it out")).count()
}

fn private_count(world: &World, user: &str) -> usize {
    world.slack.ephemerals().iter().filter(|e| e.user == account(user)).count()
}

fn account(user: &str) -> String {
    format!("U0{}", user.to_uppercase())
}

fn stale_answers(world: &World, user: &str) -> usize {
    let account = account(user);
    let all = world.slack.ephemerals();
    let stale =
        all.iter().filter(|e| e.user == account && read::private(e).contains("changed before you pressed"));
    stale.count()
}
