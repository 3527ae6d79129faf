//! Freezes, reminders, `when` and `explain`. Not here: computing any of it (`domain::calendar`).

use super::{Words, count, duration};
use crate::outlook;
use crate::words::{Block, GateLine, Message, Text, Tone};
use jiff::Timestamp;
use shipgate_domain::calendar::outlook::{Ahead, Outlook, Stretch};
use shipgate_domain::calendar::{CalendarSpan, FeedSource, Freeze, FreezeOccurrence, FreezeOrigin, Opening};
use shipgate_domain::ids::PersonId;
use shipgate_domain::policy::{Environment, Service};

/// Freezes that are named though they begin after the time of a list, at most.
const LATER: usize = 5;

impl Words<'_> {
    /// Freezes that hold and those to come.
    pub(crate) fn freeze_list(&self, title: &str, occurrences: &[FreezeOccurrence<'_>]) -> Message {
        if occurrences.is_empty() {
            return Message::line(Tone::Good, format!("{title}: none.")).paragraph(
                Text::plain("Add one: ")
                    .code("/freeze add \"Black Friday\" production from 2026-11-26 until 2026-12-01"),
            );
        }
        let items = occurrences
            .iter()
            .map(|o| {
                if let Some(why) = o.unreadable {
                    let text = Text::default().bold(o.freeze.name.clone());
                    let text = text.and(format!(": cannot be read ({why}), so it counts as frozen"));
                    return text.and(format!(", {}", self.scope(&o.freeze.scope)));
                }
                let mark = if o.from <= self.now { "now, " } else { "" };
                let text = Text::default().bold(o.title()).and(format!(": {mark}"));
                let text = text.and(match o.until {
                    Some(until) => format!("{} to {}", self.near(o.from), self.near(until)),
                    None => format!("since {}, until somebody ends it", self.near(o.from)),
                });
                let text = text.and(format!(", {}", self.scope(&o.freeze.scope)));
                o.reason().map_or(text.clone(), |why| text.and(format!(" — {why}")))
            })
            .collect();
        Message::line(Tone::Neutral, title).list(items)
    }

    /// A calendar of others can no longer be read.
    pub(crate) fn feed_trouble(
        &self,
        freeze: &Freeze,
        source: &FeedSource,
        why: &str,
        believed_until: Option<Timestamp>,
    ) -> Message {
        let title = Text::default().bold(freeze.name.clone()).and(format!(": cannot read {source} ({why})."));
        let scope = self.scope(&freeze.scope);
        match believed_until {
            Some(at) => Message::line(Tone::Warning, title).paragraph(format!(
                "What it said last holds until {}. After that, no deploys to {scope} until it can be read again. \
                 Shipgate goes on trying.",
                self.at(at)
            )),
            None => Message::line(Tone::Bad, title).paragraph(format!(
                "Nobody can say whether it is frozen: no deploys to {scope} until it can be read. \
                 Shipgate goes on trying."
            )),
        }
    }

    /// A calendar of others can be read again.
    pub(crate) fn feed_mended(&self, freeze: &Freeze, source: &FeedSource) -> Message {
        let title = Text::default().bold(freeze.name.clone()).and(format!(": {source} can be read again."));
        Message::line(Tone::Good, title)
    }

    /// Says what a list of freezes leaves out: the rest of its time, and what begins after it.
    pub(crate) fn with_later_freezes(
        &self,
        mut list: Message,
        more: usize,
        later: &[FreezeOccurrence<'_>],
    ) -> Message {
        if more > 0 {
            list = list.paragraph(format!("And {more} more times in these days."));
        }
        let told = later.iter().take(LATER);
        let told: Vec<String> = told
            .map(|o| format!("{}, from {}", o.title(), self.policy.zone.say_near(o.from, self.now)))
            .collect();
        let rest = match later.len().saturating_sub(LATER) {
            0 => String::new(),
            rest => format!("; and {}", count(rest as u64, "other")),
        };
        match told.as_slice() {
            [] => list,
            told => list.paragraph(format!("Later: {}{rest}.", told.join("; "))),
        }
    }

    pub(crate) fn freeze_added(
        &self,
        freeze: &Freeze,
        from: Timestamp,
        until: Timestamp,
        by: &PersonId,
    ) -> Message {
        Message::line(
            Tone::Asking,
            Text::default()
                .span(self.person(by))
                .and(" added the freeze ")
                .bold(freeze.name.clone())
                .and("."),
        )
        .paragraph(format!(
            "No deploys to {} from {} until {}.{}",
            self.scope(&freeze.scope),
            self.at(from),
            self.at(until),
            match &freeze.origin {
                FreezeOrigin::Chat { reason, .. } if !reason.is_empty() => format!(" The reason: {reason}"),
                FreezeOrigin::Chat { .. } | FreezeOrigin::Settings => String::new(),
            }
        ))
    }

    /// An instant for a list: with the year where it is another one than now.
    fn near(&self, at: Timestamp) -> String {
        self.policy.zone.say_near(at, self.now)
    }

    pub(crate) fn freeze_ended(&self, freeze: &Freeze, by: &PersonId, reason: Option<&str>) -> Message {
        let text = Text::default().span(self.person(by)).and(" ended the freeze ").bold(freeze.name.clone());
        let text = match reason {
            Some(reason) => text.and(format!(": {reason}")),
            None => text.and("."),
        };
        Message::line(Tone::Good, text)
            .paragraph(format!("Deploys to {} are no longer stopped by it.", self.scope(&freeze.scope)))
    }

    pub(crate) fn freeze_is_in_settings(&self, freeze: &Freeze) -> Message {
        Message::line(
            Tone::Bad,
            Text::default()
                .bold(freeze.name.clone())
                .and(" stands in shipgate.toml and cannot be ended in chat. Nothing changed."),
        )
        .paragraph("Change the settings, or ask for an override: /deploy … --emergency \"why\".")
    }

    pub(crate) fn bad_times(&self, why: impl Into<String>) -> Message {
        Message::line(Tone::Bad, format!("{} Nothing changed.", why.into()))
            .paragraph(Text::plain("For example ").code("/freeze add \"Incident 42\" production for 2h"))
    }

    /// One line about windows and freezes: "open until Fri 14:00".
    pub(crate) fn calendar_line(
        &self,
        span: Option<&CalendarSpan>,
        next: Option<Timestamp>,
        horizon: Timestamp,
    ) -> Text {
        let Some(span) = span else { return "its calendar cannot be read".into() };
        let until = format!("until {}", self.at(span.until));
        if !span.freezes.is_empty() {
            let names: Vec<String> = span.freezes.iter().map(|(_, name)| name.clone()).collect();
            let text = Text::plain("frozen: ").bold(names.join(", "));
            // A freeze that somebody must end goes on past everything that was looked at.
            return if span.until >= horizon { text } else { text.and(format!(" {until}")) };
        }
        match (span.opening, next) {
            // A stretch that reaches the end of what was looked at ends nowhere that is known.
            (Opening::Open, _) if span.until >= horizon => Text::plain("open"),
            (Opening::Open, _) => Text::plain(format!("open {until}")),
            (Opening::EmergencyOnly, Some(next)) => {
                format!("emergencies only; opens {}", self.at(next)).into()
            }
            (Opening::Closed, Some(next)) => format!("closed; opens {}", self.at(next)).into(),
            (Opening::EmergencyOnly, None) => "emergencies only; no opening is planned".into(),
            (Opening::Closed, None) => "closed; no opening is planned".into(),
        }
    }

    /// When the next deploy may start, until when, and what lies between.
    pub(crate) fn when(
        &self,
        service: &Service,
        environment: &Environment,
        from: Timestamp,
        ahead: Option<&Ahead>,
        outlook: Option<&Outlook>,
    ) -> Message {
        let place = format!("{} on {}", service.name, environment.name);
        let Some(ahead) = ahead else {
            let title = format!("{place}: {} is further away than the calendar reaches.", self.at(from));
            return Message::line(Tone::Bad, title).paragraph("Ask about a time within the next two years.");
        };
        let (tone, title) = match &ahead.opening {
            _ if ahead.is_open => (
                Tone::Good,
                format!("{place}: open {}.", if from <= self.now { "now".to_owned() } else { self.at(from) }),
            ),
            Some(opening) => {
                let wait = duration(opening.at.duration_since(self.now));
                (Tone::Asking, format!("{place}: opens {}, in {wait}.", self.at(opening.at)))
            }
            None => (Tone::Bad, format!("{place}: no opening in the next two years. Look at the settings.")),
        };
        let items = outlook.map(|outlook| self.stretches(outlook)).unwrap_or_default();
        let schedule = environment.schedule.as_deref().and_then(|name| self.policy.schedules.get(name));
        let mut message = Message::line(tone, title);
        for sentence in outlook::next(ahead, |at| self.at(at)) {
            message = message.paragraph(sentence);
        }
        message.list(items).paragraph(outlook::zones(&self.policy.zone, schedule))
    }

    /// The first stretches of an outlook, one line each.
    fn stretches(&self, outlook: &Outlook) -> Vec<Text> {
        let line = |stretch: &Stretch| {
            let endless = stretch.freezes.iter().any(|held| held.until.is_none());
            let until = match stretch.until {
                _ if endless => "until somebody ends it".to_owned(),
                until if until >= outlook.until => "and on".to_owned(),
                until => format!("to {}", self.near(until)),
            };
            Text::plain(format!("{} {until}: ", self.near(stretch.from))).bold(outlook::stretch(stretch))
        };
        outlook.stretches.iter().take(10).map(line).collect()
    }

    /// The rules about time: the windows as written, and what comes next.
    pub(crate) fn time_rules(&self, environment: &Environment, ahead: Option<&Ahead>) -> Vec<(String, Text)> {
        let schedule = environment.schedule.as_deref().and_then(|name| self.policy.schedules.get(name));
        let mut rules = Vec::new();
        if let Some(schedule) = schedule {
            rules.push(("Windows".to_owned(), outlook::windows(schedule).into()));
        }
        if let Some(ahead) = ahead {
            rules.push(("Next".to_owned(), outlook::next(ahead, |at| self.at(at)).join(" ").into()));
        }
        rules
    }

    /// Which rules hold at an instant, and what they say.
    pub(crate) fn explain(
        &self,
        service: &Service,
        environment: &Environment,
        at: Timestamp,
        gates: &[GateLine],
        rules: Vec<(String, Text)>,
    ) -> Message {
        let title = Text::plain(format!("{} on {}, ", service.name, environment.name)).and(self.at(at));
        let items = gates
            .iter()
            .map(|gate| {
                let word = match gate.answer {
                    shipgate_domain::gates::Answer::Open => "open",
                    shipgate_domain::gates::Answer::Waiting => "waiting",
                    shipgate_domain::gates::Answer::Closed => "closed",
                };
                Text::default().bold(gate.name.clone()).and(format!(" {word}: ")).text(gate.text.clone())
            })
            .collect();
        let mut message = Message::line(Tone::Neutral, title).list(items);
        message.blocks.push(Block::Fields(rules));
        message
    }
}
