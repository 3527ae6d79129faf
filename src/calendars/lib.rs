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
use std::path::Path;
use tokio::io::AsyncReadExt as _;
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
                let content = understood(file(Path::new(path)).await?).await?;
                Ok(Fetched::New { content, mark: None })
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

/// The text of a file. Something that is larger than any calendar, or has no end, is not read to it.
async fn file(path: &Path) -> Result<String, OutsideError> {
    let unreadable = |error: std::io::Error| refused(format!("{} cannot be read: {error}", path.display()));
    let about = tokio::fs::metadata(path).await.map_err(unreadable)?;
    if !about.is_file() {
        return Err(refused(format!("{} is no file", path.display())));
    }
    let opened = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut text = String::new();
    opened.take(LARGEST as u64 + 1).read_to_string(&mut text).await.map_err(unreadable)?;
    if text.len() > LARGEST {
        return Err(refused(format!("{} is larger than 2 MB", path.display())));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
