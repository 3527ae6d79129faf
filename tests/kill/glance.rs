//! What must be true after every single kill, while the process is dead: seen in Slack, in GitHub, in the record.
//! Not here: what must be true in the end (`oracle`).

use crate::harness::{Bot, DEPLOYMENTS};
use crate::people::key_of;
use serde_json::Value;
use shipgate_world::World;
use std::collections::BTreeMap;

/// What was seen after the kill before.
#[derive(Debug, Default)]
pub struct Glance {
    /// Length of the record.
    rows: u64,
    /// Its head.
    head: String,
}

impl Glance {
    /// Looks, and remembers.
    pub fn look(&mut self, world: &World, bot: &Bot) {
        let mut keys: BTreeMap<String, usize> = BTreeMap::new();
        for message in world.slack.messages(DEPLOYMENTS).iter().filter(|m| m.user == "U0BOT") {
            *keys.entry(key_of(message)).or_default() += 1;
        }
        let twice: Vec<_> = keys.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "posted more than once: {twice:?}\n{}", bot.picture());
        let mut started: BTreeMap<String, usize> = BTreeMap::new();
        for dispatch in world.github.dispatches() {
            let deploy = dispatch.inputs.get("deployment_id").cloned().unwrap_or_default();
            *started.entry(deploy).or_default() += 1;
        }
        let twice: Vec<_> = started.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "started more than once: {twice:?}\n{}", bot.picture());
        self.record(bot);
    }

    /// The chain is whole, and what was in it before is still there.
    fn record(&mut self, bot: &Bot) {
        // In a copy: whoever opens the database tidies up, and the next start is to find what the kill left.
        let copy = tempfile::tempdir().expect("a temporary folder");
        for file in ["shipgate.toml", "shipgate.db", "shipgate.db-wal"] {
            let from = bot.folder().join(file);
            if from.exists() {
                std::fs::copy(&from, copy.path().join(file)).expect("files can be copied");
            }
        }
        let mut verify = bot.command(&["--json", "audit", "verify"]);
        let verified = verify.current_dir(copy.path()).output().expect("the program runs");
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(verified.status.success(), "the audit chain is broken: {said}");
        let answer: Value = serde_json::from_slice(&verified.stdout).expect("it answers in JSON");
        let (rows, head) = (answer["rows"].as_u64().unwrap_or(0), answer["head"].as_str().unwrap_or(""));
        assert!(rows >= self.rows, "{} rows became {rows}", self.rows);
        if rows == self.rows && rows > 0 {
            assert_eq!(head, self.head, "the last row changed");
        }
        (self.rows, self.head) = (rows, head.to_owned());
    }
}
