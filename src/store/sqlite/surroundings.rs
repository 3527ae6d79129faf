//! Everything that a decision about one deploy looks at, in one snapshot. Not here: the decision.

use super::fault::{Fault, Trouble};
use super::read::{many, one};
use super::row::instant;
use super::write::scope_revision;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};
use shipgate_app::store::{About, Scope, Surroundings, USUAL_OF};

pub(super) fn surroundings(db: &Connection, about: &About) -> Result<Surroundings, Trouble> {
    // A transaction that reads is one snapshot; there is nothing to commit.
    let db = &*db.unchecked_transaction()?;
    let group = [about.lock_group.as_str()];
    Ok(Surroundings {
        environment_revision: scope_revision(db, &Scope::Environment(about.environment.clone()))?,
        freezes_revision: scope_revision(db, &Scope::Freezes)?,
        freezes: many(
            db,
            "freezes",
            "SELECT id, body FROM freezes WHERE ended_at IS NULL ORDER BY rowid",
            [],
        )?,
        lock: one(
            db,
            "locks",
            "SELECT environment, body FROM locks WHERE environment = ?1 ORDER BY quarantine = '', quarantine LIMIT 1",
            [about.environment.as_str()],
        )?,
        active: many(
            db,
            "deploys",
            "SELECT id, body FROM deploys WHERE lock_group = ?1 AND active = 1 AND is_open = 1",
            group,
        )?,
        waiting: many(
            db,
            "deploys",
            "SELECT id, body FROM deploys WHERE lock_group = ?1 AND active = 0 AND is_open = 1 ORDER BY id",
            group,
        )?,
        before: before(db, about)?,
        before_is_open: before_is_open(db, about)?,
        known_here: known_here(db, about)?,
        took: took(db, about)?,
    })
}

/// How the commit's newest finished run ended on the environment that comes before.
fn before(db: &Connection, about: &About) -> Result<Option<(Timestamp, bool)>, Fault> {
    let (Some(commit), Some(after)) = (&about.commit, &about.after) else {
        return Ok(None);
    };
    let newest: Option<(i64, bool)> = db
        .prepare_cached(
            "SELECT ended_at, succeeded FROM deploys
             WHERE service = ?1 AND environment = ?2 AND commit_id = ?3 AND ran = 1
             ORDER BY ended_at DESC, id DESC LIMIT 1",
        )?
        .query_row([about.service.as_str(), after.as_str(), commit.as_str()], |row| row.try_into())
        .optional()?;
    newest.map(|(ended, well)| Ok((instant(ended, "deploys", commit)?, well))).transpose()
}

/// Whether a deploy of the commit to the environment that comes before is not over.
fn before_is_open(db: &Connection, about: &About) -> Result<bool, Fault> {
    let (Some(commit), Some(after)) = (&about.commit, &about.after) else {
        return Ok(false);
    };
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM deploys WHERE service = ?1 AND environment = ?2 AND commit_id = ?3 AND is_open = 1",
        )?
        .exists([about.service.as_str(), after.as_str(), commit.as_str()])?)
}

fn known_here(db: &Connection, about: &About) -> Result<bool, Fault> {
    let Some(commit) = &about.commit else {
        return Ok(false);
    };
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM deploys
             WHERE service = ?1 AND environment = ?2 AND commit_id = ?3 AND ran = 1 AND succeeded = 1",
        )?
        .exists([about.service.as_str(), about.environment.as_str(), commit.as_str()])?)
}

/// How long the last successes took, newest first.
fn took(db: &Connection, about: &About) -> Result<Vec<SignedDuration>, Fault> {
    let mut select = db.prepare_cached(
        "SELECT ended_at - bound_at FROM deploys
         WHERE service = ?1 AND environment = ?2 AND ran = 1 AND succeeded = 1
         ORDER BY ended_at DESC, id DESC LIMIT ?3",
    )?;
    let params = (about.service.as_str(), about.environment.as_str(), USUAL_OF);
    let took = select.query_map(params, |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    Ok(took.into_iter().map(SignedDuration::from_millis).collect())
}
