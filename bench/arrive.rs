//! When commands arrive: by a schedule that no slow answer stretches, or as fast as they are answered.
//! Not here: what they say.
//!
//! The schedule is an *open loop*: command n is due at a fixed instant, whatever became of those before, and its time
//! runs from that instant to the end of its answer. So a server that hangs for a second is charged for every command
//! that was due in that second, not only for the one that it kept waiting (this is what correcting for coordinated
//! omission means). A late wake-up by the kernel is charged too.

use crate::line::{Line, Signed};
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What became of the commands.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How long those took that were acknowledged, in microseconds.
    pub times: Histogram<u64>,
    /// Shipgate's names of those that were acknowledged.
    pub acknowledged: Vec<[u8; 32]>,
    /// Why the others were not.
    pub failed: Vec<String>,
    /// From the first that was due to the last answer.
    pub took: Duration,
}

impl Outcome {
    fn new() -> Self {
        let times = Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order");
        Self { times, acknowledged: Vec::new(), failed: Vec::new(), took: Duration::ZERO }
    }

    fn add(&mut self, other: Self) {
        self.times.add(&other.times).expect("the bounds are the same");
        self.acknowledged.extend(other.acknowledged);
        self.failed.extend(other.failed);
    }

    /// The time below which this part of all lies, in milliseconds.
    #[must_use]
    pub fn quantile(&self, part: f64) -> f64 {
        self.times.value_at_quantile(part) as f64 / 1000.0
    }

    /// The longest time in milliseconds.
    #[must_use]
    pub fn longest(&self) -> f64 {
        self.times.max() as f64 / 1000.0
    }
}

/// When commands arrive.
#[derive(Clone, Copy, Debug)]
pub enum Arrivals {
    /// So many a second, by a schedule.
    Each {
        /// How many a second.
        second: u32,
    },
    /// On every connection, the next as soon as the one before is answered.
    FlatOut,
}

/// Sends commands for a time over so many keep-alive connections.
pub fn run(
    to: SocketAddr,
    arrivals: Arrivals,
    connections: u32,
    time: Duration,
    command: &(impl Fn(u64) -> Signed + Sync),
) -> Outcome {
    let begin = Instant::now() + Duration::from_millis(20);
    let next = AtomicU64::new(0);
    let mut all = Outcome::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| one_connection(to, arrivals, begin, time, &next, command)))
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(outcome) => all.add(outcome),
                Err(_) => all.failed.push("a thread of the generator died".to_owned()),
            }
        }
    });
    all.took = begin.elapsed();
    all
}

fn one_connection(
    to: SocketAddr,
    arrivals: Arrivals,
    begin: Instant,
    time: Duration,
    next: &AtomicU64,
    command: &(impl Fn(u64) -> Signed + Sync),
) -> Outcome {
    let mut outcome = Outcome::new();
    let mut line = None;
    loop {
        // Whoever is free takes the next: one that waits for its answer delays nothing.
        let n = next.fetch_add(1, Ordering::Relaxed);
        let due = match arrivals {
            Arrivals::Each { second } => begin + Duration::from_nanos(n * 1_000_000_000 / u64::from(second)),
            Arrivals::FlatOut => Instant::now().max(begin),
        };
        if due.duration_since(begin) >= time {
            return outcome;
        }
        let signed = command(n);
        if let Some(pause) = due.checked_duration_since(Instant::now()) {
            thread::sleep(pause);
        }
        let due = if matches!(arrivals, Arrivals::FlatOut) { Instant::now() } else { due };
        match exchange(to, &mut line, &signed) {
            Ok(()) => {
                outcome.times.saturating_record(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
                outcome.acknowledged.push(signed.key);
            }
            Err(why) => {
                line = None;
                outcome.failed.push(why);
            }
        }
    }
}

fn exchange(to: SocketAddr, line: &mut Option<Line>, signed: &Signed) -> Result<(), String> {
    if line.is_none() {
        *line = Some(Line::open(to).map_err(|error| format!("no connection: {error}"))?);
    }
    let Some(open) = line else { return Err("no connection".to_owned()) };
    match open.exchange(&signed.bytes) {
        Ok(200) => Ok(()),
        Ok(status) => Err(format!("status {status}")),
        Err(error) => Err(error.to_string()),
    }
}
