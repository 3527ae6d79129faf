//! What people approve is exactly what is sent: the digest changes with everything in it. Not here: who approves.

use crate::deploy::{Accepts, Asked, Kind, Request, StartWhen, plan_and_digest};
use crate::ids::{Account, CommitId, DeployId, Digest, Platform, PolicyVersion};
use crate::policy::{Pipeline, Provider, Service};
use crate::run::{RunPlan, Start};
use crate::samples::{self, at, commit, deploy_id, parsed};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// Everything a digest is made of.
#[derive(Clone)]
struct Parts {
    id: DeployId,
    request: Request,
    commit: CommitId,
    service: Service,
    policy: PolicyVersion,
    workflow_id: Option<String>,
}

impl Parts {
    fn usual() -> Self {
        Self {
            id: deploy_id(),
            request: samples::request(),
            commit: commit('a'),
            service: samples::service(),
            policy: samples::policy_version(),
            workflow_id: None,
        }
    }
    fn plan_and_digest(&self) -> (RunPlan, Digest) {
        plan_and_digest(
            &self.id,
            &self.request,
            &self.commit,
            &self.service,
            &self.policy,
            self.workflow_id.as_deref(),
        )
    }
}

fn asked(args: &[(&str, &str)]) -> Asked {
    let args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Asked { name: parsed("flag"), args, live: None, read_only: false, arguments: String::new() }
}

fn action(args: &[(&str, &str)]) -> Kind {
    Kind::Action(asked(args))
}

