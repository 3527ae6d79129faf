//! Bots in memory, a clock, and CI systems that say what a test wants. Not here: any assertion.

use crate::samples::{at, commit};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use shipgate_app::commands::Grammar;
use shipgate_app::effects::{Effect, NewEffect};
use shipgate_app::inbound::ReplyTo;
use shipgate_app::ports::{
    Chat, ChatError, Clock, Comparison, MessageRef, OutsideError, Pipelines, Post, Providers, Random, Recent,
    Report, Repositories, Resolved, Seen, Sent,
};
use shipgate_app::store::{Changes, DeployRow, Epoch, Store};
use shipgate_app::words::{Body, Form, Message};
use shipgate_app::{App, Ports, Rules};
use shipgate_domain::deploy::{Deploy, State};
use shipgate_domain::facts::{Check, Pin, RefKind};
use shipgate_domain::ids::{Account, CommitId, Platform, Version};
use shipgate_domain::people::{AccountFacts, OutsideGroup};
use shipgate_domain::policy::{
    ApprovalRule, CheckRule, Environment, OverrideRule, Pipeline, Policy, Provider, QueueBy, RollbackRule,
    Service,
};
use shipgate_domain::run::{Conclusion, Progress, Run, RunPlan, Standing};
use shipgate_domain::zone::Zone;
use shipgate_store::SqliteStore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What a repository says when it is asked for its runs.
#[derive(Clone)]
pub enum Says {
    Runs(Vec<Seen>),
    Later,
    Refused,
    Hangs,
    Panics,
}

/// Everything outside.
#[derive(Default)]
struct Hands {
    now: AtomicI64,
    drawn: AtomicU64,
    says: Mutex<BTreeMap<String, Says>>,
    asked: Mutex<Vec<(String, Timestamp)>>,
    resolved: AtomicU64,
    ended: Mutex<BTreeSet<String>>,
    posted: Mutex<Vec<Message>>,
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        at(self.now.load(Ordering::Relaxed))
    }
}

impl Random for Hands {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte =
                (self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u8;
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
        if let Body::Message(message) = &post.body {
            self.posted.lock().unwrap().push(message.clone());
        }
        let id = self.drawn.fetch_add(1, Ordering::Relaxed).to_string();
        Ok(MessageRef { channel: "C0DEPLOYS".into(), id })
    }
    async fn edit(&self, _: &MessageRef, _: &Body) -> Result<(), ChatError> {
        Ok(())
    }
    async fn reply(&self, _: &ReplyTo, _: &Message) -> Result<(), ChatError> {
        Ok(())
    }
    async fn open_form(&self, _: &ReplyTo, _: &Form) -> Result<(), ChatError> {
        Ok(())
    }
    async fn set_topic(&self, _channel: &str, _topic: &str) -> Result<(), ChatError> {
        Ok(())
    }

