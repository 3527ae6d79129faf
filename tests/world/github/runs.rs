//! Workflows and their runs: dispatch, lists, jobs, logs, cancel, re-run, and the steps a run takes. A run moves only
//! when it is told to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::GitHub;
use super::api::{not_found, refuse};
use super::build::{Plan, Workflow};
use super::state::{Dispatch, Job, Repo, Run, RunState, State, Step};
use crate::serve::{Answer, Call};
use crate::{NotThere, locked};

impl GitHub {
    /// All runs, oldest first.
    pub fn runs(&self) -> Vec<RunState> {
        locked(&self.0.state).runs.iter().map(shown).collect()
    }

    /// One run.
    pub fn run(&self, id: u64) -> Option<RunState> {
        locked(&self.0.state).run(id).map(shown)
    }

    /// Moves a run by one step (queued, in progress, each job in turn, completed) and delivers the webhooks about it.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn advance(&self, id: u64) -> Result<RunState, NotThere> {
        let after = {
            let now = self.config().clock.now_seconds();
            let mut state = locked(&self.0.state);
            self.step(&mut state, id, now);
            state.run(id).map(shown).ok_or_else(|| NotThere(format!("there is no run {id}")))
        };
        self.0.changes.tell();
        self.send_hooks().await;
        after
    }

    /// Moves a run until it is completed.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn finish(&self, id: u64) -> Result<RunState, NotThere> {
        loop {
            let run = self.advance(id).await?;
            if run.status == "completed" {
                return Ok(run);
            }
        }
    }

    /// Moves every run that is not completed by one step.
    pub async fn tick(&self) {
        let open: Vec<u64> = {
            let state = locked(&self.0.state);
            state.runs.iter().filter(|run| run.status != "completed").map(|run| run.id).collect()
        };
        for id in open {
            let _ = self.advance(id).await;
        }
    }

    /// Changes what an existing run will do.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn replan(&self, id: u64, plan: Plan) -> Result<(), NotThere> {
        let mut state = locked(&self.0.state);
        let run = state.run_mut(id).ok_or_else(|| NotThere(format!("there is no run {id}")))?;
        run.plan = plan;
        Ok(())
    }

    /// Somebody else starts a workflow by hand, not through us. Returns the run.
    ///
    /// # Errors
    /// When GitHub would refuse; the error is its message.
    pub fn dispatch_by_hand(
        &self,
        repo: &str,
        file: &str,
        git_ref: &str,
        inputs: &[(&str, &str)],
    ) -> Result<u64, NotThere> {
        let inputs: Map<String, Value> = inputs.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        let mut state = locked(&self.0.state);
        self.start_run(&mut state, repo, file, git_ref, &inputs)
            .map_err(|refusal| NotThere(String::from_utf8_lossy(&refusal.body).into_owned()))
    }

    pub(super) fn log_of(&self, job: u64) -> Option<String> {
        let state = locked(&self.0.state);
        state.runs.iter().flat_map(all_jobs).find(|known| known.id == job).map(|job| job.log.clone())
    }

    pub(super) fn actions(
        &self,
        state: &mut State,
        full_name: &str,
        parts: &[&str],
        call: &Call,
    ) -> Result<Answer, Answer> {
        let missing = not_found;
        match (call.method.as_str(), parts) {
            ("POST", ["actions", "workflows", file, "dispatches"]) => {
                self.dispatch(state, full_name, file, call)
            }
            ("GET", ["actions", "workflows"]) => {
                let repo = state.repo(full_name).ok_or_else(missing)?;
                let all = repo.workflows.iter().map(|(id, workflow)| self.workflow_json(repo, *id, workflow));
                Ok(self.paged(call, Some("workflows"), all.collect()))
            }
            ("GET", ["actions", "workflows", file]) => {
                let repo = state.repo(full_name).ok_or_else(missing)?;
                let (id, workflow) = workflow(repo, file).ok_or_else(missing)?;
                Ok(Answer::json(200, &self.workflow_json(repo, *id, workflow)))
            }
            ("GET", ["actions", "workflows", file, "runs"]) => {
                let repo = state.repo(full_name).ok_or_else(missing)?;
                let file = workflow(repo, file).ok_or_else(missing)?.1.file.clone();
                Ok(self.list_runs(state, full_name, Some(&file), call))
            }
            ("GET", ["actions", "runs"]) => Ok(self.list_runs(state, full_name, None, call)),
            (_, ["actions", "runs", id, rest @ ..]) => {
                let id = id.parse().map_err(|_| not_found())?;
                state.run(id).filter(|run| run.repository == full_name).ok_or_else(missing)?;
                self.one_run(state, full_name, id, rest, call)
            }
            ("GET", ["actions", "jobs", id]) => {
                let id: u64 = id.parse().map_err(|_| not_found())?;
                let repo = state.repo(full_name).ok_or_else(missing)?;
                let run = state
                    .runs
                    .iter()
                    .find(|run| all_jobs(run).any(|job| job.id == id))
                    .ok_or_else(missing)?;
                let job = all_jobs(run).find(|job| job.id == id).ok_or_else(missing)?;
                Ok(Answer::json(200, &self.job_json(repo, run, job, run.attempt)))
            }
            ("GET", ["actions", "jobs", id, "logs"]) => {
                let id: u64 = id.parse().map_err(|_| not_found())?;
                let known =
                    state.runs.iter().flat_map(all_jobs).find(|job| job.id == id).ok_or_else(missing)?;
                if known.status != "completed" {
                    return Err(missing());
                }
                let place = format!("http://{}/logs/{id}?sig=once", self.0.log_address);
                Ok(Answer::text(302, "", "").with("location", place))
            }
            ("POST", ["actions", "jobs", id, "rerun"]) => {
                let id: u64 = id.parse().map_err(|_| not_found())?;
                let run = state
                    .runs
                    .iter()
                    .find(|run| run.jobs.iter().any(|job| job.id == id))
                    .ok_or_else(missing)?;
                let run = run.id;
                self.rerun(state, run, true)
            }
            _ => Err(missing()),
        }
    }

    fn one_run(
        &self,
        state: &mut State,
        full_name: &str,
        id: u64,
        rest: &[&str],
        call: &Call,
    ) -> Result<Answer, Answer> {
        match (call.method.as_str(), rest) {
            ("POST", ["cancel" | "force-cancel"]) => {
                let run = state.run_mut(id).ok_or_else(not_found)?;
                if run.status == "completed" {
                    return Err(refuse(409, "Cannot cancel a workflow run that is completed."));
                }
                run.cancel_asked = true;
                Ok(Answer::json(202, &json!({})))
            }
            ("POST", ["rerun"]) => self.rerun(state, id, false),
            ("POST", ["rerun-failed-jobs"]) => self.rerun(state, id, true),
            ("GET", rest) => {
                let repo = state.repo(full_name).ok_or_else(not_found)?;
                let run = state.run(id).ok_or_else(not_found)?;
                match rest {
                    [] => Ok(Answer::json(200, &self.run_json(repo, run))),
                    ["pending_deployments"] => Ok(Answer::json(200, &json!([]))),
                    ["attempts", attempt] if *attempt == run.attempt.to_string() => {
                        Ok(Answer::json(200, &self.run_json(repo, run)))
                    }
                    ["jobs"] => {
                        let mut jobs: Vec<Value> = Vec::new();
                        if call.query_value("filter").as_deref() == Some("all") {
                            for (attempt, earlier) in &run.earlier_jobs {
                                jobs.extend(
                                    earlier.iter().map(|job| self.job_json(repo, run, job, *attempt)),
                                );
                            }
                        }
                        jobs.extend(run.jobs.iter().map(|job| self.job_json(repo, run, job, run.attempt)));
                        Ok(self.paged(call, Some("jobs"), jobs))
                    }
                    ["attempts", attempt, "jobs"] => {
                        let earlier = run.earlier_jobs.iter().find(|(n, _)| n.to_string() == *attempt);
                        let jobs = earlier.map_or(&run.jobs, |(_, jobs)| jobs);
                        let number = earlier.map_or(run.attempt, |(number, _)| *number);
                        let jobs = jobs.iter().map(|job| self.job_json(repo, run, job, number)).collect();
                        Ok(self.paged(call, Some("jobs"), jobs))
                    }
                    _ => Err(not_found()),
                }
            }
            _ => Err(not_found()),
        }
    }

    fn dispatch(
        &self,
        state: &mut State,
        full_name: &str,
        file: &str,
        call: &Call,
    ) -> Result<Answer, Answer> {
        let Value::Object(body) = call.json() else {
            return Err(refuse(400, "Problems parsing JSON"));
        };
        let version = call.header("x-github-api-version").unwrap_or("2022-11-28");
        let modern = version == "2026-03-10";
        let takes_details = !state.legacy && !modern;
        let unknown = body.keys().find(|key| {
            let details = *key == "return_run_details" && takes_details;
            !details && *key != "ref" && *key != "inputs"
        });
        if let Some(key) = unknown {
            let status = if state.legacy { 400 } else { 422 };
            return Err(refuse(status, &format!("Invalid request.\n\n\"{key}\" is not a permitted key.")));
        }
        let git_ref = body.get("ref").and_then(Value::as_str);
        let git_ref = git_ref.ok_or_else(|| refuse(422, "Invalid request.\n\n\"ref\" wasn't supplied."))?;
        let inputs = body.get("inputs").and_then(Value::as_object).cloned().unwrap_or_default();
        let id = self.start_run(state, full_name, file, git_ref, &inputs)?;
        if !modern && body.get("return_run_details") != Some(&json!(true)) {
            return Ok(Answer::text(204, "", ""));
        }
        let url = self.url();
        Ok(Answer::json(
            200,
            &json!({
                "workflow_run_id": id, "run_url": format!("{url}/repos/{full_name}/actions/runs/{id}"),
                "html_url": format!("{url}/{full_name}/actions/runs/{id}"),
            }),
        ))
    }

    fn start_run(
        &self,
        state: &mut State,
        full_name: &str,
        file: &str,
        git_ref: &str,
        inputs: &Map<String, Value>,
    ) -> Result<u64, Answer> {
        let now = self.config().clock.now_seconds();
        let legacy = state.legacy;
        let repo = state.repo_mut(full_name).ok_or_else(not_found)?;
        let workflow = workflow(repo, file).ok_or_else(not_found)?.1.clone();
        let short = git_ref.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/");
        let sha = repo.branches.get(short).or_else(|| repo.tags.get(short).map(|tag| &tag.commit)).cloned();
        let sha = sha.ok_or_else(|| refuse(422, &format!("No ref found for: {git_ref}")))?;
        let inputs = accepted_inputs(&workflow, inputs, if legacy { 10 } else { 25 })?;
        let plans = repo.plans.entry(workflow.file.clone()).or_default();
        let plan = match plans.len() {
            0 => Plan::default(),
            1 => plans[0].clone(),
            _ => plans.remove(0),
        };
        let repository = repo.full_name.clone();
        let id = state.serial();
        let jobs = new_jobs(state, &workflow);
        let number = state.runs.iter().filter(|run| run.workflow == workflow.file).count() + 1;
        let dispatch = Dispatch {
            repository: repository.clone(),
            workflow: workflow.file.clone(),
            git_ref: git_ref.to_owned(),
            inputs: inputs.clone(),
            run: id,
        };
        state.dispatches.push(dispatch);
        state.runs.push(Run {
            id,
            number: u64::try_from(number).unwrap_or(0),
            repository,
            title: title(&workflow, &inputs),
            workflow: workflow.file,
            event: "workflow_dispatch".into(),
            git_ref: short.to_owned(),
            sha,
            inputs,
            status: "queued".into(),
            conclusion: None,
            attempt: 1,
            created: now,
            started: now,
            updated: now,
            jobs,
            earlier_jobs: Vec::new(),
            plan,
            cancel_asked: false,
            hidden_for: state.list_lag,
        });
        self.announce_run(state, id, "requested");
        Ok(id)
    }

    fn rerun(&self, state: &mut State, id: u64, only_failed: bool) -> Result<Answer, Answer> {
        let now = self.config().clock.now_seconds();
        let run = state.run(id).ok_or_else(not_found)?.clone();
        if run.status != "completed" {
            return Err(refuse(403, "This workflow is already running"));
        }
        let workflow = state.repo(&run.repository).and_then(|repo| workflow(repo, &run.workflow));
        let workflow = workflow.ok_or_else(not_found)?.1.clone();
        let mut jobs = new_jobs(state, &workflow);
        if only_failed {
            for (job, earlier) in jobs.iter_mut().zip(&run.jobs) {
                if earlier.conclusion.as_deref() == Some("success") {
                    *job = Job { id: job.id, ..earlier.clone() };
                }
            }
        }
        let plans = state.repo_mut(&run.repository).and_then(|repo| repo.plans.get_mut(&run.workflow));
        let plan = plans.and_then(|plans| match plans.len() {
            0 => None,
            1 => Some(plans[0].clone()),
            _ => Some(plans.remove(0)),
        });
        let run = state.run_mut(id).ok_or_else(not_found)?;
        let earlier = std::mem::replace(&mut run.jobs, jobs);
        run.earlier_jobs.push((run.attempt, earlier));
        run.attempt += 1;
        run.status = "queued".into();
        run.conclusion = None;
        run.cancel_asked = false;
        run.started = now;
        run.updated = now;
        run.plan = plan.unwrap_or_default();
        self.announce_run(state, id, "requested");
        Ok(Answer::json(201, &json!({})))
    }

    fn list_runs(&self, state: &mut State, full_name: &str, file: Option<&str>, call: &Call) -> Answer {
        let wanted = |name: &str, value: &str| call.query_value(name).is_none_or(|wanted| wanted == value);
        let created = call.query_value("created");
        let mut found = Vec::new();
        let Some(repo) = state.repo(full_name).cloned() else { return not_found() };
        for run in state.runs.iter_mut().rev().filter(|run| run.repository == repo.full_name) {
            if run.hidden_for > 0 {
                run.hidden_for -= 1;
                continue;
            }
            let status = call.query_value("status").is_none_or(|wanted| {
                wanted == run.status
                    || run.conclusion.as_ref().is_some_and(|conclusion| *conclusion == wanted)
            });
            let matches = file.is_none_or(|file| file == run.workflow)
                && status
                && wanted("event", &run.event)
                && wanted("branch", &run.git_ref)
                && wanted("head_sha", &run.sha)
                && wanted("actor", "shipgate[bot]")
                && created.as_ref().is_none_or(|range| in_range(run.created, range));
            if matches {
                found.push(self.run_json(&repo, run));
            }
        }
        // Filtered lists end after a thousand runs.
        found.truncate(1000);
        self.paged(call, Some("workflow_runs"), found)
    }
}

