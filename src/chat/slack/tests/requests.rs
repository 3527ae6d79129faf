//! Signed requests over HTTP.

use super::{Fixed, Kept, NOW, secrets, settings};
use crate::slack::http::{Ingress, routes};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use shipgate_app::inbound::Content;
use std::collections::BTreeMap;
use std::sync::Arc;
use tower::ServiceExt;

fn sign(secret: &str, timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn request(path: &str, body: &str, timestamp: i64, signature: &str) -> Request<Body> {
    Request::post(path)
        .header("x-slack-request-timestamp", timestamp.to_string())
        .header("x-slack-signature", signature)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

async fn ask(sink: &Arc<Kept>, request: Request<Body>) -> (StatusCode, String) {
    let ingress =
        Ingress::new(settings("https://slack.com/api"), &secrets(), Arc::clone(sink) as _, Arc::new(Fixed))
            .unwrap();
    let response = routes(ingress).oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn send(sink: &Arc<Kept>, path: &str, body: &str) -> (StatusCode, String) {
    ask(sink, request(path, body, NOW, &sign("new-secret", NOW, body))).await
}

fn slash(team: &str, app: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([
        ("team_id", team),
        ("api_app_id", app),
        ("user_id", "U0ADA"),
        ("user_name", "ada"),
        ("channel_id", "C0DEPLOYS"),
        ("command", "/deploy"),
        ("text", "production v1 &lt;now&gt;"),
        ("response_url", "https://hooks.slack.com/commands/T0TEAM/1/x"),
        ("trigger_id", "1.2.x"),
    ]);
    form.finish()
}

fn interaction(payload: &Value) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
}

fn submission(reason: &str) -> String {
    interaction(&json!({
        "type": "view_submission", "team": {"id": "T0TEAM"}, "api_app_id": "A0APP",
        "user": {"id": "U0ADA", "username": "ada"},
        "view": {
            "id": "V1", "callback_id": "shipgate.form",
            "private_metadata": json!({"context": "reject/1", "channel": "C0DEPLOYS"}).to_string(),
            "blocks": [{"type": "input", "block_id": "reason", "optional": false}],
            "state": {"values": {"reason": {"value": {"type": "plain_text_input", "value": reason}}}},
        },
    }))
}

#[tokio::test]
async fn a_signed_command_is_stored_and_answered_with_nothing() {
    let sink = Arc::new(Kept::default());
    assert_eq!(
        send(&sink, "/slack/commands", &slash("T0TEAM", "A0APP")).await,
        (StatusCode::OK, String::new())
    );
    let taken = sink.taken.lock().unwrap();
    let content = Content::Slash { command: "deploy".into(), text: "production v1 <now>".into() };
    assert_eq!(taken[0].content, content);
    assert_eq!(taken[0].account.id, "U0ADA");
}

#[tokio::test]
async fn the_same_signed_request_has_the_same_key_and_another_has_not() {
    let sink = Arc::new(Kept::default());
    let body = slash("T0TEAM", "A0APP");
    send(&sink, "/slack/commands", &body).await;
    send(&sink, "/slack/commands", &body).await;
    ask(&sink, request("/slack/commands", &body, NOW - 1, &sign("new-secret", NOW - 1, &body))).await;
    let taken = sink.taken.lock().unwrap();
    assert_eq!(taken[0].key, taken[1].key);
    assert_ne!(taken[0].key, taken[2].key);
}

#[tokio::test]
async fn both_secrets_are_accepted_while_one_replaces_the_other() {
    let sink = Arc::new(Kept::default());
    let body = slash("T0TEAM", "A0APP");
    let (status, _) =
        ask(&sink, request("/slack/commands", &body, NOW, &sign("old-secret", NOW, &body))).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn forged_stale_and_oversized_requests_are_refused() {
    let sink = Arc::new(Kept::default());
    let body = slash("T0TEAM", "A0APP");
    let good = sign("new-secret", NOW, &body);
    let stale = NOW - 301;
    let cases = [
        (request("/slack/commands", &body, NOW, &sign("wrong", NOW, &body)), StatusCode::UNAUTHORIZED),
        (request("/slack/commands", &body, NOW, ""), StatusCode::UNAUTHORIZED),
        (request("/slack/commands", &body, NOW, &good[..20]), StatusCode::UNAUTHORIZED),
        (request("/slack/commands", &body, NOW + 1, &good), StatusCode::UNAUTHORIZED),
        (request("/slack/commands", &format!("{body}&x=1"), NOW, &good), StatusCode::UNAUTHORIZED),
        (
            request("/slack/commands", &body, stale, &sign("new-secret", stale, &body)),
            StatusCode::UNAUTHORIZED,
        ),
        (request("/slack/events", &"x".repeat(300_000), NOW, &good), StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (request, expected) in cases {
        assert_eq!(ask(&sink, request).await.0, expected);
    }
    assert!(sink.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn another_workspace_or_app_is_refused_for_every_kind_of_payload() {
    let sink = Arc::new(Kept::default());
    for (team, app) in [("T0OTHER", "A0APP"), ("T0TEAM", "A0OTHER"), ("", "")] {
        let click = json!({"type": "block_actions", "team": {"id": team}, "api_app_id": app, "user": {"id": "U0ADA"},
            "actions": [{"type": "button", "action_id": "press.0", "action_ts": "1.2", "value": "x.y"}]});
        let event = json!({"type": "event_callback", "team_id": team, "api_app_id": app, "event_id": "Ev1",
            "event": {"type": "app_mention", "user": "U0ADA", "text": "<@U0BOT> help", "channel": "C1"}});
        assert_eq!(send(&sink, "/slack/commands", &slash(team, app)).await.0, StatusCode::FORBIDDEN);
        assert_eq!(send(&sink, "/slack/interactions", &interaction(&click)).await.0, StatusCode::FORBIDDEN);
        assert_eq!(send(&sink, "/slack/events", &event.to_string()).await.0, StatusCode::FORBIDDEN);
    }
    assert!(sink.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_form_with_only_spaces_is_answered_at_its_field() {
    let sink = Arc::new(Kept::default());
    let (status, body) = send(&sink, "/slack/interactions", &submission("  ")).await;
    let expected = json!({"response_action": "errors", "errors": {"reason": "Fill this in."}});
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (StatusCode::OK, expected));
    assert_eq!(
        send(&sink, "/slack/interactions", &submission("too risky")).await,
        (StatusCode::OK, String::new())
    );
    let taken = sink.taken.lock().unwrap();
    let fields = BTreeMap::from([("reason".to_owned(), "too risky".to_owned())]);
    assert_eq!(taken[0].content, Content::Submit { context: "reject/1".into(), fields });
    assert_eq!(taken[0].reply_to.channel.as_deref(), Some("C0DEPLOYS"));
}

#[tokio::test]
async fn clicks_and_mentions_are_taken_in_and_other_events_are_not() {
    let sink = Arc::new(Kept::default());
    let click = json!({"type": "block_actions", "team": {"id": "T0TEAM"}, "api_app_id": "A0APP",
        "user": {"id": "U0ADA", "username": "ada"}, "trigger_id": "1", "channel": {"id": "C1"},
        "container": {"type": "message", "message_ts": "1.5", "channel_id": "C1"},
        "actions": [{"type": "button", "action_id": "press.0", "action_ts": "1.2", "value": "x.y"}]});
    let event = |kind: &str| {
        json!({"type": "event_callback", "team_id": "T0TEAM", "api_app_id": "A0APP", "event_id": "Ev1",
            "event": {"type": kind, "user": "U0ADA", "text": "<@U0BOT> deploy it", "channel": "C1"}})
        .to_string()
    };
    assert_eq!(send(&sink, "/slack/interactions", &interaction(&click)).await.0, StatusCode::OK);
    assert_eq!(send(&sink, "/slack/events", &event("app_mention")).await.0, StatusCode::OK);
    assert_eq!(send(&sink, "/slack/events", &event("message")).await.0, StatusCode::OK);
    let taken = sink.taken.lock().unwrap();
    assert_eq!(taken.len(), 2);
    assert!(
        matches!(&taken[0].content, Content::Press { value, message: Some(m) } if value == "x.y" && m.id == "1.5")
    );
    assert_eq!(taken[1].content, Content::Mention { text: "deploy it".into() });
    assert_eq!(taken[1].key, "slack/event/Ev1");
}

#[tokio::test]
async fn a_press_of_a_box_tells_its_row_and_everything_ticked_there() {
    let sink = Arc::new(Kept::default());
    let press = |ts: &str, selected: &[&str]| {
        let options: Vec<Value> = selected
            .iter()
            .map(|value| json!({"text": {"type": "plain_text", "text": "An item"}, "value": value}))
            .collect();
        let click = json!({"type": "block_actions", "team": {"id": "T0TEAM"}, "api_app_id": "A0APP",
            "user": {"id": "U0ADA", "username": "ada"}, "trigger_id": "1", "channel": {"id": "C1"},
            "container": {"type": "message", "message_ts": "1.5", "channel_id": "C1"},
            "actions": [{"type": "checkboxes", "block_id": "ticks.x.y", "action_id": "tick", "action_ts": ts,
                         "selected_options": options}]});
        interaction(&click)
    };
    for body in [press("1.2", &["a", "b"]), press("1.3", &[]), press("1.2", &["a", "b"])] {
        assert_eq!(send(&sink, "/slack/interactions", &body).await.0, StatusCode::OK);
    }
    let foreign = press("1.4", &["a"]).replace("ticks.x.y", "polls.x.y");
    assert_eq!(send(&sink, "/slack/interactions", &foreign).await.0, StatusCode::OK);
    let taken = sink.taken.lock().unwrap();
    let told = |n: usize| match &taken[n].content {
        Content::Tick { value, selected, message: Some(m) } => {
            (value.clone(), selected.clone(), m.id.clone())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(told(0), ("x.y".into(), vec!["a".to_owned(), "b".to_owned()], "1.5".into()));
    assert_eq!(told(1).1, Vec::<String>::new(), "the last box was unticked");
    assert_eq!(taken[0].key, taken[2].key, "the same delivery again");
    assert_ne!(taken[0].key, taken[1].key);
    assert_eq!(taken.len(), 3, "boxes of others are not for us");
}

#[tokio::test]
async fn a_signature_in_another_case_makes_no_other_delivery() {
    let sink = Arc::new(Kept::default());
    let body = slash("T0TEAM", "A0APP");
    let signature = sign("new-secret", NOW, &body);
    let shouted = format!("v0={}", signature.trim_start_matches("v0=").to_uppercase());
    assert_ne!(signature, shouted);
    for spelled in [&signature, &shouted] {
        let (status, _) = ask(&sink, request("/slack/commands", &body, NOW, spelled)).await;
        assert_eq!(status, StatusCode::OK);
    }
    let taken = sink.taken.lock().unwrap();
    assert_eq!(taken[0].key, taken[1].key);
}

#[tokio::test]
async fn a_command_that_cannot_be_stored_is_answered_in_words() {
    let sink = Arc::new(Kept { is_broken: true, ..Kept::default() });
    let (status, body) = send(&sink, "/slack/commands", &slash("T0TEAM", "A0APP")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("could not store your command"), "{body}");
    let (status, body) = send(&sink, "/slack/interactions", &submission("no")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("response_action") && body.contains("could not store your command"), "{body}");
    let event = json!({"type": "event_callback", "team_id": "T0TEAM", "api_app_id": "A0APP", "event_id": "Ev1",
        "event": {"type": "app_mention", "user": "U0ADA", "text": "x", "channel": "C1"}});
    assert_eq!(send(&sink, "/slack/events", &event.to_string()).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_challenge_is_given_back() {
    let sink = Arc::new(Kept::default());
    let (status, body) =
        send(&sink, "/slack/events", r#"{"type":"url_verification","challenge":"abc"}"#).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"challenge":"abc"}"#));
}
