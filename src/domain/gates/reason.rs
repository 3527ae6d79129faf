//! Why a gate says what it says, as data with a stable code. Not here: the sentences (`app::messages`).

use crate::calendar::Opening;
use crate::deploy::WayBack;
use crate::facts::{LockKind, Other, Usual};
use crate::ids::{ActionName, CommitId, EnvironmentName, GroupName, PersonId, ServiceName, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The reason of a verdict. `code()` is part of the API; the data is for the sentence and the audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variant's own line says it; its fields are named after what they hold")]
pub enum Reason {
    /// The requester belongs to a group that may.
    MayDeploy { groups: Vec<GroupName> },
    /// The requester belongs to none of the groups that may.
    MayNotDeploy { groups: Vec<GroupName> },
    /// It changes nothing, and every member of the workspace may ask for it.
    MayLook,
    /// Nobody could say who is in a group.
    GroupUnreadable { why: String },
    /// The version is one commit and still is.
    VersionPinned { commit: CommitId },
    /// The version is not resolved yet.
    VersionPending { why: String },
    /// No tag, branch or commit has this name.
    VersionUnknown,
    /// The name means more than one thing.
    VersionAmbiguous { what: String },
    /// The tag means another commit than at the request.
    VersionMoved { asked: CommitId, now: Option<CommitId> },
    /// The commit is not reachable from the branch that may be deployed.
    VersionUnreachable { branch: String },
    /// Something newer went live since the request, and this would take commits away again.
    Overtaken { by: Version, lost: u64 },
    /// It was asked for before a rollback that was made there since.
    RolledBackSince { back: WayBack },
    /// It is older than what runs there, and nobody said that this is meant.
    Older { than: Version, lost: u64 },
    /// It was to act on what runs there, and something else runs there now.
    NoLongerLive { asked: CommitId, now: Option<CommitId> },
    /// The code host did not answer when the version was checked again.
    VersionUnreadable { why: String },
    /// A rollback to a commit that never succeeded here.
    NeverSucceededHere,
    /// It was planned for this instant.
    PlannedFor { at: Timestamp },
    /// No schedule binds this environment.
    NoSchedule,
    /// Inside a window.
    InWindow { closes: Option<Timestamp> },
    /// Outside all windows.
    OutsideWindow { schedule: String },
    /// In hours for emergencies only.
    EmergencyOnly { schedule: String },
    /// The calendar does not reach this instant, so nobody can say whether it is open.
    CalendarUnreadable,
    /// The schedule does not bind a rollback.
    NotForRollback,
    /// Closed, and enough people agreed to the emergency.
    Overridden {
        by: Vec<PersonId>,
        opening: Option<Opening>,
        freezes: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passes: Vec<String>,
    },
    /// Hours for emergencies only, and this is one: its reason and the usual approvals are enough.
    EmergencyHours { schedule: String },
    /// Closed, and people are asked to agree to the emergency.
    OverrideAsked {
        by: Vec<PersonId>,
        needed: u32,
        opening: Option<Opening>,
        freezes: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passes: Vec<String>,
    },
    /// No freeze covers this.
    NoFreeze { next: Option<Timestamp>, name: Option<String> },
    /// A freeze covers this; `passes` are the services that it lets through, if it names any.
    Frozen {
        names: Vec<String>,
        from: Timestamp,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passes: Vec<String>,
        /// Why those of chat were added.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        why: Vec<String>,
    },
    /// Nobody can say whether these freezes cover this: the calendar behind them cannot be read.
    FreezeUnreadable { names: Vec<String>, why: String },
    /// Nobody holds the environment.
    Unlocked,
    /// The requester holds it.
    OwnLock,
    /// It is held, and that stops this deploy.
    Locked {
        by: PersonId,
        reason: String,
        until: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "LockKind::is_everyone")]
        kind: LockKind,
    },
    /// It is held, and that does not stop this deploy: people are told.
    LockTold { by: PersonId, reason: String, until: Option<Timestamp>, kind: LockKind },
    /// It is closed off because the outcome of a run is unknown.
    Quarantined { reason: String },
    /// Nothing is started anywhere until somebody has looked at what the self-check found.
    DispatchingStopped { since: Timestamp, found: String },
    /// Next in line.
    NextInLine,
    /// Others are active or come first. `expected`: when it is its turn, as far as what past deploys `took` tells.
    /// `unknown`: services that succeeded there never before; `untried`: commands of the team's own of which the same is
    /// true. `is_overdue`: the active one takes longer than usual.
    InLine {
        active: Option<Other>,
        ahead: u32,
        expected: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "is_nought")]
        behind: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        took: Vec<Usual>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<ServiceName>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        untried: Vec<ActionName>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_overdue: bool,
        /// Another gate is not open either, so it stands in no line yet: others who come later may go first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_kept_out: bool,
    },
    /// Nothing comes before this environment.
    NoOrder,
    /// It succeeded on the environment before.
    SucceededBefore { environment: EnvironmentName, at: Timestamp },
    /// It has not been there.
    NotBefore { environment: EnvironmentName },
    /// It is on its way there.
    OnItsWayBefore { environment: EnvironmentName },
    /// It failed there last.
    FailedBefore { environment: EnvironmentName, at: Timestamp },
    /// It succeeded on the environment before, in a deploy that Shipgate did not start.
    SeenBefore { environment: EnvironmentName, at: Timestamp },
    /// It has not been there for long enough.
    Soaking { environment: EnvironmentName, since: Timestamp, opens: Timestamp },
    /// Another commit took its place there before it had been there for long enough.
    SoakCutShort { environment: EnvironmentName, since: Timestamp, left: Timestamp },
    /// Nobody could say whether it has been there.
    BeforeUnreadable { environment: EnvironmentName, why: String },
    /// No checks are asked for.
    NoChecks,
    /// All that must be green are.
    ChecksGreen { passed: u32 },
    /// Some are not finished.
    ChecksPending { pending: Vec<String> },
    /// Some are red.
    ChecksRed { failed: Vec<String> },
    /// None exist, and they must.
    ChecksMissing { missing: Vec<String> },
    /// They could not be read.
    ChecksUnreadable { why: String },
    /// The repository was to say which checks must be green, and demands none.
    NoChecksRequired { branch: String },
    /// Every pull request was approved by enough people.
    Reviewed { pulls: u32, needed: u32 },
    /// The repository demands no review.
    NoReviewsRequired { branch: String },
    /// Somebody asked for changes that were not made.
    ChangesRequested { pull: u64, by: Vec<String> },
    /// Pull requests without enough approving reviews of what was merged.
    ReviewsMissing { pulls: Vec<u64>, needed: u32 },
    /// Commits that came without a pull request.
    DirectPush { commits: Vec<CommitId> },
    /// The reviews could not be read.
    ReviewsUnreadable { why: String },
    /// No migration comes or goes.
    NoMigrations,
    /// Migrations come or go, and nobody has to agree.
    MigrationsShown { files: Vec<String>, count: u32 },
    /// Enough people agreed to the migrations; `shown` stands for exactly these.
    MigrationsAgreed { files: Vec<String>, count: u32, by: Vec<PersonId>, shown: String },
    /// People are asked to agree to the migrations.
    MigrationsAsked { files: Vec<String>, count: u32, by: Vec<PersonId>, needed: u32, shown: String },
    /// What runs there has migrations without a way down that this commit does not know.
    CrossesMigrations { files: Vec<String>, count: u32 },
    /// The same, and the requester said that it is meant.
    AcrossMigrations { why: String },
    /// Nobody could say whether there are migrations.
    MigrationsUnreadable { why: String },
    /// What would be deployed is there.
    ArtifactsFound { count: u32 },
    /// It is not there.
    ArtifactsMissing { missing: Vec<String> },
    /// Nobody could say whether it is there.
    ArtifactsUnreadable { why: String },
    /// Every item that must be ticked before the start is.
    ChecklistTicked { count: u32 },
    /// Items that people are to tick, and items that wait for a fact.
    ChecklistOpen { people: Vec<String>, facts: Vec<String>, ticked: u32, of: u32 },
    /// Nobody could say whether an item is so.
    ChecklistUnreadable { item: String, why: String },
    /// Paused by somebody or by the commit message.
    Held { by: Option<PersonId>, reason: String },
    /// Nobody needs to approve.
    NoApprovals,
    /// Enough did.
    Approved {
        by: Vec<PersonId>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        for_others: BTreeMap<PersonId, PersonId>,
    },
    /// Not enough did. `shares`: where several groups each have their own number, or others were asked since.
    ApprovalsMissing {
        by: Vec<PersonId>,
        needed: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shares: Vec<Share>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        for_others: BTreeMap<PersonId, PersonId>,
    },
    /// Who wrote the changes is not known, so nobody can be ruled out, and nobody's yes can count.
    AuthorsUnknown { why: String },
    /// Nobody could: no person in the groups may approve this.
    NobodyMayApprove { groups: Vec<GroupName> },
}

