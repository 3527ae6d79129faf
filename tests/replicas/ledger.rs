//! The record, read again and again while people and troubles are at work, so that everybody can wait for something in
//! it. Not here: what must hold of it (`oracle`).

use crate::record::{Life, Record};
use crate::replica::{PATIENCE, Replica};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// The shortest pause between two readings; a long record is read less often.
const PAUSE: Duration = Duration::from_millis(250);
/// Where nothing happens for so long, nothing will, even if a replica has just died: its work is taken over before.
const QUIET: Duration = Duration::from_secs(25);

/// The newest reading of the record.
#[derive(Debug)]
pub struct Ledger {
    newest: watch::Sender<Reading>,
    _reading: Mutex<Option<AbortOnDropHandle<()>>>,
}

#[derive(Clone, Debug, Default)]
struct Reading {
    record: Arc<Record>,
    lives: Arc<BTreeMap<String, Life>>,
}

impl Ledger {
    /// Reads from now on, by the command line of a replica that never serves.
    pub fn start(looker: Arc<Replica>) -> Arc<Self> {
        let ledger = Arc::new(Self { newest: watch::Sender::default(), _reading: Mutex::default() });
        let newest = ledger.newest.clone();
        let reading = tokio::spawn(async move {
            loop {
                let (begun, looker) = (Instant::now(), looker.clone());
                let read = tokio::task::spawn_blocking(move || {
                    let record = Record::try_export(&looker)?;
                    let lives = Arc::new(record.lives());
                    Some(Reading { record: Arc::new(record), lives })
                });
                if let Ok(Some(reading)) = read.await {
                    newest.send_replace(reading);
                }
                tokio::time::sleep(PAUSE.max(begun.elapsed() * 2)).await;
            }
        });
        *ledger._reading.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(AbortOnDropHandle::new(reading));
        ledger
    }

    /// Every deploy by its id.
    pub fn lives(&self) -> Arc<BTreeMap<String, Life>> {
        self.newest.borrow().lives.clone()
    }

    /// The id of the deploy of a version to an environment, once it is recorded.
    pub async fn deploy_of(&self, environment: &str, version: &str) -> String {
        self.until(&format!("the deploy of {version} to {environment}"), |reading| {
            let mut found = reading.lives.iter();
            let is_it = |life: &Life| life.environment == environment && life.version == version;
            found.find(|(_, life)| is_it(life)).map(|(id, _)| id.clone())
        })
        .await
    }

    /// Waits until this happened to a deploy, or it is over.
    pub async fn has(&self, id: &str, event: &str) {
        self.until(&format!("“{event}” of {id}"), |reading| {
            let life = reading.lives.get(id)?;
            (life.is_done || life.count(event) > 0).then_some(())
        })
        .await;
    }

    /// Waits until the record has an event whose data names this.
    pub async fn says(&self, event: &str, name: &str) {
        self.until(&format!("“{event}” of {name}"), |reading| {
            let mut entries = reading.record.entries.iter();
            entries.find(|e| e.event == event && e.data.to_string().contains(name)).map(|_| ())
        })
        .await;
    }

    /// Whether nothing more will happen to a deploy.
    pub fn is_over(&self, id: &str) -> bool {
        self.lives().get(id).is_some_and(|life| life.is_done)
    }

    /// Waits until every deploy of an environment is over, or nothing has happened there for a while; returns those
    /// that wait then.
    pub async fn all_over_or_waiting(&self, environment: &str) -> Vec<String> {
        let mut quiet = (0, Instant::now());
        self.until(&format!("the end of everything in {environment}"), |reading| {
            let there = || reading.lives.iter().filter(|(_, life)| life.environment == environment);
            let events: usize = there().map(|(_, life)| life.events.len()).sum();
            if events != quiet.0 {
                quiet = (events, Instant::now());
            }
            let open: Vec<_> = there().filter(|(_, life)| !life.is_done).collect();
            let all_wait = open.iter().all(|(_, life)| !life.is_active);
            let is_quiet = all_wait && quiet.1.elapsed() > QUIET;
            (open.is_empty() || is_quiet).then(|| open.into_iter().map(|(id, _)| id.clone()).collect())
        })
        .await
    }

    /// Whether nothing more will happen to any deploy that is known by now.
    pub fn is_all_over(&self) -> bool {
        self.lives().values().all(|life| life.is_done)
    }

    /// Waits until a fresh reading holds what is looked for.
    async fn until<T>(&self, what: &str, mut check: impl FnMut(&Reading) -> Option<T>) -> T {
        let mut news = self.newest.subscribe();
        // What was read before somebody acted tells nothing about it.
        let mut fresh = 0;
        let give_up = Instant::now() + PATIENCE;
        loop {
            let found = { check(&news.borrow_and_update()) };
            if let Some(found) = found.filter(|_| fresh > 1) {
                return found;
            }
            let waited = tokio::time::timeout_at(give_up.into(), news.changed()).await;
            if waited.is_err() {
                let open: Vec<String> = (self.lives().iter())
                    .filter(|(_, life)| !life.is_done)
                    .map(|(id, life)| format!("{id} {life:?}"))
                    .collect();
                panic!("this did not come: {what}; open:\n{}", open.join("\n"));
            }
            fresh += 1;
        }
    }
}
