//! Effects: how often, when, and by whom. Not here: the reference model of it all (`model`).

mod model;

pub use model::any_order_of_calls_matches_a_simple_model;

use super::samples::*;
use shipgate_app::effects::{Effect, Finish, NewEffect};
use shipgate_app::store::{Changes, Expect, Store};

fn once(key: &str, due: i64) -> NewEffect {
    NewEffect::once(key, Effect::Remind, at(due))
}

async fn ask(store: &dyn Store, effect: NewEffect) {
    store.commit(effects(vec![effect])).await.unwrap();
}

pub async fn once_is_once_for_ever(store: &dyn Store) {
    ask(store, once("say/1", 5)).await;
    ask(store, once("say/1", 0)).await;
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(5)));
    let leased = lease(store, 5).await.unwrap();
    assert_eq!((leased.key.as_str(), &leased.effect, leased.attempts), ("say/1", &Effect::Remind, 0));
    ask(store, once("say/1", 6)).await;
    store.commit(finishing(&leased, Finish::Done)).await.unwrap();
    ask(store, once("say/1", 7)).await;
    ask(store, NewEffect { key: "say/1".into(), ..judge_line("production", at(8)) }).await;
    assert_eq!(lease(store, 1_000).await, None);
    assert_eq!(store.effect_next_due(None).await.unwrap(), None);
}

pub async fn asking_again_while_it_waits_brings_it_forward(store: &dyn Store) {
    for due in [50, 20, 90] {
        ask(store, judge_line("production", at(due))).await;
    }
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(20)));
    let leased = lease(store, 20).await.unwrap();
    store.commit(finishing(&leased, Finish::Done)).await.unwrap();
    assert_eq!(lease(store, 1_000).await, None);
}

pub async fn asking_again_while_it_is_held_runs_it_again(store: &dyn Store) {
    for (finish, due) in [
        (Finish::Done, 70),
        (Finish::Again(at(90)), 70),
        (Finish::Again(at(60)), 60),
        (Finish::Retry { at: at(90), why: "no answer".into() }, 70),
        (Finish::Dead { why: "refused".into() }, 70),
    ] {
        ask(store, judge_line("production", at(0))).await;
        let leased = lease(store, 1).await.unwrap();
        ask(store, judge_line("production", at(80))).await;
        ask(store, judge_line("production", at(70))).await;
        assert_eq!(lease(store, 30).await, None, "it is held");
        store.commit(finishing(&leased, finish.clone())).await.unwrap();
        assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(due)), "{finish:?}");
        let again = lease(store, due).await.unwrap();
        store.commit(finishing(&again, Finish::Done)).await.unwrap();
        assert_eq!(store.effect_next_due(None).await.unwrap(), None);
    }
}

pub async fn asking_again_after_it_died_starts_anew(store: &dyn Store) {
    ask(store, judge_line("production", at(0))).await;
    let leased = lease(store, 1).await.unwrap();
    store.commit(finishing(&leased, Finish::Dead { why: "refused".into() })).await.unwrap();
    assert_eq!(store.counts().await.unwrap().effects_dead, 1);
    let asked = Changes { effects: vec![judge_line("production", at(20))], ..Changes::by(ME, at(15)) };
    store.commit(asked).await.unwrap();
    let again = lease(store, 20).await.unwrap();
    assert_eq!((again.attempts, again.asked), (0, at(15)));
    assert_eq!(store.counts().await.unwrap().effects_dead, 0);
}

pub async fn what_waits_is_enough_where_none_was_asked_for(store: &dyn Store) {
    let if_none = |due| NewEffect::if_none(Effect::JudgeLine { lock_group: "production".into() }, at(due));
    ask(store, judge_line("production", at(20))).await;
    ask(store, if_none(1)).await;
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(20)));
    let leased = lease(store, 20).await.unwrap();
    ask(store, if_none(2)).await;
    store.commit(finishing(&leased, Finish::Done)).await.unwrap();
    assert_eq!(store.effect_next_due(None).await.unwrap(), None, "it was at work");
    ask(store, if_none(30)).await;
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(30)), "it was over");
}

pub async fn nothing_is_leased_before_it_is_due(store: &dyn Store) {
    let nanosecond = jiff::SignedDuration::from_nanos(1);
    ask(store, judge_line("production", at(5) + nanosecond)).await;
    assert_eq!(lease(store, 5).await, None);
    let due = store.effect_next_due(None).await.unwrap().unwrap();
    assert!(due > at(5));
    assert!(store.effect_lease(ME, None, due, due, at(60)).await.unwrap().is_some());
}

