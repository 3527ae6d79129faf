//! When people are reminded of a freeze: `7d`, `start`, `1h before end`. Not here: what is said, and sending it.

use super::FreezeOccurrence;
use super::words::Length;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One moment of a freeze's life at which people are reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lead {
    /// So long before it starts.
    BeforeStart(Length),
    /// When it starts.
    Start,
    /// So long before it ends.
    BeforeEnd(Length),
    /// When it ends.
    End,
}

/// A text that is no reminder time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{got}” is not a time to remind at; write 7d, 24h, 1h, start, “1h before end” or end")]
pub struct BadLead {
    /// The text as it came, cut to 80 characters.
    pub got: String,
}

impl FromStr for Lead {
    type Err = BadLead;
    fn from_str(text: &str) -> Result<Self, BadLead> {
        let bad = || BadLead { got: text.chars().filter(|c| !c.is_control()).take(80).collect() };
        let lower = text.trim().to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let length = |words: &[&str]| words.join(" ").parse::<Length>().map_err(|_| bad());
        match words.as_slice() {
            ["start"] => Ok(Self::Start),
            ["end"] => Ok(Self::End),
            [length_words @ .., "before", "end"] => length(length_words).map(Self::BeforeEnd),
            [length_words @ .., "before", "start"] | length_words => {
                length(length_words).map(Self::BeforeStart)
            }
        }
    }
}

impl Lead {
    /// When the reminder is due; none where it hangs on the end of a freeze that has none.
    ///
    /// Days are local days: `7d` before a freeze that starts at midnight is midnight, also across a clock change.
    #[must_use]
    pub fn due(self, occurrence: &FreezeOccurrence<'_>) -> Option<Timestamp> {
        let zone = &occurrence.freeze.zone;
        match self {
            Self::BeforeStart(length) => Some(length.before(occurrence.from, zone)),
            Self::Start => Some(occurrence.from),
            Self::BeforeEnd(length) => occurrence.until.map(|until| length.before(until, zone)),
            Self::End => occurrence.until,
        }
    }
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeStart(length) => write!(f, "{length}"),
            Self::Start => f.write_str("start"),
            Self::BeforeEnd(length) => write!(f, "{length} before end"),
            Self::End => f.write_str("end"),
        }
    }
}

impl TryFrom<String> for Lead {
    type Error = BadLead;
    fn try_from(text: String) -> Result<Self, BadLead> {
        text.parse()
    }
}

impl From<Lead> for String {
    fn from(lead: Lead) -> String {
        lead.to_string()
    }
}
