//! Freezes by recurrence rules: against another program, their ends at changed clocks, hostile ones. Not here: rules
//! inside of calendars that others keep (`feeds`).

use super::{at, freeze, zone};
use crate::calendar::words::parse_civil;
use crate::calendar::{Calendar, FreezeWhen, Recurrence};
use jiff::Timestamp;
use jiff::civil::date;
use std::collections::BTreeMap;

fn rule(rule: &str, from: Option<&str>, lasts: &str) -> FreezeWhen {
    FreezeWhen::rule(rule, from, lasts).unwrap_or_else(|why| panic!("{rule}: {why}"))
}

/// From and until of everything in a range.
fn spans(zone: &str, when: FreezeWhen, from: &str, until: &str) -> Vec<(Timestamp, Timestamp)> {
    let calendar = Calendar::compile(&BTreeMap::new(), &[freeze("f", zone, when)], at(from));
    let found = calendar.occurrences(at(from), at(until));
    found.iter().map(|o| (o.from, o.until.expect("it ends"))).collect()
}

#[test]
fn a_thousand_rules_fire_when_another_program_says_so() {
    let mut wrong = Vec::new();
    let mut rules = 0;
    for line in include_str!("rules.tsv").lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let (start, text, fires) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let rule = Recurrence::unchecked(text, Some(parse_civil(start).unwrap())).expect(text);
        let end = date(2034, 12, 31).at(23, 59, 59, 0);
        let found = rule.fires(&zone("UTC"), date(1999, 1, 1).at(0, 0, 0, 0), end, &mut 10_000_000);
        let found: Vec<String> =
            found.expect(text).iter().take(12).map(|fire| fire.strftime("%y%m%d").to_string()).collect();
        if found.join(" ") != fires {
            wrong.push(format!("{start} {text}\n  we:   {}\n  they: {fires}", found.join(" ")));
        }
        // Whoever looks at a later time only skips what is before it, and finds the same.
        let later = date(2030, 3, 1).at(0, 0, 0, 0);
        let all = rule.fires(&zone("UTC"), date(1999, 1, 1).at(0, 0, 0, 0), end, &mut 10_000_000).unwrap();
        let tail: Vec<_> = all.into_iter().filter(|fire| *fire >= later).collect();
        assert_eq!(rule.fires(&zone("UTC"), later, end, &mut 10_000_000), Some(tail), "{text}");
        rules += 1;
    }
    assert!(rules > 900, "only {rules} rules");
    assert!(wrong.is_empty(), "{} of {rules}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn black_friday_by_a_rule_is_five_local_days() {
    let when = rule("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", None, "5d");
    let found = spans("America/New_York", when, "2026-01-01T00:00Z", "2027-12-31T00:00Z");
    let expected = [
        (at("2026-11-26T00:00-05:00"), at("2026-12-01T00:00-05:00")),
        (at("2027-11-25T00:00-05:00"), at("2027-11-30T00:00-05:00")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_rule_takes_the_longer_reading_where_clocks_change() {
    // Berlin: 02:30 is skipped on 29 March and comes twice on 25 October 2026.
    let nightly = rule("FREQ=DAILY", Some("2026-01-01T02:30"), "1h");
    let night = |from, until| spans("Europe/Berlin", nightly.clone(), from, until);
    let skipped = night("2026-03-29T00:00Z", "2026-03-29T12:00Z");
    assert_eq!(skipped, [(at("2026-03-29T01:00Z"), at("2026-03-29T02:00Z"))]);
    let doubled = night("2026-10-24T22:00Z", "2026-10-25T12:00Z");
    assert_eq!(doubled, [(at("2026-10-25T00:30Z"), at("2026-10-25T01:30Z"))]);
    // A day by the clock ends at the second of a doubled time.
    let day = rule("FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=24", Some("2026-10-24T02:30"), "1d");
    let found = spans("Europe/Berlin", day, "2026-10-23T00:00Z", "2026-10-27T00:00Z");
    assert_eq!(found, [(at("2026-10-24T00:30Z"), at("2026-10-25T01:30Z"))]);
}

#[test]
fn a_rule_counts_from_its_first_time() {
    let sprint = rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", Some("2026-01-05T18:00"), "12h");
    let found = spans("UTC", sprint, "2026-11-01T00:00Z", "2026-12-01T00:00Z");
    assert_eq!(
        found.iter().map(|span| span.0).collect::<Vec<_>>(),
        [at("2026-11-09T18:00Z"), at("2026-11-23T18:00Z")]
    );
    let thrice = rule("FREQ=DAILY;COUNT=3", Some("2026-11-20T00:00"), "1h");
    assert_eq!(spans("UTC", thrice, "2026-11-22T00:00Z", "2027-11-22T00:00Z").len(), 1);
    let until = rule("FREQ=DAILY;UNTIL=20261124T000000", Some("2026-11-20T00:00"), "1h");
    assert_eq!(spans("UTC", until, "2026-11-22T00:00Z", "2027-11-22T00:00Z").len(), 3);
    // An end in UTC is that instant on the clocks of the zone: 25 November, 09:00 in Tokyo.
    let until = rule("FREQ=DAILY;UNTIL=20261125T000000Z", Some("2026-11-20T08:00"), "1h");
    assert_eq!(spans("Asia/Tokyo", until, "2026-11-22T12:00Z", "2027-11-22T00:00Z").len(), 3);
}

#[test]
fn a_rule_that_began_before_the_calendar_still_holds() {
    let when = rule("FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1", None, "300d");
    let calendar = Calendar::compile(&BTreeMap::new(), &[freeze("f", "UTC", when)], at("2026-06-01T00:00Z"));
    let is_frozen = |instant| !calendar.freezes_at("production", "api", at(instant)).is_empty();
    assert!(is_frozen("2025-06-02T00:00Z") && is_frozen("2027-03-01T00:00Z"));
    assert!(!is_frozen("2026-11-01T00:00Z"));
}

#[test]
fn a_rule_that_cannot_be_is_refused() {
    for (text, from, says) in [
        ("BYMONTH=11", None, "the rule has no FREQ"),
        ("FREQ=FORTNIGHTLY", None, "“FREQ=FORTNIGHTLY” in the rule cannot be read: it takes DAILY"),
        (
            "FREQ=SECONDLY",
            Some("2000-01-01"),
            "freezes repeat DAILY, WEEKLY, MONTHLY or YEARLY, not within a day",
        ),
        ("FREQ=DAILY;FREQ=WEEKLY", None, "FREQ stands there twice"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", Some("2026-01-01"), "COUNT and UNTIL"),
        ("FREQ=DAILY;COUNT=0", Some("2026-01-01"), "it takes a number from 1"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", None, "INTERVAL counts from there; write from = "),
        ("FREQ=WEEKLY;BYDAY=MO;COUNT=2", None, "COUNT counts from there; write from = "),
        ("FREQ=WEEKLY", None, "it does not say which day it means; write from = "),
        ("FREQ=YEARLY;BYMONTH=11", None, "it does not say which day it means"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", None, "the rule never fires"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;UNTIL=20270101", Some("2026-01-01"), "the rule never fires"),
        ("FREQ=DAILY;UNTIL=20251231", Some("2026-01-01"), "the rule never fires"),
        ("FREQ=YEARLY;BYWEEKNO=20", None, "weeks by their number are not read"),
        ("FREQ=DAILY;BYHOUR=9", None, "the time of day is that of the first time"),
        ("FREQ=WEEKLY;BYDAY=2MO", None, "numbers before weekdays"),
        ("FREQ=WEEKLY;BYMONTHDAY=2", None, "BYMONTHDAY has no place in a weekly rule"),
        ("FREQ=MONTHLY;BYSETPOS=1", Some("2026-01-01"), "BYSETPOS chooses among"),
        ("FREQ=DAILY;BYMONTH=13", None, "it takes 1 to 12"),
        ("FREQ=DAILY;BYDAY=éé", None, "weekdays are MO, TU"),
        ("FREQ=DAILY;X-COLOUR=RED", None, "it takes FREQ, INTERVAL"),
        ("FREQ=DAILY", Some("0001-01-01"), "begins in the year 1; write a later one"),
        ("", None, "write NAME=VALUE"),
    ] {
        let refused = FreezeWhen::rule(text, from, "1d").expect_err(text).to_string();
        assert!(refused.contains(says), "{text}: {refused}");
    }
}

/// The work that a rule asks for is bounded by its own count of days: each of these would be looked at for minutes
/// otherwise.
#[test]
fn a_hostile_rule_costs_no_more_than_it_may() {
    for (text, start) in [
        ("FREQ=DAILY;COUNT=999999;BYMONTH=2;BYMONTHDAY=30", "1900-01-01"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "1900-01-01"),
        ("FREQ=YEARLY;INTERVAL=1000;BYYEARDAY=366;BYDAY=MO", "1901-01-01"),
        ("FREQ=DAILY;COUNT=999999", "1900-01-01"),
    ] {
        let rule = Recurrence::unchecked(text, Some(parse_civil(start).unwrap())).expect(text);
        let mut days = 200_000;
        let (from, until) = (date(2025, 1, 1).at(0, 0, 0, 0), date(2028, 1, 1).at(0, 0, 0, 0));
        assert!(rule.fires(&zone("UTC"), from, until, &mut days).is_some(), "{text}");
        assert!(
            rule.fires(&zone("UTC"), from, until, &mut 10).is_none() || text.starts_with("FREQ=YEARLY"),
            "{text}"
        );
    }
    // To the end of all years, and over budget: an answer all the same.
    let rule = Recurrence::unchecked(
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
        Some(date(1900, 1, 1).at(0, 0, 0, 0)),
    );
    let (from, until) = (date(9990, 1, 1).at(0, 0, 0, 0), date(9999, 12, 31).at(0, 0, 0, 0));
    assert_eq!(rule.expect("it can be read").fires(&zone("UTC"), from, until, &mut 1_000_000), None);
}
