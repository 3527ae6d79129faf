//! The files that can change while the bot works: the settings, and the user's own commands. Not here: what they mean.

use crate::settings::{self, CommandTexts};
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where they are: the folder of commands is named by the settings.
#[derive(Clone, Debug)]
pub struct Files {
    /// `shipgate.toml`.
    pub config: PathBuf,
}

/// What they say, or why they cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The settings.
    pub settings: Result<String, String>,
    /// Command files by path, in order.
    pub commands: CommandTexts,
}

/// What they say at one moment, and which files on the disk say it: device and number.
#[derive(Clone, Debug)]
pub struct Look {
    /// What they say.
    pub content: Content,
    /// The path of the settings.
    pub config: PathBuf,
    /// By path.
    pub places: BTreeMap<PathBuf, (u64, u64)>,
}

impl Files {
    /// Reads all of them, whole. A mounted folder whose link is swapped is read through the link.
    pub fn read(&self) -> Content {
        let settings = settings::text_of(&self.config).map_err(|why| why.to_string());
        let folder = settings.as_ref().ok().and_then(|text| settings::command_folder(&self.config, text));
        let commands = folder
            .map_or(Ok(Vec::new()), |folder| settings::command_files(&folder).map_err(|why| why.to_string()));
        Content { settings, commands }
    }

    /// Reads all of them, and looks which they are.
    pub fn look(&self) -> Look {
        let content = self.read();
        let commands = content.commands.iter().flatten().map(|(path, _)| PathBuf::from(path));
        let places = std::iter::once(self.config.clone()).chain(commands).filter_map(|path| {
            let about = std::fs::metadata(&path).ok()?;
            Some((path, (about.dev(), about.ino())))
        });
        Look { config: self.config.clone(), places: places.collect(), content }
    }
}

impl Content {
    /// The same for the same content, on every machine: wherever its folder of commands is.
    pub fn fingerprint(&self) -> String {
        let named = |(path, text): &(String, String)| {
            (Path::new(path).file_name().map(ToOwned::to_owned), text.clone())
        };
        let commands = self.commands.as_ref().map(|files| files.iter().map(named).collect::<Vec<_>>());
        let hash = digest(&SHA256, format!("{:?} {commands:?}", self.settings).as_bytes());
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
