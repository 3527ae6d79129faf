//! Scopes, locks, freezes, cards and notes. Not here: deploys.

use super::samples::*;
use jiff::Timestamp;
use shipgate_app::store::{CardRow, Changes, Expect, Scope, Store};
use shipgate_domain::calendar::{Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen};
use shipgate_domain::facts::Lock;
use shipgate_domain::zone::Zone;

fn nothing() -> Changes {
    Changes::by(ME, at(3))
}

pub fn lock(by: &str) -> Lock {
    Lock {
        environment: production(),
        by: by.parse().unwrap(),
        reason: "a migration".into(),
        since: at(1),
        until: Some(at(2)),
        quarantine: None,
        kind: Default::default(),
        length: None,
    }
}

pub fn freeze(id: &str, until: Option<Timestamp>) -> Freeze {
    Freeze {
        id: FreezeId(id.into()),
        name: "holidays".into(),
        scope: FreezeScope::default(),
        zone: Zone::named("Europe/Berlin").unwrap(),
        when: FreezeWhen::Instants { from: at(1), until },
        origin: FreezeOrigin::Chat { by: "ada".into(), reason: "rest".into() },
    }
}

pub async fn scopes_count_from_nought(store: &dyn Store) {
    let scope = Scope::Environment(production());
    for revision in 0..3 {
        assert_eq!(store.surroundings(&about(None)).await.unwrap().environment_revision, revision);
        let expect = vec![Expect::Scope(scope.clone(), revision), Expect::Scope(Scope::Freezes, 0)];
        store.commit(Changes { expect, touched: vec![scope.clone()], ..nothing() }).await.unwrap();
    }
}

pub async fn a_changed_scope_is_a_conflict_and_nothing_is_written(store: &dyn Store) {
    let expect = vec![Expect::Scope(Scope::Freezes, 0)];
    store
        .commit(Changes { touched: vec![Scope::Freezes], expect: expect.clone(), ..nothing() })
        .await
        .unwrap();
    let late = Changes {
        expect,
        deploys: vec![row(&deploy(1))],
        effects: vec![judge_line("production", at(0))],
        locks: vec![lock("ada")],
        ..nothing()
    };
    assert_eq!(conflict(store.commit(late).await), "the freezes");
    assert_eq!(store.deploy(&deploy(1).id).await.unwrap(), None);
    assert_eq!(store.locks().await.unwrap(), []);
    assert_eq!(store.effect_next_due(None).await.unwrap(), None);
}

pub async fn a_lock_replaces_a_lock_and_can_be_lifted(store: &dyn Store) {
    store.commit(Changes { locks: vec![lock("ada")], ..nothing() }).await.unwrap();
    store.commit(Changes { locks: vec![lock("bob")], ..nothing() }).await.unwrap();
    assert_eq!(store.locks().await.unwrap(), [lock("bob")]);
    assert_eq!(store.surroundings(&about(None)).await.unwrap().lock, Some(lock("bob")));
    store.commit(Changes { unlocks: vec![production()], ..nothing() }).await.unwrap();
    assert_eq!(store.locks().await.unwrap(), []);
    store.commit(Changes { unlocks: vec![production()], ..nothing() }).await.unwrap();
}

pub async fn a_quarantine_stands_beside_a_lock_and_ends_alone(store: &dyn Store) {
    let unknown = deploy(1);
    let quarantine = Lock { quarantine: Some(unknown.id.clone()), until: None, ..lock("ada") };
    store.commit(Changes { locks: vec![lock("bob"), quarantine.clone()], ..nothing() }).await.unwrap();
    assert_eq!(
        store.surroundings(&about(None)).await.unwrap().lock,
        Some(quarantine.clone()),
        "the stricter one"
    );
    store.commit(Changes { unlocks: vec![production()], ..nothing() }).await.unwrap();
    assert_eq!(store.locks().await.unwrap(), [quarantine], "unlocking ends no quarantine");
    store.commit(Changes { locks: vec![lock("bob")], cleared: vec![unknown.id], ..nothing() }).await.unwrap();
    assert_eq!(store.locks().await.unwrap(), [lock("bob")]);
}

pub async fn each_unknown_outcome_closes_an_environment_off_until_its_own_end(store: &dyn Store) {
    let (first, second) = (deploy(1), deploy(2));
    let of = |unknown: &shipgate_domain::deploy::Deploy| Lock {
        quarantine: Some(unknown.id.clone()),
        until: None,
        ..lock("ada")
    };
    store.commit(Changes { locks: vec![of(&first)], ..nothing() }).await.unwrap();
    store.commit(Changes { locks: vec![of(&second)], ..nothing() }).await.unwrap();
    assert_eq!(store.surroundings(&about(None)).await.unwrap().lock, Some(of(&first)), "the older one");
    store.commit(Changes { cleared: vec![second.id.clone()], ..nothing() }).await.unwrap();
    assert_eq!(store.locks().await.unwrap(), [of(&first)]);
    store.commit(Changes { cleared: vec![first.id.clone()], ..nothing() }).await.unwrap();
    assert_eq!(store.locks().await.unwrap(), []);
}

