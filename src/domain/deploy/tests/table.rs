//! The transition table, written out by hand: every point of a deploy's life under every event. Not here: walks over
//! more than one event (`explore`).

use crate::deploy::{Ask, Event, Illegal, Outcome, State};
use crate::ids::Digest;
use crate::people::{Action, authorize};
use crate::samples::{self, Try, after, at, deploy_after, grant, lives, place_in_life, slack, tries};

/// `x`: refused. `=`: old news, nothing changes. A name: where it is then. `…!`: somebody asked to stop it. `…?`: it is to
/// be stopped unless it has started.
const LIVE: &str = "
                              requested waiting   held      ready     sent     sent!     accepted  accepted! unknown  unknown! asked           asked!          queued          running         running?        running!
delayed                       requested x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
pinned                        waiting   x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
pinned_with_[HOLD]            held      x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
rules_changed                 x         waiting   held      x         x        x         x         x         x        x        x               x               x               x               x               x
workflow_changed              x         waiting   held      x         x        x         x         x         x        x        x               x               x               x               x               x
judged                        x         waiting   held      x         x        x         x         x         x        x        x               x               x               x               x               x
refused                       refused   refused   refused   x         x        x         x         x         x        x        x               x               x               x               x               x
approved                      x         waiting   held      x         x        x         x         x         x        x        x               x               x               x               x               x
approved,_other_digest        x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
approved_too_late             x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
withdrawn                     x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
rejected                      x         rejected  rejected  x         x        x         x         x         x        x        x               x               x               x               x               x
held                          x         held      x         x         x        x         x         x         x        x        x               x               x               x               x               x
resumed                       x         x         waiting   x         x        x         x         x         x        x        x               x               x               x               x               x
cancel_asked                  cancelled cancelled cancelled cancelled sent!    x         accepted! x         unknown! x        asked!          x               running!        running!        running!        x
frozen_out                    x         x         x         x         x        x         x         x         x        x        x               x               running?        x               =               =
went_on                       x         x         x         x         x        x         x         x         x        x        x               x               =               =               queued          =
expired                       expired   expired   expired   =         =        =         =         =         =        =        =               =               =               =               =               =
expired_early                 expired   x         x         =         =        =         =         =         =        =        =               =               =               =               =               =
superseded                    superseded superseded superseded x        x        x         x         x         x        x        x               x               x               x               x               x
replaced                      x         waiting   held      x         x        x         x         x         x        x        x               x               x               x               x               x
intent_made                   x         ready     x         x         x        x         x         x         x        x        x               x               x               x               x               x
intent_made,_a_gate_waits     x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
intent_made,_a_gate_is_closed x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
intent_made,_beyond_the_guard x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
intent_made,_on_old_facts     x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
intent_lapsed                 x         x         x         waiting   x        x         x         x         x        x        x               x               x               x               x               x
sent                          x         x         x         sent      x        x         x         x         x        x        x               x               =               =               =               =
sent_late                     x         x         x         x         x        x         x         x         x        x        x               x               =               =               =               =
send_refused                  x         x         x         x         failed   failed    x         x         x        x        x               x               x               x               x               x
send_delayed                  x         x         x         x         waiting  cancelled x         x         x        x        x               x               x               x               x               x
send_accepted                 x         x         x         x         accepted accepted! x         x         x        x        x               x               =               =               =               =
send_unknown                  x         x         x         x         unknown  unknown!  x         x         x        x        x               x               =               =               =               =
bound                         x         x         x         x         queued   running!  queued    running!  queued   running! queued          running!        =               =               =               =
found                         failed    queued    queued    queued    queued   running!  queued    running!  queued   running! queued          running!        =               =               =               =
people_asked                  x         x         x         x         asked    asked!    asked     asked!    asked    asked!   =               =               =               =               =               =
people_asked_early            x         x         x         x         x        x         x         x         x        x        =               =               =               =               =               =
resolved:_did_not_start       x         x         x         x         x        x         x         x         failed   failed   failed          failed          x               x               x               x
resolved:_started             x         x         x         x         x        x         x         x         queued   running! queued          running!        x               x               x               x
resolved:_wait_more           x         x         x         x         x        x         x         x         unknown  unknown! unknown         unknown!        x               x               x               x
given_up                      x         x         x         x         x        x         x         x         x        x        outcome_unknown outcome_unknown outcome_unknown outcome_unknown outcome_unknown outcome_unknown
given_up_early                x         x         x         x         x        x         x         x         x        x        x               x               outcome_unknown outcome_unknown outcome_unknown outcome_unknown
progressed                    x         x         x         x         x        x         x         x         x        x        x               x               running         =               running?        running!
progressed,_other_run         x         x         x         x         x        x         x         x         x        x        x               x               =               =               =               =
ended:_success                x         x         x         x         x        x         x         x         x        x        x               x               succeeded       succeeded       succeeded       succeeded
ended:_failure                x         x         x         x         x        x         x         x         x        x        x               x               failed          failed          failed          failed
ended:_cancelled              x         x         x         x         x        x         x         x         x        x        x               x               failed          failed          cancelled       cancelled
ended:_timed_out              x         x         x         x         x        x         x         x         x        x        x               x               failed          failed          failed          failed
ended:_other                  x         x         x         x         x        x         x         x         x        x        x               x               failed          failed          failed          failed
ended:_success,_all_skipped   x         x         x         x         x        x         x         x         x        x        x               x               failed          failed          failed          failed
ended:_success,_other_run     x         x         x         x         x        x         x         x         x        x        x               x               =               =               =               =
marked                        x         waiting   held      ready     sent     sent!     accepted  accepted! unknown  unknown! asked           asked!          queued          running         running?        running!
marked,_other_digest          x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
marked_a_day_later            x         waiting   held      ready     sent     sent!     accepted  accepted! unknown  unknown! asked           asked!          queued          running         running?        running!
closed                        x         x         x         x         x        x         x         x         x        x        x               x               x               x               x               x
";

