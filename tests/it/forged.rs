//! Requests that are not Slack's, not fresh, not for us, or too much. Not here: webhooks of GitHub (`unsure`).

use crate::harness::{Bot, DEPLOYMENTS};
use crate::setup::{Transport, world};
use serde_json::{Value, json};
use shipgate_world::client::Prepared;
use shipgate_world::slack::Button;

const STAGING: &str = "api v1.2.3 → staging";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_slacks_is_refused_and_changes_nothing() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let slack = &world.slack;
    let secret = slack.config().signing_secret.clone();
    let good = || slack.prepare_slash("ada", DEPLOYMENTS, "/deploy", "staging v1.2.3").unwrap();
    let spoilt = |spoil: &dyn Fn(&mut Prepared)| {
        let mut prepared = good();
        spoil(&mut prepared);
        prepared
    };
    let mut payload = slack.slash_payload("ada", DEPLOYMENTS, "/deploy", "staging v1.2.3").unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = payload.clone();
        changed[key] = value;
        slack.prepare_raw("/slack/commands", &changed)
    };
    let (other_team, other_app) = (with("team_id", json!("T9999")), with("api_app_id", json!("A9999")));
    payload["text"] = json!("x".repeat(1_000_000));
    let cases = [
        ("another secret", spoilt(&|p| *p = p.clone().sign("not-the-secret")), 401),
        ("no signature", spoilt(&|p| p.signature = None), 401),
        ("not a signature", spoilt(&|p| p.signature = Some("v0=zz".into())), 401),
        ("another body", spoilt(&|p| p.body = p.body.replace("staging", "production")), 401),
        (
            "an old timestamp",
            spoilt(&|p| {
                p.timestamp -= 400;
                *p = p.clone().sign(&secret)
            }),
            401,
        ),
        (
            "a timestamp ahead",
            spoilt(&|p| {
                p.timestamp += 400;
                *p = p.clone().sign(&secret)
            }),
            401,
        ),
        ("a new timestamp on an old signature", spoilt(&|p| p.timestamp += 1), 401),
        ("another workspace", other_team, 403),
        ("another app", other_app, 403),
        ("a body of 1 MB", slack.prepare_raw("/slack/commands", &payload), 413),
        (
            "not a form",
            spoilt(&|p| {
                p.body = "\u{0}\u{ff}%%%".into();
                *p = p.clone().sign(&secret)
            }),
            400,
        ),
        (
            "an interaction of nothing",
            slack.prepare_raw("/slack/interactions", &json!({"type": "block_actions"})),
            400,
        ),
        ("an event of nothing", slack.prepare_raw("/slack/events", &json!([1, 2, 3])), 400),
    ];
    for (name, prepared, expected) in cases {
        let delivery = slack.send(&prepared).await;
        assert_eq!(delivery.status, Some(expected), "{name}: {delivery:?}");
        assert!(!delivery.body.contains("staging"), "{name}: input is not echoed: {}", delivery.body);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut nested = slack.prepare_raw("/slack/events", &json!({}));
    nested.body = deep;
    let delivery = slack.send(&nested.sign(&secret)).await;
    assert_eq!(delivery.status, Some(400), "deep nesting: {delivery:?}");
    bot.ask("ada", "/shipgate", "history", "No deploys yet").await;
    assert!(bot.card(STAGING).is_none());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exact_replay_is_one_deploy() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let prepared = world.slack.prepare_slash("ada", DEPLOYMENTS, "/deploy", "staging v1.2.3").unwrap();
    for _ in 0..3 {
        let delivery = world.slack.send(&prepared).await;
        assert_eq!(delivery.status, Some(200), "{delivery:?}");
    }
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    // Also after it is done, and after a restart.
    bot.crash().await;
    assert_eq!(world.slack.send(&prepared).await.status, Some(200));
    bot.ask("ada", "/shipgate", "history", "succeeded").await;
    assert_eq!(world.github.dispatches().len(), 1, "{}", bot.picture());
    let cards = bot.cards(STAGING);
    assert_eq!(cards, 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_click_approves_once() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 2, from = [\"release-managers\"] }".into();
    })
    .await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let approve = bot.button("api v1.2.3 → production", "Approve").await;
    let click = world.slack.prepare_press("grace", &approve).unwrap();
    for _ in 0..3 {
        assert_eq!(world.slack.send(&click).await.status, Some(200));
    }
    bot.card_says("api v1.2.3 → production", &["needs 1 approval", "so far grace"]).await;
    // One person is one yes, however often they press.
    bot.ask("grace", "/shipgate", "approve", "You approved api v1.2.3 already").await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_of_others_and_invented_ones_are_refused() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 1, from = [\"release-managers\"] }".into();
    })
    .await;
    let headline = "api v1.2.3 → production";
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let approve = bot.button(headline, "Approve").await;
    let with_value = |button: &Button, value: String| {
        let mut button = button.clone();
        button.element["value"] = json!(value);
        button
    };
    let parts = |button: &Button| {
        let value = button.value.clone().unwrap();
        value.split_once('.').map(|(id, token)| (id.to_owned(), token.to_owned())).unwrap()
    };
    let (id, token) = parts(&approve);
    let invented = with_value(&approve, format!("{id}.AAAAAAAAAAAAAAAAAAAAAAAAAA"));
    bot.press_and_read("grace", &invented, "not one of Shipgate's").await;
    let mut elsewhere = approve.clone();
    elsewhere.channel = "C0GENERAL".into();
    bot.press_and_read("grace", &elsewhere, "not one of Shipgate's").await;
    // The token of one deploy on the id of another.
    bot.slash("ada", "/deploy", "production v1.2.2").await;
    let other = bot.button("api v1.2.2 → production", "Approve").await;
    let crossed = with_value(&other, format!("{}.{token}", parts(&other).0));
    bot.press_and_read("grace", &crossed, "not one of Shipgate's").await;
    bot.card_says(headline, &["Waiting for approval"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_another_workspace_change_nothing_by_either_transport() {
    for transport in [Transport::Http, Transport::Socket] {
        let world = world().await;
        let mut bot = Bot::start(&world, transport, |_| {}).await;
        world.slack.slash("guest", DEPLOYMENTS, "/deploy", "staging v1.2.3").await.unwrap();
        bot.ask("ada", "/shipgate", "history", "No deploys yet").await;
        assert!(bot.card(STAGING).is_none());
        assert_eq!(world.github.calls().len(), 0);
        bot.end(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_can_check_the_address_of_the_events() {
    let world = world().await;
    let bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let delivery = world.slack.verify_url("abc123").await;
    assert_eq!((delivery.status, &delivery.json()["challenge"]), (Some(200), &json!("abc123")));
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_over_an_old_socket_again_is_one_deploy() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Socket, |_| {}).await;
    world.slack.rotate("warning", std::time::Duration::from_millis(300));
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    world.slack.rotate("refresh_requested", std::time::Duration::ZERO);
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.until("a new socket is open", |_| (world.slack.sockets() > 0).then_some(())).await;
    bot.ask("ada", "/shipgate", "history", "succeeded").await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}
