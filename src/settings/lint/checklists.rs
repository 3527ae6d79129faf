//! Checklists that are legal but surely wrong: facts that the environment never has, items that are never there. Not
//! here: items that nobody could tick: a group of nobody is refused.

use super::Tried;
use crate::settings::problem::Finding;
use crate::settings::reader::{Section, clip};
use shipgate_domain::checklist::{Fact, Item};
use shipgate_domain::policy::{CheckRule, Environment, Policy};
use std::ops::Range;

pub(super) fn checklists(tried: &Tried<'_>) {
    let written = tried.root.sections("checklists");
    for (name, section) in tried.root.sections("environments") {
        let environment = tried.policy.environments.values().find(|e| e.name.as_str() == name.text);
        let Some((environment, list)) = environment.and_then(|e| Some((e, e.preflight.checklist.as_ref()?)))
        else {
            continue;
        };
        let own = section.text("checklist", "release");
        // What comes with Shipgate fits every environment: what nobody asks for there is for people to tick.
        let table = own.and_then(|own| written.iter().find(|(name, _)| name.text == own.text));
        let Some((_, table)) = table else { continue };
        for (_, item) in list.items() {
            if let Some(place) = place_of(table, &item.text) {
                look(tried, environment, item, table, place);
            }
        }
    }
}

/// Where the item stands that says this; none when it came from another list.
fn place_of(table: &Section<'_>, text: &str) -> Option<Range<usize>> {
    let items = ["before", "during", "after"].into_iter().flat_map(|part| table.tables(part));
    let mut words = items.filter_map(|item| item.text("item", "Rollback plan ready"));
    words.find(|word| word.text.trim() == text).map(|word| word.place)
}

fn look(tried: &Tried<'_>, environment: &Environment, item: &Item, table: &Section<'_>, place: Range<usize>) {
    let (text, on) = (clip(&item.text), &environment.name);
    let looks_for_migrations = tried.policy.services.values().any(|s| !s.preflight.migrations.is_empty());
    if item.with_migrations && !looks_for_migrations {
        let what = format!("“{text}” is never on the checklist of {on}");
        let found = Finding::at(place.clone(), "checklist_never", what);
        let why = "no service says where its migrations are";
        let instead = "add migrations = [\"rails\"] to a service, or leave out `when`";
        table.note(found.why(why).instead(instead).warning());
    }
    let is_known = item.fact.as_ref().is_some_and(|fact| is_asked(fact, environment, tried.policy));
    if let (Some(fact), false) = (&item.fact, is_known) {
        let what = format!("nothing on {on} ever says “{}”, so people must tick “{text}”", fact.word());
        let found = Finding::at(place, "checklist_unasked", what);
        let why = "the environment does not ask for it";
        table.note(found.why(why).instead("let the environment ask for it, or leave out `fact`").warning());
    }
}

/// Whether the environment, or a service that goes there, asks for what the fact is about.
fn is_asked(fact: &Fact, environment: &Environment, policy: &Policy) -> bool {
    let some_service =
        |asks: fn(&shipgate_domain::policy::Service) -> bool| policy.services.values().any(asks);
    let preflight = &environment.preflight;
    match fact {
        Fact::Checks => environment.checks != CheckRule::None,
        Fact::Reviews => !preflight.reviews.is_none(),
        Fact::After => environment.after.is_some(),
        Fact::Approvals => environment.approvals.needed > 0 || !environment.approvals.also.is_empty(),
        Fact::Migrations => {
            preflight.migrations.as_ref().is_some_and(|rule| rule.needed > 0)
                && some_service(|s| !s.preflight.migrations.is_empty())
        }
        Fact::WayDown => some_service(|s| !s.preflight.migrations.is_empty()),
        Fact::Artifact => some_service(|s| !s.preflight.artifacts.is_empty() || s.preflight.image.is_some()),
        Fact::Window | Fact::Started | Fact::Succeeded | Fact::Job(_) | Fact::Announced => true,
    }
}
