//! Freezes from chat, and closing an environment off: keeping people out, for a reason and a time. Not here: locks
//! (`locks`), what they mean for a deploy (`gates`).

use crate::bot::{App, touch};
use crate::commands::Invocation;
use crate::effects::{Effect, NewEffect, Sweep};
use crate::intake::Visit;
use crate::judge::later;
use crate::store::{Changes, Scope, StoreError};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::audit::Actor;
use shipgate_domain::calendar::FreezeOccurrence;
use shipgate_domain::calendar::{Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen};
use shipgate_domain::deploy::{Deploy, Outcome, Phase, State};
use shipgate_domain::facts::{Lock, LockKind};
use shipgate_domain::ids::base32;
use shipgate_domain::people::Action;
use shipgate_domain::policy::Environment;

/// A freeze from chat lasts at most this long; longer ones belong into the settings.
const LONGEST_FREEZE: SignedDuration = SignedDuration::from_hours(24 * 366);

/// Freezes in one list, at most.
const LISTED: usize = 20;

impl App {
    /// The lock that closes an environment off because nobody knows what became of a run.
    pub(crate) fn quarantine(&self, deploy: &Deploy, now: Timestamp) -> Lock {
        let why = match &deploy.state {
            State::Dispatching { phase: Phase::Unknown { why, .. }, .. } => why.clone(),
            State::Done { outcome: Outcome::Unknown, .. } => "nobody could say what became of it".to_owned(),
            _ => "its outcome is unknown".to_owned(),
        };
        Lock {
            environment: deploy.request.environment.clone(),
            by: deploy.request.by.clone(),
            reason: format!("nobody knows whether {} started ({why})", crate::messages::what(deploy)),
            since: now,
            until: None,
            quarantine: Some(deploy.id.clone()),
            kind: LockKind::Everyone,
            length: None,
        }
    }

    /// `freeze add "Black Friday" production from 2026-11-26 until 2026-12-01`
    pub(crate) async fn add_freeze(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let policy = &self.rules.policy;
        let environment = said.environment().and_then(|word| policy.environment(word));
        let Some(grant) = self.allowed(visit, Action::Freeze, environment).await else { return Ok(()) };
        let Some(from) = self.said_instant(visit, said, "from") else { return Ok(()) };
        let until = match self.said_end(visit, said, from) {
            Ok(until) => until,
            Err(why) => {
                let answer = self.words().bad_times(why);
                visit.answer(answer);
                return Ok(());
            }
        };
        let name: String = said.text("name").unwrap_or("Freeze").chars().take(80).collect();
        let (_, existing) = self.store.freezes(false).await?;
        if policy.freezes.iter().chain(&existing).any(|f| f.name.eq_ignore_ascii_case(&name)) {
            let answer = self.words().bad_times(format!("There is a freeze called “{name}” already."));
            visit.answer(answer);
            return Ok(());
        }
        let freeze = Freeze {
            id: FreezeId(format!("chat-{}", base32(u128::from_be_bytes(self.random_bytes())))),
            name,
            scope: FreezeScope {
                environments: environment.map(|e| e.name.to_string()).into_iter().collect(),
                services: said
                    .service()
                    .filter(|_| said.args.contains_key("service"))
                    .map(ToOwned::to_owned)
                    .into_iter()
                    .collect(),
                except_services: Vec::new(),
            },
            zone: policy.zone.clone(),
            when: FreezeWhen::Instants { from, until: Some(until) },
            origin: FreezeOrigin::Chat {
                by: grant.person().to_string(),
                reason: said.text("reason").unwrap_or_default().chars().take(300).collect(),
            },
        };
        let data = serde_json::to_value(&freeze).expect("a freeze is plain data");
        self.note(&mut visit.changes, Actor::of(&grant), environment.map(|e| &e.name), "freeze_added", data);
        let message = self.words().freeze_added(&freeze, from, until, grant.person());
        visit.changes.effects.push(self.say_once(
            format!("freeze-added/{}", freeze.id),
            message.clone(),
            visit.now,
        ));
        visit.answer(message);
        visit.changes.freezes.push(freeze);
        touch(&mut visit.changes, Scope::Freezes);
        let now = visit.now;
        visit.changes.effects.push(NewEffect::whenever(Effect::Remind, now));
        self.judge_all(&mut visit.changes, environment);
        Ok(())
    }

