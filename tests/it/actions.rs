//! Commands of a team's own on the real program: the six examples that are shipped, from what is typed to what is said.
//! Not here: what their files may hold (`app::commands`).

use crate::harness::{Bot, DEPLOYMENTS};
use crate::read;
use crate::setup::{REPO, Transport, world};
use shipgate_world::World;
use shipgate_world::github::{Input, JobPlan, Plan, Workflow};
use std::fs;
use std::path::Path;

/// The workflows of the examples, each with its inputs.
const WORKFLOWS: [(&str, &[&str]); 6] = [
    ("restart.yml", &["environment", "sha", "gentle", "deployment_id"]),
    ("migrate.yml", &["environment", "sha", "steps", "deployment_id"]),
    ("migrations.yml", &["environment", "sha", "deployment_id"]),
    ("flag.yml", &["environment", "flag", "state", "deployment_id"]),
    ("clear-cache.yml", &["environment", "cache", "deployment_id"]),
    ("kube-status.yml", &["service", "environment", "since_seconds", "deployment_id"]),
];

/// A world with those workflows, and a bot with the folder of examples.
async fn town(more: &str) -> (World, Bot) {
    let world = world().await;
    for (file, inputs) in WORKFLOWS {
        let mut workflow = Workflow::deploy(file);
        let input =
            |name: &&str| if *name == "steps" { Input::optional(name) } else { Input::required(name) };
        workflow.inputs = Some(inputs.iter().map(input).collect());
        workflow.jobs = vec![JobPlan::new(file.trim_end_matches(".yml"), &["Set up job", "Work"])];
        world.github.add_workflow(REPO, workflow);
    }
    let mut bot = Bot::prepared(&world, Transport::Http, |setup| {
        setup.more = format!("{}\n[commands]\nfolder = \"commands\"\n{more}", setup.more);
    });
    let (from, to) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/commands"), bot.folder().join("commands"));
    fs::create_dir(&to).expect("a folder");
    for entry in fs::read_dir(from).expect("the examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("it is copied");
        }
    }
    bot.run().await;
    (world, bot)
}

/// Says a command and gives the run that it started and its inputs.
async fn started(bot: &mut Bot, world: &World, n: usize) -> (u64, Vec<(String, String)>) {
    let run = bot.run_of_dispatch(n).await;
    let dispatch = world.github.dispatches().swap_remove(n);
    let inputs = dispatch.inputs.into_iter().filter(|(name, _)| name != "deployment_id").collect();
    (run, inputs)
}

