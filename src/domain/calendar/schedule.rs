//! A weekly schedule: when deploys are open, for emergencies only, or closed. Not here: freezes.

use super::Opening;
use super::weekly::{Week, WeeklySpan};
use crate::zone::Zone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Windows of one week in one zone, repeated for ever.
///
/// - Inside `open`: open. Else, inside `emergency_only`: emergency only. Else: closed. Where both lists cover the same
///   time, open wins, so that `emergency_only = ["Mon-Sun 00:00-24:00"]` means "the rest of the week".
/// - Where clocks change, a window takes its shorter reading: it opens at the second of a doubled time and closes at
///   the first; a skipped opening time of 02:30 opens at 03:30, a skipped closing time closes at the change. A window
///   that lies wholly in such an hour may not open at all that night.
/// - Midnight is the border of the day: `Mon 00:00-24:00` is all of Monday, also when it has 23 or 25 hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Schedule {
    /// The name in the settings.
    pub name: String,
    /// Whose clocks the windows are read on.
    pub zone: Zone,
    open: Vec<WeeklySpan>,
    emergency_only: Vec<WeeklySpan>,
    open_week: Week,
    emergency_week: Week,
}

/// A schedule that lets nothing through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "schedule “{name}” never opens: it has no window in `open`; \
     write for example open = [\"Mon-Thu 00:00-24:00\", \"Fri 00:00-14:00\"]"
)]
pub struct NeverOpens {
    /// The schedule's name.
    pub name: String,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    zone: Zone,
    open: Vec<WeeklySpan>,
    emergency_only: Vec<WeeklySpan>,
}

/// How far ahead a weekly schedule is searched for a change: five weeks, of which clock changes can spoil two at most.
const SEARCH: SignedDuration = SignedDuration::from_hours(35 * 24);

impl Schedule {
    /// A schedule of these windows.
    ///
    /// # Errors
    /// `open` is empty: nobody could ever deploy without an emergency.
    pub fn new(
        name: impl Into<String>,
        zone: Zone,
        open: Vec<WeeklySpan>,
        emergency_only: Vec<WeeklySpan>,
    ) -> Result<Self, NeverOpens> {
        let name = name.into();
        let (open_week, emergency_week) = (Week::of(&open), Week::of(&emergency_only));
        if open_week.is_empty() {
            return Err(NeverOpens { name });
        }
        Ok(Self { name, zone, open, emergency_only, open_week, emergency_week })
    }

    /// The open windows as written.
    #[must_use]
    pub fn open(&self) -> &[WeeklySpan] {
        &self.open
    }

    /// The emergency windows as written.
    #[must_use]
    pub fn emergency_only(&self) -> &[WeeklySpan] {
        &self.emergency_only
    }

    /// What this schedule says at an instant.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Opening {
        let just_after = later(now, SignedDuration::from_nanos(1));
        if !self.open_week.between(self.zone.tz(), now, just_after).is_empty() {
            Opening::Open
        } else if !self.emergency_week.between(self.zone.tz(), now, just_after).is_empty() {
            Opening::EmergencyOnly
        } else {
            Opening::Closed
        }
    }

    /// The first instant after `now` at which the answer differs, and the answer then. None for a schedule that is
    /// always open.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<(Timestamp, Opening)> {
        let current = self.at(now);
        self.segments(now, later(now, SEARCH))
            .into_iter()
            .find(|(from, opening)| *from > now && *opening != current)
    }

    /// The first instant at or after `now` that is open or, for an emergency, at least open for emergencies.
    #[must_use]
    pub fn next_open(&self, now: Timestamp, emergency: bool) -> Option<Timestamp> {
        let segments = self.segments(now, later(now, SEARCH));
        segments
            .into_iter()
            .find(|(_, opening)| opening.lets_through(emergency))
            .map(|(from, _)| from.max(now))
    }

    /// What holds from when, sorted, for all of `[from, until)`. The first begins at `from`; neighbours differ.
    pub(super) fn segments(&self, from: Timestamp, until: Timestamp) -> Vec<(Timestamp, Opening)> {
        let open = self.open_week.between(self.zone.tz(), from, until);
        let emergency = self.emergency_week.between(self.zone.tz(), from, until);
        let mut cuts = vec![from];
        cuts.extend(open.iter().chain(&emergency).flat_map(|span| [span.0, span.1]));
        cuts.retain(|cut| (from..until).contains(cut));
        cuts.sort_unstable();
        cuts.dedup();
        let mut segments: Vec<(Timestamp, Opening)> = Vec::with_capacity(cuts.len());
        for cut in cuts {
            let opening = if covers(&open, cut) {
                Opening::Open
            } else if covers(&emergency, cut) {
                Opening::EmergencyOnly
            } else {
                Opening::Closed
            };
            if segments.last().is_none_or(|last| last.1 != opening) {
                segments.push((cut, opening));
            }
        }
        segments
    }
}

/// Whether one of the sorted, disjoint spans holds the instant.
fn covers(spans: &[(Timestamp, Timestamp)], at: Timestamp) -> bool {
    let begun = spans.partition_point(|span| span.0 <= at);
    begun > 0 && spans[begun - 1].1 > at
}

pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

impl TryFrom<Stored> for Schedule {
    type Error = NeverOpens;
    fn try_from(stored: Stored) -> Result<Self, NeverOpens> {
        Self::new(stored.name, stored.zone, stored.open, stored.emergency_only)
    }
}

impl From<Schedule> for Stored {
    fn from(schedule: Schedule) -> Self {
        Self {
            name: schedule.name,
            zone: schedule.zone,
            open: schedule.open,
            emergency_only: schedule.emergency_only,
        }
    }
}
