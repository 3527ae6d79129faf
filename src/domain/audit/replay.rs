//! The lives of all deploys, told by the record alone. Not here: how a deploy changes (`deploy::step`): this reads the
//! stored text and shares no code with what writes it, so that a mistake there shows here.

use super::finding::{Finding, FindingKind};
use super::{Ledger, Row, Stored};
use crate::deploy::{Deploy, Outcome, Phase, State};
use crate::ids::DeployId;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is left of a checklist may be ticked so long after the end. Written down a second time on purpose.
const MARKS_LAST: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Where a deploy is, as far as the record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Asked for.
    Requested,
    /// Waits for its gates.
    Waiting,
    /// The intent is recorded, nothing was sent.
    Ready,
    /// Marked as sent.
    Sent,
    /// Accepted, the run is not known.
    Accepted,
    /// Nobody knows whether it started.
    Unknown,
    /// Bound to a run.
    Running,
    /// Over: refused, rejected, cancelled, expired, succeeded, failed or of unknown outcome.
    Done(&'static str),
}

impl Place {
    fn is_active(self) -> bool {
        matches!(self, Self::Ready | Self::Sent | Self::Accepted | Self::Unknown | Self::Running)
    }

    /// The state's stable name, as [`State::name`] has it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Ready | Self::Sent | Self::Accepted => "dispatching",
            Self::Unknown => "unknown",
            Self::Running => "running",
            Self::Done("failed and put away") => "failed",
            Self::Done("of unknown outcome") => "outcome_unknown",
            Self::Done(outcome) => outcome,
        }
    }

    /// The word for people and in findings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Ready => "ready to be sent",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Unknown => "unknown",
            Self::Running => "running",
            Self::Done(outcome) => outcome,
        }
    }
}

/// What can be compared between the record and a stored deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    revision: u64,
    place: Place,
    /// Only while it is not over.
    open: Option<OpenSeen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OpenSeen {
    attempts: u32,
    digest: Option<String>,
    run: Option<(String, u32)>,
}

impl Seen {
    /// What is stored of a deploy.
    #[must_use]
    pub fn of(deploy: &Deploy) -> Self {
        let place = match &deploy.state {
            State::Requested { .. } => Place::Requested,
            State::Waiting { .. } => Place::Waiting,
            State::Dispatching { phase: Phase::Ready, .. } => Place::Ready,
            State::Dispatching { phase: Phase::Sent { .. }, .. } => Place::Sent,
            State::Dispatching { phase: Phase::Accepted { .. }, .. } => Place::Accepted,
            State::Dispatching { phase: Phase::Unknown { .. }, .. } => Place::Unknown,
            State::Running { .. } => Place::Running,
            State::Done { outcome, .. } => Place::Done(match outcome {
                Outcome::Refused => "refused",
                Outcome::Rejected { .. } => "rejected",
                Outcome::Cancelled { .. } => "cancelled",
                Outcome::Expired => "expired",
                Outcome::Superseded { .. } => "superseded",
                Outcome::Succeeded => "succeeded",
                Outcome::Failed { closed_by: None, .. } => "failed",
                Outcome::Failed { closed_by: Some(_), .. } => "failed and put away",
                Outcome::Unknown => "of unknown outcome",
            }),
        };
        let run = match &deploy.state {
            State::Running { run, .. } => Some((run.id.to_string(), run.attempt)),
            State::Requested { .. }
            | State::Waiting { .. }
            | State::Dispatching { .. }
            | State::Done { .. } => None,
        };
        let digest = deploy.digest().map(ToString::to_string);
        let open = (!deploy.is_done()).then_some(OpenSeen { attempts: deploy.attempts, digest, run });
        Self { revision: deploy.revision, place, open }
    }

