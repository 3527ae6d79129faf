//! Two hundred oddities of HTTP against the real program: each carries a command that Slack really signed, and none may
//! carry it out, crash anything, or keep others from being served. Not here: forged signatures (`forged`).

mod slow;
mod table;

use crate::harness::{Bot, DEPLOYMENTS};
use crate::setup::{Transport, world};
use std::time::Duration;
use table::{Odd, Then};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than any deadline of the server.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of them at the same time.
const TOGETHER: usize = 48;
/// What the program may take at most, whatever is sent.
const MOST_MEMORY_KIB: u64 = 256 * 1024;

/// What came back: all bytes until the server closed the connection or had answered.
async fn exchange(address: &str, odd: &Odd) -> Vec<u8> {
    let mut answer = Vec::new();
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        let (mut from, mut to) = stream.split();
        let send = async {
            // The server may have heard enough before everything is sent.
            let _ = to.write_all(&odd.bytes).await;
            if odd.then == Then::HalfClose {
                let _ = to.shutdown().await;
            }
        };
        let read = async {
            let mut piece = [0; 4096];
            while answer.len() < 64 * 1024 {
                match from.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => answer.extend_from_slice(&piece[..n]),
                }
            }
        };
        tokio::join!(send, read);
        Ok::<_, std::io::Error>(())
    };
    let done = tokio::time::timeout(PATIENCE, talk).await;
    assert!(done.is_ok(), "{}: the server kept the connection open", odd.name);
    answer
}

/// The status codes in everything that came back.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    let lines = text.split("HTTP/1.").skip(1);
    lines.filter_map(|line| line.get(2..5)?.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_oddity_of_http_changes_anything_or_stops_anybody() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let odds = table::all(&world);
    assert!(odds.len() >= 200, "{} oddities", odds.len());
    let mut wrong = Vec::new();
    for some in odds.chunks(TOGETHER) {
        let all = some.iter().map(|odd| exchange(bot.address(), odd));
        for (odd, answer) in some.iter().zip(futures_util::future::join_all(all).await) {
            let accepted = statuses(&answer).into_iter().any(|status| (200..300).contains(&status));
            let said = String::from_utf8_lossy(&answer);
            // RFC 9112 §6.3 wants this one refused in words, and the connection closed.
            let is_smuggled = odd.name.starts_with("both: ") && statuses(&answer).last() != Some(&400);
            if accepted && odd.is_refused || is_smuggled {
                wrong.push(odd.name.clone());
            }
            assert!(!said.contains("staging"), "{}: input is not echoed:\n{said}", odd.name);
            assert!(!said.contains("panicked"), "{}:\n{said}", odd.name);
        }
        assert_eq!(bot.get("/healthz").await.0, 200, "after {:?}", some.last().map(|odd| &odd.name));
    }
    assert_eq!(wrong, Vec::<String>::new(), "these were accepted");
    bot.ask("ada", "/shipgate", "history", "No deploys yet").await;
    assert_eq!(world.github.calls().len(), 0, "{}", bot.picture());
    assert!(!bot.log().contains("panicked"), "{}", bot.picture());
    let (_, figures) = bot.get("/metrics").await;
    for reason in ["odd_request", "malformed", "large_head"] {
        assert!(
            figures.contains(&format!("shipgate_http_refused_total{{reason=\"{reason}\"}}")),
            "{figures}"
        );
    }
    let most = bot.most_memory_kib();
    assert!(most < MOST_MEMORY_KIB, "{most} KiB at most");
    // The same command without anything odd about it is carried out: the table could have failed. A connection ends
    // after chunks, so that nothing can come behind them.
    for plain in [table::plain(&world, "/slack/commands"), table::plain_in_chunks(&world, "/slack/commands")]
    {
        let answer = exchange(bot.address(), &plain).await;
        assert_eq!(statuses(&answer), [200], "{}: {}", plain.name, String::from_utf8_lossy(&answer));
    }
    bot.until("the plain command is a deploy", |bot| bot.card("api v1.2.3 → staging")).await;
    assert!(!world.slack.messages(DEPLOYMENTS).is_empty());
    bot.end(&world).await;
}
