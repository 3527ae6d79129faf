//! Who may open a database, and whether it is where it was written. Not here: what its tables hold.

use super::*;
use std::process::Command;

async fn left(url: &str, how: &str) {
    let error = refused(url).await;
    assert!(matches!(error, OpenError::Restored { .. }), "{}", told(&error));
    let error = error.to_string();
    assert!(error.contains(how) && error.contains("`shipgate serve --restored`"), "{error}");
}

/// It is taken in when people say so, and says that it is a copy until everything is closed off.
async fn taken_in(url: &str) {
    let store = PostgresStore::open(address(url), Opening::Restored, at(50)).await.unwrap();
    assert_eq!(restore::behind_since(&store).await.unwrap(), Some(at(7)));
    drop(open(url).await);
}

async fn lived_in(url: &str) {
    let store = open(url).await;
    enter(&store).await;
    store_at_once(&store, &deploy(7)).await;
}

fn shell(script: &str) {
    let done = Command::new("sh").args(["-e", "-c", script]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Ends every connection to a database. The programs that had them would close them in a moment.
fn everybody_leaves(database: &Database<'_>) {
    let sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname";
    Cluster::shared().sql("postgres", &format!("{sql} = '{}'", database.name()));
}

#[tokio::test]
async fn a_dump_restored_over_its_own_tables_is_noticed() {
    let database = Cluster::shared().database();
    lived_in(&database.url()).await;
    let folder = tempfile::tempdir().unwrap();
    let (dump, url) = (folder.path().join("dump.sql").display().to_string(), database.socket_url(OWNER));
    shell(&format!(
        "pg_dump --schema=shipgate --file={dump} '{url}'; psql -qc 'DROP SCHEMA shipgate CASCADE' '{url}'; \
         psql -qXf {dump} '{url}'"
    ));
    left(&database.url(), "before its tables were made anew: a dump was restored here").await;
    taken_in(&database.url()).await;
}

#[tokio::test]
async fn a_dump_restored_into_another_database_of_the_server_is_noticed() {
    let (database, other) = (Cluster::shared().database(), Cluster::shared().database());
    lived_in(&database.url()).await;
    let (from, to) = (database.socket_url(OWNER), other.socket_url(OWNER));
    shell(&format!("pg_dump --format=custom --schema=shipgate '{from}' | pg_restore --dbname='{to}'"));
    left(&other.url(), "in another database of this server").await;
    taken_in(&other.url()).await;
    // Where it was written nothing has changed.
    drop(open(&database.url()).await);
}

#[tokio::test]
async fn a_copy_of_a_database_is_noticed() {
    let database = Cluster::shared().database();
    lived_in(&database.url()).await;
    everybody_leaves(&database);
    let copy = format!("{}_copy", database.name());
    Cluster::shared()
        .sql("postgres", &format!("CREATE DATABASE {copy} OWNER {OWNER} TEMPLATE {}", database.name()));
    let url = database.url().replace(database.name(), &copy);
    left(&url, "or the database was copied").await;
    taken_in(&url).await;
}

#[tokio::test]
async fn what_a_server_does_with_tables_in_normal_work_leaves_them_where_they_are() {
    let database = Cluster::shared().database();
    lived_in(&database.url()).await;
    let renamed = format!("{}_renamed", database.name());
    for sql in ["VACUUM FULL", "CLUSTER shipgate.audit USING audit_pkey", "REINDEX SCHEMA shipgate"] {
        database.sql(sql);
    }
    everybody_leaves(&database);
    Cluster::shared().sql("postgres", &format!("ALTER DATABASE {} RENAME TO {renamed}", database.name()));
    let url = database.url().replace(database.name(), &renamed);
    drop(open(&url).await);
    // Where it is at home, the word changes nothing.
    let store = PostgresStore::open(address(&url), Opening::Restored, at(50)).await.unwrap();
    assert_eq!(restore::behind_since(&store).await.unwrap(), None);
}

#[tokio::test]
async fn what_an_older_program_wrote_is_at_home_where_it_is_opened_next() {
    let database = Cluster::shared().database();
    lived_in(&database.url()).await;
    database.sql("DELETE FROM shipgate.notes WHERE name = 'postgres.place'");
    drop(open(&database.url()).await);
    assert_eq!(database.sql("SELECT count(*) FROM shipgate.notes WHERE name = 'postgres.place'"), "1");
}

#[tokio::test]
async fn a_server_that_hides_its_identity_takes_installations_in_and_notices_dumps() {
    let database = Cluster::shared().database();
    // Functions of the system belong to each database: nobody else is disturbed.
    database.sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shipgate.db");
    let store = SqliteStore::open(&path, at(0)).unwrap();
    enter(&store).await;
    store_at_once(&store, &deploy(7)).await;
    drop(store);
    sqlite_to_postgres(&path, address(&database.url()), at(1), &mut |_, _, _| {}).await.unwrap();
    drop(open(&database.url()).await);
    database.sql("UPDATE shipgate.notes SET value = '1 1' WHERE name = 'postgres.place'");
    left(&database.url(), "in another database of this server").await;
    taken_in(&database.url()).await;
}

#[tokio::test]
async fn who_may_do_everything_with_the_tables_is_granted_nothing() {
    let database = Cluster::shared().database();
    let member = format!("member_{}", database.name());
    database.sql(&format!("CREATE ROLE {member} LOGIN; GRANT {OWNER} TO {member}"));
    let grant = async |role: &str| {
        PostgresStore::migrate(address(&database.url()), Some(role), at(0)).await.map(drop)
    };
    let roles = [OWNER, member.as_str(), "postgres"];
    for role in roles {
        let error = grant(role).await.unwrap_err().to_string();
        assert!(error.contains(&format!("the role {role} owns the tables in")), "{error}");
        assert!(error.contains("Nothing was made and nothing was granted"), "{error}");
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'shipgate'"), "0");
    drop(open(&database.url()).await);
    for role in roles {
        grant(role).await.unwrap_err();
    }
    let mine = "SELECT has_table_privilege('shipgate', 'shipgate.audit', 'DELETE')";
    assert_eq!(database.sql(mine), "t");
    // Nor does it matter who asks.
    let superuser =
        PostgresStore::migrate(address(&database.socket_url("postgres")), Some(OWNER), at(0)).await;
    assert!(superuser.map(drop).unwrap_err().to_string().contains("owns the tables"));
    grant(&role(&database)).await.unwrap();
}

#[tokio::test]
async fn a_database_that_there_is_not_is_told_as_that() {
    let database = Cluster::shared().database();
    let error = refused(&database.url().replace(database.name(), "nosuch")).await;
    let text = told(&error);
    assert!(text.contains("no such database") && text.contains("\"nosuch\" does not exist"), "{text}");
    assert!(text.contains("CREATE DATABASE"), "{text}");
    assert!(!text.contains("refuses"), "{text}");
}
