//! The steps a run takes, and the logs it leaves. Who asks for a step is in `runs.rs`.

use super::GitHub;
use super::state::{Job, State};
use crate::clock::stamp;

impl GitHub {
    /// One step of a run; webhooks about it are queued.
    pub(super) fn step(&self, state: &mut State, id: u64, now: i64) {
        let Some(run) = state.run_mut(id) else { return };
        run.updated = now;
        let cancelled = run.cancel_asked && !run.plan.ignores_cancel;
        match run.status.as_str() {
            "completed" => {}
            _ if cancelled => {
                for job in run.jobs.iter_mut().filter(|job| job.status != "completed") {
                    end_job(job, "cancelled", now, &[]);
                }
                self.complete(state, id, "cancelled");
            }
            "queued" if run.plan.waits => {
                run.status = "waiting".into();
                run.plan.waits = false;
            }
            "queued" | "waiting" => {
                run.status = "in_progress".into();
                self.announce_run(state, id, "in_progress");
                self.begin_next_job(state, id, now);
            }
            _ => self.step_jobs(state, id, now),
        }
    }

    /// Ends the job that runs; then begins the next one or completes the run.
    fn step_jobs(&self, state: &mut State, id: u64, now: i64) {
        let Some(run) = state.run_mut(id) else { return };
        let plan = run.plan.clone();
        let is_last = run.jobs.iter().filter(|job| job.status == "queued").count() == 0;
        if let Some(job) = run.jobs.iter_mut().find(|job| job.status == "in_progress") {
            let job_id = job.id;
            match &plan.fails_at {
                Some((name, step)) if *name == job.name => {
                    fail_job(job, step, now, &plan.log);
                    for later in run.jobs.iter_mut().filter(|job| job.status == "queued") {
                        end_job(later, "skipped", now, &[]);
                    }
                }
                _ if is_last => end_job(job, &plan.conclusion, now, &plan.log),
                _ => end_job(job, "success", now, &[]),
            }
            self.announce_job(state, id, job_id, "completed");
        }
        let Some(run) = state.run(id) else { return };
        if run.jobs.iter().any(|job| job.status == "queued") {
            self.begin_next_job(state, id, now);
            return;
        }
        let failed = run.jobs.iter().any(|job| job.conclusion.as_deref() == Some("failure"));
        let conclusion = if failed { "failure".to_owned() } else { plan.conclusion };
        self.complete(state, id, &conclusion);
    }

    fn begin_next_job(&self, state: &mut State, id: u64, now: i64) {
        let Some(run) = state.run_mut(id) else { return };
        let Some(job) = run.jobs.iter_mut().find(|job| job.status == "queued") else { return };
        job.status = "in_progress";
        job.started = Some(now);
        if let Some(first) = job.steps.first_mut() {
            first.status = "in_progress";
        }
        let job_id = job.id;
        self.announce_job(state, id, job_id, "in_progress");
    }

    fn complete(&self, state: &mut State, id: u64, conclusion: &str) {
        let Some(run) = state.run_mut(id) else { return };
        run.status = "completed".into();
        run.conclusion = Some(conclusion.to_owned());
        self.announce_run(state, id, "completed");
    }
}

fn end_job(job: &mut Job, conclusion: &str, now: i64, extra: &[String]) {
    let ran = job.status == "in_progress";
    job.status = "completed";
    job.conclusion = Some(conclusion.to_owned());
    job.completed = Some(now);
    let steps = if conclusion == "success" { "success" } else { conclusion };
    for step in &mut job.steps {
        step.status = "completed";
        step.conclusion = Some(steps.to_owned());
    }
    if ran {
        job.log = log(job, extra, now);
    }
}

fn fail_job(job: &mut Job, failing: &str, now: i64, extra: &[String]) {
    job.status = "completed";
    job.conclusion = Some("failure".into());
    job.completed = Some(now);
    let mut after = false;
    for step in &mut job.steps {
        step.status = "completed";
        let fails = step.name == failing;
        step.conclusion = Some(
            if after {
                "skipped"
            } else if fails {
                "failure"
            } else {
                "success"
            }
            .to_owned(),
        );
        after |= fails;
    }
    let mut lines = extra.to_vec();
    lines.push("##[error]Process completed with exit code 1.".into());
    job.log = log(job, &lines, now);
}

fn log(job: &Job, extra: &[String], now: i64) -> String {
    let at = stamp(now).replace('Z', ".0000000Z");
    let mut text = String::new();
    for step in job.steps.iter().filter(|step| step.conclusion.as_deref() != Some("skipped")) {
        text.push_str(&format!("{at} ##[group]{}\n{at} working\n{at} ##[endgroup]\n", step.name));
    }
    for line in extra {
        text.push_str(&format!("{at} {line}\n"));
    }
    text
}
