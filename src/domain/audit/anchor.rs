//! An anchor: the head of the chain as it was at one moment, to be kept where the database's owner cannot change it.
//! Not here: keeping it, or the key that signs it.

use super::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The head of the chain at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Number of the last row.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
    /// How many rows there were: what `seq` says, as rows are numbered without gaps.
    pub count: u64,
    /// When it was written down.
    pub at: Timestamp,
}

/// A text is not `SEQ:HASH`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no anchor: it is written SEQ:HASH, a number, a colon and 64 hex digits")]
pub struct NotAnAnchor(pub String);

impl Anchor {
    /// The head after this row.
    #[must_use]
    pub fn of(row: &Row, at: Timestamp) -> Self {
        Self { seq: row.seq, hash: row.hash.clone(), count: row.seq, at }
    }

    /// What is signed.
    #[must_use]
    pub fn signed_text(&self) -> String {
        let Self { seq, hash, count, at } = self;
        format!("shipgate-anchor-1\n{seq}\n{hash}\n{count}\n{at}")
    }

    /// Number and hash of `SEQ:HASH`, as people copy it from chat.
    ///
    /// # Errors
    /// [`NotAnAnchor`] for any other text.
    pub fn parse(text: &str) -> Result<(u64, String), NotAnAnchor> {
        let parts = text.trim().split_once(':').and_then(|(seq, hash)| {
            let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
            let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
            is_hash.then(|| (seq, hash.to_ascii_lowercase()))
        });
        parts.ok_or_else(|| NotAnAnchor(text.chars().filter(|c| !c.is_control()).take(100).collect()))
    }
}

impl std::fmt::Display for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}
