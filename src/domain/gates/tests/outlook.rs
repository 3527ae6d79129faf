//! The outlook for people against the gates, minute by minute: what is shown must be what is judged. Not here: the
//! outlook's arithmetic on its own (`calendar::tests::outlook`).

use super::{Answer, Case, Scene, at};
use crate::calendar::outlook::{Holds, View};
use crate::calendar::{
    Calendar, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Schedule, WeeklySpan,
};
use crate::gates::calendar::{judge_freeze, judge_schedule};
use crate::zone::Zone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const MINUTES: i64 = 60 * 24 * 60;

/// Thirty days before a change of clocks in each of these zones, forward and back, by an hour and by half of one.
const BEGINNINGS: [(&str, &str); 6] = [
    ("America/New_York", "2026-02-06T00:00Z"),
    ("America/New_York", "2026-10-02T00:00Z"),
    ("Europe/Berlin", "2026-02-27T00:00Z"),
    ("Europe/Berlin", "2026-09-25T00:00Z"),
    ("Australia/Lord_Howe", "2026-03-05T00:00Z"),
    ("Africa/Cairo", "2026-09-29T00:00Z"),
];

fn freeze(number: usize, zone: &Zone, when: FreezeWhen, here: bool) -> Freeze {
    let environments = if here { Vec::new() } else { vec!["staging".to_owned()] };
    Freeze {
        id: FreezeId(format!("f{number}")),
        name: format!("Freeze {number}"),
        scope: FreezeScope { environments, ..FreezeScope::default() },
        zone: zone.clone(),
        when,
        origin: FreezeOrigin::Settings,
    }
}

fn windows() -> impl Strategy<Value = Vec<WeeklySpan>> {
    let days = prop_oneof![Just("Mon-Thu"), Just("Fri"), Just("Sat-Sun"), Just("Sun"), Just("Mon-Sun")];
    let hours = prop_oneof![
        Just("00:00-24:00"),
        Just("09:00-17:00"),
        Just("00:00-14:00"),
        Just("02:30-02:45"),
        Just("22:00-02:30"),
        Just("01:15-03:10"),
    ];
    let window = (days, hours).prop_map(|(days, hours)| format!("{days} {hours}").parse().expect("a window"));
    proptest::collection::vec(window, 1..4)
}

