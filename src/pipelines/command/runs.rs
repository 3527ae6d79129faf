//! Runs of commands: started once, found, read, stopped. Not here: executing one (`supervisor`).

use super::folder::{Folder, Life, Order, Outcome, Stage};
use super::{CommandPipelines, supervisor};
use crate::text::{inert, last_lines, without_terminal_codes};
use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::ports::{Output, OutsideError, Pipelines, Report, Seen, Sent};
use shipgate_domain::ids::RunId;
use shipgate_domain::policy::Pipeline;
use shipgate_domain::run::{Conclusion, FailedStep, Job, Progress, Run, RunPlan, Standing, Start};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const GONE: &str = "the machine or the supervisor went away before the command ended";
const LOG_END: u64 = 64 * 1024;
const LOG_PIECE: u64 = 64 * 1024;

/// A piece of a run's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPiece {
    /// Whole lines, without terminal codes.
    pub lines: Vec<String>,
    /// Where the next piece begins.
    pub next: u64,
}

#[async_trait]
impl Pipelines for CommandPipelines {
    async fn output(&self, _plan: &RunPlan, run: &Run, from: u64) -> Result<Output, OutsideError> {
        let piece = self.log_since(run, from)?;
        Ok(Output { lines: piece.lines, next: piece.next })
    }

    async fn send(&self, plan: &RunPlan) -> Sent {
        let run = self.run_of(plan);
        let cwd = match fs::canonicalize(&plan.repo) {
            Ok(cwd) if cwd.is_dir() => cwd,
            _ => {
                let why = format!(
                    "the folder {} is not on this machine: correct `repo` in shipgate.toml",
                    plan.repo
                );
                return Sent::Refused { why };
            }
        };
        if plan.command.first().is_none_or(String::is_empty) {
            return Sent::Refused { why: "the service has no `command` in shipgate.toml".into() };
        }
        let (folder, lock) = match self.claim(plan, &run, &cwd) {
            Ok(Some(claimed)) => claimed,
            // Somebody sent this before: it is the same run, and it is not started again.
            Ok(None) => return Sent::Started(run),
            Err(error) => {
                let why = format!(
                    "the run's folder cannot be written in {}: {error}",
                    self.settings.state_dir.display()
                );
                return Sent::NotSent { why, after: None };
            }
        };
        match self.start(plan, &folder, lock) {
            Ok(()) => Sent::Started(run),
            Err(error) => {
                let now = supervisor::now();
                let why = format!("the command's supervisor could not be started: {error}");
                let outcome = Outcome {
                    code: None,
                    stopped: false,
                    error: Some(why.clone()),
                    started: now,
                    ended: now,
                };
                // If this fails too, the free lock says the same.
                let _ = folder.write_outcome(&outcome);
                Sent::Refused { why }
            }
        }
    }

    async fn find(&self, plan: &RunPlan, _since: Timestamp) -> Result<Vec<Run>, OutsideError> {
        let run = self.run_of(plan);
        let exists = self.folder(&run).0.try_exists().map_err(|error| unreadable(&run, &error))?;
        Ok(if exists { vec![run] } else { Vec::new() })
    }

    async fn since(&self, pipeline: &Pipeline, since: Timestamp) -> Result<Vec<Seen>, OutsideError> {
        let listed = self.orders_since(since).map_err(|error| {
            let why = format!("{} cannot be read: {error}", self.settings.state_dir.display());
            OutsideError::Later { why, after: None }
        })?;
        let of_this = listed.into_iter().filter(|order| order.plan.repo == pipeline.repo);
        Ok(of_this
            .map(|order| Seen {
                run: self.run_of(&order.plan),
                title: inert(&order.plan.command.join(" "), 100),
                deploy: order.plan.deploy,
            })
            .collect())
    }

    async fn read(&self, _plan: &RunPlan, run: &Run) -> Result<Report, OutsideError> {
        let folder = self.existing(run)?;
        let progress = progress(&folder).map_err(|error| unreadable(run, &error))?;
        Ok(Report { run: run.clone(), progress })
    }

    async fn stop(&self, _plan: &RunPlan, run: &Run) -> Result<(), OutsideError> {
        let folder = self.existing(run)?;
        match folder.life().map_err(|error| unreadable(run, &error))? {
            Life::Alive => {
                // The supervisor looks for this file: no signal can hit a process that took over an old number.
                File::create(folder.stop_path()).map(|_| ()).map_err(|error| unreadable(run, &error))
            }
            Life::Ended(_) | Life::Gone => Ok(()),
        }
    }

