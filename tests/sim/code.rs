//! A code host with a CI system: versions, checks, starts, runs, webhooks, with everything that can go wrong there.
//! Not here: judging what was sent (`oracle`).

use crate::dice::Dice;
use crate::faults::Fault;
use crate::mistakes::Mistake;
use crate::oracle::Received;
use crate::world::{MINUTE, Ms, SECOND, Shared, World};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use shipgate_app::ports::{
    Comparison, OutsideError, Pipelines, Recent, Report, Repositories, Resolved, Sent,
};
use shipgate_domain::facts::{Change, Check, CheckState, Pin, RefKind};
use shipgate_domain::ids::{CommitId, DeployId, Version};
use shipgate_domain::run::{Conclusion, Job, Progress, Run, RunPlan, Standing, Start};
use std::collections::BTreeMap;

/// One execution of a run.
#[derive(Clone, Debug)]
pub struct Execution {
    /// From when it is listed.
    pub listed: Ms,
    /// When it begins.
    pub begins: Ms,
    /// When it ends.
    pub ends: Ms,
    /// How.
    pub conclusion: Conclusion,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Runs {
    /// Its id.
    pub id: u64,
    /// The deploy whose id it carries.
    pub deploy: DeployId,
    /// Its executions.
    pub executions: Vec<Execution>,
}

/// A webhook on its way.
#[derive(Clone, Debug)]
pub struct Hook {
    /// When it arrives.
    pub at: Ms,
    /// The run.
    pub run: String,
    /// The run's title.
    pub title: String,
}

/// What the code host and the CI system know.
pub struct CodeModel {
    /// All runs.
    pub runs: Vec<Runs>,
    /// Tags: where they pointed since when.
    pub tags: BTreeMap<String, Vec<(Ms, CommitId)>>,
    /// Checks called `test` and `lint` of a commit: what they said since when.
    pub checks: BTreeMap<(CommitId, &'static str), Vec<(Ms, CheckState)>>,
    /// Commits that are not on the branch.
    pub unreachable: Vec<CommitId>,
    /// Webhooks on their way.
    pub hooks: Vec<Hook>,
    /// Nothing works before this moment.
    pub down_until: Ms,
    /// Runs take long in this seed.
    slow_runs: bool,
}

/// Version tags.
pub const TAGS: [&str; 6] = ["v1", "v2", "v3", "v4", "v5", "v6"];

/// The commit of a number.
pub fn commit(number: u64) -> CommitId {
    format!("{:040x}", 0x00c0_ffee_0000_u64 + number).parse().expect("40 hex digits")
}

impl CodeModel {
    /// A code host with some versions.
    pub fn new(dice: &mut Dice) -> Self {
        let mut tags = BTreeMap::new();
        let mut checks = BTreeMap::new();
        let mut unreachable = Vec::new();
        for (number, tag) in (1..).zip(TAGS) {
            let commit = commit(number);
            tags.insert(tag.to_owned(), vec![(0, commit.clone())]);
            if dice.chance(50) {
                unreachable.push(commit);
            }
        }
        for number in 1..40 {
            for name in ["test", "lint"] {
                let state = match dice.below(20) {
                    0 if dice.chance(500) => CheckState::Failed,
                    1 => CheckState::Pending,
                    _ => CheckState::Passed,
                };
                checks.insert((commit(number), name), vec![(0, state)]);
            }
        }
        let slow_runs = dice.chance(200);
        Self { runs: Vec::new(), tags, checks, unreachable, hooks: Vec::new(), down_until: 0, slow_runs }
    }

    /// Where a version points.
    fn resolve(&self, version: &str) -> Option<(CommitId, RefKind)> {
        if let Some((_, commit)) = self.tags.get(version).and_then(|list| list.last()) {
            return Some((commit.clone(), RefKind::Tag));
        }
        if version == "main" {
            return Some((commit(30), RefKind::Branch));
        }
        version.parse().ok().map(|commit| (commit, RefKind::Commit))
    }

    /// Whether a tag pointed to a commit at some moment since `since`.
    pub fn pointed(&self, tag: &str, commit: &CommitId, since: Ms) -> bool {
        held(self.tags.get(tag), commit, since)
    }

