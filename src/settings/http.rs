//! `[http]`: where the program listens and how it is called. Not here: what it serves.

use super::operations::{is_open_text, trimmed, web_address};
use super::problem::Finding;
use super::reader::{Section, Word, clip};
use axum::http::Uri;
use std::net::SocketAddr;

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where to listen. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// What others call this server, without a slash at the end. Default: `http://` and `listen`.
    pub public_url: String,
    /// More names by which it is called, in lower case: on the own network, for figures.
    pub hosts: Vec<String>,
    /// Whether `/calendar` and its picture and feed are served: whoever reaches the server reads freezes in them.
    pub calendar: bool,
}

impl HttpSettings {
    /// Every name by which this server may be called.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let public = self.public_url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned));
        self.hosts.clone().into_iter().chain(public)
    }
}

const LISTEN: &str = "127.0.0.1:8080";

pub(super) fn http(root: &Section<'_>) -> HttpSettings {
    let section = root.section("http");
    let section = section.as_ref();
    let listen = section.and_then(|s| s.text("listen", LISTEN)).and_then(|word| match word.text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let what = format!("“{}” is not an address to listen on", clip(&word.text));
            root.note(
                Finding::at(word.place, "bad_address", what).instead(format!("write listen = \"{LISTEN}\"")),
            );
            None
        }
    });
    let listen = listen.unwrap_or_else(|| LISTEN.parse().expect("the default is an address"));
    let public_url = section.and_then(|s| {
        let word = s.text("public_url", "https://shipgate.example.com")?;
        let address = web_address(s, &word, "https://shipgate.example.com")?;
        if is_open_text(&address) {
            let what = format!("`http.public_url` {} is not encrypted", clip(&word.text));
            let why = "what people press and see can be read and changed on the way";
            s.note(
                Finding::at(word.place, "not_encrypted", what).why(why).instead("write https://…").warning(),
            );
        }
        Some(trimmed(&word.text))
    });
    let hosts = section.map(|s| hosts(s)).unwrap_or_default();
    let calendar = section.and_then(|s| s.flag("calendar")).unwrap_or(false);
    let public_url = public_url.unwrap_or_else(|| format!("http://{listen}"));
    HttpSettings { listen, public_url, hosts, calendar }
}

/// `hosts = ["shipgate.internal"]`: names alone.
fn hosts(section: &Section<'_>) -> Vec<String> {
    let example = "\"shipgate.internal\"";
    let words = section.list("hosts", &format!("[{example}]")).map(|list| list.words).unwrap_or_default();
    let is_name = |word: &Word| {
        (1..=253).contains(&word.text.len())
            && word.text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let (names, others): (Vec<_>, Vec<_>) = words.into_iter().partition(is_name);
    for word in others {
        let what = format!("“{}” in `http.hosts` is not the name of a host", clip(&word.text));
        let instead = format!("write the name alone, such as {example}: no http://, no port, no path");
        section.note(Finding::at(word.place, "bad_address", what).instead(instead));
    }
    names.into_iter().map(|word| word.text.to_ascii_lowercase()).collect()
}
