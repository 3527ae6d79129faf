//! Twenty channels with five hundred messages each, one of which Slack limits: whether the others wait for it.
//! Not here: how fast Slack may be written to (`chat/slack/pace.rs`).

use crate::{Bench, models, now};
use anyhow::{Result, bail};
use shipgate_bench::seed;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

/// Limits one channel, lets time pass, counts.
pub fn run(mut bench: Bench, seconds: u64) -> Result<()> {
    let limited = models::channel_id(0);
    *bench.mood.limited.lock().unwrap_or_else(PoisonError::into_inner) = Some(limited.clone());
    let begun = now();
    thread::sleep(Duration::from_secs(seconds));
    let posts = bench.mood.posts.lock().unwrap_or_else(PoisonError::into_inner).clone();
    bench.server.stop()?;
    let count = |n| posts.get(&models::channel_id(n)).map_or(0, Vec::len);
    let others: Vec<usize> = (1..seed::CHANNELS).map(count).collect();
    let (least, most) = (others.iter().min().copied(), others.iter().max().copied());
    let (least, most) = (least.unwrap_or(0), most.unwrap_or(0));
    println!("{seconds} s from {begun}, one of {} channels limited", seed::CHANNELS);
    println!("messages in each of the others: {least} to {most}; one a second and channel is Slack's pace");
    if least * 2 < usize::try_from(seconds)? {
        bail!("the other channels had to wait");
    }
    Ok(())
}
