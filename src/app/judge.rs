//! Gather, judge, decide: from a request to an intent or a reason, and writing what was learnt. Not here: the rules
//! (`domain::gates`), the send.

mod pin;
mod place;
mod weigh;

use crate::bot::App;
use crate::effects::{Effect, Finish, NewEffect};
use crate::point;
use crate::store::{Changes, Expect, StoreError};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::audit::Actor;
use shipgate_domain::deploy::{Deploy, Event, State, plan_and_digest};
use shipgate_domain::facts::Outside;
use shipgate_domain::gates::{self, Answer, Gate, Reason, Verdict};
use shipgate_domain::ids::{CommitId, DeployId, Digest, PolicyVersion};
use shipgate_domain::policy::{Environment, Service};
use shipgate_domain::run::RunPlan;

/// Something that could not be read is asked again after this long.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// How often one judgement starts over because something changed under it, before it waits a moment.
const TRIES: usize = 8;

impl App {
    /// Judges one deploy, and writes what follows. Says when to look again.
    pub(crate) async fn judge(&self, id: &DeployId) -> Result<Finish, StoreError> {
        if self.is_looking_back() {
            return Ok(Finish::Again(later(self.now(), SignedDuration::from_secs(1))));
        }
        for _ in 0..TRIES {
            // A read or write that took a minute may have outlived the rules that it was begun under: whoever has the
            // newer ones judges (S21).
            if self.is_aside() {
                return Ok(Finish::Again(self.now()));
            }
            let Some(deploy) = self.store.deploy(id).await? else { return Ok(Finish::Done) };
            let looked = match &deploy.state {
                State::Requested { .. } => self.pin(&deploy).await,
                State::Waiting { expires, .. } => self.weigh(&deploy, *expires).await,
                State::Dispatching { .. } | State::Running { .. } | State::Done { .. } => {
                    return Ok(Finish::Done);
                }
            };
            match looked {
                Ok(Some(finish)) => return Ok(finish),
                // Something was written, or somebody moved first: look at what is there now.
                Ok(None) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Finish::Again(later(self.now(), SignedDuration::from_millis(200))))
    }

    /// Judges everybody who waits in a lock group, in the order of the line.
    pub(crate) async fn judge_line(&self, lock_group: &str) -> Result<Finish, StoreError> {
        // A lock group is an environment, or one service in it.
        let environment = lock_group.split('/').next().and_then(|name| name.parse().ok());
        let mut waiting = Vec::new();
        let mut above = None;
        loop {
            let page = self.open_page(environment.as_ref(), above).await?;
            let Some(last) = page.last() else { break };
            above = Some(last.id.clone());
            let is_in_line =
                |d: &Deploy| matches!(d.state, State::Waiting { .. }) && self.lock_group(d) == lock_group;
            waiting.extend(page.into_iter().filter(is_in_line));
        }
        waiting.sort_by(|a, b| a.queue_key().cmp(&b.queue_key()));
        let mut changes = self.changes(self.now());
        let now = changes.at;
        changes.effects =
            waiting.into_iter().map(|d| NewEffect::whenever(Effect::Judge { deploy: d.id }, now)).collect();
        if !changes.effects.is_empty() {
            self.commit(changes).await?;
        }
        Ok(Finish::Done)
    }

    /// Writes one piece of news about a deploy.
    pub(crate) async fn learn(&self, deploy: &Deploy, event: Event) -> Result<(), StoreError> {
        self.learn_with(deploy, event, self.changes(self.now())).await
    }

    /// Writes one piece of news about a deploy, together with what else belongs to it. News that does not fit the
    /// deploy's state changes nothing and is logged: it is late.
    pub(crate) async fn learn_with(
        &self,
        deploy: &Deploy,
        event: Event,
        mut changes: Changes,
    ) -> Result<(), StoreError> {
        let name = event.name();
        match deploy.learn(event, changes.at) {
            Ok(step) => self.record(&mut changes, deploy, &step, Actor::Shipgate),
            Err(illegal) => tracing::info!(deploy.id = %deploy.id, "ignored “{name}”: {illegal}"),
        }
        point!("learn", name, "before");
        self.commit(changes).await?;
        point!("learn", name, "after");
        Ok(())
    }

    /// The rules of a deploy's environment and its service, while they still say what would be started.
    fn place_to_start(&self, deploy: &Deploy) -> Option<(&Environment, &Service)> {
        self.place_of(deploy).filter(|(_, service)| self.still_means(deploy, service))
    }

    async fn refuse(
        &self,
        deploy: &Deploy,
        verdicts: Vec<Verdict>,
        outside: Option<Outside>,
    ) -> Result<(), StoreError> {
        self.decide(deploy, Event::Refused { verdicts, outside }).await
    }

    /// Writes what was decided by the rules alone, unless another replica has newer ones by now.
    async fn decide(&self, deploy: &Deploy, event: Event) -> Result<(), StoreError> {
        let mut changes = self.changes(self.now());
        changes.expect.push(Expect::RulesInForce);
        self.learn_with(deploy, event, changes).await
    }
}

fn plan(
    deploy: &Deploy,
    commit: &CommitId,
    service: &Service,
    policy: &PolicyVersion,
    workflow: Option<&str>,
) -> (RunPlan, Digest) {
    plan_and_digest(&deploy.id, &deploy.request, commit, service, policy, workflow)
}

fn version_closed(reason: Reason) -> Vec<Verdict> {
    let (answer, helpers) = (Answer::Closed, gates::Helpers::default());
    vec![Verdict { gate: Gate::Version, answer, reason, until: None, helpers }]
}

fn gone_from_settings(deploy: &Deploy) -> Reason {
    let why = match deploy.action() {
        None => "its service or environment is no longer in the settings".to_owned(),
        Some(asked) => format!("the command {} is gone or was changed since, so say it again", asked.name),
    };
    Reason::VersionUnreadable { why }
}

pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
