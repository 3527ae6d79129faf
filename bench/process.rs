//! The measured servers as child processes: how they are started, asked and stopped. Not here: load.

use crate::load::is_acknowledged;
use anyhow::{Context as _, Result, bail};
use shipgate_bench::line::{APP, SIGNING_SECRET, TEAM};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server that does not acknowledge within this time is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries of a first command; refused connections cost next to nothing.
const TRY: Duration = Duration::from_micros(300);

/// Resident memory, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Now.
    pub now: u64,
    /// At most, so far.
    pub peak: u64,
}

/// A server that is measured.
pub trait Server {
    /// Its name in the table.
    fn name(&self) -> &'static str;
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    /// How it is started.
    fn command(&self) -> Result<Command>;
    /// Its process, while it runs.
    fn child(&mut self) -> &mut Option<Child>;

    /// Starts it and does not wait.
    fn start(&mut self) -> Result<()> {
        let child = self
            .command()?
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{} does not start", self.name()))?;
        *self.child() = Some(child);
        Ok(())
    }

    /// Stops it with SIGTERM, as an init system does, and waits.
    fn stop(&mut self) -> Result<()> {
        if let Some(mut child) = self.child().take() {
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
            child.wait()?;
        }
        Ok(())
    }

    /// What the kernel says of its memory.
    fn memory(&mut self) -> Result<Memory> {
        let Some(child) = self.child() else { bail!("it does not run") };
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let (now, peak) = (field("VmRSS:"), field("VmHWM:"));
        Ok(Memory { now: now.context("no VmRSS")?, peak: peak.context("no VmHWM")? })
    }
}

/// Time from the start of the process to its first acknowledged command.
pub fn start_to_first_ack(server: &mut dyn Server) -> Result<Duration> {
    let begun = Instant::now();
    server.start()?;
    wait_for_ack(server.address())?;
    Ok(begun.elapsed())
}

/// Sends commands until one is acknowledged.
pub fn wait_for_ack(address: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    while !is_acknowledged(address) {
        if begun.elapsed() > PATIENCE {
            bail!("nothing at {address} acknowledges a command");
        }
        thread::sleep(TRY);
    }
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Shipgate with SQLite on a disk.
pub struct Shipgate {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Shipgate {
    /// Writes its settings.
    pub fn new(program: PathBuf, folder: PathBuf, slack: SocketAddr) -> Result<Self> {
        let port = free_port()?;
        if folder.exists() {
            bail!("{} is there already: name a new folder", folder.display());
        }
        fs::create_dir_all(&folder)?;
        let settings = format!(
            r##"timezone = "UTC"
[http]
listen = "127.0.0.1:{port}"
public_url = "https://shipgate.example.com"
[limits]
person_each_second = 0
person_each_minute = 0
all_each_second = 0
[store]
url = "sqlite://shipgate.db"
[slack]
transport = "http"
api_url = "http://{slack}/api"
team = "{TEAM}"
app = "{APP}"
[github]
api_url = "http://{slack}"
[announce]
channel = "#deployments"
[people.ada]
slack = "U0ADA"
[groups]
deployers = ["ada"]
[services.api]
default = true
provider = "github"
repo = "acme/api"
workflow = "deploy.yml"
ref = "main"
inputs = {{ deployment_id = "{{deploy}}", sha = "{{sha}}" }}
[environments.staging]
deployers = ["deployers"]
[environments.production]
deployers = ["deployers"]
after = "staging"
[reminders]
freeze = []
"##
        );
        fs::write(folder.join("shipgate.toml"), settings)?;
        Ok(Self { program: fs::canonicalize(program)?, folder, port, child: None })
    }
}

impl Server for Shipgate {
    fn name(&self) -> &'static str {
        "Shipgate (SQLite, synchronous=FULL)"
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.arg("serve").current_dir(&self.folder).env_clear();
        command
            .env("SLACK_BOT_TOKEN", "xoxb-bench")
            .env("SLACK_SIGNING_SECRET", SIGNING_SECRET)
            .env("GITHUB_TOKEN", "ghs_bench")
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(self.folder.join("log"))?);
        Ok(command)
    }

    fn child(&mut self) -> &mut Option<Child> {
        &mut self.child
    }
}

impl Drop for Shipgate {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Bolt for JavaScript that acknowledges and keeps nothing.
pub struct Bolt {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Bolt {
    /// Takes a port.
    pub fn new(folder: PathBuf) -> Result<Self> {
        Ok(Self { folder, port: free_port()?, child: None })
    }
}

impl Server for Bolt {
    fn name(&self) -> &'static str {
        "Bolt for JavaScript (no storage)"
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new("node");
        command
            .arg("server.mjs")
            .current_dir(&self.folder)
            .env("NODE_ENV", "production")
            .env("PORT", self.port.to_string())
            .env("SLACK_BOT_TOKEN", "xoxb-bench")
            .env("SLACK_SIGNING_SECRET", SIGNING_SECRET);
        Ok(command)
    }

    fn child(&mut self) -> &mut Option<Child> {
        &mut self.child
    }
}

impl Drop for Bolt {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