    /// Whether a check was green at some moment since `since`.
    pub fn was_green(&self, commit: &CommitId, name: &'static str, since: Ms) -> bool {
        held(self.checks.get(&(commit.clone(), name)), &CheckState::Passed, since)
    }

    fn run(&self, id: &str) -> Option<&Runs> {
        self.runs.iter().find(|run| run.id.to_string() == id)
    }
}

fn held<T: PartialEq>(list: Option<&Vec<(Ms, T)>>, wanted: &T, since: Ms) -> bool {
    let Some(list) = list else { return false };
    list.iter().enumerate().any(|(at, (_, value))| {
        let until = list.get(at + 1).map_or(Ms::MAX, |next| next.0);
        until >= since && value == wanted
    })
}

impl World {
    /// Accepts a start. Says which run it became.
    fn accept(&mut self, plan: &RunPlan) -> Option<Run> {
        let now = self.mono;
        let late = if self.is_hit(Fault::ListedLate) {
            match self.dice.below(4) {
                0 => self.dice.between(5, 50) * MINUTE,
                _ => self.dice.between(3, 120) * SECOND,
            }
        } else {
            self.dice.between(0, 3000)
        };
        let begins = now + self.dice.between(100, 8000);
        let length = match self.dice.below(20) {
            0 if self.code.slow_runs => self.dice.between(5, 40) * MINUTE,
            0..4 => self.dice.between(60, 240) * SECOND,
            _ => self.dice.between(2, 40) * SECOND,
        };
        let conclusion = match self.dice.below(10) {
            0 | 1 => Conclusion::Failure,
            2 if self.dice.chance(300) => Conclusion::TimedOut,
            3 if self.dice.chance(200) => Conclusion::Other("stale".into()),
            _ => Conclusion::Success,
        };
        let execution = Execution { listed: now + late, begins, ends: begins + length, conclusion };
        let ends = execution.ends;
        let run = match &plan.start {
            Start::New => {
                let id = 1000 + self.code.runs.len() as u64;
                self.code.runs.push(Runs {
                    id,
                    deploy: plan.deploy.clone(),
                    executions: vec![execution.clone()],
                });
                let run = Run { id: id.to_string().parse().ok()?, attempt: 1, url: None };
                if self.is_hit(Fault::DuplicateRun) {
                    self.code.runs.push(Runs {
                        id: id + 1,
                        deploy: plan.deploy.clone(),
                        executions: vec![execution],
                    });
                }
                run
            }
            Start::FailedJobs { run, .. } => {
                let old = self.code.runs.iter_mut().find(|old| old.id.to_string() == run.as_str())?;
                old.executions.push(execution);
                let attempt = u32::try_from(old.executions.len()).ok()?;
                Run { id: run.clone(), attempt, url: None }
            }
        };
        self.tell(
            "ci",
            format!("accepted {} as run {} attempt {}", plan.deploy.short(), run.id, run.attempt),
        );
        let title =
            format!("deploy {} {}", plan.inputs.get("environment").cloned().unwrap_or_default(), plan.deploy);
        for at in [begins, ends] {
            self.hook(at, run.id.as_str(), &title);
        }
        if self.is_hit(Fault::WebhookEarly) {
            self.code.hooks.push(Hook { at: now, run: run.id.to_string(), title });
        }
        Some(run)
    }

    fn hook(&mut self, at: Ms, run: &str, title: &str) {
        if self.is_hit(Fault::WebhookLost) {
            return;
        }
        let delay = self.dice.between(50, 4000);
        let hook = Hook { at: at + delay, run: run.to_owned(), title: title.to_owned() };
        if self.is_hit(Fault::WebhookTwice) {
            self.code.hooks.push(Hook { at: hook.at + self.dice.between(0, 30_000), ..hook.clone() });
        }
        self.code.hooks.push(hook);
    }

    /// The code host is down for ten minutes.
    pub fn code_down(&mut self) {
        self.note(Fault::CodeHostDown);
        self.code.down_until = self.mono + 10 * MINUTE;
    }

