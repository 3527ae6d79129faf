//! Secrets and log settings from the environment, read once. Not here: which of them a section needs (`operations`).

use super::problem::Finding;
use super::reader::{Log, clip};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::Path;

/// A variable of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    /// Never printed; `NAME_FILE` may name a file that holds it.
    pub(super) is_secret: bool,
    /// One of these must begin the value. Source: the vendors' pages on token types.
    prefixes: &'static [&'static str],
    /// Where people get it.
    source: &'static str,
}

const fn secret(name: &'static str, prefixes: &'static [&'static str], source: &'static str) -> Variable {
    Variable { name, is_secret: true, prefixes, source }
}

/// Every variable that is read. `.env.example` is tested against it.
pub(super) const VARIABLES: &[Variable] = &[
    secret(
        "SLACK_BOT_TOKEN",
        &["xoxb-"],
        "copy the Bot User OAuth Token from your app's page “OAuth & Permissions”",
    ),
    secret("SLACK_SIGNING_SECRET", &[], "copy the Signing Secret from your app's page “Basic Information”"),
    secret(
        "SLACK_APP_TOKEN",
        &["xapp-"],
        "make an app-level token with connections:write on “Basic Information”",
    ),
    secret(
        "GITHUB_TOKEN",
        &["github_pat_", "ghp_", "gho_", "ghu_", "ghs_"],
        "make a fine-grained token with Actions: write, Contents: read and Checks: read",
    ),
    secret("GITHUB_APP_ID", &[], "copy the App ID from your GitHub App's page “General”"),
    secret(
        "GITHUB_APP_PRIVATE_KEY",
        &["-----BEGIN "],
        "generate a private key on your GitHub App's page “General”",
    ),
    secret("GITHUB_WEBHOOK_SECRET", &[], "choose a long random text and enter it in the webhook too"),
    // Tokens can have another prefix on one's own server, so none is asked for.
    secret(
        "GITLAB_TOKEN",
        &[],
        "make a project or group access token with the scope read_api and the role Developer",
    ),
    secret("DATABASE_PASSWORD", &[], "it is the password of the role that `store.url` names"),
    secret("SHIPGATE_ANCHOR_KEY", &[], "make one with `openssl rand -hex 32`"),
    secret("SHIPGATE_CALENDAR_KEY", &[], "make one with `openssl rand -hex 32`"),
    Variable { name: "SHIPGATE_LOG", is_secret: false, prefixes: &[], source: "" },
    Variable { name: "SHIPGATE_LOG_FORMAT", is_secret: false, prefixes: &[], source: "" },
];

/// Beginnings of secrets that people paste into the wrong place.
const LOOKS_SECRET: &[&str] =
    &["xoxb-", "xoxp-", "xoxe.", "xapp-", "github_pat_", "ghp_", "gho_", "ghu_", "ghs_", "glpat-"];

/// A key that a person chose is at least so long.
const SHORTEST_KEY: usize = 32;

/// What the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Directives of `tracing-subscriber`: `info,shipgate_chat=debug`. From `SHIPGATE_LOG`.
    pub filter: String,
    /// From `SHIPGATE_LOG_FORMAT`.
    pub format: LogFormat,
}

/// The environment, and where problems with it are noted.
pub(super) struct Environment<'a> {
    pub(super) read: &'a dyn Fn(&str) -> Option<String>,
    pub(super) log: &'a Log,
}