/// The end is the end: only a failure can be put away, once.
const DONE: &str = "
                               refused rejected cancelled expired superseded succeeded failed closed outcome_unknown
delayed                        =       =        =         =       =          =         =      =      =
pinned                         =       =        =         =       =          =         =      =      =
pinned_with_[HOLD]             =       =        =         =       =          =         =      =      =
rules_changed                  =       =        =         =       =          =         =      =      =
workflow_changed               =       =        =         =       =          =         =      =      =
judged                         =       =        =         =       =          =         =      =      =
refused                        =       =        =         =       =          =         =      =      =
approved                       x       x        x         x       x          x         x      x      x
approved,_other_digest         x       x        x         x       x          x         x      x      x
approved_too_late              x       x        x         x       x          x         x      x      x
withdrawn                      x       x        x         x       x          x         x      x      x
rejected                       x       x        x         x       x          x         x      x      x
held                           x       x        x         x       x          x         x      x      x
resumed                        x       x        x         x       x          x         x      x      x
cancel_asked                   x       x        x         x       x          x         x      x      x
frozen_out                     =       =        =         =       =          =         =      =      =
went_on                        =       =        =         =       =          =         =      =      =
expired                        =       =        =         =       =          =         =      =      =
expired_early                  =       =        =         =       =          =         =      =      =
superseded                     =       =        =         =       =          =         =      =      =
replaced                       =       =        =         =       =          =         =      =      =
intent_made                    x       x        x         x       x          x         x      x      x
intent_made,_a_gate_waits      x       x        x         x       x          x         x      x      x
intent_made,_a_gate_is_closed  x       x        x         x       x          x         x      x      x
intent_made,_beyond_the_guard  x       x        x         x       x          x         x      x      x
intent_made,_on_old_facts      x       x        x         x       x          x         x      x      x
intent_lapsed                  =       =        =         =       =          =         =      =      =
sent                           =       =        =         =       =          =         =      =      =
sent_late                      =       =        =         =       =          =         =      =      =
send_refused                   =       =        =         =       =          =         =      =      =
send_delayed                   =       =        =         =       =          =         =      =      =
send_accepted                  =       =        =         =       =          =         =      =      =
send_unknown                   =       =        =         =       =          =         =      =      =
bound                          =       =        =         =       =          =         =      =      =
found                          =       =        =         =       =          =         =      =      =
people_asked                   =       =        =         =       =          =         =      =      =
people_asked_early             =       =        =         =       =          =         =      =      =
resolved:_did_not_start        x       x        x         x       x          x         x      x      x
resolved:_started              x       x        x         x       x          x         x      x      x
resolved:_wait_more            x       x        x         x       x          x         x      x      x
given_up                       =       =        =         =       =          =         =      =      =
given_up_early                 =       =        =         =       =          =         =      =      =
progressed                     =       =        =         =       =          =         =      =      =
progressed,_other_run          =       =        =         =       =          =         =      =      =
ended:_success                 =       =        =         =       =          =         =      =      =
ended:_failure                 =       =        =         =       =          =         =      =      =
ended:_cancelled               =       =        =         =       =          =         =      =      =
ended:_timed_out               =       =        =         =       =          =         =      =      =
ended:_other                   =       =        =         =       =          =         =      =      =
ended:_success,_all_skipped    =       =        =         =       =          =         =      =      =
ended:_success,_other_run      =       =        =         =       =          =         =      =      =
marked                         x       x        x         x       x          succeeded failed closed x
marked,_other_digest           x       x        x         x       x          x         x      x      x
marked_a_day_later             x       x        x         x       x          x         x      x      x
closed                         x       x        x         x       x          x         closed x      x
";

