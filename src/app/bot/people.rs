//! Who may do what, and who is in which group, by what the platforms say now. Not here: the rules of it
//! (`domain::people`).

use super::App;
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::ids::{Account, GroupName, Platform};
use shipgate_domain::people::{
    AccountFacts, Action, Authorized, Denied, Member, Memberships, OutsideGroup, authorize, who_is_there,
};
use shipgate_domain::policy::{Environment, Provider};
use std::sync::PoisonError;

/// What a platform said about people is believed for this long (SECURITY 6.3).
const PEOPLE_TTL: SignedDuration = SignedDuration::from_secs(40);

impl App {
    /// Decides whether an account may do something, with what the platforms say about it now.
    pub(crate) async fn authorize(
        &self,
        account: &Account,
        action: Action,
        environment: Option<&Environment>,
    ) -> Result<Authorized, Denied> {
        let policy = &self.rules.policy;
        let facts = self.account_facts(account).await?;
        let places: Vec<&Environment> = match environment {
            Some(one) => vec![one],
            None => policy.environments.values().collect(),
        };
        let groups: Vec<GroupName> = places.iter().flat_map(|place| action.groups(place)).collect();
        let mut outside = self.memberships(&groups).await;
        if matches!(action, Action::Approve | Action::Reject) {
            // Only those who are away now have somebody who stands in for them.
            let now = self.now();
            match self.absences().await {
                Ok((_, away)) => outside.set_away(away.into_iter().filter(|a| a.holds(now)).collect()),
                Err(error) => return Err(Denied::Unreadable { why: error.to_string() }),
            }
        }
        let decided = authorize(policy, &outside, account, &facts, action, environment);
        let Err(Denied::NotInGroup { action, environment, groups, .. }) = decided else { return decided };
        // Whom to ask is told as well as it is known: who is away is left out where that can be read.
        if let Ok((_, away)) = self.absences().await {
            let now = self.now();
            outside.set_away(away.into_iter().filter(|a| a.holds(now)).collect());
        }
        let people = who_is_there(policy, &outside, action, &groups);
        Err(Denied::NotInGroup { action, environment, groups, people })
    }

    /// Whether an account is still one by which a person decides; an error, for people, when that cannot be read.
    pub(crate) async fn still_counts(&self, account: &Account) -> Result<bool, String> {
        match self.account_facts(account).await {
            Ok(facts) => Ok(facts.active && !facts.bot && !facts.guest),
            Err(Denied::Unreadable { why }) => Err(why),
            Err(_) => Ok(false),
        }
    }

    async fn account_facts(&self, account: &Account) -> Result<AccountFacts, Denied> {
        let now = self.now();
        {
            let known = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, facts)) = known.get(account)
                && is_fresh(*at, now)
            {
                return Ok(facts.clone());
            }
        }
        match self.chat.account(account).await {
            Ok(facts) => {
                let mut known = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
                known.retain(|_, (at, _)| is_fresh(*at, now));
                known.insert(account.clone(), (now, facts.clone()));
                Ok(facts)
            }
            Err(error) => Err(Denied::Unreadable { why: error.to_string() }),
        }
    }

    /// The members of all groups kept elsewhere that stand in these groups.
    pub(crate) async fn memberships(&self, groups: &[GroupName]) -> Memberships {
        let now = self.now();
        let mut memberships = Memberships::default();
        let mut wanted: Vec<&OutsideGroup> = Vec::new();
        for member in groups.iter().filter_map(|g| self.rules.policy.groups.get(g)).flatten() {
            if let Member::Outside(group) = member
                && !wanted.contains(&group)
            {
                wanted.push(group);
            }
        }
        for group in wanted {
            let kept = {
                let known = self.members.lock().unwrap_or_else(PoisonError::into_inner);
                known.get(group).filter(|(at, _)| is_fresh(*at, now)).map(|(_, list)| list.clone())
            };
            let read = match kept {
                Some(list) => Ok(list),
                None => self.members_of(group).await.inspect(|list| {
                    // Only what was read now is as young as now: what was kept must grow old.
                    let mut known = self.members.lock().unwrap_or_else(PoisonError::into_inner);
                    known.insert(group.clone(), (now, list.clone()));
                }),
            };
            memberships.insert(group, read);
        }
        memberships
    }

    /// The members of a group kept elsewhere, as it is now.
    async fn members_of(&self, group: &OutsideGroup) -> Result<Vec<Account>, String> {
        let Some(team) = group.id.strip_prefix("team:").filter(|_| group.platform == Platform::Github) else {
            return self.chat.members(group).await.map_err(|error| error.to_string());
        };
        let policy = &self.rules.policy;
        let repos: Vec<String> = policy
            .services
            .values()
            .filter(|service| service.pipeline.provider == Provider::Github)
            .map(|service| service.pipeline.repo.clone())
            .collect();
        let repositories =
            self.providers.repositories(Provider::Github).map_err(|error| error.to_string())?;
        let mut members = repositories.members(team, &repos).await.map_err(|error| error.to_string())?;
        // Whoever is linked to nobody cannot act in chat, and stands for nobody.
        members.retain(|account| policy.linked(account).is_some());
        Ok(members)
    }
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    !age.is_negative() && age < PEOPLE_TTL
}