fn shown(run: &Run) -> RunState {
    RunState {
        id: run.id,
        repository: run.repository.clone(),
        workflow: run.workflow.clone(),
        title: run.title.clone(),
        status: run.status.clone(),
        conclusion: run.conclusion.clone(),
        attempt: run.attempt,
        inputs: run.inputs.clone(),
        jobs: run.jobs.iter().map(|j| (j.name.clone(), j.status.to_owned(), j.conclusion.clone())).collect(),
    }
}

fn all_jobs(run: &Run) -> impl Iterator<Item = &Job> {
    run.jobs.iter().chain(run.earlier_jobs.iter().flat_map(|(_, jobs)| jobs))
}

/// A workflow by file name or id.
fn workflow<'a>(repo: &'a Repo, key: &str) -> Option<&'a (u64, Workflow)> {
    repo.workflows.iter().find(|(id, workflow)| workflow.file == key || id.to_string() == key)
}

fn new_jobs(state: &mut State, workflow: &Workflow) -> Vec<Job> {
    workflow
        .jobs
        .iter()
        .map(|plan| Job {
            id: state.serial(),
            name: plan.name.clone(),
            status: "queued",
            conclusion: None,
            steps: plan
                .steps
                .iter()
                .map(|name| Step { name: name.clone(), status: "queued", conclusion: None })
                .collect(),
            started: None,
            completed: None,
            log: String::new(),
        })
        .collect()
}

