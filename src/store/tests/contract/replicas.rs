//! Replicas: epochs, who holds what, and what becomes of it when one dies. Not here: what they do (`app`).

use super::samples::*;
use shipgate_app::effects::Finish;
use shipgate_app::store::{Changes, Epoch, Expect, Standing, Store};
use std::collections::BTreeSet;

/// Far longer than any test takes, by whatever clock.
const LONG: i64 = 1_000_000;

async fn another(store: &dyn Store, rules: &str) -> Epoch {
    store.replica_enter(rules, at(0), at(LONG)).await.unwrap()
}

/// One whose life was over before it began.
async fn silent(store: &dyn Store) -> Epoch {
    store.replica_enter("rules of the dead", at(0), at(0)).await.unwrap()
}

async fn renew(store: &dyn Store, epoch: Epoch) -> Standing {
    store.replica_renew(epoch, at(0), at(LONG)).await.unwrap()
}

pub async fn every_entry_has_a_higher_epoch(store: &dyn Store) {
    let second = another(store, "rules").await;
    store.replica_leave(second).await.unwrap();
    let third = another(store, "rules").await;
    assert!(ME < second && second < third);
}

pub async fn who_left_writes_no_more(store: &dyn Store) {
    let other = another(store, "rules").await;
    store.replica_leave(other).await.unwrap();
    store.replica_leave(other).await.unwrap();
    let late = Changes { notes: vec![("name".into(), "late".into())], ..Changes::by(other, at(1)) };
    conflict(store.commit(late).await);
    assert_eq!(store.note("name").await.unwrap(), None);
    conflict(store.replica_renew(other, at(0), at(LONG)).await.map(|_| ()));
    let unheard_of =
        Changes { notes: vec![("name".into(), "never".into())], ..Changes::by(Epoch(99), at(1)) };
    conflict(store.commit(unheard_of).await);
}

/// One that was suspended, and looks for work before it learns that its epoch has ended.
pub async fn who_left_takes_no_more_work(store: &dyn Store) {
    store.commit(effects(vec![judge_line("a", at(0))])).await.unwrap();
    store.inbox_put(&inbound("a"), at(0)).await.unwrap();
    let other = another(store, "rules").await;
    store.replica_leave(other).await.unwrap();
    let leased = store.effect_lease(other, None, at(1), at(1), at(60)).await;
    assert!(!matches!(leased, Ok(Some(_))), "{leased:?}");
    let item = store.inbox_next(other, 0).await;
    assert!(!matches!(item, Ok(Some(_))), "{item:?}");
    assert_eq!(lease(store, 2).await.unwrap().attempts, 0);
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().attempts, 0);
}

/// It takes nothing again, so what it could not finish would wait for as long as it lives.
pub async fn who_stands_aside_gives_back_what_it_no_longer_works_on(store: &dyn Store) {
    store.commit(effects(vec![judge_line("a", at(0)), judge_line("b", at(0))])).await.unwrap();
    store.inbox_put(&inbound("a"), at(0)).await.unwrap();
    let older = another(store, "rules").await;
    let over = store.effect_lease(older, None, at(1), at(1), at(60)).await.unwrap().unwrap();
    let held = store.effect_lease(older, None, at(1), at(1), at(120)).await.unwrap().unwrap();
    let item = store.inbox_next(older, 0).await.unwrap().unwrap();
    let newer = another(store, "newer rules").await;

    let standing = store.replica_renew(older, at(60), at(LONG)).await.unwrap();
    assert_eq!(standing, Standing::Aside);
    let again = store.effect_lease(newer, None, at(2), at(2), at(90)).await.unwrap().unwrap();
    assert_eq!((again.key, again.attempts), (over.key.clone(), 1));
    assert_eq!(store.effect_lease(newer, None, at(2), at(2), at(90)).await.unwrap(), None);
    assert_eq!(store.inbox_next(newer, 0).await.unwrap().unwrap().id, item.id);
    let late = |leased, finish| Changes { by: older, ..finishing(leased, finish) };
    conflict(store.commit(late(&over, Finish::Done)).await);
    store.commit(late(&held, Finish::Done)).await.unwrap();
}

/// Between two looks at who is there, an older replica may have judged by rules that hold no longer.
pub async fn what_was_judged_by_older_rules_is_not_written_once_newer_ones_are_there(store: &dyn Store) {
    let decision = |by, value: &str| Changes {
        expect: vec![Expect::RulesInForce],
        notes: vec![("name".into(), value.into())],
        ..Changes::by(by, at(1))
    };
    let older = another(store, "rules").await;
    store.commit(decision(ME, "by the only rules")).await.unwrap();
    let newer = another(store, "newer rules").await;
    conflict(store.commit(decision(ME, "late")).await);
    conflict(store.commit(decision(older, "late")).await);
    // What is no decision by rules is written: news of what was started must not be lost.
    store.commit(Changes { expect: Vec::new(), ..decision(older, "news") }).await.unwrap();
    store.commit(decision(newer, "by newer rules")).await.unwrap();
    assert_eq!(store.note("name").await.unwrap().as_deref(), Some("by newer rules"));
    store.replica_leave(newer).await.unwrap();
    store.commit(decision(older, "by the rules that are left")).await.unwrap();
}

