//! How recurrence rules, days and times are written in RFC 5545. Not here: what a rule means (`parts`).

use super::BadRule;
use super::parts::{Frequency, Parts, Until};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::Offset;

/// Reads a rule as RFC 5545 §3.3.10 writes it.
pub(super) fn read(text: &str) -> Result<Parts, BadRule> {
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
