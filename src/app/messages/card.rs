//! The card of a deploy and the announcement of its result. Not here: its buttons (`cards`).

use super::{Words, count, duration, what};
use crate::follow::running_since;
use crate::words::{Block, Boxes, Card, LogTail, Message, StageLine, Text, Tone};
use shipgate_domain::deploy::{Deploy, Kind, Outcome, Phase, StartWhen, State};
use shipgate_domain::facts::{Diff, LockKind, Read};
use shipgate_domain::gates::{Answer, Gate, Reason, Verdict};
use shipgate_domain::run::{StageName, Standing};

/// Changes shown on a card; the rest is counted.
const CHANGES: usize = 5;

impl Words<'_> {
    /// Everything a card shows, without buttons.
    pub(crate) fn card(&self, deploy: &Deploy) -> Card {
        let (changes, more_changes) = self.changes(deploy);
        let (checklist, options) = self.due(deploy);
        // Without their token: whoever draws the card gives each row its own.
        let boxes = match options.is_empty() {
            true => Vec::new(),
            false => vec![Boxes { value: String::new(), options }],
        };
        Card {
            checklist,
            boxes,
            deploy: deploy.id.clone(),
            tone: tone(deploy),
            title: self.title(deploy),
            status: self.status(deploy),
            facts: self.facts(deploy),
            changes,
            more_changes,
            gates: self.shown_gates(deploy),
            stages: self.stages(deploy),
            log: self.log(deploy),
            buttons: Vec::new(),
            footnote: Self::record(deploy, Some(self.policy.zone.say_near(deploy.request.at, self.now))),
        }
    }

    /// "Deploy api v1.2.3 → production"
    pub(crate) fn title(&self, deploy: &Deploy) -> Text {
        if let Some(asked) = deploy.action() {
            return self.action_title(deploy, asked);
        }
        let word = match (&deploy.request.kind, &deploy.request.emergency) {
            (Kind::Rollback { .. }, _) => "Rollback ",
            (Kind::Rerun { .. }, _) => "Re-run ",
            (Kind::Deploy | Kind::Action(_), Some(_)) => "EMERGENCY ",
            (Kind::Deploy | Kind::Action(_), None) if deploy.request.accepts.older.is_some() => {
                "Deploy older "
            }
            (Kind::Deploy | Kind::Action(_), None) => "Deploy ",
        };
        Text::plain(word).bold(what(deploy)).and(" → ").bold(deploy.request.environment.as_str())
    }

    fn status(&self, deploy: &Deploy) -> Text {
        let environment = &deploy.request.environment;
        match &deploy.state {
            State::Requested { problem: None } => "Looking up the version.".into(),
            State::Requested { problem: Some(why) } => {
                format!("The version cannot be looked up yet: {why}. Shipgate keeps trying; nothing is lost.").into()
            }
            State::Waiting { expires, .. } => self.waiting_for(deploy).and(format!(
                " Given up {} if nobody acts.",
                self.at(*expires)
            )),
            State::Dispatching { phase, .. } => match phase {
                Phase::Ready => "All gates are open. Starting the pipeline.".into(),
                Phase::Sent { .. } | Phase::Accepted { .. } => {
                    "The start was sent once. Waiting for the run to show up.".into()
                }
                Phase::Unknown { why, asked: None, .. } => format!(
                    "The start was sent once, and no usable answer came ({why}). \
                     Looking for the run; nothing is sent again."
                )
                .into(),
                Phase::Unknown { why, asked: Some(_), .. } if deploy.is_read_only() => format!(
                    "Nobody knows whether it started ({why}). It changes nothing, so nothing is closed off."
                )
                .into(),
                Phase::Unknown { why, asked: Some(_), .. } => format!(
                    "Nobody knows whether it started ({why}). {environment} is closed off until somebody who looked \
                     says what happened."
                )
                .into(),
            },
            State::Running { run, since, progress, cancel, .. } => {
                let text = match (&progress.standing, cancel) {
                    (_, Some(cancel)) if cancel.unless_started => Text::plain(format!(
                        "{}. Stopping it, unless it has started.",
                        cancel.reason.as_deref().unwrap_or("A freeze began before the run did")
                    )),
                    (_, Some(cancel)) => Text::plain("Stopping, asked for by ").span(self.person(&cancel.by)).and("."),
                    (Standing::Queued, None) => "Waiting for a machine.".into(),
                    (Standing::Held, None) => "Held by the CI system: somebody must let it go on there.".into(),
                    (Standing::Running | Standing::Ended(_) | Standing::Skipped, None) => "Running".into(),
                };
                let text = match (&progress.standing, cancel) {
                    (Standing::Running, None) => {
                        text.and(format!(" for {}. ", Self::between(*since, self.now)))
                    }
                    _ => text.and(" "),
                };
                if run.url.is_some() { text.link("Follow the run", run.url.as_deref()) } else { text }
            }
            State::Done { outcome, at, ran } => {
                let took = ran.as_ref().map(|ran| Self::between(ran.since, *at));
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
                        "Nobody could say whether it started. {environment} stays closed off until /unlock {environment}."
                    )
                    .into(),
                }
            }
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

    fn facts(&self, deploy: &Deploy) -> Vec<(String, Text)> {
        let request = &deploy.request;
        let mut facts = Vec::new();
        let by = Text::default().span(self.person(&request.by));
        let by = match &request.reason {
            Some(reason) => by.and(format!(": {reason}")),
            None => by,
        };
        if let (Some(warning), false) = (self.warning(&deploy.verdicts), deploy.is_done()) {
            facts.push(("⚠ Warning".to_owned(), warning));
        }
        facts.push(("Asked by".to_owned(), by));
        if !deploy.replaces.is_empty() {
            let text = deploy.replaces.iter().enumerate().fold(Text::default(), |text, (n, one)| {
                let text = if n == 0 { text } else { text.and(", ") };
                text.code(one.version.as_str()).and(" ").code(one.deploy.short())
            });
            facts.push(("Replaces".to_owned(), text.and(", whose approvals do not count here")));
        }
        if let Some(plan) = self.plan(deploy) {
            facts.push(("Starts".to_owned(), plan.into()));
        }
        if let Some(emergency) = &request.emergency {
            facts.push(("Emergency".to_owned(), Text::plain(emergency.clone())));
        }
        if let Some(older) = &request.accepts.older {
            facts.push(("Older is meant".to_owned(), Text::plain(older.clone())));
        }
        if let Some(across) = &request.accepts.across_migrations {
            facts.push(("Over migrations".to_owned(), Text::plain(across.clone())));
        }
        if let Some(asked) = deploy.action() {
            facts.extend(Self::action_facts(asked));
            facts.extend(Self::action_commit(deploy));
            return facts;
        }
        if let Some(pinned) = &deploy.pinned {
            let pin = &pinned.pin;
            let commit =
                Text::default().code(pin.commit.short()).and(format!(" {} ({})", pin.title, pin.author));
            facts.push(("Commit".to_owned(), commit));
            match &diff_of(deploy).unwrap_or_else(|| pinned.diff.clone()) {
                Read::Known(Some(diff)) => facts.push(("Changes".to_owned(), diff_line(diff))),
                Read::Known(None) => facts.push(("Changes".to_owned(), "first deploy here".into())),
                Read::Unknown(why) => {
                    facts.push(("Changes".to_owned(), format!("cannot be read ({why})").into()));
                }
            }
        }
        facts
    }

    /// What was asked about the time of the start; none when it was to start at once.
    pub(crate) fn plan(&self, deploy: &Deploy) -> Option<String> {
        match deploy.request.when {
            StartWhen::Now => None,
            StartWhen::At(at) => Some(self.policy.zone.say(at)),
            StartWhen::WhenOpen => Some("as soon as its window opens".to_owned()),
        }
    }

    fn changes(&self, deploy: &Deploy) -> (Vec<Text>, Text) {
        let shown = diff_of(deploy).filter(|_| deploy.puts_in_place());
        let Some(Read::Known(Some(diff))) = &shown else {
            return (Vec::new(), Text::default());
        };
        let lines = diff
            .commits
            .iter()
            .take(CHANGES)
            .map(|change| {
                let text = Text::default().code(change.commit.short()).and(format!(" {}", change.title));
                let text = match change.pull {
                    Some(number) if !change.title.contains(&format!("#{number}")) => {
                        text.and(format!(" (#{number})"))
                    }
                    Some(_) | None => text,
                };
                text.and(format!(" — {}", change.author))
            })
            .collect();
        let more = match diff.total.saturating_sub(CHANGES as u64) {
            0 => Text::default(),
            more => Text::plain(format!("and {more} more: ")).link("all changes", diff.url.as_deref()),
        };
        (lines, more)
    }

    fn shown_gates(&self, deploy: &Deploy) -> Vec<crate::words::GateLine> {
        deploy.verdicts.iter().map(|v| self.gate_line(v)).collect()
    }

    fn stages(&self, deploy: &Deploy) -> Vec<StageLine> {
        if deploy.action().is_some() {
            return self.action_stages(deploy);
        }
        let Some(progress) = deploy.progress() else { return Vec::new() };
        let end = match &deploy.state {
            State::Done { at, .. } => *at,
            _ => self.now,
        };
        let mut lines: Vec<StageLine> = progress
            .stages()
            .into_iter()
            .map(|stage| StageLine {
                name: stage.name.as_str().to_owned(),
                elapsed: match (stage.started, stage.ended) {
                    (Some(from), Some(until)) => Self::between(from, until),
                    (Some(from), None) if stage.standing == Standing::Running => Self::between(from, end),
                    _ => String::new(),
                },
                standing: stage.standing,
            })
            .collect();
        if lines.is_empty() && deploy.is_active() {
            let name = StageName::Deploy.as_str().to_owned();
            lines.push(StageLine { name, standing: progress.standing.clone(), elapsed: String::new() });
        }
        lines
    }

    fn log(&self, deploy: &Deploy) -> Option<LogTail> {
        let failed = deploy.progress()?.failed.as_ref()?;
        let place = match &failed.step {
            Some(step) => format!("{} › {step}", failed.job),
            None => failed.job.clone(),
        };
        Some(LogTail {
            title: Text::plain("Failed at ").link(place, failed.url.as_deref()),
            lines: failed.log.clone(),
        })
    }

    /// The result of a deploy: what, who, who approved, how long, what changed, the verdict.
    pub(crate) fn result(&self, deploy: &Deploy) -> Message {
        if let Some(asked) = deploy.action() {
            return self.action_result(deploy, asked);
        }
        let State::Done { outcome, .. } = &deploy.state else {
            return Message::line(Tone::Neutral, self.title(deploy));
        };
        let environment = &deploy.request.environment;
        let verb = match (&deploy.request.kind, outcome) {
            (Kind::Rollback { .. }, Outcome::Succeeded) => "rolled back to",
            (_, Outcome::Succeeded) => "now runs",
            // A run that was stopped may have done its work, or a part of it.
            (_, Outcome::Unknown | Outcome::Cancelled { .. }) => "may or may not run",
            (_, _) => "failed to get",
        };
        let title = Text::default().bold(environment.as_str()).and(format!(" {verb} ")).bold(what(deploy));
        let mut message = Message::line(tone(deploy), title);
        message.blocks.push(Block::Fields(self.result_fields(deploy)));
        let next = match outcome {
            Outcome::Failed { why, .. } => {
                let text = Text::plain(format!("{}. Next: look at the card's log, then ", capital(why)));
                text.code(format!("/rollback {environment}")).and(" or Re-run failed jobs.")
            }
            Outcome::Unknown => Text::plain(format!("Look at the CI system. {environment} is closed off; "))
                .code(format!("/unlock {environment}"))
                .and(" opens it again."),
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
    pub(super) fn result_fields(&self, deploy: &Deploy) -> Vec<(String, Text)> {
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
    fn record(deploy: &Deploy, asked: Option<String>) -> Text {
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
    pub(crate) fn approvers(&self, deploy: &Deploy) -> Vec<shipgate_domain::ids::PersonId> {
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

    /// How long a finished deploy took from its run's start, or how long it has been running.
    pub(crate) fn took(&self, deploy: &Deploy) -> Option<String> {
        let since = running_since(deploy)?;
        let end = match &deploy.state {
            State::Done { at, .. } => *at,
            _ => self.now,
        };
        Some(duration(end.duration_since(since)))
    }
}

/// Whether somebody warns of deploys there.
fn is_warned(deploy: &Deploy) -> bool {
    let warns = |r: &Reason| matches!(r, Reason::LockTold { kind: LockKind::Warn, .. });
    deploy.verdicts.iter().any(|v| warns(&v.reason))
}

/// Colour and mark of a deploy's card.
pub(crate) fn tone(deploy: &Deploy) -> Tone {
    match &deploy.state {
        State::Requested { .. } => Tone::Working,
        State::Waiting { .. } if deploy.request.emergency.is_some() || is_warned(deploy) => Tone::Warning,
        State::Waiting { .. } => Tone::Asking,
        State::Dispatching { phase: Phase::Unknown { .. }, .. } => Tone::Warning,
        State::Dispatching { .. } | State::Running { .. } => Tone::Working,
        State::Done { outcome, .. } => match outcome {
            Outcome::Succeeded => Tone::Good,
            Outcome::Failed { .. } | Outcome::Refused | Outcome::Rejected { .. } => Tone::Bad,
            Outcome::Cancelled { .. } | Outcome::Expired | Outcome::Superseded { .. } => Tone::Neutral,
            Outcome::Unknown => Tone::Warning,
        },
    }
}

/// What it changes, compared with what ran there when that was read last: something else may have gone live since the
/// request.
fn diff_of(deploy: &Deploy) -> Option<Read<Option<Diff>>> {
    match deploy.outside.as_ref().and_then(|outside| outside.rebased.as_ref()) {
        Some(Read::Known(now)) => Some(Read::Known(Some(now.clone()))),
        Some(Read::Unknown(why)) => Some(Read::Unknown(why.clone())),
        None => deploy.pinned.as_ref().map(|pinned| pinned.diff.clone()),
    }
}

/// Whether what was planned is refused for its time alone, and nobody knows a better one.
fn is_about_time_then(deploy: &Deploy, closed: &[&Verdict]) -> bool {
    let is_time = |v: &&Verdict| matches!(v.gate, Gate::Schedule | Gate::Freeze);
    deploy.request.when.instant().is_some() && closed.iter().all(is_time)
}

fn diff_line(diff: &Diff) -> Text {
    let text = match (diff.total, diff.behind) {
        (0, 0) => return Text::plain("none: the same commit runs there"),
        (0, behind) => {
            let text = Text::plain(format!("goes back {}: this is a rollback of ", count(behind, "commit")))
                .code(diff.base_version.as_str());
            return match diff.url.is_some() {
                true => text.and(" ").link("compare", diff.url.as_deref()),
                false => text,
            };
        }
        (ahead, 0) => Text::plain(count(ahead, "commit")),
        (ahead, behind) => Text::plain(format!("{} new, {behind} lost", count(ahead, "commit"))),
    };
    let text = text.and(" since ").code(diff.base_version.as_str());
    if diff.url.is_some() { text.and(" ").link("compare", diff.url.as_deref()) } else { text }
}

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
