//! Reads one value as one kind of argument. Which word is which argument is decided in `parse.rs`.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::near::nearest;
use super::refusal::{Code, Refusal, shown};
use super::times::{self, WrittenTime};
use super::vocabulary::Kind;
use super::words;

/// One understood argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arg {
    /// A service, spelt as in the settings.
    Service(String),
    /// An environment, spelt as in the settings; aliases are gone.
    Environment(String),
    /// At most 200 bytes of `[A-Za-z0-9._/+-]`, no leading dash, no `..`. Not resolved yet.
    Version(String),
    /// A person's name without `@`, or a platform's id.
    Person(String),
    /// One minute to a year.
    Duration(SignedDuration),
    /// To be resolved with a clock and a zone.
    Time(WrittenTime),
    /// One of the words that the command's file lists, spelt as there.
    Choice(String),
    /// A whole number.
    Number(i64),
    /// Prose on one line, never empty, without hidden characters. Still to be escaped wherever it is shown.
    Text(String),
    /// The flag was given.
    Flag,
    /// The end of a deploy's id (or all of it): upper-case Crockford base 32.
    Deploy(String),
    /// A freeze's name.
    Freeze(String),
    /// A command's name, with its second word if it has one: `freeze add`.
    Command(String),
}

impl Arg {
    /// The words, for all kinds that are words.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Service(text)
            | Self::Environment(text)
            | Self::Version(text)
            | Self::Person(text)
            | Self::Choice(text)
            | Self::Text(text)
            | Self::Deploy(text)
            | Self::Freeze(text)
            | Self::Command(text) => Some(text),
            Self::Duration(_) | Self::Time(_) | Self::Number(_) | Self::Flag => None,
        }
    }
}

/// The names that exist here and now. The parser suggests from them and never invents one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// All services.
    pub services: Vec<String>,
    /// The one that is meant when none is said.
    pub default_service: Option<String>,
    /// All environments, each with its aliases.
    pub environments: Vec<(String, Vec<String>)>,
    /// People, as they are named in the settings. Empty: any name is taken, the use case looks it up.
    pub people: Vec<String>,
    /// Planned and running freezes. Empty: any name is taken, the use case looks it up.
    pub freezes: Vec<String>,
    /// Whole ids of deploys that may be meant. May be empty; it helps to tell an id from a word.
    pub deploys: Vec<String>,
}

impl Names {
    /// The service of this name, in any case.
    pub(super) fn service(&self, word: &str) -> Option<&str> {
        self.services.iter().map(String::as_str).find(|name| same(name, word))
    }

    /// The environment of this name or alias, in any case.
    pub(super) fn environment(&self, word: &str) -> Option<&str> {
        let by_name = self.environments.iter().find(|(name, _)| same(name, word));
        let by_alias =
            || self.environments.iter().find(|(_, also)| also.iter().any(|alias| same(alias, word)));
        by_name.or_else(by_alias).map(|(name, _)| name.as_str())
    }

    /// The service that is meant when none is said: the default, or the only one.
    pub(super) fn usual_service(&self) -> Option<&str> {
        let only = || <&[String; 1]>::try_from(self.services.as_slice()).ok().map(|[only]| only.as_str());
        self.default_service.as_deref().or_else(only)
    }

