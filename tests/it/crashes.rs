//! Kills at every moment: with a request to Slack or GitHub in flight, and with commands just acknowledged.
//! Not here: kills between the steps of the story (`story`).

use crate::harness::{Bot, DEPLOYMENTS};
use crate::read;
use crate::setup::{Transport, world};
use shipgate_world::{Fault, World};
use tokio::task::JoinSet;

const STAGING: &str = "api v1.2.3 → staging";
/// More calls than a deploy to staging makes, from the command to the announcement.
const CALLS: usize = 40;
/// Stories told side by side.
const TOGETHER: usize = 6;

fn calls(world: &World) -> usize {
    world.slack.calls().len() + world.github.calls().len()
}

/// One deploy; the process is killed when it has made its `n`th call, before the answer. Half of these calls were
/// carried out, the others were not.
async fn killed_at_call(n: usize) {
    let world = world().await;
    let slow = if n.is_multiple_of(2) { Fault::SlowAfter { ms: 60 } } else { Fault::Slow { ms: 60 } };
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    for faults in [world.slack.faults(), world.github.faults()] {
        faults.sometimes("/", 1000, 1, slow.clone());
    }
    let before = calls(&world);
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    loop {
        let is_over =
            |bot: &Bot| calls(&world) >= before + n || !bot.announcements(&["staging now runs"]).is_empty();
        bot.until("the next call", |bot| {
            let is_open = world.github.runs().iter().any(|run| run.status != "completed");
            (is_open || is_over(bot)).then_some(())
        })
        .await;
        if is_over(&bot) {
            break;
        }
        world.github.tick().await;
    }
    bot.kill9();
    world.slack.faults().clear();
    world.github.faults().clear();
    bot.run().await;
    let is_lost = bot
        .until("the run, or the news that nobody knows", |bot| {
            let says = |card| read::message(&card).contains("Looking for the run; nothing is sent again");
            let is_started = !world.github.dispatches().is_empty();
            if is_started { Some(false) } else { bot.card(STAGING).map(says).filter(|lost| *lost) }
        })
        .await;
    if is_lost {
        // It was killed with the start on its way, and GitHub never saw it: nobody can know. It is looked for, and
        // never sent again; somebody starts it.
        bot.start_by_hand(STAGING).await;
    }
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert!(bot.dispatches_sent() <= 1, "killed at call {n}: {}", bot.picture());
    let card = bot.card_says(STAGING, &["Succeeded"]).await;
    bot.thread_says(&card, "It is run").await;
    bot.ask("linus", "/shipgate", "history", "succeeded").await;
    let seen =
        (world.github.dispatches().len(), bot.announcements(&["staging now runs"]).len(), bot.cards(STAGING));
    assert_eq!(seen, (1, 1, 1), "killed at call {n}: {}", bot.picture());
    let notes: Vec<String> = world
        .slack
        .messages(DEPLOYMENTS)
        .iter()
        .filter(|m| m.thread_ts.is_some())
        .map(read::message)
        .filter(|said| said.contains("It is run"))
        .collect();
    assert_eq!(notes.len(), 1, "killed at call {n}: {}", bot.picture());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_call_the_story_ends_the_same() {
    let mut running = JoinSet::new();
    for n in 1..=CALLS {
        if running.len() == TOGETHER {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(killed_at_call(n));
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_before_a_kill_is_answered_once() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let mut asked = JoinSet::new();
    for n in 0..60 {
        let slack = world.slack.clone();
        asked.spawn(async move {
            let text = format!("frobnicate{n}x");
            let delivery = slack.slash("ada", DEPLOYMENTS, "/shipgate", &text).await.unwrap();
            (text, delivery.status == Some(200) && delivery.body.is_empty())
        });
    }
    // In the middle of it.
    bot.until("some of them are acknowledged", |_| (world.slack.responses().len() >= 5).then_some(())).await;
    bot.kill9();
    let mut acknowledged = Vec::new();
    while let Some(ended) = asked.join_next().await {
        let (text, is_acknowledged) = ended.unwrap();
        acknowledged.extend(is_acknowledged.then_some(text));
    }
    assert!(acknowledged.len() >= 5);
    bot.run().await;
    for text in acknowledged {
        bot.until(&format!("an answer to {text}"), |_| {
            world.slack.ephemerals().iter().any(|e| read::private(e).contains(&text)).then_some(())
        })
        .await;
    }
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_down_is_missed_by_slack_but_loses_nothing_it_acknowledged() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Socket, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.kill9();
    // Nobody is there: Slack tells the person itself that the app did not respond.
    let missed = world.slack.slash("linus", DEPLOYMENTS, "/deploy", "staging v1.2.2").await.unwrap();
    assert!(!missed.acknowledged());
    bot.run().await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!(world.slack.lost().len(), 1);
    assert_eq!(bot.cards("api v1.2.2 → staging"), 0);
    bot.end(&world).await;
}