    /// Somebody stops a run on the CI system.
    pub fn cancel_elsewhere(&mut self) {
        let now = self.mono;
        let going: Vec<usize> = (0..self.code.runs.len())
            .filter(|at| self.code.runs[*at].executions.last().is_some_and(|e| e.ends > now))
            .collect();
        if let Some(at) = self.dice.pick(&going).copied() {
            self.note(Fault::CancelledElsewhere);
            self.stop(at);
        }
    }

    fn stop(&mut self, at: usize) {
        let ends = self.mono + self.dice.between(10, 3000);
        if let Some(execution) = self.code.runs[at].executions.last_mut()
            && execution.ends > ends
        {
            execution.ends = ends;
            execution.begins = execution.begins.min(ends);
            execution.conclusion = Conclusion::Cancelled;
        }
    }

    /// Somebody moves a tag.
    pub fn move_tag(&mut self) {
        let Some(tag) = self.dice.pick(&TAGS).copied() else { return };
        let to = commit(self.dice.below(39) + 1);
        let now = self.mono;
        self.note(Fault::TagMoved);
        self.tell("git", format!("{tag} now points to {}", to.short()));
        self.code.tags.entry(tag.to_owned()).or_default().push((now, to));
    }

    /// A check changes its mind.
    pub fn flip_check(&mut self) {
        let commit = commit(self.dice.below(6) + 1);
        let Some(name) = self.dice.pick(&["test", "lint"]).copied() else { return };
        let state = *self
            .dice
            .pick(&[CheckState::Passed, CheckState::Passed, CheckState::Pending, CheckState::Failed])
            .expect("not empty");
        let now = self.mono;
        self.note(Fault::CheckFlips);
        self.tell("git", format!("{name} of {} is {state:?}", commit.short()));
        self.code.checks.entry((commit, name)).or_default().push((now, state));
    }

    /// What is not decided is decided: everything that was red stays red.
    pub fn settle_checks(&mut self) {
        let now = self.mono;
        for list in self.code.checks.values_mut() {
            if list.last().is_some_and(|last| last.1 == CheckState::Pending) {
                list.push((now, CheckState::Passed));
            }
        }
    }
}

/// Code host and CI system behind the ports.
pub struct SimCode(pub Shared);

fn later(why: &str) -> OutsideError {
    OutsideError::Later { why: why.to_owned(), after: None }
}

impl SimCode {
    async fn go(&self, what: String, fault: Fault) -> Result<(), OutsideError> {
        let ms = {
            let mut world = self.0.look();
            if world.is_hit(Fault::CodeHostSlow) {
                world.dice.between(SECOND, 9 * SECOND)
            } else {
                world.dice.between(0, 150)
            }
        };
        self.0.pause(ms).await;
        self.0.may_die(Fault::CrashBeforeCall).await;
        let mut world = self.0.look();
        world.tell("code", what);
        if world.mono < world.code.down_until {
            return Err(later("GitHub is down"));
        }
        if world.is_hit(fault) {
            return Err(OutsideError::Later {
                why: "GitHub gave an error".into(),
                after: Some(SignedDuration::from_secs(3)),
            });
        }
        Ok(())
    }

    async fn come_back(&self) {
        let ms = self.0.look().dice.between(0, 60);
        self.0.pause(ms).await;
        self.0.may_die(Fault::CrashAfterCall).await;
    }

