//! Who can help with a gate that is not open: named people, and members of groups. Not here: what the gate says.

use super::{Gate, Helpers, Reason};
use crate::facts::Case;
use crate::ids::{GroupName, PersonId};
use crate::people::{Action, Memberships};

/// Fills in the people: those the gate names itself, otherwise everybody known to be in its groups, without the
/// requester, who cannot help by asking themselves.
pub(super) fn complete(case: &Case<'_>, gate: Gate, reason: &Reason, mut helpers: Helpers) -> Helpers {
    if helpers.groups.is_empty() && helpers.people.is_empty() {
        helpers = of(case, gate, reason);
    }
    if helpers.people.is_empty() {
        let nothing = Memberships::default();
        let outside = case.deploy.outside.as_ref().map_or(&nothing, |outside| &outside.memberships);
        helpers.people = case.policy.members(&helpers.groups, outside);
        helpers.people.retain(|person| *person != case.deploy.request.by);
    }
    present(case, &mut helpers.people);
    helpers
}

/// Leaves out who is away: who stands in for them was added where that counts. When nobody is there, all are named.
fn present(case: &Case<'_>, people: &mut Vec<PersonId>) {
    let Some(outside) = &case.deploy.outside else { return };
    let is_away =
        |person: &PersonId| outside.memberships.away_at(case.now).any(|away| away.person == *person);
    if people.iter().any(|person| !is_away(person)) {
        people.retain(|person| !is_away(person));
    }
}

/// Whose doing it is, where the gate itself names nobody.
fn of(case: &Case<'_>, gate: Gate, reason: &Reason) -> Helpers {
    let groups = |groups: Vec<GroupName>| Helpers { people: Vec::new(), groups };
    let person = |person: &PersonId| Helpers { people: vec![person.clone()], groups: Vec::new() };
    match gate {
        Gate::Permission => groups(case.environment.deployers.clone()),
        // Nobody may override here: whoever ends freezes is who can be asked.
        Gate::Schedule | Gate::Freeze => groups(Action::Freeze.groups(case.environment)),
        Gate::Lock => groups(Action::Unlock.groups(case.environment)),
        Gate::SelfCheck => groups(Action::Resolve.groups(case.environment)),
        Gate::Hold => groups(Action::Hold.groups(case.environment)),
        Gate::Order => {
            let before = case.environment.after.as_ref().and_then(|name| case.policy.environments.get(name));
            before.map_or_else(Helpers::default, |before| groups(before.deployers.clone()))
        }
        Gate::Queue => match reason {
            Reason::InLine { active: Some(other), .. } => person(&other.requester),
            _ => groups(Action::Cancel.groups(case.environment)),
        },
        // The requester themselves, who reads the sentence; and whoever keeps the settings.
        Gate::Start
        | Gate::Version
        | Gate::Checks
        | Gate::Review
        | Gate::Migrations
        | Gate::Artifact
        | Gate::Checklist
        | Gate::Approvals => Helpers::default(),
    }
}
