//! The HTTP server under both models: it can close a connection without an answer, which routers cannot.
//! What is answered is not decided here.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A request as a model saw it.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path as sent, still percent-encoded, without the query.
    pub path: String,
    /// The query as sent, without `?`.
    pub query: String,
    /// Header names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, as text (bytes that are not UTF-8 are replaced).
    pub body: String,
    /// The status answered; `None` when the connection was closed instead.
    pub status: Option<u16>,
}

impl Call {
    /// The first value of a header, whatever the case of `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, `Null` when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The first value of a query parameter, decoded.
    pub fn query_value(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, v)| v.into_owned())
    }

    pub(crate) async fn read(request: hyper::Request<Incoming>) -> Option<Self> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        Some(Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            status: None,
        })
    }
}

/// An answer before it becomes HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub content_type: &'static str,
    pub body: Bytes,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "application/json; charset=utf-8",
            body: body.to_string().into(),
        }
    }

    pub fn text(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), content_type, body: body.into() }
    }

    pub fn html(status: u16) -> Self {
        Self::text(
            status,
            "text/html; charset=utf-8",
            "<!doctype html><title>Sorry</title><p>Back in a moment.",
        )
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status);
        if !self.body.is_empty() {
            response = response.header("content-type", self.content_type);
        }
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response
            .body(Body::from(self.body))
            .unwrap_or_else(|_| Response::new(Body::from("unprintable answer")))
    }
}

pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

#[derive(Debug, thiserror::Error)]
#[error("the model closes the connection on purpose")]
struct ClosedOnPurpose;

/// Serves until `stop`; then open connections break off, as they do when a machine fails. `None` closes the
/// connection without an answer.
pub(crate) fn serve<F, Fut>(listener: TcpListener, stop: CancellationToken, answer: F)
where
    F: Fn(hyper::Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Option<Response>> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(_) => continue,
                },
            };
            let _ = stream.set_nodelay(true);
            let (answer, stop) = (answer.clone(), stop.clone());
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request| {
                    let answer = answer(request);
                    async move { answer.await.ok_or(ClosedOnPurpose) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades();
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = connection => {}
                }
            });
        }
    });
}

/// Decodes `%41` in one part of a path. A plus sign stays a plus sign.
pub(crate) fn percent_decoded(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (bytes[at], pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
