//! Whose yes counts, for what, and until when: several groups, taken back, given in somebody's place, for an emergency.
//! Not here: the table of the gate (`domain::gates`), clicks on one card (`decisions`).

use crate::harness::Bot;
use crate::read;
use crate::setup::{REPO, Transport, WORKFLOW, world};
use shipgate_world::github::Plan;

const PRODUCTION: &str = "api v1.2.3 → production";
const STAGING: &str = "api v1.2.3 → staging";

/// One approval on production, and no order.
fn one_approval() -> String {
    "approvals = { needed = 1, from = [\"release-managers\"] }".into()
}

/// F1: two requests wait in one channel, and the yes to one of them is no yes to the other.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_deploys_that_wait_at_once_a_yes_starts_the_one_whose_button_was_pressed() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Socket, |setup| {
        setup.production = one_approval();
        setup.staging = one_approval();
    })
    .await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.slash("linus", "/deploy", "production v1.2.3").await;
    bot.card_says(STAGING, &["Waiting for approval"]).await;
    bot.click("grace", PRODUCTION, "Approve").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    let other = bot.card_says(STAGING, &["Waiting for approval", "needs 1 approval"]).await;
    assert!(!read::message(&other).contains("approved by"));
    assert_eq!(world.github.dispatches().len(), 1);
    bot.click("grace", STAGING, "Approve").await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

/// F2: a re-run has an id and a digest of its own, so the earlier yes is not found again.
#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_asks_for_approval_anew() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.production = one_approval()).await;
    world.github.plan(REPO, WORKFLOW, Plan::failing("deploy", "Copy files", &["disk full"]));
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let approve = bot.button(PRODUCTION, "Approve").await;
    bot.press("grace", &approve).await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["production failed to get api v1.2.3"]).await;
    bot.click("ada", PRODUCTION, "Re-run failed jobs").await;
    bot.card_says("Re-run api v1.2.3 → production", &["Waiting for approval", "needs 1 approval"]).await;
    // The button of the first card is no button of the second.
    bot.press_and_read("grace", &approve, "Nothing happened").await;
    bot.card_says("Re-run api v1.2.3 → production", &["needs 1 approval"]).await;
    bot.end(&world).await;
}

