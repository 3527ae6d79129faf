//! Reading a run until it ends, and stopping it. A webhook only wakes this; the authenticated read is the truth.
//! Not here: starting runs (`dispatch`).

use crate::bot::App;
use crate::effects::{Effect, Finish, Leased, NewEffect};
use crate::judge::later;
use crate::point;
use crate::ports::OutsideError;
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::deploy::{Deploy, Event, Intent, State};
use shipgate_domain::facts::{Case, Place};
use shipgate_domain::gates::frozen_by;
use shipgate_domain::ids::DeployId;
use shipgate_domain::policy::{Provider, WhenFrozen};
use shipgate_domain::run::{Conclusion, Run, Standing};

/// A run that could not be read so many times in a row, a minute apart, is given up: nobody can say how it ends.
const LOST_AFTER: u32 = 30;
/// Lines of output posted to the thread at once.
const OUTPUT_LINES: usize = 40;
/// Fewer lines than this wait for more while the run goes on.
const OUTPUT_AT_LEAST: usize = 12;

impl App {
    /// Reads a run and writes what changed.
    pub(crate) async fn follow(&self, leased: &Leased, id: &DeployId) -> Result<Finish, StoreError> {
        let Some(deploy) = self.store.deploy(id).await? else { return Ok(Finish::Done) };
        let State::Running { intent, run, since, .. } = &deploy.state else { return Ok(Finish::Done) };
        let pipelines = match self.providers.pipelines(intent.plan.provider) {
            Ok(pipelines) => pipelines,
            Err(error) => return Ok(self.retry(60, error.to_string())),
        };
        let read = pipelines.read(&intent.plan, run).await;
        point!("follow/read");
        let now = self.now();
        match read {
            Ok(report) => {
                let ended = match &report.progress.standing {
                    Standing::Ended(conclusion) => Some(conclusion.clone()),
                    Standing::Skipped => Some(Conclusion::Other("was skipped".into())),
                    Standing::Queued | Standing::Held | Standing::Running => None,
                };
                self.post_output(&deploy, pipelines, ended.is_some()).await?;
                match ended {
                    Some(conclusion) => {
                        self.show_said(&deploy, pipelines, &report.run, &report.progress).await?;
                        let event = Event::Ended { run: report.run, conclusion, progress: report.progress };
                        self.learn_until_written(id, event).await?;
                        Ok(Finish::Done)
                    }
                    None => {
                        let event = Event::Progressed { run: report.run, progress: report.progress };
                        let is_news = deploy.learn(event.clone(), now).is_ok_and(|step| step.event.is_some());
                        let is_queued = matches!(&event, Event::Progressed { progress, .. } if progress.standing == Standing::Queued);
                        if is_news {
                            self.learn(&deploy, event).await?;
                        }
                        if is_queued && let Some(freezes) = self.frozen_out(&deploy).await? {
                            self.learn_until_written(id, Event::FrozenOut { freezes }).await?;
                        }
                        let pause = pace(intent.plan.provider, now.duration_since(*since));
                        Ok(Finish::Again(later(now, pause)))
                    }
                }
            }
            Err(OutsideError::Later { why, after }) => {
                let pause = after.map_or(5 << leased.attempts.min(3), |after| after.as_secs().clamp(5, 300));
                Ok(self.retry(pause, why))
            }
            Err(OutsideError::Refused { why }) => {
                // Deleted, or the permission was taken away: it may come back, but not for ever.
                if leased.attempts >= LOST_AFTER {
                    tracing::error!(deploy.id = %id, "the run cannot be read any more: {why}");
                    self.learn_until_written(id, Event::GivenUp).await?;
                    return Ok(Finish::Done);
                }
                Ok(self.retry(60, why))
            }
        }
    }

    /// The freezes that began before a queued run did, where its environment wants it stopped then. One whose people
    /// agreed to an emergency goes on.
    async fn frozen_out(&self, deploy: &Deploy) -> Result<Option<Vec<String>>, StoreError> {
        let Some((environment, service)) = self.place_of(deploy) else { return Ok(None) };
        if environment.when_frozen != WhenFrozen::CancelQueued {
            return Ok(None);
        }
        let calendar = self.calendar_now().await?;
        let case = Case {
            deploy,
            policy: &self.rules.policy,
            environment,
            service,
            calendar: &calendar,
            place: &Place::default(),
            now: self.now(),
            authors: Default::default(),
        };
        Ok(Some(frozen_by(&case)).filter(|freezes| !freezes.is_empty()))
    }

