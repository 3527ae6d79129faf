//! Calendars that others keep, as they were last read: a file or address in the iCalendar format, the freeze periods of
//! a GitLab project. Not here: reading them (an adapter does), when their events are as instants (`stretch`).
//!
//! Their content is no part of the policy: a calendar that is read again must not void approvals.

use super::{FiveFieldCron, FreezeId, Length, Recurrence};
use crate::zone::Zone;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where a calendar is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedSource {
    /// An iCalendar file on this machine.
    File {
        /// Its path.
        path: String,
    },
    /// An iCalendar file behind an address. Such addresses often are secrets themselves: only their host is said.
    Address {
        /// The address.
        url: String,
    },
    /// The freeze periods of a GitLab project.
    Gitlab {
        /// The server, without a slash at the end.
        url: String,
        /// The project with its groups: `acme/api`.
        project: String,
    },
}

impl fmt::Display for FeedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |url: &str| {
            url.split("://").last().unwrap_or_default().split(['/', '?', '#']).next().map(str::to_owned)
        };
        match self {
            Self::File { path } => write!(f, "the file {path}"),
            Self::Address { url } => write!(f, "the calendar at {}", host(url).unwrap_or_default()),
            Self::Gitlab { url, project } => {
                write!(f, "the freeze periods of {project} on {}", host(url).unwrap_or_default())
            }
        }
    }
}

/// What a calendar says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedContent {
    /// Events, each of which is a freeze while it lasts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<FeedEvent>,
    /// Pairs of cron lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<FeedPeriod>,
}

/// An event of a calendar, once or again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedEvent {
    /// What it is called.
    pub label: String,
    /// Whose clocks show its times; none means those of the freeze: whole days, and times without a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// When it begins first.
    pub from: DateTime,
    /// How long it lasts.
    pub lasts: FeedLasts,
    /// When it begins again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Recurrence>,
    /// When it begins besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<DateTime>,
    /// When it does not begin after all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<DateTime>,
}

/// How long an event lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedLasts {
    /// So many local days, hours and minutes.
    Length(Length),
    /// Until the clocks show so many seconds more, and at least for so many seconds: where clocks change under an event
    /// that repeats, calendars differ in which of the two they mean. The longer one counts.
    Clock {
        /// On the clock.
        shown: i64,
        /// In truth, the first time.
        passed: i64,
    },
}

/// A freeze period of GitLab: it is frozen when the last start lies after the last end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPeriod {
    /// When it starts.
    pub start: FiveFieldCron,
    /// When it ends.
    pub end: FiveFieldCron,
    /// Whose clocks both are read on.
    pub zone: Zone,
}

/// A calendar as it was last read, or tried to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedState {
    /// Where it was read. A state of another place is none.
    pub source: FeedSource,
    /// What it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<FeedContent>,
    /// By what the other side knows this content (an ETag, a date), to answer that nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// When it was last known to say this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Timestamp>,
    /// Since when, and why, it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<FeedTrouble>,
    /// When it is to be read again.
    pub due: Timestamp,
}

/// Why a calendar cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedTrouble {
    /// Since when.
    pub since: Timestamp,
    /// Why, for people.
    pub why: String,
}

/// All calendars that others keep, by the freeze that reads them.
pub type Feeds = BTreeMap<FreezeId, FeedState>;

impl FeedState {
    /// When this content is too old to be believed.
    #[must_use]
    pub fn good_until(&self, max_age: SignedDuration) -> Option<Timestamp> {
        self.content.as_ref()?;
        Some(self.confirmed?.saturating_add(max_age).unwrap_or(Timestamp::MAX))
    }

    /// What the calendar says, as far as that can be believed now.
    ///
    /// # Errors
    /// Why it cannot, for people.
    pub fn content(
        &self,
        source: &FeedSource,
        max_age: SignedDuration,
        now: Timestamp,
    ) -> Result<&FeedContent, String> {
        let why = self.trouble.as_ref().map(|trouble| format!(": {}", trouble.why)).unwrap_or_default();
        if self.source != *source {
            return Err(never_read());
        }
        match (&self.content, self.good_until(max_age)) {
            (Some(content), Some(until)) if now < until => Ok(content),
            (Some(_), Some(_)) => Err(format!("it was last read too long ago{why}")),
            _ => Err(format!("{}{why}", never_read())),
        }
    }
}

pub(super) fn never_read() -> String {
    "it has not been read yet".to_owned()
}
