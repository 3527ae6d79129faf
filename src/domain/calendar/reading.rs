//! What a local time means where the clocks change. The one place that knows; not here: whose time it is.

use jiff::civil::{DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Which instant a local time means when there are two to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Of a doubled time the first; of a skipped time the moment of the change.
    Early,
    /// Of a doubled time the second; of a skipped time the instant as many minutes after the change as the time is
    /// into the gap (RFC 5545 §3.3.5: with the offset before the gap), so 02:30 becomes 03:30.
    Late,
}

/// The instant of a local time.
///
/// Midnight is the border of a day and has one reading: the first instant at which the date is shown, so that a whole
/// local day is that day whether it has 23, 24 or 25 hours. A date that a zone leaves out (Apia, 30 December 2011)
/// begins and ends at the same instant.
///
/// Times beyond the years that a `Timestamp` can hold become its first or last instant.
pub(super) fn instant(tz: &TimeZone, civil: DateTime, reading: Reading) -> Timestamp {
    let reading = if civil.time() == Time::midnight() { Reading::Early } else { reading };
    let ambiguous = tz.to_ambiguous_timestamp(civil);
    let edge = if civil.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    match (ambiguous.offset(), reading) {
        (AmbiguousOffset::Unambiguous { offset }, _) => offset.to_timestamp(civil).unwrap_or(edge),
        (AmbiguousOffset::Fold { before, .. }, Reading::Early) => before.to_timestamp(civil).unwrap_or(edge),
        (AmbiguousOffset::Fold { after, .. }, Reading::Late) => after.to_timestamp(civil).unwrap_or(edge),
        (AmbiguousOffset::Gap { before, .. }, Reading::Late) => before.to_timestamp(civil).unwrap_or(edge),
        (AmbiguousOffset::Gap { before, after }, Reading::Early) => {
            let late = before.to_timestamp(civil).unwrap_or(edge);
            // `preceding` excludes its argument, and the first skipped time falls on the change itself.
            let just_after = late.checked_add(SignedDuration::from_nanos(1)).unwrap_or(late);
            tz.preceding(just_after)
                .find(|change| change.offset() == after)
                .map_or(late, |change| change.timestamp())
        }
    }
}
