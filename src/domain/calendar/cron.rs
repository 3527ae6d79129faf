//! Five-field cron lines on the clocks of a zone. Not here: what happens when one fires.

use super::reading::{Reading, instant};
use crate::zone::Zone;
use ::cron::Schedule as WallClock;
use chrono::{DateTime as ChronoTime, Utc};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fmt;
use std::str::FromStr;

/// Minute, hour, day of month, month and weekday, as in POSIX `crontab` and GitLab's freeze periods.
///
/// - Weekdays are 0–7 (0 and 7 are Sunday) or `SUN`–`SAT`; months 1–12 or `JAN`–`DEC`. Lists, ranges, steps, and
///   ranges over the end of the week (`FRI-MON`).
/// - Where day of month and weekday are both restricted, either is enough. A field counts as restricted unless it is
///   exactly `*`: `*/3` restricts (Vixie's cron differs in this one point; ours makes freezes longer, never shorter).
/// - A line with one minute and one hour is a time of day: it fires once on every day it names, at the moment of the
///   change if its time is skipped, at the first of a doubled time. Every other line is an interval: it does not fire
///   in skipped minutes and fires in both of the doubled ones.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FiveFieldCron {
    /// As written, with single spaces.
    text: String,
    /// One minute and one hour, neither from a star or a step.
    is_time_of_day: bool,
    /// One, or two where day of month and weekday are alternatives. They read clocks and know no zones.
    clocks: Vec<WallClock>,
}

/// A text that is no cron line, or one that never fires.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCron {
    /// Six fields, four, a nickname.
    #[error(
        "“{got}” has {count} fields instead of five; write minute, hour, day of month, month and weekday, \
         such as “0 18 28 * *”"
    )]
    Fields {
        /// The text as it came, cut to 80 characters.
        got: String,
        /// How many fields it has.
        count: usize,
    },
    /// One field cannot be read.
    #[error("the {field} “{part}” in “{got}” cannot be read: {problem}")]
    Field {
        /// The text as it came, cut to 80 characters.
        got: String,
        /// Which of the five.
        field: &'static str,
        /// The part that is wrong.
        part: String,
        /// What is wrong and what can be written.
        problem: String,
    },
    /// 30 February.
    #[error("“{got}” never fires: no year has such a date; check day of month and month")]
    NeverFires {
        /// The text as it came.
        got: String,
    },
}

struct FieldKind {
    name: &'static str,
    low: u8,
    high: u8,
    /// Names of the values from `low` on.
    names: &'static [&'static str],
    /// Whether ranges may go over the end.
    wraps: bool,
}

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const FIELDS: [FieldKind; 5] = [
    FieldKind { name: "minute", low: 0, high: 59, names: &[], wraps: false },
    FieldKind { name: "hour", low: 0, high: 23, names: &[], wraps: false },
    FieldKind { name: "day of month", low: 1, high: 31, names: &[], wraps: false },
    FieldKind { name: "month", low: 1, high: 12, names: &MONTHS, wraps: false },
    FieldKind { name: "weekday", low: 0, high: 7, names: &WEEKDAYS, wraps: true },
];

/// What one field stands for.
struct Field {
    values: BTreeSet<u8>,
    /// Written as `*` alone.
    is_star: bool,
    /// A star or a step is in it.
    is_interval: bool,
}

impl FromStr for FiveFieldCron {
    type Err = BadCron;
    fn from_str(raw: &str) -> Result<Self, BadCron> {
        let got: String = raw.chars().filter(|c| !c.is_control() || c.is_whitespace()).take(80).collect();
        let parts: Vec<&str> = raw.split_whitespace().collect();
        let Ok([minute, hour, day, month, weekday]) = <[&str; 5]>::try_from(parts.as_slice()) else {
            return Err(BadCron::Fields { got, count: parts.len() });
        };
        let read = |index: usize, part: &str| {
            FIELDS[index].read(part).map_err(|problem| BadCron::Field {
                got: got.clone(),
                field: FIELDS[index].name,
                part: part.chars().take(80).collect(),
                problem,
            })
        };
        let (minutes, hours) = (read(0, minute)?, read(1, hour)?);
        let (days, months, mut weekdays) = (read(2, day)?, read(3, month)?, read(4, weekday)?);
        if weekdays.values.remove(&7) {
            weekdays.values.insert(0);
        }
        let longest_month = months.values.iter().map(|month| days_in(*month)).max().unwrap_or(0);
        let has_date = days.values.first().is_some_and(|first| *first <= longest_month);
        if !has_date && weekdays.is_star {
            return Err(BadCron::NeverFires { got });
        }
        let clock = |days: &str, weekdays: &str| {
            let line = format!("0 {} {} {days} {} {weekdays}", minutes.list(), hours.list(), months.list());
            // The crate counts weekdays from 1 and demands seconds; written out like this it has no choice.
            line.parse::<WallClock>().expect("lists of checked numbers and names are what the crate reads")
        };
        let (day_list, weekday_list) =
            (days.list(), weekdays.list_of(|day| WEEKDAYS[usize::from(day)].to_owned()));
        let clocks = match (days.is_star, weekdays.is_star) {
            (false, false) => vec![clock(&day_list, "*"), clock("*", &weekday_list)],
            _ => vec![clock(&day_list, &weekday_list)],
        };
        let is_time = |field: &Field| field.values.len() == 1 && !field.is_interval;
        Ok(Self { text: parts.join(" "), is_time_of_day: is_time(&minutes) && is_time(&hours), clocks })
    }
}

