//! Replicas are replaced one after the other while people go on: with the same rules, and with new ones. Not here:
//! replicas that die (`contended`).

use crate::fleet::{Fleet, Plan};
use crate::settings::Transport;
use crate::stage::tell;
use crate::trouble::Done;
use shipgate_cluster::Cluster;
use std::time::Duration;

const ASIDE: &str = "a replica with newer rules is here";
/// A rule that was not there before.
const NEW_RULE: &str = "[environments.later]\ndeployers = [\"askers0\"]\nchecks = \"none\"\n";

async fn starts_and_stops(fleet: &mut Fleet, number: usize, more: &str) {
    let stopped = fleet.replicas[number].terminate().await;
    assert!(stopped.success(), "it did not stop well: {stopped}\n{}", fleet.replicas[number].log());
    fleet.write_settings(number, more);
    fleet.run(number).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rules_come_with_new_replicas_and_the_old_ones_stand_aside_until_they_are_stopped() {
    let database = Cluster::shared().database();
    let port = Cluster::shared().bouncer().port();
    let name = Some(database.name().to_owned());
    let plan = Plan { replicas: 3, transport: Transport::Http, places: 3, database: name, port };
    let mut fleet = Fleet::prepare(plan).await;
    fleet.write_settings(2, NEW_RULE);
    fleet.run(0).await;
    fleet.run(1).await;
    tell(fleet, 21, 40, async |mut fleet, _, _| {
        tokio::time::sleep(Duration::from_secs(4)).await;
        fleet.run(2).await;
        // Both take in; the work is the new one's.
        for number in [0, 1] {
            fleet
                .until("the old replica stands aside", |_| {
                    fleet.replicas[number].log().contains(ASIDE).then_some(())
                })
                .await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        starts_and_stops(&mut fleet, 0, NEW_RULE).await;
        starts_and_stops(&mut fleet, 1, NEW_RULE).await;
        // And once more with the same rules.
        for number in 0..3 {
            starts_and_stops(&mut fleet, number, NEW_RULE).await;
            assert!(!fleet.replicas[(number + 1) % 3].log().contains(ASIDE), "{}", fleet.picture());
        }
        (fleet, Done { others: 5, ..Done::default() })
    })
    .await;
}
