//! Who is before and after a deploy in line, how long theirs usually take, and newer requests that take the place of older
//! ones. Not here: the order of the line and what follows from past times (`domain::gates`), judging (`judge`).

use crate::bot::App;
use crate::store::{Changes, Filter, StoreError, Surroundings, USUAL_OF};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::audit::Actor;
use shipgate_domain::calendar::Calendar;
use shipgate_domain::deploy::{Deploy, Event, State};
use shipgate_domain::facts::{BEHIND_COUNTED, Other, Place, Usual};
use shipgate_domain::ids::{ActionName, EnvironmentName, ServiceName};
use std::collections::BTreeSet;

/// So many of the last requests of a service are looked through for a command of the team's own.
const ACTIONS_AMONG: u32 = 100;

/// So many open requests of one person are looked through: more than anybody can have.
const OPEN_AT_MOST: u32 = 200;

impl App {
    /// What is known inside, seen from one deploy, with who comes after it, and how long those before it usually take,
    /// where anybody is before it.
    pub(crate) async fn place_in_line(
        &self,
        deploy: &Deploy,
        around: &Surroundings,
        calendar: &Calendar,
        now: Timestamp,
    ) -> Result<Place, StoreError> {
        let mut place = self.place(deploy, around, calendar, now);
        if place.active.is_none() && place.ahead.is_empty() {
            return Ok(place);
        }
        let after = around.waiting.iter().filter(|d| d.queue_key() > deploy.queue_key());
        let ready = after.filter(|d| self.is_ready(d, around, calendar, now));
        let behind = ready.take(usize::try_from(BEHIND_COUNTED).unwrap_or(usize::MAX)).count();
        place.behind = u32::try_from(behind).unwrap_or(BEHIND_COUNTED);
        let of = |other: &Other| Some((other.service.clone()?, other.action.clone()));
        let kinds: BTreeSet<_> = place.active.iter().chain(&place.ahead).filter_map(of).collect();
        for (service, action) in kinds {
            let took = if action.is_none() && service == deploy.request.service {
                around.took.clone()
            } else {
                self.took_lately(&service, action.as_ref(), &deploy.request.environment).await?
            };
            place.usual.extend(Usual::from_past(&service, action.as_ref(), &took));
        }
        Ok(place)
    }

    /// How long the last successes of a service on an environment took: of its deploys, or of a command of the team's own,
    /// which may take seconds where a deploy takes an hour.
    async fn took_lately(
        &self,
        service: &ServiceName,
        action: Option<&ActionName>,
        environment: &EnvironmentName,
    ) -> Result<Vec<SignedDuration>, StoreError> {
        let filter = Filter {
            service: Some(service.clone()),
            environment: Some(environment.clone()),
            // What puts nothing in place is found among all.
            only_ran: action.is_none(),
            limit: if action.is_none() { USUAL_OF } else { ACTIONS_AMONG },
            ..Filter::default()
        };
        let all = self.store.deploys(&filter).await?;
        let is_of = |d: &&Deploy| d.has_succeeded() && d.action().map(|asked| &asked.name) == action;
        let took = all.iter().filter(is_of).filter_map(|d| match &d.state {
            State::Done { at, ran: Some(ran), .. } => Some(at.duration_since(ran.since)),
            _ => None,
        });
        Ok(took.take(usize::try_from(USUAL_OF).unwrap_or(usize::MAX)).collect())
    }

    /// Older requests whose place a new one takes.
    pub(crate) async fn superseded_by(&self, deploy: &Deploy) -> Result<Vec<Deploy>, StoreError> {
        let filter = Filter {
            service: Some(deploy.request.service.clone()),
            environment: Some(deploy.request.environment.clone()),
            requester: Some(deploy.request.by.clone()),
            only_open: true,
            limit: OPEN_AT_MOST,
            ..Filter::default()
        };
        let mut older = self.store.deploys(&filter).await?;
        older.retain(|one| one.is_superseded_by(deploy));
        older.reverse();
        Ok(older)
    }

    /// Writes that a deploy takes the place of others. Whichever of them starts in the same moment has another revision
    /// by then: then nothing of this is written, and it is looked at again.
    pub(crate) async fn supersede(
        &self,
        deploy: &Deploy,
        older: &[Deploy],
        mut changes: Changes,
    ) -> Result<(), StoreError> {
        let replaced = Event::Replaced { deploys: older.iter().map(Deploy::named).collect() };
        let news = older.iter().map(|one| (one, Event::Superseded { by: deploy.named() }));
        for (one, event) in std::iter::once((deploy, replaced)).chain(news) {
            let name = event.name();
            match one.learn(event, changes.at) {
                Ok(step) => self.record(&mut changes, one, &step, Actor::Shipgate),
                Err(illegal) => tracing::info!(deploy.id = %one.id, "ignored “{name}”: {illegal}"),
            }
        }
        self.commit(changes).await
    }
}
