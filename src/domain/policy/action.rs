//! What a command that a team added may start, and who may ask for it. Not here: what people type for it
//! (`app::commands`), which gates judge it (`gates::action`).

use super::{Pipeline, Provider, Service};
use crate::ids::{ActionName, EnvironmentName, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A workflow that is started by a command of its own: restart, clear a cache. It puts no commit in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRule {
    /// Its name, and that of its command.
    pub name: ActionName,
    /// What was done when it succeeded, for sentences: `restarted`.
    pub done: String,
    /// The commit that its run is told.
    pub acts_on: ActsOn,
    /// Whether it changes nothing: then no calendar, lock, queue or approval keeps it waiting.
    pub read_only: bool,
    /// Who may ask for it.
    pub role: ActionRole,
    /// How many approvals it needs at least, where its environment asks for fewer.
    pub approvals: u32,
    /// For which services it is; none means all whose CI system it knows.
    pub services: Vec<ServiceName>,
    /// On which environments; none means all.
    pub environments: Vec<EnvironmentName>,
    /// Workflow file, for GitHub. Empty where it has none.
    pub workflow: String,
    /// Inputs of the workflow.
    pub inputs: BTreeMap<String, String>,
    /// What stands for the arguments that its command takes, with their limits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
    /// Argument vector, for `command`. Never given to a shell. Empty where it has none.
    pub command: Vec<String>,
}

/// Which commit an action is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActsOn {
    /// The one that runs there. What a deploy of it was asked is not asked again.
    Live,
    /// The head of the branch the service is deployed from. It is asked what a deploy of it would be asked.
    Ref,
}

/// Who may ask for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionRole {
    /// Every member of the workspace; only for what changes nothing.
    Viewer,
    /// Who may deploy there.
    Deployer,
    /// Who may approve deploys there.
    Approver,
}

impl ActionRule {
    /// Whether it is for this environment.
    #[must_use]
    pub fn is_for(&self, environment: &EnvironmentName) -> bool {
        self.environments.is_empty() || self.environments.contains(environment)
    }

    /// The service with the pipeline that this action starts in place of a deploy's; none when it is not for this
    /// service, or has nothing for its CI system.
    #[must_use]
    pub fn of(&self, service: &Service) -> Option<Service> {
        let is_meant = self.services.is_empty() || self.services.contains(&service.name);
        let has_any = match service.pipeline.provider {
            Provider::Github => !self.workflow.is_empty(),
            Provider::Command => !self.command.is_empty(),
        };
        let (workflow, inputs, command) = match service.pipeline.provider {
            Provider::Github => (self.workflow.clone(), self.inputs.clone(), Vec::new()),
            Provider::Command => (String::new(), BTreeMap::new(), self.command.clone()),
        };
        let pipeline = Pipeline { workflow, inputs, command, ..service.pipeline.clone() };
        (is_meant && has_any).then(|| Service { pipeline, ..service.clone() })
    }
}