pub async fn what_a_replica_held_is_free_once_it_left(store: &dyn Store) {
    store.commit(effects(vec![judge_line("a", at(0))])).await.unwrap();
    store.inbox_put(&inbound("a"), at(0)).await.unwrap();
    let other = another(store, "rules").await;
    let old = store.effect_lease(other, None, at(1), at(1), at(60)).await.unwrap().unwrap();
    let item = store.inbox_next(other, 0).await.unwrap().unwrap();
    assert_eq!(lease(store, 2).await, None);
    assert_eq!(store.inbox_next(ME, 0).await.unwrap(), None);

    store.replica_leave(other).await.unwrap();
    conflict(store.commit(finishing(&old, Finish::Done)).await);
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(0)));
    assert_eq!(lease(store, 2).await.unwrap().attempts, 1);
    let again = store.inbox_next(ME, 0).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempts), (item.id, 1));
}

pub async fn a_silent_replica_is_buried_and_its_work_taken_over(store: &dyn Store) {
    store.commit(effects(vec![judge_line("a", at(0))])).await.unwrap();
    store.inbox_put(&inbound("a"), at(0)).await.unwrap();
    let dead = silent(store).await;
    let old = store.effect_lease(dead, None, at(1), at(1), at(60)).await.unwrap().unwrap();
    let item = store.inbox_next(dead, 0).await.unwrap().unwrap();
    assert_eq!(renew(store, ME).await, Standing::Current);

    let mine = lease(store, 2).await.unwrap();
    assert_eq!((mine.id, mine.attempts), (old.id, 1));
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().id, item.id);
    let late = Changes { finish: Some((old.id, old.token, Finish::Done)), ..Changes::by(dead, at(3)) };
    conflict(store.commit(late).await);
    let late = Changes { inbox_done: Some(item.id), ..Changes::by(dead, at(3)) };
    conflict(store.commit(late).await);
    conflict(store.replica_renew(dead, at(0), at(LONG)).await.map(|_| ()));
    store.commit(finishing(&mine, Finish::Done)).await.unwrap();
}

pub async fn a_living_replica_keeps_what_it_holds(store: &dyn Store) {
    store.commit(effects(vec![judge_line("a", at(0))])).await.unwrap();
    let other = another(store, "rules").await;
    let held = store.effect_lease(other, None, at(1), at(1), at(5)).await.unwrap().unwrap();
    assert_eq!(renew(store, ME).await, Standing::Current);
    // Past the lease: only its own holder takes it up again, whatever the clocks of others say.
    assert_eq!(lease(store, 1_000).await, None);
    let again = store.effect_lease(other, None, at(6), at(6), at(60)).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempts), (held.id, 1));
    conflict(store.commit(finishing(&held, Finish::Done)).await);
}

pub async fn an_item_is_finished_only_by_who_holds_it(store: &dyn Store) {
    store.inbox_put(&inbound("a"), at(0)).await.unwrap();
    let other = another(store, "rules").await;
    let item = store.inbox_next(other, 0).await.unwrap().unwrap();
    let mine = Changes { inbox_done: Some(item.id), ..Changes::by(ME, at(1)) };
    conflict(store.commit(mine).await);
    let theirs = Changes { inbox_done: Some(item.id), ..Changes::by(other, at(1)) };
    store.commit(theirs).await.unwrap();
    assert_eq!(store.inbox_next(other, 0).await.unwrap(), None);
}

pub async fn two_replicas_never_hold_the_same(store: &dyn Store) {
    let other = another(store, "rules").await;
    for n in 0..40 {
        store.commit(effects(vec![judge_line(&format!("{n}"), at(n))])).await.unwrap();
        let mut item = inbound(&format!("{n}"));
        item.account.id = format!("U{n}");
        store.inbox_put(&item, at(n)).await.unwrap();
    }
    let mut held = BTreeSet::new();
    for turn in 0..40 {
        let by = if turn % 3 == 0 { other } else { ME };
        let leased = store.effect_lease(by, None, at(100), at(100), at(200)).await.unwrap().unwrap();
        assert!(held.insert(leased.id), "{} is held twice", leased.key);
    }
    assert_eq!(lease(store, 100).await, None);
    let (mine, theirs) = (store.inbox_next(ME, 0).await.unwrap(), store.inbox_next(other, 0).await.unwrap());
    assert_ne!(mine.unwrap().id, theirs.unwrap().id);
}

pub async fn the_newest_rules_that_live_are_followed(store: &dyn Store) {
    let same = another(store, "rules").await;
    assert_eq!(renew(store, ME).await, Standing::Current);
    let newer = another(store, "other rules").await;
    assert_eq!(renew(store, ME).await, Standing::Aside);
    assert_eq!(renew(store, same).await, Standing::Aside);
    assert_eq!(renew(store, newer).await, Standing::Current);
    store.replica_leave(newer).await.unwrap();
    assert_eq!(renew(store, ME).await, Standing::Current);
    silent(store).await;
    assert_eq!(renew(store, same).await, Standing::Current);
}
