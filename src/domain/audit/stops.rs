//! What the record says of stops: what people were told, and what they accepted. Not here: stopping.
//!
//! Never learned from the note that gates read: whoever can write the database could write there what they like, and the
//! mark of a finding is no secret.

use super::finding::Finding;
use super::{Actor, Row};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the record calls a stop: the entry holds the findings that people were told with it.
pub const STOPPED: &str = "dispatching_stopped";
/// What it calls the end of one: whoever says it accepts what was told before.
pub const RESUMED: &str = "dispatching_resumed";

/// Stops and acceptances so far, by marks of findings.
#[derive(Clone, Debug, Default)]
pub(super) struct Stops {
    /// Told since a person let deploys go on last.
    told: BTreeSet<String>,
    /// Told before a person did.
    accepted: BTreeSet<String>,
    /// Findings without a row of their own that were told since: the row at which each was seen first.
    first_seen: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Said {
    event: String,
    actor: Actor,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    findings: Vec<Finding>,
    /// Of very many findings most are told by their marks alone.
    #[serde(default)]
    marks: Vec<String>,
}

impl Stops {
    /// Takes in the next row, which continues the chain. Says whether more is accepted now.
    pub(super) fn take(&mut self, row: &Row) -> bool {
        // Most rows are about something else, and not worth a second reading.
        if row.deploy.is_some() || !row.body.contains("\"dispatching_") {
            return false;
        }
        let Ok(said) = serde_json::from_str::<Said>(&row.body) else { return false };
        match (said.event.as_str(), &said.actor) {
            (STOPPED, Actor::Shipgate) => {
                for finding in &said.data.findings {
                    self.told.insert(finding.mark());
                    if let (true, Some(seq)) = (finding.kind.comes_and_goes(), finding.seq) {
                        self.first_seen.insert(finding.what.clone(), seq);
                    }
                }
                self.told.extend(said.data.marks);
                false
            }
            // Whoever lets deploys go on accepts what was told by then, and nothing that the entry names itself.
            (RESUMED, Actor::Person { .. }) => {
                self.accepted.append(&mut self.told);
                self.first_seen.clear();
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_told(&self, mark: &str) -> bool {
        self.told.contains(mark) || self.is_accepted(mark)
    }

    pub(super) fn is_accepted(&self, mark: &str) -> bool {
        self.accepted.contains(mark)
    }

    /// The row at which somebody saw this first, and told so, since deploys were let go on.
    pub(super) fn first_seen(&self, what: &str) -> Option<u64> {
        self.first_seen.get(what).copied()
    }
}
