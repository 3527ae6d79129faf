//! SIGKILL at any moment, and the story goes on where it was: the real binary, killed at seeded moments while models
//! of Slack and GitHub live on. Not here: the story without kills (`tests/it`), simulated crashes (`tests/sim`).

#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "shared with tests/it, which uses more of it")]
mod harness;
#[path = "../it/read.rs"]
#[allow(dead_code, reason = "shared with tests/it, which uses more of it")]
mod read;
#[path = "../it/setup.rs"]
#[allow(dead_code, reason = "shared with tests/it, which uses more of it")]
mod setup;

mod dice;
mod killer;
mod moments;
mod oracle;
mod people;
mod restarts;
