//! Where a rollback goes. Not here: whether it may.

use super::*;
use jiff::Timestamp;
use shipgate_domain::deploy::{Pinned, Ran};
use shipgate_domain::facts::{Pin, Read, RefKind};
use shipgate_domain::ids::{Account, DeployId, Platform};
use shipgate_domain::policy::{Pipeline, Provider};
use shipgate_domain::run::{Conclusion, Progress, Run, Standing};
use std::collections::BTreeMap;

fn commit(number: u32) -> CommitId {
    format!("{number:040x}").parse().expect("40 hex digits")
}

/// A history, oldest first: "1" succeeded, "1x" failed, "<1" went back to 1, "<1x" was to go back to 1 and did not.
fn history(words: &str) -> Vec<Deploy> {
    let service = Service {
        name: "api".parse().expect("a name"),
        default: true,
        pipeline: Pipeline {
            provider: Provider::Command,
            repo: ".".into(),
            workflow: String::new(),
            git_ref: "main".into(),
            inputs: BTreeMap::new(),
            command: vec!["true".into()],
        },
        preflight: Default::default(),
    };
    let mut ran: Vec<Deploy> = Vec::new();
    for (index, word) in words.split_whitespace().enumerate() {
        let number: u32 = word.trim_matches(['<', 'x']).parse().expect("a number");
        let at = Timestamp::from_second(1_000 + index as i64).expect("an instant");
        let kind = if word.starts_with('<') {
            Kind::Rollback { from: ran.first().and_then(|d| d.commit()).cloned() }
        } else {
            Kind::Deploy
        };
        let request = Request {
            kind,
            service: service.name.clone(),
            environment: "production".parse().expect("a name"),
            version: format!("v{number}").parse().expect("a version"),
            by: "ada".parse().expect("a person"),
            account: Account { platform: Platform::Slack, id: "U0ADA".into() },
            at,
            reason: None,
            emergency: None,
            when: shipgate_domain::deploy::StartWhen::Now,
            accepts: Default::default(),
        };
        let policy = "a".repeat(64).parse().expect("64 hex digits");
        let mut deploy = Deploy::new(DeployId::new(at, [0; 10]), request, policy);
        let (plan, digest) = shipgate_domain::deploy::plan_and_digest(
            &deploy.id,
            &deploy.request,
            &commit(number),
            &service,
            &deploy.policy,
            None,
        );
        let pin =
            Pin { commit: commit(number), kind: RefKind::Tag, title: String::new(), author: String::new() };
        deploy.pinned = Some(Pinned { pin, diff: Read::Known(None), plan, digest });
        let failed = word.ends_with('x');
        let conclusion = if failed { Conclusion::Failure } else { Conclusion::Success };
        let outcome =
            if failed { Outcome::Failed { why: "red".into(), closed_by: None } } else { Outcome::Succeeded };
        let run = Run { id: format!("run-{index}").parse().expect("a run id"), attempt: 1, url: None };
        let progress = Progress { standing: Standing::Ended(conclusion), jobs: Vec::new(), failed: None };
        deploy.state = State::Done { outcome, at, ran: Some(Ran { run, since: at, progress }) };
        ran.insert(0, deploy);
    }
    ran
}

#[test]
fn a_rollback_goes_to_the_newest_version_that_is_still_thought_well_of() {
    for (words, target) in [
        ("1", None),
        ("1x", None),
        ("1 2", Some(1)),
        // Nobody knows what runs after a failure: back to the last success.
        ("1 2 3x", Some(2)),
        ("1 2 2x", Some(2)),
        // A way back that failed or was stopped changes nothing about where back is.
        ("1 2 3x <2x", Some(2)),
        // What was left is not returned to.
        ("1 2 3 <2", Some(1)),
        ("1 2 3x <2", Some(1)),
        ("1 2 <1 3", Some(1)),
        // Unless somebody deployed it again on purpose.
        ("1 2 <1 2 3", Some(2)),
        // A way back to something is better than none.
        ("1 2 <1", Some(2)),
        ("1 2 3 <2 <1 3", Some(1)),
    ] {
        let ran = history(words);
        let found = last_good(&ran).and_then(|d| d.commit()).cloned();
        assert_eq!(found, target.map(commit), "{words}");
    }
}

#[test]
fn a_version_that_was_left_for_a_better_one_is_no_way_back() {
    let ran = history("1 2 3 <2");
    assert_eq!(rolled_away_from(&ran), BTreeSet::from([&commit(3)]));
    let ran = history("1 2 3 <2 3");
    assert!(rolled_away_from(&ran).is_empty(), "it was deployed again on purpose");
}
