//! Power cuts and bad disks: the write-ahead log cut at sampled bytes, unsynced sectors lost, pages torn and zeroed.
//! `SHIPGATE_CUTS` says how many of each kind, `SHIPGATE_SEED` which. Not here: a disk that fails while the program
//! runs (`tests/it/disk.rs`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "contract/samples.rs"]
mod samples;

use samples::*;
use shipgate_app::store::{Changes, Filter, Store};
use shipgate_domain::audit::Verifier;
use shipgate_domain::deploy::Deploy;
use shipgate_store::SqliteStore;
use std::path::{Path, PathBuf};

/// Pairs of a decision and a delivery in a history.
const PAIRS: u8 = 90;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
const PAGE: usize = 4096;
const FRAME: usize = 24 + PAGE;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().expect("a number"))
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound.max(1) as u64).unwrap()
    }
}

/// Everything that was acknowledged, and the files at that moment.
struct History {
    database: Vec<u8>,
    log: Vec<u8>,
    /// What lay in the log's file before it began anew.
    older: Vec<u8>,
    /// How much of the log was on disk when each write was acknowledged: a decision, a delivery, a decision …
    synced: Vec<usize>,
    deploys: Vec<Deploy>,
    heads: Vec<String>,
}

/// A place for copies: in memory where the machine has one, because nothing here is about the speed of its disk.
fn place() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// How far the log goes: its frames carry the salt of its header until an older log's frames follow.
fn used(log: &[u8]) -> usize {
    let Some(salt) = log.get(16..24) else { return 0 };
    let frames = log[32..].chunks_exact(FRAME).take_while(|frame| &frame[8..16] == salt).count();
    32 + frames * FRAME
}

async fn history(begins_anew: bool) -> History {
    let folder = place();
    let path = folder.path().join("shipgate.db");
    let store = SqliteStore::open(&path, at(0)).unwrap();
    enter(&store).await;
    let mut made = History {
        database: vec![],
        log: vec![],
        older: vec![],
        synced: vec![],
        deploys: vec![],
        heads: vec![],
    };
    let log = beside(&path, "-wal");
    for n in 1..=PAIRS {
        if begins_anew && n == PAIRS / 2 {
            made.older = std::fs::read(&log).unwrap();
            let other = rusqlite::Connection::open(&path).unwrap();
            other.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
            made.synced.fill(0);
        }
        let one = deploy(n);
        let mut changes = deploys(&[&one]);
        changes.audit.push(entry("requested", Some(&one)));
        changes.notes.push(("newest".into(), n.to_string()));
        store.commit(changes).await.unwrap();
        made.deploys.push(one);
        made.synced.push(used(&std::fs::read(&log).unwrap()));
        store.inbox_put(&inbound(&n.to_string()), at(1)).await.unwrap();
        made.synced.push(used(&std::fs::read(&log).unwrap()));
    }
    made.heads = store.audit(0, 1000).await.unwrap().into_iter().map(|row| row.hash).collect();
    (made.database, made.log) = (std::fs::read(&path).unwrap(), std::fs::read(&log).unwrap());
    made
}

/// Files as a power cut left them.
struct Left {
    folder: tempfile::TempDir,
}

impl Left {
    fn new() -> Self {
        Self { folder: place() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shipgate.db")
    }

    fn put(&self, database: &[u8], log: Option<&[u8]>) {
        let path = self.path();
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(&path, end));
        }
        std::fs::write(&path, database).unwrap();
        if let Some(log) = log {
            std::fs::write(beside(&path, "-wal"), log).unwrap();
        }
    }
}

/// What a database says, or why it does not.
async fn read(path: &Path) -> Result<(u64, Vec<String>, Vec<Deploy>, Option<String>), String> {
    let store = SqliteStore::open(path, at(0)).map_err(|error| error.to_string())?;
    let told = |error: shipgate_app::store::StoreError| error.to_string();
    let rows = store.audit(0, 1000).await.map_err(told)?;
    let mut verifier = Verifier::default();
    for row in &rows {
        verifier.check(row).map_err(|broken| broken.to_string())?;
    }
    let mut deploys = store.deploys(&Filter { limit: 1000, ..Filter::default() }).await.map_err(told)?;
    deploys.reverse();
    let newest = store.note("newest").await.map_err(told)?;
    let inbox = store.counts().await.map_err(told)?.inbox;
    // What was recovered can be written on.
    enter_any(&store).await.map_err(told)?;
    Ok((inbox, rows.into_iter().map(|row| row.hash).collect(), deploys, newest))
}

