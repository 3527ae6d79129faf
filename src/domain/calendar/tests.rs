//! Tests of the calendar by topic. Not here: tests of what a gate makes of it (`gates`).

mod compiled;
mod cron;
mod feeds;
mod freezes;
mod kinds;
mod outlook;
mod recurrence;
mod reference;
mod relative;
mod sweep;
mod windows;
mod words;

use super::{Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Schedule};
use crate::zone::Zone;
use jiff::Timestamp;

fn zone(name: &str) -> Zone {
    Zone::named(name).expect("a zone of the IANA database")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn schedule(zone_name: &str, open: &[&str], emergency_only: &[&str]) -> Schedule {
    let spans = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a window")).collect();
    Schedule::new("office", zone(zone_name), spans(open), spans(emergency_only)).expect("it opens")
}

fn freeze(id: &str, zone_name: &str, when: FreezeWhen) -> Freeze {
    Freeze {
        id: FreezeId(id.to_owned()),
        name: id.to_owned(),
        scope: FreezeScope::default(),
        zone: zone(zone_name),
        when,
        origin: FreezeOrigin::Settings,
    }
}

fn dates(from: &str, until: &str) -> FreezeWhen {
    FreezeWhen::dates(from, until).expect("a range of dates")
}
