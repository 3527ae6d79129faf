//! What a CI system executes for a deploy: the plan that is sent, the run it became, how far it is.
//! Not here: how any CI system is spoken to.

use crate::ids::{CommitId, DeployId, RunId};
use crate::policy::Provider;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Exactly what is sent to start a run. A pure function of what was approved; stored with the intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlan {
    /// The deploy; its id is also the correlation name that the run carries.
    pub deploy: DeployId,
    /// The CI system.
    pub provider: Provider,
    /// Repository as in the settings.
    pub repo: String,
    /// Workflow file, empty for `command`.
    pub workflow: String,
    /// Identity of that file on the branch when the plan was made, where the CI system can tell: another file would do
    /// something else than what was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// Branch that the workflow file is taken from.
    pub git_ref: String,
    /// The approved commit.
    pub commit: CommitId,
    /// Inputs with all placeholders filled in.
    pub inputs: BTreeMap<String, String>,
    /// Argument vector with all placeholders filled in.
    pub command: Vec<String>,
    /// What is asked of the CI system.
    pub start: Start,
}

/// What is asked of the CI system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Start {
    /// A new run.
    New,
    /// The failed jobs of a finished run, once more.
    FailedJobs {
        /// The finished run.
        run: RunId,
        /// Its attempt when it was asked; a higher one proves that the request was accepted.
        attempt: u32,
    },
}

/// A run that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// 1 for the first execution, more for re-runs.
    pub attempt: u32,
    /// Its page, if it has one.
    pub url: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Everything that had to succeed did.
    Success,
    /// Something failed.
    Failure,
    /// Somebody, or a concurrency group, stopped it.
    Cancelled,
    /// It took too long.
    TimedOut,
    /// Any other word of the CI system; never success.
    Other(String),
}

impl Conclusion {
    /// As people say it.
    #[must_use]
    pub fn phrase(&self) -> &str {
        match self {
            Self::Success => "succeeded",
            Self::Failure => "failed",
            Self::Cancelled => "was cancelled",
            Self::TimedOut => "timed out",
            Self::Other(word) => word,
        }
    }
}

/// Where a run, a stage or a job stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not started: waits for a machine or for jobs before it.
    Queued,
    /// Held by the CI system until somebody or some rule lets it go.
    Held,
    /// At work.
    Running,
    /// Ended.
    Ended(Conclusion),
    /// Left out.
    Skipped,
}

/// One job of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name as in the workflow.
    pub name: String,
    /// Where it stands.
    pub standing: Standing,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its page.
    pub url: Option<String>,
}

/// The step at which a run failed, with the end of its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    /// Job.
    pub job: String,
    /// Step, where the CI system names it.
    pub step: Option<String>,
    /// The last lines of its log, oldest first, without terminal codes.
    pub log: Vec<String>,
    /// The job's page.
    pub url: Option<String>,
}

/// How far a run is: an authenticated read of the CI system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The run as a whole.
    pub standing: Standing,
    /// Its jobs in order.
    pub jobs: Vec<Job>,
    /// Where it failed, once it has.
    pub failed: Option<FailedStep>,
}

impl Progress {
    /// A run that nobody has read yet.
    #[must_use]
    pub fn unread() -> Self {
        Self { standing: Standing::Queued, jobs: Vec::new(), failed: None }
    }

    /// Whether it was stopped before any of its jobs began. A run of which no job is known says nothing of it.
    #[must_use]
    pub fn was_stopped_unbegun(&self) -> bool {
        let is_unbegun = |job: &Job| {
            job.started.is_none()
                && matches!(job.standing, Standing::Ended(Conclusion::Cancelled) | Standing::Skipped)
        };
        self.standing == Standing::Ended(Conclusion::Cancelled)
            && !self.jobs.is_empty()
            && self.jobs.iter().all(is_unbegun)
    }

    /// The jobs gathered into stages, in the order in which stages run.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        let mut by_name: BTreeMap<StageName, Vec<&Job>> = BTreeMap::new();
        for job in &self.jobs {
            by_name.entry(StageName::of(&job.name)).or_default().push(job);
        }
        by_name.into_iter().map(|(name, jobs)| Stage::over(name, &jobs)).collect()
    }
}

