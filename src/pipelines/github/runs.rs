//! Runs of GitHub Actions in our words: found, read, stopped, recognised. Not here: when they are asked for
//! (`follow`), starting one (`dispatch`).

use super::client::{Repo, in_path};
use super::follow::{Known, has_failed};
use super::limits::Urgency;
use super::models::{Jobs, Runs, WorkflowJob, WorkflowRun};
use super::{GitHub, dispatch, logs};
use crate::text::inert;
use async_trait::async_trait;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use shipgate_app::ports::{OutsideError, Pipelines, Report, Seen, Sent};
use shipgate_domain::deploy::SEND_TIME;
use shipgate_domain::ids::DeployId;
use shipgate_domain::policy::Pipeline;
use shipgate_domain::run::{Conclusion, FailedStep, Job, Progress, Run, RunPlan, Standing, Start};
use std::time::Duration;

const MOST_PAGES: usize = 10;
/// A send has ended after this long, whatever it waits for; the others rely on it (`SEND_TIME`).
const WHOLE_SEND: Duration = Duration::from_secs(34);
/// Without a token by then, nothing is sent: the request itself needs the rest of the time.
const TOKEN_TIME: Duration = Duration::from_secs(4);
const _: () = assert!(WHOLE_SEND.as_secs() < SEND_TIME.as_secs().unsigned_abs());
const _: () = assert!(TOKEN_TIME.as_secs() + dispatch::WHOLE.as_secs() <= WHOLE_SEND.as_secs());
/// A run that did not succeed may leave jobs behind that never end; after this long they no longer count.
const STRAGGLERS: SignedDuration = SignedDuration::from_mins(1);

#[async_trait]
impl Pipelines for GitHub {
    async fn send(&self, plan: &RunPlan) -> Sent {
        match tokio::time::timeout(WHOLE_SEND, self.send_once(plan)).await {
            Ok(sent) => sent,
            Err(_) => Sent::Unknown { why: format!("no answer within {} s", WHOLE_SEND.as_secs()) },
        }
    }

    async fn find(&self, plan: &RunPlan, since: Timestamp) -> Result<Vec<Run>, OutsideError> {
        let repo = Repo::parse(&plan.repo)?;
        if let Start::FailedJobs { run, attempt } = &plan.start {
            let rest = format!("/actions/runs/{run}");
            let read: WorkflowRun = self.client.get(&repo, &rest, Urgency::Needed).await?;
            let found = run_of(&read)?;
            return Ok(if found.attempt > *attempt { vec![found] } else { Vec::new() });
        }
        let mut found = Vec::new();
        for run in self.dispatched(&repo, &plan.workflow, since).await? {
            let carried = run_of(&run)?;
            // A run that starts while we turn pages moves the others on; one may be seen twice.
            if carries(&run, plan.deploy.as_str()) && !found.contains(&carried) {
                found.push(carried);
            }
        }
        Ok(found)
    }

    async fn since(&self, pipeline: &Pipeline, since: Timestamp) -> Result<Vec<Seen>, OutsideError> {
        let repo = Repo::parse(&pipeline.repo)?;
        let mut seen: Vec<Seen> = Vec::new();
        for run in self.dispatched(&repo, &pipeline.workflow, since).await? {
            let titles = [&run.display_title, &run.name];
            let named = titles.into_iter().flatten().find_map(|title| Some((title, id_carried(title)?)));
            let Some((title, deploy)) = named else { continue };
            let run = run_of(&run)?;
            if seen.iter().all(|other| other.run.id != run.id) {
                seen.push(Seen { run, deploy, title: inert(title, 100) });
            }
        }
        // GitHub lists the newest first.
        seen.reverse();
        Ok(seen)
    }

    async fn read(&self, plan: &RunPlan, run: &Run) -> Result<Report, OutsideError> {
        let repo = Repo::parse(&plan.repo)?;
        let id = number_of(run)?;
        let known = self.follow.known(&self.client, &repo, &plan.workflow, id).await?;
        if let Some(other) = anothers(plan, &known.run) {
            let why = format!(
                "run {id} on GitHub carries the id of another deploy ({}), so nothing that it says is believed",
                other.short()
            );
            return Err(OutsideError::Refused { why });
        }
        report(&known, self.client.clock.now())
    }

    async fn stop(&self, plan: &RunPlan, run: &Run) -> Result<(), OutsideError> {
        let repo = Repo::parse(&plan.repo)?;
        let id = number_of(run)?;
        let rest = format!("/actions/runs/{id}/cancel");
        let answer = self.client.ask(Method::POST, &repo, &rest, None, Urgency::Needed).await?;
        self.follow.touch(id);
        match answer.status.as_u16() {
            // 409: it has ended already.
            409 => Ok(()),
            _ => self.client.expect(&answer, &repo).map(|_| ()),
        }
    }

