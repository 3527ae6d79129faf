//! TLS to PostgreSQL: who is believed, who is not, and what is said then. Not here: reading addresses (`postgres`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use shipgate_cluster::{Authority, Cluster, Database};
use shipgate_store::PostgresStore;
use shipgate_store::postgres::{Address, Opening};
use std::error::Error;
use std::sync::LazyLock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server whose certificate is for `localhost`, who signed it, and somebody who did not.
static ENCRYPTED: LazyLock<(Cluster, Authority, Authority)> = LazyLock::new(|| {
    let cluster = Cluster::start();
    let (right, wrong) = (cluster.authority("right"), cluster.authority("wrong"));
    cluster.encrypt(&right, "localhost");
    (cluster, right, wrong)
});

async fn open(url: &str) -> Result<PostgresStore, String> {
    let address = Address::read(url, None).unwrap();
    let opened = PostgresStore::open(address, Opening::Work, Timestamp::UNIX_EPOCH).await;
    opened.map_err(|error| told(&error))
}

/// What is wrong, and all that is behind it.
fn told(error: &dyn Error) -> String {
    let behind = error.source().map(|source| format!(": {}", told(source)));
    format!("{error}{}", behind.unwrap_or_default())
}

async fn refused(url: &str) -> String {
    let said = open(url).await.map(drop).unwrap_err();
    assert!(!said.contains("correct"), "the password is repeated: {said}");
    assert!(!said.contains("tried again by itself"), "it will not pass by itself: {said}");
    said
}

fn encrypted_connections(database: &Database<'_>) -> String {
    database.sql(
        "SELECT bool_and(ssl), count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name = 'shipgate' AND datname = current_database()",
    )
}

#[tokio::test]
async fn a_server_whose_certificate_is_signed_by_the_named_authority_is_believed() {
    let (cluster, right, _) = &*ENCRYPTED;
    for mode in ["verify-full", "require"] {
        let database = cluster.database();
        let options = format!("sslmode={mode}&sslrootcert={}", right.path());
        let store = open(&database.url_with("localhost", &options)).await.unwrap();
        assert_eq!(encrypted_connections(&database), "t|t", "{mode}");
        drop(store);
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let (cluster, _, wrong) = &*ENCRYPTED;
    let database = cluster.database();
    // The second: the authorities of this machine, who know nothing of the test's.
    for more in [format!("&sslrootcert={}", wrong.path()), String::new()] {
        let said = refused(&database.url_with("localhost", &format!("sslmode=verify-full{more}"))).await;
        assert!(said.contains("no authority that is known here signed it"), "{said}");
        assert!(said.contains("sslrootcert"), "{said}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (cluster, right, _) = &*ENCRYPTED;
    let database = cluster.database();
    for mode in ["verify-full", "require"] {
        let options = format!("sslmode={mode}&sslrootcert={}", right.path());
        let said = refused(&database.url_with("127.0.0.1", &options)).await;
        assert!(said.contains("it is for another name"), "{said}");
        assert!(said.contains("127.0.0.1"), "{said}");
    }
}

#[tokio::test]
async fn a_file_of_authorities_that_is_not_there_is_named() {
    let (cluster, ..) = &*ENCRYPTED;
    let options = "sslmode=verify-full&sslrootcert=/nowhere/authority.pem";
    let said = refused(&cluster.database().url_with("localhost", options)).await;
    assert!(said.contains("/nowhere/authority.pem"), "{said}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let database = Cluster::shared().database();
    for mode in ["verify-full", "require"] {
        let said = refused(&database.url_with("127.0.0.1", &format!("sslmode={mode}"))).await;
        assert!(said.contains("TLS"), "{said}");
    }
    let tables = database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'shipgate'");
    assert_eq!(tables, "0", "nothing was done there");
}

/// Whoever stands between can say that there is no TLS.
#[tokio::test]
async fn nothing_is_told_to_a_server_that_says_it_has_no_tls() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = async {
        let (mut client, _) = listener.accept().await.unwrap();
        // SSLRequest (PostgreSQL, “Message Formats”), and no.
        let mut request = [0; 8];
        client.read_exact(&mut request).await.unwrap();
        client.write_all(b"N").await.unwrap();
        let mut more = Vec::new();
        let _ = client.read_to_end(&mut more).await;
        (request, more)
    };
    let url = format!("postgres://ada:correct@127.0.0.1:{port}/shipgate?sslmode=require");
    let (said, (request, more)) = tokio::join!(refused(&url), heard);
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47]);
    assert_eq!(more, b"", "{said}");
}
