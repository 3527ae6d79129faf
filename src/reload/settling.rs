//! Whether changed files are whole: nobody tells when somebody has finished writing one. Not here: reading them
//! (`files`), and what follows (`watch`).
//!
//! A file that takes the place of another under its name (`mv`, most editors, a mounted folder whose link is swapped) is
//! whole from the instant it is there. One that is written in place is not: what is seen meanwhile is the beginning of
//! what it will be, and half of a file can be good settings, such as an environment without its approvals. No look can tell
//! that from a file that somebody shortened. So it has to rest for longer than writers pause, and for longer still
//! where something of what is in force is missing in it, which is how a beginning shows. Waiting is the safe side: the rules in
//! force stay.

use super::files::{Content, Look};
use crate::settings;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// What was written in place has to rest for so long,
const IN_PLACE: Duration = Duration::from_secs(10);
/// and for so long when something is gone.
const SHORTER: Duration = Duration::from_secs(30);

/// What was seen, and since when it is so.
pub struct Settling {
    last: Look,
    since: Instant,
    /// Since it was whole, a file was seen to change in its place, or could not be read.
    in_place: bool,
}

impl Settling {
    /// This is whole: it is in force.
    pub fn new(whole: Look, at: Instant) -> Self {
        Self { last: whole, since: at, in_place: false }
    }

    /// Takes in what was seen now, and says whether it is whole. What is in force is compared with.
    pub fn is_whole(&mut self, look: Look, in_force: &Content, at: Instant) -> bool {
        let last = std::mem::replace(&mut self.last, look);
        if self.last.content != last.content {
            self.in_place |= self.last.is_written_over(&last);
            self.since = at;
            let patience = self.patience(in_force);
            if !patience.is_zero() {
                tracing::info!(
                    "the settings are being written in their place: they are read again once they rested for {} s, or \
                     on SIGHUP",
                    patience.as_secs()
                );
            }
            return false;
        }
        at.saturating_duration_since(self.since) >= self.patience(in_force)
    }

    /// What was seen last counts as whole from now on.
    pub fn taken(&mut self) {
        self.in_place = false;
    }

    fn patience(&self, in_force: &Content) -> Duration {
        match self.in_place {
            // Seen twice.
            false => Duration::ZERO,
            true if self.last.content.lacks_of(in_force) => SHORTER,
            true => IN_PLACE,
        }
    }
}

impl Look {
    /// Whether one of the files says something else than before and is still the same file on the disk, or cannot be read.
    fn is_written_over(&self, before: &Look) -> bool {
        let (now, then) = (self.texts(), before.texts());
        let other = now.iter().filter(|(path, text)| then.get(*path).is_some_and(|known| known != *text));
        let is_same_file = |path: &Path| self.places.get(path) == before.places.get(path);
        self.content.settings.is_err()
            || self.content.commands.is_err()
            || other.map(|(path, _)| *path).any(is_same_file)
    }

    /// What each file says.
    fn texts(&self) -> BTreeMap<&Path, &str> {
        let commands = self.content.commands.iter().flatten();
        let commands = commands.map(|(path, text)| (Path::new(path), text.as_str()));
        let settings = self.content.settings.iter().map(|text| (self.config.as_path(), text.as_str()));
        commands.chain(settings).collect()
    }
}

impl Content {
    /// Whether something that these other ones say is missing here.
    fn lacks_of(&self, whole: &Content) -> bool {
        let Content { settings, commands } = self;
        let lacks = |before: &str, now: &str| settings::lacks(before, now);
        let settings = match (&whole.settings, settings) {
            (Ok(before), Ok(now)) => lacks(before, now),
            (Ok(_), Err(_)) => true,
            (Err(_), _) => false,
        };
        let now: BTreeMap<&String, &String> =
            commands.iter().flatten().map(|(path, text)| (path, text)).collect();
        let mut before = whole.commands.iter().flatten();
        settings || before.any(|(path, text)| now.get(path).is_none_or(|now| lacks(text, now)))
    }
}

#[cfg(test)]
mod tests;
