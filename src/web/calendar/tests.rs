//! The picture, the page and the feed as a browser or a calendar program gets them, with hostile names. Not here: what
//! is open (`domain`).

use super::{Now, Source, routes};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use shipgate_domain::calendar::{
    Calendar, FeedSource, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Schedule,
};
use shipgate_domain::policy::Policy;
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;
use std::sync::Arc;
use tower::ServiceExt as _;

const HOSTILE: &str =
    "x]]></title><script>alert(1)</script>\"'&amp;\r\nATTENDEE:mailto:a@b.c\u{202e}\u{0};,\\n ü🚀";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn freeze(name: &str, when: FreezeWhen) -> Freeze {
    Freeze {
        id: FreezeId(format!("settings:{name}")),
        name: name.to_owned(),
        scope: FreezeScope::default(),
        zone: Zone::named("Europe/Berlin").expect("a zone"),
        when,
        origin: FreezeOrigin::Chat { by: "ada".into(), reason: HOSTILE.into() },
    }
}

struct Fixed(Option<Now>);

#[async_trait]
impl Source for Fixed {
    async fn now(&self) -> Result<Now, String> {
        self.0.clone().ok_or_else(|| "the disk is gone".to_owned())
    }
}

/// A calendar without a freeze.
pub(super) fn quiet() -> Arc<dyn Source> {
    Arc::new(Fixed(Some(now(&[]))))
}

fn now(freezes: &[Freeze]) -> Now {
    let policy: Policy = serde_json::from_value(serde_json::json!({
        "zone": "Europe/Berlin", "people": {}, "groups": {}, "schedules": {}, "freezes": [],
        "services": { "api": { "name": "api", "default": true, "pipeline": {
            "provider": "github", "repo": "acme/api", "workflow": "deploy.yml", "git_ref": "main", "inputs": {}, "command": [] } } },
        "environments": { "production": {
            "name": "production", "aliases": ["prod"], "after": null, "schedule": "office", "deployers": [],
            "approvals": { "needed": 0, "from": [], "own": false, "expires": "PT4H" },
            "overrides": { "needed": 1, "from": [] }, "checks": "none", "queue": "environment",
            "rollback": { "needed": 0, "in_window_only": false }, "url": null } },
    }))
    .expect("a policy");
    let spans = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a window")).collect();
    let zone = Zone::named("America/New_York").expect("a zone");
    let (open, emergency) =
        (spans(&["Mon-Thu 00:00-24:00", "Fri 00:00-14:00"]), spans(&["Sat-Sun 00:00-24:00"]));
    let office = Schedule::new("office", zone, open, emergency).expect("it opens");
    let policy = Policy { schedules: BTreeMap::from([("office".to_owned(), office)]), ..policy };
    let at = at("2026-10-20T09:00Z");
    let calendar = Arc::new(Calendar::compile(&policy.schedules, freezes, at));
    Now { policy: Arc::new(policy), calendar, at }
}

fn hostile() -> Vec<Freeze> {
    vec![
        freeze(HOSTILE, FreezeWhen::dates("2026-11-26", "2026-12-01").expect("dates")),
        freeze(
            "Long ü name that goes on 🚀🚀🚀🚀 and on ü until it must be folded 🚀 once more",
            FreezeWhen::dates("2026-10-26T09:30", "2026-10-26T12:00").expect("dates"),
        ),
        freeze("Endless", FreezeWhen::Instants { from: at("2026-12-20T10:00Z"), until: None }),
    ]
}

async fn ask_with(
    now: Option<Now>,
    path: &str,
    tag: Option<&str>,
) -> (StatusCode, axum::http::HeaderMap, String) {
    let mut request = Request::get(path);
    if let Some(tag) = tag {
        request = request.header("if-none-match", tag);
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = routes(Arc::new(Fixed(now))).oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).expect("text"))
}

async fn ask(path: &str) -> String {
    let (status, _, body) = ask_with(Some(now(&hostile())), path, None).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

/// The lines of a feed, put together again as RFC 5545 §3.1 says, after a look at the form of each.
fn unfolded(feed: &str) -> Vec<String> {
    assert!(feed.ends_with("\r\n"));
    assert!(!feed.replace("\r\n", "").contains(['\r', '\n']), "a line ends in another way");
    let mut lines: Vec<String> = Vec::new();
    for line in feed.trim_end().split("\r\n") {
        assert!(line.len() <= 75, "{} octets: {line}", line.len());
        match line.strip_prefix(' ') {
            Some(rest) => lines.last_mut().expect("a line before").push_str(rest),
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A text value as a calendar program reads it.
fn read_text(value: &str) -> String {
    let mut read = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next().expect("something is escaped") {
                'n' | 'N' => read.push('\n'),
                other => read.push(other),
            },
            ',' | ';' => panic!("not escaped in {value}"),
            other => read.push(other),
        }
    }
    read
}

/// The values of one property, in order.
fn values<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
    lines.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).collect()
}

