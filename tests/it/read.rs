//! What a person reads in the Slack model, as one string, so that tests can ask for sentences. Not here: pressing.

use serde_json::Value;
use shipgate_world::slack::{Ephemeral, Message};

/// A message as its readers see it.
pub fn message(message: &Message) -> String {
    said(&message.text, &message.blocks)
}

/// A private message as its reader sees it.
pub fn private(message: &Ephemeral) -> String {
    said(&message.text, &message.blocks)
}

/// Blocks line by line; without blocks, the text. Mentions are `<@U…>`, links `[label](address)`.
pub fn said(text: &str, blocks: &[Value]) -> String {
    let mut lines = String::new();
    for block in blocks {
        row(block, &mut lines);
    }
    if lines.trim().is_empty() { text.to_owned() } else { lines }
}

fn row(value: &Value, into: &mut String) {
    match value["type"].as_str() {
        Some("text") => into.push_str(value["text"].as_str().unwrap_or_default()),
        Some("link") => {
            let (label, url) = (value["text"].as_str(), value["url"].as_str().unwrap_or_default());
            into.push_str(&format!("[{}]({url})", label.unwrap_or(url)));
        }
        Some("user") => into.push_str(&format!("<@{}>", value["user_id"].as_str().unwrap_or_default())),
        Some("emoji") => into.push_str(&format!(":{}:", value["name"].as_str().unwrap_or_default())),
        Some("button") => {
            into.push_str(&format!("[{}] ", value["text"]["text"].as_str().unwrap_or_default()))
        }
        Some("checkboxes") => {
            let options = |key: &str| value[key].as_array().cloned().unwrap_or_default();
            for option in options("options") {
                let is_ticked = options("initial_options").iter().any(|one| one["value"] == option["value"]);
                let label = option["text"]["text"].as_str().unwrap_or_default();
                into.push_str(&format!("[{}] {label}\n", if is_ticked { "x" } else { " " }));
            }
        }
        Some("mrkdwn" | "plain_text") => into.push_str(value["text"].as_str().unwrap_or_default()),
        Some(
            "rich_text"
            | "rich_text_section"
            | "rich_text_list"
            | "rich_text_quote"
            | "rich_text_preformatted"
            | "context"
            | "actions",
        ) => {
            value["elements"].as_array().into_iter().flatten().for_each(|element| row(element, into));
            if !into.ends_with('\n') {
                into.push('\n');
            }
        }
        _ if value.is_null() => {}
        _ => {
            row(&value["text"], into);
            value["fields"].as_array().into_iter().flatten().for_each(|field| row(field, into));
            if value.is_object() && !into.ends_with('\n') {
                into.push('\n');
            }
        }
    }
}

/// Every element anywhere in the blocks that acts on a reader: mentions and links.
pub fn live_elements(blocks: &[Value]) -> Vec<Value> {
    fn collect(value: &Value, into: &mut Vec<Value>) {
        match value {
            Value::Object(object) => {
                if let Some("link" | "user" | "usergroup" | "broadcast" | "channel") = value["type"].as_str()
                {
                    into.push(value.clone());
                }
                object.values().for_each(|member| collect(member, into));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    blocks.iter().for_each(|block| collect(block, &mut all));
    all
}