impl Environment<'_> {
    fn variable(name: &str) -> &'static Variable {
        let found = VARIABLES.iter().find(|variable| variable.name == name);
        found.unwrap_or_else(|| panic!("{name} is not in VARIABLES"))
    }

    /// A variable that is empty is as good as none: that is what compose files make of missing ones.
    fn value(&self, name: &str) -> Option<String> {
        (self.read)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Whether the variable or its file is named at all.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some() || self.value(&format!("{name}_FILE")).is_some()
    }

    /// A secret that may be left out.
    pub(super) fn secret(&self, name: &'static str) -> Option<SecretString> {
        self.plain(name).map(SecretString::from)
    }

    /// A secret that must be there.
    pub(super) fn needed(&self, name: &'static str, why: &str) -> Option<SecretString> {
        if !self.is_set(name) {
            let what = format!("{name} is not set");
            let instead = format!("set {name} or {name}_FILE; {}", Self::variable(name).source);
            self.log.add(Finding::in_environment("missing_secret", what).why(why).instead(instead));
            return None;
        }
        self.secret(name)
    }

    fn plain(&self, name: &'static str) -> Option<String> {
        let variable = Self::variable(name);
        let file_name = format!("{name}_FILE");
        let value = match (self.value(name), self.value(&file_name)) {
            (Some(_), Some(_)) => {
                let what = format!("{name} and {file_name} are both set");
                let found =
                    Finding::in_environment("contradiction", what).why("nobody can say which one is meant");
                self.log.add(found.instead("unset one of them"));
                return None;
            }
            (Some(value), None) => value,
            (None, Some(file)) => self.file_content(&file_name, Path::new(&file))?,
            (None, None) => return None,
        };
        if !variable.prefixes.is_empty() && !variable.prefixes.iter().any(|prefix| value.starts_with(prefix))
        {
            let what = format!("{name} does not begin with {}", variable.prefixes.join(" or "));
            let found = Finding::in_environment("wrong_secret", what).why("it is some other secret");
            self.log.add(found.instead(variable.source));
            return None;
        }
        Some(value)
    }

    fn file_content(&self, name: &str, file: &Path) -> Option<String> {
        let refuse = |code, what: String, why: String, instead: &str| {
            self.log.add(Finding::in_environment(code, what).why(why).instead(instead));
            None
        };
        let shown = clip(&file.display().to_string());
        if is_open_to_all(file) {
            let what = format!("{name} names {shown}, which everybody on this machine can read");
            let instead = format!("chmod 400 {shown}");
            return refuse(
                "open_secret_file",
                what,
                "a secret that all can read is none".to_owned(),
                &instead,
            );
        }
        match std::fs::read_to_string(file) {
            Ok(text) if text.trim().is_empty() => {
                let what = format!("{name} names {shown}, which is empty");
                refuse("missing_secret", what, String::new(), "write the secret into it")
            }
            Ok(text) => Some(text.trim().to_owned()),
            Err(why) => {
                let what = format!("{name} names {shown}, which cannot be read");
                refuse("unreadable_file", what, why.to_string(), "correct the path or the rights of the file")
            }
        }
    }

    /// The App's number on GitHub.
    pub(super) fn app_id(&self) -> Option<u64> {
        let read = self.plain("GITHUB_APP_ID")?.parse().ok();
        if read.is_none() {
            let found = Finding::in_environment("wrong_secret", "GITHUB_APP_ID is not a number");
            self.log.add(found.instead(Self::variable("GITHUB_APP_ID").source));
        }
        read
    }

    /// The App's key. `\n` stands for a line end, because many tools keep variables in one line.
    pub(super) fn app_key(&self) -> Option<SecretString> {
        self.plain("GITHUB_APP_PRIVATE_KEY").map(|key| SecretString::from(key.replace("\\n", "\n")))
    }

    /// The seed of the key that signs anchors: 32 bytes in hex.
    pub(super) fn anchor_key(&self) -> Option<SecretString> {
        let key = self.plain("SHIPGATE_ANCHOR_KEY")?;
        let is_hex = key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
        let (what, why) = if !is_hex {
            ("SHIPGATE_ANCHOR_KEY is not 64 hex digits", "it is the seed of an Ed25519 key, 32 bytes")
        } else if key.bytes().all(|b| b == b'0') {
            ("SHIPGATE_ANCHOR_KEY is all zeros", "everybody can guess it, and sign anchors with it")
        } else {
            return Some(SecretString::from(key));
        };
        let found = Finding::in_environment("wrong_secret", what).why(why);
        self.log.add(found.instead(Self::variable("SHIPGATE_ANCHOR_KEY").source));
        None
    }

    /// What the address of the calendar's feed is made of.
    pub(super) fn calendar_key(&self) -> Option<SecretString> {
        let key = self.needed("SHIPGATE_CALENDAR_KEY", "calendar = \"secret\" makes the address with it")?;
        if key.expose_secret().len() >= SHORTEST_KEY {
            return Some(key);
        }
        let what = format!("SHIPGATE_CALENDAR_KEY is shorter than {SHORTEST_KEY} characters");
        let found = Finding::in_environment("wrong_secret", what).why("the address could be guessed");
        self.log.add(found.instead(Self::variable("SHIPGATE_CALENDAR_KEY").source));
        None
    }

    /// What is logged, and how.
    pub(super) fn log_settings(&self) -> LogSettings {
        let filter = self.value(Self::variable("SHIPGATE_LOG").name).unwrap_or_else(|| "info".to_owned());
        if let Err(why) = tracing_subscriber::EnvFilter::try_new(&filter) {
            let what = format!("SHIPGATE_LOG is “{}”, which is not a log filter", clip(&filter));
            let found = Finding::in_environment("unknown_word", what).why(why.to_string());
            self.log.add(found.instead("write a level such as info, or info,shipgate_chat=debug"));
        }
        let format = match self.value(Self::variable("SHIPGATE_LOG_FORMAT").name).as_deref() {
            None | Some("human") => LogFormat::Human,
            Some("json") => LogFormat::Json,
            Some(other) => {
                let what = format!("SHIPGATE_LOG_FORMAT cannot be “{}”", clip(other));
                self.log.add(Finding::in_environment("unknown_word", what).instead("write human or json"));
                LogFormat::Human
            }
        };
        LogSettings { filter, format }
    }
}

