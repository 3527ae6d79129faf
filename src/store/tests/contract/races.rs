//! Many at once: nothing is given out twice, of two who contradict each other one wins, and nobody waits for ever.
//! Not here: what a database does by itself when its connections break (`tests/postgres.rs`).

use super::samples::*;
use futures_util::future::join_all;
use shipgate_app::effects::Finish;
use shipgate_app::store::{Changes, Expect, Scope, Store, StoreError};
use shipgate_domain::audit::Verifier;
use shipgate_domain::deploy::{Outcome, State};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

const MANY: u32 = 8;

/// How many of the results are successes; the others must be conflicts.
fn winners(results: Vec<Result<(), StoreError>>) -> usize {
    let won = results.iter().filter(|result| result.is_ok()).count();
    results.into_iter().filter(Result::is_err).for_each(|lost| drop(conflict(lost)));
    won
}

pub async fn no_effect_is_leased_twice(store: &dyn Store) {
    let groups = 0..500;
    store
        .commit(effects(groups.clone().map(|n| judge_line(&format!("{n:03}"), at(n % 7))).collect()))
        .await
        .unwrap();
    let worker = |_| async {
        let mut mine = Vec::new();
        while let Some(leased) = lease(store, 10).await {
            mine.push(leased.key.clone());
            store.commit(finishing(&leased, Finish::Done)).await.unwrap();
        }
        mine
    };
    let taken: Vec<String> = join_all((0..MANY).map(worker)).await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 500);
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 500);
}

pub async fn of_those_who_saw_the_same_one_decides(store: &dyn Store) {
    let scope = Scope::Environment(production());
    for revision in 0..10 {
        let decision = |who| Changes {
            expect: vec![Expect::Scope(scope.clone(), revision), Expect::Scope(Scope::Freezes, 0)],
            touched: vec![scope.clone()],
            ..audited(vec![entry(&format!("decided_by_{who}"), None)])
        };
        let results = join_all((0..MANY).map(|who| store.commit(decision(who)))).await;
        assert_eq!(winners(results), 1, "at revision {revision}");
        assert_eq!(store.revision(&scope).await.unwrap(), revision + 1);
    }
    assert_eq!(store.audit(0, 100).await.unwrap().len(), 10);
}

pub async fn of_those_who_want_a_place_one_gets_it(store: &dyn Store) {
    let all: Vec<_> = (1..=8).map(deploy).collect();
    store.commit(deploys(&all.iter().collect::<Vec<_>>())).await.unwrap();
    let waiting: Vec<_> = all.into_iter().map(|one| pinned(one, commit('a'))).collect();
    store.commit(deploys(&waiting.iter().collect::<Vec<_>>())).await.unwrap();
    let active: Vec<_> = waiting.into_iter().map(dispatching).collect();
    let results = join_all(active.iter().map(|one| store.commit(deploys(&[one])))).await;
    assert_eq!(winners(results), 1);
    assert_eq!(store.surroundings(&about(None)).await.unwrap().active.len(), 1);
}

/// The start of an older request and the newer one that takes its place, decided on the same snapshot: in both orders the
/// first is written whole, and the second not at all.
pub async fn of_a_start_and_what_takes_its_place_one_is_written(store: &dyn Store) {
    for (n, start_comes_first) in [(1, true), (3, false)] {
        let environment = format!("place-{n}");
        let scope = Scope::Environment(environment.parse().unwrap());
        let both = [deploy_to(n, &environment), deploy_to(n + 1, &environment)];
        store.commit(deploys(&[&both[0], &both[1]])).await.unwrap();
        let [older, newer] = both.map(|one| pinned(one, commit('a')));
        store.commit(deploys(&[&older, &newer])).await.unwrap();
        let revision = store.revision(&scope).await.unwrap();
        let decided = |changes: Changes| Changes {
            expect: vec![Expect::Scope(scope.clone(), revision)],
            touched: vec![scope.clone()],
            ..changes
        };
        let start = || decided(deploys(&[&dispatching(older.clone())]));
        let replace = || {
            let (mut over, mut after) = (older.clone(), newer.clone());
            over.state =
                State::Done { outcome: Outcome::Superseded { by: newer.named() }, at: at(100), ran: None };
            after.replaces.push(older.named());
            over.revision += 1;
            after.revision += 1;
            decided(deploys(&[&over, &after]))
        };
        let (first, second) = if start_comes_first { (start(), replace()) } else { (replace(), start()) };
        store.commit(first).await.unwrap();
        conflict(store.commit(second).await);
        let (older, newer) = (
            store.deploy(&older.id).await.unwrap().unwrap(),
            store.deploy(&newer.id).await.unwrap().unwrap(),
        );
        assert_eq!(older.is_active(), start_comes_first);
        assert_eq!(older.is_done(), !start_comes_first);
        assert_eq!(newer.replaces.len(), usize::from(!start_comes_first), "all of it or nothing");
    }
}

