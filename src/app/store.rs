//! What the use cases need of a database: one write that is all or nothing, and typed reads. Not here: SQL.
//!
//! There is exactly one way to write, [`Store::commit`]. It carries everything that belongs together (new states,
//! audit entries, effects, locks) and everything that must still be true (revisions that were read). So a decision
//! made on a snapshot is written only if the snapshot still holds, on every database alike.
//!
//! Several processes may work on one database, each a *replica*. None leads: work is held by lease, and a lease is
//! worth what its holder's [`Epoch`] is worth. A replica that was silent for too long is buried by the others, which
//! ends its epoch and frees what it held, in one transaction. Whatever it still tries to write is refused
//! (INVARIANTS S7).

use crate::effects::{Finish, Lane, Leased, NewEffect};
use crate::inbound::Inbound;
use crate::ports::MessageRef;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shipgate_domain::audit::{Entry, Kept, Row, Table};
use shipgate_domain::calendar::Freeze;
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Lock;
use shipgate_domain::ids::{CommitId, DeployId, EnvironmentName, PersonId, ServiceName};

/// The database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something that was read has changed since; nothing was written. Read again and decide again.
    #[error("{what} changed meanwhile")]
    Conflict {
        /// What changed.
        what: String,
    },
    /// The database failed; nothing may be acknowledged. Nothing was written, or nobody can tell: then it is as if this
    /// process had died right after the write, and whoever does it again finds out by what the write has changed.
    #[error("the database cannot {doing}")]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
        /// Whether the same may succeed later by itself: not where a row or Shipgate is at fault.
        may_pass: bool,
    },
}

impl StoreError {
    /// What was tried, why it failed, and what to do, in one line.
    #[must_use]
    pub fn with_causes(&self) -> String {
        let mut chain = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            chain = format!("{chain}: {cause}");
            source = cause.source();
        }
        chain
    }
}

/// One life of one replica on a database: a number that rises with every entry and never comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

/// Whether a replica may work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It works by the rules that were brought last.
    Current,
    /// Another living replica came later with other rules: during an upgrade, this one takes in and leaves the work
    /// to that one, so that no deploy is judged by two sets of rules in turn.
    Aside,
}

/// An inbox item is given out this often at most: for three tries, and then once to be put away (INVARIANTS S19).
pub const BEGINNINGS: u32 = 4;

/// Something whose change must be noticed by whoever decided on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Locks and deploys of one environment.
    Environment(EnvironmentName),
    /// Freezes that were added or ended in chat.
    Freezes,
    /// New requests for one service on one environment: so that two people who ask for the same in the same moment
    /// get one deploy.
    Requests(ServiceName, EnvironmentName),
}

/// A condition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The scope still has this revision.
    Scope(Scope, u64),
    /// The note still has this value, or is still not there.
    Note(String, Option<String>),
    /// This effect is still leased to us.
    Lease {
        /// The effect's row.
        id: i64,
        /// The lease's token.
        token: i64,
    },
    /// No living replica that came after the writer has other rules: what was judged by older ones is not written.
    RulesInForce,
}

/// Everything one decision writes, all or nothing.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Who writes. Once this epoch has ended, nothing is written.
    pub by: Epoch,
    /// What must still be true.
    pub expect: Vec<Expect>,
    /// New and changed deploys. A revision of 0 is inserted; any other replaces the revision before it, and is a
    /// conflict when that is not there. Two active deploys of one lock group are a conflict too.
    pub deploys: Vec<DeployRow>,
    /// Scopes whose revision goes up.
    pub touched: Vec<Scope>,
    /// Entries for the audit chain, in order.
    pub audit: Vec<Entry>,
    /// Effects to carry out.
    pub effects: Vec<NewEffect>,
    /// Locks to set. An environment has at most one lock of a person, and one quarantine for each deploy; a new one
    /// replaces its like.
    pub locks: Vec<Lock>,
    /// Environments whose lock by a person is lifted.
    pub unlocks: Vec<EnvironmentName>,
    /// Deploys whose quarantine is lifted, where it still stands: what became of their run is known now.
    pub cleared: Vec<DeployId>,
    /// Freezes added in chat.
    pub freezes: Vec<Freeze>,
    /// Freezes added in chat that end now: id and instant.
    pub freezes_ended: Vec<(String, Timestamp)>,
    /// What stands in chat for a deploy.
    pub cards: Vec<CardRow>,
    /// Small values by name.
    pub notes: Vec<(String, String)>,
    /// The effect that this finishes.
    pub finish: Option<(i64, i64, Finish)>,
    /// The inbox item that this finishes, held by the writer; its content is deleted, its key is kept.
    pub inbox_done: Option<i64>,
    /// When it is written.
    pub at: Timestamp,
}

