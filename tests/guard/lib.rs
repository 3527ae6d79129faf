//! What attackers send: the bodies of the fuzz targets (run by `fuzz/`, replayed by `tests/`), hostile strings, and
//! requests that are almost Slack's or GitHub's. Not here: whole programs (`tests/it`).

#![allow(clippy::unwrap_used, reason = "these are tests")]

pub mod doors;
pub mod hostile;
pub mod targets;
