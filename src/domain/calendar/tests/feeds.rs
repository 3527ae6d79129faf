//! Calendars that others keep: how long they are believed, GitLab's freeze periods, and what costs too much to work out.
//! Not here: reading them (an adapter), recurrence rules by themselves (`recurrence`).

use super::{at, freeze, zone};
use crate::calendar::{
    Calendar, FeedContent, FeedEvent, FeedLasts, FeedPeriod, FeedSource, FeedState, FeedTrouble, Feeds,
    Freeze, FreezeWhen, Recurrence, try_content,
};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeMap;

const NOW: &str = "2026-11-21T12:00Z";

fn source() -> FeedSource {
    FeedSource::File { path: "holidays.ics".to_owned() }
}

fn fed(zone: &str) -> Freeze {
    let (refresh, max_age) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
    freeze("Away", zone, FreezeWhen::Feed { source: source(), refresh, max_age })
}

fn state(content: Option<FeedContent>, confirmed: Option<&str>) -> FeedState {
    let trouble = Some(FeedTrouble { since: at(NOW), why: "it answers 503".to_owned() });
    FeedState { source: source(), content, mark: None, confirmed: confirmed.map(at), trouble, due: at(NOW) }
}

fn compiled(zone: &str, state: Option<FeedState>, now: &str) -> Calendar {
    let freeze = fed(zone);
    let feeds: Feeds = state.into_iter().map(|state| (freeze.id.clone(), state)).collect();
    Calendar::compile_with(&BTreeMap::new(), &[freeze], &feeds, at(now))
}

fn why(calendar: &Calendar, now: &str) -> Option<String> {
    let active = calendar.freezes_at("production", "api", at(now));
    active.first().and_then(|freeze| freeze.unreadable).map(str::to_owned)
}

fn day(from: (i16, i8, i8)) -> FeedEvent {
    FeedEvent {
        label: "Fair".to_owned(),
        zone: None,
        from: date(from.0, from.1, from.2).at(0, 0, 0, 0),
        lasts: FeedLasts::Clock { shown: 24 * 3600, passed: 0 },
        rule: None,
        also: Vec::new(),
        except: Vec::new(),
    }
}

#[test]
fn a_calendar_is_believed_until_its_age_and_closes_when_it_cannot_be_read() {
    let content = || Some(FeedContent { events: vec![day((2026, 12, 1))], periods: Vec::new() });
    for (state, expected) in [
        (None, Some("it has not been read yet")),
        (Some(state(None, None)), Some("it has not been read yet: it answers 503")),
        (Some(state(content(), Some("2026-11-20T12:00:01Z"))), None),
        (
            Some(state(content(), Some("2026-11-20T12:00:00Z"))),
            Some("it was last read too long ago: it answers 503"),
        ),
        (
            Some(FeedState {
                source: FeedSource::File { path: "other.ics".to_owned() },
                ..state(content(), Some(NOW))
            }),
            Some("it has not been read yet"),
        ),
    ] {
        let told = format!("{state:?}");
        let calendar = compiled("UTC", state, NOW);
        assert_eq!(why(&calendar, NOW).as_deref(), expected, "{told}");
        assert_eq!(
            calendar.next_start("production", "api", None, at(NOW), true).is_none(),
            expected.is_some(),
            "{told}"
        );
    }
    // What was read yesterday must be looked at again when its day is over.
    let calendar = compiled("UTC", Some(state(content(), Some("2026-11-20T18:00Z"))), NOW);
    assert_eq!(calendar.good_until(), at("2026-11-21T18:00Z"));
    let next = calendar.next_freeze("production", "api", at(NOW)).expect("the fair");
    assert_eq!((next.title().as_str(), next.from), ("Away: Fair", at("2026-12-01T00:00Z")));
}

