//! The small pieces between adapters and use cases: the clock, randomness, the way into the inbox, hints.
//! Not here: any decision.

use crate::live::Live;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use shipgate_app::App;
use shipgate_app::inbound::{Content, Inbound};
use shipgate_app::limits::{Limiter, Rates, TooMany};
use shipgate_app::ports::{Clock, Random, Store};
use shipgate_app::store::StoreError;
use shipgate_chat::slack::SinkError;
use shipgate_pipelines::github::webhooks::{Hint, Hints};
use shipgate_web::playground::Refusal;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Slack waits three seconds for an answer, its way there and back included.
const STORED_WITHIN: Duration = Duration::from_millis(2500);

/// The machine's clock. Leases are measured from the start by a clock that nobody sets and that goes on while the
/// machine is suspended: a step of the machine's time ends no lease, and a machine that slept knows how long.
#[derive(Debug)]
pub struct SystemClock {
    first: Timestamp,
    started: Duration,
}

/// Time since the machine started, sleep included.
#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// Time since the first question; elsewhere than on Linux, what a suspended machine counts is its own affair.
#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    static FIRST: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    FIRST.elapsed()
}

impl Default for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that may read the clock")]
    fn default() -> Self {
        Self { first: Timestamp::now(), started: since_boot() }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that may read the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn lease_now(&self) -> Timestamp {
        let elapsed = since_boot().saturating_sub(self.started);
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        self.first.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

/// The operating system's randomness.
#[derive(Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// The way in: stores what came, then wakes the workers. Adapters hold it before the bot exists.
pub struct Intake {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    limiter: Limiter,
    live: OnceLock<Arc<Live>>,
    /// Those who are being told that they were turned away. The limiter lets each be told once, so they are few.
    told: TaskTracker,
}

/// Why something that came is not taken in.
enum NotTaken {
    Stored(String),
    TooMany(TooMany),
}

impl Intake {
    /// A way into this store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, rates: Rates) -> Self {
        Self { store, clock, limiter: Limiter::new(rates), live: OnceLock::new(), told: TaskTracker::new() }
    }

    /// Says whom to wake.
    pub fn connect(&self, live: Arc<Live>) {
        let _ = self.live.set(live);
    }

    /// The bot that works now, once there is one.
    fn app(&self) -> Option<Arc<App>> {
        self.live.get().map(|live| live.app())
    }

    /// Waits for the end, then until everybody who was turned away has been told.
    pub async fn see_off(self: Arc<Self>, stop: CancellationToken) {
        stop.cancelled().await;
        self.told.close();
        self.told.wait().await;
    }

    async fn put(&self, inbound: &Inbound) -> Result<(), NotTaken> {
        if let Err(too_many) = self.limiter.take(&inbound.account, self.clock.lease_now()) {
            let who = if too_many.is_person { "person" } else { "everybody" };
            metrics::counter!("shipgate_too_many_total", "who" => who).increment(1);
            return Err(NotTaken::TooMany(too_many));
        }
        let begun = Instant::now();
        let storing = tokio::time::timeout(STORED_WITHIN, self.store.inbox_put(inbound, self.clock.now()));
        let late = |_| {
            Err(StoreError::Failed {
                doing: "accept a command",
                source: "it took too long".into(),
                may_pass: true,
            })
        };
        match storing.await.unwrap_or_else(late) {
            Ok(_) => {
                metrics::histogram!("shipgate_commit_seconds").record(begun.elapsed().as_secs_f64());
                if let Some(app) = self.app() {
                    app.wake_inbox();
                }
                Ok(())
            }
            Err(error) => {
                tracing::error!("cannot store what came in: {}", error.with_causes());
                metrics::counter!("shipgate_store_failures_total").increment(1);
                Err(NotTaken::Stored(error.to_string()))
            }
        }
    }
}

#[async_trait]
impl shipgate_chat::slack::Sink for Intake {
    async fn accept(&self, inbound: Inbound) -> Result<(), SinkError> {
        self.put(&inbound).await.map_err(|not_taken| match not_taken {
            NotTaken::Stored(why) => SinkError::NotStored { why },
            NotTaken::TooMany(too_many) => {
                // The answer to a click or a mention says nothing that people could read.
                let says_nothing = matches!(
                    inbound.content,
                    Content::Press { .. } | Content::Tick { .. } | Content::Mention { .. }
                );
                if let Some(app) = self.app().filter(|_| says_nothing && too_many.is_first) {
                    let (to, say) = (inbound.reply_to.clone(), too_many.sentence());
                    self.told.spawn(async move { app.turn_away(&to, &say).await });
                }
                SinkError::TooMany { say: too_many.sentence() }
            }
        })
    }
}

#[async_trait]
impl shipgate_web::playground::Sink for Intake {
    async fn accept(&self, inbound: Inbound) -> Result<(), Refusal> {
        self.put(&inbound).await.map_err(|not_taken| match not_taken {
            NotTaken::Stored(why) => {
                Refusal(format!("Shipgate could not store this ({why}). Nothing was done; try again."))
            }
            NotTaken::TooMany(too_many) => Refusal(too_many.sentence()),
        })
    }
}

#[async_trait]
impl Hints for Intake {
    async fn hint(&self, hint: Hint) {
        let Some(app) = self.app() else { return };
        if let Err(error) = app.hint(hint.provider, &hint.run, &hint.title).await {
            tracing::warn!("a webhook could not wake anybody: {error}; polling goes on");
        }
    }
}
