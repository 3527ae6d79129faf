//! A database that was put back to an earlier moment: it refuses to work unasked, and asks before it acts. Not here:
//! the copy itself (`src/store/tests`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::harness::Bot;
use crate::read;
use crate::setup::{NO_CHAT, Transport, world};
use std::fs;

const STAGING: &str = "api v1.2.3 → staging";

/// Puts the copy in the place of the database, as an operator would.
fn put_back(bot: &Bot, copy: &str) {
    let folder = bot.folder();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.join(format!("shipgate.db{end}")));
    }
    fs::copy(folder.join(copy), folder.join("shipgate.db")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_put_back_starts_only_when_told_and_then_decides_nothing_alone() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.1").await;
    // Somebody waits for an approval; nobody has it yet.
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says("api v1.2.3 → production", &["Waiting for approval"]).await;
    let made = bot.output(&["backup", "copy.db"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // What comes now is forgotten: the approval with its run, which goes on, and a deploy that nobody will know.
    bot.click("grace", "api v1.2.3 → production", "Approve").await;
    let kept = bot.run_of_dispatch(2).await;
    bot.slash("ada", "/deploy", "staging v1.2.2 --older \"to have another one\"").await;
    let lost = bot.run_of_dispatch(3).await;
    bot.finish(lost).await;
    bot.announced(&["staging now runs api v1.2.2"]).await;
    assert!(bot.terminate().await.success());
    put_back(&bot, "copy.db");

    let refused = bot.output(&["serve"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    for part in ["is a backup", "serve --restored", "closed off", "[store] url"] {
        assert!(said.contains(part), "“{part}” is missing: {said}");
    }

    bot.use_arguments(&["serve", "--restored"]);
    bot.run().await;
    let told = bot.announced(&["was put back to a backup of", "forgotten"]).await;
    let told = read::message(&told);
    for part in ["staging", "production", "/unlock", "Nothing starts there before"] {
        assert!(told.contains(part), "“{part}” is missing: {told}");
    }
    let listed = bot.announced(&["1 run since", "1 deploy that Shipgate knows"]).await;
    assert!(read::message(&listed).contains(&lost.to_string()), "{}", read::message(&listed));
    // The deploy that waited was started in the forgotten time: it is followed, not started again.
    bot.card_says("api v1.2.3 → production", &["Follow the run"]).await;
    bot.finish(kept).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 4);

    // A second start needs no word, and changes nothing: a person must look.
    bot.use_arguments(&["serve"]);
    bot.crash().await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["closed off", "restored"]).await;
    bot.ask("linus", "/unlock", "production because it is fine", "may not decide about unknown runs").await;
    bot.ask("ada", "/unlock", "staging because v1.2.2 runs there", "unlocked").await;
    bot.deploy("ada", "staging", "v1.2.1 --older \"to have another one\"").await;
    bot.slash("ada", "/rollback", "production").await;
    bot.ask("grace", "/shipgate", "status production", "closed off").await;
    assert_eq!(bot.announcements(&["was put back to a backup of"]).len(), 1, "{}", bot.picture());
    assert_eq!(bot.announcements(&["production now runs api v1.2.3"]).len(), 1, "{}", bot.picture());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_that_it_was_put_back_before_they_are_told_what_was_found() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.1").await;
    assert!(bot.output(&["backup", "copy.db"]).status.success());
    bot.deploy("ada", "staging", "v1.2.2").await;
    assert!(bot.terminate().await.success());
    put_back(&bot, "copy.db");
    // The first message meets a chat platform that cannot take it; GitHub answers at once.
    world.slack.faults().next("chat.postMessage", 1, shipgate_world::Fault::ErrorBefore { status: 503 });
    bot.use_arguments(&["serve", "--restored"]);
    bot.run().await;
    bot.announced(&["1 run since"]).await;
    let said: Vec<String> =
        world.slack.messages(crate::harness::DEPLOYMENTS).iter().map(read::message).collect();
    let place = |part: &str| said.iter().position(|message| message.contains(part));
    assert!(place("was put back to a backup of").is_some(), "{said:?}");
    assert!(place("was put back to a backup of") < place("1 run since"), "{said:?}");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_the_backup_was_about_to_send_is_not_sent() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    // The copy is made while the start waits for GitHub's answer.
    world.github.faults().next("/dispatches", 1, shipgate_world::Fault::SlowAfter { ms: 4000 });
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    let made = bot.output(&["backup", "copy.db"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    bot.kill9();
    put_back(&bot, "copy.db");
    bot.use_arguments(&["serve", "--restored"]);
    bot.run().await;
    bot.card_says(STAGING, &["Follow the run"]).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    let sent = world.github.calls().iter().filter(|call| call.path.ends_with("/dispatches")).count();
    assert_eq!(sent, 1);
    bot.end(&world).await;
}

#[test]
fn a_dump_on_another_server_is_taken_in_by_the_word_and_needs_it_until_everything_is_closed_off() {
    let database = shipgate_cluster::Cluster::shared().database();
    let folder = tempfile::tempdir().unwrap();
    let settings =
        format!("{NO_CHAT}\n[store]\nurl = \"{}\"\n", database.socket_url(shipgate_cluster::OWNER));
    fs::write(folder.path().join("shipgate.toml"), settings).unwrap();
    // Without a chat platform it ends right after the database was opened, as if it had died there.
    let said = |arguments: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_shipgate"));
        program.current_dir(folder.path()).env("GITHUB_TOKEN", "ghp_1").args(arguments);
        let output = program.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let opened = "no chat platform";
    let first = said(&["serve"]);
    assert!(first.contains(opened), "{first}");
    database.sql("UPDATE shipgate.notes SET value = '1' WHERE name = 'postgres.system_identifier'");
    let refused = said(&["serve"]);
    assert!(refused.contains("what another server wrote"), "{refused}");
    let taken_in = said(&["serve", "--restored"]);
    assert!(taken_in.contains(opened), "{taken_in}");
    let again = said(&["serve"]);
    assert!(again.contains("is a backup") && again.contains("serve --restored"), "{again}");
}
