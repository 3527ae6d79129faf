//! Small examples of everything that is stored. Not here: any assertion.
#![allow(dead_code, reason = "each test program uses a part")]

use jiff::{SignedDuration, Timestamp};
use shipgate_app::effects::{Effect, Finish, Leased, NewEffect};
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::store::{About, Changes, DeployRow, Epoch, Store, StoreError};
use shipgate_domain::audit::{Actor, Entry};
use shipgate_domain::deploy::{Asked, Deploy, Intent, Kind, Outcome, Phase, Pinned, Ran, Request, State};
use shipgate_domain::facts::{Pin, Read, RefKind};
use shipgate_domain::ids::{Account, CommitId, DeployId, EnvironmentName, Platform};
use shipgate_domain::policy::Provider;
use shipgate_domain::run::{Conclusion, Progress, Run, RunPlan, Standing, Start};
use std::collections::BTreeMap;

/// The replica that most tests are: the first one that enters an empty store.
pub const ME: Epoch = Epoch(1);

/// Enters as [`ME`].
pub async fn enter(store: &dyn Store) {
    assert_eq!(store.replica_enter("rules", at(0), at(1_000_000)).await.unwrap(), ME);
}

/// So many seconds after a Saturday in November.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

pub fn ada() -> Account {
    Account { platform: Platform::Slack, id: "U0ADA".into() }
}

pub fn production() -> EnvironmentName {
    "production".parse().unwrap()
}

pub fn commit(digit: char) -> CommitId {
    digit.to_string().repeat(40).parse().unwrap()
}

/// The `n`th deploy, asked for `n` seconds later: `shop` to production.
pub fn deploy(n: u8) -> Deploy {
    deploy_to(n, "production")
}

pub fn deploy_to(n: u8, environment: &str) -> Deploy {
    let request = Request {
        kind: Kind::Deploy,
        service: "shop".parse().unwrap(),
        environment: environment.parse().unwrap(),
        version: "v1.2.3".parse().unwrap(),
        by: "ada".parse().unwrap(),
        account: ada(),
        at: at(i64::from(n)),
        reason: None,
        emergency: None,
        when: shipgate_domain::deploy::StartWhen::Now,
        accepts: Default::default(),
    };
    Deploy::new(DeployId::new(request.at, [n; 10]), request, "0".repeat(64).parse().unwrap())
}

/// The same as a command of the team's own, which puts nothing in place.
pub fn action(mut deploy: Deploy) -> Deploy {
    let name = "restart".parse().unwrap();
    deploy.request.kind = Kind::Action(Asked {
        name,
        args: BTreeMap::new(),
        live: None,
        read_only: false,
        arguments: String::new(),
    });
    deploy
}

pub fn plan(deploy: &Deploy, commit: CommitId) -> RunPlan {
    RunPlan {
        deploy: deploy.id.clone(),
        provider: Provider::Github,
        repo: "acme/shop".into(),
        workflow: "deploy.yml".into(),
        workflow_id: None,
        git_ref: "main".into(),
        inputs: BTreeMap::new(),
        command: Vec::new(),
        start: Start::New,
        commit,
    }
}

/// The same deploy, one revision later, with a pinned commit.
pub fn pinned(mut deploy: Deploy, commit: CommitId) -> Deploy {
    let plan = plan(&deploy, commit.clone());
    let pin = Pin { commit, kind: RefKind::Tag, title: "Add a till".into(), author: "ada".into() };
    let digest = "d".repeat(64).parse().unwrap();
    deploy.pinned = Some(Pinned { pin, diff: Read::Known(None), plan, digest });
    deploy.revision += 1;
    deploy
}

fn intent(deploy: &Deploy) -> Intent {
    let commit = deploy.commit().cloned().unwrap_or_else(|| commit('a'));
    let plan = plan(deploy, commit);
    let digest = "d".repeat(64).parse().unwrap();
    Intent { attempt: 1, at: at(100), send_by: at(130), expires: at(9_000), plan, digest }
}

/// The same deploy, one revision later, with a recorded intent.
pub fn dispatching(mut deploy: Deploy) -> Deploy {
    deploy.state = State::Dispatching { intent: intent(&deploy), phase: Phase::Ready, cancel: None };
    deploy.revision += 1;
    deploy
}

