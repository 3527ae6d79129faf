//! Cuts what was typed into words, with quotes and options. It does not know what any word means.

use super::refusal::{Code, Refusal};
use shipgate_domain::hidden::is_hidden_in_prose;

/// Longest text of one command, in characters. Slack's own field ends at 4,000; nobody types half of it.
pub const LONGEST_TEXT: usize = 2_000;

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Without quotes and, for an option, without dashes.
    pub(super) text: String,
    pub(super) form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As typed.
    Plain,
    /// Was between quotes: never an option, a name of a sub-command or a connecting word.
    Quoted,
    /// `--name` or `--name=value`. `typed` is how it was spelt; with a typographic dash it may be prose.
    Option { value: Option<String>, typed: String, certain: bool },
}

impl Word {
    pub(super) fn is_plain(&self) -> bool {
        self.form == Form::Plain
    }

    pub(super) fn is_quoted(&self) -> bool {
        self.form == Form::Quoted
    }

    /// The word as a word of a sentence, whatever else it might have been.
    pub(super) fn as_prose(&self) -> &str {
        match &self.form {
            Form::Option { typed, .. } => typed,
            Form::Plain | Form::Quoted => &self.text,
        }
    }
}

/// Cuts `text` into words.
///
/// Phones type “ ” for quotes and — for --, so both are understood. An apostrophe inside a word is a letter.
///
/// # Errors
/// Text that is too long, or a double quote without its partner.
pub(super) fn words(text: &str) -> Result<Vec<Word>, Refusal> {
    let length = text.chars().count();
    if length > LONGEST_TEXT {
        return Err(too_long(length));
    }
    let mut rest = text;
    let mut found = Vec::new();
    let mut options_end = false;
    loop {
        rest = rest.trim_start_matches(is_space);
        let Some(first) = rest.chars().next() else { return Ok(found) };
        if let Some((content, after)) = quoted(rest)? {
            found.push(Word { text: readable(content), form: Form::Quoted });
            rest = after;
            continue;
        }
        if let Some(name_on) = (!options_end).then(|| option_start(rest)).flatten() {
            let certain = first == '-';
            let (word, after) = option(rest, name_on, certain)?;
            found.push(word);
            rest = after;
            continue;
        }
        let (word, after) = rest.split_at(rest.find(is_space).unwrap_or(rest.len()));
        rest = after;
        if word == "--" && !options_end {
            options_end = true;
        } else {
            found.push(Word { text: word.to_owned(), form: Form::Plain });
        }
    }
}

/// The refusal of a text of this many characters.
pub(super) fn too_long(length: usize) -> Refusal {
    Refusal::new(
        Code::TooLong,
        format!("This text has {length} characters."),
        format!("At most {LONGEST_TEXT} are read."),
        "Shorten the reason, or link to the long story.",
    )
}

/// Refuses what cannot be seen and what begins a new line.
pub(super) fn check_plain(text: &str) -> Result<(), Refusal> {
    let Some(hidden) = text.chars().find(|c| c.is_control() || is_hidden_in_prose(*c)) else { return Ok(()) };
    Err(Refusal::new(
        Code::ForbiddenCharacter,
        format!("This text has the character U+{:04X}, which is not seen.", u32::from(hidden)),
        "What is given to a run must be what people read.",
        "Type it on one line, by hand instead of pasting it.",
    ))
}

/// Space, line break, or any other white space. The zero-width space is not one: it is a hidden character.
fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// The content of a quotation that starts here and what follows it; `None` if none starts here.
fn quoted(text: &str) -> Result<Option<(&str, &str)>, Refusal> {
    let Some(open) = text.chars().next() else { return Ok(None) };
    let inside = &text[open.len_utf8()..];
    match open {
        '"' | '“' | '”' | '„' | '«' => {
            let end = inside.find(['"', '“', '”', '»']).ok_or_else(open_quote)?;
            Ok(Some((&inside[..end], after_first(inside, end))))
        }
        // A single one ends only before a space, so that 'Ada's lock' is one quotation; alone it is an apostrophe.
        '\'' | '‘' => Ok(inside
            .char_indices()
            .filter(|(_, c)| matches!(c, '\'' | '’'))
            .find(|(at, _)| after_first(inside, *at).chars().next().is_none_or(is_space))
            .map(|(end, _)| (&inside[..end], after_first(inside, end)))),
        _ => Ok(None),
    }
}

