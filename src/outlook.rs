//! `shipgate explain` and `shipgate simulate`: the calendar tried out before anybody relies on it. They read the
//! settings, and the freezes of chat where the database can be looked at. Not here: pictures and feeds (`shipgate-web`).

mod explain;
mod grid;
mod json;
mod served;
mod simulate;

pub use explain::{Explain, explain};
pub use served::Served;
pub use simulate::{Simulate, simulate};

use crate::database;
use crate::settings::{Problems, Settings, environment};
use jiff::{SignedDuration, Timestamp};
use shipgate_app::feeds;
use shipgate_app::store::StoreError;
use shipgate_domain::calendar::outlook::View;
use shipgate_domain::calendar::{
    Calendar, FeedSource, FeedState, FeedTrouble, Feeds, Freeze, FreezeWhen, try_content,
};
use shipgate_domain::hidden::is_hidden;
use shipgate_domain::policy::{Environment, Policy, Service};
use std::path::Path;

/// Everything that is asked about.
struct Rules {
    policy: Policy,
    calendar: Calendar,
    /// How many freezes of chat are in it, or why they are not.
    chat: Result<usize, String>,
    /// What is known of each calendar that others keep.
    calendars: Vec<Elsewhere>,
}

/// A calendar that others keep, as it is known here.
struct Elsewhere {
    /// What its freeze is called.
    name: String,
    /// Where it is, for people.
    place: String,
    /// From where it is known, or why it cannot be known here.
    known: Result<KnownFrom, String>,
}

/// From where the content of a calendar is known.
enum KnownFrom {
    /// It was read now.
    File,
    /// A server read it at this instant.
    Server(Timestamp),
}

impl Rules {
    /// The settings' rules and, where the database lets itself be looked at, the freezes added in chat.
    fn read(config: &Path, now: Timestamp) -> Result<Self, Problems> {
        let policy = Settings::rules(config)?;
        let known = look(config, &policy);
        let mut freezes = policy.freezes.clone();
        freezes.extend(known.iter().flat_map(|known| &known.chat).cloned());
        // Files are read as a server reads them. Addresses are not asked: what the database says of them counts.
        let mut feeds = known.as_ref().map_or_else(|_| Feeds::new(), |known| known.feeds.clone());
        let calendars =
            policy.freezes.iter().filter_map(|freeze| elsewhere(freeze, &mut feeds, now)).collect();
        let calendar = Calendar::compile_with(&policy.schedules, &freezes, &feeds, now);
        Ok(Self { policy, calendar, chat: known.map(|known| known.chat.len()), calendars })
    }

    /// The place that was named: an environment by name or alias, and a service, which is the default one unless said.
    fn place(&self, named: Option<&str>, service: Option<&str>) -> Result<Place<'_>, String> {
        let policy = &self.policy;
        let environments = || names(policy.environments.keys());
        let environment = match named {
            Some(word) => policy.environment(word).ok_or_else(|| {
                format!("there is no environment “{}”; there are {}", clean(word), environments())
            })?,
            None => policy
                .environment("production")
                .or_else(|| policy.environments.values().next().filter(|_| policy.environments.len() == 1))
                .ok_or_else(|| {
                    format!("which environment is meant? Write --environment with one of {}", environments())
                })?,
        };
        let services = || names(policy.services.keys());
        let service = match service {
            Some(word) => policy
                .services
                .values()
                .find(|service| service.name.as_str().eq_ignore_ascii_case(word))
                .ok_or_else(|| format!("there is no service “{}”; there are {}", clean(word), services()))?,
            None => policy.default_service().ok_or_else(|| {
                format!("which service is meant? Write --service with one of {}", services())
            })?,
        };
        Ok(Place { environment, service })
    }

    fn view<'a>(&'a self, place: &Place<'a>) -> View<'a> {
        View {
            calendar: &self.calendar,
            environment: place.environment.name.as_str(),
            service: place.service.name.as_str(),
            schedule: place.environment.schedule.as_deref(),
        }
    }

    /// What people should know about the freezes of chat.
    fn about_chat(&self) -> String {
        match &self.chat {
            Ok(0) => "No freeze was added in chat.".to_owned(),
            Ok(1) => "1 freeze that was added in chat is included.".to_owned(),
            Ok(count) => format!("{count} freezes that were added in chat are included."),
            Err(why) => format!("Freezes added in chat are NOT included: {why}"),
        }
    }

    /// What people should know about each calendar that others keep.
    fn about_calendars(&self) -> Vec<String> {
        let zone = &self.policy.zone;
        let line = |calendar: &Elsewhere| {
            let Elsewhere { name, place, known } = calendar;
            match known {
                Ok(KnownFrom::File) => format!("“{name}” is read from {place}."),
                Ok(KnownFrom::Server(at)) => {
                    format!("“{name}”: {place} as a server read it {}.", zone.say(*at))
                }
                Err(why) => format!("“{name}” cannot be known here: {why}."),
            }
        };
        self.calendars.iter().map(line).collect()
    }
}

