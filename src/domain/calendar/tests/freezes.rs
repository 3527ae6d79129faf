//! Freezes: what each kind covers, and what is refused. Not here: many of them together (`compiled`).

use super::{at, dates, freeze};
use crate::calendar::{Calendar, Freeze, FreezeOrigin, FreezeScope, FreezeWhen};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

fn compiled(freezes: &[Freeze], around: &str) -> Calendar {
    Calendar::compile(&BTreeMap::new(), freezes, at(around))
}

fn is_frozen(calendar: &Calendar, instant: &str) -> bool {
    !calendar.freezes_at("production", "api", at(instant)).is_empty()
}

/// From and until of all occurrences of one freeze.
fn spans(calendar: &Calendar, from: &str, until: &str) -> Vec<(Timestamp, Option<Timestamp>)> {
    calendar.occurrences(at(from), at(until)).iter().map(|o| (o.from, o.until)).collect()
}

#[test]
fn a_freeze_begins_with_its_first_instant_and_is_over_at_its_last() {
    let black_friday = freeze("black-friday", "America/New_York", dates("2026-11-26T00:00", "2026-12-01"));
    let calendar = compiled(&[black_friday], "2026-11-20T00:00Z");
    for (instant, expected) in [
        ("2026-11-25T23:59:59-05:00", false),
        ("2026-11-26T00:00-05:00", true),
        ("2026-11-30T23:59:59-05:00", true),
        ("2026-12-01T00:00-05:00", false),
    ] {
        assert_eq!(is_frozen(&calendar, instant), expected, "{instant}");
    }
}

#[test]
fn a_freeze_in_the_future_does_not_block_now() {
    let calendar =
        compiled(&[freeze("xmas", "Europe/Berlin", dates("2026-12-24", "2026-12-27"))], "2026-11-21T12:00Z");
    assert!(!is_frozen(&calendar, "2026-11-21T12:00Z"));
    let next = calendar.next_freeze("production", "api", at("2026-11-21T12:00Z")).expect("one is planned");
    assert_eq!((next.from, next.until), (at("2026-12-23T23:00Z"), Some(at("2026-12-26T23:00Z"))));
    assert_eq!(calendar.next_freeze("production", "api", next.from), None, "it has begun");
}

#[test]
fn a_holiday_is_one_local_day_also_when_clocks_change() {
    for (zone, day, next, hours) in [
        ("Europe/Berlin", "2026-03-29", "2026-03-30", 23 * 60),
        ("Europe/Berlin", "2026-10-25", "2026-10-26", 25 * 60),
        ("America/New_York", "2026-11-26", "2026-11-27", 24 * 60),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-06", 24 * 60 + 30),
        ("America/Havana", "2026-11-01", "2026-11-02", 25 * 60),
        ("America/Havana", "2026-03-08", "2026-03-09", 23 * 60),
    ] {
        let by_date = compiled(&[freeze("f", zone, dates(day, next))], "2026-06-01T00:00Z");
        let (month, day_of_month) = (&day[5..7], &day[8..10]);
        let line = format!("0 0 {day_of_month} {month} *");
        let by_cron = FreezeWhen::cron(&line, "1d").expect("a yearly day");
        let by_cron = compiled(&[freeze("f", zone, by_cron)], "2026-06-01T00:00Z");
        let found = spans(&by_date, "2026-01-01T00:00Z", "2026-12-31T00:00Z");
        assert_eq!(found.len(), 1, "{zone} {day}");
        assert_eq!(spans(&by_cron, "2026-01-01T00:00Z", "2026-12-31T00:00Z"), found, "{zone} {day} by cron");
        let (from, until) = (found[0].0, found[0].1.expect("it ends"));
        assert_eq!(until.duration_since(from), SignedDuration::from_mins(hours), "{zone} {day}");
    }
}

