//! `shipgate check`: what is wrong with the settings, for people or for programs. Not here: asking other systems.

use super::{Settings, environment};
use std::path::Path;
use std::process::ExitCode;

/// What to print, and how to exit: with success when the program could start with these settings.
///
/// With `json`, an array of problems: severity, file, line, column, code, what, why, instead.
#[must_use]
pub fn check(path: &Path, json: bool) -> (String, ExitCode) {
    check_with(path, json, &environment)
}

pub(super) fn check_with(
    path: &Path,
    json: bool,
    environment: &dyn Fn(&str) -> Option<String>,
) -> (String, ExitCode) {
    let (problems, summary) = match Settings::read(path, environment) {
        Ok(settings) => {
            let policy = &settings.policy;
            let counts = [
                (policy.services.len(), "services"),
                (policy.environments.len(), "environments"),
                (policy.people.len(), "people"),
                (policy.freezes.len(), "freezes"),
            ];
            let counts: Vec<String> = counts.iter().map(|(count, word)| format!("{word}: {count}")).collect();
            let summary = format!("{} is good. {}", path.display(), counts.join(", "));
            (settings.warnings, summary)
        }
        Err(problems) => (problems, format!("{} is not good yet.", path.display())),
    };
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
