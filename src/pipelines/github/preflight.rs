//! What GitHub knows of a change: required checks, reviews, changed files, deployments, the workflow file. Not here:
//! what follows from any of it.

use super::GitHub;
use super::client::{Repo, in_path};
use super::limits::Urgency::Needed;
use super::models::{
    Branch, Compared, Contents, Deployment, DeploymentStatus, MergedPull, Protection, PullCommit,
    ReviewGiven, Rule, Tree,
};
use crate::text::inert;
use futures_util::future::join_all;
use http::Method;
use serde::de::DeserializeOwned;
use shipgate_app::ports::OutsideError;
use shipgate_domain::facts::{PullReviews, Review, Reviews, Said, SeenEnd, SeenThere};
use shipgate_domain::ids::CommitId;
use std::collections::{BTreeMap, BTreeSet};

const PAGE: usize = 100;
/// Pages of one list; what is longer was not meant for people.
const MOST_PAGES: usize = 30;
/// A comparison lists at most so many files (GitHub, “Compare two commits”); past that nobody knows how many there are.
const MOST_FILES: usize = 300;
/// A pull request lists at most so many commits (GitHub, “List commits on a pull request”).
const MOST_PULL_COMMITS: usize = 250;
/// Pull requests that are read for one deploy.
const MOST_PULLS: usize = 100;
/// Questions at once.
const AT_ONCE: usize = 5;

impl GitHub {
    pub(super) async fn checks_required(
        &self,
        repo: &str,
        branch: &str,
    ) -> Result<Vec<String>, OutsideError> {
        let repo = Repo::parse(repo)?;
        let mut names: BTreeSet<String> = BTreeSet::new();
        for rule in self.rules(&repo, branch).await? {
            if rule.kind == "required_status_checks" {
                names.extend(rule.parameters.required_status_checks.into_iter().map(|check| check.context));
            }
        }
        // What a protected branch demands in the older way stands in the branch itself.
        let path = format!("/branches/{}", in_path(branch));
        let found: Option<Branch> = self.client.find(&repo, &path, Needed).await?;
        let Some(found) = found else { return Err(no_branch(&repo, branch)) };
        if let Some(checks) = found.protection.and_then(|protection| protection.required_status_checks) {
            names.extend(checks.contexts);
            names.extend(checks.checks.into_iter().map(|check| check.context));
        }
        Ok(names.into_iter().map(|name| inert(&name, 200)).collect())
    }

    /// Rules of all rule sets that hold for a branch.
    pub(super) async fn rules(&self, repo: &Repo, branch: &str) -> Result<Vec<Rule>, OutsideError> {
        self.all(repo, &format!("/rules/branches/{}", in_path(branch))).await
    }

    /// How many approving reviews a pull request to a branch needs; none when no pull request is needed.
    async fn reviews_required(&self, repo: &Repo, branch: &str) -> Result<Option<u32>, OutsideError> {
        let mut needed: Option<u32> = None;
        for rule in self.rules(repo, branch).await? {
            if rule.kind == "pull_request" {
                needed = needed.max(Some(rule.parameters.required_approving_review_count.unwrap_or(0)));
            }
        }
        let path = format!("/branches/{}", in_path(branch));
        let found: Option<Branch> = self.client.find(repo, &path, Needed).await?;
        let Some(found) = found else { return Err(no_branch(repo, branch)) };
        if !found.protected {
            return Ok(needed);
        }
        let answer = self.client.ask(Method::GET, repo, &format!("{path}/protection"), None, Needed).await?;
        if answer.status == 404 && String::from_utf8_lossy(&answer.body).contains("Branch not protected") {
            return Ok(needed);
        }
        // GitHub hides from a token that may not read it whether there is anything to read.
        if matches!(answer.status.as_u16(), 403 | 404) {
            let why = format!(
                "the token may not read the protection of {branch} in {repo}: give it the permission \
                 “Administration: read”, or write a number as `reviews`"
            );
            return Err(OutsideError::Refused { why });
        }
        let protection: Protection = self.client.expect(&answer, repo)?.json()?;
        Ok(match protection.required_pull_request_reviews {
            Some(rule) => needed.max(Some(rule.required_approving_review_count.unwrap_or(0))),
            None => needed,
        })
    }

