//! What other systems said about the settings, placed where it is written. Not here: asking them (`online`).

use super::problem::{Finding, Problem, Problems};
use super::reader::{Log, Section};
use std::ops::Range;
use std::path::Path;
use toml::de::DeTable;

/// Something that is not as the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Keys that lead to the setting: `services`, `api`, `workflow`. Empty: it is about the environment.
    pub at: Vec<String>,
    /// Stable word for programs.
    pub code: &'static str,
    /// Whether something cannot work because of it.
    pub is_fatal: bool,
    /// What is so.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub instead: String,
}

/// Each with its line, where it has one.
pub(super) fn placed(path: &Path, text: &str, found: Vec<Found>) -> Vec<Problem> {
    let log = Log::default();
    let (document, _) = DeTable::parse_recoverable(text);
    let root = Section::root(document.get_ref(), &log);
    let finding = |found: Found| {
        let finding = match found.at.as_slice() {
            [] => Finding::in_environment(found.code, found.what),
            keys => Finding::at(place(&root, keys), found.code, found.what),
        };
        let finding = finding.why(found.why).instead(found.instead);
        if found.is_fatal { finding } else { finding.warning() }
    };
    let findings = found.into_iter().map(finding).collect();
    Problems::new(path, text, findings).list().to_vec()
}

/// Where the last of these keys stands, or the nearest above it that is written.
fn place(root: &Section<'_>, keys: &[String]) -> Range<usize> {
    let (mut section, mut place) = (root.clone(), 0..0);
    for (number, key) in keys.iter().enumerate() {
        let Some(found) = section.place_of(key) else { return place };
        place = found;
        if number + 1 == keys.len() || !section.is_table(key) {
            return place;
        }
        let Some(inside) = section.section(key) else { return place };
        section = inside;
    }
    place
}
