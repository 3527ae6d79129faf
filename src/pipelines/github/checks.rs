//! The checks of a commit: check runs and statuses, without those of deploys. Not here: which of them are required
//! (`preflight`).

use super::GitHub;
use super::client::Repo;
use super::limits::Urgency::Needed;
use super::models::{CheckRun, CheckRuns, Combined, Runs, Status, Suites, WorkflowRun};
use super::repositories::PAGE;
use crate::text::inert;
use shipgate_app::ports::OutsideError;
use shipgate_domain::facts::{Check, CheckState};
use shipgate_domain::ids::{CommitId, DeployId};
use std::collections::{BTreeMap, HashSet};

/// Check suites of a commit whose runs GitHub lists.
const MOST_SUITES: usize = 1000;

impl GitHub {
    pub(super) async fn checks_of(&self, repo: &str, commit: &CommitId) -> Result<Vec<Check>, OutsideError> {
        let repo = Repo::parse(repo)?;
        let runs = self.check_runs(&repo, commit).await?;
        let statuses = self.statuses(&repo, commit).await?;
        let is_actions = |run: &CheckRun| {
            run.app.as_ref().is_some_and(|app| app.slug.as_deref() == Some("github-actions"))
        };
        let deploys = if runs.iter().any(is_actions) {
            self.deploy_suites(&repo, commit).await?
        } else {
            HashSet::new()
        };
        let is_deploy = |run: &CheckRun| {
            run.check_suite.as_ref().and_then(|suite| suite.id).is_some_and(|suite| deploys.contains(&suite))
        };
        Ok(merged(runs.into_iter().filter(|run| !is_deploy(run)), statuses))
    }

    async fn check_runs(&self, repo: &Repo, commit: &CommitId) -> Result<Vec<CheckRun>, OutsideError> {
        let mut all: Vec<CheckRun> = Vec::new();
        for number in 1.. {
            let rest = format!("/commits/{commit}/check-runs?filter=latest&per_page={PAGE}&page={number}");
            let page: CheckRuns = self.client.get(repo, &rest, Needed).await?;
            let is_last = page.check_runs.len() < PAGE;
            all.extend(page.check_runs);
            if all.len() as u64 >= page.total_count {
                break;
            }
            if is_last {
                return Err(incomplete("check runs", commit));
            }
        }
        // GitHub, “List check runs for a Git reference”: only those of the 1,000 newest suites are listed.
        if all.len() >= MOST_SUITES {
            let path = format!("/commits/{commit}/check-suites?per_page=1");
            let suites: Suites = self.client.get(repo, &path, Needed).await?;
            if suites.total_count > MOST_SUITES as u64 {
                let why = format!(
                    "{} has {} check suites, and GitHub lists the runs of {MOST_SUITES} only; push a new commit",
                    commit.short(),
                    suites.total_count
                );
                return Err(OutsideError::Refused { why });
            }
        }
        Ok(all)
    }

    async fn statuses(&self, repo: &Repo, commit: &CommitId) -> Result<Vec<Status>, OutsideError> {
        let mut all: Vec<Status> = Vec::new();
        for number in 1.. {
            let rest = format!("/commits/{commit}/status?per_page={PAGE}&page={number}");
            let page: Combined = self.client.get(repo, &rest, Needed).await?;
            let is_last = page.statuses.len() < PAGE;
            all.extend(page.statuses);
            if all.len() as u64 >= page.total_count {
                break;
            }
            if is_last {
                return Err(incomplete("statuses", commit));
            }
        }
        Ok(all)
    }

    /// The check suites of runs that Shipgate started on this commit: a deploy is not a check of what it deploys.
    /// Without this, a failed deploy would close the checks of its own commit for ever.
    async fn deploy_suites(&self, repo: &Repo, commit: &CommitId) -> Result<HashSet<u64>, OutsideError> {
        let mut suites = HashSet::new();
        for number in 1..=10 {
            let rest = format!(
                "/actions/runs?event=workflow_dispatch&head_sha={commit}&per_page={PAGE}&page={number}"
            );
            let Some(page) = self.client.find::<Runs>(repo, &rest, Needed).await? else { break };
            let is_last = page.workflow_runs.len() < PAGE;
            suites.extend(
                page.workflow_runs.iter().filter(|run| is_ours(run)).filter_map(|run| run.check_suite_id),
            );
            if is_last {
                break;
            }
        }
        Ok(suites)
    }
}

