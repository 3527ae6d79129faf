//! Whether built things are where the settings say: files behind an address, images in a registry. Without any
//! credentials: what needs a login cannot be read. Not here: what follows from it.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use shipgate_app::ports::{Artifacts, OutsideError};
use shipgate_outbound::{Connector, Hop, Reach, connector, hop};
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(10);
/// Most redirects that are followed for one question.
const REDIRECTS: usize = 3;
/// A registry's token is a few kilobytes.
const LARGEST_TOKEN: usize = 256 * 1024;
/// Kinds of manifests that an image may have (OCI Image Specification; Docker Image Manifest V2).
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

type Client = hyper_util::client::legacy::Client<Connector, Empty<Bytes>>;

/// Looks for files and images with the addresses that the settings give.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shelves;

/// What came, without its body unless that was wanted.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

#[async_trait]
impl Artifacts for Shelves {
    async fn is_there(&self, address: &str) -> Result<bool, OutsideError> {
        let uri: Uri = address.parse().map_err(|_| refused(format!("{address} is not an address")))?;
        let mut answer = ask(&uri, &uri, Method::HEAD, None).await?;
        // Some shelves know only GET.
        if matches!(answer.status.as_u16(), 405 | 501) {
            answer = ask(&uri, &uri, Method::GET, None).await?;
        }
        told(&answer, uri.host().unwrap_or(address))
    }

    async fn has_image(&self, image: &str) -> Result<bool, OutsideError> {
        let (host, name, tag) =
            parts(image).ok_or_else(|| refused(format!("{image} is no image with a tag")))?;
        let own: Uri =
            format!("http://{host}/").parse().map_err(|_| refused(format!("{host} is no host")))?;
        // Without TLS only on this machine.
        let scheme = if Reach::of(&own) == Reach::Local { "http" } else { "https" };
        let uri: Uri = format!("{scheme}://{host}/v2/{name}/manifests/{tag}")
            .parse()
            .map_err(|_| refused(format!("{image} is no image with a tag")))?;
        let mut answer = ask(&uri, &uri, Method::HEAD, None).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let token = token(&uri, &answer.headers).await?;
            answer = ask(&uri, &uri, Method::HEAD, Some(&token)).await?;
        }
        told(&answer, host)
    }
}

/// What an answer means: only success and a clear “not there” are answers.
fn told(answer: &Answer, host: &str) -> Result<bool, OutsideError> {
    match answer.status.as_u16() {
        200..=299 => Ok(true),
        404 | 410 => Ok(false),
        401 | 403 => {
            let why =
                format!("{host} wants a login ({}), and Shipgate has none for it", answer.status.as_u16());
            Err(refused(why))
        }
        status => Err(later(format!("{host} answered with {status}"))),
    }
}

/// Registry, name, and tag or digest.
fn parts(image: &str) -> Option<(&str, &str, &str)> {
    let (host, rest) = image.split_once('/')?;
    let (name, tag) = rest.split_once('@').or_else(|| rest.rsplit_once(':'))?;
    let is_plain = |text: &str, more: &[u8]| {
        !text.is_empty()
            && !text.split('/').any(|part| part.is_empty() || part == "." || part == "..")
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b) || more.contains(&b))
    };
    (is_plain(name, b"/") && is_plain(tag, b":")).then_some((host, name, tag))
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// A token that the registry gives to everybody (Distribution Specification, “Token Authentication”).
async fn token(registry: &Uri, headers: &HeaderMap) -> Result<HeaderValue, OutsideError> {
    let host = registry.host().unwrap_or_default();
    let challenge = headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let challenge = challenge
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| refused(format!("{host} wants a login, and Shipgate has none for it")))?;
    let part = |name: &str| {
        let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
        challenge[start..].split('"').next()
    };
    let realm = part("realm").ok_or_else(|| later(format!("{host} does not say where it gives tokens")))?;
    // Finished before anything is awaited: it cannot move between threads.
    let query = {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in ["service", "scope"] {
            if let Some(value) = part(name) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    };
    let join = if realm.contains('?') { '&' } else { '?' };
    let place = match hop(registry, registry, &format!("{realm}{join}{query}")) {
        Ok(Hop::Same(to) | Hop::Elsewhere(to)) => to,
        Err(why) => {
            return Err(refused(format!("{host} gives its tokens where Shipgate does not go: {why}")));
        }
    };
    let answer = ask(registry, &place, Method::GET, None).await?;
    let read: Option<Token> =
        answer.status.is_success().then(|| serde_json::from_slice(&answer.body).ok()).flatten();
    let token = read.and_then(|read| read.token.or(read.access_token));
    let token = token.ok_or_else(|| refused(format!("{host} gives no token without a login")))?;
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| later(format!("{host} gave a token that is none")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Asks once and follows a few redirects, where they may lead, and there without the token.
async fn ask(
    base: &Uri,
    address: &Uri,
    method: Method,
    token: Option<&HeaderValue>,
) -> Result<Answer, OutsideError> {
    let (mut to, mut token) = (address.clone(), token);
    // The configured host may be anywhere; where it sends us may not.
    let mut reach = (address.authority() != base.authority()).then(|| Reach::of(base));
    for _ in 0..=REDIRECTS {
        let answer = tokio::time::timeout(ANSWER, once(&to, &method, token, reach))
            .await
            .map_err(|_| later(format!("{} does not answer (timeout)", to.host().unwrap_or_default())))??;
        if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(answer);
        }
        let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| later("it redirects to nowhere".to_owned()))?;
        match hop(base, &to, location).map_err(|why| refused(format!("the answer is not followed: {why}")))? {
            Hop::Same(next) => to = next,
            Hop::Elsewhere(next) => {
                (to, token, reach) = (next, None, Some(Reach::of(base)));
            }
        }
    }
    Err(later(format!("{} redirects too often", address.host().unwrap_or_default())))
}

async fn once(
    to: &Uri,
    method: &Method,
    token: Option<&HeaderValue>,
    reach: Option<Reach>,
) -> Result<Answer, OutsideError> {
    let host = to.host().unwrap_or_default().to_owned();
    let mut request = http::Request::builder()
        .method(method.clone())
        .uri(to.clone())
        .header(header::ACCEPT, format!("{MANIFESTS}, */*"))
        .header(header::USER_AGENT, "shipgate");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token);
    }
    let request = request.body(Empty::new()).map_err(|error| refused(format!("{host}: {error}")))?;
    let response = client(reach)?
        .request(request)
        .await
        .map_err(|error| later(format!("{host} does not answer ({error})")))?;
    let (parts, body) = response.into_parts();
    // The body matters only where a token is in it. An artifact itself may be huge, and is left where it is.
    let is_small = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let body = if *method == Method::GET && is_small {
        let read = Limited::new(body, LARGEST_TOKEN).collect().await;
        read.map(http_body_util::Collected::to_bytes).unwrap_or_default()
    } else {
        Bytes::new()
    };
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}

fn client(reach: Option<Reach>) -> Result<Client, OutsideError> {
    let connector = connector(reach).map_err(refused)?;
    Ok(hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector))
}

fn refused(why: String) -> OutsideError {
    OutsideError::Refused { why }
}

fn later(why: String) -> OutsideError {
    OutsideError::Later { why, after: None }
}

#[cfg(test)]
mod tests;
