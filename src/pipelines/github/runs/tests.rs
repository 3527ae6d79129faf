//! How GitHub's words for runs and links become ours. Not here: any request.

use super::*;
use serde_json::json;

fn known(run: serde_json::Value, jobs: serde_json::Value, is_complete: bool) -> Known {
    let run = serde_json::from_value(run).unwrap();
    let jobs = serde_json::from_value(jobs).unwrap();
    Known { run, jobs, is_complete, log: vec!["boom".into()] }
}

fn standing_of(conclusion: &str, jobs: serde_json::Value) -> Standing {
    let run = json!({ "id": 1, "status": "completed", "conclusion": conclusion, "updated_at": "1970-01-01T00:00:00Z" });
    of_run(&known(run, jobs, true), Timestamp::UNIX_EPOCH)
}

#[test]
fn only_the_word_success_is_success() {
    let done = json!([{ "id": 2, "status": "completed", "conclusion": "success" }]);
    assert_eq!(standing_of("success", done.clone()), Standing::Ended(Conclusion::Success));
    for word in
        ["failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale", "new_word"]
    {
        let Standing::Ended(conclusion) = standing_of(word, done.clone()) else { panic!("{word} is an end") };
        assert_ne!(conclusion, Conclusion::Success, "{word}");
    }
}

#[test]
fn a_run_has_not_ended_while_its_jobs_say_otherwise() {
    let busy = json!([{ "id": 2, "status": "in_progress" }]);
    assert_eq!(standing_of("success", busy.clone()), Standing::Running);
    assert_eq!(standing_of("success", json!([])), Standing::Running);
    assert_eq!(standing_of("failure", busy.clone()), Standing::Running);
    assert_eq!(
        standing_of("startup_failure", json!([])),
        Standing::Ended(Conclusion::Other("startup failure".into()))
    );
    let run = json!({ "id": 1, "status": "completed", "conclusion": "cancelled", "updated_at": "1970-01-01T00:00:00Z" });
    let later = Timestamp::from_second(60).unwrap();
    assert_eq!(of_run(&known(run, busy, true), later), Standing::Ended(Conclusion::Cancelled));
}

#[test]
fn unknown_words_and_missing_fields_are_no_error() {
    let run = json!({ "id": 1, "name": null, "status": "something_new", "run_attempt": null });
    let jobs = json!([{ "id": 2, "status": "requested", "name": null, "runner_id": 99_999_999_999_u64 }]);
    let report = report(&known(run, jobs, true), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(report.progress.standing, Standing::Running);
    assert_eq!(report.progress.jobs[0].standing, Standing::Queued);
    assert_eq!(report.run.attempt, 1);
}

#[test]
fn a_job_that_was_cancelled_before_a_machine_took_it_never_began() {
    let begun = |word: &str, more: serde_json::Value| {
        let mut job = json!({ "id": 2, "status": "completed", "conclusion": word,
            "started_at": "1970-01-01T00:00:00Z", "completed_at": "1970-01-01T00:00:00Z" });
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let run = json!({ "id": 1, "status": "completed", "conclusion": word });
        let report = report(&known(run, json!([job]), true), Timestamp::UNIX_EPOCH).unwrap();
        (report.progress.jobs[0].started.is_some(), report.progress.was_stopped_unbegun())
    };
    assert_eq!(begun("cancelled", json!({})), (false, true));
    assert_eq!(begun("cancelled", json!({ "runner_id": 0 })), (false, true));
    assert_eq!(begun("cancelled", json!({ "runner_id": 7 })), (true, false));
    assert_eq!(begun("cancelled", json!({ "steps": [{ "name": "Check out" }] })), (true, false));
    assert_eq!(begun("failure", json!({})), (true, false));
}

#[test]
fn the_failed_step_is_named_with_its_log() {
    let run = json!({ "id": 1, "status": "completed", "conclusion": "failure" });
    let jobs = json!([{ "id": 2, "name": "deploy", "status": "completed", "conclusion": "failure", "steps": [
        { "name": "Check out", "conclusion": "success" }, { "name": "Push", "conclusion": "failure" }] }]);
    let failed = report(&known(run, jobs, true), Timestamp::UNIX_EPOCH).unwrap().progress.failed.unwrap();
    assert_eq!((failed.job.as_str(), failed.step.as_deref()), ("deploy", Some("Push")));
    assert_eq!(failed.log, ["boom"]);
}

#[test]
fn links_are_recognised_only_for_their_own_repository() {
    let repo = Repo::parse("acme/api").unwrap();
    for link in [
        "77",
        " 77 ",
        "https://github.com/acme/api/actions/runs/77",
        "<https://github.com/Acme/API/actions/runs/77/job/5?pr=1>",
    ] {
        assert_eq!(id_in(link, &repo), Some(77), "{link}");
    }
    for link in
        ["", "x", "https://github.com/acme/web/actions/runs/77", "https://github.com/acme/api/pull/77"]
    {
        assert_eq!(id_in(link, &repo), None, "{link}");
    }
    assert!(Repo::parse("acme/../x").is_err());
}
