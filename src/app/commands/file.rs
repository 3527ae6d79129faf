//! Reads one command file and says everything that is wrong with it. How the words are used lives in `parse.rs`.

mod pipeline;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::near::nearest;
use super::spec::{ArgSpec, CommandSpec, FormSpec, Spot};
use super::times;
use super::vocabulary::{Action, Kind, Role};

/// Something to mend in a command file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct CommandFileProblem {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The character in it, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub instead: String,
}

impl fmt::Display for CommandFileProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}: {} {}", self.file, self.line, self.column, self.what, self.instead)
    }
}

/// Words Slack keeps for itself: an app cannot have them as slash commands (Slack Help Center, "Use shortcuts and
/// slash commands in Slack"; a manifest with one of them is refused as a whole).
pub(super) const SLACK_KEEPS: &[&str] = &[
    "active",
    "apps",
    "archive",
    "away",
    "call",
    "close",
    "collapse",
    "dm",
    "dnd",
    "expand",
    "feed",
    "feedback",
    "help",
    "invite",
    "join",
    "keys",
    "kick",
    "leave",
    "list",
    "me",
    "msg",
    "mute",
    "open",
    "part",
    "prefs",
    "remind",
    "remove",
    "rename",
    "search",
    "shortcuts",
    "shrug",
    "star",
    "status",
    "topic",
    "unarchive",
    "who",
];

/// Longest summary or help text: Discord's limit of a command's and an option's description.
const LONGEST_SUMMARY: usize = 100;
/// Longest name: Discord's limit of a command's and an option's name, less the slash for Slack's 32.
const LONGEST_NAME: usize = 31;

const TOP_KEYS: &[&str] = &[
    "name", "aliases", "summary", "action", "role", "slash", "leads", "notes", "examples", "args", "forms",
    "pipeline",
];
const FORM_KEYS: &[&str] = &["word", "default", "summary", "action", "role", "examples", "args"];
const ARG_KEYS: &[&str] = &[
    "name", "kind", "required", "default", "option", "after", "rest", "help", "prompt", "choices", "min",
    "max", "longest", "pattern", "dash",
];

pub(super) use pipeline::{as_input, of_the_request};

/// Reads `text`, the content of `file`.
pub(super) fn read(file: &str, text: &str) -> Result<(CommandSpec, Spot), Vec<CommandFileProblem>> {
    let mut reader = Reader { file, text, problems: Vec::new(), is_pipeline: false };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        reader.problem(
            &error.span().unwrap_or_default(),
            format!("This is not TOML: {}.", error.message().trim_end_matches('.').replace('\n', ", ")),
            "Look at one of the built-in command files for the form.",
        );
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let command = reader.command(table.get_ref());
    match command {
        Some(command) if reader.problems.is_empty() => {
            let spot =
                table.get_ref().get("name").map_or_else(Spot::default, |name| reader.spot(&name.span()));
            Ok((command, spot))
        }
        _ => {
            reader.problems.sort_by_key(|problem| (problem.line, problem.column));
            Err(reader.problems)
        }
    }
}

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    problems: Vec<CommandFileProblem>,
    /// Whether its arguments go to a run.
    is_pipeline: bool,
}

