//! PgBouncer in transaction mode: each transaction may run on another connection. Not here: the server behind it.

use crate::folder::Folder;
use crate::programs::{command, find, hand_over, run};
use crate::{OWNER, PASSWORD, free_port};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// A running PgBouncer. It ends with its server.
#[derive(Clone, Copy, Debug)]
pub struct Bouncer {
    port: u16,
}

impl Bouncer {
    /// Where it listens on 127.0.0.1: see [`crate::Database::url_at`].
    #[must_use]
    pub fn port(self) -> u16 {
        self.port
    }

    /// The one before this server.
    pub(crate) fn of(folder: &Folder, server: u16) -> Self {
        let port = folder.once("bouncer.port", || start(folder, server).to_string());
        Self { port: port.parse().expect("the port is a number") }
    }
}

fn start(folder: &Folder, server: u16) -> u16 {
    let own = folder.path().join("bouncer");
    std::fs::create_dir(&own).expect("the server's folder can be written");
    hand_over(&own);
    let users = own.join("users.txt");
    std::fs::write(&users, format!("\"{OWNER}\" \"{PASSWORD}\"\n")).expect("its folder can be written");
    let port = free_port();
    let own_path = own.display();
    // Few connections to the server, so that transactions of one client really land on several of them.
    let settings = format!(
        "[databases]\n* = host=127.0.0.1 port={server}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
         default_pool_size = 6\nmax_client_conn = 500\nserver_idle_timeout = 5\n\
         pidfile = {own_path}/pid\nlogfile = {own_path}/log\n",
        users.display()
    );
    let file = own.join("pgbouncer.ini");
    std::fs::write(&file, settings).expect("its folder can be written");
    for path in [&users, &file] {
        hand_over(path);
    }
    launch(&own, port);
    port
}

/// Kills it, so that every connection through it ends at once, and starts it again.
pub(crate) fn restart(folder: &Folder, bouncer: Bouncer) {
    let own = folder.path().join("bouncer");
    let pid_file = own.join("pid");
    let pid = std::fs::read_to_string(&pid_file).expect("it wrote down its number");
    run(command(&find("kill")).args(["-KILL", pid.trim()]));
    let process = Path::new("/proc").join(pid.trim());
    let begun = Instant::now();
    while process.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "PgBouncer does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    // It would take the file for a sign that it runs already.
    std::fs::remove_file(&pid_file).expect("its folder can be written");
    launch(&own, bouncer.port);
}

fn launch(own: &Path, port: u16) {
    run(command(&find("pgbouncer")).arg("--daemon").arg(own.join("pgbouncer.ini")));
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = std::fs::read_to_string(own.join("log")).unwrap_or_default();
        assert!(begun.elapsed() < Duration::from_secs(20), "PgBouncer does not start; its log:\n{log}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
