//! Failures that only the inside can provoke: a full disk, a write that is not confirmed, a panic.
//! Not here: everything that the port shows (`tests/`).

use super::fault::{Fault, Trouble};
use super::{Mode, SqliteStore, migrate, open, read};
use jiff::Timestamp;
use rusqlite::{Connection, ffi, params_from_iter};
use shipgate_app::store::{Changes, Epoch, Filter, Store, StoreError};
use shipgate_domain::ids::DeployId;
use std::error::Error as _;
use std::sync::{Arc, mpsc};
use tokio::sync::oneshot;

fn place() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("shipgate.db"), Timestamp::UNIX_EPOCH).unwrap();
    (folder, store)
}

/// A start, and every command, lists what is open: with a hundred thousand deploys behind it, that must not become slow.
#[test]
fn a_list_of_what_is_open_does_not_walk_through_the_past() {
    let mut db = open::connect_memory().unwrap();
    migrate::migrate(&mut db, ":memory:".as_ref(), Timestamp::UNIX_EPOCH).unwrap();
    let all = Filter { only_open: true, limit: 500, ..Filter::default() };
    let here = Filter { environment: Some("production".parse().unwrap()), ..all.clone() };
    let mine = Filter { requester: Some("ada".parse().unwrap()), ..here.clone() };
    let of_service = Filter { service: Some("api".parse().unwrap()), ..here.clone() };
    let page = Filter { above: Some(DeployId::new(Timestamp::UNIX_EPOCH, [0; 10])), ..all.clone() };
    for (filter, may_sort) in
        [(&all, false), (&of_service, false), (&page, false), (&here, true), (&mine, true)]
    {
        let (sql, values) = read::listing(filter);
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        let plan: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(plan[0].contains("USING INDEX deploys_open"), "{plan:?}");
        // What one person, or one environment, has open is few enough to be sorted.
        assert!(may_sort || plan.len() == 1, "{plan:?}");
    }
}

/// The first replica that enters.
const ME: Epoch = Epoch(1);

async fn enter(store: &SqliteStore) {
    let epoch = store.replica_enter("rules", Timestamp::UNIX_EPOCH, Timestamp::MAX).await;
    assert_eq!(epoch.unwrap(), ME);
}

fn note(name: &str, value: &str) -> Changes {
    Changes { notes: vec![(name.into(), value.into())], ..Changes::by(ME, Timestamp::UNIX_EPOCH) }
}

fn set_note(db: &Connection, name: &str) -> Result<(), Trouble> {
    db.execute("INSERT INTO notes (name, value) VALUES (?1, '')", [name])?;
    Ok(())
}

fn source<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(error @ StoreError::Failed { .. }) => error.source().unwrap().to_string(),
        other => panic!("a failure was expected, not {other:?}"),
    }
}

/// Sets how many pages the database may have, as a full disk would.
async fn limit(store: &SqliteStore, pages: u32) {
    let set =
        move |db: &Connection| Ok(db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?);
    store.write("set a limit", set).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_said_clearly_and_nothing_is_half_written() {
    let in_memory = SqliteStore::in_memory().unwrap();
    let (_folder, in_file) = place();
    for store in [in_memory, in_file] {
        enter(&store).await;
        store.commit(note("before", "small")).await.unwrap();
        limit(&store, 1).await;
        let mut large = note("small", "value");
        large.notes.push(("large".into(), "x".repeat(100_000)));
        let said = source(store.commit(large).await);
        assert!(said.contains("no room is left"), "{said}");
        assert_eq!(store.note("small").await.unwrap(), None);
        assert_eq!(store.note("before").await.unwrap().as_deref(), Some("small"));
        limit(&store, 1_000_000).await;
        store.commit(note("after", "room")).await.unwrap();
        store.integrity_check().await.unwrap();
    }
}

/// Keeps the writer busy until the returned sender is dropped, so that what follows shares one batch.
async fn hold_the_writer(store: &Arc<SqliteStore>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (started, has_started) = oneshot::channel();
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let wait = move |_: &Connection| {
            let _ = started.send(());
            let _ = held.recv();
            Ok(())
        };
        store.write("wait", wait).await
    });
    has_started.await.unwrap();
    release
}

