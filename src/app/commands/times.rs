//! How people write durations and points in time. The clock and the time zone come from the caller.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use shipgate_domain::calendar::MONTHS;

/// A point in time as it was written; it becomes an instant only with a clock and a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrittenTime {
    /// `2026-11-26T14:00Z`: the same everywhere.
    Instant(Timestamp),
    /// `2026-11-26 14:00`; a day alone means its first minute.
    Civil(DateTime),
    /// `14:00`: the next time the clock shows this.
    Clock(Time),
    /// `Fri 15:00`: the next such day (1 is Monday, 7 Sunday) and time; a day alone means its first minute.
    Weekday(i8, Time),
    /// `today 18:00`, `tomorrow`: this many days from today.
    Day(i8, Time),
    /// `now`, `in 2h`: this long from now.
    From(SignedDuration),
    /// `Mon 7 Dec, 00:00`, as Shipgate writes it: the next such day, which must be that day of the week.
    DayOfYear {
        /// 1 is Monday, 7 Sunday.
        weekday: Option<i8>,
        /// 1 is January.
        month: i8,
        /// Of the month.
        day: i8,
        /// Of the day.
        time: Time,
    },
}

impl WrittenTime {
    /// The instant that is meant at `now` for somebody in `zone`.
    ///
    /// A local time that the clocks jump over means the first instant after the jump; one that happens twice
    /// means the first of the two.
    ///
    /// # Errors
    /// The instant is outside of the calendar (years −9999 to 9999), or a stored day of the week is not 1 to 7.
    pub fn resolve(&self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        self.resolve_with(now, zone, instant_of)
    }

    /// The same for the end of something that takes its longer reading: a local time that the clocks jump over means as
    /// long after the jump as it lies in the gap, and one that happens twice means the second.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_late(&self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        self.resolve_with(now, zone, |civil, zone| zone.to_ambiguous_timestamp(civil).later())
    }

    fn resolve_with(
        &self,
        now: Timestamp,
        zone: &TimeZone,
        instant_of: impl Fn(DateTime, &TimeZone) -> Result<Timestamp, jiff::Error>,
    ) -> Result<Timestamp, jiff::Error> {
        let local = zone.to_datetime(now);
        let civil = match self {
            Self::Instant(instant) => return Ok(*instant),
            Self::From(duration) => return now.checked_add(*duration),
            Self::Civil(civil) => *civil,
            Self::DayOfYear { weekday, month, day, time } => {
                let is_meant = |date: &Date| {
                    let is_that_day = |weekday: i8| date.weekday().to_monday_one_offset() == weekday;
                    weekday.is_none_or(is_that_day)
                        && instant_of(date.to_datetime(*time), zone).is_ok_and(|at| at > now)
                };
                // Longer than the eight years in which there may be no 29 February.
                let years = local.year()..local.year().saturating_add(if weekday.is_some() { 2 } else { 9 });
                let date = years.filter_map(|year| Date::new(year, *month, *day).ok()).find(is_meant);
                let none =
                    || jiff::Error::from_args(format_args!("no such day comes in this year or the next"));
                date.ok_or_else(none)?.to_datetime(*time)
            }
            Self::Day(days, time) => local.date().checked_add(days.days())?.to_datetime(*time),
            Self::Clock(time) => {
                let today = instant_of(local.date().to_datetime(*time), zone)?;
                if today > now {
                    return Ok(today);
                }
                local.date().tomorrow()?.to_datetime(*time)
            }
            Self::Weekday(weekday, time) => {
                let weekday = Weekday::from_monday_one_offset(*weekday)?;
                let ahead = local.date().weekday().until(weekday);
                let date = local.date().checked_add(ahead.days())?;
                if instant_of(date.to_datetime(*time), zone)? > now {
                    return instant_of(date.to_datetime(*time), zone);
                }
                date.checked_add(7.days())?.to_datetime(*time)
            }
        };
        instant_of(civil, zone)
    }

    /// Reads one of the forms above; `None` if it is none of them.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if text == "now" {
            return Some(Self::From(SignedDuration::ZERO));
        }
        if let Some(length) = text.strip_prefix("in ").or_else(|| text.strip_prefix('+')) {
            return duration(length).map(Self::From);
        }
        if let Some(time) = printed(&text) {
            return Some(time);
        }
        let upper = text.to_uppercase();
        if let Ok(instant) = upper.parse::<Timestamp>() {
            return Some(Self::Instant(instant));
        }
        let (day, time) =
            match text.split_once([' ', 't']).filter(|_| text.starts_with(|c: char| c.is_ascii_digit())) {
                Some((day, time)) => (day, Some(time)),
                None => match text.split_once(' ') {
                    Some((day, time)) => (day, Some(time)),
                    None => (text.as_str(), None),
                },
            };
        if time.is_none()
            && let Some(time) = clock(day)
        {
            return Some(Self::Clock(time));
        }
        let time = match time {
            None => Time::midnight(),
            Some(words) => {
                let words = words.trim();
                clock(words.strip_prefix("at ").unwrap_or(words).trim())?
            }
        };
        match day {
            "today" => Some(Self::Day(0, time)),
            "tomorrow" => Some(Self::Day(1, time)),
            _ => weekday(day).map(|day| Self::Weekday(day.to_monday_one_offset(), time)).or_else(|| {
                let whole = day.len() == "2026-11-26".len() && day.is_ascii();
                let date: Date = whole.then(|| day.parse().ok()).flatten()?;
                Some(Self::Civil(date.to_datetime(time)))
            }),
        }
    }
}

