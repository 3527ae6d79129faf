//! Comparing what is stored with the record: rows without a word in it, words without a row, rows that are other than it
//! says. Not here: what follows from a finding.

use super::SelfCheck;
use crate::ports::Store;
use crate::store::{Filter, StoreError, Which};
use shipgate_domain::audit::{Finding, FindingKind, Inspector, TABLES, Table};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::DeployId;
use std::collections::{BTreeMap, BTreeSet};

/// Deploys compared in one look: the newest open ones, those that changed, and some of all others in turn.
const NEWEST: u32 = 300;
/// More than have a place: one line each.
const ACTIVE: u32 = 10_000;
const CHANGED: usize = 300;
const IN_TURN: usize = 200;
/// Rows read at once, a few milliseconds of work, and how many times in one look: five thousand deploys a minute are
/// compared to the byte.
const PAGE: u32 = 200;
const PAGES: u32 = 25;
/// Ids read at once: they are short.
const IDS: u32 = 2000;

/// Compares every row that gates read with the record, which was read to its end before, and says how many there were.
/// The record must be read to its end once more before that is settled.
///
/// # Errors
/// The database failed.
pub async fn compare_all(store: &dyn Store, inspector: &mut Inspector) -> Result<u64, StoreError> {
    look_at_guards(store, inspector).await?;
    let mut compared = compare_places(store, inspector).await?;
    let mut after: Option<String> = None;
    loop {
        let kept = store.kept_deploys(&Which::After(after.clone(), PAGE)).await?;
        let keys: Vec<&str> = kept.iter().map(|row| row.key.as_str()).collect();
        let is_last = is_last(&keys, after.as_deref(), PAGE);
        inspector.ledger().expect_all(Table::Deploys, after.as_deref(), &keys, is_last);
        inspector.ledger().expect(&kept);
        compared += kept.len() as u64;
        if is_last {
            break;
        }
        after = kept.last().map(|row| row.key.clone());
        tokio::task::yield_now().await;
    }
    Ok(compared)
}

/// Whether these keys end a table. Keys that do not rise, because somebody wrote what is no text, must not keep this
/// going round.
fn is_last(keys: &[&str], after: Option<&str>, page: u32) -> bool {
    keys.len() < page as usize || keys.last().copied() <= after
}

