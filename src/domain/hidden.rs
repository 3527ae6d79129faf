//! Characters that change what people see without being seen: one list for everything that reads or shows text.
//! Not here: what becomes of them (dropped, refused, or shown as a replacement), which each place decides.

/// Joins emoji into one picture. Hidden, so refused in names; harmless in prose, where it may stay.
pub const JOINER: char = '\u{200d}';

/// Control, bidirectional, zero-width, filler and tag characters (Unicode UAX #9; UTS #39, default ignorables), and
/// the line and paragraph separators.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character is hidden even in prose: all that are, but the joiner of emoji.
#[must_use]
pub fn is_hidden_in_prose(c: char) -> bool {
    c != JOINER && is_hidden(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_writing_or_takes_no_room_is_hidden() {
        for c in [
            '\u{0}',
            '\u{1b}',
            '\n',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{200f}',
            '\u{202e}',
            '\u{2066}',
            '\u{2028}',
            '\u{feff}',
            '\u{e0041}',
            '\u{3164}',
            '\u{180e}',
        ] {
            assert!(is_hidden(c), "{:x}", c as u32);
            assert!(is_hidden_in_prose(c), "{:x}", c as u32);
        }
    }

    #[test]
    fn what_people_see_is_not() {
        for c in ['a', ' ', 'é', 'я', '语', 'ا', '🚀', '\u{fe0f}', '\u{301}', '’', '\u{a0}'] {
            assert!(!is_hidden(c), "{:x}", c as u32);
        }
        assert!(is_hidden(JOINER) && !is_hidden_in_prose(JOINER));
    }
}
