//! The self-check beside writers that never stop: it finds what was changed past them, and nothing else. Not here: what
//! follows from a finding (`tests/it/selfcheck.rs`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "contract/samples.rs"]
mod samples;

use jiff::Timestamp;
use rusqlite::Connection;
use samples::{ME, at, enter};
use shipgate_app::selfcheck::SelfCheck;
use shipgate_app::store::{Changes, DeployRow, Store};
use shipgate_domain::audit::{Actor, Entry, RESUMED, STOPPED};
use shipgate_domain::deploy::{Deploy, Event};
use shipgate_domain::ids::{Account, DeployId, Platform};
use shipgate_store::SqliteStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const WRITERS: u8 = 4;
const DEPLOYS: u8 = 40;
const CHANGES: usize = 6;

/// Writes one change of a deploy as every use case does: the state and its entry in one transaction.
async fn write(store: &dyn Store, deploy: &Deploy, event: &str, data: serde_json::Value, now: Timestamp) {
    let mut changes = Changes::by(ME, now);
    changes.audit = vec![Entry {
        at: now,
        actor: Actor::Shipgate,
        deploy: Some(deploy.id.clone()),
        environment: Some(deploy.request.environment.clone()),
        event: event.into(),
        data,
    }];
    changes.deploys = vec![DeployRow { lock_group: deploy.id.to_string(), deploy: deploy.clone() }];
    store.commit(changes).await.unwrap();
}

/// A deploy that is asked for, changes some times and expires.
async fn live(store: &dyn Store, writer: u8, n: u8, changes: usize) {
    let mut deploy = samples::deploy(n);
    deploy.id = DeployId::new(at(i64::from(n)), [writer; 10]);
    let request = serde_json::to_value(&deploy.request).unwrap();
    write(store, &deploy, "requested", request, at(1)).await;
    for change in 0..=changes {
        let event =
            if change == changes { Event::Expired } else { Event::Delayed { problem: change.to_string() } };
        let step = deploy.learn(event.clone(), at(2)).unwrap();
        write(store, &step.deploy, event.name(), serde_json::to_value(&event).unwrap(), at(2)).await;
        deploy = step.deploy;
        tokio::task::yield_now().await;
    }
}

fn found(check: &SelfCheck) -> Vec<String> {
    check.open().map(ToString::to_string).collect()
}

async fn look(check: &mut SelfCheck, store: &dyn Store) {
    check.follow(store).await.unwrap();
    check.compare(store, |deploy| Some(deploy.id.to_string())).await.unwrap();
}

/// A database with some lives in it that was looked at once, and somebody else who has the file open.
struct Looked {
    _folder: tempfile::TempDir,
    store: SqliteStore,
    check: SelfCheck,
    attacker: Connection,
}

impl Looked {
    async fn at(deploys: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shipgate.db");
        let store = SqliteStore::open(&path, at(0)).unwrap();
        enter(&store).await;
        for n in 0..deploys {
            live(&store, 1, n, 1).await;
        }
        let mut check = SelfCheck::default();
        look(&mut check, &store).await;
        assert_eq!(found(&check), [""; 0]);
        Self { _folder: folder, store, check, attacker: Connection::open(&path).unwrap() }
    }

    /// The statement that makes the trigger which keeps rows of the record from being deleted.
    fn trigger(&self) -> String {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = 'audit_delete'";
        self.attacker.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn beside_writers_that_never_stop_nothing_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("shipgate.db"), at(0)).unwrap());
    enter(store.as_ref()).await;
    let writing = Arc::new(AtomicUsize::new(usize::from(WRITERS)));
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, writing) = (store.clone(), writing.clone());
        tasks.spawn(async move {
            for n in 0..DEPLOYS {
                live(store.as_ref(), writer, n, CHANGES).await;
            }
            writing.fetch_sub(1, Ordering::AcqRel);
        });
    }
    let mut check = SelfCheck::default();
    let mut looks = 0;
    while writing.load(Ordering::Acquire) > 0 {
        look(&mut check, store.as_ref()).await;
        assert_eq!(found(&check), [""; 0], "at look {looks}");
        looks += 1;
    }
    while tasks.join_next().await.is_some_and(|ended| ended.is_ok()) {}
    look(&mut check, store.as_ref()).await;
    assert_eq!(found(&check), [""; 0]);
    assert!(looks > 2, "the writers were done after {looks} looks");
    let rows = u64::from(WRITERS) * u64::from(DEPLOYS) * (CHANGES as u64 + 2);
    assert_eq!(check.due_anchors(true, at(9)).last().map(|anchor| anchor.seq), Some(rows));
}