    /// What the last step of the job that ended last printed.
    async fn said(
        &self,
        plan: &RunPlan,
        run: &Run,
        _progress: &Progress,
    ) -> Result<Vec<String>, OutsideError> {
        let repo = Repo::parse(&plan.repo)?;
        let rest = format!("/actions/runs/{}/jobs?filter=latest&per_page=100", number_of(run)?);
        let jobs: Jobs = self.client.get(&repo, &rest, Urgency::Display).await?;
        let worked = jobs.jobs.iter().filter(|job| job.conclusion.as_deref() != Some("skipped"));
        match worked.max_by_key(|job| job.completed_at) {
            Some(job) => logs::last_step(&self.client, &repo, job.id).await,
            None => Ok(Vec::new()),
        }
    }

    async fn identify(&self, plan: &RunPlan, link: &str) -> Result<Option<Run>, OutsideError> {
        let repo = Repo::parse(&plan.repo)?;
        let Some(id) = id_in(link, &repo) else { return Ok(None) };
        let rest = format!("/actions/runs/{id}");
        let read: Option<WorkflowRun> = self.client.find(&repo, &rest, Urgency::Needed).await?;
        read.as_ref().map(run_of).transpose()
    }
}

impl GitHub {
    /// All runs of a workflow that were dispatched since shortly before then, newest first.
    async fn dispatched(
        &self,
        repo: &Repo,
        workflow: &str,
        since: Timestamp,
    ) -> Result<Vec<WorkflowRun>, OutsideError> {
        let from = (since - SignedDuration::from_mins(5)).strftime("%Y-%m-%dT%H:%M:%SZ");
        let file = in_path(workflow).replace('/', "%2F");
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let rest = format!(
                "/actions/workflows/{file}/runs?event=workflow_dispatch&created=%3E%3D{from}&per_page=100&page={page}"
            );
            let answer = self.client.ask(Method::GET, repo, &rest, None, Urgency::Needed).await?;
            let runs = self.client.expect(&answer, repo)?.json::<Runs>()?.workflow_runs;
            let is_last = runs.is_empty() || (!answer.has_next() && runs.len() != 100);
            all.extend(runs);
            if is_last {
                return Ok(all);
            }
        }
        let why = format!("GitHub lists more than 1,000 runs of {workflow} since {from}, so the list is cut");
        Err(OutsideError::Later { why, after: None })
    }

    async fn send_once(&self, plan: &RunPlan) -> Sent {
        let repo = match Repo::parse(&plan.repo) {
            Ok(repo) => repo,
            Err(error) => return Sent::Refused { why: error.to_string() },
        };
        let not_sent = |error| match error {
            OutsideError::Later { why, after } => Sent::NotSent { why, after },
            OutsideError::Refused { why } => Sent::Refused { why },
        };
        let scope = self.client.scope(&repo);
        if let Err(error) = self.client.limits.check(&scope, Urgency::Needed, self.client.clock.now()) {
            return not_sent(error);
        }
        let minted = match tokio::time::timeout(TOKEN_TIME, self.client.token(&repo)).await {
            Ok(Ok(minted)) => minted,
            Ok(Err(error)) => return not_sent(error),
            Err(_) => {
                let why = format!("GitHub handed out no token within {} s", TOKEN_TIME.as_secs());
                return Sent::NotSent { why, after: None };
            }
        };
        let sent = self.once.send(plan, &repo, &minted.token, self.client.clock.now()).await;
        let is_refused_token = matches!(&sent, Sent::Refused { why } if why.contains("(401)"));
        if is_refused_token && self.client.renew(&repo, &minted).await {
            let why = "GitHub no longer accepts the App's token; the next attempt uses a new one".to_owned();
            return Sent::NotSent { why, after: None };
        }
        sent
    }

    /// Says that a run changed, so that its next read asks GitHub at once. Called by the webhook.
    pub fn touch(&self, run: u64) {
        self.follow.touch(run);
    }

    /// How the host is asked for the id of a new run, as far as it is known by now.
    #[must_use]
    pub fn dispatch_form(&self) -> dispatch::DispatchForm {
        self.once.form()
    }
}

fn carries(run: &WorkflowRun, id: &str) -> bool {
    [&run.display_title, &run.name].into_iter().flatten().any(|text| text.contains(id))
}

/// The deploy whose run this really is, if its titles say so. A title without any id says nothing: whoever was bound by
/// GitHub's own answer needs none. A re-run's still carries the id of the first.
fn anothers(plan: &RunPlan, run: &WorkflowRun) -> Option<DeployId> {
    if plan.start != Start::New || carries(run, plan.deploy.as_str()) {
        return None;
    }
    [&run.display_title, &run.name].into_iter().flatten().find_map(|title| id_carried(title))
}

/// The deploy whose id a title carries.
fn id_carried(title: &str) -> Option<DeployId> {
    title.split(|c: char| !c.is_ascii_alphanumeric()).find_map(|word| word.parse().ok())
}

fn number_of(run: &Run) -> Result<u64, OutsideError> {
    run.id.as_str().parse().map_err(|_| OutsideError::Refused {
        why: format!("“{}” is not the id of a GitHub run: it is a number", run.id),
    })
}

