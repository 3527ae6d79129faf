//! Typed settings: `shipgate.toml` and the environment, read once, with every problem told at once. Not here: asking
//! other systems whether tokens and channels work.
//!
//! Secrets come from the environment (`NAME` or `NAME_FILE`), everything else from the file. What this version does not
//! know is refused, never ignored.

mod audit;
mod calendars;
mod check;
mod commands;
mod found;
mod http;
mod keys;
mod lint;
mod near;
mod operations;
mod problem;
mod reader;
mod renewed;
mod rules;
mod secrets;
#[cfg(test)]
mod tests;

pub use check::{Ask, check, examine};
pub use commands::{CommandFiles, CommandTexts, command_files, command_folder};
pub use found::Found;
pub use http::{CalendarShown, HttpSettings};
pub use operations::{
    AnnounceSettings, AuditSettings, GithubCredentials, GithubSettings, ReminderSettings, SlackSettings,
    SlackTransport, StoreSettings,
};
pub use problem::Problems;
pub use renewed::{Difference, Remembered, differences, lacks};
pub use secrets::{LogFormat, LogSettings};

use problem::Finding;
use reader::{Log, Section};
use secrecy::SecretString;
use secrets::Environment;
use shipgate_app::commands::{CommandFileProblem, Grammar};
use shipgate_app::limits::Rates;
use shipgate_domain::policy::{Policy, Provider};
use std::io::Read as _;
use std::path::Path;
use toml::de::DeTable;

