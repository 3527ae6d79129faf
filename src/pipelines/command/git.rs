//! Git repositories on this machine as a code host. Fixed arguments, no shell, no hooks, no questions. Not here:
//! fetching or changing anything.

use super::{CommandPipelines, GIT_ANSWER};
use crate::refs::{looks_like_a_commit, named};
use crate::text::{by_version, inert, pull_of, title_of};
use async_trait::async_trait;
use shipgate_app::ports::{Comparison, OutsideError, Recent, Repositories, Resolved};
use shipgate_domain::facts::{Change, Check, Pin, RefKind};
use shipgate_domain::ids::{CommitId, Version};
use std::process::Stdio;

/// Between the parts of a record in what Git prints; no name or title can hold it.
const PART: char = '\u{1f}';

#[async_trait]
impl Repositories for CommandPipelines {
    async fn resolve(&self, repo: &str, version: &Version) -> Result<Resolved, OutsideError> {
        let tag = self.commit_of(repo, &format!("refs/tags/{version}")).await?;
        let branch = self.commit_of(repo, &format!("refs/heads/{version}")).await?;
        let word = version.as_str();
        let (commit, kind) = match named(repo, version, tag, branch) {
            Ok(Some(named)) => named,
            Ok(None) if looks_like_a_commit(version) => match self.commit_of(repo, word).await? {
                Some(commit) if commit.as_str().starts_with(&word.to_ascii_lowercase()) => {
                    (commit, RefKind::Commit)
                }
                _ => return Ok(Resolved::Unknown),
            },
            Ok(None) => return Ok(Resolved::Unknown),
            Err(what) => return Ok(Resolved::Ambiguous { what }),
        };
        let format = format!("--format=%s{PART}%an");
        let shown =
            self.git(repo, &["log", "-1", &format, "--end-of-options", commit.as_str()]).await?.text(repo)?;
        let (title, author) = shown.trim_end().split_once(PART).unwrap_or_default();
        Ok(Resolved::Pin(Pin { commit, kind, title: title_of(title), author: inert(author, 80) }))
    }

