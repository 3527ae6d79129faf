//! A small model of effects in memory, and random calls that must have the same answers on both. Not here: single rules.

use crate::samples::{at, effects, finishing, judge_line};
use shipgate_app::effects::{Effect, Finish, Leased, NewEffect, Repeat};
use shipgate_app::store::{Epoch, Store, StoreError};

const CALLS: u32 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Pending,
    Done,
    Dead,
}

#[derive(Clone, Debug)]
struct Known {
    key: String,
    repeat: Repeat,
    stand: Stand,
    due: i64,
    again: Option<i64>,
    attempts: u32,
    token: i64,
    held_until: Option<i64>,
}

/// Effects in the order in which they were first asked for. Times are seconds.
#[derive(Debug, Default)]
struct Model {
    all: Vec<Known>,
}

impl Model {
    fn ask(&mut self, new: &NewEffect, due: i64) {
        let Some(known) = self.all.iter_mut().find(|known| known.key == new.key) else {
            let repeat = if new.repeat == Repeat::Once { Repeat::Once } else { Repeat::Whenever };
            let key = new.key.clone();
            let fresh = (Stand::Pending, None, 0, 0, None);
            let (stand, again, attempts, token, held_until) = fresh;
            return self.all.push(Known { key, repeat, stand, due, again, attempts, token, held_until });
        };
        if known.repeat == Repeat::Once {
            return;
        }
        match known.stand {
            Stand::Pending if new.repeat == Repeat::IfNone => {}
            Stand::Pending if known.held_until.is_some() => known.bring_again(due),
            Stand::Pending => known.due = known.due.min(due),
            Stand::Done | Stand::Dead => {
                (known.stand, known.due, known.attempts) = (Stand::Pending, due, 0);
            }
        }
    }

    fn lease(&mut self, now: i64, until: i64, token: i64) -> Option<(String, u32)> {
        let free = |known: &&mut Known| {
            known.stand == Stand::Pending
                && known.due <= now
                && known.held_until.is_none_or(|held| held <= now)
        };
        let known = self.all.iter_mut().filter(free).min_by_key(|known| known.due)?;
        known.again = known.again.filter(|again| *again > now);
        known.held_until = Some(until);
        known.token = token;
        known.attempts += 1;
        Some((known.key.clone(), known.attempts - 1))
    }

    /// Whether the token was still good.
    fn finish(&mut self, key: &str, token: i64, finish: &Finish) -> bool {
        let known = self.all.iter_mut().find(|known| known.key == key).expect("it was leased");
        if known.token != token || known.held_until.is_none() {
            return false;
        }
        known.held_until = None;
        match (finish, known.again.take()) {
            (Finish::Done, None) => known.stand = Stand::Done,
            (Finish::Dead { .. }, None) => known.stand = Stand::Dead,
            (Finish::Done | Finish::Dead { .. }, Some(again)) => (known.due, known.attempts) = (again, 0),
            (Finish::Again(then), again) => {
                (known.due, known.attempts) = (earlier(seconds(*then), again), 0);
            }
            (Finish::Retry { at, .. }, again) => known.due = earlier(seconds(*at), again),
        }
        true
    }

    fn wake(&mut self, key: &str, now: i64) {
        for known in self.all.iter_mut().filter(|known| known.key == key && known.stand == Stand::Pending) {
            match (known.held_until, known.repeat) {
                (None, _) => known.due = known.due.min(now),
                (Some(_), Repeat::Whenever | Repeat::IfNone) => known.bring_again(now),
                (Some(_), Repeat::Once) => {}
            }
        }
    }

    fn next_due(&self) -> Option<i64> {
        let free =
            self.all.iter().filter(|known| known.stand == Stand::Pending && known.held_until.is_none());
        free.map(|known| known.due).min()
    }
}

impl Known {
    fn bring_again(&mut self, due: i64) {
        self.again = Some(earlier(due, self.again));
    }
}

fn earlier(due: i64, again: Option<i64>) -> i64 {
    again.map_or(due, |again| again.min(due))
}

fn seconds(then: jiff::Timestamp) -> i64 {
    then.as_second() - at(0).as_second()
}

/// The same throws every time (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap() % limit
    }
}

async fn enter(store: &dyn Store, now: i64) -> Epoch {
    store.replica_enter("rules", at(now), at(now + 1_000_000)).await.unwrap()
}

pub async fn any_order_of_calls_matches_a_simple_model(store: &dyn Store) {
    let (mut model, mut dice, mut now) = (Model::default(), Dice(2_026), 0);
    let mut leases: Vec<Leased> = Vec::new();
    let mut holder = enter(store, now).await;
    for call in 0..CALLS {
        now += dice.below(4);
        let due = now + dice.below(30) - 5;
        let name = format!("g{}", dice.below(6));
        match dice.below(12) {
            0..4 => {
                let mut new = judge_line(&name, at(due));
                if dice.below(4) == 0 {
                    new.repeat = Repeat::IfNone;
                }
                store.commit(effects(vec![new.clone()])).await.unwrap();
                model.ask(&new, due);
            }
            4 => {
                let new = NewEffect::once(format!("once/{}", call / 40), Effect::Remind, at(due));
                store.commit(effects(vec![new.clone()])).await.unwrap();
                model.ask(&new, due);
            }
            5..8 => {
                let until = now + dice.below(20);
                let leased = store.effect_lease(holder, None, at(now), at(now), at(until)).await.unwrap();
                let got = leased.as_ref().map(|leased| (leased.key.clone(), leased.attempts));
                let expected = model.lease(now, until, leased.as_ref().map_or(0, |leased| leased.token));
                // Of two that are due since the same instant, the one that was asked for first comes first.
                assert_eq!(got, expected, "call {call}");
                leases.extend(leased);
            }
            8..11 if !leases.is_empty() => {
                let count = i64::try_from(leases.len()).unwrap();
                let leased = leases.swap_remove(usize::try_from(dice.below(count)).unwrap());
                let finish = match dice.below(4) {
                    0 => Finish::Again(at(due)),
                    1 => Finish::Retry { at: at(due), why: "no answer".into() },
                    2 => Finish::Dead { why: "refused".into() },
                    _ => Finish::Done,
                };
                let written = match store.commit(finishing(&leased, finish.clone())).await {
                    Ok(()) => true,
                    Err(StoreError::Conflict { .. }) => false,
                    Err(error) => panic!("call {call}: {error}"),
                };
                assert_eq!(written, model.finish(&leased.key, leased.token, &finish), "call {call}");
            }
            8..11 => {
                let key = judge_line(&name, at(0)).key;
                store.effect_wake(&key, at(due)).await.unwrap();
                model.wake(&key, due);
            }
            _ if dice.below(8) == 0 => {
                store.replica_leave(holder).await.unwrap();
                holder = enter(store, now).await;
                model.all.iter_mut().for_each(|known| known.held_until = None);
            }
            _ => {
                store.effects_wake_all(at(due)).await.unwrap();
                let pending = model.all.iter_mut().filter(|known| known.stand == Stand::Pending);
                pending.for_each(|known| known.due = known.due.min(due));
            }
        }
        let next = store.effect_next_due(None).await.unwrap().map(seconds);
        assert_eq!(next, model.next_due(), "call {call}");
    }
    let counts = store.counts().await.unwrap();
    let count = |stand| model.all.iter().filter(|known| known.stand == stand).count() as u64;
    assert_eq!((counts.effects, counts.effects_dead), (count(Stand::Pending), count(Stand::Dead)));
}
