//! The line of a card that says where its deploy stands. Not here: what stands below it.

use crate::messages::Words;
use crate::words::Text;
use jiff::Timestamp;
use shipgate_domain::deploy::{CancelAsked, Deploy, Outcome, Phase, State};
use shipgate_domain::gates::{Answer, Gate, Verdict};
use shipgate_domain::run::{Progress, Run, Standing};

impl Words<'_> {
    pub(super) fn status(&self, deploy: &Deploy) -> Text {
        match &deploy.state {
            State::Requested { problem: None } => "Looking up the version.".into(),
            State::Requested { problem: Some(why) } => {
                format!("The version cannot be looked up yet: {why}. Shipgate keeps trying; nothing is lost.")
                    .into()
            }
            State::Waiting { expires, .. } => {
                self.waiting_for(deploy).and(format!(" Given up {} if nobody acts.", self.at(*expires)))
            }
            State::Dispatching { phase, .. } => Self::starting(deploy, phase).into(),
            State::Running { run, since, progress, cancel, .. } => {
                self.running(run, *since, progress, cancel.as_ref())
            }
            State::Done { outcome, at, ran } => {
                self.ended(deploy, outcome, ran.as_ref().map(|ran| Self::between(ran.since, *at)))
            }
        }
    }

    fn starting(deploy: &Deploy, phase: &Phase) -> String {
        let environment = &deploy.request.environment;
        match phase {
            Phase::Ready => "All gates are open. Starting the pipeline.".to_owned(),
            Phase::Sent { .. } | Phase::Accepted { .. } => {
                "The start was sent once. Waiting for the run to show up.".to_owned()
            }
            Phase::Unknown { why, asked: None, .. } => format!(
                "The start was sent once, and no usable answer came ({why}). \
                 Looking for the run; nothing is sent again."
            ),
            Phase::Unknown { why, asked: Some(_), .. } if deploy.is_read_only() => format!(
                "Nobody knows whether it started ({why}). It changes nothing, so nothing is closed off."
            ),
            Phase::Unknown { why, asked: Some(_), .. } => format!(
                "Nobody knows whether it started ({why}). {environment} is closed off until somebody who looked \
                 says what happened."
            ),
        }
    }

    fn running(
        &self,
        run: &Run,
        since: Timestamp,
        progress: &Progress,
        cancel: Option<&CancelAsked>,
    ) -> Text {
        let text = match (&progress.standing, cancel) {
            (_, Some(cancel)) if cancel.unless_started => Text::plain(format!(
                "{}. Stopping it, unless it has started.",
                cancel.reason.as_deref().unwrap_or("A freeze began before the run did")
            )),
            (_, Some(cancel)) => {
                Text::plain("Stopping, asked for by ").span(self.person(&cancel.by)).and(".")
            }
            (Standing::Queued, None) => "Waiting for a machine.".into(),
            (Standing::Held, None) => "Held by the CI system: somebody must let it go on there.".into(),
            (Standing::Running | Standing::Ended(_) | Standing::Skipped, None) => "Running".into(),
        };
        let text = match (&progress.standing, cancel) {
            (Standing::Running, None) => text.and(format!(" for {}. ", Self::between(since, self.now))),
            _ => text.and(" "),
        };
        if run.url.is_some() { text.link("Follow the run", run.url.as_deref()) } else { text }
    }

    fn ended(&self, deploy: &Deploy, outcome: &Outcome, took: Option<String>) -> Text {
        let environment = &deploy.request.environment;
        match outcome {
            Outcome::Refused => self.refused_because(deploy),
            Outcome::Rejected { by, reason } => {
                Text::plain("Rejected by ").span(self.person(by)).and(format!(": {reason}"))
            }
            Outcome::Cancelled { by, reason } => {
                let text = Text::plain("Cancelled by ").span(self.person(by));
                match reason {
                    Some(reason) => text.and(format!(": {reason}")),
                    None => text.and("."),
                }
            }
            Outcome::Expired => "Given up: its gates did not open in time. Ask again when they can.".into(),
            Outcome::Superseded { by } => Text::plain("Superseded: ")
                .span(self.person(&deploy.request.by))
                .and(" asked for ")
                .code(by.version.as_str())
                .and(" ")
                .code(by.deploy.short())
                .and(" since. Nothing was started."),
            Outcome::Succeeded => {
                if let Some(asked) = deploy.action() {
                    return self.action_succeeded(deploy, asked, took);
                }
                let took = took.map(|took| format!(" in {took}")).unwrap_or_default();
                Text::plain(format!("Succeeded{took}. {environment} runs "))
                    .code(deploy.request.version.as_str())
                    .and(".")
            }
            Outcome::Failed { why, closed_by } => {
                let took = took.map(|took| format!(" after {took}")).unwrap_or_default();
                let text = Text::plain(format!("Failed{took}: {why}."));
                match closed_by {
                    Some(by) => text.and(" Closed by ").span(self.person(by)).and("."),
                    None => text,
                }
            }
            Outcome::Unknown if deploy.is_read_only() => {
                "Nobody could say whether it started. It changes nothing; say it again.".into()
            }
            Outcome::Unknown => format!(
                "Nobody could say whether it started. {environment} stays closed off until \
                 /unlock {environment}."
            )
            .into(),
        }
    }

    fn waiting_for(&self, deploy: &Deploy) -> Text {
        if let Some(delay) = deploy.delay.as_ref().filter(|delay| delay.until > self.now) {
            return format!("{}. Nothing was started; next try {}.", delay.why, self.at(delay.until)).into();
        }
        let not_open: Vec<&Verdict> = deploy.verdicts.iter().filter(|v| v.answer != Answer::Open).collect();
        if deploy.verdicts.is_empty() {
            return "Judging the gates.".into();
        }
        match not_open.as_slice() {
            [] => "All gates are open.".into(),
            [one] => match one.gate {
                Gate::Approvals => "Waiting for approval.".into(),
                Gate::Queue => "Waiting for its turn.".into(),
                Gate::Checks => "Waiting for checks.".into(),
                Gate::Hold => "On hold.".into(),
                Gate::SelfCheck => "Nothing is started now.".into(),
                Gate::Start => "Waiting for its time.".into(),
                other => format!("Waiting for {}.", other.as_str().to_lowercase()).into(),
            },
            several => {
                let names: Vec<String> = several.iter().map(|v| v.gate.as_str().to_lowercase()).collect();
                format!("Waiting for {}.", names.join(", ")).into()
            }
        }
    }

    fn refused_because(&self, deploy: &Deploy) -> Text {
        let closed: Vec<&Verdict> = deploy.verdicts.iter().filter(|v| v.answer == Answer::Closed).collect();
        let names: Vec<String> = closed.iter().map(|v| v.gate.as_str().to_lowercase()).collect();
        let text = Text::plain(format!("Refused: {}.", names.join(", ")));
        let opens = closed.iter().filter_map(|v| v.until).max();
        let is_about_time = closed.iter().all(|v| v.until.is_some());
        match opens {
            // What was planned is to be planned anew: at a time that is open, or for the first that is.
            Some(at) if is_about_time && deploy.request.when.instant().is_some() => text
                .and(" Nothing was started. Plan it for ")
                .code(format!("--at \"{}\"", self.policy.zone.civil(at).strftime("%Y-%m-%d %H:%M")))
                .and(", or for the first open time with ")
                .code("--when-open")
                .and("."),
            _ if is_about_time_then(deploy, &closed) => text
                .and(" Nothing was started. See what is open: ")
                .code(format!("/when {}", deploy.request.environment))
                .and("; then name another time."),
            Some(at) if is_about_time => {
                text.and(format!(" Nothing was started. Ask again {}.", self.at(at)))
            }
            _ => text.and(" Nothing was started."),
        }
    }
}

/// Whether what was planned is refused for its time alone, and nobody knows a better one.
fn is_about_time_then(deploy: &Deploy, closed: &[&Verdict]) -> bool {
    let is_time = |v: &&Verdict| matches!(v.gate, Gate::Schedule | Gate::Freeze);
    deploy.request.when.instant().is_some() && closed.iter().all(is_time)
}
