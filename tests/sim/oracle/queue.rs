//! Who is first: nobody who could start is passed by somebody who asked later (S6). Not here: whether one may start.

use super::{Oracle, Writer};
use crate::world::{MINUTE, Ms, World};
use shipgate_domain::deploy::{Deploy, Intent, Kind, State};
use shipgate_domain::gates::Answer;

/// Whoever could start for this long and did not is passed unfairly.
const STEADY: Ms = MINUTE;

impl Oracle {
    /// Looks for somebody who waits for the same place, asked before, and could have started for a while.
    pub(super) fn is_fair(
        &self,
        world: &World,
        writer: &Writer<'_>,
        now: &Deploy,
        intent: &Intent,
    ) -> Result<(), String> {
        let drawn = writer.drawn;
        let Some(place) = drawn.place(now.request.environment.as_str()) else { return Ok(()) };
        let class = |deploy: &Deploy| match deploy.request.kind {
            Kind::Rollback { .. } => 0,
            Kind::Deploy | Kind::Rerun { .. } => 1,
        };
        // An emergency that people agreed to comes forward; when exactly, only the gates know.
        if now.request.emergency.is_some() {
            return Ok(());
        }
        let ahead = self.deploys.values().filter(|other| {
            other.id < now.id
                && class(other) == class(now)
                && other.request.emergency.is_none()
                && other.request.environment == now.request.environment
                && (!place.by_service || other.request.service == now.request.service)
        });
        for other in ahead {
            if self.was_ready(world, writer, other, intent) {
                let (first, second) = (other.id.short(), now.id.short());
                return Err(format!("S6: {second} started although {first} asked before and could start"));
            }
        }
        Ok(())
    }

    /// Whether a deploy that waits could have started all the last minute, as far as can be told from outside.
    fn was_ready(&self, world: &World, writer: &Writer<'_>, deploy: &Deploy, intent: &Intent) -> bool {
        let State::Waiting { expires, .. } = &deploy.state else { return false };
        let steady = world.mono - STEADY - world.moved_back;
        let is_settled = self.touched.get(&deploy.id).is_none_or(|at| *at < steady)
            && world.code.is_settled(steady)
            && world.chat.is_settled(steady)
            && !world.was_jumped();
        // What could not be read keeps it waiting, and rightly so.
        let unread = |answer: Answer| answer != Answer::Open;
        let by_queue_only = deploy
            .verdicts
            .iter()
            .filter(|verdict| unread(verdict.answer))
            .all(|verdict| verdict.gate == shipgate_domain::gates::Gate::Queue);
        if !is_settled || !by_queue_only || deploy.verdicts.is_empty() || intent.at >= *expires {
            return false;
        }
        let mut trial = deploy.clone();
        trial.state = State::Dispatching {
            intent: Intent {
                digest: deploy.digest().cloned().unwrap_or(intent.digest.clone()),
                ..intent.clone()
            },
            phase: shipgate_domain::deploy::Phase::Ready,
            cancel: None,
        };
        let State::Dispatching { intent: trial_intent, .. } = &trial.state else { return false };
        self.may_start(world, writer, deploy, &trial, trial_intent).is_ok()
    }
}
