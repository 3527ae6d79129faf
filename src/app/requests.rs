//! New deploys: deploy, rollback, re-run. Not here: judging them (`judge`).

use crate::bot::App;
use crate::commands::Invocation;
use crate::effects::{Effect, NewEffect};
use crate::intake::Visit;
use crate::judge::later;
use crate::store::{DeployRow, Expect, Filter, Scope, StoreError};
use jiff::SignedDuration;
use shipgate_domain::audit::{Actor, Entry};
use shipgate_domain::deploy::{Accepts, Deploy, Hold, Kind, Outcome, Past, Request, StartWhen, State};
use shipgate_domain::facts::LockKind;
use shipgate_domain::gates::Gate;
use shipgate_domain::ids::{EnvironmentName, ServiceName, Version};
use shipgate_domain::people::{Action, Denied};
use shipgate_domain::policy::{Environment, Service};

/// Open requests of one person for one environment, at most (SECURITY 6.6, queue stuffing).
const OPEN_EACH: usize = 5;

/// How far ahead a start can be planned. Longer than that, nobody remembers what they said yes to.
const PLAN_AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

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

    /// When it is to start: `--at "tomorrow 9:00"`, `--when-open`. None: it cannot be, and the person was told.
    pub(crate) async fn said_start(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
        service: &Service,
        environment: &Environment,
    ) -> Result<Option<StartWhen>, StoreError> {
        let (at, waits) = (said.time("at"), said.has("when-open"));
        if (at.is_some() || waits) && said.text("emergency").is_some() {
            let answer = self.words().emergency_cannot_wait();
            visit.answer(answer);
            return Ok(None);
        }
        if at.is_some() && waits {
            let answer = self.words().at_or_when_open();
            visit.answer(answer);
            return Ok(None);
        }
        if waits {
            let calendar = self.calendar_now().await?;
            let (place, thing) = (environment.name.as_str(), service.name.as_str());
            let opens = calendar.next_start(place, thing, environment.schedule.as_deref(), visit.now, false);
            if opens.is_none_or(|at| at > later(visit.now, PLAN_AHEAD)) {
                let answer = self.words().opens_too_late(environment, opens, PLAN_AHEAD);
                visit.answer(answer);
                return Ok(None);
            }
            return Ok(Some(StartWhen::WhenOpen));
        }
        if at.is_none() {
            return Ok(Some(StartWhen::Now));
        }
        let Some(at) = self.said_instant(visit, said, "at") else { return Ok(None) };
        if at <= visit.now || at > later(visit.now, PLAN_AHEAD) {
            let answer = self.words().cannot_plan_for(at, PLAN_AHEAD);
            visit.answer(answer);
            return Ok(None);
        }
        Ok(Some(StartWhen::At(at)))
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

    pub(crate) async fn request(
        &self,
        visit: &mut Visit<'_>,
        service: &Service,
        environment: &Environment,
        wanted: Wanted,
    ) -> Result<(), StoreError> {
        let now = visit.now;
        let action = match &wanted.kind {
            Kind::Deploy => Action::Deploy,
            Kind::Rollback { .. } => Action::Rollback,
            Kind::Rerun { .. } => Action::Rerun,
            Kind::Action(asked) => self.needed_for(asked),
        };
        let grant = self.authorize(&visit.inbound.account, action, Some(environment)).await;
        // Somebody in none of the groups gets all verdicts, alone; a bot, a guest or an unknown gets the reason.
        let actor = match &grant {
            Ok(grant) => Actor::of(grant),
            Err(Denied::NotInGroup { .. }) => {
                Actor::Person { person: visit.person.clone(), account: visit.inbound.account.clone() }
            }
            Err(denied) => {
                let data = serde_json::json!({ "action": action, "denied": denied });
                let actor =
                    Actor::Person { person: visit.person.clone(), account: visit.inbound.account.clone() };
                self.note(&mut visit.changes, actor, Some(&environment.name), "denied", data);
                metrics::counter!("shipgate_denied_total", "code" => denied.code()).increment(1);
                let answer = match &wanted.kind {
                    Kind::Action(asked) => self.words().may_not_ask(asked, denied),
                    Kind::Deploy | Kind::Rollback { .. } | Kind::Rerun { .. } => {
                        self.words().denied(action, denied)
                    }
                };
                visit.answer(answer);
                return Ok(());
            }
        };
        let asked = Scope::Requests(service.name.clone(), environment.name.clone());
        let revision = self.store.revision(&asked).await?;
        let here = Filter {
            environment: Some(environment.name.clone()),
            only_open: true,
            limit: 500,
            ..Filter::default()
        };
        let of_service = Filter { service: Some(service.name.clone()), ..here.clone() };
        let open = self.store.deploys(&of_service).await?;
        let is_same =
            |d: &&Deploy| d.request.version == wanted.version && is_same_wish(&d.request.kind, &wanted.kind);
        if let Some(same) = open.iter().find(is_same) {
            let answer = self.words().asked_already(same, &visit.person);
            visit.answer(answer);
            return Ok(());
        }
        let of_mine = Filter { requester: Some(visit.person.clone()), ..here };
        let mine = self.store.deploys(&of_mine).await?;
        if mine.len() >= OPEN_EACH {
            let answer = self.words().too_many_open(environment, &mine);
            visit.answer(answer);
            return Ok(());
        }
        let request = Request {
            kind: wanted.kind,
            service: service.name.clone(),
            environment: environment.name.clone(),
            version: wanted.version,
            by: visit.person.clone(),
            account: visit.inbound.account.clone(),
            at: now,
            reason: wanted.reason,
            emergency: wanted.emergency,
            when: wanted.when,
            accepts: wanted.accepts,
        };
        let mut deploy = Deploy::new(self.new_id(), request, self.rules.version.clone());
        if wanted.hold {
            let reason = "asked for with --hold".to_owned();
            deploy.hold = Some(Hold { by: Some(visit.person.clone()), reason, since: now });
        }
        if let Err(Denied::NotInGroup { .. }) = &grant {
            return self.request_of_stranger(visit, deploy, actor).await;
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
        crate::bot::touch(&mut visit.changes, asked);
        self.insert(visit, deploy, actor);
        Ok(())
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
        crate::bot::touch(changes, Scope::Environment(deploy.request.environment.clone()));
        let lock_group = self.lock_group(&deploy);
        changes.deploys.push(DeployRow { deploy, lock_group });
    }

    /// A request of somebody who may not: refused at once, written down, told to them alone. Nothing is asked of
    /// any other system for it.
    async fn request_of_stranger(
        &self,
        visit: &mut Visit<'_>,
        deploy: Deploy,
        actor: Actor,
    ) -> Result<(), StoreError> {
        let verdicts = self.first_verdicts(&deploy).await?;
        let refused = shipgate_domain::deploy::Event::Refused { verdicts, outside: None };
        let step = match deploy.learn(refused, visit.now) {
            Ok(step) => step,
            Err(illegal) => {
                tracing::error!(deploy.id = %deploy.id, "cannot refuse: {illegal}");
                return Ok(());
            }
        };
        let answer = self.words().refused_privately(&step.deploy);
        visit.answer(answer);
        let mut stored = step.deploy;
        stored.revision = 0;
        let changes = &mut visit.changes;
        for (event, data) in [
            ("requested", requested(&stored)),
            ("refused", serde_json::to_value(&stored.verdicts).expect("verdicts are plain data")),
        ] {
            changes.audit.push(Entry {
                at: changes.at,
                actor: if event == "requested" { actor.clone() } else { Actor::Shipgate },
                deploy: Some(stored.id.clone()),
                environment: Some(stored.request.environment.clone()),
                event: event.into(),
                data,
            });
        }
        let lock_group = self.lock_group(&stored);
        changes.deploys.push(DeployRow { deploy: stored, lock_group });
        Ok(())
    }

    async fn first_verdicts(
        &self,
        deploy: &Deploy,
    ) -> Result<Vec<shipgate_domain::gates::Verdict>, StoreError> {
        let Some((environment, service)) = self.place_of(deploy) else { return Ok(Vec::new()) };
        let about = crate::store::About {
            service: service.name.clone(),
            environment: environment.name.clone(),
            lock_group: self.lock_group(deploy),
            commit: None,
            after: environment.after.clone(),
        };
        let around = self.store.surroundings(&about).await?;
        let calendar = self.calendar(around.freezes_revision, &around.freezes).await?;
        let place = self.place_in_line(deploy, &around, &calendar, self.now()).await?;
        let mut seen = deploy.clone();
        let memberships = self.memberships(&environment.deployers).await;
        seen.outside = Some(shipgate_domain::facts::Outside {
            read_at: self.now(),
            resolves_to: shipgate_domain::facts::Read::Unknown("not looked up".into()),
            reachable: shipgate_domain::facts::Read::Unknown("not looked up".into()),
            checks: shipgate_domain::facts::Read::Unknown("not looked up".into()),
            memberships,
            rebased: None,
            preflight: Default::default(),
        });
        let case = shipgate_domain::facts::Case {
            deploy: &seen,
            policy: &self.rules.policy,
            environment,
            service,
            calendar: &calendar,
            place: &place,
            now: self.now(),
            authors: Default::default(),
        };
        // Nothing was looked up for this person, so the gates that speak of a commit have nothing to say.
        let mut verdicts = shipgate_domain::gates::judge(&case);
        verdicts.retain(|v| v.gate != Gate::Approvals && !Gate::OF_A_COMMIT.contains(&v.gate));
        Ok(verdicts)
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

    /// What ran of a service on an environment: the last 200 at least, and back to the last success.
    pub(crate) async fn past(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Result<Past, StoreError> {
        self.past_of(service, environment, 200, |past| past.in_place().is_some()).await
    }

    /// As much of what ran as is enough to tell something, from so many on.
    pub(crate) async fn past_of(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
        first: u32,
        is_enough: impl Fn(&Past) -> bool,
    ) -> Result<Past, StoreError> {
        let mut filter = Filter {
            service: Some(service.clone()),
            environment: Some(environment.clone()),
            only_ran: true,
            limit: first,
            ..Filter::default()
        };
        loop {
            let ran = self.store.deploys(&filter).await?;
            let is_all = ran.len() < filter.limit as usize;
            let past = Past::new(ran);
            if is_all || is_enough(&past) {
                return Ok(past);
            }
            filter.limit = filter.limit.saturating_mul(4);
        }
    }
}

/// Whether two requests of the same version would do the same.
fn is_same_wish(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (Kind::Action(one), Kind::Action(other)) => one.name == other.name && one.args == other.args,
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// What the record keeps of a request: all of it, and the rules under which it was taken in.
fn requested(deploy: &Deploy) -> serde_json::Value {
    let mut data = serde_json::to_value(&deploy.request).expect("a request is plain data");
    data["policy"] = serde_json::Value::String(deploy.policy.to_string());
    data
}
