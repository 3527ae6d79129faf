//! What followed from one thing that somebody did: buttons act once, for whom they were shown (S13). Not here: whether
//! they might (`roles`).

use super::Oracle;
use crate::replica::Item;
use crate::world::{Sort, World};
use shipgate_app::inbound::Content;
use shipgate_app::store::Changes;
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::DeployId;

impl Oracle {
    pub(super) fn decided(
        &mut self,
        world: &World,
        me: usize,
        changes: &Changes,
        changed: &[(DeployId, bool)],
        events: &[String],
    ) -> Result<(), String> {
        let held = world.replicas[me].items.values().find(|item| Some(item.id) == changes.inbox_done);
        let Some(Item { key, .. }) = held else {
            return Err("S12: something was done that nobody had taken".into());
        };
        let Some(done) = world.done.get(key) else { return Ok(()) };
        if !self.acted.insert(key.clone()) {
            return Err(format!("S12: {key} was done twice"));
        }
        // A request of somebody who may not is written down, refused; that is no change.
        let is_refusal =
            |(id, is_new): &&(DeployId, bool)| *is_new && self.deploys.get(id).is_some_and(Deploy::is_done);
        let acts = !changed.iter().all(|one| is_refusal(&one))
            || !changes.locks.is_empty()
            || !changes.unlocks.is_empty()
            || !changes.freezes.is_empty();
        if !acts {
            return Ok(());
        }
        // Whoever takes their yes back may give it again, by the same button too.
        if events.iter().any(|event| event == "withdrawn") {
            let who = format!(" {}", world.drawn.person_of(&done.inbound.account));
            self.acted.retain(|acted| !acted.ends_with(&who));
        }
        match done.sort {
            Sort::Said => Ok(()),
            Sort::NotTheirs => Err(format!("S13: {key}, a made-up or foreign button, changed something")),
            Sort::Pressed(label) => {
                let Content::Press { value, .. } = &done.inbound.content else { return Ok(()) };
                let is_single = ["Re-run", "Roll back", "Deploy to"].contains(&label);
                let who = world.drawn.person_of(&done.inbound.account);
                let once = if is_single { value.clone() } else { format!("{value} {who}") };
                if !self.acted.insert(once) {
                    return Err(format!("S13: “{label}” acted twice, the second time by {key}"));
                }
                // Rules may have changed and changed back: what counts is what the card showed.
                let old = changed.iter().filter_map(|(deploy, _)| self.planned.get(deploy)).any(|digests| {
                    let shown = digests.iter().rfind(|(since, _)| *since <= done.drawn);
                    shown.is_some_and(|(_, shown)| digests.last().is_some_and(|(_, now)| now != shown))
                });
                if old && events.iter().any(|event| event == "approved") {
                    return Err(format!("S13: {key} approved what its card had not shown"));
                }
                Ok(())
            }
        }
    }
}
