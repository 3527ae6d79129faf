//! From the command files of a team to rules that judge: what the settings know of the services and environments that
//! a file names. Not here: reading the file (`file/pipeline.rs`), carrying a command out (`crate::actions`).

use super::file::{as_input, of_the_request};
use super::near::nearest;
use super::parse::Invocation;
use super::spec::{ArgSpec, CommandSpec, PipelineSpec, Spot};
use super::vocabulary::{Kind, Role};
use super::{CommandFileProblem, Grammar};
use sha2::{Digest as _, Sha256};
use shipgate_domain::ids::ActionName;
use shipgate_domain::people::{Member, Memberships};
use shipgate_domain::policy::{ActionRole, ActionRule, Environment, Policy, Provider};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

impl Grammar {
    /// The rules of all commands that start a workflow of the team's own.
    ///
    /// # Errors
    /// Everything in their files that does not fit these services and environments.
    pub fn actions(
        &self,
        policy: &Policy,
    ) -> Result<BTreeMap<ActionName, ActionRule>, Vec<CommandFileProblem>> {
        let (mut actions, mut problems) = (BTreeMap::new(), Vec::new());
        for command in self.commands() {
            let Some(spec) = &command.pipeline else { continue };
            let found = problems.len();
            let rule = rule(command, spec, policy, &mut problems);
            if let (Some(rule), true) = (rule, problems.len() == found) {
                actions.insert(rule.name.clone(), rule);
            }
        }
        if problems.is_empty() { Ok(actions) } else { Err(problems) }
    }

    /// What was said to a command of the team's own, as it stands in a run's inputs. Service and environment are said of
    /// the request itself.
    #[must_use]
    pub fn inputs(&self, said: &Invocation) -> BTreeMap<String, String> {
        let command = self.command(&said.command);
        let Some((form, spec)) = command.and_then(|c| Some((c.forms.first()?, c.pipeline.as_ref()?))) else {
            return BTreeMap::new();
        };
        let is_used = |arg: &ArgSpec| {
            let place = format!("{{{}}}", arg.name);
            spec.inputs.values().chain(&spec.command).any(|template| template.contains(&place))
        };
        let is_own = |arg: &&ArgSpec| {
            !matches!(arg.kind, Kind::Service | Kind::Environment)
                && (of_the_request(arg).is_none() || is_used(arg))
        };
        let args = form.args.iter().filter(is_own);
        args.map(|arg| (arg.name.clone(), as_input(said.args.get(&arg.name), arg.kind))).collect()
    }
}

/// What stands for everything that a command takes: whoever asked by other arguments, or other limits, asked for
/// something else.
fn arguments(command: &CommandSpec) -> String {
    let args = command.forms.first().map(|form| format!("{:?}", form.args)).unwrap_or_default();
    shipgate_domain::hex(&Sha256::digest(args)[..8])
}

fn rule(
    command: &CommandSpec,
    spec: &PipelineSpec,
    policy: &Policy,
    problems: &mut Vec<CommandFileProblem>,
) -> Option<ActionRule> {
    let role = match command.forms.first()?.role {
        Role::Viewer => ActionRole::Viewer,
        Role::Deployer => ActionRole::Deployer,
        Role::Approver => ActionRole::Approver,
    };
    let rule = ActionRule {
        name: command.name.parse().ok()?,
        done: spec.done.clone(),
        acts_on: spec.acts_on,
        read_only: spec.read_only,
        role,
        approvals: spec.approvals,
        services: known(&spec.services, "service", policy.services.keys(), spec, problems),
        environments: known(&spec.environments, "environment", policy.environments.keys(), spec, problems),
        workflow: spec.workflow.clone(),
        inputs: spec.inputs.clone(),
        command: spec.command.clone(),
        arguments: arguments(command),
    };
    if !policy.services.values().any(|service| rule.of(service).is_some()) && spec.services.is_empty() {
        let has = if spec.workflow.is_empty() { "command" } else { "workflow" };
        let what = format!("No service could run it: it has a {has}, and no service is of that kind.");
        problems.push(problem(spec, spec.spot, what, "Add workflow, command, or such a service."));
    }
    for (name, spot) in &spec.services {
        let Some(service) = name.parse().ok().and_then(|name| policy.services.get(&name)) else { continue };
        if rule.of(service).is_none() {
            let (provider, key) = match service.pipeline.provider {
                Provider::Github => ("github", "workflow"),
                Provider::Command => ("command", "command"),
            };
            let what = format!("{name} has provider = \"{provider}\", and here is no {key}.");
            problems.push(problem(spec, *spot, what, format!("Write {key}, or leave {name} out.")));
        }
    }
    for environment in policy.environments.values().filter(|e| rule.is_for(&e.name)) {
        let most = most_approvals(environment, policy);
        if let Some(most) = most.filter(|most| *most < u64::from(rule.approvals)) {
            let (needed, name) = (rule.approvals, &environment.name);
            let what = format!("It needs {needed} approvals, and {most} people may approve on {name}.");
            let instead =
                format!("Name the groups in environments.{name}.approvals.from, or list environments here.");
            problems.push(problem(spec, spec.spot, what, instead));
        }
    }
    Some(rule)
}

/// How many people may approve; none where a platform knows some of them.
fn most_approvals(environment: &Environment, policy: &Policy) -> Option<u64> {
    let groups = &environment.approvals.from;
    let members = groups.iter().filter_map(|group| policy.groups.get(group)).flatten();
    if members.clone().any(|member| matches!(member, Member::Outside(_))) {
        return None;
    }
    Some(policy.members(groups, &Memberships::default()).len() as u64)
}

/// The names that the settings know; the others are told.
fn known<'p, N: FromStr + Display + PartialEq + 'p>(
    names: &[(String, Spot)],
    thing: &str,
    all: impl Iterator<Item = &'p N>,
    spec: &PipelineSpec,
    problems: &mut Vec<CommandFileProblem>,
) -> Vec<N> {
    let all: Vec<String> = all.map(ToString::to_string).collect();
    let mut known = Vec::new();
    for (name, spot) in names {
        match name.parse() {
            Ok(parsed) if all.contains(name) => known.push(parsed),
            Ok(_) | Err(_) => {
                let instead = match nearest(name, all.iter().map(String::as_str)) {
                    Some(meant) => format!("Did you mean {meant}?"),
                    None => format!("Known are {}.", all.join(", ")),
                };
                problems.push(problem(spec, *spot, format!("There is no {thing} {name}."), instead));
            }
        }
    }
    known
}

fn problem(
    spec: &PipelineSpec,
    spot: Spot,
    what: impl Into<String>,
    instead: impl Into<String>,
) -> CommandFileProblem {
    let (file, what, instead) = (spec.file.clone(), what.into(), instead.into());
    CommandFileProblem { file, line: spot.line, column: spot.column, what, instead }
}
