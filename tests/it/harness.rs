//! The bot as a child process: started, killed, started again, asked, listened to. Not here: its settings (`setup`).

mod people;

use crate::read;
use crate::setup::{Setup, Transport};
use serde_json::Value;
use shipgate_world::{GitHub, Slack, World};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long anything may take before a test gives up; far more than any of it needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(15);
/// Where the cards are.
pub const DEPLOYMENTS: &str = "deployments";

/// The bot, its folder, and the models it talks to.
pub struct Bot {
    folder: TempDir,
    child: Option<Child>,
    starts: u32,
    file_blocks: Option<u32>,
    environment: Vec<(&'static str, String)>,
    program: PathBuf,
    armed: Option<(&'static str, String)>,
    arguments: Vec<String>,
    address: String,
    slack: Slack,
    github: GitHub,
}

impl Bot {
    /// Writes settings, starts the bot, waits until it is ready.
    pub async fn start(world: &World, transport: Transport, tweak: impl FnOnce(&mut Setup)) -> Self {
        let mut bot = Self::prepared(world, transport, tweak);
        bot.run().await;
        bot
    }

    /// Writes settings; starts nothing.
    pub fn prepared(world: &World, transport: Transport, tweak: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::default();
        tweak(&mut setup);
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("shipgate.toml"), setup.to_toml(world, transport))
            .expect("settings are written");
        world.slack.use_socket(transport == Transport::Socket);
        let (slack, github) = (world.slack.config(), world.github.config());
        let mut environment = vec![
            ("SLACK_BOT_TOKEN", slack.bot_token.clone()),
            ("GITHUB_TOKEN", github.token.clone()),
            ("GITHUB_WEBHOOK_SECRET", github.webhook_secret.clone()),
            ("SHIPGATE_LOG", "debug".to_owned()),
            ("SHIPGATE_LOG_FORMAT", "json".to_owned()),
        ];
        environment.push(match transport {
            Transport::Http => ("SLACK_SIGNING_SECRET", slack.signing_secret.clone()),
            Transport::Socket => ("SLACK_APP_TOKEN", slack.app_token.clone()),
        });
        Self {
            folder,
            child: None,
            starts: 0,
            file_blocks: setup.file_blocks,
            environment,
            program: env!("CARGO_BIN_EXE_shipgate").into(),
            armed: None,
            arguments: vec!["serve".to_owned()],
            address: String::new(),
            slack: world.slack.clone(),
            github: world.github.clone(),
        }
    }

    /// The folder with settings, database and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the bot listens: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Replaces the settings file, whole; the next start reads it.
    pub fn rewrite(&self, change: impl FnOnce(String) -> String) {
        let path = self.folder().join("shipgate.toml");
        let text = fs::read_to_string(&path).expect("settings are there");
        let beside = path.with_extension("new");
        fs::write(&beside, change(text)).expect("settings are written");
        fs::rename(beside, path).expect("settings are replaced");
    }

    /// Lifts the limit on the size of files for the next start.
    pub fn lift_file_limit(&mut self) {
        self.file_blocks = None;
    }

    /// Every start from now on has this variable, until another takes its place.
    pub fn arm(&mut self, variable: &'static str, value: &str) {
        self.armed = Some((variable, value.to_owned()));
    }

    /// The next starts log all they can.
    #[allow(dead_code, reason = "tests/kill has this file too")]
    pub fn log_everything(&mut self) {
        for (_, filter) in self.environment.iter_mut().filter(|(name, _)| *name == "SHIPGATE_LOG") {
            "trace".clone_into(filter);
        }
    }

    /// The next starts have these arguments instead of `serve`.
    pub fn use_arguments(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    }

    fn listens_at(&mut self, address: String) {
        self.address = address;
        self.slack.set_target(&format!("http://{}", self.address));
        self.github.set_target(&format!("http://{}", self.address));
    }

    /// Starts the process and waits until it is ready.
    pub async fn run(&mut self) {
        self.spawn();
        let address = self.until("the bot says where it listens", |bot| bot.listening()).await;
        self.listens_at(address);
        let give_up = Instant::now() + PATIENCE;
        while self.get("/readyz").await.0 != 200 {
            assert!(Instant::now() < give_up, "the bot does not become ready\n{}", self.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    fn spawn(&mut self) {
        self.starts += 1;
        let log = File::create(self.log_path()).expect("a log file");
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = self.command(&arguments);
        command.envs(self.armed.iter().map(|(name, value)| (*name, value)));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.expect("the bot starts"));
    }

    /// The program with these arguments, in this folder, with these settings and secrets.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = &self.program;
        let mut command = match self.file_blocks {
            None => Command::new(program),
            Some(blocks) => {
                let mut shell = Command::new("sh");
                // A write beyond the limit is to fail, not to kill.
                shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
                shell.arg(program);
                shell
            }
        };
        command.args(arguments).current_dir(self.folder()).env_clear();
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

    fn log_path(&self) -> std::path::PathBuf {
        self.folder().join(format!("stderr-{}.log", self.starts))
    }

    /// What the present process has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn listening(&mut self) -> Option<String> {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait().expect("the child can be asked")
        {
            panic!("the bot ended with {status} before it listened\n{}", self.log());
        }
        self.said_address()
    }

    fn said_address(&self) -> Option<String> {
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.rev().find_map(|line| line["listen"].as_str().map(str::to_owned))
    }

    /// SIGKILL, as a crash or a power cut of the process.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the child can be killed");
            child.wait().expect("the child has ended");
        }
    }

