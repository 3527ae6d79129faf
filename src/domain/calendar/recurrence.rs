//! Recurrence rules of RFC 5545 on clocks that know no zones: which days, from a first one on. Not here: which instant
//! a local time is (`reading`), how long a freeze lasts from there (`freeze`).
//!
//! Our own, and small: the crate for this evaluates in a second zone database of its own, moves skipped times, and can
//! spin for minutes over hostile rules. Tests compare with it.

use crate::zone::Zone;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many days may be looked at in one reading of a calendar, some tenths of a second: enough for 2,000 rules that
/// repeat daily, or 60 that are counted off since 1900. What asks for more cannot be read.
pub(super) const MOST_DAYS: u64 = 3_000_000;
/// Days looked at before a rule is taken for one that never fires: 500 years.
const NEVER: i64 = 500 * 366;
/// Earlier first days only cost time.
const FIRST_YEAR: i16 = 1900;

/// `FREQ=YEARLY;BYMONTH=11;BYDAY=4TH`, from a first local time on. The first time is not a hit of its own: only what
/// the rule names is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Recurrence {
    text: String,
    from: Option<DateTime>,
    parts: Parts,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
struct Stored {
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<DateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

#[derive(Clone, Copy, Debug)]
enum Until {
    /// The last moment of this day.
    Day(Date),
    /// A local time, included.
    Local(DateTime),
    /// An instant, included.
    Instant(Timestamp),
}

#[derive(Clone, Debug)]
struct Parts {
    frequency: Frequency,
    interval: i32,
    count: Option<u32>,
    until: Option<Until>,
    months: Vec<i16>,
    month_days: Vec<i16>,
    year_days: Vec<i16>,
    /// With the number in `4TH`; none is every one.
    weekdays: Vec<(Option<i16>, Weekday)>,
    positions: Vec<i16>,
    week_start: Weekday,
}

/// A text that is no recurrence rule, or one that never fires.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// A part cannot be read.
    #[error("“{part}” in the rule cannot be read: {problem}")]
    Part {
        /// The part as it came, cut to 80 characters.
        part: String,
        /// What is wrong and what can be written.
        problem: String,
    },
    /// There is no frequency.
    #[error("the rule has no FREQ; write for example FREQ=YEARLY;BYMONTH=11;BYDAY=4TH")]
    NoFrequency,
    /// Two parts that exclude each other.
    #[error("the rule has COUNT and UNTIL; leave one of them out")]
    TwoEnds,
    /// Where to count from is not said.
    #[error(
        "nobody can say when the rule begins, because {why}; write from = \"2026-01-05T18:00\" beside it"
    )]
    NeedsStart {
        /// What in it needs a beginning.
        why: &'static str,
    },
    /// The first time is too long ago.
    #[error("the rule begins in the year {year}; write a later one, from 1900 on")]
    TooEarly {
        /// The year.
        year: i16,
    },
    /// No year has such a day, or its last one is over before its first.
    #[error("the rule never fires: no day fits all of it; check its days, months and end")]
    NeverFires,
}

/// What a rule does not say it takes from its first time: local midnight of a day long ago where there is none.
fn anchor() -> DateTime {
    jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0)
}

impl Recurrence {
    /// Reads a rule. Without `from` it fires at midnight, for ever; it must then say by itself which days it means.
    ///
    /// # Errors
    /// It cannot be read, needs `from`, or never fires.
    pub fn new(text: &str, from: Option<DateTime>) -> Result<Self, BadRule> {
        let rule = Self::unchecked(text, from)?;
        let start = rule.start();
        // The last year may reach over the end.
        let mut days = u64::try_from(NEVER).expect("a small number") + 1000;
        let end = start.checked_add((NEVER).days()).unwrap_or(DateTime::MAX);
        match rule.walk(&Zone::utc(), start, end, 1, &mut days) {
            Some(fires) if fires.is_empty() => Err(BadRule::NeverFires),
            _ => Ok(rule),
        }
    }

