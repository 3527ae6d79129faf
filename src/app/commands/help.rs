//! Help as plain data, made from the command files. How it looks is the renderer's business.

use super::refusal::Refusal;
use super::spec::{ArgSpec, CommandSpec, FormSpec};
use super::values::{Arg, Names};
use super::vocabulary::{Kind, Role};
use super::{Grammar, ROOT};

/// A page of help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpPage {
    /// The command, or the name of the bot.
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// How it is said, one line per form.
    pub usage: Vec<String>,
    /// Its arguments; of all forms, each name once.
    pub args: Vec<HelpArg>,
    /// Complete sentences to copy, with their slash.
    pub examples: Vec<String>,
    /// More sentences.
    pub notes: Vec<String>,
    /// Other pages: what to ask help for, and its summary.
    pub see: Vec<(String, String)>,
}

/// One argument on a page of help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpArg {
    /// How it is spelt: `environment`, `--for`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether the command cannot do without it.
    pub required: bool,
    /// One sentence.
    pub help: String,
}

impl Grammar {
    /// The page about one command (`deploy`, `freeze add`), or about all of them.
    ///
    /// # Errors
    /// There is no such command; the refusal suggests the nearest.
    pub fn help(&self, topic: Option<&str>) -> Result<HelpPage, Refusal> {
        let Some(topic) = topic.map(str::trim).filter(|topic| !topic.is_empty()) else {
            return Ok(self.overview());
        };
        let name = match self.read_value(Kind::Command, topic, &Names::default())? {
            Arg::Command(name) => name,
            _ => return Err(self.unknown_command(topic)),
        };
        let (name, word) =
            name.split_once(' ').map_or((name.as_str(), None), |(name, word)| (name, Some(word)));
        let command = self.command(name).ok_or_else(|| self.unknown_command(name))?;
        let forms = command.forms.iter().filter(|form| word.is_none() || form.word.as_deref() == word);
        Ok(page(command, &forms.collect::<Vec<_>>()))
    }

    /// How every form of every command is said, in the order of the overview.
    #[must_use]
    pub fn usage(&self) -> Vec<String> {
        let forms =
            self.commands().iter().flat_map(|command| command.forms.iter().map(move |form| (command, form)));
        forms.map(|(command, form)| usage_line(command, form)).collect()
    }

    fn overview(&self) -> HelpPage {
        HelpPage {
            title: ROOT.to_owned(),
            summary: "Asks the right people, keeps the rules, and deploys.".to_owned(),
            usage: self.usage(),
            args: Vec::new(),
            examples: self
                .commands()
                .iter()
                .filter_map(|command| examples(command, &command.forms[0]).next())
                .collect(),
            notes: vec![
                format!("Every command works as /{ROOT} COMMAND and @{ROOT} COMMAND too."),
                "Words may come in any order. What is missing is asked for.".to_owned(),
            ],
            see: self
                .commands()
                .iter()
                .map(|command| (command.name.clone(), command.summary.clone()))
                .collect(),
        }
    }
}

fn page(command: &CommandSpec, forms: &[&FormSpec]) -> HelpPage {
    let single = match forms {
        [form] => form.word.as_ref().map(|word| (format!("{} {word}", command.name), form.summary.clone())),
        _ => None,
    };
    let (title, summary) = single.clone().unwrap_or_else(|| (command.name.clone(), command.summary.clone()));
    let mut args: Vec<HelpArg> = Vec::new();
    for arg in forms.iter().flat_map(|form| &form.args) {
        let arg = help_arg(arg);
        if !args.iter().any(|known| known.name == arg.name) {
            args.push(arg);
        }
    }
    let see = match single {
        Some(_) => Vec::new(),
        None => forms
            .iter()
            .filter_map(|form| {
                Some((format!("{} {}", command.name, form.word.as_ref()?), form.summary.clone()))
            })
            .collect(),
    };
    let mut notes = command.notes.clone();
    if let Some(who) = forms.first().and_then(|form| who(form.role)) {
        notes.push(who.to_owned());
    }
    HelpPage {
        title,
        summary,
        usage: forms.iter().map(|form| usage_line(command, form)).collect(),
        args,
        examples: forms.iter().flat_map(|form| examples(command, form)).collect(),
        notes,
        see,
    }
}

fn help_arg(arg: &ArgSpec) -> HelpArg {
    let name = match (&arg.option, arg.kind) {
        (Some(option), _) => format!("--{option}"),
        (None, Kind::Flag | Kind::Duration | Kind::Time) => format!("--{}", arg.name),
        (None, _) => arg.name.clone(),
    };
    HelpArg {
        name,
        kind: arg.kind,
        required: arg.required && arg.kind != Kind::Service,
        help: arg.help.clone(),
    }
}

const fn who(role: Role) -> Option<&'static str> {
    match role {
        Role::Viewer => None,
        Role::Deployer => Some("For people who may deploy."),
        Role::Approver => Some("For people who may approve."),
    }
}

/// How a form is said, with the slash command that reaches it.
pub(super) fn usage_line(command: &CommandSpec, form: &FormSpec) -> String {
    let args = form.args.iter().map(ArgSpec::usage);
    let words = form.word.clone().into_iter().chain(args);
    std::iter::once(slashed(command, &command.name)).chain(words).collect::<Vec<_>>().join(" ")
}

fn examples<'c>(command: &'c CommandSpec, form: &'c FormSpec) -> impl Iterator<Item = String> + 'c {
    form.examples.iter().map(move |example| slashed(command, example))
}

fn slashed(command: &CommandSpec, words: &str) -> String {
    if command.slash && words.starts_with(&command.name) {
        format!("/{words}")
    } else {
        format!("/{ROOT} {words}")
    }
}
