//! What a command file says, once it was read and checked.

use serde::{Deserialize, Serialize};

use super::vocabulary::{Action, Kind, Role};

/// One chat command: one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSpec {
    /// What people type.
    pub name: String,
    /// Other words for the same.
    pub aliases: Vec<String>,
    /// One sentence.
    pub summary: String,
    /// Whether it has a slash command of its own; every command can be said as `/shipgate name`.
    pub slash: bool,
    /// Whether its slash command leads to the others too: `/deploy status`.
    pub leads: bool,
    /// Sentences for help.
    pub notes: Vec<String>,
    /// The ways to say it: one without a word, or several with a word each (`freeze add`).
    pub forms: Vec<FormSpec>,
}

/// One way to say a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormSpec {
    /// The word after the command's name, if the command has several forms.
    pub word: Option<String>,
    /// Whether this form is meant when no word is said.
    pub default: bool,
    /// One sentence; empty for a command with a single form.
    pub summary: String,
    /// What it asks for.
    pub action: Action,
    /// Who may say it.
    pub role: Role,
    /// Its arguments, in the order of help and forms.
    pub args: Vec<ArgSpec>,
    /// Complete sentences, each run by a test.
    pub examples: Vec<String>,
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgSpec {
    /// Its name; `--name value` always works.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether the command cannot do without it. A required service falls back to the default service.
    pub required: bool,
    /// What is taken when it is not given.
    pub default: Option<String>,
    /// Its option, without dashes. Such an argument is never guessed from its place.
    pub option: Option<String>,
    /// Words that may stand before it: `because …`, `until …`.
    pub after: Vec<String>,
    /// Whether it takes all remaining words.
    pub rest: bool,
    /// One sentence for help.
    pub help: String,
    /// The question of the form that asks for it.
    pub prompt: Option<String>,
}

impl ArgSpec {
    /// The option names that give it, without dashes.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        let own = self.option.as_deref().filter(|option| *option != self.name);
        own.into_iter().chain(std::iter::once(self.name.as_str()))
    }

    /// Whether a word may be this argument by its place or looks alone.
    #[must_use]
    pub fn is_positional(&self) -> bool {
        self.option.is_none() && self.kind != Kind::Flag
    }

    /// The question for a form; the help text if the file has none.
    #[must_use]
    pub fn question(&self) -> &str {
        self.prompt.as_deref().unwrap_or(&self.help)
    }

    /// How it stands in a usage line: `<environment>`, `[--for <duration>]`.
    #[must_use]
    pub fn usage(&self) -> String {
        let spelt = match (&self.option, self.kind) {
            (Some(option), _) => Some(option),
            // A place says nothing about a flag, a length or a time; its name does.
            (None, Kind::Flag | Kind::Duration | Kind::Time) => Some(&self.name),
            (None, _) => None,
        };
        let needed = self.required && self.kind != Kind::Service;
        match spelt {
            Some(option) if self.kind == Kind::Flag => format!("[--{option}]"),
            Some(option) if needed => format!("--{option} <{}>", self.kind),
            Some(option) => format!("[--{option} <{}>]", self.kind),
            None => {
                let dots = if self.rest { " …" } else { "" };
                if needed { format!("<{}{dots}>", self.name) } else { format!("[{}{dots}]", self.name) }
            }
        }
    }
}
