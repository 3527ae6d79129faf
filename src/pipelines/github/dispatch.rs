//! The one request that starts a run: sent once, judged by the table of INVARIANTS 5.4.4. Not here: finding the run
//! that it started (`runs`).
//!
//! It does not go through octocrab. Whether a deploy may be tried again hangs on one question, whether a byte of the
//! request was written, and octocrab's client wraps that answer away, pools connections and follows redirects.

use super::client::Repo;
use super::errors;
use super::models::Dispatched;
use crate::text::{inert, without};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use shipgate_app::ports::Sent;
use shipgate_domain::run::{Run, RunPlan, Start};
use shipgate_outbound::{Connector, connector};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

pub(super) const WHOLE: Duration = Duration::from_secs(30);
const LARGEST_BODY: usize = 64 * 1024;

/// How a host wants to be asked for the id of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispatchForm {
    /// API version 2026-03-10: the answer always names the run.
    Always,
    /// API version 2022-11-28 with `return_run_details`: the answer names the run.
    OnRequest,
    /// API version 2022-11-28 of older GitHub Enterprise Servers: the answer names nothing.
    Never,
}

impl DispatchForm {
    /// The newest form that a host can be expected to know.
    pub(super) fn of_host(api_url: &str) -> Self {
        let host = api_url.split("://").last().unwrap_or("").split(['/', ':']).next().unwrap_or("");
        let is_github = host == "api.github.com" || host.ends_with(".ghe.com");
        if is_github { Self::Always } else { Self::OnRequest }
    }

    fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Always,
            1 => Self::OnRequest,
            _ => Self::Never,
        }
    }

    fn older(self) -> Option<Self> {
        match self {
            Self::Always => Some(Self::OnRequest),
            Self::OnRequest => Some(Self::Never),
            Self::Never => None,
        }
    }

    fn api_version(self) -> &'static str {
        match self {
            Self::Always => "2026-03-10",
            Self::OnRequest | Self::Never => "2022-11-28",
        }
    }
}

/// What came of the request itself.
enum Came {
    Answer(StatusCode, HeaderMap, Bytes),
    Nothing { why: String, is_unsent: bool },
}

/// A client that sends each request at most once over a connection of its own.
pub(super) struct Once {
    client: Client<Connector, Full<Bytes>>,
    api_url: String,
    form: AtomicU8,
}

