//! `[schedules]` and `[[freezes]]`. Not here: when a freeze holds (`whens`), what windows and freezes mean
//! (`shipgate_domain::calendar`).

use super::super::problem::Finding;
use super::super::reader::{Section, Word, clip};
use super::{Kind, Names, whens};
use shipgate_domain::calendar::{Freeze, FreezeId, FreezeOrigin, FreezeScope, Schedule, WeeklySpan};
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
    let gitlab = whens::gitlab_url(root);
    for section in root.tables("freezes") {
        let name = name(&section);
        let zone = zone(&section, default);
        let when = whens::when(&section, &gitlab);
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
