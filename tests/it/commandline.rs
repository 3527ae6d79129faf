//! The command line as people and scripts use it: wrong words are refused with the right ones, and nothing half-done
//! is left behind. Not here: PostgreSQL (`postgres`), or what a record says (`selfcheck`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::harness::Bot;
use crate::setup::{NO_CHAT, Transport, world};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What a program said, and how it ended.
pub struct Said {
    /// Its exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// What came of a program.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// It failed, printed nothing, and its reason holds all of these.
    pub fn refused(&self, parts: &[&str]) {
        assert!(self.code.is_some_and(|code| code != 0), "it did not fail: {}{}", self.out, self.err);
        assert_eq!(self.out, "", "it printed something");
        for part in parts {
            assert!(self.err.contains(part), "“{part}” is missing: {}", self.err);
        }
    }

    /// It did not fail.
    pub fn good(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }
}

/// A folder with settings that name no chat platform.
pub struct Place(TempDir);

impl Place {
    /// With these tables besides.
    pub fn new(more: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("shipgate.toml"), format!("{NO_CHAT}{more}")).unwrap();
        place
    }

    /// The same with an empty database: without a chat platform `serve` ends right after it has opened it.
    pub fn with_database(more: &str) -> Self {
        let place = Self::new(more);
        let said = place.run(&["serve"]);
        assert!(said.err.contains("no chat platform"), "{}", said.err);
        place
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program, in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_shipgate"));
        program.current_dir(self.0.path()).env_clear().env("GITHUB_TOKEN", "ghp_1").args(arguments);
        program
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().unwrap())
    }

    fn files(&self) -> BTreeSet<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A stopped bot whose record holds one deploy to staging, which is also called stage.
async fn with_a_deploy() -> Bot {
    let world = world().await;
    let mut bot =
        Bot::start(&world, Transport::Http, |setup| setup.staging = "aliases = [\"stage\"]".into()).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    assert!(bot.terminate().await.success());
    bot
}

