//! The register: one line for each deploy, as an auditor reads it, made of the record's rows. Not here: writing it as
//! CSV, or reading the rows.

use super::{Actor, Entry, FindingKind, Replay, Row};
use crate::ids::{Account, DeployId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// One deploy, as the record tells it: who let what into production, when, and by which rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Filed {
    /// Its id, and the six characters that people see.
    pub deploy: String,
    /// The last six characters of the id.
    #[serde(rename = "short_id")]
    pub short: String,
    /// `deploy`, `rollback`, `rerun`, `action`, or `imported`.
    pub kind: String,
    /// The deploy whose jobs run again, for a re-run.
    pub rerun_of: Option<String>,
    /// The command of the team's own, for an action.
    pub action: Option<String>,
    /// What it was asked for with: `name=value`.
    pub arguments: Vec<String>,
    /// Service.
    pub service: String,
    /// Environment.
    pub environment: String,
    /// The word that was typed for the version.
    pub version: String,
    /// The commit it was pinned to.
    pub commit: Option<String>,
    /// First line of the commit's message.
    pub commit_title: Option<String>,
    /// Its author.
    pub commit_author: Option<String>,
    /// The commit that ran there before.
    pub replaces_commit: Option<String>,
    /// The version word of that.
    pub replaces_version: Option<String>,
    /// How many commits are new.
    pub new_commits: Option<u64>,
    /// A page that shows what changed.
    pub compare_url: Option<String>,
    /// When it was asked for.
    pub requested_at: Option<Timestamp>,
    /// Who asked.
    pub requested_by: String,
    /// Through which account.
    pub requested_account: String,
    /// Why, where they said so.
    pub reason: Option<String>,
    /// Why it could not wait, where it was asked for as an emergency.
    #[serde(rename = "emergency_reason")]
    pub emergency: Option<String>,
    /// Every yes.
    pub approvals: Vec<Approved>,
    /// Gates that people passed by their yes to an emergency.
    pub overrides: Vec<Override>,
    /// Everything else that people did with it.
    #[serde(rename = "other_acts")]
    pub acts: Vec<Act>,
    /// What each gate said when it was decided last.
    pub gates: Vec<GateSaid>,
    /// When that was.
    pub decided_at: Option<Timestamp>,
    /// Version of the rules it was judged by: SHA-256 of the policy.
    #[serde(rename = "rules_version")]
    pub rules: Option<String>,
    /// What the approvals are bound to: SHA-256 over everything that was approved.
    #[serde(rename = "approved_digest")]
    pub digest: Option<String>,
    /// How often a start was decided.
    pub attempts: u32,
    /// When the last start left Shipgate.
    pub sent_at: Option<Timestamp>,
    /// CI system.
    pub provider: Option<String>,
    /// Repository.
    #[serde(rename = "repository")]
    pub repo: Option<String>,
    /// Workflow file.
    pub workflow: Option<String>,
    /// Branch the workflow file was taken from.
    #[serde(rename = "workflow_branch")]
    pub git_ref: Option<String>,
    /// Run.
    pub run: Option<String>,
    /// Its attempt.
    pub run_attempt: Option<u64>,
    /// Its page.
    pub run_url: Option<String>,
    /// When the run was known.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// How it ended, or where it is: `succeeded`, `failed`, `refused`, `waiting`, …
    pub outcome: String,
    /// Why it ended so, where somebody or something said so.
    pub outcome_reason: Option<String>,
    /// First row of the record about it.
    pub first_row: u64,
    /// Last row of the record about it.
    pub last_row: u64,
    /// That row's hash.
    pub last_hash: String,
}

/// One person's yes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approved {
    /// Who.
    pub person: String,
    /// Through which account.
    pub account: String,
    /// When.
    pub at: Timestamp,
    /// What they said yes to.
    pub digest: String,
    /// Whether it is what was decided on at the end: a yes to older rules does not count.
    pub is_current: bool,
}

/// A closed gate that was passed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Override {
    /// The gate.
    pub gate: String,
    /// By whose yes.
    pub by: Vec<String>,
    /// The freezes that were passed.
    pub freezes: Vec<String>,
}

