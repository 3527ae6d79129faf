//! Measures the finished binary from outside, side by side with Bolt for JavaScript: acknowledgements, start, memory.
//! Loopback only, bounded in time and count. Not here: gates and following, which have measurements of their own.

mod disk;
mod load;
mod process;
mod report;
mod slack;

use anyhow::{Context as _, Result};
use clap::Parser;
use process::{Bolt, Server, Shipgate};
use std::path::PathBuf;
use std::time::Duration;

/// Measures Shipgate and Bolt side by side and prints a table.
#[derive(Debug, Parser)]
#[command(name = "shipgate-bench")]
struct Options {
    /// The binary to measure.
    #[arg(long)]
    shipgate: PathBuf,
    /// The folder of the Bolt server, with its modules installed.
    #[arg(long)]
    bolt: PathBuf,
    /// An empty folder on a real disk for the database.
    #[arg(long)]
    folder: PathBuf,
    /// Commands per second.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Seconds of load for each server.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Starts of each server.
    #[arg(long, default_value_t = 20)]
    starts: u32,
}

/// The servers take turns of this many seconds, so that noise of the machine hits both.
const TURN: u32 = 10;
/// Commands before anything is counted.
const WARM_UP: u32 = 400;
/// Durable writes that tell what the disk takes.
const DISK_WRITES: u32 = 1000;
/// Background work settles for this long before memory is read.
const SETTLE: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let options = Options::parse();
    let slack = slack::start().context("cannot stand in for Slack")?;
    let shipgate = Shipgate::new(options.shipgate.clone(), options.folder.join("work"), slack)?;
    let bolt = Bolt::new(options.bolt.clone())?;

    let mut servers: [Box<dyn Server>; 2] = [Box::new(shipgate), Box::new(bolt)];
    let mut figures: Vec<report::Figures> = Vec::new();
    for server in &mut servers {
        let mut starts = Vec::new();
        for _ in 0..options.starts {
            starts.push(process::start_to_first_ack(server.as_mut())?);
            server.stop()?;
        }
        server.start()?;
        process::wait_for_ack(server.address())?;
        std::thread::sleep(SETTLE);
        let idle = server.memory()?;
        figures.push(report::Figures::idle(server.name(), starts, idle));
    }
    for server in &servers {
        load::run(server.address(), options.rate, WARM_UP);
    }
    let mut left = options.seconds;
    while left > 0 {
        let turn = left.min(TURN);
        for (server, figures) in servers.iter().zip(&mut figures) {
            figures.add(load::run(server.address(), options.rate, options.rate * turn));
        }
        left -= turn;
    }
    std::thread::sleep(SETTLE);
    for (server, figures) in servers.iter_mut().zip(&mut figures) {
        figures.loaded = server.memory()?;
        server.stop()?;
    }
    let disk = disk::sync_times(&options.folder, options.rate, DISK_WRITES)?;
    println!("{}\n{}", report::table(&figures), report::disk(&disk));
    Ok(())
}
