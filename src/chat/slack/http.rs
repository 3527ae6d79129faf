//! Slack over HTTP: checks signatures over raw bytes, stores, answers within Slack's three seconds. Not here: doing
//! anything about what came in.

use super::intake::{Failed, store};
use super::payloads::{self, Read, Refusal, hash};
use super::{SetupError, Sink, SlackSecrets, SlackSettings, Transport, count};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::LengthLimitError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use shipgate_app::limits::json_fits;
use shipgate_app::ports::Clock;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};

/// Largest body that is read.
const LARGEST_BODY: usize = 256 * 1024;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(5);
/// How old or how far ahead a signed request may be, in seconds (docs.slack.dev, "Verifying requests from Slack").
const FRESH: i64 = 300;

/// What the routes need.
pub struct Ingress {
    settings: SlackSettings,
    signing: Vec<SecretString>,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
}

impl Ingress {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`SetupError::NoSigningSecret`] when Slack is to call us and nothing proves that it is Slack.
    pub fn new(
        settings: SlackSettings,
        secrets: &SlackSecrets,
        sink: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let signing: Vec<SecretString> =
            secrets.signing.iter().filter(|s| !s.expose_secret().is_empty()).cloned().collect();
        if settings.transport == Transport::Http && signing.is_empty() {
            return Err(SetupError::NoSigningSecret);
        }
        Ok(Self { settings, signing, sink, clock })
    }
}

/// `POST /slack/commands`, `/slack/interactions` and `/slack/events`.
pub fn routes(ingress: Ingress) -> Router {
    Router::new()
        .route("/slack/commands", post(commands))
        .route("/slack/interactions", post(interactions))
        .route("/slack/events", post(events))
        .with_state(Arc::new(ingress))
}

type Shared = State<Arc<Ingress>>;

async fn commands(State(ingress): Shared, request: Request) -> Response {
    let signed = match ingress.authentic("command", request).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    let fields = form(&signed.body);
    if fields.contains_key("ssl_check") {
        return StatusCode::OK.into_response();
    }
    let key = signed.hash();
    let read = payloads::slash(&ingress.settings, &Value::Object(fields), key);
    match store(ingress.sink.as_ref(), "command", read).await {
        Ok(_) => StatusCode::OK.into_response(),
        // People see the text of an answer only when its status is 200.
        Err(Failed::NotTaken { say, .. }) => answer(&json!({"response_type": "ephemeral", "text": say})),
        Err(Failed::Refused(refusal)) => refused(refusal),
    }
}

async fn interactions(State(ingress): Shared, request: Request) -> Response {
    let signed = match ingress.authentic("interaction", request).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    let mut fields = form(&signed.body);
    if fields.contains_key("ssl_check") {
        return StatusCode::OK.into_response();
    }
    let payload = fields.remove("payload");
    let payload = payload.as_ref().and_then(Value::as_str).and_then(|p| json_of(p.as_bytes()));
    let read = payload.ok_or(Refusal::Unreadable).and_then(|p| payloads::interaction(&ingress.settings, &p));
    match store(ingress.sink.as_ref(), "interaction", read).await {
        Ok(Read::Missing(errors)) => answer(&json!({"response_action": "errors", "errors": errors})),
        Ok(_) => StatusCode::OK.into_response(),
        Err(Failed::NotTaken { complaint, .. }) if !complaint.is_empty() => {
            answer(&json!({"response_action": "errors", "errors": complaint}))
        }
        Err(Failed::NotTaken { say, .. }) => (StatusCode::SERVICE_UNAVAILABLE, say).into_response(),
        Err(Failed::Refused(refusal)) => refused(refusal),
    }
}

