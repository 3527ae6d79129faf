//! The folder of a team's own commands, read and checked together with the settings. Not here: what a file may say
//! (`shipgate_app::commands`).

use super::super::check::check_with;
use super::{NOW, Settings, env, good_env, root};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// A folder with settings that name `own` as the folder of commands, and its files.
fn place(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let example = fs::read_to_string(root().join("shipgate.example.toml")).expect("the example");
    let settings = folder.path().join("shipgate.toml");
    fs::write(&settings, format!("{example}\n[commands]\nfolder = \"own\"\n")).expect("settings");
    fs::create_dir(folder.path().join("own")).expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join("own").join(name), text).expect("a file");
    }
    (folder, settings)
}

fn example(name: &str) -> String {
    fs::read_to_string(root().join("examples/commands").join(name)).expect("the example")
}

fn read(settings: &std::path::Path) -> Result<Settings, super::super::Problems> {
    let env = good_env();
    Settings::read(settings, &|name| env.get(name).cloned())
}

#[test]
fn commands_of_ones_own_belong_to_the_rules() {
    let (_folder, settings) =
        place(&[("restart.toml", &example("restart.toml")), ("notes.txt", "no command")]);
    let with = read(&settings).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(with.grammar.command("restart").is_some() && with.grammar.command("deploy").is_some());
    assert_eq!(with.policy.actions.len(), 1);
    let text = example("restart.toml").replace("{gentle}", "{gentle}!");
    let (_folder, settings) = place(&[("restart.toml", &text)]);
    let changed = read(&settings).unwrap_or_else(|problems| panic!("{problems}"));
    assert_ne!(with.policy.version(), changed.policy.version(), "yeses to the old file are void");
    let (_folder, settings) = place(&[]);
    let without = read(&settings).unwrap_or_else(|problems| panic!("{problems}"));
    assert_ne!(with.policy.version(), without.policy.version());
    assert!(without.warnings.list().iter().any(|problem| problem.code == "empty_folder"));
}

#[test]
fn mistakes_of_settings_and_command_files_are_told_together() {
    let wrong =
        example("restart.toml").replace("done =", "environments = [\"prodution\"]\nsecret = 1\ndone =");
    let also = example("flag.toml")
        .replace("workflow = \"flag.yml\"", "services = [\"apo\"]\nworkflow = \"flag.yml\"");
    let (folder, settings) = place(&[("restart.toml", &wrong), ("flag.toml", &also)]);
    let text =
        fs::read_to_string(&settings).expect("settings").replace("[announce]", "[announce]\nchanel = \"x\"");
    fs::write(&settings, text).expect("settings");
    let told = |json: bool| {
        let env =
            env(&[("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_APP_TOKEN", "xapp-1"), ("GITHUB_TOKEN", "ghp_1")]);
        check_with(&settings, json, &|name| env.get(name).cloned(), NOW.parse().expect("an instant"))
    };
    let (text, code) = told(false);
    assert_eq!(code, ExitCode::FAILURE);
    assert!(
        text.contains("chanel") && text.contains("own/restart.toml:52:1: There is no key secret."),
        "{text}"
    );
    let (json, _) = told(true);
    let problems: Vec<serde_json::Value> = serde_json::from_str(&json).expect("JSON");
    let of_file = problems.iter().find(|problem| problem["code"] == "bad_command").expect("it is told");
    assert_eq!((&of_file["line"], &of_file["column"]), (&52.into(), &1.into()), "{of_file}");
    assert!(of_file["file"].as_str().expect("a path").ends_with("own/restart.toml"));
    // A file that can be read is held against the services and environments.
    fs::write(folder.path().join("own/restart.toml"), wrong.replace("secret = 1\n", "")).expect("a file");
    let (text, _) = told(false);
    assert!(text.contains("Did you mean production?") && text.contains("Did you mean api?"), "{text}");
}

#[test]
fn a_folder_that_cannot_be_read_is_told_and_the_manifest_needs_nothing_else() {
    let (folder, settings) = place(&[("restart.toml", &example("restart.toml"))]);
    let grammar = Settings::commands(&settings).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(grammar.command("restart").is_some());
    fs::remove_dir_all(folder.path().join("own")).expect("it goes");
    let problems = read(&settings).expect_err("nothing is left out in silence");
    assert!(problems.list().iter().any(|problem| problem.code == "unreadable_folder"), "{problems}");
    assert!(Settings::commands(&settings).is_err());
}
