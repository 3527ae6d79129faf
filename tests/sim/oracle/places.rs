//! Who keeps others out of a place: locks and unknown outcomes, kept from the audit log alone (S4). Not here: deploys
//! that are at work there (`intent`).

use jiff::Timestamp;
use shipgate_domain::audit::{Actor, Entry};
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
    pub fn heard(&mut self, entry: &Entry) -> Result<(), String> {
        let place = entry.environment.as_ref().map(ToString::to_string).unwrap_or_default();
        let data = match entry.event.as_str() {
            "lock_stolen" | "lock_kept" => &entry.data["lock"],
            _ => &entry.data,
        };
        match (entry.event.as_str(), &entry.deploy) {
            ("lock_taken" | "lock_stolen" | "lock_kept", _) => {
                let lock: Lock =
                    serde_json::from_value(data.clone()).map_err(|error| format!("S10: a lock: {error}"))?;
                self.may_change_hands(&place, &lock, entry)?;
                self.locks.insert(place, lock);
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
        Ok(())
    }

    /// A lock is its taker's; it is taken from somebody only with that word, and longer kept by whoever has it.
    fn may_change_hands(&self, place: &str, lock: &Lock, entry: &Entry) -> Result<(), String> {
        let Actor::Person { person, .. } = &entry.actor else {
            return Err(format!("S11: nobody did “{}” on {place}", entry.event));
        };
        let held = self.locks.get(place).filter(|held| held.until.is_none_or(|until| entry.at < until));
        let owner = held.map(|held| &held.by);
        let is_right = match entry.event.as_str() {
            "lock_kept" => owner == Some(&lock.by) && held.is_some_and(|held| held.kind == lock.kind),
            "lock_stolen" => {
                let from: Option<Lock> = serde_json::from_value(entry.data["from"].clone()).ok();
                let is_theirs = from
                    .zip(held)
                    .is_some_and(|(from, held)| (from.by, from.kind) == (held.by.clone(), held.kind));
                is_theirs && lock.by == *person && owner.is_some_and(|owner| owner != person)
            }
            _ => lock.by == *person && owner.is_none_or(|owner| owner == person),
        };
        if is_right {
            Ok(())
        } else {
            let (event, by) = (&entry.event, &lock.by);
            Err(format!("S4: “{event}” by {person} on {place}, which {owner:?} held; it is {by}'s now"))
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

    /// Who keeps a deploy of this person out of an environment, and of one that is to start by itself.
    pub fn keeps_out(&self, environment: &str, who: (&str, bool), at: Timestamp) -> Option<String> {
        if let Some((deploy, _)) = self.unknown.iter().find(|(_, place)| *place == environment) {
            return Some(format!("nobody knows what became of {}", deploy.short()));
        }
        let lock = self.locks.get(environment)?;
        let holds = is_stopped(lock, who) && lock.until.is_none_or(|until| at < until);
        holds.then(|| format!("{} keeps it locked", lock.by))
    }

    /// Whether anything that the record tells can have kept a deploy of this person out, at some moment of late.
    pub fn may_keep_out(&self, environment: &str, who: (&str, bool)) -> bool {
        self.unknown.values().any(|place| place == environment)
            || self.locks.get(environment).is_some_and(|lock| is_stopped(lock, who))
    }
}

/// Whether a lock of a person stops this: everybody but its owner, or what starts by itself, or nobody.
pub fn is_stopped(lock: &Lock, (person, is_planned): (&str, bool)) -> bool {
    match lock.kind {
        LockKind::Everyone => lock.by.as_str() != person,
        LockKind::Automation => is_planned,
        LockKind::Warn => false,
    }
}
