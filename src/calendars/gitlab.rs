//! The freeze periods of a GitLab project. Not here: when they freeze (`domain::calendar`).

use crate::web::{Web, refused, trouble};
use crate::zones;
use http::header::{HeaderMap, HeaderValue};
use http::{StatusCode, Uri};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use shipgate_app::ports::OutsideError;
use shipgate_domain::calendar::{FeedContent, FeedPeriod, FiveFieldCron};

/// GitLab's largest page.
const PAGE: usize = 100;
/// A project with more freeze periods than so many pages hold is none that people made.
const PAGES: usize = 10;

/// One of the list, as GitLab writes it.
#[derive(Debug, Deserialize)]
struct Period {
    id: u64,
    freeze_start: String,
    freeze_end: String,
    cron_timezone: String,
}

/// Reads all pages. A period that cannot be read makes all of them unreadable: one less would be an open gate.
pub(crate) async fn read(
    web: &Web,
    url: &str,
    project: &str,
    token: Option<&SecretString>,
) -> Result<FeedContent, OutsideError> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(token.expose_secret())
            .map_err(|_| refused("GITLAB_TOKEN holds characters that no token has"))?;
        value.set_sensitive(true);
        headers.insert("private-token", value);
    }
    let id = project.replace('/', "%2F");
    let mut periods = Vec::new();
    for page in 1..=PAGES {
        let address = format!("{url}/api/v4/projects/{id}/freeze_periods?page={page}&per_page={PAGE}");
        let uri: Uri = address.parse().map_err(|_| refused("its address cannot be read"))?;
        let answer = web.ask(&uri, headers.clone()).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => {
                return Err(refused("GitLab does not know GITLAB_TOKEN, or it expired"));
            }
            StatusCode::FORBIDDEN => {
                return Err(refused(
                    "GITLAB_TOKEN may not read the project: it needs read_api and the role Developer",
                ));
            }
            StatusCode::NOT_FOUND => {
                return Err(refused("there is no such project, or GITLAB_TOKEN may not see it"));
            }
            _ => return Err(trouble(&answer)),
        }
        let listed: Vec<Period> = serde_json::from_slice(&answer.body)
            .map_err(|error| refused(format!("its answer is no list of freeze periods: {error}")))?;
        let is_last = match answer.headers.get("x-next-page") {
            Some(next) => next.is_empty(),
            None => listed.len() < PAGE,
        };
        for period in &listed {
            periods.push(understood(period).map_err(refused)?);
        }
        if is_last {
            return Ok(FeedContent { events: Vec::new(), periods });
        }
    }
    Err(refused(format!("it has more than {} freeze periods", PAGE * PAGES)))
}

fn understood(period: &Period) -> Result<FeedPeriod, String> {
    let id = period.id;
    let line = |text: &str| text.parse::<FiveFieldCron>().map_err(|why| format!("freeze period {id}: {why}"));
    let name = &period.cron_timezone;
    let zone = zones::gitlab(name).ok_or_else(|| {
        format!("freeze period {id} has the time zone “{name}”, which no one place has; give it an IANA name")
    })?;
    if zone.name() != name {
        tracing::info!("GitLab's time zone “{name}” of freeze period {id} is taken for {zone}");
    }
    Ok(FeedPeriod { start: line(&period.freeze_start)?, end: line(&period.freeze_end)?, zone })
}
