//! Which gates judge an action of the team's own, and how much stricter its file is. Not here: what each gate says.

use super::Gate;
use crate::facts::Case;
use crate::ids::GroupName;
use crate::people::Action;
use crate::policy::{ActionRole, ActionRule};

/// Its rules, if it is one. None also where they were taken out of the settings: then all gates are asked.
fn rule<'a>(case: &Case<'a>) -> Option<&'a ActionRule> {
    case.policy.actions.get(&case.deploy.action()?.name)
}

/// Whether a gate has a say. An action that acts on what runs there brings no commit that was not asked everything when
/// it was deployed; one that changes nothing disturbs nobody. Who may, and what is run, is asked of every one.
pub(super) fn is_asked(case: &Case<'_>, gate: Gate) -> bool {
    if case.deploy.puts_in_place() {
        return true;
    }
    let changes = !is_read_only(case);
    let is_new = !case.deploy.acts_on_live();
    match gate {
        Gate::Permission | Gate::Version | Gate::Start | Gate::SelfCheck | Gate::Hold => true,
        Gate::Schedule | Gate::Freeze | Gate::Lock | Gate::Queue | Gate::Approvals => changes,
        Gate::Order | Gate::Checks | Gate::Review | Gate::Artifact => is_new,
        Gate::Migrations => is_new && changes,
        // The list is that of a deploy.
        Gate::Checklist => false,
    }
}

/// Whether it changes nothing, as the request and the rules say alike: rules that became stricter since hold.
pub(super) fn is_read_only(case: &Case<'_>) -> bool {
    case.deploy.is_read_only() && rule(case).is_some_and(|rule| rule.read_only)
}

/// The groups whose members may ask for it; none: every member of the workspace may.
pub(super) fn askers(case: &Case<'_>) -> Option<Vec<GroupName>> {
    match rule(case).map(|rule| rule.role) {
        Some(ActionRole::Viewer) if is_read_only(case) => None,
        Some(ActionRole::Approver) => Some(Action::Freeze.groups(case.environment)),
        Some(ActionRole::Viewer | ActionRole::Deployer) | None => Some(case.environment.deployers.clone()),
    }
}

/// How many approvals it needs at least.
pub(super) fn least_approvals(case: &Case<'_>) -> u32 {
    rule(case).map_or(0, |rule| rule.approvals)
}
