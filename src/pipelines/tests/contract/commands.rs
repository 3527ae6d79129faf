//! Commands of this machine behind the contract, with real processes. Not here: Git (`repositories`).

use crate::machine::{Repo, bot, heard, say};
use crate::suite::{self, World};
use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::ports::{Pipelines, Sent};
use shipgate_domain::ids::DeployId;
use shipgate_domain::run::{Conclusion, Run, RunPlan, Standing, Start};
use shipgate_pipelines::command::CommandPipelines;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

struct Local {
    repo: Repo,
    adapter: CommandPipelines,
    begun: PathBuf,
    go: PathBuf,
    sent: AtomicU8,
}

#[async_trait]
impl World for Local {
    fn pipelines(&self) -> &dyn Pipelines {
        &self.adapter
    }

    fn plan(&self) -> RunPlan {
        let (begun, go) = (self.begun.display(), self.go.display());
        let script = format!("echo begun > {begun}; read code < {go}; echo boom; exit $code");
        let deploy = DeployId::new(Timestamp::UNIX_EPOCH, [self.sent.fetch_add(1, Ordering::Relaxed); 10]);
        RunPlan { deploy, ..self.repo.plan(&script) }
    }

    async fn begun(&self, _plan: &RunPlan) {
        heard(&self.begun).await;
    }

    async fn end(&self, plan: &RunPlan, is_good: bool) {
        say(&self.go, if is_good { "0\n" } else { "3\n" }).await;
        let run = self.adapter.find(plan, Timestamp::UNIX_EPOCH).await.unwrap().remove(0);
        self.repo.over(&run).await;
    }
}

