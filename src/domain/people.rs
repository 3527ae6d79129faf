//! Who may do what: groups, memberships read from outside, and the one function that grants an action.
//! Not here: how an account proved who it is (the chat adapters do that).

use crate::ids::{Account, EnvironmentName, GroupName, PersonId, Platform};
use crate::policy::{Environment, Policy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of a group in the settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Member {
    /// Somebody from `[people]`.
    Person(PersonId),
    /// Everybody in a group that a chat platform keeps.
    Outside(OutsideGroup),
}

/// A group that lives on a platform, by its id: a Slack user group `S0GROUP`, a Discord role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutsideGroup {
    /// The platform.
    pub platform: Platform,
    /// The platform's id of the group.
    pub id: String,
}

/// What the platforms said about their groups, and when it could not be read, why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memberships {
    /// Accounts by `platform:group`, or the reason they are unknown.
    groups: BTreeMap<String, Result<Vec<Account>, String>>,
    /// Whether an account still acts for a person, by `platform:id`, or the reason why that is unknown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    accounts: BTreeMap<String, Result<bool, String>>,
    /// Who is away, and who approves for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    away: Vec<Away>,
}

/// Somebody is away for a while, and somebody else approves for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Away {
    /// Who is away.
    pub person: PersonId,
    /// The account by which they said so: nobody stands in for somebody whose account was taken away.
    pub account: Account,
    /// Who approves for them meanwhile.
    pub delegate: PersonId,
    /// Since when.
    pub from: Timestamp,
    /// Until when, excluded.
    pub until: Timestamp,
}

impl Away {
    /// Whether both hold at some instant.
    #[must_use]
    pub fn overlaps(&self, other: &Away) -> bool {
        self.from < other.until && other.from < self.until
    }

    /// Whether it holds at an instant.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// The people from a new delegate on who pass everything on until it is back at whoever goes away, that person last;
/// empty when it ends with somebody who is there. In such a circle nobody would be left to decide.
#[must_use]
pub fn circle(away: &[Away], new: &Away) -> Vec<PersonId> {
    let mut chain = vec![new.delegate.clone()];
    // Two absences that do not overlap leave somebody there at all times.
    let overlaps = |one: &Away| one.overlaps(new);
    while let Some(last) = chain.last().filter(|last| **last != new.person) {
        let next = away.iter().find(|one| one.person == *last && one.person != new.person && overlaps(one));
        match next {
            Some(next) if !chain.contains(&next.delegate) => chain.push(next.delegate.clone()),
            _ => return Vec::new(),
        }
    }
    chain
}

/// The absence of somebody who is to stand in while they are away themselves: nobody passes a vote on.
#[must_use]
pub fn absence_of_stand_in<'a>(away: &'a [Away], new: &Away) -> Option<&'a Away> {
    away.iter().find(|one| one.person == new.delegate && one.overlaps(new))
}

/// Those for whom somebody stands in who goes away now: nobody approves for them meanwhile.
#[must_use]
pub fn left_alone(away: &[Away], new: &Away) -> Vec<PersonId> {
    let by_them = away.iter().filter(|one| one.delegate == new.person && one.overlaps(new));
    by_them.map(|one| one.person.clone()).collect()
}

impl Memberships {
    /// Notes what was read about a group.
    pub fn insert(&mut self, group: &OutsideGroup, read: Result<Vec<Account>, String>) {
        self.groups.insert(format!("{}:{}", group.platform, group.id), read);
    }

    /// Notes what was read about an account: whether it is somebody's who may decide, which a guest's, a bot's and a
    /// deactivated one are not.
    pub fn insert_account(&mut self, account: &Account, read: Result<bool, String>) {
        self.accounts.insert(format!("{}:{}", account.platform, account.id), read);
    }

    /// Notes who is away, in place of what was noted before.
    pub fn set_away(&mut self, away: Vec<Away>) {
        self.away = away;
    }

    /// Who is away at an instant.
    pub fn away_at(&self, now: Timestamp) -> impl Iterator<Item = &Away> {
        self.away.iter().filter(move |away| away.holds(now))
    }

    /// Whether an account still acts for a person. One that was not asked about acted a moment ago.
    ///
    /// # Errors
    /// The reason why the account could not be read.
    pub fn still_counts(&self, account: &Account) -> Result<bool, String> {
        self.accounts.get(&format!("{}:{}", account.platform, account.id)).cloned().unwrap_or(Ok(true))
    }

    /// The accounts in a group; an error, for people, when they are not known.
    ///
    /// # Errors
    /// The reason why the group could not be read, or that it was never asked for.
    pub fn accounts_in(&self, group: &OutsideGroup) -> Result<&[Account], String> {
        match self.groups.get(&format!("{}:{}", group.platform, group.id)) {
            Some(Ok(accounts)) => Ok(accounts),
            Some(Err(why)) => Err(why.clone()),
            None => Err(format!("the members of {} group {} were not read", group.platform, group.id)),
        }
    }
}