impl Once {
    pub fn new(api_url: &str, form: DispatchForm) -> Result<Self, String> {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector(None)?);
        let api_url = api_url.trim_end_matches('/').to_owned();
        Ok(Self { client, api_url, form: AtomicU8::new(form as u8) })
    }

    /// How the host is asked, as far as it is known by now.
    pub fn form(&self) -> DispatchForm {
        DispatchForm::from_number(self.form.load(Ordering::Relaxed))
    }

    /// Sends the plan, and says what is known of it afterwards.
    pub async fn send(&self, plan: &RunPlan, repo: &Repo, token: &SecretString, now: Timestamp) -> Sent {
        let form = self.form();
        let (path, body) = match &plan.start {
            Start::New => {
                let file = super::client::in_path(&plan.workflow).replace('/', "%2F");
                (repo.path(&format!("/actions/workflows/{file}/dispatches")), dispatch_body(plan, form))
            }
            Start::FailedJobs { run, .. } => {
                (repo.path(&format!("/actions/runs/{run}/rerun-failed-jobs")), json!({}))
            }
        };
        let came = match self.request(plan, &path, &body, token, form) {
            Ok(request) => self.post(request, token).await,
            Err(why) => Came::Nothing { why, is_unsent: true },
        };
        match came {
            Came::Nothing { why, is_unsent: true } => {
                Sent::NotSent { why: format!("GitHub cannot be reached ({why})"), after: None }
            }
            Came::Nothing { why, is_unsent: false } => {
                Sent::Unknown { why: format!("GitHub did not say whether it started the run ({why})") }
            }
            Came::Answer(status, headers, body) => {
                let sent = self.judge(plan, repo, status, &headers, &body, now);
                let is_too_new = status == StatusCode::BAD_REQUEST
                    || (status == StatusCode::UNPROCESSABLE_ENTITY
                        && errors::message(&body).contains("return_run_details"));
                match form.older().filter(|_| is_too_new && plan.start == Start::New) {
                    Some(older) => {
                        self.form.store(older as u8, Ordering::Relaxed);
                        let why = "this GitHub server is older and did not understand the request".to_owned();
                        Sent::NotSent { why, after: None }
                    }
                    None => sent,
                }
            }
        }
    }

    fn request(
        &self,
        plan: &RunPlan,
        path: &str,
        body: &Value,
        token: &SecretString,
        form: DispatchForm,
    ) -> Result<Request<Full<Bytes>>, String> {
        Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.api_url))
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .header(header::USER_AGENT, format!("shipgate/{} ({})", env!("CARGO_PKG_VERSION"), plan.deploy))
            .header("x-github-api-version", form.api_version())
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| format!("the request cannot be written: {error}"))
    }

    async fn post(&self, request: Request<Full<Bytes>>, token: &SecretString) -> Came {
        let sent = async {
            let response = self.client.request(request).await.map_err(|error| Came::Nothing {
                // Connecting includes the TLS handshake; the request is written after it, never before.
                is_unsent: error.is_connect(),
                why: errors::chain(&error),
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|_| Came::Nothing {
                is_unsent: false,
                why: format!("its answer {} broke off", parts.status.as_u16()),
            })?;
            Ok::<_, Came>(Came::Answer(parts.status, parts.headers, without(token, body.to_bytes())))
        };
        match tokio::time::timeout(WHOLE, sent).await {
            Ok(Ok(came) | Err(came)) => came,
            Err(_) => {
                Came::Nothing { is_unsent: false, why: format!("no answer within {} s", WHOLE.as_secs()) }
            }
        }
    }

    fn judge(
        &self,
        plan: &RunPlan,
        repo: &Repo,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Sent {
        if status.is_success() {
            return accepted(plan, body);
        }
        if let Some(after) = errors::rate_limited(status, headers, body, now) {
            return Sent::NotSent { why: "GitHub's rate limit is used up".into(), after: Some(after) };
        }
        let said = errors::message(body);
        match status.as_u16() {
            400 | 401 | 403 | 404 | 422 => Sent::Refused { why: refusal(plan, repo, status.as_u16(), &said) },
            code => {
                let said = if said.is_empty() { String::new() } else { format!(": “{said}”") };
                Sent::Unknown { why: format!("GitHub answered {code}{said}, which can mean both") }
            }
        }
    }
}

fn dispatch_body(plan: &RunPlan, form: DispatchForm) -> Value {
    let mut body = json!({ "ref": plan.git_ref, "inputs": plan.inputs });
    if form == DispatchForm::OnRequest {
        body["return_run_details"] = Value::Bool(true);
    }
    body
}

fn accepted(plan: &RunPlan, body: &[u8]) -> Sent {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Sent::Accepted;
    }
    let Ok(answer) = serde_json::from_slice::<Dispatched>(body) else {
        return Sent::Unknown { why: "GitHub's answer is not understood".into() };
    };
    match answer.workflow_run_id.map(|id| id.to_string().parse()) {
        Some(Ok(id)) if plan.start == Start::New => {
            Sent::Started(Run { id, attempt: 1, url: answer.html_url.map(|url| inert(&url, 300)) })
        }
        _ => Sent::Accepted,
    }
}

fn refusal(plan: &RunPlan, repo: &Repo, code: u16, said: &str) -> String {
    let quoted = if said.is_empty() { String::new() } else { format!(": “{said}”") };
    let workflow = &plan.workflow;
    match code {
        401 => "GitHub refused the token (401): it is wrong, expired or revoked; set GITHUB_TOKEN or the App's key again".into(),
        403 => format!(
            "GitHub does not let Shipgate start runs in {repo} (403{quoted}): give the token or App the permission Actions: read and write"
        ),
        404 => format!(
            "GitHub has no workflow {workflow} in {repo}, or the token may not see it (404): check the file name in shipgate.toml, that the file is on the default branch, and the token's access"
        ),
        _ => {
            let lower = said.to_lowercase();
            let next = if lower.contains("no ref found") {
                format!("create the branch {} or correct `ref` in shipgate.toml", plan.git_ref)
            } else if lower.contains("unexpected inputs") || lower.contains("required input") || lower.contains("input") {
                format!("make `inputs` in shipgate.toml agree with those that {workflow} declares")
            } else if lower.contains("workflow_dispatch") {
                format!("add `on: workflow_dispatch` to {workflow} on {}", plan.git_ref)
            } else if lower.contains("disabled") {
                format!("enable {workflow} on the Actions page of {repo}")
            } else {
                format!("check {workflow} and the service's settings")
            };
            format!("GitHub refused to start {workflow} ({code}{quoted}): {next}")
        }
    }
}
