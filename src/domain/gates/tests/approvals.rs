//! The approvals gate: who counts, once, for what, and for how long. Not here: overrides (`schedule`, `freeze`).

use super::{Answer::*, Gate, Row, Scene, at, check, samples, slack};
use crate::gates::Reason;
use crate::ids::{Account, Platform};
use crate::people::Member;
use crate::samples::{outside_group, parsed};
use jiff::SignedDuration;

fn discord(id: &str) -> Account {
    Account { platform: Platform::Discord, id: id.to_owned() }
}

/// Nobody said yes so far, and so many must.
fn asking(scene: &mut Scene, needed: u32) {
    scene.deploy.approvals.clear();
    scene.environment.approvals.needed = needed;
}

fn unreadable(scene: &mut Scene) {
    scene.outside().memberships.insert(&outside_group(), Err("no answer".to_owned()));
}

const ROWS: &[Row] = &[
    ("enough", |_| {}, Open, "approved"),
    ("none needed", |s| asking(s, 0), Open, "no_approvals"),
    ("none yet", |s| asking(s, 1), Waiting, "approvals_missing"),
    ("one of two", |s| s.environment.approvals.needed = 2, Waiting, "approvals_missing"),
    (
        "two of two",
        |s| {
            s.environment.approvals.needed = 2;
            s.approve(slack("U0LINUS"));
        },
        Open,
        "approved",
    ),
    (
        "an account that was taken away since",
        |s| {
            asking(s, 1);
            s.approve(slack("U0LINUS"));
            s.outside().memberships.insert_account(&slack("U0LINUS"), Ok(false));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "the other account of the same person still counts",
        |s| {
            asking(s, 1);
            s.approve(slack("U0GRACE"));
            s.approve(discord("1001"));
            s.outside().memberships.insert_account(&slack("U0GRACE"), Ok(false));
        },
        Open,
        "approved",
    ),
    (
        "an account that cannot be read",
        |s| {
            asking(s, 1);
            s.approve(slack("U0LINUS"));
            s.outside().memberships.insert_account(&slack("U0LINUS"), Err("no answer".to_owned()));
        },
        Waiting,
        "group_unreadable",
    ),
    (
        "one person by two accounts",
        |s| {
            s.environment.approvals.needed = 2;
            s.approve(discord("1001"));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "one person by two accounts that were linked since",
        |s| {
            asking(s, 2);
            s.approve(slack("U0LINUS"));
            s.approve(slack("U0MEMBER"));
            s.policy.people.insert(parsed("linus"), vec![slack("U0LINUS"), slack("U0MEMBER")]);
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "a member of a group kept elsewhere",
        |s| {
            asking(s, 1);
            s.approve(slack("U0MEMBER"));
        },
        Open,
        "approved",
    ),
    (
        "a stranger",
        |s| {
            asking(s, 1);
            s.approve(slack("U0EVE"));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "somebody who only deploys",
        |s| {
            asking(s, 1);
            s.deploy.request.by = parsed("grace");
            s.deploy.request.account = slack("U0GRACE");
            s.approve(slack("U0ADA"));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "somebody who left the group since",
        |s| {
            asking(s, 1);
            s.approve(slack("U0MEMBER"));
            s.outside().memberships.insert(&outside_group(), Ok(Vec::new()));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "somebody whose group cannot be read now",
        |s| {
            asking(s, 1);
            s.approve(slack("U0MEMBER"));
            unreadable(s);
        },
        Waiting,
        "group_unreadable",
    ),
    (
        "somebody whose group was never read",
        |s| {
            asking(s, 1);
            s.approve(slack("U0MEMBER"));
            s.deploy.outside = None;
        },
        Waiting,
        "group_unreadable",
    ),
    ("somebody named, beside a group that cannot be read", unreadable, Open, "approved"),
    (
        "the requester",
        |s| {
            asking(s, 1);
            s.policy.groups.insert(
                parsed("release-managers"),
                vec![Member::Person(parsed("ada")), Member::Person(parsed("linus"))],
            );
            s.approve(slack("U0ADA"));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "the requester by a second account",
        |s| {
            asking(s, 1);
            s.deploy.request.by = parsed("grace");
            s.deploy.request.account = slack("U0GRACE");
            s.approve(discord("1001"));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "the requester by an account that was linked since",
        |s| {
            asking(s, 1);
            s.deploy.request.by = slack("U0NEW").as_unlinked_person();
            s.deploy.request.account = slack("U0NEW");
            s.policy.people.insert(parsed("linus"), vec![slack("U0LINUS"), slack("U0NEW")]);
            s.approve(slack("U0LINUS"));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "the requester, where that is allowed",
        |s| {
            asking(s, 1);
            s.environment.approvals.own = true;
            s.deploy.request.by = parsed("grace");
            s.deploy.request.account = slack("U0GRACE");
            s.approve(slack("U0GRACE"));
        },
        Open,
        "approved",
    ),
    (
        "another digest",
        |s| s.deploy.pinned.as_mut().unwrap().digest = parsed(&"d".repeat(64)),
        Waiting,
        "approvals_missing",
    ),
    (
        "the last second of an approval",
        |s| {
            asking(s, 1);
            let nearly = SignedDuration::from_hours(4) - SignedDuration::from_secs(1);
            s.approve_at(slack("U0GRACE"), s.now - nearly);
        },
        Open,
        "approved",
    ),
    (
        "an approval that has grown old",
        |s| {
            asking(s, 1);
            s.approve_at(slack("U0GRACE"), s.now - SignedDuration::from_hours(4));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "an old approval and a new one of the same person",
        |s| {
            asking(s, 1);
            s.approve_at(slack("U0GRACE"), s.now - SignedDuration::from_hours(4));
            s.approve(slack("U0GRACE"));
        },
        Open,
        "approved",
    ),
    (
        "nobody may: the groups are empty",
        |s| {
            asking(s, 1);
            s.environment.approvals.from.clear();
        },
        Closed,
        "nobody_may_approve",
    ),
    (
        "nobody may: only the requester is in the group",
        |s| {
            asking(s, 1);
            s.policy.groups.insert(parsed("release-managers"), vec![Member::Person(parsed("ada"))]);
        },
        Closed,
        "nobody_may_approve",
    ),
    (
        "a rollback that needs none",
        |s| {
            asking(s, 1);
            s.as_rollback();
        },
        Open,
        "no_approvals",
    ),
    (
        "a rollback that needs two of which one is there",
        |s| {
            s.as_rollback();
            s.environment.rollback.needed = 2;
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "an emergency to which only the one on call agreed",
        |s| {
            asking(s, 1);
            s.in_emergency();
            s.approve(slack("U0OLGA"));
        },
        Waiting,
        "approvals_missing",
    ),
];

#[test]
fn the_approvals_gate_says_what_the_table_says() {
    check(Gate::Approvals, ROWS);
}

#[test]
fn those_who_agreed_are_named_in_the_order_in_which_they_did() {
    let mut scene = Scene::ready();
    scene.environment.approvals.needed = 2;
    scene.approve(slack("U0MEMBER"));
    let verdict = scene.verdict(Gate::Approvals).unwrap();
    let by = vec![parsed("grace"), slack("U0MEMBER").as_unlinked_person()];
    assert_eq!(verdict.reason, Reason::Approved { by });
    let first = scene.now - SignedDuration::from_hours(1) + SignedDuration::from_hours(4);
    assert_eq!(verdict.until, Some(first), "when the older of the two grows old");
}

#[test]
fn those_who_could_approve_are_named_without_those_who_did_and_the_requester() {
    let mut scene = Scene::ready();
    scene.environment.approvals.needed = 3;
    let verdict = scene.verdict(Gate::Approvals).unwrap();
    assert_eq!(verdict.helpers.people, [parsed("linus"), slack("U0MEMBER").as_unlinked_person()]);
    assert_eq!(verdict.helpers.groups, [parsed("release-managers")]);
    assert_eq!(verdict.reason, Reason::ApprovalsMissing { by: vec![parsed("grace")], needed: 3 });
    assert_eq!(scene.around, at(samples::THURSDAY));
}
