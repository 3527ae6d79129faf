//! Reading what other systems know and the gates ask for. Not here: judging by it (`judge`).

use crate::bot::App;
use crate::ports::{OutsideError, Repositories, Resolved};
use crate::store::{Filter, StoreError};
use jiff::Timestamp;
use shipgate_domain::checklist;
use shipgate_domain::deploy::{Deploy, Pinned, filled};
use shipgate_domain::facts::{Artifact, Check, Crossing, Diff, Outside, Preflight, Read, RefKind};
use shipgate_domain::ids::CommitId;
use shipgate_domain::migrations::Kinds;
use shipgate_domain::people::Memberships;
use shipgate_domain::policy::{CheckRule, Environment, ReviewRule, Service};
use std::borrow::Cow;
use std::collections::BTreeSet;

impl App {
    /// Reads everything that other systems know and the gates ask for.
    pub(crate) async fn look_outside(
        &self,
        pinned: &Pinned,
        environment: &Environment,
        service: &Service,
        deploy: &Deploy,
    ) -> Result<Outside, StoreError> {
        let commit = &pinned.pin.commit;
        let of_version = self.of_version(pinned, environment, service, deploy).await;
        let rebased = self.rebased(pinned, service, deploy).await?;
        let diff = match rebased.clone() {
            Some(Read::Known(diff)) => Read::Known(Some(diff)),
            Some(Read::Unknown(why)) => Read::Unknown(why),
            None => pinned.diff.clone(),
        };
        let preflight = self.preflight((environment, service), deploy, commit, &diff).await?;
        // Last, because it is believed for the shortest time.
        let memberships = self.who_counts(pinned, environment, deploy).await?;
        let (resolves_to, reachable, checks) = of_version;
        Ok(Outside { read_at: self.now(), resolves_to, reachable, checks, memberships, rebased, preflight })
    }

    /// Which commit its version means now, whether that is on the branch, and its checks.
    async fn of_version(
        &self,
        pinned: &Pinned,
        environment: &Environment,
        service: &Service,
        deploy: &Deploy,
    ) -> (Read<Option<CommitId>>, Read<bool>, Read<Vec<Check>>) {
        let pipeline = &service.pipeline;
        let commit = &pinned.pin.commit;
        let repositories = match self.providers.repositories(pipeline.provider) {
            Ok(repositories) => repositories,
            Err(error) => {
                let why = error.to_string();
                return (Read::Unknown(why.clone()), Read::Unknown(why.clone()), Read::Unknown(why));
            }
        };
        let resolves_to = if pinned.pin.kind == RefKind::Tag {
            match repositories.resolve(&pipeline.repo, &deploy.request.version).await {
                Ok(Resolved::Pin(pin)) => Read::Known(Some(pin.commit)),
                Ok(Resolved::Unknown) => Read::Known(None),
                Ok(Resolved::Ambiguous { what }) => Read::Unknown(what),
                Err(error) => Read::Unknown(error.to_string()),
            }
        } else {
            Read::Known(Some(commit.clone()))
        };
        let reachable = read(repositories.is_reachable(&pipeline.repo, commit, &pipeline.git_ref).await);
        let checks = if environment.checks == CheckRule::None || deploy.acts_on_live() {
            Read::Known(Vec::new())
        } else {
            read(repositories.checks(&pipeline.repo, commit).await)
        };
        (resolves_to, reachable, checks)
    }

    /// What it changes now, if that is another thing than was seen when the version was pinned.
    async fn rebased(
        &self,
        pinned: &Pinned,
        service: &Service,
        deploy: &Deploy,
    ) -> Result<Option<Read<Diff>>, StoreError> {
        // Nothing ran there then, or nobody could say what: whatever went live since is compared with.
        let seen = pinned.diff.known().and_then(Option::as_ref);
        let is_other = |now: &Diff| seen.is_none_or(|seen| seen.base != now.base);
        Ok(match self.diff(deploy, service, &pinned.pin.commit).await? {
            Read::Known(now) => now.filter(is_other).map(Read::Known),
            // A rollback leaves whatever runs when it starts. Where that cannot be read it is not held up.
            Read::Unknown(_) if deploy.is_rollback() || deploy.acts_on_live() => None,
            Read::Unknown(why) => Some(Read::Unknown(why)),
        })
    }

