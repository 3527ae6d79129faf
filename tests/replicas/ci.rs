//! GitHub's runs go on by themselves, and somebody starts by hand what a dead replica did not get around to send.
//! Keeps a book of what ended when. Not here: the model (`shipgate_world`).

use crate::ledger::Ledger;
use crate::settings::{REPO, WORKFLOW};
use shipgate_world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::task::AbortOnDropHandle;

/// Between two steps of a run.
const STEP: Duration = Duration::from_millis(60);
/// Nobody starts a run by hand before the bot has looked for it this long.
const BY_HAND_AFTER: Duration = Duration::from_secs(4);

/// GitHub's own book, beyond what the model keeps.
#[derive(Debug)]
pub struct Ci {
    book: Arc<Mutex<Book>>,
    _working: [AbortOnDropHandle<()>; 2],
}

/// What happened at GitHub.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// For each run, how many starts GitHub had accepted just before its last step.
    pub steps: BTreeMap<u64, usize>,
    /// Deploys whose run somebody started by hand.
    pub by_hand: BTreeSet<String>,
}

impl Ci {
    /// Moves all runs from now on.
    pub fn start(world: Arc<World>, ledger: Arc<Ledger>) -> Self {
        let book = Arc::new(Mutex::new(Book::default()));
        let moving = AbortOnDropHandle::new(tokio::spawn(move_runs(world.clone(), book.clone())));
        let by_hand = AbortOnDropHandle::new(tokio::spawn(start_by_hand(world, ledger, book.clone())));
        Self { book, _working: [moving, by_hand] }
    }

    /// The book as it is now.
    pub fn book(&self) -> Book {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn move_runs(world: Arc<World>, book: Arc<Mutex<Book>>) {
    let moving: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
    loop {
        for run in world.github.runs().into_iter().filter(|run| run.status != "completed") {
            if !moving.lock().unwrap_or_else(PoisonError::into_inner).insert(run.id) {
                continue;
            }
            // A webhook to a replica that stands still keeps only this run waiting.
            let (world, book, moving) = (world.clone(), book.clone(), moving.clone());
            tokio::spawn(async move {
                // Noted before the step, because whoever waits for the end may hear of it before we do.
                let accepted = world.github.dispatches().len();
                book.lock().unwrap_or_else(PoisonError::into_inner).steps.insert(run.id, accepted);
                let _ = world.github.advance(run.id).await;
                moving.lock().unwrap_or_else(PoisonError::into_inner).remove(&run.id);
            });
        }
        tokio::time::sleep(STEP).await;
    }
}

async fn start_by_hand(world: Arc<World>, ledger: Arc<Ledger>, book: Arc<Mutex<Book>>) {
    let mut missing_since: BTreeMap<String, Instant> = BTreeMap::new();
    loop {
        for (id, life) in ledger.lives().iter() {
            let is_missing = life.count("send_unknown") > 0
                && !life.is_bound
                && !life.is_done
                && world.github.dispatches_accepted("deployment_id", id) == 0;
            if !is_missing {
                missing_since.remove(id);
                continue;
            }
            let since = *missing_since.entry(id.clone()).or_insert_with(Instant::now);
            if since.elapsed() < BY_HAND_AFTER {
                continue;
            }
            let inputs = [
                ("deployment_id", id.as_str()),
                ("sha", &life.commit),
                ("environment", &life.environment),
                ("version", &life.version),
            ];
            let started = world.github.dispatch_by_hand(REPO, WORKFLOW, "main", &inputs);
            started.expect("GitHub takes a start by hand");
            book.lock().unwrap_or_else(PoisonError::into_inner).by_hand.insert(id.clone());
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
