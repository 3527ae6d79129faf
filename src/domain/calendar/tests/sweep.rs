//! The calendar against the minute-by-minute reference on the nights when clocks change. Not here: the reference itself.

use super::reference::{Clocks, Hours};
use super::{at, freeze, zone};
use crate::calendar::{Calendar, Feeds, FreezeWhen, Opening, Schedule, WeeklySpan};
use crate::zone::Zone;
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Clock changes of every kind: an hour forward and back, half an hour, at midnight, two zones that stop changing,
/// one that pauses for Ramadan, one that left out a day, two hours at once.
const CHANGES: &[(&str, &str)] = &[
    ("Europe/Berlin", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00Z"),
    ("America/New_York", "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01T06:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
    ("America/Vancouver", "2026-03-08T10:00Z"),
    ("America/Vancouver", "2026-11-01T09:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00Z"),
    ("Africa/Casablanca", "2026-03-22T02:00Z"),
    ("Africa/Casablanca", "2026-09-20T02:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Pacific/Apia", "2011-09-24T14:00Z"),
    ("America/Havana", "2026-03-08T05:00Z"),
    ("America/Havana", "2026-11-01T05:00Z"),
    ("Africa/Cairo", "2026-04-23T22:00Z"),
    ("Africa/Cairo", "2026-10-29T21:00Z"),
    ("Antarctica/Troll", "2026-03-29T01:00Z"),
    ("Antarctica/Troll", "2026-10-25T01:00Z"),
    ("Asia/Kathmandu", "2026-06-01T00:00Z"),
];

/// The minute of a table at which its clocks change.
const MIDDLE: i64 = 9 * 24 * 60;

static CLOCKS: LazyLock<Vec<(Zone, Clocks)>> = LazyLock::new(|| {
    let around = |(name, change): &(&str, &str)| (zone(name), Clocks::around(&zone(name), at(change), 9));
    CHANGES.iter().map(around).collect()
});

/// The first and last days of a table may cut a window off.
const MARGIN: usize = 5 * 24 * 60;

fn hours() -> impl Strategy<Value = Hours> {
    // Clocks change in the small hours, so most borders should lie there.
    let minute =
        || prop_oneof![3 => 0i64..=300, 1 => 0i64..1440, 1 => Just(0), 1 => (0i64..24).prop_map(|h| h * 60)];
    let until = prop_oneof![4 => minute(), 1 => Just(1440)];
    (proptest::array::uniform7(any::<bool>()), minute(), until)
        .prop_filter("a window has days and a length", |(days, from, until)| {
            days.contains(&true) && from != until
        })
        .prop_map(|(days, from, until)| Hours { days, from, until })
}

fn written(hours: &Hours) -> WeeklySpan {
    let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let days: Vec<&str> =
        names.into_iter().zip(hours.days).filter_map(|(name, on)| on.then_some(name)).collect();
    let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
    format!("{} {}-{}", days.join(","), clock(hours.from), clock(hours.until)).parse().expect("a window")
}

fn build(zone: &Zone, open: &[Hours], emergency: &[Hours]) -> Schedule {
    let spans = |hours: &[Hours]| hours.iter().map(written).collect();
    Schedule::new("office", zone.clone(), spans(open), spans(emergency)).expect("it has a window")
}

fn expected(open: &[bool], emergency: &[bool], minute: usize) -> Opening {
    match (open[minute], emergency[minute]) {
        (true, _) => Opening::Open,
        (false, true) => Opening::EmergencyOnly,
        (false, false) => Opening::Closed,
    }
}

fn calendar_of(schedule: Schedule, freezes: &[crate::calendar::Freeze], around: Timestamp) -> Calendar {
    Calendar::compile(&BTreeMap::from([("office".to_owned(), schedule)]), freezes, around)
}

/// Every zone that changes its clocks in the next year, at both changes, with windows and freezes laid across them.
#[test]
fn every_zone_agrees_with_its_clocks_at_its_next_changes() {
    let hours = |from, until| Hours { days: [true; 7], from, until };
    let windows = [hours(30, 90), hours(135, 165), hours(200, 260), hours(1410, 10)];
    let (now, year) = (at("2026-11-21T00:00Z"), SignedDuration::from_hours(365 * 24));
    let mut changes = 0;
    for name in TimeZoneDatabase::bundled().available() {
        let Ok(zone) = Zone::named(name.as_str()) else { continue };
        let soon: Vec<Timestamp> = zone
            .tz()
            .following(now)
            .map(|change| change.timestamp())
            .take_while(|c| *c < now + year)
            .take(2)
            .collect();
        for change in soon {
            changes += 1;
            let clocks = Clocks::around(&zone, change, 2);
            let open = clocks.open(&windows);
            let schedule = build(&zone, &windows, &[]);
            let from = clocks.shows(2 * 24 * 60 - 1) - SignedDuration::from_mins(20);
            let until = from + SignedDuration::from_mins(50);
            let frozen = clocks.frozen(from, until);
            let rule = freeze("f", zone.name(), FreezeWhen::Dates { from, until });
            let found = rule.stretches(&Feeds::new(), clocks.start, clocks.instant(clocks.len()), change);
            let segments = schedule.segments(clocks.start, clocks.instant(clocks.len()));
            for minute in 24 * 60..clocks.len() - 24 * 60 {
                let now = clocks.instant(minute);
                let is_frozen = found.iter().any(|span| span.from <= now && now < span.until);
                assert_eq!(
                    is_frozen,
                    frozen[minute],
                    "{zone} {} frozen {from} to {until}",
                    clocks.shows(minute)
                );
                let last = segments.partition_point(|segment| segment.0 <= now) - 1;
                assert_eq!(
                    segments[last].1 == Opening::Open,
                    open[minute],
                    "{zone} {}",
                    clocks.shows(minute)
                );
            }
        }
    }
    assert!(changes > 100, "only {changes} changes in a year");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_schedule_agrees_with_the_clocks_in_every_minute(
        case in 0..CHANGES.len(),
        open in proptest::collection::vec(hours(), 1..4),
        emergency in proptest::collection::vec(hours(), 0..3),
        asked in MARGIN..(13 * 24 * 60usize),
    ) {
        let (zone, clocks) = &CLOCKS[case];
        let schedule = build(zone, &open, &emergency);
        let (is_open, is_emergency) = (clocks.open(&open), clocks.open(&emergency));
        let calendar = calendar_of(schedule.clone(), &[], clocks.start);
        for minute in MARGIN..clocks.len() - MARGIN {
            let now = clocks.instant(minute);
            let reference = expected(&is_open, &is_emergency, minute);
            prop_assert_eq!(calendar.opening(Some("office"), now).0, reference, "{} {}", zone, clocks.shows(minute));
            let is_border = reference != expected(&is_open, &is_emergency, minute - 1);
            if is_border {
                prop_assert_eq!(schedule.at(now), reference, "{} {}", zone, clocks.shows(minute));
                let second_before = now - SignedDuration::from_secs(1);
                prop_assert_eq!(schedule.at(second_before), expected(&is_open, &is_emergency, minute - 1));
            }
        }
        // From any minute: the next change, and the first open instant.
        let now = clocks.instant(asked);
        let current = expected(&is_open, &is_emergency, asked);
        let end = clocks.len() - MARGIN;
        if let Some(change) = (asked..end).find(|m| expected(&is_open, &is_emergency, *m) != current) {
            let found = Some((clocks.instant(change), expected(&is_open, &is_emergency, change)));
            prop_assert_eq!(schedule.next_change(now), found);
            prop_assert_eq!(calendar.opening(Some("office"), now).1, found.map(|(instant, _)| instant));
        }
        if let Some(first) = (asked..end).find(|minute| is_open[*minute]) {
            prop_assert_eq!(schedule.next_open(now, false), Some(clocks.instant(first)));
        }
    }

    #[test]
    fn a_freeze_agrees_with_the_clocks_in_every_minute(
        case in 0..CHANGES.len(),
        from in prop_oneof![-200i64..200, -3000i64..3000],
        lasts in prop_oneof![1i64..200, 1i64..4000],
        nudge in -200i64..200,
    ) {
        let (zone, clocks) = &CLOCKS[case];
        // Local times around the change, and also ones that clocks never show.
        let from = usize::try_from(MIDDLE + from).expect("inside of the table");
        let from = clocks.shows(from) + SignedDuration::from_mins(nudge);
        let until = from + SignedDuration::from_mins(lasts);
        let frozen = clocks.frozen(from, until);
        let rule = freeze("f", zone.name(), FreezeWhen::Dates { from, until });
        let calendar = Calendar::compile(&BTreeMap::new(), &[rule], clocks.start);
        for (minute, frozen) in frozen.into_iter().enumerate() {
            let now = clocks.instant(minute);
            prop_assert_eq!(
                !calendar.freezes_at("production", "api", now).is_empty(),
                frozen,
                "{} {} in {}..{}", zone, clocks.shows(minute), from, until
            );
        }
    }

    #[test]
    fn next_start_is_the_first_minute_that_is_open_and_free(
        case in 0..CHANGES.len(),
        open in proptest::collection::vec(hours(), 1..3),
        freezes in proptest::collection::vec((0usize..(16 * 24 * 60), 1i64..3000), 0..6),
        now in MARGIN..(9 * 24 * 60usize),
    ) {
        let (zone, clocks) = &CLOCKS[case];
        let mut is_free = clocks.open(&open);
        let mut rules = Vec::new();
        for (index, (from, lasts)) in freezes.iter().enumerate() {
            let from = clocks.shows(*from);
            let until = from + SignedDuration::from_mins(*lasts);
            rules.push(freeze(&format!("f{index}"), zone.name(), FreezeWhen::Dates { from, until }));
            for (minute, frozen) in clocks.frozen(from, until).into_iter().enumerate() {
                is_free[minute] &= !frozen;
            }
        }
        let calendar = calendar_of(build(zone, &open, &[]), &rules, clocks.start);
        let found = calendar.next_start("production", "api", Some("office"), clocks.instant(now), false);
        if let Some(first) = (now..clocks.len() - MARGIN).find(|minute| is_free[*minute]) {
            prop_assert_eq!(found, Some(clocks.instant(first)));
        }
        // Spans say the same, without holes and without overlap.
        let (from, until) = (clocks.instant(MARGIN), clocks.instant(clocks.len() - MARGIN));
        let spans = calendar.spans("production", "api", Some("office"), from, until);
        prop_assert_eq!(spans.first().map(|span| span.from), Some(from));
        prop_assert_eq!(spans.last().map(|span| span.until), Some(until));
        for pair in spans.windows(2) {
            prop_assert_eq!(pair[0].until, pair[1].from);
            prop_assert!(pair[0].opening != pair[1].opening || pair[0].freezes != pair[1].freezes);
        }
        for (minute, is_free) in is_free.iter().enumerate().take(clocks.len() - MARGIN).skip(MARGIN) {
            let now = clocks.instant(minute);
            let span = spans.iter().find(|span| span.from <= now && now < span.until).expect("no hole");
            prop_assert_eq!(span.lets_through(false), *is_free);
        }
    }
}
