//! The page from outside: what a browser sends and sees, and what a use case asks of the chat. Not here: looks.

use super::*;
use axum::body::Body as HttpBody;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use shipgate_app::inbound::{Content, ReplyTo};
use shipgate_app::ports::{Chat as _, ChatError, Post};
use shipgate_app::words::{Body, Form, Message, Text, Tone};
use shipgate_domain::ids::Platform;
use tower::ServiceExt as _;

#[derive(Default)]
struct Still {
    heard: Mutex<Vec<Inbound>>,
    is_full: bool,
}

impl Still {
    fn heard(&self) -> Vec<Inbound> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl Sink for Still {
    async fn accept(&self, inbound: Inbound) -> Result<(), Refusal> {
        if self.is_full {
            return Err(Refusal(
                "The disk is full, so nothing was done. Free some space and try again.".into(),
            ));
        }
        self.heard.lock().unwrap().push(inbound);
        Ok(())
    }
}

#[async_trait]
impl Sites for Still {
    async fn sites(&self) -> Vec<Site> {
        vec![Site {
            environment: "production".into(),
            version: "v1.2.1".into(),
            title: "<b>Site</b>".into(),
            tagline: String::new(),
            palette: 9,
            healthy: false,
            url: "http://127.0.0.1/".into(),
        }]
    }
}

#[async_trait]
impl ClockControl for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
    fn presets(&self) -> Vec<Preset> {
        Vec::new()
    }
    async fn jump(&self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
    async fn set(&self, text: &str) -> Result<(), Refusal> {
        Err(Refusal(format!("“{text}” is no time. Write it like 2026-11-20T15:00.")))
    }
    async fn reset(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

impl OpenTimes for Still {
    fn environment(&self) -> String {
        "production".into()
    }
    fn spans(&self, _: Timestamp, _: Timestamp) -> Vec<OpenSpan> {
        Vec::new()
    }
}

fn account(id: &str) -> Account {
    Account { platform: Platform::Playground, id: id.into() }
}

fn playground(world: Still) -> (Playground, Arc<Still>, CancellationToken) {
    let person = |id: &str| Person {
        id: id.parse().unwrap(),
        name: id.into(),
        role: "developer".into(),
        account: account(id),
    };
    let channel = |name: &str| Channel { name: name.into(), purpose: String::new() };
    let settings = PlaygroundSettings {
        people: vec![person("ada"), person("grace")],
        channels: vec![channel("#deployments"), channel("#engineering")],
        groups: BTreeMap::from([("managers".to_owned(), vec![account("grace")])]),
        commands: vec![CommandHint {
            command: "/deploy".into(),
            usage: String::new(),
            summary: String::new(),
            examples: vec!["/deploy production v1.2.3".into()],
        }],
        suggestions: Vec::new(),
    };
    let still = Arc::new(world);
    let world =
        World { sink: still.clone(), sites: still.clone(), clock: still.clone(), open_times: still.clone() };
    let stop = CancellationToken::new();
    (Playground::new(settings, world, stop.clone()), still, stop)
}

async fn get_text(page: &Playground, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(HttpBody::empty()).unwrap();
    let response = page.routes().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn send(page: &Playground, path: &str, body: &str, site: &str) -> (StatusCode, String) {
    let request = Request::post(path)
        .header("sec-fetch-site", site)
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(HttpBody::from(body.to_owned()))
        .unwrap();
    let response = page.routes().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn to(id: &str) -> ReplyTo {
    ReplyTo { account: account(id), channel: None, thread: None, response_url: None, trigger: None }
}

fn post(key: &str, channel: &str, text: &str) -> Post {
    let body = Body::Message(Message::line(Tone::Neutral, text));
    Post { channel: channel.into(), thread: None, body, key: key.into() }
}

#[tokio::test]
async fn a_command_is_shown_and_handed_over_once_however_often_it_is_sent() {
    let (page, world, _) = playground(Still::default());
    let body = "as=ada&channel=deployments&text=%2Fdeploy+production+v1.2.3&once=k1&tab=t1";
    assert_eq!(send(&page, "/playground/say", body, "same-origin").await.0, StatusCode::ACCEPTED);
    assert_eq!(send(&page, "/playground/say", body, "same-origin").await.0, StatusCode::ACCEPTED);
    let heard = world.heard();
    assert_eq!(heard[0].key, heard[1].key);
    assert_eq!(
        heard[0].content,
        Content::Slash { command: "deploy".into(), text: "production v1.2.3".into() }
    );
    assert_eq!(heard[0].reply_to.trigger.as_deref(), Some("t1"));
    let html = get_text(&page, "/?as=grace").await.1;
    assert_eq!(html.matches("<p class=\"words\">/deploy production v1.2.3</p>").count(), 1);
}

#[tokio::test]
async fn another_site_cannot_say_anything() {
    let (page, world, _) = playground(Still::default());
    let body = "as=ada&channel=deployments&text=%2Fhelp";
    assert_eq!(send(&page, "/playground/say", body, "cross-site").await.0, StatusCode::FORBIDDEN);
    assert!(world.heard().is_empty());
}

#[tokio::test]
async fn a_stranger_an_empty_text_and_a_huge_body_change_nothing() {
    let (page, world, _) = playground(Still::default());
    for body in [
        "as=mallory&channel=deployments&text=hi",
        "as=ada&channel=deployments&text=+",
        "as=ada&channel=x&text=hi",
    ] {
        let (status, why) = send(&page, "/playground/say", body, "same-origin").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(why.ends_with('.'), "{why}");
    }
    let huge = format!("as=ada&channel=deployments&text={}", "x".repeat(40_000));
    assert_eq!(send(&page, "/playground/say", &huge, "same-origin").await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(world.heard().is_empty());
}

#[tokio::test]
async fn what_the_sink_cannot_take_is_said_in_its_words() {
    let (page, _, _) = playground(Still { is_full: true, ..Still::default() });
    let body = "as=ada&channel=deployments&text=%2Fhelp";
    let (status, why) = send(&page, "/playground/say", body, "same-origin").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(why.contains("disk is full"), "{why}");
}

#[tokio::test]
async fn the_same_post_twice_is_one_message_and_an_unknown_channel_is_refused() {
    let (page, _, _) = playground(Still::default());
    let first = page.post(&post("k", "#deployments", "hello"), false).await.unwrap();
    assert_eq!(page.post(&post("k", "#deployments", "hello"), true).await.unwrap(), first);
    let elsewhere = page.post(&post("l", "#nowhere", "hello"), false).await;
    assert!(matches!(elsewhere, Err(ChatError::Refused { .. })));
}

#[tokio::test]
async fn a_private_answer_is_on_its_readers_page_alone() {
    let (page, _, _) = playground(Still::default());
    page.reply(&to("ada"), &Message::line(Tone::Neutral, "psst <img src=x>")).await.unwrap();
    let html = get_text(&page, "/?as=ada").await.1;
    assert!(html.contains("Only you can see this"));
    assert!(html.contains("psst") && !html.contains("<img"));
    assert!(!get_text(&page, "/?as=grace").await.1.contains("psst"));
}

#[tokio::test]
async fn a_form_waits_until_it_is_sent_and_comes_back_with_its_context() {
    let (page, world, _) = playground(Still::default());
    let form = Form {
        title: "Why?".into(),
        submit: "Reject".into(),
        intro: Text::default(),
        fields: Vec::new(),
        context: "ctx".into(),
    };
    page.open_form(&to("grace"), &form).await.unwrap();
    let html = get_text(&page, "/?as=grace").await.1;
    assert!(html.contains("<dialog class=\"form\" id=\"f-1\""));
    assert!(!get_text(&page, "/?as=ada").await.1.contains("id=\"f-1\""));
    let body = "as=grace&form=1&context=ctx&field.reason=too+late";
    assert_eq!(send(&page, "/playground/submit", body, "same-origin").await.0, StatusCode::ACCEPTED);
    let fields = BTreeMap::from([("reason".to_owned(), "too late".to_owned())]);
    assert_eq!(world.heard()[0].content, Content::Submit { context: "ctx".into(), fields });
    assert!(!get_text(&page, "/?as=grace").await.1.contains("id=\"f-1\""));
}

#[tokio::test]
async fn accounts_and_groups_are_those_of_the_settings() {
    let (page, _, _) = playground(Still::default());
    assert!(page.account(&account("ada")).await.unwrap().active);
    assert!(page.account(&account("mallory")).await.is_err());
    let slack = Account { platform: Platform::Slack, id: "ada".into() };
    assert!(page.account(&slack).await.is_err());
    let group =
        |id: &str| shipgate_domain::people::OutsideGroup { platform: Platform::Playground, id: id.into() };
    assert_eq!(page.members(&group("managers")).await.unwrap(), [account("grace")]);
    assert!(page.members(&group("nobody")).await.is_err());
}

#[tokio::test]
async fn a_site_that_does_not_work_says_so_with_its_status() {
    let (page, _, _) = playground(Still::default());
    let (status, html) = get_text(&page, "/sites/production").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(html.contains("v1.2.1") && html.contains("p-1") && !html.contains("<b>Site"));
    assert_eq!(get_text(&page, "/sites/moon").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_time_that_is_none_is_refused_in_words() {
    let (page, _, _) = playground(Still::default());
    let (status, why) = send(&page, "/playground/clock", "as=ada&set=noon", "same-origin").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(why.contains("noon"));
}

#[tokio::test]
async fn an_open_stream_brings_everything_then_news_and_ends_with_the_program() {
    let (page, _, stop) = playground(Still::default());
    let request =
        Request::get("/playground/events?as=ada&channel=deployments").body(HttpBody::empty()).unwrap();
    let mut body = page.routes().oneshot(request).await.unwrap().into_body();
    let mut seen = String::new();
    while !seen.contains("event: form") {
        let frame = body.frame().await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap()));
    }
    assert!(seen.contains("event: everything"));
    page.post(&post("k", "#deployments", "fresh news"), false).await.unwrap();
    while !seen.contains("fresh news") {
        let frame = body.frame().await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap()));
    }
    stop.cancel();
    while body.frame().await.is_some() {}
}

#[tokio::test]
async fn files_are_kept_for_ever_and_unknown_ones_are_not_there() {
    let (page, _, _) = playground(Still::default());
    let (status, css) = get_text(&page, "/assets/playground.css").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!css.contains("http"), "no outside resources");
    assert_eq!(get_text(&page, "/assets/..%2flib.rs").await.0, StatusCode::NOT_FOUND);
    let html = get_text(&page, "/").await.1;
    assert!(!html.contains(" style=") && !html.contains(" onclick"), "the policy allows nothing inline");
}
