//! The workers: some for the inbox, some for effects, woken by writes and by time. Not here: what is done.

use crate::bot::{App, Unfinished};
use crate::effects::{Effect, Finish, Lane, Leased, NewEffect};
use crate::judge::later;
use crate::point;
use crate::poison::said;
use crate::ports::ChatError;
use crate::store::StoreError;
use futures_util::FutureExt as _;
use jiff::SignedDuration;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// An effect is held this long.
const LEASE: SignedDuration = SignedDuration::from_secs(90);
/// A replica that was silent for this long counts as dead: others take its work over (INVARIANTS L4).
const LIFE: SignedDuration = SignedDuration::from_secs(12);
/// Where nobody confirmed for so long that this replica lives, it stands still: sooner than others take it for dead.
const SURE: SignedDuration = SignedDuration::from_secs(11);
/// How often a replica says that it lives.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// Work on an effect is cut off after this long, well before its lease ends.
const LONGEST_WORK: Duration = Duration::from_secs(75);
/// Commands and clicks that are worked on side by side: a question to a code host that hangs holds up only the
/// person who asked.
const INBOX_WORKERS: u32 = 4;
/// Everybody who works in a replica. One that stands still keeps what it holds, so a store must serve so many at once
/// and still have something left for who comes in.
pub const WORKERS: usize = {
    let lanes = Lane::ALL;
    let (mut count, mut next) = (INBOX_WORKERS as usize, 0);
    while next < lanes.len() {
        count += lanes[next].workers();
        next += 1;
    }
    count
};
/// Without any wake-up, the workers look at least this often.
const LOOK_EVERY: Duration = Duration::from_millis(1000);
/// After the database failed, nothing is tried for this long.
const STORE_REST: Duration = Duration::from_secs(1);

impl App {
    /// Everything that must be there before the first work: this replica has entered, reminders are due, and every deploy
    /// that is not over will be looked at.
    ///
    /// # Errors
    /// The database failed.
    pub async fn start(&self) -> Result<(), StoreError> {
        self.enter().await?;
        let looking = self.remember_restore().await?;
        let mut changes = self.first_work();
        // It may have been put away, and nothing is judged before it has come to its end.
        if let Some(since) = looking {
            let now = changes.at;
            changes.effects.push(NewEffect::if_none(Effect::LookBack { since }, now));
        }
        self.store.commit(changes).await?;
        point!("start/done");
        Ok(())
    }

    /// Begins a life as a replica.
    pub(crate) async fn enter(&self) -> Result<(), StoreError> {
        let lease_now = self.clock.lease_now();
        let rules = self.rules.version.to_string();
        point!("start/begun");
        self.begin_epoch(self.store.replica_enter(&rules, lease_now, later(lease_now, LIFE)).await?);
        self.alive.confirm(later(lease_now, SURE));
        point!("start/entered");
        Ok(())
    }

