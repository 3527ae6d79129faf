//! People who contend for the same places while replicas are killed, suspended and cut off. `SHIPGATE_REPLICA_COMMANDS`
//! and `SHIPGATE_REPLICA_KILLS` say how much of it in all, `SHIPGATE_SEED` which. Not here: single troubles.

use crate::fleet::{Fleet, Plan};
use crate::settings::Transport;
use crate::stage::tell;
use crate::trouble;
use shipgate_cluster::Cluster;

/// How many of the tests below share the work.
const PARTS: u64 = 3;
/// A longer run is several stories, each with a database of its own.
const COMMANDS_OF_A_STORY: u64 = 300;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        Err(_) => otherwise,
    }
}

/// What is told in one of the tests below.
struct Stories {
    count: u64,
    commands: u64,
    kills: u64,
    seed: u64,
}

fn stories_of(part: u64) -> Stories {
    let commands = number("SHIPGATE_REPLICA_COMMANDS", 540) / PARTS;
    let kills = number("SHIPGATE_REPLICA_KILLS", 24) / PARTS;
    let seed = number("SHIPGATE_SEED", 2026) * 1000 + part * 100;
    Stories { count: commands.div_ceil(COMMANDS_OF_A_STORY).max(1), commands, kills, seed }
}

impl Stories {
    async fn tell(&self, story: u64, fleet: Fleet) {
        // The first stories have what cannot be divided.
        let share = |all: u64| {
            let share = all / self.count + u64::from(story < all % self.count);
            usize::try_from(share).expect("not that many")
        };
        let (commands, kills, seed) = (share(self.commands), share(self.kills), self.seed + story);
        println!("story {} of {}: {commands} commands, {kills} kills, seed {seed}", story + 1, self.count);
        let troubles = async |fleet, people, dice| trouble::make(fleet, people, dice, kills).await;
        tell(fleet, seed, commands, troubles).await;
    }
}

/// Two or three replicas, straight to the server or behind the pooler.
async fn contend(part: u64, replicas: usize, transport: Transport, port: u16) {
    let stories = stories_of(part);
    for story in 0..stories.count {
        let database = Cluster::shared().database();
        let plan = Plan { replicas, transport, places: 6, database: Some(database.name().to_owned()), port };
        stories.tell(story, Fleet::start(plan).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_lose_and_double_nothing() {
    contend(0, 2, Transport::Http, Cluster::shared().port()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_behind_a_pooler_lose_and_double_nothing() {
    contend(1, 3, Transport::Http, Cluster::shared().bouncer().port()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_on_sockets_lose_and_double_nothing() {
    contend(2, 3, Transport::Socket, Cluster::shared().port()).await;
}
