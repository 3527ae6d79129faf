//! What was deployed before the demo begins, so that there is something to compare with and to go back to.
//! Not here: the deploys of the demo itself, which are real.

use super::repository::Tagged;
use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use shipgate_app::Rules;
use shipgate_app::store::{Changes, DeployRow, Store};
use shipgate_domain::audit::{Actor, Entry};
use shipgate_domain::deploy::{Deploy, Kind, Outcome, Pinned, Ran, Request, State, plan_and_digest};
use shipgate_domain::facts::{Pin, Read, RefKind};
use shipgate_domain::ids::{Account, DeployId, Platform};
use shipgate_domain::run::{Conclusion, Progress, Run, Standing};

/// Environment, index of the version, days ago.
const PAST: [(&str, usize, i64); 6] = [
    ("staging", 0, 21),
    ("production", 0, 20),
    ("staging", 1, 14),
    ("production", 1, 13),
    ("staging", 2, 6),
    ("staging", 3, 1),
];

/// Writes the past, marked in the audit as what it is.
pub async fn write(
    store: &dyn Store,
    rules: &Rules,
    versions: &[Tagged],
    now: Timestamp,
) -> anyhow::Result<()> {
    let epoch = store.replica_enter(&rules.version.to_string(), now, now).await?;
    let mut changes = Changes::by(epoch, now);
    for (number, (environment, index, days)) in PAST.into_iter().enumerate() {
        let version = versions.get(index).context("the demo has this version")?;
        let at = now.checked_sub(SignedDuration::from_hours(24 * days))?;
        let deploy = past(rules, version, environment, at, number)?;
        changes.audit.push(Entry {
            at: now,
            actor: Actor::Shipgate,
            deploy: Some(deploy.id.clone()),
            environment: Some(deploy.request.environment.clone()),
            event: "imported".into(),
            data: serde_json::json!({ "version": version.version, "commit": version.commit }),
        });
        changes.deploys.push(DeployRow { lock_group: environment.to_owned(), deploy });
    }
    store.commit(changes).await?;
    store.replica_leave(epoch).await?;
    Ok(())
}

fn past(
    rules: &Rules,
    version: &Tagged,
    environment: &str,
    at: Timestamp,
    number: usize,
) -> anyhow::Result<Deploy> {
    let service = rules.policy.default_service().context("the demo has a service")?;
    let mut random = [0; 10];
    random[9] = u8::try_from(number)?;
    let id = DeployId::new(at, random);
    let request = Request {
        kind: Kind::Deploy,
        service: service.name.clone(),
        environment: environment.parse().context("an environment of the demo")?,
        version: version.version.clone(),
        by: version.author.to_lowercase().parse().context("a person of the demo")?,
        account: Account { platform: Platform::Playground, id: version.author.to_lowercase() },
        at,
        reason: None,
        emergency: None,
        when: shipgate_domain::deploy::StartWhen::Now,
        accepts: Default::default(),
    };
    let mut deploy = Deploy::new(id, request, rules.version.clone());
    let (plan, digest) =
        plan_and_digest(&deploy.id, &deploy.request, &version.commit, service, &rules.version, None);
    let pin = Pin {
        commit: version.commit.clone(),
        kind: RefKind::Tag,
        title: version.title.to_owned(),
        author: version.author.to_owned(),
    };
    deploy.pinned = Some(Pinned { pin, diff: Read::Known(None), plan, digest });
    let run = Run { id: format!("past-{number}").parse().context("a run id")?, attempt: 1, url: None };
    let progress =
        Progress { standing: Standing::Ended(Conclusion::Success), jobs: Vec::new(), failed: None };
    let since = at.checked_add(SignedDuration::from_secs(20))?;
    let ended = since.checked_add(SignedDuration::from_secs(40))?;
    let ran = Some(Ran { run, since, progress });
    deploy.state = State::Done { outcome: Outcome::Succeeded, at: ended, ran };
    Ok(deploy)
}
