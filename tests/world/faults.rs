//! Faults on demand, shared by both models. What a fault looks like on the wire is decided here; who is hit
//! (method and path) by the rule. Faults of webhooks are not here: see `github/hooks.rs`.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::locked;

/// One way a service can misbehave towards a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Carries the request out and answers only after `ms` milliseconds; not at all when the client goes away first.
    Slow {
        /// Milliseconds to wait.
        ms: u64,
    },
    /// Carries the request out at once, but answers only after `ms` milliseconds.
    SlowAfter {
        /// Milliseconds to wait.
        ms: u64,
    },
    /// 429 with `Retry-After`; nothing is accepted.
    RateLimited {
        /// Seconds in `Retry-After`.
        retry_after: u64,
    },
    /// GitHub's primary limit: 403 with `x-ratelimit-remaining: 0`; nothing is accepted.
    PrimaryLimit {
        /// Seconds until `x-ratelimit-reset`.
        reset_in: i64,
    },
    /// GitHub's secondary limit: 403 with a message and `Retry-After`; nothing is accepted.
    SecondaryLimit {
        /// Seconds in `Retry-After`.
        retry_after: u64,
    },
    /// This status before anything is accepted.
    ErrorBefore {
        /// HTTP status, for instance 503.
        status: u16,
    },
    /// The request is carried out, then this status is answered.
    ErrorAfter {
        /// HTTP status, for instance 502.
        status: u16,
    },
    /// The connection closes without an answer, nothing is accepted.
    DropBefore,
    /// The request is carried out, then the connection closes without an answer.
    DropAfter,
    /// 200 with a page of HTML, nothing is accepted.
    Html,
    /// A refusal in the service's own words: Slack answers 200 with `error`, GitHub 403 or 404 with `message`.
    Refuse {
        /// HTTP status for GitHub (Slack always says 200).
        status: u16,
        /// `error` (Slack) or `message` (GitHub).
        error: String,
    },
    /// A refusal that repeats the credentials of the request wherever there is room for words; nothing is accepted.
    Echo {
        /// HTTP status for GitHub, and for Slack too unless it is 200.
        status: u16,
    },
}

/// How a service that is down behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// Every request gets 503.
    Refusing,
    /// Every connection closes without an answer.
    Dropping,
}

/// Whom a fault hits, and how often.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// A part of `METHOD /path`, for instance `chat.postMessage` or `POST /repos/acme`.
    #[serde(rename = "match")]
    pub matches: String,
    /// What happens.
    pub fault: Fault,
    /// How many matching requests are hit before the rule is used up.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// In 1000 matching requests, how many are hit (1000 = each).
    #[serde(default = "each")]
    pub per_mille: u32,
}

fn once() -> u32 {
    1
}

fn each() -> u32 {
    1000
}

/// The switchboard of one service. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    rules: Vec<Rule>,
    down: Option<Down>,
    dice: u64,
}

impl Faults {
    /// The next `times` requests whose `METHOD /path` contains `matches` suffer `fault`.
    pub fn next(&self, matches: &str, times: u32, fault: Fault) {
        self.add(Rule { matches: matches.to_owned(), fault, times, skip: 0, per_mille: 1000 });
    }

    /// From now on, `per_mille` of 1000 matching requests suffer `fault`; the same seed gives the same victims.
    pub fn sometimes(&self, matches: &str, per_mille: u32, seed: u64, fault: Fault) {
        locked(&self.0).dice = seed;
        self.add(Rule { matches: matches.to_owned(), fault, times: u32::MAX, skip: 0, per_mille });
    }

    /// Adds a rule; earlier rules are asked first.
    pub fn add(&self, rule: Rule) {
        locked(&self.0).rules.push(rule);
    }

    /// Takes the whole service down.
    pub fn down(&self, how: Down) {
        locked(&self.0).down = Some(how);
    }

    /// Brings the service back; single rules stay.
    pub fn up(&self) {
        locked(&self.0).down = None;
    }

    /// Removes every rule and brings the service back.
    pub fn clear(&self) {
        *locked(&self.0) = Board::default();
    }

    /// The fault for this request, if any. Uses the rule up.
    pub(crate) fn pick(&self, method: &str, path: &str) -> Option<Fault> {
        let mut board = locked(&self.0);
        match board.down {
            Some(Down::Refusing) => return Some(Fault::ErrorBefore { status: 503 }),
            Some(Down::Dropping) => return Some(Fault::DropBefore),
            None => {}
        }
        let request = format!("{method} {path}");
        let Board { rules, dice, .. } = &mut *board;
        for rule in rules.iter_mut().filter(|rule| rule.times > 0 && request.contains(&rule.matches)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.per_mille < 1000 && roll(dice) % 1000 >= u64::from(rule.per_mille) {
                continue;
            }
            if rule.times != u32::MAX {
                rule.times -= 1;
            }
            return Some(rule.fault.clone());
        }
        None
    }
}

/// SplitMix64: small, seeded, and good enough to choose victims.
fn roll(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_hits_only_its_requests_and_is_used_up() {
        let faults = Faults::default();
        faults.next("chat.update", 1, Fault::DropAfter);
        assert_eq!(faults.pick("POST", "/api/chat.postMessage"), None);
        assert_eq!(faults.pick("POST", "/api/chat.update"), Some(Fault::DropAfter));
        assert_eq!(faults.pick("POST", "/api/chat.update"), None);
    }

    #[test]
    fn the_same_seed_chooses_the_same_victims() {
        let victims = |seed| {
            let faults = Faults::default();
            faults.sometimes("x", 300, seed, Fault::Html);
            (0..50).map(|_| faults.pick("GET", "/x").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(victims(7), victims(7));
        assert!(victims(7).contains(&true) && victims(7).contains(&false));
    }
}
