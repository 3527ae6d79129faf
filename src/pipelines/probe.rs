//! Openings for tests that attack: the small readers that are not ports of their own. Nothing in the program uses them.
//! Not here: anything that asks another system.

/// One line of harmless text; see `text`.
#[must_use]
pub fn inert(text: &str, most: usize) -> String {
    crate::text::inert(text, most)
}

/// The last lines of a log, harmless; see `text`.
#[must_use]
pub fn last_lines(text: &str, most: usize) -> Vec<String> {
    crate::text::last_lines(text, most)
}

/// The pull request that a commit message names; see `text`.
#[must_use]
pub fn pull_of(message: &str) -> Option<(u64, String)> {
    crate::text::pull_of(message)
}

/// The order of two versions; see `text`.
#[must_use]
pub fn by_version(a: &str, b: &str) -> std::cmp::Ordering {
    crate::text::by_version(a, b)
}

/// Whether a `Link` header names a page after this one.
#[must_use]
pub fn has_next(link: &str) -> bool {
    crate::github::has_next(link)
}

/// A text as it stands in a path.
#[must_use]
pub fn in_path(text: &str) -> String {
    crate::github::in_path(text)
}
