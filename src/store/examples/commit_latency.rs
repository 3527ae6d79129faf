//! Measures how long a command waits for its place on disk: `commit_latency [seconds] [per second] [file]`.
//! Not here: a test; the figures depend on the disk.

use jiff::Timestamp;
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::store::Store as _;
use shipgate_domain::ids::{Account, Platform};
use shipgate_store::SqliteStore;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

fn inbound(key: String) -> Inbound {
    let account = Account { platform: Platform::Slack, id: "U0ADA".into() };
    let reply_to = ReplyTo {
        account: account.clone(),
        channel: Some("C0DEPLOYS".into()),
        thread: None,
        response_url: Some("https://chat.example/answers/here".into()),
        trigger: None,
    };
    let content = Content::Slash { command: "deploy".into(), text: "shop production v1.2.3".into() };
    Inbound { key, account, name: "Ada".into(), reply_to, content }
}

fn show(name: &str, mut took: Vec<Duration>, all: Duration) {
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1000].as_secs_f64() * 1e3;
    println!(
        "{name}: {} writes, {:.0}/s, p50 {:.3} ms, p99 {:.3} ms, p99.9 {:.3} ms, max {:.3} ms",
        took.len(),
        took.len() as f64 / all.as_secs_f64(),
        at(500),
        at(990),
        at(999),
        at(1000),
    );
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let seconds: u32 = args.next().map_or(Ok(10), |word| word.parse())?;
    let rate: u32 = args.next().map_or(Ok(200), |word| word.parse())?;
    let folder = tempfile::tempdir()?;
    let path = args.next().map_or_else(|| folder.path().join("latency.db"), PathBuf::from);
    let now = Timestamp::UNIX_EPOCH;
    let store = Arc::new(SqliteStore::open(&path, now)?);

    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate);
    for n in 0..seconds * rate {
        tick.tick().await;
        let (store, inbound) = (Arc::clone(&store), inbound(format!("steady/{n}")));
        tasks.spawn(async move {
            let asked = Instant::now();
            store.inbox_put(&inbound, now).await.map(|_| asked.elapsed())
        });
    }
    let took = tasks.join_all().await.into_iter().collect::<Result<_, _>>()?;
    show("steady", took, begin.elapsed());

    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for n in 0..20_000 {
        let (store, inbound) = (Arc::clone(&store), inbound(format!("burst/{n}")));
        tasks.spawn(async move {
            let asked = Instant::now();
            store.inbox_put(&inbound, now).await.map(|_| asked.elapsed())
        });
    }
    let took = tasks.join_all().await.into_iter().collect::<Result<_, _>>()?;
    show("burst of 20 000", took, begin.elapsed());
    Ok(())
}
