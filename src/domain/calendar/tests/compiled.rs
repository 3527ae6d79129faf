//! The compiled calendar: guard, horizon, order, keys, spans. Not here: single rules.

use super::{at, dates, freeze, schedule};
use crate::calendar::{Calendar, FreezeWhen, Opening, START_MARGIN};
use jiff::SignedDuration;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn instants(from: &str, until: Option<&str>) -> FreezeWhen {
    FreezeWhen::instants(at(from), until.map(at)).expect("a freeze")
}

#[test]
fn a_freeze_that_begins_within_the_guard_counts() {
    let rule = freeze("f", "UTC", dates("2026-11-26", "2026-11-27"));
    let calendar = Calendar::compile(&BTreeMap::new(), &[rule], at("2026-11-21T00:00Z"));
    for (now, counts) in [
        ("2026-11-25T23:59:29Z", false),
        ("2026-11-25T23:59:30Z", true),
        ("2026-11-26T12:00:00Z", true),
        ("2026-11-26T23:59:59Z", true),
        ("2026-11-27T00:00:00Z", false),
    ] {
        let now = at(now);
        assert_eq!(!calendar.freezes_between("e", "s", now, now + START_MARGIN).is_empty(), counts, "{now}");
        let start = calendar.next_start("e", "s", None, now, false);
        assert_eq!(start, Some(if counts { at("2026-11-27T00:00Z") } else { now }), "{now}");
    }
}

#[test]
fn an_open_ended_freeze_leaves_no_start() {
    let rule = freeze("f", "UTC", instants("2026-11-21T00:00Z", None));
    let calendar = Calendar::compile(&BTreeMap::new(), &[rule], at("2026-11-21T00:00Z"));
    assert_eq!(calendar.next_start("e", "s", None, at("2026-11-22T00:00Z"), true), None);
    let before = at("2026-11-20T00:00Z");
    assert_eq!(calendar.next_start("e", "s", None, before, false), Some(before));
    let active = calendar.freezes_at("e", "s", at("2030-01-01T00:00Z"));
    assert_eq!(active.len(), 1, "it has no end, also past the horizon");
    assert_eq!(active[0].until, None);
}

#[test]
fn outside_of_the_horizon_the_calendar_does_not_cover() {
    let office = schedule("UTC", &["Mon-Thu 00:00-24:00", "Fri 00:00-14:00"], &["Sat-Sun 00:00-24:00"]);
    let now = at("2026-11-21T00:00Z");
    let calendar = Calendar::compile(&BTreeMap::from([("office".to_owned(), office)]), &[], now);
    for (instant, covered) in [
        ("2025-11-19T00:00Z", false),
        ("2025-11-21T00:00Z", true),
        ("2028-11-20T00:00Z", true),
        ("2028-11-25T00:00Z", false),
    ] {
        assert_eq!(calendar.covers(at(instant)), covered, "{instant}");
    }
    // Schedules know no horizon: they answer rightly also out there.
    assert_eq!(calendar.opening(Some("office"), at("2031-11-21T14:00Z")).0, Opening::Closed);
    let (_, change) = calendar.opening(Some("office"), at("2031-11-21T13:00Z"));
    assert_eq!(change, Some(at("2031-11-21T14:00Z")));
    assert_eq!(calendar.next_start("e", "s", Some("office"), at("2031-11-21T13:00Z"), false), None);
}

#[test]
fn no_schedule_is_always_open_and_an_unknown_one_is_closed() {
    let now = at("2026-11-21T00:00Z");
    let calendar = Calendar::compile(&BTreeMap::new(), &[], now);
    assert_eq!(calendar.opening(None, now), (Opening::Open, None));
    assert_eq!(calendar.opening(Some("offcie"), now), (Opening::Closed, None));
    assert_eq!(calendar.next_start("e", "s", None, now, false), Some(now));
    assert_eq!(calendar.next_start("e", "s", Some("offcie"), now, true), None);
}

#[test]
fn an_emergency_waits_for_the_emergency_window_only() {
    let office = schedule("UTC", &["Mon-Thu 00:00-24:00", "Fri 00:00-14:00"], &["Sat-Sun 00:00-24:00"]);
    let friday = at("2026-11-20T15:00Z");
    let rule = freeze("f", "UTC", dates("2026-11-21", "2026-11-21T06:00"));
    let calendar = Calendar::compile(&BTreeMap::from([("office".to_owned(), office)]), &[rule], friday);
    let start = |emergency| calendar.next_start("production", "api", Some("office"), friday, emergency);
    assert_eq!(start(true), Some(at("2026-11-21T06:00Z")));
    assert_eq!(start(false), Some(at("2026-11-23T00:00Z")));
}