async fn events(State(ingress): Shared, request: Request) -> Response {
    let signed = match ingress.authentic("event", request).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    let payload = json_of(&signed.body).ok_or(Refusal::Unreadable);
    let read = payload.and_then(|p| payloads::event(&ingress.settings, &p));
    match store(ingress.sink.as_ref(), "event", read).await {
        Ok(Read::Challenge(challenge)) => answer(&json!({"challenge": challenge})),
        Ok(_) => StatusCode::OK.into_response(),
        // Slack delivers events again when they are not acknowledged, unless it is told not to.
        Err(Failed::NotTaken { say, may_come_again: true, .. }) => {
            (StatusCode::SERVICE_UNAVAILABLE, say).into_response()
        }
        Err(Failed::NotTaken { say, may_come_again: false, .. }) => {
            (StatusCode::SERVICE_UNAVAILABLE, [("x-slack-no-retry", "1")], say).into_response()
        }
        Err(Failed::Refused(refusal)) => refused(refusal),
    }
}

/// A request whose signature was verified.
struct Signed {
    timestamp: String,
    signature: String,
    body: Vec<u8>,
}

impl Signed {
    /// Names this very request: the same bytes signed at the same second are the same delivery.
    fn hash(&self) -> String {
        hash(&[self.signature.as_bytes(), self.timestamp.as_bytes(), &self.body])
    }
}

impl Ingress {
    async fn authentic(&self, kind: &'static str, request: Request) -> Result<Signed, Response> {
        let (parts, body) = request.into_parts();
        let body = read_body(&parts.headers, body).await.map_err(|status| {
            count(kind, "bad_body");
            status.into_response()
        })?;
        let signed = Signed {
            timestamp: text_of(&parts.headers, "x-slack-request-timestamp"),
            // Digits in another case are the same signature, and must not make another delivery of it.
            signature: text_of(&parts.headers, "x-slack-signature").to_ascii_lowercase(),
            body,
        };
        let now = self.clock.now().as_second();
        verify(&self.signing, &signed, now).map_err(|why| {
            count(kind, why);
            tracing::warn!(kind, why, "refused a request that says it is from Slack");
            StatusCode::UNAUTHORIZED.into_response()
        })?;
        Ok(signed)
    }
}

/// Whether a request is Slack's, and fresh. All secrets are tried, each in constant time.
fn verify(secrets: &[SecretString], signed: &Signed, now: i64) -> Result<(), &'static str> {
    let is_number = !signed.timestamp.is_empty() && signed.timestamp.bytes().all(|b| b.is_ascii_digit());
    let timestamp: i64 = signed.timestamp.parse().ok().filter(|_| is_number).ok_or("no_timestamp")?;
    let given =
        signed.signature.strip_prefix("v0=").and_then(|s| hex::decode(s).ok()).ok_or("no_signature")?;
    let mut is_ours = Choice::from(0);
    for secret in secrets {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { continue };
        mac.update(format!("v0:{}:", signed.timestamp).as_bytes());
        mac.update(&signed.body);
        is_ours |= mac.finalize().into_bytes().as_slice().ct_eq(&given);
    }
    if !bool::from(is_ours) {
        return Err("bad_signature");
    }
    // Judged last, so that only Slack learns anything about our clock.
    if now.abs_diff(timestamp) > FRESH.unsigned_abs() {
        return Err("stale");
    }
    Ok(())
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, StatusCode> {
    let announced = text_of(headers, "content-length").parse::<usize>().unwrap_or(0);
    if announced > LARGEST_BODY {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match tokio::time::timeout(BODY_TIME, to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(error)) if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) => {
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

fn text_of(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The fields of a form; where one comes twice, the first counts.
fn form(body: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        fields.entry(name.into_owned()).or_insert_with(|| Value::String(value.into_owned()));
    }
    fields
}

/// JSON that is neither too deep nor too large to be parsed.
fn json_of(text: &[u8]) -> Option<Value> {
    json_fits(text).then(|| serde_json::from_slice(text).ok()).flatten()
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Team | Refusal::App => StatusCode::FORBIDDEN.into_response(),
        Refusal::Unreadable => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
