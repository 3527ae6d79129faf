//! Calls to the Web API, against a stand-in that answers what a test tells it to.

use super::{secrets, settings};
use crate::slack::Slack;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};
use shipgate_app::inbound::ReplyTo;
use shipgate_app::ports::{Chat, ChatError, MessageRef, Post};
use shipgate_app::words::{Body as Said, Message, Tone};
use shipgate_domain::ids::{Account, Platform};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// Answers by path, in order; and what was asked: path with arguments, and body.
#[derive(Default)]
struct Stand {
    answers: Mutex<BTreeMap<String, VecDeque<Response>>>,
    asked: Mutex<Vec<(String, String)>>,
}

async fn stand(answers: Vec<(&str, Response)>) -> (Slack, Arc<Stand>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let stand = Arc::new(Stand::default());
    for (path, answer) in answers {
        stand.answers.lock().unwrap().entry(format!("/api/{path}")).or_default().push_back(answer);
    }
    let app = Router::new().fallback(answer).with_state(Arc::clone(&stand));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (Slack::new(settings(&format!("{origin}/api")), &secrets()).unwrap(), stand, origin)
}

async fn answer(State(stand): State<Arc<Stand>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1_000_000).await.unwrap();
    let asked = (parts.uri.to_string(), String::from_utf8(body.to_vec()).unwrap());
    stand.asked.lock().unwrap().push(asked);
    let next = stand.answers.lock().unwrap().get_mut(parts.uri.path()).and_then(VecDeque::pop_front);
    next.unwrap_or_else(|| status(500, "text/html", "<html>"))
}

fn status(status: u16, kind: &str, body: &str) -> Response {
    Response::builder().status(status).header("content-type", kind).body(Body::from(body.to_owned())).unwrap()
}

fn ok(body: Value) -> Response {
    let mut body = body;
    body["ok"] = json!(true);
    status(200, "application/json", &body.to_string())
}

fn error(code: &str) -> Response {
    status(200, "application/json", &json!({"ok": false, "error": code}).to_string())
}

fn line(words: &str) -> Said {
    Said::Message(Message::line(Tone::Good, words))
}

fn post() -> Post {
    Post { channel: "#deployments".into(), thread: None, body: line("done"), key: "final/1".into() }
}

fn listed() -> Response {
    ok(
        json!({"channels": [{"id": "C0DEPLOYS", "name": "deployments"}], "response_metadata": {"next_cursor": ""}}),
    )
}

fn person() -> ReplyTo {
    ReplyTo {
        account: Account { platform: Platform::Slack, id: "U0ADA".into() },
        channel: Some("C0DEPLOYS".into()),
        thread: None,
        response_url: None,
        trigger: None,
    }
}

#[tokio::test]
async fn a_message_goes_to_the_named_channel_with_its_key() {
    let posted = || ok(json!({"channel": "C0DEPLOYS", "ts": "1.5"}));
    let (slack, stand, _) = stand(vec![
        ("conversations.list", listed()),
        ("chat.postMessage", posted()),
        ("chat.postMessage", posted()),
    ])
    .await;
    let message = slack.post(&post(), false).await.unwrap();
    assert_eq!(message, MessageRef { channel: "C0DEPLOYS".into(), id: "1.5".into() });
    slack.post(&post(), false).await.unwrap();
    let asked = stand.asked.lock().unwrap();
    assert_eq!(asked.len(), 3, "the channel is looked up once");
    assert!(asked[0].0.contains("types=public_channel%2Cprivate_channel"), "{}", asked[0].0);
    let body: Value = serde_json::from_str(&asked[1].1).unwrap();
    assert_eq!(body["channel"], "C0DEPLOYS");
    assert_eq!(body["metadata"], json!({"event_type": "shipgate", "event_payload": {"key": "final/1"}}));
    assert_eq!(body["unfurl_links"], json!(false));
}

#[tokio::test]
async fn a_message_that_is_already_there_is_not_posted_again() {
    let ours =
        json!({"ts": "9.9", "metadata": {"event_type": "shipgate", "event_payload": {"key": "final/1"}}});
    let (slack, stand, _) = stand(vec![
        ("conversations.list", listed()),
        (
            "conversations.history",
            ok(json!({"messages": [{"ts": "1.1"}], "response_metadata": {"next_cursor": "n"}})),
        ),
        ("conversations.history", ok(json!({"messages": [ours]}))),
    ])
    .await;
    assert_eq!(slack.post(&post(), true).await.unwrap().id, "9.9");
    assert!(stand.asked.lock().unwrap().iter().all(|(path, _)| !path.contains("postMessage")));
}

