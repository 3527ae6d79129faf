//! Two people who click at the same instant, each on what they see: every pair, both ways round. Not here: one event
//! alone (`table`).

use crate::deploy::{Approval, Ask, Deploy, Illegal, State, Step};
use crate::ids::Account;
use crate::samples::{self, after, deploy_after, grant, place_in_life, slack};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// A click: its name, by which account, and what is wanted.
type Click = (&'static str, &'static str, fn(&Deploy) -> Ask);

/// Every click there is on a deploy that waits. `grace` and `linus` may approve.
const CLICKS: [Click; 10] = [
    ("grace approves", "U0GRACE", |d| Ask::Approve(digest(d), None)),
    ("linus approves", "U0LINUS", |d| Ask::Approve(digest(d), None)),
    ("grace withdraws", "U0GRACE", |_| Ask::Withdraw),
    ("linus withdraws", "U0LINUS", |_| Ask::Withdraw),
    ("grace rejects", "U0GRACE", |_| Ask::Reject("why".to_owned())),
    ("linus rejects", "U0LINUS", |_| Ask::Reject("why".to_owned())),
    ("ada holds", "U0ADA", |_| Ask::Hold("why".to_owned())),
    ("grace holds", "U0GRACE", |_| Ask::Hold("why".to_owned())),
    ("ada resumes", "U0ADA", |_| Ask::Resume),
    ("ada cancels", "U0ADA", |_| Ask::Cancel(None)),
];

/// What both of them see.
const SCENES: [&[&str]; 5] = [
    &["pinned"],
    &["pinned", "approved"],
    &["pinned", "held"],
    &["pinned", "approved", "held"],
    &["pinned", "approved", "intent_made"],
];

fn digest(deploy: &Deploy) -> crate::ids::Digest {
    deploy.digest().expect("it is pinned").clone()
}

fn click(on: &Deploy, (_, who, what): Click, seen: &Deploy, now: Timestamp) -> Result<Step, Illegal> {
    let (account, ask): (Account, Ask) = (slack(who), what(seen));
    on.ask(&grant(&account, ask.action()), ask, now)
}

/// Whose yes stands.
fn standing(deploy: &Deploy) -> Vec<&str> {
    let mut people: Vec<&str> =
        deploy.approvals.iter().filter(|a| a.void.is_none()).map(|a| a.by.as_str()).collect();
    people.sort_unstable();
    people
}

/// Carries out one click after the other, as they come to be written: the second is tried on what the first left.
fn one_after_the_other(seen: &Deploy, first: Click, second: Click) -> (Deploy, bool, bool) {
    let now = after(samples::THURSDAY, 10);
    let one = click(seen, first, seen, now);
    let mut deploy = one.as_ref().map_or_else(|_| seen.clone(), |step| step.deploy.clone());
    let other = click(&deploy, second, seen, now);
    if let Ok(step) = &other {
        deploy = step.deploy.clone();
    }
    (deploy, one.is_ok(), other.is_ok())
}

#[test]
fn of_two_clicks_on_the_same_state_only_one_can_be_written_and_the_other_is_tried_anew() {
    let now = after(samples::THURSDAY, 10);
    let mut pairs = 0;
    for scene in SCENES {
        let seen = deploy_after(scene);
        for first in CLICKS {
            for second in CLICKS {
                let steps = (click(&seen, first, &seen, now), click(&seen, second, &seen, now));
                let (Ok(first), Ok(second)) = steps else { continue };
                // Each write names the revision that it replaces: the store takes the first and refuses the second.
                assert_eq!(first.deploy.revision, seen.revision + 1);
                assert_eq!(second.deploy.revision, first.deploy.revision);
                pairs += 1;
            }
        }
    }
    assert!(pairs > 100, "only {pairs} pairs");
}

#[test]
fn no_pair_of_clicks_counts_somebody_twice_starts_anything_or_undoes_an_end() {
    for scene in SCENES {
        let seen = deploy_after(scene);
        for first in CLICKS {
            for second in CLICKS {
                let (deploy, one, other) = one_after_the_other(&seen, first, second);
                let what = format!("{scene:?}: {}, {}", first.0, second.0);
                let people = standing(&deploy);
                assert_eq!(people.iter().collect::<BTreeSet<_>>().len(), people.len(), "{what}: {people:?}");
                assert_eq!(deploy.is_active(), seen.is_active() && !deploy.is_done(), "{what}");
                assert_eq!(deploy.revision, seen.revision + u64::from(one) + u64::from(other), "{what}");
                if one && matches!(first.0, "grace rejects" | "linus rejects" | "ada cancels") {
                    assert!(deploy.is_done() && !other, "{what}: it was over");
                }
                let is_end = second.0.ends_with("rejects") || second.0.ends_with("cancels");
                if other && is_end {
                    assert!(deploy.is_done(), "{what}: a no is never lost");
                }
            }
        }
    }
}