/// Larger than any settings.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Everything that somebody decided before the start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What judges a deploy.
    pub policy: Policy,
    /// `[http]`.
    pub http: HttpSettings,
    /// `[limits]`.
    pub limits: Rates,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[slack]`; none when there is no such section.
    pub slack: Option<SlackSettings>,
    /// `[github]`; none when no service needs it and there is no such section.
    pub github: Option<GithubSettings>,
    /// `GITLAB_TOKEN`; none when no freeze reads a project of GitLab.
    pub gitlab_token: Option<SecretString>,
    /// `[announce]`.
    pub announce: AnnounceSettings,
    /// `[audit]`.
    pub audit: AuditSettings,
    /// `[reminders]`.
    pub reminders: ReminderSettings,
    /// What people can say: the built-in commands, and those of the team's own folder.
    pub grammar: Grammar,
    /// What is logged, and how.
    pub log: LogSettings,
    /// What somebody should look at, though the program can start.
    pub warnings: Problems,
}

impl Settings {
    /// Reads the file and the environment.
    ///
    /// # Errors
    /// All problems, when one of them keeps the program from starting.
    pub fn read(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        match text_of(path) {
            Ok(text) => Self::from_text(path, &text, environment),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                let instead = "start from shipgate.example.toml, or name another file with --config";
                Err(Problems::unreadable(path, "there is no such file", instead))
            }
            Err(why) => {
                Err(Problems::unreadable(path, why.to_string(), "correct its rights, and write it in UTF-8"))
            }
        }
    }

    /// Where the database is, for commands that need nothing else: no other secret has to be set for them.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or names no usable database.
    pub fn store(
        path: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<StoreSettings, Problems> {
        only(path, |root, log| operations::store(root, &Environment { read: environment, log }))
    }

    /// What services and environments are called, for commands that need nothing else. What is wrong with them is for
    /// `check` to say.
    #[must_use]
    pub fn names(path: &Path) -> Policy {
        let log = Log::default();
        let text = text_of(path).unwrap_or_default();
        let (document, _) = DeTable::parse_recoverable(&text);
        rules::policy(&Section::root(document.get_ref(), &log))
    }

    /// The rules, for commands that judge by them and ask nobody: no secret has to be set for them.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or a rule in it is wrong: half of the rules would tell another story.
    pub fn rules(path: &Path) -> Result<Policy, Problems> {
        let mut wrong_commands = Vec::new();
        let policy = only(path, |root, _| {
            root.unknown_keys();
            let (policy, _, wrong) = policy_and_commands(root, path, CommandFiles::OnDisk);
            wrong_commands = wrong;
            policy
        })?;
        if wrong_commands.is_empty() {
            return Ok(policy);
        }
        let mut problems = Problems::new(path, "", Vec::new());
        problems.add_commands(wrong_commands);
        Err(problems)
    }

    /// Where anchors are, and the key that signs them, for commands that need nothing else. What is wrong with them
    /// is for `check` to say.
    #[must_use]
    pub fn audit(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> AuditSettings {
        let log = Log::default();
        let text = text_of(path).unwrap_or_default();
        let (document, _) = DeTable::parse_recoverable(&text);
        audit::audit(&Section::root(document.get_ref(), &log), &Environment { read: environment, log: &log })
    }

    /// Reads the text of a settings file, for tests and tools.
    ///
    /// # Errors
    /// All problems, when one of them keeps the program from starting.
    pub fn from_text(
        path: &Path,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Self::from_texts(path, text, CommandFiles::OnDisk, environment)
    }

    /// Reads the text of a settings file, and those of the command files.
    ///
    /// # Errors
    /// All problems, when one of them keeps the program from starting.
    pub fn from_texts(
        path: &Path,
        text: &str,
        files: CommandFiles<'_>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let (read, mut problems) = opened(path, text, |document, is_broken, log| {
            let root = Section::root(document, log);
            Self::from_table(path, &root, is_broken, files, &Environment { read: environment, log })
        });
        let read = read.map(|(settings, wrong)| {
            problems.add_commands(wrong);
            settings
        });
        match read {
            Some(settings) if !problems.are_fatal() => Ok(Self { warnings: problems, ..settings }),
            _ => Err(problems),
        }
    }

    /// None when something is wrong that leaves a hole. A file with broken syntax is not judged: what is missing in it
    /// may only be hidden.
    fn from_table(
        path: &Path,
        root: &Section<'_>,
        is_broken: bool,
        files: CommandFiles<'_>,
        environment: &Environment<'_>,
    ) -> Option<(Self, Vec<CommandFileProblem>)> {
        let log_settings = environment.log_settings();
        if is_broken {
            return None;
        }
        root.unknown_keys();
        let (policy, grammar, wrong) = policy_and_commands(root, path, files);
        let uses_github =
            policy.services.values().any(|service| service.pipeline.provider == Provider::Github);
        let store = operations::store(root, environment);
        let audit = audit::audit(root, environment);
        audit::refuse_own_files(root, path, &store, &audit);
        let settings = Self {
            http: http::http(root, environment),
            limits: operations::limits(root),
            store,
            slack: operations::slack(root, environment),
            github: operations::github(root, uses_github, environment),
            gitlab_token: operations::gitlab_token(&policy, environment),
            announce: operations::announce(root),
            audit,
            reminders: operations::reminders(root),
            log: log_settings,
            warnings: Problems::new(path, "", Vec::new()),
            grammar,
            policy,
        };
        Some((settings, wrong))
    }

    /// What people can say, for commands that need nothing else. The settings need not be complete for it, and no secret
    /// has to be set.
    ///
    /// # Errors
    /// A command file is wrong, or the folder cannot be read.
    pub fn commands(path: &Path) -> Result<Grammar, Problems> {
        let log = Log::default();
        let text = text_of(path).unwrap_or_default();
        let (document, _) = DeTable::parse_recoverable(&text);
        let root = Section::root(document.get_ref(), &log);
        let read = commands::commands(&root, path, CommandFiles::OnDisk);
        let mut problems = Problems::new(path, &text, log.into_findings());
        match read {
            Ok(grammar) if !problems.are_fatal() => Ok(grammar),
            Ok(_) => Err(problems),
            Err(wrong) => {
                problems.add_commands(wrong);
                Err(problems)
            }
        }
    }
}

/// The rules with the actions of the team's own commands, and what is wrong in their files.
fn policy_and_commands(
    root: &Section<'_>,
    path: &Path,
    files: CommandFiles<'_>,
) -> (Policy, Grammar, Vec<CommandFileProblem>) {
    let policy = rules::policy(root);
    match commands::commands(root, path, files) {
        Ok(grammar) => match grammar.actions(&policy) {
            Ok(actions) => (Policy { actions, ..policy }, grammar, Vec::new()),
            Err(wrong) => (policy, grammar, wrong),
        },
        Err(wrong) => (policy, Grammar::builtin(), wrong),
    }
}

/// Reads a text as TOML, and with `read` what is wanted of it: the document, and whether its syntax is broken. Gives what
/// was read, with everything that is wrong.
fn opened<T>(path: &Path, text: &str, read: impl FnOnce(&DeTable<'_>, bool, &Log) -> T) -> (T, Problems) {
    let log = Log::default();
    let text = secrets::without_secrets(text, &log);
    let (document, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        log.add(syntax_error(error, &text));
    }
    let found = read(document.get_ref(), !errors.is_empty(), &log);
    (found, Problems::new(path, &text, log.into_findings()))
}

/// A part of a settings file, for commands that need nothing else.
fn only<T>(path: &Path, read: impl FnOnce(&Section<'_>, &Log) -> T) -> Result<T, Problems> {
    let text = text_of(path)
        .map_err(|why| Problems::unreadable(path, why.to_string(), "name the settings file with --config"))?;
    let (found, problems) = opened(path, &text, |document, _, log| read(&Section::root(document, log), log));
    if problems.are_fatal() { Err(problems) } else { Ok(found) }
}

fn syntax_error(error: &toml::de::Error, text: &str) -> Finding {
    let place = error.span().unwrap_or(text.len()..text.len());
    let message = error.message().lines().next().unwrap_or_default();
    Finding::at(place, "syntax", format!("this is not TOML: {message}"))
        .instead("look for quotes, brackets, commas and keys that are written twice")
}

/// The key that signs anchors, for commands that need nothing else.
///
/// # Errors
/// What is set is no such key.
pub fn anchor_key(environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<SecretString>, Problems> {
    let log = Log::default();
    let key = Environment { read: environment, log: &log }.anchor_key();
    let problems = Problems::new(Path::new(""), "", log.into_findings());
    if problems.are_fatal() { Err(problems) } else { Ok(key) }
}

/// The environment of this process.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The text of the settings, or of a file beside them. Something that is larger than any settings are, or has no end, is not
/// read to it.
///
/// # Errors
/// It cannot be read, or is no text.
pub fn text_of(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(std::io::Error::other("it is larger than any settings: is it another file?"));
    }
    Ok(text)
}
