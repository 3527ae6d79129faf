//! Shipgate finds that its record was changed: it starts nothing more, says so, and goes on when a person says so. Not
//! here: every way to tamper (`src/store/tests/tamper.rs`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::harness::{Bot, DEPLOYMENTS};
use crate::setup::{Transport, world};
use rusqlite::Connection;
use serde::Deserialize as _;
use serde_json::Value;
use shipgate_domain::audit::{Finding, FindingKind};
use shipgate_world::World;
use shipgate_world::slack::Channel;
use std::fs;

/// Somebody who owns the file changes who asked for the first deploy.
fn tamper(bot: &Bot) {
    let db = Connection::open(bot.folder().join("shipgate.db")).unwrap();
    db.execute_batch(
        "DROP TRIGGER audit_update; UPDATE audit SET body = replace(body, 'v1.2.3', 'v6.6.6') WHERE seq = 1",
    )
    .unwrap();
}

fn with_anchors(setup: &mut crate::setup::Setup) {
    setup.more.push_str(
        "\n[audit]\nanchor_file = \"anchors.jsonl\"\nanchor_channel = \"#anchors\"\nalarm_channel = \"#ops\"\n",
    );
}

/// The channels that [`with_anchors`] names.
fn add_channels(world: &World) {
    for channel in ["anchors", "ops"] {
        world.slack.add_channel(Channel::new(&format!("C0{}", channel.to_uppercase()), channel));
    }
}

