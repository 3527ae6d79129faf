//! Who is first: nobody who could start is passed by somebody who asked later (S6). Not here: whether one may start.

use super::{Oracle, Writer};
use crate::world::{MINUTE, Ms, World};
use shipgate_domain::deploy::{Deploy, Intent, Kind, State};
use shipgate_domain::gates::{Answer, Gate, Verdict};

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
            Kind::Deploy | Kind::Rerun { .. } | Kind::Action(_) => 1,
        };
        // An emergency that people agreed to comes forward; when exactly, only the gates know.
        if now.request.emergency.is_some() {
            return Ok(());
        }
        let ahead = self.deploys.values().filter(|other| {
            (class(other), &other.id) < (class(now), &now.id)
                && other.request.emergency.is_none()
                && other.request.environment == now.request.environment
                && (!place.by_service || other.request.service == now.request.service)
        });
        for other in ahead {
            if self.was_ready(world, writer, other, intent) {
                let (first, second) = (other.id.short(), now.id.short());
                return Err(format!("S6: {second} started although {first} comes before it and could start"));
            }
        }
        Ok(())
    }

    /// Notes since when a deploy waits for nothing but its turn. What could not be read keeps it waiting too, and rightly
    /// so: then it is not in line.
    pub(super) fn stands_in_line(&mut self, world: &World, deploy: &Deploy) {
        let is_open = |verdict: &Verdict| verdict.answer == Answer::Open || verdict.gate == Gate::Queue;
        let is_in_line = matches!(deploy.state, State::Waiting { .. })
            && !deploy.verdicts.is_empty()
            && deploy.verdicts.iter().all(is_open);
        if is_in_line {
            self.in_line.entry(deploy.id.clone()).or_insert(world.mono);
        } else {
            self.in_line.remove(&deploy.id);
        }
    }

    /// Whether a deploy that waits could have started all the last minute, as far as can be told from outside.
    fn was_ready(&self, world: &World, writer: &Writer<'_>, deploy: &Deploy, intent: &Intent) -> bool {
        let State::Waiting { expires, .. } = &deploy.state else { return false };
        let steady = world.mono - STEADY - world.moved_back;
        let is_settled = self.in_line.get(&deploy.id).is_some_and(|since| *since < steady)
            && self.touched.get(&deploy.id).is_none_or(|at| *at < steady)
            && world.code.is_settled(steady)
            && world.chat.is_settled(steady)
            && !world.was_jumped();
        if !is_settled || intent.at >= *expires {
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
