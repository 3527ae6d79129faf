//! How tests fill the host: repositories, commits, tags, checks, workflows and what runs will do. Panics name what
//! does not exist: these are mistakes of the test.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::GitHub;
use super::change::Demands;
use super::state::{Access, Check, Commit, Pull, Repo, State, Tag};
use crate::locked;
use crate::sign::object_id;

/// An input that a workflow declares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Refused when missing and there is no default.
    #[serde(default)]
    pub required: bool,
    /// Used when missing.
    #[serde(default)]
    pub default: Option<String>,
    /// Allowed values of a `choice`; empty for free text.
    #[serde(default)]
    pub options: Vec<String>,
}

impl Input {
    /// A required free text.
    pub fn required(name: &str) -> Self {
        Self { name: name.into(), required: true, default: None, options: Vec::new() }
    }

    /// An optional free text.
    pub fn optional(name: &str) -> Self {
        Self { name: name.into(), required: false, default: None, options: Vec::new() }
    }
}

/// A job of a workflow: its name and steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobPlan {
    /// Its name.
    pub name: String,
    /// Names of its steps, in order.
    pub steps: Vec<String>,
}

impl JobPlan {
    /// A job with these steps.
    pub fn new(name: &str, steps: &[&str]) -> Self {
        Self { name: name.into(), steps: steps.iter().map(|step| (*step).to_owned()).collect() }
    }
}

/// A workflow file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Workflow {
    /// File name, for instance `deploy.yml`.
    pub file: String,
    /// `name:`
    pub name: String,
    /// Inputs of `workflow_dispatch`; `None` when it has no such trigger.
    pub inputs: Option<Vec<Input>>,
    /// `run-name:`, with `${{ inputs.x }}`.
    #[serde(default)]
    pub run_name: Option<String>,
    /// Jobs, run one after the other.
    pub jobs: Vec<JobPlan>,
    /// Switched off by hand.
    #[serde(default)]
    pub disabled: bool,
}

impl Workflow {
    /// The file, as far as it tells how it is started.
    pub fn to_yaml(&self) -> String {
        let mut file = format!("name: {}\non:\n  push:\n    branches: [main]\n", self.name);
        if let Some(inputs) = &self.inputs {
            file.push_str("  workflow_dispatch:\n    inputs:\n");
            for Input { name, required, default, .. } in inputs {
                file.push_str(&format!("      {name}:\n        required: {required}\n"));
                if let Some(default) = default {
                    file.push_str(&format!("        default: '{default}'\n"));
                }
            }
        }
        file.push_str("jobs: {}\n");
        file
    }

    /// A deploy workflow: inputs `deployment_id`, `sha` and `environment` (optional `params`), the run name
    /// `deploy ${{ inputs.deployment_id }}`, and the jobs build and deploy.
    pub fn deploy(file: &str) -> Self {
        Self {
            file: file.into(),
            name: "Deploy".into(),
            inputs: Some(vec![
                Input::required("deployment_id"),
                Input::required("sha"),
                Input::optional("environment"),
                Input::optional("params"),
            ]),
            run_name: Some("deploy ${{ inputs.deployment_id }}".into()),
            jobs: vec![
                JobPlan::new("build", &["Set up job", "Check out", "Build"]),
                JobPlan::new("deploy", &["Set up job", "Roll out", "Smoke test"]),
            ],
            disabled: false,
        }
    }
}

/// What a run will do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Conclusion of the run when no step fails: `success`, `timed_out`, `action_required`, …
    #[serde(default = "success")]
    pub conclusion: String,
    /// Job and step that fail; later jobs are skipped.
    #[serde(default)]
    pub fails_at: Option<(String, String)>,
    /// Extra lines at the end of the log of the failing (else of the last) job.
    #[serde(default)]
    pub log: Vec<String>,
    /// Waits for an environment's reviewers before it starts, until advanced.
    #[serde(default)]
    pub waits: bool,
    /// Goes on to its end although it was asked to cancel.
    #[serde(default)]
    pub ignores_cancel: bool,
}

fn success() -> String {
    "success".into()
}

impl Default for Plan {
    fn default() -> Self {
        Self { conclusion: success(), fails_at: None, log: Vec::new(), waits: false, ignores_cancel: false }
    }
}

impl Plan {
    /// Fails in this step of this job, with these last log lines.
    pub fn failing(job: &str, step: &str, log: &[&str]) -> Self {
        let log = log.iter().map(|line| (*line).to_owned()).collect();
        Self { fails_at: Some((job.into(), step.into())), log, ..Self::default() }
    }

    /// Ends with this conclusion without a failing step.
    pub fn ending(conclusion: &str) -> Self {
        Self { conclusion: conclusion.into(), ..Self::default() }
    }
}

impl GitHub {
    /// Creates `owner/name` with a first commit on `main`; returns that commit.
    pub fn add_repo(&self, full_name: &str) -> String {
        let mut state = locked(&self.0.state);
        let id = state.serial();
        state.repos.push(Repo {
            id,
            full_name: full_name.to_owned(),
            default_branch: "main".into(),
            access: Access::Write,
            commits: HashMap::new(),
            branches: BTreeMap::new(),
            protected: vec!["main".into()],
            tags: BTreeMap::new(),
            pulls: Vec::new(),
            checks: HashMap::new(),
            statuses: HashMap::new(),
            workflows: Vec::new(),
            plans: HashMap::new(),
            demands: Demands::default(),
            deployed: Vec::new(),
            is_huge: false,
        });
        drop(state);
        self.commit(full_name, "main", "Begin", "octocat")
    }

