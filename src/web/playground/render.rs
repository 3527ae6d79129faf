//! Messages, cards and forms as HTML. Whatever people or repositories wrote goes through `inert` and the escaping of
//! the templates. Not here: what they say.

use super::room::{Entry, OpenForm, Room, Said};
use super::{Person, Playground};
use askama::Template;
use jiff::Timestamp;
use shipgate_app::words::{
    Block, Body, Boxes, Card, FieldKind, GateLine, Span, StageLine, Style, Text, Tone,
};
use shipgate_domain::gates::Answer;
use shipgate_domain::hidden::is_hidden_in_prose;
use shipgate_domain::ids::{Account, Platform};
use shipgate_domain::run::{Conclusion, Standing};
use std::borrow::Cow;

/// Replies shown in an opened thread.
const REPLIES: usize = 60;

/// Text without characters that reorder, hide or control: they become visible as replacement characters.
pub(super) fn inert(raw: &str) -> Cow<'_, str> {
    let is_active = |c: char| is_hidden_in_prose(c) && c != '\n' && c != '\t';
    if raw.contains(is_active) { Cow::Owned(raw.replace(is_active, "\u{fffd}")) } else { Cow::Borrowed(raw) }
}

/// A piece of HTML; a template that cannot be drawn says so instead.
pub(super) fn draw(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a template could not be drawn");
        "<p>This part could not be drawn. Reload the page.</p>".into()
    })
}

#[derive(Template)]
#[template(path = "text.html")]
struct TextView<'a> {
    spans: &'a [Span],
    viewer: &'a str,
}

/// A message with its thread, as `viewer` sees it.
#[derive(Template)]
#[template(path = "message.html")]
struct MessageView<'a> {
    entry: &'a Entry,
    author: Author<'a>,
    viewer: &'a str,
    channel: &'a str,
    day: Option<String>,
    time: String,
    replies: Vec<String>,
    earlier: usize,
    reply_count: usize,
    is_reply: bool,
    /// What a screen reader is told when this changes.
    news: String,
    age_ms: u128,
}

enum Author<'a> {
    Shipgate,
    Person { name: &'a str, role: &'a str, hue: usize, is_viewer: bool },
}

#[derive(Template)]
#[template(path = "form.html")]
struct FormView<'a> {
    open: &'a OpenForm,
    viewer: &'a str,
    channel: &'a str,
}

impl Playground {
    /// A message that begins a thread, with the thread.
    pub(super) fn article(&self, room: &Room, entry: &Entry, viewer: &str) -> String {
        let zone = self.0.world.clock.zone();
        let date = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let before = room.before(entry, viewer).map(|before| date(before.at));
        let is_new_day = before != Some(date(entry.at));
        let day = is_new_day.then(|| date(entry.at).strftime("%A %-d %B").to_string());
        let replies = room.replies(entry.id, viewer);
        let earlier = replies.len().saturating_sub(REPLIES);
        let shown = replies[earlier..].iter().map(|reply| draw(&self.view(reply, viewer, true))).collect();
        let view = self.view(entry, viewer, false);
        draw(&MessageView { day, reply_count: replies.len(), replies: shown, earlier, ..view })
    }

    fn view<'a>(&'a self, entry: &'a Entry, viewer: &'a str, is_reply: bool) -> MessageView<'a> {
        let author = match &entry.said {
            Said::Bot(_) => Author::Shipgate,
            Said::Person { account, .. } => self.author(account, viewer),
        };
        let zoned = entry.at.to_zoned(self.0.world.clock.zone());
        MessageView {
            entry,
            author,
            viewer,
            channel: &entry.channel,
            day: None,
            time: zoned.strftime("%H:%M").to_string(),
            replies: Vec::new(),
            earlier: 0,
            reply_count: 0,
            is_reply,
            news: news(&entry.said),
            age_ms: entry.changed.elapsed().as_millis(),
        }
    }

    fn author<'a>(&'a self, account: &str, viewer: &str) -> Author<'a> {
        let people = &self.0.settings.people;
        match people.iter().position(|person| person.account.id == account) {
            Some(hue) => {
                let Person { name, role, .. } = &people[hue];
                Author::Person { name, role, hue: hue % 6, is_viewer: account == viewer }
            }
            None => Author::Person { name: "Somebody", role: "", hue: 0, is_viewer: false },
        }
    }

    /// The form that waits for `viewer`, as a dialog.
    pub(super) fn dialog(&self, room: &Room, viewer: &str) -> Option<(Option<String>, String)> {
        let open = room.form(viewer)?;
        let channel = open.channel.as_deref().unwrap_or_else(|| self.0.settings.channels[0].id());
        Some((open.tab.clone(), draw(&FormView { open, viewer, channel })))
    }
}

fn news(said: &Said) -> String {
    let news = match said {
        Said::Person { .. } => return String::new(),
        Said::Bot(Body::Card(card)) => format!("{}. {}", card.title.to_plain(), card.status.to_plain()),
        Said::Bot(Body::Message(message)) => match (message.title.is_empty(), message.blocks.first()) {
            (true, Some(Block::Paragraph(text))) => text.to_plain(),
            _ => message.title.to_plain(),
        },
    };
    inert(&news).chars().take(240).collect()
}

// What templates ask of words.

fn text(text: &Text, viewer: &str) -> String {
    draw(&TextView { spans: &text.0, viewer })
}

