//! Reads what a command of the team's own starts, and what its arguments must be like. What people type never chooses a
//! program, and never becomes more than one value. Not here: services and environments, which the settings know
//! (`actions`).

mod args;
mod limits;
mod programs;

use super::super::near::nearest;
use super::super::spec::{ArgSpec, FormSpec, PipelineSpec, Spot};
use super::super::values::Arg;
use super::super::vocabulary::{Action, Kind, Role};
use super::Reader;
use shipgate_domain::policy::ActsOn;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::DeTable;

const KEYS: &[&str] = &[
    "done",
    "version",
    "read_only",
    "approvals",
    "services",
    "environments",
    "workflow",
    "inputs",
    "command",
];
/// What stands in braces without being an argument.
const GIVEN: [&str; 5] = ["service", "environment", "version", "sha", "deploy"];
/// Arguments that speak of the request itself, with the kind that each must have.
const OF_THE_REQUEST: [(&str, Kind); 5] = [
    ("reason", Kind::Text),
    ("emergency", Kind::Text),
    ("hold", Kind::Flag),
    ("at", Kind::Time),
    ("when-open", Kind::Flag),
];
/// How secrets of the usual systems begin.
const LOOKS_SECRET: [&str; 15] = [
    "xoxb-",
    "xoxp-",
    "xoxe.",
    "xapp-",
    "github_pat_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "glpat-",
    "AKIA",
    "sk-",
    "-----BEGIN",
    "eyJ",
    "hooks.slack.com/services/",
];
/// More inputs than this no workflow takes (GitHub Docs, "Workflow syntax", `workflow_dispatch.inputs`).
const MOST_INPUTS: usize = 25;
const MOST_APPROVALS: i64 = 20;

