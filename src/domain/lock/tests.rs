//! What people can do to a lock: each wish alone, and every pair of them in both orders. Not here: what a lock means for a
//! deploy (`gates::tests::inside`).

use super::{Lock, LockAsk, LockKind, LockRefused, LockStep, LockWish, ask};
use crate::ids::{DeployId, EnvironmentName};
use crate::people::{Action, Authorized, authorize};
use crate::samples::{self, THURSDAY, after, at, colleague, memberships, parsed, slack};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn production() -> EnvironmentName {
    parsed("production")
}

fn wish(length: i64) -> LockWish {
    let length = Some(SignedDuration::from_mins(length));
    LockWish { reason: "moving the database".to_owned(), kind: LockKind::Everyone, length }
}

fn lock(by: &str, minutes: i64) -> Lock {
    let since = at(THURSDAY);
    Lock {
        environment: production(),
        by: parsed(by),
        reason: "load test".to_owned(),
        since,
        until: Some(since + SignedDuration::from_mins(minutes)),
        quarantine: None,
        kind: LockKind::Everyone,
        length: Some(SignedDuration::from_mins(minutes)),
    }
}

fn quarantine() -> Lock {
    Lock { quarantine: Some(DeployId::new(at(THURSDAY), [9; 10])), until: None, ..lock("ada", 60) }
}

/// The proof that somebody may do something on production; none where they may not.
fn grant(account: &str, action: Action) -> Option<Authorized> {
    let policy = samples::policy();
    let place = policy.environment("production");
    authorize(&policy, &memberships(), &slack(account), &colleague(), action, place).ok()
}

/// Somebody, by their account and name. Ada deploys; grace and linus approve.
type Who = (&'static str, &'static str);
const ADA: Who = ("U0ADA", "ada");
const GRACE: Who = ("U0GRACE", "grace");
const LINUS: Who = ("U0LINUS", "linus");

/// What becomes of a wish. None: they may not even ask.
fn tried(
    held: Option<&Lock>,
    (account, name): Who,
    what: &LockAsk,
    now: Timestamp,
) -> Option<Result<LockStep, LockRefused>> {
    let standing = held.filter(|lock| lock.holds(now));
    let grant = grant(account, what.action(standing, &parsed(name)))?;
    Some(ask(&production(), held, &grant, what, now))
}

/// The lock that stands after a step.
fn left(step: &LockStep) -> Option<Lock> {
    match step {
        LockStep::Taken { lock, .. } | LockStep::Kept { lock } => Some(lock.clone()),
        LockStep::Released { .. } => None,
    }
}

/// In one word: taken, stolen, kept, released, or why not.
fn word(result: &Option<Result<LockStep, LockRefused>>) -> &'static str {
    match result {
        None => "may not",
        Some(Ok(LockStep::Taken { from: None, .. })) => "taken",
        Some(Ok(LockStep::Taken { from: Some(_), .. })) => "stolen",
        Some(Ok(LockStep::Kept { .. })) => "kept",
        Some(Ok(LockStep::Released { .. })) => "released",
        Some(Err(LockRefused::HeldByOther(_))) => "held by other",
        Some(Err(LockRefused::ClosedOff(_))) => "closed off",
        Some(Err(LockRefused::ReasonNeeded(_))) => "reason needed",
        Some(Err(LockRefused::Free)) => "free",
        Some(Err(LockRefused::WrongGrant)) => "wrong grant",
    }
}

fn why() -> LockAsk {
    LockAsk::Release(Some("she is away".to_owned()))
}

