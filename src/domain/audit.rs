//! The append-only, hash-chained record of everything that changed. Not here: where its rows are kept.

mod anchor;
mod finding;
mod inspector;
mod ledger;
mod register;
mod replay;
mod stops;

pub use anchor::{Anchor, NotAnAnchor};
pub use finding::{Finding, FindingKind};
pub use inspector::Inspector;
pub use ledger::{Kept, Ledger, Mark, Stored, TABLES, Table, spread};
pub use register::{Filed, Register};
pub use replay::{Place, Replay, Seen};
pub use stops::{RESUMED, STOPPED};

use crate::ids::{Account, DeployId, EnvironmentName, PersonId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Who caused a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person through one of their accounts.
    Person {
        /// The person.
        person: PersonId,
        /// The account used.
        account: Account,
    },
    /// Shipgate itself: a timer, a poll, a rule.
    Shipgate,
}

impl Actor {
    /// The acting person of a grant.
    #[must_use]
    pub fn of(grant: &crate::people::Authorized) -> Self {
        Self::Person { person: grant.person().clone(), account: grant.account().clone() }
    }
}

/// One thing that happened, before it has a place in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// The deploy it concerns, if any.
    pub deploy: Option<DeployId>,
    /// The environment it concerns, if any.
    pub environment: Option<EnvironmentName>,
    /// Name of the event: `approved`, `lock_taken`.
    pub event: String,
    /// The event's data.
    pub data: serde_json::Value,
}

/// An entry with its place in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// 1, 2, 3 …, without gaps.
    pub seq: u64,
    /// The stored text that was hashed: the entry as JSON.
    pub body: String,
    /// Hash of the row before, in hex; 64 zeros for the first.
    pub prev: String,
    /// Hash of this row, in hex.
    pub hash: String,
    /// The deploy as it stands in a column of its own, to search by. Not hashed: it must be what the text says.
    #[serde(skip)]
    pub deploy: Option<String>,
    /// The time as it stands in a column of its own, in milliseconds since 1970. Not hashed either.
    #[serde(skip)]
    pub at_millis: i64,
}

/// The text of a row: the entry, and what was stored together with it.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stored: &'a Stored,
}

/// What stands before the first row.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Links an entry to the chain that was written with no row that a gate reads.
#[must_use]
pub fn link(seq: u64, prev: &str, entry: &Entry) -> Row {
    link_with(seq, prev, entry, &Stored::new())
}

/// Links an entry to the chain, with the rows that it tells of.
#[must_use]
pub fn link_with(seq: u64, prev: &str, entry: &Entry, stored: &Stored) -> Row {
    let body = serde_json::to_string(&Written { entry, stored }).expect("an entry is plain data");
    let hash = hash(seq, prev, &body);
    let (deploy, at_millis) = (entry.deploy.as_ref().map(ToString::to_string), entry.at.as_millisecond());
    Row { seq, body, prev: prev.to_owned(), hash, deploy, at_millis }
}

fn hash(seq: u64, prev: &str, body: &str) -> String {
    let mut sha = Sha256::new();
    for part in ["shipgate-audit-1".as_bytes(), &seq.to_be_bytes(), prev.as_bytes(), body.as_bytes()] {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    crate::hex(&sha.finalize())
}

impl Row {
    /// Names everything that is stored of it, whether it fits together or not.
    fn digest(&self) -> String {
        hash(self.seq, &self.prev, &format!("{}{}", self.hash, self.body))
    }
}

/// The chain is broken: something was edited, removed, inserted or moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit row {seq}: {what}")]
pub struct BrokenChain {
    /// The first row that does not fit.
    pub seq: u64,
    /// What does not fit.
    pub what: String,
}

/// A running check of a chain, row by row; gives the head (number and hash of the last row) as it goes.
#[derive(Clone, Debug)]
pub struct Verifier {
    seq: u64,
    head: String,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { seq: 0, head: GENESIS.to_owned() }
    }
}

impl Verifier {
    /// Number and hash of the last row that was checked.
    #[must_use]
    pub fn head(&self) -> (u64, &str) {
        (self.seq, &self.head)
    }

    /// Goes on from this row as it stands, so that one broken place is told once.
    pub fn go_on_after(&mut self, row: &Row) {
        self.seq = row.seq;
        self.head.clone_from(&row.hash);
    }

    /// Checks the next row.
    ///
    /// # Errors
    /// [`BrokenChain`] names the row and what is wrong with it.
    pub fn check(&mut self, row: &Row) -> Result<(), BrokenChain> {
        let broken = |what: String| BrokenChain { seq: row.seq, what };
        let next = self.seq + 1;
        if row.seq != next {
            return Err(broken(match row.seq.checked_sub(next) {
                Some(1) => format!("row {next} is missing before it"),
                Some(_) => format!("rows {next} to {} are missing before it", row.seq - 1),
                None => format!("row {next} was expected here"),
            }));
        }
        let is_whole = row.hash == hash(row.seq, &row.prev, &row.body);
        if row.prev != self.head {
            let own =
                if is_whole { "in itself it is whole" } else { "its text does not match its hash either" };
            return Err(broken(format!(
                "it does not continue the row before it ({own}): one of the two was replaced, moved or put in"
            )));
        }
        if !is_whole {
            return Err(broken("its text does not match its hash: text, number or hash was edited".into()));
        }
        self.seq = row.seq;
        self.head.clone_from(&row.hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
