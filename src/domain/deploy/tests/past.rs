//! What is in place, what may have been applied, where back is. Not here: whether somebody may go back (`gates`).

use crate::deploy::{Asked, Deploy, Kind, Outcome, Past, Pinned, Ran, State, plan_and_digest};
use crate::facts::{Pin, Read, RefKind};
use crate::ids::{CommitId, DeployId};
use crate::run::{Conclusion, Progress, Run, Standing};
use crate::samples;
use jiff::Timestamp;
use std::collections::BTreeSet;

fn commit(number: u32) -> CommitId {
    format!("{number:040x}").parse().expect("40 hex digits")
}

fn instant(index: usize) -> Timestamp {
    Timestamp::from_second(1_000 + 10 * i64::try_from(index).expect("a few")).expect("an instant")
}

/// A history, oldest first: "1" succeeded, "1x" failed, "1?" nobody knows, "<1" went back to 1, "<1x" was to go back to
/// 1 and did not, "!1" did something else with 1 there. One was asked for every ten seconds, and was over five seconds later.
fn history(words: &str) -> Past {
    let service = &samples::service();
    let mut ran: Vec<Deploy> = Vec::new();
    for (index, word) in words.split_whitespace().enumerate() {
        let number: u32 = word.trim_matches(['<', 'x', '?', '!']).parse().expect("a number");
        let at = instant(index);
        let mut request = samples::request();
        request.at = at;
        request.version = samples::parsed(&format!("v{number}"));
        if word.starts_with('<') {
            request.kind = Kind::Rollback { from: ran.first().and_then(|d| d.commit()).cloned() };
        }
        if word.starts_with('!') {
            let name = samples::parsed("restart");
            request.kind = Kind::Action(Asked {
                name,
                args: [].into(),
                live: None,
                read_only: false,
                arguments: String::new(),
            });
        }
        let mut deploy = Deploy::new(DeployId::new(at, [0; 10]), request, samples::policy_version());
        let (plan, digest) =
            plan_and_digest(&deploy.id, &deploy.request, &commit(number), service, &deploy.policy, None);
        let pin =
            Pin { commit: commit(number), kind: RefKind::Tag, title: String::new(), author: String::new() };
        deploy.pinned = Some(Pinned { pin, diff: Read::Known(None), plan, digest });
        let (outcome, conclusion) = match word.chars().last() {
            Some('x') => (Outcome::Failed { why: "red".into(), closed_by: None }, Some(Conclusion::Failure)),
            Some('?') => (Outcome::Unknown, None),
            _ => (Outcome::Succeeded, Some(Conclusion::Success)),
        };
        let run = Run { id: format!("run-{index}").parse().expect("a run id"), attempt: 1, url: None };
        let progress =
            |conclusion| Progress { standing: Standing::Ended(conclusion), jobs: Vec::new(), failed: None };
        let ended = at + jiff::SignedDuration::from_secs(5);
        let ran_as = conclusion.map(|conclusion| Ran { run, since: at, progress: progress(conclusion) });
        deploy.state = State::Done { outcome, at: ended, ran: ran_as };
        ran.insert(0, deploy);
    }
    Past::new(ran)
}

#[test]
fn a_rollback_goes_to_the_newest_version_that_is_still_thought_well_of() {
    for (words, target) in [
        ("1", None),
        ("1x", None),
        ("1 2", Some(1)),
        // Nobody knows what runs after a failure: back to the last success.
        ("1 2 3x", Some(2)),
        ("1 2 2x", Some(2)),
        ("1 2 3?", Some(2)),
        // A way back that failed or was stopped changes nothing about where back is.
        ("1 2 3x <2x", Some(2)),
        // What was left is not returned to.
        ("1 2 3 <2", Some(1)),
        ("1 2 3x <2", Some(1)),
        ("1 2 <1 3", Some(1)),
        // Unless somebody deployed it again on purpose.
        ("1 2 <1 2 3", Some(2)),
        // A way back to something is better than none.
        ("1 2 <1", Some(2)),
        ("1 2 3 <2 <1 3", Some(1)),
    ] {
        let ran = history(words);
        let found = ran.last_good().and_then(|d| d.commit()).cloned();
        assert_eq!(found, target.map(commit), "{words}");
    }
}

#[test]
fn a_version_that_was_left_for_a_better_one_is_no_way_back() {
    let ran = history("1 2 3 <2");
    assert_eq!(ran.rolled_away_from(), BTreeSet::from([&commit(3)]));
    let ran = history("1 2 3 <2 3");
    assert!(ran.rolled_away_from().is_empty(), "it was deployed again on purpose");
}

