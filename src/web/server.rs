//! The server under all routes: how many connections, how large heads are, how long anything may take, and which
//! requests are too odd to be looked at. Not here: any route; the size of bodies, which each route knows.

mod heads;
mod hosts;
mod slow;

pub use hosts::Hosts;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use heads::{Heads, Reading, Said};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use slow::{Arriving, Writing};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at the same time; one more is told so and closed.
pub const CONNECTIONS: usize = 512;
/// Largest head of a request: its line and all header fields.
pub const LARGEST_HEAD: usize = 16 * 1024;
/// Most header fields.
pub const MOST_FIELDS: usize = 64;
/// How long a head may take to arrive, and how long a connection may rest between requests.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a whole body may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(10);
/// How long the other side may take nothing of an answer.
pub const WRITE_TIME: Duration = Duration::from_secs(10);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-length: 50\r\n\r\nToo many connections are open. Try again shortly.\n";

/// Serves those who call it by one of `hosts` until `stop`; then takes no new connections, and returns when the
/// requests in hand are answered.
pub async fn serve(listener: TcpListener, routes: Router, hosts: Hosts, stop: CancellationToken) {
    let routes = routes.layer(middleware::from_fn_with_state(hosts, plain_requests_only));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                wait_for_room(&error).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            refused("connections");
            open.spawn(turn_away(stream));
            continue;
        };
        let (routes, stop) = (routes.clone(), stop.clone());
        open.spawn(async move {
            converse(stream, routes, stop).await;
            drop(place);
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// One connection, to its end.
async fn converse(stream: TcpStream, routes: Router, stop: CancellationToken) {
    // Answers are small and complete: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let heads = Heads::default();
    let stream = Reading::new(Writing::new(stream), heads.clone());
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |mut request: axum::http::Request<Incoming>| {
        request.extensions_mut().insert(heads.clone());
        routes.call(request)
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(conversation);
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = stop.cancelled() => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        refused(why(&error));
        tracing::debug!(%error, "a connection ended early");
    }
}

fn why(error: &hyper::Error) -> &'static str {
    if error.is_parse_too_large() {
        "large_head"
    } else if error.is_parse() {
        "malformed"
    } else if error.is_timeout() {
        "slow_head"
    } else {
        "broken_off"
    }
}

/// Says that there is no room, to whoever listens; no longer than it takes.
async fn turn_away(mut stream: TcpStream) {
    let said = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), said).await;
}

/// Without file descriptors, accepting fails again at once: a moment's rest lets others give some back.
async fn wait_for_room(error: &std::io::Error) {
    use std::io::ErrorKind as K;
    if matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused) {
        return;
    }
    refused("accept");
    tracing::error!("cannot take a connection: {error}");
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Refuses what no platform and no browser sends us and what servers in a row read in different ways (RFC 9112 §11.2):
/// two lengths, a length and chunks, other methods, other forms of address, no host or several.
async fn plain_requests_only(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let said = request.extensions().get::<Heads>().and_then(Heads::next);
    let odd = unclear_length(said, request.headers())
        .or_else(|| oddity(request.method(), request.uri(), request.version(), request.headers()))
        .map(|(status, why)| ("odd_request", status, why))
        .or_else(|| foreign(&hosts, &request));
    let mut response = match odd {
        None => next.run(request.map(|body| Body::new(Arriving::new(body)))).await,
        Some((reason, status, why)) => {
            refused(reason);
            (status, format!("{why}\n")).into_response()
        }
    };
    // What follows on this connection may be the rest of what was not understood; and what follows chunks is not looked
    // at (`heads`).
    if odd.is_some() || said == Some(Said::Chunks) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Refuses a head that says twice how long its request is, and one that was read in two ways.
fn unclear_length(said: Option<Said>, seen: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let has_chunks = seen.contains_key(header::TRANSFER_ENCODING);
    match said {
        Some(Said::Chunks) if has_chunks => None,
        Some(Said::Length(_)) if !has_chunks => None,
        _ => Some((StatusCode::BAD_REQUEST, "A request says once, and in one way, how long it is.")),
    }
}

/// Whether a request calls the server by a name that is none of its own. Without a name it comes from no browser.
fn foreign(hosts: &Hosts, request: &Request) -> Option<(&'static str, StatusCode, &'static str)> {
    let host = request.headers().get(header::HOST)?;
    let is_ours = host.to_str().is_ok_and(|host| hosts.may_be_called(host, request.uri().path()));
    let why = "Shipgate is not called by this name, so nothing was done: another site may have let its name point here. \
               Open it by its numeric address, or by the name in [http] public_url; whoever runs it can add names under \
               [http] hosts, and to the demo with --host.";
    (!is_ours).then_some(("foreign_host", StatusCode::MISDIRECTED_REQUEST, why))
}

fn oddity(
    method: &Method,
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Option<(StatusCode, &'static str)> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    let fields = |name| headers.get_all(name).iter();
    if !matches!(*method, Method::GET | Method::HEAD | Method::POST) {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "Only GET, HEAD and POST are understood here."));
    }
    if uri.authority().is_some() || !uri.path().starts_with('/') {
        return Some((BAD, "The address must begin with a slash: this is no proxy."));
    }
    if uri.path().len() > 1024 {
        return Some((StatusCode::URI_TOO_LONG, "The address is longer than any here."));
    }
    let hosts = fields(header::HOST).count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        return Some((BAD, "A request names its host once."));
    }
    if fields(header::TRANSFER_ENCODING).any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Some((StatusCode::NOT_IMPLEMENTED, "Chunks are the one transfer encoding understood here."));
    }
    if fields(header::TRANSFER_ENCODING).count() > 1 {
        return Some((BAD, "A request says once that it comes in chunks."));
    }
    if fields(header::CONTENT_TYPE).count() > 1 || headers.contains_key(header::CONTENT_ENCODING) {
        return Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, "One content type, and no content encoding."));
    }
    None
}

/// Counts what was not let in, by a word of ours.
fn refused(reason: &'static str) {
    metrics::counter!("shipgate_http_refused_total", "reason" => reason).increment(1);
}
