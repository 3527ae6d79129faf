//! The gates that look at what Shipgate itself knows: lock, queue, order, hold. Not here: what others know (`outside`).

use super::{Answer::*, Gate, Row, Scene, after, at, check, other, samples};
use crate::deploy::Hold;
use crate::facts::{Lock, LockKind, Usual};
use crate::gates::{Helpers, Reason, Verdict};
use crate::ids::ActionName;
use jiff::SignedDuration;

fn lock(scene: &mut Scene, by: &str, until_seconds: Option<i64>) {
    scene.place.lock = Some(Lock {
        environment: samples::parsed("production"),
        by: samples::parsed(by),
        reason: "moving the database".to_owned(),
        since: at(samples::ASKED),
        until: until_seconds.map(|seconds| scene.now + SignedDuration::from_secs(seconds)),
        quarantine: None,
        kind: LockKind::Everyone,
        length: None,
    });
}

fn quarantine(scene: &mut Scene, by: &str) {
    lock(scene, by, None);
    scene.place.lock.as_mut().unwrap().quarantine = Some(other(9).id);
}

#[test]
fn the_lock_gate_says_what_the_table_says() {
    const ROWS: &[Row] = &[
        ("nobody's", |_| {}, Open, "unlocked"),
        ("one's own", |s| lock(s, "ada", None), Open, "own_lock"),
        ("somebody else's", |s| lock(s, "grace", None), Closed, "locked"),
        ("somebody else's for a second more", |s| lock(s, "grace", Some(1)), Closed, "locked"),
        ("somebody else's that ends now", |s| lock(s, "grace", Some(0)), Open, "unlocked"),
        ("somebody else's that is over", |s| lock(s, "grace", Some(-1)), Open, "unlocked"),
        ("a quarantine", |s| quarantine(s, "grace"), Closed, "quarantined"),
        ("a quarantine from one's own deploy", |s| quarantine(s, "ada"), Closed, "quarantined"),
        (
            "somebody else's, in an emergency",
            |s| {
                lock(s, "grace", None);
                s.in_emergency();
            },
            Closed,
            "locked",
        ),
        (
            "a quarantine, for a rollback",
            |s| {
                quarantine(s, "grace");
                s.as_rollback();
            },
            Closed,
            "quarantined",
        ),
    ];
    check(Gate::Lock, ROWS);
}

#[test]
fn a_lock_says_until_when_and_who_could_lift_it() {
    let mut scene = Scene::ready();
    lock(&mut scene, "grace", Some(60));
    let verdict = scene.verdict(Gate::Lock).unwrap();
    assert_eq!(verdict.until, Some(scene.now + SignedDuration::from_secs(60)));
    assert_eq!(verdict.helpers.people, [samples::parsed("grace")]);
    let groups = [samples::parsed("on-call"), samples::parsed("release-managers")];
    assert_eq!(verdict.helpers.groups, groups);
}

#[test]
fn the_queue_gate_says_what_the_table_says() {
    const ROWS: &[Row] = &[
        ("nobody else", |_| {}, Open, "next_in_line"),
        ("one that is active", |s| s.place.active = Some(other(1)), Waiting, "in_line"),
        ("one that comes first", |s| s.place.ahead = vec![other(1)], Waiting, "in_line"),
        (
            "both",
            |s| {
                s.place.active = Some(other(1));
                s.place.ahead = vec![other(2), other(3)];
            },
            Waiting,
            "in_line",
        ),
        (
            "a rollback while another is active",
            |s| {
                s.place.active = Some(other(1));
                s.as_rollback();
            },
            Waiting,
            "in_line",
        ),
        (
            "an emergency while another is active",
            |s| {
                s.place.active = Some(other(1));
                s.in_emergency();
            },
            Waiting,
            "in_line",
        ),
    ];
    check(Gate::Queue, ROWS);
}

#[test]
fn the_expected_start_counts_what_is_left_of_the_active_one_and_everybody_ahead() {
    let mut scene = Scene::ready();
    let minutes = SignedDuration::from_mins;
    let usual = |took| Usual { service: samples::parsed("api"), action: None, took, of: 7 };
    scene.place.usual = vec![usual(minutes(10))];
    let mut active = other(1);
    active.started = Some(scene.now - minutes(4));
    scene.place.active = Some(active);
    scene.place.ahead = vec![other(2), other(3)];
    let expected = |scene: &Scene| match scene.verdict(Gate::Queue).unwrap().reason {
        Reason::InLine { expected, ahead, is_overdue, took, unknown, .. } => {
            let services = (took.len(), unknown.len());
            (expected.map(|at| at.duration_since(scene.now)), ahead, is_overdue, services)
        }
        reason => panic!("{reason:?}"),
    };
    assert_eq!(expected(&scene), (Some(minutes(26)), 2, false, (1, 0)));
    scene.place.active.as_mut().unwrap().started = Some(scene.now - minutes(10));
    assert_eq!(expected(&scene), (Some(minutes(20)), 2, false, (1, 0)), "it is due now");
    scene.place.active.as_mut().unwrap().started = Some(scene.now - minutes(30));
    assert_eq!(expected(&scene), (None, 2, true, (1, 0)), "nobody knows how much longer it takes");
    scene.place.active.as_mut().unwrap().started = Some(scene.now - minutes(4));
    scene.place.ahead[1].service = Some(samples::parsed("web"));
    assert_eq!(expected(&scene), (None, 2, false, (1, 1)), "web never succeeded there");
    scene.place.usual.push(Usual { service: samples::parsed("web"), action: None, took: minutes(3), of: 1 });
    assert_eq!(expected(&scene), (Some(minutes(19)), 2, false, (2, 0)), "each by its own service");
    scene.place.usual = Vec::new();
    assert_eq!(expected(&scene), (None, 2, false, (0, 2)), "nobody knows how long it takes");
}

