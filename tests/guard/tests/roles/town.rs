//! A bot in memory with one person of each role, and scenes in which each thing can be done. Not here: who may.

use async_trait::async_trait;
use jiff::Timestamp;
use shipgate::settings::Settings;
use shipgate_app::cards::{Press, presses};
use shipgate_app::commands::{BUILTIN, Grammar};
use shipgate_app::effects::Lane;
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::ports::{
    Calendars, Chat, ChatError, Clock, Comparison, Fetched, MessageRef, OutsideError, Pipelines, Post,
    Providers, Random, Recent, Report, Repositories, Resolved, Sent, Store,
};
use shipgate_app::selfcheck::SelfCheck;
use shipgate_app::store::{Changes, Epoch, Filter};
use shipgate_app::words::{Block, Body, Boxes, Button, Form, Message};
use shipgate_app::{App, LockPress, Ports, Rules};
use shipgate_domain::audit::Entry;
use shipgate_domain::calendar::{FeedContent, FeedSource};
use shipgate_domain::deploy::{Deploy, Outcome, State};
use shipgate_domain::facts::{Check, Lock, Pin, RefKind};
use shipgate_domain::ids::{Account, CommitId, DeployId, Platform, Version};
use shipgate_domain::people::{AccountFacts, OutsideGroup};
use shipgate_domain::policy::Provider;
use shipgate_domain::run::{Conclusion, Progress, Run, RunPlan, Standing};
use shipgate_store::SqliteStore;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Everybody, in the order of the table.
pub const ROLES: [&str; 10] = ["own", "dep", "app", "ovr", "all", "str", "gst", "bot", "off", "unk"];

const SETTINGS: &str = r#"
timezone = "UTC"
[slack]
team = "T0123"
[github]
[announce]
channel = "C0DEPLOYS"
[people]
own = { slack = "U1OWN" }
dep = { slack = "U1DEP" }
app = { slack = "U1APP" }
ovr = { slack = "U1OVR" }
all = { slack = "U1ALL" }
gst = { slack = "U1GST" }
bot = { slack = "U1BOT" }
off = { slack = "U1OFF" }
unk = { slack = "U1UNK" }
[groups]
deployers = ["own", "dep", "all", "gst", "bot", "off", "unk"]
approvers = ["own", "app", "all", "gst", "bot", "off", "unk"]
overriders = ["own", "ovr", "all", "gst", "bot", "off", "unk"]
[services.api]
default = true
provider = "github"
repo = "acme/api"
workflow = "deploy.yml"
ref = "main"
inputs = { sha = "{sha}", deployment_id = "{deploy}" }
[environments.early]
checks = "none"
deployers = ["deployers"]
[environments.late]
checks = "none"
deployers = ["deployers"]
after = "early"
[environments.production]
checks = "none"
deployers = ["deployers"]
approvals = { needed = 1, from = ["approvers"], own = false }
overrides = { needed = 1, from = ["overriders"] }
checklist = "watch"
[checklists.watch]
after = [{ item = "Metrics normal" }, { item = "Backup checked", who = ["approvers"] }]
"#;

/// Commands that a team added: one for each role that a file can name. Not of another town's: also in the table.
const OWN: [(&str, &str, &str); 3] =
    [("look", "viewer", "read_only = true"), ("restart", "deployer", ""), ("wipe", "approver", "")];

