//! How things look in GitHub's JSON. Field names and shapes are held against the vendor's description by tests.

use serde_json::{Map, Value, json};

use super::GitHub;
use super::state::{Check, Commit, Job, Pull, Repo, Run, Step, Tag};
use crate::clock::stamp;
use crate::sign::object_id;

/// Links of a repository whose address is just its name with a suffix.
const REPO_LINKS: [(&str, &str); 36] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

const USER_LINKS: [&str; 9] = [
    "events",
    "followers",
    "following",
    "gists",
    "organizations",
    "received_events",
    "repos",
    "starred",
    "subscriptions",
];

impl GitHub {
    pub(super) fn repo_url(&self, repo: &Repo) -> String {
        format!("{}/repos/{}", self.url(), repo.full_name)
    }

    fn html_url(&self, repo: &Repo) -> String {
        format!("{}/{}", self.url(), repo.full_name)
    }

    pub(super) fn user_json(&self, login: &str) -> Value {
        let url = format!("{}/users/{login}", self.url());
        let id = login.bytes().fold(1000_u64, |id, byte| id * 7 % 1_000_003 + u64::from(byte));
        let mut user = json!({
            "login": login, "id": id, "node_id": format!("U_{login}"), "gravatar_id": "", "url": url,
            "avatar_url": format!("{}/avatars/{login}.png", self.url()),
            "html_url": format!("{}/{login}", self.url()), "type": "User", "site_admin": false,
        });
        for name in USER_LINKS {
            user[format!("{name}_url")] = json!(format!("{url}/{name}"));
        }
        user
    }

    /// The short form of a repository that is nested in other objects.
    pub(super) fn small_repo_json(&self, repo: &Repo) -> Value {
        let (url, html) = (self.repo_url(repo), self.html_url(repo));
        let (owner, name) = repo.full_name.split_once('/').unwrap_or(("", &repo.full_name));
        let mut json = Map::new();
        for (link, suffix) in REPO_LINKS {
            json.insert(link.to_owned(), json!(format!("{url}{suffix}")));
        }
        let mut own = json!({
            "id": repo.id, "node_id": format!("R_{}", repo.id), "name": name, "full_name": repo.full_name,
            "private": true, "owner": self.user_json(owner), "html_url": html, "description": null, "fork": false,
            "url": url,
        });
        if let Some(own) = own.as_object_mut() {
            json.append(own);
        }
        Value::Object(json)
    }