/// For a field that the stored form leaves out when it says nothing.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_nought(count: &u32) -> bool {
    *count == 0
}

/// One group of people who must approve, and how far that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Whose yes counts.
    pub groups: Vec<GroupName>,
    /// How many are needed.
    pub needed: u32,
    /// Whose yes fills a place of it.
    pub by: Vec<PersonId>,
}

impl Reason {
    /// What people are asked to agree to besides the digest, or agreed to, by its key: closed hours, freezes, migrations.
    #[must_use]
    pub fn passes(&self) -> &[String] {
        match self {
            Reason::OverrideAsked { passes, .. } | Reason::Overridden { passes, .. } => passes,
            Reason::MigrationsAsked { shown, .. } | Reason::MigrationsAgreed { shown, .. } => {
                std::slice::from_ref(shown)
            }
            _ => &[],
        }
    }

    /// Stable word for logs, metrics and the API: the tag of its stored form.
    #[must_use]
    pub fn code(&self) -> String {
        let stored = serde_json::to_value(self).expect("a reason is plain data");
        stored["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether something that the gate needs could not be read. Nothing tells when it can be, so whoever waits for it
    /// must ask again.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Reason::VersionPending { .. }
                | Reason::VersionUnreadable { .. }
                | Reason::ChecksUnreadable { .. }
                | Reason::BeforeUnreadable { .. }
                | Reason::ReviewsUnreadable { .. }
                | Reason::MigrationsUnreadable { .. }
                | Reason::ArtifactsUnreadable { .. }
                | Reason::ChecklistUnreadable { .. }
                | Reason::GroupUnreadable { .. }
                | Reason::CalendarUnreadable
                | Reason::FreezeUnreadable { .. }
        )
    }

    /// Whether a closed gate with this reason will not open again for this deploy. The others can: a window opens,
    /// a lock is lifted, a system answers again.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Reason::MayNotDeploy { .. }
                | Reason::VersionUnknown
                | Reason::VersionAmbiguous { .. }
                | Reason::VersionMoved { .. }
                | Reason::VersionUnreachable { .. }
                | Reason::Overtaken { .. }
                | Reason::Older { .. }
                | Reason::RolledBackSince { .. }
                | Reason::NoLongerLive { .. }
                | Reason::NeverSucceededHere
                | Reason::FailedBefore { .. }
                | Reason::ChecksRed { .. }
        )
    }
}