#[test]
fn a_command_in_line_takes_what_that_command_took_and_never_what_deploys_take() {
    let mut scene = Scene::ready();
    let minutes = SignedDuration::from_mins;
    let restart: ActionName = samples::parsed("restart");
    let api = || samples::parsed("api");
    let usual = |action, took| Usual { service: api(), action, took, of: 3 };
    scene.place.usual = vec![usual(None, minutes(20))];
    let mut active = other(1);
    (active.action, active.started) = (Some(restart.clone()), Some(scene.now - minutes(1)));
    scene.place.active = Some(active);
    scene.place.ahead = vec![other(2)];
    let turn = |scene: &Scene| match scene.verdict(Gate::Queue).unwrap().reason {
        Reason::InLine { expected, unknown, untried, took, .. } => {
            (expected.map(|at| at.duration_since(scene.now)), unknown, untried, took.len())
        }
        reason => panic!("{reason:?}"),
    };
    assert_eq!(turn(&scene), (None, vec![], vec![restart.clone()], 1), "nobody knows what a restart takes");
    scene.place.usual.push(usual(Some(restart.clone()), minutes(2)));
    assert_eq!(
        turn(&scene),
        (Some(minutes(21)), vec![], vec![], 2),
        "1 min of the restart, 20 of the deploy"
    );
    scene.place.usual.remove(0);
    assert_eq!(turn(&scene), (None, vec![api()], vec![], 1), "nor does a restart tell of deploys");
}

#[test]
fn whom_another_gate_keeps_out_has_no_place_and_no_time_in_the_line() {
    let mut scene = Scene::ready();
    let minutes = SignedDuration::from_mins;
    scene.place.usual =
        vec![Usual { service: samples::parsed("api"), action: None, took: minutes(10), of: 7 }];
    scene.place.active = Some(super::Other { started: Some(scene.now), ..other(1) });
    scene.place.behind = 1;
    let line = |scene: &Scene| match scene.verdict(Gate::Queue).unwrap().reason {
        Reason::InLine { expected, behind, took, is_kept_out, .. } => {
            (expected.is_some(), behind, took.len(), is_kept_out)
        }
        reason => panic!("{reason:?}"),
    };
    assert_eq!(line(&scene), (true, 1, 1, false));
    // The lock outlasts the active one by far.
    lock(&mut scene, "grace", Some(1800));
    assert_eq!(line(&scene), (false, 0, 0, true));
}

#[test]
fn the_usual_time_is_the_median_and_none_is_invented() {
    let api = samples::parsed("api");
    let minutes = SignedDuration::from_mins;
    let of = |took: &[i64]| {
        let took: Vec<SignedDuration> = took.iter().map(|m| minutes(*m)).collect();
        Usual::from_past(&api, None, &took).map(|usual| (usual.took, usual.of))
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[6]), Some((minutes(6), 1)));
    assert_eq!(of(&[90, 4, 6]), Some((minutes(6), 3)));
    assert_eq!(of(&[4, 90, 6, 8]), Some((minutes(7), 4)));
}

fn held(scene: &mut Scene, kind: LockKind, by: &str) {
    lock(scene, by, Some(60));
    scene.place.lock.as_mut().unwrap().kind = kind;
}

