//! Fetches a calendar: bounded in time, size and redirects, and only from where its address can lead. Not here: what is
//! in it.

use crate::LARGEST;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::SignedDuration;
use shipgate_app::ports::OutsideError;
use shipgate_outbound::{Connector, Hop, Reach, connector, hop};
use std::error::Error;
use std::time::Duration;

/// For one calendar, redirects and all.
pub(crate) const WHOLE: Duration = Duration::from_secs(20);
const REDIRECTS: usize = 3;

type Plain = Client<Connector, Empty<Bytes>>;

/// What came: the head and the whole body.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Clients for where the operator points, and for where answers point from there.
pub(crate) struct Web {
    configured: Plain,
    public: Plain,
    private: Plain,
    local: Plain,
}

impl Web {
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            configured: client(None)?,
            public: client(Some(Reach::Public))?,
            private: client(Some(Reach::Private))?,
            local: client(Some(Reach::Local))?,
        })
    }

    /// The text behind an address, and by what the other side knows it. None when it still is what it was.
    pub async fn calendar(
        &self,
        url: &str,
        known: Option<&str>,
    ) -> Result<Option<(String, Option<String>)>, OutsideError> {
        let base: Uri = url.parse().map_err(|_| refused("its address cannot be read"))?;
        let answer =
            tokio::time::timeout(WHOLE, self.follow(&base, known)).await.map_err(|_| too_slow())??;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(None),
            _ => return Err(trouble(&answer)),
        }
        let text = String::from_utf8(answer.body.to_vec()).map_err(|_| refused("it is not UTF-8"))?;
        Ok(Some((text, mark(&answer.headers))))
    }

    async fn follow(&self, base: &Uri, known: Option<&str>) -> Result<Answer, OutsideError> {
        let reach = Reach::of(base);
        let (mut at, mut client) = (base.clone(), &self.configured);
        let mut headers = conditions(known);
        for _ in 0..=REDIRECTS {
            let answer = self.get(client, &at, headers.clone()).await?;
            if !answer.status.is_redirection() || answer.status == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let to = answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
            match hop(base, &at, to).map_err(|why| refused(why.to_string()))? {
                Hop::Same(to) => (at, client) = (to, &self.configured),
                Hop::Elsewhere(to) => {
                    client = match reach {
                        Reach::Public => &self.public,
                        Reach::Private => &self.private,
                        Reach::Local => &self.local,
                    };
                    // Nothing of ours travels on, also not by what the first side knows us.
                    (at, headers) = (to, HeaderMap::new());
                }
            }
        }
        Err(refused(format!("it redirects more than {REDIRECTS} times")))
    }

    /// One question to where the operator points, with no redirect.
    pub async fn ask(&self, uri: &Uri, headers: HeaderMap) -> Result<Answer, OutsideError> {
        tokio::time::timeout(WHOLE, self.get(&self.configured, uri, headers)).await.map_err(|_| too_slow())?
    }

    async fn get(&self, client: &Plain, uri: &Uri, headers: HeaderMap) -> Result<Answer, OutsideError> {
        let mut request = Request::get(uri.clone())
            .body(Empty::new())
            .map_err(|_| refused("its address cannot be read"))?;
        *request.headers_mut() = headers;
        let agent = HeaderValue::from_static(concat!("shipgate/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        let response = client.request(request).await.map_err(|error| {
            // The outer errors only say that something failed; the innermost says what.
            let mut cause: &dyn Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            later(format!("it cannot be reached: {cause}"))
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(|error| {
            if error.downcast_ref::<http_body_util::LengthLimitError>().is_some() {
                refused("it is larger than 2 MB")
            } else {
                later(format!("its answer broke off: {error}"))
            }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

fn client(reach: Option<Reach>) -> Result<Plain, String> {
    let connector = connector(reach)?;
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

/// How an ETag and a date are kept: the first is the better one.
fn mark(headers: &HeaderMap) -> Option<String> {
    let kept = |name: HeaderName, kind: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        (value.len() <= 500).then(|| format!("{kind} {value}"))
    };
    kept(header::ETAG, "etag").or_else(|| kept(header::LAST_MODIFIED, "date"))
}

fn conditions(known: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some((kind, value)) = known.and_then(|known| known.split_once(' ')) else { return headers };
    let name = if kind == "etag" { header::IF_NONE_MATCH } else { header::IF_MODIFIED_SINCE };
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
    headers
}

/// What an answer that is none says.
pub(crate) fn trouble(answer: &Answer) -> OutsideError {
    let status = answer.status;
    let why = format!("it answers {status}");
    let after = answer.headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok());
    let after = after.and_then(|after| after.parse().ok()).map(SignedDuration::from_secs);
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || after.is_some() {
        OutsideError::Later { why, after }
    } else {
        OutsideError::Refused { why }
    }
}

pub(crate) fn refused(why: impl Into<String>) -> OutsideError {
    OutsideError::Refused { why: why.into() }
}

pub(crate) fn too_slow() -> OutsideError {
    later(format!("no answer within {} s", WHOLE.as_secs()))
}

fn later(why: String) -> OutsideError {
    OutsideError::Later { why, after: None }
}
