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
use jiff::Timestamp;
use shipgate_app::feeds;
use shipgate_app::store::StoreError;
use shipgate_domain::calendar::outlook::View;
use shipgate_domain::calendar::{Calendar, Feeds, Freeze, FreezeWhen};
use shipgate_domain::hidden::is_hidden;
use shipgate_domain::policy::{Environment, Policy, Service};
use std::path::Path;

/// Everything that is asked about.
struct Rules {
    policy: Policy,
    calendar: Calendar,
    /// How many freezes of chat are in it, or why they are not.
    chat: Result<usize, String>,
}

impl Rules {
    /// The settings' rules and, where the database lets itself be looked at, the freezes added in chat.
    fn read(config: &Path, now: Timestamp) -> Result<Self, Problems> {
        let policy = Settings::rules(config)?;
        let known = look(config, &policy);
        let mut freezes = policy.freezes.clone();
        freezes.extend(known.iter().flat_map(|known| &known.chat).cloned());
        // Calendars that others keep count as unreadable where the database does not say what is in them.
        let none = Feeds::new();
        let feeds = known.as_ref().map_or(&none, |known| &known.feeds);
        let calendar = Calendar::compile_with(&policy.schedules, &freezes, feeds, now);
        Ok(Self { policy, calendar, chat: known.map(|known| known.chat.len()) })
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

    fn has_feeds(&self) -> bool {
        self.policy.freezes.iter().any(|freeze| matches!(freeze.when, FreezeWhen::Feed { .. }))
    }

    /// What people should know about the freezes of chat.
    fn about_chat(&self) -> String {
        match &self.chat {
            Ok(0) => "No freeze was added in chat.".to_owned(),
            Ok(1) => "1 freeze that was added in chat is included.".to_owned(),
            Ok(count) => format!("{count} freezes that were added in chat are included."),
            Err(why) if self.has_feeds() => format!(
                "Freezes added in chat are NOT included, and calendars that others keep count as unreadable: {why}"
            ),
            Err(why) => format!("Freezes added in chat are NOT included: {why}"),
        }
    }
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