fn freezes() -> impl Strategy<Value = Vec<(u8, i64, i64, bool)>> {
    proptest::collection::vec((0u8..4, 0..MINUTES, 1i64..9000, proptest::bool::weighted(0.8)), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_minute_of_sixty_days_is_in_one_stretch_that_says_what_the_gates_say(
        beginning in 0..BEGINNINGS.len(),
        open in windows(),
        emergency in windows(),
        written in freezes(),
    ) {
        let (zone, from) = BEGINNINGS[beginning];
        let (zone, from) = (Zone::named(zone).expect("a zone"), at(from));
        let minute = |number: i64| from + SignedDuration::from_mins(number);
        let freezes = written.iter().enumerate().map(|(number, (kind, begins, lasts, here))| {
            let (begins, ends) = (minute(*begins), minute(*begins + *lasts));
            let civil = |at: Timestamp| zone.tz().to_datetime(at);
            let when = match kind {
                0 if civil(begins) < civil(ends) => FreezeWhen::Dates { from: civil(begins), until: civil(ends) },
                1 => FreezeWhen::Instants { from: begins, until: None },
                2 => FreezeWhen::cron("30 2 * * Wed", "1d").expect("a line"),
                _ => FreezeWhen::Instants { from: begins, until: Some(ends) },
            };
            freeze(number, &zone, when, *here)
        });
        let freezes: Vec<Freeze> = freezes.collect();
        let mut scene = Scene::ready();
        let office = Schedule::new("office", zone.clone(), open, emergency).expect("it opens");
        scene.policy.schedules.insert("office".into(), office);
        let calendar = Calendar::compile(&scene.policy.schedules, &freezes, from);
        let view = View { calendar: &calendar, environment: "production", service: "api", schedule: Some("office") };
        let outlook = view.outlook(from, minute(MINUTES)).expect("it is in reach");

        prop_assert_eq!(outlook.stretches[0].from, from);
        prop_assert_eq!(outlook.stretches.last().map(|last| last.until), Some(minute(MINUTES)));
        for pair in outlook.stretches.windows(2) {
            prop_assert_eq!(pair[0].until, pair[1].from);
            prop_assert!(pair[0].from < pair[0].until);
            prop_assert!((pair[0].opening, &pair[0].freezes) != (pair[1].opening, &pair[1].freezes), "{:?}", pair);
        }
        let mut stretches = outlook.stretches.iter().peekable();
        for number in 0..MINUTES {
            let now = minute(number);
            while stretches.peek().is_some_and(|stretch| stretch.until <= now) {
                stretches.next();
            }
            let stretch = *stretches.peek().expect("no minute is without one");
            prop_assert!(stretch.from <= now && now < stretch.until);
            let case = Case {
                deploy: &scene.deploy,
                policy: &scene.policy,
                environment: &scene.environment,
                service: &scene.service,
                calendar: &calendar,
                place: &scene.place,
                now,
authors: Default::default(),
            };
            let (window, frozen) = (judge_schedule(&case), judge_freeze(&case));
            let is_open = |finding: &Option<crate::gates::Finding>| {
                finding.as_ref().is_some_and(|finding| finding.answer == Answer::Open)
            };
            prop_assert_eq!(is_open(&frozen), stretch.freezes.is_empty(), "{} {:?}", now, stretch);
            prop_assert_eq!(is_open(&window), stretch.opening == crate::calendar::Opening::Open, "{}", now);
            prop_assert_eq!(stretch.holds() == Holds::Open, is_open(&window) && is_open(&frozen));
        }
        let sums = outlook.sums();
        let together: SignedDuration = Holds::ALL.iter().map(|holds| sums.of(*holds)).sum();
        prop_assert_eq!(together, SignedDuration::from_mins(MINUTES));
    }

    #[test]
    fn what_opens_and_closes_next_is_where_the_stretches_turn(
        beginning in 0..BEGINNINGS.len(),
        open in windows(),
        written in freezes(),
        asked in 0..MINUTES / 2,
    ) {
        let (zone, from) = BEGINNINGS[beginning];
        let (zone, from) = (Zone::named(zone).expect("a zone"), at(from));
        let minute = |number: i64| from + SignedDuration::from_mins(number);
        let freezes: Vec<Freeze> = written.iter().enumerate().map(|(number, (_, begins, lasts, here))| {
            let when = FreezeWhen::Instants { from: minute(*begins), until: Some(minute(begins + lasts)) };
            freeze(number, &zone, when, *here)
        }).collect();
        let office = Schedule::new("office", zone.clone(), open, Vec::new()).expect("it opens");
        let schedules = std::collections::BTreeMap::from([("office".to_owned(), office)]);
        let calendar = Calendar::compile(&schedules, &freezes, from);
        let view = View { calendar: &calendar, environment: "production", service: "api", schedule: Some("office") };
        let now = minute(asked);
        let outlook = view.outlook(now, now + SignedDuration::from_hours(24 * 90)).expect("it is in reach");
        let ahead = view.ahead(now).expect("it is in reach");

        let turns: Vec<(Timestamp, bool)> = outlook
            .stretches
            .windows(2)
            .filter(|pair| (pair[0].holds() == Holds::Open) != (pair[1].holds() == Holds::Open))
            .map(|pair| (pair[1].from, pair[1].holds() == Holds::Open))
            .collect();
        let first = |opens: bool| turns.iter().find(|turn| turn.1 == opens).map(|turn| turn.0);
        prop_assert_eq!(ahead.is_open, outlook.stretches[0].holds() == Holds::Open);
        prop_assert_eq!(ahead.opening.as_ref().map(|turn| turn.at), first(true));
        prop_assert_eq!(ahead.closing.as_ref().map(|turn| turn.at), first(false));
        for turn in [&ahead.opening, &ahead.closing].into_iter().flatten() {
            prop_assert!(!turn.causes.is_empty(), "{:?}", turn);
        }
        let closures = outlook.closures();
        let begun: Vec<Timestamp> = turns.iter().filter(|turn| !turn.1).map(|turn| turn.0).collect();
        let listed: Vec<Timestamp> = closures.iter().map(|c| c.from).filter(|from| *from > now).collect();
        prop_assert_eq!(listed, begun);
        let closed: SignedDuration = closures.iter().map(crate::calendar::outlook::Closure::length).sum();
        prop_assert_eq!(closed + outlook.sums().open, SignedDuration::from_hours(24 * 90));
    }
}
