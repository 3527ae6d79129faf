//! The calendar in a form that answers quickly. Not here: what windows and freezes mean (`schedule`, `freeze`).

use super::schedule::later;
use super::{Feeds, Freeze, FreezeId, FreezeOrigin, FreezeWhen, Opening, Schedule};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A deploy that is judged now may send its first byte this much later, and nothing is sent after that; a freeze that
/// begins in between counts. Source: invariant S5.
pub const START_MARGIN: SignedDuration = SignedDuration::from_secs(30);

const BACK: SignedDuration = SignedDuration::from_hours(366 * 24);
const AHEAD: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);
/// Occurrences up to this long are found by when they start; the few longer ones are looked at one by one.
const SHORT: SignedDuration = SignedDuration::from_hours(40 * 24);

/// All schedules and freezes, computed as instants from one year before to two years after the instant of compilation.
///
/// Compile again when a rule changes, and when [`Calendar::covers`] says that an instant is out of reach: out there,
/// freezes that repeat are unknown.
#[derive(Clone, Debug)]
pub struct Calendar {
    from: Timestamp,
    until: Timestamp,
    schedules: BTreeMap<String, Compiled>,
    freezes: Vec<Freeze>,
    /// Sorted by start.
    short: Vec<Occurrence>,
    /// Sorted by start.
    long: Vec<Occurrence>,
    /// What occurrences are called besides, and why they cannot be read.
    texts: Vec<String>,
    good_until: Timestamp,
}

#[derive(Clone, Debug)]
struct Compiled {
    schedule: Schedule,
    /// What holds from when; the first begins with the calendar.
    segments: Vec<(Timestamp, Opening)>,
}

#[derive(Clone, Copy, Debug)]
struct Occurrence {
    from: Timestamp,
    /// `Timestamp::MAX` where there is no end.
    until: Timestamp,
    freeze: usize,
    /// Its place in `texts`.
    text: Option<usize>,
    is_unreadable: bool,
}

/// One time that a freeze holds. Freezes that repeat have many; those that overlap or touch are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreezeOccurrence<'a> {
    /// The rule.
    pub freeze: &'a Freeze,
    /// Inside.
    pub from: Timestamp,
    /// Outside; none means that somebody must end it.
    pub until: Option<Timestamp>,
    /// What this one is called besides: the holidays in it.
    pub label: Option<&'a str>,
    /// Why nobody can say whether the freeze holds: it counts as if it did.
    pub unreadable: Option<&'a str>,
}

/// The occurrence of a freeze that an answer is about.
pub type ActiveFreeze<'a> = FreezeOccurrence<'a>;

impl FreezeOccurrence<'_> {
    /// The same for the same freeze and start, in every process and after every restart.
    #[must_use]
    pub fn key(&self) -> String {
        // What nobody can read has no beginning: what people agreed to pass stays the same while it lasts.
        match self.unreadable {
            Some(_) => format!("{}@unreadable", self.freeze.id),
            None => format!("{}@{}", self.freeze.id, self.from),
        }
    }

    /// Why somebody added it in chat.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.freeze.origin {
            FreezeOrigin::Chat { reason, .. } => Some(reason.trim()).filter(|reason| !reason.is_empty()),
            FreezeOrigin::Settings => None,
        }
    }

    /// What people are told: `Month end`, `Public holidays: Christmas Day`.
    #[must_use]
    pub fn title(&self) -> String {
        let name = &self.freeze.name;
        match (self.unreadable, self.label) {
            (Some(_), _) => format!("{name} (cannot be read)"),
            (None, Some(label)) => format!("{name}: {label}"),
            (None, None) => name.clone(),
        }
    }
}

/// A stretch of time in which the calendar's answer stays the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarSpan {
    /// Inside.
    pub from: Timestamp,
    /// Outside.
    pub until: Timestamp,
    /// What the schedule says.
    pub opening: Opening,
    /// The freezes that hold, by id and name.
    pub freezes: Vec<(FreezeId, String)>,
}

