//! The outlook on days whose answers are known by hand. Not here: the outlook against the gates (`gates::tests`).

use super::{at, dates, freeze, schedule};
use crate::calendar::outlook::{Cause, Holds, Part, View};
use crate::calendar::{Calendar, FeedSource, Freeze, FreezeOrigin, FreezeWhen, Opening};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The default hours in New York, with the four days around Black Friday 2026 and a freeze that nobody has ended.
fn calendar(freezes: &[Freeze]) -> Calendar {
    let office =
        schedule("America/New_York", &["Mon-Thu 00:00-24:00", "Fri 00:00-14:00"], &["Sat-Sun 00:00-24:00"]);
    Calendar::compile(&BTreeMap::from([("office".to_owned(), office)]), freezes, at("2026-11-20T00:00Z"))
}

fn black_friday() -> Freeze {
    freeze("Black Friday", "America/New_York", dates("2026-11-26", "2026-11-30"))
}

fn view(calendar: &Calendar) -> View<'_> {
    View { calendar, environment: "production", service: "api", schedule: Some("office") }
}

#[test]
fn a_window_that_ends_is_told_with_the_next_that_opens() {
    let calendar = calendar(&[]);
    let ahead = view(&calendar).ahead(at("2026-11-20T13:59-05:00")).expect("in reach");
    let (closing, opening) = (ahead.closing.expect("Friday"), ahead.opening.expect("Monday"));
    assert!(ahead.is_open);
    assert_eq!(
        (closing.at, closing.causes),
        (at("2026-11-20T14:00-05:00"), vec![Cause::WindowEnds(Opening::Closed)])
    );
    assert_eq!((opening.at, opening.causes), (at("2026-11-23T00:00-05:00"), vec![Cause::WindowOpens]));
}

#[test]
fn a_freeze_that_begins_before_the_window_ends_is_the_reason() {
    let calendar = calendar(&[black_friday()]);
    let ahead = view(&calendar).ahead(at("2026-11-21T12:00-05:00")).expect("in reach");
    let (closing, opening) = (ahead.closing.expect("Thursday"), ahead.opening.expect("Monday"));
    assert!(!ahead.is_open);
    assert_eq!((opening.at, opening.causes), (at("2026-11-23T00:00-05:00"), vec![Cause::WindowOpens]));
    let begins = Cause::FreezeBegins("Black Friday".into());
    assert_eq!((closing.at, closing.causes), (at("2026-11-26T00:00-05:00"), vec![begins]));
    let inside = view(&calendar).ahead(at("2026-11-27T12:00-05:00")).expect("in reach");
    let ends = vec![Cause::WindowOpens, Cause::FreezeEnds("Black Friday".into())];
    assert_eq!(inside.opening.expect("after it").causes, ends);
}

#[test]
fn a_freeze_without_an_end_never_opens_and_says_so() {
    let endless = FreezeWhen::Instants { from: at("2026-11-24T12:00Z"), until: None };
    let calendar = calendar(&[freeze("Incident", "UTC", endless)]);
    let ahead = view(&calendar).ahead(at("2026-11-24T12:00Z")).expect("in reach");
    assert_eq!((ahead.is_open, ahead.opening, ahead.closing), (false, None, None));
    let outlook =
        view(&calendar).outlook(at("2026-11-24T00:00Z"), at("2026-12-24T00:00Z")).expect("in reach");
    let last = outlook.stretches.last().expect("one");
    assert_eq!((last.holds(), last.freezes[0].until), (Holds::Frozen, None));
    assert_eq!(outlook.closures()[0].ends, Vec::new());
}

