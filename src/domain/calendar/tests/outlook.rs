//! The outlook on days whose answers are known by hand. Not here: the outlook against the gates (`gates::tests`).

use super::{at, dates, freeze, schedule};
use crate::calendar::outlook::{Cause, Holds, View};
use crate::calendar::{Calendar, Freeze, FreezeWhen, Opening};
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
    assert!(closures[0].has_emergency_hours && closures[0].freezes.is_empty());
    assert!(!closures[1].has_emergency_hours);
    assert_eq!(closures[1].freezes, ["Black Friday"]);
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