/// The stages people know, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Compile code, assets.
    Build,
    /// Unit, integration tests.
    Test,
    /// Vulnerability scanning.
    Security,
    /// Coverage, linting.
    Quality,
    /// Ship to the environment.
    Deploy,
    /// Smoke tests.
    Verify,
}

impl StageName {
    /// The stage that a job belongs to, by the words in its name; a job that says nothing is part of the deploy.
    #[must_use]
    pub fn of(job: &str) -> Self {
        let name = job.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["smoke", "verif", "validat", "health", "post-deploy"]) {
            Self::Verify
        } else if has(&["secur", "vuln", "audit", "sast", "codeql", "trivy", "scan"]) {
            Self::Security
        } else if has(&["lint", "quality", "coverage", "clippy", "format", "typecheck"]) {
            Self::Quality
        } else if has(&["deploy", "release", "ship", "rollout", "publish", "migrat"]) {
            Self::Deploy
        } else if has(&["test", "spec", "e2e"]) {
            Self::Test
        } else if has(&["build", "compile", "image", "docker", "package", "bundle"]) {
            Self::Build
        } else {
            Self::Deploy
        }
    }

    /// The stage's name for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "Build",
            Self::Test => "Test",
            Self::Security => "Security",
            Self::Quality => "Quality",
            Self::Deploy => "Deploy",
            Self::Verify => "Verify",
        }
    }
}

/// Some jobs of a run, seen as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Which stage.
    pub name: StageName,
    /// The worst that is true of its jobs.
    pub standing: Standing,
    /// When its first job began.
    pub started: Option<Timestamp>,
    /// When its last job ended, once all have.
    pub ended: Option<Timestamp>,
}

impl Stage {
    fn over(name: StageName, jobs: &[&Job]) -> Self {
        let failed = jobs.iter().find(
            |job| matches!(&job.standing, Standing::Ended(conclusion) if *conclusion != Conclusion::Success),
        );
        let any = |wanted: &Standing| jobs.iter().any(|job| job.standing == *wanted);
        let ended = |job: &&Job| matches!(job.standing, Standing::Ended(_) | Standing::Skipped);
        let standing = if let Some(job) = failed {
            job.standing.clone()
        } else if any(&Standing::Running) {
            Standing::Running
        } else if any(&Standing::Held) {
            Standing::Held
        } else if jobs.iter().all(|job| job.standing == Standing::Skipped) {
            Standing::Skipped
        } else if jobs.iter().all(ended) {
            Standing::Ended(Conclusion::Success)
        } else if jobs.iter().any(ended) {
            Standing::Running
        } else {
            Standing::Queued
        };
        let all_ended = jobs.iter().all(ended);
        Self {
            name,
            standing,
            started: jobs.iter().filter_map(|job| job.started).min(),
            ended: jobs.iter().filter_map(|job| job.ended).max().filter(|_| all_ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, standing: Standing) -> Job {
        Job { name: name.into(), standing, started: None, ended: None, url: None }
    }

    #[test]
    fn jobs_are_gathered_into_stages_in_their_order() {
        let progress = Progress {
            standing: Standing::Running,
            jobs: vec![
                job("Smoke tests", Standing::Queued),
                job("deploy-production", Standing::Running),
                job("unit tests", Standing::Ended(Conclusion::Success)),
                job("build image", Standing::Ended(Conclusion::Success)),
            ],
            failed: None,
        };
        let names: Vec<_> = progress.stages().iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["Build", "Test", "Deploy", "Verify"]);
    }

    #[test]
    fn one_failed_job_fails_its_stage() {
        let jobs = [
            job("test a", Standing::Ended(Conclusion::Success)),
            job("test b", Standing::Ended(Conclusion::Failure)),
        ];
        let progress = Progress { standing: Standing::Running, jobs: jobs.to_vec(), failed: None };
        assert_eq!(progress.stages()[0].standing, Standing::Ended(Conclusion::Failure));
    }
}
