//! Zones under names that are not the IANA's: those that GitLab takes over from Rails, such as “Berlin”. Not here: zones
//! of our own settings, which are IANA names only.

use jiff::tz::TimeZoneDatabase;
use shipgate_domain::zone::Zone;

/// Names that are no place of the IANA database, or another one there. Samoa left the zone that bears its name.
const KNOWN: [(&str, &str); 24] = [
    ("Eastern Time (US & Canada)", "America/New_York"),
    ("Central Time (US & Canada)", "America/Chicago"),
    ("Mountain Time (US & Canada)", "America/Denver"),
    ("Pacific Time (US & Canada)", "America/Los_Angeles"),
    ("Atlantic Time (Canada)", "America/Halifax"),
    ("Indiana (East)", "America/Indiana/Indianapolis"),
    ("Newfoundland", "America/St_Johns"),
    ("Saskatchewan", "America/Regina"),
    ("Arizona", "America/Phoenix"),
    ("Hawaii", "Pacific/Honolulu"),
    ("Brasilia", "America/Sao_Paulo"),
    ("Edinburgh", "Europe/London"),
    ("Bern", "Europe/Zurich"),
    ("St. Petersburg", "Europe/Moscow"),
    ("Mumbai", "Asia/Kolkata"),
    ("New Delhi", "Asia/Kolkata"),
    ("Chennai", "Asia/Kolkata"),
    ("Beijing", "Asia/Shanghai"),
    ("Osaka", "Asia/Tokyo"),
    ("Sapporo", "Asia/Tokyo"),
    ("Wellington", "Pacific/Auckland"),
    ("Canberra", "Australia/Melbourne"),
    ("Pretoria", "Africa/Johannesburg"),
    ("Samoa", "Pacific/Apia"),
];
const CONTINENTS: [&str; 9] =
    ["Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];

/// The zone that GitLab means by a name: an IANA name, one of the list, or the one place of this name. None when nobody
/// can say: then nothing is guessed.
pub(crate) fn gitlab(name: &str) -> Option<Zone> {
    if let Ok(zone) = Zone::named(name) {
        return Some(zone);
    }
    if let Some((_, zone)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Zone::named(zone).ok();
    }
    let place = name.trim_end_matches('.').replace(' ', "_");
    let is_there = |zone: &str| {
        let mut parts = zone.split('/');
        parts.next().is_some_and(|continent| CONTINENTS.contains(&continent))
            && zone.rsplit('/').next() == Some(&place)
    };
    let mut found: Vec<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|zone| zone.as_str().to_owned())
        .filter(|zone| is_there(zone))
        .collect();
    match (found.pop(), found.pop()) {
        (Some(zone), None) => Zone::named(&zone).ok(),
        _ => None,
    }
}