    /// Works until it is told to stop; what is in hand is finished.
    ///
    /// When the other replicas took this one for dead (it was suspended, or cut off from the database), what is in
    /// hand is dropped: it is theirs by now, and the database refuses its writes. Then this one enters anew.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while all_through_or(self.workers(&stop), self.live()).await == Ended::Stopped {
            tracing::warn!("this replica was silent for too long and was taken for dead: it enters anew");
            metrics::counter!("shipgate_epochs_ended_total").increment(1);
            while let Err(error) = self.start().await {
                self.store_failed("enter as a replica", &error, &stop).await;
                if stop.is_cancelled() {
                    return;
                }
            }
        }
        if let Err(error) = self.store.replica_leave(self.epoch()).await {
            tracing::warn!("cannot leave in order; the others take over in {} s: {error}", LIFE.as_secs());
        }
    }

    /// Says again and again that this replica lives; returns when its epoch has ended.
    async fn live(&self) {
        loop {
            match self.renew().await {
                Ok(()) => self.note_trouble(None),
                Err(StoreError::Conflict { .. }) => return,
                Err(error) => {
                    let why = error.with_causes();
                    tracing::warn!("cannot tell the database that this replica lives: {why}");
                    self.note_trouble(Some(why));
                }
            }
            tokio::time::sleep(RENEW_EVERY).await;
        }
    }

    /// Says that this replica lives, buries those that do not, and learns whether it may work. Where the machine's
    /// clock was set back, everything that waits is looked at now: otherwise it would wait for the clock to catch up.
    ///
    /// # Errors
    /// `Conflict` when this replica was taken for dead; otherwise the database failed.
    pub async fn renew(&self) -> Result<(), StoreError> {
        let now = self.clock.lease_now();
        let standing = self.store.replica_renew(self.epoch(), now, later(now, LIFE)).await?;
        self.alive.confirm(later(now, SURE));
        self.stand(standing);
        if self.was_set_back() {
            tracing::warn!("the clock was set back: everything that waits is looked at now");
            self.clock_moved().await?;
        }
        self.follow_restore().await
    }

    fn workers(self: &Arc<Self>, stop: &CancellationToken) -> JoinSet<()> {
        let mut workers = JoinSet::new();
        for worker in 0..INBOX_WORKERS {
            let (app, inbox_stop) = (self.clone(), stop.clone());
            let work = move || {
                let work = app.clone().serve_inbox(worker, inbox_stop.clone());
                app.clone().while_alive(inbox_stop.clone(), work)
            };
            workers.spawn(keep_at_it(stop.clone(), STORE_REST, work));
        }
        for lane in Lane::ALL.into_iter().flat_map(|lane| std::iter::repeat_n(lane, lane.workers())) {
            let (app, effects_stop) = (self.clone(), stop.clone());
            let work = move || {
                let work = app.clone().serve_effects(lane, effects_stop.clone());
                app.clone().while_alive(effects_stop.clone(), work)
            };
            workers.spawn(keep_at_it(stop.clone(), STORE_REST, work));
        }
        workers
    }

    async fn while_alive(self: Arc<Self>, stop: CancellationToken, work: impl Future<Output = ()>) {
        self.alive.work(|| self.clock.lease_now(), &stop, work).await;
    }

    async fn serve_inbox(self: Arc<Self>, worker: u32, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if self.is_aside() {
                rest(&self.inbox_woken, &stop, LOOK_EVERY).await;
                continue;
            }
            match self.work_inbox(worker).await {
                Ok(true) => {}
                Ok(false) => rest(&self.inbox_woken, &stop, LOOK_EVERY).await,
                Err(error) => self.store_failed("work on the inbox", &error, &stop).await,
            }
        }
    }

    async fn serve_effects(self: Arc<Self>, lane: Lane, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if self.is_aside() {
                rest(&self.effects_woken[lane as usize], &stop, LOOK_EVERY).await;
                continue;
            }
            // Cut off before its lease ends, so that nobody works on the same effect beside it.
            let worked = tokio::time::timeout(LONGEST_WORK, self.work_effect(Some(lane))).await;
            match worked {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => {
                    let time = self.until_next_due(lane).await;
                    rest(&self.effects_woken[lane as usize], &stop, time).await;
                }
                Ok(Err(error)) => self.store_failed("carry out effects", &error, &stop).await,
                Err(_) => tracing::warn!("an effect took too long and was cut off; it is tried again"),
            }
        }
    }

    /// Carries out the effect that has been due longest, of one lane or of all. Says whether there was one.
    ///
    /// # Errors
    /// The database failed; the effect stays.
    pub async fn work_effect(&self, lane: Option<Lane>) -> Result<bool, StoreError> {
        self.give_back().await?;
        let (now, lease_now) = (self.now(), self.clock.lease_now());
        let leased =
            self.store.effect_lease(self.epoch(), lane, now, lease_now, later(lease_now, LEASE)).await?;
        let Some(leased) = leased else { return Ok(false) };
        // Where one was, there may be more: the next worker looks while this one works.
        self.effects_woken[leased.effect.lane() as usize].notify_one();
        let span = match leased.effect.deploy() {
            Some(deploy) => tracing::info_span!("deploy", id = %deploy, effect = leased.effect.name()),
            None => tracing::info_span!("effect", effect = leased.effect.name()),
        };
        let carried = AssertUnwindSafe(self.carry_and_finish(&leased)).catch_unwind().instrument(span).await;
        let worked = match carried {
            Ok(worked) => worked,
            Err(panic) => {
                metrics::counter!("shipgate_worker_panics_total").increment(1);
                self.effect_broke(&leased, &said(panic.as_ref())).await
            }
        };
        if let Err(error) = &worked {
            let Leased { id, token, attempts, .. } = leased;
            self.unfinished().push(Unfinished { id, token, attempts, why: error.to_string() });
        }
        worked.map(|()| true)
    }

    /// Gives back what a failing database did not let this replica finish. Otherwise each would wait for the end of
    /// its lease, long after the database is well again.
    async fn give_back(&self) -> Result<(), StoreError> {
        loop {
            let Some(unfinished) = self.unfinished().pop() else { return Ok(()) };
            let mut changes = self.changes(self.now());
            // One bad row fails for ever: it is tried ever less often, up to once a minute.
            let pause = SignedDuration::from_secs(1 << unfinished.attempts.min(6));
            let finish = Finish::Retry { at: later(changes.at, pause), why: unfinished.why.clone() };
            changes.finish = Some((unfinished.id, unfinished.token, finish));
            match self.store.commit(changes).await {
                // Its last write arrived after all, or somebody else has it.
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => {
                    self.unfinished().push(unfinished);
                    return Err(error);
                }
            }
        }
    }

    async fn carry_and_finish(&self, leased: &Leased) -> Result<(), StoreError> {
        point!("effect", leased.effect.name(), "leased");
        let carried = self.carry(leased).await;
        point!("effect", leased.effect.name(), "carried");
        let finish = match carried {
            Ok(finish) => finish,
            Err(StoreError::Conflict { .. }) => {
                // Not `Again`, which forgets that this was tried before: a message may be out already.
                let at = later(self.now(), SignedDuration::from_millis(50));
                Finish::Retry { at, why: "something changed meanwhile".into() }
            }
            Err(error) => return Err(error),
        };
        if let Finish::Retry { why, .. } | Finish::Dead { why } = &finish {
            tracing::debug!(effect = leased.key, attempts = leased.attempts, "not done: {why}");
        }
        let mut changes = self.changes(self.now());
        changes.finish = Some((leased.id, leased.token, finish));
        let finished = self.store.commit(changes).await;
        point!("effect", leased.effect.name(), "finished");
        match finished {
            // The lease ran out and somebody else has it now: they will finish it.
            Err(StoreError::Conflict { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn carry(&self, leased: &Leased) -> Result<Finish, StoreError> {
        metrics::counter!("shipgate_effects_total", "effect" => leased.effect.name()).increment(1);
        match &leased.effect {
            Effect::Judge { deploy } => self.judge(deploy).await,
            Effect::Send { deploy, attempt } => self.send(leased, deploy, *attempt).await,
            Effect::Reconcile { deploy } => self.reconcile(leased, deploy).await,
            Effect::Follow { deploy } => self.follow(leased, deploy).await,
            Effect::StopRun { deploy } => self.stop_run(leased, deploy).await,
            Effect::JudgeLine { lock_group } => self.judge_line(lock_group).await,
            Effect::Card { deploy } => self.card(leased, deploy).await,
            Effect::Say { post, under } => self.say(leased, post, under.as_ref()).await,
            Effect::Remind => self.remind().await,
            Effect::TellFreeze { freeze, from, lead, late } => {
                self.tell_freeze(freeze, *from, *lead, *late).await
            }
            Effect::Topic => self.set_topic(leased).await,
            Effect::NagLock { environment } => self.nag_lock(leased, environment).await,
            Effect::Nudge { deploy, digest, at } => self.nudge(deploy, digest, *at).await,
            Effect::AskForIncident { deploy, time, at } => self.ask_for_incident(deploy, *time, *at).await,
            Effect::ReadCalendars => self.read_feeds().await,
            Effect::LookBack { .. } => self.look_back(leased).await,
            Effect::Sweep { of } => self.sweep(of).await,
            Effect::Look { inbound, said, missing } => self.look(leased, inbound, said, missing).await,
            Effect::Reply { to, message } => Ok(match self.chat.reply(to, message).await {
                Ok(()) => Finish::Done,
                Err(error) if self.is_answer_lost(leased, &error) => Finish::Done,
                Err(error) => self.chat_trouble(leased, &error),
            }),
            Effect::OpenForm { to, form, otherwise } => {
                // Nobody knows whether an interrupted try opened it; by now it is too late to try again.
                let opened = if leased.attempts == 0 {
                    self.chat.open_form(to, form).await
                } else {
                    Err(ChatError::Gone { why: "an earlier try was interrupted".into() })
                };
                match opened {
                    Ok(()) => Ok(Finish::Done),
                    Err(error) => {
                        tracing::warn!("cannot open a form: {error}");
                        let mut changes = self.changes(self.now());
                        let now = changes.at;
                        let effect = Effect::Reply { to: to.clone(), message: otherwise.clone() };
                        changes.effects.push(NewEffect::once(format!("{}/instead", leased.key), effect, now));
                        self.commit(changes).await?;
                        Ok(Finish::Done)
                    }
                }
            }
        }
    }

    /// A private answer is worth little after half an hour, and its address is gone by then. Nothing of it is kept:
    /// it would be text and an address that nobody needs any more.
    fn is_answer_lost(&self, leased: &Leased, error: &ChatError) -> bool {
        let is_late = self.now().duration_since(leased.asked) > SignedDuration::from_mins(30);
        let is_lost = is_late || matches!(error, ChatError::Refused { .. } | ChatError::Gone { .. });
        if is_lost {
            tracing::warn!(effect = leased.key, "a private answer is lost: {error}");
            metrics::counter!("shipgate_answers_lost_total").increment(1);
        }
        is_lost
    }

    async fn until_next_due(&self, lane: Lane) -> Duration {
        let due = self.store.effect_next_due(Some(lane)).await.ok().flatten();
        due.map_or(LOOK_EVERY, |due| {
            let pause = due.duration_since(self.now());
            Duration::try_from(pause)
                .unwrap_or(Duration::from_millis(1))
                .clamp(Duration::from_millis(1), LOOK_EVERY)
        })
    }

    async fn store_failed(&self, doing: &str, error: &StoreError, stop: &CancellationToken) {
        tracing::error!("cannot {doing}: {}", error.with_causes());
        metrics::counter!("shipgate_store_failures_total").increment(1);
        pause(stop, STORE_REST).await;
    }
}

/// Waits until something was stored, at most this long.
async fn rest(woken: &Notify, stop: &CancellationToken, time: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = woken.notified() => {}
        () = tokio::time::sleep(time) => {}
    }
}

/// How workers ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All came to their own end.
    Through,
    /// They were stopped.
    Stopped,
}

/// Waits for all workers, or until `end`. Then they are stopped, and have stopped when this returns: one that took
/// another step would write in the name of the next epoch what it decided in the last.
async fn all_through_or(mut workers: JoinSet<()>, end: impl Future<Output = ()>) -> Ended {
    let through = async {
        while let Some(ended) = workers.join_next().await {
            if let Err(error) = ended {
                tracing::error!("a worker ended unexpectedly: {error}");
            }
        }
    };
    let ended = tokio::select! {
        () = through => Ended::Through,
        () = end => Ended::Stopped,
    };
    workers.shutdown().await;
    ended
}

/// Does the work until it comes to its own end. A panic between two items ends nothing: work begins again.
async fn keep_at_it<W, F>(stop: CancellationToken, rest: Duration, work: W)
where
    W: Fn() -> F,
    F: Future<Output = ()>,
{
    // In this very task, so that who stops the task waits for the work too.
    while let Err(panic) = AssertUnwindSafe(work()).catch_unwind().await {
        tracing::error!("a worker was interrupted and begins again: {}", said(panic.as_ref()));
        metrics::counter!("shipgate_worker_panics_total").increment(1);
        if stop.is_cancelled() {
            return;
        }
        pause(&stop, rest).await;
    }
}

async fn pause(stop: &CancellationToken, time: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn a_worker_that_panics_begins_again() {
        static BEGUN: AtomicU32 = AtomicU32::new(0);
        let work = || async {
            assert!(BEGUN.fetch_add(1, Ordering::SeqCst) >= 2, "the first two items are bad");
        };
        keep_at_it(CancellationToken::new(), Duration::ZERO, work).await;
        assert_eq!(BEGUN.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn workers_that_are_told_to_stop_have_stopped_before_anything_else_happens() {
        let at_work = Arc::new(());
        let one = at_work.clone();
        let work = move || {
            let one = one.clone();
            async move {
                std::future::pending::<()>().await;
                drop(one);
            }
        };
        let mut workers = JoinSet::new();
        workers.spawn(keep_at_it(CancellationToken::new(), Duration::ZERO, work));
        let ended = all_through_or(workers, async {
            tokio::task::yield_now().await;
            assert!(Arc::strong_count(&at_work) > 1, "the work has begun");
        });
        assert_eq!(ended.await, Ended::Stopped);
        assert_eq!(Arc::strong_count(&at_work), 1);
    }

    #[tokio::test]
    async fn a_worker_that_panics_while_it_is_told_to_stop_ends() {
        let stop = CancellationToken::new();
        stop.cancel();
        keep_at_it(stop, Duration::MAX, || async { panic!("at the end") }).await;
    }
}