#[test]
fn what_may_be_applied_includes_what_failed_and_what_nobody_knows() {
    for (words, applied) in [
        ("1", vec![1]),
        ("1 2", vec![2]),
        ("1 2x", vec![2, 1]),
        ("1 2?", vec![2, 1]),
        ("2x", vec![2]),
        ("1 2x 2?", vec![2, 1]),
    ] {
        let applied: Vec<CommitId> = applied.into_iter().map(commit).collect();
        assert_eq!(history(words).may_be_applied(), Ok(applied), "{words}");
    }
    assert_eq!(history("1 2x 3x 4x 5x").may_be_applied().map(|all| all.len()), Ok(5));
    assert!(history("1 2x 3x 4x 5x 6x").may_be_applied().is_err());
}

#[test]
fn a_way_back_is_news_to_whoever_asked_before_it() {
    for (words, asked_after, expected) in [
        ("1 2 <1", 1, Some((Some("v2"), "v1"))),
        ("1 2 <1x", 1, Some((Some("v2"), "v1"))),
        ("1 2 <1 3", 1, Some((Some("v2"), "v1"))),
        ("1 2 3", 1, None),
        // Whoever asked after it knew.
        ("1 2 <1", 2, None),
        ("1 2 <1 3 <1", 2, Some((Some("v3"), "v1"))),
    ] {
        let asked = instant(asked_after) + jiff::SignedDuration::from_secs(1);
        let found = history(words).rolled_back_since(asked);
        let found = found.as_ref().map(|back| (back.from.as_ref().map(|v| v.as_str()), back.to.as_str()));
        assert_eq!(found, expected, "{words}, asked after {asked_after}");
    }
    // At the same instant nobody knew.
    assert!(history("1 2 <1").rolled_back_since(instant(2)).is_none());
}

#[test]
fn enough_of_the_past_reaches_back_to_a_success_and_to_the_request() {
    assert!(history("1 2").reaches(instant(1)), "the first ended before");
    assert!(!history("1 2").reaches(instant(0)), "something may have ended since that is not listed");
    assert!(!history("1x 2x").reaches(instant(1)), "what runs there is not known");
    assert!(!history("").reaches(instant(1)));
}

#[test]
fn what_nobody_knows_about_may_have_taken_a_place_at_any_time() {
    let past = history("1?");
    let unknown = past.newest().expect("one");
    let second = |after| instant(0) + jiff::SignedDuration::from_secs(after);
    for (from, began) in [(second(-5), Some(second(0))), (second(3), Some(second(3))), (second(6), None)] {
        assert_eq!(unknown.took_place(from), began, "from {from}");
    }
    let past = history("1");
    let known = past.newest().expect("one");
    assert_eq!((known.took_place(second(0)), known.took_place(second(1))), (Some(second(0)), None));
}

#[test]
fn what_may_have_run_is_over_and_had_a_run_or_nobody_knows() {
    let words: Vec<bool> =
        ["1", "1x", "1?"].map(|word| history(word).newest().expect("one").may_have_run()).to_vec();
    assert_eq!(words, [true, true, true]);
    for (place, deploy) in samples::lives() {
        let is_known = matches!(&deploy.state, State::Done { ran: Some(_), .. });
        let is_lost = matches!(&deploy.state, State::Done { outcome: Outcome::Unknown, .. });
        assert_eq!(deploy.may_have_run(), is_known || is_lost, "{place}");
    }
}

#[test]
fn what_puts_nothing_in_place_is_no_part_of_the_past() {
    for (words, same) in [
        ("1 2 !3", "1 2"),
        ("1 2 !3x", "1 2"),
        ("1 2 !3?", "1 2"),
        ("1 2 3x !4", "1 2 3x"),
        ("1 2 <1 !2", "1 2 <1"),
        ("!1", ""),
    ] {
        let (with, without) = (history(words), history(same));
        let commits = |past: &Past| past.all().filter_map(|d| d.commit().cloned()).collect::<Vec<_>>();
        assert_eq!(commits(&with), commits(&without), "{words}");
        let of = |deploy: Option<&Deploy>| deploy.and_then(Deploy::commit).cloned();
        assert_eq!(of(with.in_place()), of(without.in_place()), "{words}");
        assert_eq!(of(with.certainly_in_place()), of(without.certainly_in_place()), "{words}");
        assert_eq!(of(with.last_good()), of(without.last_good()), "{words}");
        assert_eq!(with.may_be_applied(), without.may_be_applied(), "{words}");
        assert_eq!(with.rolled_away_from(), without.rolled_away_from(), "{words}");
    }
    // Nor does it take anybody's place while it runs, or when nobody knows whether it did.
    let mut action = crate::samples::deploy_after(&["pinned", "approved", "intent_made"]);
    assert!(action.took_place(Timestamp::UNIX_EPOCH).is_some());
    let name = samples::parsed("restart");
    action.request.kind =
        Kind::Action(Asked { name, args: [].into(), live: None, read_only: false, arguments: String::new() });
    assert_eq!(action.took_place(Timestamp::UNIX_EPOCH), None);
}
