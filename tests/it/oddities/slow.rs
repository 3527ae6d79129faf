//! Whoever is slow, and too many at once. The waits are the server's real deadlines; nothing here depends on how long
//! they are. Not here: the table.

use super::statuses;
use crate::harness::{Bot, DEPLOYMENTS};
use crate::setup::{Transport, world};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than any deadline of the server.
const PATIENCE: Duration = Duration::from_secs(60);

async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset is an end too.
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the server keeps waiting");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_slow_bodies_and_slow_readers_are_cut_off_while_others_are_served() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let connect = || async { TcpStream::connect(bot.address()).await.unwrap() };
    let slow_head = async {
        let mut stream = connect().await;
        stream.write_all(b"POST /slack/commands HTTP/1.1\r\nHost: shipgate.example.com\r\n").await.unwrap();
        until_closed(&mut stream).await
    };
    let idle = async {
        let mut stream = connect().await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: shipgate.example.com\r\n\r\n").await.unwrap();
        until_closed(&mut stream).await
    };
    let slow_body = |path: &'static str| {
        let stream = connect();
        async move {
            let mut stream = stream.await;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: shipgate.example.com\r\nContent-Length: 100\r\n\r\nte"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            until_closed(&mut stream).await
        }
    };
    let slow_reader = async {
        let mut stream = connect().await;
        let ask = b"GET /metrics HTTP/1.1\r\nHost: shipgate.example.com\r\n\r\n".repeat(1000);
        // Asks and asks and reads nothing, until the server gives up.
        let asked = async { while stream.write_all(&ask).await.is_ok() {} };
        tokio::time::timeout(PATIENCE, asked).await.is_ok()
    };
    let prepared = world.slack.prepare_slash("ada", DEPLOYMENTS, "/shipgate", "history").unwrap();
    let others = world.slack.send(&prepared);
    let (head, rest, slack, github, reader, served) = tokio::join!(
        slow_head,
        idle,
        slow_body("/slack/commands"),
        slow_body("/github/webhooks"),
        slow_reader,
        others
    );
    assert!(statuses(&head).iter().all(|status| *status == 408), "{}", String::from_utf8_lossy(&head));
    assert_eq!(statuses(&rest), [200], "one answer, and the connection is not kept for ever");
    assert_eq!((statuses(&slack), statuses(&github)), (vec![408], vec![408]));
    assert!(reader, "the server goes on writing to nobody");
    assert!(served.acknowledged(), "{served:?}");
    let (_, figures) = bot.get("/metrics").await;
    for counted in [
        "shipgate_http_refused_total{reason=\"slow_reader\"}",
        "shipgate_github_webhooks_refused_total{reason=\"slow_body\"}",
    ] {
        assert!(figures.contains(counted), "{counted}\n{figures}");
    }
    bot.ask("ada", "/shipgate", "history", "No deploys yet").await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_most_are_told_so_and_places_become_free_again() {
    const MOST: usize = 512;
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let mut held = Vec::new();
    let mut turned_away = 0;
    while held.len() < MOST + 20 {
        let mut stream = TcpStream::connect(bot.address()).await.unwrap();
        let mut first = [0; 512];
        // Those who have a place are asked for nothing and told nothing.
        match tokio::time::timeout(
            Duration::from_millis(if held.len() < MOST - 8 { 0 } else { 300 }),
            stream.read(&mut first),
        )
        .await
        {
            Ok(Ok(n)) if n > 0 => {
                let said = String::from_utf8_lossy(&first[..n]).into_owned();
                assert!(said.starts_with("HTTP/1.1 503") && said.contains("Too many connections"), "{said}");
                turned_away += 1;
                if turned_away == 3 {
                    break;
                }
            }
            _ => held.push(stream),
        }
    }
    assert_eq!(turned_away, 3, "{} connections are open", held.len());
    assert!(held.len() <= MOST, "{} connections are open", held.len());
    drop(held);
    bot.ask("ada", "/shipgate", "history", "No deploys yet").await;
    let (_, figures) = bot.get("/metrics").await;
    assert!(figures.contains("shipgate_http_refused_total{reason=\"connections\"}"), "{figures}");
    bot.end(&world).await;
}
