//! The words about what a calendar will say: in chat, on the command line, in the picture and in people's calendars.
//! Not here: computing any of it (`domain::calendar::outlook`), or drawing it.

use crate::messages::duration;
pub use crate::reading::rules_of;
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::outlook::{Ahead, Cause, Closure, Held, Holds, Outlook, Stretch, Turn};
use shipgate_domain::calendar::{Opening, Schedule, WeeklySpan};
use shipgate_domain::policy::{Environment, Service};
use shipgate_domain::zone::Zone;

/// What holds, in one word or two.
#[must_use]
pub fn holds(holds: Holds) -> &'static str {
    match holds {
        Holds::Open => "open",
        Holds::EmergencyOnly => "emergencies only",
        Holds::Closed => "closed",
        Holds::Frozen => "frozen",
    }
}

/// Why it opens or closes: "end of the window", "Black Friday begins".
#[must_use]
pub fn cause(cause: &Cause) -> String {
    match cause {
        Cause::WindowEnds(Opening::EmergencyOnly) => {
            "end of the window, emergencies only from then".to_owned()
        }
        Cause::WindowEnds(Opening::Open | Opening::Closed) => "end of the window".to_owned(),
        Cause::WindowOpens => "the window opens".to_owned(),
        Cause::FreezeBegins(name) => format!("{name} begins"),
        Cause::FreezeEnds(name) => format!("{name} ends"),
    }
}

/// All reasons in one phrase.
#[must_use]
pub fn causes(all: &[Cause]) -> String {
    let phrases: Vec<String> = all.iter().map(cause).collect();
    phrases.join(" and ")
}

/// A stretch in words: "frozen (Black Friday)", "closed".
#[must_use]
pub fn stretch(stretch: &Stretch) -> String {
    match names(&stretch.freezes) {
        names if names.is_empty() => holds(stretch.holds()).to_owned(),
        names => format!("frozen ({names})"),
    }
}

fn names(held: &[Held]) -> String {
    let names: Vec<&str> = held.iter().map(|held| held.name.as_str()).collect();
    names.join(", ")
}

/// A freeze with its time: "Black Friday, Thu 26 Nov, 00:00 to Tue 1 Dec, 00:00".
#[must_use]
pub fn held(held: &Held, zone: &Zone) -> String {
    let from = zone.say_short(held.from);
    match held.until {
        Some(until) => format!("{}, {from} to {}", held.name, zone.say_short(until)),
        None => format!("{}, since {from}, until somebody ends it", held.name),
    }
}

/// Why a closed time is one, in a phrase: its freezes, or the window that is over.
#[must_use]
pub fn why_closed(closure: &Closure) -> String {
    let emergencies = if closure.has_emergency_hours { "; emergencies for some of it" } else { "" };
    match (closure.freezes.as_slice(), closure.begins.as_slice()) {
        ([], []) => format!("outside of the windows{emergencies}"),
        ([], begins) => format!("{}{emergencies}", causes(begins)),
        (freezes, begins) => {
            let also = begins.iter().any(|cause| matches!(cause, Cause::WindowEnds(_)));
            let window = if also { "end of the window, then " } else { "" };
            format!("{window}{}{emergencies}", freezes.join(", "))
        }
    }
}

