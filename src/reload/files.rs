//! The files that can change while the bot works: the settings, and the user's own commands. Not here: what they mean.

use crate::settings;
use ring::digest::{SHA256, digest};
use shipgate_app::commands::{BUILTIN, Grammar};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where they are.
#[derive(Clone, Debug)]
pub struct Files {
    /// `shipgate.toml`.
    pub config: PathBuf,
    /// Folder with more commands.
    pub commands: Option<PathBuf>,
}

/// What they say, or why they cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The settings.
    pub settings: Result<String, String>,
    /// Command files by path, in order.
    pub commands: Result<Vec<(String, String)>, String>,
}

impl Files {
    /// Reads all of them, whole. A mounted folder whose link is swapped is read through the link.
    pub fn read(&self) -> Content {
        let settings = settings::text_of(&self.config).map_err(|why| why.to_string());
        let commands = self.commands.as_deref().map_or(Ok(Vec::new()), command_files);
        let folder = || self.commands.clone().unwrap_or_default();
        let commands =
            commands.map_err(|why| format!("cannot read the command files in {}: {why}", folder().display()));
        Content { settings, commands }
    }
}

fn command_files(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push((path.display().to_string(), settings::text_of(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

impl Content {
    /// The built-in commands and those of the folder.
    ///
    /// # Errors
    /// Every problem.
    pub fn grammar(&self) -> Result<Grammar, Vec<String>> {
        let files = self.commands.clone().map_err(|why| vec![why])?;
        Grammar::load(BUILTIN, files)
            .map_err(|problems| problems.into_iter().map(|problem| problem.to_string()).collect())
    }

    /// The same for the same content, on every machine.
    pub fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, format!("{self:?}").as_bytes());
        shipgate_domain::hex(hash.as_ref())
    }

    /// Which commands changed since then, in words.
    pub fn changed_commands(&self, before: &Content) -> Vec<String> {
        let by_path = |content: &Content| -> BTreeMap<String, String> {
            content.commands.clone().unwrap_or_default().into_iter().collect()
        };
        let (old, new) = (by_path(before), by_path(self));
        let mut changed = Vec::new();
        for (path, text) in &new {
            match old.get(path) {
                None => changed.push(format!("the command file {path} was added")),
                Some(known) if known != text => changed.push(format!("the command file {path} changed")),
                Some(_) => {}
            }
        }
        let gone = old.keys().filter(|path| !new.contains_key(*path));
        changed.extend(gone.map(|path| format!("the command file {path} was taken out")));
        changed
    }
}
