//! The announcement of a deploy's result, and what stands below it. Not here: actions of a team's own (`actions`).

use super::{diff_line, diff_of, tone};
use crate::messages::{Words, what};
use crate::words::{Block, Message, Text, Tone};
use shipgate_domain::deploy::{Deploy, Kind, Outcome, State};
use shipgate_domain::facts::Read;
use shipgate_domain::gates::Reason;
use shipgate_domain::ids::PersonId;
use shipgate_domain::run::Progress;

impl Words<'_> {
    /// The result of a deploy: what, who, who approved, how long, what changed, the verdict.
    pub(crate) fn result(&self, deploy: &Deploy) -> Message {
        if let Some(asked) = deploy.action() {
            return self.action_result(deploy, asked);
        }
        let State::Done { outcome, .. } = &deploy.state else {
            return Message::line(Tone::Neutral, self.title(deploy));
        };
        let environment = &deploy.request.environment;
        let is_unbegun = deploy.progress().is_some_and(Progress::was_stopped_unbegun);
        let verb = match (&deploy.request.kind, outcome) {
            (Kind::Rollback { .. }, Outcome::Succeeded) => "rolled back to",
            (_, Outcome::Succeeded) => "now runs",
            (_, Outcome::Cancelled { .. }) if is_unbegun => "did not get",
            // A run that was stopped may have done its work, or a part of it.
            (_, Outcome::Unknown | Outcome::Cancelled { .. }) => "may or may not run",
            (_, _) => "failed to get",
        };
        let title = Text::default().bold(environment.as_str()).and(format!(" {verb} ")).bold(what(deploy));
        let mut message = Message::line(tone(deploy), title);
        message.blocks.push(Block::Fields(self.result_fields(deploy)));
        let next = match outcome {
            Outcome::Failed { why, .. } => after_failure(deploy, why),
            Outcome::Unknown => Text::plain(format!("Look at the CI system. {environment} is closed off; "))
                .code(format!("/unlock {environment}"))
                .and(" opens it again."),
            Outcome::Cancelled { by, reason } if is_unbegun => {
                let text =
                    Text::plain("Stopped by ").span(self.person(by)).and(" before any of its jobs began");
                let why = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                text.and(format!("{why}: nothing was changed. Ask again when it is meant."))
            }
            Outcome::Cancelled { by, .. } => Text::plain("Stopped by ")
                .span(self.person(by))
                .and(". Nobody knows how far the run came: look at it, then ")
                .code(format!("/rollback {environment}"))
                .and(" or deploy again."),
            Outcome::Succeeded
            | Outcome::Refused
            | Outcome::Rejected { .. }
            | Outcome::Superseded { .. }
            | Outcome::Expired => Text::default(),
        };
        if next.is_empty() { message } else { message.paragraph(next) }
    }

    /// Below the line of a result: who, with what, who approved, how long, what changed, where it is recorded.
    pub(in crate::messages) fn result_fields(&self, deploy: &Deploy) -> Vec<(String, Text)> {
        let mut fields =
            vec![("Asked by".to_owned(), Text::default().span(self.mention(&deploy.request.by)))];
        if let Some(asked) = deploy.action() {
            fields.extend(Self::action_facts(asked));
        }
        if let Some(emergency) = &deploy.request.emergency {
            fields.push(("Emergency".to_owned(), Text::plain(emergency.clone())));
        }
        let approvers = self.approvers(deploy);
        if !approvers.is_empty() {
            fields.push(("Approved by".to_owned(), self.people(&approvers, false)));
        }
        if let State::Done { at, ran: Some(ran), .. } = &deploy.state {
            fields.push(("Took".to_owned(), Self::between(ran.since, *at).into()));
        }
        let diff = diff_of(deploy).filter(|_| deploy.puts_in_place());
        if let Some(Read::Known(Some(diff))) = &diff {
            fields.push(("Changes".to_owned(), diff_line(diff)));
        }
        fields.push(("Record".to_owned(), Self::record(deploy, None)));
        fields
    }

    /// Its id, its digest, when it was asked for if that is to be said, and a link to its run.
    pub(super) fn record(deploy: &Deploy, asked: Option<String>) -> Text {
        let mut text = Text::default().code(deploy.id.short());
        if let Some(digest) = deploy.digest() {
            text = text.and(" · digest ").code(digest.short());
        }
        if let Some(asked) = asked {
            text = text.and(format!(" · asked {asked}"));
        }
        match deploy.run().and_then(|run| run.url.as_deref()) {
            Some(url) => text.and(" · ").link("run", Some(url)),
            None => text,
        }
    }

    /// Who opened the approvals gate or an emergency, as the gates counted it when the start was decided.
    pub(crate) fn approvers(&self, deploy: &Deploy) -> Vec<PersonId> {
        let mut people = Vec::new();
        for verdict in &deploy.verdicts {
            if let Reason::Approved { by, .. }
            | Reason::Overridden { by, .. }
            | Reason::MigrationsAgreed { by, .. } = &verdict.reason
            {
                people.extend(by.iter().cloned());
            }
        }
        people.sort();
        people.dedup();
        people
    }
}

/// What to do after a failure: only what there is to look at, to go back to and to press.
fn after_failure(deploy: &Deploy, why: &str) -> Text {
    let environment = &deploy.request.environment;
    let State::Done { ran: Some(ran), .. } = &deploy.state else {
        let text = Text::plain(format!(
            "{}. No run was started. Next: put that right, then ask again: ",
            capital(why)
        ));
        return text.code(format!("/deploy {environment} {}", deploy.request.version)).and(".");
    };
    let place = match &ran.progress.failed {
        Some(failed) if !failed.log.is_empty() => "the card's log",
        Some(_) | None => "its run",
    };
    let text = Text::plain(format!("{}. Next: look at {place}, then ", capital(why)));
    // What went there first replaced nothing.
    let is_first = deploy.pinned.as_ref().is_some_and(|pinned| matches!(pinned.diff, Read::Known(None)));
    let text = if is_first { text } else { text.code(format!("/rollback {environment}")).and(" or ") };
    text.and("Re-run failed jobs.")
}

pub(in crate::messages) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