#[test]
fn every_wish_does_to_every_lock_what_the_table_says() {
    let over = lock("grace", -1);
    let held = [None, Some(lock("ada", 60)), Some(lock("grace", 60)), Some(quarantine()), Some(over)];
    let asks =
        [LockAsk::Take(wish(30)), LockAsk::Steal(wish(30)), LockAsk::Release(None), why(), LockAsk::Keep];
    // nobody's, ada's, grace's, a quarantine, one that is over
    let table = [
        ("ada takes", ADA, 0, ["taken", "taken", "held by other", "closed off", "taken"]),
        ("ada steals", ADA, 1, ["taken", "taken", "may not", "may not", "taken"]),
        ("ada releases", ADA, 2, ["free", "released", "may not", "may not", "free"]),
        ("ada releases and says why", ADA, 3, ["free", "released", "may not", "may not", "free"]),
        ("ada keeps", ADA, 4, ["free", "kept", "may not", "may not", "free"]),
        ("grace takes", GRACE, 0, ["taken", "held by other", "taken", "closed off", "taken"]),
        ("grace steals", GRACE, 1, ["taken", "stolen", "taken", "closed off", "taken"]),
        ("grace releases", GRACE, 2, ["free", "reason needed", "released", "reason needed", "free"]),
        ("grace releases and says why", GRACE, 3, ["free", "released", "released", "released", "free"]),
        ("grace keeps", GRACE, 4, ["free", "kept", "kept", "closed off", "free"]),
    ];
    let mut wrong = Vec::new();
    for (name, who, what, expected) in table {
        for (held, expected) in held.iter().zip(expected) {
            let got = tried(held.as_ref(), who, &asks[what], after(THURSDAY, 60));
            if word(&got) != expected {
                wrong.push(format!("{name} on {held:?}: {}, the table says {expected}", word(&got)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_warning_gives_way_to_a_lock_of_anybody_who_may_and_not_to_another_warning() {
    let warning = Lock { kind: LockKind::Warn, ..lock("grace", 60) };
    let take = |kind| LockAsk::Take(LockWish { kind, ..wish(30) });
    let now = after(THURSDAY, 60);
    for (kind, expected) in
        [(LockKind::Everyone, "stolen"), (LockKind::Automation, "stolen"), (LockKind::Warn, "held by other")]
    {
        let got = tried(Some(&warning), ADA, &take(kind), now);
        assert_eq!(word(&got), expected, "{kind:?}");
    }
    let Some(Ok(LockStep::Taken { lock, from: Some(from) })) =
        tried(Some(&warning), ADA, &take(LockKind::Everyone), now)
    else {
        panic!("ada may lock");
    };
    assert_eq!((lock.by, lock.kind, from), (parsed("ada"), LockKind::Everyone, warning.clone()));
    let closed_off = Lock { kind: LockKind::Warn, ..quarantine() };
    assert_eq!(word(&tried(Some(&closed_off), ADA, &take(LockKind::Everyone), now)), "closed off");
}

/// Every pair of clicks on the same lock, as they come to be written: the second is tried on what the first left.
#[test]
fn of_two_who_click_at_once_each_gets_what_the_first_left() {
    let clicks: [(Who, LockAsk); 10] = [
        (ADA, LockAsk::Take(wish(30))),
        (ADA, LockAsk::Release(None)),
        (ADA, LockAsk::Keep),
        (GRACE, LockAsk::Take(wish(40))),
        (GRACE, LockAsk::Steal(wish(40))),
        (GRACE, why()),
        (GRACE, LockAsk::Keep),
        (LINUS, LockAsk::Take(wish(50))),
        (LINUS, LockAsk::Steal(wish(50))),
        (LINUS, why()),
    ];
    let now = after(THURSDAY, 60);
    let mut pairs = 0;
    for seen in [None, Some(lock("ada", 60)), Some(lock("grace", 60)), Some(quarantine())] {
        for (first, one) in &clicks {
            for (second, other) in &clicks {
                pairs += 1;
                let begun = tried(seen.as_ref(), *first, one, now);
                let between = match &begun {
                    Some(Ok(step)) => left(step),
                    Some(Err(_)) | None => seen.clone(),
                };
                let ended = tried(between.as_ref(), *second, other, now);
                let what = format!("{first:?} {one:?}, then {second:?} {other:?}, on {seen:?}");
                let (begun, ended) = (word(&begun), word(&ended));
                // Nobody loses a lock without somebody saying that they mean to take it.
                if begun == "taken" && first != second && matches!(other, LockAsk::Take(_)) {
                    assert_eq!(ended, "held by other", "{what}");
                }
                // A lock that was given back is not kept, nor given back again.
                if begun == "released" && matches!(other, LockAsk::Keep | LockAsk::Release(_)) {
                    assert_eq!(ended, "free", "{what}");
                }
                // What was stolen is no longer the earlier owner's to give back.
                if begun == "stolen" && second == &ADA && !matches!(other, LockAsk::Take(_)) {
                    assert_eq!(ended, "may not", "{what}");
                }
                if begun == "stolen" && second == &ADA && matches!(other, LockAsk::Take(_)) {
                    assert_eq!(ended, "held by other", "{what}");
                }
                assert_ne!(begun, "wrong grant", "{what}");
                assert_ne!(ended, "wrong grant", "{what}");
            }
        }
    }
    assert_eq!(pairs, 400);
}

#[test]
fn a_grant_for_something_else_changes_nothing() {
    let grant = grant("U0GRACE", Action::Lock).unwrap();
    let held = lock("ada", 60);
    for what in [LockAsk::Steal(wish(30)), why(), LockAsk::Keep] {
        let result = ask(&production(), Some(&held), &grant, &what, after(THURSDAY, 60));
        assert_eq!(result, Err(LockRefused::WrongGrant), "{what:?}");
    }
    let elsewhere = ask(&parsed("staging"), None, &grant, &LockAsk::Take(wish(30)), after(THURSDAY, 60));
    assert_eq!(elsewhere, Err(LockRefused::WrongGrant));
}

#[test]
fn keeping_adds_the_length_for_which_it_was_taken_each_time() {
    let first = lock("ada", 30);
    let now = after(THURSDAY, 60);
    let keep = |held: &Lock| match tried(Some(held), ADA, &LockAsk::Keep, now) {
        Some(Ok(LockStep::Kept { lock })) => lock,
        other => panic!("{other:?}"),
    };
    let minutes = |lock: &Lock| lock.until.unwrap().duration_since(lock.since).as_mins();
    let second = keep(&first);
    assert_eq!((minutes(&second), minutes(&keep(&second))), (60, 90));
    // A lock of an earlier version never said how long it was to last, nor does one without an end.
    let old = Lock { length: None, ..lock("ada", 30) };
    assert_eq!((minutes(&keep(&old)), minutes(&keep(&keep(&old)))), (60, 90));
    let endless = Lock { length: None, until: None, ..lock("ada", 30) };
    assert_eq!(keep(&endless).until, None);
    assert_eq!(endless.keeps_for(), SignedDuration::from_hours(1));
}

#[test]
fn an_owner_is_asked_again_and_again_and_shortly_before_the_end() {
    let every = SignedDuration::from_hours(2);
    let asked = |lock: &Lock| {
        let mut all = Vec::new();
        let mut from = lock.since;
        while let Some(next) = lock.next_nag(from, every) {
            all.push(next.duration_since(lock.since).as_mins());
            from = next;
            if all.len() == 4 {
                break;
            }
        }
        all
    };
    assert_eq!(asked(&lock("ada", 15)), Vec::<i64>::new(), "so short a lock ends before anybody forgets it");
    assert_eq!(asked(&lock("ada", 20)), Vec::<i64>::new());
    assert_eq!(asked(&lock("ada", 60)), [50]);
    assert_eq!(asked(&lock("ada", 120)), [110]);
    assert_eq!(asked(&lock("ada", 125)), [115], "at the second hour it ends anyway");
    assert_eq!(asked(&lock("ada", 300)), [120, 240, 290]);
    assert_eq!(asked(&Lock { until: None, ..lock("ada", 60) }), [120, 240, 360, 480]);
    assert_eq!(quarantine().next_nag(at(THURSDAY), every), None, "people are asked about it elsewhere");
}

#[test]
fn a_lock_of_an_earlier_version_stops_everyone() {
    let mut stored = serde_json::to_value(lock("ada", 60)).unwrap();
    let fields = stored.as_object_mut().unwrap();
    assert!(!fields.contains_key("kind"), "the usual kind is not written");
    fields.remove("length");
    let read: Lock = serde_json::from_value(stored).unwrap();
    assert_eq!(read, Lock { length: None, ..lock("ada", 60) });
}

proptest! {
    /// Whoever is asked is asked later than before, while the lock stands, and never in the minutes before its end
    /// except once.
    #[test]
    fn every_question_comes_while_the_lock_stands(
        minutes in 1_i64..3000,
        every in 1_i64..400,
        passed in 0_i64..3000,
    ) {
        let lock = lock("ada", minutes);
        let from = lock.since + SignedDuration::from_mins(passed);
        if let Some(next) = lock.next_nag(from, SignedDuration::from_mins(every)) {
            prop_assert!(next > from);
            prop_assert!(lock.holds(next));
            prop_assert!(lock.until.unwrap().duration_since(next) >= super::BEFORE_END);
        }
    }
}
