//! The loop: stories, and kills at seeded moments. `SHIPGATE_KILLS` says how many, `SHIPGATE_SEED` which. Not here:
//! the moments themselves (`killer`).

use crate::dice::Dice;
use crate::harness::Bot;
use crate::killer::{Shared, kill_and_start};
use crate::oracle;
use crate::people::People;
use crate::setup::{Transport, world};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        Err(_) => otherwise,
    }
}

async fn stories_with_kills(part: u64) {
    let seed = number("SHIPGATE_SEED", 2026) * 1000 + part;
    let kills = u32::try_from(number("SHIPGATE_KILLS", 72) / 2).expect("not that many");
    println!("{kills} kills, seed {seed}");
    let world = Arc::new(world().await);
    let bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let shared = Arc::new(Shared::default());
    let folder = bot.folder().to_owned();
    let killer = tokio::spawn(kill_and_start(bot, world.clone(), shared.clone(), Dice::new(seed), kills));
    let mut people = People::new(world.clone(), shared.clone(), folder);
    let mut n = 2;
    while n == 2 || !shared.is_spent.load(Ordering::SeqCst) {
        people.story(n).await;
        n += 1;
    }
    shared.is_over.store(true, Ordering::SeqCst);
    let bot = killer.await.expect("the bot came up after every kill");
    println!("{} deploys, of which {} were started by hand", people.asked.len(), people.by_hand.len());
    oracle::judge(&world, &people, bot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_the_story_goes_on_where_it_was() {
    stories_with_kills(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_other_moment_the_story_goes_on_too() {
    stories_with_kills(2).await;
}
