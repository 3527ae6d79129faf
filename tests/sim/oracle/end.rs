//! When nothing is left to do: nothing acknowledged is missing, each result was announced once, no bad item hurt another
//! (S8, S9, S10, S19, L1, L5). Not here: getting there (`heal`).

use super::{Oracle, at_once};
use crate::heal::waits_for_the_calendar;
use crate::world::World;
use shipgate_app::ports::Store as _;
use shipgate_app::selfcheck::compare_all;
use shipgate_app::store::Accepted;
use shipgate_domain::audit::{Inspector, Verifier};
use shipgate_domain::deploy::{Deploy, Outcome, State};
use std::collections::BTreeSet;

impl Oracle {
    pub(super) fn ended(&mut self, world: &mut World) -> Result<(), String> {
        let store = world.store.clone();
        let mut chain = Verifier::default();
        let mut put_away = 0;
        let mut inspector = Inspector::default();
        for row in at_once(store.audit(0, 1_000_000)) {
            chain.check(&row).map_err(|broken| format!("S10: {broken}"))?;
            inspector.take(&row);
            put_away += usize::from(row.body.contains(r#""event":"command_put_away""#));
        }
        // Whatever was written under all this, on whichever replica, the record tells of it to the byte.
        let compared = at_once(compare_all(store.as_ref(), &mut inspector));
        inspector.settle();
        if let Some(finding) = inspector.findings().first() {
            return Err(format!("S10: {finding}, of {compared} rows"));
        }
        let counts = at_once(store.counts());
        if counts.inbox > 0 {
            return Err(format!("S8: {} deliveries wait", counts.inbox));
        }
        let bad = world.poisoned.len();
        let told: BTreeSet<&str> = world.chat.messages.iter().map(|seen| seen.key.as_str()).collect();
        let told = told.iter().filter(|key| key.starts_with("put-away/inbox-")).count();
        if counts.inbox_dead > 0 || put_away != bad || told != bad {
            return Err(format!(
                "S19: {bad} deliveries are bad; {put_away} were put away, {told} were told, {} are left",
                counts.inbox_dead
            ));
        }
        if counts.effects_dead > 0 {
            return Err(format!("L5: {} effects were given up", counts.effects_dead));
        }
        for (key, done) in world.done.iter().filter(|(_, done)| done.acked) {
            let now = world.now();
            if at_once(store.inbox_put(&done.inbound, now)) == Accepted::New {
                return Err(format!("S8: {key} was acknowledged and is not stored"));
            }
        }
        let now = world.now();
        let mut over = self.deploys.values().filter(|deploy| !waits_for_the_calendar(deploy, now));
        over.try_for_each(|deploy| announced(world, deploy))
    }
}

/// The result stands in the channel, once, and the card offers nothing that is over.
fn announced(world: &World, deploy: &Deploy) -> Result<(), String> {
    let id = deploy.id.short();
    let State::Done { outcome, ran, .. } = &deploy.state else {
        return Err(format!("L1: {id} is still {}", deploy.state.name()));
    };
    let key = format!("final/{}", deploy.id);
    let finals: Vec<bool> =
        world.chat.messages.iter().filter(|seen| seen.key == key).map(|seen| seen.late).collect();
    let is_announced = ran.is_some() || matches!(outcome, Outcome::Unknown | Outcome::Failed { .. });
    // One that came too late to be known may stand beside it, or be it.
    let known = finals.iter().filter(|late| !**late).count();
    let is_right =
        if is_announced { known == 1 || (known == 0 && finals.len() == 1) } else { finals.is_empty() };
    if !is_right {
        return Err(format!("S9: {id} has {} final messages", finals.len()));
    }
    let over = ["Approve", "Reject", "Hold", "Resume", "Cancel"];
    let stale = world.chat.buttons.iter().find(|shown| {
        let on = world.chat.messages.iter().find(|seen| seen.at == shown.on);
        let counts = on.is_some_and(|on| !on.gone && !on.late && !on.spoiled && on.is_newest);
        shown.current && shown.deploy == deploy.id && over.contains(&shown.label) && counts
    });
    match stale {
        Some(shown) => Err(format!("L5: the card of {id}, which is over, still says “{}”", shown.label)),
        None => Ok(()),
    }
}
