//! Addresses: what is encrypted, what is refused, what is never told. Not here: anything with a server.

use super::address::{Address, Encryption};

fn read(url: &str) -> Address {
    Address::read(url, None).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refused(url: &str) -> String {
    Address::read(url, None).map(|address| address.place()).expect_err(url).to_string()
}

#[test]
fn a_server_elsewhere_is_only_spoken_to_in_secret() {
    let secret = Encryption::Checked(None);
    for url in ["postgres://a@db.example/b", "postgres://a@10.0.0.1/b?sslmode=require"] {
        assert_eq!(read(url).encryption, secret, "{url}");
    }
    assert_eq!(read("postgresql://a@localhost/b?sslmode=verify-full").encryption, secret);
    let own = Encryption::Checked(Some("/etc/ca.pem".into()));
    assert_eq!(read("postgres://a@localhost/b?sslrootcert=%2Fetc/ca.pem").encryption, own);
}

#[test]
fn a_server_on_this_machine_may_be_spoken_to_openly() {
    for url in [
        "postgres://a@localhost/b",
        "postgres://a@127.0.0.1:6432/b",
        "postgres://a@[::1]/b",
        "postgres://a@%2Frun%2Fpostgresql/b",
        "postgres://a@db.example/b?sslmode=disable",
    ] {
        assert_eq!(read(url).encryption, Encryption::None, "{url}");
    }
}

#[test]
fn one_server_elsewhere_among_several_is_enough_for_secrecy() {
    assert_eq!(read("postgres://a@localhost,db.example/b").encryption, Encryption::Checked(None));
}

#[test]
fn half_secrecy_is_refused() {
    for mode in ["allow", "prefer", "verify-ca"] {
        assert!(refused(&format!("postgres://a@db/b?sslmode={mode}")).contains("verify-full"));
    }
    assert!(refused("postgres://a@db/b?sslmode=yes").contains("sslmode"));
}

#[test]
fn what_is_missing_is_named() {
    assert!(refused("postgres://db/b").contains("no user"));
    assert!(refused("postgres://a@db").contains("no database"));
    assert!(refused("postgres:///b?user=a").contains("no server"));
    assert!(refused("postgres://a@db/b?options=-csearch_path%3Dx").contains("ALTER ROLE"));
    assert!(refused("mysql://a@db/b").contains("postgres://"));
}

#[test]
fn a_password_is_never_told() {
    let address = read("postgres://ada:hunter2@db.example:6432/shipgate?sslmode=require");
    assert!(address.has_password());
    let told = format!("{address:?} {} {}", address.place(), address.for_programs());
    assert!(!told.contains("hunter2"), "{told}");
    assert!(told.contains("db.example:6432"), "{told}");
    for wrong in ["postgres://ada:hunter2@db:port/b", "postgres://ada:hunter2@db/b?hunter2=3"] {
        let said = refused(wrong);
        assert!(!said.contains("ada:hunter2"), "{said}");
    }
}

#[test]
fn a_password_from_elsewhere_replaces_the_one_in_the_address() {
    let address = Address::read("postgres://ada:old@db/b", Some("new")).expect("it is well-formed");
    assert_eq!(address.config.get_password(), Some(&b"new"[..]));
}
