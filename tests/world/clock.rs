//! The one clock of both models. It runs with the machine, may be moved, or stands still. It does not wake anybody.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::locked;

/// A clock that tests can move. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Setting>>);

#[derive(Debug, Default)]
struct Setting {
    stopped_at: Option<i64>,
    moved_by: i64,
}

impl Clock {
    /// A clock that shows the machine's time.
    pub fn real() -> Self {
        Self::default()
    }

    /// A clock that stands still at `unix_seconds` until it is moved.
    pub fn stopped_at(unix_seconds: i64) -> Self {
        Self(Arc::new(Mutex::new(Setting { stopped_at: Some(unix_seconds * 1000), moved_by: 0 })))
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn now_millis(&self) -> i64 {
        let setting = locked(&self.0);
        setting.stopped_at.unwrap_or_else(machine_millis) + setting.moved_by
    }

    /// Seconds since 1970-01-01 UTC.
    pub fn now_seconds(&self) -> i64 {
        self.now_millis().div_euclid(1000)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        locked(&self.0).moved_by += i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4);
    }

    /// Stops the clock at `unix_seconds`.
    pub fn stop_at(&self, unix_seconds: i64) {
        *locked(&self.0) = Setting { stopped_at: Some(unix_seconds * 1000), moved_by: 0 };
    }

    /// The present second as RFC 3339 in UTC, the way GitHub writes it.
    pub fn stamp(&self) -> String {
        stamp(self.now_seconds())
    }
}

/// `unix_seconds` as RFC 3339 in UTC, for instance `2026-03-06T15:00:00Z`.
pub(crate) fn stamp(unix_seconds: i64) -> String {
    jiff::Timestamp::from_second(unix_seconds).unwrap_or_default().to_string()
}

fn machine_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 4)
}
