//! The schedule gate on the default hours: Monday to Thursday, Friday before 14:00, weekends for emergencies only; all
//! in New York. Not here: freezes.

use super::{Answer::*, Gate, Row, Scene, at, check, samples, slack};
use crate::calendar::Opening;
use crate::gates::Reason;
use jiff::SignedDuration;

const FRIDAY_13_59_59: &str = "2026-11-20T13:59:59-05:00";
const FRIDAY_14_00: &str = "2026-11-20T14:00:00-05:00";
const FRIDAY_23_59_59: &str = "2026-11-20T23:59:59-05:00";
const SATURDAY_00_00: &str = "2026-11-21T00:00:00-05:00";
const SUNDAY_23_59_59: &str = "2026-11-22T23:59:59-05:00";
const MONDAY_00_00: &str = "2026-11-23T00:00:00-05:00";
const BEYOND_THE_CALENDAR: &str = "2031-01-07T12:00:00-05:00";

fn friday_afternoon(scene: &mut Scene) {
    scene.now = at(FRIDAY_14_00);
}

const ROWS: &[Row] = &[
    ("Thursday morning", |_| {}, Open, "in_window"),
    ("the last second of Friday", |s| s.now = at(FRIDAY_13_59_59), Open, "in_window"),
    ("the first second after it", friday_afternoon, Closed, "outside_window"),
    ("the last second before the weekend", |s| s.now = at(FRIDAY_23_59_59), Closed, "outside_window"),
    ("the first second of the weekend", |s| s.now = at(SATURDAY_00_00), Closed, "emergency_only"),
    ("the last second of the weekend", |s| s.now = at(SUNDAY_23_59_59), Closed, "emergency_only"),
    ("the first second of the week", |s| s.now = at(MONDAY_00_00), Open, "in_window"),
    (
        "no schedule",
        |s| {
            friday_afternoon(s);
            s.environment.schedule = None;
        },
        Open,
        "no_schedule",
    ),
    ("a schedule that nobody wrote", |s| s.environment.schedule = Some("x".into()), Closed, "outside_window"),
    (
        "a rollback on Friday afternoon",
        |s| {
            friday_afternoon(s);
            s.as_rollback();
        },
        Open,
        "not_for_rollback",
    ),
    (
        "a rollback that is bound to windows",
        |s| {
            friday_afternoon(s);
            s.as_rollback();
            s.environment.rollback.in_window_only = true;
        },
        Closed,
        "outside_window",
    ),
    ("a rollback within a window", Scene::as_rollback, Open, "in_window"),
    ("an emergency within a window", Scene::in_emergency, Open, "in_window"),
    (
        "an emergency that nobody agreed to",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency on Saturday needs no more than its reason",
        |s| {
            s.now = at(SATURDAY_00_00);
            s.in_emergency();
        },
        Open,
        "emergency_hours",
    ),
    (
        "an emergency on Saturday, also where nobody may override",
        |s| {
            s.now = at(SATURDAY_00_00);
            s.in_emergency();
            s.environment.overrides.from.clear();
        },
        Open,
        "emergency_hours",
    ),
    (
        "an emergency to which the one on call agreed four hours ago",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.environment.approvals.expires = SignedDuration::from_hours(24);
            s.approve_at(slack("U0OLGA"), s.now - SignedDuration::from_hours(4));
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency to which the one on call agreed a second less than four hours ago",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.environment.approvals.expires = SignedDuration::from_hours(24);
            let nearly = SignedDuration::from_hours(4) - SignedDuration::from_secs(1);
            s.approve_at(slack("U0OLGA"), s.now - nearly);
        },
        Open,
        "overridden",
    ),
    (
        "an emergency to which the one on call agreed longer ago than approvals last",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.environment.approvals.expires = SignedDuration::from_hours(1);
            s.approve_at(slack("U0OLGA"), s.now - SignedDuration::from_hours(1));
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency to which the one on call agreed when only a freeze was closed",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.approve(slack("U0OLGA"));
            s.deploy.approvals.last_mut().unwrap().passes = vec!["freeze sale".to_owned()];
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency whose agreement was taken back",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.approve(slack("U0OLGA"));
            s.deploy.approvals.last_mut().unwrap().void = Some(s.now);
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency to which the one on call agreed",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.approve(slack("U0OLGA"));
        },
        Open,
        "overridden",
    ),
    (
        "an emergency to which only an approver agreed, who may not override",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.approve(slack("U0LINUS"));
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency that needs two of whom one agreed",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.environment.overrides.needed = 2;
            s.approve(slack("U0OLGA"));
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency to which its own requester agreed, who is on call",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.deploy.request.by = samples::parsed("olga");
            s.deploy.request.account = slack("U0OLGA");
            s.environment.approvals.own = true;
            s.approve(slack("U0OLGA"));
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency for which nought people are asked still needs one",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.environment.overrides.needed = 0;
        },
        Waiting,
        "override_asked",
    ),
    (
        "an emergency where nobody may override",
        |s| {
            friday_afternoon(s);
            s.in_emergency();
            s.environment.overrides.from.clear();
        },
        Closed,
        "outside_window",
    ),
    (
        "agreement without an emergency",
        |s| {
            friday_afternoon(s);
            s.approve(slack("U0OLGA"));
        },
        Closed,
        "outside_window",
    ),
    ("beyond the calendar's reach", |s| s.now = at(BEYOND_THE_CALENDAR), Waiting, "calendar_unreadable"),
    (
        "an agreed emergency beyond the calendar's reach",
        |s| {
            s.now = at(BEYOND_THE_CALENDAR);
            s.in_emergency();
            s.approve(slack("U0OLGA"));
        },
        Waiting,
        "calendar_unreadable",
    ),
    (
        "a rollback beyond the calendar's reach",
        |s| {
            s.now = at(BEYOND_THE_CALENDAR);
            s.as_rollback();
        },
        Open,
        "not_for_rollback",
    ),
    (
        "a rollback bound to windows beyond the calendar's reach",
        |s| {
            s.now = at(BEYOND_THE_CALENDAR);
            s.as_rollback();
            s.environment.rollback.in_window_only = true;
        },
        Waiting,
        "calendar_unreadable",
    ),
];