pub async fn what_is_due_longest_comes_first(store: &dyn Store) {
    ask(store, once("c", 3)).await;
    ask(store, once("a", 1)).await;
    ask(store, once("b", 2)).await;
    for key in ["a", "b", "c"] {
        assert_eq!(lease(store, 10).await.unwrap().key, key);
    }
    assert_eq!(lease(store, 10).await, None);
}

pub async fn a_lane_gives_only_its_own_effects(store: &dyn Store) {
    use shipgate_app::effects::Lane;
    ask(store, judge_line("production", at(1))).await;
    assert_eq!(store.effect_next_due(Some(Lane::Chat)).await.unwrap(), None);
    assert_eq!(store.effect_lease(ME, Some(Lane::Chat), at(2), at(2), at(60)).await.unwrap(), None);
    assert_eq!(store.effect_next_due(Some(Lane::Work)).await.unwrap(), Some(at(1)));
    assert!(store.effect_lease(ME, Some(Lane::Work), at(2), at(2), at(60)).await.unwrap().is_some());
}

pub async fn a_lease_keeps_others_out_until_it_ends(store: &dyn Store) {
    ask(store, once("a", 0)).await;
    let first = lease(store, 0).await.unwrap();
    assert_eq!(store.effect_next_due(None).await.unwrap(), None, "somebody holds it");
    assert_eq!(lease(store, 59).await, None);
    let second = lease(store, 60).await.unwrap();
    assert_eq!((second.id, second.attempts), (first.id, 1));
    assert_ne!(second.token, first.token);
    store.commit(finishing(&second, Finish::Done)).await.unwrap();
}

pub async fn an_old_token_changes_nothing(store: &dyn Store) {
    ask(store, judge_line("production", at(0))).await;
    let old = lease(store, 0).await.unwrap();
    let new = lease(store, 100).await.unwrap();
    for finish in [Finish::Done, Finish::Again(at(1)), Finish::Dead { why: "late".into() }] {
        let mut late = finishing(&old, finish);
        late.notes = vec![("name".into(), "value".into())];
        conflict(store.commit(late).await);
    }
    assert_eq!(store.note("name").await.unwrap(), None);
    store.commit(finishing(&new, Finish::Done)).await.unwrap();
    conflict(store.commit(finishing(&new, Finish::Done)).await);
}

pub async fn a_lost_lease_stops_a_whole_write(store: &dyn Store) {
    ask(store, once("send/1", 0)).await;
    let old = lease(store, 0).await.unwrap();
    let expecting = |leased: &shipgate_app::effects::Leased| Changes {
        expect: vec![Expect::Lease { id: leased.id, token: leased.token }],
        deploys: vec![row(&deploy(1))],
        ..Changes::by(ME, at(1))
    };
    let new = lease(store, 100).await.unwrap();
    conflict(store.commit(expecting(&old)).await);
    assert_eq!(store.deploy(&deploy(1).id).await.unwrap(), None);
    store.commit(expecting(&new)).await.unwrap();
}

pub async fn a_retry_keeps_the_count_and_again_forgets_it(store: &dyn Store) {
    ask(store, judge_line("production", at(0))).await;
    for attempts in 0..3 {
        let leased = lease(store, 10).await.unwrap();
        assert_eq!((leased.attempts, leased.asked), (attempts, at(0)));
        let retry = Finish::Retry { at: at(5), why: "no answer".into() };
        store.commit(finishing(&leased, retry)).await.unwrap();
    }
    let leased = lease(store, 10).await.unwrap();
    store.commit(finishing(&leased, Finish::Again(at(7)))).await.unwrap();
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(7)));
    assert_eq!(lease(store, 10).await.unwrap().attempts, 0);
}

pub async fn waking_brings_forward_and_never_back(store: &dyn Store) {
    ask(store, once("a", 50)).await;
    ask(store, once("b", 70)).await;
    store.effect_wake("a", at(60)).await.unwrap();
    store.effect_wake("nobody", at(1)).await.unwrap();
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(50)));
    store.effect_wake("a", at(40)).await.unwrap();
    assert_eq!(store.effect_next_due(None).await.unwrap(), Some(at(40)));
    store.effects_wake_all(at(30)).await.unwrap();
    assert_eq!(lease(store, 30).await.unwrap().key, "a");
    assert_eq!(lease(store, 30).await.unwrap().key, "b");
}
