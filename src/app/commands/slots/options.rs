//! Options and their values: `--reason "tests are red"`, `--for 2 hours`. Words without dashes are read in
//! `slots.rs`.

use super::super::near::nearest;
use super::super::refusal::{self, Code, Refusal, shown};
use super::super::spec::ArgSpec;
use super::super::values::Arg;
use super::super::vocabulary::Kind;
use super::super::words::{Form, Word, readable};
use super::{Prose, Slots};

/// Most words that one time or duration can have: `tomorrow at 9:00`.
const LONGEST_VALUE: usize = 4;

impl<'a> Slots<'a> {
    /// Takes all options with their values and gives back the other words.
    pub(super) fn options(&mut self, words: &[Word]) -> Result<Vec<Word>, Refusal> {
        let mut plain = Vec::new();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            at += 1;
            let Form::Option { value, typed, certain } = &word.form else {
                plain.push(word.clone());
                continue;
            };
            let Some(arg) = self.form.args.iter().find(|arg| arg.spellings().any(|name| name == word.text))
            else {
                let spellings = || self.form.args.iter().flat_map(ArgSpec::spellings);
                if !certain && nearest(&word.text, spellings()).is_none() {
                    plain.push(Word { text: typed.clone(), form: Form::Plain });
                    continue;
                }
                return Err(refusal::unknown_option(&word.text, spellings()));
            };
            let (arg_value, taken) = self.option_value(arg, value.as_deref(), &words[at..])?;
            at += taken;
            self.fill(arg, arg_value)?;
        }
        Ok(plain)
    }

    /// The value of an option, and how many of the words after it that took.
    fn option_value(
        &mut self,
        arg: &'a ArgSpec,
        inline: Option<&str>,
        after: &[Word],
    ) -> Result<(Arg, usize), Refusal> {
        let after = &after[..after.iter().take_while(|word| word.is_plain() || word.is_quoted()).count()];
        match (arg.kind, inline) {
            (Kind::Flag, None) => Ok((Arg::Flag, 0)),
            (Kind::Flag, Some(value)) => Err(Refusal::new(
                Code::OptionTakesNoValue,
                format!("--{} was given the value {}.", arg.name, shown(value)),
                "It is given or not, there is nothing to choose.",
                format!("Write --{} alone, or leave it out.", arg.name),
            )),
            (_, Some(value)) if value.trim().is_empty() => Err(refusal::without_value(arg)),
            (kind, Some(value)) => self.grammar.read_value(kind, value, self.names).map(|value| (value, 0)),
            (Kind::Text | Kind::Freeze, None) => {
                let quoted = after.first().filter(|first| first.is_quoted());
                let taken = if quoted.is_some() {
                    1
                } else {
                    after.iter().take_while(|word| word.is_plain()).count()
                };
                let text: Vec<String> = after[..taken].iter().map(|word| word.text.clone()).collect();
                let joined = readable(&text.join(" "));
                if joined.is_empty() {
                    return Err(refusal::without_value(arg));
                }
                if quoted.is_none() {
                    self.swallowed.push(Prose { arg, words: text, certain: false, by_option: true });
                }
                self.grammar.read_value(arg.kind, &joined, self.names).map(|value| (value, taken))
            }
            (kind, None) => match (self.longest(kind, after), after.first()) {
                (Some(found), _) => Ok(found),
                (None, Some(word)) => {
                    self.grammar.read_value(kind, &word.text, self.names).map(|value| (value, 1))
                }
                (None, None) => Err(refusal::without_value(arg)),
            },
        }
    }

    /// The value of this kind that takes the most of the next words.
    pub(super) fn longest(&self, kind: Kind, words: &[Word]) -> Option<(Arg, usize)> {
        let most = match kind {
            Kind::Duration | Kind::Time => LONGEST_VALUE,
            Kind::Command => 2,
            _ => 1,
        };
        let plain = words.iter().take_while(|word| word.is_plain()).count().max(1);
        (1..=most.min(plain).min(words.len())).rev().find_map(|count| {
            let text = words[..count].iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
            self.grammar.read_value(kind, &text, self.names).ok().map(|value| (value, count))
        })
    }
}
