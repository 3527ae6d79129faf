//! What people read: no secret in it (S17), and nothing that people wrote is anything but text (S18). Not here: whether
//! an adapter draws text as text.

use super::{CANARY, HOSTILE};
use shipgate_app::words::{Block, Body, Button, Message, Span, Text};

/// Looks at a posted or edited message.
pub fn body(body: &Body) -> Result<(), String> {
    match body {
        Body::Message(one) => message(one),
        Body::Card(card) => {
            let gates = card.gates.iter().map(|gate| &gate.text);
            let facts = card.facts.iter().map(|(_, text)| text);
            let own = [&card.title, &card.status, &card.footnote, &card.more_changes];
            own.into_iter().chain(gates).chain(facts).chain(&card.changes).try_for_each(text)?;
            buttons(&card.buttons)
        }
    }
}

/// Looks at a message.
pub fn message(message: &Message) -> Result<(), String> {
    text(&message.title)?;
    for block in &message.blocks {
        match block {
            Block::Paragraph(one) => text(one)?,
            Block::List(list) => list.iter().try_for_each(text)?,
            Block::Fields(list) => list.iter().try_for_each(|(_, one)| text(one))?,
            Block::Code(lines) => lines.iter().try_for_each(|line| plain(line))?,
        }
    }
    buttons(&message.buttons)
}

fn buttons(buttons: &[Button]) -> Result<(), String> {
    buttons.iter().try_for_each(|button| {
        plain(&button.label)?;
        active(&button.value)
    })
}

fn text(text: &Text) -> Result<(), String> {
    text.0.iter().try_for_each(|span| match span {
        Span::Plain(text) | Span::Bold(text) | Span::Code(text) => plain(text),
        Span::Link { label, url } => {
            plain(label)?;
            active(url)
        }
        Span::Person { name, .. } => active(name),
    })
}

fn plain(text: &str) -> Result<(), String> {
    if text.contains(CANARY) { Err(format!("S17: a secret stands in “{text}”")) } else { Ok(()) }
}

/// What a platform acts on: an address, a button's value, a mention.
fn active(text: &str) -> Result<(), String> {
    plain(text)?;
    if text.contains(HOSTILE) { Err(format!("S18: what somebody wrote became “{text}”")) } else { Ok(()) }
}
