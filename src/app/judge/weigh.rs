//! From a pinned deploy to an intent, a refusal, or the time of the next look. Not here: the rules (`domain::gates`).

use super::{ASK_AGAIN, gone_from_settings, later, plan, version_closed};
use crate::away::AWAY;
use crate::bot::App;
use crate::effects::Finish;
use crate::store::{About, Expect, Scope, StoreError};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::{Calendar, START_MARGIN};
use shipgate_domain::deploy::{Deploy, Event, Pinned, WayBack};
use shipgate_domain::facts::{Case, Outside, Place, Read};
use shipgate_domain::gates::{self, Answer, Decision, Gate, Patience, Reason, Verdict};
use shipgate_domain::ids::CommitId;
use shipgate_domain::policy::{Environment, Service};
use std::sync::Arc;

/// What was read outside is believed for this long when a start is decided (S1: at most 60 s).
const FRESH: SignedDuration = SignedDuration::from_secs(15);

/// What is in place where a deploy goes.
#[derive(PartialEq, Eq)]
struct There {
    /// What last succeeded; a rollback builds on nothing.
    runs: Option<CommitId>,
    /// The commits whose migrations may have been applied, or why nobody can say.
    applied: Result<Vec<CommitId>, String>,
    /// A way back that was taken since the request.
    rolled_back: Option<WayBack>,
}

/// What is known inside, and what of it must still be so when something is written that was decided by it.
struct Inside {
    calendar: Arc<Calendar>,
    place: Place,
    expect: Vec<Expect>,
    /// For a start, also this.
    expect_to_start: Vec<Expect>,
}

impl App {
    /// Judges a waiting deploy. `None`: something was written and it is to be looked at again.
    pub(super) async fn weigh(
        &self,
        deploy: &Deploy,
        expires: Timestamp,
    ) -> Result<Option<Finish>, StoreError> {
        let now = self.now();
        if now >= expires {
            self.learn(deploy, Event::Expired).await?;
            return Ok(Some(Finish::Done));
        }
        let Some((environment, service)) = self.place_to_start(deploy) else {
            self.refuse(deploy, version_closed(gone_from_settings(deploy)), None).await?;
            return Ok(Some(Finish::Done));
        };
        if deploy.policy != self.rules.version {
            return self.adopt_rules(deploy, service).await;
        }
        let Some(pinned) = &deploy.pinned else { return Ok(Some(Finish::Done)) };
        // Whoever went live meanwhile is compared with, however fresh the rest is: nothing is silently taken away again.
        let there = self.there(deploy).await?;
        let is_old = |o: &Outside| is_stale(o, now) || is_overtaken(o, deploy, pinned, &there);
        let mut candidate = deploy.clone();
        if candidate.outside.as_ref().is_none_or(is_old) {
            candidate.outside = Some(self.look_outside(pinned, environment, service, deploy).await?);
        }
        let (away, absences) = self.absences().await?;
        if let Some(outside) = candidate.outside.as_mut() {
            outside.memberships.set_away(absences);
        }
        if let Some(changed) = self.workflow_changed(&candidate, pinned, service) {
            self.learn(deploy, changed).await?;
            return Ok(None);
        }
        // Reading takes its time, and that may have been the last of it.
        let now = self.now();
        if now >= expires {
            self.learn(deploy, Event::Expired).await?;
            return Ok(Some(Finish::Done));
        }
        let Some(mut inside) = self.look_inside(&candidate, environment, &there, now).await? else {
            return Ok(None);
        };
        inside.expect.push(Expect::Note(AWAY.into(), away));
        self.conclude(deploy, candidate, (environment, service), inside, (now, expires)).await
    }

