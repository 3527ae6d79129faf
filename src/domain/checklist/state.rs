//! Where a checklist stands: which items people ticked, and which the facts did. Not here: reading the facts; they are
//! what the gates said of them.

use super::{Checklist, Fact, Item, Part, Stroke, who};
use crate::deploy::{Deploy, Outcome, State};
use crate::facts::{Crossing, Read};
use crate::gates::{Answer, Gate, Reason, Verdict};
use crate::glob::fits_name;
use crate::ids::PersonId;
use crate::people::{Memberships, Standing as Membership};
use crate::policy::{Environment, Policy, Service};
use crate::run::{Conclusion, Standing};
use jiff::Timestamp;

/// One item and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a> {
    /// When it is due.
    pub part: Part,
    /// The item.
    pub item: &'a Item,
    /// Where it stands.
    pub stand: Stand,
}

/// Where an item stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Stand {
    /// A fact ticked it.
    Proven(Evidence),
    /// Somebody who may ticked it.
    Ticked {
        /// Who.
        by: PersonId,
        /// When.
        at: Timestamp,
    },
    /// People are to tick it.
    Open,
    /// A fact will, once it is so.
    Unproven,
    /// Nobody can say whether it is so, or whether it is asked for, or whether whoever ticked it may.
    Unknown(String),
}

impl Stand {
    /// Whether it is ticked.
    #[must_use]
    pub fn is_ticked(&self) -> bool {
        matches!(self, Stand::Proven(_) | Stand::Ticked { .. })
    }
    /// Whether it is for people to tick, or they did.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        matches!(self, Stand::Open | Stand::Ticked { .. })
    }
}

/// What ticked an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// What a gate said.
    Gate(Box<Verdict>),
    /// Every migration has a way down.
    WayDown {
        /// How many there are.
        count: usize,
    },
    /// The run, since then.
    Run {
        /// When it was bound, or when it ended.
        at: Timestamp,
        /// Its page.
        url: Option<String>,
    },
    /// A job of the run.
    Job {
        /// Its name.
        name: String,
        /// Its page.
        url: Option<String>,
    },
    /// The announcement of the result: it is written down together with the end, and tried until it stands.
    Announced {
        /// When the deploy ended.
        at: Timestamp,
    },
}

/// What a fact says.
enum Said {
    Yes(Evidence),
    /// Not so, or not yet.
    No,
    /// The environment does not ask for it, so nobody knows but people.
    Nobody,
    Unknown(String),
}

/// Every item that the list has for this deploy, with where it stands. `verdict`: what a gate says of it now, or said
/// when its start was decided; none when it has nothing to say.
#[must_use]
pub fn lines<'a>(
    deploy: &Deploy,
    policy: &Policy,
    (environment, service): (&'a Environment, &Service),
    verdict: &dyn Fn(Gate) -> Option<Verdict>,
) -> Vec<Line<'a>> {
    let Some(list) = environment.preflight.checklist.as_ref().filter(|_| deploy.puts_in_place()) else {
        return Vec::new();
    };
    let seen = Seen { deploy, policy, environment, service, verdict };
    seen.lines(list)
}

struct Seen<'a> {
    deploy: &'a Deploy,
    policy: &'a Policy,
    environment: &'a Environment,
    service: &'a Service,
    verdict: &'a dyn Fn(Gate) -> Option<Verdict>,
}