    pub(super) fn repo_json(&self, repo: &Repo) -> Value {
        let html = self.html_url(repo);
        let mut json = self.small_repo_json(repo);
        let more = json!({
            "clone_url": format!("{html}.git"), "git_url": format!("git://127.0.0.1/{}.git", repo.full_name),
            "ssh_url": format!("git@127.0.0.1:{}.git", repo.full_name), "svn_url": html, "mirror_url": null,
            "homepage": null, "language": null, "forks_count": 0, "forks": 0, "stargazers_count": 0,
            "watchers_count": 0, "watchers": 0, "size": 1, "default_branch": repo.default_branch,
            "open_issues_count": 0, "open_issues": 0, "has_issues": true, "has_projects": false, "has_wiki": false,
            "has_pages": false, "has_downloads": true, "has_discussions": false, "archived": false,
            "disabled": false, "visibility": "private", "pushed_at": stamp(1_600_000_000),
            "created_at": stamp(1_600_000_000), "updated_at": stamp(1_600_000_000),
            "permissions": {"admin": false, "maintain": false, "push": true, "triage": true, "pull": true},
            "license": null, "network_count": 0, "subscribers_count": 0, "topics": [], "is_template": false,
        });
        if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
            json.extend(more);
        }
        json
    }

    pub(super) fn ref_json(&self, repo: &Repo, name: &str) -> Option<Value> {
        let name = name.trim_start_matches("refs/");
        let url = self.repo_url(repo);
        let (kind, sha) = match name.split_once('/')? {
            ("heads", branch) => ("commit", repo.branches.get(branch)?.clone()),
            ("tags", tag) => match repo.tags.get(tag)? {
                Tag { annotated: Some((object, _)), .. } => ("tag", object.clone()),
                Tag { commit, .. } => ("commit", commit.clone()),
            },
            _ => return None,
        };
        Some(json!({
            "ref": format!("refs/{name}"), "node_id": format!("REF_{}", object_id(&[name])),
            "url": format!("{url}/git/refs/{name}"),
            "object": {"type": kind, "sha": sha, "url": format!("{url}/git/{kind}s/{sha}")},
        }))
    }

    pub(super) fn tag_object_json(&self, repo: &Repo, name: &str, tag: &Tag) -> Value {
        let url = self.repo_url(repo);
        let (object, message) = tag.annotated.clone().unwrap_or_default();
        json!({
            "node_id": format!("TAG_{object}"), "tag": name, "sha": object, "message": message,
            "url": format!("{url}/git/tags/{object}"), "tagger": signature("octocat", 1_600_000_000),
            "object": {"type": "commit", "sha": tag.commit, "url": format!("{url}/git/commits/{}", tag.commit)},
            "verification": unsigned(),
        })
    }

    pub(super) fn tag_json(&self, repo: &Repo, name: &str, tag: &Tag) -> Value {
        let (url, html, sha) = (self.repo_url(repo), self.html_url(repo), &tag.commit);
        json!({
            "name": name, "commit": {"sha": sha, "url": format!("{url}/commits/{sha}")},
            "zipball_url": format!("{html}/zipball/{name}"), "tarball_url": format!("{html}/tarball/{name}"),
            "node_id": format!("REF_{name}"),
        })
    }

    pub(super) fn branch_json(&self, repo: &Repo, name: &str, full: bool) -> Option<Value> {
        let commit = repo.commits.get(repo.branches.get(name)?)?;
        let url = self.repo_url(repo);
        let protected = repo.protected.iter().any(|known| known == name);
        let protection_url = format!("{url}/branches/{name}/protection");
        let mut json = json!({
            "name": name, "commit": {"sha": commit.sha, "url": format!("{url}/commits/{}", commit.sha)},
            "protected": protected, "protection_url": protection_url,
        });
        if full {
            json["commit"] = self.commit_json(repo, commit, false);
            json["_links"] = json!({"html": format!("{}/tree/{name}", self.html_url(repo)), "self": format!("{url}/branches/{name}")});
            let checks = self.required_checks_json(&repo.demands.protection.0);
            json["protection"] =
                json!({"enabled": protected, "url": protection_url, "required_status_checks": checks});
        }
        Some(json)
    }

    pub(super) fn commit_json(&self, repo: &Repo, commit: &Commit, full: bool) -> Value {
        let (url, html, sha) = (self.repo_url(repo), self.html_url(repo), &commit.sha);
        let user = self.user_json(&commit.login);
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|p| json!({"sha": p, "url": format!("{url}/commits/{p}"), "html_url": format!("{html}/commit/{p}")}))
            .collect();
        let tree = object_id(&["tree", sha]);
        let mut json = json!({
            "sha": sha, "node_id": format!("C_{sha}"), "url": format!("{url}/commits/{sha}"),
            "html_url": format!("{html}/commit/{sha}"), "comments_url": format!("{url}/commits/{sha}/comments"),
            "author": user, "committer": user, "parents": parents,
            "commit": {
                "url": format!("{url}/git/commits/{sha}"), "message": commit.message, "comment_count": 0,
                "author": signature(&commit.login, commit.at), "committer": signature(&commit.login, commit.at),
                "tree": {"sha": tree, "url": format!("{url}/git/trees/{tree}")}, "verification": unsigned(),
            },
        });
        if full {
            let files: Vec<Value> = commit.files.iter().map(|file| self.file_json(repo, sha, file)).collect();
            json["stats"] = json!({"additions": 3, "deletions": 1, "total": 4});
            json["files"] = json!(files);
        }
        json
    }

    pub(super) fn git_commit_json(&self, repo: &Repo, commit: &Commit) -> Value {
        let full = self.commit_json(repo, commit, false);
        let mut json = full["commit"].clone();
        for name in ["sha", "node_id", "html_url", "parents"] {
            json[name] = full[name].clone();
        }
        json
    }

    pub(super) fn file_json(&self, repo: &Repo, sha: &str, file: &str) -> Value {
        let (url, html) = (self.repo_url(repo), self.html_url(repo));
        json!({
            "sha": object_id(&["blob", file, sha]), "filename": file, "status": "modified", "additions": 3,
            "deletions": 1, "changes": 4, "blob_url": format!("{html}/blob/{sha}/{file}"),
            "raw_url": format!("{html}/raw/{sha}/{file}"), "contents_url": format!("{url}/contents/{file}?ref={sha}"),
            "patch": "@@ -1 +1,3 @@",
        })
    }

    pub(super) fn check_json(&self, repo: &Repo, sha: &str, check: &Check) -> Value {
        let (url, html, id) = (self.repo_url(repo), self.html_url(repo), check.id);
        let done = check.conclusion.is_some();
        json!({
            "id": id, "node_id": format!("CR_{id}"), "head_sha": sha, "name": check.name, "external_id": "",
            "url": format!("{url}/check-runs/{id}"), "html_url": format!("{html}/runs/{id}"),
            "details_url": format!("{html}/runs/{id}"), "status": if done { "completed" } else { "in_progress" },
            "conclusion": check.conclusion, "started_at": stamp(1_600_000_000),
            "completed_at": done.then(|| stamp(1_600_000_060)), "check_suite": {"id": 1}, "app": null,
            "pull_requests": [],
            "output": {
                "title": null, "summary": null, "text": null, "annotations_count": 0,
                "annotations_url": format!("{url}/check-runs/{id}/annotations"),
            },
        })
    }

    pub(super) fn status_json(&self, repo: &Repo, sha: &str, context: &str, state: &str) -> Value {
        json!({
            "url": format!("{}/statuses/{sha}", self.repo_url(repo)), "id": 1, "node_id": "SC_1", "state": state,
            "description": null, "target_url": null, "context": context, "created_at": stamp(1_600_000_000),
            "updated_at": stamp(1_600_000_000), "avatar_url": null,
        })
    }

    pub(super) fn pull_json(&self, repo: &Repo, pull: &Pull) -> Value {
        let (url, html, number) = (self.repo_url(repo), self.html_url(repo), pull.number);
        let here = format!("{url}/pulls/{number}");
        let side = |label: &str, sha: &str| {
            json!({
                "label": label, "ref": label, "sha": sha, "user": self.user_json(&pull.login),
                "repo": self.repo_json(repo),
            })
        };
        let link = |href: &str| json!({ "href": href });
        json!({
            "id": 5000 + number, "node_id": format!("PR_{number}"), "number": number, "title": pull.title,
            "state": "closed", "locked": false, "user": self.user_json(&pull.login), "body": null, "labels": [],
            "milestone": null, "assignee": null, "assignees": [], "requested_reviewers": [], "requested_teams": [],
            "created_at": stamp(1_600_000_000), "updated_at": stamp(1_600_000_000),
            "closed_at": stamp(1_600_000_000), "merged_at": stamp(1_600_000_000), "merge_commit_sha": pull.sha,
            "url": here, "html_url": format!("{html}/pull/{number}"), "diff_url": format!("{html}/pull/{number}.diff"),
            "patch_url": format!("{html}/pull/{number}.patch"), "issue_url": format!("{url}/issues/{number}"),
            "commits_url": format!("{here}/commits"), "review_comments_url": format!("{here}/comments"),
            "review_comment_url": format!("{url}/pulls/comments{{/number}}"),
            "comments_url": format!("{url}/issues/{number}/comments"),
            "statuses_url": format!("{url}/statuses/{}", pull.sha), "head": side("topic", &pull.sha),
            "base": side(&repo.default_branch, &pull.sha), "author_association": "MEMBER", "auto_merge": null,
            "draft": false,
            "_links": {
                "self": link(&here), "html": link(&format!("{html}/pull/{number}")),
                "issue": link(&format!("{url}/issues/{number}")),
                "comments": link(&format!("{url}/issues/{number}/comments")),
                "review_comments": link(&format!("{here}/comments")),
                "review_comment": link(&format!("{url}/pulls/comments{{/number}}")),
                "commits": link(&format!("{here}/commits")),
                "statuses": link(&format!("{url}/statuses/{}", pull.sha)),
            },
        })
    }

    pub(super) fn workflow_json(&self, repo: &Repo, id: u64, workflow: &super::Workflow) -> Value {
        let (url, html, file) = (self.repo_url(repo), self.html_url(repo), &workflow.file);
        json!({
            "id": id, "node_id": format!("W_{id}"), "name": workflow.name,
            "path": format!(".github/workflows/{file}"),
            "state": if workflow.disabled { "disabled_manually" } else { "active" },
            "created_at": stamp(1_600_000_000), "updated_at": stamp(1_600_000_000),
            "url": format!("{url}/actions/workflows/{id}"),
            "html_url": format!("{html}/blob/{}/.github/workflows/{file}", repo.default_branch),
            "badge_url": format!("{html}/workflows/{file}/badge.svg"),
        })
    }

    pub(super) fn run_json(&self, repo: &Repo, run: &Run) -> Value {
        let (url, html, id) = (self.repo_url(repo), self.html_url(repo), run.id);
        let here = format!("{url}/actions/runs/{id}");
        let workflow = repo.workflows.iter().find(|(_, workflow)| workflow.file == run.workflow);
        let (workflow_id, name) = workflow.map_or((0, ""), |(id, workflow)| (*id, workflow.name.as_str()));
        let head = repo.commits.get(&run.sha);
        let actor = self.user_json("shipgate[bot]");
        let repository = self.small_repo_json(repo);
        let previous = (run.attempt > 1).then(|| format!("{here}/attempts/{}", run.attempt - 1));
        json!({
            "id": id, "name": name, "node_id": format!("WFR_{id}"), "check_suite_id": id,
            "check_suite_node_id": format!("CS_{id}"), "head_branch": run.git_ref, "head_sha": run.sha,
            "path": format!(".github/workflows/{}@{}", run.workflow, run.git_ref), "run_number": run.number,
            "event": run.event, "display_title": run.title, "status": run.status, "conclusion": run.conclusion,
            "workflow_id": workflow_id, "url": here, "html_url": format!("{html}/actions/runs/{id}"),
            "pull_requests": [], "created_at": stamp(run.created), "updated_at": stamp(run.updated),
            "actor": actor, "run_attempt": run.attempt, "referenced_workflows": [],
            "run_started_at": stamp(run.started), "triggering_actor": actor, "jobs_url": format!("{here}/jobs"),
            "logs_url": format!("{here}/logs"), "check_suite_url": format!("{url}/check-suites/{id}"),
            "artifacts_url": format!("{here}/artifacts"), "cancel_url": format!("{here}/cancel"),
            "rerun_url": format!("{here}/rerun"), "previous_attempt_url": previous,
            "workflow_url": format!("{url}/actions/workflows/{workflow_id}"),
            "head_commit": head.map(|commit| json!({
                "id": commit.sha, "tree_id": object_id(&["tree", &commit.sha]), "message": commit.message,
                "timestamp": stamp(commit.at), "author": person(&commit.login), "committer": person(&commit.login),
            })),
            "repository": repository, "head_repository": repository,
        })
    }

    pub(super) fn job_json(&self, repo: &Repo, run: &Run, job: &Job, attempt: u32) -> Value {
        let (url, html, id) = (self.repo_url(repo), self.html_url(repo), job.id);
        let begun = job.status != "queued";
        let workflow = repo.workflows.iter().find(|(_, workflow)| workflow.file == run.workflow);
        let started = job.started.unwrap_or(run.created);
        let completed = job.completed.map(stamp);
        let steps: Vec<Value> = job
            .steps
            .iter()
            .zip(1..)
            .map(|(step, number): (&Step, u64)| {
                json!({
                    "name": step.name, "status": step.status, "conclusion": step.conclusion, "number": number,
                    "started_at": begun.then(|| stamp(started)), "completed_at": completed,
                })
            })
            .collect();
        json!({
            "id": id, "run_id": run.id, "run_attempt": attempt, "node_id": format!("CR_{id}"),
            "run_url": format!("{url}/actions/runs/{}", run.id), "head_sha": run.sha, "head_branch": run.git_ref,
            "workflow_name": workflow.map(|(_, workflow)| &workflow.name), "name": job.name,
            "url": format!("{url}/actions/jobs/{id}"),
            "html_url": format!("{html}/actions/runs/{}/job/{id}", run.id), "status": job.status,
            "conclusion": job.conclusion, "created_at": stamp(run.created), "started_at": stamp(started),
            "completed_at": completed, "steps": steps, "check_run_url": format!("{url}/check-runs/{id}"),
            "labels": ["ubuntu-latest"], "runner_id": begun.then_some(1), "runner_name": begun.then_some("runner 1"),
            "runner_group_id": begun.then_some(1), "runner_group_name": begun.then_some("Default"),
        })
    }
}

fn person(login: &str) -> Value {
    json!({"name": login, "email": format!("{login}@example.test")})
}

fn signature(login: &str, at: i64) -> Value {
    json!({"name": login, "email": format!("{login}@example.test"), "date": stamp(at)})
}

fn unsigned() -> Value {
    json!({"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null})
}
