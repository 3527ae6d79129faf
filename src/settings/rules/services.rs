//! `[services]`. Not here: where they go (`environments`).

use super::super::near::advice;
use super::super::problem::Finding;
use super::super::reader::{Section, Word, clip};
use super::preflight::of_service;
use shipgate_domain::ids::{ServiceName, Version};
use shipgate_domain::policy::{Pipeline, Provider, Service};
use std::collections::BTreeMap;

/// What stands in braces in inputs and commands.
const PLACEHOLDERS: [&str; 5] = ["service", "environment", "version", "sha", "deploy"];
/// Programs that would read an argument as a program of its own.
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "pwsh", "powershell"];
const INPUTS: &str = "{ sha = \"{sha}\", deployment_id = \"{deploy}\", environment = \"{environment}\" }";

/// Everything under `[services]`. Services with problems are noted and left out.
pub(super) fn services(root: &Section<'_>) -> BTreeMap<ServiceName, Service> {
    let mut services = BTreeMap::new();
    let mut default: Option<String> = None;
    let sections = root.sections("services");
    if sections.is_empty() {
        let found = Finding::at(0..0, "missing", "there is no service").why("there is nothing to deploy");
        root.note(found.instead("add a table such as [services.api]"));
    }
    for (word, section) in sections {
        let name = section.parse::<ServiceName>(&word, "bad_name", "api");
        let is_default = section.flag("default").unwrap_or(false);
        if let (true, Some(other)) = (is_default, &default) {
            let what = format!("{} and {other} are both the default", clip(&word.text));
            let place = section.place_of("default").unwrap_or(word.place.clone());
            let found =
                Finding::at(place, "contradiction", what).why("one is meant when nobody names a service");
            section.note(found.instead("leave default = true with one of them"));
        }
        if is_default {
            default.get_or_insert_with(|| clip(&word.text));
        }
        let pipeline = pipeline(&section);
        let preflight = of_service(&section, check_placeholders);
        if let (Some(name), Some(pipeline)) = (name, pipeline) {
            services.insert(name.clone(), Service { name, default: is_default, pipeline, preflight });
        }
    }
    services
}

fn provider(section: &Section<'_>) -> Option<Provider> {
    let Some(word) = section.text("provider", "github") else {
        if section.place_of("provider").is_none() {
            section.missing("provider", "", "\"github\", or \"command\"");
        }
        return None;
    };
    if ["gitlab", "circleci"].contains(&word.as_str()) {
        let what = format!("provider “{}” is not supported by this version", word.text);
        section
            .note(Finding::at(word.place, "not_supported", what).instead("write \"github\" or \"command\""));
        return None;
    }
    section.choice("provider", &[("github", Provider::Github), ("command", Provider::Command)])
}

fn pipeline(section: &Section<'_>) -> Option<Pipeline> {
    let provider = provider(section);
    let git_ref = match section.text("ref", "main") {
        Some(word) => branch(section, word),
        None => "main".to_owned(),
    };
    let inputs = section.section("inputs").map(|inputs| self::inputs(&inputs));
    let workflow = section.text("workflow", "deploy.yml");
    let repo = section.text("repo", "acme/api");
    let command = section.list("command", "[\"./deploy.sh\", \"{environment}\", \"{sha}\"]");
    let provider = provider?;
    let foreign: &[&str] = match provider {
        Provider::Github => &["command"],
        Provider::Command => &["workflow", "inputs"],
    };
    for key in foreign {
        if let Some(place) = section.place_of(key) {
            let what = format!("`{key}` means nothing to provider “{}”", provider.as_str());
            section.note(
                Finding::at(place, "contradiction", what)
                    .instead("leave it out, or write the other provider"),
            );
        }
    }
    let repo = match (repo, provider) {
        (Some(word), Provider::Github) => github_repo(section, word),
        (Some(word), Provider::Command) => Some(word.text).filter(|path| !path.is_empty()),
        (None, _) => {
            if section.place_of("repo").is_none() {
                let example = if provider == Provider::Github { "\"acme/api\"" } else { "\"./site\"" };
                section.missing("repo", "versions are looked up there", example);
            }
            None
        }
    };
    let (workflow, inputs, command) = match provider {
        Provider::Github => {
            let inputs = required_inputs(section, inputs);
            (workflow_file(section, workflow), inputs, Some(Vec::new()))
        }
        Provider::Command => (Some(String::new()), Some(BTreeMap::new()), arguments(section, command)),
    };
    Some(Pipeline { provider, repo: repo?, workflow: workflow?, git_ref, inputs: inputs?, command: command? })
}

fn branch(section: &Section<'_>, word: Word) -> String {
    let is_full = word.text.starts_with("refs/");
    if is_full || word.text.parse::<Version>().is_err() {
        let what = format!("“{}” is not the name of a branch", clip(&word.text));
        section.note(
            Finding::at(word.place, "bad_name", what).instead("write ref = \"main\", without refs/heads/"),
        );
    }
    word.text
}

fn github_repo(section: &Section<'_>, word: Word) -> Option<String> {
    let is_part = |part: &str| {
        (1..=100).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && !part.bytes().all(|b| b == b'.')
    };
    let is_valid = word.text.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name));
    if !is_valid {
        let what = format!("“{}” is not a repository on GitHub", clip(&word.text));
        section.note(
            Finding::at(word.place, "bad_name", what).instead("write owner and name: repo = \"acme/api\""),
        );
        return None;
    }
    Some(word.text)
}

