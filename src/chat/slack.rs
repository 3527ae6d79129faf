//! Slack: its settings and the one way in for everything that comes from it. Posting is in `client`, drawing in
//! `render`, the two ways of receiving in `http` and `socket`. Not here: any rule about deploys.
//!
//! Every message begins with a `rich_text` block and keeps one: Slack shows the text elements of such a block
//! literally, so that nobody's words can become a mention, a link or formatting. `chat.update` cannot turn rich text
//! into other blocks (`block_mismatch`); since all our messages are rich text from the start, it never has to.

mod client;
mod errors;
mod examine;
mod forms;
pub mod http;
mod intake;
mod pace;
mod payloads;
#[doc(hidden)]
pub mod probe;
mod render;
pub mod socket;

#[cfg(test)]
mod tests;

pub use client::Slack;
pub use examine::Standing;

use async_trait::async_trait;
use secrecy::SecretString;
use shipgate_app::inbound::Inbound;

/// How Slack reaches Shipgate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Slack calls Shipgate's address.
    Http,
    /// Shipgate holds connections to Slack open; no public address is needed.
    Socket,
}

/// Settings of the Slack adapter that are no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackSettings {
    /// How Slack reaches Shipgate.
    pub transport: Transport,
    /// Base of the Web API, without a slash at the end: `https://slack.com/api`.
    pub api_url: String,
    /// The workspace (`T…`) or organisation (`E…`) whose payloads are accepted; all others are refused.
    pub team: String,
    /// The app (`A…`) whose payloads are accepted; any app of the signing secret when there is none.
    pub app: Option<String>,
}

impl SlackSettings {
    /// Whether the API is a stand-in on this machine, reached without TLS. Only then are plain addresses used.
    pub(crate) fn is_loopback(&self) -> bool {
        let Ok(uri) = self.api_url.parse::<::http::Uri>() else { return false };
        uri.scheme_str() == Some("http") && matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"))
    }
}

/// Secrets of the Slack adapter. Printing them shows nothing.
#[derive(Clone, Debug)]
pub struct SlackSecrets {
    /// Bot token, `xoxb-…`.
    pub bot_token: SecretString,
    /// Signing secrets that are accepted: the current one, and while it is being replaced also the other one.
    pub signing: Vec<SecretString>,
    /// App-level token, `xapp-…`: for sockets only.
    pub app_token: Option<SecretString>,
}

/// The adapter cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No trusted certificates were found on this machine.
    #[error("cannot load this machine's trusted certificates ({0}): install the ca-certificates package")]
    Certificates(std::io::Error),
    /// The TLS library refused its own defaults.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Sockets need an app-level token.
    #[error(
        "Slack's socket mode needs an app-level token: set SLACK_APP_TOKEN (xapp-…) with connections:write"
    )]
    NoAppToken,
    /// HTTP needs a signing secret.
    #[error("Slack over HTTP needs the app's signing secret: set SLACK_SIGNING_SECRET")]
    NoSigningSecret,
}

/// Takes in what Slack delivers.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Stores it for good before it returns: Slack is told "received" right after, and never sends it again. The same
    /// key twice is stored once.
    ///
    /// # Errors
    /// Nothing was stored.
    async fn accept(&self, inbound: Inbound) -> Result<(), SinkError>;
}

/// A delivery was not taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It could not be stored.
    #[error("not stored: {why}")]
    NotStored {
        /// Why, for logs.
        why: String,
    },
    /// There are too many, from this person or from everybody.
    #[error("not taken in: there were too many")]
    TooMany {
        /// What the person reads.
        say: String,
    },
}

impl SinkError {
    /// What the person reads.
    pub(crate) fn say(&self) -> &str {
        match self {
            SinkError::NotStored { .. } => NOT_STORED,
            SinkError::TooMany { say } => say,
        }
    }
}

/// What people read when their command could not be stored. A disk or server that failed may have stored it all the
/// same; the same request twice is one.
pub(crate) const NOT_STORED: &str = "Shipgate could not store your command; most likely nothing was done. \
     If no answer comes within a minute, send it again.";

/// TLS towards Slack: ring, and the certificates that this machine trusts.
pub(crate) fn tls() -> Result<rustls::ClientConfig, SetupError> {
    use hyper_rustls::ConfigBuilderExt;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_native_roots().map_err(SetupError::Certificates)?.with_no_client_auth())
}

/// Counts a delivery by kind and by what became of it.
pub(crate) fn count(kind: &'static str, outcome: &'static str) {
    metrics::counter!("shipgate_slack_deliveries_total", "kind" => kind, "outcome" => outcome).increment(1);
}
