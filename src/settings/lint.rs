//! What is legal but surely wrong: rules that never let anything through, freezes that hold nothing, people who wait for
//! nobody. Found by trying the next year out. Not here: what cannot be read at all (`rules`).

mod approvals;
mod checklists;
mod together;

use super::Settings;
use super::problem::Finding;
use super::reader::{Section, clip};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::outlook::{Holds, Outlook, View};
use shipgate_domain::calendar::{Calendar, Freeze, FreezeOccurrence, FreezeWhen, Lead, Schedule, WeeklySpan};
use shipgate_domain::policy::{Environment, Policy};
use std::collections::BTreeMap;
use std::ops::Range;

const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Longer freezes are more often a slip in a date than meant.
const LONG: SignedDuration = SignedDuration::from_hours(30 * 24 + 1);

/// The settings and the year that they lead to.
struct Tried<'a> {
    policy: &'a Policy,
    calendar: Calendar,
    root: &'a Section<'a>,
    now: Timestamp,
    until: Timestamp,
}

/// Everything that is found; the settings were read without an error.
pub(super) fn lint(settings: &Settings, root: &Section<'_>, now: Timestamp) {
    let policy = &settings.policy;
    // What others keep is not known here, and is not judged.
    let known: Vec<Freeze> = policy.freezes.iter().filter(|freeze| !is_feed(freeze)).cloned().collect();
    let calendar = Calendar::compile(&policy.schedules, &known, now);
    let until = now.saturating_add(YEAR).unwrap_or(now);
    let tried = Tried { policy, calendar, root, now, until };
    freezes(&tried);
    together::together(&tried);
    windows(&tried);
    approvals::approvals(&tried);
    checklists::checklists(&tried);
    reminders(&tried, &settings.reminders.leads);
}

fn is_feed(freeze: &Freeze) -> bool {
    matches!(freeze.when, FreezeWhen::Feed { .. })
}

/// Where each freeze of the settings stands, and its table.
fn written<'a>(tried: &'a Tried<'_>) -> Vec<(&'a Freeze, Section<'a>)> {
    let tables = tried.root.tables("freezes");
    let of = |freeze: &Freeze| {
        let named = |table: &&Section<'_>| {
            table.text("name", "Black Friday").is_some_and(|name| name.text == freeze.name)
        };
        tables.iter().find(named).cloned()
    };
    tried.policy.freezes.iter().filter_map(|freeze| Some((freeze, of(freeze)?))).collect()
}

fn place(table: &Section<'_>, keys: &[&str]) -> Range<usize> {
    keys.iter().find_map(|key| table.place_of(key)).unwrap_or(table.place.clone())
}

fn freezes(tried: &Tried<'_>) {
    let occurrences = tried.calendar.occurrences(tried.now, tried.until);
    let all = written(tried);
    for (number, (freeze, table)) in all.iter().enumerate() {
        let mine: Vec<_> = occurrences.iter().filter(|o| o.freeze.id == freeze.id).collect();
        of_nothing(tried, freeze, table);
        never(tried, freeze, table, &mine);
        too_long(tried, freeze, table, &mine);
        twice(freeze, table, &all[..number]);
    }
}

/// A freeze that holds for nothing.
fn of_nothing(tried: &Tried<'_>, freeze: &Freeze, table: &Section<'_>) {
    if matters(freeze, tried.policy) {
        return;
    }
    let what = format!("the freeze “{}” holds for no service in any environment", clip(&freeze.name));
    let place = place(table, &["except_services", "services", "environments"]);
    let found = Finding::at(place, "freeze_of_nothing", what);
    let why = "every service that it names is excepted again";
    table.note(found.why(why).instead("leave out `except_services`, or the freeze").warning());
}