    /// Adds a commit to a branch (created when there is none) and returns its id.
    pub fn commit(&self, repo: &str, branch: &str, message: &str, login: &str) -> String {
        let parents =
            self.in_repo(repo, |repo| repo.branches.get(branch).cloned().into_iter().collect::<Vec<_>>());
        let sha = self.commit_from(repo, &parents, message, login);
        self.set_branch(repo, branch, &sha);
        sha
    }

    /// Adds a commit with these parents on no branch.
    pub fn commit_from(&self, repo: &str, parents: &[String], message: &str, login: &str) -> String {
        let at = self.config().clock.now_seconds();
        self.in_repo(repo, |repo| {
            let count = repo.commits.len();
            let sha = object_id(&[&repo.full_name, &count.to_string(), message, &parents.join(" ")]);
            let commit = Commit {
                sha: sha.clone(),
                message: message.to_owned(),
                login: login.to_owned(),
                parents: parents.to_vec(),
                files: vec![format!("src/file{count}.txt")],
                at,
            };
            repo.commits.insert(sha.clone(), commit);
            sha
        })
    }

    /// Creates or moves a branch.
    pub fn set_branch(&self, repo: &str, branch: &str, sha: &str) {
        self.in_repo(repo, |repo| repo.branches.insert(branch.to_owned(), sha.to_owned()));
    }

    /// Creates or moves a lightweight tag.
    pub fn set_tag(&self, repo: &str, tag: &str, sha: &str) {
        let entry = Tag { commit: sha.to_owned(), annotated: None };
        self.in_repo(repo, |repo| repo.tags.insert(tag.to_owned(), entry));
    }

    /// Creates or moves an annotated tag.
    pub fn set_annotated_tag(&self, repo: &str, tag: &str, sha: &str, message: &str) {
        let object = object_id(&["tag", tag, sha, message]);
        let entry = Tag { commit: sha.to_owned(), annotated: Some((object, message.to_owned())) };
        self.in_repo(repo, |repo| repo.tags.insert(tag.to_owned(), entry));
    }

    /// Deletes a tag.
    pub fn delete_tag(&self, repo: &str, tag: &str) {
        self.in_repo(repo, |repo| repo.tags.remove(tag));
    }

    /// Says that a merged pull request brought `sha`.
    pub fn add_pull(&self, repo: &str, sha: &str, number: u64, title: &str, login: &str) {
        let commits = vec![sha.to_owned()];
        let (title, login, sha) = (title.to_owned(), login.to_owned(), sha.to_owned());
        let pull = Pull { number, title, login, sha, commits, reviews: Vec::new() };
        self.in_repo(repo, |repo| repo.pulls.push(pull));
    }

    /// Adds or changes a check run; `None` means still running.
    pub fn set_check(&self, repo: &str, sha: &str, name: &str, conclusion: Option<&str>) {
        let id = locked(&self.0.state).serial();
        self.in_repo(repo, |repo| {
            let checks = repo.checks.entry(sha.to_owned()).or_default();
            checks.retain(|check| check.name != name);
            checks.push(Check { id, name: name.to_owned(), conclusion: conclusion.map(str::to_owned) });
        });
    }

    /// Adds or changes a commit status: `success`, `pending`, `failure` or `error`.
    pub fn set_status(&self, repo: &str, sha: &str, context: &str, state: &str) {
        self.in_repo(repo, |repo| {
            let statuses = repo.statuses.entry(sha.to_owned()).or_default();
            statuses.retain(|(known, _)| known != context);
            statuses.push((context.to_owned(), state.to_owned()));
        });
    }

    /// Adds or replaces a workflow file.
    pub fn add_workflow(&self, repo: &str, workflow: Workflow) {
        let id = locked(&self.0.state).serial();
        self.in_repo(repo, |repo| {
            repo.workflows.retain(|(_, known)| known.file != workflow.file);
            repo.workflows.push((id, workflow));
        });
    }

    /// Says what the next run of a workflow file does (and the one after that with a second call, …). The last plan
    /// stays for all later runs.
    pub fn plan(&self, repo: &str, file: &str, plan: Plan) {
        self.in_repo(repo, |repo| repo.plans.entry(file.to_owned()).or_default().push(plan));
    }

    /// Changes what our token may do.
    pub fn set_access(&self, repo: &str, access: Access) {
        self.in_repo(repo, |repo| repo.access = access);
    }

    /// Whether there is such a repository.
    pub fn has_repo(&self, full_name: &str) -> bool {
        locked(&self.0.state).repo(full_name).is_some()
    }

    pub(super) fn in_repo<T>(&self, full_name: &str, change: impl FnOnce(&mut Repo) -> T) -> T {
        let mut state = locked(&self.0.state);
        let state: &mut State = &mut state;
        match state.repo_mut(full_name) {
            Some(repo) => change(repo),
            None => panic!("the GitHub model has no repository {full_name}; add_repo creates it"),
        }
    }
}
