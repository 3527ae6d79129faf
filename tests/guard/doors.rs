//! The real routes of Slack and GitHub in this process, with a clock that stands and a memory of what came in.
//! Not here: what is sent to them.

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use shipgate_app::inbound::Inbound;
use shipgate_app::ports::Clock;
use shipgate_chat::slack::http::{Ingress, routes};
use shipgate_chat::slack::{Sink, SinkError, SlackSecrets, SlackSettings, Transport};
use shipgate_pipelines::github::webhooks::{self, Hint, Hints};
use shipgate_pipelines::github::{GitHub, GitHubAuth, GitHubSettings};
use std::sync::{Arc, Mutex};
use tower::ServiceExt as _;

/// The moment of all requests, in seconds.
pub const NOW: i64 = 1_800_000_000;
/// Slack's signing secret.
pub const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// GitHub's webhook secret.
pub const GITHUB_SECRET: &str = "It's a Secret to Everybody";

/// A clock that stands.
pub struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).expect("a moment of this century")
    }
}

/// What came in.
#[derive(Default)]
pub struct Taken {
    /// From Slack.
    pub inbound: Mutex<Vec<Inbound>>,
    /// From GitHub.
    pub hints: Mutex<Vec<Hint>>,
}

impl Taken {
    /// How much came in.
    pub fn count(&self) -> usize {
        self.inbound.lock().expect("nobody panics with it").len()
            + self.hints.lock().expect("nobody panics").len()
    }
}

#[async_trait]
impl Sink for Taken {
    async fn accept(&self, inbound: Inbound) -> Result<(), SinkError> {
        self.inbound.lock().expect("nobody panics with it").push(inbound);
        Ok(())
    }
}

#[async_trait]
impl Hints for Taken {
    async fn hint(&self, hint: Hint) {
        self.hints.lock().expect("nobody panics with it").push(hint);
    }
}

/// Slack's settings in front of the doors.
pub fn slack_settings() -> SlackSettings {
    SlackSettings {
        transport: Transport::Http,
        api_url: "https://slack.com/api".into(),
        team: "T0123".into(),
        app: Some("A0123".into()),
    }
}

/// All doors, and what came in through them.
pub fn doors() -> (Router, Arc<Taken>) {
    let taken = Arc::new(Taken::default());
    let secrets = SlackSecrets {
        bot_token: "xoxb-none".to_owned().into(),
        signing: vec![SLACK_SECRET.to_owned().into()],
        app_token: None,
    };
    let ingress = Ingress::new(slack_settings(), &secrets, taken.clone(), Arc::new(Standing));
    let settings = GitHubSettings {
        api_url: "https://api.github.com".into(),
        auth: GitHubAuth::Token("ghp_none".to_owned().into()),
        dispatch: None,
    };
    let github = GitHub::new(settings, Arc::new(Standing)).expect("the settings are good");
    let webhooks = webhooks::routes(Arc::new(github), vec![GITHUB_SECRET.to_owned().into()], taken.clone());
    (routes(ingress.expect("the secrets are there")).merge(webhooks), taken)
}

/// A request as it reaches the doors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knock {
    /// Which door.
    pub path: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// `X-Slack-Request-Timestamp`; unused by GitHub.
    pub timestamp: String,
    /// `X-Slack-Signature` or `X-Hub-Signature-256`.
    pub signature: String,
}

fn hmac_hex(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    parts.iter().for_each(|part| mac.update(part));
    hex::encode(mac.finalize().into_bytes())
}

impl Knock {
    /// As Slack sends it.
    pub fn slack(path: &'static str, body: &[u8]) -> Self {
        Self::slack_signed(path, body, SLACK_SECRET, NOW)
    }

    /// As Slack would send it with this secret at this second.
    pub fn slack_signed(path: &'static str, body: &[u8], secret: &str, at: i64) -> Self {
        let timestamp = at.to_string();
        let signature = hmac_hex(secret, &[b"v0:", timestamp.as_bytes(), b":", body]);
        Self { path, body: body.to_vec(), timestamp, signature: format!("v0={signature}") }
    }

    /// As GitHub sends it.
    pub fn github(body: &[u8]) -> Self {
        Self::github_signed(body, GITHUB_SECRET)
    }

    /// As GitHub would send it with this secret.
    pub fn github_signed(body: &[u8], secret: &str) -> Self {
        let signature = hmac_hex(secret, &[body]);
        Self {
            path: "/github/webhooks",
            body: body.to_vec(),
            timestamp: String::new(),
            signature: format!("sha256={signature}"),
        }
    }

    /// The fields that are to prove where it comes from.
    pub fn proof(&self) -> [(&'static str, &str); 2] {
        if self.path == "/github/webhooks" {
            [("x-hub-signature-256", &self.signature), ("x-github-event", "workflow_run")]
        } else {
            [("x-slack-request-timestamp", &self.timestamp), ("x-slack-signature", &self.signature)]
        }
    }

    /// The request; none when the fields cannot stand in one.
    pub fn request(&self) -> Option<Request<Body>> {
        let request = self
            .proof()
            .into_iter()
            .fold(Request::post(self.path), |request, (name, value)| request.header(name, value));
        request.body(Body::from(self.body.clone())).ok()
    }

    /// Sends it; none when it cannot be sent.
    pub async fn knock(&self, doors: &Router) -> Option<StatusCode> {
        let request = self.request()?;
        Some(doors.clone().oneshot(request).await.expect("routes do not fail").status())
    }
}
