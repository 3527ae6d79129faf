//! A web server with a few pages that know what they said last: for calendars behind an address. What stands on a page
//! is not decided here.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::locked;
use crate::serve::{Answer, Call, bind, serve};

/// What a page answers.
#[derive(Clone, Debug)]
pub enum Page {
    /// This text, with an ETag of it.
    Text(String),
    /// This status and nothing else.
    Status(u16),
    /// Go there.
    Elsewhere(String),
}

/// The server. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Pages {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    pages: BTreeMap<String, Page>,
    calls: Vec<Call>,
}

impl Pages {
    /// Serves on a free loopback port until `stop`.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(stop: CancellationToken) -> io::Result<Self> {
        let (listener, address) = bind(0).await?;
        let pages = Self { address, state: Arc::default() };
        let served = pages.clone();
        serve(listener, stop, move |request| {
            let pages = served.clone();
            async move {
                let mut call = Call::read(request).await?;
                let answer = pages.answer(&call);
                call.status = Some(answer.status);
                locked(&pages.state).calls.push(call);
                Some(answer.into_response())
            }
        });
        Ok(pages)
    }

    /// The address of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sets what a page answers from now on.
    pub fn set(&self, path: &str, page: Page) {
        locked(&self.state).pages.insert(path.to_owned(), page);
    }

    /// Every request so far, with what was answered.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.state).calls.clone()
    }

    fn answer(&self, call: &Call) -> Answer {
        let page = locked(&self.state).pages.get(&call.path).cloned();
        match page {
            None => Answer::text(404, "text/plain", "not here"),
            Some(Page::Status(status)) => Answer::text(status, "text/plain", ""),
            Some(Page::Elsewhere(to)) => Answer::text(302, "text/plain", "").with("location", to),
            Some(Page::Text(text)) => {
                let sum =
                    text.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
                let tag = format!("\"{sum:x}\"");
                if call.header("if-none-match") == Some(tag.as_str()) {
                    return Answer::text(304, "text/plain", "").with("etag", tag);
                }
                Answer::text(200, "text/calendar", text).with("etag", tag)
            }
        }
    }
}
