//! What other systems say about the change itself: reviews, migrations, artifacts, deploys that others made.
//! Not here: reading it, and what follows from it (`gates`).

use super::Read;
use crate::ids::CommitId;
use crate::migrations::Migration;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Facts that only some environments and services ask for. What nobody asks for is not read, and not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// Checks that the repository demands of the service's branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_checks: Option<Read<Vec<String>>>,
    /// The pull requests that brought the change, with their reviews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviews: Option<Read<Reviews>>,
    /// Migrations between what runs and the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<Read<Crossing>>,
    /// Whether what would be deployed exists, in the order of the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// What the code host tells of deploys to the environment before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Read<SeenThere>>,
    /// The identity of the workflow file on the branch it is taken from; none when there is no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Read<Option<String>>>,
}

impl Preflight {
    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How the change was reviewed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviews {
    /// How many approving reviews the repository demands of a pull request; none when it demands no pull request.
    pub demanded: Option<u32>,
    /// The merged pull requests that brought the commits.
    pub pulls: Vec<PullReviews>,
    /// Commits that came without one.
    pub direct: Vec<CommitId>,
}

/// A pull request with what people said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullReviews {
    /// Its number.
    pub number: u64,
    /// Who made it: a login.
    pub author: String,
    /// Its last commit. Only a review of this one is a review of what was merged.
    pub head: CommitId,
    /// Reviews by people of the project that say yes or no, in the order in which they were given.
    pub reviews: Vec<Review>,
}

/// One person's review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who: a login.
    pub by: String,
    /// Of which commit, where that is still known.
    pub of: Option<CommitId>,
    /// What they said.
    pub said: Said,
}

/// What a review says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Yes.
    Approved,
    /// No: something must change.
    ChangesRequested,
    /// Taken back.
    Dismissed,
}

/// Migrations on the way from what runs to the commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// The commits that may be in place there, with which it was compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<CommitId>,
    /// Those that come with the commit.
    pub come: Vec<Migration>,
    /// Those that may have been applied there and that the commit does not have.
    pub left: Vec<Migration>,
}

/// Something that must exist before it can be deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its address, with the version filled in.
    pub what: String,
    /// Whether it is there.
    pub exists: Read<bool>,
}

/// What a code host's own list tells of deploys to an environment, also of those that Shipgate did not start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenThere {
    /// How the newest deploy of the commit ended; none when there is none, or it is not over.
    pub end: Option<SeenEnd>,
    /// When deploys of other commits began, newest first.
    pub others: Vec<Timestamp>,
    /// How far back the list goes; none when it is all there is.
    pub since: Option<Timestamp>,
}

/// How a deploy ended that the code host tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenEnd {
    /// When.
    pub at: Timestamp,
    /// Whether well.
    pub succeeded: bool,
}

impl SeenThere {
    /// When another commit took the place of one that was there from an instant on. Where the list does not go back
    /// that far, so much was deployed since that it counts as replaced at once.
    #[must_use]
    pub fn left_after(&self, at: Timestamp) -> Option<Timestamp> {
        if self.since.is_some_and(|since| since > at) {
            return Some(at);
        }
        self.others.iter().copied().filter(|other| *other >= at).min()
    }
}
