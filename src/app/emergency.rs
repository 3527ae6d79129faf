//! What must not be overlooked: people who are asked and do not answer, emergencies, and their notes afterwards.
//! Not here: who may let an emergency pass (`domain::gates`).

use crate::bot::App;
use crate::commands::Invocation;
use crate::effects::{Effect, Finish, NewEffect};
use crate::intake::Visit;
use crate::ports::Post;
use crate::store::{Changes, StoreError};
use crate::words::{Body, Message};
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan};
use shipgate_domain::audit::Actor;
use shipgate_domain::deploy::{Deploy, Event, State};
use shipgate_domain::gates::{Reason, Verdict};
use shipgate_domain::ids::{DeployId, Digest, GroupName};
use shipgate_domain::people::Action;

/// How often the note about an emergency is asked for.
const TIMES: u32 = 2;
/// The hour of the next day at which it is asked for, by the zone of the settings.
const HOUR: i8 = 10;
/// Longest note that is kept.
const NOTE: usize = 500;

fn is_waiting(deploy: &Deploy) -> bool {
    matches!(deploy.state, State::Waiting { .. })
}

fn is_asked(deploy: &Deploy) -> bool {
    deploy.verdicts.iter().any(|v| matches!(v.reason, Reason::OverrideAsked { .. }))
}

/// Whether a gate lets it pass as an emergency.
fn has_passed(deploy: &Deploy) -> bool {
    let passes = |r: &Reason| matches!(r, Reason::Overridden { .. } | Reason::EmergencyHours { .. });
    deploy.request.emergency.is_some() && deploy.verdicts.iter().any(|v| passes(&v.reason))
}

/// Who is asked for a yes.
fn asked_groups(deploy: &Deploy) -> Vec<&GroupName> {
    deploy.verdicts.iter().filter(|v| v.is_asking_people()).flat_map(|v| &v.helpers.groups).collect()
}

impl App {
    /// Tells the channel of alerts what becomes of an emergency: asked for, granted, started. And afterwards asks for
    /// the note about it.
    pub(crate) fn emergency_news(
        &self,
        changes: &mut Changes,
        before: &Deploy,
        deploy: &Deploy,
        event: &Event,
    ) {
        if deploy.request.emergency.is_none() {
            return;
        }
        let now = changes.at;
        let mut say = |what: &str, message: Message| {
            let key = format!("emergency/{what}/{}/{}", deploy.id, deploy.revision);
            changes.effects.push(self.say_in(&self.rules.alerts, key, message, now));
        };
        if is_waiting(deploy)
            && is_asked(deploy)
            && (!is_asked(before) || before.to_pass() != deploy.to_pass())
        {
            say("asked", self.words().emergency_asked(deploy));
        }
        if has_passed(deploy)
            && !is_asked(deploy)
            && (!has_passed(before) || is_asked(before))
            && !deploy.is_done()
        {
            say("granted", self.words().emergency_granted(deploy));
        }
        if matches!(event, Event::IntentMade { .. }) && has_passed(deploy) {
            say("started", self.words().emergency_starts(deploy));
        }
        if deploy.is_done() && !before.is_done() && before.is_active() && has_passed(deploy) {
            changes.effects.push(self.incident_effect(&deploy.id, 1, now));
        }
    }

    /// Calls those who are asked now and were not before, because it took too long; and has those who are asked
    /// reminded later.
    pub(crate) fn asked_news(&self, changes: &mut Changes, before: &Deploy, deploy: &Deploy) {
        let asking = |d: &Deploy| d.verdicts.iter().any(Verdict::is_asking_people);
        let Some(digest) = deploy.digest() else { return };
        if !is_waiting(deploy) || !asking(deploy) {
            return;
        }
        let now = changes.at;
        if asking(before) && before.digest() == Some(digest) {
            let was = asked_groups(before);
            let new: Vec<String> = asked_groups(deploy)
                .into_iter()
                .filter(|group| !was.contains(group) && self.is_escalation(deploy, group))
                .map(ToString::to_string)
                .collect();
            if !new.is_empty() {
                let key = format!("escalated/{}/{}/{}", deploy.id, digest.short(), new.join("+"));
                changes.effects.push(self.thread_say(deploy, key, self.words().escalated(deploy, &new), now));
            }
            return;
        }
        let rule = self.rules.policy.environments.get(&deploy.request.environment).map(|e| &e.approvals);
        if let Some(after) = rule.and_then(|rule| rule.remind) {
            let key = format!("nudge/{}/{}", deploy.id, digest.short());
            let at = crate::judge::later(now, after);
            let effect = Effect::Nudge { deploy: deploy.id.clone(), digest: digest.clone(), at: Some(at) };
            changes.effects.push(NewEffect::once(key, effect, at));
        }
    }

