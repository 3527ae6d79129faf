//! The card of a deploy. Not here: the line of its state (`status`), its result (`result`), its buttons (`cards`).

mod result;
mod status;

pub(super) use result::capital;

use super::{Words, count, duration, what};
use crate::follow::running_since;
use crate::words::{Boxes, Card, LogTail, StageLine, Text, Tone};
use shipgate_domain::deploy::{Deploy, Kind, Outcome, Phase, StartWhen, State};
use shipgate_domain::facts::{Diff, LockKind, Read};
use shipgate_domain::gates::Reason;
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
        let line = |v| if deploy.is_done() { self.last_gate_line(v) } else { self.gate_line(v) };
        deploy.verdicts.iter().map(line).collect()
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
