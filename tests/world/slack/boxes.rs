//! Checkboxes of messages, as people see and press them: each person's screen shows what they pressed at once, until the
//! row is drawn anew. Not here: buttons and selects (`controls`).

use serde_json::{Value, json};

use super::Slack;
use super::controls::Button;
use super::people::{Kind, person};
use crate::client::Delivery;
use crate::{NotThere, locked};

impl Slack {
    /// The row of checkboxes of a message that has a box of this label.
    ///
    /// # Errors
    /// When there is none; the error lists the boxes there are.
    pub fn row_with(&self, channel: &str, ts: &str, label: &str) -> Result<Button, NotThere> {
        let rows = self.buttons(channel, ts).into_iter().filter(|b| b.element["type"] == "checkboxes");
        let rows: Vec<Button> = rows.collect();
        let labels = |row: &Button| labels_of(&row.element["options"]);
        let found = rows.iter().find(|row| labels(row).iter().any(|one| one == label)).cloned();
        found.ok_or_else(|| {
            let all: Vec<String> = rows.iter().flat_map(labels).collect();
            NotThere(format!("message {ts} in {channel} has no box `{label}`; it has: {all:?}"))
        })
    }

    /// The labels of the boxes of a message that are ticked as it is drawn.
    pub fn ticked(&self, channel: &str, ts: &str) -> Vec<String> {
        let rows = self.buttons(channel, ts).into_iter().filter(|b| b.element["type"] == "checkboxes");
        rows.flat_map(|row| labels_of(&row.element["initial_options"])).collect()
    }

    /// Somebody presses a box that is there now.
    ///
    /// # Errors
    /// When there is no such person, message or box.
    pub async fn tick(&self, user: &str, channel: &str, ts: &str, label: &str) -> Result<Delivery, NotThere> {
        let row = self.row_with(channel, ts, label)?;
        self.press_box(user, &row, label).await
    }

    /// Somebody presses a box of a row they saw earlier, even if the message has changed since.
    ///
    /// # Errors
    /// When there is no such person, channel or box.
    pub async fn press_box(&self, user: &str, row: &Button, label: &str) -> Result<Delivery, NotThere> {
        let payload = self.box_payload(user, row, label)?;
        Ok(self.deliver(Kind::Interactive, &payload).await)
    }

    /// The payload of such a press: it tells all boxes that are ticked on this person's screen then, and nothing of
    /// what others ticked since the row was drawn.
    ///
    /// # Errors
    /// As [`Slack::press_box`].
    pub fn box_payload(&self, user: &str, row: &Button, label: &str) -> Result<Value, NotThere> {
        let options = row.element["options"].as_array().cloned().unwrap_or_default();
        let pressed = options.iter().find(|option| option["text"]["text"] == label).cloned();
        let pressed = pressed.ok_or_else(|| NotThere(format!("the row has no box `{label}`")))?;
        let selected = {
            let mut state = locked(&self.0.state);
            let who = person(&state, user)?.id;
            let screen = (who, row.ts.clone(), row.block_id.clone());
            let drawn = row.element["initial_options"].as_array().cloned().unwrap_or_default();
            let shown = state.screens.entry(screen).or_insert(drawn);
            match shown.iter().position(|option| option["value"] == pressed["value"]) {
                Some(at) => drop(shown.remove(at)),
                None => shown.push(pressed),
            }
            // In the order of the options, as Slack tells them.
            let is_shown = |option: &&Value| shown.iter().any(|one| one["value"] == option["value"]);
            options.iter().filter(is_shown).cloned().collect::<Vec<_>>()
        };
        let mut payload = self.press_payload(user, row, None)?;
        payload["actions"][0]["selected_options"] = json!(selected);
        let entry = json!({"type": "checkboxes", "selected_options": selected});
        payload["state"]["values"] = json!({ (row.block_id.as_str()): { (row.action_id.as_str()): entry } });
        Ok(payload)
    }
}

fn labels_of(options: &Value) -> Vec<String> {
    let options = options.as_array().into_iter().flatten();
    options.filter_map(|option| option["text"]["text"].as_str().map(str::to_owned)).collect()
}
