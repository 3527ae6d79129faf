//! What iCalendar texts say, as a calendar that is compiled from it answers. Not here: how they come (`fetched`).

use crate::ics::read;
use jiff::Timestamp;
use shipgate_domain::calendar::{
    Calendar, FeedContent, FeedSource, FeedState, Feeds, Freeze, FreezeId, FreezeOrigin, FreezeScope,
    FreezeWhen,
};
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// A calendar file around these lines.
fn file(lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{}\r\nEND:VCALENDAR\r\n",
        lines.trim().replace('\n', "\r\n")
    )
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\n{}\nEND:VEVENT\n", lines.trim())
}

/// When a content freezes Berlin, and what it is called then.
fn freezes(content: FeedContent, from: &str, until: &str) -> Vec<(String, String, String)> {
    let source = FeedSource::File { path: "holidays.ics".to_owned() };
    let day = jiff::SignedDuration::from_hours(24);
    let when = FreezeWhen::Feed { source: source.clone(), refresh: day, max_age: day * 2 };
    let (id, now) = (FreezeId("settings:Away".to_owned()), at(from));
    let zone = Zone::named("Europe/Berlin").expect("a zone");
    let freeze = Freeze {
        id: id.clone(),
        name: "Away".into(),
        scope: FreezeScope::default(),
        zone,
        when,
        origin: FreezeOrigin::Settings,
    };
    let state = FeedState {
        source,
        content: Some(content),
        mark: None,
        confirmed: Some(now),
        trouble: None,
        due: now,
    };
    let calendar = Calendar::compile_with(&BTreeMap::new(), &[freeze], &Feeds::from([(id, state)]), now);
    let unreadable: Vec<_> =
        calendar.unreadable(now).iter().map(|o| o.unreadable.map(str::to_owned)).collect();
    assert!(unreadable.is_empty(), "{unreadable:?}");
    let found = calendar.occurrences(now, at(until));
    found.iter().map(|o| (o.title(), o.from.to_string(), o.until.expect("it ends").to_string())).collect()
}

fn of(lines: &str) -> Vec<(String, String, String)> {
    let content = read(&file(lines)).unwrap_or_else(|why| panic!("{why}\n{lines}"));
    freezes(content, "2026-11-01T00:00:00Z", "2027-04-15T00:00:00Z")
}

fn one(title: &str, from: &str, until: &str) -> (String, String, String) {
    (title.to_owned(), from.to_owned(), until.to_owned())
}

