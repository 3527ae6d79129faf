//! Was the commit on the environment before, for long enough? From the record and the books of the code host (S5).
//! Not here: what else must be true at a start (`intent`).

use super::changes::acts_on_live;
use super::{Oracle, Writer};
use crate::code::{Elsewhere, number};
use crate::rules::{Place, SERVICES};
use crate::world::{Ms, SECOND, World};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::deploy::{Deploy, Intent, Outcome, State};

/// When a deploy began to change its environment, if it did.
fn took_place(deploy: &Deploy) -> Option<Timestamp> {
    match &deploy.state {
        State::Dispatching { intent, .. } => Some(intent.at),
        State::Running { since, .. } => Some(*since),
        State::Done { ran: Some(ran), .. } => Some(ran.since),
        State::Requested { .. } | State::Waiting { .. } | State::Done { .. } => None,
    }
}

impl Oracle {
    /// The same commit succeeded on staging, by Shipgate or where that counts by others, and stayed for its time.
    pub(super) fn was_on_staging(
        &self,
        world: &World,
        writer: &Writer<'_>,
        now: &Deploy,
        (place, intent): (&Place, &Intent),
        since: Ms,
    ) -> Result<(), String> {
        if !place.after_staging || now.is_rollback() || acts_on_live(now) {
            return Ok(());
        }
        let id = now.id.short();
        let Some(commit) = now.commit() else { return Err(format!("S2: {id} started without a commit")) };
        let service = now.request.service.as_str();
        let repo = SERVICES.iter().find(|(name, _)| *name == service).map_or("", |(_, repo)| *repo);
        let is_seen = writer.drawn.place("staging").is_some_and(|staging| staging.seen);
        let there = || {
            self.deploys.values().filter(|d| {
                // What a team's own command did there put nothing in place.
                d.action().is_none()
                    && d.request.environment.as_str() == "staging"
                    && d.request.service.as_str() == service
            })
        };
        let elsewhere = || world.code.elsewhere.iter().filter(|one| is_seen && one.repo == repo);
        let newest = there()
            .filter(|d| d.commit() == Some(commit))
            .filter_map(|d| match &d.state {
                State::Done { outcome, at, ran: Some(_) } => Some((*at, *outcome == Outcome::Succeeded)),
                _ => None,
            })
            .max();
        let starts: Vec<Timestamp> = match newest {
            Some((at, true)) => vec![at],
            failed => {
                // What the host says may be as old as any answer that is believed.
                let is_newer = |one: &Elsewhere, other: &Elsewhere| {
                    other.commit == one.commit && other.began.0 > one.began.0 && other.ended.0 < since
                };
                elsewhere()
                    .filter(|one| one.commit == number(commit) && one.succeeded)
                    .filter(|one| one.ended.0 <= world.mono)
                    .filter(|one| failed.is_none_or(|(at, _)| one.ended.1 > at))
                    .filter(|one| !elsewhere().any(|other| is_newer(one, other)))
                    .map(|one| one.ended.1)
                    .collect()
            }
        };
        if starts.is_empty() {
            return Err(format!("S5: {id} started without success on staging"));
        }
        let Some(soak) = place.soak.map(SignedDuration::from_mins) else { return Ok(()) };
        let known = world.decided_at(intent.at) - 5 * SECOND;
        let stayed = |from: Timestamp| {
            let is_within = |at: Timestamp| at >= from && at < from + soak;
            let by_us = there().filter(|d| d.commit() != Some(commit)).any(|d| {
                let is_known = self.began.get(&d.id).is_some_and(|began| *began < known);
                is_known && took_place(d).is_some_and(is_within)
            });
            let by_others = elsewhere()
                .any(|one| one.commit != number(commit) && one.began.0 < since && is_within(one.began.1));
            intent.at >= from + soak && !by_us && !by_others
        };
        if starts.into_iter().any(stayed) {
            Ok(())
        } else {
            Err(format!("S5: {id} started before its commit had been on staging for {soak:#}"))
        }
    }
}
