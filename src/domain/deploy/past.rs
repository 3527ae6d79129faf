//! What was run on one environment for one service: what is in place, what may have been applied, where back is. Not
//! here: reading it, or whether somebody may go back (`gates`).

use super::{Deploy, Kind, Outcome, State};
use crate::ids::{CommitId, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Different commits that may be in place after failures; beyond that nobody can say what was applied.
const MOST_BASES: usize = 5;

/// Finished deploys of one service to one environment that had a run, or may have had one. The one that ended last comes
/// first: it is what counts there, whenever it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Past(Vec<Deploy>);

/// A way back that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBack {
    /// What was left, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    /// What was put back.
    pub to: Version,
    /// When it was asked for.
    pub at: Timestamp,
}

impl Deploy {
    /// When it began to change the environment, if that may have been at an instant or after it.
    #[must_use]
    pub fn took_place(&self, from: Timestamp) -> Option<Timestamp> {
        if !self.puts_in_place() {
            return None;
        }
        let began = match &self.state {
            State::Requested { .. } | State::Waiting { .. } => return None,
            State::Dispatching { intent, .. } => intent.at,
            State::Running { since, .. } => *since,
            State::Done { ran: Some(ran), .. } => ran.since,
            // Nobody knows whether it started, let alone when: at any time from its request to its end.
            State::Done { outcome: Outcome::Unknown, at, .. } if *at >= from => self.request.at.max(from),
            State::Done { .. } => return None,
        };
        (began >= from).then_some(began)
    }
}

impl Past {
    /// Deploys for which [`Deploy::may_have_run`], newest end first. What puts nothing in place is left out.
    #[must_use]
    pub fn new(mut newest_first: Vec<Deploy>) -> Self {
        newest_first.retain(Deploy::puts_in_place);
        Self(newest_first)
    }

    /// What ended last, well or not.
    #[must_use]
    pub fn newest(&self) -> Option<&Deploy> {
        self.0.first()
    }

    /// All of it, newest first.
    pub fn all(&self) -> impl Iterator<Item = &Deploy> {
        self.0.iter()
    }

    /// All that succeeded, newest first.
    pub fn successes(&self) -> impl Iterator<Item = &Deploy> {
        self.0.iter().filter(|deploy| deploy.has_succeeded() && deploy.commit().is_some())
    }

    /// What runs there as far as anybody knows: the newest success. What failed since may have changed something.
    #[must_use]
    pub fn in_place(&self) -> Option<&Deploy> {
        self.successes().next()
    }

    /// What certainly runs there: the newest success, if nothing ran since that did not succeed.
    #[must_use]
    pub fn certainly_in_place(&self) -> Option<&Deploy> {
        self.newest().filter(|deploy| deploy.has_succeeded())
    }

    /// Whether what is listed tells all that matters to a deploy that was asked for then: it reaches back to the last
    /// success and to that instant.
    #[must_use]
    pub fn reaches(&self, asked: Timestamp) -> bool {
        let is_before = |deploy: &Deploy| deploy.ended().is_some_and(|ended| ended < asked);
        self.in_place().is_some() && self.0.last().is_some_and(is_before)
    }

    /// The commits of which something may have been applied: what last succeeded, and all that ran since and did not.
    ///
    /// # Errors
    /// Why nobody can say.
    pub fn may_be_applied(&self) -> Result<Vec<CommitId>, String> {
        let mut bases: Vec<CommitId> = Vec::new();
        for ran in &self.0 {
            bases.extend(ran.commit().filter(|commit| !bases.contains(commit)).cloned());
            if ran.has_succeeded() {
                break;
            }
        }
        if bases.len() > MOST_BASES {
            return Err(format!(
                "{} different commits failed there since the last success, so nobody can say what was applied",
                bases.len()
            ));
        }
        Ok(bases)
    }

    /// Where a rollback without a version goes: the newest commit that succeeded before what runs now, leaving out
    /// what was rolled away from since. After a run that did not succeed nobody knows what runs, so the newest success
    /// is meant. When everything else was rolled away from once, the newest other success is better than no way back.
    #[must_use]
    pub fn last_good(&self) -> Option<&Deploy> {
        let current = self.certainly_in_place().and_then(Deploy::commit);
        let given_up = self.rolled_away_from();
        let others = || self.successes().filter(|deploy| deploy.commit() != current);
        others()
            .find(|deploy| deploy.commit().is_some_and(|commit| !given_up.contains(commit)))
            .or_else(|| others().next())
    }

    /// Commits that were rolled away from after they last succeeded by a deploy.
    #[must_use]
    pub fn rolled_away_from(&self) -> BTreeSet<&CommitId> {
        let mut given_up = BTreeSet::new();
        for deploy in self.0.iter().rev().filter(|deploy| deploy.has_succeeded()) {
            match (&deploy.request.kind, deploy.commit()) {
                (Kind::Rollback { from: Some(from) }, commit) if commit != Some(from) => {
                    given_up.insert(from);
                }
                (Kind::Deploy | Kind::Rerun { .. }, Some(commit)) => {
                    given_up.remove(commit);
                }
                (Kind::Rollback { .. } | Kind::Deploy | Kind::Rerun { .. } | Kind::Action(_), _) => {}
            }
        }
        given_up
    }

    /// The newest way back that was asked for after an instant, and taken: whoever asked for something before did not
    /// know that it would be necessary, and might bring back what was taken away.
    #[must_use]
    pub fn rolled_back_since(&self, asked: Timestamp) -> Option<WayBack> {
        let back = self.0.iter().find(|deploy| deploy.is_rollback() && deploy.request.at > asked)?;
        let Kind::Rollback { from } = &back.request.kind else { return None };
        let left = from.as_ref().and_then(|from| self.0.iter().find(|d| d.commit() == Some(from)));
        Some(WayBack {
            from: left.map(|deploy| deploy.request.version.clone()),
            to: back.request.version.clone(),
            at: back.request.at,
        })
    }
}
