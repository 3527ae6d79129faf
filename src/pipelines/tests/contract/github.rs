//! GitHub behind the contract: following, finding, limits, tokens. Not here: the dispatch's table (`dispatch`).

use crate::fake::{DEPLOY, Fake, FakeClock, plan};
use crate::suite::{self, World};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shipgate_app::ports::{Clock, OutsideError, Pipelines};
use shipgate_domain::ids::DeployId;
use shipgate_domain::run::{Conclusion, Run, RunPlan, Standing, Start};
use shipgate_pipelines::github::{GitHub, GitHubAuth};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

struct Hosted {
    fake: Fake,
    clock: Arc<FakeClock>,
    github: Arc<GitHub>,
    sent: AtomicU8,
}

impl Hosted {
    async fn start() -> Self {
        let (fake, clock) = (Fake::start().await, FakeClock::new());
        let github = fake.adapter(&clock);
        Self { fake, clock, github, sent: AtomicU8::new(0) }
    }

    fn id(&self, plan: &RunPlan) -> u64 {
        let inner = self.fake.lock();
        let title = format!("deploy {}", plan.deploy);
        *inner.runs.iter().find(|(_, run)| run["display_title"] == title.as_str()).unwrap().0
    }
}

#[async_trait]
impl World for Hosted {
    fn pipelines(&self) -> &dyn Pipelines {
        self.github.as_ref()
    }

    fn plan(&self) -> RunPlan {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let deploy = DeployId::new(self.clock.now(), [number; 10]);
        RunPlan { inputs: [("deployment_id".to_owned(), deploy.to_string())].into(), deploy, ..plan() }
    }

    async fn begun(&self, plan: &RunPlan) {
        self.fake.set(self.id(plan), "in_progress", None);
        self.clock.advance(60);
    }

    async fn end(&self, plan: &RunPlan, is_good: bool) {
        let id = self.id(plan);
        self.fake.set(id, "completed", Some(if is_good { "success" } else { "failure" }));
        let log = "2026-03-06T15:00:00.1234567Z boom\n2026-03-06T15:00:00.2234567Z ##[error]exit 1\n";
        let request = format!("GET /repos/acme/api/actions/jobs/{}/logs", id + 500_000);
        self.fake.script(&request, 200, &[], log);
        self.clock.advance(60);
    }
}

fn run(id: u64) -> Run {
    Run { id: id.to_string().parse().unwrap(), attempt: 1, url: None }
}

#[tokio::test]
async fn github_keeps_the_contract_of_runs() {
    suite::runs(&Hosted::start().await).await;
}

#[tokio::test]
async fn an_older_server_that_names_no_run_keeps_the_contract_too() {
    let world = Hosted::start().await;
    world.fake.lock().is_naming_runs = false;
    suite::runs(&world).await;
}

#[tokio::test]
async fn finding_looks_at_every_page_and_only_at_full_ids() {
    let world = Hosted::start().await;
    world.fake.add_run(1, &format!("deploy production {DEPLOY}"));
    world.fake.add_run(2, &format!("deploy {}", &DEPLOY[..25]));
    for id in 3..250 {
        world.fake.add_run(id, "nightly");
    }
    let found = world.github.find(&plan(), world.clock.now()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id.as_str(), "1");
    let seen = world.fake.lock().seen.clone();
    assert_eq!(seen.len(), 3);
    assert!(
        seen[0].query.contains("event=workflow_dispatch&created=%3E%3D2026-03-06T14:55:00Z&per_page=100")
    );
    assert!(!seen[0].query.contains("branch") && !seen[0].query.contains("status"));
}

/// A deploy and what GitHub says of the run that it is bound to, once it is called this.
async fn read_when_called(start: Start, title: &str) -> Result<Standing, OutsideError> {
    let world = Hosted::start().await;
    world.fake.add_run(7, &format!("deploy {DEPLOY}"));
    world.fake.set(7, "completed", Some("success"));
    let plan = RunPlan { start, ..plan() };
    world.github.read(&plan, &run(7)).await.unwrap();
    world.fake.lock().runs.get_mut(&7).unwrap()["display_title"] = title.into();
    world.clock.advance(120);
    world.github.touch(7);
    world.github.read(&plan, &run(7)).await.map(|report| report.progress.standing)
}

#[tokio::test]
async fn a_bound_run_that_turns_out_to_be_another_deploys_is_not_believed() {
    let other = DeployId::new(Timestamp::UNIX_EPOCH, [7; 10]);
    let title = format!("deploy production {other}");
    let Err(OutsideError::Refused { why }) = read_when_called(Start::New, &title).await else {
        panic!("it was believed")
    };
    assert!(why.contains("run 7") && why.contains(other.short()), "{why}");
}

#[tokio::test]
async fn a_bound_run_may_have_a_title_without_an_id_and_a_rerun_the_first_deploys() {
    let other = DeployId::new(Timestamp::UNIX_EPOCH, [7; 10]);
    let again = Start::FailedJobs { run: "7".parse().unwrap(), attempt: 1 };
    for (start, title) in [
        (Start::New, "Deploy".to_owned()),
        (Start::New, format!("production {DEPLOY}")),
        (Start::New, format!("after {other}: {DEPLOY}")),
        (again, format!("deploy {other}")),
    ] {
        assert!(read_when_called(start, &title).await.is_ok(), "{title}");
    }
}

