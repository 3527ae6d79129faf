//! From an intent to a run: mark, send once, classify, bind; and when nobody knows, look, ask, never resend.
//! The protocol is INVARIANTS 5.4. Not here: deciding to start (`judge`), reading the run (`follow`).

use crate::bot::App;
use crate::effects::{Effect, Finish, Leased, NewEffect};
use crate::judge::later;
use crate::point;
use crate::ports::{OutsideError, Post, Sent};
use crate::store::{Expect, StoreError};
use crate::words::Body;
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::audit::Actor;
use shipgate_domain::deploy::{ASK_AFTER, Deploy, Event, GIVE_UP_AFTER, Phase, SEND_TIME, State};
use shipgate_domain::ids::DeployId;
use shipgate_domain::run::Run;

/// A start that came to nothing is tried again after this long at the earliest.
const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// How often news that must not be lost is tried to be written when the database fails.
const WRITE_TRIES: u32 = 3;
/// After this long people are told that the run has not shown up yet.
const TELL_AFTER: SignedDuration = SignedDuration::from_mins(5);

impl App {
    /// Sends an intent, once. Whatever happens to this process, nothing is ever sent twice for one attempt: the
    /// mark is committed before the first byte leaves.
    pub(crate) async fn send(
        &self,
        leased: &Leased,
        id: &DeployId,
        attempt: u32,
    ) -> Result<Finish, StoreError> {
        let Some(deploy) = self.store.deploy(id).await? else { return Ok(Finish::Done) };
        let State::Dispatching { intent, phase, .. } = &deploy.state else { return Ok(Finish::Done) };
        if intent.attempt != attempt {
            return Ok(Finish::Done);
        }
        match phase {
            Phase::Ready => {}
            // An earlier worker marked it and did not live to write the answer.
            Phase::Sent { .. } => {
                let why = "Shipgate was stopped between sending and the answer".to_owned();
                self.learn(&deploy, Event::SendUnknown { why }).await?;
                return Ok(Finish::Done);
            }
            Phase::Accepted { .. } | Phase::Unknown { .. } => return Ok(Finish::Done),
        }
        let now = self.now();
        if now > intent.send_by {
            self.learn(&deploy, Event::IntentLapsed).await?;
            return Ok(Finish::Done);
        }
        let pipelines = match self.providers.pipelines(intent.plan.provider) {
            Ok(pipelines) => pipelines,
            Err(error) => {
                tracing::error!(deploy.id = %id, "cannot send: {error}");
                self.learn(&deploy, Event::IntentLapsed).await?;
                return Ok(Finish::Done);
            }
        };
        let permission = self.may_dispatch().await?;
        if permission.stopped.is_some() || deploy.policy != self.rules.version {
            // Back to its gates, one of which says why; or the rules changed since it was decided, and nothing of it was
            // sent yet.
            self.learn(&deploy, Event::IntentLapsed).await?;
            return Ok(Finish::Done);
        }
        let mut mark = self.changes(now);
        mark.expect.push(permission.expectation());
        mark.expect.push(Expect::RulesInForce);
        mark.expect.push(Expect::Lease { id: leased.id, token: leased.token });
        // Nothing leaves unless exactly this mark was written (INVARIANTS S3).
        match deploy.learn(Event::Sent, now) {
            Ok(step) => self.record(&mut mark, &deploy, &step, Actor::Shipgate),
            Err(illegal) => return Ok(self.retry(1, illegal.to_string())),
        }
        point!("send/unmarked");
        self.commit(mark).await?;
        point!("send/marked");
        // A write may take long, and the mark says when it was begun: what was judged then may not hold any more.
        let sent = if self.now() > intent.send_by {
            Sent::NotSent { why: "the database took too long to write that it is sent".into(), after: None }
        } else {
            pipelines.send(&intent.plan).await
        };
        point!("send/answered");
        let now = self.now();
        tracing::info!(deploy.id = %id, attempt, outcome = sent_word(&sent), "sent a start");
        metrics::counter!("shipgate_sends_total", "outcome" => sent_word(&sent)).increment(1);
        self.learn_until_written(id, news(sent, now)).await?;
        point!("send/written");
        Ok(Finish::Done)
    }

