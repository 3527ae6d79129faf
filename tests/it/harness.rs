//! The bot as a child process: started, killed, started again, asked, listened to. Not here: its settings (`setup`).

use crate::read;
use crate::setup::{REPO, Setup, Transport, WORKFLOW};
use serde_json::Value;
use shipgate_world::slack::{Button, Message};
use shipgate_world::{Delivery, GitHub, Slack, World};
use std::fs::{self, File};
use std::path::Path;
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

    /// Changes the settings file; the next start reads it.
    pub fn rewrite(&self, change: impl FnOnce(String) -> String) {
        let path = self.folder().join("shipgate.toml");
        let text = fs::read_to_string(&path).expect("settings are there");
        fs::write(path, change(text)).expect("settings are written");
    }

    /// Lifts the limit on the size of files for the next start.
    pub fn lift_file_limit(&mut self) {
        self.file_blocks = None;
    }

    /// Starts the process and waits until it is ready.
    pub async fn run(&mut self) {
        self.spawn();
        let address = self.until("the bot says where it listens", |bot| bot.listening()).await;
        self.address = address;
        self.slack.set_target(&format!("http://{}", self.address));
        self.github.set_target(&format!("http://{}", self.address));
        let give_up = Instant::now() + PATIENCE;
        while self.get("/readyz").await.0 != 200 {
            assert!(Instant::now() < give_up, "the bot does not become ready\n{}", self.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    fn spawn(&mut self) {
        self.starts += 1;
        let log = File::create(self.log_path()).expect("a log file");
        let child = self.command(&["serve"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.expect("the bot starts"));
    }

    /// The program with these arguments, in this folder, with these settings and secrets.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_shipgate");
        let mut command = match self.file_blocks {
            None => Command::new(program),
            Some(blocks) => {
                let mut shell = Command::new("sh");
                // A write beyond the limit is to fail, not to kill.
                shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""), program]);
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
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter_map(|line| line["listen"].as_str().map(str::to_owned)).last()
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
        let ask = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
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

    /// Somebody types a command in `#deployments`; it must be acknowledged within Slack's three seconds.
    pub async fn slash(&mut self, user: &str, command: &str, text: &str) -> Delivery {
        let delivery =
            self.slack.slash(user, DEPLOYMENTS, command, text).await.expect("people and channels exist");
        assert!(
            delivery.acknowledged(),
            "`{command} {text}` was not acknowledged: {delivery:?}\n{}",
            self.picture()
        );
        delivery
    }

    /// Somebody types a command and reads the private answer, which must say `expected`.
    pub async fn ask(&mut self, user: &str, command: &str, text: &str, expected: &str) -> String {
        let seen = self.private_count(user);
        self.slash(user, command, text).await;
        self.next_private(user, seen, expected).await
    }

    /// How many private messages a person has got so far; for [`Bot::next_private`].
    pub fn private_count(&self, user: &str) -> usize {
        self.slack.ephemerals().iter().filter(|e| e.user == account(user)).count()
    }

    /// Waits for a private message after the first `seen` that says `expected`.
    pub async fn next_private(&mut self, user: &str, seen: usize, expected: &str) -> String {
        let what = format!("{user} reads “{expected}”");
        self.until(&what, |bot| {
            let all = bot.slack.ephemerals();
            let mut new = all.iter().filter(|e| e.user == account(user)).skip(seen).map(read::private);
            new.find(|said| said.contains(expected))
        })
        .await
    }

    /// The newest card whose headline says this, for instance `api v1.2.3 → production`.
    pub fn card(&self, headline: &str) -> Option<Message> {
        let messages = self.slack.messages(DEPLOYMENTS);
        let mut cards = messages.into_iter().rev().filter(|m| m.thread_ts.is_none());
        cards.find(|m| m.text.contains(headline) && m.text.contains('→'))
    }

    /// How many messages in the channel are cards with this headline.
    pub fn cards(&self, headline: &str) -> usize {
        let messages = self.slack.messages(DEPLOYMENTS).into_iter();
        messages.filter(|m| m.thread_ts.is_none() && m.text.contains(headline)).count()
    }

    /// Waits until the card says all of this; returns it.
    pub async fn card_says(&mut self, headline: &str, expected: &[&str]) -> Message {
        let what = format!("the card “{headline}” says {expected:?}");
        self.until(&what, |bot| {
            let card = bot.card(headline)?;
            let said = read::message(&card);
            expected.iter().all(|part| said.contains(part)).then_some(card)
        })
        .await
    }

    /// Waits until a message in the channel, not in a thread and not a card, says all of this.
    pub async fn announced(&mut self, expected: &[&str]) -> Message {
        let what = format!("an announcement says {expected:?}");
        self.until(&what, |bot| bot.announcements(expected).pop()).await
    }

    /// All such messages.
    pub fn announcements(&self, expected: &[&str]) -> Vec<Message> {
        let mut messages = self.slack.messages(DEPLOYMENTS);
        messages.retain(|m| {
            let said = read::message(m);
            m.thread_ts.is_none()
                && m.user == "U0BOT"
                && !m.text.contains('→')
                && expected.iter().all(|part| said.contains(part))
        });
        messages
    }

    /// Waits until a note in the thread of a message says this.
    pub async fn thread_says(&mut self, parent: &Message, expected: &str) -> String {
        let ts = parent.ts.clone();
        self.until(&format!("the thread says “{expected}”"), |bot| {
            let messages = bot.slack.messages(DEPLOYMENTS);
            let mut notes = messages.iter().filter(|m| m.thread_ts.as_ref() == Some(&ts)).map(read::message);
            notes.find(|said| said.contains(expected))
        })
        .await
    }

    /// Waits until the card has this button; returns it, to be pressed now or later.
    pub async fn button(&mut self, headline: &str, label: &str) -> Button {
        self.until(&format!("the card “{headline}” has the button {label}"), |bot| {
            let card = bot.card(headline)?;
            let buttons = bot.slack.buttons(&card.channel, &card.ts);
            buttons.into_iter().find(|button| button.text == label)
        })
        .await
    }

    /// Somebody presses a button they saw; it must be acknowledged.
    pub async fn press(&mut self, user: &str, button: &Button) -> Delivery {
        let delivery = self.slack.press(user, button).await.expect("people and channels exist");
        assert!(delivery.acknowledged(), "the click was not acknowledged: {delivery:?}\n{}", self.picture());
        delivery
    }

    /// Somebody waits for a button of a card and presses it.
    pub async fn click(&mut self, user: &str, headline: &str, label: &str) {
        let button = self.button(headline, label).await;
        self.press(user, &button).await;
    }

    /// Somebody presses a button and reads the private answer.
    pub async fn press_and_read(&mut self, user: &str, button: &Button, expected: &str) -> String {
        let seen = self.private_count(user);
        self.press(user, button).await;
        self.next_private(user, seen, expected).await
    }

    /// Waits for the modal a person has open; returns its id.
    pub async fn modal(&mut self, user: &str) -> (String, Value) {
        self.until(&format!("{user} sees a form"), |bot| {
            let views = bot.slack.views();
            let view = views.iter().rev().find(|view| view.open && view.user == account(user))?;
            Some((view.id.clone(), view.view.clone()))
        })
        .await
    }

    /// Somebody starts the workflow by hand for the deploy of a card, as GitHub's own page lets them; returns the run.
    pub async fn start_by_hand(&mut self, headline: &str) -> u64 {
        let button = self.button(headline, "Cancel").await;
        let value = button.value.expect("a button carries a value");
        let id = value.split('.').next().unwrap_or_default();
        let inputs = [("deployment_id", id), ("sha", "-"), ("environment", "-"), ("version", "-")];
        self.github
            .dispatch_by_hand(REPO, WORKFLOW, "main", &inputs)
            .expect("the workflow takes these inputs")
    }

    /// How many dispatches were sent, whatever became of them.
    pub fn dispatches_sent(&self) -> usize {
        self.github.calls().iter().filter(|call| call.path.ends_with("/dispatches")).count()
    }

    /// Waits for the run of the `n`th dispatch (from 0); returns its id.
    pub async fn run_of_dispatch(&mut self, n: usize) -> u64 {
        self.until(&format!("dispatch number {n}"), |bot| Some(bot.github.dispatches().get(n)?.run)).await
    }

    /// Deploys a version to an environment without approvals, to its success.
    pub async fn deploy(&mut self, user: &str, environment: &str, version: &str) {
        let n = self.github.dispatches().len();
        self.slash(user, "/deploy", &format!("{environment} {version}")).await;
        let run = self.run_of_dispatch(n).await;
        self.github.finish(run).await.expect("the run exists");
        self.announced(&[&format!("{environment} now runs api {version}")]).await;
    }

    /// Brings a version through staging to production, asked for by ada and approved by grace.
    pub async fn release(&mut self, version: &str) {
        self.deploy("ada", "staging", version).await;
        let n = self.github.dispatches().len();
        self.slash("ada", "/deploy", &format!("production {version}")).await;
        self.click("grace", &format!("api {version} → production"), "Approve").await;
        let run = self.run_of_dispatch(n).await;
        self.github.finish(run).await.expect("the run exists");
        self.announced(&[&format!("production now runs api {version}")]).await;
    }

    /// The end of every test: nothing was sent against the vendors' descriptions, no secret got out, the process
    /// stops when it is told to, and the record of who did what is whole.
    pub async fn end(mut self, world: &World) {
        if self.child.is_some() {
            let status = self.terminate().await;
            assert!(status.success(), "it did not stop well: {status}\n{}", self.log());
        }
        assert_eq!(world.violations(), Vec::<String>::new());
        self.no_secret_got_out();
        let verified = self.output(&["audit", "verify"]);
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(verified.status.success(), "the audit chain is broken: {said}");
    }

    fn no_secret_got_out(&self) {
        let secrets: Vec<&(&str, String)> =
            self.environment.iter().filter(|(name, _)| !name.starts_with("SHIPGATE_LOG")).collect();
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

impl Drop for Bot {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// The Slack id behind a handle.
fn account(user: &str) -> String {
    format!("U0{}", user.to_uppercase())
}
