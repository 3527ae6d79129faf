//! Calendars that others keep: iCalendar files and addresses, the freeze periods of GitLab projects. Not here: how often
//! they are read and how long they are believed (`app`), when they freeze what (`domain::calendar`).

mod gitlab;
mod ics;
mod web;
mod zones;

use async_trait::async_trait;
use secrecy::SecretString;
use shipgate_app::ports::{Calendars, Fetched, OutsideError};
use shipgate_domain::calendar::{FeedContent, FeedSource};
use std::io::Read as _;
use std::path::Path;
use web::Web;

/// No calendar of people is larger.
const LARGEST: usize = 2 * 1024 * 1024;

/// Reads the calendars of others.
pub struct Elsewhere {
    web: Web,
    gitlab_token: Option<SecretString>,
}

impl Elsewhere {
    /// Reads with this token where GitLab asks for one.
    ///
    /// # Errors
    /// This machine's root certificates cannot be read.
    pub fn new(gitlab_token: Option<SecretString>) -> Result<Self, String> {
        Ok(Self { web: Web::new()?, gitlab_token })
    }
}

#[async_trait]
impl Calendars for Elsewhere {
    async fn read(&self, source: &FeedSource, known: Option<&str>) -> Result<Fetched, OutsideError> {
        match source {
            FeedSource::File { path } => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || local(Path::new(&path))).await;
                let content = read.unwrap_or_else(|broken| Err(format!("reading it broke: {broken}")));
                Ok(Fetched::New { content: content.map_err(refused)?, mark: None })
            }
            FeedSource::Address { url } => match self.web.calendar(url, known).await? {
                None => Ok(Fetched::Unchanged),
                Some((text, mark)) => {
                    let content = understood(text).await?;
                    Ok(Fetched::New { content, mark })
                }
            },
            FeedSource::Gitlab { url, project } => {
                let reading = gitlab::read(&self.web, url, project, self.gitlab_token.as_ref());
                let read = tokio::time::timeout(web::WHOLE, reading).await;
                let content = read.unwrap_or_else(|_| Err(web::too_slow()))?;
                Ok(Fetched::New { content, mark: None })
            }
        }
    }
}

/// Two megabytes take their time: nobody else waits for it.
async fn understood(text: String) -> Result<FeedContent, OutsideError> {
    match tokio::task::spawn_blocking(move || ics::read(&text)).await {
        Ok(read) => read.map_err(refused),
        Err(broken) => Err(refused(format!("reading it broke: {broken}"))),
    }
}

fn refused(why: String) -> OutsideError {
    OutsideError::Refused { why }
}

/// Reads an iCalendar file of this machine, as a server does. Something that is larger than any calendar, or has no end,
/// is not read to it.
///
/// # Errors
/// Why it cannot be read, for people.
pub fn local(path: &Path) -> Result<FeedContent, String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("{} is no file", path.display()));
    }
    let mut text = String::new();
    let opened = std::fs::File::open(path).map_err(unreadable)?;
    opened.take(LARGEST as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > LARGEST {
        return Err(format!("{} is larger than 2 MB", path.display()));
    }
    ics::read(&text)
}

#[cfg(test)]
mod tests;