pub async fn of_those_who_expect_no_note_one_writes_it(store: &dyn Store) {
    let first = |who: u32| Changes {
        expect: vec![Expect::Note("name".into(), None)],
        notes: vec![("name".into(), who.to_string())],
        ..Changes::by(ME, at(1))
    };
    let results = join_all((0..MANY).map(|who| store.commit(first(who)))).await;
    let winner = results.iter().position(Result::is_ok).unwrap();
    assert_eq!(winners(results), 1);
    assert_eq!(store.note("name").await.unwrap(), Some(winner.to_string()));
}

pub async fn the_audit_chain_has_no_gap_and_no_fork(store: &dyn Store) {
    let writer = |who: u32| async move {
        for n in 0..10 {
            let entries = vec![entry(&format!("{who}_{n}_a"), None), entry(&format!("{who}_{n}_b"), None)];
            store.commit(audited(entries)).await.unwrap();
        }
    };
    join_all((0..MANY).map(writer)).await;
    let log = store.audit(0, 1_000).await.unwrap();
    let mut verifier = Verifier::default();
    log.iter().for_each(|row| verifier.check(row).unwrap());
    assert_eq!(verifier.head().0, u64::from(MANY) * 20);
}

/// Each holds what the next one asks for.
pub async fn those_who_meet_crosswise_all_get_through(store: &dyn Store) {
    let names: Vec<String> = (0..MANY).map(|n| format!("{n}")).collect();
    store.commit(effects(names.iter().map(|name| judge_line(name, at(0))).collect())).await.unwrap();
    let worker = |who: u32| {
        let names = &names;
        async move {
            for round in 0..5 {
                let Some(leased) = lease(store, 10).await else { continue };
                let mut asked: Vec<_> = names.iter().map(|name| judge_line(name, at(5))).collect();
                asked.rotate_left(who as usize);
                if (who + round).is_multiple_of(2) {
                    asked.reverse();
                }
                let mut scopes = vec![Scope::Freezes, Scope::Environment(production())];
                scopes.rotate_left(who as usize % 2);
                let mut changes = finishing(&leased, Finish::Done);
                (changes.effects, changes.touched) = (asked, scopes);
                changes.notes = vec![(format!("{}", round % 2), "1".into()), ("x".into(), "2".into())];
                if who.is_multiple_of(2) {
                    changes.notes.reverse();
                }
                changes.audit = vec![entry("met", None)];
                store.commit(changes).await.unwrap();
            }
        }
    };
    join_all((0..MANY).map(worker)).await;
    assert_eq!(store.counts().await.unwrap().effects, u64::from(MANY));
}

pub async fn accounts_keep_their_order_whoever_works(store: &dyn Store) {
    for n in 0..40 {
        let mut item = inbound(&format!("{n:02}"));
        item.account.id = format!("U{}", n % 5);
        store.inbox_put(&item, at(1)).await.unwrap();
    }
    let (at_work, done) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeMap::<_, Vec<_>>::new()));
    let worker = |who: u32| {
        let (at_work, done) = (&at_work, &done);
        async move {
            loop {
                let left = store.counts().await.unwrap().inbox;
                let Some(item) = store.inbox_next(ME, who).await.unwrap() else {
                    if left == 0 {
                        break;
                    }
                    // Those who are at work get on with it.
                    tokio::task::yield_now().await;
                    continue;
                };
                let account = item.inbound.account.id.clone();
                assert!(at_work.lock().unwrap().insert(account.clone()), "{account} is worked on twice");
                done.lock().unwrap().entry(account.clone()).or_default().push(item.inbound.key);
                tokio::task::yield_now().await;
                at_work.lock().unwrap().remove(&account);
                let changes = Changes { inbox_done: Some(item.id), ..Changes::by(ME, at(2)) };
                store.commit(changes).await.unwrap();
            }
        }
    };
    join_all((0..MANY).map(worker)).await;
    let done = done.into_inner().unwrap();
    assert_eq!(done.values().map(Vec::len).sum::<usize>(), 40);
    for (account, keys) in done {
        assert!(keys.is_sorted(), "{account}: {keys:?}");
    }
}
