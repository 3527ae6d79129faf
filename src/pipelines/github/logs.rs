//! The end of a job's log. Not here: which job's.

use super::client::{Client, Repo};
use super::errors;
use super::limits::Urgency;
use crate::text::last_lines;
use http::Method;
use http_body_util::BodyExt as _;
use shipgate_app::ports::OutsideError;
use std::time::Duration;

const KEPT: usize = 64 * 1024;
const LONGEST: u64 = 256 * 1024 * 1024;
const WHOLE: Duration = Duration::from_secs(20);
const LINES: usize = 20;
const SAID: usize = 60;

/// The last lines of a job's log: those that end with its last error, if one is near the end.
///
/// GitHub answers with a redirect to another host; the token does not travel there. A log is read as a stream, of
/// which only the end is kept: the hosts behind the redirect do not all honour `Range`.
pub(super) async fn tail(client: &Client, repo: &Repo, job: u64) -> Result<Vec<String>, OutsideError> {
    Ok(shown(&end_of(client, repo, job).await?))
}

/// What the last step of a job printed.
pub(super) async fn last_step(client: &Client, repo: &Repo, job: u64) -> Result<Vec<String>, OutsideError> {
    Ok(printed(&end_of(client, repo, job).await?))
}

/// The last part of a job's log.
async fn end_of(client: &Client, repo: &Repo, job: u64) -> Result<String, OutsideError> {
    client.limits.check(&client.scope(repo), Urgency::Display, client.clock.now())?;
    let minted = client.token(repo).await?;
    let path = repo.path(&format!("/actions/jobs/{job}/logs"));
    let response = client.execute(Method::GET, &path, &minted.token, None).await?;
    let (parts, mut body) = response.into_parts();
    if !parts.status.is_success() {
        let (repo, now) = (repo.to_string(), client.clock.now());
        return Err(errors::explain(parts.status, &parts.headers, &[], &repo, now));
    }
    let broken = |how: &str| OutsideError::Later { why: format!("the log broke off ({how})"), after: None };
    let read = async {
        let (mut end, mut length) = (Vec::new(), 0u64);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&errors::chain(&error)))?;
            let Some(data) = frame.data_ref() else { continue };
            length += data.len() as u64;
            if length > LONGEST {
                return Err(broken("it is longer than 256 MiB"));
            }
            end.extend_from_slice(data);
            if end.len() > 2 * KEPT {
                end.drain(..end.len() - KEPT);
            }
        }
        Ok(end)
    };
    let end = tokio::time::timeout(WHOLE, read).await.map_err(|_| broken("it took too long"))??;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

/// The runner says what it will run in a group, then comes what that printed, then the cleaning up.
fn printed(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().map(without_stamp).collect();
    let is_cleaning = |line: &&str| matches!(*line, "Post job cleanup." | "Cleaning up orphan processes");
    let end = lines.iter().position(is_cleaning).unwrap_or(lines.len());
    let begin = lines[..end].iter().rposition(|line| line.starts_with("##[endgroup]")).map_or(0, |at| at + 1);
    last_lines(&lines[begin..end].join("\n"), SAID)
}

fn shown(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().map(without_stamp).collect();
    // After a failed step, GitHub still logs the cleaning up of the others.
    let end = lines.iter().rposition(|line| line.starts_with("##[error]")).map_or(lines.len(), |at| at + 1);
    let text: Vec<String> = lines[..end]
        .iter()
        .filter(|line| !line.starts_with("##[group]") && !line.starts_with("##[endgroup]"))
        .map(|line| line.replacen("##[error]", "Error: ", 1))
        .collect();
    last_lines(&text.join("\n"), LINES)
}

/// A line without the timestamp that GitHub puts before each: `2026-03-06T15:00:00.1234567Z `.
fn without_stamp(line: &str) -> &str {
    let line = line.trim_start_matches('\u{feff}');
    match line.split_once(' ') {
        Some((stamp, rest)) if stamp.len() >= 20 && stamp.ends_with('Z') && stamp.as_bytes()[10] == b'T' => {
            rest
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_what_the_last_step_printed() {
        let log = "\u{feff}2026-03-06T15:00:00.1234567Z ##[group]Run actions/checkout@v5\n\
                   2026-03-06T15:00:01.1234567Z ##[endgroup]\n\
                   2026-03-06T15:00:01.1234567Z Syncing repository\n\
                   2026-03-06T15:00:02.1234567Z ##[group]Run ./status.sh\n\
                   2026-03-06T15:00:02.1234567Z ##[endgroup]\n\
                   2026-03-06T15:00:03.1234567Z \u{1b}[32mapi 3/3 ready\u{1b}[0m\n\
                   2026-03-06T15:00:03.1234567Z web 2/3 ready\n\
                   2026-03-06T15:00:04.1234567Z Post job cleanup.\n\
                   2026-03-06T15:00:04.1234567Z ##[endgroup]\n";
        assert_eq!(printed(log), ["api 3/3 ready", "web 2/3 ready"]);
        assert_eq!(printed("alone\n"), ["alone"]);
    }

    #[test]
    fn the_log_ends_with_its_last_error_and_has_no_stamps() {
        let log = "\u{feff}2026-03-06T15:00:00.1234567Z ##[group]Run make\n\
                   2026-03-06T15:00:01.1234567Z \u{1b}[31mno such file\u{1b}[0m\n\
                   2026-03-06T15:00:02.1234567Z ##[error]Process completed with exit code 2.\n\
                   2026-03-06T15:00:03.1234567Z Post job cleanup.\n";
        assert_eq!(shown(log), ["no such file", "Error: Process completed with exit code 2."]);
    }
}
