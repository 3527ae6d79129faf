//! One connection to Slack: opened, served, drained, closed. Not here: when to open another one.

use super::{Connected, Shared};
use crate::slack::client::reach;
use crate::slack::intake::{Failed, store};
use crate::slack::payloads::{self, Read, Refusal};
use crate::slack::{SlackSettings, count};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use shipgate_app::limits::json_fits;
use shipgate_outbound::{Names, Reach};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use tokio_util::sync::CancellationToken;

/// How long connecting, and then waiting for `hello`, may take; each.
const CONNECT: Duration = Duration::from_secs(10);
/// How often we ask whether the other side is there.
const PING: Duration = Duration::from_secs(10);
/// Without an answer to that for so long, it is not.
const NO_PONG: Duration = Duration::from_secs(30);
/// Without any frame for so long, it is not either.
const SILENCE: Duration = Duration::from_secs(75);
/// How long a replaced connection is still read, should Slack not close it.
const DRAIN: Duration = Duration::from_secs(10);
/// How long deliveries that are being stored may take to finish when a connection ends.
const FINISH: Duration = Duration::from_secs(3);
/// How long one frame may take to be written.
const WRITE: Duration = Duration::from_secs(10);
/// Deliveries of one connection that are handled at the same time.
const SIDE_BY_SIDE: usize = 64;
/// Largest message that is read.
const LARGEST: usize = 4 * 1024 * 1024;

/// What Slack says about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// It will be closed soon: open another one first.
    Replace,
    /// There are too many: this one is closed first.
    TooMany,
    /// Socket Mode is switched off.
    LinkDisabled,
}

/// A connection over which Slack has said `hello`.
pub(super) struct Line {
    ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Deliveries that came before `hello`.
    early: Vec<String>,
    connected: Connected,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    envelope_id: Option<String>,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    accepts_response_payload: bool,
    reason: Option<String>,
}

impl Line {
    /// Opens a connection and waits for `hello`. Errors name no address: it is a secret.
    pub(super) async fn connect(shared: &Shared) -> Result<Self, String> {
        let address = shared.addresses.next().await.map_err(|error| error.to_string())?;
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(LARGEST);
        config.max_frame_size = Some(LARGEST);
        let tls = Connector::Rustls(Arc::clone(&shared.tls));
        let opening = async {
            let tcp = dial(&address, reach(&shared.wiring.settings)).await?;
            client_async_tls_with_config(address.as_str(), tcp, Some(config), Some(tls)).await.ok()
        };
        let mut ws = match timeout(CONNECT, opening).await {
            Ok(Some((ws, _))) => ws,
            Ok(None) => return Err("the connection was refused or broken off".into()),
            Err(_) => return Err(format!("no answer after {} s", CONNECT.as_secs())),
        };
        let mut early = Vec::new();
        match timeout(CONNECT, hello(&mut ws, &mut early)).await {
            Ok(true) => {}
            Ok(false) => return Err("it was closed before Slack said hello".into()),
            Err(_) => return Err(format!("Slack did not say hello within {} s", CONNECT.as_secs())),
        }
        let connected = Connected::new(&shared.wiring.status, shared.wiring.clock.lease_now());
        Ok(Self { ws, early, connected })
    }

    /// Serves the connection until it ends. Slack's first notice about it goes to `notify`; after `drain` it is read
    /// until Slack closes it, at most [`DRAIN`].
    pub(super) async fn serve(
        self,
        shared: Arc<Shared>,
        notify: oneshot::Sender<Notice>,
        drain: CancellationToken,
    ) {
        let Self { mut ws, early, connected } = self;
        let mut notify = Some(notify);
        let (acks, mut to_send) = mpsc::channel::<String>(SIDE_BY_SIDE);
        let turns = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut handlers = JoinSet::new();
        let handle = |handlers: &mut JoinSet<()>, envelope: Envelope| {
            let (shared, acks, turns) = (Arc::clone(&shared), acks.clone(), Arc::clone(&turns));
            handlers.spawn(async move {
                let _turn = turns.acquire().await;
                if let Some(ack) = deliver(&shared, envelope).await {
                    // A connection that is gone takes no acknowledgement; what was stored stays stored.
                    let _ = acks.send(ack).await;
                }
            });
        };
        early.iter().filter_map(|text| parse(text)).for_each(|envelope| handle(&mut handlers, envelope));
        let mut ping = interval(PING);
        let (mut last_pong, mut last_frame) = (Instant::now(), Instant::now());
        let mut end: Option<Instant> = None;
        loop {
            tokio::select! {
                frame = ws.next() => {
                    last_frame = Instant::now();
                    match frame {
                        Some(Ok(Message::Text(text))) => match hear(&text, &mut notify) {
                            ControlFlow::Continue(Some(envelope)) => handle(&mut handlers, envelope),
                            ControlFlow::Continue(None) => {}
                            ControlFlow::Break(()) => break,
                        },
                        Some(Ok(Message::Pong(_))) => last_pong = last_frame,
                        Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                        Some(Ok(_)) => {}
                    }
                }
                Some(ack) = to_send.recv() => {
                    if !send(&mut ws, Message::text(ack)).await {
                        break;
                    }
                }
                _ = ping.tick() => {
                    let now = Instant::now();
                    if now - last_pong > NO_PONG || now - last_frame > SILENCE {
                        tracing::warn!("a socket to Slack has gone silent: opening another one");
                        break;
                    }
                    if !send(&mut ws, Message::Ping(Vec::new().into())).await {
                        break;
                    }
                }
                () = shared.stop.cancelled() => break,
                () = drain.cancelled(), if end.is_none() => end = Some(Instant::now() + DRAIN),
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
                Some(_) = handlers.join_next(), if !handlers.is_empty() => {}
            }
        }
        // Whoever waits for a notice learns now that there will be none.
        drop(notify);
        drop(connected);
        drop(acks);
        let _ = timeout(FINISH, finish(&mut ws, &mut to_send)).await;
        // What is still being stored goes on without a connection; it is not cut off half way.
        handlers.detach_all();
    }
}