    /// Who is in the groups that are asked there, and whose yeses and ticks still count.
    async fn who_counts(
        &self,
        pinned: &Pinned,
        environment: &Environment,
        deploy: &Deploy,
    ) -> Result<Memberships, StoreError> {
        let mut groups = environment.deployers.clone();
        groups.extend(environment.approvals.groups().chain(&environment.overrides.from).cloned());
        groups.extend(environment.preflight.migrations.iter().flat_map(|rule| rule.from.iter().cloned()));
        if environment.preflight.checklist.is_some() {
            groups.extend(checklist::everybody(environment));
        }
        let mut memberships = self.memberships(&groups).await;
        for approval in deploy.approvals.iter().filter(|approval| approval.digest == pinned.digest) {
            memberships.insert_account(&approval.account, self.still_counts(&approval.account).await);
        }
        for stroke in deploy.strokes.iter().filter(|stroke| stroke.digest == pinned.digest) {
            memberships.insert_account(&stroke.account, self.still_counts(&stroke.account).await);
        }
        let now = self.now();
        for away in self.absences().await?.1.into_iter().filter(|away| away.holds(now)) {
            memberships.insert_account(&away.account, self.still_counts(&away.account).await);
        }
        Ok(memberships)
    }

    /// What the settings ask about the change itself. What they do not ask is not read.
    async fn preflight(
        &self,
        (environment, service): (&Environment, &Service),
        deploy: &Deploy,
        commit: &CommitId,
        diff: &Read<Option<Diff>>,
    ) -> Result<Preflight, StoreError> {
        let pipeline = &service.pipeline;
        let mut preflight = Preflight {
            workflow: Some(read(self.workflow(&self.as_started(deploy, service)).await)),
            ..Preflight::default()
        };
        // What runs there was asked all that follows when it was deployed.
        if deploy.acts_on_live() {
            return Ok(preflight);
        }
        preflight.artifacts = self.artifacts(deploy, service, commit).await;
        let repositories = match self.providers.repositories(pipeline.provider) {
            Ok(repositories) => repositories,
            // The gates wait for what was not read, and the version's says why.
            Err(_) => return Ok(preflight),
        };
        let is_forward = !deploy.is_rollback();
        if is_forward && environment.checks == CheckRule::Required {
            let required = repositories.required_checks(&pipeline.repo, &pipeline.git_ref).await;
            preflight.required_checks = Some(read(required));
        }
        if is_forward && !environment.preflight.reviews.is_none() {
            preflight.reviews = Some(match new_commits(commit, diff) {
                Ok(commits) => {
                    let is_required = environment.preflight.reviews == ReviewRule::Required;
                    let (repo, branch) = (&pipeline.repo, &pipeline.git_ref);
                    read(repositories.reviews(repo, branch, &commits, is_required).await)
                }
                Err(why) => Read::Unknown(why),
            });
        }
        if !service.preflight.migrations.is_empty() {
            let past = self.past(&deploy.request.service, &deploy.request.environment).await?;
            preflight.migrations = Some(match past.may_be_applied() {
                Ok(bases) => read(crossing(repositories, service, commit, &bases).await),
                Err(why) => Read::Unknown(why),
            });
        }
        let before = environment.after.as_ref().and_then(|name| self.rules.policy.environments.get(name));
        if let Some(name) = before.and_then(|before| before.preflight.seen.as_ref()).filter(|_| is_forward) {
            preflight.seen = Some(read(repositories.seen(&pipeline.repo, commit, name).await));
        }
        Ok(preflight)
    }

    /// The identity of the workflow file that a start would run now.
    pub(crate) async fn workflow(&self, service: &Service) -> Result<Option<String>, OutsideError> {
        let pipeline = &service.pipeline;
        let repositories = self.providers.repositories(pipeline.provider)?;
        repositories.workflow(&pipeline.repo, &pipeline.git_ref, &pipeline.workflow).await
    }

