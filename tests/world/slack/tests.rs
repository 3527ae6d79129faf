//! The Slack model against the facts about Slack: what it accepts, refuses, sends and forgets.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::*;
use crate::probe::{StandIn, request};
use crate::sign::hmac_sha256_hex;
use crate::spec::{self, schema};
use crate::{Down, World};

async fn world() -> World {
    let world = World::start().await.unwrap();
    world.slack.add_person(Person::new("U0ANN", "ann"));
    world
}

async fn with_stand_in() -> (World, StandIn) {
    let world = world().await;
    let (stand_in, target) = StandIn::start().await;
    world.set_target(&target);
    (world, stand_in)
}

async fn api(slack: &Slack, method: &str, body: Value) -> Value {
    raw(slack, method, body).await.json()
}

async fn raw(slack: &Slack, method: &str, body: Value) -> crate::Delivery {
    let headers =
        [("authorization", "Bearer xoxb-test"), ("content-type", "application/json; charset=utf-8")];
    request("POST", &format!("{}{method}", slack.api_url()), &headers, &body).await
}

async fn get(slack: &Slack, method: &str, query: &str) -> Value {
    let headers = [("authorization", "Bearer xoxb-test")];
    request("GET", &format!("{}{method}?{query}", slack.api_url()), &headers, &Value::Null).await.json()
}

fn card() -> Value {
    json!([{"type": "actions", "block_id": "gate", "elements": [
        {"type": "button", "action_id": "approve", "value": "token-1", "text": {"type": "plain_text", "text": "Approve"}},
    ]}])
}