impl Changes {
    /// Nothing yet.
    #[must_use]
    pub fn by(by: Epoch, at: Timestamp) -> Self {
        Self {
            by,
            expect: Vec::new(),
            deploys: Vec::new(),
            touched: Vec::new(),
            audit: Vec::new(),
            effects: Vec::new(),
            locks: Vec::new(),
            unlocks: Vec::new(),
            cleared: Vec::new(),
            freezes: Vec::new(),
            freezes_ended: Vec::new(),
            cards: Vec::new(),
            notes: Vec::new(),
            finish: None,
            inbox_done: None,
            at,
        }
    }
}

/// A deploy as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployRow {
    /// The deploy.
    pub deploy: Deploy,
    /// What it keeps others out of while it is active.
    pub lock_group: String,
}

/// What stands in chat for a deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRow {
    /// The deploy.
    pub deploy: DeployId,
    /// Counts every write; a write names the number it read plus one, 1 is inserted.
    pub revision: u64,
    /// The posted messages: one, or two when buttons have a channel of their own.
    pub posts: Vec<CardPost>,
    /// Buttons that are or were on the card: SHA-256 of the token in hex, what it does, and the card's generation.
    pub buttons: Vec<CardButton>,
    /// Rises when the set of buttons changes; a click on an older generation is stale.
    pub generation: u32,
    /// SHA-256 of what the card showed last, so that an unchanged card is not edited.
    pub shown: String,
    /// When it was last posted or edited.
    pub edited: Option<Timestamp>,
}

/// One posted message of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardPost {
    /// Channel as in the settings.
    pub channel: String,
    /// The message.
    pub message: MessageRef,
    /// How often it had to be posted anew.
    pub reposts: u32,
}

/// One button of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardButton {
    /// SHA-256 of the token, in hex.
    pub token_hash: String,
    /// What it does: the name of a [`crate::cards::Press`].
    pub press: String,
    /// The card's generation it belongs to.
    pub generation: u32,
    /// What was shown when it was made: approvals bind to this digest.
    pub digest: Option<String>,
    /// The closed hours, freezes and migrations that a yes would be to, as they were shown: approvals bind to these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<String>,
    /// For a row of boxes: which, and whether each was ticked as it was shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<(String, bool)>,
}

/// Whether an inbox item is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Stored now, durably.
    New,
    /// A delivery with this key was stored before; nothing changed.
    Seen,
}

/// An inbox item that waits to be worked on.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Its row.
    pub id: i64,
    /// What came in.
    pub inbound: Inbound,
    /// When it was accepted.
    pub at: Timestamp,
    /// How often work on it was begun before; counted durably before each beginning.
    pub attempts: u32,
}

/// Everything inside Shipgate that a decision about one deploy looks at: one consistent snapshot.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Revision of the environment's scope.
    pub environment_revision: u64,
    /// Revision of the freezes' scope.
    pub freezes_revision: u64,
    /// Freezes added in chat that have not ended.
    pub freezes: Vec<Freeze>,
    /// The environment's lock, also an expired one.
    pub lock: Option<Lock>,
    /// Active deploys of the lock group: none or one.
    pub active: Vec<Deploy>,
    /// Requested and waiting deploys of the lock group.
    pub waiting: Vec<Deploy>,
    /// How the newest finished deploy of a commit ended, on the environment that comes before: when, and whether well.
    /// Only deploys that had a run count.
    pub before: Option<(Timestamp, bool)>,
    /// Whether a deploy of the commit to the environment that comes before is not over.
    pub before_is_open: bool,
    /// Whether the commit ever succeeded on this environment.
    pub known_here: bool,
    /// Time from bound run to end of the last [`USUAL_OF`] successes of this service here, newest first.
    pub took: Vec<SignedDuration>,
}

