//! Measures what one judgement of the calendar costs with 1,000 freezes and 100 windows, and prints it. Not a test: it
//! asserts no time. Run it with `cargo run --release -p shipgate-domain --example judge_calendar`.

use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::{
    Calendar, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, START_MARGIN, Schedule,
};
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

const FREEZES: usize = 1_000;
const WINDOWS: usize = 100;
const ROUNDS: u32 = 20_000;
const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"];

fn main() -> Result<(), Box<dyn Error>> {
    let now: Timestamp = "2026-11-20T13:30Z".parse()?;
    let (schedules, freezes) = (BTreeMap::from([("office".to_owned(), schedule()?)]), freezes(now)?);
    let begun = Instant::now();
    let calendar = Calendar::compile(&schedules, &freezes, now);
    println!("compile {FREEZES} freezes and {WINDOWS} windows: {:?}", begun.elapsed());

    let instants: Vec<Timestamp> =
        (0..ROUNDS).map(|round| now + SignedDuration::from_mins(i64::from(round) * 13)).collect();
    measure("opening", &instants, |at| {
        black_box(calendar.opening(Some("office"), at));
    });
    measure("freezes_between with the guard", &instants, |at| {
        black_box(calendar.freezes_between("production", "api", at, at + START_MARGIN));
    });
    measure("next_freeze", &instants, |at| {
        black_box(calendar.next_freeze("production", "api", at));
    });
    measure("next_start", &instants, |at| {
        black_box(calendar.next_start("production", "api", Some("office"), at, false));
    });
    measure("a judgement: opening, freezes, next freeze, next start", &instants, |at| {
        black_box(calendar.opening(Some("office"), at));
        black_box(calendar.freezes_between("production", "api", at, at + START_MARGIN));
        black_box(calendar.next_freeze("production", "api", at));
        black_box(calendar.next_start("production", "api", Some("office"), at, false));
    });
    Ok(())
}

fn measure(what: &str, instants: &[Timestamp], question: impl Fn(Timestamp)) {
    let mut times: Vec<u128> = instants
        .iter()
        .map(|at| {
            let begun = Instant::now();
            question(*at);
            begun.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let (p50, p99, worst) = (times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1]);
    println!("{what}: p50 {p50} ns, p99 {p99} ns, worst {worst} ns");
}

/// A hundred windows of 40 minutes, spread over the week.
fn schedule() -> Result<Schedule, Box<dyn Error>> {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let windows: Result<Vec<_>, _> = (0..WINDOWS)
        .map(|index| {
            let (day, hour) = (days[index % days.len()], 6 + index / days.len());
            format!("{day} {hour:02}:10-{hour:02}:50").parse()
        })
        .collect();
    Ok(Schedule::new(
        "office",
        Zone::named("Europe/Berlin")?,
        windows?,
        vec!["Sat-Sun 00:00-24:00".parse()?],
    )?)
}

/// Of ten freezes five are dates, four repeat monthly, one has instants; every fifth is for the asked service.
fn freezes(now: Timestamp) -> Result<Vec<Freeze>, Box<dyn Error>> {
    (0..FREEZES)
        .map(|index| {
            let when = match index % 10 {
                0..5 => {
                    let (month, day) = (1 + index % 12, 1 + index % 27);
                    let year = 2026 + index % 3;
                    FreezeWhen::dates(
                        &format!("{year}-{month:02}-{day:02}"),
                        &format!("{year}-{month:02}-{:02}T12:00", day + 1),
                    )?
                }
                5..9 => FreezeWhen::cron(&format!("{} 18 {} * *", index % 60, 1 + index % 28), "6h")?,
                _ => {
                    let from = now + SignedDuration::from_hours(i64::try_from(index)?);
                    FreezeWhen::instants(from, Some(from + SignedDuration::from_hours(2)))?
                }
            };
            let service = if index % 5 == 0 { "api".to_owned() } else { format!("service-{index}") };
            Ok(Freeze {
                id: FreezeId(format!("f{index}")),
                name: format!("freeze {index}"),
                scope: FreezeScope {
                    environments: vec!["production".to_owned()],
                    services: vec![service],
                    except_services: Vec::new(),
                },
                zone: Zone::named(ZONES[index % ZONES.len()])?,
                when,
                origin: FreezeOrigin::Settings,
            })
        })
        .collect()
}
