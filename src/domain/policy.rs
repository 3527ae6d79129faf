//! The rules people wrote down: services, environments, people, groups. Not here: judging by them (`gates`).

mod action;
mod people;
mod preflight;

pub use action::{ActionRole, ActionRule, ActsOn};
pub use people::People;
pub use preflight::{MigrationRule, Preflight, ReviewRule, ServicePreflight};

use crate::calendar::{Freeze, Schedule};
use crate::ids::{Account, ActionName, EnvironmentName, GroupName, PersonId, PolicyVersion, ServiceName};
use crate::people::{Member, Memberships, Standing};
use crate::zone::Zone;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Everything that judges a deploy, as one value. Built from `shipgate.toml`, checked there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Default zone of all rules.
    pub zone: Zone,
    /// Everybody who is known by name, with the accounts that are theirs.
    pub people: People,
    /// Groups of people.
    pub groups: BTreeMap<GroupName, Vec<Member>>,
    /// What can be deployed.
    pub services: BTreeMap<ServiceName, Service>,
    /// Where it can go.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// Weekly windows, by name.
    pub schedules: BTreeMap<String, Schedule>,
    /// Freezes written in the settings. Those added in chat live in the store.
    pub freezes: Vec<Freeze>,
    /// Commands that the team added, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<ActionName, ActionRule>,
}

/// A thing that is deployed, and the pipeline that does it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// Meant when nobody names a service.
    pub default: bool,
    /// What is started for a deploy.
    pub pipeline: Pipeline,
    /// What is looked for in its changes, and what must exist.
    #[serde(default, skip_serializing_if = "ServicePreflight::is_empty")]
    pub preflight: ServicePreflight,
}

/// Which CI system runs a service's deploys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// GitHub Actions.
    Github,
    /// An allow-listed command on this machine.
    Command,
}

impl Provider {
    /// The word used in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Command => "command",
        }
    }
}

/// What is started for a deploy. All values may hold `{service}`, `{environment}`, `{version}`, `{sha}`, `{deploy}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// The CI system.
    pub provider: Provider,
    /// Repository: `owner/name` on a code host, or a folder on this machine.
    pub repo: String,
    /// Workflow file, for GitHub. Empty for `command`.
    pub workflow: String,
    /// Protected branch that the workflow file is taken from, and from which a version must be reachable.
    pub git_ref: String,
    /// Inputs of the workflow.
    pub inputs: BTreeMap<String, String>,
    /// Argument vector, for `command`. Never given to a shell.
    pub command: Vec<String>,
}

/// Where a service goes, with its rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Other words people use for it.
    pub aliases: Vec<String>,
    /// The same commit must have succeeded there before.
    pub after: Option<EnvironmentName>,
    /// Name of the weekly schedule; none means always open.
    pub schedule: Option<String>,
    /// Groups that may ask for deploys.
    pub deployers: Vec<GroupName>,
    /// Who must say yes.
    pub approvals: ApprovalRule,
    /// Who may open a closed schedule or freeze in an emergency.
    pub overrides: OverrideRule,
    /// Which CI checks on the commit must be green.
    pub checks: CheckRule,
    /// Whether one deploy at a time holds the whole environment, or each service's part of it.
    pub queue: QueueBy,
    /// What becomes of runs that still wait for a machine when a freeze begins.
    #[serde(default)]
    pub when_frozen: WhenFrozen,
    /// Whether a newer request of the same person for the same service takes the place of an older one that has not
    /// started.
    #[serde(default, skip_serializing_if = "is_false")]
    pub supersede: bool,
    /// Fewer rules for the way back.
    pub rollback: RollbackRule,
    /// What else is demanded of a change.
    #[serde(default)]
    pub preflight: Preflight,
    /// Where people can look at it.
    pub url: Option<String>,
}

/// How many people must approve, and who they may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// How many distinct people; nought means none.
    pub needed: u32,
    /// Groups whose members may approve.
    pub from: Vec<GroupName>,
    /// Whether the requester's own approval counts.
    pub own: bool,
    /// How long an approval, and the wait for it, lasts.
    pub expires: SignedDuration,
    /// Further groups, each with its own number. Each yes fills one place only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Share>,
    /// Whether people who wrote commits of the diff may not approve it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub not_authors: bool,
    /// How long after the request those who are still asked are reminded, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<SignedDuration>,
    /// Who may approve too when it takes longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<Escalation>,
}

/// A number of yeses from some groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many distinct people.
    pub needed: u32,
    /// Groups whose members may give them.
    pub from: Vec<GroupName>,
}

/// Groups that are asked, and may approve, once the request is this old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// How long after the request.
    pub after: SignedDuration,
    /// Who is asked from then on, besides those of `from`.
    pub to: Vec<GroupName>,
}

impl ApprovalRule {
    /// Nobody is asked.
    #[must_use]
    pub fn none() -> Self {
        Self {
            needed: 0,
            from: Vec::new(),
            own: false,
            expires: SignedDuration::from_hours(4),
            also: Vec::new(),
            not_authors: false,
            remind: None,
            escalate: Vec::new(),
        }
    }

