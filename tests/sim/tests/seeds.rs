//! Some seeds, the seeds that once failed, the same seed twice, and every kind of trouble. Many seeds belong to the
//! program, which `./test` runs too. Not here: planted mistakes.

use shipgate_sim::{Options, Totals, run, run_many};

/// So many seeds run with the other tests.
const SEEDS: u64 = 600;

fn run_all(seeds: &[u64]) -> Totals {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let totals = run_many(seeds, &Options::default(), threads, |_| {});
    if let Some(broken) = totals.broken.iter().min_by_key(|outcome| outcome.seed) {
        panic!("{}", run(broken.seed, &Options::default().recording()).story(400));
    }
    assert!(totals.two_stories.is_empty(), "told two stories: {:?}", totals.two_stories);
    totals
}

#[test]
fn some_hundred_seeds_keep_every_promise_and_meet_nearly_every_kind_of_trouble() {
    let totals = run_all(&(0..SEEDS).collect::<Vec<_>>());
    let never = totals.never();
    assert!(never.len() <= 5, "never happened: {never:?}");
    for state in ["succeeded", "failed", "refused", "rejected", "cancelled", "expired"] {
        assert!(totals.states.contains_key(state), "no deploy ended as {state}: {:?}", totals.states);
    }
}

#[test]
fn seeds_that_once_failed_stay_well() {
    let lines = include_str!("../regressions.txt").lines();
    let numbers = lines.filter_map(|line| line.split('#').next()?.trim().parse().ok());
    let seeds: Vec<u64> = numbers.collect();
    assert!(!seeds.is_empty(), "regressions.txt names no seed");
    run_all(&seeds);
}

#[test]
fn the_same_seed_tells_the_same_story_byte_for_byte() {
    let options = Options::default().recording();
    for seed in [3, 77, 500] {
        let (first, second) = (run(seed, &options), run(seed, &options));
        assert_eq!(first.lines().collect::<Vec<_>>(), second.lines().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(first.hash(), second.hash());
        assert!(first.history.len() > 100, "seed {seed} tells nothing");
        assert_eq!(first.steps, run(seed, &Options::default()).steps, "telling changes what happens");
    }
    assert_ne!(run(1, &options).hash(), run(2, &options).hash());
}