impl CalendarSpan {
    /// Whether a deploy may start in it.
    #[must_use]
    pub fn lets_through(&self, emergency: bool) -> bool {
        self.freezes.is_empty() && self.opening.lets_through(emergency)
    }
}

impl Calendar {
    /// Computes all instants from one year before `around` to two years after it. Calendars that others keep count as
    /// unreadable.
    #[must_use]
    pub fn compile(schedules: &BTreeMap<String, Schedule>, freezes: &[Freeze], around: Timestamp) -> Self {
        Self::compile_with(schedules, freezes, &Feeds::new(), around)
    }

    /// The same with the calendars that others keep, as they are known at `around`. Good until [`Self::good_until`].
    #[must_use]
    pub fn compile_with(
        schedules: &BTreeMap<String, Schedule>,
        freezes: &[Freeze],
        feeds: &Feeds,
        around: Timestamp,
    ) -> Self {
        let (from, until) = (later(around, -BACK), later(around, AHEAD));
        let compiled = |schedule: &Schedule| Compiled {
            schedule: schedule.clone(),
            segments: schedule.segments(from, until),
        };
        let (mut occurrences, mut texts): (Vec<Occurrence>, Vec<String>) = (Vec::new(), Vec::new());
        for (index, freeze) in freezes.iter().enumerate() {
            for stretch in freeze.stretches(feeds, from, until, around) {
                let is_unreadable = stretch.unreadable.is_some();
                let text = stretch.unreadable.or(stretch.label).map(|text| {
                    texts.push(text);
                    texts.len() - 1
                });
                let (from, until) = (stretch.from, stretch.until);
                occurrences.push(Occurrence { from, until, freeze: index, text, is_unreadable });
            }
        }
        occurrences.sort_by_key(|occurrence| (occurrence.from, occurrence.freeze));
        let (short, long) = occurrences.into_iter().partition(|o| o.until.duration_since(o.from) <= SHORT);
        Self {
            from,
            until,
            schedules: schedules.iter().map(|(name, schedule)| (name.clone(), compiled(schedule))).collect(),
            freezes: freezes.to_vec(),
            short,
            long,
            texts,
            good_until: good_until(freezes, feeds, around),
        }
    }

    /// From when on a calendar that others keep is too old to be believed: then this one must be compiled anew.
    #[must_use]
    pub fn good_until(&self) -> Timestamp {
        self.good_until
    }

