//! Text from other systems made harmless and short for people. Not here: what any of it means.

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use shipgate_domain::hidden::is_hidden_in_prose;
use std::cmp::Ordering;

/// One line without control or direction-changing characters, cut to `most` characters.
pub(crate) fn inert(text: &str, most: usize) -> String {
    let mut line: String = text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
    line.retain(|c| !is_hidden_in_prose(c));
    let line = line.trim();
    if line.chars().count() <= most {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// An answer without the secret that was sent for it: some systems, and proxies in front of them, repeat a request in
/// their refusal of it.
pub(crate) fn without(secret: &SecretString, answer: Bytes) -> Bytes {
    let secret = secret.expose_secret();
    match std::str::from_utf8(&answer) {
        // What is no UTF-8 is no JSON either, and is never shown.
        Ok(text) if !secret.is_empty() && text.contains(secret) => text.replace(secret, "[secret]").into(),
        _ => answer,
    }
}

/// What ends a line or leaves room: a space is left where it stood.
fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Takes terminal codes out of a text (ECMA-48 control sequences and operating system commands).
pub(crate) fn without_terminal_codes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('[') => while rest.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
            Some(']') => {
                while let Some(c) = rest.next() {
                    if c == '\u{7}' || (c == '\u{1b}' && rest.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    plain
}

/// The last `most` lines that say something, oldest first, each harmless and at most 300 characters.
pub(crate) fn last_lines(text: &str, most: usize) -> Vec<String> {
    let plain = without_terminal_codes(text);
    // A carriage return rewrites the line on a terminal: what stands after the last one is what people saw.
    let shown = plain.lines().map(|line| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or(""));
    let mut lines: Vec<String> = shown.map(|line| inert(line, 300)).filter(|line| !line.is_empty()).collect();
    lines.drain(..lines.len().saturating_sub(most));
    lines
}

/// The number of the pull request that a squash or merge commit names, and the title people gave it.
pub(crate) fn pull_of(message: &str) -> Option<(u64, String)> {
    let mut lines = message.lines();
    let first = lines.next()?.trim();
    if let Some(rest) = first.strip_prefix("Merge pull request #") {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let title = lines.map(str::trim).find(|line| !line.is_empty()).unwrap_or(first);
        return Some((digits.parse().ok()?, inert(title, 200)));
    }
    let (title, number) = first.strip_suffix(')')?.rsplit_once("(#")?;
    Some((number.parse().ok()?, inert(title, 200)))
}

/// First line of a commit message, for people.
pub(crate) fn title_of(message: &str) -> String {
    inert(message.lines().next().unwrap_or(""), 200)
}

/// Orders version names as people count: numbers by value, `v2.0-rc1` before `v2.0`, and what is no version at all
/// before everything. What stands after `+` decides only between versions that are the same otherwise.
pub(crate) fn by_version(a: &str, b: &str) -> Ordering {
    let is_version = |name: &str| {
        let number = name.strip_prefix(['v', 'V']).unwrap_or(name);
        number.starts_with(|c: char| c.is_ascii_digit())
    };
    let without_build = |name: &'_ str| name.find('+').unwrap_or(name.len());
    is_version(a)
        .cmp(&is_version(b))
        .then_with(|| by_pieces(&a[..without_build(a)], &b[..without_build(b)]))
        .then_with(|| a.cmp(b))
}

fn by_pieces(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        match (a.is_empty(), b.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return if b.starts_with('-') { Ordering::Greater } else { Ordering::Less },
            (false, true) => return if a.starts_with('-') { Ordering::Less } else { Ordering::Greater },
            (false, false) => {}
        }
        let ((x, a_rest), (y, b_rest)) = (piece(a), piece(b));
        let order = match (x.parse::<u64>(), y.parse::<u64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            _ => match (x.starts_with('-'), y.starts_with('-')) {
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                _ => x.cmp(y),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// The longest start of a non-empty text that is all digits, or has none.
fn piece(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_codes_and_hidden_characters_are_taken_out() {
        let log = "\u{1b}[31mred\u{1b}[0m\n\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\\n10%\r100%\r\nev\u{202e}il\n\n";
        assert_eq!(last_lines(log, 20), ["red", "link", "100%", "evil"]);
        assert_eq!(last_lines("a\nb\nc", 2), ["b", "c"]);
        assert_eq!(inert(&"x".repeat(20), 5), "xxxx…");
    }

    #[test]
    fn an_answer_loses_the_secret_and_nothing_else() {
        let secret = SecretString::from("s3cr3t");
        let answer = |text: &'static str| without(&secret, Bytes::from_static(text.as_bytes()));
        assert_eq!(answer("Bearer s3cr3t, s3cr3ts3cr3t"), "Bearer [secret], [secret][secret]");
        assert_eq!(answer("s3cret"), "s3cret");
        assert_eq!(without(&SecretString::from(""), Bytes::from_static(b"all")), "all");
    }

    #[test]
    fn pull_requests_are_read_from_squash_and_merge_messages() {
        assert_eq!(pull_of("Add tax (#12)\n\nbody"), Some((12, "Add tax".into())));
        assert_eq!(pull_of("Merge pull request #7 from a/b\n\nFix login"), Some((7, "Fix login".into())));
        assert_eq!(pull_of("Closes (something)"), None);
    }

    #[test]
    fn versions_are_ordered_as_people_count() {
        let mut names = ["v1.10.0", "v1.9.0", "v2.0.0", "v2.0.0-rc.2", "v2.0.0-rc.10", "v1.9"];
        names.sort_by(|a, b| by_version(b, a));
        assert_eq!(names, ["v2.0.0", "v2.0.0-rc.10", "v2.0.0-rc.2", "v1.10.0", "v1.9.0", "v1.9"]);
        let mut names = ["v0.9.0", "zebra", "v0.10.0-alpha.beta", "v0.10.0+b2", "v0.10.0", "v0.10.0-alpha.1"];
        names.sort_by(|a, b| by_version(b, a));
        assert_eq!(
            names,
            ["v0.10.0+b2", "v0.10.0", "v0.10.0-alpha.beta", "v0.10.0-alpha.1", "v0.9.0", "zebra"]
        );
    }
}
