//! `[schedules]` and `[[freezes]]`. Not here: what windows and freezes mean (`shipgate_domain::calendar`).

use super::super::problem::Finding;
use super::super::reader::{Section, Word, clip};
use super::{Kind, Names};
use shipgate_domain::calendar::words::parse_civil;
use shipgate_domain::calendar::{
    FiveFieldCron, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Length, Schedule, WeeklySpan,
};
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;

const OPEN: &str = "[\"Mon-Thu 00:00-24:00\", \"Fri 00:00-14:00\"]";
const EMERGENCY_ONLY: &str = "[\"Sat-Sun 00:00-24:00\"]";

/// Everything under `[schedules]`.
pub(super) fn schedules(root: &Section<'_>, default: &Zone) -> BTreeMap<String, Schedule> {
    let mut schedules = BTreeMap::new();
    for (name, section) in root.sections("schedules") {
        let zone = zone(&section, default);
        let (open, emergency_only) =
            (windows(&section, "open", OPEN), windows(&section, "emergency_only", EMERGENCY_ONLY));
        let (Some(open), Some(emergency_only)) = (open, emergency_only) else { continue };
        match Schedule::new(&name.text, zone, open, emergency_only) {
            Ok(schedule) => {
                schedules.insert(name.text, schedule);
            }
            Err(why) => {
                let place = section.place_of("open").unwrap_or(name.place);
                section.refuse(place, "never_opens", &why.to_string(), OPEN);
            }
        }
    }
    schedules
}

fn zone(section: &Section<'_>, default: &Zone) -> Zone {
    section.parsed("timezone", "unknown_zone", "Europe/Berlin").unwrap_or_else(|| default.clone())
}

/// None when one of them cannot be read.
fn windows(section: &Section<'_>, key: &str, example: &str) -> Option<Vec<WeeklySpan>> {
    if section.place_of(key).is_none() {
        return Some(Vec::new());
    }
    let list = section.list(key, example)?;
    let read: Vec<Option<WeeklySpan>> =
        list.words.iter().map(|word| section.parse(word, "bad_window", "Mon-Thu 09:00-17:00")).collect();
    read.into_iter().collect()
}

/// Every `[[freezes]]`.
pub(super) fn freezes(root: &Section<'_>, names: &Names, default: &Zone) -> Vec<Freeze> {
    let mut freezes: Vec<Freeze> = Vec::new();
    for section in root.tables("freezes") {
        let name = name(&section);
        let zone = zone(&section, default);
        let when = when(&section);
        let scope = FreezeScope {
            environments: scope(&section, "environments", Kind::Environment, names),
            services: scope(&section, "services", Kind::Service, names),
            except_services: scope(&section, "except_services", Kind::Service, names),
        };
        let (Some(name), Some(when)) = (name, when) else { continue };
        let id = FreezeId(format!("settings:{}", name.text));
        if freezes.iter().any(|other| other.id == id) {
            let what = format!("there are two freezes “{}”", clip(&name.text));
            let why = "reminders and overrides tell freezes apart by their names";
            section.note(
                Finding::at(name.place, "duplicate", what).why(why).instead("give one of them another name"),
            );
            continue;
        }
        freezes.push(Freeze { id, name: name.text, scope, zone, when, origin: FreezeOrigin::Settings });
    }
    freezes
}

fn name(section: &Section<'_>) -> Option<Word> {
    if section.place_of("name").is_none() {
        section.missing("name", "people are told which freeze it is", "\"Black Friday\"");
    }
    let word = section.text("name", "Black Friday")?;
    if word.text.trim().is_empty() || word.text.chars().count() > 80 || clip(&word.text) != word.text {
        let found =
            Finding::at(word.place, "bad_name", "the name of a freeze is empty, too long or unprintable");
        section.note(found.instead("write 1 to 80 letters, such as name = \"Black Friday\""));
        return None;
    }
    Some(word)
}

fn scope(section: &Section<'_>, key: &str, kind: Kind, names: &Names) -> Vec<String> {
    let Some(list) = section.list(key, "[\"production\"]") else { return Vec::new() };
    list.words.into_iter().filter(|word| names.check(section, kind, word)).map(|word| word.text).collect()
}

fn when(section: &Section<'_>) -> Option<FreezeWhen> {
    let place = |key: &str| section.place_of(key);
    // These are noted as not supported; nothing else is missing then.
    if ["ics", "rrule", "gitlab"].into_iter().any(|key| place(key).is_some()) {
        return None;
    }
    let (from, until) = (section.time("from", "2026-11-26T00:00"), section.time("until", "2026-12-01T00:00"));
    let line = section.parsed::<FiveFieldCron>("cron", "bad_cron", "0 18 28 * *");
    let lasts = section.parsed::<Length>("lasts", "bad_length", "3d");
    let has_dates = place("from").is_some() || place("until").is_some();
    let has_cron = place("cron").is_some() || place("lasts").is_some();
    if has_dates && has_cron {
        let at = place("cron").or(place("lasts")).unwrap_or(section.place.clone());
        let found = Finding::at(at, "contradiction", "this freeze has dates and a cron line");
        section.note(found.instead("write from and until, or cron and lasts; two freezes if both are meant"));
        return None;
    }
    let missing = |pairs: [(&str, &str); 2]| {
        for (key, example) in pairs.iter().filter(|(key, _)| place(key).is_none()) {
            section.missing(key, "", &format!("\"{example}\""));
        }
    };
    if has_cron {
        missing([("cron", "0 18 28 * *"), ("lasts", "3d")]);
        return Some(FreezeWhen::Cron { line: line?, lasts: lasts? });
    }
    missing([("from", "2026-11-26T00:00"), ("until", "2026-12-01T00:00")]);
    dates(section, from?, until?)
}

fn dates(section: &Section<'_>, from: Word, until: Word) -> Option<FreezeWhen> {
    let read = |word: &Word| {
        let civil = parse_civil(&word.text);
        if civil.is_err() {
            let what = format!("“{}” is not a date and time", clip(&word.text));
            let why = "freezes are written in local time, whose zone is `timezone`";
            let found = Finding::at(word.place.clone(), "bad_time", what).why(why);
            section.note(found.instead("write \"2026-11-26T00:00\" or \"2026-11-26\", without an offset"));
        }
        civil.is_ok()
    };
    if !(read(&from) & read(&until)) {
        return None;
    }
    match FreezeWhen::dates(&from.text, &until.text) {
        Ok(when) => Some(when),
        Err(why) => {
            section.refuse(until.place, "ends_before_start", &why.to_string(), "\"2026-12-01T00:00\"");
            None
        }
    }
}
