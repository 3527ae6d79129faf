//! Somebody who owns the database file changes what gates read, or takes away what guards the record, and each is found
//! beside the running program. Not here: changes of the record itself (`tamper.rs`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "contract/dice.rs"]
mod dice;
#[path = "contract/places.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod places;
#[path = "contract/samples.rs"]
mod samples;

use dice::Dice;
use places::{freeze, lock};
use rusqlite::Connection;
use rusqlite::types::Value;
use samples::*;
use shipgate_app::selfcheck::{SelfCheck, compare_all};
use shipgate_app::store::{Changes, Store};
use shipgate_domain::audit::{Inspector, Table};
use shipgate_domain::deploy::{Deploy, Event};
use shipgate_domain::facts::Lock;
use shipgate_store::SqliteStore;
use shipgate_store::sqlite::OpenError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const TAMPERINGS: usize = 10_000;

/// A deploy that was asked for and expired, or is still open, with its record.
async fn live(store: &dyn Store, n: u8, is_over: bool) -> Deploy {
    let first = deploy(n);
    let request = serde_json::to_value(&first.request).unwrap();
    let mut asked = entry("requested", Some(&first));
    asked.data = request;
    store.commit(Changes { audit: vec![asked], ..deploys(&[&first]) }).await.unwrap();
    if !is_over {
        return first;
    }
    let step = first.learn(Event::Expired, at(300)).unwrap();
    let over = Changes { audit: vec![entry("expired", Some(&first))], ..deploys(&[&step.deploy]) };
    store.commit(over).await.unwrap();
    step.deploy
}

/// A database in which every table that gates read holds something.
async fn filled(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path, at(0)).unwrap();
    enter(&store).await;
    for n in 0..6 {
        live(&store, n, n < 4).await;
    }
    let unknown = Lock { quarantine: Some(deploy(1).id), ..lock("ada") };
    let changes = Changes {
        locks: vec![lock("ada"), unknown],
        freezes: vec![freeze("F1", None), freeze("F2", Some(at(9_000)))],
        notes: vec![
            ("dispatching".into(), "{\"stopped\":null,\"accepted\":[]}".into()),
            ("calendar/Sale".into(), "{\"events\":[]}".into()),
            ("feed/Sale".into(), "{}".into()),
        ],
        ..audited(vec![entry("told", None)])
    };
    store.commit(changes).await.unwrap();
    let ended = Changes { freezes_ended: vec![("F2".into(), at(5))], ..audited(vec![entry("told", None)]) };
    store.commit(ended).await.unwrap();
    store
}

async fn look(check: &mut SelfCheck, store: &SqliteStore) -> Vec<String> {
    check.follow(store).await.unwrap();
    check.compare(store, |deploy| Some(deploy.id.to_string())).await.unwrap();
    check.open().map(ToString::to_string).collect()
}

/// What somebody does to the file, and what is found at the next look.
const HOLES: &[(&str, &str)] = &[
    (
        "INSERT INTO deploys SELECT '01ARZ3NDEKTSV4RRFFQ69G5FAV', revision, service, 'staging', 'staging', 'succeeded', 0, 0, 1, 1, \
         requester, printf('%040d', 7), 'github', '99', '69G5FAV', requested_at, requested_at, requested_at, body \
         FROM deploys ORDER BY id LIMIT 1",
        "deploy 01ARZ3NDEKTSV4RRFFQ69G5FAV is stored, and the record knows of none",
    ),
    (
        "UPDATE deploys SET state = 'succeeded' WHERE id = (SELECT min(id) FROM deploys)",
        "is stored with another content than the record says",
    ),
    (
        "UPDATE deploys SET ran = 1, succeeded = 1, ended_at = 1795000100000 WHERE id = (SELECT min(id) FROM deploys)",
        "is stored with another content than the record says",
    ),
    ("DELETE FROM deploys WHERE id = (SELECT min(id) FROM deploys)", "is in the record and no longer stored"),
    (
        "DELETE FROM locks WHERE quarantine = ''",
        "the lock of production is in the record and no longer stored",
    ),
    ("DELETE FROM locks WHERE quarantine <> ''", "the quarantine of production for "),
    (
        "UPDATE locks SET body = json_set(body, '$.until', '2026-01-01T00:00:00Z') WHERE quarantine = ''",
        "the lock of production is stored with another content",
    ),
    (
        "INSERT INTO locks SELECT 'staging', '', body FROM locks LIMIT 1",
        "the lock of staging is stored, and the record knows of none",
    ),
    ("DELETE FROM freezes WHERE id = 'F1'", "the freeze F1 is in the record and no longer stored"),
    ("UPDATE freezes SET ended_at = 1 WHERE id = 'F1'", "the freeze F1 is stored with another content"),
    ("UPDATE freezes SET ended_at = NULL WHERE id = 'F2'", "the freeze F2 is stored with another content"),
    (
        "DELETE FROM notes WHERE name = 'dispatching'",
        "the note “dispatching” is in the record and no longer stored",
    ),
    (
        "UPDATE notes SET value = '{}' WHERE name = 'calendar/Sale'",
        "the note “calendar/Sale” is stored with another content",
    ),
    (
        "DELETE FROM notes WHERE name = 'calendar/Sale'",
        "the note “calendar/Sale” is in the record and no longer stored",
    ),
    (
        "INSERT INTO notes (name, value) VALUES ('calendar/Other', '{}')",
        "the note “calendar/Other” is stored, and the record knows of none",
    ),
    ("DROP TRIGGER audit_update", "the trigger audit_update is missing in the database"),
    (
        "DROP TRIGGER audit_delete; CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN SELECT 1; END",
        "the trigger audit_delete in the database is not the one that Shipgate made",
    ),
    ("DROP INDEX deploys_one_active", "the index deploys_one_active is missing in the database"),
    (
        "CREATE TRIGGER helper AFTER INSERT ON locks BEGIN DELETE FROM locks; END",
        "there is a trigger helper in the database that Shipgate did not make",
    ),
];

