//! Freezes and closed times for calendar programs (RFC 5545). Written here rather than by a library: it is two dozen
//! kinds of lines, and every one of them is checked by reading it back. Not here: reading such files.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use shipgate_app::outlook as words;
use shipgate_domain::calendar::outlook::{Holds, Stretch, View};
use shipgate_domain::calendar::{Calendar, FreezeOccurrence, FreezeOrigin, FreezeScope};
use shipgate_domain::hidden::is_hidden;
use shipgate_domain::policy::{Environment, Policy, Service};
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What lies so far back is still told.
const BACK: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What begins so far ahead is.
const AHEAD: SignedDuration = SignedDuration::from_hours(366 * 24);
/// A freeze without an end is shown for so long from today; its description says that it has none.
const ENDLESS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// RFC 5545 §3.1: no line is longer, its end not counted.
const LONGEST_LINE: usize = 75;
/// Most events; a calendar with more is of use to nobody.
const MOST: usize = 5000;
/// Most events that are remembered, over all environments and services that are asked for.
const MOST_KNOWN: usize = 50_000;
/// The start of 2025, from which changes are counted.
const EPOCH: i64 = 1_735_689_600;

/// What a feed is made of.
#[derive(Clone, Copy, Debug)]
pub struct Feed<'a> {
    /// The rules.
    pub policy: &'a Policy,
    /// Schedules and freezes.
    pub calendar: &'a Calendar,
    /// Only what concerns this environment.
    pub environment: Option<&'a Environment>,
    /// Only what concerns this service.
    pub service: Option<&'a Service>,
    /// Also the times outside of the environment's windows.
    pub with_closed: bool,
    /// Now.
    pub now: Timestamp,
    /// Since when each event is as it is.
    pub changes: &'a Changes,
}

/// Since when events have been as they are, as far as this process knows. A program takes a change over only when its
/// number (SEQUENCE) is higher than before, also after a restart and from another replica: so it is counted in seconds.
#[derive(Debug, Default)]
pub struct Changes(Mutex<BTreeMap<String, (String, Timestamp)>>);

impl Changes {
    /// When an event was first seen as it is now.
    fn since(&self, event: &Event, now: Timestamp) -> Timestamp {
        let Event { from, until, zone, summary, description, .. } = event;
        let form = format!("{from} {until} {zone}\n{summary}\n{description}");
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN && !known.contains_key(&event.uid) {
            known.clear();
        }
        let seen = known.entry(event.uid.clone()).or_insert_with(|| (form.clone(), now));
        if seen.0 != form {
            // A clock that was set back, and a second change within a second, are changes too.
            let next = seen.1.saturating_add(SignedDuration::from_secs(1)).unwrap_or(now);
            *seen = (form, now.max(next));
        }
        seen.1
    }
}

/// The number of a change: seconds since 2025, which fit until 2093.
fn sequence(changed: Timestamp) -> i32 {
    i32::try_from(changed.as_second().saturating_sub(EPOCH).max(0)).unwrap_or(i32::MAX)
}

/// One event.
struct Event {
    uid: String,
    from: Timestamp,
    until: Timestamp,
    zone: Zone,
    summary: String,
    description: String,
    category: &'static str,
}

/// The feed as text, with every line as the standard wants it.
#[must_use]
pub fn write(feed: &Feed<'_>) -> String {
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Shipgate//Calendar//EN".to_owned(),
        "CALSCALE:GREGORIAN".to_owned(),
        "METHOD:PUBLISH".to_owned(),
        format!("X-WR-CALNAME:{}", text(&name(feed))),
        format!("NAME:{}", text(&name(feed))),
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M".to_owned(),
        "X-PUBLISHED-TTL:PT15M".to_owned(),
    ];
    let mut events = unreadable(feed);
    events.extend(freezes(feed));
    events.extend(closed(feed));
    events.truncate(MOST);
    for event in &events {
        write_event(&mut lines, event, feed);
    }
    lines.push("END:VCALENDAR".to_owned());
    lines.iter().map(|line| folded(line)).collect()
}

fn name(feed: &Feed<'_>) -> String {
    let place = match (feed.service, feed.environment) {
        (Some(service), Some(environment)) => format!("{} on {}", service.name, environment.name),
        (Some(service), None) => service.name.to_string(),
        (None, Some(environment)) => environment.name.to_string(),
        (None, None) => "all environments".to_owned(),
    };
    format!("Shipgate: {place}")
}

