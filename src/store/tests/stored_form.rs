//! The stored form of a deploy is a contract with every database that is in use: here is one, word for word.
//! Not here: how it is written and read.
//!
//! When this fails, old rows may no longer be readable: give new fields a default, or write a migration. Then change
//! the file, in the same commit.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "contract/samples.rs"]
mod samples;

use samples::{at, commit, deploy, ended, pinned, running};
use shipgate_domain::deploy::Deploy;

const STORED: &str = include_str!("stored_form/deploys.json");

fn examples() -> Vec<Deploy> {
    let waiting = pinned(deploy(1), commit('a'));
    vec![running(waiting.clone(), "77", at(120)), ended(waiting, "78", false, at(300), 60)]
}

#[test]
fn deploys_are_stored_as_they_always_were() {
    let now = serde_json::to_string_pretty(&examples()).unwrap();
    assert_eq!(now, STORED.trim_end(), "the stored form changed; it is now:\n{now}");
}

#[test]
fn deploys_that_were_stored_can_be_read() {
    let read: Vec<Deploy> = serde_json::from_str(STORED).unwrap();
    assert_eq!(read, examples());
}
