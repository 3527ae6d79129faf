//! Calls to Slack's Web API: connections, tokens, pages, turns, names of channels. Not here: what is called for (`chat`),
//! and trying again (the caller's outbox does).

mod addresses;
mod chat;
mod models;

pub(super) use addresses::reach;
pub(crate) use addresses::{SocketAddresses, is_socket, response_address};

use super::errors::{chat_error, later};
use super::pace::Pace;
use super::{SetupError, SlackSecrets, SlackSettings, tls};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use jiff::SignedDuration;
use models::{Answer, Channels, Page};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shipgate_app::point;
use shipgate_app::ports::ChatError;
use shipgate_outbound::{Names, Reach};
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::SlackClientHyperConnector;
use slack_morphism::{SlackApiToken, SlackApiTokenValue, SlackClient};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// No call takes longer than this, from connecting to the last byte.
const CALL_TIME: Duration = Duration::from_secs(10);
/// Most pages that are read of any list; each has up to 200 or 900 entries.
const PAGES: usize = 50;
type Connector = SlackClientHyperConnector<TimeoutConnector<HttpsConnector<HttpConnector<Names>>>>;

/// Slack, as the use cases see it.
pub struct Slack {
    settings: SlackSettings,
    client: SlackClient<Connector>,
    /// For addresses that come from payloads.
    answering: SlackClient<Connector>,
    token: SlackApiToken,
    channels: Mutex<HashMap<String, String>>,
    pace: Mutex<Pace>,
}

impl Slack {
    /// A client for one workspace.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(settings: SlackSettings, secrets: &SlackSecrets) -> Result<Self, SetupError> {
        let client = client(&settings, None)?;
        let answering = self::client(&settings, Some(reach(&settings)))?;
        let token = SlackApiToken::new(SlackApiTokenValue(secrets.bot_token.expose_secret().to_owned()));
        Ok(Self { settings, client, answering, token, channels: Mutex::default(), pace: Mutex::default() })
    }

    /// A call that changes something: JSON in the body.
    pub(super) async fn write<T>(&self, method: &str, place: &str, body: &Value) -> Result<T, ChatError>
    where
        T: DeserializeOwned + Send,
    {
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_post::<_, Answer<T>>(method, body, None);
        point!("slack", method, "before");
        let settled = settle(method, place, timeout(CALL_TIME, call).await);
        point!("slack", method, "after");
        settled
    }

    /// A call that reads: these methods ignore a JSON body, so arguments go into the address.
    pub(super) async fn read<T>(
        &self,
        method: &str,
        place: &str,
        arguments: &[(&str, &str)],
    ) -> Result<T, ChatError>
    where
        T: DeserializeOwned + Send,
    {
        let arguments: Vec<(&str, Option<&str>)> =
            arguments.iter().map(|(name, value)| (*name, Some(*value))).collect();
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_get::<Answer<T>, _, _>(method, &arguments, None);
        settle(method, place, timeout(CALL_TIME, call).await)
    }

    /// All pages of a list, until `visit` has seen enough.
    async fn pages<T>(
        &self,
        method: &str,
        place: &str,
        arguments: &[(&str, &str)],
        most: usize,
        mut visit: impl FnMut(T) -> bool + Send,
    ) -> Result<(), ChatError>
    where
        T: DeserializeOwned + Send,
    {
        let mut cursor = String::new();
        for _ in 0..most {
            let mut arguments = arguments.to_vec();
            if !cursor.is_empty() {
                arguments.push(("cursor", &cursor));
            }
            let page: Page<T> = self.read(method, place, &arguments).await?;
            if visit(page.items) || page.response_metadata.next_cursor.is_empty() {
                return Ok(());
            }
            cursor = page.response_metadata.next_cursor;
        }
        Ok(())
    }

    /// The id of a channel, from the settings (`#deployments`) or as it is.
    pub(super) async fn channel_id(&self, name: &str) -> Result<String, ChatError> {
        let is_id = name.len() >= 9
            && name.starts_with(['C', 'D', 'G'])
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if is_id {
            return Ok(name.to_owned());
        }
        let wanted = name.trim_start_matches('#');
        if let Some(id) = self.channels.lock().unwrap_or_else(PoisonError::into_inner).get(wanted) {
            return Ok(id.clone());
        }
        let known = match self.list_channels("public_channel,private_channel").await {
            // Without groups:read, public channels can still be found.
            Err(ChatError::Refused { .. }) => self.list_channels("public_channel").await?,
            other => other?,
        };
        let id = known.get(wanted).cloned();
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).extend(known);
        id.ok_or_else(|| super::errors::of_code("conversations.list", name, "channel_not_found", None))
    }

    async fn list_channels(&self, types: &str) -> Result<HashMap<String, String>, ChatError> {
        let mut known = HashMap::new();
        let arguments = [("types", types), ("exclude_archived", "true"), ("limit", "900")];
        self.pages("conversations.list", "the list of channels", &arguments, PAGES, |page: Channels| {
            known.extend(page.channels.into_iter().map(|c| (c.name, c.id)));
            false
        })
        .await?;
        Ok(known)
    }

    /// Keeps away from a place that Slack limits, so that nobody asks again in vain; other places go on.
    fn heed<T>(&self, place: &str, answer: Result<T, ChatError>) -> Result<T, ChatError> {
        if let Err(ChatError::Later { after: Some(after), .. }) = &answer {
            let after = Duration::try_from(*after).unwrap_or_default();
            self.pace.lock().unwrap_or_else(PoisonError::into_inner).limit(place, Instant::now(), after);
        }
        answer
    }

    /// Waits for a turn at a place, if it is near.
    async fn turn(&self, place: &str) -> Result<(), ChatError> {
        let turn = self.pace.lock().unwrap_or_else(PoisonError::into_inner).take(place, Instant::now());
        match turn {
            Ok(wait) => {
                sleep(wait).await;
                Ok(())
            }
            Err(wait) => {
                let after = SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_secs(60));
                Err(ChatError::NotYet { after })
            }
        }
    }
}

/// The library's client over connections that give up in time. With a reach, it connects to no address beyond it; the
/// address that the operator configured is used as it is.
fn client(settings: &SlackSettings, reach: Option<Reach>) -> Result<SlackClient<Connector>, SetupError> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls()?);
    let mut tcp = HttpConnector::new_with_resolver(Names(reach));
    tcp.enforce_http(false);
    let https = if settings.is_loopback() {
        builder.https_or_http().enable_http1().wrap_connector(tcp)
    } else {
        builder.https_only().enable_http1().wrap_connector(tcp)
    };
    let mut connector = TimeoutConnector::new(https);
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    connector.set_read_timeout(Some(CALL_TIME));
    connector.set_write_timeout(Some(CALL_TIME));
    let connector =
        SlackClientHyperConnector::with_connector(connector).with_slack_api_url(&settings.api_url);
    Ok(SlackClient::new(connector))
}

type Called<T> = Result<Result<Answer<T>, SlackClientError>, tokio::time::error::Elapsed>;

fn settle<T>(method: &str, place: &str, called: Called<T>) -> Result<T, ChatError> {
    match called {
        Ok(Ok(answer)) if answer.ok => Ok(answer.rest),
        Ok(Ok(_)) => Err(later(format!("Slack's answer to {method} is neither yes nor no"))),
        Ok(Err(error)) => Err(chat_error(method, place, &error)),
        Err(_) => {
            Err(later(format!("Slack does not answer {method} (timeout after {} s)", CALL_TIME.as_secs())))
        }
    }
}
