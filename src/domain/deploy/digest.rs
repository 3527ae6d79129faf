//! From a pinned request to exactly one plan and one digest. Not here: when they are made.

use super::{Asked, Kind, Request};
use crate::ids::{CommitId, DeployId, Digest, PolicyVersion};
use crate::policy::Service;
use crate::run::{RunPlan, Start};
use sha2::{Digest as _, Sha256};

/// Fills the service's pipeline with this request, and hashes everything that people approve: deploy id, service,
/// environment, commit, kind, requester, emergency, workflow identity, parameters and policy version. Two deploys
/// never share a digest, because the id is in it.
#[must_use]
pub fn plan_and_digest(
    id: &DeployId,
    request: &Request,
    commit: &CommitId,
    service: &Service,
    policy: &PolicyVersion,
    workflow_id: Option<&str>,
) -> (RunPlan, Digest) {
    let fill = |template: &String| filled(template, id, request, commit);
    let pipeline = &service.pipeline;
    let plan = RunPlan {
        deploy: id.clone(),
        provider: pipeline.provider,
        repo: pipeline.repo.clone(),
        workflow: pipeline.workflow.clone(),
        workflow_id: workflow_id.map(ToOwned::to_owned),
        git_ref: pipeline.git_ref.clone(),
        commit: commit.clone(),
        inputs: pipeline.inputs.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
        command: pipeline.command.iter().map(fill).collect(),
        start: match &request.kind {
            Kind::Deploy | Kind::Rollback { .. } | Kind::Action(_) => Start::New,
            Kind::Rerun { run, .. } => Start::FailedJobs { run: run.id.clone(), attempt: run.attempt },
        },
    };
    let mut sha = Sha256::new();
    let mut feed = |part: &[u8]| {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    };
    feed(b"shipgate-digest-1");
    feed(id.as_str().as_bytes());
    feed(&serde_json::to_vec(request).expect("a request is plain data"));
    feed(&serde_json::to_vec(&plan).expect("a plan is plain data"));
    feed(policy.as_str().as_bytes());
    let digest = crate::hex(&sha.finalize()).parse().expect("64 hex digits");
    (plan, digest)
}

/// A template with its placeholders filled in, in one pass: what was filled in is data, also when it has braces.
#[must_use]
pub fn filled(template: &str, id: &DeployId, request: &Request, commit: &CommitId) -> String {
    let asked = match &request.kind {
        Kind::Action(asked) => Some(asked),
        Kind::Deploy | Kind::Rollback { .. } | Kind::Rerun { .. } => None,
    };
    let value = |name: &str| match name {
        "service" => Some(request.service.as_str()),
        "environment" => Some(request.environment.as_str()),
        "version" => Some(request.version.as_str()),
        "sha" => Some(commit.as_str()),
        "deploy" => Some(id.as_str()),
        other => asked.and_then(|Asked { args, .. }| args.get(other)).map(String::as_str),
    };
    let (mut out, mut rest) = (String::with_capacity(template.len()), template);
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let found = inside.find('}').and_then(|close| Some((value(&inside[..close])?, &inside[close + 1..])));
        match found {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            // Stands for nothing: it is text.
            None => {
                out.push('{');
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    out
}
