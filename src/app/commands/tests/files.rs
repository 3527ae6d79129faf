//! The files themselves, and what is said about wrong ones.

use super::super::{Action, BUILTIN, CommandFileProblem};
use super::*;

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let extra = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let found = Grammar::load(BUILTIN, extra).expect_err("there are problems");
    found.iter().map(CommandFileProblem::to_string).collect()
}

#[test]
fn every_file_of_the_folder_is_built_in() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../commands");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of commands")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    files.sort();
    let mut built_in: Vec<&str> = BUILTIN.iter().map(|(file, _)| *file).collect();
    built_in.sort_unstable();
    assert_eq!(files, built_in);
}

#[test]
fn every_action_has_a_command() {
    let grammar = Grammar::builtin();
    // What a pipeline starts is the team's own to say: no command of that kind is built in.
    for action in Action::ALL.iter().filter(|action| **action != Action::Pipeline) {
        let forms = grammar.commands().iter().flat_map(|command| &command.forms);
        assert_eq!(forms.filter(|form| form.action == *action).count(), 1, "{action}");
    }
}

#[test]
fn every_argument_has_a_question_for_the_form() {
    for command in Grammar::builtin().commands() {
        for arg in command.forms.iter().flat_map(|form| &form.args).filter(|arg| arg.kind.as_str() != "flag")
        {
            assert!(arg.prompt.is_some(), "{} {}", command.name, arg.name);
        }
    }
}

#[test]
fn a_file_of_ones_own_adds_a_command() {
    let text = r#"
name = "ship"
aliases = ["release"]
summary = "Like deploy, for people at sea."
action = "deploy.request"
role = "deployer"
examples = ["ship staging v1"]
args = [
  { name = "environment", kind = "environment", default = "staging", help = "Where." },
  { name = "version", kind = "version", required = true, help = "What." },
]
"#;
    let grammar =
        Grammar::load(BUILTIN, vec![("ship.toml".to_owned(), text.to_owned())]).expect("a good file");
    let parsed = grammar.parse("release v2", &names(), Entry::Mention);
    assert_eq!(line(&parsed), "deploy.request environment=staging version=v2");
    assert!(grammar.help(Some("ship")).is_ok());
}

#[test]
fn all_problems_of_all_files_are_told_at_once() {
    let first = r#"name = "Restart"
sumary = "Restarts."
action = "pipe.line"
role = "admin"
slash = "yes"
examples = ["stop it"]

[[args]]
name = "environment"
kind = "enviroment"
help = "Where."

[[args]]
name = "for"
kind = "duration"
default = "soon"
option = "-f"
help = "How long."
"#;
    let second = "name = \"deploy\"\nsummary = \"Again.\"\naction = \"status.show\"\nrole = \"viewer\"\nexamples = [\"deploy\"]\n";
    let third = "name = \"x\nsummary = 1\n";
    insta::assert_snapshot!(
        problems(&[("restart.toml", first), ("deploy.toml", second), ("x.toml", third)]).join("\n")
    );
}

#[test]
fn problems_of_forms_are_told() {
    let text = r#"name = "flag"
summary = "Flags."
action = "freeze.add"
[[forms]]
word = "on"
default = true
summary = "On."
action = "freeze.add"
role = "approver"
examples = ["flag on"]
[[forms]]
word = "on"
summary = "Again."
[[forms]]
word = "off"
default = true
summary = "Off."
action = "freeze.end"
role = "approver"
examples = ["flag off"]
args = [
  { name = "a", kind = "text", rest = true, help = "A." },
  { name = "b", kind = "text", rest = true, option = "--a", help = "B." },
  { name = "c", kind = "flag", required = true, help = "C." },
  { name = "d", kind = "version", rest = true, help = "D." },
]
"#;
    insta::assert_snapshot!(problems(&[("flag.toml", text)]).join("\n"));
}

#[test]
fn names_that_slack_keeps_cannot_be_slash_commands() {
    let text = "name = \"remind\"\nsummary = \"S.\"\naction = \"help.show\"\nrole = \"viewer\"\nexamples = [\"remind\"]\n";
    let found = problems(&[("remind.toml", text)]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("slash = false"), "{}", found[0]);
}
