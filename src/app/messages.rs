//! The words people read: cards, results, answers, reminders. What happened, why, what to do next.
//! Not here: when something is said (the use cases), or how it looks on a platform (the adapters).

mod actions;
pub(crate) mod answers;
mod calendar;
mod card;
mod change;
pub(crate) mod checklist;
mod freezes;
mod gates;
pub(crate) mod lists;
mod locks;
mod notes;
mod people;
mod requests;
mod selfcheck;
mod settings;
mod trouble;

use crate::words::{Span, Text};
pub(crate) use actions::stop_question;
pub(crate) use answers::field_for;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::{Account, GroupName, PersonId, Platform};
use shipgate_domain::policy::Policy;

/// Everything that sentences need besides what they are about.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// Names, zones, groups.
    pub policy: &'a Policy,
    /// Now.
    pub now: Timestamp,
}

impl Words<'_> {
    /// A person, by name only.
    pub(crate) fn person(&self, person: &PersonId) -> Span {
        self.named(person, false)
    }

    /// A person, so that the platform tells them.
    pub(crate) fn mention(&self, person: &PersonId) -> Span {
        self.named(person, true)
    }

    fn named(&self, person: &PersonId, notify: bool) -> Span {
        let mut accounts = self.policy.accounts_of(person).to_vec();
        // An account that is linked to nobody is `platform:id`: the platform knows its name.
        if let Some((platform, id)) = person.as_str().split_once(':') {
            let platform = match platform {
                "slack" => Some(Platform::Slack),
                "discord" => Some(Platform::Discord),
                "playground" => Some(Platform::Playground),
                _ => None,
            };
            accounts.extend(platform.map(|platform| Account { platform, id: id.to_owned() }));
        }
        Span::Person { name: person.to_string(), accounts, notify }
    }

    /// "ada", "ada and grace", "ada, grace and linus".
    pub(crate) fn people(&self, people: &[PersonId], notify: bool) -> Text {
        let mut text = Text::default();
        for (i, person) in people.iter().enumerate() {
            if i > 0 {
                text = text.and(if i + 1 == people.len() { " and " } else { ", " });
            }
            text = text.span(self.named(person, notify));
        }
        text
    }

    /// An instant: "today 14:00", "tomorrow 09:00", "Mon 23 Nov, 00:00 Europe/Berlin".
    pub(crate) fn at(&self, at: Timestamp) -> String {
        let zone = &self.policy.zone;
        let (now, then) = (zone.civil(self.now), zone.civil(at));
        let days = now.date().until(then.date()).map_or(99, |span| span.get_days());
        match days {
            0 => format!("today {}", then.strftime("%H:%M")),
            1 => format!("tomorrow {}", then.strftime("%H:%M")),
            -1 => format!("yesterday {}", then.strftime("%H:%M")),
            _ => zone.say(at),
        }
    }

    /// How long something takes: "1 min 12 s".
    pub(crate) fn between(from: Timestamp, until: Timestamp) -> String {
        duration(until.duration_since(from))
    }
}

/// A length of time in at most two units: "45 s", "1 min 12 s", "2 h 5 min", "3 d 4 h".
#[must_use]
pub fn duration(length: SignedDuration) -> String {
    let s = length.as_secs().max(0);
    let two = |a: i64, x: &str, b: i64, y: &str| {
        if b == 0 { format!("{a} {x}") } else { format!("{a} {x} {b} {y}") }
    };
    match s {
        0..60 => format!("{s} s"),
        60..3600 => two(s / 60, "min", s % 60, "s"),
        3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// "1 commit", "3 commits".
pub(crate) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// "release-managers", "release-managers or owners".
pub(crate) fn groups(groups: &[GroupName]) -> String {
    let names: Vec<&str> = groups.iter().map(GroupName::as_str).collect();
    match names.as_slice() {
        [] => "nobody".to_owned(),
        [one] => (*one).to_owned(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

/// "api v1.2.3", or for an action "restart of api"
pub(crate) fn what(deploy: &Deploy) -> String {
    if let Some(asked) = deploy.action() {
        return actions::called(deploy, asked);
    }
    format!("{} {}", deploy.request.service, deploy.request.version)
}

/// SHA-256 of a value's stored form, in hex.
pub(crate) fn digest_of<T: Serialize>(value: &T) -> String {
    let body = serde_json::to_vec(value).expect("only plain data is hashed");
    shipgate_domain::hex(&Sha256::digest(&body))
}

#[cfg(test)]
mod tests;
