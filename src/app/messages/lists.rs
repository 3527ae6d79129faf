//! Status, history, diff, logs, who-can: answers to questions. Not here: finding what they show.

use super::{Words, what};
use crate::words::{Message, Text, Tone};
use jiff::Timestamp;
use shipgate_domain::deploy::{Deploy, Outcome, State};
use shipgate_domain::facts::Lock;
use shipgate_domain::gates::{Answer, Gate};
use shipgate_domain::policy::{Environment, Service};

/// What is known of one service on one environment.
pub(crate) struct PlaceStatus<'a> {
    pub service: &'a Service,
    pub environment: &'a Environment,
    pub running: Option<Deploy>,
    pub newest: Option<Deploy>,
    pub open: Vec<Deploy>,
    pub locks: Vec<Lock>,
    pub calendar: Text,
}

impl Words<'_> {
    /// What runs where.
    pub(crate) fn status_list(
        &self,
        places: &[PlaceStatus<'_>],
        stopped: Option<&(Timestamp, String)>,
    ) -> Message {
        let mut message = Message::line(Tone::Neutral, "What runs where");
        if let Some((since, found)) = stopped {
            message = message.paragraph(self.stopped_line(*since, found));
        }
        for place in places {
            let title = Text::default().bold(format!("{} on {}", place.service.name, place.environment.name));
            let runs = match &place.running {
                Some(deploy) => {
                    let text = title.and(": ").code(deploy.request.version.as_str());
                    let text = deploy.commit().map_or(text.clone(), |c| text.and(" ").code(c.short()));
                    let at = match &deploy.state {
                        State::Done { at, .. } => self.at(*at),
                        _ => String::new(),
                    };
                    text.and(format!(" since {at}, asked by ")).span(self.person(&deploy.request.by))
                }
                None => title.and(": nothing that Shipgate deployed"),
            };
            let mut items = Vec::new();
            if let Some(failed) = place.newest.as_ref().filter(|d| is_failure(d)) {
                items.push(
                    Text::plain("last try failed: ")
                        .code(failed.request.version.as_str())
                        .and(" ")
                        .code(failed.id.short()),
                );
            }
            for deploy in &place.open {
                let name = match deploy.action() {
                    Some(asked) => asked.name.as_str(),
                    None => deploy.request.version.as_str(),
                };
                let text = Text::default()
                    .code(name)
                    .and(format!(" is {} ", deploy.state.name().replace('_', " ")))
                    .code(deploy.id.short());
                let text = match self.plan(deploy) {
                    Some(plan) => text.and(format!(", starts {plan}")),
                    None => text,
                };
                items.push(match deploy.verdicts.iter().find(|v| v.gate == Gate::Queue) {
                    Some(verdict) if verdict.answer == Answer::Waiting => {
                        text.and(", ").text(self.gate_line(verdict).text)
                    }
                    Some(_) | None => text,
                });
            }
            items.extend(place.locks.iter().map(|lock| self.lock_line(lock)));
            items.push(place.calendar.clone());
            message = message.paragraph(runs).list(items);
        }
        message
    }

    /// The last deploys.
    pub(crate) fn history_list(&self, deploys: &[Deploy]) -> Message {
        if deploys.is_empty() {
            return Message::line(Tone::Neutral, "No deploys yet.")
                .paragraph(Text::plain("The first one: ").code("/deploy staging main"));
        }
        let items = deploys
            .iter()
            .map(|d| {
                let text = Text::default()
                    .code(d.id.short())
                    .and(format!(" {} ", self.policy.zone.say_near(d.request.at, self.now)))
                    .bold(what(d))
                    .and(format!(" → {}: {}", d.request.environment, d.state.name().replace('_', " ")));
                let text = match self.took(d) {
                    Some(took) => text.and(format!(" ({took})")),
                    None => text,
                };
                let text = text.and(", asked by ").span(self.person(&d.request.by));
                let approvers = self.approvers(d);
                if approvers.is_empty() {
                    text
                } else {
                    text.and(", approved by ").text(self.people(&approvers, false))
                }
            })
            .collect();
        Message::line(Tone::Neutral, "The last deploys").list(items)
    }

    /// What a version would change.
    pub(crate) fn diff_list(
        &self,
        environment: &Environment,
        version: &str,
        base: &str,
        comparison: &crate::ports::Comparison,
    ) -> Message {
        let title = Text::default()
            .code(version)
            .and(" compared to ")
            .code(base)
            .and(format!(" on {}: {} new, {} lost ", environment.name, comparison.total, comparison.behind))
            .link("compare", comparison.url.as_deref());
        let items = comparison
            .commits
            .iter()
            .take(20)
            .map(|c| Text::default().code(c.commit.short()).and(format!(" {} — {}", c.title, c.author)))
            .collect();
        let message = Message::line(Tone::Neutral, title).list(items);
        match comparison.total.saturating_sub(20) {
            0 => message,
            more => message.paragraph(format!("and {more} more")),
        }
    }

    /// The end of a run's log.
    pub(crate) fn logs(&self, deploy: &Deploy) -> Message {
        let title = Text::plain("Log of ").text(self.title(deploy));
        let url = deploy.run().and_then(|run| run.url.as_deref());
        match deploy.progress() {
            Some(progress) => match &progress.failed {
                Some(failed) => {
                    let place = failed.step.clone().unwrap_or_else(|| failed.job.clone());
                    Message::line(Tone::Bad, title)
                        .paragraph(
                            Text::plain("The last lines of ").link(place, failed.url.as_deref().or(url)),
                        )
                        .code(failed.log.clone())
                }
                None => Message::line(Tone::Neutral, title)
                    .paragraph(Text::plain("Nothing has failed. ").link("The whole log", url)),
            },
            None => Message::line(Tone::Neutral, title).paragraph("Nothing has run yet, so there is no log."),
        }
    }
}

fn is_failure(deploy: &Deploy) -> bool {
    matches!(&deploy.state, State::Done { outcome: Outcome::Failed { .. }, .. })
}