/// A time as Shipgate writes it, which people copy: `Mon 7 Dec, 00:00`, `Mon 7 Dec 2026, 00:00 Europe/Berlin`. The day of
/// the week, the comma, the time and the zone may be left out.
fn printed(text: &str) -> Option<WrittenTime> {
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty()).peekable();
    let weekday = words.next_if(|word| weekday(word).is_some()).and_then(weekday);
    let number = |word: &&str| word.bytes().all(|b| b.is_ascii_digit());
    let day: i8 = words.next().filter(number).filter(|word| word.len() <= 2)?.parse().ok()?;
    let month = month(words.next()?)?;
    let year = words.next_if(|word| word.len() == 4 && number(word));
    let time = match words.next_if(|word| clock(word).is_some()) {
        Some(word) => clock(word)?,
        None => Time::midnight(),
    };
    let zone = match words.next() {
        None => None,
        Some(name) => Some(TimeZone::get(name).ok()?),
    };
    if words.next().is_some() || !(1..=31).contains(&day) {
        return None;
    }
    let Some(year) = year else {
        let weekday = weekday.map(Weekday::to_monday_one_offset);
        let yearless = WrittenTime::DayOfYear { weekday, month, day, time };
        return zone.is_none().then_some(yearless);
    };
    let date = Date::new(year.parse().ok()?, month, day).ok()?;
    if weekday.is_some_and(|weekday| weekday != date.weekday()) {
        return None;
    }
    match zone {
        None => Some(WrittenTime::Civil(date.to_datetime(time))),
        Some(zone) => instant_of(date.to_datetime(time), &zone).ok().map(WrittenTime::Instant),
    }
}

/// 1 for "jan" and "january".
fn month(text: &str) -> Option<i8> {
    let at =
        MONTHS.iter().position(|month| *month == text || (text.len() == 3 && month.starts_with(text)))?;
    i8::try_from(at + 1).ok()
}

/// The instant of a local time. A gap gives its end, an overlap the first pass.
fn instant_of(civil: DateTime, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let in_gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let shifted = ambiguous.compatible()?;
    if !in_gap {
        return Ok(shifted);
    }
    // `compatible` moves a gap time past the gap by the gap's length; the jump itself lies just before it.
    let just_after = shifted.checked_add(SignedDuration::from_nanos(1))?;
    Ok(zone.preceding(just_after).next().map_or(shifted, |jump| jump.timestamp()))
}

