//! Work that cannot be done: an item or effect whose processing breaks again and again is put away after three tries,
//! so that everything else goes on, and people are told (INVARIANTS S19). Not here: work that another system refuses.

use crate::bot::App;
use crate::effects::{Effect, Finish, Leased};
use crate::inbound::Content;
use crate::judge::later;
use crate::store::{BEGINNINGS, Changes, StoreError, Waiting};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shipgate_domain::audit::Actor;
use std::any::Any;

/// So many tries have everything.
const TRIES: u32 = BEGINNINGS - 1;
/// Effects that tell people of other effects tell nobody of themselves: there would be no end.
const TOLD: &str = "put-away/";

/// A break so long after the one before is no repetition of it: work that comes again for months may break now and then.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// How often work on one effect broke off in a row.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Breaks {
    times: u32,
    /// When it did last.
    at: Timestamp,
}

impl Breaks {
    /// One more, after those that were noted.
    fn after(noted: Option<&str>, at: Timestamp) -> Self {
        let before: Option<Self> = noted.and_then(|text| serde_json::from_str(text).ok());
        let recent = before.filter(|before| at.duration_since(before.at) < FORGOTTEN_AFTER);
        Self { times: recent.map_or(0, |before| before.times) + 1, at }
    }
}

impl App {
    /// Whether an item was tried often enough. Its beginnings are counted before each try, so a try that takes the
    /// whole process with it counts too.
    pub(crate) fn is_spent(item: &Waiting) -> bool {
        item.attempts >= TRIES
    }

    /// Puts an inbox item away: who sent it is answered, the channel is told, the record keeps what it said.
    pub(crate) async fn put_item_away(&self, item: &Waiting) -> Result<(), StoreError> {
        let reference = format!("inbox-{}", item.id);
        tracing::error!(
            reference,
            kind = item.inbound.content.name(),
            "a command is put away after {TRIES} tries"
        );
        metrics::counter!("shipgate_put_away_total", "what" => "command").increment(1);
        let mut visit = self.visit(&item.inbound, format!("answer/{}", item.id));
        let (answer, notice) = (
            self.words().command_put_away(&reference),
            self.words().told_of_command(&visit.person, &reference),
        );
        visit.answer(answer);
        let now = visit.now;
        visit.changes.effects.push(self.say_once(format!("{TOLD}{reference}"), notice, now));
        // Buttons and forms carry tokens: what they said is on the card.
        let said = match &item.inbound.content {
            Content::Slash { command, text } => Some(format!("/{command} {text}")),
            Content::Mention { text } => Some(text.clone()),
            Content::Press { .. } | Content::Tick { .. } | Content::Submit { .. } => None,
        };
        let data = serde_json::json!({
            "reference": reference, "by": visit.person, "kind": item.inbound.content.name(), "said": said,
        });
        self.note(&mut visit.changes, Actor::Shipgate, None, "command_put_away", data);
        visit.changes.inbox_done = Some(item.id);
        self.commit(visit.changes).await
    }

    /// Work on an effect panicked: it is tried again, and after three such tries put away. The count is kept apart
    /// from its attempts, of which an outage of another system takes any number.
    pub(crate) async fn effect_broke(&self, leased: &Leased, why: &str) -> Result<(), StoreError> {
        let count = format!("broke/{}", leased.key);
        let before = self.store.note(&count).await?;
        let mut changes = self.changes(self.now());
        let breaks = Breaks::after(before.as_deref(), changes.at);
        let broke = breaks.times;
        tracing::error!(effect = leased.key, broke, "work on an effect broke off: {why}");
        let finish = if broke < TRIES {
            let at = later(changes.at, SignedDuration::from_secs(i64::from(broke)));
            Finish::Retry { at, why: why.to_owned() }
        } else {
            self.put_effect_away(leased, why, &mut changes);
            Finish::Dead { why: why.to_owned() }
        };
        // Whoever asks for it again later begins anew.
        let breaks = Breaks { times: broke % TRIES, ..breaks };
        changes.notes.push((count, serde_json::to_string(&breaks).expect("counts are plain data")));
        changes.finish = Some((leased.id, leased.token, finish));
        match self.commit(changes).await {
            // Somebody else has it by now.
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn put_effect_away(&self, leased: &Leased, why: &str, changes: &mut Changes) {
        let reference = format!("effect-{}-{}", leased.id, leased.token);
        tracing::error!(effect = leased.key, reference, "an effect is put away after {TRIES} tries");
        metrics::counter!("shipgate_put_away_total", "what" => leased.effect.name()).increment(1);
        let data = serde_json::json!({ "reference": reference, "effect": leased.effect.name(), "why": why });
        self.note(changes, Actor::Shipgate, None, "effect_put_away", data);
        if !leased.key.starts_with(TOLD) {
            let notice =
                self.words().told_of_effect(task(&leased.effect), leased.effect.deploy(), &reference);
            let now = changes.at;
            changes.effects.push(self.say_once(format!("{TOLD}{reference}"), notice, now));
        }
    }
}

/// What an effect does, as a sentence goes on after "could not", and before the deploy it concerns.
fn task(effect: &Effect) -> &'static str {
    match effect {
        Effect::Judge { .. } => "judge the rules of",
        Effect::Send { .. } => "start",
        Effect::Reconcile { .. } => "look for the run of",
        Effect::Follow { .. } => "follow the run of",
        Effect::StopRun { .. } => "stop the run of",
        Effect::JudgeLine { .. } => "judge those who wait for their turn",
        Effect::Card { .. } => "bring up to date the card of",
        Effect::Say { under: Some(_), .. } => "post a note about",
        Effect::Say { under: None, .. } => "post a message",
        Effect::Reply { .. } => "answer somebody",
        Effect::OpenForm { .. } => "open a form for somebody",
        Effect::Remind => "look for reminders",
        Effect::TellFreeze { .. } => "tell people about a freeze",
        Effect::Topic => "set the topic of the channel",
        Effect::NagLock { .. } => "ask the owner of a lock whether it is still needed",
        Effect::Nudge { .. } => "remind those who are asked about",
        Effect::AskForIncident { .. } => "ask for the note about the emergency of",
        Effect::ReadCalendars => "read the calendars of others",
        Effect::LookBack { .. } => "look for runs that it has forgotten",
        Effect::Sweep { .. } => "go through the deploys that are not over",
        Effect::Look { .. } => "ask another system for somebody",
    }
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it gave no reason".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_in_a_row_add_up_and_one_of_last_month_does_not() {
        let at = |minute: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        let text = |breaks: &Breaks| serde_json::to_string(breaks).unwrap();
        let first = Breaks::after(None, at(0));
        let second = Breaks::after(Some(&text(&first)), at(59));
        let third = Breaks::after(Some(&text(&second)), at(100));
        assert_eq!([first.times, second.times, third.times], [1, 2, 3]);
        assert_eq!(Breaks::after(Some(&text(&second)), at(119)), Breaks { times: 1, at: at(119) });
        // A clock that was set back makes nobody innocent.
        assert_eq!(Breaks::after(Some(&text(&second)), at(10)).times, 3);
    }
}
