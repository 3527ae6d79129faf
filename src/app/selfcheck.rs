//! Shipgate looks after itself: the record is followed as it grows, stored deploys are compared with it, and when
//! something shows that must never be, nothing more is started until a person has looked. Cards, answers and results
//! go on. Not here: what is wrong with a record (`domain::audit`), comparing rows with it (`compare`), or keeping anchors
//! elsewhere.

mod compare;

pub use compare::compare_all;

use crate::bot::App;
use crate::commands::Invocation;
use crate::effects::{Effect, NewEffect};
use crate::intake::Visit;
use crate::ports::{ChatError, Post, Store};
use crate::store::{Expect, StoreError};
use crate::words::{Body, Message};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shipgate_domain::audit::{Actor, Anchor, Finding, FindingKind, Inspector, RESUMED, Row, STOPPED};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::DeployId;
use shipgate_domain::people::Action;

/// The note that says whether anything may be started. Every intent and every mark “sent” names the value that was
/// read, so that none slips past a stop, on whichever replica.
pub(crate) const DISPATCHING: &str = "dispatching";
/// Rows read at once: a few milliseconds of work between two chances for others.
const PAGE: u32 = 200;
/// An anchor at the latest after this many rows.
const ANCHOR_EVERY: u64 = 1000;
/// How often a stop is tried before the next look tries again: a replica that was taken for dead writes nothing.
const TRIES: usize = 4;
/// Findings that people are shown.
const SHOWN: usize = 10;
/// Findings that one entry of the record holds in full; of more it holds the marks.
const IN_FULL: usize = 500;
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
    /// How many looks in a row failed although the database answered.
    failed_looks: u32,
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

/// The note's content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Dispatching {
    stopped: Option<Stop>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stop {
    since: Timestamp,
    /// The first finding, for cards.
    found: String,
    /// How often findings were told since then. The record says which; this makes the note another one each time.
    told: u64,
    /// The first finding that was told last, and when: nobody accepts what was told after they spoke.
    newest: (Timestamp, String),
}

impl Stop {
    /// What was told after `heard`: nobody accepts what was found after they spoke.
    fn told_since(&self, heard: Timestamp, now: Timestamp) -> Option<&str> {
        let (at, newest) = &self.newest;
        // A time to come is that of a clock that was wrong, and must not keep everybody waiting for it.
        (heard < *at && *at <= now).then_some(newest.as_str())
    }
}

/// Whether anything may be started, and the value of the note that says so.
pub(crate) struct Permission {
    pub stopped: Option<(Timestamp, String)>,
    value: Option<String>,
}

impl Permission {
    /// Holds as long as nobody stops or lets go on.
    pub fn expectation(&self) -> Expect {
        Expect::Note(DISPATCHING.into(), self.value.clone())
    }
}

impl SelfCheck {
    /// A check that has seen nothing yet and tells these channels too.
    #[must_use]
    pub fn new(alarm_channels: Vec<String>) -> Self {
        Self { alarm_channels, ..Self::default() }
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
}

impl SelfCheck {
    /// What was found and nobody has accepted.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.inspector.open()
    }

