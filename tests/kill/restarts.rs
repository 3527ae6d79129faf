//! Starts while something around is down, and ends that were asked for. Not here: kills at random (`moments`).

use crate::harness::Bot;
use crate::read;
use crate::setup::{Transport, world};
use shipgate_world::{Down, Fault};
use std::time::{Duration, Instant};

const STAGING: &str = "api v1.2.3 → staging";
const RUNS: &str = "staging now runs api v1.2.3";

#[tokio::test(flavor = "multi_thread")]
async fn started_while_slack_is_down_it_deploys_and_tells_everything_later() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.kill9();
    world.slack.faults().down(Down::Refusing);
    bot.run().await;
    // Slack may still deliver what people type. Who they are cannot be read, and they hear so in the end.
    let seen = bot.private_count("ada");
    bot.slash("ada", "/deploy", "staging v1.2.2").await;
    world.github.finish(run).await.unwrap();
    bot.crash().await;
    world.slack.faults().up();
    bot.announced(&[RUNS]).await;
    bot.card_says(STAGING, &["Succeeded"]).await;
    bot.next_private("ada", seen, "cannot check now whether you may deploy. Nothing changed").await;
    bot.deploy("ada", "staging", "v1.2.2 --older \"to have another one\"").await;
    assert_eq!(world.github.dispatches().len(), 2);
    assert_eq!(bot.announcements(&[RUNS]).len(), 1, "{}", bot.picture());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn started_while_github_is_down_it_says_so_and_deploys_later() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.kill9();
    world.github.faults().down(Down::Dropping);
    bot.run().await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["cannot be looked up yet"]).await;
    bot.crash().await;
    bot.card_says(STAGING, &["cannot be looked up yet"]).await;
    world.github.faults().up();
    bot.crash().await;
    let run = bot.run_of_dispatch(0).await;
    bot.card_says(STAGING, &["Follow the run"]).await;
    world.github.faults().down(Down::Refusing);
    bot.kill9();
    world.github.finish(run).await.unwrap();
    bot.run().await;
    world.github.faults().up();
    bot.announced(&[RUNS]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    assert_eq!(bot.announcements(&[RUNS]).len(), 1, "{}", bot.picture());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_while_a_start_is_under_way_it_writes_the_answer_down_and_ends() {
    let world = world().await;
    world.github.faults().next("/dispatches", 1, Fault::SlowAfter { ms: 1500 });
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    let told = Instant::now();
    let status = bot.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", bot.log());
    assert!(told.elapsed() < Duration::from_secs(20), "it took {:?}", told.elapsed());
    bot.run().await;
    // The run is known: nobody had to look for it.
    let card = bot.card_says(STAGING, &["Follow the run"]).await;
    world.github.finish(run).await.unwrap();
    bot.announced(&[RUNS]).await;
    let notes: Vec<String> = world.slack.messages("deployments").iter().map(read::message).collect();
    assert!(!notes.iter().any(|note| note.contains("nothing is sent again")), "{notes:#?}");
    assert_eq!(card.edits.len().min(1), 1, "the card is edited, not posted again");
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_while_slack_is_silent_it_still_ends_in_time_and_loses_nothing() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    // Longer than any call of ours waits.
    world.slack.faults().next("chat.postMessage", 1, Fault::Slow { ms: 60_000 });
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.until("Slack is asked for the card", |_| {
        world.slack.calls().iter().any(|c| c.path.ends_with("chat.postMessage")).then_some(())
    })
    .await;
    let told = Instant::now();
    let status = bot.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", bot.log());
    assert!(told.elapsed() < Duration::from_secs(20), "it took {:?}", told.elapsed());
    bot.run().await;
    let run = bot.run_of_dispatch(0).await;
    world.github.finish(run).await.unwrap();
    bot.announced(&[RUNS]).await;
    bot.card_says(STAGING, &["Succeeded"]).await;
    assert_eq!(bot.announcements(&[RUNS]).len(), 1, "{}", bot.picture());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_a_dead_process_posted_is_brought_up_to_date() {
    const PRODUCTION: &str = "api v1.2.3 → production";
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.crash().await;
    // The card is there, but the bot does not hear of it before it dies; meanwhile the gates are judged.
    world.slack.faults().next("chat.postMessage", 1, Fault::SlowAfter { ms: 8000 });
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let card = bot.card_says(PRODUCTION, &[]).await;
    assert!(!read::message(&card).contains("[Approve]"), "it was judged before it was posted");
    while !bot.get("/metrics").await.1.contains("shipgate_effects_total{effect=\"say\"}") {
        tokio::task::yield_now().await;
    }
    bot.crash().await;
    let found = bot.card_says(PRODUCTION, &["Waiting for approval", "[Approve]"]).await;
    assert_eq!(found.ts, card.ts);
    bot.click("grace", PRODUCTION, "Approve").await;
    let run = bot.run_of_dispatch(1).await;
    world.github.finish(run).await.unwrap();
    bot.announced(&["production now runs api v1.2.3"]).await;
    bot.end(&world).await;
}
