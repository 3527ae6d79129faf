//! Questions: status, history, diff, when, explain, logs, who-can, and the forms for missing words.
//! Not here: anything that changes something.

use crate::actions::needed_for;
use crate::bot::App;
use crate::commands::{ArgSpec, Grammar, Invocation, Kind};
use crate::demands::rules_of;
use crate::intake::{Context, Visit};
use crate::judge::later;
use crate::messages::field_for;
use crate::messages::lists::PlaceStatus;
use crate::store::{About, Filter, StoreError};
use crate::words::{Field, Form, Text};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::Calendar;
use shipgate_domain::calendar::outlook::View;
use shipgate_domain::deploy::{Deploy, Kind as DeployKind, Request};
use shipgate_domain::facts::{Case, Outside, Read};
use shipgate_domain::gates::{Gate, judge};
use shipgate_domain::ids::{DeployId, GroupName, Version};
use shipgate_domain::people::{Action, Memberships};
use shipgate_domain::policy::{Environment, Service};

impl App {
    /// `status`, `status production`
    pub(crate) async fn show_status(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let policy = &self.rules.policy;
        let calendar = self.calendar_now().await?;
        let locks = self.store.locks().await?;
        let now = visit.now;
        let service = said.service().filter(|_| said.args.contains_key("service"));
        let environment =
            said.environment().and_then(|word| policy.environment(word)).map(|e| e.name.clone());
        let mut places = Vec::new();
        let wanted: Vec<(&Service, &Environment)> = policy
            .services
            .values()
            .filter(|s| service.is_none_or(|name| s.name.as_str() == name) || policy.services.len() == 1)
            .flat_map(|s| policy.environments.values().map(move |e| (s, e)))
            .filter(|(_, e)| environment.as_ref().is_none_or(|name| e.name == *name))
            .collect();
        for (service, environment) in wanted {
            let past = self.past(&service.name, &environment.name).await?;
            let open = Filter {
                service: Some(service.name.clone()),
                environment: Some(environment.name.clone()),
                only_open: true,
                limit: 20,
                ..Filter::default()
            };
            let schedule = environment.schedule.as_deref();
            let (place, thing) = (environment.name.as_str(), service.name.as_str());
            let ahead = later(now, SignedDuration::from_hours(24 * 60));
            let spans = calendar.spans(place, thing, schedule, now, ahead);
            let next = calendar.next_start(place, thing, schedule, now, false);
            places.push(PlaceStatus {
                service,
                environment,
                running: past.in_place().cloned(),
                newest: past.newest().cloned(),
                open: self.store.deploys(&open).await?,
                locks: locks
                    .iter()
                    .filter(|lock| lock.environment == environment.name && lock.holds(now))
                    .cloned()
                    .collect(),
                calendar: self.words().calendar_line(spans.first(), next, ahead),
            });
        }
        let stopped = self.may_dispatch().await?.stopped;
        let answer = self.words().status_list(&places, stopped.as_ref());
        visit.answer(answer);
        Ok(())
    }

    /// `history`, `history production --by ada`
    pub(crate) async fn show_history(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let policy = &self.rules.policy;
        let by = match said.text("by") {
            Some("me") => Some(visit.person.clone()),
            Some(name) => name.parse().ok(),
            None => None,
        };
        let filter = Filter {
            service: said
                .service()
                .filter(|_| said.args.contains_key("service"))
                .and_then(|s| s.parse().ok()),
            environment: said.environment().and_then(|word| policy.environment(word)).map(|e| e.name.clone()),
            requester: by,
            limit: 15,
            ..Filter::default()
        };
        let deploys = self.store.deploys(&filter).await?;
        let answer = self.words().history_list(&deploys);
        visit.answer(answer);
        Ok(())
    }

