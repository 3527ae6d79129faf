//! Which accounts belong to whom, found from either side. Not here: groups and what they may do (`people`).

use crate::ids::{Account, PersonId, Platform};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;

/// Everybody who is known by name, with the accounts that are theirs. Stored as a map from the person to the accounts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "BTreeMap<PersonId, Vec<Account>>")]
pub struct People {
    accounts: BTreeMap<PersonId, Vec<Account>>,
    /// The other way round: every judgement asks for the people behind hundreds of accounts.
    owners: HashMap<Account, PersonId>,
}

impl People {
    /// Says that accounts belong to a person, in place of those said before.
    pub fn insert(&mut self, person: PersonId, accounts: Vec<Account>) {
        let mut people = std::mem::take(&mut self.accounts);
        people.insert(person, accounts);
        *self = people.into();
    }

    /// Links one more account to a person.
    pub fn link(&mut self, person: PersonId, account: Account) {
        let mut accounts = self.get(&person).cloned().unwrap_or_default();
        accounts.push(account);
        self.insert(person, accounts);
    }

    /// The person to whom an account is linked; of several, who should not be there, the first by name.
    #[must_use]
    pub fn linked(&self, account: &Account) -> Option<&PersonId> {
        match account.platform {
            Platform::Github => self.owners.get(&as_compared(account)),
            Platform::Slack | Platform::Discord | Platform::Playground => self.owners.get(account),
        }
    }
}

/// GitHub's names are the same in any case of letters.
fn as_compared(account: &Account) -> Account {
    let id = match account.platform {
        Platform::Github => account.id.to_ascii_lowercase(),
        Platform::Slack | Platform::Discord | Platform::Playground => account.id.clone(),
    };
    Account { platform: account.platform, id }
}

impl From<BTreeMap<PersonId, Vec<Account>>> for People {
    fn from(accounts: BTreeMap<PersonId, Vec<Account>>) -> Self {
        let mut owners = HashMap::new();
        for (person, account) in
            accounts.iter().flat_map(|(person, all)| all.iter().map(move |a| (person, a)))
        {
            owners.entry(as_compared(account)).or_insert_with(|| person.clone());
        }
        Self { accounts, owners }
    }
}

impl FromIterator<(PersonId, Vec<Account>)> for People {
    fn from_iter<I: IntoIterator<Item = (PersonId, Vec<Account>)>>(people: I) -> Self {
        people.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl Deref for People {
    type Target = BTreeMap<PersonId, Vec<Account>>;

    fn deref(&self) -> &Self::Target {
        &self.accounts
    }
}

impl Serialize for People {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.accounts.serialize(serializer)
    }
}
