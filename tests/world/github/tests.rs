//! The GitHub model against the facts about GitHub, and the shape of its answers against the vendor's description.

use serde_json::{Value, json};

use super::*;
use crate::World;
use crate::probe::{StandIn, request};
use crate::sign::hmac_sha256_hex;
use crate::spec::schema;

const SHOP: &str = "acme/shop";

async fn world() -> World {
    let world = World::start().await.unwrap();
    world.github.add_repo(SHOP);
    world.github.add_workflow(SHOP, Workflow::deploy("deploy.yml"));
    world
}

async fn call(
    github: &GitHub,
    method: &str,
    path: &str,
    more: &[(&str, &str)],
    body: Value,
) -> crate::Delivery {
    let mut headers = vec![("authorization", "Bearer ghs_test"), ("user-agent", "shipgate-test")];
    headers.extend(more);
    request(method, &format!("{}{path}", github.url()), &headers, &body).await
}

async fn get(github: &GitHub, path: &str) -> crate::Delivery {
    call(github, "GET", path, &[], Value::Null).await
}

fn order(id: &str) -> Value {
    json!({"ref": "main", "inputs": {"deployment_id": id, "sha": "0".repeat(40)}})
}

const DISPATCHES: &str = "/repos/acme/shop/actions/workflows/deploy.yml/dispatches";
const MODERN: (&str, &str) = ("x-github-api-version", "2026-03-10");

async fn dispatch(github: &GitHub, id: &str) -> u64 {
    let answer = call(github, "POST", DISPATCHES, &[MODERN], order(id)).await;
    answer.json()["workflow_run_id"].as_u64().expect("the new API version answers with the run")
}

#[tokio::test]
async fn each_api_version_answers_a_dispatch_in_its_own_way() {
    let world = world().await;
    let github = &world.github;
    assert!(dispatch(github, "d1").await > 0);
    let old = [("x-github-api-version", "2022-11-28")];
    assert_eq!(call(github, "POST", DISPATCHES, &old, order("d2")).await.status, Some(204));
    let mut with_details = order("d3");
    with_details["return_run_details"] = json!(true);
    assert_eq!(call(github, "POST", DISPATCHES, &old, with_details.clone()).await.status, Some(200));
    github.set_legacy(true);
    assert_eq!(call(github, "POST", DISPATCHES, &old, with_details).await.status, Some(400));
    assert_eq!(call(github, "POST", DISPATCHES, &[MODERN], order("d4")).await.status, Some(400));
    assert_eq!(github.dispatches().len(), 3);
    assert_eq!(github.dispatches_accepted("deployment_id", "d3"), 1);
    assert_eq!(github.run(github.dispatches()[0].run).unwrap().title, "deploy d1");
}

#[tokio::test]
async fn wrong_inputs_are_refused_with_the_known_sentences() {
    let world = world().await;
    let sha = "a".repeat(40);
    let cases = [
        (json!({"ref": sha, "inputs": {}}), format!("No ref found for: {sha}")),
        (
            json!({"ref": "main", "inputs": {"sha": "x"}}),
            "Required input 'deployment_id' not provided".to_owned(),
        ),
        (
            json!({"ref": "main", "inputs": {"deployment_id": "d", "sha": "x", "colour": "red"}}),
            "Unexpected inputs provided: [\"colour\"]".to_owned(),
        ),
    ];
    for (body, message) in cases {
        let answer = call(&world.github, "POST", DISPATCHES, &[MODERN], body).await;
        assert_eq!((answer.status, answer.json()["message"].as_str()), (Some(422), Some(message.as_str())));
    }
    assert!(world.github.dispatches().is_empty());
}

#[tokio::test]
async fn a_dispatch_may_be_accepted_although_an_error_is_answered() {
    let world = world().await;
    world.github.faults().next("/dispatches", 1, Fault::ErrorAfter { status: 502 });
    assert_eq!(call(&world.github, "POST", DISPATCHES, &[MODERN], order("d1")).await.status, Some(502));
    assert_eq!(world.github.dispatches_accepted("deployment_id", "d1"), 1);
    world.github.faults().next("/dispatches", 1, Fault::DropBefore);
    assert_eq!(call(&world.github, "POST", DISPATCHES, &[MODERN], order("d2")).await.status, None);
    assert_eq!(world.github.dispatches_accepted("deployment_id", "d2"), 0);
}