#[test]
fn the_schedule_gate_says_what_the_table_says() {
    check(Gate::Schedule, ROWS);
}

#[test]
fn a_closed_schedule_says_when_it_opens_and_an_open_one_when_it_closes() {
    let mut scene = Scene::ready();
    let closes = scene.verdict(Gate::Schedule).unwrap();
    assert_eq!(closes.until, Some(at(FRIDAY_14_00)));
    assert_eq!(closes.reason, Reason::InWindow { closes: Some(at(FRIDAY_14_00)) });
    friday_afternoon(&mut scene);
    let opens = scene.verdict(Gate::Schedule).unwrap();
    assert_eq!(opens.until, Some(at(MONDAY_00_00)));
    assert_eq!(opens.helpers.groups, [samples::parsed("on-call")]);
}

#[test]
fn a_closed_schedule_that_opens_into_a_freeze_names_the_end_of_the_freeze() {
    let mut scene = Scene::ready();
    friday_afternoon(&mut scene);
    let when = crate::calendar::FreezeWhen::instants(at(MONDAY_00_00), Some(at("2026-11-24T12:00:00Z")));
    scene.freezes = vec![samples::freeze("Sale", when.unwrap())];
    assert_eq!(scene.verdict(Gate::Schedule).unwrap().until, Some(at("2026-11-24T12:00:00Z")));
}

#[test]
fn an_override_says_what_it_overrides_and_who_agreed() {
    let mut scene = Scene::ready();
    friday_afternoon(&mut scene);
    scene.in_emergency();
    scene.approve(slack("U0OLGA"));
    let reason = scene.verdict(Gate::Schedule).unwrap().reason;
    let (by, opening) = (vec![samples::parsed("olga")], Some(Opening::Closed));
    assert_eq!(
        reason,
        Reason::Overridden { by, opening, freezes: Vec::new(), passes: vec!["closed hours".to_owned()] }
    );
}
