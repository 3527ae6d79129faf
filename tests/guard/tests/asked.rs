//! People who are asked and do not answer: reminded once, then others are asked; and the note about an emergency. All
//! by a clock that tests move. Not here: who may do what (`roles`).

use crate::roles::Town;
use shipgate_domain::deploy::State;

/// Reminded after half an hour; after an hour those who override may approve, too.
async fn slow() -> Town {
    Town::found_with(|settings| {
        settings.replace(
            "approvals = { needed = 1, from = [\"approvers\"], own = false }",
            "approvals = { needed = 1, from = [\"approvers\"], remind = \"30m\", escalate = [{ after = \"1h\", to = \
             [\"overriders\"] }] }",
        )
    })
    .await
}

#[tokio::test]
async fn those_who_do_not_answer_are_reminded_once_and_then_others_are_asked_who_can_approve_from_then_on() {
    let mut town = slow().await;
    town.say("own", "deploy production v1").await;
    town.pass(29).await;
    assert_eq!(town.posts("Still waiting for your yes or no"), 0);
    town.pass(2).await;
    assert_eq!(town.posts("Still waiting for your yes or no"), 1);
    town.say("ovr", "approve").await;
    assert!(town.newest().await.unwrap().approvals.is_empty(), "{}: it is not their turn", town.told());
    town.pass(27).await;
    assert_eq!(town.posts("Nobody answered in time"), 0);
    town.pass(2).await;
    assert_eq!(town.posts("Nobody answered in time, so overriders may approve now"), 1);
    town.pass(60).await;
    assert_eq!((town.posts("Still waiting"), town.posts("Nobody answered")), (1, 1), "once each");
    town.say("ovr", "approve").await;
    town.pass(5).await;
    let deploy = town.newest().await.unwrap();
    assert!(deploy.has_succeeded(), "{:?}", deploy.state);
}

#[tokio::test]
async fn nobody_is_reminded_of_what_is_not_wanted_any_more() {
    let mut town = slow().await;
    town.say("own", "deploy production v1 --hold").await;
    town.pass(1).await;
    town.say("all", "approve").await;
    town.pass(90).await;
    assert_eq!((town.posts("Still waiting"), town.posts("Nobody answered")), (0, 0));
    assert!(matches!(town.newest().await.unwrap().state, State::Waiting { .. }), "it is on hold");
}

#[tokio::test]
async fn the_note_about_an_emergency_is_asked_for_on_two_mornings_unless_it_is_written() {
    for is_written in [false, true] {
        let mut town = Town::found().await;
        town.say("own", "freeze add Sale production for 20h").await;
        town.say("own", "deploy production v1 --emergency \"it is down\"").await;
        town.say("all", "approve").await;
        town.pass(5).await;
        let deploy = town.newest().await.unwrap();
        assert!(deploy.has_succeeded(), "{:?}", deploy.state);
        for told in ["is to pass as an emergency", "may pass as an emergency", "starts as an emergency"] {
            assert_eq!(town.posts(told), 1, "{told}");
        }
        assert_eq!(town.posts("Please write down what happened"), 0);
        town.pass(36 * 60).await;
        assert_eq!(town.posts("Please write down what happened"), 1, "at ten the next morning");
        if is_written {
            town.say("dep", &format!("incident {} the cache was full", deploy.id.short())).await;
        }
        town.pass(72 * 60).await;
        let asked = town.posts("Please write down what happened");
        assert_eq!(asked, if is_written { 1 } else { 2 }, "once more, and never again");
    }
}

#[tokio::test]
async fn a_yes_by_words_is_to_nothing_that_the_card_has_not_shown() {
    let mut town = Town::found().await;
    town.say("own", "deploy production v1 --emergency \"it is down\"").await;
    assert!(town.newest().await.unwrap().to_pass().is_empty());
    // A freeze begins, and the card does not show yet that a yes would be one to starting in it.
    town.hear("own", "freeze add Audit production for 2h").await;
    town.judge_unseen().await;
    assert_eq!(
        town.newest().await.unwrap().to_pass().len(),
        1,
        "{:?}",
        town.newest().await.unwrap().verdicts
    );
    town.hear("ovr", "approve").await;
    assert!(town.newest().await.unwrap().approvals.is_empty(), "nobody saw the freeze");
    town.work().await;
    assert!(town.answered("is being redrawn"), "{}", town.told());
    // The card caught up: the same words count.
    town.say("ovr", "approve").await;
    assert_eq!(town.newest().await.unwrap().approvals.len(), 1, "{}", town.told());
}

#[tokio::test]
async fn a_yes_by_words_before_there_is_a_card_is_none_to_a_freeze_but_one_to_what_was_asked_for() {
    for has_freeze in [true, false] {
        let mut town = Town::found().await;
        if has_freeze {
            town.say("own", "freeze add Audit production for 2h").await;
        }
        town.hear("own", "deploy production v1 --emergency \"it is down\"").await;
        town.judge_unseen().await;
        town.hear("all", "approve").await;
        let given = town.newest().await.unwrap().approvals.len();
        assert_eq!(given, usize::from(!has_freeze), "{has_freeze}");
    }
}