/// Whether somebody belongs to a set of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Member,
    /// No.
    Stranger,
    /// Nobody can say: counts as no, and says why.
    Unknown(String),
}

/// What a platform says of an account when it acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// Still able to sign in.
    pub active: bool,
    /// A bot, an app or a workflow.
    pub bot: bool,
    /// A guest, or somebody from another organisation.
    pub guest: bool,
    /// Name to show. Never used to decide anything.
    pub name: String,
}

/// What somebody wants to do. The scope is an environment, or everything where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Ask for a deploy.
    Deploy,
    /// Ask for a rollback.
    Rollback,
    /// Ask for failed jobs to run again.
    Rerun,
    /// Say yes to a deploy.
    Approve,
    /// Say no to a deploy.
    Reject,
    /// Stop a deploy.
    Cancel,
    /// Pause a deploy before it starts, or let it go on.
    Hold,
    /// Keep others out of an environment, or let them in again.
    Lock,
    /// Remove somebody else's lock, or a quarantine.
    Unlock,
    /// Add or end a freeze.
    Freeze,
    /// Say what became of a run whose start is unknown.
    Resolve,
    /// Record where the note about an emergency is.
    Incident,
    /// Tick items of a checklist.
    Tick,
    /// Look at deploys, rules and history.
    Read,
}

impl Action {
    /// Every action, for tables and tests.
    pub const ALL: [Action; 14] = [
        Action::Deploy,
        Action::Rollback,
        Action::Rerun,
        Action::Approve,
        Action::Reject,
        Action::Cancel,
        Action::Hold,
        Action::Lock,
        Action::Unlock,
        Action::Freeze,
        Action::Resolve,
        Action::Incident,
        Action::Tick,
        Action::Read,
    ];

    /// As people say it: "you may not … ".
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Action::Deploy => "deploy",
            Action::Rollback => "roll back",
            Action::Rerun => "re-run jobs",
            Action::Approve => "approve deploys",
            Action::Reject => "reject deploys",
            Action::Cancel => "cancel deploys",
            Action::Hold => "hold deploys",
            Action::Lock => "lock",
            Action::Unlock => "lift locks of others",
            Action::Freeze => "change freezes",
            Action::Resolve => "decide about unknown runs",
            Action::Incident => "note what became of an emergency",
            Action::Tick => "tick checklists",
            Action::Read => "read",
        }
    }

    /// The groups of an environment whose members may do this. Reading is for every member of the workspace.
    #[must_use]
    pub fn groups(self, environment: &Environment) -> Vec<GroupName> {
        let of = |lists: &[&Vec<GroupName>]| {
            let mut groups: Vec<GroupName> = lists.iter().flat_map(|list| list.iter().cloned()).collect();
            groups.sort();
            groups.dedup();
            groups
        };
        let rule = &environment.approvals;
        let also = rule.also.iter().flat_map(|share| &share.from);
        let approvers: Vec<GroupName> = rule.from.iter().chain(also).cloned().collect();
        // Those who are asked when it takes long say yes or no, and decide nothing else.
        let everybody: Vec<GroupName> = rule.groups().cloned().collect();
        let (deployers, approvers, overriders) =
            (&environment.deployers, &approvers, &environment.overrides.from);
        let nobody = Vec::new();
        let keepers = environment.preflight.migrations.as_ref().map_or(&nobody, |rule| &rule.from);
        match self {
            Action::Deploy | Action::Rollback | Action::Rerun => of(&[deployers]),
            Action::Approve => of(&[&everybody, overriders, keepers]),
            Action::Reject if !everybody.is_empty() => of(&[&everybody, overriders, keepers]),
            Action::Reject | Action::Unlock | Action::Freeze | Action::Resolve => {
                if approvers.is_empty() && overriders.is_empty() {
                    of(&[deployers])
                } else {
                    of(&[approvers, overriders])
                }
            }
            Action::Cancel | Action::Hold | Action::Lock | Action::Incident => {
                of(&[deployers, approvers, overriders])
            }
            Action::Tick => crate::checklist::everybody(environment),
            Action::Read => Vec::new(),
        }
    }
}

/// Proof that one person may do one action in one place. Only [`authorize`] makes it, and every use case that
/// changes something asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    person: PersonId,
    account: Account,
    action: Action,
    environment: Option<EnvironmentName>,
}

