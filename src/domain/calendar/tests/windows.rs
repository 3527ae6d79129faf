//! Weekly windows and schedules, table by table. Not here: clock changes at large (`sweep`).

use super::{at, schedule, zone};
use crate::calendar::{Opening, Schedule, WeeklySpan};
use Opening::{Closed, EmergencyOnly, Open};

fn refused(text: &str) -> String {
    text.parse::<WeeklySpan>().expect_err(text).to_string()
}

#[test]
fn monday_to_thursday_any_time_friday_before_two_weekends_for_emergencies() {
    let office =
        schedule("America/New_York", &["Mon-Thu 00:00-24:00", "Fri 00:00-14:00"], &["Sat-Sun 00:00-24:00"]);
    for (instant, expected) in [
        ("2026-11-16T00:00-05:00", Open),
        ("2026-11-19T23:59:59-05:00", Open),
        ("2026-11-20T00:00-05:00", Open),
        ("2026-11-20T13:59:59-05:00", Open),
        ("2026-11-20T14:00-05:00", Closed),
        ("2026-11-20T23:59:59-05:00", Closed),
        ("2026-11-21T00:00-05:00", EmergencyOnly),
        ("2026-11-22T23:59:59-05:00", EmergencyOnly),
        ("2026-11-23T00:00-05:00", Open),
        // Friday 11:00 in New York is past 14:00 in UTC; the zone of the schedule decides.
        ("2026-11-20T16:00Z", Open),
    ] {
        assert_eq!(office.at(at(instant)), expected, "{instant}");
    }
    let friday = at("2026-11-20T14:00-05:00");
    assert_eq!(office.next_open(friday, false), Some(at("2026-11-23T00:00-05:00")));
    assert_eq!(office.next_open(friday, true), Some(at("2026-11-21T00:00-05:00")));
    assert_eq!(office.next_change(friday), Some((at("2026-11-21T00:00-05:00"), EmergencyOnly)));
    assert_eq!(office.next_change(at("2026-11-16T08:00-05:00")), Some((friday, Closed)));
}

/// F7: others denied as soon as one of two windows was not active.
#[test]
fn of_two_windows_one_active_is_enough() {
    let schedule = schedule("UTC", &["Mon 09:00-12:00", "Mon 11:00-17:00"], &[]);
    for (hour, expected) in
        [("08:59", Closed), ("09:00", Open), ("11:30", Open), ("16:59", Open), ("17:00", Closed)]
    {
        assert_eq!(schedule.at(at(&format!("2026-11-23T{hour}Z"))), expected, "{hour}");
    }
    assert_eq!(schedule.next_change(at("2026-11-23T09:00Z")), Some((at("2026-11-23T17:00Z"), Closed)));
}

#[test]
fn where_both_lists_cover_a_time_open_wins() {
    let schedule = schedule("UTC", &["Mon-Fri 09:00-17:00"], &["Mon-Sun 00:00-24:00"]);
    assert_eq!(schedule.at(at("2026-11-23T12:00Z")), Open);
    assert_eq!(schedule.at(at("2026-11-23T18:00Z")), EmergencyOnly);
    assert_eq!(schedule.at(at("2026-11-22T12:00Z")), EmergencyOnly);
}

#[test]
fn windows_go_over_midnight_and_over_the_end_of_the_week() {
    let nights = schedule("UTC", &["Fri 22:00-02:00", "Sun 23:00-01:00"], &[]);
    for (instant, expected) in [
        ("2026-11-20T21:59Z", Closed),
        ("2026-11-20T22:00Z", Open),
        ("2026-11-21T01:59Z", Open),
        ("2026-11-21T02:00Z", Closed),
        ("2026-11-22T23:30Z", Open),
        ("2026-11-23T00:59Z", Open),
        ("2026-11-23T01:00Z", Closed),
    ] {
        assert_eq!(nights.at(at(instant)), expected, "{instant}");
    }
    let wrapped = schedule("UTC", &["Sun-Mon 09:00-10:00", "Wed,Thu 12:00-12:30"], &[]);
    for (instant, expected) in [
        ("2026-11-21T09:30Z", Closed),
        ("2026-11-22T09:30Z", Open),
        ("2026-11-23T09:30Z", Open),
        ("2026-11-24T09:30Z", Closed),
        ("2026-11-25T12:29Z", Open),
        ("2026-11-26T12:30Z", Closed),
    ] {
        assert_eq!(wrapped.at(at(instant)), expected, "{instant}");
    }
}

#[test]
fn a_schedule_that_is_always_open_never_changes() {
    let always = schedule("Europe/Berlin", &["Mon-Fri 00:00-24:00", "Sat-Sun 00:00-24:00"], &[]);
    for instant in ["2026-03-29T01:30Z", "2026-10-25T00:30Z", "2026-11-23T00:00Z"] {
        assert_eq!(always.at(at(instant)), Open, "{instant}");
        assert_eq!(always.next_change(at(instant)), None, "{instant}");
    }
}

#[test]
fn a_schedule_without_an_open_window_is_refused() {
    let emergency = vec!["Sat-Sun 00:00-24:00".parse().expect("a window")];
    let refused = Schedule::new("office", zone("UTC"), vec![], emergency).expect_err("it never opens");
    assert!(refused.to_string().starts_with("schedule “office” never opens"), "{refused}");
}

