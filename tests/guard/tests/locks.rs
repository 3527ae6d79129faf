//! Locks, the line and newer requests, on a bot in memory by a clock that tests move. Not here: who may do what (`roles`),
//! what may become of a lock (`domain::lock`).

use crate::roles::Town;
use shipgate_domain::deploy::{Outcome, State};
use shipgate_domain::facts::LockKind;
use shipgate_domain::gates::Reason;

#[tokio::test]
async fn the_owner_of_a_lock_is_asked_again_and_told_who_waits_and_the_old_buttons_go() {
    let mut town = Town::found().await;
    town.say("own", "deploy production v1 --hold").await;
    town.say("all", "approve").await;
    town.say("own", "lock production migrating --for 5h").await;
    assert!(town.question().is_none());
    town.pass(119).await;
    assert_eq!(town.posts("do you still need the lock of production"), 0);
    town.say("dep", "deploy production v2 --when-open").await;
    town.pass(2).await;
    assert_eq!(town.posts("own: do you still need the lock of production?"), 1);
    let question = town.said("do you still need the lock").remove(0);
    assert!(question.contains("Held for 2 h") && question.contains("migrating"), "{question}");
    assert!(question.contains("• api v2 of dep"), "{question}");
    assert!(question.contains("Keep lets it stand 5 h longer"), "{question}");
    assert!(!question.contains("api v1"), "the owner's own deploy does not wait for the lock: {question}");
    let (first, at) = town.lock_button("unlock");
    town.pass(120).await;
    assert_eq!(town.posts("do you still need the lock"), 2, "every two hours");
    assert_eq!(
        town.said("Asked whether own still needs").len(),
        1,
        "the first question has no buttons any more"
    );
    town.press("own", &first, &at).await;
    assert!(town.told().contains("changed since this was asked"), "{}", town.told());
    assert_eq!(town.locks().await.len(), 1);
    town.pass(50).await;
    assert_eq!(town.posts("do you still need the lock"), 3, "shortly before its end");
    town.pass(12).await;
    assert_eq!(town.posts("do you still need the lock"), 3);
    assert!(town.question().is_none(), "it is over, and so is the question");
}

#[tokio::test]
async fn whoever_waits_for_a_lock_starts_at_once_when_its_owner_presses_unlock() {
    let mut town = Town::found().await;
    town.say("own", "lock early migrating --for 30m").await;
    town.say("dep", "deploy early v1 --when-open").await;
    town.pass(21).await;
    assert!(matches!(town.newest().await.unwrap().state, State::Waiting { .. }));
    let (value, at) = town.lock_button("unlock");
    town.press("own", &value, &at).await;
    assert!(!matches!(town.newest().await.unwrap().state, State::Waiting { .. }), "nobody waits for a timer");
    assert!(town.question().is_none());
    assert_eq!(town.lock_events().await, ["lock_taken", "lock_released"]);
    town.press("own", &value, &at).await;
    assert!(town.told().contains("changed since this was asked"), "{}", town.told());
}

#[tokio::test]
async fn whoever_waits_for_a_lock_starts_when_it_ends_by_itself() {
    let mut town = Town::found().await;
    town.say("own", "lock early migrating --for 30m").await;
    town.say("dep", "deploy early v1 --when-open").await;
    town.pass(29).await;
    assert!(matches!(town.newest().await.unwrap().state, State::Waiting { .. }));
    town.pass(1).await;
    assert!(!matches!(town.newest().await.unwrap().state, State::Waiting { .. }));
}

#[tokio::test]
async fn keeping_a_lock_twice_by_the_same_button_keeps_it_once() {
    let mut town = Town::found().await;
    town.say("own", "lock production migrating --for 30m").await;
    let until = town.locks().await[0].until.unwrap();
    town.pass(21).await;
    let (keep, at) = town.lock_button("keep_lock");
    town.press("own", &keep, &at).await;
    town.press("own", &keep, &at).await;
    assert!(town.told().contains("changed since this was asked"), "{}", town.told());
    let kept = town.locks().await[0].until.unwrap();
    assert_eq!(kept.duration_since(until).as_mins(), 30);
    assert_eq!(town.lock_events().await, ["lock_taken", "lock_kept"]);
    town.pass(30).await;
    assert_eq!(town.posts("do you still need the lock"), 2, "and its owner is asked before the new end");
}

#[tokio::test]
async fn of_unlock_and_keep_whichever_comes_second_changes_nothing() {
    for (first, second, left) in [("unlock", "keep_lock", 0), ("keep_lock", "unlock", 1)] {
        let mut town = Town::found().await;
        town.say("own", "lock production migrating --for 30m").await;
        town.pass(21).await;
        let ((one, at), (other, _)) = (town.lock_button(first), town.lock_button(second));
        town.press("own", &one, &at).await;
        town.press("own", &other, &at).await;
        assert!(town.told().contains("changed since this was asked"), "{first}: {}", town.told());
        assert_eq!(town.locks().await.len(), left, "{first}");
        assert_eq!(town.lock_events().await.len(), 2, "{first}");
    }
}