    /// Spellings people use for this kind, for suggestions.
    pub(super) fn spellings(&self, kind: Kind) -> Vec<&str> {
        match kind {
            Kind::Service => self.services.iter().map(String::as_str).collect(),
            Kind::Environment => {
                let names = self.environments.iter().map(|(name, _)| name.as_str());
                let aliases = self.environments.iter().flat_map(|(_, also)| also.iter().map(String::as_str));
                names.chain(aliases).collect()
            }
            Kind::Person => self.people.iter().map(String::as_str).collect(),
            Kind::Freeze => self.freezes.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The refusal of a word that names none of this kind.
    pub(super) fn unknown(&self, kind: Kind, word: &str) -> Refusal {
        let spellings = self.spellings(kind);
        let near = nearest(word, spellings.iter().copied());
        let known: Vec<&str> = match kind {
            Kind::Environment => self.environments.iter().map(|(name, _)| name.as_str()).collect(),
            _ => spellings,
        };
        Refusal::unknown(kind, word, near, &known)
    }

    /// A known spelling of this kind that `word` is probably a mistake of.
    pub(super) fn near(&self, kind: Kind, word: &str) -> Option<&str> {
        nearest(word, self.spellings(kind))
    }

    /// Whether a word in a sentence is the id of a deploy: a known one's end, or it looks like nothing else.
    pub(super) fn is_deploy_among_prose(&self, word: &str) -> bool {
        let Some(id) = deploy_id(word) else { return false };
        let known = self.deploys.iter().any(|deploy| deploy.to_ascii_uppercase().ends_with(&id));
        let digit = word.contains(|c: char| c.is_ascii_digit());
        let shouted = word.len() >= SHOWN_ID && !word.contains(|c: char| c.is_ascii_lowercase());
        known || digit || shouted
    }
}

fn same(left: &str, right: &str) -> bool {
    left == right || left.to_lowercase() == right.to_lowercase()
}

/// Reads `text` as a value of `kind`. Commands are not read here, they need the grammar.
pub(super) fn read(kind: Kind, text: &str, names: &Names) -> Result<Arg, Refusal> {
    let text = text.trim();
    if !matches!(kind, Kind::Text | Kind::Freeze) {
        check_visible(text)?;
    }
    match kind {
        Kind::Service => match names.service(text) {
            Some(name) => Ok(Arg::Service(name.to_owned())),
            None => Err(names.unknown(kind, text)),
        },
        Kind::Environment => match names.environment(text) {
            Some(name) => Ok(Arg::Environment(name.to_owned())),
            None => Err(names.unknown(kind, text)),
        },
        Kind::Version => version(text).map(Arg::Version),
        Kind::Person => person(text, names).map(Arg::Person),
        Kind::Duration => times::duration(text).map(Arg::Duration).ok_or_else(|| {
            let why = "Lengths are minutes, hours, days or weeks, from one minute to a year.";
            Refusal::new(
                Code::BadDuration,
                format!("{} is not a length of time.", shown(text)),
                why,
                DURATIONS,
            )
        }),
        Kind::Time => WrittenTime::read(text).map(Arg::Time).ok_or_else(|| {
            let why = "Times are a day, a time of 24 hours, or both.";
            Refusal::new(Code::BadTime, format!("{} is not a point in time.", shown(text)), why, TIMES)
        }),
        Kind::Choice => Ok(Arg::Choice(text.to_owned())),
        Kind::Number => text.parse().map(Arg::Number).map_err(|_| {
            let what = format!("{} is not a number.", shown(text));
            Refusal::new(Code::BadValue, what, "Whole numbers have digits only.", "Write it like 3.")
        }),
        Kind::Text => Ok(Arg::Text(words::readable(text))),
        Kind::Flag => Ok(Arg::Flag),
        Kind::Deploy => deploy_id(text).map(Arg::Deploy).ok_or_else(|| not_a_deploy(text)),
        Kind::Freeze => {
            let text = words::readable(text);
            match names.freezes.iter().find(|name| same(name, &text)) {
                Some(name) => Ok(Arg::Freeze(name.clone())),
                None if names.freezes.is_empty() => Ok(Arg::Freeze(text)),
                None => Err(names.unknown(kind, &text)),
            }
        }
        Kind::Command => Ok(Arg::Command(text.to_lowercase())),
    }
}

/// The refusal of a word where a deploy's id should be.
pub(super) fn not_a_deploy(word: &str) -> Refusal {
    let why = "An id is the last six letters and digits on a deploy's card.";
    let next = "Copy it from the card, or leave it out if only one deploy can be meant.";
    Refusal::new(Code::BadDeploy, format!("{} is not the id of a deploy.", shown(word)), why, next)
}

const DURATIONS: &str = "Write it like 30m, 2h, 1h30m or 1d.";
const TIMES: &str = "Write it like 14:00, Fri 15:00, tomorrow 09:00, 2026-11-26 or 2026-11-26T14:00.";

fn check_visible(text: &str) -> Result<(), Refusal> {
    let Some(hidden) = text.chars().find(|c| shipgate_domain::hidden::is_hidden(*c)) else { return Ok(()) };
    Err(Refusal::new(
        Code::ForbiddenCharacter,
        format!("{} contains the hidden character U+{:04X}.", shown(text), u32::from(hidden)),
        "Hidden characters make one name look like another.",
        "Type the word by hand instead of pasting it.",
    ))
}

/// Longest version, in bytes: the domain's limit.
const LONGEST_VERSION: usize = 200;

/// Whether a word can be a version at all.
fn version(text: &str) -> Result<String, Refusal> {
    let refused = |why: String| {
        let what = format!("{} cannot be a version.", shown(text));
        Err(Refusal::new(Code::BadVersion, what, why, "Give a tag, a branch or a commit, such as v1.2.3."))
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '+' | '-');
    if let Some(stranger) = text.chars().find(|c| !allowed(*c)) {
        return refused(format!(
            "Versions have letters, digits and . _ / + -, but not {}.",
            shown(&stranger.to_string())
        ));
    }
    match text {
        "" => refused("It is empty.".to_owned()),
        _ if text.len() > LONGEST_VERSION => {
            refused(format!("It is longer than {LONGEST_VERSION} characters."))
        }
        _ if text.starts_with('-') => refused("It starts with a dash.".to_owned()),
        _ if text.contains("..") => refused("Two dots are a range, not a version.".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Branches everybody has; never taken for a typing mistake of a name.
const USUAL_BRANCHES: &[&str] = &["main", "master", "trunk", "develop", "head", "next", "latest", "stable"];

/// Whether a word is surely meant as a version: a digit, a dot, a slash, 7 to 64 hex digits, or a usual branch.
pub(super) fn looks_like_version(word: &str) -> bool {
    let hex = (7..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
    let marked = word.contains(|c: char| c.is_ascii_digit() || matches!(c, '.' | '/'));
    hex || marked || USUAL_BRANCHES.iter().any(|branch| branch.eq_ignore_ascii_case(word))
}

/// What a card shows of a deploy's id.
const SHOWN_ID: usize = 6;
/// The least that is taken for an id.
const SHORTEST_ID: usize = 4;
/// A whole id.
const WHOLE_ID: usize = 26;

/// Crockford's base 32 (base32 of Douglas Crockford): no I, L, O, U.
fn deploy_id(word: &str) -> Option<String> {
    let word = word.strip_prefix('#').unwrap_or(word);
    let crockford =
        |b: u8| b.is_ascii_alphanumeric() && !matches!(b.to_ascii_uppercase(), b'I' | b'L' | b'O' | b'U');
    ((SHORTEST_ID..=WHOLE_ID).contains(&word.len()) && word.bytes().all(crockford))
        .then(|| word.to_ascii_uppercase())
}

/// `@ada`, `ada`, `<@U0ADA>`, `<@U0ADA|ada>` or `<@!1001>`: what Slack and Discord make of a mention.
fn person(word: &str, names: &Names) -> Result<String, Refusal> {
    let mention = word.strip_prefix("<@").and_then(|inner| inner.strip_suffix('>'));
    if let Some(inner) = mention {
        let id = inner.split('|').next().unwrap_or(inner).trim_start_matches('!');
        if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(id.to_owned());
        }
    }
    let name = word.strip_prefix('@').unwrap_or(word);
    match names.people.iter().find(|known| same(known, name)) {
        Some(known) => Ok(known.clone()),
        None if names.people.is_empty() && !name.is_empty() && mention.is_none() => Ok(name.to_owned()),
        None => Err(names.unknown(Kind::Person, name)),
    }
}
