//! What the host contains. How it is shown is in `render.rs`, how it is built in `build.rs`.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;

use super::GitHubConfig;
use super::build::{Plan, Workflow};
use super::change::Demands;
use super::hooks::{HookDelivery, HookMode, PendingHook};
use crate::serve::Call;

/// What our token may do in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Access {
    /// Read and dispatch.
    #[default]
    Write,
    /// Reading works; dispatch, cancel and re-run answer 403.
    Read,
    /// The repository does not exist for us: 404.
    None,
}

/// A dispatch that was accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Dispatch {
    /// `owner/name`
    pub repository: String,
    /// Workflow file.
    pub workflow: String,
    /// Branch or tag.
    pub git_ref: String,
    /// Inputs with defaults filled in.
    pub inputs: BTreeMap<String, String>,
    /// The run it made.
    pub run: u64,
}

/// A run as tests see it.
#[derive(Clone, Debug, Serialize)]
pub struct RunState {
    /// Run id.
    pub id: u64,
    /// `owner/name`
    pub repository: String,
    /// Workflow file.
    pub workflow: String,
    /// From `run-name`.
    pub title: String,
    /// `queued`, `in_progress`, `completed`, …
    pub status: String,
    /// `success`, `failure`, …; `None` until completed.
    pub conclusion: Option<String>,
    /// Raised by re-runs.
    pub attempt: u32,
    /// Inputs.
    pub inputs: BTreeMap<String, String>,
    /// Job names with status and conclusion.
    pub jobs: Vec<(String, String, Option<String>)>,
}

#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub sha: String,
    pub message: String,
    pub login: String,
    pub parents: Vec<String>,
    pub files: Vec<String>,
    pub at: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub commit: String,
    /// The tag object of an annotated tag: its id and message.
    pub annotated: Option<(String, String)>,
}

#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub number: u64,
    pub title: String,
    pub login: String,
    pub sha: String,
    /// Its commits as they were before the merge; the last one is its head.
    pub commits: Vec<String>,
    pub reviews: Vec<Reviewed>,
}

#[derive(Clone, Debug)]
pub(super) struct Reviewed {
    pub login: String,
    pub state: String,
    pub commit: String,
    pub association: String,
}

/// A deployment in the host's own list.
#[derive(Clone, Debug)]
pub(super) struct Deployed {
    pub id: u64,
    pub sha: String,
    pub environment: String,
    pub at: i64,
    /// Oldest first, each with its time.
    pub states: Vec<(String, i64)>,
}

#[derive(Clone, Debug)]
pub(super) struct Check {
    pub id: u64,
    pub name: String,
    pub conclusion: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub name: String,
    pub status: &'static str,
    pub conclusion: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub id: u64,
    pub name: String,
    pub status: &'static str,
    pub conclusion: Option<String>,
    pub steps: Vec<Step>,
    pub started: Option<i64>,
    pub completed: Option<i64>,
    pub log: String,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub id: u64,
    pub number: u64,
    pub repository: String,
    pub workflow: String,
    pub title: String,
    pub event: String,
    pub git_ref: String,
    pub sha: String,
    pub inputs: BTreeMap<String, String>,
    pub status: String,
    pub conclusion: Option<String>,
    pub attempt: u32,
    pub created: i64,
    pub started: i64,
    pub updated: i64,
    pub jobs: Vec<Job>,
    pub earlier_jobs: Vec<(u32, Vec<Job>)>,
    pub plan: Plan,
    pub cancel_asked: bool,
    /// Lists that still leave the run out.
    pub hidden_for: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Repo {
    pub id: u64,
    pub full_name: String,
    pub default_branch: String,
    pub access: Access,
    pub commits: HashMap<String, Commit>,
    pub branches: BTreeMap<String, String>,
    pub protected: Vec<String>,
    pub tags: BTreeMap<String, Tag>,
    pub pulls: Vec<Pull>,
    pub checks: HashMap<String, Vec<Check>>,
    pub statuses: HashMap<String, Vec<(String, String)>>,
    pub workflows: Vec<(u64, Workflow)>,
    /// What the next runs of a workflow file do; the last one stays.
    pub plans: HashMap<String, Vec<Plan>>,
    pub demands: Demands,
    pub deployed: Vec<Deployed>,
    /// Whether lists of all files are cut off.
    pub is_huge: bool,
}

impl Repo {
    /// Number of commits reachable from `sha`, and these commits.
    pub fn ancestors(&self, sha: &str) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        let mut open = vec![sha.to_owned()];
        while let Some(next) = open.pop() {
            if seen.contains(&next) {
                continue;
            }
            if let Some(commit) = self.commits.get(&next) {
                open.extend(commit.parents.iter().cloned());
                seen.push(next);
            }
        }
        seen
    }

    /// A commit by full or shortened id, branch or tag, with or without `refs/`.
    pub fn resolve(&self, name: &str) -> Option<&Commit> {
        let name = name.trim_start_matches("refs/");
        let (heads, tags) = (name.strip_prefix("heads/"), name.strip_prefix("tags/"));
        let by_branch = || self.branches.get(heads.unwrap_or(name)).filter(|_| tags.is_none());
        let by_tag =
            || self.tags.get(tags.unwrap_or(name)).filter(|_| heads.is_none()).map(|tag| &tag.commit);
        if let Some(sha) = by_branch().or_else(by_tag) {
            return self.commits.get(sha);
        }
        let short = name.len() >= 7 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let mut found = self.commits.values().filter(|commit| short && commit.sha.starts_with(name));
        found.next().filter(|_| found.next().is_none())
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub target: Option<String>,
    pub legacy: bool,
    pub list_lag: u32,
    pub repos: Vec<Repo>,
    pub runs: Vec<Run>,
    pub dispatches: Vec<Dispatch>,
    pub installation_tokens: Vec<String>,
    pub calls: Vec<Call>,
    pub remaining: u64,
    pub spent: u64,
    pub reset_at: i64,
    pub hooks: Vec<PendingHook>,
    pub hook_mode: HookMode,
    pub deliveries: Vec<HookDelivery>,
    pub sent_hooks: HashMap<String, (String, Value)>,
    serial: u64,
}

impl State {
    pub fn new(config: &GitHubConfig) -> Self {
        Self {
            target: None,
            legacy: false,
            list_lag: 0,
            repos: Vec::new(),
            runs: Vec::new(),
            dispatches: Vec::new(),
            installation_tokens: Vec::new(),
            calls: Vec::new(),
            remaining: config.hourly_budget,
            spent: 0,
            reset_at: config.clock.now_seconds() + 3600,
            hooks: Vec::new(),
            hook_mode: HookMode::Deliver,
            deliveries: Vec::new(),
            sent_hooks: HashMap::new(),
            serial: 1000,
        }
    }

    pub fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub fn repo(&self, full_name: &str) -> Option<&Repo> {
        self.repos.iter().find(|repo| repo.full_name.eq_ignore_ascii_case(full_name))
    }

    pub fn repo_mut(&mut self, full_name: &str) -> Option<&mut Repo> {
        self.repos.iter_mut().find(|repo| repo.full_name.eq_ignore_ascii_case(full_name))
    }

    pub fn run(&self, id: u64) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    pub fn run_mut(&mut self, id: u64) -> Option<&mut Run> {
        self.runs.iter_mut().find(|run| run.id == id)
    }
}
