//! What people read when Shipgate itself is at fault, or was put back to an earlier day. Not here: their own mistakes.

use super::{Words, count};
use crate::ports::Seen;
use crate::words::{Message, Text, Tone};
use jiff::Timestamp;
use shipgate_domain::ids::{DeployId, EnvironmentName, PersonId};

/// A message names so many runs at most.
const MOST_LISTED: usize = 20;

impl Words<'_> {
    /// To whoever sent a command that breaks Shipgate.
    pub(crate) fn command_put_away(&self, reference: &str) -> Message {
        Message::line(Tone::Bad, "Shipgate tried three times and could not carry it out. Nothing changed.")
            .paragraph("This is a mistake in Shipgate, not in what you did. Trying once more does no harm.")
            .paragraph(
                Text::plain("If it happens again, tell whoever runs Shipgate this reference: ")
                    .code(reference),
            )
    }

    /// To everybody.
    pub(crate) fn told_of_command(&self, by: &PersonId, reference: &str) -> Message {
        let title =
            Text::plain("A command of ").span(self.person(by)).and(" was put away after three tries.");
        Message::line(Tone::Bad, title)
            .paragraph("It broke Shipgate each time. Nothing changed by it, and everything else goes on.")
            .paragraph(for_operators(reference))
    }

    /// To everybody.
    pub(crate) fn told_of_effect(&self, task: &str, deploy: Option<&DeployId>, reference: &str) -> Message {
        let title = match deploy {
            Some(deploy) => {
                format!("Shipgate tried three times and could not {task} deploy {}.", deploy.short())
            }
            None => format!("Shipgate tried three times and could not {task}."),
        };
        let message = Message::line(Tone::Bad, title)
            .paragraph("It put this away; everything else goes on. At its next start it tries again.");
        let message = match deploy {
            Some(deploy) => message.paragraph(
                Text::plain("If the deploy stands still, look at its run, or stop it: ")
                    .code(format!("/shipgate cancel {}", deploy.short())),
            ),
            None => message,
        };
        message.paragraph(for_operators(reference))
    }
}

impl Words<'_> {
    /// The database was put back to an earlier moment.
    pub(crate) fn restored(&self, since: Timestamp, closed: &[EnvironmentName]) -> Message {
        let names: Vec<&str> = closed.iter().map(EnvironmentName::as_str).collect();
        let example = names.last().copied().unwrap_or("production");
        Message::line(Tone::Warning, format!("Shipgate was put back to a backup of {}.", self.at(since)))
            .paragraph(
                "What happened after that is forgotten here: requests, approvals, locks, freezes. Say again what \
                 still counts.",
            )
            .paragraph(format!(
                "Closed off until somebody has looked at each: {}. Nothing starts there before.",
                names.join(", ")
            ))
            .paragraph("Shipgate asks the CI systems now for runs since then, and lists those it does not know.")
            .paragraph(
                Text::plain("When you know what runs there: ")
                    .code(format!("/unlock {example} because …"))
                    .and(", by whoever may decide about unknown runs."),
            )
    }

    /// What the CI systems said of the time that is forgotten.
    pub(crate) fn looked_back(
        &self,
        since: Timestamp,
        found: usize,
        unknown: &[Seen],
        unread: &[(String, String)],
    ) -> Message {
        let at = self.at(since);
        let title = match unknown.len() {
            0 if unread.is_empty() => format!("Shipgate knows every run since {at}."),
            0 => format!("Not every CI system could be asked for its runs since {at}."),
            n => format!("{} since {at} that Shipgate does not know.", count(n as u64, "run")),
        };
        let tone = if unknown.is_empty() && unread.is_empty() { Tone::Neutral } else { Tone::Warning };
        let mut message = Message::line(tone, title);
        if !unknown.is_empty() {
            let shown = unknown.iter().take(MOST_LISTED).map(|seen| {
                let text = Text::plain("run ").link(seen.run.id.as_str(), seen.run.url.as_deref());
                text.and(" ").code(seen.title.clone())
            });
            message = message.list(shown.collect());
            if unknown.len() > MOST_LISTED {
                message = message.paragraph(format!("And {} more.", unknown.len() - MOST_LISTED));
            }
            message = message
                .paragraph("Look at each: what it brought may run now, and its deploy is gone from here.");
        }
        if !unread.is_empty() {
            if !unknown.is_empty() {
                message = message.paragraph("Not every CI system could be asked, so there may be more:");
            }
            let whys = unread.iter().map(|(repo, why)| Text::plain(format!("{repo}: {why}")));
            message = message.list(whys.collect()).paragraph(
                "Look there by hand for runs since then, before you say that an environment is free again.",
            );
        }
        if found > 0 {
            let text = format!(
                "{} that Shipgate knows had begun meanwhile; it follows their runs.",
                count(found as u64, "deploy")
            );
            message = message.paragraph(text);
        }
        message
    }
}

fn for_operators(reference: &str) -> Text {
    Text::plain("For whoever runs Shipgate: the log and the audit name it ").code(reference)
}
