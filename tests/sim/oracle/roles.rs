//! Who may do what: the table of rights, written out once more (S11, S22). Not here: rights to start (`intent`).

use super::Oracle;
use crate::rules::{Drawn, Line, Place};
use crate::world::{Ms, World};
use shipgate_domain::audit::{Actor, Entry};

/// What was read outside may be this old when something is decided (S1), with a little for the write itself.
pub const FRESH: Ms = 62_000;

/// Groups of which one must contain whoever causes an event; none when anybody's word is written down.
fn groups_for(event: &str) -> Option<&'static [&'static str]> {
    match event {
        "approved" | "withdrawn" | "rejected" | "resolved" | "freeze_added" | "freeze_ended"
        | "lock_stolen" => Some(&["leads"]),
        "cancel_asked" | "closed" | "held" | "resumed" | "lock_taken" | "lock_kept" | "lock_released"
        | "marked" => Some(&["devs", "leads"]),
        // Written down and judged: whoever may not is refused at once, or never starts.
        "requested" | "denied" => None,
        // Whoever approves anywhere says who stands in; anybody may be back.
        "away" => Some(&["leads"]),
        "back" => None,
        _ => Some(&[]),
    }
}

/// Whether a lock took the place of a warning, which stops nobody and so keeps nobody from locking. That it was one is
/// looked at elsewhere (`places`).
fn gave_way(entry: &Entry) -> bool {
    let kind = |lock: &str| entry.data[lock]["kind"].as_str().map(ToOwned::to_owned);
    entry.event == "lock_stolen"
        && kind("from").as_deref() == Some("warn")
        && kind("lock").as_deref() != Some("warn")
}

impl Oracle {
    /// Whether whoever caused an event might.
    pub(super) fn may(&self, world: &World, drawn: &Drawn, entry: &Entry) -> Result<(), String> {
        let Actor::Person { account, person } = &entry.actor else {
            let is_personal = matches!(groups_for(&entry.event), Some(groups) if !groups.is_empty());
            return if is_personal { Err(format!("S11: {} by nobody", entry.event)) } else { Ok(()) };
        };
        if drawn.person_of(account) != person.as_str() {
            return Err(format!("S22: {} acted as {person}", account.id));
        }
        if entry.event == "denied" {
            return Ok(());
        }
        // What the platform said a moment ago may still be believed.
        let since = world.mono - FRESH - world.moved_back;
        let is_lost = world.chat.lost.get(account).is_some_and(|at| *at < since);
        let is_person = world.chat.accounts.get(account).is_some_and(|facts| !facts.bot);
        let was_person = !["UBOT", "UGUEST", "ULEFT", "UOTHER"].contains(&account.id.as_str());
        if is_lost || !is_person || !was_person {
            return Err(format!("S11: {} by {}, which is no person's account", entry.event, account.id));
        }
        let event = if gave_way(entry) { "lock_taken" } else { &entry.event };
        let Some(groups) = groups_for(event) else { return Ok(()) };
        // An own request may be stopped by whoever made it, wherever they belong now.
        // Where `devs` are asked for yeses, they decide like those who approve; who is asked only when it takes long says
        // yes or no, and nothing else.
        let is_answer = matches!(entry.event.as_str(), "approved" | "withdrawn" | "rejected" | "away");
        let asks_devs = |place: &Place| place.also > 0 || (is_answer && place.escalates.is_some());
        let devs_decide = match &entry.environment {
            Some(name) => drawn.place(name.as_str()).is_some_and(asks_devs),
            None if is_answer => drawn.places.iter().any(asks_devs),
            None => drawn.places.iter().all(asks_devs),
        };
        let mut groups = groups.to_vec();
        if devs_decide && groups == ["leads"] {
            groups.push("devs");
        }
        // Those who are asked about migrations say yes or no, too.
        let keeps = |place: &Place| drawn.has_migrations() && place.migrations > 0;
        let dbas_answer = match &entry.environment {
            Some(name) => drawn.place(name.as_str()).is_some_and(keeps),
            None => drawn.places.iter().any(keeps),
        };
        if is_answer && dbas_answer {
            groups.push("dbas");
        }
        let belongs = groups.iter().any(|group| {
            self.belongs(world, drawn, person.as_str(), group, since)
                || (is_answer && self.stood_in(world, drawn, (person.as_str(), group), (entry.at, since)))
        });
        if belongs { Ok(()) } else { Err(format!("S11: {} by {person}, who may not", entry.event)) }
    }

    /// Whether a person belonged to a group at some moment since `since`.
    pub(super) fn belongs(&self, world: &World, drawn: &Drawn, person: &str, group: &str, since: Ms) -> bool {
        let lines = drawn.groups.get(group).map_or(&[][..], Vec::as_slice);
        lines.iter().any(|line| match line {
            Line::Person(name) => *name == person,
            Line::Outside(id) => world.chat.accounts.keys().any(|account| {
                drawn.person_of(account) == person && world.chat.was_member(id, account, since)
            }),
        })
    }
}
