//! What `shipgate audit export` says, read independently of the code that wrote it. Not here: what must hold of it
//! (`oracle`).

use crate::replica::Replica;
use serde_json::Value;
use std::collections::BTreeMap;

/// One entry of the record.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name of the event.
    pub event: String,
    /// The deploy.
    pub deploy: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The person who did it; `None` for Shipgate itself.
    pub person: Option<String>,
    /// The event's data.
    pub data: Value,
}

/// The whole record, in order.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// All entries.
    pub entries: Vec<Entry>,
}

/// How far a deploy is, by its entries alone.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Where it goes.
    pub environment: String,
    /// What people typed.
    pub version: String,
    /// The commit that it was pinned to.
    pub commit: String,
    /// Its events, in order.
    pub events: Vec<String>,
    /// A start was decided and is not over.
    pub is_active: bool,
    /// The start may have left.
    pub is_sent: bool,
    /// Its run is known.
    pub is_bound: bool,
    /// Somebody wants it stopped.
    pub is_cancelled: bool,
    /// Nothing more will happen to it.
    pub is_done: bool,
}

impl Life {
    /// How often an event happened to it.
    pub fn count(&self, event: &str) -> usize {
        self.events.iter().filter(|name| *name == event).count()
    }

    /// Whether there was a run, for all that Shipgate knows.
    pub fn ran(&self) -> bool {
        self.count("ended") > 0
    }

    fn learn(&mut self, event: &str, data: &Value) {
        self.events.push(event.to_owned());
        match event {
            "pinned" => {
                self.commit = data["pinned"]["plan"]["commit"].as_str().unwrap_or_default().to_owned()
            }
            "intent_made" => (self.is_active, self.is_sent) = (true, false),
            "sent" => self.is_sent = true,
            "bound" => self.is_bound = true,
            "intent_lapsed" => self.is_active = false,
            "send_delayed" => (self.is_active, self.is_done) = (false, self.is_cancelled),
            "cancel_asked" if self.is_active && self.is_sent => self.is_cancelled = true,
            "resolved" => self.is_done |= data["answer"]["answer"] == "did_not_start",
            "cancel_asked" | "refused" | "rejected" | "expired" | "send_refused" | "ended" | "given_up" => {
                self.is_done = true;
            }
            _ => {}
        }
        self.is_active &= !self.is_done;
    }
}

impl Record {
    /// The record as a command line beside the replicas tells it.
    pub fn export(looker: &Replica) -> Self {
        let export = looker.output(&["audit", "export"]);
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        Self::read(&String::from_utf8_lossy(&export.stdout))
    }

    /// The same, unless the database cannot be reached just now.
    pub fn try_export(looker: &Replica) -> Option<Self> {
        let export = looker.output(&["audit", "export"]);
        export.status.success().then(|| Self::read(&String::from_utf8_lossy(&export.stdout)))
    }

    fn read(text: &str) -> Self {
        let entries = text.lines().map(|line| {
            let row: Value = serde_json::from_str(line).expect("a row is JSON");
            let body = row["body"].as_str().expect("a row has a body");
            let body: Value = serde_json::from_str(body).expect("a body is JSON");
            let text = |name: &str| body[name].as_str().map(str::to_owned);
            Entry {
                event: text("event").expect("an entry has an event"),
                deploy: text("deploy"),
                environment: text("environment"),
                person: body["actor"]["person"]["person"].as_str().map(str::to_owned),
                data: body["data"].clone(),
            }
        });
        Self { entries: entries.collect() }
    }

    /// Every deploy by its id, as far as it has come; `visit` sees all of them after each entry.
    pub fn replay(&self, mut visit: impl FnMut(&Entry, &BTreeMap<String, Life>)) -> BTreeMap<String, Life> {
        let mut lives: BTreeMap<String, Life> = BTreeMap::new();
        for entry in &self.entries {
            if let Some(id) = &entry.deploy {
                let life = lives.entry(id.clone()).or_default();
                if entry.event == "requested" {
                    life.environment = entry.environment.clone().unwrap_or_default();
                    life.version = entry.data["version"].as_str().unwrap_or_default().to_owned();
                }
                life.learn(&entry.event, &entry.data);
            }
            visit(entry, &lives);
        }
        lives
    }

    /// Every deploy by its id.
    pub fn lives(&self) -> BTreeMap<String, Life> {
        self.replay(|_, _| {})
    }
}
