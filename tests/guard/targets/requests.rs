//! What comes over the wire: signed and unsigned requests, envelopes, addresses, headers.

use super::text;
use crate::doors::{Knock, Taken, doors, slack_settings};
use axum::Router;
use axum::http::Uri;
use shipgate_app::inbound::{Content, Inbound};
use shipgate_app::limits::{DEEPEST, MOST_NODES, json_fits};
use shipgate_chat::slack::probe;
use shipgate_outbound::{Hop, Reach, hop, is_public};
use std::cell::OnceCell;
use std::sync::Arc;

thread_local! {
    static DOORS: OnceCell<(tokio::runtime::Runtime, Router, Arc<Taken>)> = const { OnceCell::new() };
}

/// Sends a request; the status and what came in by it.
fn knock(knock: &Knock) -> Option<(u16, Vec<Inbound>, usize)> {
    DOORS.with(|cell| {
        let (runtime, doors, taken) = cell.get_or_init(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let (doors, taken) = runtime.block_on(async { doors() });
            (runtime, doors, taken)
        });
        let status = runtime.block_on(knock.knock(doors))?;
        let inbound = std::mem::take(&mut *taken.inbound.lock().expect("nobody panics"));
        let hints = std::mem::take(&mut *taken.hints.lock().expect("nobody panics"));
        Some((status.as_u16(), inbound, hints.len()))
    })
}

/// What must hold for whatever was taken in.
fn check(inbound: &Inbound) {
    let id = &inbound.account.id;
    assert!(
        id.starts_with(['U', 'W']) && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
        "{id}"
    );
    assert!(inbound.key.starts_with("slack/") && inbound.key.len() < 400_000);
    assert_eq!(inbound.account, inbound.reply_to.account, "the answer goes to whoever asked");
    if let Content::Slash { command, .. } = &inbound.content {
        assert!(!command.starts_with('/') || command.len() > 1 || command == "/");
    }
    let stored = serde_json::to_string(inbound).expect("it can be stored");
    assert_eq!(serde_json::from_str::<Inbound>(&stored).expect("and read back"), *inbound);
}

fn signed(path: &'static str, body: &[u8]) {
    let (status, inbound, _) = knock(&Knock::slack(path, body)).expect("a body can be anything");
    assert!(matches!(status, 200 | 400 | 403 | 413), "{status}");
    assert!(inbound.len() <= 1);
    assert!(status == 200 || inbound.is_empty(), "what is refused is not taken in");
    inbound.iter().for_each(check);
    // Unsigned, the same changes nothing.
    let mut unsigned = Knock::slack(path, body);
    unsigned.signature = "v0=".to_owned() + &"0".repeat(64);
    let (status, inbound, _) = knock(&unsigned).expect("a body can be anything");
    assert!(matches!(status, 401 | 413) && inbound.is_empty(), "{status}");
}

pub fn slack_command(data: &[u8]) {
    signed("/slack/commands", data);
}

/// The bytes are the JSON inside the form.
pub fn slack_interaction(data: &[u8]) {
    signed("/slack/interactions", data);
    let payload: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &text(data)).finish();
    signed("/slack/interactions", payload.as_bytes());
}

pub fn slack_event(data: &[u8]) {
    signed("/slack/events", data);
}

/// The first line is the timestamp, the second the signature, the rest the body.
pub fn slack_signature(data: &[u8]) {
    let text = text(data);
    let mut lines = text.splitn(3, '\n');
    let (timestamp, signature) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let body = lines.next().unwrap_or("").as_bytes().to_vec();
    let good = Knock::slack("/slack/commands", &body);
    let given = Knock { timestamp: timestamp.into(), signature: signature.into(), ..good.clone() };
    let Some((status, inbound, _)) = knock(&given) else { return };
    let is_slacks =
        given.timestamp == good.timestamp && given.signature.eq_ignore_ascii_case(&good.signature);
    if !is_slacks {
        assert!(!(200..300).contains(&status) && inbound.is_empty(), "{status} for {given:?}");
    }
}

pub fn socket_envelope(data: &[u8]) {
    if let Some(inbound) = probe::envelope(&text(data), &slack_settings()) {
        check(&inbound);
    }
}

pub fn github_webhook(data: &[u8]) {
    let (status, _, hints) = knock(&Knock::github(data)).expect("a body can be anything");
    assert!(matches!((status, hints), (202, 1) | (400 | 413, 0)), "{status} {hints}");
}

