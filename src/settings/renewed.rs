//! Settings that are read again while the program runs: secrets as they were at the start, and what is different. Not
//! here: which differences can be applied (`reload`).

use super::secrets::VARIABLES;
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use toml::{Table, Value};

/// Below this depth, what differs is told as one: `environments.production.approvals`.
const DEEPEST: usize = 3;

/// The variables as they were at the start, those of files too. The program holds tokens from then on, so newer ones
/// would only seem to be in use.
pub struct Remembered(BTreeMap<String, SecretString>);

impl Remembered {
    /// All that is set now.
    #[must_use]
    pub fn from(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut values = BTreeMap::new();
        for variable in VARIABLES {
            let file =
                || environment(&format!("{}_FILE", variable.name)).filter(|file| !file.trim().is_empty());
            let own = environment(variable.name).filter(|value| !value.trim().is_empty());
            let value = own.or_else(|| std::fs::read_to_string(file()?.trim()).ok());
            if let Some(value) = value {
                values.insert(variable.name.to_owned(), SecretString::from(value));
            }
        }
        Self(values)
    }

    /// One of them.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| value.expose_secret().to_owned())
    }
}

/// One thing that is written otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    path: Vec<String>,
    how: How,
    /// It has the name of several things: people read “were”.
    are_many: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Added,
    Changed,
    TakenOut,
}

impl Difference {
    /// The section of the file in which it stands.
    #[must_use]
    pub fn section(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (self.how, self.are_many) {
            (How::Added, false) => "was added",
            (How::Added, true) => "were added",
            (How::Changed, _) => "changed",
            (How::TakenOut, false) => "was taken out",
            (How::TakenOut, true) => "were taken out",
        };
        write!(f, "{} {how}", self.path.join("."))
    }
}

/// What is different, by the keys of the file; neither their order nor comments are.
#[must_use]
pub fn differences(before: &str, now: &str) -> Vec<Difference> {
    let read = |text: &str| text.parse::<Table>().unwrap_or_default();
    let mut found = Vec::new();
    of_tables(&read(before), &read(now), &mut Vec::new(), &mut found);
    found
}

fn of_tables(before: &Table, now: &Table, path: &mut Vec<String>, found: &mut Vec<Difference>) {
    for (key, old) in before {
        path.push(key.clone());
        match now.get(key) {
            None => whole(old, path, How::TakenOut, found),
            Some(new) if new == old => {}
            Some(new) => of_values(old, new, path, found),
        }
        path.pop();
    }
    for (key, new) in now.iter().filter(|(key, _)| !before.contains_key(*key)) {
        path.push(key.clone());
        whole(new, path, How::Added, found);
        path.pop();
    }
}

/// A value that came or went as a whole. Of a list whose entries have names, people want to know which.
fn whole(value: &Value, path: &[String], how: How, found: &mut Vec<Difference>) {
    let named = match value {
        Value::Array(list) if !list.is_empty() => by_name(list),
        _ => None,
    };
    let Some(named) = named else {
        let is_section = path.len() == 1 && path[0].ends_with('s');
        let are_many = value.is_array() || (value.is_table() && is_section);
        return found.push(Difference { path: path.to_vec(), how, are_many });
    };
    found.extend(named.keys().map(|name| {
        let path = path.iter().chain([name]).cloned().collect();
        Difference { path, how, are_many: false }
    }));
}

/// Two values that are not the same.
fn of_values(before: &Value, now: &Value, path: &mut Vec<String>, found: &mut Vec<Difference>) {
    let told = found.len();
    match (before, now) {
        (Value::Table(before), Value::Table(now)) if path.len() < DEEPEST => {
            of_tables(before, now, path, found)
        }
        (Value::Array(before), Value::Array(now)) => {
            if let (Some(before), Some(now)) = (by_name(before), by_name(now)) {
                let mut whole = Vec::new();
                of_tables(&before, &now, path, &mut whole);
                // Of one of a list it is enough to know which.
                for mut difference in whole {
                    if difference.path.len() > path.len() + 1 {
                        difference.path.truncate(path.len() + 1);
                        difference.how = How::Changed;
                    }
                    if found.last() != Some(&difference) {
                        found.push(difference);
                    }
                }
            }
        }
        _ => {}
    }
    // What is different all the same, such as the order of a list, is told as a whole.
    if found.len() == told {
        found.push(Difference { path: path.clone(), how: How::Changed, are_many: false });
    }
}

/// Whether something that was written before is missing now: a key, a table, one of a list. What is no TOML lacks nothing
/// that anybody could name.
#[must_use]
pub fn lacks(before: &str, now: &str) -> bool {
    match (before.parse::<Table>(), now.parse::<Table>()) {
        (Ok(before), Ok(now)) => has_less(&Value::Table(before), &Value::Table(now)),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

fn has_less(before: &Value, now: &Value) -> bool {
    match (before, now) {
        (Value::Table(before), Value::Table(now)) => {
            before.iter().any(|(key, old)| now.get(key).is_none_or(|new| has_less(old, new)))
        }
        (Value::Array(before), Value::Array(now)) => {
            now.len() < before.len() || before.iter().zip(now).any(|(old, new)| has_less(old, new))
        }
        _ => false,
    }
}

/// A list of tables by the names in them; none where one has no name of its own.
fn by_name(list: &[Value]) -> Option<Table> {
    let mut named = Table::new();
    for value in list {
        let name = value.get("name")?.as_str()?;
        if named.insert(format!("“{}”", super::reader::clip(name)), value.clone()).is_some() {
            return None;
        }
    }
    Some(named)
}
