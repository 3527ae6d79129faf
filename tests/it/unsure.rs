//! Answers, webhooks and messages that get lost, and that nothing happens twice for it. Not here: long outages.

use crate::harness::Bot;
use crate::setup::{Transport, world};
use shipgate_world::Fault;
use shipgate_world::github::HookMode;

const STAGING: &str = "api v1.2.3 → staging";

/// A start whose answer suffers: one run is made, found by its name, followed, announced; nothing is sent again.
async fn dispatched_once_although(fault: Fault, hooks: HookMode) {
    let world = world().await;
    world.github.faults().next("/dispatches", 1, fault);
    world.github.set_hook_mode(hooks);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    let card = bot.card_says(STAGING, &["Follow the run"]).await;
    bot.thread_says(&card, &format!("It is run [{run}]")).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!((bot.dispatches_sent(), world.github.dispatches().len()), (1, 1));
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_whose_answer_is_lost_is_found_and_never_resent() {
    dispatched_once_although(Fault::DropAfter, HookMode::Deliver).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_whose_answer_and_webhooks_are_lost_is_found_by_its_name() {
    dispatched_once_although(Fault::DropAfter, HookMode::Lose).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_502_after_the_dispatch_was_accepted_is_reconciled() {
    dispatched_once_although(Fault::ErrorAfter { status: 502 }, HookMode::Lose).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_html_instead_of_an_answer_is_not_believed() {
    let world = world().await;
    // Nothing was accepted, but nobody can know: it is looked for, and people are asked in the end.
    world.github.faults().next("/dispatches", 1, Fault::Html);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["no usable answer came", "nothing is sent again"]).await;
    bot.crash().await;
    bot.card_says(STAGING, &["Looking for the run; nothing is sent again"]).await;
    // Somebody starts it by hand with the same id: it is found.
    let run = bot.start_by_hand(STAGING).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!(bot.dispatches_sent(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_github_that_names_no_run_is_asked_for_it() {
    let world = world().await;
    world.github.set_legacy(true);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.card_says(STAGING, &["Follow the run"]).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_list_shows_late_is_still_found() {
    let world = world().await;
    world.github.faults().next("/dispatches", 1, Fault::DropAfter);
    world.github.set_hook_mode(HookMode::Lose);
    world.github.set_list_lag(2);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

async fn finishes_with_webhooks(mode: HookMode) {
    let world = world().await;
    world.github.set_hook_mode(mode);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.ask("ada", "/deploy", "status", "What runs where").await;
    assert_eq!(bot.announcements(&["staging now runs api v1.2.3"]).len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_webhooks_only_cost_time() {
    finishes_with_webhooks(HookMode::Lose).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_webhooks_announce_nothing_twice() {
    finishes_with_webhooks(HookMode::Duplicate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_webhooks_are_refused_and_change_nothing() {
    let world = world().await;
    world.github.set_hook_mode(HookMode::Forge);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    let deliveries = world.github.deliveries();
    assert!(!deliveries.is_empty());
    assert!(deliveries.iter().all(|d| d.status == Some(401)), "{deliveries:?}");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_in_the_wrong_order_do_not_turn_the_card_back() {
    let world = world().await;
    world.github.set_hook_mode(HookMode::Hold);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.card_says(STAGING, &["Succeeded"]).await;
    world.github.release_hooks().await;
    bot.ask("ada", "/deploy", "status", "What runs where").await;
    bot.card_says(STAGING, &["Succeeded"]).await;
    assert_eq!(bot.announcements(&["staging now runs api v1.2.3"]).len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_somebody_deleted_is_posted_again() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    let card = bot.card_says(STAGING, &["Follow the run"]).await;
    world.slack.delete_message(&card.channel, &card.ts);
    bot.finish(run).await;
    let again = bot.card_says(STAGING, &["Succeeded"]).await;
    assert_ne!(again.ts, card.ts);
    bot.announced(&["staging now runs api v1.2.3"]).await;
    let cards = bot.cards(STAGING);
    assert_eq!(cards, 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_whose_answer_was_lost_is_not_posted_twice() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    world.slack.faults().next("chat.postMessage", 1, Fault::DropAfter);
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.card_says(STAGING, &["Follow the run"]).await;
    world.slack.faults().next("chat.postMessage", 1, Fault::ErrorAfter { status: 503 });
    bot.finish(run).await;
    bot.card_says(STAGING, &["Succeeded"]).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.ask("ada", "/deploy", "status", "What runs where").await;
    let cards = bot.cards(STAGING);
    assert_eq!(cards, 1, "{}", bot.picture());
    assert_eq!(bot.announcements(&["staging now runs api v1.2.3"]).len(), 1, "{}", bot.picture());
    bot.end(&world).await;
}