/// A change of one field, with its name.
type Change = (&'static str, fn(&mut Parts));

/// One change of every field. The patterns name all fields, so that a new one stops the build here.
fn changes() -> Vec<Change> {
    let Request {
        kind: _,
        service: _,
        environment: _,
        version: _,
        by: _,
        account: _,
        at: _,
        reason: _,
        emergency: _,
        when: _,
        accepts: Accepts { older: _, across_migrations: _ },
    } = samples::request();
    // What is looked for in a change is in the policy's version.
    let Service { name: _, default: _, pipeline, preflight: _ } = samples::service();
    let Pipeline { provider: _, repo: _, workflow: _, git_ref: _, inputs: _, command: _ } = pipeline;
    vec![
        ("id", |p| p.id = DeployId::new(at(samples::ASKED), [8; 10])),
        ("commit", |p| p.commit = commit('b')),
        ("a longer commit", |p| p.commit = parsed(&"a".repeat(64))),
        ("policy", |p| p.policy = parsed(&"1".repeat(64))),
        ("kind: action", |p| p.request.kind = action(&[])),
        ("kind: action with an argument", |p| p.request.kind = action(&[("flag", "till")])),
        ("kind: action with another argument", |p| p.request.kind = action(&[("flag", "tills")])),
        ("kind: action on what runs", |p| {
            p.request.kind = Kind::Action(Asked { live: Some(deploy_id()), ..asked(&[]) });
        }),
        ("kind: action that changes nothing", |p| {
            p.request.kind = Kind::Action(Asked { read_only: true, ..asked(&[]) });
        }),
        ("kind: rollback", |p| p.request.kind = Kind::Rollback { from: None }),
        ("kind: rollback from", |p| p.request.kind = Kind::Rollback { from: Some(commit('b')) }),
        ("kind: rerun", |p| p.request.kind = Kind::Rerun { of: deploy_id(), run: samples::run(1) }),
        ("kind: rerun of a later attempt", |p| {
            p.request.kind = Kind::Rerun { of: deploy_id(), run: samples::run(2) };
        }),
        ("service", |p| p.request.service = parsed("web")),
        ("environment", |p| p.request.environment = parsed("staging")),
        ("version", |p| p.request.version = parsed("v1.2.4")),
        ("by", |p| p.request.by = parsed("grace")),
        ("account id", |p| p.request.account.id = "U0OTHER".to_owned()),
        ("account platform", |p| {
            p.request.account = Account { platform: Platform::Discord, id: "U0ADA".to_owned() };
        }),
        ("at", |p| p.request.at += SignedDuration::from_millis(1)),
        ("reason", |p| p.request.reason = Some("the new checkouts".to_owned())),
        ("no reason", |p| p.request.reason = None),
        ("emergency", |p| p.request.emergency = Some(String::new())),
        ("planned", |p| p.request.when = StartWhen::At(at(samples::ASKED))),
        ("planned a second later", |p| {
            p.request.when = StartWhen::At(at(samples::ASKED) + SignedDuration::from_secs(1));
        }),
        ("when open", |p| p.request.when = StartWhen::WhenOpen),
        ("an older version is meant", |p| p.request.accepts.older = Some("why".to_owned())),
        ("crossing migrations is meant", |p| p.request.accepts.across_migrations = Some("why".to_owned())),
        ("workflow file", |p| p.workflow_id = Some("b".repeat(40))),
        ("another workflow file", |p| p.workflow_id = Some("c".repeat(40))),
        ("provider", |p| p.service.pipeline.provider = Provider::Command),
        ("repo", |p| p.service.pipeline.repo = "acme/apis".to_owned()),
        ("workflow", |p| p.service.pipeline.workflow = "other.yml".to_owned()),
        ("git_ref", |p| p.service.pipeline.git_ref = "trunk".to_owned()),
        ("an input's value", |p| {
            p.service.pipeline.inputs.insert("environment".to_owned(), "{service}".to_owned());
        }),
        ("another input", |p| {
            p.service.pipeline.inputs.insert("dry_run".to_owned(), String::new());
        }),
        ("an input less", |p| {
            p.service.pipeline.inputs.remove("environment");
        }),
        ("command", |p| p.service.pipeline.command.push(String::new())),
        ("the words of the command split otherwise", |p| {
            p.service.pipeline.command = vec!["./deploy.sh {service}".to_owned(), "{version}".to_owned()];
        }),
    ]
}

#[test]
fn any_one_change_gives_another_digest_and_no_two_the_same() {
    let mut digests = BTreeSet::from([Parts::usual().plan_and_digest().1.to_string()]);
    for (what, change) in changes() {
        let mut parts = Parts::usual();
        change(&mut parts);
        assert!(digests.insert(parts.plan_and_digest().1.to_string()), "{what}");
    }
}

#[test]
fn the_same_request_gives_the_same_plan_and_digest() {
    for (what, change) in changes() {
        let mut parts = Parts::usual();
        change(&mut parts);
        assert_eq!(parts.plan_and_digest(), parts.clone().plan_and_digest(), "{what}");
    }
}

#[test]
fn an_approval_of_one_change_never_fits_another() {
    let mut approved = samples::deploy_after(&["pinned", "approved"]);
    let given = approved.approvals[0].digest.clone();
    for (what, change) in changes() {
        let mut parts = Parts::usual();
        assert_eq!(parts.plan_and_digest().1, given);
        change(&mut parts);
        approved.pinned.as_mut().unwrap().digest = parts.plan_and_digest().1;
        assert!(approved.approvals.iter().all(|a| Some(&a.digest) != approved.digest()), "{what}");
    }
}

#[test]
fn every_placeholder_is_filled_in_inputs_and_command() {
    let mut parts = Parts::usual();
    let all = "{service}|{environment}|{version}|{sha}|{deploy}".to_owned();
    parts.service.pipeline.inputs = [("all".to_owned(), all.clone())].into();
    parts.service.pipeline.command = vec![all];
    let (plan, _) = parts.plan_and_digest();
    let filled = format!("api|production|v1.2.3|{}|{}", commit('a'), deploy_id());
    assert_eq!(plan.inputs["all"], filled);
    assert_eq!(plan.command, [filled]);
}

#[test]
fn only_a_rerun_asks_for_failed_jobs() {
    let start = |kind: Kind| {
        let mut parts = Parts::usual();
        parts.request.kind = kind;
        parts.plan_and_digest().0.start
    };
    assert_eq!(start(Kind::Deploy), Start::New);
    assert_eq!(start(Kind::Rollback { from: None }), Start::New);
    let rerun = Kind::Rerun { of: deploy_id(), run: samples::run(2) };
    assert_eq!(start(rerun), Start::FailedJobs { run: parsed("4711"), attempt: 2 });
}

/// Approvals that people gave before an update must still fit after it: if this fails, the digest's format changed, and
/// its format word must change with it.
#[test]
fn the_digest_of_a_known_deploy_stays_what_it_is() {
    let (plan, digest) = Parts::usual().plan_and_digest();
    super::stored::as_stored("plan", &plan);
    assert_eq!(digest.as_str(), "1724181b13e0d79356164186ae3557701354c51361b13eb93297c657fc7dd5d2");
}

#[test]
fn an_argument_is_filled_in_as_it_is_and_what_it_holds_is_never_filled_in_again() {
    let mut parts = Parts::usual();
    let templates = [("flag", "{flag}"), ("both", "{flag}/{state}@{sha}"), ("text", "{nobody} { {flag")];
    parts.service.pipeline.inputs =
        templates.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    parts.service.pipeline.command = vec!["./flag".into(), "{flag}".into()];
    parts.request.kind = action(&[("flag", "{sha} {deploy}; rm -rf"), ("state", "on"), ("sha", "forged")]);
    let (plan, _) = parts.plan_and_digest();
    let sha = "a".repeat(40);
    assert_eq!(plan.inputs["flag"], "{sha} {deploy}; rm -rf");
    assert_eq!(plan.inputs["both"], format!("{{sha}} {{deploy}}; rm -rf/on@{sha}"));
    assert_eq!(plan.inputs["text"], "{nobody} { {flag");
    assert_eq!(plan.command, ["./flag", "{sha} {deploy}; rm -rf"]);
}