    /// The same for a rule of another calendar, where one that never fires adds nothing.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn unchecked(text: &str, from: Option<DateTime>) -> Result<Self, BadRule> {
        if let Some(early) = from.filter(|from| from.year() < FIRST_YEAR) {
            return Err(BadRule::TooEarly { year: early.year() });
        }
        let mut parts = read(text)?;
        match from {
            Some(from) => parts.complete(from),
            None => parts.stands_alone()?,
        }
        Ok(Self { text: text.trim().to_owned(), from, parts })
    }

    /// The rule as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn start(&self) -> DateTime {
        self.from.unwrap_or_else(anchor)
    }

    /// Whether it fires at or after a local time; also when that takes too long to say.
    pub(super) fn fires_after(&self, zone: &Zone, from: DateTime) -> bool {
        let mut days = u64::try_from(NEVER).expect("a small number") * 2;
        let end = from.checked_add((NEVER).days()).unwrap_or(DateTime::MAX);
        self.walk(zone, from, end, 1, &mut days).is_none_or(|fires| !fires.is_empty())
    }

    /// Every local time of the rule in `[from, until]`, in order. None when that takes more than `days` looks at a day.
    pub(super) fn fires(
        &self,
        zone: &Zone,
        from: DateTime,
        until: DateTime,
        days: &mut u64,
    ) -> Option<Vec<DateTime>> {
        self.walk(zone, from, until, usize::MAX, days)
    }

    fn walk(
        &self,
        zone: &Zone,
        from: DateTime,
        until: DateTime,
        most: usize,
        days: &mut u64,
    ) -> Option<Vec<DateTime>> {
        let (parts, start) = (&self.parts, self.start());
        let last = parts.until.map_or(DateTime::MAX, |until| until.local(zone)).min(until);
        let (mut found, mut counted) = (Vec::new(), 0);
        // What was counted off before must be walked through; everything else may be skipped.
        let mut period =
            if parts.count.is_none() { parts.periods_before(start.date(), from.date()) } else { 0 };
        loop {
            let Some((first, length)) = parts.period(start.date(), period) else { return Some(found) };
            if first.to_datetime(start.time()) > last {
                return Some(found);
            }
            let looked_at = parts.looked_at(first, length);
            let cost: u32 = looked_at.iter().map(|(_, length)| length.unsigned_abs()).sum();
            *days = days.checked_sub(u64::from(cost.max(1)))?;
            for day in parts.days(&looked_at) {
                let fire = day.to_datetime(start.time());
                if fire < start {
                    continue;
                }
                counted += 1;
                if fire > last || parts.count.is_some_and(|count| counted > count) {
                    return Some(found);
                }
                if fire >= from {
                    found.push(fire);
                }
                if found.len() >= most {
                    return Some(found);
                }
            }
            period += 1;
        }
    }
}

impl Until {
    fn local(self, zone: &Zone) -> DateTime {
        match self {
            Self::Day(day) => day.at(23, 59, 59, 999_999_999),
            Self::Local(local) => local,
            Self::Instant(at) => zone.tz().to_datetime(at),
        }
    }
}

impl Parts {
    /// Takes from the first time what the rule leaves out (RFC 5545 §3.3.10).
    fn complete(&mut self, from: DateTime) {
        let has_days = !(self.weekdays.is_empty() && self.month_days.is_empty() && self.year_days.is_empty());
        match self.frequency {
            Frequency::Daily => {}
            Frequency::Weekly if self.weekdays.is_empty() => self.weekdays.push((None, from.weekday())),
            Frequency::Monthly if !has_days => self.month_days.push(from.day().into()),
            Frequency::Yearly if !has_days => {
                self.month_days.push(from.day().into());
                if self.months.is_empty() {
                    self.months.push(from.month().into());
                }
            }
            Frequency::Weekly | Frequency::Monthly | Frequency::Yearly => {}
        }
    }

    /// Whether the rule means the same whenever it began.
    fn stands_alone(&self) -> Result<(), BadRule> {
        let why = if self.interval > 1 {
            "INTERVAL counts from there"
        } else if self.count.is_some() {
            "COUNT counts from there"
        } else if self.frequency != Frequency::Daily
            && self.weekdays.is_empty()
            && self.month_days.is_empty()
            && self.year_days.is_empty()
        {
            "it does not say which day it means"
        } else {
            return Ok(());
        };
        Err(BadRule::NeedsStart { why })
    }

