//! The database and the way to it fail under replicas that are at work: restarts, failovers, lost answers, half a
//! minute of nothing, a pooler that is started anew. Not here: replicas that fail (`pauses`, `contended`).

use crate::fleet::{Fleet, Plan};
use crate::proxy::Wire;
use crate::replica::{LOOK, PATIENCE, Replica};
use crate::settings::Transport;
use crate::stage::tell;
use crate::trouble::Done;
use shipgate_cluster::Cluster;
use std::time::{Duration, Instant};

/// A while in which people go on.
const WHILE: Duration = Duration::from_secs(3);

fn plan(database: &str, port: u16, replicas: usize) -> Plan {
    Plan { replicas, transport: Transport::Http, places: 3, database: Some(database.to_owned()), port }
}

/// Waits until a replica says that it is ready, or that it is not.
async fn says_ready(replica: &Replica, expected: bool) -> String {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let (status, said) = replica.get("/readyz").await;
        if (status == 200) == expected && status != 0 {
            return said;
        }
        assert!(Instant::now() < give_up, "/readyz says {status} {said}\n{}", replica.log());
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_killed_and_comes_back_and_the_work_goes_on() {
    let cluster = Cluster::start();
    let database = cluster.database();
    let fleet = Fleet::start(plan(database.name(), cluster.port(), 2)).await;
    tell(fleet, 11, 30, async |fleet, _, _| {
        for _ in 0..2 {
            tokio::time::sleep(WHILE).await;
            cluster.stop_immediately();
            cluster.start_again();
        }
        tokio::time::sleep(WHILE).await;
        cluster.restart();
        for replica in &fleet.replicas {
            says_ready(replica, true).await;
        }
        (fleet, Done::default())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_move_to_another_server_and_answers_that_are_lost_cost_nothing() {
    let database = Cluster::shared().database();
    let fleet = Fleet::start(plan(database.name(), Cluster::shared().port(), 2)).await;
    tell(fleet, 12, 40, async |fleet, _, _| {
        let wires: Vec<_> = fleet.replicas.iter().filter_map(|replica| replica.wire.as_ref()).collect();
        for _ in 0..3 {
            tokio::time::sleep(WHILE).await;
            // As at a failover: nobody is let in for a moment, everybody is thrown out.
            wires.iter().for_each(|wire| wire.set(Wire::Refused));
            wires.iter().for_each(|wire| wire.cut());
            tokio::time::sleep(Duration::from_millis(1500)).await;
            wires.iter().for_each(|wire| wire.set(Wire::Whole));
        }
        for wire in &wires {
            (0..20).for_each(|_| wire.swallow_next_commit());
        }
        let give_up = Instant::now() + PATIENCE;
        while wires.iter().any(|wire| wire.swallowed() < 20) {
            assert!(Instant::now() < give_up, "no answers to swallow");
            tokio::time::sleep(LOOK).await;
        }
        (fleet, Done { others: 43, ..Done::default() })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_for_half_a_minute_people_are_told_and_nothing_is_lost() {
    let database = Cluster::shared().database();
    let fleet = Fleet::start(plan(database.name(), Cluster::shared().port(), 2)).await;
    tell(fleet, 13, 30, async |fleet, _, _| {
        let wires: Vec<_> = fleet.replicas.iter().filter_map(|replica| replica.wire.as_ref()).collect();
        tokio::time::sleep(WHILE).await;
        let gone = Instant::now();
        wires.iter().for_each(|wire| wire.set(Wire::Refused));
        wires.iter().for_each(|wire| wire.cut());
        for replica in &fleet.replicas {
            let said = says_ready(replica, false).await;
            assert!(said.contains("store"), "{said}");
            assert_eq!(
                replica.get("/healthz").await.0,
                200,
                "a process without its database is not to be killed"
            );
        }
        // Somebody types into the dark, and hears that nothing was stored.
        let slack = &fleet.world.slack;
        let told = slack.slash("asks0", "deployments", "/shipgate", "status").await.expect("people exist");
        assert!(told.body.contains("could not store your command"), "{told:?}");
        tokio::time::sleep(Duration::from_secs(30).saturating_sub(gone.elapsed())).await;
        // By now every worker stands still, with whatever it had in its hand.
        for replica in &fleet.replicas {
            assert_eq!(replica.get("/readyz").await.0, 503, "{}", replica.log());
        }
        let told = slack.slash("asks0", "deployments", "/shipgate", "status").await.expect("people exist");
        assert!(told.body.contains("could not store your command"), "{told:?}");
        wires.iter().for_each(|wire| wire.set(Wire::Whole));
        for replica in &fleet.replicas {
            says_ready(replica, true).await;
        }
        (fleet, Done { partitions: 2, ..Done::default() })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_is_started_anew_is_not_noticed_by_people() {
    let cluster = Cluster::start();
    let database = cluster.database();
    let bouncer = cluster.bouncer();
    let fleet = Fleet::start(plan(database.name(), bouncer.port(), 2)).await;
    tell(fleet, 14, 30, async |fleet, _, _| {
        for _ in 0..3 {
            tokio::time::sleep(WHILE).await;
            cluster.restart_bouncer();
        }
        (fleet, Done::default())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_on_an_empty_database_agree_on_its_tables() {
    let mut fleets = Vec::new();
    let databases: Vec<_> = (0..3).map(|_| Cluster::shared().database()).collect();
    for database in &databases {
        fleets.push(Fleet::start(plan(database.name(), Cluster::shared().port(), 3)).await);
    }
    for fleet in fleets {
        for replica in &fleet.replicas {
            says_ready(replica, true).await;
        }
        // People of one place are enough to see that all of them work on the same tables.
        let stage = crate::stage::Stage::around(&fleet);
        crate::settings::release(&fleet.world, "v1.0.0");
        stage.people.say("asks0", "/deploy", "place0 v1.0.0").await;
        let id = stage.people.ledger.deploy_of("place0", "v1.0.0").await;
        stage.people.ledger.has(&id, "ended").await;
        stage.end(fleet).await;
    }
}