#[tokio::test]
async fn what_is_done_to_the_file_is_found_at_the_next_look() {
    for (sql, expected) in HOLES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shipgate.db");
        let store = filled(&path).await;
        let mut check = SelfCheck::default();
        assert_eq!(look(&mut check, &store).await, Vec::<String>::new(), "before {sql}");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let found = look(&mut check, &store).await;
        assert!(found.iter().any(|what| what.contains(expected)), "{sql}: {found:?}");
    }
}

/// What was amiss with a database, or is.
async fn amiss(store: &SqliteStore) -> Vec<String> {
    [store.was_put_back().await.unwrap(), store.amiss().await.unwrap()].concat()
}

/// A database that nobody works on, and somebody else who has the file open.
async fn attacked() -> (tempfile::TempDir, PathBuf, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    drop(filled(&path).await);
    let attacker = Connection::open(&path).unwrap();
    (folder, path, attacker)
}

#[tokio::test]
async fn a_trigger_that_is_gone_is_put_back_and_told_when_the_database_is_opened() {
    let (_folder, path, attacker) = attacked().await;
    attacker.execute_batch("DROP TRIGGER audit_update; DROP INDEX deploys_one_active").unwrap();
    let store = SqliteStore::open(&path, at(1)).unwrap();
    let told = amiss(&store).await;
    let back = format!("was missing in the database, and was put back at {:.3}", at(1));
    assert_eq!(
        told,
        [format!("the index deploys_one_active {back}"), format!("the trigger audit_update {back}")]
    );
    let refused = attacker.execute("UPDATE audit SET body = '{}' WHERE seq = 1", []).unwrap_err();
    assert!(refused.to_string().contains("audit rows never change"), "{refused}");
    drop(store);
    // A process may have ended before anybody looked: the next one tells it too. Who only looks is told how it is now.
    assert_eq!(amiss(&SqliteStore::open(&path, at(2)).unwrap()).await, told);
    assert_eq!(amiss(&SqliteStore::look_at(&path).unwrap()).await, Vec::<String>::new());
    // Each time is told by itself, and the newest are kept.
    for second in 3..=40 {
        attacker.execute_batch("DROP TRIGGER audit_update").unwrap();
        drop(SqliteStore::open(&path, at(second)).unwrap());
    }
    let newest: Vec<String> = (21..=40)
        .map(|second| {
            format!(
                "the trigger audit_update was missing in the database, and was put back at {:.3}",
                at(second)
            )
        })
        .collect();
    assert_eq!(amiss(&SqliteStore::open(&path, at(41)).unwrap()).await, newest);
}