fn joined(lines: &[String]) -> String {
    inert(&lines.join("\n")).into_owned()
}

fn is_me(accounts: &[Account], viewer: &str) -> bool {
    accounts.iter().any(|account| account.platform == Platform::Playground && account.id == viewer)
}

fn is_chosen(value: &str, initial: &Option<String>) -> bool {
    initial.as_deref() == Some(value)
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// The first letters of a name.
pub(super) fn initials(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect()
}

fn tone_class(tone: &Tone) -> &'static str {
    match tone {
        Tone::Neutral => "t-neutral",
        Tone::Asking => "t-asking",
        Tone::Working => "t-working",
        Tone::Good => "t-good",
        Tone::Bad => "t-bad",
        Tone::Warning => "t-warning",
    }
}

/// The mark of a tone, with its word, so that colour is never alone.
fn tone_mark(tone: &Tone) -> Option<(&'static str, &'static str)> {
    match tone {
        Tone::Neutral => None,
        Tone::Asking => Some(("wait", "Waiting")),
        Tone::Working => Some(("run", "Running")),
        Tone::Good => Some(("check", "Done")),
        Tone::Bad => Some(("cross", "Stopped")),
        Tone::Warning => Some(("alert", "Care")),
    }
}

fn gate_mark(answer: &Answer) -> (&'static str, &'static str, &'static str) {
    match answer {
        Answer::Open => ("g-open", "check", "open"),
        Answer::Waiting => ("g-waiting", "wait", "waiting"),
        Answer::Closed => ("g-closed", "cross", "closed"),
    }
}

fn stage_mark(standing: &Standing) -> (&'static str, &'static str, &str) {
    match standing {
        Standing::Queued => ("s-queued", "dot", "not started"),
        Standing::Held => ("s-held", "pause", "held"),
        Standing::Running => ("s-running", "run", "running"),
        Standing::Ended(Conclusion::Success) => ("s-good", "check", "succeeded"),
        Standing::Ended(conclusion) => ("s-bad", "cross", conclusion.phrase()),
        Standing::Skipped => ("s-skipped", "dot", "skipped"),
    }
}

fn style_class(style: &Style) -> &'static str {
    match style {
        Style::Primary => "b-primary",
        Style::Danger => "b-danger",
        Style::Plain => "b-plain",
    }
}

/// The boxes of a row that are ticked as it is drawn.
fn ticked(row: &Boxes) -> String {
    let keys = row.options.iter().filter(|option| option.is_ticked).map(|option| option.key.as_str());
    keys.collect::<Vec<_>>().join(" ")
}

/// How many items of the checklist are due now.
fn items(card: &Card) -> usize {
    card.checklist.len() + card.boxes.iter().map(|row| row.options.len()).sum::<usize>()
}

/// How many of them are ticked.
fn ticks(card: &Card) -> usize {
    let boxes = card.boxes.iter().flat_map(|row| &row.options).filter(|option| option.is_ticked);
    card.checklist.iter().filter(|line| line.is_ticked).count() + boxes.count()
}

/// How many gates gave this answer.
fn count(gates: &[GateLine], answer: Answer) -> usize {
    gates.iter().filter(|gate| gate.answer == answer).count()
}

/// Once a run exists, open gates are history and fold away.
fn folds_gates(card: &Card) -> bool {
    !card.stages.is_empty() && count(&card.gates, Answer::Open) == card.gates.len()
}

/// Stages that have ended, for the progress bar.
fn ended(stages: &[StageLine]) -> usize {
    stages.iter().filter(|stage| matches!(stage.standing, Standing::Ended(_) | Standing::Skipped)).count()
}

/// Seconds in "1 h 2 min 3 s"; `None` when it reads otherwise.
fn seconds(elapsed: &str) -> Option<u64> {
    let mut total = None;
    let mut words = elapsed.split_whitespace();
    while let Some(number) = words.next() {
        let unit = match words.next()? {
            "d" => 86_400,
            "h" => 3_600,
            "min" => 60,
            "s" => 1,
            _ => return None,
        };
        total = Some(total.unwrap_or(0) + number.parse::<u64>().ok()?.checked_mul(unit)?);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let hostile = Text::plain("<script>alert(1)</script> <!channel>")
            .bold("**x**")
            .code("\"><img src=x onerror=y>")
            .span(Span::Link { label: "here".into(), url: "javascript:alert(1)".into() })
            .and("abc\u{202e}dcba\u{200b}\u{1b}[31m");
        let html = text(&hostile, "ada");
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("<img"), "{html}");
        assert!(!html.contains("javascript:"), "{html}");
        assert!(!html.contains(['\u{202e}', '\u{200b}', '\u{1b}']), "{html}");
        assert!(html.contains("here"));
    }

    #[test]
    fn elapsed_words_are_read_as_seconds() {
        assert_eq!(seconds("1 min 12 s"), Some(72));
        assert_eq!(seconds("2 h 3 s"), Some(7203));
        for other in ["", "a while", "12", "x s"] {
            assert_eq!(seconds(other), None, "{other}");
        }
    }

    #[test]
    fn initials_are_at_most_two_letters() {
        assert_eq!(initials("Ada Lovelace"), "AL");
        assert_eq!(initials("Jean-Luc van der Meer"), "Jv");
    }
}
