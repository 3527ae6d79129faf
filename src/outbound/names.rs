//! Names become addresses here, and those that a system cannot have are left out before anybody connects: a name that
//! leads inside leads nowhere, also when it did not a second ago. Not here: which addresses those are.

use crate::Reach;
use hyper_util::client::legacy::connect::dns::Name;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// A resolver that finds only addresses within a reach; without one, all: for addresses that the operator configured.
#[derive(Clone, Copy, Debug)]
pub struct Names(pub Option<Reach>);

impl Names {
    /// The addresses of a host that are within reach.
    ///
    /// # Errors
    /// The name has none, or none that is within reach.
    pub async fn find(self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        let is_within = |found: &SocketAddr| self.0.is_none_or(|reach| reach.allows(found.ip()));
        let within: Vec<SocketAddr> = found.into_iter().filter(is_within).collect();
        if within.is_empty() {
            let why = "the name leads to addresses inside a network that the host cannot be in";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(within)
    }
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let names = *self;
        Box::pin(async move { names.find(name.as_str(), 0).await.map(Vec::into_iter) })
    }
}
