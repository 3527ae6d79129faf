//! The story from the first word to the announcement, by both transports, and with a kill after every step.
//! Not here: the turns it can take (`decisions`, `failures`, `unsure`).

use crate::harness::Bot;
use crate::read;
use crate::setup::{REPO, Transport, world};
use shipgate_world::World;

const CARD: &str = "api v1.2.3 → production";

/// The commit of v1.2.3, as GitHub knows it.
fn dispatched_sha(world: &World, n: usize) -> String {
    world.github.dispatches()[n].inputs["sha"].clone()
}

async fn the_whole_story(transport: Transport) {
    let world = world().await;
    let mut bot = Bot::start(&world, transport, |_| {}).await;
    bot.release("v1.2.2").await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    let sha = dispatched_sha(&world, 2);

    // Asked by grace, who could approve deploys of others.
    let answer =
        bot.ask("grace", "/deploy", "production v1.2.3", "Asked: Deploy api v1.2.3 → production").await;
    assert!(answer.contains("The card is in #deployments"), "{answer}");
    let card = bot.card_says(CARD, &["Waiting for approval", "[Approve]"]).await;
    let said = read::message(&card);
    // All gates at once, the diff to what runs there, who can help.
    for gate in
        ["Permission", "Version", "Schedule", "Freeze", "Lock", "Order", "Checks", "Approvals", "Queue"]
    {
        assert!(said.contains(gate), "{gate} is missing on the card:\n{said}");
    }
    for part in [
        "is commit",
        &sha[..7],
        "succeeded on staging",
        "1 check green",
        "needs 1 approval from release-managers",
        "1 commit since v1.2.2",
        "Gift cards",
        "Asked by grace",
    ] {
        assert!(said.contains(part), "“{part}” is missing on the card:\n{said}");
    }

    // Those who may not: the requester, a deployer, a stranger, a guest.
    let approve = bot.button(CARD, "Approve").await;
    let refused = bot.press_and_read("grace", &approve, "your own approval does not count").await;
    assert!(refused.contains("Nothing changed"), "{refused}");
    let refused = bot.press_and_read("linus", &approve, "You may not approve").await;
    assert!(refused.contains("Only release-managers may"), "{refused}");
    bot.press_and_read("eve", &approve, "You may not approve").await;
    bot.card_says(CARD, &["Waiting for approval"]).await;
    assert_eq!(world.github.dispatches().len(), 3, "nothing may start before it is approved");

    // Somebody who is a release manager by a group that Slack keeps; impatient, with two fingers.
    bot.press_twice("max", &approve).await;
    let run = bot.run_of_dispatch(3).await;
    let dispatch = world.github.dispatches()[3].clone();
    assert_eq!(dispatch.inputs["sha"], sha);
    assert_eq!((dispatch.inputs["environment"].as_str(), dispatch.git_ref.as_str()), ("production", "main"));
    let title = world.github.run(run).expect("the run exists").title;
    assert!(title.contains(&dispatch.inputs["deployment_id"]), "{title}");

    // Stages on the same card, edited in place.
    bot.advance(run).await;
    bot.advance(run).await;
    let running = bot.card_says(CARD, &["Running", "Build", "Test", "Follow the run"]).await;
    assert_eq!(running.ts, card.ts, "the card is edited in place");
    assert!(!read::message(&running).contains("[Approve]"));
    bot.finish(run).await;
    let done = bot.card_says(CARD, &["Succeeded in", "production runs v1.2.3", "approved by"]).await;
    assert_eq!(done.ts, card.ts);
    assert!(world.github.deliveries().iter().any(|d| d.status.is_some_and(|status| status / 100 == 2)));

    // Polled with conditions: what did not change costs nothing of the hourly budget.
    assert!(world.github.calls().iter().any(|call| call.status == Some(304)), "{}", bot.picture());

    // The result, once: what, who, who approved, how long, compare link.
    let result = bot.announced(&["production now runs api v1.2.3"]).await;
    let said = read::message(&result);
    for part in [
        "Asked by  <@U0GRACE>",
        "Approved by",
        "U0MAX",
        "Took",
        "1 commit since v1.2.2",
        "[compare](",
        "[run](",
    ] {
        assert!(said.contains(part), "“{part}” is missing in the result:\n{said}");
    }
    bot.thread_says(&card, "approved digest").await;
    bot.thread_says(&card, "It is run").await;
    // A click on the card as it once was changes nothing.
    bot.press_and_read("max", &approve, "The card changed before you pressed").await;
    // Whatever is still under way comes before the answer to one more question.
    bot.ask("ada", "/deploy", "history production", "The last deploys").await;
    assert_eq!(bot.announcements(&["production now runs api v1.2.3"]).len(), 1);
    assert_eq!(world.github.dispatches().len(), 4);
    assert_eq!(world.slack.lost(), Vec::<String>::new());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_story_by_http() {
    the_whole_story(Transport::Http).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_story_by_socket_mode() {
    the_whole_story(Transport::Socket).await;
}

async fn the_story_survives_kills(transport: Transport) {
    let world = world().await;
    let mut bot = Bot::start(&world, transport, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.crash().await;
    let run = bot.run_of_dispatch(0).await;
    bot.crash().await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.crash().await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.crash().await;
    let approve = bot.button(CARD, "Approve").await;
    bot.crash().await;
    bot.press("grace", &approve).await;
    bot.crash().await;
    let run = bot.run_of_dispatch(1).await;
    bot.crash().await;
    bot.advance(run).await;
    bot.card_says(CARD, &["Running"]).await;
    bot.kill9();
    bot.finish(run).await;
    bot.run().await;
    let done = bot.card_says(CARD, &["Succeeded"]).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    bot.crash().await;
    bot.ask("ada", "/deploy", "status", "What runs where").await;
    assert_eq!(world.github.dispatches().len(), 2, "each deploy is dispatched once");
    for result in ["staging now runs", "production now runs"] {
        assert_eq!(bot.announcements(&[result]).len(), 1, "{}", bot.picture());
    }
    let cards = bot.cards(CARD);
    assert_eq!((cards, done.user.as_str()), (1, "U0BOT"), "one card for the deploy");
    assert!(world.github.has_repo(REPO));
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_goes_on_after_a_kill_at_every_step_by_http() {
    the_story_survives_kills(Transport::Http).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_goes_on_after_a_kill_at_every_step_by_socket_mode() {
    the_story_survives_kills(Transport::Socket).await;
}