    async fn account(&self, account: &Account) -> Result<AccountFacts, ChatError> {
        Ok(AccountFacts { active: true, bot: false, guest: false, name: account.id.clone() })
    }
    async fn members(&self, _: &OutsideGroup) -> Result<Vec<Account>, ChatError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Repositories for Hands {
    async fn resolve(&self, _: &str, _: &Version) -> Result<Resolved, OutsideError> {
        self.resolved.fetch_add(1, Ordering::Relaxed);
        Ok(Resolved::Pin(Pin {
            commit: commit('a'),
            kind: RefKind::Tag,
            title: "x".into(),
            author: "ada".into(),
        }))
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
        panic!("nothing may be sent: every environment is closed off")
    }
    async fn find(&self, _: &RunPlan, _: Timestamp) -> Result<Vec<Run>, OutsideError> {
        Ok(Vec::new())
    }
    async fn since(&self, pipeline: &Pipeline, since: Timestamp) -> Result<Vec<Seen>, OutsideError> {
        self.asked.lock().unwrap().push((pipeline.repo.clone(), since));
        let says = self.says.lock().unwrap().get(&pipeline.repo).cloned();
        match says.unwrap_or(Says::Runs(Vec::new())) {
            Says::Runs(runs) => Ok(runs),
            Says::Later => Err(OutsideError::Later { why: "it does not answer".into(), after: None }),
            Says::Refused => Err(OutsideError::Refused { why: "no permission".into() }),
            Says::Hangs => std::future::pending().await,
            Says::Panics => panic!("an answer that nobody thought of"),
        }
    }
    async fn read(&self, _: &RunPlan, run: &Run) -> Result<Report, OutsideError> {
        let is_over = self.ended.lock().unwrap().contains(run.id.as_str());
        let standing = if is_over { Standing::Ended(Conclusion::Success) } else { Standing::Running };
        Ok(Report { run: run.clone(), progress: Progress { standing, ..Progress::unread() } })
    }
    async fn stop(&self, _: &RunPlan, _: &Run) -> Result<(), OutsideError> {
        Ok(())
    }
    async fn identify(&self, _: &RunPlan, _: &str) -> Result<Option<Run>, OutsideError> {
        Ok(None)
    }
}

fn service(name: &str, provider: Provider) -> Service {
    let pipeline = Pipeline {
        provider,
        repo: format!("acme/{name}"),
        workflow: "deploy.yml".into(),
        git_ref: "main".into(),
        inputs: BTreeMap::new(),
        command: Vec::new(),
    };
    Service { name: name.parse().unwrap(), default: name == "shop", pipeline, preflight: Default::default() }
}

fn environment(name: &str) -> Environment {
    Environment {
        name: name.parse().unwrap(),
        aliases: Vec::new(),
        after: None,
        schedule: None,
        deployers: Vec::new(),
        approvals: ApprovalRule { expires: SignedDuration::from_hours(24), ..ApprovalRule::none() },
        overrides: OverrideRule { needed: 0, from: Vec::new() },
        checks: CheckRule::None,
        queue: QueueBy::Environment,
        when_frozen: shipgate_domain::policy::WhenFrozen::Finish,
        supersede: false,
        rollback: RollbackRule { needed: 0, in_window_only: false },
        url: None,
        preflight: Default::default(),
    }
}

fn rules() -> Rules {
    let services = [service("shop", Provider::Command), service("till", Provider::Github)];
    let policy = Policy {
        actions: BTreeMap::new(),
        zone: Zone::named("UTC").unwrap(),
        people: Default::default(),
        groups: BTreeMap::new(),
        services: services.into_iter().map(|service| (service.name.clone(), service)).collect(),
        environments: ["production", "staging"].map(environment).map(|e| (e.name.clone(), e)).into(),
        schedules: BTreeMap::new(),
        freezes: Vec::new(),
    };
    Rules {
        version: policy.version(),
        policy,
        announce: "C0DEPLOYS".into(),
        approvals: "C0DEPLOYS".into(),
        topic: false,
        alerts: "C0DEPLOYS".into(),
        leads: Vec::new(),
        cron_reminders: Vec::new(),
        nag_locks: jiff::SignedDuration::from_hours(2),
        grammar: Grammar::builtin(),
    }
}

/// Bots on one database, and their surroundings.
pub struct Town {
    pub store: Arc<SqliteStore>,
    hands: Arc<Hands>,
    apps: Mutex<Vec<Arc<App>>>,
    /// Writes what an earlier life left.
    past: Epoch,
}

impl Town {
    /// Nothing has happened, and no bot has begun. It is a while after the backup was made.
    pub async fn new() -> Self {
        let store = Arc::new(SqliteStore::in_memory().unwrap());
        let hands = Arc::new(Hands { now: AtomicI64::new(2_000), ..Hands::default() });
        let past = store.replica_enter(&rules().version.to_string(), at(0), at(1_000_000)).await.unwrap();
        Self { store, hands, apps: Mutex::default(), past }
    }

    /// One more replica, which has not begun.
    pub fn app(&self) -> Arc<App> {
        let hands = self.hands.clone();
        let ports = Ports {
            store: self.store.clone(),
            chat: hands.clone(),
            providers: Providers::default().with(Provider::Command, hands.clone(), hands.clone()).with(
                Provider::Github,
                hands.clone(),
                hands.clone(),
            ),
            clock: hands.clone(),
            random: hands,
        };
        let app = Arc::new(App::new(rules(), ports));
        self.apps.lock().unwrap().push(app.clone());
        app
    }

    /// Stores a deploy as an earlier life left it; one that was just asked for will be judged.
    pub async fn left(&self, deploy: &Deploy) {
        let mut deploy = deploy.clone();
        let mut changes = Changes::by(self.past, self.hands.now());
        if matches!(deploy.state, State::Requested { .. }) {
            let judge = Effect::Judge { deploy: deploy.id.clone() };
            changes.effects.push(NewEffect::whenever(judge, changes.at));
        }
        deploy.revision = 0;
        changes.deploys = vec![DeployRow { lock_group: deploy.request.environment.to_string(), deploy }];
        self.store.commit(changes).await.unwrap();
    }

    pub fn says(&self, repo: &str, says: Says) {
        self.hands.says.lock().unwrap().insert(repo.to_owned(), says);
    }

    /// A run comes to its end.
    pub fn end(&self, run: &str) {
        self.hands.ended.lock().unwrap().insert(run.to_owned());
    }

    /// Time passes, and every replica lives.
    pub async fn pass(&self, seconds: i64) {
        let apps = self.apps.lock().unwrap().clone();
        for _ in 0..seconds {
            self.hands.now.fetch_add(1, Ordering::Relaxed);
            for app in &apps {
                app.renew().await.unwrap();
            }
        }
    }

    /// How many versions were looked up: what is judged first.
    pub fn resolved(&self) -> u64 {
        self.hands.resolved.load(Ordering::Relaxed)
    }

    /// Which repositories were asked for their runs.
    pub fn asked(&self) -> Vec<String> {
        self.hands.asked.lock().unwrap().iter().map(|(repo, _)| repo.clone()).collect()
    }

    /// Since when the last one was asked.
    pub fn asked_since(&self) -> Option<Timestamp> {
        self.hands.asked.lock().unwrap().last().map(|(_, since)| *since)
    }

    /// Messages with these words, as JSON.
    pub fn posted(&self, words: &str) -> Vec<String> {
        let all = self.hands.posted.lock().unwrap();
        let texts = all.iter().map(|message| serde_json::to_string(message).unwrap());
        texts.filter(|text| text.contains(words)).collect()
    }
}
