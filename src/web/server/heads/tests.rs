//! Heads one by one, in pieces, and beside hyper: what it serves, it serves with what was seen here.

use super::{Heads, Reader, Reading, Said};
use crate::server::{LARGEST_HEAD, MOST_FIELDS};
use axum::body::Body;
use axum::http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const TE: &str = "Transfer-Encoding: chunked\r\n";

/// What is said by a conversation that comes in these pieces.
fn said<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Said> {
    let heads = Heads::default();
    let mut reader = Reader::new(heads.clone());
    for piece in pieces {
        reader.look(piece);
    }
    std::iter::from_fn(|| heads.next()).collect()
}

fn post(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

#[test]
fn a_head_says_once_how_long_its_request_is_or_twice() {
    for (fields, expected) in [
        ("", Some(Said::Length(0))),
        ("Content-Length: 7\r\n", Some(Said::Length(7))),
        ("cOnTeNt-LeNgTh:7\r\n", Some(Said::Length(7))),
        ("Content-Length:\t 7 \t\r\n", Some(Said::Length(7))),
        (TE, Some(Said::Chunks)),
        ("tRANSFER-eNCODING:CHUNKED\r\n", Some(Said::Chunks)),
        // Whatever the coding is, no length may stand beside it.
        ("Transfer-Encoding: identity\r\nContent-Length: 7\r\n", Some(Said::Twice)),
        ("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", Some(Said::Twice)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 7\r\n", Some(Said::Twice)),
        ("Transfer-Encoding: chunked\r\nX: y\r\nCONTENT-LENGTH: 0\r\n", Some(Said::Twice)),
        ("Transfer-Encoding: chunked\nContent-Length: 7\n", Some(Said::Twice)),
        ("Transfer-Encoding: chunked\r\nContent-Length: no number\r\n", Some(Said::Twice)),
        ("Content-Length: 7\r\nContent-Length: 7\r\n", Some(Said::Twice)),
        ("Content-Length: 7, 7\r\n", Some(Said::Twice)),
        ("Content-Length: +7\r\n", Some(Said::Twice)),
        ("Content-Length:\r\n", Some(Said::Twice)),
        ("Content-Length: 18446744073709551616\r\n", Some(Said::Twice)),
        // Other names are other names.
        ("X-Content-Length: 7\r\nX-Transfer-Encoding: chunked\r\n", Some(Said::Length(0))),
        // What no parser should guess about says nothing: folded lines, spaces before the colon, other bytes.
        ("Transfer-Encoding:\r\n chunked\r\nContent-Length: 7\r\n", None),
        ("Transfer-Encoding: chunked\r\nContent-Length: 7\r\n 8\r\n", None),
        ("Transfer-Encoding: chunked\r\nContent-Length : 7\r\n", None),
        ("Transfer-Encoding : chunked\r\nContent-Length: 7\r\n", None),
        (" Content-Length: 7\r\n", None),
        ("Content\0Length: 7\r\n", None),
        ("Content-Length: 7\rX: y\r\n", None),
    ] {
        let head = post(fields);
        assert_eq!(said([head.as_bytes()]).first().copied(), expected, "{fields:?}");
    }
}

#[test]
fn the_second_request_of_a_connection_is_seen_behind_the_body_of_the_first() {
    let both = post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n");
    let decoy = post(TE);
    // The body looks like a head and is none.
    let first = format!("{}{decoy}", post(&format!("Content-Length: {}\r\n", decoy.len())));
    let talk = format!("{first}\r\n{}{both}0\r\n\r\n{decoy}", post(""));
    let length = Said::Length(decoy.len() as u64);
    assert_eq!(said([talk.as_bytes()]), [length, Said::Length(0), Said::Twice]);
}

#[test]
fn nothing_is_looked_at_behind_chunks() {
    let talk = format!("{}{}", post(TE), post(""));
    assert_eq!(said([talk.as_bytes()]), [Said::Chunks]);
}

#[test]
fn what_never_becomes_a_head_is_given_up() {
    let lines = "\r\n".repeat(LARGEST_HEAD);
    let long = format!("X: {}\r\n", "y".repeat(LARGEST_HEAD));
    let many = "X: y\r\n".repeat(MOST_FIELDS + 1);
    for start in [lines, post(&long), post(&many)] {
        let talk = format!("{start}{}", post(""));
        assert_eq!(said(talk.as_bytes().chunks(7)), [], "{}", &talk[..40]);
    }
}

/// Pieces of conversations, good and odd.
fn fragment() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => Just("POST / HTTP/1.1\r\nHost: x\r\n"),
        1 => Just("GET /a HTTP/1.1\n"),
        1 => Just("GET / HTTP/1.0\r\nConnection: keep-alive\r\n"),
        1 => Just("\r\nPOST / HTTP/1.1\r\nExpect: 100-continue\r\n"),
        1 => Just("CONNECT x:1 HTTP/1.1\r\n"),
        1 => Just("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"),
    ];
    let field = prop_oneof![
        Just(String::new()),
        (0..9_u8).prop_map(|n| format!("Content-Length: {n}\r\n")),
        (0..9_u8).prop_map(|n| format!("content-length:{n}\n")),
        Just("Content-Length : 1\r\n".to_owned()),
        Just("Content-Length: 1\r\n 2\r\n".to_owned()),
        Just(TE.to_owned()),
        Just("transfer-encoding:\tChunked \r\n".to_owned()),
        Just("Transfer-Encoding: gzip, chunked\r\n".to_owned()),
        Just("X-Odd: \u{e9}\r\n".to_owned()),
    ];
    let body =
        prop_oneof![Just(""), Just("abc"), Just("0\r\n\r\n"), Just("3\r\nabc\r\n0\r\n\r\n"), Just("\r\n")];
    (line, vec(field, 0..4), body)
        .prop_map(|(line, fields, body)| format!("{line}{}\r\n{body}", fields.concat()))
}

