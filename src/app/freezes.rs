//! What people are told of a freeze besides its time: what is merged and not deployed, who waits for its end, that it
//! moved, and the topic of the channel. Not here: when (`remind`), the words (`messages::freezes`).

use crate::bot::App;
use crate::effects::{Effect, Finish, Leased, NewEffect};
use crate::judge::later;
use crate::ports::{Comparison, OutsideError, Resolved};
use crate::store::{Changes, Expect, Filter, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shipgate_domain::calendar::{Calendar, FreezeId, FreezeOccurrence, FreezeOrigin, FreezeScope, Lead};
use shipgate_domain::deploy::{Deploy, State};
use shipgate_domain::ids::{CommitId, Version};
use shipgate_domain::policy::{Environment, Service};

/// Freezes that people were told of and that are not over, as they were told.
const ANNOUNCED: &str = "reminders/announced";
/// The topic that was set last.
const TOPIC: &str = "topic/shown";
/// Services on environments that are compared for one reminder; more are only counted.
const COMPARED: usize = 12;
/// Waiting deploys that are looked through for one reminder.
const LOOKED_THROUGH: u32 = 500;
/// A freeze that begins so much earlier or later than it was announced for has moved; further away it is another one.
const MOVES_BY: SignedDuration = SignedDuration::from_hours(31 * 24);
/// What is said of the next freeze in the topic looks this far ahead.
const TOPIC_AHEAD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A service that is behind its branch.
pub(crate) struct NotDeployed<'a> {
    /// The service.
    pub service: &'a Service,
    /// Where.
    pub environment: &'a Environment,
    /// What runs there.
    pub runs: Version,
    /// What the branch has and this has not, or why that could not be read.
    pub ahead: Result<Comparison, String>,
}

/// What people are told about one moment of a freeze, besides the moment.
#[derive(Default)]
pub(crate) struct Around<'a> {
    /// What is merged and not deployed.
    pub merged: Vec<NotDeployed<'a>>,
    /// How many more services there are that were not compared.
    pub not_compared: usize,
    /// Deploys that wait in its scope.
    pub waiting: Vec<Deploy>,
}

/// A freeze as people were told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announced {
    id: FreezeId,
    /// What it was called.
    pub name: String,
    /// Where it was to hold.
    pub scope: FreezeScope,
    /// When it was to begin.
    pub from: Timestamp,
    /// When it was to end.
    pub until: Option<Timestamp>,
    is_from_chat: bool,
}

/// What became of a freeze that people were told of.
enum Became<'a> {
    Same,
    Over,
    Moved(FreezeOccurrence<'a>),
    Gone,
}

impl Announced {
    fn of(occurrence: &FreezeOccurrence<'_>) -> Self {
        let freeze = occurrence.freeze;
        Self {
            id: freeze.id.clone(),
            name: occurrence.title(),
            scope: freeze.scope.clone(),
            from: occurrence.from,
            until: occurrence.until,
            is_from_chat: matches!(freeze.origin, FreezeOrigin::Chat { .. }),
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn became<'a>(&self, occurrences: &[FreezeOccurrence<'a>], now: Timestamp) -> Became<'a> {
        let of_it = || occurrences.iter().filter(|o| o.freeze.id == self.id);
        if let Some(same) = of_it().find(|o| o.from == self.from) {
            return match same.until == self.until {
                true if self.is_over(now) => Became::Over,
                true => Became::Same,
                false => Became::Moved(*same),
            };
        }
        if self.is_over(now) {
            return Became::Over;
        }
        let away = |o: &FreezeOccurrence<'_>| o.from.duration_since(self.from).abs();
        let nearest = of_it().filter(|o| o.until.is_none_or(|until| until > now)).min_by_key(|o| away(o));
        match nearest.filter(|o| away(o) <= MOVES_BY) {
            Some(moved) => Became::Moved(*moved),
            None => Became::Gone,
        }
    }
}