    /// Every group whose members have, or may come to have, a say.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        let also = self.also.iter().flat_map(|share| &share.from);
        self.from.iter().chain(also).chain(self.escalate.iter().flat_map(|step| &step.to))
    }

    /// Who must say yes to a request of that age: the first share is that of `from`, with everybody to whom it was
    /// escalated by then.
    #[must_use]
    pub fn shares(&self, needed: u32, age: SignedDuration) -> Vec<Share> {
        let mut from = self.from.clone();
        for group in self.escalate.iter().filter(|step| step.after <= age).flat_map(|step| &step.to) {
            if !from.contains(group) {
                from.push(group.clone());
            }
        }
        let mut shares = vec![Share { needed, from }];
        shares.extend(self.also.iter().cloned());
        shares
    }
}

/// For fields that are left out of the stored form when they are not set, so that policies of earlier versions keep
/// their version.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// How many people must agree to an emergency, and who they may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideRule {
    /// How many distinct people other than the requester.
    pub needed: u32,
    /// Groups whose members may override. Empty: nobody can.
    pub from: Vec<GroupName>,
}

/// Which CI checks of the commit must be green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckRule {
    /// Every check that exists, and at least one must exist.
    All,
    /// None is looked at.
    None,
    /// These, by name; a missing one waits.
    Named(Vec<String>),
    /// Those that the repository demands of the service's branch; there must be at least one.
    Required,
}

/// What a running deploy keeps others out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueBy {
    /// The whole environment: one deploy at a time (default, the safe reading).
    Environment,
    /// Only the same service in the environment.
    Service,
}

/// What becomes of runs that still wait for a machine when a freeze begins. Those that have started always finish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFrozen {
    /// They start when a machine is free, inside the freeze.
    #[default]
    Finish,
    /// They are stopped before they start.
    CancelQueued,
}

/// A rollback passes the same gates; these say which of them it need not wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRule {
    /// How many approvals a rollback needs.
    pub needed: u32,
    /// Whether schedule and freezes bind a rollback too.
    pub in_window_only: bool,
}

impl Policy {
    /// SHA-256 over the whole policy in its stored form: any change of any rule gives another version.
    #[must_use]
    pub fn version(&self) -> PolicyVersion {
        let body = serde_json::to_vec(self).expect("a policy has only string keys and plain values");
        crate::hex(&Sha256::digest(&body)).parse().expect("64 hex digits")
    }

    /// The person behind an account; an account that is linked to nobody is its own person.
    #[must_use]
    pub fn person_of(&self, account: &Account) -> PersonId {
        self.linked(account).map_or_else(|| account.as_unlinked_person(), Clone::clone)
    }

    /// The person to whom the settings link an account, if there is one.
    #[must_use]
    pub fn linked(&self, account: &Account) -> Option<&PersonId> {
        self.people.linked(account)
    }

    /// Whether this is the person behind an account.
    #[must_use]
    pub fn is_account_of(&self, account: &Account, person: &PersonId) -> bool {
        match self.linked(account) {
            Some(linked) => linked == person,
            None => account.as_unlinked_person() == *person,
        }
    }

    /// Everybody who is known to be in one of the groups.
    #[must_use]
    pub fn members(&self, groups: &[GroupName], outside: &Memberships) -> Vec<PersonId> {
        let mut people: Vec<PersonId> = Vec::new();
        for member in groups.iter().filter_map(|g| self.groups.get(g)).flatten() {
            match member {
                Member::Person(person) => people.push(person.clone()),
                Member::Outside(group) => {
                    let accounts = outside.accounts_in(group).unwrap_or_default();
                    people.extend(accounts.iter().map(|account| self.person_of(account)));
                }
            }
        }
        people.sort();
        people.dedup();
        people
    }

    /// The accounts of a person on all platforms.
    #[must_use]
    pub fn accounts_of(&self, person: &PersonId) -> &[Account] {
        self.people.get(person).map_or(&[], Vec::as_slice)
    }

    /// The environment people mean by a word: its name or one of its aliases, in any case.
    #[must_use]
    pub fn environment(&self, word: &str) -> Option<&Environment> {
        self.environments.values().find(|e| {
            e.name.as_str().eq_ignore_ascii_case(word)
                || e.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(word))
        })
    }

    /// The service that is meant when nobody names one: the default, or the only one.
    #[must_use]
    pub fn default_service(&self) -> Option<&Service> {
        let mut all = self.services.values();
        match (self.services.values().find(|s| s.default), all.next(), all.next()) {
            (Some(default), _, _) => Some(default),
            (None, Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// Whether a person belongs to any of the groups. Unknown when a group that could decide it is unreadable.
    #[must_use]
    pub fn standing(&self, person: &PersonId, groups: &[GroupName], outside: &Memberships) -> Standing {
        let mut unknown = None;
        for member in groups.iter().filter_map(|g| self.groups.get(g)).flatten() {
            match member {
                Member::Person(named) if named == person => return Standing::Member,
                Member::Person(_) => {}
                Member::Outside(group) => match outside.accounts_in(group) {
                    Ok(accounts) => {
                        if accounts.iter().any(|account| self.is_account_of(account, person)) {
                            return Standing::Member;
                        }
                    }
                    Err(why) => unknown = Some(why),
                },
            }
        }
        unknown.map_or(Standing::Stranger, Standing::Unknown)
    }

    /// What a deploy of `service` to `environment` keeps others out of, as a key: one active deploy per key.
    #[must_use]
    pub fn lock_group(&self, service: &ServiceName, environment: &Environment) -> String {
        match environment.queue {
            QueueBy::Environment => environment.name.to_string(),
            QueueBy::Service => format!("{}/{service}", environment.name),
        }
    }
}

#[cfg(test)]
mod tests;
