//! `[http]`: where the program listens and how it is called. Not here: what it serves.

use super::operations::{is_open_text, trimmed, web_address};
use super::problem::Finding;
use super::reader::{Section, Word, clip};
use super::secrets::Environment;
use axum::http::Uri;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;

/// `[http]`.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Where to listen. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// What others call this server, without a slash at the end. Default: `http://` and `listen`.
    pub public_url: String,
    /// More names by which it is called, in lower case: on the own network, for figures.
    pub hosts: Vec<String>,
    /// Who sees the calendar. Default: nobody.
    pub calendar: CalendarShown,
}

/// Who sees the calendar over HTTP.
#[derive(Clone, Debug)]
pub enum CalendarShown {
    /// Nobody.
    No,
    /// Whoever reaches the server: `/calendar` with its picture and feed.
    Open,
    /// Whoever knows the address of the feed, by this word in it.
    Secret(SecretString),
}

impl HttpSettings {
    /// Every name by which this server may be called.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let public = self.public_url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned));
        self.hosts.clone().into_iter().chain(public)
    }

    /// The address of the feed that nobody can guess, where there is one.
    #[must_use]
    pub fn secret_feed(&self) -> Option<String> {
        match &self.calendar {
            CalendarShown::Secret(word) => {
                Some(format!("{}/calendar/feed/{}.ics", self.public_url, word.expose_secret()))
            }
            CalendarShown::No | CalendarShown::Open => None,
        }
    }
}

const LISTEN: &str = "127.0.0.1:8080";

pub(super) fn http(root: &Section<'_>, environment: &Environment<'_>) -> HttpSettings {
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
    let calendar = section.map_or(CalendarShown::No, |s| calendar(s, environment));
    let public_url = public_url.unwrap_or_else(|| format!("http://{listen}"));
    HttpSettings { listen, public_url, hosts, calendar }
}

/// `calendar = true`, or `"secret"`.
fn calendar(section: &Section<'_>, environment: &Environment<'_>) -> CalendarShown {
    if !section.is_text("calendar") {
        let is_open = section.flag("calendar").unwrap_or(false);
        return if is_open { CalendarShown::Open } else { CalendarShown::No };
    }
    let word = section.choice("calendar", &[("secret", ())]).and_then(|()| environment.calendar_key());
    word.map_or(CalendarShown::No, |key| CalendarShown::Secret(word_of(&key)))
}

/// 128 bits that follow from the key, and tell nothing about it.
fn word_of(key: &SecretString) -> SecretString {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
    let tag = hmac::sign(&key, b"shipgate calendar feed");
    SecretString::from(shipgate_domain::hex(&tag.as_ref()[..16]))
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
