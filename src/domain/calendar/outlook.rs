//! What a calendar will say to one service in one environment, as data for people: stretches of time with everything
//! that holds in them, and what opens and closes next, with the reason. Not here: what a gate makes of it (`gates`), or
//! any sentence (`app::outlook`).

use super::schedule::later;
use super::{Calendar, FreezeId, Opening};
use jiff::{SignedDuration, Timestamp};

/// A calendar as one service in one environment sees it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// All schedules and freezes.
    pub calendar: &'a Calendar,
    /// The environment's name.
    pub environment: &'a str,
    /// The service's name.
    pub service: &'a str,
    /// The environment's schedule; none means any time.
    pub schedule: Option<&'a str>,
}

/// What holds at an instant: the strictest of schedule and freezes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    /// Deploys start.
    Open,
    /// Only emergencies, once people agreed.
    EmergencyOnly,
    /// Outside of every window.
    Closed,
    /// A freeze, whatever the schedule says.
    Frozen,
}

impl Holds {
    /// All of them, the most open first.
    pub const ALL: [Self; 4] = [Self::Open, Self::EmergencyOnly, Self::Closed, Self::Frozen];

    fn of(opening: Opening, is_frozen: bool) -> Self {
        match opening {
            _ if is_frozen => Self::Frozen,
            Opening::Open => Self::Open,
            Opening::EmergencyOnly => Self::EmergencyOnly,
            Opening::Closed => Self::Closed,
        }
    }

    /// The word for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::EmergencyOnly => "emergency_only",
            Self::Closed => "closed",
            Self::Frozen => "frozen",
        }
    }
}

/// A freeze that holds, with the whole time for which it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The freeze.
    pub id: FreezeId,
    /// Its name.
    pub name: String,
    /// Inside.
    pub from: Timestamp,
    /// Outside; none means that somebody must end it.
    pub until: Option<Timestamp>,
    /// Why somebody added it; none where it stands in the settings.
    pub reason: Option<String>,
    /// Why nobody can say whether it holds: it counts as if it did, and `from` says nothing.
    pub unreadable: Option<String>,
}

/// A stretch of time in which everything stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Inside.
    pub from: Timestamp,
    /// Outside.
    pub until: Timestamp,
    /// What the schedule says.
    pub opening: Opening,
    /// Every freeze that holds, in the order in which they began.
    pub freezes: Vec<Held>,
}

impl Stretch {
    /// Schedule and freezes together.
    #[must_use]
    pub fn holds(&self) -> Holds {
        Holds::of(self.opening, !self.freezes.is_empty())
    }

    /// Whether nobody can say if it is open: it counts as frozen, for calendars that cannot be read and nothing else.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.opening == Opening::Open
            && !self.freezes.is_empty()
            && self.freezes.iter().all(|held| held.unreadable.is_some())
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        self.until.duration_since(self.from)
    }
}

/// How much of a time something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Never in it.
    None,
    /// For some of it.
    Some,
    /// For all of it.
    All,
}

impl Part {
    fn and(self, holds: bool) -> Self {
        match (self, holds) {
            (Self::None, false) => Self::None,
            (Self::All, true) => Self::All,
            (Self::None | Self::Some | Self::All, _) => Self::Some,
        }
    }
}

/// Why it opens or closes at an instant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A window of the schedule ends; what it says from then on.
    WindowEnds(Opening),
    /// A window of the schedule begins.
    WindowOpens,
    /// A freeze begins.
    FreezeBegins(String),
    /// A freeze ends.
    FreezeEnds(String),
}

/// An instant at which it opens or closes, with every reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// Why; never empty.
    pub causes: Vec<Cause>,
}

/// What comes next, from an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Whether a deploy that is judged then would pass schedule and freezes.
    pub is_open: bool,
    /// When it opens next; none within the calendar's reach where there is none.
    pub opening: Option<Turn>,
    /// When it closes next; none when nothing in the calendar's reach closes it.
    pub closing: Option<Turn>,
}