    async fn send_once(&self, plan: &RunPlan) -> Sent {
        let ms = self.0.look().dice.between(5, 900);
        self.0.pause(ms).await;
        self.0.may_die(Fault::CrashBeforeCall).await;
        let sent = self.0.look().receive(plan);
        let ms = {
            let mut world = self.0.look();
            if world.is_hit(Fault::CodeHostSlow) {
                world.dice.between(SECOND, 25 * SECOND)
            } else {
                world.dice.between(0, 300)
            }
        };
        self.0.pause(ms).await;
        self.0.may_die(Fault::CrashAfterCall).await;
        if matches!(sent, Sent::Refused { .. } | Sent::NotSent { .. }) {
            self.0.look().refusal_heard(plan);
        }
        sent
    }
}

impl World {
    /// What happens to a request to start.
    fn receive(&mut self, plan: &RunPlan) -> Sent {
        self.tell("ci", format!("received a start of {} {:?}", plan.deploy.short(), plan.start));
        let after = |seconds| Some(SignedDuration::from_secs(seconds));
        if self.mono < self.code.down_until {
            let sent = match self.dice.below(2) {
                0 => Sent::NotSent { why: "cannot connect".into(), after: None },
                _ => Sent::Unknown { why: "502".into() },
            };
            self.turned_away(plan, &sent);
            return sent;
        }
        let refused = [
            (Fault::SendRefused, Sent::Refused { why: "422: unknown input".into() }),
            (Fault::NotSent, Sent::NotSent { why: "cannot connect".into(), after: None }),
            (Fault::SendRateLimit, Sent::NotSent { why: "rate limit".into(), after: after(45) }),
            (Fault::SendTimeout, Sent::Unknown { why: "timeout".into() }),
        ];
        for (fault, sent) in refused {
            if self.is_hit(fault) {
                self.turned_away(plan, &sent);
                return sent;
            }
        }
        let store = self.store.clone();
        let Some(run) = self.accept(plan) else {
            self.sent(&store, plan, Received::NotStarted);
            return Sent::Refused { why: "no such run".into() };
        };
        self.sent(&store, plan, Received::Accepted);
        if self.is_hit(Fault::AcceptedThenError) {
            return Sent::Unknown { why: "500 after the run was made".into() };
        }
        if self.is_hit(Fault::AcceptedWithoutId) { Sent::Accepted } else { Sent::Started(run) }
    }
}

impl World {
    fn turned_away(&mut self, plan: &RunPlan, sent: &Sent) {
        let store = self.store.clone();
        let is_clear = matches!(sent, Sent::Refused { .. } | Sent::NotSent { .. });
        self.sent(&store, plan, if is_clear { Received::NotStarted } else { Received::Unclear });
    }
}

#[async_trait]
impl Pipelines for SimCode {
    async fn send(&self, plan: &RunPlan) -> Sent {
        let mistake = self.0.look().mistake;
        let mut plan = plan.clone();
        if mistake == Some(Mistake::OtherCommitSent) {
            plan.inputs.insert("sha".into(), commit(7).to_string());
        }
        if mistake == Some(Mistake::SentTwice) {
            self.send_once(&plan).await;
        }
        self.send_once(&plan).await
    }

    async fn find(&self, plan: &RunPlan, _since: Timestamp) -> Result<Vec<Run>, OutsideError> {
        self.go(format!("find {}", plan.deploy.short()), Fault::ListingFails).await?;
        let found = {
            let world = self.0.look();
            let now = world.mono;
            let listed = |run: &Runs, from: usize| {
                let last = run.executions.iter().enumerate().skip(from).rfind(|(_, e)| e.listed <= now)?;
                let attempt = u32::try_from(last.0 + 1).ok()?;
                Some(Run { id: run.id.to_string().parse().ok()?, attempt, url: None })
            };
            match &plan.start {
                Start::New => {
                    let ours = world.code.runs.iter().filter(|run| run.deploy == plan.deploy);
                    ours.filter_map(|run| listed(run, 0)).collect()
                }
                Start::FailedJobs { run, attempt } => {
                    let old = world.code.run(run.as_str());
                    old.and_then(|old| listed(old, *attempt as usize)).into_iter().collect()
                }
            }
        };
        self.come_back().await;
        Ok(found)
    }

    async fn read(&self, plan: &RunPlan, run: &Run) -> Result<Report, OutsideError> {
        self.go(format!("read {} run {}", plan.deploy.short(), run.id), Fault::RunUnreadable).await?;
        let report = {
            let world = self.0.look();
            let (now, mistake) = (world.mono, world.mistake);
            let found = world.code.run(run.id.as_str());
            let at = (run.attempt as usize).saturating_sub(1);
            let Some(execution) = found.and_then(|found| found.executions.get(at)) else {
                return Err(OutsideError::Refused { why: "no such run".into() });
            };
            let standing = if now < execution.begins {
                Standing::Queued
            } else if now < execution.ends {
                Standing::Running
            } else if mistake == Some(Mistake::FailureReadAsSuccess) {
                Standing::Ended(Conclusion::Success)
            } else {
                Standing::Ended(execution.conclusion.clone())
            };
            let job = Job {
                name: "deploy".into(),
                standing: standing.clone(),
                started: Some(world.instant(execution.begins)),
                ended: None,
                url: None,
            };
            Report { run: run.clone(), progress: Progress { standing, jobs: vec![job], failed: None } }
        };
        self.come_back().await;
        Ok(report)
    }

