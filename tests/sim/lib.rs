//! The whole bot in one thread, driven by one seed: the real use cases over the real SQL, in one process or two, with
//! models of chat, code, people and time around them, and everything going wrong that can. The same seed always tells
//! the same story, byte for byte. Not here: any code that ships.
//!
//! ```text
//! cargo run --profile sim -p shipgate-sim -- --fresh 20000        seeds that nobody has run before
//! cargo run --profile sim -p shipgate-sim -- --seeds 0..1000000   a long run, with progress
//! cargo run --profile sim -p shipgate-sim -- --seed 36            one seed, told in full
//! cargo run --profile sim -p shipgate-sim -- --seed 36 --shrink   with the fewest troubles that break the promise
//! cargo run --profile sim -p shipgate-sim --bin mistakes          plants every mistake; how soon each is found
//! ```
//!
//! - `runner` polls the workers of all processes in an order that the seed draws, and ends processes wherever they wait;
//!   `process` holds the loops of `App::run`; `replica` suspends, cuts off and revives whole processes.
//! - `chat`, `code`, `store` answer the bot's ports; `people` decides what anybody does; `faults` is what goes wrong.
//! - `oracle` recomputes the promises after every write, from the audit log and the books of the models; its first lines
//!   say which promise is watched where. `heal` stops the trouble, after which everything must come to its end; `rush`
//!   lets much be wanted at once before, and `lessons` put one rule to the test that random days seldom reach.
//! - `mistakes` can be planted in models and wrappers, `planted` ones in the product; each is found.
//!
//! A seed that breaks a promise is kept in `regressions.txt` with the fix. A new fault is a line in `faults` and the
//! place where it strikes; a new promise is a check in `oracle`.

mod chat;
mod code;
mod dice;
mod faults;
mod feeds;
mod heal;
mod lessons;
mod many;
mod mistakes;
mod oracle;
mod people;
pub mod planted;
mod process;
mod replica;
mod rules;
mod runner;
mod rush;
mod store;
mod world;

pub use faults::Fault;
pub use many::{Totals, run_many, shrink};
pub use mistakes::Mistake;
pub use runner::run;
pub use world::Line;

use std::collections::BTreeMap;

/// How a seed is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many things people and operators do.
    pub events: u32,
    /// A planted mistake.
    pub mistake: Option<Mistake>,
    /// Whether the history is written. The same seed does the same things with and without.
    pub records: bool,
    /// Kinds of trouble that do not happen.
    pub without: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self { events: 26, mistake: None, records: false, without: Vec::new() }
    }
}

impl Options {
    /// The same with a history to read.
    #[must_use]
    pub fn recording(&self) -> Self {
        Self { records: true, ..self.clone() }
    }
}

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The first broken promise.
    pub violation: Option<String>,
    /// Everything that happened, if it was recorded.
    pub history: Vec<Line>,
    /// How often each kind of trouble happened.
    pub fired: BTreeMap<Fault, u64>,
    /// How many deploys ended how.
    pub states: BTreeMap<&'static str, u64>,
    /// How often anything went on.
    pub steps: u64,
}

impl Outcome {
    /// The history as text: instant, milliseconds since the start, actor, event.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.history
            .iter()
            .map(|line| format!("{} {:>10} {:<9} {}", line.wall, line.mono, line.actor, line.event))
    }

    /// A number that differs when any byte of the history differs (64-bit FNV-1a).
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.lines().fold(0xcbf2_9ce4_8422_2325, |hash, line| {
            line.bytes()
                .chain([b'\n'])
                .fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        })
    }

    /// The story of a failure, with how to see it again.
    #[must_use]
    pub fn story(&self, last: usize) -> String {
        let from = self.history.len().saturating_sub(last);
        let lines: Vec<String> = self.lines().skip(from).collect();
        format!(
            "{}\nseed {}: {}\nrepeat with: cargo run --profile sim -p shipgate-sim -- --seed {}\n",
            lines.join("\n"),
            self.seed,
            self.violation.as_deref().unwrap_or("every promise was kept"),
            self.seed
        )
    }
}