impl Reader<'_> {
    /// The part that says what is started; none when the action is another one.
    pub(super) fn pipeline(&mut self, table: &DeTable<'_>, forms: &[FormSpec]) -> Option<PipelineSpec> {
        let is_pipeline = |form: &FormSpec| form.action == Action::Pipeline;
        let written = table.get("pipeline");
        let Some(form) = forms.iter().find(|form| is_pipeline(form)) else {
            // An action that cannot be read was told already.
            if let Some(value) = written.filter(|_| !forms.is_empty()) {
                let instead = "Write action = \"pipeline\", or leave [pipeline] out.";
                self.problem(&value.span(), "[pipeline] stands beside another action.", instead);
            }
            return None;
        };
        if table.contains_key("forms") {
            let at = table.get("forms").map(|forms| forms.span()).unwrap_or_default();
            let instead = "Leave [[forms]] out; make a choice an argument, or write a file for each.";
            self.problem(&at, "A command that starts a workflow has one form.", instead);
        }
        let (Some(value), at) = (written, written.map(|value| value.span()).unwrap_or_default()) else {
            let instead = "Write [pipeline] with done and workflow.";
            self.problem(&at_of(table, "action"), "Nothing says what it starts.", instead);
            return None;
        };
        let Some(inner) = value.get_ref().as_table() else {
            self.problem(&at, "pipeline is not a table.", "Write [pipeline] above its keys.");
            return None;
        };
        self.unknown_keys(inner, KEYS);
        let spec = self.started(inner, &at, form);
        self.check_args(table, form, &spec);
        Some(spec)
    }

    fn started(&mut self, inner: &DeTable<'_>, at: &Range<usize>, form: &FormSpec) -> PipelineSpec {
        let done = self.required(inner, at, "done", "done = \"restarted\"");
        if let Some((done, at)) = &done {
            let length = done.chars().count();
            if length == 0 || length > 40 || done.chars().any(char::is_control) {
                let instead =
                    "Write what was done, as in \"restarted api on production\": done = \"restarted\".";
                self.problem(at, format!("done has {length} characters."), instead);
            }
        }
        let read_only = self.flag(inner, "read_only", false);
        let approvals = self.whole(inner, "approvals", 0, MOST_APPROVALS).unwrap_or(0);
        if read_only && approvals > 0 {
            let instead = "Leave out approvals, or read_only.";
            self.problem(&at_of(inner, "approvals"), "What changes nothing asks for no approvals.", instead);
        }
        if form.role == Role::Viewer && !read_only {
            let instead = "Write role = \"deployer\" in the file, or read_only = true in [pipeline].";
            let what = "Everybody could start something that changes things.";
            self.problem(&at_of(inner, "done"), what, instead);
        }
        let acts_on = match self.optional(inner, "version") {
            None => ActsOn::Live,
            Some((word, _)) if word == "live" => ActsOn::Live,
            Some((word, _)) if word == "ref" => ActsOn::Ref,
            Some((word, at)) => {
                let instead =
                    "Write \"live\", what runs there, or \"ref\", the head of the service's branch.";
                self.problem(&at, format!("There is no version \"{word}\" here."), instead);
                ActsOn::Live
            }
        };
        let workflow = self.workflow(inner);
        let inputs = self.inputs(inner, form, workflow.is_some());
        let command = self.command_line(inner, form);
        if !inner.contains_key("workflow") && !inner.contains_key("command") {
            let instead =
                "Write workflow = \"restart.yml\" for services on GitHub, or command = [\"./restart.sh\"].";
            self.problem(at, "Neither workflow nor command says what is started.", instead);
        }
        PipelineSpec {
            file: self.file.to_owned(),
            spot: self.spot(at),
            done: done.map(|(done, _)| done).unwrap_or_default(),
            acts_on,
            read_only,
            approvals: u32::try_from(approvals).unwrap_or(0),
            services: self.named(inner, "services"),
            environments: self.named(inner, "environments"),
            workflow: workflow.unwrap_or_default(),
            inputs,
            command,
        }
    }

    fn named(&mut self, inner: &DeTable<'_>, key: &str) -> Vec<(String, Spot)> {
        if inner.get(key).is_some_and(|list| list.get_ref().as_array().is_some_and(|list| list.is_empty())) {
            let instead = format!("Leave {key} out for all, or name some.");
            self.problem(&at_of(inner, key), format!("{key} names none."), instead);
        }
        self.texts(inner, key).into_iter().map(|(name, at)| (name, self.spot(&at))).collect()
    }

    fn workflow(&mut self, inner: &DeTable<'_>) -> Option<String> {
        let (file, at) = self.optional(inner, "workflow")?;
        let stem = file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml"));
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if stem.is_none_or(str::is_empty) || !file.bytes().all(is_plain) {
            let what = format!("\"{file}\" is not the name of a workflow file.");
            let instead =
                "Write workflow = \"restart.yml\", a file in .github/workflows, without the folder.";
            self.problem(&at, what, instead);
        }
        Some(file)
    }

    fn inputs(
        &mut self,
        inner: &DeTable<'_>,
        form: &FormSpec,
        has_workflow: bool,
    ) -> BTreeMap<String, String> {
        let mut inputs = BTreeMap::new();
        let at = at_of(inner, "inputs");
        let example = "Write inputs = { environment = \"{environment}\", deployment_id = \"{deploy}\" }.";
        let Some(table) = inner.get("inputs").map(|value| value.get_ref().as_table()) else {
            if has_workflow {
                let what = "The workflow has no inputs, so its run could not be found again.";
                self.problem(&at_of(inner, "workflow"), what, example);
            }
            return inputs;
        };
        let Some(table) = table else {
            self.problem(&at, "inputs is not a table.", example);
            return inputs;
        };
        if !has_workflow {
            self.problem(&at, "inputs stands without a workflow.", "Write workflow = \"restart.yml\" too.");
        }
        if table.len() > MOST_INPUTS {
            let what = format!("{} inputs are more than a workflow takes.", table.len());
            self.problem(&at, what, format!("Keep it to {MOST_INPUTS}."));
        }
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let first_is_fine = |b: u8| b.is_ascii_alphabetic() || b == b'_';
            let is_name = name.bytes().next().is_some_and(first_is_fine)
                && name.bytes().all(|b| first_is_fine(b) || b.is_ascii_digit() || b == b'-');
            if !is_name {
                let instead =
                    "Begin with a letter, and use letters, digits, - and _ only, as the workflow file does.";
                self.problem(&key.span(), format!("\"{name}\" is not the name of an input."), instead);
            }
            let Some(template) = value.get_ref().as_str() else {
                let instead = "Write it in quotes.";
                self.problem(&value.span(), format!("The input {name} is not text."), instead);
                continue;
            };
            self.check_template(template, &value.span(), form);
            inputs.insert(name.to_owned(), template.to_owned());
        }
        if !inputs.values().any(|template| template.contains("{deploy}")) {
            let instead = "Add deployment_id = \"{deploy}\", and put it into the run-name of the workflow.";
            self.problem(&at, "No input holds {deploy}, so the run could not be found again.", instead);
        }
        inputs
    }

    fn command_line(&mut self, inner: &DeTable<'_>, form: &FormSpec) -> Vec<String> {
        let words = self.texts(inner, "command");
        let at = at_of(inner, "command");
        match words.first() {
            None if inner.get("command").is_some_and(|list| list.get_ref().as_array().is_some()) => {
                self.problem(&at, "command names no program.", "Write command = [\"./restart.sh\"].");
            }
            Some((program, at)) if program.trim().is_empty() || program.contains('{') => {
                let instead = "Write one program, and placeholders in its arguments only.";
                self.problem(at, "What people type must not choose the program.", instead);
            }
            _ => {}
        }
        self.check_programs(&words, form);
        for (template, at) in &words {
            self.check_template(template, at, form);
        }
        words.into_iter().map(|(word, _)| word).collect()
    }

    fn check_template(&mut self, template: &str, at: &Range<usize>, form: &FormSpec) {
        if template.contains(shipgate_domain::hidden::is_hidden) || template.chars().any(char::is_control) {
            let what = "It has characters that nobody sees.";
            self.problem(at, what, "Leave them out; what is approved must be what people read.");
        }
        self.check_secret(template, at);
        for name in placeholders(template) {
            let is_arg = |arg: &ArgSpec| arg.name == name && is_a_value(arg);
            if GIVEN.contains(&name) || form.args.iter().any(is_arg) {
                continue;
            }
            let known: Vec<&str> = GIVEN
                .into_iter()
                .chain(form.args.iter().filter(|arg| is_a_value(arg)).map(|arg| arg.name.as_str()))
                .collect();
            let instead = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("Did you mean {{{meant}}}?"),
                None => format!("Known: {}.", known.join(", ")),
            };
            self.problem(at, format!("{{{name}}} stands for nothing."), instead);
        }
    }

    fn check_secret(&mut self, text: &str, at: &Range<usize>) {
        if LOOKS_SECRET.iter().any(|start| text.contains(start)) {
            let what = "This looks like a secret.";
            self.problem(
                at,
                what,
                "Keep it where the workflow runs, and revoke this one: it is in a file now.",
            );
        }
    }
}

