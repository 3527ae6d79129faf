//! What only PostgreSQL does: restarts, cut connections, roles, dumps. Not here: what every store does (`contract`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "postgres/busy.rs"]
mod busy;
#[path = "postgres/guards.rs"]
mod guards;
#[path = "postgres/homes.rs"]
mod homes;
#[path = "contract/samples.rs"]
mod samples;
#[path = "postgres/wire.rs"]
mod wire;

use samples::*;
use shipgate_app::restore;
use shipgate_app::selfcheck::compare_all;
use shipgate_app::store::{Accepted, CardRow, Changes, Scope, Store, StoreError};
use shipgate_cluster::{Cluster, Database, OWNER};
use shipgate_domain::audit::{Inspector, Verifier};
use shipgate_domain::calendar::{Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen};
use shipgate_domain::facts::Lock;
use shipgate_domain::zone::Zone;
use shipgate_store::postgres::{Address, OpenError, Opening};
use shipgate_store::transfer::{TransferError, sqlite_to_postgres};
use shipgate_store::{PostgresStore, SqliteStore};
use std::error::Error as _;
use std::sync::Arc;
use wire::{Cut, Wire};

fn address(url: &str) -> Address {
    Address::read(url, None).unwrap()
}

async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(address(url), Opening::Work, at(0)).await.unwrap()
}

async fn refused(url: &str) -> OpenError {
    PostgresStore::open(address(url), Opening::Work, at(0)).await.map(drop).unwrap_err()
}

fn noted(value: &str) -> Changes {
    Changes { notes: vec![("name".into(), value.into())], ..audited(vec![entry(value, None)]) }
}

/// Everything that an error says, without its `Debug` form.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn verify(store: &PostgresStore) -> Vec<String> {
    let log = store.audit(0, u32::MAX).await.unwrap();
    let mut verifier = Verifier::default();
    log.iter().for_each(|row| verifier.check(row).unwrap());
    log.into_iter().map(|row| row.body).collect()
}

