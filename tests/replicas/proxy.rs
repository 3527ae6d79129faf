//! A wire between a replica and the database that can be cut, frozen, slowed, and made to swallow the answer to a
//! COMMIT. Not here: when any of that happens (`trouble`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// How the wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Everything passes.
    Whole,
    /// Everything passes late.
    Slow(Duration),
    /// Nothing passes, nothing ends: as if a firewall had forgotten the connections.
    Frozen,
    /// New connections end at once.
    Refused,
}

/// A wire to the database. Dropped, it is cut.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    _listening: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct State {
    server: AtomicU16,
    wire: watch::Sender<Wire>,
    /// Rises with every cut.
    cuts: watch::Sender<u64>,
    /// So many answers to a COMMIT are still to be swallowed.
    to_swallow: AtomicU64,
    swallowed: AtomicU64,
}

impl Proxy {
    /// A whole wire to a port of this machine.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback ports are free");
        let address = listener.local_addr().expect("it listens");
        let state = Arc::new(State {
            server: AtomicU16::new(server),
            wire: watch::Sender::new(Wire::Whole),
            cuts: watch::Sender::new(0),
            to_swallow: AtomicU64::new(0),
            swallowed: AtomicU64::new(0),
        });
        let listening = AbortOnDropHandle::new(tokio::spawn(listen(listener, state.clone())));
        Self { address, state, _listening: listening }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Makes the wire so from now on, for connections that are open too.
    pub fn set(&self, wire: Wire) {
        self.state.wire.send_replace(wire);
    }

    /// Ends every open connection at once.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// The next COMMIT reaches the server and is carried out; its answer is lost with the connection.
    pub fn swallow_next_commit(&self) {
        self.state.to_swallow.fetch_add(1, Ordering::SeqCst);
    }

    /// Swallows no further answer.
    pub fn swallow_no_more(&self) {
        self.state.to_swallow.store(0, Ordering::SeqCst);
    }

    /// How many answers were swallowed so far.
    pub fn swallowed(&self) -> u64 {
        self.state.swallowed.load(Ordering::SeqCst)
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        open.spawn(pass(client, state.clone()));
        while open.try_join_next().is_some() {}
    }
}

async fn pass(client: TcpStream, state: Arc<State>) {
    let mut cuts = state.cuts.subscribe();
    cuts.mark_unchanged();
    let through = async {
        if !is_open(&state).await {
            return;
        }
        let server = ("127.0.0.1", state.server.load(Ordering::SeqCst));
        let Ok(server) = TcpStream::connect(server).await else { return };
        let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let swallow = watch::Sender::new(false);
        let swallowed = swallow.subscribe();
        tokio::select! {
            () = forward(from_client, to_server, &state, |bytes| {
                if holds(bytes, b"COMMIT") && take_one(&state.to_swallow) {
                    swallow.send_replace(true);
                }
            }) => {}
            () = back(from_server, to_client, &state, swallowed) => {}
        }
    };
    tokio::select! {
        () = through => {}
        _ = cuts.changed() => {}
    }
}

/// Passes bytes on to the server.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    mut look: impl FnMut(&[u8]),
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut bytes).await {
        if count == 0 || !is_open(state).await {
            return;
        }
        look(&bytes[..count]);
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Passes answers on, or swallows one and ends.
async fn back(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    swallow: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut bytes).await {
        if count == 0 || !is_open(state).await {
            return;
        }
        // The answer is there, so the server has carried it out.
        if *swallow.borrow() {
            state.swallowed.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Waits while the wire is frozen; false when it refuses.
async fn is_open(state: &State) -> bool {
    let mut wire = state.wire.subscribe();
    loop {
        let now = *wire.borrow_and_update();
        match now {
            Wire::Whole => return true,
            Wire::Refused => return false,
            Wire::Slow(pause) => {
                tokio::time::sleep(pause).await;
                return true;
            }
            Wire::Frozen => {
                if wire.changed().await.is_err() {
                    return false;
                }
            }
        }
    }
}

fn take_one(count: &AtomicU64) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