/// `14:00`, `9:05`, `noon`. Hours and minutes of 24 hours; twelve-hour clocks are misread too easily.
fn clock(text: &str) -> Option<Time> {
    match text {
        "noon" => return Some(Time::constant(12, 0, 0, 0)),
        "midnight" => return Some(Time::midnight()),
        _ => {}
    }
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str, longest| part.len() <= longest && part.bytes().all(|b| b.is_ascii_digit());
    if !(digits(hour, 2) && digits(minute, 2) && minute.len() == 2) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "mon" | "monday" => Weekday::Monday,
        "tue" | "tuesday" => Weekday::Tuesday,
        "wed" | "wednesday" => Weekday::Wednesday,
        "thu" | "thursday" => Weekday::Thursday,
        "fri" | "friday" => Weekday::Friday,
        "sat" | "saturday" => Weekday::Saturday,
        "sun" | "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// Shortest length somebody may ask for.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// Longest length somebody may ask for: a year. Longer is a typing mistake, or a freeze of the settings.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Reads `30m`, `2h`, `1h30m`, `2 hours`, `1d`, `1w`: one minute to a year. A day is 24 hours.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text.trim();
    let mut total = SignedDuration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let minutes: i64 = match unit.to_ascii_lowercase().as_str() {
            "m" | "min" | "mins" | "minute" | "minutes" => 1,
            "h" | "hr" | "hrs" | "hour" | "hours" => 60,
            "d" | "day" | "days" => 24 * 60,
            "w" | "week" | "weeks" => 7 * 24 * 60,
            _ => return None,
        };
        let minutes = number.parse::<i64>().ok()?.checked_mul(minutes)?.checked_mul(60)?;
        total = total.checked_add(SignedDuration::from_secs(minutes))?;
        rest = after.trim_start();
    }
    (SHORTEST..=LONGEST).contains(&total).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, minutes) in [
            ("30m", Some(30)),
            ("2h", Some(120)),
            ("1h30m", Some(90)),
            ("1h 30m", Some(90)),
            ("2 hours", Some(120)),
            ("1D", Some(1_440)),
            ("1w", Some(10_080)),
            ("0m", None),
            ("90", None),
            ("2x", None),
            ("h", None),
            ("-2h", None),
            ("1.5h", None),
            ("9999999999999999h", None),
            ("153722867280912931h", None),
            ("367d", None),
            ("", None),
        ] {
            assert_eq!(duration(text), minutes.map(SignedDuration::from_mins), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_freeze_takes_its_longer_reading_where_clocks_change() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let now: Timestamp = "2026-01-05T11:00:00Z".parse().expect("an instant");
        for (text, early, late) in [
            ("2026-03-29 02:30", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"),
            ("2026-03-29 03:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
            ("2026-10-25 02:30", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
            ("2026-10-25 01:30", "2026-10-24T23:30:00Z", "2026-10-24T23:30:00Z"),
            ("2026-10-25T00:30Z", "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z"),
        ] {
            let time = WrittenTime::read(text).expect("a time");
            let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
            assert_eq!(time.resolve(now, &zone).expect("in reach"), at(early), "{text}");
            assert_eq!(time.resolve_late(now, &zone).expect("in reach"), at(late), "{text}");
        }
    }

    #[test]
    fn times_become_instants_in_the_zone_of_the_reader() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        // A Wednesday, 12:00 in Berlin.
        let now: Timestamp = "2026-11-25T11:00:00Z".parse().expect("an instant");
        for (text, expected) in [
            ("now", "2026-11-25T11:00:00Z"),
            ("in 2h", "2026-11-25T13:00:00Z"),
            ("2026-11-26", "2026-11-25T23:00:00Z"),
            ("2026-11-26 14:00", "2026-11-26T13:00:00Z"),
            ("2026-11-26T14:00", "2026-11-26T13:00:00Z"),
            ("2026-11-26T14:00:00Z", "2026-11-26T14:00:00Z"),
            ("14:00", "2026-11-25T13:00:00Z"),
            ("12:00", "2026-11-26T11:00:00Z"),
            ("9:30", "2026-11-26T08:30:00Z"),
            ("Fri 15:00", "2026-11-27T14:00:00Z"),
            ("Wednesday 11:00", "2026-12-02T10:00:00Z"),
            ("wed 13:00", "2026-11-25T12:00:00Z"),
            ("today 18:00", "2026-11-25T17:00:00Z"),
            ("tomorrow", "2026-11-25T23:00:00Z"),
            ("tomorrow at noon", "2026-11-26T11:00:00Z"),
        ] {
            let time = WrittenTime::read(text).unwrap_or_else(|| panic!("{text}"));
            let expected: Timestamp = expected.parse().expect("an instant");
            assert_eq!(time.resolve(now, &zone).expect("in range"), expected, "{text}");
        }
    }

    #[test]
    fn a_time_as_it_is_printed_is_read_again() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let now: Timestamp = "2026-11-25T11:00:00Z".parse().expect("an instant");
        for (text, expected) in [
            ("Mon 7 Dec 00:00", "2026-12-06T23:00:00Z"),
            ("Mon 7 Dec, 00:00", "2026-12-06T23:00:00Z"),
            ("Mon 7 Dec", "2026-12-06T23:00:00Z"),
            ("7 December 14:30", "2026-12-07T13:30:00Z"),
            ("Sun 3 Jan 2027, 00:00", "2027-01-02T23:00:00Z"),
            ("Sun 3 Jan, 00:00", "2027-01-02T23:00:00Z"),
            ("Mon 7 Dec 2026, 00:00 Europe/Berlin", "2026-12-06T23:00:00Z"),
            ("Mon 7 Dec 2026, 00:00 America/New_York", "2026-12-07T05:00:00Z"),
            ("29 Feb", "2028-02-28T23:00:00Z"),
        ] {
            let time = WrittenTime::read(text).unwrap_or_else(|| panic!("{text}"));
            let expected: Timestamp = expected.parse().expect("an instant");
            assert_eq!(time.resolve(now, &zone).expect("in range"), expected, "{text}");
        }
        for text in
            ["Tue 7 Dec 2026, 00:00", "Mon 32 Dec", "Mon 7 Dec 25:00", "7 Decem", "31 Nov 2026", "Mon 7"]
        {
            assert_eq!(WrittenTime::read(text), None, "{text}");
        }
        let wrong_day = WrittenTime::read("Tue 7 Dec, 00:00").expect("it depends on the year");
        assert!(wrong_day.resolve(now, &zone).is_ok_and(|at| at.to_string() == "2027-12-06T23:00:00Z"));
        assert!(WrittenTime::read("Fri 7 Dec, 00:00").expect("so does this").resolve(now, &zone).is_err());
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_the_end_of_the_jump() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let resolve = |text: &str| {
            let written = WrittenTime::read(text).expect("a time");
            written.resolve(Timestamp::UNIX_EPOCH, &zone).expect("in range").to_string()
        };
        assert_eq!(resolve("2026-03-29 02:30"), "2026-03-29T01:00:00Z");
        assert_eq!(resolve("2026-03-29 03:00"), "2026-03-29T01:00:00Z");
        assert_eq!(resolve("2026-10-25 02:30"), "2026-10-25T00:30:00Z", "the first of two");
    }

    #[test]
    fn what_is_no_time_is_not_guessed() {
        for text in
            ["", "soon", "25:00", "14:60", "3pm", "2026-13-01", "2026-11-26 late", "fri fri", "11/26", "14:0"]
        {
            assert_eq!(WrittenTime::read(text), None, "{text}");
        }
    }
}