#[tokio::test]
async fn a_rerun_is_proven_by_a_higher_attempt() {
    let world = Hosted::start().await;
    world.fake.add_run(7, "deploy");
    let start = Start::FailedJobs { run: "7".parse().unwrap(), attempt: 1 };
    let plan = RunPlan { start, ..plan() };
    assert!(world.github.find(&plan, Timestamp::UNIX_EPOCH).await.unwrap().is_empty());
    world.github.send(&plan).await;
    let found = world.github.find(&plan, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!((found.len(), found[0].attempt), (1, 2));
}

#[tokio::test]
async fn an_unchanged_run_costs_nothing_and_a_webhook_is_seen_at_once() {
    let world = Hosted::start().await;
    world.fake.add_run(7, "deploy");
    world.fake.set(7, "in_progress", None);
    world.github.read(&plan(), &run(7)).await.unwrap();
    let before = world.fake.paid();
    for _ in 0..20 {
        world.clock.advance(30);
        world.github.read(&plan(), &run(7)).await.unwrap();
    }
    assert_eq!(world.fake.paid(), before);
    world.fake.set(7, "completed", Some("success"));
    world.github.touch(7);
    let report = world.github.read(&plan(), &run(7)).await.unwrap();
    assert_eq!(report.progress.standing, Standing::Ended(Conclusion::Success));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_does_not_hide_the_result() {
    let world = Hosted::start().await;
    world.fake.add_run(7, "deploy");
    world.fake.set(7, "completed", Some("failure"));
    let report = world.github.read(&plan(), &run(7)).await.unwrap();
    assert_eq!(report.progress.standing, Standing::Ended(Conclusion::Failure));
    let failed = report.progress.failed.unwrap();
    assert_eq!((failed.step.as_deref(), failed.log.len()), (Some("Push"), 0));
}

#[tokio::test]
async fn the_token_does_not_travel_to_the_host_of_the_logs() {
    let world = Hosted::start().await;
    let elsewhere = Fake::start().await;
    elsewhere.script("GET /blob", 200, &[], "boom\n");
    world.fake.add_run(7, "deploy");
    world.fake.set(7, "completed", Some("failure"));
    let location = format!("{}/blob", elsewhere.url);
    world.fake.script("GET /repos/acme/api/actions/jobs/500007/logs", 302, &[("location", &location)], "");
    let report = world.github.read(&plan(), &run(7)).await.unwrap();
    assert_eq!(report.progress.failed.unwrap().log, ["boom"]);
    let seen = elsewhere.lock().seen.clone();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].headers.get("authorization").is_none());
    assert!(world.fake.lock().seen.iter().all(|seen| seen.headers["authorization"] == "Bearer ghs_test"));
}

#[tokio::test]
async fn a_used_up_limit_pauses_reads_until_it_is_reset() {
    let world = Hosted::start().await;
    world.fake.add_run(7, "deploy");
    let reset = (world.clock.now().as_second() + 600).to_string();
    let headers = [
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", reset.as_str()),
    ];
    world.fake.script("GET /repos/acme/api/actions/runs/7", 403, &headers, "{}");
    for _ in 0..3 {
        let Err(OutsideError::Later { after, .. }) = world.github.read(&plan(), &run(7)).await else {
            panic!("reads pause")
        };
        assert_eq!(after, Some(SignedDuration::from_secs(600)));
    }
    assert_eq!(world.fake.lock().seen.len(), 1);
    world.clock.advance(600);
    world.github.read(&plan(), &run(7)).await.unwrap();
}

#[tokio::test]
async fn an_app_mints_one_token_and_renews_a_refused_one_once() {
    let world = Hosted::start().await;
    let key = include_str!("test_key.pem").to_owned();
    let auth = GitHubAuth::App { app_id: "12".into(), private_key: key.into() };
    let github = world.fake.adapter_with(auth, &world.clock);
    world.fake.put("/installation", json!({ "id": 4242 }));
    world.fake.add_run(7, "deploy");
    for token in ["first", "second"] {
        let body = json!({ "token": token, "expires_at": "2026-03-06T16:00:00Z" }).to_string();
        world.fake.script("POST /app/installations/4242/access_tokens", 201, &[], &body);
    }
    github.identify(&plan(), "7").await.unwrap();
    world.clock.advance(120);
    world.fake.script("GET /repos/acme/api/actions/runs/7", 401, &[], "{}");
    github.identify(&plan(), "7").await.unwrap();
    let seen = world.fake.lock().seen.clone();
    let tokens: Vec<_> = seen
        .iter()
        .filter(|seen| seen.path.ends_with("/runs/7"))
        .map(|seen| seen.headers["authorization"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer first", "Bearer first", "Bearer second"]);
    let claim = seen[0].headers["authorization"].to_str().unwrap();
    assert_eq!(claim.strip_prefix("Bearer ").unwrap().split('.').count(), 3);
}
