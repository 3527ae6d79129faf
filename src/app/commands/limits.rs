//! What the value of an argument must be like, besides its kind: a listed word, a number between two, a text that is
//! not too long. Not here: reading it as its kind (`values`).

use super::near::nearest;
use super::refusal::{Code, Refusal, shown};
use super::spec::ArgSpec;
use super::values::Arg;
use serde::{Deserialize, Serialize};
use shipgate_domain::glob::fits_name;

/// A text that goes to a run has at most so many characters, unless its file says another number.
pub const USUAL_LENGTH: usize = 200;

/// What a value must be like. Nothing is asked by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The words to choose from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The smallest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The largest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// The most characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest: Option<usize>,
    /// A pattern in which `*` stands for any characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Whether it must not begin with a dash: a program could take it for an option.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_dash: bool,
}

impl Limits {
    /// Whether nothing is asked.
    #[must_use]
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

impl ArgSpec {
    /// The value as the file spells it, if it is like it must be.
    pub(super) fn fitted(&self, value: Arg) -> Result<Arg, Refusal> {
        let (limits, name) = (&self.limits, &self.name);
        let fitted = match value {
            Arg::Choice(word) => Arg::Choice(self.chosen(&word)?.to_owned()),
            Arg::Number(number) => {
                let is_inside =
                    limits.min.is_none_or(|min| number >= min) && limits.max.is_none_or(|max| number <= max);
                if !is_inside {
                    return Err(self.outside(number));
                }
                Arg::Number(number)
            }
            Arg::Text(text) => {
                let length = text.chars().count();
                if let Some(longest) = limits.longest.filter(|longest| length > *longest) {
                    let what = format!("The {name} has {length} characters.");
                    let why = format!("At most {longest} are taken.");
                    return Err(Refusal::new(Code::TooLong, what, why, "Shorten it."));
                }
                if let Some(pattern) = limits.pattern.as_ref().filter(|pattern| !fits_name(pattern, &text)) {
                    let why = format!("The {name} must fit {}, where * stands for anything.", shown(pattern));
                    let what = format!("{} cannot be the {name}.", shown(&text));
                    return Err(Refusal::new(Code::BadValue, what, why, "Write it like that."));
                }
                Arg::Text(text)
            }
            other => other,
        };
        let is_dashed = match &fitted {
            Arg::Text(text) | Arg::Choice(text) => text.starts_with('-'),
            Arg::Number(number) => *number < 0,
            Arg::Service(_)
            | Arg::Environment(_)
            | Arg::Version(_)
            | Arg::Person(_)
            | Arg::Duration(_)
            | Arg::Time(_)
            | Arg::Flag
            | Arg::Deploy(_)
            | Arg::Freeze(_)
            | Arg::Command(_) => false,
        };
        if limits.no_dash && is_dashed {
            let what = format!("The {name} begins with a dash.");
            let why = "A program could take it for one of its options.";
            return Err(Refusal::new(Code::BadValue, what, why, "Leave the dash out."));
        }
        Ok(fitted)
    }

    fn chosen(&self, word: &str) -> Result<&str, Refusal> {
        let choices = &self.limits.choices;
        if let Some(choice) = choices.iter().find(|choice| choice.to_lowercase() == word.to_lowercase()) {
            return Ok(choice);
        }
        let what = format!("{} cannot be the {}.", shown(word), self.name);
        let why = format!("It is one of {}.", choices.join(", "));
        let meant = nearest(word, choices.iter().map(String::as_str));
        let next = match meant {
            Some(meant) => format!("Did you mean {meant}?"),
            None => "Write one of these.".to_owned(),
        };
        let mut refusal = Refusal::new(Code::BadValue, what, why, next);
        refusal.meant = meant.map(str::to_owned);
        Err(refusal)
    }

    fn outside(&self, number: i64) -> Refusal {
        let why = match (self.limits.min, self.limits.max) {
            (Some(min), Some(max)) => format!("It must be from {min} to {max}."),
            (Some(min), None) => format!("It must be at least {min}."),
            (None, Some(max)) => format!("It must be at most {max}."),
            (None, None) => String::new(),
        };
        let what = format!("{number} cannot be the {}.", self.name);
        Refusal::new(Code::BadValue, what, why, "Write a number between them.")
    }
}
