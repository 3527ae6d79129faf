//! The lives of all deploys, told by the record alone. Not here: how a deploy changes (`deploy::step`): this reads the
//! stored text and shares no code with what writes it, so that a mistake there shows here.

mod course;
mod place;
mod told;

pub use place::{Place, Seen};

use super::finding::{Finding, FindingKind};
use super::{Ledger, Row, Stored};
use crate::deploy::Deploy;
use crate::ids::DeployId;
use course::{lands, may_follow, question};
use jiff::Timestamp;
use place::OpenSeen;
use std::collections::{BTreeMap, BTreeSet};
use told::{Data, Head, Told, data_of};

/// What is left of a checklist may be ticked so long after the end. Written down a second time on purpose.
const MARKS_LAST: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// One deploy's life so far.
#[derive(Clone, Debug)]
struct Life {
    place: Place,
    revision: u64,
    /// Until when what is left of its checklist may be ticked, once it is over.
    marks_until: Option<Timestamp>,
    /// Kept while it is not over.
    open: Option<Box<Open>>,
}

#[derive(Clone, Debug, Default)]
struct Open {
    /// Service and environment.
    site: (String, String),
    attempts: u32,
    digest: Option<String>,
    send_by: Option<Timestamp>,
    run: Option<(String, u32)>,
    is_cancel_asked: bool,
    /// A freeze began before its run did.
    is_frozen_out: bool,
    was_asked: bool,
    /// It changes nothing, so it takes nobody's place.
    is_beside: bool,
    /// Whose yes stands, and to which digest.
    agreed: BTreeSet<(String, String)>,
}

/// The lives of all deploys, row by row.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    lives: BTreeMap<DeployId, Life>,
    /// Who is active in a service's place on an environment.
    active: BTreeMap<(String, String), DeployId>,
    /// What was stored when somebody looked, to be compared once the record has come as far.
    awaited: BTreeMap<DeployId, Seen>,
    /// Deploys that changed since they were last asked for.
    changed: BTreeSet<DeployId>,
    /// Every row that gates read.
    pub(super) ledger: Ledger,
}

impl Replay {
    /// Takes the next row of the record in; says what is wrong with it.
    pub fn take(&mut self, row: &Row, findings: &mut Vec<Finding>) {
        let head: Head = match serde_json::from_str(&row.body) {
            Ok(head) => head,
            Err(error) => {
                let what = format!("row {} is no entry of this record ({error})", row.seq);
                findings.push(Finding { kind: FindingKind::Chain, seq: Some(row.seq), deploy: None, what });
                return;
            }
        };
        if row.deploy != head.deploy.as_ref().map(ToString::to_string)
            || row.at_millis != head.at.as_millisecond()
        {
            let what = format!(
                "row {} says {} at {} in its columns and {} at {} in its text",
                row.seq,
                row.deploy.as_deref().unwrap_or("nothing"),
                Timestamp::from_millisecond(row.at_millis)
                    .map_or_else(|_| "no time".into(), |at| at.to_string()),
                head.deploy.as_ref().map_or("nothing", DeployId::as_str),
                head.at,
            );
            findings.push(Finding { kind: FindingKind::Chain, seq: Some(row.seq), deploy: None, what });
        }
        self.ledger.take(&head.stored);
        let Some(id) = head.deploy else { return };
        let (data, is_counted) = match data_of(&head.event, &row.body) {
            Ok(data) => (data, true),
            // A stranger's request was never judged by itself: its refusal holds the bare verdicts.
            Err(_) if head.event == "refused" => (Data::default(), false),
            Err(error) => {
                let what =
                    format!("row {}: “{}” does not hold what it should ({error})", row.seq, head.event);
                let kind = FindingKind::Chain;
                findings.push(Finding { kind, seq: Some(row.seq), deploy: Some(id.clone()), what });
                (Data::default(), true)
            }
        };
        let told = Told { event: &head.event, at: head.at, data, is_counted };
        for (kind, what) in self.tell(&id, &told) {
            let what = format!("row {}: {what} (deploy {id})", row.seq);
            findings.push(Finding { kind, seq: Some(row.seq), deploy: Some(id.clone()), what });
        }
        self.compare_awaited(&id, Some(row.seq), findings);
        self.changed.insert(id);
    }