    /// A period that certainly begins before a day, as many as possible after the first.
    fn periods_before(&self, start: Date, day: Date) -> i64 {
        let days = i64::from((day - start).get_days());
        // A period is at most so long; one more is left for what reaches over its end.
        let longest = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => 31,
            Frequency::Yearly => 366,
        };
        (days / (longest * i64::from(self.interval)) - 1).max(0)
    }

    /// First day and length in days of a period; none where years end.
    fn period(&self, start: Date, index: i64) -> Option<(Date, i32)> {
        let step = i32::try_from(index.checked_mul(i64::from(self.interval))?).ok()?;
        match self.frequency {
            Frequency::Daily => Some((start.checked_add(step.days()).ok()?, 1)),
            Frequency::Weekly => {
                let into = start.weekday().since(self.week_start);
                let first = start.checked_sub(i32::from(into).days()).ok()?;
                Some((first.checked_add(step.checked_mul(7)?.days()).ok()?, 7))
            }
            Frequency::Monthly => {
                let months = i32::from(start.year()) * 12 + i32::from(start.month()) - 1;
                let months = months.checked_add(step)?;
                let (year, month) = (i16::try_from(months / 12).ok()?, i8::try_from(months % 12 + 1).ok()?);
                let first = Date::new(year, month, 1).ok()?;
                Some((first, first.days_in_month().into()))
            }
            Frequency::Yearly => {
                let year = i16::try_from(i32::from(start.year()).checked_add(step)?).ok()?;
                let first = Date::new(year, 1, 1).ok()?;
                Some((first, first.days_in_year().into()))
            }
        }
    }

    /// First days and lengths of what has to be looked at in a period: of a year, only the months that are named.
    fn looked_at(&self, first: Date, length: i32) -> Vec<(Date, i32)> {
        if self.months.is_empty() {
            return vec![(first, length)];
        }
        match self.frequency {
            Frequency::Monthly if !self.months.contains(&first.month().into()) => Vec::new(),
            Frequency::Daily | Frequency::Weekly | Frequency::Monthly => vec![(first, length)],
            Frequency::Yearly => {
                let month = |month: i8| Date::new(first.year(), month, 1).ok();
                let named = (1..=12).filter(|number| self.months.contains(&i16::from(*number)));
                named.filter_map(month).map(|month| (month, month.days_in_month().into())).collect()
            }
        }
    }

    /// The days of a period that the rule names, in order.
    fn days(&self, looked_at: &[(Date, i32)]) -> Vec<Date> {
        let days = looked_at
            .iter()
            .flat_map(|(first, length)| (0..*length).map_while(|day| first.checked_add(day.days()).ok()));
        let fitting: Vec<Date> = days.filter(|day| self.fits(*day)).collect();
        if self.positions.is_empty() {
            return fitting;
        }
        let at = |position: &i16| {
            let index = usize::from(position.unsigned_abs()) - 1;
            if *position > 0 { Some(index) } else { fitting.len().checked_sub(index + 1) }
        };
        let mut chosen: Vec<Date> =
            self.positions.iter().filter_map(at).filter_map(|index| fitting.get(index).copied()).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    fn fits(&self, day: Date) -> bool {
        let among = |list: &[i16], value: i16, length: i16| {
            list.is_empty() || list.contains(&value) || list.contains(&(value - length - 1))
        };
        (self.months.is_empty() || self.months.contains(&day.month().into()))
            && among(&self.month_days, day.day().into(), day.days_in_month().into())
            && among(&self.year_days, day.day_of_year(), day.days_in_year())
            && (self.weekdays.is_empty() || self.weekdays.iter().any(|named| self.is_named(day, *named)))
    }

    fn is_named(&self, day: Date, (number, weekday): (Option<i16>, Weekday)) -> bool {
        if day.weekday() != weekday {
            return false;
        }
        let Some(number) = number else { return true };
        // In a year, `4TH` is the fourth Thursday of the year, unless the rule names months.
        let is_of_year = self.frequency == Frequency::Yearly && self.months.is_empty();
        let (value, length) = if is_of_year {
            (day.day_of_year(), day.days_in_year())
        } else {
            (day.day().into(), day.days_in_month().into())
        };
        let (from_front, from_back) = ((value - 1) / 7 + 1, -((length - value) / 7 + 1));
        number == from_front || number == from_back
    }
}

