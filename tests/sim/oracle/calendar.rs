//! Is it open, is it frozen? Read off local clocks, instant by instant, without any of the bot's arithmetic.
//! Not here: what follows from the answer.

use super::Oracle;
use crate::rules::{Drawn, FED_AGE, Frozen, HOLIDAYS, Place, When, zone_of};
use crate::world::{MINUTE, Ms, World};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
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
        let zone = zone_of(drawn.zone);
        let by_settings = drawn.freezes.iter().any(|freeze| {
            freeze.place.is_none_or(|name| name == place) && began(&zone, freeze, at).is_some()
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

/// When a freeze of the settings began that holds at an instant. Calendars of others are read by `is_fed_shut`.
fn began(zone: &TimeZone, freeze: &Frozen, at: Timestamp) -> Option<Timestamp> {
    let local = at.to_zoned(zone.clone()).datetime();
    let first = |local: DateTime| zone.to_ambiguous_timestamp(local).earlier().ok();
    let midnight = || first(local.date().at(0, 0, 0, 0));
    match freeze.when {
        When::Dates => (local >= freeze.from && local < freeze.until).then(|| first(freeze.from)).flatten(),
        When::Day(day) => (local.date() == day).then(midnight).flatten(),
        When::Holidays(country) => {
            // Holidays one after the other are one freeze, and the card shows all of it.
            let is_holiday = |day: &Date| HOLIDAYS.contains(&(country, *day));
            let days = std::iter::successors(Some(local.date()), |day| day.yesterday().ok());
            days.take_while(is_holiday).last().and_then(|day| first(day.at(0, 0, 0, 0)))
        }
        When::Daily | When::EveryOtherDay => {
            let minute = Timestamp::from_second(at.as_second().div_euclid(60) * 60).ok()?;
            let back = 0..freeze.until.duration_since(freeze.from).as_mins();
            back.map(|minutes| minute - SignedDuration::from_mins(minutes))
                .find(|at| begins(zone, freeze, *at))
        }
        When::Feed => None,
    }
}

/// Whether the clock comes to a freeze's time of day in this minute, for the first time of a day that is meant.
fn begins(zone: &TimeZone, freeze: &Frozen, at: Timestamp) -> bool {
    let clock = |at: Timestamp| at.to_zoned(zone.clone()).datetime();
    let (now, before) = (clock(at), clock(at - SignedDuration::from_secs(60)));
    let days = now.date().duration_since(freeze.from.date()).as_hours() / 24;
    let is_day = match freeze.when {
        When::EveryOtherDay => days >= 0 && days % 2 == 0,
        When::Dates | When::Daily | When::Day(_) | When::Holidays(_) | When::Feed => true,
    };
    let wanted = now.date().to_datetime(freeze.from.time());
    let doubled = zone.to_ambiguous_timestamp(now);
    let is_second =
        matches!(doubled.offset(), AmbiguousOffset::Fold { .. }) && doubled.later().ok() == Some(at);
    is_day && before < wanted && wanted <= now && !is_second
}

/// A calendar that others keep: its only event since when, and when somebody last read it.
#[derive(Debug)]
pub struct Feed {
    /// From when on it said so, and from when to when the event is.
    pub said: Vec<(Ms, DateTime, DateTime)>,
    /// When it was last read.
    pub read: Option<Ms>,
}

impl Feed {
    /// A calendar that nobody has read.
    pub fn new(freeze: &Frozen) -> Self {
        Self { said: vec![(0, freeze.from, freeze.until)], read: None }
    }
}

/// Whether a calendar of others certainly keeps a place closed: it was not read for longer than it may be believed, or
/// whatever it said since then covers the instant.
pub fn is_fed_shut(world: &World, oracle: &Oracle, drawn: &Drawn, place: &str, at: Timestamp) -> bool {
    let zone = zone_of(drawn.zone);
    // Its events last so many minutes from where they begin, which is the first of two readings, and after a skipped one.
    let is_within = |from: DateTime, until: DateTime| {
        let reading = || zone.to_ambiguous_timestamp(from);
        let (first, begins) = (reading().earlier(), reading().compatible());
        let (Ok(first), Ok(begins)) = (first, begins) else { return false };
        at >= begins && at < first + until.duration_since(from)
    };
    // Two minutes to write what was read, and to write what was decided.
    let since = world.decided_at(at) - (FED_AGE + 2) * MINUTE - world.moved_back;
    let fed = drawn.freezes.iter().filter(|freeze| freeze.when == When::Feed);
    fed.filter(|freeze| freeze.place.is_none_or(|name| name == place)).any(|freeze| {
        let Some(feed) = oracle.feeds.get(&freeze.name) else { return true };
        let is_old = feed.read.is_none_or(|read| read < since);
        let covers = |(number, (_, from, until)): (usize, &(Ms, DateTime, DateTime))| {
            let is_over = feed.said.get(number + 1).is_some_and(|next| next.0 < since);
            is_over || is_within(*from, *until)
        };
        is_old || feed.said.iter().enumerate().all(covers)
    })
}

/// When each freeze began that covers a place at an instant.
pub fn freezes_at(oracle: &Oracle, drawn: &Drawn, place: &str, at: Timestamp) -> Vec<Timestamp> {
    let zone = zone_of(drawn.zone);
    let by_settings = drawn.freezes.iter().filter(|freeze| freeze.place.is_none_or(|name| name == place));
    let by_chat = oracle.freezes.values().filter(|freeze| {
        !freeze.ended
            && (freeze.places.is_empty() || freeze.places.iter().any(|name| name == place))
            && at >= freeze.from
            && at < freeze.until
    });
    by_settings
        .filter_map(|freeze| began(&zone, freeze, at))
        .chain(by_chat.map(|freeze| freeze.from))
        .collect()
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
        // Nobody tells Shipgate that a calendar of others changed, or that others deployed; it finds out by itself.
        let is_fed = |freeze: &Frozen| freeze.when == When::Feed;
        let is_seen = self.drawn.place("staging").is_some_and(|staging| staging.seen);
        if self.drawn.freezes.iter().any(is_fed) || (place.after_staging && is_seen) {
            return false;
        }
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
