//! The demo's page: a chat in memory with people one can be, the sites that deploys change, and a clock that can be
//! moved. What it shows and what a press means is decided by the caller. Not here: any rule.

mod chat;
mod clock;
mod events;
mod page;
mod render;
mod room;
mod say;
mod sites;
#[cfg(test)]
mod tests;

use crate::{assets, security};
use async_trait::async_trait;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use jiff::{Timestamp, tz::TimeZone};
use room::Room;
use serde::Deserialize;
use shipgate_app::inbound::Inbound;
use shipgate_domain::ids::{Account, PersonId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

/// A form or sentence is small; more than this is refused before it is read.
const LARGEST_BODY: usize = 32 * 1024;
/// Pages that may listen for news at once.
const LISTENERS: usize = 64;
/// News a slow page may be behind before it is sent everything again.
const BACKLOG: usize = 1024;

/// Who is in the chat and what the page offers.
#[derive(Clone, Debug)]
pub struct PlaygroundSettings {
    /// Whom a visitor can be, at least one; the first is chosen at first.
    pub people: Vec<Person>,
    /// Channels, at least one, as in the settings: `#deployments`; the first is shown at first.
    pub channels: Vec<Channel>,
    /// Members of the playground's groups, by id.
    pub groups: BTreeMap<String, Vec<Account>>,
    /// What can be said, for completion.
    pub commands: Vec<CommandHint>,
    /// Sentences to start with: `/deploy production v1.2.3`.
    pub suggestions: Vec<String>,
}

/// Somebody a visitor can be.
#[derive(Clone, Debug)]
pub struct Person {
    /// As in the settings.
    pub id: PersonId,
    /// Name to show.
    pub name: String,
    /// What they are: "developer".
    pub role: String,
    /// Their account, on [`Platform::Playground`](shipgate_domain::ids::Platform::Playground).
    pub account: Account,
}

/// A channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// With its sign: `#deployments`.
    pub name: String,
    /// What it is for, in one sentence.
    pub purpose: String,
}

/// A command, for completion.
#[derive(Clone, Debug)]
pub struct CommandHint {
    /// How it begins: `/deploy`.
    pub command: String,
    /// Its arguments: `[service] <environment> <version>`.
    pub usage: String,
    /// One sentence.
    pub summary: String,
    /// Complete sentences.
    pub examples: Vec<String>,
}

/// Something could not be done; the sentence says what, why and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// Where everything goes that somebody says or presses.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Takes it over durably; the same key twice is one thing. An error when it could not.
    async fn accept(&self, inbound: Inbound) -> Result<(), Refusal>;
}

/// What the environments serve.
#[async_trait]
pub trait Sites: Send + Sync {
    /// All of them, in the order of promotion. Asked about once a second.
    async fn sites(&self) -> Vec<Site>;
}

/// What an environment serves now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The environment's name: `production`.
    pub environment: String,
    /// The version it serves; empty when nothing answers.
    pub version: String,
    /// What the site calls itself: "Harbour Coffee".
    pub title: String,
    /// A sentence that the version says: "Now with cold brew".
    pub tagline: String,
    /// One of eight colour schemes, counted modulo 8, so that versions differ at a glance.
    pub palette: u8,
    /// Whether it works.
    pub healthy: bool,
    /// Its address as shown, http or https.
    pub url: String,
}

/// The demo's time.
#[async_trait]
pub trait ClockControl: Send + Sync {
    /// The time by which rules are judged.
    fn now(&self) -> Timestamp;
    /// The zone in which the page shows times.
    fn zone(&self) -> TimeZone;
    /// Jumps that can be chosen.
    fn presets(&self) -> Vec<Preset>;
    /// Jumps to a preset.
    async fn jump(&self, id: &str) -> Result<(), Refusal>;
    /// Sets the time to what somebody entered: `2026-11-20T15:00` in [`zone`](Self::zone).
    async fn set(&self, text: &str) -> Result<(), Refusal>;
    /// Back to where the demo's time began.
    async fn reset(&self) -> Result<(), Refusal>;
}

/// A jump in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Comes back to [`ClockControl::jump`].
    pub id: String,
    /// "Friday 15:00".
    pub label: String,
    /// Why one would: "An hour after the office window has closed".
    pub description: String,
}

/// When the environment with the strictest rules lets deploys through.
pub trait OpenTimes: Send + Sync {
    /// Whose times these are: `production`.
    fn environment(&self) -> String;
    /// What holds in `[from, until)`, in order, without holes.
    fn spans(&self, from: Timestamp, until: Timestamp) -> Vec<OpenSpan>;
}

