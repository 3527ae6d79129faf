//! The loop: stories, and kills at seeded moments. `SHIPGATE_KILLS` says how many, `SHIPGATE_SEED` which. Not here:
//! the moments themselves (`killer`).

use crate::dice::Dice;
use crate::harness::Bot;
use crate::killer::{Shared, kill_and_start, kill_at};
use crate::oracle;
use crate::people::People;
use crate::points::{self, Ledger};
use crate::program::with_points;
use crate::setup::{Transport, world};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;

/// Kills of one world; then a new one begins, with an empty database.
const KILLS_OF_A_WORLD: u64 = 36;
/// Worlds side by side. Most of a life is waiting.
const SIDE_BY_SIDE: usize = 20;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        Err(_) => otherwise,
    }
}

/// What the killer does.
enum Kills {
    /// So many, at moments of this seed.
    Seeded(u32, u64),
    /// One, at this point.
    At(String),
}

/// Returns how many deploys there were.
async fn stories_with_kills(kills: Kills, program: PathBuf, ledger: Arc<Ledger>) -> usize {
    let world = Arc::new(world().await);
    // Only over HTTP does whoever sends learn at once whether it was taken, and send again what was not.
    let mut bot = Bot::prepared(&world, Transport::Http, |_| {});
    bot.use_program(program);
    bot.run().await;
    bot.kill9();
    let shared = Arc::new(Shared::default());
    let folder = bot.folder().to_owned();
    let (for_killer, with_people) = (world.clone(), shared.clone());
    let killer = tokio::spawn(async move {
        match kills {
            Kills::Seeded(kills, seed) => {
                kill_and_start(bot, for_killer, with_people, ledger, Dice::new(seed), kills).await
            }
            Kills::At(point) => kill_at(bot, for_killer, with_people, ledger, point).await,
        }
    });
    let mut people = People::new(world.clone(), shared.clone(), folder);
    let mut n = 2;
    while n == 2 || !shared.is_spent.load(Ordering::SeqCst) {
        people.story(n).await;
        n += 1;
    }
    shared.is_over.store(true, Ordering::SeqCst);
    let bot = killer.await.expect("the bot came up after every kill");
    oracle::judge(&world, &people, bot).await;
    people.asked.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_any_moment_the_story_goes_on_where_it_was() {
    let kills = number("SHIPGATE_KILLS", 500);
    let wanted = if kills >= 10_000 { 50 } else { kills / 500 };
    let (program, first) = (with_points(), number("SHIPGATE_SEED", 2026) * 100_000);
    let ledger = Arc::new(Ledger::new());
    let (mut worlds, mut deploys, mut begun, mut part) = (JoinSet::new(), 0, 0, 0);
    loop {
        if begun < kills && worlds.len() < SIDE_BY_SIDE {
            let now = KILLS_OF_A_WORLD.min((kills - begun).max(KILLS_OF_A_WORLD / 2));
            (begun, part) = (begun + now, part + 1);
            let now = u32::try_from(now).expect("not that many");
            worlds.spawn(stories_with_kills(
                Kills::Seeded(now, first + part),
                program.clone(),
                ledger.clone(),
            ));
            continue;
        }
        let Some(ended) = worlds.join_next().await else { break };
        deploys += ended.expect("a story is true to its end");
    }
    // Chance seldom finds points that a story comes by late, between so many deaths: each gets a story of its own.
    for round in 0..wanted {
        for missed in ledger.below(round + 1) {
            (begun, part) = (begun + 1, part + 1);
            worlds.spawn(stories_with_kills(Kills::At(missed), program.clone(), ledger.clone()));
        }
        while let Some(ended) = worlds.join_next().await {
            deploys += ended.expect("a story is true to its end");
        }
    }
    println!("{begun} kills in {part} worlds, {deploys} deploys, none twice, none lost");
    println!("{}", ledger.report());
    let missed = ledger.below(wanted);
    assert!(missed.is_empty(), "points that fewer than {wanted} kills found: {missed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_its_very_first_start_it_starts_the_next_time() {
    let program = with_points();
    for point in ["open/locked", "migrate/step", "migrate/done", "open/buried", "start/entered", "start/done"]
    {
        let world = world().await;
        let mut bot = Bot::prepared(&world, Transport::Http, |_| {});
        bot.use_program(program.clone());
        bot.arm("SHIPGATE_KILL_AT", &format!("{point}:1"));
        assert!(!bot.run_or_end().await, "it did not come by {point}\n{}", bot.log());
        bot.disarm();
        bot.run().await;
        bot.deploy("ada", "staging", "v1.2.3").await;
        bot.end(&world).await;
    }
}

#[test]
fn there_are_at_least_sixty_points() {
    let all = points::all();
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "a point is listed twice");
    assert!(all.len() >= 60, "only {}", all.len());
}
