//! An independent, slow calendar: it looks at what clocks show minute by minute, and knows nothing of offsets. Not here:
//! comparing it with the real one (`sweep`).

use crate::zone::Zone;
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// What the clocks of a zone show in each minute around an instant.
pub(super) struct Clocks {
    pub(super) start: Timestamp,
    shown: Vec<DateTime>,
}

/// A weekly window: days from Monday, minutes after midnight; an end before the start is on the next day.
#[derive(Clone, Debug)]
pub(super) struct Hours {
    pub(super) days: [bool; 7],
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Hours {
    fn holds(&self, civil: DateTime) -> bool {
        let minute = i64::from(civil.hour()) * 60 + i64::from(civil.minute());
        let today = self.days[usize::try_from(civil.weekday().to_monday_zero_offset()).expect("0 to 6")];
        let yesterday =
            self.days[usize::try_from((civil.weekday().to_monday_zero_offset() + 6) % 7).expect("0 to 6")];
        if self.until > self.from {
            today && (self.from..self.until).contains(&minute)
        } else {
            (today && minute >= self.from) || (yesterday && minute < self.until)
        }
    }
}

impl Clocks {
    pub(super) fn around(zone: &Zone, middle: Timestamp, days: i64) -> Self {
        let start = middle - SignedDuration::from_hours(24 * days);
        let minutes = 2 * days * 24 * 60;
        let shown =
            (0..minutes).map(|m| zone.tz().to_datetime(start + SignedDuration::from_mins(m))).collect();
        Self { start, shown }
    }

    /// All minutes between two instants.
    pub(super) fn between(zone: &Zone, start: Timestamp, end: Timestamp) -> Self {
        let minutes = end.duration_since(start).as_mins();
        let shown =
            (0..minutes).map(|m| zone.tz().to_datetime(start + SignedDuration::from_mins(m))).collect();
        Self { start, shown }
    }

    /// Marks the minutes of a freeze that begins when clocks show `from`. It ends when they show `until`, or after so
    /// many minutes. Clocks are at most two days from where they would be without changes.
    pub(super) fn mark(&self, frozen: &mut [bool], from: DateTime, until: Result<DateTime, usize>) {
        let near = |civil: DateTime, first: bool| {
            let hint = civil.duration_since(self.shown[0]).as_mins();
            let low = usize::try_from((hint - 3000).max(0)).expect("not negative").min(self.len());
            let high = usize::try_from((hint + 3000).max(0)).expect("not negative").min(self.len());
            let part = Self { start: self.instant(low), shown: self.shown[low..high].to_vec() };
            low + part.minute_of(civil, first)
        };
        if until.is_err() && from < self.shown[0] {
            return;
        }
        let from = near(from, true);
        let until = match until {
            Ok(until) => near(until, false),
            Err(minutes) => from + minutes,
        };
        frozen[from.min(self.len())..until.clamp(from.min(self.len()), self.len())].fill(true);
    }

    pub(super) fn instant(&self, minute: usize) -> Timestamp {
        self.start + SignedDuration::from_mins(i64::try_from(minute).expect("small"))
    }

    pub(super) fn len(&self) -> usize {
        self.shown.len()
    }

    pub(super) fn shows(&self, minute: usize) -> DateTime {
        self.shown[minute]
    }

    /// In which minutes a window is open, by the shorter reading.
    pub(super) fn open(&self, windows: &[Hours]) -> Vec<bool> {
        let mut open = vec![false; self.len()];
        let holds = |civil: DateTime| windows.iter().any(|hours| hours.holds(civil));
        let (mut civil, last) = (self.shown[0], self.shown[self.len() - 1]);
        let mut from = holds(civil).then_some(0);
        while civil < last {
            let (before, next) = (civil, civil + 1.minute());
            match (holds(before), holds(next)) {
                (false, true) => from = Some(self.minute_of(next, false)),
                (true, false) => {
                    let until = self.minute_of(next, true).min(self.len());
                    let from = from.take().unwrap_or(until).min(until);
                    open[from..until].fill(true);
                }
                (true, true) | (false, false) => {}
            }
            civil = next;
        }
        let from = from.unwrap_or(self.len()).min(self.len());
        open[from..].fill(true);
        open
    }

    /// In which minutes a freeze holds, by the longer reading.
    pub(super) fn frozen(&self, from: DateTime, until: DateTime) -> Vec<bool> {
        let (from, until) = (self.minute_of(from, true), self.minute_of(until, false));
        (0..self.len()).map(|minute| (from..until).contains(&minute)).collect()
    }

    /// The minute at which clocks show this, for the first or the last time.
    fn minute_of(&self, civil: DateTime, first: bool) -> usize {
        let is_at = |shown: &DateTime| *shown == civil;
        let passed = self.shown.iter().position(|shown| *shown >= civil).unwrap_or(self.len());
        if civil.time() == Time::midnight() {
            return self.shown.iter().position(|shown| shown.date() >= civil.date()).unwrap_or(self.len());
        }
        let found =
            if first { self.shown.iter().position(is_at) } else { self.shown.iter().rposition(is_at) };
        found.unwrap_or_else(|| {
            // Never shown: skipped. The change is where the clock jumps past it.
            let is_out = passed == 0 || passed == self.len();
            if first || is_out {
                return passed;
            }
            let into_gap = civil.duration_since(self.shown[passed - 1] + 1.minute()).as_mins();
            passed + usize::try_from(into_gap).expect("after the gap began")
        })
    }
}
