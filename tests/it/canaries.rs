//! Secrets that are wrong, in the wrong place or of no use: what the program then says on the command line and in its
//! log repeats none of them. Not here: what it says while it works; every story searches that at its end (`harness`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use std::process::Output;

/// Stands in every secret of these tests and nowhere else.
const CANARY: &str = "canary7f3a9c";

type Environment = Vec<(&'static str, String)>;

fn said(output: &Output) -> String {
    [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat()
}

/// Everything that operators run and that ends, with these variables set, as much as possible logged.
fn nobody_repeats_it(bot: &Bot, environment: &Environment) {
    for arguments in [
        &["check"][..],
        &["serve"],
        &["audit", "verify"],
        &["audit", "export"],
        &["audit", "key"],
        &["backup", "copy.db"],
        &["healthcheck"],
    ] {
        let mut command = bot.command(arguments);
        command.envs(environment.iter().map(|(name, value)| (*name, value))).env("SHIPGATE_LOG", "trace");
        let output = command.env("RUST_BACKTRACE", "full").output().expect("the program runs");
        let said = said(&output);
        assert!(!said.contains(CANARY), "{arguments:?} with {environment:?} said:\n{said}");
        // Otherwise `serve` would still be serving, and the others would have had nothing to complain of.
        let is_about_this = matches!(arguments, ["check" | "serve"]);
        assert!(!is_about_this || !output.status.success(), "{arguments:?} with {environment:?}:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_the_wrong_form_is_not_repeated() {
    let world = world().await;
    let bot = Bot::prepared(&world, Transport::Http, |_| {});
    let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----");
    let cases: Vec<Environment> = vec![
        vec![("SLACK_BOT_TOKEN", format!("xapp-{CANARY}"))],
        vec![("SLACK_BOT_TOKEN", format!("xoxb-{CANARY}")), ("SLACK_BOT_TOKEN_FILE", "/nowhere".into())],
        vec![("GITHUB_TOKEN", format!("ghp_{CANARY}")), ("GITHUB_APP_ID", "12".into())],
        vec![("GITHUB_TOKEN", String::new()), ("GITHUB_APP_ID", CANARY.into())],
        vec![("GITHUB_TOKEN", String::new()), ("GITHUB_APP_PRIVATE_KEY", key.clone())],
        vec![("GITHUB_TOKEN", format!("ghp_{CANARY}")), ("GITHUB_APP_PRIVATE_KEY", key)],
        vec![("SHIPGATE_ANCHOR_KEY", CANARY.into())],
        vec![("GITHUB_WEBHOOK_SECRET", CANARY.into()), ("GITHUB_WEBHOOK_SECRET_FILE", "/nowhere".into())],
    ];
    for environment in cases {
        nobody_repeats_it(&bot, &environment);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_a_database_that_cannot_be_reached_is_not_repeated() {
    let world = world().await;
    let bot = Bot::prepared(&world, Transport::Http, |_| {});
    // Nobody listens on this port of this machine.
    bot.rewrite(|text| text.replace("sqlite://shipgate.db", "postgres://shipgate@127.0.0.1:1/shipgate"));
    let output = bot.command(&["serve"]).env("DATABASE_PASSWORD", CANARY).output().expect("it runs");
    let said = said(&output);
    assert!(!output.status.success() && said.contains("127.0.0.1:1"), "{said}");
    assert!(!said.contains(CANARY), "{said}");
}