    async fn identify(&self, plan: &RunPlan, link: &str) -> Result<Option<Run>, OutsideError> {
        let Ok(id) = link.trim().parse::<RunId>() else { return Ok(None) };
        let newest = (1..).map(|attempt| Run { id: id.clone(), attempt, url: None });
        let newest = newest.take_while(|run| self.folder(run).0.is_dir()).last();
        let Some(run) = newest else { return Ok(None) };
        let order = self.folder(&run).order().map_err(|error| unreadable(&run, &error))?;
        Ok((order.plan.repo == plan.repo).then_some(run))
    }
}

impl CommandPipelines {
    /// What a run has written since `offset` bytes: at most 64 KiB, and only whole lines while it runs.
    ///
    /// # Errors
    /// When the run is unknown or its folder cannot be read.
    pub fn log_since(&self, run: &Run, offset: u64) -> Result<LogPiece, OutsideError> {
        let folder = self.existing(run)?;
        let read = || -> io::Result<LogPiece> {
            // Life first: what is written before a run is seen to have ended is then read.
            let is_alive = folder.life()? == Life::Alive;
            let mut bytes = folder.log_from(offset, LOG_PIECE)?;
            let is_full = bytes.len() as u64 == LOG_PIECE;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if whole > 0 || (is_alive && !is_full) {
                bytes.truncate(whole);
            }
            let text = without_terminal_codes(&String::from_utf8_lossy(&bytes));
            Ok(LogPiece {
                lines: text.lines().map(|line| inert(line, 300)).collect(),
                next: offset + bytes.len() as u64,
            })
        };
        read().map_err(|error| unreadable(run, &error))
    }