impl App {
    /// Tells people about one moment of a freeze, once. Its answer may wait for a code host, so it is an effect of its
    /// own.
    pub(crate) async fn tell_freeze(
        &self,
        id: &FreezeId,
        from: Timestamp,
        lead: Lead,
    ) -> Result<Finish, StoreError> {
        let calendar = self.calendar_now().await?;
        let begins = calendar.occurrences(from, later(from, SignedDuration::from_nanos(1)));
        // One that moved meanwhile is corrected instead.
        let Some(occurrence) = begins.iter().find(|o| o.freeze.id == *id && o.from == from) else {
            return Ok(Finish::Done);
        };
        let scope = &occurrence.freeze.scope;
        let around = match lead {
            Lead::BeforeStart(_) => {
                let (merged, not_compared) = self.not_deployed(scope).await?;
                Around { merged, not_compared, ..Around::default() }
            }
            Lead::Start | Lead::BeforeEnd(_) | Lead::End => {
                Around { waiting: self.waiting_in(scope).await?, ..Around::default() }
            }
        };
        let mut changes = self.changes(self.now());
        let message = self.words().reminder(occurrence, lead, &around);
        let key = format!("remind/{}/{}", occurrence.key(), lead_key(lead));
        changes.effects.push(self.say_once(key, message, changes.at));
        let (text, mut told) = self.announced().await?;
        told.retain(|other| (&other.id, other.from) != (id, from));
        if lead != Lead::End {
            told.push(Announced::of(occurrence));
        }
        write_announced(&mut changes, text, &told);
        self.commit(changes).await?;
        Ok(Finish::Done)
    }

    /// What is merged and does not run, in the places that a freeze covers. Where one environment leads to another of
    /// them, the last of them counts: there it is live.
    async fn not_deployed(&self, scope: &FreezeScope) -> Result<(Vec<NotDeployed<'_>>, usize), StoreError> {
        let policy = &self.rules.policy;
        let covered = |e: &Environment, s: &Service| scope.covers(e.name.as_str(), s.name.as_str());
        let leads_on = |e: &Environment, s: &Service| {
            policy.environments.values().any(|next| next.after.as_ref() == Some(&e.name) && covered(next, s))
        };
        let mut places = Vec::new();
        for service in policy.services.values() {
            for environment in policy.environments.values() {
                if covered(environment, service) && !leads_on(environment, service) {
                    places.push((service, environment));
                }
            }
        }
        let (mut found, mut not_compared) = (Vec::new(), 0);
        for (service, environment) in places {
            let past = self.past(&service.name, &environment.name).await?;
            let Some((commit, runs)) =
                past.in_place().and_then(|d| Some((d.commit()?.clone(), d.request.version.clone())))
            else {
                continue;
            };
            if found.len() >= COMPARED {
                not_compared += 1;
                continue;
            }
            let ahead = self.ahead_of(service, &commit).await.map_err(|error| error.to_string());
            found.push(NotDeployed { service, environment, runs, ahead });
        }
        found.retain(|place| place.ahead.as_ref().map_or(true, |ahead| ahead.total > 0));
        Ok((found, not_compared))
    }

    /// What the branch of a service has and a commit has not.
    async fn ahead_of(&self, service: &Service, commit: &CommitId) -> Result<Comparison, OutsideError> {
        let (pipeline, refused) = (&service.pipeline, |why: &str| OutsideError::Refused { why: why.into() });
        let repositories = self.providers.repositories(pipeline.provider)?;
        let branch = pipeline.git_ref.parse().map_err(|_| refused("its branch has no name of a version"))?;
        match repositories.resolve(&pipeline.repo, &branch).await? {
            Resolved::Pin(head) => repositories.compare(&pipeline.repo, commit, &head.commit).await,
            Resolved::Unknown | Resolved::Ambiguous { .. } => {
                Err(refused(&format!("{} is not one branch of {}", pipeline.git_ref, pipeline.repo)))
            }
        }
    }

