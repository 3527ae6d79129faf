//! What is read of an entry of the record. Not here: what follows from it (`course`).

use super::Stored;
use crate::ids::DeployId;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// What stands in every entry.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) at: Timestamp,
    pub(super) deploy: Option<DeployId>,
    pub(super) event: String,
    #[serde(default)]
    pub(super) stored: Stored,
}

/// What is looked at of an entry's data.
#[derive(Default, Deserialize)]
pub(super) struct Data {
    pub(super) service: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) kind: Option<KindData>,
    pub(super) pinned: Option<PinnedData>,
    pub(super) digest: Option<String>,
    pub(super) by: Option<String>,
    pub(super) send_by: Option<Timestamp>,
    pub(super) run: Option<RunData>,
    pub(super) answer: Option<Answer>,
    pub(super) conclusion: Option<Value>,
    pub(super) progress: Option<ProgressData>,
}

#[derive(Deserialize)]
pub(super) struct KindData {
    #[serde(default)]
    pub(super) read_only: bool,
}

#[derive(Deserialize)]
pub(super) struct PinnedData {
    pub(super) digest: String,
}

#[derive(Deserialize)]
pub(super) struct RunData {
    pub(super) id: String,
    pub(super) attempt: u32,
}

#[derive(Deserialize)]
pub(super) struct Answer {
    pub(super) answer: String,
    pub(super) run: Option<RunData>,
}

#[derive(Deserialize)]
pub(super) struct ProgressData {
    pub(super) jobs: Vec<JobData>,
}

#[derive(Deserialize)]
pub(super) struct JobData {
    pub(super) standing: Value,
}

#[derive(Deserialize)]
pub(super) struct Body {
    pub(super) data: Data,
}

/// Names a change, and what it is allowed to follow on.
pub(super) struct Told<'a> {
    pub(super) event: &'a str,
    pub(super) at: Timestamp,
    pub(super) data: Data,
    /// A request that was refused as it came is one change with two entries.
    pub(super) is_counted: bool,
}

/// What is looked at of the data of an event, if anything is.
pub(super) fn data_of(event: &str, body: &str) -> Result<Data, serde_json::Error> {
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
