//! A small GitHub on a loopback port: one repository, one workflow, ETags, and answers that a test puts in its way.
//! Not here: anything the adapters do not ask for.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use shipgate_app::ports::Clock;
use shipgate_domain::policy::Provider;
use shipgate_domain::run::{RunPlan, Start};
use shipgate_pipelines::github::{GitHub, GitHubAuth, GitHubSettings};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

pub const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub const DEPLOY: &str = "01JZZZZZZZZZZZZZZZZZZZZZZZ";

/// A clock that stands still until a test moves it.
pub struct FakeClock(Mutex<Timestamp>);

impl FakeClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-03-06T15:00:00Z".parse().unwrap())))
    }

    pub fn advance(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now += jiff::SignedDuration::from_secs(seconds);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

type Scripted = (u16, Vec<(String, String)>, String);

#[derive(Default)]
pub struct Inner {
    pub runs: BTreeMap<u64, Value>,
    pub jobs: HashMap<u64, Vec<Value>>,
    pub fixed: HashMap<String, Value>,
    pub scripted: HashMap<String, VecDeque<Scripted>>,
    pub seen: Vec<Seen>,
    /// Answers other than 304: those that GitHub counts.
    pub paid: usize,
    pub is_naming_runs: bool,
}

#[derive(Clone)]
pub struct Fake {
    inner: Arc<Mutex<Inner>>,
    pub url: String,
}

impl Fake {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { inner: Arc::default(), url };
        fake.lock().is_naming_runs = true;
        let app = Router::new().fallback(serve).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn adapter(&self, clock: &Arc<FakeClock>) -> Arc<GitHub> {
        self.adapter_with(GitHubAuth::Token("ghs_test".into()), clock)
    }

    pub fn adapter_with(&self, auth: GitHubAuth, clock: &Arc<FakeClock>) -> Arc<GitHub> {
        let settings = GitHubSettings { api_url: self.url.clone(), auth, dispatch: None };
        let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
        Arc::new(GitHub::new(settings, clock).unwrap())
    }

    /// Puts a fixed answer at a path under the repository.
    pub fn put(&self, rest: &str, value: Value) {
        self.lock().fixed.insert(format!("/repos/acme/api{rest}"), value);
    }

    /// The next answer to `METHOD /path`, before any other.
    pub fn script(&self, request: &str, status: u16, headers: &[(&str, &str)], body: &str) {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.lock().scripted.entry(request.to_owned()).or_default().push_back((
            status,
            headers,
            body.to_owned(),
        ));
    }

    pub fn add_run(&self, id: u64, title: &str) {
        let run = json!({ "id": id, "name": "Deploy", "display_title": title, "status": "queued", "conclusion": null,
            "run_attempt": 1, "event": "workflow_dispatch", "updated_at": "2026-03-06T15:00:00Z",
            "html_url": format!("https://github.com/acme/api/actions/runs/{id}") });
        self.lock().runs.insert(id, run);
    }

    /// Moves a run and gives it one job in the same state.
    pub fn set(&self, id: u64, status: &str, conclusion: Option<&str>) {
        let mut inner = self.lock();
        let run = inner.runs.get_mut(&id).unwrap();
        run["status"] = json!(status);
        run["conclusion"] = json!(conclusion);
        let job = json!({ "id": id + 500_000, "name": "deploy", "status": status, "conclusion": conclusion,
            "started_at": "2026-03-06T15:00:01Z", "completed_at": "2026-03-06T15:00:09Z",
            "steps": [{ "name": "Push", "conclusion": conclusion }] });
        inner.jobs.insert(id, vec![job]);
    }

    pub fn count(&self, method: &str, end: &str) -> usize {
        self.lock().seen.iter().filter(|seen| seen.method == method && seen.path.ends_with(end)).count()
    }

    pub fn paid(&self) -> usize {
        self.lock().paid
    }
}

/// A plan of the deploy [`DEPLOY`] on the repository that the fake has.
pub fn plan() -> RunPlan {
    RunPlan {
        deploy: DEPLOY.parse().unwrap(),
        provider: Provider::Github,
        repo: "acme/api".into(),
        workflow: "deploy.yml".into(),
        workflow_id: None,
        git_ref: "main".into(),
        commit: SHA.parse().unwrap(),
        inputs: [("deployment_id".to_owned(), DEPLOY.to_owned())].into(),
        command: Vec::new(),
        start: Start::New,
    }
}

async fn serve(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap().to_vec();
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: parts.headers,
        body,
    };
    let mut inner = fake.lock();
    inner.seen.push(seen.clone());
    let key = format!("{} {}", seen.method, seen.path);
    if let Some((status, headers, body)) = inner.scripted.get_mut(&key).and_then(VecDeque::pop_front) {
        inner.paid += 1;
        let builder =
            headers.into_iter().fold(Response::builder().status(status), |b, (k, v)| b.header(k, v));
        return builder.body(Body::from(body)).unwrap();
    }
    let (status, value) = answer(&mut inner, &seen);
    let body = if value.is_null() { String::new() } else { value.to_string() };
    let etag =
        format!("\"{:x}\"", body.bytes().fold(7u64, |hash, b| hash.wrapping_mul(31).wrapping_add(b.into())));
    let is_same = seen.headers.get("if-none-match").is_some_and(|given| given.as_bytes() == etag.as_bytes());
    if is_same && status == 200 {
        return Response::builder().status(StatusCode::NOT_MODIFIED).body(Body::empty()).unwrap();
    }
    inner.paid += 1;
    Response::builder().status(status).header("etag", etag).body(Body::from(body)).unwrap()
}

