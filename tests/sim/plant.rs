//! Plants every mistake, one after the other, and tells how soon it was found: `cargo run --profile sim -p shipgate-sim
//! --bin mistakes`. Not here: the mistakes (`planted`, `mistakes`).

use clap::Parser;
use shipgate_sim::Mistake;
use shipgate_sim::planted::{CHOICE, Found, PROGRAM, Planted, all, copy, search};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Plants mistakes, and shows that the oracles find each of them.
#[derive(Parser)]
struct Wishes {
    /// Only mistakes whose name contains this; all when there is none.
    only: Vec<String>,
    /// A mistake must be found within so many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// Threads; each runs other seeds. As many as there are cores when it is not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Builds the copy and stops.
    #[arg(long)]
    build_only: bool,
    /// Used by the program itself: run seeds until one fails, and print that.
    #[arg(long, hide = true)]
    search: bool,
}

/// What became of one mistake.
struct Line {
    name: String,
    breaks: String,
    found: Option<Found>,
    took: Duration,
}

fn main() -> ExitCode {
    let wishes = Wishes::parse();
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let jobs = wishes.jobs.unwrap_or(cores);
    if wishes.search {
        std::panic::set_hook(Box::new(|_| {}));
        if let Some(found) = search(None, wishes.seeds, jobs) {
            println!("{} {}", found.seed, found.violation);
        }
        return ExitCode::SUCCESS;
    }
    match all_of(&wishes, jobs) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether every mistake was found.
fn all_of(wishes: &Wishes, jobs: usize) -> Result<bool, String> {
    let planted = all()?;
    let program = build(&planted)?;
    if wishes.build_only {
        return Ok(true);
    }
    let is_wanted = |name: &str| wishes.only.is_empty() || wishes.only.iter().any(|part| name.contains(part));
    println!("{:<30} {:<8} {:>6} {:>8}  found as", "mistake", "breaks", "seeds", "seconds");
    let mut lines = Vec::new();
    for mistake in Mistake::ALL.iter().filter(|mistake| is_wanted(&format!("{mistake:?}"))) {
        let began = Instant::now();
        let found = search(Some(*mistake), wishes.seeds, jobs);
        lines.push(Line::new(format!("{mistake:?}"), mistake.breaks(), found, began.elapsed()));
    }
    for Planted { name, breaks, .. } in planted.iter().filter(|mistake| is_wanted(&mistake.name)) {
        let began = Instant::now();
        let found = search_planted(&program, name, wishes.seeds, jobs)?;
        lines.push(Line::new(name.clone(), breaks, found, began.elapsed()));
    }
    Ok(sum_up(&lines, wishes.seeds))
}

impl Line {
    fn new(name: String, breaks: &str, found: Option<Found>, took: Duration) -> Self {
        let line = Self { name, breaks: breaks.to_owned(), found, took };
        let (seeds, what) = match &line.found {
            Some(found) if found.is_by(breaks) => (found.seed + 1, found.violation.clone()),
            Some(found) => (found.seed + 1, format!("ANOTHER PROMISE: {}", found.violation)),
            None => (0, "NOT FOUND".to_owned()),
        };
        let seconds = line.took.as_secs_f64();
        println!("{:<30} {:<8} {seeds:>6} {seconds:>8.1}  {what}", line.name, line.breaks);
        line
    }

    fn is_well(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.is_by(&self.breaks))
    }
}

/// Says whether every mistake was found.
fn sum_up(lines: &[Line], most: u64) -> bool {
    let mut seeds: Vec<u64> = lines
        .iter()
        .filter(|line| line.is_well())
        .filter_map(|line| Some(line.found.as_ref()?.seed + 1))
        .collect();
    seeds.sort_unstable();
    let took: Duration = lines.iter().map(|line| line.took).sum();
    println!(
        "{} of {} mistakes found within {most} seeds; seeds needed: median {}, most {}; {:.0} s",
        seeds.len(),
        lines.len(),
        seeds.get(seeds.len() / 2).copied().unwrap_or(0),
        seeds.last().copied().unwrap_or(0),
        took.as_secs_f64()
    );
    for line in lines.iter().filter(|line| !line.is_well()) {
        println!("no oracle of {} finds {}", line.breaks, line.name);
    }
    seeds.len() == lines.len()
}

/// Copies the workspace with all mistakes planted, and builds this program there.
fn build(planted: &[Planted]) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| format!("the workspace is not there: {error}"))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let tree = target.join("planted");
    copy(&root, &tree, planted)?;
    // A folder of its own: with one for both, cargo takes a crate of the copy for the same crate of the workspace.
    let products = target.join("planted-products");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(&tree)
        .args(["build", "--quiet", "--profile", "sim", "-p", "shipgate-sim", "--bin", PROGRAM])
        .arg("--target-dir")
        .arg(&products)
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !status.success() {
        return Err("the copy with the mistakes does not build".to_owned());
    }
    Ok(products.join("sim").join(PROGRAM))
}

fn search_planted(program: &Path, name: &str, seeds: u64, jobs: usize) -> Result<Option<Found>, String> {
    let answer = Command::new(program)
        .env(CHOICE, name)
        .args(["--search", "--seeds", &seeds.to_string(), "--jobs", &jobs.to_string()])
        .output()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&answer.stdout);
    Ok(text.trim().split_once(' ').and_then(|(seed, violation)| {
        Some(Found { seed: seed.parse().ok()?, violation: violation.to_owned() })
    }))
}