#[tokio::test]
async fn a_new_run_is_listed_only_after_some_lists() {
    let world = world().await;
    world.github.set_list_lag(2);
    dispatch(&world.github, "d1").await;
    let path = "/repos/acme/shop/actions/workflows/deploy.yml/runs?event=workflow_dispatch&per_page=100";
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(get(&world.github, path).await.json()["total_count"].as_u64().unwrap());
    }
    assert_eq!(counts, [0, 0, 1]);
}

#[tokio::test]
async fn a_run_fails_in_its_step_and_the_log_says_so() {
    let world = world().await;
    let github = &world.github;
    github.plan(SHOP, "deploy.yml", Plan::failing("deploy", "Roll out", &["no space left on device"]));
    github.plan(SHOP, "deploy.yml", Plan::default());
    let id = dispatch(github, "d1").await;
    let ended = github.finish(id).await.unwrap();
    assert_eq!(ended.conclusion.as_deref(), Some("failure"));
    let jobs = get(github, &format!("/repos/acme/shop/actions/runs/{id}/jobs")).await.json();
    let failed = &jobs["jobs"][1];
    let conclusions: Vec<&Value> =
        failed["steps"].as_array().unwrap().iter().map(|s| &s["conclusion"]).collect();
    assert_eq!(conclusions, ["success", "failure", "skipped"]);

    let logs = get(github, &format!("/repos/acme/shop/actions/jobs/{}/logs", failed["id"])).await;
    assert_eq!(logs.status, Some(302));
    let place = logs.header("location").unwrap().to_owned();
    assert!(!place.starts_with(&github.url()), "logs live on another host");
    assert!(request("GET", &place, &[], &Value::Null).await.body.contains("no space left on device"));
    assert_eq!(
        request("GET", &place, &[("authorization", "Bearer ghs_test")], &Value::Null).await.status,
        Some(401)
    );
    assert_eq!(world.violations().len(), 1);

    let rerun = format!("/repos/acme/shop/actions/runs/{id}/rerun-failed-jobs");
    assert_eq!(call(github, "POST", &rerun, &[], Value::Null).await.status, Some(201));
    let again = github.finish(id).await.unwrap();
    assert_eq!((again.attempt, again.conclusion.as_deref()), (2, Some("success")));
}

#[tokio::test]
async fn a_cancel_is_asked_for_and_comes_later() {
    let world = world().await;
    let id = dispatch(&world.github, "d1").await;
    let cancel = format!("/repos/acme/shop/actions/runs/{id}/cancel");
    assert_eq!(call(&world.github, "POST", &cancel, &[], Value::Null).await.status, Some(202));
    assert_eq!(world.github.run(id).unwrap().status, "queued");
    assert_eq!(world.github.advance(id).await.unwrap().conclusion.as_deref(), Some("cancelled"));
    assert_eq!(call(&world.github, "POST", &cancel, &[], Value::Null).await.status, Some(409));
}

#[tokio::test]
async fn an_unchanged_answer_is_free() {
    let world = world().await;
    let first = get(&world.github, "/repos/acme/shop").await;
    let spent = world.github.spent();
    let etag = first.header("etag").unwrap().to_owned();
    let again =
        call(&world.github, "GET", "/repos/acme/shop", &[("if-none-match", &etag)], Value::Null).await;
    assert_eq!((again.status, world.github.spent()), (Some(304), spent));
}

#[tokio::test]
async fn an_empty_budget_refuses_until_the_reset() {
    let world = world().await;
    world.github.set_remaining(0);
    let refused = get(&world.github, "/repos/acme/shop").await;
    assert_eq!((refused.status, refused.header("x-ratelimit-remaining")), (Some(403), Some("0")));
    world.clock.advance(std::time::Duration::from_secs(3601));
    assert_eq!(get(&world.github, "/repos/acme/shop").await.status, Some(200));
}

