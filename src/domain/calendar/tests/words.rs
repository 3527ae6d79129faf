//! Lengths, times and reminder times as people write them. Not here: weekly windows, cron lines.

use super::{at, dates, freeze};
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
        assert_eq!(
            text.parse::<Length>().map(Length::total),
            Ok(SignedDuration::from_mins(minutes)),
            "{text}"
        );
        assert_eq!(text.parse::<Length>().expect(text).to_string(), written, "{text}");
    }
    for text in
        ["", "0m", "90", "m", "-1h", "1.5h", "1h1h", "30m1h", "367d", "99999999999d", "2 fortnights", "1h é"]
    {
        let refused = text.parse::<Length>().map(Length::total).expect_err(text).to_string();
        assert!(refused.starts_with(&format!("“{text}” is not a length of time; write")), "{refused}");
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
        label: None,
        unreadable: None,
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
    let occurrence = FreezeOccurrence { freeze: &rule, from, until: None, label: None, unreadable: None };
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
