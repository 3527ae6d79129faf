//! `shipgate simulate`: what the calendar says for the next weeks. Not here: one moment (`explain`).

use super::{Place, Rules, clean, grid, json};
use crate::output::{print, tell};
use clap::Args;
use jiff::{Timestamp, ToSpan as _};
use shipgate_app::messages::duration;
use shipgate_app::outlook;
use shipgate_domain::calendar::outlook::{Closure, Outlook};
use shipgate_web::calendar::{Changes, Feed, Picture, feed, picture};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to try out.
#[derive(Debug, Args)]
pub struct Simulate {
    /// How far, from now; at most 366.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// By its name or an alias. Left out: production, or the only one.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Left out: the default service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Draws the weeks into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Writes freezes and closed times into this file, for a calendar program.
    #[arg(long, value_name = "FILE")]
    ics: Option<PathBuf>,
}

/// Prints the next weeks. Ends with 0, or 1 when they cannot be told or a file cannot be written.
pub fn simulate(config: &Path, asked: &Simulate, as_json: bool, now: Timestamp) -> ExitCode {
    let rules = match Rules::read(config, now) {
        Ok(rules) => rules,
        Err(problems) => {
            tell(problems);
            return ExitCode::FAILURE;
        }
    };
    let done = answer(&rules, asked, as_json, now)
        .and_then(|text| print(text).map_err(|error| format!("{error:#}")));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tell(format_args!("shipgate: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn answer(rules: &Rules, asked: &Simulate, as_json: bool, now: Timestamp) -> Result<String, String> {
    let place = rules.place(asked.environment.as_deref(), asked.service.as_deref())?;
    let zone = &rules.policy.zone;
    let unknown = || "these days are out of the calendar's reach".to_owned();
    // To the minute: rules know nothing finer, and nobody wants to read seconds.
    let now = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now);
    let until =
        zone.civil(now).checked_add(i64::from(asked.days).days()).map_err(|error| error.to_string())?;
    let outlook = rules.view(&place).outlook(now, until.timestamp()).ok_or_else(unknown)?;
    let mut written = Vec::new();
    if let Some(file) = &asked.svg {
        let weeks = u32::from(asked.days).div_ceil(7) + 1;
        let (from, until) = picture::weeks(now, zone, weeks);
        let drawn = rules.view(&place).outlook(from, until).ok_or_else(unknown)?;
        let title = format!("{} on {}", place.service.name, place.environment.name);
        let svg = Picture { outlook: &drawn, zone, title: &title, now }.standalone();
        write(file, &svg)?;
        written.push(file.display().to_string());
    }
    if let Some(file) = &asked.ics {
        let feed = Feed {
            policy: &rules.policy,
            calendar: &rules.calendar,
            environment: Some(place.environment),
            service: Some(place.service),
            with_closed: true,
            now,
            changes: &Changes::default(),
        };
        write(file, &feed::write(&feed))?;
        written.push(file.display().to_string());
    }
    if as_json {
        return Ok(json::simulated(rules, &place, &outlook, now));
    }
    let mut text = in_words(rules, &place, &outlook, now);
    if !written.is_empty() {
        text.push_str(&format!("\nWrote {}.", written.join(" and ")));
    }
    Ok(clean(&text))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

fn in_words(rules: &Rules, place: &Place<'_>, outlook: &Outlook, now: Timestamp) -> String {
    let zone = &rules.policy.zone;
    let schedule = place.environment.schedule.as_deref().and_then(|name| rules.policy.schedules.get(name));
    let days = format!("{} to {}", zone.say_near(outlook.from, now), zone.say(outlook.until));
    let mut lines =
        vec![format!("{} on {}, {days}", place.service.name, place.environment.name), String::new()];
    lines.extend(grid::weeks(outlook, zone));
    lines.extend([String::new(), grid::legend(), String::new()]);
    let closures = outlook.closures();
    if !closures.is_empty() {
        lines.push("Closed:".to_owned());
        lines.extend(closures.iter().map(|closure| one_closure(closure, outlook, zone)));
        lines.push(String::new());
    }
    lines.push(outlook::summary(outlook, zone));
    if let Some(ahead) = rules.view(place).ahead(now) {
        lines.push(outlook::next(&ahead, |at| zone.say_near(at, now)).join(" "));
    }
    lines.push(outlook::zones(zone, schedule));
    lines.push(rules.about_chat());
    lines.extend(rules.about_calendars());
    lines.join("\n")
}

fn one_closure(closure: &Closure, outlook: &Outlook, zone: &shipgate_domain::zone::Zone) -> String {
    let until = if closure.until >= outlook.until && closure.ends.is_empty() {
        "and on".to_owned()
    } else {
        zone.say_near(closure.until, outlook.from)
    };
    let span = format!("{} – {until}", zone.say_near(closure.from, outlook.from));
    format!("  {span:<38} {:>11}  {}", duration(closure.length()), outlook::why_closed(closure))
}