#[tokio::test]
async fn long_lists_come_in_linked_pages() {
    let world = world().await;
    let sha = world.github.commit(SHOP, "main", "Many checks", "ann");
    for number in 0..120 {
        world.github.set_check(SHOP, &sha, &format!("check {number}"), Some("success"));
    }
    let first = get(&world.github, &format!("/repos/acme/shop/commits/{sha}/check-runs?per_page=100")).await;
    let link = first.header("link").unwrap();
    let next =
        link.split('<').nth(1).unwrap().split('>').next().unwrap().trim_start_matches(&world.github.url());
    let second = get(&world.github, next).await.json();
    assert_eq!(
        (first.json()["check_runs"].as_array().unwrap().len(), &second["total_count"]),
        (100, &json!(120))
    );
    assert_eq!(second["check_runs"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn histories_are_compared_by_their_common_past() {
    let world = world().await;
    let github = &world.github;
    let base = github.commit(SHOP, "main", "one", "ann");
    let head = github.commit(SHOP, "main", "two", "ben");
    let aside = github.commit_from(SHOP, std::slice::from_ref(&base), "aside", "eve");
    for (from, to, status) in [
        (&base, &head, "ahead"),
        (&head, &base, "behind"),
        (&base, &base, "identical"),
        (&head, &aside, "diverged"),
    ] {
        let compared = get(github, &format!("/repos/acme/shop/compare/{from}...{to}")).await.json();
        assert_eq!(compared["status"], status);
    }
}

#[tokio::test]
async fn moved_annotated_and_missing_tags_are_seen() {
    let world = world().await;
    let github = &world.github;
    let old = github.commit(SHOP, "main", "one", "ann");
    let new = github.commit(SHOP, "main", "two", "ann");
    github.set_tag(SHOP, "v1", &old);
    github.set_tag(SHOP, "v1", &new);
    assert_eq!(get(github, "/repos/acme/shop/git/ref/tags/v1").await.json()["object"]["sha"], new);
    github.set_annotated_tag(SHOP, "v2", &old, "Second");
    let object = get(github, "/repos/acme/shop/git/ref/tags%2Fv2").await.json()["object"].clone();
    assert_eq!(object["type"], "tag");
    let tag =
        get(github, &format!("/repos/acme/shop/git/tags/{}", object["sha"].as_str().unwrap())).await.json();
    assert_eq!(tag["object"]["sha"], old);
    assert_eq!(get(github, "/repos/acme/shop/git/ref/tags/v9").await.status, Some(404));
}

#[tokio::test]
async fn access_decides_between_403_and_404() {
    let world = world().await;
    world.github.set_access(SHOP, Access::Read);
    assert_eq!(call(&world.github, "POST", DISPATCHES, &[MODERN], order("d")).await.status, Some(403));
    world.github.set_access(SHOP, Access::None);
    assert_eq!(get(&world.github, "/repos/acme/shop").await.status, Some(404));
    let nobody = request(
        "GET",
        &format!("{}/repos/acme/shop", world.github.url()),
        &[("user-agent", "x")],
        &Value::Null,
    )
    .await;
    assert_eq!(nobody.status, Some(401));
    let anonymous = request("GET", &world.github.url(), &[], &Value::Null).await;
    assert_eq!(anonymous.status, Some(403));
}

#[tokio::test]
async fn answers_have_the_shape_of_the_vendors_description() {
    let Some(specs) = spec::specs() else { return };
    let world = world().await;
    let github = &world.github;
    let sha = github.commit(SHOP, "main", "Gift cards (#7)", "ann");
    github.set_tag(SHOP, "v1.2.3", &sha);
    github.add_pull(SHOP, &sha, 7, "Gift cards", "ann");
    github.set_check(SHOP, &sha, "test", Some("success"));
    github.set_check(SHOP, &sha, "lint", None);
    github.set_status(SHOP, &sha, "deploy-preview", "success");
    let run = dispatch(github, "d1").await;
    github.advance(run).await.unwrap();
    let job = get(github, &format!("/repos/acme/shop/actions/runs/{run}/jobs")).await.json()["jobs"][0]["id"]
        .clone();
    let repo = "/repos/{owner}/{repo}";
    let cases = [
        ("/rate_limit".to_owned(), "/rate_limit".to_owned()),
        ("/repos/acme/shop".into(), repo.into()),
        ("/repos/acme/shop/git/ref/tags/v1.2.3".into(), format!("{repo}/git/ref/{{ref}}")),
        (format!("/repos/acme/shop/commits/{sha}"), format!("{repo}/commits/{{ref}}")),
        (format!("/repos/acme/shop/commits/{sha}/check-runs"), format!("{repo}/commits/{{ref}}/check-runs")),
        (format!("/repos/acme/shop/commits/{sha}/status"), format!("{repo}/commits/{{ref}}/status")),
        (format!("/repos/acme/shop/commits/{sha}/pulls"), format!("{repo}/commits/{{commit_sha}}/pulls")),
        (format!("/repos/acme/shop/compare/main...{sha}"), format!("{repo}/compare/{{basehead}}")),
        ("/repos/acme/shop/branches".into(), format!("{repo}/branches")),
        ("/repos/acme/shop/branches/main".into(), format!("{repo}/branches/{{branch}}")),
        ("/repos/acme/shop/tags".into(), format!("{repo}/tags")),
        (
            "/repos/acme/shop/actions/workflows/deploy.yml".into(),
            format!("{repo}/actions/workflows/{{workflow_id}}"),
        ),
        (
            "/repos/acme/shop/actions/workflows/deploy.yml/runs".into(),
            format!("{repo}/actions/workflows/{{workflow_id}}/runs"),
        ),
        (format!("/repos/acme/shop/actions/runs/{run}"), format!("{repo}/actions/runs/{{run_id}}")),
        (format!("/repos/acme/shop/actions/runs/{run}/jobs"), format!("{repo}/actions/runs/{{run_id}}/jobs")),
        (format!("/repos/acme/shop/actions/jobs/{job}"), format!("{repo}/actions/jobs/{{job_id}}")),
    ];
    for (path, template) in cases {
        let answer = get(github, &path).await;
        assert_eq!(answer.status, Some(200), "{path}: {}", answer.body);
        let response =
            schema::resolve(&specs.github, &specs.github["paths"][&template]["get"]["responses"]["200"]);
        let shape = &response["content"]["application/json"]["schema"];
        assert!(shape.is_object(), "no description of {template}");
        assert_eq!(schema::check(&specs.github, shape, &answer.json()), Vec::<String>::new(), "{path}");
    }
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_app_gets_installation_tokens_that_work() {
    let world = world().await;
    let url = format!("{}/app/installations/4242/access_tokens", world.github.url());
    let headers = [("user-agent", "x"), ("authorization", "Bearer head.body.signature")];
    let made = request("POST", &url, &headers, &Value::Null).await;
    assert_eq!(made.status, Some(201));
    let bearer = format!("Bearer {}", made.json()["token"].as_str().unwrap());
    let headers = [("user-agent", "x"), ("authorization", bearer.as_str())];
    let read =
        request("GET", &format!("{}/repos/acme/shop", world.github.url()), &headers, &Value::Null).await;
    assert_eq!(read.status, Some(200));
}

async fn hooks_of(mode: HookMode) -> (World, Vec<Call>) {
    let world = world().await;
    let (stand_in, target) = StandIn::start().await;
    let run = world
        .github
        .dispatch_by_hand(SHOP, "deploy.yml", "main", &[("deployment_id", "d"), ("sha", "x")])
        .unwrap();
    world.set_target(&target);
    world.github.set_hook_mode(mode);
    world.github.advance(run).await.unwrap();
    world.github.release_hooks().await;
    let calls = locked(&stand_in.calls).clone();
    (world, calls)
}

fn actions(calls: &[Call]) -> Vec<String> {
    calls
        .iter()
        .map(|c| format!("{} {}", c.header("x-github-event").unwrap(), c.json()["action"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn webhooks_are_signed_and_in_order() {
    let (world, calls) = hooks_of(HookMode::Deliver).await;
    assert_eq!(
        actions(&calls),
        ["workflow_run requested", "workflow_run in_progress", "workflow_job in_progress"]
    );
    for call in &calls {
        let mac = hmac_sha256_hex(world.github.config().webhook_secret.as_bytes(), call.body.as_bytes());
        assert_eq!(call.header("x-hub-signature-256").unwrap(), format!("sha256={mac}"));
    }
}

#[tokio::test]
async fn webhooks_get_lost_doubled_reordered_and_forged_on_demand() {
    assert!(hooks_of(HookMode::Lose).await.1.is_empty());
    assert_eq!(hooks_of(HookMode::Duplicate).await.1.len(), 6);
    let held = hooks_of(HookMode::Hold).await.1;
    assert_eq!(actions(&held)[0], "workflow_job in_progress");
    let (world, forged) = hooks_of(HookMode::Forge).await;
    let mac = hmac_sha256_hex(world.github.config().webhook_secret.as_bytes(), forged[0].body.as_bytes());
    assert_ne!(forged[0].header("x-hub-signature-256").unwrap(), format!("sha256={mac}"));
}

#[tokio::test]
async fn webhooks_have_the_fields_of_the_vendors_examples() {
    let Some(examples) = spec::read("github_webhook_examples.json") else { return };
    let (_world, calls) = hooks_of(HookMode::Deliver).await;
    for (call, object) in [(&calls[0], "workflow_run"), (&calls[2], "workflow_job")] {
        let example = &examples[object][0][object];
        let ours = &call.json()[object];
        for name in example.as_object().unwrap().keys() {
            assert!(ours.get(name).is_some(), "{object} lacks {name}");
        }
    }
}