/// What can be said here: the built-in commands and those of the team.
pub fn grammar() -> Grammar {
    let files = OWN.map(|(name, role, more)| {
        let text = format!(
            r#"name = "{name}"
summary = "A command of the team."
action = "pipeline"
role = "{role}"
examples = ["{name} production"]
[[args]]
name = "service"
kind = "service"
required = true
help = "What."
[[args]]
name = "environment"
kind = "environment"
required = true
help = "Where."
[pipeline]
done = "did"
version = "ref"
workflow = "{name}.yml"
inputs = {{ deployment_id = "{{deploy}}" }}
{more}
"#
        );
        (format!("{name}.toml"), text)
    });
    Grammar::load(BUILTIN, files.to_vec()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// How runs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    Well,
    Badly,
    Unknown,
}

struct Hands {
    now: AtomicI64,
    drawn: AtomicU64,
    going: Mutex<Going>,
    runs: AtomicU64,
    cards: Mutex<BTreeMap<DeployId, (MessageRef, Vec<Button>)>>,
    /// Rows of boxes of these cards.
    boxes: Mutex<BTreeMap<DeployId, Vec<Boxes>>>,
    replies: Mutex<Vec<String>>,
    forms: Mutex<Vec<Form>>,
    /// Headlines of everything that was posted and is no card.
    posts: Mutex<Vec<String>>,
    /// How many days the calendars of others freeze from now on; they cannot be read where that is not known.
    calendar: Mutex<Option<u8>>,
    /// Every message that was posted and is no card, as it is now.
    messages: Mutex<Vec<(MessageRef, Message)>>,
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.now.load(Ordering::Relaxed)).unwrap()
    }
}

impl Random for Hands {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let n = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *byte = (n >> 32) as u8;
        }
    }
}

impl Hands {
    fn show(&self, at: &MessageRef, body: &Body) {
        if let Body::Card(card) = body {
            self.boxes.lock().unwrap().insert(card.deploy.clone(), card.boxes.clone());
            self.cards.lock().unwrap().insert(card.deploy.clone(), (at.clone(), card.buttons.clone()));
        }
        if let Body::Message(message) = body {
            let mut messages = self.messages.lock().unwrap();
            messages.retain(|(place, _)| place != at);
            messages.push((at.clone(), message.clone()));
        }
    }
}

#[async_trait]
impl Chat for Hands {
    fn platform(&self) -> Platform {
        Platform::Slack
    }
    async fn channel(&self, _: &str) -> Result<String, ChatError> {
        Ok("C0DEPLOYS".into())
    }
    async fn post(&self, post: &Post, _: bool) -> Result<MessageRef, ChatError> {
        let id = self.drawn.fetch_add(1, Ordering::Relaxed).to_string();
        let at = MessageRef { channel: "C0DEPLOYS".into(), id };
        if let Body::Message(message) = &post.body {
            self.posts.lock().unwrap().push(message.title.to_plain());
        }
        self.show(&at, &post.body);
        Ok(at)
    }
    async fn edit(&self, message: &MessageRef, body: &Body) -> Result<(), ChatError> {
        self.show(message, body);
        Ok(())
    }
    async fn reply(&self, _: &ReplyTo, message: &Message) -> Result<(), ChatError> {
        self.replies.lock().unwrap().push(message.title.to_plain());
        Ok(())
    }
    async fn open_form(&self, _: &ReplyTo, form: &Form) -> Result<(), ChatError> {
        self.forms.lock().unwrap().push(form.clone());
        Ok(())
    }
    async fn set_topic(&self, _channel: &str, _topic: &str) -> Result<(), ChatError> {
        Ok(())
    }

    async fn account(&self, account: &Account) -> Result<AccountFacts, ChatError> {
        if account.id == "U1UNK" {
            return Err(ChatError::Later { why: "Slack does not answer".into(), after: None });
        }
        Ok(AccountFacts {
            active: account.id != "U1OFF",
            bot: account.id == "U1BOT",
            guest: account.id == "U1GST",
            name: account.id.clone(),
        })
    }
    async fn members(&self, _: &OutsideGroup) -> Result<Vec<Account>, ChatError> {
        Ok(Vec::new())
    }
}

fn commit_of(version: &str) -> CommitId {
    let digit = version.bytes().last().unwrap_or(b'0') % 10;
    digit.to_string().repeat(40).parse().unwrap()
}

