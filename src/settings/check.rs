//! `shipgate check`: what is wrong with the settings, for people or for programs. Not here: asking other systems.

use super::calendars;
use super::commands::CommandFiles;
use super::found::{Found, placed};
use super::lint::lint;
use super::problem::{Finding, Problem, Problems};
use super::reader::{Log, Section};
use super::{Settings, environment};
use crate::anchors::may_hold_anchors;
use crate::wiring::SystemClock;
use jiff::{SignedDuration, Timestamp};
use shipgate_app::ports::Clock as _;
use shipgate_domain::calendar::{FreezeWhen, HolidayList};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use toml::de::DeTable;

/// What to print, and how to exit: with success when the program could start with these settings.
///
/// With `json`, an array of problems: severity, file, line, column, code, what, why, instead. With somebody to ask, what
/// other systems say is among them; they are asked only when nothing else is wrong.
#[must_use]
pub fn check(path: &Path, json: bool, ask: Option<Ask>) -> (String, ExitCode) {
    let (text, now) = (std::fs::read_to_string(path).unwrap_or_default(), SystemClock::default().now());
    let mut online = Vec::new();
    if let (Some(ask), Ok(settings)) = (ask, Settings::read(path, &environment)) {
        online = placed(path, &text, ask(&settings));
    }
    checked(path, json, &environment, now, online)
}

/// Asks other systems about settings.
pub type Ask = fn(&Settings) -> Vec<Found>;

#[cfg(test)]
pub(super) fn check_with(
    path: &Path,
    json: bool,
    environment: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
) -> (String, ExitCode) {
    checked(path, json, environment, now, Vec::new())
}

fn checked(
    path: &Path,
    json: bool,
    environment: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
    online: Vec<Problem>,
) -> (String, ExitCode) {
    let (mut problems, summary) = match Settings::read(path, environment) {
        Ok(settings) => {
            let summary = summary(path, &settings);
            let mut problems = settings.warnings.clone();
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let found = surely_wrong(path, &text, &settings, now);
            for problem in found.into_iter().chain(calendars::local(path, &text, &settings.policy, now)) {
                problems.add(Some(problem));
            }
            (problems, summary)
        }
        Err(problems) => (problems, String::new()),
    };
    online.into_iter().for_each(|problem| problems.add(Some(problem)));
    problems.add(unwritable_anchors(path, environment));
    problems.add(ending_holidays(path, SystemClock::default().now()));
    let summary = if problems.are_fatal() { format!("{} is not good yet.", path.display()) } else { summary };
    let code = if problems.are_fatal() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    let output = if json {
        problems.to_json()
    } else if problems.list().is_empty() {
        summary
    } else {
        format!("{problems}\n{summary}")
    };
    (output, code)
}

/// Reads settings that are to replace others, as `check` reads them. What keeps a program from starting is for the start.
///
/// # Errors
/// All problems, when one of them is no mere warning.
pub fn examine(
    path: &Path,
    text: &str,
    files: CommandFiles<'_>,
    environment: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Result<Settings, Problems> {
    let mut settings = Settings::from_texts(path, text, files, environment)?;
    let found = surely_wrong(path, text, &settings, now);
    for problem in found.into_iter().chain(calendars::local(path, text, &settings.policy, now)) {
        settings.warnings.add(Some(problem));
    }
    if settings.warnings.are_fatal() { Err(settings.warnings) } else { Ok(settings) }
}

/// What is legal but surely wrong, found by trying the rules out.
fn surely_wrong(path: &Path, text: &str, settings: &Settings, now: Timestamp) -> Vec<Problem> {
    let log = Log::default();
    let (document, _) = DeTable::parse_recoverable(text);
    lint(settings, &Section::root(document.get_ref(), &log), now);
    Problems::new(path, text, log.into_findings()).list().to_vec()
}

fn summary(path: &Path, settings: &Settings) -> String {
    let policy = &settings.policy;
    let counts = [
        (policy.services.len(), "services"),
        (policy.environments.len(), "environments"),
        (policy.people.len(), "people"),
        (policy.freezes.len(), "freezes"),
        (policy.actions.len(), "own commands"),
    ];
    let counts: Vec<String> = counts.iter().map(|(count, word)| format!("{word}: {count}")).collect();
    format!("{} is good. {}", path.display(), counts.join(", "))
}

/// A list of holidays that ends within a year: after that nothing is deployed, as nobody can say which day is one.
pub(super) fn ending_holidays(path: &Path, now: Timestamp) -> Option<Problem> {
    let policy = Settings::names(path);
    let freeze = policy.freezes.iter().find(|f| matches!(f.when, FreezeWhen::Holidays { .. }))?;
    let (_, last) = HolidayList::years();
    let in_a_year = now.saturating_add(SignedDuration::from_hours(366 * 24)).unwrap_or(Timestamp::MAX);
    if freeze.zone.civil(in_a_year).year() <= last {
        return None;
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let log = Log::default();
    let (document, _) = DeTable::parse_recoverable(&text);
    let root = Section::root(document.get_ref(), &log);
    let place = root.tables("freezes").iter().find_map(|section| section.place_of("holidays"));
    let what = format!("the lists of holidays that are built in end with {last}");
    let finding = Finding::at(place.unwrap_or(0..0), "holidays_end", what).warning();
    let why = format!("from {} on, “{}” counts as unreadable and closes its scope", last + 1, freeze.name);
    let finding = finding.why(why).instead("install a newer version of Shipgate before");
    Problems::new(path, &text, vec![finding]).list().first().cloned()
}

/// An anchor file that cannot be written: `serve` would not start. It is found by trying, and nothing is left behind.
fn unwritable_anchors(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Option<Problem> {
    let file = Settings::audit(path, environment).anchor_file?;
    let why = append(&file).err()?;
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let log = Log::default();
    let (document, _) = DeTable::parse_recoverable(&text);
    let root = Section::root(document.get_ref(), &log);
    let place = root.section("audit").and_then(|section| section.place_of("anchor_file"));
    let what = format!("`audit.anchor_file` {} cannot be appended to", file.display());
    let instead = "make its folder, give this user the right to append, or correct the path";
    let finding = Finding::at(place.unwrap_or(0..0), "unwritable_file", what).why(why.to_string());
    Problems::new(path, &text, vec![finding.instead(instead)]).list().first().cloned()
}

/// Whether the file can be appended to, or made: a file without a name is made in its folder, and is gone at once.
fn append(file: &Path) -> io::Result<()> {
    may_hold_anchors(file)?;
    match OpenOptions::new().append(true).open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            tempfile::tempfile_in(folder.unwrap_or(Path::new("."))).map(drop)
        }
        opened => opened.map(drop),
    }
}
