//! A calendar that others keep, with what goes wrong there: it cannot be read, and its events move. Not here: how old a
//! reading may be (`oracle`).

use crate::faults::Fault;
use crate::oracle::Feed;
use crate::rules::{Frozen, When};
use crate::world::{MINUTE, Shared, World, tell};
use async_trait::async_trait;
use jiff::SignedDuration;
use shipgate_app::ports::{Calendars, Fetched, OutsideError};
use shipgate_domain::calendar::{FeedContent, FeedEvent, FeedLasts, FeedSource};

/// The calendars behind the port.
pub struct SimCalendars {
    /// The world.
    pub world: Shared,
    /// Whose connection.
    pub me: usize,
}

/// Where the calendar of a freeze is.
pub fn address(name: &str) -> String {
    format!("https://calendar.example.com/{}.ics", name.to_lowercase().replace(' ', "-"))
}

fn later(why: &str) -> OutsideError {
    OutsideError::Later { why: why.to_owned(), after: None }
}

#[async_trait]
impl Calendars for SimCalendars {
    async fn read(&self, source: &FeedSource, known: Option<&str>) -> Result<Fetched, OutsideError> {
        let ms = self.world.look().dice.between(5, 3000);
        self.world.pause(ms).await;
        self.world.may_die(self.me, Fault::CrashBeforeCall).await;
        let answer = {
            let mut world = self.world.look();
            if world.mono < world.calendars_down_until || world.is_hit(Fault::CalendarUnreadable) {
                return Err(later("the calendar answers 503"));
            }
            world.fed(source).ok_or_else(|| later("there is no such calendar"))?
        };
        let ms = self.world.look().dice.between(0, 500);
        self.world.pause(ms).await;
        self.world.may_die(self.me, Fault::CrashAfterCall).await;
        let (mark, event) = answer;
        if known == Some(mark.as_str()) {
            return Ok(Fetched::Unchanged);
        }
        Ok(Fetched::New {
            content: FeedContent { events: vec![event], periods: Vec::new() },
            mark: Some(mark),
        })
    }
}

impl World {
    /// What a calendar says now, and under which mark. Whoever asks has read it.
    fn fed(&mut self, source: &FeedSource) -> Option<(String, FeedEvent)> {
        let FeedSource::Address { url } = source else { return None };
        // Other rules may be on their way: each replica asks for what stands in its own.
        let all = self.replicas.iter().flat_map(|replica| &replica.running.freezes);
        let freeze = all.chain(&self.drawn.freezes).find(|one| address(&one.name) == *url).cloned()?;
        let now = self.mono;
        let feed = self.oracle.feeds.entry(freeze.name.clone()).or_insert_with(|| Feed::new(&freeze));
        feed.read = Some(now);
        let (number, (_, from, until)) = feed.said.iter().enumerate().next_back()?;
        let minutes = until.duration_since(*from).as_mins();
        let event = FeedEvent {
            label: "Fair".into(),
            zone: None,
            from: *from,
            lasts: FeedLasts::Length(format!("{minutes}m").parse().ok()?),
            rule: None,
            also: Vec::new(),
            except: Vec::new(),
        };
        Some((format!("{number}"), event))
    }

    /// Somebody moves the event of a calendar, or no calendar can be read for a while.
    pub fn befall_calendars(&mut self) {
        let is_fed = |one: &&Frozen| one.when == When::Feed;
        let Some(freeze) = self.drawn.freezes.iter().find(is_fed).cloned() else { return };
        if self.besides.chance(400) {
            if self.rates.of(Fault::CalendarDown) > 0 {
                self.note(Fault::CalendarDown);
                self.calendars_down_until = self.mono + self.besides.between(5, 60) * MINUTE;
            }
            return;
        }
        let local = self.now().to_zoned(crate::rules::zone_of(self.drawn.zone)).datetime();
        let Ok(start) = local.with().second(0).subsec_nanosecond(0).build() else { return };
        let from = start.saturating_add(SignedDuration::from_mins(self.besides.between(-10, 60)));
        let until = from.saturating_add(SignedDuration::from_mins(self.besides.between(5, 90)));
        let now = self.mono;
        tell!(self, "calendar", "{} is from {from} to {until} now", freeze.name);
        let feed = self.oracle.feeds.entry(freeze.name.clone()).or_insert_with(|| Feed::new(&freeze));
        feed.said.push((now, from, until));
    }
}
