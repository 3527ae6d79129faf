//! What environments and services demand of the change itself. Not here: judging by it (`gates`).

use crate::checklist::Checklist;
use crate::ids::GroupName;
use crate::migrations::Pattern;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// What an environment demands of a change, besides its checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// How long the commit must have been on the environment before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<SignedDuration>,
    /// Checks whose names fit are not looked at where all checks must be green.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_checks: Vec<String>,
    /// How the change must have been reviewed.
    #[serde(default, skip_serializing_if = "ReviewRule::is_none")]
    pub reviews: ReviewRule,
    /// Who is asked when the change contains migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<MigrationRule>,
    /// Name of the environment in the code host's list of deployments, if deploys count that only stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// What people and facts tick before, during and after, with what is added for migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Checklist>,
}

/// How a change must have been reviewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewRule {
    /// It is not looked at.
    #[default]
    None,
    /// As the repository demands of the branch.
    Required,
    /// With so many approving reviews, whatever the repository demands.
    Count(u32),
}

impl ReviewRule {
    /// Whether nothing is looked at.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Who must agree to a change that contains migrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationRule {
    /// How many distinct people other than the requester.
    pub needed: u32,
    /// Groups whose members may.
    pub from: Vec<GroupName>,
}

/// What is looked for in a service's changes, and what must exist before it is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePreflight {
    /// Where its migrations are. None: nothing is looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<Pattern>,
    /// Kinds and places of migrations that have a way down although no file shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reversible: Vec<Pattern>,
    /// Places of migrations that have no way down, whatever the files show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub irreversible: Vec<Pattern>,
    /// Addresses that must answer, with placeholders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Container image that must exist, with placeholders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl ServicePreflight {
    /// Whether nothing is demanded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
