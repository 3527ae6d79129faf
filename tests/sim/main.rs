//! Runs seeds of the simulation by hand: one with its story, or many at once. Not here: the simulation.

use clap::Parser;
use shipgate_sim::{Fault, Options, run};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs the whole bot against models of everything around it.
#[derive(Parser)]
struct Wishes {
    /// One seed, told in full.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Many seeds, the last excluded: 0..1000.
    #[arg(long, value_parser = range)]
    seeds: Option<(u64, u64)>,
    /// How many things people and operators do in a seed.
    #[arg(long, default_value_t = Options::default().events)]
    events: u32,
    /// Threads; each runs other seeds.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parts.ok_or_else(|| format!("“{text}” is no range of seeds; write 0..1000"))
}

fn main() -> ExitCode {
    let wishes = Wishes::parse();
    let options = Options { events: wishes.events, mistake: None };
    if let Some(seed) = wishes.seed {
        let outcome = run(seed, &options);
        println!("{}", outcome.story(usize::MAX));
        println!("{} steps, history {:016x}, deploys {:?}", outcome.steps, outcome.hash(), outcome.states);
        return if outcome.violation.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (from, until) = wishes.seeds.unwrap_or((0, 100));
    let next = AtomicU64::new(from);
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..wishes.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= until {
                        break;
                    }
                    let outcome = run(seed, &options);
                    let mut totals = totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if let Some(violation) = &outcome.violation {
                        println!("seed {seed}: {violation}");
                        totals.broken += 1;
                    }
                    totals.steps += outcome.steps;
                    for (state, count) in outcome.states {
                        *totals.states.entry(state).or_default() += count;
                    }
                    for (fault, count) in outcome.fired {
                        *totals.fired.entry(fault).or_default() += count;
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("{} seeds, {} broken, {} steps", until - from, totals.broken, totals.steps);
    println!("deploys: {:?}", totals.states);
    println!("trouble: {:?}", totals.fired);
    let never: Vec<_> = Fault::ALL.iter().filter(|fault| !totals.fired.contains_key(fault)).collect();
    println!("never happened: {never:?}");
    if totals.broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Totals {
    broken: u64,
    steps: u64,
    states: BTreeMap<&'static str, u64>,
    fired: BTreeMap<Fault, u64>,
}