fn read(text: &str) -> Result<Parts, BadRule> {
    let text = text.trim();
    let text = text.strip_prefix("RRULE:").unwrap_or(text).trim_end_matches(';');
    let mut parts = Parts {
        frequency: Frequency::Daily,
        interval: 1,
        count: None,
        until: None,
        months: Vec::new(),
        month_days: Vec::new(),
        year_days: Vec::new(),
        weekdays: Vec::new(),
        positions: Vec::new(),
        week_start: Weekday::Monday,
    };
    let mut seen: Vec<String> = Vec::new();
    for part in text.split(';') {
        let bad = |problem: String| BadRule::Part {
            part: part.chars().filter(|c| !c.is_control()).take(80).collect(),
            problem,
        };
        let (name, value) = part.split_once('=').ok_or_else(|| bad("write NAME=VALUE".to_owned()))?;
        let name = name.trim().to_ascii_uppercase();
        if seen.contains(&name) {
            return Err(bad(format!("{name} stands there twice")));
        }
        read_part(&mut parts, &name, &value.trim().to_ascii_uppercase()).map_err(bad)?;
        seen.push(name);
    }
    if !seen.iter().any(|name| name == "FREQ") {
        return Err(BadRule::NoFrequency);
    }
    if parts.count.is_some() && parts.until.is_some() {
        return Err(BadRule::TwoEnds);
    }
    let has = |name: &str| seen.iter().any(|seen| seen == name);
    let misplaced = match parts.frequency {
        Frequency::Weekly if has("BYMONTHDAY") => Some("BYMONTHDAY has no place in a weekly rule"),
        Frequency::Daily | Frequency::Weekly | Frequency::Monthly if has("BYYEARDAY") => {
            Some("BYYEARDAY has its place in a yearly rule only")
        }
        Frequency::Daily | Frequency::Weekly if parts.weekdays.iter().any(|(number, _)| number.is_some()) => {
            Some("numbers before weekdays have their place in monthly and yearly rules only")
        }
        _ if has("BYSETPOS") && !seen.iter().any(|name| name.starts_with("BY") && name != "BYSETPOS") => {
            Some("BYSETPOS chooses among the days of another BY… part, and there is none")
        }
        _ => None,
    };
    match misplaced {
        Some(problem) => {
            Err(BadRule::Part { part: text.chars().take(80).collect(), problem: problem.to_owned() })
        }
        None => Ok(parts),
    }
}

fn read_part(parts: &mut Parts, name: &str, value: &str) -> Result<(), String> {
    match name {
        "FREQ" => {
            parts.frequency = match value {
                "DAILY" => Frequency::Daily,
                "WEEKLY" => Frequency::Weekly,
                "MONTHLY" => Frequency::Monthly,
                "YEARLY" => Frequency::Yearly,
                "HOURLY" | "MINUTELY" | "SECONDLY" => {
                    return Err(
                        "freezes repeat DAILY, WEEKLY, MONTHLY or YEARLY, not within a day".to_owned()
                    );
                }
                _ => return Err("it takes DAILY, WEEKLY, MONTHLY or YEARLY".to_owned()),
            }
        }
        "INTERVAL" => parts.interval = number(value, 1, 1000)?.into(),
        "COUNT" => {
            let is_plain = (1..=6).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
            let count = is_plain.then(|| value.parse::<u32>().ok()).flatten().filter(|count| *count > 0);
            parts.count = Some(count.ok_or("it takes a number from 1 to 999999")?);
        }
        "UNTIL" => parts.until = Some(until(value)?),
        "BYMONTH" => parts.months = list(value, 1, 12, false)?,
        "BYMONTHDAY" => parts.month_days = list(value, 1, 31, true)?,
        "BYYEARDAY" => parts.year_days = list(value, 1, 366, true)?,
        "BYSETPOS" => parts.positions = list(value, 1, 366, true)?,
        "BYDAY" => parts.weekdays = value.split(',').map(numbered).collect::<Result<_, _>>()?,
        "WKST" => parts.week_start = weekday(value)?,
        "BYHOUR" | "BYMINUTE" | "BYSECOND" => {
            return Err("the time of day is that of the first time (`from`)".to_owned());
        }
        "BYWEEKNO" => {
            return Err(
                "weeks by their number are not read; name the days by BYDAY, BYMONTH or BYYEARDAY".to_owned()
            );
        }
        _ => {
            return Err("it takes FREQ, INTERVAL, COUNT, UNTIL, BYMONTH, BYMONTHDAY, BYYEARDAY, BYDAY, BYSETPOS and WKST"
                .to_owned());
        }
    }
    Ok(())
}

