//! Many seeds on all cores, and what they add up to; and the smallest set of troubles that still breaks a promise.
//! Not here: one seed (`runner`).

use crate::{Fault, Options, Outcome, run};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What many seeds add up to.
#[derive(Debug, Default)]
pub struct Totals {
    /// How many were run.
    pub seeds: u64,
    /// How often anything went on.
    pub steps: u64,
    /// How many deploys ended how.
    pub states: BTreeMap<&'static str, u64>,
    /// How often each kind of trouble happened.
    pub fired: BTreeMap<Fault, u64>,
    /// Seeds that broke a promise, without their histories.
    pub broken: Vec<Outcome>,
    /// Seeds that were run twice and told two stories.
    pub two_stories: Vec<u64>,
}

impl Totals {
    /// Kinds of trouble that never happened.
    #[must_use]
    pub fn never(&self) -> Vec<Fault> {
        Fault::ALL.iter().filter(|fault| !self.fired.contains_key(fault)).copied().collect()
    }

    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.steps += outcome.steps;
        for (state, count) in &outcome.states {
            *self.states.entry(state).or_default() += count;
        }
        for (fault, count) in &outcome.fired {
            *self.fired.entry(*fault).or_default() += count;
        }
        if outcome.violation.is_some() {
            self.broken.push(outcome);
        }
    }
}

/// Runs seeds on so many threads. One in a hundred is run twice, and both stories must be the same. `tell` hears of
/// each seed that is done.
pub fn run_many(seeds: &[u64], options: &Options, jobs: usize, tell: impl Fn(&Totals) + Sync) -> Totals {
    let (next, totals) = (AtomicU64::new(0), Mutex::new(Totals::default()));
    let work = || {
        loop {
            let at = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
            let Some(seed) = seeds.get(at).copied() else { break };
            let outcome = run(seed, options);
            let is_same = !seed.is_multiple_of(100)
                || run(seed, &options.recording()).hash() == run(seed, &options.recording()).hash();
            let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
            if !is_same {
                totals.two_stories.push(seed);
            }
            totals.add(outcome);
            tell(&totals);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    totals.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Turns off one kind of trouble after the other, as long as the same promise is still broken, and then as many wishes
/// as can be spared. Gives how to run what is left.
#[must_use]
pub fn shrink(seed: u64, options: &Options) -> Options {
    let promise = |options: &Options| {
        let violation = run(seed, options).violation;
        violation.and_then(|why| why.split_once(':').map(|(promise, _)| promise.to_owned()))
    };
    let wanted = promise(options);
    let mut least = options.clone();
    if wanted.is_none() {
        return least;
    }
    for fault in Fault::ALL {
        let mut fewer = least.clone();
        fewer.without.push(*fault);
        if promise(&fewer) == wanted {
            least = fewer;
        }
    }
    while least.events > 1 {
        let fewer = Options { events: least.events - 1, ..least.clone() };
        if promise(&fewer) != wanted {
            break;
        }
        least = fewer;
    }
    least
}
