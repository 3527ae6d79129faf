//! The calendar for people's eyes: a page with a picture of the weeks, the picture alone, and a feed for calendar
//! programs. All of it only reads. Not here: what is open (`domain`), or the words (`app::outlook`).

pub mod feed;
mod page;
pub mod picture;
pub mod secret;
#[cfg(test)]
mod tests;

pub use feed::{Changes, Feed};
pub use picture::Picture;

use crate::{assets, security};
use async_trait::async_trait;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use shipgate_domain::calendar::Calendar;
use shipgate_domain::calendar::outlook::{Outlook, View};
use shipgate_domain::hidden::is_hidden;
use shipgate_domain::policy::{Environment, Policy, Service};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Answers that are worked on at once; the others are asked to come back.
const AT_ONCE: usize = 4;
/// Most weeks of a picture: a year and the week it ends in.
const MOST_WEEKS: u32 = 53;
/// Weeks of a picture unless asked otherwise: two months.
const WEEKS: u32 = 9;
/// An answer may be shown again for a minute.
const FRESH: &str = "private, max-age=60";

/// Where the calendar comes from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Rules, freezes and the time, as of now; an error in words when they cannot be read.
    async fn now(&self) -> Result<Now, String>;
}

/// Everything an answer is made of.
#[derive(Clone, Debug)]
pub struct Now {
    /// The rules.
    pub policy: Arc<Policy>,
    /// Schedules and freezes, those of chat too.
    pub calendar: Arc<Calendar>,
    /// The time by which rules are judged.
    pub at: Timestamp,
}

/// Routes that share what they need.
struct Shown {
    source: Arc<dyn Source>,
    room: Semaphore,
    changes: Changes,
}

/// What may be asked for in an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    environment: Option<String>,
    service: Option<String>,
    weeks: Option<String>,
    windows: Option<String>,
}

impl Shown {
    fn of(source: Arc<dyn Source>) -> Self {
        Self { source, room: Semaphore::new(AT_ONCE), changes: Changes::default() }
    }
}

/// `/calendar`: the page. `/calendar.svg`: the picture. `/calendar.ics`: the feed.
pub fn routes(source: Arc<dyn Source>) -> Router {
    let shown = Shown::of(source);
    let routes = Router::new()
        .route("/calendar", get(page))
        .route("/calendar.svg", get(svg))
        .route("/calendar.ics", get(ics))
        .route("/calendar/assets/{name}", get(assets::serve))
        .with_state(Arc::new(shown));
    security::strict(routes)
}

/// What an address asks for, if that can be read.
type Question = Result<Query<Asked>, QueryRejection>;

/// An answer that is none: what was wrong, and what may be asked.
type Refused = (StatusCode, String);

/// One place of the rules.
#[derive(Clone, Copy)]
struct Place<'a> {
    environment: &'a Environment,
    service: &'a Service,
}

impl Now {
    fn place(&self, asked: &Asked) -> Result<Place<'_>, Refused> {
        let policy = &self.policy;
        let list = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let missing = |what: &str, word: &str, names: Vec<String>| {
            let word: String = word.chars().filter(|c| !is_hidden(*c)).take(80).collect();
            (StatusCode::NOT_FOUND, format!("There is no {what} “{word}”. There are: {}.", list(names)))
        };
        let environments = || policy.environments.keys().map(ToString::to_string).collect();
        let environment = match asked.environment.as_deref().filter(|word| !word.is_empty()) {
            Some(word) => {
                policy.environment(word).ok_or_else(|| missing("environment", word, environments()))?
            }
            None => policy
                .environment("production")
                .or_else(|| policy.environments.values().next())
                .ok_or_else(|| missing("environment", "production", environments()))?,
        };
        let services = || policy.services.keys().map(ToString::to_string).collect();
        let service = match asked.service.as_deref().filter(|word| !word.is_empty()) {
            Some(word) => policy
                .services
                .values()
                .find(|service| service.name.as_str() == word)
                .ok_or_else(|| missing("service", word, services()))?,
            None => policy
                .default_service()
                .or_else(|| policy.services.values().next())
                .ok_or_else(|| missing("service", "", services()))?,
        };
        Ok(Place { environment, service })
    }

    fn outlook(&self, place: Place<'_>, weeks: u32) -> Result<Outlook, Refused> {
        let (from, until) = picture::weeks(self.at, &self.policy.zone, weeks);
        let view = View {
            calendar: &self.calendar,
            environment: place.environment.name.as_str(),
            service: place.service.name.as_str(),
            schedule: place.environment.schedule.as_deref(),
        };
        let unknown =
            || (StatusCode::SERVICE_UNAVAILABLE, "The calendar does not reach that far yet.".to_owned());
        view.outlook(from, until).ok_or_else(unknown)
    }
}

