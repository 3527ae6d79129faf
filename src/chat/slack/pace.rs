//! How fast Slack may be written to: about one message per second and channel, with short bursts. Not here: waiting.

use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Messages that may go out at once after a quiet time.
const BURST: u32 = 5;
/// One more message may go out after this time.
const EVERY: Duration = Duration::from_secs(1);
/// Nobody waits longer than this; the caller comes back later instead.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Remembers, for each place, until when it is used up.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    used_until: HashMap<String, Instant>,
}

impl Pace {
    /// Takes one turn at a place: how long to wait before using it.
    ///
    /// # Errors
    /// The wait would be too long: come back after this time. No turn was taken.
    pub(crate) fn take(&mut self, place: &str, now: Instant) -> Result<Duration, Duration> {
        self.used_until.retain(|_, until| *until > now);
        let until = self.used_until.get(place).copied().unwrap_or(now).max(now);
        let wait = (until - now).saturating_sub(EVERY * (BURST - 1));
        if wait > LONGEST_WAIT {
            return Err(wait);
        }
        self.used_until.insert(place.to_owned(), until + EVERY);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_burst_goes_out_at_once_and_then_one_each_second() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let waits: Vec<u64> = (0..8).map(|_| pace.take("C1", now).unwrap().as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 3]);
        assert_eq!(pace.take("C2", now), Ok(Duration::ZERO));
        assert_eq!(pace.take("C1", now + Duration::from_secs(60)), Ok(Duration::ZERO));
    }

    #[test]
    fn a_long_queue_is_refused_rather_than_waited_for() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..13 {
            pace.take("C1", now).unwrap();
        }
        assert_eq!(pace.take("C1", now), Err(Duration::from_secs(9)));
        assert!(pace.take("C1", now + Duration::from_secs(1)).is_ok());
    }
}