#[async_trait]
impl Repositories for Hands {
    async fn resolve(&self, _: &str, version: &Version) -> Result<Resolved, OutsideError> {
        let commit = commit_of(version.as_str());
        Ok(Resolved::Pin(Pin { commit, kind: RefKind::Tag, title: "x".into(), author: "ada".into() }))
    }
    async fn is_reachable(&self, _: &str, _: &CommitId, _: &str) -> Result<bool, OutsideError> {
        Ok(true)
    }
    async fn compare(&self, _: &str, _: &CommitId, _: &CommitId) -> Result<Comparison, OutsideError> {
        Ok(Comparison { commits: Vec::new(), total: 0, behind: 0, url: None })
    }
    async fn checks(&self, _: &str, _: &CommitId) -> Result<Vec<Check>, OutsideError> {
        Ok(Vec::new())
    }
    async fn recent(&self, _: &str, _: usize) -> Result<Vec<Recent>, OutsideError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Pipelines for Hands {
    async fn send(&self, _: &RunPlan) -> Sent {
        if *self.going.lock().unwrap() == Going::Unknown {
            return Sent::Unknown { why: "no answer".into() };
        }
        let id = (self.runs.fetch_add(1, Ordering::Relaxed) + 1).to_string().parse().unwrap();
        Sent::Started(Run { id, attempt: 1, url: None })
    }
    async fn find(&self, _: &RunPlan, _: Timestamp) -> Result<Vec<Run>, OutsideError> {
        Ok(Vec::new())
    }
    async fn read(&self, _: &RunPlan, run: &Run) -> Result<Report, OutsideError> {
        let conclusion = match *self.going.lock().unwrap() {
            Going::Badly => Conclusion::Failure,
            _ => Conclusion::Success,
        };
        let progress = Progress { standing: Standing::Ended(conclusion), jobs: Vec::new(), failed: None };
        Ok(Report { run: run.clone(), progress })
    }
    async fn stop(&self, _: &RunPlan, _: &Run) -> Result<(), OutsideError> {
        Ok(())
    }
    async fn identify(&self, _: &RunPlan, link: &str) -> Result<Option<Run>, OutsideError> {
        Ok(Some(Run { id: link.parse().unwrap(), attempt: 1, url: None }))
    }
}

#[async_trait]
impl Calendars for Hands {
    async fn read(&self, _: &FeedSource, _: Option<&str>) -> Result<Fetched, OutsideError> {
        let days = self.calendar.lock().unwrap();
        let days = days.ok_or_else(|| OutsideError::Refused { why: "no such file".to_owned() })?;
        let event = serde_json::json!({
            "label": "Fair", "from": "2020-01-01T00:00:00", "lasts": { "length": format!("{days}d") },
        });
        let events = vec![serde_json::from_value(event).unwrap()];
        Ok(Fetched::New { content: FeedContent { events, periods: Vec::new() }, mark: None })
    }
}

/// The bot and its surroundings.
pub struct Town {
    app: App,
    store: Arc<SqliteStore>,
    hands: Arc<Hands>,
    said: u64,
}

/// What there was before somebody tried something.
pub struct Before {
    fingerprint: String,
    replies: usize,
    forms: usize,
    denials: usize,
    deploy: Option<Deploy>,
}

impl Town {
    /// A new one, in which nothing has happened.
    pub async fn found() -> Self {
        Self::found_with(str::to_owned).await
    }

    /// A new one with other settings.
    pub async fn found_with(change: impl FnOnce(&str) -> String) -> Self {
        let hands = Arc::new(Hands {
            now: AtomicI64::new(shipgate_guard::doors::NOW),
            drawn: AtomicU64::new(1),
            going: Mutex::new(Going::Well),
            runs: AtomicU64::new(0),
            cards: Mutex::default(),
            boxes: Mutex::default(),
            replies: Mutex::default(),
            forms: Mutex::default(),
            posts: Mutex::default(),
            messages: Mutex::default(),
            calendar: Mutex::default(),
        });
        Self::settle(change, Arc::new(SqliteStore::in_memory().unwrap()), hands, 0).await
    }