    fn is_escalation(&self, deploy: &Deploy, group: &GroupName) -> bool {
        let environment = self.rules.policy.environments.get(&deploy.request.environment);
        environment.is_some_and(|e| e.approvals.escalate.iter().any(|step| step.to.contains(group)))
    }

    /// Reminds those whose yes is still missing. Nothing is said when it is not wanted any more.
    pub(crate) async fn nudge(
        &self,
        id: &DeployId,
        digest: &Digest,
        at: Option<Timestamp>,
    ) -> Result<Finish, StoreError> {
        let Some(deploy) = self.store.deploy(id).await? else { return Ok(Finish::Done) };
        let rule = self.rules.policy.environments.get(&deploy.request.environment).map(|e| &e.approvals);
        let after = rule.and_then(|rule| rule.remind);
        let anew = |now| after.map(|after| crate::judge::later(now, after));
        let effect = |at| Effect::Nudge { deploy: id.clone(), digest: digest.clone(), at: Some(at) };
        let key = format!("nudge/{id}/{}", digest.short());
        if let Some(finish) = self.too_early(at, anew, key, effect).await? {
            return Ok(finish);
        }
        let is_wanted = is_waiting(&deploy)
            && deploy.digest() == Some(digest)
            && deploy.verdicts.iter().any(Verdict::is_asking_people);
        if is_wanted {
            let mut changes = self.changes(self.now());
            let key = format!("nudged/{id}/{}", digest.short());
            let (note, now) = (self.words().still_asked(&deploy), changes.at);
            changes.effects.push(self.thread_say(&deploy, key, note, now));
            self.commit(changes).await?;
        }
        Ok(Finish::Done)
    }

    /// How an effect ends that is looked at before its time, because the clock was moved; none when it is due. `anew`:
    /// when it would be due had it been asked for now.
    async fn too_early(
        &self,
        at: Option<Timestamp>,
        anew: impl Fn(Timestamp) -> Option<Timestamp>,
        key: String,
        effect: impl Fn(Timestamp) -> Effect,
    ) -> Result<Option<Finish>, StoreError> {
        let mut changes = self.changes(self.now());
        let now = changes.at;
        match at.map_or(Due::Now, |at| Due::of(at, now, anew(now).unwrap_or(at))) {
            Due::Now => Ok(None),
            Due::At(at) => Ok(Some(Finish::Again(at))),
            Due::Anew(at) => {
                let key = format!("{key}/again/{}", now.as_millisecond());
                changes.effects.push(NewEffect::once(key, effect(at), at));
                self.commit(changes).await?;
                Ok(Some(Finish::Done))
            }
        }
    }

    fn incident_effect(&self, id: &DeployId, time: u32, now: Timestamp) -> NewEffect {
        let at = self.next_morning(now);
        let effect = Effect::AskForIncident { deploy: id.clone(), time, at: Some(at) };
        NewEffect::once(format!("incident/{id}/{time}"), effect, at)
    }

    /// Ten o'clock of the next day by the zone of the settings.
    fn next_morning(&self, now: Timestamp) -> Timestamp {
        let zone = self.rules.policy.zone.tz();
        let at = zone
            .to_datetime(now)
            .date()
            .checked_add(1.day())
            .ok()
            .map(|day| day.to_datetime(Time::constant(HOUR, 0, 0, 0)))
            .and_then(|at| zone.to_timestamp(at).ok());
        at.unwrap_or_else(|| crate::judge::later(now, SignedDuration::from_hours(24)))
    }

