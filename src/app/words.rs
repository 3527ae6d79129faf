//! What people read, as data: text that cannot become markup, messages, cards, buttons, forms. Each chat adapter and
//! the page draw these in their own way. Not here: the sentences (`messages`), or any platform's markup.

use serde::{Deserialize, Serialize};
use shipgate_domain::gates::Answer;
use shipgate_domain::ids::{Account, DeployId};
use shipgate_domain::run::Standing;

/// Text made of pieces. Whatever people or repositories wrote is always a `Plain`, `Bold` or `Code` piece, which
/// adapters escape: it can never mention, link or format anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text(pub Vec<Span>);

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// As it is.
    Plain(String),
    /// Stressed.
    Bold(String),
    /// Word for word: versions, commands, commits.
    Code(String),
    /// A link that Shipgate made.
    Link {
        /// What people see.
        label: String,
        /// Where it leads: http or https.
        url: String,
    },
    /// A person: shown by name, or mentioned so that the platform tells them.
    Person {
        /// Name to show.
        name: String,
        /// Their accounts on all platforms.
        accounts: Vec<Account>,
        /// Whether the platform should tell them.
        notify: bool,
    },
}

impl Text {
    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Span::Plain(text.into())])
    }
    /// Adds plain text.
    #[must_use]
    pub fn and(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Plain(text.into()));
        self
    }
    /// Adds stressed text.
    #[must_use]
    pub fn bold(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Bold(text.into()));
        self
    }
    /// Adds text word for word.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Code(text.into()));
        self
    }
    /// Adds a link; without a usable address, the label alone.
    #[must_use]
    pub fn link(mut self, label: impl Into<String>, url: Option<&str>) -> Self {
        let label = label.into();
        self.0.push(match url.filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
            Some(url) => Span::Link { label, url: url.to_owned() },
            None => Span::Plain(label),
        });
        self
    }
    /// Adds one piece.
    #[must_use]
    pub fn span(mut self, span: Span) -> Self {
        self.0.push(span);
        self
    }
    /// Adds all pieces of another text.
    #[must_use]
    pub fn text(mut self, other: Text) -> Self {
        self.0.extend(other.0);
        self
    }
    /// Whether there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The words alone, for notifications, logs and tests.
    #[must_use]
    pub fn to_plain(&self) -> String {
        self.0
            .iter()
            .map(|span| match span {
                Span::Plain(text) | Span::Bold(text) | Span::Code(text) => text.as_str(),
                Span::Link { label, .. } => label.as_str(),
                Span::Person { name, .. } => name.as_str(),
            })
            .collect()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}
impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

/// Shown colour and mark of a message or card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Nothing special.
    Neutral,
    /// Something is asked of people.
    Asking,
    /// Something is at work.
    Working,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Care is needed: an emergency, an unknown outcome.
    Warning,
}

/// What a message says: a deploy's card, or anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The card of a deploy.
    Card(Box<Card>),
    /// Anything else.
    Message(Message),
}

/// A message: a short title and blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Colour and mark.
    pub tone: Tone,
    /// First line; may be empty.
    pub title: Text,
    /// What follows.
    pub blocks: Vec<Block>,
    /// Buttons under it.
    pub buttons: Vec<Button>,
}

impl Message {
    /// A message of one line.
    pub fn line(tone: Tone, title: impl Into<Text>) -> Self {
        Self { tone, title: title.into(), blocks: Vec::new(), buttons: Vec::new() }
    }
    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(mut self, text: impl Into<Text>) -> Self {
        self.blocks.push(Block::Paragraph(text.into()));
        self
    }
    /// Adds a list.
    #[must_use]
    pub fn list(mut self, items: Vec<Text>) -> Self {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
        self
    }
    /// Adds lines word for word.
    #[must_use]
    pub fn code(mut self, lines: Vec<String>) -> Self {
        if !lines.is_empty() {
            self.blocks.push(Block::Code(lines));
        }
        self
    }
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Running text.
    Paragraph(Text),
    /// A list.
    List(Vec<Text>),
    /// Labels with values.
    Fields(Vec<(String, Text)>),
    /// Lines word for word: a log.
    Code(Vec<String>),
}

