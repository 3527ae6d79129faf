//! Why words were not understood, in words for people. Refusals of the rules (gates) live elsewhere.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::near::nearest;
use super::spec::ArgSpec;
use super::vocabulary::Kind;

/// A command that was not understood. It changed nothing.
///
/// Names and words of the person appear in the texts between ‘ ’, cut short and without control or bidirectional
/// characters; whoever renders them still has to treat them as plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    code: Code,
    /// What happened, one sentence.
    pub what: String,
    /// Why, one sentence.
    pub why: String,
    /// What to do next, one sentence.
    pub next: String,
    /// The one name that was probably meant.
    pub meant: Option<String>,
}

impl Refusal {
    /// Stable name for logs, tests and the API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.code {
            Code::TooLong => "text_too_long",
            Code::OpenQuote => "open_quote",
            Code::ForbiddenCharacter => "forbidden_character",
            Code::UnknownCommand => "unknown_command",
            Code::UnknownService => "unknown_service",
            Code::UnknownEnvironment => "unknown_environment",
            Code::UnknownPerson => "unknown_person",
            Code::UnknownFreeze => "unknown_freeze",
            Code::UnknownName => "unknown_name",
            Code::UnknownOption => "unknown_option",
            Code::OptionWithoutValue => "option_without_value",
            Code::OptionTakesNoValue => "option_takes_no_value",
            Code::Twice => "given_twice",
            Code::Ambiguous => "ambiguous_word",
            Code::TooManyWords => "too_many_words",
            Code::BadVersion => "bad_version",
            Code::BadDeploy => "bad_deploy_id",
            Code::BadDuration => "bad_duration",
            Code::BadTime => "bad_time",
            Code::BadValue => "bad_value",
            Code::LooksSecret => "looks_like_a_secret",
        }
    }

    pub(super) fn new(code: Code, what: String, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, what, why: why.into(), next: next.into(), meant: None }
    }

    /// There is nothing of this name; `nearest` is offered, else the names that exist.
    pub(super) fn unknown(kind: Kind, word: &str, nearest: Option<&str>, known: &[&str]) -> Self {
        let (code, noun) = match kind {
            Kind::Service => (Code::UnknownService, "service"),
            Kind::Environment => (Code::UnknownEnvironment, "environment"),
            Kind::Person => (Code::UnknownPerson, "person"),
            Kind::Freeze => (Code::UnknownFreeze, "freeze"),
            Kind::Command => (Code::UnknownCommand, "command"),
            Kind::Version
            | Kind::Duration
            | Kind::Time
            | Kind::Choice
            | Kind::Number
            | Kind::Text
            | Kind::Flag
            | Kind::Deploy => (Code::UnknownName, "name"),
        };
        let article = if noun.starts_with('e') { "an" } else { "a" };
        let why = match known {
            [] => format!("No {noun} is known here."),
            [only] => format!("The only {noun} is {only}."),
            many if many.len() <= LISTED => format!("Known are {}.", many.join(", ")),
            many => format!("Known are {} and {} more.", many[..LISTED].join(", "), many.len() - LISTED),
        };
        let next = match nearest {
            Some(name) => format!("Did you mean {name}?"),
            None if kind == Kind::Command => "“help” lists what you can say.".to_owned(),
            None => format!("Write {article} {noun} that exists."),
        };
        let what = format!("There is no {noun} {}.", shown(word));
        Self { meant: nearest.map(str::to_owned), ..Self::new(code, what, why, next) }
    }

    pub(super) fn also(mut self, next: &str) -> Self {
        self.next.push(' ');
        self.next.push_str(next);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.what, self.why, self.next)
    }
}

impl std::error::Error for Refusal {}

/// Names that fit into one readable sentence.
const LISTED: usize = 20;

/// The kinds of refusals; their stable names are in [`Refusal::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    TooLong,
    OpenQuote,
    ForbiddenCharacter,
    UnknownCommand,
    UnknownService,
    UnknownEnvironment,
    UnknownPerson,
    UnknownFreeze,
    UnknownName,
    UnknownOption,
    OptionWithoutValue,
    OptionTakesNoValue,
    Twice,
    Ambiguous,
    TooManyWords,
    BadVersion,
    BadDeploy,
    BadDuration,
    BadTime,
    BadValue,
    LooksSecret,
}

/// A person's word as it may stand in a sentence: short, visible, between quotes.
pub(super) fn shown(word: &str) -> String {
    const LONGEST: usize = 40;
    let visible = word.chars().map(|c| if shipgate_domain::hidden::is_hidden(c) { '\u{fffd}' } else { c });
    let mut text: String = visible.clone().take(LONGEST).collect();
    if visible.count() > LONGEST {
        text.push('…');
    }
    format!("‘{text}’")
}

/// The same without its quotes, for a line to copy.
pub(super) fn typed(word: &str) -> String {
    shown(word).trim_matches(['‘', '’']).to_owned()
}

/// An option this command does not have.
pub(super) fn unknown_option<'s>(name: &str, known: impl Iterator<Item = &'s str>) -> Refusal {
    let known: Vec<&str> = known.collect();
    let near = nearest(name, known.iter().copied());
    let why = match known.as_slice() {
        [] => "This command has no options.".to_owned(),
        _ => format!("Known here: --{}.", known.join(", --")),
    };
    let next = match near {
        Some(near) => format!("Did you mean --{near}?"),
        None => "Leave it out, or put it in quotes if it is part of a text.".to_owned(),
    };
    let mut refusal =
        Refusal::new(Code::UnknownOption, format!("There is no option {}.", shown(name)), why, next);
    refusal.meant = near.map(|near| format!("--{near}"));
    refusal
}

/// An option at the end, or before another one.
pub(super) fn without_value(arg: &ArgSpec) -> Refusal {
    let option = arg.option.as_deref().unwrap_or(&arg.name);
    let example = match arg.kind {
        Kind::Duration => "2h",
        Kind::Time => "\"Fri 15:00\"",
        Kind::Text => "\"tests are red\"",
        _ => "…",
    };
    Refusal::new(
        Code::OptionWithoutValue,
        format!("--{option} stands without its {}.", arg.kind),
        format!("It means: {}", arg.help),
        format!("Write --{option} {example}, or leave it out."),
    )
}

/// A word of two meanings.
pub(super) fn ambiguous(word: &str, kinds: &[Kind]) -> Refusal {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let next: Vec<String> = kinds.iter().map(|kind| format!("--{kind} {}", typed(word))).collect();
    Refusal::new(
        Code::Ambiguous,
        format!("{} can be meant in two ways.", shown(word)),
        format!("It may be the {}.", kinds.join(" or the ")),
        format!("Write {}.", next.join(" or ")),
    )
}

/// One more than a command takes.
pub(super) fn twice(what: &str, word: &str) -> Refusal {
    Refusal::new(
        Code::Twice,
        format!("{} is one {what} too many.", shown(word)),
        format!("A command takes one {what}."),
        format!("Leave one {what} out."),
    )
}

/// A word that is nothing here.
pub(super) fn too_many(word: &str) -> Refusal {
    Refusal::new(
        Code::TooManyWords,
        format!("{} fits nowhere in this command.", shown(word)),
        "Everything this command takes was already said, or the word is not one of its arguments.",
        "Leave it out; a text of several words needs quotes.",
    )
}