    /// Asks whoever asked for an emergency for its note, unless it was written.
    pub(crate) async fn ask_for_incident(
        &self,
        id: &DeployId,
        time: u32,
        at: Option<Timestamp>,
    ) -> Result<Finish, StoreError> {
        let anew = |now| Some(self.next_morning(now));
        let effect = |at| Effect::AskForIncident { deploy: id.clone(), time, at: Some(at) };
        if let Some(finish) = self.too_early(at, anew, format!("incident/{id}/{time}"), effect).await? {
            return Ok(finish);
        }
        let Some(deploy) = self.store.deploy(id).await? else { return Ok(Finish::Done) };
        if self.store.note(&incident_of(id)).await?.is_some() {
            return Ok(Finish::Done);
        }
        let mut changes = self.changes(self.now());
        let now = changes.at;
        let message = self.words().incident_wanted(&deploy);
        let key = format!("incident-wanted/{id}/{time}");
        changes.effects.push(self.say_in(&self.rules.alerts, key, message, now));
        if time < TIMES {
            changes.effects.push(self.incident_effect(id, time + 1, now));
        }
        self.commit(changes).await?;
        Ok(Finish::Done)
    }

    /// `incident 7K2M9Q https://wiki.example/incidents/42`
    pub(crate) async fn note_incident(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let Some(deploy) = self.which(visit, said, |d| d.request.emergency.is_some()).await? else {
            return Ok(());
        };
        if deploy.request.emergency.is_none() {
            let answer = self.words().no_emergency(&deploy);
            visit.answer(answer);
            return Ok(());
        }
        let Some((environment, _)) = self.place_of(&deploy) else {
            let answer = self.words().place_is_gone(&deploy);
            visit.answer(answer);
            return Ok(());
        };
        let Some(grant) = self.allowed(visit, Action::Incident, Some(environment)).await else {
            return Ok(());
        };
        let text: String = said.text("note").unwrap_or_default().trim().chars().take(NOTE).collect();
        let data = serde_json::json!({ "of": deploy.id, "note": text });
        self.note(
            &mut visit.changes,
            Actor::of(&grant),
            Some(&deploy.request.environment),
            "incident_noted",
            data,
        );
        visit.changes.notes.push((incident_of(&deploy.id), text.clone()));
        let note = self.words().incident_noted(&deploy, grant.person(), &text);
        let key = format!("incident-noted/{}/{}", deploy.id, visit.now.as_millisecond());
        let now = visit.now;
        visit.changes.effects.push(self.thread_say(&deploy, key, note.clone(), now));
        visit.answer(note);
        Ok(())
    }

    /// A message in a channel, once for ever.
    fn say_in(&self, channel: &str, key: String, message: Message, due: Timestamp) -> NewEffect {
        let body = Body::Message(message);
        let post = Post { channel: channel.to_owned(), thread: None, body, key: key.clone() };
        NewEffect::once(key, Effect::Say { post: Box::new(post), under: None }, due)
    }
}

/// When something is due that is looked at now.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Now,
    /// At its own time.
    At(Timestamp),
    /// The clock was set back: it has another time from now on, so that nobody waits a year.
    Anew(Timestamp),
}

impl Due {
    /// `anew`: when it would be due had it been asked for now.
    fn of(at: Timestamp, now: Timestamp, anew: Timestamp) -> Self {
        if at <= now {
            Self::Now
        } else if at <= anew {
            Self::At(at)
        } else {
            Self::Anew(anew)
        }
    }
}

/// The note with the link or text about an emergency.
fn incident_of(id: &DeployId) -> String {
    format!("incident/{id}")
}

#[cfg(test)]
mod tests {
    use super::Due;
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn what_is_looked_at_early_comes_back_at_its_own_time() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        // Asked for at minute 100, for half an hour later.
        let due = |now: i64| Due::of(at(130), at(now), at(now + 30));
        assert_eq!(due(102), Due::At(at(130)));
        assert_eq!(due(129), Due::At(at(130)));
        assert_eq!(due(130), Due::Now);
        assert_eq!(due(500), Due::Now);
        // The clock was set back by a year.
        assert_eq!(due(-525_500), Due::Anew(at(-525_470)));
    }
}
