//! New deploys: deploy, rollback, re-run. Not here: when they are to start (`start`), judging them (`judge`).

mod start;
mod stranger;

use crate::bot::{App, touch};
use crate::commands::Invocation;
use crate::effects::{Effect, NewEffect};
use crate::intake::Visit;
use crate::store::{DeployRow, Expect, Filter, Scope, StoreError};
use shipgate_domain::audit::{Actor, Entry};
use shipgate_domain::deploy::{Accepts, Deploy, Hold, Kind, Outcome, Request, StartWhen, State};
use shipgate_domain::facts::LockKind;
use shipgate_domain::ids::{ServiceName, Version};
use shipgate_domain::people::{Action, Denied};
use shipgate_domain::policy::{Environment, Service};

/// Open requests of one person for one environment, at most (SECURITY 6.6, queue stuffing).
const OPEN_EACH: usize = 5;

/// What somebody wants deployed, before it is a deploy.
pub(crate) struct Wanted {
    pub kind: Kind,
    pub version: Version,
    pub reason: Option<String>,
    pub emergency: Option<String>,
    pub hold: bool,
    pub when: StartWhen,
    pub accepts: Accepts,
}

impl Wanted {
    /// Whether somebody asked for just this already. What is to pass closed gates, or to start at another time, is not
    /// the same: nobody in trouble waits for a plan.
    fn is_same_as(&self, asked: &Request) -> bool {
        let is_same_kind = match (&asked.kind, &self.kind) {
            (Kind::Action(one), Kind::Action(other)) => one.name == other.name && one.args == other.args,
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        };
        is_same_kind
            && asked.version == self.version
            && asked.when == self.when
            && asked.emergency.is_some() == self.emergency.is_some()
    }
}

/// Whoever asks, as the record has them.
struct Asker {
    actor: Actor,
    /// In none of the groups that may.
    is_stranger: bool,
}

impl App {
    /// `deploy production v1.2.3`
    pub(crate) async fn request_deploy(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let Some((service, environment)) = self.said_place(visit, said) else { return Ok(()) };
        let Some(version) = said.version().and_then(|v| v.parse::<Version>().ok()) else {
            let answer = self.words().bad_version(said.version().unwrap_or_default());
            visit.answer(answer);
            return Ok(());
        };
        let Some(when) = self.said_start(visit, said, service, environment).await? else { return Ok(()) };
        let wanted = Wanted {
            kind: Kind::Deploy,
            version,
            reason: said.text("reason").map(ToOwned::to_owned),
            emergency: said.text("emergency").map(ToOwned::to_owned),
            hold: said.has("hold"),
            when,
            accepts: Accepts { older: said.text("older").map(ToOwned::to_owned), ..Accepts::default() },
        };
        self.request(visit, service, environment, wanted).await
    }

    /// `rollback production`, `rollback production v1.2.2`
    pub(crate) async fn request_rollback(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let Some((service, environment)) = self.said_place(visit, said) else { return Ok(()) };
        let version = said.version().and_then(|v| v.parse::<Version>().ok());
        let reason = said.text("reason").map(ToOwned::to_owned);
        let emergency = said.text("emergency").map(ToOwned::to_owned);
        let accepts = Accepts {
            across_migrations: said.text("across-migrations").map(ToOwned::to_owned),
            ..Accepts::default()
        };
        self.roll_back_to(visit, (service, environment), version, (reason, emergency, accepts)).await
    }

    /// The Roll back button of a failed deploy.
    pub(crate) async fn roll_back(&self, visit: &mut Visit<'_>, failed: &Deploy) -> Result<(), StoreError> {
        let Some((environment, service)) = self.place_of(failed) else {
            let answer = self.words().place_is_gone(failed);
            visit.answer(answer);
            return Ok(());
        };
        let reason = Some(format!("{} failed", failed.request.version));
        self.roll_back_to(visit, (service, environment), None, (reason, None, Accepts::default())).await
    }

    async fn roll_back_to(
        &self,
        visit: &mut Visit<'_>,
        (service, environment): (&Service, &Environment),
        version: Option<Version>,
        (reason, emergency, accepts): (Option<String>, Option<String>, Accepts),
    ) -> Result<(), StoreError> {
        let past = self.past(&service.name, &environment.name).await?;
        let from = past.newest().and_then(|d| d.commit()).cloned();
        let version = match version {
            Some(version) => {
                let commit = past.successes().find(|d| d.request.version == version).and_then(Deploy::commit);
                let runs = past.certainly_in_place().and_then(Deploy::commit);
                if commit.is_some() && commit == runs {
                    let answer = self.words().runs_already(service, environment, &version);
                    visit.answer(answer);
                    return Ok(());
                }
                if commit.is_some_and(|commit| past.rolled_away_from().contains(commit)) {
                    let answer = self.words().was_rolled_back(service, environment, &version);
                    visit.answer(answer);
                    return Ok(());
                }
                version
            }
            None => match past.last_good() {
                Some(good) => good.request.version.clone(),
                None => {
                    let answer = self.words().nothing_to_roll_back_to(service, environment, past.newest());
                    visit.answer(answer);
                    return Ok(());
                }
            },
        };
        let wanted = Wanted {
            kind: Kind::Rollback { from },
            version,
            reason,
            emergency,
            hold: false,
            when: StartWhen::Now,
            accepts,
        };
        self.request(visit, service, environment, wanted).await
    }

