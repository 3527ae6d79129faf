//! A little steady load: everything is acknowledged, and what was acknowledged is there after a kill. Not here: how fast
//! (`bench/soak`), and kills at every moment (`tests/kill`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use shipgate_bench::arrive::{self, Arrivals};
use shipgate_bench::check;
use shipgate_bench::line::{ACME, Said, signed};
use std::net::SocketAddr;
use std::time::Duration;

const EACH_SECOND: u32 = 20;
const SECONDS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_under_load_is_there_after_a_kill() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let to: SocketAddr = bot.address().parse().expect("host and port");
    let slack: SocketAddr = world.slack.url().trim_start_matches("http://").parse().expect("host and port");
    let outcome = tokio::task::spawn_blocking(move || {
        let command = |number| {
            let said = Said { user: "U0ADA", command: "/shipgate", text: "status", number, slack };
            signed(ACME, to, &said)
        };
        let arrivals = Arrivals::Each { second: EACH_SECOND };
        arrive::run(to, arrivals, 8, Duration::from_secs(SECONDS), &command)
    });
    let outcome = outcome.await.expect("the generator ends");
    assert_eq!(outcome.failed, Vec::<String>::new());
    let due = usize::try_from(SECONDS).expect("few") * EACH_SECOND as usize;
    assert_eq!(outcome.acknowledged.len(), due);
    bot.crash().await;
    let missing = check::missing("sqlite://shipgate.db", "", bot.folder(), &outcome.acknowledged);
    assert_eq!(missing.expect("the database can be read"), 0);
    let other = check::missing("sqlite://shipgate.db", "", bot.folder(), &[[7; 32]]);
    assert_eq!(other.expect("the database can be read"), 1, "what was never sent is not there");
}