    pub(super) async fn reviews_of(
        &self,
        repo: &str,
        branch: &str,
        commits: &[CommitId],
        is_demand_read: bool,
    ) -> Result<Reviews, OutsideError> {
        let repo = Repo::parse(repo)?;
        let demanded = if is_demand_read { self.reviews_required(&repo, branch).await? } else { None };
        if is_demand_read && demanded.is_none() {
            return Ok(Reviews::default());
        }
        let (pulls, direct) = self.pulls_of(&repo, branch, commits).await?;
        let mut read = Vec::with_capacity(pulls.len());
        let all: Vec<MergedPull> = pulls.into_values().collect();
        for some in all.chunks(AT_ONCE) {
            for pull in join_all(some.iter().map(|pull| self.pull(&repo, pull))).await {
                read.push(pull?);
            }
        }
        Ok(Reviews { demanded, pulls: read, direct })
    }

    /// The merged pull requests to a branch that brought these commits, and the commits that came without one.
    async fn pulls_of(
        &self,
        repo: &Repo,
        branch: &str,
        commits: &[CommitId],
    ) -> Result<(BTreeMap<u64, MergedPull>, Vec<CommitId>), OutsideError> {
        let mut pulls: BTreeMap<u64, MergedPull> = BTreeMap::new();
        let mut covered: BTreeSet<String> = BTreeSet::new();
        let mut direct = Vec::new();
        for commit in commits {
            if covered.contains(commit.as_str()) {
                continue;
            }
            let path = format!("/commits/{commit}/pulls");
            let of_commit: Vec<MergedPull> = self.all(repo, &path).await?;
            let brought = of_commit
                .into_iter()
                .find(|pull| pull.merged_at.is_some() && pull.base.name.as_deref() == Some(branch));
            let Some(pull) = brought else {
                direct.push(commit.clone());
                continue;
            };
            covered.insert(commit.to_string());
            if pulls.len() >= MOST_PULLS {
                let why = format!("more than {MOST_PULLS} pull requests are new: deploy in smaller steps");
                return Err(OutsideError::Refused { why });
            }
            let of_pull: Vec<PullCommit> = self.all(repo, &format!("/pulls/{}/commits", pull.number)).await?;
            if of_pull.len() < MOST_PULL_COMMITS {
                covered.extend(of_pull.into_iter().map(|commit| commit.sha));
            }
            covered.extend(pull.merge_commit_sha.clone());
            pulls.insert(pull.number, pull);
        }
        Ok((pulls, direct))
    }

    async fn pull(&self, repo: &Repo, pull: &MergedPull) -> Result<PullReviews, OutsideError> {
        let mut given: Vec<ReviewGiven> = self.all(repo, &format!("/pulls/{}/reviews", pull.number)).await?;
        given.sort_by_key(|review| review.submitted_at);
        let author = pull.user.as_ref().and_then(|user| user.login.clone()).unwrap_or_default();
        let head = pull.head.sha.parse().map_err(|_| OutsideError::Later {
            why: format!("GitHub named the head of #{} in a way that is not understood", pull.number),
            after: None,
        })?;
        Ok(PullReviews {
            number: pull.number,
            author: inert(&author, 80),
            head,
            reviews: given.iter().filter_map(review).collect(),
        })
    }

