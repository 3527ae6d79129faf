//! Shipgate looks after itself: the record is followed as it grows, stored deploys are compared with it, and when
//! something shows that must never be, nothing more is started until a person has looked. Cards, answers and results
//! go on. Not here: what is wrong with a record (`domain::audit`), comparing rows with it (`compare`), the stop itself
//! (`stop`), or keeping anchors elsewhere.

mod compare;
mod stop;

pub use compare::compare_all;
pub(crate) use stop::DISPATCHING;

use crate::bot::App;
use crate::effects::{Effect, NewEffect};
use crate::ports::{ChatError, Post, Store};
use crate::store::StoreError;
use crate::words::{Body, Message};
use jiff::Timestamp;
use shipgate_domain::audit::{Anchor, Finding, FindingKind, Inspector, Row};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::DeployId;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

/// Rows read at once: a few milliseconds of work between two chances for others.
const PAGE: u32 = 200;
/// An anchor at the latest after this many rows.
const ANCHOR_EVERY: u64 = 1000;
/// How often a stop is tried before the next look tries again: a replica that was taken for dead writes nothing.
const TRIES: usize = 4;
/// A check that fails so often in a row while the database answers finds nothing any more, and that is a finding.
const BLIND_AFTER: u32 = 10;

/// What one replica has checked so far. Kept in memory: a new process checks everything anew.
#[derive(Debug, Default)]
pub struct SelfCheck {
    inspector: Inspector,
    /// Channels that are told besides the announce channel.
    alarm_channels: Vec<String>,
    last: Option<Row>,
    turn: Option<DeployId>,
    /// The last row that was compared in turn, as it is stored.
    page: Option<String>,
    /// Heads at every so many rows, oldest first, until they are written down.
    passed: Vec<Row>,
    anchored: u64,
    is_caught_up: bool,
    rest: Rest,
    /// Marks of what was told while the record could not be read.
    told_unread: BTreeSet<String>,
    /// How often somebody had let deploys go on when that was looked at last.
    resumptions: u64,
    /// How many looks in a row failed although the database answered.
    failed_looks: u32,
}

/// What a check does between two pages, so that others come first.
#[derive(Clone)]
pub struct Rest(Arc<dyn Fn() -> Resting + Send + Sync>);

type Resting = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Rest {
    /// Rests as this says.
    pub fn new<F: Future<Output = ()> + Send + 'static>(
        rest: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move || Box::pin(rest())))
    }

    async fn take(&self) {
        (self.0)().await;
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self::new(tokio::task::yield_now)
    }
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rest")
    }
}

/// What a look gave.
#[derive(Debug)]
pub struct Looked {
    /// Rows of the record that were checked so far.
    pub rows: u64,
    /// Everything that was found and that nobody has accepted.
    pub open: Vec<Finding>,
    /// Since when nothing is started, and why.
    pub stopped: Option<(Timestamp, String)>,
    /// What could not be looked at. Everything else was.
    pub failed: Option<StoreError>,
}

impl SelfCheck {
    /// A check that has seen nothing yet, tells these channels too, and rests so between two pages.
    #[must_use]
    pub fn new(alarm_channels: Vec<String>, rest: Rest) -> Self {
        Self { alarm_channels, rest, ..Self::default() }
    }

    /// Says which head was written down last, now or by an earlier process.
    pub fn anchored_up_to(&mut self, seq: u64) {
        self.anchored = self.anchored.max(seq);
        self.passed.retain(|row| row.seq > self.anchored);
    }

    /// The heads that are not written down elsewhere yet: one after every thousand rows, and with `newest` the head
    /// itself, unless it is among those before. They are due until [`Self::anchored_up_to`] says that they are not.
    #[must_use]
    pub fn due_anchors(&self, newest: bool, now: Timestamp) -> Vec<Anchor> {
        let passed = self.passed.last().map_or(self.anchored, |row| row.seq);
        let head = self.last.iter().filter(|row| newest && self.is_caught_up && row.seq > passed);
        self.passed.iter().chain(head).map(|row| Anchor::of(row, now)).collect()
    }

    fn take(&mut self, rows: Vec<Row>) {
        for row in rows {
            self.inspector.take(&row);
            // While all of a long record is read for the first time, only its end is news.
            if self.is_caught_up && row.seq.is_multiple_of(ANCHOR_EVERY) && row.seq > self.anchored {
                self.passed.push(row.clone());
            }
            self.last = Some(row);
        }
    }

