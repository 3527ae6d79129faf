//! Makes text inert: no control, terminal or direction-changing characters, and no markup where Slack would read it.
//! Not here: which characters are hidden (`domain::hidden`).

use shipgate_domain::hidden::is_hidden_in_prose;

/// One line of text as it may be shown: terminal sequences are dropped, line breaks and tabs become spaces, characters
/// that cannot be seen or that turn the direction of writing are dropped.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => match rest.peek() {
                // A control sequence ends with a byte from @ to ~ (ECMA-48, 5.4).
                Some('[') => {
                    rest.next();
                    while rest.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                    rest.next();
                }
                // An operating-system command ends with BEL or ESC \ (ECMA-48, 8.3.89).
                Some(']') => {
                    while rest.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}')).is_some() {}
                    if rest.next() == Some('\u{1b}') {
                        rest.next_if_eq(&'\\');
                    }
                }
                _ => {}
            },
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' | '\u{85}' => out.push(' '),
            c if is_hidden_in_prose(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Escapes the three characters that Slack reads in `text` and in mrkdwn (docs.slack.dev, "Formatting message text").
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What somebody typed, before Slack escaped it.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The first `most` characters; where something is cut, the last of them is "…".
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Whether Slack would read nothing into this text even as mrkdwn.
pub(crate) fn is_harmless(text: &str) -> bool {
    !text.chars().any(|c| matches!(c, '*' | '_' | '~' | '`' | '|' | '<' | '>' | '&' | '@'))
        && text.matches(':').count() < 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_codes_and_direction_marks_leave_no_trace() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(clean("\u{1b}]0;title\u{7}x\u{1b}]8;;https://evil\u{1b}\\y"), "xy");
        assert_eq!(clean("v1\u{202e}gpj\u{2066}\u{0}"), "v1gpj");
        assert_eq!(clean("a\r\nb\tc"), "a  b c");
    }

    #[test]
    fn what_was_escaped_reads_back() {
        let text = "a & b <c> &lt;";
        assert_eq!(unescape(&escape(text)), text);
    }

    #[test]
    fn a_cut_is_shown() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