async fn started(adapter: &CommandPipelines, plan: &RunPlan) -> Run {
    match adapter.send(plan).await {
        Sent::Started(run) => run,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn commands_keep_the_contract_of_runs() {
    let repo = Repo::new();
    let (begun, go) = (repo.pipe("begun"), repo.pipe("go"));
    let adapter = repo.adapter();
    suite::runs(&Local { repo, adapter, begun, go, sent: AtomicU8::new(0) }).await;
}

#[tokio::test]
async fn starting_twice_and_at_once_executes_once() {
    let repo = Repo::new();
    let plan = repo.plan("echo once >> executed");
    let adapter = repo.adapter();
    let sends = (0..8).map(|_| adapter.send(&plan));
    let sent = futures_util::future::join_all(sends).await;
    let Sent::Started(run) = &sent[0] else { panic!("{sent:?}") };
    assert!(sent.iter().all(|one| *one == Sent::Started(run.clone())));
    repo.over(run).await;
    assert_eq!(started(&repo.adapter(), &plan).await, *run);
    repo.over(run).await;
    let executed = fs::read_to_string(PathBuf::from(repo.path()).join("executed")).unwrap();
    assert_eq!(executed, "once\n");
}

#[tokio::test]
async fn a_command_survives_the_kill_of_the_bot_that_started_it() {
    let repo = Repo::new();
    let (begun, go) = (repo.pipe("begun"), repo.pipe("go"));
    let plan = repo.plan(&format!("echo begun > {}; read go < {}; echo done", begun.display(), go.display()));
    let mut bot = bot(&repo, &plan);
    heard(&begun).await;
    bot.kill().unwrap();
    bot.wait().unwrap();
    let adapter = repo.adapter();
    let run = adapter.find(&plan, Timestamp::UNIX_EPOCH).await.unwrap().remove(0);
    assert_eq!(adapter.read(&plan, &run).await.unwrap().progress.standing, Standing::Running);
    say(&go, "\n").await;
    repo.over(&run).await;
    let standing = adapter.read(&plan, &run).await.unwrap().progress.standing;
    assert_eq!(standing, Standing::Ended(Conclusion::Success));
}

#[tokio::test]
async fn a_killed_supervisor_is_a_failure_once_the_command_is_gone_too() {
    let repo = Repo::new();
    let (begun, go) = (repo.pipe("begun"), repo.pipe("go"));
    let script = format!("echo $PPID > {}; read go < {}; echo late", begun.display(), go.display());
    let plan = repo.plan(&script);
    let adapter = repo.adapter();
    let run = started(&adapter, &plan).await;
    let supervisor = heard(&begun).await.trim().parse().unwrap();
    let supervisor = rustix::process::Pid::from_raw(supervisor).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
    let standing = adapter.read(&plan, &run).await.unwrap().progress.standing;
    assert_eq!(standing, Standing::Running, "the command still works");
    say(&go, "\n").await;
    repo.over(&run).await;
    let progress = adapter.read(&plan, &run).await.unwrap().progress;
    assert_eq!(progress.standing, Standing::Ended(Conclusion::Failure));
    assert!(progress.failed.unwrap().log.last().unwrap().contains("supervisor went away"));
    assert_eq!(started(&adapter, &plan).await, run, "and it is not started again");
}

#[tokio::test]
async fn stopping_reaches_what_the_command_started() {
    let repo = Repo::new();
    let begun = repo.pipe("begun");
    let plan = repo.plan(&format!("(echo begun > {}; exec sleep 1000) & wait", begun.display()));
    let adapter = repo.adapter();
    let run = started(&adapter, &plan).await;
    heard(&begun).await;
    adapter.stop(&plan, &run).await.unwrap();
    repo.over(&run).await;
    let standing = adapter.read(&plan, &run).await.unwrap().progress.standing;
    assert_eq!(standing, Standing::Ended(Conclusion::Cancelled));
}

#[tokio::test]
async fn stages_the_log_and_the_environment_come_out_as_documented() {
    let repo = Repo::new();
    let script = "echo ::stage Build; echo compiling; echo ::stage Deploy; env | sort; pwd >&2; exit 4";
    let plan = repo.plan(script);
    let adapter = repo.adapter();
    let run = started(&adapter, &plan).await;
    repo.over(&run).await;
    let progress = adapter.read(&plan, &run).await.unwrap().progress;
    let jobs: Vec<_> = progress.jobs.iter().map(|job| (job.name.as_str(), job.standing.clone())).collect();
    let failure = Standing::Ended(Conclusion::Failure);
    assert_eq!(jobs, [("Build", Standing::Ended(Conclusion::Success)), ("Deploy", failure)]);
    let failed = progress.failed.unwrap();
    assert_eq!((failed.job.as_str(), failed.log.last().map(String::as_str)), ("Deploy", Some("exit code 4")));
    assert!(failed.log.contains(&fs::canonicalize(repo.path()).unwrap().display().to_string()));
    let names: Vec<_> =
        failed.log.iter().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let allowed = ["HOME", "LANG", "PATH", "PWD", "OLDPWD", "SHLVL", "_"];
    assert!(names.iter().all(|name| allowed.contains(name) || name.starts_with("SHIPGATE_")), "{names:?}");
    assert!(failed.log.contains(&"SHIPGATE_ENVIRONMENT=production".to_owned()));

    let first = adapter.log_since(&run, 0).unwrap();
    assert_eq!(first.lines[..2], ["::stage Build", "compiling"]);
    let rest = adapter.log_since(&run, first.next).unwrap();
    assert_eq!((rest.lines.len(), rest.next), (0, first.next));
}

#[tokio::test]
async fn a_rerun_is_the_next_attempt_of_the_same_run() {
    let repo = Repo::new();
    let plan = repo.plan("echo x >> tried; test $(wc -l < tried) = 2");
    let adapter = repo.adapter();
    let run = started(&adapter, &plan).await;
    repo.over(&run).await;
    let again = RunPlan { start: Start::FailedJobs { run: run.id.clone(), attempt: 1 }, ..plan };
    assert!(adapter.find(&again, Timestamp::UNIX_EPOCH).await.unwrap().is_empty());
    let second = started(&adapter, &again).await;
    assert_eq!((&second.id, second.attempt), (&run.id, 2));
    repo.over(&second).await;
    let standing = |report: shipgate_app::ports::Report| report.progress.standing;
    assert_eq!(standing(adapter.read(&again, &run).await.unwrap()), Standing::Ended(Conclusion::Failure));
    assert_eq!(standing(adapter.read(&again, &second).await.unwrap()), Standing::Ended(Conclusion::Success));
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let repo = Repo::new();
    let adapter = repo.adapter();
    let missing = RunPlan { command: vec!["./no-such-file".into()], ..repo.plan("") };
    let run = started(&adapter, &missing).await;
    repo.over(&run).await;
    let failed = adapter.read(&missing, &run).await.unwrap().progress.failed.unwrap();
    assert!(failed.log.last().unwrap().contains("could not be started"));
    let nowhere = RunPlan { repo: "/no/such/folder".into(), ..repo.plan("true") };
    assert!(matches!(adapter.send(&nowhere).await, Sent::Refused { .. }));
}
