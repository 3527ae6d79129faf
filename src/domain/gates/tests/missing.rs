//! Whatever else is true: what is not known opens nothing. Not here: single cases (the other tables).

use super::{Answer, Scene, Verdict, at, other, samples, slack};
use crate::calendar::FreezeWhen;
use crate::facts::{Check, CheckState, Read, RefKind};
use crate::gates::{Decision, Patience, decide};
use crate::people::{Member, Memberships};
use crate::policy::CheckRule;
use crate::samples::{commit, outside_group, parsed};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

type Change = fn(&mut Scene);

/// Changes to a scene, of which any may happen together.
const CHANGES: [Change; 24] = [
    |s| s.as_rollback(),
    |s| s.in_emergency(),
    |s| s.approve(slack("U0OLGA")),
    |s| s.approve(slack("U0LINUS")),
    |s| s.approve(slack("U0MEMBER")),
    |s| s.approve(slack("U0EVE")),
    |s| s.environment.approvals.needed = 0,
    |s| s.environment.approvals.needed = 2,
    |s| s.environment.approvals.own = true,
    |s| s.environment.rollback.needed = 1,
    |s| s.environment.rollback.in_window_only = true,
    |s| s.environment.schedule = None,
    |s| s.environment.after = None,
    |s| s.environment.checks = CheckRule::None,
    |s| s.environment.checks = CheckRule::Named(vec!["build".to_owned()]),
    |s| {
        s.policy.groups.insert(parsed("deployers"), vec![Member::Outside(outside_group())]);
        s.deploy.request.account = slack("U0MEMBER");
        s.deploy.request.by = slack("U0MEMBER").as_unlinked_person();
    },
    |s| {
        if let Some(pinned) = &mut s.deploy.pinned {
            pinned.pin.kind = RefKind::Commit;
        }
    },
    |s| s.place.known_here = false,
    |s| s.place.before = None,
    |s| s.place.active = Some(other(1)),
    |s| s.now = at("2026-11-21T12:00:00Z"),
    |s| {
        if let Some(outside) = &mut s.deploy.outside {
            let red = Check { name: "build".to_owned(), state: CheckState::Failed, url: None };
            outside.checks = Read::Known(vec![red]);
        }
    },
    |s| {
        if let Some(outside) = &mut s.deploy.outside {
            outside.reachable = Read::Known(false);
        }
    },
    |s| {
        if let Some(outside) = &mut s.deploy.outside {
            outside.resolves_to = Read::Known(Some(commit('c')));
        }
    },
];

/// Ways in which something is not known.
const LOSSES: [Change; 7] = [
    |s| {
        if let Some(outside) = &mut s.deploy.outside {
            outside.rebased = Some(Read::Unknown("no answer".to_owned()));
        }
    },
    |s| s.deploy.outside = None,
    |s| s.deploy.pinned = None,
    |s| {
        if let Some(outside) = &mut s.deploy.outside {
            outside.resolves_to = Read::Unknown("no answer".to_owned());
        }
    },
    |s| {
        if let Some(outside) = &mut s.deploy.outside {
            outside.reachable = Read::Unknown("no answer".to_owned());
        }
    },
    |s| {
        if let Some(outside) = &mut s.deploy.outside {
            outside.checks = Read::Unknown("no answer".to_owned());
        }
    },
    |s| {
        if let Some(outside) = &mut s.deploy.outside {
            outside.memberships = Memberships::default();
        }
    },
];

fn scene() -> impl Strategy<Value = Scene> {
    subsequence(CHANGES.to_vec(), 0..=8).prop_map(|changes| {
        let mut scene = Scene::ready();
        changes.iter().for_each(|change| change(&mut scene));
        scene
    })
}

fn patience() -> impl Strategy<Value = Patience> {
    select(vec![Patience::None, Patience::UntilPlanned, Patience::UntilOpen, Patience::Accepted])
}

