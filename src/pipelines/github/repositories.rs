//! Versions, ancestry and differences of a repository on GitHub. Not here: its checks (`checks`), what follows from them.

use super::GitHub;
use super::client::{Repo, in_path};
use super::limits::Urgency::{Display, Needed};
use super::models::{Commit, Compared, Pull, Reference, Tag};
use crate::refs::{looks_like_a_commit, named};
use crate::text::{by_version, inert, pull_of, title_of};
use async_trait::async_trait;
use futures_util::future::join_all;
use http::Method;
use shipgate_app::ports::{Comparison, OutsideError, Recent, Repositories, Resolved};
use shipgate_domain::facts::{Change, Check, Pin, RefKind, Reviews, SeenThere, Writer};
use shipgate_domain::ids::{Account, CommitId, Platform, Version};
use std::time::Duration;
use tokio::time::timeout;

pub(super) const PAGE: usize = 100;
/// A list of versions is for a form, which can be opened within three seconds. Without it, people type the version.
const LIST_TIME: Duration = Duration::from_millis(1500);
/// Pages of tags that are sorted for such a list.
const TAG_PAGES: usize = 5;
const MOST_COMMITS: usize = 250;
/// Commits whose pull request is asked for, when their message does not name it.
const PULLS_ASKED: usize = 20;

#[async_trait]
impl Repositories for GitHub {
    async fn resolve(&self, repo: &str, version: &Version) -> Result<Resolved, OutsideError> {
        let repo = Repo::parse(repo)?;
        let word = in_path(version.as_str());
        let tag = self.reference(&repo, &format!("/git/ref/tags/{word}")).await?;
        let branch = self.reference(&repo, &format!("/git/ref/heads/{word}")).await?;
        let (sha, kind) = match named(&repo, version, tag, branch) {
            Ok(Some(named)) => named,
            Ok(None) if looks_like_a_commit(version) => {
                (version.as_str().to_ascii_lowercase(), RefKind::Commit)
            }
            Ok(None) => return self.unknown(&repo).await,
            Err(what) => return Ok(Resolved::Ambiguous { what }),
        };
        let read: Option<Commit> = self.client.find(&repo, &format!("/commits/{sha}"), Needed).await?;
        // A prefix could name something else than a commit that starts with it.
        match read.filter(|commit| commit.sha.starts_with(&sha)) {
            Some(commit) => Ok(Resolved::Pin(Pin {
                commit: commit_id(&commit.sha)?,
                kind,
                title: title_of(&commit.commit.message),
                author: author(&commit),
            })),
            None => self.unknown(&repo).await,
        }
    }

    async fn is_reachable(&self, repo: &str, commit: &CommitId, branch: &str) -> Result<bool, OutsideError> {
        let repo = Repo::parse(repo)?;
        let rest = format!("/compare/{}...{commit}?per_page=1", in_path(branch));
        let compared: Option<Compared> = self.client.find(&repo, &rest, Needed).await?;
        // “behind” and “identical” mean that the branch contains the commit. GitHub also answers about commits of
        // forks; those are “ahead” or “diverged”.
        match compared {
            Some(compared) => Ok(matches!(compared.status.as_str(), "behind" | "identical")),
            // GitHub compares nothing without a common ancestor. A branch that exists does not hold such a commit.
            None => match self.reference(&repo, &format!("/git/ref/heads/{}", in_path(branch))).await? {
                Some(_) => Ok(false),
                None => Err(OutsideError::Refused {
                    why: format!(
                        "{repo} has no branch {branch}: correct `ref` of the service in the settings"
                    ),
                }),
            },
        }
    }

