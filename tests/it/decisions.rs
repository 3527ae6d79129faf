//! What people decide: order, reject, hold, cancel, clicks that come too late. Not here: the story without turns.

use crate::harness::Bot;
use crate::read;
use crate::setup::{Transport, world};

const PRODUCTION: &str = "api v1.2.3 → production";
const STAGING: &str = "api v1.2.3 → staging";

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_order_offers_the_deploy_to_staging() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let card = bot.card_says(PRODUCTION, &["Refused: order", "has not succeeded on staging"]).await;
    assert!(read::message(&card).contains("Nothing was started"));
    let button = bot.button(PRODUCTION, "Deploy to staging").await;
    bot.press_and_read("ada", &button, "Asked: Deploy api v1.2.3 → staging").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    // The button is used up, and a refusal is not announced as a result.
    assert_eq!(bot.announcements(&["production"]).len(), 0);
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says(PRODUCTION, &["Waiting for approval"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_button_that_is_pressed_twice_asks_once() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let button = bot.button(PRODUCTION, "Deploy to staging").await;
    bot.press_twice("ada", &button).await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.ask("ada", "/deploy", "status", "What runs where").await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

async fn waiting_for_approval(bot: &mut Bot) {
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says(PRODUCTION, &["Waiting for approval"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_asks_for_a_reason_that_everybody_reads() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    waiting_for_approval(&mut bot).await;
    bot.click("grace", PRODUCTION, "Reject").await;
    let (view, form) = bot.modal("grace").await;
    assert_eq!(form["title"]["text"], "Reject a deploy");
    // A space is no reason.
    let refused = world.slack.submit("grace", &view, &[("reason", " ")]).await.unwrap();
    assert_eq!(refused.json()["response_action"], "errors", "{refused:?}");
    bot.card_says(PRODUCTION, &["Waiting for approval"]).await;
    let sent = world.slack.submit("grace", &view, &[("reason", "not before the audit")]).await.unwrap();
    assert!(sent.acknowledged(), "{sent:?}");
    let card = bot.card_says(PRODUCTION, &["Rejected by grace: not before the audit"]).await;
    bot.thread_says(&card, "grace rejected it: not before the audit").await;
    assert!(!read::message(&card).contains("[Approve]"));
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_may_not_reject_is_told_so_and_gets_no_form() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Socket, |_| {}).await;
    waiting_for_approval(&mut bot).await;
    let seen = bot.private_count("eve");
    bot.click("eve", PRODUCTION, "Reject").await;
    bot.next_private("eve", seen, "You may not reject").await;
    bot.card_says(PRODUCTION, &["Waiting for approval"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_an_approved_deploy_until_it_is_resumed() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    waiting_for_approval(&mut bot).await;
    bot.click("ada", PRODUCTION, "Hold").await;
    bot.card_says(PRODUCTION, &["held by ada", "[Resume]"]).await;
    bot.click("grace", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["approved by grace", "On hold"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.click("ada", PRODUCTION, "Resume").await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3", "Approved by"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approve_hold_resume_and_cancel_work_as_words_too() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    waiting_for_approval(&mut bot).await;
    bot.ask("ada", "/shipgate", "hold waiting for the database team", "api v1.2.3 is on hold").await;
    bot.card_says(PRODUCTION, &["held by ada: waiting for the database team"]).await;
    bot.ask("ada", "/shipgate", "approve", "You may not approve").await;
    bot.ask("grace", "/shipgate", "approve", "You approved api v1.2.3").await;
    bot.ask("grace", "/shipgate", "approve", "You approved api v1.2.3 already").await;
    bot.card_says(PRODUCTION, &["approved by grace"]).await;
    bot.ask("ada", "/shipgate", "cancel because of the wrong tag", "api v1.2.3 is cancelled").await;
    bot.card_says(PRODUCTION, &["Cancelled by ada", "the wrong tag"]).await;
    bot.ask("ada", "/shipgate", "resume", "There is no deploy to resume now").await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_in_words_needs_no_form() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    waiting_for_approval(&mut bot).await;
    bot.ask("grace", "/shipgate", "reject because the tests are red", "You rejected api v1.2.3").await;
    bot.card_says(PRODUCTION, &["Rejected by grace: the tests are red"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_before_the_start_starts_nothing() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    waiting_for_approval(&mut bot).await;
    let approve = bot.button(PRODUCTION, "Approve").await;
    let cancel = bot.button(PRODUCTION, "Cancel").await;
    bot.press_and_read("ada", &cancel, "is cancelled. Nothing was started").await;
    let card = bot.card_says(PRODUCTION, &["Cancelled by ada"]).await;
    assert!(!read::message(&card).contains("[Approve]"));
    // The card as grace still sees it.
    let late = bot.press_and_read("grace", &approve, "The card changed before you pressed").await;
    assert!(late.contains("Nothing happened"), "{late}");
    bot.ask("ada", "/deploy", "status", "What runs where").await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_while_it_runs_stops_the_run_and_says_so() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.advance(run).await;
    bot.advance(run).await;
    bot.card_says(STAGING, &["Running"]).await;
    bot.click("ada", STAGING, "Cancel").await;
    bot.until("GitHub was asked to stop the run", |_| {
        world.github.calls().iter().any(|c| c.method == "POST" && c.path.ends_with("/cancel")).then_some(())
    })
    .await;
    bot.card_says(STAGING, &["Stopping, asked for by ada"]).await;
    let ended = world.github.finish(run).await.unwrap();
    assert_eq!(ended.conclusion.as_deref(), Some("cancelled"));
    bot.card_says(STAGING, &["Cancelled by ada"]).await;
    bot.announced(&["staging may or may not run api v1.2.3", "Stopped by ada. Nobody knows how far"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_comes_too_late_does_not_hide_the_success() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let stubborn = shipgate_world::github::Plan { ignores_cancel: true, ..Default::default() };
    world.github.plan(crate::setup::REPO, crate::setup::WORKFLOW, stubborn);
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.advance(run).await;
    bot.card_says(STAGING, &["Running"]).await;
    bot.click("ada", STAGING, "Cancel").await;
    bot.card_says(STAGING, &["Stopping, asked for by ada"]).await;
    bot.finish(run).await;
    bot.card_says(STAGING, &["Succeeded"]).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_nobody_approves_expires_and_late_clicks_change_nothing() {
    let world = world().await;
    // The shortest time the settings allow; staging is done before.
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production =
            "approvals = { needed = 1, from = [\"release-managers\"], expires = \"1m\" }".into();
    })
    .await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let approve = bot.button(PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["Given up: its gates did not open in time"]).await;
    let late = bot.press_and_read("grace", &approve, "The card changed before you pressed").await;
    assert!(late.contains("expired"), "{late}");
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_deploy_waits_in_line_for_the_first() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.2").await;
    let first = bot.run_of_dispatch(0).await;
    bot.slash("linus", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["Waiting for its turn", "after v1.2.2 of ada"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.finish(first).await;
    let second = bot.run_of_dispatch(1).await;
    bot.finish(second).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_that_begins_after_the_request_is_seen_at_the_approval() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    waiting_for_approval(&mut bot).await;
    bot.ask("grace", "/freeze", "add \"Incident 42\" production for 2h", "added the freeze").await;
    bot.card_says(PRODUCTION, &["Waiting for freeze, approvals", "Incident 42"]).await;
    bot.click("grace", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["Waiting for freeze", "approved by grace"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.ask("grace", "/freeze", "end Incident 42", "ended the freeze").await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buttons_can_live_in_a_channel_of_their_own() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.announce = "channel = \"#general\"\napprovals = \"#deployments\"".into();
        setup.production = "approvals = { needed = 1, from = [\"release-managers\"] }".into();
    })
    .await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.click("grace", PRODUCTION, "Approve").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.card_says(PRODUCTION, &["Succeeded"]).await;
    let general = bot
        .until("card and result stand in #general", |_| {
            let messages = world.slack.messages("general");
            let said: Vec<String> = messages.iter().map(read::message).collect();
            let is_done = said.iter().any(|m| m.contains("production now runs api v1.2.3"))
                && said.iter().any(|m| m.contains("Succeeded"));
            is_done.then_some(messages)
        })
        .await;
    for message in general {
        assert!(!read::message(&message).contains("[Cancel]"), "no buttons where all read");
        let buttons = world.slack.buttons(&message.channel, &message.ts);
        assert!(buttons.iter().all(|b| b.element["type"] != "button"), "no buttons where all read");
    }
    assert_eq!(bot.announcements(&["production now runs"]).len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_needed_approvals_are_of_two_people() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 2, from = [\"release-managers\"] }".into();
    })
    .await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.click("grace", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["needs 1 approval", "so far grace"]).await;
    let approve = bot.button(PRODUCTION, "Approve").await;
    bot.press_and_read("grace", &approve, "You approved api v1.2.3 already").await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.press("max", &approve).await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3", "grace", "U0MAX"]).await;
    bot.end(&world).await;
}