/// So many past successes say how long a deploy usually takes.
pub const USUAL_OF: u32 = 10;

/// What [`Store::surroundings`] is asked about.
#[derive(Clone, Debug)]
pub struct About {
    /// Service.
    pub service: ServiceName,
    /// Environment.
    pub environment: EnvironmentName,
    /// Lock group.
    pub lock_group: String,
    /// Pinned commit, once there is one.
    pub commit: Option<CommitId>,
    /// The environment that comes before.
    pub after: Option<EnvironmentName>,
}

/// Which deploys to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this service.
    pub service: Option<ServiceName>,
    /// To this environment.
    pub environment: Option<EnvironmentName>,
    /// Asked for by this person.
    pub requester: Option<PersonId>,
    /// Only those that are not over.
    pub only_open: bool,
    /// Only those that hold their place: a start was decided and its end is not known.
    pub only_active: bool,
    /// Only those that are over and had a run, or may have had one: the one that ended last comes first, whenever it was
    /// asked for.
    pub only_ran: bool,
    /// Whose short id ends with this (upper case).
    pub short_id: Option<String>,
    /// Only those with a higher id than this, and by their ids rather than newest first: for going through all of
    /// them, a page at a time. Ids rise with the time of the request.
    pub above: Option<DeployId>,
    /// How many at most.
    pub limit: u32,
}

/// Notes that gates read: the record tells of them as of deploys, locks and freezes.
pub const TOLD_NOTES: [&str; 2] = [crate::selfcheck::DISPATCHING, crate::away::AWAY];
/// So begin the names of other notes that gates read: what calendars of others said last. When that was is another note,
/// which the record does not tell of, as it changes with every reading.
pub const TOLD_NOTES_OF: &str = "calendar/";

/// Whether the record tells of a note.
#[must_use]
pub fn is_told(note: &str) -> bool {
    TOLD_NOTES.contains(&note) || note.starts_with(TOLD_NOTES_OF)
}

/// Which deploys to read as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those with a higher id than this, in the order of their ids, so many at most.
    After(Option<String>, u32),
    /// Those with these ids.
    These(Vec<String>),
}

/// A database: SQLite or PostgreSQL. One contract suite holds them to the same behaviour.
#[async_trait]
pub trait Store: Send + Sync {
    /// Writes everything or nothing, durably, before it returns.
    async fn commit(&self, changes: Changes) -> Result<(), StoreError>;

    /// Stores what came in, durably, unless its key is known.
    async fn inbox_put(&self, inbound: &Inbound, at: Timestamp) -> Result<Accepted, StoreError>;
    /// Holds the oldest item that is not done and was begun fewer than [`BEGINNINGS`] times, with that count raised.
    /// Items of one account are worked on in order, one at a time, whoever works: while one is held, the account's
    /// next is not given out. What this worker of this epoch holds already comes again.
    async fn inbox_next(&self, by: Epoch, worker: u32) -> Result<Option<Waiting>, StoreError>;
    /// Takes the last beginning of an item that this epoch holds back: it was not the item that failed.
    async fn inbox_again(&self, by: Epoch, id: i64) -> Result<(), StoreError>;
    /// Gives back an item that this epoch holds, with its last beginning: whoever comes next has it as if it had not been
    /// begun.
    async fn inbox_give_back(&self, by: Epoch, id: i64) -> Result<(), StoreError>;

