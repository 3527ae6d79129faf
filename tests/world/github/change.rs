//! What the host knows of a change: rules of branches, reviews, trees, deployments, contents of workflow files. How
//! tests fill it in stands at the end.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::GitHub;
use super::api::{not_found, refuse};
use super::build::Workflow;
use super::state::{Deployed, Pull, Repo, Reviewed};
use crate::clock::stamp;
use crate::locked;
use crate::serve::{Answer, Call};
use crate::sign::object_id;

/// What a branch demands, in both ways in which GitHub can be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    /// Required checks and approving reviews of a rule set.
    pub rules: (Vec<String>, Option<u32>),
    /// The same of a protected branch.
    pub protection: (Vec<String>, Option<u32>),
    /// Whether our token may not read the protection.
    pub is_hidden: bool,
}

impl GitHub {
    pub(super) fn read_change(&self, repo: &Repo, parts: &[&str], call: &Call) -> Result<Answer, Answer> {
        match parts {
            ["rules", "branches", branch @ ..] => {
                Ok(self.paged(call, None, self.rules_json(repo, &branch.join("/"))))
            }
            ["branches", branch @ .., "protection"] => {
                let branch = branch.join("/");
                if repo.demands.is_hidden {
                    return Err(refuse(403, "Resource not accessible by integration"));
                }
                if !repo.protected.contains(&branch) {
                    return Err(refuse(404, "Branch not protected"));
                }
                Ok(Answer::json(200, &self.protection_json(repo, &branch)))
            }
            ["pulls", number, "reviews"] => {
                let pull = pull(repo, number)?;
                let all =
                    (1..).zip(&pull.reviews).map(|(id, review)| self.review_json(repo, pull, id, review));
                Ok(self.paged(call, None, all.collect()))
            }
            ["pulls", number, "commits"] => {
                let pull = pull(repo, number)?;
                let commits = pull.commits.iter().filter_map(|sha| repo.commits.get(sha));
                Ok(self.paged(call, None, commits.map(|c| self.commit_json(repo, c, false)).collect()))
            }
            ["git", "trees", name] => {
                let commit = repo.resolve(name).ok_or_else(not_found)?;
                let mut all: Vec<(String, String)> = Vec::new();
                for sha in repo.ancestors(&commit.sha) {
                    for file in repo.commits.get(&sha).into_iter().flat_map(|commit| &commit.files) {
                        if !all.iter().any(|(path, _)| path == file) {
                            all.push((file.clone(), object_id(&["blob", file, &sha])));
                        }
                    }
                }
                let entry = |(path, sha): &(String, String)| {
                    let url = format!("{}/git/blobs/{sha}", self.repo_url(repo));
                    json!({"path": path, "mode": "100644", "type": "blob", "sha": sha, "size": 1, "url": url})
                };
                let tree: Vec<Value> = all.iter().map(entry).collect();
                Ok(Answer::json(
                    200,
                    &json!({
                        "sha": object_id(&["tree", &commit.sha]), "tree": tree, "truncated": repo.is_huge,
                        "url": format!("{}/git/trees/{}", self.repo_url(repo), commit.sha),
                    }),
                ))
            }
            ["deployments"] => {
                let (sha, place) = (call.query_value("sha"), call.query_value("environment"));
                let fits = |d: &&Deployed| {
                    sha.as_ref().is_none_or(|sha| *sha == d.sha)
                        && place.as_ref().is_none_or(|place| *place == d.environment)
                };
                let all = repo.deployed.iter().rev().filter(fits).map(|d| self.deployment_json(repo, d));
                Ok(self.paged(call, None, all.collect()))
            }
            ["deployments", id, "statuses"] => {
                let of = repo.deployed.iter().find(|d| d.id.to_string() == *id).ok_or_else(not_found)?;
                let all = (1..)
                    .zip(&of.states)
                    .map(|(number, (state, at))| self.deployment_status_json(repo, of, number, state, *at));
                let mut all: Vec<Value> = all.collect();
                all.reverse();
                Ok(self.paged(call, None, all))
            }
            ["contents", ".github", "workflows", file] => {
                let (_, workflow) =
                    repo.workflows.iter().find(|(_, known)| known.file == *file).ok_or_else(not_found)?;
                Ok(Answer::json(
                    200,
                    &self.contents_json(repo, workflow, &object_id(&[&format!("{workflow:?}")])),
                ))
            }
            _ => Err(not_found()),
        }
    }

