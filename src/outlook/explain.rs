//! `shipgate explain`: why one moment is open or not. Not here: a longer time (`simulate`).

use super::{Rules, clean, json};
use crate::output::{print, tell};
use clap::Args;
use jiff::Timestamp;
use shipgate_app::commands::WrittenTime;
use shipgate_app::outlook;
use shipgate_domain::calendar::Opening;
use shipgate_domain::calendar::outlook::{Ahead, Held};
use std::path::Path;
use std::process::ExitCode;

/// How `explain` ends when no ordinary deploy would start then.
const NOT_OPEN: u8 = 3;

/// What to explain.
#[derive(Debug, Args)]
pub struct Explain {
    /// The environment, by its name or an alias.
    environment: String,
    /// Left out: the default service.
    #[arg(long)]
    service: Option<String>,
    /// The moment, in the settings' zone: "Fri 15:00", "2026-11-26 09:00", "in 2h". Left out: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// Prints why the moment is open or not. Ends with 0 when it is open, 3 when not, 1 when that cannot be told, also for a
/// calendar that cannot be known here.
pub fn explain(config: &Path, asked: &Explain, as_json: bool, now: Timestamp) -> ExitCode {
    let rules = match Rules::read(config, now) {
        Ok(rules) => rules,
        Err(problems) => {
            tell(problems);
            return ExitCode::FAILURE;
        }
    };
    match answer(&rules, asked, as_json, now) {
        Ok((text, says)) => match print(text) {
            Ok(()) => match says {
                Says::Open => ExitCode::SUCCESS,
                Says::NotOpen => ExitCode::from(NOT_OPEN),
                Says::NotKnown => ExitCode::FAILURE,
            },
            Err(error) => {
                tell(format_args!("shipgate: {error:#}"));
                ExitCode::FAILURE
            }
        },
        Err(why) => {
            tell(format_args!("shipgate: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// What holds at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Open,
    NotOpen,
    /// It depends on a calendar that cannot be known here.
    NotKnown,
}

impl Says {
    fn of(ahead: &Ahead, opening: Opening, held: &[Held]) -> Self {
        let is_unknown =
            opening == Opening::Open && !held.is_empty() && held.iter().all(|held| held.unreadable.is_some());
        match ahead.is_open {
            true => Self::Open,
            false if is_unknown => Self::NotKnown,
            false => Self::NotOpen,
        }
    }
}

fn answer(rules: &Rules, asked: &Explain, as_json: bool, now: Timestamp) -> Result<(String, Says), String> {
    let place = rules.place(Some(&asked.environment), asked.service.as_deref())?;
    let zone = &rules.policy.zone;
    let at = match &asked.at {
        None => Timestamp::from_second(now.as_second()).unwrap_or(now),
        Some(text) => WrittenTime::read(text).and_then(|time| time.resolve(now, zone.tz()).ok()).ok_or_else(|| {
            format!(
                "“{}” is no time; write 14:00, tomorrow 9:00, Fri 15:00, 2026-11-26, \"2026-11-26 09:00\" or in 2h",
                clean(text)
            )
        })?,
    };
    let view = rules.view(&place);
    let ahead = view.ahead(at).ok_or_else(|| {
        let at = zone.say(at);
        format!("{at} is out of reach: the calendar is known from a year ago to two years ahead")
    })?;
    let (opening, _) = rules.calendar.opening(view.schedule, at);
    let held = view.held(at);
    let says = Says::of(&ahead, opening, &held);
    if as_json {
        return Ok((json::explained(rules, &place, at, &ahead, says), says));
    }
    let mut lines = vec![heading(&place, at, says, zone), String::new()];
    let schedule = view.schedule.and_then(|name| rules.policy.schedules.get(name));
    let word = match opening {
        Opening::Open => "open",
        Opening::EmergencyOnly => "emergencies only",
        Opening::Closed => "closed",
    };
    let windows = schedule.map_or_else(|| "any time".to_owned(), outlook::windows);
    lines.push(row("Schedule", &format!("{word}: {windows}")));
    match held.as_slice() {
        [] => lines.push(row(
            "Freeze",
            &if ahead.is_open || opening != Opening::Open {
                "open: none".to_owned()
            } else {
                "closed: one begins within 30 seconds, and no deploy starts so short before it".to_owned()
            },
        )),
        freezes => {
            let word =
                |held: &Held| if held.unreadable.is_some() { "cannot be known here" } else { "closed" };
            let line = |held: &Held| format!("{}: {}", word(held), outlook::held(held, zone, now));
            lines.extend(freezes.iter().map(|held| row("Freeze", &line(held))));
        }
    }
    lines.push(String::new());
    lines.extend(
        outlook::next(&ahead, |at| zone.say_near(at, now)).into_iter().map(|next| format!("  {next}")),
    );
    lines.push(format!("  {}", outlook::zones(zone, schedule)));
    lines.push(String::new());
    lines.push("  A deploy is asked for more than the time:".to_owned());
    let others = outlook::other_rules(place.service, place.environment);
    lines.extend(others.iter().map(|(name, text)| row(name, text)));
    lines.push(String::new());
    lines.push(format!("  {}", rules.about_chat()));
    lines.extend(rules.about_calendars().iter().map(|line| format!("  {line}")));
    Ok((clean(&lines.join("\n")), says))
}

fn heading(
    place: &super::Place<'_>,
    at: Timestamp,
    says: Says,
    zone: &shipgate_domain::zone::Zone,
) -> String {
    let word = match says {
        Says::Open => "open",
        Says::NotOpen => "not open",
        Says::NotKnown => "cannot be known here; a server that cannot read it either starts nothing",
    };
    format!("{} on {}, {}: {word}", place.service.name, place.environment.name, zone.say(at))
}

fn row(name: &str, text: &str) -> String {
    format!("  {name:<11} {text}")
}