    /// SIGTERM, and the end.
    pub async fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the bot runs");
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(told.expect("kill runs").success());
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("the child can be asked") {
                return status;
            }
            if Instant::now() > give_up {
                let _ = child.kill();
                panic!("the bot does not end\n{}", self.log());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Killed and started again.
    pub async fn crash(&mut self) {
        self.kill9();
        self.run().await;
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the bot runs").id()
    }

    /// The most memory that the process has held so far, in KiB.
    pub fn most_memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the bot runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Whether the process has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().expect("the child can be asked"))
    }

    /// Waits until `check` finds what it looks for.
    pub async fn until<T>(&mut self, what: &str, mut check: impl FnMut(&mut Self) -> Option<T>) -> T {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = check(self) {
                return found;
            }
            if Instant::now() > give_up {
                panic!("this did not come: {what}\n{}", self.picture());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Everything that helps to see why something did not come.
    pub fn picture(&self) -> String {
        let mut picture = String::from("\n--- #deployments\n");
        for message in self.slack.messages(DEPLOYMENTS) {
            let thread = if message.thread_ts.is_some() { "  ↳ " } else { "" };
            let said = read::message(&message);
            picture.push_str(&format!("{thread}[{}, {} edits] {said}\n", message.user, message.edits.len()));
        }
        picture.push_str("--- private\n");
        for private in self.slack.ephemerals() {
            picture.push_str(&format!("[{}] {}\n", private.user, read::private(&private)));
        }
        picture.push_str(&format!("--- runs\n{:?}\n", self.github.runs()));
        let lost = self.slack.lost();
        let violations = [self.slack.violations(), self.github.violations()].concat();
        picture.push_str(&format!("--- lost {lost:?}\n--- violations {violations:?}\n--- log\n"));
        let log = self.log();
        // What the client libraries say at length helps nobody here.
        let ours = |line: &&str| !line.contains("DEBUG") || line.contains("\"target\":\"shipgate");
        let lines: Vec<&str> = log.lines().filter(ours).collect();
        picture.push_str(&lines[lines.len().saturating_sub(60)..].join("\n"));
        picture
    }

    /// A plain GET: status and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        self.get_as(&self.address, path).await
    }

    /// The same, calling the bot by another name.
    pub async fn get_as(&self, host: &str, path: &str) -> (u16, String) {
        let ask = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = ask.await.unwrap_or_default();
        let status = answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        (status, body)
    }

    /// The end of every test: nothing was sent against the vendors' descriptions, no secret got out, the process
    /// stops when it is told to, and the record of who did what is whole.
    pub async fn end(mut self, world: &World) {
        if self.child.is_some() {
            self.no_secret_is_shown(world).await;
            let status = self.terminate().await;
            assert!(status.success(), "it did not stop well: {status}\n{}", self.log());
        }
        assert_eq!(world.violations(), Vec::<String>::new());
        self.no_secret_got_out();
        let verified = self.output(&["audit", "verify"]);
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(verified.status.success(), "the audit chain is broken: {said}");
    }

    /// What is secret of the settings, by its name.
    fn secrets(&self) -> Vec<&(&'static str, String)> {
        self.environment.iter().filter(|(name, _)| !name.starts_with("SHIPGATE_LOG")).collect()
    }

    /// Not in the figures, what people read, what a CI system gets, nor on the command line of the process.
    async fn no_secret_is_shown(&self, world: &World) {
        let (_, figures) = self.get("/metrics").await;
        let command_line = fs::read(format!("/proc/{}/cmdline", self.pid())).expect("it runs");
        let command_line = String::from_utf8_lossy(&command_line);
        let (slack, github) = (&world.slack, &world.github);
        let read = format!("{:?} {:?}", slack.messages(DEPLOYMENTS), slack.ephemerals());
        let sent = format!("{:?} {:?}", slack.views(), github.dispatches());
        let places = [
            ("the figures", figures),
            ("a message", read),
            ("a form or a start", sent),
            ("the command line", command_line.into_owned()),
        ];
        for (name, secret) in self.secrets() {
            for (place, text) in &places {
                assert!(!text.contains(secret.as_str()), "{name} stands in {place}");
            }
        }
    }

    fn no_secret_got_out(&self) {
        let secrets = self.secrets();
        let files = fs::read_dir(self.folder()).expect("the folder is there");
        for file in files.map(|file| file.expect("a file").path()).filter(|path| path.is_file()) {
            let bytes = fs::read(&file).expect("a file can be read");
            for (name, secret) in &secrets {
                let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!is_there, "{name} stands in {}", file.display());
            }
        }
    }
}

/// For a program that dies at a kill point.
#[allow(dead_code, reason = "tests/kill uses it")]
impl Bot {
    /// The next start runs this program.
    pub fn use_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// No later start has such a variable.
    pub fn disarm(&mut self) {
        self.armed = None;
    }

    /// Starts the process and waits until it is ready, or has ended. Says whether it is ready.
    pub async fn run_or_end(&mut self) -> bool {
        self.spawn();
        let give_up = Instant::now() + PATIENCE;
        let mut is_heard = false;
        while self.ended().is_none() {
            assert!(Instant::now() < give_up, "the bot does not become ready\n{}", self.log());
            if !is_heard && let Some(address) = self.said_address() {
                self.listens_at(address);
                is_heard = true;
            }
            if is_heard && self.get("/readyz").await.0 == 200 {
                return true;
            }
            tokio::time::sleep(LOOK).await;
        }
        false
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.kill9();
    }
}
