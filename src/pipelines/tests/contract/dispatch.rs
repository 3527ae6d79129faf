//! The one dispatch against every answer of INVARIANTS 5.4.4. Not here: what follows from the classification.

use crate::fake::{DEPLOY, Fake, FakeClock, plan};
use jiff::SignedDuration;
use serde_json::Value;
use shipgate_app::ports::{Pipelines, Sent};
use shipgate_domain::run::{RunPlan, Start};
use shipgate_pipelines::github::{DispatchForm, GitHub, GitHubAuth, GitHubSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const POST: &str = "POST /repos/acme/api/actions/workflows/deploy.yml/dispatches";

async fn sent_to(status: u16, headers: &[(&str, &str)], body: &str) -> Sent {
    let fake = Fake::start().await;
    let github = fake.adapter(&FakeClock::new());
    fake.script(POST, status, headers, body);
    let sent = github.send(&plan()).await;
    assert_eq!(fake.lock().seen.len(), 1, "sent once, whatever the answer");
    sent
}

#[tokio::test]
async fn every_answer_is_classified_and_none_is_sent_again() {
    assert!(
        matches!(sent_to(200, &[], r#"{"workflow_run_id":5}"#).await, Sent::Started(run) if run.id.as_str() == "5")
    );
    assert_eq!(sent_to(204, &[], "").await, Sent::Accepted);
    assert_eq!(sent_to(200, &[], "{}").await, Sent::Accepted);
    assert!(matches!(sent_to(200, &[], "{\"workflow_ru").await, Sent::Unknown { .. }));
    for status in [401, 403, 404, 422] {
        assert!(
            matches!(sent_to(status, &[], r#"{"message":"no"}"#).await, Sent::Refused { .. }),
            "{status}"
        );
    }
    for status in [301, 302, 307, 408, 409, 429, 500, 502, 503, 504] {
        let sent = sent_to(status, &[("location", "/elsewhere")], "").await;
        assert!(matches!(sent, Sent::Unknown { .. }), "{status}: {sent:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_not_sent_and_says_how_long_to_wait() {
    let not_sent = |sent| match sent {
        Sent::NotSent { after, .. } => after,
        other => panic!("{other:?}"),
    };
    let after = not_sent(sent_to(429, &[("retry-after", "30")], "").await);
    assert_eq!(after, Some(SignedDuration::from_secs(30)));
    let body = r#"{"message":"You have exceeded a secondary rate limit"}"#;
    assert_eq!(not_sent(sent_to(403, &[], body).await), Some(SignedDuration::from_mins(1)));
}

#[tokio::test]
async fn a_refusal_repeats_what_github_said_harmlessly_and_says_what_to_do() {
    let sent = sent_to(422, &[], "{\"message\":\"No ref found for: main\\u001b[31m\"}").await;
    let Sent::Refused { why } = sent else { panic!("{sent:?}") };
    assert_eq!(
        why,
        "GitHub refused to start deploy.yml (422: “No ref found for: main[31m”): create the branch main or correct `ref` in shipgate.toml"
    );
}

#[tokio::test]
async fn an_older_server_is_asked_in_an_older_way_the_next_time() {
    let fake = Fake::start().await;
    let github = fake.adapter(&FakeClock::new());
    fake.script(POST, 400, &[], r#"{"message":"return_run_details is not a permitted key"}"#);
    assert!(matches!(github.send(&plan()).await, Sent::NotSent { .. }));
    assert_eq!(github.dispatch_form(), DispatchForm::Never);
    assert!(matches!(github.send(&plan()).await, Sent::Started(_)));
    let bodies: Vec<Value> =
        fake.lock().seen.iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect();
    assert_eq!(bodies[0]["return_run_details"], true);
    assert_eq!(bodies[1].get("return_run_details"), None);
    fake.script(POST, 400, &[], "{}");
    assert!(matches!(github.send(&plan()).await, Sent::Refused { .. }));
}

#[tokio::test]
async fn the_request_names_the_deploy_and_asks_for_the_newest_form() {
    let fake = Fake::start().await;
    let auth = GitHubAuth::Token("ghs_test".into());
    let settings = GitHubSettings { api_url: fake.url.clone(), auth, dispatch: Some(DispatchForm::Always) };
    GitHub::new(settings, FakeClock::new()).unwrap().send(&plan()).await;
    let seen = fake.lock().seen[0].clone();
    assert_eq!(seen.headers["user-agent"], format!("shipgate/0.1.0 ({DEPLOY})").as_str());
    assert_eq!(seen.headers["x-github-api-version"], "2026-03-10");
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body, serde_json::json!({ "ref": "main", "inputs": { "deployment_id": DEPLOY } }));
}

#[tokio::test]
async fn a_rerun_is_accepted_without_naming_a_new_run() {
    let fake = Fake::start().await;
    fake.add_run(7, "deploy");
    let start = Start::FailedJobs { run: "7".parse().unwrap(), attempt: 1 };
    let sent = fake.adapter(&FakeClock::new()).send(&RunPlan { start, ..plan() }).await;
    assert_eq!(sent, Sent::Accepted);
    assert_eq!(fake.count("POST", "/actions/runs/7/rerun-failed-jobs"), 1);
}

async fn github_at(url: String) -> GitHub {
    let settings = GitHubSettings { api_url: url, auth: GitHubAuth::Token("t".into()), dispatch: None };
    GitHub::new(settings, FakeClock::new()).unwrap()
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let sent = github_at(url).await.send(&plan()).await;
    assert!(matches!(sent, Sent::NotSent { .. }), "{sent:?}");
}

#[tokio::test]
async fn a_tls_handshake_that_fails_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream)
        }
    });
    let sent = github_at(url).await.send(&plan()).await;
    assert!(matches!(sent, Sent::NotSent { .. }), "{sent:?}");
}

#[tokio::test]
async fn a_connection_that_ends_after_the_request_is_unknown_and_tried_once() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"workflow"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            drop(stream);
            (count, listener)
        });
        let sent = github_at(url).await.send(&plan()).await;
        assert!(matches!(sent, Sent::Unknown { .. }), "{sent:?}");
        let (count, listener) = server.await.unwrap();
        assert!(count > 0);
        let again =
            std::future::poll_fn(|context| std::task::Poll::Ready(listener.poll_accept(context).is_ready()));
        assert!(!again.await, "nobody came a second time");
    }
}