#[tokio::test]
async fn a_lock_that_is_taken_over_is_told_to_whose_it_was_and_nobody_takes_it_by_accident() {
    let mut town = Town::found().await;
    town.say("dep", "lock production load test").await;
    town.say("app", "lock production the site is down").await;
    assert!(town.told().contains("already locked by dep: load test"), "{}", town.told());
    town.say("own", "lock early x").await;
    town.say("dep", "lock early mine --steal").await;
    assert_eq!(town.locks().await.len(), 2, "{}", town.told());
    town.say("app", "lock production the site is down --steal").await;
    let told = town.said("was taken over by app").remove(0);
    assert!(told.contains("dep: your lock (load test)") && told.contains("the site is down"), "{told}");
    let locks = town.locks().await;
    let production = locks.iter().find(|lock| lock.environment.as_str() == "production").unwrap();
    assert_eq!(production.by.as_str(), "app");
    assert!(town.lock_events().await.contains(&"lock_stolen".to_owned()));
    town.say("dep", "unlock production because it is mine").await;
    assert!(town.told().contains("may not lift locks of others"), "{}", town.told());
}

#[tokio::test]
async fn a_warning_stops_nothing_and_is_shown_on_the_card_and_in_answers() {
    let mut town = Town::found().await;
    town.say("own", "lock production the database is slow --warn").await;
    assert_eq!(town.locks().await[0].kind, LockKind::Warn);
    town.say("dep", "deploy production v1").await;
    town.pass(1).await;
    let warned = town.newest().await.unwrap();
    let told = |r: &Reason| matches!(r, Reason::LockTold { kind: LockKind::Warn, .. });
    assert!(warned.verdicts.iter().any(|v| told(&v.reason)), "{:?}", warned.verdicts);
    town.say("all", "approve").await;
    town.pass(10).await;
    assert!(town.newest().await.unwrap().has_succeeded());
    town.say("own", "lock production x --warn --automation").await;
    assert!(town.told().contains("only one can be meant"), "{}", town.told());
}

#[tokio::test]
async fn against_automation_a_planned_start_waits_and_a_person_goes_on() {
    let mut town = Town::found().await;
    town.say("own", "lock early nobody is watching --automation --for 30m").await;
    town.say("own", "deploy early v1 --when-open").await;
    town.pass(1).await;
    assert!(matches!(town.newest().await.unwrap().state, State::Waiting { .. }), "also the owner's own");
    town.say("dep", "deploy early v2").await;
    town.pass(10).await;
    assert!(town.deploy_of("v2").await.has_succeeded(), "{}", town.told());
    assert!(matches!(town.deploy_of("v1").await.state, State::Waiting { .. }));
    town.pass(25).await;
    assert!(town.deploy_of("v1").await.is_done(), "the lock is over");
}

fn superseding(settings: &str) -> String {
    settings.replace("[environments.production]\n", "[environments.production]\nsupersede = true\n")
}

#[tokio::test]
async fn a_newer_request_takes_the_place_of_an_older_one_of_the_same_person_only_where_the_rules_say_so() {
    for is_set in [true, false] {
        let mut town = if is_set { Town::found_with(superseding).await } else { Town::found().await };
        town.say("dep", "deploy production v1 --hold").await;
        town.say("all", "approve").await;
        town.pass(1).await;
        town.say("dep", "deploy production v2").await;
        town.pass(1).await;
        let (older, newer) = (town.deploy_of("v1").await, town.deploy_of("v2").await);
        assert_eq!(older.is_done(), is_set);
        assert_eq!(newer.replaces.len(), usize::from(is_set));
        if is_set {
            let State::Done { outcome: Outcome::Superseded { by }, .. } = &older.state else {
                panic!("{older:?}")
            };
            assert_eq!(by.deploy, newer.id);
            assert_eq!(newer.replaces[0].deploy, older.id);
            assert_eq!(town.said("takes its place").len(), 1);
            assert_eq!(town.said("Approvals of that do not count here").len(), 1);
        }
        assert!(newer.approvals.is_empty(), "a yes to the older one is none to this");
        assert!(matches!(newer.state, State::Waiting { .. }));
    }
}

#[tokio::test]
async fn nobody_loses_a_request_to_somebody_else_to_a_plan_or_to_one_that_is_refused() {
    let mut town = Town::found_with(superseding).await;
    town.say("own", "deploy production v1 --hold").await;
    town.pass(1).await;
    town.say("dep", "deploy production v2").await;
    town.pass(1).await;
    assert!(!town.deploy_of("v1").await.is_done(), "it is somebody else's");
    town.say("own", "deploy production v3 --at \"tomorrow 9:00\"").await;
    town.pass(1).await;
    assert!(!town.deploy_of("v1").await.is_done(), "it is meant besides what was planned");
    town.say("app", "freeze add Sale production for 2h").await;
    town.say("own", "deploy production v4").await;
    town.pass(1).await;
    assert!(town.deploy_of("v4").await.is_done(), "it is frozen");
    assert!(!town.deploy_of("v1").await.is_done(), "what is refused takes nobody's place");
    town.say("app", "freeze end Sale because it is over").await;
    town.say("own", "deploy production v5").await;
    town.pass(1).await;
    assert!(town.deploy_of("v1").await.is_done());
    assert!(!town.deploy_of("v2").await.is_done());
    assert!(!town.deploy_of("v3").await.is_done(), "the plan stands");
}