async fn post_card(slack: &Slack) -> String {
    let body = json!({"channel": "C0DEPLOY", "text": "a card", "blocks": card()});
    api(slack, "chat.postMessage", body).await["ts"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_posted_message_is_found_again_with_its_metadata() {
    let world = world().await;
    let metadata = json!({"event_type": "deploy", "event_payload": {"announcement_id": "a1"}});
    let posted = api(
        &world.slack,
        "chat.postMessage",
        json!({"channel": "#deployments", "text": "hi", "metadata": metadata}),
    )
    .await;
    assert_eq!(posted["channel"], "C0DEPLOY");
    let history =
        get(&world.slack, "conversations.history", "channel=C0DEPLOY&include_all_metadata=true").await;
    assert_eq!(history["messages"][0]["metadata"], metadata);
    let plain = get(&world.slack, "conversations.history", "channel=C0DEPLOY").await;
    assert!(plain["messages"][0]["metadata"].is_null());
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_edit_needs_an_id_a_known_message_and_at_most_4000_characters() {
    let world = world().await;
    let ts = post_card(&world.slack).await;
    let edit = |channel: &str, ts: &str, text: &str| json!({"channel": channel, "ts": ts, "text": text, "blocks": []});
    let cases = [
        (edit("#deployments", &ts, "x"), "channel_not_found"),
        (edit("C0DEPLOY", "1.000001", "x"), "message_not_found"),
        (edit("C0DEPLOY", &ts, &"x".repeat(4001)), "msg_too_long"),
    ];
    for (body, error) in cases {
        assert_eq!(api(&world.slack, "chat.update", body).await["error"], error);
    }
    assert_eq!(api(&world.slack, "chat.update", edit("C0DEPLOY", &ts, "done")).await["ok"], true);
    let message = &world.slack.messages("deployments")[0];
    assert_eq!((message.text.as_str(), message.edits.len()), ("done", 1));
}

#[tokio::test]
async fn only_own_messages_can_be_edited() {
    let (world, _stand_in) = with_stand_in().await;
    world.slack.mention("ann", "deployments", "help").await.unwrap();
    let ts = world.slack.messages("deployments")[0].ts.clone();
    let body = json!({"channel": "C0DEPLOY", "ts": ts, "text": "x", "blocks": []});
    assert_eq!(api(&world.slack, "chat.update", body).await["error"], "cant_update_message");
}

#[tokio::test]
async fn a_disabled_button_is_refused_and_noted() {
    let world = world().await;
    let mut blocks = card();
    blocks[0]["elements"][0]["disabled"] = json!(true);
    let body = json!({"channel": "C0DEPLOY", "text": "x", "blocks": blocks});
    assert_eq!(api(&world.slack, "chat.postMessage", body).await["error"], "invalid_blocks");
    assert!(world.violations().iter().any(|v| v.contains("disabled")), "{:?}", world.violations());
}

#[tokio::test]
async fn a_method_of_the_get_kind_ignores_a_json_body() {
    let world = world().await;
    assert_eq!(api(&world.slack, "users.info", json!({"user": "U0ANN"})).await["error"], "user_not_found");
    assert_eq!(get(&world.slack, "users.info", "user=U0ANN").await["user"]["name"], "ann");
    assert!(world.violations().iter().any(|v| v.contains("JSON body")));
}

#[tokio::test]
async fn wrong_and_missing_tokens_are_told_apart() {
    let world = world().await;
    let url = format!("{}auth.test", world.slack.api_url());
    assert_eq!(request("POST", &url, &[], &Value::Null).await.json()["error"], "not_authed");
    let wrong = request("POST", &url, &[("authorization", "Bearer xoxb-no")], &Value::Null).await;
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (Some(200), Some("invalid_auth")));
}

#[tokio::test]
async fn a_channel_that_is_posted_to_too_fast_answers_429() {
    let world = world().await;
    world.clock.stop_at(1_800_000_000);
    world.slack.limit_posts(Some(Duration::from_secs(1)));
    let post = || raw(&world.slack, "chat.postMessage", json!({"channel": "C0DEPLOY", "text": "x"}));
    assert_eq!(post().await.status, Some(200));
    let limited = post().await;
    assert_eq!((limited.status, limited.header("retry-after")), (Some(429), Some("1")));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(post().await.status, Some(200));
}

#[tokio::test]
async fn a_command_is_signed_over_its_raw_body_and_its_answer_is_shown() {
    let (world, stand_in) = with_stand_in().await;
    let answer = json!({"response_type": "ephemeral", "text": "on it"}).to_string();
    locked(&stand_in.next).push((200, "application/json", answer));
    let delivery = world.slack.slash("ann", "deployments", "/deploy", "production v1.2.3").await.unwrap();
    assert!(delivery.acknowledged());
    let call = stand_in.last();
    assert_eq!(call.path, "/slack/commands");
    let stamp = call.header("x-slack-request-timestamp").unwrap();
    let base = format!("v0:{stamp}:{}", call.body);
    let secret = world.slack.config().signing_secret.as_bytes();
    assert_eq!(
        call.header("x-slack-signature").unwrap(),
        format!("v0={}", hmac_sha256_hex(secret, base.as_bytes()))
    );
    assert!(call.body.contains("text=production+v1.2.3"));
    let shown = world.slack.ephemerals();
    assert_eq!((shown[0].user.as_str(), shown[0].text.as_str(), shown[0].via), ("U0ANN", "on it", "answer"));
}

#[tokio::test]
async fn the_payloads_have_the_shape_of_the_vendors_types() {
    let (world, _stand_in) = with_stand_in().await;
    let ts = post_card(&world.slack).await;
    let slash = world.slack.slash_payload("ann", "deployments", "/deploy", "x").unwrap();
    let button = world.slack.button("C0DEPLOY", &ts, "Approve").unwrap();
    let click = world.slack.press_payload("ann", &button, None).unwrap();
    assert_eq!(click["actions"][0]["value"], "token-1");
    assert_eq!(click["message"]["ts"], ts);
    let Some(specs) = spec::specs() else { return };
    let root = |name: &str| &specs.slack_types["roots"][name];
    assert_eq!(schema::check(&specs.slack_types, root("slash"), &slash), Vec::<String>::new());
    let samples = spec::read("slack_java_samples.json").unwrap();
    let sample = &samples["app-backend/interactive-components/BlockActionPayload.json"];
    for name in click.as_object().unwrap().keys() {
        let known = sample.get(name).is_some() || matches!(name.as_str(), "is_enterprise_install" | "state");
        assert!(known, "block_actions has no field {name}");
    }
}

#[tokio::test]
async fn a_button_seen_earlier_can_be_pressed_after_the_card_has_changed() {
    let (world, stand_in) = with_stand_in().await;
    let ts = post_card(&world.slack).await;
    let button = world.slack.button("C0DEPLOY", &ts, "Approve").unwrap();
    api(&world.slack, "chat.update", json!({"channel": "C0DEPLOY", "ts": ts, "text": "over", "blocks": []}))
        .await;
    assert!(world.slack.click("ann", "C0DEPLOY", &ts, "Approve").await.is_err());
    world.slack.press("ann", &button).await.unwrap();
    assert!(stand_in.last().body.contains("token-1"));
}

#[tokio::test]
async fn a_response_url_works_five_times_and_can_replace_the_message() {
    let (world, _stand_in) = with_stand_in().await;
    let ts = post_card(&world.slack).await;
    let button = world.slack.button("C0DEPLOY", &ts, "approve").unwrap();
    let payload = world.slack.press_payload("ann", &button, None).unwrap();
    let url = payload["response_url"].as_str().unwrap();
    let json_headers = [("content-type", "application/json")];
    for use_number in 1..=6 {
        let body = json!({"text": "changed", "replace_original": true});
        let answer = request("POST", url, &json_headers, &body).await;
        assert_eq!(answer.status, Some(if use_number <= 5 { 200 } else { 404 }));
    }
    assert_eq!(world.slack.messages("deployments")[0].text, "changed");
    assert_eq!(world.slack.responses().len(), 6);
}

#[tokio::test]
async fn a_trigger_opens_one_modal_within_three_seconds() {
    let (world, stand_in) = with_stand_in().await;
    world.clock.stop_at(1_800_000_000);
    let view = json!({
        "type": "modal", "callback_id": "reject", "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "blocks": [{
            "type": "input", "block_id": "why", "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "reason"},
        }],
    });
    let trigger =
        || world.slack.slash_payload("ann", "deployments", "/deploy", "").unwrap()["trigger_id"].clone();
    let fresh = trigger();
    let open =
        |trigger: &Value| api(&world.slack, "views.open", json!({"trigger_id": trigger, "view": view}));
    let opened = open(&fresh).await;
    assert_eq!(opened["ok"], true, "{opened}");
    assert_eq!(open(&fresh).await["error"], "exchanged_trigger_id");
    let late = trigger();
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(open(&late).await["error"], "expired_trigger_id");

    let id = opened["view"]["id"].as_str().unwrap();
    assert!(world.slack.submit("ann", id, &[]).await.is_err(), "the reason is required");
    let errors = json!({"response_action": "errors", "errors": {"why": "say more"}}).to_string();
    locked(&stand_in.next).push((200, "application/json", errors));
    world.slack.submit("ann", id, &[("why", "no")]).await.unwrap();
    assert!(world.slack.views()[0].open);
    world.slack.submit("ann", id, &[("reason", "too risky on a Friday")]).await.unwrap();
    assert!(!world.slack.views()[0].open);
    assert!(stand_in.last().body.contains("too+risky"));
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_event_that_was_not_acknowledged_is_sent_again_with_the_same_id() {
    let (world, stand_in) = with_stand_in().await;
    locked(&stand_in.next).push((500, "text/plain", String::new()));
    assert!(!world.slack.mention("ann", "deployments", "status").await.unwrap().acknowledged());
    let first = stand_in.last().json()["event_id"].clone();
    let again = world.slack.retry_events().await;
    assert!(again[0].acknowledged());
    assert_eq!(stand_in.last().json()["event_id"], first);
    assert_eq!(stand_in.last().header("x-slack-retry-num"), Some("1"));
    assert!(world.slack.lost().is_empty());
}

#[tokio::test]
async fn spoilt_requests_can_be_prepared() {
    let (world, stand_in) = with_stand_in().await;
    let prepared = world.slack.prepare_slash("ann", "deployments", "/deploy", "x").unwrap();
    let mut big = prepared.clone();
    big.body.push_str(&"x".repeat(1 << 20));
    world.slack.send(&big.sign("another secret")).await;
    assert!(stand_in.last().body.len() > 1 << 20);
    world.slack.send(&prepared).await;
    world.slack.send(&prepared).await;
    assert_eq!(stand_in.last().header("x-slack-signature"), prepared.signature.as_deref());
}

#[tokio::test]
async fn a_post_may_be_accepted_although_the_answer_is_lost() {
    let world = world().await;
    world.slack.faults().next("chat.postMessage", 1, Fault::DropAfter);
    let body = json!({"channel": "C0DEPLOY", "text": "once"});
    assert_eq!(raw(&world.slack, "chat.postMessage", body.clone()).await.status, None);
    assert_eq!(world.slack.messages("deployments").len(), 1);
    world.slack.faults().down(Down::Dropping);
    assert_eq!(raw(&world.slack, "chat.postMessage", body.clone()).await.status, None);
    world.slack.faults().up();
    assert_eq!(raw(&world.slack, "chat.postMessage", body).await.status, Some(200));
    assert_eq!(world.slack.messages("deployments").len(), 2);
}

async fn open_link(slack: &Slack) -> String {
    let headers = [("authorization", "Bearer xapp-test")];
    let url = format!("{}apps.connections.open", slack.api_url());
    request("POST", &url, &headers, &Value::Null).await.json()["url"].as_str().unwrap().to_owned()
}

type Ws = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(slack: &Slack) -> Ws {
    let (mut ws, _) = tokio_tungstenite::connect_async(open_link(slack).await).await.unwrap();
    assert_eq!(next(&mut ws).await["type"], "hello");
    ws
}

async fn next(ws: &mut Ws) -> Value {
    loop {
        match ws.next().await {
            Some(Ok(Frame::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Frame::Close(_)) | Err(_)) | None => return Value::Null,
            Some(Ok(_)) => {}
        }
    }
}

/// The model registers a connection just after its `hello` left.
async fn until_connected(world: &World, count: usize) {
    world.until("the connection", |world| (world.slack.sockets() == count).then_some(())).await.unwrap();
}

#[tokio::test]
async fn a_ticket_opens_one_connection() {
    let world = world().await;
    let url = open_link(&world.slack).await;
    let _first = tokio_tungstenite::connect_async(&url).await.unwrap();
    assert!(tokio_tungstenite::connect_async(&url).await.is_err());
}

#[tokio::test]
async fn a_command_over_the_socket_waits_for_its_acknowledgement() {
    let world = world().await;
    world.slack.use_socket(true);
    let mut ws = connect(&world.slack).await;
    until_connected(&world, 1).await;
    let app = async {
        let envelope = next(&mut ws).await;
        assert_eq!(
            (&envelope["type"], &envelope["accepts_response_payload"]),
            (&json!("slash_commands"), &json!(true))
        );
        let ack = json!({"envelope_id": envelope["envelope_id"], "payload": {"text": "on it"}});
        ws.send(Frame::text(ack.to_string())).await.unwrap();
    };
    let (delivery, ()) = tokio::join!(world.slack.slash("ann", "deployments", "/deploy", "x"), app);
    assert!(delivery.unwrap().acknowledged());
    assert_eq!(world.slack.ephemerals()[0].text, "on it");
}

#[tokio::test]
async fn a_click_in_the_gap_is_lost_and_an_event_is_kept() {
    let world = world().await;
    world.slack.use_socket(true);
    let ts = post_card(&world.slack).await;
    world.slack.click("ann", "C0DEPLOY", &ts, "Approve").await.unwrap();
    world.slack.mention("ann", "deployments", "status").await.unwrap();
    assert_eq!(world.slack.lost(), ["interactive: no connection is open"]);
    let mut ws = connect(&world.slack).await;
    let envelope = next(&mut ws).await;
    assert_eq!((&envelope["type"], &envelope["retry_attempt"]), (&json!("events_api"), &json!(1)));
    ws.send(Frame::text(json!({"envelope_id": envelope["envelope_id"]}).to_string())).await.unwrap();
}

#[tokio::test]
async fn a_refresh_names_its_reason_and_then_closes() {
    let world = world().await;
    let mut ws = connect(&world.slack).await;
    until_connected(&world, 1).await;
    world.slack.rotate("refresh_requested", Duration::ZERO);
    assert_eq!(next(&mut ws).await["reason"], "refresh_requested");
    assert_eq!(next(&mut ws).await, Value::Null);
}

#[tokio::test]
async fn the_eleventh_connection_is_turned_away() {
    let world = world().await;
    let mut open = Vec::new();
    for count in 1..=10 {
        open.push(connect(&world.slack).await);
        until_connected(&world, count).await;
    }
    let (mut ws, _) = tokio_tungstenite::connect_async(open_link(&world.slack).await).await.unwrap();
    assert_eq!(next(&mut ws).await["reason"], "too_many_websockets");
}

#[tokio::test]
async fn input_goes_to_the_connection_that_is_not_being_refreshed() {
    let world = world().await;
    world.slack.use_socket(true);
    let _old = connect(&world.slack).await;
    until_connected(&world, 1).await;
    world.slack.rotate_one("warning", Duration::from_secs(600));
    let mut new = connect(&world.slack).await;
    until_connected(&world, 2).await;
    for _ in 0..3 {
        let app = async {
            let envelope = next(&mut new).await;
            new.send(Frame::text(json!({"envelope_id": envelope["envelope_id"]}).to_string())).await.unwrap();
        };
        let (delivery, ()) = tokio::join!(world.slack.slash("ann", "deployments", "/deploy", "x"), app);
        assert!(delivery.unwrap().acknowledged());
    }
}

#[tokio::test]
async fn answers_have_the_fields_of_the_vendors_samples() {
    let Some(samples) = spec::read("slack_java_samples.json") else { return };
    let world = world().await;
    world.slack.add_group(Group::new("S0REL", "release", &["U0ANN"]));
    let slack = &world.slack;
    let cases = [
        (get(slack, "users.info", "user=U0ANN").await, "users.info", "/user"),
        (get(slack, "users.list", "").await, "users.list", "/members/0"),
        (get(slack, "conversations.info", "channel=C0DEPLOY").await, "conversations.info", "/channel"),
        (get(slack, "conversations.list", "").await, "conversations.list", "/channels/0"),
        (get(slack, "usergroups.list", "include_users=true").await, "usergroups.list", "/usergroups/0"),
        (api(slack, "auth.test", json!({})).await, "auth.test", ""),
    ];
    for (answer, method, place) in cases {
        let sample = samples[format!("api/{method}.json")].pointer(place).unwrap();
        for name in answer.pointer(place).and_then(Value::as_object).unwrap().keys() {
            assert!(sample.get(name).is_some(), "{method}{place} has no field {name} at Slack's");
        }
    }
}
