//! Reading many runs with few requests: one page of a list serves up to a hundred, unchanged answers are free, jobs
//! are read when their run changed. Not here: what a run's state means (`runs`).
//!
//! GitHub gives 5,000 requests an hour. Runs are read at most every 60 s, and sooner while that costs less than 2,000
//! an hour; jobs that did not change their run share 500. The rest is for changes, dispatches and finding.

use super::client::{Client, Repo, in_path};
use super::limits::Urgency;
use super::logs;
use super::models::{Jobs, Runs, WorkflowJob, WorkflowRun};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use shipgate_app::ports::OutsideError;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const PAGE: usize = 100;
/// GitHub cuts filtered lists of runs at 1,000.
const MOST_PAGES: usize = 10;
/// Up to so many runs of one workflow are read one by one: their answers are far smaller than a page.
const ONE_BY_ONE: usize = 2;
/// A run that nobody asked about for so long is no longer followed.
const FORGET: SignedDuration = SignedDuration::from_mins(5);
/// After an error, everybody who asks gets the same error for this long.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

type ListKey = (Repo, String);
type Shared<T> = Arc<tokio::sync::Mutex<T>>;

#[derive(Default)]
struct Page {
    etag: Option<String>,
    runs: HashMap<u64, WorkflowRun>,
    has_next: bool,
}

#[derive(Default)]
struct List {
    pages: Vec<Page>,
    read: Option<Timestamp>,
    failed: Option<(Timestamp, OutsideError)>,
}

/// What is known of one run.
#[derive(Default)]
struct Followed {
    run: Option<(WorkflowRun, Option<String>)>,
    read: Option<Timestamp>,
    failed: Option<(Timestamp, OutsideError)>,
    jobs: Vec<JobPage>,
    jobs_read: Option<Timestamp>,
    jobs_of: Option<Mark>,
    log: Option<(u64, Vec<String>)>,
    log_tries: u8,
}

#[derive(Clone, Default)]
struct JobPage {
    etag: Option<String>,
    jobs: Vec<WorkflowJob>,
    total: u64,
    has_next: bool,
}

/// Changes whenever a run does.
type Mark = (Option<String>, Option<String>, Option<u32>, Option<Timestamp>);

fn mark(run: &WorkflowRun) -> Mark {
    (run.status.clone(), run.conclusion.clone(), run.run_attempt, run.updated_at)
}

/// A run with its jobs, as read.
pub(super) struct Known {
    pub run: WorkflowRun,
    pub jobs: Vec<WorkflowJob>,
    /// Whether these are all jobs of the newest attempt, read after the run's last change.
    pub is_complete: bool,
    /// The end of the log of the first failed job.
    pub log: Vec<String>,
}

/// Who is asked about.
#[derive(Default)]
struct Asked {
    runs: HashMap<u64, (Timestamp, ListKey)>,
    lists: HashMap<ListKey, (String, HashSet<u64>)>,
    tidied: Option<Timestamp>,
}

/// Everything that is followed.
#[derive(Default)]
pub(super) struct Follow {
    asked: Mutex<Asked>,
    lists: Mutex<HashMap<ListKey, Shared<List>>>,
    runs: Mutex<HashMap<u64, Shared<Followed>>>,
    touched: Mutex<HashSet<u64>>,
}

/// One read, as it goes down.
struct Reading<'a> {
    client: &'a Client,
    repo: &'a Repo,
    scope: &'a str,
    id: u64,
    now: Timestamp,
    is_touched: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often runs may be read when one round over all of them costs so many requests.
pub(super) fn runs_every(requests: usize) -> SignedDuration {
    let millis = i64::try_from(requests).unwrap_or(i64::MAX / 2000).saturating_mul(1_800);
    SignedDuration::from_millis(millis.clamp(5_000, 60_000))
}

