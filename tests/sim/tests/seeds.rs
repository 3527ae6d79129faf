//! Many seeds, the seeds that once failed, the same seed twice, and every kind of trouble. Not here: planted mistakes.

use shipgate_sim::{Fault, Options, Outcome, run};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many seeds run with every change; long runs belong to the program.
const SEEDS: u64 = 1000;

/// Runs seeds on all cores and gives each outcome, without its history when all went well.
fn run_all(seeds: &[u64]) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("a few thousand");
                    let Some(seed) = seeds.get(at) else { break };
                    let mut outcome = run(*seed, &Options::default());
                    if outcome.violation.is_none() {
                        outcome.history.clear();
                    }
                    outcomes.lock().expect("no thread has panicked").push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().expect("no thread has panicked")
}

fn assert_all_well(outcomes: &[Outcome]) {
    let broken = outcomes.iter().filter(|outcome| outcome.violation.is_some()).min_by_key(|o| o.seed);
    if let Some(broken) = broken {
        panic!("{}", broken.story(400));
    }
}

#[test]
fn a_thousand_seeds_keep_every_promise_and_meet_every_kind_of_trouble() {
    let outcomes = run_all(&(0..SEEDS).collect::<Vec<_>>());
    assert_all_well(&outcomes);
    let fired: BTreeSet<Fault> = outcomes.iter().flat_map(|outcome| outcome.fired.keys().copied()).collect();
    let never: Vec<&Fault> = Fault::ALL.iter().filter(|fault| !fired.contains(fault)).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
    let ended: BTreeSet<&str> = outcomes.iter().flat_map(|outcome| outcome.states.keys().copied()).collect();
    for state in ["succeeded", "failed", "refused", "rejected", "cancelled", "expired", "outcome_unknown"] {
        assert!(ended.contains(state), "no deploy ended as {state}: {ended:?}");
    }
}

#[test]
fn seeds_that_once_failed_stay_well() {
    let lines = include_str!("../regressions.txt").lines();
    let numbers = lines.filter_map(|line| line.split('#').next()?.trim().parse().ok());
    let seeds: Vec<u64> = numbers.collect();
    assert!(!seeds.is_empty(), "regressions.txt names no seed");
    assert_all_well(&run_all(&seeds));
}

#[test]
fn the_same_seed_tells_the_same_story_byte_for_byte() {
    for seed in [3, 77, 500] {
        let (first, second) = (run(seed, &Options::default()), run(seed, &Options::default()));
        assert_eq!(first.history, second.history, "seed {seed}");
        assert_eq!(first.hash(), second.hash());
        assert!(first.history.len() > 100, "seed {seed} tells nothing");
    }
    assert_ne!(run(1, &Options::default()).hash(), run(2, &Options::default()).hash());
}
