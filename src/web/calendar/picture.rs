//! The weeks as a picture: a row for each, a column for each day, and every stretch as long as it lasts. Each answer
//! has its own pattern and letter besides its colour. Not here: what is open (`domain::calendar::outlook`).

use super::escaped;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use sha2::{Digest as _, Sha256};
use shipgate_app::outlook as words;
use shipgate_domain::calendar::outlook::{Holds, Outlook, Stretch};
use shipgate_domain::zone::Zone;
use std::fmt::Write as _;

/// Colours and patterns, for the picture alone and for the page, whose own style may not stand in it.
const STYLE: &str = include_str!("../assets/picture.css");

const LEFT: f64 = 108.0;
const TOP: f64 = 40.0;
const DAY: f64 = 96.0;
const BETWEEN: f64 = 6.0;
const ROW: f64 = 26.0;
const STEP: f64 = 34.0;
const LEGEND: f64 = 34.0;
const WIDTH: f64 = LEFT + 7.0 * (DAY + BETWEEN) + 6.0;
/// From this width on a letter fits into a stretch.
const LETTER: f64 = 15.0;

/// One picture.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// What is drawn: whole weeks, as [`weeks`] gives them.
    pub outlook: &'a Outlook,
    /// Whose days and hours are drawn.
    pub zone: &'a Zone,
    /// Whose calendar it is: "api on production".
    pub title: &'a str,
    /// Now, which is marked.
    pub now: Timestamp,
}

/// From the Monday of this week to the Monday so many weeks later.
#[must_use]
pub fn weeks(now: Timestamp, zone: &Zone, weeks: u32) -> (Timestamp, Timestamp) {
    let today = zone.civil(now).date();
    let back = i64::from(today.weekday().since(Weekday::Monday));
    let first = today.checked_sub(back.days()).unwrap_or(today);
    let last = first.checked_add((i64::from(weeks) * 7).days()).unwrap_or(first);
    (midnight(first, zone).unwrap_or(now), midnight(last, zone).unwrap_or(now))
}

fn midnight(day: Date, zone: &Zone) -> Option<Timestamp> {
    day.to_zoned(zone.tz().clone()).ok().map(|midnight| midnight.timestamp())
}

/// What the picture alone may load: nothing, and no style but its own.
pub(super) fn content_security_policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'")
}

/// A day as it is drawn.
struct Column {
    date: Date,
    from: Timestamp,
    until: Timestamp,
    x: f64,
    y: f64,
}

impl Column {
    /// Where an instant of the day is drawn; a day of 23 or 25 hours fills its column like any other.
    fn x_of(&self, at: Timestamp) -> f64 {
        let seconds = |from: Timestamp, until: Timestamp| until.duration_since(from).as_secs_f64();
        self.x + DAY * (seconds(self.from, at) / seconds(self.from, self.until)).clamp(0.0, 1.0)
    }
}