/// A time in which no ordinary deploy starts, from one open stretch to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    /// Inside.
    pub from: Timestamp,
    /// Outside.
    pub until: Timestamp,
    /// Why it closes; empty when it was closed before the outlook begins.
    pub begins: Vec<Cause>,
    /// Why it opens again; empty when it does not before the outlook ends.
    pub ends: Vec<Cause>,
    /// The freezes in it, each name once.
    pub freezes: Vec<Held>,
    /// For how much of it an emergency could pass without an override.
    pub emergency_hours: Part,
    /// For how much of it the schedule alone would close it.
    pub outside_windows: Part,
    /// For how much of it nobody can say whether it is closed.
    pub unknown: Part,
}

/// How much of an outlook each answer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Open.
    pub open: SignedDuration,
    /// Emergencies only.
    pub emergency_only: SignedDuration,
    /// Outside of every window.
    pub closed: SignedDuration,
    /// Frozen, what nobody can say among it.
    pub frozen: SignedDuration,
    /// How much of the frozen time is frozen only because a calendar cannot be read.
    pub unknown: SignedDuration,
}

impl Sums {
    /// The time of one answer.
    #[must_use]
    pub fn of(&self, holds: Holds) -> SignedDuration {
        match holds {
            Holds::Open => self.open,
            Holds::EmergencyOnly => self.emergency_only,
            Holds::Closed => self.closed,
            Holds::Frozen => self.frozen,
        }
    }
}

/// Everything from one instant to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Inside.
    pub from: Timestamp,
    /// Outside.
    pub until: Timestamp,
    /// Without a gap, in order; neighbours differ.
    pub stretches: Vec<Stretch>,
}

impl View<'_> {
    /// All of `[from, until)`. None where that leaves the calendar's reach: what is unknown is neither open nor closed.
    #[must_use]
    pub fn outlook(&self, from: Timestamp, until: Timestamp) -> Option<Outlook> {
        let spans = self.calendar.spans(self.environment, self.service, self.schedule, from, until);
        let stretches: Vec<Stretch> = spans
            .into_iter()
            .map(|span| Stretch {
                from: span.from,
                until: span.until,
                opening: span.opening,
                freezes: self.held(span.from),
            })
            .collect();
        (!stretches.is_empty()).then_some(Outlook { from, until, stretches })
    }

    /// What holds at an instant, and what opens and closes next. None where the instant is out of the calendar's reach.
    #[must_use]
    pub fn ahead(&self, at: Timestamp) -> Option<Ahead> {
        if !self.calendar.covers(at) {
            return None;
        }
        let starts = |at| self.calendar.next_start(self.environment, self.service, self.schedule, at, false);
        let is_open = starts(at) == Some(at);
        let (opening, closing) = if is_open {
            let closing = self.first_close(at);
            (closing.and_then(starts), closing)
        } else {
            let opening = starts(at);
            (opening, opening.and_then(|opening| self.first_close(opening)))
        };
        let turn = |at: Timestamp| Turn { at, causes: self.causes(at) };
        Some(Ahead { is_open, opening: opening.map(turn), closing: closing.map(turn) })
    }

    /// The freezes that hold at an instant.
    #[must_use]
    pub fn held(&self, at: Timestamp) -> Vec<Held> {
        let active = self.calendar.freezes_at(self.environment, self.service, at);
        let held = active.into_iter().map(|found| Held {
            id: found.freeze.id.clone(),
            name: found.title(),
            from: found.from,
            until: found.until,
            reason: found.reason().map(str::to_owned),
            unreadable: found.unreadable.map(str::to_owned),
        });
        held.collect()
    }

    /// When it closes, asked at an instant at which it is open.
    fn first_close(&self, at: Timestamp) -> Option<Timestamp> {
        let (_, window) = self.calendar.opening(self.schedule, at);
        let freeze = self.calendar.next_hold(self.environment, self.service, at);
        [window, freeze].into_iter().flatten().min()
    }

    /// What changes at an instant.
    fn causes(&self, at: Timestamp) -> Vec<Cause> {
        let just_before = later(at, SignedDuration::from_nanos(-1));
        let state = |at| (self.calendar.opening(self.schedule, at).0, self.held(at));
        let (before, after) = (state(just_before), state(at));
        changes((before.0, &before.1), (after.0, &after.1))
    }
}

