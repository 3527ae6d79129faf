//! Runs that fail, and what people do then: re-run, roll back, close. Not here: outages of the systems around.

use crate::harness::Bot;
use crate::read;
use crate::setup::{REPO, Transport, WORKFLOW, world};
use shipgate_world::World;
use shipgate_world::github::Plan;

const PRODUCTION: &str = "api v1.2.3 → production";

/// v1.2.2 runs on production, v1.2.3 has just failed there.
async fn failed_on_production(world: &World, bot: &mut Bot) {
    bot.release("v1.2.2").await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    let log = ["migrating", "connection refused: db.internal:5432"];
    world.github.plan(REPO, WORKFLOW, Plan::failing("deploy", "Roll out", &log));
    // All runs after it.
    world.github.plan(REPO, WORKFLOW, Plan::default());
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.click("grace", PRODUCTION, "Approve").await;
    let run = bot.run_of_dispatch(3).await;
    bot.finish(run).await;
    bot.card_says(PRODUCTION, &["Failed after"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_shows_its_last_lines_and_what_to_do() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    failed_on_production(&world, &mut bot).await;
    let card = bot.card_says(PRODUCTION, &["connection refused: db.internal:5432", "Roll out"]).await;
    let said = read::message(&card);
    for label in ["[Re-run failed jobs]", "[Roll back]", "[Close]"] {
        assert!(said.contains(label), "{label}\n{said}");
    }
    let result = bot.announced(&["production failed to get api v1.2.3", "Next:"]).await;
    assert!(read::message(&result).contains("/rollback production"));
    bot.ask("ada", "/shipgate", "logs", "connection refused: db.internal:5432").await;
    let status = bot.ask("ada", "/shipgate", "status production", "last try failed: v1.2.3").await;
    assert!(status.contains("api on production: v1.2.2"), "{status}");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_failed_jobs_can_be_run_again_behind_the_same_gates() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    failed_on_production(&world, &mut bot).await;
    let button = bot.button(PRODUCTION, "Re-run failed jobs").await;
    bot.press_and_read("ada", &button, "Asked: Re-run api v1.2.3 → production").await;
    bot.click("grace", "Re-run api v1.2.3 → production", "Approve").await;
    let run = world.github.dispatches()[3].run;
    bot.until("the run goes into its second attempt", |_| {
        world.github.run(run).filter(|run| run.attempt == 2)
    })
    .await;
    bot.finish(run).await;
    bot.card_says("Re-run api v1.2.3 → production", &["Succeeded"]).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 4, "the same run, not a new one");
    assert_eq!(world.github.run(run).unwrap().attempt, 2);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rerun_works_as_a_word_too() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    failed_on_production(&world, &mut bot).await;
    bot.ask("ada", "/shipgate", "rerun", "Asked: Re-run api v1.2.3 → production").await;
    bot.card_says("Re-run api v1.2.3 → production", &["Waiting for approval"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roll_back_button_puts_the_last_good_version_back() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    failed_on_production(&world, &mut bot).await;
    let button = bot.button(PRODUCTION, "Roll back").await;
    bot.press_and_read("ada", &button, "Asked: Rollback api v1.2.2 → production").await;
    // A rollback needs no approval here.
    let run = bot.run_of_dispatch(4).await;
    let (back, first) = (&world.github.dispatches()[4].inputs, &world.github.dispatches()[1].inputs);
    assert_eq!((&back["sha"], back["version"].as_str()), (&first["sha"], "v1.2.2"));
    bot.finish(run).await;
    bot.announced(&["production rolled back to api v1.2.2"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn close_puts_a_failure_away() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    failed_on_production(&world, &mut bot).await;
    let button = bot.button(PRODUCTION, "Close").await;
    bot.press_and_read("eve", &button, "You may not").await;
    bot.press_and_read("ada", &button, "The failure of api v1.2.3 is closed").await;
    let card = bot.card_says(PRODUCTION, &["Closed by ada"]).await;
    assert!(!read::message(&card).contains("[Roll back]"));
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_goes_to_the_last_good_version_or_to_a_named_one() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 1, from = [\"release-managers\"] }\n\
                            rollback = { needed = 0 }"
            .into();
    })
    .await;
    for (n, version) in ["v1.2.1", "v1.2.2", "v1.2.3"].into_iter().enumerate() {
        bot.slash("ada", "/deploy", &format!("production {version}")).await;
        bot.click("grace", &format!("api {version} → production"), "Approve").await;
        let run = bot.run_of_dispatch(n).await;
        bot.finish(run).await;
        bot.announced(&[&format!("production now runs api {version}")]).await;
    }
    bot.ask("ada", "/rollback", "production", "Asked: Rollback api v1.2.2 → production").await;
    let run = bot.run_of_dispatch(3).await;
    bot.finish(run).await;
    bot.announced(&["production rolled back to api v1.2.2"]).await;
    bot.ask("ada", "/rollback", "production v1.2.1 because checkout fails", "Asked: Rollback api v1.2.1")
        .await;
    let run = bot.run_of_dispatch(4).await;
    bot.finish(run).await;
    bot.announced(&["production rolled back to api v1.2.1"]).await;
    let shas: Vec<String> = world.github.dispatches().iter().map(|d| d.inputs["sha"].clone()).collect();
    assert_eq!((&shas[3], &shas[4]), (&shas[1], &shas[0]));
    // Something that never ran there is not a rollback.
    bot.slash("ada", "/rollback", "production v9.9.9").await;
    bot.card_says("Rollback api v9.9.9 → production", &["Refused", "version"]).await;
    assert_eq!(world.github.dispatches().len(), 5);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_without_an_earlier_version_says_so() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.ask("ada", "/rollback", "production", "There is no earlier good version of api on production").await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}
