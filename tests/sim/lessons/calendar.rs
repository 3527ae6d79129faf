//! Lessons about freezes: those that say otherwise than by dates when they hold, and calendars that others keep. Not here:
//! whether it is frozen (`oracle::calendar`).

use super::THERE;
use crate::oracle::Feed;
use crate::rules::{Frozen, HOLIDAYS, When, zone_of};
use crate::runner::Sim;
use crate::world::{MINUTE, SECOND, tell};
use jiff::SignedDuration;

impl Sim {
    pub(super) fn freeze_otherwise(&mut self) {
        let place = if self.below(2) == 0 { None } else { Some(THERE) };
        let which = self.below(4);
        self.rule(|_| {});
        let local = {
            let world = self.parts.shared.look();
            world.now().to_zoned(zone_of(world.drawn.zone)).datetime()
        };
        let holiday = HOLIDAYS.iter().find(|(_, date)| *date == local.date());
        let when = match (which, holiday) {
            (0 | 1, Some((country, _))) => When::Holidays(country),
            (0 | 1, None) => When::Day(local.date()),
            (2, _) => When::Daily,
            _ => When::EveryOtherDay,
        };
        let start = local.with().second(0).subsec_nanosecond(0).build().expect("a whole minute");
        let ahead = self.below(4);
        let from = start.saturating_add(SignedDuration::from_mins(i64::try_from(ahead).unwrap_or(0) - 1));
        let until = from.saturating_add(SignedDuration::from_mins(12));
        self.rule(|drawn| drawn.freezes.push(Frozen { name: "Lesson".into(), when, place, from, until }));
        let wanted = self.fresh(|_| true);
        for number in wanted..wanted + 4 {
            self.want_commit(THERE, number);
            self.run_for(40 * SECOND);
        }
    }

    pub(super) fn keep_a_calendar(&mut self) {
        let local = {
            let world = self.parts.shared.look();
            world.now().to_zoned(zone_of(world.drawn.zone)).datetime()
        };
        let start = local.with().second(0).subsec_nanosecond(0).build().expect("a whole minute");
        let at = |minutes: i64| start.saturating_add(SignedDuration::from_mins(minutes));
        let (from, until) = (at(-90), at(-60));
        let freeze = Frozen { name: "Lesson feed".into(), when: When::Feed, place: None, from, until };
        let fed = freeze.clone();
        self.rule(|drawn| drawn.freezes.push(fed));
        self.run_for(MINUTE);
        if self.below(2) == 0 {
            let mut world = self.parts.shared.look();
            let now = world.mono;
            tell!(world, "calendar", "{} moves", freeze.name);
            let feed = world.oracle.feeds.entry(freeze.name.clone()).or_insert_with(|| Feed::new(&freeze));
            feed.said.push((now, at(20), at(55)));
        } else {
            let mut world = self.parts.shared.look();
            tell!(world, "calendar", "no calendar can be read any more");
            world.calendars_down_until = world.mono + 60 * MINUTE;
        }
        self.run_for(25 * MINUTE);
        let wanted = self.fresh(|_| true);
        self.want_commit(THERE, wanted);
        self.run_for(30 * SECOND);
    }
}