    /// What was found and nobody has accepted.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.inspector.open()
    }

    /// Whether there is nothing of that kind.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.open().next().is_none()
    }

    /// Whether something was found that people were not told, or somebody let deploys go on since the last look.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.inspector.untold().next().is_some() || self.inspector.resumptions() != self.resumptions
    }

    /// What people are to be told now. Where nothing is stopped that is everything that nobody accepted, as somebody may
    /// have undone the stop without a word; what they do not know yet comes first. Where the record cannot be read, it
    /// says neither what was told nor what was accepted.
    fn to_tell(&self, is_stopped: bool, is_read: bool) -> Vec<Finding> {
        let mut new: Vec<Finding> = self.inspector.untold().cloned().collect();
        if !is_read {
            new.retain(|finding| !is_stopped || !self.told_unread.contains(&finding.mark()));
        } else if !is_stopped {
            let known: Vec<Finding> = self.open().filter(|finding| !new.contains(finding)).cloned().collect();
            new.extend(known);
        }
        new
    }

    /// These were told. Where the record can be read, it says so itself.
    fn were_told(&mut self, told: &[Finding], is_read: bool) {
        if is_read {
            self.told_unread.clear();
        } else {
            self.told_unread.extend(told.iter().map(Finding::mark));
        }
    }

    /// A check that can never be made must not look like one that finds nothing. While the database does not answer at
    /// all, nothing can be started either: that is no finding.
    fn note_outcome(&mut self, is_failed: bool, answers: bool) {
        self.failed_looks = match (is_failed, answers) {
            (true, true) => self.failed_looks.saturating_add(1),
            (true, false) | (false, _) => 0,
        };
        let blind = "the self-check cannot be made, although the database answers";
        let clauses = if self.failed_looks < BLIND_AFTER { Vec::new() } else { vec![blind.to_owned()] };
        self.inspector.see_now(FindingKind::Blind, clauses);
    }

    /// Follows the record to its end, from where this check was last. The first time that is all of it.
    ///
    /// # Errors
    /// The database failed; nothing is known about the rest.
    pub async fn follow(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let head = self.inspector.head().0;
        // The last row once more: it must still be there.
        let mut rows = store.audit(head.saturating_sub(1), PAGE).await?;
        if self.inspector.is_another(rows.first()) {
            // Cut off, or replaced, as after a failover to a server that lagged behind: it grows from somewhere else.
            (self.last, self.turn, self.page, self.is_caught_up) = (None, None, None, false);
            self.passed.clear();
            rows = store.audit(0, PAGE).await?;
        }
        rows.retain(|row| row.seq > self.inspector.head().0);
        while let Some(last) = rows.last().map(|row| row.seq) {
            self.take(rows);
            self.rest.take().await;
            rows = store.audit(last, PAGE).await?;
            // Whoever numbers rows anew must not keep this going round.
            rows.retain(|row| row.seq > last);
        }
        self.is_caught_up = true;
        Ok(())
    }
}

impl App {
    /// Follows the record, so that anchors are never far apart.
    ///
    /// # Errors
    /// The database failed.
    pub async fn follow_record(&self, check: &mut SelfCheck) -> Result<(), StoreError> {
        check.follow(self.store.as_ref()).await
    }

    /// Follows the record to its end, and says whether its head may be written down: not while anything was found that
    /// nobody accepted, here or on another replica.
    ///
    /// # Errors
    /// The database failed.
    pub async fn may_be_anchored(&self, check: &mut SelfCheck) -> Result<bool, StoreError> {
        check.follow(self.store.as_ref()).await?;
        Ok(check.is_sound() && self.dispatching().await?.1.stopped.is_none())
    }

    /// Checks everything that is new, compares stored deploys with the record, and stops every start when anything is
    /// wrong.
    ///
    /// # Errors
    /// The database failed, and whether anything is stopped is not known.
    pub async fn look_after_itself(&self, check: &mut SelfCheck) -> Result<Looked, StoreError> {
        let group_of =
            |deploy: &Deploy| (deploy.policy == self.rules.version).then(|| self.lock_group(deploy));
        let mut checked = check.follow(self.store.as_ref()).await;
        if checked.is_ok() {
            checked = check.compare(self.store.as_ref(), group_of).await;
        }
        let answers = checked.is_ok() || self.store.note(DISPATCHING).await.is_ok();
        check.note_outcome(checked.is_err(), answers);
        match (self.judge_findings(check).await, checked) {
            (Ok(looked), checked) => Ok(Looked { failed: checked.err(), ..looked }),
            (Err(error), Err(before)) => {
                tracing::warn!("the self-check could not be made: {}", before.with_causes());
                Err(error)
            }
            (Err(error), Ok(())) => Err(error),
        }
    }

