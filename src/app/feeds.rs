//! Calendars that others keep: read now and then, kept in the database for every replica and after a restart. Not here:
//! how they are read (an adapter), when they freeze what (`domain::calendar`).
//!
//! What was read last is believed until it is `max_age` old; then, and when it was never read, its freeze counts as
//! unreadable, and nothing starts in its scope. The content is no part of the policy's version: approvals outlive it.

use crate::bot::{App, touch};
use crate::effects::{Effect, Finish, NewEffect};
use crate::judge::later;
use crate::ports::{Fetched, OutsideError};
use crate::store::{Changes, Scope, Store, StoreError, TOLD_NOTES_OF};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shipgate_domain::audit::Actor;
use shipgate_domain::calendar::{
    FeedContent, FeedSource, FeedState, FeedTrouble, Feeds, Freeze, FreezeId, FreezeWhen, try_content,
};
use shipgate_domain::policy::Policy;

/// A calendar that could not be read is asked for again after so long at the latest.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// One that keeps its scope closed is asked for sooner.
const ASK_SOON: SignedDuration = SignedDuration::from_secs(10);
/// A calendar whose server asks for more patience than this is asked all the same.
const MOST_PATIENT: SignedDuration = SignedDuration::from_hours(1);
/// So many are read at once, each within some 20 seconds; the others after that, so that no lease runs out.
const AT_ONCE: usize = 16;

/// A freeze of the settings that a calendar of others says.
struct Fed<'a> {
    freeze: &'a Freeze,
    source: &'a FeedSource,
    refresh: SignedDuration,
    max_age: SignedDuration,
}

/// Where it is kept when and how a calendar was read last. The record does not tell of it: it changes with every reading.
/// Whoever changes it past Shipgate can keep an old calendar in force, and cannot make it say anything else.
fn note_of(freeze: &FreezeId) -> String {
    format!("feed/{freeze}")
}

/// Where it is kept what a calendar says. Gates read it, so the record tells of it: it is written together with the entry
/// “calendar_read”.
fn content_note_of(freeze: &FreezeId) -> String {
    format!("{TOLD_NOTES_OF}{freeze}")
}

/// What a calendar said, as it is kept.
#[derive(Serialize, Deserialize)]
struct Said {
    source: FeedSource,
    content: FeedContent,
}

fn fed(policy: &Policy) -> impl Iterator<Item = Fed<'_>> {
    policy.freezes.iter().filter_map(|freeze| match &freeze.when {
        FreezeWhen::Feed { source, refresh, max_age } => {
            Some(Fed { freeze, source, refresh: *refresh, max_age: *max_age })
        }
        FreezeWhen::Dates { .. }
        | FreezeWhen::Cron { .. }
        | FreezeWhen::Rule { .. }
        | FreezeWhen::On { .. }
        | FreezeWhen::Holidays { .. }
        | FreezeWhen::Instants { .. } => None,
    })
}