#[test]
fn a_window_that_is_none_is_refused_with_what_to_write() {
    for (text, problem) in [
        ("Mon-Thu", "it needs days, a space and hours"),
        ("Mon 09:00", "the hours need a dash"),
        ("Mo 09:00-10:00", "“Mo” is not a day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("Mon 9-10", "“9” is not a time of day from 00:00 to 24:00"),
        ("Mon 09:00-24:01", "“24:01” is not a time of day from 00:00 to 24:00"),
        ("Mon 09:60-10:00", "“09:60” is not a time of day from 00:00 to 24:00"),
        ("Fri 14:00-14:00", "it never opens, as it ends when it begins; the whole day is 00:00-24:00"),
        ("Fri 24:00-02:00", "it never opens, as it ends when it begins; the whole day is 00:00-24:00"),
        ("", "it needs days, a space and hours"),
    ] {
        assert_eq!(
            refused(text),
            format!(
                "“{text}” is not a weekly window: {problem}; write days and hours such as “Mon-Thu 09:00-17:00”"
            )
        );
    }
}

#[test]
fn a_window_in_the_doubled_hour_takes_the_shorter_reading() {
    // Berlin, Sunday 25 October 2026: 03:00 CEST becomes 02:00 CET at 01:00Z.
    let opens_in_it = schedule("Europe/Berlin", &["Sun 02:30-05:00"], &[]);
    assert_eq!(opens_in_it.at(at("2026-10-25T00:45Z")), Closed, "02:45 for the first time");
    assert_eq!(opens_in_it.next_open(at("2026-10-25T00:00Z"), false), Some(at("2026-10-25T01:30Z")));
    let closes_in_it = schedule("Europe/Berlin", &["Sun 00:00-02:30"], &[]);
    assert_eq!(closes_in_it.next_change(at("2026-10-24T23:00Z")), Some((at("2026-10-25T00:30Z"), Closed)));
    assert_eq!(closes_in_it.at(at("2026-10-25T01:15Z")), Closed, "02:15 for the second time");
    let within = schedule("Europe/Berlin", &["Sun 02:10-02:50"], &[]);
    assert_eq!(within.next_open(at("2026-10-24T12:00Z"), false), Some(at("2026-11-01T01:10Z")));
    let touching = schedule("Europe/Berlin", &["Sun 01:00-02:30", "Sun 02:30-04:00"], &[]);
    assert_eq!(
        touching.next_change(at("2026-10-24T23:00Z")),
        Some((at("2026-10-25T03:00Z"), Closed)),
        "no hole"
    );
}

#[test]
fn a_window_in_the_skipped_hour_takes_the_shorter_reading() {
    // Berlin, Sunday 29 March 2026: 02:00 CET becomes 03:00 CEST at 01:00Z.
    let opens_in_it = schedule("Europe/Berlin", &["Sun 02:30-05:00"], &[]);
    assert_eq!(opens_in_it.next_open(at("2026-03-28T12:00Z"), false), Some(at("2026-03-29T03:30+02:00")));
    let closes_in_it = schedule("Europe/Berlin", &["Sun 00:00-02:30"], &[]);
    assert_eq!(
        closes_in_it.next_change(at("2026-03-29T00:00Z")),
        Some((at("2026-03-29T03:00+02:00"), Closed))
    );
    let within = schedule("Europe/Berlin", &["Sun 02:10-02:50"], &[]);
    assert_eq!(within.next_open(at("2026-03-28T12:00Z"), false), Some(at("2026-04-05T02:10+02:00")));
}

#[test]
fn a_whole_day_is_that_day_with_any_number_of_hours() {
    for (zone_name, day, hours) in [
        ("Europe/Berlin", "2026-03-29", 23.0),
        ("Europe/Berlin", "2026-10-25", 25.0),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        // Havana changes at midnight: the day begins at 01:00 in spring, and 00:00 happens twice in autumn.
        ("America/Havana", "2026-03-08", 23.0),
        ("America/Havana", "2026-11-01", 25.0),
    ] {
        let sundays = schedule(zone_name, &["Sun 00:00-24:00"], &[]);
        let noon = at(&format!("{day}T12:00Z")) - jiff::SignedDuration::from_hours(36);
        let opens = sundays.next_open(noon, false).expect("it opens on Sundays");
        let (closes, _) = sundays.next_change(opens).expect("it closes after Sundays");
        assert_eq!(zone(zone_name).civil(opens).date().to_string(), day, "{zone_name}");
        assert_eq!(closes.duration_since(opens).as_secs_f64() / 3600.0, hours, "{zone_name} {day}");
    }
}

#[test]
fn a_day_that_a_zone_leaves_out_never_was() {
    // Apia went from Thursday 29 to Saturday 31 December 2011.
    let fridays = schedule("Pacific/Apia", &["Fri 00:00-24:00"], &[]);
    let thursday = at("2011-12-29T12:00-10:00");
    assert_eq!(fridays.next_open(thursday, false), Some(at("2012-01-06T00:00+14:00")));
}

#[test]
fn a_schedule_is_stored_as_it_is_written() {
    let office = schedule("Europe/Berlin", &["Mon-Thu 00:00-24:00"], &["Sat-Sun 00:00-24:00"]);
    insta::assert_json_snapshot!(office, @r#"
    {
      "name": "office",
      "zone": "Europe/Berlin",
      "open": [
        "Mon-Thu 00:00-24:00"
      ],
      "emergency_only": [
        "Sat-Sun 00:00-24:00"
      ]
    }
    "#);
    let stored = serde_json::to_string(&office).expect("JSON");
    assert_eq!(serde_json::from_str::<Schedule>(&stored).expect("stored before"), office);
    insta::assert_json_snapshot!([Open, EmergencyOnly, Closed], @r#"
    [
      "open",
      "emergency_only",
      "closed"
    ]
    "#);
}
