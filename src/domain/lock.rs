//! Locks: a person's hold on an environment, its kinds, and the only way it changes. Not here: what a lock means for a
//! deploy (`gates`), storing it, telling people of it.

#[cfg(test)]
mod tests;

use crate::ids::{DeployId, EnvironmentName, PersonId};
use crate::people::{Action, Authorized};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What "keep" adds to a lock that never said how long it lasts.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);
/// So long before its end the owner is asked whether the lock is still needed.
pub const BEFORE_END: SignedDuration = SignedDuration::from_mins(10);

/// Whom a lock stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockKind {
    /// Everybody but its owner.
    #[default]
    Everyone,
    /// What starts by itself: planned starts, and whatever no person asked for. What a person asks for now goes on.
    Automation,
    /// Nobody: everybody reads the warning.
    Warn,
}

impl LockKind {
    /// For stored forms, which leave out the usual kind.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub fn is_everyone(&self) -> bool {
        *self == Self::Everyone
    }
}

/// A person's hold on an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Where.
    pub environment: EnvironmentName,
    /// Who holds it.
    pub by: PersonId,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, excluded; none means until somebody unlocks it.
    pub until: Option<Timestamp>,
    /// Set when the lock is there because nobody knows what became of a run. Then it stops everybody, and only
    /// those who may resolve it lift it.
    pub quarantine: Option<DeployId>,
    /// Whom it stops. A quarantine stops everybody.
    #[serde(default, skip_serializing_if = "LockKind::is_everyone")]
    pub kind: LockKind,
    /// For how long it was taken: "keep" adds as much again. None in locks of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<SignedDuration>,
}

impl Lock {
    /// The quarantine of an environment after the database was put back to an earlier moment. Nobody knows what
    /// happened there since, so only a person lifts it. It names no deploy: its id begins with the year 1970, in which
    /// nobody deployed.
    ///
    /// # Panics
    /// Never: the name of the program is a name.
    #[must_use]
    pub fn after_restore(
        environment: EnvironmentName,
        since: Timestamp,
        now: Timestamp,
        random: [u8; 10],
    ) -> Self {
        Self {
            environment,
            by: "shipgate".parse().expect("a name"),
            reason: format!(
                "the database was restored from {}, and what happened since then is not known",
                since.strftime("%Y-%m-%d %H:%M UTC")
            ),
            since: now,
            until: None,
            quarantine: Some(DeployId::new(Timestamp::UNIX_EPOCH, random)),
            kind: LockKind::Everyone,
            length: None,
        }
    }

    /// Whether it stands at an instant.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }

    /// When its owner is asked next, after an instant, whether it is still needed: each time this long after it was
    /// taken, and shortly before its end, unless that is shortly after its beginning too. None: not again.
    #[must_use]
    pub fn next_nag(&self, after: Timestamp, every: SignedDuration) -> Option<Timestamp> {
        if self.quarantine.is_some() {
            return None;
        }
        let last = self.until.map(|until| back(until, BEFORE_END));
        let last_of_long = last.filter(|last| last.duration_since(self.since) > BEFORE_END);
        let regular = if every.is_positive() {
            let passed = after.duration_since(self.since).as_secs().max(0) / every.as_secs().max(1);
            let times = i32::try_from(passed.saturating_add(1)).unwrap_or(i32::MAX);
            every.checked_mul(times).and_then(|sum| self.since.checked_add(sum).ok())
        } else {
            None
        };
        // Whoever was asked a moment ago is not asked again because it ends.
        let regular = regular.filter(|at| last.is_none_or(|last| *at < last));
        [regular, last_of_long.filter(|at| *at > after)].into_iter().flatten().min()
    }

    /// By how much "keep" moves its end.
    #[must_use]
    pub fn keeps_for(&self) -> SignedDuration {
        let first = self.until.map(|until| until.duration_since(self.since));
        self.length.or(first).filter(|length| length.is_positive()).unwrap_or(KEPT_FOR)
    }
}

fn back(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// What a person wants of an environment's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockAsk {
    /// Take it, if nobody else holds it. One's own is replaced, and a warning of somebody else by what is more than one.
    Take(LockWish),
    /// Take it, also from whoever holds it.
    Steal(LockWish),
    /// Give it back, or lift that of somebody else, which needs a reason.
    Release(Option<String>),
    /// Let it stand as long again.
    Keep,
}

/// The lock that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockWish {
    /// Why.
    pub reason: String,
    /// Whom it stops.
    pub kind: LockKind,
    /// For how long; none means until somebody unlocks it.
    pub length: Option<SignedDuration>,
}

