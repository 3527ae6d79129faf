//! Lengths, times and reminder times as people write them. Not here: weekly windows, cron lines.

use super::{at, dates, freeze, zone};
use crate::calendar::words::{parse_duration, parse_time};
use crate::calendar::{FreezeOccurrence, FreezeWhen, Lead, Length};
use jiff::SignedDuration;

#[test]
fn lengths_are_read_with_their_units() {
    for (text, minutes, written) in [
        ("90m", 90, "1h 30m"),
        ("2h", 120, "2h"),
        ("1h30m", 90, "1h 30m"),
        ("1h 30m", 90, "1h 30m"),
        ("3d", 3 * 1440, "3d"),
        ("7 days", 7 * 1440, "7d"),
        ("1w", 7 * 1440, "7d"),
        ("1d12h", 2160, "1d 12h"),
        ("366d", 366 * 1440, "366d"),
        ("120s", 2, "2m"),
    ] {
        assert_eq!(parse_duration(text), Ok(SignedDuration::from_mins(minutes)), "{text}");
        assert_eq!(text.parse::<Length>().expect(text).to_string(), written, "{text}");
    }
    for text in
        ["", "0m", "90", "m", "-1h", "1.5h", "1h1h", "30m1h", "367d", "99999999999d", "2 fortnights", "1h é"]
    {
        let refused = parse_duration(text).expect_err(text).to_string();
        assert!(refused.starts_with(&format!("“{text}” is not a length of time; write")), "{refused}");
    }
}

#[test]
fn times_are_read_as_people_mean_them() {
    // Saturday, 21 November 2026, 15:00 in Berlin.
    let now = at("2026-11-21T14:00Z");
    for (text, expected) in [
        ("now", "2026-11-21T15:00+01:00"),
        ("in 2h", "2026-11-21T17:00+01:00"),
        ("in 1d", "2026-11-22T15:00+01:00"),
        ("16:00", "2026-11-21T16:00+01:00"),
        ("14:00", "2026-11-22T14:00+01:00"),
        ("15:00", "2026-11-22T15:00+01:00"),
        ("today 14:00", "2026-11-21T14:00+01:00"),
        ("tomorrow", "2026-11-22T00:00+01:00"),
        ("tomorrow 9:00", "2026-11-22T09:00+01:00"),
        ("mon 09:00", "2026-11-23T09:00+01:00"),
        ("Monday", "2026-11-23T00:00+01:00"),
        ("Sat 16:00", "2026-11-21T16:00+01:00"),
        ("sat 14:00", "2026-11-28T14:00+01:00"),
        ("2026-11-26", "2026-11-26T00:00+01:00"),
        ("2026-11-26T09:30", "2026-11-26T09:30+01:00"),
        ("2026-11-26 09:30", "2026-11-26T09:30+01:00"),
        ("2026-11-26T09:30Z", "2026-11-26T09:30Z"),
        ("2026-11-26T09:30-05:00", "2026-11-26T09:30-05:00"),
        // Skipped: the moment of the change. Doubled: the first, and by its offset the second.
        ("2027-03-28T02:30", "2027-03-28T03:00+02:00"),
        ("2027-10-31T02:30", "2027-10-31T02:30+02:00"),
        ("2027-10-31T02:30+01:00", "2027-10-31T02:30+01:00"),
    ] {
        assert_eq!(parse_time(text, &zone("Europe/Berlin"), now), Ok(at(expected)), "{text}");
    }
    for text in [
        "",
        "soon",
        "25:00",
        "9",
        "14:00:00:00",
        "2026-02-30",
        "2026-11-26T25:00",
        "mon 9",
        "in",
        "yesterday",
    ] {
        let refused = parse_time(text, &zone("Europe/Berlin"), now).expect_err(text).to_string();
        assert!(refused.starts_with(&format!("“{text}” is not a point in time; write")), "{refused}");
    }
}

#[test]
fn reminders_are_due_at_local_times() {
    // Berlin falls back on 25 October: seven days before midnight is midnight, 24 hours before is 23:00.
    let rule = freeze("f", "Europe/Berlin", dates("2026-10-26", "2026-10-28"));
    let occurrence = FreezeOccurrence {
        freeze: &rule,
        from: at("2026-10-26T00:00+01:00"),
        until: Some(at("2026-10-28T00:00+01:00")),
    };
    for (text, written, due) in [
        ("7d", "7d", "2026-10-19T00:00+02:00"),
        ("24h", "24h", "2026-10-25T00:00+01:00"),
        ("1d", "1d", "2026-10-25T00:00+02:00"),
        ("1h", "1h", "2026-10-25T23:00+01:00"),
        ("1h before start", "1h", "2026-10-25T23:00+01:00"),
        ("start", "start", "2026-10-26T00:00+01:00"),
        ("1h before end", "1h before end", "2026-10-27T23:00+01:00"),
        ("End", "end", "2026-10-28T00:00+01:00"),
    ] {
        let lead: Lead = text.parse().expect(text);
        assert_eq!(lead.to_string(), written);
        if text != "24h" {
            assert_eq!(lead.due(&occurrence), Some(at(due)), "{text}");
        }
    }
    let exact: Lead = "24h".parse().expect("a lead");
    assert_eq!(exact.due(&occurrence), Some(occurrence.from - SignedDuration::from_hours(24)));
}

#[test]
fn the_end_of_an_open_ended_freeze_is_never_due() {
    let from = at("2026-11-21T00:00Z");
    let rule = freeze("f", "UTC", FreezeWhen::instants(from, None).expect("a freeze"));
    let occurrence = FreezeOccurrence { freeze: &rule, from, until: None };
    for text in ["end", "1h before end"] {
        assert_eq!(text.parse::<Lead>().expect(text).due(&occurrence), None);
    }
    assert_eq!("start".parse::<Lead>().expect("a lead").due(&occurrence), Some(from));
}

#[test]
fn a_reminder_time_that_is_none_is_refused() {
    for text in ["", "before end", "1h after end", "begin", "-1h"] {
        let refused = text.parse::<Lead>().expect_err(text).to_string();
        assert!(refused.starts_with(&format!("“{text}” is not a time to remind at; write 7d")), "{refused}");
    }
}
