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