/// How often the jobs of a run that did not change may be read when so many runs are followed.
pub(super) fn jobs_every(followed: usize) -> SignedDuration {
    let followed = i64::try_from(followed).unwrap_or(i64::MAX / 8000);
    let each = if followed <= 20 { 2_000 } else { 7_200 };
    SignedDuration::from_millis(followed.saturating_mul(each).max(10_000))
}

fn is_due(read: Option<Timestamp>, every: SignedDuration, now: Timestamp) -> bool {
    read.is_none_or(|read| now.duration_since(read) >= every)
}

fn recent_failure(failed: &Option<(Timestamp, OutsideError)>, now: Timestamp) -> Result<(), OutsideError> {
    match failed {
        Some((at, error)) if now.duration_since(*at) < PAUSE => Err(error.clone()),
        _ => Ok(()),
    }
}

impl Follow {
    /// Marks a run as changed, so that its next read asks GitHub at once.
    pub fn touch(&self, id: u64) {
        let followed = locked(&self.asked).runs.contains_key(&id);
        if followed {
            locked(&self.touched).insert(id);
        }
    }

    /// How a run stands, from what is known if that is fresh enough.
    pub async fn known(
        &self,
        client: &Client,
        repo: &Repo,
        workflow: &str,
        id: u64,
    ) -> Result<Known, OutsideError> {
        let now = client.clock.now();
        let scope = client.scope(repo);
        let list: ListKey = (repo.clone(), workflow.to_owned());
        let together = self.note(id, &scope, &list, now);
        let is_touched = client.limits.is_plenty(&scope) && locked(&self.touched).remove(&id);
        let reading = Reading { client, repo, scope: &scope, id, now, is_touched };
        let place = Arc::clone(locked(&self.runs).entry(id).or_default());
        // Held over the requests on purpose, like the list's: whoever asks for the same waits and shares the answer.
        let mut followed = place.lock().await;
        let mut found = None;
        if !is_touched && together > ONE_BY_ONE {
            found = self.in_list(&reading, &list).await?;
        }
        let run = match found {
            Some(run) => run,
            None => self.alone(&reading, &mut followed).await?,
        };
        self.jobs(&reading, &mut followed, &run).await?;
        let is_complete = followed.jobs_of.as_ref() == Some(&mark(&run)) && {
            let count: usize = followed.jobs.iter().map(|page| page.jobs.len()).sum();
            followed.jobs.last().is_some_and(|page| page.total == count as u64)
        };
        let jobs: Vec<WorkflowJob> = followed.jobs.iter().flat_map(|page| page.jobs.clone()).collect();
        let log = log_of(client, repo, &mut followed, &jobs).await;
        Ok(Known { run, jobs, is_complete, log })
    }

    /// Notes that a run is followed. Returns how many are followed in the same list.
    fn note(&self, id: u64, scope: &str, list: &ListKey, now: Timestamp) -> usize {
        let mut asked = locked(&self.asked);
        if is_due(asked.tidied, FORGET / 5, now) {
            asked.tidied = Some(now);
            asked.runs.retain(|_, (at, _)| now.duration_since(*at) < FORGET);
            let Asked { runs, lists, .. } = &mut *asked;
            lists.retain(|_, (_, ids)| {
                ids.retain(|id| runs.contains_key(id));
                !ids.is_empty()
            });
            locked(&self.runs).retain(|id, _| runs.contains_key(id));
            locked(&self.touched).retain(|id| runs.contains_key(id));
            locked(&self.lists).retain(|key, _| lists.contains_key(key));
        }
        asked.runs.insert(id, (now, list.clone()));
        let (_, ids) = asked.lists.entry(list.clone()).or_insert_with(|| (scope.to_owned(), HashSet::new()));
        ids.insert(id);
        ids.len()
    }

    /// How many runs a limit's owner follows, and what one round over them costs in requests.
    fn load(&self, scope: &str) -> (usize, usize) {
        let asked = locked(&self.asked);
        let sizes = asked.lists.values().filter(|(of, _)| of == scope).map(|(_, ids)| ids.len());
        let pages = |runs: usize| if runs <= ONE_BY_ONE { runs } else { runs.div_ceil(PAGE) };
        sizes.fold((0, 0), |(runs, requests), size| (runs + size, requests + pages(size)))
    }