/// What a database knows of the calendars that others keep. One whose stored state cannot be read is one that was never
/// read.
///
/// # Errors
/// The database failed.
pub async fn stored(store: &dyn Store, policy: &Policy) -> Result<Feeds, StoreError> {
    let mut feeds = Feeds::new();
    for fed in fed(policy) {
        let Some(text) = store.note(&note_of(&fed.freeze.id)).await? else { continue };
        match serde_json::from_str::<FeedState>(&text) {
            // The settings may name another place under the same name by now.
            Ok(state) if state.source == *fed.source => {
                let content = said(store, &fed).await?;
                // Only what the record tells of is believed. What earlier versions kept in this note is read anew.
                if content.is_some() || state.confirmed.is_none() {
                    feeds.insert(fed.freeze.id.clone(), FeedState { content, ..state });
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(freeze = fed.freeze.name, "a stored calendar is unreadable: {error}");
            }
        }
    }
    Ok(feeds)
}

async fn said(store: &dyn Store, fed: &Fed<'_>) -> Result<Option<FeedContent>, StoreError> {
    let Some(text) = store.note(&content_note_of(&fed.freeze.id)).await? else { return Ok(None) };
    match serde_json::from_str::<Said>(&text) {
        Ok(said) => Ok((said.source == *fed.source).then_some(said.content)),
        Err(error) => {
            tracing::error!(freeze = fed.freeze.name, "a stored calendar is unreadable: {error}");
            Ok(None)
        }
    }
}

impl App {
    fn fed(&self) -> impl Iterator<Item = Fed<'_>> {
        fed(&self.rules.policy)
    }

    /// Whether the settings name any.
    pub(crate) fn has_feeds(&self) -> bool {
        self.fed().next().is_some()
    }

    /// What all calendars of others said last, as far as anybody knows.
    pub(crate) async fn feeds(&self) -> Result<Feeds, StoreError> {
        stored(self.store.as_ref(), &self.rules.policy).await
    }

    /// Reads every calendar that is due, and says when the next one is.
    pub(crate) async fn read_feeds(&self) -> Result<Finish, StoreError> {
        let now = self.now();
        let mut feeds = self.feeds().await?;
        let is_due = |fed: &Fed<'_>| {
            feeds.get(&fed.freeze.id).is_none_or(|state| {
                // A clock that was set back must not make a calendar wait for what it showed before.
                state.due <= now || state.due > later(now, fed.refresh.max(MOST_PATIENT))
            })
        };
        let due: Vec<Fed<'_>> = self.fed().filter(is_due).take(AT_ONCE).collect();
        let answers = join_all(due.iter().map(|fed| self.ask_feed(fed, feeds.get(&fed.freeze.id)))).await;
        for (fed, answer) in due.iter().zip(answers) {
            let before = feeds.get(&fed.freeze.id).cloned();
            let after = self.learn_feed(fed, before, answer).await?;
            feeds.insert(fed.freeze.id.clone(), after);
        }
        let next = self.fed().map(|fed| feeds.get(&fed.freeze.id).map_or(now, |state| state.due)).min();
        Ok(next.map_or(Finish::Done, Finish::Again))
    }

    async fn ask_feed(&self, fed: &Fed<'_>, known: Option<&FeedState>) -> Result<Fetched, OutsideError> {
        let mark = known.filter(|state| state.content.is_some()).and_then(|state| state.mark.as_deref());
        let answer = self.providers.calendars()?.read(fed.source, mark).await?;
        if let Fetched::New { content, .. } = &answer {
            // One that could not be worked out later would close everything then: better now, and the last good stays.
            try_content(content, &fed.freeze.zone, self.now())
                .map_err(|why| OutsideError::Refused { why })?;
        }
        Ok(answer)
    }

    /// Writes what came of asking. Decisions that were begun before notice a change.
    async fn learn_feed(
        &self,
        fed: &Fed<'_>,
        before: Option<FeedState>,
        answer: Result<Fetched, OutsideError>,
    ) -> Result<FeedState, StoreError> {
        let mut changes = self.changes(self.now());
        let now = changes.at;
        let unknown = FeedState {
            source: fed.source.clone(),
            content: None,
            mark: None,
            confirmed: None,
            trouble: None,
            due: now,
        };
        let was = before.unwrap_or(unknown);
        let was_good = was.content(fed.source, fed.max_age, now).is_ok();
        let mut is = was.clone();
        match answer {
            Ok(Fetched::Unchanged) if was.content.is_some() => is.confirmed = Some(now),
            Ok(Fetched::Unchanged) => {
                self.fail(fed, &mut is, "it says that nothing changed, to the first question", None, now)
            }
            Ok(Fetched::New { content, mark }) => {
                (is.content, is.mark, is.confirmed) = (Some(content), mark, Some(now));
            }
            Err(OutsideError::Later { why, after }) => self.fail(fed, &mut is, &why, after, now),
            Err(OutsideError::Refused { why }) => self.fail(fed, &mut is, &why, None, now),
        }
        let has_failed = is.confirmed != Some(now);
        if !has_failed {
            (is.trouble, is.due) = (None, later(now, fed.refresh));
        }
        self.tell_of_feed(fed, &was, &is, &mut changes);
        let is_good = is.content(fed.source, fed.max_age, now).is_ok();
        // Who waits for it, and who may no longer start by it, is judged anew.
        let has_aged = was.good_until(fed.max_age).is_some_and(|until| until <= now && was.due <= until);
        if is.content != was.content || is_good != was_good || (has_failed && has_aged) {
            touch(&mut changes, Scope::Freezes);
            self.judge_all(&mut changes, None);
            changes.effects.push(NewEffect::whenever(Effect::Remind, now));
        }
        let kept = FeedState { content: None, ..is.clone() };
        let kept = serde_json::to_string(&kept).expect("the state of a calendar is plain data");
        changes.notes.push((note_of(&fed.freeze.id), kept));
        self.commit(changes).await?;
        Ok(is)
    }

    fn fail(
        &self,
        fed: &Fed<'_>,
        state: &mut FeedState,
        why: &str,
        after: Option<SignedDuration>,
        now: Timestamp,
    ) {
        tracing::warn!(freeze = fed.freeze.name, "cannot read {}: {why}", fed.source);
        metrics::counter!("shipgate_calendar_failures_total").increment(1);
        let since = state.trouble.as_ref().map_or(now, |trouble| trouble.since);
        state.trouble = Some(FeedTrouble { since, why: why.chars().take(300).collect() });
        let is_good = state.content(fed.source, fed.max_age, now).is_ok();
        let least = if is_good { fed.refresh.min(ASK_AGAIN) } else { ASK_SOON };
        let again = later(now, after.unwrap_or(SignedDuration::ZERO).clamp(least, MOST_PATIENT));
        // The moment from which it is no longer believed is one to look at.
        let ends = state.good_until(fed.max_age).filter(|until| *until > now);
        state.due = ends.map_or(again, |until| again.min(until));
    }

    /// People are told once when a calendar can no longer be read, and once when it can again.
    fn tell_of_feed(&self, fed: &Fed<'_>, was: &FeedState, is: &FeedState, changes: &mut Changes) {
        let now = changes.at;
        let id = &fed.freeze.id;
        match (&was.trouble, &is.trouble) {
            (None, Some(trouble)) => {
                let ends = is.good_until(fed.max_age).filter(|until| *until > now);
                let message = self.words().feed_trouble(fed.freeze, fed.source, &trouble.why, ends);
                changes.effects.push(self.say_once(format!("feed-trouble/{id}/{now}"), message, now));
            }
            (Some(trouble), None) => {
                let message = self.words().feed_mended(fed.freeze, fed.source);
                changes.effects.push(self.say_once(
                    format!("feed-mended/{id}/{}", trouble.since),
                    message,
                    now,
                ));
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        if was.content != is.content {
            let count = is.content.as_ref().map_or(0, |content| content.events.len() + content.periods.len());
            let data = serde_json::json!({ "freeze": fed.freeze.name, "source": fed.source.to_string(), "entries": count });
            self.note(changes, Actor::Shipgate, None, "calendar_read", data);
            if let Some(content) = is.content.clone() {
                let said = Said { source: is.source.clone(), content };
                let said = serde_json::to_string(&said).expect("a calendar is plain data");
                changes.notes.push((content_note_of(id), said));
            }
        }
    }
}
