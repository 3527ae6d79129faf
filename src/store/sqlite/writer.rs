//! The one thread that writes, and commits for everybody who waits at once. Not here: what is written.

use super::fault::{Fault, Trouble};
use rusqlite::Connection;
use shipgate_app::point;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// How many requests may wait. Who comes later waits for a place; nothing is refused or lost.
const WAITING: usize = 1024;

/// How many requests share one commit at most.
const TOGETHER: usize = 256;

/// After so many requests the log is copied into the database, beside the work. Each copying makes the disk busy for
/// some milliseconds, so it is not done often.
const COPY_EVERY: usize = 1024;

/// Above so many pages the log has outrun the copying, and the writer stops to let it catch up.
const LOG_TOO_LONG: i64 = 16 * 1024;

/// A piece of work in a batch. It runs first, and is answered when the batch's fate is known.
pub(super) trait Job: Send {
    /// Does the work and keeps its result. `Err` asks for it to be undone.
    fn run(&mut self, db: &Connection) -> Result<(), Trouble>;
    /// Tells who asked. With `lost`, the batch was not committed.
    fn answer(self: Box<Self>, lost: Option<Fault>);
}

/// A piece of work and where its answer goes.
struct Request<T, F> {
    work: Option<F>,
    result: Result<T, Trouble>,
    answer: oneshot::Sender<Result<T, Trouble>>,
}

impl<T, F> Job for Request<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Trouble> + Send,
{
    fn run(&mut self, db: &Connection) -> Result<(), Trouble> {
        if let Some(work) = self.work.take() {
            self.result = guarded(|| work(db));
        }
        self.result.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn answer(self: Box<Self>, lost: Option<Fault>) {
        // Whoever asked may have gone; the work is done all the same.
        let _ = self.answer.send(match lost {
            Some(fault) => Err(fault.into()),
            None => self.result,
        });
    }
}

/// A panic in one piece of work is that piece's own failure.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(ToString::to_string);
        let detail = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Fault::Mistake { detail }.into())
    })
}

/// Runs work in one transaction, each piece undone by itself if it fails. `Err` means that nothing was written.
pub(super) fn together(db: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
    let outcome = attempt(db, jobs);
    if outcome.is_err() && !db.is_autocommit() {
        // SQLite itself undoes what cannot be undone here: an open transaction never outlives its connection.
        let _ = run(db, "ROLLBACK");
    }
    outcome
}

fn attempt(db: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
    run(db, "BEGIN IMMEDIATE")?;
    point!("batch/begun");
    for job in jobs {
        run(db, "SAVEPOINT one")?;
        if let Err(trouble) = job.run(db) {
            if let Trouble::Fault(fault) = trouble {
                // After these, SQLite has undone everybody's work, or its state on disk is unknown.
                if db.is_autocommit() || fault.ends_writing() {
                    return Err(fault);
                }
            }
            run(db, "ROLLBACK TO one")?;
        }
        run(db, "RELEASE one")?;
    }
    point!("batch/uncommitted");
    run(db, "COMMIT")?;
    point!("batch/committed");
    Ok(())
}

fn run(db: &Connection, sql: &str) -> Result<(), Fault> {
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// The writing thread, from outside.
#[derive(Debug)]
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that writes, and one that copies the log into the database beside it.
    pub(super) fn start(db: Connection, checkpoints: Connection) -> io::Result<Self> {
        let (requests, incoming) = mpsc::channel(WAITING);
        let (wanted, asked) = mpsc::channel(1);
        let stopped = Arc::new(AtomicBool::new(false));
        let copied = Arc::new(AtomicBool::new(false));
        let (also, tell) = (Arc::clone(&stopped), Arc::clone(&copied));
        let copying = Builder::new()
            .name("store-copy".into())
            .spawn(move || copy(&checkpoints, asked, &also, &tell))?;
        let writing = Builder::new()
            .name("store-write".into())
            .spawn(move || write(&db, incoming, &wanted, &stopped, &copied))?;
        Ok(Self { requests: Some(requests), threads: vec![writing, copying] })
    }

    /// Runs work in the next batch; comes back when the batch is committed.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let request = Request { work: Some(work), result: Err(Fault::Closed.into()), answer };
        let requests = self.requests.as_ref().ok_or(Fault::Closed)?;
        requests.send(Box::new(request)).await.map_err(|_| Fault::Closed)?;
        answered.await.unwrap_or(Err(Fault::Closed.into()))
    }
}

impl Drop for Writer {
    /// What was asked before is still written.
    fn drop(&mut self) {
        self.requests = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The writing thread, from inside.
fn write(
    db: &Connection,
    mut incoming: mpsc::Receiver<Box<dyn Job>>,
    wanted: &mpsc::Sender<()>,
    stopped: &AtomicBool,
    copied: &AtomicBool,
) {
    let mut batch: Vec<Box<dyn Job>> = Vec::with_capacity(TOGETHER);
    let mut since_copy = 0;
    while incoming.blocking_recv_many(&mut batch, TOGETHER) > 0 {
        let lost = if stopped.load(Ordering::Acquire) {
            Some(Fault::Unconfirmed { detail: "an earlier write".into() })
        } else {
            together(db, &mut batch).err()
        };
        if let Some(fault) = &lost {
            tracing::error!(requests = batch.len(), "the database wrote nothing: {fault}");
            if fault.ends_writing() {
                stopped.store(true, Ordering::Release);
            }
        }
        since_copy += batch.len();
        for job in batch.drain(..) {
            job.answer(lost.clone());
        }
        point!("batch/answered");
        // Only a log that is copied to its last page begins anew, and under load others always wrote meanwhile. Here
        // nobody writes: the few pages since are copied, and the log keeps its length instead of growing for ever.
        if copied.swap(false, Ordering::AcqRel) && !stopped.load(Ordering::Acquire) {
            checkpoint(db, "PRAGMA wal_checkpoint(PASSIVE)", stopped);
        }
        if since_copy >= COPY_EVERY && !stopped.load(Ordering::Acquire) {
            since_copy = 0;
            // A full channel means that it is about to be done.
            let _ = wanted.try_send(());
        }
    }
}

/// Copies the log into the database whenever asked, while others write.
fn copy(db: &Connection, mut asked: mpsc::Receiver<()>, stopped: &AtomicBool, copied: &AtomicBool) {
    while asked.blocking_recv().is_some() {
        point!("copy/begun");
        let mode = "PRAGMA wal_checkpoint(PASSIVE)";
        let length = checkpoint(db, mode, stopped);
        if length > LOG_TOO_LONG {
            tracing::warn!(pages = length, "the database's log is long: writing stops until it is copied");
            checkpoint(db, "PRAGMA wal_checkpoint(RESTART)", stopped);
        }
        copied.store(true, Ordering::Release);
        point!("copy/done");
    }
}

/// Returns how many pages the log has.
fn checkpoint(db: &Connection, sql: &str, stopped: &AtomicBool) -> i64 {
    match db.query_row(sql, [], |row| row.get(1)) {
        Ok(length) => length,
        Err(error) => {
            let fault = Fault::from(error);
            tracing::error!("the database's log cannot be copied: {fault}");
            if fault.ends_writing() {
                stopped.store(true, Ordering::Release);
            }
            0
        }
    }
}
