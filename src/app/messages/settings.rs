//! What people are told when the settings change while the bot works. Not here: when (`renewed`).

use super::Words;
use crate::words::{Message, Text, Tone};

/// So much is listed; the log has all.
const SHOWN: usize = 10;

impl Words<'_> {
    pub(crate) fn settings_applied(&self, changed: &[String], was_refused: bool) -> Message {
        let title = if was_refused {
            "The settings were corrected and changed. The new ones are in force."
        } else {
            "The settings changed. The new ones are in force."
        };
        Message::line(Tone::Neutral, title).list(listed(changed)).paragraph(
            "What had not started is judged by them, and approvals that were given under other rules no longer count. \
             Runs that are under way go on. Who changed the file is for its history to say.",
        )
    }

    pub(crate) fn settings_mended(&self) -> Message {
        Message::line(Tone::Good, "The settings file is in order again. What it says is in force.")
    }

    pub(crate) fn settings_refused(&self, problems: &[String]) -> Message {
        Message::line(
            Tone::Warning,
            "The changed settings are refused, all of them. The old ones stay in force.",
        )
        .list(listed(problems))
        .paragraph(
            Text::plain("What to do: correct the file; Shipgate looks at it by itself. ")
                .code("shipgate check")
                .and(" shows every problem with its line."),
        )
    }
}

fn listed(all: &[String]) -> Vec<Text> {
    let mut items: Vec<Text> = all.iter().take(SHOWN).map(|line| Text::plain(line.clone())).collect();
    if all.len() > SHOWN {
        items.push(Text::plain(format!("and {} more", all.len() - SHOWN)));
    }
    items
}
