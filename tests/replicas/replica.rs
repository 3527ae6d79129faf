//! One replica: a process of the real program with a wire of its own to the database. Not here: the others (`fleet`).

use crate::proxy::Proxy;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long anything may take before a test gives up; far more than any of it needs on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
pub const LOOK: Duration = Duration::from_millis(20);
/// A plain request to a replica may take so long.
const ASK: Duration = Duration::from_secs(10);

/// A replica, running or not.
#[derive(Debug)]
pub struct Replica {
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    child: Option<Child>,
    starts: u32,
    address: String,
    /// The way to the database; `None` for a file.
    pub wire: Option<Proxy>,
}

impl Replica {
    /// A replica in this folder; nothing is started yet.
    pub fn new(folder: PathBuf, environment: Vec<(&'static str, String)>, wire: Option<Proxy>) -> Self {
        fs::create_dir_all(&folder).expect("a folder");
        Self { folder, environment, child: None, starts: 0, address: String::new(), wire }
    }

    /// Writes the settings that the next start reads.
    pub fn write_settings(&self, toml: &str) {
        fs::write(self.folder.join("shipgate.toml"), toml).expect("settings are written");
    }

    /// Where it listens: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts the process; waits for nothing.
    pub fn spawn(&mut self) {
        self.starts += 1;
        // What was to happen to the one before is nothing to this one: who loses several answers while it starts, ends.
        if let Some(wire) = &self.wire {
            wire.swallow_no_more();
        }
        let log = File::create(self.log_path()).expect("a log file");
        let child = self.command(&["serve"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.expect("the program starts"));
    }

    /// Waits until the process says where it listens.
    pub async fn is_up(&mut self) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(address) = lines.filter_map(|l| l["listen"].as_str().map(str::to_owned)).next_back() {
                self.address = address;
                return;
            }
            if let Some(status) = self.ended() {
                panic!("the replica ended with {status} before it listened\n{log}");
            }
            assert!(Instant::now() < give_up, "the replica does not come up\n{log}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The program with these arguments and this replica's settings and secrets.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipgate"));
        command.args(arguments).current_dir(&self.folder).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Runs the program to its end.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join(format!("stderr-{}.log", self.starts))
    }

    /// The folder with settings and logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the present process has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the child can be killed");
            child.wait().expect("the child has ended");
        }
    }

    /// SIGSTOP: the process stands still and notices nothing.
    pub fn suspend(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let Some(child) = &self.child else { return };
        let told = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(told.expect("kill runs").success());
    }

    /// SIGTERM, and the end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        let mut child = self.child.take().expect("the replica runs");
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("the child can be asked") {
                return status;
            }
            if Instant::now() > give_up {
                let _ = child.kill();
                panic!("the replica does not end\n{}", self.log());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether the process has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().expect("the child can be asked"))
    }

    /// Whether there is a process.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// A plain GET: status and body; 0 when there was no answer.
    pub async fn get(&self, path: &str) -> (u16, String) {
        get(&self.address, path).await
    }

    /// The sum of a figure over all its labels.
    pub async fn figure(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        text.lines().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// A plain GET of an address: status and body; 0 when there was no answer in time.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(ASK, ask).await.ok().and_then(Result::ok).unwrap_or_default();
    let status = answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status, body)
}