    async fn in_list(
        &self,
        reading: &Reading<'_>,
        key: &ListKey,
    ) -> Result<Option<WorkflowRun>, OutsideError> {
        let Reading { client, scope, id, now, .. } = *reading;
        let every = runs_every(self.load(scope).1);
        let place = Arc::clone(locked(&self.lists).entry(key.clone()).or_default());
        let mut list = place.lock().await;
        if is_due(list.read, every, now) {
            recent_failure(&list.failed, now)?;
            let wanted = locked(&self.asked).lists.get(key).map(|(_, ids)| ids.clone()).unwrap_or_default();
            if let Err(error) = refresh(client, key, &mut list, wanted).await {
                list.failed = Some((now, error.clone()));
                return Err(error);
            }
            list.read = Some(now);
        }
        Ok(list.pages.iter().find_map(|page| page.runs.get(&id)).cloned())
    }

    async fn alone(
        &self,
        reading: &Reading<'_>,
        followed: &mut Followed,
    ) -> Result<WorkflowRun, OutsideError> {
        let Reading { client, repo, scope, id, now, is_touched } = *reading;
        let every = runs_every(self.load(scope).1);
        if let Some((run, _)) =
            followed.run.as_ref().filter(|_| !is_touched && !is_due(followed.read, every, now))
        {
            return Ok(run.clone());
        }
        recent_failure(&followed.failed, now)?;
        let etag = followed.run.as_ref().and_then(|(_, etag)| etag.as_deref());
        let read = async {
            let answer =
                client.ask(Method::GET, repo, &format!("/actions/runs/{id}"), etag, Urgency::Display).await?;
            client.expect(&answer, repo)?;
            if answer.status == StatusCode::NOT_MODIFIED {
                return Ok(None);
            }
            Ok(Some((answer.json::<WorkflowRun>()?, answer.etag())))
        };
        match read.await {
            Ok(Some(new)) => followed.run = Some(new),
            Ok(None) => {}
            Err(error) => {
                followed.failed = Some((now, OutsideError::clone(&error)));
                return Err(error);
            }
        }
        followed.read = Some(now);
        let (run, _) = followed.run.as_ref().ok_or_else(|| OutsideError::Later {
            why: "GitHub says that nothing changed about a run that was never read".into(),
            after: None,
        })?;
        Ok(run.clone())
    }

    /// Reads the jobs of a run, if they may have changed or have not been looked at for long.
    async fn jobs(
        &self,
        reading: &Reading<'_>,
        followed: &mut Followed,
        run: &WorkflowRun,
    ) -> Result<(), OutsideError> {
        let Reading { client, repo, scope, now, is_touched, .. } = *reading;
        let (count, _) = self.load(scope);
        let has_changed = followed.jobs_of.as_ref() != Some(&mark(run));
        let status = run.status.as_deref().unwrap_or("");
        let is_waiting = matches!(status, "queued" | "requested" | "pending");
        if is_waiting && count > 20 && followed.jobs.is_empty() && !is_touched {
            return Ok(());
        }
        let has_unfinished = followed
            .jobs
            .iter()
            .flat_map(|page| &page.jobs)
            .any(|job| job.status.as_deref() != Some("completed"));
        let every = match status {
            // It has ended, but its jobs do not say so yet: they will soon.
            "completed" if has_unfinished || followed.jobs.iter().all(|page| page.jobs.is_empty()) => {
                SignedDuration::from_secs(10)
            }
            "completed" => SignedDuration::MAX,
            _ => jobs_every(count),
        };
        if !has_changed && !is_touched && !is_due(followed.jobs_read, every, now) {
            return Ok(());
        }
        followed.jobs = job_pages(client, repo, run.id, &followed.jobs).await?;
        followed.jobs_read = Some(now);
        followed.jobs_of = Some(mark(run));
        Ok(())
    }
}

