//! A working GitHub: repositories, checks, workflow runs, webhooks, limits. Runs move only when a test moves them;
//! issues, reviews and file contents are not modelled.

mod api;
mod build;
mod change;
mod hooks;
mod refs;
mod render;
mod runs;
mod state;
mod steps;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::faults::{Fault, Faults};
use crate::serve::{Answer, Call, bind, serve};
use crate::{Changes, Clock, Complaints, locked, spec};

pub use build::{Input, JobPlan, Plan, Workflow};
pub use hooks::{HookDelivery, HookMode};
pub use state::{Access, Dispatch, RunState};

use state::State;

/// Tokens and secrets.
#[derive(Clone, Debug)]
pub struct GitHubConfig {
    /// Accepted as `Bearer` (or `token`); installation tokens are accepted too.
    pub token: String,
    /// Secret of `X-Hub-Signature-256`.
    pub webhook_secret: String,
    /// App installation id.
    pub installation: u64,
    /// Requests per hour before the primary limit.
    pub hourly_budget: u64,
    /// The clock.
    pub clock: Clock,
}

impl Default for GitHubConfig {
    fn default() -> Self {
        Self {
            token: "ghs_test".into(),
            webhook_secret: "hook-secret".into(),
            installation: 4242,
            hourly_budget: 5000,
            clock: Clock::real(),
        }
    }
}

/// The GitHub model. Clones are the same host.
#[derive(Clone, Debug)]
pub struct GitHub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: GitHubConfig,
    address: SocketAddr,
    /// Logs live on another host, as they do in reality; a token must not travel there.
    log_address: SocketAddr,
    faults: Faults,
    complaints: Complaints,
    client: Client,
    changes: Changes,
    /// Webhooks leave one after the other, whoever sends them.
    hook_line: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

impl GitHub {
    /// Opens two loopback ports (0 takes free ones; logs always take a free one) and serves until `stop`.
    ///
    /// # Errors
    /// When a port cannot be opened.
    pub async fn start(port: u16, config: GitHubConfig, stop: CancellationToken) -> io::Result<Self> {
        Self::start_with(port, config, stop, Changes::default()).await
    }

    pub(crate) async fn start_with(
        port: u16,
        config: GitHubConfig,
        stop: CancellationToken,
        changes: Changes,
    ) -> io::Result<Self> {
        let (listener, address) = bind(port).await?;
        let (log_listener, log_address) = bind(0).await?;
        let github = Self(Arc::new(Inner {
            state: Mutex::new(State::new(&config)),
            config,
            address,
            log_address,
            faults: Faults::default(),
            complaints: Complaints::default(),
            client: Client::new(),
            changes,
            hook_line: tokio::sync::Mutex::default(),
        }));
        let served = github.clone();
        serve(listener, stop.clone(), move |request| {
            let github = served.clone();
            async move { github.respond(request).await }
        });
        let served = github.clone();
        serve(log_listener, stop, move |request| {
            let github = served.clone();
            async move { github.respond_with_log(request).await }
        });
        Ok(github)
    }

    /// Base address of the REST API, for instance `http://127.0.0.1:40002`.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Tokens and secrets.
    pub fn config(&self) -> &GitHubConfig {
        &self.0.config
    }

    /// Faults on demand.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// What Shipgate sent against the description.
    pub fn violations(&self) -> Vec<String> {
        self.0.complaints.all()
    }

    /// Where Shipgate listens; webhooks go to `{target}/github/webhooks`.
    pub fn set_target(&self, target: &str) {
        locked(&self.0.state).target = Some(target.trim_end_matches('/').to_owned());
    }

    /// Behaves like an old GitHub Enterprise Server: 400 for `return_run_details`, at most 10 inputs, no API version
    /// but 2022-11-28.
    pub fn set_legacy(&self, on: bool) {
        locked(&self.0.state).legacy = on;
    }

    /// New runs are left out of lists until this many lists were read.
    pub fn set_list_lag(&self, lists: u32) {
        locked(&self.0.state).list_lag = lists;
    }

    /// Sets what is left of the hourly budget.
    pub fn set_remaining(&self, requests: u64) {
        locked(&self.0.state).remaining = requests;
    }

    /// Requests that counted against the budget so far (304 and `/rate_limit` are free).
    pub fn spent(&self) -> u64 {
        locked(&self.0.state).spent
    }