/// What differs between one moment and the next, the schedule first.
fn changes(before: (Opening, &[Held]), after: (Opening, &[Held])) -> Vec<Cause> {
    let mut causes = Vec::new();
    if before.0 != after.0 {
        causes.push(match after.0 {
            Opening::Open => Cause::WindowOpens,
            Opening::EmergencyOnly | Opening::Closed => Cause::WindowEnds(after.0),
        });
    }
    let missing = |from: &[Held], held: &Held| !from.iter().any(|other| other.id == held.id);
    let begun = after.1.iter().filter(|held| missing(before.1, held));
    causes.extend(begun.map(|held| Cause::FreezeBegins(held.name.clone())));
    let ended = before.1.iter().filter(|held| missing(after.1, held));
    causes.extend(ended.map(|held| Cause::FreezeEnds(held.name.clone())));
    causes
}

impl Outlook {
    /// The stretch that an instant belongs to.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<&Stretch> {
        let begun = self.stretches.partition_point(|stretch| stretch.from <= at);
        let last = begun.checked_sub(1).and_then(|index| self.stretches.get(index))?;
        (at < last.until).then_some(last)
    }

    /// How much of it is open, for emergencies only, closed and frozen; together all of it.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for stretch in &self.stretches {
            let sum = match stretch.holds() {
                Holds::Open => &mut sums.open,
                Holds::EmergencyOnly => &mut sums.emergency_only,
                Holds::Closed => &mut sums.closed,
                Holds::Frozen => &mut sums.frozen,
            };
            *sum = sum.saturating_add(stretch.length());
            if stretch.is_unknown() {
                sums.unknown = sums.unknown.saturating_add(stretch.length());
            }
        }
        sums
    }

    /// Every time that is not open, with why it begins and ends.
    #[must_use]
    pub fn closures(&self) -> Vec<Closure> {
        let mut found: Vec<Closure> = Vec::new();
        let mut before: Option<&Stretch> = None;
        for stretch in &self.stretches {
            let is_open = stretch.holds() == Holds::Open;
            let was_open = before.is_none_or(|before| before.holds() == Holds::Open);
            let causes = before.map(|before| {
                changes((before.opening, &before.freezes), (stretch.opening, &stretch.freezes))
            });
            match (is_open, was_open, found.last_mut()) {
                (true, false, Some(closure)) => closure.ends = causes.unwrap_or_default(),
                (true, _, _) => {}
                (false, false, Some(closure)) => closure.take_in(stretch),
                (false, _, _) => {
                    let part = |holds| if holds { Part::All } else { Part::None };
                    found.push(Closure {
                        from: stretch.from,
                        until: stretch.until,
                        begins: causes.unwrap_or_default(),
                        ends: Vec::new(),
                        freezes: stretch.freezes.clone(),
                        emergency_hours: part(stretch.holds() == Holds::EmergencyOnly),
                        outside_windows: part(stretch.opening != Opening::Open),
                        unknown: part(stretch.is_unknown()),
                    });
                }
            }
            before = Some(stretch);
        }
        found
    }
}

impl Closure {
    /// How long it is.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        self.until.duration_since(self.from)
    }

    fn take_in(&mut self, stretch: &Stretch) {
        self.until = stretch.until;
        self.emergency_hours = self.emergency_hours.and(stretch.holds() == Holds::EmergencyOnly);
        self.outside_windows = self.outside_windows.and(stretch.opening != Opening::Open);
        self.unknown = self.unknown.and(stretch.is_unknown());
        for held in &stretch.freezes {
            if !self.freezes.iter().any(|known| known.name == held.name) {
                self.freezes.push(held.clone());
            }
        }
    }
}
