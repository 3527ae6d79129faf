//! Reading commits, branches, tags, comparisons, checks and statuses.

use serde_json::json;

use super::GitHub;
use super::api::{not_found, refuse, with_link};
use super::state::Repo;
use crate::serve::{Answer, Call};

impl GitHub {
    pub(super) fn read_refs(&self, repo: &Repo, parts: &[&str], call: &Call) -> Result<Answer, Answer> {
        match parts {
            ["git", "ref", name @ ..] => {
                let name = name.join("/");
                let found = self.ref_json(repo, &name).ok_or_else(not_found)?;
                Ok(Answer::json(200, &found))
            }
            ["git", "matching-refs", name @ ..] => {
                let prefix = name.join("/");
                let names = repo
                    .branches
                    .keys()
                    .map(|branch| format!("heads/{branch}"))
                    .chain(repo.tags.keys().map(|tag| format!("tags/{tag}")));
                let found = names
                    .filter(|n| n.starts_with(&prefix))
                    .filter_map(|n| self.ref_json(repo, &n))
                    .collect();
                Ok(self.paged(call, None, found))
            }
            ["git", "tags", object] => {
                let is_it =
                    |tag: &super::state::Tag| tag.annotated.as_ref().is_some_and(|(sha, _)| sha == object);
                let (name, tag) = repo.tags.iter().find(|(_, tag)| is_it(tag)).ok_or_else(not_found)?;
                Ok(Answer::json(200, &self.tag_object_json(repo, name, tag)))
            }
            ["git", "commits", sha] => {
                let commit = repo.commits.get(*sha).ok_or_else(not_found)?;
                Ok(Answer::json(200, &self.git_commit_json(repo, commit)))
            }
            ["branches"] => {
                let all =
                    repo.branches.keys().filter_map(|name| self.branch_json(repo, name, false)).collect();
                Ok(self.paged(call, None, all))
            }
            ["branches", name @ ..] => {
                let branch = self.branch_json(repo, &name.join("/"), true);
                let missing = || refuse(404, "Branch not found");
                Ok(Answer::json(200, &branch.ok_or_else(missing)?))
            }
            ["tags"] => {
                let all = repo.tags.iter().rev().map(|(name, tag)| self.tag_json(repo, name, tag)).collect();
                Ok(self.paged(call, None, all))
            }
            ["compare", spread @ ..] => self.compare(repo, &spread.join("/"), call),
            ["commits"] => {
                let from = call.query_value("sha").unwrap_or_else(|| repo.default_branch.clone());
                let head = repo.resolve(&from).ok_or_else(not_found)?;
                let mut commits: Vec<_> =
                    repo.ancestors(&head.sha).iter().filter_map(|sha| repo.commits.get(sha)).collect();
                commits.sort_by_key(|commit| std::cmp::Reverse(commit.at));
                let all = commits.iter().map(|commit| self.commit_json(repo, commit, false)).collect();
                Ok(self.paged(call, None, all))
            }
            ["commits", name @ .., "check-runs"] => {
                let commit = repo.resolve(&name.join("/")).ok_or_else(|| no_commit(&name.join("/")))?;
                let checks = repo.checks.get(&commit.sha).into_iter().flatten();
                let all = checks.map(|check| self.check_json(repo, &commit.sha, check)).collect();
                Ok(self.paged(call, Some("check_runs"), all))
            }
            ["commits", name @ .., "status"] => {
                let commit = repo.resolve(&name.join("/")).ok_or_else(not_found)?;
                Ok(self.combined_status(repo, &commit.sha, call))
            }
            ["commits", name @ .., "pulls"] => {
                let commit = repo.resolve(&name.join("/")).ok_or_else(|| no_commit(&name.join("/")))?;
                let pulls = repo.pulls.iter().filter(|pull| pull.sha == commit.sha);
                Ok(self.paged(call, None, pulls.map(|pull| self.pull_json(repo, pull)).collect()))
            }
            ["commits", name @ ..] => {
                let commit = repo.resolve(&name.join("/")).ok_or_else(|| no_commit(&name.join("/")))?;
                Ok(Answer::json(200, &self.commit_json(repo, commit, true)))
            }
            _ => Err(not_found()),
        }
    }

    /// `pending` when there is no status at all: GitHub's own rule, and a trap.
    fn combined_status(&self, repo: &Repo, sha: &str, call: &Call) -> Answer {
        let all = repo.statuses.get(sha).cloned().unwrap_or_default();
        let is = |state: &str| all.iter().any(|(_, known)| known == state);
        let state = match (is("failure") || is("error"), is("pending") || all.is_empty()) {
            (true, _) => "failure",
            (_, true) => "pending",
            _ => "success",
        };
        let total = all.len();
        let (shown, link) = self.page(call, all);
        let statuses: Vec<_> =
            shown.iter().map(|(context, s)| self.status_json(repo, sha, context, s)).collect();
        let url = self.repo_url(repo);
        let body = json!({
            "state": state, "sha": sha, "total_count": total, "statuses": statuses,
            "repository": self.small_repo_json(repo), "commit_url": format!("{url}/commits/{sha}"),
            "url": format!("{url}/commits/{sha}/status"),
        });
        with_link(Answer::json(200, &body), link)
    }

    fn compare(&self, repo: &Repo, spread: &str, call: &Call) -> Result<Answer, Answer> {
        let (base, head) = spread.split_once("...").ok_or_else(not_found)?;
        let base = repo.resolve(base).ok_or_else(not_found)?;
        let head = repo.resolve(head).ok_or_else(not_found)?;
        let (of_base, of_head) = (repo.ancestors(&base.sha), repo.ancestors(&head.sha));
        let behind = of_base.iter().filter(|sha| !of_head.contains(sha)).count();
        let mut ahead: Vec<_> = of_head
            .iter()
            .filter(|sha| !of_base.contains(sha))
            .filter_map(|sha| repo.commits.get(sha))
            .collect();
        // Oldest first: a commit has more ancestors than those it builds on.
        ahead.sort_by_key(|commit| (repo.ancestors(&commit.sha).len(), commit.sha.clone()));
        let merge_base =
            of_base.iter().find(|sha| of_head.contains(sha)).and_then(|sha| repo.commits.get(sha));
        let merge_base = merge_base.ok_or_else(not_found)?;
        let status = match (ahead.len(), behind) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            _ => "diverged",
        };
        let total = ahead.len();
        let files: Vec<_> = ahead
            .iter()
            .flat_map(|commit| &commit.files)
            .take(300)
            .map(|file| self.file_json(repo, &head.sha, file))
            .collect();
        let (shown, link) = self.page(call, ahead);
        let url = format!("{}/compare/{}...{}", self.repo_url(repo), base.sha, head.sha);
        let html = format!("{}/{}/compare/{}...{}", self.url(), repo.full_name, base.sha, head.sha);
        let commits: Vec<_> = shown.iter().map(|commit| self.commit_json(repo, commit, false)).collect();
        let body = json!({
            "url": url, "html_url": html, "permalink_url": html, "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"), "base_commit": self.commit_json(repo, base, false),
            "merge_base_commit": self.commit_json(repo, merge_base, false), "status": status, "ahead_by": total,
            "behind_by": behind, "total_commits": total, "commits": commits, "files": files,
        });
        Ok(with_link(Answer::json(200, &body), link))
    }
}

fn no_commit(name: &str) -> Answer {
    refuse(422, &format!("No commit found for SHA: {name}"))
}
