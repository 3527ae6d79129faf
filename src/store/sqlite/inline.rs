//! Work on the caller's thread, at once: for simulations that must give the same answers every time.
//! Not here: anything that waits.

use super::fault::Trouble;
use super::writer::guarded;
use rusqlite::Connection;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A connection that everybody uses in turn.
#[derive(Debug)]
pub(super) struct Inline {
    db: Mutex<Connection>,
}

impl Inline {
    pub(super) fn new(db: Connection) -> Self {
        Self { db: Mutex::new(db) }
    }

    /// Runs work in a transaction of its own.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let db = self.connection();
        // Without a commit, dropping the transaction undoes it.
        let tx = db.unchecked_transaction()?;
        let result = guarded(|| work(&tx))?;
        tx.commit()?;
        Ok(result)
    }

    /// Runs work that changes nothing.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let db = self.connection();
        guarded(|| work(&db))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // Panics are caught while the lock is held, and every write is a transaction.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