/// What became of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockStep {
    /// It is theirs now; from whom it was taken, where it was somebody else's.
    Taken {
        /// The lock.
        lock: Lock,
        /// The lock that it took the place of.
        from: Option<Lock>,
    },
    /// It ends later.
    Kept {
        /// The lock as it is now.
        lock: Lock,
    },
    /// It is over.
    Released {
        /// The lock as it was.
        lock: Lock,
    },
}

/// Why a lock stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockRefused {
    /// Somebody else holds it.
    #[error("it is held by {}", .0.by)]
    HeldByOther(Box<Lock>),
    /// Nobody knows what became of a run there: nobody can hold it before that is known.
    #[error("it is closed off: {}", .0.reason)]
    ClosedOff(Box<Lock>),
    /// Somebody else's lock is not lifted without a reason.
    #[error("lifting the lock of {} needs a reason", .0.by)]
    ReasonNeeded(Box<Lock>),
    /// Nobody holds it.
    #[error("nobody holds it")]
    Free,
    /// The grant is for another action or place: a mistake in the caller.
    #[error("the grant does not fit this lock")]
    WrongGrant,
}

impl LockAsk {
    /// What somebody must be allowed to do for it. `held`: the lock that stands.
    #[must_use]
    pub fn action(&self, held: Option<&Lock>, person: &PersonId) -> Action {
        let theirs = |lock: &&Lock| lock.by == *person && lock.quarantine.is_none();
        match (self, held) {
            (Self::Take(_), _) | (_, None) => Action::Lock,
            (Self::Release(_), Some(lock)) if lock.quarantine.is_some() => Action::Resolve,
            (Self::Steal(_) | Self::Release(_) | Self::Keep, Some(lock)) => {
                if theirs(&lock) {
                    Action::Lock
                } else {
                    Action::Unlock
                }
            }
        }
    }
}

/// The only way a lock changes. Pure. `held`: the environment's lock, also one that is over.
///
/// # Errors
/// [`LockRefused`] is the answer to give; nothing changed.
pub fn ask(
    environment: &EnvironmentName,
    held: Option<&Lock>,
    grant: &Authorized,
    ask: &LockAsk,
    now: Timestamp,
) -> Result<LockStep, LockRefused> {
    let person = grant.person();
    let held = held.filter(|lock| lock.holds(now));
    if grant.action() != ask.action(held, person) || grant.environment() != Some(environment) {
        return Err(LockRefused::WrongGrant);
    }
    let is_theirs = |lock: &Lock| lock.by == *person;
    match ask {
        LockAsk::Take(wish) | LockAsk::Steal(wish) => {
            // A warning stops nothing, so it does not stop a lock either.
            let is_only_warned =
                held.is_some_and(|lock| lock.kind == LockKind::Warn) && wish.kind != LockKind::Warn;
            let may_steal = matches!(ask, LockAsk::Steal(_)) || is_only_warned;
            let from = match held {
                Some(lock) if lock.quarantine.is_some() => {
                    return Err(LockRefused::ClosedOff(Box::new(lock.clone())));
                }
                Some(lock) if !is_theirs(lock) && !may_steal => {
                    return Err(LockRefused::HeldByOther(Box::new(lock.clone())));
                }
                other => other.filter(|lock| !is_theirs(lock)).cloned(),
            };
            let lock = Lock {
                environment: environment.clone(),
                by: person.clone(),
                reason: wish.reason.clone(),
                since: now,
                until: wish.length.map(|length| now.saturating_add(length).unwrap_or(Timestamp::MAX)),
                quarantine: None,
                kind: wish.kind,
                length: wish.length,
            };
            Ok(LockStep::Taken { lock, from })
        }
        LockAsk::Release(reason) => {
            let lock = held.ok_or(LockRefused::Free)?;
            let is_own = is_theirs(lock) && lock.quarantine.is_none();
            if !is_own && reason.is_none() {
                return Err(LockRefused::ReasonNeeded(Box::new(lock.clone())));
            }
            Ok(LockStep::Released { lock: lock.clone() })
        }
        LockAsk::Keep => {
            let lock = held.ok_or(LockRefused::Free)?;
            if lock.quarantine.is_some() {
                return Err(LockRefused::ClosedOff(Box::new(lock.clone())));
            }
            let length = lock.keeps_for();
            let until = lock.until.map(|until| until.saturating_add(length).unwrap_or(Timestamp::MAX));
            Ok(LockStep::Kept { lock: Lock { until, length: Some(length), ..lock.clone() } })
        }
    }
}
