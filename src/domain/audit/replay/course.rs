//! The course of a deploy: what each event may follow on, what may be wrong with it, and where it leads. Not here: how a
//! deploy changes (`deploy::step`); this is written down a second time on purpose.

use super::told::{Data, RunData, Told};
use super::{FindingKind, Open, Place};
use serde_json::Value;

/// What each event may follow on. Written down a second time on purpose.
pub(super) fn may_follow(event: &str, from: Option<Place>) -> bool {
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
pub(super) fn question(told: &Told<'_>, open: &Open) -> Option<(FindingKind, String)> {
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
pub(super) fn lands(told: &Told<'_>, from: Option<Place>, open: &mut Open) -> Place {
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
            open.agreed.clear();
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