    /// What was ordered since then, oldest first.
    fn orders_since(&self, since: Timestamp) -> io::Result<Vec<Order>> {
        let runs = match fs::read_dir(&self.settings.state_dir) {
            Ok(runs) => runs,
            // Nothing was ever started.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut orders = Vec::new();
        for run in runs {
            for attempt in fs::read_dir(run?.path())? {
                let order = Folder(attempt?.path()).order()?;
                if order.created >= since {
                    orders.push(order);
                }
            }
        }
        orders.sort_by_key(|order| order.created);
        Ok(orders)
    }

    /// The run that a plan becomes: a pure function of the plan, so that a repeated send is the same run.
    fn run_of(&self, plan: &RunPlan) -> Run {
        match &plan.start {
            Start::New => {
                let id = plan.deploy.as_str().parse().expect("a deploy id has only letters and digits");
                Run { id, attempt: 1, url: None }
            }
            Start::FailedJobs { run, attempt } => Run { id: run.clone(), attempt: attempt + 1, url: None },
        }
    }

    fn folder(&self, run: &Run) -> Folder {
        // A run id may be made of dots alone; a prefix keeps it from meaning another folder.
        Folder(self.settings.state_dir.join(format!("run-{}", run.id)).join(run.attempt.to_string()))
    }

    fn existing(&self, run: &Run) -> Result<Folder, OutsideError> {
        let folder = self.folder(run);
        if folder.0.is_dir() {
            return Ok(folder);
        }
        let why = format!("there is no run {} in {}", run.id, self.settings.state_dir.display());
        Err(OutsideError::Refused { why })
    }

    /// Puts the run's folder in its place, with its lock held. `None` when the place is taken.
    fn claim(&self, plan: &RunPlan, run: &Run, cwd: &Path) -> io::Result<Option<(Folder, File)>> {
        let folder = self.folder(run);
        if folder.0.try_exists()? {
            return Ok(None);
        }
        let parent = folder.0.parent().map(Path::to_owned).unwrap_or_default();
        fs::create_dir_all(&parent)?;
        let draft = Draft::new(&parent, run.attempt)?;
        let lock = File::create_new(draft.0.lock_path())?;
        lock.lock()?;
        let order = Order { plan: plan.clone(), cwd: cwd.to_owned(), created: supervisor::now() };
        draft.0.write_order(&order)?;
        // Renaming onto a folder that is not empty fails: whoever comes second finds the place taken.
        match fs::rename(&draft.0.0, &folder.0) {
            Ok(()) => {}
            Err(_) if folder.0.is_dir() => return Ok(None),
            Err(error) => return Err(error),
        }
        File::open(&parent)?.sync_all()?;
        Ok(Some((folder, lock)))
    }

    fn start(&self, plan: &RunPlan, folder: &Folder, lock: File) -> io::Result<()> {
        let [program, arguments @ ..] = self.settings.supervisor.as_slice() else {
            return Err(io::Error::other("no supervisor is configured"));
        };
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).arg(&folder.0).env_clear();
        for name in ["PATH", "HOME", "LANG"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("SHIPGATE_DEPLOY", plan.deploy.as_str()).env("SHIPGATE_SHA", plan.commit.as_str());
        for (input, name) in [("environment", "SHIPGATE_ENVIRONMENT"), ("version", "SHIPGATE_VERSION")] {
            command.envs(plan.inputs.get(input).map(|value| (name, value)));
        }
        command.stdin(Stdio::from(lock)).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: what ends the bot's group, such as Ctrl-C, does not end the deploy.
        let mut child = command.process_group(0).spawn()?;
        tokio::spawn(async move {
            let _ = child.wait().await;
        });
        Ok(())
    }
}

/// A folder that is not in its place yet; it goes away unless it gets there.
struct Draft(Folder);

impl Draft {
    fn new(parent: &Path, attempt: u32) -> io::Result<Self> {
        for number in 0..1000 {
            let path: PathBuf = parent.join(format!(".{attempt}-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(Folder(path))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("too many drafts of this run"))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0.0);
    }
}

fn unreadable(run: &Run, error: &io::Error) -> OutsideError {
    OutsideError::Later { why: format!("the folder of run {} cannot be read: {error}", run.id), after: None }
}

fn progress(folder: &Folder) -> io::Result<Progress> {
    let order = folder.order()?;
    let life = folder.life()?;
    let (standing, began, ended, note) = match &life {
        Life::Alive => (Standing::Running, order.created, None, None),
        Life::Gone => (Standing::Ended(Conclusion::Failure), order.created, None, Some(GONE.to_owned())),
        Life::Ended(outcome) => {
            let conclusion = match outcome.code {
                _ if outcome.stopped => Conclusion::Cancelled,
                Some(0) => Conclusion::Success,
                _ => Conclusion::Failure,
            };
            let note = match (&outcome.error, outcome.code) {
                (Some(error), _) => error.clone(),
                (None, Some(code)) => format!("exit code {code}"),
                (None, None) => "a signal ended it".to_owned(),
            };
            (Standing::Ended(conclusion), outcome.started, Some(outcome.ended), Some(note))
        }
    };
    let jobs = jobs(&order, &folder.stages()?, &standing, began, ended);
    let has_failed = standing == Standing::Ended(Conclusion::Failure);
    let failed = match jobs.last().filter(|_| has_failed) {
        Some(job) => Some(FailedStep {
            job: job.name.clone(),
            step: None,
            log: last_lines(of_last_stage(&folder.log_end(LOG_END)?), 19).into_iter().chain(note).collect(),
            url: None,
        }),
        None => None,
    };
    Ok(Progress { standing, jobs, failed })
}

/// What was written since the last stage was opened: the stage that failed.
fn of_last_stage(log: &str) -> &str {
    let Some(mark) = log.rfind("::stage ").filter(|at| *at == 0 || log.as_bytes()[at - 1] == b'\n') else {
        return log;
    };
    log[mark..].split_once('\n').map_or("", |(_, rest)| rest)
}

/// One job for each stage that the command opened; one for all of it while it opened none.
fn jobs(
    order: &Order,
    stages: &[Stage],
    standing: &Standing,
    began: Timestamp,
    ended: Option<Timestamp>,
) -> Vec<Job> {
    let job = |name: &str, standing, started, ended| Job {
        name: name.to_owned(),
        standing,
        started: Some(started),
        ended,
        url: None,
    };
    let Some((last, earlier)) = stages.split_last() else {
        let program = order.plan.command.first().map_or("command", String::as_str);
        let name = program.rsplit('/').next().unwrap_or(program);
        return vec![job(&inert(name, 60), standing.clone(), began, ended)];
    };
    let ends = stages.iter().skip(1).map(|next| next.at);
    let mut jobs: Vec<Job> = earlier
        .iter()
        .zip(ends)
        .map(|(stage, end)| job(&stage.name, Standing::Ended(Conclusion::Success), stage.at, Some(end)))
        .collect();
    jobs.push(job(&last.name, standing.clone(), last.at, ended));
    jobs
}
