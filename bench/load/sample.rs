//! What the kernel says of a process: memory, descriptors, threads, time on the processors. Not here: asking the process.

use anyhow::{Context as _, Result};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// One look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Since the first look.
    pub after: Duration,
    /// Resident memory in KiB.
    pub memory: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: u64,
    /// Time on the processors.
    pub busy: Duration,
}

/// Looks at a process.
pub fn look(pid: u32) -> Result<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
        Ok(line.split_whitespace().next().context("an empty field")?.parse()?)
    };
    // The name of the process, in brackets, may hold spaces: fields are counted from behind it.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| -> Result<u64> { Ok(fields.get(n).context("a short line")?.parse()?) };
    Ok(Sample {
        after: Duration::ZERO,
        memory: field("VmRSS:")?,
        descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        threads: field("Threads:")?,
        // A hundred ticks a second on every Linux that there is.
        busy: Duration::from_millis((ticks(11)? + ticks(12)?) * 10),
    })
}

/// Looks at a process again and again, until it is told to stop.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Vec<Sample>>,
}

impl Watch {
    /// Begins.
    pub fn begin(pid: u32, every: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let looking = thread::spawn(move || {
            let (begun, mut samples) = (Instant::now(), Vec::new());
            while !told.load(Ordering::Relaxed) {
                samples.extend(look(pid).map(|sample| Sample { after: begun.elapsed(), ..sample }));
                thread::sleep(every);
            }
            samples
        });
        Self { stop, looking }
    }

    /// Ends; everything that was seen.
    pub fn end(self) -> Vec<Sample> {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.join().unwrap_or_default()
    }
}
