//! Every kill point that a story passes, and how often each was the end of a process. Not here: where they stand in the
//! program (`point!`), and what people do meanwhile (`people`).

use crate::dice::Dice;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts of names: `before/after`, `before`, or names alone.
const POINTS: &[(&str, &[&str], &[&str])] = &[
    ("", &["open"], &["locked", "buried"]),
    ("", &["migrate"], &["done"]),
    ("", &["start"], &["begun", "entered", "done"]),
    ("ack", &["command", "interaction", "event"], &["unstored", "stored"]),
    ("inbox", &["slash", "mention", "press", "submit"], &["taken", "understood", "done"]),
    (
        "effect",
        &[
            "judge",
            "send",
            "reconcile",
            "follow",
            "stop_run",
            "judge_line",
            "card",
            "say",
            "reply",
            "open_form",
            "remind",
        ],
        &["leased", "carried", "finished"],
    ),
    ("", &["send"], &["unmarked", "marked", "answered", "written"]),
    ("", &["reconcile"], &["found"]),
    ("", &["card"], &["unminted", "minted", "posted", "shown", "written"]),
    ("", &["say"], &["posted"]),
    ("", &["follow"], &["read"]),
    ("", &["stop"], &["answered"]),
    ("", &["hint"], &["heard"]),
    (
        "learn",
        &["pinned", "judged", "intent_made", "send_unknown", "bound", "progressed", "ended"],
        &["before", "after"],
    ),
    (
        "",
        &["write"],
        &[
            "nothing",
            "requested",
            "pinned",
            "judged",
            "approved",
            "intent_made",
            "sent",
            "send_unknown",
            "bound",
            "progressed",
            "cancel_asked",
            "ended",
        ],
    ),
    (
        "slack",
        &["chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "respond"],
        &["before", "after"],
    ),
    ("", &["batch"], &["begun", "uncommitted", "committed", "answered"]),
    ("", &["copy"], &["begun", "done"]),
];

/// The names of all points.
pub fn all() -> Vec<String> {
    let name = |first: &str, middle: &str, last: &str| match first {
        "" => format!("{middle}/{last}"),
        first => format!("{first}/{middle}/{last}"),
    };
    let of = |(first, middles, lasts): &(&str, &[&str], &[&str])| {
        let pairs = middles.iter().flat_map(|middle| lasts.iter().map(|last| name(first, middle, last)));
        pairs.collect::<Vec<_>>()
    };
    POINTS.iter().flat_map(of).collect()
}

/// Whether work on an inbox item may be under way there. Three deaths over the same item put it away (S19).
pub fn is_near_inbox(name: &str) -> bool {
    ["inbox/", "batch/", "write/", "ack/", "copy/"].iter().any(|part| name.starts_with(part))
}

/// How often each point was chosen, and how often the process died there.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<BTreeMap<String, Count>>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    hits: u64,
    misses: u64,
}

impl Ledger {
    /// All points, none reached.
    pub fn new() -> Self {
        Self(Mutex::new(all().into_iter().map(|name| (name, Count::default())).collect()))
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of the points that were reached least, and how often it is to be passed before the process dies.
    pub fn choose(&self, dice: &mut Dice) -> (String, u64) {
        let counts = self.counts();
        let mut least: Vec<(u64, &String, bool)> =
            counts.iter().map(|(name, c)| (4 * c.hits + c.misses, name, c.misses == 0)).collect();
        least.sort();
        least.truncate(12);
        let (_, name, is_common) = least[usize::try_from(dice.below(12)).expect("an index fits")];
        let times = if is_common && !name.starts_with("o") { 1 + dice.below(3) } else { 1 };
        (name.clone(), times)
    }

    /// The process died there, or the story did not come by in time.
    pub fn note(&self, name: &str, is_hit: bool) {
        let mut counts = self.counts();
        let count = counts.entry(name.to_owned()).or_default();
        if is_hit {
            count.hits += 1;
        } else {
            count.misses += 1;
        }
    }

    /// Points at which the process died fewer times than this.
    pub fn below(&self, times: u64) -> Vec<String> {
        self.counts().iter().filter(|(_, c)| c.hits < times).map(|(name, _)| name.clone()).collect()
    }

    /// A line for each point.
    pub fn report(&self) -> String {
        let counts = self.counts();
        let total: u64 = counts.values().map(|c| c.hits).sum();
        let lines: Vec<String> =
            counts.iter().map(|(name, c)| format!("{:>6} {name}{}", c.hits, late(c.misses))).collect();
        format!("{total} kills at {} points\n{}", counts.len(), lines.join("\n"))
    }
}

fn late(misses: u64) -> String {
    if misses == 0 { String::new() } else { format!(" ({misses} times the story did not come by)") }
}
