//! Words about locks: taken, taken over, kept, given back, asked about. Not here: when any of it is said (`locks`,
//! `lock_nags`), the line of the gate on a card (`gates`).

use super::{Words, duration, groups, what};
use crate::words::{Message, Text, Tone};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::{Lock, LockKind};
use shipgate_domain::gates::{Reason, Verdict};
use shipgate_domain::ids::{EnvironmentName, GroupName, PersonId};
use shipgate_domain::lock::LockRefused;

/// Deploys that are named as those who wait, at most.
const NAMED: usize = 5;

impl Words<'_> {
    /// "locked by ada: migrating (until 14:00)"
    pub(crate) fn lock_line(&self, lock: &Lock) -> Text {
        if lock.quarantine.is_some() {
            return Text::plain("closed off: ").and(lock.reason.clone());
        }
        let word = match lock.kind {
            LockKind::Everyone => "locked by ",
            LockKind::Automation => "locked for automation by ",
            LockKind::Warn => "under a warning by ",
        };
        let text = Text::plain(word).span(self.person(&lock.by)).and(format!(": {}", lock.reason));
        match lock.until {
            Some(at) => text.and(format!(" (until {})", self.at(at))),
            None => text,
        }
    }

    fn place_is(&self, lock: &Lock, how: &str) -> Text {
        Text::default().bold(lock.environment.as_str()).and(format!(" is {how}")).text(self.lock_line(lock))
    }

    fn whom_it_stops(lock: &Lock) -> &'static str {
        match lock.kind {
            LockKind::Everyone => "Until it ends, no deploy of anybody else starts there. ",
            LockKind::Automation => {
                "Until it ends, nothing starts there by itself: planned starts wait, also one's own. What people ask \
                 for now goes on. "
            }
            LockKind::Warn => "It stops nothing; every card and answer shows it until it ends. ",
        }
    }

    pub(crate) fn locked(&self, lock: &Lock) -> Message {
        Message::line(Tone::Asking, self.place_is(lock, "").and(".")).paragraph(
            Text::plain(Self::whom_it_stops(lock))
                .code(format!("/unlock {}", lock.environment))
                .and(" ends it."),
        )
    }

    /// Somebody took a lock over, or put one in the place of a warning: whose it was is told by name, with why.
    pub(crate) fn lock_stolen(&self, lock: &Lock, from: &Lock) -> Message {
        let (what, became) = match (from.kind, lock.kind) {
            (LockKind::Warn, LockKind::Everyone | LockKind::Automation) => {
                ("warning", "gave way to a lock of")
            }
            (LockKind::Warn, LockKind::Warn) => ("warning", "was taken over by"),
            (LockKind::Everyone | LockKind::Automation, _) => ("lock", "was taken over by"),
        };
        let earlier = Text::default()
            .span(self.mention(&from.by))
            .and(format!(": your {what} ("))
            .and(from.reason.clone())
            .and(format!(") {became} "))
            .span(self.person(&lock.by))
            .and(format!(", because: {}.", lock.reason));
        let message = self.locked(lock);
        Message { tone: Tone::Warning, ..message }.paragraph(earlier)
    }

    pub(crate) fn lock_kept(&self, lock: &Lock, by: &PersonId) -> Message {
        let text = self.place_is(lock, "still ").and(".");
        let text = if lock.by == *by { text } else { text.and(" Kept by ").span(self.person(by)).and(".") };
        Message::line(Tone::Asking, text)
    }

    pub(crate) fn unlocked(
        &self,
        environment: &EnvironmentName,
        by: &PersonId,
        lock: &Lock,
        reason: Option<&str>,
    ) -> Message {
        let text = Text::default().bold(environment.as_str()).and(" was unlocked by ").span(self.person(by));
        let text = if lock.by == *by {
            text
        } else {
            text.and("; the lock was ").span(self.mention(&lock.by)).and("'s")
        };
        let text = match reason {
            Some(reason) => text.and(format!(": {reason}")),
            None => text.and("."),
        };
        Message::line(Tone::Good, text)
    }

    pub(crate) fn not_locked(&self, environment: &EnvironmentName) -> Message {
        Message::line(Tone::Neutral, format!("{environment} is not locked. Nothing changed."))
    }

    pub(crate) fn one_kind_of_lock(&self) -> Message {
        let title = "--automation stops what starts by itself, --warn stops nothing: only one can be meant. Nothing changed.";
        Message::line(Tone::Bad, title)
            .paragraph("Leave one of them out; without either, it stops everybody else.")
    }

    /// Why a lock stays as it is, and who can help.
    pub(crate) fn lock_refused(
        &self,
        environment: &EnvironmentName,
        refused: &LockRefused,
        lifters: &[GroupName],
    ) -> Message {
        let stays = |text: Text| Message::line(Tone::Bad, text.and(". Nothing changed."));
        match refused {
            LockRefused::HeldByOther(lock) => stays(self.place_is(lock, "already ")).paragraph(
                Text::plain("Ask ")
                    .span(self.person(&lock.by))
                    .and(format!(", or wait for its end. Those in {} can take it over: ", groups(lifters)))
                    .code(format!("/lock {environment} <why> --steal")),
            ),
            LockRefused::ClosedOff(lock) => stays(self.place_is(lock, "")).paragraph(
                Text::plain("Nobody can hold it before that is known. Whoever knows says ")
                    .code(format!("/unlock {environment} because …")),
            ),
            LockRefused::ReasonNeeded(lock) => {
                let text = self.place_is(lock, "").and(". Lifting it needs a reason");
                stays(text)
                    .paragraph(Text::plain("Say it like ").code(format!("/unlock {environment} because …")))
            }
            LockRefused::Free => self.not_locked(environment),
            LockRefused::WrongGrant => {
                stays(Text::plain(format!("The lock of {environment} changed meanwhile")))
                    .paragraph("Say it again.")
            }
        }
    }

    /// Asks the owner of a lock whether it is still needed.
    pub(crate) fn lock_nag(&self, lock: &Lock, behind: &[Deploy]) -> Message {
        let held = duration(self.now.duration_since(lock.since));
        let title = Text::default()
            .span(self.mention(&lock.by))
            .and(": do you still need the lock of ")
            .bold(lock.environment.as_str())
            .and("?");
        let since = match lock.until {
            Some(at) => format!("Held for {held}, until {}: {}.", self.at(at), lock.reason),
            None => format!("Held for {held}, until somebody ends it: {}.", lock.reason),
        };
        let message = Message::line(Tone::Asking, title).paragraph(since);
        let message = match behind {
            [] => message.paragraph("Nobody waits for it now."),
            _ => {
                let line = |d: &Deploy| {
                    let text = Text::default().bold(what(d)).and(" of ").span(self.person(&d.request.by));
                    text.and(" ").code(d.id.short())
                };
                let mut items: Vec<Text> = behind.iter().take(NAMED).map(line).collect();
                if behind.len() > NAMED {
                    items.push(format!("and {} more", behind.len() - NAMED).into());
                }
                message.paragraph("These wait for its end:").list(items)
            }
        };
        message.paragraph(match lock.until {
            Some(_) => format!(
                "Unlock lets everybody in. Keep lets it stand {} longer; without a word it ends by itself.",
                duration(lock.keeps_for())
            ),
            None => "Unlock lets everybody in.".to_owned(),
        })
    }

    /// What is left of the question about a lock once that changed.
    pub(crate) fn lock_was_asked(
        &self,
        environment: &EnvironmentName,
        owner: &PersonId,
        lock: Option<&Lock>,
    ) -> Message {
        let text = Text::plain("Asked whether ").span(self.person(owner)).and(" still needs the lock of ");
        let text = text.bold(environment.as_str()).and(". ");
        Message::line(
            Tone::Neutral,
            match lock {
                Some(lock) => text.text(self.place_is(lock, "now ")).and("."),
                None => text.and("It is over."),
            },
        )
    }

    pub(crate) fn stale_lock_button(&self, environment: &EnvironmentName) -> Message {
        let title = format!("The lock of {environment} changed since this was asked. Nothing happened.");
        Message::line(Tone::Bad, title)
            .paragraph(Text::plain("How it is now: ").code(format!("/shipgate status {environment}")))
    }

    /// "under a warning by ada: the database is slow (until 14:00)", for everybody who deploys there all the same.
    pub(crate) fn warning(&self, verdicts: &[Verdict]) -> Option<Text> {
        verdicts.iter().find_map(|verdict| match &verdict.reason {
            Reason::LockTold { by, reason, until, kind: LockKind::Warn } => {
                let text = Text::default().span(self.person(by)).and(" warns: ").bold(reason.clone());
                Some(match until {
                    Some(at) => text.and(format!(" (until {})", self.at(*at))),
                    None => text,
                })
            }
            _ => None,
        })
    }

    /// An answer, with the locks that hold where it is about.
    pub(crate) fn with_locks(&self, message: Message, locks: &[Lock]) -> Message {
        locks.iter().fold(message, |message, lock| {
            let loud = if lock.kind == LockKind::Warn { "⚠ " } else { "" };
            message.paragraph(Text::plain(loud).text(self.place_is(lock, "")).and("."))
        })
    }

    /// "2nd of 3 in line"
    pub(crate) fn in_line(ahead: u32, behind: u32) -> String {
        let place = ahead + 1;
        let end = match (place % 10, place % 100) {
            (_, 11..=13) => "th",
            (1, _) => "st",
            (2, _) => "nd",
            (3, _) => "rd",
            _ => "th",
        };
        if behind >= shipgate_domain::facts::BEHIND_COUNTED {
            return format!("{place}{end} of {} or more in line", place + behind);
        }
        format!("{place}{end} of {} in line", place + behind)
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn a_place_in_line_is_said_as_people_say_it() {
        for (ahead, behind, said) in [
            (0, 0, "1st of 1 in line"),
            (1, 1, "2nd of 3 in line"),
            (2, 0, "3rd of 3 in line"),
            (10, 0, "11th of 11 in line"),
            (20, 2, "21st of 23 in line"),
            (0, 9, "1st of 10 or more in line"),
        ] {
            assert_eq!(Words::in_line(ahead, behind), said);
        }
    }
}