/// A part of a whole in per cent; what is not nothing is never 0, what is not all never 100.
#[must_use]
pub fn share(part: SignedDuration, whole: SignedDuration) -> String {
    let (part, whole) = (part.as_secs().max(0), whole.as_secs().max(1));
    match (part * 200 / whole + 1) / 2 {
        0 if part > 0 => "under 1 %".to_owned(),
        100.. if part < whole => "over 99 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

/// "Open 61 % of 60 days. Longest closed stretch: 5 d, from Thu 26 Nov, 00:00: Black Friday."
#[must_use]
pub fn summary(outlook: &Outlook, zone: &Zone) -> String {
    let (sums, whole) = (outlook.sums(), outlook.until.duration_since(outlook.from));
    let others = [Holds::EmergencyOnly, Holds::Closed, Holds::Frozen]
        .into_iter()
        .filter(|kind| !sums.of(*kind).is_zero())
        .map(|kind| format!("{} {}", holds(kind), share(sums.of(kind), whole)));
    let others: Vec<String> = others.collect();
    let mut text = format!("Open {} of {}", share(sums.open, whole), length(whole));
    if !others.is_empty() {
        text.push_str(&format!(" ({})", others.join(", ")));
    }
    match outlook.closures().iter().max_by_key(|closure| (closure.length(), std::cmp::Reverse(closure.from)))
    {
        Some(longest) => format!(
            "{text}. Longest closed stretch: {}, from {}: {}.",
            duration(longest.length()),
            zone.say_short(longest.from),
            why_closed(longest)
        ),
        None => format!("{text}; nothing closes it."),
    }
}

/// Whole days as days, also when the clocks change in between.
fn length(whole: SignedDuration) -> String {
    let hours = whole.as_hours();
    let days = (hours + 12) / 24;
    if hours >= 48 && (hours - days * 24).abs() <= 1 { format!("{days} days") } else { duration(whole) }
}

/// "Fri 14:00: end of the window", in whatever words the caller has for the instant.
#[must_use]
pub fn turn(turn: &Turn, when: impl Fn(Timestamp) -> String) -> String {
    match turn.causes.as_slice() {
        [] => when(turn.at),
        all => format!("{}: {}", when(turn.at), causes(all)),
    }
}

/// What comes next, one sentence each in the order of time.
#[must_use]
pub fn next(ahead: &Ahead, when: impl Fn(Timestamp) -> String) -> Vec<String> {
    let opening = match &ahead.opening {
        Some(opening) => format!("Opens {}.", turn(opening, &when)),
        None if ahead.is_open && ahead.closing.is_none() => String::new(),
        None => "No opening is known in the next two years.".to_owned(),
    };
    let closing = match &ahead.closing {
        Some(closing) => format!("Closes {}.", turn(closing, &when)),
        None if ahead.is_open || ahead.opening.is_some() => {
            "Nothing closes it in the next two years.".to_owned()
        }
        None => String::new(),
    };
    let both = if ahead.is_open { [closing, opening] } else { [opening, closing] };
    both.into_iter().filter(|sentence| !sentence.is_empty()).collect()
}

/// The windows as somebody wrote them: "office, in America/New_York: open Mon-Thu 00:00-24:00; emergencies only …".
#[must_use]
pub fn windows(schedule: &Schedule) -> String {
    let list = |spans: &[WeeklySpan]| spans.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let open = list(schedule.open());
    let emergency = match schedule.emergency_only() {
        [] => String::new(),
        spans => format!("; emergencies only {}", list(spans)),
    };
    format!("{}, in {}: open {open}{emergency}", schedule.name, schedule.zone)
}

/// Which zone times are in, and which other one the windows are read in.
#[must_use]
pub fn zones(zone: &Zone, schedule: Option<&Schedule>) -> String {
    match schedule {
        Some(schedule) if schedule.zone != *zone => {
            format!("Times are {zone}; the windows of {} are {}.", schedule.name, schedule.zone)
        }
        _ => format!("Times are {zone}."),
    }
}

/// What the rules ask of a deploy besides the calendar.
#[must_use]
pub fn other_rules(service: &Service, environment: &Environment) -> Vec<(String, String)> {
    let list = |groups: &[shipgate_domain::ids::GroupName]| crate::messages::groups(groups);
    let mut rules = vec![("Permission".to_owned(), list(&environment.deployers))];
    let told = rules_of(service, environment).into_iter();
    rules.extend(told.map(|(name, text)| (name, text.to_plain())));
    let approvals = &environment.approvals;
    let asked = match approvals.needed {
        0 => "none asked for".to_owned(),
        needed => format!("{needed} from {}", list(&approvals.from)),
    };
    rules.push(("Approvals".to_owned(), asked));
    let overrides = &environment.overrides;
    let emergency = match overrides.from.as_slice() {
        [] => "nobody can open a closed time".to_owned(),
        from => format!("{} from {} opens a closed time", overrides.needed.max(1), list(from)),
    };
    rules.push(("Emergency".to_owned(), emergency));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_neither_nothing_nor_all_when_it_is_not() {
        let days = |n: i64| SignedDuration::from_hours(24 * n);
        for (part, said) in [
            (SignedDuration::ZERO, "0 %"),
            (SignedDuration::from_mins(1), "under 1 %"),
            (days(30), "50 %"),
            (days(60) - SignedDuration::from_mins(1), "over 99 %"),
            (days(60), "100 %"),
        ] {
            assert_eq!(share(part, days(60)), said);
        }
    }

    #[test]
    fn sixty_days_are_sixty_days_also_with_a_change_of_clocks() {
        assert_eq!(length(SignedDuration::from_hours(60 * 24 + 1)), "60 days");
        assert_eq!(length(SignedDuration::from_hours(60 * 24 - 1)), "60 days");
        assert_eq!(length(SignedDuration::from_hours(60 * 24 + 5)), "60 d 5 h");
    }
}