    /// How often it changed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

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

/// What stands in every entry.
#[derive(Deserialize)]
struct Head {
    at: Timestamp,
    deploy: Option<DeployId>,
    event: String,
    #[serde(default)]
    stored: Stored,
}

/// What is looked at of an entry's data.
#[derive(Default, Deserialize)]
struct Data {
    service: Option<String>,
    environment: Option<String>,
    kind: Option<KindData>,
    pinned: Option<PinnedData>,
    digest: Option<String>,
    by: Option<String>,
    send_by: Option<Timestamp>,
    run: Option<RunData>,
    answer: Option<Answer>,
    conclusion: Option<Value>,
    progress: Option<ProgressData>,
}

#[derive(Deserialize)]
struct KindData {
    #[serde(default)]
    read_only: bool,
}

#[derive(Deserialize)]
struct PinnedData {
    digest: String,
}

#[derive(Deserialize)]
struct RunData {
    id: String,
    attempt: u32,
}

#[derive(Deserialize)]
struct Answer {
    answer: String,
    run: Option<RunData>,
}

#[derive(Deserialize)]
struct ProgressData {
    jobs: Vec<JobData>,
}

#[derive(Deserialize)]
struct JobData {
    standing: Value,
}

#[derive(Deserialize)]
struct Body {
    data: Data,
}

/// Names a change, and what it is allowed to follow on.
struct Told<'a> {
    event: &'a str,
    at: Timestamp,
    data: Data,
    /// A request that was refused as it came is one change with two entries.
    is_counted: bool,
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

fn data_of(event: &str, body: &str) -> Result<Data, serde_json::Error> {
    const LOOKED_AT: [&str; 14] = [
        "requested",
        "pinned",
        "rules_changed",
        "workflow_changed",
        "refused",
        "approved",
        "withdrawn",
        "marked",
        "intent_made",
        "bound",
        "found",
        "resolved",
        "progressed",
        "ended",
    ];
    if !LOOKED_AT.contains(&event) {
        return Ok(Data::default());
    }
    // Verdicts alone, as a stranger's refusal has them, are no object.
    serde_json::from_str::<Body>(body).map(|body| body.data)
}

/// What each event may follow on. Written down a second time on purpose.
fn may_follow(event: &str, from: Option<Place>) -> bool {
    use Place::{Accepted, Done, Ready, Requested, Running, Sent, Unknown, Waiting};
    let Some(from) = from else { return matches!(event, "requested" | "imported") };
    match event {
        "delayed" | "pinned" => from == Requested,
        "rules_changed" | "workflow_changed" | "judged" | "approved" | "withdrawn" | "rejected" | "held"
        | "resumed" | "replaced" | "intent_made" => from == Waiting,
        "refused" | "expired" | "superseded" => matches!(from, Requested | Waiting),
        "cancel_asked" => !matches!(from, Done(_)),
        "frozen_out" | "went_on" => from == Running,
        "intent_lapsed" | "sent" => from == Ready,
        "send_refused" | "send_delayed" | "send_accepted" | "send_unknown" => from == Sent,
        "bound" | "people_asked" => matches!(from, Sent | Accepted | Unknown),
        "resolved" => from == Unknown,
        // A restored database may have forgotten everything that a run came from.
        "found" => !matches!(from, Running | Done(_)),
        "given_up" => matches!(from, Unknown | Running),
        "progressed" | "ended" => from == Running,
        // What was left of its checklist is ticked for a while after.
        "marked" => !matches!(from, Requested | Done("refused" | "rejected" | "expired")),
        "closed" => from == Done("failed"),
        _ => false,
    }
}

/// What is wrong with a change besides its place in the life.
fn question(told: &Told<'_>, open: &Open) -> Option<(FindingKind, String)> {
    let data = &told.data;
    match told.event {
        "approved" if data.digest != open.digest => {
            Some((FindingKind::Life, "the approval is for something else than what would be deployed".into()))
        }
        "withdrawn"
            if !data.by.clone().zip(open.digest.clone()).is_some_and(|one| open.agreed.contains(&one)) =>
        {
            Some((FindingKind::Life, "an approval was taken back that nobody had given".into()))
        }
        "marked" if open.digest.is_some() && data.digest != open.digest => {
            Some((FindingKind::Life, "ticks are for something else than what would be deployed".into()))
        }
        "sent" if open.send_by.is_none_or(|by| told.at > by) => {
            Some((FindingKind::Start, "it was sent later than its intent allows".into()))
        }
        "progressed" | "ended" => {
            let (run, attempt) = open.run.as_ref()?;
            let now = data.run.as_ref()?;
            (now.id != *run || now.attempt < *attempt).then(|| {
                (FindingKind::Start, format!("it was bound to run {run} and is told of run {}", now.id))
            })
        }
        "frozen_out" if open.is_cancel_asked || open.is_frozen_out => {
            Some((FindingKind::Life, "it was to be stopped already when a freeze was to stop it".into()))
        }
        "went_on" if !open.is_frozen_out => {
            Some((FindingKind::Life, "it went on although nothing was to stop it".into()))
        }
        "cancel_asked" if open.is_cancel_asked => {
            Some((FindingKind::Life, "stopping was asked for twice".into()))
        }
        "given_up" if open.run.is_none() && !open.was_asked => {
            Some((FindingKind::Life, "it was given up before people were asked".into()))
        }
        _ => None,
    }
}

/// Where a change leads.
fn lands(told: &Told<'_>, from: Option<Place>, open: &mut Open) -> Place {
    use Place::{Accepted, Done, Ready, Requested, Running, Sent, Unknown, Waiting};
    let data = &told.data;
    let stays = from.unwrap_or(Requested);
    let run = |data: Option<&RunData>| data.map(|run| (run.id.clone(), run.attempt));
    match told.event {
        "requested" => {
            open.site =
                (data.service.clone().unwrap_or_default(), data.environment.clone().unwrap_or_default());
            open.is_beside = data.kind.as_ref().is_some_and(|kind| kind.read_only);
            Requested
        }
        "imported" => Done("succeeded"),
        "pinned" => {
            open.digest = data.pinned.as_ref().map(|pinned| pinned.digest.clone());
            Waiting
        }
        "rules_changed" | "workflow_changed" => {
            open.digest.clone_from(&data.digest);
            Waiting
        }
        "approved" => {
            open.agreed.extend(data.by.clone().zip(data.digest.clone()));
            stays
        }
        "withdrawn" => {
            open.agreed
                .retain(|(by, digest)| data.by.as_ref() != Some(by) || open.digest.as_ref() != Some(digest));
            stays
        }
        "refused" => Done("refused"),
        "rejected" => Done("rejected"),
        "expired" => Done("expired"),
        "superseded" => Done("superseded"),
        "cancel_asked" if matches!(stays, Requested | Waiting | Ready) => Done("cancelled"),
        "cancel_asked" => {
            (open.is_cancel_asked, open.is_frozen_out) = (true, false);
            stays
        }
        "frozen_out" | "went_on" => {
            open.is_frozen_out = told.event == "frozen_out";
            Running
        }
        "intent_made" => {
            open.attempts += 1;
            open.send_by = data.send_by;
            open.was_asked = false;
            Ready
        }
        "intent_lapsed" => Waiting,
        "sent" => Sent,
        "send_refused" => Done("failed"),
        "send_delayed" if open.is_cancel_asked => Done("cancelled"),
        "send_delayed" => Waiting,
        "send_accepted" => Accepted,
        "send_unknown" => Unknown,
        "bound" => {
            open.run = run(data.run.as_ref());
            Running
        }
        "found" if stays == Requested => Done("failed"),
        "found" => {
            open.attempts += u32::from(stays == Waiting);
            open.run = run(data.run.as_ref());
            Running
        }
        "people_asked" => {
            open.was_asked = true;
            Unknown
        }
        "resolved" => match data.answer.as_ref().map(|answer| (answer.answer.as_str(), &answer.run)) {
            Some(("did_not_start", _)) => Done("failed"),
            Some(("started", started)) => {
                open.run = run(started.as_ref());
                Running
            }
            _ => {
                open.was_asked = false;
                Unknown
            }
        },
        "given_up" => Done("of unknown outcome"),
        "progressed" => {
            open.run = run(data.run.as_ref());
            Running
        }
        "ended" => Done(ending(data, open.is_cancel_asked || open.is_frozen_out)),
        "closed" => Done("failed and put away"),
        _ => stays,
    }
}

/// How a run's end is to be called (INVARIANTS S14).
fn ending(data: &Data, is_cancel_asked: bool) -> &'static str {
    let jobs = data.progress.as_ref().map(|progress| progress.jobs.as_slice()).unwrap_or_default();
    let is_idle = !jobs.is_empty() && jobs.iter().all(|job| job.standing == "skipped");
    match data.conclusion.as_ref().and_then(Value::as_str) {
        Some("success") if !is_idle => "succeeded",
        Some("cancelled") if is_cancel_asked => "cancelled",
        _ => "failed",
    }
}
