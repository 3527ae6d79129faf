//! Fills an empty database as years of work and a bad day would: open deploys, runs, messages to deliver, audit rows.
//! Writes through the port, so every database can be filled. Not here: the settings that name these places.

use jiff::{SignedDuration, Timestamp};
use shipgate_app::effects::{Effect, NewEffect};
use shipgate_app::ports::Post;
use shipgate_app::store::{Changes, DeployRow, Store, StoreError};
use shipgate_app::words::{Body, Message, Tone};
use shipgate_domain::audit::{Actor, Entry};
use shipgate_domain::deploy::{Deploy, Intent, Kind, Pinned, Request, State};
use shipgate_domain::facts::{Pin, Read, RefKind};
use shipgate_domain::ids::{Account, CommitId, DeployId, Platform};
use shipgate_domain::policy::Provider;
use shipgate_domain::run::{Progress, Run, RunPlan, Standing, Start};
use std::collections::BTreeMap;

/// Services of the measured installation, `svc-000` and on.
pub const SERVICES: u32 = 100;
/// Environments, `env-0` and on. Each service has a line of its own in each of them.
pub const ENVIRONMENTS: u32 = 10;
/// People, `p00` and on, in Slack `U0LOAD00` and on.
pub const PEOPLE: u32 = 50;
/// Channels with messages to deliver, `#team-00` and on.
pub const CHANNELS: u32 = 20;
/// The first of the runs that go on.
pub const FIRST_RUN: u32 = 100_000;

/// Rows that are written together.
const TOGETHER: u32 = 2_000;

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Deploys that are not over.
    pub deploys: u32,
    /// Of them, those that run: at most one in each of the 1,000 lines.
    pub running: u32,
    /// Messages that are due.
    pub messages: u32,
    /// Rows of the audit log.
    pub audit: u32,
}

/// Fills a database.
///
/// # Errors
/// The database failed, or was not empty.
pub async fn fill(store: &dyn Store, size: Size, now: Timestamp) -> Result<(), StoreError> {
    let day = SignedDuration::from_hours(24);
    let by = store.replica_enter("seed", now, now + day).await?;
    let empty = || Changes::by(by, now);
    for from in (0..size.deploys).step_by(TOGETHER as usize) {
        let mut changes = empty();
        for n in from..(from + TOGETHER).min(size.deploys) {
            let is_running = n < size.running.min(SERVICES * ENVIRONMENTS);
            let row = deploy(n, is_running, now);
            let id = row.deploy.id.clone();
            changes.effects.push(if is_running {
                let due = now + SignedDuration::from_millis(i64::from(n) * 60);
                NewEffect::whenever(Effect::Follow { deploy: id }, due)
            } else {
                NewEffect::whenever(Effect::Judge { deploy: id }, now + day)
            });
            changes.deploys.push(row);
        }
        store.commit(changes).await?;
    }
    for from in (0..size.messages).step_by(TOGETHER as usize) {
        let mut changes = empty();
        changes.effects = (from..(from + TOGETHER).min(size.messages)).map(|n| message(n, now)).collect();
        store.commit(changes).await?;
    }
    for from in (0..size.audit).step_by(TOGETHER as usize) {
        let mut changes = empty();
        changes.audit = (from..(from + TOGETHER).min(size.audit)).map(|n| entry(n, now)).collect();
        store.commit(changes).await?;
    }
    store.replica_leave(by).await
}

/// The name of a service.
#[must_use]
pub fn service(n: u32) -> String {
    format!("svc-{:03}", n % SERVICES)
}

/// The name of an environment.
#[must_use]
pub fn environment(n: u32) -> String {
    format!("env-{}", n % ENVIRONMENTS)
}

/// The name of a channel.
#[must_use]
pub fn channel(n: u32) -> String {
    format!("#team-{:02}", n % CHANNELS)
}

fn person(n: u32) -> (String, Account) {
    let n = n % PEOPLE;
    let account = Account { platform: Platform::Slack, id: format!("U0LOAD{n:02}") };
    (format!("p{n:02}"), account)
}

fn id(n: u32, at: Timestamp) -> DeployId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    DeployId::new(at, random)
}

fn name<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| unreachable!("{text} is a good name"))
}

/// One of many deploys, each in a line with 50 others.
fn deploy(n: u32, is_running: bool, now: Timestamp) -> DeployRow {
    let (by, account) = person(n);
    let (service, environment) = (service(n), self::environment(n / SERVICES));
    let at = now - SignedDuration::from_hours(3) + SignedDuration::from_millis(i64::from(n));
    let request = Request {
        kind: Kind::Deploy,
        service: name(&service),
        environment: name(&environment),
        version: name(&format!("v0.{n}.0")),
        by: name(&by),
        account,
        at,
        reason: Some("part of the release of the week".to_owned()),
        emergency: None,
    };
    let mut deploy = Deploy::new(id(n, at), request, name(&"0".repeat(64)));
    let commit: CommitId = name(&format!("{n:040x}"));
    let plan = RunPlan {
        deploy: deploy.id.clone(),
        provider: Provider::Github,
        repo: format!("acme/{service}"),
        workflow: "deploy.yml".to_owned(),
        git_ref: "main".to_owned(),
        commit: commit.clone(),
        inputs: BTreeMap::from([("deployment_id".to_owned(), deploy.id.to_string())]),
        command: Vec::new(),
        start: Start::New,
    };
    let digest: shipgate_domain::ids::Digest = name(&"d".repeat(64));
    let pin = Pin { commit, kind: RefKind::Tag, title: "Add a till".to_owned(), author: by };
    deploy.pinned = Some(Pinned { pin, diff: Read::Known(None), plan: plan.clone(), digest: digest.clone() });
    let expires = at + SignedDuration::from_hours(48);
    deploy.state = if is_running {
        let intent = Intent { attempt: 1, at, send_by: at, expires, plan, digest };
        let run = Run { id: name(&(FIRST_RUN + n).to_string()), attempt: 1, url: None };
        let progress = Progress { standing: Standing::Running, ..Progress::unread() };
        State::Running { intent, run, since: at, progress, cancel: None }
    } else {
        State::Waiting { since: at, expires }
    };
    DeployRow { deploy, lock_group: format!("{environment}/{service}") }
}

fn message(n: u32, now: Timestamp) -> NewEffect {
    let said = format!("Message {n} of those that could not be delivered while the chat was away.");
    let key = format!("seed/{n}");
    let body = Body::Message(Message::line(Tone::Neutral, said));
    let post = Post { channel: channel(n), thread: None, body, key: key.clone() };
    NewEffect::once(key, Effect::Say { post: Box::new(post), under: None }, now)
}

fn entry(n: u32, now: Timestamp) -> Entry {
    let (by, account) = person(n);
    let at = now - SignedDuration::from_hours(24 * 300);
    Entry {
        at: at + SignedDuration::from_secs(i64::from(n)),
        actor: Actor::Person { person: name(&by), account },
        deploy: Some(id(n / 20, at)),
        environment: Some(name(&environment(n))),
        event: "approved".to_owned(),
        data: serde_json::json!({ "digest": "d".repeat(64), "reason": "looked at the changes; they are small" }),
    }
}
