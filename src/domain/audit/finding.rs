//! What a check of the record found wrong, as data and in one sentence. Not here: finding it (`inspector`, `replay`).

use crate::ids::DeployId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Something that must never be so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Which promise is broken.
    pub kind: FindingKind,
    /// The first row of the record that shows it, or the newest when something without a row was seen first.
    pub seq: Option<u64>,
    /// The deploy it concerns, where it is about one.
    pub deploy: Option<DeployId>,
    /// What was found: a clause for people, such as “row 17 is missing”.
    pub what: String,
}

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The chain of the record: a row was edited, removed, inserted or moved (INVARIANTS S10).
    Chain,
    /// The record is not the one whose head was written down elsewhere (S10).
    Anchor,
    /// A deploy changed in a way that no rule knows, or came back from its end (S15).
    Life,
    /// More than one start of one deploy, or one without its intent (S3).
    Start,
    /// Two deploys were active in one place (S4).
    Place,
    /// What is stored is not what the record says (S7, S10).
    State,
    /// What keeps the record as it is was taken out of the database (S10).
    Guard,
    /// The self-check itself could not be made for a long time: nobody knows whether the others hold.
    Blind,
}

impl FindingKind {
    /// Stable word for logs, metrics and the API.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Anchor => "anchor",
            Self::Life => "life",
            Self::Start => "start",
            Self::Place => "place",
            Self::State => "state",
            Self::Guard => "guard",
            Self::Blind => "blind",
        }
    }

    /// Whether it is no matter of a row: it is so now, and may be mended and come again.
    pub(super) fn comes_and_goes(self) -> bool {
        matches!(self, Self::Guard | Self::Blind)
    }

    /// What it means, as a sentence for people.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Chain => "Somebody or something changed the record after it was written.",
            Self::Anchor => {
                "The database is not the one that was anchored: it was restored, cut or rewritten since."
            }
            Self::Life => {
                "A deploy took a step that the rules do not have: a mistake in Shipgate, or a forged entry."
            }
            Self::Start => "A deploy may have been started more often than once.",
            Self::Place => "Two deploys may have run in one place at the same time.",
            Self::State => {
                "What gates read was changed without a word in the record: past Shipgate, or by a mistake in it. A gate \
                 may have let pass what it should not, or may hold back what it need not."
            }
            Self::Guard => {
                "Something that Shipgate made in the database is missing or was changed: what makes it refuse to change the \
                 record, or a table. Whatever was written meanwhile could have been written by anybody; a table that is \
                 gone must come from a backup."
            }
            Self::Blind => {
                "The database answers, and something in it cannot be read: whether the record and what is stored are sound, \
                 nobody knows. The log says what could not be read."
            }
        }
    }
}

impl Finding {
    /// The same finding has the same mark at every look, on every replica: what people accepted stays accepted. The text
    /// names what was found, such as the content of a row: another content is another finding, and the very same once
    /// more is not. What comes and goes is told apart by the row at which it was seen first.
    #[must_use]
    pub fn mark(&self) -> String {
        let text = serde_json::to_vec(self).expect("a finding is plain data");
        crate::hex(&Sha256::digest(&text)[..8])
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}
