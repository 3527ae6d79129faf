//! When a freeze holds, as instants. Not here: what can be written (`freeze` and the files beside it), looking it up
//! quickly (`compiled`).

use super::feed::{self, FeedContent, FeedEvent, FeedLasts, FeedPeriod, Feeds};
use super::holidays::HolidayList;
use super::reading::{Reading, instant};
use super::recurrence::MOST_DAYS;
use super::schedule::later;
use super::{Freeze, FreezeWhen, Length};
use crate::zone::Zone;
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeSet;

/// More occurrences than this, in the three years of a calendar, are no calendar of people.
const MOST: usize = 100_000;
/// How many names one stretch is told with.
const NAMES: usize = 3;

/// A time without deploys: half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub from: Timestamp,
    /// `Timestamp::MAX` where there is no end.
    pub until: Timestamp,
    /// What it is called besides the freeze's name: the holidays in it.
    pub label: Option<String>,
    /// Why nobody can say whether it is frozen: then it counts as frozen.
    pub unreadable: Option<String>,
}

/// A part of a stretch, before those that touch become one.
struct Piece {
    from: Timestamp,
    until: Timestamp,
    label: Option<String>,
}

impl Freeze {
    /// When this freeze holds, as instants that touch `[from, until)`, sorted; those that can be read are disjoint, and
    /// none touches the next. Calendars of others count as they are known `now`.
    pub(super) fn stretches(
        &self,
        feeds: &Feeds,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Vec<Stretch> {
        let (tz, zone) = (self.zone.tz(), &self.zone);
        let piece = |from, until| Piece { from, until, label: None };
        let pieces = match &self.when {
            FreezeWhen::Dates { from, until } => {
                vec![piece(instant(tz, *from, Reading::Early), instant(tz, *until, Reading::Late))]
            }
            FreezeWhen::Instants { from, until } => vec![piece(*from, until.unwrap_or(Timestamp::MAX))],
            FreezeWhen::Cron { line, lasts } => {
                // A local day more than its length covers days that clocks make longer.
                let start = later(lasts.before(from, zone), SignedDuration::from_hours(-25));
                let fires = line.upcoming_with_clocks(start, zone).take_while(|(fire, _)| *fire < until);
                fires.map(|(fire, meant)| piece(fire, lasts.after_meant(fire, meant, zone))).collect()
            }
            FreezeWhen::Rule { rule, lasts } => {
                let (first, last) = civil_window(zone, from, until, lasts.total());
                match rule.fires(zone, first, last, &mut MOST_DAYS.clone()) {
                    Some(fires) => fires.into_iter().map(|fire| lasting(zone, fire, *lasts, None)).collect(),
                    None => return vec![unreadable(from, Timestamp::MAX, TOO_MUCH)],
                }
            }
            FreezeWhen::On { day, lasts } => {
                let (first, last) = civil_window(zone, from, until, lasts.total());
                let years = first.year().saturating_sub(1)..=last.year().saturating_add(1);
                let days = years.filter_map(|year| day.in_year(year));
                days.map(|day| lasting(zone, day.at(0, 0, 0, 0), *lasts, None)).collect()
            }
            FreezeWhen::Holidays { list } => return holidays(list, zone, from, until),
            FreezeWhen::Feed { source, max_age, .. } => {
                let Some(state) = feeds.get(&self.id).filter(|state| state.source == *source) else {
                    return vec![unreadable(from, Timestamp::MAX, &feed::never_read())];
                };
                let known = state.content.as_ref().map(|content| read(content, zone, from, until));
                let (pieces, why) = match (known, state.content(source, *max_age, now)) {
                    (Some(Ok(pieces)), Ok(_)) => return joined(pieces, from, until),
                    (Some(Err(why)), _) | (None, Err(why)) => {
                        return vec![unreadable(from, Timestamp::MAX, &why)];
                    }
                    (None, Ok(_)) => return vec![unreadable(from, Timestamp::MAX, &feed::never_read())],
                    // What it said is told on: a calendar that is too old has not taken its events back.
                    (Some(Ok(pieces)), Err(why)) => (pieces, why),
                };
                let mut stretches = joined(pieces, from, until);
                stretches.push(unreadable(from, Timestamp::MAX, &why));
                return stretches;
            }
        };
        joined(pieces, from, until)
    }
}

const TOO_MUCH: &str = "it repeats too often to be worked out";

fn unreadable(from: Timestamp, until: Timestamp, why: &str) -> Stretch {
    Stretch { from, until, label: None, unreadable: Some(why.to_owned()) }
}

/// Tells what would be wrong with a calendar of others, before it is put in the place of the last good one.
///
/// # Errors
/// Why it cannot be worked out, for people.
pub fn try_content(content: &FeedContent, zone: &Zone, now: Timestamp) -> Result<(), String> {
    let year = SignedDuration::from_hours(366 * 24);
    read(content, zone, later(now, -year), later(now, year * 3)).map(drop)
}

/// The local times between which something must begin to touch `[from, until)`, with room for changes of the clocks.
fn civil_window(
    zone: &Zone,
    from: Timestamp,
    until: Timestamp,
    lasts: SignedDuration,
) -> (DateTime, DateTime) {
    let first = zone.tz().to_datetime(later(later(from, -lasts), SignedDuration::from_hours(-49)));
    (first, zone.tz().to_datetime(later(until, SignedDuration::from_hours(25))))
}

fn lasting(zone: &Zone, begins: DateTime, lasts: Length, label: Option<String>) -> Piece {
    let from = instant(zone.tz(), begins, Reading::Early);
    Piece { from, until: lasts.after_meant(from, begins, zone), label }
}

/// Pieces that overlap or touch are one stretch: people are told once when it starts and once when it ends.
fn joined(mut pieces: Vec<Piece>, from: Timestamp, until: Timestamp) -> Vec<Stretch> {
    pieces.retain(|piece| piece.from < piece.until && piece.from < until);
    pieces.sort_by_key(|piece| piece.from);
    let mut found: Vec<(Stretch, Vec<String>)> = Vec::new();
    for piece in pieces {
        let label = piece.label.into_iter();
        match found.last_mut() {
            Some((last, labels)) if last.until >= piece.from => {
                last.until = last.until.max(piece.until);
                labels.extend(label);
            }
            _ => {
                let stretch = Stretch { from: piece.from, until: piece.until, label: None, unreadable: None };
                found.push((stretch, label.collect()));
            }
        }
    }
    found.retain(|(stretch, _)| stretch.until > from);
    found.into_iter().map(|(stretch, labels)| Stretch { label: told(labels), ..stretch }).collect()
}

/// Each name once, and not too many.
fn told(mut names: Vec<String>) -> Option<String> {
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let text = names.join(", ");
    match (text.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(text),
        (false, more) => Some(format!("{text} and {more} more")),
    }
}

/// Each holiday is its local day. In years of which none are known, nobody can say whether a day is one.
fn holidays(list: &HolidayList, zone: &Zone, from: Timestamp, until: Timestamp) -> Vec<Stretch> {
    let day = |day: Date| instant(zone.tz(), day.at(0, 0, 0, 0), Reading::Early);
    let (first, last) = HolidayList::years();
    let new_year = |year: i16| Date::new(year, 1, 1).map_or(Timestamp::MAX, day);
    let (begins, ends) = (new_year(first), new_year(last + 1));
    let (low, high) = civil_window(zone, from, until, SignedDuration::ZERO);
    let known = list.between(low.year(), high.year()).into_iter().map(|holiday| Piece {
        from: day(holiday.day),
        until: holiday.day.tomorrow().map_or(Timestamp::MAX, day),
        label: Some(holiday.name.to_owned()),
    });
    let mut stretches = joined(known.collect(), from, until);
    if from < begins {
        stretches.push(unreadable(from, begins, &format!("the list of holidays begins in {first}")));
    }
    if until > ends {
        let why =
            format!("the list of holidays ends with {last}: a newer version of Shipgate has a longer one");
        stretches.push(unreadable(ends, Timestamp::MAX, &why));
    }
    stretches.sort_by_key(|stretch| stretch.from);
    stretches
}

fn read(content: &FeedContent, zone: &Zone, from: Timestamp, until: Timestamp) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut days) = (Vec::new(), MOST_DAYS);
    for event in &content.events {
        let label = event.label.clone();
        let found = happens(event, zone, from, until, &mut days);
        pieces.extend(found.ok_or_else(|| format!("“{label}” repeats too often to be worked out"))?);
        if pieces.len() > MOST {
            return Err("it has more events than can be worked out".to_owned());
        }
    }
    for period in &content.periods {
        pieces.extend(period_pieces(period, from, until).ok_or(TOO_MUCH)?);
    }
    Ok(pieces)
}

