//! A request of somebody who may not: refused at once, to them alone. Not here: who may (`domain::people`).

use super::requested;
use crate::bot::App;
use crate::intake::Visit;
use crate::store::{About, DeployRow, StoreError};
use shipgate_domain::audit::{Actor, Entry};
use shipgate_domain::deploy::{Deploy, Event};
use shipgate_domain::facts::{Case, Outside, Read};
use shipgate_domain::gates::{self, Gate, Verdict};

impl App {
    /// A request of somebody who may not: refused at once, written down, told to them alone. Nothing is asked of
    /// any other system for it.
    pub(super) async fn request_of_stranger(
        &self,
        visit: &mut Visit<'_>,
        deploy: Deploy,
        actor: Actor,
    ) -> Result<(), StoreError> {
        let verdicts = self.first_verdicts(&deploy).await?;
        let refused = Event::Refused { verdicts, outside: None };
        let step = match deploy.learn(refused, visit.now) {
            Ok(step) => step,
            Err(illegal) => {
                tracing::error!(deploy.id = %deploy.id, "cannot refuse: {illegal}");
                return Ok(());
            }
        };
        let answer = self.words().refused_privately(&step.deploy);
        visit.answer(answer);
        let mut stored = step.deploy;
        stored.revision = 0;
        let changes = &mut visit.changes;
        for (event, data) in [
            ("requested", requested(&stored)),
            ("refused", serde_json::to_value(&stored.verdicts).expect("verdicts are plain data")),
        ] {
            changes.audit.push(Entry {
                at: changes.at,
                actor: if event == "requested" { actor.clone() } else { Actor::Shipgate },
                deploy: Some(stored.id.clone()),
                environment: Some(stored.request.environment.clone()),
                event: event.into(),
                data,
            });
        }
        let lock_group = self.lock_group(&stored);
        changes.deploys.push(DeployRow { deploy: stored, lock_group });
        Ok(())
    }

    async fn first_verdicts(&self, deploy: &Deploy) -> Result<Vec<Verdict>, StoreError> {
        let Some((environment, service)) = self.place_of(deploy) else { return Ok(Vec::new()) };
        let about = About {
            service: service.name.clone(),
            environment: environment.name.clone(),
            lock_group: self.lock_group(deploy),
            commit: None,
            after: environment.after.clone(),
        };
        let around = self.store.surroundings(&about).await?;
        let calendar = self.calendar(around.freezes_revision, &around.freezes).await?;
        let place = self.place_in_line(deploy, &around, &calendar, self.now()).await?;
        let mut seen = deploy.clone();
        let memberships = self.memberships(&environment.deployers).await;
        seen.outside = Some(Outside {
            read_at: self.now(),
            resolves_to: Read::Unknown("not looked up".into()),
            reachable: Read::Unknown("not looked up".into()),
            checks: Read::Unknown("not looked up".into()),
            memberships,
            rebased: None,
            preflight: Default::default(),
        });
        let case = Case {
            deploy: &seen,
            policy: &self.rules.policy,
            environment,
            service,
            calendar: &calendar,
            place: &place,
            now: self.now(),
            authors: Default::default(),
        };
        // Nothing was looked up for this person, so the gates that speak of a commit have nothing to say.
        let mut verdicts = gates::judge(&case);
        verdicts.retain(|v| v.gate != Gate::Approvals && !Gate::OF_A_COMMIT.contains(&v.gate));
        Ok(verdicts)
    }
}
