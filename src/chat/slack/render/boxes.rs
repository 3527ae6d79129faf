//! The checklist of a card: lines to read, and rows of checkboxes. Not here: what a press of them means (`app`).

use super::rich::{self, Room, Row};
use super::{inert, plain_text};
use serde_json::{Value, json};
use shipgate_app::words::{BOXES, BoxOption, Boxes, Card, CheckLine};

/// Characters of an option's text and of its description (Block Kit reference).
const OPTION: usize = 75;
/// Rows of boxes on a card.
const ROWS: usize = 4;

/// What the `block_id` of a row of boxes begins with. Slack keeps what people see ticked by this id, so it carries the
/// token: a card that is drawn anew shows what is ticked by then.
pub(crate) const BLOCK: &str = "ticks.";
/// What the `action_id` of a row of boxes is.
pub(crate) const ACTION: &str = "tick";

pub(super) fn checklist(card: &Card, room: &mut Room) -> Vec<Value> {
    if card.checklist.is_empty() && card.boxes.is_empty() {
        return Vec::new();
    }
    let mut title = Row::default();
    title.bold("Checklist", room, 20);
    let mut blocks: Vec<Value> =
        rich::block(vec![title.section(), lines(&card.checklist, room)]).into_iter().collect();
    blocks.extend(card.boxes.iter().take(ROWS).filter_map(row));
    blocks
}

fn lines(lines: &[CheckLine], room: &mut Room) -> Value {
    let mut row = Row::default();
    for (place, line) in lines.iter().enumerate() {
        if !row.is_empty() {
            row.ours("\n");
        }
        if room.is_used_up() {
            row.ours(&format!("… and {} more", lines.len() - place));
            break;
        }
        row.emoji(if line.is_ticked { "ballot_box_with_check" } else { "white_medium_square" });
        row.ours(" ").text(&line.text, false, room, 400);
    }
    row.section()
}

fn row(boxes: &Boxes) -> Option<Value> {
    let options: Vec<Value> = boxes.options.iter().take(BOXES).map(option).collect();
    let ticked = boxes.options.iter().take(BOXES).zip(&options).filter(|(option, _)| option.is_ticked);
    let ticked: Vec<Value> = ticked.map(|(_, drawn)| drawn.clone()).collect();
    let mut element = json!({"type": "checkboxes", "action_id": ACTION, "options": options});
    // Slack refuses an empty list.
    if !ticked.is_empty() {
        element["initial_options"] = Value::Array(ticked);
    }
    let block_id = format!("{BLOCK}{}", boxes.value);
    (!options.is_empty()).then(|| json!({"type": "actions", "block_id": block_id, "elements": [element]}))
}

fn option(option: &BoxOption) -> Value {
    let mut drawn = json!({"text": plain_text(&option.label, OPTION), "value": option.key});
    if !inert::clean(&option.note).trim().is_empty() {
        drawn["description"] = plain_text(&option.note, OPTION);
    }
    drawn
}