fn happens(
    event: &FeedEvent,
    own: &Zone,
    from: Timestamp,
    until: Timestamp,
    days: &mut u64,
) -> Option<Vec<Piece>> {
    let zone = event.zone.as_ref().unwrap_or(own);
    let longest = match event.lasts {
        FeedLasts::Length(length) => length.total(),
        FeedLasts::Clock { shown, passed } => SignedDuration::from_secs(shown.max(passed)),
    };
    let (first, last) = civil_window(zone, from, until, longest);
    // The first time counts also when the rule does not name it (RFC 5545 §3.8.5.3).
    let mut begins: BTreeSet<DateTime> = event.also.iter().copied().chain([event.from]).collect();
    begins.retain(|begin| (first..=last).contains(begin));
    if let Some(rule) = &event.rule {
        begins.extend(rule.fires(zone, first, last, days)?);
    }
    for except in &event.except {
        begins.remove(except);
    }
    let label = Some(event.label.clone()).filter(|label| !label.is_empty());
    let piece = |begin: DateTime| match event.lasts {
        FeedLasts::Length(length) => lasting(zone, begin, length, label.clone()),
        FeedLasts::Clock { shown, passed } => {
            let from = instant(zone.tz(), begin, Reading::Early);
            let shown = begin.checked_add(shown.seconds()).unwrap_or(DateTime::MAX);
            let until = instant(zone.tz(), shown, Reading::Late);
            Piece {
                from,
                until: until.max(later(from, SignedDuration::from_secs(passed))),
                label: label.clone(),
            }
        }
    };
    Some(begins.into_iter().map(piece).collect())
}

