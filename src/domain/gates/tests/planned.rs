//! Deploys that were planned for later, and those that wait for the calendar. Not here: the same gates without a plan.

use super::{Answer::*, Gate, Row, Scene, after, at, check, samples, slack};
use crate::calendar::{Freeze, FreezeWhen};
use crate::deploy::{Approval, Deploy, StartWhen, State};
use crate::facts::Lock;
use crate::gates::{Decision, Patience, Reason, decide};
use crate::ids::PersonId;
use crate::samples::parsed;
use jiff::{SignedDuration, Timestamp};

/// Friday an hour after the window closed.
const FRIDAY_15_00: &str = "2026-11-20T15:00:00-05:00";
const MONDAY_09_00: &str = "2026-11-23T09:00:00-05:00";

/// Asked on Thursday for Monday morning; grace said yes to that.
fn planned(scene: &mut Scene) {
    planned_for(scene, MONDAY_09_00);
}

fn planned_for(scene: &mut Scene, text: &str) {
    let at = at(text);
    scene.deploy.request.when = StartWhen::At(at);
    give_up_at(&mut scene.deploy, at + SignedDuration::from_hours(1));
}

fn give_up_at(deploy: &mut Deploy, at: Timestamp) {
    let State::Waiting { expires, .. } = &mut deploy.state else { panic!("it waits") };
    *expires = at;
}

fn freeze(from: &str, until: &str) -> Freeze {
    let when = FreezeWhen::instants(at(from), Some(at(until))).unwrap();
    samples::freeze("planned", when)
}

fn lock_until(scene: &mut Scene, until: Option<Timestamp>) {
    scene.place.lock = Some(Lock {
        environment: parsed("production"),
        by: parsed("grace"),
        reason: "the migration".to_owned(),
        since: scene.now,
        until,
        quarantine: None,
        kind: Default::default(),
        length: None,
    });
}

const STARTS: &[Row] = &[
    ("before its time", planned, Waiting, "planned_for"),
    (
        "the last second before it",
        |s| {
            planned(s);
            s.now = at(MONDAY_09_00) - SignedDuration::from_secs(1);
        },
        Waiting,
        "planned_for",
    ),
    (
        "its first second",
        |s| {
            planned(s);
            s.now = at(MONDAY_09_00);
        },
        Open,
        "planned_for",
    ),
];

const SCHEDULES: &[Row] = &[
    ("a time that is open, asked for while it is open", planned, Open, "in_window"),
    (
        "a time that is open, asked for while it is closed",
        |s| {
            planned(s);
            s.now = at(FRIDAY_15_00);
        },
        Open,
        "in_window",
    ),
    (
        "a time that is closed, asked for while it is open",
        |s| planned_for(s, FRIDAY_15_00),
        Closed,
        "outside_window",
    ),
    (
        "the present counts once the time is over",
        |s| {
            planned_for(s, "2026-11-20T13:30:00-05:00");
            s.now = at("2026-11-20T14:00:00-05:00");
        },
        Closed,
        "outside_window",
    ),
    (
        "a time that the calendar does not reach",
        |s| planned_for(s, "2031-01-07T12:00:00-05:00"),
        Waiting,
        "calendar_unreadable",
    ),
];

const FREEZES: &[Row] = &[
    (
        "a freeze now that is over then",
        |s| {
            planned(s);
            s.freezes = vec![freeze("2026-11-19T00:00-05:00", "2026-11-20T00:00-05:00")];
        },
        Open,
        "no_freeze",
    ),
    (
        "a freeze then that has not begun",
        |s| {
            planned(s);
            s.freezes = vec![freeze("2026-11-23T08:00-05:00", "2026-11-23T10:00-05:00")];
        },
        Closed,
        "frozen",
    ),
    (
        "a freeze that begins within the time of the start",
        |s| {
            planned(s);
            s.freezes = vec![freeze("2026-11-23T09:00:29-05:00", "2026-11-23T10:00-05:00")];
        },
        Closed,
        "frozen",
    ),
    (
        "a freeze that begins right after it",
        |s| {
            planned(s);
            s.freezes = vec![freeze("2026-11-23T09:00:31-05:00", "2026-11-23T10:00-05:00")];
        },
        Open,
        "no_freeze",
    ),
];

const LOCKS: &[Row] = &[
    (
        "a lock that ends before",
        |s| {
            planned(s);
            lock_until(s, Some(at(MONDAY_09_00)));
        },
        Open,
        "unlocked",
    ),
    (
        "a lock that ends a second too late",
        |s| {
            planned(s);
            lock_until(s, Some(at(MONDAY_09_00) + SignedDuration::from_secs(1)));
        },
        Closed,
        "locked",
    ),
    (
        "a lock without an end",
        |s| {
            planned(s);
            lock_until(s, None);
        },
        Closed,
        "locked",
    ),
];

#[test]
fn a_planned_deploy_waits_for_its_first_second() {
    check(Gate::Start, STARTS);
}

#[test]
fn the_schedule_is_judged_for_the_planned_time() {
    check(Gate::Schedule, SCHEDULES);
}

