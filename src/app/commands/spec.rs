//! What a command file says, once it was read and checked.

use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::vocabulary::{Action, Kind, Role};
use shipgate_domain::policy::ActsOn;
use std::collections::BTreeMap;

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
    /// What it starts, if its action is `pipeline`.
    pub pipeline: Option<PipelineSpec>,
}

/// Where something stands in a command file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in it, counted from 1.
    pub column: usize,
}

/// What a command of the team's own starts, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineSpec {
    /// The file, as it was named.
    pub file: String,
    /// Where this part of it begins.
    pub spot: Spot,
    /// What was done when it succeeded: `restarted`.
    pub done: String,
    /// The commit that its run is told.
    pub acts_on: ActsOn,
    /// Whether it changes nothing.
    pub read_only: bool,
    /// How many approvals it needs at least.
    pub approvals: u32,
    /// For which services; none means all whose CI system it knows.
    pub services: Vec<(String, Spot)>,
    /// On which environments; none means all.
    pub environments: Vec<(String, Spot)>,
    /// Workflow file. Empty: nothing for services on GitHub.
    pub workflow: String,
    /// Inputs of the workflow.
    pub inputs: BTreeMap<String, String>,
    /// Argument vector. Empty: nothing for services with `provider = "command"`.
    pub command: Vec<String>,
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
    /// What its value must be like, besides its kind.
    #[serde(default, skip_serializing_if = "Limits::are_none")]
    pub limits: Limits,
}

/// So many choices stand in a usage line.
const SHOWN_CHOICES: usize = 4;

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
                // Few choices say more than the name of what is chosen.
                let name = match self.limits.choices.as_slice() {
                    [] => self.name.clone(),
                    few if few.len() <= SHOWN_CHOICES => few.join("|"),
                    _ => self.name.clone(),
                };
                if needed { format!("<{name}{dots}>") } else { format!("[{name}{dots}]") }
            }
        }
    }
}