/// The one message of a deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The deploy.
    pub deploy: DeployId,
    /// Colour and mark.
    pub tone: Tone,
    /// What goes where: "api v1.2.3 → production".
    pub title: Text,
    /// Where it stands, in one sentence, with what happens next.
    pub status: Text,
    /// Commit, requester, digest and the like.
    pub facts: Vec<(String, Text)>,
    /// What changes: commits or pull requests, newest first, cut.
    pub changes: Vec<Text>,
    /// How many more changes there are than shown, and the page that shows all.
    pub more_changes: Text,
    /// Every gate's verdict.
    pub gates: Vec<GateLine>,
    /// Items of the checklist that are due and that nobody can press: facts tick them, or their time is over.
    #[serde(default)]
    pub checklist: Vec<CheckLine>,
    /// Items of the checklist that people tick.
    #[serde(default)]
    pub boxes: Vec<Boxes>,
    /// The run's stages, once there is a run.
    pub stages: Vec<StageLine>,
    /// The end of the log of a failed step.
    pub log: Option<LogTail>,
    /// What people may do now.
    pub buttons: Vec<Button>,
    /// Id, digest, link: small print.
    pub footnote: Text,
}

impl Card {
    /// The card where nobody can press anything: its boxes are lines like the others.
    #[must_use]
    pub fn to_read(mut self) -> Self {
        self.buttons.clear();
        for option in self.boxes.drain(..).flat_map(|row| row.options) {
            let text = Text::plain(option.label);
            let text = if option.note.is_empty() { text } else { text.and(" — ").and(option.note) };
            self.checklist.push(CheckLine { is_ticked: option.is_ticked, text });
        }
        self
    }
}

/// One item of a checklist, to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    /// Whether it is ticked.
    pub is_ticked: bool,
    /// The item, and who or what ticked it.
    pub text: Text,
}

/// Boxes in one row, at most (Block Kit reference).
pub const BOXES: usize = 10;

/// A row of boxes, each pressed alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boxes {
    /// What a press brings back, besides which boxes are ticked then: as [`Button::value`].
    pub value: String,
    /// At most [`BOXES`].
    pub options: Vec<BoxOption>,
}

/// One box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxOption {
    /// What it is called in what a press brings back.
    pub key: String,
    /// What it says; at most 75 characters.
    pub label: String,
    /// Who ticked it, or who may; at most 75 characters, may be empty.
    pub note: String,
    /// Whether it is ticked.
    pub is_ticked: bool,
}

/// One gate on a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateLine {
    /// The gate's name.
    pub name: String,
    /// What it says.
    pub answer: Answer,
    /// Why, and when or who would open it.
    pub text: Text,
}

/// One stage on a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageLine {
    /// The stage's name.
    pub name: String,
    /// Where it stands.
    pub standing: Standing,
    /// How long it took or has taken: "1 min 12 s"; empty when it has not begun.
    pub elapsed: String,
}

/// The last lines of a failed step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTail {
    /// Which step.
    pub title: Text,
    /// Its last lines.
    pub lines: Vec<String>,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What it says; at most 30 characters.
    pub label: String,
    /// What a click brings back: deploy id, a dot, a 128-bit token. At most 100 bytes, so that it fits every platform.
    pub value: String,
    /// How it looks.
    pub style: Style,
    /// A question before it acts.
    pub confirm: Option<String>,
}

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// The expected next step.
    Primary,
    /// Stops or undoes something.
    Danger,
    /// Anything else.
    Plain,
}

/// A form: a Slack modal, a dialog on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Title; at most 24 characters.
    pub title: String,
    /// What the sending button says; at most 24 characters.
    pub submit: String,
    /// A sentence above the fields; may be empty.
    pub intro: Text,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Comes back with the answer; at most 2000 bytes, made by Shipgate, checked again when it comes back.
    pub context: String,
}

/// One field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name under which the answer comes back.
    pub name: String,
    /// Label; at most 48 characters.
    pub label: String,
    /// A sentence below it; may be empty.
    pub hint: String,
    /// Whether it may stay empty.
    pub optional: bool,
    /// What can be entered.
    pub kind: FieldKind,
}

/// What can be entered into a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Free text.
    Text {
        /// More than one line.
        multiline: bool,
        /// What is there at first.
        initial: String,
    },
    /// One of these, at most 100: value and label.
    Select {
        /// The choices.
        options: Vec<(String, String)>,
        /// The value chosen at first.
        initial: Option<String>,
    },
}
