//! Ways in which other deploy bots failed their users (`PEERS.md` names them F…), played on the whole program. Not here:
//! those that a story or a table elsewhere already plays; docs/reliability.md lists which.

use crate::harness::Bot;
use crate::setup::{REPO, Transport, release, world};

const ONE_YES: &str = "approvals = { needed = 1, from = [\"release-managers\"] }\nrollback = { needed = 0 }";

/// F11: whoever is refused because of the version holds nothing, and a lock that somebody set outlives a deploy.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_version_holds_no_place_and_a_deploy_takes_away_no_lock() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v9.9.9").await;
    bot.card_says("api v9.9.9 → staging", &["Refused: version"]).await;
    bot.ask("ada", "/deploy", "lock staging trying something", "locked").await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.slash("linus", "/deploy", "staging v1.2.2 --older \"to compare\"").await;
    bot.card_says("api v1.2.2 → staging", &["Lock", "ada", "trying something"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

/// F16: a request from before a rollback does not bring back what was taken away, and neither does a merge.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_under_way_undoes_a_rollback() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.production = ONE_YES.into()).await;
    for (n, version) in ["v1.2.1", "v1.2.2"].into_iter().enumerate() {
        bot.slash("ada", "/deploy", &format!("production {version}")).await;
        bot.click("grace", &format!("api {version} → production"), "Approve").await;
        let run = bot.run_of_dispatch(n).await;
        bot.finish(run).await;
        bot.announced(&[&format!("production now runs api {version}")]).await;
    }
    let waiting = "api v1.2.3 → production";
    bot.slash("linus", "/deploy", "production v1.2.3").await;
    let approve = bot.button(waiting, "Approve").await;
    bot.ask("ada", "/rollback", "production because checkout fails", "Asked: Rollback api v1.2.1").await;
    let run = bot.run_of_dispatch(2).await;
    bot.finish(run).await;
    bot.announced(&["production rolled back to api v1.2.1"]).await;
    release(&world, 4, "v1.2.4", "Merged meanwhile");
    bot.press("grace", &approve).await;
    let card = bot
        .card_says(waiting, &["Refused", "v1.2.2 was rolled back to v1.2.1 after this was asked for"])
        .await;
    bot.thread_says(&card, "this cannot start any more, and was refused: Version: ").await;
    assert_eq!(world.github.dispatches().len(), 3);
    bot.end(&world).await;
}

/// F21: back means to what ran well before, whatever order the tags have as text or as versions.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_what_ran_well_last_and_not_the_second_tag() {
    let world = world().await;
    let nine = release(&world, 9, "v1.9.0", "Nine");
    release(&world, 10, "v1.10.0", "Ten");
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.production = ONE_YES.into()).await;
    for (n, version) in ["v1.9.0", "v1.10.0"].into_iter().enumerate() {
        bot.slash("ada", "/deploy", &format!("production {version}")).await;
        bot.click("grace", &format!("api {version} → production"), "Approve").await;
        let run = bot.run_of_dispatch(n).await;
        bot.finish(run).await;
        bot.announced(&[&format!("production now runs api {version}")]).await;
    }
    // Tags that never ran there: one between the two as text, one newer, and the same commit under another name.
    world.github.set_tag(REPO, "v1.11.0-rc1", &nine);
    release(&world, 11, "v1.11.0", "Eleven");
    bot.ask("ada", "/rollback", "production", "Asked: Rollback api v1.9.0 → production").await;
    let run = bot.run_of_dispatch(2).await;
    bot.finish(run).await;
    bot.announced(&["production rolled back to api v1.9.0"]).await;
    assert_eq!(world.github.dispatches()[2].inputs["sha"], nine);
    bot.end(&world).await;
}
