//! What a start would change: which commits come and go, and who wrote them, by the model's own history (S1, S2, S23).
//! Not here: whose yes counts besides (`intent`).

use super::Oracle;
use crate::code::{number, writers};
use crate::rules::{Drawn, Place, login};
use crate::world::World;
use shipgate_domain::deploy::{Deploy, Outcome, State};
use shipgate_domain::ids::CommitId;
use std::collections::BTreeSet;

impl Oracle {
    /// The commit that runs for a service in a place: the last that succeeded there.
    pub fn in_place(&self, service: &str, place: &str) -> Option<&CommitId> {
        let there = self.deploys.values().filter(|deploy| {
            deploy.request.service.as_str() == service && deploy.request.environment.as_str() == place
        });
        let ended = there.filter_map(|deploy| match &deploy.state {
            State::Done { outcome: Outcome::Succeeded, at, .. } => Some((*at, deploy.commit()?)),
            _ => None,
        });
        ended.max_by_key(|(at, _)| *at).map(|(_, commit)| commit)
    }

    fn replaced_by(&self, deploy: &Deploy) -> Option<&CommitId> {
        self.in_place(deploy.request.service.as_str(), deploy.request.environment.as_str())
    }

    /// What ran there when it was written what a deploy would do.
    pub(super) fn planned_upon(&mut self, deploy: &Deploy) {
        let base = self.replaced_by(deploy).cloned();
        self.planned_upon.insert(deploy.id.clone(), base);
    }

    /// Who wrote any of what would come, where that rules them out. None: nobody can say, so nobody may agree.
    pub(super) fn authors(
        &self,
        world: &World,
        drawn: &Drawn,
        place: &Place,
        now: &Deploy,
    ) -> Option<BTreeSet<String>> {
        let mut authors = BTreeSet::new();
        if !place.not_authors || now.is_rollback() {
            return Some(authors);
        }
        let (base, head) = (self.replaced_by(now)?, now.commit()?);
        for commit in world.code.history.new_in(number(head), number(base)) {
            let logins = writers(commit);
            if logins.is_empty() {
                return None;
            }
            for name in logins {
                let person = drawn.person_of(&login(name));
                // An account of the code host that is linked to nobody.
                if person.contains(':') {
                    return None;
                }
                authors.insert(person);
            }
        }
        Some(authors)
    }

    /// Nothing is taken away but by a rollback, or knowingly; and never what went live after it was planned (S23).
    pub(super) fn takes_nothing_away(&self, world: &World, now: &Deploy) -> Result<(), String> {
        let (Some(base), Some(head)) = (self.replaced_by(now), now.commit()) else { return Ok(()) };
        let (id, history) = (now.id.short(), world.code.history);
        let lost = history.lost(number(head), number(base));
        if now.is_rollback() || lost == 0 {
            return Ok(());
        }
        let was = self.planned_upon.get(&now.id).and_then(Option::as_ref);
        if was != Some(base) {
            return Err(format!("S23: {id} started although it takes away what went live meanwhile"));
        }
        if history.new_in(number(head), number(base)).is_empty() && now.request.accepts.older.is_none() {
            return Err(format!("S23: {id} is older than what runs there, which nobody said, and started"));
        }
        Ok(())
    }
}
