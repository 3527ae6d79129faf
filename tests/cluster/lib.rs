//! Temporary PostgreSQL servers for tests, and PgBouncer in front of them. Not here: what is stored in them.
//!
//! ```no_run
//! let database = shipgate_cluster::Cluster::shared().database();
//! println!("{}", database.url()); // postgres://shipgate:…@127.0.0.1:…/test_1234_0
//! ```
//!
//! [`Cluster::shared`] is one server for all processes of a test run, quick because it may forget what it confirmed
//! if the *machine* dies. [`Cluster::start`] is a server of one's own, which can be restarted and killed, and writes
//! honestly. Both end when the last process that uses them has ended, however it ended: see `supervise.sh`.

mod bouncer;
mod encrypted;
mod folder;
mod programs;
#[cfg(test)]
mod tests;

pub use bouncer::Bouncer;
pub use encrypted::Authority;

use folder::Folder;
use programs::{command, find, run, try_run};
use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The role that owns the test databases. It is no superuser.
pub const OWNER: &str = "shipgate";
/// Its password: servers ask for it on every connection over TCP.
pub const PASSWORD: &str = "correct horse";
/// As part of an address.
const PASSWORD_IN_URL: &str = "correct%20horse";

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Cluster {
    folder: Folder,
    port: u16,
}

/// Whether a server may trade safety against a death of the machine for speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    Honest,
    Fast,
}

impl Cluster {
    /// A server of this value's own, set up like a real one. It ends with this value or with the process.
    #[must_use]
    pub fn start() -> Self {
        let folder = Folder::own();
        let port = create(&folder, Writes::Honest);
        folder.supervise(0);
        Self { folder, port }
    }

    /// The server that all tests of a run share, for databases that disturb nobody. It may not be restarted.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let folder = Folder::shared();
            let port = folder.once("port", || {
                let port = create(&folder, Writes::Fast);
                // Between the tests of a run there may be nobody for a moment.
                folder.supervise(5);
                port.to_string()
            });
            let port = port.parse().expect("the port is a number");
            Self { folder, port }
        })
    }

    /// An authority that nobody believes yet. Two of one name would be the same.
    #[must_use]
    pub fn authority(&self, name: &str) -> Authority {
        Authority::new(&self.folder, name)
    }

    /// From now on the server speaks TLS, with a certificate of this authority for this name. It starts anew.
    pub fn encrypt(&self, authority: &Authority, host: &str) {
        authority.certify(host);
        self.sql("postgres", "ALTER SYSTEM SET ssl = on");
        self.restart();
    }

    /// A new, empty database of [`OWNER`].
    #[must_use]
    pub fn database(&self) -> Database<'_> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {OWNER}"));
        Database { cluster: self, name }
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// PgBouncer in front of this server, in transaction mode. The same one for everybody who asks.
    #[must_use]
    pub fn bouncer(&self) -> Bouncer {
        Bouncer::of(&self.folder, self.port)
    }

    /// Kills the pooler and starts it again at the same place.
    pub fn restart_bouncer(&self) {
        bouncer::restart(&self.folder, self.bouncer());
    }

    /// Carries out SQL as the superuser, and gives back what it prints, columns separated by `|`.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, "postgres", sql).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same as any role, and what the server says if it refuses.
    ///
    /// # Errors
    /// What the server said.
    pub fn try_sql(&self, database: &str, role: &str, sql: &str) -> Result<String, String> {
        let socket = self.folder.path().display().to_string();
        let mut psql = command(&find("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"])
            .args(["--host", &socket, "--port", &self.port.to_string(), "--username", role])
            .args(["--dbname", database, "--command", sql]);
        try_run(&mut psql).map(|said| said.trim_end().to_owned())
    }

    /// Stops the server in order, cutting all connections, and starts it again at the same place.
    pub fn restart(&self) {
        self.control(&["--mode", "fast", "restart"]);
    }

    /// Stops the server as a kill would: it recovers from its log at the next start.
    pub fn stop_immediately(&self) {
        self.control(&["--mode", "immediate", "stop"]);
    }

    /// Starts the server again after it was stopped.
    pub fn start_again(&self) {
        self.control(&["start"]);
    }

    fn control(&self, what: &[&str]) {
        control(&self.folder, what).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// A database on a server. It goes away with the server: dropping one costs more than keeping it.
#[derive(Debug)]
pub struct Database<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl Database<'_> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, with the owner's name and password.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.cluster.port)
    }

    /// The same through something else that listens on this machine, such as a pooler or a proxy.
    #[must_use]
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://{OWNER}:{PASSWORD_IN_URL}@127.0.0.1:{port}/{}", self.name)
    }

    /// The address by a name and with options, such as `sslmode=verify-full`.
    #[must_use]
    pub fn url_with(&self, host: &str, options: &str) -> String {
        format!("{}?{options}", self.url().replace("127.0.0.1", host))
    }

    /// The address by the Unix socket, where the server trusts everybody.
    #[must_use]
    pub fn socket_url(&self, role: &str) -> String {
        let folder = self.cluster.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://{role}@{folder}:{}/{}", self.cluster.port, self.name)
    }

    /// Carries out SQL in it as the superuser, and gives back what it prints.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.name, sql)
    }

    /// The same as any role, and what the server says if it refuses.
    ///
    /// # Errors
    /// What the server said.
    pub fn try_sql(&self, role: &str, sql: &str) -> Result<String, String> {
        self.cluster.try_sql(&self.name, role, sql)
    }
}