    async fn compare(
        &self,
        repo: &str,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<Comparison, OutsideError> {
        let repo = Repo::parse(repo)?;
        let page = |number: usize| format!("/compare/{base}...{head}?per_page={PAGE}&page={number}");
        let first: Option<Compared> = self.client.find(&repo, &page(1), Needed).await?;
        let Some(first) = first else {
            return Err(OutsideError::Refused {
                why: format!(
                    "GitHub cannot compare {} with {} in {repo}: one of them is gone",
                    base.short(),
                    head.short()
                ),
            });
        };
        let total = first.total_commits.or(first.ahead_by).unwrap_or(first.commits.len() as u64);
        let last = usize::try_from(total).unwrap_or(usize::MAX).div_ceil(PAGE);
        let (behind, url) =
            (first.behind_by.unwrap_or(0), first.html_url.as_deref().map(|url| inert(url, 300)));
        // GitHub lists the oldest commit first.
        let mut commits = first.commits;
        for number in last.saturating_sub(2).max(2)..=last {
            commits.extend(self.client.get::<Compared>(&repo, &page(number), Display).await?.commits);
        }
        commits.drain(..commits.len().saturating_sub(MOST_COMMITS));
        let mut changes = Vec::with_capacity(commits.len());
        for commit in commits.iter().rev() {
            changes.push(change(commit)?);
        }
        self.add_pulls(&repo, &mut changes).await;
        Ok(Comparison { commits: changes, total, behind, url })
    }

    async fn checks(&self, repo: &str, commit: &CommitId) -> Result<Vec<Check>, OutsideError> {
        self.checks_of(repo, commit).await
    }

    async fn members(&self, team: &str, repos: &[String]) -> Result<Vec<Account>, OutsideError> {
        self.team_members(team, repos).await
    }

    async fn recent(&self, repo: &str, limit: usize) -> Result<Vec<Recent>, OutsideError> {
        let repo = Repo::parse(repo)?;
        let late = || OutsideError::Later { why: "GitHub is slow to list versions".into(), after: None };
        let mut tags: Vec<Tag> = timeout(LIST_TIME, self.newest_tags(&repo)).await.map_err(|_| late())??;
        // GitHub sorts tags by name, not by age; dates of tags can be set by anybody.
        tags.sort_by(|a, b| by_version(&b.name, &a.name));
        let read = |tag: &Tag| {
            Some(Recent { version: tag.name.parse().ok()?, commit: tag.commit.sha.parse().ok()? })
        };
        Ok(tags.iter().filter_map(read).take(limit).collect())
    }

    async fn required_checks(&self, repo: &str, branch: &str) -> Result<Vec<String>, OutsideError> {
        self.checks_required(repo, branch).await
    }

    async fn reviews(
        &self,
        repo: &str,
        branch: &str,
        commits: &[CommitId],
        is_demand_read: bool,
    ) -> Result<Reviews, OutsideError> {
        self.reviews_of(repo, branch, commits, is_demand_read).await
    }

    async fn changed_files(
        &self,
        repo: &str,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<Vec<String>, OutsideError> {
        self.files_changed(repo, base, head).await
    }

    async fn seen(
        &self,
        repo: &str,
        commit: &CommitId,
        environment: &str,
    ) -> Result<SeenThere, OutsideError> {
        self.deployment_seen(repo, commit, environment).await
    }

    async fn workflow(&self, repo: &str, branch: &str, file: &str) -> Result<Option<String>, OutsideError> {
        self.workflow_file(repo, branch, file).await
    }
}

impl GitHub {
    /// The first pages of tags: GitHub lists v0.9.0 before v0.10.0, so the newest need not be on the first one.
    async fn newest_tags(&self, repo: &Repo) -> Result<Vec<Tag>, OutsideError> {
        let mut tags: Vec<Tag> = Vec::new();
        for number in 1..=TAG_PAGES {
            let page: Vec<Tag> =
                self.client.get(repo, &format!("/tags?per_page={PAGE}&page={number}"), Display).await?;
            let is_last = page.len() < PAGE;
            tags.extend(page);
            if is_last {
                break;
            }
        }
        Ok(tags)
    }

    /// The commit that a reference names; annotated tags are followed. `None` when there is no such reference.
    pub(super) async fn reference(&self, repo: &Repo, rest: &str) -> Result<Option<String>, OutsideError> {
        let Some(found) = self.client.find::<Reference>(repo, rest, Needed).await? else { return Ok(None) };
        let mut target = found.object;
        for _ in 0..5 {
            match target.kind.as_str() {
                "commit" => return Ok(Some(target.sha)),
                "tag" => {
                    let rest = format!("/git/tags/{}", in_path(&target.sha));
                    target = self.client.get::<Reference>(repo, &rest, Needed).await?.object;
                }
                _ => break,
            }
        }
        let why = format!("this tag of {repo} names no commit: choose another version");
        Err(OutsideError::Refused { why })
    }

    /// Nothing has this name, unless the whole repository cannot be seen: then that is the answer.
    async fn unknown(&self, repo: &Repo) -> Result<Resolved, OutsideError> {
        let answer = self.client.ask(Method::GET, repo, "", None, Needed).await?;
        self.client.expect(&answer, repo).map(|_| Resolved::Unknown)
    }

    /// Asks for the pull requests of the newest commits whose messages do not name one. Only a nicety: no errors.
    async fn add_pulls(&self, repo: &Repo, changes: &mut [Change]) {
        let mut open: Vec<&mut Change> =
            changes.iter_mut().filter(|change| change.pull.is_none()).take(PULLS_ASKED).collect();
        for some in open.chunks_mut(5) {
            let asked = some.iter().map(|change| {
                let rest = format!("/commits/{}/pulls?per_page=10", change.commit);
                async move { self.client.find::<Vec<Pull>>(repo, &rest, Display).await }
            });
            let answers = join_all(asked).await;
            for (change, pulls) in some.iter_mut().zip(answers) {
                match pulls {
                    Ok(pulls) => {
                        if let Some(pull) = pulls.into_iter().flatten().find(|pull| pull.merged_at.is_some())
                        {
                            change.pull = Some(pull.number);
                            change.title =
                                pull.title.map_or_else(|| change.title.clone(), |t| inert(&t, 200));
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%repo, "pull requests are left out of a comparison: {error}");
                        return;
                    }
                }
            }
        }
    }
}

fn commit_id(sha: &str) -> Result<CommitId, OutsideError> {
    sha.parse()
        .map_err(|_| OutsideError::Later { why: "GitHub named a commit that is not one".into(), after: None })
}

fn author(commit: &Commit) -> String {
    let login = commit.author.as_ref().and_then(|user| user.login.as_deref());
    let name = commit.commit.author.as_ref().and_then(|signature| signature.name.as_deref());
    inert(login.or(name).unwrap_or("unknown"), 80)
}

fn change(commit: &Commit) -> Result<Change, OutsideError> {
    let message = &commit.commit.message;
    let (pull, title) = match pull_of(message) {
        Some((number, title)) => (Some(number), title),
        None => (None, title_of(message)),
    };
    Ok(Change {
        commit: commit_id(&commit.sha)?,
        title,
        author: author(commit),
        pull,
        writers: writers(commit),
    })
}

/// Everybody who wrote a commit: its author, and those whom its message names as co-authors.
fn writers(commit: &Commit) -> Vec<Writer> {
    let numbered = |id: Option<u64>| id.map(Account::github_number);
    let named = |login: &str| Account { platform: Platform::Github, id: login.to_owned() };
    let user = commit.author.as_ref();
    let accounts = numbered(user.and_then(|user| user.id)).into_iter();
    let accounts = accounts.chain(user.and_then(|user| user.login.as_deref()).map(named)).collect();
    let mut writers = vec![Writer { name: author(commit), accounts }];
    for line in commit.commit.message.lines() {
        let Some((trailer, rest)) = line.split_once(':') else { continue };
        if !trailer.trim().eq_ignore_ascii_case("co-authored-by") {
            continue;
        }
        let (name, email) = rest.split_once('<').unwrap_or((rest, ""));
        // GitHub's own addresses hold the number of the account.
        let local = email.trim().trim_end_matches('>').strip_suffix("@users.noreply.github.com");
        let parts = local.and_then(|local| local.split_once('+'));
        let accounts = match parts.and_then(|(id, login)| Some((id.parse::<u64>().ok()?, login))) {
            Some((id, login)) => vec![Account::github_number(id), named(login)],
            None => Vec::new(),
        };
        writers.push(Writer { name: inert(name.trim(), 80), accounts });
    }
    writers
}