    fn rules_json(&self, repo: &Repo, branch: &str) -> Vec<Value> {
        let (checks, reviews) = &repo.demands.rules;
        if branch != repo.default_branch {
            return Vec::new();
        }
        let of = |kind: &str, parameters: Value| {
            json!({
                "type": kind, "parameters": parameters, "ruleset_source_type": "Repository",
                "ruleset_source": repo.full_name, "ruleset_id": 42,
            })
        };
        let mut rules = Vec::new();
        if !checks.is_empty() {
            let checks: Vec<Value> = checks.iter().map(|name| json!({"context": name})).collect();
            rules.push(of(
                "required_status_checks",
                json!({"required_status_checks": checks, "strict_required_status_checks_policy": false}),
            ));
        }
        if let Some(count) = reviews {
            rules.push(of(
                "pull_request",
                json!({
                    "dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
                    "require_last_push_approval": false, "required_approving_review_count": count,
                    "required_review_thread_resolution": false,
                }),
            ));
        }
        rules
    }

    fn protection_json(&self, repo: &Repo, branch: &str) -> Value {
        let (checks, reviews) = &repo.demands.protection;
        let url = format!("{}/branches/{branch}/protection", self.repo_url(repo));
        let mut json =
            json!({"url": url, "enforce_admins": {"url": format!("{url}/enforce_admins"), "enabled": false}});
        if !checks.is_empty() {
            json["required_status_checks"] = self.required_checks_json(checks);
        }
        if let Some(count) = reviews {
            json["required_pull_request_reviews"] = json!({
                "url": format!("{url}/required_pull_request_reviews"), "dismiss_stale_reviews": false,
                "require_code_owner_reviews": false, "required_approving_review_count": count,
            });
        }
        json
    }

    /// What a branch says itself of its required checks.
    pub(super) fn required_checks_json(&self, names: &[String]) -> Value {
        let checks: Vec<Value> = names.iter().map(|name| json!({"context": name, "app_id": null})).collect();
        json!({"enforcement_level": "non_admins", "contexts": names, "checks": checks})
    }

    fn review_json(&self, repo: &Repo, pull: &Pull, id: u64, review: &Reviewed) -> Value {
        let url = format!("{}/pulls/{}", self.repo_url(repo), pull.number);
        let html = format!("{}/{}/pull/{}#pullrequestreview-{id}", self.url(), repo.full_name, pull.number);
        let mut user = self.user_json(&review.login);
        if review.login.ends_with("[bot]") {
            user["type"] = json!("Bot");
        }
        json!({
            "id": id, "node_id": format!("PRR_{id}"), "user": user, "body": "", "state": review.state,
            "html_url": html, "pull_request_url": url, "author_association": review.association,
            "_links": {"html": {"href": html}, "pull_request": {"href": url}},
            "submitted_at": stamp(1_600_000_000 + i64::try_from(id).unwrap_or(0)), "commit_id": review.commit,
        })
    }

    fn deployment_json(&self, repo: &Repo, of: &Deployed) -> Value {
        let url = format!("{}/deployments/{}", self.repo_url(repo), of.id);
        json!({
            "url": url, "id": of.id, "node_id": format!("DE_{}", of.id), "sha": of.sha, "ref": "main",
            "task": "deploy", "payload": {}, "original_environment": of.environment,
            "environment": of.environment, "description": null, "creator": self.user_json("octocat"),
            "created_at": stamp(of.at), "updated_at": stamp(of.at), "statuses_url": format!("{url}/statuses"),
            "repository_url": self.repo_url(repo), "transient_environment": false,
            "production_environment": false,
        })
    }