impl Picture<'_> {
    /// A file of its own, with its style in it.
    #[must_use]
    pub fn standalone(&self) -> String {
        self.draw(&format!("<style>{STYLE}</style>"), LEGEND)
    }

    /// For a page that brings the style, and the legend as text: in a picture that is wider than a phone nobody finds it.
    pub(super) fn inline(&self) -> String {
        self.draw("", 0.0)
    }

    fn draw(&self, style: &str, legend_height: f64) -> String {
        let days = self.days();
        let height = TOP + STEP * (days.len() as f64 / 7.0).ceil() + legend_height;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"cal\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"cal-title cal-desc\"><title id=\"cal-title\">{}</title><desc id=\"cal-desc\">{}</desc>\
             {style}{PATTERNS}<rect class=\"cal-paper\" width=\"{WIDTH}\" height=\"{height}\"/>",
            escaped(&format!("When {} is open for deploys", self.title)),
            escaped(&words::summary(self.outlook, self.zone)),
        );
        heading(&mut svg);
        labels(&mut svg, &days);
        for stretch in joined(&self.outlook.stretches) {
            self.stretch(&mut svg, &stretch, &days);
        }
        for day in &days {
            marks(&mut svg, day, self.now);
        }
        if legend_height > 0.0 {
            legend(&mut svg, height - LEGEND + 14.0);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// All days, week by week.
    fn days(&self) -> Vec<Column> {
        let mut days = Vec::new();
        let mut date = self.zone.civil(self.outlook.from).date();
        let mut number = 0_u32;
        while let (Some(from), Some(next)) = (midnight(date, self.zone), date.tomorrow().ok()) {
            let Some(until) = midnight(next, self.zone).filter(|_| from < self.outlook.until) else { break };
            // A date that a zone leaves out has no length, and keeps its place.
            if from < until {
                let (week, day) = (f64::from(number / 7), f64::from(number % 7));
                let (x, y) = (LEFT + day * (DAY + BETWEEN), TOP + week * STEP);
                days.push(Column { date, from, until, x, y });
            }
            (date, number) = (next, number + 1);
        }
        days
    }

    /// A stretch: a bar on each of its days, with the same words on all of them.
    fn stretch(&self, svg: &mut String, stretch: &Stretch, days: &[Column]) {
        let title = format!(
            "{} to {}: {}",
            self.zone.say_near(stretch.from, self.now),
            self.zone.say_near(stretch.until, self.now),
            words::stretch(stretch)
        );
        let (class, letter) = look(stretch.holds());
        let _ = write!(svg, "<g class=\"{class}\"><title>{}</title>", escaped(&title));
        let first = days.partition_point(|day| day.until <= stretch.from);
        for day in days[first..].iter().take_while(|day| day.from < stretch.until) {
            let (x, end) = (day.x_of(stretch.from.max(day.from)), day.x_of(stretch.until.min(day.until)));
            let (width, y) = (end - x, day.y);
            let _ = write!(svg, "<rect x=\"{x:.2}\" y=\"{y}\" width=\"{width:.2}\" height=\"{ROW}\"/>");
            if width >= LETTER && !letter.is_empty() {
                let (x, y) = (x + width / 2.0, y + ROW / 2.0 + 4.0);
                let _ = write!(svg, "<text x=\"{x:.2}\" y=\"{y}\">{letter}</text>");
            }
        }
        svg.push_str("</g>");
    }
}

const PATTERNS: &str = "<defs>\
    <pattern id=\"cal-emergency\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
    <rect class=\"cal-emergency-fill\" width=\"7\" height=\"7\"/><rect class=\"cal-emergency-line\" width=\"2\" height=\"7\"/></pattern>\
    <pattern id=\"cal-closed\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
    <rect class=\"cal-closed-fill\" width=\"6\" height=\"6\"/><rect class=\"cal-closed-line\" y=\"5\" width=\"6\" height=\"1\"/></pattern>\
    <pattern id=\"cal-frozen\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
    <rect class=\"cal-frozen-fill\" width=\"8\" height=\"8\"/><circle class=\"cal-frozen-dot\" cx=\"2\" cy=\"2\" r=\"1.3\"/>\
    <circle class=\"cal-frozen-dot\" cx=\"6\" cy=\"6\" r=\"1.3\"/></pattern></defs>";

/// What looks the same is drawn as one: under a freeze nobody sees what the schedule would say.
fn joined(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut joined: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match joined.last_mut() {
            Some(last) if last.holds() == stretch.holds() && last.freezes == stretch.freezes => {
                last.until = stretch.until;
            }
            _ => joined.push(stretch.clone()),
        }
    }
    joined
}

/// Class and letter of an answer; open has none, as most of a calendar should be that.
fn look(holds: Holds) -> (&'static str, &'static str) {
    match holds {
        Holds::Open => ("cal-open", ""),
        Holds::EmergencyOnly => ("cal-emergency", "E"),
        Holds::Closed => ("cal-closed", "C"),
        Holds::Frozen => ("cal-frozen", "F"),
    }
}