/// The definition itself, minute by minute: frozen when the last start lies after the last end.
#[test]
fn gitlabs_periods_freeze_from_each_start_to_the_next_end() {
    for (start, end, zone_name) in [
        ("0 23 * * 5", "0 7 * * 1", "Europe/Berlin"),
        ("30 2 * * *", "15 3 * * *", "Europe/Berlin"),
        ("0 0 24 12 *", "0 0 2 1 *", "UTC"),
        ("0 8,12 * * 1-5", "0 10 * * *", "America/New_York"),
        ("0 12 * * *", "0 12 * * *", "UTC"),
        ("0 6 * * *", "0 6,18 * * *", "UTC"),
        ("0 0 29 2 *", "0 0 1 3 *", "UTC"),
    ] {
        let period = FeedPeriod {
            start: start.parse().expect("a line"),
            end: end.parse().expect("a line"),
            zone: zone(zone_name),
        };
        let content = FeedContent { events: Vec::new(), periods: vec![period.clone()] };
        let calendar = compiled("Asia/Tokyo", Some(state(Some(content), Some(NOW))), NOW);
        assert_eq!(why(&calendar, NOW), None);
        let mut expected_any = false;
        // Half-hour steps over five months with a change of clocks, off the minute so that no border is hit.
        let mut now: Timestamp = at("2026-11-01T00:10:30Z");
        while now < at("2027-03-27T00:00Z") {
            let last = |line: &crate::calendar::FiveFieldCron| line.before(now, &period.zone).next();
            let expected = last(&period.start) > last(&period.end);
            expected_any |= expected;
            let frozen = !calendar.freezes_at("production", "api", now).is_empty();
            assert_eq!(frozen, expected, "{start} to {end} in {zone_name} at {now}");
            now += SignedDuration::from_mins(30);
        }
        assert!(
            expected_any || start == "0 12 * * *" || start == "0 6 * * *" || start.contains("29 2"),
            "{start}"
        );
    }
}

#[test]
fn a_calendar_that_costs_too_much_is_unreadable_instead_of_slow() {
    let daily = |from, rule: &str| {
        let rule = Recurrence::unchecked(rule, Some(from)).expect("a rule");
        FeedEvent { from, rule: Some(rule), ..day((2026, 12, 1)) }
    };
    let old = date(1900, 1, 1).at(0, 0, 0, 0);
    // Each is walked through from 1900: 2,000 of them would be a hundred million days.
    let counted = vec![daily(old, "FREQ=DAILY;COUNT=999999;BYMONTH=2;BYMONTHDAY=30"); 2_000];
    let now = at(NOW);
    let try_them = |events| try_content(&FeedContent { events, periods: Vec::new() }, &zone("UTC"), now);
    assert!(try_them(counted).expect_err("it is too much").contains("repeats too often"));
    let many = vec![daily(old + 1.day(), "FREQ=DAILY"); 1_000];
    assert!(try_them(many).expect_err("it is too much").contains("more events than can be worked out"));
    let period = FeedPeriod {
        start: "* * * * *".parse().unwrap(),
        end: "* * * * *".parse().unwrap(),
        zone: zone("UTC"),
    };
    let periods = FeedContent { events: Vec::new(), periods: vec![period] };
    assert!(try_content(&periods, &zone("UTC"), now).is_err());
    assert_eq!(try_them(vec![daily(old, "FREQ=DAILY"); 5]), Ok(()));
}

#[test]
fn the_state_of_a_calendar_is_stored_in_this_form() {
    let event = FeedEvent {
        zone: Some(zone("Europe/Berlin")),
        rule: Some(
            Recurrence::unchecked("FREQ=YEARLY", Some(date(2026, 12, 1).at(9, 0, 0, 0))).expect("a rule"),
        ),
        ..day((2026, 12, 1))
    };
    let period = FeedPeriod {
        start: "0 23 * * 5".parse().unwrap(),
        end: "0 7 * * 1".parse().unwrap(),
        zone: zone("UTC"),
    };
    let content = FeedContent { events: vec![event], periods: vec![period] };
    let stored = state(Some(content), Some(NOW));
    let text = serde_json::to_string(&stored).expect("JSON");
    assert_eq!(serde_json::from_str::<FeedState>(&text).expect("stored before"), stored);
    insta::assert_snapshot!(text, @r#"{"source":{"file":{"path":"holidays.ics"}},"content":{"events":[{"label":"Fair","zone":"Europe/Berlin","from":"2026-12-01T00:00:00","lasts":{"clock":{"shown":86400,"passed":0}},"rule":{"rule":"FREQ=YEARLY","from":"2026-12-01T09:00:00"}}],"periods":[{"start":"0 23 * * 5","end":"0 7 * * 1","zone":"UTC"}]},"confirmed":"2026-11-21T12:00:00Z","trouble":{"since":"2026-11-21T12:00:00Z","why":"it answers 503"},"due":"2026-11-21T12:00:00Z"}"#);
}
