//! Somebody who owns the database file changes the record in ten thousand ways, and each is found. Not here: the chain on
//! its own (`domain/audit/tests`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "contract/dice.rs"]
mod dice;
#[path = "contract/samples.rs"]
mod samples;

use dice::Dice;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use samples::{ME, at, enter};
use serde_json::json;
use shipgate_app::store::{Changes, Store};
use shipgate_domain::audit::{Actor, Entry, Inspector, Row, link};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::DeployId;
use shipgate_store::SqliteStore;
use std::collections::BTreeMap;
use std::path::Path;

const TAMPERINGS: usize = 10_000;
/// A long row, so that edits far inside of it are tried too.
const LONG: usize = 3_000;

fn entry(n: i64, deploy: &Deploy, event: &str, data: serde_json::Value) -> Entry {
    Entry {
        at: at(n),
        actor: Actor::Person { person: "ada".parse().unwrap(), account: samples::ada() },
        deploy: Some(deploy.id.clone()),
        environment: Some(samples::production()),
        event: event.into(),
        data,
    }
}

/// Lives of deploys that were asked for, pinned and cancelled, and things between them.
fn entries() -> Vec<Entry> {
    let mut all = Vec::new();
    for n in 0..8_u8 {
        let deploy = samples::deploy(n);
        let time = i64::from(n) * 10;
        let digest = format!("{n:064x}");
        all.push(entry(time, &deploy, "requested", serde_json::to_value(&deploy.request).unwrap()));
        all.push(entry(time + 1, &deploy, "pinned", json!({ "pinned": { "digest": digest } })));
        all.push(entry(time + 2, &deploy, "approved", json!({ "digest": digest, "by": "grace" })));
        all.push(entry(
            time + 3,
            &deploy,
            "cancel_asked",
            json!({ "reason": "x".repeat(usize::from(n % 3) * LONG) }),
        ));
        all.push(Entry {
            deploy: None,
            event: "denied".into(),
            ..entry(time + 4, &deploy, "", json!({ "n": n }))
        });
    }
    all
}

/// The rows as the attacker reads and writes them.
fn rows(db: &Connection) -> Vec<Row> {
    let mut select = db.prepare("SELECT seq, body, prev, hash, deploy, at FROM audit ORDER BY seq").unwrap();
    let read = select.query_map([], |row| {
        Ok(Row {
            seq: row.get(0)?,
            body: row.get(1)?,
            prev: row.get(2)?,
            hash: row.get(3)?,
            deploy: row.get(4)?,
            at_millis: row.get(5)?,
        })
    });
    read.unwrap().map(Result::unwrap).collect()
}

fn write(db: &Connection, rows: &[Row]) {
    let tx = db.unchecked_transaction().unwrap();
    tx.execute("DELETE FROM audit", []).unwrap();
    let mut insert = tx.prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6)").unwrap();
    for row in rows {
        // A number below 1 is written as such: the attacker is not bound to our types.
        let seq = if row.seq > u64::MAX / 2 { -1 } else { i64::try_from(row.seq).unwrap() };
        insert.execute((seq, &row.body, &row.prev, &row.hash, &row.deploy, row.at_millis)).unwrap();
    }
    drop(insert);
    tx.commit().unwrap();
}

/// Makes a new chain of the texts from row `from` on.
fn rechain(rows: &mut [Row], from: usize) {
    for index in from..rows.len() {
        let prev = index
            .checked_sub(1)
            .map_or_else(|| shipgate_domain::audit::GENESIS.to_owned(), |i| rows[i].hash.clone());
        let entry: Entry = serde_json::from_str(&rows[index].body).unwrap();
        rows[index] = link(index as u64 + 1, &prev, &entry);
    }
}

/// A text with one character changed.
fn edited(text: &str, dice: &mut Dice) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let place = dice.roll(chars.len());
    let new = ['0', '1', 'a', 'f', 'Z', ' ', '"', '\u{0}', 'é'][dice.roll(9)];
    chars[place] = if chars[place] == new { '~' } else { new };
    chars.into_iter().collect()
}

/// The entry of a row, changed so that it still reads well: the forger knows the format.
fn forged(row: &Row, dice: &mut Dice) -> String {
    let mut entry: Entry = serde_json::from_str(&row.body).unwrap();
    match dice.roll(4) {
        0 => entry.at += SignedDuration::from_secs(1),
        1 => entry.actor = Actor::Shipgate,
        2 => entry.environment = Some("staging".parse().unwrap()),
        _ => entry.data = json!({ "forged": dice.roll(1000) }),
    }
    serde_json::to_string(&entry).unwrap()
}

