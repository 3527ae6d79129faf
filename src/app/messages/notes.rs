//! Notes in a card's thread, and warnings to the channel. Not here: the card itself.

use super::{Words, duration, what};
use crate::words::{Message, Text, Tone};
use shipgate_domain::deploy::{Deploy, Event, Resolution, State};
use shipgate_domain::gates::Answer;
use shipgate_domain::run::Run;

impl Words<'_> {
    /// The line that a step leaves in the thread; none for what the card shows well enough.
    pub(crate) fn thread_note(&self, before: &Deploy, deploy: &Deploy, event: &Event) -> Option<Message> {
        let line = |tone: Tone, text: Text| Some(Message::line(tone, text));
        let who = |person| Text::default().span(self.person(person));
        match event {
            Event::Approved { by, digest, comment, .. } => {
                let text = who(by).and(" approved digest ").code(digest.short());
                line(Tone::Good, match comment {
                    Some(comment) => text.and(format!(": {comment}")),
                    None => text.and("."),
                })
            }
            Event::Withdrawn { by } => line(Tone::Warning, who(by).and(" took their approval back.")),
            Event::Rejected { by, reason } => line(Tone::Bad, who(by).and(format!(" rejected it: {reason}"))),
            Event::Held { by, reason } => line(Tone::Asking, who(by).and(format!(" put it on hold: {reason}"))),
            Event::Resumed { by } => line(Tone::Neutral, who(by).and(" let it go on.")),
            Event::CancelAsked { by, reason } => {
                let text = who(by).and(if deploy.is_done() { " cancelled it" } else { " asked to stop it" });
                line(Tone::Neutral, match reason {
                    Some(reason) => text.and(format!(": {reason}")),
                    None => text.and("."),
                })
            }
            Event::FrozenOut { freezes } => line(
                Tone::Warning,
                format!(
                    "{} began while the run waited for a machine. It is being stopped before it starts.",
                    freezes.join(", ")
                )
                .into(),
            ),
            Event::WentOn => line(
                Tone::Neutral,
                "The run had started before it could be stopped. What has started is not left half done: it goes on.".into(),
            ),
            Event::Delayed { problem } => line(
                Tone::Warning,
                format!("The version cannot be looked up: {problem}. Shipgate keeps trying.").into(),
            ),
            Event::RulesChanged { digest, .. } => line(
                Tone::Warning,
                Text::plain("The rules changed. Approvals so far no longer count; the digest is now ")
                    .code(digest.short())
                    .and("."),
            ),
            Event::WorkflowChanged { digest, .. } => line(
                Tone::Warning,
                Text::plain("The workflow file changed. Approvals so far no longer count, for they were for another \
                             file; the digest is now ")
                    .code(digest.short())
                    .and("."),
            ),
            Event::IntentMade { .. } => line(
                Tone::Working,
                format!("All gates are open. Start {} is decided.", deploy.attempts).into(),
            ),
            Event::IntentLapsed => line(
                Tone::Warning,
                "The decision grew too old before anything was sent. The gates are judged again.".into(),
            ),
            Event::SendDelayed { why, until } => line(
                Tone::Warning,
                format!("{why}. Nothing was started; next try {}.", self.at(*until)).into(),
            ),
            Event::SendRefused { why } => line(Tone::Bad, Text::plain(why.clone())),
            Event::SendUnknown { why } => line(
                Tone::Warning,
                format!("No usable answer came ({why}). Looking for the run; nothing is sent again.").into(),
            ),
            Event::Bound { run } => {
                line(Tone::Working, Text::plain("It is run ").link(run.id.as_str(), run.url.as_deref()).and("."))
            }
            Event::Found { run } => line(
                Tone::Warning,
                Text::plain("It was started in a time that the restored database does not know: run ")
                    .link(run.id.as_str(), run.url.as_deref())
                    .and("."),
            ),
            Event::PeopleAsked => line(
                Tone::Warning,
                format!(
                    "No run showed up. {} is closed off. Please look at the CI system and press what is true.",
                    deploy.request.environment
                )
                .into(),
            ),
            Event::Resolved { by, answer } => {
                let said = match answer {
                    Resolution::DidNotStart => " says that it did not start.",
                    Resolution::Started { .. } => " says that it started.",
                    Resolution::WaitMore => " wants to look half an hour longer.",
                };
                line(Tone::Neutral, who(by).and(said))
            }
            Event::GivenUp => line(Tone::Warning, "Nobody could say. The outcome is recorded as unknown.".into()),
            Event::Expired => line(
                Tone::Neutral,
                Text::default()
                    .span(self.mention(&deploy.request.by))
                    .and(": its gates did not open in time, so it was given up. Ask again when they can."),
            ),
            // Whoever asked just now looks at the card; whoever has waited does not.
            Event::Refused { .. } if before.verdicts.is_empty() => None,
            Event::Refused { verdicts, .. } => {
                let mut closed: Vec<_> = verdicts.iter().filter(|v| v.answer == Answer::Closed).collect();
                // What never opens again comes first: that is why.
                closed.sort_by_key(|verdict| !verdict.reason.is_lasting());
                let why = closed.first();
                let text = Text::default()
                    .span(self.mention(&deploy.request.by))
                    .and(": this cannot start any more, and was refused");
                line(Tone::Bad, match why {
                    Some(why) => text.and(format!(": {}: ", why.gate.as_str())).text(self.reason(why)).and("."),
                    None => text.and("."),
                })
            }
            Event::Superseded { by } => line(
                Tone::Neutral,
                Text::default()
                    .span(self.mention(&deploy.request.by))
                    .and(": your newer request ")
                    .code(by.version.as_str())
                    .and(" ")
                    .code(by.deploy.short())
                    .and(" takes its place. Nothing was started for this one."),
            ),
            Event::Replaced { deploys } => {
                let text = deploys.iter().fold(Text::plain("Takes the place of"), |text, one| {
                    text.and(" ").code(one.version.as_str()).and(" ").code(one.deploy.short())
                });
                line(Tone::Neutral, text.and(", which had not started. Approvals of that do not count here."))
            }
            // The card shows its ticks.
            Event::Marked { .. } => None,
            Event::Closed { by } => line(Tone::Neutral, who(by).and(" closed the failure.")),
            Event::Pinned { .. }
            | Event::Judged { .. }
            | Event::Sent
            | Event::SendAccepted
            | Event::Progressed { .. }
            | Event::Ended { .. } => None,
        }
    }

    /// Calls the people whose approval is asked for.
    pub(crate) fn approval_wanted(&self, deploy: &Deploy) -> Message {
        let asking = deploy.verdicts.iter().find(|v| v.is_asking_people());
        let people = asking.map(|v| v.helpers.people.as_slice()).unwrap_or_default();
        let title =
            Text::plain("Please look at ").text(self.title(deploy)).text(Self::with_arguments(deploy));
        let title = title.and(", asked for by ");
        let title = title.span(self.person(&deploy.request.by)).and(".");
        let message = Message::line(Tone::Asking, title);
        match people {
            [] => message.paragraph("It needs an approval; the card says from whom."),
            people => message.paragraph(
                self.people(&people[..people.len().min(10)], true).and(": approve or reject it on the card."),
            ),
        }
    }

    /// The CI system has not shown the run yet.
    pub(crate) fn run_is_late(&self, deploy: &Deploy) -> Message {
        let State::Dispatching { intent, .. } = &deploy.state else {
            return Message::line(Tone::Warning, "The run is late.");
        };
        let since = duration(self.now.duration_since(intent.at));
        Message::line(
            Tone::Warning,
            format!("The CI system has not shown the run yet, {since} after the start was decided."),
        )
        .paragraph("Shipgate keeps looking, and asks people after an hour. Nothing is sent again.")
    }

    /// More than one run carries a deploy's id.
    pub(crate) fn duplicates(&self, deploy: &Deploy, bound: &Run, strays: &[Run]) -> Message {
        let items =
            strays.iter().map(|run| Text::default().link(run.id.as_str(), run.url.as_deref())).collect();
        let title = format!(
            "{} was started more than once, by something between Shipgate and the CI system.",
            what(deploy)
        );
        Message::line(Tone::Warning, title)
            .paragraph(
                Text::plain("Shipgate sent it once, follows run ")
                    .link(bound.id.as_str(), bound.url.as_deref())
                    .and(" and asked for the others to be stopped:"),
            )
            .list(items)
            .paragraph("Please check that they did nothing.")
    }

    /// A run that shows up after its deploy was closed.
    pub(crate) fn late_run(&self, deploy: &Deploy, run: &str) -> Message {
        let title = format!(
            "A run of {} showed up after it was closed on {}.",
            what(deploy),
            deploy.request.environment
        );
        Message::line(Tone::Warning, title)
            .paragraph(
                Text::plain("Its id is ")
                    .code(run)
                    .and("; it carries the deploy ")
                    .code(deploy.id.short())
                    .and("."),
            )
            .paragraph("Look at it now: it may be changing the environment.")
    }

    /// Output of a run.
    pub(crate) fn output(&self, lines: &[String]) -> Message {
        Message::line(Tone::Neutral, Text::default()).code(lines.to_vec())
    }
}
