//! From words to an invocation: finds the command and its form, fills in what was not said, and says what is
//! missing. Which word becomes which argument is decided in `slots.rs`.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::near::nearest;
use super::refusal::{Code, Refusal, shown};
use super::secret;
use super::slots;
use super::spec::{ArgSpec, CommandSpec, FormSpec};
use super::times::WrittenTime;
use super::values::{self, Arg, Names};
use super::vocabulary::{Action, Kind, Role};
use super::words::{self, Word};
use super::{Grammar, ROOT};

/// How words reached us. The bot's own mention is not part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A slash command: its name, with or without the slash, stands apart from the text. `/shipgate`, and names
    /// the grammar does not know (a renamed installation), expect the command as the first word.
    Slash(&'a str),
    /// `@shipgate deploy …`: the first word is the command.
    Mention,
    /// The playground: `/deploy …`, `/shipgate deploy …` or `deploy …`.
    Typed,
}

/// What came of some words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Complete.
    Understood(Invocation),
    /// Understood as far as it went; a form can ask for the rest.
    Missing {
        /// What was said.
        invocation: Invocation,
        /// What was not, in the order of the file. Never empty.
        missing: Vec<ArgSpec>,
    },
    /// Not understood. Nothing happens.
    Refused(Refusal),
}

impl Parsed {
    /// What is asked for, as far as it was understood.
    fn action(&self) -> Option<Action> {
        match self {
            Self::Understood(invocation) | Self::Missing { invocation, .. } => Some(invocation.action),
            Self::Refused(_) => None,
        }
    }
}

/// A command that was understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The command's name.
    pub command: String,
    /// Its second word, if it has several forms.
    pub form: Option<String>,
    /// What is asked for.
    pub action: Action,
    /// Who may ask.
    pub role: Role,
    /// The arguments by name.
    pub args: BTreeMap<String, Arg>,
}

impl Invocation {
    /// The service, if one was said or is the usual one.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.args
            .values()
            .find_map(|arg| if let Arg::Service(name) = arg { Some(name.as_str()) } else { None })
    }

    /// The environment, if one was said.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.args
            .values()
            .find_map(|arg| if let Arg::Environment(name) = arg { Some(name.as_str()) } else { None })
    }

    /// The version, if one was said.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.args
            .values()
            .find_map(|arg| if let Arg::Version(name) = arg { Some(name.as_str()) } else { None })
    }

    /// The end of a deploy's id, if one was said.
    #[must_use]
    pub fn deploy(&self) -> Option<&str> {
        self.args.values().find_map(|arg| if let Arg::Deploy(id) = arg { Some(id.as_str()) } else { None })
    }

    /// The text (or person, freeze or command) called `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name)?.as_text()
    }

    /// The length of time called `name`.
    #[must_use]
    pub fn duration(&self, name: &str) -> Option<SignedDuration> {
        if let Arg::Duration(duration) = self.args.get(name)? { Some(*duration) } else { None }
    }

    /// The point in time called `name`.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<&WrittenTime> {
        if let Arg::Time(time) = self.args.get(name)? { Some(time) } else { None }
    }

    /// Whether the flag called `name` was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.args.contains_key(name)
    }
}

impl Grammar {
    /// Understands `text`. The same words and names always give the same answer; nothing is looked up.
    #[must_use]
    pub fn parse(&self, text: &str, names: &Names, entry: Entry<'_>) -> Parsed {
        // First of all: no other refusal may repeat a part of it.
        if let Err(refusal) = secret::check(text) {
            return Parsed::Refused(refusal);
        }
        match self.try_parse(text, names, entry) {
            // What goes to a run goes there as it was typed, or not at all: nothing is left out in silence.
            Ok(parsed) => match words::check_plain(text) {
                Err(refusal) if parsed.action() == Some(Action::Pipeline) => Parsed::Refused(refusal),
                Ok(()) | Err(_) => parsed,
            },
            Err(refusal) => Parsed::Refused(refusal),
        }
    }