/// Compares everything but deploys. A table that cannot be read hides no other.
async fn compare_places(store: &dyn Store, inspector: &mut Inspector) -> Result<u64, StoreError> {
    let (mut compared, mut failed) = (0, None);
    for table in TABLES.into_iter().filter(|table| *table != Table::Deploys) {
        match store.kept_all(table).await {
            Ok(kept) => {
                let keys: Vec<&str> = kept.iter().map(|row| row.key.as_str()).collect();
                inspector.ledger().expect_all(table, None, &keys, true);
                inspector.ledger().expect(&kept);
                compared += kept.len() as u64;
            }
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(compared), Err)
}

async fn look_at_guards(store: &dyn Store, inspector: &mut Inspector) -> Result<(), StoreError> {
    let amiss = store.amiss().await.map(|amiss| inspector.see_now(FindingKind::Guard, amiss));
    for what in store.was_put_back().await? {
        inspector.add_found(Finding { kind: FindingKind::Guard, seq: None, deploy: None, what });
    }
    amiss
}

impl SelfCheck {
    /// Compares what is stored with the record. `group_of` gives the lock group of a deploy that is judged by the rules
    /// of now.
    ///
    /// The record was read to its end before and is read to its end again afterwards: whatever was stored in between, the
    /// record says it by then, however many write meanwhile. So a difference is one.
    ///
    /// # Errors
    /// The database failed. What could be compared was: one table that cannot be read hides no other.
    pub async fn compare(
        &mut self,
        store: &dyn Store,
        group_of: impl Fn(&Deploy) -> Option<String>,
    ) -> Result<(), StoreError> {
        let guards = look_at_guards(store, &mut self.inspector).await;
        let places = compare_places(store, &mut self.inspector).await.map(drop);
        let ids = self.compare_ids(store).await;
        let deploys = self.compare_deploys(store, group_of).await;
        let pages = self.compare_in_turn(store).await;
        self.follow(store).await?;
        self.inspector.settle();
        // All are told; one is enough to say that the look was not whole.
        let failed = [guards, places, ids, deploys, pages].into_iter().filter_map(Result::err);
        failed
            .inspect(|error| tracing::warn!("cannot be compared with the record: {}", error.with_causes()))
            .reduce(|first, _| first)
            .map_or(Ok(()), Err)
    }

    /// Compares the lives and rows of the deploys that matter now, and of some others in turn.
    async fn compare_deploys(
        &mut self,
        store: &dyn Store,
        group_of: impl Fn(&Deploy) -> Option<String>,
    ) -> Result<(), StoreError> {
        let newest = Filter { only_open: true, limit: NEWEST, ..Filter::default() };
        let newest = store.deploys(&newest).await?;
        let active = Filter { only_active: true, limit: ACTIVE, ..Filter::default() };
        self.look_for_two_in_one_place(&store.deploys(&active).await?, group_of);
        let replay = self.inspector.replay();
        let mut ids: BTreeSet<DeployId> = replay.active().cloned().collect();
        ids.extend(replay.take_changed(CHANGED));
        let in_turn = replay.after(self.turn.as_ref(), IN_TURN);
        self.turn = in_turn.last().filter(|_| in_turn.len() == IN_TURN).cloned();
        ids.extend(in_turn);
        for deploy in &newest {
            self.inspector.expect(deploy);
        }
        let opens: BTreeSet<&DeployId> = newest.iter().map(|deploy| &deploy.id).collect();
        let looked_into = ids.iter().chain(opens.iter().copied()).map(ToString::to_string).collect();
        for id in ids.iter().filter(|id| !opens.contains(id)) {
            match store.deploy(id).await {
                Ok(Some(deploy)) => self.inspector.expect(&deploy),
                // That is found by the ids, with what the record says of it.
                Ok(None) => {}
                // One row that cannot be read is reported where it is read, and hides no other.
                Err(error) => tracing::warn!(deploy.id = %id, "cannot be compared with the record: {error}"),
            }
        }
        let kept = store.kept_deploys(&Which::These(looked_into)).await?;
        self.inspector.ledger().expect(&kept);
        Ok(())
    }

    /// Which deploys there are: none more and none less than the record knows.
    async fn compare_ids(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let ids = store.kept_ids(after.as_deref(), IDS).await?;
            let keys: Vec<&str> = ids.iter().map(String::as_str).collect();
            let is_last = is_last(&keys, after.as_deref(), IDS);
            self.inspector.ledger().expect_all(Table::Deploys, after.as_deref(), &keys, is_last);
            if is_last {
                return Ok(());
            }
            after = ids.into_iter().last();
            self.rest.take().await;
        }
    }

    /// Compares the next deploys to the byte, as they are stored, from where the last look ended.
    async fn compare_in_turn(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for _ in 0..PAGES {
            let kept = store.kept_deploys(&Which::After(self.page.clone(), PAGE)).await?;
            self.inspector.ledger().expect(&kept);
            self.page = kept.last().filter(|_| kept.len() == PAGE as usize).map(|row| row.key.clone());
            if self.page.is_none() {
                break;
            }
            self.rest.take().await;
        }
        Ok(())
    }

    /// Two active deploys of one lock group in one snapshot: the database's own constraint is gone, or was passed by.
    fn look_for_two_in_one_place(
        &mut self,
        snapshot: &[Deploy],
        group_of: impl Fn(&Deploy) -> Option<String>,
    ) {
        let mut active: BTreeMap<String, &Deploy> = BTreeMap::new();
        for deploy in snapshot.iter().filter(|deploy| deploy.is_active()) {
            let Some(group) = group_of(deploy) else { continue };
            if let Some(other) = active.insert(group.clone(), deploy) {
                let what = format!("deploys {} and {} are both active in {group}", other.id, deploy.id);
                let deploy = Some(deploy.id.clone());
                self.inspector.add_found(Finding { kind: FindingKind::Place, seq: None, deploy, what });
            }
        }
    }
}
