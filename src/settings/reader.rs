//! Reads values of one table after the other, notes what is wrong with them and goes on. Not here: what they mean.

use super::keys::{self, Known};
use super::near::{advice, nearest};
use super::problem::{Finding, is_harmless};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What was found so far, and which keys were asked for.
#[derive(Debug, Default)]
pub(super) struct Log {
    findings: RefCell<Vec<Finding>>,
    asked: RefCell<BTreeSet<String>>,
}

impl Log {
    pub(super) fn add(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }

    /// Every value that was looked for, by its path in the list of keys.
    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }
}

/// A text and the bytes of the file that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Range<usize>,
}

impl Word {
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// A list of texts, with the place of the whole list.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) words: Vec<Word>,
    pub(super) place: Range<usize>,
}

/// One table of the file.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    table: &'a DeTable<'a>,
    /// Where its name stands.
    pub(super) place: Range<usize>,
    /// Its path in the list of keys: `environments.*`.
    path: String,
    /// As people wrote it: `environments.production`.
    pub(super) title: String,
    /// One of a list of tables: `[[freezes]]`.
    is_listed: bool,
    log: &'a Log,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(table: &'a DeTable<'a>, log: &'a Log) -> Self {
        Self { table, place: 0..0, path: String::new(), title: String::new(), is_listed: false, log }
    }

    pub(super) fn note(&self, finding: Finding) {
        self.log.add(finding);
    }

    /// What people call a key of this table, for messages.
    fn name_of(&self, key: &str) -> String {
        if self.title.is_empty() { clip(key) } else { format!("{}.{}", self.title, clip(key)) }
    }

    /// `" in [http]"`, for messages; nothing for the whole file.
    fn heading(&self) -> String {
        match (self.title.as_str(), self.is_listed) {
            ("", _) => String::new(),
            (title, false) => format!(" in [{title}]"),
            (title, true) => format!(" in [[{title}]]"),
        }
    }

    fn entry(&self, key: &str) -> Option<(Range<usize>, &'a Spanned<DeValue<'a>>)> {
        let (path, _) =
            keys::child(&self.path, key).unwrap_or_else(|| panic!("{}.{key} is not in KEYS", self.path));
        self.log.asked.borrow_mut().insert(path);
        let found = self.table.iter().find(|(name, _)| name.get_ref() == key);
        found.map(|(name, value)| (name.span(), value))
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str, example: &str) {
        let what = format!("`{}` is {}, not {wanted}", self.name_of(key), kind(value.get_ref()));
        self.note(Finding::at(value.span(), "wrong_type", what).instead(format!("write {key} = {example}")));
    }

    /// Where the key stands, if it does.
    pub(super) fn place_of(&self, key: &str) -> Option<Range<usize>> {
        self.entry(key).map(|(place, _)| place)
    }

    /// Notes that a key must be there.
    pub(super) fn missing(&self, key: &str, why: &str, example: &str) {
        let what = format!("`{key}` is missing{}", self.heading());
        self.note(
            Finding::at(self.place.clone(), "missing", what)
                .why(why)
                .instead(format!("write {key} = {example}")),
        );
    }

    /// A text.
    pub(super) fn text(&self, key: &str, example: &str) -> Option<Word> {
        let (_, value) = self.entry(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Word { text: text.to_string(), place: value.span() }),
            _ => {
                self.wrong_type(key, value, "a text", &format!("\"{example}\""));
                None
            }
        }
    }

    /// A text, or a date and time without quotes.
    pub(super) fn time(&self, key: &str, example: &str) -> Option<Word> {
        let (_, value) = self.entry(key)?;
        match value.get_ref() {
            DeValue::Datetime(time) => Some(Word { text: time.to_string(), place: value.span() }),
            _ => self.text(key, example),
        }
    }

    /// A text in the form of `T`. The error's own words say what is wrong and what to write.
    pub(super) fn parsed<T>(&self, key: &str, code: &'static str, example: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let word = self.text(key, example)?;
        self.parse(&word, code, example)
    }

    /// The same for a text that was read before.
    pub(super) fn parse<T>(&self, word: &Word, code: &'static str, example: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match word.text.parse() {
            Ok(value) => Some(value),
            Err(why) => {
                self.refuse(word.place.clone(), code, &why.to_string(), &format!("\"{example}\""));
                None
            }
        }
    }

    /// Notes what a domain type said: its sentence is "what; write this instead", or "what" alone.
    pub(super) fn refuse(&self, place: Range<usize>, code: &'static str, said: &str, example: &str) {
        let (what, instead) = match said.split_once("; ") {
            Some((what, instead)) => (what, instead.to_owned()),
            None => (said, format!("write for example {example}")),
        };
        self.note(Finding::at(place, code, what).instead(instead));
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let word = self.text(key, choices[0].0)?;
        let found = choices.iter().find(|(name, _)| *name == word.text);
        if found.is_none() {
            let what = format!("`{}` cannot be “{}”", self.name_of(key), clip(&word.text));
            let names = choices.iter().map(|(name, _)| *name);
            let instead = advice(&word.text, names);
            self.note(Finding::at(word.place, "unknown_word", what).instead(instead));
        }
        found.map(|(_, value)| *value)
    }

    /// A whole number from 0 to 1000.
    pub(super) fn count(&self, key: &str) -> Option<(u32, Range<usize>)> {
        let (_, value) = self.entry(key)?;
        let DeValue::Integer(number) = value.get_ref() else {
            self.wrong_type(key, value, "a whole number", "1");
            return None;
        };
        match u32::from_str_radix(number.as_str(), number.radix()) {
            Ok(count) if count <= 1000 => Some((count, value.span())),
            _ => {
                let what = format!("`{}` is {}", self.name_of(key), number.as_str());
                self.note(
                    Finding::at(value.span(), "out_of_range", what).instead("write a number from 0 to 1000"),
                );
                None
            }
        }
    }

    /// A whole number from 1 on.
    pub(super) fn number(&self, key: &str) -> Option<(u64, Range<usize>)> {
        let (_, value) = self.entry(key)?;
        let DeValue::Integer(number) = value.get_ref() else {
            self.wrong_type(key, value, "a whole number", "583231");
            return None;
        };
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if number > 0 => Some((number, value.span())),
            _ => {
                let what = format!("`{}` is {}", self.name_of(key), number.as_str());
                self.note(
                    Finding::at(value.span(), "out_of_range", what).instead("write a number from 1 on"),
                );
                None
            }
        }
    }

    /// Whether the key holds a table.
    pub(super) fn is_table(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|(_, value)| value.get_ref().is_table())
    }

    /// Whether the key holds a list.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|(_, value)| value.get_ref().is_array())
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let (_, value) = self.entry(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(key, value, "true or false", "true");
        }
        flag
    }

    /// A list of texts.
    pub(super) fn list(&self, key: &str, example: &str) -> Option<Words> {
        let (_, value) = self.entry(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(key, value, "a list", example);
            return None;
        };
        let mut words = Vec::new();
        for item in array.iter() {
            match item.get_ref() {
                DeValue::String(text) => words.push(Word { text: text.to_string(), place: item.span() }),
                other => {
                    let what = format!("`{}` holds {}, not only texts", self.name_of(key), kind(other));
                    let instead = format!("write {key} = {example}");
                    self.note(Finding::at(item.span(), "wrong_type", what).instead(instead));
                }
            }
        }
        Some(Words { words, place: value.span() })
    }

    /// A text or a list of texts.
    pub(super) fn text_or_list(&self, key: &str, example: &str) -> Option<Result<Word, Words>> {
        let (_, value) = self.entry(key)?;
        match value.get_ref() {
            DeValue::Array(_) => self.list(key, &format!("[\"{example}\"]")).map(Err),
            _ => self.text(key, example).map(Ok),
        }
    }

    /// Whether the key holds a whole number.
    pub(super) fn is_text(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|(_, value)| matches!(value.get_ref(), DeValue::String(_)))
    }

    /// Whether it is a whole number.
    pub(super) fn is_number(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|(_, value)| matches!(value.get_ref(), DeValue::Integer(_)))
    }

    /// A table inside this one.
    pub(super) fn section(&self, key: &str) -> Option<Section<'a>> {
        let (place, value) = self.entry(key)?;
        let found = self.inside(key, place, value);
        if found.is_none() {
            self.wrong_type(key, value, "a table", "{ … }");
        }
        found
    }

    fn inside(&self, key: &str, place: Range<usize>, value: &'a Spanned<DeValue<'a>>) -> Option<Section<'a>> {
        let (path, _) = keys::child(&self.path, key)?;
        let table = value.get_ref().as_table()?;
        Some(Section { table, place, path, title: self.name_of(key), is_listed: false, log: self.log })
    }

    /// The tables under a table, whose names people choose, in the order of the file.
    pub(super) fn sections(&self, key: &str) -> Vec<(Word, Section<'a>)> {
        let Some(parent) = self.section(key) else { return Vec::new() };
        let mut found = Vec::new();
        for name in parent.names() {
            let example = format!("[{}.{}]", key, clip(&name.text));
            let (place, value) = parent.entry(&name.text).expect("the name is one of the table's");
            match parent.inside(&name.text, place, value) {
                Some(section) => found.push((name, section)),
                None => {
                    let what =
                        format!("`{key}.{}` is {}, not a table", clip(&name.text), kind(value.get_ref()));
                    self.note(
                        Finding::at(value.span(), "wrong_type", what).instead(format!("write {example}")),
                    );
                }
            }
        }
        found
    }

    /// All names in this table, in the order of the file.
    pub(super) fn names(&self) -> Vec<Word> {
        let word = |name: &Spanned<toml::de::DeString<'_>>| Word {
            text: name.get_ref().to_string(),
            place: name.span(),
        };
        let mut names: Vec<Word> = self.table.keys().map(word).collect();
        names.sort_by_key(|name| name.place.start);
        names
    }

    /// The tables of a list of tables: `[[freezes]]`.
    pub(super) fn tables(&self, key: &str) -> Vec<Section<'a>> {
        let Some((place, value)) = self.entry(key) else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let is_list = value.get_ref().is_array();
        let mut found = Vec::new();
        for item in items {
            match self.inside(key, item.span(), item).filter(|_| is_list) {
                Some(section) => found.push(Section { is_listed: true, ..section }),
                None => {
                    let name = self.name_of(key);
                    let what = format!("`{name}` is {}, not a list of tables", kind(value.get_ref()));
                    let instead = format!("write [[{name}]] above its keys");
                    self.note(Finding::at(place.clone(), "wrong_type", what).instead(instead));
                }
            }
        }
        found
    }

    /// Notes every key in this table and all below that nobody knows, or that is for a later version.
    pub(super) fn unknown_keys(&self) {
        for (name, value) in self.table.iter() {
            let word = name.get_ref();
            match keys::child(&self.path, word) {
                None => self.unknown_key(word, name.span()),
                Some((_, Known::Later)) => {
                    let what = format!("`{}` is not supported by this version", self.name_of(word));
                    let why = "it would be ignored, and a rule that is ignored is worse than none";
                    let instead = "leave it out until a version supports it";
                    self.note(Finding::at(name.span(), "not_supported", what).why(why).instead(instead));
                }
                Some((_, Known::Value)) => {}
                Some((_, Known::Table)) => {
                    let tables = match value.get_ref() {
                        DeValue::Array(items) => items.iter().collect(),
                        _ => vec![value],
                    };
                    let is_listed = value.get_ref().is_array();
                    let inside = tables.into_iter().filter_map(|table| self.inside(word, name.span(), table));
                    let inside = inside.map(|section| Section { is_listed, ..section });
                    inside.for_each(|section| section.unknown_keys());
                }
            }
        }
    }

    fn unknown_key(&self, word: &str, place: Range<usize>) {
        let known = keys::children(&self.path);
        let homes = keys::homes(word);
        let what = format!("there is no setting `{}`{}", clip(word), self.heading());
        let instead = match (nearest(word, known.iter().copied()), homes.as_slice()) {
            (None, [home, ..]) => format!("`{word}` belongs in [{}]", home.replace('*', "…")),
            _ => advice(word, known.iter().copied()),
        };
        self.note(Finding::at(place, "unknown_key", what).instead(instead));
    }
}

/// What a value is, for people.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// At most 80 harmless characters.
pub(super) fn clip(text: &str) -> String {
    text.chars().filter(is_harmless).take(80).collect()
}
