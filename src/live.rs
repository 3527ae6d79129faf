//! The bot that works now. New rules come as a new bot beside the old one: with an epoch of its own, so that from the
//! instant it entered, the database refuses what the old one decides. The old one takes nothing more, brings what it has in
//! hand to its end, and leaves. So nothing is ever judged by two sets of rules at once, and nothing has to wait for what
//! takes long. Not here: which rules (`reload`).

use shipgate_app::App;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
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
        let mut leaving = JoinSet::new();
        let mut at_work = AtWork::begin(self.app(), &stop);
        loop {
            let renewal = tokio::select! {
                ended = &mut at_work.working => {
                    panicked(ended);
                    break;
                }
                Some(left) = leaving.join_next() => {
                    panicked(left);
                    continue;
                }
                Some(renewal) = renewals.recv() => renewal,
            };
            // The old one works until the new one has entered, however long the database takes for that.
            if !self.begin(renewal, &stop).await {
                panicked((&mut at_work.working).await);
                break;
            }
            let old = std::mem::replace(&mut at_work, AtWork::begin(self.app(), &stop));
            leaving.spawn(old.leave());
        }
        while let Some(left) = leaving.join_next().await {
            panicked(left);
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

/// A bot and its workers.
struct AtWork {
    app: Arc<App>,
    life: CancellationToken,
    working: AbortOnDropHandle<()>,
}

impl AtWork {
    fn begin(app: Arc<App>, stop: &CancellationToken) -> Self {
        let life = stop.child_token();
        let working = AbortOnDropHandle::new(tokio::spawn(app.clone().run(life.clone())));
        Self { app, life, working }
    }

    /// Others hold by now: takes nothing more, ends what is in hand, and leaves.
    async fn leave(mut self) {
        tracing::info!("new rules hold: those of before only finish what is in hand");
        self.life.cancel();
        match tokio::time::timeout(LAST_WORK, &mut self.working).await {
            Ok(ended) => panicked(ended),
            Err(_) => {
                tracing::warn!(
                    "some work did not end in {} s; it goes on under the new rules",
                    LAST_WORK.as_secs()
                );
                self.working.abort();
                // Whatever of it still runs is refused from here on.
                if let Err(error) = self.app.leave().await {
                    tracing::warn!("the old rules could not leave in order: {}", error.with_causes());
                }
            }
        }
        tracing::info!("what was in hand when the rules changed has ended");
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

#[cfg(test)]
mod tests;
