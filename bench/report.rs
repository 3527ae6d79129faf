//! The figures as a table for people. Not here: measuring.

use crate::load::Taken;
use crate::process::Memory;
use std::fmt::Write as _;
use std::time::Duration;

/// What was measured of one server.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Its name.
    name: &'static str,
    /// From start to first acknowledged command.
    starts: Vec<Duration>,
    /// Memory before the load.
    idle: Memory,
    /// Memory after the load.
    pub loaded: Memory,
    taken: Taken,
}

impl Figures {
    /// A server before any load.
    pub fn idle(name: &'static str, starts: Vec<Duration>, idle: Memory) -> Self {
        Self { name, starts, idle, ..Self::default() }
    }

    /// Adds one turn of load.
    pub fn add(&mut self, taken: Taken) {
        self.taken.times.extend(taken.times);
        self.taken.failed.extend(taken.failed);
    }
}

/// The value below which `per_mille` of 1000 lie.
fn quantile(times: &[Duration], per_mille: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * per_mille).div_ceil(1000).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// What the disk takes to make 4 KiB durable.
pub fn disk(times: &[Duration]) -> String {
    let (half, most, all) = (quantile(times, 500), quantile(times, 990), quantile(times, 1000));
    format!(
        "The disk makes 4 KiB durable in {} (p50), {} (p99), {} (slowest).",
        millis(half),
        millis(most),
        millis(all)
    )
}

/// One row for each figure, one column for each server, and the ratio of the first to the second.
pub fn table(figures: &[Figures]) -> String {
    let mut text = String::from("| figure |");
    for one in figures {
        let _ = write!(text, " {} |", one.name);
    }
    text.push_str(" ratio |\n|---|");
    text.push_str(&"---|".repeat(figures.len() + 1));
    text.push('\n');
    let mut row = |name: &str, values: Vec<(f64, String)>| {
        let _ = write!(text, "| {name} |");
        for (_, shown) in &values {
            let _ = write!(text, " {shown} |");
        }
        match values.as_slice() {
            [(ours, _), (theirs, _)] if *theirs > 0.0 => {
                let _ = writeln!(text, " {:.2} |", ours / theirs);
            }
            _ => text.push_str(" |\n"),
        }
    };
    let times = |of: &dyn Fn(&Figures) -> Duration| -> Vec<(f64, String)> {
        figures.iter().map(of).map(|time| (time.as_secs_f64(), millis(time))).collect()
    };
    let memory = |of: &dyn Fn(&Figures) -> u64| -> Vec<(f64, String)> {
        figures.iter().map(of).map(|kib| (kib as f64, format!("{:.1} MB", kib as f64 / 1024.0))).collect()
    };
    let counts = |of: &dyn Fn(&Figures) -> usize| -> Vec<(f64, String)> {
        figures.iter().map(of).map(|count| (0.0, count.to_string())).collect()
    };
    row("commands acknowledged", counts(&|f| f.taken.times.len()));
    row("commands not acknowledged", counts(&|f| f.taken.failed.len()));
    row("acknowledged after, p50", times(&|f| quantile(&f.taken.times, 500)));
    row("acknowledged after, p99", times(&|f| quantile(&f.taken.times, 990)));
    row("acknowledged after, p99.9", times(&|f| quantile(&f.taken.times, 999)));
    row("acknowledged after, slowest", times(&|f| quantile(&f.taken.times, 1000)));
    row("start to first acknowledged command, median", times(&|f| quantile(&f.starts, 500)));
    row("start to first acknowledged command, slowest", times(&|f| quantile(&f.starts, 1000)));
    row("resident memory, idle", memory(&|f| f.idle.now));
    row("resident memory, after the load", memory(&|f| f.loaded.now));
    row("resident memory, at most", memory(&|f| f.loaded.peak));
    for one in figures {
        if let Some(first) = one.taken.failed.first() {
            let _ = writeln!(text, "\n{}: not acknowledged, for instance: {first}", one.name);
        }
    }
    text
}
