//! Slack's side of a conversation: commands signed as Slack signs them, keep-alive connections, and the name under which
//! Shipgate keeps a delivery. Written apart from the product, so that it can check it. Not here: when anything is sent.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The secret that the measured servers know.
pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// The team and app that Shipgate answers to.
pub const TEAM: &str = "T0123";
/// See [`TEAM`].
pub const APP: &str = "A0123";
/// An answer that takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody types.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// Slack's id of the person.
    pub user: &'a str,
    /// The command with its slash.
    pub command: &'a str,
    /// The rest.
    pub text: &'a str,
    /// No other command has this number.
    pub number: u64,
    /// Where answers go.
    pub slack: SocketAddr,
}

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// Shipgate's name for this delivery: a hash of the signature, the time and the body, each with its length.
    pub key: [u8; 32],
}

/// The workspace that speaks.
#[derive(Clone, Copy, Debug)]
pub struct Workspace<'a> {
    /// Signs its requests.
    pub secret: &'a str,
    /// Its id.
    pub team: &'a str,
    /// The app's id.
    pub app: &'a str,
}

/// The workspace of the measured servers.
pub const ACME: Workspace<'static> = Workspace { secret: SIGNING_SECRET, team: TEAM, app: APP };

/// A command, signed now.
#[must_use]
pub fn signed(from: Workspace<'_>, to: SocketAddr, said: &Said<'_>) -> Signed {
    let Said { user, command, text, number, slack } = said;
    let Workspace { secret, team, app } = from;
    let body = format!(
        "token=legacy&team_id={team}&team_domain=acme&channel_id=C0DEPLOY&channel_name=deployments&user_id={user}\
         &user_name={user}&command={}&text={}&api_app_id={app}&is_enterprise_install=false&response_url={}\
         &trigger_id=1.2.{number}",
        form_encoded(command),
        form_encoded(text),
        form_encoded(&format!("http://{slack}/response/{number}"))
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    for part in ["v0:", &now, ":", &body] {
        mac.update(part.as_bytes());
    }
    let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    let mut key = Sha256::new();
    for part in [&signature, &now, &body] {
        key.update((part.len() as u64).to_be_bytes());
        key.update(part.as_bytes());
    }
    let head = format!(
        "POST /slack/commands HTTP/1.1\r\nHost: {to}\r\nUser-Agent: Slackbot 1.0\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nX-Slack-Request-Timestamp: {now}\r\n\
         X-Slack-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Signed { bytes: [head.as_bytes(), body.as_bytes()].concat(), key: key.finalize().into() }
}

fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
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
#[derive(Debug)]
pub struct Line(BufReader<TcpStream>);

impl Line {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there, or not in time.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and reads the whole answer; its status.
    ///
    /// # Errors
    /// No answer, or one that says something: then the command was not acknowledged.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
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