impl Reader<'_> {
    fn problem(&mut self, at: &Range<usize>, what: impl Into<String>, instead: impl Into<String>) {
        let Spot { line, column } = self.spot(at);
        let (file, what, instead) = (self.file.to_owned(), what.into(), instead.into());
        self.problems.push(CommandFileProblem { file, line, column, what, instead });
    }

    /// Where these bytes begin.
    fn spot(&self, at: &Range<usize>) -> Spot {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Spot { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    fn command(&mut self, table: &DeTable<'_>) -> Option<CommandSpec> {
        let top = 0..0;
        self.unknown_keys(table, TOP_KEYS);
        let name = self.required(table, &top, "name", "name = \"restart\"");
        if let Some((name, at)) = &name {
            self.check_name(name, at);
            let own = Path::new(self.file).file_name().unwrap_or_default();
            if own != std::ffi::OsStr::new(&format!("{name}.toml")) {
                let instead = format!("Call the file {name}.toml, or change the name.");
                self.problem(at, format!("The command {name} is not in the file of its name."), instead);
            }
        }
        let aliases = self.texts(table, "aliases");
        for (alias, at) in &aliases {
            self.check_name(alias, at);
        }
        let summary = self.summary(table, &top, "summary");
        let slash = self.flag(table, "slash", true);
        if let Some((name, at)) =
            name.as_ref().filter(|(name, _)| slash && SLACK_KEEPS.contains(&name.as_str()))
        {
            let instead = format!("Write slash = false; people then say \"/shipgate {name}\".");
            self.problem(at, format!("Slack keeps /{name} for itself."), instead);
        }
        let leads = self.flag(table, "leads", false);
        let notes = self.texts(table, "notes").into_iter().map(|(note, _)| note).collect();
        let said = name.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
        let forms: Vec<FormSpec> = if table.contains_key("forms") {
            self.forms(table, &said)
        } else {
            self.form(table, &top, None, &said).into_iter().collect()
        };
        let pipeline = self.pipeline(table, &forms);
        Some(CommandSpec {
            name: name?.0,
            aliases: aliases.into_iter().map(|(alias, _)| alias).collect(),
            summary: summary?,
            slash,
            leads,
            notes,
            forms,
            pipeline,
        })
    }

    fn forms(&mut self, table: &DeTable<'_>, command: &str) -> Vec<FormSpec> {
        for key in ["action", "role", "examples", "args"] {
            if let Some(value) = table.get(key) {
                let what = format!("{key} stands beside forms.");
                self.problem(&value.span(), what, format!("Move {key} into each [[forms]]."));
            }
        }
        let mut forms: Vec<FormSpec> = Vec::new();
        for form in self.tables(table, "forms") {
            let (inner, at) = (form.get_ref(), form.span());
            let Some(inner) = inner.as_table() else { continue };
            self.unknown_keys(inner, FORM_KEYS);
            let Some((word, word_at)) = self.required(inner, &at, "word", "word = \"add\"") else { continue };
            self.check_name(&word, &word_at);
            if forms.iter().any(|form| form.word.as_ref() == Some(&word)) {
                self.problem(&word_at, format!("There are two forms {word}."), "Give each its own word.");
            }
            let Some(form) = self.form(inner, &at, Some(word), command) else { continue };
            if form.default && forms.iter().any(|form| form.default) {
                self.problem(&at, "Two forms are the default.", "Leave default = true to one of them.");
            }
            forms.push(form);
        }
        forms
    }

    fn form(
        &mut self,
        table: &DeTable<'_>,
        at: &Range<usize>,
        word: Option<String>,
        command: &str,
    ) -> Option<FormSpec> {
        let summary = if word.is_some() { self.summary(table, at, "summary") } else { Some(String::new()) };
        let default = word.is_none() || self.flag(table, "default", false);
        let action = self.word(table, at, "action", Action::ALL, Action::as_str, Action::from_word);
        self.is_pipeline = action == Some(Action::Pipeline);
        let role = self.word(table, at, "role", Role::ALL, Role::as_str, Role::from_word);
        let examples = self.texts(table, "examples");
        if examples.is_empty() {
            let instead =
                format!("Write examples = [\"{command} …\"]; help shows them and a test runs them.");
            self.problem(at, "There is no example.", instead);
        }
        for (example, span) in &examples {
            if !example.replacen(' ', "-", 1).starts_with(command) && !example.starts_with(command) {
                let instead = format!("Start it with {command}.");
                self.problem(span, format!("The example \"{example}\" says something else."), instead);
            }
        }
        let args = self.args(table);
        let examples = examples.into_iter().map(|(example, _)| example).collect();
        Some(FormSpec { word, default, summary: summary?, action: action?, role: role?, args, examples })
    }

    fn args(&mut self, table: &DeTable<'_>) -> Vec<ArgSpec> {
        let mut args = Vec::new();
        let mut spellings = BTreeSet::new();
        let mut rest = false;
        for arg in self.tables(table, "args") {
            let at = arg.span();
            let Some(inner) = arg.get_ref().as_table() else { continue };
            let Some(arg) = self.arg(inner, &at) else { continue };
            let own: BTreeSet<&str> = arg.spellings().collect();
            for spelling in own {
                if !spellings.insert(spelling.to_owned()) {
                    let what = format!("--{spelling} is there twice.");
                    self.problem(&at, what, "Give each argument its own name and option.");
                }
            }
            if arg.rest && std::mem::replace(&mut rest, true) {
                self.problem(
                    &at,
                    "Two arguments take the rest of the words.",
                    "Leave rest = true to one of them.",
                );
            }
            args.push(arg);
        }
        args
    }

    fn arg(&mut self, table: &DeTable<'_>, at: &Range<usize>) -> Option<ArgSpec> {
        self.unknown_keys(table, ARG_KEYS);
        let name = self.required(table, at, "name", "name = \"environment\"");
        if let Some((name, at)) = &name {
            self.check_name(name, at);
        }
        let kind = self.word(table, at, "kind", Kind::ALL, Kind::as_str, Kind::from_word);
        let required = self.flag(table, "required", false);
        let rest = self.flag(table, "rest", false);
        let default = self.optional(table, "default");
        let option = self.optional(table, "option");
        let after: Vec<_> = self.texts(table, "after");
        let help = self.summary(table, at, "help");
        let prompt = self.optional(table, "prompt").map(|(prompt, _)| prompt);
        let limits = kind.map(|kind| self.limits(table, at, kind)).unwrap_or_default();
        if let Some((option, at)) = &option {
            match option.strip_prefix("--") {
                Some(word) => self.check_name(word, at),
                None => self.problem(at, format!("{option} is not an option."), "Write it as \"--reason\"."),
            }
        }
        for (word, at) in &after {
            self.check_name(word, at);
        }
        let kind = kind?;
        if let Some((default, at)) = &default {
            self.check_default(kind, required, default, at);
        }
        if kind == Kind::Flag && (required || rest || !after.is_empty()) {
            let instead = "Leave required, rest and after out; a flag is given or not.";
            self.problem(at, "A flag has no value.", instead);
        }
        if rest && !matches!(kind, Kind::Text | Kind::Freeze) {
            self.problem(at, format!("A {kind} is one word."), "Use rest = true with kind = \"text\" only.");
        }
        Some(ArgSpec {
            name: name?.0,
            kind,
            required,
            default: default.map(|(default, _)| default),
            option: option.map(|(option, _)| option.trim_start_matches('-').to_owned()),
            after: after.into_iter().map(|(word, _)| word).collect(),
            rest,
            help: help?,
            prompt,
            limits,
        })
    }

    fn check_default(&mut self, kind: Kind, required: bool, default: &str, at: &Range<usize>) {
        let instead = match kind {
            Kind::Duration if times::duration(default).is_none() => "Write it as \"2h\" or \"30m\".",
            Kind::Time if times::WrittenTime::read(default).is_none() => "Write it as \"now\" or \"14:00\".",
            Kind::Number if default.parse::<i64>().is_err() => "Write it as \"3\".",
            Kind::Flag | Kind::Deploy | Kind::Freeze | Kind::Person => "Leave it out.",
            _ if required => "Leave required or default out; what has a default is never missing.",
            _ => return,
        };
        self.problem(at, format!("\"{default}\" cannot be the default of a {kind}."), instead);
    }

    fn check_name(&mut self, name: &str, at: &Range<usize>) {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fine = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= LONGEST_NAME
            && name.chars().all(letters)
            && !name.ends_with('-');
        if !fine {
            let instead = format!("Use a letter, then up to {} of a-z, 0-9 and -.", LONGEST_NAME - 1);
            self.problem(at, format!("\"{name}\" is not a name people can type everywhere."), instead);
        } else if name == super::ROOT {
            self.problem(at, format!("{name} is the name of the bot."), "Take another name.");
        }
    }

    fn summary(&mut self, table: &DeTable<'_>, at: &Range<usize>, key: &str) -> Option<String> {
        let (text, at) = self.required(table, at, key, &format!("{key} = \"One sentence.\""))?;
        let length = text.chars().count();
        if length == 0 || length > LONGEST_SUMMARY || text.contains('\n') {
            let instead = format!("Write one line of 1 to {LONGEST_SUMMARY} characters.");
            self.problem(&at, format!("{key} has {length} characters."), instead);
        }
        Some(text)
    }

    fn unknown_keys(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys() {
            let word = key.get_ref().as_ref();
            if !known.contains(&word) {
                let instead = match nearest(word, known.iter().copied()) {
                    Some(meant) => format!("Did you mean {meant}?"),
                    None => format!("Known here: {}.", known.join(", ")),
                };
                self.problem(&key.span(), format!("There is no key {word}."), instead);
            }
        }
    }

    /// One of a fixed list of words.
    fn word<T: Copy>(
        &mut self,
        table: &DeTable<'_>,
        at: &Range<usize>,
        key: &str,
        all: &[T],
        spelt: fn(T) -> &'static str,
        read: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let known: Vec<&str> = all.iter().map(|one| spelt(*one)).collect();
        let example = format!("{key} = \"{}\"", known[0]);
        let (word, at) = self.required(table, at, key, &example)?;
        let value = read(&word);
        if value.is_none() {
            let list = format!("Known: {}.", known.join(", "));
            let instead = match nearest(&word, known) {
                Some(meant) => format!("Did you mean {meant}? {list}"),
                None => list,
            };
            self.problem(&at, format!("There is no {key} \"{word}\"."), instead);
        }
        value
    }

    fn required(
        &mut self,
        table: &DeTable<'_>,
        at: &Range<usize>,
        key: &str,
        example: &str,
    ) -> Option<(String, Range<usize>)> {
        if !table.contains_key(key) {
            self.problem(at, format!("There is no {key}."), format!("Write {example}."));
        }
        self.optional(table, key)
    }

    fn optional(&mut self, table: &DeTable<'_>, key: &str) -> Option<(String, Range<usize>)> {
        let value = table.get(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some((text.to_owned(), value.span())),
            None => {
                self.problem(&value.span(), format!("{key} is not text."), format!("Write {key} = \"…\"."));
                None
            }
        }
    }

    fn flag(&mut self, table: &DeTable<'_>, key: &str, absent: bool) -> bool {
        let Some(value) = table.get(key) else { return absent };
        value.get_ref().as_bool().unwrap_or_else(|| {
            let instead = format!("Write {key} = {}.", !absent);
            self.problem(&value.span(), format!("{key} is neither true nor false."), instead);
            absent
        })
    }

    fn texts(&mut self, table: &DeTable<'_>, key: &str) -> Vec<(String, Range<usize>)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let items = value.get_ref().as_array().map(|array| {
            array
                .iter()
                .map(|item| Some((item.get_ref().as_str()?.to_owned(), item.span())))
                .collect::<Option<_>>()
        });
        items.flatten().unwrap_or_else(|| {
            self.problem(
                &value.span(),
                format!("{key} is not a list of texts."),
                format!("Write {key} = [\"…\"]."),
            );
            Vec::new()
        })
    }

    fn tables<'d>(&mut self, table: &'d DeTable<'_>, key: &str) -> Vec<&'d Spanned<DeValue<'d>>> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let array = value.get_ref().as_array();
        if let Some(array) = array.filter(|array| array.iter().all(|item| item.get_ref().is_table())) {
            return array.iter().collect();
        }
        self.problem(
            &value.span(),
            format!("{key} is not a list of tables."),
            format!("Write [[{key}]] above each."),
        );
        Vec::new()
    }
}
