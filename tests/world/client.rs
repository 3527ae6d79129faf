//! The HTTP client with which the models deliver input to Shipgate. It talks to loopback addresses only, keeps no
//! connection open and never retries.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde_json::Value;

use crate::sign::hmac_sha256_hex;

/// What came back for something a model delivered.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// HTTP status; 200 for an acknowledged Socket Mode envelope; `None` when there was no answer.
    pub status: Option<u16>,
    /// Body of the answer, or the payload of the acknowledgement.
    pub body: String,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// Milliseconds from sending to the whole answer.
    pub elapsed_ms: u64,
    /// Why there was no answer.
    pub error: Option<String>,
}

impl Delivery {
    /// Whether Slack would call this acknowledged: 200 within three seconds.
    pub fn acknowledged(&self) -> bool {
        self.status == Some(200) && self.elapsed_ms <= 3000
    }

    /// The body as JSON, `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The value of a header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Time from sending to the whole answer.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms)
    }

    pub(crate) fn failed(error: impl ToString, elapsed: Duration) -> Self {
        Self {
            status: None,
            body: String::new(),
            headers: Vec::new(),
            elapsed_ms: millis(elapsed),
            error: Some(error.to_string()),
        }
    }

    pub(crate) fn acked(body: String, elapsed: Duration) -> Self {
        Self { status: Some(200), body, headers: Vec::new(), elapsed_ms: millis(elapsed), error: None }
    }
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Clone, Debug)]
pub(crate) struct Client(Hyper<HttpConnector, Full<Bytes>>);

impl Client {
    pub fn new() -> Self {
        Self(Hyper::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }

    /// Posts once and waits at most `patience`.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: &str,
        patience: Duration,
    ) -> Delivery {
        self.send("POST", url, headers, body, patience).await
    }

    /// Sends one request, once, and waits at most `patience`.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: &str,
        patience: Duration,
    ) -> Delivery {
        let started = Instant::now();
        if !is_loopback(url) {
            return Delivery::failed(format!("{url} is not a loopback address"), started.elapsed());
        }
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let request = match request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))) {
            Ok(request) => request,
            Err(error) => return Delivery::failed(error, started.elapsed()),
        };
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| error.to_string())?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok::<_, String>((parts, body))
        };
        match tokio::time::timeout(patience, exchange).await {
            Err(_) => Delivery::failed("timeout", started.elapsed()),
            Ok(Err(error)) => Delivery::failed(error, started.elapsed()),
            Ok(Ok((parts, body))) => Delivery {
                status: Some(parts.status.as_u16()),
                body: String::from_utf8_lossy(&body).into_owned(),
                headers: parts
                    .headers
                    .iter()
                    .map(|(k, v)| (k.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
                    .collect(),
                elapsed_ms: millis(started.elapsed()),
                error: None,
            },
        }
    }
}

/// A request to Shipgate, signed the way Slack signs, ready to be sent once, twice, or spoilt first.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Path on Shipgate, for instance `/slack/commands`.
    pub path: String,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// The raw body.
    pub body: String,
    /// `X-Slack-Request-Timestamp`, seconds.
    pub timestamp: i64,
    /// `X-Slack-Signature`; `None` leaves the header out.
    pub signature: Option<String>,
    /// Further headers, such as `X-Slack-Retry-Num`.
    pub extra: Vec<(String, String)>,
}

impl Prepared {
    /// Signs the present body and timestamp with `secret` (after the body or the timestamp was changed).
    pub fn sign(mut self, secret: &str) -> Self {
        let base = format!("v0:{}:{}", self.timestamp, self.body);
        self.signature = Some(format!("v0={}", hmac_sha256_hex(secret.as_bytes(), base.as_bytes())));
        self
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![
            ("content-type".to_owned(), self.content_type.clone()),
            ("user-agent".to_owned(), "Slackbot 1.0 (+https://api.slack.com/robots)".to_owned()),
            ("x-slack-request-timestamp".to_owned(), self.timestamp.to_string()),
        ];
        headers.extend(self.signature.clone().map(|signature| ("x-slack-signature".to_owned(), signature)));
        headers.extend(self.extra.iter().cloned());
        headers
    }
}

pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_addresses_are_spoken_to() {
        for good in ["http://127.0.0.1:80/x", "http://localhost:1", "http://[::1]:9/"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in ["http://10.0.0.1/", "http://example.com/", "http://127.0.0.1.example.com/", "nonsense"] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