/// Midnight of today in UTC: the borders of the feed move once a day, so that it stays the same for as long.
fn today(feed: &Feed<'_>) -> Timestamp {
    Timestamp::from_second(feed.now.as_second().div_euclid(86_400) * 86_400).unwrap_or(feed.now)
}

/// Whether a freeze holds for anything that the feed is about.
fn is_meant(feed: &Feed<'_>, scope: &FreezeScope) -> bool {
    let environments: Vec<&str> = match feed.environment {
        Some(environment) => vec![environment.name.as_str()],
        None => feed.policy.environments.keys().map(|name| name.as_str()).collect(),
    };
    let services: Vec<&str> = match feed.service {
        Some(service) => vec![service.name.as_str()],
        None => feed.policy.services.keys().map(|name| name.as_str()).collect(),
    };
    environments.iter().any(|environment| services.iter().any(|service| scope.covers(environment, service)))
}

/// What cannot be read keeps its scope closed: from today, or from when on it cannot, for as long as freezes without an
/// end are shown.
fn unreadable(feed: &Feed<'_>) -> Vec<Event> {
    let today = today(feed);
    let moved = |at: Timestamp, by: SignedDuration| at.saturating_add(by).unwrap_or(at);
    // Tomorrow's news is told by tomorrow's feed: what cannot be read now counts, and lists that end.
    let found = feed.calendar.unreadable_between(feed.now, moved(today, AHEAD));
    let meant = found.into_iter().filter(|found| is_meant(feed, &found.freeze.scope));
    let event = |found: FreezeOccurrence<'_>| {
        let from = found.from.max(today);
        let why = found.unreadable.unwrap_or_default();
        Event {
            uid: uid(&["freeze", &found.key()]),
            from,
            until: found.until.unwrap_or(Timestamp::MAX).min(moved(from, ENDLESS)),
            zone: feed.policy.zone.clone(),
            summary: format!("Closed: {}", found.title()),
            description: format!(
                "Nobody can say whether it is frozen: {why}.\nNo deploys until it can be read: {}.",
                scope(&found.freeze.scope)
            ),
            category: "FREEZE",
        }
    };
    meant.map(event).collect()
}

fn freezes(feed: &Feed<'_>) -> Vec<Event> {
    let today = today(feed);
    let moved = |by: SignedDuration| today.saturating_add(by).unwrap_or(today);
    let occurrences = feed.calendar.occurrences(moved(-BACK), moved(AHEAD));
    let meant = |occurrence: &&FreezeOccurrence<'_>| is_meant(feed, &occurrence.freeze.scope);
    let event = |occurrence: &FreezeOccurrence<'_>| {
        let freeze = occurrence.freeze;
        let mut description = format!("No deploys: {}.", scope(&freeze.scope));
        match &freeze.origin {
            FreezeOrigin::Chat { by, reason } if !reason.is_empty() => {
                description.push_str(&format!("\nAdded by {by}: {reason}"));
            }
            FreezeOrigin::Chat { by, .. } => description.push_str(&format!("\nAdded by {by}.")),
            FreezeOrigin::Settings => description.push_str("\nIt stands in the settings."),
        }
        let until = occurrence.until.unwrap_or_else(|| {
            description.push_str("\nIt has no end: it goes on until somebody ends it.");
            moved(ENDLESS).max(occurrence.from.saturating_add(ENDLESS).unwrap_or(Timestamp::MAX))
        });
        Event {
            uid: uid(&["freeze", &occurrence.key()]),
            from: occurrence.from,
            until,
            zone: freeze.zone.clone(),
            summary: format!("Freeze: {}", occurrence.title()),
            description,
            category: "FREEZE",
        }
    };
    occurrences.iter().filter(meant).map(event).collect()
}

/// Where a freeze holds, in words.
fn scope(scope: &FreezeScope) -> String {
    let list = |names: &[String], all: &str| if names.is_empty() { all.to_owned() } else { names.join(", ") };
    let but = match scope.except_services.as_slice() {
        [] => String::new(),
        others => format!(", but not {}", others.join(", ")),
    };
    format!(
        "{} on {}{but}",
        list(&scope.services, "all services"),
        list(&scope.environments, "all environments")
    )
}