/// Whether a run carries a deploy id in its title.
fn is_ours(run: &WorkflowRun) -> bool {
    let titles = [&run.display_title, &run.name].into_iter().flatten();
    titles
        .flat_map(|title| title.split(|c: char| !c.is_ascii_alphanumeric()))
        .any(|word| word.parse::<DeployId>().is_ok())
}

fn incomplete(what: &str, commit: &CommitId) -> OutsideError {
    let why =
        format!("GitHub did not list all {what} of {}; they changed while they were read", commit.short());
    OutsideError::Later { why, after: None }
}

/// All checks by name. The newest run of each app and name counts; where several speak under one name, the worst does.
fn merged(runs: impl Iterator<Item = CheckRun>, statuses: Vec<Status>) -> Vec<Check> {
    let mut newest: BTreeMap<(String, String), CheckRun> = BTreeMap::new();
    for run in runs {
        let app = run.app.as_ref().and_then(|app| app.slug.clone()).unwrap_or_default();
        let key = (app, run.name.clone());
        if newest.get(&key).is_none_or(|other| run.id > other.id) {
            newest.insert(key, run);
        }
    }
    let runs = newest.into_values().map(|run| {
        let state = state_of_run(run.status.as_deref(), run.conclusion.as_deref());
        (run.name, state, run.html_url)
    });
    let statuses = statuses.into_iter().map(|status| {
        let state = state_of_status(&status.state);
        (status.context, state, status.target_url)
    });
    let mut by_name: BTreeMap<String, Check> = BTreeMap::new();
    for (name, state, url) in runs.chain(statuses) {
        let name = inert(&name, 200);
        let url = url.map(|url| inert(&url, 300));
        let check = by_name.entry(name.clone()).or_insert_with(|| Check { name, state, url: url.clone() });
        if badness(state) > badness(check.state) {
            check.state = state;
            check.url = url;
        }
    }
    by_name.into_values().collect()
}

fn badness(state: CheckState) -> u8 {
    match state {
        CheckState::Passed => 0,
        CheckState::Pending => 1,
        CheckState::Failed => 2,
    }
}

fn state_of_run(status: Option<&str>, conclusion: Option<&str>) -> CheckState {
    match (status, conclusion) {
        (Some("completed"), Some("success" | "neutral" | "skipped")) => CheckState::Passed,
        (Some("completed"), _) => CheckState::Failed,
        _ => CheckState::Pending,
    }
}

fn state_of_status(state: &str) -> CheckState {
    match state {
        "success" => CheckState::Passed,
        "pending" => CheckState::Pending,
        _ => CheckState::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_newest_run_of_an_app_counts_and_the_worst_of_a_name() {
        let run = |id: u64, app: &str, name: &str, conclusion: &str| -> CheckRun {
            serde_json::from_value(json!({ "id": id, "name": name, "status": "completed",
                "conclusion": conclusion, "app": { "slug": app } }))
            .unwrap()
        };
        let runs =
            [run(1, "a", "test", "failure"), run(2, "a", "test", "success"), run(3, "b", "lint", "success")];
        let statuses = vec![
            Status { context: "lint".into(), state: "pending".into(), target_url: None },
            Status { context: "docs".into(), state: "error".into(), target_url: None },
        ];
        let all: Vec<_> = merged(runs.into_iter(), statuses).into_iter().map(|c| (c.name, c.state)).collect();
        let expected =
            [("docs", CheckState::Failed), ("lint", CheckState::Pending), ("test", CheckState::Passed)];
        assert_eq!(all, expected.map(|(name, state)| (name.to_owned(), state)));
    }

    #[test]
    fn runs_with_a_deploy_id_in_their_title_are_ours() {
        let run = |title: &str| -> WorkflowRun {
            serde_json::from_value(json!({ "id": 1, "display_title": title })).unwrap()
        };
        assert!(is_ours(&run("deploy production 01JZZZZZZZZZZZZZZZZZZZZZZZ")));
        assert!(!is_ours(&run("nightly tests")));
    }
}
