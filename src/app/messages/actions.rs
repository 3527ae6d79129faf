//! Commands that a team added: how they are called, what their card and their result say, and why one cannot be. Not
//! here: what all cards share (`card`).

use super::answers::{hint, no};
use super::{Words, what};
use crate::words::{Block, Message, StageLine, Text, Tone};
use shipgate_domain::deploy::{Asked, Deploy, Outcome, State};
use shipgate_domain::people::Denied;
use shipgate_domain::policy::{ActionRule, Environment, Provider, Service};
use shipgate_domain::run::{Run, Standing};

impl Words<'_> {
    /// "restart api → production"
    pub(super) fn action_title(&self, deploy: &Deploy, asked: &Asked) -> Text {
        let word = if deploy.request.emergency.is_some() { "EMERGENCY " } else { "" };
        Text::plain(word)
            .bold(format!("{} {}", asked.name, deploy.request.service))
            .and(" → ")
            .bold(deploy.request.environment.as_str())
    }

    /// "restarted api on production"
    fn action_done(&self, deploy: &Deploy, asked: &Asked) -> Text {
        let request = &deploy.request;
        // The command may be gone from the folder since.
        let done = self.policy.actions.get(&asked.name).map(|rule| rule.done.clone());
        let done = done.unwrap_or_else(|| format!("ran {} of", asked.name));
        Text::plain(format!("{done} "))
            .bold(request.service.as_str())
            .and(" on ")
            .bold(request.environment.as_str())
    }

    /// What a card says of an action that ended as it should.
    pub(super) fn action_succeeded(&self, deploy: &Deploy, asked: &Asked, took: Option<String>) -> Text {
        let took = took.map(|took| format!(" in {took}")).unwrap_or_default();
        Text::plain(format!("Succeeded{took}: ")).text(self.action_done(deploy, asked)).and(".")
    }

    /// Its arguments, each with its value.
    pub(super) fn action_facts(asked: &Asked) -> Vec<(String, Text)> {
        let given = asked
            .args
            .iter()
            .filter(|(name, value)| !matches!(name.as_str(), "reason" | "emergency") && !value.is_empty());
        given.map(|(name, value)| (name.clone(), Text::default().code(value.clone()))).collect()
    }

    /// Its arguments in a sentence: " with how hard, instances 3"; nothing for a deploy, and where there are none. Two
    /// requests of the same command differ in nothing else.
    pub(super) fn with_arguments(deploy: &Deploy) -> Text {
        let facts = deploy.action().map(Self::action_facts).unwrap_or_default();
        let mut text = Text::default();
        for (number, (name, value)) in facts.into_iter().enumerate() {
            let before = if number == 0 { " with " } else { ", " };
            text = text.and(format!("{before}{name} ")).text(value);
        }
        text
    }

    /// The commit that it acts on. No change is shown: it puts nothing in place.
    pub(super) fn action_commit(deploy: &Deploy) -> Option<(String, Text)> {
        let pin = &deploy.pinned.as_ref()?.pin;
        let commit = Text::default().code(deploy.request.version.as_str()).and(", ").code(pin.commit.short());
        let text = match deploy.acts_on_live() {
            true => commit.and(", what runs there"),
            false => commit.and(format!(" {} ({})", pin.title, pin.author)),
        };
        Some(("Acts on".to_owned(), text))
    }

    /// Its jobs by their own names: they build and deploy nothing.
    pub(super) fn action_stages(&self, deploy: &Deploy) -> Vec<StageLine> {
        let Some(progress) = deploy.progress() else { return Vec::new() };
        let jobs = progress.jobs.iter().map(|job| StageLine {
            name: job.name.clone(),
            elapsed: match (job.started, job.ended) {
                (Some(from), Some(until)) => Self::between(from, until),
                (Some(from), None) if job.standing == Standing::Running => Self::between(from, self.now),
                _ => String::new(),
            },
            standing: job.standing.clone(),
        });
        jobs.collect()
    }

    /// "restarted api on production": what, who, with what, who approved, how long.
    pub(super) fn action_result(&self, deploy: &Deploy, asked: &Asked) -> Message {
        let State::Done { outcome, .. } = &deploy.state else {
            return Message::line(Tone::Neutral, self.title(deploy));
        };
        let name = Text::default().bold(format!("{} of {}", asked.name, deploy.request.service));
        let place = Text::plain(" on ").bold(deploy.request.environment.as_str());
        let title = match outcome {
            Outcome::Succeeded => self.action_done(deploy, asked),
            Outcome::Unknown => Text::plain("nobody knows whether ").text(name).text(place).and(" was done"),
            Outcome::Cancelled { .. } => name.text(place).and(" was stopped, and may have done a part of it"),
            Outcome::Failed { .. }
            | Outcome::Refused
            | Outcome::Rejected { .. }
            | Outcome::Superseded { .. }
            | Outcome::Expired => name.text(place).and(" failed"),
        };
        let mut message = Message::line(super::card::tone(deploy), title);
        message.blocks.push(Block::Fields(self.result_fields(deploy)));
        match outcome {
            Outcome::Failed { why, .. } => message.paragraph(format!(
                "{}. Next: look at the card's log; what runs there was not changed by a deploy.",
                super::card::capital(why)
            )),
            Outcome::Unknown if deploy.is_read_only() => message
                .paragraph("It changes nothing, so nothing is closed off. Say it again if you need it."),
            Outcome::Unknown => {
                let environment = &deploy.request.environment;
                let text = Text::plain(format!("Look at the CI system. {environment} is closed off; "));
                message.paragraph(text.code(format!("/unlock {environment}")).and(" opens it again."))
            }
            Outcome::Cancelled { by, .. } => {
                message.paragraph(Text::plain("Stopped by ").span(self.person(by)).and("."))
            }
            Outcome::Succeeded
            | Outcome::Refused
            | Outcome::Rejected { .. }
            | Outcome::Superseded { .. }
            | Outcome::Expired => message,
        }
    }

    /// What a run printed that was started to find something out.
    pub(crate) fn said(&self, deploy: &Deploy, lines: Vec<String>) -> Message {
        let title = Text::default().span(self.mention(&deploy.request.by)).and(", this is what it said:");
        Message::line(Tone::Neutral, title).code(lines)
    }

    pub(crate) fn said_unread(&self, deploy: &Deploy, run: &Run, why: &str) -> Message {
        let title = Text::default()
            .span(self.mention(&deploy.request.by))
            .and(format!(", what it said cannot be read ({why}). It is on the "))
            .link("page of the run", run.url.as_deref())
            .and(".");
        Message::line(Tone::Warning, title)
    }

    pub(crate) fn action_is_gone(&self, name: &str) -> Message {
        no(format!("The command {name} is not among the rules. Nothing was asked for."))
            .paragraph("Whoever keeps Shipgate can see why with shipgate check.")
    }

    pub(crate) fn action_not_there(
        &self,
        rule: &ActionRule,
        service: &Service,
        environment: &Environment,
    ) -> Message {
        let name = &rule.name;
        if !rule.is_for(&environment.name) {
            let places: Vec<&str> = rule.environments.iter().map(|name| name.as_str()).collect();
            return no(format!("{name} is not for {}. Nothing was asked for.", environment.name))
                .paragraph(format!("It is for {}, by its file {name}.toml.", places.join(", ")));
        }
        let why = match (
            rule.services.contains(&service.name) || rule.services.is_empty(),
            service.pipeline.provider,
        ) {
            (false, _) => {
                let names: Vec<&str> = rule.services.iter().map(|name| name.as_str()).collect();
                format!("It is for {}, by its file {name}.toml.", names.join(", "))
            }
            (true, Provider::Github) => {
                format!("Its file {name}.toml names no workflow for services on GitHub.")
            }
            (true, Provider::Command) => {
                format!("Its file {name}.toml names no command for services of this machine.")
            }
        };
        no(format!("{name} is not for {}. Nothing was asked for.", service.name)).paragraph(why)
    }

    pub(crate) fn nothing_to_act_on(
        &self,
        rule: &ActionRule,
        service: &Service,
        environment: &Environment,
    ) -> Message {
        let (name, service, environment) = (&rule.name, &service.name, &environment.name);
        hint(format!(
            "{name} acts on what runs there, and Shipgate has not deployed {service} to {environment} yet."
        ))
        .paragraph(
            Text::plain("Deploy it first, or write ")
                .code("version = \"ref\"")
                .and(format!(" in {name}.toml: then it acts on the head of the branch.")),
        )
    }

    /// Why somebody may not ask for it.
    pub(crate) fn may_not_ask(&self, asked: &Asked, denied: &Denied) -> Message {
        self.denied_to(&format!("use {}", asked.name), denied)
    }
}

/// "restart of api"
pub(super) fn called(deploy: &Deploy, asked: &Asked) -> String {
    format!("{} of {}", asked.name, deploy.request.service)
}

/// A question before a run is stopped.
pub(crate) fn stop_question(deploy: &Deploy) -> String {
    let environment = &deploy.request.environment;
    match deploy.action() {
        Some(_) => format!("Stop the {} on {environment}?", what(deploy)),
        None => format!("Stop the deploy of {} to {environment}?", deploy.request.version),
    }
}