pub fn run(id: &str) -> Run {
    Run { id: id.parse().unwrap(), attempt: 1, url: None }
}

fn progress(standing: Standing) -> Progress {
    Progress { standing, ..Progress::unread() }
}

/// The same deploy, one revision later, bound to a run.
pub fn running(mut deploy: Deploy, id: &str, since: Timestamp) -> Deploy {
    let (intent, progress) = (intent(&deploy), progress(Standing::Running));
    deploy.state = State::Running { intent, run: run(id), since, progress, cancel: None };
    deploy.revision += 1;
    deploy
}

/// The same deploy, one revision later, over after a run of so many seconds.
pub fn ended(mut deploy: Deploy, id: &str, well: bool, end: Timestamp, seconds: i64) -> Deploy {
    let since = end - SignedDuration::from_secs(seconds);
    let (outcome, conclusion) = if well {
        (Outcome::Succeeded, Conclusion::Success)
    } else {
        (Outcome::Failed { why: "the run failed".into(), closed_by: None }, Conclusion::Failure)
    };
    let ran = Ran { run: run(id), since, progress: progress(Standing::Ended(conclusion)) };
    deploy.state = State::Done { outcome, at: end, ran: Some(ran) };
    deploy.revision += 1;
    deploy
}

/// As stored, with the environment as lock group.
pub fn row(deploy: &Deploy) -> DeployRow {
    DeployRow { lock_group: deploy.request.environment.to_string(), deploy: deploy.clone() }
}

/// A write of deploys and nothing else.
pub fn deploys(rows: &[&Deploy]) -> Changes {
    Changes { deploys: rows.iter().map(|deploy| row(deploy)).collect(), ..Changes::by(ME, at(0)) }
}

/// Stores a deploy's first form, and the given form over it.
pub async fn store_at_once(store: &dyn Store, deploy: &Deploy) {
    let mut first = deploy.clone();
    for revision in 0..=deploy.revision {
        first.revision = revision;
        store.commit(deploys(&[&first])).await.unwrap();
    }
}

pub fn about(commit: Option<CommitId>) -> About {
    About {
        service: "shop".parse().unwrap(),
        environment: production(),
        lock_group: "production".into(),
        commit,
        after: Some("staging".parse().unwrap()),
    }
}

pub fn entry(event: &str, deploy: Option<&Deploy>) -> Entry {
    Entry {
        at: at(1),
        actor: Actor::Person { person: "ada".parse().unwrap(), account: ada() },
        deploy: deploy.map(|deploy| deploy.id.clone()),
        environment: Some(production()),
        event: event.into(),
        data: serde_json::json!({ "reason": "because “it” is \u{202e}time" }),
    }
}

pub fn audited(entries: Vec<Entry>) -> Changes {
    Changes { audit: entries, ..Changes::by(ME, at(1)) }
}

pub fn inbound(key: &str) -> Inbound {
    Inbound {
        key: key.into(),
        account: ada(),
        name: "Ada".into(),
        reply_to: ReplyTo {
            account: ada(),
            channel: Some("C0DEPLOYS".into()),
            thread: None,
            response_url: Some("https://hooks.example/one-time-secret".into()),
            trigger: None,
        },
        content: Content::Slash { command: "deploy".into(), text: "production v1.2.3".into() },
    }
}

pub fn judge_line(group: &str, due: Timestamp) -> NewEffect {
    NewEffect::whenever(Effect::JudgeLine { lock_group: group.into() }, due)
}

/// A write of effects and nothing else.
pub fn effects(effects: Vec<NewEffect>) -> Changes {
    Changes { effects, ..Changes::by(ME, at(0)) }
}

/// Leases what is due at this second, for a minute.
pub async fn lease(store: &dyn Store, second: i64) -> Option<Leased> {
    store.effect_lease(ME, None, at(second), at(second), at(second + 60)).await.unwrap()
}

pub fn finishing(leased: &Leased, finish: Finish) -> Changes {
    Changes { finish: Some((leased.id, leased.token, finish)), ..Changes::by(ME, at(500)) }
}

/// What conflicts, or a panic.
pub fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict { what }) => what,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}