/// All jobs of a run's newest attempt; pages that did not change are taken from `old`.
async fn job_pages(
    client: &Client,
    repo: &Repo,
    run: u64,
    old: &[JobPage],
) -> Result<Vec<JobPage>, OutsideError> {
    let mut pages = Vec::new();
    loop {
        let known = old.get(pages.len()).cloned().unwrap_or_default();
        let number = pages.len() + 1;
        let rest = format!("/actions/runs/{run}/jobs?filter=latest&per_page={PAGE}&page={number}");
        let answer = client.ask(Method::GET, repo, &rest, known.etag.as_deref(), Urgency::Display).await?;
        client.expect(&answer, repo)?;
        let page = if answer.status == StatusCode::NOT_MODIFIED {
            known
        } else {
            let read: Jobs = answer.json()?;
            let has_next = answer.has_next() || read.jobs.len() == PAGE;
            JobPage { etag: answer.etag(), jobs: read.jobs, total: read.total_count, has_next }
        };
        let has_next = page.has_next && number < MOST_PAGES;
        pages.push(page);
        if !has_next {
            return Ok(pages);
        }
    }
}

async fn refresh(
    client: &Client,
    (repo, workflow): &ListKey,
    list: &mut List,
    mut missing: HashSet<u64>,
) -> Result<(), OutsideError> {
    for number in 1..=MOST_PAGES {
        if list.pages.len() < number {
            list.pages.push(Page::default());
        }
        let page = &mut list.pages[number - 1];
        let file = in_path(workflow).replace('/', "%2F");
        let rest =
            format!("/actions/workflows/{file}/runs?event=workflow_dispatch&per_page={PAGE}&page={number}");
        let answer = client.ask(Method::GET, repo, &rest, page.etag.as_deref(), Urgency::Display).await?;
        client.expect(&answer, repo)?;
        if answer.status != StatusCode::NOT_MODIFIED {
            let runs = answer.json::<Runs>()?.workflow_runs;
            let has_next = answer.has_next() || runs.len() == PAGE;
            let runs = runs.into_iter().map(|run| (run.id, run)).collect();
            *page = Page { etag: answer.etag(), runs, has_next };
        }
        missing.retain(|id| !page.runs.contains_key(id));
        if missing.is_empty() || !page.has_next {
            list.pages.truncate(number);
            break;
        }
    }
    Ok(())
}

/// The end of the log of the first failed job. A log that cannot be read is tried three times, and never an error.
async fn log_of(client: &Client, repo: &Repo, followed: &mut Followed, jobs: &[WorkflowJob]) -> Vec<String> {
    let Some(job) = jobs.iter().find(|job| has_failed(job)) else { return Vec::new() };
    match &followed.log {
        Some((id, lines)) if *id == job.id => return lines.clone(),
        Some(_) => followed.log_tries = 0,
        None => {}
    }
    followed.log = None;
    if followed.log_tries >= 3 {
        return Vec::new();
    }
    followed.log_tries += 1;
    match logs::tail(client, repo, job.id).await {
        Ok(lines) => {
            followed.log = Some((job.id, lines.clone()));
            lines
        }
        Err(error) => {
            tracing::warn!(job = job.id, %repo, "the log of a failed job cannot be read: {error}");
            Vec::new()
        }
    }
}

/// Whether a job ended in a way that its log explains.
pub(super) fn has_failed(job: &WorkflowJob) -> bool {
    matches!(job.conclusion.as_deref(), Some("failure" | "timed_out" | "startup_failure"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_slow_down_as_they_cost_more_but_never_past_a_minute() {
        assert_eq!(runs_every(1), SignedDuration::from_secs(5));
        assert_eq!(runs_every(10), SignedDuration::from_secs(18));
        assert_eq!(runs_every(5_000), SignedDuration::from_secs(60));
        assert_eq!(jobs_every(1), SignedDuration::from_secs(10));
        assert_eq!(jobs_every(1_000), SignedDuration::from_secs(7_200));
    }
}
