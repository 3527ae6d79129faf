//! iCalendar (RFC 5545) to events in our words. Not here: lines, folds and escapes (the crate `icalendar`), when events
//! are (`domain::calendar`).
//!
//! An event that cannot be read makes the whole calendar unreadable: one event less would be an open gate. Cancelled
//! events are left out. Events that are marked as “free” (TRANSP) count: whoever subscribes to a calendar of freezes
//! means all of it, and public holidays are written like that. Reminders and other events that take no time freeze
//! nothing.

use icalendar::parser::{Component, Property, read_components, unfold};
use jiff::civil::DateTime;
use shipgate_domain::calendar::{FeedContent, FeedEvent, FeedLasts, Form, Length, Recurrence, basic};
use shipgate_domain::zone::Zone;

const MOST_EVENTS: usize = 20_000;
/// Alarms in events in calendars are three; deeper ones only cost stack.
const DEEPEST: usize = 6;

/// A date or time, with the zone it is written in.
#[derive(Clone, Debug)]
struct Moment {
    civil: DateTime,
    form: Form,
    /// None for days and for times of no zone.
    zone: Option<Zone>,
}

/// An event before its overrides are known.
struct Draft {
    uid: String,
    event: FeedEvent,
    is_day: bool,
}

/// What replaces or cancels one time of a series.
struct Override {
    uid: String,
    replaces: Moment,
}

/// Reads a calendar, whole.
///
/// # Errors
/// What cannot be read, for people.
pub(crate) fn read(text: &str) -> Result<FeedContent, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    // One kind of line ends: the parser looks for the other kind up to the end of the text, line by line.
    let text = unfold(&text.replace("\r\n", "\n").replace('\r', "\n")).replace('\n', "\r\n") + "\r\n";
    let written = checked(&text)?;
    let calendars =
        read_components(&text).map_err(|_| "it is not a calendar in the iCalendar format".to_owned())?;
    if calendars.iter().any(|calendar| !calendar.name.as_str().eq_ignore_ascii_case("VCALENDAR")) {
        return Err("it is not a calendar in the iCalendar format".to_owned());
    }
    let inside = calendars.iter().flat_map(|calendar| &calendar.components);
    let events: Vec<_> =
        inside.filter(|inside| inside.name.as_str().eq_ignore_ascii_case("VEVENT")).collect();
    if events.len() != written {
        return Err(format!("it has {written} events, of which only {} can be read", events.len()));
    }
    if written > MOST_EVENTS {
        return Err(format!("it has more than {MOST_EVENTS} events"));
    }
    let (mut drafts, mut overrides) = (Vec::new(), Vec::new());
    for event in events {
        one(event, &mut drafts, &mut overrides)
            .map_err(|why| format!("the event {} cannot be read: {why}", called(event)))?;
    }
    for over in overrides {
        for draft in drafts.iter_mut().filter(|draft: &&mut Draft| draft.uid == over.uid) {
            let except = in_zone(&over.replaces, draft.event.zone.as_ref(), draft.is_day)?;
            draft.event.except.push(except);
        }
    }
    // Their overrides were taken off the series above; they themselves are events like others.
    Ok(FeedContent { events: drafts.into_iter().map(|draft| draft.event).collect(), periods: Vec::new() })
}

/// How many events are written in the text. It must begin and end as a calendar does: half of one is none.
fn checked(text: &str) -> Result<usize, String> {
    let (mut open, mut events): (Vec<String>, usize) = (Vec::new(), 0);
    let (mut is_first, mut is_over) = (true, false);
    for line in text.split("\r\n").map(str::trim_end).filter(|line| !line.is_empty()) {
        let upper = line.get(..line.len().min(60)).unwrap_or_default().to_ascii_uppercase();
        if let Some(name) = upper.strip_prefix("BEGIN:") {
            if open.is_empty() && name != "VCALENDAR" {
                return Err("it is not a calendar in the iCalendar format".to_owned());
            }
            events += usize::from(name == "VEVENT");
            open.push(name.to_owned());
            if open.len() > DEEPEST {
                return Err("its parts are nested too deeply".to_owned());
            }
        } else if let Some(name) = upper.strip_prefix("END:") {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("an END:{name} has no beginning"));
            }
            is_over = open.is_empty();
        } else if open.is_empty() || is_first {
            return Err("it is not a calendar in the iCalendar format".to_owned());
        }
        is_first = false;
    }
    if !is_over || !open.is_empty() {
        return Err("it breaks off before its end".to_owned());
    }
    Ok(events)
}

