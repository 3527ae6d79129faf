//! Block Kit's limits as Slack enforces them. Always active, also without the vendor's description; layout that is
//! merely ugly is not our business.

use std::collections::HashSet;

use serde_json::Value;

use crate::spec;

/// Where blocks are shown; limits differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// At most 50 blocks, no inputs in old clients (we allow them).
    Message,
    /// At most 100 blocks.
    Modal,
}

impl Surface {
    fn most_blocks(self) -> usize {
        match self {
            Self::Message => 50,
            Self::Modal => 100,
        }
    }
}

/// Everything Slack would refuse in `blocks`.
pub fn check_blocks(blocks: &Value, surface: Surface) -> Vec<String> {
    let mut wrong = Wrong::default();
    let Some(blocks) = blocks.as_array() else { return vec!["blocks must be an array".into()] };
    if blocks.len() > surface.most_blocks() {
        wrong.add(format!("{} blocks, at most {} are allowed", blocks.len(), surface.most_blocks()));
    }
    let mut block_ids = HashSet::new();
    for (index, block) in blocks.iter().enumerate() {
        wrong.at = format!("blocks[{index}]");
        check_block(block, &mut wrong);
        if let Some(id) = block["block_id"].as_str() {
            wrong.longest("block_id", id, 255);
            if !block_ids.insert(id) {
                wrong.add(format!("block_id `{id}` is used twice"));
            }
        }
        wrong
            .list
            .extend(spec::slack_shape("block", block).into_iter().map(|w| format!("blocks[{index}]{w}")));
    }
    wrong.list
}