#[tokio::test]
async fn a_piece_that_cannot_be_put_back_keeps_no_other_from_it() {
    let (_folder, path, attacker) = attacked().await;
    // Two active deploys in one place, and a view that took a name.
    attacker
        .execute_batch(
            "DROP INDEX deploys_one_active; UPDATE deploys SET active = 1, lock_group = 'one';
             DROP INDEX deploys_run; CREATE VIEW deploys_run AS SELECT 1; DROP TRIGGER audit_update",
        )
        .unwrap();
    let told = amiss(&SqliteStore::open(&path, at(1)).unwrap()).await;
    assert_eq!(
        told,
        [
            format!("the trigger audit_update was missing in the database, and was put back at {:.3}", at(1)),
            "the index deploys_one_active is missing in the database".into(),
            "the index deploys_run is missing in the database".into(),
        ]
    );
}

#[tokio::test]
async fn nothing_is_put_back_into_a_damaged_file() {
    let (_folder, path, attacker) = attacked().await;
    // An index that forgot its rows: what would be built on this is unsound.
    attacker
        .execute_batch(
            "DROP TRIGGER audit_update; PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, 'WHERE is_open', 'WHERE NOT is_open') WHERE name = 'deploys_open_id';",
        )
        .unwrap();
    drop(attacker);
    let error = SqliteStore::open(&path, at(1)).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'audit_update'";
    let there: i64 = Connection::open(&path).unwrap().query_row(there, [], |row| row.get(0)).unwrap();
    assert_eq!(there, 0);
}

#[tokio::test]
async fn a_table_that_is_not_as_it_was_made_is_told_and_left_alone() {
    for sql in [
        "ALTER TABLE locks ADD COLUMN mood TEXT",
        "DROP TABLE cards; CREATE TABLE cards (deploy TEXT, revision INTEGER, body TEXT)",
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'notes'",
    ] {
        let (_folder, path, attacker) = attacked().await;
        attacker.execute_batch(sql).unwrap();
        drop(attacker);
        let table = ["locks", "cards", "notes"].into_iter().find(|table| sql.contains(table)).unwrap();
        let expected = format!("the table {table} in the database is not the one that Shipgate made");
        for second in [1, 2] {
            let store = SqliteStore::open(&path, at(second)).unwrap();
            assert_eq!(amiss(&store).await, [expected.as_str()], "{sql}");
        }
    }
}

#[tokio::test]
async fn a_table_dropped_beside_the_program_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    let store = filled(&path).await;
    let attacker = Connection::open(&path).unwrap();
    for table in ["notes", "shipgate_migrations"] {
        attacker.execute_batch(&format!("DROP TABLE {table}")).unwrap();
        let told = amiss(&store).await;
        assert!(told.contains(&format!("the table {table} is missing in the database")), "{told:?}");
    }
}

#[tokio::test]
async fn a_table_that_is_gone_is_named_with_what_to_do() {
    for table in ["audit", "notes", "locks", "shipgate_migrations"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shipgate.db");
        let store = filled(&path).await;
        Connection::open(&path).unwrap().execute_batch(&format!("DROP TABLE {table}")).unwrap();
        if table != "shipgate_migrations" {
            let read = [
                store.kept_all(Table::Locks).await.err(),
                store.kept_all(Table::Notes).await.err(),
                store.audit(0, 1).await.err(),
            ];
            let running = read.into_iter().flatten().next();
            let running = running.map(|error| error.with_causes()).unwrap();
            assert!(running.contains("a table is missing in the database"), "{table}: {running}");
            assert!(
                running.contains("restore a backup") && !running.contains("mistake"),
                "{table}: {running}"
            );
        }
        drop(store);
        for opened in [SqliteStore::open(&path, at(1)), SqliteStore::look_at(&path)] {
            let error = opened.unwrap_err();
            assert!(matches!(error, OpenError::Incomplete { .. }), "{table}: {error}");
            let told = error.to_string();
            assert!(told.contains(&format!("({table})")) && told.contains("restore a backup"), "{told}");
        }
    }
}

const GUARDED: [&str; 4] = ["deploys", "locks", "freezes", "notes"];