/// Makes a cluster in the folder and starts it. Returns its port.
fn create(folder: &Folder, writes: Writes) -> u16 {
    let data = folder.path().join("data");
    let mut initdb = command(&find("initdb"));
    initdb
        .args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pgdata"])
        .arg(&data);
    run(&mut initdb);
    let fast = match writes {
        Writes::Honest => "",
        // There may be many of these beside each other.
        Writes::Fast => "fsync = off\nfull_page_writes = off\nshared_buffers = '32MB'\n",
    };
    let settings = format!(
        "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 1000\n\
         timezone = 'UTC'\nlog_min_error_statement = panic\n{fast}",
        folder.path().display()
    );
    let conf = data.join("postgresql.auto.conf");
    // Between looking for a free port and taking it somebody else may have taken it.
    let port = (0..20)
        .find_map(|_| {
            let port = free_port();
            std::fs::write(&conf, format!("{settings}port = {port}\n"))
                .expect("the new cluster's folder can be written");
            control(folder, &["start"]).is_ok().then_some(port)
        })
        .unwrap_or_else(|| {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("PostgreSQL does not start; its log:\n{log}")
        });
    let socket = folder.path().display().to_string();
    let role = format!("CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'");
    run(command(&find("psql"))
        .args(["--no-psqlrc", "--quiet", "--host", &socket, "--port", &port.to_string()])
        .args(["--username", "postgres", "--dbname", "postgres", "--command", &role]));
    port
}

fn control(folder: &Folder, what: &[&str]) -> Result<String, String> {
    let mut pg_ctl = command(&find("pg_ctl"));
    pg_ctl.arg("--pgdata").arg(folder.path().join("data"));
    pg_ctl.arg("--log").arg(folder.path().join("log")).args(["--wait", "--silent"]).args(what);
    // The server inherits what the starter had open, and a pipe would never come to its end.
    pg_ctl.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    match pg_ctl.status() {
        Ok(status) if status.success() => Ok(String::new()),
        outcome => {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            Err(format!("{pg_ctl:?}: {outcome:?}; the server's log:\n{log}"))
        }
    }
}

/// A port of 127.0.0.1 that was free just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("this machine has free ports");
    listener.local_addr().expect("it listens somewhere").port()
}
