//! Draws cards and messages as Slack blocks, with the text that notifications show. Not here: forms (`forms`), the
//! sentences themselves (`app`).

pub(crate) mod boxes;
pub(crate) mod inert;
pub(crate) mod rich;

use inert::{clean, cut, escape, is_harmless};
use rich::{Room, Row};
use serde_json::{Value, json};
use shipgate_app::words::{Block, Body, Button, Card, GateLine, Message, Span, StageLine, Style, Text, Tone};
use shipgate_domain::gates::Answer;
use shipgate_domain::run::{Conclusion, Standing};

/// Characters of rich text in one message; see [`Room`].
const ROOM: usize = 9_000;
/// Characters of a log's end.
const LOG: usize = 2_400;
/// Longest `text`: `chat.update` refuses more than 4,000 after escaping (`msg_too_long`).
const FALLBACK: usize = 700;
/// Changes shown on a card.
const CHANGES: usize = 10;
/// Items of any other list.
const ITEMS: usize = 40;
/// Blocks in a message (Block Kit reference), less two for buttons.
const BLOCKS: usize = 48;
/// Buttons in one `actions` block (Block Kit reference).
const BUTTONS: usize = 25;

/// A message as Slack takes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawn {
    /// For notifications and screen readers; escaped.
    pub text: String,
    /// What is shown.
    pub blocks: Vec<Value>,
}

/// Draws a card or a message.
pub(crate) fn body(body: &Body) -> Drawn {
    match body {
        Body::Card(drawn) => card(drawn),
        Body::Message(drawn) => message(drawn),
    }
}

/// A channel's topic, which Slack takes up to 250 characters long and reads no blocks in.
pub(crate) fn topic(text: &str) -> String {
    inert::escape(&inert::cut(&inert::clean(text), 200))
}

/// Draws a message.
pub(crate) fn message(message: &Message) -> Drawn {
    let mut room = Room::new(ROOM);
    let mut elements = Vec::new();
    if !message.title.is_empty() {
        elements.push(headline(message.tone, &message.title, !message.blocks.is_empty(), &mut room));
    }
    let mut blocks: Vec<Value> = rich::block(elements).into_iter().collect();
    for part in &message.blocks {
        if room.is_used_up() || blocks.len() >= BLOCKS {
            break;
        }
        let element = match part {
            Block::Paragraph(text) => {
                let mut row = Row::default();
                row.text(text, false, &mut room, 3_000);
                row.section()
            }
            Block::List(items) => list(items, ITEMS, &mut room),
            Block::Fields(fields) => lines_of_fields(fields, &mut room),
            Block::Code(lines) => rich::preformatted(lines, &mut room, LOG),
        };
        blocks.extend(rich::block(vec![element]));
    }
    if blocks.is_empty() {
        let mut row = Row::default();
        row.emoji(tone_mark(message.tone).0);
        blocks.extend(rich::block(vec![row.section()]));
    }
    blocks.extend(actions(&message.buttons));
    let mut fallback = message.title.to_plain();
    if fallback.is_empty()
        && let Some(Block::Paragraph(first)) = message.blocks.first()
    {
        fallback = first.to_plain();
    }
    Drawn { text: fallback_text(message.tone, &fallback), blocks }
}

/// Draws a deploy's card.
fn card(card: &Card) -> Drawn {
    let mut room = Room::new(ROOM - LOG);
    let mut blocks = Vec::new();
    let mut status = Row::default();
    let head = headline(card.tone, &card.title, true, &mut room);
    status.text(&card.status, false, &mut room, 800);
    blocks.extend(rich::block(vec![head, status.section()]));
    blocks.extend(rich::block(vec![facts(&card.facts, &mut room)]));
    blocks.extend(rich::block(vec![gates(&card.gates, &mut room)]));
    blocks.extend(boxes::checklist(card, &mut room));
    blocks.extend(rich::block(vec![stages(&card.stages, &mut room)]));
    blocks.extend(rich::block(changes(card, &mut room)));
    if let Some(log) = &card.log {
        let mut title = Row::default();
        title.text(&log.title, true, &mut room, 300);
        let tail = rich::preformatted(&log.lines, &mut Room::new(LOG), LOG);
        blocks.extend(rich::block(vec![title.section(), tail]));
    }
    blocks.extend(actions(&card.buttons));
    blocks.extend(footnote(&card.footnote));
    let text = format!("{}: {}", card.title.to_plain(), card.status.to_plain());
    Drawn { text: fallback_text(card.tone, &text), blocks }
}

/// The emoji of a tone, by name and as a character.
fn tone_mark(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Neutral => ("information_source", "ℹ️"),
        Tone::Asking => ("raised_hand", "✋"),
        Tone::Working => ("rocket", "🚀"),
        Tone::Good => ("white_check_mark", "✅"),
        Tone::Bad => ("x", "❌"),
        Tone::Warning => ("warning", "⚠️"),
    }
}

fn fallback_text(tone: Tone, text: &str) -> String {
    format!("{} {}", tone_mark(tone).1, escape(&cut(&clean(text), FALLBACK)))
}

fn headline(tone: Tone, title: &Text, is_bold: bool, room: &mut Room) -> Value {
    let mut row = Row::default();
    row.emoji(tone_mark(tone).0).ours(" ").text(title, is_bold, room, if is_bold { 400 } else { 3_000 });
    row.section()
}

/// Facts in one flowing line: "Commit 1a2b3c4 · Asked by Ada".
fn facts(facts: &[(String, Text)], room: &mut Room) -> Value {
    let mut row = Row::default();
    for (label, text) in facts {
        if room.is_used_up() {
            break;
        }
        if !row.is_empty() {
            row.ours("  ·  ");
        }
        row.plain(label, room, 60).ours(" ").text(text, false, room, 300);
    }
    row.section()
}