fn run_of(run: &WorkflowRun) -> Result<Run, OutsideError> {
    let id = run.id.to_string().parse().map_err(|_| OutsideError::Later {
        why: "GitHub named a run in a way that is not understood".into(),
        after: None,
    })?;
    let url = run.html_url.as_deref().map(|url| inert(url, 300));
    Ok(Run { id, attempt: run.run_attempt.unwrap_or(1).max(1), url })
}

/// The run that a link or id means, if the link is one of this repository.
fn id_in(link: &str, repo: &Repo) -> Option<u64> {
    let link = link.trim().trim_matches(['<', '>']);
    if link.bytes().all(|b| b.is_ascii_digit()) {
        return link.parse().ok();
    }
    let (_, path) = link.split_once("://")?.1.split_once('/')?;
    let mut parts = path.split(['/', '?', '#']);
    let (owner, name) = (parts.next()?, parts.next()?);
    if !owner.eq_ignore_ascii_case(&repo.owner) || !name.eq_ignore_ascii_case(&repo.name) {
        return None;
    }
    if (parts.next(), parts.next()) != (Some("actions"), Some("runs")) {
        return None;
    }
    parts.next()?.parse().ok()
}

fn standing(status: Option<&str>, conclusion: Option<&str>) -> Standing {
    match status.unwrap_or("") {
        "completed" if conclusion == Some("skipped") => Standing::Skipped,
        "completed" => Standing::Ended(self::conclusion(conclusion)),
        "queued" | "requested" | "pending" => Standing::Queued,
        "waiting" => Standing::Held,
        _ => Standing::Running,
    }
}

fn conclusion(word: Option<&str>) -> Conclusion {
    match word.unwrap_or("unknown") {
        "success" => Conclusion::Success,
        "failure" => Conclusion::Failure,
        "cancelled" => Conclusion::Cancelled,
        "timed_out" => Conclusion::TimedOut,
        other => Conclusion::Other(inert(&other.replace('_', " "), 60)),
    }
}

fn report(known: &Known, now: Timestamp) -> Result<Report, OutsideError> {
    let jobs: Vec<Job> = known.jobs.iter().map(job).collect();
    let failed = known.jobs.iter().find(|job| has_failed(job)).map(|job| failed_step(job, &known.log));
    let progress = Progress { standing: of_run(known, now), jobs, failed };
    Ok(Report { run: run_of(&known.run)?, progress })
}

/// A run has ended when it says so and its jobs do not contradict it: the run and its jobs are updated one after the
/// other, and the list of jobs may still be empty.
fn of_run(known: &Known, now: Timestamp) -> Standing {
    let run = &known.run;
    let said = match standing(run.status.as_deref(), run.conclusion.as_deref()) {
        // A run of which everything was skipped did not deploy.
        Standing::Skipped => Standing::Ended(Conclusion::Other("skipped".into())),
        Standing::Ended(conclusion) => Standing::Ended(conclusion),
        other => return other,
    };
    let have_ended = known.jobs.iter().all(|job| job.status.as_deref() == Some("completed"));
    let agree = known.is_complete && have_ended && !known.jobs.is_empty();
    let is_over = run.updated_at.is_none_or(|at| now.duration_since(at) >= STRAGGLERS);
    let is_success = said == Standing::Ended(Conclusion::Success);
    let ends_without_jobs = known.is_complete && known.jobs.is_empty() || is_over;
    if agree || (!is_success && ends_without_jobs) { said } else { Standing::Running }
}

fn job(job: &WorkflowJob) -> Job {
    let standing = standing(job.status.as_deref(), job.conclusion.as_deref());
    // GitHub fills in a start, and for skipped jobs an end, before there is one.
    let has_runner = job.runner_id.is_some_and(|id| id != 0) || !job.steps.is_empty();
    let has_started = match &standing {
        Standing::Queued | Standing::Held | Standing::Skipped => false,
        Standing::Ended(Conclusion::Cancelled) => has_runner,
        Standing::Running | Standing::Ended(_) => true,
    };
    Job {
        name: inert(job.name.as_deref().unwrap_or("job"), 100),
        started: job.started_at.filter(|_| has_started),
        ended: job.completed_at.filter(|_| matches!(standing, Standing::Ended(_))),
        standing,
        url: job.html_url.as_deref().map(|url| inert(url, 300)),
    }
}

fn failed_step(job: &WorkflowJob, log: &[String]) -> FailedStep {
    let step = job
        .steps
        .iter()
        .find(|step| matches!(step.conclusion.as_deref(), Some("failure" | "timed_out")))
        .and_then(|step| step.name.as_deref());
    FailedStep {
        job: inert(job.name.as_deref().unwrap_or("job"), 100),
        step: step.map(|name| inert(name, 100)),
        log: log.to_vec(),
        url: job.html_url.as_deref().map(|url| inert(url, 300)),
    }
}

#[cfg(test)]
mod tests;