    /// Goes on with one deploy. Whatever is wrong is told once, and the life goes on from where the record says.
    fn tell(&mut self, id: &DeployId, told: &Told<'_>) -> Vec<(FindingKind, String)> {
        let mut wrong = Vec::new();
        let before = self.lives.remove(id);
        let from = before.as_ref().map(|life| life.place);
        let mut open = before.as_ref().and_then(|life| life.open.clone()).unwrap_or_default();
        if !may_follow(told.event, from) {
            let was = from.map_or("not in the record", Place::word);
            let kind = if matches!(told.event, "sent" | "bound" | "intent_made" | "send_accepted") {
                FindingKind::Start
            } else {
                FindingKind::Life
            };
            wrong.push((kind, format!("“{}” cannot happen to a deploy that is {was}", told.event)));
        }
        wrong.extend(question(told, &open));
        let mut marks_until = before.as_ref().and_then(|life| life.marks_until);
        let is_late = told.event == "marked" && marks_until.is_none_or(|until| told.at >= until);
        if is_late && matches!(from, Some(Place::Done(_))) {
            wrong.push((FindingKind::Life, "its checklist was ticked after the end".into()));
        }
        let place = lands(told, from, &mut open);
        if matches!(place, Place::Done(_)) && open.run.is_some() {
            marks_until = told.at.checked_add(MARKS_LAST).ok();
        }
        let was_active = from.is_some_and(Place::is_active);
        if place.is_active() && !was_active && !open.is_beside {
            if let Some(other) = self.active.insert(open.site.clone(), id.clone()).filter(|other| other != id)
            {
                let (service, environment) = &open.site;
                let what =
                    format!("it became active for {service} on {environment} while deploy {other} was");
                wrong.push((FindingKind::Place, what));
            }
        } else if was_active && !place.is_active() && self.active.get(&open.site) == Some(id) {
            self.active.remove(&open.site);
        }
        let revision = match &before {
            Some(life) => life.revision + u64::from(told.is_counted),
            None => 0,
        };
        let open = (!matches!(place, Place::Done(_))).then_some(open);
        self.lives.insert(id.clone(), Life { place, revision, marks_until, open });
        wrong
    }

    /// Compares a stored deploy with the record, now or when the record has come as far.
    ///
    /// What is stored was read after everything that was taken in so far, so it can only be further.
    pub fn expect(&mut self, deploy: &Deploy, findings: &mut Vec<Finding>) {
        self.awaited.insert(deploy.id.clone(), Seen::of(deploy));
        self.compare_awaited(&deploy.id, None, findings);
    }

    /// Everything that was expected has had its chance: the record was read to its end after the deploys were.
    pub fn settle(&mut self, findings: &mut Vec<Finding>) {
        for (id, seen) in std::mem::take(&mut self.awaited) {
            let told = self.lives.get(&id).map_or_else(
                || "does not know it".to_owned(),
                |life| format!("tells of {} changes and leaves it {}", life.revision, life.place.word()),
            );
            let what = format!(
                "deploy {id} is stored as {} after {} changes, and the record {told}",
                seen.place.word(),
                seen.revision
            );
            findings.push(Finding { kind: FindingKind::State, seq: None, deploy: Some(id), what });
        }
        self.ledger.settle(findings);
    }

    fn compare_awaited(&mut self, id: &DeployId, seq: Option<u64>, findings: &mut Vec<Finding>) {
        let (Some(seen), Some(life)) = (self.awaited.get(id), self.lives.get(id)) else { return };
        if life.revision < seen.revision {
            return;
        }
        let told = Seen {
            revision: life.revision,
            place: life.place,
            open: life.open.as_ref().map(|o| OpenSeen {
                attempts: o.attempts,
                digest: o.digest.clone(),
                run: o.run.clone(),
            }),
        };
        // The first row of a request that was refused at once.
        if told.revision == seen.revision && told != *seen && told.place == Place::Requested && seq.is_some()
        {
            return;
        }
        if told != *seen {
            let what = if told.place == seen.place && told.revision == seen.revision {
                format!("deploy {id} is stored with another commit, attempt or run than the record tells")
            } else {
                format!(
                    "deploy {id} is stored as {} after {} changes, and the record says {} after {}",
                    seen.place.word(),
                    seen.revision,
                    told.place.word(),
                    told.revision
                )
            };
            findings.push(Finding { kind: FindingKind::State, seq: None, deploy: Some(id.clone()), what });
        }
        self.awaited.remove(id);
    }

    /// Where the record leaves a deploy.
    #[must_use]
    pub fn place(&self, id: &DeployId) -> Option<Place> {
        self.lives.get(id).map(|life| life.place)
    }

    /// The deploys that the record leaves active.
    pub fn active(&self) -> impl Iterator<Item = &DeployId> {
        self.active.values()
    }

    /// The deploys that changed since this was asked last, at most so many.
    pub fn take_changed(&mut self, most: usize) -> Vec<DeployId> {
        std::mem::take(&mut self.changed).into_iter().rev().take(most).collect()
    }

    /// So many deploys after this one, in the order of their ids; from the beginning again after the last.
    #[must_use]
    pub fn after(&self, id: Option<&DeployId>, most: usize) -> Vec<DeployId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = id.map_or(Unbounded, Excluded);
        self.lives.range::<DeployId, _>((from, Unbounded)).take(most).map(|(id, _)| id.clone()).collect()
    }
}