fn one(event: &Component<'_>, drafts: &mut Vec<Draft>, overrides: &mut Vec<Override>) -> Result<(), String> {
    let uid = only(event, "UID")?.map(|uid| uid.val.as_str().to_owned()).unwrap_or_default();
    let starts = moment(only(event, "DTSTART")?.ok_or("it has no beginning")?)?;
    let is_cancelled = only(event, "STATUS")?
        .is_some_and(|status| status.val.as_str().trim().eq_ignore_ascii_case("CANCELLED"));
    let replaces = only(event, "RECURRENCE-ID")?;
    if let Some(replaces) = replaces {
        if param(replaces, "RANGE").is_some() {
            return Err(
                "it changes all times of a series from one on (RANGE), which is not understood".to_owned()
            );
        }
        overrides.push(Override { uid: uid.clone(), replaces: moment(replaces)? });
    }
    if is_cancelled {
        return Ok(());
    }
    if all(event, "EXRULE").next().is_some() {
        return Err("it has an EXRULE, which is not understood".to_owned());
    }
    let is_day = starts.form == Form::Day;
    let rule = only(event, "RRULE")?;
    let rule = rule.map(|rule| Recurrence::unchecked(rule.val.as_str(), Some(starts.civil)));
    let rule = rule.transpose().map_err(|why| why.to_string())?;
    let label = label(event);
    let zone = starts.zone.clone();
    let (mut also, mut except) = (Vec::new(), Vec::new());
    for dates in all(event, "EXDATE") {
        for date in moments(dates)? {
            // A day cannot take away a time: without it the freeze is longer, not shorter.
            if date.form == Form::Day && !is_day {
                continue;
            }
            except.push(in_zone(&date, zone.as_ref(), is_day)?);
        }
    }
    for dates in all(event, "RDATE") {
        if param(dates, "VALUE").is_some_and(|value| value.eq_ignore_ascii_case("PERIOD")) {
            for period in dates.val.as_str().split(',') {
                let event = self::period(period, param(dates, "TZID"), &label)?;
                drafts.extend(event.map(|event| Draft { uid: String::new(), event, is_day: false }));
            }
            continue;
        }
        for date in moments(dates)? {
            also.push(in_zone(&date, zone.as_ref(), is_day)?);
        }
    }
    let Some(lasts) = lasts(event, &starts)? else { return Ok(()) };
    let event = FeedEvent { label, zone, from: starts.civil, lasts, rule, also, except };
    // What replaces one time of a series is not itself taken away by that.
    let uid = if replaces.is_some() { String::new() } else { uid };
    drafts.push(Draft { uid, event, is_day });
    Ok(())
}

/// How long an event lasts; none when it takes no time.
fn lasts(event: &Component<'_>, starts: &Moment) -> Result<Option<FeedLasts>, String> {
    match (only(event, "DTEND")?, only(event, "DURATION")?) {
        (Some(_), Some(_)) => Err("it has an end and a length".to_owned()),
        (Some(end), None) => until(starts, &moment(end)?),
        (None, Some(length)) => Ok(duration(length.val.as_str())?.map(FeedLasts::Length)),
        (None, None) if starts.form == Form::Day => Ok(Some(days(1))),
        (None, None) => Ok(None),
    }
}

fn days(count: i64) -> FeedLasts {
    FeedLasts::Clock { shown: count * 24 * 3600, passed: 0 }
}

fn until(starts: &Moment, ends: &Moment) -> Result<Option<FeedLasts>, String> {
    match (starts.form == Form::Day, ends.form == Form::Day) {
        (true, true) => {
            let count = i64::from((ends.civil.date() - starts.civil.date()).get_days());
            if count < 0 {
                return Err("it ends before it begins".to_owned());
            }
            // Some programs write the same day as the end of one day.
            Ok(Some(days(count.max(1))))
        }
        (false, false) => {
            let shown = in_zone(ends, starts.zone.as_ref(), false)?.duration_since(starts.civil).as_secs();
            let passed = match (instant(starts), instant(ends)) {
                (Some(from), Some(until)) => until.duration_since(from).as_secs(),
                (None, _) | (_, None) => shown,
            };
            if shown.max(passed) < 0 {
                return Err("it ends before it begins".to_owned());
            }
            let takes_time = shown.max(passed) > 0;
            Ok(takes_time.then_some(FeedLasts::Clock { shown: shown.max(0), passed: passed.max(0) }))
        }
        (true, false) | (false, true) => {
            Err("it begins with a day and ends with a time, or the other way".to_owned())
        }
    }
}

/// `20261224T080000Z/PT2H`, or with an end.
fn period(text: &str, tzid: Option<&str>, label: &str) -> Result<Option<FeedEvent>, String> {
    let (from, rest) = text.split_once('/').ok_or("a period has no end")?;
    let starts = of(from, tzid)?;
    let lasts = if rest.starts_with(['P', '+']) {
        duration(rest)?.map(FeedLasts::Length)
    } else {
        until(&starts, &of(rest, tzid)?)?
    };
    let event = |lasts| FeedEvent {
        label: label.to_owned(),
        zone: starts.zone.clone(),
        from: starts.civil,
        lasts,
        rule: None,
        also: Vec::new(),
        except: Vec::new(),
    };
    Ok(lasts.map(event))
}

