//! A balancer as small as one can be: each connection goes to the next replica that takes it, and one that refuses
//! costs nothing. Not here: health checks; a replica that takes a connection and is silent keeps it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// A replica that does not even take the connection within this time is passed over.
const CONNECT: Duration = Duration::from_millis(500);

/// Listens on one address for several replicas. Dropped, it cuts what goes through it.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    behind: Arc<Mutex<Behind>>,
    _listening: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Behind {
    replicas: Vec<Option<String>>,
    next: usize,
}

impl Balancer {
    /// A balancer with no replica behind it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback ports are free");
        let address = listener.local_addr().expect("it listens");
        let behind = Arc::new(Mutex::new(Behind::default()));
        let listening = AbortOnDropHandle::new(tokio::spawn(listen(listener, behind.clone())));
        Self { address, behind, _listening: listening }
    }

    /// Where it listens, as a web address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the replica of this number listens now.
    pub fn put(&self, number: usize, address: &str) {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        if behind.replicas.len() <= number {
            behind.replicas.resize(number + 1, None);
        }
        behind.replicas[number] = Some(address.to_owned());
    }

    /// Nothing more goes to this replica.
    pub fn take_out(&self, number: usize) {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(replica) = behind.replicas.get_mut(number) {
            *replica = None;
        }
    }
}

impl Behind {
    /// All replicas, beginning with the one whose turn it is.
    fn turn(&mut self) -> Vec<String> {
        self.next += 1;
        let count = self.replicas.len().max(1);
        let order = (0..count).map(|n| (self.next + n) % count);
        order.filter_map(|n| self.replicas.get(n).cloned().flatten()).collect()
    }
}

async fn listen(listener: TcpListener, behind: Arc<Mutex<Behind>>) {
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let order = behind.lock().unwrap_or_else(PoisonError::into_inner).turn();
        open.spawn(pass(client, order));
        while open.try_join_next().is_some() {}
    }
}

async fn pass(mut client: TcpStream, order: Vec<String>) {
    for replica in order {
        let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(&replica));
        if let Ok(Ok(mut server)) = connecting.await {
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}
