//! The command line on PostgreSQL: who may do what, and what is said when the server refuses. Not here: what is stored
//! (`src/store/tests`), or several replicas (`tests/replicas`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::commandline::{Place, Said};
use shipgate_cluster::{Cluster, Database, OWNER};
use std::fs;
use std::process::Command;

fn with_store(url: &str) -> Place {
    Place::new(&format!("[store]\nurl = \"{url}\"\n"))
}

/// A role that owns nothing.
fn role(database: &Database<'_>) -> String {
    let role = format!("cli_{}", database.name());
    database.sql(&format!("CREATE ROLE {role} LOGIN"));
    role
}

#[test]
fn the_role_that_works_with_the_tables_can_dump_them() {
    let database = Cluster::shared().database();
    let role = role(&database);
    let owner = with_store(&database.socket_url(OWNER));
    owner.run(&["migrate", "tables", "--grant-to", &role]).good();
    let place = with_store(&database.socket_url(&role));
    let told = place.run(&["backup", "shipgate.dump"]);
    told.refused(&["pg_dump", &role, "--grant-to"]);
    let line = told.err.lines().find(|line| line.trim_start().starts_with("pg_dump ")).unwrap();
    let dump = Command::new("sh").args(["-c", line]).current_dir(place.folder()).output().unwrap();
    Said::of(&dump).good();
    assert!(fs::metadata(place.path("shipgate.dump")).unwrap().len() > 1000);
}

#[test]
fn tables_are_not_made_for_a_role_that_there_is_not() {
    let database = Cluster::shared().database();
    let place = with_store(&database.socket_url(OWNER));
    let said = place.run(&["migrate", "tables", "--grant-to", "nosuch"]);
    said.refused(&["there is no role nosuch", "--grant-to"]);
    assert!(!said.err.contains("mistake in Shipgate"), "{}", said.err);
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'shipgate'"), "0");
}

#[test]
fn what_was_put_back_and_what_is_still_amiss_is_told_and_the_latter_is_a_failure() {
    let database = Cluster::shared().database();
    let place = with_store(&database.socket_url(OWNER));
    let tables = || place.run(&["migrate", "tables"]);
    assert!(!tables().good().out.contains("guards the record"));
    database.sql("DROP TRIGGER audit_truncate ON shipgate.audit");
    let said = tables();
    let parts = [
        "audit_truncate was missing in the database, and was put back at",
        "audit verify",
        "/resume dispatching",
    ];
    for part in parts {
        assert!(said.good().out.contains(part), "“{part}” is missing: {}", said.out);
    }
    // Once: this time there was nothing to do.
    assert!(!tables().good().out.contains("guards the record"));
    // What others made is not Shipgate's to take out, and what it made is put back beside it.
    database.sql(
        "DROP TRIGGER audit_change ON shipgate.audit; CREATE TRIGGER helper BEFORE DELETE ON shipgate.audit
         FOR EACH ROW EXECUTE FUNCTION shipgate.audit_refuse()",
    );
    for is_first in [true, false] {
        let said = tables();
        assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
        assert_eq!(said.out.contains("audit_change was missing"), is_first, "{}", said.out);
        assert!(said.err.contains("there is a trigger helper in the database"), "{}", said.err);
        assert!(said.err.contains("whoever put it there takes it out"), "{}", said.err);
    }
    database.sql("DROP TRIGGER helper ON shipgate.audit");
    tables().good();
}

#[test]
fn tables_are_not_granted_to_who_owns_them() {
    let database = Cluster::shared().database();
    let place = with_store(&database.socket_url(OWNER));
    let said = place.run(&["migrate", "tables", "--grant-to", OWNER]);
    said.refused(&["owns the tables", "nothing was granted", "CREATE ROLE"]);
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'shipgate'"), "0");
}

#[test]
fn a_command_says_only_what_it_does_about_a_server_that_is_away() {
    let place = with_store("postgres://shipgate@127.0.0.1:1/shipgate");
    for arguments in [&["audit", "verify"][..], &["migrate", "tables"], &["serve"]] {
        let said = place.run(arguments);
        said.refused(&["cannot be reached", "127.0.0.1:1", "`store.url`"]);
        assert!(!said.err.contains("it is tried again by itself"), "{}", said.err);
    }
}

#[test]
fn a_missing_password_is_named_by_its_setting() {
    let database = Cluster::shared().database();
    let address = format!("postgres://{OWNER}@127.0.0.1:{}/{}", Cluster::shared().port(), database.name());
    let said = with_store(&address).run(&["audit", "verify"]);
    said.refused(&["DATABASE_PASSWORD"]);
    assert!(!said.err.contains("invalid configuration"), "{}", said.err);
}

#[test]
fn a_server_without_tls_is_told_as_one() {
    let port = Cluster::shared().port();
    let address = format!("postgres://{OWNER}@127.0.0.1:{port}/x?sslmode=require");
    let place = with_store(&address);
    let mut program = place.command(&["audit", "verify"]);
    let said = Said::of(&program.env("DATABASE_PASSWORD", "x").output().unwrap());
    said.refused(&["does not speak TLS", "sslmode=disable"]);
    assert!(!said.err.contains("check the user"), "{}", said.err);
}

#[test]
fn only_who_owns_the_tables_can_take_an_installation_in_and_a_backup_is_said_to_be_one() {
    let database = Cluster::shared().database();
    let role = role(&database);
    let source = Place::with_database("");
    source.run(&["backup", "copy.db"]).good();
    let copy = source.path("copy.db").display().to_string();
    let take_in = ["migrate", "sqlite-to-postgres", "--from", &copy];

    let app = with_store(&database.socket_url(&role));
    let parts = [role.as_str(), "may not fill", "owns"];
    // With no tables, and with tables that it may work with.
    app.run(&take_in).refused(&parts);
    let owner = with_store(&database.socket_url(OWNER));
    owner.run(&["migrate", "tables", "--grant-to", &role]).good();
    app.run(&take_in).refused(&parts);

    let moved = owner.run(&take_in);
    assert!(moved.good().out.contains("was a backup, made at"), "{}", moved.out);
    assert!(moved.out.contains("shipgate serve --restored"), "{}", moved.out);
    // Its word is true.
    owner.run(&["serve"]).refused(&["is a backup", "--restored"]);
}

#[test]
fn what_is_no_backup_moves_without_such_a_word() {
    let database = Cluster::shared().database();
    let source = Place::with_database("");
    let from = source.path("shipgate.db").display().to_string();
    let moved =
        with_store(&database.socket_url(OWNER)).run(&["migrate", "sqlite-to-postgres", "--from", &from]);
    assert!(!moved.good().out.contains("--restored"), "{}", moved.out);
}

#[test]
fn an_installation_that_somebody_changed_is_not_moved_as_if_it_were_sound() {
    let database = Cluster::shared().database();
    let source = Place::with_database("");
    let from = source.path("shipgate.db");
    let lock = "INSERT INTO locks (environment, quarantine, body) VALUES ('production', '', '{}')";
    rusqlite::Connection::open(&from).unwrap().execute_batch(lock).unwrap();
    let from = from.display().to_string();
    let owner = with_store(&database.socket_url(OWNER));
    let moved = owner.run(&["migrate", "sqlite-to-postgres", "--from", &from]);
    moved.refused(&[
        "nothing was moved",
        "the lock of production is stored",
        "audit verify",
        "/resume dispatching",
    ]);
    // It was not marked as moved.
    let said = source.run(&["serve"]);
    assert!(said.err.contains("no chat platform"), "{}", said.err);
}
