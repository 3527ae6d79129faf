//! Five-field cron lines: the crate's traps, and the same answers as another implementation. Not here: freezes by cron.

use super::{at, zone};
use crate::calendar::FiveFieldCron;
use jiff::Timestamp;
use proptest::prelude::*;
use std::str::FromStr as _;

fn line(text: &str) -> FiveFieldCron {
    text.parse().expect("a cron line")
}

fn fires(text: &str, zone_name: &str, after: &str, count: usize) -> Vec<Timestamp> {
    line(text).upcoming(at(after), &zone(zone_name)).take(count).collect()
}

/// On which days of the week of Sunday 1 to Saturday 7 November 2026 a line fires.
fn days(weekdays: &str) -> Vec<i8> {
    let found = line(&format!("0 12 * * {weekdays}")).upcoming(at("2026-11-01T00:00Z"), &zone("UTC"));
    found
        .map(|fire| zone("UTC").civil(fire))
        .take_while(|fire| fire.day() < 8)
        .map(|fire| fire.day())
        .collect()
}

#[test]
fn weekdays_are_counted_from_sunday_as_zero_or_seven() {
    for (number, name, day) in [
        ("0", "SUN", 1),
        ("1", "MON", 2),
        ("2", "TUE", 3),
        ("3", "wed", 4),
        ("4", "Thu", 5),
        ("5", "FRI", 6),
        ("6", "SAT", 7),
        ("7", "sun", 1),
    ] {
        assert_eq!(days(number), [day], "{number}");
        assert_eq!(days(name), [day], "{name}");
    }
    for (weekdays, expected) in [
        ("1-5", vec![2, 3, 4, 5, 6]),
        ("MON-FRI", vec![2, 3, 4, 5, 6]),
        ("5,6", vec![6, 7]),
        ("FRI-MON", vec![1, 2, 6, 7]),
        ("5-7", vec![1, 6, 7]),
        ("5-1", vec![1, 2, 6, 7]),
        ("0-7", vec![1, 2, 3, 4, 5, 6, 7]),
        ("*/2", vec![1, 3, 5, 7]),
        ("1-5/2", vec![2, 4, 6]),
        ("6-0,3", vec![1, 4, 7]),
    ] {
        assert_eq!(days(weekdays), expected, "{weekdays}");
    }
}

#[test]
fn a_day_of_month_or_a_weekday_is_enough_where_both_are_given() {
    let found = fires("0 0 13 * FRI", "UTC", "2026-11-01T00:00Z", 4);
    assert_eq!(
        found,
        ["2026-11-06T00:00Z", "2026-11-13T00:00Z", "2026-11-20T00:00Z", "2026-11-27T00:00Z"].map(at)
    );
    assert_eq!(fires("0 0 13 * *", "UTC", "2026-11-01T00:00Z", 1), [at("2026-11-13T00:00Z")]);
}

#[test]
fn a_time_of_day_fires_once_where_clocks_change() {
    let spring = fires("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", 2);
    assert_eq!(
        spring,
        ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"].map(at),
        "skipped: at the change"
    );
    let autumn = fires("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", 2);
    assert_eq!(autumn, ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"].map(at), "doubled: the first");
    let apia = fires("0 9 30 12 *", "Pacific/Apia", "2011-12-01T00:00Z", 2);
    assert_eq!(apia, ["2011-12-31T00:00+14:00", "2012-12-30T09:00+14:00"].map(at), "a day left out");
}

#[test]
fn an_interval_goes_on_in_order_where_clocks_change() {
    let autumn = fires("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:59Z", 6);
    let halves =
        ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30"].map(|t| at(&format!("2026-10-25T{t}Z")));
    assert_eq!(autumn, halves);
    let spring = fires("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", 3);
    assert_eq!(spring, ["00:30", "01:00", "01:30"].map(|t| at(&format!("2026-03-29T{t}Z"))));
    // Two hours are an interval: the skipped one is left out.
    let twice = fires("30 2,14 * * *", "Europe/Berlin", "2026-03-28T20:00Z", 2);
    assert_eq!(twice, ["2026-03-29T14:30+02:00", "2026-03-30T02:30+02:00"].map(at));
}

#[test]
fn looking_back_gives_the_same_instants_in_reverse() {
    let back: Vec<_> =
        line("*/30 2 * * *").before(at("2026-10-25T12:00Z"), &zone("Europe/Berlin")).take(5).collect();
    let expected = [
        "2026-10-25T02:30+01:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:00+02:00",
        "2026-10-24T02:30+02:00",
    ];
    assert_eq!(back, expected.map(at));
    let spring = line("30 2 * * *").before(at("2026-03-29T12:00Z"), &zone("Europe/Berlin")).next();
    assert_eq!(spring, Some(at("2026-03-29T03:00+02:00")));
}

#[test]
fn a_line_that_is_none_is_refused_with_what_to_write() {
    for (text, problem) in [
        ("0 18 28 *", "has 4 fields instead of five"),
        ("0 0 18 28 * *", "has 6 fields instead of five"),
        ("@monthly", "has 1 fields instead of five"),
        (
            "60 * * * *",
            "the minute “60” in “60 * * * *” cannot be read: it takes 0 to 59, lists, ranges and steps",
        ),
        ("* 24 * * *", "the hour “24”"),
        ("0 0 0 * *", "the day of month “0”"),
        ("0 0 L * *", "the day of month “L”"),
        ("0 0 1 13 *", "it takes 1 to 12, or a name from JAN to DEC"),
        ("0 0 * * 8", "it takes 0 to 7, or a name from SUN to SAT"),
        ("0 0 * * FRI#2", "the weekday “FRI#2”"),
        ("0 17-9 * * *", "the range 17-9 runs backwards"),
        ("*/0 * * * *", "a step is a number from 1"),
        ("5/10 * * * *", "a step needs a star or a range before it"),
        ("1,,2 * * * *", "the minute “1,,2”"),
        ("-1 * * * *", "the minute “-1”"),
        ("+1 * * * *", "the minute “+1”"),
    ] {
        let refused = FiveFieldCron::from_str(text).expect_err(text).to_string();
        assert!(refused.contains(problem), "{text}: {refused}");
    }
}

#[test]
fn a_date_that_no_year_has_never_fires() {
    for text in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30-31 FEB *"] {
        let refused = FiveFieldCron::from_str(text).expect_err(text).to_string();
        assert!(refused.contains("never fires"), "{text}: {refused}");
    }
    assert_eq!(fires("0 0 29 2 *", "UTC", "2026-01-01T00:00Z", 1), [at("2028-02-29T00:00Z")]);
    assert_eq!(
        fires("0 0 30 2 MON", "UTC", "2026-01-01T00:00Z", 1),
        [at("2026-02-02T00:00Z")],
        "Mondays remain"
    );
}