fn after_first(text: &str, at: usize) -> &str {
    let skipped = text[at..].chars().next().map_or(0, char::len_utf8);
    &text[at + skipped..]
}

fn open_quote() -> Refusal {
    Refusal::new(
        Code::OpenQuote,
        "A quote was opened and not closed.".to_owned(),
        "So it is not clear where the quoted text ends.",
        "Close it with \", or leave the quotes out.",
    )
}

/// Where an option's name starts, if an option starts here: after `--`, `—` or `–`, before a letter.
fn option_start(text: &str) -> Option<usize> {
    let dashes = ["--", "—", "–"].into_iter().find(|dashes| text.starts_with(dashes))?;
    let next = text[dashes.len()..].chars().next()?;
    next.is_alphabetic().then_some(dashes.len())
}

fn option(text: &str, name_on: usize, certain: bool) -> Result<(Word, &str), Refusal> {
    let end = text.find(is_space).unwrap_or(text.len());
    let Some(equals) = text[..end].find('=') else {
        let (name, typed) = (text[name_on..end].to_lowercase(), text[..end].to_owned());
        let form = Form::Option { value: None, typed, certain };
        return Ok((Word { text: name, form }, &text[end..]));
    };
    let name = text[name_on..equals].to_lowercase();
    let value_on = &text[equals + 1..];
    let (value, after) = match quoted(value_on)? {
        Some((content, after)) => (readable(content), after),
        None => (text[equals + 1..end].to_owned(), &text[end..]),
    };
    let typed = text[..text.len() - after.len()].to_owned();
    Ok((Word { text: name, form: Form::Option { value: Some(value), typed, certain } }, after))
}

/// Free text as it is kept: hidden characters dropped, white space made single spaces.
pub(super) fn readable(text: &str) -> String {
    let spaced: String = text
        .chars()
        .filter_map(|c| if is_space(c) { Some(' ') } else { (!is_hidden_in_prose(c)).then_some(c) })
        .collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).expect("readable").into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn quotes_of_keyboards_and_phones_are_the_same() {
        for text in ["a \"b c\" d", "a “b c” d", "a ‘b c’ d", "a 'b c' d", "a „b c“ d", "a ”b c” d"]
        {
            assert_eq!(texts(text), ["a", "b c", "d"], "{text}");
        }
    }

    #[test]
    fn an_apostrophe_is_a_letter() {
        assert_eq!(
            texts("don't touch 'Ada's lock' 'til noon"),
            ["don't", "touch", "Ada's lock", "'til", "noon"]
        );
    }

    #[test]
    fn a_long_dash_before_a_letter_is_two_short_ones() {
        for text in ["--for 2h", "—for 2h", "–for 2h", "--FOR 2h"] {
            let words = words(text).expect("readable");
            assert_eq!(words[0].text, "for", "{text}");
            assert!(matches!(words[0].form, Form::Option { .. }), "{text}");
        }
        assert_eq!(texts("a — b"), ["a", "—", "b"]);
    }

    #[test]
    fn an_option_may_carry_its_value() {
        let words = words("--reason=\"red tests\" --for=2h").expect("readable");
        let values: Vec<_> = words
            .iter()
            .map(|word| match &word.form {
                Form::Option { value, .. } => value.clone(),
                Form::Plain | Form::Quoted => None,
            })
            .collect();
        assert_eq!(values, [Some("red tests".to_owned()), Some("2h".to_owned())]);
    }

    #[test]
    fn two_dashes_alone_end_the_options() {
        assert_eq!(texts("reject -- --force was wrong"), ["reject", "--force", "was", "wrong"]);
    }

    #[test]
    fn an_open_quote_is_refused() {
        assert_eq!(words("lock \"production").unwrap_err().code(), "open_quote");
        assert_eq!(words("--reason=“red").unwrap_err().code(), "open_quote");
    }

    #[test]
    fn prose_loses_what_cannot_be_seen() {
        assert_eq!(readable("a\u{202e}b\t\n c\u{7}"), "ab c");
        assert_eq!(readable("👩\u{200d}🚀"), "👩\u{200d}🚀");
    }
}