    async fn is_reachable(&self, repo: &str, commit: &CommitId, branch: &str) -> Result<bool, OutsideError> {
        let Some(head) = self.commit_of(repo, &format!("refs/heads/{branch}")).await? else {
            let why = format!("{repo} has no branch {}: correct `ref` in shipgate.toml", inert(branch, 100));
            return Err(OutsideError::Refused { why });
        };
        let arguments = ["merge-base", "--is-ancestor", "--end-of-options", commit.as_str(), head.as_str()];
        let answer = self.git(repo, &arguments).await?;
        match answer.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(answer.error(repo)),
        }
    }

    async fn compare(
        &self,
        repo: &str,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<Comparison, OutsideError> {
        let total = self.count(repo, base, head).await?;
        let behind = self.count(repo, head, base).await?;
        let format = format!("--format=%H{PART}%an{PART}%B%x00");
        let range = format!("{base}..{head}");
        let printed = self
            .git(repo, &["log", "--topo-order", "-n250", &format, "--end-of-options", &range])
            .await?
            .text(repo)?;
        let records = printed.split('\0').map(str::trim_start).filter(|record| !record.is_empty());
        let commits: Vec<Change> = records.filter_map(change).collect();
        Ok(Comparison { commits, total, behind, url: None })
    }

    /// None: a folder has no CI. Environments that command services go to say `checks = "none"`.
    async fn checks(&self, _repo: &str, _commit: &CommitId) -> Result<Vec<Check>, OutsideError> {
        Ok(Vec::new())
    }

    async fn changed_files(
        &self,
        repo: &str,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<Vec<String>, OutsideError> {
        let range = format!("{base}...{head}");
        // Nothing is taken for renamed: a file that moved is new where it went.
        let arguments =
            ["diff", "--name-only", "--no-renames", "--diff-filter=d", "-z", "--end-of-options", &range];
        let printed = self.git(repo, &arguments).await?.text(repo)?;
        Ok(printed.split('\0').filter(|path| !path.is_empty()).map(ToOwned::to_owned).collect())
    }

    async fn recent(&self, repo: &str, limit: usize) -> Result<Vec<Recent>, OutsideError> {
        let format = "--format=%(refname:strip=2) %(objectname) %(*objectname)";
        let arguments = ["for-each-ref", format, "refs/tags"];
        let printed = self.git(repo, &arguments).await?.text(repo)?;
        let read = |line: &str| {
            let mut words = line.split_whitespace();
            let (name, object, peeled) = (words.next()?, words.next()?, words.next());
            Some(Recent { version: name.parse().ok()?, commit: peeled.unwrap_or(object).parse().ok()? })
        };
        let mut recent: Vec<Recent> = printed.lines().filter_map(read).collect();
        recent.sort_by(|a, b| by_version(b.version.as_str(), a.version.as_str()));
        recent.truncate(limit.clamp(1, 1000));
        Ok(recent)
    }
}

fn change(record: &str) -> Option<Change> {
    let mut parts = record.splitn(3, PART);
    let (commit, author, message) = (parts.next()?, parts.next()?, parts.next()?);
    let (pull, title) = match pull_of(message) {
        Some((number, title)) => (Some(number), title),
        None => (None, title_of(message)),
    };
    Some(Change { commit: commit.parse().ok()?, title, author: inert(author, 80), pull, writers: Vec::new() })
}

/// What Git printed and how it ended.
struct Printed {
    code: Option<i32>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Printed {
    fn text(self, repo: &str) -> Result<String, OutsideError> {
        if self.code == Some(0) {
            Ok(String::from_utf8_lossy(&self.out).into_owned())
        } else {
            Err(self.error(repo))
        }
    }

    fn error(&self, repo: &str) -> OutsideError {
        let said = inert(&String::from_utf8_lossy(&self.err), 200);
        OutsideError::Refused { why: format!("git cannot answer about {repo}: {said}") }
    }
}

impl CommandPipelines {
    /// The commit that a name stands for. `None` when nothing has this name, or something that is no commit.
    async fn commit_of(&self, repo: &str, name: &str) -> Result<Option<CommitId>, OutsideError> {
        let name = format!("{name}^{{commit}}");
        let answer = self.git(repo, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name]).await?;
        if answer.code == Some(0) {
            let text = answer.text(repo)?;
            return text.trim().parse().map(Some).map_err(|_| OutsideError::Refused {
                why: format!("git named a commit of {repo} in a way that is not understood"),
            });
        }
        // With --quiet a missing name prints nothing; whatever is printed is trouble, except that a short id fits
        // several commits.
        let said = String::from_utf8_lossy(&answer.err);
        let is_missing =
            said.trim().is_empty() || said.contains("ambiguous") || said.contains("expected commit");
        if is_missing { Ok(None) } else { Err(answer.error(repo)) }
    }

    async fn count(&self, repo: &str, base: &CommitId, head: &CommitId) -> Result<u64, OutsideError> {
        let range = format!("{base}..{head}");
        let text = self.git(repo, &["rev-list", "--count", "--end-of-options", &range]).await?.text(repo)?;
        text.trim().parse().map_err(|_| OutsideError::Refused {
            why: format!("git counted the commits of {repo} in a way that is not understood"),
        })
    }

    async fn git(&self, repo: &str, arguments: &[&str]) -> Result<Printed, OutsideError> {
        let folder = std::fs::canonicalize(repo).map_err(|_| OutsideError::Refused {
            why: format!("the folder {repo} is not on this machine: correct `repo` in shipgate.toml"),
        })?;
        let mut command = tokio::process::Command::new(&self.settings.git);
        command.env_clear();
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .envs([("LC_ALL", "C.UTF-8"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0")])
            .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c"])
            .args(["log.showSignature=false", "-C"])
            .arg(folder)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let later = |why: String| OutsideError::Later { why, after: None };
        let answer = tokio::time::timeout(GIT_ANSWER.unsigned_abs(), command.output())
            .await
            .map_err(|_| later(format!("git does not answer about {repo} (timeout after 10 s)")))?
            .map_err(|error| {
                later(format!("git could not be started: {error}; install it, or correct its path"))
            })?;
        Ok(Printed { code: answer.status.code(), out: answer.stdout, err: answer.stderr })
    }
}
