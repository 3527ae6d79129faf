//! What following many runs costs, counted in requests over an hour of a clock that a test moves. Not here: time.

use crate::fake::{Fake, FakeClock, plan};
use jiff::SignedDuration;
use serde_json::json;
use shipgate_app::ports::{Clock as _, Pipelines as _};
use shipgate_domain::run::{Run, Standing};

const RUNS: u64 = 1_000;
const EVERY_SECONDS: i64 = 30;

/// Each run waits, works and ends within the hour, each at its own time.
fn status_at(run: u64, second: i64) -> &'static str {
    let begins = i64::try_from(run).unwrap() * 2;
    match second {
        s if s < begins => "queued",
        s if s < begins + 1_500 => "in_progress",
        _ => "completed",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_running_deploys_stay_within_the_hourly_limit_and_a_minute_behind() {
    let (fake, clock) = (Fake::start().await, FakeClock::new());
    let github = fake.adapter(&clock);
    let began = clock.now();
    for id in 1..=RUNS {
        fake.add_run(id, "deploy");
    }
    let mut second = 0;
    while second < 3_600 {
        for id in 1..=RUNS {
            let status = status_at(id, second);
            if fake.lock().runs[&id]["status"] != status {
                fake.set(id, status, (status == "completed").then_some("success"));
                let at = began + SignedDuration::from_secs(second);
                fake.lock().runs.get_mut(&id).unwrap()["updated_at"] = json!(at.to_string());
            }
        }
        for id in 1..=RUNS {
            let run = Run { id: id.to_string().parse().unwrap(), attempt: 1, url: None };
            let standing = github.read(&plan(), &run).await.unwrap().progress.standing;
            let seen = match standing {
                Standing::Queued => "queued",
                Standing::Ended(_) => "completed",
                _ => "in_progress",
            };
            let (now, a_minute_ago) = (status_at(id, second), status_at(id, (second - 60).max(0)));
            assert!(seen == now || seen == a_minute_ago, "run {id} at {second} s: {seen}, not {now}");
        }
        clock.advance(EVERY_SECONDS);
        second += EVERY_SECONDS;
    }
    let paid = fake.paid();
    println!("{RUNS} runs read every {EVERY_SECONDS} s for an hour: {paid} requests of 5000 that count");
    assert!(paid <= 5_000, "{paid} requests");
}