/// Slack had enough for so many seconds.
fn limited(seconds: u32) -> Response {
    let answer = Response::builder().status(429).header("retry-after", seconds.to_string());
    let body = Body::from(r#"{"ok":false,"error":"ratelimited"}"#);
    answer.header("content-type", "application/json").body(body).unwrap()
}

#[tokio::test]
async fn a_channel_that_had_enough_keeps_no_other_channel_waiting() {
    let posted = ok(json!({"channel": "C0SHOP000", "ts": "1.7"}));
    let (slack, stand, _) =
        stand(vec![("chat.postMessage", limited(30)), ("chat.postMessage", posted)]).await;
    let to = |channel: &str| Post { channel: channel.into(), ..post() };
    let first = slack.post(&to("C0DEPLOYS"), false).await.unwrap_err();
    assert!(matches!(first, ChatError::Later { after: Some(after), .. } if after.as_secs() == 30));
    let second = slack.post(&to("C0DEPLOYS"), false).await.unwrap_err();
    assert!(matches!(second, ChatError::NotYet { after } if after.as_secs() >= 25), "{second:?}");
    assert_eq!(slack.post(&to("C0SHOP000"), false).await.unwrap().id, "1.7");
    assert_eq!(stand.asked.lock().unwrap().len(), 2, "nobody asked a second time in vain");
}

#[tokio::test]
async fn errors_say_whether_to_wait_to_post_again_or_to_give_up() {
    let message = MessageRef { channel: "C0DEPLOYS".into(), id: "1.5".into() };
    let (slack, _, _) = stand(vec![
        ("chat.update", status(200, "text/html", "<html>proxy</html>")),
        ("chat.update", status(502, "text/html", "<html>xoxb-test</html>")),
        ("chat.update", error("message_not_found")),
        ("chat.update", error("invalid_auth")),
        ("chat.update", limited(7)),
    ])
    .await;
    let mut errors = Vec::new();
    for _ in 0..5 {
        errors.push(slack.edit(&message, &line("x")).await.unwrap_err());
    }
    assert!(matches!(&errors[0], ChatError::Later { .. }), "{:?}", errors[0]);
    assert!(matches!(&errors[1], ChatError::Later { .. }));
    assert!(matches!(&errors[2], ChatError::Gone { .. }));
    assert!(matches!(&errors[3], ChatError::Refused { why } if why.contains("SLACK_BOT_TOKEN")));
    assert!(matches!(&errors[4], ChatError::Later { after: Some(after), .. } if after.as_secs() == 7));
    assert!(errors.iter().all(|e| !e.to_string().contains("xoxb") && !e.to_string().contains('<')));
}

#[tokio::test]
async fn an_answer_goes_to_its_address_and_where_that_is_used_up_to_the_channel() {
    let (slack, stand, origin) = stand(vec![("chat.postEphemeral", ok(json!({"message_ts": "1"})))]).await;
    stand.answers.lock().unwrap().insert(
        "/response/1".into(),
        VecDeque::from([status(200, "text/plain", "ok"), status(404, "text/plain", "used_url")]),
    );
    let mut to = person();
    to.response_url = Some(format!("{origin}/response/1"));
    let message = Message::line(Tone::Good, "hello");
    slack.reply(&to, &message).await.unwrap();
    slack.reply(&to, &message).await.unwrap();
    let asked = stand.asked.lock().unwrap();
    let paths: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/response/1", "/response/1", "/api/chat.postEphemeral"]);
}

#[tokio::test]
async fn somebody_of_another_workspace_is_a_guest() {
    let user = |team: &str, bot: bool| {
        ok(json!({"user": {"id": "U0ADA", "team_id": team, "is_bot": bot, "name": "ada"}}))
    };
    let (slack, stand, _) =
        stand(vec![("users.info", user("T0TEAM", false)), ("users.info", user("T0OTHER", true))]).await;
    let account = person().account;
    let ours = slack.account(&account).await.unwrap();
    assert!(ours.active && !ours.guest && !ours.bot);
    let stranger = slack.account(&account).await.unwrap();
    assert!(stranger.guest && stranger.bot);
    assert_eq!(stand.asked.lock().unwrap()[0].0, "/api/users.info?user=U0ADA");
}