    /// Adds the answers of a form to what was said before. Empty answers count as not given; an answer replaces
    /// what was said under the same name.
    #[must_use]
    pub fn fill(&self, invocation: &Invocation, answers: &[(String, String)], names: &Names) -> Parsed {
        let form = self.command(&invocation.command).and_then(|command| {
            command.forms.iter().find(|form| form.word == invocation.form).map(|form| (command, form))
        });
        let Some((command, form)) = form else {
            return Parsed::Refused(self.unknown_command(&invocation.command));
        };
        let mut args = invocation.args.clone();
        for (name, answer) in answers {
            let Some(arg) = form.args.iter().find(|arg| arg.name == *name) else { continue };
            if words::readable(answer).is_empty() {
                continue;
            }
            if let Err(refusal) = secret::check(answer) {
                return Parsed::Refused(refusal);
            }
            if answer.chars().count() > words::LONGEST_TEXT {
                return Parsed::Refused(words::too_long(answer.chars().count()));
            }
            if form.action == Action::Pipeline
                && let Err(refusal) = words::check_plain(answer)
            {
                return Parsed::Refused(refusal);
            }
            match self.read_value(arg.kind, answer, names).and_then(|value| arg.fitted(value)) {
                Ok(value) => args.insert(name.clone(), value),
                Err(refusal) => return Parsed::Refused(refusal),
            };
        }
        self.complete(command, form, args, names)
    }

    fn try_parse(&self, text: &str, names: &Names, entry: Entry<'_>) -> Result<Parsed, Refusal> {
        let words = words::words(text)?;
        let mut words = words.as_slice();
        let mut own = match entry {
            Entry::Slash(name) => Some(name.trim_start_matches('/').to_lowercase()),
            Entry::Mention | Entry::Typed => None,
        };
        if own.is_none()
            && let Some((first, rest)) = words.split_first().filter(|(first, _)| first.is_plain())
            && let Some(name) = first.text.strip_prefix('/')
        {
            own = Some(name.to_lowercase());
            words = rest;
            // A slash was typed here, so the name is no renamed installation but a mistake.
            if own.as_deref() != Some(ROOT) && self.command(name).is_none() {
                return Err(self.unknown_command(name));
            }
        }
        match own.as_deref().filter(|name| *name != ROOT).and_then(|name| self.command(name)) {
            Some(command) => self.under(command, words, names),
            // A slash name that is nearly one of ours, before words that are no command either, is a mistyped one.
            None if let Some(name) = &own
                && name != ROOT
                && words.first().is_none_or(|first| self.command(&first.text).is_none())
                && nearest(name, self.commands().iter().flat_map(CommandSpec::spellings)).is_some() =>
            {
                Err(self.unknown_command(name))
            }
            None => self.any_command(words, names),
        }
    }

    /// After `/deploy`: its arguments, `help`, or another command if this one leads to them.
    fn under(&self, command: &CommandSpec, words: &[Word], names: &Names) -> Result<Parsed, Refusal> {
        if let Some(first) = words.first().filter(|first| first.is_plain()) {
            let is_name = names.service(&first.text).is_some() || names.environment(&first.text).is_some();
            if words.len() == 1
                && first.text.eq_ignore_ascii_case("help")
                && let Some(help) = self.help_command()
            {
                let topic = Word { text: command.name.clone(), form: words::Form::Plain };
                return self.arguments(help, &[topic], names);
            }
            if command.leads && !is_name && self.command_at(words).is_some() {
                return self.any_command(words, names);
            }
        }
        self.arguments(command, words, names)
    }

    fn any_command(&self, words: &[Word], names: &Names) -> Result<Parsed, Refusal> {
        let Some(first) = words.first() else {
            let help = self.help_command().ok_or_else(|| self.unknown_command(""))?;
            return self.arguments(help, &[], names);
        };
        if first.is_plain() && first.text.eq_ignore_ascii_case(ROOT) {
            return self.any_command(&words[1..], names);
        }
        match self.command_at(words) {
            Some((command, taken)) => self.arguments(command, &words[taken..], names),
            None => Err(self.unknown_command(first.as_prose())),
        }
    }

    /// The command these words start with, and how many words it took: `who-can` may be typed `who can`.
    fn command_at(&self, words: &[Word]) -> Option<(&CommandSpec, usize)> {
        let first = words.first().filter(|word| word.is_plain())?;
        if let Some(command) = self.command(first.text.trim_end_matches([',', ':'])) {
            return Some((command, 1));
        }
        let second = words.get(1).filter(|word| word.is_plain())?;
        self.command(&format!("{}-{}", first.text, second.text)).map(|command| (command, 2))
    }

    fn help_command(&self) -> Option<&CommandSpec> {
        self.commands()
            .iter()
            .find(|command| command.forms.iter().any(|form| form.action == Action::HelpShow))
    }

    fn arguments(&self, command: &CommandSpec, words: &[Word], names: &Names) -> Result<Parsed, Refusal> {
        let (form, words) = choose_form(command, words, names)?;
        let args = slots::assign(self, form, words, names)?;
        Ok(self.complete(command, form, args, names))
    }

