//! GitHub's refusals and silences as sentences for people, and as what may be done next. Not here: the answer to a
//! dispatch (`dispatch`), which has a table of its own.

use super::limits;
use super::models::Message;
use crate::text::inert;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use shipgate_app::ports::OutsideError;

/// What GitHub wrote into an error, harmless and short. Empty when it wrote nothing readable.
pub(super) fn message(body: &[u8]) -> String {
    let Ok(said) = serde_json::from_slice::<Message>(body) else { return String::new() };
    let mut all = said.message;
    for error in said.errors.as_array().into_iter().flatten() {
        if let Some(text) = error.as_str().or_else(|| error.get("message").and_then(|m| m.as_str())) {
            all.push_str("; ");
            all.push_str(text);
        }
    }
    inert(&all, 300)
}

/// How long to wait, when an answer bears the marks of a rate limit; `None` when it bears none.
///
/// Primary: 403 or 429 with `x-ratelimit-remaining: 0`. Secondary: `retry-after`, or a message that says so; then at
/// least a minute (GitHub Docs, "Best practices for using the REST API").
pub(super) fn rate_limited(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Option<SignedDuration> {
    if !matches!(status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
        return None;
    }
    let least = SignedDuration::from_secs(1);
    if let Some(seconds) = limits::number(headers, "retry-after") {
        return Some(SignedDuration::from_secs(seconds.clamp(1, 86_400)));
    }
    if limits::number(headers, "x-ratelimit-remaining") == Some(0) {
        let reset = limits::number(headers, "x-ratelimit-reset")?;
        let reset = Timestamp::from_second(reset).ok()?;
        return Some(reset.duration_since(now).clamp(least, SignedDuration::from_hours(2)));
    }
    let said = message(body).to_lowercase();
    ["secondary rate limit", "rate limit exceeded", "abuse detection"]
        .iter()
        .any(|mark| said.contains(mark))
        .then(|| SignedDuration::from_mins(1))
}

/// What an unwelcome answer to a read means.
pub(super) fn explain(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    repo: &str,
    now: Timestamp,
) -> OutsideError {
    if let Some(after) = rate_limited(status, headers, body, now) {
        return OutsideError::Later { why: "GitHub's rate limit is used up".into(), after: Some(after) };
    }
    let said = message(body);
    let quoted = if said.is_empty() { String::new() } else { format!(": “{said}”") };
    match status.as_u16() {
        401 => refused(
            "GitHub refused the token (401): it is wrong, expired or revoked; set GITHUB_TOKEN or the App's key again",
        ),
        403 => refused(&format!(
            "GitHub does not allow this in {repo} (403{quoted}): give the token or App the permissions that `shipgate doctor` lists"
        )),
        404 => refused(&format!(
            "GitHub has no repository {repo}, or not this part of it, or the token may not see it: check the name and give the App or token access to it"
        )),
        410 | 422 | 451 | 400 => {
            refused(&format!("GitHub refused to answer about {repo} ({status}{quoted})"))
        }
        code => OutsideError::Later {
            why: format!("GitHub has a problem (it answered {code}{quoted})"),
            after: None,
        },
    }
}

fn refused(why: &str) -> OutsideError {
    OutsideError::Refused { why: why.to_owned() }
}

/// The chain of causes, most outer first: "client error (Connect): connection refused".
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut all = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        // octocrab adds a backtrace after the first line.
        let line = inert(error.to_string().lines().next().unwrap_or(""), 160);
        if !line.is_empty() && all.last().is_none_or(|last: &String| !last.contains(&line)) {
            all.push(line);
        }
        next = error.source();
    }
    all.join(": ")
}
