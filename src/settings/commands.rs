//! `[commands]`: the folder of the team's own commands, read and checked together with the settings. Not here: what a
//! command file may say (`shipgate_app::commands`).

use super::problem::Finding;
use super::reader::{Log, Section, clip};
use shipgate_app::commands::{BUILTIN, CommandFileProblem, Grammar};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Larger than any command file.
const LARGEST: u64 = 256 * 1024;
/// More files than anybody has commands.
const MOST_FILES: usize = 200;

/// Command files by path, each with its text; or why they cannot be read.
pub type CommandTexts = Result<Vec<(String, String)>, String>;

/// Where the text of command files comes from.
#[derive(Clone, Copy, Debug)]
pub enum CommandFiles<'a> {
    /// They are read when they are asked for.
    OnDisk,
    /// They were read before, together with the settings: what is judged is what was seen.
    Read(&'a CommandTexts),
}

impl CommandFiles<'_> {
    fn of(self, folder: &Path) -> CommandTexts {
        match self {
            Self::OnDisk => command_files(folder).map_err(|why| why.to_string()),
            Self::Read(files) => files.clone(),
        }
    }
}

/// All commands: those that are built in, and those of the folder. What is wrong with the folder is noted, what is wrong
/// in a file is given back.
pub(super) fn commands(
    root: &Section<'_>,
    settings: &Path,
    files: CommandFiles<'_>,
) -> Result<Grammar, Vec<CommandFileProblem>> {
    let Some(section) = root.section("commands") else { return Ok(Grammar::builtin()) };
    let Some(word) = section.text("folder", "commands") else { return Ok(Grammar::builtin()) };
    if word.text.is_empty() {
        section.refuse(word.place, "bad_folder", "`commands.folder` is empty", "commands");
        return Ok(Grammar::builtin());
    }
    let folder = beside(settings, &word.text);
    match files.of(&folder) {
        Ok(files) => {
            if files.is_empty() {
                let what = format!("there is no command file in {}", clip(&folder.display().to_string()));
                let found = Finding::at(word.place, "empty_folder", what).warning();
                section.note(found.instead("put a file such as restart.toml there, or leave [commands] out"));
            }
            Grammar::load(BUILTIN, files)
        }
        Err(why) => {
            let what =
                format!("the folder of commands {} cannot be read", clip(&folder.display().to_string()));
            let found = Finding::at(word.place, "unreadable_folder", what).why(why);
            section.note(
                found.instead("name the folder that holds the command files, seen from the settings file"),
            );
            Ok(Grammar::builtin())
        }
    }
}

/// The folder that a settings text names, if it names one. What is wrong with it is for `check` to say.
#[must_use]
pub fn command_folder(settings: &Path, text: &str) -> Option<PathBuf> {
    let log = Log::default();
    let (document, _) = DeTable::parse_recoverable(text);
    let root = Section::root(document.get_ref(), &log);
    let word = root.section("commands")?.text("folder", "commands")?;
    (!word.text.is_empty()).then(|| beside(settings, &word.text))
}

/// A path as seen from the settings file.
fn beside(settings: &Path, path: &str) -> PathBuf {
    settings.parent().unwrap_or(Path::new("")).join(path)
}

/// The command files of a folder by name, each with its text.
///
/// # Errors
/// The folder or one of them cannot be read, or there are too many, or too large ones.
pub fn command_files(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        if files.len() >= MOST_FILES {
            return Err(io::Error::other(format!("it holds more than {MOST_FILES} command files")));
        }
        let in_file = |why: io::Error| io::Error::new(why.kind(), format!("{}: {why}", path.display()));
        let mut text = String::new();
        fs::File::open(&path)
            .and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
            .map_err(in_file)?;
        if text.len() as u64 > LARGEST {
            return Err(in_file(io::Error::other("it is larger than any command file")));
        }
        files.push((path.display().to_string(), text));
    }
    files.sort();
    Ok(files)
}
