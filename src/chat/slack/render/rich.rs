//! Builds the elements of `rich_text` blocks within a room for characters. Not here: what is drawn where.

use super::inert::{clean, cut};
use serde_json::{Value, json};
use shipgate_app::words::{Span, Text};
use shipgate_domain::ids::Platform;

/// Longest address of a link that Slack takes.
const LONGEST_URL: usize = 3_000;

/// How many characters a message may still take. Slack refuses messages whose blocks are about 13,000 in all
/// (`msg_blocks_too_long`); what does not fit is cut, visibly.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Room {
    pub(crate) fn new(characters: usize) -> Self {
        Self(characters)
    }
    pub(crate) fn is_used_up(&self) -> bool {
        self.0 == 0
    }
    /// Cuts a piece to what is left, and takes that much.
    fn take(&mut self, text: String, most: usize) -> String {
        let text = cut(&text, most.min(self.0));
        self.0 -= text.chars().count().min(self.0);
        text
    }
}

/// A row of elements: what stands in one `rich_text_section`.
#[derive(Debug, Default)]
pub(crate) struct Row(Vec<Value>);

impl Row {
    /// Words of our own: marks, gaps, line breaks.
    pub(crate) fn ours(&mut self, text: &str) -> &mut Self {
        self.0.push(json!({"type": "text", "text": text}));
        self
    }
    /// An emoji by its name.
    pub(crate) fn emoji(&mut self, name: &str) -> &mut Self {
        self.0.push(json!({"type": "emoji", "name": name}));
        self
    }
    /// Literal text in bold.
    pub(crate) fn bold(&mut self, text: &str, room: &mut Room, most: usize) -> &mut Self {
        self.styled(text, Some("bold"), room, most)
    }
    /// Literal text.
    pub(crate) fn plain(&mut self, text: &str, room: &mut Room, most: usize) -> &mut Self {
        self.styled(text, None, room, most)
    }
    fn styled(&mut self, text: &str, style: Option<&str>, room: &mut Room, most: usize) -> &mut Self {
        let text = room.take(clean(text), most);
        if !text.is_empty() {
            self.0.push(match style {
                Some(style) => json!({"type": "text", "text": text, "style": {style: true}}),
                None => json!({"type": "text", "text": text}),
            });
        }
        self
    }
    /// Text of pieces, all of it bold where asked for; at most `most` characters.
    pub(crate) fn text(&mut self, text: &Text, is_bold: bool, room: &mut Room, most: usize) -> &mut Self {
        let mut left = most;
        for span in &text.0 {
            if left == 0 || room.is_used_up() {
                break;
            }
            let before = room.0;
            match span {
                Span::Plain(text) => {
                    self.styled(text, is_bold.then_some("bold"), room, left);
                }
                Span::Bold(text) => {
                    self.bold(text, room, left);
                }
                Span::Code(text) => {
                    self.styled(text, Some("code"), room, left);
                }
                Span::Link { label, url } if is_address(url) => {
                    let label = room.take(clean(label), left);
                    let mut link = json!({"type": "link", "url": url, "text": label});
                    if is_bold {
                        link["style"] = json!({"bold": true});
                    }
                    self.0.push(link);
                }
                Span::Link { label, .. } => {
                    self.plain(label, room, left);
                }
                Span::Person { name, accounts, notify } => {
                    let account =
                        accounts.iter().find(|a| a.platform == Platform::Slack && is_user_id(&a.id));
                    match account {
                        Some(account) if *notify => {
                            self.0.push(json!({"type": "user", "user_id": account.id}))
                        }
                        _ => {
                            self.styled(name, is_bold.then_some("bold"), room, left);
                        }
                    }
                }
            }
            left = left.saturating_sub(before - room.0);
        }
        self
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The finished section.
    pub(crate) fn section(self) -> Value {
        json!({"type": "rich_text_section", "elements": self.0})
    }
}

/// A bulleted list.
pub(crate) fn list(rows: Vec<Row>) -> Value {
    let rows: Vec<Value> = rows.into_iter().filter(|row| !row.is_empty()).map(Row::section).collect();
    json!({"type": "rich_text_list", "style": "bullet", "elements": rows})
}

/// The last lines that fit, word for word.
pub(crate) fn preformatted(lines: &[String], room: &mut Room, most: usize) -> Value {
    let most = most.min(room.0).max(1);
    let mut kept: Vec<String> = Vec::new();
    let mut used = 0;
    for line in lines.iter().rev() {
        let line = cut(&clean(line), 300);
        let length = line.chars().count() + 1;
        if used + length > most {
            break;
        }
        used += length;
        kept.push(line);
    }
    kept.reverse();
    if kept.len() < lines.len() {
        kept.insert(0, format!("… {} more lines above", lines.len() - kept.len()));
    }
    room.0 = room.0.saturating_sub(used);
    let text = kept.join("\n");
    let text = if text.trim().is_empty() { "(no output)".to_owned() } else { text };
    json!({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]})
}

/// A `rich_text` block, where there is anything to show.
pub(crate) fn block(elements: Vec<Value>) -> Option<Value> {
    let elements: Vec<Value> = elements
        .into_iter()
        .filter(|e| e["elements"].as_array().is_some_and(|list| !list.is_empty()))
        .collect();
    (!elements.is_empty()).then(|| json!({"type": "rich_text", "elements": elements}))
}

/// An address that Slack takes and that hides nothing.
pub(crate) fn is_address(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url.len() <= LONGEST_URL
        && url.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'|' | b'"' | b'`'))
}

/// A person's id: U or W, then capital letters and digits.
pub(crate) fn is_user_id(id: &str) -> bool {
    (3..=30).contains(&id.len())
        && id.starts_with(['U', 'W'])
        && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
