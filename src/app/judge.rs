//! Gather, judge, decide: from a request to an intent or a reason. Not here: the rules (`domain::gates`), the send.

use crate::away::AWAY;
use crate::bot::App;
use crate::effects::{Effect, Finish, NewEffect};
use crate::point;
use crate::ports::{OutsideError, Resolved};
use crate::store::{About, Changes, Expect, Filter, Scope, StoreError, Surroundings};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::audit::Actor;
use shipgate_domain::calendar::{Calendar, START_MARGIN};
use shipgate_domain::deploy::{
    Asked, Deploy, Event, Kind, PLAN_LASTS, Pinned, StartWhen, State, WayBack, plan_and_digest,
};
use shipgate_domain::facts::{Case, Diff, Other, Outside, Pin, Place, Read, RefKind};
use shipgate_domain::gates::{self, Answer, Decision, Gate, Patience, Reason, Verdict};
use shipgate_domain::ids::{CommitId, DeployId, Digest, PolicyVersion};
use shipgate_domain::policy::{Environment, Service};
use shipgate_domain::run::RunPlan;

/// What was read outside is believed for this long when a start is decided (S1: at most 60 s).
const FRESH: SignedDuration = SignedDuration::from_secs(15);
/// Something that could not be read is asked again after this long.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// How often one judgement starts over because something changed under it, before it waits a moment.
const TRIES: usize = 8;

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

    /// Resolves the version, once. `None`: the deploy moved on, judge it as it is now.
    async fn pin(&self, deploy: &Deploy) -> Result<Option<Finish>, StoreError> {
        let now = self.now();
        let Some((environment, service)) = self.place_to_start(deploy) else {
            self.refuse(deploy, version_closed(gone_from_settings(deploy)), None).await?;
            return Ok(Some(Finish::Done));
        };
        let expires = self.gives_up(deploy, environment).await?;
        if now >= expires {
            self.learn(deploy, Event::Expired).await?;
            return Ok(Some(Finish::Done));
        }
        let resolved = match self.known_pin(deploy).await? {
            Some(pin) => Ok(Resolved::Pin(pin)),
            None => match self.providers.repositories(service.pipeline.provider) {
                Ok(repositories) => {
                    repositories.resolve(&service.pipeline.repo, &deploy.request.version).await
                }
                Err(error) => Err(error),
            },
        };
        // What is approved includes the file that is run: without its identity nothing is pinned.
        let workflow = match &resolved {
            Ok(Resolved::Pin(_)) => self.workflow(&self.as_started(deploy, service)).await,
            Ok(Resolved::Unknown | Resolved::Ambiguous { .. }) | Err(_) => Ok(None),
        };
        let (resolved, workflow) = match workflow {
            Ok(workflow) => (resolved, workflow),
            Err(error) => (Err(error), None),
        };
        let reason = match resolved {
            Ok(Resolved::Pin(pin)) => {
                let diff = self.diff(deploy, service, &pin.commit).await?;
                let started = self.as_started(deploy, service);
                let (plan, digest) =
                    self::plan(deploy, &pin.commit, &started, &deploy.policy, workflow.as_deref());
                let pinned = Box::new(Pinned { pin, diff, plan, digest });
                self.decide(deploy, Event::Pinned { pinned, expires }).await?;
                return Ok(None);
            }
            Ok(Resolved::Unknown) => Reason::VersionUnknown,
            Ok(Resolved::Ambiguous { what }) => Reason::VersionAmbiguous { what },
            Err(OutsideError::Refused { why }) => Reason::VersionUnreadable { why },
            Err(OutsideError::Later { why, after }) => {
                let again =
                    later(now, after.unwrap_or(ASK_AGAIN).clamp(ASK_AGAIN, SignedDuration::from_mins(5)));
                let is_news =
                    !matches!(&deploy.state, State::Requested { problem: Some(said) } if *said == why);
                if is_news {
                    self.learn(deploy, Event::Delayed { problem: why }).await?;
                }
                return Ok(Some(Finish::Again(again.min(expires))));
            }
        };
        self.refuse(deploy, version_closed(reason), None).await?;
        Ok(Some(Finish::Done))
    }

    /// When a new deploy is given up if its gates do not open. Whoever waits for the calendar has the usual time from
    /// its opening on, as it was known when they asked.
    async fn gives_up(&self, deploy: &Deploy, environment: &Environment) -> Result<Timestamp, StoreError> {
        let asked = deploy.request.at;
        let usual = environment.approvals.expires;
        Ok(match deploy.request.when {
            StartWhen::Now => later(asked, usual),
            StartWhen::At(at) => later(at, PLAN_LASTS),
            StartWhen::WhenOpen => {
                let calendar = self.calendar_now().await?;
                let (place, thing) = (environment.name.as_str(), deploy.request.service.as_str());
                let opens = calendar.next_start(place, thing, environment.schedule.as_deref(), asked, false);
                later(opens.unwrap_or(asked), usual)
            }
        })
    }

    /// A rollback or a re-run speaks of a commit that ran before: nothing is resolved anew.
    async fn known_pin(&self, deploy: &Deploy) -> Result<Option<Pin>, StoreError> {
        let as_commit = |pin: &Pin| Pin { kind: RefKind::Commit, ..pin.clone() };
        match &deploy.request.kind {
            Kind::Deploy | Kind::Action(Asked { live: None, .. }) => Ok(None),
            Kind::Rerun { of, .. } | Kind::Action(Asked { live: Some(of), .. }) => {
                let earlier = self.store.deploy(of).await?;
                Ok(earlier.and_then(|d| d.pinned).map(|p| as_commit(&p.pin)))
            }
            Kind::Rollback { .. } => {
                let past = self.past(&deploy.request.service, &deploy.request.environment).await?;
                let same = past.successes().find(|d| d.request.version == deploy.request.version);
                Ok(same.and_then(|d| d.pinned.as_ref()).map(|p| as_commit(&p.pin)))
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

    /// What changes compared to what runs there now.
    pub(crate) async fn diff(
        &self,
        deploy: &Deploy,
        service: &Service,
        head: &CommitId,
    ) -> Result<Read<Option<Diff>>, StoreError> {
        // Acting on what runs there changes no commit.
        if deploy.acts_on_live() {
            return Ok(Read::Known(None));
        }
        let past = self.past(&deploy.request.service, &deploy.request.environment).await?;
        // What a rollback leaves is what ran last, also when it failed; a deploy builds on what last succeeded.
        let left = if deploy.is_rollback() { past.newest() } else { past.in_place() };
        let Some((base, base_version)) =
            left.and_then(|d| Some((d.commit()?.clone(), d.request.version.clone())))
        else {
            return Ok(Read::Known(None));
        };
        let compared = match self.providers.repositories(service.pipeline.provider) {
            Ok(repositories) => repositories.compare(&service.pipeline.repo, &base, head).await,
            Err(error) => Err(error),
        };
        Ok(match compared {
            Ok(c) => Read::Known(Some(Diff {
                base,
                base_version,
                commits: c.commits,
                total: c.total,
                behind: c.behind,
                url: c.url,
            })),
            Err(error) => Read::Unknown(error.to_string()),
        })
    }

    /// Judges a waiting deploy. `None`: something was written and it is to be looked at again.
    async fn weigh(&self, deploy: &Deploy, expires: Timestamp) -> Result<Option<Finish>, StoreError> {
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
        let mut candidate = deploy.clone();
        let is_stale = |o: &Outside| {
            let age = now.duration_since(o.read_at);
            age.is_negative() || age > FRESH
        };
        // Whoever went live meanwhile is compared with, however fresh the rest is: nothing is silently taken away again.
        let there = self.there(deploy).await?;
        let is_overtaken = |o: &Outside| {
            let base = compared_with(pinned, o).filter(|_| !deploy.is_rollback() && !deploy.acts_on_live());
            let crossed = o.preflight.migrations.as_ref().and_then(|read| read.known());
            base.is_some_and(|base| base != there.runs.as_ref())
                || crossed.is_some_and(|crossing| there.applied.as_ref().is_ok_and(|all| *all != crossing.of))
        };
        if candidate.outside.as_ref().is_none_or(|o| is_stale(o) || is_overtaken(o)) {
            candidate.outside = Some(self.look_outside(pinned, environment, service, deploy).await?);
        }
        let (away, absences) = self.absences().await?;
        if let Some(outside) = candidate.outside.as_mut() {
            outside.memberships.set_away(absences);
        }
        let workflow = candidate.outside.as_ref().and_then(|o| o.preflight.workflow.as_ref());
        if let Some(Read::Known(now)) = workflow
            && *now != pinned.plan.workflow_id
        {
            let started = self.as_started(deploy, service);
            let (plan, digest) =
                self::plan(deploy, &pinned.pin.commit, &started, &deploy.policy, now.as_deref());
            self.learn(deploy, Event::WorkflowChanged { plan, digest }).await?;
            return Ok(None);
        }
        // Reading takes its time, and that may have been the last of it.
        let now = self.now();
        if now >= expires {
            self.learn(deploy, Event::Expired).await?;
            return Ok(Some(Finish::Done));
        }
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
        if self.there(deploy).await? != there {
            return Ok(None);
        }
        let calendar = self.calendar(around.freezes_revision, &around.freezes).await?;
        let permission = self.may_dispatch().await?;
        let mut place = self.place_in_line(&candidate, &around, &calendar, now).await?;
        place.stopped = permission.stopped.clone();
        place.rolled_back = there.rolled_back.clone();
        place.live = there.runs.clone().filter(|_| deploy.acts_on_live());
        place.before_left = self.left_before(&candidate, environment, around.before).await?;
        let case = Case {
            deploy: &candidate,
            policy: &self.rules.policy,
            environment,
            service,
            calendar: &calendar,
            place: &place,
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
        let outside = candidate.outside.clone();
        let mut changes = self.changes(now);
        changes.expect.push(Expect::RulesInForce);
        let scope = Scope::Environment(deploy.request.environment.clone());
        changes.expect.push(Expect::Scope(scope, around.environment_revision));
        changes.expect.push(Expect::Scope(Scope::Freezes, around.freezes_revision));
        changes.expect.push(Expect::Note(AWAY.into(), away));
        // Only what is accepted takes the place of anything: a slip of the keyboard ends no request.
        if environment.supersede && deploy.verdicts.is_empty() && decision != Decision::Refuse {
            let older = self.superseded_by(deploy).await?;
            if !older.is_empty() {
                self.supersede(deploy, &older, changes).await?;
                return Ok(None);
            }
        }
        match (decision, outside) {
            (Decision::Refuse, outside) => {
                self.learn_with(deploy, Event::Refused { verdicts, outside }, changes).await?;
                Ok(Some(Finish::Done))
            }
            (Decision::Start, Some(outside)) => {
                let send_by = later(now, START_MARGIN);
                changes.expect.push(permission.expectation());
                // What was on the environment before may have been replaced while this was judged.
                changes.expect.extend(before.map(|scope| Expect::Scope(scope, before_revision)));
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
                let base = |o: Option<&Outside>| Some(o?.rebased.as_ref()?.known()?.base.clone());
                let is_rebased = base(outside.as_ref()) != base(deploy.outside.as_ref());
                if summary(&verdicts) != summary(&deploy.verdicts) || is_rebased {
                    self.learn_with(deploy, Event::Judged { verdicts, outside }, changes).await?;
                }
                Ok(Some(Finish::Again(next.unwrap_or(expires))))
            }
        }
    }

    /// Active deploys of a lock group as the rules draw it now. The store knows the group under which each was written,
    /// which is another one when the queue of the environment was changed meanwhile. Read after the snapshot, whose
    /// revision of the environment must still hold when the decision is written.
    async fn active_beside(&self, deploy: &Deploy, lock_group: &str) -> Result<Vec<Deploy>, StoreError> {
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
        let case = Case {
            deploy,
            policy,
            environment,
            service,
            calendar,
            place: &place,
            now,
            authors: Default::default(),
        };
        let is_open = |v: &Verdict| v.answer == Answer::Open;
        gates::judge(&case).iter().filter(|v| !looked_up.contains(&v.gate)).all(is_open)
            && deploy.verdicts.iter().filter(|v| looked_up.contains(&v.gate)).all(is_open)
    }

    /// The rules changed while it waited: a new digest, and approvals of the old one no longer count.
    async fn adopt_rules(&self, deploy: &Deploy, service: &Service) -> Result<Option<Finish>, StoreError> {
        let Some(pinned) = &deploy.pinned else { return Ok(Some(Finish::Done)) };
        let policy = self.rules.version.clone();
        let workflow = pinned.plan.workflow_id.as_deref();
        let started = self.as_started(deploy, service);
        let (plan, digest) = self::plan(deploy, &pinned.pin.commit, &started, &policy, workflow);
        self.decide(deploy, Event::RulesChanged { policy, plan, digest }).await?;
        Ok(None)
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

/// A deploy as far as a queue shows it.
fn other(deploy: &Deploy) -> Other {
    Other {
        id: deploy.id.clone(),
        service: Some(deploy.request.service.clone()),
        version: deploy.request.version.clone(),
        requester: deploy.request.by.clone(),
        started: match &deploy.state {
            State::Running { since, .. } => Some(*since),
            State::Dispatching { intent, .. } => Some(intent.at),
            State::Requested { .. } | State::Waiting { .. } | State::Done { .. } => None,
        },
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

pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
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
