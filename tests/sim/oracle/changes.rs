//! What a start would change: which commits come and go, and who wrote them, by the model's own history (S1, S2, S23).
//! Not here: whose yes counts besides (`intent`).

use super::intent::Yes;
use super::{Oracle, Writer};
use crate::code::{files, number, writers};
use crate::rules::{Drawn, Place, login};
use crate::world::World;
use sha2::{Digest as _, Sha256};
use shipgate_domain::deploy::{Deploy, Intent, Outcome, State};
use shipgate_domain::ids::CommitId;
use std::collections::BTreeSet;

impl Oracle {
    /// The commit that runs for a service in a place: the last that succeeded there.
    pub fn in_place(&self, service: &str, place: &str) -> Option<&CommitId> {
        let there = self.deploys.values().filter(|deploy| {
            // What a team's own command did is in no place.
            deploy.action().is_none()
                && deploy.request.service.as_str() == service
                && deploy.request.environment.as_str() == place
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
        if !place.not_authors || now.is_rollback() || acts_on_live(now) {
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

    /// A command for what runs there is for what runs there when it starts (S2).
    pub(super) fn acts_on_what_runs(&self, now: &Deploy) -> Result<(), String> {
        if acts_on_live(now) && self.replaced_by(now) != now.commit() {
            return Err(format!(
                "S2: {} is for a commit that no longer runs there, and started",
                now.id.short()
            ));
        }
        Ok(())
    }

    /// Nothing is taken away but by a rollback, or knowingly; and never what went live after it was planned (S23).
    pub(super) fn takes_nothing_away(&self, world: &World, now: &Deploy) -> Result<(), String> {
        let (Some(base), Some(head)) = (self.replaced_by(now), now.commit()) else { return Ok(()) };
        let (id, history) = (now.id.short(), world.code.history);
        let lost = history.lost(number(head), number(base));
        if now.is_rollback() || now.action().is_some() || lost == 0 {
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

    /// Commits of which something may have been applied there: the last that succeeded, and what ran since.
    fn may_be_applied(&self, now: &Deploy) -> Vec<u64> {
        let (service, place) = (&now.request.service, &now.request.environment);
        let there = self.deploys.values().filter(|d| d.request.service == *service);
        let mut ran: Vec<_> = there
            .filter(|d| d.request.environment == *place && d.action().is_none())
            .filter_map(|d| match &d.state {
                State::Done { outcome, at, ran } if ran.is_some() || *outcome == Outcome::Unknown => {
                    Some((*at, *outcome == Outcome::Succeeded, number(d.commit()?)))
                }
                _ => None,
            })
            .collect();
        ran.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let last = ran.iter().position(|(_, succeeded, _)| *succeeded).map_or(ran.len(), |at| at + 1);
        ran.into_iter().take(last).map(|(.., commit)| commit).collect()
    }

    /// Those who know the database said yes to exactly these files, and nobody goes back over what has no way down but
    /// knowingly (S1, S23).
    pub(super) fn migrations_are_agreed(
        &self,
        world: &World,
        writer: &Writer<'_>,
        now: &Deploy,
        (place, intent): (&Place, &Intent),
    ) -> Result<(), String> {
        let (id, Some(head)) = (now.id.short(), now.commit().map(number)) else { return Ok(()) };
        if !writer.drawn.has_migrations() || now.action().is_some() {
            return Ok(());
        }
        let (mut come, mut left) = (BTreeSet::new(), BTreeSet::new());
        for base in self.may_be_applied(now) {
            come.extend(world.code.history.new_in(head, base).into_iter().flat_map(migrations));
            left.extend(world.code.history.new_in(base, head).into_iter().flat_map(migrations));
        }
        let accepted = now.request.accepts.across_migrations.is_some();
        if let Some((file, _)) = left.iter().find(|(_, is_one_way)| *is_one_way)
            && !accepted
        {
            return Err(format!(
                "S23: {id} went back over {file}, which has no way down, and nobody said so"
            ));
        }
        let all: Vec<&(String, bool)> = come.iter().chain(&left).collect();
        if now.is_rollback() || place.migrations == 0 || all.is_empty() {
            return Ok(());
        }
        let mut hash = Sha256::new();
        for (file, is_one_way) in all {
            hash.update(file.as_bytes());
            hash.update([0, u8::from(*is_one_way)]);
        }
        let hex: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("migrations {hex}");
        let yes = Yes::ToMigrations(&key);
        let agreed = self.agreed(world, writer, now, intent, place, false, "dbas", yes);
        if agreed.len() < place.migrations as usize {
            return Err(format!(
                "S1: {id} started with the yes of {agreed:?} to its migrations {come:?} {left:?}"
            ));
        }
        Ok(())
    }
}

/// Whether it is a command of the team's own for what runs there.
pub(super) fn acts_on_live(deploy: &Deploy) -> bool {
    deploy.action().is_some_and(|asked| asked.live.is_some())
}

/// The migrations of a commit, and whether each has no way down.
fn migrations(number: u64) -> Vec<(String, bool)> {
    let all = files(number);
    let is_up = |file: &&String| file.ends_with(".up.sql");
    all.iter().filter(is_up).map(|file| (file.clone(), all.len() == 1)).collect()
}
