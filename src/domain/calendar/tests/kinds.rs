//! Every kind of freeze against the minute-by-minute reference, over years: which days are meant is said here a second
//! time, in plain words. Not here: schedules and random freezes at changes of clocks (`sweep`).
//!
//! The long form, 40 zones over 20 years:
//! `cargo nextest run -p shipgate-domain --run-ignored only -E 'test(forty_zones)' --no-capture`

use super::reference::Clocks;
use super::{at, dates, freeze, zone};
use crate::calendar::{
    Calendar, FeedContent, FeedEvent, FeedLasts, FeedSource, FeedState, Feeds, Freeze, FreezeWhen, Recurrence,
};
use jiff::civil::{Date, Weekday, date};
use jiff::{SignedDuration, ToSpan};
use std::collections::BTreeMap;

/// Minutes at both ends of a table that are not compared: more than any of the freezes lasts.
const EDGE: usize = 6 * 24 * 60;

/// A kind of freeze, and the same in plain words: on which days it begins, at which minute of them, and how long it lasts.
struct Kind {
    when: FreezeWhen,
    is_day: fn(Date) -> bool,
    minute: i64,
    lasts: Lasts,
}

#[derive(Clone, Copy)]
enum Lasts {
    Days(i64),
    Minutes(usize),
}

fn rule(text: &str, from: Option<&str>, lasts: &str) -> FreezeWhen {
    FreezeWhen::rule(text, from, lasts).expect(text)
}

/// The rule of the event is its path: `feeds` makes the calendar of it.
fn event(weekly: &str) -> FreezeWhen {
    let day = SignedDuration::from_hours(24);
    FreezeWhen::Feed {
        source: FeedSource::File { path: weekly.to_owned() },
        refresh: day,
        max_age: day * 1000,
    }
}

/// The state of an event's calendar: all of Sunday, each week.
fn feeds(freezes: &[Freeze], now: &str) -> Feeds {
    let of = |freeze: &Freeze| {
        let FreezeWhen::Feed { source, .. } = &freeze.when else { return None };
        let FeedSource::File { path } = source else { return None };
        let from = date(2000, 1, 2).at(0, 0, 0, 0);
        let rule = Some(Recurrence::unchecked(path, Some(from)).expect(path));
        let lasts = FeedLasts::Clock { shown: 24 * 3600, passed: 0 };
        let (also, except) = (Vec::new(), Vec::new());
        let event = FeedEvent { label: "Sunday".into(), zone: None, from, lasts, rule, also, except };
        let content = Some(FeedContent { events: vec![event], periods: Vec::new() });
        let (source, confirmed, due) = (source.clone(), Some(at(now)), at(now));
        Some((freeze.id.clone(), FeedState { source, content, mark: None, confirmed, trouble: None, due }))
    };
    freezes.iter().filter_map(of).collect()
}

fn is_nth(day: Date, weekday: Weekday, days: std::ops::RangeInclusive<i8>) -> bool {
    day.weekday() == weekday && days.contains(&day.day())
}

fn is_last(day: Date, weekday: Weekday) -> bool {
    day.weekday() == weekday && (day + 7.days()).month() != day.month()
}

/// Easter Mondays as anybody can look them up.
fn is_easter_monday(day: Date) -> bool {
    const KNOWN: [(i16, i8, i8); 24] = [
        (2018, 4, 2),
        (2019, 4, 22),
        (2020, 4, 13),
        (2021, 4, 5),
        (2022, 4, 18),
        (2023, 4, 10),
        (2024, 4, 1),
        (2025, 4, 21),
        (2026, 4, 6),
        (2027, 3, 29),
        (2028, 4, 17),
        (2029, 4, 2),
        (2030, 4, 22),
        (2031, 4, 14),
        (2032, 3, 29),
        (2033, 4, 18),
        (2034, 4, 10),
        (2035, 3, 26),
        (2036, 4, 14),
        (2037, 4, 6),
        (2038, 4, 26),
        (2039, 4, 11),
        (2040, 4, 2),
        (2041, 4, 22),
    ];
    KNOWN.contains(&(day.year(), day.month(), day.day()))
}

