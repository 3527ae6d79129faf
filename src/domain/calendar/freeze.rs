//! A freeze: where and when nobody deploys. Not here: looking freezes up quickly (`Calendar`), reminders (`lead`).

use super::cron::{BadCron, FiveFieldCron};
use super::feed::FeedSource;
use super::holidays::{HolidayList, UnknownList};
use super::reading::{Reading, instant};
use super::recurrence::{BadRule, Recurrence};
use super::relative::{BadDay, RelativeDay};
use super::schedule::later;
use super::words::{BadLength, BadTime, Length, parse_civil};
use crate::zone::Zone;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a freeze is called for ever: in the audit, in overrides, in reminders. Names may change, ids do not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FreezeId(pub String);

impl fmt::Display for FreezeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time in which nothing is deployed to its scope, except in an emergency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Its id.
    pub id: FreezeId,
    /// What people call it.
    pub name: String,
    /// Where it holds.
    pub scope: FreezeScope,
    /// Whose clocks its local times are read on.
    pub zone: Zone,
    /// When it holds.
    pub when: FreezeWhen,
    /// Who wrote it.
    pub origin: FreezeOrigin,
}

/// Where a freeze holds: every listed environment, with every listed service but the excepted ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeScope {
    /// Environments by name; none listed means all.
    #[serde(default)]
    pub environments: Vec<String>,
    /// Services by name; none listed means all.
    #[serde(default)]
    pub services: Vec<String>,
    /// Services that are left out, such as the one a maintenance window is for.
    #[serde(default)]
    pub except_services: Vec<String>,
}

impl FreezeScope {
    /// Whether a deploy of this service to this environment is meant.
    #[must_use]
    pub fn covers(&self, environment: &str, service: &str) -> bool {
        let listed = |list: &[String], word: &str| list.is_empty() || list.iter().any(|entry| entry == word);
        listed(&self.environments, environment)
            && listed(&self.services, service)
            && !self.except_services.iter().any(|entry| entry == service)
    }
}

/// When a freeze holds. The first instant is inside, the last outside.
///
/// Where clocks change, a freeze takes its longer reading: it begins at the first of a doubled time and ends at the
/// second; with a skipped time it begins at the moment of the change, and ends as much later as the time lies in the
/// gap (`until` 02:30 becomes 03:30). Midnight is the border of the day: from one date to the next is that local day,
/// whether it has 23, 24 or 25 hours. A cron line whose time is skipped begins at the moment of the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreezeWhen {
    /// Once, in local time.
    Dates {
        /// Inside.
        from: DateTime,
        /// Outside.
        until: DateTime,
    },
    /// Each time a cron line fires, for so long. Days are local days.
    Cron {
        /// When it begins.
        line: FiveFieldCron,
        /// How long it holds.
        lasts: Length,
    },
    /// Each time a recurrence rule fires, for so long. Days are local days.
    Rule {
        /// When it begins.
        rule: Recurrence,
        /// How long it holds.
        lasts: Length,
    },
    /// From the midnight that begins a day of each year, for so long.
    On {
        /// The day.
        day: RelativeDay,
        /// How long it holds.
        lasts: Length,
    },
    /// On public holidays, each its local day.
    Holidays {
        /// Whose.
        list: HolidayList,
    },
    /// While an event of a calendar lasts that others keep.
    Feed {
        /// Where it is.
        source: FeedSource,
        /// How often it is read again.
        refresh: SignedDuration,
        /// How long what was read is believed when it cannot be read again.
        max_age: SignedDuration,
    },
    /// Between two instants: freezes that somebody starts and ends in chat.
    Instants {
        /// Inside.
        from: Timestamp,
        /// Outside; none means until somebody ends it.
        until: Option<Timestamp>,
    },
}

/// Who wrote a freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreezeOrigin {
    /// It stands in the settings and ends there.
    Settings,
    /// Somebody added it in chat.
    Chat {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
}

/// How many times of a cron line are looked at for overlaps: more than a year of days.
const LOOK_AT_FIRES: usize = 400;