    async fn waiting_in(&self, scope: &FreezeScope) -> Result<Vec<Deploy>, StoreError> {
        let open = Filter { only_open: true, limit: LOOKED_THROUGH, ..Filter::default() };
        let mut waiting = self.store.deploys(&open).await?;
        waiting.retain(|d| {
            matches!(d.state, State::Waiting { .. })
                && scope.covers(d.request.environment.as_str(), d.request.service.as_str())
        });
        waiting.reverse();
        Ok(waiting)
    }

    /// Says of each freeze that people were told of, and that is not so any more, what became of it.
    pub(crate) async fn correct_announced(
        &self,
        calendar: &Calendar,
        occurrences: &[FreezeOccurrence<'_>],
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let now = changes.at;
        let (text, told) = self.announced().await?;
        let mut kept = Vec::new();
        for freeze in &told {
            // A calendar that cannot be read now takes nothing back.
            if calendar.is_unreadable(&freeze.id, now) {
                kept.push(freeze.clone());
                continue;
            }
            match freeze.became(occurrences, now) {
                Became::Same => kept.push(freeze.clone()),
                Became::Over => {}
                Became::Moved(occurrence) => {
                    let is = Announced::of(&occurrence);
                    let until = is.until.map(|until| until.to_string()).unwrap_or_default();
                    let key = format!("remind/moved/{}@{}/{}/{until}", freeze.id, freeze.from, is.from);
                    changes.effects.push(self.say_once(key, self.words().freeze_moved(freeze, &is), now));
                    if !is.is_over(now) {
                        kept.push(is);
                    }
                }
                // Whoever ended one in chat told everybody.
                Became::Gone if freeze.is_from_chat => {}
                Became::Gone => {
                    let key = format!("remind/gone/{}@{}", freeze.id, freeze.from);
                    changes.effects.push(self.say_once(key, self.words().freeze_gone(freeze), now));
                }
            }
        }
        if kept != told {
            write_announced(changes, text, &kept);
        }
        Ok(())
    }

    async fn announced(&self) -> Result<(Option<String>, Vec<Announced>), StoreError> {
        let text = self.store.note(ANNOUNCED).await?;
        let told = text.as_deref().map(serde_json::from_str).transpose();
        let told = told.unwrap_or_else(|error| {
            tracing::error!("what was announced of freezes cannot be read and is forgotten: {error}");
            None
        });
        Ok((text, told.unwrap_or_default()))
    }

    /// Has the topic set when it says something else than it should.
    pub(crate) async fn renew_topic(
        &self,
        calendar: &Calendar,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        if self.rules.topic && self.store.note(TOPIC).await?.as_ref() != Some(&self.topic(calendar)) {
            changes.effects.push(NewEffect::if_none(Effect::Topic, changes.at));
        }
        Ok(())
    }

    /// Writes the state of the freezes into the topic of the channel.
    pub(crate) async fn set_topic(&self, leased: &Leased) -> Result<Finish, StoreError> {
        let topic = self.topic(&*self.calendar_now().await?);
        if self.store.note(TOPIC).await?.as_ref() == Some(&topic) {
            return Ok(Finish::Done);
        }
        if let Err(error) = self.chat.set_topic(&self.rules.announce, &topic).await {
            return Ok(self.chat_trouble(leased, &error));
        }
        let mut changes = self.changes(self.now());
        changes.notes.push((TOPIC.to_owned(), topic));
        self.commit(changes).await?;
        Ok(Finish::Done)
    }

    fn topic(&self, calendar: &Calendar) -> String {
        let now = self.now();
        self.words().topic(&calendar.occurrences(now, later(now, TOPIC_AHEAD)))
    }
}

fn write_announced(changes: &mut Changes, before: Option<String>, told: &[Announced]) {
    let text = serde_json::to_string(told).expect("what was announced is plain data");
    changes.expect.push(Expect::Note(ANNOUNCED.to_owned(), before));
    changes.notes.push((ANNOUNCED.to_owned(), text));
}

/// The word of a lead in keys.
pub(crate) fn lead_key(lead: Lead) -> String {
    serde_json::to_string(&lead).unwrap_or_default().trim_matches('"').to_owned()
}
