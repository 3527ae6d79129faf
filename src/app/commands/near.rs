//! How far apart two words are, for "did you mean". It knows nothing of commands.

/// The nearest of `known` to `word`, if it is near enough to be a typing mistake. Case does not matter; of two
/// equally near ones the first wins.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .filter_map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().chars().collect();
            let steps = distance(&word, &letters);
            (steps <= tolerated(word.len().max(letters.len()))).then_some((steps, candidate))
        })
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// Names are shorter than this; longer words are never typing mistakes of one.
const LONGEST: usize = 60;

/// Mistakes that are still believable in a word of this length. In two letters, none: nearly everything is near.
const fn tolerated(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    }
}

/// Letters to add, drop, change, or swap with their neighbour (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let changed = above[column] + usize::from(a != b);
            let mut best = changed.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && *a == right[column - 1] && left[row - 1] == *b;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = above;
        above = current;
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_believable_mistakes_are_near() {
        let known = ["production", "staging", "api", "qa"];
        for (word, expected) in [
            ("prodution", Some("production")),
            ("porduction", Some("production")),
            ("PRODUCTON", Some("production")),
            ("stagin", Some("staging")),
            ("stagging", Some("staging")),
            ("apii", Some("api")),
            ("qq", None),
            ("main", None),
            ("stable", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }

    #[test]
    fn a_swap_of_neighbours_is_one_mistake() {
        let letters = |word: &str| word.chars().collect::<Vec<_>>();
        assert_eq!(distance(&letters("ab"), &letters("ba")), 1);
        assert_eq!(distance(&letters("abc"), &letters("")), 3);
    }

    #[test]
    fn endless_words_are_near_nothing() {
        assert_eq!(nearest(&"x".repeat(100_000), ["x"]), None);
    }
}
