//! What a decision reads in one snapshot, and counts. Not here: the decision.

use super::samples::*;
use jiff::SignedDuration;
use shipgate_app::store::{Counts, Filter, Store};

pub async fn surroundings_show_who_is_active_and_who_waits(store: &dyn Store) {
    let (active, waits, over) = (dispatching(deploy(1)), deploy(2), ended(deploy(3), "7", true, at(50), 9));
    let elsewhere = deploy_to(4, "staging");
    for deploy in [&active, &waits, &over, &elsewhere] {
        store_at_once(store, deploy).await;
    }
    let seen = store.surroundings(&about(None)).await.unwrap();
    assert_eq!((seen.active, seen.waiting), (vec![active], vec![waits]));
}

pub async fn surroundings_know_how_a_commit_fared(store: &dyn Store) {
    let before = async |digit| store.surroundings(&about(Some(commit(digit)))).await.unwrap().before;
    assert_eq!(before('a').await, None);
    let well = ended(pinned(deploy_to(1, "staging"), commit('a')), "1", true, at(50), 9);
    let badly = ended(pinned(deploy_to(2, "staging"), commit('a')), "2", false, at(60), 9);
    let mut never_ran = ended(pinned(deploy_to(3, "staging"), commit('a')), "3", false, at(70), 9);
    if let shipgate_domain::deploy::State::Done { ran, .. } = &mut never_ran.state {
        *ran = None;
    }
    store_at_once(store, &well).await;
    assert_eq!(before('a').await, Some((at(50), true)));
    store_at_once(store, &badly).await;
    store_at_once(store, &never_ran).await;
    assert_eq!(before('a').await, Some((at(60), false)));
    assert_eq!(before('b').await, None);

    let known = async |digit| store.surroundings(&about(Some(commit(digit)))).await.unwrap().known_here;
    assert!(!known('a').await);
    store_at_once(store, &ended(pinned(deploy(4), commit('a')), "4", true, at(80), 9)).await;
    assert!(known('a').await);
    assert!(!known('b').await);
}

pub async fn the_last_successes_tell_how_long_they_took(store: &dyn Store) {
    let usual = async || store.surroundings(&about(None)).await.unwrap().took;
    assert_eq!(usual().await, []);
    // The first is pushed out by newer ones, the failure never counts: 10, 9, … 1 seconds remain.
    store_at_once(store, &ended(deploy(0), "0", true, at(900), 9_999)).await;
    store_at_once(store, &ended(deploy(30), "30", false, at(2_000), 9_999)).await;
    for n in 1..=10u8 {
        store_at_once(store, &ended(deploy(n), "1", true, at(1_000 + i64::from(n)), i64::from(n))).await;
    }
    let newest_first: Vec<_> = (1..=10).rev().map(SignedDuration::from_secs).collect();
    assert_eq!(usual().await, newest_first);
}

pub async fn counts_tell_what_waits(store: &dyn Store) {
    assert_eq!(store.counts().await.unwrap(), Counts::default());
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    store.commit(effects(vec![judge_line("a", at(0)), judge_line("b", at(0))])).await.unwrap();
    store.commit(deploys(&[&deploy(1), &deploy(2)])).await.unwrap();
    store_at_once(store, &ended(deploy(3), "3", true, at(80), 9)).await;
    let leased = lease(store, 1).await.unwrap();
    let dead = shipgate_app::effects::Finish::Dead { why: "no such channel".into() };
    store.commit(finishing(&leased, dead)).await.unwrap();
    let expected = Counts { inbox: 1, inbox_dead: 0, effects: 1, effects_dead: 1, open_deploys: 2 };
    assert_eq!(store.counts().await.unwrap(), expected);
}

/// However a command of the team's own ends, it says nothing about what runs where.
pub async fn an_action_never_says_what_runs_where(store: &dyn Store) {
    let seen = async || {
        let seen = store.surroundings(&about(Some(commit('a')))).await.unwrap();
        (seen.before, seen.before_is_open, seen.known_here, seen.took)
    };
    let nothing = (None, false, false, Vec::new());
    assert_eq!(seen().await, nothing);
    for (n, environment, well) in [(1, "staging", true), (2, "production", true), (3, "staging", false)] {
        let done = ended(pinned(action(deploy_to(n, environment)), commit('a')), "1", well, at(50), 9);
        store_at_once(store, &done).await;
        assert_eq!(store.deploy(&done.id).await.unwrap(), Some(done), "it is kept all the same");
    }
    store_at_once(store, &pinned(action(deploy_to(4, "staging")), commit('a'))).await;
    assert_eq!(seen().await, nothing);
    let all = Filter { limit: 9, ..Filter::default() };
    assert_eq!(store.deploys(&all).await.unwrap().len(), 4, "history shows it");
    assert!(store.deploys(&Filter { only_ran: true, ..all }).await.unwrap().is_empty());
}
