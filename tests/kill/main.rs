//! SIGKILL at any moment, and the story goes on where it was: the real binary, killed at seeded moments while models
//! of Slack and GitHub live on. Not here: the story without kills (`tests/it`), simulated crashes (`tests/sim`).

/// The bot as a child process, its settings and its readers are those of `tests/it`, which uses more of them.
#[path = "../it"]
#[allow(dead_code, reason = "shared with tests/it")]
mod shared {
    pub mod harness;
    pub mod read;
    pub mod setup;
}
use shared::{harness, read, setup};

mod dice;
mod glance;
mod killer;
mod moments;
mod oracle;
mod people;
mod points;
mod poison;
mod program;
mod restarts;