    /// Every request so far.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.0.state).calls.clone()
    }

    /// Requests after the first `n`, also those that are not answered yet.
    pub fn calls_after(&self, n: usize) -> Vec<Call> {
        locked(&self.0.state).calls.iter().skip(n).cloned().collect()
    }

    /// How many requests came so far.
    pub fn call_count(&self) -> usize {
        locked(&self.0.state).calls.len()
    }

    /// Every dispatch that was accepted, whatever was answered.
    pub fn dispatches(&self) -> Vec<Dispatch> {
        locked(&self.0.state).dispatches.clone()
    }

    /// How many dispatches were accepted in which the input `name` is `value`.
    pub fn dispatches_accepted(&self, name: &str, value: &str) -> usize {
        self.dispatches().iter().filter(|d| d.inputs.get(name).is_some_and(|v| v == value)).count()
    }

    async fn respond(&self, request: hyper::Request<Incoming>) -> Option<Response> {
        let call = Call::read(request).await?;
        let fault = self.0.faults.pick(&call.method, &call.path);
        // Noted first: a client that goes away meanwhile has called all the same.
        let number = {
            let mut state = locked(&self.0.state);
            state.calls.push(call.clone());
            state.calls.len() - 1
        };
        let answer = self.answer(&call, fault).await;
        locked(&self.0.state).calls[number].status = answer.as_ref().map(|answer| answer.status);
        self.0.changes.tell();
        answer.map(Answer::into_response)
    }

    async fn answer(&self, call: &Call, fault: Option<Fault>) -> Option<Answer> {
        let now = self.config().clock.now_seconds();
        let limited = |what: &str| Answer::json(403, &json!({"message": what, "documentation_url": DOCS}));
        match fault {
            None => Some(self.carry_out(call)),
            Some(Fault::Slow { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Some(self.carry_out(call))
            }
            Some(Fault::SlowAfter { ms }) => {
                let answer = self.carry_out(call);
                self.0.changes.tell();
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Some(answer)
            }
            Some(Fault::RateLimited { retry_after }) => {
                let body = json!({"message": "You have exceeded a secondary rate limit.", "documentation_url": DOCS});
                Some(Answer::json(429, &body).with("retry-after", retry_after))
            }
            Some(Fault::SecondaryLimit { retry_after }) => {
                Some(limited("You have exceeded a secondary rate limit.").with("retry-after", retry_after))
            }
            Some(Fault::PrimaryLimit { reset_in }) => Some(
                limited("API rate limit exceeded for installation.")
                    .with("x-ratelimit-limit", self.config().hourly_budget)
                    .with("x-ratelimit-remaining", 0)
                    .with("x-ratelimit-reset", now + reset_in),
            ),
            Some(Fault::ErrorBefore { status }) => Some(server_error(status)),
            Some(Fault::ErrorAfter { status }) => {
                self.carry_out(call);
                Some(server_error(status))
            }
            Some(Fault::DropBefore) => None,
            Some(Fault::DropAfter) => {
                self.carry_out(call);
                None
            }
            Some(Fault::Html) => Some(Answer::html(200)),
            Some(Fault::Refuse { status, error }) => {
                Some(Answer::json(status, &json!({"message": error, "documentation_url": DOCS})))
            }
            Some(Fault::Echo { status }) => {
                let said = call.header("authorization").unwrap_or_default();
                let body = json!({
                    "message": format!("No ref found with authorization: {said}"),
                    "errors": [said, {"message": said}],
                    "workflow_run_id": said,
                    "html_url": said,
                    "documentation_url": DOCS,
                });
                Some(Answer::json(status, &body).with("x-github-request-id", said))
            }
        }
    }

    fn carry_out(&self, call: &Call) -> Answer {
        spec::github_call(call).into_iter().for_each(|problem| self.complain(problem));
        let answer = self.rest(call);
        // Webhooks about what has just happened leave after the answer, in their own time.
        let github = self.clone();
        tokio::spawn(async move { github.send_hooks().await });
        answer
    }

    async fn respond_with_log(&self, request: hyper::Request<Incoming>) -> Option<Response> {
        let call = Call::read(request).await?;
        if call.header("authorization").is_some() {
            self.complain("github: the token was sent to the host of the logs");
            return Some(Answer::text(401, "text/plain", "no credentials, please").into_response());
        }
        let job = call.path.strip_prefix("/logs/").and_then(|id| id.parse().ok());
        let text = job.and_then(|job| self.log_of(job));
        let answer = match text {
            Some(text) => Answer::text(200, "text/plain; charset=utf-8", text),
            None => Answer::text(404, "text/plain", "gone"),
        };
        Some(answer.into_response())
    }

    fn complain(&self, what: impl Into<String>) {
        self.0.complaints.add(what);
    }

    /// The whole state as JSON, for the control API.
    pub fn dump(&self) -> Value {
        let runs = self.runs();
        let state = locked(&self.0.state);
        json!({
            "runs": runs,
            "dispatches": state.dispatches,
            "webhooks": state.deliveries,
            "calls": state.calls.len(),
            "spent": state.spent,
        })
    }
}

/// Where GitHub's error bodies point.
const DOCS: &str = "https://docs.github.com/rest";

fn server_error(status: u16) -> Answer {
    Answer::json(status, &json!({"message": "Server Error"}))
}

#[cfg(test)]
mod tests;