/// Everything Slack would refuse in a modal.
pub fn check_view(view: &Value) -> Vec<String> {
    let mut wrong = Wrong { at: "view".into(), list: Vec::new() };
    let known = [
        "type",
        "title",
        "submit",
        "close",
        "blocks",
        "private_metadata",
        "callback_id",
        "clear_on_close",
        "notify_on_close",
        "external_id",
        "submit_disabled",
    ];
    wrong.only(view, &known);
    if view["type"] != "modal" {
        wrong.add("type must be `modal`");
    }
    wrong.text(view, "title", 24, Kind::Plain, true);
    wrong.text(view, "submit", 24, Kind::Plain, false);
    wrong.text(view, "close", 24, Kind::Plain, false);
    for (name, most) in [("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)] {
        if let Some(text) = view[name].as_str() {
            wrong.longest(name, text, most);
        }
    }
    let has_input =
        view["blocks"].as_array().is_some_and(|blocks| blocks.iter().any(|b| b["type"] == "input"));
    if has_input && view["submit"].is_null() {
        wrong.add("a view with inputs needs `submit`");
    }
    wrong.list.extend(check_blocks(&view["blocks"], Surface::Modal));
    wrong.list
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Any,
}

#[derive(Default)]
struct Wrong {
    at: String,
    list: Vec<String>,
}

impl Wrong {
    fn add(&mut self, what: impl AsRef<str>) {
        let at = &self.at;
        self.list.push(format!("{at}: {}", what.as_ref()));
    }

    fn longest(&mut self, name: &str, text: &str, most: usize) {
        let length = text.chars().count();
        if length > most {
            self.add(format!("{name} has {length} characters, at most {most} are allowed"));
        }
    }

    fn only(&mut self, object: &Value, known: &[&str]) {
        for name in object.as_object().into_iter().flatten().map(|(name, _)| name) {
            if !known.contains(&name.as_str()) {
                self.add(format!("unknown property `{name}`"));
            }
        }
    }

    /// Checks the text object `object[name]`.
    fn text(&mut self, object: &Value, name: &str, most: usize, kind: Kind, required: bool) {
        let text = &object[name];
        if text.is_null() {
            if required {
                self.add(format!("`{name}` is missing"));
            }
            return;
        }
        match (text["type"].as_str(), kind) {
            (Some("plain_text"), _) => self.only(text, &["type", "text", "emoji"]),
            (Some("mrkdwn"), Kind::Any) => self.only(text, &["type", "text", "verbatim"]),
            _ => self.add(format!("`{name}` has the wrong type {}", text["type"])),
        }
        match text["text"].as_str() {
            None | Some("") => self.add(format!("`{name}` is empty")),
            Some(content) => self.longest(name, content, most),
        }
    }

    fn count(&mut self, name: &str, list: &Value, most: usize) {
        match list.as_array().map(Vec::len) {
            Some(0) | None => self.add(format!("`{name}` is empty")),
            Some(count) if count > most => self.add(format!("{count} {name}, at most {most} are allowed")),
            Some(_) => {}
        }
    }
}

fn check_block(block: &Value, wrong: &mut Wrong) {
    match block["type"].as_str() {
        Some("section") => {
            wrong.only(block, &["type", "block_id", "text", "fields", "accessory", "expand"]);
            if block["text"].is_null() && block["fields"].is_null() {
                wrong.add("a section needs `text` or `fields`");
            }
            wrong.text(block, "text", 3000, Kind::Any, false);
            if let Some(fields) = block["fields"].as_array() {
                wrong.count("fields", &block["fields"], 10);
                for field in fields {
                    wrong.text(&serde_json::json!({ "field": field }), "field", 2000, Kind::Any, true);
                }
            }
            if !block["accessory"].is_null() {
                check_elements(std::slice::from_ref(&block["accessory"]), wrong);
            }
        }
        Some("header") => {
            wrong.only(block, &["type", "block_id", "text", "level"]);
            wrong.text(block, "text", 150, Kind::Plain, true);
        }
        Some("divider") => wrong.only(block, &["type", "block_id"]),
        Some("context") => {
            wrong.only(block, &["type", "block_id", "elements"]);
            wrong.count("elements", &block["elements"], 10);
            for element in block["elements"].as_array().into_iter().flatten().filter(|e| e["type"] != "image")
            {
                wrong.text(&serde_json::json!({ "element": element }), "element", 3000, Kind::Any, true);
            }
        }
        Some("actions") => {
            wrong.only(block, &["type", "block_id", "elements"]);
            wrong.count("elements", &block["elements"], 25);
            check_elements(block["elements"].as_array().map_or(&[], Vec::as_slice), wrong);
        }
        Some("input") => {
            wrong.only(
                block,
                &["type", "block_id", "label", "element", "dispatch_action", "hint", "optional"],
            );
            wrong.text(block, "label", 2000, Kind::Plain, true);
            wrong.text(block, "hint", 2000, Kind::Plain, false);
            check_elements(std::slice::from_ref(&block["element"]), wrong);
        }
        Some("markdown") => {
            wrong.only(block, &["type", "block_id", "text"]);
            wrong.longest("text", block["text"].as_str().unwrap_or_default(), 12_000);
        }
        Some(
            "image" | "rich_text" | "table" | "video" | "file" | "alert" | "card" | "carousel" | "container"
            | "context_actions" | "data_table" | "task_card" | "plan",
        ) => {}
        other => wrong.add(format!("unknown block type {}", other.unwrap_or("(none)"))),
    }
}

fn check_elements(elements: &[Value], wrong: &mut Wrong) {
    let mut action_ids = HashSet::new();
    for element in elements {
        check_element(element, wrong);
        if let Some(id) = element["action_id"].as_str() {
            wrong.longest("action_id", id, 255);
            if !action_ids.insert(id) {
                wrong.add(format!("action_id `{id}` is used twice in one block"));
            }
        }
    }
}

fn check_element(element: &Value, wrong: &mut Wrong) {
    match element["type"].as_str() {
        Some("button") => {
            let known =
                ["type", "text", "action_id", "value", "url", "style", "confirm", "accessibility_label"];
            wrong.only(element, &known);
            wrong.text(element, "text", 75, Kind::Plain, true);
            for (name, most) in [("value", 2000), ("url", 3000), ("accessibility_label", 75)] {
                match &element[name] {
                    Value::Null => {}
                    Value::String(text) => wrong.longest(name, text, most),
                    other => wrong.add(format!("`{name}` must be a string, got {other}")),
                }
            }
            if !element["style"].is_null() && element["style"] != "primary" && element["style"] != "danger" {
                wrong.add(format!("style {} is neither primary nor danger", element["style"]));
            }
        }
        Some("static_select" | "multi_static_select") => {
            wrong.text(element, "placeholder", 150, Kind::Plain, false);
            if element["option_groups"].is_null() {
                wrong.count("options", &element["options"], 100);
            } else {
                wrong.count("option_groups", &element["option_groups"], 100);
            }
            check_options(element, 75, wrong);
        }
        Some("overflow") => {
            wrong.only(element, &["type", "action_id", "options", "confirm"]);
            wrong.count("options", &element["options"], 5);
            check_options(element, 75, wrong);
        }
        Some("radio_buttons" | "checkboxes") => {
            wrong.count("options", &element["options"], 10);
            check_options(element, 75, wrong);
            if !element["initial_options"].is_null() {
                wrong.count("initial_options", &element["initial_options"], 10);
            }
            let options = element["options"].as_array().map_or(&[][..], Vec::as_slice);
            for option in element["initial_options"].as_array().into_iter().flatten() {
                if !options.contains(option) {
                    wrong.add("an initial option is not exactly one of the options");
                }
            }
        }
        Some("plain_text_input") => {
            let known = [
                "type",
                "action_id",
                "initial_value",
                "multiline",
                "min_length",
                "max_length",
                "focus_on_load",
                "placeholder",
                "dispatch_action_config",
            ];
            wrong.only(element, &known);
            wrong.text(element, "placeholder", 150, Kind::Plain, false);
            if element["max_length"].as_u64().is_some_and(|most| !(1..=3000).contains(&most)) {
                wrong.add("max_length must be 1 to 3000");
            }
        }
        Some(_) => wrong.text(element, "placeholder", 150, Kind::Plain, false),
        None => wrong.add("an element has no type"),
    }
    let confirm = &element["confirm"];
    if confirm.is_object() {
        wrong.only(confirm, &["title", "text", "confirm", "deny", "style"]);
        wrong.text(confirm, "title", 100, Kind::Plain, false);
        wrong.text(confirm, "text", 300, Kind::Any, true);
        wrong.text(confirm, "confirm", 30, Kind::Plain, false);
        wrong.text(confirm, "deny", 30, Kind::Plain, false);
    }
}

fn check_options(element: &Value, most: usize, wrong: &mut Wrong) {
    let grouped = element["option_groups"].as_array().into_iter().flatten().map(|group| &group["options"]);
    for option in std::iter::once(&element["options"]).chain(grouped).filter_map(Value::as_array).flatten() {
        wrong.text(option, "text", most, Kind::Any, true);
        wrong.text(option, "description", most, Kind::Any, false);
        wrong.longest("option value", option["value"].as_str().unwrap_or_default(), 150);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn button(action_id: &str) -> Value {
        json!({"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": "Approve"}})
    }

    fn refused(blocks: &Value) -> bool {
        !check_blocks(blocks, Surface::Message).is_empty()
    }

    #[test]
    fn a_plain_card_passes() {
        let card = json!([
            {"type": "header", "text": {"type": "plain_text", "text": "shop"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*v1.2.3*"}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "by ann"}]},
            {"type": "divider"},
            {"type": "actions", "block_id": "gate", "elements": [button("approve"), button("reject")]},
        ]);
        assert_eq!(check_blocks(&card, Surface::Message), Vec::<String>::new());
    }

    #[test]
    fn each_limit_is_kept() {
        let mut disabled = button("a");
        disabled["disabled"] = json!(true);
        let mut long_label = button("a");
        long_label["text"]["text"] = json!("x".repeat(76));
        let mut long_value = button("a");
        long_value["value"] = json!("x".repeat(2001));
        let section = |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
        let cases = [
            ("disabled button", json!([{"type": "actions", "elements": [disabled]}])),
            ("long label", json!([{"type": "actions", "elements": [long_label]}])),
            ("long value", json!([{"type": "actions", "elements": [long_value]}])),
            ("one action_id twice", json!([{"type": "actions", "elements": [button("a"), button("a")]}])),
            (
                "one block_id twice",
                json!([{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]),
            ),
            ("empty section", json!([section("")])),
            ("long section", json!([section(&"x".repeat(3001))])),
            ("51 blocks", json!(vec![json!({"type": "divider"}); 51])),
            ("no elements", json!([{"type": "actions", "elements": []}])),
            ("unknown type", json!([{"type": "sparkles"}])),
        ];
        for (name, blocks) in cases {
            assert!(refused(&blocks), "{name} must be refused");
        }
    }

    #[test]
    fn a_modal_title_has_at_most_24_characters() {
        let view = |title: &str| json!({"type": "modal", "title": {"type": "plain_text", "text": title}, "blocks": []});
        assert_eq!(check_view(&view("Reject")), Vec::<String>::new());
        assert!(!check_view(&view(&"x".repeat(25))).is_empty());
    }
}