/// A stretch of time in which one thing holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSpan {
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub until: Timestamp,
    /// What holds.
    pub kind: OpenKind,
    /// The freeze's name, or empty.
    pub label: String,
}

/// What holds in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OpenKind {
    /// Deploys go through.
    Open,
    /// Only emergencies do.
    EmergencyOnly,
    /// Outside the windows.
    Closed,
    /// A freeze.
    Frozen,
}

/// What the page is connected to.
#[derive(Clone)]
pub struct World {
    /// Takes what people say.
    pub sink: Arc<dyn Sink>,
    /// Knows what the environments serve.
    pub sites: Arc<dyn Sites>,
    /// Knows and moves the time.
    pub clock: Arc<dyn ClockControl>,
    /// Knows when deploys are allowed.
    pub open_times: Arc<dyn OpenTimes>,
}

/// The page and the chat behind it. Clones are the same page.
#[derive(Clone)]
pub struct Playground(Arc<Inner>);

struct Inner {
    settings: PlaygroundSettings,
    world: World,
    room: Mutex<Room>,
    news: broadcast::Sender<News>,
    listeners: Arc<Semaphore>,
    stop: CancellationToken,
    /// Tells the keys of this process from those of another.
    run: u64,
}

/// What has changed.
#[derive(Clone, Debug)]
enum News {
    /// A message, or a message in its thread.
    Message { channel: String, root: u64 },
    /// A message is gone.
    Gone { channel: String, id: u64 },
    /// A form waits for somebody.
    Form { account: String },
    /// The clock or a site.
    Side,
}

impl Playground {
    /// An empty chat. Streams of news end when `stop` is cancelled, so that the server can.
    ///
    /// # Panics
    /// When the settings name no person or no channel.
    #[must_use]
    pub fn new(settings: PlaygroundSettings, world: World, stop: CancellationToken) -> Self {
        assert!(!settings.people.is_empty(), "the playground needs somebody to be");
        assert!(!settings.channels.is_empty(), "the playground needs a channel");
        Self(Arc::new(Inner {
            settings,
            world,
            room: Mutex::default(),
            news: broadcast::Sender::new(BACKLOG),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            stop,
            run: room::unlike_any_other(),
        }))
    }

    /// The page, its files and everything it asks: `/`, `/sites/{environment}`, `/playground/…`, `/assets/…`.
    pub fn routes(&self) -> Router {
        let routes = Router::new()
            .route("/", get(page::show))
            .route("/sites/{environment}", get(sites::show))
            .route("/playground/events", get(events::listen))
            .route("/playground/say", post(say::say))
            .route("/playground/press", post(say::press))
            .route("/playground/submit", post(say::submit))
            .route("/playground/dismiss", post(say::dismiss))
            .route("/playground/clock", post(clock::change))
            .route("/assets/{name}", get(assets::serve))
            .layer(middleware::from_fn(security::same_origin_only))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(self.clone());
        security::strict(routes)
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        // Every change to the room is one call that ends whole, so a panic elsewhere leaves it sound.
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: News) {
        // No page listens: nobody needs to be told.
        let _ = self.0.news.send(news);
    }

    fn person(&self, account: &str) -> Option<&Person> {
        self.0.settings.people.iter().find(|person| person.account.id == account)
    }

    fn channel(&self, id: &str) -> Option<&Channel> {
        let wanted = id.trim_start_matches('#');
        self.0.settings.channels.iter().find(|channel| channel.id() == wanted)
    }
}

impl Channel {
    /// The name without its sign.
    fn id(&self) -> &str {
        self.name.trim_start_matches('#')
    }
}

/// Who looks at what.
#[derive(Clone, Debug, Default, Deserialize)]
struct Looking {
    /// The account of the person the visitor is.
    #[serde(rename = "as", default)]
    viewer: String,
    /// The channel's id.
    #[serde(default)]
    channel: String,
    /// One tab of a browser, by a word of its own.
    #[serde(default)]
    tab: String,
}

impl Playground {
    /// The person and channel meant; the first ones where the address names none that exist.
    fn looking(&self, looking: &Looking) -> (&Person, &Channel) {
        let person = self.person(&looking.viewer).unwrap_or(&self.0.settings.people[0]);
        let channel = self.channel(&looking.channel).unwrap_or(&self.0.settings.channels[0]);
        (person, channel)
    }
}