fn kinds() -> Vec<Kind> {
    let kind = |when, is_day: fn(Date) -> bool, minute, lasts| Kind { when, is_day, minute, lasts };
    let (day, cron) = (
        |on: &str, lasts: &str| FreezeWhen::on(on, lasts).expect(on),
        |line: &str, lasts: &str| FreezeWhen::cron(line, lasts).expect(line),
    );
    vec![
        kind(
            rule("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", None, "5d"),
            |d| d.month() == 11 && is_nth(d, Weekday::Thursday, 22..=28),
            0,
            Lasts::Days(5),
        ),
        kind(
            rule("FREQ=MONTHLY;BYDAY=-1FR", Some("2001-01-05T23:30"), "2h"),
            |d| is_last(d, Weekday::Friday),
            23 * 60 + 30,
            Lasts::Minutes(120),
        ),
        kind(
            rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", Some("2017-01-01T01:30"), "1d"),
            |d| d.weekday() == Weekday::Sunday && (d - date(2017, 1, 1)).get_days() % 14 == 0,
            90,
            Lasts::Days(1),
        ),
        kind(rule("FREQ=DAILY", Some("2001-01-01T02:30"), "45m"), |_| true, 150, Lasts::Minutes(45)),
        kind(
            rule("FREQ=MONTHLY;BYMONTHDAY=-1", None, "1d"),
            |d| d.tomorrow().expect("a day").day() == 1,
            0,
            Lasts::Days(1),
        ),
        kind(
            rule("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", None, "1d"),
            |d| {
                // The first working day: the 1st, or the Monday after a 1st at the weekend.
                match d.weekday() {
                    Weekday::Saturday | Weekday::Sunday => false,
                    Weekday::Monday => d.day() <= 3,
                    _ => d.day() == 1,
                }
            },
            0,
            Lasts::Days(1),
        ),
        kind(
            day("4th Thu of November + 1d", "1d"),
            |d| d.month() == 11 && is_nth(d, Weekday::Friday, 23..=29),
            0,
            Lasts::Days(1),
        ),
        kind(
            day("4th Thu of November + 4d", "1d"),
            |d| {
                is_nth(d, Weekday::Monday, 26..=30) && d.month() == 11
                    || is_nth(d, Weekday::Monday, 1..=2) && d.month() == 12
            },
            0,
            Lasts::Days(1),
        ),
        kind(day("Easter + 1d", "1d"), is_easter_monday, 0, Lasts::Days(1)),
        kind(
            day("last Sun of March", "1d"),
            |d| d.month() == 3 && is_last(d, Weekday::Sunday),
            0,
            Lasts::Days(1),
        ),
        kind(
            day("last Sun of October - 1d", "36h"),
            |d| d.tomorrow().is_ok_and(|next| next.month() == 10 && is_last(next, Weekday::Sunday)),
            0,
            Lasts::Days(0),
        ),
        kind(day("25 December", "2d"), |d| d.month() == 12 && d.day() == 25, 0, Lasts::Days(2)),
        kind(event("FREQ=WEEKLY"), |d| d.weekday() == Weekday::Sunday, 0, Lasts::Days(1)),
        kind(cron("30 2 * * 0", "1d"), |d| d.weekday() == Weekday::Sunday, 150, Lasts::Days(1)),
        kind(cron("0 0 1 * *", "90m"), |d| d.day() == 1, 0, Lasts::Minutes(90)),
    ]
}

/// Compares every minute of two years in one zone; says how many were compared.
fn compare(zone_name: &str, year: i16) -> usize {
    let zone = zone(zone_name);
    let (start, end) = (at(&format!("{year}-01-01T00:00Z")), at(&format!("{}-01-01T00:00Z", year + 2)));
    let clocks = Clocks::between(&zone, start, end);
    let mut compared = 0;
    for (index, kind) in kinds().into_iter().enumerate() {
        let rule = [freeze(&format!("kind {index}"), zone_name, kind.when.clone())];
        let now = format!("{year}-12-01T00:00:00Z");
        let calendar = Calendar::compile_with(&BTreeMap::new(), &rule, &feeds(&rule, &now), at(&now));
        let (mut expected, mut found) = (vec![false; clocks.len()], vec![false; clocks.len()]);
        let mut day = date(year, 1, 1).checked_sub(12.days()).expect("a day");
        while day.year() <= year + 2 {
            if (kind.is_day)(day) {
                let from = day.at(0, 0, 0, 0) + SignedDuration::from_mins(kind.minute);
                let until = match kind.lasts {
                    Lasts::Days(0) => Err(36 * 60),
                    Lasts::Days(days) => Ok(from + days.days()),
                    Lasts::Minutes(minutes) => Err(minutes),
                };
                clocks.mark(&mut expected, from, until);
            }
            day = day.tomorrow().expect("a day");
        }
        for span in calendar.occurrences(start, end) {
            let minute = |at: jiff::Timestamp| {
                usize::try_from(at.duration_since(start).as_mins().max(0))
                    .expect("not negative")
                    .min(clocks.len())
            };
            found[minute(span.from)..minute(span.until.expect("it ends"))].fill(true);
        }
        assert!(expected.contains(&true), "kind {index} never freezes");
        // What reaches over the ends of the table is cut off there.
        let inside = EDGE..clocks.len() - EDGE;
        if let Some(wrong) = inside.clone().find(|m| expected[*m] != found[*m]) {
            let shown = clocks.shows(wrong);
            panic!(
                "{zone_name} {shown} ({}): {:?} is frozen: {}, expected {}",
                clocks.instant(wrong),
                kind.when,
                found[wrong],
                expected[wrong]
            );
        }
        compared += inside.len();
    }
    compared
}

