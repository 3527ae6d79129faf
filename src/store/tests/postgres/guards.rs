//! What guards the record in PostgreSQL is watched, and put back where Shipgate made it. Not here: what tables hold.

use super::*;

/// What was amiss with a database, or is.
async fn amiss(store: &PostgresStore) -> Vec<String> {
    [store.was_put_back().await.unwrap(), store.amiss().await.unwrap()].concat()
}

fn holds(told: &[String], part: &str) -> bool {
    told.iter().any(|what| what.contains(part))
}

/// Every name that a question gives.
fn names(database: &Database<'_>, sql: &str) -> Vec<String> {
    database.sql(sql).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_guards_the_record_is_put_back_and_told_when_the_database_is_opened() {
    let database = Cluster::shared().database();
    drop(open(&database.url()).await);
    database.sql(
        "ALTER TABLE shipgate.audit DISABLE TRIGGER ALL; DROP TRIGGER audit_truncate ON shipgate.audit; \
         DROP INDEX shipgate.deploys_one_active",
    );
    let store = open(&database.url()).await;
    let told = amiss(&store).await;
    let when = format!("and was put back at {:.3}", at(0));
    assert!(told.len() == 4 && told.iter().all(|what| what.contains(&when)), "{told:?}");
    enter(&store).await;
    store.commit(audited(vec![entry("a", None)])).await.unwrap();
    for sql in ["UPDATE shipgate.audit SET body = ''", "TRUNCATE shipgate.audit"] {
        assert!(database.try_sql(OWNER, sql).unwrap_err().contains("audit rows never change"), "{sql}");
    }
    // The program's own role may not put it back: it says so at every look.
    let role = role(&database);
    PostgresStore::migrate(address(&database.url()), Some(&role), at(0)).await.unwrap();
    database.sql("DROP TRIGGER audit_truncate ON shipgate.audit");
    let store = open(&database.socket_url(&role)).await;
    assert!(amiss(&store).await.contains(&"the trigger audit_truncate is missing in the database".into()));
}

#[tokio::test]
async fn what_was_put_back_is_known_to_every_process_and_each_time_is_told_by_itself() {
    let database = Cluster::shared().database();
    let url = database.url();
    let running = open(&url).await;
    let damage = "DROP TRIGGER audit_truncate ON shipgate.audit";
    let told = |second| {
        format!(
            "the trigger audit_truncate was missing in the database, and was put back at {:.3}",
            at(second)
        )
    };
    // Put back by a program that ends at once, beside one that works.
    for second in [1, 2] {
        database.sql(damage);
        PostgresStore::migrate(address(&url), None, at(second)).await.unwrap();
    }
    let both = [told(1), told(2)];
    assert_eq!(amiss(&running).await, both);
    assert_eq!(amiss(&open(&url).await).await, both);
    // Who only looks is told how it is now.
    let looker = PostgresStore::look_at(address(&url)).await.unwrap();
    assert_eq!(amiss(&looker).await, Vec::<String>::new());
    for second in 3..=30 {
        database.sql(damage);
        PostgresStore::migrate(address(&url), None, at(second)).await.unwrap();
    }
    let newest: Vec<String> = (11..=30).map(told).collect();
    assert_eq!(amiss(&open(&url).await).await, newest);
}

#[tokio::test]
async fn every_table_and_trigger_of_a_new_database_is_watched() {
    let database = Cluster::shared().database();
    let store = open(&database.url()).await;
    let triggers = "SELECT tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
                    WHERE c.relnamespace = 'shipgate'::regnamespace AND NOT t.tgisinternal";
    let tables =
        "SELECT relname FROM pg_class WHERE relnamespace = 'shipgate'::regnamespace AND relkind = 'r'";
    let (triggers, tables) = (names(&database, triggers), names(&database, tables));
    assert!(triggers.len() == 3 && tables.len() == 12, "{triggers:?} {tables:?}");
    for trigger in triggers {
        database.sql(&format!("DROP TRIGGER {trigger} ON shipgate.audit"));
        assert!(holds(&amiss(&store).await, &format!("the trigger {trigger} is missing")), "{trigger}");
    }
    for table in tables {
        database.sql(&format!("DROP TABLE shipgate.{table} CASCADE"));
        assert!(
            holds(&amiss(&store).await, &format!("the table {table} is missing in the database")),
            "{table}"
        );
    }
}

#[tokio::test]
async fn settings_of_the_server_raise_no_alarm() {
    let database = Cluster::shared().database();
    drop(open(&database.url()).await);
    database.sql("ALTER INDEX shipgate.deploys_one_active SET (fillfactor = 70)");
    database.sql(&format!("ALTER DATABASE {} SET quote_all_identifiers = on", database.name()));
    assert_eq!(amiss(&open(&database.url()).await).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_index_that_does_not_forbid_what_it_must_is_not_the_one_that_shipgate_made() {
    let database = Cluster::shared().database();
    let store = open(&database.url()).await;
    let place = "INDEX deploys_one_active ON shipgate.deploys";
    let (there, gone) = (
        format!("CREATE UNIQUE {place} (lock_group) WHERE active"),
        "DROP INDEX shipgate.deploys_one_active",
    );
    let others = [
        (format!("CREATE UNIQUE {place} (id) WHERE active"), gone),
        (format!("CREATE UNIQUE {place} (lock_group, id) WHERE active"), gone),
        (format!("CREATE UNIQUE {place} ((lock_group || id)) WHERE active"), gone),
        (format!("CREATE UNIQUE {place} (lock_group) WHERE active AND is_open"), gone),
        (format!("CREATE UNIQUE {place} (lock_group) WHERE is_open"), gone),
        (format!("CREATE UNIQUE {place} (lock_group)"), gone),
        (format!("CREATE {place} (lock_group) WHERE active"), gone),
        (
            "CREATE TABLE shipgate.other (lock_group text, active boolean); \
             CREATE UNIQUE INDEX deploys_one_active ON shipgate.other (lock_group) WHERE active"
                .into(),
            "DROP TABLE shipgate.other",
        ),
        (
            "CREATE VIEW shipgate.deploys_one_active AS SELECT 1".into(),
            "DROP VIEW shipgate.deploys_one_active",
        ),
    ];
    let expected = "the index deploys_one_active in the database is not the one that Shipgate made";
    for (other, undone) in others {
        database.sql(&format!("{gone}; {other}"));
        assert_eq!(amiss(&store).await, [expected], "{other}");
        database.sql(&format!("{undone}; {there}"));
        assert_eq!(amiss(&store).await, Vec::<String>::new(), "{other}");
    }
    // Left half made, as by CREATE INDEX CONCURRENTLY that met two of one place.
    database.sql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shipgate.deploys_one_active'::regclass",
    );
    assert_eq!(amiss(&store).await, [expected]);
}

#[tokio::test]
async fn a_trigger_that_does_something_else_is_not_the_one_that_shipgate_made() {
    let holes = [
        "DROP TRIGGER audit_change ON shipgate.audit; CREATE TRIGGER audit_change BEFORE DELETE ON shipgate.audit \
         FOR EACH ROW EXECUTE FUNCTION shipgate.audit_refuse()",
        "DROP TRIGGER audit_change ON shipgate.audit; CREATE TRIGGER audit_change BEFORE UPDATE OR DELETE ON shipgate.audit \
         FOR EACH ROW WHEN (OLD.seq < 0) EXECUTE FUNCTION shipgate.audit_refuse()",
        "DROP TRIGGER audit_change ON shipgate.audit; CREATE TRIGGER audit_change BEFORE UPDATE OF at OR DELETE ON shipgate.audit \
         FOR EACH ROW EXECUTE FUNCTION shipgate.audit_refuse()",
        "ALTER FUNCTION shipgate.audit_refuse() SET session_replication_role = 'replica'",
        "ALTER FUNCTION shipgate.audit_refuse() SECURITY DEFINER",
    ];
    let database = Cluster::shared().database();
    let expected = "the trigger audit_change in the database is not the one that Shipgate made";
    for (second, hole) in (1..).zip(holes) {
        let store = open(&database.url()).await;
        database.sql(hole);
        assert!(holds(&amiss(&store).await, expected), "{hole}");
        // All of it is put back.
        PostgresStore::migrate(address(&database.url()), None, at(second)).await.unwrap();
        assert!(!holds(&amiss(&store).await, " is not the one"), "{hole}");
    }
    // The same name on another table is not it.
    database.sql(
        "DROP TRIGGER audit_change ON shipgate.audit; CREATE TRIGGER audit_change BEFORE UPDATE OR DELETE ON shipgate.notes \
         FOR EACH ROW EXECUTE FUNCTION shipgate.audit_refuse()",
    );
    let told = amiss(&PostgresStore::look_at(address(&database.url())).await.unwrap()).await;
    assert!(
        holds(&told, "the trigger audit_change is missing") && holds(&told, "to the table notes"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_piece_that_cannot_be_put_back_keeps_no_other_from_it() {
    let database = Cluster::shared().database();
    let store = open(&database.url()).await;
    enter(&store).await;
    store.commit(deploys(&[&deploy(1), &deploy(2)])).await.unwrap();
    drop(store);
    database.sql(
        "DROP INDEX shipgate.deploys_one_active; UPDATE shipgate.deploys SET active = true, lock_group = 'one'; \
         DROP TRIGGER audit_truncate ON shipgate.audit; ALTER TABLE shipgate.audit DISABLE TRIGGER audit_change",
    );
    let told = amiss(&open(&database.url()).await).await;
    let back = "in the database, and was put back at";
    assert!(holds(&told, &format!("audit_truncate was missing {back}")), "{told:?}");
    assert!(holds(&told, "audit_change in the database was switched off, and was put back at"), "{told:?}");
    assert!(told.contains(&"the index deploys_one_active is missing in the database".into()), "{told:?}");
    let error = database.try_sql(OWNER, "TRUNCATE shipgate.audit").unwrap_err();
    assert!(error.contains("audit rows never change"), "{error}");
    // When one of them has ended, it can.
    database.sql(&format!("UPDATE shipgate.deploys SET active = false WHERE id = '{}'", deploy(1).id));
    let told = amiss(&open(&database.url()).await).await;
    assert!(holds(&told, &format!("deploys_one_active was missing {back}")), "{told:?}");
    assert!(!holds(&told, " is missing"), "{told:?}");
}

#[tokio::test]
async fn a_table_that_is_in_use_keeps_nobody_from_starting() {
    let database = Cluster::shared().database();
    drop(open(&database.url()).await);
    database.sql(
        "ALTER TABLE shipgate.audit DISABLE TRIGGER audit_truncate; DROP INDEX shipgate.deploys_one_active",
    );
    let (dump, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    dump.batch_execute("BEGIN; SELECT count(*) FROM shipgate.audit").await.unwrap();
    let told = amiss(&open(&database.url()).await).await;
    assert!(told.contains(&"the trigger audit_truncate in the database is switched off".into()), "{told:?}");
    assert!(holds(&told, "deploys_one_active was missing in the database, and was put back"), "{told:?}");
    dump.batch_execute("COMMIT").await.unwrap();
    assert!(holds(
        &amiss(&open(&database.url()).await).await,
        "audit_truncate in the database was switched off"
    ));
}

#[tokio::test]
async fn what_others_made_is_told_and_left_alone() {
    let database = Cluster::shared().database();
    let helper = format!("helper_{}", database.name());
    let store = open(&database.url()).await;
    database.sql(&format!(
        "CREATE ROLE {helper}; GRANT USAGE ON SCHEMA shipgate TO {helper}; CREATE ROLE far_{helper}"
    ));
    let holes = [
        (
            "CREATE TRIGGER helper BEFORE INSERT ON shipgate.locks FOR EACH ROW EXECUTE FUNCTION shipgate.audit_refuse()".into(),
            "DROP TRIGGER helper ON shipgate.locks".into(),
            "there is a trigger helper in the database that Shipgate did not make: it may change what is written to the \
             table locks".to_owned(),
        ),
        (
            "CREATE RULE silence AS ON DELETE TO shipgate.locks DO INSTEAD NOTHING".into(),
            "DROP RULE silence ON shipgate.locks".into(),
            "there is a rule silence in the database that Shipgate did not make: it may change what is written to the \
             table locks".into(),
        ),
        (
            "ALTER TABLE shipgate.freezes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY".into(),
            "ALTER TABLE shipgate.freezes DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY".into(),
            "row level security is switched on for the table freezes in the database: rows may be hidden from Shipgate".into(),
        ),
        (
            "ALTER TABLE shipgate.notes SET UNLOGGED".into(),
            "ALTER TABLE shipgate.notes SET LOGGED".into(),
            "the table notes in the database is unlogged: a crash of the server empties it".into(),
        ),
        (
            format!("ALTER ROLE {helper} SET session_replication_role = 'REPLICA'"),
            format!("ALTER ROLE {helper} RESET ALL"),
            format!("session_replication_role is set to “replica” for the role {helper} in every database: the triggers \
                     do nothing there"),
        ),
    ];
    let trigger =
        "SELECT oid FROM pg_trigger WHERE tgname = 'audit_change' AND tgrelid = 'shipgate.audit'::regclass";
    let before = database.sql(trigger);
    for (hole, undone, expected) in holes {
        database.sql(&hole);
        assert_eq!(amiss(&store).await, [expected.as_str()], "{hole}");
        // Nothing of ours is amiss: nothing is made anew, and nothing is said to have been.
        assert_eq!(amiss(&open(&database.url()).await).await, [expected.as_str()], "{hole}");
        assert_eq!(database.sql(trigger), before, "{hole}");
        database.sql(&undone);
        assert_eq!(amiss(&store).await, Vec::<String>::new(), "{hole}");
    }
    // Nor does it concern us what is set for who cannot reach the tables, or what hides nothing from their owner.
    database.sql(&format!("ALTER ROLE far_{helper} SET session_replication_role = 'replica'"));
    database.sql("ALTER TABLE shipgate.freezes ENABLE ROW LEVEL SECURITY");
    assert_eq!(amiss(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn triggers_that_do_nothing_for_shipgate_itself_are_told() {
    let database = Cluster::shared().database();
    drop(open(&database.url()).await);
    database.sql(&format!("ALTER DATABASE {} SET session_replication_role = 'replica'", database.name()));
    let told = amiss(&open(&database.url()).await).await;
    assert!(
        holds(&told, "session_replication_role is “replica” in the database: its triggers do nothing"),
        "{told:?}"
    );
    assert!(holds(&told, "for every role in this database"), "{told:?}");
}

#[tokio::test]
async fn tables_that_are_gone_are_never_made_anew() {
    let all = "DROP TABLE shipgate.audit, shipgate.audit_head, shipgate.cards, shipgate.deploys, shipgate.effects, \
               shipgate.freezes, shipgate.inbox, shipgate.locks, shipgate.notes, shipgate.replicas, shipgate.scopes";
    let losses = [
        (all, "(audit, audit_head, cards, deploys, effects, freezes, inbox, locks, notes, replicas, scopes)"),
        ("DROP TABLE shipgate.migrations", "(migrations)"),
        ("DELETE FROM shipgate.migrations", "(migrations)"),
        ("DROP TABLE shipgate.migrations, shipgate.notes", "(notes, migrations)"),
        (
            "DROP TABLE shipgate.notes; CREATE VIEW shipgate.notes AS SELECT 'a' AS name, 'b' AS value",
            "(notes)",
        ),
    ];
    for (loss, missing) in losses {
        let database = Cluster::shared().database();
        drop(open(&database.url()).await);
        database.sql(loss);
        let looked = PostgresStore::look_at(address(&database.url())).await.map(drop).unwrap_err();
        let migrated =
            PostgresStore::migrate(address(&database.url()), None, at(1)).await.map(drop).unwrap_err();
        for error in [refused(&database.url()).await, looked, migrated] {
            assert!(matches!(error, OpenError::Incomplete { .. }), "{loss}: {}", told(&error));
            let error = error.to_string();
            assert!(error.contains(missing) && error.contains("restore a dump"), "{loss}: {error}");
        }
    }
    // What nobody has made yet is no loss.
    let database = Cluster::shared().database();
    PostgresStore::look_at(address(&database.url())).await.unwrap();
}