impl Authorized {
    /// Who acts.
    #[must_use]
    pub fn person(&self) -> &PersonId {
        &self.person
    }
    /// Through which account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }
    /// What they may do.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }
    /// Where; everywhere when there is none.
    #[must_use]
    pub fn environment(&self) -> Option<&EnvironmentName> {
        self.environment.as_ref()
    }
}

/// Why somebody may not do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Denied {
    /// Not in any group that may.
    NotInGroup {
        /// What was wanted.
        action: Action,
        /// Where.
        environment: EnvironmentName,
        /// Groups whose members may.
        groups: Vec<GroupName>,
        /// Those of them who are there, to be named. No part of the record: groups change.
        #[serde(skip)]
        people: Vec<PersonId>,
    },
    /// A bot, an app or a workflow.
    Bot,
    /// A guest or somebody from another organisation.
    Guest,
    /// The account is deactivated.
    Deactivated,
    /// Nobody could say who is in the group.
    Unreadable {
        /// Why.
        why: String,
    },
}

impl Denied {
    /// Stable word for logs, metrics and the API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Denied::NotInGroup { .. } => "not_in_group",
            Denied::Bot => "bot_account",
            Denied::Guest => "guest_account",
            Denied::Deactivated => "deactivated_account",
            Denied::Unreadable { .. } => "group_unreadable",
        }
    }
}

/// Decides whether an account may do an action in an environment. The only place that decides it.
///
/// # Errors
/// [`Denied`] with the reason; an unreadable group counts as no.
pub fn authorize(
    policy: &Policy,
    outside: &Memberships,
    account: &Account,
    facts: &AccountFacts,
    action: Action,
    environment: Option<&Environment>,
) -> Result<Authorized, Denied> {
    if facts.bot {
        return Err(Denied::Bot);
    }
    if !facts.active {
        return Err(Denied::Deactivated);
    }
    let person = policy.person_of(account);
    let granted = |person: PersonId| Authorized {
        person,
        account: account.clone(),
        action,
        environment: environment.map(|e| e.name.clone()),
    };
    if facts.guest {
        return Err(Denied::Guest);
    }
    if action == Action::Read {
        return Ok(granted(person));
    }
    let places: Vec<&Environment> = match environment {
        Some(one) => vec![one],
        None => policy.environments.values().collect(),
    };
    for place in places {
        let groups = action.groups(place);
        let standing = match policy.standing(&person, &groups, outside) {
            Standing::Stranger if matches!(action, Action::Approve | Action::Reject) => {
                standing_for(policy, outside, &person, &groups)
            }
            own => own,
        };
        match standing {
            Standing::Member => {}
            Standing::Stranger => {
                let (environment, people) =
                    (place.name.clone(), who_is_there(policy, outside, action, &groups));
                return Err(Denied::NotInGroup { action, environment, groups, people });
            }
            Standing::Unknown(why) => return Err(Denied::Unreadable { why }),
        }
    }
    Ok(granted(person))
}

/// Whom somebody can ask who may not do something themselves: the members of the groups who are there, and those who
/// approve for the others; all members when nobody is there. Everybody in `outside` counts as away.
#[must_use]
pub fn who_is_there(
    policy: &Policy,
    outside: &Memberships,
    action: Action,
    groups: &[GroupName],
) -> Vec<PersonId> {
    let all = policy.members(groups, outside);
    let away = |person: &PersonId| outside.away.iter().find(|away| away.person == *person);
    let mut there: Vec<PersonId> = all.iter().filter(|person| away(person).is_none()).cloned().collect();
    if matches!(action, Action::Approve | Action::Reject) {
        let delegates = all.iter().filter_map(away).map(|away| away.delegate.clone());
        there.extend(delegates.filter(|delegate| away(delegate).is_none() && !all.contains(delegate)));
    }
    if there.is_empty() { all } else { there }
}

/// Whether somebody belongs to one of the groups, or approves for a member who is away. Who stands in for somebody who
/// only stands in themselves has nothing from it. Everybody in `outside` counts as away.
#[must_use]
pub fn standing_for(
    policy: &Policy,
    outside: &Memberships,
    person: &PersonId,
    groups: &[GroupName],
) -> Standing {
    let mut unknown = match policy.standing(person, groups, outside) {
        Standing::Member => return Standing::Member,
        Standing::Stranger => None,
        Standing::Unknown(why) => Some(why),
    };
    for away in outside.away.iter().filter(|away| away.delegate == *person) {
        if !policy.people.contains_key(person) {
            continue;
        }
        match policy.standing(&away.person, groups, outside) {
            Standing::Member => return Standing::Member,
            Standing::Stranger => {}
            Standing::Unknown(why) => unknown = Some(why),
        }
    }
    unknown.map_or(Standing::Stranger, Standing::Unknown)
}

#[cfg(test)]
mod tests;