fn columns(db: &Connection, table: &str) -> Vec<(String, String)> {
    let mut select = db.prepare(&format!("SELECT name, type FROM pragma_table_info('{table}')")).unwrap();
    let rows = select.query_map([], |row| row.try_into()).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Another value for a column of this type.
fn other(value: &Value, of: &str, dice: &mut Dice) -> Value {
    match value {
        Value::Integer(number @ (0 | 1)) => Value::Integer(1 - number),
        Value::Integer(number) => Value::Integer(number + 1 + i64::try_from(dice.roll(1000)).unwrap()),
        Value::Text(text) if !text.is_empty() && dice.roll(4) > 0 => {
            let mut chars: Vec<char> = text.chars().collect();
            let place = dice.roll(chars.len());
            let new = ['0', '1', 'a', 'Z', ' ', '"', '\u{0}', 'é'][dice.roll(8)];
            chars[place] = if chars[place] == new { '~' } else { new };
            Value::Text(chars.into_iter().collect())
        }
        Value::Text(text) => Value::Text(format!("{text}x")),
        _ if of == "INTEGER" => Value::Integer(i64::try_from(dice.roll(1000)).unwrap()),
        _ => Value::Text("forged".into()),
    }
}

/// Changes one thing in one table; says in which column or how. Nothing when the database itself refused.
fn tamper(db: &Connection, dice: &mut Dice) -> Option<String> {
    let table = GUARDED[dice.roll(GUARDED.len())];
    let is_told = if table == "notes" { "name = 'dispatching'" } else { "1" };
    let count = format!("SELECT rowid FROM {table} WHERE {is_told}");
    let mut select = db.prepare(&count).unwrap();
    let rows: Vec<i64> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let row = rows[dice.roll(rows.len())];
    let columns = columns(db, table);
    let (column, of) = &columns[dice.roll(columns.len())];
    match dice.roll(8) {
        0 => {
            db.execute(&format!("DELETE FROM {table} WHERE rowid = ?1"), [row]).unwrap();
            Some(format!("{table}: a row taken out"))
        }
        1 if table != "notes" => {
            let names: Vec<&str> = columns.iter().skip(1).map(|(name, _)| name.as_str()).collect();
            let names = names.join(", ");
            let key = format!("forged-{}", dice.roll(1000));
            let sql = format!(
                "INSERT INTO {table} SELECT ?2, {names} FROM {table} WHERE rowid = ?1 AND NOT EXISTS
                 (SELECT 1 FROM {table} WHERE {} = ?2)",
                columns[0].0
            );
            db.execute(&sql, (row, key)).ok().filter(|rows| *rows == 1)?;
            Some(format!("{table}: a row put in"))
        }
        _ => {
            let read = format!("SELECT {column} FROM {table} WHERE rowid = ?1");
            let value: Value = db.query_row(&read, [row], |row| row.get(0)).unwrap();
            let sql = format!("UPDATE {table} SET {column} = ?2 WHERE rowid = ?1");
            db.execute(&sql, (row, other(&value, of, dice))).ok()?;
            Some(format!("{table}.{column}"))
        }
    }
}

#[tokio::test]
async fn ten_thousand_tamperings_with_what_gates_read_are_all_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    drop(filled(&path).await);
    let attacker = Connection::open(&path).unwrap();
    attacker.execute_batch("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY").unwrap();
    for table in GUARDED {
        attacker.execute_batch(&format!("CREATE TEMP TABLE was_{table} AS SELECT * FROM {table}")).unwrap();
    }
    let store = SqliteStore::look_at(&path).unwrap();
    let mut told = Inspector::default();
    store.audit(0, 1000).await.unwrap().iter().for_each(|row| told.take(row));
    let found = async || {
        let mut inspector = told.clone();
        compare_all(&store, &mut inspector).await.unwrap();
        inspector.settle();
        inspector.findings().len()
    };
    assert_eq!(found().await, 0, "what nobody touched is sound");

    let mut dice = Dice(0x7ab1_e5ee_d7ab_1e5e);
    let mut tried: BTreeMap<String, u32> = BTreeMap::new();
    let mut missed = Vec::new();
    let mut done = 0;
    while done < TAMPERINGS {
        let Some(how) = tamper(&attacker, &mut dice) else { continue };
        if found().await == 0 {
            missed.push((done, how.clone()));
        }
        let table = how.split([':', '.']).next().unwrap_or_default();
        attacker
            .execute_batch(&format!(
                "BEGIN; DELETE FROM {table}; INSERT INTO {table} SELECT * FROM was_{table}; COMMIT"
            ))
            .unwrap();
        *tried.entry(how).or_default() += 1;
        done += 1;
    }
    assert_eq!(missed, [], "of {tried:?}");
    // Every column of every table, rows taken out of each, and rows put into all but the one note.
    let columns: usize = GUARDED.iter().map(|table| columns(&attacker, table).len()).sum();
    assert_eq!(tried.len(), columns + GUARDED.len() + 3, "{tried:?}");
    assert_eq!(found().await, 0, "what is put back as it was is sound again");
}
