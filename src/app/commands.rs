//! What people can say: the command files, the parser made from them, help, and the list of slash commands. What
//! a command does lives in the use cases; nothing in here looks anything up.

mod actions;
mod file;
mod help;
mod limits;
mod near;
mod parse;
mod refusal;
mod secret;
mod slack;
mod slots;
mod spec;
mod times;
mod values;
mod vocabulary;
mod words;

#[cfg(test)]
mod tests;

pub use file::CommandFileProblem;
pub use help::{HelpArg, HelpPage};
pub use limits::{Limits, USUAL_LENGTH};
pub use parse::{Entry, Invocation, Parsed};
pub use refusal::Refusal;
pub(crate) use secret::check as check_secret;
pub use slack::{EXAMPLE_URL, SlashCommand, slack_manifest};
pub use spec::{ArgSpec, CommandSpec, FormSpec, PipelineSpec, Spot};
pub use times::WrittenTime;
pub use values::{Arg, Names};
pub use vocabulary::{Action, Kind, Role};
pub use words::LONGEST_TEXT;

/// The name of the bot, and of the slash command under which everything can be said.
pub const ROOT: &str = "shipgate";

/// Names the files of `commands/`; a test holds the list and the folder together.
macro_rules! builtin {
    ($($name:literal)+) => {
        &[$((concat!($name, ".toml"), include_str!(concat!("../../commands/", $name, ".toml")))),+]
    };
}

/// The files that come with Shipgate, as (name, content), in the order of help.
pub const BUILTIN: &[(&str, &str)] = builtin!(
    "deploy" "rollback" "approve" "withdraw" "reject" "cancel" "hold" "resume" "rerun"
    "status" "history" "diff" "logs" "checklist" "when" "explain" "who-can"
    "lock" "unlock" "freeze" "away" "incident" "help"
);

/// All commands, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grammar {
    commands: Vec<CommandSpec>,
}

impl Grammar {
    /// The commands that come with Shipgate.
    #[must_use]
    pub fn builtin() -> Self {
        Self::load(BUILTIN, Vec::new()).expect("the built-in files are read by a test")
    }

    /// The built-in commands and those of the user's own folder, given as (file name, text).
    ///
    /// # Errors
    /// All problems of all files, in the order of the files.
    pub fn load(
        builtin: &[(&str, &str)],
        extra: Vec<(String, String)>,
    ) -> Result<Self, Vec<CommandFileProblem>> {
        let own = builtin.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
        let mut commands: Vec<CommandSpec> = Vec::new();
        let mut problems = Vec::new();
        for (file, text) in own.chain(extra) {
            let (command, spot) = match file::read(&file, &text) {
                Ok(read) => read,
                Err(found) => {
                    problems.extend(found);
                    continue;
                }
            };
            for word in command.spellings() {
                if let Some(other) =
                    commands.iter().find(|other| other.spellings().any(|taken| taken == word))
                {
                    problems.push(CommandFileProblem {
                        file: file.clone(),
                        line: spot.line,
                        column: spot.column,
                        what: match other.name == word {
                            true => format!("There already is a command {word}."),
                            false => format!("{word} already means {}.", other.name),
                        },
                        instead: "Take another name.".to_owned(),
                    });
                }
            }
            commands.push(command);
        }
        if problems.is_empty() { Ok(Self { commands }) } else { Err(problems) }
    }

    /// All commands, in the order of help.
    #[must_use]
    pub fn commands(&self) -> &[CommandSpec] {
        &self.commands
    }

    /// The command of this name or alias, in any case, with or without its slash.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<&CommandSpec> {
        let name = name.trim_start_matches('/').to_lowercase();
        self.commands.iter().find(|command| command.spellings().any(|spelling| spelling == name))
    }
}