#[test]
fn a_line_is_stored_as_it_is_written() {
    let stored = serde_json::to_string(&line("  0 18   28 * * ")).expect("JSON");
    assert_eq!(stored, r#""0 18 28 * *""#);
    assert!(serde_json::from_str::<FiveFieldCron>(r#""0 0 30 2 *""#).is_err());
}

/// A field with numbers from `low` to `high`: star, step, number, range, list.
fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
    let number = low..=high;
    let range = (number.clone(), number.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let part = prop_oneof![
        4 => number.prop_map(|n| n.to_string()),
        2 => range.clone(),
        1 => (range, 1u8..10).prop_map(|(range, step)| format!("{range}/{step}")),
        1 => (1u8..20).prop_map(move |step| format!("*/{}", step.min(high))),
    ];
    prop_oneof![
        2 => Just("*".to_owned()),
        4 => proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join(",")),
    ]
}

fn weekday_field() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(vec!["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]).prop_map(str::to_owned);
    prop_oneof![3 => field(0, 7), 1 => name, 1 => Just("MON-FRI".to_owned()), 1 => Just("*".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn another_implementation_fires_at_the_same_instants(
        fields in (field(0, 59), field(0, 23), field(1, 31), field(1, 12), weekday_field()),
        zone_name in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
        ]),
        // Half of the starts lie just before a clock change.
        start in prop_oneof![
            1_700_000_000i64..1_900_000_000,
            prop::sample::select(vec![
                at("2026-03-28T22:00Z"), at("2026-10-24T22:00Z"), at("2026-03-08T04:00Z"), at("2026-11-01T03:00Z"),
                at("2026-04-04T12:00Z"), at("2026-10-03T12:00Z"),
            ]).prop_map(Timestamp::as_second),
        ],
    ) {
        let text = format!("{} {} {} {} {}", fields.0, fields.1, fields.2, fields.3, fields.4);
        let Ok(ours) = FiveFieldCron::from_str(&text) else {
            prop_assert!(text.split(' ').nth(4) == Some("*"), "only impossible dates are refused: {text}");
            return Ok(());
        };
        let start = Timestamp::from_second(start).expect("an instant");
        let zone = zone(zone_name);
        let theirs = croner::Cron::from_str(&text).expect("a cron line");
        let expected: Vec<Timestamp> =
            theirs.iter_after(zone.civil(start)).take(12).map(|fire| fire.timestamp()).collect();
        let found: Vec<Timestamp> = ours.upcoming(start, &zone).take(12).collect();
        prop_assert_eq!(&found, &expected, "{} in {}", text, zone_name);
        // The way back over the same instants.
        if let Some(last) = found.last() {
            let after_last = *last + jiff::SignedDuration::from_secs(1);
            let mut back: Vec<Timestamp> = ours.before(after_last, &zone).take_while(|fire| *fire > start).collect();
            back.reverse();
            prop_assert_eq!(back, found, "{} in {} backwards", text, zone_name);
        }
    }
}
