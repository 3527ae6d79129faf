//! What whoever asks for a deploy is told: taken in, in the way of another, or why not. Not here: what everybody sees.

use super::answers::{hint, no};
use super::{Words, duration, what};
use crate::judge::later;
use crate::words::{Message, Text};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::{PersonId, Version};
use shipgate_domain::policy::{Environment, Service};

impl Words<'_> {
    pub(crate) fn place_is_gone(&self, deploy: &Deploy) -> Message {
        no(format!(
            "The service or environment of {} is no longer in the settings. Nothing changed.",
            what(deploy)
        ))
        .paragraph("Whoever keeps shipgate.toml can put it back.")
    }

    pub(crate) fn place_missing(&self, no_service: bool) -> Message {
        if no_service {
            no("Which service? There is no default one. Nothing changed.")
                .paragraph(Text::plain("Name it: ").code("/deploy api to production v1.2.3"))
        } else {
            no("Which environment? Nothing changed.")
                .paragraph(Text::plain("Name it: ").code("/deploy production v1.2.3"))
        }
    }

    pub(crate) fn bad_version(&self, word: &str) -> Message {
        no("This is not a version. Nothing changed.").paragraph(
            Text::default()
                .code(word)
                .and(" cannot be a tag, branch or commit here: use letters, digits and . _ / + - only."),
        )
    }

    pub(crate) fn asked(&self, deploy: &Deploy, channel: &str) -> Message {
        let title =
            Text::plain("Asked: ").text(self.title(deploy)).and(format!(". The card is in {channel}."));
        hint(title)
    }

    /// Which older requests give way once this one is accepted.
    pub(crate) fn will_supersede(&self, answer: Message, older: &[&Deploy]) -> Message {
        let text =
            older.iter().fold(Text::plain("Once it is accepted, it takes the place of"), |text, one| {
                text.and(" ").code(one.request.version.as_str()).and(" ").code(one.id.short())
            });
        answer.paragraph(text.and(", unless that has started by then."))
    }

    pub(crate) fn emergency_cannot_wait(&self) -> Message {
        no("An emergency is for what cannot wait, so it has no planned start. Nothing was asked for.")
            .paragraph(
                Text::plain("Leave out ")
                    .code("--emergency")
                    .and(", or leave out ")
                    .code("--at")
                    .and(" and ")
                    .code("--when-open")
                    .and("."),
            )
    }

    pub(crate) fn at_or_when_open(&self) -> Message {
        no("--at names a time, --when-open takes the first that is open: only one can be meant. Nothing was asked for.")
            .paragraph("Leave one of them out.")
    }

    pub(crate) fn cannot_plan_for(&self, at: Timestamp, ahead: SignedDuration) -> Message {
        let said = self.policy.zone.say(at);
        if at <= self.now {
            no(format!("{said} is over. Nothing was asked for.")).paragraph(
                Text::plain("Name a time to come, such as ")
                    .code("--at \"tomorrow 9:00\"")
                    .and("; to start now, leave it out."),
            )
        } else {
            no(format!(
                "{said} is too far ahead: a start can be planned for the next {}. Nothing was asked for.",
                duration(ahead)
            ))
            .paragraph(
                Text::plain("Who approves now should still remember it then. Name a time before ")
                    .and(format!("{}, such as ", self.policy.zone.say(later(self.now, ahead))))
                    .code("--at \"mon 9:00\"")
                    .and(format!("; or ask again from {} on.", self.policy.zone.say(later(at, -ahead)))),
            )
        }
    }

    pub(crate) fn opens_too_late(
        &self,
        environment: &Environment,
        opens: Option<Timestamp>,
        ahead: SignedDuration,
    ) -> Message {
        let name = &environment.name;
        let title = match opens {
            Some(at) => format!(
                "{name} opens {}, later than the {} for which a deploy can wait. Nothing was asked for.",
                self.policy.zone.say(at),
                duration(ahead)
            ),
            None => format!(
                "No opening of {name} is planned, so there is nothing to wait for. Nothing was asked for."
            ),
        };
        no(title).paragraph(Text::plain("See what closes it: ").code(format!("/when {name}")))
    }

    pub(crate) fn asked_already(&self, same: &Deploy, person: &PersonId) -> Message {
        let who = if same.request.by == *person {
            Text::plain("You")
        } else {
            Text::default().span(self.person(&same.request.by))
        };
        let state = same.state.name().replace('_', " ");
        let rest =
            format!(" asked for {} on {} already; it is {state}.", what(same), same.request.environment);
        hint(who.and(rest)).paragraph(
            Text::plain("Its card says what it waits for. To stop it: ")
                .code(format!("/cancel {}", same.id.short())),
        )
    }

    pub(crate) fn runs_already(
        &self,
        service: &Service,
        environment: &Environment,
        version: &Version,
    ) -> Message {
        hint(format!("{} runs {} {version} already. Nothing changed.", environment.name, service.name))
    }

    pub(crate) fn was_rolled_back(
        &self,
        service: &Service,
        environment: &Environment,
        version: &Version,
    ) -> Message {
        let title = format!(
            "{} was rolled back from {} {version}, so going there is no rollback.",
            environment.name, service.name
        );
        no(format!("{title} Nothing changed.")).paragraph(
            Text::plain("To put it there again, with all gates: ")
                .code(format!("/deploy {} {version}", environment.name)),
        )
    }

    pub(crate) fn too_many_open(&self, environment: &Environment, open: &[Deploy]) -> Message {
        let items = open.iter().map(|d| Text::plain(what(d)).and(" ").code(d.id.short())).collect();
        no(format!("You have {} requests open for {}. Nothing was added.", open.len(), environment.name))
            .list(items)
            .paragraph("Cancel one, or wait until one is done.")
    }

    pub(crate) fn refused_privately(&self, deploy: &Deploy) -> Message {
        let lines = deploy
            .verdicts
            .iter()
            .map(|v| {
                let line = self.gate_line(v);
                let word = match line.answer {
                    shipgate_domain::gates::Answer::Open => "open",
                    shipgate_domain::gates::Answer::Waiting => "waiting",
                    shipgate_domain::gates::Answer::Closed => "closed",
                };
                Text::default().bold(line.name).and(format!(" {word}: ")).text(line.text)
            })
            .collect();
        let (may, place) = match deploy.action() {
            Some(asked) => (format!("use {} on", asked.name), deploy.request.environment.as_str()),
            None => ("deploy to".to_owned(), deploy.request.environment.as_str()),
        };
        no(Text::plain(format!("Refused: you may not {may} ")).bold(place).and(".")).list(lines).paragraph(
            Text::plain("Nothing was started. See ").code(format!("/who-can {}", deploy.request.environment)),
        )
    }

    pub(crate) fn nothing_to_roll_back_to(
        &self,
        service: &Service,
        environment: &Environment,
        newest: Option<&Deploy>,
    ) -> Message {
        let message = no(format!(
            "There is no earlier good version of {} on {}. Nothing changed.",
            service.name, environment.name
        ));
        match newest {
            Some(_) => message.paragraph(
                Text::plain(
                    "Every other version failed or was rolled back before. Deploy a new one, or name one: ",
                )
                .code(format!("/rollback {} v1.2.2", environment.name)),
            ),
            None => message.paragraph("Shipgate has not deployed it there yet."),
        }
    }

    pub(crate) fn nothing_to_rerun(&self, deploy: &Deploy) -> Message {
        no(format!("{} has no failed run that could run again. Nothing changed.", what(deploy)))
    }

    pub(crate) fn newer_deploy_ran(&self, failed: &Deploy, newer: &Deploy) -> Message {
        no(format!(
            "{} ran on {} after {}. Running the older one again would put it back. Nothing changed.",
            what(newer),
            newer.request.environment,
            what(failed)
        ))
        .paragraph("Deploy the version you want instead.")
    }
}
