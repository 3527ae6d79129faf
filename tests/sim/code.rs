//! A code host with a CI system: versions, checks, starts, runs, webhooks, with everything that can go wrong there.
//! Not here: judging what was sent (`oracle`).

use crate::dice::Dice;
use crate::faults::Fault;
use crate::mistakes::Mistake;
use crate::oracle::Received;
use crate::rules::{SERVICES, login};
use crate::world::{MINUTE, Ms, SECOND, Shared, World, tell};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use shipgate_app::ports::{
    Comparison, OutsideError, Pipelines, Recent, Report, Repositories, Resolved, Sent,
};
use shipgate_domain::facts::{Change, Check, CheckState, Pin, RefKind, SeenEnd, SeenThere, Writer};
use shipgate_domain::ids::{CommitId, DeployId, Version};
use shipgate_domain::run::{Conclusion, Job, Progress, Run, RunPlan, Standing, Start};
use std::collections::{BTreeMap, BTreeSet};

/// One execution of a run.
#[derive(Clone, Debug)]
pub struct Execution {
    /// From when it is listed.
    pub listed: Ms,
    /// When it is let go, if a rule holds it.
    pub held_until: Ms,
    /// When it begins.
    pub begins: Ms,
    /// When it ends.
    pub ends: Ms,
    /// How.
    pub conclusion: Conclusion,
    /// All of its jobs were left out.
    pub idle: bool,
}

impl Execution {
    /// Whether it did something, well, and was over then.
    pub fn has_succeeded(&self, at: Ms) -> bool {
        self.conclusion == Conclusion::Success && !self.idle && self.ends <= at
    }
}

/// A deploy to staging that the bot did not start, in the code host's own list.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Of which repository.
    pub repo: &'static str,
    /// Of which commit.
    pub commit: u64,
    /// When it began, by the clock that nobody moves and by the other.
    pub began: (Ms, Timestamp),
    /// When it ends.
    pub ended: (Ms, Timestamp),
    /// How.
    pub succeeded: bool,
}

/// The files that a commit adds: some hold a migration, of which some show a way down.
pub fn files(number: u64) -> Vec<String> {
    let file = |kind: &str| format!("migrations/{number:02}.{kind}.sql");
    match number % 4 {
        0 => vec![file("up")],
        2 => vec![file("up"), file("down")],
        _ => vec![format!("src/{number:02}.rs")],
    }
}

/// How versions follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The host calls each version one commit ahead of any other.
    Ahead,
    /// Each commit has all with a smaller number.
    Line,
    /// Each commit sits alone on the first one.
    Twigs,
}

impl History {
    /// The commits that one has and another has not, newest first.
    pub fn new_in(self, head: u64, base: u64) -> Vec<u64> {
        match self {
            _ if head == base => Vec::new(),
            Self::Ahead => vec![head],
            Self::Line => (base + 1..=head).rev().collect(),
            Self::Twigs if head == 1 => Vec::new(),
            Self::Twigs => vec![head],
        }
    }

    /// How many commits a version takes away from another.
    pub fn lost(self, head: u64, base: u64) -> u64 {
        match self {
            Self::Ahead => 0,
            Self::Line | Self::Twigs => self.new_in(base, head).len() as u64,
        }
    }
}

