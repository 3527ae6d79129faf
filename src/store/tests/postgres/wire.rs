//! A wire to a server that can be cut at the worst moment, and a server that talks too much. Not here: what is expected
//! then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// When the wire is cut, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server gets the commit and confirms it; the confirmation is swallowed.
    AfterIt = 1,
    /// The server never gets the commit.
    BeforeIt = 2,
    /// As after it, and nothing gets through any more.
    AndStayAway = 3,
}

/// Not the word in “READ COMMITTED”.
const COMMIT: &[u8] = b"; COMMIT\0";

/// The state in which nothing gets through.
const AWAY: u8 = 4;

/// A listener that passes everything on until it is told to cut.
pub struct Wire {
    port: u16,
    next: Arc<AtomicU8>,
    cuts: Arc<AtomicU32>,
}

impl Wire {
    /// To this port of this machine.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (next, cuts) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicU32::new(0)));
        let (also_next, also_cuts) = (next.clone(), cuts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if also_next.load(Ordering::SeqCst) == AWAY {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(pass(client, server, also_next.clone(), also_cuts.clone()));
            }
        });
        Self { port, next, cuts }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next commit is cut.
    pub fn cut_at_commit(&self, how: Cut) {
        self.next.store(how as u8, Ordering::SeqCst);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> u32 {
        self.cuts.load(Ordering::SeqCst)
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, next: Arc<AtomicU8>, cuts: Arc<AtomicU32>) {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let said = &asked[..length];
                let is_commit = said.windows(COMMIT.len()).any(|words| words == COMMIT);
                match if is_commit { next.swap(0, Ordering::SeqCst) } else { 0 } {
                    2 => {
                        cuts.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    cut @ (1 | 3) => {
                        cuts.fetch_add(1, Ordering::SeqCst);
                        if cut == Cut::AndStayAway as u8 {
                            next.store(AWAY, Ordering::SeqCst);
                        }
                        server.write_all(said).await.unwrap();
                        // It has confirmed; nobody hears it.
                        let _ = server.read(&mut answered).await;
                        return;
                    }
                    _ => server.write_all(said).await.unwrap(),
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A server that asks for the password as it is, and repeats it in its refusal. Where it listens.
pub async fn echoing() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let length = client.read_u32().await.unwrap();
            client.read_exact(&mut vec![0; length as usize - 4]).await.unwrap();
            // AuthenticationCleartextPassword (PostgreSQL, “Message Formats”).
            client.write_all(b"R\0\0\0\x08\0\0\0\x03").await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), b'p');
            let length = client.read_u32().await.unwrap();
            let mut password = vec![0; length as usize - 4];
            client.read_exact(&mut password).await.unwrap();
            let password = String::from_utf8_lossy(&password[..password.len() - 1]).into_owned();
            let fields = format!("SFATAL\0VFATAL\0C28P01\0Myou said {password}\0\0");
            client.write_u8(b'E').await.unwrap();
            client.write_u32(u32::try_from(fields.len()).unwrap() + 4).await.unwrap();
            client.write_all(fields.as_bytes()).await.unwrap();
        }
    });
    port
}
