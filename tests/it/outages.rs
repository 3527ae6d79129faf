//! Systems around that are down, slow or tired, and a disk that is full. Nothing is lost and nothing is done twice.
//! Outages here last seconds; that hours make no difference is the simulation's to show (`tests/sim`).

use crate::harness::{Bot, DEPLOYMENTS};
use crate::read;
use crate::setup::{Transport, world};
use shipgate_world::{Down, Fault};
use std::time::Instant;

const STAGING: &str = "api v1.2.3 → staging";

async fn github_down_at_the_request(how: Down) {
    let world = world().await;
    world.github.faults().down(how);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["cannot be looked up yet", "nothing is lost"]).await;
    bot.ask("ada", "/shipgate", "status", "v1.2.3 is requested").await;
    world.github.faults().up();
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_github_that_answers_503_is_asked_again_until_it_is_back() {
    github_down_at_the_request(Down::Refusing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_github_that_drops_connections_is_asked_again_until_it_is_back() {
    github_down_at_the_request(Down::Dropping).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_while_github_is_down_is_announced_after() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.advance(run).await;
    bot.card_says(STAGING, &["Running"]).await;
    world.github.faults().down(Down::Refusing);
    let before = world.github.calls().len();
    bot.finish(run).await;
    bot.until("the bot has asked in vain", |_| (world.github.calls().len() > before + 1).then_some(())).await;
    assert_eq!(bot.announcements(&["staging"]).len(), 0, "a hint is not the truth");
    bot.crash().await;
    world.github.faults().up();
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

async fn limited_at_the_dispatch(limit: Fault) {
    let world = world().await;
    world.github.faults().next("/dispatches", 1, limit);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let card = bot.card_says(STAGING, &["limit", "Nothing was started; next try"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.thread_says(&card, "Nothing was started; next try").await;
    assert_eq!((bot.dispatches_sent(), world.github.dispatches().len()), (2, 1));
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_over_the_hourly_limit_is_tried_again_later() {
    limited_at_the_dispatch(Fault::PrimaryLimit { reset_in: 2 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_over_the_secondary_limit_is_tried_again_later() {
    limited_at_the_dispatch(Fault::SecondaryLimit { retry_after: 1 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_over_a_limit_waits_for_its_end() {
    let world = world().await;
    world.github.faults().next("GET /repos", 1, Fault::RateLimited { retry_after: 1 });
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_to_a_github_that_hangs_keeps_nobody_waiting() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    world.github.faults().sometimes("GET /repos", 1000, 1, Fault::Slow { ms: 60_000 });
    let seen = bot.private_count("ada");
    bot.slash("ada", "/shipgate", "diff staging v1.2.4").await;
    bot.slash("ada", "/shipgate", "status").await;
    bot.next_private("ada", seen, "v1.2.3").await;
    let answers = bot.private_count("ada") - seen;
    assert_eq!(answers, 1, "the second question is answered before the first, whose answer hangs");
    bot.next_private("ada", seen, "GitHub").await;
    world.github.faults().clear();
    bot.end(&world).await;
}

async fn slack_down(how: Down) {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    // Who ada is was read before; her command is known to be hers.
    bot.ask("ada", "/shipgate", "status", "What runs where").await;
    bot.deploy("ada", "staging", "v1.2.2").await;
    world.slack.faults().down(how);
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    // The pipeline does not wait for chat.
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.until("the bot has read the end of the run", |bot| bot.log().contains("final/").then_some(())).await;
    bot.crash().await;
    assert!(bot.card(STAGING).is_none());
    world.slack.faults().up();
    bot.announced(&["staging now runs api v1.2.3"]).await;
    let card = bot.card_says(STAGING, &["Succeeded"]).await;
    bot.thread_says(&card, "It is run").await;
    bot.ask("ada", "/shipgate", "history", "succeeded").await;
    let cards = bot.cards(STAGING);
    assert_eq!((cards, bot.announcements(&["staging now runs api v1.2.3"]).len()), (1, 1));
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_that_answers_503_gets_everything_when_it_is_back() {
    slack_down(Down::Refusing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_that_drops_connections_gets_everything_when_it_is_back() {
    slack_down(Down::Dropping).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_that_limits_posts_gets_each_message_once() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    world.slack.faults().next("chat.", 3, Fault::RateLimited { retry_after: 1 });
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.card_says(STAGING, &["Succeeded"]).await;
    bot.ask("ada", "/shipgate", "history", "succeeded").await;
    assert_eq!(bot.announcements(&["staging now runs"]).len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_slack_and_a_slow_github_do_not_delay_acknowledgements() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    world.slack.faults().next("/api/", 100, Fault::Slow { ms: 1500 });
    world.github.faults().next("GET", 100, Fault::Slow { ms: 1500 });
    for n in 0..20 {
        let asked = Instant::now();
        bot.slash("ada", "/shipgate", &format!("help {n}")).await;
        assert!(asked.elapsed().as_millis() < 1500, "an acknowledgement waited for another system");
    }
    world.slack.faults().clear();
    world.github.faults().clear();
    bot.ask("ada", "/shipgate", "status", "What runs where").await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_nothing_acknowledged_is_lost() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.file_blocks = Some(FULL_AT)).await;
    let mut stored = Vec::new();
    let mut refused = None;
    for n in 0..400 {
        let text = format!("add f{n} staging for 2h because {}", "x".repeat(280));
        let delivery = world.slack.slash("grace", DEPLOYMENTS, "/freeze", &text).await.unwrap();
        assert_eq!(delivery.status, Some(200), "{delivery:?}\n{}", bot.picture());
        if delivery.body.is_empty() {
            stored.push(format!("added the freeze f{n}."));
        } else {
            refused = Some(delivery.body);
            break;
        }
    }
    let refused = refused.expect("the disk becomes full");
    assert!(refused.contains("could not store your command"), "{refused}");
    // Whatever the process does now, it does not lose what it acknowledged, and says what it needs.
    let delivery = world.slack.slash("grace", DEPLOYMENTS, "/freeze", "list").await.unwrap();
    assert!(delivery.status != Some(200) || delivery.body.contains("could not store"), "{delivery:?}");
    assert_eq!(bot.ended(), None, "it goes on: {}", bot.log());
    bot.kill9();
    bot.lift_file_limit();
    bot.run().await;
    for expected in &stored {
        bot.until(&format!("grace reads “{expected}”"), |_| {
            world
                .slack
                .ephemerals()
                .iter()
                .any(|e| read::private(e).contains(expected.as_str()))
                .then_some(())
        })
        .await;
    }
    bot.ask("grace", "/freeze", "list", "f0").await;
    bot.end(&world).await;
}

/// Blocks of 512 bytes: enough to start, too little for four hundred commands.
const FULL_AT: u32 = 1200;