#[cfg(unix)]
fn is_open_to_all(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open_to_all(_: &Path) -> bool {
    false
}

/// The text of the settings file with every secret in it starred out, byte for byte, and where those stand: a secret
/// must not come back in an error message.
pub(super) fn without_secrets(text: &str, log: &Log) -> String {
    let mut clean = text.to_owned();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ']' | '}');
    for prefix in LOOKS_SECRET {
        let mut from = 0;
        while let Some(found) = clean[from..].find(prefix) {
            let start = from + found;
            let end = clean[start..].find(is_end).map_or(clean.len(), |length| start + length);
            from = end;
            // A word in a comment such as `ghp_…` is no secret; real ones are longer.
            if end - start < prefix.len() + 8 {
                continue;
            }
            clean.replace_range(start..end, &"*".repeat(end - start));
            let found = Finding::at(start..end, "secret_in_file", "there is a secret in the settings file");
            let why = "settings are shown, copied and checked in; secrets are not";
            log.add(found.why(why).instead("move it to the environment, and replace it by a new one"));
        }
    }
    without_passwords(&clean, log)
}

/// The same for passwords in addresses: `postgres://user:password@host`.
fn without_passwords(text: &str, log: &Log) -> String {
    let mut clean = text.to_owned();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/');
    for (found, _) in text.match_indices("://") {
        let start = found + "://".len();
        let authority = text[start..].split(is_end).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else { continue };
        let Some((name, password)) = user.split_once(':').filter(|(_, password)| !password.is_empty()) else {
            continue;
        };
        let place = start + name.len() + 1..start + name.len() + 1 + password.len();
        clean.replace_range(place.clone(), &"*".repeat(place.len()));
        let finding = Finding::at(place, "secret_in_file", "there is a password in the settings file");
        let why = "settings are shown, copied and checked in; secrets are not";
        log.add(finding.why(why).instead(
            "leave it out, and replace it by a new one; a database's password is DATABASE_PASSWORD",
        ));
    }
    clean
}