    /// Enters as a replica that lives until `alive_until` unless it renews that, and works by these rules.
    ///
    /// `now` and `alive_until` only say how long: a database that several machines share measures by its own clock.
    async fn replica_enter(
        &self,
        rules: &str,
        now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Epoch, StoreError>;
    /// Lives on, and buries the replicas that did not: their epochs end, what they held is free. `Conflict` when
    /// this epoch has ended itself.
    async fn replica_renew(
        &self,
        epoch: Epoch,
        now: Timestamp,
        alive_until: Timestamp,
    ) -> Result<Standing, StoreError>;
    /// Ends an epoch in order: what it held is free at once. One that has ended already is no error.
    async fn replica_leave(&self, epoch: Epoch) -> Result<(), StoreError>;

    /// Leases the effect that has been due longest, of one lane or of all. What another living replica holds stays
    /// with it; what the same epoch held past `lease_until` comes again. Leases are measured by the caller's clock
    /// alone, because only the caller compares them.
    async fn effect_lease(
        &self,
        by: Epoch,
        lane: Option<Lane>,
        now: Timestamp,
        lease_now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Leased>, StoreError>;
    /// When the next effect that nobody holds is due, of one lane or of all.
    async fn effect_next_due(&self, lane: Option<Lane>) -> Result<Option<Timestamp>, StoreError>;
    /// Makes a waiting effect due at this instant if it would be due later. No such effect is no error.
    async fn effect_wake(&self, key: &str, at: Timestamp) -> Result<(), StoreError>;
    /// Makes every waiting effect due at this instant if it would be due later: the clock was moved.
    async fn effects_wake_all(&self, at: Timestamp) -> Result<(), StoreError>;
    /// Forgets what no rule needs any more: keys of inbox items that were done, and repeatable effects that ended,
    /// before this instant. Keys of effects that happen once for ever stay. Returns how many rows went.
    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// One deploy.
    async fn deploy(&self, id: &DeployId) -> Result<Option<Deploy>, StoreError>;
    /// Deploys, newest first.
    async fn deploys(&self, filter: &Filter) -> Result<Vec<Deploy>, StoreError>;
    /// Deploys that are not over, newest first: their ids alone, which every command asks for.
    async fn open_ids(&self, limit: u32) -> Result<Vec<DeployId>, StoreError>;
    /// The deploy that is bound to a CI run, if any.
    async fn deploy_of_run(&self, provider: &str, run: &str) -> Result<Option<DeployId>, StoreError>;
    /// How often a scope was touched.
    async fn revision(&self, scope: &Scope) -> Result<u64, StoreError>;
    /// One consistent snapshot of all that a decision looks at.
    async fn surroundings(&self, about: &About) -> Result<Surroundings, StoreError>;
    /// All locks, also expired ones.
    async fn locks(&self) -> Result<Vec<Lock>, StoreError>;
    /// Revision of the freezes' scope, and freezes added in chat; with `ended`, also those that ended.
    async fn freezes(&self, ended: bool) -> Result<(u64, Vec<Freeze>), StoreError>;
    /// What stands in chat for a deploy.
    async fn card(&self, deploy: &DeployId) -> Result<Option<CardRow>, StoreError>;
    /// A small value by name.
    async fn note(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// Audit rows after `seq`, in order.
    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<Row>, StoreError>;
    /// Audit rows of one deploy, in order.
    async fn audit_of(&self, deploy: &DeployId) -> Result<Vec<Row>, StoreError>;
    /// Deploys as they are stored, column by column, however they were tampered with. The hash of each is in the record.
    async fn kept_deploys(&self, which: &Which) -> Result<Vec<Kept>, StoreError>;
    /// Ids of all deploys with a higher id than this, in their order, so many at most; as they are stored.
    async fn kept_ids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError>;
    /// All rows of a table, as they are stored; of notes those that gates read. Of deploys there may be very many: see
    /// [`Self::kept_deploys`].
    async fn kept_all(&self, table: Table) -> Result<Vec<Kept>, StoreError>;
    /// What of that by which the database refuses to change the record was missing or changed once, and was put back: a
    /// clause for people each, which names its time.
    async fn was_put_back(&self) -> Result<Vec<String>, StoreError>;
    /// What of it is missing or changed now: a clause for people each.
    async fn amiss(&self) -> Result<Vec<String>, StoreError>;
    /// Counts for metrics: waiting inbox items, waiting effects, dead effects, open deploys.
    async fn counts(&self) -> Result<Counts, StoreError>;
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inbox items not worked on yet.
    pub inbox: u64,
    /// Inbox items that cannot be read, or could not even be put away.
    pub inbox_dead: u64,
    /// Effects not done yet.
    pub effects: u64,
    /// Effects given up.
    pub effects_dead: u64,
    /// Deploys that are not over.
    pub open_deploys: u64,
}
