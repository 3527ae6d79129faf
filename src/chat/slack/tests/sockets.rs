//! Sockets against a small stand-in that keeps replacing them.

use super::{Fixed, Kept, secrets, settings};
use crate::slack::socket::{SocketStatus, Stopped, Wiring, run};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use shipgate_app::inbound::Content;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Deliveries in all.
const ALL: usize = 300;
/// Deliveries before a socket announces its end, and after that.
const BEFORE: usize = 10;
const AFTER: usize = 5;

struct Stand {
    address: String,
    next: AtomicUsize,
    opened: AtomicUsize,
    acked: mpsc::UnboundedSender<String>,
    reason: &'static str,
}

async fn stand(reason: &'static str) -> (String, Arc<Stand>, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (acked, acks) = mpsc::unbounded_channel();
    let (next, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stand = Arc::new(Stand { address: address.clone(), next, opened, acked, reason });
    let app = Router::new()
        .route("/api/apps.connections.open", post(open))
        .route("/link", get(link))
        .with_state(Arc::clone(&stand));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/api"), stand, acks)
}

async fn open(State(stand): State<Arc<Stand>>) -> axum::Json<Value> {
    axum::Json(json!({"ok": true, "url": format!("ws://{}/link", stand.address)}))
}

async fn link(State(stand): State<Arc<Stand>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| serve(stand, socket))
}

/// Says hello, delivers, announces its end, delivers some more, waits for all acknowledgements, closes.
async fn serve(stand: Arc<Stand>, mut socket: WebSocket) {
    stand.opened.fetch_add(1, Ordering::SeqCst);
    let text = |value: Value| Message::Text(value.to_string().into());
    if socket.send(text(json!({"type": "hello"}))).await.is_err() {
        return;
    }
    let mut open = BTreeSet::new();
    for turn in 0..BEFORE + AFTER {
        if turn == BEFORE {
            let _ = socket.send(text(json!({"type": "disconnect", "reason": stand.reason}))).await;
        }
        let number = stand.next.fetch_add(1, Ordering::SeqCst);
        if number >= ALL {
            break;
        }
        let envelope = json!({"type": "slash_commands", "envelope_id": format!("e{number}"),
            "accepts_response_payload": true, "payload": {
                "team_id": "T0TEAM", "api_app_id": "A0APP", "user_id": "U0ADA", "command": "/deploy",
                "text": number.to_string()}});
        if socket.send(text(envelope)).await.is_err() {
            return;
        }
        open.insert(format!("e{number}"));
    }
    while !open.is_empty() || stand.next.load(Ordering::SeqCst) >= ALL {
        let Some(Ok(message)) = socket.recv().await else { return };
        if let Message::Text(ack) = message {
            let ack: Value = serde_json::from_str(&ack).unwrap();
            let id = ack["envelope_id"].as_str().unwrap().to_owned();
            open.remove(&id);
            let _ = stand.acked.send(id);
        }
    }
}

fn wiring(api: &str, sink: &Arc<Kept>, status: &Arc<SocketStatus>) -> Wiring {
    Wiring {
        settings: settings(api),
        sink: Arc::clone(sink) as _,
        clock: Arc::new(Fixed),
        random: Arc::new(Fixed),
        status: Arc::clone(status),
    }
}

#[tokio::test]
async fn sockets_that_are_replaced_under_load_lose_nothing() {
    let (api, stand, mut acks) = stand("refresh_requested").await;
    let (sink, status, stop) =
        (Arc::new(Kept::default()), Arc::new(SocketStatus::default()), CancellationToken::new());
    let (wiring, secrets, asked) = (wiring(&api, &sink, &status), secrets(), stop.clone());
    let running = tokio::spawn(async move { run(wiring, &secrets, asked).await });
    let mut acked = BTreeSet::new();
    while acked.len() < ALL {
        acked.insert(acks.recv().await.unwrap());
    }
    assert!(status.last_hello().is_some());
    assert!(stand.opened.load(Ordering::SeqCst) >= ALL / (BEFORE + AFTER));
    stop.cancel();
    assert_eq!(running.await.unwrap().unwrap(), Stopped::Asked);
    assert_eq!(status.connected(), 0);
    let taken = sink.taken.lock().unwrap();
    let texts: BTreeSet<String> = taken
        .iter()
        .map(|inbound| match &inbound.content {
            Content::Slash { text, .. } => text.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts.len(), ALL);
    assert_eq!(taken.len(), ALL);
}

#[tokio::test]
async fn a_disabled_link_ends_the_sockets_for_good() {
    let (api, _stand, _acks) = stand("link_disabled").await;
    let (sink, status) = (Arc::new(Kept::default()), Arc::new(SocketStatus::default()));
    let ended = run(wiring(&api, &sink, &status), &secrets(), CancellationToken::new()).await;
    assert_eq!(ended.unwrap(), Stopped::LinkDisabled);
}
