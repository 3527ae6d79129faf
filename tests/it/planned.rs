//! Starts that were planned, and those that wait for the calendar. Not here: what the gates say of them
//! (`domain::gates`), freezes and windows by themselves (`calendar`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use jiff::{SignedDuration, Timestamp};

const STAGING: &str = "api v1.2.3 → staging";
const PRODUCTION: &str = "api v1.2.3 → production";

fn from_now(seconds: i64) -> Timestamp {
    let at = Timestamp::now() + SignedDuration::from_secs(seconds);
    Timestamp::from_second(at.as_second()).expect("a second")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_deploy_collects_its_yes_now_and_starts_at_its_time() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 1, from = [\"release-managers\"], own = false }".into();
    })
    .await;
    let at = from_now(12);
    bot.slash("ada", "/deploy", &format!("production v1.2.3 --at {at}")).await;
    bot.card_says(PRODUCTION, &["Starts", "planned for", "needs 1 approval"]).await;
    bot.click("grace", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["Waiting for its time", "approved by grace"]).await;
    let run = bot.run_of_dispatch(0).await;
    let sent = Timestamp::now();
    assert!(sent >= at, "it was sent {sent}, before {at}");
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3", "grace"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_is_closed_or_over_or_too_far_is_refused_at_once() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let (from, at) = (from_now(3600), from_now(7200));
    bot.ask("grace", "/freeze", &format!("add Sale staging --from {from} --for 3h"), "added the freeze Sale")
        .await;
    bot.slash("ada", "/deploy", &format!("staging v1.2.3 --at {at}")).await;
    bot.card_says(STAGING, &["Refused: freeze", "Sale"]).await;
    let over = from_now(-60);
    bot.ask("ada", "/deploy", &format!("staging v1.2.2 --at {over}"), "is over").await;
    let far = from_now(15 * 24 * 3600);
    bot.ask("ada", "/deploy", &format!("staging v1.2.2 --at {far}"), "too far ahead").await;
    bot.ask("ada", "/deploy", "staging v1.2.2 --at tomorrow --when-open", "only one can be meant").await;
    bot.ask("ada", "/deploy", "staging v1.2.2 --when-open --emergency now", "cannot wait").await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_over_the_planned_time_closes_the_plan_and_its_end_opens_it() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let at = from_now(20);
    bot.slash("ada", "/deploy", &format!("staging v1.2.3 --at {at}")).await;
    bot.card_says(STAGING, &["Waiting for its time"]).await;
    let from = from_now(15);
    bot.ask("grace", "/freeze", &format!("add Sale staging --from {from} --for 3h"), "added the freeze Sale")
        .await;
    bot.card_says(STAGING, &["Waiting for start, freeze", "Sale"]).await;
    bot.ask("grace", "/freeze", "end Sale", "ended the freeze Sale").await;
    let run = bot.run_of_dispatch(0).await;
    assert!(Timestamp::now() >= at);
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_window_starts_when_it_opens() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.ask("grace", "/freeze", "add Sale staging for 3h", "added the freeze Sale").await;
    bot.slash("ada", "/deploy", "staging v1.2.3 --when-open").await;
    bot.card_says(STAGING, &["as soon as its window opens", "Waiting for freeze", "Sale"]).await;
    bot.ask("ada", "/shipgate", "status staging", "starts as soon as its window opens").await;
    bot.ask("grace", "/freeze", "end Sale", "ended the freeze Sale").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_a_machine_is_stopped_when_a_freeze_begins_if_the_environment_says_so() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.staging = "when_frozen = \"cancel_queued\"".into();
    })
    .await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.card_says(STAGING, &["Waiting for a machine"]).await;
    bot.ask("grace", "/freeze", "add Incident staging for 2h", "added the freeze Incident").await;
    let github = world.github.clone();
    let is_stopped =
        move |_: &mut Bot| github.calls().iter().any(|c| c.path.ends_with("/cancel")).then_some(());
    bot.until("the run is stopped", is_stopped).await;
    bot.finish(run).await;
    bot.card_says(STAGING, &["Cancelled by", "Incident began before the run did"]).await;
    bot.announced(&["api v1.2.3", "Stopped by"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_started_is_left_alone_by_a_freeze() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.staging = "when_frozen = \"cancel_queued\"".into();
    })
    .await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.advance(run).await;
    bot.card_says(STAGING, &["Running for"]).await;
    bot.ask("grace", "/freeze", "add Incident staging for 2h", "added the freeze Incident").await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}
