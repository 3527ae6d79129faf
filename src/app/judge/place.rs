//! Who is beside a deploy: what runs where it goes, and who is ahead of it in the line. Not here: how long that takes
//! (`crate::line`).

use crate::bot::App;
use crate::store::{Filter, StoreError, Surroundings};
use jiff::Timestamp;
use shipgate_domain::calendar::Calendar;
use shipgate_domain::deploy::{Deploy, State};
use shipgate_domain::facts::{Case, Other, Place};
use shipgate_domain::gates::{self, Answer, Gate, Verdict};

impl App {
    /// Active deploys of a lock group as the rules draw it now. The store knows the group under which each was written,
    /// which is another one when the queue of the environment was changed meanwhile. Read after the snapshot, whose
    /// revision of the environment must still hold when the decision is written.
    pub(super) async fn active_beside(
        &self,
        deploy: &Deploy,
        lock_group: &str,
    ) -> Result<Vec<Deploy>, StoreError> {
        let environment = Some(deploy.request.environment.clone());
        let filter = Filter { environment, only_active: true, limit: 1000, ..Filter::default() };
        let mut open = self.store.deploys(&filter).await?;
        open.retain(|other| self.lock_group(other) == lock_group);
        Ok(open)
    }

    /// What is known inside, seen from one deploy.
    pub(crate) fn place(
        &self,
        deploy: &Deploy,
        around: &Surroundings,
        calendar: &Calendar,
        now: Timestamp,
    ) -> Place {
        let mut ahead: Vec<&Deploy> = around
            .waiting
            .iter()
            .filter(|d| d.id != deploy.id && d.queue_key() < deploy.queue_key())
            .filter(|d| self.is_ready(d, around, calendar, now))
            .collect();
        ahead.sort_by(|a, b| a.queue_key().cmp(&b.queue_key()));
        Place {
            behind: 0,
            before_left: None,
            rolled_back: None,
            live: None,
            lock: around.lock.clone(),
            active: around.active.iter().find(|d| d.id != deploy.id).map(other),
            ahead: ahead.into_iter().map(other).collect(),
            before: around.before,
            before_is_open: around.before_is_open,
            known_here: around.known_here,
            usual: Vec::new(),
            stopped: None,
        }
    }

    /// Whether only the queue keeps a deploy from starting. What depends on the time, on locks and on people is judged
    /// as it is now, so that nobody passes somebody who came first and whose window opened at the same instant.
    pub(crate) fn is_ready(
        &self,
        deploy: &Deploy,
        around: &Surroundings,
        calendar: &Calendar,
        now: Timestamp,
    ) -> bool {
        let Some((environment, service)) = self.place_of(deploy) else { return false };
        if deploy.verdicts.is_empty() || deploy.delay.as_ref().is_some_and(|delay| now < delay.until) {
            return false;
        }
        let looked_up = Gate::OF_A_COMMIT;
        let place = Place { lock: around.lock.clone(), ..Place::default() };
        let policy = &self.rules.policy;
        let authors = Default::default();
        let case = Case { deploy, policy, environment, service, calendar, place: &place, now, authors };
        let is_open = |v: &Verdict| v.answer == Answer::Open;
        gates::judge(&case).iter().filter(|v| !looked_up.contains(&v.gate)).all(is_open)
            && deploy.verdicts.iter().filter(|v| looked_up.contains(&v.gate)).all(is_open)
    }
}

/// A deploy as far as a queue shows it.
fn other(deploy: &Deploy) -> Other {
    Other {
        id: deploy.id.clone(),
        service: Some(deploy.request.service.clone()),
        action: deploy.action().map(|asked| asked.name.clone()),
        version: deploy.request.version.clone(),
        requester: deploy.request.by.clone(),
        started: match &deploy.state {
            State::Running { since, .. } => Some(*since),
            State::Dispatching { intent, .. } => Some(intent.at),
            State::Requested { .. } | State::Waiting { .. } | State::Done { .. } => None,
        },
    }
}
