//! What SQLite promises beyond the contract: files, locks, kills, group commit. Not here: the contract itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "contract/samples.rs"]
mod samples;

use samples::*;
use shipgate_app::store::{Accepted, Store, StoreError};
use shipgate_domain::audit::Verifier;
use shipgate_store::{OpenError, SqliteStore};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Waker};

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    (folder, path)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, at(0)).unwrap()
}

/// Changes a database behind the store's back.
fn raw(path: &Path, sql: &str) -> rusqlite::Result<()> {
    rusqlite::Connection::open(path)?.execute_batch(sql)
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let (_folder, path) = place();
    let one = dispatching(pinned(deploy(1), commit('a')));
    let store = open(&path);
    enter(&store).await;
    store_at_once(&store, &one).await;
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    store.commit(audited(vec![entry("requested", Some(&one))])).await.unwrap();
    store.commit(effects(vec![judge_line("production", at(5))])).await.unwrap();
    let log = store.audit(0, 10).await.unwrap();
    drop(store);

    let store = open(&path);
    assert_eq!(store.deploy(&one.id).await.unwrap(), Some(one));
    assert_eq!(store.inbox_put(&inbound("a"), at(2)).await.unwrap(), Accepted::Seen);
    assert_eq!(store.audit(0, 10).await.unwrap(), log);
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(5)));
    store.integrity_check().await.unwrap();
}

#[tokio::test]
async fn many_requests_in_one_commit_fail_only_by_themselves() {
    let (_folder, path) = place();
    let store = Arc::new(open(&path));
    enter(&*store).await;
    store.commit(deploys(&[&deploy(1)])).await.unwrap();
    let tasks: Vec<_> = (0..200u8)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut changes = deploys(&[&deploy(n)]);
                changes.audit = vec![entry(&format!("requested_{n}"), None)];
                store.commit(changes).await
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let result = task.await.unwrap();
        if n == 1 { drop(conflict(result)) } else { result.unwrap() }
    }
    let log = store.audit(0, 1_000).await.unwrap();
    assert_eq!(log.len(), 199);
    let mut verifier = Verifier::default();
    log.iter().for_each(|row| verifier.check(row).unwrap());
    assert_eq!(store.counts().await.unwrap().open_deploys, 200);
}

#[tokio::test]
async fn the_database_refuses_to_change_the_audit_log() {
    let (_folder, path) = place();
    let store = open(&path);
    enter(&store).await;
    store.commit(audited(vec![entry("a", None), entry("b", None)])).await.unwrap();
    let log = store.audit(0, 10).await.unwrap();
    drop(store);
    for sql in [
        "UPDATE audit SET body = '{}' WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1",
        "INSERT INTO audit SELECT 9, body, prev, hash, deploy, at FROM audit WHERE seq = 1",
    ] {
        let error = raw(&path, sql).unwrap_err().to_string();
        assert!(error.contains("audit rows are") || error.contains("audit rows never"), "{sql}: {error}");
    }
    assert_eq!(open(&path).audit(0, 10).await.unwrap(), log);
}

#[test]
fn a_second_opening_is_refused_until_the_first_is_closed() {
    let (_folder, path) = place();
    let first = open(&path);
    let error = SqliteStore::open(&path, at(0)).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("stop the other one first"), "{error}");
    drop(first);
    open(&path);
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let (_folder, path) = place();
    drop(open(&path));
    raw(&path, "INSERT INTO shipgate_migrations VALUES (99, 'from the future', 0)").unwrap();
    let error = SqliteStore::open(&path, at(0)).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = place();
    raw(&path, "CREATE TABLE songs (title TEXT)").unwrap();
    let error = SqliteStore::open(&path, at(0)).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    let db = rusqlite::Connection::open(&path).unwrap();
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
}

#[test]
fn a_damaged_file_is_refused() {
    let (_folder, path) = place();
    std::fs::write(
        &path,
        "this is no database, but a text that is long enough to be taken for one. ".repeat(99),
    )
    .unwrap();
    let error = SqliteStore::open(&path, at(0)).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_missing_folder_is_named() {
    let error = SqliteStore::open(Path::new("/nonexistent/shipgate.db"), at(0)).unwrap_err();
    assert!(error.to_string().contains("folder must exist"), "{error}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_hurts_only_itself() {
    let (_folder, path) = place();
    let store = open(&path);
    enter(&store).await;
    let (bad, good) = (deploy(1), deploy(2));
    store.commit(deploys(&[&bad, &good])).await.unwrap();
    store.commit(effects(vec![judge_line("bad", at(0)), judge_line("good", at(1))])).await.unwrap();
    for key in ["bad", "good"] {
        store.inbox_put(&inbound(key), at(1)).await.unwrap();
    }
    drop(store);
    raw(&path, &format!("UPDATE deploys SET body = '{{}}' WHERE id = '{}'", bad.id)).unwrap();
    raw(&path, "UPDATE effects SET effect = '?' WHERE key LIKE '%/bad'").unwrap();
    raw(&path, "UPDATE inbox SET content = '?' WHERE key = 'bad'").unwrap();

    let store = open(&path);
    let me = store.replica_enter("rules", at(2), at(1_000)).await.unwrap();
    let error = store.deploy(&bad.id).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains(bad.id.as_str()), "{source}");
    let all = shipgate_app::store::Filter { limit: 9, ..Default::default() };
    assert_eq!(store.deploys(&all).await.unwrap(), std::slice::from_ref(&good));
    assert_eq!(store.surroundings(&about(None)).await.unwrap().waiting, [good]);
    let leased = store.effect_lease(me, None, at(5), at(5), at(60)).await.unwrap();
    assert!(leased.unwrap().key.ends_with("/good"));
    assert_eq!(store.inbox_next(me, 0).await.unwrap().unwrap().inbound.key, "good");
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.effects_dead, counts.inbox_dead), (1, 1));
}