/// What hyper made of a conversation: for each request that it serves, what was seen here and what it shows.
async fn served(pieces: Vec<Vec<u8>>) -> Vec<(Option<Said>, bool, Option<u64>)> {
    let heads = Heads::default();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn(|request: Request<Incoming>| {
        let said = heads.next();
        let length =
            request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        let has_chunks = request.headers().contains_key(header::TRANSFER_ENCODING);
        seen.lock().unwrap().push((said, has_chunks, length));
        let mut answer = Response::new(Body::empty());
        if matches!(said, None | Some(Said::Chunks | Said::Twice)) {
            answer.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let talk = async {
        let (mut from, mut to) = tokio::io::split(theirs);
        let send = async {
            for piece in &pieces {
                if to.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let _ = to.shutdown().await;
        };
        let mut answers = Vec::new();
        let _ = tokio::join!(send, from.read_to_end(&mut answers));
    };
    let conversation = http1::Builder::new()
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_FIELDS)
        .serve_connection(TokioIo::new(Reading::new(ours, heads.clone())), service);
    let _ = tokio::join!(conversation, talk);
    let seen = seen.lock().unwrap();
    seen.clone()
}

proptest! {
    /// Nothing that hyper serves was missed here, and nothing was read in another way.
    #[test]
    fn hyper_serves_what_was_seen(talk in vec(fragment(), 1..5), size in 1..200_usize) {
        let talk = talk.concat();
        let pieces = talk.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (said, has_chunks, length) in runtime.block_on(served(pieces)) {
            match said {
                Some(Said::Length(seen)) => prop_assert_eq!((has_chunks, length.unwrap_or(0)), (false, seen)),
                Some(Said::Chunks) => prop_assert_eq!((has_chunks, length), (true, None)),
                Some(Said::Twice) => {}
                None => prop_assert!(false, "a request was served that was not seen: {talk:?}"),
            }
        }
    }

    /// However bytes are cut into pieces, they say the same; and no bytes stop the reader.
    #[test]
    fn pieces_change_nothing(
        talk in prop_oneof![vec(fragment(), 1..5).prop_map(|all| all.concat().into_bytes()), vec(any::<u8>(), 0..400)],
        size in 1..50_usize,
    ) {
        prop_assert_eq!(said(talk.chunks(size)), said([talk.as_slice()]));
    }
}
