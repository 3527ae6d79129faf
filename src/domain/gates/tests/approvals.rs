//! The approvals gate: who counts, once, for what, and for how long. Not here: overrides (`schedule`, `freeze`).

use super::{Answer::*, Gate, Row, Scene, at, check, samples, slack};
use crate::facts::{Change, Diff, Read, Writer};
use crate::gates::approvals::fill;
use crate::gates::{self, Reason};
use crate::ids::{Account, Platform};
use crate::people::{Away, Member, OutsideGroup};
use crate::policy::{Escalation, Share};
use crate::samples::{outside_group, parsed};
use jiff::SignedDuration;
use std::collections::BTreeMap;

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

/// A further group must say yes, too.
fn also(scene: &mut Scene, needed: u32, group: &str) {
    scene.environment.approvals.also.push(Share { needed, from: vec![parsed(group)] });
}

fn elsewhere() -> OutsideGroup {
    OutsideGroup { platform: Platform::Slack, id: "S0OTHER".to_owned() }
}

/// Only `olga` said yes, to whom it is escalated that many seconds from now.
fn escalated(scene: &mut Scene, ahead: i64) {
    asking(scene, 1);
    let after = scene.now.duration_since(scene.deploy.request.at) + SignedDuration::from_secs(ahead);
    scene.environment.approvals.escalate = vec![Escalation { after, to: vec![parsed("on-call")] }];
    scene.approve(slack("U0OLGA"));
}

fn absence(scene: &Scene, person: &str, delegate: &str, seconds: i64) -> Away {
    Away {
        person: parsed(person),
        account: slack(&format!("U0{}", person.to_uppercase())),
        delegate: parsed(delegate),
        from: scene.now - SignedDuration::from_hours(5),
        until: scene.now + SignedDuration::from_secs(seconds),
    }
}

/// Somebody is away for so long yet, and who stands in for them is the only one who said yes.
fn away(scene: &mut Scene, person: &str, delegate: &str, seconds: i64) {
    asking(scene, 1);
    let away = absence(scene, person, delegate, seconds);
    scene.outside().memberships.set_away(vec![away]);
    scene.approve(slack(&format!("U0{}", delegate.to_uppercase())));
}

fn diff(scene: &mut Scene) -> &mut Diff {
    match &mut scene.deploy.pinned.as_mut().unwrap().diff {
        Read::Known(Some(diff)) => diff,
        other => panic!("{other:?}"),
    }
}

