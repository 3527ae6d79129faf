//! What people can say, in every way they can say it, and what they are answered. Not here: what it leads to.

use crate::harness::{Bot, DEPLOYMENTS};
use crate::setup::{Transport, world};

const STAGING: &str = "api v1.2.3 → staging";

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_answered() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.release("v1.2.2").await;
    let questions = [
        ("status", "api on production: v1.2.2"),
        ("status staging", "api on staging: v1.2.2"),
        ("history", "api v1.2.2 → production: succeeded"),
        ("history production by @ada", "approved by grace"),
        ("history by grace", "No deploys yet"),
        ("diff production v1.2.3", "v1.2.3 compared to v1.2.2 on production: 1 new, 0 lost"),
        ("diff production", "main compared to v1.2.2"),
        ("diff production v1.2.1", "0 new, 1 lost"),
        ("when production", "api on production: open now"),
        ("explain production", "the same commit must have succeeded on staging"),
        ("who-can deploy production", "deployers: ada, grace and linus"),
        ("who can approve production", "release-managers: grace and slack:U0MAX"),
        ("logs", "Nothing has failed"),
        ("freeze list", "none"),
        ("freeze", "none"),
        ("help", "rollback"),
        ("help deploy", "deploy production v1.2.3"),
        ("help freeze add", "freeze add \"Black Friday\""),
        ("", "help"),
    ];
    for (text, expected) in questions {
        bot.ask("ada", "/shipgate", text, expected).await;
    }
    // Nothing waits, runs or has failed: each says so.
    let nothing = [
        ("approve", "There is no deploy to approve now"),
        ("reject because I say so", "There is no deploy to reject now"),
        ("hold", "There is no deploy to hold now"),
        ("resume", "There is no deploy to resume now"),
        ("cancel", "There is no deploy to cancel now"),
        ("rerun", "There is no deploy to rerun now"),
        ("logs 7K2M9Q", "There is no deploy with this id"),
        ("unlock production", "production is not locked"),
    ];
    for (text, expected) in nothing {
        bot.ask("grace", "/shipgate", text, expected).await;
    }
    assert_eq!(world.github.dispatches().len(), 2, "questions start nothing");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_grammar_for_the_command_the_app_and_a_mention() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let said = [
        ("/deploy", "staging v1.2.1"),
        ("/deploy", "api to staging v1.2.2"),
        ("/shipgate", "deploy v1.2.3 staging"),
        ("/deploy", "api@v1.2.3 to prod"),
    ];
    for (command, text) in said {
        bot.ask("ada", command, text, "Asked: Deploy api v1.2").await;
    }
    bot.ask("ada", "/deploy", "status", "What runs where").await;
    bot.ask("ada", "/deploy", "help freeze", "Times without deploys").await;
    bot.end(&world).await;
}

async fn a_mention_works(transport: Transport) {
    let world = world().await;
    let mut bot = Bot::start(&world, transport, |_| {}).await;
    let seen = bot.private_count("ada");
    let delivery =
        world.slack.mention("ada", DEPLOYMENTS, "deploy staging v1.2.3").await.expect("ada exists");
    assert!(delivery.acknowledged(), "{delivery:?}");
    bot.next_private("ada", seen, "Asked: Deploy api v1.2.3 → staging").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    // A mention has no form to open: it says what is missing, with examples.
    let seen = bot.private_count("ada");
    world.slack.mention("ada", DEPLOYMENTS, "deploy production").await.expect("ada exists");
    bot.next_private("ada", seen, "also needs: version").await;
    // Slack repeats events that it believes lost.
    assert!(world.slack.retry_events().await.is_empty());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_works_as_well_as_the_command_by_http() {
    a_mention_works(Transport::Http).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_works_as_well_as_the_command_by_socket_mode() {
    a_mention_works(Transport::Socket).await;
}

async fn missing_words_open_a_form(transport: Transport) {
    let world = world().await;
    let mut bot = Bot::start(&world, transport, |_| {}).await;
    bot.slash("ada", "/deploy", "").await;
    let (view, form) = bot.modal("ada").await;
    let names: Vec<&str> = form["blocks"]
        .as_array()
        .expect("a form has blocks")
        .iter()
        .filter_map(|b| b["element"]["type"].as_str())
        .collect();
    assert!(names.contains(&"static_select"), "choices are offered: {form}");
    let shown = form.to_string();
    for choice in ["staging", "production", "v1.2.3", "v1.2.1"] {
        assert!(shown.contains(choice), "{choice} is no choice: {form}");
    }
    let values = [("environment", "staging"), ("version", "v1.2.3")];
    let sent = world.slack.submit("ada", &view, &values).await.expect("the form is open");
    assert!(sent.acknowledged(), "{sent:?}");
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    // What was said already is not asked again.
    bot.slash("ada", "/rollback", "").await;
    let (view, _) = bot.modal("ada").await;
    let seen = bot.private_count("ada");
    world.slack.submit("ada", &view, &[("environment", "staging")]).await.expect("the form is open");
    bot.next_private("ada", seen, "There is no earlier good version").await;
    assert_eq!(world.slack.lost(), Vec::<String>::new());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_words_open_a_form_that_works_by_http() {
    missing_words_open_a_form(Transport::Http).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_words_open_a_form_that_works_by_socket_mode() {
    missing_words_open_a_form(Transport::Socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_slack_does_not_open_is_said_in_words() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let refuse = shipgate_world::Fault::Refuse { status: 200, error: "expired_trigger_id".into() };
    world.slack.faults().next("views.open", 9, refuse);
    bot.ask("ada", "/deploy", "production", "also needs: version").await;
    assert_eq!(world.slack.views().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typo_gets_the_nearest_name() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let typos = [
        ("/deploy", "prodution v1.2.3", "Did you mean production?"),
        ("/deploy", "apu to production v1.2.3", "Did you mean api?"),
        ("/shipgate", "stauts", "Did you mean status?"),
        ("/deploy", "production v1.2.3 --emergancy now", "Did you mean --emergency?"),
        ("/deploy", "help rolback", "Did you mean rollback?"),
    ];
    for (command, text, expected) in typos {
        bot.ask("ada", command, text, expected).await;
    }
    assert!(bot.card(STAGING).is_none() && world.github.calls().iter().all(|c| c.method == "GET"));
    bot.end(&world).await;
}