fn days_in(month: u8) -> u8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl FieldKind {
    fn read(&self, text: &str) -> Result<Field, String> {
        let mut field = Field { values: BTreeSet::new(), is_star: text == "*", is_interval: false };
        for part in text.split(',') {
            self.read_part(part, &mut field)?;
        }
        Ok(field)
    }

    fn read_part(&self, part: &str, field: &mut Field) -> Result<(), String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, Some(number(step).filter(|step| *step > 0).ok_or("a step is a number from 1")?))
            }
            None => (part, None),
        };
        let (low, high) = if range == "*" {
            field.is_interval = true;
            // 0 and 7 are the same Sunday: a star counts it once.
            (self.low, if self.wraps { self.high - 1 } else { self.high })
        } else if let Some((low, high)) = range.split_once('-') {
            (self.value(low)?, self.value(high)?)
        } else if step.is_some() {
            return Err("a step needs a star or a range before it, such as */15 or 10-50/10".to_owned());
        } else {
            let value = self.value(range)?;
            (value, value)
        };
        field.is_interval |= step.is_some();
        let step = usize::from(step.unwrap_or(1));
        if low <= high {
            field.values.extend((low..=high).step_by(step));
        } else if self.wraps {
            field.values.extend((low..=high + 7).step_by(step).map(|day| day % 7));
        } else {
            return Err(format!("the range {low}-{high} runs backwards"));
        }
        Ok(())
    }

    fn value(&self, text: &str) -> Result<u8, String> {
        let upper = text.to_uppercase();
        if let Some(index) = self.names.iter().position(|name| *name == upper) {
            return Ok(self.low + u8::try_from(index).expect("a dozen names at most"));
        }
        number(text).filter(|value| (self.low..=self.high).contains(value)).ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(", or a name from {first} to {last}"),
                _ => String::new(),
            };
            format!("it takes {} to {}{names}, lists, ranges and steps", self.low, self.high)
        })
    }
}