fn lines_of_fields(fields: &[(String, Text)], room: &mut Room) -> Value {
    let mut row = Row::default();
    for (label, text) in fields {
        if room.is_used_up() {
            break;
        }
        if !row.is_empty() {
            row.ours("\n");
        }
        row.bold(label, room, 80).ours("  ").text(text, false, room, 600);
    }
    row.section()
}

fn gates(gates: &[GateLine], room: &mut Room) -> Value {
    let mut row = Row::default();
    for (place, gate) in gates.iter().enumerate() {
        if !row.is_empty() {
            row.ours("\n");
        }
        if room.is_used_up() {
            row.ours(&format!("… and {} more", gates.len() - place));
            break;
        }
        let mark = match gate.answer {
            Answer::Open => "white_check_mark",
            Answer::Waiting => "hourglass_flowing_sand",
            Answer::Closed => "no_entry",
        };
        row.emoji(mark).ours(" ").bold(&gate.name, room, 60).ours("  ").text(&gate.text, false, room, 500);
    }
    row.section()
}

/// Stages in one flowing line: "✅ Build 1 min 2 s · 🔄 Deploy 20 s · ○ Verify".
fn stages(stages: &[StageLine], room: &mut Room) -> Value {
    let mut row = Row::default();
    for (place, stage) in stages.iter().enumerate() {
        if !row.is_empty() {
            row.ours("  ·  ");
        }
        if room.is_used_up() {
            row.ours(&format!("… and {} more", stages.len() - place));
            break;
        }
        match &stage.standing {
            Standing::Queued => row.ours("○"),
            Standing::Held => row.emoji("double_vertical_bar"),
            Standing::Running => row.emoji("arrows_counterclockwise"),
            Standing::Ended(Conclusion::Success) => row.emoji("white_check_mark"),
            Standing::Ended(_) => row.emoji("x"),
            Standing::Skipped => row.ours("–"),
        };
        row.ours(" ");
        if stage.standing == Standing::Running {
            row.bold(&stage.name, room, 80);
        } else {
            row.plain(&stage.name, room, 80);
        }
        if !stage.elapsed.is_empty() {
            row.ours(" ").plain(&stage.elapsed, room, 40);
        }
    }
    row.section()
}

fn changes(card: &Card, room: &mut Room) -> Vec<Value> {
    if card.changes.is_empty() && card.more_changes.is_empty() {
        return Vec::new();
    }
    let mut title = Row::default();
    title.bold("Changes", room, 20);
    let mut more = Row::default();
    let parts = list(&card.changes, CHANGES, room);
    more.text(&card.more_changes, false, room, 300);
    vec![title.section(), parts, more.section()]
}

fn list(items: &[Text], most: usize, room: &mut Room) -> Value {
    let mut rows = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let mut row = Row::default();
        if place >= most || room.is_used_up() {
            row.ours(&format!("… and {} more", items.len() - place));
            rows.push(row);
            break;
        }
        row.text(item, false, room, 500);
        rows.push(row);
    }
    rich::list(rows)
}

fn actions(buttons: &[Button]) -> Option<Value> {
    let elements: Vec<Value> = buttons.iter().take(BUTTONS).enumerate().map(|(n, b)| button(n, b)).collect();
    (!elements.is_empty()).then(|| json!({"type": "actions", "block_id": "buttons", "elements": elements}))
}

fn button(place: usize, button: &Button) -> Value {
    let mut drawn = json!({
        "type": "button",
        "action_id": format!("press.{place}"),
        "text": plain_text(&button.label, 75),
        "value": button.value,
    });
    match button.style {
        Style::Primary => drawn["style"] = json!("primary"),
        Style::Danger => drawn["style"] = json!("danger"),
        Style::Plain => {}
    }
    if let Some(question) = &button.confirm {
        drawn["confirm"] = json!({
            "title": plain_text("Are you sure?", 100),
            "text": plain_text(question, 300),
            "confirm": plain_text(&button.label, 30),
            "deny": plain_text("Back", 30),
        });
        if button.style == Style::Danger {
            drawn["confirm"]["style"] = json!("danger");
        }
    }
    drawn
}

/// Text that Slack shows as it is. It may not be empty.
pub(crate) fn plain_text(text: &str, most: usize) -> Value {
    let text = cut(&clean(text), most);
    let text = if text.trim().is_empty() { "–".to_owned() } else { text };
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// Small print. Slack's `context` blocks know only mrkdwn; words that mrkdwn could read something into are drawn as
/// rich text instead, larger but literal.
fn footnote(text: &Text) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    let parts: Option<Vec<String>> = text
        .0
        .iter()
        .map(|span| match span {
            Span::Plain(text) | Span::Bold(text) | Span::Person { name: text, .. } => {
                is_harmless(text).then(|| clean(text))
            }
            Span::Code(text) => {
                (is_harmless(text) && !clean(text).is_empty()).then(|| format!("`{}`", clean(text)))
            }
            Span::Link { label, url } => (is_harmless(label) && rich::is_address(url))
                .then(|| format!("<{}|{}>", url.replace('&', "&amp;"), clean(label))),
        })
        .collect();
    match parts.map(|parts| parts.concat()) {
        Some(line) if line.chars().count() <= 2_000 => Some(json!({
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": line, "verbatim": true}],
        })),
        _ => {
            let mut row = Row::default();
            row.text(text, false, &mut Room::new(600), 600);
            rich::block(vec![row.section()])
        }
    }
}
