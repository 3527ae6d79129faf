//! That the servers are what the tests take them for. Not here: anything of Shipgate.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn databases_of_the_shared_server_do_not_see_each_other() {
    let (one, two) = (Cluster::shared().database(), Cluster::shared().database());
    one.sql("CREATE TABLE here (n int)");
    assert!(two.try_sql(OWNER, "SELECT * FROM here").unwrap_err().contains("does not exist"));
}

#[test]
fn a_server_of_ones_own_writes_honestly_and_comes_back_after_a_kill() {
    let cluster = Cluster::start();
    let database = cluster.database();
    assert_eq!(database.sql("SHOW fsync"), "on");
    assert_eq!(database.sql("SHOW synchronous_commit"), "on");
    database.sql("CREATE TABLE kept AS SELECT 7 AS n");
    cluster.stop_immediately();
    cluster.start_again();
    assert_eq!(database.sql("SELECT n FROM kept"), "7");
    cluster.restart();
    assert_eq!(database.sql("SELECT n FROM kept"), "7");
}

#[test]
fn the_pooler_asks_for_the_password_and_gives_any_connection() {
    let database = Cluster::shared().database();
    let bouncer = Cluster::shared().bouncer();
    let ask = |url: &str| {
        let sql = "SELECT current_user";
        try_run(command(&find("psql")).args(["--no-psqlrc", "-At", "--dbname", url, "--command", sql]))
    };
    assert_eq!(ask(&database.url_at(bouncer.port())).unwrap(), format!("{OWNER}\n"));
    let wrong = database.url_at(bouncer.port()).replace("correct", "wrong");
    assert!(ask(&wrong).is_err());
}

/// Run by the test below in a process of its own: starts a server, tells where it is, and waits to be killed.
#[test]
#[ignore = "a part of nothing_is_left_over_when_a_test_is_killed"]
fn child_that_waits_to_be_killed() {
    let cluster = Cluster::start();
    let pid = std::fs::read_to_string(cluster.folder.path().join("data/postmaster.pid")).unwrap();
    println!("\nserver {} {}", pid.lines().next().unwrap(), cluster.folder.path().display());
    std::thread::park();
}

#[test]
fn nothing_is_left_over_when_a_test_is_killed() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::child_that_waits_to_be_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("server ").map(str::to_owned))
        .expect("the child says where its server is");
    let (pid, folder) = said.split_once(' ').unwrap();
    let process = Path::new("/proc").join(pid);
    assert!(process.exists() && Path::new(folder).exists(), "the server runs");
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    while process.exists() || Path::new(folder).exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "server {pid} in {folder} is left over");
        std::thread::sleep(Duration::from_millis(20));
    }
}