/// Something a person did with a deploy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Act {
    /// `rejected`, `held`, `resumed`, `cancel_asked`, `resolved`, `closed`.
    pub event: String,
    /// Who.
    pub person: String,
    /// Through which account.
    pub account: String,
    /// When.
    pub at: Timestamp,
    /// What they said.
    pub said: Option<String>,
}

/// What one gate said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateSaid {
    /// The gate.
    pub gate: String,
    /// `open`, `waiting` or `closed`.
    pub answer: String,
    /// Why, as a stable word.
    pub code: String,
}

/// Makes one line of a deploy's rows.
#[derive(Clone, Debug, Default)]
pub struct Register {
    filed: Filed,
    replay: Replay,
}

impl Register {
    /// The line of a deploy, from its rows in order; none when there are none that can be read.
    #[must_use]
    pub fn file(id: &DeployId, rows: &[Row]) -> Option<Filed> {
        let mut register = Self::default();
        register.filed.deploy = id.to_string();
        register.filed.short = id.short().to_owned();
        for row in rows {
            register.take(row);
        }
        let Self { mut filed, replay } = register;
        let place = replay.place(id)?;
        filed.outcome = place.code().to_owned();
        if !matches!(place, super::Place::Done(_)) {
            (filed.ended_at, filed.outcome_reason) = (None, None);
        }
        let digest = filed.digest.clone();
        for yes in &mut filed.approvals {
            yes.is_current = Some(&yes.digest) == digest.as_ref();
        }
        Some(filed)
    }

    fn take(&mut self, row: &Row) {
        // Whether the record is sound is `verify`'s to say.
        let mut findings = Vec::<super::Finding>::new();
        self.replay.take(row, &mut findings);
        debug_assert!(findings.iter().all(|f| f.kind != FindingKind::State));
        let Ok(entry) = serde_json::from_str::<Entry>(&row.body) else { return };
        let filed = &mut self.filed;
        if filed.first_row == 0 {
            filed.first_row = row.seq;
        }
        filed.last_row = row.seq;
        filed.last_hash.clone_from(&row.hash);
        if let Some(environment) = &entry.environment {
            filed.environment = environment.to_string();
        }
        filed.tell(&entry);
    }
}

impl Filed {
    fn tell(&mut self, entry: &Entry) {
        let data = &entry.data;
        match entry.event.as_str() {
            "requested" => self.requested(entry),
            "imported" => {
                self.kind = "imported".into();
                self.version = text(&data["version"]).unwrap_or_default();
                self.commit = text(&data["commit"]);
                self.requested_at = Some(entry.at);
            }
            "pinned" => self.pinned(&data["pinned"]),
            "rules_changed" => {
                self.rules = text(&data["policy"]);
                self.digest = text(&data["digest"]);
                self.plan(&data["plan"]);
            }
            "workflow_changed" => {
                self.digest = text(&data["digest"]);
                self.plan(&data["plan"]);
            }
            "judged" | "refused" | "intent_made" => {
                // The refusal of a stranger's request is the bare list.
                let verdicts = if data.is_array() { data } else { &data["verdicts"] };
                self.verdicts(verdicts, entry.at);
                if entry.event == "intent_made" {
                    self.attempts += 1;
                }
            }
            "approved" => {
                let (person, account) = who(&entry.actor);
                let digest = text(&data["digest"]).unwrap_or_default();
                self.approvals.push(Approved { person, account, at: entry.at, digest, is_current: false });
            }
            "sent" => self.sent_at = Some(entry.at),
            "bound" | "progressed" => self.ran(&data["run"], entry.at),
            "resolved" => self.ran(&data["answer"]["run"], entry.at),
            "ended" => self.ran(&data["run"], entry.at),
            _ => {}
        }
        if matches!(entry.actor, Actor::Person { .. })
            && !matches!(entry.event.as_str(), "requested" | "approved")
        {
            let (person, account) = who(&entry.actor);
            let said = text(&data["reason"]).or_else(|| text(&data["answer"]["answer"]));
            self.acts.push(Act { event: entry.event.clone(), person, account, at: entry.at, said });
        }
        self.ended(entry);
    }

