//! One bot after the other on one database in memory, with a chat whose answers wait until the test lets them go. Not
//! here: the program with other settings (`tests/it/reload.rs`).

use super::*;
use crate::serve::rules;
use crate::settings::Settings;
use crate::wiring::{SystemClock, SystemRandom};
use async_trait::async_trait;
use shipgate_app::Ports;
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::ports::{Chat, ChatError, Clock as _, MessageRef, Post, Providers, Store as _};
use shipgate_app::words::{Body, Form, Message};
use shipgate_domain::ids::{Account, Platform};
use shipgate_domain::people::{AccountFacts, OutsideGroup};
use shipgate_store::SqliteStore;
use std::path::Path;
use tokio::sync::Semaphore;

const SETTINGS: &str = r#"timezone = "UTC"
[slack]
transport = "socket"
team = "T0123"
[announce]
channel = "C0DEPLOYS"
[people.ada]
slack = "U0ADA"
[groups]
deployers = ["ada"]
[services.api]
default = true
provider = "github"
repo = "acme/api"
workflow = "deploy.yml"
ref = "main"
inputs = { sha = "{sha}", deployment_id = "{deploy}" }
[environments.staging]
deployers = ["deployers"]
checks = "none"
"#;

/// Whose answer waits.
const SLOW: &str = "U0SLOW";
const QUICK: &str = "U0QUICK";

/// Tells the test what is answered.
struct Waiting {
    told: mpsc::UnboundedSender<(&'static str, String)>,
    let_go: Arc<Semaphore>,
}

#[async_trait]
impl Chat for Waiting {
    fn platform(&self) -> Platform {
        Platform::Slack
    }
    async fn channel(&self, name: &str) -> Result<String, ChatError> {
        Ok(name.to_owned())
    }
    async fn post(&self, _: &Post, _: bool) -> Result<MessageRef, ChatError> {
        Ok(MessageRef { channel: "C0DEPLOYS".into(), id: "1".into() })
    }
    async fn edit(&self, _: &MessageRef, _: &Body) -> Result<(), ChatError> {
        Ok(())
    }
    async fn reply(&self, to: &ReplyTo, _: &Message) -> Result<(), ChatError> {
        let account = to.account.id.clone();
        self.told.send(("begins", account.clone())).unwrap();
        if account == SLOW {
            self.let_go.acquire().await.unwrap().forget();
        }
        self.told.send(("ends", account)).unwrap();
        Ok(())
    }
    async fn open_form(&self, _: &ReplyTo, _: &Form) -> Result<(), ChatError> {
        Ok(())
    }
    async fn set_topic(&self, _: &str, _: &str) -> Result<(), ChatError> {
        Ok(())
    }
    async fn account(&self, account: &Account) -> Result<AccountFacts, ChatError> {
        Ok(AccountFacts { active: true, bot: false, guest: false, name: account.id.clone() })
    }
    async fn members(&self, _: &OutsideGroup) -> Result<Vec<Account>, ChatError> {
        Ok(Vec::new())
    }
}

fn bot(settings: &str, store: &Arc<SqliteStore>, chat: &Arc<Waiting>) -> Arc<App> {
    let environment = |name: &str| match name {
        "SLACK_BOT_TOKEN" => Some("xoxb-1".to_owned()),
        "SLACK_APP_TOKEN" => Some("xapp-1".to_owned()),
        "GITHUB_TOKEN" => Some("ghp_1".to_owned()),
        _ => None,
    };
    let settings = Settings::from_text(Path::new("shipgate.toml"), settings, &environment);
    let ports = Ports {
        store: store.clone(),
        chat: chat.clone(),
        providers: Providers::default(),
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(SystemRandom),
    };
    Arc::new(App::new(rules(&settings.unwrap()), ports))
}

/// Somebody asks for help.
async fn ask(store: &SqliteStore, live: &Live, who: &str) {
    let account = Account { platform: Platform::Slack, id: who.into() };
    let (channel, trigger) = (Some("C0DEPLOYS".into()), None);
    let reply_to = ReplyTo { account: account.clone(), channel, thread: None, response_url: None, trigger };
    let content = Content::Slash { command: "shipgate".into(), text: "help".into() };
    let inbound = Inbound { key: who.into(), account, name: who.into(), reply_to, content };
    store.inbox_put(&inbound, SystemClock::default().now()).await.unwrap();
    live.app().wake_inbox();
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_takes_long_is_ended_by_whoever_began_it_and_holds_up_nothing_under_new_rules() {
    let (told, mut events) = mpsc::unbounded_channel();
    let let_go = Arc::new(Semaphore::new(0));
    let chat = Arc::new(Waiting { told, let_go: let_go.clone() });
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let old = bot(SETTINGS, &store, &chat);
    old.start().await.unwrap();
    let (live, stop) = (Live::new(old.clone()), CancellationToken::new());
    let (renewals, renewed) = mpsc::channel(1);
    let working = tokio::spawn(live.clone().keep_working(renewed, stop.clone()));
    ask(&store, &live, SLOW).await;
    assert_eq!(events.recv().await.unwrap(), ("begins", SLOW.to_owned()));

    let new = bot(&SETTINGS.replace("\"none\"", "\"all\""), &store, &chat);
    let (done, works) = oneshot::channel();
    renewals.send(Renewal { app: new.clone(), done }).await.unwrap();
    works.await.unwrap();
    assert!(Arc::ptr_eq(&live.app(), &new));
    ask(&store, &live, QUICK).await;
    assert_eq!(events.recv().await.unwrap(), ("begins", QUICK.to_owned()), "the slow one is not done again");
    assert_eq!(events.recv().await.unwrap(), ("ends", QUICK.to_owned()));
    // Ended in order, and so it is ended once.
    let_go.add_permits(1);
    assert_eq!(events.recv().await.unwrap(), ("ends", SLOW.to_owned()));
    stop.cancel();
    working.await.unwrap();
    assert!(events.try_recv().is_err());
    assert_eq!(store.counts().await.unwrap().inbox, 0);
}
