//! Reminders of freezes and of the calendar: each once, also across restarts. Not here: their words.

use crate::bot::App;
use crate::effects::{Effect, Finish, NewEffect};
use crate::freezes::lead_key;
use crate::judge::later;
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::{FreezeOccurrence, Lead};
use std::collections::BTreeMap;

/// Where the last look ended. Everything due before it was said.
const CURSOR: &str = "reminders/looked";
/// The longest time between two looks; a freeze added in chat brings the next one forward.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// After a longer pause than this, what was missed is old news.
const CATCH_UP: SignedDuration = SignedDuration::from_hours(24 * 8);

impl App {
    /// Says every reminder that came due since the last look. Of several missed ones about the same moment of the
    /// same freeze only the latest is said: "starts in 7 days" is no use when it starts in an hour.
    pub(crate) async fn remind(&self) -> Result<Finish, StoreError> {
        let now = self.now();
        let seen = self.store.note(CURSOR).await?.and_then(|text| text.parse::<Timestamp>().ok());
        let since = seen.unwrap_or(now).max(later(now, -CATCH_UP)).min(now);
        let calendar = self.calendar_now().await?;
        let mut changes = self.changes(now);
        // A reminder may be due months before or after the occurrence it is about.
        let around = SignedDuration::from_hours(24 * 367);
        let occurrences = calendar.occurrences(later(since, -around), later(now, around));
        for occurrence in &occurrences {
            let mut latest: BTreeMap<bool, (Timestamp, Lead)> = BTreeMap::new();
            for lead in &self.rules.leads {
                let Some(due) = lead.due(occurrence) else { continue };
                let is_about_start = matches!(lead, Lead::BeforeStart(_) | Lead::Start);
                let is_too_old =
                    matches!(lead, Lead::BeforeStart(_)) && occurrence.from <= since && seen.is_some();
                if due > since && due <= now && !is_too_old {
                    let kept = latest.entry(is_about_start).or_insert((due, *lead));
                    if due >= kept.0 {
                        *kept = (due, *lead);
                    }
                }
            }
            for (due, lead) in latest.into_values() {
                let key = format!("tell/{}/{}", occurrence.key(), lead_key(lead));
                tracing::info!(freeze = occurrence.freeze.name, "a reminder is due since {due}");
                let (freeze, from) = (occurrence.freeze.id.clone(), occurrence.from);
                changes.effects.push(NewEffect::once(key, Effect::TellFreeze { freeze, from, lead }, now));
            }
        }
        for reminder in &self.rules.cron_reminders {
            let fires =
                reminder.at.upcoming(since, &self.rules.policy.zone).take_while(|at| *at <= now).last();
            if let Some(at) = fires {
                let week = calendar.occurrences(now, later(now, SignedDuration::from_hours(24 * 7)));
                let message = self.calendar_reminder(&reminder.say, &week);
                changes.effects.push(self.say_once(
                    format!("remind/cron/{}/{at}", reminder.say),
                    message,
                    now,
                ));
            }
        }
        self.correct_announced(&calendar, &occurrences, &mut changes).await?;
        self.renew_topic(&calendar, &mut changes).await?;
        changes.notes.push((CURSOR.to_owned(), now.to_string()));
        let next = self.next_reminder(&occurrences, now);
        if changes.effects.is_empty() {
            self.store.commit(changes).await?;
        } else {
            self.commit(changes).await?;
        }
        Ok(Finish::Again(next))
    }

    fn calendar_reminder(&self, say: &str, week: &[FreezeOccurrence<'_>]) -> crate::words::Message {
        if say.trim().eq_ignore_ascii_case("freezes this week") {
            self.words().freeze_list("Freezes in the next 7 days", week)
        } else {
            crate::words::Message::line(crate::words::Tone::Neutral, say)
        }
    }

    fn next_reminder(&self, occurrences: &[FreezeOccurrence<'_>], now: Timestamp) -> Timestamp {
        let leads = occurrences
            .iter()
            .flat_map(|o| self.rules.leads.iter().filter_map(|lead| lead.due(o)))
            .filter(|due| *due > now);
        let crons = self
            .rules
            .cron_reminders
            .iter()
            .filter_map(|r| r.at.upcoming(now, &self.rules.policy.zone).next());
        leads.chain(crons).chain([later(now, LOOK_EVERY)]).min().unwrap_or(now)
    }
}