    /// One more replica, with settings of its own, on the same database and in the same channel. It has entered, and
    /// has done nothing yet.
    pub async fn joined_with(&self, change: impl FnOnce(&str) -> String) -> Self {
        Self::settle(change, self.store.clone(), self.hands.clone(), self.said + 1000).await
    }

    async fn settle(
        change: impl FnOnce(&str) -> String,
        store: Arc<SqliteStore>,
        hands: Arc<Hands>,
        said: u64,
    ) -> Self {
        let environment = |name: &str| match name {
            "SLACK_BOT_TOKEN" => Some("xoxb-1".to_owned()),
            "SLACK_APP_TOKEN" => Some("xapp-1".to_owned()),
            "GITHUB_TOKEN" => Some("ghp_1".to_owned()),
            _ => None,
        };
        let settings = Settings::from_text(Path::new("shipgate.toml"), &change(SETTINGS), &environment);
        let mut policy = settings.unwrap_or_else(|problems| panic!("{problems}")).policy;
        let grammar = grammar();
        policy.actions = grammar.actions(&policy).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let rules = Rules {
            version: policy.version(),
            policy,
            announce: "C0DEPLOYS".into(),
            approvals: "C0DEPLOYS".into(),
            topic: false,
            alerts: "C0DEPLOYS".into(),
            leads: Vec::new(),
            cron_reminders: Vec::new(),
            nag_locks: jiff::SignedDuration::from_hours(2),
            grammar,
        };
        let ports = Ports {
            store: store.clone(),
            chat: hands.clone(),
            providers: Providers::default()
                .with(Provider::Github, hands.clone(), hands.clone())
                .with_calendars(hands.clone()),
            clock: hands.clone(),
            random: hands.clone(),
        };
        let app = App::new(rules, ports);
        app.start().await.unwrap();
        Self { app, store, hands, said }
    }

    /// Takes something in, and works until nothing is due.
    async fn take(&mut self, role: &str, content: Content) {
        self.put(role, content).await;
        self.work().await;
    }

    async fn put(&mut self, role: &str, content: Content) {
        self.said += 1;
        let account = Account { platform: Platform::Slack, id: format!("U1{}", role.to_uppercase()) };
        let reply_to = ReplyTo {
            account: account.clone(),
            channel: Some("C0DEPLOYS".into()),
            thread: None,
            response_url: None,
            trigger: Some("1.2".into()),
        };
        let key = format!("town/{}", self.said);
        let inbound = Inbound { key, account, name: role.into(), reply_to, content };
        self.store.inbox_put(&inbound, self.hands.now()).await.unwrap();
    }

    /// Works until nothing is due, or until another replica has newer rules.
    pub async fn work(&self) {
        while !self.app.is_aside() && self.app.work_inbox(0).await.unwrap() {}
        while !self.app.is_aside() && self.app.work_effect(None).await.unwrap() {}
    }

    /// Takes words in and does with them what can be done at once: nothing is judged or shown yet.
    pub async fn hear(&mut self, role: &str, text: &str) {
        self.put(role, Content::Slash { command: "shipgate".into(), text: text.into() }).await;
        while self.app.work_inbox(0).await.unwrap() {}
    }

    /// Judges and starts what is due, and shows nothing of it: the chat is slow.
    pub async fn judge_unseen(&self) {
        while self.app.work_effect(Some(Lane::Work)).await.unwrap() {}
    }

    /// The bot.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// How much was taken in and waits.
    pub async fn waiting(&self) -> u64 {
        self.store.counts().await.unwrap().inbox
    }

    /// How many private answers were given.
    pub fn answers(&self) -> usize {
        self.hands.replies.lock().unwrap().len()
    }