/// The line that was written last into the anchor file.
fn newest_anchor(bot: &Bot) -> Value {
    let text = fs::read_to_string(bot.folder().join("anchors.jsonl")).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// A bot with anchors that deployed once and was stopped in order; and its database.
async fn stopped_with_anchors(world: &World) -> (Bot, Connection) {
    add_channels(world);
    let mut bot = Bot::start(world, Transport::Http, with_anchors).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    assert!(bot.terminate().await.success());
    let db = Connection::open(bot.folder().join("shipgate.db")).unwrap();
    (bot, db)
}

fn says(bot: &Bot, arguments: &[&str]) -> (bool, String) {
    let output = bot.output(arguments);
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_record_stops_every_start_until_somebody_lets_them_go_on() {
    let world = world().await;
    add_channels(&world);
    let mut bot = Bot::start(&world, Transport::Http, with_anchors).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    assert!(bot.terminate().await.success());
    let (sound, said) = says(&bot, &["audit", "verify"]);
    assert!(sound, "{said}");
    tamper(&bot);
    let (sound, said) = says(&bot, &["audit", "verify"]);
    assert!(!sound && said.contains("audit row 1: its text does not match its hash"), "{said}");
    assert!(said.contains("What to do: let nothing be deployed"), "{said}");

    bot.run().await;
    for channel in [DEPLOYMENTS, "ops"] {
        let slack = world.slack.clone();
        bot.until("the alarm", move |_| {
            let told =
                slack.messages(channel).iter().map(crate::read::message).collect::<Vec<_>>().join("\n");
            (told.contains("Nothing is started any more") && told.contains("audit row 1")).then_some(())
        })
        .await;
    }
    let (status, body) = bot.get("/readyz").await;
    let ready: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "who lets deploys go on must be able to reach it: {body}");
    assert_eq!(
        (&ready["self_check"]["ok"], &ready["self_check"]["stopped"]),
        (&false.into(), &true.into()),
        "{body}"
    );

    bot.slash("ada", "/deploy", "staging v1.2.2 --older \"to have another one\"").await;
    let headline = "api v1.2.2 → staging";
    bot.card_says(headline, &["Self-check", "nothing is started anywhere since"]).await;
    assert_eq!(world.github.dispatches().len(), 1, "only the one before");
    // Who may not resolve everywhere does not let it go on.
    bot.ask("linus", "/shipgate", "resume dispatching it looks fine to me", "You may not").await;
    bot.ask(
        "grace",
        "/shipgate",
        "resume dispatching the row was compared with the backup",
        "lets deploys start again: the row was compared with the backup",
    )
    .await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.2"]).await;

    // What was accepted stops nothing again.
    bot.crash().await;
    bot.deploy("ada", "staging", "v1.2.1 --older \"to have another one\"").await;
    let (_, said) = says(&bot, &["audit", "export", "deploys", "--format", "csv"]);
    assert_eq!(said.matches("\r\n").count(), 4, "{said}");
    let (_, entries) = says(&bot, &["audit", "export", "entries", "--format", "csv"]);
    for event in ["dispatching_stopped", "dispatching_resumed"] {
        assert_eq!(entries.matches(&format!(",{event},")).count(), 1, "{entries}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_never_was_stops_every_start_and_fails_the_verification() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    let (sound, said) = says(&bot, &["audit", "verify"]);
    assert!(sound && said.contains("1 stored row that gates read agrees with it"), "{said}");
    assert!(bot.terminate().await.success());
    let db = Connection::open(bot.folder().join("shipgate.db")).unwrap();
    db.execute_batch(
        "CREATE TEMP TABLE forged AS SELECT * FROM deploys;
         UPDATE forged SET id = '01ARZ3NDEKTSV4RRFFQ69G5FAV', commit_id = printf('%040d', 7);
         INSERT INTO deploys SELECT * FROM forged;
         DROP TRIGGER audit_delete",
    )
    .unwrap();
    let (sound, said) = says(&bot, &["audit", "verify"]);
    assert!(!sound, "{said}");
    for told in [
        "deploy 01ARZ3NDEKTSV4RRFFQ69G5FAV is stored, and the record knows of none",
        "the trigger audit_delete is missing in the database",
        "What it means: ",
        "What to do: let nothing be deployed",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    bot.run().await;
    let slack = world.slack.clone();
    bot.until("the alarm", move |_| {
        let messages = slack.messages(DEPLOYMENTS);
        let told = messages.iter().map(crate::read::message).collect::<Vec<_>>().join("\n");
        (told.contains("Nothing is started any more")
            && told.contains("01ARZ3NDEKTSV4RRFFQ69G5FAV")
            && told.contains("the trigger audit_delete was missing in the database, and was put back at"))
        .then_some(())
    })
    .await;
    assert!(bot.terminate().await.success());
    db.execute_batch("DROP TABLE notes").unwrap();
    for command in [&["serve"][..], &["audit", "verify"]] {
        let (went, said) = says(&bot, command);
        assert!(!went && said.contains("lacks what it must hold (notes)"), "{said}");
        assert!(said.contains("restore a backup") && !said.contains("mistake in Shipgate"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_that_nobody_gave_accepts_nothing() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    assert!(bot.terminate().await.success());
    let db = Connection::open(bot.folder().join("shipgate.db")).unwrap();
    // Somebody takes a row away, and writes into the note that people have looked at whatever that gives.
    db.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM deploys").unwrap();
    let findings = {
        let (sound, said) = says(&bot, &["audit", "verify", "--json"]);
        assert!(!sound, "{said}");
        let told: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
        Vec::<Finding>::deserialize(&told["findings"]).unwrap()
    };
    let note = Finding {
        kind: FindingKind::State,
        seq: None,
        deploy: None,
        what: "the note “dispatching” is stored, and the record knows of none".into(),
    };
    let marks: Vec<String> = findings.iter().chain([&note]).map(Finding::mark).collect();
    let forged = serde_json::json!({ "stopped": null, "accepted": marks }).to_string();
    db.execute("INSERT INTO notes (name, value) VALUES ('dispatching', ?1)", [&forged]).unwrap();
    bot.run().await;
    let slack = world.slack.clone();
    let told = bot.until("the alarm", move |_| {
        let messages = slack.messages(DEPLOYMENTS);
        let told = messages.iter().map(crate::read::message).collect::<Vec<_>>().join("\n");
        told.contains("Nothing is started any more").then_some(told)
    });
    let told = told.await;
    assert!(told.contains("is in the record and no longer stored"), "{told}");
    assert!(told.contains("the note “dispatching” is stored"), "{told}");
    bot.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_is_written_down_elsewhere_and_an_older_database_is_not_worked_on() {
    let world = world().await;
    add_channels(&world);
    let mut bot = Bot::start(&world, Transport::Http, with_anchors).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    assert!(bot.output(&["backup", "old.db"]).status.success());
    bot.deploy("ada", "staging", "v1.2.2 --older \"to have another one\"").await;
    // The first look of a process anchors the head that it finds.
    bot.crash().await;
    let anchors = bot.folder().join("anchors.jsonl");
    let anchor: Value = bot
        .until("an anchor of the second deploy", |_| {
            let text = fs::read_to_string(&anchors).ok()?;
            text.lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .find(|line| line["seq"].as_u64() > Some(12))
        })
        .await;
    let copied = format!("{}:{}", anchor["seq"], anchor["hash"].as_str().unwrap());
    let slack = world.slack.clone();
    let posted = copied.clone();
    bot.until("the anchor in chat", move |_| {
        slack.messages("anchors").iter().any(|m| crate::read::message(m).contains(&posted)).then_some(())
    })
    .await;
    let (sound, said) = says(&bot, &["audit", "verify", "--anchor", &copied]);
    assert!(sound && said.contains("anchors agree"), "{said}");

    assert!(bot.terminate().await.success());
    for file in ["shipgate.db", "shipgate.db-wal", "shipgate.db-shm"] {
        let _ = fs::remove_file(bot.folder().join(file));
    }
    fs::copy(bot.folder().join("old.db"), bot.folder().join("shipgate.db")).unwrap();
    let (sound, said) = says(&bot, &["audit", "verify", "--anchor", &copied]);
    assert!(!sound && said.contains("was anchored") && said.contains("are gone"), "{said}");
    // Put back without its mark, as a copy of the file would be: only the anchors know.
    let db = Connection::open(bot.folder().join("shipgate.db")).unwrap();
    db.execute("DELETE FROM notes WHERE name = 'backup/made'", []).unwrap();
    drop(db);
    let (started, said) = says(&bot, &["serve"]);
    assert!(!started && said.contains("the record in the database ends before row"), "{said}");
    bot.use_arguments(&["serve", "--restored"]);
    bot.run().await;
    // The anchors of what was lost are void now: the next start needs no word.
    bot.use_arguments(&["serve"]);
    bot.crash().await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_stop_anchors_what_was_recorded_last() {
    let world = world().await;
    let (bot, db) = stopped_with_anchors(&world).await;
    let (seq, hash): (u64, String) = db
        .query_row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    drop(db);
    let last = newest_anchor(&bot);
    assert_eq!((&last["seq"], &last["hash"]), (&seq.into(), &hash.clone().into()), "{last}");
    let posted = format!("{seq}:{hash}");
    let messages = world.slack.messages("anchors");
    assert!(messages.iter().any(|m| crate::read::message(m).contains(&posted)), "{messages:?}");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_just_before_an_ordered_stop_is_anchored_too() {
    let world = world().await;
    let (mut bot, db) = stopped_with_anchors(&world).await;
    db.execute_batch("DROP TRIGGER audit_delete").unwrap();
    bot.run().await;
    let slack = world.slack.clone();
    bot.until("the alarm", move |_| {
        let messages = slack.messages(DEPLOYMENTS);
        messages.iter().any(|m| crate::read::message(m).contains("Nothing is started any more")).then_some(())
    })
    .await;
    let before = newest_anchor(&bot)["seq"].as_u64().unwrap();
    bot.ask("grace", "/shipgate", "resume dispatching a forgotten script", "lets deploys start again").await;
    assert!(bot.terminate().await.success());
    let last: u64 = db.query_row("SELECT max(seq) FROM audit", [], |row| row.get(0)).unwrap();
    let anchored = newest_anchor(&bot);
    assert_eq!(anchored["seq"], last, "{anchored}");
    assert!(last > before);
    bot.end(&world).await;
}