    /// When a freeze is to end that begins at `from`; otherwise why it cannot.
    fn said_end(
        &self,
        visit: &Visit<'_>,
        said: &Invocation,
        from: Timestamp,
    ) -> Result<Timestamp, &'static str> {
        let until = match (said.time("until"), said.duration("for")) {
            (Some(_), Some(_)) => return Err("Say either until when or for how long, not both."),
            (None, None) => return Err("Until when? A freeze from chat needs an end."),
            // A freeze takes its longer reading where clocks change.
            (Some(written), None) => written
                .resolve_late(visit.now, self.rules.policy.zone.tz())
                .map_err(|_| "This time does not exist in the calendar.")?,
            (None, Some(length)) => later(from, length),
        };
        if until <= from {
            Err("The freeze would end before it starts.")
        } else if until <= visit.now {
            Err("The freeze would be over already.")
        } else if until.duration_since(from) > LONGEST_FREEZE {
            Err("A freeze from chat lasts at most a year; write longer ones into shipgate.toml.")
        } else {
            Ok(until)
        }
    }

    /// `freeze list`, `freeze list production`
    pub(crate) async fn show_freezes(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let calendar = self.calendar_now().await?;
        let environment = said.environment().and_then(|word| self.rules.policy.environment(word));
        let until = later(visit.now, SignedDuration::from_hours(24 * 90));
        let mut occurrences = calendar.unreadable(visit.now);
        occurrences.extend(calendar.occurrences(visit.now, until));
        let is_meant = |o: &FreezeOccurrence<'_>| {
            let places = &o.freeze.scope.environments;
            environment.is_none_or(|e| places.is_empty() || places.iter().any(|p| p == e.name.as_str()))
        };
        occurrences.retain(is_meant);
        // The first time of each that does not come before.
        let mut later: Vec<FreezeOccurrence<'_>> = Vec::new();
        for one in calendar.occurrences(until, calendar.reach()).into_iter().filter(is_meant) {
            if !occurrences.iter().chain(&later).any(|known| known.freeze.id == one.freeze.id) {
                later.push(one);
            }
        }
        let more = occurrences.len().saturating_sub(LISTED);
        occurrences.truncate(LISTED);
        let title = match environment {
            Some(environment) => format!("Freezes of {} in the next 90 days", environment.name),
            None => "Freezes in the next 90 days".to_owned(),
        };
        let list = self.words().freeze_list(&title, &occurrences);
        let answer = self.words().with_later_freezes(list, more, &later);
        visit.answer(answer);
        Ok(())
    }

    /// `freeze end Black Friday because the sale is over`
    pub(crate) async fn end_freeze(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let name = said.text("freeze").unwrap_or_default();
        let policy = &self.rules.policy;
        if let Some(freeze) = policy.freezes.iter().find(|f| f.name.eq_ignore_ascii_case(name)) {
            let answer = self.words().freeze_is_in_settings(freeze);
            visit.answer(answer);
            return Ok(());
        }
        let (_, freezes) = self.store.freezes(false).await?;
        let Some(freeze) = freezes.into_iter().find(|f| f.name.eq_ignore_ascii_case(name)) else {
            let answer = self.words().bad_times(format!("There is no freeze called “{name}”."));
            visit.answer(answer);
            return Ok(());
        };
        let environment = freeze.scope.environments.first().and_then(|name| policy.environment(name));
        let Some(grant) = self.allowed(visit, Action::Freeze, environment).await else { return Ok(()) };
        let reason = said.text("reason");
        let data = serde_json::json!({ "freeze": freeze, "reason": reason });
        self.note(&mut visit.changes, Actor::of(&grant), environment.map(|e| &e.name), "freeze_ended", data);
        let message = self.words().freeze_ended(&freeze, grant.person(), reason);
        visit.changes.effects.push(self.say_once(
            format!("freeze-ended/{}", freeze.id),
            message.clone(),
            visit.now,
        ));
        visit.answer(message);
        let now = visit.now;
        visit.changes.freezes_ended.push((freeze.id.to_string(), now));
        visit.changes.effects.push(NewEffect::whenever(Effect::Remind, now));
        touch(&mut visit.changes, Scope::Freezes);
        self.judge_all(&mut visit.changes, environment);
        Ok(())
    }

    /// Judges everybody who waits, on one environment or everywhere.
    pub(crate) fn judge_all(&self, changes: &mut Changes, environment: Option<&Environment>) {
        let of = environment.map_or(Sweep::Everywhere, |e| Sweep::Environment(e.name.clone()));
        changes.effects.push(NewEffect::whenever(Effect::Sweep { of }, changes.at));
    }

    pub(crate) fn said_environment(&self, visit: &mut Visit<'_>, said: &Invocation) -> Option<&Environment> {
        let environment = said.environment().and_then(|word| self.rules.policy.environment(word));
        if environment.is_none() {
            let answer = self.words().place_missing(false);
            visit.answer(answer);
        }
        environment
    }

    /// The grant for an action; without it the person is told why not, and it is written down.
    pub(crate) async fn allowed(
        &self,
        visit: &mut Visit<'_>,
        action: Action,
        environment: Option<&Environment>,
    ) -> Option<shipgate_domain::people::Authorized> {
        match self.authorize(&visit.inbound.account, action, environment).await {
            Ok(grant) => Some(grant),
            Err(denied) => {
                metrics::counter!("shipgate_denied_total", "code" => denied.code()).increment(1);
                let actor =
                    Actor::Person { person: visit.person.clone(), account: visit.inbound.account.clone() };
                let data = serde_json::json!({ "action": action, "denied": denied });
                self.note(&mut visit.changes, actor, environment.map(|e| &e.name), "denied", data);
                let answer = self.words().denied(action, &denied);
                visit.answer(answer);
                None
            }
        }
    }
}
