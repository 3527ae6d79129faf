//! Standing still while others may take this replica for dead. Not here: being taken for dead (the store).
//!
//! The database refuses what a buried replica writes, but it cannot call back a message or a start that was about to
//! leave when the process was suspended. So work takes no step unless this replica is surely alive.

use jiff::Timestamp;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use tokio_util::sync::CancellationToken;

/// What is known about this replica's life, by the clock of leases.
#[derive(Debug, Default)]
pub(crate) struct Alive {
    /// In milliseconds; nobody takes this replica for dead before.
    until: AtomicI64,
    /// Work that stands still.
    halted: Mutex<Vec<Waker>>,
}

impl Alive {
    /// Nobody takes this replica for dead before this instant: work that stood still goes on.
    pub fn confirm(&self, until: Timestamp) {
        self.until.store(until.as_millisecond(), Ordering::Release);
        let halted = std::mem::take(&mut *self.halted.lock().unwrap_or_else(PoisonError::into_inner));
        halted.into_iter().for_each(Waker::wake);
    }

    /// Does the work, but takes no step of it while it is not sure that this replica is alive. Told to stop in such a
    /// time, it leaves the rest: nobody waits for a database to come back.
    pub async fn work(
        &self,
        now: impl Fn() -> Timestamp,
        stop: &CancellationToken,
        work: impl Future<Output = ()>,
    ) {
        let (mut work, mut stopped) = (pin!(work), pin!(stop.cancelled()));
        poll_fn(|context| {
            if self.is_sure(&now, context.waker()) {
                return work.as_mut().poll(context);
            }
            stopped.as_mut().poll(context)
        })
        .await;
    }

    /// Otherwise whoever asks is woken at the next confirmation.
    fn is_sure(&self, now: impl Fn() -> Timestamp, waker: &Waker) -> bool {
        let is_sure = || now().as_millisecond() < self.until.load(Ordering::Acquire);
        if is_sure() {
            return true;
        }
        let mut halted = self.halted.lock().unwrap_or_else(PoisonError::into_inner);
        if !halted.iter().any(|known| known.will_wake(waker)) {
            halted.push(waker.clone());
        }
        // A confirmation that came just before has woken nobody.
        is_sure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use std::sync::Arc;
    use tokio::sync::Notify;
    use tokio_util::task::AbortOnDropHandle;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(seconds: i64) -> Timestamp {
        START + SignedDuration::from_secs(seconds)
    }

    /// A clock that stands at the second it is set to, and work of two steps with a wait in between.
    struct Scene {
        alive: Arc<Alive>,
        clock: Arc<AtomicI64>,
        next: Arc<Notify>,
        steps: Arc<AtomicI64>,
        stop: CancellationToken,
        work: AbortOnDropHandle<()>,
    }

    fn begin() -> Scene {
        let (alive, clock, next, steps) =
            (Arc::<Alive>::default(), Arc::new(AtomicI64::new(0)), Arc::<Notify>::default(), Arc::default());
        let stop = CancellationToken::new();
        alive.confirm(after(11));
        let (its_alive, its_clock, its_stop) = (alive.clone(), clock.clone(), stop.clone());
        let (its_next, its_steps) = (next.clone(), Arc::<AtomicI64>::clone(&steps));
        let work = AbortOnDropHandle::new(tokio::spawn(async move {
            let work = async {
                its_steps.fetch_add(1, Ordering::SeqCst);
                its_next.notified().await;
                its_steps.fetch_add(1, Ordering::SeqCst);
            };
            its_alive.work(|| after(its_clock.load(Ordering::SeqCst)), &its_stop, work).await;
        }));
        Scene { alive, clock, next, steps, stop, work }
    }

    async fn everybody_had_a_turn() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_takes_no_step_after_a_silence_and_goes_on_once_it_is_confirmed() {
        let scene = begin();
        everybody_had_a_turn().await;
        // The process is suspended here; what it waited for comes first when it wakes up.
        scene.clock.store(13, Ordering::SeqCst);
        scene.next.notify_one();
        everybody_had_a_turn().await;
        assert_eq!(scene.steps.load(Ordering::SeqCst), 1);
        scene.alive.confirm(after(24));
        scene.work.await.unwrap();
        assert_eq!(scene.steps.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn told_to_stop_in_a_silence_it_leaves_the_rest() {
        let scene = begin();
        everybody_had_a_turn().await;
        scene.clock.store(13, Ordering::SeqCst);
        scene.next.notify_one();
        scene.stop.cancel();
        // What stands still looks only when it is woken; being told to stop wakes it.
        everybody_had_a_turn().await;
        assert_eq!(scene.steps.load(Ordering::SeqCst), 1);
        scene.work.await.unwrap();
        assert_eq!(scene.steps.load(Ordering::SeqCst), 1);
    }
}
