//! The parts of a recurrence rule, and which days of a period they name. Not here: from when to when (`recurrence`), how
//! they are written (`read`).

use super::BadRule;
use crate::zone::Zone;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Timestamp, ToSpan};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// The last moment of this day.
    Day(Date),
    /// A local time, included.
    Local(DateTime),
    /// An instant, included.
    Instant(Timestamp),
}

#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) frequency: Frequency,
    pub(super) interval: i32,
    pub(super) count: Option<u32>,
    pub(super) until: Option<Until>,
    pub(super) months: Vec<i16>,
    pub(super) month_days: Vec<i16>,
    pub(super) year_days: Vec<i16>,
    /// With the number in `4TH`; none is every one.
    pub(super) weekdays: Vec<(Option<i16>, Weekday)>,
    pub(super) positions: Vec<i16>,
    pub(super) week_start: Weekday,
}

impl Until {
    pub(super) fn local(self, zone: &Zone) -> DateTime {
        match self {
            Self::Day(day) => day.at(23, 59, 59, 999_999_999),
            Self::Local(local) => local,
            Self::Instant(at) => zone.tz().to_datetime(at),
        }
    }
}

impl Parts {
    /// Takes from the first time what the rule leaves out (RFC 5545 §3.3.10).
    pub(super) fn complete(&mut self, from: DateTime) {
        let has_days = !(self.weekdays.is_empty() && self.month_days.is_empty() && self.year_days.is_empty());
        match self.frequency {
            Frequency::Daily => {}
            Frequency::Weekly if self.weekdays.is_empty() => self.weekdays.push((None, from.weekday())),
            Frequency::Monthly if !has_days => self.month_days.push(from.day().into()),
            Frequency::Yearly if !has_days => {
                self.month_days.push(from.day().into());
                if self.months.is_empty() {
                    self.months.push(from.month().into());
                }
            }
            Frequency::Weekly | Frequency::Monthly | Frequency::Yearly => {}
        }
    }

    /// Whether the rule means the same whenever it began.
    pub(super) fn stands_alone(&self) -> Result<(), BadRule> {
        let why = if self.interval > 1 {
            "INTERVAL counts from there"
        } else if self.count.is_some() {
            "COUNT counts from there"
        } else if self.frequency != Frequency::Daily
            && self.weekdays.is_empty()
            && self.month_days.is_empty()
            && self.year_days.is_empty()
        {
            "it does not say which day it means"
        } else {
            return Ok(());
        };
        Err(BadRule::NeedsStart { why })
    }

    /// A period that certainly begins before a day, as many as possible after the first.
    pub(super) fn periods_before(&self, start: Date, day: Date) -> i64 {
        let days = i64::from((day - start).get_days());
        // A period is at most so long; one more is left for what reaches over its end.
        let longest = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => 31,
            Frequency::Yearly => 366,
        };
        (days / (longest * i64::from(self.interval)) - 1).max(0)
    }

    /// First day and length in days of a period; none where years end.
    pub(super) fn period(&self, start: Date, index: i64) -> Option<(Date, i32)> {
        let step = i32::try_from(index.checked_mul(i64::from(self.interval))?).ok()?;
        match self.frequency {
            Frequency::Daily => Some((start.checked_add(step.days()).ok()?, 1)),
            Frequency::Weekly => {
                let into = start.weekday().since(self.week_start);
                let first = start.checked_sub(i32::from(into).days()).ok()?;
                Some((first.checked_add(step.checked_mul(7)?.days()).ok()?, 7))
            }
            Frequency::Monthly => {
                let months = i32::from(start.year()) * 12 + i32::from(start.month()) - 1;
                let months = months.checked_add(step)?;
                let (year, month) = (i16::try_from(months / 12).ok()?, i8::try_from(months % 12 + 1).ok()?);
                let first = Date::new(year, month, 1).ok()?;
                Some((first, first.days_in_month().into()))
            }
            Frequency::Yearly => {
                let year = i16::try_from(i32::from(start.year()).checked_add(step)?).ok()?;
                let first = Date::new(year, 1, 1).ok()?;
                Some((first, first.days_in_year().into()))
            }
        }
    }

    /// First days and lengths of what has to be looked at in a period: of a year, only the months that are named.
    pub(super) fn looked_at(&self, first: Date, length: i32) -> Vec<(Date, i32)> {
        if self.months.is_empty() {
            return vec![(first, length)];
        }
        match self.frequency {
            Frequency::Monthly if !self.months.contains(&first.month().into()) => Vec::new(),
            Frequency::Daily | Frequency::Weekly | Frequency::Monthly => vec![(first, length)],
            Frequency::Yearly => {
                let month = |month: i8| Date::new(first.year(), month, 1).ok();
                let named = (1..=12).filter(|number| self.months.contains(&i16::from(*number)));
                named.filter_map(month).map(|month| (month, month.days_in_month().into())).collect()
            }
        }
    }

    /// The days of a period that the rule names, in order.
    pub(super) fn days(&self, looked_at: &[(Date, i32)]) -> Vec<Date> {
        let days = looked_at
            .iter()
            .flat_map(|(first, length)| (0..*length).map_while(|day| first.checked_add(day.days()).ok()));
        let fitting: Vec<Date> = days.filter(|day| self.fits(*day)).collect();
        if self.positions.is_empty() {
            return fitting;
        }
        let at = |position: &i16| {
            let index = usize::from(position.unsigned_abs()) - 1;
            if *position > 0 { Some(index) } else { fitting.len().checked_sub(index + 1) }
        };
        let mut chosen: Vec<Date> =
            self.positions.iter().filter_map(at).filter_map(|index| fitting.get(index).copied()).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    fn fits(&self, day: Date) -> bool {
        let among = |list: &[i16], value: i16, length: i16| {
            list.is_empty() || list.contains(&value) || list.contains(&(value - length - 1))
        };
        (self.months.is_empty() || self.months.contains(&day.month().into()))
            && among(&self.month_days, day.day().into(), day.days_in_month().into())
            && among(&self.year_days, day.day_of_year(), day.days_in_year())
            && (self.weekdays.is_empty() || self.weekdays.iter().any(|named| self.is_named(day, *named)))
    }

    fn is_named(&self, day: Date, (number, weekday): (Option<i16>, Weekday)) -> bool {
        if day.weekday() != weekday {
            return false;
        }
        let Some(number) = number else { return true };
        // In a year, `4TH` is the fourth Thursday of the year, unless the rule names months.
        let is_of_year = self.frequency == Frequency::Yearly && self.months.is_empty();
        let (value, length) = if is_of_year {
            (day.day_of_year(), day.days_in_year())
        } else {
            (day.day().into(), day.days_in_month().into())
        };
        let (from_front, from_back) = ((value - 1) / 7 + 1, -((length - value) / 7 + 1));
        number == from_front || number == from_back
    }
}