/// A freeze that does not hold in the next year.
fn never(tried: &Tried<'_>, freeze: &Freeze, table: &Section<'_>, mine: &[&FreezeOccurrence<'_>]) {
    let why = match freeze.is_to_come(tried.now) {
        false => "it is over; it stops nobody",
        true if mine.is_empty() && matches!(freeze.when, FreezeWhen::Dates { .. }) => {
            "it begins later than that: its year may be a slip"
        }
        // What comes again in some years, such as on 29 February, is meant so.
        true => return,
    };
    let what = format!("the freeze “{}” does not hold at any time of the next year", clip(&freeze.name));
    let found = Finding::at(place(table, &["until", "rrule", "cron", "from"]), "freeze_never", what);
    table.note(found.why(why).instead("correct its dates, or take it out").warning());
}

/// A freeze without an end, one whose times run together, or one that lasts long.
fn too_long(tried: &Tried<'_>, freeze: &Freeze, table: &Section<'_>, mine: &[&FreezeOccurrence<'_>]) {
    let name = clip(&freeze.name);
    let zone = &tried.policy.zone;
    // The calendar cuts off what has no end, at its own.
    let is_endless = |o: &&&FreezeOccurrence<'_>| o.until.is_none_or(|until| until >= tried.calendar.reach());
    let long = mine.iter().find_map(|o| {
        let length = o.until?.duration_since(o.from);
        (length > LONG).then_some((o.from, length))
    });
    let together = freeze.runs_together(tried.now).map(|(from, until)| {
        let whole = mine.iter().find(|o| o.from <= from && o.until.is_none_or(|until| until > from));
        whole.map_or((from, until), |o| (o.from, o.until.unwrap_or(until)))
    });
    if let Some(endless) = mine.iter().find(is_endless) {
        let what = format!("the freeze “{name}” begins again before it is over, and never ends");
        let found = Finding::at(place(table, &["lasts", "rrule", "cron"]), "freeze_endless", what);
        let why = match endless.from > tried.now {
            true => format!("from {} on nothing is deployed in its scope", zone.say(endless.from)),
            false => "nothing is deployed in its scope any more".to_owned(),
        };
        let instead =
            "shorten `lasts`, or let it begin less often: “0 18 28 * *” is a minute, an hour and a day";
        table.note(found.why(why).instead(instead).warning());
    } else if let Some((from, until)) = together {
        let length = days(until.duration_since(from));
        let what = format!("the freeze “{name}” begins again before it is over, and so lasts {length}");
        let found = Finding::at(place(table, &["lasts", "cron"]), "freeze_runs_together", what);
        let why = format!("from {} to {}", zone.say(from), zone.say(until));
        let instead = "shorten `lasts`, or let `cron` fire once for each freeze: “0 18 28 * *” is a minute, an \
                       hour and a day";
        table.note(found.why(why).instead(instead).warning());
    } else if let Some((from, length)) = long {
        let what = format!("the freeze “{name}” lasts {}", days(length));
        let found = Finding::at(place(table, &["until", "lasts"]), "freeze_long", what);
        let why = format!("from {} on nothing is deployed for more than a month", zone.say(from));
        let instead =
            "correct its end; if it is meant, tell people early and name the services it must not hold";
        table.note(found.why(why).instead(instead).warning());
    }
}

/// A freeze that was written before.
fn twice(freeze: &Freeze, table: &Section<'_>, before: &[(&Freeze, Section<'_>)]) {
    let same = |other: &&(&Freeze, Section<'_>)| {
        other.0.when == freeze.when && other.0.scope == freeze.scope && other.0.zone == freeze.zone
    };
    if let Some((other, _)) = before.iter().find(same) {
        let what = format!("the freezes “{}” and “{}” are the same", clip(&other.name), clip(&freeze.name));
        let found = Finding::at(place(table, &["name"]), "freeze_twice", what);
        let why = "people are reminded of each, and one of them was meant to differ";
        table.note(found.why(why).instead("correct the dates or the scope of one, or take it out").warning());
    }
}

/// Whether some service in some environment is meant.
fn matters(freeze: &Freeze, policy: &Policy) -> bool {
    let services = || policy.services.keys();
    policy.environments.keys().any(|environment| {
        services().any(|service| freeze.scope.covers(environment.as_str(), service.as_str()))
    })
}

fn days(length: SignedDuration) -> String {
    let hours = length.as_hours();
    match ((hours + 12) / 24, hours) {
        (0 | 1, 1) => "1 hour".to_owned(),
        (0 | 1, hours) => format!("{hours} hours"),
        (days, _) => format!("{days} days"),
    }
}