    async fn stop(&self, _plan: &RunPlan, run: &Run) -> Result<(), OutsideError> {
        self.go(format!("stop run {}", run.id), Fault::StopFails).await?;
        {
            let mut world = self.0.look();
            let at = world.code.runs.iter().position(|other| other.id.to_string() == run.id.as_str());
            if let Some(at) = at {
                world.stop(at);
            }
        }
        self.come_back().await;
        Ok(())
    }

    async fn identify(&self, plan: &RunPlan, link: &str) -> Result<Option<Run>, OutsideError> {
        self.go(format!("identify {link}"), Fault::RunUnreadable).await?;
        let world = self.0.look();
        let found = world.code.run(link).filter(|run| run.deploy == plan.deploy);
        Ok(found.and_then(|run| {
            let attempt = u32::try_from(run.executions.len()).ok()?;
            Some(Run { id: run.id.to_string().parse().ok()?, attempt, url: None })
        }))
    }
}

#[async_trait]
impl Repositories for SimCode {
    async fn resolve(&self, _repo: &str, version: &Version) -> Result<Resolved, OutsideError> {
        self.go(format!("resolve {version}"), Fault::RepositoryFails).await?;
        let resolved = {
            let world = self.0.look();
            let first = world.code.tags.get(version.as_str()).and_then(|list| list.first());
            let found = match (world.mistake, first) {
                (Some(Mistake::TagRemembered), Some((_, commit))) => Some((commit.clone(), RefKind::Tag)),
                _ => world.code.resolve(version.as_str()),
            };
            match found {
                Some((commit, kind)) => {
                    let title = if commit.as_str().ends_with('5') { "[HOLD] wait" } else { "Add a till" };
                    Resolved::Pin(Pin { commit, kind, title: title.into(), author: "ada".into() })
                }
                None if version.as_str() == "both" => {
                    Resolved::Ambiguous { what: "a tag and a branch".into() }
                }
                None => Resolved::Unknown,
            }
        };
        self.come_back().await;
        Ok(resolved)
    }

    async fn is_reachable(&self, _repo: &str, commit: &CommitId, _: &str) -> Result<bool, OutsideError> {
        self.go(format!("reach {}", commit.short()), Fault::RepositoryFails).await?;
        Ok(!self.0.look().code.unreachable.contains(commit))
    }

    async fn compare(&self, _: &str, base: &CommitId, head: &CommitId) -> Result<Comparison, OutsideError> {
        self.go(format!("compare {} {}", base.short(), head.short()), Fault::RepositoryFails).await?;
        let change =
            Change { commit: head.clone(), title: "Add a till".into(), author: "ada".into(), pull: None };
        Ok(Comparison { commits: vec![change], total: 1, behind: 0, url: None })
    }

    async fn checks(&self, _: &str, commit: &CommitId) -> Result<Vec<Check>, OutsideError> {
        self.go(format!("checks {}", commit.short()), Fault::RepositoryFails).await?;
        let list = {
            let world = self.0.look();
            let green = world.mistake == Some(Mistake::ChecksAlwaysGreen);
            let state = |name: &'static str| {
                let list = world.code.checks.get(&(commit.clone(), name))?;
                let state = if green { CheckState::Passed } else { list.last()?.1 };
                Some(Check { name: name.to_owned(), state, url: None })
            };
            ["test", "lint"].into_iter().filter_map(state).collect()
        };
        self.come_back().await;
        Ok(list)
    }

    async fn recent(&self, _: &str, limit: usize) -> Result<Vec<Recent>, OutsideError> {
        self.go("recent".into(), Fault::RepositoryFails).await?;
        let recent = (1..).zip(TAGS).take(limit);
        Ok(recent
            .map(|(n, tag)| Recent { version: tag.parse().expect("a tag"), commit: commit(n) })
            .collect())
    }
}