fn number(text: &str) -> Option<u8> {
    let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

impl Field {
    fn list(&self) -> String {
        self.list_of(|value| value.to_string())
    }

    fn list_of(&self, write: impl Fn(u8) -> String) -> String {
        if self.is_star {
            return "*".to_owned();
        }
        self.values.iter().map(|value| write(*value)).collect::<Vec<_>>().join(",")
    }
}

impl FiveFieldCron {
    /// The line as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When it fires after an instant, soonest first, until the year 2100.
    pub fn upcoming(&self, after: Timestamp, zone: &Zone) -> impl Iterator<Item = Timestamp> + use<> {
        self.fires(after, zone, true, self.is_time_of_day)
            .map(|(fire, _)| fire)
            .skip_while(move |fire| *fire <= after)
    }

    /// The same for freezes, each with the local time that the line names. Here an interval whose time is skipped fires
    /// at the change too: a freeze that did not begin would let deploys through.
    pub(super) fn upcoming_with_clocks(
        &self,
        after: Timestamp,
        zone: &Zone,
    ) -> impl Iterator<Item = (Timestamp, DateTime)> + use<> {
        self.fires(after, zone, true, true).skip_while(move |(fire, _)| *fire <= after)
    }

    /// When it fired before an instant, latest first, back to the year 1970.
    pub fn before(&self, before: Timestamp, zone: &Zone) -> impl Iterator<Item = Timestamp> + use<> {
        self.fires(before, zone, false, self.is_time_of_day)
            .map(|(fire, _)| fire)
            .skip_while(move |fire| *fire >= before)
    }

    fn fires(&self, around: Timestamp, zone: &Zone, forward: bool, keeps_skipped: bool) -> Fires {
        // Clocks change by three hours at most, but for days that are left out, whose lines fire at the change.
        let slack = if forward { SignedDuration::from_hours(-3) } else { SignedDuration::from_hours(3) };
        let start = zone.tz().to_datetime(around).checked_add(slack).unwrap_or(DateTime::MIN);
        let walls = self.clocks.iter().map(|clock| walk(clock, start, forward).peekable()).collect();
        Fires {
            walls,
            zone: zone.clone(),
            is_time_of_day: self.is_time_of_day,
            keeps_skipped,
            forward,
            held: BinaryHeap::new(),
            last: None,
        }
    }
}

type Walls = Box<dyn Iterator<Item = DateTime> + Send>;

/// The crate's own walk, over clock readings that pass for UTC: it would skip and double them at clock changes.
fn walk(clock: &WallClock, start: DateTime, forward: bool) -> Walls {
    let seconds = Offset::UTC.to_timestamp(start).map_or(0, Timestamp::as_second);
    let start = ChronoTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
    let back = |wall: ChronoTime<Utc>| {
        Timestamp::from_second(wall.timestamp()).map_or(DateTime::MAX, |at| Offset::UTC.to_datetime(at))
    };
    let clock = clock.after_owned(start);
    if forward { Box::new(clock.map(back)) } else { Box::new(clock.rev().map(back)) }
}

/// Instants in order. Clock readings come in order, but in a doubled hour their instants do not, so each is held
/// until no later reading can come before it.
struct Fires {
    walls: Vec<std::iter::Peekable<Walls>>,
    zone: Zone,
    is_time_of_day: bool,
    /// Whether skipped times fire at the change.
    keeps_skipped: bool,
    forward: bool,
    /// The next one is the greatest; the keys are negated when going forward.
    held: BinaryHeap<Reverse<(i64, DateTime)>>,
    last: Option<i64>,
}

impl Fires {
    /// The next clock reading of all lines.
    fn next_wall(&mut self, take: bool) -> Option<DateTime> {
        let forward = self.forward;
        let heads = self.walls.iter_mut().filter_map(|walls| walls.peek().copied());
        let next = if forward { heads.min() } else { heads.max() }?;
        if take {
            for walls in &mut self.walls {
                walls.next_if_eq(&next);
            }
        }
        Some(next)
    }

    /// A number that grows in the direction of the walk.
    fn key(&self, at: Timestamp) -> i64 {
        if self.forward { at.as_second() } else { -at.as_second() }
    }

    /// The soonest key that a reading can have.
    fn bound(&self, wall: DateTime) -> i64 {
        let tz = self.zone.tz();
        let (early, late) = match tz.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Fold { before, after } => (before.to_timestamp(wall), after.to_timestamp(wall)),
            _ => (Ok(instant(tz, wall, Reading::Early)), Ok(instant(tz, wall, Reading::Early))),
        };
        let at = if self.forward { early } else { late };
        at.map_or(i64::MAX, |at| self.key(at))
    }

    fn hold(&mut self, wall: DateTime) {
        let tz = self.zone.tz().clone();
        let readings: [Option<Timestamp>; 2] = match tz.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => [offset.to_timestamp(wall).ok(), None],
            AmbiguousOffset::Fold { before, .. } if self.is_time_of_day => {
                [before.to_timestamp(wall).ok(), None]
            }
            AmbiguousOffset::Fold { before, after } => {
                [before.to_timestamp(wall).ok(), after.to_timestamp(wall).ok()]
            }
            AmbiguousOffset::Gap { .. } if self.keeps_skipped => {
                [Some(instant(&tz, wall, Reading::Early)), None]
            }
            AmbiguousOffset::Gap { .. } => [None, None],
        };
        for at in readings.into_iter().flatten() {
            let key = self.key(at);
            self.held.push(Reverse((key, wall)));
        }
    }
}

impl Iterator for Fires {
    type Item = (Timestamp, DateTime);
    fn next(&mut self) -> Option<(Timestamp, DateTime)> {
        loop {
            while let Some(wall) = self.next_wall(false) {
                if self.held.peek().is_some_and(|Reverse((held, _))| *held < self.bound(wall)) {
                    break;
                }
                self.next_wall(true);
                self.hold(wall);
            }
            let Reverse((key, wall)) = self.held.pop()?;
            if self.last == Some(key) {
                continue; // several skipped times fire at the same change
            }
            self.last = Some(key);
            return Timestamp::from_second(if self.forward { key } else { -key }).ok().map(|at| (at, wall));
        }
    }
}

impl fmt::Debug for FiveFieldCron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FiveFieldCron({})", self.text)
    }
}

impl fmt::Display for FiveFieldCron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for FiveFieldCron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for FiveFieldCron {}

impl TryFrom<String> for FiveFieldCron {
    type Error = BadCron;
    fn try_from(text: String) -> Result<Self, BadCron> {
        text.parse()
    }
}

impl From<FiveFieldCron> for String {
    fn from(line: FiveFieldCron) -> String {
        line.text
    }
}