    /// `rerun`, `rerun 7K2M`
    pub(crate) async fn request_rerun(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let can_rerun = |d: &Deploy| {
            matches!(
                &d.state,
                State::Done { outcome: Outcome::Failed { closed_by: None, .. }, ran: Some(_), .. }
            ) && d.puts_in_place()
        };
        let Some(failed) = self.which(visit, said, can_rerun).await? else { return Ok(()) };
        self.rerun(visit, &failed).await
    }

    /// The failed jobs of a finished run, once more: a new deploy of the same commit, judged anew.
    pub(crate) async fn rerun(&self, visit: &mut Visit<'_>, failed: &Deploy) -> Result<(), StoreError> {
        let (Some(run), State::Done { outcome: Outcome::Failed { .. }, .. }, true) =
            (failed.run(), &failed.state, failed.puts_in_place())
        else {
            let answer = self.words().nothing_to_rerun(failed);
            visit.answer(answer);
            return Ok(());
        };
        let Some((environment, service)) = self.place_of(failed) else {
            let answer = self.words().place_is_gone(failed);
            visit.answer(answer);
            return Ok(());
        };
        let past = self.past(&service.name, &environment.name).await?;
        if let Some(newer) = past.newest().filter(|newest| newest.id != failed.id) {
            let answer = self.words().newer_deploy_ran(failed, newer);
            visit.answer(answer);
            return Ok(());
        }
        let wanted = Wanted {
            kind: Kind::Rerun { of: failed.id.clone(), run: run.clone() },
            version: failed.request.version.clone(),
            reason: Some(format!("failed jobs of {}", failed.id.short())),
            emergency: failed.request.emergency.clone(),
            hold: false,
            when: StartWhen::Now,
            accepts: failed.request.accepts.clone(),
        };
        self.request(visit, service, environment, wanted).await
    }

    /// The button of a deploy that was refused because its commit has not been on the environment before.
    pub(crate) async fn deploy_before(
        &self,
        visit: &mut Visit<'_>,
        refused: &Deploy,
    ) -> Result<(), StoreError> {
        let place = self.place_of(refused).and_then(|(environment, service)| {
            let before = self.rules.policy.environments.get(environment.after.as_ref()?)?;
            Some((before, service))
        });
        let Some((before, service)) = place else {
            let answer = self.words().place_is_gone(refused);
            visit.answer(answer);
            return Ok(());
        };
        let wanted = Wanted {
            kind: Kind::Deploy,
            version: refused.request.version.clone(),
            reason: Some(format!("before {}", refused.request.environment)),
            emergency: None,
            hold: false,
            when: StartWhen::Now,
            accepts: Accepts::default(),
        };
        self.request(visit, service, before, wanted).await
    }

    /// Takes a request in, or tells why not. Judging it is the next step's.
    pub(crate) async fn request(
        &self,
        visit: &mut Visit<'_>,
        service: &Service,
        environment: &Environment,
        wanted: Wanted,
    ) -> Result<(), StoreError> {
        let Some(asker) = self.asker(visit, environment, &wanted.kind).await else { return Ok(()) };
        let asked = Scope::Requests(service.name.clone(), environment.name.clone());
        let revision = self.store.revision(&asked).await?;
        let Some(open) = self.room_for(visit, service, environment, &wanted).await? else { return Ok(()) };
        let deploy = self.new_deploy(visit, service, environment, wanted);
        if asker.is_stranger {
            return self.request_of_stranger(visit, deploy, asker.actor).await;
        }
        let mut answer = self.words().asked(&deploy, &self.rules.announce);
        let older: Vec<&Deploy> = open.iter().filter(|one| one.is_superseded_by(&deploy)).collect();
        if environment.supersede && !older.is_empty() {
            answer = self.words().will_supersede(answer, &older);
        }
        let mut locks = self.locks_on(environment).await?;
        locks.retain(|lock| lock.kind == LockKind::Warn);
        let answer = self.words().with_locks(answer, &locks);
        visit.answer(answer);
        visit.changes.expect.push(Expect::Scope(asked.clone(), revision));
        touch(&mut visit.changes, asked);
        self.insert(visit, deploy, asker.actor);
        Ok(())
    }