    /// Stops every start when there is a finding that nobody accepted: again and again until nothing is left to tell.
    async fn judge_findings(&self, check: &mut SelfCheck) -> Result<Looked, StoreError> {
        let rows = check.inspector.head().0;
        let mut looked = Looked { rows, open: Vec::new(), stopped: None, failed: None };
        for _ in 0..TRIES {
            let (value, dispatching) = self.dispatching().await?;
            // Read after the note: whoever lifted the stop that it tells of wrote down what was accepted.
            let followed = check.follow(self.store.as_ref()).await;
            check.resumptions = check.inspector.resumptions();
            let open: Vec<Finding> = check.inspector.open().cloned().collect();
            let is_read = followed.is_ok();
            let new = check.to_tell(dispatching.stopped.is_some(), is_read);
            let is_all_told = new.is_empty();
            if is_all_told {
                followed?;
            } else {
                match self.stop_dispatching(check, value, dispatching.clone(), &new).await {
                    Ok(()) => check.were_told(&new, is_read),
                    // Another replica saw the same first, or somebody let it go on: look again.
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            looked.stopped = dispatching.stopped.map(|stop| (stop.since, stop.found));
            looked.open = open;
            if is_all_told {
                break;
            }
        }
        Ok(looked)
    }

    /// A message in some channel, once for ever: anchors and alarms.
    ///
    /// # Errors
    /// The database failed; nothing will be said.
    pub async fn post_anchor(
        &self,
        channel: &str,
        anchor: &Anchor,
        signature: Option<&str>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut changes = self.changes(now);
        let message = self.words().anchor(anchor, signature);
        changes.effects.push(say(channel.to_owned(), anchor_key(anchor), message, now));
        self.commit(changes).await
    }

    /// Posts an anchor at the very end, when no worker is left that would. It is tried once: the next start anchors the
    /// same row again.
    ///
    /// # Errors
    /// The chat platform did not take it.
    pub async fn post_last_anchor(
        &self,
        channel: &str,
        anchor: &Anchor,
        signature: Option<&str>,
    ) -> Result<(), ChatError> {
        let message = self.words().anchor(anchor, signature);
        let post = post(channel.to_owned(), anchor_key(anchor), message);
        self.chat.post(&post, false).await.map(drop)
    }
}

fn anchor_key(anchor: &Anchor) -> String {
    format!("anchor/{}", anchor.seq)
}

fn post(channel: String, key: String, message: Message) -> Post {
    Post { channel, thread: None, body: Body::Message(message), key }
}

fn say(channel: String, key: String, message: Message, due: Timestamp) -> NewEffect {
    let post = post(channel, key.clone(), message);
    NewEffect::once(key, Effect::Say { post: Box::new(post), under: None }, due)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_once_is_not_told_again_because_the_record_cannot_be_read() {
        let mut check = SelfCheck::default();
        let what = "a lock is gone".to_owned();
        let findings = [Finding { kind: FindingKind::State, seq: None, deploy: None, what }];
        check.inspector.add_found(findings[0].clone());
        assert_eq!(check.to_tell(false, false), findings);
        check.were_told(&findings, false);
        assert_eq!(check.to_tell(true, false), []);
        assert_eq!(check.to_tell(false, false), findings, "somebody undid the stop");
        assert_eq!(check.to_tell(true, true), findings, "the record was read, and does not tell of it");
        check.were_told(&findings, true);
        assert_eq!(check.to_tell(true, false), findings);
    }

    #[test]
    fn a_check_that_fails_ten_times_in_a_row_while_the_database_answers_is_a_finding() {
        let mut check = SelfCheck::default();
        let is_blind = |check: &SelfCheck| check.open().any(|finding| finding.kind == FindingKind::Blind);
        for (is_failed, answers) in [(false, true), (true, false)] {
            (1..BLIND_AFTER).for_each(|_| check.note_outcome(true, true));
            check.note_outcome(is_failed, answers);
            assert!(!is_blind(&check));
        }
        (1..BLIND_AFTER).for_each(|_| check.note_outcome(true, true));
        assert!(!is_blind(&check));
        (0..3).for_each(|_| check.note_outcome(true, true));
        assert_eq!(check.open().count(), 1);
        assert!(is_blind(&check));
    }
}
