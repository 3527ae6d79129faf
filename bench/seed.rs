//! Fills an empty database as years of work and a bad day would: deploys that are over, wait and run, messages to
//! deliver, and a record that tells of all of it. Writes through the port, so every database can be filled.
//! Not here: the settings that name these places.

use jiff::{SignedDuration, Timestamp};
use shipgate_app::effects::{Effect, NewEffect};
use shipgate_app::ports::Post;
use shipgate_app::store::{Changes, DeployRow, Store, StoreError};
use shipgate_app::words::{Body, Message, Tone};
use shipgate_domain::audit::{Actor, Entry};
use shipgate_domain::deploy::{Deploy, Event, Intent, Kind, Outcome, Pinned, Ran, Request, State};
use shipgate_domain::facts::{Outside, Pin, Read, RefKind};
use shipgate_domain::ids::{Account, CommitId, DeployId, Platform};
use shipgate_domain::people::Memberships;
use shipgate_domain::policy::Provider;
use shipgate_domain::run::{Conclusion, Progress, Run, RunPlan, Standing, Start};
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
    /// Deploys that are over.
    pub past: u32,
    /// Deploys that are not over.
    pub deploys: u32,
    /// Of them, those that run: at most one in each of the 1,000 lines.
    pub running: u32,
    /// Messages that are due.
    pub messages: u32,
    /// Rows of the audit log, at least those that the deploys need.
    pub audit: u32,
}

/// A deploy at the end of its life so far, and the record of that life.
struct Life {
    row: DeployRow,
    told: Vec<Entry>,
}

/// Fills a database.
///
/// # Errors
/// The database failed, or was not empty.
pub async fn fill(store: &dyn Store, size: Size, now: Timestamp) -> Result<(), StoreError> {
    let day = SignedDuration::from_hours(24);
    let by = store.replica_enter("seed", now, now + day).await?;
    let empty = || Changes::by(by, now);
    let mut told = 0;
    for from in (0..size.past + size.deploys).step_by(TOGETHER as usize) {
        let lives: Vec<Life> = (from..(from + TOGETHER).min(size.past + size.deploys))
            .map(|n| life(n, stage_of(n, size), now))
            .collect();
        // Each change of a deploy replaces the one before it: on the way there it waits.
        for revision in 0..=lives.iter().map(|life| life.row.deploy.revision).max().unwrap_or_default() {
            let mut changes = empty();
            for life in &lives {
                let end = life.row.deploy.revision;
                if revision < end {
                    changes.deploys.push(on_the_way(&life.row, revision));
                } else if revision == end {
                    changes.deploys.push(life.row.clone());
                    changes.audit.extend(life.told.iter().cloned());
                    changes.effects.extend(next_look(&life.row.deploy, told, now));
                    told += u32::try_from(life.told.len()).unwrap_or_default();
                }
            }
            store.commit(changes).await?;
        }
    }
    for from in (0..size.messages).step_by(TOGETHER as usize) {
        let mut changes = empty();
        changes.effects = (from..(from + TOGETHER).min(size.messages)).map(|n| message(n, now)).collect();
        store.commit(changes).await?;
    }
    for from in (told..size.audit).step_by(TOGETHER as usize) {
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

/// How far a deploy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Over,
    Runs,
    Waits,
}

fn stage_of(n: u32, size: Size) -> Stage {
    match n.checked_sub(size.past) {
        None => Stage::Over,
        Some(open) if open < size.running.min(SERVICES * ENVIRONMENTS) => Stage::Runs,
        Some(_) => Stage::Waits,
    }
}

/// One of many deploys, in one of the 1,000 lines.
fn life(n: u32, stage: Stage, now: Timestamp) -> Life {
    let (by, account) = person(n);
    let (service, environment) = (service(n), self::environment(n / SERVICES));
    let ago = if stage == Stage::Over {
        SignedDuration::from_hours(24 * 300)
    } else {
        SignedDuration::from_hours(3)
    };
    let at = now - ago + SignedDuration::from_millis(i64::from(n));
    let request = Request {
        kind: Kind::Deploy,
        service: name(&service),
        environment: name(&environment),
        version: name(&format!("v0.{n}.0")),
        by: name(&by),
        account: account.clone(),
        at,
        reason: Some("part of the release of the week".to_owned()),
        emergency: None,
        when: shipgate_domain::deploy::StartWhen::Now,
        accepts: Default::default(),
    };
    let mut deploy = Deploy::new(id(n, at), request, name(&"0".repeat(64)));
    let commit: CommitId = name(&format!("{n:040x}"));
    let plan = RunPlan {
        deploy: deploy.id.clone(),
        provider: Provider::Github,
        repo: format!("acme/{service}"),
        workflow: "deploy.yml".to_owned(),
        workflow_id: None,
        git_ref: "main".to_owned(),
        commit: commit.clone(),
        inputs: BTreeMap::from([("deployment_id".to_owned(), deploy.id.to_string())]),
        command: Vec::new(),
        start: Start::New,
    };
    let digest: shipgate_domain::ids::Digest = name(&"d".repeat(64));
    let pin = Pin { commit, kind: RefKind::Tag, title: "Add a till".to_owned(), author: by.clone() };
    let pinned = Pinned { pin, diff: Read::Known(None), plan: plan.clone(), digest: digest.clone() };
    let expires = at + SignedDuration::from_hours(48);
    let run = Run { id: name(&(FIRST_RUN + n).to_string()), attempt: 1, url: None };
    let progress = Progress { standing: Standing::Running, ..Progress::unread() };

    let mut events = vec![Event::Pinned { pinned: Box::new(pinned.clone()), expires }];
    deploy.pinned = Some(pinned);
    deploy.state = State::Waiting { since: at, expires };
    if stage != Stage::Waits {
        let send_by = at + SignedDuration::from_secs(20);
        events.extend([
            Event::IntentMade { verdicts: Vec::new(), outside: outside(at), send_by },
            Event::Sent,
            Event::Bound { run: run.clone() },
        ]);
        deploy.attempts = 1;
        let intent = Intent { attempt: 1, at, send_by, expires, plan, digest };
        let progress = progress.clone();
        deploy.state = State::Running { intent, run: run.clone(), since: at, progress, cancel: None };
    }
    if stage == Stage::Over {
        let conclusion = Conclusion::Success;
        events.push(Event::Ended { run: run.clone(), conclusion, progress: progress.clone() });
        let ran = Some(Ran { run, since: at, progress });
        deploy.state = State::Done { outcome: Outcome::Succeeded, at, ran };
    }
    deploy.revision = events.len() as u64;

    let tell = |event: &str, data| Entry {
        at,
        actor: Actor::Person { person: name(&by), account: account.clone() },
        deploy: Some(deploy.id.clone()),
        environment: Some(name(&environment)),
        event: event.to_owned(),
        data,
    };
    let mut told = vec![tell("requested", json(&deploy.request))];
    told.extend(events.iter().map(|event| tell(event.name(), json(event))));
    Life { row: DeployRow { deploy, lock_group: format!("{environment}/{service}") }, told }
}

fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_else(|_| unreachable!("plain data"))
}

