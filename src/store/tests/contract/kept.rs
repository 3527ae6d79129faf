//! What the record says of stored rows, and what is stored: the same on every store. Not here: tampering
//! (`tests/tables.rs`, `tests/postgres.rs`).

use super::places::{freeze, lock};
use super::samples::*;
use shipgate_app::selfcheck::compare_all;
use shipgate_app::store::{Changes, Store};
use shipgate_domain::audit::{Inspector, Row};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Lock;

/// What differs between the record and what is stored, and how much was compared.
async fn compared(store: &dyn Store) -> (Vec<String>, u64) {
    let mut inspector = Inspector::default();
    let rows: Vec<Row> = store.audit(0, 1000).await.unwrap();
    rows.iter().for_each(|row| inspector.take(row));
    let before = inspector.findings().len();
    let compared = compare_all(store, &mut inspector).await.unwrap();
    inspector.settle();
    (inspector.findings()[before..].iter().map(ToString::to_string).collect(), compared)
}

/// Each form of a deploy with a word in the record.
async fn tell(store: &dyn Store, deploy: &Deploy) {
    let changes = Changes { audit: vec![entry("told", Some(deploy))], ..deploys(&[deploy]) };
    store.commit(changes).await.unwrap();
}

pub async fn every_row_is_stored_as_the_record_says(store: &dyn Store) {
    let (one, two) = (deploy(1), deploy(2));
    tell(store, &one).await;
    let waiting = pinned(one, commit('a'));
    tell(store, &waiting).await;
    let ready = dispatching(waiting);
    tell(store, &ready).await;
    let run = running(ready, "4711", at(110));
    tell(store, &run).await;
    tell(store, &ended(run, "4711", true, at(200), 90)).await;
    tell(store, &two).await;
    let unknown = Lock { quarantine: Some(two.id.clone()), ..lock("ada") };
    let places = Changes {
        locks: vec![lock("ada"), unknown.clone()],
        freezes: vec![freeze("F1", None), freeze("F2", Some(at(9_000)))],
        notes: vec![
            ("dispatching".into(), "{\"text\": \"“it” is \u{1f680}\"}".into()),
            ("calendar/Fair".into(), "{\"events\": []}".into()),
            ("feed/Fair".into(), "x".into()),
        ],
        ..audited(vec![entry("told", None)])
    };
    store.commit(places).await.unwrap();
    assert_eq!(compared(store).await, (vec![], 8));

    // What goes, goes from both.
    let gone = Changes {
        unlocks: vec![production()],
        cleared: vec![two.id.clone()],
        freezes_ended: vec![("F2".into(), at(5))],
        ..audited(vec![entry("told", None)])
    };
    store.commit(gone).await.unwrap();
    assert_eq!(compared(store).await, (vec![], 6));
}

pub async fn what_is_written_without_a_word_is_found(store: &dyn Store) {
    store.commit(Changes { locks: vec![lock("ada")], ..deploys(&[&deploy(1)]) }).await.unwrap();
    let (found, _) = compared(store).await;
    // Locks before deploys, each with the beginning of the hash of what is stored.
    let said: Vec<&str> =
        found.iter().filter_map(|what| what.split_once(" (stored ").map(|two| two.0)).collect();
    let expected = [
        "the lock of production is stored, and the record knows of none".to_owned(),
        format!("deploy {} is stored, and the record knows of none", deploy(1).id),
    ];
    assert_eq!(said, expected);
}

pub async fn nothing_is_amiss_with_a_new_database(store: &dyn Store) {
    assert_eq!(store.amiss().await.unwrap(), Vec::<String>::new());
}
