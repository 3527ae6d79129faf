//! When deploys are allowed: weekly schedules and freezes, right to the minute in every zone. Not here: what a closed
//! calendar means for a deploy (`gates`), where the rules are written (settings, store).
//!
//! People's rules are local times in a named zone; instants are computed from them, and every span is half-open: its
//! first instant is inside, its last outside. Where clocks change, a window takes the shorter reading and a freeze the
//! longer one; [`Schedule`] and [`FreezeWhen`] state the rule exactly.
//!
//! Deploy hours as a team may write them: Monday to Thursday at any time, Friday before 14:00, weekends for emergency
//! fixes only.
//!
//! ```
//! # use shipgate_domain::{calendar::{Opening, Schedule}, zone::Zone};
//! # use jiff::Timestamp;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let office = Schedule::new(
//!     "office",
//!     Zone::named("America/New_York")?,
//!     vec!["Mon-Thu 00:00-24:00".parse()?, "Fri 00:00-14:00".parse()?],
//!     vec!["Sat-Sun 00:00-24:00".parse()?],
//! )?;
//! let friday_13_59: Timestamp = "2026-11-20T13:59-05:00".parse()?;
//! let friday_14_00: Timestamp = "2026-11-20T14:00-05:00".parse()?;
//! let saturday: Timestamp = "2026-11-21T00:00-05:00".parse()?;
//! assert_eq!(office.at(friday_13_59), Opening::Open);
//! assert_eq!(office.at(friday_14_00), Opening::Closed);
//! assert_eq!(office.at(saturday), Opening::EmergencyOnly);
//! let monday: Timestamp = "2026-11-23T00:00-05:00".parse()?;
//! assert_eq!(office.next_open(friday_14_00, false), Some(monday));
//! # Ok(())
//! # }
//! ```

mod compiled;
mod cron;
mod feed;
mod freeze;
mod holidays;
mod lead;
pub mod outlook;
mod reading;
mod recurrence;
mod relative;
mod schedule;
mod stretch;
mod weekly;
pub mod words;

pub use compiled::{ActiveFreeze, Calendar, CalendarSpan, FreezeOccurrence, START_MARGIN};
pub use cron::{BadCron, FiveFieldCron};
pub use feed::{FeedContent, FeedEvent, FeedLasts, FeedPeriod, FeedSource, FeedState, FeedTrouble, Feeds};
pub use freeze::{BadFreeze, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen};
pub use holidays::{Holiday, HolidayList, UnknownList};
pub use lead::{BadLead, Lead};
pub use recurrence::{BadRule, Form, Recurrence, basic};
pub use relative::{BadDay, MONTHS, RelativeDay};
pub use schedule::{NeverOpens, Schedule};
pub use stretch::try_content;
pub use weekly::{BadSpan, WeeklySpan};
pub use words::Length;

use serde::{Deserialize, Serialize};

/// What a schedule says about an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    /// Deploys are allowed.
    Open,
    /// Only emergency fixes are.
    EmergencyOnly,
    /// None are.
    Closed,
}

impl Opening {
    /// Whether a deploy gets through, which may be an emergency.
    #[must_use]
    pub fn lets_through(self, emergency: bool) -> bool {
        match self {
            Self::Open => true,
            Self::EmergencyOnly => emergency,
            Self::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests;