/// From each start to the next end after it. A start at the very instant of an end starts nothing, as on GitLab.
fn period_pieces(period: &FeedPeriod, from: Timestamp, until: Timestamp) -> Option<Vec<Piece>> {
    let (zone, tz) = (&period.zone, period.zone.tz());
    let last = |line: &super::FiveFieldCron| line.before(from, zone).next().unwrap_or(from);
    // What happened before the last start and the last end makes no difference; some days make up for changed clocks.
    let base = later(last(&period.start).min(last(&period.end)), SignedDuration::from_hours(-49));
    let starts = period.start.upcoming_with_clocks(base, zone).map(|(fire, _)| fire).take(MOST);
    let ends = period.end.upcoming_with_clocks(base, zone);
    let mut ends =
        ends.map(|(fire, meant)| fire.max(instant(tz, meant, Reading::Late))).take(MOST).peekable();
    let (mut pieces, mut looked) = (Vec::new(), 0);
    let mut over = Timestamp::MIN;
    for start in starts {
        if start >= until {
            return Some(pieces);
        }
        looked += 1;
        if start <= over {
            continue;
        }
        let mut ends_here = false;
        while let Some(end) = ends.next_if(|end| *end <= start) {
            ends_here = end == start;
            looked += 1;
        }
        if ends_here {
            continue;
        }
        let end = *ends.peek()?;
        pieces.push(Piece { from: start, until: end, label: None });
        over = end;
        if looked > MOST {
            return None;
        }
    }
    None
}
