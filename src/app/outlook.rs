//! The words about what a calendar will say: in chat, on the command line, in the picture and in people's calendars.
//! Not here: computing any of it (`domain::calendar::outlook`), or drawing it.

pub use crate::demands::other_rules;
use crate::messages::duration;
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::outlook::{Ahead, Cause, Closure, Held, Holds, Outlook, Part, Stretch, Turn};
use shipgate_domain::calendar::{Opening, Schedule, WeeklySpan};
use shipgate_domain::zone::Zone;

/// Letters of a reason that are shown in a list.
const REASON: usize = 120;

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
        names if stretch.is_unknown() => format!("not known ({names})"),
        names => format!("frozen ({names})"),
    }
}

/// The freezes by name, each with why it was added: "Black Friday, Incident 42: the database is slow".
fn names(held: &[Held]) -> String {
    let name = |held: &Held| match &held.reason {
        Some(why) => format!("{}: {}", held.name, cut(why)),
        None => held.name.clone(),
    };
    held.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// As much of a reason as fits into a list.
fn cut(why: &str) -> String {
    if why.chars().count() <= REASON {
        return why.to_owned();
    }
    format!("{}…", why.chars().take(REASON).collect::<String>().trim_end())
}

/// A freeze with its time, seen from an instant: "Black Friday, Thu 26 Nov, 00:00 to Tue 1 Dec, 00:00".
#[must_use]
pub fn held(held: &Held, zone: &Zone, now: Timestamp) -> String {
    let from = zone.say_near(held.from, now);
    let why = held.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    match (&held.unreadable, held.until) {
        (Some(why), _) => format!("{}: {why}", held.name),
        (None, Some(until)) => format!("{}, {from} to {}{why}", held.name, zone.say_near(until, now)),
        (None, None) => format!("{}, since {from}, until somebody ends it{why}", held.name),
    }
}

/// Why a closed time is one, in a phrase: its freezes, and the windows that it lies outside of.
#[must_use]
pub fn why_closed(closure: &Closure) -> String {
    let ends = closure.begins.iter().any(|cause| matches!(cause, Cause::WindowEnds(_)));
    let begins = closure.begins.iter().any(|cause| matches!(cause, Cause::FreezeBegins(_)));
    let window = if ends { "end of the window" } else { "outside of the windows" };
    let freezes = names(&closure.freezes);
    let why = match closure.outside_windows {
        _ if freezes.is_empty() => window.to_owned(),
        Part::None => freezes,
        // The window ended first, or at the same instant.
        Part::Some | Part::All if ends && !begins => format!("{window}, then {freezes}"),
        Part::All => format!("{freezes}, and {window}"),
        Part::Some => format!("{freezes}, and for some of it {window}"),
    };
    let unknown = match closure.unknown {
        Part::None => "",
        Part::Some | Part::All => "; cannot be known as long as a calendar is not read",
    };
    let emergencies = match closure.emergency_hours {
        Part::None => "",
        Part::Some => "; emergencies for some of it",
        Part::All => "; emergencies only",
    };
    format!("{why}{unknown}{emergencies}")
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
        .map(|kind| match kind {
            Holds::Frozen => (holds(kind), sums.frozen.saturating_sub(sums.unknown)),
            Holds::Open | Holds::EmergencyOnly | Holds::Closed => (holds(kind), sums.of(kind)),
        })
        .chain([("not known", sums.unknown)])
        .filter(|(_, sum)| !sum.is_zero())
        .map(|(word, sum)| format!("{word} {}", share(sum, whole)));
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
            zone.say_near(longest.from, outlook.from),
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

    /// A closure of a weekend, and what changes about it.
    fn closure(
        begins: Vec<Cause>,
        freezes: &[&str],
        outside_windows: Part,
        emergency_hours: Part,
    ) -> Closure {
        let held = |name: &&str| Held {
            id: shipgate_domain::calendar::FreezeId((*name).to_owned()),
            name: (*name).to_owned(),
            from: Timestamp::UNIX_EPOCH,
            until: None,
            reason: (*name == "Incident").then(|| "the database is slow".to_owned()),
            unreadable: None,
        };
        Closure {
            from: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
            begins,
            ends: Vec::new(),
            freezes: freezes.iter().map(held).collect(),
            emergency_hours,
            outside_windows,
            unknown: Part::None,
        }
    }

    #[test]
    fn a_closed_time_names_its_freezes_and_its_windows() {
        let ends = || vec![Cause::WindowEnds(Opening::Closed)];
        let begins = || vec![Cause::FreezeBegins("Sale".to_owned())];
        for (closure, said) in [
            (closure(ends(), &[], Part::All, Part::None), "end of the window"),
            (closure(ends(), &[], Part::All, Part::Some), "end of the window; emergencies for some of it"),
            (closure(vec![], &[], Part::All, Part::All), "outside of the windows; emergencies only"),
            (closure(begins(), &["Sale"], Part::None, Part::None), "Sale"),
            (
                closure(begins(), &["Sale"], Part::Some, Part::Some),
                "Sale, and for some of it outside of the windows; emergencies for some of it",
            ),
            (closure(ends(), &["Sale"], Part::All, Part::None), "end of the window, then Sale"),
            (closure(vec![], &["Sale"], Part::All, Part::None), "Sale, and outside of the windows"),
            (closure(begins(), &["Incident"], Part::None, Part::None), "Incident: the database is slow"),
        ] {
            assert_eq!(why_closed(&closure), said);
        }
    }
}