/// F4, F5, F6: right to the minute in every zone and year, a day is a local day, and what is to come does not hold now.
#[test]
fn every_kind_of_freeze_agrees_with_the_clocks_in_every_minute_of_two_years() {
    for zone in
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca"]
    {
        compare(zone, 2026);
    }
}

#[test]
#[ignore = "takes minutes; the command is above"]
fn every_kind_of_freeze_agrees_with_the_clocks_of_forty_zones_over_twenty_years() {
    let zones = [
        "Europe/Berlin",
        "Europe/London",
        "Europe/Dublin",
        "Europe/Lisbon",
        "Europe/Istanbul",
        "Europe/Moscow",
        "Europe/Chisinau",
        "Atlantic/Azores",
        "America/New_York",
        "America/Chicago",
        "America/Denver",
        "America/Phoenix",
        "America/Los_Angeles",
        "America/Vancouver",
        "America/Edmonton",
        "America/Winnipeg",
        "America/St_Johns",
        "America/Havana",
        "America/Santiago",
        "America/Asuncion",
        "America/Sao_Paulo",
        "America/Scoresbysund",
        "America/Nuuk",
        "America/Mexico_City",
        "America/Port-au-Prince",
        "Africa/Casablanca",
        "Africa/El_Aaiun",
        "Africa/Cairo",
        "Africa/Johannesburg",
        "Asia/Beirut",
        "Asia/Gaza",
        "Asia/Jerusalem",
        "Asia/Tehran",
        "Asia/Kolkata",
        "Asia/Tokyo",
        "Australia/Sydney",
        "Australia/Lord_Howe",
        "Pacific/Auckland",
        "Pacific/Chatham",
        "Antarctica/Troll",
    ];
    assert_eq!(zones.len(), 40);
    let compared: usize =
        zones.iter().map(|zone| (0..10).map(|pair| compare(zone, 2020 + pair * 2)).sum::<usize>()).sum();
    println!("{compared} minutes compared, no difference");
}

/// F6: others had freezes of the future that stopped deploys at once.
#[test]
fn a_freeze_of_any_kind_that_is_to_come_does_not_hold_now() {
    let now = "2026-11-22T12:00:00Z";
    let whens = [
        dates("2026-12-24", "2026-12-27"),
        rule("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", None, "3d"),
        FreezeWhen::on("24 December", "3d").expect("a day"),
        FreezeWhen::holidays("DE").expect("a list"),
        FreezeWhen::cron("0 0 24 12 *", "3d").expect("a line"),
    ];
    for when in whens {
        let calendar =
            Calendar::compile(&BTreeMap::new(), &[freeze("f", "Europe/Berlin", when.clone())], at(now));
        assert!(calendar.freezes_at("production", "api", at(now)).is_empty(), "{when:?}");
        let next = calendar.next_freeze("production", "api", at(now)).expect("it is planned");
        assert_eq!(next.from.to_zoned(zone("Europe/Berlin").tz().clone()).month(), 12, "{when:?}");
    }
}

/// F9: others took windows and freezes that could never be, and said nothing.
#[test]
fn what_never_opens_or_never_freezes_is_refused_when_it_is_read() {
    let never_opens = crate::calendar::Schedule::new("office", zone("UTC"), Vec::new(), Vec::new());
    assert!(never_opens.is_err());
    assert!(FreezeWhen::rule("FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=31", None, "1d").is_err());
    assert!(FreezeWhen::on("31 April", "1d").is_err());
    assert!(FreezeWhen::cron("0 0 31 4 *", "1d").is_err());
    assert!(FreezeWhen::holidays("Atlantis").is_err());
}

/// F4: others took an unknown zone for UTC, with a line in a log.
#[test]
fn an_unknown_zone_is_refused_and_never_taken_for_utc() {
    for name in ["Europe/Berln", "PST", "+02:00", "Local", ""] {
        assert!(crate::zone::Zone::named(name).is_err(), "{name}");
    }
}
