//! The demo's clock: runs like the machine's, and can be moved forward to moments at which rules bite.
//! Not here: what the rules say then.

use async_trait::async_trait;
use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _, Zoned};
use shipgate_app::App;
use shipgate_app::commands::WrittenTime;
use shipgate_app::ports::Clock;
use shipgate_domain::calendar::{Calendar, Opening};
use shipgate_domain::policy::Policy;
use shipgate_domain::zone::Zone;
use shipgate_web::playground::{ClockControl, OpenKind, OpenSpan, OpenTimes, Preset, Refusal};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often the picture of the week learns of freezes that were added in chat.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// As far as the clock can be moved.
const FARTHEST: SignedDuration = SignedDuration::from_hours(24 * 3653);

/// A clock that starts at an instant of its own and goes on from there.
pub struct DemoClock {
    started: Instant,
    first: Timestamp,
    moved_ms: AtomicI64,
}

impl DemoClock {
    /// Starts on a Tuesday at ten in a week without freezes: the first visitor should see a deploy, not a refusal.
    pub fn starting_on_a_quiet_tuesday(policy: &Policy) -> Self {
        let now = crate::wiring::SystemClock::default().now();
        let calendar = Calendar::compile(&policy.schedules, &policy.freezes, now);
        let first = quiet_tuesday(&calendar, &policy.zone, now).unwrap_or(now);
        Self { started: Instant::now(), first, moved_ms: AtomicI64::new(0) }
    }

    fn elapsed(&self) -> SignedDuration {
        SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX)
    }
}

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        let moved = SignedDuration::from_millis(self.moved_ms.load(Ordering::SeqCst));
        let along = self.first.saturating_add(self.elapsed()).unwrap_or(self.first);
        along.saturating_add(moved).unwrap_or(along)
    }

    fn lease_now(&self) -> Timestamp {
        self.first.saturating_add(self.elapsed()).unwrap_or(self.first)
    }
}

/// The clock's panel on the page, and the picture of the week.
pub struct DemoTimes {
    clock: Arc<DemoClock>,
    zone: Zone,
    policy: Policy,
    calendar: Mutex<Arc<Calendar>>,
    app: OnceLock<Arc<App>>,
}

impl DemoTimes {
    /// A panel for this clock under these rules.
    pub fn new(clock: Arc<DemoClock>, zone: Zone, policy: &Policy) -> Self {
        let calendar = Calendar::compile(&policy.schedules, &policy.freezes, clock.now());
        let calendar = Mutex::new(Arc::new(calendar));
        Self { clock, zone, policy: policy.clone(), calendar, app: OnceLock::new() }
    }

    /// Says whom to tell when the clock was moved.
    pub fn connect(&self, app: Arc<App>) {
        let _ = self.app.set(app);
    }