    /// Fills in defaults and says what is still missing.
    fn complete(
        &self,
        command: &CommandSpec,
        form: &FormSpec,
        mut args: BTreeMap<String, Arg>,
        names: &Names,
    ) -> Parsed {
        let mut missing = Vec::new();
        for arg in &form.args {
            if args.contains_key(&arg.name) {
                continue;
            }
            // A default that does not exist here (an environment of another company's settings) counts as none.
            let usual = match &arg.default {
                Some(default) => self.read_value(arg.kind, default, names).ok(),
                None if arg.kind == Kind::Service && arg.required => {
                    names.usual_service().map(|name| Arg::Service(name.to_owned()))
                }
                None => None,
            };
            match usual {
                Some(value) => {
                    args.insert(arg.name.clone(), value);
                }
                None if arg.required || arg.default.is_some() => missing.push(arg.clone()),
                None => {}
            }
        }
        let invocation = Invocation {
            command: command.name.clone(),
            form: form.word.clone(),
            action: form.action,
            role: form.role,
            args,
        };
        if missing.is_empty() {
            Parsed::Understood(invocation)
        } else {
            Parsed::Missing { invocation, missing }
        }
    }

    /// Reads a value of any kind, commands included.
    pub(super) fn read_value(&self, kind: Kind, text: &str, names: &Names) -> Result<Arg, Refusal> {
        if kind != Kind::Command {
            return values::read(kind, text, names);
        }
        let said: Vec<&str> = text.split_whitespace().collect();
        let command = match said.first() {
            Some(first) => self.command(first.trim_start_matches('/')),
            None => None,
        };
        match (command, &said[..]) {
            (Some(command), [_]) => Ok(Arg::Command(command.name.clone())),
            (Some(command), [_, word]) => match command.form(word) {
                Some(form) => Ok(Arg::Command(format!("{} {form}", command.name))),
                None => Err(unknown_form(command, word)),
            },
            _ => Err(self.unknown_command(text)),
        }
    }

    /// The refusal of a word that is no command.
    pub(super) fn unknown_command(&self, word: &str) -> Refusal {
        let known: Vec<&str> = self.commands().iter().map(|command| command.name.as_str()).collect();
        let spellings = self.commands().iter().flat_map(CommandSpec::spellings);
        let word = word.trim_start_matches('/');
        Refusal::unknown(Kind::Command, word, nearest(word, spellings), &known)
    }
}

impl CommandSpec {
    /// The name and its aliases.
    pub(super) fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    /// The form of this word, as the file spells it.
    fn form(&self, word: &str) -> Option<&str> {
        self.form_words().find(|known| known.eq_ignore_ascii_case(word))
    }

    pub(super) fn form_words(&self) -> impl Iterator<Item = &str> {
        self.forms.iter().filter_map(|form| form.word.as_deref())
    }
}

/// The form that is meant, and the words after its own.
fn choose_form<'g, 'w>(
    command: &'g CommandSpec,
    words: &'w [Word],
    names: &Names,
) -> Result<(&'g FormSpec, &'w [Word]), Refusal> {
    let first = words.first().filter(|word| word.is_plain()).map(|word| word.text.as_str());
    if let Some(word) = first {
        let said = command
            .forms
            .iter()
            .find(|form| form.word.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(word)));
        if let Some(form) = said {
            return Ok((form, &words[1..]));
        }
        let is_name = names.service(word).is_some() || names.environment(word).is_some();
        if !is_name && nearest(word, command.form_words()).is_some() {
            return Err(unknown_form(command, word));
        }
    }
    match command.forms.iter().find(|form| form.default) {
        Some(form) => Ok((form, words)),
        None => Err(unknown_form(command, first.unwrap_or(""))),
    }
}

fn unknown_form(command: &CommandSpec, word: &str) -> Refusal {
    let known: Vec<String> = command.form_words().map(|form| format!("{} {form}", command.name)).collect();
    let meant = nearest(word, command.form_words()).map(|form| format!("{} {form}", command.name));
    let what = match word {
        "" => format!("{} needs a second word.", command.name),
        _ => format!("{} cannot be followed by {}.", command.name, shown(word)),
    };
    let why = match known.as_slice() {
        [] => format!("{} has no second word.", command.name),
        _ => format!("You can say {}.", known.join(", ")),
    };
    let next = match &meant {
        Some(meant) => format!("Did you mean {meant}?"),
        None => format!("“help {}” shows examples.", command.name),
    };
    let mut refusal = Refusal::new(Code::UnknownCommand, what, why, next);
    refusal.meant = meant;
    refusal
}
