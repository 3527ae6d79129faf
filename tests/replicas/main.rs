//! Several real processes on one PostgreSQL: people contend, processes are killed, suspended, cut off and replaced, the
//! database and the pooler are restarted, and nothing is lost, doubled or let in. Not here: one process (`tests/kill`),
//! simulated replicas (`tests/sim`).

/// How messages are read is that of `tests/it`, which uses more of it.
#[path = "../it"]
#[allow(dead_code, reason = "shared with tests/it")]
mod shared {
    pub mod read;
}

mod balancer;
mod ci;
mod compose;
mod contended;
mod database;
/// Choices are made as in `tests/kill`, which makes more of them.
#[path = "../kill/dice.rs"]
#[allow(dead_code, reason = "shared with tests/kill")]
mod dice;
mod fleet;
mod ledger;
mod oracle;
mod pauses;
mod people;
mod proxy;
mod record;
mod replica;
mod rolling;
mod settings;
mod stage;
mod trouble;