    /// Keeps the picture's calendar as the bot sees it.
    pub async fn keep_calendar(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(app) = self.app.get()
                && let Ok(calendar) = app.calendar_now().await
            {
                *self.calendar.lock().unwrap_or_else(PoisonError::into_inner) = calendar;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn move_to(&self, at: Timestamp) -> Result<(), Refusal> {
        let now = self.clock.now();
        if at < now {
            return Err(Refusal(
                "The demo's clock only goes forward: what has happened stays. Start the demo anew to go back.".into(),
            ));
        }
        if at > self.clock.first.saturating_add(FARTHEST).unwrap_or(Timestamp::MAX) {
            return Err(Refusal("The demo's clock goes ten years ahead at most. Nothing changed.".into()));
        }
        let by = i64::try_from(at.duration_since(now).as_millis()).unwrap_or(0);
        self.clock.moved_ms.fetch_add(by, Ordering::SeqCst);
        if let Some(app) = self.app.get() {
            app.clock_moved().await.map_err(|error| Refusal(format!("The clock was moved, but {error}.")))?;
        }
        Ok(())
    }

    fn calendar(&self) -> Arc<Calendar> {
        self.calendar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where a preset leads from now; always forward.
    fn target(&self, id: &str) -> Option<Timestamp> {
        let now = self.clock.now();
        let civil = self.zone.civil(now);
        match id {
            "hour" => now.checked_add(SignedDuration::from_hours(1)).ok(),
            "monday" => next_weekday(&civil, Weekday::Monday, 9, 0).map(|z| z.timestamp()),
            "friday" => next_weekday(&civil, Weekday::Friday, 15, 0).map(|z| z.timestamp()),
            "saturday" => next_weekday(&civil, Weekday::Saturday, 11, 0).map(|z| z.timestamp()),
            "freeze" => {
                let until = now.checked_add(SignedDuration::from_hours(24 * 400)).ok()?;
                let calendar = self.calendar();
                calendar.occurrences(now, until).iter().map(|o| o.from).find(|from| *from > now)
            }
            "clocks" => {
                let change = self.zone.tz().following(now).next()?.timestamp();
                change.checked_sub(SignedDuration::from_secs(30)).ok().filter(|at| *at > now)
            }
            _ => None,
        }
    }
}

/// The next Tuesday at ten after which no freeze comes for five days.
fn quiet_tuesday(calendar: &Calendar, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
    let quiet = SignedDuration::from_hours(24 * 5);
    let mut day = zone.civil(after);
    for _ in 0..20 {
        day = next_weekday(&day, Weekday::Tuesday, 10, 0)?;
        let at = day.timestamp();
        if calendar.occurrences(at, at.checked_add(quiet).ok()?).is_empty() {
            return Some(at);
        }
    }
    None
}

fn next_weekday(from: &Zoned, weekday: Weekday, hour: i8, minute: i8) -> Option<Zoned> {
    let mut date = from.date();
    for _ in 0..8 {
        let at = date.to_datetime(time(hour, minute, 0, 0)).to_zoned(from.time_zone().clone()).ok()?;
        if date.weekday() == weekday && at > *from {
            return Some(at);
        }
        date = date.checked_add(1.day()).ok()?;
    }
    None
}

#[async_trait]
impl ClockControl for DemoTimes {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn zone(&self) -> TimeZone {
        self.zone.tz().clone()
    }

    fn presets(&self) -> Vec<Preset> {
        [
            ("hour", "+1 hour", "Approvals grow old, locks end, reminders come"),
            ("friday", "Friday 15:00", "An hour after the last deploy of the week"),
            ("saturday", "Saturday 11:00", "Emergencies only: try --emergency \"why\""),
            ("monday", "Monday 9:00", "Everything is open again"),
            ("freeze", "First minute of a freeze", "Production is closed, whatever the schedule says"),
            ("clocks", "Night the clocks change", "Half a minute before an hour is skipped or comes twice"),
        ]
        .into_iter()
        .map(|(id, label, description)| Preset {
            id: id.into(),
            label: label.into(),
            description: description.into(),
        })
        .collect()
    }

    async fn jump(&self, id: &str) -> Result<(), Refusal> {
        let Some(at) = self.target(id) else {
            return Err(Refusal("There is no such moment ahead. Nothing changed.".into()));
        };
        self.move_to(at).await
    }

    async fn set(&self, text: &str) -> Result<(), Refusal> {
        let written =
            WrittenTime::read(text).and_then(|time| time.resolve(self.clock.now(), self.zone.tz()).ok());
        let Some(at) = written else {
            return Err(Refusal(
                "This is no time. Write 2026-11-26 14:00, Fri 15:00 or in 2h. Nothing changed.".into(),
            ));
        };
        self.move_to(at).await
    }

    async fn reset(&self) -> Result<(), Refusal> {
        let target = quiet_tuesday(&self.calendar(), &self.zone, self.clock.now());
        let Some(at) = target else {
            return Err(Refusal("There is no quiet Tuesday ahead. Nothing changed.".into()));
        };
        self.move_to(at).await
    }
}

impl OpenTimes for DemoTimes {
    fn environment(&self) -> String {
        "production".into()
    }

    fn spans(&self, from: Timestamp, until: Timestamp) -> Vec<OpenSpan> {
        let environment = self.policy.environment("production");
        let schedule = environment.and_then(|e| e.schedule.as_deref());
        let service = self.policy.default_service().map(|s| s.name.to_string()).unwrap_or_default();
        self.calendar()
            .spans("production", &service, schedule, from, until)
            .into_iter()
            .map(|span| OpenSpan {
                from: span.from,
                until: span.until,
                kind: match span.opening {
                    _ if !span.freezes.is_empty() => OpenKind::Frozen,
                    Opening::Open => OpenKind::Open,
                    Opening::EmergencyOnly => OpenKind::EmergencyOnly,
                    Opening::Closed => OpenKind::Closed,
                },
                label: span.freezes.first().map(|(_, name)| name.clone()).unwrap_or_default(),
            })
            .collect()
    }
}