    /// Who asks, if they may at least be told all verdicts. None: they may not, and were told why.
    async fn asker(&self, visit: &mut Visit<'_>, environment: &Environment, kind: &Kind) -> Option<Asker> {
        let action = match kind {
            Kind::Deploy => Action::Deploy,
            Kind::Rollback { .. } => Action::Rollback,
            Kind::Rerun { .. } => Action::Rerun,
            Kind::Action(asked) => self.needed_for(asked),
        };
        let person = Actor::Person { person: visit.person.clone(), account: visit.inbound.account.clone() };
        match self.authorize(&visit.inbound.account, action, Some(environment)).await {
            Ok(grant) => Some(Asker { actor: Actor::of(&grant), is_stranger: false }),
            // Somebody in none of the groups gets all verdicts, alone; a bot, a guest or an unknown gets the reason.
            Err(Denied::NotInGroup { .. }) => Some(Asker { actor: person, is_stranger: true }),
            Err(denied) => {
                let data = serde_json::json!({ "action": action, "denied": denied });
                self.note(&mut visit.changes, person, Some(&environment.name), "denied", data);
                metrics::counter!("shipgate_denied_total", "code" => denied.code()).increment(1);
                let answer = match kind {
                    Kind::Action(asked) => self.words().may_not_ask(asked, &denied),
                    Kind::Deploy | Kind::Rollback { .. } | Kind::Rerun { .. } => {
                        self.words().denied(action, &denied)
                    }
                };
                visit.answer(answer);
                None
            }
        }
    }

    /// What is open of this service there. None: the same is open already, or too much of this person is, and they were
    /// told.
    async fn room_for(
        &self,
        visit: &mut Visit<'_>,
        service: &Service,
        environment: &Environment,
        wanted: &Wanted,
    ) -> Result<Option<Vec<Deploy>>, StoreError> {
        let here = Filter {
            environment: Some(environment.name.clone()),
            only_open: true,
            limit: 500,
            ..Filter::default()
        };
        let of_service = Filter { service: Some(service.name.clone()), ..here.clone() };
        let open = self.store.deploys(&of_service).await?;
        if let Some(same) = open.iter().find(|deploy| wanted.is_same_as(&deploy.request)) {
            let answer = self.words().asked_already(same, &visit.person);
            visit.answer(answer);
            return Ok(None);
        }
        let of_mine = Filter { requester: Some(visit.person.clone()), ..here };
        let mine = self.store.deploys(&of_mine).await?;
        if mine.len() >= OPEN_EACH {
            let answer = self.words().too_many_open(environment, &mine);
            visit.answer(answer);
            return Ok(None);
        }
        Ok(Some(open))
    }

    fn new_deploy(
        &self,
        visit: &Visit<'_>,
        service: &Service,
        environment: &Environment,
        wanted: Wanted,
    ) -> Deploy {
        let request = Request {
            kind: wanted.kind,
            service: service.name.clone(),
            environment: environment.name.clone(),
            version: wanted.version,
            by: visit.person.clone(),
            account: visit.inbound.account.clone(),
            at: visit.now,
            reason: wanted.reason,
            emergency: wanted.emergency,
            when: wanted.when,
            accepts: wanted.accepts,
        };
        let mut deploy = Deploy::new(self.new_id(), request, self.rules.version.clone());
        if wanted.hold {
            let reason = "asked for with --hold".to_owned();
            deploy.hold = Some(Hold { by: Some(visit.person.clone()), reason, since: visit.now });
        }
        deploy
    }

    fn insert(&self, visit: &mut Visit<'_>, deploy: Deploy, actor: Actor) {
        let changes = &mut visit.changes;
        let now = changes.at;
        changes.audit.push(Entry {
            at: now,
            actor,
            deploy: Some(deploy.id.clone()),
            environment: Some(deploy.request.environment.clone()),
            event: "requested".into(),
            data: requested(&deploy),
        });
        changes.effects.push(NewEffect::whenever(Effect::Judge { deploy: deploy.id.clone() }, now));
        changes.effects.push(NewEffect::whenever(Effect::Card { deploy: deploy.id.clone() }, now));
        touch(changes, Scope::Environment(deploy.request.environment.clone()));
        let lock_group = self.lock_group(&deploy);
        changes.deploys.push(DeployRow { deploy, lock_group });
    }

    /// Service and environment that were said; otherwise the person is told what is missing.
    pub(crate) fn said_place(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Option<(&Service, &Environment)> {
        let policy = &self.rules.policy;
        let service = match said.service() {
            Some(name) => name.parse().ok().and_then(|name: ServiceName| policy.services.get(&name)),
            None => policy.default_service(),
        };
        let environment = said.environment().and_then(|name| policy.environment(name));
        match (service, environment) {
            (Some(service), Some(environment)) => Some((service, environment)),
            (service, _) => {
                let answer = self.words().place_missing(service.is_none());
                visit.answer(answer);
                None
            }
        }
    }
}

/// What the record keeps of a request: all of it, and the rules under which it was taken in.
fn requested(deploy: &Deploy) -> serde_json::Value {
    let mut data = serde_json::to_value(&deploy.request).expect("a request is plain data");
    data["policy"] = serde_json::Value::String(deploy.policy.to_string());
    data
}