    /// Whether there is nothing of that kind.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.open().next().is_none()
    }

    /// Whether something was found that people were not told.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.inspector.untold().next().is_some()
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
            // Other work on this thread comes in between.
            tokio::task::yield_now().await;
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
            let open: Vec<Finding> = check.inspector.open().cloned().collect();
            // Where nothing is stopped, all of them are news: somebody may have undone the stop without a word. Unless
            // it could not be read what was accepted.
            let new: Vec<Finding> = match (&dispatching.stopped, &followed) {
                (None, Ok(())) => open.clone(),
                (None, Err(_)) | (Some(_), _) => check.inspector.untold().cloned().collect(),
            };
            let is_all_told = new.is_empty();
            if is_all_told {
                followed?;
            } else {
                match self.stop_dispatching(check, value, dispatching.clone(), &new).await {
                    // Another replica saw the same first, or somebody let it go on: look again.
                    Ok(()) | Err(StoreError::Conflict { .. }) => {}
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

    async fn stop_dispatching(
        &self,
        check: &SelfCheck,
        value: Option<String>,
        mut dispatching: Dispatching,
        new: &[Finding],
    ) -> Result<(), StoreError> {
        let now = self.now();
        let newest = (now, new[0].what.clone());
        let begin = || Stop { since: now, found: newest.1.clone(), told: 0, newest: newest.clone() };
        let stop = dispatching.stopped.get_or_insert_with(begin);
        (stop.told, stop.newest) = (stop.told.saturating_add(1), newest.clone());
        let mut changes = self.changes(now);
        changes.expect.push(Expect::Note(DISPATCHING.into(), value));
        changes.notes.push((DISPATCHING.to_owned(), to_text(&dispatching)));
        let (in_full, others) = new.split_at(new.len().min(IN_FULL));
        let marks: Vec<String> = others.iter().map(Finding::mark).collect();
        let data = serde_json::json!({ "findings": in_full, "marks": marks });
        self.note(&mut changes, Actor::Shipgate, None, STOPPED, data);
        let shown = &new[..new.len().min(SHOWN)];
        let message = self.words().dispatching_stopped(shown, new.len());
        let mut channels = vec![self.rules.announce.clone()];
        channels.extend(check.alarm_channels.iter().filter(|c| **c != self.rules.announce).cloned());
        for channel in channels {
            // Each telling is one: the note that is expected sees to that.
            let key = format!("stopped/{}/{}/{channel}", now.as_millisecond(), new[0].mark());
            changes.effects.push(say(channel, key, message.clone(), now));
        }
        self.judge_all(&mut changes, None);
        self.commit(changes).await?;
        for finding in in_full {
            tracing::error!(
                finding = finding.kind.code(),
                mark = finding.mark(),
                "the self-check found what must never be, and nothing is started any more: {finding}. {} \
                 Keep a copy of the database, find out how it came to this, then say: \
                 /resume dispatching \"what you found out\"",
                finding.kind.meaning()
            );
        }
        for finding in new {
            metrics::counter!("shipgate_self_check_findings_total", "kind" => finding.kind.code())
                .increment(1);
        }
        Ok(())
    }

    async fn dispatching(&self) -> Result<(Option<String>, Dispatching), StoreError> {
        let value = self.store.note(DISPATCHING).await?;
        let read = value.as_deref().map(serde_json::from_str);
        let dispatching = match read.transpose() {
            Ok(known) => known.unwrap_or_default(),
            // A note that nobody can read is no permission.
            Err(error) => {
                let found = format!("the note “{DISPATCHING}” cannot be read ({error})");
                let since = Timestamp::UNIX_EPOCH;
                let stop = Stop { since, newest: (since, found.clone()), found, told: 0 };
                Dispatching { stopped: Some(stop) }
            }
        };
        Ok((value, dispatching))
    }

    /// Whether anything may be started.
    pub(crate) async fn may_dispatch(&self) -> Result<Permission, StoreError> {
        let (value, dispatching) = self.dispatching().await?;
        let stopped = dispatching.stopped.map(|stop| (stop.since, stop.found));
        Ok(Permission { stopped, value })
    }

    /// `resume dispatching the restored copy was compared row by row`
    pub(crate) async fn resume_dispatching(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let Some(grant) = self.allowed(visit, Action::Resolve, None).await else { return Ok(()) };
        let (value, mut dispatching) = self.dispatching().await?;
        let Some(stop) = dispatching.stopped.take() else {
            let answer = self.words().dispatching_goes_on();
            visit.answer(answer);
            return Ok(());
        };
        if let Some(newest) = stop.told_since(visit.heard, visit.now) {
            let answer = self.words().found_since_then(newest);
            visit.answer(answer);
            return Ok(());
        }
        let reason: String = said.text("reason").unwrap_or_default().chars().take(500).collect();
        let data = serde_json::json!({ "since": stop.since, "found": stop.found, "tellings": stop.told, "reason": reason });
        self.note(&mut visit.changes, Actor::of(&grant), None, RESUMED, data);
        visit.changes.expect.push(Expect::Note(DISPATCHING.into(), value));
        visit.changes.notes.push((DISPATCHING.to_owned(), to_text(&dispatching)));
        let message = self.words().dispatching_resumed(grant.person(), &reason, &stop.found);
        let key = format!("resumed/{}", visit.now.as_millisecond());
        visit.changes.effects.push(self.say_once(key, message.clone(), visit.now));
        visit.answer(message);
        self.judge_all(&mut visit.changes, None);
        Ok(())
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

fn to_text(dispatching: &Dispatching) -> String {
    serde_json::to_string(dispatching).expect("a note is plain data")
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
    fn what_was_told_after_somebody_spoke_is_not_what_they_accept() {
        let at = |second: i64| Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(second);
        let newest = (at(20), "the lock of production is gone".to_owned());
        let stop = Stop { since: at(10), found: "row 3 is missing".into(), told: 2, newest };
        assert_eq!(stop.told_since(at(19), at(21)), Some("the lock of production is gone"));
        assert_eq!(stop.told_since(at(20), at(21)), None);
        assert_eq!(stop.told_since(at(10), at(19)), None, "told by a clock that was ahead");
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
