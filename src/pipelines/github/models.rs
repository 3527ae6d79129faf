//! What GitHub answers, as far as it is read. Everything may be missing and every word may be new: a field that
//! GitHub adds or empties must not stop a deploy. Not here: what any of it means for a deploy.

use jiff::Timestamp;
use serde::Deserialize;

/// The answer to a dispatch, from API version 2026-03-10 on or with `return_run_details`.
#[derive(Debug, Deserialize)]
pub(super) struct Dispatched {
    pub workflow_run_id: Option<u64>,
    pub html_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub errors: serde_json::Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Runs {
    #[serde(default)]
    pub workflow_runs: Vec<WorkflowRun>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct WorkflowRun {
    pub id: u64,
    pub name: Option<String>,
    pub display_title: Option<String>,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub run_attempt: Option<u32>,
    pub html_url: Option<String>,
    pub updated_at: Option<Timestamp>,
    pub check_suite_id: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Jobs {
    pub total_count: u64,
    #[serde(default)]
    pub jobs: Vec<WorkflowJob>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct WorkflowJob {
    pub id: u64,
    pub name: Option<String>,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub html_url: Option<String>,
    /// The machine that took it; none or 0 while none has.
    pub runner_id: Option<u64>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Step {
    pub name: Option<String>,
    pub conclusion: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    pub object: Target,
}

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub sha: String,
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Commit {
    pub sha: String,
    pub commit: CommitText,
    pub author: Option<User>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CommitText {
    #[serde(default)]
    pub message: String,
    pub author: Option<Signature>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Signature {
    pub name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub login: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub id: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub id: u64,
    pub slug: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct TeamMember {
    pub id: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Compared {
    pub status: String,
    pub ahead_by: Option<u64>,
    pub behind_by: Option<u64>,
    pub total_commits: Option<u64>,
    pub html_url: Option<String>,
    pub merge_base_commit: Option<PullCommit>,
    /// At most 300, on the first page only.
    pub files: Option<Vec<ChangedFile>>,
    #[serde(default)]
    pub commits: Vec<Commit>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChangedFile {
    pub filename: String,
    pub status: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tree {
    #[serde(default)]
    pub truncated: bool,
    pub tree: Vec<TreeEntry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TreeEntry {
    pub path: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Contents {
    pub sha: String,
    /// Base64 in lines.
    pub content: Option<String>,
}

/// A rule of a rule set.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub parameters: RuleParameters,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RuleParameters {
    pub required_approving_review_count: Option<u32>,
    #[serde(default)]
    pub required_status_checks: Vec<RequiredCheck>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RequiredCheck {
    pub context: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    pub protected: bool,
    pub protection: Option<BranchProtection>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BranchProtection {
    pub required_status_checks: Option<BranchChecks>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BranchChecks {
    #[serde(default)]
    pub contexts: Vec<String>,
    #[serde(default)]
    pub checks: Vec<RequiredCheck>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Protection {
    pub required_pull_request_reviews: Option<RequiredReviews>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RequiredReviews {
    pub required_approving_review_count: Option<u32>,
}

/// A pull request with what its reviews are held against.
#[derive(Debug, Deserialize)]
pub(super) struct MergedPull {
    pub number: u64,
    pub merged_at: Option<Timestamp>,
    pub merge_commit_sha: Option<String>,
    pub user: Option<User>,
    pub head: PullSide,
    pub base: PullSide,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullSide {
    #[serde(rename = "ref")]
    pub name: Option<String>,
    pub sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullCommit {
    pub sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReviewGiven {
    pub user: Option<User>,
    pub state: String,
    pub commit_id: Option<String>,
    pub submitted_at: Option<Timestamp>,
    #[serde(default)]
    pub author_association: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Deployment {
    pub id: u64,
    pub sha: String,
    pub environment: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeploymentStatus {
    pub state: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pull {
    pub number: u64,
    pub title: Option<String>,
    pub merged_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CheckRuns {
    pub total_count: u64,
    #[serde(default)]
    pub check_runs: Vec<CheckRun>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CheckRun {
    pub id: u64,
    pub name: String,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub html_url: Option<String>,
    pub app: Option<App>,
    pub check_suite: Option<Suite>,
}

#[derive(Debug, Deserialize)]
pub(super) struct App {
    pub slug: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Suite {
    pub id: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Suites {
    pub total_count: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Combined {
    pub total_count: u64,
    #[serde(default)]
    pub statuses: Vec<Status>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub context: String,
    pub state: String,
    pub target_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub name: String,
    pub commit: TagCommit,
}

#[derive(Debug, Deserialize)]
pub(super) struct TagCommit {
    pub sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Installation {
    pub id: u64,
}

#[derive(Deserialize)]
pub(super) struct InstallationToken {
    pub token: String,
    pub expires_at: Timestamp,
}

/// A webhook body of the events `workflow_run` and `workflow_job`.
#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    pub workflow_run: Option<WorkflowRun>,
    pub workflow_job: Option<DeliveredJob>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeliveredJob {
    pub run_id: u64,
    pub workflow_name: Option<String>,
}