fn workflow_file(section: &Section<'_>, word: Option<Word>) -> Option<String> {
    let Some(word) = word else {
        if section.place_of("workflow").is_none() {
            section.missing(
                "workflow",
                "it is what a deploy starts",
                "\"deploy.yml\", the file in .github/workflows",
            );
        }
        return None;
    };
    let file = word.text.rsplit('/').next().unwrap_or_default();
    let is_yaml =
        file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml")).is_some_and(|n| !n.is_empty());
    let is_plain = file.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if file != word.text || !is_yaml || !is_plain {
        let what = format!("“{}” is not the name of a workflow file", clip(&word.text));
        let file = if is_yaml && is_plain { clip(file) } else { "deploy.yml".to_owned() };
        let instead = format!("write workflow = \"{file}\", a file in .github/workflows, without the folder");
        section.note(Finding::at(word.place, "bad_name", what).instead(instead));
        return None;
    }
    Some(word.text)
}

fn inputs(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut inputs = BTreeMap::new();
    for name in section.names() {
        let Some(value) = section.text(&name.text, "{sha}") else { continue };
        check_input(section, &name, &value);
        check_placeholders(section, &value);
        inputs.insert(name.text, value.text);
    }
    inputs
}

/// Notes a name that no workflow can declare, and a value with characters that nobody sees.
///
/// Source: GitHub, “Workflow syntax”, `on.workflow_dispatch.inputs`: a name begins with a letter or `_` and has only
/// letters, digits, `-` and `_`.
fn check_input(section: &Section<'_>, name: &Word, value: &Word) {
    let text = name.text.as_bytes();
    let is_name = text.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !is_name {
        let what = format!("“{}” in `inputs` is not the name of an input of a workflow", clip(&name.text));
        let instead = "begin with a letter, and use letters, digits, - and _ only, as the workflow file does";
        section.note(Finding::at(name.place.clone(), "bad_name", what).instead(instead));
    }
    if value.text.contains(shipgate_domain::hidden::is_hidden) {
        let what = format!("the value of “{}” in `inputs` has characters that nobody sees", clip(&name.text));
        let why = "what is approved must be what people read";
        section.note(
            Finding::at(value.place.clone(), "hidden_characters", what).why(why).instead("leave them out"),
        );
    }
}

/// A workflow must be told the commit, or it deploys another one; and the deploy, or its run cannot be found again.
fn required_inputs(
    section: &Section<'_>,
    inputs: Option<BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    let Some(inputs) = inputs else {
        if section.place_of("inputs").is_none() {
            section.missing("inputs", "the workflow must be told the commit and the deploy", INPUTS);
        }
        return None;
    };
    let place = section.place_of("inputs").unwrap_or(section.place.clone());
    let rows = [
        (
            "{sha}",
            "the workflow would deploy another commit than the one that was approved",
            "sha = \"{sha}\"",
        ),
        ("{deploy}", "the run of a deploy could not be found again", "deployment_id = \"{deploy}\""),
    ];
    for (placeholder, why, instead) in rows {
        if !inputs.values().any(|value| value.contains(placeholder)) {
            let what = format!("no input of {} holds {placeholder}", section.title);
            let found = Finding::at(place.clone(), "missing_input", what).why(why);
            section.note(found.instead(format!("add {instead} to inputs, and declare it in the workflow")));
        }
    }
    Some(inputs)
}

fn arguments(section: &Section<'_>, list: Option<super::super::reader::Words>) -> Option<Vec<String>> {
    let Some(list) = list else {
        if section.place_of("command").is_none() {
            section.missing(
                "command",
                "it is what a deploy starts",
                "[\"./deploy.sh\", \"{environment}\", \"{sha}\"]",
            );
        }
        return None;
    };
    let Some(program) = list.words.first().filter(|word| !word.text.trim().is_empty()) else {
        let found = Finding::at(list.place, "missing", "`command` names no program");
        section.note(found.instead("write command = [\"./deploy.sh\", \"{environment}\", \"{sha}\"]"));
        return None;
    };
    if program.text.contains('{') {
        let found =
            Finding::at(program.place.clone(), "contradiction", "the program itself holds a placeholder");
        let why =
            "only the commands that stand here may run, and what people type must not choose among them";
        section.note(found.why(why).instead("write one program, and placeholders in its arguments"));
    }
    for pair in list.words.windows(2) {
        let name = pair[0].text.rsplit('/').next().unwrap_or_default();
        let is_script = pair[1].text.starts_with('-') && pair[1].text.to_lowercase().contains('c');
        if SHELLS.contains(&name) && is_script {
            let what =
                format!("`command` gives a program text to a shell: {} {}", clip(name), clip(&pair[1].text));
            let why = "a shell would read what stands in the placeholders as code";
            let instead = "put the lines into a script, and write command = [\"./deploy.sh\", \"{environment}\", \"{sha}\"]";
            section.note(Finding::at(pair[1].place.clone(), "shell", what).why(why).instead(instead));
        }
    }
    for word in &list.words {
        check_placeholders(section, word);
    }
    Some(list.words.into_iter().map(|word| word.text).collect())
}

/// Notes words in braces that stand for nothing.
fn check_placeholders(section: &Section<'_>, word: &Word) {
    for part in word.text.split('{').skip(1) {
        let Some((name, _)) = part.split_once('}') else { continue };
        let is_word =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'-');
        if is_word && !PLACEHOLDERS.contains(&name) {
            let what = format!("{{{}}} stands for nothing", clip(name));
            let instead = advice(name, PLACEHOLDERS);
            section.note(Finding::at(word.place.clone(), "unknown_word", what).instead(instead));
        }
    }
}
