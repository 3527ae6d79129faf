//! The stop of every start: written down when something was found, read before each start, lifted by a person. Not here:
//! finding anything.

use super::{SelfCheck, say};
use crate::bot::App;
use crate::commands::Invocation;
use crate::intake::Visit;
use crate::store::{Expect, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shipgate_domain::audit::{Actor, Finding, RESUMED, STOPPED};
use shipgate_domain::people::Action;

/// The note that says whether anything may be started. Every intent and every mark “sent” names the value that was
/// read, so that none slips past a stop, on whichever replica.
pub(crate) const DISPATCHING: &str = "dispatching";
/// Findings that people are shown.
const SHOWN: usize = 10;
/// Findings that one entry of the record holds in full; of more it holds the marks.
const IN_FULL: usize = 500;

/// The note's content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Dispatching {
    pub(super) stopped: Option<Stop>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stop {
    pub(super) since: Timestamp,
    /// The first finding, for cards.
    pub(super) found: String,
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

impl App {
    pub(super) async fn stop_dispatching(
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
        for finding in shown {
            tracing::error!(
                finding = finding.kind.code(),
                mark = finding.mark(),
                "the self-check found what must never be, and nothing is started any more: {finding}. {} \
                 Keep a copy of the database, find out how it came to this, then say: \
                 /resume dispatching \"what you found out\"",
                finding.kind.meaning()
            );
        }
        if new.len() > shown.len() {
            tracing::error!(
                "the self-check found {} more: `shipgate audit verify` names them",
                new.len() - shown.len()
            );
        }
        for finding in new {
            metrics::counter!("shipgate_self_check_findings_total", "kind" => finding.kind.code())
                .increment(1);
        }
        Ok(())
    }

    pub(super) async fn dispatching(&self) -> Result<(Option<String>, Dispatching), StoreError> {
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
}

fn to_text(dispatching: &Dispatching) -> String {
    serde_json::to_string(dispatching).expect("a note is plain data")
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
}