/// The times outside of the windows of the feed's environment.
fn closed(feed: &Feed<'_>) -> Vec<Event> {
    let Some(environment) = feed.environment.filter(|_| feed.with_closed) else { return Vec::new() };
    let schedule = environment.schedule.as_deref();
    let zone =
        schedule.and_then(|name| feed.policy.schedules.get(name)).map(|schedule| schedule.zone.clone());
    let Some(zone) = zone else { return Vec::new() };
    let today = today(feed);
    let until = today.saturating_add(AHEAD).unwrap_or(today);
    // No service, so no freeze of some services only: those are events of their own.
    let view =
        View { calendar: feed.calendar, environment: environment.name.as_str(), service: "", schedule };
    let Some(outlook) = view.outlook(today, until) else { return Vec::new() };
    let mut found: Vec<Stretch> = Vec::new();
    for mut stretch in outlook.stretches {
        stretch.freezes.clear();
        match found.last_mut() {
            Some(last) if last.opening == stretch.opening => last.until = stretch.until,
            _ => found.push(stretch),
        }
    }
    let event = |stretch: Stretch| Event {
        uid: uid(&["window", environment.name.as_str(), stretch.holds().code(), &stretch.from.to_string()]),
        from: stretch.from,
        until: stretch.until,
        zone: zone.clone(),
        summary: format!("{}: {}", environment.name, words::holds(stretch.holds())),
        description: "Outside of the windows for deploys.".to_owned(),
        category: "CLOSED",
    };
    found.into_iter().filter(|stretch| stretch.holds() != Holds::Open).map(event).collect()
}

/// The same for the same thing, in every process and after every restart.
fn uid(parts: &[&str]) -> String {
    let hash = Sha256::digest(parts.join("\n").as_bytes());
    format!("{}@shipgate", shipgate_domain::hex(&hash[..16]))
}

fn write_event(lines: &mut Vec<String>, event: &Event, feed: &Feed<'_>) {
    let instant = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let (from, until) = (event.zone.civil(event.from), event.zone.civil(event.until));
    let is_midnight = |at: &jiff::Zoned| at.start_of_day().is_ok_and(|start| start == *at);
    lines.push("BEGIN:VEVENT".to_owned());
    lines.push(format!("UID:{}", event.uid));
    let changed = feed.changes.since(event, feed.now);
    lines.push(format!("DTSTAMP:{}", instant(changed)));
    lines.push(format!("LAST-MODIFIED:{}", instant(changed)));
    lines.push(format!("SEQUENCE:{}", sequence(changed)));
    if is_midnight(&from) && is_midnight(&until) {
        lines.push(format!("DTSTART;VALUE=DATE:{}", from.strftime("%Y%m%d")));
        lines.push(format!("DTEND;VALUE=DATE:{}", until.strftime("%Y%m%d")));
    } else {
        lines.push(format!("DTSTART:{}", instant(event.from)));
        lines.push(format!("DTEND:{}", instant(event.until)));
    }
    lines.push(format!("SUMMARY:{}", text(&event.summary)));
    lines.push(format!("DESCRIPTION:{}", text(&event.description)));
    lines.push(format!("CATEGORIES:{}", event.category));
    // Whoever subscribes to it is not busy because of it.
    lines.push("STATUS:CONFIRMED".to_owned());
    lines.push("TRANSP:TRANSPARENT".to_owned());
    lines.push("END:VEVENT".to_owned());
}

/// A text value (RFC 5545 §3.3.11): what people wrote cannot end the line or begin another property.
fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '\\' => safe.push_str("\\\\"),
            ';' => safe.push_str("\\;"),
            ',' => safe.push_str("\\,"),
            '\n' => safe.push_str("\\n"),
            c if is_hidden(c) => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A line of at most 75 octets, and what does not fit on lines that begin with a space. No character is cut in two.
fn folded(line: &str) -> String {
    let mut written = String::with_capacity(line.len() + 8);
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LONGEST_LINE {
            written.push_str("\r\n ");
            length = 1;
        }
        written.push(c);
        length += c.len_utf8();
    }
    written.push_str("\r\n");
    written
}
