//! What people press and fill in: buttons and selects of messages, inputs of modals. How it reaches the app is in
//! `people.rs`.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::NotThere;

/// A button somebody can see; it can be pressed later, when the message has long been changed.
#[derive(Clone, Debug, Serialize)]
pub struct Button {
    /// Channel id.
    pub channel: String,
    /// The message.
    pub ts: String,
    /// Only one person sees the message.
    pub is_ephemeral: bool,
    /// Its block.
    pub block_id: String,
    /// Its id in the block.
    pub action_id: String,
    /// Its label.
    pub text: String,
    /// The opaque value.
    pub value: Option<String>,
    /// The element as sent (a select has no label of its own).
    pub element: Value,
}

pub(super) fn buttons_of(blocks: &[Value], channel: &str, ts: &str, is_ephemeral: bool) -> Vec<Button> {
    let mut found = Vec::new();
    for block in blocks {
        let elements = block["elements"].as_array().into_iter().flatten().chain(block.get("accessory"));
        for element in elements.filter(|element| element["action_id"].is_string()) {
            let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            found.push(Button {
                channel: channel.to_owned(),
                ts: ts.to_owned(),
                is_ephemeral,
                block_id: text_of(&block["block_id"]),
                action_id: text_of(&element["action_id"]),
                text: text_of(&element["text"]["text"]),
                value: element["value"].as_str().map(str::to_owned),
                element: element.clone(),
            });
        }
    }
    found
}

/// The entry of `actions` for a pressed button, or for a select with a chosen value.
pub(super) fn action(button: &Button, chosen: Option<&str>, ts: &str) -> Value {
    let kind = &button.element["type"];
    let mut action =
        json!({"action_id": button.action_id, "block_id": button.block_id, "type": kind, "action_ts": ts});
    for name in ["text", "value", "style", "placeholder", "confirm"] {
        if !button.element[name].is_null() {
            action[name] = button.element[name].clone();
        }
    }
    if let Some(value) = chosen {
        let mut options = button.element["options"].as_array().into_iter().flatten();
        let option = options.find(|option| option["value"] == value).cloned();
        let name = if kind == "users_select" { "selected_user" } else { "selected_option" };
        action[name] = option.unwrap_or_else(|| json!(value));
    }
    action
}

/// `state.values` for what a person entered; inputs without an entry keep their initial value.
pub(super) fn fill_in(view: &Value, values: &[(&str, &str)]) -> Result<Value, NotThere> {
    let mut filled = Map::new();
    let mut used = 0;
    for block in view["blocks"].as_array().into_iter().flatten().filter(|block| block["type"] == "input") {
        let element = &block["element"];
        let (Some(block_id), Some(action_id)) = (block["block_id"].as_str(), element["action_id"].as_str())
        else {
            continue;
        };
        let entry = values.iter().find(|(name, _)| *name == block_id || *name == action_id).map(|(_, v)| *v);
        used += usize::from(entry.is_some());
        let value = entered(element, entry)?;
        let is_empty = value.as_object().is_some_and(|o| o.iter().all(|(k, v)| k == "type" || v.is_null()));
        if is_empty && block["optional"] != true {
            return Err(NotThere(format!(
                "the input `{block_id}` is required; Slack does not submit without it"
            )));
        }
        filled.insert(block_id.to_owned(), json!({ action_id: value }));
    }
    if used < values.len() {
        let known: Vec<&String> = filled.keys().collect();
        return Err(NotThere(format!("some of {values:?} are no inputs of the modal; it has {known:?}")));
    }
    Ok(Value::Object(filled))
}

fn entered(element: &Value, entry: Option<&str>) -> Result<Value, NotThere> {
    let kind = element["type"].as_str().unwrap_or_default();
    let or_initial = |initial: &str| entry.map_or_else(|| element[initial].clone(), |entry| json!(entry));
    Ok(match kind {
        "static_select" | "radio_buttons" => {
            let groups =
                element["option_groups"].as_array().into_iter().flatten().map(|group| &group["options"]);
            let mut options =
                std::iter::once(&element["options"]).chain(groups).filter_map(Value::as_array).flatten();
            let chosen = match entry {
                None => element["initial_option"].clone(),
                Some(value) => options
                    .find(|option| option["value"] == value || option["text"]["text"] == value)
                    .cloned()
                    .ok_or_else(|| NotThere(format!("`{value}` is not among the options")))?,
            };
            json!({"type": kind, "selected_option": chosen})
        }
        "users_select" => json!({"type": kind, "selected_user": or_initial("initial_user")}),
        "channels_select" => json!({"type": kind, "selected_channel": or_initial("initial_channel")}),
        "datepicker" => json!({"type": kind, "selected_date": or_initial("initial_date")}),
        "timepicker" => json!({"type": kind, "selected_time": or_initial("initial_time")}),
        _ => {
            let text = or_initial("initial_value");
            let length = text.as_str().map_or(0, |text| text.chars().count());
            let most = element["max_length"].as_u64().unwrap_or(3000);
            if u64::try_from(length).is_ok_and(|length| length > most) {
                return Err(NotThere(format!("the input takes {most} characters, not {length}")));
            }
            json!({"type": kind, "value": text})
        }
    })
}
