//! Slack and GitHub as slow, moody services on loopback: they answer late, say 429 or 500, hang, hang up, or are away.
//! They keep counts and nothing else, so that hours of load do not fill memory. Not here: checking requests (the models
//! in `tests/world` do).

use shipgate_bench::line::TEAM;
use shipgate_bench::seed;
use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How the services behave now; changed while they serve.
#[derive(Debug, Default)]
pub struct Mood {
    /// Every answer takes so many milliseconds.
    pub delay: AtomicU64,
    /// Of 1,000 requests, so many meet a fault.
    pub faults: AtomicU64,
    /// Every connection is closed at once.
    pub away: AtomicBool,
    /// The channel that is told 429, by Slack's id.
    pub limited: Mutex<Option<String>>,
    /// Requests so far.
    pub calls: AtomicU64,
    /// Faults so far.
    pub fired: AtomicU64,
    /// When messages arrived in each channel.
    pub posts: Mutex<BTreeMap<String, Vec<Instant>>>,
    dice: AtomicU64,
}

impl Mood {
    /// Messages that arrived.
    pub fn delivered(&self) -> usize {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    /// A number below 1,000 that nobody expects.
    fn throw(&self) -> u64 {
        let n = self.dice.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (n ^ (n >> 27)) % 1000
    }
}

/// Listens on a free loopback port until the process ends.
pub fn start(mood: &Arc<Mood>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mood = Arc::clone(mood);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mood = Arc::clone(&mood);
            thread::spawn(move || serve(stream, &mood));
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream, mood: &Mood) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // Connections that nobody uses any more end some time.
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let mut stream = BufReader::new(stream);
    while let Some((path, body)) = read(&mut stream)? {
        mood.calls.fetch_add(1, Ordering::Relaxed);
        if mood.away.load(Ordering::Relaxed) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(mood.delay.load(Ordering::Relaxed)));
        let (status, extra, answer) = match fault(mood)? {
            Some((status, extra)) => {
                (status, extra, "{\"ok\":false,\"error\":\"internal_error\"}".to_owned())
            }
            None => answer(mood, &path, &body),
        };
        write!(
            stream.get_mut(),
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{extra}Content-Length: {}\r\n\r\n{answer}",
            answer.len()
        )?;
    }
    Ok(())
}

/// The path and body of the next request; none when the other side is done.
fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let field = line.trim_end().to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some((first.split(' ').nth(1).unwrap_or_default().to_owned(), body)))
}

/// A fault instead of an answer, where it is time for one. An error ends the connection without an answer.
fn fault(mood: &Mood) -> io::Result<Option<(&'static str, &'static str)>> {
    if mood.throw() >= mood.faults.load(Ordering::Relaxed) {
        return Ok(None);
    }
    mood.fired.fetch_add(1, Ordering::Relaxed);
    match mood.throw() % 4 {
        0 => Ok(Some(("429 Too Many Requests", "Retry-After: 2\r\n"))),
        1 => Ok(Some(("503 Service Unavailable", ""))),
        2 => {
            thread::sleep(Duration::from_secs(12));
            Ok(None)
        }
        _ => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

fn answer(mood: &Mood, path: &str, body: &[u8]) -> (&'static str, &'static str, String) {
    const OK: &str = "200 OK";
    let path_only = path.split('?').next().unwrap_or_default();
    let said = match path_only {
        "/api/chat.postMessage" => return post(mood, body),
        "/api/conversations.list" => channels(),
        "/api/users.info" => {
            let id = path.split("user=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
            format!("{{\"ok\":true,\"user\":{{\"id\":\"{id}\",\"team_id\":\"{}\",\"name\":\"{id}\"}}}}", TEAM)
        }
        _ if path_only.starts_with("/api/") || path_only.starts_with("/response/") => {
            "{\"ok\":true,\"messages\":[]}".to_owned()
        }
        _ => return github(path_only),
    };
    (OK, "", said)
}

fn post(mood: &Mood, body: &[u8]) -> (&'static str, &'static str, String) {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let channel = said["channel"].as_str().unwrap_or_default().to_owned();
    let limited = mood.limited.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if limited.as_ref() == Some(&channel) {
        let said = "{\"ok\":false,\"error\":\"ratelimited\"}".to_owned();
        return ("429 Too Many Requests", "Retry-After: 30\r\n", said);
    }
    let mut posts = mood.posts.lock().unwrap_or_else(PoisonError::into_inner);
    let count: usize = posts.values().map(Vec::len).sum();
    posts.entry(channel.clone()).or_default().push(Instant::now());
    let said = format!("{{\"ok\":true,\"channel\":\"{channel}\",\"ts\":\"1700000000.{count:06}\"}}");
    ("200 OK", "", said)
}

/// Slack's id of a channel.
pub fn channel_id(n: u32) -> String {
    format!("C0TEAM0{:02}", n % seed::CHANNELS)
}

fn channels() -> String {
    let teams = (0..seed::CHANNELS).map(|n| (channel_id(n), seed::channel(n)));
    let all = std::iter::once(("C0DEPLOY0".to_owned(), "#deployments".to_owned())).chain(teams);
    let rows: Vec<_> =
        all.map(|(id, name)| serde_json::json!({ "id": id, "name": name.trim_start_matches('#') })).collect();
    serde_json::json!({ "ok": true, "channels": rows, "response_metadata": { "next_cursor": "" } })
        .to_string()
}

/// Runs that go on for ever; nothing else is there.
fn github(path: &str) -> (&'static str, &'static str, String) {
    let after = |part: &str| path.split_once(part).map(|(_, rest)| rest);
    if path.ends_with("/jobs") {
        return ("200 OK", "", "{\"total_count\":0,\"jobs\":[]}".to_owned());
    }
    if let Some(run) = after("/actions/runs/").and_then(|rest| rest.parse::<u64>().ok()) {
        let said = format!("{{\"id\":{run},\"status\":\"in_progress\",\"run_attempt\":1}}");
        return ("200 OK", "", said);
    }
    if path.ends_with("/runs") {
        return ("200 OK", "", "{\"total_count\":0,\"workflow_runs\":[]}".to_owned());
    }
    ("404 Not Found", "", "{\"message\":\"Not Found\"}".to_owned())
}
