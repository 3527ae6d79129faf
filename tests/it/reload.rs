//! Settings that change while the bot works: applied whole or refused whole, told once. Not here: every kind of change
//! (`src/reload/tests.rs`), replicas with other rules (`tests/replicas`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use serde_json::Value;
use shipgate_world::faults::Fault;
use std::process::Command;

const PRODUCTION: &str = "api v1.2.3 → production";
const STAGING: &str = "api v1.2.3 → staging";
const APPLIED: &str = "The settings changed. The new ones are in force.";
const REFUSED: &str = "The changed settings are refused";
const MENDED: &str = "The settings file is in order again";

fn hang_up(bot: &Bot) {
    let told = Command::new("kill").args(["-HUP", &bot.pid().to_string()]).status();
    assert!(told.expect("kill runs").success());
}

/// What `/readyz` says about the rules.
async fn rules(bot: &Bot) -> Value {
    let (status, body) = bot.get("/readyz").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Value>(&body).expect("JSON")["rules"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn stricter_rules_hold_for_what_waits_and_what_runs_goes_on() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 2, from = [\"release-managers\"] }".into();
    })
    .await;
    let before = rules(&bot).await;
    bot.slash("linus", "/deploy", "staging v1.2.2").await;
    let running = bot.run_of_dispatch(0).await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.click("grace", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["so far grace"]).await;
    let old = bot.button(PRODUCTION, "Approve").await;

    bot.rewrite(|text| text.replace("release-managers = [\"grace\", ", "release-managers = [\"linus\", "));
    hang_up(&bot);
    bot.announced(&[APPLIED, "groups.release-managers changed"]).await;
    let card = bot.card_says(PRODUCTION, &["needs 2 approvals"]).await;
    bot.thread_says(&card, "The rules changed. Approvals so far no longer count").await;
    // A yes to the old rules, and the yes of somebody who may no longer.
    bot.press_and_read("max", &old, "The card changed before you pressed").await;
    let button = bot.button(PRODUCTION, "Approve").await;
    bot.press_and_read("grace", &button, "release-managers").await;
    assert_eq!(world.github.dispatches().len(), 1);
    // The run of before is followed to its end.
    bot.finish(running).await;
    bot.announced(&["staging now runs api v1.2.2"]).await;
    bot.click("max", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["so far slack:U0MAX"]).await;
    bot.click("linus", PRODUCTION, "Approve").await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;

    let after = rules(&bot).await;
    assert!(before["version"] != after["version"] && before["since"] != after["since"], "{before} {after}");
    let (_, figures) = bot.get("/metrics").await;
    for line in [
        "shipgate_reloads_total{outcome=\"applied\"} 1".to_owned(),
        format!("shipgate_rules_info{{version={}}} 1", after["version"]),
        format!("shipgate_rules_info{{version={}}} 0", before["version"]),
    ] {
        assert!(figures.contains(&line), "{line} is missing:\n{figures}");
    }
    assert_eq!(bot.announcements(&[APPLIED]).len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_judged_while_the_rules_change_does_not_start_by_the_old_ones() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    // The gates of this deploy are all open; only an answer of GitHub is still missing.
    world.github.faults().next("GET /repos/acme/api/commits", 1, Fault::Slow { ms: 8_000 });
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.until("GitHub is asked", |bot| {
        let calls = world.github.calls();
        let _ = &bot;
        calls.iter().any(|call| call.path.contains("/commits")).then_some(())
    })
    .await;
    bot.rewrite(|text| {
        let rule = "deployers = [\"deployers\"]\napprovals = { needed = 1, from = [\"release-managers\"], own = false }";
        text.replacen("deployers = [\"deployers\"]", rule, 1)
    });
    hang_up(&bot);
    bot.announced(&[APPLIED, "environments.staging.approvals was added"]).await;
    bot.card_says(STAGING, &["needs 1 approval"]).await;
    assert_eq!(bot.dispatches_sent(), 0, "{}", bot.picture());
    bot.click("grace", STAGING, "Approve").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_settings_are_refused_and_told_once_and_so_is_that_they_are_mended() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Socket, |_| {}).await;
    let before = rules(&bot).await;
    // Nobody sends a signal: the file is looked at by itself. Half of it would have been good.
    bot.rewrite(|text| {
        text.replace(
            "[environments.staging]\n",
            "[environments.staging]\ncolour = \"red\"\nchecks = \"none\"\n",
        )
    });
    bot.announced(&[REFUSED, "shipgate.toml:", "colour"]).await;
    let refused = rules(&bot).await;
    assert_eq!(refused["version"], before["version"]);
    assert!(refused["refused"].as_str().is_some_and(|why| why.contains("colour")), "{refused}");
    for again in 2..4 {
        hang_up(&bot);
        let line = format!("shipgate_reloads_total{{outcome=\"refused\"}} {again}");
        while !bot.get("/metrics").await.1.contains(&line) {
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
    }
    // The old rules are in force: checks are still asked for.
    bot.deploy("ada", "staging", "v1.2.3").await;
    assert_eq!(bot.announcements(&[REFUSED]).len(), 1, "{}", bot.picture());
    // What is read at the start only is refused too, all of it, and the key is named.
    bot.rewrite(|text| {
        text.replace("colour = \"red\"\nchecks = \"none\"\n", "checks = \"none\"\n")
            .replace("\"T0123\"", "\"T0124\"")
    });
    bot.announced(&[REFUSED, "slack.team changed", "Restart Shipgate"]).await;
    bot.rewrite(|text| text.replace("\"T0124\"", "\"T0123\"").replace("checks = \"none\"\n", ""));
    bot.announced(&[MENDED]).await;
    assert!(bot.announcements(&[APPLIED]).is_empty(), "{}", bot.picture());
    assert_eq!(rules(&bot).await, before);
    // And what is changed for good after that is applied.
    bot.rewrite(|text| {
        text.replace("[environments.staging]\n", "[environments.staging]\nchecks = \"none\"\n")
    });
    bot.announced(&[APPLIED, "environments.staging.checks was added"]).await;
    bot.deploy("ada", "staging", "v1.2.2 --older \"to try\"").await;
    assert_eq!(bot.announcements(&[REFUSED]).len(), 2);
    assert_eq!(bot.announcements(&[MENDED]).len(), 1);
    bot.end(&world).await;
}
