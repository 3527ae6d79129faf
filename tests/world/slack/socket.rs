//! Socket Mode: tickets, connections, envelopes and their acknowledgement. Which input is delivered is decided in
//! `people.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::Slack;
use super::people::Kind;
use crate::client::Delivery;
use crate::locked;
use crate::serve::Answer;

/// Slack allows ten connections per app.
const MOST_SOCKETS: usize = 10;
const ACK_WITHIN: Duration = Duration::from_secs(3);

/// An event that was not acknowledged and will be sent again.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub payload: Value,
    pub attempts: u32,
    pub reason: &'static str,
}

#[derive(Debug)]
enum Order {
    Send(Value),
    Close,
    /// Stop reading and writing without closing: a connection that a firewall forgot.
    Freeze,
}

/// Acknowledgements somebody waits for, by envelope id.
type Acks = Arc<Mutex<HashMap<String, oneshot::Sender<Value>>>>;

/// One open connection.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    id: u64,
    orders: mpsc::Sender<Order>,
    acks: Acks,
    refreshing: bool,
}

impl Slack {
    /// Open Socket Mode connections.
    pub fn sockets(&self) -> usize {
        locked(&self.0.state).sockets.len()
    }

    /// Slack refreshes every open connection: a `disconnect` frame with `reason` (`warning` or
    /// `refresh_requested`), then the connection closes after `grace`. Until then it gets new input only where there
    /// is no other connection.
    pub fn rotate(&self, reason: &str, grace: Duration) {
        let ids: Vec<u64> = {
            let mut state = locked(&self.0.state);
            state.sockets.iter_mut().for_each(|socket| socket.refreshing = true);
            state.sockets.iter().map(|socket| socket.id).collect()
        };
        for id in ids {
            self.disconnect(id, reason, grace);
        }
    }

    /// Like [`Slack::rotate`] for the oldest connection only.
    pub fn rotate_one(&self, reason: &str, grace: Duration) {
        let id =
            locked(&self.0.state).sockets.iter().find(|socket| !socket.refreshing).map(|socket| socket.id);
        if let Some(id) = id {
            self.disconnect(id, reason, grace);
        }
    }

    /// Socket Mode is switched off for the app: `link_disabled`, then every connection closes.
    pub fn disable_link(&self) {
        self.rotate("link_disabled", Duration::ZERO);
    }

    /// All open connections go silent without closing, until they are rotated.
    pub fn freeze_sockets(&self) {
        for socket in &locked(&self.0.state).sockets {
            let _ = socket.orders.try_send(Order::Freeze);
        }
    }

