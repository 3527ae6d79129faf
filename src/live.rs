//! The bot that works now. New rules come as a new bot: the old one finishes what is in hand and leaves, then the new one
//! enters, with an epoch of its own. So nothing is ever judged by two sets of rules at once, and what the old one still
//! held in hand is refused by the database. Not here: which rules (`reload`).

use shipgate_app::App;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What the old bot has in hand gets this long: longer than a send may take, so that no start is left in the dark.
const LAST_WORK: Duration = Duration::from_secs(40);
/// Between two tries to enter while the database fails.
const AGAIN: Duration = Duration::from_secs(1);

/// The bot that works now, for everybody who asks it something.
pub struct Live(RwLock<Arc<App>>);

/// A bot that is to take over, and whom to tell once it did.
pub struct Renewal {
    /// Has neither entered nor begun anything.
    pub app: Arc<App>,
    /// Told when it works.
    pub done: oneshot::Sender<()>,
}

impl Live {
    /// The first bot.
    pub fn new(app: Arc<App>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(app)))
    }

    /// The bot that works now; held no longer than one piece of work takes.
    pub fn app(&self) -> Arc<App> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Works until it is told to stop, with one bot after the other. The first has started already.
    pub async fn keep_working(
        self: Arc<Self>,
        mut renewals: mpsc::Receiver<Renewal>,
        stop: CancellationToken,
    ) {
        loop {
            let (app, life) = (self.app(), stop.child_token());
            let mut working = AbortOnDropHandle::new(tokio::spawn(app.clone().run(life.clone())));
            let renewal = tokio::select! {
                ended = &mut working => return panicked(ended),
                Some(renewal) = renewals.recv() => renewal,
            };
            tracing::info!("new rules are about to take over: finishing what is in hand");
            life.cancel();
            match tokio::time::timeout(LAST_WORK, &mut working).await {
                Ok(ended) => panicked(ended),
                Err(_) => {
                    tracing::warn!(
                        "some work did not end in {} s; it goes on under the new rules",
                        LAST_WORK.as_secs()
                    );
                    working.abort();
                    // Whatever of it still runs is refused from here on.
                    if let Err(error) = app.leave().await {
                        tracing::warn!("the old rules could not leave in order: {}", error.with_causes());
                    }
                }
            }
            if !self.begin(renewal, &stop).await {
                return;
            }
        }
    }

    /// Lets the new bot take over; false when it was told to stop before it could.
    async fn begin(&self, renewal: Renewal, stop: &CancellationToken) -> bool {
        while !stop.is_cancelled() {
            match renewal.app.start().await {
                Ok(()) => {
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = renewal.app;
                    // Whoever waited for it may have given up.
                    let _ = renewal.done.send(());
                    return true;
                }
                Err(error) => {
                    tracing::error!("cannot enter with the new rules: {}; tried again", error.with_causes());
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(AGAIN) => {}
                    }
                }
            }
        }
        false
    }
}

/// A panic goes on here, as it would without a task of its own.
fn panicked(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
