//! How fast Slack may be written to: about one message per second and channel, with short bursts. Not here: waiting.

use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Messages that may go out at once after a quiet time.
const BURST: u32 = 5;
/// One more message may go out after this time.
const EVERY: Duration = Duration::from_secs(1);
/// Nobody waits longer than this; the caller comes back later instead. Who waits keeps others, whose place is free, from
/// being written to.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Remembers, for each place, until when it is used up, and when the last one who was sent away will come back.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    used_until: HashMap<String, Instant>,
    back_at: HashMap<String, Instant>,
}

impl Pace {
    /// Takes one turn at a place: how long to wait before using it.
    ///
    /// # Errors
    /// The wait would be too long: come back after this time. No turn was taken. Whoever is sent away later is told a
    /// later time, so that they do not all come back together.
    pub(crate) fn take(&mut self, place: &str, now: Instant) -> Result<Duration, Duration> {
        self.used_until.retain(|_, until| *until > now);
        let until = self.used_until.get(place).copied().unwrap_or(now).max(now);
        let wait = (until - now).saturating_sub(EVERY * (BURST - 1));
        if wait > LONGEST_WAIT {
            self.back_at.retain(|_, at| *at > now);
            let after_last = self.back_at.get(place).map_or(now, |last| *last + EVERY);
            let at = after_last.max(now + wait);
            self.back_at.insert(place.to_owned(), at);
            return Err(at - now);
        }
        self.used_until.insert(place.to_owned(), until + EVERY);
        Ok(wait)
    }

    /// Nobody gets a turn at a place for a while: it said that it had enough.
    pub(crate) fn limit(&mut self, place: &str, now: Instant, after: Duration) {
        let until = now + after + EVERY * (BURST - 1);
        let used_until = self.used_until.entry(place.to_owned()).or_insert(until);
        *used_until = (*used_until).max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_short_burst_goes_out_at_once_and_then_one_each_second() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let waits: Vec<_> = (0..6).map(|_| pace.take("C1", now).unwrap().as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1]);
        assert_eq!(pace.take("C2", now), Ok(Duration::ZERO));
        assert_eq!(pace.take("C1", now + seconds(60)), Ok(Duration::ZERO));
    }

    #[test]
    fn who_would_wait_long_is_sent_away_and_comes_back_one_each_second() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..6 {
            pace.take("C1", now).unwrap();
        }
        let sent_away: Vec<_> = (0..4).map(|_| pace.take("C1", now).unwrap_err().as_secs()).collect();
        assert_eq!(sent_away, [2, 3, 4, 5]);
        assert_eq!(pace.take("C1", now + seconds(2)), Ok(Duration::ZERO), "the first is back");
        assert_eq!(pace.take("C2", now), Ok(Duration::ZERO), "another place was free all the time");
    }

    #[test]
    fn a_place_that_had_enough_gets_nothing_until_it_may_and_others_go_on() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.limit("C1", now, seconds(30));
        let sent_away: Vec<_> = (0..3).map(|_| pace.take("C1", now).unwrap_err().as_secs()).collect();
        assert_eq!(sent_away, [30, 31, 32]);
        assert_eq!(pace.take("C2", now), Ok(Duration::ZERO));
        assert_eq!(pace.take("C1", now + seconds(30)), Ok(Duration::ZERO));
        pace.limit("C1", now + seconds(31), seconds(1));
        assert!(pace.take("C1", now + seconds(31)).is_ok(), "a second is worth waiting for");
    }
}
