//! The clock panel: the demo's time, jumps, and a picture of the week around it. Not here: keeping time, or any rule.

use super::say::{Fields, Sent};
use super::{News, OpenKind, OpenSpan, Playground, Preset, Refusal};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// `POST /playground/clock`: `jump` with a preset's id, `set` with a time, or `reset`.
pub(super) async fn change(State(page): State<Playground>, headers: HeaderMap, sent: Sent) -> Response {
    let fields = Fields::new(sent);
    let clock = &page.0.world.clock;
    let outcome = match (fields.get("jump"), fields.get("set"), fields.get("reset")) {
        ("", "", "") => Err(Refusal("Choose a time first, then try again.".into())),
        ("", "", _) => clock.reset().await,
        ("", time, _) => clock.set(time).await,
        (preset, _, _) => clock.jump(preset).await,
    };
    if outcome.is_ok() {
        page.tell(News::Side);
    }
    fields.answer(&headers, outcome)
}

/// What the panel shows.
pub(super) struct ClockView {
    pub day: String,
    pub time: String,
    pub zone: String,
    /// For the field: `2026-11-20T15:00`.
    pub entered: String,
    pub presets: Vec<Preset>,
    pub week: WeekView,
}

impl ClockView {
    pub fn of(page: &Playground) -> Self {
        let clock = &page.0.world.clock;
        let (now, zone) = (clock.now(), clock.zone());
        let local = now.to_zoned(zone.clone());
        let times = &page.0.world.open_times;
        let days = days_around(now, &zone);
        let spans = times.spans(days[0].from, days[days.len() - 1].until);
        Self {
            day: local.strftime("%A %-d %B %Y").to_string(),
            time: local.strftime("%H:%M").to_string(),
            zone: format!("{}, {}", zone.iana_name().unwrap_or("UTC"), local.strftime("%Z")),
            entered: local.strftime("%Y-%m-%dT%H:%M").to_string(),
            presets: clock.presets(),
            week: WeekView::of(times.environment(), &days, &spans, now, &zone),
        }
    }
}

/// The picture: seven columns, one per day, midnight at the top.
pub(super) struct WeekView {
    pub environment: String,
    pub days: Vec<DayView>,
    pub blocks: Vec<BlockView>,
    /// Centre of the column of today, and the height of now.
    pub now: (f64, f64),
    /// The same in words.
    pub lines: Vec<String>,
    /// The kinds that occur, for the legend.
    pub kinds: Vec<OpenKind>,
    /// What holds now.
    pub holds: Option<OpenKind>,
}

pub(super) struct DayView {
    pub x: f64,
    pub label: String,
    pub is_today: bool,
}

pub(super) struct BlockView {
    pub x: f64,
    pub y: f64,
    pub height: f64,
    pub kind: OpenKind,
    pub title: String,
}

const LEFT: f64 = 22.0;
const TOP: f64 = 18.0;
const COLUMN: f64 = 44.0;
const HEIGHT: f64 = 120.0;

/// A day of a zone: 23, 24 or 25 hours.
struct Day {
    date: Date,
    from: Timestamp,
    until: Timestamp,
}

impl Day {
    fn height_of(&self, at: Timestamp) -> f64 {
        let seconds = |from: Timestamp, until: Timestamp| until.duration_since(from).as_secs_f64();
        TOP + HEIGHT * (seconds(self.from, at) / seconds(self.from, self.until)).clamp(0.0, 1.0)
    }
}

/// Yesterday, today and the five days after.
fn days_around(now: Timestamp, zone: &TimeZone) -> Vec<Day> {
    let today = now.to_zoned(zone.clone()).date();
    let start = |date: Date| date.to_zoned(zone.clone()).map_or(now, |midnight| midnight.timestamp());
    (-1..6)
        .map(|offset| {
            let date = today.saturating_add(Span::new().days(offset));
            Day { date, from: start(date), until: start(date.saturating_add(Span::new().days(1))) }
        })
        .collect()
}

