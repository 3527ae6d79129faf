//! What Shipgate is: deploys, gates, calendar, policy, people, audit. Pure: no async, no I/O, no clock, no randomness.
//! Not here: anything that fetches a fact, stores a state or says a word to people.

pub mod audit;
pub mod calendar;
pub mod checklist;
pub mod deploy;
pub mod facts;
pub mod gates;
pub mod glob;
pub mod hidden;
pub mod ids;
pub mod lock;
pub mod migrations;
pub mod people;
pub mod policy;
pub mod run;
#[cfg(test)]
mod samples;
pub mod zone;

/// Bytes as lowercase hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
