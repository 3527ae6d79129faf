//! Days that each year has in another place, and holidays of countries. Not here: other freezes (`freezes`).

use super::{at, freeze};
use crate::calendar::{Calendar, FreezeWhen, HolidayList, RelativeDay};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

fn days(written: &str, years: std::ops::RangeInclusive<i16>) -> Vec<String> {
    let day: RelativeDay = written.parse().unwrap_or_else(|why| panic!("{why}"));
    years.filter_map(|year| day.in_year(year)).map(|day| day.to_string()).collect()
}

fn calendar(zone: &str, when: FreezeWhen, around: &str) -> Calendar {
    Calendar::compile(&BTreeMap::new(), &[freeze("Public holidays", zone, when)], at(around))
}

#[test]
fn relative_days_lie_where_people_know_them() {
    // The day after Thanksgiving, Cyber Monday (of 2024 and 2025 in December, of 2026 in November), Easter Monday.
    assert_eq!(
        days("4th Thu of November + 1d", 2024..=2027),
        ["2024-11-29", "2025-11-28", "2026-11-27", "2027-11-26"]
    );
    assert_eq!(
        days("4th Thu of November + 4d", 2024..=2027),
        ["2024-12-02", "2025-12-01", "2026-11-30", "2027-11-29"]
    );
    assert_eq!(days("Easter + 1d", 2024..=2027), ["2024-04-01", "2025-04-21", "2026-04-06", "2027-03-29"]);
    assert_eq!(days("Easter", 2038..=2038), ["2038-04-25"]);
    assert_eq!(days("easter - 2 days", 2285..=2285), ["2285-03-20"]);
    assert_eq!(days("last Mon of May", 2026..=2027), ["2026-05-25", "2027-05-31"]);
    assert_eq!(days("25 December", 2026..=2027), ["2026-12-25", "2027-12-25"]);
    assert_eq!(days("1 January-1d", 2027..=2027), ["2026-12-31"]);
    assert_eq!(days("29 Feb", 2026..=2033), ["2028-02-29", "2032-02-29"]);
    assert_eq!(days("5th monday in february", 2020..=2060), ["2044-02-29"]);
}

#[test]
fn a_day_that_no_year_has_is_refused() {
    for (text, says) in [
        ("30 February", "no year has this day"),
        ("4th Thor of November", "there is no such weekday"),
        ("4th Thu of Nomember", "there is no such month"),
        ("6th Mon of May", "which one is 1st"),
        ("Christmas", "neither a day of a month nor Easter"),
        ("Easter + 400d", "1 to 100 days"),
        ("Easter +", "there is no such month"),
        ("", "neither"),
    ] {
        let refused = text.parse::<RelativeDay>().expect_err(text).to_string();
        assert!(refused.contains(says) && refused.contains("; write “4th Thu"), "{text}: {refused}");
    }
}

/// F5: others had freezes of 47 hours for a day, in UTC, to be edited each year.
#[test]
fn a_relative_day_is_one_local_day_also_with_23_or_25_hours() {
    for (zone, on, hours) in [
        ("Europe/Berlin", "last Sun of March", 23 * 60),
        ("Europe/Berlin", "last Sun of October", 25 * 60),
        ("Australia/Lord_Howe", "1st Sun of April", 24 * 60 + 30),
        ("America/New_York", "4th Thu of November", 24 * 60),
    ] {
        let calendar = calendar(zone, FreezeWhen::on(on, "1d").unwrap(), "2026-06-01T00:00Z");
        let found = calendar.occurrences(at("2026-01-01T12:00Z"), at("2026-12-31T00:00Z"));
        assert_eq!(found.len(), 1, "{on}");
        let length = found[0].until.unwrap().duration_since(found[0].from);
        assert_eq!(length, SignedDuration::from_mins(hours), "{zone} {on}");
    }
}

#[test]
fn a_relative_day_of_the_next_year_is_found_from_this_one() {
    let eve = FreezeWhen::on("1 January - 2d", "3d").unwrap();
    let calendar = calendar("UTC", eve, "2026-11-21T00:00Z");
    let next = calendar.next_freeze("production", "api", at("2026-11-21T00:00Z")).expect("there is one");
    assert_eq!((next.from, next.until), (at("2026-12-30T00:00Z"), Some(at("2027-01-02T00:00Z"))));
}

