//! A disk that fails while the program works on it: full, read-only, not confirming. The kernel's answers are replaced
//! by strace, for the files of the database alone. Not here: what a power cut leaves (`src/store/tests/disk.rs`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::harness::{Bot, DEPLOYMENTS};
use crate::setup::{Transport, world};
use shipgate_world::World;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// While this lives, the disk fails.
struct Failing(Child);

impl Failing {
    /// These system calls on the files of the database get this error.
    fn with(bot: &Bot, calls: &str, error: &str) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={calls}:error={error}")]);
        for end in ["", "-wal"] {
            strace.arg("-P").arg(bot.folder().join(format!("shipgate.db{end}")));
        }
        strace.args(["-p", &bot.pid().to_string()]).stderr(Stdio::piped());
        let mut child = strace.spawn().expect("strace is installed: ./test does it");
        let said = child.stderr.take().expect("a pipe");
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let is_there = lines.any(|line| {
            assert!(!line.contains("not permitted"), "strace may not attach here: {line}");
            line.contains("attached")
        });
        assert!(is_there, "strace did not attach");
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }
}

impl Drop for Failing {
    /// Told to end, it lets go of the process; killed, it would leave it stopped.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

async fn is_refused(world: &World, bot: &Bot) {
    let text = "staging v1.2.2";
    let delivery = world.slack.slash("ada", DEPLOYMENTS, "/deploy", text).await.unwrap();
    assert!(delivery.body.contains("could not store your command"), "{delivery:?}");
    assert_eq!(bot.get("/healthz").await.0, 200, "it goes on");
}

/// The signs of life meet the disk every few seconds.
async fn is_said(bot: &mut Bot, parts: &[&str]) {
    let mut answer = bot.get("/readyz").await;
    while answer.0 != 503 {
        tokio::task::yield_now().await;
        answer = bot.get("/readyz").await;
    }
    let log = bot.log();
    for part in parts {
        assert!(answer.1.contains(part), "/readyz does not say “{part}”: {}", answer.1);
        assert!(log.contains(part), "the log does not say “{part}”: {}", bot.picture());
    }
}

async fn goes_on_by_itself(error: &str, said: &[&str]) {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.1").await;
    {
        let _failing = Failing::with(&bot, "write,pwrite64", error);
        is_refused(&world, &bot).await;
        is_said(&mut bot, said).await;
    }
    // The disk is well again. What was refused is not there; what comes now is.
    bot.deploy("ada", "staging", "v1.2.3").await;
    while bot.get("/readyz").await.0 != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bot.cards("api v1.2.2 → staging"), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_is_said_and_work_goes_on_when_there_is_some() {
    goes_on_by_itself("ENOSPC", &["no room is left for the database", "free some space"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_became_read_only_is_said_and_work_goes_on_when_it_is_not() {
    goes_on_by_itself("EROFS", &["cannot be read or written", "check the disk"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_the_disk_does_not_confirm_ends_writing_until_a_restart() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.1").await;
    let run = bot.run_of_dispatch(0).await;
    {
        let _failing = Failing::with(&bot, "fsync,fdatasync", "EIO");
        is_refused(&world, &bot).await;
    }
    // What the disk has is uncertain now, and no later success of another write would say anything about it.
    is_refused(&world, &bot).await;
    is_said(&mut bot, &["did not confirm a write", "restart Shipgate"]).await;
    bot.kill9();
    bot.run().await;
    bot.finish(run).await;
    // That this is written and told shows that writing works again. What was refused may have reached the disk or not.
    bot.announced(&["staging now runs api v1.2.1"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named_at_the_start() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.kill9();
    let read_only = "mount --bind . . && mount -o remount,ro,bind . && cd \"$PWD\" && exec \"$0\" serve";
    let program = bot.command(&["serve"]).get_program().to_owned();
    let command = bot.command(&["serve"]);
    let mut unshared = Command::new("unshare");
    unshared.args(["-rm", "sh", "-c", read_only]).arg(program).current_dir(bot.folder());
    unshared.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = unshared.output().expect("unshare is part of every system");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("shipgate.db") && said.contains("must exist and be writable"), "{said}");
    // Nothing was lost by it.
    bot.run().await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.end(&world).await;
}
