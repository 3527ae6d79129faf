//! Webhook deliveries: signed, small, and only hints. Not here: what a hint leads to.

use crate::fake::{Fake, FakeClock};
use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use sha2::Sha256;
use shipgate_domain::policy::Provider;
use shipgate_pipelines::github::webhooks::{Hint, Hints, routes};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Noted(Mutex<Vec<Hint>>);

#[async_trait]
impl Hints for Noted {
    async fn hint(&self, hint: Hint) {
        self.0.lock().unwrap().push(hint);
    }
}

struct Door {
    url: String,
    noted: Arc<Noted>,
}

impl Door {
    async fn open() -> Self {
        let noted = Arc::new(Noted::default());
        let github = Fake::start().await.adapter(&FakeClock::new());
        let secrets = vec!["old".to_owned().into(), "new".to_owned().into()];
        let app = routes(github, secrets, Arc::clone(&noted) as _);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/github/webhooks", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, noted }
    }

    async fn deliver(&self, event: &str, kind: &str, body: Vec<u8>, secret: &str) -> u16 {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body);
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        let request = http::Request::post(&self.url)
            .header("x-github-event", event)
            .header("content-type", kind)
            .header("x-hub-signature-256", signature)
            .body(Full::new(bytes::Bytes::from(body)))
            .unwrap();
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        status
    }
}

const JSON: &str = "application/json";

#[tokio::test]
async fn a_signed_delivery_is_a_hint_in_both_forms() {
    let door = Door::open().await;
    let body =
        json!({ "action": "completed", "workflow_run": { "id": 7, "display_title": "deploy\u{202e} X" } });
    assert_eq!(door.deliver("workflow_run", JSON, body.to_string().into(), "old").await, 202);
    let body = json!({ "workflow_job": { "run_id": 8, "workflow_name": "Deploy" } }).to_string();
    let form: String = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &body).finish();
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(door.deliver("workflow_job", kind, form.into(), "new").await, 202);
    let hint =
        |run: &str, title: &str| Hint { provider: Provider::Github, run: run.into(), title: title.into() };
    assert_eq!(*door.noted.0.lock().unwrap(), [hint("7", "deploy X"), hint("8", "Deploy")]);
}

#[tokio::test]
async fn what_is_not_signed_or_too_large_is_not_read() {
    let door = Door::open().await;
    let body = json!({ "workflow_run": { "id": 7 } }).to_string();
    assert_eq!(door.deliver("workflow_run", JSON, body.into(), "wrong").await, 401);
    assert_eq!(door.deliver("workflow_run", JSON, vec![b' '; 5 * 1024 * 1024 + 1], "new").await, 413);
    assert_eq!(door.deliver("workflow_run", JSON, b"{}".to_vec(), "new").await, 400);
    assert!(door.noted.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_ping_and_other_events_are_welcome_and_mean_nothing() {
    let door = Door::open().await;
    assert_eq!(door.deliver("ping", JSON, b"{}".to_vec(), "new").await, 200);
    assert_eq!(door.deliver("push", JSON, b"{}".to_vec(), "new").await, 202);
    assert!(door.noted.0.lock().unwrap().is_empty());
}
