//! Patterns with stars. Not here: what they are used for.

/// Whether a name fits a pattern in which `*` stands for any characters, also none.
#[must_use]
pub fn fits_name(pattern: &str, name: &str) -> bool {
    fits(pattern.as_bytes(), name.as_bytes(), false)
}

/// Whether a path fits a pattern in which `*` stands for any characters but `/`, and `**` for all, also none.
/// `**/` stands also for no folder at all.
#[must_use]
pub fn fits_path(pattern: &str, path: &str) -> bool {
    fits(pattern.as_bytes(), path.as_bytes(), true)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// This byte.
    Byte(u8),
    /// Anything but `/`, also nothing; in a name anything.
    Star,
    /// Anything, also nothing.
    Stars,
    /// Whole folders with their `/`, also none.
    Folders,
}

fn parts(pattern: &[u8], is_path: bool) -> Vec<Part> {
    let mut parts = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((&first, after)) = rest.split_first() {
        let (part, after) = match (first, is_path) {
            (b'*', true) => match (after.strip_prefix(b"*/"), after.strip_prefix(b"*")) {
                (Some(after), _) => (Part::Folders, after),
                (None, Some(after)) => (Part::Stars, after),
                (None, None) => (Part::Star, after),
            },
            (b'*', false) => (Part::Stars, after),
            (byte, _) => (Part::Byte(byte), after),
        };
        parts.push(part);
        rest = after;
    }
    parts
}

/// All places in the pattern at once, a byte of the text at a time: the work is the one's length times the other's.
fn fits(pattern: &[u8], text: &[u8], is_path: bool) -> bool {
    // Most texts differ before the first star.
    let (literal, pattern) =
        pattern.split_at(pattern.iter().position(|b| *b == b'*').unwrap_or(pattern.len()));
    let Some(text) = text.strip_prefix(literal) else { return false };
    let parts = parts(pattern, is_path);
    let mut at = vec![false; parts.len() + 1];
    let mut next = at.clone();
    enter(&mut at, &parts, 0);
    for &byte in text {
        next.fill(false);
        for (index, part) in parts.iter().enumerate().filter(|(index, _)| at[*index]) {
            match part {
                Part::Byte(wanted) if *wanted == byte => enter(&mut next, &parts, index + 1),
                Part::Star if byte != b'/' => enter(&mut next, &parts, index),
                Part::Stars => enter(&mut next, &parts, index),
                Part::Folders => {
                    next[index] = true;
                    if byte == b'/' {
                        enter(&mut next, &parts, index + 1);
                    }
                }
                Part::Byte(_) | Part::Star => {}
            }
        }
        std::mem::swap(&mut at, &mut next);
    }
    at[parts.len()]
}

/// Stands at a part, and behind it where it may stand for nothing.
fn enter(at: &mut [bool], parts: &[Part], index: usize) {
    for (index, part) in parts.iter().enumerate().skip(index) {
        at[index] = true;
        if matches!(part, Part::Byte(_)) {
            return;
        }
    }
    at[parts.len()] = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_a_name_stands_for_anything() {
        for (pattern, name, is_fit) in [
            ("codecov/*", "codecov/patch", true),
            ("codecov/*", "codecov", false),
            ("*", "", true),
            ("*test*", "unit tests", true),
            ("test", "tests", false),
            ("a*b*c", "a/b/c", true),
            ("a*b*c", "acb", false),
        ] {
            assert_eq!(fits_name(pattern, name), is_fit, "{pattern} {name}");
        }
    }

    #[test]
    fn a_star_in_a_path_stays_in_its_folder_and_two_do_not() {
        for (pattern, path, is_fit) in [
            ("db/changes/*.sql", "db/changes/1.sql", true),
            ("db/changes/*.sql", "db/changes/old/1.sql", false),
            ("db/changes/*.sql", "app/db/changes/1.sql", false),
            ("**/db/*.sql", "db/1.sql", true),
            ("**/db/*.sql", "app/x/db/1.sql", true),
            ("**/db/*.sql", "app/xdb/1.sql", false),
            ("db/**", "db/a/b/c.txt", true),
            ("db/**/up.sql", "db/up.sql", true),
            ("db/**/up.sql", "db/a/b/up.sql", true),
        ] {
            assert_eq!(fits_path(pattern, path), is_fit, "{pattern} {path}");
        }
    }
}
