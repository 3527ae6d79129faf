//! The front door of the REST API: user agent, credentials, versions, budget, conditional requests, paging and
//! routes. What a route answers is in `refs.rs` and `runs.rs`.

use serde_json::{Value, json};

use super::state::{Access, State};
use super::{DOCS, GitHub};
use crate::clock::stamp;
use crate::locked;
use crate::serve::{Answer, Call, percent_decoded};
use crate::sign::object_id;

const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

/// A refusal with GitHub's own words.
pub(super) fn refuse(status: u16, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({"message": message, "documentation_url": DOCS, "status": status.to_string()}),
    )
}

pub(super) fn not_found() -> Answer {
    refuse(404, "Not Found")
}

impl GitHub {
    pub(super) fn rest(&self, call: &Call) -> Answer {
        let now = self.config().clock.now_seconds();
        let mut state = locked(&self.0.state);
        let state = &mut *state;
        if now >= state.reset_at {
            state.remaining = self.config().hourly_budget;
            state.reset_at = now + 3600;
        }
        let mut answer = match self.admitted(state, call) {
            Err(refusal) => refusal,
            Ok(()) if state.remaining == 0 && call.path != "/rate_limit" => {
                refuse(403, "API rate limit exceeded for installation ID 4242.")
            }
            Ok(()) => self.route(state, call).unwrap_or_else(|refusal| refusal),
        };
        let mut free = call.path == "/rate_limit";
        if call.method == "GET" && answer.status == 200 {
            let etag = format!("W/\"{}\"", object_id(&[&String::from_utf8_lossy(&answer.body)]));
            if call.header("if-none-match").is_some_and(|known| known.split(", ").any(|known| known == etag))
            {
                answer = Answer::text(304, "", "");
                free = true;
            }
            answer = answer.with("etag", etag).with("cache-control", "private, max-age=60, s-maxage=60");
        }
        if !free && state.remaining > 0 {
            state.remaining -= 1;
            state.spent += 1;
        }
        let version = call.header("x-github-api-version").unwrap_or(VERSIONS[0]).to_owned();
        answer
            .with("x-ratelimit-limit", self.config().hourly_budget)
            .with("x-ratelimit-remaining", state.remaining)
            .with("x-ratelimit-used", self.config().hourly_budget.saturating_sub(state.remaining))
            .with("x-ratelimit-reset", state.reset_at)
            .with("x-ratelimit-resource", "core")
            .with("x-github-media-type", "github.v3; format=json")
            .with("x-github-api-version-selected", version)
            .with("x-github-request-id", format!("{:04X}:TEST", state.serial()))
    }

    fn admitted(&self, state: &State, call: &Call) -> Result<(), Answer> {
        if call.header("user-agent").is_none_or(str::is_empty) {
            self.complain(format!("github: {} {} has no User-Agent", call.method, call.path));
            return Err(refuse(
                403,
                "Request forbidden by administrative rules. Please send a User-Agent header.",
            ));
        }
        if let Some(version) = call.header("x-github-api-version") {
            let known = if state.legacy { &VERSIONS[..1] } else { &VERSIONS[..] };
            if !known.contains(&version) {
                return Err(refuse(400, &format!("The API version `{version}` is not supported.")));
            }
        }
        let credentials = call.header("authorization").unwrap_or_default();
        let token = credentials.strip_prefix("Bearer ").or_else(|| credentials.strip_prefix("token "));
        let is_app_route = call.path.starts_with("/app/") || call.path.ends_with("/installation");
        let good = match token {
            None => return Err(refuse(401, "Requires authentication")),
            // The signature of the app's JWT is not checked here: three parts are enough.
            Some(token) if is_app_route => token.split('.').count() == 3,
            Some(token) => {
                token == self.config().token || state.installation_tokens.iter().any(|t| t == token)
            }
        };
        if good { Ok(()) } else { Err(refuse(401, "Bad credentials")) }
    }