    /// Reads what is known inside. `None`: something moved while it was read.
    async fn look_inside(
        &self,
        deploy: &Deploy,
        environment: &Environment,
        there: &There,
        now: Timestamp,
    ) -> Result<Option<Inside>, StoreError> {
        let about = About {
            service: deploy.request.service.clone(),
            environment: deploy.request.environment.clone(),
            lock_group: self.lock_group(deploy),
            commit: deploy.commit().cloned(),
            after: environment.after.clone(),
        };
        let before = environment.after.clone().map(Scope::Environment);
        let before_revision = match &before {
            Some(scope) => self.store.revision(scope).await?,
            None => 0,
        };
        let mut around = self.store.surroundings(&about).await?;
        around.active = self.active_beside(deploy, &about.lock_group).await?;
        if self.there(deploy).await? != *there {
            return Ok(None);
        }
        let calendar = self.calendar(around.freezes_revision, &around.freezes).await?;
        let permission = self.may_dispatch().await?;
        let mut place = self.place_in_line(deploy, &around, &calendar, now).await?;
        place.stopped = permission.stopped.clone();
        place.rolled_back = there.rolled_back.clone();
        place.live = there.runs.clone().filter(|_| deploy.acts_on_live());
        place.before_left = self.left_before(deploy, environment, around.before).await?;
        let scope = Scope::Environment(about.environment);
        let expect = vec![
            Expect::Scope(scope, around.environment_revision),
            Expect::Scope(Scope::Freezes, around.freezes_revision),
        ];
        let mut expect_to_start = vec![permission.expectation()];
        // What was on the environment before may have been replaced while this was judged.
        expect_to_start.extend(before.map(|scope| Expect::Scope(scope, before_revision)));
        Ok(Some(Inside { calendar, place, expect, expect_to_start }))
    }

    /// Judges by what was read, and writes what follows. `candidate` is the deploy with the newest facts.
    async fn conclude(
        &self,
        deploy: &Deploy,
        candidate: Deploy,
        (environment, service): (&Environment, &Service),
        inside: Inside,
        (now, expires): (Timestamp, Timestamp),
    ) -> Result<Option<Finish>, StoreError> {
        let case = Case {
            deploy: &candidate,
            policy: &self.rules.policy,
            environment,
            service,
            calendar: &inside.calendar,
            place: &inside.place,
            now,
            authors: Default::default(),
        };
        let verdicts = gates::judge(&case);
        let mut decision = gates::decide(&verdicts, Patience::of(deploy));
        if let (Decision::Start, Some(delay)) = (decision, &deploy.delay)
            && now < delay.until
        {
            decision = Decision::Wait(Some(delay.until));
        }
        let mut changes = self.changes(now);
        changes.expect.push(Expect::RulesInForce);
        changes.expect.extend(inside.expect);
        // Only what is accepted takes the place of anything: a slip of the keyboard ends no request.
        if environment.supersede && deploy.verdicts.is_empty() && decision != Decision::Refuse {
            let older = self.superseded_by(deploy).await?;
            if !older.is_empty() {
                self.supersede(deploy, &older, changes).await?;
                return Ok(None);
            }
        }
        match (decision, candidate.outside) {
            (Decision::Refuse, outside) => {
                self.learn_with(deploy, Event::Refused { verdicts, outside }, changes).await?;
                Ok(Some(Finish::Done))
            }
            (Decision::Start, Some(outside)) => {
                let send_by = later(now, START_MARGIN);
                changes.expect.extend(inside.expect_to_start);
                self.learn_with(deploy, Event::IntentMade { verdicts, outside, send_by }, changes).await?;
                // Looked at once more: the deploy refuses an intent whose time ran out while it was judged.
                Ok(None)
            }
            (Decision::Start, None) => Ok(None),
            (Decision::Wait(next), outside) => {
                let unread = verdicts.iter().any(|v| v.reason.is_unreadable());
                let soon = unread.then(|| later(now, ASK_AGAIN));
                let next = [next, soon, Some(expires)].into_iter().flatten().filter(|at| *at > now).min();
                // A timer says when to look again; only what people would see differently is written.
                if summary(&verdicts) != summary(&deploy.verdicts) || is_rebased(deploy, outside.as_ref()) {
                    self.learn_with(deploy, Event::Judged { verdicts, outside }, changes).await?;
                }
                Ok(Some(Finish::Again(next.unwrap_or(expires))))
            }
        }
    }