/// Dates that everybody can look up, not taken from the table.
#[test]
fn well_known_holidays_are_in_the_lists() {
    for (code, day, name) in [
        ("DE", date(2026, 12, 25), "Christmas Day"),
        ("DE", date(2026, 10, 3), "German Unity Day"),
        ("DE-BE", date(2027, 3, 8), "Women's Day"),
        ("DE-BY", date(2026, 1, 6), "Epiphany"),
        ("DE-BY", date(2026, 12, 25), "Christmas Day"),
        ("US", date(2026, 11, 26), "Thanksgiving Day"),
        ("US", date(2027, 5, 31), "Memorial Day"),
        ("FR", date(2026, 7, 14), "National Day"),
        ("CH", date(2026, 8, 1), "National Day"),
        ("GB-SCT", date(2026, 11, 30), "Saint Andrew's Day"),
        ("CA", date(2036, 7, 1), "Canada Day"),
        ("JP", date(2026, 2, 11), "Foundation Day"),
    ] {
        let list: HolidayList = code.parse().expect(code);
        let found = list.between(day.year(), day.year());
        assert!(found.iter().any(|h| h.day == day && h.name == name), "{code} {name}: {found:?}");
    }
    let germany: HolidayList = "DE".parse().unwrap();
    assert!(!germany.between(2026, 2026).iter().any(|holiday| holiday.name == "Women's Day"));
    assert!(HolidayList::years().1 >= 2036);
}

#[test]
fn an_unknown_list_is_refused_with_those_there_are() {
    let refused = |text: &str| text.parse::<HolidayList>().expect_err(text).to_string();
    assert!(
        refused("DE-XX")
            .starts_with("there is no list of holidays “DE-XX”; write “DE”, or a part of it: BB, BE")
    );
    assert!(refused("Germany").contains("write a country (AE, AR, AT"), "{}", refused("Germany"));
    assert!(refused("IE-D").contains("write “IE”; its parts have no lists"), "{}", refused("IE-D"));
    assert_eq!("de-be".parse::<HolidayList>().unwrap().as_str(), "DE-BE");
}

#[test]
fn holidays_are_told_by_name_and_those_that_touch_are_one_freeze() {
    let calendar = calendar("Europe/Berlin", FreezeWhen::holidays("DE-BE").unwrap(), "2026-11-21T00:00Z");
    let found = calendar.occurrences(at("2026-12-01T00:00Z"), at("2027-01-31T00:00Z"));
    let told: Vec<(String, Timestamp, Option<Timestamp>)> =
        found.iter().map(|o| (o.title(), o.from, o.until)).collect();
    assert_eq!(
        told,
        [
            (
                "Public holidays: Christmas Day, Second Day of Christmas".to_owned(),
                at("2026-12-25T00:00+01:00"),
                Some(at("2026-12-27T00:00+01:00"))
            ),
            (
                "Public holidays: New Year's Day".to_owned(),
                at("2027-01-01T00:00+01:00"),
                Some(at("2027-01-02T00:00+01:00"))
            ),
        ]
    );
}

#[test]
fn past_its_end_a_list_of_holidays_counts_as_frozen_with_the_reason() {
    let last = HolidayList::years().1;
    let calendar = calendar("UTC", FreezeWhen::holidays("DE").unwrap(), &format!("{last}-06-01T00:00Z"));
    let noon = at(&format!("{last}-11-20T12:00Z"));
    assert!(calendar.freezes_at("production", "api", noon).is_empty());
    let after = at(&format!("{}-02-03T12:00Z", last + 1));
    let unknown = calendar.freezes_at("production", "api", after);
    assert_eq!(unknown.len(), 1);
    assert!(unknown[0].unreadable.is_some_and(|why| why.starts_with("the list of holidays ends with")));
    assert_eq!(unknown[0].title(), "Public holidays (cannot be read)");
    assert_eq!(calendar.next_start("production", "api", None, after, false), None);
    // Nothing starts there that anybody would be reminded of.
    assert!(calendar.occurrences(after, after + SignedDuration::from_hours(24)).is_empty());
}
