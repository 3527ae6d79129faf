//! A Slack that says yes to everything, so that private answers of the server have somewhere to go and cost next to
//! nothing. Not here: checking anything (the models in `tests/world` do).

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;

static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();

/// Where it listens; nowhere before [`start`].
pub fn address() -> SocketAddr {
    ADDRESS.get().copied().unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 9).into())
}

/// Listens on a free loopback port until the process ends.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address =
        *ADDRESS.get_or_init(|| listener.local_addr().unwrap_or_else(|_| (Ipv4Addr::LOCALHOST, 9).into()));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut body = Vec::new();
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let field = line.trim_end().to_ascii_lowercase();
            if field.is_empty() {
                break;
            }
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
        stream.get_mut().write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}",
        )?;
    }
}
