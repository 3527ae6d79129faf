//! What the disk takes to make 4 KiB durable, at the same rate as the load: below this no durable answer can be.
//! Not here: any database.

use anyhow::Result;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const BLOCK: usize = 4096;
/// Blocks that exist before anything is measured, as those of a write-ahead log in use do.
const BLOCKS: u64 = 256;

/// Overwrites block after block, each made durable, at `rate` a second.
pub fn sync_times(folder: &Path, rate: u32, count: u32) -> Result<Vec<Duration>> {
    let path = folder.join("disk");
    let file = File::create(&path)?;
    let block = [7; BLOCK];
    for n in 0..BLOCKS {
        file.write_all_at(&block, n * BLOCK as u64)?;
    }
    file.sync_all()?;
    let mut times = Vec::new();
    for n in 0..u64::from(count) {
        thread::sleep(Duration::from_secs(1) / rate);
        let begun = Instant::now();
        file.write_all_at(&block, (n % BLOCKS) * BLOCK as u64)?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(times)
}
