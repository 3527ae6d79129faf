//! Tokens and keys that somebody pastes where everybody reads. Not here: templates in command files, which hold no
//! prose and are looked at more strictly (`file::pipeline`), or the settings.

use super::refusal::{Code, Refusal};

/// How the secrets of the usual systems begin, and how many characters at least follow. Words that people write are
/// shorter.
const STARTS: [(&str, usize); 15] = [
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxe.", 10),
    ("xoxe-", 10),
    ("xapp-", 10),
    ("github_pat_", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("glpat-", 16),
    ("AKIA", 16),
    ("ASIA", 16),
];
/// The same where the beginning is one that names of branches have, too: these hold small and capital letters and digits.
const MIXED_STARTS: [(&str, usize); 2] = [("sk-", 20), ("eyJ", 30)];
/// What is one wherever it stands.
const PARTS: [&str; 2] = ["-----BEGIN ", "hooks.slack.com/services/"];

/// Whether a text holds something that looks like a token or a key.
pub(crate) fn looks_secret(text: &str) -> bool {
    if PARTS.iter().any(|part| text.contains(part)) {
        return true;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.split(|c: char| !is_part(c)).any(|word| {
        let rest = |(start, least): &(&str, usize)| {
            let after = |at: usize| word[..at].chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric());
            let tails = word.match_indices(start).filter(|(at, _)| after(*at));
            let long = tails.map(|(at, _)| &word[at + start.len()..]).filter(|tail| tail.len() >= *least);
            long.map(str::to_owned).collect::<Vec<_>>()
        };
        let has = |tail: &str, is: fn(&char) -> bool| tail.chars().any(|c| is(&c));
        let is_mixed = |tail: &String| {
            has(tail, char::is_ascii_digit)
                && has(tail, char::is_ascii_lowercase)
                && has(tail, char::is_ascii_uppercase)
        };
        STARTS.iter().any(|start| !rest(start).is_empty())
            || MIXED_STARTS.iter().any(|start| rest(start).iter().any(is_mixed))
    })
}

/// Refuses a text that holds one, without repeating any of it.
pub(crate) fn check(text: &str) -> Result<(), Refusal> {
    if !looks_secret(text) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::LooksSecret,
        "This looks like a token or a key, so nothing was done with it.".to_owned(),
        "What is said here stands on cards, in the channel and in the record, for everybody and for good.",
        "Revoke it where it was made, because it stood in a chat; then say the same without it.",
    ))
}