    /// Posts new output of the run to the card's thread, for systems that give it while they run.
    async fn post_output(
        &self,
        deploy: &Deploy,
        pipelines: &dyn crate::ports::Pipelines,
        is_over: bool,
    ) -> Result<(), StoreError> {
        let State::Running { intent, run, .. } = &deploy.state else { return Ok(()) };
        let name = format!("output/{}/{}", deploy.id, run.attempt);
        let from = self.store.note(&name).await?.and_then(|n| n.parse().ok()).unwrap_or(0);
        let Ok(output) = pipelines.output(&intent.plan, run, from).await else { return Ok(()) };
        // A few lines at a time would be a message each: they wait for company, or for the end.
        if output.lines.is_empty() || (output.lines.len() < OUTPUT_AT_LEAST && !is_over) {
            return Ok(());
        }
        let now = self.now();
        let mut changes = self.changes(now);
        changes.notes.push((name.clone(), output.next.to_string()));
        let lines: Vec<String> =
            output.lines.into_iter().filter(|line| !line.starts_with("::stage ")).collect();
        for (part, lines) in lines.chunks(OUTPUT_LINES).enumerate() {
            let note = self.words().output(lines);
            changes.effects.push(self.thread_say(deploy, format!("{name}/{from}/{part}"), note, now));
        }
        self.commit(changes).await
    }

    /// Asks the CI system to stop a run; the run's own end tells whether it did.
    pub(crate) async fn stop_run(&self, leased: &Leased, id: &DeployId) -> Result<Finish, StoreError> {
        let Some(deploy) = self.store.deploy(id).await? else { return Ok(Finish::Done) };
        let State::Running { intent, run, cancel: Some(asked), .. } = &deploy.state else {
            return Ok(Finish::Done);
        };
        if asked.unless_started {
            match self.has_started(intent, run).await {
                Ok(false) => {}
                Ok(true) => {
                    self.learn_until_written(id, Event::WentOn).await?;
                    return Ok(Finish::Done);
                }
                Err(error) => return Ok(self.retry(5 << leased.attempts.min(4), error.to_string())),
            }
        }
        let stopped = match self.providers.pipelines(intent.plan.provider) {
            Ok(pipelines) => pipelines.stop(&intent.plan, run).await,
            Err(error) => Err(error),
        };
        point!("stop/answered");
        match stopped {
            Ok(()) => {
                let mut changes = self.changes(self.now());
                let at = changes.at;
                changes.effects.push(NewEffect::whenever(Effect::Follow { deploy: id.clone() }, at));
                self.commit(changes).await?;
                Ok(Finish::Done)
            }
            Err(error) => Ok(self.retry(5 << leased.attempts.min(4), error.to_string())),
        }
    }

    /// Whether a run has left its queue, read right now: what has started is never left half done. Between this look and
    /// the stop lies one request; no CI system offers to stop a run only while it waits.
    async fn has_started(&self, intent: &Intent, run: &Run) -> Result<bool, OutsideError> {
        let report = self.providers.pipelines(intent.plan.provider)?.read(&intent.plan, run).await?;
        Ok(report.progress.standing != Standing::Queued)
    }

    /// A CI system says that something happened to a run: look now. Costs nothing when it is not ours.
    ///
    /// # Errors
    /// The database failed.
    pub async fn hint(&self, provider: Provider, run: &str, title: &str) -> Result<(), StoreError> {
        let named = || title.split(|c: char| !c.is_ascii_alphanumeric()).find_map(|word| word.parse().ok());
        // A re-run's title still carries the first deploy's id: who is bound to the run comes first.
        let id: Option<DeployId> = self.store.deploy_of_run(provider.as_str(), run).await?.or_else(named);
        point!("hint/heard");
        let Some(id) = id else { return Ok(()) };
        let Some(deploy) = self.store.deploy(&id).await? else { return Ok(()) };
        let now = self.now();
        match &deploy.state {
            State::Dispatching { .. } => self.store.effect_wake(&format!("reconcile/{id}"), now).await?,
            State::Running { .. } => self.store.effect_wake(&format!("follow/{id}"), now).await?,
            State::Done { ran: None, .. } if deploy.attempts > 0 => {
                // It was closed as not started, and now a run shows up that carries its id.
                let message = self.words().late_run(&deploy, run);
                let mut changes = self.changes(now);
                changes.effects.push(self.say_once(format!("late-run/{id}/{run}"), message, now));
                self.commit(changes).await?;
            }
            State::Requested { .. } | State::Waiting { .. } | State::Done { .. } => {}
        }
        self.wake();
        Ok(())
    }

    pub(crate) fn retry(&self, seconds: i64, why: String) -> Finish {
        Finish::Retry { at: later(self.now(), SignedDuration::from_secs(seconds)), why }
    }
}

/// How long to wait before the next read: often at first, then less. Never more than a minute (L2). A command on
/// this machine costs nothing to look at.
fn pace(provider: Provider, age: SignedDuration) -> SignedDuration {
    match age.as_secs() {
        ..120 if provider == Provider::Command => SignedDuration::from_secs(1),
        ..120 => SignedDuration::from_secs(4),
        120..900 => SignedDuration::from_secs(10),
        900..3600 => SignedDuration::from_secs(30),
        _ => SignedDuration::from_secs(60),
    }
}

/// The instant from which a run's age counts.
#[must_use]
pub fn running_since(deploy: &Deploy) -> Option<Timestamp> {
    match &deploy.state {
        State::Running { since, .. } => Some(*since),
        State::Done { ran: Some(ran), .. } => Some(ran.since),
        State::Requested { .. } | State::Waiting { .. } | State::Dispatching { .. } | State::Done { .. } => {
            None
        }
    }
}
