//! The oddities: what is sent, byte for byte. Not here: what must become of it.

use crate::harness::DEPLOYMENTS;
use serde_json::json;
use shipgate_world::World;
use shipgate_world::client::Prepared;
use std::fmt::Write as _;

/// What the client does after it has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Waits for the server.
    Wait,
    /// Says that nothing more comes.
    HalfClose,
}

/// One oddity.
#[derive(Clone, Debug)]
pub struct Odd {
    pub name: String,
    pub bytes: Vec<u8>,
    pub then: Then,
    /// Whether no answer to it may be a 2xx; the others only must change nothing.
    pub is_refused: bool,
}

const FORM: &str = "application/x-www-form-urlencoded";

/// A request whose parts can be replaced one by one.
#[derive(Clone)]
struct Parts {
    line: Vec<u8>,
    host: &'static str,
    length: Option<String>,
    kind: &'static str,
    more: Vec<u8>,
    body: Vec<u8>,
    signed: Prepared,
}

impl Parts {
    fn new(world: &World, path: &str, body: &[u8]) -> Self {
        let mut signed = deploy(world);
        signed.body = String::from_utf8_lossy(body).into_owned();
        let signed = signed.sign(&world.slack.config().signing_secret);
        Self {
            line: format!("POST {path} HTTP/1.1").into(),
            host: "Host: shipgate.example.com\r\n",
            length: Some(format!("Content-Length: {}\r\n", body.len())),
            kind: FORM,
            more: Vec::new(),
            body: body.to_vec(),
            signed,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let signature = self.signed.signature.clone().unwrap_or_default();
        let mut bytes = self.line.clone();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.host.as_bytes());
        bytes.extend_from_slice(self.length.clone().unwrap_or_default().as_bytes());
        if !self.kind.is_empty() {
            bytes.extend_from_slice(format!("Content-Type: {}\r\n", self.kind).as_bytes());
        }
        bytes.extend_from_slice(
            format!(
                "X-Slack-Request-Timestamp: {}\r\nX-Slack-Signature: {signature}\r\n",
                self.signed.timestamp
            )
            .as_bytes(),
        );
        bytes.extend_from_slice(&self.more);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn deploy(world: &World) -> Prepared {
    world.slack.prepare_slash("ada", DEPLOYMENTS, "/deploy", "staging v1.2.3").expect("ada is there")
}

/// The command without anything odd.
pub fn plain(world: &World, path: &str) -> Odd {
    let parts = Parts::new(world, path, deploy(world).body.as_bytes());
    odd("plain", &parts)
}

fn odd(name: impl Into<String>, parts: &Parts) -> Odd {
    let mut parts = parts.clone();
    if !parts.more.windows(11).any(|w| w.eq_ignore_ascii_case(b"connection:")) {
        parts.more.extend_from_slice(b"Connection: close\r\n");
    }
    Odd { name: name.into(), bytes: parts.bytes(), then: Then::Wait, is_refused: true }
}

fn harmless(odd: Odd) -> Odd {
    Odd { is_refused: false, ..odd }
}

fn half_closed(odd: Odd) -> Odd {
    Odd { then: Then::HalfClose, name: format!("{}, half closed", odd.name), ..odd }
}

/// All of them.
pub fn all(world: &World) -> Vec<Odd> {
    let good = Parts::new(world, "/slack/commands", deploy(world).body.as_bytes());
    let mut all = lines(&good);
    all.extend(lengths(&good));
    all.extend(both(&good));
    all.extend(chunks(&good));
    all.extend(fields(&good));
    all.extend(bodies(world));
    all.extend(webhooks(world));
    all.extend(conversations(&good));
    all
}

/// Methods, addresses, versions.
fn lines(good: &Parts) -> Vec<Odd> {
    let mut all = Vec::new();
    let mut add = |line: &[u8]| {
        let shown: String = String::from_utf8_lossy(&line[..line.len().min(60)]).escape_debug().collect();
        all.push(odd(format!("line {shown}"), &Parts { line: line.to_vec(), ..good.clone() }));
    };
    for method in [
        "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post", "Post", "POST ",
        " POST", "", "M-SEARCH", "P\0ST", "PÖST", "POST\t", "GET/POST",
    ] {
        add(format!("{method} /slack/commands HTTP/1.1").as_bytes());
    }
    add(format!("{} /slack/commands HTTP/1.1", "A".repeat(20_000)).as_bytes());
    for target in [
        "http://shipgate.example.com/slack/commands",
        "https://evil.example/slack/commands",
        "ftp://evil.example/slack/commands",
        "shipgate.example.com:443",
        "*",
        "slack/commands",
        "//slack/commands",
        "/slack//commands",
        "/slack/./commands",
        "/x/../slack/commands",
        "/slack/commands/",
        "/slack/commands/..",
        "/slack/commands;jsessionid=1",
        "/slack/commands%00",
        "/slack/commands%0d%0aX: y",
        "/slack/commands%20",
        "/slack\\commands",
        "/slack%2fcommands",
        "/%73lack/commands",
        "/SLACK/COMMANDS",
        "/slack/commands\u{0}",
        "/slack/commands x",
        "/släck/commands",
        "/slack/commands\u{200b}",
        "/..%2f..%2fetc/passwd",
        "/assets/../../etc/passwd",
        "",
        "?",
        "@evil.example/slack/commands",
    ] {
        add(format!("POST {target} HTTP/1.1").as_bytes());
    }
    add(format!("POST /{} HTTP/1.1", "a".repeat(2_000)).as_bytes());
    add(format!("POST /{} HTTP/1.1", "a/".repeat(50_000)).as_bytes());
    add(format!("POST /slack/commands?{} HTTP/1.1", "a".repeat(40_000)).as_bytes());
    for version in [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/9.9",
        "http/1.1",
        "HTTP/1.",
        "HTTPS/1.1",
        "HTTP/1.1.1",
        "HTTP/ 1.1",
        "1.1",
        "ICY",
    ] {
        add(format!("POST /slack/commands {version}").as_bytes());
    }
    add(b"POST /slack/commands");
    add(b"POST  /slack/commands  HTTP/1.1");
    add(b"POST\t/slack/commands\tHTTP/1.1");
    add(b"POST /slack/commands HTTP/1.1\rX: y");
    add(b"\0POST /slack/commands HTTP/1.1");
    add(b"\xff\xfe\xfd");
    all
}

/// How long a body is said to be.
fn lengths(good: &Parts) -> Vec<Odd> {
    let n = good.body.len();
    let with = |name: &str, length: String| {
        odd(format!("length: {name}"), &Parts { length: Some(length), ..good.clone() })
    };
    let mut all = vec![
        // Two equal lengths are one: RFC 9110 §8.6 leaves that open, and nobody can read it in two ways.
        with("twice, different", format!("Content-Length: {n}\r\nContent-Length: 0\r\n")),
        with("twice, the other way", format!("Content-Length: 0\r\nContent-Length: {n}\r\n")),
        with("a list", format!("Content-Length: {n}, {n}\r\n")),
        with("a list of two", format!("Content-Length: {n}, 0\r\n")),
        with("with a plus", format!("Content-Length: +{n}\r\n")),
        with("negative", "Content-Length: -1\r\n".into()),
        with("hexadecimal", format!("Content-Length: 0x{n:x}\r\n")),
        with("with a point", format!("Content-Length: {n}.0\r\n")),
        with("with an exponent", "Content-Length: 1e3\r\n".into()),
        with("empty", "Content-Length:\r\n".into()),
        with("beyond 64 bits", "Content-Length: 18446744073709551616\r\n".into()),
        with("the largest of 64 bits", "Content-Length: 18446744073709551615\r\n".into()),
        with("100 MB announced", "Content-Length: 100000000\r\n".into()),
        with("Arabic digits", "Content-Length: ٣٠٠\r\n".into()),
        with("a word", "Content-Length: all\r\n".into()),
        with("with a space before the colon", format!("Content-Length : {n}\r\n")),
        with("folded", format!("Content-Length:\r\n {n}\r\n")),
        with("missing", String::new()),
        with("one less", format!("Content-Length: {}\r\n", n - 1)),
        with("nought, the body is the next request", "Content-Length: 0\r\n".into()),
        with("with identity", format!("Content-Length: {n}\r\nTransfer-Encoding: identity\r\n")),
        with("with an unknown encoding", format!("Content-Length: {n}\r\nTransfer-Encoding: x\r\n")),
        with("with an empty encoding", format!("Content-Length: {n}\r\nTransfer-Encoding:\r\n")),
    ];
    let more = with("one more", format!("Content-Length: {}\r\n", n + 1));
    all.push(half_closed(more.clone()));
    all.push(more);
    all
}

/// A body as one chunk.
fn one_chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
}

/// The command without anything odd, in one chunk.
pub fn plain_in_chunks(world: &World, path: &str) -> Odd {
    let mut parts = Parts::new(world, path, deploy(world).body.as_bytes());
    parts.length = Some("Transfer-Encoding: chunked\r\n".into());
    parts.body = one_chunk(&parts.body);
    // Nobody asked for the connection to end.
    parts.more = b"Connection: keep-alive\r\n".to_vec();
    odd("plain, in chunks", &parts)
}

/// Bodies in good chunks whose head also says a length: the way to smuggle one request behind another.
fn both(good: &Parts) -> Vec<Odd> {
    let in_chunks = one_chunk(&good.body);
    // What is behind it must not be answered: the connection ends, although nobody asked for that.
    let body = [in_chunks.as_slice(), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
    let more = b"Connection: keep-alive\r\n".to_vec();
    let (n, in_chunks) = (good.body.len(), in_chunks.len());
    let with = |name: &str, length: String| {
        let (body, more) = (body.clone(), more.clone());
        odd(format!("both: {name}"), &Parts { length: Some(length), body, more, ..good.clone() })
    };
    let te = "Transfer-Encoding: chunked\r\n";
    let mut all = vec![
        with("length first", format!("Content-Length: {n}\r\n{te}")),
        with("chunks first", format!("{te}Content-Length: {n}\r\n")),
        with("the length of the chunks", format!("Content-Length: {in_chunks}\r\n{te}")),
        with("nought, length first", format!("Content-Length: 0\r\n{te}")),
        with("nought, chunks first", format!("{te}Content-Length: 0\r\n")),
        with("a length before and after", format!("Content-Length: {n}\r\n{te}Content-Length: {n}\r\n")),
        with("chunks before and after", format!("{te}Content-Length: {n}\r\n{te}")),
        with("two lengths behind chunks", format!("{te}Content-Length: {n}\r\nContent-Length: 0\r\n")),
        with("no number behind chunks", format!("{te}Content-Length: all\r\n")),
        with("nothing behind chunks", format!("{te}Content-Length:\r\n")),
        with("in another case", format!("tRANSFER-eNCODING: CHUNKED\r\ncONTENT-lENGTH: {n}\r\n")),
        with("with tabs", format!("Transfer-Encoding:\tchunked\t\r\nContent-Length:\t{n}\t\r\n")),
        with("length folded", format!("{te}Content-Length:\r\n {n}\r\n")),
        with("chunks folded", format!("Content-Length: {n}\r\nTransfer-Encoding:\r\n chunked\r\n")),
        with("a space before the colon", format!("{te}Content-Length : {n}\r\n")),
        with("a space before the other", format!("Content-Length: {n}\r\nTransfer-Encoding : chunked\r\n")),
        with("bare line feeds", format!("Transfer-Encoding: chunked\nContent-Length: {n}\n")),
    ];
    let twice = Some(format!("Content-Length: {n}\r\nContent-Length: {n}\r\n"));
    all.push(odd("length: twice the same, apart", &Parts { length: twice, ..good.clone() }));
    all
}

/// Bodies in chunks, spoilt.
fn chunks(good: &Parts) -> Vec<Odd> {
    let whole = one_chunk(&good.body);
    let te = |name: &str, te: &str, body: Vec<u8>| {
        let length = Some(format!("Transfer-Encoding: {te}\r\n"));
        odd(format!("chunks: {name}"), &Parts { length, body, ..good.clone() })
    };
    let n = good.body.len();
    let text = String::from_utf8_lossy(&good.body).into_owned();
    let spoilt = |name: &str, body: String| te(name, "chunked", body.into_bytes());
    let mut all = Vec::new();
    for coding in [
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "xchunked",
        "\"chunked\"",
        "chunked;q=1",
        "chunked\u{b}",
        "identity, chunked",
        "chunked\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: identity",
        ",chunked",
        "c hunked",
        "chunked\r\n ,gzip",
    ] {
        all.push(te(&coding.escape_debug().to_string(), coding, whole.clone()));
    }
    all.extend([
        spoilt("no number", format!("\r\n{text}\r\n0\r\n\r\n")),
        spoilt("a word", format!("zz\r\n{text}\r\n0\r\n\r\n")),
        spoilt("negative", format!("-{n:x}\r\n{text}\r\n0\r\n\r\n")),
        spoilt("with a plus", format!("+{n:x}\r\n{text}\r\n0\r\n\r\n")),
        spoilt("0x", format!("0x{n:x}\r\n{text}\r\n0\r\n\r\n")),
        spoilt("beyond 64 bits", format!("1{n:016x}\r\n{text}\r\n0\r\n\r\n")),
        spoilt("too long a chunk", format!("{:x}\r\n{text}\r\n0\r\n\r\n", n + 3)),
        spoilt("too short a chunk", format!("{:x}\r\n{text}\r\n0\r\n\r\n", n - 3)),
        spoilt("no end of line after a chunk", format!("{n:x}\r\n{text}0\r\n\r\n")),
        spoilt("a bare line feed", format!("{n:x}\n{text}\n0\n\n")),
        spoilt("a bare carriage return", format!("{n:x}\r{text}\r0\r\r")),
        spoilt("an extension of 100 kB", format!("{n:x};{}\r\n{text}\r\n0\r\n\r\n", "a".repeat(100_000))),
        spoilt("a trailer of 100 kB", format!("{n:x}\r\n{text}\r\n0\r\nX: {}\r\n\r\n", "a".repeat(100_000))),
        spoilt("2,000 trailers", format!("{n:x}\r\n{text}\r\n0\r\n{}\r\n", "X: y\r\n".repeat(2_000))),
        spoilt("1 MB in one chunk", format!("100000\r\n{}\r\n0\r\n\r\n", "a".repeat(0x10_0000))),
        spoilt("1 MB in small chunks", format!("{}0\r\n\r\n", "1\r\na\r\n".repeat(300_000))),
        half_closed(spoilt("no last chunk", format!("{n:x}\r\n{text}\r\n"))),
        half_closed(spoilt("half a chunk", format!("{n:x}\r\n{}", &text[..n / 2]))),
    ]);
    let mut old = good.clone();
    old.line = b"POST /slack/commands HTTP/1.0".to_vec();
    old.length = Some("Transfer-Encoding: chunked\r\n".into());
    old.body = whole;
    all.push(odd("chunks: of HTTP/1.0", &old));
    all
}

/// Header fields.
fn fields(good: &Parts) -> Vec<Odd> {
    let signature = good.signed.signature.clone().unwrap_or_default();
    let with = |name: &str, more: &[u8]| {
        odd(format!("field: {name}"), &Parts { more: more.to_vec(), ..good.clone() })
    };
    let host = |name: &str, host: &'static str| odd(format!("host: {name}"), &Parts { host, ..good.clone() });
    let signed = |name: &str, change: &dyn Fn(&mut Prepared)| {
        let mut parts = good.clone();
        change(&mut parts.signed);
        odd(format!("signature: {name}"), &parts)
    };
    let zeros = format!("v0={}", "0".repeat(64));
    let mut many = String::new();
    for n in 0..200 {
        let _ = write!(many, "X-{n}: y\r\n");
    }
    vec![
        host("none", ""),
        host("two", "Host: a\r\nHost: b\r\n"),
        host("twice the same", "Host: shipgate.example.com\r\nHost: shipgate.example.com\r\n"),
        with("no colon", b"X-Odd\r\n"),
        with("no name", b": y\r\n"),
        with("a space before the colon", b"X-Odd : y\r\n"),
        with("a space first", b" X-Odd: y\r\n"),
        with("null in the name", b"X-O\0dd: y\r\n"),
        with("null in the value", b"X-Odd: y\0y\r\n"),
        with("a bare carriage return", b"X-Odd: y\rX-Slack-Signature: z\r\n"),
        with("a folded line", b"X-Odd: y\r\n z\r\n"),
        with("not ASCII in the name", "X-Ödd: y\r\n".as_bytes()),
        with("a bracket in the name", b"X-(Odd): y\r\n"),
        with("20 kB", format!("X-Odd: {}\r\n", "y".repeat(20_000)).as_bytes()),
        with("1 MB", format!("X-Odd: {}\r\n", "y".repeat(1_000_000)).as_bytes()),
        with("a name of 20 kB", format!("{}: y\r\n", "x".repeat(20_000)).as_bytes()),
        with("two hundred", many.as_bytes()),
        with("ten thousand", "X: y\r\n".repeat(10_000).as_bytes()),
        with("a second content type", b"Content-Type: application/json\r\n"),
        with("gzip as the encoding", b"Content-Encoding: gzip\r\n"),
        with("no encoding, said so", b"Content-Encoding: identity\r\n"),
        with("escape in the value", b"X-Odd: \x1b[31m\r\n"),
        signed("none", &|p| p.signature = None),
        signed("empty", &|p| p.signature = Some(String::new())),
        signed("of another version", &|p| p.signature = Some(signature.replace("v0=", "v1="))),
        signed("a list", &|p| p.signature = Some(format!("{zeros},{signature}"))),
        signed("too short", &|p| p.signature = Some(signature[..40].to_owned())),
        signed("too long", &|p| p.signature = Some(format!("{signature}00"))),
        signed("noughts before it", &|p| {
            p.signature = Some(format!("{zeros}\r\nX-Slack-Signature: {signature}"))
        }),
        signed("the time of 1970", &|p| p.timestamp = 0),
        signed("a negative time", &|p| p.timestamp = -1),
        signed("a time in the far future", &|p| p.timestamp = i64::MAX),
        signed("a time in milliseconds", &|p| p.timestamp *= 1000),
    ]
}

/// Bodies that Slack signed and that mean nothing.
fn bodies(world: &World) -> Vec<Odd> {
    let team = world.slack.config().team.clone();
    let json = [
        ("nothing", String::new()),
        ("null", "null".into()),
        ("a number", "1e999".into()),
        ("a word", "\"x\"".into()),
        ("an array", "[]".into()),
        ("an empty object", "{}".into()),
        ("10,000 deep", "[".repeat(10_000) + &"]".repeat(10_000)),
        ("100,000 deep", "{\"a\":".repeat(40_000)),
        ("100,000 wide", format!("[{}1]", "1,".repeat(100_000))),
        (
            "a deep block",
            format!("{{\"type\":\"block_actions\",\"x\":{}1{}}}", "[".repeat(40), "]".repeat(40)),
        ),
        ("not a number", "NaN".into()),
        ("a lone surrogate", "{\"type\":\"\\ud800\"}".into()),
        ("a mark of byte order", "\u{feff}{}".into()),
        ("more after the end", "{}{}".into()),
        ("a comment", "{}/*x*/".into()),
        ("single quotes", "{'type':'event_callback'}".into()),
        ("null bytes", "{\"type\":\"\u{0}\"}".into()),
        ("the same key twice", "{\"type\":\"url_verification\",\"type\":\"x\",\"challenge\":1}".into()),
        ("wrong types", json!({"type": 1, "team": [], "user": "U0ADA", "actions": {}}).to_string()),
        (
            "a form of another app",
            json!({"type": "view_submission", "team": {"id": team}, "api_app_id": "A9999",
            "user": {"id": "U0ADA"}, "view": {"id": "V1"}})
            .to_string(),
        ),
        (
            "a click of nobody",
            json!({"type": "block_actions", "team": {"id": team}, "api_app_id": "A0123",
            "user": {"id": "<!channel>"}, "actions": []})
            .to_string(),
        ),
        ("300 kB", "x".repeat(300_000)),
    ];
    let mut all = Vec::new();
    for (name, body) in &json {
        let mut event = Parts::new(world, "/slack/events", body.as_bytes());
        event.kind = "application/json";
        all.push(odd(format!("event: {name}"), &event));
        let form: String = form_urlencoded(&[("payload", body)]);
        all.push(odd(
            format!("interaction: {name}"),
            &Parts::new(world, "/slack/interactions", form.as_bytes()),
        ));
    }
    let forms = [
        ("a form of 20,000 fields", "a=b&".repeat(20_000)),
        ("broken escapes", "team_id=%zz&user_id=%&command=%f".into()),
        ("bytes that are no UTF-8", "team_id=%ff%fe&user_id=%c0%80&command=%2fdeploy".into()),
        ("a line break in the command", "team_id=T0123&user_id=U0ADA&command=%0d%0a&text=x".into()),
        ("only separators", "&".repeat(100_000)),
        ("no user", "team_id=T0123&api_app_id=A0123&command=/deploy&text=staging".into()),
        (
            "another team first",
            "team_id=T9&team_id=T0123&api_app_id=A0123&user_id=U0ADA&command=/deploy".into(),
        ),
    ];
    for (name, body) in forms {
        all.push(odd(format!("command: {name}"), &Parts::new(world, "/slack/commands", body.as_bytes())));
    }
    all
}

fn form_urlencoded(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// What is not GitHub's.
fn webhooks(world: &World) -> Vec<Odd> {
    let body = json!({"workflow_run": {"id": 1, "display_title": "staging"}}).to_string();
    let with = |name: &str, more: String, body: &str| {
        let mut parts = Parts::new(world, "/github/webhooks", body.as_bytes());
        (parts.kind, parts.more) = ("application/json", more.into_bytes());
        odd(format!("webhook: {name}"), &parts)
    };
    let event = "X-GitHub-Event: workflow_run\r\n";
    let zeros = "0".repeat(64);
    vec![
        with("unsigned", event.into(), &body),
        with("noughts", format!("{event}X-Hub-Signature-256: sha256={zeros}\r\n"), &body),
        with("only SHA-1", format!("{event}X-Hub-Signature: sha1={}\r\n", &zeros[..40]), &body),
        with("an empty signature", format!("{event}X-Hub-Signature-256: sha256=\r\n"), &body),
        with("no event", format!("X-Hub-Signature-256: sha256={zeros}\r\n"), &body),
        with("6 MB", event.into(), &"x".repeat(6 * 1024 * 1024)),
    ]
}

/// Whole conversations.
fn conversations(good: &Parts) -> Vec<Odd> {
    let raw = |name: &str, bytes: Vec<u8>| Odd {
        name: name.into(),
        bytes,
        then: Then::HalfClose,
        is_refused: true,
    };
    let get = b"GET /healthz HTTP/1.1\r\nHost: shipgate.example.com\r\n\r\n".as_slice();
    let bytes = good.bytes();
    let unsigned = {
        let mut parts = good.clone();
        parts.signed.signature = Some("v0=00".into());
        parts.bytes()
    };
    let head = bytes.len() - good.body.len();
    let smuggled = {
        let mut parts = good.clone();
        parts.signed.signature = Some("v0=00".into());
        parts.length = Some("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n".into());
        parts.body = [b"0\r\n\r\n".as_slice(), &bytes].concat();
        parts.bytes()
    };
    let second = {
        let mut parts = good.clone();
        parts.length = Some(format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", good.body.len()));
        parts.body = one_chunk(&good.body);
        let first = parts.bytes();
        [get, &first].concat()
    };
    vec![
        raw("nothing at all", Vec::new()),
        raw("half a head", bytes[..40].to_vec()),
        raw("a head without its end", bytes[..head - 2].to_vec()),
        raw("half a body", bytes[..head + 10].to_vec()),
        raw("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(40)),
        raw("a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        raw("another protocol", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        raw("mail", b"EHLO evil.example\r\nMAIL FROM:<x>\r\n".to_vec()),
        raw(
            "1 MB of noise",
            (0..1_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
        ),
        raw("a smuggled command behind chunks and a length", smuggled),
        harmless(raw("both: behind a question on the same connection", second)),
        harmless(raw("empty lines first", [b"\r\n".repeat(3).as_slice(), &unsigned].concat())),
        raw("a hundred thousand empty lines", b"\r\n".repeat(100_000)),
        harmless(raw("two hundred questions in a row", get.repeat(200))),
        harmless(raw("a question, then noise", [get, b"\0\xff\xfe\r\n\r\n"].concat())),
        harmless(raw("a question of HTTP/1.0", b"GET /healthz HTTP/1.0\r\n\r\n".to_vec())),
        harmless(raw("a question with a body", {
            let n = unsigned.len();
            [format!("GET /healthz HTTP/1.1\r\nHost: shipgate.example.com\r\nContent-Length: {n}\r\n\r\n").as_bytes(), &unsigned]
                .concat()
        })),
        raw(
            "a websocket",
            b"GET /slack/commands HTTP/1.1\r\nHost: shipgate.example.com\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                .to_vec(),
        ),
        raw(
            "HTTP/2 in the clear",
            b"POST /slack/commands HTTP/1.1\r\nHost: shipgate.example.com\r\nConnection: upgrade, http2-settings\r\n\
            Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        ),
    ]
}