/// `P1W`, `P2DT3H`, `PT30M` (RFC 5545 §3.3.6). None for no time at all.
fn duration(text: &str) -> Result<Option<Length>, String> {
    let bad = || format!("“{}” is no length of time", cut(text));
    let rest = text.trim().to_ascii_uppercase();
    let rest = rest.strip_prefix('+').unwrap_or(&rest).strip_prefix('P').ok_or_else(bad)?.to_owned();
    let (day_part, time_part) = match rest.split_once('T') {
        Some((day_part, time_part)) if !time_part.is_empty() => (day_part, time_part),
        Some(_) => return Err(bad()),
        None => (rest.as_str(), ""),
    };
    let only_of = |part: &str, units: &str| part.chars().all(|c| c.is_ascii_digit() || units.contains(c));
    if !only_of(day_part, "WD") || !only_of(time_part, "HMS") || (day_part.is_empty() && time_part.is_empty())
    {
        return Err(bad());
    }
    let digits = |c: &char| c.is_ascii_digit();
    if rest.chars().filter(digits).all(|c| c == '0') {
        return Ok(None);
    }
    // Units of nought say nothing, and ours are letters of the other case.
    let mut written = String::new();
    let mut count = String::new();
    for letter in day_part.chars().chain(time_part.chars()) {
        if letter.is_ascii_digit() {
            count.push(letter);
        } else {
            written += &format!("{count}{}", letter.to_ascii_lowercase());
            count.clear();
        }
    }
    if !count.is_empty() {
        return Err(bad());
    }
    written.parse().map(Some).map_err(|_| bad())
}

fn all<'a, 'b>(event: &'a Component<'b>, name: &'static str) -> impl Iterator<Item = &'a Property<'b>> {
    event.properties.iter().filter(move |property| property.name.as_str().eq_ignore_ascii_case(name))
}

/// The one property of this name, if there is one.
fn only<'a, 'b>(event: &'a Component<'b>, name: &'static str) -> Result<Option<&'a Property<'b>>, String> {
    let mut found = all(event, name);
    match (found.next(), found.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => Err(format!("it has more than one {name}")),
    }
}

fn param<'a>(property: &'a Property<'_>, name: &str) -> Option<&'a str> {
    let found = property.params.iter().find(|param| param.key.as_str().eq_ignore_ascii_case(name))?;
    found.val.as_ref().map(|value| value.as_str().trim_matches('"'))
}

fn moment(property: &Property<'_>) -> Result<Moment, String> {
    of(property.val.as_str(), param(property, "TZID"))
}

fn moments(property: &Property<'_>) -> Result<Vec<Moment>, String> {
    property.val.as_str().split(',').map(|text| of(text, param(property, "TZID"))).collect()
}

fn of(text: &str, tzid: Option<&str>) -> Result<Moment, String> {
    let (civil, form) = basic(text.trim()).ok_or_else(|| format!("“{}” is no date or time", cut(text)))?;
    let zone = match (form, tzid) {
        (Form::Day, _) | (Form::Local, None) => None,
        (Form::Utc, _) => Some(Zone::utc()),
        (Form::Local, Some(name)) => Some(
            Zone::named(name)
                .map_err(|_| format!("its time zone “{}” is none of the IANA database", cut(name)))?,
        ),
    };
    Ok(Moment { civil, form, zone })
}

/// The instant of a time in a zone, by the earlier reading.
fn instant(moment: &Moment) -> Option<jiff::Timestamp> {
    moment.zone.as_ref()?.tz().to_ambiguous_timestamp(moment.civil).earlier().ok()
}

/// What the clocks of a series show at a moment that is written for it.
fn in_zone(moment: &Moment, zone: Option<&Zone>, is_day: bool) -> Result<DateTime, String> {
    let mixed = || Err("days, times of a zone and times of none are mixed in one event".to_owned());
    match (&moment.zone, zone) {
        _ if is_day != (moment.form == Form::Day) => mixed(),
        (None, _) => Ok(moment.civil),
        (Some(own), Some(zone)) if own == zone => Ok(moment.civil),
        (Some(_), Some(zone)) => match instant(moment) {
            Some(at) => Ok(zone.tz().to_datetime(at)),
            None => mixed(),
        },
        (Some(_), None) => mixed(),
    }
}

/// What an event is called: harmless, and short enough for a card.
fn label(event: &Component<'_>) -> String {
    let summary =
        all(event, "SUMMARY").next().map(|summary| summary.val.as_str().to_owned()).unwrap_or_default();
    cut(summary.trim())
}

fn called(event: &Component<'_>) -> String {
    let date = all(event, "DTSTART").next().map(|start| cut(start.val.as_str())).unwrap_or_default();
    format!("“{}” {date}", label(event)).trim().to_owned()
}

fn cut(text: &str) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ");
    text.chars().filter(|c| !shipgate_domain::hidden::is_hidden(*c) && !c.is_control()).take(80).collect()
}
