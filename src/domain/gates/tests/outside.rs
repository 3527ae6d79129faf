//! The gates that look at what other systems know: permission, version, checks. Not here: approvals.

use super::{Answer::*, Gate, Row, Scene, check, samples, slack};
use crate::facts::{Check, CheckState, Read, RefKind};
use crate::gates::Reason;
use crate::people::Member;
use crate::policy::CheckRule;
use crate::samples::{commit, outside_group, parsed};

fn unknown<T>() -> Read<T> {
    Read::Unknown("the code host does not answer".to_owned())
}

/// Who deploys is kept by Slack.
fn deployers_elsewhere(scene: &mut Scene) {
    scene.policy.groups.insert(parsed("deployers"), vec![Member::Outside(outside_group())]);
}

#[test]
fn the_permission_gate_says_what_the_table_says() {
    const ROWS: &[Row] = &[
        ("somebody of the group", |_| {}, Open, "may_deploy"),
        ("somebody of no group", |s| s.deploy.request.by = parsed("eve"), Closed, "may_not_deploy"),
        ("somebody of another group", |s| s.deploy.request.by = parsed("linus"), Closed, "may_not_deploy"),
        (
            "somebody who left the group since",
            |s| {
                s.policy.groups.insert(parsed("deployers"), vec![Member::Person(parsed("grace"))]);
            },
            Closed,
            "may_not_deploy",
        ),
        (
            "a group that is not written down",
            |s| s.environment.deployers = vec![parsed("nobody")],
            Closed,
            "may_not_deploy",
        ),
        ("no group at all", |s| s.environment.deployers.clear(), Closed, "may_not_deploy"),
        ("somebody who is not in a group kept elsewhere", deployers_elsewhere, Closed, "may_not_deploy"),
        (
            "somebody in a group kept elsewhere",
            |s| {
                deployers_elsewhere(s);
                s.outside().memberships.insert(&outside_group(), Ok(vec![slack("U0ADA")]));
            },
            Open,
            "may_deploy",
        ),
        (
            "a group kept elsewhere that cannot be read",
            |s| {
                deployers_elsewhere(s);
                s.outside().memberships.insert(&outside_group(), Err("no answer".to_owned()));
            },
            Waiting,
            "group_unreadable",
        ),
        (
            "a group kept elsewhere that was never read",
            |s| {
                deployers_elsewhere(s);
                s.deploy.outside = None;
            },
            Waiting,
            "group_unreadable",
        ),
        (
            "somebody named, beside a group that cannot be read",
            |s| {
                let group = vec![Member::Outside(outside_group()), Member::Person(parsed("ada"))];
                s.policy.groups.insert(parsed("deployers"), group);
                s.outside().memberships.insert(&outside_group(), Err("no answer".to_owned()));
            },
            Open,
            "may_deploy",
        ),
    ];
    check(Gate::Permission, ROWS);
}

#[test]
fn the_version_gate_says_what_the_table_says() {
    const ROWS: &[Row] = &[
        ("a tag that stayed", |_| {}, Open, "version_pinned"),
        ("not looked up yet", |s| s.deploy.pinned = None, Waiting, "version_pending"),
        ("not checked yet", |s| s.deploy.outside = None, Waiting, "version_unreadable"),
        (
            "a tag that moved",
            |s| s.outside().resolves_to = Read::Known(Some(commit('c'))),
            Closed,
            "version_moved",
        ),
        ("a tag that is gone", |s| s.outside().resolves_to = Read::Known(None), Closed, "version_moved"),
        ("a tag that cannot be read", |s| s.outside().resolves_to = unknown(), Waiting, "version_unreadable"),
        (
            "a branch that moved on",
            |s| {
                s.deploy.pinned.as_mut().unwrap().pin.kind = RefKind::Branch;
                s.outside().resolves_to = Read::Known(Some(commit('c')));
            },
            Open,
            "version_pinned",
        ),
        (
            "a commit",
            |s| {
                s.deploy.pinned.as_mut().unwrap().pin.kind = RefKind::Commit;
                s.outside().resolves_to = unknown();
            },
            Open,
            "version_pinned",
        ),
        (
            "a commit that is not on the branch",
            |s| s.outside().reachable = Read::Known(false),
            Closed,
            "version_unreachable",
        ),
        ("nobody can tell where it is", |s| s.outside().reachable = unknown(), Waiting, "version_unreadable"),
        ("a rollback to what ran here", Scene::as_rollback, Open, "version_pinned"),
        (
            "a rollback to what ran here, on a branch that was rewritten",
            |s| {
                s.as_rollback();
                s.outside().reachable = Read::Known(false);
            },
            Open,
            "version_pinned",
        ),
        (
            "a rollback to what never ran here",
            |s| {
                s.as_rollback();
                s.place.known_here = false;
            },
            Closed,
            "never_succeeded_here",
        ),
        (
            "a rollback when nobody can tell where the commit is",
            |s| {
                s.as_rollback();
                s.outside().reachable = unknown();
            },
            Waiting,
            "version_unreadable",
        ),
        (
            "a rollback by a tag that moved",
            |s| {
                s.as_rollback();
                s.outside().resolves_to = Read::Known(Some(commit('c')));
            },
            Closed,
            "version_moved",
        ),
    ];
    check(Gate::Version, ROWS);
}