#[tokio::test]
async fn a_database_without_tables_says_how_to_get_them() {
    let cluster = Cluster::start();
    let store = PostgresStore::look_at(address(&cluster.database().url())).await.unwrap();
    let said = told(&store.audit(0, 1).await.unwrap_err());
    assert!(said.contains("run `shipgate migrate tables`"), "{said}");
    assert!(!said.contains("mistake"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_stopped_and_started() {
    let cluster = Cluster::start();
    let database = cluster.database();
    let store = Arc::new(open(&database.url()).await);
    enter(&*store).await;
    let (tell, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let stop = tokio_util::sync::CancellationToken::new();
    let writers: Vec<_> = (0..4)
        .map(|who| {
            let (store, tell, stop) = (store.clone(), tell.clone(), stop.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    if stop.is_cancelled() {
                        break;
                    }
                    let name = format!("event_{who}_{n}_");
                    // While the server is away it fails, and says so; what it says was written is written.
                    if store.commit(audited(vec![entry(&name, None)])).await.is_ok() {
                        tell.send(name).unwrap();
                    }
                    let key = format!("key {who} {n}");
                    if store.inbox_put(&inbound(&key), at(1)).await.is_ok() {
                        tell.send(key).unwrap();
                    }
                }
            })
        })
        .collect();
    let mut known = Vec::new();
    for how in 0..4 {
        // Every writer is at work again, before and after.
        for _ in 0..40 {
            known.push(acknowledged.recv().await.unwrap());
        }
        tokio::task::block_in_place(|| {
            if how % 2 == 0 {
                cluster.restart();
            } else {
                cluster.stop_immediately();
                cluster.start_again();
            }
        });
    }
    for _ in 0..40 {
        known.push(acknowledged.recv().await.unwrap());
    }
    stop.cancel();
    for writer in writers {
        writer.await.unwrap();
    }
    let log = verify(&store).await;
    for name in known {
        let is_there = match name.strip_prefix("key ") {
            Some(_) => store.inbox_put(&inbound(&name), at(2)).await.unwrap() == Accepted::Seen,
            None => log.iter().filter(|body| body.contains(&format!("\"{name}\""))).count() == 1,
        };
        assert!(is_there, "{name} was acknowledged and is not there");
    }
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_to_be_written() {
    let database = Cluster::shared().database();
    let wire = Wire::to(Cluster::shared().port()).await;
    let store = open(&database.url_at(wire.port())).await;
    enter(&store).await;
    for n in 0..5 {
        wire.cut_at_commit(Cut::AfterIt);
        store.commit(noted(&format!("{n}"))).await.unwrap();
        assert_eq!(wire.cuts(), n + 1, "the answer was swallowed");
        assert_eq!(store.note("name").await.unwrap(), Some(n.to_string()));
    }
    assert_eq!(verify(&store).await.len(), 5);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_known_not_to_be_written() {
    let database = Cluster::shared().database();
    let wire = Wire::to(Cluster::shared().port()).await;
    let store = open(&database.url_at(wire.port())).await;
    enter(&store).await;
    wire.cut_at_commit(Cut::BeforeIt);
    let error = store.commit(noted("lost")).await.unwrap_err();
    assert!(told(&error).contains("was not written"), "{}", told(&error));
    assert_eq!(wire.cuts(), 1);
    assert_eq!(store.note("name").await.unwrap(), None);
    store.commit(noted("kept")).await.unwrap();
    assert_eq!(verify(&store).await.len(), 1);
}

#[tokio::test]
async fn a_commit_that_nobody_can_find_out_about_is_called_so() {
    let database = Cluster::shared().database();
    let wire = Wire::to(Cluster::shared().port()).await;
    let store = open(&database.url_at(wire.port())).await;
    enter(&store).await;
    wire.cut_at_commit(Cut::AndStayAway);
    let error = store.commit(noted("who knows")).await.unwrap_err();
    assert!(told(&error).contains("may or may not have happened"), "{}", told(&error));
}

#[tokio::test]
async fn a_pooler_that_lends_another_connection_each_time_changes_nothing() {
    let cluster = Cluster::start();
    let database = cluster.database();
    let store = Arc::new(open(&database.url_at(cluster.bouncer().port())).await);
    enter(&*store).await;
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store.commit(noted(&format!("{n}"))).await.unwrap();
                store.inbox_put(&inbound(&format!("{n}")), at(1)).await.unwrap();
                store.surroundings(&about(None)).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(verify(&store).await.len(), 40);
    // The server behind it goes and comes back; the pooler stays.
    cluster.restart();
    store.commit(noted("after")).await.unwrap();
    assert_eq!(verify(&store).await.len(), 41);
}

#[tokio::test]
async fn the_database_refuses_to_change_the_audit_log() {
    let database = Cluster::shared().database();
    let store = open(&database.url()).await;
    enter(&store).await;
    store.commit(audited(vec![entry("a", None), entry("b", None)])).await.unwrap();
    let log = store.audit(0, 10).await.unwrap();
    for sql in [
        "UPDATE shipgate.audit SET body = '{}' WHERE seq = 1",
        "DELETE FROM shipgate.audit WHERE seq = 2",
        "DELETE FROM shipgate.audit",
        "TRUNCATE shipgate.audit",
        "INSERT INTO shipgate.audit SELECT 9, body, prev, hash, deploy, at FROM shipgate.audit WHERE seq = 1",
        "INSERT INTO shipgate.audit SELECT 3, body, prev, hash, deploy, at FROM shipgate.audit WHERE seq = 1",
    ] {
        let error = database.try_sql(OWNER, sql).unwrap_err();
        assert!(error.contains("audit rows"), "{sql}: {error}");
    }
    assert_eq!(store.audit(0, 10).await.unwrap(), log);
}

/// What differs between the record and what is stored.
async fn differs(store: &PostgresStore) -> Vec<String> {
    let mut inspector = Inspector::default();
    store.audit(0, 1000).await.unwrap().iter().for_each(|row| inspector.take(row));
    let before = inspector.findings().len();
    compare_all(store, &mut inspector).await.unwrap();
    inspector.settle();
    inspector.findings()[before..].iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_is_written_past_shipgate_is_found() {
    let holes = [
        (
            "UPDATE shipgate.deploys SET state = 'succeeded'",
            "is stored with another content than the record says",
        ),
        ("UPDATE shipgate.deploys SET ran = NOT ran", "is stored with another content than the record says"),
        (
            "INSERT INTO shipgate.deploys SELECT 'forged', revision, service, environment, lock_group, state, active, is_open, \
             ran, succeeded, requester, commit_id, provider, run_id, short_id, requested_at, bound_at, ended_at, body \
             FROM shipgate.deploys LIMIT 1",
            "deploy forged is stored, and the record knows of none",
        ),
        ("DELETE FROM shipgate.deploys", "is in the record and no longer stored"),
        ("DELETE FROM shipgate.notes WHERE name = 'dispatching'", "the note “dispatching” is in the record"),
        (
            "UPDATE shipgate.notes SET value = '{ }' WHERE name = 'calendar/Sale'",
            "the note “calendar/Sale” is stored with another content",
        ),
        (
            "ALTER TABLE shipgate.audit DISABLE TRIGGER audit_change",
            "the trigger audit_change in the database is switched off",
        ),
        ("DROP TRIGGER audit_truncate ON shipgate.audit", "the trigger audit_truncate is missing"),
        (
            "CREATE OR REPLACE FUNCTION shipgate.audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            "the trigger audit_change in the database is not the one that Shipgate made",
        ),
        ("DROP INDEX shipgate.deploys_one_active", "the index deploys_one_active is missing"),
    ];
    for (sql, expected) in holes {
        let database = Cluster::shared().database();
        let store = open(&database.url()).await;
        enter(&store).await;
        let told = Changes {
            notes: vec![("dispatching".into(), "{}".into()), ("calendar/Sale".into(), "{}".into())],
            audit: vec![entry("told", Some(&deploy(1)))],
            ..deploys(&[&deploy(1)])
        };
        store.commit(told).await.unwrap();
        assert_eq!(differs(&store).await, Vec::<String>::new(), "before {sql}");
        database.sql(sql);
        let found = differs(&store).await;
        assert!(found.iter().any(|what| what.contains(expected)), "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn a_table_that_is_gone_is_named_with_what_to_do() {
    let database = Cluster::shared().database();
    drop(open(&database.url()).await);
    database.sql("DROP TABLE shipgate.notes");
    let error = refused(&database.url()).await;
    assert!(matches!(error, OpenError::Incomplete { .. }), "{}", told(&error));
    assert!(error.to_string().contains("(notes)") && error.to_string().contains("restore a dump"), "{error}");
}

/// A role that may use the tables and not change them, as docs/operating.md recommends.
fn role(database: &Database<'_>) -> String {
    let role = format!("app_{}", database.name());
    database.sql(&format!("CREATE ROLE {role} LOGIN"));
    role
}

#[tokio::test]
async fn a_role_that_may_not_change_tables_is_enough_to_work() {
    let database = Cluster::shared().database();
    let role = role(&database);
    let url = database.socket_url(&role);
    let error = refused(&url).await;
    assert!(matches!(error, OpenError::MayNotMigrate { .. }), "{}", told(&error));
    assert!(error.to_string().contains(&format!("shipgate migrate tables --grant-to {role}")), "{error}");

    PostgresStore::migrate(address(&database.url()), Some(&role), at(0)).await.unwrap();
    let store = open(&url).await;
    enter(&store).await;
    store_at_once(&store, &dispatching(pinned(deploy(1), commit('a')))).await;
    store.commit(noted("a")).await.unwrap();
    store.commit(effects(vec![judge_line("a", at(0))])).await.unwrap();
    let leased = lease(&store, 5).await.unwrap();
    store.commit(finishing(&leased, shipgate_app::effects::Finish::Done)).await.unwrap();
    store.inbox_put(&inbound("a"), at(1)).await.unwrap();
    store.inbox_next(ME, 0).await.unwrap().unwrap();
    store.replica_leave(ME).await.unwrap();
    store.prune(at(1_000)).await.unwrap();
    for sql in [
        "UPDATE shipgate.audit SET body = ''",
        "DELETE FROM shipgate.audit",
        "TRUNCATE shipgate.audit",
        "DELETE FROM shipgate.audit_head",
        "ALTER TABLE shipgate.audit DISABLE TRIGGER ALL",
        "DROP TABLE shipgate.notes",
        "CREATE TABLE shipgate.more (n int)",
    ] {
        let error = database.try_sql(&role, sql).unwrap_err();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{sql}: {error}");
    }
}

#[tokio::test]
async fn two_programs_may_make_the_tables_at_the_same_time() {
    let database = Cluster::shared().database();
    let url = database.url();
    let (one, two, three) = tokio::join!(open(&url), open(&url), open(&url));
    enter(&one).await;
    two.commit(noted("a")).await.unwrap();
    assert_eq!(three.note("name").await.unwrap().as_deref(), Some("a"));
}

#[tokio::test]
async fn a_server_that_forgets_what_it_confirmed_is_refused() {
    let database = Cluster::shared().database();
    let role = role(&database);
    database.sql(&format!("ALTER ROLE {role} SET synchronous_commit = off"));
    let error = refused(&database.socket_url(&role)).await.to_string();
    assert!(error.contains(&format!("ALTER ROLE {role} SET synchronous_commit = on")), "{error}");
}

#[tokio::test]
async fn a_dump_restored_on_another_server_is_noticed() {
    let database = Cluster::shared().database();
    drop(open(&database.url()).await);
    drop(open(&database.url()).await);
    database.sql("UPDATE shipgate.notes SET value = '1' WHERE name = 'postgres.system_identifier'");
    let error = refused(&database.url()).await;
    assert!(matches!(error, OpenError::Restored { .. }), "{}", told(&error));
    assert!(error.to_string().contains("--restored"), "{error}");
    PostgresStore::open(address(&database.url()), Opening::Restored, at(0)).await.unwrap();
    drop(open(&database.url()).await);
}

#[tokio::test]
async fn a_dump_that_was_taken_in_says_that_it_is_one_until_everything_is_closed_off() {
    let database = Cluster::shared().database();
    let (url, away) =
        (database.url(), "UPDATE shipgate.notes SET value = '1' WHERE name = 'postgres.system_identifier'");
    let store = open(&url).await;
    enter(&store).await;
    store_at_once(&store, &deploy(7)).await;
    // The word changes nothing on the server where everything was written.
    let restored = async |second| {
        let store = PostgresStore::open(address(&url), Opening::Restored, at(second)).await.unwrap();
        restore::behind_since(&store).await.unwrap()
    };
    assert_eq!(restored(50).await, None);
    database.sql(away);
    assert_eq!(restored(50).await, Some(at(7)));
    // Whoever took it in died before it could close anything off.
    assert_eq!(restore::behind_since(&open(&url).await).await.unwrap(), Some(at(7)));
    // Taken in once more, after people asked for something, it is no newer than it was.
    store_at_once(&store, &deploy(9)).await;
    database.sql(away);
    assert_eq!(restored(60).await, Some(at(7)));
    // Once everything was closed off, the mark is empty: a later dump of it is marked anew.
    let begun = Changes { notes: vec![(restore::MADE.into(), String::new())], ..Changes::by(ME, at(70)) };
    store.commit(begun).await.unwrap();
    assert_eq!(restore::behind_since(&open(&url).await).await.unwrap(), None);
    database.sql(away);
    assert_eq!(restored(80).await, Some(at(9)));
}

#[tokio::test]
async fn tables_of_a_newer_program_are_refused() {
    let database = Cluster::shared().database();
    drop(open(&database.url()).await);
    database.sql("INSERT INTO shipgate.migrations VALUES (99, 'from the future', 0)");
    let error = refused(&database.url()).await;
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{}", told(&error));
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_repeated() {
    let database = Cluster::shared().database();
    let url = database.url().replace("correct%20horse", "hunter2");
    let error = refused(&url).await;
    let text = format!("{} {error:?}", told(&error));
    assert!(text.contains("password authentication failed"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_password_that_the_server_repeats_is_not_repeated() {
    let server = wire::echoing().await;
    let error = refused(&format!("postgres://ada:hunter2@127.0.0.1:{server}/shipgate")).await;
    let text = format!("{} {error:?}", told(&error));
    assert!(text.contains("you said [secret], 28P01"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let error = refused("postgres://ada@127.0.0.1:1/shipgate").await;
    assert!(told(&error).contains("127.0.0.1:1"), "{}", told(&error));
    assert!(told(&error).contains("cannot be reached"), "{}", told(&error));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_hurts_only_itself() {
    let database = Cluster::shared().database();
    let store = open(&database.url()).await;
    enter(&store).await;
    let (bad, good) = (deploy(1), deploy(2));
    store.commit(deploys(&[&bad, &good])).await.unwrap();
    store.commit(effects(vec![judge_line("bad", at(0)), judge_line("good", at(1))])).await.unwrap();
    for key in ["bad", "good"] {
        store.inbox_put(&inbound(key), at(1)).await.unwrap();
    }
    database.sql(&format!("UPDATE shipgate.deploys SET body = '{{}}' WHERE id = '{}'", bad.id));
    database.sql("UPDATE shipgate.effects SET effect = '?' WHERE key LIKE '%/bad'");
    database.sql("UPDATE shipgate.inbox SET content = '?' WHERE key = 'bad'");

    let error = store.deploy(&bad.id).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains(bad.id.as_str()), "{}", told(&error));
    let all = shipgate_app::store::Filter { limit: 9, ..Default::default() };
    assert_eq!(store.deploys(&all).await.unwrap(), std::slice::from_ref(&good));
    assert_eq!(store.surroundings(&about(None)).await.unwrap().waiting, [good]);
    assert!(lease(&store, 5).await.unwrap().key.ends_with("/good"));
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().inbound.key, "good");
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.effects_dead, counts.inbox_dead), (1, 1));
}

#[tokio::test]
async fn a_character_that_postgresql_cannot_store_stops_nothing() {
    let database = Cluster::shared().database();
    let store = open(&database.url()).await;
    enter(&store).await;
    assert_eq!(store.inbox_put(&inbound("a\0b"), at(1)).await.unwrap(), Accepted::New);
    assert_eq!(store.inbox_put(&inbound("a\0b"), at(1)).await.unwrap(), Accepted::Seen);
    store.commit(noted("\0")).await.unwrap();
    assert!(!matches!(store.note("\0").await, Err(StoreError::Failed { .. })));
}

/// An installation with some of everything.
async fn lived_in(path: &std::path::Path) {
    let store = SqliteStore::open(path, at(0)).unwrap();
    enter(&store).await;
    let (one, two) = (dispatching(pinned(deploy(1), commit('a'))), deploy_to(2, "staging"));
    store_at_once(&store, &one).await;
    store_at_once(&store, &two).await;
    store_at_once(&store, &ended(pinned(deploy(3), commit('b')), "7", true, at(90), 30)).await;
    store.commit(audited((0..1_200).map(|n| entry(&format!("{n}"), Some(&one))).collect())).await.unwrap();
    let once =
        shipgate_app::effects::NewEffect::once("final/1", shipgate_app::effects::Effect::Remind, at(0));
    store.commit(effects(vec![judge_line("a", at(4)), judge_line("b", at(5)), once])).await.unwrap();
    let leased = lease(&store, 4).await.unwrap();
    store.commit(finishing(&leased, shipgate_app::effects::Finish::Done)).await.unwrap();
    lease(&store, 4).await.unwrap();
    for key in ["a", "b"] {
        store.inbox_put(&inbound(key), at(1)).await.unwrap();
    }
    let item = store.inbox_next(ME, 0).await.unwrap().unwrap();
    let lock = |quarantine| Lock {
        environment: production(),
        by: "ada".parse().unwrap(),
        reason: "hands off".into(),
        since: at(1),
        until: None,
        quarantine,
        kind: Default::default(),
        length: None,
    };
    let freeze = |id: &str| Freeze {
        id: FreezeId(id.into()),
        name: "fair".into(),
        scope: FreezeScope::default(),
        zone: Zone::named("Europe/Berlin").unwrap(),
        when: FreezeWhen::Instants { from: at(0), until: None },
        origin: FreezeOrigin::Chat { by: "ada".into(), reason: "rest".into() },
    };
    let mut rest = Changes { inbox_done: Some(item.id), ..noted("here") };
    rest.locks = vec![lock(None), lock(Some(one.id.clone()))];
    rest.freezes = vec![freeze("z"), freeze("a")];
    rest.touched = vec![Scope::Freezes, Scope::Freezes, Scope::Environment(production())];
    rest.cards = vec![CardRow {
        deploy: one.id.clone(),
        revision: 1,
        posts: vec![],
        buttons: vec![],
        generation: 3,
        shown: "nothing".into(),
        edited: None,
    }];
    store.commit(rest).await.unwrap();
    let ending = Changes { freezes_ended: vec![("z".into(), at(9))], ..Changes::by(ME, at(9)) };
    store.commit(ending).await.unwrap();
}

/// Everything that the port can tell of a store.
async fn everything(store: &dyn Store) -> Vec<String> {
    let all = shipgate_app::store::Filter { limit: 99, ..Default::default() };
    let deploys = store.deploys(&all).await.unwrap();
    let mut told = vec![
        format!("{:?}", store.audit(0, 9_999).await.unwrap()),
        format!("{:?}", store.locks().await.unwrap()),
        format!("{:?}", store.freezes(true).await.unwrap()),
        format!("{:?}", store.freezes(false).await.unwrap()),
        format!("{:?}", store.surroundings(&about(Some(commit('b')))).await.unwrap()),
        format!("{:?}", store.counts().await.unwrap()),
        format!("{:?}", store.note("name").await.unwrap()),
        format!("{:?}", store.effect_next_due(None).await.unwrap()),
        format!("{:?}", store.deploy_of_run("github", "7").await.unwrap()),
        format!("{:?}", store.revision(&Scope::Environment(production())).await.unwrap()),
    ];
    for deploy in &deploys {
        told.push(format!("{deploy:?} {:?}", store.card(&deploy.id).await.unwrap()));
        told.push(format!("{:?}", store.audit_of(&deploy.id).await.unwrap()));
    }
    told
}

#[tokio::test]
async fn an_installation_moves_completely_and_is_not_started_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    lived_in(&path).await;
    // Opened once more, it has let go of what its dead process held, as the move does.
    let before = everything(&SqliteStore::open(&path, at(0)).unwrap()).await;
    let database = Cluster::shared().database();
    let mut seen = Vec::new();
    let mut progress = |table: &'static str, done: u64, total: u64| seen.push((table, done, total));
    let moved = sqlite_to_postgres(&path, address(&database.url()), at(10), &mut progress).await.unwrap();
    assert!(moved.contains(&("audit", 1_201)) && moved.contains(&("deploys", 3)), "{moved:?}");
    assert!(seen.contains(&("audit", 500, 1_201)) && seen.contains(&("audit", 1_201, 1_201)), "{seen:?}");

    let store = open(&database.url()).await;
    assert_eq!(everything(&store).await, before);
    assert_eq!(verify(&store).await.len(), 1_201);
    // It goes on from there: nothing that was done comes again, and new rows find their place.
    enter(&store).await;
    assert_eq!(store.inbox_put(&inbound("a"), at(2)).await.unwrap(), Accepted::Seen);
    assert_eq!(store.inbox_put(&inbound("c"), at(2)).await.unwrap(), Accepted::New);
    assert_eq!(store.inbox_next(ME, 0).await.unwrap().unwrap().inbound.key, "b");
    store.commit(effects(vec![judge_line("new", at(0))])).await.unwrap();
    store.commit(noted("further")).await.unwrap();
    assert_eq!(verify(&store).await.len(), 1_202);

    let error = SqliteStore::open(&path, at(11)).unwrap_err().to_string();
    assert!(error.contains("moved to the database") && error.contains(database.name()), "{error}");
    SqliteStore::look_at(&path).unwrap();
}

#[tokio::test]
async fn nothing_moves_into_a_database_that_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    lived_in(&path).await;
    let database = Cluster::shared().database();
    let store = open(&database.url()).await;
    enter(&store).await;
    store.commit(audited(vec![entry("a", None)])).await.unwrap();
    let moved = sqlite_to_postgres(&path, address(&database.url()), at(1), &mut |_, _, _| {}).await;
    assert!(matches!(moved, Err(TransferError::NotEmpty { table: "audit", .. })), "{moved:?}");
    // The old one goes on.
    SqliteStore::open(&path, at(1)).unwrap();
}

#[tokio::test]
async fn a_broken_chain_does_not_move() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    lived_in(&path).await;
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("DROP TRIGGER audit_update; UPDATE audit SET body = '{}' WHERE seq = 700").unwrap();
    drop(db);
    let database = Cluster::shared().database();
    let moved = sqlite_to_postgres(&path, address(&database.url()), at(1), &mut |_, _, _| {}).await;
    assert!(matches!(moved, Err(TransferError::Chain { place: "in the file", .. })), "{moved:?}");
    assert_eq!(open(&database.url()).await.audit(0, 9).await.unwrap(), []);
    SqliteStore::open(&path, at(1)).unwrap();
}

#[tokio::test]
async fn what_this_program_does_not_know_does_not_move() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    lived_in(&path).await;
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("ALTER TABLE deploys ADD COLUMN mood TEXT").unwrap();
    drop(db);
    let database = Cluster::shared().database();
    let moved = sqlite_to_postgres(&path, address(&database.url()), at(1), &mut |_, _, _| {}).await;
    assert!(moved.unwrap_err().to_string().contains("deploys.mood"));
}