fn number(text: &str, low: i16, high: i16) -> Result<i16, String> {
    let is_plain = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_plain
        .then(|| text.parse().ok())
        .flatten()
        .filter(|value| (low..=high).contains(value))
        .ok_or_else(|| format!("it takes {low} to {high}"))
}

fn list(text: &str, low: i16, high: i16, may_be_negative: bool) -> Result<Vec<i16>, String> {
    let read = |part: &str| match part.strip_prefix('-').filter(|_| may_be_negative) {
        Some(part) => number(part, low, high).map(|value| -value),
        None => number(part.strip_prefix('+').unwrap_or(part), low, high),
    };
    let also = if may_be_negative { ", or the same with a minus, from the end" } else { "" };
    text.split(',').map(read).collect::<Result<_, _>>().map_err(|problem| format!("{problem}{also}"))
}

fn weekday(text: &str) -> Result<Weekday, String> {
    Ok(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => {
            return Err(
                "weekdays are MO, TU, WE, TH, FR, SA and SU, with a number before: 4TH, -1MO".to_owned()
            );
        }
    })
}

fn numbered(text: &str) -> Result<(Option<i16>, Weekday), String> {
    let split = text.len().saturating_sub(2);
    let (count, day) = if text.is_char_boundary(split) { text.split_at(split) } else { ("", text) };
    let day = weekday(day)?;
    if count.is_empty() {
        return Ok((None, day));
    }
    Ok((list(count, 1, 53, true)?.first().copied(), day))
}

/// `20301231`, `20301231T180000` or `20301231T170000Z`.
fn until(text: &str) -> Result<Until, String> {
    let bad = || "it takes a day such as 20301231, or a time such as 20301231T180000".to_owned();
    basic(text).ok_or_else(bad).map(|(local, form)| match form {
        Form::Day => Until::Day(local.date()),
        Form::Local => Until::Local(local),
        Form::Utc => Offset::UTC.to_timestamp(local).map_or(Until::Local(local), Until::Instant),
    })
}

/// How a date or time of a calendar file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A day.
    Day,
    /// A local time.
    Local,
    /// Coordinated universal time.
    Utc,
}

/// Reads a date or time of RFC 5545 §3.3: `20261224`, `20261224T090000`, `20261224T080000Z`. A leap second is the
/// second before it. None: it is none of these, or does not exist.
#[must_use]
pub fn basic(text: &str) -> Option<(DateTime, Form)> {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let date = text.get(..8).filter(|date| digits(date))?;
    let number = |part: &str| part.parse::<i8>().ok();
    let year: i16 = date[..4].parse().ok()?;
    let day = Date::new(year, number(&date[4..6])?, number(&date[6..])?).ok()?;
    let Some(rest) = text[8..].strip_prefix(['T', 't']) else {
        return if text.len() == 8 { Some((day.at(0, 0, 0, 0), Form::Day)) } else { None };
    };
    let (time, form) = match rest.strip_suffix(['Z', 'z']) {
        Some(time) => (time, Form::Utc),
        None => (rest, Form::Local),
    };
    if time.len() != 6 || !digits(time) {
        return None;
    }
    let second = number(&time[4..])?.min(if time.ends_with("60") { 59 } else { i8::MAX });
    let time = jiff::civil::Time::new(number(&time[..2])?, number(&time[2..4])?, second, 0).ok()?;
    Some((day.to_datetime(time), form))
}

impl PartialEq for Recurrence {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.from == other.from
    }
}

impl Eq for Recurrence {}

impl fmt::Debug for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recurrence({} from {:?})", self.text, self.from)
    }
}

impl TryFrom<Stored> for Recurrence {
    type Error = BadRule;
    fn try_from(stored: Stored) -> Result<Self, BadRule> {
        Self::unchecked(&stored.rule, stored.from)
    }
}

impl From<Recurrence> for Stored {
    fn from(rule: Recurrence) -> Self {
        Self { rule: rule.text, from: rule.from }
    }
}