fn outside(at: Timestamp) -> Outside {
    Outside {
        read_at: at,
        resolves_to: Read::Known(None),
        reachable: Read::Known(true),
        checks: Read::Known(Vec::new()),
        memberships: Memberships::default(),
        rebased: None,
        preflight: Default::default(),
    }
}

/// The deploy as it was stored before its last change.
fn on_the_way(row: &DeployRow, revision: u64) -> DeployRow {
    let mut row = row.clone();
    row.deploy.revision = revision;
    row.deploy.state = match row.deploy.state {
        State::Done { at, .. } => State::Waiting { since: at, expires: at },
        State::Running { intent, .. } => State::Waiting { since: intent.at, expires: intent.expires },
        other => other,
    };
    row
}

/// Who looks after the deploy next, and when.
fn next_look(deploy: &Deploy, n: u32, now: Timestamp) -> Option<NewEffect> {
    let id = deploy.id.clone();
    match deploy.state {
        State::Running { .. } => {
            let due = now + SignedDuration::from_millis(i64::from(n % 60_000));
            Some(NewEffect::whenever(Effect::Follow { deploy: id }, due))
        }
        State::Waiting { .. } => {
            let due = now + SignedDuration::from_hours(24);
            Some(NewEffect::whenever(Effect::Judge { deploy: id }, due))
        }
        State::Requested { .. } | State::Dispatching { .. } | State::Done { .. } => None,
    }
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
        deploy: None,
        environment: Some(name(&environment(n))),
        event: "denied".to_owned(),
        data: serde_json::json!({ "action": "approve", "reason": "is in none of the groups that may approve there" }),
    }
}
