//! Lengths and times as people write them. Not here: weekly windows, cron lines.

use super::reading::{Reading, instant};
use crate::zone::Zone;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A length of time as written: `3d`, `36h`, `1d 12h`, `90m`. Days are days of a calendar, 23 to 25 hours long; hours
/// and minutes always have the same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length {
    days: i32,
    seconds: i64,
}

/// A text that is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{got}” is not a length of time; write a number and a unit, such as 90m, 2h, 1h30m or 3d (at most 366d)"
)]
pub struct BadLength {
    /// The text as it came, cut to 80 characters.
    pub got: String,
}

/// A text that is no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{got}” is not a point in time; write 14:00, tomorrow 9:00, mon 09:00, 2026-11-26, 2026-11-26T09:00 or in 2h"
)]
pub struct BadTime {
    /// The text as it came, cut to 80 characters.
    pub got: String,
}

const LONGEST_SECONDS: i64 = 366 * 24 * 3600;

impl FromStr for Length {
    type Err = BadLength;
    fn from_str(text: &str) -> Result<Self, BadLength> {
        read_length(text).ok_or_else(|| BadLength { got: clean(text) })
    }
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn read_length(text: &str) -> Option<Length> {
    let mut length = Length { days: 0, seconds: 0 };
    let mut rest = text.trim();
    let mut smallest = i64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = rest.get(..digits).filter(|d| (1..=8).contains(&d.len()))?.parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match rest[..letters].to_ascii_lowercase().as_str() {
            "w" | "week" | "weeks" => 7 * 24 * 3600,
            "d" | "day" | "days" => 24 * 3600,
            "h" | "hour" | "hours" => 3600,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "s" | "sec" | "second" | "seconds" => 1,
            _ => return None,
        };
        // From large to small, each unit once: `30m1h` is more likely a slip than a wish.
        if unit >= smallest {
            return None;
        }
        smallest = unit;
        if unit >= 24 * 3600 {
            length.days = length.days.checked_add(i32::try_from(count * (unit / (24 * 3600))).ok()?)?;
        } else {
            length.seconds += count * unit;
        }
        rest = rest[letters..].trim_start();
    }
    let total = length.total().as_secs();
    (total > 0 && total <= LONGEST_SECONDS).then_some(length)
}

impl Length {
    /// The length with days of 24 hours.
    #[must_use]
    pub fn total(self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.days) * 24 * 3600 + self.seconds)
    }

    /// This long before an instant.
    pub(super) fn before(self, at: Timestamp, zone: &Zone) -> Timestamp {
        self.moved_from(at, zone.tz().to_datetime(at), zone, -1, Reading::Early)
    }

    /// This long after an instant that was meant as a local time, from which days are counted: a day that is meant to
    /// begin at a skipped midnight ends at the next midnight.
    pub(super) fn after_meant(self, at: Timestamp, meant: DateTime, zone: &Zone) -> Timestamp {
        self.moved_from(at, meant, zone, 1, Reading::Late)
    }

    fn moved_from(
        self,
        at: Timestamp,
        civil: DateTime,
        zone: &Zone,
        sign: i32,
        reading: Reading,
    ) -> Timestamp {
        let edge = if sign > 0 { Timestamp::MAX } else { Timestamp::MIN };
        let day = if self.days == 0 {
            at
        } else {
            let moved = civil.checked_add((self.days * sign).days());
            moved.map_or(edge, |moved| instant(zone.tz(), moved, reading))
        };
        day.checked_add(SignedDuration::from_secs(self.seconds * i64::from(sign))).unwrap_or(edge)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (i64::from(self.days), "d"),
            (self.seconds / 3600, "h"),
            (self.seconds / 60 % 60, "m"),
            (self.seconds % 60, "s"),
        ];
        let written: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
        f.write_str(&written.join(" "))
    }
}

impl TryFrom<String> for Length {
    type Error = BadLength;
    fn try_from(text: String) -> Result<Self, BadLength> {
        text.parse()
    }
}

impl From<Length> for String {
    fn from(length: Length) -> String {
        length.to_string()
    }
}

/// Reads a local date and time of the settings: `2026-11-26T09:00`, `2026-11-26 09:00`, or `2026-11-26` for the start
/// of that day.
///
/// # Errors
/// None of these forms, or a date that does not exist.
pub fn parse_civil(text: &str) -> Result<DateTime, BadTime> {
    read_civil(text.trim()).ok_or_else(|| BadTime { got: clean(text) })
}

fn read_civil(text: &str) -> Option<DateTime> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, read_clock(time)?),
        None => (text, Time::midnight()),
    };
    // jiff reads more forms of dates than people should have to know.
    let is_plain = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date: Date = is_plain.then(|| date.parse().ok()).flatten()?;
    Some(date.to_datetime(time))
}

fn read_clock(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next());
    let digits = |part: &str, least| {
        let fits = (least..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse::<i8>().ok()).flatten()
    };
    let second = match second {
        Some(second) => digits(second, 2)?,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    Time::new(digits(hour, 1)?, digits(minute, 2)?, second, 0).ok()
}
