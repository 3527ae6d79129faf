//! Forms as Slack modals, and reading them back. Not here: what a form is for.

use super::render::inert::{clean, cut};
use super::render::{plain_text, rich};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shipgate_app::inbound::ReplyTo;
use shipgate_app::words::{Field, FieldKind, Form};
use std::collections::BTreeMap;

/// Names our modals; a submission of any other is not ours.
pub(crate) const CALLBACK: &str = "shipgate.form";
/// The one element of each field's block.
const ELEMENT: &str = "value";
/// Slack's limit of options in a select (Block Kit reference).
const OPTIONS: usize = 100;
/// Slack's limit of blocks in a modal (Block Kit reference), less one for the sentence above.
const FIELDS: usize = 99;

/// What a modal carries through Slack and back: a submission does not say where the person was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried {
    /// [`Form::context`].
    pub context: String,
    /// The channel in which the form was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The thread in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
}

/// Draws a form.
pub(crate) fn view(form: &Form, to: &ReplyTo) -> Value {
    let mut blocks = Vec::new();
    let mut intro = rich::Row::default();
    intro.text(&form.intro, false, &mut rich::Room::new(2_000), 2_000);
    blocks.extend(rich::block(vec![intro.section()]));
    blocks.extend(form.fields.iter().take(FIELDS).map(input));
    let carried =
        Carried { context: form.context.clone(), channel: to.channel.clone(), thread: to.thread.clone() };
    json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "title": plain_text(&form.title, 24),
        "submit": plain_text(&form.submit, 24),
        "close": plain_text("Back", 24),
        "private_metadata": json!(carried).to_string(),
        "blocks": blocks,
    })
}

fn input(field: &Field) -> Value {
    let element = match &field.kind {
        FieldKind::Text { multiline, initial } => {
            let mut element = json!({"type": "plain_text_input", "action_id": ELEMENT, "multiline": multiline,
                "max_length": 2_000});
            if !initial.is_empty() {
                element["initial_value"] = json!(cut(initial, 2_000));
            }
            element
        }
        FieldKind::Select { options, initial } => {
            let drawn: Vec<Value> =
                options.iter().take(OPTIONS).map(|(value, label)| option(value, label)).collect();
            let chosen =
                initial.as_ref().and_then(|i| drawn.iter().find(|o| o["value"] == json!(i)).cloned());
            let mut element = json!({"type": "static_select", "action_id": ELEMENT, "options": drawn});
            if let Some(chosen) = chosen {
                element["initial_option"] = chosen;
            }
            element
        }
    };
    let mut block = json!({
        "type": "input",
        "block_id": field.name,
        "label": plain_text(&field.label, 48),
        "optional": field.optional,
        "element": element,
    });
    if !clean(&field.hint).trim().is_empty() {
        block["hint"] = plain_text(&field.hint, 150);
    }
    block
}

fn option(value: &str, label: &str) -> Value {
    json!({"text": plain_text(label, 75), "value": cut(value, 150)})
}

/// A form that came back.
#[derive(Debug, Deserialize)]
pub(crate) struct View {
    pub id: String,
    #[serde(default)]
    pub callback_id: String,
    #[serde(default)]
    pub private_metadata: String,
    #[serde(default)]
    pub blocks: Vec<InputBlock>,
    #[serde(default)]
    pub state: State,
}

/// A block of the form as Slack repeats it.
#[derive(Debug, Deserialize)]
pub(crate) struct InputBlock {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    block_id: String,
    #[serde(default)]
    optional: bool,
}

/// What was entered, by block and element.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct State {
    #[serde(default)]
    values: BTreeMap<String, BTreeMap<String, Entered>>,
}

#[derive(Debug, Deserialize)]
struct Entered {
    value: Option<String>,
    selected_option: Option<Chosen>,
}

#[derive(Debug, Deserialize)]
struct Chosen {
    value: String,
}

impl View {
    /// What was entered, by field.
    pub(crate) fn fields(&self) -> BTreeMap<String, String> {
        let entered = self.state.values.iter().filter_map(|(block, elements)| {
            let entered = elements.get(ELEMENT)?;
            let value = entered.selected_option.as_ref().map(|c| &c.value).or(entered.value.as_ref());
            Some((block.clone(), value.cloned().unwrap_or_default()))
        });
        entered.collect()
    }

    /// What is missing, by block: Slack takes a space for an answer, we do not.
    pub(crate) fn missing(&self) -> BTreeMap<String, String> {
        let fields = self.fields();
        let empty = self.blocks.iter().filter(|b| {
            b.kind == "input" && !b.optional && fields.get(&b.block_id).is_none_or(|v| v.trim().is_empty())
        });
        empty.map(|b| (b.block_id.clone(), "Fill this in.".to_owned())).collect()
    }

    /// An answer that shows one sentence at the first field.
    pub(crate) fn complaint(&self, sentence: &str) -> BTreeMap<String, String> {
        let first = self.blocks.iter().find(|b| b.kind == "input");
        first.map(|b| (b.block_id.clone(), sentence.to_owned())).into_iter().collect()
    }
}