/// What two clicks lead to when both are written, whichever came first: the order matters only where one of them takes
/// the ground from under the other.
#[test]
fn two_clicks_lead_to_the_same_whoever_was_first_unless_one_of_them_answers_the_other() {
    let answers = |first: Click, second: Click| {
        let same_person = first.1 == second.1;
        let ends = |click: Click| click.0.ends_with("rejects") || click.0.ends_with("cancels");
        let pauses = |click: Click| click.0.ends_with("holds") || click.0.ends_with("resumes");
        ends(first) || ends(second) || same_person || (pauses(first) && pauses(second))
    };
    let told = |deploy: &Deploy| {
        let held = deploy.hold.as_ref().map(|hold| hold.reason.clone());
        (place_in_life(deploy), standing(deploy).join(" "), held)
    };
    let mut alike = 0;
    for scene in SCENES {
        let seen = deploy_after(scene);
        for first in CLICKS {
            for second in CLICKS {
                if answers(first, second) {
                    continue;
                }
                let (there, ..) = one_after_the_other(&seen, first, second);
                let (back, ..) = one_after_the_other(&seen, second, first);
                assert_eq!(told(&there), told(&back), "{scene:?}: {} and {}", first.0, second.0);
                alike += 1;
            }
        }
    }
    assert!(alike > 100, "only {alike}");
}

#[test]
fn a_yes_can_be_taken_back_until_the_start_is_decided_and_given_again() {
    let now = after(samples::THURSDAY, 10);
    let seen = deploy_after(&["pinned", "approved"]);
    let back = click(&seen, CLICKS[2], &seen, now).unwrap().deploy;
    assert!(standing(&back).is_empty());
    assert_eq!(back.approvals.len(), 1, "what was said stays said");
    assert_eq!(click(&back, CLICKS[2], &seen, now), Err(Illegal::NotApproved), "once");
    let again = click(&back, CLICKS[0], &seen, now).unwrap().deploy;
    assert_eq!(standing(&again), ["grace"]);
    let decided = deploy_after(&["pinned", "approved", "intent_made"]);
    assert!(matches!(click(&decided, CLICKS[2], &seen, now), Err(Illegal::WrongState { .. })));
    assert!(matches!(decided.state, State::Dispatching { .. }));
}

#[test]
fn nobody_takes_back_the_yes_of_somebody_else() {
    let seen = deploy_after(&["pinned", "approved"]);
    let now = after(samples::THURSDAY, 10);
    assert_eq!(click(&seen, CLICKS[3], &seen, now), Err(Illegal::NotApproved));
}

#[test]
fn an_overrides_yes_is_asked_for_again_when_more_is_closed_or_it_grew_old() {
    let mut seen = deploy_after(&["pinned"]);
    let now = after(samples::THURSDAY, 10);
    let mut asking = samples::verdict(crate::gates::Answer::Waiting);
    let ask = |passes: &[&str]| crate::gates::Reason::OverrideAsked {
        by: Vec::new(),
        needed: 1,
        opening: None,
        freezes: Vec::new(),
        passes: passes.iter().map(|one| (*one).to_owned()).collect(),
    };
    asking.reason = ask(&["freeze a"]);
    seen.verdicts = vec![asking.clone()];
    let mut agreed = click(&seen, CLICKS[0], &seen, now).unwrap().deploy;
    assert_eq!(agreed.approvals[0].passes, ["freeze a"], "a yes passes what was shown");
    assert!(matches!(click(&agreed, CLICKS[0], &seen, now), Err(Illegal::AlreadyApproved { .. })));

    asking.reason = ask(&["freeze a", "freeze b"]);
    agreed.verdicts = vec![asking];
    let both = click(&agreed, CLICKS[0], &seen, now).unwrap().deploy;
    assert_eq!(both.approvals[1].passes, ["freeze a", "freeze b"]);
    let is_covered =
        |approval: &Approval, seconds| approval.covers(&both.to_pass(), after(samples::THURSDAY, seconds));
    assert!(!is_covered(&both.approvals[0], 11), "the second freeze was not shown");
    assert!(is_covered(&both.approvals[1], 9 + 4 * 3600));
    assert!(!is_covered(&both.approvals[1], 10 + 4 * 3600), "four hours at most");
}