/// These checks, green unless it says otherwise.
fn checks(scene: &mut Scene, states: &[(&str, CheckState)]) {
    let check = |(name, state): &(&str, CheckState)| Check { name: (*name).into(), state: *state, url: None };
    scene.outside().checks = Read::Known(states.iter().map(check).collect());
}

fn named(scene: &mut Scene) {
    scene.environment.checks = CheckRule::Named(vec!["build".to_owned(), "test".to_owned()]);
}

fn a_hundred_green_and(scene: &mut Scene, last: CheckState) {
    let check = |(name, state)| Check { name, state, url: None };
    let green = (0..100).map(|index| (format!("check {index}"), CheckState::Passed));
    scene.outside().checks = Read::Known(green.chain([("check 100".to_owned(), last)]).map(check).collect());
}

#[test]
fn the_checks_gate_says_what_the_table_says() {
    use CheckState::{Failed, Passed, Pending};
    const ROWS: &[Row] = &[
        ("all, and all are green", |_| {}, Open, "checks_green"),
        ("all, and there are none", |s| checks(s, &[]), Waiting, "checks_missing"),
        (
            "all, and one is pending",
            |s| checks(s, &[("build", Passed), ("x", Pending)]),
            Waiting,
            "checks_pending",
        ),
        ("all, and one is red", |s| checks(s, &[("build", Passed), ("x", Failed)]), Closed, "checks_red"),
        ("all, red and pending", |s| checks(s, &[("build", Pending), ("x", Failed)]), Closed, "checks_red"),
        ("all of 101, the last red", |s| a_hundred_green_and(s, Failed), Closed, "checks_red"),
        ("all of 101, the last pending", |s| a_hundred_green_and(s, Pending), Waiting, "checks_pending"),
        ("all of 101, all green", |s| a_hundred_green_and(s, Passed), Open, "checks_green"),
        ("all, unreadable", |s| s.outside().checks = unknown(), Waiting, "checks_unreadable"),
        ("all, never read", |s| s.deploy.outside = None, Waiting, "checks_unreadable"),
        ("named, and green", named, Open, "checks_green"),
        (
            "named, and another is red",
            |s| {
                named(s);
                checks(s, &[("build", Passed), ("test", Passed), ("lint", Failed)]);
            },
            Open,
            "checks_green",
        ),
        (
            "named, and one is missing",
            |s| {
                named(s);
                checks(s, &[("build", Passed), ("tests", Passed)]);
            },
            Waiting,
            "checks_missing",
        ),
        (
            "named, one missing and one red",
            |s| {
                named(s);
                checks(s, &[("build", Failed)]);
            },
            Closed,
            "checks_red",
        ),
        (
            "named, one missing and one pending",
            |s| {
                named(s);
                checks(s, &[("build", Pending)]);
            },
            Waiting,
            "checks_missing",
        ),
        (
            "named, unreadable",
            |s| {
                named(s);
                s.outside().checks = unknown();
            },
            Waiting,
            "checks_unreadable",
        ),
        (
            "none asked for, and one is red",
            |s| {
                s.environment.checks = CheckRule::None;
                checks(s, &[("build", Failed)]);
            },
            Open,
            "no_checks",
        ),
        (
            "a rollback with a red check",
            |s| {
                checks(s, &[("build", Failed)]);
                s.as_rollback();
            },
            Open,
            "not_for_rollback",
        ),
        (
            "an agreed emergency with a red check",
            |s| {
                checks(s, &[("build", Failed)]);
                s.in_emergency();
                s.approve(slack("U0OLGA"));
            },
            Closed,
            "checks_red",
        ),
    ];
    check(Gate::Checks, ROWS);
}

#[test]
fn every_red_check_is_named() {
    let mut scene = Scene::ready();
    let red = |name| (name, CheckState::Failed);
    checks(&mut scene, &[red("a"), ("b", CheckState::Passed), red("c")]);
    let reason = scene.verdict(Gate::Checks).unwrap().reason;
    assert_eq!(reason, Reason::ChecksRed { failed: vec!["a".to_owned(), "c".to_owned()] });
    assert_eq!(samples::commit('a').short(), "aaaaaaa");
}
