//! The audit chain. Not here: that the database itself refuses changes (`tests/sqlite.rs`).

use super::samples::{audited, conflict, deploy, deploys, entry};
use shipgate_app::store::Store;
use shipgate_domain::audit::{Entry, Verifier};

pub async fn entries_form_a_chain_that_verifies(store: &dyn Store) {
    for n in 0..4 {
        let entries = (0..n).map(|i| entry(&format!("event_{n}_{i}"), None)).collect();
        store.commit(audited(entries)).await.unwrap();
    }
    let rows = store.audit(0, 100).await.unwrap();
    let mut verifier = Verifier::default();
    for row in &rows {
        verifier.check(row).unwrap();
    }
    assert_eq!(verifier.head().0, 6);
    assert_eq!(store.audit(2, 3).await.unwrap(), rows[2..5]);
    let read: Entry = serde_json::from_str(&rows[0].body).unwrap();
    assert_eq!(read, entry("event_1_0", None));
}

pub async fn a_deploy_has_its_own_part_of_the_log(store: &dyn Store) {
    let (one, two) = (deploy(1), deploy(2));
    let entries =
        vec![entry("a", Some(&one)), entry("b", Some(&two)), entry("c", Some(&one)), entry("d", None)];
    store.commit(audited(entries)).await.unwrap();
    let seqs: Vec<u64> = store.audit_of(&one.id).await.unwrap().iter().map(|row| row.seq).collect();
    assert_eq!(seqs, [1, 3]);
}

pub async fn a_refused_write_leaves_no_entry(store: &dyn Store) {
    let one = deploy(1);
    store.commit(deploys(&[&one])).await.unwrap();
    let mut again = deploys(&[&one]);
    again.audit = vec![entry("requested", Some(&one))];
    again.notes = vec![("name".into(), "value".into())];
    conflict(store.commit(again).await);
    assert_eq!(store.audit(0, 10).await.unwrap(), []);
    assert_eq!(store.note("name").await.unwrap(), None);
    store.commit(audited(vec![entry("first", None)])).await.unwrap();
    assert_eq!(store.audit(0, 10).await.unwrap()[0].seq, 1);
}
