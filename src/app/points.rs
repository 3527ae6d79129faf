//! Named points around every commit, send and acknowledgement, at which a test can kill the process or make the work
//! panic. They exist only with the feature `kill-points`; without it, `point!` expands to nothing, names included.
//! Not here: which points there are (`tests/kill/points.rs` lists them).

/// A place in the program that a test can name: `point!("send/marked")`, or with a part that is known only at run time,
/// `point!("effect", leased.effect.name(), "leased")`.
#[cfg(not(feature = "kill-points"))]
#[macro_export]
macro_rules! point {
    ($($part:expr),+ $(,)?) => {};
}

/// A place in the program that a test can name: `point!("send/marked")`, or with a part that is known only at run time,
/// `point!("effect", leased.effect.name(), "leased")`.
#[cfg(feature = "kill-points")]
#[macro_export]
macro_rules! point {
    ($($part:expr),+ $(,)?) => { $crate::points::reach(&[$($part),+]) };
}

#[cfg(feature = "kill-points")]
pub use armed::reach;

#[cfg(feature = "kill-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// `SHIPGATE_KILL_AT=send/marked:2` dies at the second time; `SHIPGATE_PANIC_AT=effect/card/leased:3` panics at
    /// each of the first three times, as an item does that cannot be worked on.
    struct Armed {
        name: String,
        times: u64,
        is_panic: bool,
        reached: AtomicU64,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    fn armed() -> Option<Armed> {
        let read = |variable: &str, is_panic| {
            let text = std::env::var(variable).ok()?;
            let (name, times) = text.rsplit_once(':')?;
            let times = times.parse().ok()?;
            Some(Armed { name: name.to_owned(), times, is_panic, reached: AtomicU64::new(0) })
        };
        read("SHIPGATE_KILL_AT", false).or_else(|| read("SHIPGATE_PANIC_AT", true))
    }

    /// The work has come to the point whose name these parts make.
    pub fn reach(parts: &[&str]) {
        let Some(armed) = ARMED.get_or_init(armed) else { return };
        let mut rest = armed.name.as_str();
        for (place, part) in parts.iter().enumerate() {
            let slash = if place == 0 { Some(rest) } else { rest.strip_prefix('/') };
            let Some(after) = slash.and_then(|rest| rest.strip_prefix(part)) else { return };
            rest = after;
        }
        if !rest.is_empty() {
            return;
        }
        let time = armed.reached.fetch_add(1, Ordering::SeqCst) + 1;
        if armed.is_panic {
            assert!(time > armed.times, "a test asked for this panic at {}", armed.name);
        } else if time == armed.times {
            let me = rustix::process::getpid();
            let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
            // The signal ends every thread; none gets any further here.
            loop {
                std::thread::park();
            }
        }
    }
}
