//! The page as a whole and its side, drawn on the server. Not here: a message (`render`), or keeping it up to date
//! (`events`).

use super::clock::ClockView;
use super::render::{draw, inert, initials};
use super::{Channel, CommandHint, Looking, Person, Playground, Site};
use crate::assets;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;

/// Messages shown when the page opens.
const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "page.html")]
struct PageView<'a> {
    css: String,
    js: String,
    icon: String,
    people: &'a [Person],
    channels: &'a [Channel],
    viewer: &'a Person,
    channel: &'a Channel,
    commands: &'a [CommandHint],
    suggestions: &'a [String],
    timeline: String,
    side: String,
    dialog: String,
}

#[derive(Template)]
#[template(path = "side.html")]
struct SideView<'a> {
    sites: Vec<Site>,
    clock: ClockView,
    viewer: &'a str,
    channel: &'a str,
}

/// `GET /`.
pub(super) async fn show(State(page): State<Playground>, Query(looking): Query<Looking>) -> Html<String> {
    let (viewer, channel) = page.looking(&looking);
    let settings = &page.0.settings;
    let side = page.side(viewer, channel).await;
    let dialog = page.dialog(&page.room(), &viewer.account.id).map(|(_, html)| html);
    Html(draw(&PageView {
        css: assets::address("playground.css"),
        js: assets::address("playground.js"),
        icon: assets::address("icon.svg"),
        people: &settings.people,
        channels: &settings.channels,
        viewer,
        channel,
        commands: &settings.commands,
        suggestions: &settings.suggestions,
        timeline: page.timeline(viewer, channel),
        side,
        dialog: dialog.unwrap_or_default(),
    }))
}

impl Playground {
    /// The last messages of a channel.
    pub(super) fn timeline(&self, viewer: &Person, channel: &Channel) -> String {
        let room = self.room();
        let viewer = viewer.account.id.as_str();
        room.roots(channel.id(), viewer, SHOWN)
            .into_iter()
            .map(|entry| self.article(&room, entry, viewer))
            .collect()
    }

    /// Sites and clock.
    pub(super) async fn side(&self, viewer: &Person, channel: &Channel) -> String {
        let sites = self.0.world.sites.sites().await;
        let clock = ClockView::of(self);
        draw(&SideView { sites, clock, viewer: &viewer.account.id, channel: channel.id() })
    }
}