#[test]
fn a_freeze_takes_the_longer_reading_of_a_doubled_or_skipped_time() {
    // Berlin: 25 October doubles 02:00 to 03:00 CEST (00:00Z to 01:00Z); 29 March skips it.
    for (from, until, expected) in [
        ("2026-10-25T02:30", "2026-10-25T05:00", ("2026-10-25T00:30Z", "2026-10-25T04:00Z")),
        ("2026-10-24T22:00", "2026-10-25T02:30", ("2026-10-24T20:00Z", "2026-10-25T01:30Z")),
        ("2026-10-25T02:10", "2026-10-25T02:20", ("2026-10-25T00:10Z", "2026-10-25T01:20Z")),
        ("2026-03-29T02:30", "2026-03-29T05:00", ("2026-03-29T01:00Z", "2026-03-29T03:00Z")),
        ("2026-03-28T22:00", "2026-03-29T02:30", ("2026-03-28T21:00Z", "2026-03-29T01:30Z")),
        ("2026-03-29T02:10", "2026-03-29T02:20", ("2026-03-29T01:00Z", "2026-03-29T01:20Z")),
    ] {
        let calendar = compiled(&[freeze("f", "Europe/Berlin", dates(from, until))], "2026-06-01T00:00Z");
        let found = spans(&calendar, "2026-01-01T00:00Z", "2026-12-31T00:00Z");
        assert_eq!(found, [(at(expected.0), Some(at(expected.1)))], "{from} to {until}");
    }
}

#[test]
fn a_cron_freeze_lasts_local_days_or_whole_hours() {
    // Month end of October 2026 in Berlin, over the 25th.
    let days = FreezeWhen::cron("0 18 24 10 *", "3d").expect("a freeze");
    let calendar = compiled(&[freeze("f", "Europe/Berlin", days)], "2026-06-01T00:00Z");
    let found = spans(&calendar, "2026-01-01T00:00Z", "2026-12-31T00:00Z");
    assert_eq!(found, [(at("2026-10-24T18:00+02:00"), Some(at("2026-10-27T18:00+01:00")))]);
    let hours = FreezeWhen::cron("0 18 24 10 *", "72h").expect("a freeze");
    let calendar = compiled(&[freeze("f", "Europe/Berlin", hours)], "2026-06-01T00:00Z");
    let found = spans(&calendar, "2026-01-01T00:00Z", "2026-12-31T00:00Z");
    assert_eq!(found, [(at("2026-10-24T18:00+02:00"), Some(at("2026-10-27T17:00+01:00")))]);
}

#[test]
fn a_cron_freeze_begins_also_where_its_time_is_skipped() {
    for line in ["30 2 * * *", "30 2,14 * * *", "15,30 2 * * *"] {
        let when = FreezeWhen::cron(line, "1h").expect("a freeze");
        let calendar = compiled(&[freeze("f", "Europe/Berlin", when)], "2026-03-01T00:00Z");
        let found = spans(&calendar, "2026-03-29T00:00Z", "2026-03-29T03:00Z");
        assert_eq!(found, [(at("2026-03-29T01:00Z"), Some(at("2026-03-29T02:00Z")))], "{line}");
    }
}

#[test]
fn a_cron_freeze_that_began_before_the_calendar_still_holds() {
    let year_long = FreezeWhen::cron("0 0 1 1 *", "300d").expect("a freeze");
    let calendar = compiled(&[freeze("f", "UTC", year_long)], "2026-06-01T00:00Z");
    assert!(is_frozen(&calendar, "2025-06-02T00:00Z"), "a year back, in a freeze of January");
    assert!(!is_frozen(&calendar, "2025-12-01T00:00Z"));
    assert!(is_frozen(&calendar, "2027-03-01T00:00Z"));
}

#[test]
fn firing_again_before_the_end_is_one_longer_freeze() {
    // Every hour of a day, for 24 hours each: frozen for 47 hours, and told so as one occurrence.
    let holiday = FreezeWhen::cron("0 * 15 JAN *", "24h").expect("a freeze");
    let holiday = freeze("f", "UTC", holiday);
    let calendar = compiled(std::slice::from_ref(&holiday), "2026-11-21T00:00Z");
    let found = spans(&calendar, "2027-01-01T00:00Z", "2027-02-01T00:00Z");
    let (from, until) = (at("2027-01-15T00:00Z"), at("2027-01-16T23:00Z"));
    assert_eq!(found, [(from, Some(until))]);
    assert_eq!(holiday.runs_together(at("2026-11-21T00:00Z")), Some((from, until)));
    let month_end = freeze("f", "UTC", FreezeWhen::cron("0 18 28 * *", "3d").expect("a freeze"));
    assert_eq!(month_end.runs_together(at("2026-11-21T00:00Z")), None);
}

