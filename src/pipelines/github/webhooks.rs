//! GitHub's webhooks. A delivery is only a hint that wakes the poller: nothing in it is believed. So a repeated,
//! late or missing delivery changes nothing, and none is remembered. Not here: reading the run.

use super::GitHub;
use super::models::Delivery;
use crate::text::inert;
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::LengthLimitError;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use shipgate_app::limits::json_fits;
use shipgate_domain::policy::Provider;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Largest body that is read.
const LARGEST_BODY: usize = 5 * 1024 * 1024;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(8);

/// A run may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Where the run is.
    pub provider: Provider,
    /// The run's id.
    pub run: String,
    /// Its title, which may carry a deploy id; harmless text. May be empty.
    pub title: String,
}

/// Who is told that a run may have changed.
#[async_trait]
pub trait Hints: Send + Sync {
    /// Wakes whoever follows the run. Must return quickly: GitHub waits for it.
    async fn hint(&self, hint: Hint);
}

#[derive(Clone)]
struct Gate {
    secrets: Arc<[SecretString]>,
    github: Arc<GitHub>,
    hints: Arc<dyn Hints>,
}

/// `POST /github/webhooks`. Several secrets are accepted while one is being replaced; with none, nothing is accepted.
pub fn routes(github: Arc<GitHub>, secrets: Vec<SecretString>, hints: Arc<dyn Hints>) -> Router {
    let gate = Gate { secrets: secrets.into(), github, hints };
    Router::new().route("/github/webhooks", post(receive)).with_state(gate)
}

async fn receive(State(gate): State<Gate>, headers: HeaderMap, body: Body) -> StatusCode {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LARGEST_BODY) {
        return refused("large_body", StatusCode::PAYLOAD_TOO_LARGE);
    }
    let body = match tokio::time::timeout(BODY_TIME, to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) => {
            return refused("large_body", StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(Err(_)) => return refused("bad_body", StatusCode::BAD_REQUEST),
        Err(_) => return refused("slow_body", StatusCode::REQUEST_TIMEOUT),
    };
    if !is_signed(&gate.secrets, &headers, &body) {
        return refused("bad_signature", StatusCode::UNAUTHORIZED);
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    match text("x-github-event") {
        "ping" => return StatusCode::OK,
        "workflow_run" | "workflow_job" => {}
        _ => return StatusCode::ACCEPTED,
    }
    let is_form = text(header::CONTENT_TYPE.as_str()).starts_with("application/x-www-form-urlencoded");
    let payload = if is_form {
        form_urlencoded::parse(&body)
            .find(|(name, _)| name == "payload")
            .map(|(_, value)| value.into_owned().into())
    } else {
        Some(body)
    };
    let delivery = payload
        .filter(|payload| json_fits(payload))
        .and_then(|payload| serde_json::from_slice::<Delivery>(&payload).ok());
    let Some((run, title)) = delivery.and_then(run_of) else {
        return refused("unreadable", StatusCode::BAD_REQUEST);
    };
    gate.github.touch(run);
    gate.hints
        .hint(Hint { provider: Provider::Github, run: run.to_string(), title: inert(&title, 300) })
        .await;
    StatusCode::ACCEPTED
}

fn refused(why: &'static str, status: StatusCode) -> StatusCode {
    metrics::counter!("shipgate_github_webhooks_refused_total", "reason" => why).increment(1);
    status
}

fn run_of(delivery: Delivery) -> Option<(u64, String)> {
    match (delivery.workflow_run, delivery.workflow_job) {
        (Some(run), _) => Some((run.id, run.display_title.or(run.name).unwrap_or_default())),
        (None, Some(job)) => Some((job.run_id, job.workflow_name.unwrap_or_default())),
        (None, None) => None,
    }
}

/// Whether the body bears `X-Hub-Signature-256` of one of the secrets, compared in constant time (GitHub Docs,
/// "Validating webhook deliveries").
fn is_signed(secrets: &[SecretString], headers: &HeaderMap, body: &[u8]) -> bool {
    let given = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let Some(given) = given.and_then(|value| hex::decode(value.strip_prefix("sha256=")?).ok()) else {
        return false;
    };
    secrets.iter().filter(|secret| !secret.expose_secret().is_empty()).any(|secret| {
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
        mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok())
    })
}
