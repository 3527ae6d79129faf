//! From a request to a pinned commit, with what it changes. Not here: whether it may start (`weigh`).

use super::{ASK_AGAIN, gone_from_settings, later, plan, version_closed};
use crate::bot::App;
use crate::effects::Finish;
use crate::ports::{OutsideError, Resolved};
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::deploy::{Asked, Deploy, Event, Kind, PLAN_LASTS, Pinned, StartWhen, State};
use shipgate_domain::facts::{Diff, Pin, Read, RefKind};
use shipgate_domain::gates::Reason;
use shipgate_domain::ids::CommitId;
use shipgate_domain::policy::{Environment, Service};

impl App {
    /// Resolves the version, once. `None`: the deploy moved on, judge it as it is now.
    pub(super) async fn pin(&self, deploy: &Deploy) -> Result<Option<Finish>, StoreError> {
        let now = self.now();
        let Some((environment, service)) = self.place_to_start(deploy) else {
            self.refuse(deploy, version_closed(gone_from_settings(deploy)), None).await?;
            return Ok(Some(Finish::Done));
        };
        let expires = self.gives_up(deploy, environment).await?;
        if now >= expires {
            self.learn(deploy, Event::Expired).await?;
            return Ok(Some(Finish::Done));
        }
        let resolved = match self.known_pin(deploy).await? {
            Some(pin) => Ok(Resolved::Pin(pin)),
            None => match self.providers.repositories(service.pipeline.provider) {
                Ok(repositories) => {
                    repositories.resolve(&service.pipeline.repo, &deploy.request.version).await
                }
                Err(error) => Err(error),
            },
        };
        // What is approved includes the file that is run: without its identity nothing is pinned.
        let workflow = match &resolved {
            Ok(Resolved::Pin(_)) => self.workflow(&self.as_started(deploy, service)).await,
            Ok(Resolved::Unknown | Resolved::Ambiguous { .. }) | Err(_) => Ok(None),
        };
        let (resolved, workflow) = match workflow {
            Ok(workflow) => (resolved, workflow),
            Err(error) => (Err(error), None),
        };
        let reason = match resolved {
            Ok(Resolved::Pin(pin)) => {
                let diff = self.diff(deploy, service, &pin.commit).await?;
                let started = self.as_started(deploy, service);
                let (plan, digest) = plan(deploy, &pin.commit, &started, &deploy.policy, workflow.as_deref());
                let pinned = Box::new(Pinned { pin, diff, plan, digest });
                self.decide(deploy, Event::Pinned { pinned, expires }).await?;
                return Ok(None);
            }
            Ok(Resolved::Unknown) => Reason::VersionUnknown,
            Ok(Resolved::Ambiguous { what }) => Reason::VersionAmbiguous { what },
            Err(OutsideError::Refused { why }) => Reason::VersionUnreadable { why },
            Err(OutsideError::Later { why, after }) => {
                let again =
                    later(now, after.unwrap_or(ASK_AGAIN).clamp(ASK_AGAIN, SignedDuration::from_mins(5)));
                let is_news =
                    !matches!(&deploy.state, State::Requested { problem: Some(said) } if *said == why);
                if is_news {
                    self.learn(deploy, Event::Delayed { problem: why }).await?;
                }
                return Ok(Some(Finish::Again(again.min(expires))));
            }
        };
        self.refuse(deploy, version_closed(reason), None).await?;
        Ok(Some(Finish::Done))
    }

    /// When a new deploy is given up if its gates do not open. Whoever waits for the calendar has the usual time from
    /// its opening on, as it was known when they asked.
    async fn gives_up(&self, deploy: &Deploy, environment: &Environment) -> Result<Timestamp, StoreError> {
        let asked = deploy.request.at;
        let usual = environment.approvals.expires;
        Ok(match deploy.request.when {
            StartWhen::Now => later(asked, usual),
            StartWhen::At(at) => later(at, PLAN_LASTS),
            StartWhen::WhenOpen => {
                let calendar = self.calendar_now().await?;
                let (place, thing) = (environment.name.as_str(), deploy.request.service.as_str());
                let opens = calendar.next_start(place, thing, environment.schedule.as_deref(), asked, false);
                later(opens.unwrap_or(asked), usual)
            }
        })
    }

    /// A rollback or a re-run speaks of a commit that ran before: nothing is resolved anew.
    async fn known_pin(&self, deploy: &Deploy) -> Result<Option<Pin>, StoreError> {
        let as_commit = |pin: &Pin| Pin { kind: RefKind::Commit, ..pin.clone() };
        match &deploy.request.kind {
            Kind::Deploy | Kind::Action(Asked { live: None, .. }) => Ok(None),
            Kind::Rerun { of, .. } | Kind::Action(Asked { live: Some(of), .. }) => {
                let earlier = self.store.deploy(of).await?;
                Ok(earlier.and_then(|d| d.pinned).map(|p| as_commit(&p.pin)))
            }
            Kind::Rollback { .. } => {
                let past = self.past(&deploy.request.service, &deploy.request.environment).await?;
                let same = past.successes().find(|d| d.request.version == deploy.request.version);
                Ok(same.and_then(|d| d.pinned.as_ref()).map(|p| as_commit(&p.pin)))
            }
        }
    }

    /// What changes compared to what runs there now.
    pub(crate) async fn diff(
        &self,
        deploy: &Deploy,
        service: &Service,
        head: &CommitId,
    ) -> Result<Read<Option<Diff>>, StoreError> {
        // Acting on what runs there changes no commit.
        if deploy.acts_on_live() {
            return Ok(Read::Known(None));
        }
        let past = self.past(&deploy.request.service, &deploy.request.environment).await?;
        // What a rollback leaves is what ran last, also when it failed; a deploy builds on what last succeeded.
        let left = if deploy.is_rollback() { past.newest() } else { past.in_place() };
        let Some((base, base_version)) =
            left.and_then(|d| Some((d.commit()?.clone(), d.request.version.clone())))
        else {
            return Ok(Read::Known(None));
        };
        let compared = match self.providers.repositories(service.pipeline.provider) {
            Ok(repositories) => repositories.compare(&service.pipeline.repo, &base, head).await,
            Err(error) => Err(error),
        };
        Ok(match compared {
            Ok(c) => Read::Known(Some(Diff {
                base,
                base_version,
                commits: c.commits,
                total: c.total,
                behind: c.behind,
                url: c.url,
            })),
            Err(error) => Read::Unknown(error.to_string()),
        })
    }
}