proptest! {
    #[test]
    fn the_same_facts_are_judged_the_same(scene in scene()) {
        prop_assert_eq!(scene.judge(), scene.clone().judge());
    }

    /// Even where an environment asks for nothing, the commit must be known to be on the branch.
    #[test]
    fn nothing_starts_while_nothing_outside_is_known(mut scene in scene(), patience in patience()) {
        scene.deploy.outside = None;
        prop_assert_ne!(decide(&scene.judge(), patience), Decision::Start);
        let unknown = "no answer".to_owned();
        scene.deploy.outside = Some(crate::facts::Outside {
            resolves_to: Read::Unknown(unknown.clone()),
            reachable: Read::Unknown(unknown.clone()),
            checks: Read::Unknown(unknown),
            memberships: Memberships::default(),
            ..samples::outside()
        });
        prop_assert_ne!(decide(&scene.judge(), patience), Decision::Start);
    }

    /// Losing a fact may close or delay a gate; no gate is opened by it.
    #[test]
    fn no_gate_opens_because_something_is_not_known(scene in scene(), losses in subsequence(LOSSES.to_vec(), 1..=6)) {
        let mut lost = scene.clone();
        losses.iter().for_each(|loss| loss(&mut lost));
        let before = scene.judge();
        for after in lost.judge().iter().filter(|verdict| verdict.answer == Answer::Open) {
            let was = before.iter().find(|verdict| verdict.gate == after.gate);
            prop_assert_eq!(was.map(|v| v.answer), Some(Answer::Open), "{:?}", after.gate);
        }
    }

    /// What may start has a commit that is pinned, agreed to as often as the rules say, on facts that are known.
    #[test]
    fn what_starts_was_approved_by_enough_people_who_are_not_the_requester(scene in scene()) {
        if decide(&scene.judge(), Patience::None) == Decision::Start {
            let rule = &scene.environment.approvals;
            let needed = if scene.deploy.is_rollback() { scene.environment.rollback.needed } else { rule.needed };
            let mut people: Vec<_> = scene.deploy.approvals.iter().map(|approval| approval.by.clone()).collect();
            people.sort();
            people.dedup();
            people.retain(|person| rule.own || *person != scene.deploy.request.by);
            prop_assert!(people.len() >= needed as usize);
            prop_assert!(scene.deploy.pinned.is_some() && scene.deploy.outside.is_some());
            prop_assert!(scene.place.active.is_none());
        }
    }

    /// Whenever a freeze may cover the send, the gate is closed (S5), to the second.
    #[test]
    fn no_freeze_covers_a_send_that_was_let_through(from in -120_i64..120, length in 1_i64..120, late in 0_i64..=30) {
        let mut scene = Scene::ready();
        let (from, now) = (scene.now + SignedDuration::from_secs(from), scene.now);
        let until = from + SignedDuration::from_secs(length);
        scene.freezes = vec![samples::freeze("Sale", FreezeWhen::instants(from, Some(until)).unwrap())];
        if decide(&scene.judge(), Patience::None) == Decision::Start {
            let sent = now + SignedDuration::from_secs(late);
            prop_assert!(sent < from || until <= sent);
        }
    }
}

/// Whoever waits for what could not be read has nothing that would wake him: the reason must say so.
#[test]
fn every_loss_that_keeps_it_waiting_says_that_it_must_be_read_again() {
    for (number, lose) in LOSSES.iter().enumerate() {
        let mut scene = Scene::ready();
        lose(&mut scene);
        let verdicts = scene.judge();
        if decide(&verdicts, Patience::Accepted) == Decision::Start {
            assert_eq!(number, LOSSES.len() - 1, "only the groups of others are of no matter here");
            continue;
        }
        let is_asked_again = |v: &Verdict| v.reason.is_unreadable() || v.until.is_some();
        let waits: Vec<_> = verdicts.iter().filter(|v| v.answer == Answer::Waiting).collect();
        assert!(waits.iter().any(|v| is_asked_again(v)), "loss {number}: {waits:#?}");
    }
}