fn given(inputs: &[(&str, &str)]) -> Vec<(String, String)> {
    inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_the_way_of_a_deploy_and_is_none() {
    let (world, mut bot) = town("").await;
    // Nothing of Shipgate runs there yet, so there is nothing to restart.
    bot.ask("ada", "/restart", "production", "has not deployed api to production yet").await;
    bot.release("v1.2.2").await;
    let n = world.github.dispatches().len();
    bot.ask("eve", "/restart", "production", "you may not use restart on production").await;
    bot.slash("ada", "/restart", "production --gentle because it leaks memory").await;
    let card = "restart api → production";
    let first = bot
        .card_says(card, &["needs 1 approval", "it leaks memory", "gentle", "true", "what runs there"])
        .await;
    assert!(!read::message(&first).contains("Checks"), "what runs there was asked when it was deployed");
    bot.ask("linus", "/restart", "production --gentle", "restart of api on production already").await;
    // Arguments are approved: another argument is another request, with a card of its own.
    bot.click("grace", card, "Approve").await;
    let (run, inputs) = started(&mut bot, &world, n).await;
    let sha = world.github.dispatches().remove(0).inputs["sha"].clone();
    assert_eq!(inputs, given(&[("environment", "production"), ("gentle", "true"), ("sha", &sha)]));
    // It holds the place, as a deploy does.
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let staging = bot.run_of_dispatch(n + 1).await;
    bot.finish(staging).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.slash("linus", "/deploy", "production v1.2.3").await;
    bot.click("grace", "api v1.2.3 → production", "Approve").await;
    bot.card_says("api v1.2.3 → production", &["Waiting for its turn"]).await;
    bot.finish(run).await;
    bot.announced(&["restarted api on production", "U0ADA", "grace"]).await;
    assert!(bot.announcements(&["now runs", "restart"]).is_empty());
    let run = bot.run_of_dispatch(n + 2).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    // History and help know it; what runs where, and the way back, do not.
    bot.ask("ada", "/shipgate", "history production", "restart of api → production: succeeded").await;
    bot.ask("ada", "/shipgate", "help restart", "/restart").await;
    bot.slash("ada", "/restart", "production --emergency \"checkout hangs\"").await;
    bot.click("grace", "EMERGENCY restart api → production", "Approve").await;
    let run = bot.run_of_dispatch(n + 3).await;
    world.github.replan(run, Plan::failing("restart", "Work", &["it hangs"])).expect("the run exists");
    bot.finish(run).await;
    bot.announced(&["restart of api on production failed"]).await;
    let failed = bot.card_says("EMERGENCY restart api → production", &["Failed"]).await;
    let buttons = world.slack.buttons(&failed.channel, &failed.ts);
    let buttons = buttons.iter().filter(|button| button.element["type"] == "button");
    let buttons: Vec<&str> = buttons.map(|button| button.text.as_str()).collect();
    assert_eq!(buttons, ["Close"], "nothing is rolled back, and no job of it runs again");
    bot.ask("ada", "/shipgate", "status production", "v1.2.3").await;
    bot.slash("ada", "/rollback", "production").await;
    bot.card_says("api v1.2.2 → production", &["Rollback"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_example_sends_what_was_said_and_what_only_looks_waits_for_nobody() {
    let (world, mut bot) = town("").await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.ask("grace", "/freeze", "add Audit staging for 2h", "added the freeze Audit").await;
    bot.ask("grace", "/lock", "staging counting", "staging is locked by grace").await;
    // Everybody may look, into a frozen and locked environment, and reads the answer.
    let n = world.github.dispatches().len();
    bot.slash("eve", "/kube-status", "staging for 2h").await;
    let (run, inputs) = started(&mut bot, &world, n).await;
    assert_eq!(inputs, given(&[("environment", "staging"), ("service", "api"), ("since_seconds", "7200")]));
    let plan = Plan { log: vec!["api 3/3 ready".into()], ..Plan::default() };
    world.github.replan(run, plan).expect("the run exists");
    // Two at once keep nobody out.
    bot.slash("ada", "/migrations", "staging").await;
    let (second, inputs) = started(&mut bot, &world, n + 1).await;
    let sha = inputs.iter().find(|(name, _)| name == "sha").expect("it has one").1.clone();
    assert_eq!(inputs, given(&[("environment", "staging"), ("sha", &sha)]));
    bot.finish(run).await;
    let card = bot.card_says("kube-status api → staging", &["Succeeded", "looked at api on staging"]).await;
    bot.thread_says(&card, "api 3/3 ready").await;
    bot.thread_says(&card, "looked at api on staging").await;
    bot.finish(second).await;
    bot.card_says("migrations api → staging", &["listed the migrations of api on staging"]).await;
    assert!(bot.announcements(&["looked at"]).is_empty(), "it is told where it was asked");
    // What changes something is asked everything.
    bot.slash("ada", "/flag", "new-checkout on staging").await;
    bot.card_says("flag api → staging", &["Refused: freeze, lock", "new-checkout", "on"]).await;
    bot.ask("grace", "/freeze", "end Audit", "ended the freeze Audit").await;
    bot.ask("grace", "/unlock", "staging", "staging was unlocked by grace").await;
    for (command, text, sent, said) in [
        (
            "/flag",
            "new-checkout off staging",
            vec![("flag", "new-checkout"), ("state", "off")],
            "set a flag of api on staging",
        ),
        (
            "/clear-cache",
            "sessions staging",
            vec![("cache", "sessions")],
            "cleared a cache of api on staging",
        ),
        (
            "/migrate",
            "staging --steps 2",
            vec![("sha", sha.as_str()), ("steps", "2")],
            "ran migrations of api on staging",
        ),
        ("/restart", "staging", vec![("gentle", "false"), ("sha", sha.as_str())], "restarted api on staging"),
    ] {
        let n = world.github.dispatches().len();
        bot.slash("ada", command, text).await;
        let (run, inputs) = started(&mut bot, &world, n).await;
        let sent: Vec<(&str, &str)> = [("environment", "staging")].into_iter().chain(sent).collect();
        let mut sent = given(&sent);
        sent.sort();
        assert_eq!(inputs, sent, "{command} {text}");
        bot.finish(run).await;
        bot.announced(&[said]).await;
    }
    let said: Vec<String> = world.slack.messages(DEPLOYMENTS).iter().map(read::message).collect();
    assert!(!said.iter().any(|text| text.contains("staging now runs") && !text.contains("v1.2.3")));
    // The record knows each by its name and its arguments.
    let record = bot.output(&["audit", "export", "deploys", "--json"]);
    let record = String::from_utf8_lossy(&record.stdout).into_owned();
    for part in ["\"action\"", "\"flag\"", "state=off", "cache=sessions"] {
        assert!(record.contains(part), "{part} is not in {record}");
    }
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_what_is_wrong_in_a_command_file_and_nothing_starts() {
    let world = world().await;
    let bot = Bot::prepared(&world, Transport::Http, |setup| {
        setup.more = format!("{}\n[commands]\nfolder = \"commands\"", setup.more);
    });
    let missing = bot.output(&["check"]);
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stdout).contains("cannot be read"));
    fs::create_dir(bot.folder().join("commands")).expect("a folder");
    let good = include_str!("../../examples/commands/restart.toml");
    let file = bot.folder().join("commands/restart.toml");
    fs::write(&file, good.replace("done = ", "environments = [\"prodution\"]\ndone = ")).expect("a file");
    for arguments in [["check"].as_slice(), &["check", "--json"], &["serve"]] {
        let told = bot.output(arguments);
        let told_text = [told.stdout, told.stderr].concat();
        let told_text = String::from_utf8_lossy(&told_text);
        assert!(!told.status.success(), "{arguments:?}");
        assert!(
            told_text.contains("restart.toml") && told_text.contains("Did you mean production?"),
            "{told_text}"
        );
    }
    fs::write(&file, good).expect("a file");
    let fine = bot.output(&["check"]);
    assert!(fine.status.success() && String::from_utf8_lossy(&fine.stdout).contains("own commands: 1"));
    let manifest = bot.output(&["manifest", "slack"]);
    assert!(String::from_utf8_lossy(&manifest.stdout).contains("/restart"));
}
