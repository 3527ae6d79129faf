//! News for an open page, as server-sent events that carry HTML. A page that was away or fell behind gets everything
//! again. Not here: how the page puts it in place.

use super::{Looking, News, Playground};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Interval, MissedTickBehavior};

/// How often sites and clock are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(700);

/// `GET /playground/events`: events `everything`, `message`, `gone`, `unread`, `side` and `form`, each with JSON.
pub(super) async fn listen(State(page): State<Playground>, Query(looking): Query<Looking>) -> Response {
    let Ok(place) = page.0.listeners.clone().try_acquire_owned() else {
        let why = "Too many pages are open. Close some of them; this one tries again by itself.";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let news = page.0.news.subscribe();
    let ready = VecDeque::new();
    let feed = Feed { page, looking, news, look, side: None, ready, _place: place };
    let events = stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

/// One open page.
struct Feed {
    page: Playground,
    looking: Looking,
    news: Receiver<News>,
    look: Interval,
    /// The side as it was sent last; `None` before anything was.
    side: Option<String>,
    ready: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

fn event(name: &str, content: &serde_json::Value) -> Event {
    Event::default().event(name).data(content.to_string())
}

impl Feed {
    /// The next event; `None` when the program ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.side.is_none() {
                self.everything().await;
                continue;
            }
            let stop = self.page.0.stop.clone();
            tokio::select! { // Each of these loses nothing when it is dropped.
                () = stop.cancelled() => return None,
                news = self.news.recv() => match news {
                    Ok(news) => self.one(news).await,
                    Err(RecvError::Lagged(_)) => self.side = None,
                    Err(RecvError::Closed) => return None,
                },
                _ = self.look.tick() => self.look_aside().await,
            }
        }
    }

    async fn everything(&mut self) {
        // What happens from here on is either in what is drawn now, or among the news, or harmlessly in both.
        self.news = self.page.0.news.subscribe();
        let (viewer, channel) = self.page.looking(&self.looking);
        let side = self.page.side(viewer, channel).await;
        let timeline = self.page.timeline(viewer, channel);
        self.ready.push_back(event("everything", &json!({ "timeline": timeline, "side": side })));
        self.side = Some(side);
        self.form();
    }

    async fn one(&mut self, news: News) {
        let (viewer, channel) = self.page.looking(&self.looking);
        let (account, here) = (viewer.account.id.clone(), channel.id().to_owned());
        match news {
            News::Message { channel, root } if channel == here => {
                let room = self.page.room();
                let Some(entry) = room.get(root) else { return };
                if entry.only_for.as_deref().is_none_or(|only| only == account) {
                    let html = self.page.article(&room, entry, &account);
                    self.ready.push_back(event("message", &json!({ "id": root, "html": html })));
                }
            }
            News::Message { channel, root } => {
                let is_private = self.page.room().get(root).is_none_or(|entry| entry.only_for.is_some());
                if !is_private {
                    self.ready.push_back(event("unread", &json!({ "channel": channel })));
                }
            }
            News::Gone { channel, id } if channel == here => {
                self.ready.push_back(event("gone", &json!({ "id": id })));
            }
            News::Gone { .. } => {}
            News::Form { account: whose } if whose == account => self.form(),
            News::Form { .. } => {}
            News::Side => self.look_aside().await,
        }
    }

    /// The form that waits here, or none.
    fn form(&mut self) {
        let (viewer, _) = self.page.looking(&self.looking);
        let dialog = self.page.dialog(&self.page.room(), &viewer.account.id);
        // A form that another tab asked for is left to that tab.
        if matches!(&dialog, Some((Some(tab), _)) if *tab != self.looking.tab) {
            return;
        }
        let html = dialog.map(|(_, html)| html).unwrap_or_default();
        self.ready.push_back(event("form", &json!({ "html": html })));
    }

    async fn look_aside(&mut self) {
        let (viewer, channel) = self.page.looking(&self.looking);
        let side = self.page.side(viewer, channel).await;
        if self.side.as_ref() != Some(&side) {
            self.ready.push_back(event("side", &json!({ "html": side })));
            self.side = Some(side);
        }
    }
}
