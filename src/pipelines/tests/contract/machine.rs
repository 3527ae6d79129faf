//! A real Git repository and a state folder in a temporary place, and this test program as its own supervisor and as
//! a bot that can be killed. Not here: what is expected of them.

use shipgate_app::ports::{Pipelines as _, Sent};
use shipgate_domain::ids::CommitId;
use shipgate_domain::run::{Run, RunPlan, Start};
use shipgate_pipelines::command::{CommandPipelines, CommandSettings, supervisor};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use tempfile::TempDir;

pub struct Repo {
    dir: TempDir,
}

impl Repo {
    pub fn new() -> Self {
        let repo = Self { dir: TempDir::new().unwrap() };
        fs::create_dir(repo.dir.path().join("site")).unwrap();
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    pub fn path(&self) -> String {
        self.dir.path().join("site").to_str().unwrap().to_owned()
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.com")])
            .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.com")])
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn commit(&self, message: &str) -> CommitId {
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    pub fn adapter(&self) -> CommandPipelines {
        adapter(&self.state())
    }

    pub fn pipe(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }

    /// A plan that runs a shell script in the repository.
    pub fn plan(&self, script: &str) -> RunPlan {
        let inputs = [("environment", "production"), ("version", "v1")];
        RunPlan {
            provider: shipgate_domain::policy::Provider::Command,
            repo: self.path(),
            workflow: String::new(),
            workflow_id: None,
            inputs: inputs.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            command: ["sh", "-c", script].map(str::to_owned).into(),
            start: Start::New,
            ..crate::fake::plan()
        }
    }

    /// Waits until nobody holds the run's lock: the supervisor and the command are gone.
    pub async fn over(&self, run: &Run) {
        let lock = self.state().join(format!("run-{}", run.id)).join(run.attempt.to_string()).join("lock");
        tokio::task::spawn_blocking(move || File::open(lock).unwrap().lock_shared().unwrap()).await.unwrap();
    }
}

/// Reads from a named pipe until its writer closes it.
pub async fn heard(pipe: &Path) -> String {
    let pipe = pipe.to_owned();
    tokio::task::spawn_blocking(move || fs::read_to_string(pipe).unwrap()).await.unwrap()
}

/// Writes to a named pipe, which waits for a reader.
pub async fn say(pipe: &Path, text: &str) {
    let (pipe, text) = (pipe.to_owned(), text.to_owned());
    tokio::task::spawn_blocking(move || fs::write(pipe, text).unwrap()).await.unwrap();
}

fn myself(entry: &str) -> Vec<OsString> {
    let program = std::env::current_exe().unwrap().into_os_string();
    let rest = ["--exact", entry, "--nocapture", "--include-ignored", "--"];
    std::iter::once(program).chain(rest.map(OsString::from)).collect()
}

pub fn adapter(state: &Path) -> CommandPipelines {
    CommandPipelines::new(CommandSettings {
        state_dir: state.to_owned(),
        supervisor: myself("machine::as_supervisor"),
        git: "git".into(),
    })
}

/// A bot in a process of its own, which sends one plan and then waits to be killed.
pub fn bot(repo: &Repo, plan: &RunPlan) -> Child {
    let order = serde_json::to_string(&(repo.state(), plan)).unwrap();
    let [program, rest @ ..] = &myself("machine::as_bot")[..] else { unreachable!() };
    Command::new(program).args(rest).env("SHIPGATE_TEST_ORDER", order).stdout(Stdio::null()).spawn().unwrap()
}

/// Not a test: what this program does when it is started as a supervisor.
#[test]
#[ignore = "an entry for child processes"]
fn as_supervisor() {
    let folder = PathBuf::from(std::env::args_os().next_back().unwrap());
    if folder.is_absolute() {
        assert_eq!(supervisor::main(&folder), ExitCode::SUCCESS);
    }
}

/// Not a test: what this program does when it is started as a bot.
#[tokio::test]
#[ignore = "an entry for child processes"]
async fn as_bot() {
    let Ok(order) = std::env::var("SHIPGATE_TEST_ORDER") else { return };
    let (state, plan): (PathBuf, RunPlan) = serde_json::from_str(&order).unwrap();
    assert!(matches!(adapter(&state).send(&plan).await, Sent::Started(_)));
    std::future::pending::<()>().await;
}