/// A connection to a socket's host, at an address that Slack can have.
async fn dial(address: &str, reach: Reach) -> Option<TcpStream> {
    let uri: http::Uri = address.parse().ok()?;
    let port = uri.port_u16().unwrap_or(443);
    let found = Names(Some(reach)).find(uri.host()?, port).await.ok()?;
    let stream = TcpStream::connect(found.as_slice()).await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

/// Reads until `hello`; whatever comes before it is kept.
async fn hello(ws: &mut WebSocketStream<MaybeTlsStream<TcpStream>>, early: &mut Vec<String>) -> bool {
    while let Some(Ok(frame)) = ws.next().await {
        let Message::Text(text) = frame else { continue };
        match parse(&text).map(|e| e.kind).as_deref() {
            Some("hello") => return true,
            Some("disconnect") => return false,
            _ => early.push(text.to_string()),
        }
    }
    false
}

/// Sends what is still acknowledged, and closes.
async fn finish(ws: &mut WebSocketStream<MaybeTlsStream<TcpStream>>, to_send: &mut mpsc::Receiver<String>) {
    while let Some(ack) = to_send.recv().await {
        send(ws, Message::text(ack)).await;
    }
    let _ = ws.close(None).await;
}

async fn send(ws: &mut WebSocketStream<MaybeTlsStream<TcpStream>>, message: Message) -> bool {
    matches!(timeout(WRITE, ws.send(message)).await, Ok(Ok(())))
}

fn parse(text: &str) -> Option<Envelope> {
    json_fits(text.as_bytes()).then(|| serde_json::from_str(text).ok()).flatten()
}

/// What a frame of text delivers, if it does; a break when it is the last that is read. Slack's first notice is passed on.
fn hear(text: &str, notify: &mut Option<oneshot::Sender<Notice>>) -> ControlFlow<(), Option<Envelope>> {
    let Some(envelope) = parse(text) else {
        count("socket", "unreadable");
        return ControlFlow::Continue(None);
    };
    if envelope.kind != "disconnect" {
        return ControlFlow::Continue(Some(envelope));
    }
    let notice = notice(envelope.reason.as_deref());
    tracing::info!(?notice, "Slack asks for a change of sockets");
    if let Some(notify) = notify.take() {
        let _ = notify.send(notice);
    }
    if notice == Notice::Replace { ControlFlow::Continue(None) } else { ControlFlow::Break(()) }
}

fn notice(reason: Option<&str>) -> Notice {
    match reason {
        Some("link_disabled") => Notice::LinkDisabled,
        Some("too_many_websockets") => Notice::TooMany,
        // "warning", "refresh_requested", and whatever Slack may think of later.
        _ => Notice::Replace,
    }
}

/// What an envelope delivers.
fn judge(envelope: &Envelope, id: &str, settings: &SlackSettings) -> (&'static str, Result<Read, Refusal>) {
    match envelope.kind.as_str() {
        "slash_commands" => ("command", payloads::slash(settings, &envelope.payload, id.to_owned())),
        "interactive" => ("interaction", payloads::interaction(settings, &envelope.payload)),
        "events_api" => ("event", payloads::event(settings, &envelope.payload)),
        _ => ("socket", Err(Refusal::Unreadable)),
    }
}

/// Reads the text of a frame as what it delivers.
pub(in crate::slack) fn read(text: &str, settings: &SlackSettings) -> Option<Read> {
    let envelope = parse(text)?;
    let id = envelope.envelope_id.clone()?;
    judge(&envelope, &id, settings).1.ok()
}

/// Stores a delivery; the acknowledgement, where Slack is to have one. What is not for us is acknowledged too, or it
/// would come again.
async fn deliver(shared: &Shared, envelope: Envelope) -> Option<String> {
    let id = envelope.envelope_id.clone()?;
    let settings = &shared.wiring.settings;
    let (kind, read) = judge(&envelope, &id, settings);
    let errors = |errors: Value| json!({"response_action": "errors", "errors": errors});
    let payload = match store(shared.wiring.sink.as_ref(), kind, read).await {
        Ok(Read::Missing(missing)) => Some(errors(json!(missing))),
        Ok(_) | Err(Failed::Refused(_)) => None,
        Err(Failed::NotTaken { complaint, .. }) if !complaint.is_empty() => Some(errors(json!(complaint))),
        Err(Failed::NotTaken { say, .. }) if kind == "command" => Some(json!({"text": say})),
        // No acknowledgement: an event comes again, and the person who clicked sees that it did not work.
        Err(Failed::NotTaken { may_come_again: false, .. }) if kind == "event" => None,
        Err(Failed::NotTaken { .. }) => return None,
    };
    let mut ack = json!({"envelope_id": id});
    if let Some(payload) = payload {
        if !envelope.accepts_response_payload {
            return None;
        }
        ack["payload"] = payload;
    }
    Some(ack.to_string())
}
