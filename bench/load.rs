//! Commands at a fixed rate, whatever the server does, and how long each took to be acknowledged. One keep-alive
//! connection per thread. Not here: what the times mean.

use shipgate_bench::line::{ACME, Line, Said, signed};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// Threads, each with a connection. At 200 a second, each has 80 ms for one command before it delays the next; then
/// the delay counts as the command's own.
const CONNECTIONS: u32 = 16;

/// What became of the commands of one run.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Time from when a command was due (or sent, if the thread woke late) to the end of its answer.
    pub times: Vec<Duration>,
    /// Commands that were not answered with 200 and an empty body.
    pub failed: Vec<String>,
}

/// Sends `count` commands at `rate` a second.
pub fn run(address: SocketAddr, rate: u32, count: u32) -> Taken {
    let begin = Instant::now() + Duration::from_millis(50);
    let gap = Duration::from_secs(1) / rate;
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            thread::spawn(move || {
                let mut taken = Taken::default();
                let mut line = None;
                for n in (number..count).step_by(CONNECTIONS as usize) {
                    one(address, begin + gap * n, &mut line, &mut taken);
                }
                taken
            })
        })
        .collect();
    let mut all = Taken::default();
    for worker in workers {
        match worker.join() {
            Ok(taken) => {
                all.times.extend(taken.times);
                all.failed.extend(taken.failed);
            }
            Err(_) => all.failed.push("a thread of the generator died".to_owned()),
        }
    }
    all
}

fn one(address: SocketAddr, due: Instant, line: &mut Option<Line>, taken: &mut Taken) {
    let request = command(address);
    let is_early = Instant::now() < due;
    if line.is_none() {
        match Line::open(address) {
            Ok(opened) => *line = Some(opened),
            Err(error) => return taken.failed.push(format!("no connection: {error}")),
        }
    }
    if let Some(pause) = due.checked_duration_since(Instant::now()) {
        thread::sleep(pause);
    }
    // A thread that was ready in time is not blamed for how late the kernel woke it.
    let begun = if is_early { Instant::now() } else { due };
    let Some(open) = line else { return };
    match open.exchange(&request) {
        Ok(200) => taken.times.push(begun.elapsed()),
        Ok(status) => taken.failed.push(format!("status {status}")),
        Err(error) => {
            *line = None;
            taken.failed.push(error.to_string());
        }
    }
}

/// One command on a connection of its own; says whether it was acknowledged.
pub fn is_acknowledged(address: SocketAddr) -> bool {
    Line::open(address)
        .and_then(|mut line| line.exchange(&command(address)))
        .is_ok_and(|status| status == 200)
}

/// `/shipgate status` by ada, signed now.
fn command(address: SocketAddr) -> Vec<u8> {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let slack = crate::slack::address();
    signed(ACME, address, &Said { user: "U0ADA", command: "/shipgate", text: "status", number, slack }).bytes
}
