//! Who wrote what would go live. Not here: whether that rules them out as approvers, which the gate Approvals says.

use super::{Case, Diff, Read};
use crate::deploy::Deploy;
use crate::ids::PersonId;
use crate::policy::{Environment, Policy};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Who wrote what would go live, worked out once for a [`Case`], however many gates ask.
#[derive(Debug, Default)]
pub struct Authors(OnceLock<Result<BTreeSet<PersonId>, String>>);

impl Case<'_> {
    /// Everybody who wrote what would go live, where that rules them out.
    ///
    /// # Errors
    /// Why that is not known completely.
    pub fn authors(&self) -> Result<&BTreeSet<PersonId>, &str> {
        let authors = self.authors.0.get_or_init(|| writers(self.policy, self.environment, self.deploy));
        authors.as_ref().map_err(String::as_str)
    }

    /// Whether the list of changes is there and cannot be read now.
    pub(crate) fn is_diff_unread(&self) -> bool {
        let now = self.deploy.outside.as_ref().and_then(|outside| outside.rebased.as_ref());
        let then = self.deploy.pinned.as_ref().map(|pinned| &pinned.diff);
        matches!((then, now), (_, Some(Read::Unknown(_))) | (Some(Read::Unknown(_)), None))
    }
}

/// Everybody who wrote what would go live, where that rules them out.
///
/// # Errors
/// Why that is not known completely.
pub fn writers(
    policy: &Policy,
    environment: &Environment,
    deploy: &Deploy,
) -> Result<BTreeSet<PersonId>, String> {
    let mut authors = BTreeSet::new();
    if !environment.approvals.not_authors || deploy.is_rollback() || deploy.acts_on_live() {
        return Ok(authors);
    }
    let Some(pinned) = &deploy.pinned else { return Err("the version is not looked up yet".to_owned()) };
    // What the version was compared with when it was looked up, and what would change now, if that is another list.
    let now = deploy.outside.as_ref().and_then(|outside| outside.rebased.as_ref());
    match (&pinned.diff, now) {
        (_, Some(Read::Unknown(why))) | (Read::Unknown(why), None) => return Err(why.clone()),
        (Read::Known(None), None) => {
            return Err("nothing was deployed here before, so there is no list of changes".to_owned());
        }
        (Read::Known(None) | Read::Unknown(_), Some(Read::Known(_))) | (Read::Known(Some(_)), _) => {}
    }
    for diff in
        [pinned.diff.known().and_then(Option::as_ref), now.and_then(Read::known)].into_iter().flatten()
    {
        collect(policy, diff, &mut authors)?;
    }
    Ok(authors)
}

fn collect(policy: &Policy, diff: &Diff, authors: &mut BTreeSet<PersonId>) -> Result<(), String> {
    if (diff.commits.len() as u64) < diff.total {
        return Err(format!("only {} of {} changes are listed", diff.commits.len(), diff.total));
    }
    for change in &diff.commits {
        if change.writers.is_empty() {
            return Err(format!("the code host does not say by whom {} is", change.commit.short()));
        }
        for writer in &change.writers {
            let linked = writer.accounts.iter().find_map(|account| policy.linked(account));
            let Some(person) = linked else {
                return Err(format!(
                    "{} wrote {} and is nobody in [people]",
                    writer.name,
                    change.commit.short()
                ));
            };
            authors.insert(person.clone());
        }
    }
    Ok(())
}
