//! A request to start reached the CI system: exactly what was approved (S2), in time (S5), at most once (S3). Not here:
//! whether it might start (`intent`).

use super::{Oracle, at_once};
use crate::world::{Ms, World};
use shipgate_app::ports::Store as _;
use shipgate_domain::deploy::{Deploy, Phase, State};
use shipgate_domain::ids::DeployId;
use shipgate_domain::run::RunPlan;

/// So long after an intent a request may reach the CI system: half a minute, and the way.
const IN_TIME: Ms = 36_000;

/// What became of a request to start, by the CI system's own books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A run was started.
    Accepted,
    /// Nothing was started, and the answer says so.
    NotStarted,
    /// Nothing was started, and the answer does not say so.
    Unclear,
}

impl World {
    /// Looks at a request to start that just reached the CI system.
    pub fn sent(&mut self, me: usize, plan: &RunPlan, what: Received) {
        let epoch = self.replicas[me].epoch;
        if self.oracle.epochs.has_ended(epoch) {
            self.note(crate::faults::Fault::LateCall);
        }
        self.ask(|oracle, world| oracle.sent(world, me, plan, what));
    }

    /// A certain refusal reaches a process.
    pub fn refusal_heard(&mut self, me: usize, plan: &RunPlan) {
        if let (Some(deploy), Some(epoch)) = (self.oracle.deploys.get(&plan.deploy), self.replicas[me].epoch)
        {
            self.oracle.refused.insert((plan.deploy.clone(), deploy.attempts), epoch);
        }
    }

    /// A process died, or lost its place: what it had heard and not yet written is lost.
    pub fn forget_refusals(&mut self) {
        let Oracle { refused, deploys, .. } = &mut self.oracle;
        refused.retain(|(id, _), _| !deploys.get(id).is_some_and(Deploy::is_active));
    }
}

impl Oracle {
    fn sent(&mut self, world: &World, me: usize, plan: &RunPlan, what: Received) -> Result<(), String> {
        let id = plan.deploy.short();
        let deploy =
            at_once(world.store.deploy(&plan.deploy)).ok_or_else(|| format!("S2: {id} is unknown"))?;
        // Whoever was suspended between mark and send sends late; the mark is there, so nobody else sends too.
        let was_away = self.marked.get(&plan.deploy).is_some_and(|at| world.replicas[me].away_since(*at));
        let State::Dispatching { intent, phase, .. } = &deploy.state else {
            let what = deploy.state.name();
            return if was_away {
                self.once(&deploy, deploy.attempts, Received::Unclear)
            } else {
                Err(format!("S3: {id} was sent while {what}"))
            };
        };
        if matches!(phase, Phase::Ready) {
            return Err(format!("S3: {id} was sent before it was marked as sent"));
        }
        if intent.plan != *plan {
            return Err(format!("S2: what was sent for {id} is not what was approved"));
        }
        let commit = deploy.commit().map(ToString::to_string);
        if Some(plan.commit.to_string()) != commit || plan.inputs.get("sha").cloned() != commit {
            return Err(format!("S2: another commit was sent for {id} than was pinned"));
        }
        let late = world.now().duration_since(intent.at).as_millis();
        let late = Ms::try_from(late).unwrap_or(Ms::MAX);
        if late > IN_TIME + world.moved_back + world.moved_since(intent.at) && !was_away {
            return Err(format!("S5: {id} was sent {late} ms after its intent"));
        }
        self.once(&deploy, intent.attempt, what)
    }

    /// At most one request for each attempt, and at most one start for each deploy.
    fn once(&mut self, deploy: &Deploy, attempt: u32, what: Received) -> Result<(), String> {
        let id: &DeployId = &deploy.id;
        let all = self.received.entry((id.clone(), attempt)).or_default();
        all.push(what);
        if all.len() > 1 {
            return Err(format!("S3: attempt {attempt} of {} was sent {} times", id.short(), all.len()));
        }
        let of_deploy = self.received.iter().filter(|((deploy, _), _)| deploy == id);
        let accepted = of_deploy.flat_map(|(_, all)| all).filter(|what| **what == Received::Accepted).count();
        if accepted > 1 { Err(format!("S3: {} was started {accepted} times", id.short())) } else { Ok(()) }
    }
}