    fn disconnect(&self, id: u64, reason: &str, grace: Duration) {
        let orders = {
            let mut state = locked(&self.0.state);
            let Some(socket) = state.sockets.iter_mut().find(|socket| socket.id == id) else { return };
            socket.refreshing = true;
            socket.orders.clone()
        };
        let _ = orders.try_send(Order::Send(disconnect_frame(reason)));
        tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            let _ = orders.send(Order::Close).await;
        });
    }

    /// Sends one envelope over one open connection and waits for its acknowledgement.
    pub(super) async fn deliver_by_socket(&self, kind: Kind, payload: &Value, attempt: u32) -> Delivery {
        let started = Instant::now();
        let (envelope, chosen) = {
            let mut state = locked(&self.0.state);
            let id = format!("{:08x}-0000-4000-8000-000000000000", state.serial());
            let mut envelope = json!({
                "envelope_id": id, "type": kind.envelope(), "payload": payload,
                "accepts_response_payload": accepts_answer(kind, payload),
            });
            if kind == Kind::Event {
                envelope["retry_attempt"] = json!(attempt);
                envelope["retry_reason"] = json!(if attempt > 0 { "timeout" } else { "" });
            }
            state.next_socket += 1;
            let fresh: Vec<&Socket> = state.sockets.iter().filter(|socket| !socket.refreshing).collect();
            let usable = if fresh.is_empty() { state.sockets.iter().collect() } else { fresh };
            let chosen = state.next_socket.checked_rem(usable.len()).map(|at| usable[at].clone());
            (envelope, chosen.map(|socket| (socket, id)))
        };
        let Some((socket, id)) = chosen else {
            return Delivery::failed("no connection is open", started.elapsed());
        };
        let (tell, told) = oneshot::channel();
        locked(&socket.acks).insert(id.clone(), tell);
        if socket.orders.send(Order::Send(envelope.clone())).await.is_err() {
            return Delivery::failed("the connection closed", started.elapsed());
        }
        match tokio::time::timeout(ACK_WITHIN, told).await {
            Err(_) => {
                locked(&socket.acks).remove(&id);
                Delivery::failed("timeout", started.elapsed())
            }
            Ok(Err(_)) => {
                Delivery::failed("the connection closed before the acknowledgement", started.elapsed())
            }
            Ok(Ok(ack)) => {
                let answer = &ack["payload"];
                if !answer.is_null() && envelope["accepts_response_payload"] != true {
                    self.complain(format!(
                        "slack: the acknowledgement of {} may not carry a payload",
                        kind.envelope()
                    ));
                }
                let body = if answer.is_null() { String::new() } else { answer.to_string() };
                Delivery::acked(body, started.elapsed())
            }
        }
    }

    /// Answers a request for `/link`: a ticket opens one connection, once.
    pub(super) async fn link(&self, request: hyper::Request<Incoming>) -> Response {
        let (mut parts, _) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let ticket =
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ticket").map(|(_, v)| v);
        {
            let mut state = locked(&self.0.state);
            let Some(at) = state.tickets.iter().position(|known| Some(known.as_str()) == ticket.as_deref())
            else {
                return Answer::text(404, "text/plain", "this ticket is unknown or was used").into_response();
            };
            state.tickets.remove(at);
        }
        let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => upgrade,
            Err(rejection) => return rejection.into_response(),
        };
        let slack = self.clone();
        upgrade.on_upgrade(move |socket| async move {
            tokio::select! {
                () = slack.0.stop.cancelled() => {}
                () = slack.hold(socket) => {}
            }
        })
    }

    async fn hold(&self, mut ws: WebSocket) {
        let (orders, mut inbox) = mpsc::channel(1024);
        let acks = Acks::default();
        let app = &self.config().app;
        let joined = {
            let mut state = locked(&self.0.state);
            let count = state.sockets.len();
            (count < MOST_SOCKETS).then(|| {
                let id = state.serial();
                (Socket { id, orders, acks: acks.clone(), refreshing: false }, count + 1)
            })
        };
        let Some((socket, count)) = joined else {
            let _ = ws.send(text(&disconnect_frame("too_many_websockets"))).await;
            let _ = ws.send(Frame::Close(None)).await;
            return;
        };
        let id = socket.id;
        let hello = json!({
            "type": "hello", "num_connections": count, "connection_info": {"app_id": app},
            "debug_info": {"host": "applink-test", "build_number": 1, "approximate_connection_time": 18060},
        });
        if ws.send(text(&hello)).await.is_err() {
            return;
        }
        locked(&self.0.state).sockets.push(socket);
        self.0.changes.tell();
        let slack = self.clone();
        tokio::spawn(async move {
            let by_socket = locked(&slack.0.state).by_socket;
            if by_socket {
                slack.retry_events().await;
            }
        });
        let (mut out, mut incoming) = ws.split();
        loop {
            tokio::select! {
                order = inbox.recv() => match order {
                    Some(Order::Send(frame)) => if out.send(text(&frame)).await.is_err() { break },
                    Some(Order::Freeze) => {
                        while !matches!(inbox.recv().await, Some(Order::Close) | None) {}
                        break;
                    }
                    Some(Order::Close) | None => {
                        let _ = out.send(Frame::Close(None)).await;
                        break;
                    }
                },
                frame = incoming.next() => match frame {
                    Some(Ok(Frame::Text(frame))) => self.acknowledge(&frame, &acks),
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
            }
        }
        locked(&self.0.state).sockets.retain(|socket| socket.id != id);
        self.0.changes.tell();
        // Whoever waits for an acknowledgement over this connection learns that there will be none.
        locked(&acks).clear();
    }

    fn acknowledge(&self, frame: &str, acks: &Acks) {
        let ack: Value = serde_json::from_str(frame).unwrap_or_default();
        let Some(id) = ack["envelope_id"].as_str() else {
            self.complain("slack: a frame without envelope_id came over the socket");
            return;
        };
        if let Some(tell) = locked(acks).remove(id) {
            let _ = tell.send(ack);
        }
    }
}

fn accepts_answer(kind: Kind, payload: &Value) -> bool {
    kind == Kind::Slash || (kind == Kind::Interactive && payload["type"] == "view_submission")
}

fn disconnect_frame(reason: &str) -> Value {
    json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-test"}})
}

fn text(frame: &Value) -> Frame {
    Frame::Text(frame.to_string().into())
}