/// Inputs with defaults, or GitHub's refusal.
fn accepted_inputs(
    workflow: &Workflow,
    sent: &Map<String, Value>,
    most: usize,
) -> Result<BTreeMap<String, String>, Answer> {
    let Some(declared) = &workflow.inputs else {
        return Err(refuse(422, "Workflow does not have 'workflow_dispatch' trigger"));
    };
    if workflow.disabled {
        return Err(refuse(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"));
    }
    if sent.len() > most {
        return Err(refuse(
            422,
            &format!("you may only define up to {most} `inputs` for a `workflow_dispatch` event"),
        ));
    }
    if Value::Object(sent.clone()).to_string().chars().count() > 65_535 {
        return Err(refuse(422, "inputs are too large."));
    }
    let unexpected: Vec<&String> =
        sent.keys().filter(|name| !declared.iter().any(|i| i.name == **name)).collect();
    if !unexpected.is_empty() {
        return Err(refuse(422, &format!("Unexpected inputs provided: {}", json!(unexpected))));
    }
    let mut accepted = BTreeMap::new();
    for input in declared {
        let name = &input.name;
        let value = match sent.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Null) | None => input.default.clone(),
            Some(other) => Some(other.to_string()),
        };
        let Some(value) = value.filter(|value| !(value.is_empty() && input.required)) else {
            if input.required {
                return Err(refuse(422, &format!("Required input '{name}' not provided")));
            }
            continue;
        };
        if !input.options.is_empty() && !input.options.contains(&value) {
            let message =
                format!("Provided value '{value}' for input '{name}' not in the list of allowed values");
            return Err(refuse(422, &message));
        }
        accepted.insert(name.clone(), value);
    }
    Ok(accepted)
}