#[test]
fn the_kind_of_a_lock_says_whom_it_stops() {
    use crate::deploy::StartWhen;
    const ROWS: &[Row] = &[
        ("everyone", |s| held(s, LockKind::Everyone, "grace"), Closed, "locked"),
        ("a warning", |s| held(s, LockKind::Warn, "grace"), Open, "lock_told"),
        ("one's own warning", |s| held(s, LockKind::Warn, "ada"), Open, "lock_told"),
        (
            "a warning, planned",
            |s| {
                held(s, LockKind::Warn, "grace");
                s.deploy.request.when = StartWhen::WhenOpen;
            },
            Open,
            "lock_told",
        ),
        ("automation, asked for now", |s| held(s, LockKind::Automation, "grace"), Open, "lock_told"),
        (
            "automation, as soon as it is open",
            |s| {
                held(s, LockKind::Automation, "grace");
                s.deploy.request.when = StartWhen::WhenOpen;
            },
            Closed,
            "locked",
        ),
        (
            "automation, planned for before its end",
            |s| {
                held(s, LockKind::Automation, "grace");
                s.deploy.request.when = StartWhen::At(s.now + SignedDuration::from_secs(59));
            },
            Closed,
            "locked",
        ),
        (
            "automation, planned for its end",
            |s| {
                held(s, LockKind::Automation, "grace");
                s.deploy.request.when = StartWhen::At(s.now + SignedDuration::from_secs(60));
            },
            Open,
            "unlocked",
        ),
        (
            "one's own against automation, planned",
            |s| {
                held(s, LockKind::Automation, "ada");
                s.deploy.request.when = StartWhen::WhenOpen;
            },
            Closed,
            "locked",
        ),
        (
            "automation, asked for by nobody",
            |s| {
                held(s, LockKind::Automation, "grace");
                s.deploy.request.by = samples::parsed("shipgate");
            },
            Closed,
            "locked",
        ),
        (
            "a quarantine of whatever kind",
            |s| {
                quarantine(s, "grace");
                s.place.lock.as_mut().unwrap().kind = LockKind::Warn;
            },
            Closed,
            "quarantined",
        ),
    ];
    check(Gate::Lock, ROWS);
}

#[test]
fn whoever_passes_a_lock_is_looked_at_again_when_it_ends() {
    let mut scene = Scene::ready();
    held(&mut scene, LockKind::Warn, "grace");
    let verdict = scene.verdict(Gate::Lock).unwrap();
    assert_eq!(verdict.until, Some(scene.now + SignedDuration::from_secs(60)));
}

#[test]
fn rollbacks_come_first_then_agreed_emergencies_then_everybody_in_the_order_of_asking() {
    let agreed = |scene: &mut Scene| {
        scene.in_emergency();
        scene.deploy.verdicts.push(Verdict {
            gate: Gate::Freeze,
            answer: Open,
            reason: Reason::Overridden {
                by: vec![samples::parsed("grace")],
                opening: None,
                freezes: Vec::new(),
                passes: Vec::new(),
            },
            until: None,
            helpers: Helpers::default(),
        });
    };
    let mut deploys: Vec<_> = (0..6)
        .map(|index: u8| {
            let mut scene = Scene::ready();
            let asked = after(samples::ASKED, i64::from(index));
            scene.deploy.id = crate::ids::DeployId::new(asked, [255 - index; 10]);
            match index {
                1 | 4 => agreed(&mut scene),
                // Calling it an emergency alone brings nobody forward.
                3 => scene.in_emergency(),
                2 => {
                    scene.as_rollback();
                    scene.in_emergency();
                }
                5 => scene.as_rollback(),
                _ => {}
            }
            (index, scene.deploy)
        })
        .collect();
    deploys.sort_by(|a, b| a.1.queue_key().cmp(&b.1.queue_key()));
    let order: Vec<u8> = deploys.into_iter().map(|(index, _)| index).collect();
    assert_eq!(order, [2, 5, 1, 4, 0, 3]);
}

#[test]
fn the_order_gate_says_what_the_table_says() {
    const ROWS: &[Row] = &[
        ("it succeeded there", |_| {}, Open, "succeeded_before"),
        ("it never was there", |s| s.place.before = None, Closed, "not_before"),
        (
            "it failed there last",
            |s| s.place.before = Some((at(samples::ASKED), false)),
            Closed,
            "failed_before",
        ),
        (
            "it is on its way there",
            |s| {
                s.place.before = None;
                s.place.before_is_open = true;
            },
            Waiting,
            "on_its_way_before",
        ),
        (
            "it failed there and is tried again",
            |s| {
                s.place.before = Some((at(samples::ASKED), false));
                s.place.before_is_open = true;
            },
            Waiting,
            "on_its_way_before",
        ),
        (
            "it succeeded there and goes there again",
            |s| s.place.before_is_open = true,
            Open,
            "succeeded_before",
        ),
        (
            "nothing comes before",
            |s| {
                s.environment.after = None;
                s.place.before = None;
            },
            Open,
            "no_order",
        ),
        (
            "a rollback that never was there",
            |s| {
                s.place.before = None;
                s.as_rollback();
            },
            Open,
            "not_for_rollback",
        ),
        (
            "an emergency that never was there",
            |s| {
                s.place.before = None;
                s.in_emergency();
                s.approve(super::slack("U0OLGA"));
            },
            Closed,
            "not_before",
        ),
    ];
    check(Gate::Order, ROWS);
}

#[test]
fn the_hold_gate_is_shown_only_while_it_is_held() {
    let mut scene = Scene::ready();
    assert_eq!(scene.verdict(Gate::Hold), None);
    for by in [Some(samples::parsed("linus")), None] {
        scene.deploy.hold = Some(Hold { by: by.clone(), reason: "wait".to_owned(), since: scene.now });
        let verdict = scene.verdict(Gate::Hold).unwrap();
        assert_eq!(verdict.answer, Waiting);
        assert_eq!(verdict.reason, Reason::Held { by, reason: "wait".to_owned() });
    }
}
