//! The weeks as lines of marks, for a terminal. Not here: exact times, which stand in the list below it.

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan as _};
use shipgate_domain::calendar::outlook::{Holds, Outlook};
use shipgate_domain::zone::Zone;

/// Marks of a day; a day of 23 or 25 hours has as many, each a little shorter or longer.
const MARKS: i64 = 8;

/// For what is closed only because a calendar is not known.
const UNKNOWN: char = '?';

/// One mark for each answer; they differ without colour.
fn mark(holds: Holds) -> char {
    match holds {
        Holds::Open => '█',
        Holds::EmergencyOnly => '▒',
        Holds::Closed => '·',
        Holds::Frozen => '×',
    }
}

/// What the marks mean.
pub fn legend() -> String {
    let words = Holds::ALL.map(|holds| format!("{} {}", mark(holds), shipgate_app::outlook::holds(holds)));
    let words = format!("{}   {UNKNOWN} cannot be known here", words.join("   "));
    format!("{words}   a mark is 3 hours; where they differ, the strictest")
}

/// A line for each week, seven days of eight marks each.
pub fn weeks(outlook: &Outlook, zone: &Zone) -> Vec<String> {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let head: String = days.iter().map(|day| format!("{day:<9}")).collect();
    let mut lines = vec![format!("          {}", head.trim_end())];
    let first = monday(zone.civil(outlook.from).date());
    let mut week = Some(first);
    while let Some(begins) = week.filter(|day| starts(*day, zone).is_some_and(|at| at < outlook.until)) {
        let marks: Vec<String> = (0..7)
            .filter_map(|day| begins.checked_add(i64::from(day).days()).ok())
            .map(|day| one_day(day, outlook, zone))
            .collect();
        lines.push(format!("{:<9} {}", begins.strftime("%-d %b").to_string(), marks.join(" ").trim_end()));
        week = begins.checked_add(7.days()).ok();
    }
    lines
}

fn one_day(day: Date, outlook: &Outlook, zone: &Zone) -> String {
    let (Some(from), Some(until)) =
        (starts(day, zone), day.tomorrow().ok().and_then(|day| starts(day, zone)))
    else {
        return " ".repeat(8);
    };
    let length = until.duration_since(from);
    let border = |number: i64| {
        let seconds = length.as_secs() * number / MARKS;
        from.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(until)
    };
    (0..MARKS).map(|number| strictest(outlook, border(number), border(number + 1))).collect()
}

/// The mark of a part of a day; a blank for what lies outside of the outlook.
fn strictest(outlook: &Outlook, from: Timestamp, until: Timestamp) -> char {
    let inside = outlook.stretches.iter().filter(|stretch| stretch.from < until && stretch.until > from);
    let strictest = inside.max_by_key(|stretch| (stretch.holds(), !stretch.is_unknown()));
    strictest.map_or(' ', |stretch| if stretch.is_unknown() { UNKNOWN } else { mark(stretch.holds()) })
}

fn starts(day: Date, zone: &Zone) -> Option<Timestamp> {
    day.to_zoned(zone.tz().clone()).ok().map(|midnight| midnight.timestamp())
}

fn monday(day: Date) -> Date {
    let back = i64::from(day.weekday().since(Weekday::Monday));
    day.checked_sub(back.days()).unwrap_or(day)
}
