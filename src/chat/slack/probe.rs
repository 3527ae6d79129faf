//! Openings for tests that attack: the readers and the pencil behind the two transports, as they are. Nothing in the
//! program uses them. Not here: anything that is not also behind a route or a socket.

use super::client;
use super::payloads::Read;
use super::{SlackSettings, forms, render, socket};
use serde_json::Value;
use shipgate_app::inbound::{Inbound, ReplyTo};
use shipgate_app::words::{Body, Form};

/// What an envelope of a socket is read as, if it is something for us.
#[must_use]
pub fn envelope(text: &str, settings: &SlackSettings) -> Option<Inbound> {
    match socket::read(text, settings)? {
        Read::Inbound { inbound, .. } => Some(*inbound),
        Read::Missing(_) | Read::Challenge(_) | Read::Nothing => None,
    }
}

/// The address at which a one-time address is answered.
#[must_use]
pub fn response_address(url: &str, settings: &SlackSettings) -> Option<String> {
    client::response_address(url, settings)
}

/// Whether a socket is opened at this address.
#[must_use]
pub fn is_socket(address: &str) -> bool {
    client::is_socket(address, false)
}

/// A card or message as Slack gets it: the text and the blocks.
#[must_use]
pub fn draw(body: &Body) -> (String, Vec<Value>) {
    let drawn = render::body(body);
    (drawn.text, drawn.blocks)
}

/// A form as Slack gets it.
#[must_use]
pub fn draw_form(form: &Form, to: &ReplyTo) -> Value {
    forms::view(form, to)
}
