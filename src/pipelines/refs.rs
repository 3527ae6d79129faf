//! What a version names in a repository: a tag, a branch, or neither. Not here: looking them up.

use shipgate_domain::facts::RefKind;
use shipgate_domain::ids::{CommitId, Version};
use std::fmt::Display;

/// The tag or branch of this name, with its commit; none when it is neither.
///
/// # Errors
/// It can mean two things: what, for people.
pub(crate) fn named<C: Display>(
    repo: impl Display,
    version: &Version,
    tag: Option<C>,
    branch: Option<C>,
) -> Result<Option<(C, RefKind)>, String> {
    let (commit, kind) = match (tag, branch) {
        (Some(_), Some(_)) => {
            return Err(format!(
                "“{version}” is both a tag and a branch of {repo}; type the commit id instead"
            ));
        }
        (Some(commit), None) => (commit, RefKind::Tag),
        (None, Some(commit)) => (commit, RefKind::Branch),
        (None, None) => return Ok(None),
    };
    if version.as_str().parse::<CommitId>().is_ok() && commit.to_string() != version.as_str() {
        return Err(format!(
            "“{version}” looks like a commit id, but {repo} has a tag or branch of this name"
        ));
    }
    Ok(Some((commit, kind)))
}

/// Whether a word can be a commit id, or the beginning of one that is long enough.
pub(crate) fn looks_like_a_commit(version: &Version) -> bool {
    let word = version.as_str();
    word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit())
}