#[test]
fn a_closure_reaches_over_everything_that_is_not_open() {
    let calendar = calendar(&[black_friday()]);
    let (from, until) = (at("2026-11-20T00:00-05:00"), at("2026-12-04T00:00-05:00"));
    let outlook = view(&calendar).outlook(from, until).expect("in reach");
    let closures = outlook.closures();
    let spans: Vec<(Timestamp, Timestamp)> = closures.iter().map(|c| (c.from, c.until)).collect();
    let friday = (at("2026-11-20T14:00-05:00"), at("2026-11-23T00:00-05:00"));
    let thanksgiving = (at("2026-11-26T00:00-05:00"), at("2026-11-30T00:00-05:00"));
    assert_eq!(spans, [friday, thanksgiving]);
    assert_eq!((closures[0].emergency_hours, closures[0].outside_windows), (Part::Some, Part::All));
    assert!(closures[0].freezes.is_empty());
    // The freeze begins inside a window, and the window closes while it holds.
    assert_eq!((closures[1].emergency_hours, closures[1].outside_windows), (Part::None, Part::Some));
    assert_eq!(
        closures[1].freezes.iter().map(|held| held.name.as_str()).collect::<Vec<_>>(),
        ["Black Friday"]
    );
    assert_eq!(outlook.sums().frozen, SignedDuration::from_hours(96));
    assert_eq!(outlook.at(friday.0).map(|stretch| stretch.holds()), Some(Holds::Closed));
    assert_eq!(outlook.at(until), None);
}

#[test]
fn out_of_reach_is_unknown() {
    let calendar = calendar(&[]);
    assert_eq!(view(&calendar).ahead(at("2040-01-01T00:00Z")), None);
    assert_eq!(view(&calendar).outlook(at("2026-11-20T00:00Z"), at("2040-01-01T00:00Z")), None);
}

#[test]
fn without_a_schedule_only_freezes_close() {
    let calendar = calendar(&[black_friday()]);
    let always = View { schedule: None, ..view(&calendar) };
    let ahead = always.ahead(at("2026-11-21T12:00-05:00")).expect("in reach");
    assert!(ahead.is_open);
    assert_eq!(ahead.closing.expect("Thursday").causes, [Cause::FreezeBegins("Black Friday".into())]);
    assert_eq!(ahead.opening.expect("Monday").causes, [Cause::FreezeEnds("Black Friday".into())]);
}

#[test]
fn a_freeze_that_covers_a_weekend_is_closed_by_the_window_too() {
    let calendar = calendar(&[freeze("Fair", "America/New_York", dates("2026-11-21", "2026-11-22"))]);
    let (from, until) = (at("2026-11-21T00:00-05:00"), at("2026-11-22T00:00-05:00"));
    let outlook = view(&calendar).outlook(from, until).expect("in reach");
    let closure = &outlook.closures()[0];
    assert_eq!((closure.outside_windows, closure.emergency_hours), (Part::All, Part::None));
    let outlook = view(&calendar).outlook(until, until + SignedDuration::from_hours(10)).expect("in reach");
    assert_eq!(outlook.closures()[0].emergency_hours, Part::All);
}

#[test]
fn a_calendar_that_nobody_read_is_unknown_and_not_a_freeze_since_some_day() {
    let source = FeedSource::File { path: "company.ics".to_owned() };
    let hour = SignedDuration::from_hours(1);
    let feed = freeze("Company", "UTC", FreezeWhen::Feed { source, refresh: hour, max_age: hour });
    let calendar = calendar(&[feed]);
    let monday = at("2026-11-23T12:00-05:00");
    let held = view(&calendar).held(monday);
    assert_eq!(held[0].unreadable.as_deref(), Some("it has not been read yet"));
    let outlook =
        view(&calendar).outlook(monday, monday + SignedDuration::from_hours(24 * 7)).expect("in reach");
    assert!(outlook.stretches[0].is_unknown());
    let sums = outlook.sums();
    assert_eq!(sums.frozen, SignedDuration::from_hours(24 * 7), "it counts as frozen");
    assert_eq!(
        sums.unknown,
        SignedDuration::from_hours(24 * 7 - 58),
        "but on the weekend it is closed anyway"
    );
    assert_eq!(outlook.closures()[0].unknown, Part::Some);
    assert_eq!(calendar.unreadable_between(monday, monday).len(), 1);
}

#[test]
fn the_reason_of_a_freeze_from_chat_is_told_wherever_it_holds() {
    let origin = FreezeOrigin::Chat { by: "ada".into(), reason: " the database is slow ".into() };
    let chat = Freeze { origin, ..black_friday() };
    let calendar = calendar(&[chat]);
    let held = view(&calendar).held(at("2026-11-27T12:00-05:00"));
    assert_eq!(held[0].reason.as_deref(), Some("the database is slow"));
}
