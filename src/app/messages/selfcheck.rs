//! What people are told when the self-check finds what must never be, and of anchors. Not here: finding it.

use super::Words;
use crate::words::{Message, Text, Tone};
use jiff::Timestamp;
use shipgate_domain::audit::{Anchor, Finding};
use shipgate_domain::ids::PersonId;
use std::collections::BTreeSet;

impl Words<'_> {
    /// What was found, what it means, what to do.
    pub(crate) fn dispatching_stopped(&self, findings: &[Finding], of: usize) -> Message {
        let mut items: Vec<Text> = findings.iter().map(|finding| Text::plain(finding.what.clone())).collect();
        if of > findings.len() {
            items.push(
                Text::plain(format!("and {} more: ", of - findings.len())).code("shipgate audit verify"),
            );
        }
        let meanings: BTreeSet<&str> = findings.iter().map(|finding| finding.kind.meaning()).collect();
        let meanings = meanings.into_iter().collect::<Vec<_>>().join(" ");
        Message::line(
            Tone::Bad,
            "Shipgate found in its own records what must never be. Nothing is started any more.",
        )
        .list(items)
        .paragraph(format!("What it means: {meanings} Runs that are under way are followed to their end."))
        .paragraph(
            Text::plain("What to do: keep a copy of the database as it is, run ")
                .code("shipgate audit verify")
                .and(" on it, and compare what runs with ")
                .code("/shipgate status")
                .and(". Deploys that wait go on once somebody who may resolve says ")
                .code("/resume dispatching \"what you found out\"")
                .and("."),
        )
    }

    pub(crate) fn dispatching_resumed(&self, by: &PersonId, reason: &str, found: &str) -> Message {
        Message::line(
            Tone::Warning,
            Text::default().span(self.person(by)).and(format!(" lets deploys start again: {reason}")),
        )
        .paragraph(format!(
            "They were stopped because {found}. This finding will not stop them again; a new one will."
        ))
    }

    /// Somebody lets deploys go on, and does not know all that was found.
    pub(crate) fn found_since_then(&self, found: &str) -> Message {
        Message::line(Tone::Warning, "Nothing is let go on: more was found after you said that.").paragraph(
            Text::plain(format!("It is {found}. Look at it too, then say it again: "))
                .code("/resume dispatching \"what you found out\"")
                .and("."),
        )
    }

    pub(crate) fn dispatching_goes_on(&self) -> Message {
        Message::line(Tone::Neutral, "Nothing is stopped: deploys start when their gates are open.")
            .paragraph(Text::plain("For one deploy that is held: ").code("/resume 7K2M9Q").and("."))
    }

    /// "nothing is started since 14:00: row 17 is missing"
    pub(crate) fn stopped_line(&self, since: Timestamp, found: &str) -> Text {
        Text::default()
            .bold("Nothing is started anywhere")
            .and(format!(" since {}: {found}. ", self.at(since)))
            .code("/resume dispatching \"what you found out\"")
    }

    /// The head of the record, to be kept where it was posted.
    pub(crate) fn anchor(&self, anchor: &Anchor, signature: Option<&str>) -> Message {
        let entries = if anchor.count == 1 { "entry" } else { "entries" };
        let text = Text::plain("Anchor of the record: ")
            .code(anchor.to_string())
            .and(format!(", {} {entries} at {}", anchor.count, anchor.at));
        let text = match signature {
            Some(signature) => text.and(", signed ").code(signature),
            None => text,
        };
        Message::line(Tone::Neutral, text)
    }
}
