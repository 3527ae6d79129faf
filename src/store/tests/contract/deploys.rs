//! Deploys: revisions, the one active place, lists. Not here: what a decision reads (`snapshot`).

use super::samples::*;
use shipgate_app::store::{Filter, Store};
use shipgate_domain::deploy::Deploy;

pub async fn a_deploy_reads_back_as_it_was_written(store: &dyn Store) {
    let one = pinned(deploy(1), commit('a'));
    store_at_once(store, &one).await;
    assert_eq!(store.deploy(&one.id).await.unwrap(), Some(one));
    assert_eq!(store.deploy(&deploy(2).id).await.unwrap(), None);
}

pub async fn a_second_deploy_with_the_same_id_is_a_conflict(store: &dyn Store) {
    let one = deploy(1);
    store.commit(deploys(&[&one])).await.unwrap();
    let mut other = one.clone();
    other.attempts = 7;
    conflict(store.commit(deploys(&[&other])).await);
    assert_eq!(store.deploy(&one.id).await.unwrap(), Some(one));
}

pub async fn a_write_on_an_old_revision_is_a_conflict(store: &dyn Store) {
    let first = deploy(1);
    let second = pinned(first.clone(), commit('a'));
    store.commit(deploys(&[&first])).await.unwrap();
    store.commit(deploys(&[&second])).await.unwrap();
    let late = pinned(first, commit('b'));
    conflict(store.commit(deploys(&[&late])).await);
    let mut early = second.clone();
    early.revision = 3;
    conflict(store.commit(deploys(&[&early])).await);
    assert_eq!(store.deploy(&second.id).await.unwrap(), Some(second));
}

pub async fn a_deploy_that_was_never_stored_cannot_be_replaced(store: &dyn Store) {
    let one = pinned(deploy(1), commit('a'));
    conflict(store.commit(deploys(&[&one])).await);
    assert_eq!(store.deploy(&one.id).await.unwrap(), None);
}

pub async fn two_active_deploys_of_one_lock_group_are_a_conflict(store: &dyn Store) {
    let (one, two) = (deploy(1), deploy(2));
    store.commit(deploys(&[&one, &two])).await.unwrap();
    store.commit(deploys(&[&dispatching(one)])).await.unwrap();
    let what = conflict(store.commit(deploys(&[&dispatching(two.clone())])).await);
    assert_eq!(what, "the environment's place");
    assert_eq!(store.deploy(&two.id).await.unwrap(), Some(two));
}

pub async fn lock_groups_do_not_disturb_each_other(store: &dyn Store) {
    let (one, two) = (deploy(1), deploy_to(2, "staging"));
    store.commit(deploys(&[&one, &two])).await.unwrap();
    store.commit(deploys(&[&dispatching(one), &dispatching(two)])).await.unwrap();
}

pub async fn one_write_may_hand_the_place_over(store: &dyn Store) {
    let (one, two) = (deploy(1), deploy(2));
    store.commit(deploys(&[&one, &two])).await.unwrap();
    let active = dispatching(one);
    store.commit(deploys(&[&active])).await.unwrap();
    let over = ended(active, "77", true, at(90), 30);
    store.commit(deploys(&[&dispatching(two.clone()), &over])).await.unwrap();
    assert!(store.deploy(&two.id).await.unwrap().unwrap().is_active());
}

pub async fn lists_are_newest_first_and_filtered(store: &dyn Store) {
    let old = ended(deploy(1), "70", true, at(50), 30);
    let mut bobs = deploy(2);
    bobs.request.by = "bob".parse().unwrap();
    let staging = deploy_to(3, "staging");
    let started = dispatching(deploy_to(4, "canary"));
    let new = deploy(5);
    for deploy in [&old, &bobs, &staging, &started, &new] {
        store_at_once(store, deploy).await;
    }
    let ids = |deploys: &[&Deploy]| deploys.iter().map(|deploy| deploy.id.clone()).collect::<Vec<_>>();
    let all = Filter { limit: 10, ..Filter::default() };
    let tests = [
        (all.clone(), ids(&[&new, &started, &staging, &bobs, &old])),
        (Filter { limit: 2, ..Filter::default() }, ids(&[&new, &started])),
        (Filter { service: Some("till".parse().unwrap()), ..all.clone() }, vec![]),
        (Filter { environment: Some(production()), ..all.clone() }, ids(&[&new, &bobs, &old])),
        (Filter { requester: Some("bob".parse().unwrap()), ..all.clone() }, ids(&[&bobs])),
        (Filter { only_open: true, ..all.clone() }, ids(&[&new, &started, &staging, &bobs])),
        (Filter { only_ran: true, ..all.clone() }, ids(&[&old])),
        (Filter { short_id: Some(bobs.id.short().into()), ..all.clone() }, ids(&[&bobs])),
        (Filter { short_id: Some(bobs.id.short()[2..].into()), ..all.clone() }, ids(&[&bobs])),
        (Filter { short_id: Some("%".into()), ..all.clone() }, vec![]),
        (Filter { only_open: true, environment: Some(production()), ..all.clone() }, ids(&[&new, &bobs])),
        (Filter { only_active: true, ..all.clone() }, ids(&[&started])),
        (Filter { above: Some(old.id.clone()), limit: 2, ..all.clone() }, ids(&[&bobs, &staging])),
        (Filter { above: Some(staging.id.clone()), only_open: true, ..all.clone() }, ids(&[&started, &new])),
        (Filter { above: Some(new.id.clone()), ..all }, vec![]),
    ];
    for (filter, expected) in tests {
        let found: Vec<_> =
            store.deploys(&filter).await.unwrap().into_iter().map(|deploy| deploy.id).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    assert_eq!(store.open_ids(10).await.unwrap(), ids(&[&new, &started, &staging, &bobs]));
    assert_eq!(store.open_ids(1).await.unwrap(), ids(&[&new]));
}

/// What was planned early and went live late is what runs there.
pub async fn what_ran_is_listed_by_its_end(store: &dyn Store) {
    let planned = ended(pinned(deploy(1), commit('a')), "71", true, at(90), 30);
    let quick = ended(pinned(deploy(2), commit('b')), "72", true, at(50), 30);
    let failed = ended(pinned(deploy(3), commit('c')), "73", false, at(70), 30);
    for deploy in [&planned, &quick, &failed] {
        store_at_once(store, deploy).await;
    }
    let ran = Filter { only_ran: true, limit: 10, ..Filter::default() };
    let found = store.deploys(&ran).await.unwrap();
    assert_eq!(found, [planned, failed, quick]);
    let newest = store.deploys(&Filter { limit: 1, ..ran }).await.unwrap();
    assert_eq!(newest[0].commit(), Some(&commit('a')));
}

pub async fn a_run_leads_to_the_deploy_that_is_not_over(store: &dyn Store) {
    let failed = ended(pinned(deploy(1), commit('a')), "77", false, at(50), 30);
    store_at_once(store, &failed).await;
    assert_eq!(store.deploy_of_run("github", "77").await.unwrap(), Some(failed.id));
    let rerun = deploy(2);
    store.commit(deploys(&[&rerun])).await.unwrap();
    store.commit(deploys(&[&running(rerun.clone(), "77", at(60))])).await.unwrap();
    assert_eq!(store.deploy_of_run("github", "77").await.unwrap(), Some(rerun.id));
    assert_eq!(store.deploy_of_run("github", "78").await.unwrap(), None);
    assert_eq!(store.deploy_of_run("command", "77").await.unwrap(), None);
}