async fn enter_any(store: &dyn Store) -> Result<(), shipgate_app::store::StoreError> {
    let epoch = store.replica_enter("rules", at(0), at(1_000_000)).await?;
    let mut changes = Changes::by(epoch, at(9));
    changes.audit.push(entry("restarted", None));
    store.commit(changes).await
}

impl History {
    /// The files hold the first `least` writes at least, and nothing that was never written.
    async fn expect_prefix(&self, left: &Left, least: usize, what: &str) {
        let (inbox, heads, deploys, newest) = match read(&left.path()).await {
            Ok(read) => read,
            Err(why) => panic!("{what}: refused, though everything was synced: {why}"),
        };
        let decisions = heads.len();
        assert_eq!(heads, self.heads[..decisions], "{what}: another record");
        assert_eq!(deploys, self.deploys[..decisions], "{what}: other deploys");
        assert_eq!(newest, (decisions > 0).then(|| decisions.to_string()), "{what}: another note");
        let deliveries = usize::try_from(inbox).unwrap();
        assert!(deliveries == decisions || deliveries + 1 == decisions, "{what}: {decisions}, {deliveries}");
        let there = decisions + deliveries;
        assert!(there >= least, "{what}: {least} writes were acknowledged, {there} are there");
    }

    /// Writes that were acknowledged when the log had this length.
    fn acknowledged(&self, length: usize) -> usize {
        self.synced.iter().take_while(|synced| **synced <= length).count()
    }
}

async fn cut(history: &History, cuts: u64, dice: &mut Dice) {
    let left = Left::new();
    let end = used(&history.log);
    for number in 0..cuts {
        // At the borders of frames things happen; everywhere else they might.
        let at = match dice.below(3) {
            0 => 32 + dice.below((end - 32) / FRAME + 1) * FRAME,
            1 => {
                (32 + dice.below((end - 32) / FRAME + 1) * FRAME + dice.below(64)).saturating_sub(32).min(end)
            }
            _ => dice.below(end + 1),
        };
        let mut log = history.log[..at].to_vec();
        let how = dice.below(4);
        match how {
            // The file ends there.
            0 => {}
            // Its length was written, its content was not.
            1 => log.resize(end, 0),
            // What lay there before is still there.
            2 => {
                if let Some(older) = history.older.get(at..) {
                    log.extend_from_slice(older);
                }
            }
            // Of what was not synced, some sectors arrived.
            _ => {
                for sector in history.log[at..end].chunks(SECTOR) {
                    match dice.below(3) {
                        0 => log.extend_from_slice(sector),
                        1 => log.extend(std::iter::repeat_n(0, sector.len())),
                        _ => log.extend(sector.iter().map(|byte| byte ^ 0x5a)),
                    }
                }
            }
        }
        left.put(&history.database, Some(&log));
        let what = format!("cut {number} at {at} of {end}, kind {how}");
        history.expect_prefix(&left, history.acknowledged(at), &what).await;
    }
}

#[tokio::test]
async fn a_log_that_is_cut_at_any_byte_keeps_what_was_acknowledged_before_it() {
    let (cuts, seed) = (number("SHIPGATE_CUTS", 1000), number("SHIPGATE_SEED", 2026));
    let mut dice = Dice(seed);
    cut(&history(false).await, cuts / 2, &mut dice).await;
    // The same when the log has begun anew, over the frames of an older one.
    cut(&history(true).await, cuts - cuts / 2, &mut dice).await;
}

