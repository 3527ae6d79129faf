//! Does the change contain migrations, has the group that knows the database agreed, and can it be gone back over them?
//! Not here: finding them (`crate::migrations`).

use super::approvals::{agreed_to_see, candidates};
use super::{Finding, LOOK_AGAIN, Reason};
use crate::facts::{Case, Read};
use crate::migrations::Migration;
use sha2::{Digest as _, Sha256};

/// Files named on the card; the rest is counted.
const NAMED: usize = 10;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    if case.service.preflight.migrations.is_empty() {
        return None;
    }
    let accepted = case.deploy.request.accepts.across_migrations.as_ref();
    let is_rollback = case.deploy.is_rollback();
    let again = case.now.saturating_add(LOOK_AGAIN).ok();
    let unread = |why: &str| match accepted {
        // Whoever accepted to cross them accepted not to be told which, on the way back.
        Some(why) if is_rollback => Finding::open(Reason::AcrossMigrations { why: why.clone() }),
        _ => Finding::waiting(Reason::MigrationsUnreadable { why: why.to_owned() }).until(again),
    };
    let crossing = match case.deploy.outside.as_ref().and_then(|o| o.preflight.migrations.as_ref()) {
        Some(Read::Known(crossing)) => crossing,
        Some(Read::Unknown(why)) => return Some(unread(why)),
        None => return Some(unread("the changed files were not read yet")),
    };
    let one_way: Vec<&Migration> = crossing.left.iter().filter(|migration| migration.one_way).collect();
    match (one_way.is_empty(), accepted) {
        (false, None) => {
            let (files, count) = named(&one_way);
            return Some(Finding::closed(Reason::CrossesMigrations { files, count }));
        }
        (false, Some(why)) if is_rollback => {
            return Some(Finding::open(Reason::AcrossMigrations { why: why.clone() }));
        }
        (false, Some(_)) | (true, _) => {}
    }
    let all: Vec<&Migration> = crossing.come.iter().chain(&crossing.left).collect();
    if all.is_empty() {
        return Some(Finding::open(Reason::NoMigrations));
    }
    let (files, count) = named(&all);
    // The way back asks nobody: it must be fast, and the requester confirmed what cannot be undone.
    let rule = case.environment.preflight.migrations.as_ref().filter(|rule| rule.needed > 0 && !is_rollback);
    let Some(rule) = rule else { return Some(Finding::open(Reason::MigrationsShown { files, count })) };
    let shown = shown_key(&all);
    let agreed = agreed_to_see(case, &rule.from, &shown);
    if agreed.people.len() >= rule.needed as usize {
        let reason = Reason::MigrationsAgreed { files, count, by: agreed.people, shown };
        return Some(Finding::open(reason).until(agreed.until));
    }
    if let Some(why) = agreed.unknown {
        return Some(Finding::waiting(Reason::GroupUnreadable { why }));
    }
    let reason = Reason::MigrationsAsked { files, count, by: agreed.people, needed: rule.needed, shown };
    Some(Finding::waiting(reason).helped_by(candidates(case, &rule.from), rule.from.clone()))
}

/// What stands for exactly these migrations in a yes: who agreed to others agreed to something else.
fn shown_key(all: &[&Migration]) -> String {
    let mut hash = Sha256::new();
    for migration in all {
        hash.update(migration.path.as_bytes());
        hash.update([0, u8::from(migration.one_way)]);
    }
    format!("migrations {}", crate::hex(&hash.finalize()[..8]))
}

fn named(migrations: &[&Migration]) -> (Vec<String>, u32) {
    let files = migrations.iter().take(NAMED).map(|migration| migration.path.clone()).collect();
    (files, u32::try_from(migrations.len()).unwrap_or(u32::MAX))
}
