//! A working GitLab, so far its freeze periods: projects, a token, pages. Pipelines, jobs and webhooks are not modelled.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::response::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::faults::{Fault, Faults};
use crate::serve::{Answer, Call, bind, percent_decoded, serve};
use crate::{Complaints, locked, spec};

/// The token that may read every project.
pub const TOKEN: &str = "glpat-test-token-of-the-model";

/// The GitLab model. Clones are the same server.
#[derive(Clone, Debug)]
pub struct GitLab(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: SocketAddr,
    faults: Faults,
    complaints: Complaints,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Freeze periods by project, oldest first.
    projects: BTreeMap<String, Vec<Value>>,
    last_id: u64,
    calls: Vec<Call>,
}

impl GitLab {
    /// Serves on a free loopback port until `stop`.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(stop: CancellationToken) -> io::Result<Self> {
        let (listener, address) = bind(0).await?;
        let gitlab = Self(Arc::new(Inner {
            address,
            faults: Faults::default(),
            complaints: Complaints::default(),
            state: Mutex::default(),
        }));
        let served = gitlab.clone();
        serve(listener, stop, move |request| {
            let gitlab = served.clone();
            async move { gitlab.respond(request).await }
        });
        Ok(gitlab)
    }

    /// Its address, for instance `http://127.0.0.1:40003`.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Faults on demand.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// What was sent against the description.
    pub fn violations(&self) -> Vec<String> {
        self.0.complaints.all()
    }

    /// Every request so far.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.0.state).calls.clone()
    }

    /// Makes a project without freeze periods, or takes those away that it has.
    pub fn project(&self, path: &str) {
        locked(&self.0.state).projects.insert(path.to_owned(), Vec::new());
    }

    /// Adds a freeze period to a project.
    pub fn freeze(&self, project: &str, start: &str, end: &str, zone: &str) {
        let mut state = locked(&self.0.state);
        state.last_id += 1;
        let period = json!({
            "id": state.last_id,
            "freeze_start": start,
            "freeze_end": end,
            "cron_timezone": zone,
            "created_at": "2026-01-02T03:04:05.678Z",
            "updated_at": "2026-01-02T03:04:05.678Z",
        });
        state.projects.entry(project.to_owned()).or_default().push(period);
    }

    async fn respond(&self, request: hyper::Request<Incoming>) -> Option<Response> {
        let call = Call::read(request).await?;
        let fault = self.0.faults.pick(&call.method, &call.path);
        for wrong in spec::gitlab_call(&call) {
            self.0.complaints.add(wrong);
        }
        locked(&self.0.state).calls.push(call.clone());
        let answer = match fault {
            None => self.answer(&call),
            Some(Fault::ErrorBefore { status }) => {
                Answer::json(status, &json!({ "message": "the model was told to" }))
            }
            Some(_) => return None,
        };
        Some(answer.into_response())
    }

    fn answer(&self, call: &Call) -> Answer {
        if call.header("private-token") != Some(TOKEN) {
            return Answer::json(401, &json!({ "message": "401 Unauthorized" }));
        }
        let project =
            call.path.strip_prefix("/api/v4/projects/").and_then(|rest| rest.strip_suffix("/freeze_periods"));
        let state = locked(&self.0.state);
        let found = project.map(percent_decoded).and_then(|project| state.projects.get(&project));
        let Some(periods) = found.filter(|_| call.method == "GET") else {
            return Answer::json(404, &json!({ "message": "404 Project Not Found" }));
        };
        let number = |name: &str, usual: usize| {
            call.query_value(name).and_then(|value| value.parse().ok()).unwrap_or(usual).max(1)
        };
        let (page, size) = (number("page", 1), number("per_page", 20).min(100));
        let shown: Vec<&Value> = periods.iter().skip((page - 1) * size).take(size).collect();
        let next = if page * size < periods.len() { (page + 1).to_string() } else { String::new() };
        Answer::json(200, &json!(shown))
            .with("x-page", page)
            .with("x-per-page", size)
            .with("x-next-page", next)
    }
}