/// The days' names and hours above the weeks.
fn heading(svg: &mut String) {
    for (number, name) in (0_u8..).zip(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]) {
        let x = LEFT + f64::from(number) * (DAY + BETWEEN);
        let _ = write!(svg, "<text class=\"cal-day\" x=\"{}\" y=\"16\">{name}</text>", x + DAY / 2.0);
        for hour in [0_u8, 6, 12, 18] {
            let x = x + DAY * f64::from(hour) / 24.0;
            let _ = write!(svg, "<text class=\"cal-hour\" x=\"{x}\" y=\"33\">{hour}</text>");
        }
    }
}

/// The weeks' first days, and the month where it is a new one.
fn labels(svg: &mut String, days: &[Column]) {
    let mut month = None;
    for monday in days.iter().filter(|day| day.date.weekday() == Weekday::Monday) {
        let y = monday.y + ROW / 2.0 + 4.0;
        if month != Some(monday.date.month()) {
            let is_other_year = month.is_none() || monday.date.month() == 1;
            let name = monday.date.strftime(if is_other_year { "%b %Y" } else { "%b" }).to_string();
            let _ = write!(svg, "<text class=\"cal-month\" x=\"6\" y=\"{y}\">{name}</text>");
        }
        month = Some(monday.date.month());
        let (x, number) = (LEFT - 8.0, monday.date.day());
        let _ = write!(svg, "<text class=\"cal-date\" x=\"{x}\" y=\"{y}\">{number}</text>");
    }
}

/// What is special about a day: a month begins, its clocks change, it is today.
fn marks(svg: &mut String, day: &Column, now: Timestamp) {
    let (x, y) = (day.x, day.y);
    if day.date.day() == 1 {
        let name = day.date.strftime("%B begins");
        let _ = write!(
            svg,
            "<rect class=\"cal-first\" x=\"{:.1}\" y=\"{:.1}\" width=\"2\" height=\"{}\"><title>{name}</title></rect>",
            x - 4.0,
            y - 3.0,
            ROW + 6.0
        );
    }
    let length = day.until.duration_since(day.from);
    if length != SignedDuration::from_hours(24) {
        let hours = length.as_secs_f64() / 3600.0;
        let title = format!("The clocks change: {} has {hours} hours", day.date.strftime("%a %-d %b"));
        let _ = write!(
            svg,
            "<g class=\"cal-clocks\"><title>{title}</title><rect x=\"{x}\" y=\"{y}\" width=\"{DAY}\" height=\"{ROW}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{hours} h</text></g>",
            x + DAY - 3.0,
            y + ROW - 4.0
        );
    }
    if day.from <= now && now < day.until {
        let at = day.x_of(now);
        let _ = write!(
            svg,
            "<g class=\"cal-now\"><title>Now</title><line x1=\"{at:.2}\" x2=\"{at:.2}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <circle cx=\"{at:.2}\" cy=\"{:.1}\" r=\"3\"/></g>",
            y - 4.0,
            y + ROW + 3.0,
            y - 4.0
        );
    }
}

/// What each colour, pattern and letter means, for a page that holds the picture and so its patterns.
pub(super) fn key() -> String {
    let one = |holds: Holds| {
        let (class, letter) = look(holds);
        format!(
            "<li><svg class=\"cal\" viewBox=\"0 0 24 16\" width=\"24\" height=\"16\" aria-hidden=\"true\"><g class=\"{class}\">\
             <rect width=\"24\" height=\"16\"/><text x=\"12\" y=\"12\">{letter}</text></g></svg> {}</li>",
            words::holds(holds)
        )
    };
    Holds::ALL.map(one).concat()
}

fn legend(svg: &mut String, y: f64) {
    let mut x = LEFT;
    for holds in Holds::ALL {
        let (class, letter) = look(holds);
        let (middle, base) = (x + 12.0, y + 12.0);
        let _ = write!(
            svg,
            "<g class=\"{class}\"><rect x=\"{x}\" y=\"{y}\" width=\"24\" height=\"16\"/>\
             <text x=\"{middle}\" y=\"{base}\">{letter}</text></g><text class=\"cal-key\" x=\"{}\" y=\"{base}\">{}</text>",
            x + 31.0,
            words::holds(holds)
        );
        x += 160.0;
    }
}