fn parameter(seen: &Seen, name: &str) -> Option<String> {
    form_urlencoded::parse(seen.query.as_bytes()).find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
}

fn page_of(seen: &Seen, all: Vec<Value>) -> Vec<Value> {
    let number = |name: &str, other| parameter(seen, name).map_or(other, |n| n.parse().unwrap());
    let (page, size) = (number("page", 1), number("per_page", 30));
    all.into_iter().skip((page - 1) * size).take(size).collect()
}

fn answer(inner: &mut Inner, seen: &Seen) -> (u16, Value) {
    if let Some(value) = inner.fixed.get(&seen.path) {
        return (200, value.clone());
    }
    let missing = (404, json!({ "message": "Not Found" }));
    let Some(rest) = seen.path.strip_prefix("/repos/acme/api/actions/") else { return missing };
    let parts: Vec<&str> = rest.split('/').collect();
    match (seen.method.as_str(), parts.as_slice()) {
        ("POST", ["workflows", "deploy.yml", "dispatches"]) => {
            let body: Value = serde_json::from_slice(&seen.body).unwrap();
            let id = inner.runs.keys().max().unwrap_or(&100) + 1;
            let title = format!("deploy {}", body["inputs"]["deployment_id"].as_str().unwrap_or("?"));
            let url = format!("https://github.com/acme/api/actions/runs/{id}");
            inner.runs.insert(
                id,
                json!({ "id": id, "display_title": title, "status": "queued", "run_attempt": 1,
                "html_url": url, "updated_at": "2026-03-06T15:00:00Z" }),
            );
            match inner.is_naming_runs {
                true => (200, json!({ "workflow_run_id": id, "run_url": url, "html_url": url })),
                false => (204, Value::Null),
            }
        }
        ("GET", ["workflows", "deploy.yml", "runs"]) => {
            let all: Vec<Value> = inner.runs.values().rev().cloned().collect();
            (200, json!({ "total_count": all.len(), "workflow_runs": page_of(seen, all) }))
        }
        (method, ["runs", id, more @ ..]) => {
            let id: u64 = id.parse().unwrap();
            let Some(run) = inner.runs.get_mut(&id) else { return missing };
            match (method, more) {
                ("GET", []) => (200, run.clone()),
                ("GET", ["jobs"]) => {
                    let all = inner.jobs.get(&id).cloned().unwrap_or_default();
                    (200, json!({ "total_count": all.len(), "jobs": page_of(seen, all) }))
                }
                ("POST", ["cancel"]) if run["status"] == "completed" => {
                    (409, json!({ "message": "Cannot cancel a workflow run that is completed." }))
                }
                ("POST", ["cancel"]) => (202, json!({})),
                ("POST", ["rerun-failed-jobs"]) => {
                    run["run_attempt"] = json!(run["run_attempt"].as_u64().unwrap() + 1);
                    run["status"] = json!("queued");
                    (201, json!({}))
                }
                _ => missing,
            }
        }
        _ => missing,
    }
}