/// What is known of a freeze's calendar, for people and as the state to judge by; none where it has none.
fn elsewhere(freeze: &Freeze, feeds: &mut Feeds, now: Timestamp) -> Option<Elsewhere> {
    let FreezeWhen::Feed { source, max_age, .. } = &freeze.when else { return None };
    let before = feeds.get(&freeze.id).cloned();
    let before = before.as_ref();
    let known = match source {
        FeedSource::File { path } => {
            let read = shipgate_calendars::local(Path::new(path))
                .and_then(|content| try_content(&content, &freeze.zone, now).map(|()| content));
            match read {
                Ok(content) => {
                    let state = FeedState {
                        source: source.clone(),
                        content: Some(content),
                        mark: None,
                        confirmed: Some(now),
                        trouble: None,
                        due: now,
                    };
                    feeds.insert(freeze.id.clone(), state);
                    Ok(KnownFrom::File)
                }
                // A server believes what it read last for so long, too.
                Err(why) => {
                    stored(before, source, *max_age, now).map_err(|_| why.clone()).inspect_err(|why| {
                        let trouble = Some(FeedTrouble { since: now, why: why.clone() });
                        let (source, due) = (source.clone(), now);
                        let state =
                            FeedState { source, content: None, mark: None, confirmed: None, trouble, due };
                        feeds.insert(freeze.id.clone(), state);
                    })
                }
            }
        }
        FeedSource::Address { .. } | FeedSource::Gitlab { .. } => stored(before, source, *max_age, now)
            .map_err(|why| format!("only a running server reads {source}, and {why}")),
    };
    Some(Elsewhere { name: freeze.name.clone(), place: source.to_string(), known })
}

/// When a server read a calendar last, if that can still be believed.
fn stored(
    state: Option<&FeedState>,
    source: &FeedSource,
    max_age: SignedDuration,
    now: Timestamp,
) -> Result<KnownFrom, String> {
    let state = state.ok_or_else(|| "the database here knows nothing of it".to_owned())?;
    state.content(source, max_age, now)?;
    Ok(KnownFrom::Server(state.confirmed.unwrap_or(now)))
}

/// What the database knows and the settings do not.
struct Known {
    /// Freezes added in chat.
    chat: Vec<Freeze>,
    /// What calendars of others said last.
    feeds: Feeds,
}

struct Place<'a> {
    environment: &'a Environment,
    service: &'a Service,
}

fn names<T: ToString>(all: impl Iterator<Item = T>) -> String {
    let names: Vec<String> = all.map(|name| name.to_string()).collect();
    if names.is_empty() { "none in the settings".to_owned() } else { names.join(", ") }
}

/// Looks at the database without a right to write; a server that runs on it notices nothing.
fn look(config: &Path, policy: &Policy) -> Result<Known, String> {
    let settings = Settings::store(config, &environment)
        .map_err(|problems| problems.list().first().map_or_else(String::new, |p| p.what.clone()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let store = database::look_at(&settings).await.map_err(|error| format!("{error:#}"))?;
        let read = async {
            let (_, chat) = store.freezes(false).await?;
            Ok(Known { chat, feeds: feeds::stored(store.as_ref(), policy).await? })
        };
        read.await.map_err(|error: StoreError| error.with_causes())
    })
}

/// Names come from settings and chat: nothing in them moves the cursor or turns the direction of reading.
fn clean(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}