    /// Whether an instant, with the guard after it, is in reach. Where it is not, no answer may open a gate.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && later(at, START_MARGIN) < self.until
    }

    /// All freezes the calendar was compiled from.
    #[must_use]
    pub fn freezes(&self) -> &[Freeze] {
        &self.freezes
    }

    /// The schedule of this name.
    #[must_use]
    pub fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.schedules.get(name).map(|compiled| &compiled.schedule)
    }

    /// Freezes that hold for a service in an environment at an instant, in the order in which they began. Those of which
    /// nobody can say whether they hold are among them.
    #[must_use]
    pub fn freezes_at(&self, environment: &str, service: &str, at: Timestamp) -> Vec<ActiveFreeze<'_>> {
        self.freezes_between(environment, service, at, at)
    }

    /// Freezes that hold at some instant from `from` to `until`, both of them included. The gate asks for now until
    /// now + [`START_MARGIN`].
    #[must_use]
    pub fn freezes_between(
        &self,
        environment: &str,
        service: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<ActiveFreeze<'_>> {
        let found =
            self.touching(from, until).filter(|o| self.freezes[o.freeze].scope.covers(environment, service));
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|occurrence| (occurrence.from, occurrence.freeze));
        found.into_iter().map(|occurrence| self.active(occurrence)).collect()
    }

    /// The next freeze that begins after an instant, as far as the calendar reaches.
    #[must_use]
    pub fn next_freeze(&self, environment: &str, service: &str, at: Timestamp) -> Option<ActiveFreeze<'_>> {
        let next = self.next_occurrence(environment, service, at, |o| !o.is_unreadable)?;
        Some(self.active(&next))
    }

    /// When a freeze begins next, or nobody can say any more whether one holds: from then on nothing starts.
    #[must_use]
    pub fn next_hold(&self, environment: &str, service: &str, at: Timestamp) -> Option<Timestamp> {
        Some(self.next_occurrence(environment, service, at, |_| true)?.from)
    }

    fn next_occurrence(
        &self,
        environment: &str,
        service: &str,
        at: Timestamp,
        counts: impl Fn(&Occurrence) -> bool,
    ) -> Option<Occurrence> {
        let first = |list: &'_ [Occurrence]| {
            let begun = list.partition_point(|occurrence| occurrence.from <= at);
            let mut ahead = list[begun..].iter();
            ahead.find(|o| counts(o) && self.freezes[o.freeze].scope.covers(environment, service)).copied()
        };
        let soonest = [first(&self.short), first(&self.long)].into_iter().flatten();
        soonest.min_by_key(|occurrence| (occurrence.from, occurrence.freeze))
    }

    /// Whether nobody can say at an instant whether a freeze holds.
    #[must_use]
    pub fn is_unreadable(&self, freeze: &FreezeId, at: Timestamp) -> bool {
        self.touching(at, at).any(|o| o.is_unreadable && self.freezes[o.freeze].id == *freeze)
    }

    /// What a schedule says at an instant, and when that changes. No schedule is always open; one that the calendar
    /// does not know is closed, as nobody can say when it would be open.
    #[must_use]
    pub fn opening(&self, schedule: Option<&str>, at: Timestamp) -> (Opening, Option<Timestamp>) {
        let Some(name) = schedule else { return (Opening::Open, None) };
        let Some(compiled) = self.schedules.get(name) else { return (Opening::Closed, None) };
        if at < self.from || at >= self.until {
            let schedule = &compiled.schedule;
            return (schedule.at(at), schedule.next_change(at).map(|(change, _)| change));
        }
        let next = compiled.segments.partition_point(|segment| segment.0 <= at);
        let opening = compiled.segments[next - 1].1; // the first segment begins with the calendar
        match compiled.segments.get(next) {
            Some((change, _)) => (opening, Some(*change)),
            // The last segment goes on past the horizon.
            None => (opening, compiled.schedule.next_change(at).map(|(change, _)| change)),
        }
    }

    /// The earliest instant at or after `at` at which the schedule lets a deploy through and no freeze holds, nor
    /// begins within [`START_MARGIN`]. None if the calendar has no such instant: an open-ended freeze, an unknown
    /// schedule, or rules that leave no gap for two years.
    #[must_use]
    pub fn next_start(
        &self,
        environment: &str,
        service: &str,
        schedule: Option<&str>,
        at: Timestamp,
        emergency: bool,
    ) -> Option<Timestamp> {
        let mut candidate = at;
        while self.covers(candidate) {
            let (opening, change) = self.opening(schedule, candidate);
            if !opening.lets_through(emergency) {
                candidate = change?;
                continue;
            }
            let guarded = later(candidate, START_MARGIN);
            let freezes = self
                .touching(candidate, guarded)
                .filter(|o| self.freezes[o.freeze].scope.covers(environment, service));
            match freezes.map(|occurrence| occurrence.until).max() {
                None => return Some(candidate),
                Some(until) => candidate = until, // an open-ended freeze leads out of reach
            }
        }
        None
    }

    /// The stretches of `[from, until)` in order, each with what the schedule says and which freezes hold. Neighbours
    /// differ. Empty if the range is, or if it leaves the calendar's reach.
    #[must_use]
    pub fn spans(
        &self,
        environment: &str,
        service: &str,
        schedule: Option<&str>,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<CalendarSpan> {
        if from < self.from || until > self.until {
            return Vec::new();
        }
        let freezes = self.freezes_between(environment, service, from, until);
        let mut cuts = vec![from];
        cuts.extend(freezes.iter().flat_map(|freeze| [Some(freeze.from), freeze.until]).flatten());
        if let Some(compiled) = schedule.and_then(|name| self.schedules.get(name)) {
            let begun = compiled.segments.partition_point(|segment| segment.0 <= from);
            cuts.extend(
                compiled.segments[begun..].iter().map(|segment| segment.0).take_while(|cut| *cut < until),
            );
        }
        cuts.retain(|cut| (from..until).contains(cut));
        cuts.sort_unstable();
        cuts.dedup();
        let mut spans: Vec<CalendarSpan> = Vec::new();
        for cut in cuts {
            let active = freezes.iter().filter(|f| f.from <= cut && f.until.is_none_or(|until| until > cut));
            let freezes: Vec<_> = active.map(|f| (f.freeze.id.clone(), f.title())).collect();
            let (opening, _) = self.opening(schedule, cut);
            match spans.last_mut() {
                Some(last) if last.opening == opening && last.freezes == freezes => {}
                last => {
                    if let Some(last) = last {
                        last.until = cut;
                    }
                    spans.push(CalendarSpan { from: cut, until, opening, freezes });
                }
            }
        }
        spans
    }

    /// All occurrences that touch `[from, until)`, of every environment and service, in the order in which they begin.
    /// Without times of which nobody can say whether they are frozen: nothing starts or ends there.
    #[must_use]
    pub fn occurrences(&self, from: Timestamp, until: Timestamp) -> Vec<FreezeOccurrence<'_>> {
        let mut found: Vec<_> = self
            .touching(from, until)
            .filter(|occurrence| occurrence.from < until && !occurrence.is_unreadable)
            .collect();
        found.sort_by_key(|occurrence| (occurrence.from, occurrence.freeze));
        found.into_iter().map(|occurrence| self.active(occurrence)).collect()
    }

    /// The freezes of which nobody can say whether they hold at an instant.
    #[must_use]
    pub fn unreadable(&self, at: Timestamp) -> Vec<FreezeOccurrence<'_>> {
        self.unreadable_between(at, at)
    }

    /// The times of `[from, until]` of which nobody can say whether they are frozen, of every environment and service.
    #[must_use]
    pub fn unreadable_between(&self, from: Timestamp, until: Timestamp) -> Vec<FreezeOccurrence<'_>> {
        let found = self.touching(from, until).filter(|occurrence| occurrence.is_unreadable);
        found.map(|occurrence| self.active(occurrence)).collect()
    }

    /// How far the calendar reaches: what ends later is not known to end.
    #[must_use]
    pub fn reach(&self) -> Timestamp {
        self.until
    }

    /// Occurrences that hold at some instant of `[from, until]`.
    fn touching(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = &Occurrence> {
        let oldest = later(from, -SHORT);
        let first = self.short.partition_point(|occurrence| occurrence.from < oldest);
        let near = self.short[first..].iter().take_while(move |occurrence| occurrence.from <= until);
        let far = self.long.iter().take_while(move |occurrence| occurrence.from <= until);
        near.chain(far).filter(move |occurrence| occurrence.until > from)
    }

    fn active(&self, occurrence: &Occurrence) -> ActiveFreeze<'_> {
        let until = (occurrence.until < Timestamp::MAX).then_some(occurrence.until);
        let text = occurrence.text.map(|text| self.texts[text].as_str());
        ActiveFreeze {
            freeze: &self.freezes[occurrence.freeze],
            from: occurrence.from,
            until,
            label: text.filter(|_| !occurrence.is_unreadable),
            unreadable: text.filter(|_| occurrence.is_unreadable),
        }
    }
}

/// When the first calendar of others that can be believed now no longer can.
fn good_until(freezes: &[Freeze], feeds: &Feeds, now: Timestamp) -> Timestamp {
    let ends = freezes.iter().filter_map(|freeze| match &freeze.when {
        FreezeWhen::Feed { max_age, .. } => feeds.get(&freeze.id)?.good_until(*max_age),
        FreezeWhen::Dates { .. }
        | FreezeWhen::Cron { .. }
        | FreezeWhen::Rule { .. }
        | FreezeWhen::On { .. }
        | FreezeWhen::Holidays { .. }
        | FreezeWhen::Instants { .. } => None,
    });
    ends.filter(|end| *end > now).min().unwrap_or(Timestamp::MAX)
}
