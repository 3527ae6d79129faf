//! The whole bot in one thread, driven by one seed: the real use cases over the real SQL, with models of chat, code,
//! people and time around them, and everything going wrong that can. The same seed always tells the same story, byte
//! for byte. Not here: any code that ships.
//!
//! - `runner` polls the bot's workers in an order that the seed draws, and ends the process wherever it waits.
//! - `chat`, `code`, `store` answer the bot's ports; `people` decides what anybody does; `faults` is what goes wrong.
//! - `oracle` recomputes the promises (INVARIANTS S1 to S5, S8 to S11, S13 to S15, S21, S22, L1, L6, L9) after every
//!   write, from the audit log and the truth of the models.
//! - `mistakes` can be planted in models and wrappers; tests show that each is found.

mod chat;
mod code;
mod dice;
mod faults;
mod mistakes;
mod oracle;
mod people;
mod rules;
mod runner;
mod store;
mod world;

pub use faults::Fault;
pub use mistakes::Mistake;
pub use runner::run;

use std::collections::BTreeMap;

/// How a seed is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many things people and operators do.
    pub events: u32,
    /// A planted mistake.
    pub mistake: Option<Mistake>,
}

impl Default for Options {
    fn default() -> Self {
        Self { events: 45, mistake: None }
    }
}

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The first broken promise.
    pub violation: Option<String>,
    /// Everything that happened: instant, milliseconds since the start, actor, event.
    pub history: Vec<String>,
    /// How often each kind of trouble happened.
    pub fired: BTreeMap<Fault, u64>,
    /// How many deploys ended how.
    pub states: BTreeMap<&'static str, u64>,
    /// How often anything went on.
    pub steps: u64,
}

impl Outcome {
    /// A number that differs when any byte of the history differs (64-bit FNV-1a).
    #[must_use]
    pub fn hash(&self) -> u64 {
        let bytes = self.history.iter().flat_map(|line| line.bytes().chain([b'\n']));
        bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    /// The story of a failure, with how to see it again.
    #[must_use]
    pub fn story(&self, last: usize) -> String {
        let from = self.history.len().saturating_sub(last);
        format!(
            "{}\nseed {}: {}\nrepeat with: cargo run -p shipgate-sim -- --seed {}\n",
            self.history[from..].join("\n"),
            self.seed,
            self.violation.as_deref().unwrap_or("every promise was kept"),
            self.seed
        )
    }
}