    pub async fn say(&mut self, role: &str, text: &str) {
        self.take(role, Content::Slash { command: "shipgate".into(), text: text.into() }).await;
    }

    /// How many messages that are no cards say this.
    pub fn posts(&self, part: &str) -> usize {
        self.hands.posts.lock().unwrap().iter().filter(|title| title.contains(part)).count()
    }

    /// Moves the clock in steps, and works at each.
    pub async fn pass(&mut self, minutes: i64) {
        for _ in 0..minutes {
            self.hands.now.fetch_add(60, Ordering::Relaxed);
            self.work().await;
        }
    }

    /// The self-check found something.
    async fn stop_dispatching(&self) {
        let now = self.hands.now();
        // The first and only life in this town.
        let mut changes = Changes::by(Epoch(1), now);
        let stopped = serde_json::json!({
            "stopped": { "since": now, "found": "row 1 is missing", "marks": ["0123456789abcdef"] },
            "accepted": [],
        });
        changes.notes.push(("dispatching".into(), stopped.to_string()));
        self.store.commit(changes).await.unwrap();
    }

    fn go(&self, going: Going) {
        *self.hands.going.lock().unwrap() = going;
    }

    pub async fn newest(&self) -> Option<Deploy> {
        let all = self.store.deploys(&Filter { limit: 100, ..Filter::default() }).await.unwrap();
        all.into_iter().max_by_key(|d| (d.request.at, d.id.clone()))
    }

    /// Deploys a version to production, to its end.
    async fn release(&mut self, version: &str) {
        // Ids sort by time: no two requests of one moment.
        self.pass(1).await;
        self.say("own", &format!("deploy production {version}")).await;
        let short = self.newest().await.unwrap().id.short().to_owned();
        self.say("all", &format!("approve {short}")).await;
        for _ in 0..10 {
            if self.newest().await.is_some_and(|d| d.is_done()) {
                return;
            }
            self.pass(1).await;
        }
    }

    /// Everything that a decision could have changed; the record of a request that was refused at once is none.
    async fn fingerprint(&self) -> String {
        let all = Filter { limit: 100, ..Filter::default() };
        let mut deploys = self.store.deploys(&all).await.unwrap();
        deploys.retain(|d| {
            !(d.revision <= 1 && matches!(&d.state, State::Done { outcome: Outcome::Refused, .. }))
        });
        let facts =
            |d: &Deploy| format!("{} {:?} {:?} {:?} {:?}", d.id, d.state, d.hold, d.approvals, d.strokes);
        let deploys: BTreeSet<String> = deploys.iter().map(facts).collect();
        let freezes = self.store.freezes(false).await.unwrap();
        let events: Vec<String> = self
            .events()
            .await
            .into_iter()
            .filter(|e| {
                e.starts_with("lock")
                    || matches!(e.as_str(), "dispatching_resumed" | "away" | "back" | "incident_noted")
            })
            .collect();
        format!("{deploys:?} {freezes:?} {events:?}")
    }

    /// The events of the record, in order.
    pub async fn events(&self) -> Vec<String> {
        let rows = self.store.audit(0, 1000).await.unwrap();
        rows.iter().map(|row| serde_json::from_str::<Entry>(&row.body).unwrap().event).collect()
    }

    async fn denials(&self) -> usize {
        self.events().await.iter().filter(|event| *event == "denied").count()
    }

    async fn before(&self) -> Before {
        let (fingerprint, denials, deploy) =
            (self.fingerprint().await, self.denials().await, self.newest().await);
        let replies = self.hands.replies.lock().unwrap().len();
        let forms = self.hands.forms.lock().unwrap().len();
        Before { fingerprint, replies, forms, denials, deploy }
    }

