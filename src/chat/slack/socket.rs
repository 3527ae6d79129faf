//! Slack by Socket Mode: keeps connections to Slack open. One connection is in `line`. Not here: what deliveries mean
//! (`payloads`).
//!
//! The client library's own listener is not used: it opens the replacement of a connection only after the old one is
//! gone, so that commands and clicks in between are lost for good (Slack does not repeat them); it handles the
//! deliveries of a connection one after the other, pongs included; and it waits without limit for a server that takes
//! the connection and says nothing. Here two connections overlap, a replacement says `hello` before the old one is
//! drained, deliveries are handled side by side, and every wait has an end.

mod line;

use super::client::SocketAddresses;
use super::{SetupError, Sink, SlackSecrets, SlackSettings, tls};
use jiff::Timestamp;
pub(in crate::slack) use line::read;
use line::{Line, Notice};
use shipgate_app::ports::{Clock, Random};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections held at the same time. Slack allows ten; while one is replaced there is one more.
const LINES: usize = 2;
/// Longest pause between tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// First pause; doubles with every failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How the connections are, for `/readyz` and metrics.
#[derive(Debug, Default)]
pub struct SocketStatus {
    connected: AtomicUsize,
    last_hello_ms: AtomicI64,
}

impl SocketStatus {
    /// Connections over which Slack has said `hello` and that are still open.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }

    /// When Slack last said `hello`; never is `None`.
    #[must_use]
    pub fn last_hello(&self) -> Option<Timestamp> {
        match self.last_hello_ms.load(Ordering::Relaxed) {
            0 => None,
            ms => Timestamp::from_millisecond(ms).ok(),
        }
    }

    fn note(&self, change: impl FnOnce(&AtomicUsize)) {
        change(&self.connected);
        metrics::gauge!("shipgate_slack_sockets")
            .set(u32::try_from(self.connected()).map_or(f64::MAX, f64::from));
    }
}

/// Counts a connection for as long as it is held.
struct Connected(Arc<SocketStatus>);

impl Connected {
    fn new(status: &Arc<SocketStatus>, now: Timestamp) -> Self {
        status.last_hello_ms.store(now.as_millisecond(), Ordering::Relaxed);
        status.note(|n| {
            n.fetch_add(1, Ordering::Relaxed);
        });
        Self(Arc::clone(status))
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.note(|n| {
            n.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Why [`run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was asked to.
    Asked,
    /// Somebody switched Socket Mode off for the app: nothing will come until it is switched on and we start again.
    LinkDisabled,
}

/// What the connections need.
pub struct Wiring {
    /// Settings of the workspace.
    pub settings: SlackSettings,
    /// Takes in what is delivered.
    pub sink: Arc<dyn Sink>,
    /// The time, for [`SocketStatus::last_hello`].
    pub clock: Arc<dyn Clock>,
    /// Spreads tries to connect.
    pub random: Arc<dyn Random>,
    /// Kept up to date.
    pub status: Arc<SocketStatus>,
}

struct Shared {
    wiring: Wiring,
    addresses: SocketAddresses,
    tls: Arc<rustls::ClientConfig>,
    /// Ends everything: we were asked to stop, or the link is disabled.
    stop: CancellationToken,
}

/// Holds the connections until `stop`, or until Slack says that Socket Mode is switched off. Deliveries that are being
/// stored at that moment are finished and acknowledged.
///
/// # Errors
/// No app-level token, or TLS cannot be set up. Everything else is logged and tried again.
pub async fn run(
    wiring: Wiring,
    secrets: &SlackSecrets,
    stop: CancellationToken,
) -> Result<Stopped, SetupError> {
    let shared = Arc::new(Shared {
        addresses: SocketAddresses::new(&wiring.settings, secrets)?,
        tls: Arc::new(tls()?),
        stop: stop.child_token(),
        wiring,
    });
    let mut places = JoinSet::new();
    for _ in 0..LINES {
        places.spawn(keep(Arc::clone(&shared)));
    }
    while places.join_next().await.is_some() {}
    if stop.is_cancelled() {
        return Ok(Stopped::Asked);
    }
    tracing::error!(
        "Slack closed the sockets for good: Socket Mode is switched off for the app. Switch it on, then restart"
    );
    Ok(Stopped::LinkDisabled)
}

/// Keeps one place taken: there is always a connection in it, or one on its way.
async fn keep(shared: Arc<Shared>) {
    let mut failures = 0;
    let mut served = JoinSet::new();
    let Some(mut line) = connect(&shared, &mut failures).await else { return };
    loop {
        let (notify, noticed) = oneshot::channel();
        let drain = CancellationToken::new();
        served.spawn(line.serve(Arc::clone(&shared), notify, drain.clone()));
        match noticed.await {
            // The old connection goes on being served while its replacement is on its way.
            Ok(Notice::Replace) => {}
            Ok(Notice::TooMany) => {
                while served.join_next().await.is_some() {}
                failures = failures.max(4);
            }
            Ok(Notice::LinkDisabled) => shared.stop.cancel(),
            // It was lost.
            Err(_) => failures = failures.max(1),
        }
        while served.try_join_next().is_some() {}
        match connect(&shared, &mut failures).await {
            Some(next) => line = next,
            None => break,
        }
        drain.cancel();
    }
    while served.join_next().await.is_some() {}
}

/// Tries until Slack says `hello`; only that makes the pauses short again. `None` when asked to stop.
async fn connect(shared: &Shared, failures: &mut u32) -> Option<Line> {
    loop {
        let pause = pause(*failures, shared.wiring.random.as_ref());
        tokio::select! {
            () = shared.stop.cancelled() => return None,
            () = tokio::time::sleep(pause) => {}
        }
        let tried = tokio::select! {
            () = shared.stop.cancelled() => return None,
            tried = Line::connect(shared) => tried,
        };
        match tried {
            Ok(line) => {
                *failures = 0;
                return Some(line);
            }
            Err(why) => {
                *failures = failures.saturating_add(1);
                metrics::counter!("shipgate_slack_socket_failures_total").increment(1);
                tracing::warn!(failures = *failures, "cannot open a socket to Slack: {why}");
            }
        }
    }
}

/// A random part ("full jitter") of a time that doubles with every failure.
fn pause(failures: u32, random: &dyn Random) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let most = (FIRST_PAUSE * (1 << failures.min(10))).min(LONGEST_PAUSE);
    let mut bytes = [0u8; 4];
    random.fill(&mut bytes);
    most.mul_f64(f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);
    impl Random for Always {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn pauses_double_up_to_half_a_minute_and_are_spread() {
        let most: Vec<u64> = (0..8).map(|n| pause(n, &Always(255)).as_secs()).collect();
        assert_eq!(most, [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(8, &Always(0)), Duration::ZERO);
    }
}
