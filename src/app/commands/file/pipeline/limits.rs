//! What a value must be like: choices, least and most, length, pattern. Not here: reading a value (`values`).

use super::at_of;
use crate::commands::file::Reader;
use crate::commands::limits::{Limits, USUAL_LENGTH};
use crate::commands::vocabulary::Kind;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::de::DeTable;

const MOST_CHOICES: usize = 100;
const LONGEST_TEXT: i64 = 1_000;

impl Reader<'_> {
    /// What a value must be like. Keys that mean nothing to its kind are told.
    pub(in crate::commands::file) fn limits(
        &mut self,
        table: &DeTable<'_>,
        at: &Range<usize>,
        kind: Kind,
    ) -> Limits {
        for (key, of) in [
            ("choices", Kind::Choice),
            ("min", Kind::Number),
            ("max", Kind::Number),
            ("longest", Kind::Text),
            ("pattern", Kind::Text),
        ] {
            if kind != of && table.contains_key(key) {
                let instead = format!("Leave it out, or write kind = \"{of}\".");
                self.problem(&at_of(table, key), format!("{key} means nothing to a {kind}."), instead);
            }
        }
        let choices = self.choices(table, at, kind);
        let min = self.whole(table, "min", i64::MIN, i64::MAX);
        let max = self.whole(table, "max", i64::MIN, i64::MAX);
        if min.zip(max).is_some_and(|(min, max)| min > max) {
            self.problem(&at_of(table, "min"), "No number is between min and max.", "Swap them.");
        }
        let longest = self.whole(table, "longest", 1, LONGEST_TEXT);
        let pattern = self.optional(table, "pattern").map(|(pattern, _)| pattern);
        let dash = self.flag(table, "dash", false);
        let is_data = self.is_pipeline;
        Limits {
            choices,
            min,
            max,
            longest: (is_data && kind == Kind::Text)
                .then(|| longest.and_then(|longest| usize::try_from(longest).ok()).unwrap_or(USUAL_LENGTH)),
            pattern,
            no_dash: is_data && !dash && matches!(kind, Kind::Text | Kind::Choice | Kind::Number),
        }
    }

    fn choices(&mut self, table: &DeTable<'_>, at: &Range<usize>, kind: Kind) -> Vec<String> {
        let choices = self.texts(table, "choices");
        if kind == Kind::Choice && !table.contains_key("choices") {
            self.problem(at, "There is nothing to choose from.", "Write choices = [\"on\", \"off\"].");
        }
        if table.contains_key("choices") && !(2..=MOST_CHOICES).contains(&choices.len()) {
            let instead = format!("Write 2 to {MOST_CHOICES} of them.");
            self.problem(&at_of(table, "choices"), format!("choices has {}.", choices.len()), instead);
        }
        let mut seen = BTreeSet::new();
        for (choice, at) in &choices {
            let is_word =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '+' | '-' | ':');
            if choice.is_empty() || choice.len() > 75 || !choice.chars().all(is_word) {
                let instead = "Use up to 75 letters, digits and . _ / + - : in each.";
                self.problem(at, format!("\"{choice}\" is not one word that people can type."), instead);
            }
            if choice.starts_with('-') {
                self.problem(
                    at,
                    format!("\"{choice}\" looks like an option."),
                    "Begin with a letter or digit.",
                );
            }
            if !seen.insert(choice.to_lowercase()) {
                self.problem(at, format!("\"{choice}\" is there twice."), "Leave one out.");
            }
            self.check_secret(choice, at);
        }
        choices.into_iter().map(|(choice, _)| choice).collect()
    }

    /// A whole number between two.
    pub(super) fn whole(&mut self, table: &DeTable<'_>, key: &str, least: i64, most: i64) -> Option<i64> {
        let value = table.get(key)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok());
        match number {
            Some(number) if (least..=most).contains(&number) => Some(number),
            Some(_) => {
                let instead = format!("Write a number from {least} to {most}.");
                self.problem(&value.span(), format!("{key} is out of reach."), instead);
                None
            }
            None => {
                let instead = format!("Write {key} = 1, without quotes.");
                self.problem(&value.span(), format!("{key} is not a whole number."), instead);
                None
            }
        }
    }
}
