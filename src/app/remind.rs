//! Reminders of freezes and of the calendar: each once, also across restarts. Not here: their words.

use crate::bot::App;
use crate::effects::{Effect, Finish, NewEffect};
use crate::freezes::{Looked, lead_key};
use crate::judge::later;
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::{FreezeOccurrence, Lead};

/// Where the last look ended. Everything due before it was said.
const CURSOR: &str = "reminders/looked";
/// The longest time between two looks; a freeze added in chat brings the next one forward.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// After a longer pause than this, what was missed is old news.
const CATCH_UP: SignedDuration = SignedDuration::from_hours(24 * 8);

/// What was missed together is told one after the other, so far apart: each may wait for a code host.
const APART: SignedDuration = SignedDuration::from_secs(3);

impl App {
    /// Says every reminder that came due since the last look, in the order of their times. Of several missed ones about
    /// the same freeze only the latest is said: "starts in 7 days" is no use when it has begun.
    pub(crate) async fn remind(&self) -> Result<Finish, StoreError> {
        let now = self.now();
        let seen = self.store.note(CURSOR).await?.and_then(|text| text.parse::<Timestamp>().ok());
        let since = seen.unwrap_or(now).max(later(now, -CATCH_UP)).min(now);
        let calendar = self.calendar_now().await?;
        let mut changes = self.changes(now);
        // A reminder may be due months before or after the occurrence it is about.
        let around = SignedDuration::from_hours(24 * 367);
        let occurrences = calendar.occurrences(later(since, -around), later(now, around));
        let mut due: Vec<(Timestamp, NewEffect)> = Vec::new();
        for occurrence in &occurrences {
            if let Some((at, lead)) = latest(&self.rules.leads, occurrence, since, now, seen.is_some()) {
                tracing::info!(freeze = occurrence.freeze.name, "a reminder is due since {at}");
                due.push((at, tell(occurrence, lead, None, now)));
            }
        }
        let looked =
            Looked { occurrences: &occurrences, now, leads: &self.rules.leads, since: seen.map(|_| since) };
        for (occurrence, at, lead) in self.correct_announced(&calendar, &looked, &mut changes).await? {
            tracing::info!(freeze = occurrence.freeze.name, "it came after {at}, when people are told of it");
            due.push((at, tell(occurrence, lead, Some(now), now)));
        }
        for reminder in &self.rules.cron_reminders {
            let fires =
                reminder.at.upcoming(since, &self.rules.policy.zone).take_while(|at| *at <= now).last();
            if let Some(at) = fires {
                let week = calendar.occurrences(now, later(now, SignedDuration::from_hours(24 * 7)));
                let message = self.calendar_reminder(&reminder.say, &week);
                due.push((at, self.say_once(format!("remind/cron/{}/{at}", reminder.say), message, now)));
            }
        }
        changes.effects.extend(in_order(due));
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

/// What tells people of one moment of a freeze, once. One that came late is told once each time it comes.
fn tell(occurrence: &FreezeOccurrence<'_>, lead: Lead, late: Option<Timestamp>, now: Timestamp) -> NewEffect {
    let key = format!("tell/{}/{}", occurrence.key(), lead_key(lead));
    let key = late.map_or(key.clone(), |at| format!("{key}/late/{}", at.as_millisecond()));
    let (freeze, from) = (occurrence.freeze.id.clone(), occurrence.from);
    NewEffect::once(key, Effect::TellFreeze { freeze, from, lead, late }, now)
}

/// What is told of a freeze that came when moments of it had passed: that it has started, or else the newest of them.
/// None: no moment has passed, or nobody wants to be reminded of any.
pub(crate) fn newest(
    leads: &[Lead],
    occurrence: &FreezeOccurrence<'_>,
    now: Timestamp,
) -> Option<(Timestamp, Lead)> {
    let due = leads.iter().filter_map(|lead| Some((lead.due(occurrence)?, *lead)));
    let passed: Vec<(Timestamp, Lead)> = due.filter(|(due, _)| *due <= now).collect();
    let announces = |lead: &Lead| matches!(lead, Lead::BeforeStart(_) | Lead::Start);
    let first = passed.iter().filter(|(_, lead)| announces(lead)).max_by_key(|(due, _)| *due);
    match first {
        Some(_) if occurrence.from <= now => Some((occurrence.from, Lead::Start)),
        Some(newest) => Some(*newest),
        None => passed.into_iter().max_by_key(|(due, _)| *due),
    }
}

/// The last moment of a freeze that came due in `(since, now]`. It makes the earlier ones pointless.
pub(crate) fn latest(
    leads: &[Lead],
    occurrence: &FreezeOccurrence<'_>,
    since: Timestamp,
    now: Timestamp,
    has_looked: bool,
) -> Option<(Timestamp, Lead)> {
    let due = leads.iter().filter_map(|lead| Some((lead.due(occurrence)?, *lead)));
    let missed = due.filter(|(due, lead)| {
        let is_too_old = matches!(lead, Lead::BeforeStart(_)) && occurrence.from <= since && has_looked;
        *due > since && *due <= now && !is_too_old
    });
    // At the same instant, that it has begun says more than when it ends.
    missed.max_by_key(|(due, lead)| (*due, !matches!(lead, Lead::BeforeEnd(_))))
}

/// The reminders in the order of their times, each due after the one before it.
fn in_order(mut due: Vec<(Timestamp, NewEffect)>) -> impl Iterator<Item = NewEffect> {
    due.sort_by_key(|(at, _)| *at);
    let places = std::iter::successors(Some(SignedDuration::ZERO), |last| Some(last.saturating_add(APART)));
    due.into_iter()
        .zip(places)
        .map(|((_, effect), place)| NewEffect { due: later(effect.due, place), ..effect })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shipgate_domain::calendar::{Calendar, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen};
    use shipgate_domain::zone::Zone;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn leads(words: &[&str]) -> Vec<Lead> {
        words.iter().map(|word| word.parse().expect("a reminder time")).collect()
    }

    #[test]
    fn of_what_was_missed_only_the_latest_is_told() {
        let leads = leads(&["7d", "24h", "1h", "start", "1h before end", "end"]);
        let when =
            FreezeWhen::instants(at("2026-11-26T08:00Z"), Some(at("2026-11-26T09:00Z"))).expect("a freeze");
        let freeze = Freeze {
            id: FreezeId("f".into()),
            name: "F".into(),
            scope: FreezeScope::default(),
            zone: Zone::utc(),
            when,
            origin: FreezeOrigin::Settings,
        };
        let calendar = Calendar::compile(&Default::default(), &[freeze], at("2026-11-20T00:00Z"));
        let occurrence = calendar.occurrences(at("2026-11-20T00:00Z"), at("2026-12-01T00:00Z"))[0];
        for (since, now, told) in [
            ("2026-11-18T00:00Z", "2026-11-26T07:30Z", Some("1h")),
            ("2026-11-25T00:00Z", "2026-11-26T08:30Z", Some("start")),
            ("2026-11-25T00:00Z", "2026-11-26T09:30Z", Some("end")),
            ("2026-11-26T07:30Z", "2026-11-26T08:00Z", Some("start")),
            ("2026-11-26T08:00Z", "2026-11-26T08:30Z", None),
        ] {
            let found = latest(&leads, &occurrence, at(since), at(now), true);
            assert_eq!(found.map(|(_, lead)| lead.to_string()).as_deref(), told, "{since} to {now}");
        }
    }

    #[test]
    fn what_was_missed_together_is_told_in_the_order_of_its_times() {
        let now = at("2026-11-26T12:00Z");
        let effect = |key: &str| NewEffect::once(key.to_owned(), Effect::ReadCalendars, now);
        let due =
            ["2026-11-26T11:00Z", "2026-11-26T09:00Z", "2026-11-26T10:00Z"].map(|due| (at(due), effect(due)));
        let told: Vec<NewEffect> = in_order(due.to_vec()).collect();
        let keys: Vec<&str> = told.iter().map(|effect| effect.key.as_str()).collect();
        assert_eq!(keys, ["2026-11-26T09:00Z", "2026-11-26T10:00Z", "2026-11-26T11:00Z"]);
        assert!(
            told[0].due == now && told.is_sorted_by_key(|effect| effect.due) && told[1].due < told[2].due
        );
    }
}
