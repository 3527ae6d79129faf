//! Everything that is asked of GitHub except the one dispatch: tokens, timeouts, limits, errors. Not here: what is
//! asked for.

use super::auth::{Identity, Minted};
use super::errors;
use super::limits::{Limits, Urgency};
use super::models::{Installation, InstallationToken};
use crate::text::without;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioExecutor;
use octocrab::service::middleware::retry::RetryConfig;
use octocrab::{OctoBody, Octocrab};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use shipgate_app::ports::{Clock, OutsideError};
use shipgate_outbound::{Connector, Hop, Reach, connector};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

const CONNECT: Duration = Duration::from_secs(5);
/// Most redirects that are followed for one question.
const REDIRECTS: usize = 3;
const ANSWER: Duration = Duration::from_secs(10);
const WHOLE_BODY: Duration = Duration::from_secs(30);
const LARGEST_BODY: usize = 32 * 1024 * 1024;
/// GitHub allows 100 at a time for one user or App over everything it does.
const AT_ONCE: usize = 20;

/// `owner/name`, checked, so that it can stand in a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Repo {
    pub owner: String,
    pub name: String,
}

impl Repo {
    pub fn parse(text: &str) -> Result<Self, OutsideError> {
        let is_word = |word: &str| {
            !word.is_empty()
                && !matches!(word, "." | "..")
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        match text.split_once('/') {
            Some((owner, name)) if is_word(owner) && is_word(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(OutsideError::Refused {
                why: format!("“{text}” is not a GitHub repository: write it as owner/name in shipgate.toml"),
            }),
        }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{}{rest}", self.owner, self.name)
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Percent-encodes what cannot stand in a path (RFC 3986 §3.3). Slashes stay: branches and tags have them.
pub(crate) fn in_path(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                path.push(byte.into())
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

/// What GitHub answered, whatever it was.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, OutsideError> {
        serde_json::from_slice(&self.body).map_err(|error| OutsideError::Later {
            why: format!("GitHub answered something that is not understood ({error})"),
            after: None,
        })
    }

    pub fn etag(&self) -> Option<String> {
        Some(self.headers.get(header::ETAG)?.to_str().ok()?.to_owned())
    }

    /// Whether there is a page after this one.
    pub fn has_next(&self) -> bool {
        self.headers.get(header::LINK).and_then(|v| v.to_str().ok()).is_some_and(has_next)
    }
}

/// Whether a `Link` header (RFC 8288) names a next page. Only that is read: the address of a page is made here, never
/// taken from an answer.
pub(crate) fn has_next(link: &str) -> bool {
    link.contains("rel=\"next\"")
}

type Place = Arc<tokio::sync::Mutex<Option<Minted>>>;

pub(super) struct Client {
    crab: Octocrab,
    base: Uri,
    elsewhere: Elsewhere,
    identity: Identity,
    owners: Mutex<HashMap<String, Place>>,
    pub limits: Limits,
    pub clock: Arc<dyn Clock>,
    places: Semaphore,
}

impl Client {
    pub fn new(api_url: &str, identity: Identity, clock: Arc<dyn Clock>) -> Result<Self, String> {
        // A read timeout of the connector would also run while a connection rests in the pool, and then cut off the
        // next request: answers are timed here instead.
        let crab = Octocrab::builder()
            .base_uri(api_url)
            .and_then(|builder| {
                builder.add_retry_config(RetryConfig::None).set_connect_timeout(Some(CONNECT)).build()
            })
            .map_err(|error| {
                format!("cannot use {api_url} as GitHub's address: {}", errors::chain(&error))
            })?;
        let base: Uri =
            api_url.parse().map_err(|error| format!("cannot use {api_url} as GitHub's address: {error}"))?;
        Ok(Self {
            crab,
            elsewhere: elsewhere(&base)?,
            base,
            identity,
            owners: Mutex::default(),
            limits: Limits::default(),
            clock,
            places: Semaphore::new(AT_ONCE),
        })
    }

    /// Whose rate limit a request to this repository uses.
    pub fn scope(&self, repo: &Repo) -> String {
        match self.identity {
            Identity::Token(_) => String::new(),
            Identity::App(_) => repo.owner.to_lowercase(),
        }
    }

    /// The token for a repository, minted or renewed when needed.
    pub async fn token(&self, repo: &Repo) -> Result<Minted, OutsideError> {
        let app = match &self.identity {
            Identity::Token(token) => {
                let now = self.clock.now();
                return Ok(Minted { token: token.clone(), minted: now, expires: now });
            }
            Identity::App(app) => app,
        };
        let place = self.place(repo);
        // Held over the exchange on purpose: everybody who needs this token waits for the one who fetches it.
        let mut held = place.lock().await;
        let now = self.clock.now();
        if let Some(minted) = held.as_ref().filter(|minted| minted.lasts(now)) {
            return Ok(minted.clone());
        }
        let claim = app.claim(now).map_err(|why| OutsideError::Later { why, after: None })?;
        let found = self.raw(Method::GET, &repo.path("/installation"), &claim, None).await?;
        if found.status == StatusCode::NOT_FOUND {
            let why =
                format!("the GitHub App is not installed on {repo}: install it there, or correct the name");
            return Err(OutsideError::Refused { why });
        }
        let installation: Installation = self.expect(&found, repo)?.json()?;
        let path = format!("/app/installations/{}/access_tokens", installation.id);
        let answer = self.raw(Method::POST, &path, &claim, None).await?;
        let token: InstallationToken = self.expect(&answer, repo)?.json()?;
        let minted = Minted { token: token.token.into(), minted: now, expires: token.expires_at };
        *held = Some(minted.clone());
        Ok(minted)
    }

    /// Forgets an App's token that GitHub refused. Returns whether a new one may do better.
    pub async fn renew(&self, repo: &Repo, refused: &Minted) -> bool {
        if matches!(self.identity, Identity::Token(_)) || refused.is_new(self.clock.now()) {
            return false;
        }
        let place = self.place(repo);
        // Whoever holds it is fetching a new token already.
        let Ok(mut held) = place.try_lock() else { return true };
        if held.as_ref().is_some_and(|now| now.token.expose_secret() == refused.token.expose_secret()) {
            *held = None;
        }
        true
    }

    fn place(&self, repo: &Repo) -> Place {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(owners.entry(repo.owner.to_lowercase()).or_default())
    }

    /// Asks, with the token that fits, once more with a new one when the old one was refused.
    pub async fn ask(
        &self,
        method: Method,
        repo: &Repo,
        rest: &str,
        etag: Option<&str>,
        urgency: Urgency,
    ) -> Result<Answer, OutsideError> {
        self.ask_at(method, repo, &repo.path(rest), etag, urgency).await
    }

    /// The same for a path that is outside the repository, with the token that fits its owner.
    pub async fn ask_at(
        &self,
        method: Method,
        repo: &Repo,
        path: &str,
        etag: Option<&str>,
        urgency: Urgency,
    ) -> Result<Answer, OutsideError> {
        let scope = self.scope(repo);
        self.limits.check(&scope, urgency, self.clock.now())?;
        let minted = self.token(repo).await?;
        let mut answer = self.raw(method.clone(), path, &minted.token, etag).await?;
        if answer.status == StatusCode::UNAUTHORIZED && self.renew(repo, &minted).await {
            answer = self.raw(method, path, &self.token(repo).await?.token, etag).await?;
        }
        let now = self.clock.now();
        let blocked = errors::rate_limited(answer.status, &answer.headers, &answer.body, now);
        self.limits.learn(&scope, answer.status, &answer.headers, blocked, now);
        Ok(answer)
    }

    /// Reads something that must be there.
    pub async fn get<T: DeserializeOwned>(
        &self,
        repo: &Repo,
        rest: &str,
        u: Urgency,
    ) -> Result<T, OutsideError> {
        let answer = self.ask(Method::GET, repo, rest, None, u).await?;
        self.expect(&answer, repo)?.json()
    }

    /// Reads something that may be missing: 404, 409 (empty repository) and 422 (no such commit) are `None`.
    pub async fn find<T: DeserializeOwned>(
        &self,
        repo: &Repo,
        rest: &str,
        u: Urgency,
    ) -> Result<Option<T>, OutsideError> {
        let answer = self.ask(Method::GET, repo, rest, None, u).await?;
        match answer.status.as_u16() {
            404 | 409 | 422 => Ok(None),
            _ => self.expect(&answer, repo)?.json().map(Some),
        }
    }

    /// The answer, if it is a success; otherwise what it means.
    pub fn expect<'a>(&self, answer: &'a Answer, repo: &Repo) -> Result<&'a Answer, OutsideError> {
        if answer.status.is_success() || answer.status == StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        let now = self.clock.now();
        Err(errors::explain(answer.status, &answer.headers, &answer.body, &repo.to_string(), now))
    }

    async fn raw(
        &self,
        method: Method,
        path: &str,
        token: &SecretString,
        etag: Option<&str>,
    ) -> Result<Answer, OutsideError> {
        let _place = self.places.acquire().await.map_err(|_| silence("Shipgate is stopping"))?;
        let response = self.execute(method, path, token, etag).await?;
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(WHOLE_BODY, Limited::new(body, LARGEST_BODY).collect())
            .await
            .map_err(|_| silence(&format!("its answer took longer than {} s", WHOLE_BODY.as_secs())))?
            .map_err(|error| silence(&errors::chain(error.as_ref())))?;
        let body = without(token, body.to_bytes());
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// Sends one request and returns when the head of the answer is there. What is read may be elsewhere by now (a
    /// renamed repository, a log in its storage): at most three redirects are followed, where [`shipgate_outbound`]
    /// allows it, and without the token when they lead to another host. Nothing else is ever sent twice.
    pub async fn execute(
        &self,
        method: Method,
        path: &str,
        token: &SecretString,
        etag: Option<&str>,
    ) -> Result<http::Response<Body>, OutsideError> {
        let mut from = self.base.clone();
        let mut response = self.once(method.clone(), path, token, etag).await?;
        for _ in 0..REDIRECTS {
            let location = response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok());
            let Some(location) = location.filter(|_| method == Method::GET && is_redirect(response.status()))
            else {
                return Ok(response);
            };
            let hop = shipgate_outbound::hop(&self.base, &from, location).map_err(|why| {
                OutsideError::Refused { why: format!("GitHub's answer is not followed: {why}") }
            })?;
            match hop {
                Hop::Same(to) => {
                    response = self.once(Method::GET, &to.to_string(), token, etag).await?;
                    from = to;
                }
                Hop::Elsewhere(to) => return self.elsewhere(to).await,
            }
        }
        Ok(response)
    }

    /// Reads from where GitHub keeps what is large. Nothing of ours travels there, and it sends us nowhere else.
    async fn elsewhere(&self, to: Uri) -> Result<http::Response<Body>, OutsideError> {
        let sent = self.elsewhere.get(to);
        let response = tokio::time::timeout(ANSWER, sent)
            .await
            .map_err(|_| silence(&format!("timeout after {} s", ANSWER.as_secs())))?
            .map_err(|error| silence(&errors::chain(&error)))?;
        Ok(response.map(|body| body.map_err(std::io::Error::other).boxed()))
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        token: &SecretString,
        etag: Option<&str>,
    ) -> Result<http::Response<Body>, OutsideError> {
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
                OutsideError::Refused { why: "the GitHub token has characters no token has".into() }
            })?;
        bearer.set_sensitive(true);
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::AUTHORIZATION, bearer);
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let request =
            self.crab.build_request(request, None::<&()>).map_err(|error| silence(&errors::chain(&error)))?;
        let (parts, body): (_, OctoBody) = request.into_parts();
        let sent = self.crab.execute(http::Request::from_parts(parts, body));
        tokio::time::timeout(ANSWER, sent)
            .await
            .map_err(|_| silence(&format!("timeout after {} s", ANSWER.as_secs())))?
            .map(|response| response.map(|body| body.map_err(std::io::Error::other).boxed()))
            .map_err(|error| silence(&errors::chain(&error)))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// A client for addresses that GitHub names: it finds only addresses that this GitHub can have.
fn elsewhere(base: &Uri) -> Result<Elsewhere, String> {
    let mut connector = connector(Some(Reach::of(base)))?;
    connector.set_connect_timeout(Some(CONNECT));
    Ok(hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector))
}

type Elsewhere = hyper_util::client::legacy::Client<Connector, Empty<Bytes>>;

/// The body of an answer that is still coming.
pub(super) type Body = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

fn silence(how: &str) -> OutsideError {
    OutsideError::Later { why: format!("GitHub does not answer ({how})"), after: None }
}
