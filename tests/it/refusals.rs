//! Requests that cannot be right: each gets a clear answer, changes nothing and loses nothing. Not here: requests
//! that are not Slack's (`forged`), systems that are down (`outages`), text that wants to be markup (`hostile`).

use crate::harness::Bot;
use crate::read;
use crate::setup::{REPO, Transport, WORKFLOW, workflow, world};
use shipgate_world::github::{Access, Input};
use std::time::Instant;

const STAGING: &str = "api v1.2.3 → staging";
const PRODUCTION: &str = "api v1.2.3 → production";

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_ambiguous_words_are_answered_and_change_nothing() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let long = format!("production {}", "x".repeat(3000));
    let said = [
        ("/deploy", "mars v1.2.3", "There is no environment"),
        ("/deploy", "billing to staging v1.2.3", "There is no service"),
        ("/shipgate", "frobnicate staging", "There is no command"),
        ("/deploy", "staging production v1.2.3", "can be meant in two ways"),
        ("/deploy", "staging v1.2.3 v1.2.2", "one version too many"),
        ("/deploy", "staging \"v1.2.3", "quote"),
        ("/deploy", "staging v1.2.3 --later", "There is no option"),
        ("/lock", "staging for ever --for soon", "2h"),
        ("/deploy", long.as_str(), "At most 2000 are read"),
    ];
    for (command, text, expected) in said {
        let seen = bot.private_count("ada");
        bot.slash("ada", command, text).await;
        let answer = bot.next_private("ada", seen, "").await;
        assert!(
            answer.contains(expected),
            "“{command} {text}” should be answered with “{expected}”:\n{answer}"
        );
    }
    bot.ask("ada", "/shipgate", "history", "No deploys yet").await;
    assert_eq!(world.github.calls().len(), 0, "GitHub is not asked about what was not understood");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_does_not_exist_is_refused() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v9.9.9").await;
    let card = bot.card_says("api v9.9.9 → staging", &["Refused: version", "no tag, branch or commit"]).await;
    assert!(read::message(&card).contains("push the tag first"));
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_a_tag_and_of_a_branch_is_refused_as_ambiguous() {
    let world = world().await;
    world.github.commit(REPO, "v1.2.3", "Another line of work", "eve");
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["Refused: version", "means more than one thing", "give the commit id"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moves_between_request_and_start_is_not_deployed() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says(PRODUCTION, &["Waiting for approval"]).await;
    let other = world.github.commit(REPO, "main", "Something else", "eve");
    world.github.set_tag(REPO, "v1.2.3", &other);
    // What was read before is believed for fifteen seconds.
    let moved = Instant::now();
    bot.until("what was read is too old", |_| (moved.elapsed().as_secs() > 15).then_some(())).await;
    bot.click("grace", PRODUCTION, "Approve").await;
    bot.card_says(PRODUCTION, &["the tag moved since the request", &other[..7], "Nothing was started"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_outside_the_branch_is_refused() {
    let world = world().await;
    let main = world.github.commit(REPO, "main", "Where it branches off", "ada");
    world.github.set_branch(REPO, "feature", &main);
    let stray = world.github.commit(REPO, "feature", "Not merged", "eve");
    world.github.set_tag(REPO, "v2.0.0", &stray);
    world.github.set_check(REPO, &stray, "test", Some("success"));
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v2.0.0").await;
    bot.card_says("api v2.0.0 → staging", &["Refused: version", "is not part of main; merge it first"]).await;
    // A history of its own, with no common ancestor.
    let orphan = world.github.commit(REPO, "pages", "Begin anew", "eve");
    world.github.set_tag(REPO, "v3.0.0", &orphan);
    world.github.set_check(REPO, &orphan, "test", Some("success"));
    bot.slash("ada", "/deploy", "staging v3.0.0").await;
    bot.card_says("api v3.0.0 → staging", &["Refused: version", "is not part of main; merge it first"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn red_checks_refuse_and_pending_ones_wait() {
    let world = world().await;
    let sha = world.github.commit(REPO, "main", "Risky (#4)", "ada");
    world.github.set_tag(REPO, "v1.3.0", &sha);
    world.github.set_check(REPO, &sha, "test", None);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let card = "api v1.3.0 → staging";
    bot.slash("ada", "/deploy", "staging v1.3.0").await;
    bot.card_says(card, &["Waiting for checks", "still at work: test"]).await;
    world.github.set_check(REPO, &sha, "test", Some("success"));
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.3.0"]).await;
    let red = world.github.commit(REPO, "main", "Broken (#5)", "ada");
    world.github.set_tag(REPO, "v1.3.1", &red);
    world.github.set_check(REPO, &red, "test", Some("failure"));
    bot.slash("ada", "/deploy", "staging v1.3.1").await;
    bot.card_says("api v1.3.1 → staging", &["Refused: checks", "red: test", "ask with the new commit"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_the_workflow_does_not_declare_fails_with_what_to_do() {
    let world = world().await;
    let mut strict = workflow();
    strict.inputs = Some(vec![Input::required("deployment_id"), Input::required("sha")]);
    world.github.add_workflow(REPO, strict);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let card = bot.card_says(STAGING, &["Failed", "input", WORKFLOW]).await;
    assert!(read::message(&card).contains("[Close]"), "{}", read::message(&card));
    bot.announced(&["staging failed to get api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    assert_eq!(bot.dispatches_sent(), 1, "a refusal is not sent again");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_the_token_cannot_see_is_refused_with_what_to_do() {
    let world = world().await;
    world.github.set_access(REPO, Access::None);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let card = bot.card_says(STAGING, &["Refused: version", "acme/api"]).await;
    println!("{}", read::message(&card));
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_read_but_not_start_fails_with_what_to_do() {
    let world = world().await;
    world.github.set_access(REPO, Access::Read);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let card = bot.card_says(STAGING, &["Failed", "Actions"]).await;
    println!("{}", read::message(&card));
    bot.announced(&["staging failed to get api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_in_no_group_is_refused_privately_with_every_gate() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let answer = bot.ask("eve", "/deploy", "staging v1.2.3", "Refused: you may not deploy to staging").await;
    assert!(
        answer.contains("only deployers may do this here") && answer.contains("/who-can staging"),
        "{answer}"
    );
    bot.ask("ada", "/shipgate", "history", "refused").await;
    assert!(bot.card(STAGING).is_none(), "a stranger's request is not shown to everybody");
    assert_eq!(world.github.calls().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bots_guests_and_the_deactivated_are_refused() {
    let world = world().await;
    for (id, name) in [("U0LINUS", "linus"), ("U0GRACE", "grace"), ("U0ADA", "ada")] {
        let mut person = shipgate_world::slack::Person::new(id, name);
        match name {
            "linus" => person.is_restricted = true,
            "grace" => person.deleted = true,
            _ => person.is_bot = true,
        }
        world.slack.add_person(person);
    }
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.ask("linus", "/deploy", "staging v1.2.3", "Guests and people of other organisations may not").await;
    bot.ask("grace", "/deploy", "staging v1.2.3", "deactivated").await;
    bot.ask("ada", "/deploy", "staging v1.2.3", "Bots, apps and workflows may not").await;
    assert!(bot.card(STAGING).is_none());
    assert_eq!(world.github.calls().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_not_the_same_as_what_somebody_planned() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3 --at \"tomorrow 9:00\"").await;
    bot.card_says(STAGING, &["Waiting for its time"]).await;
    bot.ask("linus", "/deploy", "staging v1.2.3 --at \"tomorrow 9:00\"", "ada asked for api v1.2.3").await;
    bot.slash("linus", "/deploy", "staging v1.2.3 --emergency \"checkout is down\"").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_twice_is_one_deploy() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.ask("ada", "/deploy", "staging v1.2.3", "You asked for api v1.2.3 on staging already").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}
