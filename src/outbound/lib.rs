//! Where requests may go whose address came from outside: an answer's redirect, a one-time address in a payload. Only to
//! known hosts, only to addresses that the configured system can have, never with a token to somebody else.
//! Not here: addresses that the operator configured, which are used as they are; sending.

mod names;
mod tls;

pub use names::Names;
pub use tls::{Connector, connector};

use http::Uri;
use http::uri::{Authority, Scheme};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses a system can have, going by the address that the operator configured for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A service of the internet.
    Public,
    /// A server of one's own: it may live on private addresses, but not on this machine.
    Private,
    /// A stand-in on this machine, without TLS: only for this machine.
    Local,
}

/// Hosts of the internet that are configured by default.
const PUBLIC: [&str; 4] = ["slack.com", "slack-gov.com", "github.com", "ghe.com"];

impl Reach {
    /// What a configured base address tells.
    #[must_use]
    pub fn of(base: &Uri) -> Self {
        let host = base.host().unwrap_or_default();
        if base.scheme() == Some(&Scheme::HTTP) && is_this_machine(host) {
            Self::Local
        } else if PUBLIC.iter().any(|public| is_within(host, public)) {
            Self::Public
        } else {
            Self::Private
        }
    }

    /// Whether an address is one that the system can have.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Private => is_public(address) || is_private(address),
            Self::Local => embedded(address).map_or(address, IpAddr::V4).is_loopback(),
        }
    }
}

/// Whether a host is this domain or under it.
#[must_use]
pub fn is_within(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    host == domain || host.strip_suffix(&domain).is_some_and(|front| front.ends_with('.') && front.len() > 1)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || literal(host).is_some_and(|address| address.is_loopback())
}

/// The address that a host is written as, if it is one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether an address is of the internet: in none of the special blocks (IANA special-purpose registries, RFC 6890).
/// Addresses that carry an IPv4 address inside are judged by that.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    if let Some(inside) = embedded(address) {
        return is_public_v4(inside);
    }
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let parts = address.segments();
            // Everything that is given out lies in 2000::/3; documentation, benchmarking, Teredo and ORCHID do too.
            parts[0] & 0xe000 == 0x2000
                && !(parts[0] == 0x2001 && (parts[1] < 0x200 || parts[1] == 0xdb8))
                && !(parts[0] == 0x3fff && parts[1] < 0x1000)
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 127
        || a >= 224
        || address.is_private()
        || address.is_link_local()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

/// Whether an address is of a network of one's own: RFC 1918, RFC 6598, RFC 4193. Not link-local: that is where clouds
/// keep the metadata of machines.
fn is_private(address: IpAddr) -> bool {
    match embedded(address).map_or(address, IpAddr::V4) {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            // Alibaba's metadata lives in the shared block.
            address.is_private()
                || (a == 100 && (64..128).contains(&b) && address != Ipv4Addr::new(100, 100, 100, 200))
        }
        // AWS's metadata has an address in the private block.
        IpAddr::V6(address) => {
            address.segments()[0] & 0xfe00 == 0xfc00
                && address != Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// The IPv4 address inside an IPv6 one: mapped, compatible, NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056).
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let parts = address.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => of(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high > 0 => of(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

/// Where an answer sends us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// To the configured system itself: the token may travel.
    Same(Uri),
    /// Elsewhere: no token, no cookie, nothing of ours.
    Elsewhere(Uri),
}

/// An answer sends us where we do not go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHop {
    /// It is not an address.
    #[error("it redirects to something that is no address")]
    Unreadable,
    /// Not encrypted, or not http at all.
    #[error("it redirects to an address without TLS")]
    Open,
    /// It carries a name and password, or an odd port.
    #[error("it redirects to an address with a password or a port in it")]
    Odd,
    /// An address that the system cannot have.
    #[error("it redirects to an address inside a network that it cannot be in")]
    Inside,
}

/// Judges a redirect of the system at `base`, whose answer to `from` named `location`.
///
/// # Errors
/// Why it is not followed.
pub fn hop(base: &Uri, from: &Uri, location: &str) -> Result<Hop, NoHop> {
    let reach = Reach::of(base);
    let to = join(from, location).ok_or(NoHop::Unreadable)?;
    let (Some(scheme), Some(authority)) = (to.scheme(), to.authority()) else {
        return Err(NoHop::Unreadable);
    };
    // What is written after the host and is no port would count as none.
    let has_port = authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    if authority.as_str().contains('@') || (has_port && authority.port_u16().is_none()) {
        return Err(NoHop::Odd);
    }
    if is_same_origin(base, scheme, authority) {
        return Ok(Hop::Same(to));
    }
    if *scheme != Scheme::HTTPS && !(reach == Reach::Local && *scheme == Scheme::HTTP) {
        return Err(NoHop::Open);
    }
    if reach == Reach::Public && authority.port_u16().is_some_and(|port| port != 443) {
        return Err(NoHop::Odd);
    }
    let host = authority.host();
    let is_allowed = match literal(host) {
        Some(address) => reach.allows(address),
        None => is_name(host) && (reach != Reach::Local || host == "localhost"),
    };
    if is_allowed { Ok(Hop::Elsewhere(to)) } else { Err(NoHop::Inside) }
}

fn is_same_origin(base: &Uri, scheme: &Scheme, authority: &Authority) -> bool {
    let port =
        |scheme: &Scheme, port: Option<u16>| port.unwrap_or(if *scheme == Scheme::HTTPS { 443 } else { 80 });
    let Some(own) = base.scheme() else { return false };
    own == scheme
        && base.host().is_some_and(|host| host.eq_ignore_ascii_case(authority.host()))
        && port(own, base.port_u16()) == port(scheme, authority.port_u16())
}

/// A name as the domain name system has them, with a dot in it: nothing that a resolver could read as a number
/// (`0x7f.1`, `2130706433`) or find in a search list.
fn is_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let top = labels.last().copied().unwrap_or_default();
    labels.len() >= 2
        && host.len() <= 253
        && labels.iter().all(is_label)
        && top.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
}

/// The address that `location` means, seen from `from` (RFC 9110 §10.2.2); without its fragment.
fn join(from: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    let is_plain = location.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if location.is_empty() || !is_plain {
        return None;
    }
    if location.starts_with("//") {
        return format!("{}:{location}", from.scheme_str()?).parse().ok();
    }
    if location.starts_with('/') {
        return format!("{}://{}{location}", from.scheme_str()?, from.authority()?).parse().ok();
    }
    let to: Uri = location.parse().ok()?;
    to.scheme().is_some().then_some(to)
}

#[cfg(test)]
mod tests;
