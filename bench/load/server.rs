//! The finished binary as a child process with an installation of a hundred services. Not here: load.

use anyhow::{Context as _, Result, bail};
use shipgate_bench::line::{ACME, APP, Line, SIGNING_SECRET, Said, TEAM, signed};
use shipgate_bench::seed;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Shipgate.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    folder: PathBuf,
    password: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its answers go.
    pub outside: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// Writes the settings; starts nothing.
    pub fn prepare(
        program: &Path,
        folder: &Path,
        store: &str,
        password: &str,
        outside: SocketAddr,
    ) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        fs::create_dir_all(folder)?;
        fs::write(folder.join("shipgate.toml"), settings(port, store, outside)?)?;
        let program = fs::canonicalize(program).with_context(|| format!("no {}", program.display()))?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        Ok(Self {
            program,
            folder: folder.to_owned(),
            password: password.to_owned(),
            address,
            outside,
            child: None,
        })
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).env_clear();
        if !self.password.is_empty() {
            command.env("DATABASE_PASSWORD", &self.password);
        }
        command
            .env("SLACK_BOT_TOKEN", "xoxb-bench")
            .env("SLACK_SIGNING_SECRET", SIGNING_SECRET)
            .env("GITHUB_TOKEN", "ghs_bench")
            .env("SHIPGATE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(self.folder.join("log"))?);
        Ok(command)
    }

    /// Starts it, and waits until it acknowledges; how long that took.
    pub fn start(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        self.child = Some(self.command(&["serve"])?.spawn()?);
        loop {
            let said =
                Said { user: "U0LOAD00", command: "/shipgate", text: "help", number: 0, slack: self.outside };
            let asked = Line::open(self.address)
                .and_then(|mut line| line.exchange(&signed(ACME, self.address, &said).bytes));
            if asked.is_ok_and(|status| status == 200) {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > PATIENCE {
                bail!("it does not acknowledge; its log is in {}", self.folder.display());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The process.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.child.as_ref().context("it does not run")?.id())
    }

    /// Stops it in order.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Whether its record of who did what is whole.
    pub fn audit_is_whole(&self) -> Result<bool> {
        Ok(self.command(&["audit", "verify"])?.status()?.success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn settings(port: u16, store: &str, outside: SocketAddr) -> Result<String> {
    let mut text = format!(
        r##"timezone = "UTC"
[http]
listen = "127.0.0.1:{port}"
public_url = "https://shipgate.example.com"
# The load comes from a few people who are faster than any.
[limits]
person_each_second = 0
person_each_minute = 0
all_each_second = 0
[store]
url = "{store}"
[slack]
transport = "http"
api_url = "http://{outside}/api"
team = "{TEAM}"
app = "{APP}"
[github]
api_url = "http://{outside}"
[announce]
channel = "#deployments"
[reminders]
freeze = []
"##
    );
    let people: Vec<String> = (0..seed::PEOPLE).map(|n| format!("p{n:02}")).collect();
    for (n, person) in people.iter().enumerate() {
        writeln!(text, "[people.{person}]\nslack = \"U0LOAD{n:02}\"")?;
    }
    writeln!(text, "[groups]\ndeployers = {people:?}")?;
    for n in 0..seed::SERVICES {
        let name = seed::service(n);
        write!(
            text,
            r#"[services.{name}]
provider = "github"
repo = "acme/{name}"
workflow = "deploy.yml"
ref = "main"
inputs = {{ deployment_id = "{{deploy}}", sha = "{{sha}}" }}
"#
        )?;
    }
    for n in 0..seed::ENVIRONMENTS {
        let name = seed::environment(n);
        writeln!(text, "[environments.{name}]\ndeployers = [\"deployers\"]\nqueue = \"service\"")?;
    }
    Ok(text)
}