/// A freeze that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFreeze {
    /// It would be over before it begins.
    #[error(
        "it ends at {until}, which is not after its start at {from}; \
         `until` is excluded, so one whole day is from = \"2026-12-25\", until = \"2026-12-26\""
    )]
    EndsBeforeStart {
        /// Its start.
        from: String,
        /// Its end.
        until: String,
    },
    /// A local time cannot be read.
    #[error(transparent)]
    Time(#[from] BadTime),
    /// The cron line cannot be read, or never fires.
    #[error(transparent)]
    Cron(#[from] BadCron),
    /// The length cannot be read.
    #[error(transparent)]
    Length(#[from] BadLength),
    /// The recurrence rule cannot be read, needs a beginning, or never fires.
    #[error(transparent)]
    Rule(#[from] BadRule),
    /// The day of the year cannot be read.
    #[error(transparent)]
    Day(#[from] BadDay),
    /// There is no such list of holidays.
    #[error(transparent)]
    Holidays(#[from] UnknownList),
}

impl FreezeWhen {
    /// From one local time to another, as written in the settings.
    ///
    /// # Errors
    /// A time cannot be read, or the end is not after the start.
    pub fn dates(from: &str, until: &str) -> Result<Self, BadFreeze> {
        let (from, until) = (parse_civil(from)?, parse_civil(until)?);
        if until <= from {
            return Err(ends_before_start(&from, &until));
        }
        Ok(Self::Dates { from, until })
    }

    /// Each time `line` fires, for as long as `lasts`.
    ///
    /// # Errors
    /// The line cannot be read or never fires, or the length cannot be read.
    pub fn cron(line: &str, lasts: &str) -> Result<Self, BadFreeze> {
        Ok(Self::Cron { line: line.parse()?, lasts: lasts.parse()? })
    }

    /// Each time a recurrence rule fires, for as long as `lasts`. `from` is when it may fire first.
    ///
    /// # Errors
    /// The rule cannot be read, needs `from` or never fires, or a time or the length cannot be read.
    pub fn rule(rule: &str, from: Option<&str>, lasts: &str) -> Result<Self, BadFreeze> {
        let from = from.map(parse_civil).transpose()?;
        Ok(Self::Rule { rule: Recurrence::new(rule, from)?, lasts: lasts.parse()? })
    }

    /// From a day of each year, for as long as `lasts`.
    ///
    /// # Errors
    /// The day or the length cannot be read.
    pub fn on(day: &str, lasts: &str) -> Result<Self, BadFreeze> {
        Ok(Self::On { day: day.parse()?, lasts: lasts.parse()? })
    }

    /// On the public holidays of a country, or of a part of it.
    ///
    /// # Errors
    /// There is no such list.
    pub fn holidays(code: &str) -> Result<Self, BadFreeze> {
        Ok(Self::Holidays { list: code.parse()? })
    }

    /// From one instant to another, or until somebody ends it.
    ///
    /// # Errors
    /// The end is not after the start.
    pub fn instants(from: Timestamp, until: Option<Timestamp>) -> Result<Self, BadFreeze> {
        match until {
            Some(until) if until <= from => Err(ends_before_start(&from, &until)),
            _ => Ok(Self::Instants { from, until }),
        }
    }
}

fn ends_before_start(from: &dyn fmt::Display, until: &dyn fmt::Display) -> BadFreeze {
    BadFreeze::EndsBeforeStart { from: from.to_string(), until: until.to_string() }
}

impl Freeze {
    /// Whether it holds at an instant or begins after it, however far ahead: the 29th of February is years away, and not
    /// over. Calendars of others and lists of holidays get new days.
    #[must_use]
    pub fn is_to_come(&self, at: Timestamp) -> bool {
        match &self.when {
            FreezeWhen::Dates { until, .. } => instant(self.zone.tz(), *until, Reading::Late) > at,
            FreezeWhen::Instants { until, .. } => until.is_none_or(|until| until > at),
            FreezeWhen::Rule { rule, lasts } => {
                // One that ends at this very instant is over.
                let from = later(at, SignedDuration::from_secs(1) - lasts.total());
                rule.fires_after(&self.zone, self.zone.civil(from).datetime())
            }
            FreezeWhen::Cron { .. }
            | FreezeWhen::On { .. }
            | FreezeWhen::Holidays { .. }
            | FreezeWhen::Feed { .. } => true,
        }
    }

    /// The first stretch after an instant in which a cron freeze begins again before it is over, so that it lasts longer
    /// than its length says: `0 * 15 JAN *` for 24 hours is 47 hours. Worth a warning; the freeze holds all the same. One
    /// that begins again and again ends later than this, or never: only the calendar knows.
    #[must_use]
    pub fn runs_together(&self, after: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let FreezeWhen::Cron { line, lasts } = &self.when else { return None };
        let (mut span, mut fires): (Option<(Timestamp, Timestamp)>, u32) = (None, 0);
        for (fire, meant) in line.upcoming_with_clocks(after, &self.zone).take(LOOK_AT_FIRES) {
            let end = lasts.after_meant(fire, meant, &self.zone);
            span = match span {
                Some((from, until)) if fire < until => {
                    fires += 1;
                    Some((from, until.max(end)))
                }
                Some(_) if fires > 0 => break,
                _ => Some((fire, end)),
            };
        }
        span.filter(|_| fires > 0)
    }
}
