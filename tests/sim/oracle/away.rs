//! Who is away and who stands in for them, kept from the audit log alone (S1, S22). Not here: whose yes counts (`intent`).

use super::Oracle;
use crate::rules::Drawn;
use crate::world::{Ms, World};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::audit::Entry;
use shipgate_domain::ids::Account;

/// Whoever may do something is looked up this long before it is written, at most.
const WRITTEN_WITHIN: SignedDuration = SignedDuration::from_secs(90);

/// Somebody is away.
#[derive(Clone, Debug)]
pub struct Absent {
    /// Who.
    pub person: String,
    /// By which account they said so.
    pub account: Account,
    /// Who stands in.
    pub delegate: String,
    /// Until when, excluded.
    pub until: Timestamp,
    /// Since when it does not hold any more, because they came back or said something else.
    ended: Option<Ms>,
}

/// Everybody who ever was away.
#[derive(Default)]
pub struct Absences(Vec<Absent>);

impl Absences {
    /// One audit entry.
    pub fn heard(&mut self, entry: &Entry, now: Ms) -> Result<(), String> {
        if entry.event != "away" && entry.event != "back" {
            return Ok(());
        }
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let person = text(&entry.data["person"]).ok_or("somebody without a name is away")?;
        for one in self.0.iter_mut().filter(|one| one.person == person && one.ended.is_none()) {
            one.ended = Some(now);
        }
        if entry.event == "away" {
            let away = &entry.data["away"];
            let read = || {
                Some(Absent {
                    person: person.clone(),
                    account: serde_json::from_value(away["account"].clone()).ok()?,
                    delegate: text(&away["delegate"])?,
                    until: away["until"].as_str()?.parse().ok()?,
                    ended: None,
                })
            };
            self.0.push(read().ok_or("an absence was written that cannot be read")?);
        }
        Ok(())
    }

    /// Everybody who was asked to stand in and was not told that it is over.
    pub fn delegates(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|one| one.ended.is_none()).map(|one| one.delegate.as_str())
    }

    /// For whom somebody stands in at an instant.
    pub fn of<'a>(&'a self, delegate: &'a str, at: Timestamp) -> impl Iterator<Item = &'a Absent> {
        self.0.iter().filter(move |one| one.delegate == delegate && one.ended.is_none() && at < one.until)
    }
}

impl Oracle {
    /// Whether somebody stood in for a member of a group, at some moment since `since`.
    pub(super) fn stood_in(
        &self,
        world: &World,
        drawn: &Drawn,
        (person, group): (&str, &str),
        (at, since): (Timestamp, Ms),
    ) -> bool {
        drawn.people.contains_key(person)
            && self.away.0.iter().any(|one| {
                one.delegate == person
                    && one.ended.is_none_or(|ended| ended >= since)
                    && at < one.until + WRITTEN_WITHIN
                    && self.belongs(world, drawn, &one.person, group, since)
            })
    }

    /// Whether somebody's yes counts for a group because they stand in for a member who said nothing themselves: not
    /// for whoever asked or wrote it, nor for one whose account was taken away. Nobody lends the requester a vote.
    pub(super) fn lends(
        &self,
        world: &World,
        drawn: &Drawn,
        (person, group): (&str, &str),
        (at, since): (Timestamp, Ms),
        is_ruled_out: impl Fn(&str) -> bool,
        has_spoken: impl Fn(&str) -> bool,
    ) -> bool {
        drawn.people.contains_key(person)
            && self.away.of(person, at).any(|one| {
                !is_ruled_out(&one.person)
                    && !has_spoken(&one.person)
                    && world.chat.lost.get(&one.account).is_none_or(|at| *at >= since)
                    && self.belongs(world, drawn, &one.person, group, since)
            })
    }
}
