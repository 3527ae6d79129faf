//! The freeze gate: edges, the margin before a start, scopes, emergencies. Not here: how freezes repeat (`calendar`).

use super::{Answer::*, Gate, Row, Scene, at, check, samples, slack};
use crate::calendar::{FeedSource, FreezeOrigin, FreezeWhen, START_MARGIN};
use crate::gates::Reason;
use jiff::SignedDuration;

/// A freeze from so many seconds after now until so many.
fn freeze(scene: &mut Scene, from: i64, until: Option<i64>) {
    let instant = |seconds| scene.now + SignedDuration::from_secs(seconds);
    let when = FreezeWhen::instants(instant(from), until.map(instant)).unwrap();
    let name = format!("Freeze {}", scene.freezes.len() + 1);
    scene.freezes.push(samples::freeze(&name, when));
}

fn black_friday(scene: &mut Scene, now: &str) {
    scene.freezes =
        vec![samples::freeze("Black Friday", FreezeWhen::dates("2026-11-26", "2026-12-01").unwrap())];
    scene.now = at(now);
}

const ROWS: &[Row] = &[
    ("no freeze at all", |_| {}, Open, "no_freeze"),
    ("one that begins just after the margin", |s| freeze(s, 31, Some(3600)), Open, "no_freeze"),
    ("one that begins with the end of the margin", |s| freeze(s, 30, Some(3600)), Closed, "frozen"),
    ("one that begins within the margin", |s| freeze(s, 1, Some(3600)), Closed, "frozen"),
    ("one that begins now", |s| freeze(s, 0, Some(3600)), Closed, "frozen"),
    ("one that is over in a second", |s| freeze(s, -3600, Some(1)), Closed, "frozen"),
    ("one that ends now", |s| freeze(s, -3600, Some(0)), Open, "no_freeze"),
    ("one that somebody must end", |s| freeze(s, -3600, None), Closed, "frozen"),
    ("a short one within the margin", |s| freeze(s, 10, Some(11)), Closed, "frozen"),
    (
        "half a minute and a second before a local day",
        |s| black_friday(s, "2026-11-25T23:59:29-05:00"),
        Open,
        "no_freeze",
    ),
    ("half a minute before a local day", |s| black_friday(s, "2026-11-25T23:59:30-05:00"), Closed, "frozen"),
    ("the last second of a local day", |s| black_friday(s, "2026-11-30T23:59:59-05:00"), Closed, "frozen"),
    ("the first second after it", |s| black_friday(s, "2026-12-01T00:00:00-05:00"), Open, "no_freeze"),
    (
        "a calendar of others that nobody could read",
        |s| {
            let source = FeedSource::File { path: "away.ics".to_owned() };
            let (refresh, max_age) = (SignedDuration::from_mins(15), SignedDuration::from_hours(24));
            s.freezes.push(samples::freeze("Away", FreezeWhen::Feed { source, refresh, max_age }));
        },
        Waiting,
        "freeze_unreadable",
    ),
    (
        "one for another environment",
        |s| {
            freeze(s, 0, Some(3600));
            s.freezes[0].scope.environments = vec!["staging".to_owned()];
        },
        Open,
        "no_freeze",
    ),
    (
        "one for this environment",
        |s| {
            freeze(s, 0, Some(3600));
            s.freezes[0].scope.environments = vec!["staging".to_owned(), "production".to_owned()];
        },
        Closed,
        "frozen",
    ),
    (
        "one for another service",
        |s| {
            freeze(s, 0, Some(3600));
            s.freezes[0].scope.services = vec!["web".to_owned()];
        },
        Open,
        "no_freeze",
    ),
    (
        "one that leaves this service out",
        |s| {
            freeze(s, 0, Some(3600));
            s.freezes[0].scope.except_services = vec!["api".to_owned()];
        },
        Open,
        "no_freeze",
    ),
    (
        "a rollback in a freeze",
        |s| {
            freeze(s, 0, Some(3600));
            s.as_rollback();
        },
        Open,
        "not_for_rollback",
    ),
    (
        "a rollback that is bound to freezes",
        |s| {
            freeze(s, 0, Some(3600));
            s.as_rollback();
            s.environment.rollback.in_window_only = true;
        },
        Closed,
        "frozen",
    ),
    (
        "an emergency that nobody agreed to",
        |s| {
            freeze(s, 0, Some(3600));
            s.in_emergency();
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency to which the one on call agreed",
        |s| {
            freeze(s, 0, Some(3600));
            s.in_emergency();
            s.approve(slack("U0OLGA"));
        },
        Open,
        "overridden",
    ),
    (
        "an emergency whose agreement was for another digest",
        |s| {
            freeze(s, 0, Some(3600));
            s.in_emergency();
            s.approve(slack("U0OLGA"));
            s.deploy.approvals.last_mut().unwrap().digest = samples::parsed(&"d".repeat(64));
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency, and a freeze that came after the agreement",
        |s| {
            freeze(s, 0, Some(3600));
            s.in_emergency();
            s.approve(slack("U0OLGA"));
            freeze(s, 0, Some(3600));
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency, and agreement to two freezes of which one is over",
        |s| {
            freeze(s, 0, Some(3600));
            freeze(s, 0, Some(3600));
            s.in_emergency();
            s.approve(slack("U0OLGA"));
            s.freezes.pop();
        },
        Open,
        "overridden",
    ),
    (
        "an emergency where nobody may override",
        |s| {
            freeze(s, 0, Some(3600));
            s.in_emergency();
            s.environment.overrides.from.clear();
        },
        Closed,
        "frozen",
    ),
    ("before the calendar's reach", |s| s.now = at("2024-01-02T12:00:00Z"), Waiting, "calendar_unreadable"),
    ("beyond the calendar's reach", |s| s.now = at("2031-01-02T12:00:00Z"), Waiting, "calendar_unreadable"),
    (
        "a rollback beyond the calendar's reach",
        |s| {
            s.now = at("2031-01-02T12:00:00Z");
            s.as_rollback();
        },
        Open,
        "not_for_rollback",
    ),
];

#[test]
fn the_freeze_gate_says_what_the_table_says() {
    check(Gate::Freeze, ROWS);
}

#[test]
fn several_freezes_are_named_together_and_last_until_the_last_ends() {
    let mut scene = Scene::ready();
    freeze(&mut scene, -10, Some(100));
    freeze(&mut scene, -20, Some(50));
    let verdict = scene.verdict(Gate::Freeze).unwrap();
    let names = vec!["Freeze 2".to_owned(), "Freeze 1".to_owned()];
    assert_eq!(
        verdict.reason,
        Reason::Frozen {
            names,
            from: scene.now - SignedDuration::from_secs(20),
            passes: Vec::new(),
            why: Vec::new()
        }
    );
    assert_eq!(verdict.until, Some(scene.now + SignedDuration::from_secs(100)));

    freeze(&mut scene, -5, None);
    assert_eq!(scene.verdict(Gate::Freeze).unwrap().until, None, "somebody must end it");
}

#[test]
fn an_open_freeze_gate_says_when_the_next_one_begins() {
    let mut scene = Scene::ready();
    freeze(&mut scene, 3600, Some(7200));
    let begins = scene.now + SignedDuration::from_secs(3600);
    let verdict = scene.verdict(Gate::Freeze).unwrap();
    assert_eq!(verdict.until, Some(begins));
    assert_eq!(verdict.reason, Reason::NoFreeze { next: Some(begins), name: Some("Freeze 1".to_owned()) });
}

#[test]
fn the_gate_looks_as_far_ahead_as_a_send_may_come_later() {
    assert_eq!(START_MARGIN, SignedDuration::from_secs(30));
}

#[test]
fn a_freeze_of_chat_says_why_it_was_added() {
    let mut scene = Scene::ready();
    freeze(&mut scene, -10, Some(100));
    let origin = FreezeOrigin::Chat { by: "ada".into(), reason: "the database is slow".into() };
    scene.freezes.last_mut().expect("one").origin = origin;
    let reason = scene.verdict(Gate::Freeze).unwrap().reason;
    assert!(matches!(&reason, Reason::Frozen { why, .. } if *why == ["the database is slow"]), "{reason:?}");
}