    /// Whether what was tried was done: something changed, a form was opened, a question was answered.
    pub async fn has_done(&self, what: &str, before: &Before) -> bool {
        let has_changed = self.fingerprint().await != before.fingerprint;
        let was_denied = self.denials().await > before.denials;
        assert!(!(has_changed && was_denied), "{what}: denied, and yet: {}", self.fingerprint().await);
        let was_asked = self.hands.forms.lock().unwrap().len() > before.forms;
        let was_answered = self.hands.replies.lock().unwrap().len() > before.replies;
        // A tick answers by itself: the card is drawn anew.
        let is_shown = has_changed && what.starts_with("box ");
        assert!(was_answered || was_asked || is_shown, "{what}: silence");
        match Scene::of(what) {
            Scene::Reading => !was_denied,
            _ => has_changed || was_asked,
        }
    }

    /// What people were told last.
    pub fn told(&self) -> String {
        self.hands.replies.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// Whether anybody was told this privately.
    pub fn answered(&self, part: &str) -> bool {
        self.hands.replies.lock().unwrap().iter().any(|answer| answer.contains(part))
    }

    /// The calendars of others have an event of so many days.
    pub fn calendar(&self, days: u8) {
        *self.hands.calendar.lock().unwrap() = Some(days);
    }

    /// What the self-check finds in this moment.
    pub async fn findings(&self) -> Vec<String> {
        let looked = self.app.look_after_itself(&mut SelfCheck::default()).await.unwrap();
        looked.open.iter().map(ToString::to_string).collect()
    }

    /// A small value that Shipgate keeps.
    pub async fn note(&self, name: &str) -> Option<String> {
        self.store.note(name).await.unwrap()
    }

    /// Somebody writes a small value past Shipgate.
    pub async fn forge(&self, name: &str, value: &str) {
        // The first and only life in this town.
        let mut changes = Changes::by(Epoch(1), self.hands.now());
        changes.notes.push((name.to_owned(), value.to_owned()));
        self.store.commit(changes).await.unwrap();
    }

    /// Somebody tries something.
    pub async fn attempt(&mut self, what: &str, role: &str, before: &Before) {
        let (kind, name) = what.split_once(' ').unwrap();
        let short = before.deploy.as_ref().map(|d| d.id.short().to_owned()).unwrap_or_default();
        match kind {
            "command" => {
                let text = match name {
                    "deploy" => "deploy production v5".to_owned(),
                    "diff" => "diff production v1".into(),
                    "explain" | "when" | "history" => format!("{name} production"),
                    "who-can" => "who-can deploy production".into(),
                    "freeze add" => "freeze add \"Sale\" production for 2h".into(),
                    "freeze end" => "freeze end Audit because it is over".into(),
                    "freeze list" | "help" | "status" => name.into(),
                    "lock" => "lock production migrating".into(),
                    "unlock" => "unlock production because it is over".into(),
                    "rollback" => "rollback production".into(),
                    "resume dispatching" => "resume dispatching the backup was compared".into(),
                    "away start" => "away until Fri 18:00 --delegate dep".into(),
                    "incident" => format!("incident {short} the cache was full"),
                    "reject" => format!("reject {short} because tests are red"),
                    "look" | "restart" | "wipe" => format!("{name} production"),
                    _ => format!("{name} {short}"),
                };
                self.say(role, &text).await;
            }
            "button" if Scene::of(what) == Scene::Nagged => {
                let (value, at) = self.lock_button(name);
                self.take(role, Content::Press { value, message: Some(at) }).await;
            }
            "button" => {
                let press = Press::from_name(name).unwrap();
                let (value, at) = self.button(before, press);
                self.take(role, Content::Press { value, message: Some(at) }).await;
            }
            "box" => {
                let label = if name == "tick" { "Metrics normal" } else { "Backup checked" };
                let (value, key, at) = self.row(before, label);
                self.take(role, Content::Tick { value, selected: vec![key], message: Some(at) }).await;
            }
            _ => {
                let (context, fields) = match name {
                    "reject" => {
                        let (value, _) = self.button(before, Press::Reject);
                        (serde_json::json!({"form": "reject", "value": value}), ("reason", "tests are red"))
                    }
                    "started" => {
                        let (value, _) = self.button(before, Press::Started);
                        (serde_json::json!({"form": "started", "value": value}), ("run", "77"))
                    }
                    _ => {
                        // The form that somebody who may got, sent by somebody else.
                        self.say("all", "deploy production").await;
                        let form = self.hands.forms.lock().unwrap().pop().expect("the version is asked for");
                        (serde_json::from_str(&form.context).unwrap(), ("version", "v5"))
                    }
                };
                let fields = [(fields.0.to_owned(), fields.1.to_owned())].into();
                self.take(role, Content::Submit { context: context.to_string(), fields }).await;
            }
        }
    }

    /// The buttons of the question about a lock that was asked last, and where it stands; none when they are gone.
    pub fn question(&self) -> Option<(MessageRef, Message)> {
        let messages = self.hands.messages.lock().unwrap();
        messages.iter().rev().find(|(_, message)| !message.buttons.is_empty()).cloned()
    }

    /// The button of this name: the first gives a lock back, the second keeps it.
    pub fn lock_button(&self, name: &str) -> (String, MessageRef) {
        let (at, message) = self.question().expect("the owner was asked");
        let place = LockPress::ALL.iter().position(|press| press.name() == name).unwrap();
        (message.buttons[place].value.clone(), at)
    }

    /// Somebody presses a button with this value.
    pub async fn press(&mut self, role: &str, value: &str, at: &MessageRef) {
        self.take(role, Content::Press { value: value.into(), message: Some(at.clone()) }).await;
    }

    /// Every message that is no card and says this, in all of its words, as it is now.
    pub fn said(&self, part: &str) -> Vec<String> {
        let whole = |message: &Message| {
            let blocks = message.blocks.iter().map(|block| match block {
                Block::Paragraph(text) => text.to_plain(),
                Block::List(items) => items.iter().map(|item| format!("• {}\n", item.to_plain())).collect(),
                Block::Fields(fields) => {
                    fields.iter().map(|(name, text)| format!("{name}: {}", text.to_plain())).collect()
                }
                Block::Code(lines) => lines.join("\n"),
            });
            std::iter::once(message.title.to_plain()).chain(blocks).collect::<Vec<_>>().join("\n")
        };
        let messages = self.hands.messages.lock().unwrap();
        messages.iter().map(|(_, message)| whole(message)).filter(|text| text.contains(part)).collect()
    }

    /// The newest deploy of a version.
    pub async fn deploy_of(&self, version: &str) -> Deploy {
        let all = self.store.deploys(&Filter { limit: 100, ..Filter::default() }).await.unwrap();
        all.into_iter().find(|d| d.request.version.as_str() == version).unwrap()
    }

    /// The events of the record about locks, in order.
    pub async fn lock_events(&self) -> Vec<String> {
        self.events().await.into_iter().filter(|event| event.starts_with("lock")).collect()
    }

    /// The locks that are stored.
    pub async fn locks(&self) -> Vec<Lock> {
        self.store.locks().await.unwrap()
    }

    /// The row of boxes that has one of this label, and what that box is called in it.
    fn row(&self, before: &Before, label: &str) -> (String, String, MessageRef) {
        let id = &before.deploy.as_ref().expect("there is a deploy").id;
        let boxes = self.hands.boxes.lock().unwrap();
        let options = boxes[id].iter().flat_map(|row| row.options.iter().map(move |option| (row, option)));
        let found = options.into_iter().find(|(_, option)| option.label == label);
        let (row, option) = found.unwrap_or_else(|| panic!("no box {label} in {boxes:?}"));
        let at = self.hands.cards.lock().unwrap()[id].0.clone();
        (row.value.clone(), option.key.clone(), at)
    }

    fn button(&self, before: &Before, press: Press) -> (String, MessageRef) {
        let deploy = before.deploy.as_ref().expect("there is a deploy");
        let there = presses(deploy);
        let place = there.iter().position(|p| *p == press);
        let place = place.unwrap_or_else(|| panic!("{press:?} is none of {there:?} of {deploy:?}"));
        let cards = self.hands.cards.lock().unwrap();
        let (at, buttons) = &cards[&deploy.id];
        assert_eq!(buttons.len(), there.len(), "{buttons:?}");
        (buttons[place].value.clone(), at.clone())
    }
}

/// What must be so for something to be possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    Nothing,
    Reading,
    Waiting,
    Held,
    Failed,
    Refused,
    Unsure,
    Released,
    Locked,
    /// The owner of a lock was asked whether it is still needed.
    Nagged,
    Frozen,
    Stopped,
    /// Somebody who may said yes, and another yes is missing.
    Agreed,
    /// An emergency waits for its override.
    Emergency,
    /// Somebody who may approve is away.
    Away,
}

impl Scene {
    /// The scene of a thing.
    pub fn of(what: &str) -> Self {
        match what {
            "command approve" | "command cancel" | "command hold" | "command reject" | "button approve"
            | "button reject" | "button hold" | "button cancel" | "form reject" => Self::Waiting,
            "command withdraw" => Self::Agreed,
            "command incident" => Self::Emergency,
            "command away end" => Self::Away,
            "command resume deploy" | "button resume" => Self::Held,
            "command resume dispatching" => Self::Stopped,
            "command rerun" | "button rerun" | "button roll_back" | "button close" => Self::Failed,
            "button deploy_before" => Self::Refused,
            "button did_not_start" | "button started" | "button wait_more" | "form started" => Self::Unsure,
            "command rollback" | "box tick" | "box tick named" => Self::Released,
            "command unlock" => Self::Locked,
            "button unlock" | "button keep_lock" => Self::Nagged,
            "command freeze end" => Self::Frozen,
            "command away start" | "command deploy" | "command lock" | "command freeze add"
            | "command look" | "command restart" | "command wipe" | "form words" => Self::Nothing,
            "command checklist"
            | "command diff"
            | "command explain"
            | "command freeze list"
            | "command help"
            | "command history"
            | "command logs"
            | "command status"
            | "command when"
            | "command who-can" => Self::Reading,
            new => panic!("say in which scene “{new}” is possible"),
        }
    }

