//! Is it open, is it frozen? Read off local clocks, instant by instant, without any of the bot's arithmetic.
//! Not here: what follows from the answer.

use super::Oracle;
use crate::rules::{Drawn, Place, zone_of};
use crate::world::{MINUTE, Ms, World};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::deploy::Deploy;

/// Whether the local clock stands inside a window of the place.
pub fn is_open(drawn: &Drawn, place: &Place, at: Timestamp) -> bool {
    let Some(windows) = &place.windows else { return true };
    let local = at.to_zoned(zone_of(drawn.zone));
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    let today = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
    let yesterday = (today + 6) % 7;
    windows.iter().any(|window| {
        (window.days[today] && minute >= window.from && minute < window.until)
            || (window.days[yesterday] && minute + 1440 < window.until)
    })
}

/// Whether a freeze covers the place at an instant or in the half minute after it.
pub fn is_frozen(oracle: &Oracle, drawn: &Drawn, place: &str, at: Timestamp) -> bool {
    [0, 10, 20, 30].into_iter().any(|seconds| {
        let at = at + SignedDuration::from_secs(seconds);
        let local = at.to_zoned(zone_of(drawn.zone)).datetime();
        let by_settings = drawn.freezes.iter().any(|freeze| {
            freeze.place.is_none_or(|name| name == place) && local >= freeze.from && local < freeze.until
        });
        let by_chat = oracle.freezes.values().any(|freeze| {
            !freeze.ended
                && (freeze.places.is_empty() || freeze.places.iter().any(|name| name == place))
                && at >= freeze.from
                && at < freeze.until
        });
        by_settings || by_chat
    })
}

/// When each freeze began that covers a place at an instant.
pub fn freezes_at(oracle: &Oracle, drawn: &Drawn, place: &str, at: Timestamp) -> Vec<Timestamp> {
    let zone = zone_of(drawn.zone);
    let local = at.to_zoned(zone.clone()).datetime();
    let by_settings = drawn.freezes.iter().filter(|freeze| {
        freeze.place.is_none_or(|name| name == place) && local >= freeze.from && local < freeze.until
    });
    let began = |freeze: &crate::rules::Frozen| zone.to_ambiguous_timestamp(freeze.from).earlier().ok();
    let by_chat = oracle.freezes.values().filter(|freeze| {
        !freeze.ended
            && (freeze.places.is_empty() || freeze.places.iter().any(|name| name == place))
            && at >= freeze.from
            && at < freeze.until
    });
    by_settings.filter_map(began).chain(by_chat.map(|freeze| freeze.from)).collect()
}

/// When a place closes next, and opens again a quarter of an hour later: by the clock that nobody moves. None where that
/// is not so within the next hours.
pub fn closes_and_opens(world: &World, name: &str) -> Option<(Ms, Ms)> {
    let place = world.drawn.place(name)?;
    let is_open_in =
        |minutes: Ms| is_open(&world.drawn, place, world.now() + SignedDuration::from_mins(minutes));
    let closes = (3..180).find(|minutes| is_open_in(minutes - 1) && !is_open_in(*minutes))?;
    let opens = (closes..closes + 17).find(|minutes| is_open_in(*minutes))?;
    Some((world.mono + closes * MINUTE, world.mono + opens * MINUTE))
}

impl World {
    /// Whether a place is inside one of its windows at some minute of the next ones.
    pub fn opens_within(&self, name: &str, minutes: i64) -> bool {
        self.drawn.place(name).is_some_and(|place| {
            (0..minutes)
                .any(|ahead| is_open(&self.drawn, place, self.now() + SignedDuration::from_mins(ahead)))
        })
    }

    /// Whether nothing of the calendar kept a deploy from starting for the last minutes.
    pub fn was_open(&self, deploy: &Deploy) -> bool {
        let Some(place) = self.drawn.place(deploy.request.environment.as_str()) else { return false };
        // Whoever waits for a time does so until it is over for as long as the rest must have been open.
        if deploy.request.when.instant().is_some_and(|at| self.now() < at + SignedDuration::from_secs(120)) {
            return false;
        }
        [0, 60, 120].into_iter().all(|seconds| {
            let at = self.now() - SignedDuration::from_secs(seconds);
            is_open(&self.drawn, place, at) && !is_frozen(&self.oracle, &self.drawn, place.name, at)
        })
    }
}
