//! The word that somebody may have meant. Not here: what to do about it.

/// The known word that is nearest, when at most a third of its letters (and at least one) differ.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let longest = |candidate: &str| (word.chars().count().max(candidate.chars().count()) / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase().replace('_', "-")), candidate))
        .filter(|(away, candidate)| *away <= longest(candidate))
        .min_by_key(|(away, _)| *away)
        .map(|(_, candidate)| candidate)
}

/// How many letters are added, dropped, changed or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(80).collect(), to.chars().take(80).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for i in 0..from.len() {
        let mut next = vec![i + 1];
        for j in 0..to.len() {
            let mut least = (row[j] + usize::from(from[i] != to[j])).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && from[i] == to[j - 1] && from[i - 1] == to[j] {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

/// "write “production”, if that is meant" for a near word, or what there is: "there are “a”, “b”".
pub(super) fn advice<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("write “{near}”, if that is meant");
    }
    let all: Vec<String> = known.into_iter().take(12).map(|known| format!("“{known}”")).collect();
    match all.as_slice() {
        [] => String::new(),
        [only] => format!("the only one is {only}"),
        _ => format!("there are {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_word_and_another_word_does_not() {
        let known = ["production", "staging", "qa"];
        for (typed, meant) in [
            ("prodcution", Some("production")),
            ("Staging", Some("staging")),
            ("qs", Some("qa")),
            ("moon", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
        assert_eq!(advice("moon", known), "there are “production”, “staging”, “qa”");
    }
}