    /// Makes it so.
    pub async fn prepare(self, town: &mut Town) -> Before {
        match self {
            Self::Nothing => {}
            Self::Reading | Self::Released => {
                town.release("v1").await;
                town.release("v2").await;
            }
            Self::Waiting => town.say("own", "deploy production v1").await,
            Self::Held => {
                town.say("own", "deploy production v1").await;
                town.say("own", "hold").await;
            }
            Self::Failed => {
                town.release("v1").await;
                town.go(Going::Badly);
                town.release("v2").await;
            }
            Self::Refused => town.say("own", "deploy late v1").await,
            Self::Unsure => {
                town.go(Going::Unknown);
                town.release("v1").await;
                town.pass(75).await;
            }
            Self::Locked => town.say("own", "lock production migrating").await,
            Self::Nagged => {
                town.say("own", "lock production migrating --for 30m").await;
                town.pass(21).await;
            }
            Self::Frozen => town.say("own", "freeze add Audit production for 2h").await,
            Self::Stopped => town.stop_dispatching().await,
            Self::Agreed => {
                town.say("own", "deploy production v1 --hold").await;
                town.say("all", "approve").await;
            }
            Self::Emergency => {
                town.say("own", "deploy production v1 --hold --emergency \"it is down\"").await
            }
            Self::Away => town.say("all", "away until Fri 18:00 --delegate dep").await,
        }
        // Cards catch up before anybody looks at them.
        town.pass(1).await;
        town.before().await
    }
}
