//! A freeze: where and when nobody deploys. Not here: looking freezes up quickly (`Calendar`), reminders (`lead`).

use super::cron::{BadCron, FiveFieldCron};
use super::reading::{Reading, instant};
use super::words::{BadLength, BadTime, Length, parse_civil};
use crate::zone::Zone;
use jiff::Timestamp;
use jiff::civil::DateTime;
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
    /// The first stretch after an instant in which a cron freeze begins again before it is over, so that it lasts longer
    /// than its length says: `0 * 15 JAN *` for 24 hours is 47 hours. Worth a warning; the freeze holds all the same.
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

    /// When this freeze holds, as instants that touch `[from, until)`, sorted, disjoint, none touching the next.
    /// An end of `Timestamp::MAX` means that it has none.
    pub(super) fn between(&self, from: Timestamp, until: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let tz = self.zone.tz();
        let single = |span: (Timestamp, Timestamp)| {
            let touches = span.0 < span.1 && span.0 < until && span.1 > from;
            if touches { vec![span] } else { Vec::new() }
        };
        match &self.when {
            FreezeWhen::Dates { from, until } => {
                single((instant(tz, *from, Reading::Early), instant(tz, *until, Reading::Late)))
            }
            FreezeWhen::Instants { from, until } => single((*from, until.unwrap_or(Timestamp::MAX))),
            FreezeWhen::Cron { line, lasts } => {
                let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
                // A local day more than its length covers days that clocks make longer.
                let back = lasts.before(from, &self.zone);
                let start = super::schedule::later(back, jiff::SignedDuration::from_hours(-25));
                let fires = line.upcoming_with_clocks(start, &self.zone);
                for (fire, meant) in fires.take_while(|(fire, _)| *fire < until) {
                    let end = lasts.after_meant(fire, meant, &self.zone);
                    match spans.last_mut() {
                        Some(last) if last.1 >= fire => last.1 = last.1.max(end),
                        _ if end > fire => spans.push((fire, end)),
                        _ => {} // a day that the zone leaves out
                    }
                }
                spans.retain(|span| span.1 > from);
                spans
            }
        }
    }
}