/// The first line is the signature, the rest the body.
pub fn github_signature(data: &[u8]) {
    let text = text(data);
    let (signature, body) = text.split_once('\n').unwrap_or((&text, ""));
    let good = Knock::github(body.as_bytes());
    let given = Knock { signature: signature.into(), ..good.clone() };
    let Some((status, _, hints)) = knock(&given) else { return };
    if !given.signature.eq_ignore_ascii_case(&good.signature) {
        assert!(status == 401 && hints == 0, "{status} for {given:?}");
    }
}

/// What fits is no deeper and no larger than the limits say, by another count.
pub fn json_limits(data: &[u8]) {
    fn count(value: &serde_json::Value) -> (usize, usize) {
        let inside: Vec<(usize, usize)> = match value {
            serde_json::Value::Array(items) => items.iter().map(count).collect(),
            serde_json::Value::Object(members) => members.values().map(count).collect(),
            _ => return (0, 1),
        };
        let deepest = inside.iter().map(|(depth, _)| *depth).max().unwrap_or(0);
        (deepest + 1, inside.iter().map(|(_, nodes)| *nodes).sum::<usize>() + 1)
    }
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let (depth, nodes) = count(&value);
    if json_fits(data) {
        assert!(depth <= DEEPEST && nodes <= MOST_NODES, "{depth} {nodes}");
    } else {
        // The look before counts repeated keys, which parsing drops: it may refuse more, not less, and only when large.
        assert!(depth > DEEPEST || data.len() > MOST_NODES, "{depth} {nodes}");
    }
}

/// Addresses that come from outside.
pub fn addresses(data: &[u8]) {
    let text = text(data);
    if let Some(address) = probe::response_address(&text, &slack_settings()) {
        assert_eq!(address, *text);
        let uri: Uri = address.parse().expect("it is an address");
        assert!(matches!(uri.host(), Some("hooks.slack.com" | "hooks.slack-gov.com")), "{uri}");
        assert_eq!((uri.scheme_str(), uri.port(), uri.query()), (Some("https"), None, None));
        assert!(uri.path().starts_with("/actions/") || uri.path().starts_with("/commands/"), "{uri}");
    }
    if probe::is_socket(&text) {
        let uri: Uri = text.parse().expect("it is an address");
        let host = uri.host().expect("it has a host").to_ascii_lowercase();
        assert!(
            host == "slack.com"
                || host.ends_with(".slack.com")
                || host == "slack-gov.com"
                || host.ends_with(".slack-gov.com")
        );
    }
    let base: Uri = "https://api.github.com".parse().expect("an address");
    match hop(&base, &base, &text) {
        Ok(Hop::Same(to)) => {
            assert_eq!(to.host().map(str::to_ascii_lowercase).as_deref(), Some("api.github.com"));
            assert_eq!(to.scheme_str(), Some("https"));
            assert!(to.port_u16().is_none_or(|port| port == 443));
        }
        Ok(Hop::Elsewhere(to)) => {
            assert_eq!(to.scheme_str(), Some("https"));
            let host = to.host().expect("it has a host").trim_matches(['[', ']']).to_owned();
            if let Ok(address) = host.parse::<std::net::IpAddr>() {
                assert!(is_public(address) && Reach::Public.allows(address), "{to}");
                assert!(
                    !address.is_loopback() && !address.is_unspecified() && !address.is_multicast(),
                    "{to}"
                );
            } else {
                // A resolver reads a host as a number when its last part begins with a digit; it may end with one.
                let (_, top) = host.trim_end_matches('.').rsplit_once('.').expect("a name has a dot in it");
                assert!(top.starts_with(|c: char| c.is_ascii_alphabetic()), "{to}");
            }
        }
        Err(_) => {}
    }
}

pub fn link_header(data: &[u8]) {
    let text = text(data);
    let names_next = text.contains("rel=\"next\"");
    assert_eq!(shipgate_pipelines::probe::has_next(&text), names_next);
    let path = shipgate_pipelines::probe::in_path(&text);
    assert!(path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)), "{path}");
    // Nobody can type more: longer ones are refused before they are a path.
    assert!(path.len() > 4_000 || format!("/repos/a/b/{path}").parse::<Uri>().is_ok(), "{path}");
}