/// One commit by these accounts, and whoever wrote a commit may not approve it.
fn written_by(scene: &mut Scene, accounts: &[&str]) {
    scene.environment.approvals.not_authors = true;
    let writer = |id: &&str| Writer { name: (*id).to_owned(), accounts: vec![slack(id)] };
    let (writers, title) = (accounts.iter().map(writer).collect(), "Sell more".to_owned());
    let commit = samples::commit('a');
    let change = Change { commit, title, author: "ada".to_owned(), pull: None, writers };
    let diff = diff(scene);
    (diff.commits, diff.total) = (vec![change], 1);
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
        "the requester by another account than the one they asked with, which is no longer theirs",
        |s| {
            asking(s, 1);
            s.deploy.request.by = parsed("linus");
            s.deploy.request.account = slack("U0NEW");
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
    ("one that was taken back", |s| s.deploy.approvals[0].void = Some(s.now), Waiting, "approvals_missing"),
    (
        "one that was taken back and given again",
        |s| {
            s.deploy.approvals[0].void = Some(s.now);
            s.approve(slack("U0GRACE"));
        },
        Open,
        "approved",
    ),
    ("two groups of which one said yes", |s| also(s, 1, "on-call"), Waiting, "approvals_missing"),
    (
        "two groups of which both said yes",
        |s| {
            also(s, 1, "on-call");
            s.approve(slack("U0OLGA"));
        },
        Open,
        "approved",
    ),
    (
        "two groups and one person in both",
        |s| {
            also(s, 1, "deployers");
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "two groups, somebody in both, and somebody in the first",
        |s| {
            also(s, 1, "deployers");
            s.approve(slack("U0LINUS"));
        },
        Open,
        "approved",
    ),
    (
        "two groups of which the second cannot be read",
        |s| {
            s.policy.groups.insert(parsed("security"), vec![Member::Outside(elsewhere())]);
            also(s, 1, "security");
        },
        Waiting,
        "group_unreadable",
    ),
    (
        "two groups of which only the requester is in the second",
        |s| {
            s.policy.groups.insert(parsed("security"), vec![Member::Person(parsed("ada"))]);
            also(s, 1, "security");
        },
        Closed,
        "nobody_may_approve",
    ),
    (
        "two groups with the same one person",
        |s| {
            s.policy.groups.insert(parsed("release-managers"), vec![Member::Person(parsed("grace"))]);
            s.policy.groups.insert(parsed("security"), vec![Member::Person(parsed("grace"))]);
            also(s, 1, "security");
        },
        Closed,
        "nobody_may_approve",
    ),
    (
        "a rollback asks the first group only",
        |s| {
            also(s, 1, "on-call");
            s.as_rollback();
            s.environment.rollback.needed = 1;
        },
        Open,
        "approved",
    ),
    ("a second before others are asked too", |s| escalated(s, 1), Waiting, "approvals_missing"),
    ("from the moment when others are asked too", |s| escalated(s, 0), Open, "approved"),
    ("somebody who stands in for a member who is away", |s| away(s, "linus", "eve", 3600), Open, "approved"),
    ("somebody who stood in until now", |s| away(s, "linus", "eve", 0), Waiting, "approvals_missing"),
    (
        "somebody who stands in for the requester",
        |s| {
            s.policy.groups.get_mut(&parsed("release-managers")).unwrap().push(Member::Person(parsed("ada")));
            away(s, "ada", "eve", 3600);
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "the requester, standing in for a member",
        |s| {
            away(s, "linus", "ada", 3600);
            s.approve(slack("U0ADA"));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "the requester who stands in for a member, where their own would count",
        |s| {
            s.deploy.approvals.clear();
            s.environment.approvals.own = true;
            away(s, "linus", "ada", 3600);
        },
        Waiting,
        "approvals_missing",
    ),
    ("somebody who stands in for a stranger", |s| away(s, "olga", "eve", 3600), Waiting, "approvals_missing"),
    (
        "somebody who stands in for one who stands in for a member",
        |s| {
            away(s, "linus", "eve", 3600);
            let mut two = vec![absence(s, "linus", "olga", 3600)];
            two.push(absence(s, "olga", "eve", 3600));
            s.outside().memberships.set_away(two);
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "somebody who stands in for a member whose account was taken away",
        |s| {
            away(s, "linus", "eve", 3600);
            s.outside().memberships.insert_account(&slack("U0LINUS"), Ok(false));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "a member who is away and who stands in for them are one vote",
        |s| {
            away(s, "linus", "eve", 3600);
            s.environment.approvals.needed = 2;
            s.approve(slack("U0LINUS"));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "somebody who stands in for two members, of whom one said yes",
        |s| {
            away(s, "grace", "eve", 3600);
            let two = vec![absence(s, "grace", "eve", 3600), absence(s, "linus", "eve", 3600)];
            s.outside().memberships.set_away(two);
            s.environment.approvals.needed = 2;
            s.approve(slack("U0GRACE"));
        },
        Open,
        "approved",
    ),
    (
        "somebody who stands in for two members is one vote",
        |s| {
            away(s, "grace", "eve", 3600);
            let two = vec![absence(s, "grace", "eve", 3600), absence(s, "linus", "eve", 3600)];
            s.outside().memberships.set_away(two);
            s.environment.approvals.needed = 2;
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "somebody who is a member and stands in for another is one vote",
        |s| {
            away(s, "linus", "grace", 3600);
            s.environment.approvals.needed = 2;
            s.approve(slack("U0GRACE"));
        },
        Waiting,
        "approvals_missing",
    ),
    ("an approver who wrote none of it", |s| written_by(s, &["U0ADA"]), Open, "approved"),
    (
        "an approver who wrote a part of it",
        |s| written_by(s, &["U0ADA", "U0GRACE"]),
        Waiting,
        "approvals_missing",
    ),
    (
        "an approver who wrote a part of it, where authors may approve",
        |s| {
            written_by(s, &["U0ADA", "U0GRACE"]);
            s.environment.approvals.not_authors = false;
        },
        Open,
        "approved",
    ),
    (
        "somebody who stands in for one who wrote a part of it",
        |s| {
            away(s, "linus", "eve", 3600);
            written_by(s, &["U0LINUS"]);
        },
        Waiting,
        "approvals_missing",
    ),
    ("a change by somebody unknown", |s| written_by(s, &["U0NOBODY"]), Closed, "authors_unknown"),
    (
        "a change of which the code host does not say by whom it is",
        |s| {
            written_by(s, &["U0ADA"]);
            diff(s).commits[0].writers.clear();
        },
        Closed,
        "authors_unknown",
    ),
    (
        "more changes than are listed",
        |s| {
            written_by(s, &["U0ADA"]);
            diff(s).total = 2;
        },
        Closed,
        "authors_unknown",
    ),
    (
        "changes that cannot be read",
        |s| {
            written_by(s, &["U0ADA"]);
            s.deploy.pinned.as_mut().unwrap().diff = Read::Unknown("no answer".to_owned());
        },
        Waiting,
        "authors_unknown",
    ),
    (
        "changes that could not be read at first",
        |s| {
            written_by(s, &["U0ADA"]);
            let read = diff(s).clone();
            s.deploy.pinned.as_mut().unwrap().diff = Read::Unknown("no answer".to_owned());
            s.outside().rebased = Some(Read::Known(read));
        },
        Open,
        "approved",
    ),
    (
        "the first deploy when it was looked up, and not any more",
        |s| {
            written_by(s, &["U0GRACE"]);
            let read = diff(s).clone();
            s.deploy.pinned.as_mut().unwrap().diff = Read::Known(None);
            s.outside().rebased = Some(Read::Known(read));
        },
        Waiting,
        "approvals_missing",
    ),
    (
        "changes to something else that went live since, which cannot be read",
        |s| {
            written_by(s, &["U0ADA"]);
            s.outside().rebased = Some(Read::Unknown("no answer".to_owned()));
        },
        Waiting,
        "authors_unknown",
    ),
    (
        "the first deploy, which has no list of changes",
        |s| {
            written_by(s, &["U0ADA"]);
            s.deploy.pinned.as_mut().unwrap().diff = Read::Known(None);
        },
        Closed,
        "authors_unknown",
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
    assert_eq!(verdict.reason, Reason::Approved { by, for_others: BTreeMap::new() });
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
    let (by, shares, for_others) = (vec![parsed("grace")], Vec::new(), BTreeMap::new());
    assert_eq!(verdict.reason, Reason::ApprovalsMissing { by, needed: 3, shares, for_others });
    assert_eq!(scene.around, at(samples::THURSDAY));
}

#[test]
fn the_card_learns_for_each_group_what_is_missing_and_who_could_give_it() {
    let mut scene = Scene::ready();
    also(&mut scene, 1, "on-call");
    let verdict = scene.verdict(Gate::Approvals).unwrap();
    let share = |group: &str, by: &[&str]| gates::Share {
        groups: vec![parsed(group)],
        needed: 1,
        by: by.iter().map(|name| parsed(name)).collect(),
    };
    let shares = vec![share("release-managers", &["grace"]), share("on-call", &[])];
    let (by, for_others) = (vec![parsed("grace")], BTreeMap::new());
    assert_eq!(verdict.reason, Reason::ApprovalsMissing { by, needed: 2, shares, for_others });
    assert_eq!(verdict.helpers.groups, [parsed("on-call")], "another release manager would not help");
    assert_eq!(verdict.helpers.people, [parsed("olga")]);
}

#[test]
fn somebody_in_both_groups_leaves_a_place_to_either() {
    let mut scene = Scene::ready();
    also(&mut scene, 1, "deployers");
    let groups = scene.verdict(Gate::Approvals).unwrap().helpers.groups;
    assert_eq!(groups, [parsed("release-managers"), parsed("deployers")], "grace can be counted for either");
}

#[test]
fn who_approved_for_whom_is_told() {
    let mut scene = Scene::ready();
    away(&mut scene, "linus", "eve", 3600);
    let verdict = scene.verdict(Gate::Approvals).unwrap();
    let for_others = BTreeMap::from([(parsed("eve"), parsed("linus"))]);
    assert_eq!(verdict.reason, Reason::Approved { by: vec![parsed("eve")], for_others });
    assert_eq!(verdict.until, Some(scene.now + SignedDuration::from_hours(1)), "until linus is back");
}

#[test]
fn a_gate_that_waits_is_looked_at_again_when_others_are_asked_too() {
    let mut scene = Scene::ready();
    escalated(&mut scene, 60);
    assert_eq!(
        scene.verdict(Gate::Approvals).unwrap().until,
        Some(scene.now + SignedDuration::from_secs(60))
    );
}

/// However many people are in however many groups: places are filled by distinct people, and no more could be.
#[test]
fn each_yes_fills_one_place_and_as_many_places_as_possible_are_filled() {
    // Every way in which three people can belong to two groups that need one or two each.
    for needed in [[1, 1], [1, 2], [2, 1], [2, 2]] {
        for code in 0..64_usize {
            let fits: Vec<Vec<usize>> = (0..3)
                .map(|person| (0..2).filter(|share| code >> (person * 2 + share) & 1 == 1).collect())
                .collect();
            let best = (0..27_usize)
                .filter_map(|choice| {
                    let picks: Vec<usize> = (0..3).map(|person| choice / 3_usize.pow(person) % 3).collect();
                    let is_possible =
                        picks.iter().zip(&fits).all(|(pick, fits)| *pick == 2 || fits.contains(pick));
                    let count = |share| picks.iter().filter(|pick| **pick == share).count();
                    let is_within = (0..2).all(|share| count(share) <= needed[share] as usize);
                    (is_possible && is_within).then(|| count(0) + count(1))
                })
                .max()
                .unwrap();
            let filled = fill(&fits, &needed);
            let places: Vec<usize> = (0..2).flat_map(|share| filled.of(share)).collect();
            assert_eq!(places.len(), best, "{needed:?} {fits:?}");
            assert_eq!(filled.is_full(), best == (needed[0] + needed[1]) as usize);
            let would_help = |share: usize| {
                let mut more = fits.clone();
                more.push(vec![share]);
                let filled = fill(&more, &needed);
                (0..2).map(|share| filled.of(share).count()).sum::<usize>() > best
            };
            assert_eq!(
                filled.open(),
                (0..2).filter(|share| would_help(*share)).collect::<Vec<_>>(),
                "{fits:?}"
            );
        }
    }
}

#[test]
fn somebody_who_is_away_is_not_asked_but_who_stands_in_for_them() {
    let mut scene = Scene::ready();
    asking(&mut scene, 2);
    let absence = absence(&scene, "linus", "eve", 3600);
    scene.outside().memberships.set_away(vec![absence]);
    let asked = |scene: &Scene| scene.verdict(Gate::Approvals).unwrap().helpers.people;
    let outside = slack("U0MEMBER").as_unlinked_person();
    assert_eq!(asked(&scene), [parsed("eve"), parsed("grace"), outside.clone()]);
    // Whoever stands in and cannot help is not asked, and still nobody who is away.
    let absence = self::absence(&scene, "linus", "ada", 3600);
    scene.outside().memberships.set_away(vec![absence]);
    assert_eq!(asked(&scene), [parsed("grace"), outside]);
}