    /// A service with the pipeline that a request starts: its own, or that of an action.
    pub(crate) fn as_started<'a>(&self, deploy: &Deploy, service: &'a Service) -> Cow<'a, Service> {
        let rule = deploy.action().and_then(|asked| self.rules.policy.actions.get(&asked.name));
        rule.and_then(|rule| rule.of(service)).map_or(Cow::Borrowed(service), Cow::Owned)
    }

    async fn artifacts(&self, deploy: &Deploy, service: &Service, commit: &CommitId) -> Vec<Artifact> {
        let fill = |template: &str| filled(template, &deploy.id, &deploy.request, commit);
        let mut found = Vec::new();
        for template in &service.preflight.artifacts {
            let what = fill(template);
            let exists = match self.providers.artifacts() {
                Ok(artifacts) => artifacts.is_there(&what).await,
                Err(error) => Err(error),
            };
            found.push(Artifact { what, exists: read(exists) });
        }
        if let Some(template) = &service.preflight.image {
            let what = fill(template);
            let exists = match self.providers.artifacts() {
                Ok(artifacts) => artifacts.has_image(&what).await,
                Err(error) => Err(error),
            };
            found.push(Artifact { what, exists: read(exists) });
        }
        found
    }

    /// When a deploy of Shipgate put another commit in a commit's place on the environment before, if the rules ask how
    /// long it was there: since it succeeded, or else since others deployed it.
    pub(crate) async fn left_before(
        &self,
        deploy: &Deploy,
        environment: &Environment,
        succeeded: Option<(Timestamp, bool)>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let seen = deploy.outside.as_ref().and_then(|outside| outside.preflight.seen.as_ref());
        let by_others = seen.and_then(Read::known).and_then(|seen| seen.end).filter(|end| end.succeeded);
        let since = match succeeded {
            Some((at, true)) => Some(at),
            Some((_, false)) | None => by_others.map(|end| end.at),
        };
        let (Some(_), Some(before), Some(at)) = (environment.preflight.soak, &environment.after, since)
        else {
            return Ok(None);
        };
        let service = &deploy.request.service;
        let active = Filter {
            service: Some(service.clone()),
            environment: Some(before.clone()),
            only_active: true,
            limit: 100,
            ..Filter::default()
        };
        let past = self.past_of(service, before, 50, |past| past.reaches(at)).await?;
        let running = self.store.deploys(&active).await?;
        Ok(past
            .all()
            .chain(&running)
            .filter(|other| other.commit() != deploy.commit())
            .filter_map(|other| other.took_place(at))
            .min())
    }
}

/// The commits that would be new there, all of them.
fn new_commits(commit: &CommitId, diff: &Read<Option<Diff>>) -> Result<Vec<CommitId>, String> {
    match diff {
        Read::Known(None) => Ok(vec![commit.clone()]),
        Read::Known(Some(diff)) if diff.commits.len() as u64 != diff.total => Err(format!(
            "{} commits are new, and only {} of them are listed; deploy in smaller steps",
            diff.total,
            diff.commits.len()
        )),
        Read::Known(Some(diff)) if diff.commits.is_empty() => Ok(vec![commit.clone()]),
        Read::Known(Some(diff)) => Ok(diff.commits.iter().map(|change| change.commit.clone()).collect()),
        Read::Unknown(why) => Err(why.clone()),
    }
}

/// Migrations that come with a commit, and those that go with what may be in place.
async fn crossing(
    repositories: &dyn Repositories,
    service: &Service,
    commit: &CommitId,
    bases: &[CommitId],
) -> Result<Crossing, OutsideError> {
    let rule = &service.preflight;
    let kinds = Kinds {
        migrations: &rule.migrations,
        reversible: &rule.reversible,
        irreversible: &rule.irreversible,
    };
    let repo = &service.pipeline.repo;
    let (mut come, mut left) = (BTreeSet::new(), BTreeSet::new());
    for base in bases.iter().filter(|base| *base != commit) {
        come.extend(kinds.find(&repositories.changed_files(repo, base, commit).await?));
        left.extend(kinds.find(&repositories.changed_files(repo, commit, base).await?));
    }
    let of = bases.to_vec();
    Ok(Crossing { of, come: come.into_iter().collect(), left: left.into_iter().collect() })
}

fn read<T>(answer: Result<T, OutsideError>) -> Read<T> {
    match answer {
        Ok(value) => Read::Known(value),
        Err(error) => Read::Unknown(error.to_string()),
    }
}
