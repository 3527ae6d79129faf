//! How a connection is made: TCP to an address that may be reached, TLS with this machine's root certificates, within a
//! bounded time. Not here: clients and requests.

use crate::{Names, Reach};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use std::sync::Arc;
use std::time::Duration;

/// Longer than this no connection takes to be made, the TLS handshake included.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes connections to addresses that may be reached.
pub type Connector = TimeoutConnector<HttpsConnector<HttpConnector<Names>>>;

/// A connector with HTTP/1.1 only. Without a reach it leads to where the operator points, by http too; within one it
/// takes TLS, except to this machine.
///
/// # Errors
/// This machine's root certificates cannot be read.
pub fn connector(reach: Option<Reach>) -> Result<Connector, String> {
    let mut tcp = HttpConnector::new_with_resolver(Names(reach));
    tcp.enforce_http(false);
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(Arc::new(rustls::crypto::ring::default_provider()))
        .map_err(|error| format!("this machine's root certificates cannot be read: {error}"))?;
    let https = match reach {
        Some(Reach::Public | Reach::Private) => https.https_only(),
        Some(Reach::Local) | None => https.https_or_http(),
    };
    let mut connector = TimeoutConnector::new(https.enable_http1().wrap_connector(tcp));
    connector.set_connect_timeout(Some(CONNECT));
    Ok(connector)
}
