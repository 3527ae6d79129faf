//! Commands that a team added: from what was said to a request, and what a run said that changes nothing. Not here:
//! judging and starting it, which is as with every deploy.

use crate::bot::App;
use crate::commands::Invocation;
use crate::intake::Visit;
use crate::ports::Pipelines;
use crate::requests::Wanted;
use crate::store::StoreError;
use shipgate_domain::deploy::{Accepts, Asked, Deploy, Kind, StartWhen, State};
use shipgate_domain::people::Action;
use shipgate_domain::policy::{ActionRole, ActionRule, ActsOn, Environment, Service};
use shipgate_domain::run::{Progress, Run};

/// What somebody must be allowed to do for an action, by its rules.
pub(crate) fn needed_for(rule: &ActionRule) -> Action {
    match rule.role {
        ActionRole::Viewer if rule.read_only => Action::Read,
        ActionRole::Approver => Action::Freeze,
        ActionRole::Viewer | ActionRole::Deployer => Action::Deploy,
    }
}

impl App {
    /// `restart production`, `flag new-checkout on production`
    pub(crate) async fn request_action(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let Some((service, environment)) = self.said_place(visit, said) else { return Ok(()) };
        let rule = said.command.parse().ok().and_then(|name| self.rules.policy.actions.get(&name));
        let Some(rule) = rule else {
            let answer = self.words().action_is_gone(&said.command);
            visit.answer(answer);
            return Ok(());
        };
        if !rule.is_for(&environment.name) || rule.of(service).is_none() {
            let answer = self.words().action_not_there(rule, service, environment);
            visit.answer(answer);
            return Ok(());
        }
        let Some((version, live)) = self.acted_on(visit, rule, service, environment).await? else {
            return Ok(());
        };
        let when = match rule.read_only {
            true => Some(StartWhen::Now),
            false => self.said_start(visit, said, service, environment).await?,
        };
        let Some(when) = when else { return Ok(()) };
        let args = self.rules.grammar.inputs(said);
        let (name, arguments) = (rule.name.clone(), rule.arguments.clone());
        let asked = Asked { name, args, live, read_only: rule.read_only, arguments };
        let wanted = Wanted {
            kind: Kind::Action(asked),
            version,
            reason: said.text("reason").map(ToOwned::to_owned),
            emergency: said.text("emergency").map(ToOwned::to_owned),
            hold: said.has("hold"),
            when,
            accepts: Accepts::default(),
        };
        self.request(visit, service, environment, wanted).await
    }

    /// The version that it acts on, and the deploy that put it there. None: there is none, and the person was told.
    async fn acted_on(
        &self,
        visit: &mut Visit<'_>,
        rule: &ActionRule,
        service: &Service,
        environment: &Environment,
    ) -> Result<Option<(shipgate_domain::ids::Version, Option<shipgate_domain::ids::DeployId>)>, StoreError>
    {
        let found = match rule.acts_on {
            ActsOn::Live => {
                let past = self.past(&service.name, &environment.name).await?;
                past.in_place().map(|live| (live.request.version.clone(), Some(live.id.clone())))
            }
            ActsOn::Ref => service.pipeline.git_ref.parse().ok().map(|version| (version, None)),
        };
        if found.is_none() {
            let answer = self.words().nothing_to_act_on(rule, service, environment);
            visit.answer(answer);
        }
        Ok(found)
    }

    /// What somebody must be allowed to do for an action.
    pub(crate) fn needed_for(&self, asked: &Asked) -> Action {
        self.rules.policy.actions.get(&asked.name).map_or(Action::Deploy, needed_for)
    }

    /// Whether what was asked for is still what its command does: not where the command was taken out of the folder, is
    /// for other places now, takes other arguments, began to change something, or ceased to.
    pub(crate) fn still_means(&self, deploy: &Deploy, service: &Service) -> bool {
        let Some(asked) = deploy.action() else { return true };
        self.rules.policy.actions.get(&asked.name).is_some_and(|rule| {
            rule.is_for(&deploy.request.environment)
                && rule.of(service).is_some()
                && rule.read_only == asked.read_only
                && rule.arguments == asked.arguments
                && (rule.acts_on == ActsOn::Live) == asked.live.is_some()
        })
    }

    /// Shows under the card what a run printed that was started to find something out.
    pub(crate) async fn show_said(
        &self,
        deploy: &Deploy,
        pipelines: &dyn Pipelines,
        run: &Run,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let State::Running { intent, .. } = &deploy.state else { return Ok(()) };
        if !deploy.is_read_only() {
            return Ok(());
        }
        let note = match pipelines.said(&intent.plan, run, progress).await {
            Ok(lines) if lines.is_empty() => return Ok(()),
            Ok(lines) => self.words().said(deploy, lines),
            Err(error) => self.words().said_unread(deploy, run, &error.to_string()),
        };
        let mut changes = self.changes(self.now());
        let at = changes.at;
        changes.effects.push(self.thread_say(
            deploy,
            format!("said/{}/{}", deploy.id, run.attempt),
            note,
            at,
        ));
        self.commit(changes).await
    }
}