    fn requested(&mut self, entry: &Entry) {
        let data = &entry.data;
        let (person, account) = who(&entry.actor);
        self.kind = text(&data["kind"]["kind"]).unwrap_or_default();
        self.rerun_of = text(&data["kind"]["of"]);
        self.action = text(&data["kind"]["name"]);
        let given = |(name, value): (&String, &Value)| Some(format!("{name}={}", text(value)?));
        let args = data["kind"]["args"].as_object();
        self.arguments = args.map(|args| args.iter().filter_map(given).collect()).unwrap_or_default();
        self.service = text(&data["service"]).unwrap_or_default();
        self.version = text(&data["version"]).unwrap_or_default();
        self.requested_at = Some(entry.at);
        self.requested_by = person;
        self.requested_account = account;
        self.reason = text(&data["reason"]);
        self.emergency = text(&data["emergency"]);
        self.rules = text(&data["policy"]);
    }

    fn pinned(&mut self, pinned: &Value) {
        let pin = &pinned["pin"];
        self.commit = text(&pin["commit"]);
        self.commit_title = text(&pin["title"]);
        self.commit_author = text(&pin["author"]);
        let diff = &pinned["diff"]["known"];
        self.replaces_commit = text(&diff["base"]);
        self.replaces_version = text(&diff["base_version"]);
        self.new_commits = diff["total"].as_u64();
        self.compare_url = text(&diff["url"]);
        self.digest = text(&pinned["digest"]);
        self.plan(&pinned["plan"]);
    }

    fn plan(&mut self, plan: &Value) {
        self.provider = text(&plan["provider"]);
        self.repo = text(&plan["repo"]);
        self.workflow = text(&plan["workflow"]);
        self.git_ref = text(&plan["git_ref"]);
    }

    fn verdicts(&mut self, verdicts: &Value, at: Timestamp) {
        let verdicts = verdicts.as_array().map(Vec::as_slice).unwrap_or_default();
        self.decided_at = Some(at);
        let word = |value: &Value| text(value).unwrap_or_default();
        let said = |v: &Value| GateSaid {
            gate: word(&v["gate"]),
            answer: word(&v["answer"]),
            code: word(&v["reason"]["code"]),
        };
        self.gates = verdicts.iter().map(said).collect();
        let words = |list: &Value| -> Vec<String> {
            list.as_array().map(|list| list.iter().filter_map(text).collect()).unwrap_or_default()
        };
        let passed = |v: &&Value| v["reason"]["code"] == "overridden";
        let with = |v: &Value| Override {
            gate: word(&v["gate"]),
            by: words(&v["reason"]["by"]),
            freezes: words(&v["reason"]["freezes"]),
        };
        self.overrides = verdicts.iter().filter(passed).map(with).collect();
    }

    fn ran(&mut self, run: &Value, at: Timestamp) {
        let Some(id) = text(&run["id"]) else { return };
        if self.run.as_ref() != Some(&id) {
            self.started_at = Some(at);
        }
        self.run = Some(id);
        self.run_attempt = run["attempt"].as_u64();
        self.run_url = text(&run["url"]);
    }

    fn ended(&mut self, entry: &Entry) {
        let data = &entry.data;
        let reason = match entry.event.as_str() {
            "refused" => {
                let closed = |g: &&GateSaid| g.answer == "closed";
                Some(
                    self.gates
                        .iter()
                        .filter(closed)
                        .map(|g| format!("{}: {}", g.gate, g.code))
                        .collect::<Vec<_>>()
                        .join("; "),
                )
            }
            "rejected" | "cancel_asked" => text(&data["reason"]),
            "send_refused" => text(&data["why"]),
            "ended" => {
                let failed = &data["progress"]["failed"];
                let place = [text(&failed["job"]), text(&failed["step"])].into_iter().flatten();
                let place = place.collect::<Vec<_>>().join(", ");
                text(&data["conclusion"])
                    .or_else(|| text(&data["conclusion"]["other"]))
                    .map(|word| if place.is_empty() { word } else { format!("{word} in {place}") })
            }
            "resolved" if data["answer"]["answer"] == "did_not_start" => {
                Some("nobody saw a run start, and it was closed by hand".into())
            }
            "expired" | "given_up" => None,
            _ => return,
        };
        self.outcome_reason = reason;
        self.ended_at = Some(entry.at);
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

fn who(actor: &Actor) -> (String, String) {
    match actor {
        Actor::Person { person, account: Account { platform, id } } => {
            (person.to_string(), format!("{platform}:{id}"))
        }
        Actor::Shipgate => ("shipgate".into(), String::new()),
    }
}
