//! Who keeps others out of a place: locks and unknown outcomes, kept from the audit log alone (S4). Not here: deploys
//! that are at work there (`intent`).

use jiff::Timestamp;
use shipgate_domain::audit::Entry;
use shipgate_domain::facts::{Lock, LockKind};
use shipgate_domain::ids::DeployId;
use std::collections::BTreeMap;

/// What the audit log says about places.
#[derive(Default)]
pub struct Places {
    /// The lock of a person on each environment.
    locks: BTreeMap<String, Lock>,
    /// Deploys of which nobody knows whether they started, with their environment.
    unknown: BTreeMap<DeployId, String>,
}

impl Places {
    /// One audit entry.
    pub fn heard(&mut self, entry: &Entry) {
        let place = entry.environment.as_ref().map(ToString::to_string).unwrap_or_default();
        match (entry.event.as_str(), &entry.deploy) {
            ("lock_taken", _) => {
                if let Ok(lock) = serde_json::from_value(entry.data.clone()) {
                    self.locks.insert(place, lock);
                }
            }
            ("lock_stolen" | "lock_kept", _) => {
                if let Ok(lock) = serde_json::from_value(entry.data["lock"].clone()) {
                    self.locks.insert(place, lock);
                }
            }
            ("lock_released", _) => {
                let lock: Option<Lock> = serde_json::from_value(entry.data["lock"].clone()).ok();
                match lock.and_then(|lock| lock.quarantine) {
                    Some(deploy) => drop(self.unknown.remove(&deploy)),
                    None => drop(self.locks.remove(&place)),
                }
            }
            ("people_asked" | "given_up", Some(deploy)) => {
                self.unknown.insert(deploy.clone(), place);
            }
            // People said what became of it, or the run was found after all.
            ("resolved" | "bound" | "found", Some(deploy)) => drop(self.unknown.remove(deploy)),
            _ => {}
        }
    }

    /// Deploys whose start or end nobody knows, with their environment.
    pub fn unknown(&self) -> impl Iterator<Item = (&DeployId, &str)> {
        self.unknown.iter().map(|(deploy, place)| (deploy, place.as_str()))
    }

    /// What the database keeps closed is what must be closed: each unknown outcome has its own lock.
    pub fn are_closed_off(&self, stored: &[Lock]) -> Result<(), String> {
        let is_closed = |deploy: &DeployId, place: &str| {
            stored
                .iter()
                .any(|lock| lock.environment.as_str() == place && lock.quarantine.as_ref() == Some(deploy))
        };
        match self.unknown().find(|(deploy, place)| !is_closed(deploy, place)) {
            Some((deploy, place)) => Err(format!(
                "S4: {place} is not closed off although nobody knows what became of {}",
                deploy.short()
            )),
            None => Ok(()),
        }
    }

    /// Who keeps a deploy of this person out of an environment.
    pub fn keeps_out(&self, environment: &str, person: &str, at: Timestamp) -> Option<String> {
        if let Some((deploy, _)) = self.unknown.iter().find(|(_, place)| *place == environment) {
            return Some(format!("nobody knows what became of {}", deploy.short()));
        }
        let lock = self.locks.get(environment)?;
        // The people of the simulation take no other kind.
        let stops = lock.kind == LockKind::Everyone && lock.by.as_str() != person;
        let holds = stops && lock.until.is_none_or(|until| at < until);
        holds.then(|| format!("{} keeps it locked", lock.by))
    }
}