#[test]
fn a_freeze_holds_only_within_its_scope() {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let maintenance = Freeze {
        scope: FreezeScope {
            environments: list(&["production"]),
            services: list(&[]),
            except_services: list(&["database"]),
        },
        ..freeze("maintenance", "UTC", dates("2026-11-21", "2026-11-22"))
    };
    let only_api = Freeze {
        scope: FreezeScope { services: list(&["api", "database"]), ..FreezeScope::default() },
        ..freeze("api", "UTC", dates("2026-11-21", "2026-11-22"))
    };
    let calendar = compiled(&[maintenance, only_api], "2026-11-21T12:00Z");
    let names = |environment, service| {
        let active = calendar.freezes_at(environment, service, at("2026-11-21T12:00Z"));
        active.iter().map(|f| f.freeze.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("production", "web"), "maintenance");
    assert_eq!(names("production", "api"), "maintenance api");
    assert_eq!(names("production", "database"), "api");
    assert_eq!(names("staging", "web"), "");
}

#[test]
fn a_freeze_that_cannot_be_is_refused() {
    let refused = FreezeWhen::dates("2026-12-25", "2026-12-25").expect_err("it has no length");
    assert!(
        refused.to_string().starts_with("it ends at 2026-12-25T00:00:00, which is not after"),
        "{refused}"
    );
    assert!(FreezeWhen::dates("2026-12-26", "2026-12-25").is_err());
    assert!(FreezeWhen::instants(at("2026-12-25T00:00Z"), Some(at("2026-12-25T00:00Z"))).is_err());
    for (from, until) in
        [("2026-02-30", "2026-03-01"), ("26.11.2026", "2026-12-01"), ("2026-11-26T24:00", "2026-12-01")]
    {
        let refused = FreezeWhen::dates(from, until).expect_err(from).to_string();
        assert!(refused.starts_with(&format!("“{from}” is not a point in time; write")), "{refused}");
    }
    assert!(FreezeWhen::cron("0 0 30 2 *", "1d").is_err());
    assert!(FreezeWhen::cron("0 0 1 1 *", "0d").is_err());
}

#[test]
fn freezes_are_stored_in_this_form() {
    let chat = Freeze {
        origin: FreezeOrigin::Chat { by: "ada".to_owned(), reason: "the fair".to_owned() },
        scope: FreezeScope { environments: vec!["production".to_owned()], ..FreezeScope::default() },
        ..freeze(
            "f1",
            "Europe/Berlin",
            FreezeWhen::instants(at("2026-11-21T10:00Z"), None).expect("a freeze"),
        )
    };
    insta::assert_json_snapshot!(chat, @r#"
    {
      "id": "f1",
      "name": "f1",
      "scope": {
        "environments": [
          "production"
        ],
        "services": [],
        "except_services": []
      },
      "zone": "Europe/Berlin",
      "when": {
        "instants": {
          "from": "2026-11-21T10:00:00Z",
          "until": null
        }
      },
      "origin": {
        "chat": {
          "by": "ada",
          "reason": "the fair"
        }
      }
    }
    "#);
    let cron = FreezeWhen::cron("0 18 28 * *", "1d 12h").expect("a freeze");
    insta::assert_json_snapshot!([dates("2026-11-26", "2026-12-01T09:00"), cron], @r#"
    [
      {
        "dates": {
          "from": "2026-11-26T00:00:00",
          "until": "2026-12-01T09:00:00"
        }
      },
      {
        "cron": {
          "line": "0 18 28 * *",
          "lasts": "1d 12h"
        }
      }
    ]
    "#);
    assert_eq!(serde_json::to_string(&FreezeOrigin::Settings).expect("JSON"), r#""settings""#);
    let stored = serde_json::to_string(&chat).expect("JSON");
    assert_eq!(serde_json::from_str::<Freeze>(&stored).expect("stored before"), chat);
}

#[test]
fn a_freeze_is_over_only_when_it_never_comes_again() {
    let now = at("2026-11-22T00:00Z");
    let rule = |rule: &str, from: &str| FreezeWhen::rule(rule, Some(from), "1d").expect("a freeze");
    for (when, is_to_come) in [
        (dates("2026-11-20", "2026-11-22"), false),
        (dates("2026-11-20", "2026-11-23"), true),
        (FreezeWhen::cron("0 0 29 2 *", "1d").expect("a freeze"), true),
        (FreezeWhen::on("29 February", "1d").expect("a freeze"), true),
        (rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2024-02-29"), true),
        (rule("FREQ=DAILY;COUNT=3", "2026-11-01"), false),
        (rule("FREQ=DAILY;UNTIL=20261121", "2026-11-01"), false),
        (rule("FREQ=DAILY;UNTIL=20261122", "2026-11-01"), true),
    ] {
        assert_eq!(freeze("f", "UTC", when.clone()).is_to_come(now), is_to_come, "{when:?}");
    }
}
