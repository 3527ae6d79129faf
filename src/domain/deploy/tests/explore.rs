//! Every walk over the alphabet of events, breadth first. Not here: what one event does (`table`).

use crate::deploy::{Approval, Deploy, Do, Event, Outcome, State};
use crate::run::Conclusion;
use crate::samples::{deploy_after, lives, place_in_life, tries};
use std::collections::{BTreeSet, HashSet, VecDeque};

/// More attempts than this show nothing new.
const ATTEMPTS: u32 = 3;
/// Nor do more approvals, given and taken back.
const APPROVALS: usize = 2;

/// A point of a walk: the deploy, and for which attempt a send was marked last.
struct Point {
    deploy: Deploy,
    sent_for: Option<u32>,
}

impl Point {
    /// The same for points that differ only in how many changes led there.
    fn key(&self) -> String {
        let unnumbered = Deploy { revision: 0, replaces: Vec::new(), ..self.deploy.clone() };
        format!("{} {:?}", serde_json::to_string(&unnumbered).unwrap(), self.sent_for)
    }
}

#[test]
fn no_walk_breaks_the_rules_of_a_life() {
    let tries = tries();
    let start = Point { deploy: deploy_after(&[]), sent_for: None };
    let mut seen = HashSet::from([start.key()]);
    let mut places = BTreeSet::new();
    let mut ahead = VecDeque::from([start]);
    while let Some(point) = ahead.pop_front() {
        places.insert(place_in_life(&point.deploy));
        for (what, now) in tries.values() {
            let Ok(step) = what.on(&point.deploy, *now) else { continue };
            let Some(event) = &step.event else {
                assert_eq!(step.deploy, point.deploy);
                continue;
            };
            let sent_for = check(&point, event, &step.deploy, &step.effects);
            let next = Point { deploy: step.deploy, sent_for };
            let is_near = next.deploy.attempts <= ATTEMPTS && next.deploy.approvals.len() <= APPROVALS
                // A tick changes nothing else, which `check` sees where it comes.
                && next.deploy.strokes.is_empty();
            if is_near && seen.insert(next.key()) {
                ahead.push_back(next);
            }
        }
    }
    // The walk is no empty promise: it comes by every point there is.
    assert_eq!(places, lives().into_keys().collect());
    assert!(seen.len() > 1000, "only {} points", seen.len());
}

/// What must hold for one change, wherever it happens. Gives for which attempt a send is marked after it.
fn check(point: &Point, event: &Event, after: &Deploy, effects: &[Do]) -> Option<u32> {
    let before = &point.deploy;
    assert_eq!(after.revision, before.revision + 1);
    assert_eq!((&after.id, &after.request), (&before.id, &before.request), "what was asked never changes");
    let given = |deploy: &Deploy| -> Vec<Approval> {
        deploy.approvals.iter().map(|a| Approval { void: None, ..a.clone() }).collect()
    };
    assert!(given(after).starts_with(&given(before)), "approvals are append-only");
    let void = |deploy: &Deploy| deploy.approvals.iter().filter(|a| a.void.is_some()).count();
    let is_change = matches!(event, Event::RulesChanged { .. } | Event::WorkflowChanged { .. });
    assert!(
        void(after) == void(before) || is_change || matches!(event, Event::Withdrawn { .. }),
        "{event:?} made an approval void"
    );
    assert!(!is_change || void(after) == after.approvals.len(), "{event:?} left an approval standing");
    let counted: Vec<_> = after.approvals.iter().filter(|a| a.void.is_none()).map(|a| &a.by).collect();
    assert_eq!(counted.iter().collect::<BTreeSet<_>>().len(), counted.len(), "nobody counts twice");
    assert!(after.attempts >= before.attempts);

    if matches!(event, Event::Marked { .. }) {
        let strokes = after.strokes.clone();
        let same = Deploy { revision: after.revision, strokes, ..before.clone() };
        assert_eq!(*after, same, "a tick changes nothing but ticks");
        return point.sent_for;
    }
    if let State::Done { outcome, .. } = &before.state {
        let was_put_away = matches!(
            (&after.state, event),
            (State::Done { outcome: Outcome::Failed { closed_by: Some(_), .. }, .. }, Event::Closed { .. })
        );
        assert!(was_put_away && outcome.name() == "failed", "{event:?} changed a finished deploy");
    }
    if matches!(event, Event::Found { .. }) {
        // It was sent in a time that this database does not know: that counts, and nothing is sent again.
        let is_new = after.is_active() && !before.is_active();
        assert_eq!(after.attempts, before.attempts + u32::from(is_new));
        assert!(!effects.contains(&Do::Send));
    } else if after.is_active() && !before.is_active() {
        assert!(matches!(event, Event::IntentMade { .. }), "{event:?} started something");
        assert!(matches!(before.state, State::Waiting { .. }) && before.hold.is_none());
        assert_eq!(after.attempts, before.attempts + 1);
        assert_eq!(effects, [Do::Send]);
    } else {
        assert_eq!(after.attempts, before.attempts);
        assert!(!effects.contains(&Do::Send), "{event:?} sends");
    }
    if before.is_active() && after.is_done() {
        assert!(effects.contains(&Do::FreePlace), "{event:?} keeps the place");
    }
    if before.is_active() && !after.is_active() && !after.is_done() {
        let is_known_unsent = matches!(event, Event::IntentLapsed | Event::SendDelayed { .. });
        assert!(is_known_unsent, "{event:?} went back to waiting");
    }
    let succeeded = |d: &Deploy| matches!(d.state, State::Done { outcome: Outcome::Succeeded, .. });
    if succeeded(after) && !succeeded(before) {
        let is_proven = matches!(event, Event::Ended { conclusion: Conclusion::Success, .. });
        assert!(is_proven && matches!(before.state, State::Running { .. }));
    }
    if matches!(event, Event::Bound { .. }) {
        assert_eq!(point.sent_for, Some(before.attempts), "bound without a send");
    }
    if *event == Event::Sent {
        assert_ne!(point.sent_for, Some(before.attempts), "one attempt was sent twice");
        return Some(before.attempts);
    }
    point.sent_for
}