#[tokio::test]
async fn what_is_changed_past_the_writers_is_found_at_the_next_look() {
    let Looked { _folder, store, mut check, attacker } = Looked::at(3).await;

    // A state without a word in the record.
    attacker
        .execute_batch("UPDATE deploys SET body = json_set(body, '$.state.outcome.outcome', 'refused') WHERE id = (SELECT max(id) FROM deploys)")
        .unwrap();
    look(&mut check, &store).await;
    assert_eq!(found(&check).len(), 2, "{:?}", found(&check));
    assert!(found(&check)[0].contains("is stored as refused after 2 changes, and the record says expired"));

    // A deploy that is gone.
    attacker.execute_batch("DELETE FROM deploys WHERE id = (SELECT min(id) FROM deploys)").unwrap();
    look(&mut check, &store).await;
    assert!(found(&check)[1].contains("is stored with another content than the record says"));
    assert!(found(&check)[2].contains("is in the record and no longer stored"), "{:?}", found(&check));

    // The end of the record.
    attacker.execute_batch("DROP TRIGGER audit_delete; DELETE FROM audit WHERE seq > 7").unwrap();
    look(&mut check, &store).await;
    assert!(found(&check)[3].contains("row 9 was there and is gone"), "{:?}", found(&check));
}

#[tokio::test]
async fn a_table_that_cannot_be_read_hides_nothing_else() {
    let Looked { _folder, store, mut check, attacker } = Looked::at(1).await;
    let lock = "INSERT INTO locks (environment, quarantine, body) VALUES ('production', '', '{}')";
    attacker.execute_batch(&format!("DROP TABLE freezes; DELETE FROM deploys; {lock}")).unwrap();
    check.follow(&store).await.unwrap();
    check.compare(&store, |_| None).await.unwrap_err();
    let found = found(&check);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[0], "the table freezes is missing in the database");
    assert!(found[1].contains("the lock of production is stored, and the record knows of none"), "{found:?}");
    assert!(found[2].contains("is in the record and no longer stored"), "{found:?}");
}

#[tokio::test]
async fn what_people_accepted_is_one_time_and_the_next_time_is_news() {
    let looked = Looked::at(1).await;
    let trigger = looked.trigger();
    let Looked { _folder, store, mut check, attacker } = looked;
    let is_gone = ["the trigger audit_delete is missing in the database"];

    attacker.execute_batch("DROP TRIGGER audit_delete").unwrap();
    look(&mut check, &store).await;
    assert_eq!(found(&check), is_gone);
    tell(&store, &check).await;
    look(&mut check, &store).await;
    assert!(!check.has_news(), "it is told, and the same at each look");
    // A replica that sees it later sees the same.
    let mut other = SelfCheck::default();
    look(&mut other, &store).await;
    assert!(!other.has_news());
    accept(&store).await;
    look(&mut check, &store).await;
    assert!(check.is_sound());

    attacker.execute_batch(&trigger).unwrap();
    look(&mut check, &store).await;
    attacker.execute_batch("DROP TRIGGER audit_delete").unwrap();
    look(&mut check, &store).await;
    assert_eq!(found(&check), is_gone, "the same thing done again was never accepted");
    assert!(check.has_news());
    // Whoever starts while it is so is not told that it is all right.
    let mut started = SelfCheck::default();
    look(&mut started, &store).await;
    assert_eq!(found(&started), is_gone);
}

#[tokio::test]
async fn a_record_that_lost_its_end_is_read_again_and_goes_on() {
    let looked = Looked::at(3).await;
    let trigger = looked.trigger();
    let Looked { _folder, store, mut check, attacker } = looked;
    // As after a failover to a server that lagged behind: row and record end earlier, and both fit.
    attacker
        .execute_batch(&format!(
            "DROP TRIGGER audit_delete; DELETE FROM audit WHERE seq > 6;
             DELETE FROM deploys WHERE id = (SELECT max(id) FROM deploys); {trigger}"
        ))
        .unwrap();
    look(&mut check, &store).await;
    assert_eq!(found(&check).len(), 1, "{:?}", found(&check));
    assert!(found(&check)[0].contains("row 9 was there and is gone"), "{:?}", found(&check));
    tell(&store, &check).await;
    look(&mut check, &store).await;
    assert!(
        !check.has_news(),
        "what is told now is read, although its row has a lower number than was read before"
    );
    accept(&store).await;
    look(&mut check, &store).await;
    assert!(check.is_sound(), "{:?}", found(&check));
}

/// Says in the record what a stop says.
async fn tell(store: &dyn Store, check: &SelfCheck) {
    let findings: Vec<_> = check.open().collect();
    note(store, Actor::Shipgate, STOPPED, serde_json::json!({ "findings": findings })).await;
}

/// Says in the record that somebody let deploys go on.
async fn accept(store: &dyn Store) {
    let account = Account { platform: Platform::Slack, id: "U0GRACE".into() };
    let actor = Actor::Person { person: "grace".parse().unwrap(), account };
    note(store, actor, RESUMED, serde_json::json!({})).await;
}

async fn note(store: &dyn Store, actor: Actor, event: &str, data: serde_json::Value) {
    let entry = Entry { at: at(3), actor, deploy: None, environment: None, event: event.into(), data };
    let mut changes = Changes::by(ME, at(3));
    changes.audit = vec![entry];
    store.commit(changes).await.unwrap();
}