    /// What is in place where a deploy goes, read before and after the snapshot that a decision rests on.
    async fn there(&self, deploy: &Deploy) -> Result<There, StoreError> {
        let (request, asked) = (&deploy.request, deploy.request.at);
        let past =
            self.past_of(&request.service, &request.environment, 8, |past| past.reaches(asked)).await?;
        if deploy.is_rollback() {
            return Ok(There { runs: None, applied: past.may_be_applied(), rolled_back: None });
        }
        Ok(There {
            runs: past.in_place().and_then(Deploy::commit).cloned(),
            applied: past.may_be_applied(),
            rolled_back: past.rolled_back_since(asked),
        })
    }

    /// Another file would be run than was pinned: what that makes of the plan.
    fn workflow_changed(&self, candidate: &Deploy, pinned: &Pinned, service: &Service) -> Option<Event> {
        let now = candidate.outside.as_ref()?.preflight.workflow.as_ref()?.known()?;
        if *now == pinned.plan.workflow_id {
            return None;
        }
        let started = self.as_started(candidate, service);
        let (plan, digest) = plan(candidate, &pinned.pin.commit, &started, &candidate.policy, now.as_deref());
        Some(Event::WorkflowChanged { plan, digest })
    }

    /// The rules changed while it waited: a new digest, and approvals of the old one no longer count.
    async fn adopt_rules(&self, deploy: &Deploy, service: &Service) -> Result<Option<Finish>, StoreError> {
        let Some(pinned) = &deploy.pinned else { return Ok(Some(Finish::Done)) };
        let policy = self.rules.version.clone();
        let workflow = pinned.plan.workflow_id.as_deref();
        let started = self.as_started(deploy, service);
        let (plan, digest) = plan(deploy, &pinned.pin.commit, &started, &policy, workflow);
        self.decide(deploy, Event::RulesChanged { policy, plan, digest }).await?;
        Ok(None)
    }
}

/// Whether facts are too old to decide by, or from a time that is not yet.
fn is_stale(outside: &Outside, now: Timestamp) -> bool {
    let age = now.duration_since(outside.read_at);
    age.is_negative() || age > FRESH
}

/// Whether something else is in place by now than was compared with.
fn is_overtaken(outside: &Outside, deploy: &Deploy, pinned: &Pinned, there: &There) -> bool {
    let base = compared_with(pinned, outside).filter(|_| !deploy.is_rollback() && !deploy.acts_on_live());
    let crossed = outside.preflight.migrations.as_ref().and_then(Read::known);
    base.is_some_and(|base| base != there.runs.as_ref())
        || crossed.is_some_and(|crossing| there.applied.as_ref().is_ok_and(|all| *all != crossing.of))
}

/// The commit that the change was compared with last; none inside where there was nothing to compare with, and none at
/// all where that could not be read, which closes the gate by itself.
fn compared_with<'a>(pinned: &'a Pinned, outside: &'a Outside) -> Option<Option<&'a CommitId>> {
    match (&outside.rebased, &pinned.diff) {
        (Some(Read::Known(diff)), _) | (None, Read::Known(Some(diff))) => Some(Some(&diff.base)),
        (Some(Read::Unknown(_)), _) => None,
        (None, Read::Known(None) | Read::Unknown(_)) => Some(None),
    }
}

/// Whether the change is shown against another commit than it will be.
fn is_rebased(deploy: &Deploy, outside: Option<&Outside>) -> bool {
    let base = |o: Option<&Outside>| Some(o?.rebased.as_ref()?.known()?.base.clone());
    base(outside) != base(deploy.outside.as_ref())
}

/// What of the verdicts people would see: not the instants inside, which move with every look.
fn summary(verdicts: &[Verdict]) -> Vec<(Gate, Answer, Reason)> {
    verdicts
        .iter()
        .map(|v| {
            let mut reason = v.reason.clone();
            if let Reason::InLine { expected, .. } = &mut reason {
                *expected = None;
            }
            (v.gate, v.answer, reason)
        })
        .collect()
}