    pub(super) async fn files_changed(
        &self,
        repo: &str,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<Vec<String>, OutsideError> {
        let repo = Repo::parse(repo)?;
        // The files stand on the first page whatever its size.
        let path = format!("/compare/{base}...{head}?per_page=1&page=1");
        let compared: Option<Compared> = self.client.find(&repo, &path, Needed).await?;
        let Some(compared) = compared else {
            let (base, head) = (base.short(), head.short());
            let why = format!("GitHub cannot compare {base} with {head} in {repo}: one of them is gone");
            return Err(OutsideError::Refused { why });
        };
        if let Some(files) = compared.files.filter(|files| files.len() < MOST_FILES) {
            let is_there = |status: Option<&str>| status != Some("removed");
            return Ok(files
                .into_iter()
                .filter(|f| is_there(f.status.as_deref()))
                .map(|f| f.filename)
                .collect());
        }
        let parted = compared.merge_base_commit.map(|commit| commit.sha).ok_or_else(|| {
            OutsideError::Later { why: "GitHub did not say where the two commits parted".into(), after: None }
        })?;
        let (before, now) = (self.tree(&repo, &parted).await?, self.tree(&repo, head.as_str()).await?);
        let is_new = |(path, sha): &(String, String)| before.get(path) != Some(sha);
        Ok(now.into_iter().filter(is_new).map(|(path, _)| path).collect())
    }

    /// All files of a commit with their contents' ids.
    async fn tree(&self, repo: &Repo, commit: &str) -> Result<BTreeMap<String, String>, OutsideError> {
        let tree: Tree = self.client.get(repo, &format!("/git/trees/{commit}?recursive=1"), Needed).await?;
        if tree.truncated {
            let why = format!(
                "{repo} has more files than GitHub lists, and more than {MOST_FILES} of them changed: \
                 deploy in smaller steps"
            );
            return Err(OutsideError::Refused { why });
        }
        Ok(tree.tree.into_iter().filter(|entry| entry.kind == "blob").map(|e| (e.path, e.sha)).collect())
    }

    pub(super) async fn deployment_seen(
        &self,
        repo: &str,
        commit: &CommitId,
        environment: &str,
    ) -> Result<SeenThere, OutsideError> {
        let repo = Repo::parse(repo)?;
        let name: String = form_urlencoded::byte_serialize(environment.as_bytes()).collect();
        let path = format!("/deployments?environment={name}&per_page={PAGE}");
        let mut listed: Vec<Deployment> = self.client.get(&repo, &path, Needed).await?;
        let since = (listed.len() >= PAGE).then(|| listed.iter().map(|d| d.created_at).min()).flatten();
        listed.retain(|d| d.environment == environment);
        let others = listed.iter().filter(|d| d.sha != commit.as_str()).map(|d| d.created_at).collect();
        let mut seen = SeenThere { end: None, others, since };
        let is_it = |d: &&Deployment| d.sha == commit.as_str() && d.environment == environment;
        let newest = match listed.iter().filter(|d| is_it(d)).max_by_key(|d| d.created_at) {
            Some(newest) => newest.clone(),
            None => {
                let of_commit: Vec<Deployment> =
                    self.all(&repo, &format!("/deployments?sha={commit}&environment={name}")).await?;
                match of_commit.into_iter().filter(|d| is_it(&d)).max_by_key(|d| d.created_at) {
                    Some(newest) => newest,
                    None => return Ok(seen),
                }
            }
        };
        let mut statuses: Vec<DeploymentStatus> =
            self.all(&repo, &format!("/deployments/{}/statuses", newest.id)).await?;
        // GitHub lists the newest first; of two in the same second that order is all there is.
        statuses.reverse();
        statuses.sort_by_key(|status| status.created_at);
        // A deployment that was replaced is made inactive; what counts is how it ended before.
        let end = statuses.iter().rev().find(|status| status.state != "inactive");
        seen.end = end.and_then(|end| {
            let succeeded = match end.state.as_str() {
                "success" => true,
                "error" | "failure" => false,
                _ => return None,
            };
            Some(SeenEnd { at: end.created_at, succeeded })
        });
        Ok(seen)
    }

    pub(super) async fn workflow_file(
        &self,
        repo: &str,
        branch: &str,
        file: &str,
    ) -> Result<Option<String>, OutsideError> {
        let repo = Repo::parse(repo)?;
        let branch: String = form_urlencoded::byte_serialize(branch.as_bytes()).collect();
        let path = format!("/contents/.github/workflows/{}?ref={branch}", in_path(file));
        let found: Option<Contents> = self.client.find(&repo, &path, Needed).await?;
        Ok(found.map(|file| inert(&file.sha, 64)))
    }

    /// All pages of a list.
    async fn all<T: DeserializeOwned>(&self, repo: &Repo, path: &str) -> Result<Vec<T>, OutsideError> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        for number in 1..=MOST_PAGES {
            let page = format!("{path}{join}per_page={PAGE}&page={number}");
            let page: Vec<T> = self.client.get(repo, &page, Needed).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
        let why = format!("GitHub lists more than {} entries there", MOST_PAGES * PAGE);
        Err(OutsideError::Refused { why })
    }
}

/// A review that says yes or no, by somebody of the project who is no machine.
fn review(given: &ReviewGiven) -> Option<Review> {
    let said = match given.state.as_str() {
        "APPROVED" => Said::Approved,
        "CHANGES_REQUESTED" => Said::ChangesRequested,
        "DISMISSED" => Said::Dismissed,
        _ => return None,
    };
    let user = given.user.as_ref()?;
    let is_person = user.kind.as_deref().is_none_or(|kind| kind == "User");
    let is_of_project = matches!(given.author_association.as_str(), "OWNER" | "MEMBER" | "COLLABORATOR");
    let of = given.commit_id.as_ref().and_then(|sha| sha.parse().ok());
    (is_person && is_of_project).then(|| Review {
        by: inert(user.login.as_deref().unwrap_or(""), 80),
        of,
        said,
    })
}

fn no_branch(repo: &Repo, branch: &str) -> OutsideError {
    OutsideError::Refused {
        why: format!("{repo} has no branch {branch}: correct `ref` of the service in the settings"),
    }
}
