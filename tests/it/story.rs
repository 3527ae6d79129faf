//! The story from the first word to the announcement, by both transports.

use crate::harness::Bot;
use crate::read;
use crate::setup::{Transport, world};

async fn the_whole_story(transport: Transport) {
    let world = world().await;
    let mut bot = Bot::start(&world, transport, |_| {}).await;
    let (staging, production) = ("api v1.2.3 → staging", "api v1.2.3 → production");

    // Staging first: no approval there.
    let answer = bot.ask("ada", "/deploy", "staging v1.2.3", "Asked: Deploy api v1.2.3 → staging").await;
    assert!(answer.contains("#deployments"), "{answer}");
    let run = bot.run_of_dispatch(0).await;
    bot.card_says(staging, &["run"]).await;
    world.github.finish(run).await.unwrap();
    bot.card_says(staging, &["Succeeded", "staging runs v1.2.3"]).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;

    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let card = bot.card_says(production, &["Waiting for approval"]).await;
    let said = read::message(&card);
    println!("{said}\n{}", bot.picture());
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
