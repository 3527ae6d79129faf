//! One person's yes: to what, and what it passes. Not here: how many are needed (`gates`).

use crate::ids::{Account, Digest, PersonId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One person's yes to exactly one digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: PersonId,
    /// Through which account.
    pub account: Account,
    /// To what.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// What they said with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The closed hours, freezes and migrations that the card showed them: their yes is to these and no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<String>,
    /// Since when it counts no more, for ever: they took it back, or what they had said it to changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<Timestamp>,
}

/// An override's yes lasts no longer than this, however long approvals do.
pub const OVERRIDE_LASTS: SignedDuration = SignedDuration::from_hours(4);

impl Approval {
    /// A yes to a digest, with nothing said, that passes no closed gate.
    #[must_use]
    pub fn plain(by: PersonId, account: Account, digest: Digest, at: Timestamp) -> Self {
        Self { by, account, digest, at, comment: None, passes: Vec::new(), void: None }
    }

    /// Whether it covers everything that an emergency asks to pass, at an instant.
    #[must_use]
    pub fn covers(&self, asked: &[String], now: Timestamp) -> bool {
        let end = self.at.saturating_add(OVERRIDE_LASTS).unwrap_or(Timestamp::MAX);
        asked.is_empty() || (now < end && asked.iter().all(|one| self.passes.contains(one)))
    }
}