#[test]
fn spans_say_what_holds_from_when_until_when() {
    let office = schedule("UTC", &["Mon-Fri 09:00-17:00"], &["Sat-Sun 00:00-24:00"]);
    let friday = at("2026-11-20T12:00Z");
    let rules = [
        freeze("a", "UTC", dates("2026-11-20T16:00", "2026-11-20T18:00")),
        freeze("b", "UTC", dates("2026-11-20T17:00", "2026-11-21T10:00")),
    ];
    let calendar = Calendar::compile(&BTreeMap::from([("office".to_owned(), office)]), &rules, friday);
    let spans = calendar.spans("production", "api", Some("office"), friday, at("2026-11-22T00:00Z"));
    let told: Vec<String> = spans
        .iter()
        .map(|span| {
            let freezes: Vec<&str> = span.freezes.iter().map(|(id, _)| id.0.as_str()).collect();
            let zone = crate::zone::Zone::utc();
            format!("{} {:?} [{}]", zone.say_short(span.from), span.opening, freezes.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "Fri 20 Nov, 12:00 Open []",
            "Fri 20 Nov, 16:00 Open [a]",
            "Fri 20 Nov, 17:00 Closed [a b]",
            "Fri 20 Nov, 18:00 Closed [b]",
            "Sat 21 Nov, 00:00 EmergencyOnly [b]",
            "Sat 21 Nov, 10:00 EmergencyOnly []",
        ]
    );
}

#[test]
fn an_occurrence_keeps_its_key_when_the_calendar_is_compiled_again() {
    let month_end =
        || freeze("month-end", "Europe/Berlin", FreezeWhen::cron("0 18 28 * *", "3d").expect("a freeze"));
    let keys = |around: &str| {
        let calendar = Calendar::compile(&BTreeMap::new(), &[month_end()], at(around));
        let found = calendar.occurrences(at("2026-11-01T00:00Z"), at("2027-01-15T00:00Z"));
        found.iter().map(crate::calendar::FreezeOccurrence::key).collect::<Vec<_>>()
    };
    assert_eq!(keys("2026-11-01T00:00Z"), keys("2026-12-24T08:15Z"));
    assert_eq!(
        keys("2026-11-01T00:00Z"),
        ["month-end@2026-11-28T17:00:00Z", "month-end@2026-12-28T17:00:00Z"],
        "the one of October ended on the 31st"
    );
}

proptest! {
    /// Short and long, ended and endless: the quick search finds what looking at each freeze finds.
    #[test]
    fn the_quick_search_finds_every_freeze(
        freezes in proptest::collection::vec((-500i64..800, 1i64..200, any::<bool>()), 0..40),
        asked in -300i64..600,
        length in 0i64..50,
    ) {
        let now = at("2026-11-21T00:00Z");
        let day = |days: i64| now + SignedDuration::from_hours(24 * days);
        let rules: Vec<_> = freezes
            .iter()
            .enumerate()
            .map(|(index, (from, days, ends))| {
                let until = ends.then(|| day(from + days));
                freeze(&index.to_string(), "UTC", FreezeWhen::instants(day(*from), until).expect("a freeze"))
            })
            .collect();
        let calendar = Calendar::compile(&BTreeMap::new(), &rules, now);
        let holds = |(from, days, ends): &(i64, i64, bool), at: i64, to: i64| {
            *from <= to && (!ends || from + days > at)
        };
        let mut expected: Vec<String> = Vec::new();
        for (index, rule) in freezes.iter().enumerate() {
            if holds(rule, asked, asked + length) {
                expected.push(index.to_string());
            }
        }
        let mut found: Vec<String> = calendar
            .freezes_between("e", "s", day(asked), day(asked + length))
            .iter()
            .map(|active| active.freeze.name.clone())
            .collect();
        found.sort_by_key(|name| name.parse::<usize>().expect("a number"));
        prop_assert_eq!(found, expected);
        let next = calendar.next_freeze("e", "s", day(asked)).map(|freeze| freeze.from);
        prop_assert_eq!(next, freezes.iter().map(|rule| rule.0).filter(|from| *from > asked && *from < 732).min().map(day));
    }
}