    fn deployment_status_json(&self, repo: &Repo, of: &Deployed, id: u64, state: &str, at: i64) -> Value {
        let deployment = format!("{}/deployments/{}", self.repo_url(repo), of.id);
        json!({
            "url": format!("{deployment}/statuses/{id}"), "id": id, "node_id": format!("DES_{id}"), "state": state,
            "creator": self.user_json("octocat"), "description": "", "environment": of.environment,
            "target_url": "", "created_at": stamp(at), "updated_at": stamp(at), "deployment_url": deployment,
            "repository_url": self.repo_url(repo), "environment_url": "", "log_url": "",
        })
    }

    fn contents_json(&self, repo: &Repo, workflow: &Workflow, sha: &str) -> Value {
        let file = &workflow.file;
        let content = BASE64_STANDARD.encode(workflow.to_yaml());
        let (url, path) = (self.repo_url(repo), format!(".github/workflows/{file}"));
        let (here, html) = (format!("{url}/contents/{path}"), format!("{}/{}", self.url(), repo.full_name));
        let (blob, page) = (format!("{url}/git/blobs/{sha}"), format!("{html}/blob/main/{path}"));
        json!({
            "type": "file", "encoding": "base64", "size": 2, "name": file, "path": path, "content": content,
            "sha": sha, "url": here, "git_url": blob, "html_url": page, "download_url": null,
            "_links": {"git": blob, "self": here, "html": page},
        })
    }

    /// Says what the rule sets of the main branch demand: checks, and approving reviews.
    pub fn set_rules(&self, repo: &str, checks: &[&str], reviews: Option<u32>) {
        let checks = checks.iter().map(|name| (*name).to_owned()).collect();
        self.in_repo(repo, |repo| repo.demands.rules = (checks, reviews));
    }

    /// Says what the protection of the main branch demands, and whether our token may read it.
    pub fn set_protection(&self, repo: &str, checks: &[&str], reviews: Option<u32>, is_hidden: bool) {
        let checks = checks.iter().map(|name| (*name).to_owned()).collect();
        self.in_repo(repo, |repo| {
            repo.demands.protection = (checks, reviews);
            repo.demands.is_hidden = is_hidden;
        });
    }

    /// A review of a pull request: `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED` or `DISMISSED`, of a commit.
    pub fn review(&self, repo: &str, number: u64, login: &str, state: &str, commit: &str) {
        self.review_as(repo, number, login, state, commit, "MEMBER");
    }

    /// The same by somebody who stands otherwise to the repository: `NONE`, `CONTRIBUTOR`, …
    pub fn review_as(
        &self,
        repo: &str,
        number: u64,
        login: &str,
        state: &str,
        commit: &str,
        association: &str,
    ) {
        let review = Reviewed {
            login: login.to_owned(),
            state: state.to_owned(),
            commit: commit.to_owned(),
            association: association.to_owned(),
        };
        self.in_repo(repo, |repo| {
            let pull = repo.pulls.iter_mut().find(|pull| pull.number == number);
            pull.expect("add_pull made it").reviews.push(review);
        });
    }

    /// Says which files a commit changed.
    pub fn set_files(&self, repo: &str, sha: &str, files: &[String]) {
        self.in_repo(repo, |repo| {
            repo.commits.get_mut(sha).expect("a commit").files = files.to_vec();
        });
    }

    /// Whether lists of all files are cut off.
    pub fn set_huge(&self, repo: &str, is_huge: bool) {
        self.in_repo(repo, |repo| repo.is_huge = is_huge);
    }

    /// A deployment that somebody else made, with its states in their order.
    pub fn add_deployment(&self, repo: &str, sha: &str, environment: &str, states: &[&str]) {
        let id = locked(&self.0.state).serial();
        let at = self.config().clock.now_seconds();
        let states = states.iter().map(|state| ((*state).to_owned(), at)).collect();
        let deployed = Deployed { id, sha: sha.to_owned(), environment: environment.to_owned(), at, states };
        self.in_repo(repo, |repo| repo.deployed.push(deployed));
    }
}

fn pull<'a>(repo: &'a Repo, number: &str) -> Result<&'a Pull, Answer> {
    repo.pulls.iter().find(|pull| pull.number.to_string() == number).ok_or_else(not_found)
}