    /// `diff production v1.2.3`; without a version, the head of the branch.
    pub(crate) async fn show_diff(&self, visit: &mut Visit<'_>, said: &Invocation) -> Result<(), StoreError> {
        let Some((service, environment)) = self.said_place(visit, said) else { return Ok(()) };
        let past = self.past(&service.name, &environment.name).await?;
        let Some((base, base_word)) =
            past.in_place().and_then(|d| Some((d.commit()?, d.request.version.as_str())))
        else {
            let answer = crate::words::Message::line(
                crate::words::Tone::Neutral,
                format!(
                    "Shipgate has not deployed {} to {} yet, so there is nothing to compare with.",
                    service.name, environment.name
                ),
            );
            visit.answer(answer);
            return Ok(());
        };
        let word = said.version().unwrap_or(&service.pipeline.git_ref).to_owned();
        let Ok(version) = word.parse::<Version>() else {
            let answer = self.words().bad_version(&word);
            visit.answer(answer);
            return Ok(());
        };
        let compared = match self.providers.repositories(service.pipeline.provider) {
            Ok(repositories) => match repositories.resolve(&service.pipeline.repo, &version).await {
                Ok(crate::ports::Resolved::Pin(pin)) => {
                    repositories.compare(&service.pipeline.repo, base, &pin.commit).await.map(Some)
                }
                Ok(_) => Ok(None),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let words = self.words();
        visit.answer(match compared {
            Ok(Some(comparison)) => words.diff_list(environment, &word, base_word, &comparison),
            Ok(None) => words.bad_version(&word),
            Err(error) => words.cannot_look(&error.to_string()),
        });
        Ok(())
    }

    /// `when production`, `when production --after "Mon 09:00"`
    pub(crate) async fn show_when(&self, visit: &mut Visit<'_>, said: &Invocation) -> Result<(), StoreError> {
        let Some((service, environment)) = self.said_place(visit, said) else { return Ok(()) };
        let Some(from) = self.said_instant(visit, said, "after") else { return Ok(()) };
        let calendar = self.calendar_now().await?;
        let view = view(&calendar, service, environment);
        let outlook = view.outlook(from, later(from, SignedDuration::from_hours(24 * 14)));
        let answer =
            self.words().when(service, environment, from, view.ahead(from).as_ref(), outlook.as_ref());
        let locks = self.locks_on(environment).await?;
        let answer = self.words().with_locks(answer, &locks);
        visit.answer(answer);
        Ok(())
    }

    /// `explain production`, `explain production --at "Fri 15:00"`: what each gate would say to a new request.
    pub(crate) async fn show_explain(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let Some((service, environment)) = self.said_place(visit, said) else { return Ok(()) };
        let Some(at) = self.said_instant(visit, said, "at") else { return Ok(()) };
        let about = About {
            service: service.name.clone(),
            environment: environment.name.clone(),
            lock_group: self.rules.policy.lock_group(&service.name, environment),
            commit: None,
            after: environment.after.clone(),
        };
        let around = self.store.surroundings(&about).await?;
        let calendar = self.calendar(around.freezes_revision, &around.freezes).await?;
        let asked = self.imagined(visit, service, environment).await;
        let Some(asked) = asked else { return Ok(()) };
        let place = self.place_in_line(&asked, &around, &calendar, at).await?;
        let policy = &self.rules.policy;
        let case = Case {
            deploy: &asked,
            policy,
            environment,
            service,
            calendar: &calendar,
            place: &place,
            now: at,
            authors: Default::default(),
        };
        // Without a version, the gates that look at a commit have nothing to say; their rules are told below.
        let lines: Vec<_> = judge(&case)
            .iter()
            .filter(|v| !Gate::OF_A_COMMIT.contains(&v.gate))
            .map(|v| self.words().gate_line(v))
            .collect();
        let ahead = view(&calendar, service, environment).ahead(at);
        let mut rules = self.words().time_rules(environment, ahead.as_ref());
        rules.extend(rules_of(service, environment));
        let answer = self.words().explain(service, environment, at, &lines, rules);
        visit.answer(answer);
        Ok(())
    }

    /// A request as the asker could make it now, that is never stored.
    async fn imagined(
        &self,
        visit: &Visit<'_>,
        service: &Service,
        environment: &Environment,
    ) -> Option<Deploy> {
        let version = service.pipeline.git_ref.parse::<Version>().or_else(|_| "main".parse()).ok()?;
        let request = Request {
            kind: DeployKind::Deploy,
            service: service.name.clone(),
            environment: environment.name.clone(),
            version,
            by: visit.person.clone(),
            account: visit.inbound.account.clone(),
            at: visit.now,
            reason: None,
            emergency: None,
            when: shipgate_domain::deploy::StartWhen::Now,
            accepts: Default::default(),
        };
        let mut deploy = Deploy::new(DeployId::new(visit.now, [0; 10]), request, self.rules.version.clone());
        let named = environment.approvals.groups().chain(&environment.overrides.from);
        let groups: Vec<GroupName> = environment.deployers.iter().chain(named).cloned().collect();
        deploy.outside = Some(Outside {
            read_at: visit.now,
            resolves_to: Read::Known(None),
            reachable: Read::Known(true),
            checks: Read::Known(Vec::new()),
            memberships: self.memberships(&groups).await,
            rebased: None,
            preflight: Default::default(),
        });
        Some(deploy)
    }

    /// `logs`, `logs 7K2M`
    pub(crate) async fn show_logs(&self, visit: &mut Visit<'_>, said: &Invocation) -> Result<(), StoreError> {
        if said.deploy().is_none() {
            let all = self.store.deploys(&Filter { limit: 30, ..Filter::default() }).await?;
            let newest = all.into_iter().find(|d| d.progress().is_some());
            if let Some(deploy) = newest {
                let answer = self.words().logs(&deploy);
                visit.answer(answer);
                return Ok(());
            }
        }
        let Some(deploy) = self.which(visit, said, |d| d.progress().is_some()).await? else { return Ok(()) };
        let answer = self.words().logs(&deploy);
        visit.answer(answer);
        Ok(())
    }

    /// `who-can deploy production`
    pub(crate) async fn show_who_can(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let Some((_, environment)) = self.said_place(visit, said) else { return Ok(()) };
        let Some(command) = said.text("command") else {
            let outside = self.who_is_where(environment).await?;
            let answer = self.words().who_can(None, environment, &outside);
            visit.answer(answer);
            return Ok(());
        };
        let own = command.parse().ok().and_then(|name| self.rules.policy.actions.get(&name));
        let action = match command.split(' ').next().unwrap_or_default() {
            _ if let Some(rule) = own => needed_for(rule),
            "deploy" => Action::Deploy,
            "rollback" => Action::Rollback,
            "rerun" => Action::Rerun,
            "approve" | "withdraw" | "away" => Action::Approve,
            "reject" => Action::Reject,
            "cancel" => Action::Cancel,
            "incident" => Action::Incident,
            "hold" | "resume" => Action::Hold,
            "lock" => Action::Lock,
            "unlock" => Action::Unlock,
            "freeze" if command != "freeze list" => Action::Freeze,
            _ => Action::Read,
        };
        let outside = self.who_is_where(environment).await?;
        let is_named = own.is_some() || action == Action::Read;
        let answer = self.words().who_can(Some((action, is_named.then_some(command))), environment, &outside);
        visit.answer(answer);
        Ok(())
    }

    /// Everybody in the groups that an environment names, and who is away.
    async fn who_is_where(&self, environment: &Environment) -> Result<Memberships, StoreError> {
        let named = environment.approvals.groups().chain(&environment.overrides.from);
        let groups: Vec<GroupName> = environment.deployers.iter().chain(named).cloned().collect();
        let mut outside = self.memberships(&groups).await;
        outside.set_away(self.absences().await?.1);
        Ok(outside)
    }

    /// The instant that was said under a name; now when none was. None: it cannot be, and the person was told.
    pub(crate) fn said_instant(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
        name: &str,
    ) -> Option<Timestamp> {
        let Some(written) = said.time(name) else { return Some(visit.now) };
        match written.resolve(visit.now, self.rules.policy.zone.tz()) {
            Ok(at) => Some(at),
            Err(_) => {
                let answer = self.words().bad_times("This time does not exist in the calendar.");
                visit.answer(answer);
                None
            }
        }
    }

    /// A form that asks for the missing words of a command.
    pub(crate) async fn form_for(&self, said: &Invocation, missing: &[ArgSpec]) -> Result<Form, StoreError> {
        let mut fields: Vec<Field> = Vec::new();
        for arg in missing {
            fields.push(field_for(arg, self.options_for(arg, said).await?));
        }
        let context = Context::Words { invocation: said.clone() };
        let title: String = format!("/{}", said.command).chars().take(24).collect();
        Ok(Form {
            title,
            submit: "Go on".into(),
            intro: Text::plain(summary(&self.rules.grammar, &said.command)),
            fields,
            context: context.to_text(),
        })
    }

    async fn options_for(
        &self,
        arg: &ArgSpec,
        said: &Invocation,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let same = |name: String| (name.clone(), name);
        let policy = &self.rules.policy;
        Ok(match arg.kind {
            Kind::Service => policy.services.keys().take(100).map(|s| same(s.to_string())).collect(),
            Kind::Environment => policy.environments.keys().take(100).map(|e| same(e.to_string())).collect(),
            Kind::Version => {
                let service = said.service().and_then(|name| name.parse().ok());
                let service =
                    service.and_then(|name| policy.services.get(&name)).or(policy.default_service());
                let Some(service) = service else { return Ok(Vec::new()) };
                match self.providers.repositories(service.pipeline.provider) {
                    Ok(repositories) => repositories
                        .recent(&service.pipeline.repo, 25)
                        .await
                        .map(|recent| {
                            recent
                                .into_iter()
                                .map(|r| {
                                    (r.version.to_string(), format!("{} ({})", r.version, r.commit.short()))
                                })
                                .collect()
                        })
                        .unwrap_or_default(),
                    Err(_) => Vec::new(),
                }
            }
            Kind::Freeze => {
                let (_, freezes) = self.store.freezes(false).await?;
                freezes.iter().take(100).map(|f| same(f.name.clone())).collect()
            }
            Kind::Choice => arg.limits.choices.iter().cloned().map(same).collect(),
            Kind::Person
            | Kind::Duration
            | Kind::Time
            | Kind::Number
            | Kind::Text
            | Kind::Flag
            | Kind::Deploy
            | Kind::Command => Vec::new(),
        })
    }
}

/// The calendar as one service in one environment sees it.
fn view<'a>(calendar: &'a Calendar, service: &'a Service, environment: &'a Environment) -> View<'a> {
    let (place, thing) = (environment.name.as_str(), service.name.as_str());
    View { calendar, environment: place, service: thing, schedule: environment.schedule.as_deref() }
}

fn summary(grammar: &Grammar, command: &str) -> String {
    grammar.command(command).map(|spec| spec.summary.clone()).unwrap_or_default()
}
