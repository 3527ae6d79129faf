//! Working models of Slack and GitHub on loopback ports, for every test and for play. Nothing of Shipgate is in here.

// The largest JSON objects of GitHub are written in one piece.
#![recursion_limit = "256"]

pub mod client;
pub mod clock;
pub mod control;
pub mod faults;
pub mod github;
pub mod gitlab;
pub mod pages;
#[cfg(test)]
mod probe;
pub mod serve;
pub mod sign;
pub mod slack;
pub mod spec;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use client::{Delivery, Prepared};
pub use clock::Clock;
pub use faults::{Down, Fault, Faults, Rule};
pub use github::GitHub;
pub use serve::Call;
pub use slack::Slack;

/// What a person asked a model to do and why it cannot be done: no such button, user, run, …
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotThere(pub String);

/// Ports and the address of Shipgate.
#[derive(Clone, Debug, Default)]
pub struct WorldConfig {
    /// Port of the Slack model on 127.0.0.1; 0 takes a free one.
    pub slack_port: u16,
    /// Port of the GitHub model on 127.0.0.1; 0 takes a free one.
    pub github_port: u16,
    /// Where Shipgate listens, for instance `http://127.0.0.1:8080`; may be set later.
    pub target: Option<String>,
    /// The clock of both models.
    pub clock: Clock,
}

/// Slack and GitHub together. Dropping it takes both off the network.
#[derive(Debug)]
pub struct World {
    /// The Slack model.
    pub slack: Slack,
    /// The GitHub model.
    pub github: GitHub,
    /// The clock both share.
    pub clock: Clock,
    changes: Changes,
    stop: CancellationToken,
}

impl World {
    /// Starts both models on free ports.
    ///
    /// # Errors
    /// When a loopback port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(WorldConfig::default()).await
    }

    /// Starts both models.
    ///
    /// # Errors
    /// When a loopback port cannot be opened.
    pub async fn start_with(config: WorldConfig) -> io::Result<Self> {
        let (stop, changes) = (CancellationToken::new(), Changes::default());
        let slack_config = slack::SlackConfig { clock: config.clock.clone(), ..Default::default() };
        let slack = Slack::start_with(config.slack_port, slack_config, stop.clone(), changes.clone()).await?;
        let github_config = github::GitHubConfig { clock: config.clock.clone(), ..Default::default() };
        let github =
            GitHub::start_with(config.github_port, github_config, stop.clone(), changes.clone()).await?;
        let world = Self { slack, github, clock: config.clock, changes, stop };
        if let Some(target) = config.target {
            world.set_target(&target);
        }
        Ok(world)
    }

    /// Tells both models where Shipgate listens.
    pub fn set_target(&self, target: &str) {
        self.slack.set_target(target);
        self.github.set_target(target);
    }

    /// Everything Shipgate sent that the vendors' descriptions do not allow.
    pub fn violations(&self) -> Vec<String> {
        let mut all = self.slack.violations();
        all.extend(self.github.violations());
        all
    }

    /// Waits until `check` finds what it looks for. It is asked again after every request to a model, delivery and
    /// change of a connection, so nobody needs to sleep.
    ///
    /// # Errors
    /// When it is not there after 20 seconds; the error names `what`.
    pub async fn until<T>(
        &self,
        what: &str,
        mut check: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, NotThere> {
        let mut changes = self.changes.0.subscribe();
        let deadline = Instant::now() + PATIENCE;
        loop {
            changes.mark_unchanged();
            if let Some(found) = check(self) {
                return Ok(found);
            }
            if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                return Err(NotThere(format!("{what} did not come within {} s", PATIENCE.as_secs())));
            }
        }
    }

    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How long [`World::until`] waits; far more than any test needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Wakes those who wait for something to happen in a model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(watch::Sender<()>);

impl Changes {
    pub fn tell(&self) {
        self.0.send_replace(());
    }
}

/// A list of complaints that clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Complaints(Arc<Mutex<Vec<String>>>);

impl Complaints {
    pub fn add(&self, complaint: impl Into<String>) {
        locked(&self.0).push(complaint.into());
    }

    pub fn all(&self) -> Vec<String> {
        locked(&self.0).clone()
    }
}

/// Locks, also after another test thread panicked while it held the lock.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
