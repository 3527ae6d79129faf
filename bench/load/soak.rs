//! A long time with faults: how much memory and how many descriptors are in use, and whether anything was lost.
//! Not here: what the faults look like (`models`).

use crate::sample::{Sample, look};
use crate::{Bench, command, tell};
use anyhow::Result;
use shipgate_bench::arrive::{self, Arrivals};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Of 1,000 requests to Slack and GitHub, so many meet a fault.
const FAULTS: u64 = 50;
/// So often, Slack and GitHub are away for a moment.
const AWAY_EVERY: Duration = Duration::from_secs(150);
/// For so long.
const AWAY: Duration = Duration::from_secs(20);
/// Rows of the table.
const ROWS: usize = 16;

/// What a soak is.
#[derive(Debug)]
pub struct Plan {
    /// For so long.
    pub minutes: u64,
    /// Commands a second.
    pub rate: u32,
    /// Kills so often.
    pub kill_every_minutes: Option<u64>,
    /// Where a chart goes.
    pub chart: Option<PathBuf>,
}

/// Runs it.
pub fn run(mut bench: Bench, plan: &Plan) -> Result<()> {
    let (to, slack) = (bench.server.address, bench.server.outside);
    let time = Duration::from_secs(plan.minutes * 60);
    bench.mood.faults.store(FAULTS, Ordering::Relaxed);
    let is_over = AtomicBool::new(false);
    let (outcome, samples, kills) = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let arrivals = Arrivals::Each { second: plan.rate };
            let outcome = arrive::run(to, arrivals, 64, time, &|n| command(to, slack, n));
            is_over.store(true, Ordering::Relaxed);
            outcome
        });
        let (begun, mut samples, mut kills) = (Instant::now(), Vec::new(), 0_u64);
        while !is_over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_secs(2));
            let after = begun.elapsed();
            let is_away = after.as_secs() % AWAY_EVERY.as_secs() > (AWAY_EVERY - AWAY).as_secs();
            bench.mood.away.store(is_away, Ordering::Relaxed);
            if let Some(every) = plan.kill_every_minutes
                && after.as_secs() / (every.max(1) * 60) > kills
                && after + Duration::from_secs(10) < time
            {
                kills += 1;
                bench.server.kill()?;
                bench.server.start()?;
            }
            samples.push(Sample { after, ..look(bench.server.pid()?)? });
        }
        let outcome = load.join().unwrap_or_else(|_| unreachable!("the load catches its own panics"));
        anyhow::Ok((outcome, samples, kills))
    })?;
    println!(
        "{} minutes, {} commands a second, {FAULTS} of 1,000 requests with a fault",
        plan.minutes, plan.rate
    );
    println!(
        "requests of Shipgate: {}, of them with a fault: {}, kills: {kills}",
        bench.mood.calls.load(Ordering::Relaxed),
        bench.mood.fired.load(Ordering::Relaxed)
    );
    println!("{}", table(&samples));
    if let Some(file) = &plan.chart {
        std::fs::write(file, chart(&samples))?;
    }
    tell(&outcome, &samples);
    bench.end(&outcome)
}

fn table(samples: &[Sample]) -> String {
    let mut text = "| minute | resident MiB | descriptors | threads |\n|---|---|---|---|\n".to_owned();
    for sample in samples.iter().step_by((samples.len() / ROWS).max(1)) {
        let (minute, memory) = (sample.after.as_secs_f64() / 60.0, sample.memory as f64 / 1024.0);
        let _ = writeln!(text, "| {minute:.1} | {memory:.1} | {} | {} |", sample.descriptors, sample.threads);
    }
    text
}

/// Memory and descriptors over time, each as a part of its own maximum.
fn chart(samples: &[Sample]) -> String {
    let end = samples.last().map_or(1.0, |s| s.after.as_secs_f64()).max(1.0);
    let line = |of: &dyn Fn(&Sample) -> f64, colour: &str| {
        let most = samples.iter().map(of).fold(1.0, f64::max);
        let at = |s: &Sample| {
            format!("{:.1},{:.1}", 40.0 + 720.0 * s.after.as_secs_f64() / end, 260.0 - 220.0 * of(s) / most)
        };
        let points: Vec<String> = samples.iter().map(at).collect();
        format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            points.join(" ")
        )
    };
    let most = |of: fn(&Sample) -> u64| samples.iter().map(of).max().unwrap_or_default();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 300\" font-family=\"sans-serif\" font-size=\"13\">\
         <rect width=\"800\" height=\"300\" fill=\"white\"/><path d=\"M40 30V260H770\" fill=\"none\" stroke=\"black\"/>\
         {}{}<text x=\"50\" y=\"24\" fill=\"#1f5fbf\">resident memory, at most {:.1} MiB</text>\
         <text x=\"400\" y=\"24\" fill=\"#b35900\">descriptors, at most {}</text>\
         <text x=\"700\" y=\"285\">{:.0} minutes</text></svg>\n",
        line(&|s| s.memory as f64, "#1f5fbf"),
        line(&|s| s.descriptors as f64, "#b35900"),
        most(|s| s.memory) as f64 / 1024.0,
        most(|s| s.descriptors as u64),
        end / 60.0
    )
}
