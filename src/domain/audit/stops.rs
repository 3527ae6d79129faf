//! What the record says of stops: what people were told, and what they accepted. Not here: stopping.
//!
//! Never learned from the note that gates read: whoever can write the database could write there what they like, and the
//! mark of a finding is no secret.

use super::finding::{Finding, FindingKind};
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
    /// How often a person let deploys go on.
    resumptions: u64,
    /// Findings without a row of their own that were told: the row at which each was seen first, and whether that was
    /// accepted.
    first_seen: BTreeMap<(FindingKind, String), (u64, bool)>,
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
                        self.first_seen.insert((finding.kind, finding.what.clone()), (seq, false));
                    }
                }
                self.told.extend(said.data.marks);
                false
            }
            // Whoever lets deploys go on accepts what was told by then, and nothing that the entry names itself.
            (RESUMED, Actor::Person { .. }) => {
                self.resumptions += 1;
                self.accepted.append(&mut self.told);
                self.first_seen.values_mut().for_each(|(_, is_accepted)| *is_accepted = true);
                true
            }
            _ => false,
        }
    }

    pub(super) fn resumptions(&self) -> u64 {
        self.resumptions
    }

    pub(super) fn is_told(&self, mark: &str) -> bool {
        self.told.contains(mark) || self.is_accepted(mark)
    }

    pub(super) fn is_accepted(&self, mark: &str) -> bool {
        self.accepted.contains(mark)
    }

    /// Of this kind only these are so now: what is mended and comes again is another time.
    pub(super) fn keep_seen(&mut self, kind: FindingKind, clauses: &[String]) {
        self.first_seen.retain(|(of, what), _| *of != kind || clauses.contains(what));
    }

    /// The row at which somebody saw this first, and told so. What was accepted counts for those alone who have seen it
    /// whole, or accepted, themselves: whoever looks for the first time does not know since when it is so.
    pub(super) fn first_seen(&self, kind: FindingKind, what: &str, is_first_look: bool) -> Option<u64> {
        let (seq, is_accepted) = self.first_seen.get(&(kind, what.to_owned()))?;
        (!is_accepted || !is_first_look).then_some(*seq)
    }
}
