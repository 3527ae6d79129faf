//! How much GitHub still answers us: what each token has left, and who may use it. Not here: how often anything is
//! read (`follow`).

use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use shipgate_app::ports::OutsideError;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much a request matters when little is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Starts, finds or stops a run, or decides a gate: goes until nothing is left.
    Needed,
    /// Keeps a card up to date: leaves the last twentieth to what is needed.
    Display,
}

#[derive(Clone, Debug, Default)]
struct Left {
    limit: i64,
    remaining: Option<i64>,
    reset: Option<Timestamp>,
    blocked_until: Option<Timestamp>,
}

/// What is left, by the account whose limit it is: one for a token, one per installation of an App.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<HashMap<String, Left>>);

impl Limits {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request may go now.
    ///
    /// # Errors
    /// `Later` with the time to wait.
    pub fn check(&self, scope: &str, urgency: Urgency, now: Timestamp) -> Result<(), OutsideError> {
        let all = self.lock();
        let Some(left) = all.get(scope) else { return Ok(()) };
        let reserve = match urgency {
            Urgency::Needed => 0,
            Urgency::Display => (left.limit / 20).min(500),
        };
        let spent = left.remaining.is_some_and(|remaining| remaining <= reserve);
        let until = [left.blocked_until, left.reset.filter(|_| spent)].into_iter().flatten().max();
        match until.filter(|until| *until > now) {
            None => Ok(()),
            Some(until) => Err(OutsideError::Later {
                why: "GitHub's rate limit is used up".into(),
                after: Some(until.duration_since(now)),
            }),
        }
    }

    /// Whether more than half of this hour's requests are left; true when nothing is known.
    pub fn is_plenty(&self, scope: &str) -> bool {
        let all = self.lock();
        all.get(scope).is_none_or(|left| left.remaining.is_none_or(|remaining| remaining * 2 > left.limit))
    }

    /// Learns from an answer. `blocked` is how long to wait, when the answer was a rate limit.
    pub fn learn(
        &self,
        scope: &str,
        status: StatusCode,
        headers: &HeaderMap,
        blocked: Option<SignedDuration>,
        now: Timestamp,
    ) {
        let mut all = self.lock();
        let left = all.entry(scope.to_owned()).or_default();
        left.limit = number(headers, "x-ratelimit-limit").unwrap_or(left.limit);
        if let Some(remaining) = number(headers, "x-ratelimit-remaining") {
            left.remaining = Some(remaining);
            left.reset = number(headers, "x-ratelimit-reset").and_then(|at| Timestamp::from_second(at).ok());
        }
        if let Some(wait) = blocked {
            left.blocked_until = now.checked_add(wait).ok();
        } else if status.is_success() {
            left.blocked_until = None;
        }
    }
}

/// A header that is a number.
pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(remaining: &'static str) -> HeaderMap {
        let pairs = [
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", "600"),
        ];
        pairs.into_iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn the_last_twentieth_is_kept_for_what_is_needed() {
        let limits = Limits::default();
        let now = Timestamp::UNIX_EPOCH;
        limits.learn("", StatusCode::OK, &headers("250"), None, now);
        assert_eq!(limits.check("", Urgency::Needed, now), Ok(()));
        let Err(OutsideError::Later { after, .. }) = limits.check("", Urgency::Display, now) else {
            panic!("display reads pause")
        };
        assert_eq!(after, Some(SignedDuration::from_secs(600)));
        assert_eq!(limits.check("other", Urgency::Display, now), Ok(()));
        let later = Timestamp::from_second(600).unwrap();
        assert_eq!(limits.check("", Urgency::Display, later), Ok(()));
    }

    #[test]
    fn a_block_stops_everything_until_it_ends() {
        let limits = Limits::default();
        let now = Timestamp::UNIX_EPOCH;
        limits.learn("", StatusCode::FORBIDDEN, &headers("4000"), Some(SignedDuration::from_mins(1)), now);
        assert!(limits.check("", Urgency::Needed, now).is_err());
        assert!(limits.check("", Urgency::Needed, Timestamp::from_second(60).unwrap()).is_ok());
    }
}