#[test]
fn freezes_are_judged_for_the_planned_time() {
    check(Gate::Freeze, FREEZES);
}

#[test]
fn locks_are_judged_for_the_planned_time() {
    check(Gate::Lock, LOCKS);
}

#[test]
fn without_a_plan_nothing_is_said_of_it() {
    assert_eq!(Scene::ready().verdict(Gate::Start), None);
    let mut scene = Scene::ready();
    scene.deploy.request.when = StartWhen::WhenOpen;
    assert_eq!(scene.verdict(Gate::Start), None);
}

#[test]
fn a_planned_deploy_starts_at_its_time_and_not_before() {
    let mut scene = Scene::ready();
    planned(&mut scene);
    let time = at(MONDAY_09_00);
    assert_eq!(decide(&scene.judge(), Patience::Accepted), Decision::Wait(Some(time)));
    scene.now = time;
    assert_eq!(decide(&scene.judge(), Patience::Accepted), Decision::Start, "{:#?}", scene.judge());
}

#[test]
fn a_yes_to_a_plan_counts_until_the_plan_ends() {
    let mut scene = Scene::ready();
    planned(&mut scene);
    let yes = scene.deploy.approvals[0].clone();
    let four = SignedDuration::from_hours(4);
    let end = at(MONDAY_09_00) + SignedDuration::from_hours(1);
    assert_eq!(scene.deploy.counts_until(&yes, four), end);
    scene.deploy.request.when = StartWhen::WhenOpen;
    assert_eq!(scene.deploy.counts_until(&yes, four), end);
    scene.deploy.request.when = StartWhen::Now;
    assert_eq!(scene.deploy.counts_until(&yes, four), yes.at + four);
}

#[test]
fn a_late_yes_is_not_cut_short_by_a_plan() {
    let mut scene = Scene::ready();
    planned(&mut scene);
    let late = at(MONDAY_09_00);
    let yes = Approval { at: late, ..scene.deploy.approvals[0].clone() };
    let four = SignedDuration::from_hours(4);
    assert_eq!(scene.deploy.counts_until(&yes, four), late + four);
}

#[test]
fn a_new_request_is_refused_by_a_calendar_that_is_closed_at_its_time_and_by_nothing_else_that_may_change() {
    let closed_then = {
        let mut scene = Scene::ready();
        planned_for(&mut scene, FRIDAY_15_00);
        scene.judge()
    };
    assert_eq!(decide(&closed_then, Patience::UntilPlanned), Decision::Refuse);
    assert!(matches!(decide(&closed_then, Patience::Accepted), Decision::Wait(_)));
    let mut scene = Scene::ready();
    planned(&mut scene);
    lock_until(&mut scene, None);
    assert_eq!(decide(&scene.judge(), Patience::UntilPlanned), Decision::Wait(Some(at(MONDAY_09_00))));
    assert_eq!(decide(&scene.judge(), Patience::None), Decision::Refuse);
}

#[test]
fn who_waits_for_the_calendar_waits_for_the_window_but_not_for_one_that_never_comes() {
    let mut scene = Scene::ready();
    scene.deploy.request.when = StartWhen::WhenOpen;
    scene.now = at(FRIDAY_15_00);
    let opens = at("2026-11-23T00:00:00-05:00");
    assert_eq!(decide(&scene.judge(), Patience::UntilOpen), Decision::Wait(Some(opens)));
    assert_eq!(decide(&scene.judge(), Patience::None), Decision::Refuse);
    let when = FreezeWhen::instants(after(samples::THURSDAY, 0), None).unwrap();
    scene.freezes = vec![samples::freeze("for ever", when)];
    assert_eq!(decide(&scene.judge(), Patience::UntilOpen), Decision::Refuse);
}

#[test]
fn the_patience_of_a_deploy_follows_from_what_was_asked_and_judged() {
    let mut deploy = Scene::ready().deploy;
    let plan = StartWhen::At(at(MONDAY_09_00));
    deploy.verdicts.clear();
    for (when, patience) in [
        (StartWhen::Now, Patience::None),
        (plan, Patience::UntilPlanned),
        (StartWhen::WhenOpen, Patience::UntilOpen),
    ] {
        deploy.request.when = when;
        assert_eq!(Patience::of(&deploy), patience);
    }
    deploy.verdicts = Scene::ready().judge();
    assert_eq!(Patience::of(&deploy), Patience::Accepted);
}

#[test]
fn a_requester_may_not_plan_away_the_yes_of_others() {
    let mut scene = Scene::ready();
    scene.deploy.approvals.clear();
    planned(&mut scene);
    scene.approve(slack("U0ADA"));
    let verdict = scene.verdict(Gate::Approvals).unwrap();
    let nobody: Vec<PersonId> = Vec::new();
    let (shares, for_others) = (Vec::new(), std::collections::BTreeMap::new());
    assert_eq!(verdict.reason, Reason::ApprovalsMissing { by: nobody, needed: 1, shares, for_others });
}
