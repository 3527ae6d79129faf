//! Three hundred addresses that try to lead inside, and those that may be followed.

use super::*;

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

const PUBLIC_API: &str = "https://api.github.com";
const OWN_API: &str = "https://github.example.com/api/v3";
const LOCAL_API: &str = "http://127.0.0.1:4000";

fn judged(base: &str, location: &str) -> Result<Hop, NoHop> {
    hop(&uri(base), &uri(&format!("{base}/repos/acme/api/actions/jobs/1/logs")), location)
}

/// Ways to write an address of this machine, of a private network, or of a cloud's metadata.
fn inside() -> Vec<String> {
    let mut hosts: Vec<String> = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0x7f.0x0.0x0.0x1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::]",
        "[fe80::1]",
        "[fe80::a9fe:a9fe]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[2001:0:7f00:1::]",
        "[100::1]",
        "[3fff::1]",
        "[fec0::1]",
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.1.254",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.254",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.0.1",
        "192.0.0.192",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "metadata",
        "kubernetes",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[0:0:0:0:0:ffff:10.0.0.1]",
        "[::ffff:0:7f00:1]",
        "printer",
        "a_b",
        "1.1",
        "intranet",
        "vault",
    ]
    .map(str::to_owned)
    .to_vec();
    hosts.extend((0..40).map(|n| format!("10.{n}.{}.1", n * 3)));
    hosts.extend((16..32).map(|n| format!("172.{n}.0.{n}")));
    hosts.extend((0..20).map(|n| format!("192.168.{n}.{n}")));
    hosts.extend((0..20).map(|n| format!("127.{n}.0.{n}")));
    hosts.extend((0..20).map(|n| format!("[::ffff:10.{n}.0.1]")));
    hosts.extend((0..20).map(|n| format!("[fd{n:02x}::{n}]")));
    hosts.extend((0..20).map(|n| format!("[fe80::{n}:1]")));
    hosts
}

/// Addresses whose form alone is wrong.
const FORMS: [&str; 46] = [
    "",
    " ",
    "#",
    "?x",
    "x",
    "logs",
    "../logs",
    "http://",
    "https://",
    "https:///x",
    "https:",
    "//",
    "///",
    "////evil.example",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/x",
    "ftp://results.example/x",
    "data:text/plain,x",
    "javascript:alert(1)",
    "dict://127.0.0.1/x",
    "ldap://x.example/",
    "ssh://x.example/",
    "ws://x.example/",
    "wss://x.example/",
    "unix:/run/x.sock",
    "http://results.example/log",
    "HTTP://results.example/log",
    "https://user@results.example/",
    "https://user:pw@results.example/",
    "https://api.github.com@evil.example/",
    "https://evil.example\\@api.github.com/",
    "https://evil.example%2f@api.github.com/",
    "https://results.example:22/",
    "https://results.example:8443/",
    "https://results.example:0/",
    "https://results.example:99999/",
    "https://results.example :443/",
    "https://results.exa\u{200b}mple/",
    "https://ⓔxample.com/",
    "https://example。com/",
    "https://results.example/\r\nX: y",
    "https://results.example/\0",
    "\thttps://results.example/",
    "https://[::1/",
    "https://]/",
    "https://.example.com/",
];

#[test]
fn three_hundred_addresses_that_try_to_lead_inside_are_not_followed() {
    let mut tried = 0;
    for location in FORMS {
        tried += 1;
        assert!(judged(PUBLIC_API, location).is_err(), "{location:?} {:?}", judged(PUBLIC_API, location));
    }
    for host in inside() {
        for location in [format!("https://{host}/latest/meta-data"), format!("//{host}/x")] {
            tried += 1;
            assert!(judged(PUBLIC_API, &location).is_err(), "{location} {:?}", judged(PUBLIC_API, &location));
        }
        // A stand-in on this machine leads nowhere else.
        let is_here = judged(LOCAL_API, &format!("http://{host}/x"));
        if let Ok(Hop::Elsewhere(to) | Hop::Same(to)) = is_here {
            let host = to.host().unwrap();
            assert!(is_this_machine(host) || literal(host).is_some_and(|a| Reach::Local.allows(a)), "{to}");
        }
    }
    assert!(tried >= 300, "{tried}");
}

#[test]
fn a_server_of_ones_own_may_send_us_to_private_addresses_but_not_to_this_machine_or_its_metadata() {
    for host in ["10.1.2.3", "192.168.7.7", "[fd12::7]", "100.64.1.1", "storage.example.com"] {
        assert!(
            matches!(judged(OWN_API, &format!("https://{host}:9000/x")), Ok(Hop::Elsewhere(_))),
            "{host}"
        );
    }
    for host in [
        "127.0.0.1",
        "[::1]",
        "0.0.0.0",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "localhost",
        "2130706433",
    ] {
        assert_eq!(judged(OWN_API, &format!("https://{host}/x")), Err(NoHop::Inside), "{host}");
    }
    assert_eq!(judged(OWN_API, "http://10.1.2.3/x"), Err(NoHop::Open));
}

#[test]
fn a_token_travels_only_to_the_same_scheme_host_and_port() {
    for same in [
        "/repositories/7/x",
        "https://api.github.com/repositories/7",
        "https://API.github.com:443/x",
        "//api.github.com/x",
    ] {
        assert!(matches!(judged(PUBLIC_API, same), Ok(Hop::Same(_))), "{same}");
    }
    for other in [
        "https://results.actions.example/log?sig=a%2Fb",
        "https://api.github.com.evil.example/x",
        "https://evil-api.github.com/x",
        "https://8.8.8.8/x",
        "https://[2606:4700::1111]/x",
    ] {
        assert!(matches!(judged(PUBLIC_API, other), Ok(Hop::Elsewhere(_))), "{other}");
    }
    assert_eq!(judged(PUBLIC_API, "http://api.github.com/x"), Err(NoHop::Open));
    assert_eq!(judged(PUBLIC_API, "https://api.github.com:444/x"), Err(NoHop::Odd));
}

#[test]
fn what_a_base_address_tells() {
    for (base, reach) in [
        ("https://api.github.com", Reach::Public),
        ("https://acme.ghe.com", Reach::Public),
        ("https://slack.com/api", Reach::Public),
        ("https://slack-gov.com/api", Reach::Public),
        ("https://notgithub.com", Reach::Private),
        ("https://10.0.0.1/api/v3", Reach::Private),
        ("https://127.0.0.1/api", Reach::Private),
        ("http://127.0.0.1:4000", Reach::Local),
        ("http://[::1]:4000", Reach::Local),
        ("http://localhost:1/api", Reach::Local),
        ("http://github.example.com", Reach::Private),
    ] {
        assert_eq!(Reach::of(&uri(base)), reach, "{base}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_leads_nowhere() {
    // Every machine knows this name without asking anybody.
    let refused = Names(Some(Reach::Public)).find("localhost", 443).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(Names(Some(Reach::Private)).find("localhost", 443).await.is_err());
    assert!(Names(Some(Reach::Local)).find("localhost", 443).await.is_ok());
}
