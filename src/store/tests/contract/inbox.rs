//! The inbox: each delivery once, three tries, secrets deleted. Not here: what is done about an item.

use super::samples::{ME, at, conflict, inbound};
use shipgate_app::store::{Accepted, BEGINNINGS, Changes, Epoch, Store};

fn done(id: i64) -> Changes {
    Changes { inbox_done: Some(id), ..Changes::by(ME, at(5)) }
}

pub async fn a_delivery_counts_once(store: &dyn Store) {
    assert_eq!(store.inbox_put(&inbound("a"), at(1)).await.unwrap(), Accepted::New);
    assert_eq!(store.inbox_put(&inbound("a"), at(2)).await.unwrap(), Accepted::Seen);
    assert_eq!(store.inbox_put(&inbound("b"), at(2)).await.unwrap(), Accepted::New);
    let first = store.inbox_next(ME, 0).await.unwrap().unwrap();
    assert_eq!((first.inbound, first.at, first.attempts), (inbound("a"), at(1), 0));
    store.commit(done(first.id)).await.unwrap();
    assert_eq!(store.inbox_put(&inbound("a"), at(9)).await.unwrap(), Accepted::Seen);
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().inbound.key, "b");
}

pub async fn an_item_is_given_up_after_three_tries_and_one_to_say_so(store: &dyn Store) {
    store.inbox_put(&inbound("bad"), at(1)).await.unwrap();
    store.inbox_put(&inbound("good"), at(2)).await.unwrap();
    for attempts in 0..BEGINNINGS {
        let item = store.inbox_next(ME, 0).await.unwrap().unwrap();
        assert_eq!((item.inbound.key.as_str(), item.attempts), ("bad", attempts));
    }
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().inbound.key, "good");
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.inbox, counts.inbox_dead), (1, 1));
}

pub async fn one_account_is_worked_on_in_order_one_at_a_time(store: &dyn Store) {
    for key in ["ada 1", "ada 2", "grace 1"] {
        let mut item = inbound(key);
        item.account.id = key[..3].to_uppercase();
        store.inbox_put(&item, at(1)).await.unwrap();
    }
    let first = store.inbox_next(ME, 0).await.unwrap().unwrap();
    assert_eq!(first.inbound.key, "ada 1");
    assert_eq!(store.inbox_next(ME, 1).await.unwrap().unwrap().inbound.key, "grace 1");
    assert_eq!(store.inbox_next(ME, 2).await.unwrap(), None, "Ada's second waits for her first");
    store.commit(done(first.id)).await.unwrap();
    assert_eq!(store.inbox_next(ME, 2).await.unwrap().unwrap().inbound.key, "ada 2");
}

pub async fn what_a_worker_holds_comes_to_it_again(store: &dyn Store) {
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    let item = store.inbox_next(ME, 1).await.unwrap().unwrap();
    assert_eq!(store.inbox_next(ME, 0).await.unwrap(), None);
    let again = store.inbox_next(ME, 1).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempts), (item.id, 1));
}

pub async fn an_item_that_was_given_up_holds_nobody_up(store: &dyn Store) {
    for key in ["bad", "good"] {
        store.inbox_put(&inbound(key), at(1)).await.unwrap();
    }
    for _ in 0..BEGINNINGS {
        assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().inbound.key, "bad");
        assert_eq!(store.inbox_next(ME, 1).await.unwrap(), None);
    }
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().inbound.key, "good");
}

pub async fn a_beginning_that_is_taken_back_does_not_count(store: &dyn Store) {
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    for _ in 0..3 * BEGINNINGS {
        let item = store.inbox_next(ME, 0).await.unwrap().unwrap();
        assert_eq!(item.attempts, 0);
        store.inbox_again(ME, item.id).await.unwrap();
        // Nothing is taken back twice, or in the name of somebody else.
        store.inbox_again(ME, item.id).await.unwrap();
        store.inbox_again(Epoch(77), item.id).await.unwrap();
    }
    let item = store.inbox_next(ME, 0).await.unwrap().unwrap();
    store.inbox_again(Epoch(77), item.id).await.unwrap();
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().attempts, 1);
}

pub async fn what_is_given_back_is_anybodys_as_if_it_had_not_been_begun(store: &dyn Store) {
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    for worker in 0..3 * BEGINNINGS {
        let item = store.inbox_next(ME, worker).await.unwrap().unwrap();
        assert_eq!((item.inbound.key.as_str(), item.attempts), ("a", 0));
        // Only who holds it can give it back.
        store.inbox_give_back(Epoch(77), item.id).await.unwrap();
        assert_eq!(store.inbox_next(ME, worker + 1).await.unwrap(), None);
        store.inbox_give_back(ME, item.id).await.unwrap();
        store.inbox_give_back(ME, item.id).await.unwrap();
    }
}

pub async fn one_with_hundreds_of_commands_keeps_nobody_waiting(store: &dyn Store) {
    for n in 0..300 {
        let mut item = inbound(&format!("ada {n}"));
        item.account.id = "ADA".into();
        store.inbox_put(&item, at(1)).await.unwrap();
    }
    let mut item = inbound("grace");
    item.account.id = "GRACE".into();
    store.inbox_put(&item, at(2)).await.unwrap();
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().inbound.key, "ada 0");
    assert_eq!(store.inbox_next(ME, 1).await.unwrap().unwrap().inbound.key, "grace");
    assert_eq!(store.inbox_next(ME, 2).await.unwrap(), None);
}

pub async fn done_items_leave_only_their_key(store: &dyn Store) {
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    let item = store.inbox_next(ME, 0).await.unwrap().unwrap();
    store.commit(done(item.id)).await.unwrap();
    assert_eq!(store.inbox_next(ME, 0).await.unwrap(), None);
    assert_eq!(store.counts().await.unwrap().inbox, 0);
}

pub async fn finishing_an_item_twice_is_a_conflict(store: &dyn Store) {
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    let item = store.inbox_next(ME, 0).await.unwrap().unwrap();
    store.commit(done(item.id)).await.unwrap();
    let mut twice = done(item.id);
    twice.notes = vec![("name".into(), "value".into())];
    conflict(store.commit(twice).await);
    assert_eq!(store.note("name").await.unwrap(), None);
}
