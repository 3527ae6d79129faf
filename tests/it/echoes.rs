//! Systems that repeat the credentials they were sent in the words of their refusals: those words reach people, the
//! record and the log, the credentials do not. Every story ends with the search for them (`harness`). Not here: secrets
//! that are wrong or in the wrong place (`canaries`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use shipgate_world::Fault;

const STAGING: &str = "api v1.2.3 → staging";

/// A deploy while GitHub echoes, with everything logged that can be.
async fn github_echoes(requests: &str, status: u16, expected: &[&str]) {
    let world = world().await;
    world.github.faults().next(requests, 40, Fault::Echo { status });
    let mut bot = Bot::prepared(&world, Transport::Http, |_| {});
    bot.log_everything();
    bot.run().await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, expected).await;
    bot.end(&world).await;
}

/// What the model says around the token.
const WORDS: &str = "No ref found with authorization: Bearer [secret]";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_github_repeats_in_a_refusal_to_read_is_left_out() {
    github_echoes("GET /repos", 403, &[WORDS]).await;
    github_echoes("GET /repos", 401, &["GitHub refused the token"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_github_repeats_while_it_has_a_problem_is_left_out() {
    github_echoes("GET /repos", 500, &["cannot be looked up yet"]).await;
    github_echoes("GET /repos", 200, &["cannot be looked up yet"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_github_repeats_in_a_refusal_to_start_is_left_out() {
    github_echoes("/dispatches", 403, &[WORDS]).await;
    github_echoes("/dispatches", 422, &[WORDS]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_github_repeats_when_it_may_have_started_is_left_out() {
    github_echoes("/dispatches", 500, &["nothing is sent again"]).await;
    github_echoes("/dispatches", 200, &["nothing is sent again"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_slack_repeats_is_left_out() {
    for (status, told) in [(200, "(an unknown error)"), (401, "HTTP 401"), (500, "HTTP 500")] {
        let world = world().await;
        for method in ["users.info", "chat.postMessage", "chat.update", "views.open", "conversations"] {
            world.slack.faults().next(method, 2, Fault::Echo { status });
        }
        let mut bot = Bot::prepared(&world, Transport::Http, |_| {});
        bot.log_everything();
        bot.run().await;
        bot.slash("ada", "/deploy", "").await;
        bot.slash("ada", "/deploy", "staging v1.2.3").await;
        bot.until("the log tells of it", |bot| bot.log().contains(told).then_some(())).await;
        bot.end(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_token_that_slack_repeats_is_left_out() {
    let world = world().await;
    world.slack.faults().next("apps.connections.open", 1, Fault::Echo { status: 200 });
    let mut bot = Bot::prepared(&world, Transport::Socket, |_| {});
    bot.log_everything();
    bot.run().await;
    bot.until("the log tells of it", |bot| bot.log().contains("(an unknown error)").then_some(())).await;
    bot.ask("ada", "/shipgate", "history", "No deploys yet").await;
    bot.end(&world).await;
}