#[tokio::test]
async fn a_feed_is_read_back_as_it_was_meant_whatever_people_wrote() {
    let lines = unfolded(&ask("/calendar.ics").await);
    let known = [
        "BEGIN",
        "END",
        "VERSION",
        "PRODID",
        "CALSCALE",
        "METHOD",
        "X-WR-CALNAME",
        "NAME",
        "REFRESH-INTERVAL;VALUE=DURATION",
        "X-PUBLISHED-TTL",
        "UID",
        "DTSTAMP",
        "LAST-MODIFIED",
        "SEQUENCE",
        "DTSTART",
        "DTSTART;VALUE=DATE",
        "DTEND",
        "DTEND;VALUE=DATE",
        "SUMMARY",
        "DESCRIPTION",
        "CATEGORIES",
        "STATUS",
        "TRANSP",
    ];
    for line in &lines {
        let name = line.split(':').next().expect("a name");
        assert!(known.contains(&name), "{line}");
    }
    let shown: String = format!("Freeze: {HOSTILE}")
        .chars()
        .map(|c| match c {
            '\r' | '\u{202e}' | '\u{0}' => '\u{fffd}',
            c => c,
        })
        .collect();
    let summaries: Vec<String> = values(&lines, "SUMMARY").into_iter().map(read_text).collect();
    assert!(summaries.contains(&shown), "{summaries:?}");
    assert!(summaries.iter().any(|summary| summary.ends_with("folded 🚀 once more")));
    assert_eq!(values(&lines, "DTSTART;VALUE=DATE"), ["20261126"], "whole days are days");
    assert_eq!(values(&lines, "DTEND;VALUE=DATE"), ["20261201"]);
    assert_eq!(values(&lines, "DTSTART"), ["20261026T083000Z", "20261220T100000Z"]);
    assert_eq!(values(&lines, "DTEND")[0], "20261026T110000Z");
    assert!(values(&lines, "DESCRIPTION").iter().any(|text| text.contains("until somebody ends it")));
}

/// A source whose answers change between two questions.
struct Moving(std::sync::Mutex<Now>);

#[async_trait]
impl Source for Moving {
    async fn now(&self) -> Result<Now, String> {
        Ok(self.0.lock().expect("not poisoned").clone())
    }
}

#[tokio::test]
async fn an_event_that_changes_keeps_its_name_and_gets_a_higher_number_and_the_others_keep_theirs() {
    let source = Arc::new(Moving(std::sync::Mutex::new(now(&hostile()))));
    let app = routes(source.clone());
    let fetch = || async {
        let request = Request::get("/calendar.ics").body(Body::empty()).expect("a request");
        let body = app.clone().oneshot(request).await.expect("an answer").into_body();
        let feed =
            String::from_utf8(body.collect().await.expect("a body").to_bytes().to_vec()).expect("text");
        let lines = unfolded(&feed);
        let number = |text: &str| text.parse::<i32>().expect("a number");
        let numbers: Vec<i32> = values(&lines, "SEQUENCE").into_iter().map(number).collect();
        let names: Vec<String> = values(&lines, "UID").into_iter().map(str::to_owned).collect();
        let starts = [values(&lines, "DTSTART;VALUE=DATE"), values(&lines, "DTSTART")].concat();
        assert_eq!((names.len(), numbers.len(), starts.len()), (3, 3, 3));
        names.into_iter().zip(numbers).collect::<BTreeMap<String, i32>>()
    };
    let before = fetch().await;
    // The same again, an hour later: nothing changed.
    let mut later = now(&hostile());
    later.at += jiff::SignedDuration::from_hours(1);
    *source.0.lock().expect("not poisoned") = later;
    assert_eq!(fetch().await, before);
    // One of the settings ends a day later.
    let mut freezes = hostile();
    freezes[0].when = FreezeWhen::dates("2026-11-26", "2026-12-02").expect("dates");
    *source.0.lock().expect("not poisoned") = now(&freezes);
    let after = fetch().await;
    assert!(before.keys().eq(after.keys()), "names stay");
    let grown: Vec<bool> =
        before.values().zip(after.values()).map(|(before, after)| after > before).collect();
    assert_eq!(grown.iter().filter(|grew| **grew).count(), 1, "{before:?} {after:?}");
    assert!(before.iter().all(|(name, number)| after[name] >= *number));
}