impl Asked {
    fn weeks(&self) -> Result<u32, Refused> {
        let Some(written) = self.weeks.as_deref().filter(|word| !word.is_empty()) else { return Ok(WEEKS) };
        let number = written.parse().ok().filter(|weeks| (1..=MOST_WEEKS).contains(weeks));
        number.ok_or_else(|| {
            (StatusCode::BAD_REQUEST, format!("`weeks` is a number from 1 to {MOST_WEEKS}, such as 9."))
        })
    }

    fn with_closed(&self) -> Result<bool, Refused> {
        match self.windows.as_deref() {
            None | Some("") => Ok(false),
            Some("closed") => Ok(true),
            Some(_) => Err((StatusCode::BAD_REQUEST, "`windows` can only be closed.".to_owned())),
        }
    }
}

impl Shown {
    async fn read(&self) -> Result<Now, Refused> {
        let unread = |why| {
            tracing::warn!("the calendar cannot be shown: {why}");
            let what = "The calendar cannot be read now. Try again in a minute; the server's log says why.";
            (StatusCode::SERVICE_UNAVAILABLE, what.to_owned())
        };
        self.source.now().await.map_err(unread)
    }
}

fn busy() -> Refused {
    (StatusCode::TOO_MANY_REQUESTS, "Many people look at the calendar at once. Try again.".to_owned())
}

/// What is asked for; what nobody understands is refused with what can be asked.
fn understood(question: Question) -> Result<Asked, Refused> {
    let what = "This address asks for something that is not there. It may name `environment`, `service` and `weeks`, \
                each once; /calendar.ics also `windows=closed`. For example: /calendar?environment=production&weeks=9";
    question.map(|Query(asked)| asked).map_err(|_| (StatusCode::BAD_REQUEST, what.to_owned()))
}

fn answered(answer: Result<Response, Refused>) -> Response {
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn page(State(shown): State<Arc<Shown>>, asked: Question) -> Response {
    let answer = async {
        let asked = understood(asked)?;
        let _room = shown.room.try_acquire().map_err(|_| busy())?;
        let now = shown.read().await?;
        let (place, weeks) = (now.place(&asked)?, asked.weeks()?);
        let outlook = now.outlook(place, weeks)?;
        Ok(Html(page::draw(&now, place, weeks, &outlook)).into_response())
    };
    answered(answer.await)
}

async fn svg(State(shown): State<Arc<Shown>>, asked: Question, headers: HeaderMap) -> Response {
    let answer = async {
        let asked = understood(asked)?;
        let _room = shown.room.try_acquire().map_err(|_| busy())?;
        let now = shown.read().await?;
        let place = now.place(&asked)?;
        let outlook = now.outlook(place, asked.weeks()?)?;
        let title = format!("{} on {}", place.service.name, place.environment.name);
        let drawn = Picture { outlook: &outlook, zone: &now.policy.zone, title: &title, now: now.at };
        let own = [(CONTENT_SECURITY_POLICY, picture::content_security_policy())];
        Ok((own, kept(drawn.standalone(), "image/svg+xml; charset=utf-8", &headers)).into_response())
    };
    answered(answer.await)
}

async fn ics(State(shown): State<Arc<Shown>>, asked: Question, headers: HeaderMap) -> Response {
    let answer = async {
        let asked = understood(asked)?;
        let _room = shown.room.try_acquire().map_err(|_| busy())?;
        let now = shown.read().await?;
        let place = now.place(&asked)?;
        let only = |word: &Option<String>| word.as_deref().is_some_and(|word| !word.is_empty());
        let with_closed = asked.with_closed()?;
        let text = feed::write(&Feed {
            policy: &now.policy,
            calendar: &now.calendar,
            environment: (only(&asked.environment) || with_closed).then_some(place.environment),
            service: only(&asked.service).then_some(place.service),
            with_closed,
            now: now.at,
            changes: &shown.changes,
        });
        Ok(kept(text, "text/calendar; charset=utf-8", &headers))
    };
    answered(answer.await)
}

/// An answer that may be kept for a minute, and is not sent again while it stays the same.
fn kept(text: String, kind: &'static str, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", shipgate_domain::hex(&Sha256::digest(text.as_bytes())[..16]));
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes());
    let kept = [(CACHE_CONTROL, FRESH.to_owned()), (ETAG, tag)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(CONTENT_TYPE, kind)], text).into_response()
}

/// Text for XML: nothing in it is markup, and nothing hidden or forbidden there is left.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if is_hidden(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