#[tokio::test]
async fn a_frame_that_is_damaged_ends_the_log_and_never_changes_what_it_says() {
    let (cuts, mut dice) = (number("SHIPGATE_CUTS", 1000) / 5, Dice(number("SHIPGATE_SEED", 2026) + 1));
    let history = history(false).await;
    let (left, end) = (Left::new(), used(&history.log));
    for number in 0..cuts {
        let mut log = history.log[..end].to_vec();
        let at = 32 + dice.below(end - 32);
        let length = [1, 8, SECTOR, PAGE][dice.below(4)].min(end - at);
        let old = log[at..at + length].to_vec();
        match dice.below(2) {
            0 => log[at..at + length].fill(0),
            _ => log[at..at + length].iter_mut().for_each(|byte| *byte ^= 0x5a),
        }
        let first = at + old.iter().zip(&log[at..]).position(|(old, new)| old != new).unwrap_or(length);
        left.put(&history.database, Some(&log));
        let frame = 32 + (first - 32) / FRAME * FRAME;
        let what = format!("damage {number}: {length} bytes at {at}");
        history.expect_prefix(&left, history.acknowledged(frame), &what).await;
    }
}

#[tokio::test]
async fn a_power_cut_while_the_log_is_copied_into_the_database_loses_nothing() {
    let (cuts, mut dice) = (number("SHIPGATE_CUTS", 1000) / 5, Dice(number("SHIPGATE_SEED", 2026) + 2));
    for begins_anew in [false, true] {
        let history = history(begins_anew).await;
        let left = Left::new();
        let copied = copied(&history, &left);
        let pages = copied.len().div_ceil(PAGE);
        for number in 0..cuts / 2 {
            let mut database = Vec::new();
            for page in 0..pages {
                let piece = |of: &[u8]| {
                    let mut piece = of.get(page * PAGE..).unwrap_or_default().to_vec();
                    piece.resize(PAGE, 0);
                    piece
                };
                let (old, new) = (piece(&history.database), piece(&copied));
                let torn = dice.below(PAGE / SECTOR) * SECTOR;
                match dice.below(4) {
                    0 => database.extend(old),
                    1 => database.extend(new),
                    2 => database.extend([&new[..torn], &old[torn..]].concat()),
                    // Only a page that is being written can be lost.
                    _ if old != new => database.extend([0; PAGE]),
                    _ => database.extend(old),
                }
            }
            left.put(&database, Some(&history.log));
            let all = history.synced.len();
            history.expect_prefix(&left, all, &format!("copying {number}, anew: {begins_anew}")).await;
        }
    }
}

/// The database after all of its log was copied into it.
fn copied(history: &History, left: &Left) -> Vec<u8> {
    left.put(&history.database, Some(&history.log));
    let db = rusqlite::Connection::open(left.path()).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(db);
    std::fs::read(left.path()).unwrap()
}

#[tokio::test]
async fn a_page_that_the_disk_lost_is_refused_or_named_and_never_believed() {
    let (cuts, mut dice) = (number("SHIPGATE_CUTS", 1000) / 5, Dice(number("SHIPGATE_SEED", 2026) + 3));
    let history = history(false).await;
    let left = Left::new();
    let whole = copied(&history, &left);
    let mut said = 0;
    for number in 0..cuts {
        let mut database = whole.clone();
        let page = dice.below(whole.len() / PAGE) * PAGE;
        let other = dice.below(whole.len() / PAGE) * PAGE;
        match dice.below(3) {
            0 => database[page..page + PAGE].fill(0),
            // Another page was written in its place.
            1 => database.copy_within(other..other + PAGE, page),
            // The file ends too soon.
            _ => database.truncate(page),
        }
        left.put(&database, None);
        if database == whole {
            continue;
        }
        match read(&left.path()).await {
            Err(_) => said += 1,
            Ok((inbox, heads, deploys, newest)) => {
                let is_true = (inbox, newest) == (u64::from(PAIRS), Some(PAIRS.to_string()))
                    && heads == history.heads
                    && deploys == history.deploys;
                // An index or a free page: nothing that is read came from it, or the file was begun anew.
                assert!(
                    is_true || database.len() < PAGE,
                    "damage {number} at page {} was believed: {inbox} deliveries, {} rows, {} deploys",
                    page / PAGE,
                    heads.len(),
                    deploys.len()
                );
            }
        }
    }
    assert!(said > cuts / 2, "only {said} of {cuts} were noticed");
}