fn export(bot: &Bot, arguments: &[&str]) -> Said {
    Said::of(&bot.output(&[&["audit", "export"], arguments].concat()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_knows_aliases_and_old_names_and_refuses_unknown_ones() {
    let bot = with_a_deploy().await;
    for name in ["staging", "stage", "STAGE"] {
        for what in ["deploys", "entries"] {
            let csv = export(&bot, &[what, "--format", "csv", "--environment", name]);
            assert!(csv.good().out.lines().count() > 1, "{name}: {}", csv.out);
        }
    }
    export(&bot, &["deploys", "--environment", "production"]).good();
    export(&bot, &["--environment", "stagign"]).refused(&["“stagign”", "staging", "production"]);
    export(&bot, &["deploys", "--service", "apii"]).refused(&["“apii”", "api"]);
    let refused = export(&bot, &["--environment", "stagign", "--output", "new.jsonl"]);
    refused.refused(&["“stagign”"]);
    assert!(!bot.folder().join("new.jsonl").exists());

    // What is no longer configured is still in the record.
    bot.rewrite(|text| {
        text.replace("environments.staging", "environments.qa").replace("\"staging\"", "\"qa\"")
    });
    let old = export(&bot, &["deploys", "--format", "csv", "--environment", "Staging"]);
    assert_eq!(old.good().out.lines().count(), 2, "{}", old.out);
    export(&bot, &["--environment", "stagign"]).refused(&["qa", "production", "staging"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_refuses_times_between_which_there_is_nothing() {
    let place = Place::with_database("");
    for until in ["2026-01-01", "2026-05-01"] {
        place.run(&["audit", "export", "--from", "2026-05-01", "--until", until]).refused(&[
            "--from",
            "--until",
            "2026-05-01T00:00:00Z",
        ]);
    }
    place.run(&["audit", "export", "--from", "2026-05-01", "--until", "2026-05-02"]).good();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_forms_of_an_export_have_the_same_names() {
    let bot = with_a_deploy().await;
    for what in ["deploys", "entries"] {
        let csv = export(&bot, &[what, "--format", "csv"]);
        let columns: BTreeSet<String> =
            csv.good().out.lines().next().unwrap().split(',').map(str::to_owned).collect();
        let json = export(&bot, &[what, "--format", "jsonl"]);
        let first: Value = serde_json::from_str(json.good().out.lines().next().unwrap()).unwrap();
        let names: BTreeSet<String> = first.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, columns, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_there_whole_or_not_at_all() {
    let bot = with_a_deploy().await;
    let folder = bot.folder();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", "trace=write", "-e", "inject=write:error=ENOSPC"]);
    for name in ["out.csv", "out.csv.part"] {
        strace.arg("-P").arg(folder.join(name));
    }
    strace.arg(env!("CARGO_BIN_EXE_shipgate")).current_dir(folder);
    strace.args(["audit", "export", "--format", "csv", "--output"]).arg(folder.join("out.csv"));
    Said::of(&strace.output().unwrap()).refused(&["out.csv", "No space left", "removed"]);
    assert!(!folder.join("out.csv").exists() && !folder.join("out.csv.part").exists());

    export(&bot, &["--format", "csv", "--output", "out.csv"]).good();
    let whole = fs::read(folder.join("out.csv")).unwrap();
    assert_eq!(String::from_utf8(whole.clone()).unwrap(), export(&bot, &["--format", "csv"]).out);
    assert!(!folder.join("out.csv.part").exists());
    export(&bot, &["--output", "out.csv"]).refused(&["out.csv", "name a new file"]);
    assert_eq!(fs::read(folder.join("out.csv")).unwrap(), whole);

    // What a killed one left is written anew; what another one is writing is left alone.
    fs::write(folder.join("next.csv.part"), "half a row, and more than there will be".repeat(1000)).unwrap();
    export(&bot, &["--format", "csv", "--output", "next.csv"]).good();
    assert_eq!(fs::read(folder.join("next.csv")).unwrap(), whole);
    let other = fs::File::create(folder.join("third.csv.part")).unwrap();
    other.lock().unwrap();
    export(&bot, &["--output", "third.csv"]).refused(&["another export", "third.csv"]);
    assert!(folder.join("third.csv.part").exists() && !folder.join("third.csv").exists());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::with_database("");
    let key = "11".repeat(32);
    for arguments in [
        &["check"][..],
        &["check", "--json"],
        &["manifest", "slack", "--socket"],
        &["audit", "verify"],
        &["audit", "export", "deploys", "--format", "csv"],
        &["audit", "key"],
        &["backup", "copy.db"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut program = place.command(arguments);
        program.env("SHIPGATE_ANCHOR_KEY", &key).stdout(writer);
        let said = Said::of(&program.output().unwrap());
        assert!(
            !said.err.contains("panicked") && !said.err.contains("Broken pipe"),
            "{arguments:?}: {}",
            said.err
        );
        assert!(matches!(said.code, Some(0 | 141)), "{arguments:?}: {:?}", said.code);
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let place = Place::with_database("");
    for arguments in [&["check"][..], &["audit", "verify"], &["manifest", "slack", "--socket"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let said = Said::of(&place.command(arguments).stdout(full).output().unwrap());
        said.refused(&["No space left"]);
        assert!(!said.err.contains("panicked"), "{}", said.err);
    }
}

#[test]
fn a_key_that_is_none_is_refused() {
    let place = Place::with_database("");
    for bad in ["zz", "2f61", &"0".repeat(63)] {
        place.run(&["audit", "verify", "--public-key", bad]).refused(&["64 hex digits", "audit key"]);
    }
    let with_key = |key: &str, arguments: &[&str]| {
        Said::of(&place.command(arguments).env("SHIPGATE_ANCHOR_KEY", key).output().unwrap())
    };
    for bad in ["zz", &"0".repeat(64)] {
        for arguments in [&["audit", "key"][..], &["audit", "verify"], &["check"]] {
            let said = with_key(bad, arguments);
            assert_eq!(said.code, Some(1), "{arguments:?}");
            let told = said.out + &said.err;
            assert!(told.contains("SHIPGATE_ANCHOR_KEY") && told.contains("openssl rand"), "{told}");
            assert!(!told.contains("SHIPGATE_ANCHOR_KEY is not set"), "{told}");
        }
        // Whoever gives another key needs none of their own.
        let said = with_key(bad, &["audit", "verify", "--public-key", &"ab".repeat(32)]);
        assert!(said.err.contains("--anchors FILE") && !said.err.contains("openssl"), "{}", said.err);
    }
    place.run(&["audit", "key"]).refused(&["SHIPGATE_ANCHOR_KEY is not set"]);
    // The key is in the environment: no database is needed.
    let key = Said::of(
        &Place::new("")
            .command(&["audit", "key"])
            .env("SHIPGATE_ANCHOR_KEY", "1".repeat(64))
            .output()
            .unwrap(),
    );
    assert_eq!(key.good().out.trim().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn anchors_that_say_nothing_prove_nothing() {
    let bot = with_a_deploy().await;
    let verify = |arguments: &[&str]| Said::of(&bot.output(&[&["audit", "verify"], arguments].concat()));
    verify(&[]).good();
    for content in ["", "\n\n"] {
        fs::write(bot.folder().join("empty.jsonl"), content).unwrap();
        let said = verify(&["--anchors", "empty.jsonl"]);
        assert_eq!(said.code, Some(1), "{}", said.out);
        assert!(
            said.err.contains("nothing was compared") && said.err.contains("empty.jsonl"),
            "{}",
            said.err
        );
        assert!(!(said.out.clone() + &said.err).contains("NOT sound"), "{}", said.out);
        let json: Value = serde_json::from_str(&verify(&["--anchors", "empty.jsonl", "--json"]).out).unwrap();
        assert_eq!(json["verified"], false, "{json}");
    }
    // A key says whose anchors count, and there are none that could.
    let key = "2".repeat(64);
    let said = verify(&["--public-key", &key]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.err.contains("--public-key") && said.err.contains("--anchors FILE"), "{}", said.err);
    // Named in the settings, and gone.
    bot.rewrite(|text| text + "\n[audit]\nanchor_file = \"gone.jsonl\"\n");
    let said = verify(&[]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.err.contains("nothing was compared") && said.err.contains("gone.jsonl"), "{}", said.err);
    // Nor does one that was copied from chat make up for it.
    let db = rusqlite::Connection::open(bot.folder().join("shipgate.db")).unwrap();
    let hash: String = db.query_row("SELECT hash FROM audit WHERE seq = 1", [], |row| row.get(0)).unwrap();
    let said = verify(&["--anchor", &format!("1:{hash}")]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.out.contains("1 anchor agrees") && said.err.contains("gone.jsonl"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_line_of_the_anchor_file_accuses_nobody() {
    let world = world().await;
    let audit = "\n[audit]\nanchor_file = \"anchors.jsonl\"\n";
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.more.push_str(audit)).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    assert!(bot.terminate().await.success());
    let file = bot.folder().join("anchors.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();
    let said = Said::of(&bot.output(&["audit", "verify"]));
    assert!(said.good().out.contains("is cut"), "{}", said.out);
    assert!(said.out.contains("crash") && !said.out.contains("NOT sound"), "{}", said.out);
    // What is no anchor at all is named as before.
    fs::write(&file, format!("{whole}{{\"what\":\"nothing\"}}\n")).unwrap();
    let said = Said::of(&bot.output(&["audit", "verify"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("0 findings, 1 anchor that cannot be believed"), "{}", said.err);
}

#[test]
fn a_database_that_is_not_there_is_not_told_as_a_folder() {
    let place = Place::new("");
    for arguments in [&["audit", "verify"][..], &["audit", "export"], &["backup", "copy.db"]] {
        let said = place.run(arguments);
        said.refused(&["there is no file shipgate.db", "`store.url`"]);
        assert!(!said.err.contains("writable"), "{}", said.err);
    }
    assert_eq!(place.files(), BTreeSet::from(["shipgate.toml".to_owned()]));
}

#[test]
fn a_file_that_is_no_database_of_shipgate_is_said_to_be_none_and_left_alone() {
    let place = Place::new("[store]\nurl = \"postgres://u@127.0.0.1:1/x\"\n");
    fs::write(place.path("notes.txt"), "hello").unwrap();
    fs::write(place.path("empty.db"), "").unwrap();
    let other = Connection::open(place.path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE songs (name TEXT)").unwrap();
    drop(other);
    let before = place.files();
    for name in ["notes.txt", "empty.db", "other.db"] {
        let said = place.run(&["migrate", "sqlite-to-postgres", "--from", name]);
        said.refused(&[name, "is not a Shipgate database", "--from"]);
        assert!(!said.err.contains("damaged"), "{}", said.err);
        assert_eq!(place.files(), before);
    }
    place
        .run(&["migrate", "sqlite-to-postgres", "--from", "nowhere.db"])
        .refused(&["there is no file nowhere.db", "--from"]);
}

/// Everything in the folder can be read by everybody and written by nobody.
fn seal(folder: &Path) {
    for file in fs::read_dir(folder).unwrap() {
        fs::set_permissions(file.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_needs_no_right_to_write() {
    let bot = with_a_deploy().await;
    assert!(bot.output(&["backup", "copy.db"]).status.success());
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{NO_CHAT}[store]\nurl = \"sqlite://{}/shipgate.db\"\n", folder.path().display());
    fs::write(folder.path().join("shipgate.toml"), settings).unwrap();
    let look = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_shipgate"));
        program.current_dir(folder.path()).env_clear().args(arguments);
        if rustix::process::geteuid().is_root() {
            // No mode keeps root from writing.
            program.uid(65534).gid(65534);
        }
        Said::of(&program.output().unwrap())
    };
    // A copy of the file of a stopped Shipgate, which has a write-ahead log; and a backup, which has none.
    for from in ["shipgate.db", "copy.db"] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let to = folder.path().join("shipgate.db");
        let _ = fs::remove_file(&to);
        fs::copy(bot.folder().join(from), &to).unwrap();
        let before = fs::read(&to).unwrap();
        seal(folder.path());
        assert!(look(&["audit", "verify"]).good().out.contains("is whole"));
        let register = look(&["audit", "export", "deploys", "--format", "csv"]);
        assert_eq!(register.good().out.lines().count(), 2, "{}", register.out);
        assert_eq!(fs::read(&to).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing was written beside it");
    }
    // A log that is left belongs to the record: without it, part of it would be missing in silence.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(bot.folder().join("shipgate.db"), folder.path().join("shipgate.db")).unwrap();
    fs::write(folder.path().join("shipgate.db-wal"), b"something").unwrap();
    seal(folder.path());
    look(&["audit", "verify"]).refused(&["shipgate.db-wal", "copy both"]);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn check_finds_control_characters_and_an_anchor_file_that_cannot_be_written() {
    let input = |name: &str, value: &str| {
        let inputs = format!("inputs = {{ \"{name}\" = \"{value}\", sha");
        let place = Place::new("");
        fs::write(place.path("shipgate.toml"), NO_CHAT.replace("inputs = { sha", &inputs)).unwrap();
        place.run(&["check"])
    };
    input("version", "{version}").good();
    for (name, value) in [("ev\\u001bil", "x"), ("two words", "x"), ("1st", "x"), ("ok", "a\\u001bb")] {
        let said = input(name, value);
        assert_eq!(said.code, Some(1), "{name:?} {value:?}: {}", said.out);
        assert!(said.out.contains("inputs") && !said.out.contains('\u{1b}'), "{}", said.out);
    }

    let anchors = |file: &str| Place::new(&format!("[audit]\nanchor_file = \"{file}\"\n"));
    let place = anchors("anchors.jsonl");
    place.run(&["check"]).good();
    assert_eq!(place.files(), BTreeSet::from(["shipgate.toml".to_owned()]), "looking leaves nothing");
    for file in ["nowhere/anchors.jsonl", "."] {
        let place = anchors(file);
        fs::write(
            place.path("shipgate.toml"),
            fs::read_to_string(place.path("shipgate.toml")).unwrap() + "colour = 1\n",
        )
        .unwrap();
        let said = place.run(&["check"]);
        assert!(said.out.contains("colour"), "all problems at once: {}", said.out);
        assert_eq!(said.code, Some(1), "{}", said.out);
        for part in ["anchor_file", "cannot be appended to", "shipgate.toml:"] {
            assert!(said.out.contains(part), "“{part}” is missing: {}", said.out);
        }
    }
}

#[test]
fn a_file_of_the_installation_itself_is_no_anchor_file() {
    for file in ["shipgate.db", "./shipgate.db-wal", "shipgate.db.lock", "shipgate.toml"] {
        let place = Place::new(&format!("[audit]\nanchor_file = \"{file}\"\n"));
        let before = place.files();
        for command in ["check", "serve"] {
            let said = place.run(&[command]);
            assert_eq!(said.code, Some(1), "{file}: {}", said.out);
            let told = said.out + &said.err;
            for part in ["`audit.anchor_file` is no place for anchors", "shipgate.toml:", "of another owner"]
            {
                assert!(told.contains(part), "{file}: “{part}” is missing: {told}");
            }
        }
        assert_eq!(place.files(), before, "nothing was begun");
    }
    let place = Place::new("[audit]\nanchor_file = \"notes.txt\"\n");
    fs::write(place.path("notes.txt"), "buy milk\n").unwrap();
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.out.contains("it holds something else than anchors"), "{}", said.out);
}
