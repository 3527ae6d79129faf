//! Commands at a fixed rate, whatever the server does, and how long each took to be acknowledged. One keep-alive
//! connection per thread; signatures as Slack makes them. Not here: what the times mean.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The secret that both servers know.
pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// The team and app that Shipgate answers to.
pub const TEAM: &str = "T0123";
/// See [`TEAM`].
pub const APP: &str = "A0123";

/// Threads, each with a connection. At 200 a second, each has 80 ms for one command before it delays the next; then
/// the delay counts as the command's own.
const CONNECTIONS: u32 = 16;
/// An answer that takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the commands of one run.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Time from when a command was due (or sent, if the thread woke late) to the end of its answer.
    pub times: Vec<Duration>,
    /// Commands that were not answered with 200 and an empty body.
    pub failed: Vec<String>,
}

/// Sends `count` commands at `rate` a second.
pub fn run(address: SocketAddr, rate: u32, count: u32) -> Taken {
    let begin = Instant::now() + Duration::from_millis(50);
    let gap = Duration::from_secs(1) / rate;
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            thread::spawn(move || {
                let mut taken = Taken::default();
                let mut line = None;
                for n in (number..count).step_by(CONNECTIONS as usize) {
                    one(address, begin + gap * n, &mut line, &mut taken);
                }
                taken
            })
        })
        .collect();
    let mut all = Taken::default();
    for worker in workers {
        match worker.join() {
            Ok(taken) => {
                all.times.extend(taken.times);
                all.failed.extend(taken.failed);
            }
            Err(_) => all.failed.push("a thread of the generator died".to_owned()),
        }
    }
    all
}

fn one(address: SocketAddr, due: Instant, line: &mut Option<Line>, taken: &mut Taken) {
    let request = command(address);
    let is_early = Instant::now() < due;
    if line.is_none() {
        match Line::open(address) {
            Ok(opened) => *line = Some(opened),
            Err(error) => return taken.failed.push(format!("no connection: {error}")),
        }
    }
    if let Some(pause) = due.checked_duration_since(Instant::now()) {
        thread::sleep(pause);
    }
    // A thread that was ready in time is not blamed for how late the kernel woke it.
    let begun = if is_early { Instant::now() } else { due };
    let Some(open) = line else { return };
    match open.exchange(&request) {
        Ok(200) => taken.times.push(begun.elapsed()),
        Ok(status) => taken.failed.push(format!("status {status}")),
        Err(error) => {
            *line = None;
            taken.failed.push(error.to_string());
        }
    }
}

/// One command on a connection of its own; says whether it was acknowledged.
pub fn is_acknowledged(address: SocketAddr) -> bool {
    Line::open(address)
        .and_then(|mut line| line.exchange(&command(address)))
        .is_ok_and(|status| status == 200)
}

/// `/shipgate status` by ada, signed now.
fn command(address: SocketAddr) -> Vec<u8> {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let body = format!(
        "token=legacy&team_id={TEAM}&team_domain=acme&channel_id=C0DEPLOY&channel_name=deployments&user_id=U0ADA\
         &user_name=ada&command=%2Fshipgate&text=status&api_app_id={APP}&is_enterprise_install=false\
         &response_url={}&trigger_id=1.2.{n}",
        form_encoded(&format!("http://{}/response/{n}", crate::slack::address()))
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut mac =
        Hmac::<Sha256>::new_from_slice(SIGNING_SECRET.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("v0:{now}:{body}").as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let head = format!(
        "POST /slack/commands HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Slackbot 1.0\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nX-Slack-Request-Timestamp: {now}\r\n\
         X-Slack-Signature: v0={signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn form_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A keep-alive connection.
struct Line(BufReader<TcpStream>);

impl Line {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and reads the whole answer; its status.
    fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.0.get_mut().write_all(request)?;
        let mut text = String::new();
        self.0.read_line(&mut text)?;
        let status = text.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status line: “{text}”")))?;
        let (mut length, mut is_chunked) = (0, false);
        while let Some(field) = self.field(&mut text)? {
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            is_chunked |= field.starts_with("transfer-encoding:") && field.ends_with("chunked");
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        // An acknowledgement says nothing: its only chunk is the last one.
        if is_chunked {
            while let Some(chunk) = self.field(&mut text)? {
                if chunk != "0" {
                    return Err(io::Error::other("not acknowledged: the answer says something"));
                }
            }
        }
        if !body.is_empty() {
            return Err(io::Error::other(format!("not acknowledged: {}", String::from_utf8_lossy(&body))));
        }
        Ok(status)
    }

    /// The next line in lower case; `None` for an empty one.
    fn field(&mut self, text: &mut String) -> io::Result<Option<String>> {
        text.clear();
        if self.0.read_line(text)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let field = text.trim_end().to_ascii_lowercase();
        Ok((!field.is_empty()).then_some(field))
    }
}