/// Windows that nothing ever gets through, because freezes or the clocks take all of them.
fn windows(tried: &Tried<'_>) {
    let mut never: BTreeMap<&str, bool> = BTreeMap::new();
    let mut used: BTreeMap<&str, Vec<Outlook>> = BTreeMap::new();
    for environment in tried.policy.environments.values() {
        let looks = outlooks(tried, environment);
        let opens = looks.iter().any(|look| look.stretches.iter().any(|s| s.holds() == Holds::Open));
        if !opens && !looks.is_empty() {
            never_opens(tried, environment);
        }
        if let Some(schedule) = &environment.schedule {
            *never.entry(schedule).or_insert(true) &= !opens;
            used.entry(schedule).or_default().extend(looks);
        }
    }
    for (name, table) in tried.root.sections("schedules") {
        let (Some(schedule), Some(looks)) =
            (tried.policy.schedules.get(&name.text), used.get(name.text.as_str()))
        else {
            continue;
        };
        if never.get(name.text.as_str()) == Some(&true) {
            continue; // told already, for the whole of it
        }
        let Some(list) = table.list("open", "[\"Mon-Thu 00:00-24:00\"]") else { continue };
        for (window, word) in schedule.open().iter().zip(list.words) {
            if !gets_through(window, schedule, looks, tried) {
                let what = format!("nothing gets through the window “{}” in the next year", clip(&word.text));
                let found = Finding::at(word.place, "window_never_opens", what);
                let why = "freezes cover it each time, or the clocks never show it";
                table.note(
                    found.why(why).instead("take it out, or shorten the freeze that covers it").warning(),
                );
            }
        }
    }
}

/// The next year of an environment, for each service.
fn outlooks(tried: &Tried<'_>, environment: &Environment) -> Vec<Outlook> {
    let services = tried.policy.services.keys();
    let look = |service: &str| {
        let (calendar, schedule) = (&tried.calendar, environment.schedule.as_deref());
        View { calendar, environment: environment.name.as_str(), service, schedule }
            .outlook(tried.now, tried.until)
    };
    services.filter_map(|service| look(service.as_str())).collect()
}

fn never_opens(tried: &Tried<'_>, environment: &Environment) {
    let sections = tried.root.sections("environments");
    let Some((name, section)) = sections.into_iter().find(|(name, _)| name.text == environment.name.as_str())
    else {
        return;
    };
    let what = format!("{} is not open for a single minute of the next year", clip(&name.text));
    let found = Finding::at(section.place_of("schedule").unwrap_or(name.place), "never_opens", what);
    let why = "its windows and the freezes together leave nothing, so no deploy could ever start";
    section.note(
        found.why(why).instead("shorten the freeze that covers it, or widen the windows of its schedule"),
    );
}

/// Whether some moment of this window alone is open for some service.
fn gets_through(window: &WeeklySpan, schedule: &Schedule, looks: &[Outlook], tried: &Tried<'_>) -> bool {
    let Ok(alone) = Schedule::new("alone", schedule.zone.clone(), vec![window.clone()], Vec::new()) else {
        return true;
    };
    let schedules = BTreeMap::from([("alone".to_owned(), alone)]);
    let calendar = Calendar::compile(&schedules, &[], tried.now);
    let view = View { calendar: &calendar, environment: "", service: "", schedule: Some("alone") };
    let Some(alone) = view.outlook(tried.now, tried.until) else { return true };
    let open = |look: &Outlook| {
        let stretches = look.stretches.iter().filter(|stretch| stretch.holds() == Holds::Open);
        stretches.map(|stretch| (stretch.from, stretch.until)).collect::<Vec<_>>()
    };
    let mine = open(&alone);
    looks.iter().flat_map(open).any(|(from, until)| mine.iter().any(|span| span.0 < until && from < span.1))
}

/// Reminders of an end that lies before the beginning of every freeze there is.
fn reminders(tried: &Tried<'_>, leads: &[Lead]) {
    let Some(section) = tried.root.section("reminders") else { return };
    let Some(list) = section.list("freeze", "[\"24h\", \"start\", \"end\"]") else { return };
    let occurrences = tried.calendar.occurrences(tried.now, tried.until);
    if occurrences.is_empty() {
        return;
    }
    for word in list.words {
        let lead = word.text.parse::<Lead>().ok().filter(|lead| leads.contains(lead));
        let Some(lead @ Lead::BeforeEnd(_)) = lead else { continue };
        let comes = occurrences.iter().any(|o| lead.due(o).is_some_and(|due| due > o.from));
        if !comes {
            let what = format!("no freeze is long enough for the reminder “{}”", clip(&word.text));
            let found = Finding::at(word.place, "reminder_never", what);
            let why = "it would come before the freeze begins";
            section.note(found.why(why).instead("write a shorter time, such as \"1h before end\"").warning());
        }
    }
}