    /// Writes news that must not be lost to somebody else's change at the same instant. A conflict over a deploy that
    /// nobody changed is the end of this epoch: then it is for others to find out.
    pub(crate) async fn learn_until_written(&self, id: &DeployId, event: Event) -> Result<(), StoreError> {
        let (mut failures, mut refused_at) = (0, None);
        loop {
            let deploy = match self.store.deploy(id).await {
                Ok(Some(deploy)) => deploy,
                Ok(None) => return Ok(()),
                Err(StoreError::Failed { .. }) if failures < WRITE_TRIES => {
                    failures += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.learn(&deploy, event.clone()).await {
                Err(StoreError::Conflict { .. }) if refused_at != Some(deploy.revision) => {
                    refused_at = Some(deploy.revision);
                }
                Err(StoreError::Failed { .. }) if failures < WRITE_TRIES => failures += 1,
                other => return other,
            }
        }
    }

    /// Looks for the run of an intent that was sent. Never sends.
    pub(crate) async fn reconcile(&self, leased: &Leased, id: &DeployId) -> Result<Finish, StoreError> {
        let Some(deploy) = self.store.deploy(id).await? else { return Ok(Finish::Done) };
        let State::Dispatching { intent, phase, .. } = &deploy.state else { return Ok(Finish::Done) };
        let now = self.now();
        let (sent_at, ask_at, asked) = match phase {
            Phase::Ready => return Ok(Finish::Done),
            Phase::Sent { at } | Phase::Accepted { at } => (*at, later(*at, ASK_AFTER), None),
            Phase::Unknown { at, ask_at, asked, .. } => (*at, *ask_at, *asked),
        };
        let found = match self.providers.pipelines(intent.plan.provider) {
            Ok(pipelines) => pipelines.find(&intent.plan, sent_at).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(mut runs) if !runs.is_empty() => {
                point!("reconcile/found");
                runs.sort_by(|a, b| (a.id.as_str().len(), &a.id).cmp(&(b.id.as_str().len(), &b.id)));
                let run = runs.remove(0);
                self.stop_strays(&deploy, &run, &runs).await?;
                self.learn_until_written(id, Event::Bound { run }).await?;
                return Ok(Finish::Done);
            }
            Ok(_) => {}
            Err(OutsideError::Later { why, .. } | OutsideError::Refused { why }) => {
                tracing::warn!(deploy.id = %id, "cannot look for the run: {why}");
            }
        }
        if let Some(asked) = asked {
            if now >= later(asked, GIVE_UP_AFTER) {
                self.learn(&deploy, Event::GivenUp).await?;
                return Ok(Finish::Done);
            }
        } else if now >= ask_at {
            self.learn(&deploy, Event::PeopleAsked).await?;
        } else if let Phase::Sent { at } = phase {
            // A worker may still be sending, and its answer may be a certain no: that counts for more than this look.
            let answered = later(*at, SEND_TIME);
            if now < answered {
                return Ok(Finish::Retry {
                    at: answered,
                    why: "the answer to the send may still come".into(),
                });
            }
            let why = "Shipgate was stopped between sending and the answer".to_owned();
            self.learn(&deploy, Event::SendUnknown { why }).await?;
        }
        if now >= later(sent_at, TELL_AFTER) {
            let mut changes = self.changes(now);
            let note = self.words().run_is_late(&deploy);
            let key = format!("late/{id}/{}", intent.attempt);
            changes.effects.push(self.thread_say(&deploy, key, note, now));
            self.commit(changes).await?;
        }
        let pause = 2_i64.saturating_pow(leased.attempts.min(5) + 1).min(60);
        Ok(Finish::Retry { at: later(now, SignedDuration::from_secs(pause)), why: "no run yet".into() })
    }

    /// More than one run carries the id (a duplicate made on the way): one is bound, the others are stopped, and
    /// people hear of it.
    async fn stop_strays(&self, deploy: &Deploy, bound: &Run, strays: &[Run]) -> Result<(), StoreError> {
        if strays.is_empty() {
            return Ok(());
        }
        let State::Dispatching { intent, .. } = &deploy.state else { return Ok(()) };
        for stray in strays {
            if let Ok(pipelines) = self.providers.pipelines(intent.plan.provider)
                && let Err(error) = pipelines.stop(&intent.plan, stray).await
            {
                tracing::error!(deploy.id = %deploy.id, run = %stray.id, "cannot stop a duplicate run: {error}");
            }
        }
        let now = self.now();
        let mut changes = self.changes(now);
        let message = self.words().duplicates(deploy, bound, strays);
        changes.effects.push(self.say_once(format!("duplicates/{}", deploy.id), message, now));
        self.commit(changes).await
    }

    /// A message in the announce channel, once for ever.
    pub(crate) fn say_once(&self, key: String, message: crate::words::Message, due: Timestamp) -> NewEffect {
        let post = Post {
            channel: self.rules.announce.clone(),
            thread: None,
            body: Body::Message(message),
            key: key.clone(),
        };
        NewEffect::once(key, Effect::Say { post: Box::new(post), under: None }, due)
    }
}

/// What an answer to a start means for its deploy.
fn news(sent: Sent, now: Timestamp) -> Event {
    match sent {
        Sent::Started(run) => Event::Bound { run },
        Sent::Accepted => Event::SendAccepted,
        Sent::Refused { why } => Event::SendRefused { why },
        Sent::NotSent { why, after } => {
            Event::SendDelayed { why, until: later(now, after.unwrap_or(TRY_AGAIN).max(TRY_AGAIN)) }
        }
        Sent::Unknown { why } => Event::SendUnknown { why },
    }
}

fn sent_word(sent: &Sent) -> &'static str {
    match sent {
        Sent::Started(_) => "started",
        Sent::Accepted => "accepted",
        Sent::Refused { .. } => "refused",
        Sent::NotSent { .. } => "not_sent",
        Sent::Unknown { .. } => "unknown",
    }
}