/// F15: what was asked for earlier does not overwrite what went live meanwhile, approved or not.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_request_that_is_approved_after_a_newer_deploy_starts_nothing() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.production = one_approval()).await;
    let old = "api v1.2.2 → production";
    bot.slash("ada", "/deploy", "production v1.2.1").await;
    bot.click("grace", "api v1.2.1 → production", "Approve").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.1"]).await;
    bot.slash("ada", "/deploy", "production v1.2.2").await;
    bot.card_says(old, &["Waiting for approval"]).await;
    bot.slash("linus", "/deploy", "production v1.2.3").await;
    bot.click("grace", PRODUCTION, "Approve").await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    let seen = bot.private_count("grace");
    bot.slash("grace", "/approve", "").await;
    bot.next_private("grace", seen, "").await;
    bot.card_says(old, &["Refused", "v1.2.3 went live meanwhile"]).await;
    assert_eq!(world.github.dispatches().len(), 2);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_can_be_taken_back_with_a_word_and_given_again_with_a_comment() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 2, from = [\"release-managers\"] }".into();
    })
    .await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.click("grace", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["needs 1 approval", "so far grace"]).await;
    bot.ask("max", "/withdraw", "", "You have no approval of api v1.2.3").await;
    bot.ask("grace", "/withdraw", "", "You took your approval of api v1.2.3 back").await;
    let card = bot.card_says(PRODUCTION, &["needs 2 approvals"]).await;
    bot.thread_says(&card, "grace took their approval back").await;
    bot.click("max", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["needs 1 approval"]).await;
    assert_eq!(world.github.dispatches().len(), 0, "a yes that was taken back does not count");
    bot.ask("grace", "/approve", "\"the migration is fine\"", "You approved api v1.2.3").await;
    bot.thread_says(&card, "the migration is fine").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_group_gives_its_own_number_and_the_card_says_what_is_missing() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production =
            "approvals = { needed = 1, from = [\"release-managers\"], also = [{ needed = 1, from = \
                            [\"deployers\"] }] }"
                .into();
    })
    .await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says(PRODUCTION, &["1 approval from release-managers, 1 approval from deployers"]).await;
    // Grace is in both groups, and one person.
    bot.click("grace", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["so far grace", "Waiting for approval"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    let who = bot.ask("ada", "/who-can", "approve production", "Who may approve deploys on production").await;
    assert!(who.contains("1 approval from release-managers and 1 approval from deployers"), "{who}");
    bot.click("linus", PRODUCTION, "Approve").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3", "grace", "linus"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_somebody_is_away_another_approves_for_them_and_everybody_reads_it() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.production = one_approval()).await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says(PRODUCTION, &["Waiting for approval"]).await;
    bot.ask("linus", "/approve", "", "You may not approve").await;
    bot.ask("linus", "/deploy", "away until tomorrow 18:00 --delegate ada", "You may not").await;
    bot.ask("grace", "/deploy", "away until tomorrow 18:00 --delegate grace", "cannot stand in for yourself")
        .await;
    bot.ask("grace", "/deploy", "away until tomorrow 18:00 --delegate linus", "grace is away until").await;
    bot.announced(&["grace is away until", "approves for them"]).await;
    // Killed and started again: who is away is in the database.
    bot.crash().await;
    let who = bot.ask("ada", "/who-can", "production", "linus approves for grace").await;
    assert!(who.contains("Who may do what on production"), "{who}");
    bot.click("linus", PRODUCTION, "Approve").await;
    let run = bot.run_of_dispatch(0).await;
    bot.card_says(PRODUCTION, &["approved by linus for grace"]).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    bot.ask("grace", "/deploy", "away end", "grace is back").await;
    bot.ask("grace", "/deploy", "away end", "You are not away").await;
    bot.slash("ada", "/deploy", "production v1.2.2 --older \"to have another one\"").await;
    bot.card_says("api v1.2.2 → production", &["Waiting for approval"]).await;
    bot.ask("linus", "/approve", "", "You may not approve").await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_their_own_code_where_authors_are_excluded() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        // All three of the changes are by ada; the second request is by linus.
        setup.production = "approvals = { needed = 0, from = [] }".into();
        setup.staging = "approvals = { needed = 1, from = [\"deployers\"], authors = false }".into();
    })
    .await;
    bot.slash("linus", "/deploy", "staging v1.2.1").await;
    bot.card_says("api v1.2.1 → staging", &["Refused: approvals", "no list of changes"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_told_in_the_channel_of_alerts_and_a_later_freeze_needs_a_new_yes() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.announce = "channel = \"#deployments\"\nalerts = \"#general\"".into();
        setup.staging = "overrides = { needed = 1, from = [\"release-managers\"] }\n\
                         approvals = { needed = 1, from = [\"deployers\"] }"
            .into();
    })
    .await;
    let alerts = |part: &'static str| {
        let slack = world.slack.clone();
        move |_: &mut Bot| slack.messages("general").iter().map(read::message).find(|m| m.contains(part))
    };
    let card = "EMERGENCY api v1.2.3 → staging";
    bot.ask("grace", "/freeze", "add Audit staging for 2h", "added the freeze Audit").await;
    bot.slash("ada", "/deploy", "staging v1.2.3 --emergency \"checkout is down\"").await;
    bot.card_says(card, &["Audit: an emergency needs 1 yes from release-managers"]).await;
    let asked = bot.until("the alert that asks", alerts("is to pass as an emergency")).await;
    assert!(asked.contains("the freeze Audit") && asked.contains("checkout is down"), "{asked}");
    bot.click("max", card, "Approve").await;
    bot.card_says(card, &["passed as an emergency by"]).await;
    bot.until("the alert that tells of it", alerts("may pass as an emergency")).await;
    bot.ask("grace", "/freeze", "add Incident staging for 2h", "added the freeze Incident").await;
    bot.card_says(card, &["Incident", "an emergency needs 1 yes from release-managers"]).await;
    // A deployer's yes is not missing then; the freeze that max did not see is.
    bot.click("linus", card, "Approve").await;
    bot.card_says(card, &["approved by", "an emergency needs 1 yes from release-managers"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.click("max", card, "Approve").await;
    let run = bot.run_of_dispatch(0).await;
    bot.until("the alert of the start", alerts("starts as an emergency")).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    let short = bot.card(card).map(|card| read::message(&card)).unwrap_or_default();
    let short =
        short.rsplit(" · digest").nth(1).and_then(|text| text.split_whitespace().last()).unwrap_or_default();
    let note = format!("{} https://wiki.example/42", short.trim_matches('`'));
    bot.ask("ada", "/incident", &note, "noted about the emergency").await;
    bot.end(&world).await;
}