impl WeekView {
    fn of(environment: String, days: &[Day], spans: &[OpenSpan], now: Timestamp, zone: &TimeZone) -> Self {
        let local = |at: Timestamp, format: &str| at.to_zoned(zone.clone()).strftime(format).to_string();
        let mut blocks = Vec::new();
        let mut columns = Vec::new();
        let mut now_at = (0.0, 0.0);
        for (x, day) in (0..).map(|n| LEFT + COLUMN * f64::from(n)).zip(days) {
            let is_today = day.from <= now && now < day.until;
            if is_today {
                now_at = (x, day.height_of(now));
            }
            columns.push(DayView { x, label: day.date.strftime("%a %-d").to_string(), is_today });
            for span in spans.iter().filter(|span| span.from < day.until && span.until > day.from) {
                let (from, until) = (span.from.max(day.from), span.until.min(day.until));
                let y = day.height_of(from);
                let title = format!(
                    "{} {}–{}: {}",
                    local(from, "%a"),
                    local(from, "%H:%M"),
                    if until == day.until { "24:00".to_owned() } else { local(until, "%H:%M") },
                    span.phrase(),
                );
                blocks.push(BlockView { x, y, height: day.height_of(until) - y, kind: span.kind, title });
            }
        }
        let mut kinds: Vec<OpenKind> = spans.iter().map(|span| span.kind).collect();
        kinds.sort();
        kinds.dedup();
        let holds = spans.iter().find(|span| span.from <= now && now < span.until).map(|span| span.kind);
        let lines = blocks.iter().map(|block| block.title.clone()).collect();
        Self { environment, days: columns, blocks, now: now_at, lines, kinds, holds }
    }
}

impl OpenSpan {
    fn phrase(&self) -> String {
        if self.label.is_empty() {
            self.kind.phrase().to_owned()
        } else {
            format!("{} ({})", self.kind.phrase(), self.label)
        }
    }
}

impl OpenKind {
    /// As people say it.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::EmergencyOnly => "emergency only",
            Self::Closed => "closed",
            Self::Frozen => "frozen",
        }
    }

    /// The class of its colour and pattern.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Open => "k-open",
            Self::EmergencyOnly => "k-emergency",
            Self::Closed => "k-closed",
            Self::Frozen => "k-frozen",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_25_hours_fills_its_column_like_any_other() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-10-25T00:30:00Z".parse().unwrap();
        let days = days_around(now, &zone);
        let today = &days[1];
        assert_eq!(today.until.duration_since(today.from).as_hours(), 25);
        let span =
            OpenSpan { from: days[0].from, until: days[6].until, kind: OpenKind::Open, label: String::new() };
        let week = WeekView::of("production".into(), &days, &[span], now, &zone);
        assert_eq!(week.blocks.len(), 7);
        assert!(week.blocks.iter().all(|block| (block.height - HEIGHT).abs() < 0.001));
        assert!(week.days[1].is_today);
        assert_eq!(week.holds, Some(OpenKind::Open));
        assert_eq!(week.lines[1], "Sun 00:00–24:00: open");
    }

    #[test]
    fn a_freeze_that_spans_midnight_is_drawn_on_both_days() {
        let zone = TimeZone::UTC;
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let days = days_around(at("2026-11-20T15:00:00Z"), &zone);
        let freeze = OpenSpan {
            from: at("2026-11-20T18:00:00Z"),
            until: at("2026-11-21T06:00:00Z"),
            kind: OpenKind::Frozen,
            label: "Release party".into(),
        };
        let week = WeekView::of("production".into(), &days, &[freeze], at("2026-11-20T15:00:00Z"), &zone);
        assert_eq!(
            week.lines,
            ["Fri 18:00–24:00: frozen (Release party)", "Sat 00:00–06:00: frozen (Release party)"]
        );
    }
}