#[tokio::test]
async fn a_write_that_is_not_confirmed_fails_its_batch_and_ends_all_writing() {
    let (_folder, store) = place();
    enter(&store).await;
    store.commit(note("before", "value")).await.unwrap();
    let store = Arc::new(store);
    let release = hold_the_writer(&store).await;
    let good = store.write("write", |db| set_note(db, "same batch"));
    let bad = store.write("write", |_| {
        let error = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
        Err::<(), _>(Trouble::from(rusqlite::Error::SqliteFailure(error, None)))
    });
    let (good, bad, ()) = tokio::join!(biased; good, bad, async { drop(release) });
    assert!(source(good).contains("restart Shipgate"));
    assert!(source(bad).contains("restart Shipgate"));
    assert!(source(store.commit(note("after", "value")).await).contains("restart Shipgate"));
    assert_eq!(store.note("same batch").await.unwrap(), None);
    assert_eq!(store.note("before").await.unwrap().as_deref(), Some("value"));
}

#[tokio::test]
async fn a_failure_or_panic_of_one_undoes_only_that_one() {
    let (_folder, store) = place();
    enter(&store).await;
    let store = Arc::new(store);
    let release = hold_the_writer(&store).await;
    let first = store.write("write", |db| set_note(db, "first"));
    let conflicts = store.write("write", |db| {
        set_note(db, "conflicts")?;
        Err::<(), _>(Trouble::conflict("it"))
    });
    let panics = store.write("write", |db| {
        set_note(db, "panics")?;
        assert!(db.is_autocommit(), "this is inside of a transaction");
        Ok(())
    });
    let last = store.write("write", |db| set_note(db, "last"));
    let (first, conflicts, panics, last, ()) =
        tokio::join!(biased; first, conflicts, panics, last, async { drop(release) });
    first.unwrap();
    last.unwrap();
    assert!(matches!(conflicts, Err(StoreError::Conflict { .. })));
    assert!(source(panics).contains("this is inside of a transaction"));
    for (name, there) in [("first", true), ("conflicts", false), ("panics", false), ("last", true)] {
        assert_eq!(store.note(name).await.unwrap().is_some(), there, "{name}");
    }
}

#[tokio::test]
async fn when_the_commit_fails_everybody_hears_of_it() {
    let (_folder, store) = place();
    enter(&store).await;
    let store = Arc::new(store);
    let release = hold_the_writer(&store).await;
    // A deferred constraint is checked by COMMIT itself.
    let breaks = store.write("write", |db| {
        db.execute_batch("PRAGMA defer_foreign_keys = ON")?;
        db.execute("INSERT INTO cards (deploy, revision, body) VALUES ('nobody', 1, '{}')", [])?;
        Ok(())
    });
    let good = store.write("write", |db| set_note(db, "same batch"));
    let (breaks, good, ()) = tokio::join!(biased; breaks, good, async { drop(release) });
    source(breaks);
    source(good);
    assert_eq!(store.note("same batch").await.unwrap(), None);
    store.commit(note("after", "value")).await.unwrap();
}

#[test]
fn what_sqlite_says_becomes_what_to_do() {
    let fault = |code| Fault::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
    assert!(matches!(fault(ffi::SQLITE_FULL), Fault::Full { .. }));
    assert!(matches!(fault(ffi::SQLITE_IOERR_FSYNC), Fault::Unconfirmed { .. }));
    assert!(matches!(fault(ffi::SQLITE_IOERR_WRITE), Fault::Disk { .. }));
    assert!(matches!(fault(ffi::SQLITE_CORRUPT), Fault::Damaged { .. }));
    assert!(matches!(fault(ffi::SQLITE_MISUSE), Fault::Mistake { .. }));
}

#[test]
fn migrating_twice_changes_nothing() {
    let mut db = open::connect_memory().unwrap();
    for _ in 0..2 {
        migrate::migrate(&mut db, ":memory:".as_ref(), Timestamp::UNIX_EPOCH).unwrap();
    }
    let steps: u32 = db.query_row("SELECT count(*) FROM shipgate_migrations", [], |row| row.get(0)).unwrap();
    assert_eq!(steps, 1);
}

#[test]
fn the_place_of_an_environment_is_guarded_by_the_database_itself() {
    let store = SqliteStore::in_memory().unwrap();
    let Mode::Inline(inline) = &store.mode else { panic!("in memory is inline") };
    let sql: String = inline
        .read(|db| {
            let index = "SELECT sql FROM sqlite_schema WHERE name = 'deploys_one_active'";
            Ok(db.query_row(index, [], |row| row.get(0))?)
        })
        .unwrap();
    assert!(sql.contains("UNIQUE") && sql.contains("WHERE active = 1"), "{sql}");
}
