//! By which names this server may be called. Not here: any other oddity of a request.
//!
//! A page of a foreign site can let its own name point to this machine (DNS rebinding). The browser then takes what it
//! reads here for that site's own, and its requests for ones of the same origin; only the name in `Host` tells.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Paths that balancers and orchestrators ask by whatever name they have; what is said there is no secret.
const ASKED_BY_ANY_NAME: [&str; 2] = ["/healthz", "/readyz"];
/// Under these, every request is signed by its platform: a foreign page cannot make one, and a proxy that passes on a
/// name of its own must not make people's commands fail.
const SIGNED: [&str; 2] = ["/slack/", "/github/"];

/// The names of this server.
///
/// Always among them are numeric addresses, since no foreign site is called by one, and `localhost`, which points to
/// this machine alone.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: Arc<BTreeSet<String>>,
}

impl Hosts {
    /// A server with these names, besides those that every server has.
    pub fn called(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| plain(&name)).collect();
        Self { names: Arc::new(names) }
    }

    /// Whether a request for this path may call the server so. The port is not compared: behind a proxy it is the
    /// proxy's.
    pub(super) fn may_be_called(&self, host: &str, path: &str) -> bool {
        ASKED_BY_ANY_NAME.contains(&path)
            || SIGNED.iter().any(|under| path.starts_with(under))
            || without_port(host).is_some_and(|name| self.has(name))
    }

    fn has(&self, name: &str) -> bool {
        let name = plain(name);
        let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(inner) = bracketed {
            return inner.parse::<Ipv6Addr>().is_ok();
        }
        name.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.names.contains(&name)
    }
}

/// Names are compared without their case, and with a dot at the end they are the same.
fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    name.strip_suffix('.').map(str::to_owned).unwrap_or(name)
}

/// The name in `name`, `name:port` or `[address]:port`.
fn without_port(host: &str) -> Option<&str> {
    let end = host.rfind(']').map_or(0, |bracket| bracket + 1);
    match host[end..].split_once(':') {
        None => Some(host),
        Some((before, port)) => port.bytes().all(|b| b.is_ascii_digit()).then(|| &host[..end + before.len()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_addresses_localhost_and_own_names_are_names_of_this_server() {
        let hosts = Hosts::called(["Shipgate.Example.com".to_owned(), "gate.internal.".to_owned()]);
        for good in [
            "127.0.0.1",
            "127.0.0.1:7878",
            "10.1.2.3:8080",
            "[::1]",
            "[::1]:7878",
            "localhost",
            "LocalHost:8080",
            "demo.localhost:1",
            "shipgate.example.com",
            "SHIPGATE.example.com:443",
            "shipgate.example.com.",
            "gate.internal:8080",
        ] {
            assert!(hosts.may_be_called(good, "/"), "{good}");
        }
    }

    #[test]
    fn no_foreign_name_is_one_of_this_server() {
        let hosts = Hosts::called(["shipgate.example.com".to_owned()]);
        for bad in [
            "",
            ":80",
            "evil.example",
            "evil.example:7878",
            "shipgate.example.com.evil.example",
            "evilshipgate.example.com",
            "localhost.evil.example",
            "xlocalhost",
            "127.0.0.1.evil.example",
            "[evil.example]",
            "[127.0.0.1]",
            "127.0.0.1:80@evil.example",
            "localhost:80:evil.example",
            "::1",
        ] {
            assert!(!hosts.may_be_called(bad, "/"), "{bad}");
            assert!(!hosts.may_be_called(bad, "/metrics"), "{bad}");
            for path in ["/readyz", "/healthz", "/slack/commands", "/github/webhooks"] {
                assert!(hosts.may_be_called(bad, path), "{bad} {path}");
            }
        }
    }
}
