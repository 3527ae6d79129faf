//! Weekly windows as people write them: `Fri 00:00-14:00`. Not here: what they allow (`schedule`).

use super::reading::{Reading, instant};
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const DAY: u16 = 24 * 60;
const WEEK: u16 = 7 * DAY;
const DAYS: [(&str, &str); 7] = [
    ("Mon", "monday"),
    ("Tue", "tuesday"),
    ("Wed", "wednesday"),
    ("Thu", "thursday"),
    ("Fri", "friday"),
    ("Sat", "saturday"),
    ("Sun", "sunday"),
];

/// The same hours on one or several days of each week. The first minute is inside, the last one outside: at 14:00
/// `Fri 00:00-14:00` is over. Hours that end before they begin end on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeeklySpan {
    /// As written.
    text: String,
    /// Index 0 is Monday.
    days: [bool; 7],
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight of the same day; past 1440 it is on the next one.
    until: u16,
}

/// A text that is no weekly window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{got}” is not a weekly window: {problem}; write days and hours such as “Mon-Thu 09:00-17:00”")]
pub struct BadSpan {
    /// The text as it came, cut to 80 characters.
    pub got: String,
    /// What is wrong with it.
    pub problem: String,
}

impl FromStr for WeeklySpan {
    type Err = BadSpan;
    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let bad = |problem: String| BadSpan { got: clean(text), problem };
        let trimmed = text.trim();
        let (days, hours) = trimmed
            .rsplit_once(char::is_whitespace)
            .ok_or_else(|| bad("it needs days, a space and hours".into()))?;
        let days = read_days(days).map_err(bad)?;
        let (from, until) =
            hours.split_once(['-', '–']).ok_or_else(|| bad("the hours need a dash".into()))?;
        let (from, until) = (read_clock(from).map_err(bad)?, read_clock(until).map_err(bad)?);
        if from == until || from == DAY {
            return Err(
                bad("it never opens, as it ends when it begins; the whole day is 00:00-24:00".into()),
            );
        }
        let until = if until < from { until + DAY } else { until };
        Ok(Self { text: trimmed.to_owned(), days, from, until })
    }
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn read_days(text: &str) -> Result<[bool; 7], String> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once(['-', '–']).unwrap_or((part, part));
        let (mut day, last) = (read_day(first)?, read_day(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7; // Sat-Mon goes on past the end of the week
            days[day] = true;
        }
    }
    Ok(days)
}

fn read_day(text: &str) -> Result<usize, String> {
    let lower = text.trim().to_lowercase();
    let known = DAYS.iter().position(|(short, long)| lower == short.to_lowercase() || lower == *long);
    known.ok_or_else(|| {
        format!("“{}” is not a day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun", clean(text.trim()))
    })
}

/// Minutes after midnight of `HH:MM`, up to 24:00.
fn read_clock(text: &str) -> Result<u16, String> {
    let digits = |part: &str| {
        let fits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse::<u16>().ok()).flatten()
    };
    let read = text.trim().split_once(':').filter(|(_, minute)| minute.len() == 2);
    match read.map(|(hour, minute)| (digits(hour), digits(minute))) {
        Some((Some(hour @ 0..=23), Some(minute @ 0..=59))) => Ok(hour * 60 + minute),
        Some((Some(24), Some(0))) => Ok(DAY),
        _ => Err(format!("“{}” is not a time of day from 00:00 to 24:00", clean(text.trim()))),
    }
}

impl fmt::Display for WeeklySpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for WeeklySpan {
    type Error = BadSpan;
    fn try_from(text: String) -> Result<Self, BadSpan> {
        text.parse()
    }
}

impl From<WeeklySpan> for String {
    fn from(span: WeeklySpan) -> String {
        span.text
    }
}

/// All spans of one kind as one week: disjoint stretches of minutes from Monday 00:00, sorted, none touching the next.
/// One that reaches over the end of the week ends past it. The whole week is one stretch.
///
/// Joining them before instants are computed is what keeps windows that touch (`…-02:30`, `02:30-…`) from leaving a
/// hole in the night when 02:30 happens twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Week(Vec<(u16, u16)>);

impl Week {
    pub(super) fn of(spans: &[WeeklySpan]) -> Self {
        let mut minutes = vec![false; usize::from(WEEK)];
        for span in spans {
            for day in (0..7u16).filter(|day| span.days[usize::from(*day)]) {
                for minute in span.from..span.until {
                    minutes[usize::from((day * DAY + minute) % WEEK)] = true;
                }
            }
        }
        let inside = |minute: u16| minutes[usize::from(minute % WEEK)];
        if (0..WEEK).all(inside) {
            return Self(vec![(0, WEEK)]);
        }
        let starts = (0..WEEK).filter(|&minute| inside(minute) && !inside(minute + WEEK - 1));
        Self(
            starts
                .map(|from| (from, (from..2 * WEEK).find(|&m| !inside(m)).unwrap_or(from + WEEK)))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All stretches as instants that touch `[from, until)`, sorted, disjoint, none touching the next. Each takes its
    /// shorter reading. They are complete: the first may begin before `from`, the last may end after `until`.
    pub(super) fn between(
        &self,
        tz: &TimeZone,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<(Timestamp, Timestamp)> {
        let mut found: Vec<(Timestamp, Timestamp)> = Vec::new();
        // Two weeks back: a stretch may have begun a week ago, and a zone may leave out a day.
        let Ok(mut monday) = tz.to_datetime(from).date().checked_sub(14.days()) else { return found };
        while monday.weekday() != Weekday::Monday {
            let Ok(day_before) = monday.yesterday() else { return found };
            monday = day_before;
        }
        let mut is_past = false;
        while !is_past {
            for &(start, end) in &self.0 {
                let midnight = monday.to_datetime(Time::midnight());
                let (Some(start), Some(end)) = (after(midnight, start), after(midnight, end)) else {
                    return found;
                };
                let (start, end) = (instant(tz, start, Reading::Late), instant(tz, end, Reading::Early));
                is_past |= start >= until;
                if start >= end {
                    continue;
                }
                match found.last_mut() {
                    Some(last) if last.1 >= start => last.1 = last.1.max(end),
                    _ => found.push((start, end)),
                }
            }
            is_past |= self.0.is_empty();
            let Ok(next) = monday.checked_add(7.days()) else { break };
            monday = next;
        }
        found.retain(|span| span.1 > from && span.0 < until);
        found
    }
}

fn after(midnight: DateTime, minutes: u16) -> Option<DateTime> {
    midnight.checked_add(SignedDuration::from_mins(i64::from(minutes))).ok()
}
