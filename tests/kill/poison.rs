//! Work that makes the program panic: put away after three tries, told, and nothing else stands still. The program with
//! kill points panics where a test wants it. Not here: kills (`killer`).

use crate::harness::Bot;
use crate::program::with_points;
use crate::read;
use crate::setup::{Transport, world};

async fn poisoned(point: &str) -> (shipgate_world::World, Bot) {
    let world = world().await;
    let mut bot = Bot::prepared(&world, Transport::Http, |_| {});
    bot.use_program(with_points());
    bot.arm("SHIPGATE_PANIC_AT", &format!("{point}:3"));
    bot.run().await;
    (world, bot)
}

/// The command breaks the program at this point; the person hears of it, the next command works.
async fn a_command_breaks_at(point: &str) {
    let (world, mut bot) = poisoned(point).await;
    let said = bot.ask("ada", "/deploy", "staging v1.2.2", "could not carry it out").await;
    assert!(said.contains("inbox-1"), "{said}");
    let told = bot.announced(&["A command of", "was put away after three tries"]).await;
    assert!(read::message(&told).contains("inbox-1"), "{}", read::message(&told));
    // The same words once more, and they work.
    bot.deploy("ada", "staging", "v1.2.2").await;
    assert_eq!(world.github.dispatches().len(), 1);
    let (_, figures) = bot.get("/metrics").await;
    assert!(figures.contains("shipgate_put_away_total{what=\"command\"} 1"), "{figures}");
    let export = bot.output(&["audit", "export"]);
    assert!(String::from_utf8_lossy(&export.stdout).contains("command_put_away"));
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_breaks_before_it_is_understood_is_put_away() {
    a_command_breaks_at("inbox/slash/taken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_breaks_when_it_is_understood_is_put_away() {
    a_command_breaks_at("inbox/slash/understood").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_breaks_inside_the_database_is_put_away() {
    a_command_breaks_at("write/requested").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_that_breaks_the_program_is_put_away_and_can_be_repeated() {
    const PRODUCTION: &str = "api v1.2.3 → production";
    let (world, mut bot) = poisoned("inbox/press/taken").await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let button = bot.button(PRODUCTION, "Approve").await;
    bot.press_and_read("grace", &button, "could not carry it out").await;
    bot.press("grace", &button).await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

/// An effect of the first deploy breaks the program at this point; the second deploy does not notice.
async fn an_effect_breaks_at(effect: &str, could_not: &str) {
    let (world, mut bot) = poisoned(&format!("effect/{effect}/leased")).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let told = bot.announced(&["tried three times and could not", could_not]).await;
    assert!(read::message(&told).contains("effect-"), "{}", read::message(&told));
    let export = bot.output(&["audit", "export"]);
    assert!(String::from_utf8_lossy(&export.stdout).contains("effect_put_away"));
    // Others go on; and what was put away is tried anew at the next start.
    bot.ask("grace", "/shipgate", "status", "What runs where").await;
    bot.disarm();
    bot.crash().await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judgement_that_breaks_the_program_is_put_away() {
    an_effect_breaks_at("judge", "judge the rules of").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_breaks_the_program_is_put_away() {
    an_effect_breaks_at("send", "start").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn following_that_breaks_the_program_is_put_away() {
    an_effect_breaks_at("follow", "follow the run of").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_breaks_the_program_is_put_away() {
    an_effect_breaks_at("card", "bring up to date the card of").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_the_program_is_put_away() {
    an_effect_breaks_at("reply", "answer somebody").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_that_break_the_program_are_put_away() {
    an_effect_breaks_at("remind", "look for reminders").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_breaks_the_way_in_is_not_acknowledged_and_hurts_no_other() {
    let (world, mut bot) = poisoned("ack/command/unstored").await;
    for _ in 0..3 {
        let delivery = world.slack.slash("ada", "deployments", "/deploy", "staging v1.2.2").await.unwrap();
        assert!(!delivery.acknowledged(), "{delivery:?}");
    }
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.end(&world).await;
}
