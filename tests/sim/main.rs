//! Runs seeds of the simulation by hand: one with its story, or many at once. Not here: the simulation.

use clap::Parser;
use shipgate_sim::{Fault, Options, Outcome, Totals, run, run_many, shrink};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Lines of the story of a seed that broke a promise among many.
const STORY: usize = 400;
/// With so many seeds, each kind of trouble must have happened.
const ALL_HAPPEN_IN: u64 = 5_000;
/// How often a long run tells how far it is.
const PROGRESS: Duration = Duration::from_secs(30);

/// Runs the whole bot against models of everything around it.
#[derive(Parser)]
struct Wishes {
    /// One seed, told in full.
    #[arg(long, conflicts_with_all = ["seeds", "fresh"])]
    seed: Option<u64>,
    /// With --seed: look for the fewest kinds of trouble that still break the same promise, and tell that story.
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// Many seeds, the last excluded: 0..1000.
    #[arg(long, value_parser = range, conflicts_with = "fresh")]
    seeds: Option<(u64, u64)>,
    /// So many seeds that nobody has run before; the first is printed.
    #[arg(long)]
    fresh: Option<u64>,
    /// How many things people and operators do in a seed.
    #[arg(long, default_value_t = Options::default().events)]
    events: u32,
    /// A kind of trouble that is not to happen, by its name; may be given many times.
    #[arg(long, value_parser = fault)]
    without: Vec<Fault>,
    /// Threads; each runs other seeds. As many as there are cores when it is not given.
    #[arg(long)]
    jobs: Option<usize>,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parts.ok_or_else(|| format!("“{text}” is no range of seeds; write 0..1000"))
}

fn fault(text: &str) -> Result<Fault, String> {
    let known = Fault::ALL.iter().find(|fault| format!("{fault:?}") == text);
    known.copied().ok_or_else(|| format!("“{text}” is no kind of trouble: --seeds 0..100 lists them"))
}

fn main() -> ExitCode {
    let wishes = Wishes::parse();
    let options = Options { events: wishes.events, without: wishes.without.clone(), ..Options::default() };
    let is_well = match wishes.seed {
        Some(seed) => one(seed, &options, wishes.shrink),
        None => many(&wishes, &options),
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells the story of one seed.
fn one(seed: u64, options: &Options, small: bool) -> bool {
    let options = if small { shrink(seed, options) } else { options.clone() };
    let outcome = run(seed, &options.recording());
    println!("{}", outcome.story(usize::MAX));
    println!("{} steps, history {:016x}, deploys {:?}", outcome.steps, outcome.hash(), outcome.states);
    println!("trouble: {:?}", outcome.fired);
    if small {
        let without = options.without.iter().map(|fault| format!(" --without {fault:?}")).collect::<String>();
        println!("the smallest: --seed {seed} --events {}{without}", options.events);
    }
    outcome.violation.is_none()
}

/// Runs many seeds and says what they add up to.
fn many(wishes: &Wishes, options: &Options) -> bool {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (from, until) = match (wishes.seeds, wishes.fresh) {
        (Some(seeds), _) => seeds,
        (None, count) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let from = now.as_secs() * 1000 + u64::from(now.subsec_millis());
            (from, from + count.unwrap_or(100))
        }
    };
    println!("seeds {from}..{until} of {}", version());
    let seeds: Vec<u64> = (from..until).collect();
    let (began, told) = (Instant::now(), Mutex::new((Instant::now(), 0)));
    let totals = run_many(&seeds, options, wishes.jobs.unwrap_or(cores), |so_far| {
        let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for outcome in so_far.broken.iter().skip(told.1) {
            println!("seed {}: {}", outcome.seed, outcome.violation.as_deref().unwrap_or_default());
            told.1 += 1;
        }
        if told.0.elapsed() >= PROGRESS {
            told.0 = Instant::now();
            println!("{} seeds, {} broken, {:.0?}", so_far.seeds, so_far.broken.len(), began.elapsed());
        }
    });
    summary(&totals, began.elapsed());
    let mut broken: Vec<&Outcome> = totals.broken.iter().collect();
    broken.sort_by_key(|outcome| outcome.seed);
    if let Some(first) = broken.first() {
        println!("{}", run(first.seed, &options.recording()).story(STORY));
    }
    for seed in &totals.two_stories {
        println!("seed {seed} told two stories");
    }
    let all_happened =
        totals.never().is_empty() || totals.seeds < ALL_HAPPEN_IN || !options.without.is_empty();
    if !all_happened {
        println!("these kinds of trouble never happened: {:?}", totals.never());
    }
    broken.is_empty() && totals.two_stories.is_empty() && all_happened
}

fn summary(totals: &Totals, took: Duration) {
    let (seeds, steps) = (totals.seeds, totals.steps);
    println!("{seeds} seeds, {steps} events, {} broken, {took:.1?}", totals.broken.len());
    println!("deploys: {:?}", totals.states);
    println!("trouble, {} kinds: {:?}", totals.fired.len(), totals.fired);
}

/// Which code this is, where that can be told.
fn version() -> String {
    let told = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let text = told.ok().and_then(|told| String::from_utf8(told.stdout).ok()).unwrap_or_default();
    if text.trim().is_empty() { "an unknown commit".to_owned() } else { format!("commit {}", text.trim()) }
}
