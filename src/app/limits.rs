//! Limits before work: how much JSON is parsed, how many deliveries of one person and of everybody are taken in.
//! Not here: sizes of bodies and heads, connections, deadlines (the adapters and the server).

use jiff::{SignedDuration, Timestamp};
use shipgate_domain::ids::Account;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Deepest nesting of JSON that is parsed. What platforms send is less than half as deep.
pub const DEEPEST: usize = 32;
/// Most values in one JSON text: members, elements, and what holds them.
pub const MOST_NODES: usize = 10_000;

/// Whether a JSON text is shallow and small enough to be parsed. One pass, nothing is kept; says nothing about whether
/// it is JSON.
#[must_use]
pub fn json_fits(text: &[u8]) -> bool {
    let (mut depth, mut nodes) = (0_usize, 1_usize);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in text {
        if is_text {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => is_text = true,
            b'[' | b'{' => {
                depth += 1;
                nodes += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => nodes += 1,
            _ => {}
        }
        if depth > DEEPEST || nodes > MOST_NODES {
            return false;
        }
    }
    true
}

/// How many deliveries are taken in; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one person at once; as many come back in each second.
    pub person_each_second: u32,
    /// Of one person in a minute.
    pub person_each_minute: u32,
    /// Of everybody at once; as many come back in each second.
    pub all_each_second: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { person_each_second: 5, person_each_minute: 60, all_each_second: 50 }
    }
}

/// A delivery is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Until one is taken again.
    pub wait: SignedDuration,
    /// Whether it is this person who sends too many, or everybody together.
    pub is_person: bool,
    /// Whether it is the first one refused since the last that was taken: the one that is worth a message.
    pub is_first: bool,
}

impl TooMany {
    /// What the person reads.
    #[must_use]
    pub fn sentence(&self) -> String {
        let seconds = self.wait.as_secs().max(1);
        let wait = if seconds == 1 { "a second".to_owned() } else { format!("{seconds} seconds") };
        let who = if self.is_person {
            "More comes from you than Shipgate takes from one person"
        } else {
            "More comes in from everybody together than Shipgate takes"
        };
        format!("{who}, so this was not taken and nothing was done. Try again in {wait}.")
    }
}

/// Counts deliveries, in this process only: with several replicas each counts its own.
pub struct Limiter {
    rates: Rates,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    people: HashMap<Account, Person>,
    all: Option<Bucket>,
}

struct Person {
    second: Bucket,
    minute: Bucket,
    is_told: bool,
}

/// People that are remembered before those who have been silent for a minute are forgotten.
const REMEMBERED: usize = 4096;

impl Limiter {
    /// Nobody has sent anything yet.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self { rates, counted: Mutex::default() }
    }

    /// Takes one delivery of this account in. `now` is a clock that nobody moves.
    ///
    /// # Errors
    /// There were too many; this one is not counted.
    pub fn take(&self, account: &Account, now: Timestamp) -> Result<(), TooMany> {
        let Rates { person_each_second, person_each_minute, all_each_second } = self.rates;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { people, all } = &mut *counted;
        if people.len() >= REMEMBERED {
            people.retain(|_, person| !person.minute.is_full(now));
        }
        let person = people.entry(account.clone()).or_insert_with(|| Person {
            second: Bucket::new(person_each_second, 1, now),
            minute: Bucket::new(person_each_minute, 60, now),
            is_told: false,
        });
        let all = all.get_or_insert_with(|| Bucket::new(all_each_second, 1, now));
        let own = person.second.wait(now).max(person.minute.wait(now));
        let others = all.wait(now);
        if own.is_zero() && others.is_zero() {
            person.second.take();
            person.minute.take();
            all.take();
            person.is_told = false;
            return Ok(());
        }
        let is_first = !std::mem::replace(&mut person.is_told, true);
        Err(TooMany { wait: own.max(others), is_person: !own.is_zero(), is_first })
    }
}

/// As many as fit, refilled evenly. Counted in thousandths, so that nothing is lost between two looks.
struct Bucket {
    most: i64,
    per_ms: i64,
    left: i64,
    at: Timestamp,
}

/// What one delivery takes; with it, the number of a minute divides evenly into milliseconds.
const ONE: i64 = 60_000;
/// More than any number in the settings.
const UNLIMITED: i64 = i64::MAX / 1_000_000;

impl Bucket {
    fn new(most: u32, seconds: i64, now: Timestamp) -> Self {
        let most = if most == 0 { UNLIMITED } else { i64::from(most) * ONE };
        Self { most, per_ms: (most / (seconds * 1000)).max(1), left: most, at: now }
    }

    fn refill(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.at).as_millis();
        let passed = i64::try_from(passed).unwrap_or(0).clamp(0, 120_000);
        if passed > 0 {
            self.left = self.left.saturating_add(passed.saturating_mul(self.per_ms)).min(self.most);
            self.at = now;
        }
    }

    fn wait(&mut self, now: Timestamp) -> SignedDuration {
        self.refill(now);
        let missing = (ONE - self.left).max(0);
        SignedDuration::from_millis(missing.div_euclid(self.per_ms) + i64::from(missing % self.per_ms > 0))
    }

    fn take(&mut self) {
        if self.most < UNLIMITED {
            self.left -= ONE;
        }
    }

    fn is_full(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        self.left >= self.most
    }
}

#[cfg(test)]
mod tests;
