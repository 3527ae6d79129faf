//! Addresses that Slack gives: asked for where needed, and whether they are Slack's own. Not here: connecting to them.

use super::Connector;
use super::models::{Address, Answer};
use super::{CALL_TIME, client, settle};
use crate::slack::{SetupError, SlackSecrets, SlackSettings};
use secrecy::ExposeSecret;
use serde_json::json;
use shipgate_app::ports::ChatError;
use shipgate_outbound::Reach;
use slack_morphism::{SlackApiToken, SlackApiTokenValue, SlackClient};
use tokio::time::timeout;

/// Where Slack can be.
pub(in crate::slack) fn reach(settings: &SlackSettings) -> Reach {
    settings.api_url.parse().map_or(Reach::Public, |base| Reach::of(&base))
}

/// Asks for the address of a new socket, with the app-level token.
pub(crate) struct SocketAddresses {
    client: SlackClient<Connector>,
    token: SlackApiToken,
    is_loopback: bool,
}

impl SocketAddresses {
    pub(crate) fn new(settings: &SlackSettings, secrets: &SlackSecrets) -> Result<Self, SetupError> {
        let token = secrets.app_token.as_ref().ok_or(SetupError::NoAppToken)?.expose_secret().to_owned();
        let token = SlackApiToken::new(SlackApiTokenValue(token));
        Ok(Self { client: client(settings, None)?, token, is_loopback: settings.is_loopback() })
    }

    /// A fresh address; each can be used once, and is a secret.
    pub(crate) async fn next(&self) -> Result<String, ChatError> {
        const METHOD: &str = "apps.connections.open";
        let session = self.client.open_session(&self.token);
        let body = json!({});
        let call = session.http_session_api.http_post::<_, Answer<Address>>(METHOD, &body, None);
        let address = settle(METHOD, "", timeout(CALL_TIME, call).await)?.url;
        if is_socket(&address, self.is_loopback) {
            Ok(address)
        } else {
            let why = "Slack gave an address for its socket that is not wss:// or not Slack's".into();
            Err(ChatError::Refused { why })
        }
    }
}

/// Whether a socket's address is Slack's own: `wss://`, a host of Slack, the usual port, no password.
pub(crate) fn is_socket(address: &str, is_loopback: bool) -> bool {
    let Ok(uri) = address.parse::<http::Uri>() else { return false };
    let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return false };
    if authority.as_str().contains('@') {
        return false;
    }
    let is_slacks =
        ["slack.com", "slack-gov.com"].iter().any(|domain| shipgate_outbound::is_within(host, domain));
    let is_usual = authority.as_str() == host || authority.port_u16() == Some(443);
    match uri.scheme_str() {
        Some("wss") if is_slacks => is_usual,
        Some("ws") => is_loopback && matches!(host, "127.0.0.1" | "localhost" | "[::1]"),
        _ => false,
    }
}

/// A one-time address, taken apart and built again: only Slack's own hosts and paths, nothing that could lead
/// elsewhere. `None` when it is anything else.
pub(crate) fn response_address(url: &str, settings: &SlackSettings) -> Option<String> {
    let is_path = |path: &str| {
        let mut parts = path.split('/');
        matches!(parts.next(), Some("actions" | "commands"))
            && parts.clone().count() >= 2
            && parts.all(|p| {
                !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            })
    };
    for host in ["hooks.slack.com", "hooks.slack-gov.com"] {
        if let Some(path) = url.strip_prefix("https://").and_then(|r| r.strip_prefix(host)?.strip_prefix('/'))
        {
            return is_path(path).then(|| format!("https://{host}/{path}"));
        }
    }
    if !settings.is_loopback() {
        return None;
    }
    let api: http::Uri = settings.api_url.parse().ok()?;
    let origin = format!("http://{}/", api.authority()?);
    let path = url.strip_prefix(&origin)?;
    let is_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/');
    path.bytes().all(is_safe).then(|| format!("{origin}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::Transport;

    fn settings(api_url: &str) -> SlackSettings {
        SlackSettings { transport: Transport::Http, api_url: api_url.into(), team: "T1".into(), app: None }
    }

    #[test]
    fn only_slacks_own_addresses_are_answered() {
        let settings = settings("https://slack.com/api");
        let good = "https://hooks.slack.com/commands/T1/123/abcDEF";
        assert_eq!(response_address(good, &settings).as_deref(), Some(good));
        for bad in [
            "http://hooks.slack.com/commands/T1/1/a",
            "https://hooks.slack.com.evil.test/commands/T1/1/a",
            "https://hooks.slack.com@evil.test/commands/T1/1/a",
            "https://hooks.slack.com:444/commands/T1/1/a",
            "https://hooks.slack.com/commands/%2e%2e/services/T1",
            "https://hooks.slack.com/services/T1/B1/x",
            "https://hooks.slack.com/commands/../services/T1",
            "https://hooks.slack.com/commands/T1/1/a?x=1",
            "http://127.0.0.1:80/commands/T1/1/a",
        ] {
            assert_eq!(response_address(bad, &settings), None, "{bad}");
        }
    }

    #[test]
    fn a_stand_in_on_this_machine_may_be_answered_at_its_own_address_only() {
        let settings = settings("http://127.0.0.1:4000/api");
        assert!(response_address("http://127.0.0.1:4000/response/1", &settings).is_some());
        assert!(response_address("http://127.0.0.1:4001/response/1", &settings).is_none());
        assert!(response_address("http://127.0.0.1:4000@evil.test/x", &settings).is_none());
    }

    #[test]
    fn only_slacks_own_sockets_are_opened() {
        for good in ["wss://wss-primary.slack.com/link/?ticket=1", "wss://wss-backup.slack-gov.com:443/link"]
        {
            assert!(is_socket(good, false), "{good}");
        }
        for bad in [
            "ws://wss-primary.slack.com/",
            "wss://slack.com.evil.test/",
            "wss://evilslack.com/",
            "wss://x@wss-primary.slack.com/",
            "wss://wss-primary.slack.com@evil.test/",
            "wss://wss-primary.slack.com:8443/",
            "wss://127.0.0.1/",
            "ws://127.0.0.1/",
            "https://wss-primary.slack.com/",
            "",
        ] {
            assert!(!is_socket(bad, false), "{bad}");
        }
        assert!(is_socket("ws://127.0.0.1:4000/link", true) && !is_socket("ws://10.0.0.1/link", true));
    }
}