/// The bytes of a key's value; the beginning where there is none.
fn at_of(table: &DeTable<'_>, key: &str) -> Range<usize> {
    table.get(key).map(|value| value.span()).unwrap_or_default()
}

/// The words in braces.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    let is_word = |name: &&str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).filter(is_word)
}

/// The part of a request that an argument speaks of, if it is none of the run's.
pub(in super::super) fn of_the_request(arg: &ArgSpec) -> Option<&'static str> {
    OF_THE_REQUEST.iter().find(|(name, _)| *name == arg.name).map(|(name, _)| *name)
}

/// Whether an argument can stand in braces: a reason can, a planned start cannot.
fn is_a_value(arg: &ArgSpec) -> bool {
    !matches!(arg.name.as_str(), "hold" | "at" | "when-open")
}

/// A value as it stands in a run's input; seconds for a length of time.
pub(in super::super) fn as_input(value: Option<&Arg>, kind: Kind) -> String {
    match value {
        Some(Arg::Number(number)) => number.to_string(),
        Some(Arg::Duration(length)) => length.as_secs().to_string(),
        Some(Arg::Flag) => "true".to_owned(),
        // A planned start has no words.
        Some(other) => other.as_text().unwrap_or_default().to_owned(),
        None if kind == Kind::Flag => "false".to_owned(),
        None => String::new(),
    }
}
