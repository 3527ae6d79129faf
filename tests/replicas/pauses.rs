//! A replica that dies or stands still in the middle of something: the other takes its work over, and what the first
//! still does when it wakes up changes nothing. Not here: many of that at random (`contended`).

use crate::fleet::{Fleet, Plan};
use crate::settings::{self, Transport};
use crate::stage::Stage;
use crate::trouble::LONGER_THAN_LIFE;
use shipgate_cluster::{Cluster, Database};
use shipgate_world::Fault;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const FOR_EVER_MS: u64 = 100_000;
const PLACE: &str = "place0";
const TAKEN_FOR_DEAD: &str = "was taken for dead: it enters anew";

async fn two_replicas(database: &Database<'_>, places: usize) -> Fleet {
    let plan = Plan {
        replicas: 2,
        transport: Transport::Http,
        places,
        database: Some(database.name().to_owned()),
        port: Cluster::shared().port(),
    };
    let mut fleet = Fleet::prepare(plan).await;
    fleet.run(0).await;
    fleet
}

/// Replica 0 is in the middle of a request to GitHub, for the deploy of this version, and replica 1 has come up.
async fn in_the_middle_of(
    fleet: &mut Fleet,
    stage: &Stage,
    request: &str,
    fault: Fault,
    version: &str,
) -> String {
    settings::release(&fleet.world, version);
    fleet.world.github.faults().next(request, 1, fault);
    let seen = fleet.world.github.call_count();
    stage.people.say("asks0", "/deploy", &format!("{PLACE} {version}")).await;
    fleet
        .until("the request is under way", |world| {
            let calls = world.github.calls_after(seen);
            calls.iter().any(|call| call.status.is_none() && call.path.contains(request)).then_some(())
        })
        .await;
    let id = stage.people.ledger.deploy_of(PLACE, version).await;
    fleet.run(1).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_replica_was_doing_is_done_by_another() {
    let database = Cluster::shared().database();
    let mut fleet = two_replicas(&database, 1).await;
    let stage = Stage::around(&fleet);
    // Looking a version up; and a start whose answer never came.
    for (request, version, fault) in [
        ("v1.0.0", "v1.0.0", Fault::Slow { ms: FOR_EVER_MS }),
        ("/dispatches", "v2.0.0", Fault::SlowAfter { ms: FOR_EVER_MS }),
    ] {
        let id = in_the_middle_of(&mut fleet, &stage, request, fault, version).await;
        let killed = Instant::now();
        fleet.replicas[0].kill9();
        stage.people.ledger.has(&id, "bound").await;
        println!("took over {request} after {:.1} s", killed.elapsed().as_secs_f64());
        stage.people.ledger.has(&id, "ended").await;
        // The other way round for the next one.
        let stopped = fleet.replicas[1].terminate().await;
        assert!(stopped.success(), "{stopped}");
        fleet.run(0).await;
    }
    fleet.run(1).await;
    stage.end(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_wakes_up_after_it_was_buried_changes_nothing_and_enters_anew() {
    let database = Cluster::shared().database();
    let mut fleet = two_replicas(&database, 1).await;
    let stage = Stage::around(&fleet);
    let hold = Fault::Slow { ms: FOR_EVER_MS };
    let id = in_the_middle_of(&mut fleet, &stage, "v1.0.0", hold, "v1.0.0").await;
    fleet.replicas[0].suspend();
    fleet.balancer.take_out(0);
    stage.people.ledger.has(&id, "ended").await;
    assert!(!fleet.replicas[0].log().contains(TAKEN_FOR_DEAD));
    fleet.replicas[0].go_on();
    fleet
        .until("replica 0 learns that it was buried", |_| {
            fleet.replicas[0].log().contains(TAKEN_FOR_DEAD).then_some(())
        })
        .await;
    fleet.joins(0).await;
    assert_eq!(fleet.replicas[0].figure("shipgate_epochs_ended_total").await, 1.0);
    assert_eq!(fleet.world.github.dispatches().len(), 1);
    // Alone, it does its work as before.
    fleet.replicas[1].kill9();
    settings::release(&fleet.world, "v2.0.0");
    stage.people.say("asks0", "/deploy", &format!("{PLACE} v2.0.0")).await;
    let id = stage.people.ledger.deploy_of(PLACE, "v2.0.0").await;
    stage.people.ledger.has(&id, "ended").await;
    fleet.run(1).await;
    stage.end(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_was_held_up_while_its_sender_stood_still_is_found_and_not_sent_again() {
    let database = Cluster::shared().database();
    let mut fleet = two_replicas(&database, 1).await;
    let stage = Stage::around(&fleet);
    // GitHub takes it only after replica 1 has taken over and has looked for it.
    let held_ms = u64::try_from(LONGER_THAN_LIFE.as_millis()).expect("it is short") + 6_000;
    let id = in_the_middle_of(&mut fleet, &stage, "/dispatches", Fault::Slow { ms: held_ms }, "v1.0.0").await;
    fleet.replicas[0].suspend();
    fleet.balancer.take_out(0);
    stage.people.ledger.has(&id, "send_unknown").await;
    stage.people.ledger.has(&id, "ended").await;
    assert_eq!(fleet.world.github.dispatches().len(), 1);
    fleet.replicas[0].go_on();
    fleet.joins(0).await;
    stage.end(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_works_every_other_second_is_slow_and_not_dead() {
    let database = Cluster::shared().database();
    let mut fleet = two_replicas(&database, 1).await;
    fleet.run(1).await;
    let stage = Stage::around(&fleet);
    let people = stage.people.clone();
    let round = tokio::spawn(people.round(0, 1, crate::dice::Dice::new(7)));
    for _ in 0..10 {
        fleet.replicas[0].suspend();
        tokio::time::sleep(Duration::from_secs(1)).await;
        fleet.replicas[0].go_on();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    round.await.expect("the round comes to its end");
    for replica in &fleet.replicas {
        assert!(!replica.log().contains(TAKEN_FOR_DEAD), "{}", replica.log());
    }
    stage.end(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_turn_in_a_suspended_replica_is_not_said_by_it_when_it_wakes_up() {
    let database = Cluster::shared().database();
    let places = 5;
    let mut fleet = two_replicas(&database, places).await;
    let stage = Stage::around(&fleet);
    // More cards than may be posted at once: the last ones are drawn and wait for their turn.
    for place in 0..places {
        for number in 0..3 {
            let version = format!("v{place}.{number}.0");
            settings::release(&fleet.world, &version);
            let text = format!("{} {version}", settings::place_name(place));
            stage.people.say(&settings::people(place)[0], "/deploy", &text).await;
        }
    }
    fleet
        .until("the burst is posted and the rest waits", |world| {
            (world.slack.messages(settings::DEPLOYMENTS).len() >= 6).then_some(())
        })
        .await;
    fleet.replicas[0].suspend();
    fleet.balancer.take_out(0);
    fleet.run(1).await;
    for place in 0..places {
        stage.people.clear(place).await;
    }
    // The other has said everything before this one wakes up.
    for id in stage.people.ledger.lives().keys() {
        fleet.until("a card", |world| crate::people::card(world, id)).await;
    }
    fleet.replicas[0].go_on();
    fleet.joins(0).await;
    stage.end(fleet).await;
}