/// The logins of those who wrote a commit, as the host knows them. None: it does not say.
pub fn writers(number: u64) -> Vec<&'static str> {
    const LOGINS: [&str; 5] = ["ada", "ben", "cyd", "dot", "eve"];
    let login = |at: u64| LOGINS[usize::try_from(at % 5).unwrap_or(0)];
    match number % 10 {
        8 => Vec::new(),
        // Somebody who is linked to nobody.
        9 => vec!["ghost"],
        6 => vec![login(number), login(number + 2)],
        _ => vec![login(number)],
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Runs {
    /// Its id.
    pub id: u64,
    /// The deploy whose id it carries.
    pub deploy: DeployId,
    /// Its title no longer tells that.
    pub renamed: bool,
    /// It is not there any more.
    pub deleted: bool,
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

/// What something was since when.
type Since<T> = Vec<(Ms, T)>;

/// What the code host and the CI system know.
pub struct CodeModel {
    /// All runs.
    pub runs: Vec<Runs>,
    /// Tags: where they pointed since when.
    pub tags: BTreeMap<String, Since<Option<CommitId>>>,
    /// Names that a branch has too, since when.
    pub shared: BTreeMap<String, Ms>,
    /// Where the branch points.
    pub head: CommitId,
    /// How versions follow each other.
    pub history: History,
    /// What others deployed.
    pub elsewhere: Vec<Elsewhere>,
    /// Checks called `test` and `lint` of a commit: what they said since when.
    pub checks: BTreeMap<(CommitId, &'static str), Since<Option<CheckState>>>,
    /// Commits that are not on the branch, since when.
    pub unreachable: Vec<(Ms, CommitId)>,
    /// Webhooks on their way.
    pub hooks: Vec<Hook>,
    /// No webhook is ever sent.
    pub deaf: bool,
    /// Nothing works before this moment.
    pub down_until: Ms,
    /// Everything is refused as too much before this moment.
    storm_until: Ms,
    /// Runs take long in this seed.
    slow_runs: bool,
    /// Every run takes one to three minutes now.
    pub busy: bool,
    /// Every run is short and ends well now.
    pub sure: bool,
    /// Starts are accepted without an answer now, and listed so much later.
    pub mute: Option<(Ms, Ms)>,
    /// The last answer to each process that showed it several runs of a start: when, and which.
    several: BTreeMap<(usize, DeployId), (Ms, Vec<String>)>,
    /// Runs that an answer to their start named.
    named: BTreeSet<String>,
    /// Runs that somebody tried to stop.
    stop_tried: BTreeSet<String>,
}

/// Version tags.
pub const TAGS: [&str; 6] = ["v1", "v2", "v3", "v4", "v5", "v6"];

/// The commit of a number.
pub fn commit(number: u64) -> CommitId {
    format!("{:040x}", 0x00c0_ffee_0000_u64 + number).parse().expect("40 hex digits")
}

/// The number of a commit.
pub fn number(commit: &CommitId) -> u64 {
    u64::from_str_radix(commit.as_str().get(24..).unwrap_or_default(), 16)
        .map_or(0, |whole| whole.saturating_sub(0x00c0_ffee_0000))
}

impl CodeModel {
    /// A code host with some versions.
    pub fn new(dice: &mut Dice) -> Self {
        let mut tags = BTreeMap::new();
        let mut checks = BTreeMap::new();
        let mut unreachable = Vec::new();
        for (number, tag) in (1..).zip(TAGS) {
            let commit = commit(number);
            tags.insert(tag.to_owned(), vec![(0, Some(commit.clone()))]);
            if dice.chance(50) {
                unreachable.push((0, commit));
            }
        }
        for number in 1..40 {
            for name in ["test", "lint"] {
                let state = match dice.below(20) {
                    0 if dice.chance(500) => CheckState::Failed,
                    1 => CheckState::Pending,
                    _ => CheckState::Passed,
                };
                checks.insert((commit(number), name), vec![(0, Some(state))]);
            }
        }
        let slow_runs = dice.chance(200);
        Self {
            runs: Vec::new(),
            tags,
            shared: BTreeMap::new(),
            head: commit(30),
            history: History::Ahead,
            elsewhere: Vec::new(),
            checks,
            unreachable,
            hooks: Vec::new(),
            deaf: false,
            down_until: 0,
            storm_until: 0,
            slow_runs,
            busy: false,
            sure: false,
            mute: None,
            several: BTreeMap::new(),
            named: BTreeSet::new(),
            stop_tried: BTreeSet::new(),
        }
    }

    /// Everything works again.
    pub fn mend(&mut self) {
        (self.down_until, self.storm_until) = (0, 0);
    }

    /// Where a version points.
    fn resolve(&self, version: &str) -> Option<(CommitId, RefKind)> {
        if let Some((_, Some(commit))) = self.tags.get(version).and_then(|list| list.last()) {
            return Some((commit.clone(), RefKind::Tag));
        }
        if version == "main" {
            return Some((self.head.clone(), RefKind::Branch));
        }
        version.parse().ok().map(|commit| (commit, RefKind::Commit))
    }

    /// Whether a tag pointed to a commit at some moment since `since`.
    pub fn pointed(&self, tag: &str, commit: &CommitId, since: Ms) -> bool {
        held(self.tags.get(tag), &Some(commit.clone()), since)
    }

    /// Whether a check was green at some moment since `since`.
    pub fn was_green(&self, commit: &CommitId, name: &'static str, since: Ms) -> bool {
        held(self.checks.get(&(commit.clone(), name)), &Some(CheckState::Passed), since)
    }

    /// Whether no check of a commit was anything but green at some moment since `since`.
    pub fn was_all_green(&self, commit: &CommitId, since: Ms) -> bool {
        ["test", "lint"].into_iter().all(|name| {
            let list = self.checks.get(&(commit.clone(), name));
            held(list, &Some(CheckState::Passed), since) || held(list, &None, since)
        })
    }

    /// Whether a commit has been off the branch all the time since `since`.
    pub fn was_off(&self, commit: &CommitId, since: Ms) -> bool {
        self.unreachable.iter().any(|(at, off)| off == commit && *at < since)
    }

    /// Whether no tag, check or commit changed since `since`.
    pub fn is_settled(&self, since: Ms) -> bool {
        self.tags.values().all(|list| list.last().is_none_or(|(at, _)| *at < since))
            && self.checks.values().all(|list| list.last().is_none_or(|(at, _)| *at < since))
            && self.unreachable.iter().all(|(at, _)| *at < since)
            && self.shared.is_empty()
    }

    /// A run that a process saw beside the one that it bound after a look, and did not even try to stop. One that the
    /// answer to the start named is bound without a look.
    pub fn stray_beside(&self, me: usize, deploy: &DeployId, bound: &str, now: Ms) -> Option<&str> {
        let (at, runs) = self.several.get(&(me, deploy.clone()))?;
        let is_fresh = now - at < 80 * SECOND && runs.iter().any(|run| run == bound);
        if !is_fresh || self.named.contains(bound) {
            return None;
        }
        runs.iter().map(String::as_str).find(|run| *run != bound && !self.stop_tried.contains(*run))
    }

    /// A run by its id.
    pub fn run(&self, id: &str) -> Option<&Runs> {
        let id: u64 = id.parse().ok()?;
        self.runs.iter().find(|run| run.id == id)
    }
}

fn held<T: PartialEq>(list: Option<&Since<T>>, wanted: &T, since: Ms) -> bool {
    let Some(list) = list else { return false };
    list.iter().enumerate().any(|(at, (_, value))| {
        let until = list.get(at + 1).map_or(Ms::MAX, |next| next.0);
        until >= since && value == wanted
    })
}

impl World {
    /// What a run will be like.
    fn draw_execution(&mut self) -> Execution {
        let now = self.mono;
        let late = if let Some((least, most)) = self.code.mute {
            self.dice.between(least, most)
        } else if self.is_hit(Fault::ListedVeryLate) {
            self.dice.between(46, 58) * MINUTE
        } else if self.is_hit(Fault::ListedLate) {
            match self.dice.below(4) {
                0 => self.dice.between(5, 44) * MINUTE,
                _ => self.dice.between(3, 120) * SECOND,
            }
        } else {
            self.dice.between(0, 3000)
        };
        let mut held_until = now;
        if self.is_hit(Fault::RunHeld) {
            held_until += self.dice.between(10, 300) * SECOND;
        }
        let mut begins = held_until + self.dice.between(100, 8000);
        if self.is_hit(Fault::RunQueuedLong) {
            begins += self.dice.between(10, 100) * MINUTE;
        }
        let length = match self.dice.below(20) {
            _ if self.code.busy => self.dice.between(65, 180) * SECOND,
            _ if self.code.sure => self.dice.between(2, 15) * SECOND,
            0 if self.code.slow_runs => self.dice.between(5, 40) * MINUTE,
            0..4 => self.dice.between(60, 240) * SECOND,
            _ => self.dice.between(2, 40) * SECOND,
        };
        let mut conclusion = match self.dice.below(10) {
            _ if self.code.sure => Conclusion::Success,
            0 | 1 => Conclusion::Failure,
            2 if self.dice.chance(300) => Conclusion::TimedOut,
            _ => Conclusion::Success,
        };
        if self.is_hit(Fault::ConcludedOddly) {
            let odd = ["stale", "neutral", "skipped", "action_required", "startup_failure"];
            let word = self.dice.pick(&odd).copied().unwrap_or("stale");
            conclusion = Conclusion::Other(word.into());
        }
        let idle = self.is_hit(Fault::JobsSkipped);
        Execution { listed: now + late, held_until, begins, ends: begins + length, conclusion, idle }
    }

    /// Accepts a start. Says which run it became.
    fn accept(&mut self, plan: &RunPlan) -> Option<Run> {
        let now = self.mono;
        let execution = self.draw_execution();
        let (begins, ends) = (execution.begins, execution.ends);
        let run = match &plan.start {
            Start::New => {
                let id = 1000 + self.code.runs.len() as u64;
                let extra = match () {
                    () if self.is_hit(Fault::ManyRuns) => 55,
                    () if self.is_hit(Fault::DuplicateRun) => 1,
                    () => 0,
                };
                for id in id..=id + extra {
                    let (deploy, executions) = (plan.deploy.clone(), vec![execution.clone()]);
                    self.code.runs.push(Runs { id, deploy, renamed: false, deleted: false, executions });
                }
                Run { id: id.to_string().parse().ok()?, attempt: 1, url: None }
            }
            Start::FailedJobs { run, .. } => {
                let old = self.code.runs.iter_mut().find(|old| old.id.to_string() == run.as_str())?;
                old.executions.push(execution);
                let attempt = u32::try_from(old.executions.len()).ok()?;
                Run { id: run.clone(), attempt, url: None }
            }
        };
        tell!(self, "ci", "accepted {} as run {} attempt {}", plan.deploy.short(), run.id, run.attempt);
        let title =
            format!("deploy {} {}", plan.inputs.get("environment").cloned().unwrap_or_default(), plan.deploy);
        for at in [begins, ends] {
            self.hook(at, run.id.as_str(), &title);
        }
        if !self.code.deaf && self.is_hit(Fault::WebhookEarly) {
            self.code.hooks.push(Hook { at: now, run: run.id.to_string(), title });
        }
        Some(run)
    }

    fn hook(&mut self, at: Ms, run: &str, title: &str) {
        if self.code.deaf || self.is_hit(Fault::WebhookLost) {
            return;
        }
        let mut delay = self.dice.between(50, 4000);
        if self.is_hit(Fault::WebhookLate) {
            delay += self.dice.between(1, 20) * MINUTE;
        }
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

    /// The code host refuses everything as too much.
    pub fn code_storm(&mut self) {
        self.note(Fault::CodeHostStorm);
        self.code.storm_until = self.mono + self.dice.between(1, 8) * MINUTE;
    }

    /// Somebody makes up a webhook: about a deploy that is there, or about nothing.
    pub fn forge_hook(&mut self) {
        self.note(Fault::WebhookForged);
        let ids: Vec<DeployId> = self.oracle.deploys.keys().cloned().collect();
        let deploy = self.dice.pick(&ids).map(ToString::to_string).unwrap_or_default();
        let run = (1000 + self.dice.below(2 * self.code.runs.len() as u64 + 3)).to_string();
        let title =
            if self.dice.chance(700) { format!("deploy production {deploy}") } else { "success".into() };
        self.code.hooks.push(Hook { at: self.mono, run, title });
    }

    /// Something happens to a run that nobody here asked for.
    pub fn meddle(&mut self, fault: Fault) {
        let now = self.mono;
        let Some(at) = (!self.code.runs.is_empty())
            .then(|| usize::try_from(self.dice.below(self.code.runs.len() as u64)).unwrap_or(0))
        else {
            return;
        };
        self.note(fault);
        let id = self.code.runs[at].id;
        tell!(self, "ci", "run {id}: {fault:?}");
        match fault {
            Fault::RunRenamed => self.code.runs[at].renamed = true,
            Fault::RunDeleted => self.code.runs[at].deleted = true,
            _ => {
                if self.code.runs[at].executions.last().is_some_and(|last| last.ends <= now) {
                    let execution = self.draw_execution();
                    self.code.runs[at].executions.push(execution);
                }
            }
        }
    }

    /// Somebody deploys to staging by other ways.
    pub fn deploy_elsewhere(&mut self) {
        self.note(Fault::DeployedElsewhere);
        let repo = self.besides.pick(&SERVICES).map_or("acme/shop", |(_, repo)| *repo);
        let number = self.besides.below(6) + 1;
        let succeeded = self.besides.chance(800);
        self.others_deploy(repo, number, succeeded);
    }

    /// Somebody deploys this to staging by other ways.
    pub fn others_deploy(&mut self, repo: &'static str, number: u64, succeeded: bool) {
        let began = self.mono;
        let ended = began + self.besides.between(5, 90) * SECOND;
        let at = |ms: Ms| (ms, self.instant(ms + self.offset));
        let (began, ended) = (at(began), at(ended));
        tell!(self, "ci", "somebody deploys {number} of {repo} to staging, well={succeeded}");
        self.code.elsewhere.push(Elsewhere { repo, commit: number, began, ended, succeeded });
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
        tell!(self, "git", "{tag} now points to {}", to.short());
        self.code.tags.entry(tag.to_owned()).or_default().push((now, Some(to)));
    }

    /// Somebody deletes a tag, or gives its name to a branch too.
    pub fn spoil_tag(&mut self, fault: Fault) {
        let Some(tag) = self.dice.pick(&TAGS).copied() else { return };
        let now = self.mono;
        self.note(fault);
        tell!(self, "git", "{tag}: {fault:?}");
        if fault == Fault::TagDeleted {
            self.code.tags.entry(tag.to_owned()).or_default().push((now, None));
        } else {
            self.code.shared.entry(tag.to_owned()).or_insert(now);
        }
    }

    /// The branch moves on.
    pub fn move_branch(&mut self) {
        self.note(Fault::BranchMoved);
        self.code.head = commit(self.dice.below(39) + 1);
    }

    /// A commit is pushed off the branch.
    pub fn force_push(&mut self) {
        let commit = commit(self.dice.below(6) + 1);
        let now = self.mono;
        self.note(Fault::ForcePushed);
        tell!(self, "git", "{} is off the branch", commit.short());
        self.code.unreachable.push((now, commit));
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
        tell!(self, "git", "{name} of {} is {state:?}", commit.short());
        self.code.checks.entry((commit, name)).or_default().push((now, Some(state)));
    }

    /// A check is there no more.
    pub fn drop_check(&mut self) {
        let commit = commit(self.dice.below(6) + 1);
        let Some(name) = self.dice.pick(&["test", "lint"]).copied() else { return };
        let now = self.mono;
        self.note(Fault::CheckVanishes);
        tell!(self, "git", "{name} of {} is gone", commit.short());
        self.code.checks.entry((commit, name)).or_default().push((now, None));
    }

    /// What is not decided is decided: everything that was red stays red.
    pub fn settle_checks(&mut self) {
        let now = self.mono;
        for list in self.code.checks.values_mut() {
            if list.last().is_some_and(|last| last.1 == Some(CheckState::Pending)) {
                list.push((now, Some(CheckState::Passed)));
            }
        }
    }
}

/// Code host and CI system behind the ports.
pub struct SimCode {
    /// The world.
    pub world: Shared,
    /// Whose connection.
    pub me: usize,
}

fn later(why: &str) -> OutsideError {
    OutsideError::Later { why: why.to_owned(), after: None }
}

impl SimCode {
    async fn go(&self, fault: Fault, what: impl Fn() -> String) -> Result<(), OutsideError> {
        let (ms, hangs) = {
            let mut world = self.world.look();
            if world.is_hit(Fault::CodeHostHangs) {
                (world.dice.between(30, 100) * SECOND, true)
            } else if world.is_hit(Fault::CodeHostSlow) {
                (world.dice.between(SECOND, 9 * SECOND), false)
            } else {
                (world.dice.between(0, 150), false)
            }
        };
        self.world.pause(ms).await;
        self.world.may_die(self.me, Fault::CrashBeforeCall).await;
        let mut world = self.world.look();
        if world.records {
            tell!(world, "code", "{} {}", crate::replica::name(self.me), what());
        }
        if hangs || world.mono < world.code.down_until {
            return Err(later("GitHub is down"));
        }
        if world.mono < world.code.storm_until {
            let after = SignedDuration::from_secs(world.dice.between(1, 90));
            return Err(OutsideError::Later { why: "GitHub says wait".into(), after: Some(after) });
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
        let ms = self.world.look().dice.between(0, 60);
        self.world.pause(ms).await;
        self.world.may_die(self.me, Fault::CrashAfterCall).await;
    }

    async fn send_once(&self, plan: &RunPlan) -> Sent {
        let ms = self.world.look().dice.between(5, 900);
        self.world.pause(ms).await;
        self.world.may_die(self.me, Fault::CrashBeforeCall).await;
        let sent = self.world.look().receive(self.me, plan);
        let ms = {
            let mut world = self.world.look();
            if world.is_hit(Fault::CodeHostSlow) {
                world.dice.between(SECOND, 25 * SECOND)
            } else {
                world.dice.between(0, 300)
            }
        };
        self.world.pause(ms).await;
        self.world.may_die(self.me, Fault::CrashAfterCall).await;
        if matches!(sent, Sent::Refused { .. } | Sent::NotSent { .. }) {
            self.world.look().refusal_heard(self.me, plan);
        }
        sent
    }
}

impl World {
    /// What happens to a request to start.
    fn receive(&mut self, me: usize, plan: &RunPlan) -> Sent {
        tell!(
            self,
            "ci",
            "received a start of {} {:?} from {}",
            plan.deploy.short(),
            plan.start,
            crate::replica::name(me)
        );
        let after = |seconds| Some(SignedDuration::from_secs(seconds));
        if self.mono < self.code.down_until {
            let sent = match self.dice.below(2) {
                0 => Sent::NotSent { why: "cannot connect".into(), after: None },
                _ => Sent::Unknown { why: "502".into() },
            };
            self.turned_away(me, plan, &sent);
            return sent;
        }
        let refused = [
            (Fault::SendRefused, Sent::Refused { why: "422: unknown input".into() }),
            (Fault::NotSent, Sent::NotSent { why: "cannot connect".into(), after: None }),
            (Fault::SendRateLimit, Sent::NotSent { why: "rate limit".into(), after: after(45) }),
            (Fault::SendTimeout, Sent::Unknown { why: "timeout".into() }),
            (Fault::SendRedirected, Sent::Unknown { why: "302: look elsewhere".into() }),
            (Fault::SendGarbled, Sent::Unknown { why: "200: <html>".into() }),
        ];
        for (fault, sent) in refused {
            if self.is_hit(fault) {
                self.turned_away(me, plan, &sent);
                return sent;
            }
        }
        let Some(run) = self.accept(plan) else {
            self.sent(me, plan, Received::NotStarted);
            return Sent::Refused { why: "no such run".into() };
        };
        self.sent(me, plan, Received::Accepted);
        if self.code.mute.is_some() || self.is_hit(Fault::AcceptedThenError) {
            return Sent::Unknown { why: "500 after the run was made".into() };
        }
        if self.is_hit(Fault::AcceptedWithoutId) {
            return Sent::Accepted;
        }
        self.code.named.insert(run.id.to_string());
        Sent::Started(run)
    }
}

impl World {
    fn turned_away(&mut self, me: usize, plan: &RunPlan, sent: &Sent) {
        let is_clear = matches!(sent, Sent::Refused { .. } | Sent::NotSent { .. });
        self.sent(me, plan, if is_clear { Received::NotStarted } else { Received::Unclear });
    }
}

#[async_trait]
impl Pipelines for SimCode {
    async fn send(&self, plan: &RunPlan) -> Sent {
        let mistake = self.world.look().mistake;
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
        self.go(Fault::ListingFails, || format!("find {}", plan.deploy.short())).await?;
        let found = {
            let mut world = self.world.look();
            let now = world.mono;
            let listed = |run: &Runs, from: usize| {
                let last = run.executions.iter().enumerate().skip(from).rfind(|(_, e)| e.listed <= now)?;
                let attempt = u32::try_from(last.0 + 1).ok()?;
                Some(Run { id: run.id.to_string().parse().ok()?, attempt, url: None })
            };
            match &plan.start {
                Start::New => {
                    let ours = world
                        .code
                        .runs
                        .iter()
                        .filter(|run| run.deploy == plan.deploy && !run.renamed && !run.deleted);
                    let found: Vec<Run> = ours.filter_map(|run| listed(run, 0)).collect();
                    if found.len() > 1 {
                        let runs = found.iter().map(|run| run.id.to_string()).collect();
                        world.code.several.insert((self.me, plan.deploy.clone()), (now, runs));
                    }
                    found
                }
                Start::FailedJobs { run, attempt } => {
                    let old = world.code.run(run.as_str()).filter(|old| !old.deleted);
                    old.and_then(|old| listed(old, *attempt as usize)).into_iter().collect()
                }
            }
        };
        self.come_back().await;
        Ok(found)
    }

    async fn read(&self, plan: &RunPlan, run: &Run) -> Result<Report, OutsideError> {
        self.go(Fault::RunUnreadable, || format!("read {} run {}", plan.deploy.short(), run.id)).await?;
        let report = {
            let world = self.world.look();
            let (now, mistake) = (world.mono, world.mistake);
            let found = world.code.run(run.id.as_str()).filter(|found| !found.deleted);
            let at = (run.attempt as usize).saturating_sub(1);
            let Some(execution) = found.and_then(|found| found.executions.get(at)) else {
                return Err(OutsideError::Refused { why: "no such run".into() });
            };
            let standing = if now < execution.held_until {
                Standing::Held
            } else if now < execution.begins {
                Standing::Queued
            } else if now < execution.ends {
                Standing::Running
            } else if mistake == Some(Mistake::FailureReadAsSuccess) {
                Standing::Ended(Conclusion::Success)
            } else {
                Standing::Ended(execution.conclusion.clone())
            };
            let is_idle = execution.idle && mistake != Some(Mistake::FailureReadAsSuccess);
            let job = Job {
                name: "deploy".into(),
                standing: if is_idle { Standing::Skipped } else { standing.clone() },
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
        self.world.look().code.stop_tried.insert(run.id.to_string());
        self.go(Fault::StopFails, || format!("stop run {}", run.id)).await?;
        {
            let mut world = self.world.look();
            let at = world.code.runs.iter().position(|other| other.id.to_string() == run.id.as_str());
            let now = world.mono;
            let heard = world.oracle.stop_heard(run.id.as_str(), now);
            world.check(heard);
            if let Some(at) = at
                && !world.is_hit(Fault::StopIgnored)
            {
                world.stop(at);
            }
        }
        self.come_back().await;
        Ok(())
    }

    async fn identify(&self, plan: &RunPlan, link: &str) -> Result<Option<Run>, OutsideError> {
        self.go(Fault::RunUnreadable, || format!("identify {link}")).await?;
        let world = self.world.look();
        let found = world.code.run(link).filter(|run| run.deploy == plan.deploy && !run.deleted);
        Ok(found.and_then(|run| {
            let attempt = u32::try_from(run.executions.len()).ok()?;
            Some(Run { id: run.id.to_string().parse().ok()?, attempt, url: None })
        }))
    }
}

#[async_trait]
impl Repositories for SimCode {
    async fn resolve(&self, _repo: &str, version: &Version) -> Result<Resolved, OutsideError> {
        self.go(Fault::RepositoryFails, || format!("resolve {version}")).await?;
        let resolved = {
            let world = self.world.look();
            let first = world.code.tags.get(version.as_str()).and_then(|list| list.first());
            let found = match (world.mistake, first) {
                (Some(Mistake::TagRemembered), Some((_, Some(commit)))) => {
                    Some((commit.clone(), RefKind::Tag))
                }
                _ => world.code.resolve(version.as_str()),
            };
            match found {
                Some(_) if world.code.shared.contains_key(version.as_str()) => {
                    Resolved::Ambiguous { what: "a tag and a branch".into() }
                }
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
        self.go(Fault::RepositoryFails, || format!("reach {}", commit.short())).await?;
        Ok(!self.world.look().code.unreachable.iter().any(|(_, off)| off == commit))
    }

    async fn compare(&self, _: &str, base: &CommitId, head: &CommitId) -> Result<Comparison, OutsideError> {
        self.go(Fault::RepositoryFails, || format!("compare {} {}", base.short(), head.short())).await?;
        let (history, base, head) = (self.world.look().code.history, number(base), number(head));
        let writer = |name: &str| Writer { name: name.to_owned(), accounts: vec![login(name)] };
        let change = |number: u64| Change {
            commit: commit(number),
            title: "Add a till".into(),
            author: writers(number).first().copied().unwrap_or("somebody").into(),
            pull: None,
            writers: writers(number).into_iter().map(writer).collect(),
        };
        let commits: Vec<Change> = history.new_in(head, base).into_iter().map(change).collect();
        let total = commits.len() as u64;
        Ok(Comparison { commits, total, behind: history.lost(head, base), url: None })
    }

    async fn changed_files(
        &self,
        _: &str,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<Vec<String>, OutsideError> {
        self.go(Fault::FilesUnreadable, || format!("files {} {}", base.short(), head.short())).await?;
        let history = self.world.look().code.history;
        Ok(history.new_in(number(head), number(base)).into_iter().flat_map(files).collect())
    }

    async fn seen(&self, repo: &str, commit: &CommitId, place: &str) -> Result<SeenThere, OutsideError> {
        self.go(Fault::DeploymentsUnreadable, || format!("deployments of {repo} to {place}")).await?;
        let world = self.world.look();
        let there = || world.code.elsewhere.iter().filter(|one| one.repo == repo);
        let newest = there().rfind(|one| one.commit == number(commit));
        let end = newest.filter(|one| one.ended.0 <= world.mono);
        let others = there().rev().filter(|one| one.commit != number(commit));
        Ok(SeenThere {
            end: end.map(|one| SeenEnd { at: one.ended.1, succeeded: one.succeeded }),
            others: others.map(|one| one.began.1).collect(),
            since: None,
        })
    }

    async fn checks(&self, _: &str, commit: &CommitId) -> Result<Vec<Check>, OutsideError> {
        self.go(Fault::RepositoryFails, || format!("checks {}", commit.short())).await?;
        let list = {
            let world = self.world.look();
            let green = world.mistake == Some(Mistake::ChecksAlwaysGreen);
            let state = |name: &'static str| {
                let list = world.code.checks.get(&(commit.clone(), name))?;
                let state = if green { CheckState::Passed } else { list.last()?.1? };
                Some(Check { name: name.to_owned(), state, url: None })
            };
            ["test", "lint"].into_iter().filter_map(state).collect()
        };
        self.come_back().await;
        Ok(list)
    }

    async fn recent(&self, _: &str, limit: usize) -> Result<Vec<Recent>, OutsideError> {
        self.go(Fault::RepositoryFails, || "recent".into()).await?;
        let recent = (1..).zip(TAGS).take(limit);
        Ok(recent
            .map(|(n, tag)| Recent { version: tag.parse().expect("a tag"), commit: commit(n) })
            .collect())
    }
}
