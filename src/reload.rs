//! New settings for a bot that works: applied whole, or refused whole with the reasons. Not here: when they are looked at
//! (`watch`), reading them (`files`), and how the new bot takes over (`live`).

mod files;
mod settling;
mod status;
mod watch;

pub use files::{Content, Files, Look};
pub use settling::Settling;
pub use status::RulesStatus;
pub use watch::{Parts, Watch};

use crate::settings::{self, CommandFiles, Remembered, Settings};
use jiff::Timestamp;

/// Sections that are read once, at the start: addresses that are held, tables that are open, and secrets.
const AT_START: &[&str] = &["http", "limits", "store", "slack", "github", "audit"];

/// The settings by which the bot works.
pub struct InForce {
    /// What the files say.
    pub content: Content,
    /// Read.
    pub settings: Settings,
}

/// What new content of the files means.
pub enum Judged {
    /// Nothing else than what is in force.
    Same,
    /// All of it is refused, for these reasons.
    Refused(Vec<String>),
    /// All of it is to be applied.
    New(Box<New>),
}

/// Settings that are in order.
pub struct New {
    /// Read.
    pub settings: Settings,
    /// What changed, in words. Empty where only comments or the form did.
    pub changed: Vec<String>,
}

/// Judges new content by the same rules as `shipgate check`, and by what can be changed while the bot works.
pub fn judge(
    files: &Files,
    content: &Content,
    in_force: &InForce,
    secrets: &Remembered,
    now: Timestamp,
) -> Judged {
    if *content == in_force.content {
        return Judged::Same;
    }
    let text = match &content.settings {
        Ok(text) => text,
        Err(why) => {
            return Judged::Refused(vec![format!("{} cannot be read: {why}", files.config.display())]);
        }
    };
    let mut problems = Vec::new();
    let commands = CommandFiles::Read(&content.commands);
    let read = settings::examine(&files.config, text, commands, &|name| secrets.value(name), now);
    let settings = match read {
        Ok(settings) => Some(settings),
        Err(found) => {
            problems.extend(found.lines());
            None
        }
    };
    let Some(settings) = settings else { return Judged::Refused(problems) };
    let before = in_force.content.settings.as_deref().unwrap_or_default();
    let mut changed = Vec::new();
    for difference in settings::differences(before, text) {
        if AT_START.contains(&difference.section()) {
            let what = format!(
                "{difference}: this is read once, at the start. Restart Shipgate to apply it, and all else"
            );
            problems.push(what);
        } else {
            changed.push(difference.to_string());
        }
    }
    if settings.github.is_some() != in_force.settings.github.is_some() {
        let what = "the first service of GitHub, or the last, comes or goes with a restart of Shipgate: its token and its \
                    webhooks are read once, at the start";
        problems.push(what.to_owned());
    }
    if !problems.is_empty() {
        return Judged::Refused(problems);
    }
    changed.extend(content.changed_commands(&in_force.content));
    Judged::New(Box::new(New { settings, changed }))
}

#[cfg(test)]
mod tests;