#[tokio::test]
async fn a_calendar_that_cannot_be_read_is_shown_as_closed_with_the_reason() {
    let hour = jiff::SignedDuration::from_hours(1);
    let source = FeedSource::File { path: "company.ics".into() };
    let feed = freeze("Company", FreezeWhen::Feed { source, refresh: hour, max_age: hour });
    let (_, _, body) = ask_with(Some(now(&[feed])), "/calendar.ics", None).await;
    let lines = unfolded(&body);
    assert_eq!(values(&lines, "SUMMARY"), ["Closed: Company (cannot be read)"]);
    let description = read_text(values(&lines, "DESCRIPTION")[0]);
    assert!(
        description.contains("it has not been read yet") && description.contains("all services"),
        "{description}"
    );
    assert_eq!(values(&lines, "DTSTART"), ["20261020T000000Z"], "today, not a year ago");
}

#[tokio::test]
async fn closed_windows_are_in_the_feed_on_request() {
    let lines = unfolded(&ask("/calendar.ics?environment=prod&windows=closed").await);
    let summaries = values(&lines, "SUMMARY");
    assert!(summaries.contains(&"production: closed"), "{summaries:?}");
    assert!(summaries.contains(&"production: emergencies only"), "{summaries:?}");
    // Friday 14:00 in New York, before and after its clocks change on 1 November.
    let starts = values(&lines, "DTSTART");
    assert!(starts.contains(&"20261023T180000Z") && starts.contains(&"20261106T190000Z"), "{starts:?}");
    assert!(values(&lines, "DTSTART;VALUE=DATE").contains(&"20261024"), "a weekend is two whole days there");
}

#[tokio::test]
async fn nothing_that_people_wrote_is_markup() {
    for path in ["/calendar", "/calendar.svg"] {
        let body = ask(path).await;
        assert!(
            body.contains("&lt;script&gt;alert(1)") || body.contains("&#60;script&#62;alert(1)"),
            "{path}"
        );
        assert!(!body.contains("<script") && !body.contains('\u{202e}') && !body.contains('\u{0}'), "{path}");
        assert!(!body.contains("style=\""), "the page's own rules forbid it");
    }
}

#[tokio::test]
async fn the_picture_marks_the_day_on_which_clocks_change() {
    let svg = ask("/calendar.svg?weeks=2").await;
    assert!(svg.contains("Sun 25 Oct has 25 hours"), "{svg}");
    assert_eq!(svg.matches("class=\"cal-clocks\"").count(), 1);
    // Berlin's Friday 20:00 is New York's 14:00: five sixths of a day's 96.
    assert!(svg.contains("Fri 23 Oct, 20:00 to Sat 24 Oct, 06:00: closed"), "{svg}");
    assert!(svg.contains("x=\"596.00\" y=\"40\" width=\"16.00\""), "{svg}");
}

#[tokio::test]
async fn the_picture_alone_brings_its_style_and_a_rule_that_allows_just_it() {
    let (_, headers, body) = ask_with(Some(now(&[])), "/calendar.svg", None).await;
    let policy = headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(body.contains("<style>"));
    assert!(!ask("/calendar").await.contains("<style"));
}

#[tokio::test]
async fn what_stays_the_same_is_not_sent_again() {
    for path in ["/calendar.svg", "/calendar.ics"] {
        let (_, headers, _) = ask_with(Some(now(&hostile())), path, None).await;
        let tag = headers["etag"].to_str().expect("text").to_owned();
        let (status, _, body) = ask_with(Some(now(&hostile())), path, Some(&tag)).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
        let (status, ..) = ask_with(Some(now(&[])), path, Some(&tag)).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_what_can() {
    for (path, status, part) in [
        ("/calendar?environment=x", 404, "There are: production."),
        ("/calendar.svg?service=%3Cb%3E", 404, "There are: api."),
        ("/calendar.svg?weeks=54", 400, "1 to 53"),
        ("/calendar.svg?weeks=-1", 400, "1 to 53"),
        ("/calendar.ics?windows=all", 400, "closed"),
        ("/calendar?wekks=3", 400, "`weeks`"),
        ("/calendar.svg?weeks=3&weeks=4", 400, "each once"),
        ("/calendar.ics?x=%FF", 400, "windows=closed"),
    ] {
        let (got, _, body) = ask_with(Some(now(&[])), path, None).await;
        assert_eq!(got.as_u16(), status, "{path}: {body}");
        assert!(body.contains(part), "{path}: {body}");
        assert!(!body.contains("deserialize") && !body.contains("wekks"), "{path}: {body}");
    }
    let (status, _, body) = ask_with(None, "/calendar", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!body.contains("disk"), "the reason is for the log: {body}");
}
