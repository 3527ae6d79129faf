//! Recurrence rules of RFC 5545 on clocks that know no zones: which days, from a first one on. Not here: which instant
//! a local time is (`reading`), how long a freeze lasts from there (`freeze`).
//!
//! Our own, and small: the crate for this evaluates in a second zone database of its own, moves skipped times, and can
//! spin for minutes over hostile rules. Tests compare with it.

mod parts;
mod read;

pub use read::{Form, basic};

use crate::zone::Zone;
use jiff::ToSpan;
use jiff::civil::DateTime;
use parts::Parts;
use read::read;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many days may be looked at in one reading of a calendar, some tenths of a second: enough for 2,000 rules that
/// repeat daily, or 60 that are counted off since 1900. What asks for more cannot be read.
pub(super) const MOST_DAYS: u64 = 3_000_000;
/// Days looked at before a rule is taken for one that never fires: 500 years.
const NEVER: i64 = 500 * 366;
/// Earlier first days only cost time.
const FIRST_YEAR: i16 = 1900;

/// `FREQ=YEARLY;BYMONTH=11;BYDAY=4TH`, from a first local time on. The first time is not a hit of its own: only what
/// the rule names is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Recurrence {
    text: String,
    from: Option<DateTime>,
    parts: Parts,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
struct Stored {
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<DateTime>,
}

/// A text that is no recurrence rule, or one that never fires.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// A part cannot be read.
    #[error("“{part}” in the rule cannot be read: {problem}")]
    Part {
        /// The part as it came, cut to 80 characters.
        part: String,
        /// What is wrong and what can be written.
        problem: String,
    },
    /// There is no frequency.
    #[error("the rule has no FREQ; write for example FREQ=YEARLY;BYMONTH=11;BYDAY=4TH")]
    NoFrequency,
    /// Two parts that exclude each other.
    #[error("the rule has COUNT and UNTIL; leave one of them out")]
    TwoEnds,
    /// Where to count from is not said.
    #[error(
        "nobody can say when the rule begins, because {why}; write from = \"2026-01-05T18:00\" beside it"
    )]
    NeedsStart {
        /// What in it needs a beginning.
        why: &'static str,
    },
    /// The first time is too long ago.
    #[error("the rule begins in the year {year}; write a later one, from 1900 on")]
    TooEarly {
        /// The year.
        year: i16,
    },
    /// No year has such a day, or its last one is over before its first.
    #[error("the rule never fires: no day fits all of it; check its days, months and end")]
    NeverFires,
}

/// What a rule does not say it takes from its first time: local midnight of a day long ago where there is none.
fn anchor() -> DateTime {
    jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0)
}

impl Recurrence {
    /// Reads a rule. Without `from` it fires at midnight, for ever; it must then say by itself which days it means.
    ///
    /// # Errors
    /// It cannot be read, needs `from`, or never fires.
    pub fn new(text: &str, from: Option<DateTime>) -> Result<Self, BadRule> {
        let rule = Self::unchecked(text, from)?;
        let start = rule.start();
        // The last year may reach over the end.
        let mut days = u64::try_from(NEVER).expect("a small number") + 1000;
        let end = start.checked_add((NEVER).days()).unwrap_or(DateTime::MAX);
        match rule.walk(&Zone::utc(), start, end, 1, &mut days) {
            Some(fires) if fires.is_empty() => Err(BadRule::NeverFires),
            _ => Ok(rule),
        }
    }

    /// The same for a rule of another calendar, where one that never fires adds nothing.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn unchecked(text: &str, from: Option<DateTime>) -> Result<Self, BadRule> {
        if let Some(early) = from.filter(|from| from.year() < FIRST_YEAR) {
            return Err(BadRule::TooEarly { year: early.year() });
        }
        let mut parts = read(text)?;
        match from {
            Some(from) => parts.complete(from),
            None => parts.stands_alone()?,
        }
        Ok(Self { text: text.trim().to_owned(), from, parts })
    }

    /// The rule as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn start(&self) -> DateTime {
        self.from.unwrap_or_else(anchor)
    }

    /// Whether it fires at or after a local time; also when that takes too long to say.
    pub(super) fn fires_after(&self, zone: &Zone, from: DateTime) -> bool {
        let mut days = u64::try_from(NEVER).expect("a small number") * 2;
        let end = from.checked_add((NEVER).days()).unwrap_or(DateTime::MAX);
        self.walk(zone, from, end, 1, &mut days).is_none_or(|fires| !fires.is_empty())
    }

    /// Every local time of the rule in `[from, until]`, in order. None when that takes more than `days` looks at a day.
    pub(super) fn fires(
        &self,
        zone: &Zone,
        from: DateTime,
        until: DateTime,
        days: &mut u64,
    ) -> Option<Vec<DateTime>> {
        self.walk(zone, from, until, usize::MAX, days)
    }

    fn walk(
        &self,
        zone: &Zone,
        from: DateTime,
        until: DateTime,
        most: usize,
        days: &mut u64,
    ) -> Option<Vec<DateTime>> {
        let (parts, start) = (&self.parts, self.start());
        let last = parts.until.map_or(DateTime::MAX, |until| until.local(zone)).min(until);
        let (mut found, mut counted) = (Vec::new(), 0);
        // What was counted off before must be walked through; everything else may be skipped.
        let mut period =
            if parts.count.is_none() { parts.periods_before(start.date(), from.date()) } else { 0 };
        loop {
            let Some((first, length)) = parts.period(start.date(), period) else { return Some(found) };
            if first.to_datetime(start.time()) > last {
                return Some(found);
            }
            let looked_at = parts.looked_at(first, length);
            let cost: u32 = looked_at.iter().map(|(_, length)| length.unsigned_abs()).sum();
            *days = days.checked_sub(u64::from(cost.max(1)))?;
            for day in parts.days(&looked_at) {
                let fire = day.to_datetime(start.time());
                if fire < start {
                    continue;
                }
                counted += 1;
                if fire > last || parts.count.is_some_and(|count| counted > count) {
                    return Some(found);
                }
                if fire >= from {
                    found.push(fire);
                }
                if found.len() >= most {
                    return Some(found);
                }
            }
            period += 1;
        }
    }
}

impl PartialEq for Recurrence {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.from == other.from
    }
}

impl Eq for Recurrence {}

impl fmt::Debug for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recurrence({} from {:?})", self.text, self.from)
    }
}

impl TryFrom<Stored> for Recurrence {
    type Error = BadRule;
    fn try_from(stored: Stored) -> Result<Self, BadRule> {
        Self::unchecked(&stored.rule, stored.from)
    }
}

impl From<Recurrence> for Stored {
    fn from(rule: Recurrence) -> Self {
        Self { rule: rule.text, from: rule.from }
    }
}
