//! `shipgate check --online` against working models: what is so, what is not, and that nothing is changed. Not here: what is
//! wrong with the settings alone (`operating`, `src/settings/tests`).

use crate::harness::Bot;
use crate::setup::{REPO, Transport, workflow, world};
use serde_json::Value;
use shipgate_world::World;
use shipgate_world::github::Input;
use shipgate_world::slack::{Channel, Group};

/// Every request so far, of both models, that could change something.
fn writes(world: &World) -> Vec<String> {
    let calls = world.github.calls();
    let github =
        calls.iter().filter(|call| call.method != "GET").map(|call| format!("{} {}", call.method, call.path));
    let calls = world.slack.calls();
    let reads =
        ["auth.test", "conversations.info", "conversations.list", "users.info", "usergroups.users.list"];
    let slack = calls.iter().filter(|call| !reads.iter().any(|read| call.path.ends_with(read)));
    github.chain(slack.map(|call| call.path.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_fit_the_world_are_good_and_every_question_is_told() {
    let world = world().await;
    let bot = Bot::prepared(&world, Transport::Http, |setup| {
        setup.production = "checks = [\"test\"]".into();
    });
    let asked = bot.output(&["check", "--online"]);
    let (said, told) = (String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&asked.stderr));
    assert!(asked.status.success(), "{said}{told}");
    assert!(said.contains("is good"), "{said}");
    for question in ["Slack whose token", "#deployments", "S0RELEASE", "3 people", "acme/api", "deploy.yml"] {
        assert!(told.contains(question), "“{question}” is missing: {told}");
    }
    assert_eq!(writes(&world), Vec::<String>::new());
    assert_eq!(world.violations(), Vec::<String>::new());
    // Without being told to, nobody is asked.
    let before = world.github.calls().len() + world.slack.calls().len();
    assert!(bot.output(&["check"]).status.success());
    assert_eq!(world.github.calls().len() + world.slack.calls().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_otherwise_is_told_with_its_line() {
    let world = world().await;
    let mut changed = workflow();
    changed.inputs =
        Some(vec![Input::required("deployment_id"), Input::required("sha"), Input::required("region")]);
    world.github.add_workflow(REPO, changed);
    let mut channel = Channel::new("C0OPS", "ops");
    channel.bot_is_member = false;
    world.slack.add_channel(channel);
    world.slack.add_group(Group::new("S0RELEASE", "release-managers", &[]));
    let bot = Bot::prepared(&world, Transport::Http, |setup| {
        setup.announce = "channel = \"#deployments\"\nalerts = \"#ops\"\napprovals = \"#nowhere\"".into();
        setup.production = "checks = [\"test\", \"lint\"]".into();
        setup.more =
            "[people.nobody]\nslack = \"U0NOBODY\"\n[[freezes]]\nname = \"Fairs\"\nics = \"missing.ics\"\n\
                      [reminders]\nfreeze = []"
                .into();
    });
    let asked = bot.output(&["--json", "check", "--online"]);
    assert_eq!(asked.status.code(), Some(1));
    let said: Vec<Value> = serde_json::from_slice(&asked.stdout).expect("an array of problems");
    let text = std::fs::read_to_string(bot.folder().join("shipgate.toml")).expect("settings");
    let lines: Vec<&str> = text.lines().collect();
    for (code, what, line) in [
        ("unknown_input", "environment", "inputs = "),
        ("unknown_input", "version", "inputs = "),
        ("missing_input", "region", "inputs = "),
        ("check_never_seen", "lint", "checks = "),
        ("not_in_channel", "#ops", "alerts = "),
        ("no_channel", "#nowhere", "approvals = "),
        ("empty_group", "S0RELEASE", "release-managers = "),
        ("no_person", "U0NOBODY", "slack = \"U0NOBODY\""),
        ("calendar_unreadable", "Fairs", ""),
    ] {
        let found = said.iter().find(|problem| {
            problem["code"] == code && problem["what"].as_str().is_some_and(|told| told.contains(what))
        });
        let found = found.unwrap_or_else(|| panic!("{code} {what} is missing: {said:#?}"));
        let number = usize::try_from(found["line"].as_u64().expect("a line")).expect("a small number");
        assert!(lines[number - 1].starts_with(line), "{code} {what}: line {number} is {}", lines[number - 1]);
        assert!(!found["why"].as_str().unwrap_or_default().is_empty(), "{found}");
    }
    assert!(!said.iter().any(|problem| problem["what"].as_str().is_some_and(|what| what.contains("“test”"))));
    assert_eq!(writes(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_not_called_good_and_no_secret_is_shown() {
    let world = world().await;
    let bot = Bot::prepared(&world, Transport::Http, |_| {});
    let mut command = bot.command(&["check", "--online"]);
    command.env("SLACK_BOT_TOKEN", "xoxb-somebody-elses").env("GITHUB_TOKEN", "ghp_somebodyelses");
    let asked = command.output().expect("it runs");
    let said = [asked.stdout, asked.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(asked.status.code(), Some(1), "{said}");
    assert!(said.contains("does not accept the bot token") && said.contains("is not good yet"), "{said}");
    assert!(said.contains("repo_unreadable"), "{said}");
    assert!(!said.contains("somebody"), "a secret is shown: {said}");
}