/// Names the way in which the rows were changed.
fn tamper(rows: &mut Vec<Row>, dice: &mut Dice) -> &'static str {
    let one = dice.roll(rows.len());
    let other = (one + 1 + dice.roll(rows.len() - 1)) % rows.len();
    match dice.roll(17) {
        0 => {
            rows[one].body = edited(&rows[one].body, dice);
            "a character of a text"
        }
        1 => {
            rows[one].hash = edited(&rows[one].hash, dice);
            "a hash"
        }
        2 => {
            rows[one].prev = edited(&rows[one].prev, dice);
            "a link"
        }
        3 => {
            rows[one].at_millis += 1 + i64::try_from(dice.roll(100_000)).unwrap();
            "the time's column"
        }
        4 => {
            let id = DeployId::new(Timestamp::UNIX_EPOCH, [0; 10]).to_string();
            rows[one].deploy = if dice.roll(2) == 0 || rows[one].deploy.is_none() { Some(id) } else { None };
            "the deploy's column"
        }
        5 => {
            rows[one].body = forged(&rows[one], dice);
            "a whole entry"
        }
        6 => {
            let (body, prev) = (forged(&rows[one], dice), rows[one].prev.clone());
            rows[one] = link(rows[one].seq, &prev, &serde_json::from_str(&body).unwrap());
            "an entry with a hash of its own"
        }
        7 => {
            rows.remove(one);
            "a row taken out"
        }
        8 => {
            rows.remove(one);
            (0..).zip(rows.iter_mut()).for_each(|(i, row)| row.seq = i + 1);
            "a row taken out, the others numbered anew"
        }
        9 => {
            rows.remove(one);
            rechain(rows, one);
            "a row taken out, a new chain after it"
        }
        10 => {
            rows.truncate(one);
            "the end cut off"
        }
        11 => {
            let copy = Row { seq: one as u64 + 1, ..rows[other].clone() };
            rows.insert(one, copy);
            (0..).zip(rows.iter_mut()).for_each(|(i, row)| row.seq = i + 1);
            "a row put in"
        }
        12 => {
            let copy = Row { body: forged(&rows[one], dice), ..rows[one].clone() };
            rows.insert(one, copy);
            rechain(rows, one);
            "a row put in, a new chain after it"
        }
        13 => {
            let (a, b) = (rows[one].clone(), rows[other].clone());
            rows[one] = Row { seq: a.seq, ..b.clone() };
            rows[other] = Row { seq: b.seq, ..a };
            "two rows change places"
        }
        14 => {
            rows.swap(one, other);
            rechain(rows, one.min(other));
            "two rows change places, a new chain after them"
        }
        15 => {
            rows[one].body = forged(&rows[one], dice);
            rechain(rows, 0);
            "an edit and a whole new chain"
        }
        _ => {
            rows.insert(0, Row { seq: u64::MAX, ..rows[one].clone() });
            "a row before the first"
        }
    }
}

async fn findings(store: &SqliteStore, anchors: &[(u64, String)]) -> Vec<String> {
    let mut inspector = Inspector::default();
    for (seq, hash) in anchors {
        inspector.expect_anchor(*seq, hash);
    }
    for row in store.audit(0, 1000).await.unwrap() {
        inspector.take(&row);
    }
    inspector.end();
    inspector.findings().iter().map(ToString::to_string).collect()
}

async fn filled(path: &Path) {
    let store = SqliteStore::open(path, at(0)).unwrap();
    enter(&store).await;
    for entry in entries() {
        let mut changes = Changes::by(ME, entry.at);
        changes.audit = vec![entry];
        store.commit(changes).await.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_tamperings_are_all_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    filled(&path).await;
    let attacker = Connection::open(&path).unwrap();
    // As whoever owns the file can. Nothing here must survive a power cut.
    attacker
        .execute_batch(
            "PRAGMA synchronous = OFF; DROP TRIGGER audit_append; DROP TRIGGER audit_update; DROP TRIGGER audit_delete",
        )
        .unwrap();
    let whole = rows(&attacker);
    let head = whole.last().unwrap();
    let anchors: Vec<(u64, String)> = whole
        .iter()
        .filter(|row| row.seq % 7 == 0 || row.seq == head.seq)
        .map(|row| (row.seq, row.hash.clone()))
        .collect();
    let store = SqliteStore::look_at(&path).unwrap();
    assert_eq!(findings(&store, &anchors).await, Vec::<String>::new(), "the untouched record is sound");

    let mut dice = Dice(0x5eed_0f5e_ed0f_5eed);
    let mut tried: BTreeMap<&str, u32> = BTreeMap::new();
    let mut missed = Vec::new();
    for n in 0..TAMPERINGS {
        let mut rows = whole.clone();
        let how = tamper(&mut rows, &mut dice);
        assert_ne!(rows, whole, "{how} changed nothing");
        write(&attacker, &rows);
        let found = findings(&store, &anchors).await;
        if found.is_empty() {
            missed.push((n, how));
        }
        *tried.entry(how).or_default() += 1;
    }
    assert_eq!(missed, [], "of {tried:?}");
    assert!(tried.len() == 17 && tried.values().all(|times| *times > 300), "{tried:?}");

    // Not every row is suspect: what is put back as it was is sound again.
    write(&attacker, &whole);
    assert_eq!(findings(&store, &anchors).await, Vec::<String>::new());
}

#[tokio::test]
async fn bytes_that_are_no_text_hide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    filled(&path).await;
    let attacker = Connection::open(&path).unwrap();
    attacker
        .execute_batch(
            "DROP TRIGGER audit_update; UPDATE audit SET body = CAST(x'7bff7d' AS TEXT) WHERE seq = 3",
        )
        .unwrap();
    let found = findings(&SqliteStore::look_at(&path).unwrap(), &[]).await;
    assert!(
        found.iter().any(|what| what.starts_with("audit row 3: its text does not match its hash")),
        "{found:?}"
    );
}
