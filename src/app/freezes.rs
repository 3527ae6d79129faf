//! What people are told of a freeze besides its time: what is merged and not deployed, who waits for its end, that it
//! moved, and the topic of the channel. Not here: when (`remind`), the words (`messages::freezes`).

use crate::bot::App;
use crate::effects::{Effect, Finish, Leased, NewEffect};
use crate::judge::later;
use crate::ports::{Comparison, OutsideError, Resolved};
use crate::remind::{latest, newest};
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
    /// It is known, but nobody was told yet: it was there when this database was new, or is about to be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_untold: bool,
}

/// What is looked at for reminders.
pub(crate) struct Looked<'a> {
    /// Every freeze around now.
    pub occurrences: &'a [FreezeOccurrence<'a>],
    /// Now.
    pub now: Timestamp,
    /// When people are reminded.
    pub leads: &'a [Lead],
    /// When the last look ended; none at the first.
    pub since: Option<Timestamp>,
}

impl<'a> Looked<'a> {
    /// The freezes that are known from now on, and those of them that came late, with the moment that is told: after the
    /// last look, their moments had passed already. Of each only the first time that is not over is told. Whoever adds one
    /// in chat tells everybody.
    fn unknown(
        &self,
        known: &[Announced],
        is_unreadable: &dyn Fn(&FreezeId) -> bool,
    ) -> (Vec<Announced>, Vec<(&'a FreezeOccurrence<'a>, Timestamp, Lead)>) {
        let (mut new, mut late): (Vec<Announced>, Vec<(&FreezeOccurrence<'_>, Timestamp, Lead)>) =
            Default::default();
        for occurrence in self.occurrences {
            let (id, is) = (&occurrence.freeze.id, Announced::of(occurrence));
            let is_known = known.iter().any(|known| known.id == *id && known.from == is.from);
            if is_known || is.is_from_chat || is.is_over(self.now) || is_unreadable(id) {
                continue;
            }
            let Some((at, lead)) = newest(self.leads, occurrence, self.now) else { continue };
            new.push(Announced { is_untold: true, ..is });
            let is_first = late.iter().all(|(other, ..)| other.freeze.id != *id);
            let is_missed = |since| latest(self.leads, occurrence, since, self.now, true).is_none();
            if is_first && self.since.is_some_and(is_missed) {
                late.push((occurrence, at, lead));
            }
        }
        (new, late)
    }
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
            is_untold: false,
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
                true if same.freeze.scope == self.scope => Became::Same,
                true | false => Became::Moved(*same),
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
        late: Option<Timestamp>,
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
        let key = late.map_or(key.clone(), |at| format!("{key}/late/{}", at.as_millisecond()));
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

    /// Says of each freeze that people were told of, and that is not so any more, what became of it. Gives those that
    /// came late, and what is to be told of them.
    pub(crate) async fn correct_announced<'a>(
        &self,
        calendar: &Calendar,
        looked: &Looked<'a>,
        changes: &mut Changes,
    ) -> Result<Vec<(&'a FreezeOccurrence<'a>, Timestamp, Lead)>, StoreError> {
        let now = changes.at;
        let (text, told) = self.announced().await?;
        let mut kept = Vec::new();
        for freeze in &told {
            // A calendar that cannot be read now takes nothing back.
            if calendar.is_unreadable(&freeze.id, now) {
                kept.push(freeze.clone());
                continue;
            }
            match freeze.became(looked.occurrences, now) {
                Became::Same => kept.push(freeze.clone()),
                Became::Over => {}
                // Nothing was said that could be wrong. As it is now, it is one that nobody knows.
                Became::Moved(_) | Became::Gone if freeze.is_untold => {}
                Became::Moved(occurrence) => {
                    let is = Announced::of(&occurrence);
                    // Said once, because it is known in the same write: one that moves there and back is said again.
                    let key = format!("remind/moved/{}@{}/{}", freeze.id, freeze.from, now.as_millisecond());
                    changes.effects.push(self.say_once(key, self.words().freeze_moved(freeze, &is), now));
                    if !is.is_over(now) {
                        kept.push(is);
                    }
                }
                // Whoever ended one in chat told everybody.
                Became::Gone if freeze.is_from_chat => {}
                Became::Gone => {
                    let key = format!("remind/gone/{}@{}/{}", freeze.id, freeze.from, now.as_millisecond());
                    changes.effects.push(self.say_once(key, self.words().freeze_gone(freeze), now));
                }
            }
        }
        let (new, late) = looked.unknown(&kept, &|id| calendar.is_unreadable(id, now));
        kept.extend(new);
        if kept != told {
            write_announced(changes, text, &kept);
        }
        Ok(late)
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

#[cfg(test)]
mod tests {
    use super::*;
    use shipgate_domain::calendar::{Freeze, FreezeWhen};
    use shipgate_domain::zone::Zone;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-26T{text}Z").parse().expect("an instant")
    }

    fn freeze(id: &str, (from, until): (&str, &str), environment: &str) -> Freeze {
        Freeze {
            id: FreezeId(id.into()),
            name: id.to_uppercase(),
            scope: FreezeScope { environments: vec![environment.into()], ..FreezeScope::default() },
            zone: Zone::utc(),
            when: FreezeWhen::instants(at(from), Some(at(until))).expect("a freeze"),
            origin: FreezeOrigin::Settings,
        }
    }

    fn compiled(freezes: &[Freeze]) -> Calendar {
        Calendar::compile(&Default::default(), freezes, at("00:00"))
    }

    fn occurrences(calendar: &Calendar) -> Vec<FreezeOccurrence<'_>> {
        calendar.occurrences(at("00:00"), at("23:59"))
    }

    fn leads(words: &[&str]) -> Vec<Lead> {
        words.iter().map(|word| word.parse().expect("a reminder time")).collect()
    }

    /// What is told of freezes that are seen for the first time at noon, a minute after the last look.
    fn told_late(
        calendar: &Calendar,
        leads: &[Lead],
        known: &[Announced],
        since: Option<&str>,
    ) -> Vec<String> {
        let (all, since) = (occurrences(calendar), since.map(at));
        let looked = Looked { occurrences: &all, now: at("12:00"), leads, since };
        let (new, late) = looked.unknown(known, &|_| false);
        assert!(new.iter().all(|new| new.is_untold), "they are told by an effect of their own");
        late.iter().map(|(occurrence, _, lead)| format!("{} {lead}", occurrence.freeze.id)).collect()
    }

    #[test]
    fn a_freeze_that_comes_after_its_moments_is_told_once() {
        let freezes = [
            freeze("holds", ("09:00", "18:00"), "staging"),
            freeze("soon", ("12:36", "18:00"), "staging"),
            freeze("later", ("16:00", "18:00"), "staging"),
            freeze("over", ("08:00", "09:00"), "staging"),
            // Its hour before came since the last look: it is told as always.
            freeze("on-time", ("13:00", "18:00"), "staging"),
        ];
        let calendar = compiled(&freezes);
        let leads = leads(&["2h", "1h", "start", "end"]);
        let told = |known: &[Announced], since| told_late(&calendar, &leads, known, since);
        assert_eq!(told(&[], Some("11:59")), ["holds start", "soon 1h"]);
        assert_eq!(told(&[], None), [""; 0], "what a new database finds was told by whoever wrote it");
        let known: Vec<Announced> = occurrences(&calendar).iter().map(Announced::of).collect();
        assert_eq!(told(&known, Some("11:59")), [""; 0]);
        assert_eq!(told_late(&calendar, &[], &[], Some("11:59")), [""; 0], "nobody wants to be reminded");
    }

    #[test]
    fn of_one_that_comes_again_and_again_only_the_next_time_is_told_when_it_is_new() {
        let hourly = FreezeWhen::Cron {
            line: "0 * * * *".parse().expect("a line"),
            lasts: "30m".parse().expect("a length"),
        };
        let calendar =
            compiled(&[Freeze { when: hourly, ..freeze("hourly", ("00:00", "01:00"), "staging") }]);
        assert_eq!(told_late(&calendar, &leads(&["7d"]), &[], Some("11:59")), ["hourly start"]);
    }

    #[test]
    fn a_freeze_that_holds_elsewhere_than_it_was_told_is_corrected() {
        let (was, is) = (("09:00", "18:00"), compiled(&[freeze("f", ("09:00", "18:00"), "staging")]));
        let told = compiled(&[freeze("f", was, "production")]);
        let told = Announced::of(&occurrences(&told)[0]);
        assert!(matches!(told.became(&occurrences(&is), at("12:00")), Became::Moved(_)));
        assert!(matches!(told.became(&occurrences(&is), at("19:00")), Became::Over));
        let same = Announced::of(&occurrences(&is)[0]);
        assert!(matches!(same.became(&occurrences(&is), at("12:00")), Became::Same));
    }
}