impl Seen<'_> {
    fn lines<'b>(&self, list: &'b Checklist) -> Vec<Line<'b>> {
        let migrations = self.migrations();
        let mut lines = Vec::new();
        for (part, item) in list.items() {
            let stand = match &migrations {
                Some(Read::Known(crossing)) if item.with_migrations && is_empty(crossing) => continue,
                None if item.with_migrations => continue,
                Some(Read::Unknown(why)) if item.with_migrations => Stand::Unknown(why.clone()),
                _ => self.stand(part, item, migrations.as_ref()),
            };
            lines.push(Line { part, item, stand });
        }
        lines
    }

    /// The migrations of the change; none where nobody looks for them.
    fn migrations(&self) -> Option<Read<Crossing>> {
        if self.service.preflight.migrations.is_empty() {
            return None;
        }
        let read = self.deploy.outside.as_ref().and_then(|o| o.preflight.migrations.clone());
        let unread = || Read::Unknown("whether there are migrations was not read yet".to_owned());
        Some(read.unwrap_or_else(unread))
    }

    fn stand(&self, part: Part, item: &Item, migrations: Option<&Read<Crossing>>) -> Stand {
        let said = item.fact.as_ref().map_or(Said::Nobody, |fact| self.said(fact, migrations));
        match said {
            Said::Yes(evidence) => Stand::Proven(evidence),
            Said::No => Stand::Unproven,
            Said::Unknown(why) => Stand::Unknown(why),
            Said::Nobody => self.by_people(part, item),
        }
    }

    /// Membership is judged as it is now, not as it was at the press; once the start is decided, as it was then. Who
    /// ticks later was asked for at the press, and nothing waits for it.
    fn by_people(&self, part: Part, item: &Item) -> Stand {
        let nothing = Memberships::default();
        let outside = self.deploy.outside.as_ref().map_or(&nothing, |o| &o.memberships);
        let groups = who(self.environment, item);
        let mut unknown = None;
        for tick in self.deploy.ticks_of(&item.text) {
            let person = self.policy.person_of(&tick.account);
            if part != Part::Before {
                return Stand::Ticked { by: person, at: tick.at };
            }
            match (outside.still_counts(&tick.account), self.policy.standing(&person, &groups, outside)) {
                (Ok(true), Membership::Member) => return ticked(tick, person),
                (Ok(false), _) | (Ok(true), Membership::Stranger) => {}
                (Err(why), _) | (Ok(true), Membership::Unknown(why)) => unknown = Some(why),
            }
        }
        unknown.map_or(Stand::Open, Stand::Unknown)
    }

    fn said(&self, fact: &Fact, migrations: Option<&Read<Crossing>>) -> Said {
        match fact {
            Fact::Checks => self.gate(Gate::Checks),
            Fact::Reviews => self.gate(Gate::Review),
            Fact::After => self.gate(Gate::Order),
            Fact::Approvals => self.gate(Gate::Approvals),
            Fact::Migrations => self.gate(Gate::Migrations),
            Fact::Artifact => self.gate(Gate::Artifact),
            Fact::Window => match (self.gate(Gate::Schedule), self.gate(Gate::Freeze)) {
                (Said::Yes(evidence), Said::Yes(_)) => Said::Yes(evidence),
                (Said::Unknown(why), _) | (_, Said::Unknown(why)) => Said::Unknown(why),
                (Said::No, _) | (_, Said::No) => Said::No,
                // Nobody asks for a window, or people agreed to do without: they say whether this is one.
                (Said::Nobody, _) | (_, Said::Nobody) => Said::Nobody,
            },
            Fact::WayDown => way_down(migrations),
            Fact::Started => match self.bound() {
                Some(at) => Said::Yes(self.run(at)),
                None => Said::No,
            },
            Fact::Succeeded => match &self.deploy.state {
                State::Done { outcome: Outcome::Succeeded, at, .. } => Said::Yes(self.run(*at)),
                State::Requested { .. }
                | State::Waiting { .. }
                | State::Dispatching { .. }
                | State::Running { .. }
                | State::Done { .. } => Said::No,
            },
            Fact::Job(name) => self.job(name),
            Fact::Announced => match &self.deploy.state {
                State::Done { at, ran: Some(_), .. } => Said::Yes(Evidence::Announced { at: *at }),
                State::Requested { .. }
                | State::Waiting { .. }
                | State::Dispatching { .. }
                | State::Running { .. }
                | State::Done { .. } => Said::No,
            },
        }
    }

    fn bound(&self) -> Option<Timestamp> {
        match &self.deploy.state {
            State::Running { since, .. } => Some(*since),
            State::Done { ran: Some(ran), .. } => Some(ran.since),
            State::Requested { .. }
            | State::Waiting { .. }
            | State::Dispatching { .. }
            | State::Done { .. } => None,
        }
    }

    fn run(&self, at: Timestamp) -> Evidence {
        Evidence::Run { at, url: self.deploy.run().and_then(|run| run.url.clone()) }
    }

    /// Every job of the name must have succeeded, and there must be one.
    fn job(&self, name: &str) -> Said {
        let jobs = self.deploy.progress().map(|progress| progress.jobs.as_slice()).unwrap_or_default();
        let mut named = jobs.iter().filter(|job| fits_name(name, &job.name)).peekable();
        let Some(first) = named.peek().copied() else { return Said::No };
        let has_succeeded = |standing: &Standing| *standing == Standing::Ended(Conclusion::Success);
        if named.all(|job| has_succeeded(&job.standing)) {
            Said::Yes(Evidence::Job { name: first.name.clone(), url: first.url.clone() })
        } else {
            Said::No
        }
    }

    /// A gate may be open because nothing is asked of it: that proves nothing.
    fn gate(&self, gate: Gate) -> Said {
        let Some(verdict) = (self.verdict)(gate) else { return Said::Nobody };
        let is_unasked = matches!(
            verdict.reason,
            Reason::NoChecks
                | Reason::NoReviewsRequired { .. }
                | Reason::NoOrder
                | Reason::NoApprovals
                | Reason::NotForRollback
                | Reason::NoSchedule
                | Reason::Overridden { .. }
                | Reason::EmergencyHours { .. }
                | Reason::MigrationsShown { .. }
                | Reason::AcrossMigrations { .. }
        );
        match verdict.answer {
            Answer::Open if is_unasked => Said::Nobody,
            Answer::Open => Said::Yes(Evidence::Gate(Box::new(verdict))),
            Answer::Waiting | Answer::Closed if verdict.reason.is_unreadable() => {
                Said::Unknown(format!("{} cannot be read now", gate.as_str().to_lowercase()))
            }
            Answer::Waiting | Answer::Closed => Said::No,
        }
    }
}

fn ticked(tick: &Stroke, by: PersonId) -> Stand {
    Stand::Ticked { by, at: tick.at }
}

fn is_empty(crossing: &Crossing) -> bool {
    crossing.come.is_empty() && crossing.left.is_empty()
}

/// Where a migration has no way down, only people can say what is done then.
fn way_down(migrations: Option<&Read<Crossing>>) -> Said {
    match migrations {
        None => Said::Nobody,
        Some(Read::Unknown(why)) => Said::Unknown(why.clone()),
        Some(Read::Known(crossing)) => {
            let mut all = crossing.come.iter().chain(&crossing.left);
            if all.any(|migration| migration.one_way) {
                return Said::Nobody;
            }
            Said::Yes(Evidence::WayDown { count: crossing.come.len() + crossing.left.len() })
        }
    }
}
