//! The addresses that machines ask: alive, ready, figures. Not here: what makes a part ready, or any figure.

use crate::security;
use async_trait::async_trait;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;

/// What the program knows about itself.
#[async_trait]
pub trait Ops: Send + Sync {
    /// Every part without which work stands still: store, chat, CI systems. Answers within a second.
    async fn parts(&self) -> Vec<Part>;
    /// When Shipgate last checked its own record, and what it found. It says nothing about being ready: who lets
    /// deploys start again must be able to reach Shipgate.
    fn self_check(&self) -> Option<SelfChecked> {
        None
    }
    /// The rules in force, and whether newer settings were refused. It says nothing about being ready either: the old
    /// rules are good.
    fn rules(&self) -> Option<RulesShown> {
        None
    }
    /// All figures in Prometheus' text format, version 0.0.4.
    fn metrics(&self) -> String;
}

/// One part of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name: "store".
    pub name: String,
    /// What is wrong with it and what to do, when something is.
    pub trouble: Option<String>,
}

/// The newest self-check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SelfChecked {
    /// When it ended, in UTC.
    pub at: String,
    /// Rows of the record that were checked so far.
    pub rows: u64,
    /// Whether nothing was found that nobody accepted.
    pub ok: bool,
    /// What was found, or what kept it from looking.
    pub result: String,
    /// Whether nothing is started until a person lets deploys go on.
    pub stopped: bool,
}

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RulesShown {
    /// SHA-256 of the policy, as on cards and in the record.
    pub version: String,
    /// Since when, in UTC.
    pub since: String,
    /// Why the settings files as they are now are not in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    parts: Vec<PartLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<RulesShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_check: Option<SelfChecked>,
}

#[derive(Serialize)]
struct PartLine {
    name: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// `/healthz`: the process answers. `/readyz`: every part works, else 503 with the reasons. `/metrics`: figures.
pub fn routes(ops: Arc<dyn Ops>) -> Router {
    let routes = Router::new()
        .route("/healthz", get(|| async { Json(serde_json::json!({ "ok": true })) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(ops);
    security::strict(routes)
}

async fn ready(State(ops): State<Arc<dyn Ops>>) -> Response {
    let parts: Vec<PartLine> = ops
        .parts()
        .await
        .into_iter()
        .map(|Part { name, trouble }| PartLine { name, ok: trouble.is_none(), why: trouble })
        .collect();
    let (self_check, rules) = (ops.self_check(), ops.rules());
    let ready = parts.iter().all(|part| part.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, parts, rules, self_check })).into_response()
}

async fn metrics(State(ops): State<Arc<dyn Ops>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], ops.metrics()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    struct Two(Option<&'static str>);

    #[async_trait]
    impl Ops for Two {
        async fn parts(&self) -> Vec<Part> {
            vec![
                Part { name: "store".into(), trouble: None },
                Part { name: "slack".into(), trouble: self.0.map(str::to_owned) },
            ]
        }
        fn metrics(&self) -> String {
            "shipgate_deploys_total 3\n".into()
        }
    }

    async fn ask(ops: Two, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = routes(Arc::new(ops)).oneshot(request).await.unwrap();
        assert!(response.headers().contains_key("content-security-policy"));
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_means_that_every_part_is() {
        assert_eq!(ask(Two(None), "/readyz").await.0, StatusCode::OK);
        let (status, body) = ask(Two(Some("the socket is closed")), "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains(r#""name":"slack","ok":false,"why":"the socket is closed""#), "{body}");
    }

    #[tokio::test]
    async fn alive_does_not_ask_any_part() {
        assert_eq!(ask(Two(Some("down")), "/healthz").await, (StatusCode::OK, r#"{"ok":true}"#.into()));
    }

    #[tokio::test]
    async fn figures_come_as_they_are() {
        assert_eq!(ask(Two(None), "/metrics").await.1, "shipgate_deploys_total 3\n");
    }
}