#[tokio::test]
async fn what_a_done_item_said_is_gone_from_the_files() {
    let (folder, path) = place();
    let store = open(&path);
    enter(&store).await;
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    let item = store.inbox_next(ME, 0).await.unwrap().unwrap();
    let done = shipgate_app::store::Changes {
        inbox_done: Some(item.id),
        ..shipgate_app::store::Changes::by(ME, at(2))
    };
    store.commit(done).await.unwrap();
    drop(store);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(15).any(|window| window == b"one-time-secret");
        assert!(!found, "{} still holds it", file.display());
    }
}

#[tokio::test]
async fn a_backup_is_a_complete_database() {
    let (folder, path) = place();
    let copy = folder.path().join("copy.db");
    let store = open(&path);
    enter(&store).await;
    store.commit(deploys(&[&deploy(1)])).await.unwrap();
    store.commit(audited(vec![entry("a", None)])).await.unwrap();
    store.backup(&copy, at(7)).await.unwrap();
    store.commit(deploys(&[&deploy(2)])).await.unwrap();
    let error = store.backup(&copy, at(7)).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("exists already"));

    let copied = open(&copy);
    copied.integrity_check().await.unwrap();
    assert_eq!(copied.deploy(&deploy(1).id).await.unwrap(), Some(deploy(1)));
    assert_eq!(copied.deploy(&deploy(2).id).await.unwrap(), None);
    assert_eq!(copied.audit(0, 9).await.unwrap(), store.audit(0, 9).await.unwrap());
}

#[tokio::test]
async fn pruning_keeps_what_happens_once_for_ever() {
    let store = SqliteStore::in_memory().unwrap();
    enter(&store).await;
    let once =
        shipgate_app::effects::NewEffect::once("final/1", shipgate_app::effects::Effect::Remind, at(0));
    store
        .commit(effects(vec![once.clone(), judge_line("a", at(0)), judge_line("later", at(900))]))
        .await
        .unwrap();
    while let Some(leased) = lease(&store, 10).await {
        store.commit(finishing(&leased, shipgate_app::effects::Finish::Done)).await.unwrap();
    }
    assert_eq!(store.prune(at(500)).await.unwrap(), 0);
    assert_eq!(store.prune(at(501)).await.unwrap(), 1);
    store.commit(effects(vec![once])).await.unwrap();
    assert_eq!(lease(&store, 10).await, None);
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(900)));
}

#[test]
fn in_memory_every_call_is_ready_at_once() {
    let store = SqliteStore::in_memory().unwrap();
    let mut waker = Context::from_waker(Waker::noop());
    assert!(pin!(enter(&store)).poll(&mut waker).is_ready());
    let (put, change) = (inbound("a"), deploys(&[&deploy(1)]));
    assert!(pin!(store.inbox_put(&put, at(1))).poll(&mut waker).is_ready());
    assert!(pin!(store.commit(change)).poll(&mut waker).is_ready());
    assert!(pin!(store.surroundings(&about(None))).poll(&mut waker).is_ready());
}

const CHILD: &str = "SHIPGATE_TEST_WRITES_TO";

/// Run by the test below in a process of its own: writes until it is killed, and prints every acknowledged key.
#[tokio::test]
#[ignore = "a part of nothing_acknowledged_is_lost_when_the_process_is_killed"]
async fn child_that_writes_until_it_is_killed() {
    let path =
        std::env::var(CHILD).expect("this is started by nothing_acknowledged_is_lost_…, not by people");
    let store = Arc::new(open(Path::new(&path)));
    let start = store.audit(0, u32::MAX).await.unwrap().len();
    let by = store.replica_enter("rules", at(0), at(60)).await.unwrap();
    for n in start.. {
        let key = format!("{n}");
        let put = inbound(&key);
        let row = shipgate_app::store::Changes { by, ..audited(vec![entry(&key, None)]) };
        let writes = (store.inbox_put(&put, at(1)), store.commit(row));
        let (one, two) = tokio::join!(writes.0, writes.1);
        one.unwrap();
        two.unwrap();
        println!("acknowledged {key}");
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let (_folder, path) = place();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for kill in 1..=30 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut keys =
            lines.filter_map(|line| line.unwrap().strip_prefix("acknowledged ").map(str::to_owned));
        acknowledged.extend(keys.by_ref().take(kill));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(keys);

        let store = open(&path);
        runtime.block_on(async {
            let log = store.audit(0, u32::MAX).await.unwrap();
            let mut verifier = Verifier::default();
            log.iter().for_each(|row| verifier.check(row).unwrap());
            for key in &acknowledged {
                assert_eq!(store.inbox_put(&inbound(key), at(2)).await.unwrap(), Accepted::Seen, "{key}");
                let event = format!("\"event\":\"{key}\"");
                assert!(log.iter().any(|row| row.body.contains(&event)), "{key} is not in the log");
            }
        });
    }
    assert!(acknowledged.len() >= 30 * 31 / 2, "only {} keys", acknowledged.len());
}

#[tokio::test]
async fn errors_name_what_was_tried() {
    let (_folder, path) = place();
    let store = open(&path);
    drop(std::fs::create_dir(path.with_extension("taken")));
    let error = store.backup(&path.with_extension("taken"), at(7)).await.unwrap_err();
    assert!(matches!(error, StoreError::Failed { doing: "make a backup", .. }), "{error}");
}
