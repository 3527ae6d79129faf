//! Who is away, and who approves for them meanwhile: said in chat, kept in the record. Not here: whose yes counts
//! (`domain::gates`).

use crate::bot::App;
use crate::commands::Invocation;
use crate::intake::Visit;
use crate::store::{Expect, StoreError};
use jiff::SignedDuration;
use shipgate_domain::audit::Actor;
use shipgate_domain::ids::PersonId;
use shipgate_domain::people::{Action, Authorized, Away, Standing, absence_of_stand_in, circle, left_alone};

/// The note that says who is away. Every decision names the value that it read, so that none slips past a change, on
/// whichever replica; and the record tells of it.
pub(crate) const AWAY: &str = "away";
/// Nobody is away for longer: somebody who does not come back keeps no vote.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 60);

impl App {
    /// The note as it stands, and who is away by it. A note that nobody can read makes nobody a stand-in.
    pub(crate) async fn absences(&self) -> Result<(Option<String>, Vec<Away>), StoreError> {
        let value = self.store.note(AWAY).await?;
        let away = match value.as_deref().map(serde_json::from_str) {
            None => Vec::new(),
            Some(Ok(away)) => away,
            Some(Err(error)) => {
                tracing::error!("the note “{AWAY}” cannot be read, so nobody stands in for anybody: {error}");
                Vec::new()
            }
        };
        Ok((value, away))
    }

    /// `away until Fri 18:00 --delegate grace`
    pub(crate) async fn go_away(&self, visit: &mut Visit<'_>, said: &Invocation) -> Result<(), StoreError> {
        let Some(grant) = self.approver(visit).await else { return Ok(()) };
        let Some(until) = self.said_instant(visit, said, "until") else { return Ok(()) };
        let policy = &self.rules.policy;
        let person = grant.person().clone();
        let delegate = said.text("delegate").and_then(|name| name.parse::<PersonId>().ok());
        let delegate = delegate.filter(|name| policy.people.contains_key(name));
        let problem = match &delegate {
            _ if !policy.people.contains_key(&person) => {
                Some("You are nobody in [people] of the settings, so nobody can stand in for you.")
            }
            None => Some("Whoever stands in for you must be somebody of [people] in the settings."),
            Some(delegate) if *delegate == person => Some("You cannot stand in for yourself."),
            Some(_) if until <= visit.now => Some("This time is over already."),
            Some(_) if until.duration_since(visit.now) > LONGEST => Some(
                "Somebody can be away for 60 days at most; after that, the settings should say who approves.",
            ),
            Some(_) => None,
        };
        let (Some(delegate), None) = (delegate, problem) else {
            let answer = self.words().cannot_go_away(problem.unwrap_or_default());
            visit.answer(answer);
            return Ok(());
        };
        let account = visit.inbound.account.clone();
        let away = Away { person, account, delegate, from: visit.now, until };
        let others = self.absences().await?.1;
        let people = circle(&others, &away);
        if !people.is_empty() {
            let answer = self.words().away_in_a_circle(&away, &people);
            visit.answer(answer);
            return Ok(());
        }
        if let Some(absence) = absence_of_stand_in(&others, &away) {
            let answer = self.words().stand_in_is_away(absence);
            visit.answer(answer);
            return Ok(());
        }
        self.write_absence(visit, &grant, Some(away)).await
    }

    /// `away end`
    pub(crate) async fn come_back(&self, visit: &mut Visit<'_>, _: &Invocation) -> Result<(), StoreError> {
        let (_, away) = self.absences().await?;
        if !away.iter().any(|one| one.person == visit.person && one.holds(visit.now)) {
            let answer = self.words().not_away();
            visit.answer(answer);
            return Ok(());
        }
        // Whoever lost the right to approve may still say that they are back.
        let Some(grant) = self.allowed(visit, Action::Read, None).await else { return Ok(()) };
        self.write_absence(visit, &grant, None).await
    }

    async fn write_absence(
        &self,
        visit: &mut Visit<'_>,
        grant: &Authorized,
        new: Option<Away>,
    ) -> Result<(), StoreError> {
        let (value, mut away) = self.absences().await?;
        let earlier = away.iter().find(|one| one.person == *grant.person() && one.holds(visit.now));
        let earlier = earlier.map(|one| one.delegate.clone());
        away.retain(|one| one.person != *grant.person() && visit.now < one.until);
        let alone = new.as_ref().map(|new| left_alone(&away, new)).unwrap_or_default();
        away.extend(new.clone());
        let event = if new.is_some() { "away" } else { "back" };
        let data = serde_json::json!({ "person": grant.person(), "away": new });
        self.note(&mut visit.changes, Actor::of(grant), None, event, data);
        visit.changes.expect.push(Expect::Note(AWAY.into(), value));
        let text = serde_json::to_string(&away).expect("absences are plain data");
        visit.changes.notes.push((AWAY.to_owned(), text));
        let message = match &new {
            Some(away) => {
                let earlier = earlier.filter(|earlier| *earlier != away.delegate);
                let is_stranger = self.approves_nothing(away).await;
                self.words().is_away(away, earlier.as_ref(), &alone, is_stranger)
            }
            None => self.words().is_back(grant.person()),
        };
        let key = format!("{event}/{}/{}", grant.person(), visit.now.as_millisecond());
        visit.changes.effects.push(self.say_once(key, message.clone(), visit.now));
        visit.answer(message);
        self.judge_all(&mut visit.changes, None);
        Ok(())
    }

    /// Whether whoever stands in may approve nothing themselves, anywhere that the other one may. What cannot be read
    /// is not said of anybody.
    async fn approves_nothing(&self, away: &Away) -> bool {
        let policy = &self.rules.policy;
        for environment in policy.environments.values() {
            let groups = Action::Approve.groups(environment);
            let outside = self.memberships(&groups).await;
            let standing = |person: &PersonId| policy.standing(person, &groups, &outside);
            if standing(&away.person) != Standing::Stranger && standing(&away.delegate) != Standing::Stranger
            {
                return false;
            }
        }
        true
    }

    /// The grant of somebody who approves somewhere; without it the person is told why not.
    async fn approver(&self, visit: &mut Visit<'_>) -> Option<Authorized> {
        let mut environments = self.rules.policy.environments.values();
        let first = environments.next();
        for environment in environments {
            let account = &visit.inbound.account;
            if let Ok(grant) = self.authorize(account, Action::Approve, Some(environment)).await {
                return Some(grant);
            }
        }
        self.allowed(visit, Action::Approve, first).await
    }
}
