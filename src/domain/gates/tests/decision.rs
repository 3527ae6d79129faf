//! What all verdicts together mean. Not here: single gates.

use super::{Scene, at, samples};
use crate::gates::{Answer, Decision, Gate, Patience, Reason, Verdict, decide, is_ready_but_for_queue};
use crate::samples::{commit, parsed, verdict};

fn closed_by(reason: Reason) -> Vec<Verdict> {
    vec![verdict(Answer::Open), Verdict { reason, ..verdict(Answer::Closed) }]
}

#[test]
fn a_scene_in_which_all_is_well_starts() {
    let verdicts = Scene::ready().judge();
    assert!(verdicts.iter().all(|v| v.answer == Answer::Open), "{verdicts:#?}");
    assert_eq!(verdicts.len(), 9, "every gate but hold says something");
    assert_eq!(decide(&verdicts, Patience::None), Decision::Start);
    assert_eq!(decide(&verdicts, Patience::Accepted), Decision::Start);
}

#[test]
fn no_verdicts_are_no_permission() {
    assert_eq!(decide(&[], Patience::None), Decision::Wait(None));
    assert!(!is_ready_but_for_queue(&[]));
}

#[test]
fn a_gate_that_waits_keeps_it_waiting_until_the_first_instant_that_may_change_something() {
    let until = |text: &str| Verdict { until: Some(at(text)), ..verdict(Answer::Waiting) };
    let verdicts = [
        until("2026-11-19T18:00:00Z"),
        verdict(Answer::Waiting),
        Verdict { answer: Answer::Open, ..until("2026-11-19T17:00:00Z") },
    ];
    let soonest = Decision::Wait(Some(at("2026-11-19T17:00:00Z")));
    assert_eq!(decide(&verdicts, Patience::None), soonest);
    assert_eq!(decide(&verdicts, Patience::Accepted), soonest);
    assert_eq!(decide(&[verdict(Answer::Waiting)], Patience::Accepted), Decision::Wait(None));
}

/// A new request is told at once; one that was let in before is refused only by what cannot change any more.
#[test]
fn a_closed_gate_refuses_a_new_request_and_later_only_what_lasts() {
    let passing = [
        Reason::OutsideWindow { schedule: "office".into() },
        Reason::EmergencyOnly { schedule: "office".into() },
        Reason::Frozen {
            names: vec!["Sale".into()],
            from: at(samples::THURSDAY),
            passes: Vec::new(),
            why: Vec::new(),
        },
        Reason::Locked { by: parsed("grace"), reason: "x".into(), until: None, kind: Default::default() },
        Reason::Quarantined { reason: "x".into() },
        Reason::NotBefore { environment: parsed("staging") },
        Reason::NobodyMayApprove { groups: Vec::new() },
    ];
    let lasting = [
        Reason::MayNotDeploy { groups: Vec::new() },
        Reason::VersionUnknown,
        Reason::VersionAmbiguous { what: "x".into() },
        Reason::VersionMoved { asked: commit('a'), now: None },
        Reason::VersionUnreachable { branch: "main".into() },
        Reason::NeverSucceededHere,
        Reason::FailedBefore { environment: parsed("staging"), at: at(samples::THURSDAY) },
        Reason::ChecksRed { failed: vec!["build".into()] },
    ];
    for reason in passing {
        assert_eq!(decide(&closed_by(reason.clone()), Patience::None), Decision::Refuse, "{reason:?}");
        assert_eq!(
            decide(&closed_by(reason.clone()), Patience::Accepted),
            Decision::Wait(None),
            "{reason:?}"
        );
    }
    for reason in lasting {
        assert_eq!(decide(&closed_by(reason.clone()), Patience::None), Decision::Refuse, "{reason:?}");
        assert_eq!(decide(&closed_by(reason.clone()), Patience::Accepted), Decision::Refuse, "{reason:?}");
    }
}

#[test]
fn an_open_gate_with_a_lasting_reason_refuses_nothing() {
    let open = Verdict { reason: Reason::VersionUnknown, ..verdict(Answer::Open) };
    assert_eq!(decide(&[open], Patience::Accepted), Decision::Start);
}

#[test]
fn only_the_queue_may_be_missing_from_one_that_is_ready_but_for_it() {
    let queue = |answer| Verdict { gate: Gate::Queue, ..verdict(answer) };
    assert!(is_ready_but_for_queue(&[verdict(Answer::Open), queue(Answer::Waiting)]));
    assert!(is_ready_but_for_queue(&[verdict(Answer::Open), queue(Answer::Open)]));
    assert!(!is_ready_but_for_queue(&[verdict(Answer::Waiting), queue(Answer::Waiting)]));
    assert!(!is_ready_but_for_queue(&[verdict(Answer::Closed), queue(Answer::Open)]));
}

#[test]
fn a_reasons_code_is_the_tag_of_its_stored_form() {
    assert_eq!(Reason::VersionUnknown.code(), "version_unknown");
    assert_eq!(Reason::CalendarUnreadable.code(), "calendar_unreadable");
    let text = serde_json::to_string(&Scene::ready().judge()).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Verdict>>(&text).unwrap(), Scene::ready().judge());
}
