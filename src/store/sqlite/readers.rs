//! The threads that read, each with a connection of its own. Not here: what is read.

use super::fault::{Fault, Trouble};
use super::writer::guarded;
use rusqlite::Connection;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// How many threads read. Reads take microseconds; two keep a long listing from delaying a card.
pub(super) const THREADS: usize = 2;

/// How many reads may wait. Who comes later waits for a place.
const WAITING: usize = 1024;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The reading threads, from outside.
#[derive(Debug)]
pub(super) struct Readers {
    requests: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts one thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> io::Result<Self> {
        let (requests, incoming) = mpsc::channel::<Read>(WAITING);
        let incoming = Arc::new(Mutex::new(incoming));
        let mut readers = Self { requests: Some(requests), threads: Vec::new() };
        for db in connections {
            let incoming = Arc::clone(&incoming);
            let serve = move || {
                // One thread waits for the next request, the others for their turn to wait.
                let next = || incoming.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                while let Some(read) = next() {
                    read(&db);
                }
            };
            readers.threads.push(Builder::new().name("store-read".into()).spawn(serve)?);
        }
        Ok(readers)
    }

    /// Runs work on the next free connection.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let read: Read = Box::new(move |db| {
            // Whoever asked may have gone.
            let _ = answer.send(guarded(|| work(db)));
        });
        let requests = self.requests.as_ref().ok_or(Fault::Closed)?;
        requests.send(read).await.map_err(|_| Fault::Closed)?;
        answered.await.unwrap_or(Err(Fault::Closed.into()))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.requests = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