#[test]
fn days_times_lengths_and_zones_are_read_as_they_are_meant() {
    for (lines, from, until) in [
        // A whole day is the local day of the freeze's zone; its end is excluded.
        (
            "DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227",
            "2026-12-24T23:00:00Z",
            "2026-12-26T23:00:00Z",
        ),
        ("DTSTART;VALUE=DATE:20261225", "2026-12-24T23:00:00Z", "2026-12-25T23:00:00Z"),
        (
            "DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261225",
            "2026-12-24T23:00:00Z",
            "2026-12-25T23:00:00Z",
        ),
        ("DTSTART;VALUE=DATE:20261225\nDURATION:P1W", "2026-12-24T23:00:00Z", "2026-12-31T23:00:00Z"),
        // The day on which clocks go forward has 23 hours.
        ("DTSTART;VALUE=DATE:20270328", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"),
        ("DTSTART:20261224T120000Z\nDTEND:20261224T180000Z", "2026-12-24T12:00:00Z", "2026-12-24T18:00:00Z"),
        (
            "DTSTART;TZID=America/New_York:20261224T120000\nDURATION:PT90M",
            "2026-12-24T17:00:00Z",
            "2026-12-24T18:30:00Z",
        ),
        (
            "DTSTART;TZID=\"America/New_York\":20261224T120000\nDTEND:20261224T180000Z",
            "2026-12-24T17:00:00Z",
            "2026-12-24T18:00:00Z",
        ),
        // A time of no zone is one of the freeze's zone.
        ("DTSTART:20261224T120000\nDTEND:20261224T130000", "2026-12-24T11:00:00Z", "2026-12-24T12:00:00Z"),
        (
            "dtstart:20261224T120000Z\ndtend:20261225T120000Z\nTRANSP:TRANSPARENT",
            "2026-12-24T12:00:00Z",
            "2026-12-25T12:00:00Z",
        ),
    ] {
        let lines = format!("UID:1\n{lines}\nSUMMARY:Closed\\, all\n of it");
        assert_eq!(of(&event(&lines)), [one("Away: Closed, allof it", from, until)], "{lines}");
    }
}

#[test]
fn what_takes_no_time_and_what_is_cancelled_freezes_nothing() {
    for lines in [
        "DTSTART:20261224T120000Z",
        "DTSTART:20261224T120000Z\nDTEND:20261224T120000Z",
        "DTSTART:20261224T120000Z\nDURATION:PT0S",
        "DTSTART;VALUE=DATE:20261224\nSTATUS:CANCELLED",
    ] {
        assert_eq!(of(&event(&format!("UID:1\n{lines}"))), [], "{lines}");
    }
    assert_eq!(of(""), []);
}

#[test]
fn a_series_has_its_exceptions_additions_and_changes() {
    let weekly = event(
        "UID:w\nSUMMARY:Board\nDTSTART;TZID=Europe/Berlin:20261201T100000\nDTEND;TZID=Europe/Berlin:20261201T110000\n\
         RRULE:FREQ=WEEKLY;COUNT=5\nEXDATE;TZID=Europe/Berlin:20261208T100000\nRDATE;TZID=Europe/Berlin:20261210T100000",
    );
    let moved = event(
        "UID:w\nSUMMARY:Board\\, later\nRECURRENCE-ID:20261215T090000Z\nDTSTART:20261215T140000Z\nDTEND:20261215T150000Z",
    );
    let called_off = event(
        "UID:w\nSTATUS:CANCELLED\nRECURRENCE-ID;TZID=Europe/Berlin:20261222T100000\nDTSTART;TZID=Europe/Berlin:20261222T100000",
    );
    let expected = [
        one("Away: Board", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z"),
        one("Away: Board", "2026-12-10T09:00:00Z", "2026-12-10T10:00:00Z"),
        one("Away: Board, later", "2026-12-15T14:00:00Z", "2026-12-15T15:00:00Z"),
        one("Away: Board", "2026-12-29T09:00:00Z", "2026-12-29T10:00:00Z"),
    ];
    // In whatever order they stand.
    assert_eq!(of(&format!("{weekly}{moved}{called_off}")), expected);
    assert_eq!(of(&format!("{called_off}{moved}{weekly}")), expected);
    // The end of a series in UTC, days by a rule, and a period.
    let until = event(
        "UID:u\nDTSTART;TZID=Europe/Berlin:20261201T003000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20261202T233000Z",
    );
    assert_eq!(of(&until).len(), 3);
    let yearly = event(
        "UID:y\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20200105\nDTEND;VALUE=DATE:20200107\nRRULE:FREQ=YEARLY",
    );
    assert_eq!(of(&yearly), [one("Away: Fair", "2027-01-04T23:00:00Z", "2027-01-06T23:00:00Z")]);
    let period = event(
        "UID:p\nDTSTART:20261224T120000Z\nRDATE;VALUE=PERIOD:20261224T080000Z/PT2H,20261225T080000Z/20261225T090000Z",
    );
    assert_eq!(of(&period).len(), 2);
}

/// Where clocks change under an event that repeats, programs differ. The longer reading counts.
#[test]
fn an_event_over_a_change_of_clocks_is_the_longer_of_both_readings() {
    let night = event(
        "UID:n\nDTSTART;TZID=Europe/Berlin:20270320T220000\nDTEND;TZID=Europe/Berlin:20270321T060000\nRRULE:FREQ=WEEKLY;COUNT=2",
    );
    let found = of(&night);
    assert_eq!((found[0].1.as_str(), found[0].2.as_str()), ("2027-03-20T21:00:00Z", "2027-03-21T05:00:00Z"));
    // Eight hours, though the clocks show 06:00 after seven.
    assert_eq!((found[1].1.as_str(), found[1].2.as_str()), ("2027-03-27T21:00:00Z", "2027-03-28T05:00:00Z"));
}

#[test]
fn one_event_that_cannot_be_read_makes_the_whole_calendar_unreadable() {
    let good = event("UID:g\nDTSTART;VALUE=DATE:20261225");
    for (lines, says) in [
        (
            "UID:1\nSUMMARY:Fair\nDTSTART;TZID=W. Europe Standard Time:20261224T120000",
            "the event “Fair” 20261224T120000 cannot be read: its time zone “W. Europe Standard Time” is none of the IANA database",
        ),
        ("UID:1", "it has no beginning"),
        ("UID:1\nDTSTART:tomorrow", "“tomorrow” is no date or time"),
        ("UID:1\nDTSTART;VALUE=DATE:20260230", "“20260230” is no date or time"),
        ("UID:1\nDTSTART;VALUE=DATE:20261225\nDTSTART;VALUE=DATE:20261226", "more than one DTSTART"),
        (
            "UID:1\nDTSTART;VALUE=DATE:20261225\nDTEND:20261226T000000Z",
            "begins with a day and ends with a time",
        ),
        ("UID:1\nDTSTART:20261225T000000Z\nDTEND:20261224T000000Z", "it ends before it begins"),
        ("UID:1\nDTSTART:20261225T000000Z\nDURATION:one hour", "is no length of time"),
        ("UID:1\nDTSTART:20261225T000000Z\nDURATION:P1D\nDTEND:20261226T000000Z", "an end and a length"),
        ("UID:1\nDTSTART:20261225T000000Z\nDURATION:PT1H\nRRULE:FREQ=SECONDLY", "not within a day"),
        (
            "UID:1\nDTSTART:20261225T000000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYWEEKNO=3",
            "weeks by their number",
        ),
        ("UID:1\nDTSTART:20261225T000000Z\nDURATION:PT1H\nEXRULE:FREQ=YEARLY", "EXRULE"),
        (
            "UID:1\nDTSTART:20261225T000000Z\nDURATION:PT1H\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261225T000000Z",
            "RANGE",
        ),
    ] {
        let why = read(&file(&format!("{good}{}", event(lines)))).expect_err(lines);
        assert!(why.contains(says), "{lines}: {why}");
    }
}

#[test]
fn half_a_calendar_is_none() {
    let whole = file(&format!(
        "{}{}",
        event("UID:1\nDTSTART;VALUE=DATE:20261225"),
        event("UID:2\nDTSTART;VALUE=DATE:20261226")
    ));
    let lines: Vec<&str> = whole.lines().collect();
    for cut in 0..lines.len() {
        assert!(read(&lines[..cut].join("\r\n")).is_err(), "the first {cut} lines");
    }
    assert_eq!(read(&whole).expect("all of it").events.len(), 2);
    // Other line ends, also mixed ones, and a mark at the beginning are as good.
    assert_eq!(read(&whole.replace("\r\n", "\n")).expect("as text").events.len(), 2);
    assert_eq!(read(&format!("\u{feff}{}", whole.replacen("\r\n", "\n", 3))).expect("mixed").events.len(), 2);
    for text in [
        "",
        "<!doctype html><title>Sign in</title>",
        "BEGIN:VCARD\r\nEND:VCARD",
        "hello",
        "BEGIN:VEVENT\r\nEND:VEVENT",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let deep = format!(
        "BEGIN:VCALENDAR\r\n{}{}END:VCALENDAR\r\n",
        "BEGIN:X\r\n".repeat(5000),
        "END:X\r\n".repeat(5000)
    );
    assert!(read(&deep).expect_err("it is deep").contains("nested too deeply"));
    // An event inside of something else would be passed over.
    let hidden =
        file(&format!("BEGIN:X-FOLDER\n{}END:X-FOLDER", event("UID:1\nDTSTART;VALUE=DATE:20261225")));
    assert!(read(&hidden).is_err());
}