    fn route(&self, state: &mut State, call: &Call) -> Result<Answer, Answer> {
        let parts: Vec<String> = call.path.trim_matches('/').split('/').map(percent_decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (owner, name, rest) = match parts.as_slice() {
            ["rate_limit"] => return Ok(self.rate_limit(state)),
            ["app", "installations", id, "access_tokens"] => return self.installation_token(state, call, id),
            ["repos", owner, name, rest @ ..] => (*owner, *name, rest),
            _ => return Err(not_found()),
        };
        let full_name = format!("{owner}/{name}");
        let repo = state.repo(&full_name).ok_or_else(not_found)?;
        if repo.access == Access::None {
            return Err(not_found());
        }
        if call.method != "GET" && repo.access == Access::Read {
            return Err(refuse(403, "Resource not accessible by integration"));
        }
        let full_name = repo.full_name.clone();
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::json(200, &self.repo_json(repo))),
            ("GET", ["installation"]) => Ok(Answer::json(200, &self.installation_json())),
            ("GET", ["git", "trees", ..] | ["branches", .., "protection"]) => {
                self.read_change(repo, rest, call)
            }
            ("GET", ["git", ..] | ["commits", ..] | ["branches", ..] | ["tags"] | ["compare", ..]) => {
                self.read_refs(repo, rest, call)
            }
            ("GET", ["rules" | "pulls" | "deployments" | "contents", ..]) => {
                self.read_change(repo, rest, call)
            }
            (_, ["actions", ..]) => self.actions(state, &full_name, rest, call),
            _ => Err(not_found()),
        }
    }

    fn rate_limit(&self, state: &State) -> Answer {
        let limit = self.config().hourly_budget;
        let core = json!({
            "limit": limit, "used": limit.saturating_sub(state.remaining), "remaining": state.remaining,
            "reset": state.reset_at,
        });
        Answer::json(200, &json!({"resources": {"core": core, "search": core}, "rate": core}))
    }

    fn installation_token(&self, state: &mut State, call: &Call, id: &str) -> Result<Answer, Answer> {
        if call.method != "POST" || id != self.config().installation.to_string() {
            return Err(not_found());
        }
        let token = format!("ghs_installation{}", state.serial());
        state.installation_tokens.push(token.clone());
        Ok(Answer::json(
            201,
            &json!({
                "token": token, "expires_at": stamp(self.config().clock.now_seconds() + 3600),
                "permissions": {"actions": "write", "contents": "read", "checks": "read", "metadata": "read"},
                "repository_selection": "selected",
            }),
        ))
    }

    fn installation_json(&self) -> Value {
        let id = self.config().installation;
        let url = self.url();
        json!({
            "id": id, "account": self.user_json("acme"), "repository_selection": "selected",
            "access_tokens_url": format!("{url}/app/installations/{id}/access_tokens"),
            "repositories_url": format!("{url}/installation/repositories"),
            "html_url": format!("{url}/settings/installations/{id}"), "app_id": 77, "target_id": 1,
            "target_type": "Organization", "permissions": {"actions": "write", "contents": "read"},
            "events": ["workflow_run"], "created_at": stamp(1_600_000_000), "updated_at": stamp(1_600_000_000),
            "single_file_name": null, "has_multiple_single_files": false, "single_file_paths": [],
            "app_slug": "shipgate", "suspended_by": null, "suspended_at": null,
        })
    }

    /// One page of `items` by `per_page` (30, at most 100) and `page`, with the `Link` header around it.
    pub(super) fn page<T>(&self, call: &Call, items: Vec<T>) -> (Vec<T>, Option<String>) {
        let number = |name: &str| call.query_value(name).and_then(|raw| raw.parse::<usize>().ok());
        let per_page = number("per_page").unwrap_or(30).clamp(1, 100);
        let page = number("page").unwrap_or(1).max(1);
        let last = items.len().div_ceil(per_page).max(1);
        let shown: Vec<T> = items.into_iter().skip((page - 1) * per_page).take(per_page).collect();
        let others: Vec<(&str, usize)> =
            [("prev", page - 1), ("next", page + 1), ("first", 1), ("last", last)]
                .into_iter()
                .filter(|(rel, other)| match *rel {
                    "prev" | "first" => page > 1,
                    _ => page < last && *other <= last,
                })
                .collect();
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in form_urlencoded::parse(call.query.as_bytes()).filter(|(k, _)| k != "page") {
            query.append_pair(&key, &value);
        }
        let query = query.finish();
        let links: Vec<String> = others
            .iter()
            .map(|(rel, other)| {
                let query = if query.is_empty() { String::new() } else { format!("{query}&") };
                format!("<{}{}?{query}page={other}>; rel=\"{rel}\"", self.url(), call.path)
            })
            .collect();
        (shown, (!links.is_empty()).then(|| links.join(", ")))
    }

    /// A page as the answer: bare, or under `name` with `total_count`.
    pub(super) fn paged(&self, call: &Call, name: Option<&str>, items: Vec<Value>) -> Answer {
        let total = items.len();
        let (shown, link) = self.page(call, items);
        let body = match name {
            None => json!(shown),
            Some(name) => json!({"total_count": total, name: shown}),
        };
        with_link(Answer::json(200, &body), link)
    }
}

pub(super) fn with_link(answer: Answer, link: Option<String>) -> Answer {
    match link {
        Some(link) => answer.with("link", link),
        None => answer,
    }
}