pub async fn an_ended_freeze_is_listed_only_on_request(store: &dyn Store) {
    let touched = vec![Scope::Freezes];
    let (one, two) = (freeze("f1", None), freeze("f2", None));
    let both = Changes { freezes: vec![one.clone(), two.clone()], touched, ..nothing() };
    store.commit(both.clone()).await.unwrap();
    assert_eq!(conflict(store.commit(both).await), "the freeze f1");
    assert_eq!(store.freezes(false).await.unwrap(), (1, vec![one, two.clone()]));
    let end = Changes { freezes_ended: vec![("f1".into(), at(9))], ..nothing() };
    store.commit(end.clone()).await.unwrap();
    assert_eq!(store.freezes(false).await.unwrap(), (1, vec![two.clone()]));
    assert_eq!(store.surroundings(&about(None)).await.unwrap().freezes, std::slice::from_ref(&two));
    assert_eq!(store.freezes(true).await.unwrap(), (1, vec![freeze("f1", Some(at(9))), two]));
    conflict(store.commit(end).await);
}

pub async fn cards_count_their_revisions(store: &dyn Store) {
    let one = deploy(1);
    store.commit(deploys(&[&one])).await.unwrap();
    let card = |revision, generation| CardRow {
        deploy: one.id.clone(),
        revision,
        posts: vec![],
        buttons: vec![],
        generation,
        shown: String::new(),
        edited: Some(at(3)),
    };
    let write = |card| store.commit(Changes { cards: vec![card], ..nothing() });
    assert_eq!(store.card(&one.id).await.unwrap(), None);
    conflict(write(card(2, 0)).await);
    write(card(1, 1)).await.unwrap();
    conflict(write(card(1, 2)).await);
    write(card(2, 3)).await.unwrap();
    conflict(write(card(2, 4)).await);
    assert_eq!(store.card(&one.id).await.unwrap(), Some(card(2, 3)));
}

pub async fn a_note_that_is_there_is_a_conflict_for_who_expects_none(store: &dyn Store) {
    let first = |value: &str| Changes {
        expect: vec![Expect::Note("name".into(), None)],
        notes: vec![("name".into(), value.into())],
        ..nothing()
    };
    store.commit(first("mine")).await.unwrap();
    conflict(store.commit(first("theirs")).await);
    assert_eq!(store.note("name").await.unwrap().as_deref(), Some("mine"));
}

pub async fn a_note_keeps_its_last_value(store: &dyn Store) {
    for value in ["a", "b"] {
        store.commit(Changes { notes: vec![("name".into(), value.into())], ..nothing() }).await.unwrap();
    }
    assert_eq!(store.note("name").await.unwrap().as_deref(), Some("b"));
    assert_eq!(store.note("other").await.unwrap(), None);
}

pub async fn a_quarantine_after_a_restore_gives_way_to_no_other(store: &dyn Store) {
    let restored = Lock::after_restore(production(), at(1), at(2), [7; 10]);
    store.commit(Changes { locks: vec![restored.clone()], ..nothing() }).await.unwrap();
    let unknown = deploy(1);
    let other = Lock { quarantine: Some(unknown.id.clone()), until: None, ..lock("ada") };
    store.commit(Changes { locks: vec![lock("bob"), other], ..nothing() }).await.unwrap();
    store.commit(Changes { cleared: vec![unknown.id], ..nothing() }).await.unwrap();
    let standing = store.locks().await.unwrap();
    assert!(standing.contains(&restored) && standing.contains(&lock("bob")), "{standing:?}");
    let cleared = restored.quarantine.into_iter().collect();
    store.commit(Changes { cleared, ..nothing() }).await.unwrap();
    assert_eq!(store.locks().await.unwrap(), [lock("bob")]);
}

pub async fn a_note_that_changed_is_a_conflict_and_nothing_is_written(store: &dyn Store) {
    let expecting = |value: Option<&str>, new: &str| {
        let mut changes = Changes::by(ME, at(1));
        changes.expect = vec![Expect::Note("dispatching".into(), value.map(ToOwned::to_owned))];
        changes.notes = vec![("dispatching".into(), new.into())];
        changes
    };
    conflict(store.commit(expecting(Some("stopped"), "resumed")).await);
    store.commit(expecting(None, "stopped")).await.unwrap();
    conflict(store.commit(expecting(None, "never written")).await);
    assert_eq!(store.note("dispatching").await.unwrap().as_deref(), Some("stopped"));
    store.commit(expecting(Some("stopped"), "")).await.unwrap();
    conflict(store.commit(expecting(None, "an empty note is a note")).await);
    assert_eq!(store.note("dispatching").await.unwrap().as_deref(), Some(""));
}
