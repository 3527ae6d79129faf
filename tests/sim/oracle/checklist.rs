//! Was everything ticked that must be before a start? From the record alone: who ticked what, and whether somebody took
//! it away again (S1). Not here: who may tick at all (`roles`).

use super::intent::is_void_since;
use super::{Oracle, Writer};
use crate::rules::{ITEMS, Place};
use crate::world::{Ms, World};
use shipgate_domain::audit::Entry;
use shipgate_domain::deploy::{Deploy, Intent};
use shipgate_domain::ids::Account;

/// A tick that stands: by which account, on which drawing of the card.
struct Tick {
    account: Account,
    drawing: String,
}

/// Whether an entry names an item in one of its lists.
fn names(entry: &Entry, list: &str, item: &str) -> bool {
    entry.data[list].as_array().is_some_and(|all| all.iter().any(|one| one == item))
}

impl Oracle {
    /// Each item that must be ticked is, for exactly what starts, by somebody who belongs where it is theirs to tick.
    pub(super) fn is_ticked_off(
        &self,
        world: &World,
        writer: &Writer<'_>,
        now: &Deploy,
        (place, intent): (&Place, &Intent),
        since: Ms,
    ) -> Result<(), String> {
        if !place.has_checklist || now.is_rollback() || now.action().is_some() {
            return Ok(());
        }
        for (item, who, _) in ITEMS.iter().filter(|(.., is_optional)| !is_optional) {
            let groups: &[&str] = if who.is_empty() { &["devs", "leads"] } else { who };
            let belongs = |tick: &Tick| {
                let person = writer.drawn.person_of(&tick.account);
                let is_lost = world.chat.lost.get(&tick.account).is_some_and(|at| *at < since);
                !is_lost
                    && groups.iter().any(|group| self.belongs(world, writer.drawn, &person, group, since))
            };
            if !self.ticks(now, item, intent.digest.as_str()).iter().any(belongs) {
                return Err(format!("S1: {} started, and nobody had ticked “{item}”", now.id.short()));
            }
        }
        Ok(())
    }

    fn ticks(&self, deploy: &Deploy, item: &str, digest: &str) -> Vec<Tick> {
        let rows = self.rows.get(&deploy.id).map_or(&[][..], Vec::as_slice);
        let marks = rows.iter().enumerate().filter(|(at, row)| {
            row.event == "marked"
                && row.data["digest"] == digest
                && !is_void_since(&rows[*at..], &row.data["digest"])
        });
        let mut ticks: Vec<Tick> = Vec::new();
        for (_, row) in marks {
            let Ok(account) = serde_json::from_value::<Account>(row.data["account"].clone()) else {
                continue;
            };
            let drawing = row.data["drawing"].as_str().unwrap_or_default().to_owned();
            if names(row, "unticked", item) {
                ticks.clear();
            }
            if names(row, "taken_back", item) {
                ticks.retain(|tick| tick.account != account || tick.drawing != drawing);
            }
            if names(row, "ticked", item) {
                ticks.push(Tick { account, drawing });
            }
        }
        ticks
    }
}