fn title(workflow: &Workflow, inputs: &BTreeMap<String, String>) -> String {
    let Some(template) = &workflow.run_name else { return workflow.name.clone() };
    let mut title = template.clone();
    for input in workflow.inputs.iter().flatten() {
        let value = inputs.get(&input.name).map_or("", String::as_str);
        title = title.replace(&format!("${{{{ inputs.{} }}}}", input.name), value);
    }
    title
}

/// `created` as GitHub's search syntax: `>=time`, `>time`, `<=time`, `<time`, `from..to`, or a time or day.
fn in_range(created: i64, range: &str) -> bool {
    let at = |raw: &str| -> Option<i64> {
        let day = format!("{raw}T00:00:00Z");
        let parsed = raw.parse::<jiff::Timestamp>().or_else(|_| day.parse());
        parsed.ok().map(jiff::Timestamp::as_second)
    };
    let compared =
        |raw: &str, holds: fn(i64, i64) -> bool| at(raw).is_some_and(|limit| holds(created, limit));
    if let Some((from, to)) = range.split_once("..") {
        let from = from == "*" || compared(from, |c, limit| c >= limit);
        return from && (to == "*" || compared(to, |c, limit| c <= limit));
    }
    match range {
        _ if range.starts_with(">=") => compared(&range[2..], |c, limit| c >= limit),
        _ if range.starts_with("<=") => compared(&range[2..], |c, limit| c <= limit),
        _ if range.starts_with('>') => compared(&range[1..], |c, limit| c > limit),
        _ if range.starts_with('<') => compared(&range[1..], |c, limit| c < limit),
        _ => compared(range, |c, limit| c >= limit && c < limit + 86_400),
    }
}
