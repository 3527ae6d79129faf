//! What belongs to one change of a deploy and is written with it: the new state, the audit entry, the work that follows,
//! what people are told. Not here: which changes there are (`domain::deploy`), the writing itself (`commit`).

use super::App;
use crate::effects::{Effect, NewEffect};
use crate::store::{Changes, DeployRow, Scope};
use jiff::Timestamp;
use shipgate_domain::audit::{Actor, Entry};
use shipgate_domain::deploy::{Deploy, Do, Outcome, Phase, State, Step};
use shipgate_domain::gates::is_ready_but_for_queue;
use shipgate_domain::ids::EnvironmentName;

impl App {
    /// Adds a step of a deploy to a write: the new state, the audit entry, everything that follows.
    pub(crate) fn record(&self, changes: &mut Changes, before: &Deploy, step: &Step, actor: Actor) {
        let Some(event) = &step.event else { return };
        let now = changes.at;
        let deploy = &step.deploy;
        let environment = deploy.request.environment.clone();
        let lock_group = self.lock_group(deploy);
        changes.deploys.push(DeployRow { deploy: deploy.clone(), lock_group });
        changes.audit.push(Entry {
            at: now,
            actor,
            deploy: Some(deploy.id.clone()),
            environment: Some(environment.clone()),
            event: event.name().to_owned(),
            data: serde_json::to_value(event).expect("an event is plain data"),
        });
        self.work_that_follows(changes, step);
        self.wake_others(changes, before, deploy);
        changes.effects.push(NewEffect::whenever(Effect::Card { deploy: deploy.id.clone() }, now));
        if let Some(note) = self.words().thread_note(before, deploy, event) {
            changes.effects.push(self.thread_note(deploy, note, now));
        }
        // A wish to cancel answers nothing: the place stays closed off until somebody, or a run, says what became of it.
        let is_asked = |deploy: &Deploy| {
            matches!(&deploy.state, State::Dispatching { phase: Phase::Unknown { asked: Some(_), .. }, .. })
        };
        let is_unknown = matches!(&deploy.state, State::Done { outcome: Outcome::Unknown, .. });
        if is_asked(before) && !is_asked(deploy) && !is_unknown {
            changes.cleared.push(deploy.id.clone());
        }
        self.emergency_news(changes, before, deploy, event);
        self.asked_news(changes, before, deploy);
        self.checklist_news(changes, before, step);
        self.call_for_approval(changes, before, deploy);
        let is_only_progress = matches!(before.state, State::Running { .. }) && deploy.is_active();
        if !is_only_progress {
            touch(changes, Scope::Environment(environment));
        }
    }

    /// What the step itself asks for.
    fn work_that_follows(&self, changes: &mut Changes, step: &Step) {
        let now = changes.at;
        let deploy = &step.deploy;
        let id = || deploy.id.clone();
        for effect in &step.effects {
            changes.effects.push(match effect {
                Do::Judge(at) => NewEffect::whenever(Effect::Judge { deploy: id() }, at.unwrap_or(now)),
                Do::Send => {
                    let attempt = deploy.attempts;
                    NewEffect::whenever(Effect::Send { deploy: id(), attempt }, now)
                }
                Do::Reconcile(at) => NewEffect::whenever(Effect::Reconcile { deploy: id() }, *at),
                Do::Follow(at) => NewEffect::whenever(Effect::Follow { deploy: id() }, *at),
                Do::StopRun => NewEffect::whenever(Effect::StopRun { deploy: id() }, now),
                Do::Announce if deploy.is_read_only() => self.result_in_thread(deploy, now),
                Do::Announce => self.announcement(deploy, now),
                Do::FreePlace => judge_line(self.lock_group(deploy), now),
                // Whether it ran or not, it changed nothing.
                Do::Quarantine if deploy.is_read_only() => continue,
                Do::Quarantine => {
                    changes.locks.push(self.quarantine(deploy, now));
                    continue;
                }
            });
        }
    }

    /// Judges those anew whom this change may let pass.
    fn wake_others(&self, changes: &mut Changes, before: &Deploy, deploy: &Deploy) {
        let now = changes.at;
        // Whoever came first and no longer could start lets the others pass.
        if is_waiting(before)
            && is_waiting(deploy)
            && is_ready_but_for_queue(&before.verdicts)
            && !is_ready_but_for_queue(&deploy.verdicts)
        {
            changes.effects.push(judge_line(self.lock_group(deploy), now));
        }
        // What ends here may open the gate Order of the environments that come after.
        if deploy.is_done() && !before.is_done() {
            let request = &deploy.request;
            let environments = self.rules.policy.environments.values();
            for next in environments.filter(|e| e.after.as_ref() == Some(&request.environment)) {
                let lock_group = self.rules.policy.lock_group(&request.service, next);
                changes.effects.push(judge_line(lock_group, now));
            }
        }
    }

    /// An edited card tells nobody: the people who are asked are called in its thread.
    fn call_for_approval(&self, changes: &mut Changes, before: &Deploy, deploy: &Deploy) {
        let wants = |d: &Deploy| d.verdicts.iter().any(|v| v.is_asking_people());
        if is_waiting(deploy) && wants(deploy) && !(wants(before) && before.digest() == deploy.digest()) {
            let digest = deploy.digest().map(|d| d.short().to_owned()).unwrap_or_default();
            let note = self.words().approval_wanted(deploy);
            let key = format!("wanted/{}/{digest}", deploy.id);
            changes.effects.push(self.thread_say(deploy, key, note, changes.at));
        }
    }

    /// Adds an audit entry that is not a step of a deploy.
    pub(crate) fn note(
        &self,
        changes: &mut Changes,
        actor: Actor,
        environment: Option<&EnvironmentName>,
        event: &str,
        data: serde_json::Value,
    ) {
        changes.audit.push(Entry {
            at: changes.at,
            actor,
            deploy: None,
            environment: environment.cloned(),
            event: event.to_owned(),
            data,
        });
    }
}

/// Raises a scope's revision once.
pub(crate) fn touch(changes: &mut Changes, scope: Scope) {
    if !changes.touched.contains(&scope) {
        changes.touched.push(scope);
    }
}

fn judge_line(lock_group: String, due: Timestamp) -> NewEffect {
    NewEffect::whenever(Effect::JudgeLine { lock_group }, due)
}

fn is_waiting(deploy: &Deploy) -> bool {
    matches!(deploy.state, State::Waiting { .. })
}