#[test]
fn every_event_does_at_every_point_what_the_table_says() {
    let (lives, tries) = (lives(), tries());
    let mut wrong = Vec::new();
    let mut columns = 0;
    for table in [LIVE, DONE] {
        let mut lines = table.lines().filter(|line| !line.is_empty());
        let header: Vec<&str> = lines.next().expect("a header").split_whitespace().collect();
        columns += header.len();
        let mut rows = 0;
        for line in lines {
            let mut words = line.split_whitespace();
            let event = words.next().expect("an event").replace('_', " ");
            let (name, (what, now)) =
                tries.iter().find(|(name, _)| name.replace('_', " ") == event).expect("an event of `tries`");
            let cells: Vec<&str> = words.collect();
            assert_eq!(cells.len(), header.len(), "{name}");
            rows += 1;
            for (place, expected) in header.iter().zip(cells) {
                let before = &lives[*place];
                let got = match what.on(before, *now) {
                    Err(_) => "x".to_owned(),
                    Ok(step) if step.event.is_none() => {
                        assert_eq!(step.deploy, *before, "{name} on {place}");
                        assert!(step.effects.is_empty(), "{name} on {place}");
                        "=".to_owned()
                    }
                    Ok(step) => {
                        assert_eq!(step.deploy.revision, before.revision + 1, "{name} on {place}");
                        place_in_life(&step.deploy)
                    }
                };
                if got != expected {
                    wrong.push(format!("{name} on {place}: {got}, the table says {expected}"));
                }
            }
        }
        assert_eq!(rows, tries.len(), "every event has a row");
    }
    assert_eq!(columns, lives.len(), "every point of a life has a column");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_persons_event_needs_the_proof_that_they_may() {
    let (waiting, lives) = (deploy_after(&["pinned"]), lives());
    for (name, (what, now)) in tries() {
        let Try::Wish(ask) = what else { continue };
        // What a person says reaches the deploy only through `ask`.
        let event = lives.values().find_map(|d| Try::Wish(ask.clone()).on(d, now).ok()?.event);
        if let Some(event) = event {
            assert_eq!(waiting.learn(event, now), Err(Illegal::WrongGrant), "{name}");
        }
    }
}

#[test]
fn a_grant_for_another_action_or_place_changes_nothing() {
    let waiting = deploy_after(&["pinned"]);
    let (Try::Wish(approve), now) = tries()["approved"].clone() else { panic!("a wish") };
    let other_action = grant(&slack("U0GRACE"), Action::Cancel);
    assert_eq!(waiting.ask(&other_action, approve.clone(), now), Err(Illegal::WrongGrant));

    let policy = samples::policy();
    for place in [policy.environment("staging"), None] {
        let (members, who) = (samples::memberships(), samples::colleague());
        let grant = authorize(&policy, &members, &slack("U0GRACE"), &who, Action::Cancel, place);
        let asked = waiting.ask(&grant.unwrap(), Ask::Cancel(None), now);
        assert_eq!(asked, Err(Illegal::WrongGrant), "{:?}", place.map(|p| &p.name));
    }
}

#[test]
fn the_same_approval_twice_is_answered_with_the_first() {
    let approved = deploy_after(&["pinned", "approved"]);
    let (again, now) = &tries()["approved"];
    let first = approved.approvals[0].at;
    let by = samples::parsed("grace");
    assert_eq!(again.on(&approved, *now), Err(Illegal::AlreadyApproved { by, at: first }));
}

#[test]
fn new_rules_void_earlier_approvals_and_ticks_also_when_the_old_rules_come_back() {
    let approved = deploy_after(&["pinned", "approved", "marked"]);
    assert!(!approved.strokes.is_empty());
    let (old, new) = (approved.pinned.clone().unwrap(), samples::parsed::<Digest>(&"e".repeat(64)));
    let change = |digest: &Digest| Event::RulesChanged {
        policy: samples::parsed(&"c".repeat(64)),
        plan: old.plan.clone(),
        digest: digest.clone(),
    };
    let changed = approved.learn(change(&new), at(samples::THURSDAY)).unwrap().deploy;
    assert_eq!(changed.digest(), Some(&new));
    let back = changed.learn(change(&old.digest), at(samples::THURSDAY)).unwrap().deploy;
    assert_eq!(back.digest(), Some(&old.digest));
    for deploy in [&changed, &back] {
        assert!(deploy.approvals.iter().all(|approval| approval.void.is_some()), "{:?}", deploy.approvals);
        assert!(deploy.strokes.is_empty());
    }
    let (again, now) = &tries()["approved"];
    let again = again.on(&back, *now).unwrap().deploy;
    assert_eq!(again.approvals.iter().filter(|approval| approval.void.is_none()).count(), 1);
}

#[test]
fn a_start_that_was_put_off_is_not_decided_before_its_time() {
    let (Try::News(intent), _) = tries()["intent_made"].clone() else { panic!("news") };
    let mut put_off = deploy_after(&["pinned", "intent_made", "sent", "send_delayed"]);
    put_off.delay.as_mut().unwrap().until = after(samples::THURSDAY, 1);
    assert!(put_off.learn(intent.clone(), at(samples::THURSDAY)).is_err());
    put_off.delay.as_mut().unwrap().until = at(samples::THURSDAY);
    let ready = put_off.learn(intent, at(samples::THURSDAY)).unwrap().deploy;
    assert_eq!((ready.attempts, ready.delay), (2, None));
}

#[test]
fn a_cancelled_run_names_who_asked_for_it_and_others_are_said_to_be_stopped_elsewhere() {
    let outcome = |steps: &[&str]| match deploy_after(steps).state {
        State::Done { outcome, .. } => outcome,
        other => panic!("{other:?}"),
    };
    let ours = outcome(&["pinned", "intent_made", "sent", "bound", "cancel_asked", "ended: cancelled"]);
    assert_eq!(ours, Outcome::Cancelled { by: samples::parsed("grace"), reason: None });
    let theirs = outcome(&["pinned", "intent_made", "sent", "bound", "ended: cancelled"]);
    assert!(matches!(theirs, Outcome::Failed { why, .. } if why.contains("not by Shipgate")));
}
